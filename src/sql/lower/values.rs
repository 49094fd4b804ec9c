//! Rows that stand in the query itself: `VALUES`, `range(…)`, and the one row of a `SELECT` without `FROM`.

use super::Plan;
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstCall, AstKind};
use crate::plan::{Relation, builder};
use crate::sql::ast::Values;
use arrow::array::{ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Rows that `range` may give: they are made at once.
const RANGE_ROWS_MAX: i64 = 10_000_000;

/// One row without columns.
pub(super) fn one_row() -> Plan {
    let schema = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), Vec::new(), &options)
        .expect("a batch without columns has any number of rows");
    rows(batch)
}

pub(super) fn rows(batch: RecordBatch) -> Plan {
    let schema = batch.schema();
    builder::scan(Relation::Rows(Arc::new(vec![batch])), &schema)
}

/// `VALUES (1, 'a'), (2, 'b')`: the columns are `col1`, `col2`, …, each of the type that its values have in common.
pub(super) fn plan(values: &Values) -> Result<Plan> {
    let width = values.rows.first().map_or(0, Vec::len);
    if let Some(other) = values.rows.iter().find(|row| row.len() != width) {
        let span = other
            .iter()
            .fold(Span::NOWHERE, |span, cell| span.union(cell.span));
        return Err(Error::invalid(format!(
            "all rows of an inline table have the same number of columns. expected=`{width}`, found=`{}`",
            other.len()
        ))
        .with_condition("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH")
        .with_span(span));
    }
    if let Some(batch) = constants(values, width)? {
        return Ok(rows(batch));
    }
    let source = one_row();
    let selected = values.rows.iter().map(|row| {
        let named: Vec<Ast> = row
            .iter()
            .enumerate()
            .map(|(index, cell)| Ast {
                kind: AstKind::Alias(Box::new(cell.clone()), vec![column_name(index)]),
                span: cell.span,
            })
            .collect();
        builder::select(&source, &named)
    });
    let selected = selected.collect::<Result<Vec<_>>>()?;
    builder::union(&selected).map_err(|error| {
        Error::invalid("the values of a column of an inline table have no type in common")
            .with_condition("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE")
            .with_span(values.span)
            .with_source(error)
    })
}

fn column_name(index: usize) -> String {
    format!("col{}", index + 1)
}

/// The rows as a batch, if every cell is a constant and those of a column have one type, but for nulls.
fn constants(values: &Values, width: usize) -> Result<Option<RecordBatch>> {
    let mut fields = Vec::with_capacity(width);
    let mut columns = Vec::with_capacity(width);
    for index in 0..width {
        let cells: Option<Vec<&ArrayRef>> = values
            .rows
            .iter()
            .map(|row| match row.get(index).map(|cell| &cell.kind) {
                Some(AstKind::Literal(value)) => Some(value),
                _ => None,
            })
            .collect();
        let Some(column) = cells
            .map(|cells| constant_column(&cells))
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        let is_nullable = column.logical_null_count() > 0;
        fields.push(Field::new(
            column_name(index),
            column.data_type().clone(),
            is_nullable,
        ));
        columns.push(column);
    }
    Ok(Some(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?))
}

fn constant_column(cells: &[&ArrayRef]) -> Result<Option<ArrayRef>> {
    let types = cells.iter().map(|cell| cell.data_type());
    let data_type = types
        .clone()
        .find(|data_type| **data_type != DataType::Null)
        .unwrap_or(&DataType::Null);
    if types
        .clone()
        .any(|other| other != data_type && *other != DataType::Null)
    {
        return Ok(None);
    }
    let null = new_null_array(data_type, 1);
    let parts: Vec<_> = cells
        .iter()
        .map(|cell| {
            if cell.data_type() == data_type {
                cell.as_ref()
            } else {
                null.as_ref()
            }
        })
        .collect();
    Ok(Some(concat(&parts)?))
}

/// `range(end)`, `range(start, end[, step])`: a column `id`.
pub(super) fn range(called: &AstCall, span: Span) -> Result<Plan> {
    let arguments = called
        .arguments
        .iter()
        .map(integer)
        .collect::<Result<Vec<_>>>()?;
    let (start, end, step) = match arguments.as_slice() {
        [end] => (0, *end, 1),
        [start, end] => (*start, *end, 1),
        [start, end, step] if *step != 0 => (*start, *end, *step),
        _ => {
            let message = "range takes an end, or a start, an end and perhaps a step that is not 0";
            return Err(Error::invalid(message)
                .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
                .with_span(span));
        }
    };
    let distance = i128::from(end) - i128::from(start);
    let step = i128::from(step);
    let count = (distance + step - step.signum()).div_euclid(step).max(0);
    if count > i128::from(RANGE_ROWS_MAX) {
        let what = format!("a range of more than {RANGE_ROWS_MAX} rows");
        return Err(Error::unsupported(what).with_span(span));
    }
    let values =
        (0..count).filter_map(|index| i64::try_from(i128::from(start) + index * step).ok());
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
    Ok(rows(RecordBatch::try_new(Arc::new(schema), vec![column])?))
}

fn integer(argument: &Ast) -> Result<i64> {
    if let AstKind::Literal(value) = &argument.kind {
        if let Some(value) = value.as_primitive_opt::<Int32Type>() {
            return Ok(i64::from(value.value(0)));
        }
        if let Some(value) = value.as_primitive_opt::<Int64Type>() {
            return Ok(value.value(0));
        }
    }
    Err(
        Error::unsupported("an argument of range that is no integer constant")
            .with_span(argument.span),
    )
}
