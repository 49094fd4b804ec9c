//! `= == <> != < <= > >= <=>`, `greatest` and `least`, on every type that has an order.
//!
//! Spark's order: NaN equals NaN and is greater than every other number, -0.0 equals 0.0, text and binary compare by bytes,
//! arrays and structs part by part with null before everything. Null at the top gives null, except for `<=>`.

mod order;
#[cfg(test)]
mod tests;

pub(crate) use order::{Ordered, is_equal_null_safe, normalized};

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{any_nullable, count_arguments};
use crate::function::{Call, Kernel, ScalarFunction, Signature};
use crate::types::{common_type, common_type_of, decimal_for_integer, is_orderable, sql_name};
use arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Field};
use order::Comparison;
use std::sync::Arc;

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] = &[("==", "="), ("!=", "<>")];

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = vec![
        operator("=", "whether both are equal", |call| {
            compare(Comparison::Equal, call)
        }),
        operator("<>", "whether both differ", |call| {
            compare(Comparison::NotEqual, call)
        }),
        operator("<", "whether the left side is less", |call| {
            compare(Comparison::Less, call)
        }),
        operator("<=", "whether the left side is less or equal", |call| {
            compare(Comparison::LessOrEqual, call)
        }),
        operator(">", "whether the left side is greater", |call| {
            compare(Comparison::Greater, call)
        }),
        operator(">=", "whether the left side is greater or equal", |call| {
            compare(Comparison::GreaterOrEqual, call)
        }),
    ];
    functions.push(ScalarFunction {
        name: "<=>",
        usage: "expr1 <=> expr2",
        description: "whether both are equal, or both null; never null itself",
        example: "SELECT 2 <=> NULL",
        resolve: resolve_null_safe,
        kernel: null_safe,
        is_deterministic: true,
    });
    functions.push(ScalarFunction {
        name: "equal_null",
        usage: "equal_null(expr1, expr2)",
        description: "as `<=>`",
        example: "SELECT equal_null(3, 3)",
        resolve: resolve_null_safe,
        kernel: null_safe,
        is_deterministic: true,
    });
    functions.extend(extremes());
    functions
}

fn extremes() -> [ScalarFunction; 2] {
    [
        ScalarFunction {
            name: "greatest",
            usage: "greatest(expr, ...)",
            description: "the greatest of the arguments, leaving out nulls",
            example: "SELECT greatest(10, 9, 2)",
            resolve: |arguments| resolve_extreme("greatest", arguments),
            kernel: |call| extreme(Comparison::Greater, call),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "least",
            usage: "least(expr, ...)",
            description: "the least of the arguments, leaving out nulls",
            example: "SELECT least(10, 9, 2)",
            resolve: |arguments| resolve_extreme("least", arguments),
            kernel: |call| extreme(Comparison::Less, call),
            is_deterministic: true,
        },
    ]
}

fn operator(name: &'static str, description: &'static str, kernel: Kernel) -> ScalarFunction {
    ScalarFunction {
        name,
        usage: match name {
            "=" => "expr1 = expr2",
            "<>" => "expr1 <> expr2",
            "<" => "expr1 < expr2",
            "<=" => "expr1 <= expr2",
            ">" => "expr1 > expr2",
            _ => "expr1 >= expr2",
        },
        description,
        example: match name {
            "=" => "SELECT 2 = 2",
            "<>" => "SELECT 2 <> 2",
            "<" => "SELECT 1 < 2",
            "<=" => "SELECT 2 <= 2",
            ">" => "SELECT 2 > 1",
            _ => "SELECT 2 >= 1",
        },
        resolve,
        kernel,
        is_deterministic: true,
    }
}

fn resolve_null_safe(arguments: &[Expr]) -> Result<Signature> {
    let mut signature = resolve(arguments)?;
    signature.is_nullable = false;
    Ok(signature)
}

/// Also for equality, values must have an order: legacy intervals have none, though they are grouped by.
fn resolve(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("comparison", arguments, 2, 2)?;
    let [left, right] = arguments else {
        return Err(Error::internal("a comparison needs two arguments"));
    };
    let common = common_type(
        &left.data_type,
        &with_names_of(&left.data_type, &right.data_type),
    )
    .filter(|_| !mixes_texts_inside(&left.data_type, &right.data_type));
    let Some(common) = common else {
        return Err(Error::invalid(format!(
            "the left and right operands of the binary operator have incompatible types (\"{}\" and \"{}\")",
            left.sql_type(),
            right.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"));
    };
    if !is_orderable(&common) {
        return Err(no_order("comparison", &common));
    }
    Ok(Signature {
        arguments: vec![common.clone(), common],
        returns: DataType::Boolean,
        is_nullable: any_nullable(arguments),
    })
}

/// The right type with the names of the left one's fields: structs are compared field by field, whatever the fields are called.
fn with_names_of(left: &DataType, right: &DataType) -> DataType {
    match (left, right) {
        (DataType::Struct(names), DataType::Struct(fields)) if names.len() == fields.len() => {
            let renamed = names.iter().zip(fields).map(|(named, field)| {
                let data_type = with_names_of(named.data_type(), field.data_type());
                Field::new(named.name(), data_type, field.is_nullable())
            });
            DataType::Struct(renamed.collect())
        }
        _ => right.clone(),
    }
}

/// Whether elements of arrays would be compared as text on one side only: Spark casts whole values, not parts of them.
fn mixes_texts_inside(left: &DataType, right: &DataType) -> bool {
    match (left, right) {
        (DataType::List(left), DataType::List(right)) => {
            let (left, right) = (left.data_type(), right.data_type());
            let is_text = |element: &DataType| *element == DataType::Utf8;
            let is_null = |element: &DataType| *element == DataType::Null;
            let one_is_text = is_text(left) != is_text(right);
            (one_is_text && !is_null(left) && !is_null(right))
                || is_neither_wider(left, right)
                || mixes_texts_inside(left, right)
        }
        _ => false,
    }
}

/// Whether these are two exact numbers, a decimal among them, of which neither holds all values of the other.
fn is_neither_wider(left: &DataType, right: &DataType) -> bool {
    let exact = |data_type: &DataType| match data_type {
        DataType::Decimal128(precision, scale) => Some((i32::from(*precision), i32::from(*scale))),
        other => decimal_for_integer(other)
            .map(|(precision, scale)| (i32::from(precision), i32::from(scale))),
    };
    let (Some((left, left_scale)), Some((right, right_scale))) = (exact(left), exact(right)) else {
        return false;
    };
    let whole = (left - left_scale).cmp(&(right - right_scale));
    let scale = left_scale.cmp(&right_scale);
    whole.is_gt() && scale.is_lt() || whole.is_lt() && scale.is_gt()
}

/// An error about a type without an order.
pub(crate) fn no_order(function: &str, data_type: &DataType) -> Error {
    Error::invalid(format!(
        "the `{function}` does not support ordering on type \"{}\"",
        sql_name(data_type)
    ))
    .with_condition("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
}

fn resolve_extreme(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, usize::MAX)?;
    let types = arguments.iter().map(|argument| &argument.data_type);
    // Strings are compared with strings alone.
    let is_text = |found: &DataType| *found == DataType::Utf8;
    let mixes_strings = types.clone().any(is_text)
        && types
            .clone()
            .any(|found| !is_text(found) && *found != DataType::Null);
    let Some(common) = common_type_of(types.clone()).filter(|_| !mixes_strings) else {
        let types: Vec<_> = types
            .map(|found| format!("\"{}\"", sql_name(found)))
            .collect();
        return Err(Error::invalid(format!(
            "input to `{name}` should all be the same type, but it's [{}]",
            types.join(", ")
        ))
        .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES"));
    };
    if !is_orderable(&common) {
        return Err(no_order(name, &common));
    }
    Ok(Signature {
        arguments: vec![common.clone(); arguments.len()],
        returns: common,
        is_nullable: arguments.iter().all(|argument| argument.is_nullable),
    })
}

fn sides<'a>(call: &Call<'a>) -> Result<(&'a Value, &'a Value)> {
    match call.arguments {
        [left, right] => Ok((left, right)),
        _ => Err(Error::internal("a comparison needs two arguments")),
    }
}

fn compare(comparison: Comparison, call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = sides(call)?;
    if left.is_null_constant() || right.is_null_constant() {
        return Ok(new_null_array(&DataType::Boolean, call.rows));
    }
    Ok(Arc::new(order::compare(
        comparison, left, right, call.rows,
    )?))
}

fn null_safe(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = sides(call)?;
    Ok(Arc::new(is_equal_null_safe(left, right, call.rows)?))
}

/// Goes through the arguments and keeps the one that wins; of equals the first.
fn extreme(wins: Comparison, call: &Call<'_>) -> Result<ArrayRef> {
    let mut best = Value::Scalar(new_null_array(call.returns, 1));
    for next in call.arguments {
        if next.is_null_constant() {
            continue;
        }
        if best.is_null_constant() {
            best = next.clone();
            continue;
        }
        let is_better = order::compare(wins, next, &best, call.rows)?;
        let best_array = best.to_array(call.rows)?;
        let next_array = next.to_array(call.rows)?;
        let takes_next: BooleanArray = (0..call.rows)
            .map(|row| {
                let is_taken = if best_array.is_null(row) {
                    true
                } else {
                    is_better.is_valid(row) && is_better.value(row)
                };
                Some(is_taken && next_array.is_valid(row))
            })
            .collect();
        best = Value::Array(zip(&takes_next, &next_array, &best_array)?);
    }
    best.into_array(call.rows)
}
