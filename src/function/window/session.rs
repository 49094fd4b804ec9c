//! `session_window(time, gap)`: the session of a single row, and the length of its gap.

use crate::cast::calendar::add_months;
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::window::{out_of_range, struct_of, window_type};
use crate::function::{Call, Signature};
use crate::types::{CalendarInterval, parse_interval};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType};
use std::sync::Arc;

const NANOS_PER_MICRO: i64 = 1_000;

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
    let [interval, time] = arguments else {
        return Err(Error::internal("`__interval_us` takes two arguments"));
    };
    Ok(Signature {
        arguments: vec![interval.data_type.clone(), time.data_type.clone()],
        returns: DataType::Int64,
        is_nullable: true,
    })
}

pub(super) fn interval_kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [
        Value::Array(interval) | Value::Scalar(interval),
        Value::Array(time) | Value::Scalar(time),
    ] = call.arguments
    else {
        return Err(Error::internal("`__interval_us` takes two arguments"));
    };
    let interval_at = |row: usize| {
        if let Some(texts) = interval.as_string_opt::<i32>() {
            return parse_interval(texts.value(row)).ok();
        }
        let value = interval
            .as_primitive_opt::<IntervalMonthDayNanoType>()?
            .value(row);
        Some(CalendarInterval {
            months: value.months,
            days: value.days,
            micros: value.nanoseconds / NANOS_PER_MICRO,
        })
    };
    let times = time
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::internal("`__interval_us` takes a time"))?;
    let zone = match times.timezone() {
        Some(_) => Zone::parse(&call.context.time_zone)?,
        None => Zone::Fixed(0),
    };
    // Constants are one value for all rows.
    let at = |length: usize, row: usize| if length == 1 { 0 } else { row };
    let lengths = (0..interval.len().max(times.len())).map(|row| {
        let (given, time) = (at(interval.len(), row), at(times.len(), row));
        if interval.is_null(given) || times.is_null(time) {
            return None;
        }
        length_from(times.value(time), &interval_at(given)?, zone)
    });
    Ok(Arc::new(lengths.collect::<Int64Array>()))
}

/// How long an interval is that begins at `time`: months and days go by on the wall clock. `None` if it ends out of range.
fn length_from(time: i64, interval: &CalendarInterval, zone: Zone) -> Option<i64> {
    if interval.months == 0 && interval.days == 0 {
        return Some(interval.micros);
    }
    let local = zone.to_local(time);
    let date = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()?;
    let moved = add_months(date, i64::from(interval.months))?.checked_add(interval.days)?;
    let of_day = local.rem_euclid(MICROS_PER_DAY);
    let days = i64::from(moved).checked_mul(MICROS_PER_DAY)?;
    let end = zone.to_utc(days.checked_add(of_day)?)?;
    end.checked_sub(time)?.checked_add(interval.micros)
}
