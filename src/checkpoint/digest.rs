//! The digest of a batch's rows: a count and a sum that do not depend on the order of the rows, and that stay the same in every
//! version.
//!
//! 1. The hash of a value goes on from the hash of the value before it in the row, starting at 0: it is XXH3-64 of the value's
//!    bytes, seeded with that hash.
//! 2. The bytes of a value: integers, dates, times and decimals as stored by Arrow, little-endian; booleans one byte 0 or 1;
//!    floating point numbers likewise, all NaNs being one and -0.0 being 0.0; text and binary as they are; nothing for null, with
//!    the seed inverted.
//! 3. A list goes on with its length as u64, then its elements; a map with the number of its entries, then key and value of
//!    each; a struct with one byte 1, then its fields.
//! 4. The digest is the sum of the hashes of all rows, as u128.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many rows a batch gave, and a digest that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowDigest {
    /// How many rows.
    pub rows: u64,
    /// The sum of their hashes.
    #[serde(with = "hexadecimal")]
    pub digest: u128,
}

impl RowDigest {
    /// The digest of the rows of all these record batches.
    ///
    /// # Errors
    ///
    /// `Invalid` if a column has a type that Spark has not.
    pub fn of(batches: &[RecordBatch]) -> Result<RowDigest> {
        let pieces: Vec<RecordBatch> = batches.iter().flat_map(pieces).collect();
        let digest = match pieces.as_slice() {
            [] => 0,
            [piece] => digest(piece)?,
            pieces => pieces
                .par_iter()
                .map(digest)
                .try_reduce(|| 0, |left, right| Ok(left.wrapping_add(right)))?,
        };
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        Ok(RowDigest {
            rows: rows as u64,
            digest,
        })
    }
}

/// How many rows one task hashes.
const ROWS_PER_TASK: usize = 32 * 1024;

/// A record batch in pieces for one task each.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let starts = (0..rows).step_by(ROWS_PER_TASK);
    starts.map(move |start| batch.slice(start, ROWS_PER_TASK.min(rows - start)))
}

/// The sum of the hashes of the rows.
fn digest(batch: &RecordBatch) -> Result<u128> {
    Ok(row_hashes(batch)?.into_iter().map(u128::from).sum())
}

/// The hash of each row.
///
/// # Errors
///
/// As [`RowDigest::of`].
pub(crate) fn row_hashes(batch: &RecordBatch) -> Result<Vec<u64>> {
    let mut hashes = vec![0; batch.num_rows()];
    for column in batch.columns() {
        hash_column(column, &mut hashes)?;
    }
    Ok(hashes)
}

/// Takes each row's hash on by the value of `column`.
fn hash_column(column: &ArrayRef, hashes: &mut [u64]) -> Result<()> {
    match column.data_type() {
        DataType::Int8 => primitive::<Int8Type, 1>(column, hashes, i8::to_le_bytes),
        DataType::Int16 => primitive::<Int16Type, 2>(column, hashes, i16::to_le_bytes),
        DataType::Int32 => primitive::<Int32Type, 4>(column, hashes, i32::to_le_bytes),
        DataType::Int64 => primitive::<Int64Type, 8>(column, hashes, i64::to_le_bytes),
        DataType::Date32 => primitive::<Date32Type, 4>(column, hashes, i32::to_le_bytes),
        DataType::Interval(IntervalUnit::YearMonth) => {
            primitive::<IntervalYearMonthType, 4>(column, hashes, i32::to_le_bytes);
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            primitive::<TimestampMicrosecondType, 8>(column, hashes, i64::to_le_bytes);
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            primitive::<DurationMicrosecondType, 8>(column, hashes, i64::to_le_bytes);
        }
        DataType::Decimal128(_, _) => {
            primitive::<Decimal128Type, 16>(column, hashes, i128::to_le_bytes);
        }
        DataType::Float32 => primitive::<Float32Type, 4>(column, hashes, |value| {
            let canonical = if value.is_nan() {
                f32::NAN
            } else {
                value + 0.0
            };
            canonical.to_le_bytes()
        }),
        DataType::Float64 => primitive::<Float64Type, 8>(column, hashes, |value| {
            let canonical = if value.is_nan() {
                f64::NAN
            } else {
                value + 0.0
            };
            canonical.to_le_bytes()
        }),
        DataType::Boolean => {
            let values = column.as_boolean();
            each(column, hashes, |row, hash| {
                xxh3_64_with_seed(&[u8::from(values.value(row))], hash)
            });
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(column, hashes, |row, hash| {
                xxh3_64_with_seed(values.value(row).as_bytes(), hash)
            });
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            each(column, hashes, |row, hash| {
                xxh3_64_with_seed(values.value(row), hash)
            });
        }
        DataType::Null => hashes.iter_mut().for_each(|hash| *hash = null(*hash)),
        _ => return hash_nested(column, hashes),
    }
    Ok(())
}

/// Lists, maps and structs.
fn hash_nested(column: &ArrayRef, hashes: &mut [u64]) -> Result<()> {
    match column.data_type() {
        DataType::Struct(_) => {
            each(column, hashes, |_, hash| xxh3_64_with_seed(&[1], hash));
            let before = hashes.to_vec();
            for field in column.as_struct().columns() {
                hash_column(field, hashes)?;
            }
            keep_nulls(column, hashes, &before);
            Ok(())
        }
        DataType::List(_) => {
            let values = column.as_list::<i32>();
            hash_elements(column, hashes, |row| vec![values.value(row)])
        }
        DataType::Map(_, _) => {
            let values = column.as_map();
            hash_elements(column, hashes, |row| values.value(row).columns().to_vec())
        }
        other => Err(Error::unsupported(format!(
            "a result column of type {other}"
        ))),
    }
}

/// Takes each row's hash on by the number of its elements and by all of them.
fn hash_elements(
    column: &ArrayRef,
    hashes: &mut [u64],
    elements: impl Fn(usize) -> Vec<ArrayRef>,
) -> Result<()> {
    for (row, hash) in hashes.iter_mut().enumerate() {
        if column.is_null(row) {
            *hash = null(*hash);
            continue;
        }
        let columns = elements(row);
        let length = columns.first().map_or(0, Array::len);
        *hash = xxh3_64_with_seed(&(length as u64).to_le_bytes(), *hash);
        for element in 0..length {
            for column in &columns {
                hash_column(&column.slice(element, 1), std::slice::from_mut(hash))?;
            }
        }
    }
    Ok(())
}

/// Rows that are null do not depend on what lies beneath them.
fn keep_nulls(column: &ArrayRef, hashes: &mut [u64], before: &[u64]) {
    for (row, (hash, before)) in hashes.iter_mut().zip(before).enumerate() {
        if column.is_null(row) {
            *hash = *before;
        }
    }
}

fn primitive<T: ArrowPrimitiveType, const BYTES: usize>(
    column: &ArrayRef,
    hashes: &mut [u64],
    bytes: impl Fn(T::Native) -> [u8; BYTES],
) {
    let values = column.as_primitive::<T>();
    each(column, hashes, |row, hash| {
        xxh3_64_with_seed(&bytes(values.value(row)), hash)
    });
}

/// Takes the hash of each row on: by `hash_value` if there is a value.
fn each(column: &ArrayRef, hashes: &mut [u64], hash_value: impl Fn(usize, u64) -> u64) {
    let has_nulls = column.null_count() > 0;
    for (row, hash) in hashes.iter_mut().enumerate() {
        *hash = if has_nulls && column.is_null(row) {
            null(*hash)
        } else {
            hash_value(row, *hash)
        };
    }
}

fn null(hash: u64) -> u64 {
    xxh3_64_with_seed(&[], !hash)
}

/// 32 hexadecimal digits: JSON numbers end at 2^53 for most readers.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, Int64Builder, ListArray,
        MapBuilder, NullArray, StringArray, StringBuilder, StructArray,
    };
    use arrow::compute::take_record_batch;
    use arrow::datatypes::{Field, Int64Type};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        map.keys().append_value("a");
        map.values().append_value(1);
        map.append(true).unwrap();
        map.append(true).unwrap();
        map.append(false).unwrap();
        let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let field = Arc::new(Field::new("x", DataType::Int64, true));
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), None]),
            Some(vec![]),
            None,
        ]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "i",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            ),
            (
                "s",
                Arc::new(StringArray::from(vec![Some("a"), Some(""), None])),
            ),
            ("f", Arc::new(Float64Array::from(vec![0.5, -0.0, f64::NAN]))),
            ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("d", Arc::new(Decimal128Array::from(vec![1, 2, 3]))),
            ("l", Arc::new(list)),
            ("m", Arc::new(map.finish())),
            ("t", Arc::new(StructArray::from(vec![(field, inner)]))),
            ("n", Arc::new(NullArray::new(3))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn the_digest_never_changes_between_versions() {
        let digest = RowDigest::of(&[batch()]).unwrap();
        assert_eq!(
            serde_json::to_string(&digest).unwrap(),
            r#"{"rows":3,"digest":"0000000000000001daf7a3e9209caa86"}"#
        );
    }

    #[test]
    fn the_digest_depends_on_the_rows_and_not_on_their_order_or_their_batches() {
        let whole = batch();
        let digest = RowDigest::of(std::slice::from_ref(&whole)).unwrap();
        let turned = take_record_batch(&whole, &Int64Array::from(vec![2, 0, 1])).unwrap();
        assert_eq!(RowDigest::of(&[turned]).unwrap(), digest);
        let cut = [whole.slice(0, 1), whole.slice(1, 2)];
        assert_eq!(RowDigest::of(&cut).unwrap(), digest);
        let other = take_record_batch(&whole, &Int64Array::from(vec![2, 0, 0])).unwrap();
        assert_ne!(RowDigest::of(&[other]).unwrap(), digest);
    }

    #[test]
    fn null_is_not_the_empty_text_and_values_do_not_move_between_columns() {
        let digest = |left: Option<&str>, right: Option<&str>| {
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("l", Arc::new(StringArray::from(vec![left]))),
                ("r", Arc::new(StringArray::from(vec![right]))),
            ];
            RowDigest::of(&[RecordBatch::try_from_iter(columns).unwrap()]).unwrap()
        };
        assert_ne!(digest(None, Some("")), digest(Some(""), Some("")));
        assert_ne!(digest(None, Some("")), digest(Some(""), None));
        assert_ne!(digest(Some("ab"), Some("c")), digest(Some("a"), Some("bc")));
    }
}
