//! The real program on `queries/flights.sql`: runs to its end or is killed on the way; what it logged and wrote.

use crate::broker::Broker;
use crate::package;
use crate::process::{BATCH, Process, run_command};
use polars::prelude::{DataFrame, DataType, IntoLazy, SortMultipleOptions, col};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidemill::Session;
use tidemill::batch::{BatchId, Watermarks};
use tidemill::checkpoint::{History, read_checkpoint};
use tidemill::disk::{Disk, RealDisk, write_whole};
use tidemill::offset::Offset;

/// A folder where the query runs: its file, its tables, its checkpoint.
pub(super) struct Home {
    directory: TempDir,
    topic: String,
}

/// A batch as the log has it.
pub(super) struct LoggedBatch {
    /// Start and end by partition.
    pub(super) range: Vec<(i64, i64)>,
    pub(super) watermarks: Watermarks,
    /// Rows given to the sink.
    pub(super) rows_out: u64,
}

/// How fast the query runs when it is left in peace.
pub(super) struct Pace {
    pub(super) batches: u64,
    /// From the start of the program to the end of its first batch.
    pub(super) start: Duration,
    /// One batch, on average.
    pub(super) batch: Duration,
}

/// When the program is killed.
pub(super) struct Moment {
    /// After so many batches of this run.
    pub(super) batches: u64,
    /// And so much time behind the last of them, or behind the start.
    pub(super) delay: Duration,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?} behind ", self.delay)?;
        match self.batches {
            0 => write!(f, "the start"),
            batches => write!(f, "batch {batches} of the run"),
        }
    }
}

/// What a killed program leaves.
pub(super) struct Found {
    committed: Option<BatchId>,
    /// The batch that was planned and not committed.
    pub(super) planned: Option<BatchId>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.committed {
            Some(batch) => write!(f, "batch {batch} committed")?,
            None => write!(f, "nothing committed")?,
        }
        match self.planned {
            Some(batch) => write!(f, ", batch {batch} planned"),
            None => Ok(()),
        }
    }
}

impl Home {
    pub(super) fn new(broker: &Broker, topic: &str, airlines: &Path) -> Home {
        let directory = tempfile::tempdir().unwrap();
        let file = package::root().join("queries/flights.sql");
        let text = std::fs::read_to_string(file).unwrap();
        let text = replace_once(&text, "'localhost:9092'", &format!("'{}'", broker.servers));
        let text = replace_once(
            &text,
            "subscribe 'flights'",
            &format!("subscribe '{topic}'"),
        );
        let query = directory.path().join("flights.sql");
        write_whole(&RealDisk, &query, text.as_bytes()).unwrap();
        std::fs::copy(airlines, directory.path().join("airlines.parquet")).unwrap();
        Home {
            directory,
            topic: topic.to_owned(),
        }
    }

    /// Runs the query until it has read the whole topic.
    pub(super) fn run_to_the_end(&self) -> Pace {
        let started = now();
        let mut process = self.start();
        let has_begun = process.wait_for(BATCH, 1);
        let start = now() - started;
        let ended = process.end();
        assert!(
            has_begun && ended.code == Some(0),
            "{}",
            ended.said.join("\n")
        );
        let batches = u32::try_from(ended.count(BATCH)).unwrap();
        Pace {
            batches: u64::from(batches),
            start,
            batch: (now() - started).saturating_sub(start) / batches,
        }
    }

    /// Starts the query, kills it at a moment, and looks at what it leaves.
    pub(super) fn kill_at(&self, moment: &Moment) -> Found {
        let mut process = self.start();
        let batches = usize::try_from(moment.batches).unwrap();
        process.wait_for(BATCH, batches);
        let end = now() + moment.delay;
        while let Some(left) = end.checked_duration_since(now()) {
            std::thread::park_timeout(left);
        }
        process.child.kill().unwrap();
        let ended = process.end();
        let was_killed = ended.code.is_none() && ended.count(BATCH) >= batches;
        assert!(was_killed, "{:?}: {}", ended.code, ended.said.join("\n"));
        let history = self.history();
        let committed = history.as_ref().and_then(History::last_committed);
        let planned = history.as_ref().and_then(History::uncommitted);
        Found {
            committed,
            planned: planned.map(|plan| plan.batch),
        }
    }

    /// Runs all batches again, and compares their rows with what was committed.
    pub(super) fn verify_by_replay(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
        command.current_dir(self.directory.path());
        command.args(["replay", "checkpoints/departures", "--verify"]);
        let output = command.args(["--file", "flights.sql"]).output().unwrap();
        let (said, errors) = (&output.stdout, &output.stderr);
        let said = String::from_utf8_lossy(said).into_owned();
        let equal = output.status.success() && said.starts_with("equal: ");
        assert!(equal, "{said}{}", String::from_utf8_lossy(errors));
        print!("replay: {said}");
    }

    /// What the log says of every batch.
    pub(super) fn batches(&self) -> Vec<LoggedBatch> {
        let history = self.history().expect("the query has logged");
        let first = history.plans().first().expect("the query has planned");
        assert_eq!(first.batch, BatchId(0), "all batches are kept");
        let logged = |plan: &tidemill::checkpoint::Plan| {
            let range = plan.sources.values().next().unwrap();
            let starts = self.by_partition(&range.start);
            LoggedBatch {
                range: starts.zip(self.by_partition(&range.end)).collect(),
                watermarks: plan.watermarks,
                rows_out: history.commit(plan.batch).unwrap().output.rows,
            }
        };
        history.plans().iter().map(logged).collect()
    }

    /// The rows in the files that the query wrote, sorted; hours as microseconds.
    pub(super) fn output(&self) -> DataFrame {
        let folder = self.directory.path().join("departures");
        let reader = Session::new().read().format("parquet");
        let rows = reader.load_path(folder.to_str().unwrap());
        let numbers = [
            col("hour").cast(DataType::Int64),
            col("worst_delay").cast(DataType::Int64),
        ];
        rows.collect()
            .unwrap()
            .lazy()
            .with_columns(numbers)
            .sort(["hour", "origin"], SortMultipleOptions::default())
            .collect()
            .unwrap()
    }

    fn by_partition<'a>(&self, offset: &'a Offset) -> impl Iterator<Item = i64> + use<'a> {
        let Offset::Kafka(topics) = offset else {
            panic!("these are not offsets of Kafka: {offset:?}")
        };
        topics[&self.topic].values().copied()
    }

    /// The log, if there is one yet.
    fn history(&self) -> Option<History> {
        let checkpoint = self.checkpoint();
        let metadata = checkpoint.join(tidemill::checkpoint::METADATA_FILE);
        let is_there = RealDisk.exists(&metadata).unwrap();
        is_there.then(|| read_checkpoint(Arc::new(RealDisk), &checkpoint).unwrap().1)
    }

    fn checkpoint(&self) -> PathBuf {
        self.directory.path().join("checkpoints/departures")
    }

    fn start(&self) -> Process {
        // All batches are kept, for they are what the check is made of.
        let keep = "spark.sql.streaming.minBatchesToRetain=100000";
        let more = ["--available-now", "--set", keep];
        let mut command = run_command(Path::new("flights.sql"), &self.checkpoint(), &more);
        command.current_dir(self.directory.path());
        Process::start(command)
    }
}

/// The time of the machine: how long the program takes is no matter of event time.
fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "moments of a process of its own are on no other clock"
    )]
    Instant::now()
}

fn replace_once(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old} in the query file");
    text.replace(old, new)
}

/// Random numbers (SplitMix64) that a seed decides.
pub(super) struct Random(u64);

impl Random {
    /// From `TIDEMILL_SEED`, or another seed in every process; with the seed.
    pub(super) fn seeded() -> (Random, u64) {
        let given = std::env::var("TIDEMILL_SEED").ok();
        let seed = given.map_or_else(
            || u64::from(uuid::Uuid::new_v4().as_fields().0),
            |seed| seed.parse().expect("TIDEMILL_SEED is a number"),
        );
        (Random(seed), seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to `end`, without it.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "32 bits have room in a double")]
        let fraction = (self.next() >> 32) as f64;
        fraction / f64::from(u32::MAX)
    }
}
