//! A run: some rows of one side of a join as one record batch, sorted by the hash of their keys.
//!
//! The sorted hashes are the index ([`super::hashes`]): whoever looks for a key finds all rows of it next to each other. Two runs become one by
//! merging. 32 bits of a hash do not make a key: what is found is only a candidate until the keys themselves have been compared
//! ([`super::probe`]).

#![expect(
    clippy::indexing_slicing,
    reason = "hashes and times have one entry for each row of the run"
)]

use super::define::Layout;
use super::hashes::Hashes;
use super::marks::{MATCHED, Marks};
use crate::error::Result;
use arrow::buffer::ScalarBuffer;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;

/// Rows sorted by hash.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) rows: RecordBatch,
    pub(super) hashes: Hashes,
    /// When each row ends, in microseconds; `None` if it is not told by the time of the row.
    pub(super) times: Option<ScalarBuffer<i64>>,
    /// On a side whose rows must know whether they have found a partner. Else empty.
    pub(super) marks: Marks,
}

/// The part of a key's hash that runs are sorted by. The bits above it choose the partition.
#[expect(clippy::cast_possible_truncation, reason = "that is what is wanted")]
pub(super) fn short_hash(hash: u64) -> u32 {
    (hash >> 24) as u32
}

impl Run {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// About how many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.get_array_memory_size() + self.hashes.memory_bytes() + self.marks.memory_bytes()
    }

    /// Where the row stands in the order by which leaves are divided: its time, or else its hash.
    pub(super) fn position(&self, row: usize) -> i64 {
        match &self.times {
            Some(times) => times[row],
            None => i64::from(self.hashes[row]),
        }
    }

    /// Whether the row has found a partner.
    pub(super) fn is_matched(&self, row: usize) -> bool {
        self.marks.get(row) == Some(MATCHED)
    }

    /// One run of the rows of several for which `keep` holds. Rows of one hash stay in the order of the runs.
    pub(super) fn merge(
        parts: &[&Run],
        layout: &Layout,
        keep: impl Fn(&Run, usize) -> bool,
    ) -> Result<Run> {
        let mut order: Vec<(u32, usize, usize)> =
            Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for (number, part) in parts.iter().enumerate() {
            let kept = (0..part.len()).filter(|row| keep(part, *row));
            order.extend(kept.map(|row| (part.hashes[row], number, row)));
        }
        order.sort_by_key(|(hash, _, _)| *hash);
        let indices: Vec<(usize, usize)> =
            order.iter().map(|(_, part, row)| (*part, *row)).collect();
        let batches: Vec<&RecordBatch> = parts.iter().map(|part| &part.rows).collect();
        let rows = interleave_record_batch(&batches, &indices)?;
        let is_timed = parts.iter().all(|part| part.times.is_some());
        let marks = Marks::new(
            indices
                .iter()
                .filter_map(|(part, row)| parts[*part].marks.get(*row)),
        );
        Ok(Run {
            hashes: Hashes::new(order.iter().map(|(hash, _, _)| *hash).collect()),
            times: if is_timed {
                Some(layout.times(&rows)?.0)
            } else {
                None
            },
            rows,
            marks,
        })
    }

    /// These rows, in ascending order.
    pub(super) fn pick(&self, rows: &[usize], layout: &Layout) -> Result<Run> {
        let indices: Vec<(usize, usize)> = rows.iter().map(|row| (0, *row)).collect();
        let picked = interleave_record_batch(&[&self.rows], &indices)?;
        let marks = Marks::new(rows.iter().filter_map(|row| self.marks.get(*row)));
        Ok(Run {
            hashes: Hashes::new(rows.iter().map(|row| self.hashes[*row]).collect()),
            times: match self.times {
                Some(_) => Some(layout.times(&picked)?.0),
                None => None,
            },
            rows: picked,
            marks,
        })
    }
}
