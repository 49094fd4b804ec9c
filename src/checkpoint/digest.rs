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

use crate::batch::row_hashes;
use crate::error::Result;
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
        ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, Int64Builder, ListArray,
        MapBuilder, NullArray, StringArray, StringBuilder, StructArray,
    };
    use arrow::compute::take_record_batch;
    use arrow::datatypes::{DataType, Field, Int64Type};
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
