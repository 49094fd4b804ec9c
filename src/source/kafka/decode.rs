//! From messages to the columns that a query asked for.

use super::range_reader::Decode;
use super::slice::{MessageColumn, MessageSlice};
use crate::error::{Error, Result};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Spark's columns: what is collected is what is asked for.
pub(super) struct MessageDecoder {
    columns: Vec<MessageColumn>,
    schema: SchemaRef,
}

impl MessageDecoder {
    /// Decodes the columns with these indices into Spark's schema.
    ///
    /// # Errors
    ///
    /// `Internal`, if there is no such column.
    pub(super) fn new(schema: &Schema, columns: &[usize]) -> Result<MessageDecoder> {
        let schema = Arc::new(schema.project(columns)?);
        let columns = columns
            .iter()
            .map(|index| MessageColumn::ALL.get(*index).copied())
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::internal("a Kafka column that does not exist was asked for"))?;
        Ok(MessageDecoder { columns, schema })
    }
}

impl Decode for MessageDecoder {
    fn collects(&self) -> &[MessageColumn] {
        &self.columns
    }

    fn decode(&self, slice: MessageSlice) -> Result<RecordBatch> {
        slice.decode(&self.columns, Arc::clone(&self.schema))
    }
}
