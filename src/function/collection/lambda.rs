//! Functions that take lambdas over the elements of arrays: `transform`, `filter`, `exists`, `forall`, `aggregate`, `zip_with`,
//! `array_sort`.
//!
//! A lambda runs once for all elements of all rows. `aggregate` must go on element by element, but does so for all rows at a time:
//! it runs as often as the longest array has elements. `array_sort` inserts each element by bisection, the questions of all rows
//! asked together.

use super::build::{ListBuilder, Lists};
use super::sort::{Nulls, sort};
use super::{arguments, present_element};
use crate::error::{Error, Result};
use crate::expr::{BoundLambda, Expr, Value};
use crate::function::comparison::no_order;
use crate::function::signature::{any_nullable, argument, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{is_orderable, list_of};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Int32Type};
use std::ops::Range;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = element_wise();
    functions.extend(conditions_of_elements());
    functions.extend(folds());
    functions
}

fn element_wise() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("transform", "transform(expr, func)"),
            (
                "the results of a lambda for every element (and its index)",
                "SELECT transform(array(1, 2, 3), x -> x + 1)",
            ),
            (
                |arguments| {
                    count_arguments("transform", arguments, 2, 2)?;
                    present_element("transform", arguments, 0)?;
                    let lambda = argument("transform", arguments, 1)?;
                    Ok(signature(arguments, list_of(lambda.data_type.clone())))
                },
                transform,
            ),
        ),
        ScalarFunction::new(
            ("filter", "filter(expr, func)"),
            (
                "the elements for which a lambda (of the element and its index) holds",
                "SELECT filter(array(1, 2, 3), x -> x % 2 == 1)",
            ),
            (
                |arguments| {
                    let element = present_element("filter", arguments, 0)?;
                    let mut signature = conditional("filter", arguments)?;
                    signature.returns = list_of(element);
                    Ok(signature)
                },
                filter,
            ),
        ),
        ScalarFunction::new(
            ("zip_with", "zip_with(left, right, func)"),
            (
                "the results of a lambda for the elements at the same place; the shorter array is filled with nulls",
                "SELECT zip_with(array(1, 2), array(3, 4), (x, y) -> x + y)",
            ),
            (
                |arguments| {
                    count_arguments("zip_with", arguments, 3, 3)?;
                    present_element("zip_with", arguments, 0)?;
                    present_element("zip_with", arguments, 1)?;
                    let lambda = argument("zip_with", arguments, 2)?;
                    Ok(signature(arguments, list_of(lambda.data_type.clone())))
                },
                zip_with,
            ),
        ),
    ]
}

fn conditions_of_elements() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("exists", "exists(expr, pred)"),
            (
                "whether a lambda holds for an element; null if for none, but it is null for one",
                "SELECT exists(array(1, 2, 3), x -> x % 2 == 0)",
            ),
            (
                |arguments| conditional("exists", arguments),
                |call| quantify(call, true),
            ),
        ),
        ScalarFunction::new(
            ("forall", "forall(expr, pred)"),
            (
                "whether a lambda holds for all elements; null if it fails for none, but is null for one",
                "SELECT forall(array(2, 4, 8), x -> x % 2 == 0)",
            ),
            (
                |arguments| conditional("forall", arguments),
                |call| quantify(call, false),
            ),
        ),
    ]
}

fn folds() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("aggregate", "aggregate(expr, start, merge[, finish])"),
            (
                "the elements folded into one value by a lambda, which a second lambda may finish",
                "SELECT aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)",
            ),
            (resolve_aggregate, aggregate),
        ),
        ScalarFunction::new(
            ("array_sort", "array_sort(expr[, func])"),
            (
                "the elements in order, nulls last; a lambda of two elements may decide the order",
                "SELECT array_sort(array(5, 6, 1))",
            ),
            (resolve_sort, array_sort),
        ),
    ]
}

/// The arguments as they are.
fn signature(arguments: &[Expr], returns: DataType) -> Signature {
    Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns,
        is_nullable: any_nullable(arguments),
    }
}

/// An array and a lambda that is a condition.
fn conditional(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    present_element(name, arguments, 0)?;
    let lambda = argument(name, arguments, 1)?;
    if !matches!(lambda.data_type, DataType::Boolean | DataType::Null) {
        return Err(Error::invalid(format!(
            "the second parameter requires the \"BOOLEAN\" type, however the lambda gives \"{}\"",
            lambda.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
    }
    let mut signature = signature(arguments, DataType::Boolean);
    if let Some(body) = signature.arguments.last_mut() {
        *body = DataType::Boolean;
    }
    signature.is_nullable = true;
    Ok(signature)
}

pub(super) fn lambda<'a>(call: &'a Call<'_>, index: usize) -> Result<&'a BoundLambda<'a>> {
    call.lambdas
        .get(index)
        .ok_or_else(|| Error::internal("a higher-order function misses its lambda"))
}

pub(super) fn narrow(index: usize) -> Result<u32> {
    u32::try_from(index).map_err(|_| {
        Error::data("a batch has more than 2^32 elements in its arrays: use smaller batches")
    })
}

/// The elements of all rows, one after the other.
struct Flat {
    /// The row of each element.
    rows: UInt32Array,
    /// Where each element is in its array, from 0.
    indices: Int32Array,
    elements: ArrayRef,
    /// How many elements each row has; `None` for a null.
    lengths: Vec<Option<usize>>,
}

fn flatten(lists: &Lists<'_>, values: &ArrayRef, count: usize) -> Result<Flat> {
    let mut rows = Vec::new();
    let mut indices = Vec::new();
    let mut picks = Vec::new();
    let mut lengths = Vec::with_capacity(count);
    for row in 0..count {
        let range = lists.range(row);
        lengths.push(range.as_ref().map(ExactSizeIterator::len));
        for (index, element) in range.into_iter().flatten().enumerate() {
            rows.push(narrow(row)?);
            indices.push(i32::try_from(index).unwrap_or(i32::MAX));
            picks.push(narrow(element)?);
        }
    }
    Ok(Flat {
        rows: rows.into(),
        indices: indices.into(),
        elements: take(values, &UInt32Array::from(picks), None)?,
        lengths,
    })
}

impl Flat {
    /// The lambda's results for the elements, and their index if it wants that too.
    fn apply(&self, lambda: &BoundLambda<'_>) -> Result<ArrayRef> {
        let mut arguments = vec![Arc::clone(&self.elements)];
        if lambda.parameters() > 1 {
            arguments.push(Arc::new(self.indices.clone()));
        }
        lambda.evaluate(&self.rows, &arguments)
    }

    /// Lists of the same shape with other elements.
    fn lists_of(&self, elements: ArrayRef, returns: &DataType) -> Result<ArrayRef> {
        let DataType::List(field) = returns else {
            return Err(Error::internal("an array was to be made of another type"));
        };
        let lengths = self.lengths.iter().map(|length| length.unwrap_or(0));
        let valid: Vec<bool> = self.lengths.iter().map(Option::is_some).collect();
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(field),
            OffsetBuffer::from_lengths(lengths),
            elements,
            valid.contains(&false).then(|| valid.into()),
        )?))
    }

    /// For each row, where its elements are; `None` for a null.
    fn ranges(&self) -> impl Iterator<Item = Option<Range<usize>>> {
        let mut end = 0;
        self.lengths.iter().map(move |length| {
            let start = end;
            end += length.unwrap_or(0);
            length.map(|length| start..start + length)
        })
    }
}

fn transform(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, _] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let flat = flatten(&lists, list.values(), call.rows)?;
    let results = flat.apply(lambda(call, 0)?)?;
    flat.lists_of(results, call.returns)
}

fn conditions(flat: &Flat, lambda: &BoundLambda<'_>) -> Result<BooleanArray> {
    let results = flat.apply(lambda)?;
    Ok(results.as_boolean().clone())
}

fn filter(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, _] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let flat = flatten(&lists, list.values(), call.rows)?;
    let kept = conditions(&flat, lambda(call, 0)?)?;
    let element = flat.elements.data_type();
    let mut builder = ListBuilder::new(element, &[&flat.elements], call.rows);
    for range in flat.ranges() {
        match range {
            None => builder.finish_null()?,
            Some(range) => {
                range
                    .filter(|element| kept.is_valid(*element) && kept.value(*element))
                    .for_each(|element| builder.push(0, element));
                builder.finish_row()?;
            }
        }
    }
    builder.finish()
}

/// `exists` looks for true, `forall` for false; without one, a null decides for null.
fn quantify(call: &Call<'_>, wanted: bool) -> Result<ArrayRef> {
    let [array, _] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let flat = flatten(&lists, list.values(), call.rows)?;
    let answers = conditions(&flat, lambda(call, 0)?)?;
    let result: BooleanArray = flat
        .ranges()
        .map(|range| {
            let range = range?;
            let is_wanted = |at: usize| answers.is_valid(at) && answers.value(at) == wanted;
            if range.clone().any(is_wanted) {
                return Some(wanted);
            }
            let has_null = range.into_iter().any(|at| answers.is_null(at));
            (!has_null).then_some(!wanted)
        })
        .collect();
    Ok(Arc::new(result))
}

fn zip_with(call: &Call<'_>) -> Result<ArrayRef> {
    let [left, right, _] = arguments(call)?;
    let (left_lists, left_array) = Lists::new(left)?;
    let (right_lists, right_array) = Lists::new(right)?;
    let mut rows = Vec::new();
    let mut left_picks = Vec::new();
    let mut right_picks = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let ranges = left_lists.range(row).zip(right_lists.range(row));
        let Some((left, right)) = ranges else {
            lengths.push(None);
            continue;
        };
        let length = left.len().max(right.len());
        lengths.push(Some(length));
        let (mut left, mut right) = (left, right);
        for _ in 0..length {
            rows.push(narrow(row)?);
            left_picks.push(left.next().map(narrow).transpose()?);
            right_picks.push(right.next().map(narrow).transpose()?);
        }
    }
    let lefts = take(left_array.values(), &UInt32Array::from(left_picks), None)?;
    let rights = take(right_array.values(), &UInt32Array::from(right_picks), None)?;
    let rows = UInt32Array::from(rows);
    let results = lambda(call, 0)?.evaluate(&rows, &[lefts, Arc::clone(&rights)])?;
    let flat = Flat {
        rows,
        indices: Int32Array::new_null(0),
        elements: rights,
        lengths,
    };
    flat.lists_of(results, call.returns)
}

fn resolve_aggregate(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("aggregate", arguments, 3, 4)?;
    present_element("aggregate", arguments, 0)?;
    let start = argument("aggregate", arguments, 1)?;
    let merge = argument("aggregate", arguments, 2)?;
    if merge.data_type != start.data_type {
        return Err(Error::invalid(format!(
            "the third parameter requires the \"{}\" type of the start value, however the lambda gives \"{}\": cast the start value",
            start.sql_type(),
            merge.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
    }
    let returns = match arguments.get(3) {
        Some(finish) => finish.data_type.clone(),
        None => start.data_type.clone(),
    };
    let mut signature = signature(arguments, returns);
    signature.is_nullable = true;
    Ok(signature)
}

fn aggregate(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, start, ..] = call.arguments else {
        return Err(Error::internal(
            "`aggregate` needs an array and a start value",
        ));
    };
    let (lists, list) = Lists::new(array)?;
    let ranges: Vec<Option<Range<usize>>> = (0..call.rows).map(|row| lists.range(row)).collect();
    let longest = ranges.iter().flatten().map(ExactSizeIterator::len).max();
    let mut running = start.to_array(call.rows)?;
    let merge = lambda(call, 0)?;
    for index in 0..longest.unwrap_or(0) {
        let mut rows = Vec::new();
        let mut elements = Vec::new();
        for (row, range) in ranges.iter().enumerate() {
            let element = range.clone().and_then(|mut range| range.nth(index));
            if let Some(element) = element {
                rows.push(narrow(row)?);
                elements.push(narrow(element)?);
            }
        }
        let rows = UInt32Array::from(rows);
        let before = take(&running, &rows, None)?;
        let elements = take(list.values(), &UInt32Array::from(elements), None)?;
        let after = merge.evaluate(&rows, &[before, elements])?;
        running = replaced(&running, &rows, &after)?;
    }
    let is_null_row: Vec<Option<u32>> = ranges
        .iter()
        .enumerate()
        .map(|(row, range)| range.as_ref().map(|_| narrow(row)).transpose())
        .collect::<Result<_>>()?;
    let kept = UInt32Array::from(is_null_row);
    let finished = match call.lambdas.get(1) {
        None => running,
        Some(finish) => {
            let all = (0..call.rows).map(narrow).collect::<Result<Vec<_>>>()?;
            finish.evaluate(&UInt32Array::from(all), &[running])?
        }
    };
    Ok(take(&finished, &kept, None)?)
}

/// The column with other values in these rows.
fn replaced(column: &ArrayRef, rows: &UInt32Array, values: &ArrayRef) -> Result<ArrayRef> {
    if *column.data_type() == DataType::Null {
        return Ok(Arc::clone(column));
    }
    let mut picks: Vec<(usize, usize)> = (0..column.len()).map(|row| (0, row)).collect();
    for (value, row) in rows.values().iter().enumerate() {
        if let Some(pick) = picks.get_mut(*row as usize) {
            *pick = (1, value);
        }
    }
    Ok(interleave(&[column.as_ref(), values.as_ref()], &picks)?)
}

fn resolve_sort(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("array_sort", arguments, 1, 2)?;
    let element = present_element("array_sort", arguments, 0)?;
    if arguments.len() == 1 && !is_orderable(&element) {
        return Err(no_order("array_sort", &element));
    }
    let mut signature = signature(arguments, list_of(element.clone()));
    if let Some(array) = signature.arguments.first_mut() {
        *array = list_of(element);
    }
    if let Some(lambda) = arguments.get(1)
        && lambda.data_type != DataType::Int32
    {
        return Err(Error::invalid(format!(
            "return type of the given lambda function should be INT, but it is \"{}\"",
            lambda.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE"));
    }
    Ok(signature)
}

fn array_sort(call: &Call<'_>) -> Result<ArrayRef> {
    let [array] = match call.arguments {
        [array] => return sort_plainly(call, array),
        [array, _] => [array],
        _ => return Err(Error::internal("`array_sort` needs one or two arguments")),
    };
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let mut sorts: Vec<Option<Insertion>> = (0..call.rows)
        .map(|row| lists.range(row).map(Insertion::new))
        .collect();
    let compare = lambda(call, 0)?;
    loop {
        let mut rows = Vec::new();
        let mut lefts = Vec::new();
        let mut rights = Vec::new();
        for (row, sort) in sorts.iter().enumerate() {
            if let Some((left, right)) = sort.as_ref().and_then(Insertion::question) {
                rows.push(narrow(row)?);
                lefts.push(narrow(left)?);
                rights.push(narrow(right)?);
            }
        }
        if rows.is_empty() {
            break;
        }
        let rows = UInt32Array::from(rows);
        let lefts = take(values, &UInt32Array::from(lefts), None)?;
        let rights = take(values, &UInt32Array::from(rights), None)?;
        let answers = compare.evaluate(&rows, &[lefts, rights])?;
        let answers = answers.as_primitive::<Int32Type>();
        for (row, answer) in rows.values().iter().zip(answers) {
            let answer = answer.ok_or_else(|| {
                Error::data("the comparator of `array_sort` has returned a NULL. It should return a positive integer for \"greater than\", 0 for \"equal\" and a negative integer for \"less than\"")
                    .with_condition("COMPARATOR_RETURNS_NULL")
            })?;
            if let Some(Some(sort)) = sorts.get_mut(*row as usize) {
                sort.answer(answer < 0);
            }
        }
    }
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for sort in sorts {
        match sort {
            None => builder.finish_null()?,
            Some(sort) => {
                sort.sorted
                    .into_iter()
                    .for_each(|element| builder.push(0, element));
                builder.finish_row()?;
            }
        }
    }
    builder.finish()
}

fn sort_plainly(call: &Call<'_>, array: &Value) -> Result<ArrayRef> {
    debug_assert!(matches!(array.data_type(), DataType::List(_)));
    sort(call, Nulls::Last)
}

/// The sorting of one array by insertion: asks one question at a time.
struct Insertion {
    /// The elements that are in order already.
    sorted: Vec<usize>,
    /// The elements still to be inserted; the first is being inserted.
    rest: Range<usize>,
    /// Between which places of `sorted` it belongs.
    low: usize,
    high: usize,
}

impl Insertion {
    fn new(mut elements: Range<usize>) -> Insertion {
        let sorted: Vec<usize> = elements.next().into_iter().collect();
        Insertion {
            low: 0,
            high: sorted.len(),
            sorted,
            rest: elements,
        }
    }

    /// Which element to compare with which; `None` when all are in order.
    fn question(&self) -> Option<(usize, usize)> {
        let inserted = self.rest.clone().next()?;
        let middle = *self.sorted.get(usize::midpoint(self.low, self.high))?;
        Some((inserted, middle))
    }

    /// Takes the answer: whether the inserted element comes first. Equal elements stay in their order.
    fn answer(&mut self, is_first: bool) {
        let middle = usize::midpoint(self.low, self.high);
        if is_first {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        if self.low == self.high
            && let Some(inserted) = self.rest.next()
        {
            self.sorted.insert(self.low, inserted);
            self.low = 0;
            self.high = self.sorted.len();
        }
    }
}
