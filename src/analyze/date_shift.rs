//! Dates and texts moved by a day-time interval.
//!
//! Whether `date + interval` is a date or a moment is decided by the units of the interval's type: days alone keep the date. A text is read as a
//! moment, and what comes out is text again.

use crate::analyze::call::{apply, apply_named};
use crate::analyze::cast_to;
use crate::error::Result;
use crate::expr::Expr;
use crate::function::ScalarFunction;
use crate::types::{IntervalField, IntervalUnits, day_time_interval, timestamp};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// Whether it is an interval of days alone.
pub(crate) fn is_days(expr: &Expr) -> bool {
    let units = expr.units.of_interval(&expr.data_type);
    units.and_then(IntervalUnits::single) == Some(IntervalField::Day)
}

/// A date or a text plus or minus a day-time interval; `None` for any other call.
pub(super) fn shifted(
    function: &Arc<ScalarFunction>,
    arguments: &[Expr],
    text: &dyn Fn() -> String,
) -> Option<Result<Expr>> {
    let is_added = match function.name {
        "+" | "try_add" => true,
        "-" | "try_subtract" => false,
        _ => return None,
    };
    let [left, right] = arguments else {
        return None;
    };
    let is_moved = |expr: &Expr| matches!(expr.data_type, DataType::Date32 | DataType::Utf8);
    let moves = |expr: &Expr| expr.data_type == day_time_interval();
    let (moved, interval) = if is_moved(left) && moves(right) {
        (left, right)
    } else if is_added && moves(left) && is_moved(right) {
        (right, left)
    } else {
        return None;
    };
    let (moved, interval) = (moved.clone(), interval.clone());
    Some(
        if moved.data_type == DataType::Date32 && is_days(&interval) {
            by_days(moved, interval, is_added, text)
        } else {
            by_moment(function, moved, interval, text)
        },
    )
}

fn by_days(date: Expr, days: Expr, is_added: bool, text: &dyn Fn() -> String) -> Result<Expr> {
    let days = cast_to(days, &DataType::Int32);
    let days = if is_added {
        days
    } else {
        apply_named("negative", vec![days], text)?
    };
    apply_named("date_add", vec![date, days], text)
}

fn by_moment(
    function: &Arc<ScalarFunction>,
    moved: Expr,
    interval: Expr,
    text: &dyn Fn() -> String,
) -> Result<Expr> {
    let is_text = moved.data_type == DataType::Utf8;
    let moment = cast_to(moved, &timestamp());
    let shifted = apply(function, vec![moment, interval], text)?;
    Ok(if is_text {
        cast_to(shifted, &DataType::Utf8)
    } else {
        shifted
    })
}
