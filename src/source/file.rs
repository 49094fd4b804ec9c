//! Files that appear in a folder, as a stream: JSON, CSV, Parquet, lines of text.
//!
//! An offset counts the *takes*: each range that has files is one, as one entry of Spark's file log is. A range carries its files
//! in its detail, so that a replay reads the same ones; the files of older ranges are in the snapshot, and those so old that they
//! would not be taken any more are nowhere (`seen`).
//!
//! How a take is planned:
//! 1. What was planned before counts as taken only once a later plan starts behind it, or it is committed: a plan that never came
//!    into the log must not hide its files.
//! 2. The files that are there and were not taken are listed (`listing`), oldest first, and remembered up to a bound.
//! 3. As many as the limit allows are the take.
//!
//! Reading checks that each file still is what was planned; a file that changed or is gone ends the query, because a replay
//! could not give the same rows.

mod clean;
mod formats;
mod lines;
mod listing;
mod options;
mod partition;
mod plan;
mod range;
mod read;
mod seen;
#[cfg(test)]
mod tests;

use crate::batch::Timestamp;
use crate::error::{Error, Result};
use crate::format::nullable_schema;
use crate::offset::{Offset, Range};
use crate::options::Options;
use crate::source::filter::RowFilter;
use crate::source::{Planned, ReadLimit, Slices, Source, SourceFactory};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use clean::Cleaner;
use formats::FileFormat;
use listing::{Listing, is_pattern};
use options::{CleanSource, FileOptions};
use plan::{Plan, Planner};
use read::FileReader;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files of one format, declared.
#[derive(Debug, Clone)]
pub struct FileSourceFactory {
    format: Arc<dyn FileFormat>,
    options: Arc<FileOptions>,
    schema: SchemaRef,
    identity: String,
}

impl FileSourceFactory {
    /// Files of `format` (`csv`, `json`, `parquet` or `text`), with Spark's options. Without a schema the columns are told from the
    /// files that are there. Columns whose names stand in the path of a file (`name=value`) come from there.
    ///
    /// # Errors
    ///
    /// `Invalid`: there is no such option or value; nothing is at a path without pattern (`PATH_NOT_FOUND`); there are no files to
    /// tell the columns from (`UNABLE_TO_INFER_SCHEMA`); the format cannot hold a column.
    pub fn new(
        format: &str,
        schema: Option<&SchemaRef>,
        options: &BTreeMap<String, String>,
    ) -> Result<FileSourceFactory> {
        let mut taken = Options::new(format!("{format} file source"), options.clone());
        let file_options = FileOptions::take(&mut taken)?;
        let file_format: Arc<dyn FileFormat> = formats::open(format, &mut taken)?.into();
        taken.finish()?;
        let path = &file_options.path;
        if !is_pattern(path) && !listing::fixed_part(path)?.exists() {
            return Err(Error::invalid(format!(
                "there is nothing at this path; make the folder first, or write the path as a pattern. path=`{path}`"
            ))
            .with_condition("PATH_NOT_FOUND"));
        }
        Cleaner::check(&file_options)?;
        let schema = match schema {
            Some(schema) => nullable_schema(schema),
            None => infer(file_format.as_ref(), &file_options)?,
        };
        file_format.check(&schema)?;
        let identity = format!("{format}[{}]", identity_of(options));
        Ok(FileSourceFactory {
            format: file_format,
            options: Arc::new(file_options),
            schema: Arc::new(schema),
            identity,
        })
    }
}

/// The options that make two uses the same source, in a fixed order.
fn identity_of(options: &BTreeMap<String, String>) -> String {
    let lower = options
        .iter()
        .map(|(key, value)| (key.to_lowercase(), value));
    let sorted: BTreeMap<String, &String> = lower.collect();
    let pairs = sorted.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The columns of the files that are there, and of their paths.
fn infer(format: &dyn FileFormat, options: &FileOptions) -> Result<Schema> {
    let Listing { files, .. } = listing::list(options)?;
    let schema = format.infer(&files)?;
    if schema.fields().is_empty() {
        return Err(Error::invalid(format!(
            "there are no files to tell the columns from; declare them. format=`{}`, path=`{}`",
            format.name(),
            options.path
        ))
        .with_condition("UNABLE_TO_INFER_SCHEMA"));
    }
    let mut partitions: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for file in &files {
        for (name, value) in partition::values_of(&file.path) {
            partitions.entry(name).or_default().insert(value);
        }
    }
    let typed: Vec<(String, DataType)> = partitions
        .into_iter()
        .map(|(name, values)| {
            (
                name,
                partition::infer(&values.iter().filter_map(Option::as_deref)),
            )
        })
        .collect();
    Ok(formats::with_partitions(&nullable_schema(&schema), &typed))
}

impl SourceFactory for FileSourceFactory {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    /// The folder: limits and how rows are read may change, and the files that were read stay read.
    fn checkpoint_name(&self) -> String {
        format!("{}[{}]", self.format.name(), self.options.path)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        Ok(Box::new(FileSource {
            reader: FileReader::new(self),
            planner: Planner::new(&self.options),
            cleaner: Cleaner::new(&self.options),
            factory: self.clone(),
        }))
    }

    fn read_static(&self, columns: &[usize]) -> Result<Vec<RecordBatch>> {
        let Listing { files, .. } = listing::list(&self.options)?;
        let slices = FileReader::new(self).read(files, columns, None);
        slices.map(|slice| (slice?.decode)()).collect()
    }
}

/// A query's reader of a folder.
struct FileSource {
    factory: FileSourceFactory,
    planner: Planner,
    reader: FileReader,
    cleaner: Cleaner,
}

impl Source for FileSource {
    fn description(&self) -> String {
        format!("FileStreamSource[{}]", self.factory.options.path)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.factory.schema)
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        Ok(Offset::Position(0))
    }

    fn plan(&mut self, start: &Offset, limit: ReadLimit, _now: Timestamp) -> Result<Planned> {
        let from = start.position()?;
        let plan = self.planner.plan(from, limit)?;
        if self.planner.is_manifest() && self.factory.options.clean != CleanSource::Off {
            return Err(listing::refuse_cleaning(&self.factory.options.path));
        }
        let end = from + u64::from(!plan.files.is_empty());
        let detail = if plan.files.is_empty() {
            None
        } else {
            Some(plan.to_detail()?)
        };
        self.cleaner.expect(end, plan.files);
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: Offset::Position(end),
                detail,
            },
            latest: None,
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        let Plan { files } = Plan::of_range(range)?;
        Ok(self.reader.read(files, columns, None))
    }

    fn read_filtered(
        &mut self,
        range: &Range,
        columns: &[usize],
        filter: &Arc<RowFilter>,
    ) -> Result<Slices> {
        let Plan { files } = Plan::of_range(range)?;
        Ok(self.reader.read(files, columns, Some(filter)))
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        let end = end.position()?;
        self.planner.commit(end);
        self.cleaner.commit(end)
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        self.planner.prepare_available_now()
    }

    fn recover(&mut self, range: &Range) -> Result<()> {
        let Plan { files } = Plan::of_range(range)?;
        self.planner.recover(&files);
        self.cleaner.expect(range.end.position()?, files);
        Ok(())
    }

    fn snapshot(&self) -> Option<Value> {
        self.planner.snapshot()
    }

    fn restore(&mut self, snapshot: Value) -> Result<()> {
        self.planner.restore(snapshot)
    }

    fn metrics(&self) -> BTreeMap<String, String> {
        self.planner.metrics()
    }
}
