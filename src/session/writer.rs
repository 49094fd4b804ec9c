//! `write_stream()`: where the rows of a stream go, and when.

use super::Session;
use super::reader::put_option;
use super::start::{Start, Target, open_sink, start};
use super::write_options::WriteOptions;
use crate::arrow_bridge::to_frame;
use crate::batch::BatchId;
use crate::catalog::CatalogEntry;
use crate::error::{Error, Result};
use crate::frame::StreamFrame;
use crate::query::StreamingQuery;
use crate::sink::foreach_batch::ForeachBatch;
use crate::sink::{OutputMode, SinkFactory};
use crate::trigger::Trigger;
use polars::prelude::DataFrame;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Describes a query; [`DataStreamWriter::start`] starts it.
///
/// ```no_run
/// use tidemill::{Session, Trigger, sink::OutputMode};
///
/// let session = Session::new();
/// let query = session
///     .read_stream()
///     .format("rate")
///     .load()
///     .write_stream()
///     .format("parquet")
///     .option("path", "out")
///     .checkpoint_location("checkpoints/ticks")
///     .output_mode(OutputMode::Append)
///     .trigger(Trigger::AvailableNow)
///     .query_name("ticks")
///     .start()?;
/// query.await_termination(None)?;
/// # Ok::<(), tidemill::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "the query is started by start"]
pub struct DataStreamWriter {
    frame: StreamFrame,
    format: Option<String>,
    options: BTreeMap<String, String>,
    partition_by: Vec<String>,
    sink: Option<Arc<dyn SinkFactory>>,
    write: WriteOptions,
}

/// Without the values of options, which may be secret.
impl fmt::Debug for DataStreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataStreamWriter")
            .field("frame", &self.frame)
            .field("format", &self.format)
            .field("partition_by", &self.partition_by)
            .field("sink", &self.sink)
            .field("write", &self.write)
            .field("options", &self.options.keys())
            .finish_non_exhaustive()
    }
}

impl DataStreamWriter {
    pub(crate) fn new(frame: StreamFrame) -> DataStreamWriter {
        DataStreamWriter {
            frame,
            format: None,
            options: BTreeMap::new(),
            partition_by: vec![],
            sink: None,
            write: WriteOptions::default(),
        }
    }

    /// The format: `parquet`, `json`, `csv`, `text`, `kafka`, `console`, `memory`, `noop`, …. Default `parquet`. With `memory` the
    /// rows become a table of the session under the query's name.
    pub fn format(mut self, format: impl Into<String>) -> DataStreamWriter {
        self.format = Some(format.into());
        self
    }

    /// An option of the sink, or one of `checkpointLocation`, `outputMode`, `trigger`, `queryName`. Keys are compared without regard
    /// to case; the last value counts.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that callers write a number, not a reference to one"
    )]
    pub fn option(mut self, key: impl Into<String>, value: impl ToString) -> DataStreamWriter {
        put_option(&mut self.options, key.into(), value.to_string());
        self
    }

    /// Several options.
    pub fn options<K: Into<String>, V: ToString>(
        mut self,
        options: impl IntoIterator<Item = (K, V)>,
    ) -> DataStreamWriter {
        for (key, value) in options {
            put_option(&mut self.options, key.into(), value.to_string());
        }
        self
    }

    /// Which rows each batch gives to the sink. Default append.
    pub fn output_mode(mut self, mode: OutputMode) -> DataStreamWriter {
        self.write.output_mode = Some(mode);
        self
    }

    /// What starts batches. Default: as soon as the batch before is done and there is data.
    pub fn trigger(mut self, trigger: Trigger) -> DataStreamWriter {
        self.write.trigger = Some(trigger);
        self
    }

    /// The query's name: unique among the running queries of the session, and the folder of its checkpoint below
    /// `spark.sql.streaming.checkpointLocation`.
    pub fn query_name(mut self, name: impl Into<String>) -> DataStreamWriter {
        self.write.query_name = Some(name.into());
        self
    }

    /// The folder of the checkpoint, made if it is not there. A query that is started again with it goes on where it ended.
    pub fn checkpoint_location(mut self, folder: impl Into<PathBuf>) -> DataStreamWriter {
        self.write.checkpoint_location = Some(folder.into());
        self
    }

    /// Files only: a folder for each value of these columns.
    pub fn partition_by(mut self, columns: &[&str]) -> DataStreamWriter {
        self.partition_by = columns.iter().map(|column| (*column).to_owned()).collect();
        self
    }

    /// Gives each batch as a polars frame to a closure, on the query's thread, in order. After a crash the same batch may come again,
    /// with the same id and the same rows. An error with kind `Unavailable` makes the batch come again; any other ends the query.
    ///
    /// ```no_run
    /// # use tidemill::Session;
    /// # let session = Session::new();
    /// let query = session
    ///     .read_stream()
    ///     .format("rate")
    ///     .load()
    ///     .write_stream()
    ///     .foreach_batch(|rows, batch_id| {
    ///         println!("batch {batch_id} has {} rows", rows.height());
    ///         Ok(())
    ///     })
    ///     .start()?;
    /// # Ok::<(), tidemill::Error>(())
    /// ```
    pub fn foreach_batch(
        self,
        mut take: impl FnMut(DataFrame, BatchId) -> Result<()> + Send + 'static,
    ) -> DataStreamWriter {
        self.sink(ForeachBatch::new(move |batch| {
            take(to_frame(batch.schema, batch.rows)?, batch.id)
        }))
    }

    /// Writes into a sink that the program made, such as a [`crate::sink::memory::MemorySink`].
    pub fn sink(mut self, sink: impl SinkFactory + 'static) -> DataStreamWriter {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Starts the query.
    ///
    /// # Errors
    ///
    /// The first error of the frame; `Invalid`: the frame reads no stream, the plan cannot run in this output mode, an unknown option,
    /// no place for a checkpoint, a name that is taken; those of opening checkpoint, sources and sink.
    pub fn start(&self) -> Result<StreamingQuery> {
        let session = self.session()?;
        let plan = Arc::clone(self.frame.plan()?);
        let mut options = self.options.clone();
        let write = self
            .write
            .clone()
            .or(WriteOptions::take_from(&mut options)?);
        let sink = match &self.sink {
            Some(sink) => {
                self.refuse_format(&options)?;
                Arc::clone(sink)
            }
            None => open_sink(
                session,
                &Target {
                    format: self.format.as_deref().unwrap_or("parquet"),
                    options: &options,
                    partition_by: &self.partition_by,
                    query_name: write.query_name.as_deref(),
                    plan: &plan,
                },
            )?,
        };
        start(
            session,
            Start {
                name: write.query_name,
                plan,
                sink,
                output_mode: write.output_mode.unwrap_or_default(),
                trigger: write.trigger.unwrap_or_default(),
                checkpoint_location: write.checkpoint_location,
            },
        )
    }

    /// Starts the query with files of this folder as its sink.
    ///
    /// # Errors
    ///
    /// As [`DataStreamWriter::start`].
    pub fn start_path(self, path: impl Into<String>) -> Result<StreamingQuery> {
        self.option("path", path.into()).start()
    }

    /// Starts the query with a table of the session's catalog as its sink. Columns meet by name, and are cast to those of the table.
    ///
    /// # Errors
    ///
    /// As [`DataStreamWriter::start`]; `TABLE_OR_VIEW_NOT_FOUND`; columns that do not fit.
    pub fn to_table(&self, name: &str) -> Result<StreamingQuery> {
        let session = self.session()?;
        let CatalogEntry::Table(definition) = session.catalog().get(name)?.clone() else {
            return Err(Error::invalid(format!(
                "rows go into tables that are declared with CREATE TABLE or CREATE STREAMING TABLE. name=`{name}`"
            )));
        };
        let mut options = self.options.clone();
        let write = self
            .write
            .clone()
            .or(WriteOptions::take_from(&mut options)?);
        self.refuse_format(&options)?;
        super::script::table_flow(session, self.frame.plan()?, &definition, write)?.start(session)
    }

    fn session(&self) -> Result<&Session> {
        self.frame.session().ok_or_else(|| {
            Error::invalid(
                "queries without streaming sources cannot be executed with writeStream.start()",
            )
            .with_condition("WRITE_STREAM_NOT_ALLOWED")
        })
    }

    /// Format, options and partitions say nothing to a sink that is there already.
    fn refuse_format(&self, options: &BTreeMap<String, String>) -> Result<()> {
        let given = match (
            &self.format,
            options.keys().next(),
            self.partition_by.first(),
        ) {
            (Some(format), _, _) => format!("format=`{format}`"),
            (_, Some(option), _) => format!("option=`{option}`"),
            (_, _, Some(column)) => format!("partition column=`{column}`"),
            (None, None, None) => return Ok(()),
        };
        Err(Error::invalid(format!(
            "a sink that is made or declared already takes neither format nor options. {given}"
        )))
    }
}
