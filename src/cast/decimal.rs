//! Decimals: between scales (half up), to and from the other numbers, and from text.

use super::failure::{decimal_overflow, invalid_input, overflow};
use super::number::{double_to_int, try_map, try_map_text};
use super::parse::{self, DecimalFailure};
use super::text::{decimal_text, double_text};
use super::{Mode, impossible};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use std::sync::Arc;

/// From this precision on Spark keeps a decimal as a big number, not as a long; some of its casts differ then.
const COMPACT_PRECISION_MAX: u8 = 18;

fn precision_and_scale(data_type: &DataType) -> Result<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) => Ok((*precision, *scale)),
        other => Err(impossible(other, other)),
    }
}

/// 10^exponent, if it fits.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// A decimal at another scale, rounded half up (away from zero); `None` if it needs more than `precision` digits.
pub(crate) fn rescale(value: i128, from_scale: i8, precision: u8, scale: i8) -> Option<i128> {
    let shift = i32::from(scale) - i32::from(from_scale);
    let factor = power_of_ten(shift.unsigned_abs());
    let rescaled = if shift >= 0 {
        match factor {
            Some(factor) => value.checked_mul(factor)?,
            None if value == 0 => 0,
            None => return None,
        }
    } else {
        factor.map_or(0, |factor| divide_half_up(value, factor))
    };
    let limit = power_of_ten(u32::from(precision))?;
    (rescaled.unsigned_abs() < limit.unsigned_abs()).then_some(rescaled)
}

/// Division rounded half away from zero, by a positive divisor.
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    let remainder = value % divisor;
    if remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs() {
        quotient + value.signum()
    } else {
        quotient
    }
}

/// The double nearest to a decimal.
pub(crate) fn decimal_to_double(value: i128, scale: i8) -> f64 {
    // Both sides are exact up to here, so the quotient is rounded once.
    const EXACT_MAX: u128 = 1 << 53;
    let divisor = u32::try_from(scale).ok().and_then(power_of_ten);
    match divisor {
        #[expect(clippy::cast_precision_loss, reason = "both were checked to be exact")]
        Some(divisor) if value.unsigned_abs() <= EXACT_MAX && scale <= 22 => {
            value as f64 / divisor as f64
        }
        _ => decimal_text(value, scale).parse().unwrap_or(f64::NAN),
    }
}

/// The decimal that the shortest text of a double stands for, rounded half up. `Ok(None)` for NaN and the infinities.
pub(crate) fn double_to_decimal(
    value: f64,
    precision: u8,
    scale: i8,
) -> Result<Option<i128>, DecimalFailure> {
    if !value.is_finite() {
        return Ok(None);
    }
    parse::decimal(&double_text(value), precision, scale).map(Some)
}

fn finished(array: Decimal128Array, to: (u8, i8)) -> Result<ArrayRef> {
    Ok(Arc::new(array.with_precision_and_scale(to.0, to.1)?))
}

/// Text to decimals.
pub(super) fn from_text(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let (precision, scale) = precision_and_scale(to)?;
    let failure = |text: &str| match parse::decimal(text, precision, scale) {
        Err(DecimalFailure::TooLarge) => decimal_overflow(parse::trimmed(text), precision, scale),
        _ => invalid_input(text, &DataType::Utf8, to),
    };
    let parsed = try_map_text::<Decimal128Type>(
        array.as_string::<i32>(),
        mode.is_try,
        |text| parse::decimal(text, precision, scale).ok(),
        failure,
    )?;
    finished(parsed, (precision, scale))
}

/// Integers and floats to decimals.
pub(super) fn to_decimal(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Int8 => from_integer::<Int8Type>(array, to, mode),
        DataType::Int16 => from_integer::<Int16Type>(array, to, mode),
        DataType::Int32 => from_integer::<Int32Type>(array, to, mode),
        DataType::Int64 => from_integer::<Int64Type>(array, to, mode),
        DataType::Float32 => {
            let doubles = arrow::compute::cast(array, &DataType::Float64)?;
            from_double(doubles.as_primitive(), to, mode)
        }
        DataType::Float64 => from_double(array.as_primitive(), to, mode),
        DataType::Decimal128(_, _) => from_decimal(array, to, mode),
        other => Err(impossible(other, to)),
    }
}

fn from_integer<I: ArrowPrimitiveType>(
    array: &ArrayRef,
    to: &DataType,
    mode: Mode<'_>,
) -> Result<ArrayRef>
where
    I::Native: Into<i64>,
{
    let (precision, scale) = precision_and_scale(to)?;
    let decimals = try_map::<I, Decimal128Type>(
        array.as_primitive::<I>(),
        mode.is_try,
        |value| rescale(i128::from(value.into()), 0, precision, scale),
        |value| decimal_overflow(&value.into().to_string(), precision, scale),
    )?;
    finished(decimals, (precision, scale))
}

/// NaN and the infinities are null: as in Spark, also without `TRY_CAST`.
fn from_double(
    array: &PrimitiveArray<Float64Type>,
    to: &DataType,
    mode: Mode<'_>,
) -> Result<ArrayRef> {
    let (precision, scale) = precision_and_scale(to)?;
    let mut values = Vec::with_capacity(array.len());
    for value in array {
        let converted = value.map(|value| {
            double_to_decimal(value, precision, scale)
                .map_err(|_| decimal_overflow(&double_text(value), precision, scale))
        });
        values.push(match converted {
            None => None,
            Some(Ok(decimal)) => decimal,
            Some(Err(_)) if mode.is_try => None,
            Some(Err(error)) => return Err(error),
        });
    }
    finished(Decimal128Array::from(values), (precision, scale))
}

/// Decimals to all numbers.
pub(super) fn from_decimal(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let (from_precision, from_scale) = precision_and_scale(array.data_type())?;
    let values = array.as_primitive::<Decimal128Type>();
    let failure = |value: i128| overflow(&decimal_text(value, from_scale), array.data_type(), to);
    let whole = |value: i128| {
        let divisor = u32::try_from(from_scale).ok().and_then(power_of_ten);
        value / divisor.unwrap_or(1)
    };
    let to_int = |value: i128| {
        if from_precision > COMPACT_PRECISION_MAX {
            double_to_int(decimal_to_double(value, from_scale))
        } else {
            whole(value).try_into().ok()
        }
    };
    let is_try = mode.is_try;
    Ok(match to {
        DataType::Decimal128(precision, scale) => {
            let rescaled = try_map::<Decimal128Type, Decimal128Type>(
                values,
                is_try,
                |value| rescale(value, from_scale, *precision, *scale),
                |value| decimal_overflow(&decimal_text(value, from_scale), *precision, *scale),
            )?;
            return finished(rescaled, (*precision, *scale));
        }
        DataType::Int8 => Arc::new(try_map::<_, Int8Type>(
            values,
            is_try,
            |value| to_int(value).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int16 => Arc::new(try_map::<_, Int16Type>(
            values,
            is_try,
            |value| to_int(value).and_then(|value| value.try_into().ok()),
            failure,
        )?),
        DataType::Int32 => Arc::new(try_map::<_, Int32Type>(values, is_try, to_int, failure)?),
        DataType::Int64 => Arc::new(try_map::<_, Int64Type>(
            values,
            is_try,
            |value| whole(value).try_into().ok(),
            failure,
        )?),
        DataType::Float64 => {
            Arc::new(values.unary::<_, Float64Type>(|value| decimal_to_double(value, from_scale)))
        }
        DataType::Float32 => Arc::new(values.unary::<_, Float32Type>(|value| {
            decimal_text(value, from_scale).parse().unwrap_or(f32::NAN)
        })),
        other => return Err::<ArrayRef, Error>(impossible(array.data_type(), other)),
    })
}
