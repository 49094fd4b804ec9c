//! `factorial` and `width_bucket`.

use super::arguments;
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{Wanted, argument_type, argument_types, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, new_null_array};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int32Type, Int64Type, IntervalUnit,
    IntervalYearMonthType, TimeUnit,
};
use std::sync::Arc;

/// The greatest number whose factorial fits into a `BIGINT`.
const FACTORIAL_MAX: i32 = 20;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("factorial", "factorial(expr)"),
            (
                "the product of the integers up to this one; null outside of 0 to 20",
                "SELECT factorial(5)",
            ),
            (resolve_factorial, factorial),
        ),
        ScalarFunction::new(
            (
                "width_bucket",
                "width_bucket(value, min_value, max_value, num_bucket)",
            ),
            (
                "the number of the bucket, among buckets of equal width, that a value falls into",
                "SELECT width_bucket(5.3, 0.2, 10.6, 5)",
            ),
            (resolve_width_bucket, width_bucket),
        ),
    ]
}

fn resolve_factorial(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("factorial", arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Int32)];
    Ok(Signature {
        arguments: vec![argument_type("factorial", arguments, 0, &wanted)?],
        returns: DataType::Int64,
        is_nullable: true,
    })
}

fn factorial(call: &Call<'_>) -> Result<ArrayRef> {
    let [input] = arguments(call)?;
    let of = |value: i32| {
        (0..=FACTORIAL_MAX)
            .contains(&value)
            .then(|| (1..=i64::from(value)).product())
    };
    let products = input
        .array()
        .as_primitive::<Int32Type>()
        .unary_opt::<_, Int64Type>(of);
    Ok(Arc::new(products))
}

fn resolve_width_bucket(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("width_bucket", arguments, 4, 4)?;
    let value = [
        Wanted::Exactly(DataType::Float64),
        Wanted::Exactly(DataType::Interval(IntervalUnit::YearMonth)),
        Wanted::Exactly(DataType::Duration(TimeUnit::Microsecond)),
    ];
    let long = [Wanted::Exactly(DataType::Int64)];
    let types = argument_types(
        "width_bucket",
        arguments,
        &[&value, &value, &value, &long],
        4,
    )?;
    if let [value, least, greatest, _] = &types[..]
        && (value != least || value != greatest)
    {
        let found: Vec<String> = arguments
            .iter()
            .zip([value, least, greatest])
            .map(|(argument, coerced)| {
                let is_as_given = argument.data_type == *coerced;
                let name = if is_as_given {
                    argument.sql_type()
                } else {
                    sql_name(coerced)
                };
                format!("\"{name}\"")
            })
            .collect();
        return Err(Error::invalid(format!(
            "input to `width_bucket` should all be the same type, but it's [{}]",
            found.join(", ")
        ))
        .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES"));
    }
    Ok(Signature {
        arguments: types,
        returns: DataType::Int64,
        is_nullable: true,
    })
}

fn width_bucket(call: &Call<'_>) -> Result<ArrayRef> {
    let [value, least, greatest, count] = arguments(call)?;
    if [value, least, greatest, count]
        .iter()
        .any(|argument| argument.is_null_constant())
    {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let [values, leasts, greatests] = [value, least, greatest].map(|one| as_doubles(one.array()));
    let at = |argument: &Value, array: &Float64Array, row: usize| {
        let row = argument.index(row);
        array.is_valid(row).then(|| array.value(row))
    };
    let counts = count.array().as_primitive::<Int64Type>();
    let buckets: Int64Array = (0..call.rows)
        .map(|row| {
            let index = count.index(row);
            let count = counts.is_valid(index).then(|| counts.value(index))?;
            let range = (at(least, &leasts, row)?, at(greatest, &greatests, row)?);
            bucket(at(value, &values, row)?, range, count)
        })
        .collect();
    Ok(Arc::new(buckets))
}

/// Numbers as they are, intervals as their months or microseconds.
#[expect(clippy::cast_precision_loss, reason = "as Spark's")]
fn as_doubles(array: &ArrayRef) -> Float64Array {
    match array.data_type() {
        DataType::Duration(_) => array
            .as_primitive::<DurationMicrosecondType>()
            .unary(|micros| micros as f64),
        DataType::Interval(_) => array
            .as_primitive::<IntervalYearMonthType>()
            .unary(f64::from),
        _ => array.as_primitive::<Float64Type>().clone(),
    }
}

/// The bucket of a value, from 1; 0 before the first, `count + 1` after the last. The range may go down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "this is the formula, in doubles; the result is at most the count"
)]
fn bucket(value: f64, (start, end): (f64, f64), count: i64) -> Option<i64> {
    let is_usable = count > 0
        && count < i64::MAX
        && !value.is_nan()
        && start != end
        && start.is_finite()
        && end.is_finite();
    if !is_usable {
        return None;
    }
    let (lower, upper) = (start.min(end), start.max(end));
    if start < end {
        return Some(if value < lower {
            0
        } else if value >= upper {
            count + 1
        } else {
            (count as f64 * (value - lower) / (upper - lower)) as i64 + 1
        });
    }
    Some(if value > upper {
        0
    } else if value <= lower {
        count + 1
    } else {
        (count as f64 * (upper - value) / (upper - lower)) as i64 + 1
    })
}
