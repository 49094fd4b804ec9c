//! The options of the file source that have nothing to do with what is in the files.

use crate::error::{Error, Result};
use crate::options::Options;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// How long a file may be older than the newest one that was seen, and still be taken.
const MAX_FILE_AGE: Duration = Duration::from_secs(7 * 86_400);

/// How many unread files are remembered between two listings.
const MAX_CACHED_FILES: usize = 10_000;

/// How much one batch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileLimit {
    None,
    /// `maxFilesPerTrigger`
    Files(NonZeroUsize),
    /// `maxBytesPerTrigger`; one file is always taken.
    Bytes(NonZeroU64),
}

/// What happens to a file when its batch is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CleanSource {
    Off,
    Delete,
    /// Moved below this folder, with its whole path.
    Archive(PathBuf),
}

/// Spark's options of the file source.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of Spark's by itself"
)]
pub(super) struct FileOptions {
    pub(super) path: String,
    pub(super) limit: FileLimit,
    pub(super) is_latest_first: bool,
    pub(super) is_file_name_only: bool,
    /// `None`: any age.
    pub(super) max_file_age: Option<Duration>,
    pub(super) max_cached_files: usize,
    /// Part of the limit below which remembered files are forgotten and listed anew.
    pub(super) discard_cached_input_ratio: f64,
    pub(super) clean: CleanSource,
    pub(super) path_glob_filter: Option<glob::Pattern>,
    pub(super) is_recursive: bool,
    pub(super) ignores_missing_files: bool,
}

impl FileOptions {
    /// Takes what it knows out of `options`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is bad or two options contradict each other.
    pub(super) fn take(options: &mut Options) -> Result<FileOptions> {
        let path = options.require("path")?;
        let limit = limit(options)?;
        let is_latest_first = options.boolean("latestFirst", false)?;
        let max_age = options.duration("maxFileAge")?.unwrap_or(MAX_FILE_AGE);
        // The oldest files come last then, and would be too old by the time it is their turn.
        let is_any_age = is_latest_first && limit != FileLimit::None;
        let ratio = options.parse("discardCachedInputRatio", "a number from 0 to 1")?;
        let ratio = ratio.unwrap_or(0.2);
        if !(0.0..=1.0).contains(&ratio) {
            return Err(options.refuse("discardCachedInputRatio", "a number from 0 to 1", ratio));
        }
        let cached = options.parse("maxCachedFiles", "a number of files")?;
        let glob_filter = match options.take("pathGlobFilter") {
            None => None,
            Some(pattern) => Some(glob::Pattern::new(&pattern).map_err(|cause| {
                let error = options.refuse("pathGlobFilter", "a pattern such as *.json", pattern);
                error.with_source(cause)
            })?),
        };
        Ok(FileOptions {
            path,
            limit,
            is_latest_first,
            is_file_name_only: options.boolean("fileNameOnly", false)?,
            max_file_age: (!is_any_age).then_some(max_age),
            // With the newest first, what was remembered would hide what is newer.
            max_cached_files: if is_latest_first {
                0
            } else {
                cached.unwrap_or(MAX_CACHED_FILES)
            },
            discard_cached_input_ratio: ratio,
            clean: clean(options)?,
            path_glob_filter: glob_filter,
            is_recursive: options.boolean("recursiveFileLookup", false)?,
            ignores_missing_files: options.boolean("ignoreMissingFiles", false)?,
        })
    }
}

fn limit(options: &mut Options) -> Result<FileLimit> {
    let files = options.parse("maxFilesPerTrigger", "a number of files above 0")?;
    let bytes = options.bytes("maxBytesPerTrigger")?;
    match (files, bytes) {
        (None, None) => Ok(FileLimit::None),
        (Some(files), None) => Ok(FileLimit::Files(files)),
        (None, Some(bytes)) => match NonZeroU64::new(bytes) {
            Some(bytes) => Ok(FileLimit::Bytes(bytes)),
            None => Err(options.refuse("maxBytesPerTrigger", "a number of bytes above 0", bytes)),
        },
        (Some(_), Some(_)) => Err(Error::invalid(
            "the file source takes either maxFilesPerTrigger or maxBytesPerTrigger, not both",
        )),
    }
}

fn clean(options: &mut Options) -> Result<CleanSource> {
    let archive = options.take("sourceArchiveDir");
    let wanted = options
        .take("cleanSource")
        .map(|value| value.to_lowercase());
    match (wanted.as_deref(), archive) {
        (Some("archive"), Some(directory)) => Ok(CleanSource::Archive(PathBuf::from(directory))),
        (Some("archive"), None) => Err(Error::invalid(
            "cleanSource `archive` needs the option sourceArchiveDir",
        )),
        (_, Some(_)) => Err(Error::invalid(
            "the option sourceArchiveDir means something with cleanSource `archive` only",
        )),
        (None | Some("off"), None) => Ok(CleanSource::Off),
        (Some("delete"), None) => Ok(CleanSource::Delete),
        (Some(other), None) => Err(options.refuse("cleanSource", "off, archive or delete", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(pairs: &[(&str, &str)]) -> Result<FileOptions> {
        let path = [("path", "in")];
        let mut options = Options::new("json file source", path.iter().chain(pairs).copied());
        let taken = FileOptions::take(&mut options)?;
        options.finish()?;
        Ok(taken)
    }

    #[test]
    fn defaults_are_those_of_spark() {
        let options = take(&[]).unwrap();
        assert_eq!(options.limit, FileLimit::None);
        assert_eq!(options.max_file_age, Some(MAX_FILE_AGE));
        assert_eq!(options.clean, CleanSource::Off);
    }

    #[test]
    fn any_age_is_taken_with_latest_first_and_a_limit() {
        let pairs = [("latestFirst", "true"), ("maxFilesPerTrigger", "2")];
        assert_eq!(take(&pairs).unwrap().max_file_age, None);
        assert!(take(&pairs[..1]).unwrap().max_file_age.is_some());
    }

    #[test]
    fn contradictions_and_bad_values_are_refused() {
        for pairs in [
            &[("maxFilesPerTrigger", "2"), ("maxBytesPerTrigger", "1m")][..],
            &[("maxFilesPerTrigger", "0")],
            &[("maxBytesPerTrigger", "0")],
            &[("cleanSource", "archive")],
            &[("cleanSource", "burn")],
            &[("sourceArchiveDir", "x")],
            &[("discardCachedInputRatio", "2")],
            &[("pathGlobFilter", "[")],
            &[("modifiedBefore", "2020-01-01")],
        ] {
            assert!(take(pairs).is_err(), "{pairs:?}");
        }
    }
}
