//! Asks the brokers for the ids of topics, which tell a topic from another that was created later under the same name.
//!
//! Like `batch_consumer` it talks to librdkafka's C interface, because rust-rdkafka has no wrapper of `DescribeTopics`.
#![expect(
    unsafe_code,
    reason = "rust-rdkafka has no wrapper of rd_kafka_DescribeTopics, and nothing else tells a recreated topic"
)]

use crate::kafka::client::ClientEvents;
use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, KafkaError, KafkaResult};
use rdkafka::metadata::MetadataBroker;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

/// The id that stands for none: brokers before 2.8, and the mock cluster.
const NO_ID: &[u8] = b"AAAAAAAAAAAAAAAAAAAAAA";

/// Something of librdkafka's that must be destroyed.
struct Owned<T> {
    pointer: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes over what was just made; an error, if it was not.
    ///
    /// # Safety
    ///
    /// `pointer` is null, or ours alone and to be destroyed by `destroy`.
    unsafe fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> KafkaResult<Owned<T>> {
        if pointer.is_null() {
            return Err(KafkaError::AdminOpCreation("no memory".to_owned()));
        }
        Ok(Owned { pointer, destroy })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: promised when it was made; it is destroyed once.
        unsafe { (self.destroy)(self.pointer) }
    }
}

/// Whether the controller, which librdkafka wants to know of before it asks such questions, is one of these brokers. The mock
/// cluster has none, and the question would wait for it until the time is over.
pub(super) fn has_controller(
    client: &BaseConsumer<ClientEvents>,
    brokers: &[MetadataBroker],
) -> bool {
    // SAFETY: the client lives; without time to wait, the answer is what is known already.
    let controller = unsafe { native::rd_kafka_controllerid(client.client().native_ptr(), 0) };
    brokers.iter().any(|broker| broker.id() == controller)
}

/// The id of each of these topics, as Kafka's tools write it. Topics that are not there, and brokers that know no ids, give
/// none.
pub(super) fn topic_ids<'a>(
    client: &BaseConsumer<ClientEvents>,
    topics: impl Iterator<Item = &'a str>,
    timeout: Duration,
) -> KafkaResult<BTreeMap<String, String>> {
    let names = topics
        .map(CString::new)
        .collect::<std::result::Result<Vec<CString>, _>>()?;
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let event = ask(client, &names, timeout)?;
    // SAFETY: the event is valid, and of the kind that was asked for, or the result is null.
    let result = unsafe { native::rd_kafka_event_DescribeTopics_result(event.pointer) };
    if result.is_null() {
        return Err(KafkaError::AdminOpCreation(
            "an answer to another question".to_owned(),
        ));
    }
    let mut count = 0;
    // SAFETY: the result lives as long as the event; it gives `count` pointers.
    let descriptions =
        unsafe { native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count) };
    let mut ids = BTreeMap::new();
    for index in 0..count {
        // SAFETY: `index` is below `count`; the description lives as long as the event.
        let (name, id) = unsafe { name_and_id(*descriptions.add(index)) };
        if let Some(id) = id {
            ids.insert(name, id);
        }
    }
    Ok(ids)
}

/// Sends the question and waits for the answer.
fn ask(
    client: &BaseConsumer<ClientEvents>,
    names: &[CString],
    timeout: Duration,
) -> KafkaResult<Owned<native::rd_kafka_event_t>> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let handle = client.client().native_ptr();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client outlives all that is made here; names and pointers outlive the call that reads them, which copies
    // them; each thing made is owned by a value that destroys it, and the event comes last out of the queue and holds what it
    // needs by itself.
    unsafe {
        let topics = Owned::new(
            native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            native::rd_kafka_TopicCollection_destroy,
        )?;
        let options = Owned::new(
            native::rd_kafka_AdminOptions_new(
                handle,
                native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            native::rd_kafka_AdminOptions_destroy,
        )?;
        let set = native::rd_kafka_AdminOptions_set_request_timeout(
            options.pointer,
            millis,
            ptr::null_mut(),
            0,
        );
        if set.is_error() {
            return Err(KafkaError::MetadataFetch(set.into()));
        }
        let queue = Owned::new(
            native::rd_kafka_queue_new(handle),
            native::rd_kafka_queue_destroy,
        )?;
        native::rd_kafka_DescribeTopics(handle, topics.pointer, options.pointer, queue.pointer);
        // The request has the time-out; the queue is waited for a little longer, so that it is the request that ends it.
        let event = Owned::new(
            native::rd_kafka_queue_poll(queue.pointer, millis.saturating_add(1_000)),
            native::rd_kafka_event_destroy,
        )?;
        let code = native::rd_kafka_event_error(event.pointer);
        if code.is_error() {
            return Err(KafkaError::MetadataFetch(code.into()));
        }
        Ok(event)
    }
}

/// What a description says.
///
/// # Safety
///
/// `description` is valid.
unsafe fn name_and_id(
    description: *const native::rd_kafka_TopicDescription_t,
) -> (String, Option<String>) {
    // SAFETY: promised by the caller; name and id live as long as the description, and end with a zero byte.
    unsafe {
        let name = CStr::from_ptr(native::rd_kafka_TopicDescription_name(description));
        let name = name.to_string_lossy().into_owned();
        let id = native::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return (name, None);
        }
        let text = native::rd_kafka_Uuid_base64str(id);
        if text.is_null() || CStr::from_ptr(text).to_bytes() == NO_ID {
            return (name, None);
        }
        let text = CStr::from_ptr(text).to_string_lossy().into_owned();
        (name, Some(text))
    }
}
