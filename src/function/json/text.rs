//! `get_json_object`, `json_array_length`, `json_object_keys`: looking into JSON text.

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::format::json::{JsonPath, array_length, object_keys};
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "get_json_object",
            usage: "get_json_object(json_txt, path)",
            description: "What a path such as $.a.b[0] names in a JSON text; null if nothing, or if the text is no JSON.",
            example: r#"SELECT get_json_object('{"a":"b"}', '$.a')"#,
            resolve: resolve_get_json_object,
            kernel: get_json_object,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "json_array_length",
            usage: "json_array_length(jsonArray)",
            description: "The number of elements of a JSON array; null if the text is none.",
            example: "SELECT json_array_length('[1,2,3,4]')",
            resolve: resolve_json_array_length,
            kernel: json_array_length,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "json_object_keys",
            usage: "json_object_keys(json_object)",
            description: "The names of a JSON object, not those inside it; null if the text is none.",
            example: r#"SELECT json_object_keys('{"key": "value"}')"#,
            resolve: resolve_json_object_keys,
            kernel: json_object_keys,
            is_deterministic: true,
        },
    ]
}

/// So many strings, giving `returns`.
fn strings(name: &str, arguments: &[Expr], count: usize, returns: DataType) -> Result<Signature> {
    count_arguments(name, arguments, count, count)?;
    let text = [Wanted::Exactly(DataType::Utf8)];
    let wanted = (0..count).map(|index| argument_type(name, arguments, index, &text));
    Ok(Signature {
        arguments: wanted.collect::<Result<_>>()?,
        returns,
        is_nullable: true,
    })
}

/// A string argument, and the index of a row's value in it.
fn texts<'a>(call: &Call<'a>, index: usize) -> Result<(&'a StringArray, &'a Value)> {
    let value = call.arguments.get(index);
    value
        .and_then(|value| Some((value.array().as_string_opt::<i32>()?, value)))
        .ok_or_else(|| Error::internal("a JSON function got no string"))
}

fn resolve_get_json_object(arguments: &[Expr]) -> Result<Signature> {
    strings("get_json_object", arguments, 2, DataType::Utf8)
}

fn get_json_object(call: &Call<'_>) -> Result<ArrayRef> {
    let (jsons, json_value) = texts(call, 0)?;
    let (paths, path_value) = texts(call, 1)?;
    let get = |array: &'_ StringArray, index: usize| {
        (index < array.len() && array.is_valid(index)).then(|| array.value(index).to_owned())
    };
    let constant = match path_value {
        Value::Scalar(_) => get(paths, 0).and_then(|path| JsonPath::parse(&path)),
        Value::Array(_) => None,
    };
    let mut results = StringBuilder::with_capacity(call.rows, 0);
    let mut found = Vec::new();
    for row in 0..call.rows {
        let path = match path_value {
            Value::Scalar(_) => constant.clone(),
            Value::Array(_) => get(paths, row).and_then(|path| JsonPath::parse(&path)),
        };
        let index = json_value.index(row);
        found.clear();
        let is_found = path.is_some_and(|path| {
            jsons.is_valid(index) && path.find(jsons.value(index).as_bytes(), &mut found)
        });
        match std::str::from_utf8(&found) {
            Ok(text) if is_found => results.append_value(text),
            _ => results.append_null(),
        }
    }
    Ok(Arc::new(results.finish()))
}

fn resolve_json_array_length(arguments: &[Expr]) -> Result<Signature> {
    strings("json_array_length", arguments, 1, DataType::Int32)
}

fn json_array_length(call: &Call<'_>) -> Result<ArrayRef> {
    let (jsons, _) = texts(call, 0)?;
    let length = |json: Option<&str>| array_length(json?.as_bytes());
    Ok(Arc::new(jsons.iter().map(length).collect::<Int32Array>()))
}

fn resolve_json_object_keys(arguments: &[Expr]) -> Result<Signature> {
    let returns = types::list_of(DataType::Utf8);
    strings("json_object_keys", arguments, 1, returns)
}

fn json_object_keys(call: &Call<'_>) -> Result<ArrayRef> {
    let (jsons, _) = texts(call, 0)?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for json in jsons {
        match json.and_then(|json| object_keys(json.as_bytes())) {
            Some(keys) => {
                for key in keys {
                    lists.values().append_value(key);
                }
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    Ok(Arc::new(lists.finish()))
}
