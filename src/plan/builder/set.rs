//! `UNION`, `EXCEPT`, `INTERSECT`, `DISTINCT` and deduplication.

use crate::analyze::column::{same_name, unresolved_column};
use crate::analyze::{cast_to, find_column, null_of};
use crate::error::{Error, Result};
use crate::plan::builder::{Output, node, project};
use crate::plan::{Column, LogicalPlan, NamedExpr, PlanNode};
use crate::types::{TypeUnits, common_type, is_hashable};
use std::sync::Arc;

/// All rows of all inputs, column by column: names are those of the first, types the common ones. `UNION ALL`; for `UNION` take
/// [`distinct`] of it.
///
/// # Errors
///
/// `NUM_COLUMNS_MISMATCH`, `INCOMPATIBLE_COLUMN_TYPE`.
pub fn union(inputs: &[Arc<LogicalPlan>]) -> Result<Arc<LogicalPlan>> {
    let Some((first, others)) = inputs.split_first() else {
        return Err(Error::internal("a union needs an input"));
    };
    if others.is_empty() {
        return Ok(Arc::clone(first));
    }
    let columns = common_columns("UNION", inputs)?;
    let mut flat = vec![];
    for input in inputs {
        let input = cast_columns(input, &columns);
        match &input.node {
            PlanNode::Union { inputs } => flat.extend(inputs.iter().cloned()),
            _ => flat.push(input),
        }
    }
    Ok(node(PlanNode::Union { inputs: flat }, columns))
}

/// All rows of both, matched by column name. With `allow_missing` a column that only one has is null for the other.
///
/// # Errors
///
/// `UNRESOLVED_COLUMN…` for a column that only one has; as [`union`].
pub fn union_by_name(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    allow_missing: bool,
) -> Result<Arc<LogicalPlan>> {
    let mut outputs = vec![];
    let mut used = vec![];
    for column in &left.schema.columns {
        let parts = [column.name.clone()];
        match find_column(&right.schema.columns, &parts)? {
            Some((index, _)) => {
                used.push(index);
                outputs.extend(Output::of_column(&right.schema, index));
            }
            None if allow_missing => {
                let null = null_of(&column.data_type).with_units(column.units.clone());
                outputs.push(Output::new(null, &column.name, &right.schema));
            }
            None => return Err(unresolved_column(&parts, &right.schema.columns)),
        }
    }
    let extra: Vec<usize> = (0..right.schema.columns.len())
        .filter(|index| !used.contains(index))
        .collect();
    let mut left_outputs: Vec<Output> = (0..left.schema.columns.len())
        .filter_map(|index| Output::of_column(&left.schema, index))
        .collect();
    for index in extra {
        let Some(output) = Output::of_column(&right.schema, index) else {
            continue;
        };
        if !allow_missing {
            return Err(Error::invalid(format!(
                "UNION by name needs the same columns on both sides, but the first has no column `{}`",
                output.column.name
            ))
            .with_condition("NUM_COLUMNS_MISMATCH"));
        }
        let column = &output.column;
        let null = null_of(&column.data_type).with_units(column.units.clone());
        left_outputs.push(Output::new(null, &column.name, &left.schema));
        outputs.push(output);
    }
    union(&[project(left, left_outputs), project(right, outputs)])
}

/// The rows of `left` that are not in `right`.
///
/// # Errors
///
/// As [`union`].
pub fn except(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    is_all: bool,
) -> Result<Arc<LogicalPlan>> {
    set_operation(left, right, true, is_all)
}

/// The rows that are in both.
///
/// # Errors
///
/// As [`union`].
pub fn intersect(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    is_all: bool,
) -> Result<Arc<LogicalPlan>> {
    set_operation(left, right, false, is_all)
}

fn set_operation(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    is_except: bool,
    is_all: bool,
) -> Result<Arc<LogicalPlan>> {
    let operator = if is_except { "EXCEPT" } else { "INTERSECT" };
    let columns = common_columns(operator, &[Arc::clone(left), Arc::clone(right)])?;
    let operation = PlanNode::SetOperation {
        left: cast_columns(left, &columns),
        right: cast_columns(right, &columns),
        is_except,
        is_all,
    };
    Ok(node(operation, columns))
}

/// The columns that all inputs can be cast to.
fn common_columns(operator: &str, inputs: &[Arc<LogicalPlan>]) -> Result<Vec<Column>> {
    let Some((first, others)) = inputs.split_first() else {
        return Ok(vec![]);
    };
    let mut columns = first.schema.columns.clone();
    for (position, other) in others.iter().enumerate() {
        if other.schema.columns.len() != columns.len() {
            return Err(Error::invalid(format!(
                "{operator} can only be performed on inputs with the same number of columns, but the first input has {} columns and the {} input has {} columns",
                columns.len(),
                ordinal(position + 2),
                other.schema.columns.len()
            ))
            .with_condition("NUM_COLUMNS_MISMATCH"));
        }
        for (index, (own, theirs)) in columns.iter_mut().zip(&other.schema.columns).enumerate() {
            let common = common_type(&own.data_type, &theirs.data_type).ok_or_else(|| {
                Error::invalid(format!(
                    "{operator} can only be performed on tables with compatible column types. The {} column of the {} table is \"{}\" type which is not compatible with \"{}\" at the same column of the first table",
                    ordinal(index + 1),
                    ordinal(position + 2),
                    theirs.sql_type(),
                    own.sql_type()
                ))
                .with_condition("INCOMPATIBLE_COLUMN_TYPE")
            })?;
            let both = [&*own, theirs].map(|column| (&column.data_type, &column.units));
            own.units = TypeUnits::union(&common, both).unwrap_or_default();
            own.data_type = common;
            own.is_nullable |= theirs.is_nullable;
        }
    }
    for column in &mut columns {
        column.qualifier = None;
    }
    Ok(columns)
}

/// The input with its columns cast to the types of `columns`.
fn cast_columns(input: &Arc<LogicalPlan>, columns: &[Column]) -> Arc<LogicalPlan> {
    let is_same = |(own, wanted): (&Column, &Column)| {
        own.data_type == wanted.data_type && own.units == wanted.units
    };
    if input.schema.columns.iter().zip(columns).all(is_same) {
        return Arc::clone(input);
    }
    let outputs = columns
        .iter()
        .enumerate()
        .filter_map(|(index, wanted)| {
            let own = Output::of_column(&input.schema, index)?;
            let expr = cast_to(own.expr, &wanted.data_type).with_units(wanted.units.clone());
            Some(Output::new(expr, &own.column.name, &input.schema))
        })
        .collect();
    project(input, outputs)
}

fn ordinal(position: usize) -> String {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    position
        .checked_sub(1)
        .and_then(|index| WORDS.get(index))
        .map_or_else(|| format!("{position}th"), |word| (*word).to_owned())
}

/// Each row once: an aggregation by all columns, as in Spark.
///
/// # Errors
///
/// `UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE`, if a column is or holds a map.
pub fn distinct(input: &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    if let Some(column) = input
        .schema
        .columns
        .iter()
        .find(|column| !is_hashable(&column.data_type))
    {
        return Err(Error::invalid(format!(
            "cannot have MAP type columns in DataFrame which calls set operations (INTERSECT, EXCEPT, etc.), but the type of column `{}` is \"{}\"",
            column.name,
            column.sql_type()
        ))
        .with_condition("UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE"));
    }
    let keys = (0..input.schema.columns.len())
        .filter_map(|index| Output::of_column(&input.schema, index))
        .map(|output| NamedExpr {
            expr: output.expr,
            name: output.column.name,
        })
        .collect();
    let aggregate = PlanNode::Aggregate {
        input: Arc::clone(input),
        keys,
        aggregates: vec![],
        session: None,
        operator_name: None,
    };
    Ok(node(aggregate, input.schema.columns.clone()))
}

/// The first row per key; without columns the whole row is the key. With `is_within_watermark` a key is forgotten once the
/// watermark has passed its first row's event time by the delay.
///
/// # Errors
///
/// `UNRESOLVED_COLUMN…`; a key that holds a map.
pub fn drop_duplicates(
    input: &Arc<LogicalPlan>,
    columns: &[String],
    is_within_watermark: bool,
) -> Result<Arc<LogicalPlan>> {
    let all = &input.schema.columns;
    let mut keys: Vec<usize> = vec![];
    for name in columns {
        // As in Spark, a name that several columns have stands for all of them.
        let found: Vec<usize> = (0..all.len())
            .filter(|index| {
                all.get(*index)
                    .is_some_and(|column| same_name(&column.name, name))
            })
            .collect();
        if found.is_empty() {
            let names: Vec<&str> = all.iter().map(|column| column.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "cannot resolve column name \"{name}\" among ({})",
                names.join(", ")
            ))
            .with_condition("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES"));
        }
        keys.extend(
            found
                .iter()
                .filter(|index| !keys.contains(index))
                .copied()
                .collect::<Vec<_>>(),
        );
    }
    if columns.is_empty() {
        keys = (0..all.len()).collect();
    }
    if let Some(column) = keys
        .iter()
        .filter_map(|index| all.get(*index))
        .find(|column| !is_hashable(&column.data_type))
    {
        return Err(Error::invalid(format!(
            "a column that holds a map cannot be compared for duplicates. column=`{}`",
            column.name
        ))
        .with_condition("UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE"));
    }
    let deduplicate = PlanNode::Deduplicate {
        input: Arc::clone(input),
        columns: keys,
        is_within_watermark,
    };
    Ok(node(deduplicate, all.clone()))
}
