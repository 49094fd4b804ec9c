//! The sink on librdkafka's mock cluster.

use super::*;
use crate::embedded_broker::EmbeddedBroker;
use crate::error::ErrorKind;
use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn open(servers: &str, topic: Option<&str>) -> Box<dyn Sink> {
    let mut options = BTreeMap::from([("kafka.bootstrap.servers".to_owned(), servers.to_owned())]);
    if let Some(topic) = topic {
        options.insert("topic".to_owned(), topic.to_owned());
    }
    KafkaSinkFactory::new(&options).unwrap().open().unwrap()
}

fn write(sink: &mut dyn Sink, rows: &RecordBatch) -> Result<()> {
    let schema = rows.schema();
    sink.start(&schema, OutputMode::Append, None)?;
    sink.add_batch(&SinkBatch {
        id: BatchId(0),
        schema: &schema,
        rows: std::slice::from_ref(rows),
        mode: OutputMode::Append,
    })
}

fn cluster(topics: &[&str]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    for topic in topics {
        broker.create_topic(topic, 2).unwrap();
    }
    broker
}

/// Partition, key, value, headers.
type Written = (
    i32,
    Option<String>,
    Option<String>,
    Vec<(String, Option<String>)>,
);

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

/// The first `count` messages of a topic, in no order.
fn read(broker: &EmbeddedBroker, topic: &str, count: usize) -> Vec<Written> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..2 {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut written: Vec<Written> = (0..count)
        .map(|_| {
            let message = consumer.poll(Duration::from_secs(10)).unwrap().unwrap();
            let headers = message.headers().map_or(vec![], |headers| {
                headers
                    .iter()
                    .map(|header| (header.key.to_owned(), text(header.value)))
                    .collect()
            });
            (
                message.partition(),
                text(message.key()),
                text(message.payload()),
                headers,
            )
        })
        .collect();
    written.sort();
    written
}

#[test]
fn key_value_partition_and_headers_are_written() {
    let broker = cluster(&["out"]);
    let header_fields = Fields::from(vec![
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Binary, true),
    ]);
    let headers = ListArray::new(
        Arc::new(Field::new(
            "item",
            DataType::Struct(header_fields.clone()),
            true,
        )),
        OffsetBuffer::from_lengths([2, 0]),
        Arc::new(StructArray::new(
            header_fields,
            vec![
                strings(&[Some("a"), Some("b")]),
                Arc::new(BinaryArray::from(vec![Some(b"1".as_slice()), None])),
            ],
            None,
        )),
        Some(vec![true, false].into()),
    );
    let rows = rows(vec![
        ("Key", strings(&[Some("k"), None])),
        (
            "value",
            Arc::new(BinaryArray::from(vec![None, Some(b"v".as_slice())])),
        ),
        ("partition", Arc::new(Int32Array::from(vec![0, 1]))),
        ("headers", Arc::new(headers)),
        ("ignored", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    let mut sink = open(&broker.bootstrap_servers(), Some("out"));
    write(&mut *sink, &rows).unwrap();
    assert_eq!(
        read(&broker, "out", 2),
        [
            (
                0,
                Some("k".to_owned()),
                None,
                vec![
                    ("a".to_owned(), Some("1".to_owned())),
                    ("b".to_owned(), None)
                ]
            ),
            (1, None, Some("v".to_owned()), vec![]),
        ]
    );
}

#[test]
fn the_topic_of_the_option_wins_over_the_column() {
    let broker = cluster(&["by_option", "by_column"]);
    let rows = rows(vec![
        ("value", strings(&[Some("v")])),
        ("topic", strings(&[Some("by_column")])),
    ]);
    write(
        &mut *open(&broker.bootstrap_servers(), Some("by_option")),
        &rows,
    )
    .unwrap();
    assert_eq!(read(&broker, "by_option", 1).len(), 1);
    write(&mut *open(&broker.bootstrap_servers(), None), &rows).unwrap();
    assert_eq!(read(&broker, "by_column", 1).len(), 1);
}

#[test]
fn a_row_without_a_topic_is_an_error() {
    let broker = cluster(&["out"]);
    let servers = broker.bootstrap_servers();
    let null = rows(vec![
        ("value", strings(&[Some("v")])),
        ("topic", strings(&[None])),
    ]);
    let error = write(&mut *open(&servers, None), &null).unwrap_err();
    assert_eq!(error.condition(), Some("KAFKA_NULL_TOPIC_IN_DATA"));
    let none = rows(vec![("value", strings(&[Some("v")]))]);
    let error = write(&mut *open(&servers, None), &none).unwrap_err();
    assert!(error.to_string().contains("option `topic`"), "{error}");
}

#[test]
fn rows_of_wrong_columns_are_refused_before_the_first_batch() {
    let check = |fields: Vec<Field>| {
        open("127.0.0.1:1", Some("t"))
            .start(&Arc::new(Schema::new(fields)), OutputMode::Append, None)
            .unwrap_err()
            .to_string()
    };
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    assert!(check(vec![field("key", DataType::Utf8)]).contains("no column `value`"));
    let value = || field("value", DataType::Utf8);
    for (wrong, expected) in [
        (vec![field("value", DataType::Int64)], "string or binary"),
        (
            vec![value(), field("key", DataType::Int32)],
            "string or binary",
        ),
        (vec![value(), field("topic", DataType::Binary)], "string"),
        (vec![value(), field("partition", DataType::Int64)], "int"),
        (
            vec![value(), field("headers", DataType::Utf8)],
            "array<struct",
        ),
    ] {
        let error = check(wrong);
        assert!(error.contains(&format!("expected=`{expected}")), "{error}");
    }
}

#[test]
fn many_rows_pass_through_a_small_queue() {
    let broker = cluster(&["out"]);
    let options = BTreeMap::from(
        [
            (
                "kafka.bootstrap.servers",
                broker.bootstrap_servers().as_str(),
            ),
            ("kafka.queue.buffering.max.messages", "100"),
            ("topic", "out"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let mut sink = KafkaSinkFactory::new(&options).unwrap().open().unwrap();
    let values: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let rows = rows(vec![("value", Arc::new(StringArray::from(values.clone())))]);
    write(&mut *sink, &rows).unwrap();
    let mut written: Vec<String> = read(&broker, "out", 5_000)
        .into_iter()
        .filter_map(|(_, _, value, _)| value)
        .collect();
    let mut expected = values;
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
}

#[test]
fn a_row_that_is_refused_names_its_topic_and_partition_and_the_next_batch_works() {
    let broker = cluster(&["out"]);
    let mut sink = open(&broker.bootstrap_servers(), Some("out"));
    let good = rows(vec![
        ("value", strings(&[Some("v")])),
        ("partition", Arc::new(Int32Array::from(vec![1]))),
    ]);
    let bad = rows(vec![
        ("value", strings(&[Some("v")])),
        ("partition", Arc::new(Int32Array::from(vec![7]))),
    ]);
    let error = write(&mut *sink, &bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().contains("topic=`out`, partition=`7`"),
        "{error}"
    );
    write(&mut *sink, &good).unwrap();
    assert_eq!(read(&broker, "out", 1).len(), 1);
}

#[test]
fn rows_are_written_as_json_with_the_columns_of_the_key() {
    let broker = cluster(&["out"]);
    let options = |keys: &str| -> BTreeMap<String, String> {
        [
            (
                "kafka.bootstrap.servers",
                broker.bootstrap_servers().as_str(),
            ),
            ("topic", "out"),
            ("value.format", "json"),
            ("key.columns", keys),
            ("timeZone", "Europe/Berlin"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    };
    let open = |keys: &str| {
        KafkaSinkFactory::new(&options(keys))
            .unwrap()
            .open()
            .unwrap()
    };
    let rows = rows(vec![
        (
            "campaign",
            Arc::new(Int64Array::from(vec![Some(7), None])) as ArrayRef,
        ),
        ("name", strings(&[Some("x"), None])),
        ("n", Arc::new(Int32Array::from(vec![1, 2]))),
    ]);
    write(&mut *open("Campaign, name"), &rows).unwrap();
    let mut written: Vec<_> = read(&broker, "out", 2)
        .into_iter()
        .map(|(_, key, value, _)| (key.unwrap(), value.unwrap()))
        .collect();
    written.sort();
    let expected = [
        (
            "{\"campaign\":7,\"name\":\"x\"}",
            "{\"campaign\":7,\"name\":\"x\",\"n\":1}",
        ),
        ("{\"campaign\":null,\"name\":null}", "{\"n\":2}"),
    ];
    let mut expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    expected.sort();
    assert_eq!(written, expected);

    let error = write(&mut *open("campain"), &rows).unwrap_err();
    assert!(
        error.to_string().contains("key.columns=`campain`"),
        "{error}"
    );
    let no_format = BTreeMap::from([
        ("kafka.bootstrap.servers".to_owned(), "b:1".to_owned()),
        ("key.columns".to_owned(), "a".to_owned()),
    ]);
    assert!(KafkaSinkFactory::new(&no_format).is_err());
}

#[test]
fn one_table_can_be_written_and_read() {
    let options: BTreeMap<String, String> = [
        ("kafka.bootstrap.servers", "b:1"),
        ("kafka.compression.type", "zstd"),
        ("kafka.isolation.level", "read_committed"),
        ("topic", "t"),
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("value.format", "json"),
        ("key.columns", "a"),
        ("ignoreNullFields", "false"),
        ("mode", "FAILFAST"),
        ("timestampFormat", "yyyy"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    assert!(KafkaSinkFactory::new(&options).is_ok());
    let columns = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    let read = crate::source::kafka::KafkaSourceFactory::new(Some(columns), &options);
    assert!(read.is_ok(), "{read:?}");
}

#[test]
fn it_promises_at_least_once_and_says_so() {
    let sink = open("127.0.0.1:1", Some("out"));
    assert_eq!(sink.guarantee(), Guarantee::AtLeastOnce);
    assert_eq!(sink.description(), "KafkaSink[out, at least once]");
}

#[test]
fn a_write_that_nobody_acknowledges_hears_that_a_stop_was_asked_for() {
    let broker = cluster(&["t"]);
    let mut sink = open(&broker.bootstrap_servers(), Some("t"));
    let stop = StopSignal::default();
    sink.listen_to(&stop);
    let rows = rows(vec![("value", strings(&[Some("a")]))]);
    write(sink.as_mut(), &rows).unwrap();
    let hangs = Duration::from_secs(600);
    broker.cluster().broker_round_trip_time(1, hangs).unwrap();
    stop.set();
    let batch = SinkBatch {
        id: BatchId(1),
        schema: &rows.schema(),
        rows: std::slice::from_ref(&rows),
        mode: OutputMode::Append,
    };
    let error = sink.add_batch(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
}
