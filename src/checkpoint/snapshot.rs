//! State files: the whole state of an operator after a batch, a pure Arrow IPC file for each of its tables.
//!
//! Their checksums, one for each MiB, and their lengths stand in the `Snapshot` record that makes them current, so that any
//! Arrow reader opens them, and so that a file of another run or batch is never taken for this one. Names are unique: a
//! file that a crashed run left behind is never written into, only removed.

use super::frame::corrupt;
use super::record::{OperatorSnapshot, Snapshot, StateFile};
use super::tables;
use crate::batch::BatchId;
use crate::disk::{Disk, DiskFile};
use crate::error::Result;
use crate::operator::StateDelta;
use arrow::record_batch::RecordBatch;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The directory of all state files.
pub(super) const STATE_DIRECTORY: &str = "state";

/// How many bytes one checksum covers.
const BLOCK: usize = 1 << 20;

/// Writes the state of all operators after `batch`, durably. `unique` tells the files of one run from those of others.
///
/// # Errors
///
/// Those of the disk. Files that were written stay, and no record names them.
pub(super) fn write(
    disk: &dyn Disk,
    directory: &Path,
    (batch, unique): (BatchId, &str),
    state: &[(String, StateDelta)],
) -> Result<Snapshot> {
    let mut operators = Vec::with_capacity(state.len());
    for (id, delta) in state {
        let folder = format!("{STATE_DIRECTORY}/{}", file_name(id));
        disk.create_directory(&directory.join(&folder))?;
        let mut files = Vec::with_capacity(delta.tables.len());
        for (number, (name, table)) in delta.tables.iter().enumerate() {
            let path = format!(
                "{folder}/{:020}-{}-{number}-{unique}.arrow",
                batch.0,
                file_name(name)
            );
            let mut target = BlockWriter::new(disk.create(&directory.join(&path))?);
            tables::write_file(table, &mut target)?;
            let (bytes, checksums) = target.finish()?;
            files.push(StateFile {
                name: name.clone(),
                path,
                bytes,
                checksums,
            });
        }
        disk.sync_directory(&directory.join(&folder))?;
        operators.push(OperatorSnapshot {
            id: id.clone(),
            evicted: delta.evicted,
            tables: files,
        });
    }
    Ok(Snapshot { batch, operators })
}

/// Reads a state file and verifies it.
///
/// # Errors
///
/// `Corrupt` with path and the offset of the first damaged block.
pub(super) fn read(disk: &dyn Disk, directory: &Path, file: &StateFile) -> Result<RecordBatch> {
    let path = directory.join(&file.path);
    if !disk.exists(&path)? {
        return Err(corrupt(&path, 0, "it is missing"));
    }
    let bytes = disk.read(&path)?;
    let mut start = 0;
    for checksum in &file.checksums {
        let end = (start + BLOCK).min(usize::try_from(file.bytes).unwrap_or(usize::MAX));
        let block = bytes
            .get(start..end)
            .ok_or_else(|| corrupt(&path, bytes.len() as u64, "it ends too early"))?;
        if crc32c::crc32c(block) != *checksum {
            let what = format!(
                "the checksum of the {} bytes from there on does not fit",
                block.len()
            );
            return Err(corrupt(&path, start as u64, &what));
        }
        start = end;
    }
    if bytes.len() != start {
        return Err(corrupt(&path, start as u64, "it goes on behind its end"));
    }
    tables::read_file(&bytes)
        .map_err(|cause| corrupt(&path, 0, "it does not read as an Arrow file").with_source(cause))
}

/// A name as part of a path: letters, digits, `-` and `_` as they are, all else as `%` and two hexadecimal digits a byte.
pub(super) fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            safe.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _infallible = write!(safe, "%{byte:02x}");
        }
    }
    safe
}

/// Writes a file block by block, with the checksum of each.
struct BlockWriter {
    file: Box<dyn DiskFile>,
    block: Vec<u8>,
    bytes: u64,
    checksums: Vec<u32>,
}

impl BlockWriter {
    fn new(file: Box<dyn DiskFile>) -> BlockWriter {
        BlockWriter {
            file,
            block: Vec::with_capacity(BLOCK),
            bytes: 0,
            checksums: Vec::new(),
        }
    }

    fn write_block(&mut self) -> Result<()> {
        self.file.write(&self.block)?;
        self.bytes += self.block.len() as u64;
        self.checksums.push(crc32c::crc32c(&self.block));
        self.block.clear();
        Ok(())
    }

    /// Writes what is left and makes all of it durable; gives the length and the checksums.
    fn finish(mut self) -> Result<(u64, Vec<u32>)> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        self.file.sync_data()?;
        Ok((self.bytes, self.checksums))
    }
}

impl io::Write for BlockWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.block.len() == BLOCK {
            self.write_block().map_err(io::Error::other)?;
        }
        Ok(taken)
    }

    /// Blocks are written when they are full, and by [`BlockWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
