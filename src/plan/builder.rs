//! The plan builder: one function a verb, used by the SQL front end and the DataFrame API alike.
//!
//! Each verb takes plans that are resolved, resolves what was written against their columns at once, and gives a resolved plan.
//! There is no plan that waits for names; the order in which the clauses of a `SELECT` see each other is in [`select()`].
//!
//! Expressions keep the place they have in the SQL text, and errors point there. What is allowed on a stream is not decided here but
//! in [`crate::plan::check`].

mod column;
mod generate;
mod group;
mod join;
mod over;
mod process;
mod select;
mod set;
mod sort;
#[cfg(test)]
pub(crate) mod tests;
mod watermark;
mod window;

pub use generate::{LateralView, generate};
pub use group::{Grouping, aggregate};
pub(crate) use join::equality;
pub use join::{JoinCondition, join};
pub(crate) use process::process;
pub use select::{Select, select, select_block};
pub use set::{distinct, drop_duplicates, except, intersect, union, union_by_name};
pub(crate) use sort::check_orderable;
pub use sort::{SortItem, limit, sort};
pub use watermark::{EventTimeColumn, watermark};

use crate::analyze::column::{StarOr, same_name};
use crate::analyze::{Analyzer, Place, WindowSpec};
use crate::error::Result;
use crate::expr::{Ast, Expr};
use crate::plan::{Column, LogicalPlan, NamedExpr, PlanNode, PlanSchema, Relation};
use arrow::datatypes::Schema;
use std::sync::Arc;

/// Reads a relation whose rows have these columns.
pub fn scan(relation: Relation, schema: &Schema) -> Arc<LogicalPlan> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| Column::of_field(field))
        .collect();
    node(PlanNode::Scan(relation), columns)
}

/// Calls the relation `name`: from now on its columns are found as `name.column`, and as nothing else's.
pub fn alias(input: &Arc<LogicalPlan>, name: &str) -> Arc<LogicalPlan> {
    let columns = input
        .schema
        .columns
        .iter()
        .map(|column| Column {
            qualifier: Some(name.to_owned()),
            ..column.clone()
        })
        .collect();
    with_columns_of(input, columns)
}

/// Calls the last `count` columns the relation `name`, and themselves by `names` if there are any; without an alias they belong to none.
///
/// # Errors
///
/// `ASSIGNMENT_ARITY_MISMATCH`, if there are not as many names as columns.
pub(crate) fn alias_last(
    input: &Arc<LogicalPlan>,
    count: usize,
    alias: Option<&str>,
    names: &[String],
) -> Result<Arc<LogicalPlan>> {
    let before = input.schema.columns.len().saturating_sub(count);
    let mut columns = input.schema.columns.clone();
    let (_, last) = columns.split_at_mut(before);
    if !names.is_empty() {
        check_names(names, last.len())?;
        for (column, name) in last.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
    }
    for column in last {
        column.qualifier = alias.map(ToOwned::to_owned);
    }
    Ok(with_columns_of(input, columns))
}

/// Calls the relation and its columns: `AS name(a, b)`.
///
/// # Errors
///
/// `ASSIGNMENT_ARITY_MISMATCH`, if there are not as many names as columns.
pub fn alias_columns(
    input: &Arc<LogicalPlan>,
    name: &str,
    names: &[String],
) -> Result<Arc<LogicalPlan>> {
    check_names(names, input.schema.columns.len())?;
    let outputs = names
        .iter()
        .enumerate()
        .filter_map(|(index, own)| {
            let mut output = Output::of_column(&input.schema, index)?;
            output.column.name.clone_from(own);
            output.column.qualifier = Some(name.to_owned());
            Some(output)
        })
        .collect();
    Ok(project(input, outputs))
}

/// Refuses names that are not as many as columns.
fn check_names(names: &[String], columns: usize) -> Result<()> {
    if columns == names.len() {
        return Ok(());
    }
    Err(crate::error::Error::invalid(format!(
        "the number of column aliases does not match the number of columns. Number of column aliases: {}; number of columns: {columns}",
        names.len()
    ))
    .with_condition("ASSIGNMENT_ARITY_MISMATCH"))
}

/// Keeps the rows for which `condition` is true. A `window(…)` in it becomes a column: as in Spark, rows without
/// their time are gone, and a row that is in several windows comes once for each that it is kept for.
///
/// # Errors
///
/// `Invalid`, if it cannot be resolved or is no condition.
pub fn filter(input: &Arc<LogicalPlan>, condition: &Ast) -> Result<Arc<LogicalPlan>> {
    let spec = {
        let mut analyzer =
            Analyzer::new(&input.schema, Place::Where).streaming(input.is_streaming());
        WindowSpec::find(&mut analyzer, [condition])?
    };
    if spec.is_some() {
        let (windowed, window) = window::add(input, spec)?;
        let own_columns = input.schema.columns.len();
        let predicate = Analyzer::new(&windowed.schema, Place::Where)
            .streaming(input.is_streaming())
            .with_window(window, own_columns)
            .resolve_condition(condition)?;
        let kept = filtered(&windowed, predicate);
        // As in Spark the window is a column of what comes out, the first.
        let columns = std::iter::once(own_columns).chain(0..own_columns);
        let outputs = columns.filter_map(|index| Output::of_column(&kept.schema, index));
        return Ok(project(&kept, outputs.collect()));
    }
    let predicate = Analyzer::new(&input.schema, Place::Where)
        .streaming(input.is_streaming())
        .resolve_condition(condition)?;
    Ok(filtered(input, predicate))
}

/// Adds columns, or replaces those of the same name; the others stay where they are.
///
/// # Errors
///
/// `Invalid`, if an expression cannot be resolved.
pub fn with_columns(
    input: &Arc<LogicalPlan>,
    columns: &[(String, Ast)],
) -> Result<Arc<LogicalPlan>> {
    let mut items: Vec<StarOr> = vec![];
    for (index, column) in input.schema.columns.iter().enumerate() {
        let expr = column.expr(index);
        items.push(StarOr::Column(expr, column.name.clone()));
    }
    for (name, ast) in columns {
        let item = StarOr::Ast(ast.without_alias().clone().alias(name));
        let mut is_new = true;
        for (slot, column) in items.iter_mut().zip(&input.schema.columns) {
            if same_name(&column.name, name) {
                *slot = item.clone();
                is_new = false;
            }
        }
        if is_new {
            items.push(item);
        }
    }
    select::select_items(input, &items, &Select::default())
}

/// Takes columns out; names that are not there do not matter, as in Spark.
pub fn drop_columns(input: &Arc<LogicalPlan>, names: &[String]) -> Arc<LogicalPlan> {
    let outputs = (0..input.schema.columns.len())
        .filter_map(|index| Output::of_column(&input.schema, index))
        .filter(|output| {
            !names
                .iter()
                .any(|name| same_name(&output.column.name, name))
        })
        .collect();
    project(input, outputs)
}

/// Gives columns other names; names that are not there do not matter, as in Spark.
pub fn rename_columns(input: &Arc<LogicalPlan>, names: &[(String, String)]) -> Arc<LogicalPlan> {
    let outputs = (0..input.schema.columns.len())
        .filter_map(|index| Output::of_column(&input.schema, index))
        .map(|mut output| {
            let new = names
                .iter()
                .find(|(old, _)| same_name(&output.column.name, old));
            if let Some((_, new)) = new {
                output.column.name.clone_from(new);
                output.column.qualifier = None;
            }
            output
        })
        .collect();
    project(input, outputs)
}

/// An output column of a projection that is being made.
#[derive(Debug, Clone)]
struct Output {
    /// Over the input's columns.
    expr: Expr,
    /// What it is.
    column: Column,
}

impl Output {
    /// An expression under a name.
    fn new(expr: Expr, name: &str, input: &PlanSchema) -> Output {
        Output {
            column: Column {
                qualifier: None,
                name: name.to_owned(),
                data_type: expr.data_type.clone(),
                units: expr.units.clone(),
                is_nullable: expr.is_nullable,
                event_time: column::event_time(&expr, input),
            },
            expr,
        }
    }

    /// A column of the input as it is.
    fn of_column(input: &PlanSchema, index: usize) -> Option<Output> {
        let column = input.columns.get(index)?.clone();
        let expr = column.expr(index);
        Some(Output { expr, column })
    }
}

/// A node with its columns.
fn node(node: PlanNode, columns: Vec<Column>) -> Arc<LogicalPlan> {
    Arc::new(LogicalPlan {
        node,
        schema: Arc::new(PlanSchema { columns }),
    })
}

/// The same node with other names for its columns.
fn with_columns_of(input: &Arc<LogicalPlan>, columns: Vec<Column>) -> Arc<LogicalPlan> {
    node(input.node.clone(), columns)
}

/// A projection; none if it would change nothing but qualifiers.
fn project(input: &Arc<LogicalPlan>, outputs: Vec<Output>) -> Arc<LogicalPlan> {
    let is_identity = outputs.len() == input.schema.columns.len()
        && outputs
            .iter()
            .enumerate()
            .all(|(index, output)| column::index_of(&output.expr) == Some(index));
    let same_names = outputs
        .iter()
        .zip(&input.schema.columns)
        .all(|(output, column)| output.column.name == column.name);
    if is_identity && same_names {
        let columns = outputs.into_iter().map(|output| output.column).collect();
        return with_columns_of(input, columns);
    }
    let columns = outputs.iter().map(|output| output.column.clone()).collect();
    let exprs = outputs
        .into_iter()
        .map(|output| NamedExpr {
            expr: output.expr,
            name: output.column.name,
        })
        .collect();
    let project = PlanNode::Project {
        input: Arc::clone(input),
        columns: exprs,
    };
    node(project, columns)
}

/// A filter that is resolved already.
fn filtered(input: &Arc<LogicalPlan>, predicate: Expr) -> Arc<LogicalPlan> {
    let filter = PlanNode::Filter {
        input: Arc::clone(input),
        predicate,
    };
    node(filter, input.schema.columns.clone())
}
