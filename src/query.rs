//! A query that runs: what it is started with ([`QuerySpec`]), and the handle on it ([`StreamingQuery`]).
//!
//! Every query has a thread of its own. [`QuerySpec::start`] returns when the query has opened its checkpoint, its sources and
//! its sink, or says why it could not. After that it runs until it is stopped, its trigger has nothing left to do, or it fails.

mod listener;
mod runner;
#[cfg(test)]
mod tests;

pub use crate::micro_batch::{QueryIdentity, QuerySettings};
pub use listener::{QueryIdle, QueryListener, QueryStarted, QueryTerminated};

use crate::clock::{Clock, StopSignal, SystemClock};
use crate::disk::{Disk, RealDisk};
use crate::error::{Error, ErrorKind, Result};
use crate::incremental::IncrementalPlan;
use crate::micro_batch::{BatchPlan, ExecutionSpec, Triggered};
use crate::plan::LogicalPlan;
use crate::plan::explain::explain;
use crate::progress::StreamingQueryProgress;
use crate::sink::{OutputMode, SinkFactory};
use crate::trigger::Trigger;
use runner::Runner;
pub(crate) use runner::stream_failed;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;
use uuid::Uuid;

/// The target of the event that tells of a failed query, for who shows the error in another way.
pub(crate) const FAILURES: &str = "tidemill::query::failures";

/// How many progresses are kept: `spark.sql.streaming.numRecentProgressUpdates`.
const RECENT_PROGRESS: usize = 100;

/// Where a query keeps its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointLocation {
    /// In this directory, which is made if it is not there.
    Directory(PathBuf),
    /// In a directory of its own among the system's temporary files, which goes when the query ends in order.
    Temporary,
}

/// What a query is started with.
#[derive(Debug)]
pub struct QuerySpec {
    /// Its name. Default none.
    pub name: Option<String>,
    /// What it computes; checked by [`crate::plan::check`].
    pub plan: Arc<LogicalPlan>,
    /// Which rows the sink is given.
    pub mode: OutputMode,
    /// Where they go.
    pub sink: Arc<dyn SinkFactory>,
    /// What starts batches. Default: as soon as there is data.
    pub trigger: Trigger,
    /// Where the checkpoint is. Default temporary.
    pub checkpoint: CheckpointLocation,
    /// Settings.
    pub settings: QuerySettings,
    /// Who is told how it goes.
    pub listeners: Vec<Arc<dyn QueryListener>>,
    /// The time. Default the machine's.
    pub clock: Arc<dyn Clock>,
    /// Where the checkpoint's directory is. Default the machine's disk.
    pub disk: Arc<dyn Disk>,
}

impl QuerySpec {
    /// A query with defaults for everything else.
    pub fn new(plan: Arc<LogicalPlan>, mode: OutputMode, sink: Arc<dyn SinkFactory>) -> QuerySpec {
        QuerySpec {
            name: None,
            plan,
            mode,
            sink,
            trigger: Trigger::default(),
            checkpoint: CheckpointLocation::Temporary,
            settings: QuerySettings::default(),
            listeners: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            disk: Arc::new(RealDisk),
        }
    }

    /// Starts the query.
    ///
    /// # Errors
    ///
    /// `Invalid` if it needs a checkpoint directory and has none; `Conflict` if another process uses it; `Corrupt`, naming file and
    /// offset; `Incompatible` if it belongs to another query; those of opening sources and sink.
    pub fn start(mut self) -> Result<StreamingQuery> {
        let listeners = std::mem::take(&mut self.listeners);
        let is_temporary = self.checkpoint == CheckpointLocation::Temporary;
        let plan = Arc::clone(&self.plan);
        let spec = self.into_execution()?;
        spawn(spec, Some(plan), listeners, is_temporary)
    }

    /// The same query for a program that runs the triggers itself, with [`crate::micro_batch::MicroBatchExecution`]. Listeners are
    /// not told anything.
    ///
    /// # Errors
    ///
    /// `Invalid` if it needs a checkpoint directory and has none.
    pub fn into_execution(self) -> Result<ExecutionSpec> {
        let run_id = Uuid::new_v4();
        let directory = match self.checkpoint {
            CheckpointLocation::Directory(directory) => directory,
            CheckpointLocation::Temporary if self.sink.allows_temporary_checkpoint() => {
                std::env::temp_dir().join(format!("tidemill-{run_id}"))
            }
            CheckpointLocation::Temporary => {
                return Err(Error::invalid(
                    "this sink needs a checkpoint directory, give the query the option checkpointLocation or set spark.sql.streaming.checkpointLocation",
                ));
            }
        };
        let (plan, mode) = (self.plan, self.mode);
        Ok(ExecutionSpec {
            name: self.name,
            run_id,
            new_query_id: Uuid::new_v4(),
            make_plan: Box::new(move |settings| {
                IncrementalPlan::new(&plan, mode, settings)
                    .map(|plan| Box::new(plan) as Box<dyn BatchPlan>)
            }),
            mode,
            sink: self.sink,
            trigger: self.trigger,
            directory,
            disk: self.disk,
            settings: self.settings,
            clock: self.clock,
            stop: StopSignal::default(),
        })
    }
}

/// Starts the thread of a query and waits until the query is open.
fn spawn(
    spec: ExecutionSpec,
    plan: Option<Arc<LogicalPlan>>,
    listeners: Vec<Arc<dyn QueryListener>>,
    is_temporary: bool,
) -> Result<StreamingQuery> {
    let shared = Arc::new(Shared {
        stop: spec.stop.clone(),
        plan,
        identity: OnceLock::new(),
        state: Mutex::default(),
        changed: Condvar::new(),
    });
    let runner = Runner {
        shared: Arc::clone(&shared),
        spec,
        listeners,
        is_temporary,
    };
    let thread = std::thread::Builder::new()
        .name("tidemill-query".to_owned())
        .spawn(move || runner.run())
        .map_err(|cause| {
            Error::new(
                ErrorKind::Unavailable,
                "cannot start a thread for the query",
            )
            .with_source(cause)
        })?;
    shared.state().thread = Some(thread.thread().id());
    shared.wait_until_started()?;
    Ok(StreamingQuery { shared })
}

/// What a query is doing, in Spark's words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamingQueryStatus {
    /// A sentence.
    pub message: String,
    /// Whether the last trigger found data.
    pub is_data_available: bool,
    /// Whether a trigger is running.
    pub is_trigger_active: bool,
}

/// A handle on a query that was started. Clones are handles on the same query; dropping them does not stop it.
#[derive(Clone)]
pub struct StreamingQuery {
    shared: Arc<Shared>,
}

impl StreamingQuery {
    /// The query's id: the same in every run on one checkpoint.
    pub fn id(&self) -> Uuid {
        self.identity().id
    }

    /// This run's id.
    pub fn run_id(&self) -> Uuid {
        self.identity().run_id
    }

    /// The query's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.identity().name.as_deref()
    }

    /// Whether it runs.
    pub fn is_active(&self) -> bool {
        !self.shared.state().has_ended
    }

    /// What it is doing.
    pub fn status(&self) -> StreamingQueryStatus {
        self.shared.state().status.clone()
    }

    /// The progress of the last batch of this run.
    pub fn last_progress(&self) -> Option<StreamingQueryProgress> {
        self.shared.state().recent.back().cloned()
    }

    /// The progress of the last 100 batches of this run, oldest first.
    pub fn recent_progress(&self) -> Vec<StreamingQueryProgress> {
        self.shared.state().recent.iter().cloned().collect()
    }

    /// The error that ended it: Spark's `STREAM_FAILED`, with what went wrong as its cause.
    pub fn exception(&self) -> Option<Error> {
        self.shared.state().exception.clone()
    }

    /// What it computes, as text: see [`crate::plan::explain`].
    pub fn explain(&self) -> String {
        self.shared.plan.as_deref().map(explain).unwrap_or_default()
    }

    /// What it computes.
    pub fn plan(&self) -> Option<&Arc<LogicalPlan>> {
        self.shared.plan.as_ref()
    }

    /// Asks the query to stop: the batch that is running is finished and committed. Returns at once.
    pub fn request_stop(&self) {
        self.shared.stop.set();
    }

    /// Stops the query: the batch that is running is finished and committed. Returns when the query has ended; on the query's
    /// own thread (in a listener, in `foreach_batch`) at once.
    pub fn stop(&self) {
        self.request_stop();
        let state = self.shared.state();
        if state.thread != Some(std::thread::current().id()) {
            drop(self.shared.wait(state, None, |state| state.has_ended));
        }
    }

    /// Waits until the query has ended, at most `timeout`; whether it has.
    ///
    /// # Errors
    ///
    /// The error that ended it.
    pub fn await_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let state = self.shared.state();
        let state = self.shared.wait(state, timeout, |state| state.has_ended);
        match &state.exception {
            Some(exception) => Err(exception.clone()),
            None => Ok(state.has_ended),
        }
    }

    /// Waits until everything that was there when this was called has been processed and committed: until a trigger that
    /// started later has found nothing to do, or the query has ended. For tests.
    ///
    /// # Errors
    ///
    /// The error that ended the query.
    pub fn process_all_available(&self) -> Result<()> {
        let state = self.shared.state();
        let before = state.triggers;
        let is_done = |state: &State| state.has_ended || state.idle_trigger > before;
        let state = self.shared.wait(state, None, is_done);
        state.exception.clone().map_or(Ok(()), Err)
    }

    fn identity(&self) -> &QueryIdentity {
        self.shared
            .identity()
            .expect("a handle is made after the query has opened")
    }
}

impl fmt::Debug for StreamingQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingQuery")
            .field("identity", self.identity())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// What the thread of a query and the handles on it share.
struct Shared {
    stop: StopSignal,
    plan: Option<Arc<LogicalPlan>>,
    /// Known when the query has opened its checkpoint.
    identity: OnceLock<QueryIdentity>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<ThreadId>,
    /// The query has opened, and its listeners know.
    has_started: bool,
    has_ended: bool,
    status: StreamingQueryStatus,
    recent: VecDeque<StreamingQueryProgress>,
    exception: Option<Error>,
    /// Triggers that have started.
    triggers: u64,
    /// The last trigger that found nothing to do.
    idle_trigger: u64,
    /// Batches that were committed in this run.
    batches: u64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until `is_done`, at most `timeout`.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        timeout: Option<Duration>,
        is_done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waits = |state: &mut State| !is_done(state);
        match timeout {
            None => self
                .changed
                .wait_while(state, waits)
                .unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.changed
                    .wait_timeout_while(state, timeout, waits)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }

    fn wait_until_started(&self) -> Result<()> {
        let is_done = |state: &State| state.has_started || state.has_ended;
        let state = self.wait(self.state(), None, is_done);
        match &state.exception {
            Some(error) if !state.has_started => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn identity(&self) -> Option<&QueryIdentity> {
        self.identity.get()
    }

    /// The query has opened; whether for the first time.
    fn open(&self, identity: QueryIdentity) -> bool {
        self.identity.set(identity).is_ok()
    }

    fn started(&self) {
        self.change(|state| state.has_started = true);
    }

    fn batches(&self) -> u64 {
        self.state().batches
    }

    fn tell(&self, message: &str) {
        self.change(|state| message.clone_into(&mut state.status.message));
    }

    fn trigger_starts(&self) {
        self.change(|state| {
            state.triggers += 1;
            state.status.is_trigger_active = true;
        });
    }

    fn trigger_ended(&self, triggered: &Triggered) {
        self.change(|state| {
            state.status.is_trigger_active = false;
            match triggered {
                Triggered::Batch(progress) => {
                    state.batches += 1;
                    state.status.is_data_available = true;
                    "Processing new data".clone_into(&mut state.status.message);
                    if state.recent.len() == RECENT_PROGRESS {
                        state.recent.pop_front();
                    }
                    state.recent.push_back(progress.as_ref().clone());
                }
                Triggered::Idle => {
                    state.idle_trigger = state.triggers;
                    state.status.is_data_available = false;
                    "Waiting for data to arrive".clone_into(&mut state.status.message);
                }
            }
        });
    }

    fn end(&self, outcome: Result<()>) {
        self.change(|state| {
            state.status = StreamingQueryStatus {
                message: match &outcome {
                    Ok(()) => "Stopped".to_owned(),
                    Err(error) => format!("Terminated with exception: {error}"),
                },
                is_data_available: false,
                is_trigger_active: false,
            };
            state.exception = outcome.err();
            state.has_ended = true;
        });
    }
}
