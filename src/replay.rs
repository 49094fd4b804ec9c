//! Runs logged batches again: the same ranges, the same time and watermarks, the state of the batch before.
//!
//! The checkpoint is only read, also while the query runs. A replay of the batches from `from` to `to`
//! 1. restores the state after the batch before `from`, from the nearest snapshot that is kept and the deltas behind it;
//! 2. tells the sources which ranges were planned, and reads those of each batch;
//! 3. runs the plan, and compares count and digest of the rows with what the batch's commit says.
//!
//! A plan that gives other rows than it did shows here before it meets users: after an upgrade, after an edit of the query,
//! or when a source does not give the same rows for the same range.

use crate::batch::{BatchContext, BatchId, Timestamp, Watermarks};
use crate::checkpoint::{History, Plan, RowDigest, read_checkpoint};
use crate::disk::{Disk, RealDisk};
use crate::error::{Error, Result};
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::micro_batch::open::{TIME_ZONE, refuse_another_query, restore_state};
use crate::micro_batch::{BatchPlan, MakePlan};
use crate::plan::LogicalPlan;
use crate::sink::OutputMode;
use crate::source::{Slices, Source};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What to replay.
pub struct ReplaySpec {
    /// Makes the plan.
    pub make_plan: Box<MakePlan>,
    /// The checkpoint's directory.
    pub directory: PathBuf,
    /// Where that is. Default the machine's disk.
    pub disk: Arc<dyn Disk>,
    /// The first batch. Default the oldest that can be replayed.
    pub from: Option<BatchId>,
    /// The last batch, included. Default the last that was committed.
    pub to: Option<BatchId>,
}

impl ReplaySpec {
    /// All batches of the checkpoint in `directory` that can be replayed with this plan.
    pub fn new(plan: Arc<LogicalPlan>, mode: OutputMode, directory: PathBuf) -> ReplaySpec {
        ReplaySpec {
            make_plan: Box::new(move |settings| {
                IncrementalPlan::new(&plan, mode, settings)
                    .map(|plan| Box::new(plan) as Box<dyn BatchPlan>)
            }),
            directory,
            disk: Arc::new(RealDisk),
            from: None,
            to: None,
        }
    }
}

impl fmt::Debug for ReplaySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplaySpec")
            .field("directory", &self.directory)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// A batch that was run again.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayedBatch {
    /// Which batch.
    pub batch: BatchId,
    /// Its time.
    pub time: Timestamp,
    /// Its watermarks.
    pub watermarks: Watermarks,
    /// Rows read now.
    pub input_rows: u64,
    /// Rows read when it was committed; `None` for a batch that was planned and never committed.
    pub logged_input_rows: Option<u64>,
    /// The rows it gave now.
    pub output: RowDigest,
    /// The rows it gave when it was committed; `None` for a batch that was planned and never committed.
    pub logged_output: Option<RowDigest>,
}

impl ReplayedBatch {
    /// Whether it gave other rows than when it was committed.
    pub fn differs(&self) -> bool {
        self.logged_output
            .is_some_and(|logged| logged != self.output)
    }
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplayReport {
    /// How many batches were run again.
    pub batches: u64,
    /// The first batch that gave other rows than when it was committed. Those behind it may differ because of it.
    pub first_difference: Option<ReplayedBatch>,
}

impl ReplayReport {
    /// Refuses a replay in which a batch gave other rows.
    ///
    /// # Errors
    ///
    /// `Data`, naming the first such batch and how it differs.
    pub fn verify(&self) -> Result<()> {
        let Some(replayed) = &self.first_difference else {
            return Ok(());
        };
        let logged = replayed.logged_output.unwrap_or_default();
        Err(Error::data(format!(
            "a batch gave other rows than when it was committed: the query, its inputs or this version are not what they were. batch=`{}`, rows=`{}`, committed_rows=`{}`, digest=`{:032x}`, committed_digest=`{:032x}`",
            replayed.batch,
            replayed.output.rows,
            logged.rows,
            replayed.output.digest,
            logged.digest
        )))
    }
}

/// Takes a batch that was run again, the columns of its rows, and the rows.
pub type OnReplayedBatch<'a> =
    dyn FnMut(&ReplayedBatch, &SchemaRef, &[RecordBatch]) -> Result<()> + 'a;

/// Runs logged batches again and gives `on_batch` each of them with its rows.
///
/// # Errors
///
/// `Invalid` if there is no checkpoint, or a batch is not kept any more; `Corrupt` with path and offset; `Incompatible` if the
/// checkpoint belongs to another query; those of the sources, the plan and `on_batch`.
pub fn replay(spec: &ReplaySpec, on_batch: &mut OnReplayedBatch<'_>) -> Result<ReplayReport> {
    let (metadata, history) = read_checkpoint(Arc::clone(&spec.disk), &spec.directory)?;
    let mut report = ReplayReport::default();
    let Some(bounds) = bounds(spec, &history)? else {
        return Ok(report);
    };
    let start = history
        .start_before(bounds.from)
        .ok_or_else(|| not_kept(&history, bounds.from))?;
    let time_zone = start.settings.get(TIME_ZONE).cloned().unwrap_or_default();
    let mut plan = (spec.make_plan)(&IncrementalSettings {
        state_partitions: metadata.state_partitions,
        time_zone: time_zone.clone(),
    })?;
    refuse_another_query(start, plan.as_ref())?;
    let before = bounds.from.0.checked_sub(1).map(BatchId);
    restore_state(plan.as_mut(), &history, before)?;
    let mut sources = open_sources(plan.as_ref(), &history, &bounds)?;
    let schema = plan.schema();
    for logged in bounds.plans(&history) {
        let slices = read(plan.as_ref(), &mut sources, logged)?;
        let context = BatchContext {
            id: logged.batch,
            time: logged.time,
            time_zone: time_zone.clone(),
            watermarks: logged.watermarks,
            part: crate::batch::Part::Slice(0),
        };
        let output = plan.run(slices, &context)?;
        for operator in plan.operators_mut() {
            operator.take_delta()?;
        }
        let commit = history.commit(logged.batch);
        let replayed = ReplayedBatch {
            batch: logged.batch,
            time: logged.time,
            watermarks: logged.watermarks,
            input_rows: output.input_rows.iter().sum(),
            logged_input_rows: commit.map(|commit| commit.input_rows.values().sum()),
            output: RowDigest::of(&output.rows)?,
            logged_output: commit.map(|commit| commit.output),
        };
        on_batch(&replayed, &schema, &output.rows)?;
        report.batches += 1;
        if replayed.differs() && report.first_difference.is_none() {
            report.first_difference = Some(replayed);
        }
    }
    Ok(report)
}

/// The batches to replay, both ends included.
struct Bounds {
    from: BatchId,
    to: BatchId,
}

impl Bounds {
    fn plans<'a>(&self, history: &'a History) -> impl Iterator<Item = &'a Plan> {
        let range = self.from..=self.to;
        let plans = history.plans().iter();
        plans.filter(move |plan| range.contains(&plan.batch))
    }
}

/// Which batches are asked for; none if nothing was ever committed and nothing is asked for.
fn bounds(spec: &ReplaySpec, history: &History) -> Result<Option<Bounds>> {
    let to = spec.to.or(history.last_committed());
    let from = spec.from.or_else(|| oldest(history));
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(None);
    };
    if from > to {
        return Err(Error::invalid(format!(
            "the first batch to replay lies behind the last. from=`{from}`, to=`{to}`"
        )));
    }
    for asked in [from, to] {
        if history.plan(asked).is_none() {
            return Err(not_kept(history, asked));
        }
    }
    Ok(Some(Bounds { from, to }))
}

/// The oldest batch whose plan and whose state before it are kept.
fn oldest(history: &History) -> Option<BatchId> {
    let first = history.plans().first()?.batch;
    if first == BatchId(0) {
        return Some(first);
    }
    let snapshots = history.snapshots().iter();
    snapshots
        .map(|snapshot| snapshot.batch.next())
        .find(|next| *next >= first)
}

fn not_kept(history: &History, batch: BatchId) -> Error {
    let last = history.plans().last().map(|plan| plan.batch);
    match (oldest(history), last) {
        (Some(first), Some(last)) => Error::invalid(format!(
            "the checkpoint does not keep that batch. batch=`{batch}`, first=`{first}`, last=`{last}`"
        )),
        _ => Error::invalid(format!(
            "the checkpoint does not keep any batch that can be replayed. batch=`{batch}`"
        )),
    }
}

/// Opens the sources and tells them what was planned since the start record before the first batch.
fn open_sources(
    plan: &dyn BatchPlan,
    history: &History,
    bounds: &Bounds,
) -> Result<Vec<Box<dyn Source>>> {
    let start = history.start_before(bounds.from);
    let first = start.map_or(bounds.from, |start| start.next_batch);
    let mut sources = Vec::new();
    for plan_source in plan.sources() {
        let mut source = plan_source.factory.open()?;
        let kept = start.and_then(|start| start.sources.get(&plan_source.name));
        if let Some(snapshot) = kept.and_then(|start| start.snapshot.clone()) {
            source.restore(snapshot)?;
        }
        let told = Bounds {
            from: first,
            to: bounds.to,
        };
        for plan in told.plans(history) {
            if let Some(range) = plan.sources.get(&plan_source.name) {
                source.recover(range)?;
            }
        }
        sources.push(source);
    }
    Ok(sources)
}

/// Opens the ranges of a batch.
fn read(
    plan: &dyn BatchPlan,
    sources: &mut [Box<dyn Source>],
    logged: &Plan,
) -> Result<Vec<Slices>> {
    let mut slices: Vec<Slices> = Vec::with_capacity(sources.len());
    for (source, plan_source) in sources.iter_mut().zip(plan.sources()) {
        let range = logged.sources.get(&plan_source.name);
        slices.push(match range.filter(|range| !range.is_empty()) {
            Some(range) => source.read(range, &plan_source.columns)?,
            None => Box::new(std::iter::empty()),
        });
    }
    Ok(slices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Effects;
    use crate::micro_batch::tests::doubles::{SumPlan, World, table};

    fn spec(world: &World) -> ReplaySpec {
        let plan_world = world.clone();
        ReplaySpec {
            make_plan: Box::new(move |_| Ok(Box::new(SumPlan::new(&plan_world, "sum")))),
            directory: PathBuf::from("/query"),
            disk: Arc::new(world.disk.clone()),
            from: None,
            to: None,
        }
    }

    fn world() -> World {
        let world = World::new(Effects::calm());
        world.offer(18);
        world.drain().unwrap();
        // A replay needs a source that still has what was committed.
        world.forgotten.lock().unwrap().clear();
        world
    }

    #[test]
    fn every_batch_that_is_kept_gives_the_same_rows_again() {
        let world = world();
        let before = world.disk.files();
        let mut batches = Vec::new();
        let mut check = |replayed: &ReplayedBatch, _: &SchemaRef, rows: &[RecordBatch]| {
            assert_eq!(replayed.logged_input_rows, Some(replayed.input_rows));
            assert_eq!(RowDigest::of(rows).unwrap(), replayed.output);
            batches.push(replayed.batch.0);
            Ok(())
        };
        let report = replay(&spec(&world), &mut check).unwrap();
        report.verify().unwrap();
        assert_eq!(batches, [2, 3, 4]);
        assert_eq!(world.disk.files(), before);
    }

    #[test]
    fn a_replay_may_begin_and_end_between_snapshots() {
        let world = world();
        let mut only = spec(&world);
        (only.from, only.to) = (Some(BatchId(3)), Some(BatchId(3)));
        let report = replay(&only, &mut |_, _, _| Ok(())).unwrap();
        report.verify().unwrap();
        assert_eq!(report.batches, 1);
    }

    #[test]
    fn a_batch_that_is_not_kept_is_named_with_those_that_are() {
        let world = world();
        for asked in [0, 9] {
            let mut gone = spec(&world);
            gone.from = Some(BatchId(asked));
            gone.to = Some(BatchId(9));
            let error = replay(&gone, &mut |_, _, _| Ok(())).unwrap_err();
            assert!(error.to_string().contains("first=`2`, last=`4`"), "{error}");
        }
    }

    /// A plan that adds a row of its own to every batch from the third number on.
    struct Changed(SumPlan);

    impl BatchPlan for Changed {
        fn sources(&self) -> &[crate::incremental::PlanSource] {
            self.0.sources()
        }

        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }

        fn run(
            &mut self,
            slices: Vec<Slices>,
            context: &BatchContext,
        ) -> Result<crate::incremental::BatchOutput> {
            let mut output = self.0.run(slices, context)?;
            if context.id >= BatchId(3) {
                output.rows.push(table(
                    &["n", "sum", "time", "late", "eviction"],
                    vec![vec![0]; 5],
                ));
            }
            Ok(output)
        }

        fn operators(&self) -> Vec<&dyn crate::operator::StatefulOperator> {
            self.0.operators()
        }

        fn operators_mut(&mut self) -> Vec<&mut Box<dyn crate::operator::StatefulOperator>> {
            self.0.operators_mut()
        }

        fn is_due(&self, watermark: Timestamp) -> bool {
            self.0.is_due(watermark)
        }
    }

    #[test]
    fn the_first_batch_that_differs_is_named() {
        let world = world();
        let plan_world = world.clone();
        let changed = ReplaySpec {
            make_plan: Box::new(move |_| Ok(Box::new(Changed(SumPlan::new(&plan_world, "sum"))))),
            ..spec(&world)
        };
        let report = replay(&changed, &mut |_, _, _| Ok(())).unwrap();
        let error = report.verify().unwrap_err();
        assert!(error.to_string().contains("batch=`3`, rows="), "{error}");
        assert_eq!(report.batches, 3);
    }
}
