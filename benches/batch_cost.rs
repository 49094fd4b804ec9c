//! What a micro-batch costs besides its rows: a trigger that finds nothing new, a batch of one row, and a batch that changes much
//! state, each with its commit on disk.
//!
//! The query counts per key and window of ten seconds, with a checkpoint in a temporary folder and the sink `noop`. CPU time is that
//! of all threads of this process. A trigger that finds nothing is measured with rows in memory, with a folder of 100 files, and, if
//! `KAFKA_BOOTSTRAP_SERVERS` is set, with a topic of 4 partitions.

#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]

#[path = "support/kafka_topic.rs"]
mod kafka_topic;
#[path = "support/process_time.rs"]
mod process_time;

use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use polars::prelude::{col, len};
use process_time::cpu_seconds;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidemill::functions::window;
use tidemill::source::memory::MemoryStream;
use tidemill::types::parse_ddl_schema;
use tidemill::{Error, OutputMode, Result, Session, StreamFrame, StreamingQuery, Trigger};

const SCHEMA: &str = "k BIGINT, ts TIMESTAMP";
/// How long an idle query is watched, and how often its trigger fires.
const WATCHED: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(10);
const BATCHES: usize = 300;

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("tidemill-batch-cost-{}", std::process::id()));
    let outcome = measure(&folder);
    // The folder may not be there at all.
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

fn measure(folder: &Path) -> Result<()> {
    let session = Session::new();
    let memory = memory()?;
    memory.add_batch(rows(&memory.schema(), 0, 1)?)?;
    let stream = session.read_stream().from_source(memory);
    idle("rows in memory", &stream, &folder.join("memory"))?;
    let files = files(&session, &folder.join("input"))?;
    idle("a folder of 100 files", &files, &folder.join("files"))?;
    if let Ok(servers) = std::env::var("KAFKA_BOOTSTRAP_SERVERS") {
        let stream = kafka(&session, &servers)?;
        idle("a Kafka topic", &stream, &folder.join("kafka"))?;
    }
    for groups in [1, 100, 10_000] {
        let checkpoint = folder.join(format!("groups-{groups}"));
        busy(&session, groups, &checkpoint)?;
    }
    Ok(())
}

/// A query that keeps a count per key and window.
fn start(stream: &StreamFrame, checkpoint: &Path, trigger: Trigger) -> Result<StreamingQuery> {
    stream
        .clone()
        .with_watermark("ts", "10 seconds")
        .group_by([col("k"), window(col("ts"), "10 seconds")])
        .agg([len().alias("n")])
        .write_stream()
        .format("noop")
        .output_mode(OutputMode::Update)
        .checkpoint_location(checkpoint)
        .trigger(trigger)
        .start()
}

/// Watches a query for which nothing new comes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn idle(name: &str, stream: &StreamFrame, checkpoint: &Path) -> Result<()> {
    let query = start(stream, checkpoint, Trigger::ProcessingTime(INTERVAL))?;
    query.process_all_available()?;
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let mut triggers = 0_u32;
    while started.elapsed() < WATCHED {
        query.process_all_available()?;
        triggers += 1;
    }
    let cpu = cpu_seconds()? - cpu;
    query.stop();
    println!(
        "nothing new, {name:22} {:7.1} µs of CPU a trigger ({triggers} triggers)",
        cpu / f64::from(triggers) * 1e6
    );
    Ok(())
}

/// Batches that each change so many groups of the state.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn busy(session: &Session, groups: i64, checkpoint: &Path) -> Result<()> {
    let memory = memory()?;
    let stream = session.read_stream().from_source(memory.clone());
    let query = start(&stream, checkpoint, Trigger::ProcessingTime(Duration::ZERO))?;
    let mut walls = Vec::with_capacity(BATCHES);
    let mut cpu = 0.0;
    for batch in 0..BATCHES {
        let rows = rows(&memory.schema(), i64::try_from(batch).unwrap_or(0), groups)?;
        let (started, cpu_before) = (Instant::now(), cpu_seconds()?);
        memory.add_batch(rows)?;
        query.process_all_available()?;
        walls.push(started.elapsed());
        cpu += cpu_seconds()? - cpu_before;
    }
    query.stop();
    walls.sort_unstable();
    let at = |part: usize| walls.get(BATCHES * part / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let cpu = cpu / BATCHES as f64;
    println!(
        "{groups:6} groups changed: {:7.1} µs of CPU a batch; from the row's arrival to the idle trigger behind its batch {:?} in the median, {:?} at the 99th percentile",
        cpu * 1e6,
        at(50),
        at(99),
    );
    Ok(())
}

fn memory() -> Result<MemoryStream> {
    Ok(MemoryStream::new(Arc::new(parse_ddl_schema(SCHEMA)?)))
}

/// A row for each of so many keys, all within one window.
fn rows(schema: &SchemaRef, number: i64, keys: i64) -> Result<RecordBatch> {
    let ids: ArrayRef = Arc::new((0..keys).collect::<Int64Array>());
    let time = Some(1_700_000_000_000_000 + number);
    let times = (0..keys)
        .map(|_| time)
        .collect::<TimestampMicrosecondArray>();
    let columns: Vec<ArrayRef> = vec![ids, Arc::new(times.with_timezone("UTC"))];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

#[expect(clippy::disallowed_methods, reason = "input files need not be durable")]
fn files(session: &Session, folder: &Path) -> Result<StreamFrame> {
    let cause = |cause| Error::internal("write the files").with_source(cause);
    std::fs::create_dir_all(folder).map_err(cause)?;
    for number in 0..100 {
        let path = folder.join(format!("{number}.json"));
        std::fs::write(path, "{\"k\":1,\"ts\":\"2024-01-01T00:00:00Z\"}\n").map_err(cause)?;
    }
    let reader = session.read_stream().format("json").schema(SCHEMA);
    Ok(reader.load_path(folder.to_string_lossy()))
}

fn kafka(session: &Session, servers: &str) -> Result<StreamFrame> {
    let topic = "bench-batch-cost";
    kafka_topic::create(servers, topic, 4)?;
    let messages = session
        .read_stream()
        .format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .load();
    Ok(messages.select([col("offset").alias("k"), col("timestamp").alias("ts")]))
}
