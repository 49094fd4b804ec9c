//! tidemill: a micro-batch structured streaming engine with the model, the words and the SQL dialect of Spark Structured
//! Streaming, for one machine.
//!
//! A tide mill lets the tide in, shuts the gate, and does its work on what came in. tidemill does that with event streams: a
//! **trigger** pulls a short time slice from the **sources** into Arrow record batches, an incremental plan computes it in
//! parallel, and the **sink** gets the rows; offsets and state are committed with a **write-ahead log**, so that a restart goes on
//! exactly where the last batch ended.
//!
//! ```text
//!                     SQL text          polars expressions
//!                        │                      │
//!                       sql                   frame                 what the user writes
//!                        └───── plan::builder ──┘
//!                                   │
//!                              LogicalPlan                          what it means
//!                                   │
//!                            IncrementalPlan                        how it runs, batch by batch
//!                                   │
//!   source ── slices ──► stateless runs ──► stateful operators ──► sink
//!     │                                            │
//!     └── offsets ──► write-ahead log ◄── state ───┘                what survives
//! ```
//!
//! # First query
//!
//! Expressions are polars's, verbs are Spark's:
//!
//! ```
//! use polars::prelude::{col, len, lit};
//! use tidemill::{OutputMode, Session, Trigger, functions::window};
//!
//! let session = Session::new();
//! let query = session
//!     .read_stream()
//!     .format("rate-micro-batch")
//!     .option("rowsPerBatch", 100)
//!     .load()
//!     .with_watermark("timestamp", "10 seconds")
//!     .filter((col("value") % lit(2)).eq(lit(0)))
//!     .group_by([window(col("timestamp"), "1 minute")])
//!     .agg([len().alias("n")])
//!     .write_stream()
//!     .format("memory")
//!     .query_name("even")
//!     .output_mode(OutputMode::Complete)
//!     .trigger(Trigger::Once)
//!     .start()?;
//! query.await_termination(None)?;
//!
//! let even = session.sql("SELECT sum(n) AS n FROM even").collect()?;
//! assert_eq!(even.column("n")?.i64()?.get(0), Some(50));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same in SQL, as a file that `tidemill run` takes:
//!
//! ```sql
//! CREATE TABLE ticks USING rate OPTIONS (rowsPerSecond 100);
//! CREATE STREAMING TABLE even AS
//!   SELECT window.start AS start, count(*) AS n
//!   FROM STREAM ticks WATERMARK timestamp DELAY OF INTERVAL 10 SECONDS
//!   WHERE value % 2 = 0
//!   GROUP BY window(timestamp, '1 minute');
//! ```
//!
//! # Map
//!
//! In the order the data flows; each module opens with what it promises.
//!
//! | layer | modules |
//! | --- | --- |
//! | what a program sees | [`session`] (start here), [`frame`] and [`functions`], [`sql`], [`query`] (the handle on what runs), [`catalog`], [`options`], [`case`] (tests of queries), [`replay`] (logged batches again) |
//! | what a query means | [`plan`] (logical plan, its builder, what is allowed, explain), [`analyze`] (names and types), [`expr`] (expressions and their values), [`function`] (the registry), [`types`], [`cast`] |
//! | how it runs | [`incremental`] (a plan cut into work), [`operator`] (state), [`micro_batch`] (the loop: plan, log, run, emit, commit), [`trigger`], [`watermark`], [`progress`] |
//! | where rows come from and go to | [`source`], [`sink`], [`format`](mod@format), [`embedded_broker`] (a Kafka for tests) |
//! | what survives | [`checkpoint`] (write-ahead log, snapshots), [`disk`], [`hash`] (which state is whose) |
//! | what it stands on | [`error`], [`batch`], [`offset`], [`clock`], [`arrow_bridge`] |
//!
//! # What it is not
//!
//! Not a cluster scheduler: who outgrows one machine runs the same SQL on Spark. Not a broker: events come from Kafka and from
//! files. Not a second SQL dialect: names and semantics are Spark's (4.3, ANSI mode), to the error condition.

// The surface.
pub mod case;
pub mod catalog;
pub mod frame;
pub mod functions;
pub mod options;
pub mod query;
pub mod session;
pub mod sql;
// The flow.
pub mod analyze;
pub mod checkpoint;
pub mod expr;
pub mod format;
pub mod function;
pub mod incremental;
pub mod micro_batch;
pub mod operator;
pub mod plan;
pub mod processor;
pub mod progress;
pub mod replay;
pub mod sink;
pub mod source;
pub mod trigger;
pub mod watermark;
// What it stands on.
pub mod arrow_bridge;
pub mod batch;
pub mod cast;
pub mod clock;
pub mod disk;
pub mod embedded_broker;
pub mod error;
pub mod hash;
mod kafka;
mod manifest;
pub mod offset;
pub mod table_format;
pub mod types;
mod uuid_text;
mod variant;
// The binary's.
pub mod cli;

pub use error::{Error, ErrorKind, Result};
pub use frame::{JoinType, StreamFrame};
pub use query::StreamingQuery;
pub use session::Session;
pub use sink::OutputMode;
pub use trigger::Trigger;
