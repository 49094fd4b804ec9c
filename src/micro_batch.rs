//! The loop: every trigger makes at most one batch, and a batch is five steps in this order.
//!
//! 1. **plan**   ask the sources how far they got, within their limits; fix ranges, watermarks and time
//! 2. **log**    append that to the write-ahead log: from here on the batch will happen
//! 3. **run**    read exactly these ranges, run the plan, stage new state in memory
//! 4. **emit**   once the plan record is durable, hand the rows to the sink, idempotent in the batch id
//! 5. **commit** append the state deltas and the commit record: from here on it has happened
//!
//! A crash before 2 loses nothing. A crash after 2 comes back to 3 with the logged plan and the state of the batch before.
//! The commit of batch N becomes durable together with the plan of N+1, by one fdatasync that runs while N+1 is read and
//! computed; if N+1 does not come, it is made durable at the first trigger that finds nothing to do. Only then are sources
//! told to forget what lies before. After any error the execution is of no further use: it is opened again
//! ([`MicroBatchExecution::open`]), from what is durable.

pub(crate) mod open;
mod report;
#[cfg(test)]
pub(crate) mod tests;

pub use open::{ExecutionSpec, MakePlan, QuerySettings};

use crate::batch::{BatchContext, BatchId, Timestamp, Watermarks};
use crate::checkpoint::{Checkpoint, Commit, OperatorCommit, Plan, RowDigest, SourceStart, Start};
use crate::clock::{Clock, StopSignal};
use crate::error::{Error, Result};
use crate::incremental::{BatchOutput, IncrementalPlan, PlanSource};
use crate::offset::{Offset, Range};
use crate::operator::{StateDelta, StatefulOperator};
use crate::progress::StreamingQueryProgress;
use crate::sink::{OutputMode, Sink, SinkBatch};
use crate::source::filter::RowFilter;
use crate::source::{ReadLimit, Slices, Source};
use crate::trigger::Trigger;
use crate::watermark::WatermarkTracker;
use arrow::datatypes::SchemaRef;
use report::{Step, Stopwatch};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What the loop needs of a plan. [`IncrementalPlan`] is the one there is; tests have simpler ones.
pub trait BatchPlan: Send {
    /// As [`IncrementalPlan::sources`].
    fn sources(&self) -> &[PlanSource];
    /// As [`IncrementalPlan::schema`].
    fn schema(&self) -> SchemaRef;
    /// As [`IncrementalPlan::run`].
    ///
    /// # Errors
    ///
    /// As [`IncrementalPlan::run`].
    fn run(&mut self, slices: Vec<Slices>, context: &BatchContext) -> Result<BatchOutput>;
    /// As [`IncrementalPlan::operators`].
    fn operators(&self) -> Vec<&dyn StatefulOperator>;
    /// As [`IncrementalPlan::operators_mut`].
    fn operators_mut(&mut self) -> Vec<&mut Box<dyn StatefulOperator>>;
    /// As [`IncrementalPlan::is_due`].
    fn is_due(&self, watermark: Timestamp) -> bool;
    /// As [`IncrementalPlan::is_due_at`].
    fn is_due_at(&self, time: Timestamp) -> bool {
        let _ = time;
        false
    }
}

impl BatchPlan for IncrementalPlan {
    fn sources(&self) -> &[PlanSource] {
        IncrementalPlan::sources(self)
    }

    fn schema(&self) -> SchemaRef {
        IncrementalPlan::schema(self)
    }

    fn run(&mut self, slices: Vec<Slices>, context: &BatchContext) -> Result<BatchOutput> {
        IncrementalPlan::run(self, slices, context)
    }

    fn operators(&self) -> Vec<&dyn StatefulOperator> {
        IncrementalPlan::operators(self)
    }

    fn operators_mut(&mut self) -> Vec<&mut Box<dyn StatefulOperator>> {
        IncrementalPlan::operators_mut(self)
    }

    fn is_due(&self, watermark: Timestamp) -> bool {
        IncrementalPlan::is_due(self, watermark)
    }

    fn is_due_at(&self, time: Timestamp) -> bool {
        IncrementalPlan::is_due_at(self, time)
    }
}

/// A query that is open: at a point between two batches.
pub struct MicroBatchExecution {
    query: QueryIdentity,
    trigger: Trigger,
    mode: OutputMode,
    /// Whether batches without data run when the watermark makes state due.
    runs_without_data: bool,
    polling_delay: Duration,
    time_zone: String,
    clock: Arc<dyn Clock>,
    stop: StopSignal,
    plan: Box<dyn BatchPlan>,
    schema: SchemaRef,
    sources: Vec<OpenSource>,
    sink: Box<dyn Sink>,
    checkpoint: Checkpoint,
    /// Settings that go into every start record.
    pinned: BTreeMap<String, String>,
    watermark: WatermarkTracker,
    at: Place,
    /// A batch that was logged by an earlier run and not committed: it comes first, exactly as it was planned.
    logged: Option<Plan>,
    /// Whether this run has run a batch: before, no batch without data is due.
    has_run: bool,
    /// When the trigger before started, for rates.
    last_started: Option<Duration>,
    is_broken: bool,
}

/// Is told about triggers by [`MicroBatchExecution::run`]. A function of what a trigger came to is one.
pub trait TriggerObserver {
    /// A trigger starts: sources are about to be asked.
    fn trigger_starts(&mut self) {}
    /// A trigger has ended.
    fn trigger_ended(&mut self, triggered: &Triggered);
}

impl<F: FnMut(&Triggered)> TriggerObserver for F {
    fn trigger_ended(&mut self, triggered: &Triggered) {
        self(triggered);
    }
}

/// Who a query is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryIdentity {
    /// The same in every run on one checkpoint.
    pub id: Uuid,
    /// Of this run.
    pub run_id: Uuid,
    /// As the user named it.
    pub name: Option<String>,
}

/// Between which batches a query is.
#[derive(Debug, Clone, Copy)]
struct Place {
    next_batch: BatchId,
    /// The time of the batch before: time does not go back, whatever the machine's clock does.
    last_time: Timestamp,
    /// The watermark that the batch before ran with: rows at or before it are late now.
    last_watermark: Timestamp,
}

/// A source at work.
struct OpenSource {
    name: String,
    columns: Vec<usize>,
    filter: Option<Arc<RowFilter>>,
    source: Box<dyn Source>,
    /// The next row to read: the end of the last batch.
    next: Offset,
    /// Where the source ended when it was last asked.
    latest: Option<Offset>,
    /// Whether rows before `next` were read that the source has not been told to forget.
    is_commit_owed: bool,
}

/// What a trigger came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Triggered {
    /// A batch was run.
    Batch(Box<StreamingQueryProgress>),
    /// There was nothing to do.
    Idle,
}

impl MicroBatchExecution {
    /// Who the query is.
    pub fn query(&self) -> &QueryIdentity {
        &self.query
    }

    /// Runs triggers until a stop is asked for, or the trigger has nothing left to do. `observer` is told what each came to.
    ///
    /// # Errors
    ///
    /// Those of the sources, the sink, the disk and the query itself.
    pub fn run(&mut self, observer: &mut dyn TriggerObserver) -> Result<()> {
        while !self.stop.is_set() {
            let started = self.clock.now();
            let clock = self.clock.monotonic();
            observer.trigger_starts();
            let triggered = self.run_one_trigger()?;
            observer.trigger_ended(&triggered);
            let is_last = match self.trigger {
                Trigger::ProcessingTime(_) => false,
                Trigger::AvailableNow => triggered == Triggered::Idle,
                Trigger::Once => true,
            };
            if is_last {
                break;
            }
            let elapsed = self.clock.monotonic().saturating_sub(clock);
            self.wait_for_next_trigger(started, elapsed, &triggered);
        }
        Ok(())
    }

    /// Runs one trigger: a batch, if there is data or state is due.
    ///
    /// # Errors
    ///
    /// As [`MicroBatchExecution::run`]. The execution must then be opened again. A panic is `Internal`.
    pub fn run_one_trigger(&mut self) -> Result<Triggered> {
        if self.is_broken {
            return Err(Error::internal(
                "a batch failed before, the query has to be opened again",
            ));
        }
        self.is_broken = true;
        let triggered = catch_unwind(AssertUnwindSafe(|| self.trigger_once()))
            .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))?;
        self.is_broken = false;
        Ok(triggered)
    }

    /// Ends in order: everything that was committed is durable, the sink lets go of what it holds.
    ///
    /// # Errors
    ///
    /// Those of the disk and the sink.
    pub fn close(mut self) -> Result<()> {
        if !self.is_broken {
            self.settle()?;
            self.checkpoint.close()?;
        }
        self.sink.stop()
    }

    fn trigger_once(&mut self) -> Result<Triggered> {
        let mut stopwatch = Stopwatch::start(Arc::clone(&self.clock));
        let planned = match self.logged.take() {
            Some(plan) => Some((plan, true)),
            None => stopwatch
                .time(Step::LatestOffset, || self.plan_batch())?
                .map(|plan| (plan, false)),
        };
        let Some((plan, is_logged)) = planned else {
            self.settle()?;
            return Ok(Triggered::Idle);
        };
        let _span = tracing::info_span!("batch", id = plan.batch.0).entered();
        stopwatch.time(Step::WalCommit, || self.log_batch(&plan, is_logged))?;
        let slices = stopwatch.time(Step::GetBatch, || self.read_batch(&plan))?;
        let output = stopwatch.time(Step::AddBatch, || self.run_batch(&plan, slices))?;
        stopwatch.time(Step::WalCommit, || self.wait_until_logged())?;
        stopwatch.time(Step::AddBatch, || self.emit_batch(&plan, &output))?;
        stopwatch.time(Step::CommitOffsets, || self.commit_batch(&plan, &output))?;
        let progress = self.report(&plan, &output, &stopwatch);
        self.has_run = true;
        Ok(Triggered::Batch(Box::new(progress)))
    }

    /// Step 1: what the next batch reads, if there is one: if a source has something new, or state is due.
    fn plan_batch(&mut self) -> Result<Option<Plan>> {
        let now = self.clock.now();
        let limit = match self.trigger {
            Trigger::Once => ReadLimit::All,
            Trigger::ProcessingTime(_) | Trigger::AvailableNow => ReadLimit::Configured,
        };
        let mut ranges = BTreeMap::new();
        for open in &mut self.sources {
            let planned = open.source.plan(&open.next, limit, now)?;
            open.latest = planned.latest;
            ranges.insert(open.name.clone(), planned.range);
        }
        let has_data = ranges.values().any(|range| !range.is_empty());
        let watermark = self.watermark.current();
        if !has_data && !self.is_due(watermark, now) {
            return Ok(None);
        }
        Ok(Some(Plan {
            batch: self.at.next_batch,
            time: now.max(self.at.last_time),
            watermarks: Watermarks {
                late: self.at.last_watermark,
                eviction: watermark,
            },
            sources: ranges,
        }))
    }

    /// Whether a batch without data has something to do.
    fn is_due(&self, watermark: Timestamp, now: Timestamp) -> bool {
        let is_due = (self.has_run && self.plan.is_due(watermark)) || self.plan.is_due_at(now);
        self.runs_without_data && self.trigger != Trigger::Once && is_due
    }

    /// Step 2: the batch will happen. The disk works while the batch is read and computed.
    fn log_batch(&mut self, plan: &Plan, is_logged: bool) -> Result<()> {
        if !is_logged {
            self.checkpoint.append_plan(plan)?;
        }
        self.checkpoint.start_sync()
    }

    /// Step 3, first half: opens the ranges.
    fn read_batch(&mut self, plan: &Plan) -> Result<Vec<Slices>> {
        let mut slices = Vec::with_capacity(self.sources.len());
        for open in &mut self.sources {
            let range = range_of(plan, &open.name)?;
            slices.push(if range.is_empty() {
                Box::new(std::iter::empty()) as Slices
            } else {
                match &open.filter {
                    Some(filter) => open.source.read_filtered(range, &open.columns, filter)?,
                    None => open.source.read(range, &open.columns)?,
                }
            });
        }
        Ok(slices)
    }

    /// Step 3, second half: decodes and computes; new state is staged in memory.
    fn run_batch(&mut self, plan: &Plan, slices: Vec<Slices>) -> Result<BatchOutput> {
        let context = BatchContext {
            id: plan.batch,
            time: plan.time,
            time_zone: self.time_zone.clone(),
            watermarks: plan.watermarks,
            part: crate::batch::Part::Slice(0),
        };
        self.plan.run(slices, &context)
    }

    /// The plan of this batch is durable, and so is the commit of the one before: what lies before it is not needed again.
    fn wait_until_logged(&mut self) -> Result<()> {
        self.checkpoint.wait_until_durable()?;
        self.commit_sources();
        Ok(())
    }

    /// Step 4: hands the rows to the sink.
    fn emit_batch(&mut self, plan: &Plan, output: &BatchOutput) -> Result<()> {
        self.sink.add_batch(&SinkBatch {
            id: plan.batch,
            schema: &self.schema,
            rows: &output.rows,
            mode: self.mode,
        })
    }

    /// Step 5: the batch has happened.
    fn commit_batch(&mut self, plan: &Plan, output: &BatchOutput) -> Result<()> {
        let next_watermark = self.watermark.observe(&output.event_times);
        let (operators, deltas) = self.take_deltas()?;
        let names = self.sources.iter().map(|open| open.name.clone());
        let mut commit = Commit {
            batch: plan.batch,
            next_watermark,
            node_watermarks: self.watermark.nodes(),
            input_rows: names.zip(output.input_rows.iter().copied()).collect(),
            output: RowDigest::of(&output.rows)?,
            operators,
        };
        self.checkpoint.append_commit(&mut commit, &deltas)?;
        self.at = Place {
            next_batch: plan.batch.next(),
            last_time: plan.time,
            last_watermark: plan.watermarks.eviction,
        };
        for open in &mut self.sources {
            open.next = range_of(plan, &open.name)?.end.clone();
            open.is_commit_owed = true;
        }
        self.snapshot_if_it_is_time()
    }

    /// What each operator changed in this batch.
    fn take_deltas(&mut self) -> Result<(Vec<OperatorCommit>, Vec<StateDelta>)> {
        let mut operators = Vec::new();
        let mut deltas = Vec::new();
        for operator in self.plan.operators_mut() {
            deltas.push(operator.take_delta()?);
            operators.push(OperatorCommit {
                id: operator.id().to_owned(),
                rows_total: operator.progress().num_rows_total,
                evicted: None,
                tables: Vec::new(),
            });
        }
        Ok((operators, deltas))
    }

    /// Lets the checkpoint write all state from time to time, so that a restart need not apply every delta.
    fn snapshot_if_it_is_time(&mut self) -> Result<()> {
        if !self.checkpoint.wants_snapshot() {
            return Ok(());
        }
        let mut state = Vec::new();
        for operator in self.plan.operators() {
            state.push((operator.id().to_owned(), operator.snapshot()?));
        }
        let start = self.start_record();
        self.checkpoint.begin_snapshot(&start, state)
    }

    /// Where the query stands now, between two batches.
    fn start_record(&self) -> Start {
        let sources = self.sources.iter().map(|open| {
            let start = SourceStart {
                offset: open.next.clone(),
                snapshot: open.source.snapshot(),
            };
            (open.name.clone(), start)
        });
        Start {
            next_batch: self.at.next_batch,
            time: self.at.last_time,
            watermarks: Watermarks {
                late: self.at.last_watermark,
                eviction: self.watermark.current(),
            },
            sources: sources.collect(),
            operators: open::fingerprints(self.plan.as_ref()),
            settings: self.pinned.clone(),
        }
    }

    /// Nothing to do: what was committed becomes durable, once.
    fn settle(&mut self) -> Result<()> {
        self.checkpoint.sync()?;
        self.commit_sources();
        Ok(())
    }

    /// Tells the sources what is never asked for again. That is cleaning up: it never ends a query.
    fn commit_sources(&mut self) {
        for open in &mut self.sources {
            if !std::mem::take(&mut open.is_commit_owed) {
                continue;
            }
            if let Err(error) = open.source.commit(&open.next) {
                tracing::warn!(source = open.name, %error, "a source could not clean up");
            }
        }
    }

    /// Waits for the time of the next trigger.
    fn wait_for_next_trigger(&self, started: Timestamp, elapsed: Duration, was: &Triggered) {
        if self.trigger.is_behind(elapsed) {
            tracing::warn!(
                trigger = %self.trigger,
                ?elapsed,
                "the batch took longer than the trigger's interval, the query is falling behind"
            );
        }
        let next = match (self.trigger.next_start(started), was) {
            (Some(next), _) => next,
            (None, Triggered::Batch(_)) => return,
            (None, Triggered::Idle) => {
                let delay = i64::try_from(self.polling_delay.as_millis()).unwrap_or(i64::MAX);
                Timestamp(self.clock.now().0.saturating_add(delay))
            }
        };
        self.clock.wait_until(next, &self.stop);
    }
}

impl std::fmt::Debug for MicroBatchExecution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MicroBatchExecution")
            .field("query", &self.query)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// What a batch reads from a source.
fn range_of<'a>(plan: &'a Plan, name: &str) -> Result<&'a Range> {
    plan.sources.get(name).ok_or_else(|| {
        Error::internal(format!(
            "the plan of a batch does not name a source. batch=`{}`, source=`{name}`",
            plan.batch
        ))
    })
}

/// A panic inside a batch is a bug, and ends the query that it happened in.
pub(crate) fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::internal(format!("a batch panicked, this is a bug: {text}"))
}
