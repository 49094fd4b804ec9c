//! Columns of `VARIANT`: large binaries, each the metadata with the value right behind it.
//!
//! No other type of ours is a large binary, so that whoever does not know of `VARIANT` refuses it instead of misreading it. Metadata
//! says itself where it ends.

use super::encode::encode;
use super::{Node, VariantRef};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, LargeBinaryArray, LargeBinaryBuilder};
use std::sync::Arc;

/// Reads a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VariantColumn<'a>(&'a LargeBinaryArray);

impl<'a> VariantColumn<'a> {
    /// The column in an array of type `VARIANT`.
    ///
    /// # Errors
    ///
    /// `Internal`, if it is of another type.
    pub(crate) fn of(array: &'a dyn Array) -> Result<VariantColumn<'a>> {
        let binaries = array.as_binary_opt::<i64>();
        binaries
            .map(VariantColumn)
            .ok_or_else(|| Error::internal("a column that should be VARIANT is not"))
    }

    /// How many rows it has.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// The value of a row; `None` for null.
    ///
    /// # Errors
    ///
    /// `Data`: `MALFORMED_VARIANT`.
    pub(crate) fn get(self, row: usize) -> Result<Option<VariantRef<'a>>> {
        if self.0.is_null(row) {
            return Ok(None);
        }
        VariantRef::split(self.0.value(row)).map(Some)
    }

    /// The value of a row taken apart; `None` for null.
    ///
    /// # Errors
    ///
    /// `Data`: `MALFORMED_VARIANT`.
    pub(crate) fn node(self, row: usize) -> Result<Option<Node>> {
        self.get(row)?.map(|value| value.node()).transpose()
    }
}

/// Makes a column.
#[derive(Debug)]
pub(crate) struct VariantColumnBuilder(LargeBinaryBuilder);

impl VariantColumnBuilder {
    /// An empty one, with room for so many rows.
    pub(crate) fn with_capacity(rows: usize) -> VariantColumnBuilder {
        VariantColumnBuilder(LargeBinaryBuilder::with_capacity(rows, 0))
    }

    /// Appends a value; null for `None`.
    pub(crate) fn append(&mut self, node: Option<&Node>) {
        self.0.append_option(node.map(encode));
    }

    /// Appends a value as it stands in another column.
    pub(crate) fn append_ref(&mut self, value: VariantRef<'_>) {
        let mut bytes = value.metadata.to_vec();
        bytes.extend_from_slice(value.value);
        self.0.append_value(bytes);
    }

    /// The column.
    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}
