//! A query whose process is killed again and again ends with the rows of one that was left in peace.
//!
//! The query runs in a process of its own, on the real disk, over a stream that is the same in every process, into files
//! that are written once for each batch. It is killed with SIGKILL after some batches, at a moment that is left to chance, and
//! started again, until it gets through.

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use polars::prelude::{col, len};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tidemill::disk::{Disk, RealDisk, write_whole};
use tidemill::functions::window;
use tidemill::sink::foreach_batch::ForeachBatch;
use tidemill::sink::{OutputMode, SinkBatch};
use tidemill::source::memory::MemoryStream;
use tidemill::trigger::Trigger;
use tidemill::{ErrorKind, Session};

/// How many batches with data the query has.
const BATCHES: i64 = 120;

/// How many rows each of them has.
const ROWS: i64 = 20;

/// Where the process that is to be killed works.
const DIRECTORY: &str = "TIDEMILL_CRASH_DIRECTORY";

#[test]
fn a_killed_query_gives_every_row_once() {
    let calm = tempfile::tempdir().unwrap();
    run_query(calm.path());
    let expected = output(calm.path());
    assert!(i64::try_from(expected.len()).unwrap() >= BATCHES);

    let killed = tempfile::tempdir().unwrap();
    let mut kills = 0;
    for batches in (1..=4).cycle() {
        if !is_killed_after(batches, killed.path()) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "only {kills} kills");
    assert_eq!(output(killed.path()), expected);
}

/// The body of the process that is killed. Run by itself it is a query that is left in peace.
#[test]
fn the_query_in_a_process_of_its_own() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        run_query(Path::new(&directory));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    run_query(directory.path());
    let rows: usize = output(directory.path())
        .values()
        .map(|text| text.lines().count())
        .sum();
    assert!(i64::try_from(rows).unwrap() > BATCHES);
}

#[test]
fn a_query_that_another_process_runs_is_refused_naming_that_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = child(directory.path());
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().unwrap().starts_with("batch"))
        .unwrap()
        .unwrap();
    let refused = start(directory.path());
    let is_running = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    // The other one may be through already on a fast machine; then there is nothing to refuse.
    match refused {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(
                error.to_string().contains(&other.id().to_string()),
                "{error}"
            );
        }
        Ok(query) => {
            assert!(!is_running);
            query.stop();
        }
    }
}

/// Starts the query in a process of its own and kills it after some batches; whether it was killed before it was through.
fn is_killed_after(batches: usize, directory: &Path) -> bool {
    let mut child = child(directory);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let committed = lines.filter(|line| line.as_ref().unwrap().starts_with("batch"));
    let is_long_enough = committed.take(batches).count() == batches;
    if is_long_enough {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(
        is_long_enough || status.success(),
        "the query failed: {status}"
    );
    is_long_enough
}

fn child(directory: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::the_query_in_a_process_of_its_own",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the query to its end.
fn run_query(directory: &Path) {
    start(directory).unwrap().await_termination(None).unwrap();
}

fn start(directory: &Path) -> tidemill::Result<tidemill::query::StreamingQuery> {
    let out = directory.join("out");
    RealDisk.create_directory(&out)?;
    let counts = Session::new()
        .read_stream()
        .from_source(stream())
        .with_watermark("ts", "10 seconds")
        .group_by([window(col("ts"), "10 seconds"), col("k")])
        .agg([len().alias("n"), col("v").sum().alias("v")]);
    counts
        .write_stream()
        .output_mode(OutputMode::Update)
        .trigger(Trigger::AvailableNow)
        .checkpoint_location(directory.join("checkpoint"))
        .sink(ForeachBatch::new(move |batch| write_once(&out, batch)))
        .start()
}

/// Writes the rows of a batch, or insists that they are those that are there.
fn write_once(out: &Path, batch: &SinkBatch<'_>) -> tidemill::Result<()> {
    let mut lines: Vec<String> = batch.rows.iter().flat_map(lines_of).collect();
    lines.sort_unstable();
    let text = lines.concat();
    let path = out.join(format!("{:05}.txt", batch.id.0));
    if RealDisk.exists(&path)? {
        assert_eq!(String::from_utf8(RealDisk.read(&path)?).unwrap(), text);
    } else {
        write_whole(&RealDisk, &path, text.as_bytes())?;
    }
    #[expect(clippy::explicit_write, reason = "the test harness captures `println`")]
    writeln!(std::io::stdout(), "batch {}", batch.id).unwrap();
    Ok(())
}

fn lines_of(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default();
    let columns: Vec<ArrayFormatter<'_>> = rows
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let line = |row| {
        let values = columns.iter().map(|column| column.value(row).to_string());
        values.collect::<Vec<_>>().join(" ") + "\n"
    };
    (0..rows.num_rows()).map(line).collect()
}

/// The rows of each batch that has any.
fn output(directory: &Path) -> BTreeMap<String, String> {
    let out = directory.join("out");
    let files = RealDisk.list(&out).unwrap().into_iter();
    files
        .map(|name| {
            let bytes = RealDisk.read(&out.join(&name)).unwrap();
            (name, String::from_utf8(bytes).unwrap())
        })
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// A stream that is the same in every process: a batch a trigger, four seconds of event time each.
fn stream() -> MemoryStream {
    let batches: Vec<RecordBatch> = (0..BATCHES).map(rows).collect();
    let one = NonZeroU64::MIN;
    let stream = MemoryStream::new(batches[0].schema())
        .named("events")
        .with_batches_per_trigger(one);
    for batch in batches {
        stream.add_batch(batch).unwrap();
    }
    stream
}

fn rows(batch: i64) -> RecordBatch {
    let numbers = (batch * ROWS)..((batch + 1) * ROWS);
    let times = numbers.clone().map(|n| n * 200_000);
    let keys = numbers.clone().map(|n| Some(format!("k{}", n % 5)));
    let columns: [(&str, ArrayRef); 3] = [
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        ),
        ("k", Arc::new(keys.collect::<StringArray>())),
        ("v", Arc::new(Int64Array::from_iter_values(numbers))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}
