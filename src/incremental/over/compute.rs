//! What window functions and aggregates give for sorted rows.

use super::Sorted;
use super::frame::frames;
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::function::over::{WindowKind, neighbour_offset};
use crate::function::signature::constant_long;
use crate::function::{Accumulator, AggregateFunction};
use crate::plan::over::{Bound, RowFrame, WindowCall};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, UInt32Array, new_empty_array,
};
use arrow::compute::{concat, interleave, take};
use arrow::datatypes::DataType;
use std::ops::Range;
use std::sync::Arc;

/// A window function.
pub(super) fn window(
    sorted: &Sorted,
    call: &WindowCall,
    kind: WindowKind,
    ignores_nulls: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    match kind {
        WindowKind::RowNumber => Ok(integers(positions(sorted, |partition, _, row| {
            row - partition.start + 1
        }))),
        WindowKind::Rank => Ok(integers(positions(sorted, |partition, peers, _| {
            peers.start - partition.start + 1
        }))),
        WindowKind::DenseRank => Ok(integers(dense_ranks(sorted))),
        WindowKind::PercentRank => Ok(shares(sorted, |partition, peers| {
            (peers.start - partition.start, partition.len() - 1)
        })),
        WindowKind::CumeDist => Ok(shares(sorted, |partition, peers| {
            (peers.end - partition.start, partition.len())
        })),
        WindowKind::Ntile => ntile(sorted, call),
        WindowKind::Lag | WindowKind::Lead => {
            let offset = neighbour_offset(kind, &call.arguments)?;
            neighbour(sorted, call, offset, ignores_nulls, context)
        }
        WindowKind::NthValue => nth_value(sorted, call, ignores_nulls, context),
        WindowKind::CounterDiff => super::counter::differences(sorted, call, context),
    }
}

/// A number for each row, given its partition and its peers.
fn positions(
    sorted: &Sorted,
    number: impl Fn(&Range<usize>, &Range<usize>, usize) -> usize,
) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(sorted.rows.num_rows());
    for partition in &sorted.partitions {
        for peers in sorted.peers(partition) {
            numbers.extend(peers.clone().map(|row| number(partition, &peers, row)));
        }
    }
    numbers
}

fn dense_ranks(sorted: &Sorted) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.rows.num_rows());
    for partition in &sorted.partitions {
        for (rank, peers) in (1..).zip(sorted.peers(partition)) {
            ranks.extend(std::iter::repeat_n(rank, peers.len()));
        }
    }
    ranks
}

fn integers(numbers: Vec<usize>) -> ArrayRef {
    let numbers = numbers.into_iter();
    Arc::new(Int32Array::from_iter_values(
        numbers.map(|number| i32::try_from(number).unwrap_or(i32::MAX)),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn shares(
    sorted: &Sorted,
    share: impl Fn(&Range<usize>, &Range<usize>) -> (usize, usize),
) -> ArrayRef {
    let mut shares = Vec::with_capacity(sorted.rows.num_rows());
    for partition in &sorted.partitions {
        for peers in sorted.peers(partition) {
            let (part, whole) = share(partition, &peers);
            let value = if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            };
            shares.extend(std::iter::repeat_n(value, peers.len()));
        }
    }
    Arc::new(Float64Array::from(shares))
}

/// The first buckets have one row more than the others.
fn ntile(sorted: &Sorted, call: &WindowCall) -> Result<ArrayRef> {
    let buckets = if call.arguments.is_empty() {
        1
    } else {
        constant_long("ntile", &call.arguments, 0)?.unwrap_or(1)
    };
    let buckets = usize::try_from(buckets).unwrap_or(1).max(1);
    Ok(integers(positions(sorted, |partition, _, row| {
        let (size, larger) = (partition.len() / buckets, partition.len() % buckets);
        let place = row - partition.start;
        let in_larger = larger * (size + 1);
        if place < in_larger {
            place / (size + 1) + 1
        } else {
            (place - in_larger) / size.max(1) + larger + 1
        }
    })))
}

/// The value of argument 0 `offset` rows after each row, or of argument 2 of the row itself.
fn neighbour(
    sorted: &Sorted,
    call: &WindowCall,
    offset: i64,
    ignores_nulls: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let values = argument(sorted, call, 0, context)?;
    let default = match call.arguments.get(2) {
        Some(_) => argument(sorted, call, 2, context)?,
        None => arrow::array::new_null_array(values.data_type(), values.len()),
    };
    let mut sources: Vec<(usize, usize)> = Vec::with_capacity(values.len());
    for partition in &sorted.partitions {
        for row in partition.clone() {
            let found = if ignores_nulls && offset != 0 {
                nth_valid(&values, partition, row, offset)
            } else {
                let place = i64::try_from(row)
                    .unwrap_or(i64::MAX)
                    .saturating_add(offset);
                usize::try_from(place)
                    .ok()
                    .filter(|place| partition.contains(place))
            };
            sources.push(found.map_or((1, row), |place| (0, place)));
        }
    }
    Ok(interleave(&[values.as_ref(), default.as_ref()], &sources)?)
}

/// The row whose value is the `offset`-th that is not null, after or (below 0) before `row`.
fn nth_valid(
    values: &ArrayRef,
    partition: &Range<usize>,
    row: usize,
    offset: i64,
) -> Option<usize> {
    let skipped = usize::try_from(offset.unsigned_abs())
        .ok()?
        .checked_sub(1)?;
    let is_valid = |place: &usize| values.is_valid(*place);
    if offset > 0 {
        (row + 1..partition.end).filter(is_valid).nth(skipped)
    } else {
        (partition.start..row).rev().filter(is_valid).nth(skipped)
    }
}

fn nth_value(
    sorted: &Sorted,
    call: &WindowCall,
    ignores_nulls: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let values = argument(sorted, call, 0, context)?;
    let number = constant_long("nth_value", &call.arguments, 1)?.unwrap_or(1);
    let skipped = usize::try_from(number - 1).unwrap_or(usize::MAX);
    let frames = frames(sorted, &call.frame, &call.order_by, context)?;
    let places: UInt32Array = frames
        .into_iter()
        .map(|mut frame| {
            let place = if ignores_nulls {
                frame.filter(|row| values.is_valid(*row)).nth(skipped)
            } else {
                frame.nth(skipped)
            };
            place.and_then(|place| u32::try_from(place).ok())
        })
        .collect();
    Ok(take(&values, &places, None)?)
}

/// Argument number `index`, for the sorted rows.
pub(super) fn argument(
    sorted: &Sorted,
    call: &WindowCall,
    index: usize,
    context: &BatchContext,
) -> Result<ArrayRef> {
    call.arguments
        .get(index)
        .ok_or_else(|| Error::internal("a window function lacks an argument"))?
        .evaluate_array(&sorted.rows, context)
}

/// An aggregate over the frames.
pub(super) fn aggregate(
    sorted: &Sorted,
    call: &WindowCall,
    function: &dyn AggregateFunction,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let columns = call
        .arguments
        .iter()
        .map(|argument| argument.evaluate_array(&sorted.rows, context))
        .collect::<Result<Vec<_>>>()?;
    let filter = call
        .filter
        .as_ref()
        .map(|filter| filter.evaluate_predicate(&sorted.rows, context))
        .transpose()?;
    let folding = Folding {
        columns,
        filter,
        accumulator: function.accumulator(&call.arguments, &call.signature)?,
    };
    match &call.frame {
        RowFrame::Rows(Bound::First, Bound::Last) | RowFrame::Range(Bound::First, Bound::Last) => {
            folding.by_partition(sorted)
        }
        frame => {
            let frames = frames(sorted, frame, &call.order_by, context)?;
            let grows = matches!(
                frame,
                RowFrame::Rows(Bound::First, _) | RowFrame::Range(Bound::First, _)
            );
            folding.by_frame(&frames, grows, &call.signature.returns)
        }
    }
}

/// An aggregate at work.
struct Folding {
    columns: Vec<ArrayRef>,
    filter: Option<BooleanArray>,
    accumulator: Box<dyn Accumulator>,
}

impl Folding {
    /// One result a partition, given to each of its rows.
    fn by_partition(mut self, sorted: &Sorted) -> Result<ArrayRef> {
        let count = u32::try_from(sorted.partitions.len()).unwrap_or(u32::MAX);
        let groups: Vec<u32> = (0..count)
            .zip(&sorted.partitions)
            .flat_map(|(group, partition)| std::iter::repeat_n(group, partition.len()))
            .collect();
        self.accumulator.resize(sorted.partitions.len());
        self.accumulator
            .update(&self.columns, &groups, self.filter.as_ref())?;
        let all: Vec<u32> = (0..count).collect();
        let results = self.accumulator.finish(&all)?;
        Ok(take(&results, &UInt32Array::from(groups), None)?)
    }

    /// One result a frame; equal frames in a row share it. With `grows` frames of one beginning only get longer.
    fn by_frame(
        mut self,
        frames: &[Range<usize>],
        grows: bool,
        returns: &DataType,
    ) -> Result<ArrayRef> {
        self.accumulator.resize(1);
        let mut results: Vec<ArrayRef> = Vec::new();
        let mut places: Vec<u32> = Vec::with_capacity(frames.len());
        let mut last: Option<&Range<usize>> = None;
        for frame in frames {
            if last != Some(frame) {
                let from = match last {
                    Some(last) if grows && last.start == frame.start && last.end <= frame.end => {
                        last.end
                    }
                    _ => {
                        self.accumulator.clear(&[0]);
                        frame.start
                    }
                };
                self.fold(from..frame.end)?;
                results.push(self.accumulator.finish(&[0])?);
                last = Some(frame);
            }
            places.push(u32::try_from(results.len() - 1).unwrap_or(u32::MAX));
        }
        if results.is_empty() {
            return Ok(new_empty_array(returns));
        }
        let results: Vec<&dyn Array> = results.iter().map(AsRef::as_ref).collect();
        Ok(take(&concat(&results)?, &UInt32Array::from(places), None)?)
    }

    fn fold(&mut self, rows: Range<usize>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| column.slice(rows.start, rows.len()))
            .collect();
        let filter = self
            .filter
            .as_ref()
            .map(|filter| filter.slice(rows.start, rows.len()));
        self.accumulator
            .update(&columns, &vec![0; rows.len()], filter.as_ref())
    }
}
