//! Files whose tables read each other: where the flows into one table write, and in which order queries start.
//!
//! Each flow into a table of the warehouse has a folder of its own, because a folder of files belongs to one query: the flow that has the
//! table's name writes `warehouse/x`, a flow `f` beside it `warehouse/_flows/x/f`. To read the table is to read all of them.

use super::catalog::{MANAGED, make_folder, table_name};
use super::checkpoint_location::file_name;
use super::script::Flow;
use super::{CHECKPOINTS, Session};
use crate::catalog::{CatalogEntry, TableDefinition};
use crate::error::{Error, Result};
use crate::plan::{LogicalPlan, PlanNode, Relation};
use crate::sql::ObjectName;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The folder of the warehouse that holds the flows which are not called as their table.
const FLOW_FOLDERS: &str = "_flows";

/// The table property that names the flows into a managed table, as a JSON list.
const FLOWS: &str = "tidemill.flows";

/// The table property that says that a statement has read the table: which flows fill it is then settled.
const IS_READ: &str = "tidemill.isRead";

/// The names of the flows into a managed table, in the order they were declared.
pub(super) fn flows_of(definition: &TableDefinition) -> Vec<String> {
    let names = definition.properties.get(FLOWS);
    names
        .and_then(|names| serde_json::from_str(names).ok())
        .unwrap_or_default()
}

/// The same table, with one more flow.
pub(super) fn with_flow(definition: &TableDefinition, flow: &str) -> TableDefinition {
    let mut flows = flows_of(definition);
    flows.push(flow.to_owned());
    let mut definition = definition.clone();
    let names = serde_json::Value::from(flows).to_string();
    definition.properties.insert(FLOWS.to_owned(), names);
    definition
}

/// What a flow into a managed table writes: the table with the folders of the flow.
///
/// # Errors
///
/// `Invalid`, if the name of the flow cannot be that of a folder.
pub(super) fn part_of_flow(
    session: &Session,
    definition: &TableDefinition,
    flow: &str,
) -> Result<TableDefinition> {
    let mut part = definition.clone();
    if flow.eq_ignore_ascii_case(&definition.name) {
        return Ok(part);
    }
    let warehouse = session.settings().warehouse;
    let below = |root: &str| -> Result<String> {
        let folder = warehouse
            .join(root)
            .join(file_name(&definition.name)?)
            .join(file_name(flow)?);
        Ok(folder.display().to_string())
    };
    let options = &mut part.options;
    options.insert("path".to_owned(), below(FLOW_FOLDERS)?);
    let checkpoints = below(&format!("{CHECKPOINTS}/{FLOW_FOLDERS}"))?;
    options.insert("checkpointLocation".to_owned(), checkpoints);
    Ok(part)
}

/// Declares that `flow` fills the managed table `target`, and gives what it writes.
///
/// # Errors
///
/// `Invalid`: a flow of this name fills the table already, or a statement has read the table before.
pub(super) fn add_flow(
    session: &Session,
    definition: &TableDefinition,
    flow: &str,
    target: &ObjectName,
) -> Result<TableDefinition> {
    let table = &definition.name;
    let taken = flows_of(definition);
    if taken.iter().any(|taken| taken.eq_ignore_ascii_case(flow)) {
        return Err(Error::invalid(format!(
            "a flow of this name fills the table already: give this one a name of its own with CREATE FLOW name AS INSERT INTO. flow=`{flow}`, table=`{table}`"
        ))
        .with_span(target.span));
    }
    if definition.properties.contains_key(IS_READ) {
        return Err(Error::invalid(format!(
            "a statement further up has read the table: put the flows that fill it before. flow=`{flow}`, table=`{table}`"
        ))
        .with_span(target.span));
    }
    let entry = CatalogEntry::Table(Arc::new(with_flow(definition, flow)));
    session.catalog_mut().put(&table_name(&target.parts), entry);
    part_of_flow(session, definition, flow)
}

/// The parts of a managed table that is about to be read, each with the name of its flow. Their folders are made, since a table
/// may be read before its first batch is written.
///
/// # Errors
///
/// `Unavailable`, if a folder cannot be made.
pub(super) fn parts(
    session: &Session,
    name: &str,
    definition: &TableDefinition,
) -> Result<Vec<(String, TableDefinition)>> {
    let mut read = definition.clone();
    read.properties
        .insert(IS_READ.to_owned(), "true".to_owned());
    let entry = CatalogEntry::Table(Arc::new(read));
    session.catalog_mut().put(name, entry);
    let mut flows = flows_of(definition);
    if flows.is_empty() {
        flows.push(definition.name.clone());
    }
    flows
        .into_iter()
        .map(|flow| {
            let part = part_of_flow(session, definition, &flow)?;
            make_folder(&part)?;
            Ok((flow, part))
        })
        .collect()
}

/// Whether the table's folders are the warehouse's.
pub(super) fn is_managed(definition: &TableDefinition) -> bool {
    definition.properties.contains_key(MANAGED)
}

/// The flows of a file by rounds: a flow is in a later round than those whose tables it reads, as numbers into `flows`.
///
/// # Errors
///
/// `Invalid`, naming the flows that wait for each other.
pub fn rounds(session: &Session, flows: &[&Flow]) -> Result<Vec<Vec<usize>>> {
    let writes: Vec<Option<String>> = flows
        .iter()
        .map(|flow| session.source_name(&flow.target))
        .collect();
    let reads: Vec<BTreeSet<String>> = flows.iter().map(|flow| sources(&flow.plan)).collect();
    let mut waiting: BTreeSet<usize> = (0..flows.len()).collect();
    let mut rounds = Vec::new();
    while !waiting.is_empty() {
        let is_written_by = |flow: usize, source: &String| {
            waiting
                .iter()
                .any(|other| *other != flow && writes.get(*other) == Some(&Some(source.clone())))
        };
        let round: Vec<usize> = waiting
            .iter()
            .copied()
            .filter(|flow| {
                let reads = reads.get(*flow).into_iter().flatten();
                !reads.into_iter().any(|source| is_written_by(*flow, source))
            })
            .collect();
        if round.is_empty() {
            let name = |flow: &usize| flows.get(*flow).map(|flow| flow.label().to_owned());
            let names: Vec<String> = waiting.iter().filter_map(name).collect();
            return Err(Error::invalid(format!(
                "queries read each other's tables in a circle. queries=`{}`",
                names.join(", ")
            )));
        }
        waiting.retain(|flow| !round.contains(flow));
        rounds.push(round);
    }
    Ok(rounds)
}

/// What a plan reads, by the names sources have in checkpoints.
fn sources(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let PlanNode::Scan(Relation::Source { factory, .. }) = &plan.node {
        found.insert(factory.checkpoint_name());
    }
    for input in plan.inputs() {
        found.extend(sources(input));
    }
    found
}
