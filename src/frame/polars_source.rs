//! A polars lazy frame as a static relation: collected when a query starts, once.

use crate::arrow_bridge::{from_frame, from_polars_type};
use crate::error::{Error, Result};
use crate::source::{Source, SourceFactory};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use polars::prelude::{LazyFrame, col};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the frames, so that two of them are two relations.
static NEXT_FRAME: AtomicU64 = AtomicU64::new(0);

/// A lazy frame and the columns it will have.
#[derive(Clone)]
pub(super) struct PolarsSource {
    frame: LazyFrame,
    schema: SchemaRef,
    number: u64,
}

impl PolarsSource {
    /// Finds out the columns of a lazy frame without collecting it.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the frame is wrong or has a column of a type that plans do not have.
    pub(super) fn new(mut frame: LazyFrame) -> Result<PolarsSource> {
        let columns = frame
            .collect_schema()
            .map_err(|cause| Error::invalid("the polars frame has an error").with_source(cause))?;
        let fields = columns
            .iter()
            .map(|(name, data_type)| {
                Ok(Field::new(
                    name.as_str(),
                    from_polars_type(data_type)?,
                    true,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(PolarsSource {
            frame,
            schema: Arc::new(Schema::new(fields)),
            number: NEXT_FRAME.fetch_add(1, Ordering::Relaxed),
        })
    }
}

impl fmt::Debug for PolarsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolarsSource")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl SourceFactory for PolarsSource {
    fn identity(&self) -> String {
        format!("polars frame {}", self.number)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Err(Error::invalid(
            "a polars frame is a table and cannot be read as a stream",
        ))
    }

    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let fields = columns
            .iter()
            .filter_map(|index| self.schema.fields().get(*index));
        let wanted: Vec<_> = fields.map(|field| col(field.name().as_str())).collect();
        // Without columns the rows still count.
        let frame = if wanted.is_empty() {
            self.frame.clone()
        } else {
            self.frame.clone().select(wanted)
        };
        let collected = frame.collect().map_err(|cause| {
            Error::data("the polars frame cannot be collected").with_source(cause)
        })?;
        let batches = from_frame(&collected)?;
        if columns.is_empty() {
            return batches
                .iter()
                .map(|batch| Ok(batch.project(&[])?))
                .collect();
        }
        Ok(batches)
    }
}
