//! What an expression says about the column it makes.

use crate::expr::{Expr, ExprKind};
use crate::plan::{EventTime, PlanSchema};

/// The functions that pass the event time of their first argument on: a window of a time column is event time, and so is the
/// moment that stands for it.
const KEEP_EVENT_TIME: &[&str] = &["__window", "__session_window", "window_time"];

/// The column that this is, if it is one.
pub(super) fn index_of(expr: &Expr) -> Option<usize> {
    match expr.kind {
        ExprKind::Column(index) => Some(index),
        _ => None,
    }
}

/// The event time of what this computes. As in Spark it follows columns, not what is computed from them.
pub(super) fn event_time(expr: &Expr, input: &PlanSchema) -> Option<EventTime> {
    match &expr.kind {
        ExprKind::Column(index) => input.columns.get(*index)?.event_time.clone(),
        ExprKind::Call(function, arguments) if KEEP_EVENT_TIME.contains(&function.name) => {
            event_time(arguments.first()?, input)
        }
        _ => None,
    }
}
