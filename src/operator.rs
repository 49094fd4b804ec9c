//! Stateful operators: what a query keeps between batches.
//!
//! The life of an operator in a batch:
//! 1. [`StatefulOperator::prepare`] does what can be done for one slice alone, on any thread, without touching state (for an
//!    aggregation: the partial aggregate of the slice).
//! 2. [`StatefulOperator::apply`] takes what was prepared, in slice order, merges it into the state, evicts what the
//!    watermark has passed, and gives the rows that go on.
//! 3. [`StatefulOperator::take_delta`] gives what changed, for the commit record.
//!
//! After an error in 2 the state in memory is of no further use: the query restores it from the checkpoint.
//!
//! State keys fall into [`GROUPS`] groups by [`crate::hash`], whose values are part of the on-disk format; a state partition is a
//! set of groups and one rayon task. Rescaling never rewrites keys.

pub mod aggregate;
pub mod deduplicate;
mod event_time;
pub mod join;
pub mod key;
pub mod limit;
pub(crate) mod process;
pub mod session;
#[cfg(test)]
mod testing;

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::Result;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::BTreeMap;

/// How many groups the keys of an operator fall into.
pub const GROUPS: usize = 256;

/// The work of one slice, done before the state is touched.
pub type Prepared = Box<dyn Any + Send>;

/// What an operator tells of itself in progress, with Spark's field names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the fields are those of Spark's StateOperatorProgress"
)]
pub struct OperatorProgress {
    pub operator_name: String,
    pub num_rows_total: u64,
    pub num_rows_updated: u64,
    pub all_updates_time_ms: u64,
    pub num_rows_removed: u64,
    pub all_removals_time_ms: u64,
    pub commit_time_ms: u64,
    pub memory_used_bytes: u64,
    pub num_rows_dropped_by_watermark: u64,
    pub num_shuffle_partitions: u64,
    pub num_state_store_instances: u64,
    #[serde(default)]
    pub custom_metrics: BTreeMap<String, u64>,
}

/// What changed in an operator's state in one batch, or all of it. Applying the same delta twice is the same as once.
#[derive(Debug, Clone, Default)]
pub struct StateDelta {
    /// Tables by name; what the rows mean is the operator's business. All columns nullable.
    pub tables: Vec<(String, RecordBatch)>,
    /// State at or before this was evicted, after the tables were put.
    pub evicted: Option<Timestamp>,
}

/// An operator with state.
pub trait StatefulOperator: Send + Sync {
    /// A stable name, unique in the query: what its state is kept under.
    fn id(&self) -> &str;

    /// What must not change while state is kept: kinds and types of keys and values. Compared on restart; a difference is refused.
    fn fingerprint(&self) -> String;

    /// The columns of what [`StatefulOperator::apply`] gives.
    fn output_schema(&self) -> SchemaRef;

    /// Local work on one slice of input `side` (0 is left, or the only one).
    ///
    /// # Errors
    ///
    /// `Data` with Spark's condition.
    fn prepare(&self, side: usize, slice: RecordBatch, context: &BatchContext) -> Result<Prepared>;

    /// Merges what was prepared, side by side and in slice order, and gives what goes on. `watermarks` are those of this
    /// operator's input.
    ///
    /// # Errors
    ///
    /// As [`StatefulOperator::prepare`].
    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>>;

    /// What this batch changed, once.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    fn take_delta(&mut self) -> Result<StateDelta>;

    /// All state, as one delta on top of nothing.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    fn snapshot(&self) -> Result<StateDelta>;

    /// Forgets all state.
    fn reset(&mut self);

    /// Puts a delta or a snapshot on top of what is there.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if it is not one of this operator.
    fn restore(&mut self, delta: StateDelta) -> Result<()>;

    /// Whether a batch without data would emit or evict, if the input's watermark were `watermark`.
    fn is_due(&self, watermark: Timestamp) -> bool;

    /// Whether a batch without data would emit or evict at this processing time.
    fn is_due_at(&self, time: Timestamp) -> bool {
        let _ = time;
        false
    }

    /// The watermark of its output, given that of its input.
    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        input
    }

    /// What to tell of the last batch.
    fn progress(&self) -> OperatorProgress;
}
