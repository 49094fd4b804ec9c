//! One value of any type a group, set now and then and read back as a column.
//!
//! Numbers and times are kept as they are; strings, binaries and everything nested are kept as bytes of their own (see
//! [`Codec`]), so that a group keeps no batch alive.

use super::rows::{GroupBits, gather, slot_of};
use crate::error::{Error, Result};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryBuilder, PrimitiveArray,
    StringArray, StringBuilder, new_empty_array,
};
use arrow::datatypes::{ArrowNativeType, DataType};
use arrow::row::{RowConverter, Rows, SortField};
use std::fmt::Debug;
use std::sync::Arc;

/// One nullable value a group.
pub(super) trait Slots: Send + Sync + Debug {
    /// Makes room for groups `0..groups`; new values are null.
    fn resize(&mut self, groups: usize);
    /// Sets values: each of `winners` is a group and the row of `column` it gets its value from.
    fn assign(&mut self, column: &ArrayRef, winners: &mut Winners) -> Result<()>;
    /// The values of these groups, in this order.
    fn gather(&self, groups: &[u32]) -> Result<ArrayRef>;
    /// Makes the values of these groups null.
    fn clear(&mut self, groups: &[u32]);
    /// About how many bytes it holds.
    fn memory_bytes(&self) -> usize;
}

/// Slots for values of this type.
pub(super) fn slots_of(data_type: &DataType) -> Result<Box<dyn Slots>> {
    macro_rules! primitive {
        ($t:ty) => {
            return Ok(Box::new(PrimitiveSlots::<$t>::new(data_type.clone())))
        };
    }
    arrow::array::downcast_primitive! {
        data_type => (primitive),
        _ => Ok(Box::new(ByteSlots {
            codec: Codec::of(data_type)?,
            values: Vec::new(),
            seen: GroupBits::default(),
        })),
    }
}

/// Which row each group takes from a batch: the last one that was recorded for it.
#[derive(Debug, Default)]
pub(super) struct Winners {
    /// The row plus one, by group; 0 for none. As long as there are groups.
    rows: Vec<u32>,
    groups: Vec<u32>,
}

impl Winners {
    /// Makes room for groups `0..groups`.
    pub(super) fn resize(&mut self, groups: usize) {
        self.rows.resize(groups, 0);
    }

    /// Lets a group take this row.
    #[inline]
    pub(super) fn record(&mut self, group: usize, row: usize) {
        let slot = slot_of(&mut self.rows, group);
        if *slot == 0 {
            self.groups.push(u32::try_from(group).unwrap_or(u32::MAX));
        }
        *slot = u32::try_from(row + 1).unwrap_or(u32::MAX);
    }

    /// Calls `take` with each group and its row, and forgets them.
    fn drain(&mut self, mut take: impl FnMut(usize, usize)) {
        for group in self.groups.drain(..) {
            let row = std::mem::take(slot_of(&mut self.rows, group as usize));
            take(group as usize, row as usize - 1);
        }
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        (self.rows.capacity() + self.groups.capacity()) * 4
    }
}

#[derive(Debug)]
struct PrimitiveSlots<T: ArrowPrimitiveType> {
    data_type: DataType,
    values: Vec<T::Native>,
    valid: GroupBits,
}

impl<T: ArrowPrimitiveType> PrimitiveSlots<T> {
    fn new(data_type: DataType) -> PrimitiveSlots<T> {
        PrimitiveSlots {
            data_type,
            values: Vec::new(),
            valid: GroupBits::default(),
        }
    }
}

impl<T: ArrowPrimitiveType + Debug> Slots for PrimitiveSlots<T> {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, T::Native::default());
        self.valid.resize(groups);
    }

    fn assign(&mut self, column: &ArrayRef, winners: &mut Winners) -> Result<()> {
        let column = column.as_primitive::<T>();
        winners.drain(|group, row| {
            if column.is_null(row) {
                self.valid.unset(group);
            } else {
                *slot_of(&mut self.values, group) = column.value(row);
                self.valid.set(group);
            }
        });
        Ok(())
    }

    fn gather(&self, groups: &[u32]) -> Result<ArrayRef> {
        let values = gather(&self.values, groups);
        let valid = self.valid.gather_validity(groups);
        Ok(Arc::new(
            PrimitiveArray::<T>::new(values.into(), Some(valid))
                .with_data_type(self.data_type.clone()),
        ))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.valid.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * T::Native::get_byte_width() + self.valid.memory_bytes()
    }
}

#[derive(Debug)]
struct ByteSlots {
    codec: Codec,
    values: Vec<Vec<u8>>,
    seen: GroupBits,
}

impl Slots for ByteSlots {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, Vec::new());
        self.seen.resize(groups);
    }

    fn assign(&mut self, column: &ArrayRef, winners: &mut Winners) -> Result<()> {
        let encoded = self.codec.encode(column)?;
        winners.drain(|group, row| {
            if column.is_null(row) {
                self.seen.unset(group);
            } else {
                let slot = slot_of(&mut self.values, group);
                slot.clear();
                slot.extend_from_slice(encoded.value(row));
                self.seen.set(group);
            }
        });
        Ok(())
    }

    fn gather(&self, groups: &[u32]) -> Result<ArrayRef> {
        gather_bytes(&self.codec, &self.values, &self.seen, groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        clear_bytes(&mut self.values, &mut self.seen, groups);
    }

    fn memory_bytes(&self) -> usize {
        byte_slots_memory(&self.values) + self.seen.memory_bytes()
    }
}

/// The values of these groups, null where not seen.
pub(super) fn gather_bytes(
    codec: &Codec,
    values: &[Vec<u8>],
    seen: &GroupBits,
    groups: &[u32],
) -> Result<ArrayRef> {
    codec.decode(groups.iter().map(|group| {
        let group = *group as usize;
        values
            .get(group)
            .filter(|_| seen.get(group))
            .map(Vec::as_slice)
    }))
}

/// Forgets the values of these groups and gives their memory back.
pub(super) fn clear_bytes(values: &mut [Vec<u8>], seen: &mut GroupBits, groups: &[u32]) {
    for group in groups {
        *slot_of(values, *group as usize) = Vec::new();
    }
    seen.clear(groups);
}

/// How many bytes these slots hold.
pub(super) fn byte_slots_memory(values: &[Vec<u8>]) -> usize {
    let own: usize = values.iter().map(Vec::capacity).sum();
    std::mem::size_of_val(values) + own
}

/// How values of one type become bytes and columns again. The bytes order as the values do (nulls inside first, NaN last).
#[derive(Debug)]
pub(super) enum Codec {
    /// The text itself.
    Utf8,
    /// The bytes themselves.
    Binary,
    /// Arrow's row format.
    Rows(RowConverter, DataType),
}

/// A column as bytes.
pub(super) enum Encoded {
    Utf8(StringArray),
    Binary(BinaryArray),
    Rows(Rows),
}

impl Encoded {
    /// The bytes of a value that is not null.
    #[inline]
    pub(super) fn value(&self, row: usize) -> &[u8] {
        match self {
            Encoded::Utf8(column) => column.value(row).as_bytes(),
            Encoded::Binary(column) => column.value(row),
            Encoded::Rows(rows) => rows.row(row).data(),
        }
    }
}

impl Codec {
    /// For values of this type.
    ///
    /// # Errors
    ///
    /// `Invalid`, if values of the type cannot be kept.
    pub(super) fn of(data_type: &DataType) -> Result<Codec> {
        match data_type {
            DataType::Utf8 => Ok(Codec::Utf8),
            DataType::Binary => Ok(Codec::Binary),
            other => {
                let field = SortField::new(other.clone());
                if !RowConverter::supports_fields(std::slice::from_ref(&field)) {
                    return Err(Error::unsupported(format!(
                        "an aggregate that keeps values of type `{}`",
                        crate::types::sql_name(other)
                    )));
                }
                Ok(Codec::Rows(RowConverter::new(vec![field])?, other.clone()))
            }
        }
    }

    /// A column as bytes.
    pub(super) fn encode(&self, column: &ArrayRef) -> Result<Encoded> {
        Ok(match self {
            Codec::Utf8 => Encoded::Utf8(column.as_string::<i32>().clone()),
            Codec::Binary => Encoded::Binary(column.as_binary::<i32>().clone()),
            Codec::Rows(converter, _) => {
                Encoded::Rows(converter.convert_columns(std::slice::from_ref(column))?)
            }
        })
    }

    /// Bytes of [`Codec::encode`] as a column again; `None` is null.
    pub(super) fn decode<'a>(
        &self,
        values: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Result<ArrayRef> {
        match self {
            Codec::Utf8 => {
                let mut builder = StringBuilder::new();
                for value in values {
                    let text = value
                        .map(std::str::from_utf8)
                        .transpose()
                        .map_err(|cause| {
                            Error::internal("a kept string is not UTF-8").with_source(cause)
                        })?;
                    builder.append_option(text);
                }
                Ok(Arc::new(builder.finish()))
            }
            Codec::Binary => {
                let mut builder = BinaryBuilder::new();
                values.for_each(|value| builder.append_option(value));
                Ok(Arc::new(builder.finish()))
            }
            Codec::Rows(converter, data_type) => decode_rows(converter, data_type, values),
        }
    }
}

fn decode_rows<'a>(
    converter: &RowConverter,
    data_type: &DataType,
    values: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<ArrayRef> {
    let null = arrow::array::new_null_array(data_type, 1);
    let null = converter.convert_columns(&[null])?;
    let parser = converter.parser();
    let rows = values.map(|value| match value {
        Some(bytes) => parser.parse(bytes),
        None => null.row(0),
    });
    Ok(converter
        .convert_rows(rows)?
        .pop()
        .unwrap_or_else(|| new_empty_array(data_type)))
}
