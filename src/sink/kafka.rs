//! Kafka as a sink, with Spark's columns: `value` (needed), `key`, `topic`, `partition`, `headers`; the option `topic` wins over
//! the column. With `value.format` `json` the whole row is written as a JSON object instead, and the columns that `key.columns`
//! names are the key.
//!
//! **At least once**: every row of a batch is acknowledged by all in-sync replicas before the batch is committed, and the
//! producer is idempotent, so that its own retries add nothing. But a batch that comes again after a crash is written again.
//!
//! A batch is written in two steps: hand all rows to the producer, serving deliveries whenever its queue is full; wait until the
//! last one is acknowledged. After any failure the producer is thrown away, for what it still held belongs to a batch that will
//! come again.

mod columns;
mod json;
mod options;
mod producer;

use crate::clock::StopSignal;
use crate::error::Result;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use crate::{batch::BatchId, error::Error};
use arrow::datatypes::SchemaRef;
use columns::{Layout, Rows};
use options::KafkaSinkOptions;
use producer::{BatchProducer, Record};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Kafka sink that is declared.
#[derive(Debug, Clone)]
pub struct KafkaSinkFactory {
    options: Arc<KafkaSinkOptions>,
}

impl KafkaSinkFactory {
    /// A sink with these options. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// `Invalid`: an option is missing, unknown or bad.
    pub fn new(options: &BTreeMap<String, String>) -> Result<KafkaSinkFactory> {
        Ok(KafkaSinkFactory {
            options: Arc::new(KafkaSinkOptions::parse(options)?),
        })
    }
}

impl SinkFactory for KafkaSinkFactory {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(KafkaSink {
            options: Arc::clone(&self.options),
            layout: None,
            stop: StopSignal::default(),
            producer: None,
        }))
    }
}

/// A Kafka sink of one query.
struct KafkaSink {
    options: Arc<KafkaSinkOptions>,
    /// Which columns are what; known from the start on.
    layout: Option<Layout>,
    stop: StopSignal,
    /// `None` before the first batch and after a failure.
    producer: Option<BatchProducer>,
}

impl KafkaSink {
    fn resolve(&self, schema: &SchemaRef) -> Result<Layout> {
        match &self.options.json {
            Some(json) => Layout::resolve(&*json.schema(schema)?, &self.options),
            None => Layout::resolve(schema, &self.options),
        }
    }

    fn write(
        &self,
        producer: &BatchProducer,
        layout: &Layout,
        batch: &SinkBatch<'_>,
    ) -> Result<()> {
        for record_batch in batch.rows {
            let encoded = match &self.options.json {
                Some(json) => &json.encode(record_batch)?,
                None => record_batch,
            };
            let rows = Rows::new(layout, encoded)?;
            for row in 0..encoded.num_rows() {
                let topic = match &self.options.topic {
                    Some(topic) => topic,
                    None => rows.topic(row).ok_or_else(null_topic)?,
                };
                producer.send(&Record {
                    topic,
                    partition: rows.partition(row),
                    key: rows.key(row),
                    value: rows.value(row),
                    headers: rows.headers(row),
                })?;
            }
        }
        producer.wait_for_deliveries()
    }
}

fn null_topic() -> Error {
    Error::data(
        "the Kafka message data sent to the producer contains a null topic; use the `topic` option for setting a default topic",
    )
    .with_condition("KAFKA_NULL_TOPIC_IN_DATA")
}

impl Sink for KafkaSink {
    fn description(&self) -> String {
        let topic = self.options.topic.as_deref().unwrap_or("by column topic");
        format!("KafkaSink[{topic}, at least once]")
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn listen_to(&mut self, stop: &StopSignal) {
        self.stop = stop.clone();
    }

    fn start(
        &mut self,
        schema: &SchemaRef,
        _mode: OutputMode,
        _last_committed: Option<BatchId>,
    ) -> Result<()> {
        self.layout = Some(self.resolve(schema)?);
        let producer = BatchProducer::open(&self.options, self.stop.clone())?;
        if let Some(topic) = &self.options.topic {
            producer.check_topic(topic)?;
        }
        self.producer = Some(producer);
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => self.resolve(batch.schema)?,
        };
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => BatchProducer::open(&self.options, self.stop.clone())?,
        };
        let written = self.write(&producer, &layout, batch);
        self.layout = Some(layout);
        if written.is_ok() {
            self.producer = Some(producer);
        }
        written
    }
}

#[cfg(test)]
mod tests;
