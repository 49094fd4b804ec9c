//! Window functions over a whole result: rows are sorted by partition and order, each function gives a column in that order.
//!
//! Calls with the same partition and order share a sort. The frame of a row is a range of sorted rows. Positions and neighbours are read off
//! it; an aggregate is folded over it: once for all rows where the frame is the partition, row after row where it only grows, and
//! anew for each row where its beginning moves (which costs the rows times the length of a frame).

mod compute;
mod counter;
mod frame;
#[cfg(test)]
mod tests;

use super::blocking::{Blocking, taken};
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::normalize_floats;
use crate::plan::SortKey;
use crate::plan::over::{WindowCall, WindowComputation};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, concat_batches};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::{RowConverter, Rows, SortField};
use std::ops::Range;

/// Appends a column for each call.
#[derive(Debug)]
pub(super) struct Window {
    /// Over the columns of the input.
    pub(super) calls: Vec<WindowCall>,
    pub(super) input: SchemaRef,
    pub(super) output: SchemaRef,
}

/// Rows in the order of a window.
#[derive(Debug)]
struct Sorted {
    rows: RecordBatch,
    /// The rows of each partition.
    partitions: Vec<Range<usize>>,
    /// The keys of the order, comparable as bytes.
    keys: Rows,
    /// What made them.
    converter: RowConverter,
}

impl Sorted {
    /// Sorts rows by the partition and order of a call.
    fn new(rows: &RecordBatch, call: &WindowCall, context: &BatchContext) -> Result<Sorted> {
        let plain: Vec<SortKey> = call
            .partition_by
            .iter()
            .map(|expr| SortKey {
                expr: expr.clone(),
                is_descending: false,
                nulls_first: true,
            })
            .collect();
        let (_, partitions) = encoded(rows, &plain, context)?;
        let (converter, keys) = encoded(rows, &call.order_by, context)?;
        let count = u32::try_from(rows.num_rows())
            .map_err(|_| Error::invalid("a window function sees at most 2^32 rows"))?;
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_by(|left, right| {
            let (left, right) = (*left as usize, *right as usize);
            let by_partition = partitions.row(left).cmp(&partitions.row(right));
            by_partition.then_with(|| keys.row(left).cmp(&keys.row(right)))
        });
        let same = |left: &u32, right: &u32| {
            partitions.row(*left as usize) == partitions.row(*right as usize)
        };
        let mut start = 0;
        let ranges = order
            .chunk_by(same)
            .map(|chunk| {
                let range = start..start + chunk.len();
                start = range.end;
                range
            })
            .collect();
        let sorted = taken(rows, &UInt32Array::from(order))?;
        let (converter, keys) = {
            drop((converter, keys));
            encoded(&sorted, &call.order_by, context)?
        };
        Ok(Sorted {
            rows: sorted,
            partitions: ranges,
            keys,
            converter,
        })
    }

    /// The rows of each set of equal rows of a partition.
    fn peers(&self, partition: &Range<usize>) -> Vec<Range<usize>> {
        let mut peers = vec![];
        let mut start = partition.start;
        for row in partition.clone().skip(1) {
            if self.keys.row(row) != self.keys.row(row - 1) {
                peers.push(start..row);
                start = row;
            }
        }
        peers.push(start..partition.end);
        peers
    }
}

/// Keys as bytes that compare as the keys do; without keys all rows are equal.
fn encoded(
    rows: &RecordBatch,
    keys: &[SortKey],
    context: &BatchContext,
) -> Result<(RowConverter, Rows)> {
    if keys.is_empty() {
        let field = SortField::new(arrow::datatypes::DataType::Null);
        let converter = RowConverter::new(vec![field])?;
        let nulls =
            arrow::array::new_null_array(&arrow::datatypes::DataType::Null, rows.num_rows());
        let rows = converter.convert_columns(&[nulls])?;
        return Ok((converter, rows));
    }
    let fields = keys.iter().map(|key| {
        let options = SortOptions {
            descending: key.is_descending,
            nulls_first: key.nulls_first,
        };
        SortField::new_with_options(key.expr.data_type.clone(), options)
    });
    let converter = RowConverter::new(fields.collect())?;
    let columns = keys
        .iter()
        .map(|key| key_column(&key.expr, rows, context))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let encoded = converter.convert_columns(&columns)?;
    Ok((converter, encoded))
}

/// The values of a key, floats in the form in which they are compared.
fn key_column(expr: &Expr, rows: &RecordBatch, context: &BatchContext) -> Result<ArrayRef> {
    Ok(normalize_floats(&expr.evaluate_array(rows, context)?))
}

/// Whether both calls want the rows in the same order.
fn same_window(left: &WindowCall, right: &WindowCall) -> bool {
    left.partition_by.len() == right.partition_by.len()
        && left.order_by.len() == right.order_by.len()
        && left
            .partition_by
            .iter()
            .zip(&right.partition_by)
            .all(|(left, right)| left.same_as(right))
        && left
            .order_by
            .iter()
            .zip(&right.order_by)
            .all(|(left, right)| {
                left.expr.same_as(&right.expr)
                    && left.is_descending == right.is_descending
                    && left.nulls_first == right.nulls_first
            })
}

impl Blocking for Window {
    fn run(
        &self,
        sides: Vec<Vec<RecordBatch>>,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let mut rows = concat_batches(&self.input, sides.iter().flatten())?;
        let width = self.input.fields().len();
        let mut done: Vec<bool> = vec![false; self.calls.len()];
        // Columns of calls, in the order of the rows as they are now.
        let mut results: Vec<(usize, ArrayRef)> = vec![];
        while let Some(first) = done.iter().position(|done| !done) {
            let Some(leader) = self.calls.get(first) else {
                break;
            };
            let sorted = Sorted::new(&with_results(&rows, &results)?, leader, context)?;
            results = results
                .iter()
                .enumerate()
                .map(|(place, (call, _))| (*call, sorted.rows.column(width + place).clone()))
                .collect();
            for (number, (call, done)) in self.calls.iter().zip(&mut done).enumerate() {
                if *done || !same_window(leader, call) {
                    continue;
                }
                let column = match &call.function {
                    WindowComputation::Window {
                        kind,
                        ignores_nulls,
                    } => compute::window(&sorted, call, *kind, *ignores_nulls, context),
                    WindowComputation::Aggregate(function) => {
                        compute::aggregate(&sorted, call, function.as_ref(), context)
                    }
                };
                results.push((number, column.map_err(|error| error.with_span(call.span))?));
                *done = true;
            }
            rows = sorted.rows.project(&(0..width).collect::<Vec<_>>())?;
        }
        results.sort_by_key(|(call, _)| *call);
        let columns = rows
            .columns()
            .iter()
            .cloned()
            .chain(results.into_iter().map(|(_, column)| column))
            .collect();
        // Nobody may want any of the columns, but all want the rows.
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(self.output.clone(), columns, &options)?;
        Ok(vec![batch])
    }
}

/// The rows with these columns behind them.
fn with_results(rows: &RecordBatch, results: &[(usize, ArrayRef)]) -> Result<RecordBatch> {
    let mut fields: Vec<arrow::datatypes::FieldRef> =
        rows.schema().fields().iter().cloned().collect();
    let mut columns = rows.columns().to_vec();
    for (number, column) in results {
        let name = format!("window{number}");
        fields.push(arrow::datatypes::Field::new(name, column.data_type().clone(), true).into());
        columns.push(column.clone());
    }
    let schema = arrow::datatypes::Schema::new(fields).into();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}
