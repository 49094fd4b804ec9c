//! The rows of one side of a join in one partition, divided into leaves by *position*: the time at which a row ends or, where no time
//! ends it, the hash of its key.
//!
//! Leaves are split when they are full, so that their ranges fit the rows, whatever the time scale: eviction drops whole leaves and looks
//! into one; who looks for a key visits the leaves where it can be, by its time and by a map of hashes ([`super::leaf_map`]).

#![expect(
    clippy::indexing_slicing,
    reason = "leaves and runs are numbered by the tree that holds them"
)]

use super::define::Layout;
use super::leaf::{Leaf, Mortality};
use super::leaf_map::{LeafMap, SLOTS, bit};
use super::marks::MATCHED;
use super::run::Run;
use crate::error::Result;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;

/// How many rows a leaf holds at least before it is split. Small in tests, so that they get there.
const LEAF_ROWS: usize = if cfg!(test) { 40 } else { 16_384 };

/// Into how many leaves time is divided at least, once there are rows enough: a join that is bounded on one side only must look into all of
/// them.
const LEAVES: usize = 32;

/// A leaf that time passes through is split until it holds no more rows than this: it is looked through in every batch. Small in tests, so
/// that they get there.
const PASSING_ROWS: usize = if cfg!(test) { 20 } else { 32_768 };

/// Where a row is. Good until rows are added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) leaf: usize,
    pub(super) run: usize,
    pub(super) row: usize,
}

/// Rows by position.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) leaves: Vec<Leaf>,
    /// Where to look for a hash, if leaves are divided by time.
    map: LeafMap,
    /// Whether positions are times.
    is_timed: bool,
    mortality: Mortality,
    /// Living rows.
    rows: usize,
    bytes: usize,
}

impl Tree {
    pub(super) fn new(is_timed: bool, once: bool) -> Tree {
        Tree {
            leaves: Vec::new(),
            map: LeafMap::default(),
            is_timed,
            mortality: Mortality {
                passed: i64::MIN,
                once,
            },
            rows: 0,
            bytes: 0,
        }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes + self.map.memory_bytes()
    }

    /// Which leaves may hold a hash. `None` where there are too few rows for a map.
    pub(super) fn map(&self) -> Option<&LeafMap> {
        (!self.map.is_empty()).then_some(&self.map)
    }

    /// Up to where rows have ended.
    pub(super) fn passed(&self) -> i64 {
        self.mortality.passed
    }

    /// The leaf whose range this position is in.
    pub(super) fn leaf_of(&self, position: i64) -> usize {
        let after = self.leaves.partition_point(|leaf| leaf.low <= position);
        after.saturating_sub(1)
    }

    /// Adds rows. Those that have ended already are left out.
    pub(super) fn insert(&mut self, run: &Run, layout: &Layout) -> Result<()> {
        if self.leaves.is_empty() {
            let leaf = Leaf::new(i64::MIN);
            self.bytes += leaf.memory_bytes();
            self.leaves.push(leaf);
        }
        let mut by_leaf: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for row in 0..run.len() {
            if !self.mortality.is_dead(run, row) {
                by_leaf
                    .entry(self.leaf_of(run.position(row)))
                    .or_default()
                    .push(row);
            }
        }
        let whole = run.len();
        // From the last leaf on: a split moves those behind it.
        for (leaf, rows) in by_leaf.into_iter().rev() {
            let part = if rows.len() == whole {
                run.clone()
            } else {
                run.pick(&rows, layout)?
            };
            self.rows += part.len();
            let before = self.leaves[leaf].memory_bytes();
            self.map.add(self.leaves[leaf].slot, &part.hashes);
            self.leaves[leaf].push(part, layout, self.mortality)?;
            self.split(leaf, layout)?;
            self.bytes = self.bytes.saturating_sub(before);
        }
        if self.is_timed && self.map.is_misfit(self.rows) {
            self.map = LeafMap::for_rows(self.rows);
            for leaf in &self.leaves {
                note(&mut self.map, leaf);
            }
        }
        Ok(())
    }

    /// Splits a leaf in two. Gives whether there are two now.
    fn divide(&mut self, at: usize, layout: &Layout) -> Result<bool> {
        let Some(mut upper) = self.leaves[at].split(layout, self.mortality)? else {
            return Ok(false);
        };
        upper.slot = self.free_slot();
        note(&mut self.map, &upper);
        self.leaves.insert(at + 1, upper);
        self.note_anew(bit(self.leaves[at].slot));
        Ok(true)
    }

    /// The slot that the fewest leaves have.
    fn free_slot(&self) -> u8 {
        let users = |slot: &u8| self.leaves.iter().filter(|leaf| leaf.slot == *slot).count();
        (0..SLOTS).min_by_key(users).unwrap_or_default()
    }

    /// Forgets what the leaves with these slots, one bit each, held, but for what they hold.
    fn note_anew(&mut self, slots: u64) {
        self.map.clear(slots);
        let with_slot = |leaf: &&Leaf| slots & bit(leaf.slot) != 0;
        for leaf in self.leaves.iter().filter(with_slot) {
            note(&mut self.map, leaf);
        }
    }

    /// Splits this leaf until none of its parts is too large, and counts the bytes of the parts.
    fn split(&mut self, leaf: usize, layout: &Layout) -> Result<()> {
        let capacity = if self.is_timed {
            LEAF_ROWS.max(self.rows / LEAVES)
        } else {
            LEAF_ROWS
        };
        let mut at = leaf;
        let mut end = leaf + 1;
        while at < end {
            if self.leaves[at].rows() > capacity && self.divide(at, layout)? {
                end += 1;
            } else {
                self.bytes += self.leaves[at].memory_bytes();
                at += 1;
            }
        }
        Ok(())
    }

    /// Ends the rows at or before `until`: how many there were, and those for which `wanted` holds.
    pub(super) fn evict(
        &mut self,
        until: i64,
        layout: &Layout,
        wanted: impl Fn(&Run, usize) -> bool,
    ) -> Result<(usize, Vec<RecordBatch>)> {
        self.part(until, layout)?;
        let mut ended = 0;
        let mut out = Vec::new();
        let mut over = 0;
        let mortality = self.mortality;
        self.mortality.passed = mortality.passed.max(until);
        for leaf in &mut self.leaves {
            if leaf.span.0 > until && leaf.living > 0 {
                break;
            }
            let before = leaf.memory_bytes();
            let (count, rows) = leaf.end(until, mortality, &wanted)?;
            ended += count;
            out.extend(rows);
            if leaf.living == 0 {
                over += 1;
                self.bytes = self.bytes.saturating_sub(before);
            } else {
                leaf.tidy(layout, self.mortality)?;
                self.bytes = (self.bytes + leaf.memory_bytes()).saturating_sub(before);
                break;
            }
        }
        let ended_slots = self.leaves.drain(..over).map(|leaf| bit(leaf.slot));
        let ended_slots = ended_slots.fold(0, |slots, slot| slots | slot);
        if ended_slots != 0 {
            self.note_anew(ended_slots);
        }
        if let Some(first) = self.leaves.first_mut() {
            first.low = i64::MIN;
        }
        self.rows -= ended;
        Ok((ended, out))
    }

    /// Splits the leaf that `until` lies in.
    fn part(&mut self, until: i64, layout: &Layout) -> Result<()> {
        let mut at = self.leaf_of(until);
        while let Some(leaf) = self.leaves.get(at) {
            if leaf.span.0 > until || leaf.span.1 <= until || leaf.rows() <= PASSING_ROWS {
                break;
            }
            let before = leaf.memory_bytes();
            if !self.divide(at, layout)? {
                break;
            }
            let (lower, upper) = (&self.leaves[at], &self.leaves[at + 1]);
            let after = lower.memory_bytes() + upper.memory_bytes();
            self.bytes = (self.bytes + after).saturating_sub(before);
            if upper.low <= until {
                at += 1;
            }
        }
        Ok(())
    }

    /// Notes that a row has found a partner: its number, if it had found none before.
    pub(super) fn mark(&mut self, at: Address) -> Option<u64> {
        let leaf = &mut self.leaves[at.leaf];
        let number = leaf.runs[at.run].marks.note(at.row)?;
        if number == MATCHED {
            return None;
        }
        if self.mortality.once {
            leaf.living -= 1;
            self.rows -= 1;
        }
        Some(number)
    }

    /// After rows were marked in these leaves: writes those anew that have become half empty.
    pub(super) fn tidy(
        &mut self,
        leaves: impl Iterator<Item = usize>,
        layout: &Layout,
    ) -> Result<()> {
        for leaf in leaves {
            let leaf = &mut self.leaves[leaf];
            let before = leaf.memory_bytes();
            leaf.tidy(layout, self.mortality)?;
            self.bytes = (self.bytes + leaf.memory_bytes()).saturating_sub(before);
        }
        Ok(())
    }

    /// The row with this hash, position and number.
    pub(super) fn find(&self, hash: u32, position: i64, number: u64) -> Option<Address> {
        let leaf = self.leaf_of(position);
        let runs = &self.leaves.get(leaf)?.runs;
        runs.iter().enumerate().find_map(|(run, rows)| {
            let mut found = rows.hashes.find(rows.hashes.stretch(hash), hash);
            found
                .find(|row| rows.marks.get(*row) == Some(number))
                .map(|row| Address { leaf, run, row })
        })
    }

    /// The living rows, run by run.
    pub(super) fn living(&self, layout: &Layout) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        for run in self.leaves.iter().flat_map(|leaf| &leaf.runs) {
            let is_living = |run: &Run, row: usize| !self.mortality.is_dead(run, row);
            if (0..run.len()).all(|row| is_living(run, row)) {
                runs.push(run.clone());
            } else {
                runs.push(Run::merge(&[run], layout, is_living)?);
            }
        }
        Ok(runs)
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        *self = Tree::new(self.is_timed, self.mortality.once);
    }
}

/// Notes what a leaf holds.
fn note(map: &mut LeafMap, leaf: &Leaf) {
    for run in &leaf.runs {
        map.add(leaf.slot, &run.hashes);
    }
}
