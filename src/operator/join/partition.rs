//! One state partition of a join: its two sides, and what a batch does to them.

use super::Numbered;
use super::define::{Definition, SIDES};
use super::piece::Piece;
use super::probe::{Found, Pairs, Probing};
use super::run::Run;
use super::saved::{Changes, Saved};
use super::store::{Place, Store};
use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, Result};
use crate::plan::JoinType;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// What a batch came to in a partition.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) rows: Vec<RecordBatch>,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) late: usize,
}

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    definition: Arc<Definition>,
    stores: [Store; SIDES],
    /// What the next delta must say.
    changes: Changes,
}

impl Partition {
    pub(super) fn new(definition: Arc<Definition>) -> Partition {
        let [left, right] = &definition.layouts;
        let stores = [Store::new(Arc::clone(left)), Store::new(Arc::clone(right))];
        Partition {
            definition,
            stores,
            changes: Changes::default(),
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.stores.iter().map(Store::rows).sum::<usize>() as u64
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.stores.iter().map(Store::memory_bytes).sum::<usize>() as u64
    }

    /// One batch.
    pub(super) fn apply(
        &mut self,
        number: usize,
        slices: &[Vec<Numbered>; SIDES],
        watermarks: Watermarks,
        context: &BatchContext,
    ) -> Result<Joined> {
        let mut joined = Joined::default();
        let definition = Arc::clone(&self.definition);
        let gather = |side: usize, slices: &[Numbered]| {
            Piece::gather(&definition, side, slices, number, watermarks.late)
        };
        let [left, right] = slices;
        let (mut left, late_left) = gather(0, left)?;
        let (mut right, late_right) = gather(1, right)?;
        joined.late = late_left + late_right;
        let about = |side: usize| Probing {
            definition: &definition,
            context,
            side,
        };
        let [kept_left, kept_right] = &self.stores;
        let first = probe(about(0), &left, kept_right, &[])?;
        let second = probe(about(1), &right, kept_left, &left)?;
        self.settle(0, first, (&mut left, &mut right), &mut joined)?;
        self.settle(1, second, (&mut right, &mut left), &mut joined)?;
        self.pass(0, left, watermarks.eviction, &mut joined)?;
        self.pass(1, right, watermarks.eviction, &mut joined)?;
        Ok(joined)
    }

    /// Takes the pairs that new rows of `side` have found, and marks who has found a partner: `own` are the new rows of this side, `others`
    /// those of the other.
    fn settle(
        &mut self,
        side: usize,
        found: Vec<Pairs>,
        (own, others): (&mut [Piece], &mut [Piece]),
        joined: &mut Joined,
    ) -> Result<()> {
        let is_semi = self.definition.join_type == JoinType::LeftSemi;
        let mut kept = Vec::new();
        for (pairs, piece) in found.into_iter().zip(own) {
            joined.rows.extend(pairs.rows);
            let matched = pairs.matched.iter().enumerate();
            let matched: Vec<usize> = matched
                .filter(|(row, matched)| **matched && piece.mark(*row))
                .map(|(row, _)| row)
                .collect();
            if is_semi && side == 0 {
                joined.rows.extend(self.semi(piece, &matched)?);
            }
            let mut found_new: Vec<Vec<usize>> = vec![Vec::new(); others.len()];
            for (found, hash) in pairs.found {
                match found {
                    Found::Kept(place) => {
                        if let Some(marked) = self.store(1 - side)?.mark(place, hash) {
                            self.changes.marked(1 - side, marked);
                            kept.push(place);
                        }
                    }
                    Found::New(number, row) => {
                        let other = others.get_mut(number).zip(found_new.get_mut(number));
                        if let Some((other, rows)) = other
                            && other.mark(row)
                        {
                            rows.push(row);
                        }
                    }
                }
            }
            if is_semi {
                for (other, mut rows) in others.iter().zip(found_new) {
                    rows.sort_unstable();
                    joined.rows.extend(self.semi(other, &rows)?);
                }
            }
        }
        if is_semi {
            joined.removed += kept.len();
            joined.rows.extend(self.kept(1 - side, &kept)?);
        }
        self.store(1 - side)?.tidy(&kept)
    }

    /// Left rows that have found their first partner.
    fn semi(&self, piece: &Piece, rows: &[usize]) -> Result<Option<RecordBatch>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let rows = piece.run.pick(rows, self.definition.layout(0))?.rows;
        self.definition.padded(0, &rows, true).map(Some)
    }

    /// Rows that are kept, as they come out.
    fn kept(&mut self, side: usize, places: &[Place]) -> Result<Option<RecordBatch>> {
        if places.is_empty() {
            return Ok(None);
        }
        let mut of: Vec<(Place, &Run)> = Vec::new();
        let mut indices = Vec::with_capacity(places.len());
        let [left, right] = &self.stores;
        let store = if side == 0 { left } else { right };
        for (kind, at) in places {
            let is_same = |((other, last), _): &(Place, &Run)| {
                other == kind && last.leaf == at.leaf && last.run == at.run
            };
            if !of.last().is_some_and(is_same) {
                let missing = || Error::internal("a row that found a partner is not there");
                of.push(((*kind, *at), store.run((*kind, *at)).ok_or_else(missing)?));
            }
            indices.push((of.len() - 1, at.row));
        }
        let batches: Vec<&RecordBatch> = of.iter().map(|(_, run)| &run.rows).collect();
        let rows = interleave_record_batch(&batches, &indices)?;
        self.definition.padded(side, &rows, true).map(Some)
    }

    /// Lets time pass on one side, for what is kept and for the new rows, and keeps the new rows that stay.
    fn pass(
        &mut self,
        side: usize,
        new: Vec<Piece>,
        watermark: Timestamp,
        joined: &mut Joined,
    ) -> Result<()> {
        let definition = Arc::clone(&self.definition);
        let ended = definition.ended_ms(side, watermark);
        let preserves = definition.preserves(side);
        if let Some(ended) = ended {
            let wanted = |run: &Run, row: usize| preserves && !run.is_matched(row);
            let (count, rows) = self.store(side)?.evict(ended.as_micros(), wanted)?;
            joined.removed += count;
            for rows in rows {
                joined.rows.push(definition.padded(side, &rows, true)?);
            }
        }
        let layout = definition.layout(side);
        for piece in new {
            let rows = 0..piece.run.len();
            let is_done =
                |row: usize| layout.drops_matched && piece.matched.get(row) == Some(&true);
            let (over, stay): (Vec<usize>, Vec<usize>) = rows
                .filter(|row| !is_done(*row))
                .partition(|row| piece.has_ended(*row, ended));
            if preserves {
                let alone = |row: &usize| piece.matched.get(*row) == Some(&false);
                let alone: Vec<usize> = over.into_iter().filter(alone).collect();
                if !alone.is_empty() {
                    let rows = piece.run.pick(&alone, layout)?.rows;
                    joined.rows.push(definition.padded(side, &rows, true)?);
                }
            }
            self.keep(side, piece, &stay)?;
            joined.added += stay.len();
        }
        Ok(())
    }

    /// Keeps these rows of a piece.
    fn keep(&mut self, side: usize, piece: Piece, stay: &[usize]) -> Result<()> {
        if stay.is_empty() {
            return Ok(());
        }
        let (run, nulls) = if stay.len() == piece.run.len() {
            (piece.run, piece.nulls)
        } else {
            let nulls = piece
                .nulls
                .map(|nulls| stay.iter().map(|row| nulls.is_valid(*row)).collect());
            (piece.run.pick(stay, self.definition.layout(side))?, nulls)
        };
        self.changes.added(side, run.clone());
        self.store(side)?.insert(&run, nulls.as_ref())
    }

    fn store(&mut self, side: usize) -> Result<&mut Store> {
        self.stores
            .get_mut(side)
            .ok_or_else(|| Error::internal("a join has two sides"))
    }

    /// What changed since the last call.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// All that is kept.
    pub(super) fn all(&self) -> Result<Changes> {
        let mut all = Changes::default();
        for (side, store) in self.stores.iter().enumerate() {
            for run in store.living()? {
                all.added(side, run);
            }
        }
        Ok(all)
    }

    /// Puts what was saved.
    pub(super) fn put(&mut self, number: usize, saved: &Saved) -> Result<()> {
        match saved {
            Saved::Numbers(_) => Ok(()),
            Saved::Rows { side, slices } => {
                let definition = Arc::clone(&self.definition);
                let slices = std::slice::from_ref(slices);
                let never = Timestamp(i64::MIN);
                let pieces = Piece::gather(&definition, *side, slices, number, never)?.0;
                let store = self.store(*side)?;
                pieces
                    .into_iter()
                    .try_for_each(|piece| store.insert(&piece.run, piece.nulls.as_ref()))
            }
            Saved::Marks { side, marks } => {
                let store = self.store(*side)?;
                let here = marks.get(number).into_iter().flatten();
                let found: Vec<Place> = here.filter_map(|mark| store.mark_saved(*mark)).collect();
                store.tidy(&found)
            }
        }
    }

    /// Ends rows on the way back from disk.
    pub(super) fn forget(&mut self, watermark: Timestamp) -> Result<()> {
        for side in 0..SIDES {
            if let Some(ended) = self.definition.ended_ms(side, watermark) {
                self.store(side)?.evict(ended.as_micros(), |_, _| false)?;
            }
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.stores.iter_mut().for_each(Store::clear);
        self.changes = Changes::default();
    }
}

/// What each piece finds.
fn probe(about: Probing<'_>, pieces: &[Piece], kept: &Store, new: &[Piece]) -> Result<Vec<Pairs>> {
    pieces
        .iter()
        .map(|piece| about.run(piece, kept, new))
        .collect()
}
