//! `WATERMARK … DELAY OF …`, `with_watermark`.

use crate::analyze::{Analyzer, Place};
use crate::error::{Error, Result};
use crate::expr::{Ast, Expr};
use crate::plan::builder::{Output, column, node, project};
use crate::plan::{EventTime, LogicalPlan, PlanNode, WatermarkDeclaration};
use crate::types::parse_interval;
use arrow::datatypes::DataType;
use std::sync::Arc;

/// Which column is event time.
#[derive(Debug, Clone)]
pub enum EventTimeColumn {
    /// A column of the input, perhaps qualified.
    Name(Vec<String>),
    /// A new column: `WATERMARK expression AS name`.
    Computed(Ast, String),
}

/// Declares a column to be event time that comes at most `delay` (such as `10 seconds`; a month counts as 31 days) late. On a table
/// it changes nothing.
///
/// # Errors
///
/// `CANNOT_PARSE_INTERVAL`; `EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE`; a negative delay; a column that is not there.
pub fn watermark(
    input: &Arc<LogicalPlan>,
    event_time: &EventTimeColumn,
    delay: &str,
) -> Result<Arc<LogicalPlan>> {
    let delay_ms = delay_ms(delay)?;
    let (plan, index) = match event_time {
        EventTimeColumn::Name(parts) => named(input, parts)?,
        EventTimeColumn::Computed(ast, name) => computed(input, ast, name)?,
    };
    let mut columns = plan.schema.columns.clone();
    let Some(column) = columns.get_mut(index) else {
        return Err(Error::internal("the event time column is not there"));
    };
    if !is_event_time(&column.data_type) {
        return Err(Error::invalid(format!(
            "the event time `{}` has the invalid type \"{}\", but expected \"TIMESTAMP\"",
            column.name,
            column.sql_type()
        ))
        .with_condition("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"));
    }
    if !plan.is_streaming() {
        return Ok(plan);
    }
    for (position, column) in columns.iter_mut().enumerate() {
        column.event_time = (position == index).then_some(EventTime { delay_ms });
    }
    let watermark = PlanNode::Watermark {
        input: plan,
        column: index,
        delay_ms,
        declaration: WatermarkDeclaration::new(),
    };
    Ok(node(watermark, columns))
}

/// A moment, or a window whose end is one.
fn is_event_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
        || matches!(data_type, DataType::Struct(fields)
        if fields.iter().any(|field| {
            field.name() == "end" && matches!(field.data_type(), DataType::Timestamp(_, Some(_)))
        }))
}

/// The delay in milliseconds, the unit of watermarks.
fn delay_ms(text: &str) -> Result<i64> {
    let micros = parse_interval(text)?.duration_us().ok_or_else(|| {
        Error::invalid(format!(
            "the delay of a watermark is too long. delay=`{text}`"
        ))
    })?;
    if micros < 0 {
        return Err(Error::invalid(format!(
            "requirement failed: delay threshold ({text}) should not be negative"
        )));
    }
    Ok(micros / 1_000)
}

fn named(input: &Arc<LogicalPlan>, parts: &[String]) -> Result<(Arc<LogicalPlan>, usize)> {
    let name = Ast::new(crate::expr::AstKind::Name(parts.to_vec()));
    let expr = Analyzer::new(&input.schema, Place::Projection)
        .resolve(&name)
        .or_else(|error| field_of(input, parts).ok_or(error))?;
    column::index_of(&expr)
        .map(|index| (Arc::clone(input), index))
        .ok_or_else(|| {
            Error::invalid(format!(
                "a field of a struct cannot be event time, make it a column of its own first. name=`{}`",
                parts.join(".")
            ))
            .with_condition("EVENT_TIME_MUST_BE_TOP_LEVEL_COLUMN")
        })
}

/// The field that `column.field` means, if it is no column's name.
fn field_of(input: &LogicalPlan, parts: &[String]) -> Option<Expr> {
    let [name] = parts else {
        return None;
    };
    let path = name.split('.').map(str::to_owned).collect();
    Analyzer::new(&input.schema, Place::Projection)
        .resolve(&Ast::new(crate::expr::AstKind::Name(path)))
        .ok()
}

/// Adds the computed column before the others, as Spark does.
fn computed(input: &Arc<LogicalPlan>, ast: &Ast, name: &str) -> Result<(Arc<LogicalPlan>, usize)> {
    let expr: Expr = Analyzer::new(&input.schema, Place::Projection)
        .streaming(input.is_streaming())
        .resolve(ast)?;
    let own =
        (0..input.schema.columns.len()).filter_map(|index| Output::of_column(&input.schema, index));
    let outputs = std::iter::once(Output::new(expr, name, &input.schema))
        .chain(own)
        .collect();
    Ok((project(input, outputs), 0))
}
