//! How many messages a second come out of Kafka into record batches, and what does one cost?
//!
//! On the real broker of `KAFKA_BOOTSTRAP_SERVERS` (`scripts/kafka start`), over a topic of 4 partitions with ad events of about
//! 250 bytes in JSON, written once and kept for later runs. Three ways to read it, each as one range, as a batch would:
//!
//! - `raw`: librdkafka's batch call alone, through the source, with no column asked for: the floor;
//! - `value`: the column `value`;
//! - `json`: three declared columns (two strings, one number) out of the values.
//!
//! Decoding runs on rayon, next to the thread that fetches. The cost counts the CPU time of this process with all threads of
//! librdkafka, but not the broker's, which works on the same machine; so the wall clock is that of a loaded machine.
//!
//! Messages: `KAFKA_FETCH_MESSAGES` (3 000 000).

#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]

#[path = "support/kafka_topic.rs"]
mod kafka_topic;
#[path = "support/process_time.rs"]
mod process_time;

use arrow::datatypes::{DataType, Field, Schema};
use process_time::cpu_seconds;
use rayon::prelude::*;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidemill::batch::Timestamp;
use tidemill::source::kafka::KafkaSourceFactory;
use tidemill::source::{ReadLimit, SourceFactory};
use tidemill::{Error, Result};

const PARTITIONS: i32 = 4;
const RUNS: usize = 3;

fn main() -> Result<()> {
    let Ok(servers) = std::env::var("KAFKA_BOOTSTRAP_SERVERS") else {
        println!("not run: KAFKA_BOOTSTRAP_SERVERS is not set, start a broker with scripts/kafka");
        return Ok(());
    };
    let messages = std::env::var("KAFKA_FETCH_MESSAGES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3_000_000);
    let topic = format!("bench-kafka-fetch-{messages}");
    write_once(&servers, &topic, messages)?;
    let columns = Schema::new(vec![
        Field::new("ad_id", DataType::Utf8, true),
        Field::new("event_type", DataType::Utf8, true),
        Field::new("event_time", DataType::Int64, true),
    ]);
    for run in 1..=RUNS {
        println!("run {run}");
        read("raw", &servers, &topic, None, &[])?;
        read("value", &servers, &topic, None, &[1])?;
        read("json", &servers, &topic, Some(columns.clone()), &[0, 1, 2])?;
    }
    Ok(())
}

/// Reads the whole topic as one range and prints what that took.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn read(
    name: &str,
    servers: &str,
    topic: &str,
    json: Option<Schema>,
    columns: &[usize],
) -> Result<()> {
    let mut options = BTreeMap::from([
        ("kafka.bootstrap.servers".to_owned(), servers.to_owned()),
        ("subscribe".to_owned(), topic.to_owned()),
        ("startingOffsets".to_owned(), "earliest".to_owned()),
    ]);
    if json.is_some() {
        options.insert("value.format".to_owned(), "json".to_owned());
    }
    let factory = KafkaSourceFactory::new(json.map(Arc::new), &options)?;
    let mut source = factory.open()?;
    let start = source.initial_offset()?;
    let range = source.plan(&start, ReadLimit::All, Timestamp(0))?.range;
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let mut waited = Duration::ZERO;
    let mut slices = source.read(&range, columns)?;
    let timed = std::iter::from_fn(|| {
        let before = Instant::now();
        let slice = slices.next();
        waited += before.elapsed();
        slice
    });
    let (rows, bytes) = timed
        .par_bridge()
        .map(|slice| {
            let slice = slice?;
            let bytes = slice.bytes;
            Ok::<_, Error>(((slice.decode)()?.num_rows(), bytes))
        })
        .try_reduce(
            || (0, 0),
            |left, right| Ok((left.0 + right.0, left.1 + right.1)),
        )?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (rows, bytes) = (rows as f64, bytes as f64);
    println!(
        "  {name:>5}: {:5.2} M messages/s, {:4.0} MB/s, {:4.0} ns of CPU a message, {:4.0} ns on the thread that fetches",
        rows / wall / 1e6,
        bytes / wall / 1e6,
        cpu / rows * 1e9,
        waited.as_secs_f64() / rows * 1e9,
    );
    Ok(())
}

/// Fills the topic, unless a run before has.
fn write_once(servers: &str, topic: &str, messages: u64) -> Result<()> {
    let options = BTreeMap::from([
        ("kafka.bootstrap.servers".to_owned(), servers.to_owned()),
        ("subscribe".to_owned(), topic.to_owned()),
        ("startingOffsets".to_owned(), "earliest".to_owned()),
        ("fetchOffset.numRetries".to_owned(), "0".to_owned()),
    ]);
    let mut source = KafkaSourceFactory::new(None, &options)?.open()?;
    let is_there = source
        .initial_offset()
        .and_then(|start| source.plan(&start, ReadLimit::All, Timestamp(0)))
        .is_ok_and(|planned| !planned.range.is_empty());
    if is_there {
        return Ok(());
    }
    println!("writing {messages} messages to {topic}");
    kafka_topic::create(servers, topic, PARTITIONS)?;
    let failed = |cause: KafkaError| Error::internal("write the messages").with_source(cause);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("linger.ms", "50")
        .create()
        .map_err(failed)?;
    let mut value = String::new();
    for number in 0..messages {
        event(&mut value, number);
        let partition = i32::try_from(number % 4).unwrap_or(0);
        loop {
            let record: BaseRecord<'_, str, str> =
                BaseRecord::to(topic).partition(partition).payload(&value);
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(100));
                }
                Err((error, _)) => return Err(failed(error)),
            }
        }
    }
    producer.flush(Duration::from_secs(60)).map_err(failed)
}

/// An ad event of the Yahoo streaming benchmark.
fn event(text: &mut String, number: u64) {
    let id = |kind: u64| format!("{:016x}-{:016x}", number.wrapping_mul(kind), kind);
    let kind = match number % 3 {
        0 => "view",
        1 => "click",
        _ => "purchase",
    };
    text.clear();
    write!(
        text,
        "{{\"user_id\":\"{}\",\"page_id\":\"{}\",\"ad_id\":\"{}\",\"ad_type\":\"banner\",\"event_type\":\"{kind}\",\"event_time\":{},\"ip_address\":\"1.2.3.4\"}}",
        id(0x9E37_79B9),
        id(0x85EB_CA6B),
        id(0xC2B2_AE35),
        1_700_000_000_000 + number
    )
    .expect("writing to a string does not fail");
}
