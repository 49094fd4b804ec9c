//! Which files were taken already, kept small.
//!
//! Files whose age is more than `max_age` behind the newest that was taken are never looked at again, so they need not be
//! remembered: `forgotten_before` is where memory begins. Before the first batch it begins at the beginning, so that the first
//! batch takes files of any age. A file is remembered by a hash of 128 bits of its path (or name), and when it was modified.

use super::listing::ListedFile;
use crate::error::{Error, ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of one file in a snapshot: its hash, and when it was modified.
const ENTRY_BYTES: usize = 24;

/// The files that were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenFiles {
    is_name_only: bool,
    /// How far behind the newest a file may be, in the unit of [`ListedFile::modified_ms`]; `None`: any.
    max_age: Option<i64>,
    files: HashMap<u128, i64>,
    newest: i64,
    forgotten_before: i64,
}

/// The form in which it survives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenSnapshot {
    newest_ms: i64,
    forgotten_before_ms: i64,
    /// Base64 of 24 bytes a file, little-endian.
    files: String,
}

impl SeenFiles {
    pub(super) fn new(is_name_only: bool, max_age: Option<i64>) -> SeenFiles {
        SeenFiles {
            is_name_only,
            max_age,
            files: HashMap::new(),
            newest: 0,
            forgotten_before: i64::MIN,
        }
    }

    /// Changes how far behind the newest a file may be.
    pub(super) fn set_max_age(&mut self, max_age: Option<i64>) {
        self.max_age = max_age;
    }

    fn key(&self, file: &ListedFile) -> u128 {
        let text = if self.is_name_only {
            file.path.file_name().unwrap_or_default()
        } else {
            file.path.as_os_str()
        };
        xxh3_128(text.as_encoded_bytes())
    }

    /// Whether a file is still to be taken.
    pub(super) fn is_new(&self, file: &ListedFile) -> bool {
        file.modified_ms >= self.forgotten_before && !self.files.contains_key(&self.key(file))
    }

    /// Remembers files that are taken; call [`SeenFiles::forget`] when all of a batch are in.
    pub(super) fn add(&mut self, file: &ListedFile) {
        let key = self.key(file);
        self.files.insert(key, file.modified_ms);
        self.newest = self.newest.max(file.modified_ms);
    }

    /// Forgets what is too old to be looked at again.
    pub(super) fn forget(&mut self) {
        let Some(max_age) = self.max_age else {
            return;
        };
        if self.files.is_empty() {
            return;
        }
        let before = self.newest.saturating_sub(max_age);
        if before > self.forgotten_before {
            self.forgotten_before = before;
            self.files.retain(|_, modified| *modified >= before);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn snapshot(&self) -> SeenSnapshot {
        let mut entries: Vec<(&u128, &i64)> = self.files.iter().collect();
        entries.sort_unstable();
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
        for (key, modified) in entries {
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.extend_from_slice(&modified.to_le_bytes());
        }
        SeenSnapshot {
            newest_ms: self.newest,
            forgotten_before_ms: self.forgotten_before,
            files: BASE64.encode(bytes),
        }
    }

    /// Takes back what [`SeenFiles::snapshot`] gave.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if it is something else.
    pub(super) fn restore(&mut self, snapshot: &SeenSnapshot) -> Result<()> {
        let bytes = BASE64.decode(&snapshot.files).unwrap_or_default();
        let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() || bytes.is_empty() != snapshot.files.is_empty() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the snapshot of a file source does not hold whole files",
            ));
        }
        self.files.clear();
        for entry in entries {
            if let Some((key, modified)) = entry.split_first_chunk::<16>()
                && let Ok(modified) = modified.try_into()
            {
                let key = u128::from_le_bytes(*key);
                self.files.insert(key, i64::from_le_bytes(modified));
            }
        }
        self.newest = snapshot.newest_ms;
        self.forgotten_before = snapshot.forgotten_before_ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn file(path: &str, modified_ms: i64) -> ListedFile {
        ListedFile {
            path: PathBuf::from(path),
            size: 1,
            modified_ms,
        }
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_not_taken_again() {
        let mut seen = SeenFiles::new(false, Some(10));
        assert!(seen.is_new(&file("/a", -5)));
        seen.add(&file("/a", 5));
        seen.forget();
        assert!(!seen.is_new(&file("/a", 5)));
        assert!(seen.is_new(&file("/b", 0)));
        seen.add(&file("/c", 16));
        seen.forget();
        assert_eq!(seen.len(), 1);
        assert!(!seen.is_new(&file("/a", 5)));
        assert!(!seen.is_new(&file("/late", 5)));
        assert!(seen.is_new(&file("/d", 6)));
    }

    #[test]
    fn names_alone_can_be_the_identity() {
        let mut seen = SeenFiles::new(true, Some(10));
        seen.add(&file("/x/a", 5));
        assert!(!seen.is_new(&file("/y/a", 6)));
        assert!(seen.is_new(&file("/x/b", 6)));
    }

    #[test]
    fn a_snapshot_is_taken_back() {
        let mut seen = SeenFiles::new(false, Some(10));
        for number in 0..30 {
            seen.add(&file(&format!("/{number}"), number));
        }
        seen.forget();
        let mut later = SeenFiles::new(false, Some(10));
        later.restore(&seen.snapshot()).unwrap();
        assert_eq!(later, seen);
        let damaged = SeenSnapshot {
            files: "AAAA".to_owned(),
            ..seen.snapshot()
        };
        assert_eq!(
            later.restore(&damaged).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}
