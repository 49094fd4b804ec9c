//! Arrays changed: `array_append`, `array_prepend`, `array_insert`, `array_remove`, `array_compact`, `array_repeat`, `arrays_zip`,
//! `flatten`, `slice`.

use super::build::{ListBuilder, Lists};
use super::element::is_null;
use super::{arguments, common_element, element_type, present_element, refuse_untyped};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::function::comparison::{Ordered, no_order};
use crate::function::signature::{
    Wanted, any_nullable, argument, argument_type, count_arguments, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{is_hashable, list_of};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use std::sync::Arc;

/// The most elements an array can have, as in Java.
const ELEMENTS_MAX: i64 = 2_147_483_632;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = growing();
    functions.extend(shrinking());
    functions
}

fn growing() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("array_append", "array_append(array, element)"),
            (
                "the array with an element added at its end",
                "SELECT array_append(array('b', 'd'), 'd')",
            ),
            (
                |arguments| resolve_with_element("array_append", arguments),
                |call| extend(call, false),
            ),
        ),
        ScalarFunction::new(
            ("array_prepend", "array_prepend(array, element)"),
            (
                "the array with an element added at its beginning",
                "SELECT array_prepend(array('b', 'd'), 'd')",
            ),
            (
                |arguments| resolve_with_element("array_prepend", arguments),
                |call| extend(call, true),
            ),
        ),
        ScalarFunction::new(
            ("array_insert", "array_insert(x, pos, val)"),
            (
                "the array with an element inserted at a position, counted from 1, or from the end if negative",
                "SELECT array_insert(array(1, 2, 3, 4), 5, 5)",
            ),
            (resolve_insert, insert),
        ),
        ScalarFunction::new(
            ("array_repeat", "array_repeat(element, count)"),
            (
                "an array of the element so many times",
                "SELECT array_repeat('123', 2)",
            ),
            (resolve_repeat, repeat),
        ),
        ScalarFunction::new(
            ("arrays_zip", "arrays_zip(a1, a2, ...)"),
            (
                "an array of structs of the elements that stand at the same place",
                "SELECT arrays_zip(array(1, 2, 3), array(2, 3, 4))",
            ),
            (resolve_zip, zip),
        ),
    ]
}

fn shrinking() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("array_remove", "array_remove(array, element)"),
            (
                "the array without the elements that are equal to this",
                "SELECT array_remove(array(1, 2, 3, null, 3), 3)",
            ),
            (resolve_remove, remove),
        ),
        ScalarFunction::new(
            ("array_compact", "array_compact(array)"),
            (
                "the array without its nulls",
                "SELECT array_compact(array(1, 2, 3, null))",
            ),
            (
                |arguments| {
                    count_arguments("array_compact", arguments, 1, 1)?;
                    let list = list_of(element_type("array_compact", arguments, 0)?);
                    Ok(Signature {
                        arguments: vec![list.clone()],
                        returns: list,
                        is_nullable: any_nullable(arguments),
                    })
                },
                compact,
            ),
        ),
        ScalarFunction::new(
            ("flatten", "flatten(arrayOfArrays)"),
            (
                "the elements of the arrays as one array",
                "SELECT flatten(array(array(1, 2), array(3, 4)))",
            ),
            (resolve_flatten, flatten),
        ),
        ScalarFunction::new(
            ("slice", "slice(x, start, length)"),
            (
                "so many elements from a position on, counted from 1, or from the end if negative",
                "SELECT slice(array(1, 2, 3, 4), 2, 2)",
            ),
            (resolve_slice, slice),
        ),
    ]
}

/// An array, and an element for it.
fn resolve_with_element(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let element = present_element(name, arguments, 0)?;
    let added = argument(name, arguments, 1)?;
    let common = common_element(name, &element, &added.data_type)?;
    Ok(Signature {
        arguments: vec![list_of(common.clone()), common.clone()],
        returns: list_of(common),
        is_nullable: arguments.iter().take(1).any(|array| array.is_nullable),
    })
}

fn extend(call: &Call<'_>, is_first: bool) -> Result<ArrayRef> {
    let [array, added] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let columns = [list.values(), added.array()];
    let mut builder = ListBuilder::new(added.data_type(), &columns, call.rows);
    for row in 0..call.rows {
        let Some(elements) = lists.range(row) else {
            builder.finish_null()?;
            continue;
        };
        if is_first {
            builder.push(1, added.index(row));
        }
        elements.for_each(|element| builder.push(0, element));
        if !is_first {
            builder.push(1, added.index(row));
        }
        builder.finish_row()?;
    }
    builder.finish()
}

fn resolve_insert(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("array_insert", arguments, 3, 3)?;
    let different = "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES";
    refuse_untyped("array_insert", arguments, 1, different)?;
    let element = element_type("array_insert", arguments, 0)?;
    let place = argument("array_insert", arguments, 1)?;
    if place.data_type == DataType::Null {
        return Err(unexpected_type("array_insert", place, 1, "INT"));
    }
    let int = [Wanted::Exactly(DataType::Int32)];
    let position = argument_type("array_insert", arguments, 1, &int)?;
    let added = argument("array_insert", arguments, 2)?;
    let common = common_element("array_insert", &element, &added.data_type)?;
    Ok(Signature {
        arguments: vec![list_of(common.clone()), position, common.clone()],
        returns: list_of(common),
        is_nullable: arguments.iter().take(2).any(|part| part.is_nullable),
    })
}

fn int_at(value: &Value, row: usize) -> Option<i32> {
    let ints = value.array().as_primitive::<Int32Type>();
    let row = value.index(row);
    ints.is_valid(row).then(|| ints.value(row))
}

fn insert(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, position, added] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let columns = [list.values(), added.array()];
    let mut builder = ListBuilder::new(added.data_type(), &columns, call.rows);
    for row in 0..call.rows {
        let (Some(elements), Some(position)) = (lists.range(row), int_at(position, row)) else {
            builder.finish_null()?;
            continue;
        };
        let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        let position = i64::from(position);
        // The place, from 0, in the result; before the beginning, the result starts with it and nulls follow.
        let place = match position {
            0 => {
                return Err(Error::data(
                    "the index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1)",
                )
                .with_condition("INVALID_INDEX_OF_ZERO"));
            }
            ..0 => length + position + 1,
            _ => position - 1,
        };
        if place.abs().max(length) > ELEMENTS_MAX {
            return Err(too_many_elements("array_insert", place.abs()));
        }
        let mut elements = elements;
        if place < 0 {
            builder.push(1, added.index(row));
            (place..0).for_each(|_| builder.push_null());
        } else {
            elements
                .by_ref()
                .take(usize::try_from(place).unwrap_or(usize::MAX))
                .for_each(|element| builder.push(0, element));
            (length..place).for_each(|_| builder.push_null());
            builder.push(1, added.index(row));
        }
        elements.for_each(|element| builder.push(0, element));
        builder.finish_row()?;
    }
    builder.finish()
}

pub(super) fn too_many_elements(name: &str, count: i64) -> Error {
    Error::data(format!(
        "can't create array with {count} elements which exceeding the array size limit {ELEMENTS_MAX}, in `{name}`"
    ))
    .with_condition("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
}

fn resolve_repeat(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("array_repeat", arguments, 2, 2)?;
    let element = argument("array_repeat", arguments, 0)?.data_type.clone();
    let int = [Wanted::Exactly(DataType::Int32)];
    let given = argument("array_repeat", arguments, 1)?;
    if !matches!(given.data_type, DataType::Int32 | DataType::Null) {
        return Err(unexpected_type("array_repeat", given, 1, "INT"));
    }
    let count = argument_type("array_repeat", arguments, 1, &int)?;
    Ok(Signature {
        arguments: vec![element.clone(), count],
        returns: list_of(element),
        is_nullable: arguments.iter().skip(1).any(|count| count.is_nullable),
    })
}

fn repeat(call: &Call<'_>) -> Result<ArrayRef> {
    let [element, count] = arguments(call)?;
    let mut builder = ListBuilder::new(element.data_type(), &[element.array()], call.rows);
    for row in 0..call.rows {
        match int_at(count, row) {
            None => builder.finish_null()?,
            Some(count) => {
                if i64::from(count) > ELEMENTS_MAX {
                    return Err(too_many_elements("array_repeat", i64::from(count)));
                }
                for _ in 0..count {
                    builder.push(0, element.index(row));
                }
                builder.finish_row()?;
            }
        }
    }
    builder.finish()
}

/// The fields have the names `0`, `1`, …, as Spark names them for arguments that are no columns.
fn resolve_zip(arguments: &[Expr]) -> Result<Signature> {
    let mut fields = Vec::with_capacity(arguments.len());
    let mut types = Vec::with_capacity(arguments.len());
    for (index, array) in arguments.iter().enumerate() {
        if matches!(array.kind, ExprKind::Column(_) | ExprKind::Field(_, _)) {
            return Err(Error::unsupported(
                "`arrays_zip` of columns (its fields take their names from the columns; use zip_with)",
            ));
        }
        let element = element_type("arrays_zip", arguments, index)?;
        fields.push(Field::new(index.to_string(), element.clone(), true));
        types.push(list_of(element));
    }
    Ok(Signature {
        arguments: types,
        returns: list_of(DataType::Struct(Fields::from(fields))),
        is_nullable: any_nullable(arguments),
    })
}

fn zip(call: &Call<'_>) -> Result<ArrayRef> {
    let DataType::List(field) = call.returns else {
        return Err(Error::internal("`arrays_zip` does not give an array"));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::internal("`arrays_zip` does not give structs"));
    };
    let mut lists = Vec::with_capacity(call.arguments.len());
    let mut columns = Vec::with_capacity(call.arguments.len());
    for value in call.arguments {
        let (list, array) = Lists::new(value)?;
        columns.push(ListBuilder::new(
            array.values().data_type(),
            &[array.values()],
            call.rows,
        ));
        lists.push(list);
    }
    let mut shape = ListBuilder::new(&DataType::Null, &[], call.rows);
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|list| list.range(row)).collect();
        let Some(ranges) = ranges else {
            shape.finish_null()?;
            continue;
        };
        let length = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        for (range, column) in ranges.into_iter().zip(&mut columns) {
            let missing = length - range.len();
            range.for_each(|element| column.push(0, element));
            (0..missing).for_each(|_| column.push_null());
        }
        (0..length).for_each(|_| shape.push_null());
        shape.finish_row()?;
    }
    let elements = columns
        .iter()
        .map(ListBuilder::elements)
        .collect::<Result<Vec<_>>>()?;
    let (offsets, nulls) = shape.shape();
    let length = usize::try_from(offsets.last().copied().unwrap_or_default()).unwrap_or_default();
    let structs = StructArray::try_new_with_length(fields.clone(), elements, None, length)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        offsets,
        Arc::new(structs),
        nulls,
    )?))
}

fn resolve_remove(arguments: &[Expr]) -> Result<Signature> {
    let different = "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES";
    refuse_untyped("array_remove", arguments, 1, different)?;
    let mut signature = resolve_with_element("array_remove", arguments)?;
    let element = element_type("array_remove", arguments, 0)?;
    if !is_hashable(&element) {
        return Err(no_order("array_remove", &element));
    }
    signature.is_nullable = any_nullable(arguments);
    Ok(signature)
}

fn remove(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, removed] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let ordered = Ordered::new(values, removed.array())?;
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for row in 0..call.rows {
        let at = removed.index(row);
        match lists.range(row) {
            Some(elements) if !is_null(removed.array(), at) => {
                elements
                    .filter(|element| {
                        is_null(values, *element) || ordered.compare(*element, at).is_ne()
                    })
                    .for_each(|element| builder.push(0, element));
                builder.finish_row()?;
            }
            _ => builder.finish_null()?,
        }
    }
    builder.finish()
}

fn compact(call: &Call<'_>) -> Result<ArrayRef> {
    let [array] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for row in 0..call.rows {
        match lists.range(row) {
            Some(elements) => {
                elements
                    .filter(|element| !is_null(values, *element))
                    .for_each(|element| builder.push(0, element));
                builder.finish_row()?;
            }
            None => builder.finish_null()?,
        }
    }
    builder.finish()
}

fn resolve_flatten(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("flatten", arguments, 1, 1)?;
    let inner = element_type("flatten", arguments, 0)?;
    if !matches!(inner, DataType::List(_)) {
        let array = argument("flatten", arguments, 0)?;
        return Err(unexpected_type("flatten", array, 0, "ARRAY of ARRAY"));
    }
    Ok(Signature {
        arguments: vec![list_of(inner.clone())],
        returns: inner,
        is_nullable: true,
    })
}

fn flatten(call: &Call<'_>) -> Result<ArrayRef> {
    let [array] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let inner_value = Value::Array(Arc::clone(list.values()));
    let (inner_lists, inner) = Lists::new(&inner_value)?;
    let values = inner.values();
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists
            .range(row)
            .and_then(|parts| parts.map(|part| inner_lists.range(part)).collect());
        let Some(ranges) = ranges else {
            builder.finish_null()?;
            continue;
        };
        ranges
            .into_iter()
            .flatten()
            .for_each(|element| builder.push(0, element));
        builder.finish_row()?;
    }
    builder.finish()
}

fn resolve_slice(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("slice", arguments, 3, 3)?;
    let element = element_type("slice", arguments, 0)?;
    let int = [Wanted::Exactly(DataType::Int32)];
    Ok(Signature {
        arguments: vec![
            list_of(element.clone()),
            argument_type("slice", arguments, 1, &int)?,
            argument_type("slice", arguments, 2, &int)?,
        ],
        returns: list_of(element),
        is_nullable: any_nullable(arguments),
    })
}

fn slice(call: &Call<'_>) -> Result<ArrayRef> {
    let [array, start, length] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for row in 0..call.rows {
        let parts = (lists.range(row), int_at(start, row), int_at(length, row));
        let (Some(elements), Some(start), Some(length)) = parts else {
            builder.finish_null()?;
            continue;
        };
        let count = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        let first = match i64::from(start) {
            0 => {
                return Err(Error::data(
                    "expects a positive or a negative value for `start`, but got 0",
                )
                .with_condition("INVALID_PARAMETER_VALUE.START"));
            }
            start if start < 0 => count + start,
            start => start - 1,
        };
        let length = usize::try_from(length).map_err(|_| {
            Error::data(format!(
                "expects `length` greater than or equal to 0, but got {length}"
            ))
            .with_condition("INVALID_PARAMETER_VALUE.LENGTH")
        })?;
        // A start before the array gives nothing, also if the length reaches into it.
        if let Ok(first) = usize::try_from(first) {
            elements
                .skip(first)
                .take(length)
                .for_each(|element| builder.push(0, element));
        }
        builder.finish_row()?;
    }
    builder.finish()
}
