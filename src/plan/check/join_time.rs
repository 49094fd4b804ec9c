//! How long a join of two streams must remember a row: the bound that its condition puts on event times.
//!
//! A conjunct such as `b.ts >= a.ts AND b.ts <= a.ts + 1 hour` says, given the watermark of one side, from which event time on rows of the
//! other side can still find a partner. It is brought to the form `Σ terms < 0`, each term a column or a constant with a sign,
//! and solved for the time of the side whose state is asked for. A row whose time is at or before
//! *watermark + bound* is not needed any more.

use crate::expr::{Expr, ExprKind};
use crate::plan::{JoinType, LogicalPlan, PlanNode};
use crate::types::is_numeric;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, Int32Type, Int64Type, TimeUnit};
use std::ops::Range;

/// A side of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinSide {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Whether an equality of the join is on event time, so that both sides' state ends with the watermark.
pub fn watermark_in_keys(join: &LogicalPlan) -> bool {
    let PlanNode::Join {
        left,
        right,
        equalities,
        ..
    } = &join.node
    else {
        return false;
    };
    let is_event_time = |expr: &Expr, side: &LogicalPlan| match expr.kind {
        ExprKind::Column(index) => side
            .schema
            .columns
            .get(index)
            .is_some_and(|column| column.event_time.is_some()),
        _ => false,
    };
    equalities
        .iter()
        .any(|(own, other, _)| is_event_time(own, left) || is_event_time(other, right))
}

/// The bound of the condition on the rows of `side`: which column of it is bounded (an index into that side), and by how many microseconds
/// past the other side's watermark a row's time must lie for the row to be needed. Of several conjuncts the lowest bound counts; inclusive
/// comparisons lower it by a millisecond, the unit of watermarks. `None`: nothing ends the state.
pub fn state_time_bound_us(join: &LogicalPlan, side: JoinSide) -> Option<(usize, i64)> {
    let PlanNode::Join {
        left,
        right,
        residual,
        ..
    } = &join.node
    else {
        return None;
    };
    let width = left.schema.columns.len();
    let left_columns = 0..width;
    let right_columns = width..width + right.schema.columns.len();
    let (own, other) = match side {
        JoinSide::Left => (left_columns, right_columns),
        JoinSide::Right => (right_columns, left_columns),
    };
    let is_event_time = |index: usize| {
        let column = if index < width {
            left.schema.columns.get(index)
        } else {
            right.schema.columns.get(index - width)
        };
        column.is_some_and(|column| column.event_time.is_some())
    };
    let sides = Sides {
        own: own.clone(),
        other,
        is_event_time: &is_event_time,
    };
    residual
        .as_ref()?
        .conjuncts()
        .into_iter()
        .filter_map(|conjunct| sides.bound(conjunct))
        .map(|(column, bound)| (column - own.start, bound))
        .min_by_key(|(_, bound)| *bound)
}

/// Whether the state of an outer or semi join of two streams ends, so that unmatched rows can be told.
pub(super) fn is_bounded(join: &LogicalPlan) -> bool {
    let PlanNode::Join { join_type, .. } = &join.node else {
        return true;
    };
    let has_bound = |side: JoinSide| state_time_bound_us(join, side).is_some();
    watermark_in_keys(join)
        || match join_type {
            JoinType::LeftOuter | JoinType::LeftSemi => has_bound(JoinSide::Left),
            JoinType::RightOuter => has_bound(JoinSide::Right),
            JoinType::FullOuter => has_bound(JoinSide::Left) || has_bound(JoinSide::Right),
            JoinType::Inner | JoinType::Cross | JoinType::LeftAnti => true,
        }
}

/// A column or constant of a sum.
#[derive(Debug, Clone, Copy)]
enum Term {
    Column { index: usize, is_negative: bool },
    Micros(i64),
}

/// Which columns belong to the side that is solved for, and which to the other.
struct Sides<'a> {
    own: Range<usize>,
    other: Range<usize>,
    is_event_time: &'a dyn Fn(usize) -> bool,
}

impl Sides<'_> {
    /// The bound of one conjunct, and the column it is on.
    fn bound(&self, conjunct: &Expr) -> Option<(usize, i64)> {
        let ExprKind::Call(function, arguments) = &conjunct.kind else {
            return None;
        };
        let [left, right] = &arguments[..] else {
            return None;
        };
        let (low, high, is_inclusive) = match function.name {
            "<" => (left, right, false),
            "<=" => (left, right, true),
            ">" => (right, left, false),
            ">=" => (right, left, true),
            _ => return None,
        };
        let (column, bound) = self.solve(low, high)?;
        Some((
            column,
            bound.checked_sub(if is_inclusive { 1_000 } else { 0 })?,
        ))
    }

    /// Solves `low < high` for the one column of our side, which must stand on the greater side: it is then greater than the
    /// watermark of the other plus what is given.
    fn solve(&self, low: &Expr, high: &Expr) -> Option<(usize, i64)> {
        let mut terms = vec![];
        collect(low, false, &mut terms)?;
        collect(high, true, &mut terms)?;
        let mut own = None;
        let mut has_watermark = false;
        let mut constant: i64 = 0;
        for term in terms {
            match term {
                Term::Micros(micros) => constant = constant.checked_add(micros)?,
                Term::Column { index, is_negative } if self.own.contains(&index) => {
                    if own.replace(index).is_some() || !is_negative {
                        return None;
                    }
                }
                Term::Column { index, is_negative } => {
                    let is_other = self.other.contains(&index) && (self.is_event_time)(index);
                    if has_watermark || is_negative || !is_other {
                        return None;
                    }
                    has_watermark = true;
                }
            }
        }
        own.filter(|_| has_watermark)
            .map(|column| (column, constant))
    }
}

/// The terms of a sum of times and intervals; `None` if it is anything else.
fn collect(expr: &Expr, is_negative: bool, terms: &mut Vec<Term>) -> Option<()> {
    match &expr.kind {
        ExprKind::Column(index) => {
            terms.push(Term::Column {
                index: *index,
                is_negative,
            });
            Some(())
        }
        ExprKind::Literal(_) => {
            let micros = micros(expr)?;
            terms.push(Term::Micros(if is_negative {
                micros.checked_neg()?
            } else {
                micros
            }));
            Some(())
        }
        ExprKind::Cast { input, .. } => match &expr.data_type {
            DataType::Timestamp(..) => collect(input, is_negative, terms),
            other if is_numeric(other) => collect(input, is_negative, terms),
            _ => None,
        },
        ExprKind::Call(function, arguments) => match (function.name, &arguments[..]) {
            ("+", [left, right]) => {
                collect(left, is_negative, terms)?;
                collect(right, is_negative, terms)
            }
            ("-", [left, right]) => {
                collect(left, is_negative, terms)?;
                collect(right, !is_negative, terms)
            }
            ("-" | "negative", [input]) => collect(input, !is_negative, terms),
            _ => None,
        },
        _ => None,
    }
}

/// A constant as microseconds: an interval, or a number of seconds (which a timestamp that is cast to a number is).
fn micros(expr: &Expr) -> Option<i64> {
    let ExprKind::Literal(value) = &expr.kind else {
        return None;
    };
    if value.is_null(0) {
        return None;
    }
    match value.data_type() {
        DataType::Duration(TimeUnit::Microsecond) => value
            .as_primitive_opt::<DurationMicrosecondType>()
            .map(|value| value.value(0)),
        DataType::Int32 => {
            i64::from(value.as_primitive::<Int32Type>().value(0)).checked_mul(1_000_000)
        }
        DataType::Int64 => value
            .as_primitive::<Int64Type>()
            .value(0)
            .checked_mul(1_000_000),
        _ => None,
    }
}
