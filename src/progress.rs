//! What a query tells of itself after each batch: Spark's `StreamingQueryProgress`, with its names, its order and its formats.
//!
//! Rates have one decimal and are left out when there is no time to divide by; maps are sorted by key and left out when
//! empty; times are ISO 8601 in UTC with milliseconds.

use crate::batch::{BatchId, Timestamp};
use crate::error::{Error, Result};
use crate::incremental::EventTimeSeen;
use crate::offset::Offset;
use crate::operator::OperatorProgress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Progress of a query in one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamingQueryProgress {
    /// The query's id: the same in every run on one checkpoint.
    #[serde(with = "crate::uuid_text")]
    pub id: Uuid,
    /// This run's id.
    #[serde(with = "crate::uuid_text")]
    pub run_id: Uuid,
    /// The query's name, if it has one.
    pub name: Option<String>,
    /// When the trigger started.
    pub timestamp: String,
    /// Which batch.
    pub batch_id: BatchId,
    /// How long the trigger took, in milliseconds.
    pub batch_duration: u64,
    /// Rows read from all sources.
    pub num_input_rows: u64,
    /// Rows that came in per second since the trigger before. `None` for the first trigger of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_rows_per_second: Option<f64>,
    /// Rows processed per second of this trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_rows_per_second: Option<f64>,
    /// Milliseconds by step: `latestOffset`, `walCommit`, `getBatch`, `queryPlanning`, `addBatch`, `commitOffsets`,
    /// `triggerExecution` (all of it).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub duration_ms: BTreeMap<String, u64>,
    /// `min`, `avg` and `max` of event time in this batch, if it had any, and the `watermark` it ran with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub event_time: BTreeMap<String, String>,
    /// The stateful operators.
    pub state_operators: Vec<OperatorProgress>,
    /// The sources.
    pub sources: Vec<SourceProgress>,
    /// The sink.
    pub sink: SinkProgress,
}

/// Progress of a source in one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// What it is.
    pub description: String,
    /// The first row of the batch.
    pub start_offset: Option<Offset>,
    /// One past the last row of the batch.
    pub end_offset: Option<Offset>,
    /// Where the source ended when the batch was planned.
    pub latest_offset: Option<Offset>,
    /// Rows read.
    pub num_input_rows: u64,
    /// As [`StreamingQueryProgress::input_rows_per_second`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_rows_per_second: Option<f64>,
    /// As [`StreamingQueryProgress::processed_rows_per_second`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_rows_per_second: Option<f64>,
    /// What the source tells besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

/// Progress of the sink in one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    /// What it is.
    pub description: String,
    /// Rows given to it.
    pub num_output_rows: i64,
    /// What the sink tells besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

impl StreamingQueryProgress {
    /// One line of JSON.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|cause| Error::internal("progress does not serialize").with_source(cause))
    }

    /// JSON over several lines.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn to_pretty_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|cause| Error::internal("progress does not serialize").with_source(cause))
    }
}

/// Rows per second with one decimal; `None` if no time has passed.
pub(crate) fn rate(rows: u64, time: Duration) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate with one decimal has no more digits than a double"
    )]
    let rate = rows as f64 / time.as_secs_f64();
    rate.is_finite().then(|| (rate * 10.0).round() / 10.0)
}

/// `eventTime` of a batch that ran with `watermark`. Empty for a query without watermarks.
pub(crate) fn event_time(seen: &[EventTimeSeen], watermark: Timestamp) -> BTreeMap<String, String> {
    let mut event_time = BTreeMap::new();
    if seen.is_empty() {
        return event_time;
    }
    let mut put = |key: &str, time: Timestamp| event_time.insert(key.to_owned(), time.to_iso());
    put("watermark", watermark);
    let rows: u64 = seen.iter().map(|node| node.rows).sum();
    let latest = seen.iter().filter_map(|node| node.max_us).max();
    let earliest = seen.iter().filter_map(|node| node.min_us).min();
    if let (Some(latest), Some(earliest), true) = (latest, earliest, rows > 0) {
        let sum: i128 = seen.iter().map(|node| node.sum_us).sum();
        let average = sum.div_euclid(i128::from(rows)).div_euclid(1_000);
        put("max", Timestamp(latest.div_euclid(1_000)));
        put("min", Timestamp(earliest.div_euclid(1_000)));
        put("avg", Timestamp(i64::try_from(average).unwrap_or(i64::MAX)));
    }
    event_time
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> StreamingQueryProgress {
        let seen = EventTimeSeen {
            delay_ms: 0,
            max_us: Some(3_000_999),
            min_us: Some(1_000_000),
            sum_us: 4_000_999,
            rows: 2,
        };
        StreamingQueryProgress {
            id: Uuid::from_u128(1),
            run_id: Uuid::from_u128(2),
            name: None,
            timestamp: Timestamp(1_700_000_000_123).to_iso(),
            batch_id: BatchId(4),
            batch_duration: 30,
            num_input_rows: 2,
            input_rows_per_second: rate(2, Duration::from_secs(3)),
            processed_rows_per_second: rate(2, Duration::ZERO),
            duration_ms: [("addBatch".to_owned(), 20)].into(),
            event_time: event_time(&[seen], Timestamp(0)),
            state_operators: vec![],
            sources: vec![SourceProgress {
                description: "MemoryStream[a]".to_owned(),
                start_offset: Some(Offset::Position(1)),
                end_offset: Some(Offset::Position(2)),
                latest_offset: None,
                num_input_rows: 2,
                input_rows_per_second: None,
                processed_rows_per_second: None,
                metrics: BTreeMap::new(),
            }],
            sink: SinkProgress {
                description: "MemorySink".to_owned(),
                num_output_rows: 2,
                metrics: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn progress_has_the_names_the_order_and_the_formats_of_spark() {
        let expected = r#"{"id":"00000000-0000-0000-0000-000000000001","runId":"00000000-0000-0000-0000-000000000002","name":null,"timestamp":"2023-11-14T22:13:20.123Z","batchId":4,"batchDuration":30,"numInputRows":2,"inputRowsPerSecond":0.7,"durationMs":{"addBatch":20},"eventTime":{"avg":"1970-01-01T00:00:02.000Z","max":"1970-01-01T00:00:03.000Z","min":"1970-01-01T00:00:01.000Z","watermark":"1970-01-01T00:00:00.000Z"},"stateOperators":[],"sources":[{"description":"MemoryStream[a]","startOffset":1,"endOffset":2,"latestOffset":null,"numInputRows":2}],"sink":{"description":"MemorySink","numOutputRows":2}}"#;
        let json = progress().to_json().unwrap();
        assert_eq!(json, expected);
        let back: StreamingQueryProgress = serde_json::from_str(&json).unwrap();
        assert_eq!(back, progress());
    }
}
