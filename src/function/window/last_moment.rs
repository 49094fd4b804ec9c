//! `window_time(window)`: the moment that stands for a window. Its end lies outside of it, so the microsecond before is taken.

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::window::is_window_type;
use crate::function::{Call, Signature};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use std::sync::Arc;

pub(super) fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let [window] = arguments else {
        return Err(Error::invalid(format!(
            "the `window_time` requires 1 parameters but the actual number is {}",
            arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    };
    match &window.data_type {
        DataType::Struct(fields) if is_window_type(&window.data_type) => Ok(Signature {
            arguments: vec![window.data_type.clone()],
            returns: fields
                .first()
                .map_or(DataType::Null, |start| start.data_type().clone()),
            is_nullable: true,
        }),
        other => Err(Error::invalid(format!(
            "the input is not a correct window column, it must be what window() or session_window() gave. type=`{}`",
            sql_name(other)
        ))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")),
    }
}

pub(super) fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [Value::Array(window) | Value::Scalar(window)] = call.arguments else {
        return Err(Error::internal("`window_time` takes one argument"));
    };
    let window = window
        .as_struct_opt()
        .ok_or_else(|| Error::internal("a window is a struct"))?;
    let ends = window
        .columns()
        .get(1)
        .and_then(|ends| ends.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| Error::internal("a window ends with a timestamp"))?;
    let times: TimestampMicrosecondArray = ends.unary(|end| end.wrapping_sub(1));
    let nulls = NullBuffer::union(window.nulls(), ends.nulls());
    let times = TimestampMicrosecondArray::new(times.values().clone(), nulls);
    Ok(Arc::new(times.with_data_type(call.returns.clone())))
}
