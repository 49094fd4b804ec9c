//! Which rows of a run have found a partner, and the numbers of those that have not: four bytes a row, as long as the numbers lie close
//! enough together.

/// The mark of a row that has found a partner. No row has this number.
pub(super) const MATCHED: u64 = 0;

/// A mark for each row: [`MATCHED`], or the number of the row. Of a side whose rows need not know, none.
#[derive(Debug, Clone)]
pub(super) enum Marks {
    /// Numbers less `base`, which is less than all of them; 0 for [`MATCHED`].
    Narrow { base: u64, offsets: Vec<u32> },
    /// Numbers that are further apart than 32 bits can say.
    Wide(Vec<u64>),
}

impl Default for Marks {
    fn default() -> Marks {
        Marks::Narrow {
            base: MATCHED,
            offsets: Vec::new(),
        }
    }
}

impl Marks {
    /// The marks of rows, in their order.
    pub(super) fn new(marks: impl Iterator<Item = u64> + Clone) -> Marks {
        let numbers = marks.clone().filter(|mark| *mark != MATCHED);
        let base = numbers.min().map_or(MATCHED, |least| least - 1);
        let narrow = |mark: u64| match mark {
            MATCHED => Some(0),
            number => u32::try_from(number - base).ok(),
        };
        let offsets: Option<Vec<u32>> = marks.clone().map(narrow).collect();
        match offsets {
            Some(mut offsets) => {
                offsets.shrink_to_fit();
                Marks::Narrow { base, offsets }
            }
            None => Marks::Wide(marks.collect()),
        }
    }

    /// The mark of a row, if rows have marks.
    pub(super) fn get(&self, row: usize) -> Option<u64> {
        match self {
            Marks::Narrow { base, offsets } => {
                offsets.get(row).map(|offset| widened(*base, *offset))
            }
            Marks::Wide(numbers) => numbers.get(row).copied(),
        }
    }

    /// Notes that a row has found a partner: the mark it had, if rows have marks.
    pub(super) fn note(&mut self, row: usize) -> Option<u64> {
        match self {
            Marks::Narrow { base, offsets } => {
                let offset = std::mem::replace(offsets.get_mut(row)?, 0);
                Some(widened(*base, offset))
            }
            Marks::Wide(numbers) => Some(std::mem::replace(numbers.get_mut(row)?, MATCHED)),
        }
    }

    /// How many rows have marks: all or none.
    pub(super) fn len(&self) -> usize {
        match self {
            Marks::Narrow { offsets, .. } => offsets.len(),
            Marks::Wide(numbers) => numbers.len(),
        }
    }

    /// All marks, in the order of the rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + Clone {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Marks::Narrow { offsets, .. } => offsets.capacity() * size_of::<u32>(),
            Marks::Wide(numbers) => numbers.capacity() * size_of::<u64>(),
        }
    }
}

fn widened(base: u64, offset: u32) -> u64 {
    if offset == 0 {
        MATCHED
    } else {
        base + u64::from(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_what_was_put_in_however_far_apart_they_are() {
        let near = 1 << 40;
        let just = near + u64::from(u32::MAX) - 1;
        for (numbers, bytes) in [
            (vec![], 0),
            (vec![MATCHED, MATCHED], 8),
            (vec![1, MATCHED, 7], 12),
            (vec![near, just], 8),
            (vec![near, MATCHED, just + 1], 24),
        ] {
            let mut marks = Marks::new(numbers.iter().copied());
            assert_eq!(marks.iter().collect::<Vec<u64>>(), numbers);
            assert_eq!(marks.memory_bytes(), bytes);
            for (row, number) in numbers.iter().enumerate() {
                assert_eq!(marks.note(row), Some(*number));
                assert_eq!(marks.get(row), Some(MATCHED));
            }
            assert_eq!(marks.note(numbers.len()), None);
        }
    }
}
