//! `format("memory")`: what a query has written, as a table of the session under the query's name.

use crate::error::{Error, Result};
use crate::sink::memory::MemorySink;
use crate::source::{Source, SourceFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

/// The rows of a memory sink as a static relation: those that are there when it is read.
#[derive(Debug, Clone)]
pub(super) struct MemoryTable {
    name: String,
    schema: SchemaRef,
    sink: MemorySink,
}

impl MemoryTable {
    /// The table of a query whose rows have these columns.
    pub(super) fn new(name: &str, schema: SchemaRef, sink: MemorySink) -> MemoryTable {
        MemoryTable {
            name: name.to_owned(),
            schema,
            sink,
        }
    }
}

impl SourceFactory for MemoryTable {
    fn identity(&self) -> String {
        format!("memory table {}", self.name)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Err(Error::invalid(format!(
            "the table of a memory sink cannot be read as a stream. table=`{}`",
            self.name
        )))
    }

    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let rows = self.sink.rows();
        rows.iter()
            .map(|batch| Ok(batch.project(columns)?))
            .collect()
    }
}
