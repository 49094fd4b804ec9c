//! A stop request ends the process soon, also while a broker hangs: connected, and silent.

#![expect(
    clippy::disallowed_methods,
    reason = "a user's patience is measured on the machine's clock"
)]

use crate::process::{BATCH, Process, run_command, terminate};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a user waits at most after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn sigterm_ends_a_query_whose_broker_hangs_and_the_next_start_goes_on() {
    let cluster: MockCluster<'_, DefaultProducerContext> = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 2, 1).unwrap();
    let servers = cluster.bootstrap_servers();
    let home = tempfile::tempdir().unwrap();
    let (query, out) = (home.path().join("query.sql"), home.path().join("out"));
    let text = format!(
        "CREATE TABLE source USING kafka OPTIONS (`kafka.bootstrap.servers` '{servers}', subscribe 't', startingOffsets 'earliest');
         CREATE TABLE target USING text OPTIONS (path '{}');
         CREATE FLOW copy AS INSERT INTO target SELECT CAST(value AS STRING) AS value FROM STREAM source;",
        out.display()
    );
    std::fs::write(&query, text).unwrap();
    let checkpoint = home.path().join("checkpoint");
    let run = || Process::start(run_command(&query, &checkpoint, &[]));

    send(&servers, "a");
    let mut process = run();
    assert!(process.wait_for(BATCH, 1));
    cluster
        .broker_round_trip_time(1, Duration::from_secs(600))
        .unwrap();
    let asked = Instant::now();
    terminate(process.child.id());
    let ended = process.end();
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);

    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    send(&servers, "b");
    let mut process = run();
    assert!(process.wait_for(BATCH, 1));
    terminate(process.child.id());
    assert_eq!(process.end().code, Some(0));
    assert_eq!(lines(&out), ["a", "b"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_query() {
    let home = tempfile::tempdir().unwrap();
    let query = home.path().join("query.sql");
    let text = "CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch = 1);
                SELECT value FROM STREAM ticks;";
    std::fs::write(&query, text).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = run_command(&query, &home.path().join("checkpoint"), &[]);
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap())
        .stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let first = BufReader::new(reader).lines().next().unwrap().unwrap();
    assert!(!first.is_empty());
    let asked = Instant::now();
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if asked.elapsed() > PATIENCE {
            child.kill().unwrap();
            break None;
        }
        std::thread::yield_now();
    };
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

fn send(servers: &str, value: &str) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .unwrap();
    let record: BaseRecord<'_, str, str> = BaseRecord::to("t").payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// The lines of the files in a folder, sorted.
fn lines(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let text: String = files
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}
