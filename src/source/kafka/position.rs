//! Which partitions are read, and from where: what the options say, before a broker is asked.

use crate::error::{Error, Result};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An offset, or a timestamp, for each partition of each topic.
pub(super) type ByPartition = BTreeMap<String, BTreeMap<i32, i64>>;

/// Partitions of topics.
pub(super) type Partitions = BTreeMap<String, BTreeSet<i32>>;

/// All pairs of topic and partition, in order, with their value.
pub(super) fn pairs(map: &ByPartition) -> impl Iterator<Item = (&str, i32, i64)> {
    map.iter().flat_map(|(topic, partitions)| {
        partitions
            .iter()
            .map(|(partition, value)| (topic.as_str(), *partition, *value))
    })
}

/// The value of one partition.
pub(super) fn value_of(map: &ByPartition, topic: &str, partition: i32) -> Option<i64> {
    map.get(topic)?.get(&partition).copied()
}

/// The partitions that have a value.
pub(super) fn partitions_of(map: &ByPartition) -> Partitions {
    map.iter()
        .map(|(topic, partitions)| (topic.clone(), partitions.keys().copied().collect()))
        .collect()
}

/// Partitions for messages: `clicks-0, clicks-1`.
pub(super) fn list(partitions: &Partitions) -> String {
    let names: Vec<String> = partitions
        .iter()
        .flat_map(|(topic, numbers)| {
            numbers
                .iter()
                .map(move |number| format!("{topic}-{number}"))
        })
        .collect();
    names.join(", ")
}

/// What is read.
#[derive(Debug, Clone)]
pub(super) enum Subscription {
    /// `assign`: these partitions.
    Assign(Partitions),
    /// `subscribe`: all partitions of these topics.
    Topics(BTreeSet<String>),
    /// `subscribePattern`: all partitions of all topics whose whole name matches.
    Pattern(Regex, String),
}

impl Subscription {
    /// Reads the value of one of the three options.
    ///
    /// # Errors
    ///
    /// `Invalid`, if it names nothing.
    pub(super) fn parse(key: &str, value: &str) -> Result<Subscription> {
        match key {
            "assign" => parse_assign(value),
            "subscribe" => {
                let topics: BTreeSet<String> = value
                    .split(',')
                    .map(str::trim)
                    .filter(|topic| !topic.is_empty())
                    .map(str::to_owned)
                    .collect();
                if topics.is_empty() {
                    return Err(Error::invalid(format!(
                        "there are no topics to subscribe to. subscribe=`{value}`"
                    )));
                }
                Ok(Subscription::Topics(topics))
            }
            _ => parse_pattern(value.trim()),
        }
    }
}

fn parse_assign(value: &str) -> Result<Subscription> {
    let partitions: Partitions = serde_json::from_str(value).map_err(|cause| {
        Error::invalid(format!(
            "expected partitions by topic such as {{\"clicks\":[0,1]}}. assign=`{value}`"
        ))
        .with_source(cause)
    })?;
    if partitions.values().all(BTreeSet::is_empty) {
        return Err(Error::invalid(format!(
            "there are no partitions to assign. assign=`{value}`"
        )));
    }
    Ok(Subscription::Assign(partitions))
}

fn parse_pattern(value: &str) -> Result<Subscription> {
    if value.is_empty() {
        return Err(Error::invalid(
            "the pattern to subscribe to is empty. option=`subscribePattern`",
        ));
    }
    let regex = Regex::new(&format!("^(?:{value})$")).map_err(|cause| {
        Error::invalid(format!(
            "the pattern cannot be used; look-around and back-references are not supported. subscribePattern=`{value}`"
        ))
        .with_source(cause)
    })?;
    Ok(Subscription::Pattern(regex, value.to_owned()))
}

impl fmt::Display for Subscription {
    /// As Spark's progress writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subscription::Assign(partitions) => write!(f, "Assign[{}]", list(partitions)),
            Subscription::Topics(topics) => {
                let names: Vec<&str> = topics.iter().map(String::as_str).collect();
                write!(f, "Subscribe[{}]", names.join(", "))
            }
            Subscription::Pattern(_, pattern) => write!(f, "SubscribePattern[{pattern}]"),
        }
    }
}

/// Where reading starts, or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// At the first message that is still there.
    Earliest,
    /// Behind the last message.
    Latest,
    /// At these offsets; -2 is earliest, -1 latest.
    Offsets(ByPartition),
    /// At the first message of each partition that is not older.
    Timestamp(i64),
    /// The same, with a timestamp for each partition.
    Timestamps(ByPartition),
}

/// -2 in offsets.
pub(super) const EARLIEST: i64 = -2;

/// -1 in offsets.
pub(super) const LATEST: i64 = -1;

impl Position {
    /// `latest`, or a partition that is to start there.
    pub(super) fn names_latest(&self) -> Option<String> {
        self.names(&Position::Latest, LATEST)
    }

    /// `earliest`, or a partition that is to end there.
    pub(super) fn names_earliest(&self) -> Option<String> {
        self.names(&Position::Earliest, EARLIEST)
    }

    fn names(&self, position: &Position, offset: i64) -> Option<String> {
        match self {
            Position::Offsets(offsets) => pairs(offsets)
                .find(|(_, _, at)| *at == offset)
                .map(|(topic, partition, at)| format!("{topic}-{partition}: {at}")),
            other => (other == position).then(|| other.to_string()),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Earliest => f.write_str("earliest"),
            Position::Latest => f.write_str("latest"),
            Position::Offsets(offsets) => write!(f, "at {}", json(offsets)),
            Position::Timestamp(millis) => write!(f, "at timestamp {millis}"),
            Position::Timestamps(millis) => write!(f, "at timestamps {}", json(millis)),
        }
    }
}

/// In JSON, as the options have it.
pub(super) fn json(map: &ByPartition) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

/// What happens if no message is as young as the timestamp: `startingOffsetsByTimestampStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoMatch {
    /// An error.
    Error,
    /// Start at the end.
    Latest,
}
