//! A run: some rows of one side of a join as one record batch, sorted by the hash of their keys.
//!
//! The sorted hashes are the whole index, four bytes a row: whoever looks for a key searches them, and finds all rows of the key next to each
//! other. Two runs become one by merging. 32 bits of a hash do not make a key: what is found is only a candidate until the keys
//! themselves have been compared ([`super::probe`]).

#![expect(
    clippy::indexing_slicing,
    reason = "hashes, times and marks have one entry for each row of the run"
)]

use super::define::Layout;
use crate::error::Result;
use arrow::buffer::ScalarBuffer;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use std::ops::Range;

/// The mark of a row that has found a partner.
pub(super) const MATCHED: u64 = 0;

/// Rows sorted by hash.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) rows: RecordBatch,
    pub(super) hashes: Vec<u32>,
    /// When each row ends, in microseconds; `None` if it is not told by the time of the row.
    pub(super) times: Option<ScalarBuffer<i64>>,
    /// On a side whose rows must know whether they have found a partner: [`MATCHED`], or the number of the row. Else empty.
    pub(super) marks: Vec<u64>,
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
        self.rows.get_array_memory_size()
            + self.hashes.capacity() * size_of::<u32>()
            + self.marks.capacity() * size_of::<u64>()
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
        self.marks.get(row) == Some(&MATCHED)
    }

    /// The rows with this hash, of those from `from` on, which must not lie behind the first of them. Looks at rows near `from` first, so
    /// that a search for many hashes in ascending order costs what it passes by.
    pub(super) fn find(&self, hash: u32, from: usize) -> Range<usize> {
        let mut low = from;
        let mut step = 1;
        while low + step < self.hashes.len() && self.hashes[low + step] < hash {
            low += step;
            step *= 2;
        }
        let high = (low + step + 1).min(self.hashes.len());
        let start = low + self.hashes[low..high].partition_point(|other| *other < hash);
        let length = self.hashes[start..]
            .iter()
            .take_while(|other| **other == hash)
            .count();
        start..start + length
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
        let is_marked = parts.iter().any(|part| !part.marks.is_empty());
        let marks = if is_marked {
            indices
                .iter()
                .map(|(part, row)| parts[*part].marks[*row])
                .collect()
        } else {
            Vec::new()
        };
        Ok(Run {
            hashes: order.iter().map(|(hash, _, _)| *hash).collect(),
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
        let marks = if self.marks.is_empty() {
            Vec::new()
        } else {
            rows.iter().map(|row| self.marks[*row]).collect()
        };
        Ok(Run {
            hashes: rows.iter().map(|row| self.hashes[*row]).collect(),
            times: match self.times {
                Some(_) => Some(layout.times(&picked)?.0),
                None => None,
            },
            rows: picked,
            marks,
        })
    }
}
