//! Where a source stands. An offset names the **next** row to read; a range is half-open.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The position of one source. In JSON it is what Spark writes for the same source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "serde_json::Value")]
pub enum Offset {
    /// Number of units (files, rows, generated rows, seconds: the source says which) that lie before this position.
    Position(u64),
    /// Kafka: topic, partition, offset of the next message.
    Kafka(BTreeMap<String, BTreeMap<i32, i64>>),
}

/// By hand, because serde's untagged enums do not see numbers of arbitrary precision as numbers.
impl TryFrom<serde_json::Value> for Offset {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Offset, String> {
        match value.as_u64() {
            Some(position) => Ok(Offset::Position(position)),
            None => serde_json::from_value(value)
                .map(Offset::Kafka)
                .map_err(|cause| cause.to_string()),
        }
    }
}

impl Offset {
    /// The position of a source that counts.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if this is an offset of another kind of source.
    pub fn position(&self) -> Result<u64> {
        match self {
            Offset::Position(position) => Ok(*position),
            Offset::Kafka(_) => Err(Error::new(
                ErrorKind::Incompatible,
                "the checkpoint holds Kafka offsets for a source that is not Kafka",
            )),
        }
    }

    /// The offsets of each partition of each topic.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if this is an offset of another kind of source.
    pub fn kafka(&self) -> Result<&BTreeMap<String, BTreeMap<i32, i64>>> {
        match self {
            Offset::Kafka(topics) => Ok(topics),
            Offset::Position(_) => Err(Error::new(
                ErrorKind::Incompatible,
                "the checkpoint holds no Kafka offsets for a Kafka source",
            )),
        }
    }
}

/// What one batch reads from one source: from `start` inclusive to `end` exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First row. `None` only for sources whose first offset is not known yet.
    pub start: Offset,
    /// One past the last row.
    pub end: Offset,
    /// What the source must remember of this range besides its ends (the file source: its files). Part of the plan
    /// record, so that a replay reads the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

impl Range {
    /// Whether there is nothing between the ends.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_every_kind_are_read_back() {
        let kafka = Offset::Kafka([("t".to_owned(), [(0, 5), (1, -2)].into())].into());
        for offset in [Offset::Position(7), Offset::Position(u64::MAX), kafka] {
            let range = Range {
                start: offset.clone(),
                end: offset,
                detail: Some(serde_json::json!({"files": [1, 2.5]})),
            };
            let text = serde_json::to_string(&range).unwrap();
            assert_eq!(
                serde_json::from_str::<Range>(&text).unwrap(),
                range,
                "{text}"
            );
        }
    }
}
