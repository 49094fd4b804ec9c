//! The queries of a session, and who is told about them.
//!
//! One listener of ours ([`Bus`]) is given to every query; it passes events on to the listeners of the moment, so that one may be added
//! while queries run, and notes which queries have ended.

use crate::error::{Error, Result};
use crate::progress::StreamingQueryProgress;
use crate::query::{
    QueryIdle, QueryListener, QuerySpec, QueryStarted, QueryTerminated, StreamingQuery,
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The queries of a session: `session.streams()`. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct StreamingQueryManager {
    bus: Arc<Bus>,
}

impl StreamingQueryManager {
    /// The queries that run, in the order they were started.
    pub fn active(&self) -> Vec<StreamingQuery> {
        let started = self.bus.state().queries.clone();
        started
            .into_iter()
            .filter(StreamingQuery::is_active)
            .collect()
    }

    /// The running query with this id.
    pub fn get(&self, id: Uuid) -> Option<StreamingQuery> {
        self.active().into_iter().find(|query| query.id() == id)
    }

    /// Waits until any query has ended since the session was made or [`StreamingQueryManager::reset_terminated`] was called, at most
    /// `timeout`; whether one has.
    ///
    /// # Errors
    ///
    /// The error that ended it.
    pub fn await_any_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let is_waiting = |state: &mut State| state.ended().is_none();
        let state = self.bus.state();
        let state = match timeout {
            None => self
                .bus
                .changed
                .wait_while(state, is_waiting)
                .unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.bus
                    .changed
                    .wait_timeout_while(state, timeout, is_waiting)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        let ended = state.ended();
        drop(state);
        match ended {
            // The end is told before it is final, so there may be a moment left to wait.
            Some(query) => query.await_termination(None),
            None => Ok(false),
        }
    }

    /// Forgets the queries that have ended, so that [`StreamingQueryManager::await_any_termination`] waits for the next one.
    pub fn reset_terminated(&self) {
        self.bus.state().terminated = None;
    }

    /// From now on, tells this listener of every query of the session, also of those that run already.
    pub fn add_listener(&self, listener: Arc<dyn QueryListener>) {
        self.bus.state().listeners.push(listener);
    }

    /// Tells this listener no more.
    pub fn remove_listener(&self, listener: &Arc<dyn QueryListener>) {
        self.bus
            .state()
            .listeners
            .retain(|known| !Arc::ptr_eq(known, listener));
    }

    /// Stops every query that runs, and waits until all have ended.
    pub fn stop_all(&self) {
        let active = self.active();
        active.iter().for_each(StreamingQuery::request_stop);
        active.iter().for_each(StreamingQuery::stop);
    }

    /// Starts a query of the session.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a query of this name runs already; those of starting it.
    pub(super) fn start(&self, mut spec: QuerySpec) -> Result<StreamingQuery> {
        let name = spec.name.clone();
        self.bus.reserve(name.as_deref())?;
        spec.listeners
            .push(Arc::clone(&self.bus) as Arc<dyn QueryListener>);
        let started = spec.start();
        self.bus.add(name.as_deref(), started.as_ref().ok());
        started
    }
}

/// Hears of every query of a session.
#[derive(Debug, Default)]
struct Bus {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    listeners: Vec<Arc<dyn QueryListener>>,
    /// Names of queries that are about to start.
    starting: Vec<String>,
    /// Queries that run, and the one in `terminated`.
    queries: Vec<StreamingQuery>,
    /// A run that has ended; one that ended with an error if there is one.
    terminated: Option<Uuid>,
}

impl State {
    /// The query that has ended.
    fn ended(&self) -> Option<StreamingQuery> {
        let run = self.terminated?;
        self.queries
            .iter()
            .find(|query| query.run_id() == run)
            .cloned()
    }
}

impl Bus {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a name for a query that is about to start.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a query has it.
    fn reserve(&self, name: Option<&str>) -> Result<()> {
        let Some(name) = name else {
            return Ok(());
        };
        let mut state = self.state();
        let is_active = |query: &StreamingQuery| query.name() == Some(name) && query.is_active();
        if state.queries.iter().any(is_active) || state.starting.iter().any(|known| known == name) {
            return Err(Error::invalid(format!(
                "cannot start query with name {name} as a query with that name is already active in this session"
            ))
            .with_condition("QUERY_NAME_ALREADY_ACTIVE"));
        }
        state.starting.push(name.to_owned());
        Ok(())
    }

    /// A query has started, or has not; its name is no longer kept.
    fn add(&self, name: Option<&str>, query: Option<&StreamingQuery>) {
        let mut state = self.state();
        state.starting.retain(|known| Some(known.as_str()) != name);
        let terminated = state.terminated;
        state
            .queries
            .retain(|known| known.is_active() || terminated == Some(known.run_id()));
        state.queries.extend(query.cloned());
        drop(state);
        self.changed.notify_all();
    }

    /// Tells every listener. The lock is not held meanwhile: a listener may use the session.
    fn tell(&self, tell: impl Fn(&dyn QueryListener)) {
        let listeners = self.state().listeners.clone();
        for listener in listeners {
            tell(listener.as_ref());
        }
    }
}

impl QueryListener for Bus {
    fn on_query_started(&self, event: &QueryStarted) {
        self.tell(|listener| listener.on_query_started(event));
    }

    fn on_query_progress(&self, progress: &StreamingQueryProgress) {
        self.tell(|listener| listener.on_query_progress(progress));
    }

    fn on_query_idle(&self, event: &QueryIdle) {
        self.tell(|listener| listener.on_query_idle(event));
    }

    fn on_query_terminated(&self, event: &QueryTerminated) {
        self.tell(|listener| listener.on_query_terminated(event));
        let mut state = self.state();
        if state.terminated.is_none() || event.exception.is_some() {
            state.terminated = Some(event.run_id);
        }
        drop(state);
        self.changed.notify_all();
    }
}
