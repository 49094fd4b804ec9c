//! Arrays, maps and structs: making them, asking them, changing them.
//!
//! Most functions decide, row by row, which elements of their arguments the result consists of ([`build::ListBuilder`]), and copy
//! them in one go at the end. Elements are equal in Spark's sense: NaN equals NaN, 0.0 equals -0.0, null is like null where a
//! function says so. [`element::Keys`] gives bytes that are equal exactly for equal elements.

mod access;
mod build;
mod construct;
mod element;
mod lambda;
mod map;
mod map_lambda;
mod modify;
mod sequence;
mod set;
mod sort;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::unexpected_type;
use crate::function::{Call, ScalarFunction};
use crate::types::{common_type, is_atomic, is_decimal, is_integral, sql_name};
use arrow::datatypes::DataType;

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] = &[("cardinality", "size"), ("reduce", "aggregate")];

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = construct::functions();
    functions.extend(access::functions());
    functions.extend(set::functions());
    functions.extend(modify::functions());
    functions.extend(sort::functions());
    functions.extend(sequence::functions());
    functions.extend(map::functions());
    functions.extend(lambda::functions());
    functions.extend(map_lambda::functions());
    functions
}

/// Exactly this many arguments.
fn arguments<'a, const N: usize>(call: &Call<'a>) -> Result<&'a [Value; N]> {
    call.arguments
        .first_chunk::<N>()
        .filter(|_| call.arguments.len() == N)
        .ok_or_else(|| Error::internal("a function got the wrong number of arguments"))
}

/// The element type of an array argument; of the constant null, `VOID`.
fn element_type(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    let argument = crate::function::signature::argument(name, arguments, index)?;
    match &argument.data_type {
        DataType::List(element) => Ok(element.data_type().clone()),
        DataType::Null => Ok(DataType::Null),
        _ => Err(unexpected_type(name, argument, index, "ARRAY")),
    }
}

/// As [`element_type`], for functions that refuse an untyped null.
fn present_element(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    let argument = crate::function::signature::argument(name, arguments, index)?;
    if argument.data_type == DataType::Null {
        return Err(unexpected_type(name, argument, index, "ARRAY"));
    }
    element_type(name, arguments, index)
}

/// Refuses an untyped null among the first `count` arguments, which must be arrays of one type.
fn refuse_untyped(name: &str, arguments: &[Expr], count: usize, condition: &str) -> Result<()> {
    let mut arrays = arguments.iter().take(count);
    if arrays.all(|argument| argument.data_type != DataType::Null) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "null typed values cannot be used as the array of `{name}`: cast the null to a type of array"
    ))
    .with_condition(condition))
}

/// The type that elements of two arguments meet at. Strings and decimals do not become anything else here.
fn common_element(name: &str, left: &DataType, right: &DataType) -> Result<DataType> {
    let mixes_strings = [(left, right), (right, left)].iter().any(|(one, other)| {
        **one == DataType::Utf8 && is_atomic(other) && **other != DataType::Utf8
    });
    let mixes_decimals = left != right && (is_decimal(left) || is_decimal(right));
    let has_null = [left, right].contains(&&DataType::Null);
    let common = match (left, right) {
        (DataType::Float32, other) | (other, DataType::Float32) if is_integral(other) => {
            Some(DataType::Float32)
        }
        _ => common_type(left, right),
    };
    common
        .filter(|_| !mixes_strings && (has_null || !mixes_decimals))
        .ok_or_else(|| {
            Error::invalid(format!(
                "input to `{name}` should have elements of one type, but there are \"{}\" and \"{}\"",
                sql_name(left),
                sql_name(right)
            ))
            .with_condition("DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES")
        })
}
