//! `rate`: so many rows a second, made up as the clock goes on. For trying things out and for load tests.
//!
//! An offset counts the seconds since the query first started. That moment is fixed by the first range that is planned, and
//! carried by every range (and by the snapshot), so that a row has the same timestamp and value whenever it is read. As
//! in Spark the rows of a batch lie evenly between its seconds, and during `rampUpTime` the rate grows with each second.

use crate::batch::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::offset::{Offset, Range};
use crate::options::Options;
use crate::source::{Planned, ReadLimit, Slice, Slices, Source, SourceFactory};
use crate::types::timestamp;
use arrow::array::{ArrayRef, Int64Array, RecordBatchOptions, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one slice.
const ROWS_PER_SLICE: i64 = 8_192;

/// The columns of both rate sources.
pub(super) fn rate_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("timestamp", timestamp(), true),
        Field::new("value", DataType::Int64, true),
    ]))
}

/// Refuses columns that the user declared.
pub(super) fn refuse_columns(format: &str, schema: Option<&SchemaRef>) -> Result<()> {
    if schema.is_none_or(|schema| schema.fields() == rate_schema().fields()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the {format} source has the columns timestamp TIMESTAMP, value BIGINT; leave the column list out"
    )))
}

/// The source `rate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSourceFactory {
    rows_per_second: i64,
    ramp_up_seconds: i64,
    partitions: i64,
}

impl RateSourceFactory {
    /// Spark's options `rowsPerSecond` (default 1), `rampUpTime` (default 0 seconds) and `numPartitions` (default 1: into at least so
    /// many slices a batch is cut, as far as it has rows, for so many cores to work on).
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such option or value, or columns were declared.
    pub fn new(
        schema: Option<&SchemaRef>,
        options: &BTreeMap<String, String>,
    ) -> Result<RateSourceFactory> {
        refuse_columns("rate", schema)?;
        let mut options = Options::new("rate source", options.clone());
        let rows_per_second = positive(&mut options, "rowsPerSecond", Some(1))?;
        let ramp_up = options.duration("rampUpTime")?.unwrap_or_default();
        let partitions = positive(&mut options, "numPartitions", Some(1))?;
        options.finish()?;
        Ok(RateSourceFactory {
            rows_per_second,
            ramp_up_seconds: i64::try_from(ramp_up.as_secs()).unwrap_or(i64::MAX),
            partitions,
        })
    }

    /// How many rows come before second `seconds`.
    fn rows_before(&self, seconds: i64) -> Result<i64> {
        // Spark's ramp: second `s` has `s` times this many rows.
        let growth = (self.rows_per_second / self.ramp_up_seconds.saturating_add(1)).max(1);
        let ramp = seconds.min(self.ramp_up_seconds);
        let triangle = i128::from(ramp) * (i128::from(ramp) + 1) / 2 * i128::from(growth);
        let level = i128::from(seconds - ramp) * i128::from(self.rows_per_second);
        let rows = i64::try_from(triangle + level);
        rows.map_err(|_| {
            Error::invalid(format!(
                "the rate source has run out of numbers, lower the rate. seconds=`{seconds}`, rowsPerSecond=`{}`",
                self.rows_per_second
            ))
        })
    }
}

/// How many rows a slice has if so many are cut into at least so many slices.
pub(super) fn rows_per_slice(rows: i64, partitions: i64) -> i64 {
    let whole = rows / partitions;
    let ceiling = whole + i64::from(rows % partitions > 0);
    ceiling.clamp(1, ROWS_PER_SLICE)
}

/// A whole number above 0.
pub(super) fn positive(options: &mut Options, key: &str, default: Option<i64>) -> Result<i64> {
    let expected = "a whole number above 0";
    match (options.parse::<i64>(key, expected)?, default) {
        (Some(value), _) if value > 0 => Ok(value),
        (Some(value), _) => Err(options.refuse(key, expected, value)),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(options.refuse(key, expected, "")),
    }
}

impl SourceFactory for RateSourceFactory {
    fn identity(&self) -> String {
        format!(
            "rate[rowsPerSecond={}, rampUpTime={}s]",
            self.rows_per_second, self.ramp_up_seconds
        )
    }

    fn schema(&self) -> SchemaRef {
        rate_schema()
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Ok(Box::new(RateSource {
            factory: self.clone(),
            start: None,
            available_now: AvailableNow::No,
        }))
    }

    fn read_static(&self, _columns: &[usize]) -> Result<Vec<RecordBatch>> {
        Err(Error::invalid(
            "the rate source has no end and can only be read as a stream: write STREAM before its name",
        ))
    }
}

/// What ranges and snapshots remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    start_ms: i64,
}

/// Whether, and where, an available-now run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AvailableNow {
    No,
    /// Asked for; the first plan after it fixes the end.
    Asked,
    Ends(u64),
}

struct RateSource {
    factory: RateSourceFactory,
    /// When the query first started.
    start: Option<Pinned>,
    available_now: AvailableNow,
}

impl Source for RateSource {
    fn description(&self) -> String {
        format!(
            "RateStreamV2[rowsPerSecond={}, rampUpTimeSeconds={}]",
            self.factory.rows_per_second, self.factory.ramp_up_seconds
        )
    }

    fn schema(&self) -> SchemaRef {
        rate_schema()
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        Ok(Offset::Position(0))
    }

    fn plan(&mut self, start: &Offset, _limit: ReadLimit, now: Timestamp) -> Result<Planned> {
        let from = start.position()?;
        let pinned = *self.start.get_or_insert(Pinned { start_ms: now.0 });
        let passed = now.0.saturating_sub(pinned.start_ms) / 1_000;
        // A clock that was set back makes no rows, and takes none away.
        let latest = u64::try_from(passed).unwrap_or(0).max(from);
        let end = match self.available_now {
            AvailableNow::No => latest,
            AvailableNow::Asked => {
                self.available_now = AvailableNow::Ends(latest);
                latest
            }
            AvailableNow::Ends(end) => end.max(from),
        };
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: Offset::Position(end),
                detail: Some(detail_of(pinned)?),
            },
            latest: Some(Offset::Position(latest)),
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        let pinned = pinned_of(range)?;
        let seconds = |offset: &Offset| -> Result<i64> {
            Ok(i64::try_from(offset.position()?).unwrap_or(i64::MAX))
        };
        let (from, to) = (seconds(&range.start)?, seconds(&range.end)?);
        let first = self.factory.rows_before(from)?;
        let rows = self.factory.rows_before(to)? - first;
        let span_ms = (to - from) * 1_000;
        let start_us = (pinned.start_ms + from * 1_000) * 1_000;
        let columns = columns.to_vec();
        let size = rows_per_slice(rows, self.factory.partitions);
        let starts = (0..rows).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(Box::new(starts.map(move |row| {
            let columns = columns.clone();
            let count = (rows - row).min(size);
            Ok(Slice {
                bytes: usize::try_from(count).unwrap_or(0) * 16,
                decode: Box::new(move || {
                    // Spread evenly over the seconds of the batch, rounded to whole milliseconds.
                    let time = |row: i64| {
                        let (span, rows) = (i128::from(span_ms), i128::from(rows));
                        let ms = (2 * span * i128::from(row) + rows) / (2 * rows);
                        start_us + i64::try_from(ms).unwrap_or(0) * 1_000
                    };
                    make_rows(
                        first + row..first + row + count,
                        |value| time(value - first),
                        &columns,
                    )
                }),
            })
        })))
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        self.available_now = AvailableNow::Asked;
        Ok(())
    }

    fn recover(&mut self, range: &Range) -> Result<()> {
        self.start = Some(pinned_of(range)?);
        Ok(())
    }

    fn snapshot(&self) -> Option<Value> {
        self.start.and_then(|pinned| detail_of(pinned).ok())
    }

    fn restore(&mut self, snapshot: Value) -> Result<()> {
        let pinned = serde_json::from_value(snapshot).map_err(|cause| {
            Error::new(
                ErrorKind::Corrupt,
                "the snapshot of the rate source does not name its start",
            )
            .with_source(cause)
        })?;
        self.start = Some(pinned);
        Ok(())
    }
}

fn detail_of(pinned: Pinned) -> Result<Value> {
    serde_json::to_value(pinned)
        .map_err(|cause| Error::internal("a start cannot be written").with_source(cause))
}

fn pinned_of(range: &Range) -> Result<Pinned> {
    let detail = range.detail.clone().unwrap_or_default();
    serde_json::from_value(detail).map_err(|cause| {
        Error::new(
            ErrorKind::Incompatible,
            "the range is not one of a rate source: it does not say when the query first started",
        )
        .with_source(cause)
    })
}

/// The rows of these values, each at the microsecond `time` says.
pub(super) fn make_rows(
    values: std::ops::Range<i64>,
    time: impl Fn(i64) -> i64,
    columns: &[usize],
) -> Result<RecordBatch> {
    let rows = usize::try_from(values.end - values.start).unwrap_or(0);
    let schema = rate_schema();
    let times = TimestampMicrosecondArray::from_iter_values(values.clone().map(time));
    let times: ArrayRef = Arc::new(times.with_data_type(timestamp()));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    let all = [times, values];
    let wanted = columns
        .iter()
        .filter_map(|column| all.get(*column).cloned());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(schema.project(columns)?),
        wanted.collect(),
        &options,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

    fn open(options: &[(&str, &str)]) -> Box<dyn Source> {
        let options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let factory = RateSourceFactory::new(None, &options.collect()).unwrap();
        factory.open().unwrap()
    }

    fn plan(source: &mut dyn Source, start: u64, now: i64) -> Range {
        let start = Offset::Position(start);
        let planned = source.plan(&start, ReadLimit::Configured, Timestamp(now));
        planned.unwrap().range
    }

    fn rows(source: &mut dyn Source, range: &Range) -> Vec<(i64, i64)> {
        let slices = source.read(range, &[0, 1]).unwrap();
        let batches = slices.map(|slice| (slice.unwrap().decode)().unwrap());
        let mut rows = Vec::new();
        for batch in batches {
            let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let values = batch.column(1).as_primitive::<Int64Type>();
            rows.extend(
                times
                    .values()
                    .iter()
                    .copied()
                    .zip(values.values().iter().copied()),
            );
        }
        rows
    }

    #[test]
    fn rows_come_with_the_seconds_and_lie_evenly_between_them() {
        let mut source = open(&[("rowsPerSecond", "2")]);
        assert!(plan(source.as_mut(), 0, 5_500).is_empty());
        let range = plan(source.as_mut(), 0, 7_600);
        assert_eq!(range.end, Offset::Position(2));
        let expected = [
            (5_500_000, 0),
            (6_000_000, 1),
            (6_500_000, 2),
            (7_000_000, 3),
        ];
        assert_eq!(rows(source.as_mut(), &range), expected);
    }

    #[test]
    fn a_later_life_goes_on_from_the_same_start() {
        let mut source = open(&[]);
        let first = plan(source.as_mut(), 0, 1_000);
        let snapshot = source.snapshot().unwrap();
        for recovered in [true, false] {
            let mut later = open(&[]);
            if recovered {
                later.recover(&first).unwrap();
            } else {
                later.restore(snapshot.clone()).unwrap();
            }
            let range = plan(later.as_mut(), 0, 3_000);
            assert_eq!(
                rows(later.as_mut(), &range),
                [(1_000_000, 0), (2_000_000, 1)]
            );
        }
    }

    #[test]
    fn many_rows_are_cut_into_slices_that_leave_none_out() {
        let mut source = open(&[("rowsPerSecond", "20000")]);
        plan(source.as_mut(), 0, 0);
        let range = plan(source.as_mut(), 0, 1_000);
        let rows = rows(source.as_mut(), &range);
        assert_eq!(rows.len(), 20_000);
        assert!((0..).zip(&rows).all(|(at, row)| row.1 == at));
        assert!(rows.iter().all(|row| (0..=1_000_000).contains(&row.0)));
    }

    #[test]
    fn a_batch_is_cut_into_as_many_slices_as_were_asked_for() {
        let mut source = open(&[("rowsPerSecond", "10"), ("numPartitions", "4")]);
        plan(source.as_mut(), 0, 0);
        let range = plan(source.as_mut(), 0, 1_000);
        let slices = source.read(&range, &[1]).unwrap();
        let sizes = slices.map(|slice| (slice.unwrap().decode)().unwrap().num_rows());
        assert_eq!(sizes.collect::<Vec<_>>(), [3, 3, 3, 1]);
        assert_eq!(rows(source.as_mut(), &range).len(), 10);
    }

    #[test]
    fn the_rate_grows_during_the_ramp_up() {
        let options = [("rowsPerSecond", "100"), ("rampUpTime", "4s")];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let factory = RateSourceFactory::new(None, &BTreeMap::from(options)).unwrap();
        let before: Vec<i64> = (0..7).map(|s| factory.rows_before(s).unwrap()).collect();
        assert_eq!(before, [0, 20, 60, 120, 200, 300, 400]);
    }

    #[test]
    fn available_now_ends_where_the_first_plan_ends() {
        let mut source = open(&[]);
        plan(source.as_mut(), 0, 0);
        source.prepare_available_now().unwrap();
        assert_eq!(plan(source.as_mut(), 0, 3_000).end, Offset::Position(3));
        assert!(plan(source.as_mut(), 3, 9_000).is_empty());
    }

    #[test]
    fn a_column_list_and_a_rate_of_nothing_are_refused() {
        let other = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        assert!(RateSourceFactory::new(Some(&other), &BTreeMap::new()).is_err());
        let zero = BTreeMap::from([("rowsPerSecond".to_owned(), "0".to_owned())]);
        assert!(RateSourceFactory::new(None, &zero).is_err());
    }
}
