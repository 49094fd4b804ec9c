//! What can be said on the command line, with the words of `--help`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Micro-batch structured streaming: Spark's model and SQL, one binary.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    propagate_version = true,
    after_help = "Start with:  tidemill demo"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on stderr: -v info, -vv debug. `RUST_LOG` wins.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the streaming queries of a SQL file.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Run one query over static tables and print the result.
    #[command(after_help = SQL_EXAMPLES)]
    Sql(SqlArguments),
    /// Run test cases: a query, its input batch by batch, what it must emit.
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArguments),
    /// Show the plans of the queries of a SQL file.
    #[command(after_help = "Example:\n  tidemill explain queries/windows.sql")]
    Explain(ExplainArguments),
    /// List the functions of SQL: how each is called, what it does, an example.
    #[command(after_help = FUNCTIONS_EXAMPLES)]
    Functions(FunctionsArguments),
    /// Run logged batches of a checkpoint again.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// See it work: an embedded broker, ad events, windows as they close.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArguments),
}

const RUN_EXAMPLES: &str = "\
Examples:
  tidemill run queries/windows.sql                          as fast as data comes, until Ctrl-C
  tidemill run queries/windows.sql --batch-interval 2s      a batch every 2 seconds
  tidemill run queries/windows.sql --available-now          what is there now, then end
  tidemill run q.sql --query per_campaign --progress json     one of several queries, progress as JSON lines

Ctrl-C or SIGTERM finishes the batch at hand, commits it and ends with code 0. A killed query goes on from its
checkpoint when the same command is given again.";

const SQL_EXAMPLES: &str = "\
Examples:
  tidemill sql \"SELECT 1 + 1 AS two\"
  tidemill sql --file tables.sql \"SELECT origin, count(*) AS n FROM flights GROUP BY origin ORDER BY n DESC\"
  tidemill sql --format csv \"SELECT * FROM VALUES (1, 'a'), (2, 'b') AS t(id, name)\"

--file runs the CREATE TABLE and CREATE VIEW statements of a file first.";

const TEST_EXAMPLES: &str = "\
Examples:
  tidemill test queries/                       every case below a folder
  tidemill test case.json --filter window      the cases with `window` in their name
  tidemill test case.json --update             writes what comes out into the case as what is expected

A case is a JSON file with a query (SQL, or a SQL file beside it), the input of each batch and the rows each batch must
emit. Ends with code 1 if one fails.";

const FUNCTIONS_EXAMPLES: &str = "\
Examples:
  tidemill functions                 all of them
  tidemill functions json            those with `json` in their name
  tidemill functions 'to_*'          those that begin with to_
  tidemill functions --json          one JSON object a line";

const REPLAY_EXAMPLES: &str = "\
Examples:
  tidemill replay checkpoints/sample --verify                 the same rows as when they were committed?
  tidemill replay checkpoints/counts --file counts.sql --from 10 --to 12 --into console
  tidemill replay checkpoints/counts --file counts.sql --into rows.jsonl

--file names the SQL file of the query that made the checkpoint; its sources are read again. Ends with code 1 if --verify
finds a batch that differs.";

const DEMO_EXAMPLES: &str = "\
Examples:
  tidemill demo                                               nothing to install: the broker is inside
  tidemill demo --forever                                     until Ctrl-C
  tidemill demo --bootstrap-servers localhost:9092            the same on your broker";

/// How progress is shown, on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// One updating line with rates, watermark and lag.
    Live,
    /// One line a batch: Spark's `StreamingQueryProgress` as JSON.
    Json,
    /// Nothing.
    None,
}

/// `tidemill run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The SQL file.
    pub file: PathBuf,
    /// Start a batch at every multiple of this time (`500ms`, `2s`, `1 minute`). Default: as soon as the last one is done.
    #[arg(long, value_name = "TIME", conflicts_with = "available_now")]
    pub batch_interval: Option<String>,
    /// Process what is there at the start, in batches of the usual size, then end.
    #[arg(long)]
    pub available_now: bool,
    /// Where offsets and state are kept; with several queries, a folder for each below it. Default: the table's
    /// `checkpointLocation`, else checkpoints/<query>.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// A session setting, as SET does; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Only this query of the file; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub query: Vec<String>,
    /// How progress is shown. Default: live on a terminal, else none.
    #[arg(long, value_enum)]
    pub progress: Option<ProgressStyle>,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ResultFormat {
    /// A table to be read.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
    /// CSV with a header.
    Csv,
}

/// `tidemill sql`.
#[derive(Debug, Args)]
pub struct SqlArguments {
    /// The query.
    pub query: String,
    /// A SQL file with the tables and views it uses.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: ResultFormat,
    /// A session setting, as SET does; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}

/// `tidemill test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Case files (`.json`), files with a case a line (`.jsonl`), or folders of them.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write what comes out into the cases as what is expected.
    #[arg(long)]
    pub update: bool,
    /// How many state partitions.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub state_partitions: usize,
    /// Open the query anew from its checkpoint before every batch, as if the process were killed.
    #[arg(long)]
    pub restarts: bool,
    /// Print failures only.
    #[arg(short, long)]
    pub quiet: bool,
}

/// `tidemill explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The SQL file.
    pub file: PathBuf,
    /// Only this query of the file; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub query: Vec<String>,
}

/// `tidemill functions`.
#[derive(Debug, Args)]
pub struct FunctionsArguments {
    /// A part of the name, or a pattern with `*`.
    pub pattern: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `tidemill replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The checkpoint directory.
    pub checkpoint: PathBuf,
    /// The SQL file of the query. Default: `query.sql` in the checkpoint directory.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Which query of the file.
    #[arg(long, value_name = "NAME")]
    pub query: Option<String>,
    /// First batch. Default: the first that can be replayed.
    #[arg(long, value_name = "N")]
    pub from: Option<u64>,
    /// Last batch. Default: the last committed one.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Where the rows go: `console`, `none`, or a file (JSON lines).
    #[arg(long, value_name = "console|none|FILE")]
    pub into: Option<String>,
    /// Compare the rows of each batch with the count and digest stored at its commit.
    #[arg(long)]
    pub verify: bool,
}

/// `tidemill demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Keep on until Ctrl-C. Default: about twenty seconds.
    #[arg(long)]
    pub forever: bool,
    /// A broker to use instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,
    /// Impressions a second.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub rate: u64,
    /// Where Parquet files and the checkpoint go. Default: a fresh folder in the temporary directory.
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}
