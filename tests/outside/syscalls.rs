//! What a batch costs at the disk, counted by `strace` on the real binary.

#![expect(
    clippy::disallowed_methods,
    reason = "what a user would put there, not what must survive"
)]

use crate::harness::{Group, tests};
use crate::process::{BATCH, Process, run_command, terminate};
use std::path::Path;
use std::process::Command;

/// How many batches are run at least.
const BATCHES: usize = 60;

/// The most syncs that are not those of batches: metadata, lock, the first segment of the log, directories.
const SYNCS_AT_START: usize = 12;

/// What these tests need, with the tests.
pub(crate) fn group() -> Group {
    Group {
        missing: missing(),
        tests: tests![a_batch_costs_one_fdatasync],
    }
}

fn missing() -> Option<String> {
    match Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output()
    {
        Err(_) => Some("strace is not installed".to_owned()),
        Ok(output) if !output.status.success() => {
            Some("strace may not trace processes here".to_owned())
        }
        Ok(_) => None,
    }
}

fn a_batch_costs_one_fdatasync() {
    let home = tempfile::tempdir().unwrap();
    let query = home.path().join("query.sql");
    // A snapshot begins a new segment of the log, which has syncs of its own.
    let text = "
        SET spark.sql.streaming.stateStore.minDeltasForSnapshot = 1000000;
        CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch = 10);
        CREATE TABLE nothing USING noop;
        CREATE FLOW pass AS INSERT INTO nothing SELECT value FROM STREAM ticks;";
    std::fs::write(&query, text).unwrap();
    let checkpoint = home.path().join("checkpoint");
    let trace = home.path().join("trace");
    let run = run_command(&query, &checkpoint, &["--batch-interval", "10ms"]);
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-y",
            "-e",
            "trace=fsync,fdatasync,sync_file_range,syncfs,sync,msync",
        ])
        .arg("-o")
        .arg(&trace)
        .arg(run.get_program())
        .args(run.get_args());
    let mut process = Process::start(strace);
    assert!(process.wait_for(BATCH, BATCHES));
    terminate(owner(&checkpoint));
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);

    let batches = ended.count(BATCH);
    let trace = std::fs::read_to_string(trace).unwrap();
    let calls = trace
        .lines()
        .filter(|line| line.contains("sync(") || line.contains("sync_"));
    let (of_log, others): (Vec<&str>, Vec<&str>) = calls
        .filter(|line| !line.contains("resumed"))
        .partition(|line| line.contains("fdatasync(") && line.contains(".log>"));
    // One for each plan, which makes the commit before it durable too, and one for the last commit.
    assert_eq!(of_log.len(), batches + 1, "{trace}");
    assert!(others.len() <= SYNCS_AT_START, "{others:#?}");
}

/// The process that the checkpoint's lock names: `strace` keeps the signals that it gets for itself.
fn owner(checkpoint: &Path) -> u32 {
    let lock = std::fs::read_to_string(checkpoint.join("lock")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    u32::try_from(lock["pid"].as_u64().unwrap()).unwrap()
}
