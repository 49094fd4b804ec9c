//! A source that a program fills by hand: for tests, for embedding, for examples.
//!
//! A [`MemoryStream`] is a list of record batches that everyone who holds a clone sees. An offset counts the **record
//! batches** before it, not the rows: a record batch is the unit that a trigger takes, so an empty one makes a batch run, as
//! an empty file does. With [`MemoryStream::with_batches_per_trigger`] set to 1, unit `i` is what trigger `i` reads.
//!
//! The rows live as long as the program holds the stream, so a query can be stopped and started again on the same
//! checkpoint. Nothing is dropped unless [`MemoryStream::discarding_committed`] asks for it.

use crate::batch::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::offset::{Offset, Range};
use crate::source::{Planned, ReadLimit, Slice, Slices, Source, SourceFactory};
use arrow::array::RecordBatchOptions;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers the streams that were given no name, so that two of them are two sources.
static NEXT_STREAM: AtomicU64 = AtomicU64::new(0);

/// Rows in memory that queries read as a stream. Clones share the rows.
#[derive(Clone)]
pub struct MemoryStream {
    name: String,
    schema: SchemaRef,
    batches_per_trigger: Option<NonZeroU64>,
    discards_committed: bool,
    units: Arc<Mutex<Units>>,
}

/// The record batches that are still held, and how many came before them.
#[derive(Default)]
struct Units {
    discarded: u64,
    batches: VecDeque<RecordBatch>,
}

impl Units {
    /// The position behind the last record batch.
    fn end(&self) -> u64 {
        self.discarded + self.batches.len() as u64
    }

    /// The record batches of a range.
    fn between(&self, start: u64, end: u64) -> Result<Vec<RecordBatch>> {
        if start < self.discarded || end > self.end() {
            return Err(Error::new(
                ErrorKind::DataLoss,
                format!(
                    "the memory stream no longer holds these batches; it lives only as long as the program. start=`{start}`, end=`{end}`, held_from=`{}`, held_to=`{}`",
                    self.discarded,
                    self.end()
                ),
            ));
        }
        let skip = usize::try_from(start - self.discarded).unwrap_or(usize::MAX);
        let take = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(self.batches.iter().skip(skip).take(take).cloned().collect())
    }
}

impl MemoryStream {
    /// An empty stream of rows with these columns.
    pub fn new(schema: SchemaRef) -> MemoryStream {
        let number = NEXT_STREAM.fetch_add(1, Ordering::Relaxed);
        MemoryStream {
            name: format!("memory-{number}"),
            schema,
            batches_per_trigger: None,
            discards_committed: false,
            units: Arc::default(),
        }
    }

    /// Names it: the name is its identity in the checkpoint. Default: `memory-` and a number that counts up.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> MemoryStream {
        self.name = name.into();
        self
    }

    /// Lets a trigger take at most so many of the added record batches. Default: all there are.
    #[must_use]
    pub fn with_batches_per_trigger(mut self, batches: NonZeroU64) -> MemoryStream {
        self.batches_per_trigger = Some(batches);
        self
    }

    /// Frees record batches as soon as a query has committed them: for long runs with one query. A query that
    /// starts later begins with what is still held. Default: everything is kept.
    #[must_use]
    pub fn discarding_committed(mut self) -> MemoryStream {
        self.discards_committed = true;
        self
    }

    /// The columns of a row.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds a record batch, empty or not, and gives the position behind it.
    ///
    /// # Errors
    ///
    /// `Invalid`, if its columns are not those of the stream.
    pub fn add_batch(&self, batch: RecordBatch) -> Result<u64> {
        let expected = self.schema.fields().iter().map(|field| field.data_type());
        let schema = batch.schema();
        let given = schema.fields().iter().map(|field| field.data_type());
        if !expected.eq(given) {
            return Err(Error::invalid(format!(
                "the record batch does not have the columns of the memory stream. stream=`{}`, expected=`{}`, given=`{schema}`",
                self.name, self.schema
            )));
        }
        let batch = batch
            .with_schema(Arc::clone(&self.schema))
            .map_err(|cause| {
                Error::invalid(format!(
                    "the record batch does not fit the memory stream. stream=`{}`",
                    self.name
                ))
                .with_source(cause)
            })?;
        let mut units = self.lock();
        units.batches.push_back(batch);
        Ok(units.end())
    }

    /// Adds a record batch without rows: a trigger that reads it runs a batch.
    pub fn add_empty(&self) {
        let empty = RecordBatch::new_empty(Arc::clone(&self.schema));
        self.lock().batches.push_back(empty);
    }

    /// The position behind the last record batch that was added.
    pub fn end(&self) -> u64 {
        self.lock().end()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Units> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("name", &self.name)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}

impl SourceFactory for MemoryStream {
    fn identity(&self) -> String {
        format!("memory[{}]", self.name)
    }

    fn schema(&self) -> SchemaRef {
        MemoryStream::schema(self)
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Ok(Box::new(MemorySource {
            stream: self.clone(),
            available_now: None,
        }))
    }

    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let units = self.lock();
        let all = units.between(units.discarded, units.end())?;
        all.iter().map(|batch| project(batch, columns)).collect()
    }
}

/// A query's reader of a [`MemoryStream`].
struct MemorySource {
    stream: MemoryStream,
    /// Where an available-now run ends.
    available_now: Option<u64>,
}

impl Source for MemorySource {
    fn description(&self) -> String {
        format!("MemoryStream[{}]", self.stream.name)
    }

    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        Ok(Offset::Position(self.stream.lock().discarded))
    }

    fn plan(&mut self, start: &Offset, limit: ReadLimit, _now: Timestamp) -> Result<Planned> {
        let latest = self.stream.end();
        let first = start.position()?;
        let available = self.available_now.unwrap_or(latest).max(first);
        let end = match (limit, self.stream.batches_per_trigger) {
            (ReadLimit::Configured, Some(most)) => available.min(first.saturating_add(most.get())),
            (ReadLimit::Configured, None) | (ReadLimit::All, _) => available,
        };
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: Offset::Position(end),
                detail: None,
            },
            latest: Some(Offset::Position(latest)),
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        let (start, end) = (range.start.position()?, range.end.position()?);
        let batches = self.stream.lock().between(start, end)?;
        let columns = columns.to_vec();
        Ok(Box::new(batches.into_iter().map(move |batch| {
            project(&batch, &columns).map(Slice::ready)
        })))
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        if self.stream.discards_committed {
            let end = end.position()?;
            let mut units = self.stream.lock();
            while units.discarded < end && units.batches.pop_front().is_some() {
                units.discarded += 1;
            }
        }
        Ok(())
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        self.available_now = Some(self.stream.end());
        Ok(())
    }
}

/// The columns with these indices; with none of them the number of rows stays.
fn project(batch: &RecordBatch, columns: &[usize]) -> Result<RecordBatch> {
    if columns.is_empty() {
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        return Ok(RecordBatch::try_new_with_options(schema, vec![], &options)?);
    }
    Ok(batch.project(columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    fn stream() -> MemoryStream {
        MemoryStream::new(rows(vec![]).schema()).with_batches_per_trigger(NonZeroU64::MIN)
    }

    fn rows(values: Vec<i64>) -> RecordBatch {
        let twice: Int64Array = values.iter().map(|value| value * 2).collect();
        let once: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("a", once), ("b", Arc::new(twice))]).unwrap()
    }

    fn plan(source: &mut dyn Source, start: u64) -> Range {
        let start = Offset::Position(start);
        source
            .plan(&start, ReadLimit::Configured, Timestamp(0))
            .unwrap()
            .range
    }

    #[test]
    fn each_added_batch_is_one_trigger_and_an_empty_one_too() {
        let stream = stream();
        stream.add_batch(rows(vec![1, 2])).unwrap();
        stream.add_empty();
        let mut source = stream.open().unwrap();
        let first = plan(source.as_mut(), 0);
        assert_eq!(first.end, Offset::Position(1));
        let second = plan(source.as_mut(), 1);
        assert!(!second.is_empty());
        assert!(plan(source.as_mut(), 2).is_empty());
        let slice = source.read(&first, &[1]).unwrap().next().unwrap().unwrap();
        let batch = (slice.decode)().unwrap();
        assert_eq!(batch, rows(vec![1, 2]).project(&[1]).unwrap());
    }

    #[test]
    fn no_column_asked_for_keeps_the_number_of_rows() {
        let stream = stream();
        stream.add_batch(rows(vec![1, 2, 3])).unwrap();
        let mut source = stream.open().unwrap();
        let range = plan(source.as_mut(), 0);
        let slice = source.read(&range, &[]).unwrap().next().unwrap().unwrap();
        assert_eq!((slice.decode)().unwrap().num_rows(), 3);
    }

    #[test]
    fn available_now_stops_at_what_was_there_when_it_began() {
        let stream = stream();
        stream.add_batch(rows(vec![1])).unwrap();
        let mut source = stream.open().unwrap();
        source.prepare_available_now().unwrap();
        stream.add_batch(rows(vec![2])).unwrap();
        assert!(plan(source.as_mut(), 1).is_empty());
    }

    #[test]
    fn committed_batches_are_freed_only_on_request() {
        let stream = stream().discarding_committed();
        stream.add_batch(rows(vec![1])).unwrap();
        stream.add_batch(rows(vec![2])).unwrap();
        let mut source = stream.open().unwrap();
        let range = plan(source.as_mut(), 0);
        source.commit(&range.end).unwrap();
        let error = source.read(&range, &[0]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        let next = plan(source.as_mut(), 1);
        assert_eq!(source.read(&next, &[0]).unwrap().count(), 1);
    }

    #[test]
    fn a_batch_of_other_columns_is_refused() {
        let other = rows(vec![1]).project(&[0]).unwrap();
        let error = stream().add_batch(other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}
