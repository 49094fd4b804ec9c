//! The flights as a stream: in the order in which they left, as JSON, spread over the partitions of a topic.
//!
//! Rows go to the partitions in runs, as a producer sends them that fills a packet for one partition before it turns to the next.
//! So the partitions are some hours apart, and the stream is out of order by more than the delays of the flights alone.

use super::PARTITIONS;
use crate::shared::shared;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use chrono::DateTime;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How many rows in a row go to one partition.
const RUN: usize = 500;

/// A flight that left, and its place in the topic.
pub(super) struct Departure {
    /// When it should have left, in microseconds since 1970: the event time.
    pub(super) scheduled: i64,
    /// By how many minutes it left later than that.
    pub(super) delay: i64,
    pub(super) carrier: String,
    pub(super) origin: String,
    flight: i64,
    tail_number: Option<String>,
    destination: String,
    distance: i64,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Departure {
    /// The message.
    pub(super) fn to_json(&self) -> String {
        let scheduled = DateTime::from_timestamp_micros(self.scheduled).unwrap();
        serde_json::json!({
            "scheduled": scheduled.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "dep_delay": self.delay,
            "carrier": self.carrier,
            "flight": self.flight,
            "tailnum": self.tail_number,
            "origin": self.origin,
            "dest": self.destination,
            "distance": self.distance,
        })
        .to_string()
    }

    /// When it left.
    fn left(&self) -> i64 {
        self.scheduled + self.delay * 60_000_000
    }
}

/// Where the data are.
pub(super) fn directory() -> PathBuf {
    shared().join("data")
}

/// Why there are no flights, if there are none.
pub(super) fn missing() -> Option<String> {
    let file = directory().join("flights.parquet");
    let how = "TIDEMILL_SHARED names the folder that holds data/";
    (!file.exists()).then(|| format!("{} is not there: {how}", file.display()))
}

/// All flights of the file that left, in the order in which they did, each with its place in the topic.
pub(super) fn departures(file: &Path) -> Vec<Departure> {
    let batches = read_parquet(file);
    let mut departures: Vec<Departure> = batches.iter().flat_map(departures_of).collect();
    departures.sort_by_key(Departure::left);
    let mut next = [0; PARTITIONS];
    for (number, departure) in departures.iter_mut().enumerate() {
        let partition = number / RUN % PARTITIONS;
        departure.partition = i32::try_from(partition).unwrap();
        departure.offset = next[partition];
        next[partition] += 1;
    }
    departures
}

/// The rows of a Parquet file.
pub(super) fn read_parquet(file: &Path) -> Vec<RecordBatch> {
    let file = File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches = reader.build().unwrap();
    batches.map(|batch| batch.unwrap()).collect()
}

/// The flights of a batch that left: they have a delay.
fn departures_of(batch: &RecordBatch) -> Vec<Departure> {
    let text = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
        column.as_string::<i32>().clone()
    };
    let number = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        column.as_primitive::<Int64Type>().clone()
    };
    let (carriers, origins, destinations) = (text("carrier"), text("origin"), text("dest"));
    let (hours, tail_numbers) = (text("time_hour"), text("tailnum"));
    let (minutes, delays) = (number("minute"), number("dep_delay"));
    let (flights, distances) = (number("flight"), number("distance"));
    let departure = |row: usize| {
        let hour = DateTime::parse_from_rfc3339(hours.value(row)).unwrap();
        let tail_number = tail_numbers.iter().nth(row).flatten();
        Departure {
            scheduled: hour.timestamp_micros() + minutes.value(row) * 60_000_000,
            delay: delays.value(row),
            carrier: carriers.value(row).to_owned(),
            origin: origins.value(row).to_owned(),
            flight: flights.value(row),
            tail_number: tail_number.map(str::to_owned),
            destination: destinations.value(row).to_owned(),
            distance: distances.value(row),
            partition: 0,
            offset: 0,
        }
    };
    let left = delays.iter().enumerate();
    left.filter(|(_, delay)| delay.is_some())
        .map(|(row, _)| departure(row))
        .collect()
}
