//! New rows of one side against rows of the other: candidates by hash and time, then pairs by key and condition.
//!
//! Candidates are looked at in blocks, so that a key with many rows on both sides needs no more memory than a block of pairs.

#![expect(
    clippy::indexing_slicing,
    reason = "rows and runs are numbered by the batch and the store they are in"
)]

use super::define::{Definition, PairColumn};
use super::leaf::Leaf;
use super::leaf_map;
use super::piece::Piece;
use super::run::Run;
use super::store::{Kind, Place, Store};
use super::tree::{Address, Tree};
use crate::batch::BatchContext;
use crate::error::Result;
use crate::operator::key::EncodedKeys;
use crate::plan::JoinType;
use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{interleave, take};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::ops::Range;
use std::sync::Arc;

/// How many candidates are looked at together. Few in tests, so that they need several blocks.
const BLOCK: usize = if cfg!(test) { 50 } else { 16_384 };

/// How many rows are looked for in a run together: what is fetched for them fits the first cache.
const LOOKUPS: usize = 128;

/// Where a row of the other side is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// In the store.
    Kept(Place),
    /// In this piece, at this row.
    New(usize, usize),
}

/// A run of the other side.
#[derive(Clone, Copy)]
struct Target<'a> {
    run: &'a Run,
    at: Found,
    /// Whether the run's times tell which rows live, and which are near enough.
    is_timed: bool,
    /// Rows that end at or before this are over.
    passed: i64,
}

/// What probing is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probing<'a> {
    pub(super) definition: &'a Definition,
    pub(super) context: &'a BatchContext,
    /// Which side the new rows are on.
    pub(super) side: usize,
}

/// What a piece found.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Pairs, as they come out.
    pub(super) rows: Vec<RecordBatch>,
    /// Which rows of the piece have a partner.
    pub(super) matched: Vec<bool>,
    /// Rows of the other side that have a partner, with the hash of their key, where that side has marks.
    pub(super) found: Vec<(Found, u64)>,
}

/// A piece on its way through the other side.
struct Prober<'a> {
    about: Probing<'a>,
    piece: &'a Piece,
    targets: Vec<Target<'a>>,
    /// Candidates: a row of the piece, a target, a row of that.
    candidates: Vec<(usize, usize, usize)>,
    /// Rows of the piece that are looked for, and where. Kept for its memory.
    lookups: Vec<(usize, Range<usize>)>,
    /// Whether a row that has a partner needs no other.
    skips_matched: bool,
    pairs: Pairs,
}

impl<'a> Probing<'a> {
    /// Joins a piece with what is kept of the other side, and with new rows of it.
    pub(super) fn run(self, piece: &'a Piece, store: &'a Store, new: &'a [Piece]) -> Result<Pairs> {
        let mut prober = Prober {
            about: self,
            piece,
            targets: Vec::new(),
            candidates: Vec::new(),
            lookups: Vec::with_capacity(LOOKUPS),
            skips_matched: self.definition.join_type == JoinType::LeftSemi && self.side == 1,
            pairs: Pairs {
                matched: vec![false; piece.run.len()],
                ..Pairs::default()
            },
        };
        prober.timed(store)?;
        prober.endless(store)?;
        for (number, other) in new.iter().enumerate() {
            let target = Target {
                run: &other.run,
                at: Found::New(number, 0),
                is_timed: other.run.times.is_some() && other.nulls.is_none(),
                passed: i64::MIN,
            };
            let rows = prober.usable().map(|row| row as usize);
            prober.search(target, rows)?;
        }
        prober.flush()?;
        Ok(prober.pairs)
    }
}

impl<'a> Prober<'a> {
    /// Looks into the leaves whose times are near enough.
    fn timed(&mut self, store: &'a Store) -> Result<()> {
        let tree = store.tree(Kind::Timed);
        let all = (i64::MIN, i64::MAX);
        let (least, most) = match &self.piece.ranges {
            None => all,
            Some(ranges) => ranges
                .iter()
                .fold((i64::MAX, i64::MIN), |(least, most), range| {
                    (least.min(range.0), most.max(range.1))
                }),
        };
        let first = tree.leaf_of(least);
        let near = tree.leaves.get(first..).unwrap_or_default();
        let beyond = near.iter().skip(1).position(|leaf| leaf.low > most);
        let near = near.get(..beyond.map_or(near.len(), |at| at + 1));
        let near = near.unwrap_or_default();
        // The map is one more place in memory: it must save more.
        let by_slot = (near.len() > 2).then(|| self.by_slot(tree, near)).flatten();
        let all: Vec<u32> = match by_slot {
            Some(_) => Vec::new(),
            None => self.usable().collect(),
        };
        for (leaf, rows) in near.iter().enumerate() {
            let slot = leaf_map::slot(rows.slot);
            let sought = by_slot.as_ref().map_or(&all, |by_slot| &by_slot[slot]);
            let (least, most) = rows.span;
            let sought = sought.iter().map(|row| *row as usize);
            let sought = sought.filter(|row| match &self.piece.ranges {
                Some(ranges) => ranges[*row].0 <= most && ranges[*row].1 >= least,
                None => true,
            });
            for (run, target) in rows.runs.iter().enumerate() {
                let leaf = first + leaf;
                let at = Address { leaf, run, row: 0 };
                let target = Target {
                    run: target,
                    at: Found::Kept((Kind::Timed, at)),
                    is_timed: true,
                    passed: tree.passed(),
                };
                self.search(target, sought.clone())?;
            }
        }
        Ok(())
    }

    /// The rows that can find a partner, in ascending order.
    fn usable(&self) -> impl Iterator<Item = u32> + use<'a> {
        let piece = self.piece;
        let rows = 0..u32::try_from(piece.run.len()).unwrap_or(u32::MAX);
        rows.filter(|row| piece.is_usable(*row as usize))
    }

    /// For each slot of the map, the rows that can have partners in its leaves: so a row costs no more where there are more leaves. `None`, if
    /// there is no map.
    fn by_slot(&self, tree: &Tree, near: &[Leaf]) -> Option<Vec<Vec<u32>>> {
        let map = tree.map()?;
        let near = near
            .iter()
            .fold(0, |near, leaf| near | leaf_map::bit(leaf.slot));
        let mut by_slot = vec![Vec::new(); usize::from(leaf_map::SLOTS)];
        for row in self.usable() {
            let mut slots = map.slots(self.piece.run.hashes[row as usize]) & near;
            while slots != 0 {
                by_slot[slots.trailing_zeros() as usize].push(row);
                slots &= slots - 1;
            }
        }
        Some(by_slot)
    }

    /// Looks into the leaves of the hashes of the piece.
    fn endless(&mut self, store: &'a Store) -> Result<()> {
        let tree = store.tree(Kind::Endless);
        let hashes = &self.piece.run.hashes;
        let mut start = 0;
        while start < hashes.len() && !tree.leaves.is_empty() {
            let leaf = tree.leaf_of(i64::from(hashes[start]));
            let next = tree.leaves.get(leaf + 1).map_or(i64::MAX, |next| next.low);
            let length = hashes[start..].partition_point(|hash| i64::from(*hash) < next);
            for (run, target) in tree.leaves[leaf].runs.iter().enumerate() {
                let at = Address { leaf, run, row: 0 };
                let target = Target {
                    run: target,
                    at: Found::Kept((Kind::Endless, at)),
                    is_timed: false,
                    passed: i64::MIN,
                };
                let piece = self.piece;
                let rows = start..start + length;
                self.search(target, rows.filter(|row| piece.is_usable(*row)))?;
            }
            start += length;
        }
        Ok(())
    }

    /// Notes the candidates for these rows in one run.
    fn search(&mut self, target: Target<'a>, mut rows: impl Iterator<Item = usize>) -> Result<()> {
        let number = self.targets.len();
        self.targets.push(target);
        let (piece, hashes) = (self.piece, &target.run.hashes);
        let mut lookups = std::mem::take(&mut self.lookups);
        loop {
            let some = rows.by_ref().take(LOOKUPS);
            lookups.clear();
            lookups.extend(some.map(|row| (row, hashes.stretch(piece.run.hashes[row]))));
            if lookups.is_empty() {
                break;
            }
            hashes.fetch(lookups.iter().map(|(_, stretch)| stretch));
            for (row, stretch) in lookups.drain(..) {
                for other in hashes.find(stretch, piece.run.hashes[row]) {
                    self.consider(row, number, other)?;
                }
            }
        }
        self.lookups = lookups;
        Ok(())
    }

    /// Notes a row of a target as a candidate for a row of the piece, if it is near enough.
    fn consider(&mut self, row: usize, number: usize, other: usize) -> Result<()> {
        let target = &self.targets[number];
        let range = self.piece.ranges.as_ref().map(|ranges| ranges[row]);
        let is_done = self.skips_matched && target.run.is_matched(other);
        if target.is_near(other, range) && !is_done {
            self.candidates.push((row, number, other));
            if self.candidates.len() >= BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Makes pairs of the candidates.
    fn flush(&mut self) -> Result<()> {
        let candidates = std::mem::take(&mut self.candidates);
        let mut block = Block::new(candidates);
        let same_key = self.same_key(&block)?;
        block.keep(&same_key);
        if let Some(residual) = &self.about.definition.residual {
            let columns = self.gather(&residual.columns, &block)?;
            let options = RecordBatchOptions::new().with_row_count(Some(block.len()));
            let schema = Arc::clone(&residual.schema);
            let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
            let met = residual
                .condition
                .evaluate_predicate(&rows, self.about.context)?;
            let met: Vec<bool> = met.iter().map(|met| met == Some(true)).collect();
            block.keep(&met);
        }
        self.note(&block);
        let definition = self.about.definition;
        if block.len() > 0 && definition.join_type != JoinType::LeftSemi {
            let columns = self.gather(&definition.output, &block)?;
            self.pairs
                .rows
                .push(definition.batch(columns, block.len())?);
        }
        Ok(())
    }

    /// Which candidates have equal keys.
    fn same_key(&self, block: &Block) -> Result<Vec<bool>> {
        let other = 1 - self.about.side;
        let keys: Vec<PairColumn> = self
            .about
            .definition
            .layout(other)
            .keys
            .iter()
            .map(|key| (other, *key))
            .collect();
        let keys = EncodedKeys::new(&self.gather(&keys, block)?, block.len())?;
        let pairs = block.probing.iter().zip(keys.iter());
        Ok(pairs
            .map(|(row, key)| self.piece.keys.get(*row as usize) == key)
            .collect())
    }

    /// These columns of the pairs.
    fn gather(&self, columns: &[PairColumn], block: &Block) -> Result<Vec<ArrayRef>> {
        if block.len() == 0 {
            let layout = |side: usize| &self.about.definition.layout(side).schema;
            return Ok(columns
                .iter()
                .map(|(side, column)| new_empty_array(layout(*side).field(*column).data_type()))
                .collect());
        }
        let probing = UInt32Array::from(block.probing.clone());
        columns
            .iter()
            .map(|(side, column)| {
                if *side == self.about.side {
                    return Ok(take(self.piece.run.rows.column(*column), &probing, None)?);
                }
                let arrays: Vec<&dyn Array> = block
                    .targets
                    .iter()
                    .map(|target| self.targets[*target].run.rows.column(*column).as_ref())
                    .collect();
                Ok(interleave(&arrays, &block.found)?)
            })
            .collect()
    }

    /// Notes who has found a partner.
    fn note(&mut self, block: &Block) {
        let definition = self.about.definition;
        let marks_own = definition.layout(self.about.side).is_marked;
        let marks_other = definition.layout(1 - self.about.side).is_marked;
        for (row, (target, other)) in block.probing.iter().zip(&block.found) {
            let row = *row as usize;
            if marks_own {
                self.pairs.matched[row] = true;
            }
            let target = &self.targets[block.targets[*target]];
            if marks_other && !target.run.is_matched(*other) {
                let found = match target.at {
                    Found::Kept((kind, at)) => Found::Kept((kind, Address { row: *other, ..at })),
                    Found::New(piece, _) => Found::New(piece, *other),
                };
                self.pairs.found.push((found, self.piece.hashes[row]));
            }
        }
    }
}

impl Target<'_> {
    /// Whether a row lives, and its time lies in the range.
    fn is_near(&self, row: usize, range: Option<(i64, i64)>) -> bool {
        let Some(times) = self.run.times.as_ref().filter(|_| self.is_timed) else {
            return true;
        };
        let time = times[row];
        time > self.passed && range.is_none_or(|(low, high)| low <= time && time <= high)
    }
}

/// Candidates, column by column.
struct Block {
    /// Rows of the piece.
    probing: Vec<u32>,
    /// Which of `targets`, and which row of it.
    found: Vec<(usize, usize)>,
    /// The targets that are looked into.
    targets: Vec<usize>,
}

impl Block {
    /// Candidates come target by target.
    fn new(candidates: Vec<(usize, usize, usize)>) -> Block {
        let mut block = Block {
            probing: Vec::with_capacity(candidates.len()),
            found: Vec::with_capacity(candidates.len()),
            targets: Vec::new(),
        };
        for (row, target, other) in candidates {
            if block.targets.last() != Some(&target) {
                block.targets.push(target);
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a piece has 65,536 rows at most"
            )]
            block.probing.push(row as u32);
            block.found.push((block.targets.len() - 1, other));
        }
        block
    }

    fn len(&self) -> usize {
        self.probing.len()
    }

    /// Keeps those for which it is true.
    fn keep(&mut self, wanted: &[bool]) {
        if wanted.iter().all(|wanted| *wanted) {
            return;
        }
        let mut wanted_too = wanted.iter();
        self.probing.retain(|_| wanted_too.next() == Some(&true));
        let mut wanted = wanted.iter();
        self.found.retain(|_| wanted.next() == Some(&true));
    }
}
