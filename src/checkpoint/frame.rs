//! The bytes of a log segment: a header, then records, each with checksums of its own.
//!
//! ```text
//! segment  magic "TIDEWAL\n" · version u32 · crc32c u32 of all other header bytes · query id [16] · first batch u64
//! record   kind u8 · zero [3] · length u32 · crc32c u32 of the payload · crc32c u32 of the 12 bytes before
//!          payload [length] · "TIDE"
//! ```
//! All numbers are little-endian. No record starts or ends with a zero byte, which is what makes the rule below sharp.
//!
//! **Torn or corrupt.** An append that was interrupted leaves a file that is too short, or sectors that were never written and
//! read as zeros. So damage at the end of the *last* segment is a torn tail if the file ends before the record does, or if a
//! sector that the record touches is zero as far as it belongs to the record; and if no more records follow than one sync
//! covers. It is cut off. Any other damage is a changed byte: corrupt, with path and offset.

use crate::batch::BatchId;
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::Path;

/// The version of the format that is written. Every version up to it is read.
pub(super) const VERSION: u32 = 1;

/// Length of a segment's header.
pub(super) const SEGMENT_HEADER: usize = 40;
const MAGIC: &[u8; 8] = b"TIDEWAL\n";
const RECORD_HEADER: usize = 16;
const RECORD_END: &[u8; 4] = b"TIDE";

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// How many whole records can stand behind a torn one: a commit is synced with the snapshot and the plan that follow it.
const RECORDS_BEHIND_A_TORN_ONE: usize = 2;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Where a segment begins.
    Start = 1,
    /// A batch will happen.
    Plan = 2,
    /// A batch has happened.
    Commit = 3,
    /// State files are complete.
    Snapshot = 4,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        [Kind::Start, Kind::Plan, Kind::Commit, Kind::Snapshot]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// A record in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Where it starts in the file.
    pub(super) offset: u64,
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

/// A segment that was read and verified.
#[derive(Debug)]
pub(super) struct SegmentBytes<'a> {
    pub(super) first_batch: BatchId,
    pub(super) frames: Vec<Frame<'a>>,
    /// Where the last whole record ends: what is behind it is torn.
    pub(super) valid_length: u64,
}

/// The header of a segment.
pub(super) fn segment_header(query_id: uuid::Uuid, first_batch: BatchId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(query_id.as_bytes());
    bytes.extend_from_slice(&first_batch.0.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes).to_le_bytes();
    bytes.splice(12..16, checksum);
    bytes
}

/// A record, ready to be appended; `parts` one after the other are its payload.
///
/// # Errors
///
/// `Invalid` if the payload is longer than 4 GiB.
pub(super) fn record(kind: Kind, parts: &[&[u8]]) -> Result<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length_field = u32::try_from(length).map_err(|_| {
        Error::invalid(format!(
            "a batch changed more state than one log record holds, read less per batch. bytes=`{length}`, limit=`{}`",
            u32::MAX
        ))
    })?;
    let checksum = parts
        .iter()
        .fold(0, |checksum, part| crc32c::crc32c_append(checksum, part));
    let mut bytes = Vec::with_capacity(RECORD_HEADER + length + RECORD_END.len());
    bytes.extend_from_slice(&[kind as u8, 0, 0, 0]);
    bytes.extend_from_slice(&length_field.to_le_bytes());
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(RECORD_END);
    Ok(bytes)
}

/// Reads a segment of the query `query_id`. Only the last segment may have a torn tail.
///
/// # Errors
///
/// `Corrupt` with path and offset; `Incompatible` if the segment is of another query or of a later version.
pub(super) fn parse<'a>(
    path: &Path,
    bytes: &'a [u8],
    query_id: uuid::Uuid,
    is_last: bool,
) -> Result<SegmentBytes<'a>> {
    let first_batch = parse_header(path, bytes, query_id)?;
    let mut frames = Vec::new();
    let mut offset = SEGMENT_HEADER;
    while offset < bytes.len() {
        match frame_at(bytes, offset) {
            Ok((frame, end)) => {
                frames.push(frame);
                offset = end;
            }
            Err(damage) if is_last && is_torn(bytes, &damage) => break,
            Err(_) => return Err(corrupt(path, offset as u64, "the checksum does not fit")),
        }
    }
    Ok(SegmentBytes {
        first_batch,
        frames,
        valid_length: offset as u64,
    })
}

/// An error about damaged bytes: what is wrong, in which file, and where.
pub(super) fn corrupt(path: &Path, offset: u64, what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "the file is damaged, {what}; restore it from a copy of the checkpoint. path=`{}`, offset=`{offset}`",
            path.display()
        ),
    )
}

fn parse_header(path: &Path, bytes: &[u8], query_id: uuid::Uuid) -> Result<BatchId> {
    let header = bytes
        .first_chunk::<SEGMENT_HEADER>()
        .ok_or_else(|| corrupt(path, bytes.len() as u64, "it is too short"))?;
    if !header.starts_with(MAGIC) {
        return Err(corrupt(path, 0, "it is no log of a checkpoint"));
    }
    let version = u32_at(header, 8);
    let mut unsigned = *header;
    unsigned[12..16].fill(0);
    if crc32c::crc32c(&unsigned) != u32_at(header, 12) {
        return Err(corrupt(path, 8, "the checksum of its header does not fit"));
    }
    if version != VERSION {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!(
                "the log was written by a later version of tidemill, use that one. version=`{version}`, known=`{VERSION}`, path=`{}`",
                path.display()
            ),
        ));
    }
    if header[16..32] != *query_id.as_bytes() {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!(
                "the log belongs to another query than metadata.json, checkpoints were mixed. path=`{}`",
                path.display()
            ),
        ));
    }
    let first_batch = header
        .last_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Ok(BatchId(first_batch))
}

/// What is wrong with a record.
#[derive(Debug, Clone)]
enum Damage {
    /// The file ends before it does.
    Short,
    /// These bytes are not what was written.
    Changed(Range<usize>),
}

/// The record at `offset` and where it ends.
fn frame_at(bytes: &[u8], offset: usize) -> Result<(Frame<'_>, usize), Damage> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let header = rest.first_chunk::<RECORD_HEADER>().ok_or(Damage::Short)?;
    let kind = Kind::of(header[0]).filter(|_| crc32c::crc32c(&header[..12]) == u32_at(header, 12));
    let Some(kind) = kind else {
        return Err(Damage::Changed(offset..bytes.len()));
    };
    let start = RECORD_HEADER;
    let length = u32_at(header, 4) as usize;
    let payload = rest.get(start..start + length).ok_or(Damage::Short)?;
    let end = rest
        .get(start + length..start + length + RECORD_END.len())
        .ok_or(Damage::Short)?;
    let next = offset + start + length + RECORD_END.len();
    if crc32c::crc32c(payload) != u32_at(header, 8) || end != RECORD_END {
        return Err(Damage::Changed(offset..next));
    }
    let frame = Frame {
        offset: offset as u64,
        kind,
        payload,
    };
    Ok((frame, next))
}

/// Whether the damage is what an interrupted append leaves.
fn is_torn(bytes: &[u8], damage: &Damage) -> bool {
    match damage {
        Damage::Short => true,
        Damage::Changed(record) => {
            has_unwritten_sector(bytes, record)
                && records_from(bytes, record.end) <= RECORDS_BEHIND_A_TORN_ONE
        }
    }
}

/// Whether a sector is all zero, as far as it lies in `range`.
fn has_unwritten_sector(bytes: &[u8], range: &Range<usize>) -> bool {
    let mut at = range.start;
    while at < range.end {
        let next = ((at / SECTOR + 1) * SECTOR).min(range.end);
        let sector = bytes.get(at..next).unwrap_or_default();
        if sector.iter().all(|byte| *byte == 0) {
            return true;
        }
        at = next;
    }
    false
}

/// How many records start at `offset` and behind it, as far as their headers tell.
fn records_from(bytes: &[u8], mut offset: usize) -> usize {
    let mut count = 0;
    loop {
        offset = match frame_at(bytes, offset) {
            Ok((_, next)) => next,
            Err(Damage::Changed(record)) if record.end < bytes.len() => record.end,
            Err(_) => return count,
        };
        count += 1;
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let field = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    field.map_or(0, |field| u32::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: uuid::Uuid = uuid::Uuid::from_u128(7);

    fn segment(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = segment_header(QUERY, BatchId(3));
        for payload in payloads {
            bytes.extend(record(Kind::Plan, &[payload]).unwrap());
        }
        bytes
    }

    fn read(bytes: &[u8], is_last: bool) -> Result<Vec<Vec<u8>>> {
        let segment = parse(Path::new("wal/3.log"), bytes, QUERY, is_last)?;
        Ok(segment.frames.iter().map(|f| f.payload.to_vec()).collect())
    }

    #[test]
    fn a_tail_cut_at_any_byte_loses_only_the_record_it_cuts() {
        let whole = segment(&[b"one", b"two"]);
        let first = segment(&[b"one"]).len();
        for length in first..whole.len() {
            let bytes = &whole[..length];
            assert_eq!(read(bytes, true).unwrap(), [b"one"], "{length}");
            assert_eq!(read(bytes, false).is_err(), length > first, "{length}");
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused_with_path_and_offset() {
        let whole = segment(&[b"one", &[0; 100], b"three"]);
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                let error = read(&bytes, true).unwrap_err();
                assert!(error.to_string().contains("wal/3.log"), "{place}: {error}");
                assert!(
                    error.kind() == ErrorKind::Incompatible
                        || error.to_string().contains("offset=`"),
                    "{place}: {error}"
                );
            }
        }
    }

    #[test]
    fn sectors_that_were_never_written_are_a_torn_tail_even_before_a_plan_that_was() {
        let commit = vec![1; 3 * SECTOR];
        let mut bytes = segment(&[b"plan", &commit, b"next plan"]);
        let length = bytes.len();
        bytes[2 * SECTOR..3 * SECTOR].fill(0);
        assert_eq!(read(&bytes, true).unwrap(), [b"plan"]);
        assert!(read(&bytes, false).is_err());
        bytes[2 * SECTOR..length].fill(0);
        assert_eq!(read(&bytes, true).unwrap(), [b"plan"]);
    }

    #[test]
    fn zeros_before_more_records_than_one_sync_covers_are_damage() {
        let commit = vec![1; 3 * SECTOR];
        let mut bytes = segment(&[&commit, b"a", b"b", b"c"]);
        bytes[2 * SECTOR..3 * SECTOR].fill(0);
        assert_eq!(read(&bytes, true).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
