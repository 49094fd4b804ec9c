//! Vectors, which are arrays of floats: `vector_norm`, `vector_normalize`, `vector_inner_product`, `vector_l2_distance` and
//! `vector_cosine_similarity`. Sums are taken in double precision and rounded to a float at the end; a null in a vector makes the
//! result null.

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{argument, try_primitive_of};
use crate::function::signature::{count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float32Builder, ListArray, ListBuilder,
};
use arrow::datatypes::{DataType, Float32Type};
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "vector_norm",
            usage: "vector_norm(vector[, degree])",
            description: "The norm of a vector: of degree 1, 2 (the default) or infinity.",
            example: "SELECT vector_norm(array(3.0F, 4.0F), 2.0F)",
            resolve: |arguments| resolve_norm("vector_norm", arguments, DataType::Float32),
            kernel: norms,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "vector_normalize",
            usage: "vector_normalize(vector[, degree])",
            description: "The vector divided by its norm; null if that is 0.",
            example: "SELECT vector_normalize(array(3.0F, 4.0F), 2.0F)",
            resolve: |arguments| resolve_norm("vector_normalize", arguments, vector_type()),
            kernel: normalize,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "vector_inner_product",
            usage: "vector_inner_product(vector1, vector2)",
            description: "The inner product of two vectors.",
            example: "SELECT vector_inner_product(array(1.0F, 2.0F), array(4.0F, 5.0F))",
            resolve: |arguments| resolve_pair("vector_inner_product", arguments),
            kernel: |call| pairs(call, "vector_inner_product", |a, b| Some(inner(a, b))),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "vector_l2_distance",
            usage: "vector_l2_distance(vector1, vector2)",
            description: "The Euclidean distance of two vectors.",
            example: "SELECT vector_l2_distance(array(1.0F, 2.0F), array(4.0F, 5.0F))",
            resolve: |arguments| resolve_pair("vector_l2_distance", arguments),
            kernel: |call| {
                pairs(call, "vector_l2_distance", |a, b| {
                    let squares = a.iter().zip(b).map(|(a, b)| {
                        let difference = f64::from(*a) - f64::from(*b);
                        difference * difference
                    });
                    Some(squares.sum::<f64>().sqrt())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "vector_cosine_similarity",
            usage: "vector_cosine_similarity(vector1, vector2)",
            description: "The cosine of the angle between two vectors; null if one of them has no direction.",
            example: "SELECT vector_cosine_similarity(array(1.0F, 2.0F), array(4.0F, 5.0F))",
            resolve: |arguments| resolve_pair("vector_cosine_similarity", arguments),
            kernel: |call| {
                pairs(call, "vector_cosine_similarity", |a, b| {
                    let lengths = (inner(a, a) * inner(b, b)).sqrt();
                    (lengths != 0.0).then(|| inner(a, b) / lengths)
                })
            },
            is_deterministic: true,
        },
    ]
}

/// The type of a vector: an array of floats.
pub(crate) fn vector_type() -> DataType {
    types::list_of(DataType::Float32)
}

/// Checks that an argument is a vector; nothing is cast to one.
pub(crate) fn require_vector(name: &str, argument: &Expr, index: usize) -> Result<()> {
    if argument.data_type == vector_type() {
        return Ok(());
    }
    Err(unexpected_type(name, argument, index, "ARRAY<FLOAT>"))
}

/// `VECTOR_DIMENSION_MISMATCH`.
pub(crate) fn dimension_mismatch(name: &str, left: usize, right: usize) -> Error {
    Error::data(format!(
        "vectors passed to `{name}` must have the same dimension, but got {left} and {right}"
    ))
    .with_condition("VECTOR_DIMENSION_MISMATCH")
}

/// The elements of a vector; `None` if it is null or holds a null.
pub(crate) fn floats(vectors: &ListArray, row: usize) -> Option<Float32Array> {
    if vectors.is_null(row) {
        return None;
    }
    let elements = vectors.value(row);
    let elements = elements.as_primitive::<Float32Type>();
    (elements.null_count() == 0).then(|| elements.clone())
}

fn resolve_pair(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    for (index, argument) in arguments.iter().enumerate() {
        require_vector(name, argument, index)?;
    }
    Ok(Signature {
        arguments: vec![vector_type(), vector_type()],
        returns: DataType::Float32,
        is_nullable: true,
    })
}

fn resolve_norm(name: &str, arguments: &[Expr], returns: DataType) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let mut wanted = vec![];
    for (index, argument) in arguments.iter().enumerate() {
        if index == 0 {
            require_vector(name, argument, 0)?;
            wanted.push(vector_type());
        } else if argument.data_type == DataType::Float32 {
            wanted.push(DataType::Float32);
        } else {
            return Err(unexpected_type(name, argument, 1, "FLOAT"));
        }
    }
    Ok(Signature {
        arguments: wanted,
        returns,
        is_nullable: true,
    })
}

fn inner(left: &[f32], right: &[f32]) -> f64 {
    let products = left.iter().zip(right);
    products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The vector of a row of argument `index`.
fn vector(call: &Call<'_>, index: usize, row: usize) -> Result<Option<Float32Array>> {
    let value = argument(call, index)?;
    let vectors = value.array().as_list_opt::<i32>();
    let vectors = vectors.ok_or_else(|| Error::internal("a vector is an array"))?;
    Ok(floats(vectors, value.index(row)))
}

fn pairs(
    call: &Call<'_>,
    name: &str,
    compute: impl Fn(&[f32], &[f32]) -> Option<f64>,
) -> Result<ArrayRef> {
    try_primitive_of::<Float32Type>(call, |row| {
        let (Some(left), Some(right)) = (vector(call, 0, row)?, vector(call, 1, row)?) else {
            return Ok(None);
        };
        if left.len() != right.len() {
            return Err(dimension_mismatch(name, left.len(), right.len()));
        }
        Ok(compute(left.values(), right.values()).map(single))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "results are rounded to single precision"
)]
fn single(value: f64) -> f32 {
    value as f32
}

/// The norm of the vector of a row, with the vector; `None` if something of it is null.
fn norm(call: &Call<'_>, name: &str, row: usize) -> Result<Option<(f64, Float32Array)>> {
    let degree = if call.arguments.len() > 1 {
        let value = argument(call, 1)?;
        let (degrees, index) = (
            value.array().as_primitive::<Float32Type>(),
            value.index(row),
        );
        degrees.is_valid(index).then(|| degrees.value(index))
    } else {
        Some(2.0)
    };
    let (Some(degree), Some(vector)) = (degree, vector(call, 0, row)?) else {
        return Ok(None);
    };
    let values = vector.values();
    let absolutes = values.iter().map(|value| f64::from(value.abs()));
    #[expect(clippy::float_cmp, reason = "exactly these degrees are known")]
    let norm = if degree == 2.0 {
        inner(values, values).sqrt()
    } else if degree == 1.0 {
        absolutes.sum()
    } else if degree == f32::INFINITY {
        absolutes.fold(0.0, f64::max)
    } else {
        return Err(Error::data(format!(
            "for `{name}` the degree must be 1.0, 2.0 or float('inf'). degree=`{degree}`"
        ))
        .with_condition("INVALID_VECTOR_NORM_DEGREE"));
    };
    Ok(Some((norm, vector)))
}

fn norms(call: &Call<'_>) -> Result<ArrayRef> {
    try_primitive_of::<Float32Type>(call, |row| {
        let norm = norm(call, "vector_norm", row)?;
        Ok(norm.map(|(norm, _)| single(norm)))
    })
}

fn normalize(call: &Call<'_>) -> Result<ArrayRef> {
    let field = types::list_field(DataType::Float32);
    let mut builder = ListBuilder::new(Float32Builder::new()).with_field(field);
    for row in 0..call.rows {
        match norm(call, "vector_normalize", row)? {
            Some((norm, vector)) if norm != 0.0 || vector.is_empty() => {
                let scaled = vector.values().iter();
                let scaled = scaled.map(|value| Some(single(f64::from(*value) / norm)));
                builder.append_value(scaled);
            }
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}
