//! The incremental plan: a checked logical plan cut into stateless runs and stateful operators, made once per query and run
//! once per batch.

use crate::batch::{BatchContext, Timestamp};
use crate::error::Result;
use crate::operator::StatefulOperator;
use crate::plan::LogicalPlan;
use crate::sink::OutputMode;
use crate::source::{Slices, SourceFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// A source of an incremental plan.
#[derive(Debug, Clone)]
pub struct PlanSource {
    /// What its offsets are kept under in the checkpoint: unique in the plan, the same after a restart.
    pub name: String,
    /// Opens it.
    pub factory: Arc<dyn SourceFactory>,
    /// Which of its columns the query uses, by index into its schema; `Source::read` is asked for exactly these.
    pub columns: Vec<usize>,
}

/// What one watermark node saw in a batch. Microseconds since the epoch; `None` if no row came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventTimeSeen {
    /// The delay of the node.
    pub delay_ms: i64,
    /// The latest event time.
    pub max_us: Option<i64>,
    /// The earliest event time.
    pub min_us: Option<i64>,
    /// Sum of event times, for the average in progress.
    pub sum_us: i128,
    /// How many rows came by.
    pub rows: u64,
}

/// What a batch gave.
#[derive(Debug, Clone, Default)]
pub struct BatchOutput {
    /// The rows for the sink.
    pub rows: Vec<RecordBatch>,
    /// Rows read, per source of [`IncrementalPlan::sources`].
    pub input_rows: Vec<u64>,
    /// What each watermark node saw, in plan order.
    pub event_times: Vec<EventTimeSeen>,
}

/// A query made ready to run.
pub struct IncrementalPlan {
    _private: (),
}

/// What decides how a plan is cut.
#[derive(Debug, Clone)]
pub struct IncrementalSettings {
    /// How many state partitions; each is one rayon task. At most [`crate::operator::GROUPS`].
    pub state_partitions: usize,
    /// The session time zone.
    pub time_zone: String,
}

impl IncrementalPlan {
    /// Checks nothing (see [`crate::plan::check`]), cuts the plan, reads its static inputs.
    ///
    /// # Errors
    ///
    /// Those of reading static inputs.
    pub fn new(
        plan: &LogicalPlan,
        mode: OutputMode,
        settings: &IncrementalSettings,
    ) -> Result<IncrementalPlan> {
        let _ = (plan, mode, settings);
        todo!("incremental plan")
    }

    /// The streaming sources, in plan order.
    pub fn sources(&self) -> &[PlanSource] {
        todo!("incremental plan")
    }

    /// The columns of its output.
    pub fn schema(&self) -> SchemaRef {
        todo!("incremental plan")
    }

    /// Runs one batch: pulls the slices of every source (one iterator per source, in the order of
    /// [`IncrementalPlan::sources`]), decodes and computes them in parallel, applies the stateful operators.
    ///
    /// # Errors
    ///
    /// Those of the sources, and `Data` from expressions. State in memory is then of no further use.
    pub fn run(&mut self, slices: Vec<Slices>, context: &BatchContext) -> Result<BatchOutput> {
        let _ = (slices, context);
        todo!("incremental plan")
    }

    /// The stateful operators, inputs before users.
    pub fn operators(&self) -> Vec<&dyn StatefulOperator> {
        todo!("incremental plan")
    }

    /// The stateful operators, inputs before users.
    pub fn operators_mut(&mut self) -> Vec<&mut Box<dyn StatefulOperator>> {
        todo!("incremental plan")
    }

    /// Whether a batch without data would emit or evict, if the global watermark were `watermark`.
    pub fn is_due(&self, watermark: Timestamp) -> bool {
        let _ = watermark;
        todo!("incremental plan")
    }
}
