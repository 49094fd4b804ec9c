//! The keys of a map as names in JSON.
//!
//! Spark writes a key as its internal value prints: a date as days and a timestamp as microseconds since 1970, a struct as
//! `[a,b]`.

use super::writer::java_decimal;
use crate::cast::text::{double_text, float_text};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Appends a key as the text of its name, without quotes.
pub(super) fn write_key(keys: &ArrayRef, row: usize, into: &mut Vec<u8>) {
    if keys.is_null(row) {
        into.extend_from_slice(b"null");
        return;
    }
    let text = match keys.data_type() {
        DataType::Utf8 => keys.as_string::<i32>().value(row).to_owned(),
        DataType::Boolean => keys.as_boolean().value(row).to_string(),
        DataType::Int8 => keys.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => keys.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => keys.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => keys.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => float_text(keys.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => double_text(keys.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            java_decimal(keys.as_primitive::<Decimal128Type>().value(row), *scale)
        }
        DataType::Date32 => keys.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = keys.as_primitive::<TimestampMicrosecondType>();
            micros.value(row).to_string()
        }
        DataType::Struct(_) => {
            into.push(b'[');
            for (index, column) in keys.as_struct().columns().iter().enumerate() {
                if index > 0 {
                    into.push(b',');
                }
                write_key(column, row, into);
            }
            into.push(b']');
            return;
        }
        _ => ArrayFormatter::try_new(keys.as_ref(), &FormatOptions::default())
            .map_or_else(|_| String::new(), |keys| keys.value(row).to_string()),
    };
    into.extend_from_slice(text.as_bytes());
}
