//! A sink that hands each batch to a closure of the program.
//!
//! The same batch id may come again after a crash, with the same rows: a closure that remembers the last id it has
//! taken, in the same transaction as the rows, is exactly once.

use crate::batch::BatchId;
use crate::error::Result;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use arrow::datatypes::SchemaRef;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Taker = dyn FnMut(&SinkBatch<'_>) -> Result<()> + Send;

/// Calls a closure with every batch.
#[derive(Clone)]
pub struct ForeachBatch {
    taker: Arc<Mutex<Taker>>,
}

impl ForeachBatch {
    /// A sink that calls `taker` with every batch, on the loop's thread, in order. An error with kind `Unavailable` makes
    /// the batch come again; any other ends the query.
    pub fn new(taker: impl FnMut(&SinkBatch<'_>) -> Result<()> + Send + 'static) -> ForeachBatch {
        ForeachBatch {
            taker: Arc::new(Mutex::new(taker)),
        }
    }
}

impl fmt::Debug for ForeachBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeachBatch").finish_non_exhaustive()
    }
}

impl SinkFactory for ForeachBatch {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

impl Sink for ForeachBatch {
    fn description(&self) -> String {
        "ForeachBatchSink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn start(
        &mut self,
        _schema: &SchemaRef,
        _mode: OutputMode,
        _last_committed: Option<BatchId>,
    ) -> Result<()> {
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        let mut taker = self.taker.lock().unwrap_or_else(PoisonError::into_inner);
        taker(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use arrow::record_batch::RecordBatch;

    fn rows(values: Vec<i64>) -> RecordBatch {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("a", values)]).unwrap()
    }

    #[test]
    fn the_closure_sees_the_id_and_the_rows() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let sink = ForeachBatch::new(move |batch| {
            into.lock().unwrap().push((batch.id, batch.num_rows()));
            Ok(())
        });
        let rows = [rows(vec![1, 2])];
        let batch = SinkBatch {
            id: BatchId(7),
            schema: &rows[0].schema(),
            rows: &rows,
            mode: OutputMode::Update,
        };
        sink.open().unwrap().add_batch(&batch).unwrap();
        assert_eq!(*seen.lock().unwrap(), [(BatchId(7), 2)]);
    }
}
