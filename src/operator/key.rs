//! State keys as bytes, and back.
//!
//! The encoding is part of the on-disk format (through [`crate::hash`]). Column after column, each value is
//!
//! - `0` if it is null, else `1` followed by
//! - numbers, booleans (one byte), dates, timestamps and intervals: their little-endian bytes; floats with one NaN and one zero,
//!   so that equal keys have equal bytes
//! - strings and binaries: their length as u32, then their bytes
//! - structs: their fields, each encoded like a column
//! - lists: their length as u32, then their elements, each encoded like a column
//! - maps: like lists of their entries, in the order these have: whoever groups by maps brings their entries in order first
//!
//! [`KeyIndex`] numbers distinct encoded keys in the order they come.

mod decode;

pub use decode::decode;

use crate::error::{Error, Result};
use crate::hash::key_hash;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::compute::kernels::arity::unary;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use hashbrown::HashTable;
use std::sync::Arc;

/// Whether values of this type can be keys.
pub fn is_key_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().all(|field| is_key_type(field.data_type())),
        DataType::List(field) | DataType::Map(field, _) => is_key_type(field.data_type()),
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::Binary => true,
        other => fixed_width(other).is_some(),
    }
}

/// How many bytes a value takes, for types whose values all take the same.
fn fixed_width(data_type: &DataType) -> Option<usize> {
    data_type.primitive_width()
}

/// One column of keys, ready to be read row by row.
enum Reader<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Fixed {
        values: Buffer,
        width: usize,
        nulls: Option<NullBuffer>,
    },
    Bytes {
        offsets: &'a [i32],
        values: &'a [u8],
        nulls: Option<&'a NullBuffer>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        fields: Vec<Reader<'a>>,
    },
    List {
        offsets: &'a [i32],
        nulls: Option<&'a NullBuffer>,
        elements: Box<Reader<'a>>,
    },
}

impl<'a> Reader<'a> {
    fn new(array: &'a ArrayRef) -> Result<Reader<'a>> {
        Ok(match array.data_type() {
            DataType::Null => Reader::Null,
            DataType::Boolean => Reader::Boolean(array.as_boolean()),
            DataType::Utf8 => {
                let strings = array.as_string::<i32>();
                Reader::Bytes {
                    offsets: strings.value_offsets(),
                    values: strings.value_data(),
                    nulls: strings.nulls(),
                }
            }
            DataType::Binary => {
                let binaries = array.as_binary::<i32>();
                Reader::Bytes {
                    offsets: binaries.value_offsets(),
                    values: binaries.value_data(),
                    nulls: binaries.nulls(),
                }
            }
            DataType::Struct(_) => Reader::structs(array.as_struct())?,
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                Reader::List {
                    offsets: lists.value_offsets(),
                    nulls: lists.nulls(),
                    elements: Box::new(Reader::new(lists.values())?),
                }
            }
            DataType::Map(_, _) => {
                let maps = array.as_map();
                Reader::List {
                    offsets: maps.value_offsets(),
                    nulls: maps.nulls(),
                    elements: Box::new(Reader::structs(maps.entries())?),
                }
            }
            other => Reader::fixed(array, other)?,
        })
    }

    fn structs(structs: &'a StructArray) -> Result<Reader<'a>> {
        let fields = structs.columns().iter().map(Reader::new);
        Ok(Reader::Struct {
            nulls: structs.nulls(),
            fields: fields.collect::<Result<_>>()?,
        })
    }

    fn fixed(array: &'a ArrayRef, data_type: &DataType) -> Result<Reader<'a>> {
        let width = fixed_width(data_type).ok_or_else(|| not_a_key(data_type))?;
        let data = array.to_data();
        let values = data
            .buffers()
            .first()
            .ok_or_else(|| Error::internal("a fixed-width array has no values"))?
            .slice_with_length(data.offset() * width, data.len() * width);
        Ok(Reader::Fixed {
            values,
            width,
            nulls: data.nulls().cloned(),
        })
    }

    /// About how many bytes the encodings of so many rows take: exactly, but for nulls and nested values.
    fn room(&self, rows: usize) -> usize {
        let values = match self {
            Reader::Null | Reader::List { .. } => 0,
            Reader::Boolean(_) => rows,
            Reader::Fixed { width, .. } => rows * width,
            Reader::Bytes { offsets, .. } => {
                let span = match (offsets.first(), offsets.last()) {
                    (Some(first), Some(last)) => usize::try_from(last - first).unwrap_or(0),
                    _ => 0,
                };
                span + rows * size_of::<u32>()
            }
            Reader::Struct { fields, .. } => fields.iter().map(|field| field.room(rows)).sum(),
        };
        rows + values
    }

    /// Appends the encoding of `row`. Rows come from the array's own length, so slices cannot be out of bounds.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_sign_loss,
        reason = "offsets of a valid array are not negative and lie within its values"
    )]
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let is_null = match self {
            Reader::Null => true,
            Reader::Boolean(array) => array.is_null(row),
            Reader::Fixed { nulls, .. } => nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)),
            Reader::Bytes { nulls, .. }
            | Reader::Struct { nulls, .. }
            | Reader::List { nulls, .. } => nulls.is_some_and(|nulls| nulls.is_null(row)),
        };
        if is_null {
            out.push(0);
            return;
        }
        // The 1 goes with what follows it: a call that appends bytes of a fixed number is a store, not a copy.
        match self {
            Reader::Null => {}
            Reader::Boolean(array) => out.extend_from_slice(&[1, u8::from(array.value(row))]),
            Reader::Fixed {
                values, width: 8, ..
            } => {
                let mut value = [1; 9];
                value[1..].copy_from_slice(&values[row * 8..row * 8 + 8]);
                out.extend_from_slice(&value);
            }
            Reader::Fixed { values, width, .. } => {
                out.push(1);
                out.extend_from_slice(&values[row * width..(row + 1) * width]);
            }
            Reader::Bytes {
                offsets, values, ..
            } => {
                let value = &values[offsets[row] as usize..offsets[row + 1] as usize];
                out.extend_from_slice(&valid_length(value.len()));
                out.extend_from_slice(value);
            }
            Reader::Struct { fields, .. } => {
                out.push(1);
                for field in fields {
                    field.write(row, out);
                }
            }
            Reader::List {
                offsets, elements, ..
            } => {
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                out.extend_from_slice(&valid_length(range.len()));
                range.for_each(|element| elements.write(element, out));
            }
        }
    }
}

/// A 1, and a length: Arrow's offsets are 31 bits, so that every one fits.
fn valid_length(length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [1, a, b, c, d]
}

fn not_a_key(data_type: &DataType) -> Error {
    Error::invalid(format!(
        "values of this type cannot be grouped by. type=`{data_type}`"
    ))
    .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
}

/// One NaN, one zero: what compares as equal gets equal bytes. Looks into structs and lists.
pub fn normalize_floats(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let normal = |value: f32| {
                if value.is_nan() {
                    f32::NAN
                } else {
                    value + 0.0
                }
            };
            Arc::new(unary::<_, _, Float32Type>(
                array.as_primitive::<Float32Type>(),
                normal,
            ))
        }
        DataType::Float64 => {
            let normal = |value: f64| {
                if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                }
            };
            Arc::new(unary::<_, _, Float64Type>(
                array.as_primitive::<Float64Type>(),
                normal,
            ))
        }
        DataType::Struct(fields) if fields.iter().any(|field| has_floats(field.data_type())) => {
            let structs = array.as_struct();
            let columns = structs.columns().iter().map(normalize_floats).collect();
            Arc::new(StructArray::new(
                fields.clone(),
                columns,
                structs.nulls().cloned(),
            ))
        }
        DataType::List(field) if has_floats(field.data_type()) => {
            let lists = array.as_list::<i32>();
            let elements = normalize_floats(lists.values());
            let nulls = lists.nulls().cloned();
            Arc::new(ListArray::new(
                field.clone(),
                lists.offsets().clone(),
                elements,
                nulls,
            ))
        }
        _ => Arc::clone(array),
    }
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        DataType::List(field) => has_floats(field.data_type()),
        _ => false,
    }
}

/// Keys of many rows as bytes, one after the other.
#[derive(Debug, Default)]
pub struct EncodedKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl EncodedKeys {
    /// Encodes `rows` rows of these columns.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a type cannot be a key.
    pub fn new(columns: &[ArrayRef], rows: usize) -> Result<EncodedKeys> {
        let columns: Vec<ArrayRef> = columns.iter().map(normalize_floats).collect();
        let readers: Vec<Reader<'_>> = columns.iter().map(Reader::new).collect::<Result<_>>()?;
        let mut keys = EncodedKeys {
            bytes: Vec::with_capacity(readers.iter().map(|reader| reader.room(rows)).sum()),
            ends: Vec::with_capacity(rows),
        };
        for row in 0..rows {
            for reader in &readers {
                reader.write(row, &mut keys.bytes);
            }
            keys.ends.push(keys.bytes.len());
        }
        Ok(keys)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of key `row`; empty, if there is no such key.
    pub fn get(&self, row: usize) -> &[u8] {
        let start = match row.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(usize::MAX),
            None => 0,
        };
        let end = self.ends.get(row).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Adds the bytes of a key that was encoded before.
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    /// About how many bytes it holds.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// The keys, in row order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

/// Distinct keys, numbered from 0 in the order they came.
#[derive(Debug, Default)]
pub struct KeyIndex {
    table: HashTable<u32>,
    hashes: Vec<u64>,
    keys: EncodedKeys,
}

impl KeyIndex {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash of key `slot`.
    #[expect(clippy::indexing_slicing, reason = "slots are given out by this index")]
    pub fn hash(&self, slot: u32) -> u64 {
        self.hashes[slot as usize]
    }

    /// The bytes of key `slot`.
    #[expect(clippy::indexing_slicing, reason = "slots are given out by this index")]
    pub fn key(&self, slot: u32) -> &[u8] {
        let slot = slot as usize;
        let start = if slot == 0 {
            0
        } else {
            self.keys.ends[slot - 1]
        };
        &self.keys.bytes[start..self.keys.ends[slot]]
    }

    /// The number of this key, and whether it is new.
    pub fn intern(&mut self, key: &[u8]) -> (u32, bool) {
        self.intern_hashed(key_hash(key), key)
    }

    /// As [`KeyIndex::intern`], for a key whose hash is known.
    #[expect(clippy::indexing_slicing, reason = "slots are given out by this index")]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a table of 2^32 keys does not fit in memory"
    )]
    pub fn intern_hashed(&mut self, hash: u64, key: &[u8]) -> (u32, bool) {
        let KeyIndex {
            table,
            hashes,
            keys,
        } = self;
        let is_equal = |slot: &u32| {
            let slot = *slot as usize;
            let start = if slot == 0 { 0 } else { keys.ends[slot - 1] };
            hashes[slot] == hash && &keys.bytes[start..keys.ends[slot]] == key
        };
        if let Some(slot) = table.find(hash, is_equal) {
            return (*slot, false);
        }
        let slot = hashes.len() as u32;
        hashes.push(hash);
        keys.push(key);
        table.insert_unique(hash, slot, |slot| hashes[*slot as usize]);
        (slot, true)
    }

    /// The number of this key, if it is there.
    #[expect(clippy::indexing_slicing, reason = "slots are given out by this index")]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = key_hash(key);
        self.table
            .find(hash, |slot| {
                self.hashes[*slot as usize] == hash && self.key(*slot) == key
            })
            .copied()
    }

    /// The columns of these keys.
    ///
    /// # Errors
    ///
    /// `Internal`, if the keys are not of these types.
    pub fn decode(&self, slots: &[u32], types: &[DataType]) -> Result<Vec<ArrayRef>> {
        let rows: Vec<&[u8]> = slots.iter().map(|slot| self.key(*slot)).collect();
        decode(&rows, types)
    }

    /// About how many bytes it holds.
    pub fn memory_bytes(&self) -> usize {
        self.table.capacity() * 5 + self.hashes.capacity() * 8 + self.keys.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{Field, Int32Type};

    fn columns() -> Vec<ArrayRef> {
        let times: ArrayRef = Arc::new(
            TimestampMicrosecondArray::from(vec![Some(1), None, Some(3)]).with_timezone("UTC"),
        );
        let field = Field::new("start", times.data_type().clone(), true);
        let nulls = NullBuffer::from(vec![true, true, false]);
        let window = StructArray::new(vec![field].into(), vec![times], Some(nulls));
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        vec![
            Arc::new(StringArray::from(vec![Some("a"), None, Some("")])),
            Arc::new(Int64Array::from(vec![None, Some(-1), Some(i64::MAX)])),
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            Arc::new(window),
            Arc::new(list),
        ]
    }

    #[test]
    fn keys_of_every_shape_come_back_as_they_were() {
        let columns = columns();
        let keys = EncodedKeys::new(&columns, 3).unwrap();
        let types: Vec<DataType> = columns
            .iter()
            .map(|column| column.data_type().clone())
            .collect();
        let rows: Vec<&[u8]> = keys.iter().collect();
        assert_eq!(decode(&rows, &types).unwrap(), columns);
    }

    #[test]
    fn room_is_made_for_flat_keys_without_nulls_at_once() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a long key", "b", ""]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let columns = [text.slice(1, 2), number.slice(0, 2)];
        let keys = EncodedKeys::new(&columns, 2).unwrap();
        assert_eq!(keys.bytes.len(), keys.bytes.capacity());
    }

    #[test]
    fn slices_encode_like_copies() {
        let sliced: Vec<ArrayRef> = columns().iter().map(|column| column.slice(1, 2)).collect();
        let whole = EncodedKeys::new(&columns(), 3).unwrap();
        let part = EncodedKeys::new(&sliced, 2).unwrap();
        assert_eq!(
            whole.iter().skip(1).collect::<Vec<_>>(),
            part.iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn equal_floats_are_one_key() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN]));
        let keys = EncodedKeys::new(&[column], 4).unwrap();
        let mut index = KeyIndex::default();
        let slots: Vec<u32> = keys.iter().map(|key| index.intern(key).0).collect();
        assert_eq!(slots, [0, 0, 1, 1]);
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        for bytes in [&[1_u8][..], &[1, 9, 0, 0, 0, 1], &[0, 0]] {
            assert!(decode(&[bytes], &[DataType::Utf8]).is_err(), "{bytes:?}");
        }
    }
}
