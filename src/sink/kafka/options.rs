//! The options of the Kafka sink, parsed and checked in one place.

use super::json::JsonRows;
use crate::error::{Error, Result};
use crate::format::json::{JsonOptions, JsonWriteOptions};
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
    /// `value.format` `json`: rows are written as JSON. `None`: Spark's columns.
    pub(super) json: Option<JsonRows>,
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
        let json = parse_json(&mut options)?;
        options.finish()?;
        Ok(KafkaSinkOptions {
            settings,
            topic,
            json,
        })
    }
}

fn parse_json(options: &mut Options) -> Result<Option<JsonRows>> {
    let key_columns = options.take("key.columns");
    match options.take("value.format") {
        Some(format) if format.eq_ignore_ascii_case("json") => {}
        Some(format) => return Err(options.refuse("value.format", "json", format)),
        None if key_columns.is_some() => {
            return Err(Error::invalid(
                "the key of Spark's columns is the column `key`; key.columns goes with value.format `json`. option=`key.columns`",
            ));
        }
        None => return Ok(None),
    }
    let write = JsonWriteOptions::take(&mut options.clone(), "UTC")?;
    // A table can be read and written: the options of both are known.
    JsonWriteOptions::take(options, "UTC")?;
    JsonOptions::take(options, "UTC")?;
    let key_columns = key_columns.unwrap_or_default();
    Ok(Some(JsonRows {
        options: write,
        key_columns: key_columns
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    }))
}
