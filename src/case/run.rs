//! Runs a case through the loop that every query runs through.

use super::compare::{Actual, ActualBatch, conditions, difference, error_difference, full_text};
use super::values::{from_batch, to_batch};
use super::{Case, CaseStep, Expected, ExpectedError, Outcome};
use crate::error::{Error, Result};
use crate::micro_batch::{MicroBatchExecution, QuerySettings, Triggered};
use crate::plan::builder::{self, EventTimeColumn};
use crate::plan::{LogicalPlan, Relation, check};
use crate::progress::StreamingQueryProgress;
use crate::query::{CheckpointLocation, QuerySpec, stream_failed};
use crate::sink::OutputMode;
use crate::sink::memory::MemorySink;
use crate::source::memory::MemoryStream;
use crate::sql::{self, Relations};
use crate::trigger::Trigger;
use crate::types::{parse_ddl_schema, schema_string};
use crate::watermark::WatermarkPolicy;
use arrow::datatypes::{Fields, SchemaRef};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

/// How cases are run.
#[derive(Debug, Clone)]
pub struct CaseOptions {
    /// How many state partitions.
    pub state_partitions: usize,
    /// Whether the query is opened anew from its checkpoint before every batch that has input. So that this must change nothing, it keeps
    /// the watermarks of its inputs then, other than at a restart of the case's own.
    pub restarts: bool,
    /// Where checkpoints go; each case makes a folder of its own there.
    pub directory: std::path::PathBuf,
}

/// Runs a case; with what came out as an expectation, if it ran.
pub fn run(case: &Case, options: &CaseOptions) -> (Outcome, Option<Expected>) {
    match (execute(case, options), &case.expected.error) {
        (Ok(actual), None) => {
            let outcome =
                difference(&case.expected, &actual).map_or(Outcome::Passed, Outcome::Failed);
            (outcome, Some(actual.to_expected()))
        }
        (Ok(actual), Some(expected)) => {
            let wanted = expected.condition.as_deref().unwrap_or("any");
            let text = format!("it ran, but must fail\n  expected {wanted}\n");
            (Outcome::Failed(text), Some(actual.to_expected()))
        }
        (Err(error), Some(expected)) => {
            let outcome =
                error_difference(expected, &error).map_or(Outcome::Passed, Outcome::Failed);
            (outcome, Some(expectation_of(&error)))
        }
        (Err(error), None) => (
            Outcome::Failed(format!("{}\n", full_text(&error))),
            Some(expectation_of(&error)),
        ),
    }
}

/// An error as the expectation of a case.
fn expectation_of(error: &Error) -> Expected {
    let mut conditions = conditions(error).into_iter();
    let error = ExpectedError {
        condition: conditions.next(),
        cause: conditions.next(),
        message: Some(error.message().to_owned()),
    };
    Expected {
        error: Some(error),
        ..Expected::default()
    }
}

/// The views of a case by name.
#[derive(Default)]
pub(super) struct Views {
    plans: HashMap<String, Arc<LogicalPlan>>,
}

impl Views {
    pub(super) fn put(&mut self, name: &str, plan: Arc<LogicalPlan>) {
        self.plans.insert(name.to_lowercase(), plan);
    }

    pub(super) fn get(&self, name: &str) -> Result<Arc<LogicalPlan>> {
        self.plans
            .get(&name.to_lowercase())
            .cloned()
            .ok_or_else(|| {
                Error::invalid(format!("the table or view `{name}` cannot be found"))
                    .with_condition("TABLE_OR_VIEW_NOT_FOUND")
            })
    }
}

impl Relations for Views {
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>> {
        self.get(&name.join("."))
    }

    fn stream(
        &self,
        name: &[String],
        _options: &BTreeMap<String, String>,
        _identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        self.get(&name.join("."))
    }
}

/// The same columns, all nullable, as Spark's file source has them.
fn nullable_schema(ddl: &str) -> Result<SchemaRef> {
    let schema = parse_ddl_schema(ddl)?;
    let fields: Fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Ok(Arc::new(arrow::datatypes::Schema::new(fields)))
}

fn execute(case: &Case, options: &CaseOptions) -> Result<Actual> {
    let mut views = Views::default();
    let streams = put_sources(case, &mut views)?;
    for (name, table) in &case.tables {
        let schema = nullable_schema(&table.schema)?;
        let rows = Arc::new(vec![to_batch(&schema, &table.rows)?]);
        views.put(
            name,
            builder::alias(&builder::scan(Relation::Rows(rows), &schema), name),
        );
    }
    let plan = lower(case, &mut views)?;
    let mode: OutputMode = case.output_mode.parse()?;
    check::check(&plan, mode)?;
    let sink = MemorySink::new();
    let directory = options.directory.join(uuid::Uuid::new_v4().to_string());
    let mut run = Run {
        plan: &plan,
        mode,
        sink: &sink,
        settings: settings(case, options)?,
        restarts: options.restarts,
        watermarks: BTreeMap::new(),
    };
    let outcome = feed(case, &streams, &mut run, &directory);
    // Only a temporary folder is left behind if this fails.
    drop(std::fs::remove_dir_all(&directory));
    outcome?;
    actual(&plan, &sink, &run.watermarks)
}

/// A stream, and the batches that it will have.
type Fed<'a> = (MemoryStream, &'a Vec<Vec<Value>>);

/// The streams of a case by name, and with the batches that they will have.
pub(super) fn put_sources<'a>(case: &'a Case, views: &mut Views) -> Result<Vec<Fed<'a>>> {
    let mut streams = Vec::new();
    for (name, source) in &case.sources {
        let stream = MemoryStream::new(nullable_schema(&source.schema)?)
            .named(name)
            .with_batches_per_trigger(NonZeroU64::MIN);
        let relation = Relation::Source {
            factory: Arc::new(stream.clone()),
            is_streaming: true,
            name: None,
        };
        views.put(
            name,
            builder::alias(&builder::scan(relation, &stream.schema()), name),
        );
        streams.push((stream, &source.batches));
    }
    Ok(streams)
}

fn lower(case: &Case, views: &mut Views) -> Result<Arc<LogicalPlan>> {
    if let Some(text) = &case.query_text {
        return super::script::lower_script(case, text, views);
    }
    let mut last = None;
    for step in &case.steps {
        let plan = lower_step(step, views)?;
        views.put(&step.view, builder::alias(&plan, &step.view));
        last = Some(plan);
    }
    last.ok_or_else(|| Error::invalid("a case needs at least one step"))
}

fn lower_step(step: &CaseStep, views: &Views) -> Result<Arc<LogicalPlan>> {
    if let Some(text) = &step.sql {
        let query = sql::parse_query(text)?;
        return sql::lower_query(&query, views);
    }
    let missing =
        |what: &str| Error::invalid(format!("a step needs `{what}`. view=`{}`", step.view));
    let input = views.get(step.input.as_deref().ok_or_else(|| missing("input"))?)?;
    let columns = step.columns.clone().unwrap_or_default();
    match step.op.as_deref() {
        Some("with_watermark") => {
            let column = step.column.clone().ok_or_else(|| missing("column"))?;
            let delay = step.delay.as_deref().ok_or_else(|| missing("delay"))?;
            builder::watermark(&input, &EventTimeColumn::Name(vec![column]), delay)
        }
        Some("drop_duplicates") => builder::drop_duplicates(&input, &columns, false),
        Some("drop_duplicates_within_watermark") => {
            builder::drop_duplicates(&input, &columns, true)
        }
        Some(other) => Err(Error::unsupported(format!("step `{other}`"))),
        None => Err(missing("sql` or `op")),
    }
}

fn settings(case: &Case, options: &CaseOptions) -> Result<QuerySettings> {
    let mut settings = QuerySettings {
        state_partitions: options.state_partitions,
        ..QuerySettings::default()
    };
    settings.checkpoint.is_inline = true;
    for (key, value) in case.conf.iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        match key.as_str() {
            "spark.sql.streaming.multipleWatermarkPolicy" => {
                settings.watermark_policy = match value.as_str() {
                    "max" => WatermarkPolicy::Max,
                    "min" => WatermarkPolicy::Min,
                    _ => {
                        return Err(Error::invalid(format!(
                            "the policy is min or max. value=`{value}`"
                        )));
                    }
                };
            }
            "spark.sql.streaming.noDataMicroBatches.enabled" => {
                settings.no_data_micro_batches = value == "true";
            }
            "spark.sql.session.timeZone" => settings.time_zone = value,
            "spark.sql.shuffle.partitions" => {}
            _ => return Err(Error::unsupported(format!("setting `{key}` in a case"))),
        }
    }
    Ok(settings)
}

/// What all parts of a run share.
struct Run<'a> {
    plan: &'a Arc<LogicalPlan>,
    mode: OutputMode,
    sink: &'a MemorySink,
    settings: QuerySettings,
    restarts: bool,
    /// Watermark and input rows of each batch.
    watermarks: BTreeMap<u64, (Option<String>, u64)>,
}

/// Gives the input up to each restart, and runs the query to its end.
fn feed(
    case: &Case,
    streams: &[(MemoryStream, &Vec<Vec<Value>>)],
    run: &mut Run<'_>,
    directory: &Path,
) -> Result<()> {
    let longest = streams
        .iter()
        .map(|(_, batches)| batches.len())
        .max()
        .unwrap_or(0);
    let mut ends = case.restart_after.clone().unwrap_or_default();
    ends.push(longest);
    let mut given = 0;
    for end in ends {
        for number in given..end {
            for (stream, batches) in streams {
                if let Some(rows) = batches.get(number) {
                    stream.add_batch(to_batch(&stream.schema(), rows)?)?;
                }
            }
        }
        let batches = end.saturating_sub(given);
        given = given.max(end);
        if run.restarts {
            run.settings.keeps_node_watermarks = false;
            run.in_many_lives(directory, batches)?;
        } else {
            run.once(directory)?;
        }
    }
    Ok(())
}

impl Run<'_> {
    fn spec(&self, directory: &Path) -> QuerySpec {
        let sink = Arc::new(self.sink.clone());
        QuerySpec {
            trigger: Trigger::AvailableNow,
            checkpoint: CheckpointLocation::Directory(directory.to_owned()),
            settings: self.settings.clone(),
            ..QuerySpec::new(Arc::clone(self.plan), self.mode, sink)
        }
    }

    /// One life of the query.
    fn once(&mut self, directory: &Path) -> Result<()> {
        let query = self.spec(directory).start()?;
        let ended = query.await_termination(None);
        for progress in &query.recent_progress() {
            self.note(progress);
        }
        ended.map(drop)
    }

    /// A life for each batch that has input, each left without a word as if the process were killed. The last one goes on
    /// with what has no input: after a start no batch without input is due, here as in Spark.
    fn in_many_lives(&mut self, directory: &Path, batches: usize) -> Result<()> {
        for life in 1..=batches.max(1) {
            let mut execution = MicroBatchExecution::open(&self.spec(directory).into_execution()?)?;
            let query = execution.query().clone();
            loop {
                let triggered = execution
                    .run_one_trigger()
                    .map_err(|cause| stream_failed(&query, cause))?;
                match triggered {
                    Triggered::Batch(progress) => self.note(&progress),
                    Triggered::Idle => break,
                }
                if life < batches {
                    break;
                }
            }
            self.settings.keeps_node_watermarks = true;
        }
        Ok(())
    }

    fn note(&mut self, progress: &StreamingQueryProgress) {
        let watermark = progress.event_time.get("watermark").cloned();
        self.watermarks
            .insert(progress.batch_id.0, (watermark, progress.num_input_rows));
    }
}

fn actual(
    plan: &LogicalPlan,
    sink: &MemorySink,
    watermarks: &BTreeMap<u64, (Option<String>, u64)>,
) -> Result<Actual> {
    let schema = plan.schema.to_arrow();
    let mut batches = Vec::new();
    for (id, rows) in sink.batches() {
        let (watermark, input_rows) = watermarks.get(&id.0).cloned().unwrap_or_default();
        let rows = rows
            .iter()
            .map(from_batch)
            .collect::<Result<Vec<_>>>()?
            .concat();
        batches.push(ActualBatch {
            id: id.0,
            watermark,
            input_rows,
            rows,
        });
    }
    Ok(Actual {
        schema: Some(schema_string(&schema)),
        columns: schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect(),
        batches,
    })
}
