//! The checkpoint directory: what a query is, what it planned, what it did, and what it knows.
//!
//! ```text
//! metadata.json                 what never changes: query id, format, hash, state partitions
//! lock                          held while a query runs on it; its words fence a process that was paused
//! wal/<first batch>.log         segments of the log: start, then plan and commit in turn
//! state/<operator>/<…>.arrow    snapshots of state, named by a record of the log
//! ```
//! `checkpoints/README.md` has the formats byte for byte. The invariants:
//!
//! 1. A batch is given to the sink only after its plan record is durable ([`Checkpoint::wait_until_durable`]), and planned anew
//!    only if it was never planned.
//! 2. The commit of a batch is appended after the sink has its rows, and is durable before anything that it needed is
//!    removed or a source is told to forget.
//! 3. Recovery needs one snapshot that a record names (or none, from batch 0), and every record behind it. Files that no
//!    record names are not part of the checkpoint.

mod digest;
mod frame;
mod history;
mod keeper;
mod log;
mod metadata;
mod record;
mod snapshot;
mod tables;

pub use digest::RowDigest;
pub use history::History;
pub use metadata::{METADATA_FILE, Metadata};
pub use record::{
    Commit, CommitTable, OperatorCommit, OperatorSnapshot, Plan, Snapshot, SourceStart, Start,
    StateFile,
};

use crate::batch::BatchId;
use crate::disk::{Disk, DiskLock, is_temporary};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::StateDelta;
use keeper::{Home, Keeper, SnapshotJob};
use log::{LOG_DIRECTORY, LogWriter, NewSegment, Syncer, segment_path};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// The name of the lock file.
pub const LOCK_FILE: &str = "lock";

/// When a checkpoint writes snapshots, and how long it keeps what is old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointSettings {
    /// How many committed batches can be replayed. Default 100, as Spark's `spark.sql.streaming.minBatchesToRetain`.
    pub min_batches_to_retain: u64,
    /// A snapshot is written after so many batches at the latest. Default 100.
    pub snapshot_batches: u64,
    /// A snapshot is written when the state deltas since the last one have so many bytes, and as many as the last one.
    /// Default 1 MiB.
    pub snapshot_bytes: u64,
    /// Syncs and snapshots are done on the calling thread, so that a test that counts effects sees them in order. Default off.
    pub is_inline: bool,
}

impl Default for CheckpointSettings {
    fn default() -> CheckpointSettings {
        CheckpointSettings {
            min_batches_to_retain: 100,
            snapshot_batches: 100,
            snapshot_bytes: 1 << 20,
            is_inline: false,
        }
    }
}

/// Who opens a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Opener {
    /// This run of the query: written into the lock.
    pub run_id: Uuid,
    /// The query's id, if the checkpoint is new.
    pub new_query_id: Uuid,
    /// The number of state partitions, if the checkpoint is new.
    pub state_partitions: usize,
}

/// The words in the lock file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    /// One more than the owner's before.
    epoch: u64,
    /// The run of the query.
    #[serde(with = "crate::uuid_text")]
    run_id: Uuid,
    /// Its process.
    pid: u32,
}

/// A checkpoint that a query runs on.
#[derive(Debug)]
pub struct Checkpoint {
    home: Home,
    metadata: Metadata,
    settings: CheckpointSettings,
    run_id: Uuid,
    /// `None` until the first offsets are fixed.
    log: Option<LogWriter>,
    keeper: Keeper,
    kept: Kept,
    growth: Growth,
    /// Held until everything above is dropped.
    lock: Arc<dyn DiskLock>,
}

/// The files that make up the checkpoint, oldest first.
#[derive(Debug, Default)]
struct Kept {
    /// First batch of each segment.
    segments: Vec<BatchId>,
    /// Snapshots whose record is durable.
    snapshots: Vec<Snapshot>,
    /// Snapshots whose record was appended and not yet synced.
    pending: Vec<Snapshot>,
}

/// What recovery would have to do on top of the newest snapshot.
#[derive(Debug, Default)]
struct Growth {
    batches: u64,
    bytes: u64,
    /// Size of the newest snapshot.
    snapshot_bytes: u64,
}

impl Checkpoint {
    /// Opens the checkpoint in `directory`, making it if it is not there: locks it, verifies all of it that is not a state
    /// file, cuts off a torn tail, and removes what a crashed run left behind.
    ///
    /// # Errors
    ///
    /// `Conflict` if another process uses it; `Corrupt` with path and offset; `Incompatible` if another version wrote it; those
    /// of the disk.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        opener: Opener,
        settings: CheckpointSettings,
    ) -> Result<(Checkpoint, History)> {
        disk.create_directory(&directory.join(LOG_DIRECTORY))?;
        let lock: Arc<dyn DiskLock> =
            Arc::from(disk.lock(&directory.join(LOCK_FILE), &|before| {
                words(before, opener.run_id)
            })?);
        let metadata = open_metadata(disk.as_ref(), directory, opener)?;
        let history = History::read(Arc::clone(&disk), directory, metadata.query_id)?;
        let home = Home {
            disk,
            directory: directory.to_owned(),
        };
        let log = open_log(&home, &lock, &history, &settings)?;
        let keeper = if settings.is_inline {
            Keeper::inline(home.clone())
        } else {
            Keeper::thread(home.clone())?
        };
        let mut checkpoint = Checkpoint {
            home,
            metadata,
            settings,
            run_id: opener.run_id,
            log,
            keeper,
            kept: Kept::default(),
            growth: Growth::default(),
            lock,
        };
        checkpoint.take_stock(&history)?;
        Ok((checkpoint, history))
    }

    /// What never changes.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Begins the log of a new query: fixes its first offsets.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn begin(&mut self, start: &Start) -> Result<()> {
        self.lock.check()?;
        let path = self.new_segment(start).create(self.home.disk.as_ref())?;
        let (disk, lock) = (Arc::clone(&self.home.disk), Arc::clone(&self.lock));
        self.log = Some(LogWriter::open(disk, lock, path, syncer(&self.settings)?)?);
        self.kept.segments.push(start.next_batch);
        Ok(())
    }

    /// Appends the plan of a batch. It is durable after [`Checkpoint::wait_until_durable`].
    ///
    /// # Errors
    ///
    /// `Conflict` if another process took over; those of the disk.
    pub fn append_plan(&mut self, plan: &Plan) -> Result<()> {
        self.take_snapshot(false)?;
        self.log()?.plan(plan)
    }

    /// Begins to make durable all that was appended.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn start_sync(&mut self) -> Result<()> {
        self.log()?.start_sync()
    }

    /// Returns when all that was appended before [`Checkpoint::start_sync`] is durable.
    ///
    /// # Errors
    ///
    /// Those of the disk. The checkpoint must then be opened again.
    pub fn wait_until_durable(&mut self) -> Result<()> {
        self.log()?.wait_until_durable()?;
        if !self.kept.pending.is_empty() {
            self.kept.snapshots.append(&mut self.kept.pending);
            self.remove_what_is_old()?;
        }
        Ok(())
    }

    /// Appends that a batch has happened. `deltas` belong to `commit.operators`, in order; their tables are filled in.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::append_plan`].
    pub fn append_commit(&mut self, commit: &mut Commit, deltas: &[StateDelta]) -> Result<()> {
        self.growth.bytes += self.log()?.commit(commit, deltas)?;
        self.growth.batches += 1;
        Ok(())
    }

    /// Makes durable all that was appended; whether there was anything.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn sync(&mut self) -> Result<bool> {
        self.take_snapshot(false)?;
        if !self.log()?.is_dirty() {
            return Ok(false);
        }
        self.start_sync()?;
        self.wait_until_durable()?;
        Ok(true)
    }

    /// Whether it is time to [`Checkpoint::begin_snapshot`].
    pub fn wants_snapshot(&self) -> bool {
        let grown = &self.growth;
        let limit = self.settings.snapshot_bytes.max(grown.snapshot_bytes);
        let is_time = grown.batches >= self.settings.snapshot_batches || grown.bytes >= limit;
        is_time && grown.batches > 0 && !self.keeper.is_writing()
    }

    /// Begins to write `state`, all of it after the batch before `start.next_batch`, and goes on in a new segment. It takes
    /// effect some batches later, when it is durable.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::append_plan`].
    pub fn begin_snapshot(
        &mut self,
        start: &Start,
        state: Vec<(String, StateDelta)>,
    ) -> Result<()> {
        let Some(batch) = start.next_batch.0.checked_sub(1).map(BatchId) else {
            return Ok(());
        };
        if self.kept.segments.last() != Some(&start.next_batch) {
            let segment = NewSegment {
                directory: &self.home.directory,
                query_id: self.metadata.query_id,
                start,
            };
            let log = self.log.as_mut().ok_or_else(not_begun)?;
            log.rotate(&segment)?;
            self.kept.segments.push(start.next_batch);
        }
        self.growth.batches = 0;
        self.growth.bytes = 0;
        self.keeper.write(SnapshotJob {
            batch,
            unique: self.run_id.simple().to_string(),
            state,
        })
    }

    /// Ends in order: waits for a snapshot that is being written, and makes everything durable.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn close(mut self) -> Result<()> {
        if self.log.is_some() {
            self.take_snapshot(true)?;
            self.sync()?;
        }
        Ok(())
    }

    /// Appends the record of a snapshot that was written in the meantime. One that failed is tried again later.
    fn take_snapshot(&mut self, waits: bool) -> Result<()> {
        match self.keeper.take(waits)? {
            None => Ok(()),
            Some(Ok(snapshot)) => {
                self.log()?.snapshot(&snapshot)?;
                self.growth.snapshot_bytes = bytes_of(&snapshot);
                self.kept.pending.push(snapshot);
                Ok(())
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "a state snapshot was not written, it is tried again");
                Ok(())
            }
        }
    }

    /// Learns from the history what there is, and removes files that no record names.
    fn take_stock(&mut self, history: &History) -> Result<()> {
        let segments = history.segments().iter();
        self.kept.segments = segments.map(|segment| segment.start.next_batch).collect();
        self.kept.snapshots = history.snapshots().to_vec();
        let newest = self.kept.snapshots.last();
        let behind = newest.map_or(0, |snapshot| snapshot.batch.0 + 1);
        self.growth = Growth {
            batches: history.next_batch().0.saturating_sub(behind),
            bytes: history.commit_bytes_after(newest.map(|snapshot| snapshot.batch)),
            snapshot_bytes: newest.map_or(0, bytes_of),
        };
        let is_named = |path: &str| {
            let files = self.kept.snapshots.iter().flat_map(files_of);
            files.into_iter().any(|file| file.path == path)
        };
        let mut left_behind = keeper::orphans(&self.home, &is_named)?;
        let folder = self.home.directory.join(LOG_DIRECTORY);
        let names = self.home.disk.list(&folder)?.into_iter();
        let temporary = names.filter(|name| is_temporary(name));
        left_behind.extend(temporary.map(|name| folder.join(name)));
        self.home.remove(&mut left_behind.into());
        Ok(())
    }

    /// Removes the segments and snapshots that no batch within the retention needs: those before the newest snapshot from
    /// which the oldest of these batches can be replayed.
    fn remove_what_is_old(&mut self) -> Result<()> {
        let Some(newest) = self.kept.snapshots.last() else {
            return Ok(());
        };
        let kept_from = newest
            .batch
            .0
            .saturating_sub(self.settings.min_batches_to_retain);
        let anchor = self.kept.snapshots.iter().rfind(|s| s.batch.0 <= kept_from);
        let Some(anchor) = anchor.map(|snapshot| snapshot.batch) else {
            return Ok(());
        };
        // The oldest segment first, and records before the state files that they name.
        let mut paths = Vec::new();
        let needed = self
            .kept
            .segments
            .partition_point(|first| *first <= anchor.next());
        for first in self.kept.segments.drain(..needed.saturating_sub(1)) {
            paths.push(segment_path(&self.home.directory, first));
        }
        for snapshot in self.kept.snapshots.extract_if(.., |s| s.batch < anchor) {
            let files = files_of(&snapshot);
            paths.extend(files.map(|file| self.home.directory.join(&file.path)));
        }
        if paths.is_empty() {
            return Ok(());
        }
        self.keeper.remove(paths)
    }

    fn new_segment<'a>(&'a self, start: &'a Start) -> NewSegment<'a> {
        NewSegment {
            directory: &self.home.directory,
            query_id: self.metadata.query_id,
            start,
        }
    }

    fn log(&mut self) -> Result<&mut LogWriter> {
        self.log.as_mut().ok_or_else(not_begun)
    }
}

/// A query must fix its first offsets before it plans a batch.
fn not_begun() -> Error {
    Error::internal("the log of the checkpoint has not begun")
}

fn files_of(snapshot: &Snapshot) -> impl Iterator<Item = &StateFile> {
    snapshot
        .operators
        .iter()
        .flat_map(|operator| &operator.tables)
}

fn bytes_of(snapshot: &Snapshot) -> u64 {
    files_of(snapshot).map(|file| file.bytes).sum()
}

fn syncer(settings: &CheckpointSettings) -> Result<Syncer> {
    if settings.is_inline {
        Ok(Syncer::inline())
    } else {
        Syncer::thread()
    }
}

/// What to write into the lock, given what is there.
fn words(before: &[u8], run_id: Uuid) -> Vec<u8> {
    let before: Option<Owner> = serde_json::from_slice(before).ok();
    let owner = Owner {
        epoch: before.map_or(1, |owner| owner.epoch.saturating_add(1)),
        run_id,
        pid: std::process::id(),
    };
    serde_json::to_vec(&owner).unwrap_or_default()
}

/// Reads the metadata, or writes it if the checkpoint is new.
fn open_metadata(disk: &dyn Disk, directory: &Path, opener: Opener) -> Result<Metadata> {
    if let Some(metadata) = Metadata::read(disk, directory)? {
        disk.sync_directory(directory)?;
        return Ok(metadata);
    }
    let has_log = disk
        .list(&directory.join(LOG_DIRECTORY))?
        .iter()
        .any(|name| !is_temporary(name));
    if has_log
        || !disk
            .list(&directory.join(snapshot::STATE_DIRECTORY))?
            .is_empty()
    {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "the checkpoint has lost its metadata, restore the file from a copy. path=`{}`",
                directory.join(METADATA_FILE).display()
            ),
        ));
    }
    let metadata = Metadata::new(opener.new_query_id, opener.state_partitions);
    metadata.write(disk, directory)?;
    Ok(metadata)
}

/// Opens the last segment for appending, its torn tail cut off.
fn open_log(
    home: &Home,
    lock: &Arc<dyn DiskLock>,
    history: &History,
    settings: &CheckpointSettings,
) -> Result<Option<LogWriter>> {
    let Some(last) = history.segments().last() else {
        return Ok(None);
    };
    home.disk
        .sync_directory(&home.directory.join(LOG_DIRECTORY))?;
    if last.length > last.valid_length {
        tracing::info!(
            path = %last.path.display(),
            offset = last.valid_length,
            bytes = last.length - last.valid_length,
            "the tail of the log was torn by a crash and is cut off"
        );
        let file = home.disk.append(&last.path)?;
        file.truncate(last.valid_length)?;
        file.sync_data()?;
    }
    let (disk, path) = (Arc::clone(&home.disk), last.path.clone());
    LogWriter::open(disk, Arc::clone(lock), path, syncer(settings)?).map(Some)
}

#[cfg(test)]
mod tests;

/// A checkpoint that is only read: for replays and for looking at it. It takes no lock and changes nothing, so that it may be
/// used while the query runs; then it ends with the last whole record.
///
/// # Errors
///
/// `Invalid` if there is no checkpoint; `Corrupt` with path and offset; `Incompatible` if another version wrote it.
pub fn read_checkpoint(disk: Arc<dyn Disk>, directory: &Path) -> Result<(Metadata, History)> {
    let Some(metadata) = Metadata::read(disk.as_ref(), directory)? else {
        return Err(Error::invalid(format!(
            "there is no checkpoint, {METADATA_FILE} is missing. path=`{}`",
            directory.display()
        )));
    };
    let history = History::read(disk, directory, metadata.query_id)?;
    Ok((metadata, history))
}
