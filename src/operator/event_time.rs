//! The moments by which rows are late and state is over: of a timestamp itself, of a window its end.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;

/// The moment of each row in microseconds; `None` where there is none. As in Spark such a row is never late.
///
/// # Errors
///
/// `Internal`, if it is neither a timestamp nor a window.
pub(crate) fn moments(column: &ArrayRef, is_window: bool) -> Result<Vec<Option<i64>>> {
    let missing = || Error::internal("event time is neither a timestamp nor a window");
    let times = if is_window {
        column
            .as_struct_opt()
            .and_then(|window| window.column_by_name("end"))
            .ok_or_else(missing)?
    } else {
        column
    };
    let times = times
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(missing)?;
    let moment = |(row, time): (usize, Option<i64>)| time.filter(|_| column.is_valid(row));
    Ok(times.iter().enumerate().map(moment).collect())
}
