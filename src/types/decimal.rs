//! Precision and scale of decimal results, after Spark's `DecimalPrecision` with
//! `spark.sql.decimalOperations.allowPrecisionLoss=true`.
//!
//! The exact result type of an operation may need more than 38 digits. Then integral digits are kept and the scale
//! shrinks, but not below 6 (or the exact scale, if that is smaller): see [`adjusted`].

use super::DECIMAL_MAX_PRECISION;
use crate::types::is_integral;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};

/// The scale that is kept when a result does not fit into 38 digits.
const MINIMUM_ADJUSTED_SCALE: i32 = 6;

/// An arithmetic operator on two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalOperator {
    /// `+` and `-`.
    Add,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%` and `pmod`.
    Remainder,
    /// `div`, before its result becomes a `BIGINT`.
    IntegralDivide,
}

/// Precision and scale of the result of `operator` on decimals of these precisions and scales.
pub fn decimal_result(operator: DecimalOperator, left: (u8, i8), right: (u8, i8)) -> (u8, i8) {
    let (p1, s1) = (i32::from(left.0), i32::from(left.1));
    let (p2, s2) = (i32::from(right.0), i32::from(right.1));
    match operator {
        DecimalOperator::Add => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        DecimalOperator::Multiply => adjusted(p1 + p2 + 1, s1 + s2),
        DecimalOperator::Divide => {
            let scale = (s1 + p2 + 1).max(MINIMUM_ADJUSTED_SCALE);
            adjusted(p1 - s1 + s2 + scale, scale)
        }
        DecimalOperator::Remainder => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).min(p2 - s2) + scale, scale)
        }
        DecimalOperator::IntegralDivide => {
            let digits = p1 - s1 + s2;
            bounded_decimal(if digits == 0 { 1 } else { digits }, 0)
        }
    }
}

/// Fits an exact precision and scale into 38 digits, giving up scale before integral digits.
fn adjusted(precision: i32, scale: i32) -> (u8, i8) {
    let maximum = i32::from(DECIMAL_MAX_PRECISION);
    if precision <= maximum {
        return narrowed(precision, scale);
    }
    let integral_digits = precision - scale;
    let minimum_scale = scale.min(MINIMUM_ADJUSTED_SCALE);
    narrowed(maximum, (maximum - integral_digits).max(minimum_scale))
}

/// Precision and scale, each cut to 38.
pub fn bounded_decimal(precision: i32, scale: i32) -> (u8, i8) {
    let maximum = i32::from(DECIMAL_MAX_PRECISION);
    narrowed(precision.min(maximum), scale.min(maximum))
}

fn narrowed(precision: i32, scale: i32) -> (u8, i8) {
    let precision = u8::try_from(precision).unwrap_or(DECIMAL_MAX_PRECISION);
    let scale = i8::try_from(scale).unwrap_or(0);
    (precision, scale)
}

/// The decimal that holds every value of an integer type: `INT` → (10, 0), `BIGINT` → (20, 0). `None` for other types.
pub fn decimal_for_integer(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((20, 0)),
        _ => None,
    }
}

/// The smallest decimal that holds an integer constant: `100` → (3, 0). Spark uses it, in place of the type's decimal,
/// where an integer literal meets a decimal in an operator. `None` if it is null or not an integer.
pub fn decimal_of_literal(literal: &ArrayRef) -> Option<(u8, i8)> {
    if !is_integral(literal.data_type()) || literal.len() != 1 || literal.is_null(0) {
        return None;
    }
    let value = match literal.data_type() {
        // Spark takes the type's decimal for `TINYINT` literals.
        DataType::Int8 => return Some((3, 0)),
        DataType::Int16 => i64::from(literal.as_primitive::<Int16Type>().value(0)),
        DataType::Int32 => i64::from(literal.as_primitive::<Int32Type>().value(0)),
        _ => literal.as_primitive::<Int64Type>().value(0),
    };
    let digits = value
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log + 1);
    u8::try_from(digits).ok().map(|digits| (digits, 0))
}

/// The decimal that holds the integral digits and the scale of both, within 38 digits (integral digits first).
pub fn wider_decimal(left: (u8, i8), right: (u8, i8)) -> (u8, i8) {
    let (p1, s1) = (i32::from(left.0), i32::from(left.1));
    let (p2, s2) = (i32::from(right.0), i32::from(right.1));
    let scale = s1.max(s2);
    let integral_digits = (p1 - s1).max(p2 - s2);
    let maximum = i32::from(DECIMAL_MAX_PRECISION);
    if integral_digits + scale > maximum {
        let digits = integral_digits.min(maximum);
        return bounded_decimal(maximum, maximum - digits);
    }
    bounded_decimal(integral_digits + scale, scale)
}
