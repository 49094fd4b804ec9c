//! Keeps partitions flowing: one consumer that goes on fetching behind the end of a range, so that the next range finds its
//! messages in memory.
//!
//! Invariant: for each *lane* (an assigned partition), everything before `next` was handed out or does not exist, and what
//! librdkafka holds of the partition starts there. A range that starts where all its lanes stand needs no new assignment;
//! any other range gets one, which throws away what was fetched ahead.
//!
//! Memory: librdkafka stops fetching a partition once its queue holds its share of `tidemill.prefetchBytes`. What it needs to
//! keep a message besides its bytes is counted by bounding the number of messages as well.

use super::batch_consumer::{BatchConsumer, Item, MessageBatch, PartitionQueue};
use super::options::KafkaSourceOptions;
use super::slice::MessageSlice;
use crate::clock::StopSignal;
use crate::error::{Error, ErrorKind, Result};
use crate::kafka::client;
use crate::kafka::settings::{ClientSettings, is_refusal};
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// After so long without a message it is looked at why.
pub(super) const STALL: Duration = Duration::from_secs(5);

/// How long one wait for a message lasts; between waits, events are served.
const WAIT: Duration = Duration::from_millis(50);

/// About what librdkafka needs for a message besides its bytes; messages are counted as at least that big.
const MESSAGE_OVERHEAD_BYTES: u64 = 512;

/// A partition of a range, and how far it was read.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    /// The next offset to hand out.
    pub(super) next: i64,
    /// One past the last.
    pub(super) end: i64,
}

impl Part {
    /// Whether all of it was handed out.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    fn key(&self) -> (Arc<str>, i32) {
        (Arc::clone(&self.topic), self.partition)
    }
}

/// Why filling a slice from a partition ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// The slice has what it takes.
    SliceFull,
    /// The part is done.
    PartDone,
    /// The broker does not have the next offset, or does not know the partition.
    Refused,
    /// Nothing came for [`STALL`].
    Stalled,
}

/// How much a slice takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct SliceLimit {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// An assigned partition.
struct Lane {
    queue: PartitionQueue,
    /// Taken from the queue and not handed out: perhaps rows of the next range.
    taken: Option<MessageBatch>,
    next: i64,
}

/// The consumer and its lanes.
pub(super) struct Fetcher {
    settings: ClientSettings,
    prefetch_bytes: u64,
    consumer: Option<SizedConsumer>,
    lanes: BTreeMap<(Arc<str>, i32), Lane>,
    stop: StopSignal,
    /// Whose parts come next in their lanes: nobody but this reader has taken anything since it was found so.
    reader: Option<Uuid>,
}

/// A consumer, and for how many partitions its queues were sized.
struct SizedConsumer {
    consumer: BatchConsumer,
    partitions: usize,
}

impl Fetcher {
    /// Makes nothing yet; the first range does.
    pub(super) fn new(options: &KafkaSourceOptions) -> Fetcher {
        let mut settings = options.settings.clone();
        let group = format!("{}-{}", options.group_id_prefix, Uuid::new_v4());
        settings.set_default("group.id", group);
        Fetcher {
            settings,
            prefetch_bytes: options.prefetch_bytes,
            consumer: None,
            lanes: BTreeMap::new(),
            stop: StopSignal::default(),
            reader: None,
        }
    }

    /// From now on, gives up soon after a stop was asked for.
    pub(super) fn listen_to(&mut self, stop: &StopSignal) {
        self.stop = stop.clone();
    }

    /// Makes sure that every part of a reader that is not done comes next in its lane.
    ///
    /// # Errors
    ///
    /// `Invalid`, if librdkafka does not take the settings; `Unavailable`.
    pub(super) fn position(&mut self, reader: Uuid, parts: &[Part]) -> Result<()> {
        if let Some(sized) = &self.consumer {
            sized.consumer.serve_events();
        }
        if self.reader == Some(reader) {
            return Ok(());
        }
        let is_there = parts.iter().filter(|part| !part.is_done()).all(|part| {
            self.lanes
                .get(&part.key())
                .is_some_and(|lane| lane.next == part.next)
        });
        if !is_there {
            self.assign(parts)?;
        }
        self.reader = Some(reader);
        Ok(())
    }

    /// Forgets where a partition stands, so that it is assigned anew.
    pub(super) fn forget(&mut self, part: &Part) {
        self.lanes.remove(&part.key());
        self.reader = None;
    }

    fn assign(&mut self, parts: &[Part]) -> Result<()> {
        self.lanes.clear();
        self.reader = None;
        let servers = self.settings.bootstrap_servers().to_owned();
        let consumer = self.sized_consumer(parts.len())?;
        let positions = parts
            .iter()
            .map(|part| (&*part.topic, part.partition, part.next));
        let queues = consumer.assign(positions).map_err(|error| {
            let code = error.rdkafka_error_code();
            consumer
                .events()
                .explain("assign partitions", &servers, code)
        })?;
        self.lanes = parts
            .iter()
            .zip(queues)
            .map(|(part, queue)| {
                let lane = Lane {
                    queue,
                    taken: None,
                    next: part.next,
                };
                (part.key(), lane)
            })
            .collect();
        Ok(())
    }

    /// A consumer whose queues together stay within the budget; a new one, if there are twice as many partitions.
    fn sized_consumer(&mut self, partitions: usize) -> Result<&BatchConsumer> {
        let fits = |sized: &SizedConsumer| partitions <= sized.partitions * 2;
        let sized = match self.consumer.take().filter(fits) {
            Some(sized) => sized,
            None => SizedConsumer {
                consumer: self.new_consumer(partitions)?,
                partitions: partitions.max(1),
            },
        };
        Ok(&self.consumer.insert(sized).consumer)
    }

    fn new_consumer(&self, partitions: usize) -> Result<BatchConsumer> {
        let config = consumer_settings(&self.settings, self.prefetch_bytes, partitions);
        BatchConsumer::new(&config.client_config())
            .map_err(|error| client::creation_error("kafka source", &error))
    }

    /// Hands out messages of a part until the slice is full or the part is done. The part must have been positioned.
    ///
    /// # Errors
    ///
    /// `Unavailable`, if the brokers do not answer; `Invalid`, if they refuse us; `Data`, if a message is broken.
    pub(super) fn fill(
        &mut self,
        part: &mut Part,
        slice: &mut MessageSlice,
        limit: SliceLimit,
    ) -> Result<Filled> {
        let mut idle = Duration::ZERO;
        loop {
            if idle.is_zero()
                && let Some(sized) = &self.consumer
            {
                // What came shows that the connections work again.
                sized.consumer.events().clear();
            }
            let lane = self.lanes.get_mut(&part.key()).ok_or_else(|| {
                Error::internal("a Kafka partition is read that was not assigned")
            })?;
            let taken = match &mut lane.taken {
                Some(taken) if !taken.is_empty() => taken,
                slot => slot.insert(lane.queue.take(WAIT)),
            };
            if taken.is_empty() {
                idle += WAIT;
                if self.is_stalled(part, idle)? {
                    return Ok(Filled::Stalled);
                }
                continue;
            }
            idle = Duration::ZERO;
            let filled = hand_out(taken, part, slice, limit)?;
            lane.next = part.next;
            if let Some(filled) = filled {
                return Ok(filled);
            }
        }
    }

    /// After waiting for nothing: whether it is time to look why. As long as there is trouble with the connections, that is
    /// why.
    fn is_stalled(&self, part: &Part, idle: Duration) -> Result<bool> {
        let Some(sized) = &self.consumer else {
            return Ok(true);
        };
        sized.consumer.serve_events();
        let events = sized.consumer.events();
        if idle >= client::STOP_PATIENCE && self.stop.is_set() {
            return Err(client::stopped(
                &doing(part),
                self.settings.bootstrap_servers(),
            ));
        }
        if !events.is_troubled() {
            return Ok(idle >= STALL);
        }
        let unreachable = Duration::from_millis(client::UNREACHABLE_MS);
        if idle < unreachable && !events.is_refused() {
            return Ok(false);
        }
        Err(events.explain(&doing(part), self.settings.bootstrap_servers(), None))
    }
}

fn doing(part: &Part) -> String {
    format!(
        "read topic {}, partition {}, offset {}",
        part.topic, part.partition, part.next
    )
}

/// Hands out what was taken. `None`, if all of it was, and more is needed.
fn hand_out(
    taken: &mut MessageBatch,
    part: &mut Part,
    slice: &mut MessageSlice,
    limit: SliceLimit,
) -> Result<Option<Filled>> {
    while let Some(item) = taken.peek() {
        match item {
            Item::Message(message) => {
                let offset = message.offset();
                if offset >= part.end {
                    // It stays for the next range.
                    part.next = part.end;
                    return Ok(Some(Filled::PartDone));
                }
                if offset >= part.next {
                    slice.push(&part.topic, part.partition, &message);
                    part.next = offset + 1;
                }
                taken.pass();
            }
            Item::EndOfPartition(offset) => {
                if offset >= part.end {
                    // It stays as well: it may be all that tells that the next range has no messages.
                    part.next = part.end;
                    return Ok(Some(Filled::PartDone));
                }
                part.next = part.next.max(offset);
                taken.pass();
            }
            Item::Failed(code, text) => {
                taken.pass();
                if let Some(filled) = failed(part, code, &text)? {
                    return Ok(Some(filled));
                }
            }
        }
        if part.is_done() {
            return Ok(Some(Filled::PartDone));
        }
        if slice.rows() >= limit.rows || slice.bytes() >= limit.bytes {
            return Ok(Some(Filled::SliceFull));
        }
    }
    Ok(None)
}

/// What an error in a partition's queue means. `None`: librdkafka goes on by itself.
fn failed(part: &Part, code: RDKafkaErrorCode, text: &str) -> Result<Option<Filled>> {
    let place = format!(
        "topic=`{}`, partition=`{}`, offset=`{}`",
        part.topic, part.partition, part.next
    );
    match code {
        RDKafkaErrorCode::AutoOffsetReset
        | RDKafkaErrorCode::OffsetOutOfRange
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::UnknownTopicId => Ok(Some(Filled::Refused)),
        RDKafkaErrorCode::BadMessage
        | RDKafkaErrorCode::InvalidMessage
        | RDKafkaErrorCode::BadCompression => Err(Error::data(format!(
            "a message cannot be read: {text}. {place}"
        ))),
        refused if is_refusal(refused) => Err(Error::new(
            ErrorKind::Invalid,
            format!("Kafka refuses us: {text}. {place}"),
        )),
        _ => {
            tracing::debug!("reading is held up: {code}: {text}. {place}");
            Ok(None)
        }
    }
}

/// The settings of the consumer that fetches: the engine's own, and defaults that make it fast.
fn consumer_settings(
    base: &ClientSettings,
    prefetch_bytes: u64,
    partitions: usize,
) -> ClientSettings {
    let share = prefetch_bytes / u64::try_from(partitions.max(1)).unwrap_or(u64::MAX);
    let mut settings = base.clone();
    for (key, value) in [
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("check.crcs", "true"),
        ("allow.auto.create.topics", "false"),
    ] {
        settings.set(key, value);
    }
    settings.set(
        "queued.max.messages.kbytes",
        (share >> 10).max(64).to_string(),
    );
    let messages = (share / MESSAGE_OVERHEAD_BYTES).clamp(100, 10_000_000);
    settings.set("queued.min.messages", messages.to_string());
    settings.set_default("isolation.level", "read_committed");
    settings.set_default("socket.keepalive.enable", "true");
    // A full queue is looked at again after this time; the default of one second would stall the reading.
    settings.set_default("fetch.queue.backoff.ms", "2");
    settings.set_default("fetch.error.backoff.ms", "100");
    settings.set_default(
        "fetch.max.bytes",
        (prefetch_bytes / 4).clamp(1 << 20, 50 << 20).to_string(),
    );
    settings.set_default(
        "fetch.message.max.bytes",
        (share / 2).clamp(64 << 10, 8 << 20).to_string(),
    );
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Role;

    #[test]
    fn the_consumer_never_moves_or_stores_offsets_by_itself() {
        let options = BTreeMap::from([("bootstrap.servers".to_owned(), "b:1".to_owned())]);
        let base = ClientSettings::parse(Role::Consumer, "kafka source", options).unwrap();
        let settings = consumer_settings(&base, 64 << 20, 4);
        for (key, value) in [
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("check.crcs", "true"),
            ("enable.partition.eof", "true"),
            ("allow.auto.create.topics", "false"),
            ("socket.keepalive.enable", "true"),
            ("queued.max.messages.kbytes", "16384"),
            ("queued.min.messages", "32768"),
        ] {
            assert_eq!(settings.get(key), Some(value), "{key}");
        }
    }
}
