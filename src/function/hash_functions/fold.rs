//! The running hash over columns, and over the parts of nested values.

use crate::error::{Error, Result};
use crate::function::Call;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};

/// A hash of fixed-width values and bytes, each with a seed.
pub(super) trait Hasher {
    /// The hash.
    type Hash: Copy;
    /// The seed of the first value.
    const SEED: Self::Hash;

    /// Of an `INT`, and of everything that Spark keeps as one.
    fn int(&self, value: i32, seed: Self::Hash) -> Self::Hash;
    /// Of a `BIGINT`, and of everything that Spark keeps as one.
    fn long(&self, value: i64, seed: Self::Hash) -> Self::Hash;
    /// Of bytes.
    fn bytes(&self, value: &[u8], seed: Self::Hash) -> Self::Hash;
}

/// XXH64.
#[derive(Debug)]
pub(super) struct Xxh64;

impl Hasher for Xxh64 {
    type Hash = i64;
    const SEED: i64 = 42;

    fn int(&self, value: i32, seed: i64) -> i64 {
        self.bytes(&value.to_le_bytes(), seed)
    }

    fn long(&self, value: i64, seed: i64) -> i64 {
        self.bytes(&value.to_le_bytes(), seed)
    }

    fn bytes(&self, value: &[u8], seed: i64) -> i64 {
        twox_hash::XxHash64::oneshot(seed.cast_unsigned(), value).cast_signed()
    }
}

/// The hash of each row over all arguments.
pub(super) fn fold<H: Hasher>(call: &Call<'_>, hasher: &H) -> Result<Vec<H::Hash>> {
    let mut hashes = vec![H::SEED; call.rows];
    for value in call.arguments {
        let indices = (0..call.rows).map(|row| value.index(row));
        fold_values(hasher, value.array(), indices.zip(hashes.iter_mut()))?;
    }
    Ok(hashes)
}

/// The hash of each value of one column.
pub(super) fn fold_column<H: Hasher>(column: &ArrayRef, hasher: &H) -> Result<Vec<H::Hash>> {
    let mut hashes = vec![H::SEED; column.len()];
    fold_values(hasher, column, (0..column.len()).zip(hashes.iter_mut()))?;
    Ok(hashes)
}

/// Folds values into hashes: each pair is the index of a value and the hash it goes into.
#[expect(clippy::too_many_lines, reason = "a case for each type")]
fn fold_values<'h, H: Hasher>(
    hasher: &H,
    array: &ArrayRef,
    pairs: impl Iterator<Item = (usize, &'h mut H::Hash)>,
) -> Result<()>
where
    H::Hash: 'h,
{
    macro_rules! each {
        ($column:expr, $hash:expr) => {{
            let column = $column;
            for (index, hash) in pairs {
                if column.is_valid(index) {
                    *hash = $hash(column.value(index), *hash);
                }
            }
        }};
    }
    match array.data_type() {
        DataType::Null => {}
        DataType::Boolean => each!(array.as_boolean(), |value, seed| {
            hasher.int(i32::from(value), seed)
        }),
        DataType::Int8 => each!(array.as_primitive::<Int8Type>(), |value, seed| {
            hasher.int(i32::from(value), seed)
        }),
        DataType::Int16 => each!(array.as_primitive::<Int16Type>(), |value, seed| {
            hasher.int(i32::from(value), seed)
        }),
        DataType::Int32 => each!(array.as_primitive::<Int32Type>(), |v, s| hasher.int(v, s)),
        DataType::Date32 => each!(array.as_primitive::<Date32Type>(), |v, s| hasher.int(v, s)),
        DataType::Int64 => each!(array.as_primitive::<Int64Type>(), |v, s| hasher.long(v, s)),
        DataType::Timestamp(_, _) => {
            each!(array.as_primitive::<TimestampMicrosecondType>(), |v, s| {
                hasher.long(v, s)
            });
        }
        DataType::Duration(_) => {
            each!(array.as_primitive::<DurationMicrosecondType>(), |v, s| {
                hasher.long(v, s)
            });
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            each!(array.as_primitive::<IntervalYearMonthType>(), |v, s| hasher
                .int(v, s));
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            each!(
                array.as_primitive::<IntervalMonthDayNanoType>(),
                |value: IntervalMonthDayNano, seed| {
                    let of_micros = hasher.long(value.nanoseconds / 1_000, seed);
                    hasher.int(value.months, hasher.int(value.days, of_micros))
                }
            );
        }
        DataType::Float32 => each!(array.as_primitive::<Float32Type>(), |value, seed| {
            hasher.int(float_bits(value), seed)
        }),
        DataType::Float64 => each!(array.as_primitive::<Float64Type>(), |value, seed| {
            hasher.long(double_bits(value), seed)
        }),
        DataType::Decimal128(precision, _) => {
            let is_long = *precision <= 18;
            each!(array.as_primitive::<Decimal128Type>(), |value, seed| {
                hash_decimal(hasher, value, is_long, seed)
            });
        }
        DataType::Utf8 => each!(array.as_string::<i32>(), |value: &str, seed| {
            hasher.bytes(value.as_bytes(), seed)
        }),
        DataType::Binary => each!(array.as_binary::<i32>(), |v, s| hasher.bytes(v, s)),
        DataType::Struct(_) | DataType::List(_) => {
            for (index, hash) in pairs {
                fold_parts(hasher, array, index, hash)?;
            }
        }
        other => {
            return Err(Error::unsupported(format!(
                "the hash of a value of type {other}"
            )));
        }
    }
    Ok(())
}

/// Folds the fields of a struct or the elements of an array into one hash.
fn fold_parts<H: Hasher>(
    hasher: &H,
    array: &ArrayRef,
    index: usize,
    hash: &mut H::Hash,
) -> Result<()> {
    if array.is_null(index) {
        return Ok(());
    }
    if let Some(structs) = array.as_struct_opt() {
        for field in structs.columns() {
            fold_values(hasher, field, std::iter::once((index, &mut *hash)))?;
        }
    } else if let Some(lists) = array.as_list_opt::<i32>() {
        let elements = lists.value(index);
        for element in 0..elements.len() {
            fold_values(hasher, &elements, std::iter::once((element, &mut *hash)))?;
        }
    }
    Ok(())
}

/// The bits of a float: zero without a sign, one NaN.
fn float_bits(value: f32) -> i32 {
    if value.is_nan() {
        return 0x7fc0_0000;
    }
    (value + 0.0).to_bits().cast_signed()
}

/// As [`float_bits`].
fn double_bits(value: f64) -> i64 {
    if value.is_nan() {
        return 0x7ff8_0000_0000_0000;
    }
    (value + 0.0).to_bits().cast_signed()
}

/// The unscaled value: as a `BIGINT` if all of its type fit, else as the shortest big-endian bytes of two's complement.
fn hash_decimal<H: Hasher>(hasher: &H, value: i128, is_long: bool, seed: H::Hash) -> H::Hash {
    if let (true, Ok(value)) = (is_long, i64::try_from(value)) {
        return hasher.long(value, seed);
    }
    let bytes = value.to_be_bytes();
    let sign = if value < 0 { 0xff } else { 0 };
    // The first byte that is kept must have the sign in its highest bit.
    let skipped = bytes
        .windows(2)
        .take_while(
            |pair| matches!(pair, [first, next] if *first == sign && (next ^ sign) & 0x80 == 0),
        )
        .count();
    hasher.bytes(bytes.get(skipped..).unwrap_or_default(), seed)
}
