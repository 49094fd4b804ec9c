//! Reading a file in ranges of bytes, each on the thread that decodes it, so that what was read is decoded out of that core's cache.
//!
//! A line belongs to the range that its first byte lies in. A reader therefore begins behind the first line end at or before the start of
//! its range, and reads on behind the end of it until its last line is complete: every line is read once, however the file is cut.

use super::lines::{BYTE_ORDER_MARK, LINE_BYTES_MAX, SLICE_BYTES, SpareBuffers, too_long};
use super::listing::ListedFile;
use crate::disk::file_error;
use crate::error::{Error, ErrorKind, Result};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// How much is read at once behind the end of a range, for the rest of a line: this, or as much again as there is of the line, so that a long one
/// is not searched over and over.
const REST_BYTES: u64 = 4 << 10;

/// A file that is read in ranges.
#[derive(Debug, Clone)]
pub(super) struct RangedFile {
    file: Arc<File>,
    path: Arc<Path>,
    /// As far as the file is read: what has been added since it was listed is not.
    size: u64,
    spare: Arc<SpareBuffers>,
}

/// The lines that begin in one range of a file.
#[derive(Debug)]
pub(super) struct RangeReader {
    file: RangedFile,
    /// From where on is read next.
    at: u64,
    end: u64,
    is_at_start: bool,
    /// Whether the line end behind which the lines begin has not been found yet.
    seeks_line: bool,
    buffer: Vec<u8>,
    /// The bytes of the buffer that have been read but not given out.
    rest: Range<usize>,
}

impl RangedFile {
    /// Opens a file. Buffers are taken from `spare`, and given back.
    ///
    /// # Errors
    ///
    /// `Invalid`, if it cannot be opened.
    pub(super) fn open(file: &ListedFile, spare: &Arc<SpareBuffers>) -> Result<RangedFile> {
        let opened = File::open(&file.path)
            .map_err(|cause| file_error("open the file", &file.path, cause))?;
        if let Err(cause) = fadvise(&opened, 0, None, Advice::Sequential) {
            tracing::debug!(path = %file.path.display(), %cause, "the system does not read further ahead");
        }
        Ok(RangedFile {
            file: Arc::new(opened),
            path: Arc::from(file.path.as_path()),
            size: file.size,
            spare: Arc::clone(spare),
        })
    }

    /// The ranges the file is cut into, in order: each with its bytes, and how it is read.
    pub(super) fn ranges(self) -> impl Iterator<Item = (usize, Range<u64>)> + Send {
        let starts = (0..self.size).step_by(SLICE_BYTES);
        starts.map(move |start| {
            let end = self.size.min(start + SLICE_BYTES as u64);
            let bytes = usize::try_from(end - start).unwrap_or(SLICE_BYTES);
            (bytes, start..end)
        })
    }

    /// Reads the lines that begin in this range.
    pub(super) fn read(self, range: Range<u64>) -> RangeReader {
        let buffer = self.spare.take();
        RangeReader {
            file: self,
            at: range.start.saturating_sub(1),
            end: range.end,
            is_at_start: range.start == 0,
            seeks_line: range.start > 0,
            buffer,
            rest: 0..0,
        }
    }
}

impl RangeReader {
    /// Whether what comes next is the start of the file.
    pub(super) fn is_at_start(&self) -> bool {
        self.is_at_start
    }

    /// Some more lines, about `bytes` of them; `None` at the end.
    ///
    /// # Errors
    ///
    /// `DataLoss`, if the file has become shorter; `Data`, if a line is too long; else what reading failed with.
    pub(super) fn next(&mut self, bytes: usize) -> Result<Option<&[u8]>> {
        self.buffer.copy_within(self.rest.clone(), 0);
        self.rest = 0..self.rest.len();
        loop {
            let before = self.rest.end;
            if self.at < self.end {
                self.fill((self.end - self.at).min(bytes as u64))?;
                if self.is_at_start {
                    self.is_at_start = false;
                    self.rest.start += mark_length(self.unread());
                }
                if self.seeks_line {
                    match memchr::memchr(b'\n', self.unread()) {
                        Some(line_end) => self.rest.start += line_end + 1,
                        None => self.rest = 0..0,
                    }
                    self.seeks_line = self.rest.is_empty() && self.rest.start == 0;
                }
            } else if self.rest.is_empty() {
                return Ok(None);
            } else if self.at < self.file.size {
                let more = REST_BYTES.max(self.rest.len() as u64);
                self.fill((self.file.size - self.at).min(more))?;
                let new = self.buffer.get(before..self.rest.end).unwrap_or_default();
                if let Some(line_end) = memchr::memchr(b'\n', new) {
                    self.rest.end = before + line_end + 1;
                    self.at = self.file.size;
                }
            } else {
                // The last line of a file need not end.
                return Ok(Some(self.give(self.rest.end)));
            }
            if let Some(line_end) = memchr::memrchr(b'\n', self.unread()) {
                return Ok(Some(self.give(self.rest.start + line_end + 1)));
            }
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(too_long("line of the file", &self.file.path));
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.rest.clone()).unwrap_or_default()
    }

    /// Gives out what has been read up to `end`.
    fn give(&mut self, end: usize) -> &[u8] {
        let given = self.rest.start..end;
        self.rest.start = end;
        self.buffer.get(given).unwrap_or_default()
    }

    /// Reads so many bytes more.
    fn fill(&mut self, bytes: u64) -> Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(SLICE_BYTES);
        let end = self.rest.end + bytes;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let space = self.buffer.get_mut(self.rest.end..end).unwrap_or_default();
        let read = self.file.file.read_exact_at(space, self.at);
        read.map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => shortened(&self.file.path),
            _ => file_error("read the file", &self.file.path, cause),
        })?;
        self.rest.end = end;
        self.at += bytes as u64;
        Ok(())
    }
}

impl Drop for RangeReader {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.file.spare.give(buffer);
    }
}

fn shortened(path: &Path) -> Error {
    Error::new(
        ErrorKind::DataLoss,
        format!(
            "a file became shorter while it was read; write files elsewhere and move them into the folder when they are complete. path=`{}`",
            path.display()
        ),
    )
}

/// How long the mark of UTF-8 is that a text begins with.
fn mark_length(text: &[u8]) -> usize {
    if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(text: &[u8]) -> (tempfile::TempDir, ListedFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        File::create(&path).unwrap().write_all(text).unwrap();
        let listed = ListedFile {
            path,
            size: text.len() as u64,
            modified_ms: 0,
        };
        (folder, listed)
    }

    /// What the readers of ranges that end here give, one after another.
    fn read(listed: &ListedFile, ends: &[u64], bytes: usize) -> Vec<Vec<u8>> {
        let ranged = RangedFile::open(listed, &Arc::default()).unwrap();
        let mut start = 0;
        let mut parts = Vec::new();
        for end in ends.iter().chain([&listed.size]) {
            let mut reader = ranged.clone().read(start..*end);
            while let Some(part) = reader.next(bytes).unwrap() {
                parts.push(part.to_vec());
            }
            start = *end;
        }
        parts
    }

    #[test]
    fn a_line_belongs_to_the_range_it_begins_in() {
        let (_folder, listed) = file(b"one\ntwo\nthree");
        for (end, first) in [
            (3, "one\n"),
            (4, "one\n"),
            (5, "one\ntwo\n"),
            (8, "one\ntwo\n"),
        ] {
            let ranged = RangedFile::open(&listed, &Arc::default()).unwrap();
            let mut reader = ranged.read(0..end);
            assert!(reader.is_at_start());
            let mut text = Vec::new();
            while let Some(part) = reader.next(100).unwrap() {
                text.extend_from_slice(part);
            }
            assert_eq!(text, first.as_bytes(), "{end}");
            assert!(!reader.is_at_start());
        }
    }

    #[test]
    fn a_file_is_cut_into_ranges_that_cover_it() {
        let (_folder, mut listed) = file(b"x");
        listed.size = 2 * SLICE_BYTES as u64 + 7;
        let ranged = RangedFile::open(&listed, &Arc::default()).unwrap();
        let size = SLICE_BYTES as u64;
        let ranges: Vec<_> = ranged.ranges().collect();
        let last = (7, 2 * size..2 * size + 7);
        assert_eq!(
            ranges,
            [(SLICE_BYTES, 0..size), (SLICE_BYTES, size..2 * size), last]
        );
    }

    #[test]
    fn a_line_over_many_ranges_is_read_whole_by_the_first() {
        let mut text = b"short\n".to_vec();
        text.resize(5 * SLICE_BYTES / 2, b'x');
        text.extend_from_slice(b"\nlast");
        let (_folder, listed) = file(&text);
        let ranged = RangedFile::open(&listed, &Arc::default()).unwrap();
        let parts: Vec<Vec<Vec<u8>>> = ranged
            .clone()
            .ranges()
            .map(|(_, range)| {
                let mut reader = ranged.clone().read(range);
                let mut parts = Vec::new();
                while let Some(part) = reader.next(SLICE_BYTES / 8).unwrap() {
                    parts.push(part.to_vec());
                }
                parts
            })
            .collect();
        let long = &text[6..text.len() - 4];
        let expected = [
            vec![b"short\n".to_vec(), long.to_vec()],
            vec![],
            vec![b"last".to_vec()],
        ];
        assert!(parts == expected, "{:?}", parts.iter().map(Vec::len));
    }

    #[test]
    fn the_mark_of_utf_8_is_no_text() {
        let (_folder, listed) = file(b"\xef\xbb\xbfa\nb\n");
        assert_eq!(read(&listed, &[5], 100), [b"a\n", b"b\n"]);
    }

    #[test]
    fn a_file_that_has_become_shorter_is_told() {
        let (_folder, mut listed) = file(b"a\nb\n");
        listed.size = 10;
        let ranged = RangedFile::open(&listed, &Arc::default()).unwrap();
        let error = ranged.read(0..10).next(100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{error}");
    }

    proptest! {
        #[test]
        fn every_line_is_read_once_however_the_file_is_cut(
            lines in proptest::collection::vec("[a-c]{0,12}", 0..60),
            ends_with_line_end: bool,
            cuts in proptest::collection::btree_set(1_u64..400, 0..12),
            bytes in 1_usize..50,
        ) {
            let mut text = lines.join("\n");
            if ends_with_line_end {
                text.push('\n');
            }
            let (_folder, listed) = file(text.as_bytes());
            let cuts: Vec<u64> = cuts.into_iter().filter(|cut| *cut < listed.size).collect();
            let parts = read(&listed, &cuts, bytes);
            let is_whole = |part: &Vec<u8>| part.ends_with(b"\n");
            let whole = parts.len().saturating_sub(usize::from(!text.ends_with('\n')));
            prop_assert!(parts.iter().take(whole).all(is_whole));
            prop_assert_eq!(parts.concat(), text.into_bytes());
        }
    }
}
