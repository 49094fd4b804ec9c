//! A sink that keeps the rows, batch by batch: for tests and embedding.
//!
//! Rows are kept under their batch id, so a batch that comes again replaces itself: exactly once as long as the program
//! lives. A query that starts drops the batches it has not committed; they come again.

use crate::batch::BatchId;
use crate::error::Result;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps the rows of every batch. Clones share the rows.
#[derive(Clone, Default)]
pub struct MemorySink {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    schema: Option<SchemaRef>,
    mode: OutputMode,
    batches: BTreeMap<BatchId, Vec<RecordBatch>>,
}

impl MemorySink {
    /// A sink without rows.
    pub fn new() -> MemorySink {
        MemorySink::default()
    }

    /// Every batch that came, in order, with its rows as they came.
    pub fn batches(&self) -> Vec<(BatchId, Vec<RecordBatch>)> {
        let kept = self.lock();
        let pairs = kept.batches.iter();
        pairs.map(|(id, rows)| (*id, rows.clone())).collect()
    }

    /// The rows as a table: those of the last batch in complete mode, else those of all batches.
    pub fn rows(&self) -> Vec<RecordBatch> {
        let kept = self.lock();
        if kept.mode == OutputMode::Complete {
            return kept.batches.values().last().cloned().unwrap_or_default();
        }
        kept.batches.values().flatten().cloned().collect()
    }

    /// The columns, once a query has started.
    pub fn schema(&self) -> Option<SchemaRef> {
        self.lock().schema.clone()
    }

    /// Forgets all rows.
    pub fn clear(&self) {
        self.lock().batches.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink")
            .field("batches", &self.lock().batches.len())
            .finish_non_exhaustive()
    }
}

impl SinkFactory for MemorySink {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

impl Sink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn start(
        &mut self,
        schema: &SchemaRef,
        mode: OutputMode,
        last_committed: Option<BatchId>,
    ) -> Result<()> {
        let mut kept = self.lock();
        kept.batches
            .retain(|id, _| last_committed.is_some_and(|last| *id <= last));
        kept.schema = Some(Arc::clone(schema));
        kept.mode = mode;
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        self.lock().batches.insert(batch.id, batch.rows.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    fn rows(values: Vec<i64>) -> RecordBatch {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("a", values)]).unwrap()
    }

    fn add(sink: &mut dyn Sink, id: u64, rows: &[RecordBatch]) {
        let schema = rows[0].schema();
        let batch = SinkBatch {
            id: BatchId(id),
            schema: &schema,
            rows,
            mode: OutputMode::Append,
        };
        sink.add_batch(&batch).unwrap();
    }

    #[test]
    fn a_batch_that_comes_again_is_there_once() {
        let sink = MemorySink::new();
        let rows = [rows(vec![1, 2])];
        let mut opened = sink.open().unwrap();
        add(opened.as_mut(), 0, &rows);
        add(opened.as_mut(), 0, &rows);
        assert_eq!(sink.batches(), vec![(BatchId(0), rows.to_vec())]);
    }

    #[test]
    fn a_start_drops_what_was_not_committed() {
        let sink = MemorySink::new();
        let rows = [rows(vec![1])];
        let mut opened = sink.open().unwrap();
        add(opened.as_mut(), 0, &rows);
        add(opened.as_mut(), 1, &rows);
        opened
            .start(&rows[0].schema(), OutputMode::Append, Some(BatchId(0)))
            .unwrap();
        assert_eq!(sink.batches().len(), 1);
        opened
            .start(&rows[0].schema(), OutputMode::Append, None)
            .unwrap();
        assert!(sink.rows().is_empty());
    }
}
