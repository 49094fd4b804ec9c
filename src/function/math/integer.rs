//! `factorial` and `width_bucket`.

use super::arguments;
use crate::error::Result;
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
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
    let double = [Wanted::Exactly(DataType::Float64)];
    let long = [Wanted::Exactly(DataType::Int64)];
    Ok(Signature {
        arguments: vec![
            argument_type("width_bucket", arguments, 0, &double)?,
            argument_type("width_bucket", arguments, 1, &double)?,
            argument_type("width_bucket", arguments, 2, &double)?,
            argument_type("width_bucket", arguments, 3, &long)?,
        ],
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
    let doubles = [value, least, greatest].map(|argument| {
        let array = argument.array().as_primitive::<Float64Type>();
        move |row: usize| {
            let row = argument.index(row);
            array.is_valid(row).then(|| array.value(row))
        }
    });
    let counts = count.array().as_primitive::<Int64Type>();
    let [value_at, least_at, greatest_at] = doubles;
    let buckets: Int64Array = (0..call.rows)
        .map(|row| {
            let at = count.index(row);
            let count = counts.is_valid(at).then(|| counts.value(at))?;
            bucket(value_at(row)?, (least_at(row)?, greatest_at(row)?), count)
        })
        .collect();
    Ok(Arc::new(buckets))
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
