//! When a batch starts.

use crate::batch::Timestamp;
use std::fmt;
use std::time::Duration;

/// What starts batches, as Spark's `Trigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// At every multiple of the interval since the epoch; one that is missed because a batch took longer is made up for at
    /// once. Zero: as soon as the batch before is done and there is data.
    ProcessingTime(Duration),
    /// Everything there is when the query starts, within the sources' limits, in as many batches as that takes; then stop.
    AvailableNow,
    /// Everything there is in one batch, without regard to limits; then stop.
    Once,
}

impl Default for Trigger {
    fn default() -> Trigger {
        Trigger::ProcessingTime(Duration::ZERO)
    }
}

impl Trigger {
    /// Whether the query ends when there is nothing left to do.
    pub fn stops_when_idle(&self) -> bool {
        matches!(self, Trigger::AvailableNow | Trigger::Once)
    }

    /// When the trigger after one that started at `started` is due; `None` if it is at once.
    ///
    /// The multiple of the interval that comes next, as Spark's `ProcessingTimeExecutor.nextBatchTime`.
    pub fn next_start(&self, started: Timestamp) -> Option<Timestamp> {
        let interval = self.interval_ms()?;
        let multiple = started.0.div_euclid(interval);
        Some(Timestamp(
            multiple.saturating_mul(interval).saturating_add(interval),
        ))
    }

    /// Whether a batch that took `elapsed` held up the next one.
    pub fn is_behind(&self, elapsed: Duration) -> bool {
        self.interval_ms()
            .is_some_and(|interval| elapsed.as_millis() > u128::from(interval.unsigned_abs()))
    }

    /// The interval, if there is one.
    fn interval_ms(&self) -> Option<i64> {
        match self {
            Trigger::ProcessingTime(interval) => i64::try_from(interval.as_millis())
                .ok()
                .filter(|interval| *interval > 0),
            Trigger::AvailableNow | Trigger::Once => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::ProcessingTime(interval) => write!(f, "ProcessingTime({interval:?})"),
            Trigger::AvailableNow => f.write_str("AvailableNow"),
            Trigger::Once => f.write_str("Once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_start_at_multiples_of_the_interval_since_the_epoch() {
        let trigger = Trigger::ProcessingTime(Duration::from_millis(100));
        let next = |started| trigger.next_start(Timestamp(started)).unwrap().0;
        // The cases of Spark's ProcessingTimeExecutorSuite.
        assert_eq!(next(0), 100);
        assert_eq!(next(1), 100);
        assert_eq!(next(99), 100);
        assert_eq!(next(100), 200);
        assert_eq!(next(101), 200);
        assert_eq!(next(-1), 0);
        assert_eq!(
            Trigger::ProcessingTime(Duration::ZERO).next_start(Timestamp(5)),
            None
        );
    }

    #[test]
    fn a_batch_that_takes_longer_than_the_interval_is_behind() {
        let trigger = Trigger::ProcessingTime(Duration::from_millis(100));
        assert!(!trigger.is_behind(Duration::from_millis(100)));
        assert!(trigger.is_behind(Duration::from_millis(101)));
        assert!(!Trigger::default().is_behind(Duration::from_secs(9)));
        assert!(!Trigger::AvailableNow.is_behind(Duration::from_secs(9)));
    }
}
