//! Which leaves of a tree may hold a hash: a word for every few hashes, and in it one bit for each leaf.
//!
//! Who looks for a key whose partners may be anywhere in time would have to look into every leaf, each in another place of memory. One look
//! into the map says which two to five of some fifty leaves can have the hash. A bit may be set without need, never be missing.

/// How many leaves can be told apart. If there are more, some have a bit in common.
pub(super) const SLOTS: u8 = 64;

/// Fewer rows need no map. Small in tests, so that they get there.
const ROWS_MIN: usize = if cfg!(test) { 100 } else { 65_536 };

/// A map that has come to ten rows to three words is made anew: too many leaves would be looked into.
const ROWS_PER_WORDS_MAX: (usize, usize) = (10, 3);

/// How many rows and words a new map has. So a row takes 2.4 to 3 bytes of it.
const ROWS_PER_WORDS: (usize, usize) = (8, 3);

/// Leaves by hash.
#[derive(Debug, Default)]
pub(super) struct LeafMap {
    /// The leaves by hash, each word for as many hashes next to each other as any other. Empty, if there is no map.
    words: Vec<u64>,
}

impl LeafMap {
    /// A map without leaves, of the size that fits so many rows.
    pub(super) fn for_rows(rows: usize) -> LeafMap {
        if rows < ROWS_MIN {
            return LeafMap::default();
        }
        LeafMap {
            words: vec![0; rows * ROWS_PER_WORDS.1 / ROWS_PER_WORDS.0],
        }
    }

    /// Whether another size would fit so many rows better.
    pub(super) fn is_misfit(&self, rows: usize) -> bool {
        let words = self.words.len();
        if words == 0 {
            rows >= ROWS_MIN
        } else {
            rows * ROWS_PER_WORDS_MAX.1 > words * ROWS_PER_WORDS_MAX.0 || rows < words
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Notes that the leaf with this slot holds these hashes.
    pub(super) fn add(&mut self, slot: u8, hashes: &[u32]) {
        if self.is_empty() {
            return;
        }
        for hash in hashes {
            let word = self.word(*hash);
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit(slot);
            }
        }
    }

    /// Notes that no leaf with one of these slots, one bit each, holds anything.
    pub(super) fn clear(&mut self, slots: u64) {
        for word in &mut self.words {
            *word &= !slots;
        }
    }

    /// The slots of the leaves that may hold the hash, one bit each.
    pub(super) fn slots(&self, hash: u32) -> u64 {
        let word = self.words.get(self.word(hash));
        word.copied().unwrap_or(u64::MAX)
    }

    /// Which word a hash belongs to: the hash as a fraction of all hashes, of all words.
    fn word(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.words.len() as u64) >> u32::BITS) as usize
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// The bit of a slot.
pub(super) fn bit(slot: u8) -> u64 {
    1 << (slot % SLOTS)
}

/// The number of its bit.
pub(super) fn slot(slot: u8) -> usize {
    usize::from(slot % SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_in_the_leaves_that_were_noted() {
        let mut map = LeafMap::for_rows(1_000);
        assert_eq!(map.memory_bytes(), 375 * 8);
        map.add(3, &[0, 7, u32::MAX]);
        map.add(63, &[7, 1 << 31]);
        assert_eq!(map.slots(0), bit(3) | bit(63));
        assert_eq!(map.slots(u32::MAX), bit(3));
        assert_eq!(map.slots(1 << 31), bit(63));
        assert_eq!(map.slots(1 << 30), 0);
        assert_eq!(map.word(u32::MAX), 374);
        map.clear(bit(3));
        assert_eq!(map.slots(0), bit(63));
        assert_eq!(map.slots(u32::MAX), 0);
    }

    #[test]
    fn a_map_is_made_for_many_rows_and_made_anew_when_it_fits_no_more() {
        let none = LeafMap::for_rows(ROWS_MIN - 1);
        assert!(!none.is_misfit(ROWS_MIN - 1) && none.is_misfit(ROWS_MIN));
        assert_eq!(none.slots(5), u64::MAX);
        let map = LeafMap::for_rows(1_000);
        for (rows, is_misfit) in [(374, true), (375, false), (1_250, false), (1_251, true)] {
            assert_eq!(map.is_misfit(rows), is_misfit, "{rows}");
        }
        for rows in [ROWS_MIN, 1_279, 1_280, 1_281, 5_000_000] {
            let map = LeafMap::for_rows(rows);
            assert!(
                !map.is_misfit(rows) && map.memory_bytes() <= rows * 3,
                "{rows}"
            );
        }
    }
}
