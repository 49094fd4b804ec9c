//! Where rows go. A sink takes the rows of one batch at a time and is idempotent in the batch id.
//!
//! The contract, for every implementation:
//! 1. [`Sink::add_batch`] is called after the batch's plan record is durable, with all rows of the batch.
//! 2. It may be called again with the same id, after a crash or an error: then the rows must be there once. A sink that
//!    cannot promise that says so in its [`Sink::guarantee`].
//! 3. When it returns, the rows are as durable as the sink makes them. Only then is the batch committed.

pub mod console;
pub mod file;
pub mod foreach_batch;
pub mod kafka;
pub mod memory;
pub mod noop;
pub mod registry;

use crate::batch::BatchId;
use crate::clock::StopSignal;
use crate::error::Result;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which rows of the result a batch hands to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputMode {
    /// Rows that are final and will never change.
    #[default]
    Append,
    /// Rows that changed in this batch.
    Update,
    /// All rows of the result, each time.
    Complete,
}

impl fmt::Display for OutputMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OutputMode::Append => "append",
            OutputMode::Update => "update",
            OutputMode::Complete => "complete",
        })
    }
}

impl FromStr for OutputMode {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<OutputMode> {
        match text.to_ascii_lowercase().as_str() {
            "append" => Ok(OutputMode::Append),
            "update" => Ok(OutputMode::Update),
            "complete" => Ok(OutputMode::Complete),
            _ => Err(crate::error::Error::invalid(format!(
                "unknown output mode, use append, update or complete. mode=`{text}`"
            ))
            .with_condition("STREAMING_OUTPUT_MODE.INVALID")),
        }
    }
}

/// What a sink promises when batches are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// A batch that is added twice is there once.
    ExactlyOnce,
    /// A batch that is added twice may be there twice.
    AtLeastOnce,
}

/// The rows of one batch.
#[derive(Debug, Clone)]
pub struct SinkBatch<'a> {
    /// Its id.
    pub id: BatchId,
    /// The columns of every record batch in `rows`.
    pub schema: &'a SchemaRef,
    /// The rows; may be empty, and single record batches may be.
    pub rows: &'a [RecordBatch],
    /// What the rows are.
    pub mode: OutputMode,
}

impl SinkBatch<'_> {
    /// How many rows there are.
    pub fn num_rows(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }
}

/// A place that rows go to.
pub trait Sink: Send {
    /// What progress shows, such as `FileSink[out/counts]`.
    fn description(&self) -> String;

    /// What is promised when a batch comes again.
    fn guarantee(&self) -> Guarantee;

    /// Which query hands over the rows: an id that is the same in every run on one checkpoint. Called once, before
    /// [`Sink::start`]. A sink that keeps something outside can tell by it that this belongs to another query.
    fn identify(&mut self, query: &str) {
        let _ = query;
    }

    /// Gives it the signal that a stop was asked for, before [`Sink::start`]. A call that waits for the outside listens: once a
    /// stop was asked for and nothing comes, it gives up with `Stopped` within some seconds.
    fn listen_to(&mut self, stop: &StopSignal) {
        let _ = stop;
    }

    /// Looks once, before the first batch, whether rows of these columns in this mode can be taken; creates what must exist.
    /// `last_committed` is the last batch the query has committed, `None` for a new query.
    ///
    /// # Errors
    ///
    /// `Invalid` with what to change; `Unavailable`; `Conflict`, if the sink holds rows of another query.
    fn start(
        &mut self,
        schema: &SchemaRef,
        mode: OutputMode,
        last_committed: Option<BatchId>,
    ) -> Result<()>;

    /// Takes the rows of one batch.
    ///
    /// # Errors
    ///
    /// `Unavailable` if it is worth trying again; the same batch then comes again.
    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()>;

    /// The query ends in an orderly way.
    ///
    /// # Errors
    ///
    /// Those of letting go of what the sink holds.
    fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A sink that is declared but not yet opened: what a query is started with.
pub trait SinkFactory: Send + Sync + fmt::Debug {
    /// Opens it for one query.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Invalid`, saying what and where.
    fn open(&self) -> Result<Box<dyn Sink>>;

    /// Whether the sink may take a temporary checkpoint when none is given (console, memory, noop, foreach).
    fn allows_temporary_checkpoint(&self) -> bool {
        false
    }
}
