//! How far a batch reads: Spark's rules for `maxOffsetsPerTrigger`, `minOffsetsPerTrigger` and `maxTriggerDelay`.

use super::position::{ByPartition, pairs, value_of};
use crate::batch::Timestamp;
use std::time::Duration;

/// Shares `limit` offsets among partitions in proportion to what waits in each: `limit * size / total`, rounded down, but up
/// where it is less than 1, so that no small partition starves; never past `latest`. The sum may differ from `limit` by the
/// rounding. Where `start` has no offset, there is nothing to share.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "Spark computes the share in doubles and casts it, and the same ends must come out"
)]
pub(super) fn share(limit: u64, start: &ByPartition, latest: &ByPartition) -> ByPartition {
    let size_of = |topic: &str, partition: i32, end: i64| {
        let begin = value_of(start, topic, partition)?;
        let size = end.saturating_sub(begin);
        (size > 0).then_some((begin, size))
    };
    let total: f64 = pairs(latest)
        .filter_map(|(topic, partition, end)| size_of(topic, partition, end))
        .map(|(_, size)| size as f64)
        .sum();
    let mut ends = latest.clone();
    for (topic, partitions) in &mut ends {
        for (partition, end) in partitions {
            if let Some((begin, size)) = size_of(topic, *partition, *end) {
                let share = limit as f64 * (size as f64 / total);
                let share = if share < 1.0 {
                    share.ceil()
                } else {
                    share.floor()
                };
                *end = begin.saturating_add(share as i64).min(*end);
            }
        }
    }
    ends
}

/// Whether enough waits for a batch: `minOffsetsPerTrigger`, or `maxTriggerDelay` since the last batch that had enough.
#[derive(Debug, Default)]
pub(super) struct Minimum {
    /// When a batch last ran; none yet means that the delay is over.
    last: Option<Timestamp>,
}

impl Minimum {
    /// Whether a batch runs now. Remembers it, if so.
    pub(super) fn is_met(
        &mut self,
        minimum: u64,
        delay: Duration,
        waiting: u64,
        now: Timestamp,
    ) -> bool {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let is_over = self
            .last
            .is_none_or(|last| now.0.saturating_sub(last.0) >= delay);
        let is_met = is_over || waiting >= minimum;
        if is_met {
            self.last = Some(now);
        }
        is_met
    }
}

/// How many offsets lie between.
pub(super) fn waiting(start: &ByPartition, latest: &ByPartition) -> u64 {
    pairs(latest)
        .map(|(topic, partition, end)| {
            let begin = value_of(start, topic, partition).unwrap_or(0);
            u64::try_from(end.saturating_sub(begin)).unwrap_or(0)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn offsets(values: &[i64]) -> ByPartition {
        let partitions = (0..).zip(values.iter().copied()).collect();
        BTreeMap::from([("t".to_owned(), partitions)])
    }

    fn ends(limit: u64, start: &[i64], latest: &[i64]) -> Vec<i64> {
        let shared = share(limit, &offsets(start), &offsets(latest));
        pairs(&shared).map(|(_, _, end)| end).collect()
    }

    #[test]
    fn the_limit_is_shared_in_proportion_and_small_partitions_do_not_starve() {
        assert_eq!(ends(10, &[0, 0, 0], &[101, 11, 1]), [8, 1, 1]);
        assert_eq!(ends(10, &[8, 1, 1], &[101, 11, 1]), [17, 1 + 1, 1]);
    }

    #[test]
    fn a_limit_of_the_greatest_number_does_not_overflow() {
        assert_eq!(ends(u64::MAX, &[5], &[i64::MAX]), [i64::MAX]);
        assert_eq!(ends(i64::MAX.unsigned_abs(), &[5, 0], &[10, 7]), [10, 7]);
    }

    #[test]
    fn nothing_is_shared_where_nothing_waits() {
        assert_eq!(ends(10, &[5, 5], &[5, 3]), [5, 3]);
    }

    #[test]
    fn a_batch_waits_for_the_minimum_or_for_the_delay() {
        let mut minimum = Minimum::default();
        let delay = Duration::from_secs(5);
        let mut is_met = |waiting, now| minimum.is_met(15, delay, waiting, Timestamp(now));
        assert!(is_met(16, 100_000), "the first always runs");
        assert!(!is_met(6, 101_000));
        assert!(is_met(18, 102_000));
        assert!(!is_met(10, 103_000));
        assert!(is_met(10, 107_000), "5 s after the last batch");
    }
}
