//! Every promise about Kafka, on a real Apache Kafka broker (`scripts/kafka start`): the mock cluster and other stand-ins are
//! wrong where it matters.
//!
//! The broker is that of `KAFKA_BOOTSTRAP_SERVERS`. Without it nothing here can run, and the closing line says so.

use crate::broker::{self, Broker, TIMEOUT, send};
use crate::harness::{Group, tests};
use arrow::array::{Array, AsArray, ListArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidemill::ErrorKind;
use tidemill::batch::{BatchId, Timestamp};
use tidemill::offset::{Offset, Range};
use tidemill::sink::kafka::KafkaSinkFactory;
use tidemill::sink::{OutputMode, SinkBatch, SinkFactory};
use tidemill::source::kafka::KafkaSourceFactory;
use tidemill::source::{ReadLimit, Source, SourceFactory};

const NOW: Timestamp = Timestamp(1_000_000);

/// What these tests need, with the tests.
pub(crate) fn groups() -> [Group; 2] {
    let plain = tests![
        every_starting_and_ending_position_means_what_spark_means,
        all_columns_have_the_values_of_the_message,
        the_broker_s_time_is_of_type_one,
        aborted_transactions_are_invisible_and_their_gaps_hold_nothing_up,
        only_control_records_after_the_last_batch_end_the_next_one,
        an_open_transaction_ends_what_can_be_read,
        compaction_gaps_are_no_loss,
        deleted_records_are_a_loss_that_names_what_is_gone,
        a_topic_that_was_created_again_is_a_loss_even_if_its_offsets_look_right,
        a_deleted_topic_is_a_loss_that_names_its_partitions,
        a_new_partition_is_read_from_its_first_message_and_again_on_a_replay,
        a_topic_that_matches_the_pattern_later_is_read_from_its_first_message,
        big_messages_pass_whatever_the_fetch_sizes_are,
        the_same_rows_come_in_the_same_order_in_every_life_of_a_query,
        batches_that_follow_each_other_read_every_row_once,
        rows_that_are_written_are_read_back,
        a_sink_whose_topic_is_missing_says_so_before_the_first_batch,
    ];
    let sasl = tests![a_consumer_with_scram_reads_and_a_wrong_password_is_refused_at_once,];
    [
        Group {
            missing: broker::missing(),
            tests: plain,
        },
        Group {
            missing: broker::missing().or_else(broker::missing_sasl),
            tests: sasl,
        },
    ]
}

/// Reading with the source.
impl Broker {
    fn factory(&self, pairs: &[(&str, &str)]) -> KafkaSourceFactory {
        let options = with_servers(&self.servers, pairs);
        KafkaSourceFactory::new(None, &options).unwrap()
    }

    fn open(&self, pairs: &[(&str, &str)]) -> Box<dyn Source> {
        self.factory(pairs).open().unwrap()
    }

    /// Values of a topic, read as a table from the earliest to the latest.
    pub(crate) fn values(&self, topic: &str, pairs: &[(&str, &str)]) -> Vec<String> {
        let pairs: Vec<_> = pairs
            .iter()
            .copied()
            .chain([("subscribe", topic)])
            .collect();
        let batches = self.factory(&pairs).read_static(&[1]).unwrap();
        batches.iter().flat_map(|batch| strings(batch, 0)).collect()
    }
}

fn with_servers(servers: &str, pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .chain(&[("kafka.bootstrap.servers", servers)])
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn numbers(from: u32, to: u32) -> impl Iterator<Item = String> {
    (from..to).map(|number| number.to_string())
}

fn strings(batch: &RecordBatch, column: usize) -> Vec<String> {
    let values = batch.column(column).as_binary::<i32>();
    values
        .iter()
        .map(|value| String::from_utf8(value.unwrap_or(b"null").to_vec()).unwrap())
        .collect()
}

/// Partition, offset and value of every row.
fn rows(source: &mut dyn Source, range: &Range) -> Vec<(i32, i64, String)> {
    let mut rows = Vec::new();
    for slice in source.read(range, &[1, 3, 4]).unwrap() {
        let batch = (slice.unwrap().decode)().unwrap();
        let partitions = batch.column(1).as_primitive::<Int32Type>().values().iter();
        let offsets = batch.column(2).as_primitive::<Int64Type>().values().iter();
        let values = strings(&batch, 0);
        rows.extend(
            partitions
                .zip(offsets)
                .zip(values)
                .map(|((partition, offset), value)| (*partition, *offset, value)),
        );
    }
    rows
}

fn values(source: &mut dyn Source, range: &Range) -> Vec<String> {
    rows(source, range)
        .into_iter()
        .map(|(_, _, value)| value)
        .collect()
}

fn plan(source: &mut dyn Source, start: &Offset) -> Range {
    source
        .plan(start, ReadLimit::Configured, NOW)
        .unwrap()
        .range
}

/// Plans until the end is visible: the end of a transaction is, some time after its commit or abort has returned.
fn plan_to(source: &mut dyn Source, start: &Offset, end: &Offset) -> Range {
    for _ in 0..1_000 {
        let range = plan(source, start);
        if range.end == *end {
            return range;
        }
    }
    panic!("the end does not become visible: {end:?}");
}

fn refusal(source: &mut dyn Source, start: &Offset) -> tidemill::Error {
    source.plan(start, ReadLimit::Configured, NOW).unwrap_err()
}

fn offset(topic: &str, offsets: &[i64]) -> Offset {
    let partitions = (0..).zip(offsets.iter().copied()).collect();
    Offset::Kafka(BTreeMap::from([(topic.to_owned(), partitions)]))
}

fn every_starting_and_ending_position_means_what_spark_means() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    for (value, time) in [("a", 1_000), ("b", 2_000), ("c", 3_000), ("d", 4_000)] {
        let record: BaseRecord<'_, str, str> =
            BaseRecord::to(&topic).payload(value).timestamp(time);
        broker
            .producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
        broker.producer.flush(TIMEOUT).unwrap();
    }
    let json = |value: &str| format!("{{\"{topic}\":{{\"0\":{value}}}}}");
    let read = |pairs: &[(&str, &str)]| broker.values(&topic, pairs).concat();
    assert_eq!(read(&[]), "abcd");
    assert_eq!(
        read(&[("startingOffsets", "earliest"), ("endingOffsets", "latest")]),
        "abcd"
    );
    assert_eq!(
        read(&[
            ("startingOffsets", &json("1")),
            ("endingOffsets", &json("3"))
        ]),
        "bc"
    );
    assert_eq!(
        read(&[
            ("startingOffsets", &json("-2")),
            ("endingOffsets", &json("-1"))
        ]),
        "abcd"
    );
    assert_eq!(read(&[("startingTimestamp", "2500")]), "cd");
    assert_eq!(
        read(&[("startingTimestamp", "2000"), ("endingTimestamp", "4000")]),
        "bc"
    );
    assert_eq!(read(&[("startingOffsetsByTimestamp", &json("3000"))]), "cd");
    assert_eq!(read(&[("endingOffsetsByTimestamp", &json("2000"))]), "a");
    assert_eq!(
        read(&[("endingTimestamp", "9000")]),
        "abcd",
        "no match ends at the latest"
    );
    assert_eq!(
        read(&[
            ("startingTimestamp", "2500"),
            ("startingOffsetsByTimestamp", &json("1000")),
            ("startingOffsets", "earliest"),
        ]),
        "cd",
        "the timestamp for all wins"
    );
    assert_eq!(
        read(&[
            ("startingTimestamp", "9000"),
            ("startingOffsetsByTimestampStrategy", "latest"),
        ]),
        ""
    );
    let error = broker
        .factory(&[("subscribe", &topic), ("startingTimestamp", "9000")])
        .read_static(&[])
        .unwrap_err();
    assert!(error.to_string().contains("timestamp=`9000`"), "{error}");
    let mut stream = broker.open(&[("subscribe", &topic), ("startingTimestamp", "2500")]);
    assert_eq!(stream.initial_offset().unwrap(), offset(&topic, &[2]));
    let mut stream = broker.open(&[("subscribe", &topic)]);
    assert_eq!(stream.initial_offset().unwrap(), offset(&topic, &[4]));
}

/// Sends a message that has everything, a tombstone, and an empty value without key.
fn send_three(broker: &Broker, topic: &str) {
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "a",
            value: Some("1"),
        })
        .insert(Header::<&str> {
            key: "b",
            value: None,
        });
    let with_all: BaseRecord<'_, str, str> = BaseRecord::to(topic)
        .key("k")
        .payload("v")
        .timestamp(1_234)
        .headers(headers);
    let tombstone: BaseRecord<'_, str, str> = BaseRecord::to(topic).key("k");
    let empty: BaseRecord<'_, str, str> = BaseRecord::to(topic).payload("");
    for record in [with_all, tombstone, empty] {
        broker
            .producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
        broker.producer.flush(TIMEOUT).unwrap();
    }
}

fn all_columns_have_the_values_of_the_message() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    send_three(&broker, &topic);
    let factory = broker.factory(&[("subscribe", &topic), ("includeHeaders", "true")]);
    let batches = factory.read_static(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let batch = &batches[0];
    assert_eq!(batch.schema().fields(), factory.schema().fields());
    let (keys, values) = (
        batch.column(0).as_binary::<i32>(),
        batch.column(1).as_binary::<i32>(),
    );
    assert_eq!(
        keys.iter().collect::<Vec<_>>(),
        [Some(b"k".as_slice()), Some(b"k"), None]
    );
    assert_eq!(
        values.iter().collect::<Vec<_>>(),
        [Some(b"v".as_slice()), None, Some(b"")]
    );
    assert_eq!(batch.column(2).as_string::<i32>().value(2), topic);
    assert_eq!(
        batch.column(3).as_primitive::<Int32Type>().values(),
        &[0, 0, 0]
    );
    assert_eq!(
        batch.column(4).as_primitive::<Int64Type>().values(),
        &[0, 1, 2]
    );
    let times = batch.column(5).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.value(0), 1_234_000);
    assert_eq!(
        batch.column(6).as_primitive::<Int32Type>().values(),
        &[0, 0, 0]
    );
    let lists: &ListArray = batch.column(7).as_list();
    assert!(lists.is_valid(0) && lists.is_null(1) && lists.is_null(2));
    let first = lists.value(0);
    let pairs = first.as_struct();
    assert_eq!(
        pairs
            .column(0)
            .as_string::<i32>()
            .iter()
            .flatten()
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    let values = pairs.column(1).as_binary::<i32>();
    assert_eq!(
        values.iter().collect::<Vec<_>>(),
        [Some(b"1".as_slice()), None]
    );
}

fn the_broker_s_time_is_of_type_one() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[("message.timestamp.type", "LogAppendTime")]);
    broker.send(&topic, 0, numbers(0, 1));
    let batches = broker
        .factory(&[("subscribe", &topic)])
        .read_static(&[6])
        .unwrap();
    assert_eq!(
        batches[0].column(0).as_primitive::<Int32Type>().values(),
        &[1]
    );
}

/// A producer in a transaction.
fn transactional(broker: &Broker, topic: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &broker.servers)
        .set("transactional.id", topic)
        .create()
        .unwrap();
    producer.init_transactions(Duration::from_secs(60)).unwrap();
    producer
}

/// Ends a transaction.
fn end(producer: &BaseProducer, commits: bool) {
    producer.flush(TIMEOUT).unwrap();
    if commits {
        producer.commit_transaction(TIMEOUT).unwrap();
    } else {
        producer.abort_transaction(TIMEOUT).unwrap();
    }
}

fn aborted_transactions_are_invisible_and_their_gaps_hold_nothing_up() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    let producer = transactional(&broker, &topic);
    for (value, commits) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        producer.begin_transaction().unwrap();
        send(&producer, &topic, 0, [value.to_owned()]);
        end(&producer, commits);
    }
    let options = [
        ("subscribe", topic.as_str()),
        ("startingOffsets", "earliest"),
    ];
    let mut source = broker.open(&options);
    let range = plan_to(&mut *source, &offset(&topic, &[0]), &offset(&topic, &[8]));
    let committed = [(0, 0, "a".to_owned()), (0, 4, "c".to_owned())];
    assert_eq!(rows(&mut *source, &range), committed);

    // Ranges that end, start and lie in the gaps.
    let part = |start: i64, end: i64| Range {
        start: offset(&topic, &[start]),
        end: offset(&topic, &[end]),
        detail: None,
    };
    for (start, end, expected) in [
        (0, 3, "a"),
        (3, 6, "c"),
        (6, 8, ""),
        (1, 4, ""),
        (4, 5, "c"),
    ] {
        assert_eq!(
            values(&mut *source, &part(start, end)).concat(),
            expected,
            "{start}..{end}"
        );
        let mut fresh = broker.open(&options);
        assert_eq!(
            values(&mut *fresh, &part(start, end)).concat(),
            expected,
            "{start}..{end}"
        );
    }

    let all = broker.values(&topic, &[("kafka.isolation.level", "read_uncommitted")]);
    assert_eq!(all.concat(), "abcd");
}

fn only_control_records_after_the_last_batch_end_the_next_one() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    let producer = transactional(&broker, &topic);
    let mut source = broker.open(&[("subscribe", &topic), ("startingOffsets", "earliest")]);
    let mut at = offset(&topic, &[0]);
    for round in 0..4 {
        producer.begin_transaction().unwrap();
        send(&producer, &topic, 0, [round.to_string()]);
        let commits = round % 2 == 0;
        end(&producer, commits);
        let range = plan_to(&mut *source, &at, &offset(&topic, &[2 * round + 2]));
        let expected = if commits {
            round.to_string()
        } else {
            String::new()
        };
        assert_eq!(values(&mut *source, &range).concat(), expected);
        at = range.end;
    }
}

fn an_open_transaction_ends_what_can_be_read() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    broker.send(&topic, 0, ["before".to_owned()]);
    let producer = transactional(&broker, &topic);
    producer.begin_transaction().unwrap();
    send(&producer, &topic, 0, ["open".to_owned()]);
    producer.flush(TIMEOUT).unwrap();
    broker.send(&topic, 0, ["after".to_owned()]);
    let mut source = broker.open(&[("subscribe", &topic), ("startingOffsets", "earliest")]);
    let range = plan(&mut *source, &offset(&topic, &[0]));
    assert_eq!(range.end, offset(&topic, &[1]));
    assert_eq!(values(&mut *source, &range), ["before"]);
    producer.commit_transaction(TIMEOUT).unwrap();
    // The end of the transaction is a record as well.
    let range = plan_to(&mut *source, &range.end, &offset(&topic, &[4]));
    assert_eq!(values(&mut *source, &range), ["open", "after"]);
}

fn compaction_gaps_are_no_loss() {
    let broker = Broker::of_environment();
    let topic = broker.topic(
        1,
        &[
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0.001"),
            ("segment.ms", "100"),
            ("min.compaction.lag.ms", "0"),
            ("max.compaction.lag.ms", "100"),
            ("delete.retention.ms", "100"),
        ],
    );
    let mut written = 0;
    let mut earliest_rows = usize::MAX;
    // The cleaner runs in its own time: writing closes segments, until rows in the middle are gone.
    for _ in 0..200 {
        for key in ["x", "y"] {
            let value = written.to_string();
            let record: BaseRecord<'_, str, str> = BaseRecord::to(&topic).key(key).payload(&value);
            broker
                .producer
                .send(record)
                .map_err(|(error, _)| error)
                .unwrap();
            written += 1;
        }
        broker.producer.flush(TIMEOUT).unwrap();
        earliest_rows = broker.values(&topic, &[]).len();
        if earliest_rows < written {
            break;
        }
    }
    assert!(
        earliest_rows < written,
        "the broker did not compact the topic"
    );
    let mut source = broker.open(&[("subscribe", &topic), ("startingOffsets", "earliest")]);
    let range = plan(&mut *source, &offset(&topic, &[0]));
    let last = values(&mut *source, &range).pop();
    assert_eq!(last, Some((written - 1).to_string()));
}

fn deleted_records_are_a_loss_that_names_what_is_gone() {
    let broker = Broker::of_environment();
    let topic = broker.topic(2, &[]);
    broker.send(&topic, 0, numbers(0, 10));
    broker.send(&topic, 1, numbers(10, 20));
    let mut source = broker.open(&[("subscribe", &topic)]);
    let start = offset(&topic, &[2, 0]);
    let logged = plan(&mut *source, &start);
    broker.delete_records(&topic, 0, 7);

    let error = refusal(&mut *source, &start);
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert_eq!(
        error.condition(),
        Some("KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE")
    );
    assert!(
        error.to_string().contains("lost_from=`2`, lost_to=`7`"),
        "{error}"
    );
    let error = source
        .read(&logged, &[1])
        .unwrap()
        .find_map(Result::err)
        .unwrap();
    assert_eq!(
        error.kind(),
        ErrorKind::DataLoss,
        "a logged range, read again"
    );

    let mut lenient = broker.open(&[("subscribe", &topic), ("failOnDataLoss", "false")]);
    let range = plan(&mut *lenient, &start);
    let expected: Vec<String> = numbers(7, 20).collect();
    assert_eq!(values(&mut *lenient, &range), expected);
    assert_eq!(values(&mut *lenient, &logged), expected);
}

fn a_topic_that_was_created_again_is_a_loss_even_if_its_offsets_look_right() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    broker.send(&topic, 0, numbers(0, 5));
    let options = [
        ("subscribe", topic.as_str()),
        ("startingOffsets", "earliest"),
    ];
    let mut source = broker.open(&options);
    let range = plan(&mut *source, &offset(&topic, &[0]));
    assert_eq!(values(&mut *source, &range).len(), 5);
    broker.delete_topic(&topic);
    broker.create_topic(&topic, 1, &[]);
    broker.send(&topic, 0, numbers(100, 120));

    let is_loss = |error: tidemill::Error| {
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{error}");
        assert!(error.to_string().contains("created again"), "{error}");
    };
    is_loss(refusal(&mut *source, &range.end));
    // After a restart the ids come out of the log.
    let mut restarted = broker.open(&options);
    restarted.recover(&range).unwrap();
    is_loss(refusal(&mut *restarted, &range.end));
    let mut replaying = broker.open(&options);
    is_loss(replaying.read(&range, &[1]).err().unwrap());

    let mut lenient = broker.open(&[("subscribe", &topic), ("failOnDataLoss", "false")]);
    lenient.recover(&range).unwrap();
    let skip = plan(&mut *lenient, &range.end);
    assert!(values(&mut *lenient, &skip).is_empty());
    let next = plan(&mut *lenient, &skip.end);
    assert_eq!(
        values(&mut *lenient, &next),
        numbers(100, 120).collect::<Vec<_>>()
    );
}

fn a_deleted_topic_is_a_loss_that_names_its_partitions() {
    let broker = Broker::of_environment();
    let topic = broker.topic(2, &[]);
    broker.send(&topic, 0, numbers(0, 5));
    let mut source = broker.open(&[
        ("subscribe", &topic),
        ("fetchOffset.retryIntervalMs", "100"),
    ]);
    let start = offset(&topic, &[0, 0]);
    let range = plan(&mut *source, &start);
    assert_eq!(values(&mut *source, &range).len(), 5);
    broker.delete_topic(&topic);
    let error = refusal(&mut *source, &range.end);
    assert_eq!(
        error.condition(),
        Some("KAFKA_DATA_LOSS.PARTITIONS_DELETED")
    );
    assert!(
        error.to_string().contains(&format!("{topic}-0, {topic}-1")),
        "{error}"
    );
    let mut replaying = broker.open(&[("subscribe", &topic), ("fetchOffset.numRetries", "0")]);
    let logged = Range {
        detail: None,
        ..range
    };
    let error = replaying
        .read(&logged, &[1])
        .map_or_else(Some, |mut slices| slices.find_map(Result::err));
    assert_eq!(error.unwrap().kind(), ErrorKind::DataLoss);
}

fn a_new_partition_is_read_from_its_first_message_and_again_on_a_replay() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[]);
    broker.send(&topic, 0, numbers(0, 3));
    let mut source = broker.open(&[("subscribe", &topic)]);
    let start = source.initial_offset().unwrap();
    assert_eq!(start, offset(&topic, &[3]));
    broker.add_partitions(&topic, 3);
    broker.send(&topic, 2, numbers(10, 14));
    let range = plan(&mut *source, &start);
    assert_eq!(range.end, offset(&topic, &[3, 0, 4]));
    let expected: Vec<String> = numbers(10, 14).collect();
    assert_eq!(values(&mut *source, &range), expected);
    let mut restarted = broker.open(&[("subscribe", &topic)]);
    assert_eq!(values(&mut *restarted, &range), expected);
}

fn a_topic_that_matches_the_pattern_later_is_read_from_its_first_message() {
    let broker = Broker::of_environment();
    let first = broker.topic(1, &[]);
    let pattern = format!("{first}(-later)?");
    let mut source = broker.open(&[("subscribePattern", &pattern)]);
    let start = source.initial_offset().unwrap();
    let later = format!("{first}-later");
    broker.create_topic(&later, 1, &[]);
    broker.send(&later, 0, numbers(0, 2));
    let range = plan(&mut *source, &start);
    assert_eq!(values(&mut *source, &range), ["0", "1"]);
}

fn big_messages_pass_whatever_the_fetch_sizes_are() {
    let broker = Broker::of_environment();
    let topic = broker.topic(1, &[("max.message.bytes", "20000000")]);
    let sizes = [10, 9_000_000, 10, 3_000_000];
    broker.send(&topic, 0, sizes.iter().map(|size| "x".repeat(*size)));
    for prefetch in ["1m", "64m"] {
        let found: Vec<usize> = broker
            .values(&topic, &[("tidemill.prefetchBytes", prefetch)])
            .iter()
            .map(String::len)
            .collect();
        assert_eq!(found, sizes);
    }
}

fn the_same_rows_come_in_the_same_order_in_every_life_of_a_query() {
    let broker = Broker::of_environment();
    let topic = broker.topic(4, &[]);
    for partition in 0..4 {
        broker.send(&topic, partition, numbers(0, 5_000));
    }
    let options = [
        ("subscribe", topic.as_str()),
        ("startingOffsets", "earliest"),
        ("maxOffsetsPerTrigger", "7777"),
        ("maxRecordsPerPartition", "300"),
    ];
    let mut source = broker.open(&options);
    let mut at = source.initial_offset().unwrap();
    let mut total = 0;
    loop {
        let range = plan(&mut *source, &at);
        if range.is_empty() {
            break;
        }
        let mut abandoned = source.read(&range, &[1]).unwrap();
        drop(abandoned.next().unwrap().unwrap());
        drop(abandoned);
        let read = rows(&mut *source, &range);
        assert_eq!(rows(&mut *broker.open(&options), &range), read);
        total += read.len();
        at = range.end;
    }
    assert_eq!(total, 20_000);
}

fn batches_that_follow_each_other_read_every_row_once() {
    let broker = Broker::of_environment();
    let topic = broker.topic(3, &[]);
    let mut source = broker.open(&[("subscribe", &topic), ("startingOffsets", "earliest")]);
    let mut at = source.initial_offset().unwrap();
    let mut read = Vec::new();
    for round in 0..30_u32 {
        let partition = i32::try_from(round % 3).unwrap();
        broker.send(&topic, partition, numbers(round * 10, round * 10 + 10));
        let range = plan(&mut *source, &at);
        read.extend(values(&mut *source, &range));
        at = range.end;
    }
    assert_eq!(read, numbers(0, 300).collect::<Vec<_>>());
}

fn a_consumer_with_scram_reads_and_a_wrong_password_is_refused_at_once() {
    let broker = Broker::of_environment();
    let sasl = std::env::var(broker::SASL_SERVERS).unwrap();
    let topic = broker.topic(1, &[]);
    broker.send(&topic, 0, numbers(0, 3));
    let factory = |password: &str| {
        let jaas = format!(
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"tidemill\" password=\"{password}\";"
        );
        let options = with_servers(
            &sasl,
            &[
                ("subscribe", &topic),
                ("kafka.security.protocol", "SASL_PLAINTEXT"),
                ("kafka.sasl.mechanism", "SCRAM-SHA-512"),
                ("kafka.sasl.jaas.config", &jaas),
            ],
        );
        KafkaSourceFactory::new(None, &options).unwrap()
    };
    let batches = factory("tide-secret").read_static(&[1]).unwrap();
    assert_eq!(strings(&batches[0], 0), ["0", "1", "2"]);
    let error = factory("not-the-secret").read_static(&[1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("refuses us"), "{error}");
    assert!(!format!("{error:?}").contains("not-the-secret"));
}

fn rows_that_are_written_are_read_back() {
    let broker = Broker::of_environment();
    let topic = broker.topic(3, &[]);
    let options = with_servers(&broker.servers, &[("topic", &topic)]);
    let mut sink = KafkaSinkFactory::new(&options).unwrap().open().unwrap();
    let written: Vec<String> = numbers(0, 2_000).collect();
    let column: arrow::array::ArrayRef = Arc::new(arrow::array::StringArray::from(written.clone()));
    let batch =
        RecordBatch::try_from_iter([("key", Arc::clone(&column)), ("value", column)]).unwrap();
    let schema = batch.schema();
    sink.start(&schema, OutputMode::Append, None).unwrap();
    for id in 0..2 {
        sink.add_batch(&SinkBatch {
            id: BatchId(id),
            schema: &schema,
            rows: std::slice::from_ref(&batch),
            mode: OutputMode::Append,
        })
        .unwrap();
    }
    let mut read = broker.values(&topic, &[]);
    let mut expected: Vec<String> = written.iter().chain(&written).cloned().collect();
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
}

fn a_sink_whose_topic_is_missing_says_so_before_the_first_batch() {
    let broker = Broker::of_environment();
    let options = with_servers(&broker.servers, &[("topic", "it-no-such-topic")]);
    let mut sink = KafkaSinkFactory::new(&options).unwrap().open().unwrap();
    let field = arrow::datatypes::Field::new("value", arrow::datatypes::DataType::Utf8, true);
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![field]));
    let error = sink.start(&schema, OutputMode::Append, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("it-no-such-topic"), "{error}");
}
