//! What one micro-batch is: its id, its time, its watermarks, and the context that every operator runs with.

mod row_hash;

pub(crate) use row_hash::row_hashes;

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a batch of one query, from 0, without gaps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BatchId(pub u64);

impl BatchId {
    /// The batch after this one.
    #[must_use]
    pub fn next(self) -> BatchId {
        BatchId(self.0 + 1)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Watermarks and batch times have this unit, as Spark's have.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The same moment in microseconds, the unit of timestamp columns. Saturates.
    pub fn as_micros(self) -> i64 {
        self.0.saturating_mul(1_000)
    }

    /// ISO 8601 in UTC with milliseconds, as Spark's progress writes it.
    pub fn to_iso(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0).map_or_else(
            || format!("{} ms", self.0),
            |time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        )
    }
}

/// The two watermarks an operator runs with. Rows are late by the first, state is due by the second, both by `<=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watermarks {
    /// The watermark of the batch before: rows at or before it are late. 0 as long as there is none.
    pub late: Timestamp,
    /// The watermark of this batch: state at or before it is emitted and evicted. 0 as long as there is none.
    pub eviction: Timestamp,
}

/// Everything that decides the answer of a batch besides its rows and the state before it. It is logged with the
/// batch, so that a replay gives the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchContext {
    /// Which batch.
    pub id: BatchId,
    /// What `now()` answers.
    pub time: Timestamp,
    /// The session's time zone, an IANA name or an offset such as `+02:00`. Default `UTC`.
    pub time_zone: String,
    /// The global watermarks.
    pub watermarks: Watermarks,
    /// Which of its rows are being computed. Not logged: a replay comes by the same parts.
    pub part: Part,
}

/// Which rows of a batch are being computed: what functions of chance draw their numbers by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// This slice of what the sources gave; a replay cuts the same slices, with their rows in the same order.
    Slice(u64),
    /// Rows that an operator gave, in an order that a replay need not repeat.
    Unordered,
}

impl BatchContext {
    /// The same batch, for these of its rows.
    #[must_use]
    pub fn of_part(&self, part: Part) -> BatchContext {
        BatchContext {
            part,
            ..self.clone()
        }
    }

    /// A context for work outside a streaming query: batch 0, no watermark.
    pub fn one_shot(time: Timestamp, time_zone: impl Into<String>) -> BatchContext {
        BatchContext {
            id: BatchId(0),
            time,
            time_zone: time_zone.into(),
            watermarks: Watermarks::default(),
            part: Part::Slice(0),
        }
    }
}
