//! `not`, `isnull`, `isnotnull`, `isnan`, `nanvl`: questions about one value.

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use std::sync::Arc;

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] = &[("!", "not")];

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "not",
            usage: "not expr",
            description: "the opposite of a condition",
            example: "SELECT not true",
            resolve: resolve_not,
            kernel: not,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "isnull",
            usage: "isnull(expr)",
            description: "whether the value is null",
            example: "SELECT isnull(1)",
            resolve: |arguments| resolve_any("isnull", arguments),
            kernel: |call| Ok(Arc::new(nulls(only(call)?, true))),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "isnotnull",
            usage: "isnotnull(expr)",
            description: "whether the value is not null",
            example: "SELECT isnotnull(1)",
            resolve: |arguments| resolve_any("isnotnull", arguments),
            kernel: |call| Ok(Arc::new(nulls(only(call)?, false))),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "isnan",
            usage: "isnan(expr)",
            description: "whether the number is NaN; false for null",
            example: "SELECT isnan(double('NaN'))",
            resolve: resolve_is_nan,
            kernel: is_nan,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "nanvl",
            usage: "nanvl(expr1, expr2)",
            description: "the first number, or the second if the first is NaN",
            example: "SELECT nanvl(double('NaN'), 123)",
            resolve: resolve_nanvl,
            kernel: nanvl,
            is_deterministic: true,
        },
    ]
}

fn only<'a>(call: &Call<'a>) -> Result<&'a Value> {
    match call.arguments {
        [only] => Ok(only),
        _ => Err(Error::internal("a predicate needs one argument")),
    }
}

fn resolve_not(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("not", arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Boolean)];
    Ok(Signature {
        arguments: vec![argument_type("not", arguments, 0, &wanted)?],
        returns: DataType::Boolean,
        is_nullable: any_nullable(arguments),
    })
}

fn not(call: &Call<'_>) -> Result<ArrayRef> {
    let array = only(call)?.array();
    Ok(Arc::new(arrow::compute::not(array.as_boolean())?))
}

fn resolve_any(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    Ok(Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns: DataType::Boolean,
        is_nullable: false,
    })
}

/// True where the value is null, or where it is not.
fn nulls(value: &Value, is_null: bool) -> BooleanArray {
    let array = value.array();
    let values = match array.logical_nulls() {
        Some(nulls) if is_null => !nulls.inner(),
        Some(nulls) => nulls.into_inner(),
        None => {
            let mut values = BooleanBufferBuilder::new(array.len());
            values.append_n(array.len(), !is_null);
            values.finish()
        }
    };
    BooleanArray::new(values, None)
}

/// The type of float that an argument is taken as.
fn float_type(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    let wanted = [
        Wanted::Exactly(DataType::Float64),
        Wanted::Exactly(DataType::Float32),
    ];
    argument_type(name, arguments, index, &wanted)
}

fn resolve_is_nan(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("isnan", arguments, 1, 1)?;
    Ok(Signature {
        arguments: vec![float_type("isnan", arguments, 0)?],
        returns: DataType::Boolean,
        is_nullable: false,
    })
}

/// True where a float is NaN; never null.
fn nan_rows(array: &ArrayRef) -> BooleanArray {
    let is_nan: BooleanBuffer = if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
        BooleanBuffer::collect_bool(floats.len(), |row| floats.value(row).is_nan())
    } else {
        let doubles = array.as_primitive::<Float64Type>();
        BooleanBuffer::collect_bool(doubles.len(), |row| doubles.value(row).is_nan())
    };
    let values = match array.nulls() {
        Some(nulls) => &is_nan & nulls.inner(),
        None => is_nan,
    };
    BooleanArray::new(values, None)
}

fn is_nan(call: &Call<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(nan_rows(only(call)?.array())))
}

fn resolve_nanvl(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("nanvl", arguments, 2, 2)?;
    let left = float_type("nanvl", arguments, 0)?;
    let right = float_type("nanvl", arguments, 1)?;
    let common = if left == right {
        left
    } else {
        DataType::Float64
    };
    Ok(Signature {
        arguments: vec![common.clone(), common.clone()],
        returns: common,
        is_nullable: any_nullable(arguments),
    })
}

fn nanvl(call: &Call<'_>) -> Result<ArrayRef> {
    let [value, otherwise] = call.arguments else {
        return Err(Error::internal("`nanvl` needs two arguments"));
    };
    if value.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let value = value.to_array(call.rows)?;
    Ok(zip(&nan_rows(&value), otherwise, &value)?)
}
