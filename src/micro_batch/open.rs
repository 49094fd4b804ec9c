//! Opening a query: from a checkpoint, or from nothing, to the point between two batches where it goes on.
//!
//! 1. lock and read the checkpoint; settings that are kept over restarts win over those of this run
//! 2. make the plan, and refuse it if its sources or its stateful operators are not those of the checkpoint
//! 3. give the operators their state: the newest snapshot and the deltas since
//! 4. open the sources and tell them which ranges were planned; a new query pins its first offsets in the log
//! 5. open the sink and tell it what was committed last
//!
//! A batch that was logged and not committed runs again exactly as it was planned. The watermark is the greater of the one
//! the last batch ran with and the one it computed for the next.

use super::{BatchPlan, MicroBatchExecution, OpenSource, Place, QueryIdentity};
use crate::batch::{BatchId, Timestamp, Watermarks};
use crate::checkpoint::{
    Checkpoint, CheckpointSettings, History, Opener, Plan, SourceStart, Start,
};
use crate::clock::{Clock, StopSignal};
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::incremental::{IncrementalSettings, PlanSource};
use crate::sink::{OutputMode, SinkFactory};
use crate::trigger::Trigger;
use crate::watermark::{WatermarkPolicy, WatermarkTracker};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const TIME_ZONE: &str = "spark.sql.session.timeZone";
const WATERMARK_POLICY: &str = "spark.sql.streaming.multipleWatermarkPolicy";

/// Makes the plan of a query, given the settings that its checkpoint keeps.
pub type MakePlan = dyn Fn(&IncrementalSettings) -> Result<Box<dyn BatchPlan>> + Send + Sync;

/// Settings of one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuerySettings {
    /// `spark.sql.session.timeZone`. Default `UTC`. A query keeps the one it was first started with.
    pub time_zone: String,
    /// `spark.sql.shuffle.partitions`: how many state partitions. Default 1. A query keeps the number it was first started with.
    pub state_partitions: usize,
    /// `spark.sql.streaming.multipleWatermarkPolicy`. A query keeps the one it was first started with.
    pub watermark_policy: WatermarkPolicy,
    /// `tidemill.watermark.keepNodes`: whether what each of several watermarks has reached is kept over a restart. Spark forgets it, so
    /// that an input which is silent after the restart holds the least of them back. Default false.
    pub keeps_node_watermarks: bool,
    /// `spark.sql.streaming.noDataMicroBatches.enabled`. Default true.
    pub no_data_micro_batches: bool,
    /// `spark.sql.streaming.pollingDelay`: how long to wait before asking idle sources again, with a trigger without interval.
    /// Default 10 ms.
    pub polling_delay: Duration,
    /// `spark.sql.streaming.noDataProgressEventInterval`: how often listeners hear that a query is idle. Default 10 s.
    pub idle_event_interval: Duration,
    /// How often a query is opened again, without a batch in between, when something outside does not answer. Default 8.
    pub retries: u32,
    /// How long to wait before the first of these; doubled each time, to at most 10 s. Default 100 ms.
    pub retry_delay: Duration,
    /// Snapshots and retention.
    pub checkpoint: CheckpointSettings,
}

impl Default for QuerySettings {
    fn default() -> QuerySettings {
        QuerySettings {
            time_zone: "UTC".to_owned(),
            state_partitions: 1,
            watermark_policy: WatermarkPolicy::Min,
            keeps_node_watermarks: false,
            no_data_micro_batches: true,
            polling_delay: Duration::from_millis(10),
            idle_event_interval: Duration::from_secs(10),
            retries: 8,
            retry_delay: Duration::from_millis(100),
            checkpoint: CheckpointSettings::default(),
        }
    }
}

/// All that a run of a query is made of. It can be opened more than once: that is how a query recovers.
pub struct ExecutionSpec {
    /// The query's name.
    pub name: Option<String>,
    /// The id of this run.
    pub run_id: Uuid,
    /// The query's id, if the checkpoint is new.
    pub new_query_id: Uuid,
    /// Makes the plan.
    pub make_plan: Box<MakePlan>,
    /// Which rows the sink is given.
    pub mode: OutputMode,
    /// Opens the sink.
    pub sink: Arc<dyn SinkFactory>,
    /// What starts batches.
    pub trigger: Trigger,
    /// The checkpoint's directory.
    pub directory: PathBuf,
    /// Where that is.
    pub disk: Arc<dyn Disk>,
    /// Settings.
    pub settings: QuerySettings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ends the loop after the batch that is running.
    pub stop: StopSignal,
}

impl fmt::Debug for ExecutionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionSpec")
            .field("name", &self.name)
            .field("run_id", &self.run_id)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl MicroBatchExecution {
    /// Opens a query: see the head of this file.
    ///
    /// # Errors
    ///
    /// `Conflict` if another process uses the checkpoint; `Corrupt` with path and offset; `Incompatible` if the checkpoint belongs to
    /// another query; those of sources, sink and disk.
    pub fn open(spec: &ExecutionSpec) -> Result<MicroBatchExecution> {
        let opener = Opener {
            run_id: spec.run_id,
            new_query_id: spec.new_query_id,
            state_partitions: spec.settings.state_partitions,
        };
        let (mut checkpoint, history) = Checkpoint::open(
            Arc::clone(&spec.disk),
            &spec.directory,
            opener,
            spec.settings.checkpoint.clone(),
        )?;
        let pinned = pinned_settings(&spec.settings, &history);
        let time_zone = pinned.get(TIME_ZONE).cloned().unwrap_or_default();
        let mut plan = (spec.make_plan)(&IncrementalSettings {
            state_partitions: checkpoint.metadata().state_partitions,
            time_zone: time_zone.clone(),
        })?;
        if let Some(start) = history.last_start() {
            refuse_another_query(start, plan.as_ref())?;
        }
        restore_state(plan.as_mut(), &history, history.last_committed())?;
        let mut sources = open_sources(plan.sources(), &history, &spec.stop)?;
        if history.is_empty() {
            let start = first_start(&sources, plan.as_ref(), &pinned);
            checkpoint.begin(&start)?;
        }
        let schema = plan.schema();
        let mut sink = spec.sink.open()?;
        sink.listen_to(&spec.stop);
        sink.identify(&checkpoint.metadata().query_id.to_string());
        sink.start(&schema, spec.mode, history.last_committed())?;
        if spec.trigger == Trigger::AvailableNow {
            for open in &mut sources {
                open.source.prepare_available_now()?;
            }
        }
        let mut watermark = WatermarkTracker::new(policy(&pinned)?, last_watermark(&history));
        if spec.settings.keeps_node_watermarks
            && let Some(commit) = history.commits().next_back()
        {
            watermark = watermark.with_nodes(commit.node_watermarks.clone());
        }
        Ok(MicroBatchExecution {
            query: QueryIdentity {
                id: checkpoint.metadata().query_id,
                run_id: spec.run_id,
                name: spec.name.clone(),
            },
            trigger: spec.trigger,
            mode: spec.mode,
            runs_without_data: spec.settings.no_data_micro_batches,
            polling_delay: spec.settings.polling_delay,
            time_zone,
            clock: Arc::clone(&spec.clock),
            stop: spec.stop.clone(),
            schema,
            sources,
            sink,
            checkpoint,
            watermark,
            pinned,
            at: place(&history),
            logged: history.uncommitted().cloned(),
            has_run: false,
            last_started: None,
            is_broken: false,
            plan,
        })
    }
}

/// What must not change about the stateful operators of a plan, by id.
pub(super) fn fingerprints(plan: &dyn BatchPlan) -> BTreeMap<String, String> {
    let operators = plan.operators().into_iter();
    operators
        .map(|operator| (operator.id().to_owned(), operator.fingerprint()))
        .collect()
}

/// The settings that this query keeps: those of its first run.
fn pinned_settings(settings: &QuerySettings, history: &History) -> BTreeMap<String, String> {
    let wanted: BTreeMap<String, String> = [
        (TIME_ZONE.to_owned(), settings.time_zone.clone()),
        (
            WATERMARK_POLICY.to_owned(),
            settings.watermark_policy.to_string(),
        ),
    ]
    .into();
    let Some(start) = history.last_start() else {
        return wanted;
    };
    for (key, value) in &wanted {
        if let Some(kept) = start.settings.get(key).filter(|kept| *kept != value) {
            tracing::warn!(
                key,
                kept,
                given = value,
                "the query keeps the setting that it was first started with"
            );
        }
    }
    start.settings.clone()
}

fn policy(pinned: &BTreeMap<String, String>) -> Result<WatermarkPolicy> {
    pinned
        .get(WATERMARK_POLICY)
        .map_or(Ok(WatermarkPolicy::Min), |policy| policy.parse())
}

/// Refuses a plan whose sources or operators are not those of the checkpoint.
pub(crate) fn refuse_another_query(start: &Start, plan: &dyn BatchPlan) -> Result<()> {
    let kept: BTreeSet<&str> = start.sources.keys().map(String::as_str).collect();
    let sources = plan.sources().iter().map(|source| source.name.as_str());
    let asked: BTreeSet<&str> = sources.collect();
    if kept != asked {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!(
                "the checkpoint belongs to a query with other sources, use another checkpoint directory. checkpoint=`{}`, query=`{}`",
                join(kept),
                join(asked)
            ),
        ));
    }
    let operators = fingerprints(plan);
    if !start.operators.keys().eq(operators.keys()) {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!(
                "the checkpoint belongs to a query with other stateful operators, use another checkpoint directory. checkpoint=`{}`, query=`{}`",
                described(&start.operators),
                described(&operators)
            ),
        )
        .with_condition("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"));
    }
    for (id, kept) in &start.operators {
        let asked = operators.get(id).unwrap_or(kept);
        if asked != kept {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the state in the checkpoint was written by another form of this operator, undo the change or use another checkpoint directory. operator=`{id}`, checkpoint=`{kept}`, query=`{asked}`"
                ),
            ));
        }
    }
    Ok(())
}

/// The operators with what must not change about them.
fn described(operators: &BTreeMap<String, String>) -> String {
    let operators = operators.iter();
    let described: Vec<String> = operators
        .map(|(id, fingerprint)| format!("{id}: {fingerprint}"))
        .collect();
    described.join("; ")
}

fn join(names: BTreeSet<&str>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Gives the operators the state after `last`: none at all before batch 0.
pub(crate) fn restore_state(
    plan: &mut dyn BatchPlan,
    history: &History,
    last: Option<BatchId>,
) -> Result<()> {
    let mut operators = plan.operators_mut();
    for operator in &mut operators {
        operator.reset();
    }
    let Some(last) = last else {
        return Ok(());
    };
    if operators.is_empty() {
        return Ok(());
    }
    history.restore_state(last, &mut |id, delta| {
        let operator = operators.iter_mut().find(|operator| operator.id() == id);
        match operator {
            Some(operator) => operator.restore(delta),
            None => Err(Error::internal(format!(
                "the checkpoint has state of an operator that its start record does not name. operator=`{id}`"
            ))),
        }
    })
}

/// Opens the sources at the end of the last committed batch, and tells them what was planned.
fn open_sources(
    sources: &[PlanSource],
    history: &History,
    stop: &StopSignal,
) -> Result<Vec<OpenSource>> {
    let mut opened = Vec::with_capacity(sources.len());
    for plan_source in sources {
        let mut source = plan_source.factory.open()?;
        source.listen_to(stop);
        let start = history
            .last_start()
            .and_then(|start| start.sources.get(&plan_source.name));
        let mut next = match start {
            Some(start) => start.offset.clone(),
            None => source.initial_offset()?,
        };
        if let Some(snapshot) = start.and_then(|start| start.snapshot.clone()) {
            source.restore(snapshot)?;
        }
        for plan in plans_since_start(history) {
            if let Some(range) = plan.sources.get(&plan_source.name) {
                source.recover(range)?;
                let is_committed = plan.batch < history.next_batch();
                next = if is_committed {
                    &range.end
                } else {
                    &range.start
                }
                .clone();
            }
        }
        opened.push(OpenSource {
            name: plan_source.name.clone(),
            columns: plan_source.columns.clone(),
            filter: plan_source.filter.clone(),
            source,
            next,
            latest: None,
            is_commit_owed: history.last_committed().is_some(),
        });
    }
    Ok(opened)
}

/// The plans behind the newest start record.
fn plans_since_start(history: &History) -> impl Iterator<Item = &Plan> {
    let first = history.last_start().map(|start| start.next_batch);
    let plans = history.plans().iter();
    plans.filter(move |plan| first.is_some_and(|first| plan.batch >= first))
}

/// The start record of a new query: from here on its first offsets are fixed.
fn first_start(
    sources: &[OpenSource],
    plan: &dyn BatchPlan,
    pinned: &BTreeMap<String, String>,
) -> Start {
    let sources = sources.iter().map(|open| {
        let start = SourceStart {
            offset: open.next.clone(),
            snapshot: open.source.snapshot(),
        };
        (open.name.clone(), start)
    });
    Start {
        next_batch: BatchId(0),
        time: Timestamp(0),
        watermarks: Watermarks::default(),
        sources: sources.collect(),
        operators: fingerprints(plan),
        settings: pinned.clone(),
    }
}

/// The watermark that the next batch runs with.
fn last_watermark(history: &History) -> Timestamp {
    let start = history.last_start().map(|start| start.watermarks.eviction);
    let plan = history.plans().last().map(|plan| plan.watermarks.eviction);
    let commit = history
        .commits()
        .next_back()
        .map(|commit| commit.next_watermark);
    [start, plan, commit]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default()
}

/// Between which batches the query stands.
fn place(history: &History) -> Place {
    let start = history.last_start();
    let last = history.plans().last();
    Place {
        next_batch: history.next_batch(),
        last_time: last
            .map(|plan| plan.time)
            .or(start.map(|start| start.time))
            .unwrap_or_default(),
        last_watermark: last
            .map(|plan| plan.watermarks.eviction)
            .or(start.map(|start| start.watermarks.late))
            .unwrap_or_default(),
    }
}
