//! A table of state as Arrow IPC: a stream inside a commit record, a file in a snapshot. Not compressed.

use crate::error::{Error, ErrorKind, Result};
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::record_batch::RecordBatch;
use std::io::{Cursor, Write};

/// How many rows one record batch of a state file has at most: readers need not hold more at once.
const ROWS_PER_BLOCK: usize = 128 * 1024;

/// A table as an Arrow IPC stream.
pub(super) fn to_bytes(table: &RecordBatch) -> Result<Vec<u8>> {
    let write = || -> Result<Vec<u8>, ArrowError> {
        let mut writer = StreamWriter::try_new(Vec::new(), &table.schema())?;
        writer.write(table)?;
        writer.into_inner()
    };
    write().map_err(unwritable)
}

/// Reads back what [`to_bytes`] made.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<RecordBatch> {
    let read = || -> Result<RecordBatch, ArrowError> {
        let reader = StreamReader::try_new(Cursor::new(bytes), None)?;
        let schema = reader.schema();
        let blocks = reader.collect::<Result<Vec<_>, _>>()?;
        concat_batches(&schema, &blocks)
    };
    read().map_err(unreadable)
}

/// Writes a table as an Arrow IPC file.
pub(super) fn write_file(table: &RecordBatch, target: impl Write) -> Result<()> {
    let write = || -> Result<(), ArrowError> {
        let mut writer = FileWriter::try_new(target, &table.schema())?;
        for start in (0..table.num_rows()).step_by(ROWS_PER_BLOCK) {
            writer.write(&table.slice(start, ROWS_PER_BLOCK.min(table.num_rows() - start)))?;
        }
        writer.finish()
    };
    write().map_err(unwritable)
}

/// Reads an Arrow IPC file.
pub(super) fn read_file(bytes: &[u8]) -> Result<RecordBatch> {
    let read = || -> Result<RecordBatch, ArrowError> {
        let reader = FileReader::try_new(Cursor::new(bytes), None)?;
        let schema = reader.schema();
        let blocks = reader.collect::<Result<Vec<_>, _>>()?;
        concat_batches(&schema, &blocks)
    };
    read().map_err(unreadable)
}

/// The cause says whether the disk failed (then that error is the better one) or the table is none.
fn unwritable(cause: ArrowError) -> Error {
    if let ArrowError::IoError(_, io) = &cause
        && let Some(error) = io.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
    {
        return error.clone();
    }
    Error::internal("a state table does not serialize").with_source(cause)
}

fn unreadable(cause: ArrowError) -> Error {
    Error::new(ErrorKind::Corrupt, "it holds no table of state").with_source(cause)
}
