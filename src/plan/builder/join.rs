//! Joins.
//!
//! The condition is resolved over the left columns, then the right ones. Of its conjuncts, those that say an expression over the left
//! equals one over the right become the join's equalities; the rest stays a condition.

use crate::analyze::column::{quoted, same_name};
use crate::analyze::{Analyzer, Place, cast_to};
use crate::error::{Error, Result};
use crate::expr::{Ast, Expr, ExprKind, common_units};
use crate::plan::builder::window::call;
use crate::plan::builder::{Output, node, project};
use crate::plan::{Column, JoinType, LogicalPlan, PlanNode, PlanSchema};
use crate::types::common_type;
use std::ops::Range;
use std::sync::Arc;

/// What makes a row of the left and one of the right a pair.
#[derive(Debug, Clone)]
pub enum JoinCondition {
    /// `ON condition`.
    On(Ast),
    /// `USING (columns)`: equal, and in the result once, before the other columns.
    Using(Vec<String>),
    /// `NATURAL`: using all columns that both have.
    Natural,
    /// Every row with every row.
    None,
}

/// Joins two plans.
///
/// # Errors
///
/// `Invalid`, if the condition cannot be resolved or is none.
pub fn join(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    join_type: JoinType,
    condition: &JoinCondition,
) -> Result<Arc<LogicalPlan>> {
    match condition {
        JoinCondition::On(ast) => {
            let schema = both(left, right);
            let condition = Analyzer::new(&schema, Place::JoinCondition)
                .streaming(left.is_streaming() || right.is_streaming())
                .resolve_condition(ast)?;
            Ok(joined(left, right, join_type, Some(&condition)))
        }
        JoinCondition::None => Ok(joined(left, right, join_type, None)),
        JoinCondition::Using(names) => using(left, right, join_type, names),
        JoinCondition::Natural => {
            let names: Vec<String> = left
                .schema
                .columns
                .iter()
                .filter(|column| {
                    right
                        .schema
                        .columns
                        .iter()
                        .any(|other| same_name(&other.name, &column.name))
                })
                .map(|column| column.name.clone())
                .collect();
            using(left, right, join_type, &names)
        }
    }
}

/// The columns of both sides.
fn both(left: &LogicalPlan, right: &LogicalPlan) -> PlanSchema {
    let columns = left.schema.columns.iter().chain(&right.schema.columns);
    PlanSchema {
        columns: columns.cloned().collect(),
    }
}

/// A join whose condition is resolved over both sides.
fn joined(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    join_type: JoinType,
    condition: Option<&Expr>,
) -> Arc<LogicalPlan> {
    let width = left.schema.columns.len();
    let mut equalities = vec![];
    let mut residual = vec![];
    for conjunct in condition.map(Expr::conjuncts).unwrap_or_default() {
        match equality(conjunct, width, right.schema.columns.len()) {
            Some(sides) => equalities.push(sides),
            None => residual.push(conjunct.clone()),
        }
    }
    let has_condition = condition.is_some();
    let are_streams = left.is_streaming() && right.is_streaming();
    let columns = output_columns(left, right, join_type);
    let join = PlanNode::Join {
        left: Arc::clone(left),
        right: Arc::clone(right),
        join_type: match join_type {
            // Of streams, a condition above may still make it one that runs, but not of what is written as CROSS JOIN.
            JoinType::Inner if !has_condition && !are_streams => JoinType::Cross,
            JoinType::Cross if has_condition => JoinType::Inner,
            other => other,
        },
        equalities,
        residual: Expr::conjunction(residual),
    };
    node(join, columns)
}

/// `a = b` or `a <=> b` with one side over the left columns alone and one over the right: each over its own columns, and whether nulls
/// are equal.
pub(crate) fn equality(
    conjunct: &Expr,
    left_width: usize,
    right_width: usize,
) -> Option<(Expr, Expr, bool)> {
    let ExprKind::Call(function, arguments) = &conjunct.kind else {
        return None;
    };
    let is_null_safe = match function.name {
        "=" => false,
        "<=>" => true,
        _ => return None,
    };
    let [first, second] = &arguments[..] else {
        return None;
    };
    let left_columns = 0..left_width;
    let right_columns = left_width..left_width + right_width;
    let (left, right) = if is_over(first, &left_columns) && is_over(second, &right_columns) {
        (first, second)
    } else if is_over(first, &right_columns) && is_over(second, &left_columns) {
        (second, first)
    } else {
        return None;
    };
    let left = left.remap_columns(left_width, &|index| index);
    let right = right.remap_columns(right_width, &|index| index - left_width);
    Some((left, right, is_null_safe))
}

/// Whether it reads columns of this range, and only those.
fn is_over(expr: &Expr, range: &Range<usize>) -> bool {
    let columns = expr.columns();
    !columns.is_empty()
        && expr.is_deterministic()
        && columns.iter().all(|column| range.contains(column))
}

/// The columns of the result: those of a side that may find no partner may be null.
fn output_columns(left: &LogicalPlan, right: &LogicalPlan, join_type: JoinType) -> Vec<Column> {
    let (keeps_left, keeps_right) = match join_type {
        JoinType::LeftSemi | JoinType::LeftAnti => return left.schema.columns.clone(),
        JoinType::Inner | JoinType::Cross => (false, false),
        JoinType::LeftOuter => (true, false),
        JoinType::RightOuter => (false, true),
        JoinType::FullOuter => (true, true),
    };
    let nullable = |columns: &[Column], may_be_missing: bool| -> Vec<Column> {
        columns
            .iter()
            .map(|column| Column {
                is_nullable: column.is_nullable || may_be_missing,
                ..column.clone()
            })
            .collect()
    };
    let mut columns = nullable(&left.schema.columns, keeps_right);
    columns.extend(nullable(&right.schema.columns, keeps_left));
    columns
}

/// Joins on columns of the same name, which the result has once: of the side that is always there, of a full join the first that is
/// not null.
fn using(
    left: &Arc<LogicalPlan>,
    right: &Arc<LogicalPlan>,
    join_type: JoinType,
    names: &[String],
) -> Result<Arc<LogicalPlan>> {
    let width = left.schema.columns.len();
    let mut pairs = vec![];
    let mut condition = None;
    for name in names {
        let left_index = using_column(left, name, "left")?;
        let right_index = width + using_column(right, name, "right")?;
        let equal = equal_columns(&both(left, right), left_index, right_index, name)?;
        condition = Some(match condition {
            None => equal,
            Some(before) => Expr::and(before, equal),
        });
        pairs.push((left_index, right_index));
    }
    let join = joined(left, right, join_type, condition.as_ref());
    if matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti) {
        return Ok(join);
    }
    let mut outputs = vec![];
    for (left_index, right_index) in &pairs {
        outputs.extend(match join_type {
            JoinType::RightOuter => Output::of_column(&join.schema, *right_index),
            JoinType::FullOuter => merged(&join.schema, *left_index, *right_index),
            _ => Output::of_column(&join.schema, *left_index),
        });
    }
    let is_key = |index: usize| {
        pairs
            .iter()
            .any(|(left, right)| index == *left || index == *right)
    };
    outputs.extend(
        (0..join.schema.columns.len())
            .filter(|index| !is_key(*index))
            .filter_map(|index| Output::of_column(&join.schema, index)),
    );
    Ok(project(&join, outputs))
}

/// The only column of this name on a side.
fn using_column(side: &LogicalPlan, name: &str, which: &str) -> Result<usize> {
    let columns = &side.schema.columns;
    let found: Vec<usize> = (0..columns.len())
        .filter(|index| {
            columns
                .get(*index)
                .is_some_and(|column| same_name(&column.name, name))
        })
        .collect();
    match found[..] {
        [index] => Ok(index),
        [] => {
            let names: Vec<String> = columns
                .iter()
                .map(|column| quoted(std::slice::from_ref(&column.name)))
                .collect();
            Err(Error::invalid(format!(
                "USING column `{name}` cannot be resolved on the {which} side of the join. The {which}-side columns: [{}]",
                names.join(", ")
            ))
            .with_condition("UNRESOLVED_USING_COLUMN_FOR_JOIN"))
        }
        _ => Err(Error::invalid(format!(
            "reference `{name}` is ambiguous on the {which} side of the join"
        ))
        .with_condition("AMBIGUOUS_REFERENCE")),
    }
}

fn equal_columns(schema: &PlanSchema, left: usize, right: usize, name: &str) -> Result<Expr> {
    let column = |index: usize| Output::of_column(schema, index).map(|output| output.expr);
    let (Some(left), Some(right)) = (column(left), column(right)) else {
        return Err(Error::internal("a column of a join is not there"));
    };
    let Some(data_type) = common_type(&left.data_type, &right.data_type) else {
        return Err(Error::invalid(format!(
            "the columns of USING cannot be compared: the types differ. column=`{name}`"
        ))
        .with_condition("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"));
    };
    call(
        "=",
        vec![cast_to(left, &data_type), cast_to(right, &data_type)],
    )
}

/// The first of two columns that is not null.
fn merged(schema: &PlanSchema, left: usize, right: usize) -> Option<Output> {
    let left = Output::of_column(schema, left)?;
    let right = Output::of_column(schema, right)?;
    let data_type = common_type(&left.expr.data_type, &right.expr.data_type)?;
    let name = left.column.name.clone();
    let coalesce = Expr {
        units: common_units(&data_type, [&left.expr, &right.expr]),
        is_nullable: left.expr.is_nullable && right.expr.is_nullable,
        span: left.expr.span,
        kind: ExprKind::Coalesce(vec![
            cast_to(left.expr, &data_type),
            cast_to(right.expr, &data_type),
        ]),
        data_type,
    };
    Some(Output::new(coalesce, &name, schema))
}
