//! `size`, `element_at`, `[…]`, `get`, `array_contains`, `array_position`, `array_max`, `array_min`, `array_join`.

use super::build::Lists;
use super::{arguments, common_element, element_type, refuse_untyped};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::comparison::{Ordered, no_order};
use crate::function::signature::{
    Wanted, any_nullable, argument, argument_type, count_arguments, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{
    common_type, is_hashable, is_integral, is_numeric, is_orderable, list_of, map_key_value, map_of,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, StringBuilder, UInt32Array,
    new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = searches();
    functions.extend(extremes());
    functions.extend(items());
    functions
}

fn searches() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("size", "size(expr)"),
            (
                "how many elements an array or a map has",
                "SELECT size(array('b', 'd'))",
            ),
            (resolve_size, size),
        ),
        ScalarFunction::new(
            ("array_size", "array_size(expr)"),
            (
                "how many elements an array has",
                "SELECT array_size(array('b', 'd'))",
            ),
            (
                |arguments| {
                    element_type("array_size", arguments, 0)?;
                    resolve_size(arguments)
                },
                size,
            ),
        ),
        ScalarFunction::new(
            ("array_contains", "array_contains(array, value)"),
            (
                "whether the array has the value; null if it has not but has a null",
                "SELECT array_contains(array(1, 2, 3), 2)",
            ),
            (
                |arguments| resolve_search("array_contains", DataType::Boolean, arguments),
                contains,
            ),
        ),
        ScalarFunction::new(
            ("array_position", "array_position(array, element)"),
            (
                "the position, from 1, of the first such element; 0 if there is none",
                "SELECT array_position(array(312, 773, 708), 708)",
            ),
            (
                |arguments| resolve_search("array_position", DataType::Int64, arguments),
                position,
            ),
        ),
    ]
}

fn extremes() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("array_max", "array_max(array)"),
            (
                "the greatest element, leaving out nulls",
                "SELECT array_max(array(1, 20, null))",
            ),
            (
                |arguments| resolve_extreme("array_max", arguments),
                |call| extreme(Ordering::Greater, call),
            ),
        ),
        ScalarFunction::new(
            ("array_min", "array_min(array)"),
            (
                "the least element, leaving out nulls",
                "SELECT array_min(array(1, 20, null))",
            ),
            (
                |arguments| resolve_extreme("array_min", arguments),
                |call| extreme(Ordering::Less, call),
            ),
        ),
        ScalarFunction::new(
            (
                "array_join",
                "array_join(array, delimiter[, nullReplacement])",
            ),
            (
                "the elements as one text; nulls are left out or replaced",
                "SELECT array_join(array('hello', 'world'), ' ')",
            ),
            (resolve_join, join),
        ),
    ]
}

/// The functions that take one element out.
fn items() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("element_at", "element_at(array, index)"),
            (
                "the element of an array, counted from 1 (from the end, if negative), or the value of a map's key",
                "SELECT element_at(array(1, 2, 3), 2)",
            ),
            (
                |arguments| resolve_item("element_at", arguments),
                |call| item(call, Counting::FromOne, true),
            ),
        ),
        ScalarFunction::new(
            ("try_element_at", "try_element_at(array, index)"),
            (
                "as `element_at`, but null if the array is too short",
                "SELECT try_element_at(array(1, 2, 3), 2)",
            ),
            (
                |arguments| resolve_item("try_element_at", arguments),
                |call| item(call, Counting::FromOne, false),
            ),
        ),
        ScalarFunction::new(
            ("get", "get(array, index)"),
            (
                "the element of an array, counted from 0; null if there is none",
                "SELECT get(array(1, 2, 3), 0)",
            ),
            (
                |arguments| {
                    element_type("get", arguments, 0)?;
                    resolve_item("get", arguments)
                },
                |call| item(call, Counting::FromZero, false),
            ),
        ),
    ]
}

fn resolve_size(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("size", arguments, 1, 1)?;
    let collection = argument("size", arguments, 0)?;
    let data_type = match &collection.data_type {
        DataType::List(_) | DataType::Map(_, _) => collection.data_type.clone(),
        DataType::Null => list_of(DataType::Null),
        _ => return Err(unexpected_type("size", collection, 0, "ARRAY or MAP")),
    };
    Ok(Signature {
        arguments: vec![data_type],
        returns: DataType::Int32,
        is_nullable: any_nullable(arguments),
    })
}

fn size(call: &Call<'_>) -> Result<ArrayRef> {
    let [collection] = arguments(call)?;
    let array = collection.array();
    let (offsets, nulls) = match array.data_type() {
        DataType::Map(_, _) => (array.as_map().value_offsets(), array.nulls()),
        _ => (array.as_list::<i32>().value_offsets(), array.nulls()),
    };
    let sizes = offsets.windows(2).map(|pair| match pair {
        [start, end] => end - start,
        _ => 0,
    });
    Ok(Arc::new(Int32Array::new(sizes.collect(), nulls.cloned())))
}

/// An array, and a value to look for among its elements.
fn resolve_search(name: &str, returns: DataType, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    refuse_untyped(name, arguments, 1, "DATATYPE_MISMATCH.NULL_TYPE")?;
    let element = element_type(name, arguments, 0)?;
    let value = argument(name, arguments, 1)?;
    // A position of null is null, whether it is there is refused.
    if value.data_type == DataType::Null && name != "array_position" {
        return Err(Error::invalid(format!(
            "null typed values cannot be used as arguments of `{name}`"
        ))
        .with_condition("DATATYPE_MISMATCH.NULL_TYPE"));
    }
    // Only whether a value is there is asked with more of the types that numbers meet at.
    let common = match common_type(&element, &value.data_type) {
        Some(common)
            if name == "array_contains" && is_numeric(&element) && is_numeric(&value.data_type) =>
        {
            common
        }
        _ => common_element(name, &element, &value.data_type)?,
    };
    if !is_hashable(&common) {
        return Err(no_order(name, &common));
    }
    Ok(Signature {
        arguments: vec![list_of(common.clone()), common],
        returns,
        is_nullable: true,
    })
}

/// Whether `found` holds for an element, and whether there is a null.
struct Search<'a> {
    lists: Lists<'a>,
    values: &'a ArrayRef,
    wanted: &'a Value,
    ordered: Ordered,
}

impl<'a> Search<'a> {
    fn new(call: &Call<'a>) -> Result<Search<'a>> {
        let [array, wanted] = arguments(call)?;
        let (lists, list) = Lists::new(array)?;
        Ok(Search {
            lists,
            values: list.values(),
            wanted,
            ordered: Ordered::new(list.values(), wanted.array())?,
        })
    }

    /// The elements of a row, unless the array or the wanted value is null.
    fn elements(&self, row: usize) -> Option<Range<usize>> {
        let elements = self.lists.range(row)?;
        let wanted = self.wanted.array();
        wanted.is_valid(self.wanted.index(row)).then_some(elements)
    }

    fn is_found(&self, element: usize, row: usize) -> bool {
        self.values.is_valid(element)
            && self
                .ordered
                .compare(element, self.wanted.index(row))
                .is_eq()
    }
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    let search = Search::new(call)?;
    let answers: BooleanArray = (0..call.rows)
        .map(|row| {
            let mut elements = search.elements(row)?;
            if elements
                .clone()
                .any(|element| search.is_found(element, row))
            {
                return Some(true);
            }
            let has_null = elements.any(|element| search.values.is_null(element));
            (!has_null).then_some(false)
        })
        .collect();
    Ok(Arc::new(answers))
}

fn position(call: &Call<'_>) -> Result<ArrayRef> {
    let search = Search::new(call)?;
    let positions: Int64Array = (0..call.rows)
        .map(|row| {
            let mut elements = search.elements(row)?;
            let position = elements.position(|element| search.is_found(element, row));
            Some(position.map_or(0, |position| {
                i64::try_from(position)
                    .unwrap_or(i64::MAX)
                    .saturating_add(1)
            }))
        })
        .collect();
    Ok(Arc::new(positions))
}

fn resolve_extreme(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let element = element_type(name, arguments, 0)?;
    if !is_orderable(&element) {
        return Err(no_order(name, &element));
    }
    Ok(Signature {
        arguments: vec![list_of(element.clone())],
        returns: element,
        is_nullable: true,
    })
}

fn extreme(wins: Ordering, call: &Call<'_>) -> Result<ArrayRef> {
    let [array] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let ordered = Ordered::new(values, values)?;
    let picks: UInt32Array = (0..call.rows)
        .map(|row| {
            let elements = lists.range(row)?;
            let best = elements
                .filter(|element| values.is_valid(*element))
                .reduce(|best, next| {
                    if ordered.compare(next, best) == wins {
                        next
                    } else {
                        best
                    }
                })?;
            u32::try_from(best).ok()
        })
        .collect();
    Ok(take(values, &picks, None)?)
}

fn resolve_join(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("array_join", arguments, 2, 3)?;
    element_type("array_join", arguments, 0)?;
    let mut types = vec![list_of(DataType::Utf8)];
    for index in 1..arguments.len() {
        let text = [Wanted::Exactly(DataType::Utf8)];
        types.push(argument_type("array_join", arguments, index, &text)?);
    }
    Ok(Signature {
        arguments: types,
        returns: DataType::Utf8,
        is_nullable: any_nullable(arguments),
    })
}

fn join(call: &Call<'_>) -> Result<ArrayRef> {
    let (array, delimiter, replacement) = match call.arguments {
        [array, delimiter] => (array, delimiter, None),
        [array, delimiter, replacement] => (array, delimiter, Some(replacement)),
        _ => return Err(Error::internal("`array_join` needs two or three arguments")),
    };
    let (lists, list) = Lists::new(array)?;
    let texts = list.values().as_string::<i32>();
    let at = |value: &Value, row: usize| {
        let array = value.array().as_string::<i32>().clone();
        let row = value.index(row);
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let mut builder = StringBuilder::new();
    for row in 0..call.rows {
        let replacement = replacement.map(|value| at(value, row));
        let (Some(elements), Some(delimiter)) = (lists.range(row), at(delimiter, row)) else {
            builder.append_null();
            continue;
        };
        // A replacement that is null makes the whole result null.
        if replacement == Some(None) {
            builder.append_null();
            continue;
        }
        let replacement = replacement.flatten();
        let parts: Vec<&str> = elements
            .filter_map(|element| {
                if texts.is_valid(element) {
                    Some(texts.value(element))
                } else {
                    replacement.as_deref()
                }
            })
            .collect();
        builder.append_value(parts.join(&delimiter));
    }
    Ok(Arc::new(builder.finish()))
}

/// How the elements of an array are numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// From 0.
    FromZero,
    /// From 1, or backwards from -1.
    FromOne,
}

fn resolve_item(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let collection = argument(name, arguments, 0)?;
    if let Some((key, value)) = map_key_value(&collection.data_type) {
        let wanted = argument(name, arguments, 1)?;
        let common = common_element(name, key, &wanted.data_type)
            .map_err(|error| error.with_condition("DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES"))?;
        if !is_hashable(&common) {
            return Err(no_order(name, &common));
        }
        return Ok(Signature {
            arguments: vec![map_of(common.clone(), value.clone()), common],
            returns: value.clone(),
            is_nullable: true,
        });
    }
    let DataType::List(element) = &collection.data_type else {
        return Err(unexpected_type(name, collection, 0, "ARRAY or MAP"));
    };
    let index = argument_type(name, arguments, 1, &[Wanted::Integral])?;
    let written = argument(name, arguments, 1)?;
    let is_exact = name.ends_with("element_at");
    if (index == DataType::Int64 && name != "[]") || (is_exact && !is_integral(&written.data_type))
    {
        return Err(unexpected_type(name, written, 1, "INT"));
    }
    Ok(Signature {
        arguments: vec![collection.data_type.clone(), DataType::Int32],
        returns: element.data_type().clone(),
        is_nullable: true,
    })
}

fn item(call: &Call<'_>, counting: Counting, is_strict: bool) -> Result<ArrayRef> {
    let [collection, wanted] = arguments(call)?;
    if collection.is_null_constant() || wanted.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    if matches!(collection.data_type(), DataType::Map(_, _)) {
        return value_of_key(collection, wanted, call);
    }
    let (lists, list) = Lists::new(collection)?;
    let indices = wanted.array().as_primitive::<Int32Type>();
    let mut picks = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let at = wanted.index(row);
        let (Some(elements), true) = (lists.range(row), indices.is_valid(at)) else {
            picks.push(None);
            continue;
        };
        let index = indices.value(at);
        let found = place(index, elements.len(), counting, is_strict)?;
        picks.push(found.and_then(|found| u32::try_from(elements.start + found).ok()));
    }
    Ok(take(list.values(), &UInt32Array::from(picks), None)?)
}

/// Where, from 0, the element with this index is.
fn place(index: i32, length: usize, counting: Counting, is_strict: bool) -> Result<Option<usize>> {
    let signed_length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_zero = match (counting, i64::from(index)) {
        (Counting::FromZero, index) => index,
        (Counting::FromOne, 0) => {
            return Err(Error::data(
                "the index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1)",
            )
            .with_condition("INVALID_INDEX_OF_ZERO"));
        }
        (Counting::FromOne, index) if index < 0 => signed_length + index,
        (Counting::FromOne, index) => index - 1,
    };
    let found = usize::try_from(from_zero)
        .ok()
        .filter(|found| *found < length);
    if found.is_some() || !is_strict {
        return Ok(found);
    }
    Err(match counting {
        Counting::FromZero => Error::data(format!(
            "the index {index} is out of bounds. The array has {length} elements. Use the SQL function `get()` to tolerate \
             accessing element at invalid index and return NULL instead"
        ))
        .with_condition("INVALID_ARRAY_INDEX"),
        Counting::FromOne => Error::data(format!(
            "the index {index} is out of bounds. The array has {length} elements. Use `try_element_at` to tolerate accessing \
             element at invalid index and return NULL instead"
        ))
        .with_condition("INVALID_ARRAY_INDEX_IN_ELEMENT_AT"),
    })
}

fn value_of_key(maps: &Value, wanted: &Value, call: &Call<'_>) -> Result<ArrayRef> {
    let (entries, map) = Lists::of_maps(maps)?;
    let ordered = Ordered::new(map.keys(), wanted.array())?;
    let picks: UInt32Array = (0..call.rows)
        .map(|row| {
            let at = wanted.index(row);
            if wanted.array().is_null(at) {
                return None;
            }
            let mut entries = entries.range(row)?;
            let entry = entries.find(|entry| ordered.compare(*entry, at).is_eq())?;
            u32::try_from(entry).ok()
        })
        .collect();
    Ok(take(map.values(), &picks, None)?)
}
