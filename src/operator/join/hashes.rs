//! The index of a run: the hashes of its rows in ascending order, four bytes a row, and a directory of where each stretch of hashes begins,
//! for every eight to sixteen rows four bytes more.
//!
//! Hashes are spread evenly, so that a stretch has about as many rows as any other: to find a hash takes one look into the directory, which
//! is small enough to stay in the cache, and one among a few hashes next to each other, however many rows the run has. Where many
//! rows have one hash, their stretch is long, and is searched by halving.

use std::ops::{Deref, Range};

/// Rows to a stretch at least, if hashes are spread evenly.
const STRETCH: usize = 8;

/// A stretch of this many rows or fewer is looked through from end to end.
const SHORT: usize = 32;

/// Hashes in ascending order.
#[derive(Debug, Clone, Default)]
pub(super) struct Hashes {
    values: Vec<u32>,
    /// Where the stretch of each value of the first bits begins, and the end. Empty for a few rows.
    starts: Vec<u32>,
    /// How many bits are not among the first.
    shift: u32,
}

impl Hashes {
    /// An index over hashes that ascend.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are no runs of 2^32 rows: one of them alone would be larger than any batch in memory"
    )]
    pub(super) fn new(values: Vec<u32>) -> Hashes {
        debug_assert!(values.is_sorted());
        let bits = (values.len() / STRETCH).checked_ilog2().unwrap_or(0);
        if bits == 0 {
            return Hashes {
                values,
                ..Hashes::default()
            };
        }
        let shift = u32::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (row, hash) in values.iter().enumerate() {
            while starts.len() <= (hash >> shift) as usize {
                starts.push(row as u32);
            }
        }
        starts.resize((1 << bits) + 1, values.len() as u32);
        Hashes {
            values,
            starts,
            shift,
        }
    }

    /// Where the rows with this hash are, if there are any. Says so from the directory alone.
    pub(super) fn stretch(&self, hash: u32) -> Range<usize> {
        let all = 0..self.values.len();
        let stretch = hash.checked_shr(self.shift).unwrap_or(0) as usize;
        match self.starts.get(stretch..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => all,
        }
    }

    /// Brings stretches near. Reading them one after the other, [`Hashes::find`] waits for each where it branches on what it reads; this
    /// does not branch, so that the processor waits for all of them together.
    pub(super) fn fetch<'a>(&self, stretches: impl Iterator<Item = &'a Range<usize>>) {
        let ends = |stretch: &Range<usize>| {
            let first = self.values.get(stretch.start).copied();
            let last = self.values.get(stretch.end.saturating_sub(1)).copied();
            first.unwrap_or(0) ^ last.unwrap_or(0)
        };
        std::hint::black_box(stretches.fold(0, |read, stretch| read ^ ends(stretch)));
    }

    /// The rows with this hash, in the [`stretch`](Hashes::stretch) of it.
    pub(super) fn find(&self, stretch: Range<usize>, hash: u32) -> Range<usize> {
        let low = stretch.start;
        let values = self.values.get(stretch).unwrap_or_default();
        let start = if values.len() <= SHORT {
            // Counting has no branches that depend on the hashes. Nearly always there is no such hash here.
            let found = values
                .iter()
                .fold(0, |found, other| found | u32::from(*other == hash));
            if found == 0 {
                return low..low;
            }
            values.iter().filter(|other| **other < hash).count()
        } else {
            values.partition_point(|other| *other < hash)
        };
        let same = values.iter().skip(start);
        let length = same.take_while(|other| **other == hash).count();
        low + start..low + start + length
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        (self.values.capacity() + self.starts.capacity()) * size_of::<u32>()
    }
}

impl Deref for Hashes {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u32], wanted: impl Iterator<Item = u32>) {
        let hashes = Hashes::new(values.to_vec());
        for hash in wanted {
            let start = values.partition_point(|other| *other < hash);
            let end = values.partition_point(|other| *other <= hash);
            let found = hashes.find(hashes.stretch(hash), hash);
            assert_eq!(found.len(), end - start, "{hash}");
            assert!(found.is_empty() || found.start == start, "{hash}");
        }
    }

    #[test]
    fn finds_what_halving_finds() {
        let spread = |count: u32| -> Vec<u32> {
            let mut values: Vec<u32> = (0..count)
                .map(|number| (number % 700).wrapping_mul(0x9e37_79b9))
                .collect();
            values.sort_unstable();
            values
        };
        for count in [0, 1, 7, 8, 15, 16, 17, 100, 1_000, 5_000] {
            let values = spread(count);
            let near = values
                .iter()
                .flat_map(|value| [*value, value.saturating_sub(1), value.saturating_add(1)]);
            check(&values, near.chain([0, u32::MAX]));
        }
    }

    #[test]
    fn finds_hashes_that_are_not_spread() {
        check(&[5; 1_000], [0, 4, 5, 6, u32::MAX].into_iter());
        let low: Vec<u32> = (0..1_000).collect();
        check(&low, [0, 1, 999, 1_000, u32::MAX].into_iter());
        let high: Vec<u32> = (u32::MAX - 999..=u32::MAX).collect();
        check(
            &high,
            [0, u32::MAX - 1_000, u32::MAX - 999, u32::MAX].into_iter(),
        );
    }
}
