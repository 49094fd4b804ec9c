//! One slice of a side, made ready on any thread: what fails the side's own condition is set aside, keys are computed and hashed, rows
//! are told apart by partition.

use super::define::Definition;
use super::piece::times_of;
use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::hash;
use crate::operator::key::EncodedKeys;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::{filter_record_batch, not, prep_null_mask_filter};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Event times, as far as rows have one.
#[derive(Debug)]
struct EventTimes(Option<(ScalarBuffer<i64>, Option<NullBuffer>)>);

impl EventTimes {
    fn new(column: Option<usize>, rows: &RecordBatch) -> Result<EventTimes> {
        let Some(column) = column else {
            return Ok(EventTimes(None));
        };
        let times = rows.columns().get(column).and_then(times_of);
        let missing = || Error::internal("the event time of a join is not a time");
        Ok(EventTimes(Some(times.ok_or_else(missing)?)))
    }

    /// A row without event time is never late.
    fn is_late(&self, row: usize, late: Timestamp) -> bool {
        let Some((times, nulls)) = &self.0 else {
            return false;
        };
        let is_valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid && times.get(row).is_some_and(|time| *time <= late.as_micros())
    }
}

/// A slice of one side.
#[derive(Debug)]
pub(crate) struct PreparedSlice {
    /// The columns that are kept.
    pub(super) rows: RecordBatch,
    /// The hash of each row's key.
    pub(super) hashes: Vec<u64>,
    /// The rows of each partition, in order.
    pub(super) partitions: Vec<Vec<u32>>,
    /// The marks of rows that were kept before; `None` for new ones.
    pub(super) marks: Option<Vec<u64>>,
    times: EventTimes,
    /// Rows of a preserved side that fail its condition, as they came.
    refused: Option<RecordBatch>,
}

impl PreparedSlice {
    pub(crate) fn new(
        definition: &Definition,
        side: usize,
        slice: &RecordBatch,
        context: &BatchContext,
        partitions: usize,
    ) -> Result<PreparedSlice> {
        let input = definition.input(side);
        let mut refused = None;
        let mut passing = slice.clone();
        if let Some(filter) = &input.filter {
            let keep = known(&filter.evaluate_predicate(slice, context)?);
            if keep.true_count() < slice.num_rows() {
                passing = filter_record_batch(slice, &keep)?;
                if definition.preserves(side) {
                    refused = Some(filter_record_batch(slice, &not(&keep)?)?);
                }
            }
        }
        let keys = input
            .keys
            .iter()
            .map(|key| key.evaluate_array(&passing, context))
            .collect::<Result<Vec<_>>>()?;
        let hashes = hashes(&keys, passing.num_rows())?;
        // Where they do not come out alone, rows that cannot match are of no use.
        let usable = usable(definition, &keys).filter(|_| !definition.preserves(side));
        Ok(PreparedSlice {
            partitions: by_partition(&hashes, usable.as_ref(), partitions),
            rows: kept(definition, side, &passing, keys)?,
            hashes,
            marks: None,
            times: EventTimes::new(input.event_time, &passing)?,
            refused,
        })
    }

    /// Rows that were kept before.
    pub(super) fn saved(
        definition: &Definition,
        side: usize,
        rows: RecordBatch,
        marks: Option<Vec<u64>>,
        partitions: usize,
    ) -> Result<PreparedSlice> {
        let keys = definition.layout(side).key_columns(&rows);
        let hashes = hashes(&keys, rows.num_rows())?;
        Ok(PreparedSlice {
            partitions: by_partition(&hashes, None, partitions),
            rows,
            hashes,
            marks,
            times: EventTimes(None),
            refused: None,
        })
    }

    /// How many rows pass the condition of the side.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn is_late(&self, row: usize, late: Timestamp) -> bool {
        self.times.is_late(row, late)
    }

    /// The rows that are preserved though they fail their side's condition: as they come out.
    pub(super) fn refused(
        &self,
        definition: &Definition,
        side: usize,
        late: Timestamp,
    ) -> Result<Option<RecordBatch>> {
        let Some(rows) = &self.refused else {
            return Ok(None);
        };
        let times = EventTimes::new(definition.input(side).event_time, rows)?;
        let keep: BooleanArray = (0..rows.num_rows())
            .map(|row| Some(!times.is_late(row, late)))
            .collect();
        let rows = filter_record_batch(rows, &keep)?;
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        definition.padded(side, &rows, false).map(Some)
    }
}

fn hashes(keys: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let encoded = EncodedKeys::new(keys, rows)?;
    Ok(encoded.iter().map(hash::key_hash).collect())
}

/// The rows of each partition, of those that are usable.
fn by_partition(hashes: &[u64], usable: Option<&NullBuffer>, partitions: usize) -> Vec<Vec<u32>> {
    let mut by_partition = vec![Vec::new(); partitions];
    for (row, hash) in (0_u32..).zip(hashes) {
        let is_usable = usable.is_none_or(|usable| usable.is_valid(row as usize));
        let home = by_partition.get_mut(hash::partition(*hash, partitions));
        if let (true, Some(home)) = (is_usable, home) {
            home.push(row);
        }
    }
    by_partition
}

/// A condition that is null is not met.
fn known(condition: &BooleanArray) -> BooleanArray {
    if condition.null_count() == 0 {
        condition.clone()
    } else {
        prep_null_mask_filter(condition)
    }
}

/// Which rows can match at all; `None`: all.
pub(super) fn usable(definition: &Definition, keys: &[ArrayRef]) -> Option<NullBuffer> {
    keys.iter()
        .zip(&definition.null_matches)
        .filter(|(_, null_matches)| !**null_matches)
        .fold(None, |usable, (key, _)| {
            NullBuffer::union(usable.as_ref(), key.logical_nulls().as_ref())
        })
        .filter(|usable| usable.null_count() > 0)
}

/// The columns that are kept of these rows.
fn kept(
    definition: &Definition,
    side: usize,
    rows: &RecordBatch,
    keys: Vec<ArrayRef>,
) -> Result<RecordBatch> {
    let layout = definition.layout(side);
    let mut columns = rows.project(&layout.columns)?.columns().to_vec();
    for (key, place) in keys.into_iter().zip(&layout.keys) {
        if *place == columns.len() {
            columns.push(key);
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(&layout.schema),
        columns,
        &options,
    )?)
}
