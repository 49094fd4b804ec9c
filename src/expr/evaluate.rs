//! Runs a resolved expression on a record batch, a whole column at a time.
//!
//! - Constants stay constants: an expression over constants is computed once and gives a [`Value::Scalar`]; nothing is
//!   repeated per row unless a caller asks for it with [`Value::into_array`].
//! - `AND`, `OR`, `CASE` and `coalesce` look at the rows Spark would look at and at no others, wherever looking could fail
//!   ([`fallible`]). Where it cannot, they run on all rows and combine, which is cheaper ([`lazy`]).
//! - An expression without rows is not computed at all, so that a constant that fails does not fail an empty batch.
//! - An error carries the place of the innermost expression that raised it.

mod fallible;
mod lambda;
mod lazy;
#[cfg(test)]
mod tests;
mod value;

pub use lambda::BoundLambda;
pub use value::Value;

use crate::batch::BatchContext;
use crate::cast::cast_with_units;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::function::{Call, ScalarFunction};
use crate::types::{self, simple_string};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, new_empty_array, new_null_array,
};
use arrow::compute::{is_null, nullif};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

impl Expr {
    /// The values of this expression for the rows of `batch`.
    ///
    /// # Errors
    ///
    /// `Data` with Spark's condition (`DIVIDE_BY_ZERO`, `CAST_INVALID_INPUT`, …) for a row it fails on, with the place in the
    /// SQL text.
    pub fn evaluate(&self, batch: &RecordBatch, context: &BatchContext) -> Result<Value> {
        let value = self
            .compute(batch, context)
            .map_err(|error| error.with_span(self.span))?;
        if value.data_type() != &self.data_type {
            return Err(Error::internal(format!(
                "an expression gave another type than it promised. expression=`{}` promised=`{}` given=`{}`",
                self.label(),
                simple_string(&self.data_type),
                simple_string(value.data_type())
            ))
            .with_span(self.span));
        }
        Ok(value)
    }

    /// As [`Expr::evaluate`], with one value for each row.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`].
    pub fn evaluate_array(&self, batch: &RecordBatch, context: &BatchContext) -> Result<ArrayRef> {
        self.evaluate(batch, context)?.into_array(batch.num_rows())
    }

    /// As [`Expr::evaluate_array`], for a condition. Null is neither true nor false.
    ///
    /// # Errors
    ///
    /// As [`Expr::evaluate`]; `Internal` if it is no condition.
    pub fn evaluate_predicate(
        &self,
        batch: &RecordBatch,
        context: &BatchContext,
    ) -> Result<BooleanArray> {
        let array = self.evaluate_array(batch, context)?;
        if array.data_type() == &DataType::Null {
            return Ok(BooleanArray::new_null(array.len()));
        }
        array.as_boolean_opt().cloned().ok_or_else(|| {
            Error::internal(format!(
                "a condition is not boolean. type=`{}`",
                simple_string(array.data_type())
            ))
        })
    }

    fn compute(&self, batch: &RecordBatch, context: &BatchContext) -> Result<Value> {
        let input = Input { batch, context };
        match &self.kind {
            ExprKind::Column(index) => column(batch, *index),
            ExprKind::Literal(array) => Ok(Value::Scalar(Arc::clone(array))),
            _ if batch.num_rows() == 0 => Ok(Value::Array(new_empty_array(&self.data_type))),
            ExprKind::Call(function, arguments) => self.call(function, arguments, input),
            ExprKind::UserCall(function, arguments) => {
                let arguments = arguments
                    .iter()
                    .map(|argument| argument.evaluate_array(batch, context))
                    .collect::<Result<Vec<_>>>()?;
                function.run(&arguments, batch.num_rows())
            }
            ExprKind::Cast {
                input: inner,
                is_try,
            } => {
                let value = inner.evaluate(batch, context)?;
                let cast = cast_with_units(
                    (value.array(), &inner.units),
                    (&self.data_type, &self.units),
                    *is_try,
                    context,
                )?;
                Ok(value.with_array(cast))
            }
            ExprKind::And(left, right) => lazy::connective(left, right, false, input),
            ExprKind::Or(left, right) => lazy::connective(left, right, true, input),
            ExprKind::Case {
                branches,
                otherwise,
            } => lazy::case(branches, otherwise.as_deref(), &self.data_type, input),
            ExprKind::Coalesce(options) => lazy::coalesce(options, &self.data_type, input),
            ExprKind::Field(inner, index) => field(&inner.evaluate(batch, context)?, *index),
            ExprKind::Lambda { .. } => Err(Error::internal(
                "a lambda stands outside a higher-order function",
            )),
        }
    }

    fn call(
        &self,
        function: &ScalarFunction,
        arguments: &[Expr],
        input: Input<'_>,
    ) -> Result<Value> {
        let mut values = Vec::with_capacity(arguments.len());
        let mut lambdas = Vec::new();
        for argument in arguments {
            if let Some(lambda) = BoundLambda::new(argument, input) {
                lambdas.push(lambda);
                values.push(Value::Scalar(new_null_array(&DataType::Null, 1)));
            } else {
                values.push(argument.evaluate(input.batch, input.context)?);
            }
        }
        let is_constant =
            function.is_deterministic && lambdas.is_empty() && values.iter().all(Value::is_scalar);
        let rows = if is_constant {
            1
        } else {
            input.batch.num_rows()
        };
        let result = (function.kernel)(&Call {
            arguments: &values,
            lambdas: &lambdas,
            rows,
            returns: &self.data_type,
            context: input.context,
            input: Some(input.batch),
        })?;
        match result.len() {
            1 if is_constant => Ok(Value::Scalar(result)),
            length if length == rows => Ok(Value::Array(result)),
            length => Err(Error::internal(format!(
                "a function gave the wrong number of rows. function=`{}` rows=`{rows}` given=`{length}`",
                function.name
            ))),
        }
    }

    /// What it is, for messages about bugs.
    fn label(&self) -> &'static str {
        match &self.kind {
            ExprKind::Column(_) => "column",
            ExprKind::Literal(_) => "literal",
            ExprKind::Call(function, _) => function.name,
            ExprKind::UserCall(..) => "function of the session",
            ExprKind::Cast { .. } => "cast",
            ExprKind::And(_, _) => "and",
            ExprKind::Or(_, _) => "or",
            ExprKind::Case { .. } => "case",
            ExprKind::Coalesce(_) => "coalesce",
            ExprKind::Field(_, _) => "field",
            ExprKind::Lambda { .. } => "lambda",
        }
    }
}

/// The rows an expression is evaluated on, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) batch: &'a RecordBatch,
    pub(super) context: &'a BatchContext,
}

fn column(batch: &RecordBatch, index: usize) -> Result<Value> {
    batch
        .columns()
        .get(index)
        .map(|column| Value::Array(Arc::clone(column)))
        .ok_or_else(|| {
            Error::internal(format!(
                "a column is missing in the batch. index=`{index}` columns=`{}`",
                batch.num_columns()
            ))
        })
}

/// Field `index` of structs; null where the struct is.
fn field(value: &Value, index: usize) -> Result<Value> {
    if let Some(list) = value.array().as_list_opt::<i32>() {
        let element = Value::Array(Arc::clone(list.values()));
        let fields = field(&element, index)?;
        let fields = fields.array();
        let of = types::list_field(fields.data_type().clone());
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        let lists = ListArray::try_new(of, offsets, Arc::clone(fields), nulls)?;
        return Ok(value.with_array(Arc::new(lists)));
    }
    let structs = value.array().as_struct_opt();
    let child = structs.and_then(|structs| structs.columns().get(index));
    let (Some(structs), Some(child)) = (structs, child) else {
        return Err(Error::internal(format!(
            "a struct has no such field. index=`{index}` type=`{}`",
            simple_string(value.data_type())
        )));
    };
    if structs.null_count() == 0 {
        return Ok(value.with_array(Arc::clone(child)));
    }
    Ok(value.with_array(nullif(child, &is_null(structs)?)?))
}
