//! What must come out of `queries/flights.sql`, computed in one go by polars.
//!
//! A batch runs with the watermark that the flights of all batches before it give: the latest event time less six hours. A row is
//! late, and counts nowhere, if its hour ended at or before the watermark that the batch *before its own* ran with. An hour comes
//! out in the first batch whose own watermark has reached its end, and not at all if none has.

use super::data::{Departure, read_parquet};
use super::home::LoggedBatch;
use polars::prelude::{
    DataFrame, DataType, IntoLazy, JoinArgs, JoinType, LazyFrame, SortMultipleOptions, col, df,
    len, lit,
};
use std::path::Path;
use tidemill::arrow_bridge::to_frame;
use tidemill::batch::{Timestamp, Watermarks};

/// The delay of the watermark: six hours, in milliseconds.
const DELAY_MS: i64 = 6 * 3_600_000;

/// A window, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// What must come out.
pub(super) struct Expected {
    /// The rows of all batches, sorted.
    pub(super) groups: DataFrame,
    /// How many rows each batch gives.
    pub(super) rows_by_batch: Vec<u64>,
    /// The watermarks of each batch.
    pub(super) watermarks: Vec<Watermarks>,
    /// How many flights were late.
    pub(super) late: usize,
}

impl Expected {
    pub(super) fn compute(
        departures: &[Departure],
        airlines: &Path,
        batches: &[LoggedBatch],
    ) -> Expected {
        let batch_of = batches_of(departures, batches);
        let watermarks = watermarks(departures, &batch_of, batches.len());
        let late_by: Vec<i64> = batch_of
            .iter()
            .map(|batch| watermarks[*batch].late.as_micros())
            .collect();
        let airlines = read_parquet(airlines);
        let airlines = to_frame(&airlines[0].schema(), &airlines).unwrap();
        let on_time = on_time(departures, &late_by);
        let late = departures.len() - on_time.clone().collect().unwrap().height();
        let last = watermarks.last().unwrap().eviction.as_micros();
        let groups = grouped(on_time, airlines)
            .filter((col("hour") + lit(HOUR)).lt_eq(lit(last)))
            .sort(["hour", "origin"], SortMultipleOptions::default())
            .collect()
            .unwrap();
        Expected {
            rows_by_batch: rows_by_batch(&groups, &watermarks),
            groups,
            watermarks,
            late,
        }
    }
}

/// The batch of each flight, by its partition and offset. The ranges of each partition follow each other without a gap, from its first
/// offset on, so that every flight is in exactly one.
fn batches_of(departures: &[Departure], batches: &[LoggedBatch]) -> Vec<usize> {
    let mut ends = vec![0; batches[0].range.len()];
    for batch in batches {
        for (end, range) in ends.iter_mut().zip(&batch.range) {
            assert_eq!(
                range.0, *end,
                "a batch begins where the one before it ended"
            );
            *end = range.1;
        }
    }
    let batch_of = |departure: &Departure| {
        let partition = usize::try_from(departure.partition).unwrap();
        assert!(
            departure.offset < ends[partition],
            "a flight is in no batch"
        );
        batches.partition_point(|batch| batch.range[partition].1 <= departure.offset)
    };
    departures.iter().map(batch_of).collect()
}

/// The watermarks that each batch has to run with.
fn watermarks(departures: &[Departure], batch_of: &[usize], batches: usize) -> Vec<Watermarks> {
    let mut latest = vec![None; batches];
    for (departure, batch) in departures.iter().zip(batch_of) {
        latest[*batch] = latest[*batch].max(Some(departure.scheduled / 1_000));
    }
    let mut found: Vec<Watermarks> = Vec::with_capacity(batches);
    let mut now = Timestamp(0);
    for latest in latest {
        let late = found.last().map_or(Timestamp(0), |before| before.eviction);
        found.push(Watermarks {
            late,
            eviction: now,
        });
        now = now.max(Timestamp(latest.map_or(0, |latest| latest - DELAY_MS)));
    }
    found
}

/// The flights that are not late.
fn on_time(departures: &[Departure], late_by: &[i64]) -> LazyFrame {
    let scheduled: Vec<i64> = departures.iter().map(|d| d.scheduled).collect();
    let delays: Vec<i64> = departures.iter().map(|d| d.delay).collect();
    let carriers: Vec<&str> = departures.iter().map(|d| d.carrier.as_str()).collect();
    let origins: Vec<&str> = departures.iter().map(|d| d.origin.as_str()).collect();
    let frame = df!(
        "scheduled" => scheduled,
        "dep_delay" => delays,
        "carrier" => carriers,
        "origin" => origins,
        "late_by" => late_by,
    );
    let hour = col("scheduled") - col("scheduled") % lit(HOUR);
    frame
        .unwrap()
        .lazy()
        .with_columns([hour.alias("hour")])
        .filter((col("hour") + lit(HOUR)).gt(col("late_by")))
}

/// The columns of the query.
fn grouped(departures: LazyFrame, airlines: DataFrame) -> LazyFrame {
    let carrier = [col("carrier")];
    let by_delay_and_name = [col("dep_delay"), col("name")];
    departures
        .join(
            airlines.lazy(),
            carrier.clone(),
            carrier,
            JoinArgs::new(JoinType::Inner),
        )
        .group_by([col("origin"), col("hour")])
        .agg([
            len().cast(DataType::Int64).alias("departures"),
            col("dep_delay").mean().alias("mean_delay"),
            col("dep_delay").max().alias("worst_delay"),
            col("name")
                .sort_by(by_delay_and_name, SortMultipleOptions::default())
                .last()
                .alias("latest_airline"),
        ])
}

/// How many groups each batch closes.
fn rows_by_batch(groups: &DataFrame, watermarks: &[Watermarks]) -> Vec<u64> {
    let mut rows = vec![0; watermarks.len()];
    for hour in groups.column("hour").unwrap().i64().unwrap().iter() {
        let end = hour.unwrap() + HOUR;
        let batch = watermarks.partition_point(|batch| batch.eviction.as_micros() < end);
        rows[batch] += 1;
    }
    rows
}

/// Compares two frames value by value, and shows the first row that differs.
pub(super) fn assert_same(expected: &DataFrame, actual: &DataFrame) {
    let names = expected.get_column_names();
    let actual = actual.select(names.iter().map(|name| name.as_str()));
    let actual = actual.expect("the files have all columns of the query");
    if expected.equals_missing(&actual) {
        return;
    }
    let row = |frame: &DataFrame, row: i64| frame.slice(row, 1).to_string();
    let rows = i64::try_from(expected.height().max(actual.height())).unwrap();
    for number in 0..rows {
        let (expected, actual) = (row(expected, number), row(&actual, number));
        assert_eq!(expected, actual, "row {number}, polars against the query");
    }
    panic!("polars against the query: {expected} {actual}");
}
