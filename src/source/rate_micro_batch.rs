//! `rate-micro-batch`: so many rows a batch, the same in every run. For tests and examples.
//!
//! An offset counts batches. Batch `n` has the values `n * rowsPerBatch ..` and the timestamp
//! `startTimestamp + n * advanceMillisPerBatch`; the clock plays no part. A trigger takes one batch.

use super::rate::{make_rows, positive, rate_schema, refuse_columns, rows_per_slice};
use crate::batch::Timestamp;
use crate::error::{Error, Result};
use crate::offset::{Offset, Range};
use crate::options::Options;
use crate::source::{Planned, ReadLimit, Slice, Slices, Source, SourceFactory};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;

/// The source `rate-micro-batch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateMicroBatchFactory {
    rows_per_batch: i64,
    start_ms: i64,
    advance_ms: i64,
    partitions: i64,
}

impl RateMicroBatchFactory {
    /// Spark's options `rowsPerBatch` (required), `startTimestamp` (default 0, milliseconds), `advanceMillisPerBatch` (default
    /// 1000) and `numPartitions` (default 1: into at least so many slices a batch is cut, as far as it has rows).
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such option or value, or columns were declared.
    pub fn new(
        schema: Option<&SchemaRef>,
        options: &BTreeMap<String, String>,
    ) -> Result<RateMicroBatchFactory> {
        refuse_columns("rate-micro-batch", schema)?;
        let mut options = Options::new("rate-micro-batch source", options.clone());
        let rows_per_batch = positive(&mut options, "rowsPerBatch", None)?;
        let start_ms = not_negative(&mut options, "startTimestamp", 0)?;
        let advance_ms = not_negative(&mut options, "advanceMillisPerBatch", 1_000)?;
        let partitions = positive(&mut options, "numPartitions", Some(1))?;
        options.finish()?;
        Ok(RateMicroBatchFactory {
            rows_per_batch,
            start_ms,
            advance_ms,
            partitions,
        })
    }

    /// The slices of one batch.
    fn batch(&self, number: u64, columns: &[usize]) -> Vec<Result<Slice>> {
        let size = rows_per_slice(self.rows_per_batch, self.partitions);
        let starts = (0..self.rows_per_batch).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        starts
            .map(|row| {
                let end = row.saturating_add(size).min(self.rows_per_batch);
                self.rows(number, row..end, columns).map(Slice::ready)
            })
            .collect()
    }

    /// Some rows of one batch.
    fn rows(
        &self,
        number: u64,
        rows: std::ops::Range<i64>,
        columns: &[usize],
    ) -> Result<RecordBatch> {
        let number = i128::from(number);
        let first = i64::try_from(number * i128::from(self.rows_per_batch));
        let time = i128::from(self.start_ms) + number * i128::from(self.advance_ms);
        let time = i64::try_from(time * 1_000);
        let (Ok(first), Ok(time)) = (first, time) else {
            return Err(Error::invalid(format!(
                "the rate-micro-batch source has run out of numbers. batch=`{number}`"
            )));
        };
        let values = first.saturating_add(rows.start)..first.saturating_add(rows.end);
        make_rows(values, |_| time, columns)
    }
}

fn not_negative(options: &mut Options, key: &str, default: i64) -> Result<i64> {
    let expected = "a whole number of milliseconds, 0 or more";
    match options.parse::<i64>(key, expected)? {
        Some(value) if value < 0 => Err(options.refuse(key, expected, value)),
        value => Ok(value.unwrap_or(default)),
    }
}

impl SourceFactory for RateMicroBatchFactory {
    fn identity(&self) -> String {
        format!(
            "rate-micro-batch[rowsPerBatch={}, startTimestamp={}, advanceMillisPerBatch={}]",
            self.rows_per_batch, self.start_ms, self.advance_ms
        )
    }

    fn schema(&self) -> SchemaRef {
        rate_schema()
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Ok(Box::new(RateMicroBatchSource {
            factory: self.clone(),
            available_now: None,
            last_planned: None,
        }))
    }

    fn read_static(&self, _columns: &[usize]) -> Result<Vec<RecordBatch>> {
        Err(Error::invalid(
            "the rate-micro-batch source has no end and can only be read as a stream: write STREAM before its name",
        ))
    }
}

struct RateMicroBatchSource {
    factory: RateMicroBatchFactory,
    /// How many batches an available-now run may still plan.
    available_now: Option<u64>,
    /// Where the last range began, so that asking again does not count twice.
    last_planned: Option<u64>,
}

impl Source for RateMicroBatchSource {
    fn description(&self) -> String {
        format!(
            "RateStreamMicroBatch[rowsPerBatch={}, startTimestamp={}, advanceMillisPerBatch={}]",
            self.factory.rows_per_batch, self.factory.start_ms, self.factory.advance_ms
        )
    }

    fn schema(&self) -> SchemaRef {
        rate_schema()
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        Ok(Offset::Position(0))
    }

    fn plan(&mut self, start: &Offset, _limit: ReadLimit, _now: Timestamp) -> Result<Planned> {
        let from = start.position()?;
        let is_new = self.last_planned != Some(from);
        let end = match &mut self.available_now {
            Some(0) if is_new => from,
            Some(left) => {
                *left -= u64::from(is_new);
                from + 1
            }
            None => from + 1,
        };
        self.last_planned = Some(from);
        let end = Offset::Position(end);
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: end.clone(),
                detail: None,
            },
            latest: Some(end),
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        let numbers = range.start.position()?..range.end.position()?;
        let (factory, columns) = (self.factory.clone(), columns.to_vec());
        Ok(Box::new(
            numbers.flat_map(move |number| factory.batch(number, &columns)),
        ))
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        self.available_now = Some(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

    fn open() -> Box<dyn Source> {
        let options = [("rowsPerBatch", "3"), ("startTimestamp", "5000")];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let factory = RateMicroBatchFactory::new(None, &BTreeMap::from(options)).unwrap();
        factory.open().unwrap()
    }

    fn plan(source: &mut dyn Source, start: u64) -> Range {
        let start = Offset::Position(start);
        let planned = source.plan(&start, ReadLimit::Configured, Timestamp(0));
        planned.unwrap().range
    }

    #[test]
    fn each_batch_has_its_values_and_its_time() {
        let mut source = open();
        let range = plan(source.as_mut(), 2);
        let mut slices = source.read(&range, &[0, 1]).unwrap();
        let slice = slices.next().unwrap().unwrap();
        let batch = (slice.decode)().unwrap();
        let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
        let values = batch.column(1).as_primitive::<Int64Type>();
        assert_eq!(&times.values()[..], [7_000_000; 3]);
        assert_eq!(&values.values()[..], [6, 7, 8]);
    }

    #[test]
    fn a_batch_is_cut_into_as_many_slices_as_were_asked_for() {
        let options = [("rowsPerBatch", "5"), ("numPartitions", "2")];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let factory = RateMicroBatchFactory::new(None, &BTreeMap::from(options)).unwrap();
        let mut source = factory.open().unwrap();
        let range = plan(source.as_mut(), 1);
        let slices = source.read(&range, &[1]).unwrap();
        let values = slices.map(|slice| {
            let batch = (slice.unwrap().decode)().unwrap();
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        });
        assert_eq!(values.collect::<Vec<_>>(), [vec![5, 6, 7], vec![8, 9]]);
    }

    #[test]
    fn available_now_is_one_batch() {
        let mut source = open();
        source.prepare_available_now().unwrap();
        assert!(!plan(source.as_mut(), 0).is_empty());
        assert!(!plan(source.as_mut(), 0).is_empty());
        assert!(plan(source.as_mut(), 1).is_empty());
    }

    #[test]
    fn the_number_of_rows_is_required() {
        let error = RateMicroBatchFactory::new(None, &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("rowsPerBatch"), "{error}");
    }
}
