//! How long a join of two streams must remember a row: the bound that its condition puts on event times.
//!
//! A conjunct such as `b.ts >= a.ts AND b.ts <= a.ts + 1 hour` says, given the watermark of one side, from which event time on rows of the
//! other side can still find a partner. It is brought to the form `Σ terms < 0`, each term a column or a constant with a sign,
//! and solved for the time of the side whose state is asked for. A row whose time is at or before
//! *watermark + bound* is not needed any more.

use crate::expr::{Expr, ExprKind};
use crate::plan::{JoinType, LogicalPlan, PlanNode};
use crate::types::{is_ansi_interval, is_numeric};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use std::ops::Range;

/// A side of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinSide {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Which equality of the join is on event time, so that both sides' rows end with the watermark: the first whose left side is
/// such a column, or else whose right side is.
pub fn key_of_event_time(join: &LogicalPlan) -> Option<usize> {
    let PlanNode::Join {
        left,
        right,
        equalities,
        ..
    } = &join.node
    else {
        return None;
    };
    let is_event_time = |expr: &Expr, side: &LogicalPlan| match expr.kind {
        ExprKind::Column(index) => side
            .schema
            .columns
            .get(index)
            .is_some_and(|column| column.event_time.is_some()),
        _ => false,
    };
    let on_left = equalities
        .iter()
        .position(|(own, _, _)| is_event_time(own, left));
    on_left.or_else(|| {
        equalities
            .iter()
            .position(|(_, other, _)| is_event_time(other, right))
    })
}

/// Up to when the rows of a side are not needed any more: the lower of what it holds. An inclusive comparison lowers a bound by a
/// millisecond, the unit of watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeBound {
    /// Microseconds past the watermark; usually negative.
    pub past_watermark_us: Option<i64>,
    /// A fixed moment, in microseconds since the epoch, whatever the watermark. It comes from a conjunct that compares a column of the side
    /// with a constant. Spark takes any such column for the time of the row: `cost > 15` is the 15th second of 1970, so that nothing
    /// later is ever let go.
    pub fixed_us: Option<i64>,
}

impl TimeBound {
    /// Microseconds since the epoch, if the watermark is `watermark_us`.
    pub fn at(self, watermark_us: i64) -> i64 {
        let past = self
            .past_watermark_us
            .map_or(i64::MAX, |past| watermark_us.saturating_add(past));
        past.min(self.fixed_us.unwrap_or(i64::MAX))
    }

    /// The lower of two bounds, part by part.
    fn lower(self, other: TimeBound) -> TimeBound {
        let lower = |own: Option<i64>, other: Option<i64>| match (own, other) {
            (Some(own), Some(other)) => Some(own.min(other)),
            _ => own.or(other),
        };
        TimeBound {
            past_watermark_us: lower(self.past_watermark_us, other.past_watermark_us),
            fixed_us: lower(self.fixed_us, other.fixed_us),
        }
    }
}

/// The bound of the condition on the event time of the rows of `side`. `None`: nothing ends the state.
pub fn state_time_bound(join: &LogicalPlan, side: JoinSide) -> Option<TimeBound> {
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
        own,
        other,
        is_event_time: &is_event_time,
    };
    residual
        .as_ref()?
        .conjuncts()
        .into_iter()
        .filter_map(|conjunct| sides.bound(conjunct))
        .reduce(TimeBound::lower)
}

/// Whether the state of an outer or semi join of two streams ends, so that unmatched rows can be told.
pub(super) fn is_bounded(join: &LogicalPlan) -> bool {
    let PlanNode::Join { join_type, .. } = &join.node else {
        return true;
    };
    let has_bound = |side: JoinSide| state_time_bound(join, side).is_some();
    key_of_event_time(join).is_some()
        || match join_type {
            JoinType::LeftOuter | JoinType::LeftSemi => has_bound(JoinSide::Left),
            JoinType::RightOuter => has_bound(JoinSide::Right),
            JoinType::FullOuter => has_bound(JoinSide::Left) || has_bound(JoinSide::Right),
            JoinType::Inner | JoinType::Cross | JoinType::LeftAnti => true,
        }
}

/// How far conditions on whole seconds may be off.
const SLACK_US: i64 = 1_000_000;

/// What the condition says of column `right` of the right side less column `left` of the left side, both timestamps: at least, at most,
/// in microseconds. It may say less than the condition does, never more: rows further apart never match.
pub fn time_distance_us(
    join: &LogicalPlan,
    left: usize,
    right: usize,
) -> (Option<i64>, Option<i64>) {
    let PlanNode::Join {
        left: left_plan,
        residual,
        ..
    } = &join.node
    else {
        return (None, None);
    };
    let right = left_plan.schema.columns.len() + right;
    let (mut least, mut most): (Option<i64>, Option<i64>) = (None, None);
    let conjuncts = residual.iter().flat_map(Expr::conjuncts);
    for (low, high, _) in conjuncts.filter_map(comparison) {
        match distance(low, high, left, right) {
            Some((true, bound)) => least = Some(least.map_or(bound, |least| least.max(bound))),
            Some((false, bound)) => most = Some(most.map_or(bound, |most| most.min(bound))),
            None => {}
        }
    }
    (
        least.map(|least| least.saturating_sub(SLACK_US)),
        most.map(|most| most.saturating_add(SLACK_US)),
    )
}

/// What `low <= high` says of `right - left`: whether it is a lower bound, and the bound.
fn distance(low: &Expr, high: &Expr, left: usize, right: usize) -> Option<(bool, i64)> {
    if has_local_time(low) || has_local_time(high) {
        return None;
    }
    let mut terms = vec![];
    collect(low, false, &mut terms)?;
    collect(high, true, &mut terms)?;
    let (mut left_sign, mut right_sign) = (None, None);
    let mut constant: i64 = 0;
    for term in terms {
        let seen = match term {
            Term::Micros(micros) => {
                constant = constant.checked_add(micros)?;
                continue;
            }
            Term::Column { index, is_negative } if index == left => left_sign.replace(is_negative),
            Term::Column { index, is_negative } if index == right => {
                right_sign.replace(is_negative)
            }
            Term::Column { .. } => return None,
        };
        if seen.is_some() {
            return None;
        }
    }
    match (left_sign?, right_sign?) {
        (false, true) => Some((true, constant)),
        (true, false) => Some((false, constant.checked_neg()?)),
        _ => None,
    }
}

/// Whether it goes through times without a zone, which are not equally far apart.
fn has_local_time(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |inner| {
        found |= matches!(inner.data_type, DataType::Timestamp(_, None));
    });
    found
}

/// A comparison as lesser side, greater side, and whether they may be equal.
fn comparison(conjunct: &Expr) -> Option<(&Expr, &Expr, bool)> {
    let ExprKind::Call(function, arguments) = &conjunct.kind else {
        return None;
    };
    let [left, right] = &arguments[..] else {
        return None;
    };
    match function.name {
        "<" => Some((left, right, false)),
        "<=" => Some((left, right, true)),
        ">" => Some((right, left, false)),
        ">=" => Some((right, left, true)),
        _ => None,
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
    /// The bound of one conjunct.
    fn bound(&self, conjunct: &Expr) -> Option<TimeBound> {
        let (low, high, is_inclusive) = comparison(conjunct)?;
        let (has_watermark, bound) = self.solve(low, high)?;
        let bound = bound.checked_sub(if is_inclusive { 1_000 } else { 0 })?;
        Some(if has_watermark {
            TimeBound {
                past_watermark_us: Some(bound),
                fixed_us: None,
            }
        } else {
            TimeBound {
                past_watermark_us: None,
                fixed_us: Some(bound),
            }
        })
    }

    /// Solves `low < high` for the one column of our side, which must stand on the greater side: it is then greater than what is given, past
    /// the watermark of the other side if that is true.
    fn solve(&self, low: &Expr, high: &Expr) -> Option<(bool, i64)> {
        let mut terms = vec![];
        collect(low, false, &mut terms)?;
        collect(high, true, &mut terms)?;
        let mut has_own = false;
        let mut has_watermark = false;
        let mut constant: i64 = 0;
        for term in terms {
            match term {
                Term::Micros(micros) => constant = constant.checked_add(micros)?,
                Term::Column { index, is_negative } if self.own.contains(&index) => {
                    if has_own || !is_negative {
                        return None;
                    }
                    has_own = true;
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
        has_own.then_some((has_watermark, constant))
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
        // As Spark, not through a cast to local time.
        ExprKind::Cast { input, .. } => match &expr.data_type {
            // As a number it counts its last unit, which need not be seconds.
            _ if is_ansi_interval(&input.data_type) => None,
            DataType::Timestamp(_, Some(_)) => collect(input, is_negative, terms),
            other if is_numeric(other) => collect(input, is_negative, terms),
            _ => None,
        },
        ExprKind::Call(function, arguments) => match (function.name, &arguments[..]) {
            ("+", [left, right]) => {
                collect(left, is_negative, terms)?;
                collect(right, is_negative, terms)
            }
            // Spark does not look into a difference of two moments.
            ("-", [left, right]) if !is_moment(left) || !is_moment(right) => {
                collect(left, is_negative, terms)?;
                collect(right, !is_negative, terms)
            }
            ("-" | "negative", [input]) => collect(input, !is_negative, terms),
            _ => None,
        },
        _ => None,
    }
}

fn is_moment(expr: &Expr) -> bool {
    matches!(expr.data_type, DataType::Timestamp(..))
}

/// A constant as microseconds: an interval, a moment, or a number of seconds (which a timestamp that is cast to a number is).
fn micros(expr: &Expr) -> Option<i64> {
    let ExprKind::Literal(value) = &expr.kind else {
        return None;
    };
    if value.is_null(0) {
        return None;
    }
    let whole = |seconds: i64| seconds.checked_mul(1_000_000);
    match value.data_type() {
        DataType::Duration(TimeUnit::Microsecond) => value
            .as_primitive_opt::<DurationMicrosecondType>()
            .map(|value| value.value(0)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => value
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(|value| value.value(0)),
        DataType::Int8 => whole(value.as_primitive::<Int8Type>().value(0).into()),
        DataType::Int16 => whole(value.as_primitive::<Int16Type>().value(0).into()),
        DataType::Int32 => whole(value.as_primitive::<Int32Type>().value(0).into()),
        DataType::Int64 => whole(value.as_primitive::<Int64Type>().value(0)),
        DataType::Float32 => fraction(value.as_primitive::<Float32Type>().value(0).into()),
        DataType::Float64 => fraction(value.as_primitive::<Float64Type>().value(0)),
        DataType::Decimal128(_, scale) => {
            let units = value.as_primitive::<Decimal128Type>().value(0);
            let scale = 10_i128.checked_pow(u32::try_from(*scale).ok()?)?;
            i64::try_from(units.checked_mul(1_000_000)? / scale).ok()
        }
        _ => None,
    }
}

/// Seconds with a fraction, as microseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is looked at before"
)]
fn fraction(seconds: f64) -> Option<i64> {
    let micros = seconds * 1_000_000.0;
    (micros.abs() < i64::MAX as f64).then_some(micros as i64)
}
