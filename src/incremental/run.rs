//! One batch of an incremental plan: the two phases described in [`super`].

use super::stage::StageContext;
use super::{
    BatchOutput, Block, EventTimeSeen, Flow, IN_FLIGHT_BYTES, IncrementalPlan, Origin, PlanInput,
    Target,
};
use crate::batch::{BatchContext, Part, Watermarks};
use crate::error::{Error, Result};
use crate::operator::Prepared;
use crate::source::{Slice, Slices};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Where rows stand in the order of a batch: flow by flow, slice by slice.
type Place = (usize, usize);

/// What has come out of flows so far.
#[derive(Default)]
struct Results {
    prepared: BTreeMap<(usize, usize), Vec<(Place, Prepared)>>,
    output: Vec<(Place, RecordBatch)>,
    error: Option<Error>,
}

/// Bytes of slices that are being worked on.
#[derive(Default)]
struct InFlight {
    bytes: Mutex<usize>,
    less: Condvar,
}

impl InFlight {
    /// Waits until there is room. A slice that is larger than all the room goes alone.
    fn enter(&self, bytes: usize) {
        let room = IN_FLIGHT_BYTES * rayon::current_num_threads();
        let held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self
            .less
            .wait_while(held, |held| *held > 0 && *held + bytes > room)
            .unwrap_or_else(PoisonError::into_inner);
        *held += bytes;
    }

    fn leave(&self, bytes: usize) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.less.notify_one();
    }
}

/// What the tasks of a batch share.
struct Batch<'a> {
    plan: &'a IncrementalPlan,
    stages: StageContext<'a>,
    input_rows: &'a [AtomicU64],
    results: Mutex<Results>,
    in_flight: InFlight,
}

pub(super) fn run(
    plan: &mut IncrementalPlan,
    slices: Vec<Slices>,
    context: &BatchContext,
) -> Result<BatchOutput> {
    let event_times: Vec<Mutex<EventTimeSeen>> = plan
        .event_times
        .iter()
        .map(|node| Mutex::new(*node))
        .collect();
    let input_rows: Vec<AtomicU64> = plan.inputs.iter().map(|_| AtomicU64::new(0)).collect();
    let stages = StageContext {
        batch: context,
        event_times: &event_times,
    };
    let batch = Batch {
        plan,
        stages,
        input_rows: &input_rows,
        results: Mutex::default(),
        in_flight: InFlight::default(),
    };
    batch.read(slices)?;
    let Batch { results, .. } = batch;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = results.error.take() {
        return Err(error);
    }
    let stages = StageContext {
        batch: context,
        event_times: &event_times,
    };
    apply_blocks(plan, &stages, &mut results)?;
    results.output.sort_by_key(|(place, _)| *place);
    let schema = plan.schema();
    let rows = results
        .output
        .into_iter()
        .map(|(_, rows)| with_schema(rows, &schema))
        .collect::<Result<Vec<_>>>()?;
    let left_out = |source: usize| {
        let filter = plan
            .sources
            .get(source)
            .and_then(|source| source.filter.as_ref());
        filter.map_or(0, |filter| filter.take_left_out())
    };
    let rows_of = |input: &PlanInput, rows: &AtomicU64| match input {
        PlanInput::Stream(source) => Some(rows.load(Ordering::Relaxed) + left_out(*source)),
        PlanInput::Table { .. } | PlanInput::Rows { .. } => None,
    };
    Ok(BatchOutput {
        rows,
        input_rows: plan
            .inputs
            .iter()
            .zip(&input_rows)
            .filter_map(|(i, r)| rows_of(i, r))
            .collect(),
        event_times: event_times
            .into_iter()
            .map(|node| node.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect(),
    })
}

impl Batch<'_> {
    /// Phase 1.
    fn read(&self, slices: Vec<Slices>) -> Result<()> {
        let mut streams = slices.into_iter();
        rayon::in_place_scope(|scope| {
            for (number, input) in self.plan.inputs.iter().enumerate() {
                let slices = match input {
                    PlanInput::Stream(_) => streams.next().ok_or_else(|| {
                        Error::internal("a batch without the slices of one of its sources")
                    })?,
                    PlanInput::Table { .. } | PlanInput::Rows { .. } => input.slices()?,
                };
                for (sequence, slice) in slices.enumerate() {
                    let slice = slice?;
                    let bytes = slice.bytes;
                    self.in_flight.enter(bytes);
                    if self.has_failed() {
                        return Ok(());
                    }
                    scope.spawn(move |_| {
                        let outcome = self.slice(number, sequence, slice);
                        self.in_flight.leave(bytes);
                        outcome.unwrap_or_else(|error| self.fail(error));
                    });
                }
            }
            Ok(())
        })
    }

    fn has_failed(&self) -> bool {
        self.results
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .error
            .is_some()
    }

    fn fail(&self, error: Error) {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.error.get_or_insert(error);
    }

    /// Decodes one slice and takes it through every flow that begins at its input.
    fn slice(&self, input: usize, sequence: usize, slice: Slice) -> Result<()> {
        let rows = (slice.decode)()?;
        if let Some(count) = self.input_rows.get(input) {
            count.fetch_add(rows.num_rows() as u64, Ordering::Relaxed);
        }
        let part = Part::Slice(((input as u64) << 32) | sequence as u64);
        let context = self.stages.batch.of_part(part);
        let stages = StageContext {
            batch: &context,
            event_times: self.stages.event_times,
        };
        let begins_here =
            |flow: &Flow| matches!(flow.origin, Origin::Input { input: from, .. } if from == input);
        for (number, flow) in self.plan.flows.iter().enumerate() {
            if begins_here(flow) {
                let arrived = travel(self.plan, flow, rows.clone(), &stages)?;
                let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
                results.put(flow.target, (number, sequence), arrived);
            }
        }
        Ok(())
    }
}

/// What arrives at the end of a flow.
enum Arrived {
    Nothing,
    Prepared(Prepared),
    Rows(RecordBatch),
}

impl Results {
    fn put(&mut self, target: Target, place: Place, arrived: Arrived) {
        match (target, arrived) {
            (Target::Output, Arrived::Rows(rows)) => self.output.push((place, rows)),
            (Target::Block { block, side }, Arrived::Prepared(prepared)) => {
                self.prepared
                    .entry((block, side))
                    .or_default()
                    .push((place, prepared));
            }
            (Target::Block { block, side }, Arrived::Rows(rows)) => {
                self.prepared
                    .entry((block, side))
                    .or_default()
                    .push((place, Box::new(rows)));
            }
            (_, Arrived::Nothing) | (Target::Output, Arrived::Prepared(_)) => {}
        }
    }

    /// What was prepared for one side of a block, in order.
    fn take(&mut self, block: usize, side: usize) -> Vec<Prepared> {
        let mut prepared = self.prepared.remove(&(block, side)).unwrap_or_default();
        prepared.sort_by_key(|(place, _)| *place);
        prepared.into_iter().map(|(_, prepared)| prepared).collect()
    }
}

/// Takes rows through the stages of a flow, and prepares them for the block at its end.
fn travel(
    plan: &IncrementalPlan,
    flow: &Flow,
    mut rows: RecordBatch,
    context: &StageContext<'_>,
) -> Result<Arrived> {
    for stage in &flow.stages {
        rows = stage.run(rows, context)?;
        if rows.num_rows() == 0 {
            return Ok(Arrived::Nothing);
        }
    }
    match flow.target {
        _ if rows.num_rows() == 0 => Ok(Arrived::Nothing),
        Target::Output => Ok(Arrived::Rows(rows)),
        Target::Block { block, side } => match plan.blocks.get(block) {
            Some(Block::Stateful(operator)) => Ok(Arrived::Prepared(operator.prepare(
                side,
                rows,
                context.batch,
            )?)),
            _ => Ok(Arrived::Rows(rows)),
        },
    }
}

/// Phase 2.
fn apply_blocks(
    plan: &mut IncrementalPlan,
    context: &StageContext<'_>,
    results: &mut Results,
) -> Result<()> {
    let unordered = context.batch.of_part(Part::Unordered);
    let context = &StageContext {
        batch: &unordered,
        event_times: context.event_times,
    };
    let batch = context.batch;
    let late = plan.input_watermarks(batch.watermarks.late);
    let eviction = plan.input_watermarks(batch.watermarks.eviction);
    let watermarks = late.into_iter().zip(eviction);
    for (number, (late, eviction)) in watermarks.enumerate() {
        let prepared = (0..sides(&plan.flows, number))
            .map(|side| results.take(number, side))
            .collect();
        let rows = match plan.blocks.get_mut(number) {
            Some(Block::Stateful(operator)) => {
                operator.apply(prepared, Watermarks { late, eviction }, batch)?
            }
            Some(Block::Pure(blocking)) => blocking.run(as_rows(prepared)?, batch)?,
            None => Vec::new(),
        };
        for (flow_number, flow) in plan.flows.iter().enumerate() {
            if flow.origin != Origin::Block(number) {
                continue;
            }
            let plan = &*plan;
            let arrived = rows
                .par_iter()
                .map(|rows| travel(plan, flow, rows.clone(), context))
                .collect::<Result<Vec<_>>>()?;
            for (sequence, arrived) in arrived.into_iter().enumerate() {
                results.put(flow.target, (flow_number, sequence), arrived);
            }
        }
    }
    Ok(())
}

fn sides(flows: &[Flow], number: usize) -> usize {
    let side = |flow: &Flow| match flow.target {
        Target::Block { block, side } if block == number => Some(side + 1),
        Target::Block { .. } | Target::Output => None,
    };
    flows.iter().filter_map(side).max().unwrap_or(1)
}

fn as_rows(prepared: Vec<Vec<Prepared>>) -> Result<Vec<Vec<RecordBatch>>> {
    let rows = |prepared: Prepared| {
        prepared
            .downcast::<RecordBatch>()
            .map(|rows| *rows)
            .map_err(|_| Error::internal("rows were prepared for a block that has no state"))
    };
    prepared
        .into_iter()
        .map(|side| side.into_iter().map(rows).collect())
        .collect()
}

/// The same columns under the names and nullabilities of the output.
fn with_schema(rows: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let (_, columns, _) = rows.into_parts();
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}
