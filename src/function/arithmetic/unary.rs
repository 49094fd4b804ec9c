//! Signs: `negative`, `positive` and `abs`.

use super::calendar::opposite;
use super::failure::plain_overflow;
use super::resolve::unary as resolve;
use crate::error::{Error, Result};
use crate::expr::Value;
use crate::function::{Call, ScalarFunction};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
};
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("negative", "negative(expr)"),
            ("the value with the opposite sign", "SELECT negative(1)"),
            (
                |arguments| resolve("negative", arguments),
                |call| negate(only(call)?),
            ),
        ),
        ScalarFunction::new(
            ("positive", "positive(expr)"),
            ("the value itself", "SELECT positive(1)"),
            (
                |arguments| resolve("positive", arguments),
                |call| Ok(Arc::clone(only(call)?.array())),
            ),
        ),
        ScalarFunction::new(
            ("abs", "abs(expr)"),
            ("the value without its sign", "SELECT abs(-1)"),
            (
                |arguments| resolve("abs", arguments),
                |call| absolute(only(call)?),
            ),
        ),
    ]
}

fn only<'a>(call: &Call<'a>) -> Result<&'a Value> {
    match call.arguments {
        [only] => Ok(only),
        _ => Err(Error::internal("a sign needs one argument")),
    }
}

/// Maps every value that is not null; `None` is an overflow of this kind of number.
fn map<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    what: &str,
    operator: impl Fn(T::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mapped: PrimitiveArray<T> = array
        .as_primitive::<T>()
        .try_unary(|value| operator(value).ok_or_else(|| plain_overflow(what)))?;
    Ok(Arc::new(mapped.with_data_type(array.data_type().clone())))
}

/// The value with the opposite sign.
pub(super) fn negate(value: &Value) -> Result<ArrayRef> {
    let array = value.array();
    match array.data_type() {
        DataType::Int8 => map::<Int8Type>(array, "byte", i8::checked_neg),
        DataType::Int16 => map::<Int16Type>(array, "short", i16::checked_neg),
        DataType::Int32 => map::<Int32Type>(array, "integer", i32::checked_neg),
        DataType::Int64 => map::<Int64Type>(array, "long", i64::checked_neg),
        DataType::Float32 => map::<Float32Type>(array, "", |value| Some(-value)),
        DataType::Float64 => map::<Float64Type>(array, "", |value| Some(-value)),
        DataType::Decimal128(_, _) => map::<Decimal128Type>(array, "", |value| Some(-value)),
        DataType::Duration(_) => {
            map::<DurationMicrosecondType>(array, "interval", i64::checked_neg)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            map::<IntervalYearMonthType>(array, "interval", i32::checked_neg)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            map::<IntervalMonthDayNanoType>(array, "interval", opposite)
        }
        other => Err(unexpected(other)),
    }
}

fn absolute(value: &Value) -> Result<ArrayRef> {
    let array = value.array();
    match array.data_type() {
        DataType::Int8 => map::<Int8Type>(array, "byte", i8::checked_abs),
        DataType::Int16 => map::<Int16Type>(array, "short", i16::checked_abs),
        DataType::Int32 => map::<Int32Type>(array, "integer", i32::checked_abs),
        DataType::Int64 => map::<Int64Type>(array, "long", i64::checked_abs),
        DataType::Float32 => map::<Float32Type>(array, "", |value| Some(value.abs())),
        DataType::Float64 => map::<Float64Type>(array, "", |value| Some(value.abs())),
        DataType::Decimal128(_, _) => map::<Decimal128Type>(array, "", |value| Some(value.abs())),
        DataType::Duration(_) => {
            map::<DurationMicrosecondType>(array, "interval", i64::checked_abs)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            map::<IntervalYearMonthType>(array, "interval", i32::checked_abs)
        }
        other => Err(unexpected(other)),
    }
}

fn unexpected(data_type: &DataType) -> Error {
    Error::internal(format!(
        "a sign got an operand it was not resolved for. type=`{}`",
        sql_name(data_type)
    ))
}
