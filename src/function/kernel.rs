//! Helpers for kernels: arguments as typed columns, and result columns from a closure that gives the value of a row.
//!
//! A closure answers `None` for null, so that `column.get(row)?` makes a null argument a null result.

use crate::error::{Error, Result};
use crate::expr::Value;
use crate::function::Call;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryBuilder, BooleanBuilder,
    PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder,
};
use std::sync::Arc;

/// An argument as a typed column; a constant has its one value in every row.
#[derive(Debug)]
pub(crate) struct Column<'a, A> {
    array: &'a A,
    is_constant: bool,
}

// Not derived: that would ask for an array that can be copied.
impl<A> Clone for Column<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Column<'_, A> {}

impl<'a, A: Array + 'static> Column<'a, A> {
    /// Argument number `index` (from 0) of a call.
    ///
    /// # Errors
    ///
    /// `Internal`, if there is none or its type is another one: a type rule that does not fit its kernel.
    pub(crate) fn of(call: &Call<'a>, index: usize) -> Result<Column<'a, A>> {
        let value = argument(call, index)?;
        let array = value.array().as_any().downcast_ref::<A>().ok_or_else(|| {
            Error::internal(format!(
                "a kernel got an argument of another type than it asked for. index=`{index}` given=`{}`",
                value.data_type()
            ))
        })?;
        Ok(Column {
            array,
            is_constant: value.is_scalar(),
        })
    }

    /// As [`Column::of`]; `None` if the call has no such argument.
    pub(crate) fn optional(call: &Call<'a>, index: usize) -> Result<Option<Column<'a, A>>> {
        if index < call.arguments.len() {
            Column::of(call, index).map(Some)
        } else {
            Ok(None)
        }
    }

    /// All its values (one, if it is a constant).
    pub(crate) fn array(&self) -> &'a A {
        self.array
    }

    #[inline]
    fn index(&self, row: usize) -> Option<usize> {
        let index = if self.is_constant { 0 } else { row };
        (index < self.array.len() && self.array.is_valid(index)).then_some(index)
    }
}

impl<'a> Column<'a, StringArray> {
    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        self.index(row).map(|index| self.array.value(index))
    }
}

impl<'a> Column<'a, BinaryArray> {
    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.index(row).map(|index| self.array.value(index))
    }
}

impl<T: ArrowPrimitiveType> Column<'_, PrimitiveArray<T>> {
    /// The value of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        self.index(row).map(|index| self.array.value(index))
    }
}

/// A column of strings.
pub(crate) type Text<'a> = Column<'a, StringArray>;
/// A column of binaries.
pub(crate) type Bytes<'a> = Column<'a, BinaryArray>;
/// A column of `INT`.
pub(crate) type Ints<'a> = Column<'a, arrow::array::Int32Array>;
/// A column of `BIGINT`.
pub(crate) type Longs<'a> = Column<'a, arrow::array::Int64Array>;

/// Argument number `index` of a call.
pub(crate) fn argument<'a>(call: &Call<'a>, index: usize) -> Result<&'a Value> {
    call.arguments.get(index).ok_or_else(|| {
        Error::internal(format!(
            "a kernel got too few arguments. index=`{index}` given=`{}`",
            call.arguments.len()
        ))
    })
}

/// Strings that already stand somewhere.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a kernel")]
pub(crate) fn text_of<'a>(
    rows: usize,
    mut value: impl FnMut(usize) -> Option<&'a str>,
) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, 0);
    for row in 0..rows {
        builder.append_option(value(row));
    }
    Ok(Arc::new(builder.finish()))
}

/// Strings that are put together: the closure appends to an empty string.
pub(crate) fn text_into(
    rows: usize,
    mut write: impl FnMut(usize, &mut String) -> Option<()>,
) -> Result<ArrayRef> {
    try_text_into(rows, |row, out| Ok(write(row, out)))
}

/// As [`text_into`], where a row can fail.
pub(crate) fn try_text_into(
    rows: usize,
    mut write: impl FnMut(usize, &mut String) -> Result<Option<()>>,
) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, 0);
    let mut out = String::new();
    for row in 0..rows {
        out.clear();
        match write(row, &mut out)? {
            Some(()) => builder.append_value(&out),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// Binaries that are put together: the closure appends to an empty vector.
pub(crate) fn try_bytes_into(
    rows: usize,
    mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<Option<()>>,
) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::with_capacity(rows, 0);
    let mut out = Vec::new();
    for row in 0..rows {
        out.clear();
        match write(row, &mut out)? {
            Some(()) => builder.append_value(&out),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// Binaries that already stand somewhere.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a kernel")]
pub(crate) fn bytes_of<'a>(
    rows: usize,
    mut value: impl FnMut(usize) -> Option<&'a [u8]>,
) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::with_capacity(rows, 0);
    for row in 0..rows {
        builder.append_option(value(row));
    }
    Ok(Arc::new(builder.finish()))
}

/// Numbers, dates or times.
pub(crate) fn primitive_of<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    mut value: impl FnMut(usize) -> Option<T::Native>,
) -> Result<ArrayRef> {
    try_primitive_of::<T>(call, |row| Ok(value(row)))
}

/// As [`primitive_of`], where a row can fail.
pub(crate) fn try_primitive_of<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    mut value: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut builder =
        PrimitiveBuilder::<T>::with_capacity(call.rows).with_data_type(call.returns.clone());
    for row in 0..call.rows {
        builder.append_option(value(row)?);
    }
    Ok(Arc::new(builder.finish()))
}

/// Booleans.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a kernel")]
pub(crate) fn booleans_of(
    rows: usize,
    mut value: impl FnMut(usize) -> Option<bool>,
) -> Result<ArrayRef> {
    let mut builder = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        builder.append_option(value(row));
    }
    Ok(Arc::new(builder.finish()))
}

/// As [`booleans_of`], where a row can fail.
pub(crate) fn try_booleans_of(
    rows: usize,
    mut value: impl FnMut(usize) -> Result<Option<bool>>,
) -> Result<ArrayRef> {
    let mut builder = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        builder.append_option(value(row)?);
    }
    Ok(Arc::new(builder.finish()))
}
