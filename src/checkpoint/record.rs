//! What the records of the log say, and how they are written.
//!
//! `Start`, `Plan` and `Snapshot` are JSON. A `Commit` is a JSON head, then the tables of its state deltas as Arrow IPC
//! streams, one after the other: `length of the head u32 · head · table · table · …`. Every payload is JSON from its first
//! `{`, so that a hex viewer is enough to see what a query did.

use super::digest::RowDigest;
use super::tables;
use crate::batch::{BatchId, Timestamp, Watermarks};
use crate::error::{Error, Result};
use crate::offset::{Offset, Range};
use crate::operator::StateDelta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first record of every segment: everything the next batch needs besides the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    /// The batch that comes next.
    pub next_batch: BatchId,
    /// The time of the batch before; batches never go back in time.
    pub time: Timestamp,
    /// The watermarks of the next batch, as far as they are known now.
    pub watermarks: Watermarks,
    /// Where each source goes on.
    pub sources: BTreeMap<String, SourceStart>,
    /// The stateful operators by id, with what must not change about them.
    pub operators: BTreeMap<String, String>,
    /// Settings that later runs keep, under Spark's names.
    pub settings: BTreeMap<String, String>,
}

/// Where a source goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceStart {
    /// The next row to read.
    pub offset: Offset,
    /// What the source remembers; see [`crate::source::Source::snapshot`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<serde_json::Value>,
}

/// A batch will happen: all that decides its rows, besides the state before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Which batch.
    pub batch: BatchId,
    /// What `now()` answers in it.
    pub time: Timestamp,
    /// The watermarks it runs with.
    pub watermarks: Watermarks,
    /// What it reads from each source.
    pub sources: BTreeMap<String, Range>,
}

/// A batch has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commit {
    /// Which batch.
    pub batch: BatchId,
    /// The watermark that the next batch runs with.
    pub next_watermark: Timestamp,
    /// Of a query with several watermark nodes: what each has reached, in milliseconds, in the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_watermarks: Vec<Option<i64>>,
    /// Rows read, by source.
    pub input_rows: BTreeMap<String, u64>,
    /// The rows the sink was given: how many, and their digest.
    pub output: RowDigest,
    /// What changed in the state of each operator.
    pub operators: Vec<OperatorCommit>,
}

/// What changed in the state of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperatorCommit {
    /// The operator.
    pub id: String,
    /// How many rows its state has after the batch.
    pub rows_total: u64,
    /// State at or before this was evicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evicted: Option<Timestamp>,
    /// The tables of the delta, in the order in which their bytes follow.
    pub tables: Vec<CommitTable>,
}

/// A table of a delta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommitTable {
    /// Its name.
    pub name: String,
    /// How many bytes it has behind the head.
    pub bytes: usize,
}

/// State files are complete and durable: from here on recovery may start from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// The state is that after this batch.
    pub batch: BatchId,
    /// The state of each operator.
    pub operators: Vec<OperatorSnapshot>,
}

/// The state of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperatorSnapshot {
    /// The operator.
    pub id: String,
    /// As [`StateDelta::evicted`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evicted: Option<Timestamp>,
    /// Its tables, a file each.
    pub tables: Vec<StateFile>,
}

/// A state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateFile {
    /// The table's name.
    pub name: String,
    /// Where it is, below the checkpoint directory.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// crc32c of each MiB of it, the last one being what is left.
    pub checksums: Vec<u32>,
}

/// A JSON payload.
pub(super) fn to_json<T: Serialize>(record: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(record)
        .map_err(|cause| Error::internal("a log record does not serialize").with_source(cause))
}

/// The parts of a commit's payload; the deltas are in the order of `commit.operators`, whose tables are filled in here.
pub(super) fn commit_payload(commit: &mut Commit, deltas: &[StateDelta]) -> Result<Vec<Vec<u8>>> {
    let mut parts = vec![Vec::new(), Vec::new()];
    for (operator, delta) in commit.operators.iter_mut().zip(deltas) {
        operator.evicted = delta.evicted;
        operator.tables.clear();
        for (name, table) in &delta.tables {
            let bytes = tables::to_bytes(table)?;
            operator.tables.push(CommitTable {
                name: name.clone(),
                bytes: bytes.len(),
            });
            parts.push(bytes);
        }
    }
    let head = to_json(commit)?;
    let length = u32::try_from(head.len())
        .map_err(|_| Error::internal("the head of a commit is longer than 4 GiB"))?;
    if let [first, second, ..] = parts.as_mut_slice() {
        *first = length.to_le_bytes().to_vec();
        *second = head;
    }
    Ok(parts)
}

/// A commit and where in its payload the tables start; `Err` says what is wrong with it.
pub(super) fn read_commit(payload: &[u8]) -> Result<(Commit, usize), String> {
    let length = payload.first_chunk::<4>().ok_or("it is too short")?;
    let tables = 4 + u32::from_le_bytes(*length) as usize;
    let head = payload.get(4..tables).ok_or("it is too short")?;
    let commit: Commit = serde_json::from_slice(head).map_err(|cause| cause.to_string())?;
    let named: usize = commit
        .operators
        .iter()
        .flat_map(|operator| &operator.tables)
        .map(|table| table.bytes)
        .sum();
    if tables + named != payload.len() {
        return Err("its tables do not fill it".to_owned());
    }
    Ok((commit, tables))
}

/// The state deltas of a commit's payload, by operator.
pub(super) fn read_deltas(payload: &[u8]) -> Result<Vec<(String, StateDelta)>, String> {
    let (commit, mut at) = read_commit(payload)?;
    let mut deltas = Vec::with_capacity(commit.operators.len());
    for operator in commit.operators {
        let mut delta = StateDelta {
            tables: Vec::with_capacity(operator.tables.len()),
            evicted: operator.evicted,
        };
        for table in operator.tables {
            let bytes = payload.get(at..at + table.bytes).unwrap_or_default();
            let rows = tables::from_bytes(bytes).map_err(|cause| cause.to_string())?;
            delta.tables.push((table.name, rows));
            at += table.bytes;
        }
        deltas.push((operator.id, delta));
    }
    Ok(deltas)
}
