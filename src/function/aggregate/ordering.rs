//! The least or the greatest value of each group so far, by Spark's order: NaN is the greatest number and equal to itself, -0.0 equals
//! 0.0, strings and binaries compare byte by byte, false is less than true, structs and arrays compare part by part with
//! nulls first.

use super::rows::{GroupBits, for_each_row, gather, slot_of, value_of};
use super::slots::{Codec, byte_slots_memory, clear_bytes, gather_bytes};
use crate::error::{Error, Result};
use crate::types;
use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalYearMonthType,
    TimestampMicrosecondType,
};
use std::fmt::Debug;
use std::sync::Arc;

/// Which value wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contest {
    /// The least; of equal ones the first.
    Least,
    /// The greatest; of equal ones the first.
    Greatest,
    /// The least; of equal ones the last.
    LastLeast,
    /// The greatest; of equal ones the last.
    LastGreatest,
}

/// The best value of each group.
pub(super) trait Extremes: Send + Sync + Debug {
    /// Makes room for groups `0..groups`; new ones have no value.
    fn resize(&mut self, groups: usize);
    /// Lets the counted rows of `column`, none of them null, compete; calls `won` with the group and the row of each that wins.
    fn challenge(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
        won: &mut dyn FnMut(usize, usize),
    ) -> Result<()>;
    /// The best values of these groups; null for a group without any.
    fn gather(&self, groups: &[u32]) -> Result<ArrayRef>;
    /// Forgets the values of these groups.
    fn clear(&mut self, groups: &[u32]);
    /// About how many bytes it holds.
    fn memory_bytes(&self) -> usize;
}

/// Extremes of values of this type.
///
/// # Errors
///
/// `Internal`, if the type has no order: type rules refuse it before.
pub(super) fn extremes_of(data_type: &DataType, contest: Contest) -> Result<Box<dyn Extremes>> {
    fn of<T: ArrowPrimitiveType<Native: NativeOrder> + Debug>(
        data_type: &DataType,
        contest: Contest,
    ) -> Box<dyn Extremes> {
        Box::new(PrimitiveExtremes::<T> {
            data_type: data_type.clone(),
            contest,
            values: Vec::new(),
            seen: GroupBits::default(),
        })
    }
    Ok(match data_type {
        DataType::Int8 => of::<Int8Type>(data_type, contest),
        DataType::Int16 => of::<Int16Type>(data_type, contest),
        DataType::Int32 => of::<Int32Type>(data_type, contest),
        DataType::Int64 => of::<Int64Type>(data_type, contest),
        DataType::Float32 => of::<Float32Type>(data_type, contest),
        DataType::Float64 => of::<Float64Type>(data_type, contest),
        DataType::Decimal128(_, _) => of::<Decimal128Type>(data_type, contest),
        DataType::Date32 => of::<Date32Type>(data_type, contest),
        DataType::Timestamp(_, _) => of::<TimestampMicrosecondType>(data_type, contest),
        DataType::Duration(_) => of::<DurationMicrosecondType>(data_type, contest),
        interval if *interval == types::year_month_interval() => {
            of::<IntervalYearMonthType>(data_type, contest)
        }
        other if types::is_orderable(other) => Box::new(ByteExtremes {
            codec: Codec::of(other)?,
            contest,
            values: Vec::new(),
            seen: GroupBits::default(),
        }),
        other => return Err(Error::internal(format!("{other} has no order"))),
    })
}

/// Spark's order of fixed-width values.
pub(super) trait NativeOrder: ArrowNativeType {
    /// Whether it comes before the other.
    fn is_less(self, other: Self) -> bool;
}

macro_rules! order_of_integers {
    ($($native:ty),*) => {
        $(impl NativeOrder for $native {
            #[inline]
            fn is_less(self, other: $native) -> bool {
                self < other
            }
        })*
    };
}
order_of_integers!(i8, i16, i32, i64, i128);

macro_rules! order_of_floats {
    ($($native:ty),*) => {
        $(impl NativeOrder for $native {
            #[inline]
            fn is_less(self, other: $native) -> bool {
                self < other || (other.is_nan() && !self.is_nan())
            }
        })*
    };
}
order_of_floats!(f32, f64);

#[derive(Debug)]
struct PrimitiveExtremes<T: ArrowPrimitiveType> {
    data_type: DataType,
    contest: Contest,
    values: Vec<T::Native>,
    seen: GroupBits,
}

impl<T: ArrowPrimitiveType<Native: NativeOrder>> PrimitiveExtremes<T> {
    /// `wins` gets the value so far and the new one.
    #[inline]
    fn run(
        &mut self,
        column: &PrimitiveArray<T>,
        (groups, counted): (&[u32], Option<&NullBuffer>),
        won: &mut dyn FnMut(usize, usize),
        wins: impl Fn(T::Native, T::Native) -> bool,
    ) {
        let column = column.values();
        for_each_row(groups, counted, |row, group| {
            let value = value_of(column, row);
            let best = slot_of(&mut self.values, group);
            if !self.seen.get(group) || wins(*best, value) {
                *best = value;
                self.seen.set(group);
                won(group, row);
            }
        });
    }
}

impl<T: ArrowPrimitiveType<Native: NativeOrder> + Debug> Extremes for PrimitiveExtremes<T> {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, T::Native::default());
        self.seen.resize(groups);
    }

    fn challenge(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
        won: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let column = column.as_primitive::<T>();
        match self.contest {
            Contest::Least => self.run(column, (groups, counted), won, |old, new| new.is_less(old)),
            Contest::Greatest => {
                self.run(column, (groups, counted), won, NativeOrder::is_less);
            }
            Contest::LastLeast => {
                self.run(column, (groups, counted), won, |old, new| !old.is_less(new));
            }
            Contest::LastGreatest => {
                self.run(column, (groups, counted), won, |old, new| !new.is_less(old));
            }
        }
        Ok(())
    }

    fn gather(&self, groups: &[u32]) -> Result<ArrayRef> {
        let values = gather(&self.values, groups);
        let seen = self.seen.gather_validity(groups);
        Ok(Arc::new(
            PrimitiveArray::<T>::new(values.into(), Some(seen))
                .with_data_type(self.data_type.clone()),
        ))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.seen.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * T::Native::get_byte_width() + self.seen.memory_bytes()
    }
}

/// Extremes of everything that orders as its bytes do.
#[derive(Debug)]
struct ByteExtremes {
    codec: Codec,
    contest: Contest,
    values: Vec<Vec<u8>>,
    seen: GroupBits,
}

impl Extremes for ByteExtremes {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, Vec::new());
        self.seen.resize(groups);
    }

    fn challenge(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
        won: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let encoded = self.codec.encode(column)?;
        let contest = self.contest;
        let wins = |old: &[u8], new: &[u8]| match contest {
            Contest::Least => new < old,
            Contest::Greatest => new > old,
            Contest::LastLeast => new <= old,
            Contest::LastGreatest => new >= old,
        };
        for_each_row(groups, counted, |row, group| {
            let value = encoded.value(row);
            let best = slot_of(&mut self.values, group);
            if !self.seen.get(group) || wins(best, value) {
                best.clear();
                best.extend_from_slice(value);
                self.seen.set(group);
                won(group, row);
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
