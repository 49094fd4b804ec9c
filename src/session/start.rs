//! Starting a query: from what the API or a script describes to the query that runs.

use super::Session;
use super::catalog::{make_folder, with_time_zone};
use super::checkpoint_location::resolve;
use super::memory_table::{MemoryTable, MemoryTableSink};
use super::pipeline::is_managed;
use super::script::Flow;
use crate::catalog::CatalogEntry;
use crate::error::{Error, Result};
use crate::plan::{LogicalPlan, check};
use crate::query::{QuerySpec, StreamingQuery};
use crate::sink::file::FileSinkFactory;
use crate::sink::memory::MemorySink;
use crate::sink::{self, OutputMode, SinkFactory};
use crate::trigger::Trigger;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A query that is described but not started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) name: Option<String>,
    pub(super) plan: Arc<LogicalPlan>,
    pub(super) sink: Arc<dyn SinkFactory>,
    pub(super) output_mode: OutputMode,
    pub(super) trigger: Trigger,
    pub(super) checkpoint_location: Option<PathBuf>,
}

/// Starts a query of a session.
///
/// # Errors
///
/// `Invalid`: the plan cannot run in this output mode, there is no place for a checkpoint, the name is taken; those of opening
/// checkpoint, sources and sink.
pub(super) fn start(session: &Session, start: Start) -> Result<StreamingQuery> {
    check::check(&start.plan, start.output_mode)?;
    let settings = session.settings();
    let checkpoint = resolve(
        start.checkpoint_location.as_deref(),
        start.name.as_deref(),
        &settings,
        start.sink.allows_temporary_checkpoint(),
    )?;
    let spec = QuerySpec {
        name: start.name,
        trigger: start.trigger,
        checkpoint,
        settings: settings.query,
        clock: Arc::clone(session.clock()),
        ..QuerySpec::new(start.plan, start.output_mode, start.sink)
    };
    session.streams().start(spec)
}

/// Starts the query that a script describes.
///
/// # Errors
///
/// As [`start`], and those of the target's options.
pub(super) fn start_flow(session: &Session, flow: &Flow) -> Result<StreamingQuery> {
    let target = &flow.target;
    if is_managed(target) {
        make_folder(target)?;
    }
    let name = flow.name.clone();
    let described = Target {
        format: &target.format,
        options: &target.options,
        partition_by: &target.partitioned_by,
        query_name: name.as_deref(),
        plan: &flow.plan,
    };
    let sink = if is_managed(target) && flow.output_mode == OutputMode::Complete {
        open_results(session, &described)
    } else {
        open_sink(session, &described)
    }
    .map_err(|error| target.written.place(error))?;
    start(
        session,
        Start {
            name,
            plan: Arc::clone(&flow.plan),
            sink,
            output_mode: flow.output_mode,
            trigger: flow.trigger,
            checkpoint_location: flow.checkpoint_location.clone(),
        },
    )
}

/// The folder of a materialized view, whose result each batch replaces.
fn open_results(session: &Session, target: &Target<'_>) -> Result<Arc<dyn SinkFactory>> {
    let options = with_time_zone(session, target.format, target.options);
    let folder = FileSinkFactory::new(target.format, &options, target.partition_by)?;
    Ok(Arc::new(folder.replacing()))
}

/// Where a query writes, by format and options.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) format: &'a str,
    pub(super) options: &'a BTreeMap<String, String>,
    pub(super) partition_by: &'a [String],
    pub(super) query_name: Option<&'a str>,
    pub(super) plan: &'a LogicalPlan,
}

/// Opens a sink by its format. The format `memory` makes a table of the session under the name of the query.
///
/// # Errors
///
/// `Invalid`: an unknown format or option; a memory sink without a name.
pub(super) fn open_sink(session: &Session, target: &Target<'_>) -> Result<Arc<dyn SinkFactory>> {
    if !target.format.eq_ignore_ascii_case("memory") {
        let options = with_time_zone(session, target.format, target.options);
        return sink::registry::open(target.format, &options, target.partition_by);
    }
    let Some(name) = target.query_name else {
        return Err(Error::invalid(
            "the memory sink needs the name of the query: it becomes the name of the table",
        )
        .with_condition("QUERY_NAME_NOT_SPECIFIED_FOR_MEMORY_SINK"));
    };
    if let Some(option) = target.options.keys().next() {
        return Err(Error::invalid(format!(
            "the memory sink has no options. option=`{option}`"
        )));
    }
    if let Some(column) = target.partition_by.first() {
        return Err(Error::invalid(format!(
            "the memory sink is not partitioned by columns. column=`{column}`"
        )));
    }
    let sink = MemorySink::new();
    let table = MemoryTable::new(name, target.plan.schema.to_arrow(), sink.clone());
    session
        .catalog_mut()
        .put(name, CatalogEntry::Source(Arc::new(table)));
    Ok(Arc::new(MemoryTableSink::new(sink)))
}
