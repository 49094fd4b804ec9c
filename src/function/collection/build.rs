//! Reading lists row by row, and building lists of elements that are picked from columns.

use crate::error::{Error, Result};
use crate::expr::Value;
use crate::types::list_field;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use std::ops::Range;
use std::sync::Arc;

/// The lists (or maps) of an argument by row of the call.
#[derive(Debug)]
pub(super) struct Lists<'a> {
    offsets: &'a [i32],
    nulls: Option<&'a NullBuffer>,
    is_scalar: bool,
}

impl<'a> Lists<'a> {
    /// The lists of an argument that is an array.
    pub(super) fn new(value: &'a Value) -> Result<(Lists<'a>, &'a ListArray)> {
        let list = value
            .array()
            .as_list_opt::<i32>()
            .ok_or_else(|| Error::internal("an argument is not an array"))?;
        let lists = Lists {
            offsets: list.value_offsets(),
            nulls: list.nulls(),
            is_scalar: value.is_scalar(),
        };
        Ok((lists, list))
    }

    /// The entries of an argument that is a map.
    pub(super) fn of_maps(value: &'a Value) -> Result<(Lists<'a>, &'a MapArray)> {
        let map = value
            .array()
            .as_map_opt()
            .ok_or_else(|| Error::internal("an argument is not a map"))?;
        let lists = Lists {
            offsets: map.value_offsets(),
            nulls: map.nulls(),
            is_scalar: value.is_scalar(),
        };
        Ok((lists, map))
    }

    /// Where the elements of a row are; `None` if it is null.
    pub(super) fn range(&self, row: usize) -> Option<Range<usize>> {
        let row = if self.is_scalar { 0 } else { row };
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        Some(start..end)
    }
}

/// Builds lists, row by row, of elements picked from columns.
pub(super) struct ListBuilder {
    /// One null, then the columns that elements come from.
    columns: Vec<ArrayRef>,
    element: DataType,
    picks: Vec<(usize, usize)>,
    offsets: Vec<i32>,
    valid: Vec<bool>,
}

impl ListBuilder {
    /// A builder of `rows` lists from elements of these columns, which all have the type `element`.
    pub(super) fn new(element: &DataType, columns: &[&ArrayRef], rows: usize) -> ListBuilder {
        let mut all = vec![new_null_array(element, 1)];
        all.extend(columns.iter().map(|column| Arc::clone(column)));
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        ListBuilder {
            columns: all,
            element: element.clone(),
            picks: Vec::new(),
            offsets,
            valid: Vec::with_capacity(rows),
        }
    }

    /// Adds an element to the current list: a row of a column.
    pub(super) fn push(&mut self, column: usize, row: usize) {
        self.picks.push((column + 1, row));
    }

    /// Adds a null to the current list.
    pub(super) fn push_null(&mut self) {
        self.picks.push((0, 0));
    }

    /// Ends the current list.
    pub(super) fn finish_row(&mut self) -> Result<()> {
        self.end(true)
    }

    /// Ends the current list, which is null.
    pub(super) fn finish_null(&mut self) -> Result<()> {
        self.end(false)
    }

    fn end(&mut self, is_valid: bool) -> Result<()> {
        let end = i32::try_from(self.picks.len()).map_err(|_| {
            Error::data("the arrays of a batch have more than 2^31 elements: use smaller batches")
        })?;
        self.offsets.push(end);
        self.valid.push(is_valid);
        Ok(())
    }

    /// The elements that were picked.
    pub(super) fn elements(&self) -> Result<ArrayRef> {
        if self.element == DataType::Null {
            return Ok(new_null_array(&DataType::Null, self.picks.len()));
        }
        let columns: Vec<&dyn Array> = self.columns.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&columns, &self.picks)?)
    }

    /// Where each list begins and ends, and which are null.
    pub(super) fn shape(self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let nulls = self
            .valid
            .contains(&false)
            .then(|| NullBuffer::from(self.valid));
        (OffsetBuffer::new(ScalarBuffer::from(self.offsets)), nulls)
    }

    /// The lists.
    pub(super) fn finish(self) -> Result<ArrayRef> {
        let elements = self.elements()?;
        let field = list_field(self.element.clone());
        let (offsets, nulls) = self.shape();
        Ok(Arc::new(ListArray::try_new(
            field, offsets, elements, nulls,
        )?))
    }
}
