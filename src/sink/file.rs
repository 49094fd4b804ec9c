//! Rows as files in a folder: Parquet, JSON, CSV, lines of text; partitioned by columns; exactly once.
//!
//! How a batch is written:
//! 1. Each partition's rows become one file, under a name nobody had: written whole under a hidden name, made durable, renamed.
//!    Whoever looks for `*.parquet` sees whole files only.
//! 2. A segment of the manifest (`crate::manifest`) names the files of the batch. From here on they count: a reader that goes by
//!    the manifest sees all of a batch or nothing.
//!
//! A folder can be one of results ([`FileSinkFactory::replacing`]): in complete mode each batch replaces all files before it. The files it
//! replaces are removed one batch later, so that who is reading them is not disturbed.
//!
//! A batch that comes again finds itself in the manifest and writes nothing. What an attempt left behind that failed before step 2
//! is removed before the next attempt, and when the query starts again. A folder belongs to one query for ever, and cannot be
//! ahead of its checkpoint: both are refused, because batches would be taken for ones that are there already.

mod format;
mod partition;
#[cfg(test)]
mod tests;

use crate::batch::BatchId;
use crate::disk::{Disk, RealDisk, is_temporary, write_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, ManifestFile};
use crate::options::Options;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use arrow::datatypes::SchemaRef;
use format::OutputFormat;
use partition::{Part, Partitioning};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// How the names of our files begin; Spark's begin with `part-`.
const PREFIX: &str = "batch-";

/// Where Spark's own file sink keeps what it has committed.
const SPARK_MANIFEST: &str = "_spark_metadata";

/// A folder that is written, declared.
#[derive(Debug, Clone)]
pub struct FileSinkFactory {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    format: Arc<OutputFormat>,
    partition_by: Vec<String>,
    replaces: bool,
}

impl FileSinkFactory {
    /// A folder of files in `format` (`csv`, `json`, `parquet` or `text`), with Spark's option `path` and those of the format, with a
    /// folder for each value of the columns `partition_by`.
    ///
    /// # Errors
    ///
    /// `Invalid`: there is no such option or value, or the path is missing.
    pub fn new(
        format: &str,
        options: &BTreeMap<String, String>,
        partition_by: &[String],
    ) -> Result<FileSinkFactory> {
        let mut options = Options::new(format!("{format} file sink"), options.clone());
        let path = options.require("path")?;
        let path = path.strip_prefix("file://").unwrap_or(&path);
        let output = OutputFormat::take(format, &mut options)?;
        if let Some(value) = options.take("retention") {
            return Err(options.refuse(
                "retention",
                "nothing (not supported: the manifest stays small by itself, and files are only removed by hand)",
                value,
            ));
        }
        options.finish()?;
        let folder = std::path::absolute(path).map_err(|cause| {
            Error::invalid(format!("the path is none. path=`{path}`")).with_source(cause)
        })?;
        Ok(FileSinkFactory {
            disk: Arc::new(RealDisk),
            folder,
            format: Arc::new(output),
            partition_by: partition_by.to_vec(),
            replaces: false,
        })
    }

    /// The same folder as one of results: it may be written in complete mode. Only who goes by the manifest may read it.
    #[must_use]
    pub fn replacing(mut self) -> FileSinkFactory {
        self.replaces = true;
        self
    }

    /// The same on another disk.
    #[must_use]
    pub fn on_disk(mut self, disk: Arc<dyn Disk>) -> FileSinkFactory {
        self.disk = disk;
        self
    }
}

impl SinkFactory for FileSinkFactory {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(FileSink {
            factory: self.clone(),
            query: String::new(),
            run: Uuid::new_v4(),
            attempts: 0,
            unfinished: Vec::new(),
            superseded: Vec::new(),
            ready: None,
        }))
    }
}

/// What is known once a query has started.
#[derive(Debug)]
struct Ready {
    partitioning: Partitioning,
    manifest: Manifest,
}

/// A query's writer of a folder.
struct FileSink {
    factory: FileSinkFactory,
    query: String,
    /// Part of the names of files: those of two runs never meet.
    run: Uuid,
    attempts: u32,
    /// Files of attempts that were not committed.
    unfinished: Vec<PathBuf>,
    /// Files that the last batch replaced.
    superseded: Vec<ManifestFile>,
    ready: Option<Ready>,
}

impl FileSink {
    fn disk(&self) -> &dyn Disk {
        self.factory.disk.as_ref()
    }

    fn folder(&self) -> &Path {
        &self.factory.folder
    }

    /// Takes the folder over, and removes what an earlier run left behind.
    fn take_over(&self, last_committed: Option<BatchId>) -> Result<Manifest> {
        let disk = self.disk();
        if disk.exists(&self.folder().join(SPARK_MANIFEST))? {
            return Err(self.conflict(
                "the folder is written by Spark's file sink; give this query a folder of its own",
            ));
        }
        disk.create_directory(self.folder())?;
        let was_owner = Manifest::claim(disk, self.folder(), &self.query)?;
        let manifest = Manifest::open(disk, self.folder())?;
        // A crash between the sink and the commit of a batch leaves the folder one batch ahead, never more.
        let next = last_committed.map_or(0, |last| last.next().0);
        if manifest.last_batch().is_some_and(|last| last > next) {
            return Err(self.conflict(
                "the folder is ahead of the checkpoint, which must have been replaced by an older one; start with an empty folder",
            ));
        }
        if was_owner {
            let known = if self.factory.replaces {
                let files = manifest.files(disk)?.into_iter();
                Some(files.map(|file| file.path).collect())
            } else {
                None
            };
            self.remove_left_over(self.folder(), &manifest, known.as_ref())?;
        }
        Ok(manifest)
    }

    fn conflict(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Conflict,
            format!("{what}. path=`{}`", self.folder().display()),
        )
    }

    /// Removes files of batches that the manifest does not know, and files that were not finished; in a folder of results all files but those
    /// `known`, relative to it.
    fn remove_left_over(
        &self,
        folder: &Path,
        manifest: &Manifest,
        known: Option<&BTreeSet<String>>,
    ) -> Result<()> {
        for name in self.disk().list(folder)? {
            let path = folder.join(&name);
            if name.contains('=') {
                self.remove_left_over(&path, manifest, known)?;
                continue;
            }
            let batch = batch_of(name.strip_prefix('.').unwrap_or(&name));
            let is_known = match known {
                Some(known) => path
                    .strip_prefix(self.folder())
                    .ok()
                    .and_then(Path::to_str)
                    .is_some_and(|relative| known.contains(relative)),
                None => batch.is_some_and(|batch| manifest.last_batch() >= Some(batch)),
            };
            if batch.is_some() && (is_temporary(&name) || !is_known) {
                tracing::info!(path = %path.display(), "removing a file of a batch that was not committed");
                self.disk().remove(&path)?;
            }
        }
        Ok(())
    }

    /// Writes one file.
    fn write(&mut self, batch: BatchId, number: usize, part: &Part) -> Result<ManifestFile> {
        let name = format!(
            "{PREFIX}{:08}-{number:05}-{}-{}{}",
            batch.0,
            self.run.simple(),
            self.attempts,
            self.factory.format.extension()
        );
        let relative = match part.folder.as_str() {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        let bytes = self.factory.format.write(&part.schema, &part.rows)?;
        let path = self.folder().join(&relative);
        if !part.folder.is_empty() {
            self.disk().create_directory(crate::disk::parent(&path))?;
        }
        self.unfinished.push(path.clone());
        write_whole(self.disk(), &path, &bytes)?;
        Ok(ManifestFile {
            path: relative,
            batch: batch.0,
            size: bytes.len() as u64,
            rows: part.rows.iter().map(|rows| rows.num_rows() as u64).sum(),
        })
    }

    /// Removes what failed attempts of this run left behind.
    fn clean_up(&mut self) -> Result<()> {
        while let Some(path) = self.unfinished.last() {
            self.disk().remove(path)?;
            self.unfinished.pop();
        }
        Ok(())
    }

    fn write_batch(&mut self, ready: &mut Ready, batch: &SinkBatch<'_>) -> Result<()> {
        // What the disk has decides, not what a failed attempt believes.
        ready.manifest = Manifest::open(self.disk(), self.folder())?;
        if ready.manifest.last_batch() >= Some(batch.id.0) {
            tracing::info!(batch = %batch.id, "the batch is there already");
            // The attempt that named its files failed only after that: they count, and must not be cleaned up.
            self.unfinished.clear();
            return ready.manifest.sync(self.disk());
        }
        self.clean_up()?;
        self.attempts += 1;
        let mut files = Vec::new();
        for (number, part) in ready.partitioning.split(batch.rows)?.iter().enumerate() {
            files.push(self.write(batch.id, number, part)?);
        }
        let disk = Arc::clone(&self.factory.disk);
        if batch.mode == OutputMode::Complete {
            let before = ready.manifest.files(disk.as_ref())?;
            ready.manifest.replace(disk.as_ref(), batch.id.0, &files)?;
            self.remove_superseded(before);
        } else {
            ready.manifest.commit(disk.as_ref(), batch.id.0, &files)?;
        }
        self.unfinished.clear();
        if let Err(error) = ready.manifest.tidy(disk.as_ref()) {
            tracing::warn!(%error, "the manifest could not be tidied, which is tried again with the next batch");
        }
        Ok(())
    }
}

impl FileSink {
    /// Removes what the batch before replaced, and notes what this one replaced. What cannot be removed now is removed when the query starts
    /// again.
    fn remove_superseded(&mut self, replaced: Vec<ManifestFile>) {
        for file in std::mem::replace(&mut self.superseded, replaced) {
            if let Err(error) = self.disk().remove(&self.folder().join(&file.path)) {
                tracing::warn!(%error, "a file of an old result could not be removed");
            }
        }
    }
}

/// The batch of a file of ours, by its name.
fn batch_of(name: &str) -> Option<u64> {
    let (batch, rest) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let (number, rest) = rest.split_once('-')?;
    let (run, _) = rest.split_once('-')?;
    let is_ours = batch.len() >= 8 && number.len() >= 5 && Uuid::try_parse(run).is_ok();
    batch.parse().ok().filter(|_| is_ours)
}

impl Sink for FileSink {
    fn description(&self) -> String {
        format!("FileSink[{}]", self.folder().display())
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn identify(&mut self, query: &str) {
        query.clone_into(&mut self.query);
    }

    fn start(
        &mut self,
        schema: &SchemaRef,
        mode: OutputMode,
        last_committed: Option<BatchId>,
    ) -> Result<()> {
        let is_allowed = match mode {
            OutputMode::Append => true,
            OutputMode::Complete => self.factory.replaces,
            OutputMode::Update => false,
        };
        if !is_allowed {
            return Err(Error::invalid(format!(
                "files can only be appended to; use output mode append, or another sink. mode=`{mode}`"
            ))
            .with_condition("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
        }
        let partitioning = Partitioning::new(schema, &self.factory.partition_by)?;
        self.factory.format.check(partitioning.file_schema())?;
        self.ready = Some(Ready {
            partitioning,
            manifest: self.take_over(last_committed)?,
        });
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        let Some(mut ready) = self.ready.take() else {
            return Err(Error::internal(
                "a file sink got rows before it was started",
            ));
        };
        let written = self.write_batch(&mut ready, batch);
        self.ready = Some(ready);
        written
    }
}
