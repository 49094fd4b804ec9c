//! What an expression gives: a column, or one constant for all rows.

use crate::error::Result;
use arrow::array::{Array, ArrayRef, Datum, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use std::sync::Arc;

/// A column or a constant.
#[derive(Debug, Clone)]
pub enum Value {
    /// A value per row.
    Array(ArrayRef),
    /// One value for all rows: an array of exactly one row.
    Scalar(ArrayRef),
}

impl Value {
    /// Whether it is a constant.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Value::Scalar(_))
    }

    /// The array behind it: all rows of a column, the one row of a constant.
    pub fn array(&self) -> &ArrayRef {
        match self {
            Value::Array(array) | Value::Scalar(array) => array,
        }
    }

    /// The type of its values.
    pub fn data_type(&self) -> &DataType {
        self.array().data_type()
    }

    /// Where in [`Value::array`] the value of this row is.
    pub fn index(&self, row: usize) -> usize {
        if self.is_scalar() { 0 } else { row }
    }

    /// Whether it is the constant null.
    pub fn is_null_constant(&self) -> bool {
        match self {
            Value::Array(_) => false,
            Value::Scalar(array) => array.logical_null_count() == array.len(),
        }
    }

    /// Another array in place of its own: a constant stays a constant.
    #[must_use]
    pub fn with_array(&self, array: ArrayRef) -> Value {
        match self {
            Value::Array(_) => Value::Array(array),
            Value::Scalar(_) => Value::Scalar(array),
        }
    }

    /// A column of `rows` rows; a constant is repeated.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Value::Array(array) => Ok(array),
            Value::Scalar(array) if rows == 1 => Ok(array),
            Value::Scalar(array) if array.logical_null_count() > 0 => {
                Ok(new_null_array(array.data_type(), rows))
            }
            Value::Scalar(array) => {
                let indices = UInt32Array::from_value(0, rows);
                Ok(take(&array, &indices, None)?)
            }
        }
    }

    /// As [`Value::into_array`], leaving this value as it is.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn to_array(&self, rows: usize) -> Result<ArrayRef> {
        match self {
            Value::Array(array) => Ok(Arc::clone(array)),
            Value::Scalar(_) => self.clone().into_array(rows),
        }
    }
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_scalar())
    }
}
