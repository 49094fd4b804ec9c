//! The windows that a moment falls into: the arithmetic below `window`, `session_window` and `window_time`.
//!
//! Windows of length `duration` start every `slide` microseconds, counted from `start` (an offset from the epoch). The last
//! window that holds a moment `t` starts at `t - ((t - start) mod slide)`, where `mod` is never negative, so that it is right before the
//! epoch too; the window `index` before it starts `index * slide` earlier. Whether that one still holds `t` is for the caller to
//! filter (`t < end`): if `slide` does not divide `duration`, the earliest candidate may not.

mod last_moment;
mod session;

use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit, TimestampMicrosecondType};
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "__window",
            usage: "__window(time, duration_us, slide_us, start_us, index)",
            description: "The window of length duration_us that starts index slides before the last one that holds time.",
            example: "SELECT window(ts, '10 seconds') FROM VALUES (TIMESTAMP'2024-01-01 00:00:01') AS t(ts)",
            resolve,
            kernel,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "__session_window",
            usage: "__session_window(time, gap_us)",
            description: "The session of one moment: from time to gap_us later.",
            example: "SELECT session_window(ts, '10 seconds') FROM VALUES (TIMESTAMP'2024-01-01 00:00:01') AS t(ts)",
            resolve: session::resolve,
            kernel: session::kernel,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "__interval_us",
            usage: "__interval_us(interval, time)",
            description: "The length in microseconds of an interval that begins at time; null if it cannot be read.",
            example: "SELECT session_window(ts, gap) FROM VALUES (TIMESTAMP'2024-01-01 00:00:01', '10 seconds') AS t(ts, gap)",
            resolve: session::resolve_interval,
            kernel: session::interval_kernel,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "window_time",
            usage: "window_time(window_column)",
            description: "The last moment of a window: its end less a microsecond.",
            example: "SELECT window_time(window(ts, '10 seconds')) FROM VALUES (TIMESTAMP'2024-01-01 00:00:01') AS t(ts)",
            resolve: last_moment::resolve,
            kernel: last_moment::kernel,
            is_deterministic: true,
        },
    ]
}

/// The type of a window of moments of type `time`: a struct of `start` and `end`, which may be null as Spark's may.
pub fn window_type(time: &DataType) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("start", time.clone(), true),
        Field::new("end", time.clone(), true),
    ]))
}

/// Whether this is the type of a window.
pub fn is_window_type(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else {
        return false;
    };
    let is_time = |field: &Arc<Field>, name: &str| {
        field.name() == name
            && matches!(
                field.data_type(),
                DataType::Timestamp(TimeUnit::Microsecond, _)
            )
    };
    matches!(&fields[..], [start, end] if is_time(start, "start") && is_time(end, "end"))
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let [time, numbers @ ..] = arguments else {
        return Err(Error::internal("`__window` takes five arguments"));
    };
    let is_constant = |expr: &Expr| matches!(expr.kind, ExprKind::Literal(_));
    if numbers.len() != 4 || !numbers.iter().all(is_constant) {
        return Err(Error::internal(
            "`__window` takes a time and four constant numbers",
        ));
    }
    let mut types = vec![time.data_type.clone()];
    types.extend([const { DataType::Int64 }; 4]);
    Ok(Signature {
        arguments: types,
        returns: window_type(&time.data_type),
        is_nullable: time.is_nullable,
    })
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [time, duration, slide, start, index] = call.arguments else {
        return Err(Error::internal("`__window` takes five arguments"));
    };
    let (Value::Array(time) | Value::Scalar(time)) = time;
    let duration = constant(duration)?;
    let slide = constant(slide)?;
    let back = constant(index)?
        .checked_mul(slide)
        .ok_or_else(|| out_of_range(i64::MAX))?;
    let start = constant(start)?;
    if slide <= 0 {
        return Err(Error::internal("the slide of a window must be positive"));
    }
    let moments = time
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::internal("`__window` takes a timestamp"))?;
    let starts: TimestampMicrosecondArray = moments.try_unary(|moment| {
        window_start(moment, slide, start)
            .and_then(|last| last.checked_sub(back))
            .ok_or_else(|| out_of_range(moment))
    })?;
    let ends: TimestampMicrosecondArray = starts.try_unary(|start| {
        start
            .checked_add(duration)
            .ok_or_else(|| out_of_range(start))
    })?;
    struct_of(call.returns, starts, ends, moments.nulls().cloned())
}

/// The start of the last window that holds `moment`; `None` if it lies outside of what a timestamp can say.
fn window_start(moment: i64, slide: i64, start: i64) -> Option<i64> {
    moment.checked_sub(moment.checked_sub(start)?.rem_euclid(slide))
}

/// Both columns as one struct of the promised type; a row is null where the moment was.
fn struct_of(
    returns: &DataType,
    starts: TimestampMicrosecondArray,
    ends: TimestampMicrosecondArray,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Struct(fields) = returns else {
        return Err(Error::internal("a window is a struct"));
    };
    let columns: Vec<ArrayRef> = fields
        .iter()
        .zip([starts, ends])
        .map(|(field, column)| -> ArrayRef {
            Arc::new(column.with_data_type(field.data_type().clone()))
        })
        .collect();
    Ok(Arc::new(StructArray::try_new(
        fields.clone(),
        columns,
        nulls,
    )?))
}

/// The number of a constant argument.
fn constant(value: &Value) -> Result<i64> {
    let (Value::Array(array) | Value::Scalar(array)) = value;
    array
        .as_primitive_opt::<Int64Type>()
        .filter(|array| array.len() == 1 && array.is_valid(0))
        .map(|array| array.value(0))
        .ok_or_else(|| Error::internal("`__window` takes constant numbers"))
}

fn out_of_range(moment: i64) -> Error {
    Error::data(format!(
        "the window of this moment lies outside of the range of timestamps. micros=`{moment}`"
    ))
    .with_condition("DATETIME_OVERFLOW")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_before_the_epoch_holds_its_moment() {
        assert_eq!(window_start(-1, 10, 0), Some(-10));
        assert_eq!(window_start(-10, 10, 0), Some(-10));
        assert_eq!(window_start(0, 10, 0), Some(0));
        assert_eq!(window_start(9, 10, 0), Some(0));
    }

    #[test]
    fn the_start_offset_moves_the_windows() {
        assert_eq!(window_start(4, 10, 3), Some(3));
        assert_eq!(window_start(2, 10, 3), Some(-7));
        assert_eq!(window_start(2, 10, -3), Some(-3));
        assert_eq!(window_start(i64::MIN, 10, 3), None);
    }
}
