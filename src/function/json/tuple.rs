//! What the generator `json_tuple` is made of: a list of one struct with the wanted fields as text.

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::format::json::JsonPath;
use crate::function::kernel::{Column, Text};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{ArrayRef, ListArray, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "__json_tuple",
        usage: "__json_tuple(jsonStr, field, …)",
        description: "A list of one struct: the fields of a JSON object as text.",
        example: "SELECT 1",
        resolve,
        kernel: tuple,
        is_deterministic: true,
    }]
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    if arguments.len() < 2 {
        return Err(Error::invalid(format!(
            "the `json_tuple` requires > 1 parameters but the actual number is {}",
            arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    }
    if let Some(other) = arguments
        .iter()
        .find(|argument| argument.data_type != DataType::Utf8)
    {
        return Err(
            Error::invalid("all arguments of the function `json_tuple` must be strings")
                .with_condition("DATATYPE_MISMATCH.NON_STRING_TYPE")
                .with_span(other.span),
        );
    }
    let fields: Fields = (0..arguments.len() - 1)
        .map(|index| Field::new(format!("c{index}"), DataType::Utf8, true))
        .collect();
    Ok(Signature {
        arguments: arguments.iter().map(|_| DataType::Utf8).collect(),
        returns: types::list_of(DataType::Struct(fields)),
        is_nullable: false,
    })
}

fn tuple(call: &Call<'_>) -> Result<ArrayRef> {
    let json: Text<'_> = Column::of(call, 0)?;
    let mut columns: Vec<ArrayRef> = Vec::new();
    for index in 1..call.arguments.len() {
        let names: Text<'_> = Column::of(call, index)?;
        let mut paths: HashMap<&str, JsonPath> = HashMap::new();
        let mut values = StringBuilder::with_capacity(call.rows, 0);
        for row in 0..call.rows {
            let (Some(json), Some(name)) = (json.get(row), names.get(row)) else {
                values.append_null();
                continue;
            };
            let path = paths
                .entry(name)
                .or_insert_with(|| JsonPath::last_field(name));
            let mut found = Vec::new();
            if path.find(json.as_bytes(), &mut found) {
                values.append_value(String::from_utf8_lossy(&found));
            } else {
                values.append_null();
            }
        }
        columns.push(Arc::new(values.finish()));
    }
    let DataType::List(field) = call.returns else {
        return Err(Error::internal("json_tuple gives a list"));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::internal("json_tuple gives a list of structs"));
    };
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_repeated_length(1, call.rows),
        Arc::new(StructArray::try_new(fields.clone(), columns, None)?),
        None,
    )?))
}
