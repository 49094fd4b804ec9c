//! Rows as JSON: the whole row is the value, and the columns of the key are the key as well.
//!
//! The key is written with all its fields, null or not: equal keys must be equal bytes, for partitioning and for compaction.

use crate::error::{Error, Result};
use crate::format::json::{JsonWriteOptions, JsonWriter};
use arrow::array::{ArrayRef, BinaryArray, StructArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// How rows become JSON.
#[derive(Debug, Clone)]
pub(super) struct JsonRows {
    pub(super) options: JsonWriteOptions,
    /// The columns of the key, as the user named them; none: there is no key.
    pub(super) key_columns: Vec<String>,
}

impl JsonRows {
    /// The columns of what [`JsonRows::encode`] gives, after a look at whether these rows can be encoded.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a column of the key is not there, or a type cannot be written as JSON.
    pub(super) fn schema(&self, rows: &SchemaRef) -> Result<SchemaRef> {
        Ok(self
            .encode(&RecordBatch::new_empty(Arc::clone(rows)))?
            .schema())
    }

    /// The rows as columns `value` and, if there is one, `key`.
    ///
    /// # Errors
    ///
    /// As [`JsonRows::schema`]; `Data`, if the rows of one record batch become more than 2 GB.
    pub(super) fn encode(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = vec![("value", objects(rows, &self.options)?)];
        if !self.key_columns.is_empty() {
            let options = JsonWriteOptions {
                ignore_null_fields: false,
                ..self.options.clone()
            };
            let key = rows.project(&self.key_indices(&rows.schema())?)?;
            columns.push(("key", objects(&key, &options)?));
        }
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
            .into_iter()
            .map(|(name, array)| (Field::new(name, DataType::Binary, true), array))
            .unzip();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    fn key_indices(&self, schema: &Schema) -> Result<Vec<usize>> {
        self.key_columns
            .iter()
            .map(|name| {
                schema
                    .fields()
                    .iter()
                    .position(|field| field.name().eq_ignore_ascii_case(name))
                    .ok_or_else(|| {
                        Error::invalid(format!(
                            "a column of the key is not among the rows. key.columns=`{name}`"
                        ))
                    })
            })
            .collect()
    }
}

/// One object a row.
fn objects(rows: &RecordBatch, options: &JsonWriteOptions) -> Result<ArrayRef> {
    let structs = StructArray::try_new_with_length(
        rows.schema().fields().clone(),
        rows.columns().to_vec(),
        None,
        rows.num_rows(),
    )?;
    let writer = JsonWriter::of_struct(&structs, options)?;
    let mut text = Vec::new();
    let mut offsets = Vec::with_capacity(rows.num_rows() + 1);
    offsets.push(0);
    for row in 0..rows.num_rows() {
        writer.write(row, &mut text);
        offsets.push(i32::try_from(text.len()).map_err(|_| {
            Error::data("the rows of one record batch become more than 2 GB of JSON")
        })?);
    }
    Ok(Arc::new(BinaryArray::try_new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from_vec(text),
        None,
    )?))
}
