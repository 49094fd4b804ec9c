//! A join of two streams in the plainest form: lists of rows, every row against every other, in the order in which Spark does it.

use super::{Pair, Row, WITHIN};
use crate::plan::JoinType;

struct Kept {
    row: Row,
    is_matched: bool,
}

pub(super) struct Reference {
    join_type: JoinType,
    /// Whether time bounds the join, or only the key joins.
    is_bounded: bool,
    sides: [Vec<Kept>; 2],
}

impl Reference {
    pub(super) fn new(join_type: JoinType, is_bounded: bool) -> Reference {
        Reference {
            join_type,
            is_bounded,
            sides: [Vec::new(), Vec::new()],
        }
    }

    fn matches(&self, left: Row, right: Row) -> bool {
        let in_time = match (left.1, right.1) {
            (Some(left), Some(right)) => left <= right && right <= left + WITHIN,
            _ => false,
        };
        let nulls_match = self.join_type == JoinType::FullOuter;
        let same_key = left.0 == right.0 && (left.0.is_some() || nulls_match);
        same_key && (in_time || !self.is_bounded)
    }

    fn preserves(&self, side: usize) -> bool {
        match self.join_type {
            JoinType::LeftOuter => side == 0,
            JoinType::RightOuter => side == 1,
            JoinType::FullOuter => true,
            _ => false,
        }
    }

    pub(super) fn run(&mut self, input: [&[Row]; 2], (late, eviction): (i64, i64)) -> Vec<Pair> {
        let mut out = Vec::new();
        for (side, rows) in input.into_iter().enumerate() {
            for row in rows {
                if row.1.is_none_or(|time| time > late) {
                    self.add(side, *row, &mut out);
                }
            }
        }
        for side in 0..2 {
            self.evict(side, eviction, &mut out);
        }
        out.sort_unstable();
        out
    }

    fn add(&mut self, side: usize, row: Row, out: &mut Vec<Pair>) {
        let mut others = std::mem::take(&mut self.sides[1 - side]);
        let mut is_matched = false;
        for other in &mut others {
            let (left, right) = if side == 0 {
                (row, other.row)
            } else {
                (other.row, row)
            };
            if !self.matches(left, right) {
                continue;
            }
            if self.join_type == JoinType::LeftSemi {
                let is_first = if side == 0 {
                    !is_matched
                } else {
                    !other.is_matched
                };
                out.extend(is_first.then_some((Some(left.2), None)));
            } else {
                out.push((Some(left.2), Some(right.2)));
            }
            is_matched = true;
            other.is_matched = true;
        }
        self.sides[1 - side] = others;
        self.sides[side].push(Kept { row, is_matched });
    }

    fn evict(&mut self, side: usize, watermark: i64, out: &mut Vec<Pair>) {
        if !self.is_bounded {
            return;
        }
        let least = if side == 0 {
            watermark - WITHIN
        } else {
            watermark
        };
        let preserves = self.preserves(side);
        self.sides[side].retain(|kept| {
            // An inclusive bound: a row of just that moment stays.
            let stays = kept.row.1.is_none_or(|time| time >= least);
            if !stays && preserves && !kept.is_matched {
                let value = Some(kept.row.2);
                out.push(if side == 0 {
                    (value, None)
                } else {
                    (None, value)
                });
            }
            stays
        });
    }
}
