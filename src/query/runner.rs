//! The thread of a query: opens it, runs it, opens it again when something outside did not answer, and says how it ended.
//!
//! The one place that retries. An error of the kind `Unavailable` lets a query that was open be opened again from what is durable,
//! after a delay that doubles; a batch that is committed in between sets the count back. Every other error, and a panic, ends it.

use super::{QueryListener, QueryStarted, QueryTerminated, Shared};
use crate::batch::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::micro_batch::{
    ExecutionSpec, MicroBatchExecution, QueryIdentity, TriggerObserver, Triggered, panic_error,
};
use crate::query::QueryIdle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The longest delay before a query is opened again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);

/// What the thread of a query owns.
pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) spec: ExecutionSpec,
    pub(super) listeners: Vec<Arc<dyn QueryListener>>,
    /// The checkpoint goes when the query ends in order.
    pub(super) is_temporary: bool,
}

impl Runner {
    /// Runs the query to its end.
    pub(super) fn run(self) {
        let _waiters = Waiters(&self.shared);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.drive()))
            .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())));
        if outcome.is_ok()
            && self.is_temporary
            && let Err(error) = self.spec.disk.remove_directory(&self.spec.directory)
        {
            tracing::warn!(%error, "a temporary checkpoint stays behind");
        }
        let Some(identity) = self.shared.identity() else {
            self.shared.end(outcome);
            return;
        };
        let _span = span(identity).entered();
        let outcome = outcome.map_err(|cause| stream_failed(identity, cause));
        match &outcome {
            Ok(()) => tracing::info!("query stopped"),
            Err(error) => tracing::error!(target: super::FAILURES, %error, "query failed"),
        }
        let exception = outcome.as_ref().err().map(ToString::to_string);
        let condition = outcome.as_ref().err().and_then(Error::condition);
        let event = QueryTerminated {
            id: identity.id,
            run_id: identity.run_id,
            exception,
            error_class_on_exception: condition.map(str::to_owned),
        };
        // The end is told before waiters wake, so that who waits for the query finds its listeners done.
        let told = catch_unwind(AssertUnwindSafe(|| {
            for listener in &self.listeners {
                listener.on_query_terminated(&event);
            }
        }));
        self.shared
            .end(outcome.and(told.map_err(|panic| panic_error(panic.as_ref()))));
    }

    /// Opens and runs the query until it ends in order or has failed for good.
    fn drive(&self) -> Result<()> {
        let settings = &self.spec.settings;
        let mut failures = 0;
        let mut delay = settings.retry_delay;
        loop {
            let batches = self.shared.batches();
            let error = match self.attempt() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Stopped => {
                    tracing::warn!(%error, "stopped in the middle of a batch, which runs again at the next start");
                    return Ok(());
                }
                Err(error) => error,
            };
            if self.shared.batches() > batches {
                failures = 0;
                delay = settings.retry_delay;
            }
            // What does not answer at the very first try is more likely a mistake than a mishap: whoever starts hears of it.
            let has_never_opened = self.shared.identity().is_none();
            let is_hopeless = error.kind() != ErrorKind::Unavailable
                || has_never_opened
                || failures >= settings.retries
                || self.spec.stop.is_set();
            if is_hopeless {
                return Err(error);
            }
            failures += 1;
            tracing::warn!(%error, failures, ?delay, "the query is opened again after a delay");
            self.shared
                .tell(&format!("Waiting after an error: {error}"));
            self.wait(delay);
            delay = delay.saturating_mul(2).min(MAX_RETRY_DELAY);
        }
    }

    fn attempt(&self) -> Result<()> {
        self.shared.tell("Initializing sources");
        let mut execution = MicroBatchExecution::open(&self.spec)?;
        let _span = span(execution.query()).entered();
        if self.shared.open(execution.query().clone()) {
            self.started(execution.query());
        }
        let mut observer = Observer {
            runner: self,
            last_event: self.spec.clock.monotonic(),
        };
        let done = execution.run(&mut observer);
        done.and_then(|()| execution.close())
    }

    fn started(&self, identity: &QueryIdentity) {
        tracing::info!(
            id = %identity.id,
            checkpoint = %self.spec.directory.display(),
            trigger = %self.spec.trigger,
            "query started"
        );
        let event = QueryStarted {
            id: identity.id,
            run_id: identity.run_id,
            name: identity.name.clone(),
            timestamp: self.spec.clock.now().to_iso(),
        };
        for listener in &self.listeners {
            listener.on_query_started(&event);
        }
        self.shared.started();
    }

    fn wait(&self, delay: Duration) {
        let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let until = Timestamp(self.spec.clock.now().0.saturating_add(millis));
        self.spec.clock.wait_until(until, &self.spec.stop);
    }
}

fn span(identity: &QueryIdentity) -> tracing::Span {
    let name = identity.name.as_deref().unwrap_or("-");
    tracing::info_span!("query", name, run_id = %identity.run_id)
}

/// Passes on what triggers come to.
struct Observer<'a> {
    runner: &'a Runner,
    /// When listeners last heard of the query.
    last_event: Duration,
}

impl TriggerObserver for Observer<'_> {
    fn trigger_starts(&mut self) {
        self.runner.shared.trigger_starts();
    }

    fn trigger_ended(&mut self, triggered: &Triggered) {
        let clock = &self.runner.spec.clock;
        match triggered {
            Triggered::Batch(progress) => {
                for listener in &self.runner.listeners {
                    listener.on_query_progress(progress);
                }
                self.last_event = clock.monotonic();
            }
            Triggered::Idle => {
                let silence = clock.monotonic().saturating_sub(self.last_event);
                if silence >= self.runner.spec.settings.idle_event_interval {
                    self.last_event = clock.monotonic();
                    self.tell_idle();
                }
            }
        }
        self.runner.shared.trigger_ended(triggered);
    }
}

impl Observer<'_> {
    fn tell_idle(&self) {
        let Some(identity) = self.runner.shared.identity() else {
            return;
        };
        let event = QueryIdle {
            id: identity.id,
            run_id: identity.run_id,
            timestamp: self.runner.spec.clock.now().to_iso(),
        };
        for listener in &self.runner.listeners {
            listener.on_query_idle(&event);
        }
    }
}

/// Whoever waits for the query is released even if its thread panics while it tells of the end.
struct Waiters<'a>(&'a Shared);

impl Drop for Waiters<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::internal("the end of the query could not be told, this is a bug");
            self.0.end(Err(error));
        }
    }
}

/// Spark's `STREAM_FAILED`, with what went wrong as its cause, at its place in the SQL.
pub(crate) fn stream_failed(identity: &QueryIdentity, cause: Error) -> Error {
    let condition = cause
        .condition()
        .map_or_else(String::new, |it| format!("[{it}] "));
    Error::new(
        cause.kind(),
        format!(
            "the query ended with an error: {condition}{}. id=`{}`, run_id=`{}`",
            cause.message(),
            identity.id,
            identity.run_id
        ),
    )
    .with_condition("STREAM_FAILED")
    .with_span(cause.span())
    .with_source(cause)
}
