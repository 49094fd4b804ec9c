//! The text of files, for those who decode it: in ranges of a plain file ([`super::range`]), or in pieces of one that must be read from its
//! start.
//!
//! A file that ends in `.gz` is unpacked, and one that is a single record is read as one, on the thread that pulls the slices. A piece ends
//! behind the last line end within about [`SLICE_BYTES`]; what is behind it begins the next one.
//!
//! Buffers go round: what was decoded is read into again, so that the system need not find and clear new pages for every slice.

use super::listing::ListedFile;
use super::range::{RangeReader, RangedFile};
use crate::disk::file_error;
use crate::error::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// About how large a slice is: some thousand records, and small enough that several are in flight.
pub(super) const SLICE_BYTES: usize = 1 << 20;

/// How long a line may be, and a file that is read as one record.
pub(super) const LINE_BYTES_MAX: usize = 256 << 20;

/// What marks UTF-8 at the start of a file.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Endings of packed files that cannot be unpacked.
const UNSUPPORTED: [&str; 7] = ["bz2", "zst", "zstd", "lz4", "snappy", "deflate", "xz"];

/// How many buffers are kept for the next slices at most, and how large one may be.
const SPARE_BUFFERS_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 4 * SLICE_BYTES;

/// Buffers that are read into again.
#[derive(Debug, Default)]
pub(super) struct SpareBuffers(Mutex<Vec<Vec<u8>>>);

impl SpareBuffers {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer, with whatever was left in it.
    pub(super) fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Keeps a buffer whose bytes nobody needs any more.
    pub(super) fn give(&self, buffer: Vec<u8>) {
        let mut spare = self.lock();
        if buffer.capacity() <= SPARE_BYTES_MAX && spare.len() < SPARE_BUFFERS_MAX {
            spare.push(buffer);
        }
    }
}

/// The text of one slice of a file.
#[derive(Debug)]
pub(super) enum SliceText {
    /// It is still to be read.
    Range(RangedFile, Range<u64>),
    /// It is here.
    Piece(Piece),
}

/// The text of one slice, as it is read.
pub(super) enum Reading {
    Range(RangeReader),
    Piece {
        piece: Piece,
        is_given: bool,
        spare: Arc<SpareBuffers>,
    },
}

/// Some of it: whole lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) text: &'a [u8],
    /// Whether the file begins with it.
    pub(super) is_first: bool,
}

impl SliceText {
    /// Reads it, on this thread.
    pub(super) fn read(self, spare: &Arc<SpareBuffers>) -> Reading {
        match self {
            SliceText::Range(file, range) => Reading::Range(file.read(range)),
            SliceText::Piece(piece) => Reading::Piece {
                piece,
                is_given: false,
                spare: Arc::clone(spare),
            },
        }
    }
}

impl Reading {
    /// Some more lines: about `bytes` of them, if they are not there already. `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`RangeReader::next`].
    pub(super) fn next(&mut self, bytes: usize) -> Result<Option<Part<'_>>> {
        match self {
            Reading::Range(reader) => {
                let is_first = reader.is_at_start();
                let text = reader.next(bytes)?;
                Ok(text.map(|text| Part { text, is_first }))
            }
            Reading::Piece {
                piece, is_given, ..
            } => Ok((!std::mem::replace(is_given, true)).then_some(Part {
                text: &piece.bytes,
                is_first: piece.is_first,
            })),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Reading::Piece { piece, spare, .. } = self {
            spare.give(std::mem::take(&mut piece.bytes));
        }
    }
}

/// The slices of a file, each with its bytes.
pub(super) type SliceTexts = Box<dyn Iterator<Item = Result<(usize, SliceText)>> + Send>;

/// The slices of a file; with `is_whole` there is one.
///
/// # Errors
///
/// As [`Pieces::open`].
pub(super) fn slices(
    file: &ListedFile,
    is_whole: bool,
    spare: &Arc<SpareBuffers>,
) -> Result<SliceTexts> {
    if is_whole || is_packed(&file.path) {
        let pieces = Pieces::open(file, is_whole)?.into_spare(spare);
        return Ok(Box::new(pieces.map(|piece| {
            let piece = piece?;
            Ok((piece.bytes.len(), SliceText::Piece(piece)))
        })));
    }
    let ranged = RangedFile::open(file, spare)?;
    let ranges = ranged.clone().ranges();
    Ok(Box::new(ranges.map(move |(bytes, range)| {
        Ok((bytes, SliceText::Range(ranged.clone(), range)))
    })))
}

/// A piece of a file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Whether it is the first of its file.
    pub(super) is_first: bool,
}

/// The pieces of a file, in order.
pub(super) struct Pieces {
    file: ListedFile,
    reader: Option<Box<dyn Read + Send>>,
    /// What was read behind the last line end.
    rest: Vec<u8>,
    spare: Arc<SpareBuffers>,
    is_first: bool,
    /// Whether the file is one piece.
    is_whole: bool,
}

impl Pieces {
    /// Opens a file; with `is_whole` it is not cut.
    ///
    /// # Errors
    ///
    /// `Invalid`, if it is packed in a way that is not supported or cannot be opened.
    pub(super) fn open(file: &ListedFile, is_whole: bool) -> Result<Pieces> {
        let opened = File::open(&file.path)
            .map_err(|cause| file_error("open the file", &file.path, cause))?;
        // A file that has grown since it was listed is read as far as it was.
        let bytes = opened.take(file.size);
        let reader: Box<dyn Read + Send> = match extension(&file.path).as_deref() {
            Some("gz") => Box::new(MultiGzDecoder::new(std::io::BufReader::new(bytes))),
            Some(other) if UNSUPPORTED.contains(&other) => {
                return Err(Error::unsupported(format!(
                    "reading a file packed as .{other} (path=`{}`); unpack it, or pack it as .gz: this",
                    file.path.display()
                )));
            }
            _ => Box::new(bytes),
        };
        Ok(Pieces {
            file: file.clone(),
            reader: Some(reader),
            rest: Vec::new(),
            spare: Arc::default(),
            is_first: true,
            is_whole,
        })
    }

    /// Reads into these buffers while there are some.
    #[must_use]
    pub(super) fn into_spare(self, spare: &Arc<SpareBuffers>) -> Pieces {
        Pieces {
            spare: Arc::clone(spare),
            ..self
        }
    }

    /// The next piece; `None` at the end.
    fn read(&mut self) -> Result<Option<Piece>> {
        let mut bytes = self.spare.take();
        bytes.clear();
        bytes.append(&mut self.rest);
        while let Some(reader) = &mut self.reader {
            let before = bytes.len();
            bytes.reserve(SLICE_BYTES);
            let read = reader.take(SLICE_BYTES as u64).read_to_end(&mut bytes);
            read.map_err(|cause| file_error("read the file", &self.file.path, cause))?;
            let added = bytes.get(before..).unwrap_or_default();
            if added.len() < SLICE_BYTES {
                self.reader = None;
            } else if !self.is_whole
                && let Some(end) = memchr::memrchr(b'\n', added)
            {
                let cut = before + end + 1;
                self.rest
                    .extend_from_slice(bytes.get(cut..).unwrap_or_default());
                bytes.truncate(cut);
                break;
            } else if bytes.len() > LINE_BYTES_MAX {
                return Err(self.too_long());
            }
        }
        if self.is_first && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let is_first = std::mem::replace(&mut self.is_first, false);
        Ok(Some(Piece { bytes, is_first }))
    }

    fn too_long(&self) -> Error {
        let what = if self.is_whole {
            "file"
        } else {
            "line of the file"
        };
        too_long(what, &self.file.path)
    }
}

/// The error of a line, or of a file that is read as one.
pub(super) fn too_long(what: &str, path: &Path) -> Error {
    Error::data(format!(
        "a {what} is too long to be read as one. bytes_max=`{LINE_BYTES_MAX}`, path=`{}`",
        path.display()
    ))
}

impl Iterator for Pieces {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Result<Piece>> {
        let piece = self.read().transpose();
        if let Some(Err(_)) = piece {
            // Nothing is read behind an error.
            self.reader = None;
            self.rest.clear();
        }
        piece
    }
}

/// Whether a file must be unpacked, as its name says.
fn is_packed(path: &Path) -> bool {
    let extension = extension(path);
    extension.is_some_and(|extension| extension == "gz" || UNSUPPORTED.contains(&&*extension))
}

fn extension(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_string_lossy();
    Some(extension.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::path::PathBuf;

    fn pieces(name: &str, bytes: &[u8], is_whole: bool) -> Vec<Piece> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let file = ListedFile {
            path,
            size: bytes.len() as u64,
            modified_ms: 0,
        };
        let pieces = Pieces::open(&file, is_whole).unwrap();
        pieces.collect::<Result<_>>().unwrap()
    }

    fn lines(count: usize) -> Vec<u8> {
        (0..count)
            .flat_map(|number| format!("line number {number}\n").into_bytes())
            .collect()
    }

    #[test]
    fn pieces_end_at_line_ends_and_make_up_the_file() {
        let text = lines(150_000);
        let cut = pieces("a.json", &text, false);
        assert!(cut.len() > 1);
        assert!(cut.iter().all(|piece| piece.bytes.ends_with(b"\n")));
        assert!(
            cut.iter()
                .enumerate()
                .all(|(at, piece)| piece.is_first == (at == 0))
        );
        let joined: Vec<u8> = cut.into_iter().flat_map(|piece| piece.bytes).collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn a_long_line_stays_whole_and_the_last_needs_no_end() {
        let mut text = vec![b'x'; 3 * SLICE_BYTES];
        text.extend_from_slice(b"\nlast");
        let cut = pieces("a.json", &text, false);
        let joined: Vec<u8> = cut.iter().flat_map(|piece| piece.bytes.clone()).collect();
        assert_eq!(joined, text);
        assert!(cut[0].bytes.len() > 3 * SLICE_BYTES);
        assert_eq!(pieces("a.json", &text, true).len(), 1);
    }

    #[test]
    fn packed_files_are_unpacked_and_empty_ones_give_nothing() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&lines(100_000)).unwrap();
        let cut = pieces("a.json.gz", &packer.finish().unwrap(), false);
        let joined: Vec<u8> = cut.into_iter().flat_map(|piece| piece.bytes).collect();
        assert_eq!(joined, lines(100_000));
        assert!(pieces("a.json", b"", false).is_empty());
        assert_eq!(pieces("a.json", b"\xef\xbb\xbfx", false)[0].bytes, b"x");
    }

    #[test]
    fn buffers_go_round_but_for_those_that_are_too_large() {
        let spare = SpareBuffers::default();
        let mut buffer = vec![1; SLICE_BYTES];
        let at = buffer.as_ptr();
        buffer.truncate(7);
        spare.give(buffer);
        spare.give(vec![1; SPARE_BYTES_MAX + 1]);
        let again = spare.take();
        assert_eq!((again.as_ptr(), again.len()), (at, 7));
        assert_eq!(spare.take().capacity(), 0);
    }

    #[test]
    fn other_packings_are_refused_by_name() {
        let file = ListedFile {
            path: PathBuf::from("/dev/null/../x.zst"),
            size: 0,
            modified_ms: 0,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zst");
        File::create(&path).unwrap();
        let error = Pieces::open(&ListedFile { path, ..file }, false)
            .err()
            .unwrap();
        assert!(error.to_string().contains(".zst"), "{error}");
    }
}
