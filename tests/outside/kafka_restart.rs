//! From Kafka to Kafka in a process that is killed again and again: nothing is lost, and what was committed replays to the same rows.

#![expect(
    clippy::disallowed_methods,
    reason = "what a user would put there, not what must survive"
)]

use crate::broker::{self, Broker};
use crate::harness::{Group, tests};
use crate::process::{BATCH, Process, run_command};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// How many messages there are, over two partitions.
const MESSAGES: u32 = 20_000;

/// How many of them a batch reads.
const MESSAGES_OF_A_BATCH: u32 = 400;

/// What these tests need, with the tests.
pub(crate) fn group() -> Group {
    Group {
        missing: broker::missing(),
        tests: tests![
            a_killed_query_from_topic_to_topic_loses_nothing_and_replays_equal,
            other_servers_and_starting_offsets_keep_the_place_and_another_topic_is_refused,
        ],
    }
}

fn write_query(path: &Path, source: &[(&str, &str)], sink: &[(&str, &str)]) {
    let list = |options: &[(&str, &str)]| {
        let pairs = options
            .iter()
            .map(|(key, value)| format!("`{key}` '{value}'"));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let text = format!(
        "CREATE TABLE source USING kafka OPTIONS ({});
         CREATE TABLE target USING kafka OPTIONS ({});
         CREATE FLOW copy AS INSERT INTO target SELECT value FROM STREAM source;",
        list(source),
        list(sink)
    );
    std::fs::write(path, text).unwrap();
}

fn a_killed_query_from_topic_to_topic_loses_nothing_and_replays_equal() {
    let broker = Broker::of_environment();
    let (from, to) = (broker.topic(2, &[]), broker.topic(2, &[]));
    for partition in 0..2 {
        let half = MESSAGES / 2;
        let first = u32::try_from(partition).unwrap() * half;
        broker.send(
            &from,
            partition,
            (first..first + half).map(|n| n.to_string()),
        );
    }
    let home = tempfile::tempdir().unwrap();
    let (query, checkpoint) = (
        home.path().join("query.sql"),
        home.path().join("checkpoint"),
    );
    let limit = MESSAGES_OF_A_BATCH.to_string();
    write_query(
        &query,
        &[
            ("kafka.bootstrap.servers", &broker.servers),
            ("subscribe", &from),
            ("startingOffsets", "earliest"),
            ("maxOffsetsPerTrigger", &limit),
        ],
        &[("kafka.bootstrap.servers", &broker.servers), ("topic", &to)],
    );
    let mut kills = 0;
    for batches in (1..=7).cycle() {
        let mut process = Process::start(run_command(&query, &checkpoint, &["--available-now"]));
        if !process.wait_for(BATCH, batches) {
            let ended = process.end();
            assert_eq!(ended.code, Some(0), "{:?}", ended.said);
            break;
        }
        // Dropping kills it with SIGKILL, wherever it is by now.
        drop(process);
        kills += 1;
    }
    assert!(kills >= 5, "only {kills} kills");
    let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
    for value in broker.values(&to, &[]) {
        *copies.entry(value.parse().unwrap()).or_default() += 1;
    }
    assert!(copies.keys().copied().eq(0..MESSAGES));
    // At least once: a batch whose commit was not written yet comes again, whole, once for each kill.
    let repeated: u32 = copies.values().map(|copies| copies - 1).sum();
    assert!(
        repeated <= kills * MESSAGES_OF_A_BATCH,
        "{repeated} rows came again after {kills} kills"
    );
    let replayed = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .arg("replay")
        .arg(&checkpoint)
        .arg("--file")
        .arg(&query)
        .args(["--verify", "--into", "none"])
        .output()
        .unwrap();
    assert!(
        replayed.status.success(),
        "{}",
        String::from_utf8_lossy(&replayed.stderr)
    );
}

fn other_servers_and_starting_offsets_keep_the_place_and_another_topic_is_refused() {
    let broker = Broker::of_environment();
    let (from, other, to) = (
        broker.topic(1, &[]),
        broker.topic(1, &[]),
        broker.topic(1, &[]),
    );
    let home = tempfile::tempdir().unwrap();
    let (query, checkpoint) = (
        home.path().join("query.sql"),
        home.path().join("checkpoint"),
    );
    let run = |topic: &str, servers: &str, starting: &str| {
        write_query(
            &query,
            &[
                ("kafka.bootstrap.servers", servers),
                ("subscribe", topic),
                ("startingOffsets", starting),
            ],
            &[("kafka.bootstrap.servers", &broker.servers), ("topic", &to)],
        );
        Process::start(run_command(&query, &checkpoint, &["--available-now"])).end()
    };
    broker.send(&from, 0, ["a".to_owned(), "b".to_owned()]);
    assert_eq!(run(&from, &broker.servers, "earliest").code, Some(0));
    broker.send(&from, 0, ["c".to_owned()]);
    // Another name of the same broker, and a start that would leave `c` out.
    let servers = &broker.servers.replace("127.0.0.1", "localhost");
    let ended = run(&from, servers, "latest");
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    assert_eq!(broker.values(&to, &[]), ["a", "b", "c"]);
    let ended = run(&other, &broker.servers, "earliest");
    assert_eq!(ended.code, Some(78), "{:?}", ended.said);
    assert_eq!(ended.count("other sources"), 1, "{:?}", ended.said);
}
