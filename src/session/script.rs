//! Runs a file of statements: declarations change the catalog, settings change the session, the rest is given back.
//!
//! Nothing is started here, so that whoever runs the file can look at it, change it ([`Flow`]'s fields are its flags) and start what
//! it wants. `CREATE STREAMING TABLE` and `CREATE MATERIALIZED VIEW` live in folders of the warehouse, as parquet; both can be read
//! by the statements that follow.

use super::catalog::{Growing, MANAGED, RESULTS, table_name};
use super::pipeline::{self, is_managed};
use super::reader::put_option;
use super::write_options::WriteOptions;
use super::{CHECKPOINTS, Session, describe, insert};
use crate::catalog::{CatalogEntry, TableDefinition};
use crate::error::{Error, Result};
use crate::frame::StreamFrame;
use crate::plan::{LogicalPlan, PlanNode, explain};
use crate::query::StreamingQuery;
use crate::sink::OutputMode;
use crate::sql::{self, Insert, ObjectName, Query, Statement, StatementKind, ViewDefinition};
use crate::trigger::Trigger;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::path::PathBuf;
use std::sync::Arc;

/// A query that a script describes: what it reads, where it writes. [`Flow::start`] starts it; before, its fields may be changed.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name: that of the flow, of the managed table, or `queryName`. `None` for an `INSERT` without one.
    pub name: Option<String>,
    /// What it computes: exactly the columns of the target.
    pub plan: Arc<LogicalPlan>,
    /// Where it writes, with the options of source and sink alone.
    pub target: Arc<TableDefinition>,
    /// Which rows of the result each batch writes.
    pub output_mode: OutputMode,
    /// What starts batches.
    pub trigger: Trigger,
    /// Where its checkpoint is kept; `None`, and the rules of the session say where.
    pub checkpoint_location: Option<PathBuf>,
}

/// What a statement of a script gives.
#[derive(Debug, Clone)]
pub enum ScriptOutput {
    /// A query into a table: to be started.
    Flow(Flow),
    /// A `SELECT` over a stream that says nothing of where its rows go.
    Stream(StreamFrame),
    /// Rows to show: a `SELECT` over tables, `DESCRIBE`, `SHOW TABLES`, `EXPLAIN`, `SET`.
    Table(SchemaRef, Vec<RecordBatch>),
}

impl Flow {
    /// What it is called: by its name, else by its target.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.target.name)
    }

    /// Starts the query.
    ///
    /// # Errors
    ///
    /// As [`crate::session::DataStreamWriter::start`].
    pub fn start(&self, session: &Session) -> Result<StreamingQuery> {
        super::start::start_flow(session, self)
    }
}

/// Runs the statements of a text in order.
pub(super) fn run(session: &Session, text: &str) -> Result<Vec<ScriptOutput>> {
    let mut outputs = vec![];
    for statement in sql::parse_script_with(text, &session.functions())? {
        let output = run_statement(session, &statement)
            .map_err(|error| error.with_span(statement.span).with_sql(&statement.text))?;
        outputs.extend(output);
    }
    Ok(outputs)
}

fn run_statement(session: &Session, statement: &Statement) -> Result<Option<ScriptOutput>> {
    match &statement.kind {
        StatementKind::CreateTable {
            definition,
            if_not_exists,
        } => {
            if !exists(session, &definition.name, *if_not_exists)? {
                declare(session, definition.clone(), &statement.text);
            }
        }
        StatementKind::CreateTemporaryView {
            name,
            or_replace,
            definition,
        } => {
            let name = table_name(&name.parts);
            create_view(session, &name, *or_replace, (definition, &statement.text))?;
        }
        StatementKind::CreateFlow {
            name,
            insert,
            comment: _,
        } => {
            let name = Some(name.to_string());
            return insert_flow(session, name, insert).map(|flow| Some(ScriptOutput::Flow(flow)));
        }
        StatementKind::InsertInto(insert) => {
            return insert_flow(session, None, insert).map(|flow| Some(ScriptOutput::Flow(flow)));
        }
        StatementKind::CreateStreamingTable {
            definition,
            if_not_exists,
            query,
        } => {
            return create_streaming_table(session, definition, *if_not_exists, query.as_ref());
        }
        StatementKind::CreateMaterializedView {
            definition,
            if_not_exists,
            query,
        } => {
            return create_materialized_view(session, definition, *if_not_exists, query);
        }
        StatementKind::Set {
            key: Some(key),
            value: Some(value),
        } => session.set(key, value)?,
        StatementKind::Set { key, .. } => {
            return describe::settings(session, key.as_deref()).map(Some);
        }
        StatementKind::Reset { key } => reset(session, key.as_deref())?,
        StatementKind::DropTable { name, if_exists } => {
            drop_name(session, name, *if_exists, false)?;
        }
        StatementKind::DropView { name, if_exists } => drop_name(session, name, *if_exists, true)?,
        StatementKind::Describe { name, is_extended } => {
            return describe::table(session, &table_name(&name.parts), *is_extended).map(Some);
        }
        StatementKind::ShowTables { pattern } => {
            return describe::tables(session, pattern.as_deref()).map(Some);
        }
        StatementKind::Explain { statement, .. } => return explained(session, statement).map(Some),
        StatementKind::Query(query) => return run_query(session, query).map(Some),
    }
    Ok(None)
}

/// Whether a name is taken.
///
/// # Errors
///
/// `TABLE_OR_VIEW_ALREADY_EXISTS`, if it is and the statement does not say `IF NOT EXISTS`.
fn exists(session: &Session, name: &str, if_not_exists: bool) -> Result<bool> {
    let is_taken = session.catalog().contains(name);
    if is_taken && !if_not_exists {
        return Err(Error::invalid(format!(
            "there is a table or view of this name already. name=`{name}`"
        ))
        .with_condition("TABLE_OR_VIEW_ALREADY_EXISTS"));
    }
    Ok(is_taken)
}

/// Declares a table that stands in this text.
fn declare(session: &Session, mut definition: TableDefinition, text: &Arc<str>) {
    definition.written = definition.written.within(text);
    put_table(session, definition);
}

fn put_table(session: &Session, definition: TableDefinition) {
    let name = definition.name.clone();
    let entry = CatalogEntry::Table(Arc::new(definition));
    session.catalog_mut().put(&name, entry);
}

fn create_view(
    session: &Session,
    name: &str,
    or_replace: bool,
    (definition, text): (&ViewDefinition, &Arc<str>),
) -> Result<()> {
    if !or_replace {
        exists(session, name, false)?;
    }
    match definition {
        ViewDefinition::Query(query) => {
            let plan = session.lower(query)?;
            session.catalog_mut().put(name, CatalogEntry::View(plan));
        }
        ViewDefinition::Table(definition) => {
            let definition = TableDefinition {
                name: name.to_owned(),
                ..definition.clone()
            };
            declare(session, definition, text);
        }
    }
    Ok(())
}

fn drop_name(session: &Session, name: &ObjectName, if_exists: bool, is_view: bool) -> Result<()> {
    let name = table_name(&name.parts);
    let mut catalog = session.catalog_mut();
    let found = match catalog.get(&name) {
        Ok(CatalogEntry::View(_)) => true,
        Ok(CatalogEntry::Table(_) | CatalogEntry::Source(_)) => false,
        Err(_) if if_exists => return Ok(()),
        Err(error) => return Err(error),
    };
    if found != is_view {
        let (is, other) = if found {
            ("view", "DROP VIEW")
        } else {
            ("table", "DROP TABLE")
        };
        return Err(
            Error::invalid(format!("this is a {is}: use {other}. name=`{name}`"))
                .with_condition("WRONG_COMMAND_FOR_OBJECT_TYPE"),
        );
    }
    catalog.remove(&name);
    Ok(())
}

fn reset(session: &Session, key: Option<&str>) -> Result<()> {
    session.change_settings(|settings| {
        if let Some(key) = key {
            settings.reset(key)
        } else {
            *settings = super::Settings::default();
            Ok(())
        }
    })
}

/// A query into a table that is declared: a declared sink, or a streaming table.
fn insert_flow(session: &Session, name: Option<String>, insert: &Insert) -> Result<Flow> {
    let plan = streaming_plan(session, &insert.query)?;
    let target = table_name(&insert.target.parts);
    let entry = session.catalog().get(&target).cloned();
    let entry = entry.map_err(|error| error.with_span(insert.target.span))?;
    let CatalogEntry::Table(definition) = entry else {
        return Err(Error::invalid(format!(
            "rows go into tables that are declared with CREATE TABLE or CREATE STREAMING TABLE. name=`{target}`"
        ))
        .with_condition("UNSUPPORTED_INSERT.NOT_ALLOWED")
        .with_span(insert.target.span));
    };
    let mut options = insert.options.clone();
    let write = WriteOptions::take_from(&mut options)?;
    let mut definition = if is_managed(&definition) {
        let name = name.as_ref().or(write.query_name.as_ref());
        let flow = name.unwrap_or(&definition.name).clone();
        pipeline::add_flow(session, &definition, &flow, &insert.target)?
    } else {
        TableDefinition::clone(&definition)
    };
    for (key, value) in options {
        put_option(&mut definition.options, key, value);
    }
    let write = WriteOptions {
        query_name: name.or(write.query_name),
        ..write
    };
    fitted_flow(session, &plan, &definition, write, insert.by_name)
}

/// A flow into a declared table, whose columns meet those of the plan by name.
///
/// # Errors
///
/// `Invalid`, if the columns do not fit or a table's option has a bad value.
pub(super) fn table_flow(
    session: &Session,
    plan: &Arc<LogicalPlan>,
    definition: &TableDefinition,
    write: WriteOptions,
) -> Result<Flow> {
    fitted_flow(session, plan, definition, write, true)
}

fn fitted_flow(
    session: &Session,
    plan: &Arc<LogicalPlan>,
    definition: &TableDefinition,
    write: WriteOptions,
    by_name: bool,
) -> Result<Flow> {
    let plan = match &definition.columns {
        Some(columns) => insert::fit(plan, &definition.name, columns, by_name)?,
        None => Arc::clone(plan),
    };
    let mut target = definition.clone();
    let write = write.or(WriteOptions::take_from(&mut target.options)?);
    let settings = session.settings();
    let mode = write.output_mode.or(settings.output_mode);
    let trigger = write.trigger.or(settings.trigger);
    Ok(Flow {
        name: write.query_name,
        plan,
        target: Arc::new(target),
        output_mode: mode.unwrap_or_default(),
        trigger: trigger.unwrap_or_default(),
        checkpoint_location: write.checkpoint_location,
    })
}

/// The plan of a query that must read a stream.
fn streaming_plan(session: &Session, query: &Query) -> Result<Arc<LogicalPlan>> {
    let plan = session.lower(query)?;
    refuse_batch(&plan, query)?;
    Ok(plan)
}

/// # Errors
///
/// `Invalid`, if the plan reads no stream.
fn refuse_batch(plan: &LogicalPlan, query: &Query) -> Result<()> {
    if plan.is_streaming() {
        return Ok(());
    }
    Err(Error::invalid(
        "only a query that reads a stream writes rows: read its source with STREAM, as in FROM STREAM t",
    )
    .with_condition("INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE")
    .with_span(query.span()))
}

fn create_streaming_table(
    session: &Session,
    definition: &TableDefinition,
    if_not_exists: bool,
    query: Option<&Query>,
) -> Result<Option<ScriptOutput>> {
    if exists(session, &definition.name, if_not_exists)? {
        return Ok(None);
    }
    let Some(query) = query else {
        let definition = managed(session, definition, definition.columns.clone())?;
        put_table(session, definition);
        return Ok(None);
    };
    let plan = streaming_plan(session, query)?;
    managed_flow(session, definition, &plan, OutputMode::Append).map(Some)
}

fn create_materialized_view(
    session: &Session,
    definition: &TableDefinition,
    if_not_exists: bool,
    query: &Query,
) -> Result<Option<ScriptOutput>> {
    if exists(session, &definition.name, if_not_exists)? {
        return Ok(None);
    }
    let plan = sql::lower_query(query, &Growing(session))?;
    refuse_batch(&plan, query)?;
    let mode = if has_aggregate(&plan) {
        OutputMode::Complete
    } else {
        OutputMode::Append
    };
    managed_flow(session, definition, &plan, mode).map(Some)
}

/// Whether the result of a plan changes with later rows, so that keeping it up to date means writing it anew.
fn has_aggregate(plan: &LogicalPlan) -> bool {
    matches!(plan.node, PlanNode::Aggregate { .. })
        || plan.inputs().into_iter().any(|input| has_aggregate(input))
}

/// Declares a table of the warehouse, and the query that fills it.
fn managed_flow(
    session: &Session,
    definition: &TableDefinition,
    plan: &Arc<LogicalPlan>,
    mode: OutputMode,
) -> Result<ScriptOutput> {
    let columns = match &definition.columns {
        Some(columns) => columns.clone(),
        None => plan.schema.to_arrow(),
    };
    let definition = managed(session, definition, Some(columns))?;
    let write = WriteOptions {
        output_mode: Some(mode),
        query_name: Some(definition.name.clone()),
        ..WriteOptions::default()
    };
    let flow = table_flow(session, plan, &definition, write)?;
    let mut declared = pipeline::with_flow(&definition, &definition.name);
    if mode == OutputMode::Complete {
        declared
            .properties
            .insert(RESULTS.to_owned(), "true".to_owned());
    }
    put_table(session, declared);
    Ok(ScriptOutput::Flow(flow))
}

/// The table with its folder in the warehouse and a checkpoint beside it.
fn managed(
    session: &Session,
    definition: &TableDefinition,
    columns: Option<SchemaRef>,
) -> Result<TableDefinition> {
    let folder = super::checkpoint_location::file_name(&definition.name)?;
    let warehouse = session.settings().warehouse;
    let text = |path: PathBuf| path.display().to_string();
    let mut managed = definition.clone();
    if managed.format.is_empty() {
        "parquet".clone_into(&mut managed.format);
    }
    managed.columns = columns;
    managed
        .options
        .insert("path".to_owned(), text(warehouse.join(&folder)));
    let checkpoint = text(warehouse.join(CHECKPOINTS).join(&folder));
    managed
        .options
        .insert("checkpointLocation".to_owned(), checkpoint);
    managed
        .properties
        .insert(MANAGED.to_owned(), "true".to_owned());
    Ok(managed)
}

fn run_query(session: &Session, query: &Query) -> Result<ScriptOutput> {
    let frame = StreamFrame::of(session, Ok(session.lower(query)?));
    if frame.is_streaming() {
        return Ok(ScriptOutput::Stream(frame));
    }
    Ok(ScriptOutput::Table(
        frame.schema()?,
        frame.collect_batches()?,
    ))
}

/// The plan of the query in a statement.
fn explained(session: &Session, statement: &Statement) -> Result<ScriptOutput> {
    let query = match &statement.kind {
        StatementKind::Query(query)
        | StatementKind::CreateMaterializedView { query, .. }
        | StatementKind::CreateStreamingTable {
            query: Some(query), ..
        }
        | StatementKind::CreateTemporaryView {
            definition: ViewDefinition::Query(query),
            ..
        } => query,
        StatementKind::CreateFlow { insert, .. } | StatementKind::InsertInto(insert) => {
            let flow = insert_flow(session, None, insert)?;
            return describe::lines("plan", &explain::explain(&flow.plan));
        }
        _ => return Err(Error::unsupported("EXPLAIN of a statement without a query")),
    };
    let plan = session.lower(query)?;
    describe::lines("plan", &explain::explain(&plan))
}
