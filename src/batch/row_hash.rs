//! A hash of each row that stays the same in every version: points 1 to 3 of the digest of a batch's rows in a checkpoint.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash of each row.
///
/// # Errors
///
/// `Invalid` if a column has a type that Spark has not.
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
