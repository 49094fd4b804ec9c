//! Dates and moments moved by an interval literal.
//!
//! Whether `date + interval` is a date or a moment is decided in Spark by the units of the interval's type: days alone keep the date. Our type
//! of intervals has no units, but a literal says which were written.

use crate::analyze::Analyzer;
use crate::analyze::call::apply_named;
use crate::analyze::cast_to;
use crate::cast::zone::MICROS_PER_DAY;
use crate::error::Result;
use crate::expr::{Ast, AstCall, AstKind, Expr, INTERVAL_LITERAL};
use crate::types::{day_time_interval, timestamp};
use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, DurationMicrosecondType};
use std::sync::Arc;

/// The value of an interval literal, and whether it was written in days and weeks alone.
pub(crate) fn interval_literal(ast: &Ast) -> Option<(&ArrayRef, bool)> {
    let AstKind::Call(call) = &ast.kind else {
        return None;
    };
    let [value, from, to] = &call.arguments[..] else {
        return None;
    };
    let AstKind::Literal(value) = &value.kind else {
        return None;
    };
    let is_day = |unit: &Ast| matches!(&unit.kind, AstKind::Literal(unit) if unit.as_string_opt::<i32>().is_some_and(|unit| unit.value(0) == "DAY"));
    (call.name == INTERVAL_LITERAL).then_some((value, is_day(from) && is_day(to)))
}

impl Analyzer<'_> {
    /// `x + INTERVAL …`, `INTERVAL … + x` and `x - INTERVAL …`; `None` for any other call.
    pub(super) fn resolve_shifted(&mut self, ast: &Ast, call: &AstCall) -> Option<Result<Expr>> {
        let [left, right] = &call.arguments[..] else {
            return None;
        };
        let (moved, written, is_swapped) = match (interval_literal(left), interval_literal(right)) {
            (None, Some(_)) => (left, right, false),
            (Some(_), None) if call.name == "+" => (right, left, true),
            _ => return None,
        };
        let (value, is_days) = interval_literal(written)?;
        let interval = Expr::literal(Arc::clone(value)).at(written.span);
        let is_day_time = *value.data_type() == day_time_interval();
        Some(self.resolve(moved).and_then(|moved| {
            let is_date = moved.data_type == DataType::Date32 && is_day_time;
            let name = call.name.as_str();
            match (is_date, is_days) {
                (true, true) => {
                    let days = days_of(value, name == "-");
                    apply_named("date_add", vec![moved, days], || self.text(ast))
                }
                (true, false) => {
                    let moment = cast_to(moved, &timestamp());
                    apply_named(name, vec![moment, interval], || self.text(ast))
                }
                (false, _)
                    if moved.data_type == DataType::Utf8
                        && is_day_time
                        && (name == "+" || !is_swapped) =>
                {
                    let moment = cast_to(moved, &timestamp());
                    let shifted = apply_named(name, vec![moment, interval], || self.text(ast))?;
                    Ok(cast_to(shifted, &DataType::Utf8))
                }
                (false, _) if is_swapped => {
                    apply_named(name, vec![interval, moved], || self.text(ast))
                }
                (false, _) => apply_named(name, vec![moved, interval], || self.text(ast)),
            }
        }))
    }
}

/// The days of an interval, as a number to add.
fn days_of(interval: &ArrayRef, is_negated: bool) -> Expr {
    let micros = interval.as_primitive_opt::<DurationMicrosecondType>();
    let days = micros.map_or(0, |micros| micros.value(0) / MICROS_PER_DAY);
    let days = if is_negated { -days } else { days };
    // Of 2^63 microseconds, days fit into 32 bits.
    let days = i32::try_from(days).unwrap_or_default();
    Expr::literal(Arc::new(Int32Array::from(vec![days])))
}
