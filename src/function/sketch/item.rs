//! Values as sketches hash them: as the Java library hashes a `long`, a `double` or the bytes of anything else.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use std::hash::{Hash, Hasher};

/// A value to be hashed.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Long(i64),
    Double(f64),
    Bytes(&'a [u8]),
    /// The elements of an array, little-endian.
    Elements(Vec<u8>),
}

impl Item<'_> {
    /// Whether sketches pass it over: text and arrays of nothing.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Item::Long(_) | Item::Double(_) => false,
            Item::Bytes(bytes) => bytes.is_empty(),
            Item::Elements(bytes) => bytes.is_empty(),
        }
    }
}

impl Hash for Item<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Item::Long(value) => state.write(&value.to_le_bytes()),
            Item::Double(value) => {
                // One zero and one NaN.
                let bits = if value.is_nan() {
                    0x7ff8_0000_0000_0000
                } else {
                    (value + 0.0).to_bits()
                };
                state.write(&bits.to_le_bytes());
            }
            Item::Bytes(bytes) => state.write(bytes),
            Item::Elements(bytes) => state.write(bytes),
        }
    }
}

/// The value of a row that is not null.
pub(super) fn item(column: &ArrayRef, row: usize) -> Result<Item<'_>> {
    Ok(match column.data_type() {
        DataType::Int32 => Item::Long(i64::from(column.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => Item::Long(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => {
            Item::Double(f64::from(column.as_primitive::<Float32Type>().value(row)))
        }
        DataType::Float64 => Item::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Item::Bytes(column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => Item::Bytes(column.as_binary::<i32>().value(row)),
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            Item::Elements(match elements.as_primitive_opt::<Int32Type>() {
                Some(numbers) => numbers
                    .values()
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect(),
                None => elements
                    .as_primitive::<Int64Type>()
                    .values()
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect(),
            })
        }
        other => {
            return Err(Error::internal(format!(
                "sketches do not hash values of type {other}"
            )));
        }
    })
}
