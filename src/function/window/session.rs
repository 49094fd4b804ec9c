//! `session_window(time, gap)`: the session of a single row, and the length of its gap.

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::window::{out_of_range, struct_of, window_type};
use crate::function::{Call, Signature};
use crate::types::parse_interval;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, DurationMicrosecondType, Int64Type, TimestampMicrosecondType};
use std::sync::Arc;

pub(super) fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let [time, gap] = arguments else {
        return Err(Error::internal("`__session_window` takes two arguments"));
    };
    Ok(Signature {
        arguments: vec![time.data_type.clone(), DataType::Int64],
        returns: window_type(&time.data_type),
        is_nullable: time.is_nullable || gap.is_nullable,
    })
}

pub(super) fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [
        Value::Array(time) | Value::Scalar(time),
        gap @ (Value::Array(gaps) | Value::Scalar(gaps)),
    ] = call.arguments
    else {
        return Err(Error::internal("`__session_window` takes two arguments"));
    };
    let (Some(times), Some(gaps)) = (
        time.as_primitive_opt::<TimestampMicrosecondType>(),
        gaps.as_primitive_opt::<Int64Type>(),
    ) else {
        return Err(Error::internal("`__session_window` takes a time and a gap"));
    };
    let gap_at = |row: usize| match gap {
        Value::Scalar(_) => gaps.is_valid(0).then(|| gaps.value(0)),
        Value::Array(_) => gaps.is_valid(row).then(|| gaps.value(row)),
    };
    let mut ends = Vec::with_capacity(times.len());
    for row in 0..times.len() {
        ends.push(match gap_at(row).filter(|_| times.is_valid(row)) {
            Some(gap) => {
                let start = times.value(row);
                Some(start.checked_add(gap).ok_or_else(|| out_of_range(start))?)
            }
            None => None,
        });
    }
    let ends = TimestampMicrosecondArray::from(ends);
    let nulls: Option<NullBuffer> = ends.nulls().cloned();
    let starts = TimestampMicrosecondArray::new(times.values().clone(), None);
    let ends = TimestampMicrosecondArray::new(ends.values().clone(), None);
    struct_of(call.returns, starts, ends, nulls)
}

pub(super) fn resolve_interval(arguments: &[Expr]) -> Result<Signature> {
    let [interval] = arguments else {
        return Err(Error::internal("`__interval_us` takes one argument"));
    };
    Ok(Signature {
        arguments: vec![interval.data_type.clone()],
        returns: DataType::Int64,
        is_nullable: true,
    })
}

pub(super) fn interval_kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [Value::Array(interval) | Value::Scalar(interval)] = call.arguments else {
        return Err(Error::internal("`__interval_us` takes one argument"));
    };
    if let Some(durations) = interval.as_primitive_opt::<DurationMicrosecondType>() {
        return Ok(Arc::new(durations.reinterpret_cast::<Int64Type>()));
    }
    let texts = interval
        .as_string_opt::<i32>()
        .ok_or_else(|| Error::internal("`__interval_us` takes text or an interval"))?;
    let lengths = texts.iter().map(|text| {
        let interval = parse_interval(text?).ok()?;
        (interval.months == 0).then(|| interval.duration_us())?
    });
    Ok(Arc::new(lengths.collect::<Int64Array>()))
}
