//! The source on librdkafka's mock cluster: what a real broker is not needed for.

use super::*;
use crate::embedded_broker::EmbeddedBroker;
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaRespErr;
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_000_000);

/// A cluster with a topic, and a producer for it.
struct Cluster {
    broker: EmbeddedBroker,
    producer: BaseProducer,
}

impl Cluster {
    fn with_topic(topic: &str, partitions: i32) -> Cluster {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic(topic, partitions).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap_servers())
            .create()
            .unwrap();
        Cluster { broker, producer }
    }

    fn send(&self, topic: &str, partition: i32, values: impl IntoIterator<Item = String>) {
        for value in values {
            let record: BaseRecord<'_, str, str> =
                BaseRecord::to(topic).partition(partition).payload(&value);
            self.producer
                .send(record)
                .map_err(|(error, _)| error)
                .unwrap();
        }
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    fn factory(&self, pairs: &[(&str, &str)]) -> KafkaSourceFactory {
        let servers = self.broker.bootstrap_servers();
        factory(&servers, pairs).unwrap()
    }

    fn open(&self, pairs: &[(&str, &str)]) -> Box<dyn Source> {
        self.factory(pairs).open().unwrap()
    }
}

fn factory(servers: &str, pairs: &[(&str, &str)]) -> Result<KafkaSourceFactory> {
    let options = pairs
        .iter()
        .chain(&[
            ("kafka.bootstrap.servers", servers),
            ("fetchOffset.retryIntervalMs", "10"),
        ])
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    KafkaSourceFactory::new(None, &options)
}

/// A table of JSON values on a cluster whose topic has these values.
fn json_table(values: &[&str], mode: &str) -> (Cluster, KafkaSourceFactory) {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, values.iter().map(|value| (*value).to_owned()));
    let options = [
        (
            "kafka.bootstrap.servers",
            cluster.broker.bootstrap_servers().as_str(),
        ),
        ("subscribe", "t"),
        ("value.format", "json"),
        ("mode", mode),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let columns = Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Utf8, true),
    ]);
    let factory = KafkaSourceFactory::new(Some(Arc::new(columns)), &options.into()).unwrap();
    (cluster, factory)
}

fn numbers(from: u32, to: u32) -> impl Iterator<Item = String> {
    (from..to).map(|number| number.to_string())
}

/// Partition, offset and value of every row, in the order of the slices.
fn rows(source: &mut dyn Source, range: &Range) -> Vec<(i32, i64, String)> {
    let mut rows = Vec::new();
    for slice in source.read(range, &[1, 3, 4]).unwrap() {
        let batch = (slice.unwrap().decode)().unwrap();
        let values = batch.column(0).as_binary::<i32>();
        let partitions = batch.column(1).as_primitive::<Int32Type>();
        let offsets = batch.column(2).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let value = String::from_utf8(values.value(row).to_vec()).unwrap();
            rows.push((partitions.value(row), offsets.value(row), value));
        }
    }
    rows
}

fn plan(source: &mut dyn Source, start: &Offset) -> Range {
    source
        .plan(start, ReadLimit::Configured, NOW)
        .unwrap()
        .range
}

fn offset(topic: &str, offsets: &[i64]) -> Offset {
    let partitions = (0..).zip(offsets.iter().copied()).collect();
    Offset::Kafka(BTreeMap::from([(topic.to_owned(), partitions)]))
}

#[test]
fn everything_between_earliest_and_latest_is_read_once_and_in_order() {
    let cluster = Cluster::with_topic("t", 2);
    cluster.send("t", 0, numbers(0, 500));
    cluster.send("t", 1, numbers(500, 700));
    let mut source = cluster.open(&[("subscribe", "t"), ("startingOffsets", "earliest")]);
    let start = source.initial_offset().unwrap();
    assert_eq!(start, offset("t", &[0, 0]));
    let range = plan(&mut *source, &start);
    assert_eq!(range.end, offset("t", &[500, 200]));
    let rows = rows(&mut *source, &range);
    let expected: Vec<_> = (0..500)
        .map(|number| (0, number, number.to_string()))
        .chain((0..200).map(|number| (1, number, (500 + number).to_string())))
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_range_reads_the_same_rows_again_and_in_another_life() {
    let cluster = Cluster::with_topic("t", 3);
    for partition in 0..3 {
        cluster.send("t", partition, numbers(0, 400));
    }
    let options = [
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("maxOffsetsPerTrigger", "600"),
        ("maxRecordsPerPartition", "70"),
    ];
    let mut source = cluster.open(&options);
    let start = source.initial_offset().unwrap();
    let first = plan(&mut *source, &start);
    assert_eq!(first.end, offset("t", &[200, 200, 200]));
    let read = rows(&mut *source, &first);
    assert_eq!(read.len(), 600);
    assert_eq!(rows(&mut *source, &first), read);
    assert_eq!(rows(&mut *cluster.open(&options), &first), read);
    let second = plan(&mut *source, &first.end);
    assert_eq!(rows(&mut *source, &second).len(), 600);
}

#[test]
fn reading_that_was_given_up_in_the_middle_starts_again_at_the_start() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 300));
    let mut source = cluster.open(&[
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("maxRecordsPerPartition", "100"),
    ]);
    let start = source.initial_offset().unwrap();
    let range = plan(&mut *source, &start);
    drop(source.read(&range, &[1]).unwrap().next().unwrap().unwrap());
    assert_eq!(rows(&mut *source, &range).len(), 300);
}

#[test]
fn a_new_query_starts_at_the_end_unless_told_otherwise() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 10));
    let mut source = cluster.open(&[("subscribe", "t")]);
    let start = source.initial_offset().unwrap();
    assert_eq!(start, offset("t", &[10]));
    assert!(plan(&mut *source, &start).is_empty());
    cluster.send("t", 0, numbers(10, 12));
    let range = plan(&mut *source, &start);
    let values: Vec<String> = rows(&mut *source, &range)
        .into_iter()
        .map(|(_, _, value)| value)
        .collect();
    assert_eq!(values, ["10", "11"]);
}

#[test]
fn the_minimum_holds_a_batch_back_until_the_delay_is_over() {
    let cluster = Cluster::with_topic("t", 1);
    let mut source = cluster.open(&[
        ("subscribe", "t"),
        ("minOffsetsPerTrigger", "15"),
        ("maxTriggerDelay", "5s"),
    ]);
    let at = |source: &mut dyn Source, start: &Offset, seconds: i64| {
        source
            .plan(start, ReadLimit::Configured, Timestamp(seconds * 1_000))
            .unwrap()
            .range
            .end
    };
    let start = source.initial_offset().unwrap();
    cluster.send("t", 0, numbers(0, 16));
    let first = at(&mut *source, &start, 100);
    assert_eq!(first, offset("t", &[16]));
    cluster.send("t", 0, numbers(0, 6));
    assert_eq!(at(&mut *source, &first, 101), first);
    cluster.send("t", 0, numbers(0, 12));
    let second = at(&mut *source, &first, 102);
    assert_eq!(second, offset("t", &[34]));
    cluster.send("t", 0, numbers(0, 10));
    assert_eq!(at(&mut *source, &second, 103), second);
    assert_eq!(at(&mut *source, &second, 107), offset("t", &[44]));
}

#[test]
fn available_now_ends_where_everything_ended_when_it_was_prepared() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 25));
    let mut source = cluster.open(&[
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("maxOffsetsPerTrigger", "10"),
    ]);
    source.prepare_available_now().unwrap();
    cluster.send("t", 0, numbers(25, 99));
    let mut at = source.initial_offset().unwrap();
    for end in [10, 20, 25, 25] {
        at = plan(&mut *source, &at).end;
        assert_eq!(at, offset("t", &[end]));
    }
}

#[test]
fn metrics_say_how_far_behind_the_end_the_plan_is() {
    let cluster = Cluster::with_topic("t", 2);
    cluster.send("t", 0, numbers(0, 30));
    cluster.send("t", 1, numbers(0, 10));
    let mut source = cluster.open(&[
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("maxOffsetsPerTrigger", "4"),
    ]);
    assert!(source.metrics().is_empty());
    let start = source.initial_offset().unwrap();
    assert_eq!(plan(&mut *source, &start).end, offset("t", &[3, 1]));
    let metrics: Vec<(String, String)> = source.metrics().into_iter().collect();
    let expected = [
        ("avgOffsetsBehindLatest", "18.0"),
        ("maxOffsetsBehindLatest", "27"),
        ("minOffsetsBehindLatest", "9"),
    ];
    assert_eq!(
        metrics,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[test]
fn a_pattern_matches_whole_names() {
    let cluster = Cluster::with_topic("clicks-a", 1);
    cluster.broker.create_topic("clicks-b", 2).unwrap();
    cluster.broker.create_topic("old-clicks-a", 1).unwrap();
    let mut source = cluster.open(&[
        ("subscribePattern", "clicks-.*"),
        ("startingOffsets", "earliest"),
    ]);
    let topics: Vec<String> = source
        .initial_offset()
        .unwrap()
        .kafka()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(topics, ["clicks-a", "clicks-b"]);
}

#[test]
fn assigned_partitions_only_are_read() {
    let cluster = Cluster::with_topic("t", 3);
    cluster.send("t", 0, numbers(0, 5));
    cluster.send("t", 2, numbers(5, 8));
    let mut source = cluster.open(&[
        ("assign", "{\"t\":[1,2]}"),
        ("startingOffsets", "{\"t\":{\"1\":-2,\"2\":1}}"),
    ]);
    let start = source.initial_offset().unwrap();
    let range = plan(&mut *source, &start);
    assert_eq!(
        rows(&mut *source, &range),
        [(2, 1, "6".to_owned()), (2, 2, "7".to_owned())]
    );
}

#[test]
fn offsets_must_name_exactly_the_partitions_that_are_read() {
    let cluster = Cluster::with_topic("t", 2);
    let mut source = cluster.open(&[("subscribe", "t"), ("startingOffsets", "{\"t\":{\"0\":0}}")]);
    let error = source.initial_offset().unwrap_err();
    assert_eq!(
        error.condition(),
        Some("KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED")
    );
}

#[test]
fn a_missing_topic_is_named_and_not_created() {
    let cluster = Cluster::with_topic("t", 1);
    let mut source = cluster.open(&[("subscribe", "clicsk"), ("fetchOffset.numRetries", "0")]);
    for _ in 0..2 {
        let error = source.initial_offset().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("topic=`clicsk`"), "{error}");
    }
}

#[test]
fn an_unreachable_broker_is_unavailable_and_named() {
    // A port that was free a moment ago: nothing answers there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let servers = format!("127.0.0.1:{port}");
    let clock = crate::clock::SystemClock::new();
    let mut source = factory(&servers, &[("subscribe", "t")])
        .unwrap()
        .open()
        .unwrap();
    let error = source.initial_offset().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&servers), "{error}");
    assert!(crate::clock::Clock::monotonic(&clock) < Duration::from_secs(10));
}

#[test]
fn a_partition_that_ends_before_the_place_that_was_reached_is_a_loss() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 5));
    let mut source = cluster.open(&[("subscribe", "t")]);
    let error = source
        .plan(&offset("t", &[9]), ReadLimit::Configured, NOW)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert_eq!(
        error.condition(),
        Some("KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED")
    );
    assert!(error.to_string().contains("failOnDataLoss"), "{error}");

    let mut lenient = cluster.open(&[("subscribe", "t"), ("failOnDataLoss", "false")]);
    let range = plan(&mut *lenient, &offset("t", &[9]));
    assert!(rows(&mut *lenient, &range).is_empty());
    let next = plan(&mut *lenient, &range.end);
    assert_eq!(rows(&mut *lenient, &next).len(), 5, "from the earliest");
}

#[test]
fn a_range_that_is_gone_is_a_loss_also_on_a_replay() {
    let cluster = Cluster::with_topic("t", 1);
    // The mock cluster keeps 5 MiB a partition.
    let big = "x".repeat(500_000);
    for _ in 0..16 {
        cluster.send("t", 0, [big.clone()]);
    }
    let range = Range {
        start: offset("t", &[0]),
        end: offset("t", &[16]),
        detail: None,
    };
    let mut source = cluster.open(&[("subscribe", "t")]);
    let error = source
        .plan(&range.start, ReadLimit::Configured, NOW)
        .unwrap_err();
    assert_eq!(
        error.condition(),
        Some("KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE")
    );
    let error = source
        .read(&range, &[4])
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(error.to_string().contains("lost_from=`0`"), "{error}");

    let mut lenient = cluster.open(&[("subscribe", "t"), ("failOnDataLoss", "false")]);
    let offsets: Vec<i64> = rows(&mut *lenient, &range)
        .into_iter()
        .map(|(_, offset, _)| offset)
        .collect();
    assert_eq!(offsets.last(), Some(&15));
    assert!(offsets.first().is_some_and(|first| *first > 0));
}

#[test]
fn errors_of_the_broker_that_pass_are_waited_out() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 50));
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ];
    cluster
        .broker
        .cluster()
        .request_errors(rdkafka::types::RDKafkaApiKey::Fetch, &errors);
    let mut source = cluster.open(&[("subscribe", "t"), ("startingOffsets", "earliest")]);
    let start = source.initial_offset().unwrap();
    let range = plan(&mut *source, &start);
    assert_eq!(rows(&mut *source, &range).len(), 50);
}

#[test]
fn rows_without_columns_are_counted() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 7));
    let batches = cluster
        .factory(&[("subscribe", "t")])
        .read_static(&[])
        .unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!((rows, batches[0].num_columns()), (7, 0));
}

#[test]
fn a_table_reads_between_two_positions_and_refuses_them_reversed() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 10));
    let between = |start: &str, end: &str| {
        let starting = format!("{{\"t\":{{\"0\":{start}}}}}");
        let ending = format!("{{\"t\":{{\"0\":{end}}}}}");
        cluster
            .factory(&[
                ("subscribe", "t"),
                ("startingOffsets", &starting),
                ("endingOffsets", &ending),
            ])
            .read_static(&[4])
    };
    let batches = between("2", "5").unwrap();
    let offsets = batches[0].column(0).as_primitive::<Int64Type>();
    assert_eq!(offsets.values(), &[2, 3, 4]);
    assert_eq!(
        between("5", "2").unwrap_err().condition(),
        Some("UNRESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET")
    );
    assert_eq!(between("2", "-1").unwrap()[0].num_rows(), 8);
}

#[test]
fn slices_are_as_small_as_the_options_ask() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, numbers(0, 100));
    let count = |key: &str, value: &str| {
        let mut source = cluster.open(&[
            ("subscribe", "t"),
            ("startingOffsets", "earliest"),
            (key, value),
        ]);
        let start = source.initial_offset().unwrap();
        let range = plan(&mut *source, &start);
        source.read(&range, &[1]).unwrap().count()
    };
    assert_eq!(count("minPartitions", "4"), 4);
    assert_eq!(count("maxRecordsPerPartition", "30"), 4);
    assert_eq!(count("includeHeaders", "true"), 1);
}

#[test]
fn json_values_become_the_declared_columns() {
    let values = ["{\"a\":1,\"b\":\"x\",\"c\":[]}", "{\"b\":\"y\"}", "no json"];
    let (_cluster, factory) = json_table(&values, "PERMISSIVE");
    let batches = factory.read_static(&[1, 0]).unwrap();
    let texts = batches[0].column(0).as_string::<i32>();
    let numbers = batches[0].column(1).as_primitive::<Int64Type>();
    assert_eq!(
        texts.iter().collect::<Vec<_>>(),
        [Some("x"), Some("y"), None]
    );
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(1), None, None]);
    assert_eq!(factory.read_static(&[]).unwrap()[0].num_rows(), 3);
}

#[test]
fn a_bad_json_value_is_named_by_its_place_or_dropped() {
    let values = ["{\"a\":1}", "{\"a\":", "{\"a\":3}"];
    let (_cluster, factory) = json_table(&values, "FAILFAST");
    let error = factory.read_static(&[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(
        error
            .to_string()
            .contains("topic=`t`, partition=`0`, offset=`1`"),
        "{error}"
    );
    let (_cluster, factory) = json_table(&values, "DROPMALFORMED");
    assert_eq!(factory.read_static(&[0]).unwrap()[0].num_rows(), 2);
    assert_eq!(factory.read_static(&[]).unwrap()[0].num_rows(), 2);
}

#[test]
fn json_needs_columns_and_columns_need_json() {
    let options = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        [("kafka.bootstrap.servers", "b:1"), ("subscribe", "t")]
            .iter()
            .chain(pairs)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let columns = Some(Arc::new(Schema::new(vec![Field::new(
        "a",
        DataType::Int64,
        true,
    )])));
    let json = options(&[("value.format", "json")]);
    assert!(KafkaSourceFactory::new(None, &json).is_err());
    assert!(KafkaSourceFactory::new(columns.clone(), &options(&[])).is_err());
    assert!(KafkaSourceFactory::new(columns, &json).is_ok());
    let spark = slice::message_schema(false);
    assert!(KafkaSourceFactory::new(Some(spark), &options(&[])).is_ok());
}

#[test]
fn a_read_that_gets_nothing_hears_that_a_stop_was_asked_for() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, ["a".to_owned()]);
    let mut source = cluster.open(&[("subscribe", "t"), ("startingOffsets", "earliest")]);
    let stop = StopSignal::default();
    source.listen_to(&stop);
    let start = source.initial_offset().unwrap();
    let range = source
        .plan(&start, ReadLimit::Configured, NOW)
        .unwrap()
        .range;
    let hangs = Duration::from_secs(600);
    cluster
        .broker
        .cluster()
        .broker_round_trip_time(1, hangs)
        .unwrap();
    let mut slices = source.read(&range, &[1]).unwrap();
    stop.set();
    let error = slices.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    assert!(
        error.to_string().contains("kafka.bootstrap.servers"),
        "{error}"
    );
    let error = source
        .plan(&range.end, ReadLimit::Configured, NOW)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
}

#[test]
fn a_batch_that_is_coming_is_finished_after_a_stop_was_asked_for() {
    let cluster = Cluster::with_topic("t", 1);
    cluster.send("t", 0, ["a".to_owned(), "b".to_owned()]);
    let mut source = cluster.open(&[("subscribe", "t"), ("startingOffsets", "earliest")]);
    let stop = StopSignal::default();
    source.listen_to(&stop);
    let start = source.initial_offset().unwrap();
    let range = source
        .plan(&start, ReadLimit::Configured, NOW)
        .unwrap()
        .range;
    stop.set();
    let slices = source.read(&range, &[1]).unwrap();
    let rows = slices.map(|slice| (slice.unwrap().decode)().unwrap().num_rows());
    assert_eq!(rows.sum::<usize>(), 2);
}
