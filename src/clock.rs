//! Time comes from here and from nowhere else, so that tests can turn it by hand.

use crate::batch::Timestamp;
use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stop request that a waiting clock listens to.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<(Mutex<bool>, Condvar)>);

impl StopSignal {
    /// Asks everyone who listens to stop, and wakes who waits.
    pub fn set(&self) {
        let (flag, wake) = &*self.0;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_all();
    }

    /// Whether a stop was asked for.
    pub fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a stop is asked for, at most `duration`; whether it was asked for.
    pub fn wait(&self, duration: Duration) -> bool {
        let (flag, wake) = &*self.0;
        let guard = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = wake
            .wait_timeout_while(guard, duration, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}

/// Where the loop gets its time.
pub trait Clock: Send + Sync + Debug {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, never going back: for durations.
    fn monotonic(&self) -> Duration;
    /// Returns at `moment`, or as soon as `stop` is set.
    fn wait_until(&self, moment: Timestamp, stop: &StopSignal);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// The machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where time is taken from the machine"
    )]
    pub fn new() -> SystemClock {
        SystemClock {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where time is taken from the machine"
    )]
    fn now(&self) -> Timestamp {
        Timestamp(chrono::Utc::now().timestamp_millis())
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn wait_until(&self, moment: Timestamp, stop: &StopSignal) {
        let wait = moment.0.saturating_sub(self.now().0);
        if let Ok(wait) = u64::try_from(wait) {
            stop.wait(Duration::from_millis(wait));
        }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Mutex<i64>,
    moved: Condvar,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> ManualClock {
        ManualClock {
            now: Mutex::new(now.0),
            moved: Condvar::new(),
        }
    }

    /// Moves the clock forward and wakes who waits.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by);
        self.moved.notify_all();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(*self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().0).unwrap_or(0))
    }

    fn wait_until(&self, moment: Timestamp, stop: &StopSignal) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        while *now < moment.0 && !stop.is_set() {
            (now, _) = self
                .moved
                .wait_timeout(now, Duration::from_millis(10))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
