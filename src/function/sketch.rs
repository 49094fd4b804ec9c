//! Sketches of Apache `DataSketches`, in the formats that its other libraries read: `HyperLogLog` (`hll_*`), Theta (`theta_*`) and Tuple
//! (`tuple_*`).
//!
//! A sketch is a `BINARY` value: aggregates make it of values or unite sketches, functions read and combine it. What is kept as the state of
//! a group is the same binary. Sketches hash values as the Java library does, so that sketches of Spark and ours can be united.

pub(super) mod hll;
mod item;
pub(super) mod theta;
pub(super) mod tuple;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::argument;
use crate::function::signature::{argument as expression, constant_long, unexpected_type};
use crate::function::{AggregateFunction, Call, ScalarFunction};
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// The least and the greatest base-2 logarithm of the nominal entries of Theta and Tuple sketches.
const LOG_ENTRIES: std::ops::RangeInclusive<i64> = 4..=26;

/// That logarithm unless another is asked for.
const DEFAULT_LOG_ENTRIES: u8 = 12;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = hll::functions();
    functions.extend(theta::functions());
    functions.extend(tuple::functions());
    functions
}

/// The aggregates of this module.
pub(crate) fn aggregates() -> Vec<Arc<dyn AggregateFunction>> {
    [
        hll::DEFINITIONS,
        theta::DEFINITIONS,
        tuple::DOUBLE_DEFINITIONS,
        tuple::INTEGER_DEFINITIONS,
    ]
    .into_iter()
    .flatten()
    .map(|definition| Arc::new(*definition) as Arc<dyn AggregateFunction>)
    .collect()
}

/// The logarithm of nominal entries that constant argument `index` asks for.
fn log_entries(name: &str, arguments: &[Expr], index: usize) -> Result<u8> {
    if index >= arguments.len() {
        return Ok(DEFAULT_LOG_ENTRIES);
    }
    constant_long(name, arguments, index)?
        .filter(|log| LOG_ENTRIES.contains(log))
        .and_then(|log| u8::try_from(log).ok())
        .ok_or_else(|| {
            Error::invalid(format!(
                "the logarithm of nominal entries of `{name}` must be from 4 to 26"
            ))
            .with_condition("SKETCH_INVALID_LG_NOM_ENTRIES")
        })
}

/// Checks that arguments are binaries, or null.
fn require_sketches(name: &str, arguments: &[Expr], count: usize) -> Result<Vec<DataType>> {
    (0..count)
        .map(|index| {
            let given = expression(name, arguments, index)?;
            match given.data_type {
                DataType::Binary | DataType::Null => Ok(DataType::Binary),
                _ => Err(unexpected_type(name, given, index, "BINARY")),
            }
        })
        .collect()
}

/// The sketch of a row of argument `index`, as bytes.
fn bytes<'a>(call: &Call<'a>, index: usize, row: usize) -> Result<Option<&'a [u8]>> {
    let value = argument(call, index)?;
    let place = value.index(row);
    let sketches = value
        .array()
        .as_binary_opt::<i32>()
        .ok_or_else(|| Error::internal("a sketch is a binary"))?;
    Ok(sketches.is_valid(place).then(|| sketches.value(place)))
}

/// A function of two sketches; null if one of them is.
fn combined(
    call: &Call<'_>,
    combine: impl Fn(&[u8], &[u8]) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for row in 0..call.rows {
        match (bytes(call, 0, row)?, bytes(call, 1, row)?) {
            (Some(left), Some(right)) => builder.append_value(combine(left, right)?),
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// The constant argument `index` of a call that is running, as text.
fn text_argument(call: &Call<'_>, index: usize) -> Result<Option<String>> {
    if index >= call.arguments.len() {
        return Ok(None);
    }
    let value = argument(call, index)?;
    let texts = value.array().as_string_opt::<i32>();
    Ok(texts
        .filter(|texts| !texts.is_empty() && texts.is_valid(0))
        .map(|texts| texts.value(0).to_owned()))
}

/// The constant argument `index` of a call that is running, as a number.
fn number_argument(call: &Call<'_>, index: usize) -> Result<Option<i64>> {
    if index >= call.arguments.len() {
        return Ok(None);
    }
    let value = arrow::compute::cast(argument(call, index)?.array(), &DataType::Int64)?;
    let numbers = value.as_primitive::<arrow::datatypes::Int64Type>();
    Ok((!numbers.is_empty() && numbers.is_valid(0)).then(|| numbers.value(0)))
}
