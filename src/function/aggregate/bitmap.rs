//! `bitmap_construct_agg`, `bitmap_or_agg` and `bitmap_and_agg`: bitmaps of 32768 bits, the form in which distinct counts are kept a bucket at a
//! time (see `bitmap_bucket_number`).
//!
//! What is saved is the bitmap without the zeros at its end.

use super::Definition;
use super::fold::{Fold, FoldAccumulator, FoldRows};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::Signature;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

/// How many bytes a bitmap has.
const BYTES: usize = 4096;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "bitmap_construct_agg",
        usage: "bitmap_construct_agg(position)",
        description: "A bitmap with the bits at these positions set; positions are those of bitmap_bit_position.",
        example: "SELECT substring(hex(bitmap_construct_agg(bitmap_bit_position(v))), 0, 6) FROM VALUES (1), (2), (3) AS t(v)",
        resolve: |name, arguments| resolve(name, arguments, DataType::Int64),
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Bitmap::Construct)),
    },
    Definition {
        name: "bitmap_or_agg",
        usage: "bitmap_or_agg(bitmap)",
        description: "A bitmap with the bits that are set in any of the bitmaps.",
        example: "SELECT substring(hex(bitmap_or_agg(v)), 0, 6) FROM VALUES (X'10'), (X'20') AS t(v)",
        resolve: |name, arguments| resolve(name, arguments, DataType::Binary),
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Bitmap::Or)),
    },
    Definition {
        name: "bitmap_and_agg",
        usage: "bitmap_and_agg(bitmap)",
        description: "A bitmap with the bits that are set in all of the bitmaps.",
        example: "SELECT substring(hex(bitmap_and_agg(v)), 0, 6) FROM VALUES (X'F0'), (X'70') AS t(v)",
        resolve: |name, arguments| resolve(name, arguments, DataType::Binary),
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Bitmap::And)),
    },
];

fn resolve(name: &'static str, arguments: &[Expr], wanted: DataType) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    Ok(Signature {
        arguments: vec![argument_type(
            name,
            arguments,
            0,
            &[Wanted::Exactly(wanted)],
        )?],
        returns: DataType::Binary,
        is_nullable: false,
    })
}

#[derive(Debug, Clone, Copy)]
enum Bitmap {
    Construct,
    Or,
    And,
}

impl Bitmap {
    /// A bitmap that saw nothing.
    fn fresh(self) -> Vec<u8> {
        let byte = match self {
            Bitmap::Construct | Bitmap::Or => 0,
            Bitmap::And => 0xff,
        };
        vec![byte; BYTES]
    }

    /// Folds a bitmap in; what it lacks at its end is zeros.
    fn combine(self, bitmap: &mut [u8], other: &[u8]) {
        let rest = std::iter::repeat(&0);
        for (byte, other) in bitmap.iter_mut().zip(other.iter().chain(rest)) {
            match self {
                Bitmap::Construct | Bitmap::Or => *byte |= other,
                Bitmap::And => *byte &= other,
            }
        }
    }
}

impl Fold for Bitmap {
    type State = Vec<u8>;

    fn create(&self) -> Result<Vec<u8>> {
        Ok(self.fresh())
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a bitmap is that of a column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        if let Some(positions) = column.as_primitive_opt::<Int64Type>() {
            return rows.each(counted.as_ref(), |row, bitmap| {
                let position = positions.value(row);
                let byte = usize::try_from(position / 8).ok().filter(|_| position >= 0);
                let byte = byte.and_then(|byte| bitmap.get_mut(byte)).ok_or_else(|| {
                    Error::data(format!(
                        "the bitmap position is out of bounds, a bitmap has 32768 bits. position=`{position}`"
                    ))
                    .with_condition("INVALID_BITMAP_POSITION")
                })?;
                *byte |= 1 << (position % 8);
                Ok(())
            });
        }
        let bitmaps = column.as_binary::<i32>();
        rows.each(counted.as_ref(), |row, bitmap| {
            self.combine(bitmap, bitmaps.value(row));
            Ok(())
        })
    }

    fn merge(&self, bitmap: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
        self.combine(bitmap, bytes);
        Ok(())
    }

    fn save(&self, bitmap: &Vec<u8>) -> Result<Vec<u8>> {
        let used = bitmap.iter().rposition(|byte| *byte != 0);
        let used = used.map_or(0, |last| last + 1);
        Ok(bitmap.get(..used).unwrap_or_default().to_vec())
    }

    fn finish(&self, states: &[Option<&Vec<u8>>]) -> Result<ArrayRef> {
        let bitmaps = states
            .iter()
            .map(|state| state.map_or_else(|| self.fresh(), Clone::clone));
        Ok(Arc::new(BinaryArray::from_iter_values(bitmaps)))
    }

    fn memory_bytes(&self, bitmap: &Vec<u8>) -> usize {
        bitmap.capacity()
    }
}
