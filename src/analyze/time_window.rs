//! `window(…)`, `session_window(…)` and `window_time(…)`: reading their arguments.
//!
//! The plan builder asks for the windows of a level of the query ([`WindowSpec::find`]), adds the column that Spark adds, and tells
//! the analyzer which column the calls stand for. At one level there may be one window only.

use crate::analyze::call::apply_named;
use crate::analyze::{Analyzer, Place, cast_to, form, mismatch};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstCall, AstKind, Expr};
use crate::function::window::is_window_type;
use crate::types::{self, can_implicitly_cast, parse_interval, sql_name};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit};
use std::sync::Arc;

/// Whether this is a call that stands for the window column of its level.
pub(crate) fn is_window_call(call: &AstCall) -> bool {
    matches!(call.name.as_str(), "window" | "session_window")
}

/// A time window as it was written, resolved over the input of its level.
#[derive(Debug, Clone)]
pub(crate) enum WindowSpec {
    /// `window(time, duration[, slide[, start]])`, all in microseconds.
    Fixed {
        /// The time of a row.
        time: Expr,
        /// How long a window is.
        duration_us: i64,
        /// How far apart windows start.
        slide_us: i64,
        /// Where windows start, counted from the epoch.
        start_us: i64,
    },
    /// `session_window(time, gap)`.
    Session {
        /// The time of a row.
        time: Expr,
        /// How long after a row its session ends, in microseconds; rows where it is null or not positive do not count.
        gap_us: Expr,
    },
}

impl WindowSpec {
    /// The one window that these expressions speak of, if any.
    ///
    /// # Errors
    ///
    /// `Invalid`: there are two different ones, or arguments that do not fit.
    pub(crate) fn find<'a>(
        analyzer: &mut Analyzer<'_>,
        asts: impl IntoIterator<Item = &'a Ast>,
    ) -> Result<Option<WindowSpec>> {
        let mut calls: Vec<(&Ast, &AstCall)> = vec![];
        for ast in asts {
            ast.walk(&mut |inner| {
                if let AstKind::Call(call) = &inner.kind
                    && is_window_call(call)
                {
                    calls.push((inner, call));
                    return false;
                }
                true
            });
        }
        let mut found: Option<WindowSpec> = None;
        for (ast, call) in calls {
            let spec =
                WindowSpec::read(analyzer, ast, call).map_err(|error| error.with_span(ast.span))?;
            match &found {
                None => found = Some(spec),
                Some(first) if first.is_same(&spec) => {}
                Some(_) => {
                    return Err(Error::invalid(
                        "multiple time/session window expressions would result in a cartesian product of rows, therefore they are currently not supported. Use one window, and another one in a query above",
                    )
                    .with_span(ast.span));
                }
            }
        }
        Ok(found)
    }

    /// The name of the column that Spark adds for it.
    pub(crate) fn column_name(&self) -> &'static str {
        match self {
            WindowSpec::Fixed { .. } => "window",
            WindowSpec::Session { .. } => "session_window",
        }
    }

    /// The time of a row.
    pub(crate) fn time(&self) -> &Expr {
        match self {
            WindowSpec::Fixed { time, .. } | WindowSpec::Session { time, .. } => time,
        }
    }

    fn is_same(&self, other: &WindowSpec) -> bool {
        match (self, other) {
            (
                WindowSpec::Fixed {
                    time,
                    duration_us,
                    slide_us,
                    start_us,
                },
                WindowSpec::Fixed {
                    time: other_time,
                    duration_us: other_duration,
                    slide_us: other_slide,
                    start_us: other_start,
                },
            ) => {
                time.same_as(other_time)
                    && (duration_us, slide_us, start_us)
                        == (other_duration, other_slide, other_start)
            }
            (
                WindowSpec::Session { time, gap_us },
                WindowSpec::Session {
                    time: other_time,
                    gap_us: other_gap,
                },
            ) => time.same_as(other_time) && gap_us.same_as(other_gap),
            _ => false,
        }
    }

    fn read(analyzer: &mut Analyzer<'_>, ast: &Ast, call: &AstCall) -> Result<WindowSpec> {
        if call.name == "window" {
            fixed(analyzer, ast, call)
        } else {
            session(analyzer, ast, call)
        }
    }
}

impl Analyzer<'_> {
    /// The column that the window of this level is.
    pub(super) fn resolve_window(&mut self, call: &AstCall) -> Result<Expr> {
        self.window.clone().ok_or_else(|| {
            // Spark then finds no columns for what stands above the join.
            let condition = match self.place {
                Place::JoinCondition => "UNRESOLVED_COLUMN.WITH_SUGGESTION",
                _ => "UNSUPPORTED_EXPR_FOR_OPERATOR",
            };
            Error::invalid(format!(
                "`{}` cannot stand here; use it in a SELECT list or among the grouping columns",
                call.name
            ))
            .with_condition(condition)
        })
    }

    /// The moment that a time argument speaks of: itself, or of a window the last moment before its end.
    fn moment(&mut self, ast: &Ast, argument: &Ast) -> Result<Expr> {
        let time = self.resolve(argument)?;
        if is_window_type(&time.data_type) {
            return apply_named("window_time", vec![time], || self.text(ast));
        }
        match &time.data_type {
            DataType::Timestamp(..) => Ok(time),
            other if can_implicitly_cast(other, &types::timestamp()) => {
                Ok(cast_to(time, &types::timestamp()))
            }
            other => Err(mismatch(
                "UNEXPECTED_INPUT_TYPE",
                &self.text(ast),
                &format!(
                    "the first parameter requires the (\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"STRUCT<start: TIMESTAMP, end: TIMESTAMP>\") type, however \"{}\" has the type \"{}\"",
                    self.text(argument),
                    sql_name(other)
                ),
            )),
        }
    }
}

fn fixed(analyzer: &mut Analyzer<'_>, ast: &Ast, call: &AstCall) -> Result<WindowSpec> {
    let arguments = super::call::in_order(
        call,
        "window(time_column, window_duration[, slide_duration[, start_time]])",
    )?;
    let [time, durations @ ..] = &arguments[..] else {
        return Err(form::wrong_count(call, "[2, 3, 4]"));
    };
    if durations.is_empty() || durations.len() > 3 {
        return Err(form::wrong_count(call, "[2, 3, 4]"));
    }
    let time = analyzer.moment(ast, time)?;
    let mut micros = vec![];
    for duration in durations {
        micros.push(literal_duration(analyzer, duration)?);
    }
    let duration_us = micros.first().copied().unwrap_or_default();
    let slide_us = micros.get(1).copied().unwrap_or(duration_us);
    let start_us = micros.get(2).copied().unwrap_or(0);
    check_durations(&analyzer.text(ast), duration_us, slide_us, start_us)?;
    Ok(WindowSpec::Fixed {
        time,
        duration_us,
        slide_us,
        start_us,
    })
}

/// Spark's rules on the three durations.
fn check_durations(text: &str, duration_us: i64, slide_us: i64, start_us: i64) -> Result<()> {
    for (name, value) in [
        ("window_duration", duration_us),
        ("slide_duration", slide_us),
    ] {
        if value <= 0 {
            return Err(mismatch(
                "VALUE_OUT_OF_RANGE",
                text,
                &format!(
                    "the `{name}` must be between (0, {}] (current value = {value}L)",
                    i64::MAX
                ),
            ));
        }
    }
    let violation =
        |left: &str, left_value: i64, constraint: &str, right: &str, right_value: i64| {
            mismatch(
                "PARAMETER_CONSTRAINT_VIOLATION",
                text,
                &format!(
                    "the `{left}`({left_value}L) must be {constraint} the `{right}`({right_value}L)"
                ),
            )
        };
    if slide_us > duration_us {
        return Err(violation(
            "slide_duration",
            slide_us,
            "<=",
            "window_duration",
            duration_us,
        ));
    }
    if start_us.unsigned_abs() >= slide_us.unsigned_abs() {
        let start = i64::try_from(start_us.unsigned_abs()).unwrap_or(i64::MAX);
        return Err(violation(
            "abs(start_time)",
            start,
            "<",
            "slide_duration",
            slide_us,
        ));
    }
    Ok(())
}

/// A duration that must be written as a constant: text, or a number of microseconds.
fn literal_duration(analyzer: &mut Analyzer<'_>, ast: &Ast) -> Result<i64> {
    let resolved = analyzer.resolve(ast)?;
    if let Some(text) = form::string_of(&resolved) {
        return fixed_length(&text).map_err(|error| error.with_span(ast.span));
    }
    let number = super::literal_value(&resolved)
        .filter(|value| value.is_valid(0))
        .and_then(micros_of);
    number.ok_or_else(|| {
        Error::invalid(format!(
            "the duration and time inputs to window must be an integer, long or string literal, such as '10 seconds', but \"{}\" is none",
            analyzer.text(ast)
        ))
        .with_span(ast.span)
    })
}

/// The microseconds that a constant number stands for.
fn micros_of(value: &arrow::array::ArrayRef) -> Option<i64> {
    match value.data_type() {
        DataType::Int8 => Some(i64::from(value.as_primitive::<Int8Type>().value(0))),
        DataType::Int16 => Some(i64::from(value.as_primitive::<Int16Type>().value(0))),
        DataType::Int32 => Some(i64::from(value.as_primitive::<Int32Type>().value(0))),
        DataType::Int64 => Some(value.as_primitive::<Int64Type>().value(0)),
        _ => None,
    }
}

/// The length of an interval without months.
fn fixed_length(text: &str) -> Result<i64> {
    let interval = parse_interval(text)?;
    if interval.months != 0 {
        return Err(Error::invalid(format!(
            "intervals greater than a month are not supported here, use days. interval=`{text}`"
        )));
    }
    interval
        .duration_us()
        .ok_or_else(|| Error::invalid(format!("the interval is too long. interval=`{text}`")))
}

/// The length of an interval that is as long wherever it begins: it has neither days nor months.
fn same_anywhere(text: &str) -> Option<i64> {
    let interval = parse_interval(text).ok()?;
    (interval.months == 0 && interval.days == 0).then_some(interval.micros)
}

fn session(analyzer: &mut Analyzer<'_>, ast: &Ast, call: &AstCall) -> Result<WindowSpec> {
    let arguments = super::call::in_order(call, "session_window(time_column, gap_duration)")?;
    let [time, gap] = &arguments[..] else {
        return Err(form::wrong_count(call, "2"));
    };
    let time = analyzer.moment(ast, time)?;
    let gap = analyzer.resolve(gap)?;
    let length = |gap: Expr| {
        apply_named("__interval_us", vec![gap, time.clone()], || {
            analyzer.text(ast)
        })
    };
    let gap_us = match &gap.data_type {
        DataType::Utf8 => match form::string_of(&gap).and_then(|text| same_anywhere(&text)) {
            Some(micros) => Expr::literal(Arc::new(Int64Array::from(vec![micros]))),
            None => length(gap)?,
        },
        DataType::Interval(IntervalUnit::MonthDayNano) => length(gap)?,
        other => {
            return Err(Error::invalid(format!(
                "gap duration expression used in session window must be CalendarIntervalType, but got {}",
                sql_name(other)
            )));
        }
    };
    Ok(WindowSpec::Session { time, gap_us })
}
