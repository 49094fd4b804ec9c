//! Arrays as sets: `array_distinct`, `array_union`, `array_intersect`, `array_except`, `arrays_overlap`. The first of equal
//! elements stays; null counts as an element.

use super::build::{ListBuilder, Lists};
use super::element::{Keys, is_null};
use super::{arguments, common_element, element_type, refuse_untyped};
use crate::error::Result;
use crate::expr::Expr;
use crate::function::comparison::no_order;
use crate::function::signature::{any_nullable, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{is_hashable, list_of};
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("array_distinct", "array_distinct(array)"),
            (
                "the elements without repetitions",
                "SELECT array_distinct(array(1, 2, 3, null, 3))",
            ),
            (resolve_distinct, |call| combine(Set::Union, call)),
        ),
        ScalarFunction::new(
            ("array_union", "array_union(array1, array2)"),
            (
                "the elements of either, without repetitions",
                "SELECT array_union(array(1, 2), array(1, 3))",
            ),
            (
                |arguments| resolve_two("array_union", arguments),
                |call| combine(Set::Union, call),
            ),
        ),
        ScalarFunction::new(
            ("array_intersect", "array_intersect(array1, array2)"),
            (
                "the elements of both, without repetitions",
                "SELECT array_intersect(array(1, 2), array(1, 3))",
            ),
            (
                |arguments| resolve_two("array_intersect", arguments),
                |call| combine(Set::Intersection, call),
            ),
        ),
        ScalarFunction::new(
            ("array_except", "array_except(array1, array2)"),
            (
                "the elements of the first that the second does not have, without repetitions",
                "SELECT array_except(array(1, 2), array(1, 3))",
            ),
            (
                |arguments| resolve_two("array_except", arguments),
                |call| combine(Set::Difference, call),
            ),
        ),
        ScalarFunction::new(
            ("arrays_overlap", "arrays_overlap(a1, a2)"),
            (
                "whether both have an element in common; null if not but one of them has a null",
                "SELECT arrays_overlap(array(1, 2, 3), array(3, 4, 5))",
            ),
            (resolve_overlap, overlap),
        ),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Union,
    Intersection,
    Difference,
}

fn checked(name: &str, element: DataType) -> Result<DataType> {
    if is_hashable(&element) {
        Ok(element)
    } else {
        Err(no_order(name, &element))
    }
}

fn resolve_distinct(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("array_distinct", arguments, 1, 1)?;
    let element = checked(
        "array_distinct",
        element_type("array_distinct", arguments, 0)?,
    )?;
    Ok(Signature {
        arguments: vec![list_of(element.clone())],
        returns: list_of(element),
        is_nullable: any_nullable(arguments),
    })
}

fn resolve_two(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let different = "DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES";
    refuse_untyped(name, arguments, 2, different)?;
    let left = element_type(name, arguments, 0)?;
    let right = element_type(name, arguments, 1)?;
    let common =
        common_element(name, &left, &right).map_err(|error| error.with_condition(different))?;
    let element = checked(name, common)?;
    Ok(Signature {
        arguments: vec![list_of(element.clone()); 2],
        returns: list_of(element),
        is_nullable: any_nullable(arguments),
    })
}

fn resolve_overlap(arguments: &[Expr]) -> Result<Signature> {
    let mut signature = resolve_two("arrays_overlap", arguments)?;
    signature.returns = DataType::Boolean;
    signature.is_nullable = true;
    Ok(signature)
}

/// One or two arrays as a set.
fn combine(set: Set, call: &Call<'_>) -> Result<ArrayRef> {
    let mut lists = Vec::with_capacity(call.arguments.len());
    let mut columns = Vec::with_capacity(call.arguments.len());
    for value in call.arguments {
        let (list, array) = Lists::new(value)?;
        lists.push(list);
        columns.push(array.values());
    }
    let keys = Keys::of(&columns)?;
    let element = columns
        .first()
        .map_or(DataType::Null, |column| column.data_type().clone());
    let mut builder = ListBuilder::new(&element, &columns, call.rows);
    let mut seen = HashSet::new();
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|list| list.range(row)).collect();
        let Some(ranges) = ranges else {
            builder.finish_null()?;
            continue;
        };
        let mut parts = ranges.into_iter().zip(&keys).enumerate();
        let first = parts.next().into_iter();
        seen.clear();
        match set {
            Set::Union => {
                for (column, (range, keys)) in first.chain(parts) {
                    for element in range {
                        if seen.insert(keys.key(element)) {
                            builder.push(column, element);
                        }
                    }
                }
            }
            Set::Intersection | Set::Difference => {
                let other: HashSet<&[u8]> = parts
                    .flat_map(|(_, (range, keys))| range.map(|element| keys.key(element)))
                    .collect();
                for (column, (range, keys)) in first {
                    for element in range {
                        let key = keys.key(element);
                        let is_wanted = other.contains(key) == (set == Set::Intersection);
                        if is_wanted && seen.insert(key) {
                            builder.push(column, element);
                        }
                    }
                }
            }
        }
        builder.finish_row()?;
    }
    builder.finish()
}

fn overlap(call: &Call<'_>) -> Result<ArrayRef> {
    let [left, right] = arguments(call)?;
    let (left_lists, left_array) = Lists::new(left)?;
    let (right_lists, right_array) = Lists::new(right)?;
    let columns = [left_array.values(), right_array.values()];
    let keys = Keys::of(&columns)?;
    let [left_keys, right_keys] = keys.as_slice() else {
        return Ok(arrow::array::new_null_array(call.returns, call.rows));
    };
    let answers: BooleanArray = (0..call.rows)
        .map(|row| {
            let (left, right) = (left_lists.range(row)?, right_lists.range(row)?);
            let is_empty = left.is_empty() || right.is_empty();
            let known: HashSet<&[u8]> = left
                .clone()
                .filter(|element| !is_null(left_array.values(), *element))
                .map(|element| left_keys.key(element))
                .collect();
            let mut others = right
                .clone()
                .filter(|element| !is_null(right_array.values(), *element));
            if others.any(|element| known.contains(right_keys.key(element))) {
                return Some(true);
            }
            let has_null = left.into_iter().any(|at| is_null(left_array.values(), at))
                || right
                    .into_iter()
                    .any(|at| is_null(right_array.values(), at));
            (is_empty || !has_null).then_some(false)
        })
        .collect();
    Ok(Arc::new(answers) as Arc<dyn Array>)
}
