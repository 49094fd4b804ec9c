//! Which sorted rows a row sees.

use super::{Sorted, key_column};
use crate::batch::BatchContext;
use crate::error::Result;
use crate::expr::Expr;
use crate::plan::SortKey;
use crate::plan::over::{Bound, RowFrame};
use arrow::array::Array;
use arrow::row::Rows;
use std::ops::Range;

/// The frame of each row, as a range of sorted rows.
pub(super) fn frames(
    sorted: &Sorted,
    frame: &RowFrame,
    order_by: &[SortKey],
    context: &BatchContext,
) -> Result<Vec<Range<usize>>> {
    let mut frames = Vec::with_capacity(sorted.rows.num_rows());
    match frame {
        RowFrame::Rows(start, end) => {
            for partition in &sorted.partitions {
                for row in partition.clone() {
                    let first = by_rows(start, row, partition, 0);
                    let last = by_rows(end, row, partition, 1);
                    frames.push(first..last.max(first));
                }
            }
        }
        RowFrame::Range(start, end) => {
            let (start, end) = (
                Edge::new(sorted, start, order_by, context)?,
                Edge::new(sorted, end, order_by, context)?,
            );
            for partition in &sorted.partitions {
                for peers in sorted.peers(partition) {
                    for row in peers.clone() {
                        let first = start.first(sorted, row, partition, &peers);
                        let last = end.end(sorted, row, partition, &peers);
                        frames.push(first..last.max(first));
                    }
                }
            }
        }
    }
    Ok(frames)
}

/// A bound in rows; `past` is 1 for the end of a range, which is exclusive.
fn by_rows(bound: &Bound<i64>, row: usize, partition: &Range<usize>, past: i64) -> usize {
    let offset = match bound {
        Bound::First => return partition.start,
        Bound::Last => return partition.end,
        Bound::Current => 0,
        Bound::Offset(offset) => *offset,
    };
    let row = i64::try_from(row).unwrap_or(i64::MAX);
    let place = row.saturating_add(offset).saturating_add(past);
    let place = usize::try_from(place).unwrap_or(0);
    place.clamp(partition.start, partition.end)
}

/// A bound by value: the key there for each row, where it is an offset.
enum Edge {
    First,
    Current,
    /// The keys at the bound, and whether each row has one (its own key is not null).
    At(Rows, Vec<bool>),
    Last,
}

impl Edge {
    fn new(
        sorted: &Sorted,
        bound: &Bound<Expr>,
        order_by: &[SortKey],
        context: &BatchContext,
    ) -> Result<Edge> {
        Ok(match bound {
            Bound::First => Edge::First,
            Bound::Current => Edge::Current,
            Bound::Last => Edge::Last,
            Bound::Offset(expr) => {
                let bounds = key_column(expr, &sorted.rows, context)?;
                let own = match order_by.first() {
                    Some(key) => key.expr.evaluate_array(&sorted.rows, context)?,
                    None => bounds.clone(),
                };
                let has_key = (0..own.len()).map(|row| own.is_valid(row)).collect();
                Edge::At(sorted.converter.convert_columns(&[bounds])?, has_key)
            }
        })
    }

    /// The first row of the frame.
    fn first(
        &self,
        sorted: &Sorted,
        row: usize,
        partition: &Range<usize>,
        peers: &Range<usize>,
    ) -> usize {
        match self {
            Edge::First => partition.start,
            Edge::Current => peers.start,
            Edge::Last => partition.end,
            Edge::At(bounds, has_key) => {
                if !has_key.get(row).copied().unwrap_or_default() {
                    return peers.start;
                }
                let bound = bounds.row(row);
                partition_point(partition, |other| sorted.keys.row(other) < bound)
            }
        }
    }

    /// One past the last row of the frame.
    fn end(
        &self,
        sorted: &Sorted,
        row: usize,
        partition: &Range<usize>,
        peers: &Range<usize>,
    ) -> usize {
        match self {
            Edge::First => partition.start,
            Edge::Current => peers.end,
            Edge::Last => partition.end,
            Edge::At(bounds, has_key) => {
                if !has_key.get(row).copied().unwrap_or_default() {
                    return peers.end;
                }
                let bound = bounds.row(row);
                partition_point(partition, |other| sorted.keys.row(other) <= bound)
            }
        }
    }
}

/// The first row of the partition for which `is_before` is false; it is true for all rows before that.
fn partition_point(partition: &Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (partition.start, partition.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
