//! Maps: `map_keys`, `map_values`, `map_entries`, `map_from_arrays`, `map_from_entries`, `map_concat`, `map_contains_key`.

use super::build::{ListBuilder, Lists};
use super::construct::{checked_key, map_array};
use super::{arguments, common_element, element_type};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::comparison::Ordered;
use crate::function::signature::{any_nullable, argument, count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{common_type, list_field, list_of, map_fields, map_key_value, map_of};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StructArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = parts();
    functions.extend(makers());
    functions
}

fn parts() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("map_keys", "map_keys(map)"),
            (
                "the keys as an array",
                "SELECT map_keys(map(1, 'a', 2, 'b'))",
            ),
            (
                |arguments| {
                    let (signature, key, _) = of_map("map_keys", arguments)?;
                    Ok(returning(signature, list_of(key)))
                },
                |call| part(call, |map| map.keys()),
            ),
        ),
        ScalarFunction::new(
            ("map_values", "map_values(map)"),
            (
                "the values as an array",
                "SELECT map_values(map(1, 'a', 2, 'b'))",
            ),
            (
                |arguments| {
                    let (signature, _, value) = of_map("map_values", arguments)?;
                    Ok(returning(signature, list_of(value)))
                },
                |call| part(call, |map| map.values()),
            ),
        ),
        ScalarFunction::new(
            ("map_entries", "map_entries(map)"),
            (
                "the entries as an array of structs",
                "SELECT map_entries(map(1, 'a', 2, 'b'))",
            ),
            (
                |arguments| {
                    let (signature, key, value) = of_map("map_entries", arguments)?;
                    let entry = DataType::Struct(map_fields(key, value));
                    Ok(returning(signature, list_of(entry)))
                },
                entries,
            ),
        ),
        ScalarFunction::new(
            ("map_contains_key", "map_contains_key(map, key)"),
            (
                "whether the map has the key",
                "SELECT map_contains_key(map(1, 'a', 2, 'b'), 1)",
            ),
            (resolve_contains, contains),
        ),
    ]
}

fn makers() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("map_from_arrays", "map_from_arrays(keys, values)"),
            (
                "a map of an array of keys and an array of values",
                "SELECT map_from_arrays(array(1.0, 3.0), array('2', '4'))",
            ),
            (resolve_from_arrays, from_arrays),
        ),
        ScalarFunction::new(
            ("map_from_entries", "map_from_entries(arrayOfEntries)"),
            (
                "a map of an array of structs of key and value",
                "SELECT map_from_entries(array(struct(1, 'a'), struct(2, 'b')))",
            ),
            (resolve_from_entries, from_entries),
        ),
        ScalarFunction::new(
            ("map_concat", "map_concat(map, ...)"),
            (
                "the entries of all maps as one",
                "SELECT map_concat(map(1, 'a', 2, 'b'), map(3, 'c'))",
            ),
            (resolve_concat, concat),
        ),
    ]
}

/// One argument that is a map, and its types.
fn of_map(name: &str, arguments: &[Expr]) -> Result<(Signature, DataType, DataType)> {
    count_arguments(name, arguments, 1, 1)?;
    let map = argument(name, arguments, 0)?;
    let untyped = map_of(DataType::Null, DataType::Null);
    let map_type = match &map.data_type {
        DataType::Null if name != "map_contains_key" => &untyped,
        other => other,
    };
    let Some((key, value)) = map_key_value(map_type) else {
        return Err(unexpected_type(name, map, 0, "MAP"));
    };
    let signature = Signature {
        arguments: vec![map_type.clone()],
        returns: DataType::Null,
        is_nullable: any_nullable(arguments),
    };
    Ok((signature, key.clone(), value.clone()))
}

fn returning(mut signature: Signature, returns: DataType) -> Signature {
    signature.returns = returns;
    signature
}

fn as_map(value: &Value) -> Result<&MapArray> {
    value
        .array()
        .as_map_opt()
        .ok_or_else(|| Error::internal("an argument is not a map"))
}

fn part(call: &Call<'_>, part: impl Fn(&MapArray) -> &ArrayRef) -> Result<ArrayRef> {
    let [map] = arguments(call)?;
    let map = as_map(map)?;
    let column = part(map);
    Ok(Arc::new(ListArray::try_new(
        list_field(column.data_type().clone()),
        map.offsets().clone(),
        Arc::clone(column),
        map.nulls().cloned(),
    )?))
}

fn entries(call: &Call<'_>) -> Result<ArrayRef> {
    let [map] = arguments(call)?;
    let map = as_map(map)?;
    let fields = map_fields(
        map.keys().data_type().clone(),
        map.values().data_type().clone(),
    );
    let columns = vec![Arc::clone(map.keys()), Arc::clone(map.values())];
    let structs = StructArray::try_new(fields, columns, None)?;
    Ok(Arc::new(ListArray::try_new(
        list_field(structs.data_type().clone()),
        map.offsets().clone(),
        Arc::new(structs),
        map.nulls().cloned(),
    )?))
}

fn resolve_contains(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("map_contains_key", arguments, 2, 2)?;
    let (_, key, value) = of_map("map_contains_key", arguments.get(..1).unwrap_or_default())?;
    let wanted = argument("map_contains_key", arguments, 1)?;
    if wanted.data_type == DataType::Null {
        return Err(
            Error::invalid("null typed values cannot be keys of `map_contains_key`")
                .with_condition("DATATYPE_MISMATCH.NULL_TYPE"),
        );
    }
    let common = common_element("map_contains_key", &key, &wanted.data_type)
        .map_err(|error| error.with_condition("DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES"))?;
    Ok(Signature {
        arguments: vec![map_of(common.clone(), value), common],
        returns: DataType::Boolean,
        is_nullable: any_nullable(arguments),
    })
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    let [maps, wanted] = arguments(call)?;
    let (entries, map) = Lists::of_maps(maps)?;
    let ordered = Ordered::new(map.keys(), wanted.array())?;
    let answers: BooleanArray = (0..call.rows)
        .map(|row| {
            let at = wanted.index(row);
            if wanted.array().is_null(at) {
                return None;
            }
            let mut entries = entries.range(row)?;
            Some(entries.any(|entry| ordered.compare(entry, at).is_eq()))
        })
        .collect();
    Ok(Arc::new(answers))
}

fn resolve_from_arrays(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("map_from_arrays", arguments, 2, 2)?;
    let key = element_type("map_from_arrays", arguments, 0)?;
    let value = element_type("map_from_arrays", arguments, 1)?;
    Ok(Signature {
        arguments: vec![list_of(key.clone()), list_of(value.clone())],
        returns: map_of(checked_key("map_from_arrays", key)?, value),
        is_nullable: any_nullable(arguments),
    })
}

fn from_arrays(call: &Call<'_>) -> Result<ArrayRef> {
    let [keys, values] = arguments(call)?;
    let (key_lists, key_array) = Lists::new(keys)?;
    let (value_lists, value_array) = Lists::new(values)?;
    let (key_column, value_column) = (key_array.values(), value_array.values());
    let mut keys = ListBuilder::new(key_column.data_type(), &[key_column], call.rows);
    let mut values = ListBuilder::new(value_column.data_type(), &[value_column], call.rows);
    for row in 0..call.rows {
        let (Some(key_range), Some(value_range)) = (key_lists.range(row), value_lists.range(row))
        else {
            keys.finish_null()?;
            continue;
        };
        if key_range.len() != value_range.len() {
            return Err(Error::data(
                "the key array and value array of `map_from_arrays` must have the same length",
            )
            .with_condition("_LEGACY_ERROR_TEMP_2128"));
        }
        key_range.for_each(|element| keys.push(0, element));
        value_range.for_each(|element| values.push(0, element));
        keys.finish_row()?;
    }
    finish(call.returns, keys, &values)
}

/// Maps of keys and values that were picked in the same order.
fn finish(data_type: &DataType, keys: ListBuilder, values: &ListBuilder) -> Result<ArrayRef> {
    let columns = (keys.elements()?, values.elements()?);
    let (offsets, nulls) = keys.shape();
    map_array(data_type, columns, offsets, nulls)
}

fn resolve_from_entries(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("map_from_entries", arguments, 1, 1)?;
    let element = element_type("map_from_entries", arguments, 0)?;
    let pair = match &element {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value] => Some((key.data_type().clone(), value.data_type().clone())),
            _ => None,
        },
        _ => None,
    };
    let Some((key, value)) = pair else {
        let array = argument("map_from_entries", arguments, 0)?;
        return Err(unexpected_type(
            "map_from_entries",
            array,
            0,
            "ARRAY of pair STRUCT",
        ));
    };
    Ok(Signature {
        arguments: vec![list_of(element)],
        returns: map_of(checked_key("map_from_entries", key)?, value),
        is_nullable: true,
    })
}

fn from_entries(call: &Call<'_>) -> Result<ArrayRef> {
    let [array] = arguments(call)?;
    let (lists, list) = Lists::new(array)?;
    let structs = list.values().as_struct();
    let [key_column, value_column] = structs.columns() else {
        return Err(Error::internal("an entry is not a pair"));
    };
    let mut keys = ListBuilder::new(key_column.data_type(), &[key_column], call.rows);
    let mut values = ListBuilder::new(value_column.data_type(), &[value_column], call.rows);
    for row in 0..call.rows {
        match lists.range(row) {
            // An entry that is null makes the whole map null.
            Some(range) if range.clone().all(|entry| structs.is_valid(entry)) => {
                for entry in range {
                    keys.push(0, entry);
                    values.push(0, entry);
                }
                keys.finish_row()?;
            }
            _ => keys.finish_null()?,
        }
    }
    finish(call.returns, keys, &values)
}

fn resolve_concat(arguments: &[Expr]) -> Result<Signature> {
    if arguments.is_empty() {
        return Ok(Signature {
            arguments: Vec::new(),
            returns: map_of(DataType::Utf8, DataType::Utf8),
            is_nullable: false,
        });
    }
    let mut common = map_of(DataType::Null, DataType::Null);
    for map in arguments {
        if map_key_value(&map.data_type).is_none() {
            return Err(Error::invalid(format!(
                "the arguments of `map_concat` must be maps of one type, but there is also \"{}\"",
                map.sql_type()
            ))
            .with_condition("DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES"));
        }
        common = common_type(&common, &map.data_type).ok_or_else(|| {
            Error::invalid(format!(
                "input to `map_concat` should all be of one type, but there is also \"{}\"",
                map.sql_type()
            ))
            .with_condition("DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES")
        })?;
    }
    Ok(Signature {
        arguments: vec![common.clone(); arguments.len()],
        returns: common,
        is_nullable: any_nullable(arguments),
    })
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let mut lists = Vec::with_capacity(call.arguments.len());
    let mut key_columns = Vec::with_capacity(call.arguments.len());
    let mut value_columns = Vec::with_capacity(call.arguments.len());
    for value in call.arguments {
        let (list, map) = Lists::of_maps(value)?;
        lists.push(list);
        key_columns.push(map.keys());
        value_columns.push(map.values());
    }
    let Some((key, value)) = map_key_value(call.returns) else {
        return Err(Error::internal("`map_concat` does not give a map"));
    };
    let mut keys = ListBuilder::new(key, &key_columns, call.rows);
    let mut values = ListBuilder::new(value, &value_columns, call.rows);
    for row in 0..call.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|list| list.range(row)).collect();
        let Some(ranges) = ranges else {
            keys.finish_null()?;
            continue;
        };
        for (column, range) in ranges.into_iter().enumerate() {
            for entry in range {
                keys.push(column, entry);
                values.push(column, entry);
            }
        }
        keys.finish_row()?;
    }
    finish(call.returns, keys, &values)
}
