//! What every accumulator stands on: which rows count, the loop over them, and one bit a group.
//!
//! The loop has a fast path for the usual case, in which no argument is null and there is no filter: it then runs over the
//! group numbers alone.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};

/// The rows that count: those where `filter` is true and no argument is null. `None` if all do.
pub(super) fn counted_rows(
    arguments: &[ArrayRef],
    filter: Option<&BooleanArray>,
) -> Option<NullBuffer> {
    let mut counted = filtered_rows(filter);
    for argument in arguments {
        counted = NullBuffer::union(counted.as_ref(), argument.logical_nulls().as_ref());
    }
    counted.filter(|counted| counted.null_count() > 0)
}

/// The rows where `filter` is true, nulls or not. `None` if all are.
pub(super) fn filtered_rows(filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let filter = filter?;
    let is_true = match filter.nulls() {
        Some(nulls) => filter.values() & nulls.inner(),
        None => filter.values().clone(),
    };
    Some(NullBuffer::new(is_true)).filter(|counted| counted.null_count() > 0)
}

/// Calls `visit` with the row and the group of each counted row, in order.
#[inline]
pub(super) fn for_each_row(
    groups: &[u32],
    counted: Option<&NullBuffer>,
    mut visit: impl FnMut(usize, usize),
) {
    match counted {
        None => {
            for (row, group) in groups.iter().enumerate() {
                visit(row, *group as usize);
            }
        }
        Some(counted) => {
            for row in counted.valid_indices() {
                if let Some(group) = groups.get(row) {
                    visit(row, *group as usize);
                }
            }
        }
    }
}

/// One bit a group.
#[derive(Debug, Default)]
pub(super) struct GroupBits {
    words: Vec<u64>,
    length: usize,
}

impl GroupBits {
    /// Makes room for groups `0..groups`; new bits are false.
    pub(super) fn resize(&mut self, groups: usize) {
        self.words.resize(groups.div_ceil(64), 0);
        self.length = groups;
    }

    /// The bit of a group; false if there is no such group.
    #[inline]
    pub(super) fn get(&self, group: usize) -> bool {
        self.words
            .get(group / 64)
            .is_some_and(|word| word >> (group % 64) & 1 == 1)
    }

    /// Makes the bit of a group true.
    #[inline]
    pub(super) fn set(&mut self, group: usize) {
        if let Some(word) = self.words.get_mut(group / 64) {
            *word |= 1 << (group % 64);
        }
    }

    /// Makes the bit of a group false.
    #[inline]
    pub(super) fn unset(&mut self, group: usize) {
        if let Some(word) = self.words.get_mut(group / 64) {
            *word &= !(1 << (group % 64));
        }
    }

    /// Makes the bits of these groups false.
    pub(super) fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            self.unset(*group as usize);
        }
    }

    /// The bits of these groups, in this order.
    pub(super) fn gather(&self, groups: &[u32]) -> BooleanBuffer {
        groups
            .iter()
            .map(|group| self.get(*group as usize))
            .collect()
    }

    /// The bits of these groups as validity: null where false.
    pub(super) fn gather_validity(&self, groups: &[u32]) -> NullBuffer {
        NullBuffer::new(self.gather(groups))
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * 8
    }
}

/// The values of these groups, in this order.
pub(super) fn gather<T: Copy>(values: &[T], groups: &[u32]) -> Vec<T> {
    groups
        .iter()
        .map(|group| value_of(values, *group as usize))
        .collect()
}

/// The value of a group. Groups are numbered by who owns the accumulator and are below the number it was resized to.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "group numbers are below the size set by `resize`, by the contract of `Accumulator`"
)]
pub(super) fn value_of<T: Copy>(values: &[T], group: usize) -> T {
    values[group]
}

/// The slot of a group; see [`value_of`].
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "group numbers are below the size set by `resize`, by the contract of `Accumulator`"
)]
pub(super) fn slot_of<T>(values: &mut [T], group: usize) -> &mut T {
    &mut values[group]
}
