//! New rows of one side in one partition, as a run that also knows its keys: at most as many as a run holds, so that a large batch is a few
//! of them.

#![expect(
    clippy::indexing_slicing,
    reason = "slices and rows are numbered by the batch they are in"
)]

use super::Numbered;
use super::define::Definition;
use super::hashes::Hashes;
use super::leaf::{RUN_BYTES, RUN_ROWS};
use super::marks::Marks;
use super::run::{Run, short_hash};
use super::slice::{PreparedSlice, usable};
use crate::batch::Timestamp;
use crate::error::Result;
use crate::operator::key::EncodedKeys;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;

/// New rows.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) run: Run,
    /// The whole hashes.
    pub(super) hashes: Vec<u64>,
    pub(super) keys: EncodedKeys,
    /// Which rows can match; `None`: all.
    pub(super) usable: Option<NullBuffer>,
    /// Which rows have a time that ends them; `None`: all that are on a side that has such times.
    pub(super) nulls: Option<NullBuffer>,
    /// For each row, within which times of the other side its partners lie; `None`: anywhere.
    pub(super) ranges: Option<Vec<(i64, i64)>>,
    /// Which rows have found a partner.
    pub(super) matched: Vec<bool>,
}

/// The moments of a column: of a window its end. `None`, if it has none.
pub(super) fn times_of(column: &ArrayRef) -> Option<(ScalarBuffer<i64>, Option<NullBuffer>)> {
    if let Some(window) = column.as_struct_opt() {
        let (ends, nulls) = times_of(window.column_by_name("end")?)?;
        return Some((ends, NullBuffer::union(nulls.as_ref(), window.nulls())));
    }
    let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some((times.values().clone(), times.nulls().cloned()))
}

impl Piece {
    /// Rows of this partition that are not late, in pieces, and how many were late.
    pub(super) fn gather(
        definition: &Definition,
        side: usize,
        slices: &[Numbered],
        partition: usize,
        late: Timestamp,
    ) -> Result<(Vec<Piece>, usize)> {
        let mut rows: Vec<(usize, usize)> = Vec::new();
        let mut dropped = 0;
        for (number, (slice, _)) in slices.iter().enumerate() {
            for row in slice.partitions.get(partition).into_iter().flatten() {
                let row = *row as usize;
                if slice.is_late(row, late) {
                    dropped += 1;
                } else {
                    rows.push((number, row));
                }
            }
        }
        let all: usize = slices.iter().map(|(slice, _)| slice.len()).sum();
        let bytes: usize = slices
            .iter()
            .map(|(slice, _)| slice.rows.get_array_memory_size())
            .sum();
        let limit = (RUN_BYTES / (bytes / all.max(1)).max(1)).clamp(1, RUN_ROWS);
        let pieces = rows
            .chunks_mut(limit)
            .map(|rows| Piece::new(definition, side, slices, rows))
            .collect::<Result<_>>()?;
        Ok((pieces, dropped))
    }

    fn new(
        definition: &Definition,
        side: usize,
        slices: &[Numbered],
        rows: &mut [(usize, usize)],
    ) -> Result<Piece> {
        let hash = |(slice, row): (usize, usize)| slices[slice].0.hashes[row];
        rows.sort_by_key(|place| short_hash(hash(*place)));
        let hashes: Vec<u64> = rows.iter().map(|place| hash(*place)).collect();
        let batches: Vec<&RecordBatch> = slices.iter().map(|(slice, _)| &slice.rows).collect();
        let number = |(slice, row): &(usize, usize)| match &slices[*slice] {
            (
                PreparedSlice {
                    marks: Some(marks), ..
                },
                _,
            ) => marks[*row],
            (_, first) => first + *row as u64,
        };
        let marks = if definition.layout(side).is_marked {
            Marks::new(rows.iter().map(number))
        } else {
            Marks::default()
        };
        let rows = interleave_record_batch(&batches, rows)?;
        Piece::of(definition, side, rows, (hashes, marks))
    }

    /// A piece of rows that are sorted by [`short_hash`] already.
    fn of(
        definition: &Definition,
        side: usize,
        rows: RecordBatch,
        (hashes, marks): (Vec<u64>, Marks),
    ) -> Result<Piece> {
        let layout = definition.layout(side);
        let columns = layout.key_columns(&rows);
        let (times, nulls) = if layout.is_timed() {
            let (times, nulls) = layout.times(&rows)?;
            (Some(times), nulls.filter(|nulls| nulls.null_count() > 0))
        } else {
            (None, None)
        };
        let ranges = match &times {
            Some(times) => ranges(definition, side, times, nulls.as_ref()),
            None => None,
        };
        Ok(Piece {
            keys: EncodedKeys::new(&columns, rows.num_rows())?,
            usable: usable(definition, &columns),
            matched: vec![false; rows.num_rows()],
            run: Run {
                hashes: Hashes::new(hashes.iter().map(|hash| short_hash(*hash)).collect()),
                rows,
                times,
                marks,
            },
            hashes,
            nulls,
            ranges,
        })
    }

    pub(super) fn is_usable(&self, row: usize) -> bool {
        self.usable
            .as_ref()
            .is_none_or(|usable| usable.is_valid(row))
    }

    /// Whether the row has ended by `ended`.
    pub(super) fn has_ended(&self, row: usize, ended: Option<Timestamp>) -> bool {
        let (Some(ended), Some(times)) = (ended, &self.run.times) else {
            return false;
        };
        let is_valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid && times[row] <= ended.as_micros()
    }

    /// Notes that a row has found a partner: whether it had found none before.
    pub(super) fn mark(&mut self, row: usize) -> bool {
        self.run.marks.note(row);
        !std::mem::replace(&mut self.matched[row], true)
    }
}

fn ranges(
    definition: &Definition,
    side: usize,
    times: &ScalarBuffer<i64>,
    nulls: Option<&NullBuffer>,
) -> Option<Vec<(i64, i64)>> {
    let (least, most) = match (definition.distance_us, side) {
        ((None, None), _) => return None,
        (distance, 0) => distance,
        ((least, most), _) => (
            most.map(i64::saturating_neg),
            least.map(i64::saturating_neg),
        ),
    };
    let range = |(row, time): (usize, &i64)| {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return (i64::MIN, i64::MAX);
        }
        let add = |distance: i64| time.saturating_add(distance);
        (least.map_or(i64::MIN, add), most.map_or(i64::MAX, add))
    };
    Some(times.iter().enumerate().map(range).collect())
}
