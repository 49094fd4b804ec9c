//! Kafka as a source, with Spark's options and columns.
//!
//! Partitions are assigned, never subscribed to through a group; offsets live in the checkpoint and nowhere else. The life of
//! a batch:
//! 1. [`Source::plan`] asks for the partitions and where they begin and end (`offset_reader`), compares that with where
//!    reading stands (`loss` says what is gone), and fixes the end within the limits (`limit`).
//! 2. [`Source::read`] takes the range out of librdkafka's queues (`range_reader`, `fetcher`, `batch_consumer`) in slices of
//!    undecoded bytes (`slice`), which other threads decode (`decode`). Meanwhile, fetching goes on behind the range.
//!
//! A range is finished when the next message's offset is at or past its end, or the partition reports its end there: never by
//! counting, as compacted topics and transactions leave gaps.
//!
//! A partition that appears during the query is read from its first message on. That offset is part of the plan record
//! ([`Range::detail`]), so that a replay reads the same. So are the ids of the topics, which tell a topic from another that was
//! created later under its name: its offsets may look right and mean other messages.

mod batch_consumer;
mod decode;
mod fetcher;
mod limit;
mod loss;
mod offset_reader;
mod options;
mod position;
mod range_reader;
mod slice;
mod table;
mod topic_ids;

use crate::batch::Timestamp;
use crate::clock::StopSignal;
use crate::error::{Error, ErrorKind, Result};
use crate::format::nullable_schema;
use crate::offset::{Offset, Range};
use crate::source::{Planned, ReadLimit, Slices, Source, SourceFactory};
use crate::types;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use fetcher::{Fetcher, Part, SliceLimit};
use limit::Minimum;
use loss::Loss;
use offset_reader::{Extent, OffsetReader};
use options::{KafkaSourceOptions, ValueFormat};
use position::{ByPartition, Partitions, Position, Subscription, pairs, value_of};
use range_reader::{Connections, RangeReader};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Kafka topics as a stream or a table: what a plan holds.
#[derive(Debug, Clone)]
pub struct KafkaSourceFactory {
    options: Arc<KafkaSourceOptions>,
    schema: SchemaRef,
}

impl KafkaSourceFactory {
    /// A source with these options. Without declared columns it has Spark's: `key`, `value`, `topic`, `partition`, `offset`,
    /// `timestamp`, `timestampType` and, with `includeHeaders`, `headers`. Declared columns are the fields of JSON values and
    /// need `value.format` `json`.
    ///
    /// Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// `Invalid`: an option is missing, unknown or bad; columns without `value.format`, or the other way round.
    pub fn new(
        columns: Option<SchemaRef>,
        options: &BTreeMap<String, String>,
    ) -> Result<KafkaSourceFactory> {
        let options = KafkaSourceOptions::parse(options)?;
        let spark = slice::message_schema(options.includes_headers);
        let schema = match (&options.value_format, columns) {
            (ValueFormat::Bytes, None) => spark,
            (ValueFormat::Bytes, Some(columns)) if is_same(&columns, &spark) => spark,
            (ValueFormat::Bytes, Some(_)) => {
                return Err(Error::invalid(
                    "a Kafka table has Spark's columns (key, value, topic, …): leave the columns out, or say how values become columns with the option `value.format` `json`",
                ));
            }
            (ValueFormat::Json(_), Some(columns)) => Arc::new(nullable_schema(&columns)),
            (ValueFormat::Json(_), None) => {
                return Err(Error::invalid(
                    "a Kafka table with `value.format` `json` needs its columns declared: `CREATE TABLE t (name TYPE, …)`",
                ));
            }
        };
        // A column that the format cannot read is refused here, not when the query runs.
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        decode::decoder(&options, &schema, &all)?;
        Ok(KafkaSourceFactory {
            options: Arc::new(options),
            schema,
        })
    }
}

/// Whether these are Spark's columns, written out.
fn is_same(columns: &SchemaRef, spark: &SchemaRef) -> bool {
    columns.fields().len() == spark.fields().len()
        && columns
            .fields()
            .iter()
            .zip(spark.fields())
            .all(|(left, right)| {
                left.name().eq_ignore_ascii_case(right.name())
                    && left.data_type() == right.data_type()
            })
}

impl SourceFactory for KafkaSourceFactory {
    fn identity(&self) -> String {
        let schema = match &self.options.value_format {
            ValueFormat::Bytes => String::new(),
            ValueFormat::Json(_) => {
                let columns: Vec<String> = self
                    .schema
                    .fields()
                    .iter()
                    .map(|field| {
                        format!(
                            "{} {}",
                            field.name(),
                            types::simple_string(field.data_type())
                        )
                    })
                    .collect();
                format!(" into {}", columns.join(", "))
            }
        };
        format!("{}{schema}", self.options.identity())
    }

    /// What is subscribed to, as Spark's source has it.
    fn checkpoint_name(&self) -> String {
        format!("kafka {}", self.options.subscription)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        self.options.check_for_stream()?;
        Ok(Box::new(KafkaSource::open(
            Arc::clone(&self.options),
            Arc::clone(&self.schema),
        )?))
    }

    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        self.options.check_for_table()?;
        table::read(&self.options, &self.schema, columns)
    }
}

/// What a plan record keeps of a range besides its ends.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Detail {
    /// Where partitions that are not in the start begin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    added: ByPartition,
    /// The ids of the topics.
    #[serde(default, skip_serializing_if = "TopicIds::is_empty")]
    topic_ids: TopicIds,
}

/// Ids by the name of the topic; topics of brokers that know no ids are missing.
type TopicIds = BTreeMap<String, String>;

impl Detail {
    fn of(range: &Range) -> Result<Detail> {
        match &range.detail {
            None => Ok(Detail::default()),
            Some(detail) => serde_json::from_value(detail.clone()).map_err(|cause| {
                Error::new(
                    ErrorKind::Incompatible,
                    format!("the detail of a Kafka range is of another version. detail=`{detail}`"),
                )
                .with_source(cause)
            }),
        }
    }

    fn to_value(&self) -> Result<Option<serde_json::Value>> {
        if self.added.is_empty() && self.topic_ids.is_empty() {
            return Ok(None);
        }
        serde_json::to_value(self)
            .map(Some)
            .map_err(|cause| Error::internal("the detail of a Kafka range").with_source(cause))
    }
}

/// Kafka topics as a stream.
struct KafkaSource {
    options: Arc<KafkaSourceOptions>,
    schema: SchemaRef,
    connections: Connections,
    minimum: Minimum,
    /// Of the topics as they were last read.
    topic_ids: TopicIds,
    /// Whether the ids were compared with those of the brokers in this life of the query.
    are_ids_compared: bool,
    /// Trigger available-now: where everything ended when it was prepared.
    pinned: Option<ByPartition>,
    /// End of the last plan, and where everything ended then.
    last_plan: Option<(ByPartition, ByPartition)>,
}

/// What waits to be read, before limits.
struct Waiting {
    /// Where reading goes on, in every partition that is there.
    begin: ByPartition,
    /// Where partitions begin that are new.
    added: ByPartition,
    latest: ByPartition,
}

impl KafkaSource {
    fn open(options: Arc<KafkaSourceOptions>, schema: SchemaRef) -> Result<KafkaSource> {
        let connections = Connections {
            fetcher: Arc::new(Mutex::new(Fetcher::new(&options))),
            offsets: Arc::new(OffsetReader::open(&options)?),
            fails_on_data_loss: options.fails_on_data_loss,
            poll_timeout: options.poll_timeout,
        };
        Ok(KafkaSource {
            options,
            schema,
            connections,
            minimum: Minimum::default(),
            topic_ids: TopicIds::new(),
            are_ids_compared: false,
            pinned: None,
            last_plan: None,
        })
    }

    fn offsets(&self) -> &OffsetReader {
        &self.connections.offsets
    }

    fn report(&self, loss: &Loss) -> Result<()> {
        loss.report(self.options.fails_on_data_loss)
    }

    /// Compares where reading stands with what is there.
    fn look(&mut self, start: &ByPartition) -> Result<Waiting> {
        let mut there = self.offsets().partitions(&self.options.subscription)?;
        if let Some(pinned) = &self.pinned {
            // Available-now reads what was there when it was prepared, and no partition that came later.
            keep_only(&mut there, &position::partitions_of(pinned));
        }
        let deleted = missing(&position::partitions_of(start), &there);
        if !deleted.is_empty() {
            self.report(&Loss::PartitionsDeleted(deleted))?;
        }
        let latest = self.offsets().latest(&there)?;
        if self.are_ids_compared && latest == *start {
            // Nothing has come, and nothing that is to be read can have gone: an idle stream costs two questions a trigger. Should a topic have
            // been created anew up to the same offset, that is found out before the first message behind it is read.
            let mut waiting = Waiting {
                begin: start.clone(),
                added: ByPartition::new(),
                latest,
            };
            self.apply_pin(&mut waiting)?;
            return Ok(waiting);
        }
        let recreated = self.compare_ids(&there, start)?;
        let mut waiting = Waiting {
            begin: ByPartition::new(),
            added: ByPartition::new(),
            latest: latest.clone(),
        };
        for (topic, partition, earliest) in pairs(&self.offsets().earliest(&there)?) {
            let latest = value_of(&latest, topic, partition).unwrap_or(earliest);
            let at = (topic, partition);
            let begin = match value_of(start, topic, partition) {
                Some(_) if recreated.contains(topic) => earliest,
                Some(wanted) => self.continue_at(at, wanted, earliest, latest)?,
                None => self.start_new(at, earliest, &mut waiting.added)?,
            };
            put(&mut waiting.begin, at, begin);
            if latest < begin || recreated.contains(topic) {
                // It is not what it was: this batch reads nothing of it, and ends where the next is to start.
                put(&mut waiting.latest, at, earliest);
            }
        }
        self.apply_pin(&mut waiting)?;
        Ok(waiting)
    }

    /// The topics that were read before and have been created again since. Remembers the ids.
    fn compare_ids(&mut self, there: &Partitions, start: &ByPartition) -> Result<BTreeSet<String>> {
        let current = self.offsets().topic_ids(there)?;
        let was_read = |topic: &String| {
            let offsets = start.get(topic);
            offsets.is_some_and(|offsets| offsets.values().any(|offset| *offset > 0))
        };
        let recreated: BTreeSet<String> = recreated(&self.topic_ids, &current)
            .filter(was_read)
            .collect();
        for topic in &recreated {
            self.report(&Loss::TopicRecreated(topic.clone()))?;
        }
        self.topic_ids.extend(current);
        self.are_ids_compared = true;
        Ok(recreated)
    }

    /// Before a replay, which no plan comes before: whether the topics of the range are still the same.
    fn compare_ids_of_range(&mut self, detail: &Detail, end: &ByPartition) -> Result<()> {
        if self.are_ids_compared || detail.topic_ids.is_empty() {
            return Ok(());
        }
        let current = self.offsets().topic_ids(&position::partitions_of(end))?;
        if let Some(topic) = recreated(&detail.topic_ids, &current).next() {
            self.report(&Loss::TopicRecreated(topic))?;
        }
        self.are_ids_compared = true;
        Ok(())
    }

    /// Where reading of a known partition goes on.
    fn continue_at(
        &self,
        (topic, partition): (&str, i32),
        wanted: i64,
        earliest: i64,
        latest: i64,
    ) -> Result<i64> {
        if wanted < earliest {
            self.report(&Loss::RangeGone {
                topic: topic.to_owned(),
                partition,
                wanted,
                earliest,
            })?;
            return Ok(earliest);
        }
        if wanted > latest {
            self.report(&Loss::OffsetWentBack {
                topic: topic.to_owned(),
                partition,
                wanted,
                latest,
            })?;
        }
        Ok(wanted)
    }

    /// Where reading of a new partition starts.
    fn start_new(
        &self,
        (topic, partition): (&str, i32),
        earliest: i64,
        added: &mut ByPartition,
    ) -> Result<i64> {
        if earliest > 0 {
            self.report(&Loss::AddedNotFromZero {
                topic: topic.to_owned(),
                partition,
                earliest,
            })?;
        }
        tracing::info!(
            "a new partition is read. topic=`{topic}`, partition=`{partition}`, from=`{earliest}`"
        );
        put(added, (topic, partition), earliest);
        Ok(earliest)
    }

    /// Available-now ends where everything ended when it was prepared.
    fn apply_pin(&self, waiting: &mut Waiting) -> Result<()> {
        let Some(pinned) = &self.pinned else {
            return Ok(());
        };
        for (topic, partition, end) in pairs(pinned) {
            let Some(latest) = value_of(&waiting.latest, topic, partition) else {
                continue;
            };
            let is_past = value_of(&waiting.begin, topic, partition).is_some_and(|at| at > end);
            if latest < end && !is_past {
                self.report(&Loss::OffsetWentBack {
                    topic: topic.to_owned(),
                    partition,
                    wanted: end,
                    latest,
                })?;
            }
            put(&mut waiting.latest, (topic, partition), latest.min(end));
        }
        Ok(())
    }

    /// How far the batch reads. `None`: it waits for more.
    fn end_within_limits(
        &mut self,
        waiting: &Waiting,
        limit: ReadLimit,
        now: Timestamp,
    ) -> Option<ByPartition> {
        if limit == ReadLimit::All {
            return Some(waiting.latest.clone());
        }
        // A last batch of available-now is never held back: nothing more would come for it.
        if let Some(minimum) = self
            .options
            .min_offsets_per_trigger
            .filter(|_| self.pinned.is_none())
        {
            let count = limit::waiting(&waiting.begin, &waiting.latest);
            let delay = self.options.max_trigger_delay;
            if !self.minimum.is_met(minimum.get(), delay, count, now) {
                return None;
            }
        }
        Some(match self.options.max_offsets_per_trigger {
            Some(maximum) => limit::share(maximum.get(), &waiting.begin, &waiting.latest),
            None => waiting.latest.clone(),
        })
    }

    /// Checks the start of a new query, where it names offsets.
    fn check_start(&self, start: &ByPartition, partitions: &Partitions) -> Result<ByPartition> {
        let Extent { earliest, latest } = self.offsets().extent(partitions)?;
        let mut checked = start.clone();
        for (topic, partition, wanted) in pairs(start) {
            let earliest = value_of(&earliest, topic, partition).unwrap_or(wanted);
            let latest = value_of(&latest, topic, partition).unwrap_or(wanted);
            if !(earliest..=latest).contains(&wanted) {
                self.report(&Loss::StartOutOfRange {
                    topic: topic.to_owned(),
                    partition,
                    wanted,
                    earliest,
                    latest,
                })?;
                put(
                    &mut checked,
                    (topic, partition),
                    wanted.clamp(earliest, latest),
                );
            }
        }
        Ok(checked)
    }
}

impl Source for KafkaSource {
    fn description(&self) -> String {
        format!("KafkaV2[{}]", self.options.subscription)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        let partitions = existing_partitions(self.offsets(), &self.options)?;
        let position = self.options.starting.clone().unwrap_or(Position::Latest);
        let start =
            self.offsets()
                .resolve(&position, &partitions, self.options.starting_no_match)?;
        let start = match position {
            Position::Offsets(_) => self.check_start(&start, &partitions)?,
            _ => start,
        };
        Ok(Offset::Kafka(start))
    }

    fn plan(&mut self, start: &Offset, limit: ReadLimit, now: Timestamp) -> Result<Planned> {
        let from = start.kafka()?;
        let waiting = self.look(from)?;
        let end = self
            .end_within_limits(&waiting, limit, now)
            .unwrap_or_else(|| from.clone());
        let detail = Detail {
            added: if end == *from {
                ByPartition::new()
            } else {
                waiting.added
            },
            topic_ids: self.topic_ids.clone(),
        };
        self.last_plan = Some((end.clone(), waiting.latest.clone()));
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: Offset::Kafka(end),
                detail: detail.to_value()?,
            },
            latest: Some(Offset::Kafka(waiting.latest)),
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        let decoder = decode::decoder(&self.options, &self.schema, columns)?;
        let mut begin = range.start.kafka()?.clone();
        let end = range.end.kafka()?;
        let detail = Detail::of(range)?;
        self.compare_ids_of_range(&detail, end)?;
        for (topic, partition, offset) in pairs(&detail.added) {
            put(&mut begin, (topic, partition), offset);
        }
        let unknown = missing(
            &position::partitions_of(end),
            &position::partitions_of(&begin),
        );
        for (topic, partition, offset) in pairs(&self.offsets().earliest(&unknown)?) {
            put(&mut begin, (topic, partition), offset);
        }
        let parts = parts(&begin, end);
        let limit = slice_limit(&self.options, &parts);
        let connections = self.connections.clone();
        Ok(Box::new(RangeReader::new(
            connections,
            parts,
            limit,
            decoder,
        )))
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        let partitions = self.offsets().partitions(&self.options.subscription)?;
        self.pinned = Some(self.offsets().latest(&partitions)?);
        Ok(())
    }

    fn listen_to(&mut self, stop: &StopSignal) {
        self.connections.offsets.listen_to(stop);
        self.connections
            .fetcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .listen_to(stop);
    }

    fn recover(&mut self, range: &Range) -> Result<()> {
        self.topic_ids.extend(Detail::of(range)?.topic_ids);
        Ok(())
    }

    fn snapshot(&self) -> Option<serde_json::Value> {
        if self.topic_ids.is_empty() {
            return None;
        }
        serde_json::to_value(&self.topic_ids).ok()
    }

    fn restore(&mut self, snapshot: serde_json::Value) -> Result<()> {
        self.topic_ids = serde_json::from_value(snapshot).map_err(|cause| {
            Error::new(
                ErrorKind::Corrupt,
                "the snapshot of a Kafka source is not one of topic ids",
            )
            .with_source(cause)
        })?;
        Ok(())
    }

    fn metrics(&self) -> BTreeMap<String, String> {
        let Some((end, latest)) = &self.last_plan else {
            return BTreeMap::new();
        };
        behind_latest(end, latest)
    }
}

/// Spark's three numbers of how far reading is behind, over all partitions.
#[expect(clippy::cast_precision_loss, reason = "an average for people")]
fn behind_latest(end: &ByPartition, latest: &ByPartition) -> BTreeMap<String, String> {
    let behind: Vec<i64> = pairs(latest)
        .filter_map(|(topic, partition, latest)| Some(latest - value_of(end, topic, partition)?))
        .collect();
    let (Some(min), Some(max)) = (behind.iter().min(), behind.iter().max()) else {
        return BTreeMap::new();
    };
    let average = behind.iter().sum::<i64>() as f64 / behind.len() as f64;
    BTreeMap::from([
        ("minOffsetsBehindLatest".to_owned(), min.to_string()),
        ("maxOffsetsBehindLatest".to_owned(), max.to_string()),
        ("avgOffsetsBehindLatest".to_owned(), format!("{average:?}")),
    ])
}

/// The topics whose id is another now.
fn recreated(known: &TopicIds, current: &TopicIds) -> impl Iterator<Item = String> {
    known
        .iter()
        .filter(|(topic, id)| current.get(*topic).is_some_and(|now| now != *id))
        .map(|(topic, _)| topic.clone())
}

/// The partitions a query starts with.
///
/// # Errors
///
/// `Invalid`, if a topic that is named is not there.
fn existing_partitions(offsets: &OffsetReader, options: &KafkaSourceOptions) -> Result<Partitions> {
    let found = offsets.partitions(&options.subscription)?;
    let named: Vec<&String> = match &options.subscription {
        Subscription::Topics(topics) => topics.iter().collect(),
        Subscription::Assign(assigned) => assigned.keys().collect(),
        Subscription::Pattern(..) => vec![],
    };
    if let Some(topic) = named.into_iter().find(|topic| !found.contains_key(*topic)) {
        return Err(Error::invalid(format!(
            "there is no such topic; it is not created by reading: create it, or mend the name. topic=`{topic}`, kafka.bootstrap.servers=`{}`",
            options.settings.bootstrap_servers()
        )));
    }
    if let Subscription::Assign(assigned) = &options.subscription {
        let absent = missing(assigned, &found);
        if !absent.is_empty() {
            tracing::warn!(
                "partitions that are assigned are not there, they are read once they are. partitions=`{}`",
                position::list(&absent)
            );
        }
    }
    Ok(found)
}

/// The partitions of `wanted` that are not in `there`.
fn missing(wanted: &Partitions, there: &Partitions) -> Partitions {
    let mut missing = wanted.clone();
    for (topic, partitions) in &mut missing {
        if let Some(found) = there.get(topic) {
            partitions.retain(|partition| !found.contains(partition));
        }
    }
    missing.retain(|_, partitions| !partitions.is_empty());
    missing
}

/// Drops the partitions that are not in `kept`.
fn keep_only(partitions: &mut Partitions, kept: &Partitions) {
    for (topic, numbers) in partitions.iter_mut() {
        numbers.retain(|number| kept.get(topic).is_some_and(|kept| kept.contains(number)));
    }
    partitions.retain(|_, numbers| !numbers.is_empty());
}

fn put(map: &mut ByPartition, (topic, partition): (&str, i32), value: i64) {
    match map.get_mut(topic) {
        Some(partitions) => {
            partitions.insert(partition, value);
        }
        None => {
            map.insert(topic.to_owned(), BTreeMap::from([(partition, value)]));
        }
    }
}

/// What is read of each partition.
fn parts(begin: &ByPartition, end: &ByPartition) -> Vec<Part> {
    end.iter()
        .flat_map(|(topic, partitions)| {
            let name: Arc<str> = Arc::from(topic.as_str());
            partitions.iter().map(move |(partition, end)| Part {
                topic: Arc::clone(&name),
                partition: *partition,
                next: value_of(begin, topic, *partition).unwrap_or(*end),
                end: *end,
            })
        })
        .collect()
}

/// How much a slice takes: `maxRecordsPerPartition` bounds it, `minPartitions` asks for that many slices.
fn slice_limit(options: &KafkaSourceOptions, parts: &[Part]) -> SliceLimit {
    let rows: u64 = parts
        .iter()
        .filter_map(|part| u64::try_from(part.end - part.next).ok())
        .sum();
    let by_count = options
        .min_partitions
        .map_or(u64::MAX, |slices| rows.div_ceil(slices.get()).max(1));
    let by_size = options
        .max_records_per_partition
        .map_or(u64::MAX, u64::from);
    let bound = usize::try_from(by_count.min(by_size)).unwrap_or(usize::MAX);
    SliceLimit {
        rows: bound.min(slice::SLICE_MESSAGES),
        bytes: slice::SLICE_BYTES,
    }
}

#[cfg(test)]
mod tests;
