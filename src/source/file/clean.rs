//! What happens to files once their batch is committed: nothing, or they are deleted, or moved into an archive.
//!
//! Best effort, as in Spark: a file that a crash leaves uncleaned stays, and an error is logged and ends no query.

use super::listing::{ListedFile, fixed_part};
use super::options::{CleanSource, FileOptions};
use crate::disk::{Disk, RealDisk, parent};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Cleans up behind a source.
#[derive(Debug)]
pub(super) struct Cleaner {
    options: Arc<FileOptions>,
    /// By the end of their range.
    expected: BTreeMap<u64, Vec<ListedFile>>,
}

impl Cleaner {
    pub(super) fn new(options: &Arc<FileOptions>) -> Cleaner {
        Cleaner {
            options: Arc::clone(options),
            expected: BTreeMap::new(),
        }
    }

    /// Refuses an archive that the source would read again.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the archive lies where files are looked for.
    pub(super) fn check(options: &FileOptions) -> Result<()> {
        let CleanSource::Archive(archive) = &options.clean else {
            return Ok(());
        };
        let source = fixed_part(&options.path)?;
        let archive = fixed_part(&archive.to_string_lossy())?;
        if archive.starts_with(&source) {
            return Err(Error::invalid(format!(
                "the archive must lie outside of the source's path, or its files would be read again. sourceArchiveDir=`{}`, path=`{}`",
                archive.display(),
                options.path
            )));
        }
        Ok(())
    }

    /// Remembers the files of a range that ends at `end`.
    pub(super) fn expect(&mut self, end: u64, files: Vec<ListedFile>) {
        if self.options.clean != CleanSource::Off && !files.is_empty() {
            self.expected.insert(end, files);
        }
    }

    /// Cleans up the files of all ranges up to `end`.
    ///
    /// # Errors
    ///
    /// The first one; the other files are cleaned up all the same.
    pub(super) fn commit(&mut self, end: u64) -> Result<()> {
        let later = self.expected.split_off(&end.saturating_add(1));
        let due = std::mem::replace(&mut self.expected, later);
        let mut result = Ok(());
        for file in due.into_values().flatten() {
            let cleaned = match &self.options.clean {
                CleanSource::Off => Ok(()),
                CleanSource::Delete => RealDisk.remove(&file.path),
                CleanSource::Archive(archive) => move_into(&file.path, archive),
            };
            result = result.and(cleaned);
        }
        result
    }
}

/// Moves a file below the archive, with its whole path.
fn move_into(path: &Path, archive: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let below: PathBuf = path.components().skip(1).collect();
    let target = archive.join(below);
    RealDisk.create_directory(parent(&target))?;
    RealDisk.rename(path, &target)
}
