//! The one place of the source that talks to librdkafka's C interface: taking messages many at a time.
//!
//! rust-rdkafka takes messages one by one through the event interface (520 ns each); `rd_kafka_consume_batch_queue` takes
//! thousands in one call (330 ns each). Each assigned partition has a queue of its own, split off before the partition is
//! assigned, so that no message ever goes to the common queue: the order in which partitions are read is then ours, and what
//! waits in a partition's queue holds back only that partition's fetching.
//!
//! Ownership, from which all safety follows: a [`PartitionQueue`] and a [`MessageBatch`] hold the consumer alive; a batch owns
//! its messages and frees each exactly once, when it is passed or with the batch; what a [`Message`] shows is borrowed from the
//! batch.
#![expect(
    unsafe_code,
    reason = "rust-rdkafka has no safe wrapper of rd_kafka_consume_batch_queue, twice as fast as its own way"
)]

use crate::kafka::client::ClientEvents;
use rdkafka::bindings as native;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

/// How many messages one call takes at most: enough to make the call cheap, few enough that an abandoned batch costs nothing.
const BATCH_MESSAGES: usize = 4_096;

type Client = BaseConsumer<ClientEvents>;

/// A consumer whose partitions have queues of their own.
pub(super) struct BatchConsumer {
    client: Arc<Client>,
    events: ClientEvents,
}

impl BatchConsumer {
    /// A consumer; it connects on its own.
    pub(super) fn new(config: &ClientConfig) -> KafkaResult<BatchConsumer> {
        let events = ClientEvents::default();
        let client = config.create_with_context(events.clone())?;
        Ok(BatchConsumer {
            client: Arc::new(client),
            events,
        })
    }

    /// What is known of the connections.
    pub(super) fn events(&self) -> &ClientEvents {
        &self.events
    }

    /// Assigns exactly these partitions, to be read from these offsets, and gives the queue of each, in this order. Queues
    /// from before give nothing any more.
    pub(super) fn assign<'a>(
        &self,
        positions: impl Iterator<Item = (&'a str, i32, i64)>,
    ) -> KafkaResult<Vec<PartitionQueue>> {
        let mut list = TopicPartitionList::new();
        let mut queues = Vec::new();
        for (topic, partition, offset) in positions {
            queues.push(PartitionQueue::split(&self.client, topic, partition)?);
            list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        }
        self.client.assign(&list)?;
        Ok(queues)
    }

    /// Lets librdkafka tell its events (connections, logs). To be called now and then.
    pub(super) fn serve_events(&self) {
        // Bounded, so that a stream of events cannot hold up the reading.
        for _ in 0..64 {
            match self.client.poll(Duration::ZERO) {
                // Messages come through the queues; an error has been told to the events already.
                Some(Ok(_) | Err(_)) => {}
                None => return,
            }
        }
    }
}

/// The queue of one partition.
pub(super) struct PartitionQueue {
    queue: NonNull<native::rd_kafka_queue_t>,
    client: Arc<Client>,
}

// SAFETY: librdkafka's queues may be used from any thread; the pointer is owned by this value alone.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits the queue of a partition off the common one.
    fn split(client: &Arc<Client>, topic: &str, partition: i32) -> KafkaResult<PartitionQueue> {
        let name = CString::new(topic)?;
        // SAFETY: the client lives (it is borrowed), the name is a C string that outlives the call.
        let queue = unsafe {
            native::rd_kafka_queue_get_partition(
                client.client().native_ptr(),
                name.as_ptr(),
                partition,
            )
        };
        let queue =
            NonNull::new(queue).ok_or(KafkaError::Subscription(format!("{topic}-{partition}")))?;
        // SAFETY: the queue was just made; without a destination it keeps its messages, also over a later assignment.
        unsafe { native::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut()) };
        Ok(PartitionQueue {
            queue,
            client: Arc::clone(client),
        })
    }

    /// Takes what is there; if nothing is, waits for one message or event, at most `wait`.
    pub(super) fn take(&self, wait: Duration) -> MessageBatch {
        let mut batch = MessageBatch::new(Arc::clone(&self.client));
        self.consume(&mut batch, Duration::ZERO, BATCH_MESSAGES);
        if batch.is_empty() && !wait.is_zero() {
            // A call waits until it has as many as it was asked for: so it is asked for one.
            self.consume(&mut batch, wait, 1);
        }
        batch
    }

    fn consume(&self, batch: &mut MessageBatch, wait: Duration, messages: usize) {
        let timeout = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        batch.messages.reserve_exact(messages);
        // SAFETY: the queue lives as long as `self`; the vector has room for `messages` pointers, of which librdkafka fills
        // the first `taken` with messages that are ours from then on.
        unsafe {
            let taken = native::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                timeout,
                batch.messages.as_mut_ptr(),
                messages,
            );
            batch
                .messages
                .set_len(usize::try_from(taken).unwrap_or(0).min(messages));
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and is not used after this; the client it belongs to still lives.
        unsafe { native::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// Messages that were taken in one go and not all passed yet.
pub(super) struct MessageBatch {
    /// `messages[..passed]` are freed already, the others are valid and ours.
    messages: Vec<*mut native::rd_kafka_message_t>,
    passed: usize,
    /// Messages must be freed before their client is.
    _client: Arc<Client>,
}

// SAFETY: librdkafka's messages may be read and freed on any thread; they are owned by this value alone.
unsafe impl Send for MessageBatch {}

/// What comes out of a partition's queue.
pub(super) enum Item<'a> {
    /// A message.
    Message(Message<'a>),
    /// There is nothing before this offset that was not delivered; it is the end of the partition for now.
    EndOfPartition(i64),
    /// Reading failed.
    Failed(RDKafkaErrorCode, String),
}

impl MessageBatch {
    fn new(client: Arc<Client>) -> MessageBatch {
        MessageBatch {
            messages: Vec::new(),
            passed: 0,
            _client: client,
        }
    }

    /// Whether all was passed.
    pub(super) fn is_empty(&self) -> bool {
        self.passed == self.messages.len()
    }

    /// The next item, which stays the next until [`MessageBatch::pass`].
    #[inline]
    pub(super) fn peek(&self) -> Option<Item<'_>> {
        let message = *self.messages.get(self.passed)?;
        // SAFETY: messages from `passed` on are valid and ours; the reference does not outlive the borrow of `self`, and only
        // `pass` and `drop`, which borrow mutably, free it.
        let message = unsafe { &*message };
        Some(match message.err {
            native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Item::Message(Message {
                native: message,
                batch: PhantomData,
            }),
            native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                Item::EndOfPartition(message.offset)
            }
            code => Item::Failed(code.into(), error_text(message)),
        })
    }

    /// Frees the next item and goes on to the one after it.
    #[inline]
    pub(super) fn pass(&mut self) {
        if let Some(message) = self.messages.get(self.passed).copied() {
            self.passed += 1;
            // SAFETY: the message is valid, ours, and counted as passed from here on, so that it is freed once.
            unsafe { native::rd_kafka_message_destroy(message) };
        }
    }
}

impl Drop for MessageBatch {
    fn drop(&mut self) {
        while !self.is_empty() {
            self.pass();
        }
    }
}

/// What librdkafka says of an error that came as a message.
fn error_text(message: &native::rd_kafka_message_t) -> String {
    // SAFETY: the message is valid; the text, if any, ends with a zero byte and lives as long as the message.
    let text = unsafe {
        let text = native::rd_kafka_message_errstr(message);
        if text.is_null() {
            return String::new();
        }
        CStr::from_ptr(text)
    };
    text.to_string_lossy().into_owned()
}

/// When a message was made, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageTime {
    /// Milliseconds since 1970; -1 if the message has none.
    pub(super) millis: i64,
    /// Spark's `timestampType`: 0 the producer's, 1 the broker's, -1 none.
    pub(super) kind: i32,
}

/// A message, borrowed from its batch.
pub(super) struct Message<'a> {
    native: &'a native::rd_kafka_message_t,
    batch: PhantomData<&'a MessageBatch>,
}

impl<'a> Message<'a> {
    /// Its offset.
    #[inline]
    pub(super) fn offset(&self) -> i64 {
        self.native.offset
    }

    /// Its value; `None` is null (a tombstone).
    #[inline]
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka's payload and length, valid as long as the message, which `'a` borrows.
        unsafe { bytes(self.native.payload.cast(), self.native.len) }
    }

    /// Its key; `None` is null.
    #[inline]
    pub(super) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: as for the value.
        unsafe { bytes(self.native.key.cast(), self.native.key_len) }
    }

    /// When it was made.
    pub(super) fn time(&self) -> MessageTime {
        let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, `kind` is written in place.
        let millis = unsafe { native::rd_kafka_message_timestamp(self.native, &raw mut kind) };
        MessageTime {
            millis,
            kind: match kind {
                native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => 0,
                native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => 1,
                native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => -1,
            },
        }
    }

    /// Calls `each` with name and value of each header, in order, and gives their number.
    pub(super) fn headers(&self, mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) -> usize {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid; the headers stay its property and live as long as it.
        let found = unsafe { native::rd_kafka_message_headers(self.native, &raw mut headers) };
        if found != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return 0;
        }
        let mut count = 0;
        loop {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: as above; an index past the end is answered with an error, and else all three are set.
            let (name, value) = unsafe {
                let got = native::rd_kafka_header_get_all(
                    headers,
                    count,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if got != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return count;
                }
                (CStr::from_ptr(name).to_bytes(), bytes(value.cast(), size))
            };
            each(name, value);
            count += 1;
        }
    }
}

/// The bytes at a place, `None` for the null pointer.
///
/// # Safety
///
/// If `start` is not null, `length` bytes from there are valid and unchanged for `'a`.
#[inline]
unsafe fn bytes<'a>(start: *const u8, length: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { slice::from_raw_parts(start, length) })
}
