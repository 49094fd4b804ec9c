//! The order of values: fast loops for flat types, a comparator for nested ones.

use crate::error::Result;
use crate::expr::Value;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, DynComparator, ListArray,
    PrimitiveArray, StructArray, make_comparator,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::SortOptions;
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use std::cmp::Ordering;
use std::sync::Arc;

/// What is asked about two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Compares columns of one type, row by row; null where a side is. Neither side is the constant null.
pub(super) fn compare(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    rows: usize,
) -> Result<BooleanArray> {
    match left.data_type() {
        DataType::Float32 => Ok(floats::<Float32Type>(comparison, left, right, rows)),
        DataType::Float64 => Ok(floats::<Float64Type>(comparison, left, right, rows)),
        DataType::Null => Ok(BooleanArray::new_null(rows)),
        data_type if data_type.is_nested() => nested(comparison, left, right, rows),
        _ => flat(comparison, left, right),
    }
}

fn flat(comparison: Comparison, left: &Value, right: &Value) -> Result<BooleanArray> {
    let result = match comparison {
        Comparison::Equal => cmp::eq(left, right),
        Comparison::NotEqual => cmp::neq(left, right),
        Comparison::Less => cmp::lt(left, right),
        Comparison::LessOrEqual => cmp::lt_eq(left, right),
        Comparison::Greater => cmp::gt(left, right),
        Comparison::GreaterOrEqual => cmp::gt_eq(left, right),
    };
    Ok(result?)
}

/// The nulls of a column; of a constant that is not null, none.
fn nulls_of(value: &Value) -> Option<NullBuffer> {
    match value {
        Value::Array(array) => array.logical_nulls(),
        Value::Scalar(_) => None,
    }
}

/// Floats: written out, because the kernels of arrow tell -0.0 from 0.0.
fn floats<T: ArrowPrimitiveType>(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    rows: usize,
) -> BooleanArray
where
    T::Native: PartialOrd,
{
    let values = match comparison {
        Comparison::Equal => collect::<T>(left, right, rows, equal),
        Comparison::NotEqual => collect::<T>(left, right, rows, |a, b| !equal(a, b)),
        Comparison::Less => collect::<T>(left, right, rows, less),
        Comparison::LessOrEqual => collect::<T>(left, right, rows, |a, b| !less(b, a)),
        Comparison::Greater => collect::<T>(left, right, rows, |a, b| less(b, a)),
        Comparison::GreaterOrEqual => collect::<T>(left, right, rows, |a, b| !less(a, b)),
    };
    BooleanArray::new(
        values,
        NullBuffer::union(nulls_of(left).as_ref(), nulls_of(right).as_ref()),
    )
}

#[expect(clippy::eq_op, reason = "a value that differs from itself is NaN")]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the compiler makes vectors of it"
)]
fn equal<N: PartialOrd + Copy>(left: N, right: N) -> bool {
    (left == right) | ((left != left) & (right != right))
}

/// NaN is the greatest.
#[expect(clippy::eq_op, reason = "a value that differs from itself is NaN")]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the compiler makes vectors of it"
)]
fn less<N: PartialOrd + Copy>(left: N, right: N) -> bool {
    (left < right) | ((left == left) & (right != right))
}

fn collect<T: ArrowPrimitiveType>(
    left: &Value,
    right: &Value,
    rows: usize,
    holds: impl Fn(T::Native, T::Native) -> bool,
) -> BooleanBuffer {
    let lefts = left.array().as_primitive::<T>().values();
    let rights = right.array().as_primitive::<T>().values();
    let at = |values: &[T::Native], value: &Value, row: usize| {
        values.get(value.index(row)).copied().unwrap_or_default()
    };
    match (left, right) {
        (Value::Array(_), Value::Scalar(_)) => {
            let right = at(rights, right, 0);
            BooleanBuffer::collect_bool(rows, |row| holds(at(lefts, left, row), right))
        }
        _ => BooleanBuffer::collect_bool(rows, |row| {
            holds(at(lefts, left, row), at(rights, right, row))
        }),
    }
}

fn nested(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    rows: usize,
) -> Result<BooleanArray> {
    let ordered = Ordered::new(left.array(), right.array())?;
    let values = BooleanBuffer::collect_bool(rows, |row| {
        comparison.holds(ordered.compare(left.index(row), right.index(row)))
    });
    Ok(BooleanArray::new(
        values,
        NullBuffer::union(nulls_of(left).as_ref(), nulls_of(right).as_ref()),
    ))
}

/// Whether both are equal, or both null.
pub(crate) fn is_equal_null_safe(left: &Value, right: &Value, rows: usize) -> Result<BooleanArray> {
    if *left.data_type() == DataType::Null {
        return Ok(BooleanArray::new(BooleanBuffer::new_set(rows), None));
    }
    let is_flat = !left.data_type().is_nested() && !crate::types::is_floating(left.data_type());
    if is_flat {
        return Ok(cmp::not_distinct(left, right)?);
    }
    let ordered = Ordered::new(left.array(), right.array())?;
    let values = BooleanBuffer::collect_bool(rows, |row| {
        ordered.compare(left.index(row), right.index(row)).is_eq()
    });
    Ok(BooleanArray::new(values, None))
}

/// Compares single values of two columns of one type in Spark's order, null first.
pub(crate) struct Ordered(DynComparator);

impl std::fmt::Debug for Ordered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ordered")
    }
}

impl Ordered {
    /// A comparator for rows of `left` with rows of `right`.
    ///
    /// # Errors
    ///
    /// `Internal`, if the type has no order.
    pub(crate) fn new(left: &ArrayRef, right: &ArrayRef) -> Result<Ordered> {
        let options = SortOptions {
            descending: false,
            nulls_first: true,
        };
        if *left.data_type() == DataType::Null {
            return Ok(Ordered(Box::new(|_, _| Ordering::Equal)));
        }
        let (left, right) = (normalized(left)?, normalized(right)?);
        Ok(Ordered(make_comparator(&left, &right, options)?))
    }

    /// How row `left` of the left column stands to row `right` of the right column.
    pub(crate) fn compare(&self, left: usize, right: usize) -> Ordering {
        (self.0)(left, right)
    }
}

/// The same values with one form of NaN and of zero, so that equal values have equal bits. Also inside arrays and structs.
pub(crate) fn normalized(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float32 => Arc::new(normalized_floats::<Float32Type>(
            array.as_primitive(),
            f32::NAN,
        )),
        DataType::Float64 => Arc::new(normalized_floats::<Float64Type>(
            array.as_primitive(),
            f64::NAN,
        )),
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            Arc::new(ListArray::try_new(
                Arc::clone(field),
                list.offsets().clone(),
                normalized(list.values())?,
                list.nulls().cloned(),
            )?)
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            let structs = array.as_struct();
            let columns = structs.columns().iter().map(normalized);
            Arc::new(StructArray::try_new(
                fields.clone(),
                columns.collect::<Result<_>>()?,
                structs.nulls().cloned(),
            )?)
        }
        _ => Arc::clone(array),
    })
}

#[expect(clippy::eq_op, reason = "a value that differs from itself is NaN")]
fn normalized_floats<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    nan: T::Native,
) -> PrimitiveArray<T>
where
    T::Native: PartialEq + std::ops::Add<Output = T::Native>,
{
    // Adding zero makes 0.0 of -0.0.
    let zero = T::Native::default();
    array.unary(|value| if value == value { value + zero } else { nan })
}
