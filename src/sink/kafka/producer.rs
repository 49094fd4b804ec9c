//! A producer that is handed rows and then waits for all of them.

use super::options::KafkaSinkOptions;
use crate::clock::StopSignal;
use crate::error::{Error, ErrorKind, Result};
use crate::kafka::client::{self, ClientEvents};
use crate::kafka::settings::is_refusal;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one wait for deliveries lasts.
const WAIT: Duration = Duration::from_millis(100);

/// After this many rows, deliveries are served, so that their reports do not pile up.
const ROWS_BETWEEN_POLLS: u64 = 1_000;

/// How often a missing topic is asked for, a second apart: the brokers may be creating it.
const TOPIC_ATTEMPTS: u32 = 4;

/// What is written as one message.
pub(super) struct Record<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Option<OwnedHeaders>,
}

/// What the producer tells: events of the connections, and deliveries.
#[derive(Clone, Default)]
struct Deliveries {
    events: ClientEvents,
    acknowledged: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// The first message that could not be delivered.
#[derive(Clone)]
struct Failure {
    topic: String,
    partition: i32,
    code: RDKafkaErrorCode,
}

impl Deliveries {
    fn failure(&self) -> Option<Failure> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.events.log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.events.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _row: ()) {
        match result {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, message)) => {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| Failure {
                    topic: message.topic().to_owned(),
                    partition: message.partition(),
                    code: error
                        .rdkafka_error_code()
                        .unwrap_or(RDKafkaErrorCode::Unknown),
                });
            }
        }
    }
}

/// A producer for one batch after the other, thrown away after the first failure.
pub(super) struct BatchProducer {
    producer: BaseProducer<Deliveries>,
    deliveries: Deliveries,
    servers: String,
    sent: AtomicU64,
    stop: StopSignal,
}

impl BatchProducer {
    /// # Errors
    ///
    /// `Invalid`, if librdkafka does not take the settings.
    pub(super) fn open(options: &KafkaSinkOptions, stop: StopSignal) -> Result<BatchProducer> {
        let deliveries = Deliveries::default();
        let producer = options
            .settings
            .client_config()
            .create_with_context(deliveries.clone())
            .map_err(|error| client::creation_error("kafka sink", &error))?;
        Ok(BatchProducer {
            producer,
            deliveries,
            servers: options.settings.bootstrap_servers().to_owned(),
            sent: AtomicU64::new(0),
            stop,
        })
    }

    /// Looks whether the topic is there, or comes to be by being asked for.
    ///
    /// # Errors
    ///
    /// `Unavailable`, if no broker answers; `Invalid`, if there is no such topic or we are refused.
    pub(super) fn check_topic(&self, topic: &str) -> Result<()> {
        let doing = format!("look for topic {topic}");
        let timeout = Duration::from_millis(client::UNREACHABLE_MS);
        for attempt in 1..=TOPIC_ATTEMPTS {
            let answer = self.producer.client().fetch_metadata(Some(topic), timeout);
            self.producer.poll(Duration::ZERO);
            let metadata = answer.map_err(|error| {
                let code = error.rdkafka_error_code();
                self.deliveries.events.explain(&doing, &self.servers, code)
            })?;
            let topics = metadata.topics();
            if topics.iter().any(|topic| !topic.partitions().is_empty()) {
                return Ok(());
            }
            let code = topics
                .first()
                .and_then(rdkafka::metadata::MetadataTopic::error)
                .map(RDKafkaErrorCode::from);
            if code.is_some_and(is_refusal) {
                return Err(self.deliveries.events.explain(&doing, &self.servers, code));
            }
            if attempt < TOPIC_ATTEMPTS && self.stop.wait(Duration::from_secs(1)) {
                return Err(client::stopped(&doing, &self.servers));
            }
        }
        Err(Error::invalid(format!(
            "there is no such topic, and the brokers do not create it by themselves: create it, or mend the name. topic=`{topic}`, kafka.bootstrap.servers=`{}`",
            self.servers
        )))
    }

    /// Hands a row over; waits for room if there is none.
    ///
    /// # Errors
    ///
    /// As [`BatchProducer::wait_for_deliveries`].
    pub(super) fn send(&self, row: &Record<'_>) -> Result<()> {
        let mut patience = Patience::new(self);
        loop {
            match self.producer.send(base_record(row)) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(WAIT);
                    patience.check(self)?;
                }
                Err((error, _)) => {
                    return Err(self.failed(&Failure {
                        topic: row.topic.to_owned(),
                        partition: row.partition.unwrap_or(-1),
                        code: error
                            .rdkafka_error_code()
                            .unwrap_or(RDKafkaErrorCode::Unknown),
                    }));
                }
            }
        }
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        if sent.is_multiple_of(ROWS_BETWEEN_POLLS) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until every row that was sent is acknowledged.
    ///
    /// # Errors
    ///
    /// `Unavailable`, if the brokers do not answer; `Invalid`, if they refuse a row; both name its topic and partition.
    pub(super) fn wait_for_deliveries(&self) -> Result<()> {
        let mut patience = Patience::new(self);
        while self.producer.in_flight_count() > 0 {
            // Asks for everything to be sent now, and serves deliveries; running into its time-out is no error here.
            if let Err(error) = self.producer.flush(WAIT)
                && error.rdkafka_error_code() != Some(RDKafkaErrorCode::OperationTimedOut)
            {
                return Err(self.error("flush the rows of a batch", &error));
            }
            patience.check(self)?;
        }
        match self.deliveries.failure() {
            None => Ok(()),
            Some(failure) => Err(self.failed(&failure)),
        }
    }

    fn error(&self, doing: &str, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code();
        self.deliveries.events.explain(doing, &self.servers, code)
    }

    /// An error about a row that was not taken.
    fn failed(&self, failure: &Failure) -> Error {
        let Failure {
            topic,
            partition,
            code,
        } = failure;
        let kind = match code {
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTimestamp => ErrorKind::Invalid,
            code if is_refusal(*code) => ErrorKind::Invalid,
            _ => ErrorKind::Unavailable,
        };
        Error::new(
            kind,
            format!(
                "a row could not be written to Kafka: {code}. topic=`{topic}`, partition=`{partition}`, kafka.bootstrap.servers=`{}`",
                self.servers
            ),
        )
    }
}

fn base_record<'a>(row: &'a Record<'a>) -> BaseRecord<'a, [u8], [u8]> {
    BaseRecord {
        topic: row.topic,
        partition: row.partition,
        payload: row.value,
        key: row.key,
        timestamp: None,
        headers: row.headers.clone(),
        delivery_opaque: (),
    }
}

/// Counts how long nothing was acknowledged.
struct Patience {
    acknowledged: u64,
    idle: Duration,
}

impl Patience {
    fn new(producer: &BatchProducer) -> Patience {
        Patience {
            acknowledged: producer.deliveries.acknowledged.load(Ordering::Relaxed),
            idle: Duration::ZERO,
        }
    }

    /// After another wait: an error, if a row failed, we are refused, brokers in trouble acknowledge nothing for 9 s, or brokers
    /// that are silent do so for 2 s when a stop was asked for.
    fn check(&mut self, producer: &BatchProducer) -> Result<()> {
        let deliveries = &producer.deliveries;
        if let Some(failure) = deliveries.failure() {
            return Err(producer.failed(&failure));
        }
        let acknowledged = deliveries.acknowledged.load(Ordering::Relaxed);
        if acknowledged != self.acknowledged {
            self.acknowledged = acknowledged;
            self.idle = Duration::ZERO;
            deliveries.events.clear();
            return Ok(());
        }
        self.idle += WAIT;
        let doing = "write the rows of a batch";
        if self.idle >= client::STOP_PATIENCE && producer.stop.is_set() {
            return Err(client::stopped(doing, &producer.servers));
        }
        let is_over = self.idle >= Duration::from_millis(client::UNREACHABLE_MS);
        if deliveries.events.is_refused() || (is_over && deliveries.events.is_troubled()) {
            return Err(deliveries.events.explain(doing, &producer.servers, None));
        }
        Ok(())
    }
}
