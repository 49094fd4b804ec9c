//! The write-ahead log as it is written: one open segment, appends at its end, and one fdatasync a batch.
//!
//! A record is durable after the next [`LogWriter::wait_until_durable`]. The sync runs on a thread of its own between
//! [`LogWriter::start_sync`] and there, while the batch is being read and computed. Once an append or a sync has failed nobody
//! knows what the end of the file is: the writer refuses everything from then on, and the checkpoint is opened again.

use super::frame::{self, Kind};
use super::record::{Commit, Plan, Snapshot, Start, commit_payload, to_json};
use crate::batch::BatchId;
use crate::disk::{Disk, DiskFile, DiskLock, write_whole};
use crate::error::{Error, Result};
use crate::operator::StateDelta;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use uuid::Uuid;

/// The directory of all segments.
pub(super) const LOG_DIRECTORY: &str = "wal";

/// Where a segment is that begins with `first`.
pub(super) fn segment_path(directory: &Path, first: BatchId) -> PathBuf {
    let name = format!("{:020}.log", first.0);
    directory.join(LOG_DIRECTORY).join(name)
}

/// The open end of the log.
#[derive(Debug)]
pub(super) struct LogWriter {
    disk: Arc<dyn Disk>,
    lock: Arc<dyn DiskLock>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    syncer: Syncer,
    /// Bytes were appended that no sync covers.
    is_dirty: bool,
    is_syncing: bool,
    is_broken: bool,
}

impl LogWriter {
    /// Opens a segment that is there. What is in it counts as not synced: the process that wrote it may have died before.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        lock: Arc<dyn DiskLock>,
        path: PathBuf,
        syncer: Syncer,
    ) -> Result<LogWriter> {
        let file = Arc::from(disk.append(&path)?);
        Ok(LogWriter {
            disk,
            lock,
            path,
            file,
            syncer,
            is_dirty: true,
            is_syncing: false,
            is_broken: false,
        })
    }

    /// Makes everything that was appended durable, then goes on in a new segment.
    pub(super) fn rotate(&mut self, segment: &NewSegment<'_>) -> Result<()> {
        self.sync()?;
        // Should this fail half-way, the new segment may be there or not.
        self.is_broken = true;
        self.lock.check()?;
        self.path = segment.create(self.disk.as_ref())?;
        self.file = Arc::from(self.disk.append(&self.path)?);
        self.is_broken = false;
        Ok(())
    }

    pub(super) fn plan(&mut self, plan: &Plan) -> Result<()> {
        self.append(&frame::record(Kind::Plan, &[&to_json(plan)?])?)
    }

    /// Gives the number of bytes appended.
    pub(super) fn commit(&mut self, commit: &mut Commit, deltas: &[StateDelta]) -> Result<u64> {
        let parts = commit_payload(commit, deltas)?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let record = frame::record(Kind::Commit, &parts)?;
        self.append(&record)?;
        Ok(record.len() as u64)
    }

    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.append(&frame::record(Kind::Snapshot, &[&to_json(snapshot)?])?)
    }

    /// Whether bytes were appended that no sync covers.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Begins to make durable what was appended.
    pub(super) fn start_sync(&mut self) -> Result<()> {
        self.refuse_if_broken()?;
        if self.is_dirty && !self.is_syncing {
            self.syncer.start(&self.file)?;
            self.is_syncing = true;
        }
        Ok(())
    }

    /// Returns when everything that was appended before [`LogWriter::start_sync`] is durable.
    pub(super) fn wait_until_durable(&mut self) -> Result<()> {
        self.refuse_if_broken()?;
        if self.is_syncing {
            let synced = self.syncer.wait();
            self.is_syncing = false;
            self.is_dirty = false;
            self.is_broken = synced.is_err();
            synced?;
        }
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.start_sync()?;
        self.wait_until_durable()
    }

    fn append(&mut self, record: &[u8]) -> Result<()> {
        self.refuse_if_broken()?;
        self.wait_until_durable()?;
        let appended = self.lock.check().and_then(|()| self.file.write(record));
        self.is_dirty = true;
        self.is_broken = appended.is_err();
        appended
    }

    fn refuse_if_broken(&self) -> Result<()> {
        if self.is_broken {
            return Err(Error::internal(format!(
                "the log failed before and has to be opened again. path=`{}`",
                self.path.display()
            )));
        }
        Ok(())
    }
}

/// A segment to be created.
pub(super) struct NewSegment<'a> {
    pub(super) directory: &'a Path,
    pub(super) query_id: Uuid,
    pub(super) start: &'a Start,
}

impl NewSegment<'_> {
    /// Creates the segment with its start record, durably and as a whole.
    pub(super) fn create(&self, disk: &dyn Disk) -> Result<PathBuf> {
        let first = self.start.next_batch;
        let path = segment_path(self.directory, first);
        let mut bytes = frame::segment_header(self.query_id, first);
        bytes.extend(frame::record(Kind::Start, &[&to_json(self.start)?])?);
        write_whole(disk, &path, &bytes)?;
        Ok(path)
    }
}

/// Who calls fdatasync.
#[derive(Debug)]
pub(super) enum Syncer {
    /// Whoever waits for it: tests that count effects see them in order, each as late as it may be.
    Inline(Option<Arc<dyn DiskFile>>),
    /// A thread of its own, so that the disk and the processor work at the same time.
    Thread {
        requests: Sender<Arc<dyn DiskFile>>,
        answers: Receiver<Result<()>>,
    },
}

impl Syncer {
    pub(super) fn inline() -> Syncer {
        Syncer::Inline(None)
    }

    /// The thread ends when the syncer is dropped.
    pub(super) fn thread() -> Result<Syncer> {
        let (requests, inbox) = channel::<Arc<dyn DiskFile>>();
        let (outbox, answers) = channel();
        std::thread::Builder::new()
            .name("tidemill-sync".to_owned())
            .spawn(move || {
                for file in inbox {
                    if outbox.send(file.sync_data()).is_err() {
                        return;
                    }
                }
            })
            .map_err(|cause| no_thread("sync", cause))?;
        Ok(Syncer::Thread { requests, answers })
    }

    fn start(&mut self, file: &Arc<dyn DiskFile>) -> Result<()> {
        match self {
            Syncer::Inline(waiting) => *waiting = Some(Arc::clone(file)),
            Syncer::Thread { requests, .. } => {
                requests
                    .send(Arc::clone(file))
                    .map_err(|_| thread_ended())?;
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        match self {
            Syncer::Inline(waiting) => waiting.take().map_or(Ok(()), |file| file.sync_data()),
            Syncer::Thread { answers, .. } => answers.recv().map_err(|_| thread_ended())?,
        }
    }
}

/// The system gives no thread.
pub(super) fn no_thread(what: &str, cause: std::io::Error) -> Error {
    Error::new(
        crate::error::ErrorKind::Unavailable,
        format!("cannot start a thread. thread=`tidemill-{what}`"),
    )
    .with_source(cause)
}

/// A helper thread is gone, which it never is before its owner.
pub(super) fn thread_ended() -> Error {
    Error::internal("a helper thread of the checkpoint has ended before its owner")
}
