//! `typeof`, `assert_true` and `raise_error`: about expressions, and for stopping a query on purpose.

use crate::error::{Error, Result};
use crate::expr::{Expr, ONLY_ROW, Value};
use crate::function::signature::{Wanted, argument, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::simple_string;
use arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "typeof",
            usage: "typeof(expr)",
            description: "the name of the type of the argument",
            example: "SELECT typeof(1)",
            resolve: resolve_typeof,
            kernel: type_name,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "assert_true",
            usage: "assert_true(expr[, message])",
            description: "null, or an error if the condition is not true",
            example: "SELECT assert_true(0 < 1)",
            resolve: resolve_assert,
            kernel: assert_true,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "raise_error",
            usage: "raise_error(expr)",
            description: "always an error with this message",
            example: "SELECT if(1 < 2, 1, raise_error('it cannot be'))",
            resolve: resolve_raise,
            kernel: raise_error,
            is_deterministic: true,
        },
        ScalarFunction {
            name: ONLY_ROW,
            usage: "__only_row(value, rows)",
            description: "the value, or an error if it stands for several rows",
            example: "",
            resolve: resolve_only_row,
            kernel: only_row,
            is_deterministic: true,
        },
    ]
}

fn resolve_only_row(arguments: &[Expr]) -> Result<Signature> {
    count_arguments(ONLY_ROW, arguments, 2, 2)?;
    let data_type = &argument(ONLY_ROW, arguments, 0)?.data_type;
    Ok(Signature {
        arguments: vec![data_type.clone(), DataType::Int64],
        returns: data_type.clone(),
        is_nullable: true,
    })
}

/// The value of a scalar subquery, of which the second argument says how many rows it has.
fn only_row(call: &Call<'_>) -> Result<ArrayRef> {
    let (Some(value), Some(rows)) = (call.arguments.first(), call.arguments.get(1)) else {
        return Err(Error::internal(
            "a scalar subquery without its number of rows",
        ));
    };
    let counts = rows.array().as_primitive::<Int64Type>();
    let has_several = |row: usize| {
        let at = rows.index(row);
        counts.is_valid(at) && counts.value(at) > 1
    };
    if (0..call.rows).any(has_several) {
        return Err(Error::data(
            "more than one row returned by a subquery used as an expression: aggregate in it, or limit it to one row",
        )
        .with_condition("SCALAR_SUBQUERY_TOO_MANY_ROWS"));
    }
    value.to_array(call.rows)
}

fn resolve_typeof(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("typeof", arguments, 1, 1)?;
    Ok(Signature {
        arguments: vec![argument("typeof", arguments, 0)?.data_type.clone()],
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of kernels")]
fn type_name(call: &Call<'_>) -> Result<ArrayRef> {
    let name = call
        .arguments
        .first()
        .map_or_else(String::new, |value| simple_string(value.data_type()));
    let names = std::iter::repeat_n(Some(name), call.rows);
    Ok(Arc::new(names.collect::<StringArray>()))
}

fn resolve_assert(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("assert_true", arguments, 1, 2)?;
    let boolean = [Wanted::Exactly(DataType::Boolean)];
    let mut types = vec![argument_type("assert_true", arguments, 0, &boolean)?];
    if arguments.len() == 2 {
        let text = [Wanted::Exactly(DataType::Utf8)];
        types.push(argument_type("assert_true", arguments, 1, &text)?);
    }
    Ok(Signature {
        arguments: types,
        returns: DataType::Null,
        is_nullable: true,
    })
}

fn assert_true(call: &Call<'_>) -> Result<ArrayRef> {
    let Some(condition) = call.arguments.first() else {
        return Err(Error::internal("`assert_true` needs a condition"));
    };
    let flags = condition.array().as_boolean();
    let failed = (0..call.rows).find(|row| {
        let at = condition.index(*row);
        flags.is_null(at) || !flags.value(at)
    });
    match failed {
        None => Ok(new_null_array(call.returns, call.rows)),
        Some(row) => Err(raised(
            call.arguments.get(1),
            row,
            "the condition is not true!",
        )),
    }
}

fn resolve_raise(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("raise_error", arguments, 1, 1)?;
    let text = [Wanted::Exactly(DataType::Utf8)];
    Ok(Signature {
        arguments: vec![argument_type("raise_error", arguments, 0, &text)?],
        returns: DataType::Null,
        is_nullable: true,
    })
}

fn raise_error(call: &Call<'_>) -> Result<ArrayRef> {
    if call.rows == 0 {
        return Ok(new_null_array(call.returns, 0));
    }
    Err(raised(call.arguments.first(), 0, "null"))
}

/// The error that a user asked for, with the message of a row.
fn raised(message: Option<&Value>, row: usize, otherwise: &str) -> Error {
    let text = message.and_then(|message| {
        let texts = message.array().as_string_opt::<i32>()?;
        let at = message.index(row);
        texts.is_valid(at).then(|| texts.value(at).to_owned())
    });
    Error::data(text.unwrap_or_else(|| otherwise.to_owned()))
        .with_condition("USER_RAISED_EXCEPTION")
}
