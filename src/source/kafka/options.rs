//! The options of the Kafka source, parsed and checked in one place. Names and rules are Spark's.

use super::position::{NoMatch, Position, Subscription};
use crate::error::{Error, Result};
use crate::format::json::{JsonOptions, JsonWriteOptions};
use crate::kafka::Role;
use crate::kafka::settings::ClientSettings;
use crate::options::Options;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::time::Duration;

/// Bytes that may wait in memory, fetched and not yet asked for: enough for half a second at 128 MB/s.
const PREFETCH_BYTES: u64 = 64 << 20;

/// The least `tidemill.prefetchBytes`: one fetch of one partition.
const PREFETCH_BYTES_MIN: u64 = 1 << 20;

/// Spark's `spark.network.timeout`, its default of `kafkaConsumer.pollTimeoutMs`.
const POLL_TIMEOUT: Duration = Duration::from_secs(120);

/// Spark's default of `maxTriggerDelay`.
const MAX_TRIGGER_DELAY: Duration = Duration::from_secs(15 * 60);

/// How values are decoded.
#[derive(Debug, Clone)]
pub(super) enum ValueFormat {
    /// Spark's columns: the value is bytes.
    Bytes,
    /// The declared columns are the fields of a JSON object. The options of Spark's JSON source say how it is read.
    Json(Box<JsonOptions>),
}

/// How a query reads from Kafka.
#[derive(Debug, Clone)]
pub(super) struct KafkaSourceOptions {
    pub(super) settings: ClientSettings,
    pub(super) subscription: Subscription,
    /// `None`: `latest` for a stream, `earliest` for a table.
    pub(super) starting: Option<Position>,
    pub(super) starting_no_match: NoMatch,
    /// Only for a table; with the option it came from.
    pub(super) ending: Option<(&'static str, Position)>,
    pub(super) fails_on_data_loss: bool,
    pub(super) max_offsets_per_trigger: Option<NonZeroU64>,
    pub(super) min_offsets_per_trigger: Option<NonZeroU64>,
    pub(super) max_trigger_delay: Duration,
    /// At least about so many slices a batch.
    pub(super) min_partitions: Option<NonZeroU64>,
    /// At most so many rows a slice.
    pub(super) max_records_per_partition: Option<NonZeroU64>,
    pub(super) includes_headers: bool,
    pub(super) poll_timeout: Duration,
    pub(super) offset_retries: u32,
    pub(super) offset_retry_interval: Duration,
    pub(super) group_id_prefix: String,
    pub(super) prefetch_bytes: u64,
    pub(super) value_format: ValueFormat,
}

impl KafkaSourceOptions {
    /// Parses options.
    ///
    /// # Errors
    ///
    /// `Invalid`: something is missing, unknown, contradictory, or not what was expected.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<KafkaSourceOptions> {
        let mut options = Options::new("kafka source", options.clone());
        pass_over_sink_options(&mut options);
        let settings = ClientSettings::parse(
            Role::Consumer,
            "kafka source",
            options.take_prefixed("kafka."),
        )?;
        let subscription = parse_subscription(&mut options)?;
        let starting = parse_starting(&mut options)?;
        let starting_no_match = parse_no_match(&mut options)?;
        let ending = parse_ending(&mut options)?;
        let number = "a number greater than 0";
        let parsed = KafkaSourceOptions {
            settings,
            subscription,
            starting,
            starting_no_match,
            ending,
            fails_on_data_loss: options.boolean("failOnDataLoss", true)?,
            max_offsets_per_trigger: options.parse("maxOffsetsPerTrigger", number)?,
            min_offsets_per_trigger: options.parse("minOffsetsPerTrigger", number)?,
            max_trigger_delay: options
                .duration("maxTriggerDelay")?
                .unwrap_or(MAX_TRIGGER_DELAY),
            min_partitions: options.parse("minPartitions", number)?,
            max_records_per_partition: options.parse("maxRecordsPerPartition", number)?,
            includes_headers: options.boolean("includeHeaders", false)?,
            poll_timeout: options
                .parse("kafkaConsumer.pollTimeoutMs", "milliseconds")?
                .map_or(POLL_TIMEOUT, Duration::from_millis),
            offset_retries: options
                .parse("fetchOffset.numRetries", "a number")?
                .unwrap_or(3),
            offset_retry_interval: options
                .parse("fetchOffset.retryIntervalMs", "milliseconds")?
                .map_or(Duration::from_secs(1), Duration::from_millis),
            group_id_prefix: options
                .take("groupIdPrefix")
                .unwrap_or_else(|| "tidemill-kafka-source".to_owned()),
            prefetch_bytes: options
                .bytes("tidemill.prefetchBytes")?
                .unwrap_or(PREFETCH_BYTES),
            value_format: parse_value_format(&mut options)?,
        };
        parsed.check(&options)?;
        options.finish()?;
        Ok(parsed)
    }

    /// What no option alone can tell.
    fn check(&self, options: &Options) -> Result<()> {
        if let (Some(min), Some(max)) = (self.min_offsets_per_trigger, self.max_offsets_per_trigger)
            && min > max
        {
            return Err(Error::invalid(format!(
                "the minimum is higher than the maximum. minOffsetsPerTrigger=`{min}`, maxOffsetsPerTrigger=`{max}`"
            )));
        }
        if self.prefetch_bytes < PREFETCH_BYTES_MIN {
            return Err(options.refuse(
                "tidemill.prefetchBytes",
                "at least 1m",
                self.prefetch_bytes,
            ));
        }
        if self.settings.get("group.id").is_some() {
            tracing::warn!(
                "kafka.group.id is set: groupIdPrefix is ignored, and consumers of other programs in this group would disturb each other if any of them subscribes"
            );
        }
        Ok(())
    }

    /// Refuses what a stream cannot have.
    ///
    /// # Errors
    ///
    /// `Invalid`, as Spark refuses it.
    pub(super) fn check_for_stream(&self) -> Result<()> {
        match &self.ending {
            Some((key, _)) => Err(Error::invalid(format!(
                "an ending offset is not valid in a streaming query: a stream has no end; read it as a table, or stop with the trigger available-now. option=`{key}`"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses what a table cannot have, and warns of what counts for streams only.
    ///
    /// # Errors
    ///
    /// `Invalid`, as Spark refuses it.
    pub(super) fn check_for_table(&self) -> Result<()> {
        if let Some(position) = &self.starting
            && let Some(at) = position.names_latest()
        {
            return Err(Error::invalid(format!(
                "the starting offset cannot be latest when Kafka is read as a table: there would be nothing to read. startingOffsets=`{at}`"
            )));
        }
        if let Some((_, position)) = &self.ending
            && let Some(at) = position.names_earliest()
        {
            return Err(Error::invalid(format!(
                "the ending offset cannot be earliest when Kafka is read as a table: there would be nothing to read. endingOffsets=`{at}`"
            )));
        }
        if self.max_offsets_per_trigger.is_some() || self.min_offsets_per_trigger.is_some() {
            tracing::warn!(
                "maxOffsetsPerTrigger and minOffsetsPerTrigger do not count when Kafka is read as a table"
            );
        }
        Ok(())
    }

    /// What makes two uses the same source: all that decides which rows there are and what they look like, and nothing of
    /// how fast or how patiently they are read.
    pub(super) fn identity(&self) -> String {
        let mut text = format!(
            "kafka {} from {}",
            self.subscription,
            self.settings.bootstrap_servers()
        );
        if let Some(starting) = &self.starting {
            write_to(&mut text, format_args!(", starting {starting}"));
        }
        if let Some((_, ending)) = &self.ending {
            write_to(&mut text, format_args!(", ending {ending}"));
        }
        if let Some(level) = self.settings.get("isolation.level") {
            write_to(&mut text, format_args!(", {level}"));
        }
        if self.includes_headers {
            text.push_str(", with headers");
        }
        if let ValueFormat::Json(json) = &self.value_format {
            write_to(&mut text, format_args!(", values as json {:?}", json.mode));
        }
        text
    }
}

fn write_to(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("writing to a string does not fail");
}

/// A table can be read and written: the options of the other direction are known here and mean nothing.
fn pass_over_sink_options(options: &mut Options) {
    for key in ["topic", "key.columns"] {
        options.take(key);
    }
}

fn parse_subscription(options: &mut Options) -> Result<Subscription> {
    let given: Vec<(&str, String)> = ["subscribe", "subscribePattern", "assign"]
        .into_iter()
        .filter_map(|key| options.take(key).map(|value| (key, value)))
        .collect();
    match given.as_slice() {
        [(key, value)] => Subscription::parse(key, value),
        [] => Err(Error::invalid(
            "one of these options must be given for the kafka source: subscribe, subscribePattern, assign",
        )),
        _ => Err(Error::invalid(
            "only one of these options can be given for the kafka source: subscribe, subscribePattern, assign",
        )),
    }
}

/// A timestamp for all wins over timestamps by partition, and these over offsets.
fn parse_starting(options: &mut Options) -> Result<Option<Position>> {
    let timestamp = parse_timestamp(options, "startingTimestamp")?;
    let timestamps = parse_timestamps(options, "startingOffsetsByTimestamp")?;
    let offsets = parse_offsets(options, "startingOffsets")?;
    Ok(timestamp.or(timestamps).or(offsets))
}

fn parse_ending(options: &mut Options) -> Result<Option<(&'static str, Position)>> {
    let timestamp = parse_timestamp(options, "endingTimestamp")?;
    let timestamps = parse_timestamps(options, "endingOffsetsByTimestamp")?;
    let offsets = parse_offsets(options, "endingOffsets")?;
    Ok(timestamp
        .map(|position| ("endingTimestamp", position))
        .or(timestamps.map(|position| ("endingOffsetsByTimestamp", position)))
        .or(offsets.map(|position| ("endingOffsets", position))))
}

fn parse_timestamp(options: &mut Options, key: &str) -> Result<Option<Position>> {
    let millis: Option<u64> = options.parse(key, "milliseconds since 1970")?;
    Ok(millis.map(|millis| Position::Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))))
}

fn parse_timestamps(options: &mut Options, key: &str) -> Result<Option<Position>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    serde_json::from_str::<BTreeMap<String, BTreeMap<i32, i64>>>(&value)
        .ok()
        .filter(|topics| {
            topics
                .values()
                .flat_map(BTreeMap::values)
                .all(|at| *at >= 0)
        })
        .map(|topics| Some(Position::Timestamps(topics)))
        .ok_or_else(|| {
            options.refuse(
                key,
                "milliseconds by partition such as {\"topic\":{\"0\":1500000000000}}",
                &value,
            )
        })
}

fn parse_offsets(options: &mut Options, key: &str) -> Result<Option<Position>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    let text = value.trim();
    if text.eq_ignore_ascii_case("earliest") {
        return Ok(Some(Position::Earliest));
    }
    if text.eq_ignore_ascii_case("latest") {
        return Ok(Some(Position::Latest));
    }
    serde_json::from_str::<BTreeMap<String, BTreeMap<i32, i64>>>(text)
        .ok()
        .filter(|topics| topics.values().flat_map(BTreeMap::values).all(|at| *at >= -2))
        .map(|topics| Some(Position::Offsets(topics)))
        .ok_or_else(|| {
            options.refuse(
                key,
                "earliest, latest, or offsets by partition such as {\"topic\":{\"0\":23,\"1\":-2}} with -2 for earliest and -1 for latest",
                &value,
            )
        })
}

fn parse_no_match(options: &mut Options) -> Result<NoMatch> {
    let key = "startingOffsetsByTimestampStrategy";
    match options.take(key) {
        None => Ok(NoMatch::Error),
        Some(value) if value.eq_ignore_ascii_case("error") => Ok(NoMatch::Error),
        Some(value) if value.eq_ignore_ascii_case("latest") => Ok(NoMatch::Latest),
        Some(value) => Err(options.refuse(key, "error or latest", value)),
    }
}

fn parse_value_format(options: &mut Options) -> Result<ValueFormat> {
    match options.take("value.format") {
        None => Ok(ValueFormat::Bytes),
        Some(value) if value.eq_ignore_ascii_case("json") => {
            let json = JsonOptions::take(&mut options.clone(), "UTC")?;
            // A table can be read and written: the options of both are known.
            JsonOptions::take(options, "UTC")?;
            JsonWriteOptions::take(options, "UTC")?;
            Ok(ValueFormat::Json(Box::new(json)))
        }
        Some(value) => Err(options.refuse("value.format", "json", value)),
    }
}

#[cfg(test)]
mod tests;
