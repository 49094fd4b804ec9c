//! The sessions of one state partition.
//!
//! A session has a slot: its place in the columns of starts and ends and in the accumulators. Slots of sessions that are gone are used
//! again. In append mode every session is registered under the time bucket of its end; one that grows into another bucket is registered
//! there too, and its old registration means nothing any more. So eviction looks at what is over and at one bucket more,
//! however much is kept.

use super::Definition;
use super::keys::Keys;
use super::merge::{Cluster, Part, first_cluster};
use super::partial::{Partial, SavedSessions, Session};
use crate::batch::{Timestamp, Watermarks};
use crate::error::Result;
use crate::function::Accumulator;
use crate::hash;
use crate::operator::aggregate::count;
use crate::operator::key;
use crate::sink::OutputMode;
use arrow::array::{ArrayRef, StructArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How wide a bucket of ends is: 10 seconds.
const BUCKET_US: i64 = 10_000_000;

/// What a batch did to a partition.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) rows: RecordBatch,
    pub(super) updated: u64,
    pub(super) removed: u64,
    pub(super) late: u64,
}

/// What is in a slot.
#[derive(Debug, Clone, Copy)]
struct Slot {
    session: Session,
    is_live: bool,
    /// Whether it changed since the last delta.
    is_touched: bool,
}

/// The sessions of some hash groups.
#[derive(Debug)]
pub(super) struct Store {
    definition: Arc<Definition>,
    keys: Keys,
    slots: Vec<Slot>,
    free: Vec<u32>,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Slots changed since the last delta, perhaps freed since.
    touched: Vec<u32>,
    /// Slots by the last moment of the bucket of their end.
    due: BTreeMap<i64, Vec<u32>>,
}

/// New sessions of a batch, with where their state lies.
struct New<'a> {
    /// Sorted.
    sessions: Vec<Session>,
    /// Slice and row of each.
    places: Vec<(usize, u32)>,
    states: Vec<&'a [Vec<ArrayRef>]>,
}

/// State that is to be merged: rows of the new sessions, then of kept ones, in the order of merging, and the slots they go to.
#[derive(Default)]
struct Plan {
    absorbed: Vec<u32>,
    from: Vec<Part>,
    into: Vec<u32>,
}

impl Store {
    pub(super) fn new(definition: Arc<Definition>) -> Result<Store> {
        Ok(Store {
            accumulators: definition.accumulators()?,
            definition,
            keys: Keys::default(),
            slots: Vec::new(),
            free: Vec::new(),
            touched: Vec::new(),
            due: BTreeMap::new(),
        })
    }

    /// How many there are.
    pub(super) fn sessions(&self) -> u64 {
        (self.slots.len() - self.free.len()) as u64
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let accumulators: usize = self.accumulators.iter().map(|it| it.memory_bytes()).sum();
        let due: usize = self.due.values().map(|slots| slots.capacity() * 4).sum();
        let own = self.slots.capacity() * size_of::<Slot>()
            + (self.free.capacity() + self.touched.capacity()) * 4;
        (self.keys.memory_bytes() + accumulators + due + own) as u64
    }

    pub(super) fn reset(&mut self) {
        let all: Vec<u32> = (0..count(self.slots.len())).collect();
        for accumulator in &mut self.accumulators {
            accumulator.clear(&all);
        }
        self.keys = Keys::default();
        self.free = all;
        self.touched.clear();
        self.due.clear();
        for slot in &mut self.slots {
            slot.is_live = false;
            slot.is_touched = false;
        }
    }

    /// Steps 2 and 3 of the operator, for partition `number`.
    pub(super) fn apply(
        &mut self,
        number: usize,
        partials: &[Box<Partial>],
        watermarks: Watermarks,
    ) -> Result<Applied> {
        let (new, late) = self.admit(number, partials, watermarks.late);
        let plan = self.join(&new);
        let absorbed = plan.absorbed.len() as u64;
        self.merge(&new, &plan)?;
        self.release(&plan.absorbed);
        let updated = self.touched.len() as u64;
        let (rows, evicted) = if self.definition.shape.mode == OutputMode::Complete {
            (self.output(&self.live())?, 0)
        } else {
            let over = self.find_over(watermarks.eviction);
            let rows = self.output(&over)?;
            self.remove(&over, watermarks.eviction);
            (rows, over.len() as u64)
        };
        Ok(Applied {
            rows,
            updated,
            removed: absorbed + evicted,
            late,
        })
    }

    /// The new sessions that are not late, sorted; how many are late.
    fn admit<'a>(
        &mut self,
        number: usize,
        partials: &'a [Box<Partial>],
        watermark: Timestamp,
    ) -> (New<'a>, u64) {
        let late = self.definition.late(watermark);
        let mut admitted: Vec<(Session, (usize, u32))> = Vec::new();
        let mut dropped = 0;
        for (slice, partial) in partials.iter().enumerate() {
            let rows = partial.partitions.get(number).into_iter().flatten();
            for row in rows {
                let Some(session) = partial.sessions.get(*row as usize) else {
                    continue;
                };
                if late.is_some_and(|late| session.end <= late) {
                    dropped += 1;
                    continue;
                }
                let (hash, key) = (
                    partial.index.hash(session.key),
                    partial.index.key(session.key),
                );
                let key = self.keys.intern(hash, key);
                admitted.push((Session { key, ..*session }, (slice, *row)));
            }
        }
        admitted.sort_unstable();
        let (sessions, places) = admitted.into_iter().unzip();
        let states = partials.iter().map(|it| it.state.as_slice()).collect();
        let new = New {
            sessions,
            places,
            states,
        };
        (new, dropped)
    }

    /// Decides which sessions become one, and gives each its slot.
    fn join(&mut self, new: &New<'_>) -> Plan {
        let mut plan = Plan::default();
        let mut rest = new.sessions.as_slice();
        while !rest.is_empty() {
            let first = count(new.sessions.len() - rest.len());
            let span = |slot: u32| {
                let slot = self.slots.get(slot as usize);
                slot.map_or((0, 0), |slot| (slot.session.start, slot.session.end))
            };
            let Some((cluster, taken)) = first_cluster(rest, first, &self.keys, &span) else {
                break;
            };
            rest = rest.get(taken..).unwrap_or_default();
            self.settle(&cluster, &mut plan);
        }
        plan
    }

    /// Gives a cluster its slot: that of its first part, if it is kept.
    fn settle(&mut self, cluster: &Cluster, plan: &mut Plan) {
        let (slot, others) = match cluster.parts.split_first() {
            Some((Part::Kept(slot), others)) => (*slot, others),
            _ => (self.allocate(), cluster.parts.as_slice()),
        };
        for part in others {
            if let Part::Kept(absorbed) = part {
                plan.absorbed.push(*absorbed);
            }
            plan.from.push(*part);
            plan.into.push(slot);
        }
        let key = cluster.session.key;
        self.keys.replace(key, cluster.replaces.clone(), &[slot]);
        self.occupy(slot, cluster.session);
        self.touch(slot);
    }

    /// A slot for a new session; the accumulators get room for it in [`Store::merge_state`].
    fn allocate(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                session: Session {
                    key: 0,
                    start: 0,
                    end: 0,
                },
                is_live: false,
                is_touched: false,
            });
            count(self.slots.len() - 1)
        })
    }

    /// Says what is in a slot, and registers when it is due.
    fn occupy(&mut self, number: u32, session: Session) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        let bucket = bucket_of(session.end);
        let is_registered = slot.is_live && bucket_of(slot.session.end) == bucket;
        slot.session = session;
        slot.is_live = true;
        if self.definition.evicts() && !is_registered {
            self.due.entry(bucket).or_default().push(number);
        }
    }

    fn touch(&mut self, number: u32) {
        if let Some(slot) = self.slots.get_mut(number as usize)
            && !slot.is_touched
        {
            slot.is_touched = true;
            self.touched.push(number);
        }
    }

    /// Empties slots whose sessions are gone.
    fn release(&mut self, slots: &[u32]) {
        for accumulator in &mut self.accumulators {
            accumulator.clear(slots);
        }
        for number in slots {
            if let Some(slot) = self.slots.get_mut(*number as usize) {
                slot.is_live = false;
            }
        }
        self.free.extend_from_slice(slots);
    }

    fn merge(&mut self, new: &New<'_>, plan: &Plan) -> Result<()> {
        let new_rows = new.places.len();
        // Rows of the new sessions lie slice by slice.
        let mut by_slice: Vec<Vec<u32>> = vec![Vec::new(); new.states.len()];
        for (slice, row) in &new.places {
            if let Some(rows) = by_slice.get_mut(*slice) {
                rows.push(*row);
            }
        }
        let mut next: Vec<usize> = by_slice
            .iter()
            .scan(0, |offset, rows| {
                let start = *offset;
                *offset += rows.len();
                Some(start)
            })
            .collect();
        let mut row_of_new = Vec::with_capacity(new_rows);
        for (slice, _) in &new.places {
            if let Some(next) = next.get_mut(*slice) {
                row_of_new.push(count(*next));
                *next += 1;
            }
        }
        let mut absorbed = count(new_rows)..;
        let row_of = |part: &Part| match part {
            Part::New(place) => row_of_new.get(*place as usize).copied(),
            Part::Kept(_) => absorbed.next(),
        };
        let order: UInt32Array = plan.from.iter().map(row_of).collect();
        let slices: Vec<UInt32Array> = by_slice.into_iter().map(UInt32Array::from).collect();
        self.merge_state(&plan.into, |aggregate, accumulator| {
            let kept = accumulator.state(&plan.absorbed)?;
            let columns = kept.into_iter().enumerate().map(|(part, kept)| {
                let mut columns = Vec::with_capacity(slices.len() + 1);
                for (state, rows) in new.states.iter().zip(&slices) {
                    if let Some(column) = state.get(aggregate).and_then(|state| state.get(part)) {
                        columns.push(take(column, rows, None)?);
                    }
                }
                columns.push(kept);
                let columns: Vec<&dyn arrow::array::Array> =
                    columns.iter().map(AsRef::as_ref).collect();
                Ok(take(&concat(&columns)?, &order, None)?)
            });
            columns.collect()
        })
    }

    /// Merges state columns, which `columns` gives for each aggregate, into slots.
    fn merge_state(
        &mut self,
        into: &[u32],
        columns: impl Fn(usize, &dyn Accumulator) -> Result<Vec<ArrayRef>>,
    ) -> Result<()> {
        let aggregates = self.definition.shape.aggregates.iter().enumerate();
        for (accumulator, (number, aggregate)) in self.accumulators.iter_mut().zip(aggregates) {
            accumulator.resize(self.slots.len());
            let columns = columns(number, accumulator.as_ref())?;
            accumulator
                .merge(&columns, into)
                .map_err(|error| error.with_span(aggregate.span))?;
        }
        Ok(())
    }

    /// Takes the sessions at or before the watermark out of the register; they are still to be removed.
    fn find_over(&mut self, watermark: Timestamp) -> Vec<u32> {
        if !self.definition.evicts() {
            return Vec::new();
        }
        let watermark = watermark.as_micros();
        let later = self.due.split_off(&watermark.saturating_add(1));
        let mut over: Vec<u32> = std::mem::replace(&mut self.due, later)
            .into_values()
            .flatten()
            .collect();
        let slots = &mut self.slots;
        // The bucket that the watermark cuts through keeps what is not over.
        if let Some((bucket, registered)) = self.due.iter_mut().next()
            && bucket.saturating_sub(BUCKET_US) < watermark
        {
            let is_over = |number: &mut u32| {
                let slot = slots.get(*number as usize);
                slot.is_none_or(|slot| !slot.is_live || slot.session.end <= watermark)
            };
            over.extend(registered.extract_if(.., is_over));
        }
        // Old registrations stand for sessions that are gone, or that have grown.
        over.retain(|number| {
            let slot = slots.get_mut(*number as usize);
            slot.is_some_and(|slot| {
                let is_over = slot.is_live && slot.session.end <= watermark;
                slot.is_live &= !is_over;
                is_over
            })
        });
        over
    }

    /// Removes sessions that are over. Those of a key are sorted by end, so that they are its first ones.
    fn remove(&mut self, over: &[u32], watermark: Timestamp) {
        for number in over {
            let Some(slot) = self.slots.get(*number as usize) else {
                continue;
            };
            let is_over = |number: &u32| {
                let slot = self.slots.get(*number as usize);
                slot.is_some_and(|slot| slot.session.end <= watermark.as_micros())
            };
            let key = slot.session.key;
            let gone = self.keys.sessions(key).partition_point(is_over);
            if gone > 0 {
                self.keys.replace(key, 0..gone, &[]);
            }
        }
        self.release(over);
    }

    /// As eviction, on the way back from disk.
    pub(super) fn forget(&mut self, watermark: Timestamp) {
        let over = self.find_over(watermark);
        self.remove(&over, watermark);
    }

    fn live(&self) -> Vec<u32> {
        let is_live = |number: &u32| {
            self.slots
                .get(*number as usize)
                .is_some_and(|it| it.is_live)
        };
        (0..count(self.slots.len())).filter(is_live).collect()
    }

    /// The changed sessions since the last call that are still there, with their state.
    pub(super) fn take_touched(&mut self) -> Result<RecordBatch> {
        let mut changed = Vec::with_capacity(self.touched.len());
        for number in std::mem::take(&mut self.touched) {
            if let Some(slot) = self.slots.get_mut(number as usize) {
                slot.is_touched = false;
                if slot.is_live {
                    changed.push(number);
                }
            }
        }
        self.saved(&changed)
    }

    /// All sessions with their state.
    pub(super) fn all(&self) -> Result<RecordBatch> {
        self.saved(&self.live())
    }

    /// Puts saved sessions; each replaces those of its key that it touches.
    pub(super) fn put(&mut self, number: usize, saved: &SavedSessions) -> Result<()> {
        let rows = saved.partitions.get(number).map_or(&[][..], Vec::as_slice);
        let mut absorbed = Vec::new();
        let mut into = Vec::with_capacity(rows.len());
        for row in rows {
            let bytes = saved.keys.get(*row as usize);
            let key = self.keys.intern(hash::key_hash(bytes), bytes);
            let (start, end) = saved.spans.get(*row as usize).copied().unwrap_or_default();
            let span = |slot: &u32| {
                let slot = self.slots.get(*slot as usize);
                slot.map_or((0, 0), |slot| (slot.session.start, slot.session.end))
            };
            let kept = self.keys.sessions(key);
            let low = kept.partition_point(|slot| span(slot).1 < start);
            let high = kept.partition_point(|slot| span(slot).0 <= end).max(low);
            absorbed.extend_from_slice(kept.get(low..high).unwrap_or_default());
            let slot = self.allocate();
            self.keys.replace(key, low..high, &[slot]);
            self.occupy(slot, Session { key, start, end });
            into.push(slot);
        }
        let rows = UInt32Array::from(rows.to_vec());
        self.merge_state(&into, |aggregate, _| {
            let columns = saved.state.get(aggregate).into_iter().flatten();
            columns
                .map(|column| Ok(take(column, &rows, None)?))
                .collect()
        })?;
        self.release(&absorbed);
        Ok(())
    }

    /// Keys, starts and ends of slots.
    fn columns(&self, slots: &[u32]) -> Result<(Vec<ArrayRef>, [ArrayRef; 2])> {
        let sessions: Vec<Session> = slots
            .iter()
            .filter_map(|number| Some(self.slots.get(*number as usize)?.session))
            .collect();
        let keys: Vec<&[u8]> = sessions.iter().map(|it| self.keys.key(it.key)).collect();
        let keys = key::decode(&keys, &self.definition.key_types)?;
        let fields = &self.definition.session_fields;
        let column = |index: usize, pick: fn(&Session) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray =
                sessions.iter().map(pick).collect::<Vec<_>>().into();
            match fields.get(index) {
                Some(field) => Arc::new(times.with_data_type(field.data_type().clone())),
                None => Arc::new(times),
            }
        };
        Ok((keys, [column(0, |it| it.start), column(1, |it| it.end)]))
    }

    fn output(&self, slots: &[u32]) -> Result<RecordBatch> {
        let (mut columns, bounds) = self.columns(slots)?;
        let fields = self.definition.session_fields.clone();
        let window: ArrayRef = Arc::new(StructArray::try_new(fields, bounds.to_vec(), None)?);
        columns.insert(self.definition.shape.session, window);
        let aggregates = &self.definition.shape.aggregates;
        for (accumulator, aggregate) in self.accumulators.iter().zip(aggregates) {
            let column = accumulator
                .finish(slots)
                .map_err(|error| error.with_span(aggregate.span))?;
            columns.push(column);
        }
        record_batch(&self.definition.output, columns, slots.len())
    }

    fn saved(&self, slots: &[u32]) -> Result<RecordBatch> {
        let (mut columns, bounds) = self.columns(slots)?;
        columns.extend(bounds);
        for accumulator in &self.accumulators {
            columns.extend(accumulator.state(slots)?);
        }
        record_batch(&self.definition.state, columns, slots.len())
    }
}

/// The bucket of an end: the next multiple of the width.
fn bucket_of(end: i64) -> i64 {
    end.saturating_add(BUCKET_US - 1)
        .div_euclid(BUCKET_US)
        .saturating_mul(BUCKET_US)
}

fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}
