//! Which files the next batch takes.

use super::listing::{self, ListedFile, Listing};
use super::options::{FileLimit, FileOptions};
use super::seen::{SeenFiles, SeenSnapshot};
use crate::error::{Error, ErrorKind, Result};
use crate::offset::Range;
use crate::source::ReadLimit;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The files of a range, as its detail holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) files: Vec<ListedFile>,
}

impl Plan {
    pub(super) fn to_detail(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|cause| {
            Error::invalid("the name of a file is not Unicode and cannot be written down")
                .with_source(cause)
        })
    }

    /// The files of a range that was planned before.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if it is not a range of files.
    pub(super) fn of_range(range: &Range) -> Result<Plan> {
        match &range.detail {
            None if range.is_empty() => Ok(Plan::default()),
            detail => {
                let detail = detail.clone().unwrap_or_default();
                serde_json::from_value(detail).map_err(|cause| {
                    Error::new(
                        ErrorKind::Incompatible,
                        "the range of the checkpoint does not name its files",
                    )
                    .with_source(cause)
                })
            }
        }
    }
}

/// A take that was planned and is not known to have happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    start: u64,
    files: Vec<ListedFile>,
}

/// What survives besides the ranges in the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    seen: SeenSnapshot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
}

/// Plans takes and remembers them.
#[derive(Debug)]
pub(super) struct Planner {
    options: Arc<FileOptions>,
    seen: SeenFiles,
    pending: Option<Pending>,
    /// Listed before and not yet taken, oldest first.
    unread: VecDeque<ListedFile>,
    /// What an available-now run may take.
    available_now: Option<Vec<ListedFile>>,
    is_manifest: bool,
}

impl Planner {
    pub(super) fn new(options: &Arc<FileOptions>) -> Planner {
        Planner {
            seen: SeenFiles::new(options.is_file_name_only, max_age(options, false)),
            options: Arc::clone(options),
            pending: None,
            unread: VecDeque::new(),
            available_now: None,
            is_manifest: false,
        }
    }

    /// Whether the files come from the manifest of a file sink.
    pub(super) fn is_manifest(&self) -> bool {
        self.is_manifest
    }

    /// The files of the batch that starts at `start`.
    ///
    /// # Errors
    ///
    /// Those of listing.
    pub(super) fn plan(&mut self, start: u64, limit: ReadLimit) -> Result<Plan> {
        self.settle(start);
        let limit = match limit {
            ReadLimit::Configured => self.options.limit,
            ReadLimit::All => FileLimit::None,
        };
        if self.needs_listing(limit) {
            self.unread = self.new_files()?.into();
        }
        let files = take(&mut self.unread, limit);
        self.unread.truncate(self.options.max_cached_files);
        if !files.is_empty() {
            self.pending = Some(Pending {
                start,
                files: files.clone(),
            });
        }
        Ok(Plan { files })
    }

    /// Decides about the take that was planned last, now that `start` is where the next batch starts.
    fn settle(&mut self, start: u64) {
        match self.pending.take() {
            // It is planned anew: what was planned before never came into the log.
            Some(pending) if start <= pending.start => self.unread.clear(),
            Some(pending) => self.remember(&pending.files),
            None => {}
        }
    }

    fn remember(&mut self, files: &[ListedFile]) {
        for file in files {
            self.seen.add(file);
        }
        self.seen.forget();
    }

    /// Whether too little is left of what was listed before.
    fn needs_listing(&self, limit: FileLimit) -> bool {
        let (left, wanted) = match limit {
            FileLimit::None => return true,
            FileLimit::Files(files) => (self.unread.len() as u64, files.get() as u64),
            FileLimit::Bytes(bytes) => {
                (self.unread.iter().map(|file| file.size).sum(), bytes.get())
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a rule of thumb")]
        let too_few = (wanted as f64) * self.options.discard_cached_input_ratio;
        #[expect(clippy::cast_precision_loss, reason = "a rule of thumb")]
        let left_far = left as f64;
        self.unread.is_empty() || left_far < too_few
    }

    /// Files that are there and were not taken, in the order in which they are to be.
    fn new_files(&mut self) -> Result<Vec<ListedFile>> {
        let listed = match &self.available_now {
            Some(files) => files.clone(),
            None => self.list()?,
        };
        let mut files: Vec<ListedFile> = listed
            .into_iter()
            .filter(|file| self.seen.is_new(file))
            .collect();
        if self.options.is_latest_first {
            files.reverse();
        }
        Ok(files)
    }

    fn list(&mut self) -> Result<Vec<ListedFile>> {
        let Listing { files, is_manifest } = listing::list(&self.options)?;
        if is_manifest && !self.is_manifest {
            self.is_manifest = true;
            self.seen.set_max_age(max_age(&self.options, true));
        }
        Ok(files)
    }

    /// Everything before `end` has happened.
    pub(super) fn commit(&mut self, end: u64) {
        if let Some(pending) = self.pending.take_if(|pending| pending.start < end) {
            self.remember(&pending.files);
        }
    }

    /// Takes in the files of a range of an earlier life.
    pub(super) fn recover(&mut self, files: &[ListedFile]) {
        self.remember(files);
    }

    pub(super) fn prepare_available_now(&mut self) -> Result<()> {
        self.unread.clear();
        self.available_now = Some(self.list()?);
        Ok(())
    }

    pub(super) fn snapshot(&self) -> Option<Value> {
        let snapshot = Snapshot {
            seen: self.seen.snapshot(),
            pending: self.pending.clone(),
        };
        serde_json::to_value(snapshot).ok()
    }

    /// Takes back what [`Planner::snapshot`] gave.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if it is something else.
    pub(super) fn restore(&mut self, snapshot: Value) -> Result<()> {
        let snapshot: Snapshot = serde_json::from_value(snapshot).map_err(|cause| {
            Error::new(
                ErrorKind::Corrupt,
                "the snapshot of a file source cannot be read",
            )
            .with_source(cause)
        })?;
        self.seen.restore(&snapshot.seen)?;
        self.pending = snapshot.pending;
        Ok(())
    }

    pub(super) fn metrics(&self) -> BTreeMap<String, String> {
        let bytes: u64 = self.unread.iter().map(|file| file.size).sum();
        BTreeMap::from([
            (
                "numFilesOutstanding".to_owned(),
                self.unread.len().to_string(),
            ),
            ("numBytesOutstanding".to_owned(), bytes.to_string()),
        ])
    }
}

/// How old a file may be to be taken. The files of a manifest come batch by batch, so that only those of the newest batch need to
/// be remembered.
fn max_age(options: &FileOptions, is_manifest: bool) -> Option<i64> {
    let age = options.max_file_age?;
    match is_manifest {
        true if options.is_latest_first => None,
        true => Some(0),
        false => Some(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// Takes files off the front, as many as the limit allows.
fn take(unread: &mut VecDeque<ListedFile>, limit: FileLimit) -> Vec<ListedFile> {
    let count = match limit {
        FileLimit::None => unread.len(),
        FileLimit::Files(files) => files.get().min(unread.len()),
        FileLimit::Bytes(most) => {
            let mut sum = 0_u64;
            let fitting = unread.iter().take_while(|file| {
                sum = sum.saturating_add(file.size);
                sum <= most.get()
            });
            fitting.count().max(1).min(unread.len())
        }
    };
    unread.drain(..count).collect()
}
