//! The column that `window(…)` or `session_window(…)` stands for, as Spark's analyzer adds it.
//!
//! Rows without a time are dropped. A tumbling window is one more column. Of a sliding window each row belongs to several: an
//! [`PlanNode::Expand`] gives each row once per window that may hold it, and where the slide does not divide the
//! duration, a filter takes out those that do not.
//!
//! The column is the last one, so that what was resolved over the input stays right.

use crate::analyze::call::required;
use crate::analyze::{WindowSpec, literal_value};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, call_units};
use crate::function::window::window_type;
use crate::plan::builder::{Output, column, filtered, node, project};
use crate::plan::{Column, LogicalPlan, PlanNode};
use crate::types::TypeUnits;
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

/// The most windows one row may belong to: more is a slide given in the wrong unit.
const MAX_OVERLAP: i64 = 10_000;

/// Adds the window column, if there is a window; gives the plan and what the calls stand for.
pub(super) fn add(
    input: &Arc<LogicalPlan>,
    spec: Option<WindowSpec>,
) -> Result<(Arc<LogicalPlan>, Option<Expr>)> {
    let Some(spec) = spec else {
        return Ok((Arc::clone(input), None));
    };
    let with_time = where_not_null(input, spec.time())?;
    let name = spec.column_name();
    let plan = match &spec {
        WindowSpec::Fixed {
            time,
            duration_us,
            slide_us,
            start_us,
        } if duration_us == slide_us => {
            let window = window_at(time, [*duration_us, *slide_us, *start_us, 0])?;
            with_column(&with_time, window, name)
        }
        WindowSpec::Fixed {
            time,
            duration_us,
            slide_us,
            start_us,
        } => sliding(&with_time, time, [*duration_us, *slide_us, *start_us])?,
        WindowSpec::Session { time, gap_us } => session(&with_time, time, gap_us, name)?,
    };
    let last = plan.schema.columns.len() - 1;
    let window = plan.schema.columns.last().map(|column| column.expr(last));
    Ok((plan, window))
}

/// `__window(time, duration, slide, start, index)`.
fn window_at(time: &Expr, numbers: [i64; 4]) -> Result<Expr> {
    let constants = numbers
        .iter()
        .map(|number| Expr::literal(Arc::new(Int64Array::from(vec![*number]))));
    let arguments = std::iter::once(time.clone()).chain(constants).collect();
    let mut window = call("__window", arguments)?;
    window.is_nullable = false;
    Ok(window)
}

/// A row for each window that may hold it.
fn sliding(
    input: &Arc<LogicalPlan>,
    time: &Expr,
    [duration_us, slide_us, start_us]: [i64; 3],
) -> Result<Arc<LogicalPlan>> {
    let overlap = duration_us / slide_us + i64::from(duration_us % slide_us != 0);
    if overlap > MAX_OVERLAP {
        return Err(Error::invalid(format!(
            "a row would belong to too many windows, use a longer slide. windows=`{overlap}`, limit=`{MAX_OVERLAP}`"
        )));
    }
    let own: Vec<Expr> = input
        .schema
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| column.expr(index))
        .collect();
    let projections = (0..overlap)
        .map(|index| {
            let window = window_at(time, [duration_us, slide_us, start_us, index])?;
            Ok(own.iter().cloned().chain([window]).collect())
        })
        .collect::<Result<Vec<Vec<Expr>>>>()?;
    let window_column = Column {
        qualifier: None,
        name: "window".to_owned(),
        data_type: window_type(&time.data_type),
        units: TypeUnits::default(),
        is_nullable: false,
        event_time: column::event_time(time, &input.schema),
    };
    let mut columns = input.schema.columns.clone();
    let window = Expr::column(columns.len(), window_column.data_type.clone(), false);
    columns.push(window_column);
    let expand = PlanNode::Expand {
        input: Arc::clone(input),
        projections,
    };
    let expanded = node(expand, columns);
    if duration_us % slide_us == 0 {
        return Ok(expanded);
    }
    let start = call(">=", vec![time.clone(), field(&window, 0)])?;
    let end = call("<", vec![time.clone(), field(&window, 1)])?;
    Ok(filtered(&expanded, start.and(end)))
}

/// The session of each row alone; rows without a gap or with one that is not positive are dropped. As in Spark that condition asks the session, and
/// so the time: it stays above a watermark, which such rows still move.
fn session(
    input: &Arc<LogicalPlan>,
    time: &Expr,
    gap_us: &Expr,
    name: &str,
) -> Result<Arc<LogicalPlan>> {
    let mut window = call("__session_window", vec![time.clone(), gap_us.clone()])?;
    let with_gap = if is_positive_constant(gap_us) {
        Arc::clone(input)
    } else {
        let bounds = vec![field(&window, 1), field(&window, 0)];
        filtered(input, call(">", bounds)?)
    };
    window.is_nullable = false;
    Ok(with_column(&with_gap, window, name))
}

fn is_positive_constant(expr: &Expr) -> bool {
    literal_value(expr)
        .and_then(|value| value.as_primitive_opt::<Int64Type>())
        .is_some_and(|value| value.is_valid(0) && value.value(0) > 0)
}

fn where_not_null(input: &Arc<LogicalPlan>, time: &Expr) -> Result<Arc<LogicalPlan>> {
    if !time.is_nullable {
        return Ok(Arc::clone(input));
    }
    Ok(filtered(input, call("isnotnull", vec![time.clone()])?))
}

/// All columns, and one more.
fn with_column(input: &Arc<LogicalPlan>, expr: Expr, name: &str) -> Arc<LogicalPlan> {
    let own =
        (0..input.schema.columns.len()).filter_map(|index| Output::of_column(&input.schema, index));
    let added = Output::new(expr, name, &input.schema);
    project(input, own.chain([added]).collect())
}

fn field(window: &Expr, index: usize) -> Expr {
    let data_type = match &window.data_type {
        DataType::Struct(fields) => fields
            .get(index)
            .map_or(DataType::Null, |field| field.data_type().clone()),
        _ => DataType::Null,
    };
    Expr {
        data_type,
        units: TypeUnits::default(),
        is_nullable: true,
        span: window.span,
        kind: ExprKind::Field(Box::new(window.clone()), index),
    }
}

/// A call of a registered function with arguments that need no cast.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Result<Expr> {
    let function = required(name)?;
    let signature = (function.resolve)(&arguments)?;
    Ok(Expr {
        units: call_units(name, &arguments, &signature.returns),
        data_type: signature.returns,
        is_nullable: signature.is_nullable,
        span: arguments
            .first()
            .map_or(crate::error::Span::NOWHERE, |argument| argument.span),
        kind: ExprKind::Call(function, arguments),
    })
}
