//! The loop behind binary operators: one pass without branches, and a second look only if something failed.
//!
//! The operator gives a value and whether it failed, also for rows that are null (their values are arbitrary). Only if the
//! flags say that something failed somewhere are the rows looked at one by one: a failure in a null row does not count.

use crate::error::{Error, Result};
use crate::expr::Value;
use arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};

/// A result, and whether it is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<T> {
    /// The result; anything if it failed.
    pub(crate) value: T,
    /// Whether there is no result.
    pub(crate) failed: bool,
}

impl<T: Default> Checked<T> {
    /// A result that may be missing.
    pub(crate) fn of(value: Option<T>) -> Checked<T> {
        Checked {
            failed: value.is_none(),
            value: value.unwrap_or_default(),
        }
    }
}

impl<T> From<(T, bool)> for Checked<T> {
    fn from((value, failed): (T, bool)) -> Checked<T> {
        Checked { value, failed }
    }
}

/// Applies `operator` to every row. Where it fails, the row is null if `is_try`, else `failure` says why. One row comes out if
/// both sides are constants.
pub(crate) fn binary<L, R, O>(
    (left, right): (&Value, &Value),
    is_try: bool,
    operator: impl Fn(L::Native, R::Native) -> Checked<O::Native>,
    failure: impl Fn(L::Native, R::Native) -> Error,
) -> Result<PrimitiveArray<O>>
where
    L: ArrowPrimitiveType,
    R: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let left_array = left.array().as_primitive::<L>();
    let right_array = right.array().as_primitive::<R>();
    let (lefts, rights) = (left_array.values(), right_array.values());
    let nulls = NullBuffer::union(nulls_of(left), nulls_of(right));
    let mut any_failed = false;
    let mut apply = |left, right| {
        let result = operator(left, right);
        any_failed |= result.failed;
        result.value
    };
    let constant = |value: &Value| value.is_scalar() && value.array().len() == 1;
    let values: Vec<O::Native> = match (constant(left), constant(right)) {
        (false, true) => match rights.first() {
            Some(right) => lefts.iter().map(|left| apply(*left, *right)).collect(),
            None => Vec::new(),
        },
        (true, false) => match lefts.first() {
            Some(left) => rights.iter().map(|right| apply(*left, *right)).collect(),
            None => Vec::new(),
        },
        _ => lefts
            .iter()
            .zip(rights.iter())
            .map(|(left, right)| apply(*left, *right))
            .collect(),
    };
    let failed_at = |row: usize| {
        let sides = lefts.get(left.index(row)).zip(rights.get(right.index(row)));
        sides.filter(|(left, right)| operator(**left, **right).failed)
    };
    let nulls = if any_failed {
        settle_failures(values.len(), nulls, is_try, |row| {
            failed_at(row).map(|(left, right)| failure(*left, *right))
        })?
    } else {
        nulls
    };
    Ok(PrimitiveArray::new(values.into(), nulls))
}

/// The nulls of a column. A constant null was sorted out before.
fn nulls_of(value: &Value) -> Option<&NullBuffer> {
    match value {
        Value::Array(array) => array.nulls(),
        Value::Scalar(_) => None,
    }
}

/// Finds the rows that failed and are not null: the first is the error, or all become null.
fn settle_failures(
    rows: usize,
    nulls: Option<NullBuffer>,
    is_try: bool,
    failure_at: impl Fn(usize) -> Option<Error>,
) -> Result<Option<NullBuffer>> {
    let is_valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    if is_try {
        let valid =
            BooleanBuffer::collect_bool(rows, |row| is_valid(row) && failure_at(row).is_none());
        return Ok(Some(NullBuffer::new(valid)));
    }
    let mut valid_rows = (0..rows).filter(|row| is_valid(*row));
    match valid_rows.find_map(failure_at) {
        Some(error) => Err(error),
        None => Ok(nulls),
    }
}
