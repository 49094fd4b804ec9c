//! What is done beside the loop: writing snapshots, and removing files that no one needs any more.

use super::log::{no_thread, thread_ended};
use super::record::Snapshot;
use super::snapshot;
use crate::batch::BatchId;
use crate::disk::{Disk, parent};
use crate::error::Result;
use crate::operator::StateDelta;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

/// The state of all operators after a batch, to be written.
#[derive(Debug)]
pub(super) struct SnapshotJob {
    pub(super) batch: BatchId,
    /// Part of the files' names, to tell them from those of other runs.
    pub(super) unique: String,
    pub(super) state: Vec<(String, StateDelta)>,
}

#[derive(Debug)]
enum Job {
    Write(SnapshotJob),
    Remove(Vec<PathBuf>),
}

/// Where the jobs are done. Dropping it waits for what is being done: a successor must not meet half-written files that grow.
#[derive(Debug)]
pub(super) struct Keeper {
    worker: Worker,
    is_writing: bool,
}

#[derive(Debug)]
enum Worker {
    /// At once: tests that count effects see them in order.
    Inline {
        home: Home,
        answer: Option<Result<Snapshot>>,
        to_remove: VecDeque<PathBuf>,
    },
    /// On a thread.
    Thread {
        /// `None` only while it is dropped.
        requests: Option<Sender<Job>>,
        answers: Receiver<Result<Snapshot>>,
        thread: Option<JoinHandle<()>>,
    },
}

/// Where the files are.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
}

impl Home {
    fn write(&self, job: &SnapshotJob) -> Result<Snapshot> {
        let name = (job.batch, job.unique.as_str());
        snapshot::write(self.disk.as_ref(), &self.directory, name, &job.state)
    }

    /// Removes files one after the other, durably, so that what is left is a log without holes wherever this ends. What cannot
    /// be removed now stays in the queue, and so does everything behind it.
    pub(super) fn remove(&self, queue: &mut VecDeque<PathBuf>) {
        while let Some(path) = queue.front() {
            let removed = self
                .disk
                .remove(path)
                .and_then(|()| self.disk.sync_directory(parent(path)));
            if let Err(error) = removed {
                tracing::warn!(%error, "files of the checkpoint that are not needed any more stay");
                return;
            }
            queue.pop_front();
        }
    }
}

impl Keeper {
    pub(super) fn inline(home: Home) -> Keeper {
        Keeper {
            worker: Worker::Inline {
                home,
                answer: None,
                to_remove: VecDeque::new(),
            },
            is_writing: false,
        }
    }

    pub(super) fn thread(home: Home) -> Result<Keeper> {
        let (requests, inbox) = channel();
        let (outbox, answers) = channel();
        let thread = std::thread::Builder::new()
            .name("tidemill-keeper".to_owned())
            .spawn(move || {
                let mut to_remove = VecDeque::new();
                for job in inbox {
                    match job {
                        Job::Remove(paths) => {
                            to_remove.extend(paths);
                            home.remove(&mut to_remove);
                        }
                        Job::Write(job) if outbox.send(home.write(&job)).is_err() => return,
                        Job::Write(_) => {}
                    }
                }
            })
            .map_err(|cause| no_thread("keeper", cause))?;
        Ok(Keeper {
            worker: Worker::Thread {
                requests: Some(requests),
                answers,
                thread: Some(thread),
            },
            is_writing: false,
        })
    }

    /// Whether a snapshot is being written, or waits to be taken.
    pub(super) fn is_writing(&self) -> bool {
        self.is_writing
    }

    pub(super) fn write(&mut self, job: SnapshotJob) -> Result<()> {
        self.is_writing = true;
        match &mut self.worker {
            Worker::Inline { home, answer, .. } => *answer = Some(home.write(&job)),
            Worker::Thread { requests, .. } => send(requests.as_ref(), Job::Write(job))?,
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, paths: Vec<PathBuf>) -> Result<()> {
        match &mut self.worker {
            Worker::Inline {
                home, to_remove, ..
            } => {
                to_remove.extend(paths);
                home.remove(to_remove);
            }
            Worker::Thread { requests, .. } => send(requests.as_ref(), Job::Remove(paths))?,
        }
        Ok(())
    }

    /// The snapshot that was written, once, if it is done; waits for it, if `waits`.
    pub(super) fn take(&mut self, waits: bool) -> Result<Option<Result<Snapshot>>> {
        if !self.is_writing {
            return Ok(None);
        }
        let done = match &mut self.worker {
            Worker::Inline { answer, .. } => answer.take(),
            Worker::Thread { answers, .. } if waits => {
                Some(answers.recv().map_err(|_| thread_ended())?)
            }
            Worker::Thread { answers, .. } => match answers.try_recv() {
                Ok(answer) => Some(answer),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return Err(thread_ended()),
            },
        };
        self.is_writing = done.is_none();
        Ok(done)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Worker::Thread {
            requests, thread, ..
        } = self
        {
            drop(requests.take());
            let ended = thread.take().map(JoinHandle::join);
            if let Some(Err(_)) = ended {
                tracing::error!("the thread that keeps the checkpoint has panicked");
            }
        }
    }
}

fn send(requests: Option<&Sender<Job>>, job: Job) -> Result<()> {
    let sent = requests.map(|requests| requests.send(job));
    sent.and_then(Result::ok).ok_or_else(thread_ended)
}

/// The state files below `directory` that no snapshot names: left behind by a run that crashed.
pub(super) fn orphans(home: &Home, is_named: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let root = home.directory.join(snapshot::STATE_DIRECTORY);
    let mut orphans = Vec::new();
    for operator in home.disk.list(&root)? {
        for name in home.disk.list(&root.join(&operator))? {
            let path = Path::new(snapshot::STATE_DIRECTORY)
                .join(&operator)
                .join(&name);
            if !is_named(&path.to_string_lossy()) {
                orphans.push(home.directory.join(path));
            }
        }
    }
    Ok(orphans)
}
