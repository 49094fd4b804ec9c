//! Writes the lines of files into a Kafka topic that it creates: the input of `benches/ad_events/run` from Kafka.
//!
//! Line `i` goes to partition `i` modulo their number, so that all partitions advance in event time together and every load gives
//! the same topic. Settings of the producer are librdkafka's own.
//!
//!     load_topic load SERVERS TOPIC PARTITIONS FILE…
//!     load_topic delete SERVERS TOPIC

#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]

#[path = "../support/kafka_topic.rs"]
mod kafka_topic;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminOptions;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;
use tidemill::{Error, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [command, servers, topic] if command == "delete" => delete(servers, topic),
        [command, servers, topic, partitions, files @ ..] if command == "load" => {
            let partitions: i32 = partitions
                .parse()
                .map_err(|cause| Error::invalid("the number of partitions").with_source(cause))?;
            kafka_topic::create(servers, topic, partitions)?;
            load(servers, topic, partitions, files)
        }
        _ => {
            println!("not run: benches/ad_events/run calls this with what it is to load");
            Ok(())
        }
    }
}

fn delete(servers: &str, topic: &str) -> Result<()> {
    let admin = kafka_topic::admin(servers)?;
    kafka_topic::wait(admin.delete_topics(&[topic], &AdminOptions::new()))
        .map(drop)
        .map_err(|cause| Error::internal("delete the topic").with_source(cause))
}

fn load(servers: &str, topic: &str, partitions: i32, files: &[String]) -> Result<()> {
    let failed = |cause: KafkaError| Error::internal("write the messages").with_source(cause);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .map_err(failed)?;
    let mut turn = (0..partitions).cycle();
    let mut messages = 0_u64;
    for file in files {
        let opened = File::open(file);
        let lines = BufReader::new(opened.map_err(|cause| unreadable(file, cause))?).lines();
        for line in lines {
            let line = line.map_err(|cause| unreadable(file, cause))?;
            send(&producer, topic, turn.next().unwrap_or(0), &line).map_err(failed)?;
            messages += 1;
        }
    }
    producer.flush(Duration::from_secs(120)).map_err(failed)?;
    println!("{messages} messages in {topic}");
    Ok(())
}

fn unreadable(file: &str, cause: std::io::Error) -> Error {
    Error::invalid(format!("a file cannot be read. file=`{file}`")).with_source(cause)
}

fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    line: &str,
) -> std::result::Result<(), KafkaError> {
    loop {
        let record: BaseRecord<'_, str, str> =
            BaseRecord::to(topic).partition(partition).payload(line);
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(100));
            }
            Err((error, _)) => return Err(error),
        }
    }
}
