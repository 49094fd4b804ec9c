//! The incremental plan: a checked logical plan cut into stateless runs and blocks, made once per query and run once per batch.
//!
//! A *block* must see all rows of a batch: a stateful operator ([`StatefulOperator`]), or a sort, limit or set operation of one
//! result. A *flow* is what lies between: it begins at an input or a block, goes through stateless stages, and ends at a block or
//! at the output. Blocks stand in the order of the data.
//!
//! A batch runs in two phases:
//! 1. The slices of all inputs are pulled on the calling thread, at most [`IN_FLIGHT_BYTES`] a core ahead; a rayon task each decodes one, runs
//!    the flows that begin there, and prepares the result for the block at their end.
//! 2. Block after block merges what was prepared for it, in slice order, so that the answer does not depend on which core was
//!    faster; its rows go through the flows that begin at it.
//!
//! A static query is the same thing with one batch, whose inputs are tables.

mod blocking;
mod cut;
mod generate;
mod join;
mod over;
mod run;
mod stage;

use crate::batch::{BatchContext, Timestamp};
use crate::error::Result;
use crate::operator::StatefulOperator;
use crate::plan::LogicalPlan;
use crate::plan::optimize::optimize;
use crate::sink::OutputMode;
use crate::source::filter::RowFilter;
use crate::source::{Slice, Slices, SourceFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use blocking::Blocking;
use stage::Stage;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How many undecoded bytes may wait for each core: enough to keep it busy while the reader fetches more, and so few that they are
/// still in the cache when their turn comes.
pub const IN_FLIGHT_BYTES: usize = 4 * 1_024 * 1_024;

/// A source of an incremental plan.
#[derive(Debug, Clone)]
pub struct PlanSource {
    /// What its offsets are kept under in the checkpoint: unique in the plan, the same after a restart.
    pub name: String,
    /// Opens it.
    pub factory: Arc<dyn SourceFactory>,
    /// Which of its columns the query uses, by index into its schema; `Source::read` is asked for exactly these.
    pub columns: Vec<usize>,
    /// Which rows of it the query drops at once: advice for `Source::read_filtered`.
    pub filter: Option<Arc<RowFilter>>,
}

/// What one watermark node saw in a batch. Microseconds since the epoch; a row without event time counts as 0, as in Spark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventTimeSeen {
    /// The delay of the node.
    pub delay_ms: i64,
    /// The latest event time; `None` if no row came by.
    pub max_us: Option<i64>,
    /// The earliest event time; `None` if no row came by.
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

/// What decides how a plan is cut.
#[derive(Debug, Clone)]
pub struct IncrementalSettings {
    /// How many state partitions; each is one rayon task. From 1 to [`crate::operator::GROUPS`].
    pub state_partitions: usize,
    /// The session time zone.
    pub time_zone: String,
}

/// What flows begin at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// An input; `wanted` is the cutter's note of the columns this flow takes.
    Input { input: usize, wanted: usize },
    /// The rows of a block.
    Block(usize),
}

/// What flows end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Block { block: usize, side: usize },
    Output,
}

/// Stateless stages between two points of the plan.
#[derive(Debug)]
struct Flow {
    origin: Origin,
    stages: Vec<Stage>,
    target: Target,
}

/// Where rows come in, with the columns that are read of it.
enum PlanInput {
    /// Source number … of the plan: the caller of [`IncrementalPlan::run`] brings its slices.
    Stream(usize),
    /// A source that is read as a table.
    Table {
        factory: Arc<dyn SourceFactory>,
        columns: Vec<usize>,
    },
    /// Rows in memory.
    Rows {
        rows: Arc<Vec<RecordBatch>>,
        columns: Vec<usize>,
    },
}

impl fmt::Debug for PlanInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanInput::Stream(source) => write!(f, "Stream({source})"),
            PlanInput::Table { factory, columns } => write!(f, "Table({factory:?}, {columns:?})"),
            PlanInput::Rows { columns, .. } => write!(f, "Rows({columns:?})"),
        }
    }
}

/// What must see all rows of a batch.
enum Block {
    Stateful(Box<dyn StatefulOperator>),
    Pure(Box<dyn Blocking>),
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Block::Stateful(operator) => write!(f, "Stateful({})", operator.id()),
            Block::Pure(blocking) => write!(f, "{blocking:?}"),
        }
    }
}

/// A query made ready to run.
#[derive(Debug)]
pub struct IncrementalPlan {
    sources: Vec<PlanSource>,
    inputs: Vec<PlanInput>,
    blocks: Vec<Block>,
    flows: Vec<Flow>,
    event_times: Vec<EventTimeSeen>,
    schema: SchemaRef,
}

impl IncrementalPlan {
    /// Cuts a plan that [`crate::plan::check`] has let pass, and reads its static inputs.
    ///
    /// # Errors
    ///
    /// Those of reading static inputs; `Invalid` for what does not run yet.
    pub fn new(
        plan: &LogicalPlan,
        mode: OutputMode,
        settings: &IncrementalSettings,
    ) -> Result<IncrementalPlan> {
        let context = BatchContext::one_shot(Timestamp(0), settings.time_zone.clone());
        let plan = optimize(&Arc::new(plan.clone()))?;
        cut::cut(&plan, mode, settings, &context)
    }

    /// The streaming sources, in plan order.
    pub fn sources(&self) -> &[PlanSource] {
        &self.sources
    }

    /// The columns of its output.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Runs one batch: pulls the slices of every source (one iterator per source, in the order of
    /// [`IncrementalPlan::sources`]), decodes and computes them in parallel, applies the blocks.
    ///
    /// # Errors
    ///
    /// Those of the sources, and `Data` from expressions. State in memory is then of no further use.
    pub fn run(&mut self, slices: Vec<Slices>, context: &BatchContext) -> Result<BatchOutput> {
        run::run(self, slices, context)
    }

    /// The stateful operators, inputs before users.
    pub fn operators(&self) -> Vec<&dyn StatefulOperator> {
        self.blocks
            .iter()
            .filter_map(|block| match block {
                Block::Stateful(operator) => Some(operator.as_ref()),
                Block::Pure(_) => None,
            })
            .collect()
    }

    /// The stateful operators, inputs before users.
    pub fn operators_mut(&mut self) -> Vec<&mut Box<dyn StatefulOperator>> {
        self.blocks
            .iter_mut()
            .filter_map(|block| match block {
                Block::Stateful(operator) => Some(operator),
                Block::Pure(_) => None,
            })
            .collect()
    }

    /// Whether a batch without data would emit or evict, if the global watermark were `watermark`.
    pub fn is_due(&self, watermark: Timestamp) -> bool {
        let inputs = self.input_watermarks(watermark);
        self.blocks
            .iter()
            .zip(inputs)
            .any(|(block, watermark)| match block {
                Block::Stateful(operator) => operator.is_due(watermark),
                Block::Pure(_) => false,
            })
    }

    /// Whether a batch without data would emit or evict at this processing time.
    pub fn is_due_at(&self, time: Timestamp) -> bool {
        self.operators()
            .into_iter()
            .any(|operator| operator.is_due_at(time))
    }

    /// All rows of a static plan, computed at once.
    ///
    /// # Errors
    ///
    /// Those of its sources and expressions.
    pub fn collect(
        plan: &LogicalPlan,
        settings: &IncrementalSettings,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let plan = optimize(&Arc::new(plan.clone()))?;
        let mut plan = cut::cut(&plan, OutputMode::Complete, settings, context)?;
        Ok(run::run(&mut plan, Vec::new(), context)?.rows)
    }

    /// These columns of the rows of a static plan.
    fn read_static(
        plan: &LogicalPlan,
        columns: &BTreeSet<usize>,
        settings: &IncrementalSettings,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let columns: Vec<usize> = columns.iter().copied().collect();
        IncrementalPlan::collect(plan, settings, context)?
            .into_iter()
            .map(|rows| Ok(rows.project(&columns)?))
            .collect()
    }

    /// The watermark of each block's input, if the global one is `watermark`: where one is declared it is the global one, blocks pass
    /// on what their operator says, and of several the least counts. As in Spark it is 0 where none is declared below. As long as there is
    /// none at all, it is 0 everywhere.
    fn input_watermarks(&self, watermark: Timestamp) -> Vec<Timestamp> {
        if watermark == Timestamp::default() {
            return vec![watermark; self.blocks.len()];
        }
        let mut inputs: Vec<Timestamp> = Vec::with_capacity(self.blocks.len());
        let mut outputs: Vec<Option<Timestamp>> = Vec::with_capacity(self.blocks.len());
        for (number, block) in self.blocks.iter().enumerate() {
            let into = |flow: &&Flow| matches!(flow.target, Target::Block { block, .. } if block == number);
            let brings = |flow: &Flow| {
                let declares = |stage: &Stage| matches!(stage, Stage::Watermark { .. });
                match flow.origin {
                    _ if flow.stages.iter().any(declares) => Some(watermark),
                    Origin::Input { .. } => None,
                    Origin::Block(from) => outputs.get(from).copied().flatten(),
                }
            };
            let input = self.flows.iter().filter(into).filter_map(brings).min();
            inputs.push(input.unwrap_or_default());
            outputs.push(match block {
                Block::Stateful(operator) => input.map(|input| operator.output_watermark(input)),
                Block::Pure(_) => input,
            });
        }
        inputs
    }
}

impl PlanInput {
    /// The slices of an input that is not a stream.
    fn slices(&self) -> Result<Slices> {
        let rows = match self {
            PlanInput::Stream(_) => Vec::new(),
            PlanInput::Table { factory, columns } => factory.read_static(columns)?,
            PlanInput::Rows { rows, columns } => rows
                .iter()
                .map(|rows| Ok(rows.project(columns)?))
                .collect::<Result<Vec<_>>>()?,
        };
        Ok(Box::new(
            rows.into_iter().map(|rows| Ok(Slice::ready(rows))),
        ))
    }
}
