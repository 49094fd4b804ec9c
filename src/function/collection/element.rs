//! Elements as bytes that are equal exactly where the elements are.

use crate::error::Result;
use crate::function::comparison::normalized;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};

/// The elements of one column as bytes.
pub(super) struct Keys(Option<Rows>);

impl Keys {
    /// The keys of several columns of one type; equal elements have equal keys in all of them.
    pub(super) fn of(columns: &[&ArrayRef]) -> Result<Vec<Keys>> {
        let Some(first) = columns.first() else {
            return Ok(Vec::new());
        };
        if *first.data_type() == DataType::Null {
            return Ok(columns.iter().map(|_| Keys(None)).collect());
        }
        let converter = RowConverter::new(vec![SortField::new(first.data_type().clone())])?;
        columns
            .iter()
            .map(|column| {
                let rows = converter.convert_columns(&[normalized(column)?])?;
                Ok(Keys(Some(rows)))
            })
            .collect()
    }

    /// The key of an element. Null has a key too.
    pub(super) fn key(&self, row: usize) -> &[u8] {
        self.0.as_ref().map_or(&[], |rows| rows.row(row).data())
    }
}

/// Whether an element is null.
pub(super) fn is_null(column: &ArrayRef, row: usize) -> bool {
    *column.data_type() == DataType::Null || column.is_null(row)
}
