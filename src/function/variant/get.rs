//! Out of values: `variant_get`, and the entries that `variant_explode` turns into rows.

use super::{entry_type, variant_argument, with_column};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Text};
use crate::function::signature::{TEXT, argument_type, constant, count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use crate::variant::{
    Node, Step, VariantColumn, VariantColumnBuilder, VariantRef, from_variant, parse_path,
};
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, ListArray, StringBuilder, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "variant_get",
            usage: "variant_get(v, path[, type])",
            description: "What stands at a path of a VARIANT, cast to the type; null if nothing does.",
            example: r#"SELECT variant_get(parse_json('{"a": 1}'), '$.a', 'int')"#,
            resolve: |arguments| resolve_get("variant_get", arguments),
            kernel: |call| get(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_variant_get",
            usage: "try_variant_get(v, path[, type])",
            description: "As variant_get, null where the value cannot be cast.",
            example: r#"SELECT try_variant_get(parse_json('[1, "2"]'), '$[1]', 'string')"#,
            resolve: |arguments| resolve_get("try_variant_get", arguments),
            kernel: |call| get(call, true),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "__variant_entries",
            usage: "__variant_entries(input)",
            description: "The elements of an array or the fields of an object, each with its position.",
            example: "SELECT 1",
            resolve: |arguments| {
                count_arguments("variant_explode", arguments, 1, 1)?;
                variant_argument("variant_explode", arguments)?;
                Ok(Signature {
                    arguments: vec![types::variant()],
                    returns: types::list_of(entry_type()),
                    is_nullable: true,
                })
            },
            kernel: |call| with_column(call, |column| entries(call, column)),
            is_deterministic: true,
        },
    ]
}

fn resolve_get(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 3)?;
    variant_argument(name, arguments)?;
    let mut wanted = vec![types::variant(), argument_type(name, arguments, 1, TEXT)?];
    let mut returns = types::variant();
    if arguments.len() == 3 {
        let text = constant(name, arguments, 2)?;
        let text = text
            .as_string_opt::<i32>()
            .filter(|text| text.is_valid(0))
            .ok_or_else(|| match arguments.get(2) {
                Some(argument) => unexpected_type(name, argument, 2, "STRING"),
                None => Error::internal("an argument is gone"),
            })?;
        returns = types::parse_data_type(text.value(0))?;
        if !crate::cast::can_cast(&types::variant(), &returns) {
            return Err(Error::invalid(format!(
                "`{name}` cannot cast \"VARIANT\" to \"{}\"",
                types::sql_name(&returns)
            ))
            .with_condition("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"));
        }
        wanted.push(DataType::Utf8);
    }
    Ok(Signature {
        arguments: wanted,
        returns,
        is_nullable: true,
    })
}

/// The steps of each path, read once.
#[derive(Default)]
struct Paths(HashMap<String, Vec<Step>>);

impl Paths {
    fn get(&mut self, path: &str, function: &str) -> Result<&[Step]> {
        if !self.0.contains_key(path) {
            let steps = parse_path(path).ok_or_else(|| {
                Error::data(format!(
                    "a path starts with `$`, followed by segments like `[123]`, `.name` or `['name']`. function=`{function}`, path=`{path}`"
                ))
                .with_condition("INVALID_VARIANT_GET_PATH")
            })?;
            self.0.insert(path.to_owned(), steps);
        }
        Ok(self.0.get(path).map(Vec::as_slice).unwrap_or_default())
    }
}

fn get(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let function = if is_try {
        "try_variant_get"
    } else {
        "variant_get"
    };
    with_column(call, |column| {
        let texts: Text<'_> = Column::of(call, 1)?;
        let mut paths = Paths::default();
        let mut found: Vec<Option<VariantRef<'_>>> = Vec::with_capacity(call.rows);
        for row in 0..call.rows {
            found.push(match (column.get(row)?, texts.get(row)) {
                (Some(value), Some(path)) => value.at(paths.get(path, function)?)?,
                _ => None,
            });
        }
        if *call.returns == types::variant() {
            let mut builder = VariantColumnBuilder::with_capacity(call.rows);
            for value in found {
                match value {
                    Some(value) => builder.append_ref(value),
                    None => builder.append(None),
                }
            }
            return Ok(builder.finish());
        }
        let nodes = found
            .into_iter()
            .map(|value| value.map(|value| value.node()).transpose())
            .collect::<Result<Vec<_>>>()?;
        from_variant(&nodes, call.returns, is_try, call.context)
    })
}

/// A list of the parts of each value; null for what has none.
fn entries(call: &Call<'_>, column: VariantColumn<'_>) -> Result<ArrayRef> {
    let (mut lengths, mut valid, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut values) = (
        StringBuilder::new(),
        VariantColumnBuilder::with_capacity(call.rows),
    );
    for row in 0..call.rows {
        let parts: Vec<(Option<String>, Node)> = match column.node(row)? {
            Some(Node::Array(elements)) => elements.into_iter().map(|node| (None, node)).collect(),
            Some(Node::Object(fields)) => fields
                .into_iter()
                .map(|(name, node)| (Some(name), node))
                .collect(),
            _ => Vec::new(),
        };
        valid.push(!parts.is_empty());
        lengths.push(parts.len());
        for (position, (name, node)) in (0_i32..).zip(parts) {
            positions.push(position);
            names.append_option(name);
            values.append(Some(&node));
        }
    }
    let DataType::List(field) = call.returns else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(positions)),
        Arc::new(names.finish()),
        values.finish(),
    ];
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(StructArray::try_new(fields.clone(), columns, None)?),
        Some(NullBuffer::from(valid)),
    )?))
}
