//! What of a filter that lies right on a scan its source is told, so that it need not decode rows that are dropped anyway.
//!
//! The filter itself stays: see [`crate::source::filter`]. A source that is read for several branches is told nothing, since each of
//! them drops other rows; so is one with a watermark in between, which must see the rows that a filter above it drops.
//!
//! Which of several conditions is asked first does not matter, as in Spark: a row that one of them drops may never be seen by another one
//! that would fail on it. Only if all of them are deterministic is anything told: what `rand` gives depends on the rows it sees.

use super::Cut;
use crate::expr::{Expr, ExprKind};
use crate::format::ColumnTest;
use crate::plan::{LogicalPlan, PlanNode, Relation};
use crate::source::filter::RowFilter;
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

impl Cut<'_> {
    /// Notes the tests of `predicate`, the filter on `input`, which was just walked.
    pub(super) fn note_tests(&mut self, input: &LogicalPlan, predicate: &Expr) {
        let is_stream = matches!(
            &input.node,
            PlanNode::Scan(Relation::Source {
                is_streaming: true,
                ..
            })
        );
        if !is_stream || !predicate.is_deterministic() {
            return;
        }
        let Some(wanted) = self.wanted.len().checked_sub(1) else {
            return;
        };
        let tests: Vec<_> = predicate.conjuncts().into_iter().filter_map(test).collect();
        if !tests.is_empty() {
            self.tests.push((wanted, tests));
        }
    }

    /// The tests of an input's only user.
    pub(super) fn filter_of(&self, input: usize) -> Option<Arc<RowFilter>> {
        let mut users = self
            .wanted
            .iter()
            .enumerate()
            .filter(|(_, (of, _))| *of == input);
        let (only, _) = users.next().filter(|_| users.next().is_none())?;
        let (_, tests) = self.tests.iter().find(|(wanted, _)| *wanted == only)?;
        Some(Arc::new(RowFilter::new(tests.clone())))
    }
}

/// What a condition says about one column, if it is of a simple form and fails for null.
fn test(condition: &Expr) -> Option<(usize, ColumnTest)> {
    match &condition.kind {
        ExprKind::Call(function, arguments) => match (function.name, arguments.as_slice()) {
            ("isnotnull", [column]) => Some((column_index(column)?, ColumnTest::IsNotNull)),
            ("=", [left, right]) => {
                let (column, value) = match column_index(left) {
                    Some(column) => (column, right),
                    None => (column_index(right)?, left),
                };
                Some((column, ColumnTest::IsOneOf(vec![string(value)?])))
            }
            _ => None,
        },
        // `IN` becomes this, too.
        ExprKind::Or(left, right) => match (test(left)?, test(right)?) {
            ((column, ColumnTest::IsOneOf(mut values)), (other, ColumnTest::IsOneOf(more)))
                if column == other =>
            {
                values.extend(more);
                Some((column, ColumnTest::IsOneOf(values)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn column_index(expr: &Expr) -> Option<usize> {
    match expr.kind {
        ExprKind::Column(index) => Some(index),
        _ => None,
    }
}

fn string(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(value)
            if *value.data_type() == DataType::Utf8 && value.null_count() == 0 =>
        {
            let value = value.as_string::<i32>().iter().next().flatten()?;
            Some(value.to_owned())
        }
        _ => None,
    }
}
