//! What a checkpoint tells when it is read: all records that are kept, verified and in order.
//!
//! Reading a log means:
//! 1. verify every byte of every segment, in order of the batches; a torn tail of the last one is passed over;
//! 2. verify the order of the records: a start, then plan and commit in turn without gaps, snapshots of what was committed;
//! 3. keep the heads; state deltas stay on disk until [`History::restore_state`] asks for them.

use super::frame::{self, Frame, Kind, corrupt};
use super::log::{LOG_DIRECTORY, segment_path};
use super::record::{Commit, Plan, Snapshot, Start, read_commit, read_deltas};
use super::snapshot;
use crate::batch::BatchId;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::operator::StateDelta;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The records of a checkpoint.
#[derive(Debug)]
pub struct History {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    query_id: Uuid,
    segments: Vec<Segment>,
    plans: Vec<Plan>,
    commits: Vec<CommitPlace>,
    snapshots: Vec<Snapshot>,
}

/// A segment that was read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) start: Start,
    /// Where the last whole record ends.
    pub(super) valid_length: u64,
    /// How long the file is: more than that if its tail is torn.
    pub(super) length: u64,
}

/// A commit, and where its deltas are.
#[derive(Debug)]
struct CommitPlace {
    commit: Commit,
    segment: usize,
    offset: u64,
    bytes: u64,
}

impl History {
    /// Reads the log of the query `query_id` in `directory`. Nothing is changed.
    ///
    /// # Errors
    ///
    /// `Corrupt` with path and offset; `Incompatible` if the log belongs to another query or version.
    pub fn read(disk: Arc<dyn Disk>, directory: &Path, query_id: Uuid) -> Result<History> {
        let mut history = History {
            disk,
            directory: directory.to_owned(),
            query_id,
            segments: Vec::new(),
            plans: Vec::new(),
            commits: Vec::new(),
            snapshots: Vec::new(),
        };
        let folder = directory.join(LOG_DIRECTORY);
        let names = history.disk.list(&folder)?;
        let logs: Vec<String> = names.into_iter().filter(|name| is_segment(name)).collect();
        for (index, name) in logs.iter().enumerate() {
            history.read_segment(&folder.join(name), index + 1 == logs.len())?;
        }
        Ok(history)
    }

    /// Whether nothing has ever been logged: the first offsets are not yet fixed.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The newest start record.
    pub fn last_start(&self) -> Option<&Start> {
        self.segments.last().map(|segment| &segment.start)
    }

    /// The start record that `batch` follows: the newest that is not behind it.
    pub fn start_before(&self, batch: BatchId) -> Option<&Start> {
        let mut starts = self.segments.iter().map(|segment| &segment.start);
        starts.rfind(|start| start.next_batch <= batch)
    }

    /// The plans that are kept, in order.
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The commits that are kept, in order.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = &Commit> {
        self.commits.iter().map(|place| &place.commit)
    }

    /// The snapshots that are kept, in order.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// The plan of a batch.
    pub fn plan(&self, batch: BatchId) -> Option<&Plan> {
        let place = self.plans.binary_search_by_key(&batch, |plan| plan.batch);
        place.ok().and_then(|place| self.plans.get(place))
    }

    /// The commit of a batch.
    pub fn commit(&self, batch: BatchId) -> Option<&Commit> {
        let of = self.commits_of(batch, batch);
        of.first().map(|place| &place.commit)
    }

    /// The batch that comes next: one that was planned but not committed, or a new one.
    pub fn next_batch(&self) -> BatchId {
        match (self.commits().next_back(), self.last_start()) {
            (Some(commit), _) => commit.batch.next(),
            (None, Some(start)) => start.next_batch,
            (None, None) => BatchId(0),
        }
    }

    /// The last batch that was committed.
    pub fn last_committed(&self) -> Option<BatchId> {
        self.next_batch().0.checked_sub(1).map(BatchId)
    }

    /// A batch that was planned and not committed: it has to run exactly as it was planned.
    pub fn uncommitted(&self) -> Option<&Plan> {
        let last = self.plans.last()?;
        (last.batch == self.next_batch()).then_some(last)
    }

    /// Bytes of commit records behind `batch` (all of them, for `None`): what recovery has to apply on top of a snapshot.
    pub(super) fn commit_bytes_after(&self, batch: Option<BatchId>) -> u64 {
        let behind = |place: &&CommitPlace| batch.is_none_or(|batch| place.commit.batch > batch);
        self.commits
            .iter()
            .filter(behind)
            .map(|place| place.bytes)
            .sum()
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Gives `restore` the state of all operators after `batch`, piece by piece: the newest snapshot that is not behind it,
    /// then the deltas since.
    ///
    /// # Errors
    ///
    /// `Corrupt` if what is needed is damaged, `Invalid` if it is not kept any more; those of `restore`.
    pub fn restore_state(
        &self,
        batch: BatchId,
        restore: &mut dyn FnMut(&str, StateDelta) -> Result<()>,
    ) -> Result<()> {
        let snapshot = self
            .snapshots
            .iter()
            .rfind(|snapshot| snapshot.batch <= batch);
        for operator in snapshot.iter().flat_map(|snapshot| &snapshot.operators) {
            for file in &operator.tables {
                let table = snapshot::read(self.disk.as_ref(), &self.directory, file)?;
                let tables = vec![(file.name.clone(), table)];
                restore(
                    &operator.id,
                    StateDelta {
                        tables,
                        evicted: None,
                    },
                )?;
            }
            let evicted = operator.evicted;
            restore(
                &operator.id,
                StateDelta {
                    tables: Vec::new(),
                    evicted,
                },
            )?;
        }
        let first = snapshot.map_or(BatchId(0), |snapshot| snapshot.batch.next());
        self.restore_deltas(first, batch, restore)
    }

    /// Verifies every state file that a record names: what [`History::read`] leaves out. Gives the number of files.
    ///
    /// # Errors
    ///
    /// `Corrupt` with path and offset.
    pub fn verify_state(&self) -> Result<u64> {
        let mut files = 0;
        let operators = self
            .snapshots
            .iter()
            .flat_map(|snapshot| &snapshot.operators);
        for file in operators.flat_map(|operator| &operator.tables) {
            snapshot::read(self.disk.as_ref(), &self.directory, file)?;
            files += 1;
        }
        Ok(files)
    }

    /// Gives `restore` the deltas of the batches from `first` to `last`, both included.
    fn restore_deltas(
        &self,
        first: BatchId,
        last: BatchId,
        restore: &mut dyn FnMut(&str, StateDelta) -> Result<()>,
    ) -> Result<()> {
        let mut next = first;
        for places in self
            .commits_of(first, last)
            .chunk_by(|before, after| before.segment == after.segment)
        {
            if places
                .first()
                .is_some_and(|place| place.commit.batch == next)
            {
                next = self.restore_segment(places, next, restore)?;
            }
        }
        if next <= last {
            return Err(Error::invalid(format!(
                "the state after that batch is not kept any more, or not yet. batch=`{last}`, missing=`{next}`, path=`{}`",
                self.directory.display()
            )));
        }
        Ok(())
    }

    /// The commits of the batches from `first` to `last`, both included.
    fn commits_of(&self, first: BatchId, last: BatchId) -> &[CommitPlace] {
        let from = self.commits.partition_point(|p| p.commit.batch < first);
        let to = self.commits.partition_point(|p| p.commit.batch <= last);
        self.commits.get(from..to).unwrap_or_default()
    }

    /// Gives `restore` the deltas of commits of one segment, in order, and gives the batch behind them. The segment is read and
    /// parsed once, whatever their number.
    fn restore_segment(
        &self,
        places: &[CommitPlace],
        mut next: BatchId,
        restore: &mut dyn FnMut(&str, StateDelta) -> Result<()>,
    ) -> Result<BatchId> {
        let segment = places
            .first()
            .and_then(|place| self.segments.get(place.segment));
        let Some(Segment { path, .. }) = segment else {
            return Ok(next);
        };
        let bytes = self.disk.read(path)?;
        let read = frame::parse(path, &bytes, self.query_id, true)?;
        // Both are in the order of the file: one pass over the frames finds all of them.
        let mut frames = read.frames.iter();
        for place in places {
            let fail = |what: &str| corrupt(path, place.offset, what);
            let frame = frames
                .find(|frame| frame.offset == place.offset)
                .ok_or_else(|| fail("it has changed while it was read"))?;
            for (operator, delta) in read_deltas(frame.payload).map_err(|what| fail(&what))? {
                restore(&operator, delta)?;
            }
            next = place.commit.batch.next();
        }
        Ok(next)
    }

    fn read_segment(&mut self, path: &Path, is_last: bool) -> Result<()> {
        let bytes = self.disk.read(path)?;
        let segment = frame::parse(path, &bytes, self.query_id, is_last)?;
        let mut frames = segment.frames.iter();
        let start = frames.next().filter(|frame| frame.kind == Kind::Start);
        let start = start.ok_or_else(|| {
            let offset = frame::SEGMENT_HEADER as u64;
            corrupt(path, offset, "it does not begin with a start record")
        })?;
        let at = start.offset;
        let start: Start = parse(path, start)?;
        let is_in_place = path == segment_path(&self.directory, segment.first_batch)
            && start.next_batch == segment.first_batch;
        if !is_in_place {
            return Err(corrupt(
                path,
                32,
                "it is not the segment that its name says",
            ));
        }
        let is_in_order = self.segments.is_empty()
            || (start.next_batch == self.next_batch() && self.uncommitted().is_none());
        if !is_in_order {
            let what = format!(
                "batch {} should come first in it, a segment is missing",
                self.next_batch()
            );
            return Err(corrupt(path, at, &what));
        }
        self.segments.push(Segment {
            path: path.to_owned(),
            start,
            valid_length: segment.valid_length,
            length: bytes.len() as u64,
        });
        for frame in frames {
            self.read_record(path, frame)?;
        }
        Ok(())
    }

    fn read_record(&mut self, path: &Path, frame: &Frame<'_>) -> Result<()> {
        let out_of_order = |batch: BatchId| {
            let what = format!("a {:?} record of batch {batch} is out of order", frame.kind);
            corrupt(path, frame.offset, &what)
        };
        let next = self.next_batch();
        let is_planned = self.uncommitted().is_some();
        match frame.kind {
            Kind::Plan => {
                let plan: Plan = parse(path, frame)?;
                if plan.batch != next || is_planned {
                    return Err(out_of_order(plan.batch));
                }
                self.plans.push(plan);
            }
            Kind::Commit => {
                let (commit, _) = read_commit(frame.payload)
                    .map_err(|what| corrupt(path, frame.offset, &what))?;
                if commit.batch != next || !is_planned {
                    return Err(out_of_order(commit.batch));
                }
                self.commits.push(CommitPlace {
                    commit,
                    segment: self.segments.len() - 1,
                    offset: frame.offset,
                    bytes: frame.payload.len() as u64,
                });
            }
            Kind::Snapshot => {
                let snapshot: Snapshot = parse(path, frame)?;
                if snapshot.batch >= next {
                    return Err(out_of_order(snapshot.batch));
                }
                self.snapshots.push(snapshot);
            }
            Kind::Start => return Err(out_of_order(next)),
        }
        Ok(())
    }
}

/// Whether a name in the log's directory is a segment's; editors and crashes leave others.
fn is_segment(name: &str) -> bool {
    name.strip_suffix(".log")
        .is_some_and(|number| number.len() == 20 && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A JSON record.
fn parse<T: DeserializeOwned>(path: &Path, frame: &Frame<'_>) -> Result<T> {
    serde_json::from_slice(frame.payload).map_err(|cause| {
        Error::new(
            ErrorKind::Incompatible,
            format!(
                "a log record does not read, another version may have written it. kind=`{:?}`, path=`{}`, offset=`{}`",
                frame.kind,
                path.display(),
                frame.offset
            ),
        )
        .with_source(cause)
    })
}
