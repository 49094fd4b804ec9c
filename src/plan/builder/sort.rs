//! `ORDER BY` and `LIMIT`.

use crate::analyze::{Analyzer, Place, literal_value, mismatch};
use crate::error::{Error, Result};
pub use crate::expr::SortItem;
use crate::expr::{Ast, AstKind, Expr};
use crate::plan::builder::node;
use crate::plan::{LogicalPlan, PlanNode, SortKey};
use crate::types::is_orderable;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use std::sync::Arc;

impl SortItem {
    /// The key, given what its expression resolved to.
    pub(crate) fn key(&self, expr: Expr) -> SortKey {
        SortKey {
            expr,
            is_descending: self.is_descending,
            nulls_first: self.puts_nulls_first(),
        }
    }
}

/// Sorts by expressions over the columns of the input.
///
/// # Errors
///
/// `Invalid`, if an expression cannot be resolved or its values have no order.
pub fn sort(input: &Arc<LogicalPlan>, items: &[SortItem]) -> Result<Arc<LogicalPlan>> {
    let mut keys = vec![];
    for item in expand_all(items, input.schema.columns.len()) {
        let position = ordinal(&item.expr, input.schema.columns.len(), "ORDER BY")?;
        let expr = match position.and_then(|index| Some((index, input.schema.columns.get(index)?)))
        {
            Some((index, column)) => column.expr(index),
            None => Analyzer::new(&input.schema, Place::Projection)
                .streaming(input.is_streaming())
                .resolve(&item.expr)?,
        };
        check_orderable(&expr, &item.expr.sql(&input.schema))
            .map_err(|error| error.with_span(item.expr.span))?;
        keys.push(item.key(expr));
    }
    Ok(sorted(input, keys))
}

/// `ORDER BY ALL` is every column in order.
pub(super) fn expand_all(items: &[SortItem], columns: usize) -> Vec<SortItem> {
    let [item] = items else {
        return items.to_vec();
    };
    let AstKind::Name(parts) = &item.expr.kind else {
        return items.to_vec();
    };
    if !matches!(&parts[..], [name] if name.eq_ignore_ascii_case("all")) {
        return items.to_vec();
    }
    (1..=columns)
        .filter_map(|position| {
            Some(SortItem {
                expr: Ast::int(i32::try_from(position).ok()?).at(item.expr.span),
                ..item.clone()
            })
        })
        .collect()
}

/// The index that a constant number stands for as a position, from 1, among `count` columns.
pub(super) fn ordinal(ast: &Ast, count: usize, clause: &str) -> Result<Option<usize>> {
    let AstKind::Literal(value) = &ast.kind else {
        return Ok(None);
    };
    let Some(number) = literal_value(&Expr::literal(Arc::clone(value)))
        .and_then(|value| value.as_primitive_opt::<Int32Type>())
        .filter(|value| value.is_valid(0))
        .map(|value| value.value(0))
    else {
        return Ok(None);
    };
    usize::try_from(number)
        .ok()
        .and_then(|position| position.checked_sub(1))
        .filter(|index| *index < count)
        .map(Some)
        .ok_or_else(|| {
            Error::invalid(format!(
                "{clause} position {number} is not in select list (valid range is [1, {count}])"
            ))
            .with_condition(format!("{}_POS_OUT_OF_RANGE", clause.replace(' ', "_")))
            .with_span(ast.span)
        })
}

/// Refuses what has no order.
pub(crate) fn check_orderable(expr: &Expr, text: &str) -> Result<()> {
    if is_orderable(&expr.data_type) {
        return Ok(());
    }
    Err(mismatch(
        "INVALID_ORDERING_TYPE",
        text,
        &format!(
            "the `sortorder` does not support ordering on type \"{}\"",
            expr.sql_type()
        ),
    ))
}

/// A sort whose keys are resolved; none if there are no keys.
pub(super) fn sorted(input: &Arc<LogicalPlan>, keys: Vec<SortKey>) -> Arc<LogicalPlan> {
    if keys.is_empty() {
        return Arc::clone(input);
    }
    let sort = PlanNode::Sort {
        input: Arc::clone(input),
        keys,
    };
    node(sort, input.schema.columns.clone())
}

/// Keeps `rows` rows after the first `offset`.
pub fn limit(input: &Arc<LogicalPlan>, rows: Option<u64>, offset: u64) -> Arc<LogicalPlan> {
    if rows.is_none() && offset == 0 {
        return Arc::clone(input);
    }
    let limit = PlanNode::Limit {
        input: Arc::clone(input),
        rows: rows.unwrap_or(u64::MAX),
        offset,
    };
    node(limit, input.schema.columns.clone())
}
