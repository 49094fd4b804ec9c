//! The global watermark: how far event time has come, over all watermark nodes of a query.
//!
//! Of each node: the latest event time it has seen (late rows included) less its delay, in milliseconds rounded down, never
//! going back; a node that has seen nothing counts as 0, and so does a row without event time. Of these the policy takes the
//! least or the greatest, and the global watermark never goes back either. It is computed at the end of a batch, and the next
//! one runs with it. The global watermark is kept over a restart. What single nodes saw is not, as in Spark, unless the query asks for it: a
//! node that has seen nothing since the start then holds the least watermark of several back until it sees a row.

use crate::batch::Timestamp;
use crate::error::{Error, Result};
use crate::incremental::EventTimeSeen;
use std::fmt;
use std::str::FromStr;

/// How several watermarks make one: `spark.sql.streaming.multipleWatermarkPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatermarkPolicy {
    /// The slowest input decides: no row that its own input would have is late.
    #[default]
    Min,
    /// The fastest input decides.
    Max,
}

impl fmt::Display for WatermarkPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WatermarkPolicy::Min => "min",
            WatermarkPolicy::Max => "max",
        })
    }
}

impl FromStr for WatermarkPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<WatermarkPolicy> {
        match text.to_ascii_lowercase().as_str() {
            "min" => Ok(WatermarkPolicy::Min),
            "max" => Ok(WatermarkPolicy::Max),
            _ => Err(Error::invalid(format!(
                "unknown watermark policy, use min or max. setting=`spark.sql.streaming.multipleWatermarkPolicy`, value=`{text}`"
            ))),
        }
    }
}

/// Keeps the global watermark of a query.
#[derive(Debug, Clone)]
pub struct WatermarkTracker {
    policy: WatermarkPolicy,
    /// Of each watermark node, by place in the plan; `None` as long as it has seen nothing.
    nodes: Vec<Option<i64>>,
    global: Timestamp,
}

impl WatermarkTracker {
    /// A tracker that starts at `global`: 0, or what the checkpoint says.
    pub fn new(policy: WatermarkPolicy, global: Timestamp) -> WatermarkTracker {
        WatermarkTracker {
            policy,
            nodes: Vec::new(),
            global,
        }
    }

    /// Takes up what the nodes had reached before a restart.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<Option<i64>>) -> WatermarkTracker {
        self.nodes = nodes;
        self
    }

    /// What each of several nodes has reached, in milliseconds; empty for a single one, whose is the global one.
    pub fn nodes(&self) -> Vec<Option<i64>> {
        if self.nodes.len() > 1 {
            self.nodes.clone()
        } else {
            Vec::new()
        }
    }

    /// The global watermark.
    pub fn current(&self) -> Timestamp {
        self.global
    }

    /// Takes in what the watermark nodes saw in a batch, in plan order, and gives the watermark of the next batch.
    pub fn observe(&mut self, seen: &[EventTimeSeen]) -> Timestamp {
        self.nodes.resize(seen.len().max(self.nodes.len()), None);
        for (node, seen) in self.nodes.iter_mut().zip(seen) {
            *node = (*node).max(watermark_of(seen));
        }
        let all = self.nodes.iter().map(|node| node.unwrap_or(0));
        let chosen = match self.policy {
            WatermarkPolicy::Min => all.min(),
            WatermarkPolicy::Max => all.max(),
        };
        self.global = self.global.max(Timestamp(chosen.unwrap_or(0)));
        self.global
    }
}

/// The watermark of one node after one batch, if a row came by.
fn watermark_of(seen: &EventTimeSeen) -> Option<i64> {
    let latest = seen.max_us.or((seen.rows > 0).then_some(0))?;
    Some(latest.div_euclid(1_000).saturating_sub(seen.delay_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(max_us: Option<i64>, delay_ms: i64) -> EventTimeSeen {
        EventTimeSeen {
            delay_ms,
            max_us,
            rows: u64::from(max_us.is_some()),
            ..EventTimeSeen::default()
        }
    }

    fn tracker(policy: WatermarkPolicy) -> WatermarkTracker {
        WatermarkTracker::new(policy, Timestamp(0))
    }

    #[test]
    fn the_watermark_is_the_latest_event_time_less_the_delay_and_never_goes_back() {
        let mut tracker = tracker(WatermarkPolicy::Min);
        assert_eq!(tracker.observe(&[seen(Some(15_000_999), 10_000)]).0, 5_000);
        assert_eq!(tracker.observe(&[seen(Some(12_000_000), 10_000)]).0, 5_000);
        assert_eq!(tracker.observe(&[seen(None, 10_000)]).0, 5_000);
        assert_eq!(tracker.observe(&[seen(Some(25_000_000), 10_000)]).0, 15_000);
    }

    #[test]
    fn the_slowest_input_decides_and_a_silent_one_holds_at_zero() {
        let (fast, slow) = (seen(Some(50_000_000), 10_000), seen(Some(30_000_000), 0));
        let mut least = tracker(WatermarkPolicy::Min);
        assert_eq!(least.observe(&[fast, seen(None, 0)]).0, 0);
        assert_eq!(least.observe(&[seen(None, 10_000), slow]).0, 30_000);
        let mut greatest = tracker(WatermarkPolicy::Max);
        assert_eq!(greatest.observe(&[fast, seen(None, 0)]).0, 40_000);
    }

    #[test]
    fn times_before_the_epoch_round_down_and_do_not_pull_the_watermark_below_zero() {
        assert_eq!(watermark_of(&seen(Some(-1), 0)), Some(-1));
        assert_eq!(watermark_of(&seen(Some(-1_000), 0)), Some(-1));
        assert_eq!(watermark_of(&seen(Some(-1_001), 5)), Some(-7));
        let mut tracker = tracker(WatermarkPolicy::Min);
        assert_eq!(tracker.observe(&[seen(Some(-5_000_000), 0)]).0, 0);
    }

    #[test]
    fn rows_without_event_time_count_as_zero() {
        let without = EventTimeSeen {
            delay_ms: 5,
            rows: 3,
            ..EventTimeSeen::default()
        };
        assert_eq!(watermark_of(&without), Some(-5));
    }

    #[test]
    fn after_a_restart_the_global_watermark_waits_for_the_nodes() {
        let mut tracker = WatermarkTracker::new(WatermarkPolicy::Min, Timestamp(20_000));
        assert_eq!(tracker.observe(&[seen(Some(5_000_000), 0)]).0, 20_000);
        assert_eq!(tracker.observe(&[seen(Some(21_000_000), 0)]).0, 21_000);
    }

    #[test]
    fn nodes_that_are_kept_go_on_where_they_were() {
        let nodes = vec![Some(20_000), Some(30_000)];
        let tracker = WatermarkTracker::new(WatermarkPolicy::Min, Timestamp(20_000));
        let silent = seen(None, 0);
        let moved = [seen(Some(25_000_000), 0), silent];
        assert_eq!(tracker.clone().observe(&moved).0, 20_000);
        let mut tracker = tracker.with_nodes(nodes);
        assert_eq!(tracker.observe(&moved).0, 25_000);
        assert_eq!(tracker.nodes(), [Some(25_000), Some(30_000)]);
    }
}
