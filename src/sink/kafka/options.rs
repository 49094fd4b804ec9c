//! The options of the Kafka sink, parsed and checked in one place.

use crate::error::Result;
use crate::kafka::Role;
use crate::kafka::settings::ClientSettings;
use crate::options::Options;
use std::collections::BTreeMap;

/// How a query writes to Kafka.
#[derive(Debug, Clone)]
pub(super) struct KafkaSinkOptions {
    pub(super) settings: ClientSettings,
    /// Wins over the column.
    pub(super) topic: Option<String>,
}

/// A table can be read and written: the options of reading are known here and mean nothing. `includeHeaders` among them: a
/// column `headers` is written if there is one, as Spark does.
const SOURCE_OPTIONS: &[&str] = &[
    "assign",
    "subscribe",
    "subscribePattern",
    "startingOffsets",
    "startingOffsetsByTimestamp",
    "startingOffsetsByTimestampStrategy",
    "startingTimestamp",
    "endingOffsets",
    "endingOffsetsByTimestamp",
    "endingTimestamp",
    "failOnDataLoss",
    "fetchOffset.numRetries",
    "fetchOffset.retryIntervalMs",
    "groupIdPrefix",
    "includeHeaders",
    "kafkaConsumer.pollTimeoutMs",
    "maxOffsetsPerTrigger",
    "maxRecordsPerPartition",
    "maxTriggerDelay",
    "minOffsetsPerTrigger",
    "minPartitions",
    "tidemill.prefetchBytes",
];

impl KafkaSinkOptions {
    /// Parses options.
    ///
    /// # Errors
    ///
    /// `Invalid`: something is missing, unknown, or not what was expected.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<KafkaSinkOptions> {
        let mut options = Options::new("kafka sink", options.clone());
        for key in SOURCE_OPTIONS {
            options.take(key);
        }
        let mut settings = ClientSettings::parse(
            Role::Producer,
            "kafka sink",
            options.take_prefixed("kafka."),
        )?;
        settings.set("enable.idempotence", "true");
        settings.set("acks", "all");
        settings.set_default("socket.keepalive.enable", "true");
        // As Java's producer: equal keys go to the same partition, whichever client wrote them.
        settings.set_default("partitioner", "murmur2_random");
        settings.set_default("message.timeout.ms", "120000");
        let topic = options
            .take("topic")
            .map(|topic| topic.trim().to_owned())
            .filter(|topic| !topic.is_empty());
        options.finish()?;
        Ok(KafkaSinkOptions { settings, topic })
    }
}
