//! Where rows come from. A source says how far it got, and reads exactly the range it is asked for, as often as it
//! is asked.
//!
//! The contract, for every implementation:
//! 1. [`Source::plan`] is called between batches on the loop's thread. It fixes the end of the next batch.
//! 2. [`Source::read`] yields exactly the rows of the range: the same rows for the same range, today and after a
//!    restart. It yields *slices* that are still undecoded; they are decoded in parallel.
//! 3. [`Source::commit`] tells that everything before an offset will never be asked for again.
//!
//! Sources know nothing of state, of the write-ahead log or of the plan above them.

pub mod file;
pub mod filter;
pub mod kafka;
pub mod memory;
pub mod rate;
pub mod rate_micro_batch;
pub mod registry;

use crate::batch::Timestamp;
use crate::clock::StopSignal;
use crate::error::Result;
use crate::offset::{Offset, Range};
use crate::source::filter::RowFilter;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// A piece of a batch that one core decodes: some thousand rows.
pub struct Slice {
    /// About how many bytes it holds before decoding; the reader bounds what is in flight by it.
    pub bytes: usize,
    /// Turns it into the columns that were asked for.
    pub decode: Box<dyn FnOnce() -> Result<RecordBatch> + Send>,
}

impl Slice {
    /// A slice that is decoded already.
    pub fn ready(batch: RecordBatch) -> Slice {
        Slice {
            bytes: batch.get_array_memory_size(),
            decode: Box::new(move || Ok(batch)),
        }
    }
}

impl Debug for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slice")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The slices of a range, in order. Pulled on one thread, decoded on others.
pub type Slices = Box<dyn Iterator<Item = Result<Slice>> + Send>;

/// How much a batch may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadLimit {
    /// What the source's own options say (`maxOffsetsPerTrigger`, `maxFilesPerTrigger`, …).
    Configured,
    /// Everything there is: trigger `once`.
    All,
}

/// What a source answers when asked how far the next batch may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The range of the next batch; its start is the start that was asked about. Empty: nothing new, or held back
    /// by a limit such as `minOffsetsPerTrigger`.
    pub range: Range,
    /// Where the source ends as of now, for progress. `None` if the source cannot say.
    pub latest: Option<Offset>,
}

/// A stream of rows that can be read again.
pub trait Source: Send {
    /// What progress shows, such as `KafkaV2[Subscribe[clicks]]`.
    fn description(&self) -> String;

    /// The columns of a row.
    fn schema(&self) -> SchemaRef;

    /// Where a query without a checkpoint starts. Pinned by batch 0's plan record.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the outside does not answer, `Invalid` if the options name what is not there.
    fn initial_offset(&mut self) -> Result<Offset>;

    /// Fixes how far the next batch reads from `start`.
    ///
    /// # Errors
    ///
    /// `Unavailable`; `DataLoss` if rows from `start` on are gone and that is not allowed.
    fn plan(&mut self, start: &Offset, limit: ReadLimit, now: Timestamp) -> Result<Planned>;

    /// The rows of `range`, only the columns with these indices into [`Source::schema`], in this order. `columns` may be
    /// empty: then the record batches have rows but no columns.
    ///
    /// # Errors
    ///
    /// As [`Source::plan`]; also while the slices are pulled, or decoded (`Data`).
    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices>;

    /// As [`Source::read`], but rows that fail a test of `filter` may be left out, if they are counted there
    /// ([`RowFilter::note_left_out`]). The caller drops them in any case.
    ///
    /// # Errors
    ///
    /// As [`Source::read`].
    fn read_filtered(
        &mut self,
        range: &Range,
        columns: &[usize],
        filter: &Arc<RowFilter>,
    ) -> Result<Slices> {
        let _ = filter;
        self.read(range, columns)
    }

    /// Everything before `end` has been committed by the query.
    ///
    /// # Errors
    ///
    /// Those of cleaning up; they are logged, and never end a query.
    fn commit(&mut self, end: &Offset) -> Result<()> {
        let _ = end;
        Ok(())
    }

    /// Trigger `available-now`: from now on `plan` does not go past what is there at this moment.
    ///
    /// # Errors
    ///
    /// As [`Source::plan`].
    fn prepare_available_now(&mut self) -> Result<()>;

    /// A range that was planned in an earlier life of the query, told in order before the first `plan`. The file source
    /// learns from it which files it has seen.
    ///
    /// # Errors
    ///
    /// `Incompatible` if the range is not one of this source.
    fn recover(&mut self, range: &Range) -> Result<()> {
        let _ = range;
        Ok(())
    }

    /// What must survive besides the ranges still in the log, kept small; saved with each state snapshot.
    fn snapshot(&self) -> Option<Value> {
        None
    }

    /// Takes back what [`Source::snapshot`] gave; called before [`Source::recover`].
    ///
    /// # Errors
    ///
    /// `Corrupt` if it is not what `snapshot` gives.
    fn restore(&mut self, snapshot: Value) -> Result<()> {
        let _ = snapshot;
        Ok(())
    }

    /// Gives it the signal that a stop was asked for, before anything else is asked of it. A call that waits for the outside
    /// listens: once a stop was asked for and nothing comes, it gives up with `Stopped` within some seconds.
    fn listen_to(&mut self, stop: &StopSignal) {
        let _ = stop;
    }

    /// What progress shows of this source besides offsets, such as `maxOffsetsBehindLatest`.
    fn metrics(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// A source that is declared but not yet opened: what a plan holds.
pub trait SourceFactory: Send + Sync + Debug {
    /// What makes two uses in one query the same source, which is then read once: format and options, without secrets.
    fn identity(&self) -> String;

    /// What names the source in the checkpoint where the user has not (`IDENTIFIED BY`): what is read, and nothing of from where
    /// on, how fast or through which servers. So these may change from one run to the next, and the query goes on.
    fn checkpoint_name(&self) -> String {
        self.identity()
    }

    /// The columns of a row.
    fn schema(&self) -> SchemaRef;

    /// Opens it for one query.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Invalid`, saying what and where.
    fn open(&self) -> Result<Box<dyn Source>>;

    /// All rows there are now, for use as a static table; only these columns.
    ///
    /// # Errors
    ///
    /// As [`Source::read`]; `Invalid` if this source cannot be read as a table.
    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>>;
}
