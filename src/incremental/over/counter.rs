//! `counter_diff`: by how much a counter that only grows grew, from one row to the next.
//!
//! Rows without a value are passed over. A counter that is less than before, or whose start time is later, began anew, and its growth is
//! not known.

use super::Sorted;
use super::compute::argument;
use crate::analyze::cast_to;
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::function::registry;
use crate::plan::over::WindowCall;
use crate::types::TypeUnits;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{nullif, take};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The growth since the row before, for the sorted rows.
pub(super) fn differences(
    sorted: &Sorted,
    call: &WindowCall,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let values = argument(sorted, call, 0, context)?;
    let starts = match call.arguments.len() {
        2 => Some(argument(sorted, call, 1, context)?),
        _ => None,
    };
    let before = rows_before(sorted, &values);
    let previous = take(&values, &before, None)?;
    let zero = arrow::compute::cast(&arrow::array::Int32Array::from(vec![0]), values.data_type())?;
    let zeros = arrow::array::Scalar::new(zero);
    let negative = arrow::compute::kernels::cmp::lt(&values, &zeros)?;
    if negative.true_count() > 0 {
        return Err(Error::data("`counter_diff` got a counter that is negative")
            .with_condition("COUNTER_DIFF_NEGATIVE_VALUE"));
    }
    let mut is_anew = arrow::compute::kernels::cmp::lt(&values, &previous)?;
    if let Some(starts) = starts {
        is_anew = arrow::compute::or_kleene(&is_anew, &began_later(&starts, &before)?)?;
    }
    // What began anew is not subtracted, so that nothing overflows.
    let known = nullif(&previous, &is_anew)?;
    subtract(&values, &known, call, context)
}

/// For each row with a value the last row before it with one.
fn rows_before(sorted: &Sorted, values: &ArrayRef) -> UInt32Array {
    let mut before = Vec::with_capacity(values.len());
    for partition in &sorted.partitions {
        let mut last: Option<u32> = None;
        for row in partition.clone() {
            if values.is_valid(row) {
                before.push(last);
                last = u32::try_from(row).ok();
            } else {
                before.push(None);
            }
        }
    }
    UInt32Array::from(before)
}

/// Whether the start time is later than in the row before.
fn began_later(starts: &ArrayRef, before: &UInt32Array) -> Result<BooleanArray> {
    let starts = starts
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::internal("a start time is a timestamp"))?;
    let mut later = Vec::with_capacity(starts.len());
    for (row, before) in before.iter().enumerate() {
        let before = before.map(|before| before as usize);
        let before = before.filter(|before| starts.is_valid(*before) && starts.is_valid(row));
        let order = before.map(|before| starts.value(row).cmp(&starts.value(before)));
        if order == Some(std::cmp::Ordering::Less) {
            return Err(
                Error::data("`counter_diff` got a start time that goes back")
                    .with_condition("COUNTER_DIFF_START_TIME_DECREASED"),
            );
        }
        later.push(order == Some(std::cmp::Ordering::Greater));
    }
    Ok(BooleanArray::from(later))
}

/// `left - right` by the function of SQL, in the type of the values.
fn subtract(
    left: &ArrayRef,
    right: &ArrayRef,
    call: &WindowCall,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let function =
        registry::scalar("-").ok_or_else(|| Error::internal("`-` is missing in the registry"))?;
    let columns = [left, right];
    let arguments: Vec<Expr> = (0..2)
        .zip(columns)
        .map(|(index, column)| Expr::column(index, column.data_type().clone(), true))
        .collect();
    let signature = (function.resolve)(&arguments)?;
    let difference = Expr {
        data_type: signature.returns,
        units: TypeUnits::default(),
        is_nullable: true,
        span: call.span,
        kind: ExprKind::Call(function, arguments),
    };
    let difference = cast_to(difference, &call.signature.returns);
    let fields: Vec<Field> = ["value", "before"]
        .into_iter()
        .zip(columns)
        .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
        .collect();
    let rows = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().cloned().collect(),
    )?;
    difference.evaluate_array(&rows, context)
}
