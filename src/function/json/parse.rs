//! `from_json` and `to_json`, `schema_of_json`.

use super::{constant, options_of, pairs_of};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::format::json::{
    InferOptions, JsonDecoder, JsonInference, JsonOptions, JsonValueDecoder, JsonWriteOptions,
    JsonWriter,
};
use crate::format::{ParseMode, nullable};
use crate::function::signature::{Wanted, argument, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::options::Options;
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, ListBuilder, StringBuilder, StructArray, new_null_array,
};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "from_json",
            usage: "from_json(jsonStr, schema[, options])",
            description: "The struct, array or map that a JSON text holds, with the columns of the schema.",
            example: r#"SELECT from_json('{"a":1, "b":0.8}', 'a INT, b DOUBLE')"#,
            resolve: resolve_from_json,
            kernel: from_json,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "to_json",
            usage: "to_json(expr[, options])",
            description: "A struct, array or map as JSON text; fields that are null are left out.",
            example: "SELECT to_json(named_struct('a', 1, 'b', 2))",
            resolve: resolve_to_json,
            kernel: to_json,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "schema_of_json",
            usage: "schema_of_json(json[, options])",
            description: "The schema of a constant JSON text, in the form that from_json takes.",
            example: r#"SELECT schema_of_json('[{"col":0}]')"#,
            resolve: resolve_schema_of_json,
            kernel: schema_of_json,
            is_deterministic: true,
        },
    ]
}

/// Reads the options of `from_json`.
fn read_options(pairs: &BTreeMap<String, String>, time_zone: &str) -> Result<JsonOptions> {
    let mut options = Options::new("function from_json", pairs.clone());
    let read = JsonOptions::take(&mut options, time_zone)?;
    options.finish()?;
    if read.mode == ParseMode::DropMalformed {
        return Err(Error::invalid(
            "from_json gives a value for every row and cannot drop malformed ones. mode=`DROPMALFORMED`",
        )
        .with_condition("PARSE_MODE_UNSUPPORTED"));
    }
    Ok(JsonOptions {
        keeps_text: false,
        ..read
    })
}

fn write_options(pairs: &BTreeMap<String, String>, time_zone: &str) -> Result<JsonWriteOptions> {
    let mut options = Options::new("function to_json", pairs.clone());
    let write = JsonWriteOptions::take(&mut options, time_zone)?;
    options.finish()?;
    Ok(write)
}

/// A schema in text: a type (`ARRAY<INT>`) or a list of columns (`a INT, b STRING`). As in Spark, what is neither is no schema at all, a
/// type that is not known too.
fn schema_of(text: &str) -> Result<DataType> {
    if let Ok(data_type) = types::parse_data_type(text) {
        return Ok(data_type);
    }
    match types::parse_ddl_schema(text) {
        Ok(schema) => Ok(DataType::Struct(schema.fields)),
        Err(error) if error.condition() == Some("UNSUPPORTED_DATATYPE") => {
            Err(error.with_condition("PARSE_SYNTAX_ERROR"))
        }
        Err(error) => Err(error),
    }
}

fn resolve_from_json(arguments: &[Expr]) -> Result<Signature> {
    let name = "from_json";
    count_arguments(name, arguments, 2, 3)?;
    let text = argument_type(name, arguments, 0, &[Wanted::Exactly(DataType::Utf8)])?;
    let schema = argument(name, arguments, 1)?;
    let value = constant(name, schema, "INVALID_SCHEMA.NON_STRING_LITERAL")?;
    let not_text = || {
        Error::invalid("the schema of from_json must be a string, such as 'a INT, b STRING'")
            .with_condition("INVALID_SCHEMA.NON_STRING_LITERAL")
            .with_span(schema.span)
    };
    let texts = value.as_string_opt::<i32>().ok_or_else(not_text)?;
    if texts.is_null(0) {
        return Err(not_text());
    }
    let returns = schema_of(texts.value(0)).map_err(|error| error.with_span(schema.span))?;
    let returns = nullable(&returns);
    let options = read_options(&options_of(name, arguments, 2)?, "UTC")?;
    // Refuses types that JSON cannot be read into.
    match &returns {
        DataType::Struct(fields) => drop(JsonDecoder::new(&Schema::new(fields.clone()), &options)?),
        DataType::List(_) | DataType::Map(..) => {
            drop(JsonValueDecoder::new(&returns, &options)?);
        }
        other => {
            return Err(Error::invalid(format!(
                "the schema of from_json must be a struct, an array or a map. type=`{}`",
                types::sql_name(other)
            ))
            .with_condition("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA")
            .with_span(schema.span));
        }
    }
    let mut wanted = vec![text];
    wanted.extend(
        arguments
            .iter()
            .skip(1)
            .map(|argument| argument.data_type.clone()),
    );
    Ok(Signature {
        arguments: wanted,
        returns,
        is_nullable: true,
    })
}

/// The options of a call: argument `index`, if there is one.
fn call_options(call: &Call<'_>, index: usize) -> BTreeMap<String, String> {
    let options = call.arguments.get(index).map(Value::array);
    options.map(pairs_of).unwrap_or_default()
}

fn first<'a>(call: &Call<'a>) -> Result<&'a ArrayRef> {
    let first = call.arguments.first().map(Value::array);
    first.ok_or_else(|| Error::internal("a JSON function got no argument"))
}

fn from_json(call: &Call<'_>) -> Result<ArrayRef> {
    if let DataType::Struct(fields) = call.returns {
        return Ok(Arc::new(parse_structs(call, fields)?));
    }
    let options = read_options(&call_options(call, 2), &call.context.time_zone)?;
    let mut decoder = JsonValueDecoder::new(call.returns, &options)?;
    for text in first(call)?.as_string::<i32>() {
        decoder.push(text)?;
    }
    decoder.finish()
}

/// A call of `from_json` that reads only these fields of its struct and leaves the others null. `None`, if `call` is none, or if its
/// value depends on fields that are not asked for: whether a record fails the query, and the text of a malformed one.
pub(crate) fn with_fields(call: &Expr, fields: &BTreeSet<usize>) -> Option<Expr> {
    let (ExprKind::Call(function, arguments), DataType::Struct(all)) =
        (&call.kind, &call.data_type)
    else {
        return None;
    };
    let (text, schema) = (arguments.first()?, arguments.get(1)?);
    let given = options_of("from_json", arguments, 2).ok()?;
    let options = read_options(&given, "UTC").ok()?;
    let names: BTreeSet<&String> = all.iter().map(|field| field.name()).collect();
    let wanted: Vec<&str> = fields
        .iter()
        .filter_map(|field| Some(all.get(*field)?.name().as_str()))
        .collect();
    let is_possible = function.name == "from_json"
        && schema.data_type == DataType::Utf8
        && (1..all.len()).contains(&wanted.len())
        && names.len() == all.len()
        && options.mode == ParseMode::Permissive
        && !wanted.contains(&options.column_name_of_corrupt_record.as_str());
    if !is_possible {
        return None;
    }
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value(wanted.into_iter().map(Some));
    let mut arguments_read = vec![text.clone(), Expr::literal(Arc::new(list.finish()))];
    arguments_read.extend(arguments.get(2).cloned());
    let narrow = ScalarFunction {
        name: function.name,
        usage: function.usage,
        description: function.description,
        example: function.example,
        resolve: function.resolve,
        kernel: from_json_fields,
        is_deterministic: function.is_deterministic,
    };
    Some(Expr {
        kind: ExprKind::Call(Arc::new(narrow), arguments_read),
        ..call.clone()
    })
}

/// `from_json` with a list of field names where the schema was: see [`with_fields`].
fn from_json_fields(call: &Call<'_>) -> Result<ArrayRef> {
    let misused = || Error::internal("from_json without the fields it is to read");
    let DataType::Struct(all) = call.returns else {
        return Err(misused());
    };
    let names = call.arguments.get(1).map(Value::array);
    let names = names.and_then(AsArray::as_list_opt::<i32>);
    let names = names.filter(|names| names.len() == 1).ok_or_else(misused)?;
    let names = names.value(0);
    let names: BTreeSet<&str> = names.as_string::<i32>().iter().flatten().collect();
    let is_read = |field: &FieldRef| names.contains(field.name().as_str());
    let read: Fields = all.iter().filter(|field| is_read(field)).cloned().collect();
    let rows = parse_structs(call, &read)?;
    let (len, nulls) = (rows.len(), rows.nulls().cloned());
    let mut read = rows.columns().iter();
    let columns = all.iter().map(|field| {
        if is_read(field) {
            read.next().map(Arc::clone).ok_or_else(misused)
        } else {
            Ok(new_null_array(field.data_type(), len))
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(all.clone(), columns, nulls)?))
}

/// The texts of the first argument as structs of these fields.
fn parse_structs(call: &Call<'_>, fields: &Fields) -> Result<StructArray> {
    let options = read_options(&call_options(call, 2), &call.context.time_zone)?;
    let mut decoder = JsonDecoder::new(&Schema::new(fields.clone()), &options)?;
    for text in first(call)?.as_string::<i32>() {
        decoder.push(text.map(str::as_bytes))?;
    }
    decoder.finish_struct()
}

fn resolve_to_json(arguments: &[Expr]) -> Result<Signature> {
    let name = "to_json";
    count_arguments(name, arguments, 1, 2)?;
    let input = argument(name, arguments, 0)?;
    if !matches!(
        input.data_type,
        DataType::Null | DataType::Struct(_) | DataType::List(_) | DataType::Map(..)
    ) && input.data_type != types::variant()
    {
        return Err(Error::invalid(format!(
            "to_json takes a struct, an array or a map. type=`{}`",
            input.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA")
        .with_span(input.span));
    }
    let options = write_options(&options_of(name, arguments, 1)?, "UTC")?;
    if input.data_type != DataType::Null {
        // Refuses types that cannot be written.
        JsonWriter::new(&arrow::array::new_empty_array(&input.data_type), &options)
            .map_err(|error| error.with_span(input.span))?;
    }
    Ok(Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns: DataType::Utf8,
        is_nullable: input.is_nullable,
    })
}

fn to_json(call: &Call<'_>) -> Result<ArrayRef> {
    let options = write_options(&call_options(call, 1), &call.context.time_zone)?;
    let values = first(call)?;
    if values.data_type() == &DataType::Null {
        return Ok(new_null_array(call.returns, values.len()));
    }
    let writer = JsonWriter::new(values, &options)?;
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 32);
    let mut text = Vec::new();
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        writer.write(row, &mut text);
        let text = std::str::from_utf8(&text)
            .map_err(|cause| Error::internal("JSON that is not UTF-8").with_source(cause))?;
        texts.append_value(text);
    }
    Ok(Arc::new(texts.finish()))
}

fn resolve_schema_of_json(arguments: &[Expr]) -> Result<Signature> {
    let name = "schema_of_json";
    count_arguments(name, arguments, 1, 2)?;
    let text = argument_type(name, arguments, 0, &[Wanted::Exactly(DataType::Utf8)])?;
    let json = argument(name, arguments, 0)?;
    let value = constant(name, json, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")?;
    if value.is_null(0) {
        return Err(
            Error::invalid("the text of schema_of_json must not be null")
                .with_condition("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .with_span(json.span),
        );
    }
    inference(&options_of(name, arguments, 1)?)?;
    let mut wanted = vec![text];
    wanted.extend(
        arguments
            .iter()
            .skip(1)
            .map(|argument| argument.data_type.clone()),
    );
    Ok(Signature {
        arguments: wanted,
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

fn inference(pairs: &BTreeMap<String, String>) -> Result<JsonInference> {
    let mut options = Options::new("function schema_of_json", pairs.clone());
    let read = JsonOptions::take(&mut options, "UTC")?;
    let infer = InferOptions::take(&mut options)?;
    options.finish()?;
    Ok(JsonInference::new(&read, infer))
}

fn schema_of_json(call: &Call<'_>) -> Result<ArrayRef> {
    let inference = inference(&call_options(call, 1))?;
    let mut schemas = StringBuilder::new();
    for text in first(call)?.as_string::<i32>() {
        let text = text.unwrap_or_default();
        if text.trim().is_empty() {
            // Nothing could be anything, which is text.
            schemas.append_value(types::sql_name(&DataType::Utf8));
            continue;
        }
        let Some(data_type) = inference.type_of(text.as_bytes()) else {
            return Err(Error::data(format!("the text is no JSON. text=`{text}`"))
                .with_condition("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"));
        };
        schemas.append_value(types::sql_name(&data_type));
    }
    Ok(Arc::new(schemas.finish()))
}
