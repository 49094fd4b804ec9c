//! The real Apache Kafka broker of the tests: topics of their own, rows in them.
//!
//! It is that of `KAFKA_BOOTSTRAP_SERVERS` (`scripts/kafka start`). Without it the tests that need it are not run, and the closing line says so.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset as NativeOffset, TopicPartitionList};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// How long the broker may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the broker is.
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// Where its listener with passwords is.
pub(crate) const SASL_SERVERS: &str = "KAFKA_SASL_BOOTSTRAP_SERVERS";

/// Why tests that need a broker cannot run, if they cannot.
pub(crate) fn missing() -> Option<String> {
    unset(
        SERVERS,
        "scripts/kafka start starts a broker and says where it is",
    )
}

/// Why tests that need its listener with passwords cannot run, if they cannot.
pub(crate) fn missing_sasl() -> Option<String> {
    unset(
        SASL_SERVERS,
        "scripts/kafka start --sasl has it, two ports up",
    )
}

/// That a variable is not set, if it is not, and how to set it.
fn unset(variable: &str, how: &str) -> Option<String> {
    let is_set = std::env::var(variable).is_ok_and(|value| !value.is_empty());
    (!is_set).then(|| format!("{variable} is not set: {how}"))
}

/// Numbers the topics of this process.
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A connection to the broker.
pub(crate) struct Broker {
    pub(crate) servers: String,
    admin: AdminClient<DefaultClientContext>,
    pub(crate) producer: BaseProducer,
}

impl Broker {
    /// That of the environment.
    pub(crate) fn of_environment() -> Broker {
        let servers = std::env::var(SERVERS).unwrap();
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &servers)
            .set("message.max.bytes", "20000000")
            .set("sticky.partitioning.linger.ms", "0");
        Broker {
            admin: config.create().unwrap(),
            producer: config.create().unwrap(),
            servers,
        }
    }

    /// A new topic with a name of its own.
    pub(crate) fn topic(&self, partitions: i32, settings: &[(&str, &str)]) -> String {
        let number = TOPICS.fetch_add(1, Ordering::Relaxed);
        let name = format!("it-{}-{number}", std::process::id());
        self.create_topic(&name, partitions, settings);
        name
    }

    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let results = wait(self.admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        for result in results {
            result.unwrap();
        }
        self.wait_for_partitions(name, partitions);
    }

    pub(crate) fn delete_topic(&self, name: &str) {
        let results = wait(self.admin.delete_topics(&[name], &AdminOptions::new())).unwrap();
        for result in results {
            result.unwrap();
        }
        self.wait_for_partitions(name, 0);
    }

    pub(crate) fn add_partitions(&self, name: &str, partitions: i32) {
        let count = usize::try_from(partitions).unwrap();
        let new = NewPartitions::new(name, count);
        let results = wait(self.admin.create_partitions([&new], &AdminOptions::new())).unwrap();
        for result in results {
            result.unwrap();
        }
        self.wait_for_partitions(name, partitions);
    }

    /// Waits until the broker tells of so many partitions that have a leader.
    fn wait_for_partitions(&self, name: &str, partitions: i32) {
        let expected = usize::try_from(partitions).unwrap();
        for _ in 0..300 {
            let client: BaseProducer = ClientConfig::new()
                .set("bootstrap.servers", &self.servers)
                .set("allow.auto.create.topics", "false")
                .create()
                .unwrap();
            let metadata = client.client().fetch_metadata(Some(name), TIMEOUT).unwrap();
            let found = metadata.topics()[0]
                .partitions()
                .iter()
                .filter(|partition| partition.leader() >= 0)
                .count();
            if found == expected {
                return;
            }
        }
        panic!("the topic does not get {partitions} partitions: {name}");
    }

    /// Deletes everything before an offset.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, NativeOffset::Offset(before))
            .unwrap();
        wait(self.admin.delete_records(&list, &AdminOptions::new())).unwrap();
    }

    pub(crate) fn send(
        &self,
        topic: &str,
        partition: i32,
        values: impl IntoIterator<Item = String>,
    ) {
        // A producer of its own: one that knows the topic already may not know its newest partitions.
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("message.max.bytes", "20000000")
            .create()
            .unwrap();
        send(&producer, topic, partition, values);
        producer.flush(TIMEOUT).unwrap();
    }

    /// Sends values to the partitions that stand beside them, fast, and waits until the broker has them all.
    pub(crate) fn send_all(&self, topic: &str, values: impl IntoIterator<Item = (i32, String)>) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "20")
            .create()
            .unwrap();
        for (partition, value) in values {
            let mut record: BaseRecord<'_, str, str> =
                BaseRecord::to(topic).partition(partition).payload(&value);
            while let Err((error, refused)) = producer.send(record) {
                let code = error.rdkafka_error_code();
                assert_eq!(code, Some(RDKafkaErrorCode::QueueFull), "{error}");
                // It takes all reports of this time, not only the first, so the time is short.
                producer.poll(Duration::from_millis(20));
                record = refused;
            }
        }
        producer.flush(TIMEOUT).unwrap();
    }

    /// The offset of the next message.
    pub(crate) fn end_offset(&self, topic: &str, partition: i32) -> i64 {
        let client = self.producer.client();
        client
            .fetch_watermarks(topic, partition, TIMEOUT)
            .unwrap()
            .1
    }
}

/// Sends values to a partition.
pub(crate) fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    values: impl IntoIterator<Item = String>,
) {
    for value in values {
        let record: BaseRecord<'_, str, str> =
            BaseRecord::to(topic).partition(partition).payload(&value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
}

/// Waits for a future of the admin client on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
