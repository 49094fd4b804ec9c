//! What one partition keeps of one side of a join: a tree of the rows that a time ends, and a tree of those that nothing ends.

use super::define::Layout;
use super::leaf::Leaf;
use super::run::{Run, short_hash};
use super::tree::{Address, Tree};
use crate::error::Result;
use arrow::buffer::NullBuffer;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which tree of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Rows by the time at which they end.
    Timed,
    /// Rows without such a time, by hash.
    Endless,
}

/// A row of a store. Good until rows are added or removed.
pub(super) type Place = (Kind, Address);

/// How a row that found its first partner is named in deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) hash: u64,
    pub(super) time: Option<i64>,
    pub(super) number: u64,
}

/// The rows of one side in one partition.
#[derive(Debug)]
pub(super) struct Store {
    layout: Arc<Layout>,
    timed: Tree,
    endless: Tree,
}

impl Store {
    pub(super) fn new(layout: Arc<Layout>) -> Store {
        let once = layout.drops_matched;
        Store {
            layout,
            timed: Tree::new(true, once),
            endless: Tree::new(false, once),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.timed.rows() + self.endless.rows()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.timed.memory_bytes() + self.endless.memory_bytes()
    }

    pub(super) fn tree(&self, kind: Kind) -> &Tree {
        match kind {
            Kind::Timed => &self.timed,
            Kind::Endless => &self.endless,
        }
    }

    fn tree_mut(&mut self, kind: Kind) -> &mut Tree {
        match kind {
            Kind::Timed => &mut self.timed,
            Kind::Endless => &mut self.endless,
        }
    }

    /// Adds rows, of which those that are null in `nulls` have no time that ends them.
    pub(super) fn insert(&mut self, run: &Run, nulls: Option<&NullBuffer>) -> Result<()> {
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None if run.times.is_some() => self.timed.insert(run, &self.layout),
            None => self.endless.insert(run, &self.layout),
            Some(nulls) => {
                let (with, without): (Vec<usize>, Vec<usize>) =
                    (0..run.len()).partition(|row| nulls.is_valid(*row));
                self.timed
                    .insert(&run.pick(&with, &self.layout)?, &self.layout)?;
                let mut endless = run.pick(&without, &self.layout)?;
                endless.times = None;
                self.endless.insert(&endless, &self.layout)
            }
        }
    }

    /// Ends the rows at or before `until`: how many there were, and those for which `wanted` holds.
    pub(super) fn evict(
        &mut self,
        until: i64,
        wanted: impl Fn(&Run, usize) -> bool,
    ) -> Result<(usize, Vec<RecordBatch>)> {
        self.timed.evict(until, &self.layout, wanted)
    }

    /// Notes that this row has found a partner; `None`, if it had found one before.
    pub(super) fn mark(&mut self, (kind, at): Place, hash: u64) -> Option<Marked> {
        let time = match kind {
            Kind::Timed => self.run((kind, at)).map(|run| run.position(at.row)),
            Kind::Endless => None,
        };
        let number = self.tree_mut(kind).mark(at)?;
        Some(Marked { hash, time, number })
    }

    /// Notes that the row that a delta names has found a partner, if it is still there.
    pub(super) fn mark_saved(&mut self, saved: Marked) -> Option<Place> {
        let hash = short_hash(saved.hash);
        let (kind, position) = match saved.time {
            Some(time) => (Kind::Timed, time),
            None => (Kind::Endless, i64::from(hash)),
        };
        let at = self.tree(kind).find(hash, position, saved.number)?;
        self.tree_mut(kind).mark(at).map(|_| (kind, at))
    }

    /// After rows were marked: sees to the leaves they are in.
    pub(super) fn tidy(&mut self, marked: &[Place]) -> Result<()> {
        if !self.layout.drops_matched {
            return Ok(());
        }
        let layout = Arc::clone(&self.layout);
        for kind in [Kind::Timed, Kind::Endless] {
            let leaves: BTreeSet<usize> = marked
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, at)| at.leaf)
                .collect();
            self.tree_mut(kind).tidy(leaves.into_iter(), &layout)?;
        }
        Ok(())
    }

    pub(super) fn run(&self, (kind, at): Place) -> Option<&Run> {
        let leaf: &Leaf = self.tree(kind).leaves.get(at.leaf)?;
        leaf.runs.get(at.run)
    }

    /// All rows, run by run.
    pub(super) fn living(&self) -> Result<Vec<Run>> {
        let mut runs = self.timed.living(&self.layout)?;
        runs.extend(self.endless.living(&self.layout)?);
        Ok(runs)
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.timed.clear();
        self.endless.clear();
    }
}
