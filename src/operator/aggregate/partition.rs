//! One state partition of an aggregation: tables of groups, one per time bucket.
//!
//! A bucket holds the groups whose event time lies in `(bucket - width, bucket]`. Windows have few distinct ends, so their
//! buckets have no width: a bucket is a window end. Plain timestamps may all be different, so theirs are [`BUCKET_US`] wide, and
//! the one bucket that the watermark cuts through is split.

use super::partial::{Partial, count, saved_times};
use super::{Definition, NO_TIME};
use crate::batch::{Timestamp, Watermarks};
use crate::error::Result;
use crate::function::Accumulator;
use crate::hash;
use crate::operator::key::{EncodedKeys, KeyIndex};
use crate::sink::OutputMode;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How wide a bucket of plain timestamps is: 10 seconds.
const BUCKET_US: i64 = 10_000_000;

/// What a batch did to a partition.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) rows: Vec<RecordBatch>,
    pub(super) updated: u64,
    pub(super) removed: u64,
    pub(super) late: u64,
}

/// Groups and their running values.
#[derive(Debug)]
struct Table {
    index: KeyIndex,
    /// Event times of the groups; empty in buckets without width.
    times: Vec<i64>,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Groups changed since the last delta, each once.
    touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl Table {
    fn new(definition: &Definition) -> Result<Table> {
        Ok(Table {
            index: KeyIndex::default(),
            times: Vec::new(),
            accumulators: definition.accumulators()?,
            touched: Vec::new(),
            is_touched: Vec::new(),
        })
    }

    fn all(&self) -> Vec<u32> {
        (0..count(self.index.len())).collect()
    }

    /// The slot of a key, made if need be. New groups need [`Table::make_room`] before they are folded into.
    fn slot(&mut self, hash: u64, key: &[u8], time: i64) -> u32 {
        let (slot, is_new) = self.index.intern_hashed(hash, key);
        if is_new {
            self.is_touched.push(false);
            if time != NO_TIME {
                self.times.push(time);
            }
        }
        slot
    }

    fn touch(&mut self, slot: u32) {
        if let Some(is_touched) = self.is_touched.get_mut(slot as usize)
            && !*is_touched
        {
            *is_touched = true;
            self.touched.push(slot);
        }
    }

    fn make_room(&mut self) {
        let groups = self.index.len();
        self.accumulators
            .iter_mut()
            .for_each(|accumulator| accumulator.resize(groups));
    }

    fn merge(
        &mut self,
        definition: &Definition,
        state: &[Vec<ArrayRef>],
        (from, into): (&[u32], &[u32]),
    ) -> Result<()> {
        self.make_room();
        let from = UInt32Array::from(from.to_vec());
        let aggregates = definition.aggregates.iter().zip(state);
        for (accumulator, (aggregate, state)) in self.accumulators.iter_mut().zip(aggregates) {
            let state = state
                .iter()
                .map(|column| Ok(take(column, &from, None)?))
                .collect::<Result<Vec<_>>>()?;
            accumulator
                .merge(&state, into)
                .map_err(|error| error.with_span(aggregate.span))?;
        }
        Ok(())
    }

    fn output(&self, definition: &Definition, slots: &[u32]) -> Result<RecordBatch> {
        let mut columns = self.index.decode(slots, &definition.key_types)?;
        for (accumulator, aggregate) in self.accumulators.iter().zip(&definition.aggregates) {
            let column = accumulator
                .finish(slots)
                .map_err(|error| error.with_span(aggregate.span))?;
            columns.push(column);
        }
        record_batch(&definition.output, columns, slots.len())
    }

    fn saved(&self, definition: &Definition, slots: &[u32]) -> Result<RecordBatch> {
        let mut columns = self.index.decode(slots, &definition.key_types)?;
        for accumulator in &self.accumulators {
            columns.extend(accumulator.state(slots)?);
        }
        record_batch(&definition.state, columns, slots.len())
    }

    /// The groups with these slots as a table of their own.
    fn keep(&self, definition: &Definition, slots: &[u32]) -> Result<Table> {
        let mut kept = Table::new(definition)?;
        let mut into = Vec::with_capacity(slots.len());
        for slot in slots {
            let time = self.times.get(*slot as usize).copied().unwrap_or(NO_TIME);
            let new = kept.slot(self.index.hash(*slot), self.index.key(*slot), time);
            if self.is_touched.get(*slot as usize) == Some(&true) {
                kept.touch(new);
            }
            into.push(new);
        }
        kept.make_room();
        for (old, new) in self.accumulators.iter().zip(&mut kept.accumulators) {
            new.merge(&old.state(slots)?, &into)?;
        }
        Ok(kept)
    }

    fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + self.times.capacity() * 8
            + self.touched.capacity() * 4
            + self.is_touched.capacity()
            + self
                .accumulators
                .iter()
                .map(|accumulator| accumulator.memory_bytes())
                .sum::<usize>()
    }
}

fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// Groups as they were saved, with their keys encoded again.
#[derive(Debug)]
pub(super) struct SavedGroups {
    index: KeyIndex,
    times: Vec<i64>,
    state: Vec<Vec<ArrayRef>>,
    partitions: Vec<Vec<u32>>,
}

impl SavedGroups {
    pub(super) fn new(
        definition: &Definition,
        rows: &RecordBatch,
        partitions: usize,
    ) -> Result<SavedGroups> {
        let (keys, mut rest) = rows.columns().split_at(definition.key_types.len());
        let mut index = KeyIndex::default();
        for key in EncodedKeys::new(keys, rows.num_rows())?.iter() {
            index.intern(key);
        }
        let mut state = Vec::new();
        for accumulator in definition.accumulators()? {
            let (columns, others) = rest.split_at(accumulator.state_types().len());
            state.push(columns.to_vec());
            rest = others;
        }
        let times = match definition.event_time {
            Some(event_time) => saved_times(event_time, keys)?,
            None => Vec::new(),
        };
        let mut by_partition = vec![Vec::new(); partitions];
        for slot in 0..count(index.len()) {
            if let Some(list) = by_partition.get_mut(hash::partition(index.hash(slot), partitions))
            {
                list.push(slot);
            }
        }
        Ok(SavedGroups {
            index,
            times,
            state,
            partitions: by_partition,
        })
    }
}

/// The groups of some hash groups.
#[derive(Debug)]
pub(super) struct Partition {
    definition: Arc<Definition>,
    /// Tables by the last event time they can hold, in microseconds.
    buckets: BTreeMap<i64, Table>,
}

impl Partition {
    pub(super) fn new(definition: Arc<Definition>) -> Partition {
        Partition {
            definition,
            buckets: BTreeMap::new(),
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.buckets
            .values()
            .map(|table| table.index.len() as u64)
            .sum()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.buckets
            .values()
            .map(|table| table.memory_bytes() as u64)
            .sum()
    }

    pub(super) fn reset(&mut self) {
        self.buckets.clear();
    }

    /// The one group of an aggregation without keys exists before its first row.
    pub(super) fn ensure_global_group(&mut self) -> Result<()> {
        let table = self.table(NO_TIME)?;
        let slot = table.slot(hash::key_hash(&[]), &[], NO_TIME);
        table.make_room();
        table.touch(slot);
        Ok(())
    }

    /// Steps 2 and 3 of the operator, for partition `number`.
    pub(super) fn apply(
        &mut self,
        number: usize,
        partials: &[Box<Partial>],
        watermarks: Watermarks,
    ) -> Result<Merged> {
        let mut late = 0;
        for partial in partials {
            late += self.merge(number, partial, watermarks.late)?;
        }
        let updated = self
            .buckets
            .values()
            .map(|table| table.touched.len() as u64)
            .sum();
        let definition = Arc::clone(&self.definition);
        let mut rows = Vec::new();
        let mut removed = 0;
        match definition.mode {
            OutputMode::Append => {
                for table in self.evict(watermarks.eviction)? {
                    removed += table.index.len() as u64;
                    rows.push(table.output(&definition, &table.all())?);
                }
            }
            OutputMode::Update => {
                for table in self
                    .buckets
                    .values()
                    .filter(|table| !table.touched.is_empty())
                {
                    rows.push(table.output(&definition, &table.touched)?);
                }
                for table in self.evict(watermarks.eviction)? {
                    removed += table.index.len() as u64;
                }
            }
            OutputMode::Complete => {
                for table in self.buckets.values() {
                    rows.push(table.output(&definition, &table.all())?);
                }
            }
        }
        if rows.len() > 1 {
            rows = vec![concat_batches(&definition.output, &rows)?];
        }
        Ok(Merged {
            rows,
            updated,
            removed,
            late,
        })
    }

    /// Folds the groups of one slice in; how many of them were late.
    fn merge(&mut self, number: usize, partial: &Partial, late: Timestamp) -> Result<u64> {
        let groups = partial
            .partitions
            .get(number)
            .map_or(&[][..], Vec::as_slice);
        let filters_late = self.definition.mode != OutputMode::Complete;
        let mut by_bucket: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        let mut dropped = 0;
        for group in groups {
            match partial.times.get(*group as usize) {
                Some(time) if filters_late && *time <= late.as_micros() => dropped += 1,
                time => by_bucket
                    .entry(self.bucket(time.copied()))
                    .or_default()
                    .push(*group),
            }
        }
        for (bucket, groups) in by_bucket {
            let definition = Arc::clone(&self.definition);
            let table = self.table(bucket)?;
            let mut slots = Vec::with_capacity(groups.len());
            for group in &groups {
                let time = partial
                    .times
                    .get(*group as usize)
                    .copied()
                    .unwrap_or(NO_TIME);
                let slot = table.slot(partial.index.hash(*group), partial.index.key(*group), time);
                table.touch(slot);
                slots.push(slot);
            }
            table.merge(&definition, &partial.state, (&groups, &slots))?;
        }
        Ok(dropped)
    }

    fn bucket(&self, time: Option<i64>) -> i64 {
        match (
            time.filter(|time| *time != NO_TIME),
            self.definition.event_time,
        ) {
            (Some(time), Some(event_time)) if event_time.is_window => time,
            (Some(time), Some(_)) => time
                .saturating_add(BUCKET_US - 1)
                .div_euclid(BUCKET_US)
                .saturating_mul(BUCKET_US),
            _ => NO_TIME,
        }
    }

    fn table(&mut self, bucket: i64) -> Result<&mut Table> {
        use std::collections::btree_map::Entry;
        match self.buckets.entry(bucket) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Table::new(&self.definition)?)),
        }
    }

    /// Takes out every group at or before the watermark.
    fn evict(&mut self, watermark: Timestamp) -> Result<Vec<Table>> {
        if self.definition.event_time.is_none() {
            return Ok(Vec::new());
        }
        let watermark = watermark.as_micros();
        let later = self.buckets.split_off(&watermark.saturating_add(1));
        let mut evicted: Vec<Table> = std::mem::replace(&mut self.buckets, later)
            .into_values()
            .collect();
        if let Some((bucket, table)) = self.buckets.iter().next()
            && table.times.iter().any(|time| *time <= watermark)
        {
            let bucket = *bucket;
            let (over, open): (Vec<u32>, Vec<u32>) = table.all().into_iter().partition(|slot| {
                table
                    .times
                    .get(*slot as usize)
                    .is_some_and(|time| *time <= watermark)
            });
            evicted.push(table.keep(&self.definition, &over)?);
            let open = table.keep(&self.definition, &open)?;
            self.buckets.insert(bucket, open);
        }
        Ok(evicted)
    }

    /// As [`Partition::evict`], on the way back from disk.
    pub(super) fn forget(&mut self, watermark: Timestamp) -> Result<()> {
        self.evict(watermark).map(drop)
    }

    /// The groups changed since the last call, with their state.
    pub(super) fn take_touched(&mut self) -> Result<RecordBatch> {
        let mut rows = Vec::new();
        for table in self.buckets.values_mut() {
            if table.touched.is_empty() {
                continue;
            }
            rows.push(table.saved(&self.definition, &table.touched)?);
            table.is_touched.fill(false);
            table.touched.clear();
        }
        Ok(concat_batches(&self.definition.state, &rows)?)
    }

    /// All groups with their state.
    pub(super) fn all(&self) -> Result<RecordBatch> {
        let rows = self
            .buckets
            .values()
            .map(|table| table.saved(&self.definition, &table.all()))
            .collect::<Result<Vec<_>>>()?;
        Ok(concat_batches(&self.definition.state, &rows)?)
    }

    /// Puts saved groups, replacing what is there of the same keys.
    pub(super) fn put(&mut self, number: usize, saved: &SavedGroups) -> Result<()> {
        let mut by_bucket: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for group in saved.partitions.get(number).map_or(&[][..], Vec::as_slice) {
            let time = saved.times.get(*group as usize).copied();
            by_bucket.entry(self.bucket(time)).or_default().push(*group);
        }
        for (bucket, groups) in by_bucket {
            let definition = Arc::clone(&self.definition);
            let table = self.table(bucket)?;
            let mut slots = Vec::with_capacity(groups.len());
            for group in &groups {
                let time = saved.times.get(*group as usize).copied().unwrap_or(NO_TIME);
                slots.push(table.slot(saved.index.hash(*group), saved.index.key(*group), time));
            }
            table.make_room();
            table
                .accumulators
                .iter_mut()
                .for_each(|accumulator| accumulator.clear(&slots));
            table.merge(&definition, &saved.state, (&groups, &slots))?;
        }
        Ok(())
    }
}
