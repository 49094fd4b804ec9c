//! Values of the type `VARIANT`: JSON-like values with Spark's types, in the open binary format of Spark and Parquet.
//!
//! A value is two binaries. The *metadata* is a dictionary of the names of object fields; the *value* is a tree whose objects refer to
//! it. All numbers are little-endian.
//!
//! ```text
//! metadata = header, size, size + 1 offsets, names      header: version 1 | (bytes of an offset - 1) << 6
//! value    = header, payload                            header: basic type (2 bits) | info (6 bits)
//!   basic 0  a primitive: info is its type              1  a text under 64 bytes: info is its length
//!   basic 2  an object: count, ids, offsets, values     3  an array: count, offsets, values
//! ```
//!
//! The ids of an object are in the order of the names they stand for, so that a field is found by halving. [`VariantRef`] reads a value
//! where it stands; [`Node`] is one taken apart, to be changed and encoded again.

mod column;
mod convert;
mod edit;
mod encode;
mod json;
mod path;
mod schema;
#[cfg(test)]
mod tests;

pub(crate) use column::{VariantColumn, VariantColumnBuilder};
pub(crate) use convert::{can_become_variant, from_variant, to_variant};
pub(crate) use edit::{Edit, edit, strip_nulls};
pub(crate) use json::{parse_json, write_json};
pub(crate) use path::{Step, parse_path};
pub(crate) use schema::VariantSchema;

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The version of the format, in the lowest four bits of the metadata.
const VERSION: u8 = 1;

/// How deep a value may nest: keeps damaged bytes from exhausting the stack.
const DEPTH_MAX: usize = 200;

/// The kinds of values by the low bits of their first byte.
mod basic {
    pub(super) const PRIMITIVE: u8 = 0;
    pub(super) const SHORT_TEXT: u8 = 1;
    pub(super) const OBJECT: u8 = 2;
    pub(super) const ARRAY: u8 = 3;
}

/// The types of primitives.
mod primitive {
    pub(super) const NULL: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const INT8: u8 = 3;
    pub(super) const INT16: u8 = 4;
    pub(super) const INT32: u8 = 5;
    pub(super) const INT64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const DECIMAL4: u8 = 8;
    pub(super) const DECIMAL8: u8 = 9;
    pub(super) const DECIMAL16: u8 = 10;
    pub(super) const DATE: u8 = 11;
    pub(super) const TIMESTAMP: u8 = 12;
    pub(super) const TIMESTAMP_NTZ: u8 = 13;
    pub(super) const FLOAT: u8 = 14;
    pub(super) const BINARY: u8 = 15;
    pub(super) const TEXT: u8 = 16;
}

/// A value taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Boolean(bool),
    /// An integer of any width.
    Integer(i64),
    Float(f32),
    Double(f64),
    /// Digits and scale.
    Decimal(i128, u8),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00 on the wall clock.
    TimestampNtz(i64),
    Binary(Vec<u8>),
    Text(String),
    Array(Vec<Node>),
    /// Fields in the order of their names.
    Object(BTreeMap<String, Node>),
}

/// A value where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VariantRef<'a> {
    metadata: &'a [u8],
    value: &'a [u8],
}

/// Bytes that are no value of the format.
pub(crate) fn malformed() -> Error {
    Error::data("the bytes of a VARIANT are malformed").with_condition("MALFORMED_VARIANT")
}

/// Where the parts of an object or array stand.
#[derive(Debug, Clone, Copy)]
struct Container<'a> {
    count: usize,
    ids: &'a [u8],
    id_width: usize,
    offsets: &'a [u8],
    offset_width: usize,
    values: &'a [u8],
}

impl<'a> Container<'a> {
    /// The value number `index`, with its bytes up to the end of the container.
    fn value(&self, index: usize) -> Result<&'a [u8]> {
        let offset = number_at(self.offsets, index * self.offset_width, self.offset_width)?;
        self.values.get(offset..).ok_or_else(malformed)
    }

    fn id(&self, index: usize) -> Result<usize> {
        number_at(self.ids, index * self.id_width, self.id_width)
    }
}

/// An unsigned number of `width` bytes.
fn number_at(bytes: &[u8], start: usize, width: usize) -> Result<usize> {
    let bytes = bytes.get(start..start + width).ok_or_else(malformed)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// The first `N` bytes behind the header.
fn payload<const N: usize>(value: &[u8]) -> Result<[u8; N]> {
    value
        .get(1..=N)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(malformed)
}

impl<'a> VariantRef<'a> {
    /// The value in bytes that hold first the metadata, then the value.
    ///
    /// # Errors
    ///
    /// `Data`: `MALFORMED_VARIANT`, if the metadata says no end.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<VariantRef<'a>> {
        let width = usize::from(bytes.first().ok_or_else(malformed)? >> 6) + 1;
        let count = number_at(bytes, 1, width)?;
        let names = 1 + width * (count + 2);
        let length = number_at(bytes, names - width, width)?;
        let (metadata, value) = bytes
            .split_at_checked(names + length)
            .ok_or_else(malformed)?;
        Ok(VariantRef::new(metadata, value))
    }

    fn new(metadata: &'a [u8], value: &'a [u8]) -> VariantRef<'a> {
        VariantRef { metadata, value }
    }

    fn header(&self) -> Result<(u8, u8)> {
        let first = *self.value.first().ok_or_else(malformed)?;
        Ok((first & 3, first >> 2))
    }

    /// Whether it is the null of JSON.
    pub(crate) fn is_null(&self) -> Result<bool> {
        Ok(self.header()? == (basic::PRIMITIVE, primitive::NULL))
    }

    /// The field of this name; `None` if it is no object or has no such field.
    pub(crate) fn field(&self, name: &str) -> Result<Option<VariantRef<'a>>> {
        if self.header()?.0 != basic::OBJECT {
            return Ok(None);
        }
        let object = self.container()?;
        let (mut low, mut high) = (0, object.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.name(object.id(middle)?)?.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Ok(Some(VariantRef::new(self.metadata, object.value(middle)?)));
                }
            }
        }
        Ok(None)
    }

    /// The element at this place, from 0; `None` if it is no array or has no such element.
    pub(crate) fn element(&self, index: usize) -> Result<Option<VariantRef<'a>>> {
        if self.header()?.0 != basic::ARRAY {
            return Ok(None);
        }
        let array = self.container()?;
        if index >= array.count {
            return Ok(None);
        }
        Ok(Some(VariantRef::new(self.metadata, array.value(index)?)))
    }

    /// What stands at a path; `None` if nothing does.
    pub(crate) fn at(&self, path: &[Step]) -> Result<Option<VariantRef<'a>>> {
        let mut found = *self;
        for step in path {
            let next = match step {
                Step::Field(name) => found.field(name)?,
                Step::Index(index) => found.element(*index)?,
            };
            match next {
                Some(next) => found = next,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Takes the value apart.
    pub(crate) fn node(&self) -> Result<Node> {
        self.node_at(0)
    }

    fn node_at(&self, depth: usize) -> Result<Node> {
        if depth > DEPTH_MAX {
            return Err(malformed());
        }
        let (basic, info) = self.header()?;
        match basic {
            basic::PRIMITIVE => self.primitive(info),
            basic::SHORT_TEXT => self.text(1, usize::from(info)),
            basic::OBJECT => {
                let object = self.container()?;
                let field = |index| {
                    let name = self.name(object.id(index)?)?.to_owned();
                    let value = VariantRef::new(self.metadata, object.value(index)?);
                    Ok((name, value.node_at(depth + 1)?))
                };
                (0..object.count)
                    .map(field)
                    .collect::<Result<_>>()
                    .map(Node::Object)
            }
            _ => {
                let array = self.container()?;
                let element =
                    |index| VariantRef::new(self.metadata, array.value(index)?).node_at(depth + 1);
                (0..array.count)
                    .map(element)
                    .collect::<Result<_>>()
                    .map(Node::Array)
            }
        }
    }

    fn primitive(&self, kind: u8) -> Result<Node> {
        let value = self.value;
        Ok(match kind {
            primitive::NULL => Node::Null,
            primitive::TRUE => Node::Boolean(true),
            primitive::FALSE => Node::Boolean(false),
            primitive::INT8 => Node::Integer(i64::from(i8::from_le_bytes(payload(value)?))),
            primitive::INT16 => Node::Integer(i64::from(i16::from_le_bytes(payload(value)?))),
            primitive::INT32 => Node::Integer(i64::from(i32::from_le_bytes(payload(value)?))),
            primitive::INT64 => Node::Integer(i64::from_le_bytes(payload(value)?)),
            primitive::DOUBLE => Node::Double(f64::from_le_bytes(payload(value)?)),
            primitive::FLOAT => Node::Float(f32::from_le_bytes(payload(value)?)),
            primitive::DECIMAL4 => {
                let [scale, digits @ ..] = payload::<5>(value)?;
                Node::Decimal(i128::from(i32::from_le_bytes(digits)), scale)
            }
            primitive::DECIMAL8 => {
                let [scale, digits @ ..] = payload::<9>(value)?;
                Node::Decimal(i128::from(i64::from_le_bytes(digits)), scale)
            }
            primitive::DECIMAL16 => {
                let [scale, digits @ ..] = payload::<17>(value)?;
                Node::Decimal(i128::from_le_bytes(digits), scale)
            }
            primitive::DATE => Node::Date(i32::from_le_bytes(payload(value)?)),
            primitive::TIMESTAMP => Node::Timestamp(i64::from_le_bytes(payload(value)?)),
            primitive::TIMESTAMP_NTZ => Node::TimestampNtz(i64::from_le_bytes(payload(value)?)),
            primitive::BINARY => {
                let length = number_at(value, 1, 4)?;
                let bytes = value.get(5..5 + length).ok_or_else(malformed)?;
                Node::Binary(bytes.to_vec())
            }
            primitive::TEXT => self.text(5, number_at(value, 1, 4)?)?,
            _ => return Err(malformed()),
        })
    }

    fn text(&self, start: usize, length: usize) -> Result<Node> {
        let bytes = self
            .value
            .get(start..start + length)
            .ok_or_else(malformed)?;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        Ok(Node::Text(text.to_owned()))
    }

    /// The parts of an object or array.
    fn container(&self) -> Result<Container<'a>> {
        let (basic, info) = self.header()?;
        let is_object = basic == basic::OBJECT;
        let offset_width = usize::from(info & 3) + 1;
        let (id_width, is_large) = if is_object {
            (usize::from(info >> 2 & 3) + 1, info >> 4 & 1 == 1)
        } else {
            (0, info >> 2 & 1 == 1)
        };
        let count_width = if is_large { 4 } else { 1 };
        let count = number_at(self.value, 1, count_width)?;
        let ids_start = 1 + count_width;
        let offsets_start = ids_start + count * id_width;
        let values_start = offsets_start + (count + 1) * offset_width;
        let part = |start: usize, end: usize| self.value.get(start..end).ok_or_else(malformed);
        Ok(Container {
            count,
            ids: part(ids_start, offsets_start)?,
            id_width,
            offsets: part(offsets_start, values_start)?,
            offset_width,
            values: part(values_start, self.value.len())?,
        })
    }

    /// The name with this number in the dictionary.
    fn name(&self, id: usize) -> Result<&'a str> {
        let header = *self.metadata.first().ok_or_else(malformed)?;
        if header & 15 != VERSION {
            return Err(malformed());
        }
        let width = usize::from(header >> 6) + 1;
        let count = number_at(self.metadata, 1, width)?;
        if id >= count {
            return Err(malformed());
        }
        let offset = |index: usize| number_at(self.metadata, 1 + width * (1 + index), width);
        let names = 1 + width * (count + 2);
        let bytes = self
            .metadata
            .get(names + offset(id)?..names + offset(id + 1)?)
            .ok_or_else(malformed)?;
        std::str::from_utf8(bytes).map_err(|_| malformed())
    }
}
