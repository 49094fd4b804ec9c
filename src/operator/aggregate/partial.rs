//! The partial aggregate of one slice: its groups, their accumulators, and which partition each group goes to.

use super::{Definition, EventTimeKey, accumulator};
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::hash;
use crate::operator::event_time::moments;
use crate::operator::key::{EncodedKeys, KeyIndex};
use crate::plan::AggregateExpr;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::record_batch::RecordBatch;

/// What a slice comes to.
#[derive(Debug)]
pub(super) struct Partial {
    /// Its groups.
    pub(super) index: KeyIndex,
    /// The event time that decides when each group is over, in microseconds; empty if no key is event time.
    pub(super) times: Vec<i64>,
    /// State columns of each aggregate, a row per group.
    pub(super) state: Vec<Vec<ArrayRef>>,
    /// The groups of each partition, in the order they came.
    pub(super) partitions: Vec<Vec<u32>>,
}

impl Partial {
    /// Groups and folds one slice.
    pub(super) fn new(
        definition: &Definition,
        slice: &RecordBatch,
        context: &BatchContext,
        partitions: usize,
    ) -> Result<Partial> {
        let keys = definition
            .keys
            .iter()
            .map(|key| key.expr.evaluate_array(slice, context))
            .collect::<Result<Vec<_>>>()?;
        let (index, groups, first_rows) = group(&keys, slice.num_rows())?;
        let times = match definition.event_time {
            Some(event_time) => pick_times(event_time, &keys, &first_rows)?,
            None => Vec::new(),
        };
        let state = fold(
            &definition.aggregates,
            slice,
            context,
            (&groups, index.len()),
        )?;
        let mut by_partition = vec![Vec::new(); partitions];
        for slot in 0..count(index.len()) {
            if let Some(list) = by_partition.get_mut(hash::partition(index.hash(slot), partitions))
            {
                list.push(slot);
            }
        }
        Ok(Partial {
            index,
            times,
            state,
            partitions: by_partition,
        })
    }
}

/// A slice has fewer rows than u32 counts, and so has every table.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a table of 2^32 groups does not fit in memory"
)]
pub(crate) fn count(groups: usize) -> u32 {
    groups as u32
}

/// The distinct keys, the group of each row, and the first row of each group.
fn group(keys: &[ArrayRef], rows: usize) -> Result<(KeyIndex, Vec<u32>, Vec<u32>)> {
    let encoded = EncodedKeys::new(keys, rows)?;
    let mut index = KeyIndex::default();
    let mut groups = Vec::with_capacity(rows);
    let mut first_rows = Vec::new();
    for (row, key) in (0..).zip(encoded.iter()) {
        let (slot, is_new) = index.intern(key);
        groups.push(slot);
        if is_new {
            first_rows.push(row);
        }
    }
    Ok((index, groups, first_rows))
}

/// The event time of each of these rows. A group without event time is never late and never over, as in Spark.
fn pick_times(event_time: EventTimeKey, keys: &[ArrayRef], rows: &[u32]) -> Result<Vec<i64>> {
    let key = keys
        .get(event_time.key)
        .ok_or_else(|| Error::internal("a group without its event-time key"))?;
    let moments = moments(key, event_time.is_window)?;
    let time = |row: &u32| moments.get(*row as usize).copied().flatten();
    Ok(rows
        .iter()
        .map(|row| time(row).unwrap_or(super::NO_TIME))
        .collect())
}

/// The event times of all rows of saved key columns.
pub(super) fn saved_times(event_time: EventTimeKey, keys: &[ArrayRef]) -> Result<Vec<i64>> {
    let rows: Vec<u32> = (0..count(keys.first().map_or(0, Array::len))).collect();
    pick_times(event_time, keys, &rows)
}

/// Folds the rows of a slice into fresh accumulators; the state columns of each aggregate, a row per group.
pub(crate) fn fold(
    aggregates: &[AggregateExpr],
    slice: &RecordBatch,
    context: &BatchContext,
    (groups, group_count): (&[u32], usize),
) -> Result<Vec<Vec<ArrayRef>>> {
    let all: Vec<u32> = (0..count(group_count)).collect();
    let mut state = Vec::with_capacity(aggregates.len());
    for aggregate in aggregates {
        let mut accumulator = accumulator(aggregate)?;
        let arguments = aggregate
            .arguments
            .iter()
            .map(|argument| argument.evaluate_array(slice, context))
            .collect::<Result<Vec<_>>>()?;
        let filter: Option<BooleanArray> = aggregate
            .filter
            .as_ref()
            .map(|filter| filter.evaluate_predicate(slice, context))
            .transpose()?;
        accumulator.resize(group_count);
        accumulator.update(&arguments, groups, filter.as_ref())?;
        state.push(accumulator.state(&all)?);
    }
    Ok(state)
}
