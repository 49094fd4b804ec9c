//! A leaf of a [`super::tree::Tree`]: the rows whose positions lie in one range, as a few runs.
//!
//! New rows come as a run of their own. As soon as a run is not larger than twice what came after it, it is merged with that, so that a
//! leaf of n rows has about log n runs and a row is copied about log n times. A leaf that is split becomes two of one run each: one of them will
//! hardly get new rows, and is looked into until it ends. Rows that have ended but still lie between others ("dead"
//! ones) are left out by every merge, and the leaf is written anew when they are more than half of it.

#![expect(
    clippy::indexing_slicing,
    reason = "rows and runs are numbered by the leaf that holds them"
)]

use super::define::Layout;
use super::run::Run;
use crate::error::Result;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;

/// As many rows as new ones and those of a table on disk have together. Small in tests, so that they get there.
pub(super) const RUN_ROWS: usize = if cfg!(test) { 200 } else { 65_536 };

/// No run grows beyond this by merging: the offsets of Arrow's strings end at 2 GiB.
pub(super) const RUN_BYTES: usize = 256 * 1_024 * 1_024;

/// Rows of a range of positions.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Where its range begins. It ends where that of the next leaf begins.
    pub(super) low: i64,
    /// Which bit of the leaf map is its.
    pub(super) slot: u8,
    /// The least and the greatest position of its living rows.
    pub(super) span: (i64, i64),
    pub(super) runs: Vec<Run>,
    /// Rows that are not dead.
    pub(super) living: usize,
}

/// Which rows are dead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mortality {
    /// Rows that end at or before this.
    pub(super) passed: i64,
    /// Whether those that have found a partner are done with.
    pub(super) once: bool,
}

impl Mortality {
    pub(super) fn is_dead(self, run: &Run, row: usize) -> bool {
        run.times
            .as_ref()
            .is_some_and(|times| times[row] <= self.passed)
            || (self.once && run.is_matched(row))
    }
}

impl Leaf {
    pub(super) fn new(low: i64) -> Leaf {
        Leaf {
            low,
            slot: 0,
            span: (i64::MAX, i64::MIN),
            runs: Vec::new(),
            living: 0,
        }
    }

    /// How many rows it holds, dead ones as well.
    pub(super) fn rows(&self) -> usize {
        self.runs.iter().map(Run::len).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let runs: usize = self.runs.iter().map(Run::memory_bytes).sum();
        runs + size_of::<Leaf>() + self.runs.capacity() * size_of::<Run>()
    }

    /// Adds living rows.
    pub(super) fn push(&mut self, run: Run, layout: &Layout, mortality: Mortality) -> Result<()> {
        for row in 0..run.len() {
            let position = run.position(row);
            self.span = (self.span.0.min(position), self.span.1.max(position));
        }
        self.living += run.len();
        self.runs.push(run);
        let mut first = self.runs.len() - 1;
        let mut rows = self.runs[first].len();
        let mut bytes = self.runs[first].memory_bytes();
        while let Some(before) = first.checked_sub(1).map(|before| &self.runs[before]) {
            let total = rows + before.len();
            let total_bytes = bytes + before.memory_bytes();
            if before.len() > 2 * rows || total_bytes > RUN_BYTES {
                break;
            }
            (rows, bytes) = (total, total_bytes);
            first -= 1;
        }
        if first + 1 < self.runs.len() {
            self.merge_from(first, layout, mortality)?;
        }
        Ok(())
    }

    /// Makes one run of those from `first` on.
    fn merge_from(&mut self, first: usize, layout: &Layout, mortality: Mortality) -> Result<()> {
        let parts: Vec<&Run> = self.runs[first..].iter().collect();
        let merged = Run::merge(&parts, layout, |run, row| !mortality.is_dead(run, row))?;
        self.runs.truncate(first);
        if merged.len() > 0 {
            self.runs.push(merged);
        }
        Ok(())
    }

    /// Writes the leaf anew without its dead rows, if they are more than half of it.
    pub(super) fn tidy(&mut self, layout: &Layout, mortality: Mortality) -> Result<()> {
        if self.living * 2 >= self.rows() {
            return Ok(());
        }
        for run in &mut self.runs {
            *run = Run::merge(&[run], layout, |run, row| !mortality.is_dead(run, row))?;
        }
        self.runs.retain(|run| run.len() > 0);
        Ok(())
    }

    /// Splits off the upper half, if positions differ.
    pub(super) fn split(&mut self, layout: &Layout, mortality: Mortality) -> Result<Option<Leaf>> {
        if self.span.0 >= self.span.1 {
            return Ok(None);
        }
        let living = |run: &Run, row: usize| !mortality.is_dead(run, row);
        let mut positions: Vec<i64> = Vec::with_capacity(self.living);
        for run in &self.runs {
            let kept = (0..run.len()).filter(|row| living(run, *row));
            positions.extend(kept.map(|row| run.position(row)));
        }
        let Some(middle) = pivot(&mut positions) else {
            return Ok(None);
        };
        let mut upper = Leaf::new(middle);
        let mut lower = Leaf::new(self.low);
        lower.slot = self.slot;
        // What is split off seldom gets new rows: it is to be one run, so that it takes one look to find a key in it.
        let runs = std::mem::take(&mut self.runs);
        let bytes: usize = runs.iter().map(Run::memory_bytes).sum();
        let together = if bytes > RUN_BYTES { 1 } else { runs.len() };
        for runs in runs.chunks(together.max(1)) {
            let parts: Vec<&Run> = runs.iter().collect();
            for (leaf, is_upper) in [(&mut lower, false), (&mut upper, true)] {
                let wanted = |run: &Run, row: usize| {
                    living(run, row) && (run.position(row) >= middle) == is_upper
                };
                let part = Run::merge(&parts, layout, wanted)?;
                if part.len() > 0 {
                    leaf.push(part, layout, mortality)?;
                }
            }
        }
        *self = lower;
        Ok(Some(upper))
    }

    /// Ends the rows at or before `until`: how many there were, and those of them for which `wanted` holds.
    pub(super) fn end(
        &mut self,
        until: i64,
        mortality: Mortality,
        wanted: impl Fn(&Run, usize) -> bool,
    ) -> Result<(usize, Vec<RecordBatch>)> {
        let mut ended = 0;
        let mut rest = i64::MAX;
        let mut out = Vec::new();
        for run in &self.runs {
            let mut picked = Vec::new();
            for row in 0..run.len() {
                let position = run.position(row);
                if position > until {
                    rest = rest.min(position);
                } else if !mortality.is_dead(run, row) {
                    ended += 1;
                    if wanted(run, row) {
                        picked.push((0, row));
                    }
                }
            }
            if !picked.is_empty() {
                out.push(interleave_record_batch(&[&run.rows], &picked)?);
            }
        }
        self.living -= ended;
        self.span.0 = rest;
        Ok((ended, out))
    }
}

/// A position that has some before it, and is not before about half of them.
fn pivot(positions: &mut [i64]) -> Option<i64> {
    let middle = positions.len() / 2;
    if middle == 0 {
        return None;
    }
    let (before, median, after) = positions.select_nth_unstable(middle);
    let median = *median;
    if before.iter().any(|position| *position < median) {
        return Some(median);
    }
    after
        .iter()
        .copied()
        .filter(|position| *position > median)
        .min()
}
