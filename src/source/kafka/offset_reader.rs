//! Asks the cluster: which partitions are there, and where they begin and end.
//!
//! It has a connection of its own. On the connection that fetches, an idle fetch waits at the broker (up to half a second),
//! and whatever is asked behind it waits with it.
//!
//! The end of a partition is its last stable offset under `read_committed`, its high watermark under `read_uncommitted`:
//! librdkafka asks with the isolation level of the client.

use super::options::KafkaSourceOptions;
use super::position::{
    ByPartition, EARLIEST, LATEST, NoMatch, Partitions, Position, Subscription, json, list, pairs,
    partitions_of, value_of,
};
use super::topic_ids::{has_controller, topic_ids};
use crate::clock::{Clock, StopSignal, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::kafka::client::{self, ClientEvents};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataPartition, MetadataTopic};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

/// One attempt of a request; short enough that a refusal is told early.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Topics that the brokers keep for themselves; a pattern does not match them.
const INTERNAL_TOPICS: &[&str] = &[
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
];

/// Where all partitions begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// The first offset that is still there.
    pub(super) earliest: ByPartition,
    /// One past the last that can be read.
    pub(super) latest: ByPartition,
}

/// Asks the cluster.
pub(super) struct OffsetReader {
    consumer: BaseConsumer<ClientEvents>,
    events: ClientEvents,
    servers: String,
    retries: u32,
    retry_interval: Duration,
    clock: SystemClock,
    /// The query's; until it is given, nobody stops this.
    stop: OnceLock<StopSignal>,
    /// Whether there is a controller among the brokers; known from the first metadata on.
    has_controller: OnceLock<bool>,
}

impl OffsetReader {
    /// Makes the client; it connects with the first question.
    ///
    /// # Errors
    ///
    /// `Invalid`, if librdkafka does not take the settings.
    pub(super) fn open(options: &KafkaSourceOptions) -> Result<OffsetReader> {
        let mut settings = options.settings.clone();
        settings.set("allow.auto.create.topics", "false");
        settings.set_default("isolation.level", "read_committed");
        let events = ClientEvents::default();
        let consumer = settings
            .client_config()
            .create_with_context(events.clone())
            .map_err(|error| client::creation_error("kafka source", &error))?;
        Ok(OffsetReader {
            consumer,
            events,
            servers: options.settings.bootstrap_servers().to_owned(),
            retries: options.offset_retries,
            retry_interval: options.offset_retry_interval,
            clock: SystemClock::new(),
            stop: OnceLock::new(),
            has_controller: OnceLock::new(),
        })
    }

    /// From now on, gives up soon after a stop was asked for. Only the first signal counts.
    pub(super) fn listen_to(&self, stop: &StopSignal) {
        self.stop.get_or_init(|| stop.clone());
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    ///
    /// `Stopped`, if a stop was asked for.
    fn wait(&self, doing: &str, duration: Duration) -> Result<()> {
        let is_stopped = match self.stop.get() {
            Some(stop) => stop.wait(duration),
            None => StopSignal::default().wait(duration),
        };
        if is_stopped {
            return Err(client::stopped(doing, &self.servers));
        }
        Ok(())
    }

    /// The partitions that are there of what is subscribed to. A topic that is missing is asked for again
    /// `fetchOffset.numRetries` times, as a broker that just started may not know it yet; then it is not in the answer.
    ///
    /// # Errors
    ///
    /// `Unavailable`, if no broker answers; `Invalid`, if they refuse us.
    pub(super) fn partitions(&self, subscription: &Subscription) -> Result<Partitions> {
        match subscription {
            Subscription::Topics(topics) => self.partitions_of_topics(topics),
            Subscription::Assign(assigned) => {
                let topics = assigned.keys().cloned().collect();
                let mut found = self.partitions_of_topics(&topics)?;
                for (topic, partitions) in &mut found {
                    let wanted = assigned.get(topic);
                    partitions.retain(|partition| {
                        wanted.is_some_and(|wanted| wanted.contains(partition))
                    });
                }
                Ok(found)
            }
            Subscription::Pattern(pattern, _) => self.partitions_of_pattern(pattern),
        }
    }

    fn partitions_of_topics(&self, topics: &BTreeSet<String>) -> Result<Partitions> {
        let mut found = Partitions::new();
        for topic in topics {
            if let Some(partitions) = self.partitions_of_topic(topic)? {
                found.insert(topic.clone(), partitions);
            }
        }
        Ok(found)
    }

    fn partitions_of_topic(&self, topic: &str) -> Result<Option<BTreeSet<i32>>> {
        let mut attempts_left = self.retries;
        loop {
            let doing = format!("ask for the partitions of topic {topic}");
            let metadata = self.metadata(&doing, Some(topic))?;
            let answer = metadata.topics().first();
            let code = answer
                .and_then(MetadataTopic::error)
                .map(RDKafkaErrorCode::from);
            let partitions: BTreeSet<i32> = answer
                .map(|topic| {
                    topic
                        .partitions()
                        .iter()
                        .map(MetadataPartition::id)
                        .collect()
                })
                .unwrap_or_default();
            match code {
                None if !partitions.is_empty() => return Ok(Some(partitions)),
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    return Err(self.events.explain(&doing, &self.servers, code));
                }
                Some(RDKafkaErrorCode::InvalidTopic) => return Err(invalid_topic(topic)),
                _ if attempts_left == 0 => return Ok(None),
                _ => {
                    attempts_left -= 1;
                    self.wait(&doing, self.retry_interval)?;
                }
            }
        }
    }

    fn partitions_of_pattern(&self, pattern: &regex::Regex) -> Result<Partitions> {
        let metadata = self.metadata("ask for all topics", None)?;
        Ok(metadata
            .topics()
            .iter()
            .filter(|topic| pattern.is_match(topic.name()))
            .filter(|topic| !INTERNAL_TOPICS.contains(&topic.name()))
            .filter(|topic| topic.error().is_none() && !topic.partitions().is_empty())
            .map(|topic| {
                let partitions = topic.partitions().iter().map(MetadataPartition::id);
                (topic.name().to_owned(), partitions.collect())
            })
            .collect())
    }

    fn metadata(&self, doing: &str, topic: Option<&str>) -> Result<Metadata> {
        let metadata = self.ask(doing, |timeout| {
            self.consumer.fetch_metadata(topic, timeout)
        })?;
        self.has_controller
            .get_or_init(|| has_controller(&self.consumer, metadata.brokers()));
        Ok(metadata)
    }

    /// The ids of these topics, as far as the brokers know ids.
    ///
    /// # Errors
    ///
    /// As [`OffsetReader::partitions`].
    pub(super) fn topic_ids(&self, partitions: &Partitions) -> Result<BTreeMap<String, String>> {
        let Some(first) = partitions.keys().next() else {
            return Ok(BTreeMap::new());
        };
        if self.has_controller.get().is_none() {
            self.metadata("ask for the brokers", Some(first))?;
        }
        if self.has_controller.get() != Some(&true) {
            return Ok(BTreeMap::new());
        }
        self.ask("ask for the ids of topics", |timeout| {
            topic_ids(
                &self.consumer,
                partitions.keys().map(String::as_str),
                timeout,
            )
        })
    }

    /// Where these partitions begin and end.
    ///
    /// # Errors
    ///
    /// As [`OffsetReader::partitions`].
    pub(super) fn extent(&self, partitions: &Partitions) -> Result<Extent> {
        Ok(Extent {
            earliest: self.earliest(partitions)?,
            latest: self.latest(partitions)?,
        })
    }

    /// The first offset of each that is still there.
    ///
    /// # Errors
    ///
    /// As [`OffsetReader::partitions`].
    pub(super) fn earliest(&self, partitions: &Partitions) -> Result<ByPartition> {
        self.query("ask for the first offsets", &same(partitions, EARLIEST))
    }

    /// One past the last offset of each that can be read.
    ///
    /// # Errors
    ///
    /// As [`OffsetReader::partitions`].
    pub(super) fn latest(&self, partitions: &Partitions) -> Result<ByPartition> {
        self.query("ask for the last offsets", &same(partitions, LATEST))
    }

    /// The offsets that a position means in these partitions.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the position names other partitions than there are (`KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED`,
    /// `KAFKA_TIMESTAMP_OFFSET_DOES_NOT_MATCH_ASSIGNED`), or no message is as young as a timestamp and that is not
    /// allowed. Else as [`OffsetReader::partitions`].
    pub(super) fn resolve(
        &self,
        position: &Position,
        partitions: &Partitions,
        no_match: NoMatch,
    ) -> Result<ByPartition> {
        match position {
            Position::Earliest => self.earliest(partitions),
            Position::Latest => self.latest(partitions),
            Position::Offsets(offsets) => {
                check_same(
                    partitions,
                    offsets,
                    "KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED",
                    "offsets by partition must name exactly the partitions that are read, with -1 for latest and -2 for earliest",
                )?;
                self.resolve_offsets(offsets)
            }
            Position::Timestamp(millis) => self.at_times(&same(partitions, *millis), no_match),
            Position::Timestamps(millis) => {
                check_same(
                    partitions,
                    millis,
                    "KAFKA_TIMESTAMP_OFFSET_DOES_NOT_MATCH_ASSIGNED",
                    "timestamps by partition must name exactly the partitions that are read",
                )?;
                self.at_times(millis, no_match)
            }
        }
    }

    /// Replaces -2 and -1 by what they mean.
    fn resolve_offsets(&self, offsets: &ByPartition) -> Result<ByPartition> {
        let mut symbolic = offsets.clone();
        for partitions in symbolic.values_mut() {
            partitions.retain(|_, offset| *offset < 0);
        }
        symbolic.retain(|_, partitions| !partitions.is_empty());
        let mut resolved = offsets.clone();
        for (topic, partition, offset) in pairs(&self.query("ask for offsets", &symbolic)?) {
            resolved
                .entry(topic.to_owned())
                .or_default()
                .insert(partition, offset);
        }
        Ok(resolved)
    }

    /// The first offset of each partition whose message is not older.
    fn at_times(&self, millis: &ByPartition, no_match: NoMatch) -> Result<ByPartition> {
        let mut found = self.query("ask for offsets by timestamp", millis)?;
        let mut missing = Partitions::new();
        for (topic, partition, _) in pairs(&found).filter(|(_, _, offset)| *offset < 0) {
            missing
                .entry(topic.to_owned())
                .or_default()
                .insert(partition);
        }
        if let Some((topic, partitions)) = missing.first_key_value() {
            if no_match == NoMatch::Error {
                let partition = partitions.first().copied().unwrap_or_default();
                let timestamp = value_of(millis, topic, partition).unwrap_or_default();
                return Err(Error::invalid(format!(
                    "no message is as young as the timestamp; startingOffsetsByTimestampStrategy `latest` starts at the end then. topic=`{topic}`, partition=`{partition}`, timestamp=`{timestamp}`"
                )));
            }
            for (topic, partition, offset) in pairs(&self.latest(&missing)?) {
                found
                    .entry(topic.to_owned())
                    .or_default()
                    .insert(partition, offset);
            }
        }
        Ok(found)
    }

    /// Asks for one offset a partition: -2 for the first, -1 for the last, else that of a timestamp (-1 if there is none).
    fn query(&self, doing: &str, wanted: &ByPartition) -> Result<ByPartition> {
        if pairs(wanted).next().is_none() {
            return Ok(ByPartition::new());
        }
        let mut attempts_left = self.retries;
        loop {
            let answer = self.ask(doing, |timeout| {
                let mut list = TopicPartitionList::new();
                for (topic, partition, at) in pairs(wanted) {
                    list.add_partition_offset(topic, partition, Offset::from_raw(at))?;
                }
                self.consumer.offsets_for_times(list, timeout)
            })?;
            match read_offsets(&answer) {
                Ok(offsets) => return Ok(offsets),
                Err((partition, code)) if attempts_left == 0 => {
                    let doing = format!("{doing} of {partition}");
                    return Err(self.events.explain(&doing, &self.servers, Some(code)));
                }
                Err(_) => {
                    attempts_left -= 1;
                    self.wait(doing, self.retry_interval)?;
                }
            }
        }
    }

    /// Asks until there is an answer, a refusal, or the time is over.
    fn ask<T>(&self, doing: &str, request: impl Fn(Duration) -> KafkaResult<T>) -> Result<T> {
        let deadline = self.clock.monotonic() + Duration::from_millis(client::UNREACHABLE_MS);
        let mut failures = 0;
        loop {
            let left = deadline.saturating_sub(self.clock.monotonic());
            let outcome = request(left.min(ATTEMPT));
            self.serve_events();
            let error = match outcome {
                Ok(answer) => {
                    self.events.clear();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            failures += 1;
            let is_over = self.clock.monotonic() + self.retry_interval >= deadline;
            let is_pointless = !is_silence(&error) && failures > self.retries;
            if is_over || is_pointless || self.events.is_refused() {
                return Err(self
                    .events
                    .explain(doing, &self.servers, error.rdkafka_error_code()));
            }
            let delay = if is_silence(&error) {
                Duration::ZERO
            } else {
                self.retry_interval
            };
            self.wait(doing, delay)?;
        }
    }

    fn serve_events(&self) {
        // Bounded, so that a stream of events cannot hold up the query.
        for _ in 0..64 {
            if self.consumer.poll(Duration::ZERO).is_none() {
                return;
            }
        }
    }
}

/// Whether nobody answered; such an attempt has already waited.
fn is_silence(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// The same value for all partitions.
fn same(partitions: &Partitions, value: i64) -> ByPartition {
    partitions
        .iter()
        .map(|(topic, numbers)| {
            let values = numbers.iter().map(|number| (*number, value));
            (topic.clone(), values.collect())
        })
        .collect()
}

/// The offsets of an answer, or the first partition that failed.
fn read_offsets(
    answer: &TopicPartitionList,
) -> std::result::Result<ByPartition, (String, RDKafkaErrorCode)> {
    let mut offsets = ByPartition::new();
    for element in answer.elements() {
        if let Err(error) = element.error() {
            let code = error
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown);
            return Err((format!("{}-{}", element.topic(), element.partition()), code));
        }
        let offset = element.offset().to_raw().unwrap_or(LATEST);
        offsets
            .entry(element.topic().to_owned())
            .or_default()
            .insert(element.partition(), offset);
    }
    Ok(offsets)
}

fn check_same(
    assigned: &Partitions,
    specified: &ByPartition,
    condition: &str,
    rule: &str,
) -> Result<()> {
    if partitions_of(specified) == *assigned {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{rule}. specified=`{}`, assigned=`{}`",
        json(specified),
        list(assigned)
    ))
    .with_condition(condition))
}

fn invalid_topic(topic: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("this cannot be the name of a topic. topic=`{topic}`"),
    )
}
