//! The values that `format_string` writes, and what it says of those that are no numbers: their text and their hash.
//!
//! Spark hands its own representations on to Java: days and microseconds since the epoch, arrays as `[1,null]`, maps as
//! `keys: [a], values: [1]`.

use crate::cast::text::{decimal_text, double_text, float_text};
use crate::error::{Error, Result};
use crate::expr::Value;
use crate::function::hash_functions::murmur3_of_bytes;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};

/// A value as a conversion sees it.
pub(super) enum Datum<'a> {
    Null,
    Text(&'a str),
    Boolean(bool),
    Integer(i64, u32),
    Double(f64),
    Float(f32),
    Decimal(i128, i8),
    Binary,
    /// An array, a map or a struct, as text.
    Nested(String),
}

/// The value of a row.
///
/// # Errors
///
/// What is not supported is named: types that have no such text.
pub(super) fn of(value: &Value, row: usize) -> Result<Datum<'_>> {
    at(value.array(), value.index(row))
}

fn at(array: &ArrayRef, index: usize) -> Result<Datum<'_>> {
    if array.is_null(index) || array.data_type() == &DataType::Null {
        return Ok(Datum::Null);
    }
    Ok(match array.data_type() {
        DataType::Utf8 => Datum::Text(array.as_string::<i32>().value(index)),
        DataType::Boolean => Datum::Boolean(array.as_boolean().value(index)),
        DataType::Int8 => Datum::Integer(array.as_primitive::<Int8Type>().value(index).into(), 8),
        DataType::Int16 => {
            Datum::Integer(array.as_primitive::<Int16Type>().value(index).into(), 16)
        }
        DataType::Int32 => {
            Datum::Integer(array.as_primitive::<Int32Type>().value(index).into(), 32)
        }
        DataType::Int64 => Datum::Integer(array.as_primitive::<Int64Type>().value(index), 64),
        // Spark hands its own representation on: days and microseconds since the epoch.
        DataType::Date32 => {
            Datum::Integer(array.as_primitive::<Date32Type>().value(index).into(), 32)
        }
        DataType::Timestamp(_, _) => Datum::Integer(
            array
                .as_primitive::<TimestampMicrosecondType>()
                .value(index),
            64,
        ),
        DataType::Float64 => Datum::Double(array.as_primitive::<Float64Type>().value(index)),
        DataType::Float32 => Datum::Float(array.as_primitive::<Float32Type>().value(index)),
        DataType::Decimal128(_, scale) => {
            Datum::Decimal(array.as_primitive::<Decimal128Type>().value(index), *scale)
        }
        DataType::Binary => Datum::Binary,
        DataType::List(_) => Datum::Nested(listed(&array.as_list::<i32>().value(index))?),
        DataType::Map(..) => {
            let entries = array.as_map().value(index);
            Datum::Nested(format!(
                "keys: {}, values: {}",
                listed(entries.column(0))?,
                listed(entries.column(1))?
            ))
        }
        DataType::Struct(_) => {
            let fields = array.as_struct().columns().iter();
            let texts = fields.map(|field| at(field, index)?.text());
            Datum::Nested(format!(
                "[{}]",
                texts.collect::<Result<Vec<_>>>()?.join(",")
            ))
        }
        other => {
            return Err(Error::unsupported(format!(
                "a value of type `{}` in `format_string`",
                crate::types::sql_name(other)
            )));
        }
    })
}

/// The elements of an array as Spark's own representation of arrays writes them.
fn listed(elements: &ArrayRef) -> Result<String> {
    let texts = (0..elements.len()).map(|index| at(elements, index)?.text());
    Ok(format!(
        "[{}]",
        texts.collect::<Result<Vec<_>>>()?.join(",")
    ))
}

impl Datum<'_> {
    /// The text of the value, as `%s` writes it.
    ///
    /// # Errors
    ///
    /// What is not supported is named: binaries, which Java shows by their place in memory.
    pub(super) fn text(&self) -> Result<String> {
        Ok(match self {
            Datum::Null => "null".to_owned(),
            Datum::Text(text) => (*text).to_owned(),
            Datum::Boolean(value) => value.to_string(),
            Datum::Integer(value, _) => value.to_string(),
            Datum::Double(value) => double_text(*value),
            Datum::Float(value) => float_text(*value),
            Datum::Decimal(value, scale) => decimal_text(*value, *scale),
            Datum::Nested(text) => text.clone(),
            Datum::Binary => {
                return Err(Error::unsupported("a BINARY as text in `format_string`"));
            }
        })
    }

    /// Java's hash code of the value, which `%h` writes.
    ///
    /// # Errors
    ///
    /// What is not supported is named: binaries, nested values and long decimals.
    pub(super) fn hash(&self) -> Result<u32> {
        Ok(match self {
            Datum::Null => 0,
            Datum::Text(text) => murmur3_of_bytes(text.as_bytes(), 42).cast_unsigned(),
            Datum::Boolean(value) => {
                if *value {
                    1231
                } else {
                    1237
                }
            }
            Datum::Integer(value, 64) => folded(value.cast_unsigned()),
            #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are used")]
            Datum::Integer(value, _) => value.cast_unsigned() as u32,
            Datum::Double(value) if value.is_nan() => 0x7ff8_0000,
            Datum::Double(value) => folded(value.to_bits()),
            Datum::Float(value) if value.is_nan() => 0x7fc0_0000,
            Datum::Float(value) => value.to_bits(),
            Datum::Decimal(value, scale) => hash_of_decimal(*value, *scale).ok_or_else(|| {
                Error::unsupported("the hash (`%h`) of a long decimal in `format_string`")
            })?,
            Datum::Binary | Datum::Nested(_) => {
                return Err(Error::unsupported(
                    "the hash (`%h`) of a binary or a nested value in `format_string`",
                ));
            }
        })
    }
}

/// Scala's hash code of a decimal: that of the integer, float or double that is the same number. `None` for more digits than those hold.
fn hash_of_decimal(value: i128, scale: i8) -> Option<u32> {
    const DIGITS_MAX: usize = 15;
    let text = decimal_text(value, scale);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        let whole: i64 = whole.parse().ok()?;
        return Some(match i32::try_from(whole) {
            Ok(small) => small.cast_unsigned(),
            Err(_) => folded(whole.cast_unsigned()),
        });
    }
    let digits = whole.trim_start_matches(['-', '0']).len() + fraction.len();
    let double: f64 = text.parse().ok().filter(|_| digits <= DIGITS_MAX)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only used if nothing was lost"
    )]
    let float = double as f32;
    Some(if f64::from(float).to_bits() == double.to_bits() {
        float.to_bits()
    } else {
        folded(double.to_bits())
    })
}

/// Both halves in one.
fn folded(bits: u64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is folded in"
    )]
    let folded = (bits ^ (bits >> 32)) as u32;
    folded
}
