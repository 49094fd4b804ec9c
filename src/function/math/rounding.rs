//! `round`, `bround`, `ceil` and `floor`.
//!
//! Floats round by the decimal digits that they print with, as in Spark: `round(2.675, 2)` is 2.68, although the double is a
//! little less. Decimals and integers are exact. With a scale, `ceil` and `floor` work on decimals.

use super::arguments;
use crate::cast::{double_digits, may_give_null, power_of_ten};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{Wanted, any_nullable, argument_type, constant, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{DECIMAL_MAX_PRECISION, is_floating, is_integral};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, new_null_array};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use std::sync::Arc;

/// Which of the two neighbours a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    HalfUp,
    HalfEven,
    Ceiling,
    Floor,
}

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("round", "round(expr[, d])"),
            (
                "rounded to d places after the point, halves away from zero",
                "SELECT round(2.5, 0)",
            ),
            (
                |arguments| resolve_round("round", arguments),
                |call| round(Rounding::HalfUp, call),
            ),
        ),
        ScalarFunction::new(
            ("bround", "bround(expr[, d])"),
            (
                "rounded to d places after the point, halves to the even digit",
                "SELECT bround(2.5, 0)",
            ),
            (
                |arguments| resolve_round("bround", arguments),
                |call| round(Rounding::HalfEven, call),
            ),
        ),
        ScalarFunction::new(
            ("ceil", "ceil(expr[, d])"),
            (
                "the least integer (or value of d places) that is not less",
                "SELECT ceil(-0.1)",
            ),
            (
                |arguments| resolve_bound("ceil", arguments),
                |call| bound(Rounding::Ceiling, call),
            ),
        ),
        ScalarFunction::new(
            ("floor", "floor(expr[, d])"),
            (
                "the greatest integer (or value of d places) that is not greater",
                "SELECT floor(-0.1)",
            ),
            (
                |arguments| resolve_bound("floor", arguments),
                |call| bound(Rounding::Floor, call),
            ),
        ),
    ]
}

/// The scale, which must be a constant; `None` if it is null.
fn scale_of(name: &str, arguments: &[Expr]) -> Result<Option<i32>> {
    if arguments.len() < 2 {
        return Ok(Some(0));
    }
    // A cast of a constant to INT was resolved before; what is left must be a number that fits.
    let literal = constant(name, arguments, 1)?;
    scale_value(literal)
}

fn scale_value(array: &ArrayRef) -> Result<Option<i32>> {
    let int = arrow::compute::cast(array, &DataType::Int32)?;
    let int = int.as_primitive::<arrow::datatypes::Int32Type>();
    Ok(int.iter().next().flatten())
}

/// The type of a decimal after rounding, which may need a digit more before the point.
fn rounded_decimal(precision: u8, scale: i8, places: i32) -> DataType {
    let (precision, scale) = (i32::from(precision), i32::from(scale));
    let integral_digits = precision - scale + 1;
    let maximum = i32::from(DECIMAL_MAX_PRECISION);
    let (precision, scale) = if places < 0 {
        (integral_digits.max(1 - places).min(maximum), 0)
    } else {
        let scale = scale.min(places);
        ((integral_digits + scale).min(maximum), scale)
    };
    DataType::Decimal128(
        u8::try_from(precision).unwrap_or(DECIMAL_MAX_PRECISION),
        i8::try_from(scale).unwrap_or(0),
    )
}

fn rounded_type(data_type: &DataType, places: Option<i32>) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) => {
            rounded_decimal(*precision, *scale, places.unwrap_or(0))
        }
        other => other.clone(),
    }
}

fn resolve_round(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let input = argument_type(name, arguments, 0, &[Wanted::Numeric])?;
    let places = scale_of(name, arguments)?;
    Ok(Signature {
        returns: rounded_type(&input, places),
        arguments: with_scale(input, arguments),
        is_nullable: any_nullable(arguments),
    })
}

fn with_scale(input: DataType, arguments: &[Expr]) -> Vec<DataType> {
    let mut types = vec![input];
    if arguments.len() > 1 {
        types.push(DataType::Int32);
    }
    types
}

/// With one argument integers give `BIGINT`, floats too; with a scale everything becomes a decimal.
fn resolve_bound(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    if arguments.len() == 2 {
        let input = argument_type(name, arguments, 0, &[Wanted::Decimal])?;
        let places = scale_of(name, arguments)?;
        // NaN and the infinities are no decimals.
        let is_float = arguments
            .first()
            .is_some_and(|number| may_give_null(&number.data_type, &input));
        return Ok(Signature {
            returns: rounded_type(&input, places),
            arguments: with_scale(input, arguments),
            is_nullable: is_float || any_nullable(arguments),
        });
    }
    let wanted = [
        Wanted::Exactly(DataType::Float64),
        Wanted::Decimal,
        Wanted::Exactly(DataType::Int64),
    ];
    let input = match arguments.first().map(|argument| &argument.data_type) {
        Some(other) if is_integral(other) => DataType::Int64,
        _ => argument_type(name, arguments, 0, &wanted)?,
    };
    let returns = match &input {
        DataType::Decimal128(_, 0) => input.clone(),
        DataType::Decimal128(precision, scale) => rounded_decimal(*precision, *scale, 0),
        _ => DataType::Int64,
    };
    Ok(Signature {
        arguments: vec![input],
        returns,
        is_nullable: any_nullable(arguments),
    })
}

/// The places of a call; `None` if they are null.
fn places(call: &Call<'_>) -> Result<Option<i32>> {
    match call.arguments {
        [_] => Ok(Some(0)),
        [_, places] => scale_value(places.array()),
        _ => Err(Error::internal("rounding needs one or two arguments")),
    }
}

fn round(rounding: Rounding, call: &Call<'_>) -> Result<ArrayRef> {
    let (Some(input), Some(places)) = (call.arguments.first(), places(call)?) else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let array = input.array();
    if is_integral(array.data_type()) && places >= 0 {
        return Ok(Arc::clone(array));
    }
    match array.data_type() {
        DataType::Int8 => integers::<Int8Type>(rounding, array, places),
        DataType::Int16 => integers::<Int16Type>(rounding, array, places),
        DataType::Int32 => integers::<Int32Type>(rounding, array, places),
        DataType::Int64 => integers::<Int64Type>(rounding, array, places),
        DataType::Float64 => Ok(Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| double(rounding, value, places)),
        )),
        #[expect(clippy::cast_possible_truncation, reason = "a FLOAT was asked for")]
        DataType::Float32 => Ok(Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| double(rounding, f64::from(value), places) as f32),
        )),
        _ => decimals(rounding, array, places, call.returns),
    }
}

fn bound(rounding: Rounding, call: &Call<'_>) -> Result<ArrayRef> {
    if call.arguments.len() == 2 {
        return round(rounding, call);
    }
    let [input]: &[Value; 1] = arguments(call)?;
    let array = input.array();
    if is_floating(array.data_type()) {
        let longs = array
            .as_primitive::<Float64Type>()
            .try_unary::<_, Int64Type, _>(|value| match rounding {
                Rounding::Ceiling => long(value.ceil()),
                _ => long(value.floor()),
            })?;
        return Ok(Arc::new(longs));
    }
    match array.data_type() {
        DataType::Decimal128(_, _) => decimals(rounding, array, 0, call.returns),
        _ => Ok(Arc::clone(array)),
    }
}

/// A whole double as a long; NaN is 0.
fn long(value: f64) -> Result<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if value.abs() > END {
        return Err(Error::data("a number does not fit into a BIGINT")
            .with_condition("ARITHMETIC_OVERFLOW"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it fits, or is NaN")]
    let long = value as i64;
    Ok(long)
}

/// A quotient by a positive power of ten, rounded.
fn divide(rounding: Rounding, value: i128, divisor: i128) -> i128 {
    let quotient = value.div_euclid(divisor);
    let rest = value.rem_euclid(divisor);
    let twice = rest.unsigned_abs() * 2;
    let is_up = match rounding {
        Rounding::Floor => false,
        Rounding::Ceiling => rest > 0,
        Rounding::HalfUp => {
            twice > divisor.unsigned_abs() || (twice == divisor.unsigned_abs() && value > 0)
        }
        Rounding::HalfEven => {
            twice > divisor.unsigned_abs()
                || (twice == divisor.unsigned_abs() && quotient.rem_euclid(2) == 1)
        }
    };
    quotient + i128::from(is_up)
}

/// A value of 10^-scale, rounded to `places` after the point (before it, if negative), still in units of 10^-scale. `None` if it
/// grows out of 128 bits.
fn rounded(rounding: Rounding, value: i128, scale: i32, places: i32) -> Option<i128> {
    let dropped = scale - places;
    let Ok(dropped) = u32::try_from(dropped) else {
        return Some(value);
    };
    match power_of_ten(dropped) {
        Some(factor) => divide(rounding, value, factor).checked_mul(factor),
        None => match (rounding, value.signum()) {
            (Rounding::Ceiling, 1) | (Rounding::Floor, -1) => None,
            _ => Some(0),
        },
    }
}

fn integers<T: ArrowPrimitiveType>(
    rounding: Rounding,
    array: &ArrayRef,
    places: i32,
) -> Result<ArrayRef>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    let rounded: PrimitiveArray<T> = array.as_primitive::<T>().try_unary(|value| {
        rounded(rounding, value.into(), 0, places)
            .and_then(|value| value.try_into().ok())
            .ok_or_else(|| Error::data("overflow").with_condition("ARITHMETIC_OVERFLOW"))
    })?;
    Ok(Arc::new(rounded))
}

fn decimals(
    rounding: Rounding,
    array: &ArrayRef,
    places: i32,
    returns: &DataType,
) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, scale), DataType::Decimal128(precision, result_scale)) =
        (array.data_type(), returns)
    else {
        return Err(Error::internal("a decimal was to be rounded"));
    };
    let limit = power_of_ten(u32::from(*precision)).unwrap_or(i128::MAX);
    let shift = u32::try_from(i32::from(*scale) - i32::from(*result_scale)).unwrap_or(0);
    let factor = power_of_ten(shift).unwrap_or(i128::MAX);
    let fitted = |value: i128| {
        let rounded = rounded(rounding, value, i32::from(*scale), places)? / factor;
        (rounded.unsigned_abs() < limit.unsigned_abs()).then_some(rounded)
    };
    let result: PrimitiveArray<Decimal128Type> =
        array.as_primitive::<Decimal128Type>().try_unary(|value| {
            fitted(value).ok_or_else(|| {
                let shown = crate::cast::text::decimal_text(value, *scale);
                crate::cast::decimal_overflow(&shown, *precision, *result_scale)
            })
        })?;
    Ok(Arc::new(result.with_precision_and_scale(*precision, *result_scale)?) as Arc<dyn Array>)
}

/// A double, rounded by the digits that it prints with. The result is never -0.0: Java's big decimals have none.
fn double(rounding: Rounding, value: f64, places: i32) -> f64 {
    let Some((digits, exponent)) = double_digits(value) else {
        return value;
    };
    // The value is digits times 10^exponent.
    if -exponent <= places {
        return value + 0.0;
    }
    let Some(rounded) = rounded(rounding, i128::from(digits), -exponent, places) else {
        return value;
    };
    from_digits(rounded, exponent)
}

/// The double nearest to digits times 10^exponent.
#[expect(
    clippy::cast_precision_loss,
    reason = "only digits that a double holds exactly"
)]
fn from_digits(digits: i128, exponent: i32) -> f64 {
    const EXACT_MAX: u128 = 1 << 53;
    let power = exponent.unsigned_abs();
    if digits.unsigned_abs() <= EXACT_MAX && power <= 22 {
        let power = 10_f64.powi(power.cast_signed());
        return if exponent < 0 {
            digits as f64 / power
        } else {
            digits as f64 * power
        };
    }
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}
