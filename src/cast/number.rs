//! Integers, floats and booleans, among themselves and from text.
//!
//! Integers that do not fit are an overflow; floats lose their fraction first, and NaN fits nowhere. Floats take any number.

use super::failure::{invalid_input, overflow};
use super::text::{double_text, float_text};
use super::{Mode, impossible, parse};
use crate::error::{Error, Result};
use crate::types::{is_floating, is_integral};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use std::fmt::Display;
use std::sync::Arc;

/// Maps every value; where there is no result it is an error, or null.
pub(super) fn try_map<I, O>(
    array: &PrimitiveArray<I>,
    is_try: bool,
    convert: impl Fn(I::Native) -> Option<O::Native>,
    failure: impl Fn(I::Native) -> Error,
) -> Result<PrimitiveArray<O>>
where
    I: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    if is_try {
        return Ok(array.unary_opt(convert));
    }
    array.try_unary(|value| convert(value).ok_or_else(|| failure(value)))
}

/// As [`try_map`], from text.
pub(super) fn try_map_text<O: ArrowPrimitiveType>(
    array: &StringArray,
    is_try: bool,
    convert: impl Fn(&str) -> Option<O::Native>,
    failure: impl Fn(&str) -> Error,
) -> Result<PrimitiveArray<O>> {
    let mut values = Vec::with_capacity(array.len());
    let mut failed: Vec<usize> = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            values.push(O::Native::default());
            continue;
        }
        let text = array.value(row);
        match convert(text) {
            Some(value) => values.push(value),
            None if is_try => {
                failed.push(row);
                values.push(O::Native::default());
            }
            None => return Err(failure(text)),
        }
    }
    let nulls = if failed.is_empty() {
        array.nulls().cloned()
    } else {
        Some(with_nulls_at(array, &failed))
    };
    Ok(PrimitiveArray::new(values.into(), nulls))
}

fn with_nulls_at(array: &dyn Array, rows: &[usize]) -> arrow::buffer::NullBuffer {
    let mut valid: Vec<bool> = (0..array.len()).map(|row| array.is_valid(row)).collect();
    for row in rows {
        if let Some(slot) = valid.get_mut(*row) {
            *slot = false;
        }
    }
    valid.into()
}

/// Between integers and floats.
pub(super) fn between(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let from = array.data_type();
    let is_safe =
        is_floating(to) || (is_integral(from) && from.primitive_width() <= to.primitive_width());
    if is_safe {
        return Ok(arrow::compute::cast(array, to)?);
    }
    match from {
        DataType::Int16 => narrow::<Int16Type>(array, to, mode),
        DataType::Int32 => narrow::<Int32Type>(array, to, mode),
        DataType::Int64 => narrow::<Int64Type>(array, to, mode),
        DataType::Float32 => {
            let exact = array.as_primitive::<Float32Type>();
            truncate(exact, to, mode, |value| {
                (f64::from(value), float_text(value))
            })
        }
        DataType::Float64 => {
            let exact = array.as_primitive::<Float64Type>();
            truncate(exact, to, mode, |value| (value, double_text(value)))
        }
        _ => Err(impossible(from, to)),
    }
}

/// From a wider integer to a narrower one.
fn narrow<I: ArrowPrimitiveType>(
    array: &ArrayRef,
    to: &DataType,
    mode: Mode<'_>,
) -> Result<ArrayRef>
where
    I::Native: Display + Copy + TryInto<i8> + TryInto<i16> + TryInto<i32>,
{
    let values = array.as_primitive::<I>();
    let failure = |value: I::Native| overflow(&value.to_string(), &I::DATA_TYPE, to);
    Ok(match to {
        DataType::Int8 => Arc::new(try_map::<I, Int8Type>(
            values,
            mode.is_try,
            |value| value.try_into().ok(),
            failure,
        )?),
        DataType::Int16 => Arc::new(try_map::<I, Int16Type>(
            values,
            mode.is_try,
            |value| value.try_into().ok(),
            failure,
        )?),
        _ => Arc::new(try_map::<I, Int32Type>(
            values,
            mode.is_try,
            |value| value.try_into().ok(),
            failure,
        )?),
    })
}

/// From a float to an integer, towards zero. `shown` gives the value as a double, and as text.
fn truncate<I: ArrowPrimitiveType>(
    array: &PrimitiveArray<I>,
    to: &DataType,
    mode: Mode<'_>,
    shown: impl Fn(I::Native) -> (f64, String) + Copy,
) -> Result<ArrayRef> {
    let failure = |value: I::Native| overflow(&shown(value).1, &I::DATA_TYPE, to);
    let as_double = |value: I::Native| shown(value).0;
    Ok(match to {
        DataType::Int8 => Arc::new(try_map::<I, Int8Type>(
            array,
            mode.is_try,
            |value| double_to_int(as_double(value)).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int16 => Arc::new(try_map::<I, Int16Type>(
            array,
            mode.is_try,
            |value| double_to_int(as_double(value)).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int32 => Arc::new(try_map::<I, Int32Type>(
            array,
            mode.is_try,
            |value| double_to_int(as_double(value)),
            failure,
        )?),
        _ => Arc::new(try_map::<I, Int64Type>(
            array,
            mode.is_try,
            |value| double_to_long(as_double(value)),
            failure,
        )?),
    })
}

/// Towards zero, if the integral part fits.
pub(crate) fn double_to_int(value: f64) -> Option<i32> {
    let fits = value.floor() <= f64::from(i32::MAX) && value.ceil() >= f64::from(i32::MIN);
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    fits.then_some(value as i32)
}

/// Towards zero, if the integral part fits. As in Spark, 2^63 itself, which `BIGINT` just misses, gives the greatest value.
pub(crate) fn double_to_long(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let fits = value.floor() <= LIMIT && value.ceil() >= -LIMIT;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    fits.then_some(value as i64)
}

/// Numbers other than zero are true, also NaN.
pub(super) fn to_boolean(array: &ArrayRef) -> Result<ArrayRef> {
    if let Some(decimals) = array.as_primitive_opt::<Decimal128Type>() {
        return Ok(Arc::new(BooleanArray::from_unary(decimals, |value| {
            value != 0
        })));
    }
    Ok(arrow::compute::cast(array, &DataType::Boolean)?)
}

/// True is 1, false is 0.
pub(super) fn from_boolean(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let numbers = arrow::compute::cast(array, &DataType::Int8)?;
    super::convert(&numbers, to, mode)
}

/// Text to integers, floats and booleans.
pub(super) fn from_text(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let failure = |text: &str| invalid_input(text, &DataType::Utf8, to);
    let is_try = mode.is_try;
    Ok(match to {
        DataType::Int8 => Arc::new(try_map_text::<Int8Type>(
            texts,
            is_try,
            |text| parse::integer(text).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int16 => Arc::new(try_map_text::<Int16Type>(
            texts,
            is_try,
            |text| parse::integer(text).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int32 => Arc::new(try_map_text::<Int32Type>(
            texts,
            is_try,
            |text| parse::integer(text).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int64 => Arc::new(try_map_text::<Int64Type>(
            texts,
            is_try,
            parse::integer,
            failure,
        )?),
        DataType::Float32 => Arc::new(try_map_text::<Float32Type>(
            texts,
            is_try,
            parse::float,
            failure,
        )?),
        DataType::Float64 => Arc::new(try_map_text::<Float64Type>(
            texts,
            is_try,
            parse::double,
            failure,
        )?),
        DataType::Boolean => {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts {
                let value = text.and_then(parse::boolean);
                match (text, value) {
                    (Some(text), None) if !is_try => return Err(failure(text)),
                    _ => values.push(value),
                }
            }
            Arc::new(BooleanArray::from(values))
        }
        _ => return Err(impossible(&DataType::Utf8, to)),
    })
}
