//! `input[item]`: an element of an array, counted from 0, or the value of a key of a map.
//!
//! As in ANSI mode, an index outside of the array is an error; a key that the map does not have gives null.

use crate::cast::can_cast;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::function::comparison::Ordered;
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{common_type, is_atomic, is_integral, is_numeric, map_key_value, sql_name};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_empty_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int64Type};

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "__item",
        usage: "__item(input, item)",
        description: "The element of an array at an index from 0, or the value of a key of a map.",
        example: "SELECT a[0], m['x'] FROM VALUES (array(1, 2), map('x', 1)) AS t(a, m)",
        resolve,
        kernel,
        is_deterministic: true,
    }]
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let [input, item] = arguments else {
        return Err(Error::internal("`__item` takes two arguments"));
    };
    if let DataType::List(element) = &input.data_type {
        if !is_integral(&item.data_type) && item.data_type != DataType::Null {
            return Err(unexpected("INTEGRAL", &item.data_type));
        }
        return Ok(Signature {
            arguments: vec![input.data_type.clone(), DataType::Int64],
            returns: element.data_type().clone(),
            is_nullable: input.is_nullable || item.is_nullable || element.is_nullable(),
        });
    }
    let (key, value) = map_key_value(&input.data_type)
        .ok_or_else(|| Error::internal("`__item` takes an array or a map"))?;
    // Anything that has a text form may stand for a key that is text.
    let is_text =
        *key == DataType::Utf8 && can_cast(&item.data_type, key) && is_atomic(&item.data_type);
    // A number that is written out becomes one of the key's type.
    let is_written =
        matches!(item.kind, ExprKind::Literal(_)) && is_numeric(&item.data_type) && is_numeric(key);
    if !is_text && !is_written && common_type(key, &item.data_type).as_ref() != Some(key) {
        return Err(unexpected(&sql_name(key), &item.data_type));
    }
    Ok(Signature {
        arguments: vec![input.data_type.clone(), key.clone()],
        returns: value.clone(),
        is_nullable: true,
    })
}

fn unexpected(wanted: &str, found: &DataType) -> Error {
    Error::invalid(format!(
        "the second parameter requires the \"{wanted}\" type, however it has the type \"{}\"",
        sql_name(found)
    ))
    .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let [input, item] = call.arguments else {
        return Err(Error::internal("`__item` takes two arguments"));
    };
    // Two constants give one row, which the caller repeats.
    let rows = if input.is_scalar() && item.is_scalar() {
        1
    } else {
        call.rows
    };
    match input.data_type() {
        DataType::List(_) => element(input, item, rows),
        _ => value(input, item, rows),
    }
}

/// The elements at the indices.
fn element(input: &Value, item: &Value, rows: usize) -> Result<ArrayRef> {
    let (Some(lists), Some(indices)) = (
        input.array().as_list_opt::<i32>(),
        item.array().as_primitive_opt::<Int64Type>(),
    ) else {
        return Err(Error::internal("`__item` takes an array and a number"));
    };
    let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let (list, at) = (input.index(row), item.index(row));
        if lists.is_null(list) || indices.is_null(at) {
            places.push(None);
            continue;
        }
        let length = i64::from(lists.value_length(list));
        let index = indices.value(at);
        if index < 0 || index >= length {
            return Err(Error::data(format!(
                "the index {index} is out of bounds. The array has {length} elements. Use the SQL function get() to tolerate accessing element at invalid index and return NULL instead"
            ))
            .with_condition("INVALID_ARRAY_INDEX"));
        }
        let offset = lists.value_offsets().get(list).copied().unwrap_or_default();
        places.push(u32::try_from(i64::from(offset) + index).ok());
    }
    Ok(take(lists.values(), &UInt32Array::from(places), None)?)
}

/// The values of the keys.
fn value(input: &Value, item: &Value, rows: usize) -> Result<ArrayRef> {
    let maps = input
        .array()
        .as_map_opt()
        .ok_or_else(|| Error::internal("`__item` takes a map and a key"))?;
    if rows == 0 {
        return Ok(new_empty_array(maps.value_type()));
    }
    let ordered = Ordered::new(maps.keys(), item.array())?;
    let mut places: Vec<Option<u32>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let (map, at) = (input.index(row), item.index(row));
        if maps.is_null(map) || item.array().is_null(at) {
            places.push(None);
            continue;
        }
        let offsets = maps.value_offsets();
        let start = offsets.get(map).copied().unwrap_or_default();
        let end = offsets.get(map + 1).copied().unwrap_or(start);
        let entries = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        let found = entries
            .into_iter()
            .find(|entry| ordered.compare(*entry, at).is_eq());
        places.push(found.and_then(|entry| u32::try_from(entry).ok()));
    }
    Ok(take(maps.values(), &UInt32Array::from(places), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Int32Array, Int32Builder, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder,
    };
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    fn lists() -> Value {
        Value::Array(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
            [
                Some(vec![Some(1), Some(2)]),
                None,
                Some(vec![None, Some(4), Some(5)]),
            ],
        )))
    }

    fn at(index: i64) -> Value {
        Value::Scalar(Arc::new(Int64Array::from(vec![index])))
    }

    #[test]
    fn elements_are_counted_from_zero() {
        let found = element(&lists(), &at(1), 3).unwrap();
        let expected: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), None, Some(4)]));
        assert_eq!(&found, &expected);
        let found = element(&lists(), &at(0), 3).unwrap();
        assert!(found.is_null(2));
    }

    #[test]
    fn an_index_outside_of_the_array_is_an_error() {
        for index in [2, -1] {
            let error = element(&lists(), &at(index), 3).unwrap_err();
            assert_eq!(error.condition(), Some("INVALID_ARRAY_INDEX"));
        }
    }

    #[test]
    fn a_key_that_is_not_there_gives_null() {
        let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in [("a", 1), ("b", 2)] {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true).unwrap();
        builder.append(true).unwrap();
        builder.append(false).unwrap();
        let maps = Value::Array(Arc::new(builder.finish()));
        let key = Value::Scalar(Arc::new(StringArray::from(vec!["b"])));
        let found = value(&maps, &key, 3).unwrap();
        let expected: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), None, None]));
        assert_eq!(&found, &expected);
    }
}
