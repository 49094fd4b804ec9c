//! A sink that throws the rows away: to measure everything else.

use crate::batch::BatchId;
use crate::error::Result;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use arrow::datatypes::SchemaRef;

/// Takes rows in every mode and keeps none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopSink;

impl SinkFactory for NoopSink {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(NoopSink))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

impl Sink for NoopSink {
    fn description(&self) -> String {
        "NoopSink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn start(
        &mut self,
        _schema: &SchemaRef,
        _mode: OutputMode,
        _last_committed: Option<BatchId>,
    ) -> Result<()> {
        Ok(())
    }

    fn add_batch(&mut self, _batch: &SinkBatch<'_>) -> Result<()> {
        Ok(())
    }
}
