//! `transform_with_state`: the rows of each key go to a program of the user.

use crate::analyze::{Analyzer, Place};
use crate::error::{Error, Result};
use crate::expr::Ast;
use crate::plan::builder::node;
use crate::plan::{Column, EventTime, LogicalPlan, NamedExpr, PlanNode, ProcessNode};
use crate::processor::erased::Processor;
use crate::processor::{ProcessorOptions, TimeMode};
use crate::types::{is_hashable, sql_name, timestamp};
use std::sync::Arc;

/// The grouped table that a program begins with.
pub(crate) type InitialTable<'a> = (&'a Arc<LogicalPlan>, &'a [Ast]);

/// Gives the rows of each key to `processor`.
///
/// # Errors
///
/// `Invalid`: no key or one that cannot be compared, event time without a watermark, an event time column that the output does not
/// have, initial state that is a stream or has other keys.
#[expect(clippy::too_many_arguments, reason = "the fields of one kind of node")]
pub(crate) fn process(
    input: &Arc<LogicalPlan>,
    keys: &[Ast],
    processor: Arc<dyn Processor>,
    options: &ProcessorOptions,
    initial: Option<InitialTable<'_>>,
    operator_name: Option<String>,
) -> Result<Arc<LogicalPlan>> {
    let keys = resolve_keys(input, keys)?;
    if keys.is_empty() {
        return Err(Error::invalid(
            "transform_with_state keeps state for each key: group by at least one column",
        ));
    }
    let has_watermark = input
        .schema
        .columns
        .iter()
        .any(|column| column.event_time.is_some());
    if options.time_mode == TimeMode::EventTime && input.is_streaming() && !has_watermark {
        return Err(Error::invalid(
            "TimeMode::EventTime needs a watermark: declare one with with_watermark before group_by",
        ));
    }
    let initial = match initial {
        Some((table, table_keys)) => Some(initial_state(table, table_keys, &keys)?),
        None => None,
    };
    let mut columns: Vec<Column> = processor
        .output()
        .fields()
        .iter()
        .map(|field| Column::of_field(field))
        .collect();
    let event_time = match &options.event_time_column {
        Some(name) => Some(declare_event_time(&mut columns, name)?),
        None => None,
    };
    let process = ProcessNode {
        input: Arc::clone(input),
        keys,
        processor,
        output_mode: options.output_mode,
        event_time,
        initial,
        operator_name,
        group_state: options.group_state,
    };
    Ok(node(PlanNode::Process(process), columns))
}

fn resolve_keys(input: &Arc<LogicalPlan>, keys: &[Ast]) -> Result<Vec<NamedExpr>> {
    let mut analyzer = Analyzer::new(&input.schema, Place::Projection);
    keys.iter()
        .map(|key| {
            let name = key.output_name(&input.schema);
            let expr = analyzer.resolve(key.without_alias())?;
            if !is_hashable(&expr.data_type) {
                return Err(Error::invalid(format!(
                    "rows cannot be grouped by this type. expression=`{name}`, type=`{}`",
                    expr.sql_type()
                ))
                .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE"));
            }
            Ok(NamedExpr { expr, name })
        })
        .collect()
}

fn initial_state(
    table: &Arc<LogicalPlan>,
    table_keys: &[Ast],
    keys: &[NamedExpr],
) -> Result<(Arc<LogicalPlan>, Vec<crate::expr::Expr>)> {
    if table.is_streaming() {
        return Err(Error::invalid(
            "the initial state of a processor is read once, before any input: it must be a table, not a stream",
        ));
    }
    let table_keys = resolve_keys(table, table_keys)?;
    let types = |keys: &[NamedExpr]| -> Vec<String> {
        keys.iter()
            .map(|key| sql_name(&key.expr.data_type))
            .collect()
    };
    if types(&table_keys) != types(keys) {
        return Err(Error::invalid(format!(
            "the initial state must be grouped by keys of the same types as the stream. stream=`{}`, initial=`{}`",
            types(keys).join(", "),
            types(&table_keys).join(", ")
        )));
    }
    let table_keys = table_keys.into_iter().map(|key| key.expr).collect();
    Ok((Arc::clone(table), table_keys))
}

fn declare_event_time(columns: &mut [Column], name: &str) -> Result<usize> {
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let found = columns
        .iter_mut()
        .enumerate()
        .find(|(_, column)| column.name.eq_ignore_ascii_case(name));
    match found {
        Some((index, column)) if column.data_type == timestamp() => {
            column.event_time = Some(EventTime { delay_ms: 0 });
            Ok(index)
        }
        Some((_, column)) => Err(Error::invalid(format!(
            "the event time `{name}` has the invalid type \"{}\", but expected \"TIMESTAMP\": name the columns in output_columns",
            column.sql_type()
        ))
        .with_condition("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE")),
        None => Err(Error::invalid(format!(
            "the output of the processor has no such column. event_time_column=`{name}`, columns=`{}`",
            names.join(", ")
        ))),
    }
}
