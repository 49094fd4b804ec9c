//! `format("memory")`: what a query has written, as a table of the session under the query's name.
//!
//! The rows live as long as the program. A query that goes on from a checkpoint would show only what came since, so that is refused unless
//! each batch brings the whole result (complete mode), as in Spark.

use crate::batch::BatchId;
use crate::error::{Error, Result};
use crate::sink::memory::MemorySink;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use crate::source::{Source, SourceFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// The sink of such a table.
#[derive(Debug)]
pub(super) struct MemoryTableSink {
    sink: MemorySink,
    /// Whether the query has started: when it is opened again after an error, the rows are still there.
    has_started: Arc<AtomicBool>,
}

impl MemoryTableSink {
    /// A sink of a query that is new in this program.
    pub(super) fn new(sink: MemorySink) -> MemoryTableSink {
        MemoryTableSink {
            sink,
            has_started: Arc::default(),
        }
    }
}

impl SinkFactory for MemoryTableSink {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(OpenMemoryTable {
            sink: self.sink.open()?,
            has_started: Arc::clone(&self.has_started),
        }))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

/// The memory sink, but for how it starts.
struct OpenMemoryTable {
    sink: Box<dyn Sink>,
    has_started: Arc<AtomicBool>,
}

impl Sink for OpenMemoryTable {
    fn description(&self) -> String {
        self.sink.description()
    }

    fn guarantee(&self) -> Guarantee {
        self.sink.guarantee()
    }

    fn start(
        &mut self,
        schema: &SchemaRef,
        mode: OutputMode,
        last_committed: Option<BatchId>,
    ) -> Result<()> {
        let is_first = !self.has_started.swap(true, Ordering::Relaxed);
        if is_first && last_committed.is_some() && mode != OutputMode::Complete {
            return Err(Error::invalid(format!(
                "this query does not support recovering from checkpoint location: the rows of a memory table are gone; remove the checkpoint, or use complete mode. mode=`{mode}`"
            )));
        }
        self.sink.start(schema, mode, last_committed)
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        self.sink.add_batch(batch)
    }

    fn stop(&mut self) -> Result<()> {
        self.sink.stop()
    }
}
