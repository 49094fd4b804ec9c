//! Where the states of processors are kept: one [`Store`] for each state partition.
//!
//! A key has *cells*: one for a value, one for each element of a list (under its position) and each entry of a map (under its encoded
//! key), and timers. Two ordered indexes, by time, find the timers that are due and the cells that have outlived their time, so that
//! a batch costs what it touches. What changed is noted by name and read from the cells when the delta is taken: a delta is
//! puts and removals, and applying it twice is the same as once.

mod tables;
#[cfg(test)]
mod tests;

use super::TimeMode;
use crate::batch::{BatchId, Timestamp};
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
pub(crate) use tables::SavedStates;
use tables::TableBuilder;

/// The shape of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    List,
    Map,
}

/// A declared state.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) ttl_ms: Option<i64>,
}

/// An encoded grouping key.
pub(crate) type Key = Arc<[u8]>;

/// Which cell of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct CellId {
    variable: u16,
    entry: Box<[u8]>,
}

#[derive(Debug)]
struct Cell {
    value: Box<[u8]>,
    /// Gone at this time, in milliseconds.
    expires: Option<i64>,
}

/// All of one key.
#[derive(Debug, Default)]
struct KeyState {
    cells: BTreeMap<CellId, Cell>,
    timers: BTreeSet<i64>,
}

impl KeyState {
    fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.timers.is_empty()
    }
}

/// The times of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) mode: TimeMode,
    pub(crate) batch: BatchId,
    pub(crate) processing: Timestamp,
    /// The watermark that state is evicted by.
    pub(crate) watermark: Timestamp,
}

impl Times {
    /// Timers at or before this are due.
    pub(crate) fn due(&self) -> Option<i64> {
        match self.mode {
            TimeMode::None => None,
            TimeMode::ProcessingTime => Some(self.processing.0),
            TimeMode::EventTime => Some(self.watermark.0),
        }
    }
}

/// What changed, by name.
#[derive(Debug, Default)]
struct Changes {
    cells: BTreeSet<(Key, CellId)>,
    timers: BTreeSet<(Key, i64)>,
}

/// The states of one partition's keys.
#[derive(Debug, Default)]
pub(crate) struct Store {
    keys: HashMap<Key, KeyState>,
    timers: BTreeSet<(i64, Key)>,
    expiries: BTreeSet<(i64, Key, CellId)>,
    changes: Changes,
    cells: u64,
    bytes: u64,
}

impl Store {
    /// Gives the state of a key to `work`.
    pub(crate) fn with_key<T>(
        &mut self,
        key: &Key,
        variables: &[Variable],
        times: Times,
        work: impl FnOnce(&mut KeyContext<'_>) -> T,
    ) -> T {
        let state = self.keys.remove(key).unwrap_or_default();
        let mut context = KeyContext {
            key,
            state,
            store: self,
            variables,
            times,
        };
        let result = work(&mut context);
        let state = context.state;
        if !state.is_empty() {
            self.keys.insert(Arc::clone(key), state);
        }
        result
    }

    /// The timers that are due, earliest first; they are no longer set.
    pub(crate) fn take_due(&mut self, due: i64) -> Vec<(Key, i64)> {
        let mut taken = Vec::new();
        while self.timers.first().is_some_and(|(time, _)| *time <= due) {
            if let Some((time, key)) = self.timers.pop_first() {
                if let Some(state) = self.keys.get_mut(&key) {
                    state.timers.remove(&time);
                    if state.is_empty() {
                        self.keys.remove(&key);
                    }
                }
                self.changes.timers.insert((Arc::clone(&key), time));
                taken.push((key, time));
            }
        }
        taken
    }

    /// Removes what has outlived its time; gives how much.
    pub(crate) fn remove_expired(&mut self, now: i64) -> u64 {
        let mut removed = 0;
        while self.expiries.first().is_some_and(|(time, ..)| *time <= now) {
            let Some((_, key, id)) = self.expiries.pop_first() else {
                break;
            };
            if let Some(state) = self.keys.get_mut(&key)
                && let Some(cell) = state.cells.remove(&id)
            {
                self.cells -= 1;
                self.bytes -= size(&id, &cell);
                removed += 1;
                if state.is_empty() {
                    self.keys.remove(&key);
                }
                self.changes.cells.insert((key, id));
            }
        }
        removed
    }

    /// Whether a timer is due or a cell has outlived its time.
    pub(crate) fn is_due(&self, due: Option<i64>, now: i64) -> bool {
        due.is_some_and(|due| self.timers.first().is_some_and(|(time, _)| *time <= due))
            || self.expiries.first().is_some_and(|(time, ..)| *time <= now)
    }

    /// How many cells there are.
    pub(crate) fn cells(&self) -> u64 {
        self.cells
    }

    /// How many timers are set.
    pub(crate) fn timers(&self) -> u64 {
        self.timers.len() as u64
    }

    /// How many cells and timers changed since the last delta.
    pub(crate) fn changed(&self) -> u64 {
        (self.changes.cells.len() + self.changes.timers.len()) as u64
    }

    /// About how many bytes the states take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.bytes + self.timers.len() as u64 * 48 + self.keys.len() as u64 * 96
    }

    /// What changed since this was last asked.
    pub(crate) fn take_changes(
        &mut self,
        variables: &[Variable],
    ) -> Result<Vec<(String, RecordBatch)>> {
        let changes = std::mem::take(&mut self.changes);
        let mut tables = TableBuilder::default();
        for (key, id) in &changes.cells {
            let cell = self.keys.get(key).and_then(|state| state.cells.get(id));
            tables.cell(variables, key, id, cell)?;
        }
        for (key, time) in &changes.timers {
            let state = self.keys.get(key);
            let is_set = state.is_some_and(|state| state.timers.contains(time));
            tables.timer(key, *time, is_set);
        }
        tables.finish()
    }

    /// All there is.
    pub(crate) fn all(&self, variables: &[Variable]) -> Result<Vec<(String, RecordBatch)>> {
        let mut tables = TableBuilder::default();
        for (key, state) in &self.keys {
            for (id, cell) in &state.cells {
                tables.cell(variables, key, id, Some(cell))?;
            }
            for time in &state.timers {
                tables.timer(key, *time, true);
            }
        }
        tables.finish()
    }

    /// Puts what was saved on top of what is there: the rows that `takes` says are of this partition.
    pub(crate) fn restore(&mut self, saved: &SavedStates<'_>, takes: impl Fn(&[u8]) -> bool) {
        for (key, id, cell) in saved.cells() {
            if takes(key) {
                self.with_saved(key, |store, key, state| store.put(state, key, id, cell));
            }
        }
        for (key, time, is_set) in saved.timers() {
            if takes(key) {
                self.with_saved(key, |store, key, state| {
                    store.set_timer(state, key, time, is_set);
                });
            }
        }
    }

    fn with_saved(&mut self, key: &[u8], put: impl FnOnce(&mut Store, &Key, &mut KeyState)) {
        let (key, mut state) = self
            .keys
            .remove_entry(key)
            .unwrap_or_else(|| (Key::from(key), KeyState::default()));
        put(self, &key, &mut state);
        if !state.is_empty() {
            self.keys.insert(key, state);
        }
    }

    fn put(&mut self, state: &mut KeyState, key: &Key, id: CellId, value: Option<Cell>) {
        let old = match value {
            Some(cell) => {
                if let Some(expires) = cell.expires {
                    self.expiries.insert((expires, Arc::clone(key), id.clone()));
                }
                self.cells += 1;
                self.bytes += size(&id, &cell);
                state.cells.insert(id.clone(), cell)
            }
            None => state.cells.remove(&id),
        };
        if let Some(old) = old {
            self.cells -= 1;
            self.bytes -= size(&id, &old);
            let new = state.cells.get(&id).and_then(|cell| cell.expires);
            if let Some(expires) = old.expires
                && new != old.expires
            {
                self.expiries.remove(&(expires, Arc::clone(key), id));
            }
        }
    }

    fn set_timer(&mut self, state: &mut KeyState, key: &Key, time: i64, is_set: bool) {
        if is_set {
            state.timers.insert(time);
            self.timers.insert((time, Arc::clone(key)));
        } else {
            state.timers.remove(&time);
            self.timers.remove(&(time, Arc::clone(key)));
        }
    }
}

fn size(id: &CellId, cell: &Cell) -> u64 {
    (id.entry.len() + cell.value.len() + 64) as u64
}

/// The state of one key, while its processor works on it.
///
/// What is written is seen by what is read after it in the same batch, and is durable with the batch.
#[derive(Debug)]
pub struct KeyContext<'a> {
    key: &'a Key,
    state: KeyState,
    store: &'a mut Store,
    variables: &'a [Variable],
    times: Times,
}

impl KeyContext<'_> {
    /// The number of the batch.
    pub fn batch_id(&self) -> BatchId {
        self.times.batch
    }

    /// The time of the batch, in milliseconds since the epoch.
    pub fn current_processing_time_ms(&self) -> i64 {
        self.times.processing.0
    }

    /// The watermark that timers are due by, in milliseconds since the epoch; 0 as long as there is none.
    pub fn current_watermark_ms(&self) -> i64 {
        self.times.watermark.0
    }

    /// Sets a timer, in milliseconds since the epoch. Setting it twice is the same as once.
    ///
    /// # Errors
    ///
    /// `Invalid` with `STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE`, in [`TimeMode::None`].
    pub fn register_timer(&mut self, time_ms: i64) -> Result<()> {
        self.change_timer("register_timer", time_ms, true)
    }

    /// Takes a timer back; it does not matter whether it was set.
    ///
    /// # Errors
    ///
    /// As [`KeyContext::register_timer`].
    pub fn delete_timer(&mut self, time_ms: i64) -> Result<()> {
        self.change_timer("delete_timer", time_ms, false)
    }

    /// The timers of this key, earliest first.
    pub fn list_timers(&self) -> impl Iterator<Item = i64> + '_ {
        self.state.timers.iter().copied()
    }

    fn change_timer(&mut self, operation: &str, time_ms: i64, is_set: bool) -> Result<()> {
        if self.times.mode == TimeMode::None {
            return Err(Error::invalid(format!(
                "timers need TimeMode::ProcessingTime or TimeMode::EventTime. operation=`{operation}`, time_mode=`None`"
            ))
            .with_condition("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE"));
        }
        self.store
            .set_timer(&mut self.state, self.key, time_ms, is_set);
        let changed = (Arc::clone(self.key), time_ms);
        self.store.changes.timers.insert(changed);
        Ok(())
    }

    /// The value of a cell, unless it has outlived its time.
    pub(super) fn get(&self, variable: u16, entry: &[u8]) -> Option<&[u8]> {
        let id = CellId {
            variable,
            entry: entry.into(),
        };
        let cell = self.state.cells.get(&id)?;
        self.is_alive(cell).then_some(&*cell.value)
    }

    /// The live cells of a state with their entries, in the order of the entries.
    pub(super) fn entries(&self, variable: u16) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        self.range(variable)
            .filter(|(_, cell)| self.is_alive(cell))
            .map(|(id, cell)| (&*id.entry, &*cell.value))
    }

    /// The entry after which a list goes on, whether that element still lives or not.
    pub(super) fn last_entry(&self, variable: u16) -> Option<&[u8]> {
        self.range(variable).next_back().map(|(id, _)| &*id.entry)
    }

    /// Writes a cell.
    pub(super) fn put(&mut self, variable: u16, entry: &[u8], value: Vec<u8>) {
        let ttl = self
            .variables
            .get(usize::from(variable))
            .and_then(|variable| variable.ttl_ms);
        let cell = Cell {
            value: value.into(),
            expires: ttl.map(|ttl| self.times.processing.0.saturating_add(ttl)),
        };
        self.change(variable, entry.into(), Some(cell));
    }

    /// Removes a cell.
    pub(super) fn remove(&mut self, variable: u16, entry: &[u8]) {
        self.change(variable, entry.into(), None);
    }

    /// Removes all cells of a state.
    pub(super) fn clear(&mut self, variable: u16) {
        let entries: Vec<Box<[u8]>> = self
            .range(variable)
            .map(|(id, _)| id.entry.clone())
            .collect();
        for entry in entries {
            self.change(variable, entry, None);
        }
    }

    fn change(&mut self, variable: u16, entry: Box<[u8]>, cell: Option<Cell>) {
        let id = CellId { variable, entry };
        let changed = (Arc::clone(self.key), id.clone());
        self.store.put(&mut self.state, self.key, id, cell);
        self.store.changes.cells.insert(changed);
    }

    fn is_alive(&self, cell: &Cell) -> bool {
        cell.expires
            .is_none_or(|expires| expires > self.times.processing.0)
    }

    fn range(&self, variable: u16) -> impl DoubleEndedIterator<Item = (&CellId, &Cell)> + '_ {
        let begin = |variable| CellId {
            variable,
            entry: Box::default(),
        };
        self.state.cells.range(begin(variable)..begin(variable + 1))
    }
}
