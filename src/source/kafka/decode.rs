//! From messages to the columns that a query asked for.

use super::options::{KafkaSourceOptions, ValueFormat};
use super::range_reader::Decode;
use super::slice::{MessageColumn, MessageSlice};
use crate::error::{Error, Result};
use crate::format::ParseMode;
use crate::format::json::{JsonDecoder, JsonOptions};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::{Arc, Mutex, PoisonError};

/// A decoder of the columns with these indices into the source's schema.
///
/// # Errors
///
/// `Internal`, if there is no such column; `Invalid`, if JSON cannot be read into one.
pub(super) fn decoder(
    options: &KafkaSourceOptions,
    schema: &Schema,
    columns: &[usize],
) -> Result<Arc<dyn Decode>> {
    let schema = Arc::new(schema.project(columns)?);
    Ok(match &options.value_format {
        ValueFormat::Bytes => {
            let columns = columns
                .iter()
                .map(|index| MessageColumn::ALL.get(*index).copied())
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Error::internal("a Kafka column that is not there was asked for"))?;
            Arc::new(MessageDecoder { columns, schema })
        }
        // Rows that nobody looks into are counted, not parsed, as in Spark.
        ValueFormat::Json(json) if columns.is_empty() && json.mode == ParseMode::Permissive => {
            Arc::new(MessageDecoder {
                columns: vec![],
                schema,
            })
        }
        ValueFormat::Json(json) => Arc::new(ValueDecoder::new(schema, json)?),
    })
}

/// Spark's columns: what is collected is what is asked for.
struct MessageDecoder {
    columns: Vec<MessageColumn>,
    schema: SchemaRef,
}

impl Decode for MessageDecoder {
    fn collects(&self) -> &[MessageColumn] {
        &self.columns
    }

    fn decode(&self, slice: MessageSlice) -> Result<RecordBatch> {
        slice.decode(&self.columns, Arc::clone(&self.schema))
    }
}

/// The fields of JSON values. A null value (a tombstone) is a row of nulls.
struct ValueDecoder {
    schema: SchemaRef,
    options: JsonOptions,
    /// Decoders that no slice uses at the moment; one that was used knows the order of the keys already.
    idle: Mutex<Vec<JsonDecoder>>,
}

impl ValueDecoder {
    fn new(schema: SchemaRef, options: &JsonOptions) -> Result<ValueDecoder> {
        let first = JsonDecoder::new(&schema, options)?;
        Ok(ValueDecoder {
            schema,
            options: options.clone(),
            idle: Mutex::new(vec![first]),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<JsonDecoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decode for ValueDecoder {
    fn collects(&self) -> &[MessageColumn] {
        &[MessageColumn::Value]
    }

    fn decode(&self, slice: MessageSlice) -> Result<RecordBatch> {
        let idle = self.idle().pop();
        let mut decoder = match idle {
            Some(decoder) => decoder,
            None => JsonDecoder::new(&self.schema, &self.options)?,
        };
        for row in 0..slice.rows() {
            // After an error the decoder holds half a slice, and is not used again.
            decoder
                .push(slice.value(row))
                .map_err(|error| in_message(&error, &slice, row))?;
        }
        let rows = decoder.finish()?;
        self.idle().push(decoder);
        Ok(rows)
    }
}

/// The same error, which says in which message it was.
fn in_message(error: &Error, slice: &MessageSlice, row: usize) -> Error {
    let place = slice.place(row);
    let placed = Error::new(error.kind(), format!("{}. {place}", error.message()));
    match error.condition() {
        Some(condition) => placed.with_condition(condition),
        None => placed,
    }
}
