//! `AND`, `OR`, `CASE` and `coalesce`: they look at a row only where Spark does.
//!
//! If no part can fail, every part runs on all rows and the results are combined. Else each part runs on a batch of just
//! the rows that need it, and the results are put back into place: `picks[row]` says from which part's result, and from
//! which row of it, the value comes.

use super::lambda::unnamed_batch;
use super::{Input, Value};
use crate::error::Result;
use crate::expr::Expr;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, NullArray, UInt32Array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{FilterBuilder, and_kleene, interleave, is_not_null, or_kleene, take};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Three-valued `AND` (`absorbing` is false) or `OR` (`absorbing` is true): where the left side is `absorbing`, so is the
/// result, and the right side is not looked at.
pub(super) fn connective(
    left: &Expr,
    right: &Expr,
    absorbing: bool,
    input: Input<'_>,
) -> Result<Value> {
    let Input { batch, context } = input;
    let rows = batch.num_rows();
    let combine = if absorbing { or_kleene } else { and_kleene };
    let left_value = left.evaluate(batch, context)?;
    if left_value.is_scalar() {
        let constant = left_value.array().as_boolean();
        if constant.is_valid(0) && constant.value(0) == absorbing {
            return Ok(left_value);
        }
        let right_value = right.evaluate(batch, context)?;
        if constant.is_valid(0) {
            return Ok(right_value);
        }
        let nulls = BooleanArray::new_null(right_value.array().len());
        let combined = combine(&nulls, right_value.array().as_boolean())?;
        return Ok(right_value.with_array(Arc::new(combined)));
    }
    let left_array = left_value.array().as_boolean();
    let undecided = undecided_rows(left_array, absorbing);
    let open = undecided.count_set_bits();
    if open == 0 {
        return Ok(left_value);
    }
    let right_array = if open == rows || !right.can_fail() {
        right.evaluate_array(batch, context)?
    } else {
        let mask = BooleanArray::new(undecided, None);
        let some = rows_of(batch, &mask, &[right])?;
        // Rows without a value are decided by the left side.
        put_back(&right.evaluate_array(&some, context)?, &mask)?
    };
    let combined = combine(left_array, right_array.as_boolean())?;
    Ok(Value::Array(Arc::new(combined)))
}

/// The rows where the value is null or not `absorbing`.
fn undecided_rows(values: &BooleanArray, absorbing: bool) -> BooleanBuffer {
    let decided = if absorbing {
        values.values().clone()
    } else {
        !values.values()
    };
    match values.nulls() {
        None => !&decided,
        Some(valid) => !&(&decided & valid.inner()),
    }
}

/// The value of the first branch whose condition is true.
pub(super) fn case(
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
    data_type: &DataType,
    input: Input<'_>,
) -> Result<Value> {
    let can_fail = branches
        .iter()
        .any(|(when, then)| when.can_fail() || then.can_fail())
        || otherwise.is_some_and(Expr::can_fail);
    if *data_type == DataType::Null || can_fail {
        return case_by_rows(branches, otherwise, data_type, input);
    }
    let Input { batch, context } = input;
    let mut result = match otherwise {
        Some(expr) => expr.evaluate(batch, context)?,
        None => Value::Scalar(new_null_array(data_type, 1)),
    };
    for (when, then) in branches.iter().rev() {
        let condition = when.evaluate_predicate(batch, context)?;
        let value = then.evaluate(batch, context)?;
        result = Value::Array(zip(&condition, &value, &result)?);
    }
    Ok(result)
}

fn case_by_rows(
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
    data_type: &DataType,
    input: Input<'_>,
) -> Result<Value> {
    let rest_of = |from: usize| -> Vec<&Expr> {
        let rest = branches.iter().skip(from);
        rest.flat_map(|(when, then)| [when, then])
            .chain(otherwise)
            .collect()
    };
    let mut pieces = Pieces::new(data_type, input.batch);
    for (index, (when, then)) in branches.iter().enumerate() {
        if pieces.is_complete() {
            break;
        }
        let condition = when.evaluate_predicate(&pieces.open, input.context)?;
        let taken = is_true(&condition);
        if taken.true_count() == 0 {
            continue;
        }
        let some = rows_of(&pieces.open, &taken, &[then])?;
        let value = then.evaluate(&some, input.context)?;
        pieces.settle(value, &taken, &rest_of(index + 1))?;
    }
    if let Some(otherwise) = otherwise
        && !pieces.is_complete()
    {
        let value = otherwise.evaluate(&pieces.open, input.context)?;
        let all = BooleanArray::new(BooleanBuffer::new_set(pieces.open.num_rows()), None);
        pieces.settle(value, &all, &[])?;
    }
    pieces.finish()
}

/// The first value that is not null.
pub(super) fn coalesce(options: &[Expr], data_type: &DataType, input: Input<'_>) -> Result<Value> {
    let Input { batch, context } = input;
    if options.iter().skip(1).any(Expr::can_fail) {
        return coalesce_by_rows(options, data_type, input);
    }
    let mut result = Value::Scalar(new_null_array(data_type, 1));
    for option in options {
        if result.is_null_constant() {
            result = option.evaluate(batch, context)?;
        } else if result.array().logical_null_count() > 0 {
            let mask = is_not_null(result.array())?;
            let value = option.evaluate(batch, context)?;
            result = Value::Array(zip(&mask, &result, &value)?);
        }
    }
    Ok(result)
}

fn coalesce_by_rows(options: &[Expr], data_type: &DataType, input: Input<'_>) -> Result<Value> {
    let mut pieces = Pieces::new(data_type, input.batch);
    for (index, option) in options.iter().enumerate() {
        if pieces.is_complete() {
            break;
        }
        let array = option.evaluate_array(&pieces.open, input.context)?;
        let taken = is_not_null(&array)?;
        let rest: Vec<&Expr> = options.iter().skip(index + 1).collect();
        let found = arrow::compute::filter(&array, &taken)?;
        pieces.settle(Value::Array(found), &taken, &rest)?;
    }
    pieces.finish()
}

/// A result that is put together from the values of several parts, each for other rows.
struct Pieces {
    /// The values of each part, after one null for rows that no part gives.
    values: Vec<ArrayRef>,
    /// For each row, the part and the row in it.
    picks: Vec<(usize, usize)>,
    /// Which rows of the whole the rows of `open` are.
    open_rows: Vec<usize>,
    /// The rows without a value so far.
    open: RecordBatch,
}

impl Pieces {
    fn new(data_type: &DataType, batch: &RecordBatch) -> Pieces {
        Pieces {
            values: vec![new_null_array(data_type, 1)],
            picks: vec![(0, 0); batch.num_rows()],
            open_rows: (0..batch.num_rows()).collect(),
            open: batch.clone(),
        }
    }

    fn is_complete(&self) -> bool {
        self.open_rows.is_empty()
    }

    /// Gives the open rows that are `taken` these values, one each (or one for all), and keeps the others open for the
    /// expressions that follow.
    fn settle(&mut self, value: Value, taken: &BooleanArray, rest: &[&Expr]) -> Result<()> {
        let part = self.values.len();
        let mut next = 0;
        let mut still_open = Vec::with_capacity(self.open_rows.len() - taken.true_count());
        for (&row, is_taken) in self.open_rows.iter().zip(taken.values()) {
            if !is_taken {
                still_open.push(row);
            } else if let Some(pick) = self.picks.get_mut(row) {
                *pick = (part, value.index(next));
                next += 1;
            }
        }
        self.values.push(match value {
            Value::Array(array) | Value::Scalar(array) => array,
        });
        if !still_open.is_empty() && !rest.is_empty() {
            let others = BooleanArray::new(!taken.values(), None);
            self.open = rows_of(&self.open, &others, rest)?;
        }
        self.open_rows = still_open;
        Ok(())
    }

    fn finish(self) -> Result<Value> {
        let values: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        if let [only] = values.as_slice() {
            return Ok(Value::Scalar(only.slice(0, 1)));
        }
        if values
            .iter()
            .all(|array| *array.data_type() == DataType::Null)
        {
            return Ok(Value::Array(new_null_array(
                &DataType::Null,
                self.picks.len(),
            )));
        }
        Ok(Value::Array(interleave(&values, &self.picks)?))
    }
}

/// True where the value is true, false where it is false or null.
fn is_true(values: &BooleanArray) -> BooleanArray {
    match values.nulls() {
        None => values.clone(),
        Some(valid) => BooleanArray::new(values.values() & valid.inner(), None),
    }
}

/// The rows of `batch` where `mask` is true. Columns that `readers` do not read become nulls: they only hold their place.
fn rows_of(batch: &RecordBatch, mask: &BooleanArray, readers: &[&Expr]) -> Result<RecordBatch> {
    let mut read = BTreeSet::new();
    for reader in readers {
        reader.columns_read(&mut read);
    }
    let mut filter = FilterBuilder::new(mask);
    if read.len() > 1 {
        filter = filter.optimize();
    }
    let filter = filter.build();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (index, column) in batch.columns().iter().enumerate() {
        columns.push(if read.contains(&index) {
            filter.filter(column)?
        } else {
            Arc::new(NullArray::new(filter.count()))
        });
    }
    unnamed_batch(columns, filter.count())
}

/// The opposite of filtering: value `i` goes to the `i`-th row where `mask` is true; the other rows are null.
fn put_back(values: &ArrayRef, mask: &BooleanArray) -> Result<ArrayRef> {
    let mut next = 0;
    let indices: UInt32Array = mask
        .values()
        .iter()
        .map(|is_set| {
            let index = is_set.then_some(next);
            next += u32::from(is_set);
            index
        })
        .collect();
    Ok(take(values, &indices, None)?)
}
