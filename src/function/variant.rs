//! Functions of `VARIANT`: JSON text in, paths into values, changes to them, and their schemas. [`crate::variant`] has the values
//! themselves.

mod edit;
mod get;
mod schema;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Text, argument, try_booleans_of};
use crate::function::signature::{TEXT, argument_types, count_arguments, unexpected_type};
use crate::function::{AggregateFunction, Call, ScalarFunction, Signature};
use crate::types;
use crate::variant::{
    VariantColumn, VariantColumnBuilder, can_become_variant, parse_json, to_variant,
};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

/// The functions of one row.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = of_json();
    functions.extend(get::functions());
    functions.extend(edit::functions());
    functions.extend(schema::functions());
    functions
}

/// The aggregates.
pub(crate) fn aggregates() -> Vec<Arc<dyn AggregateFunction>> {
    vec![Arc::new(schema::SchemaOfVariantAgg)]
}

#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn of_json() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "parse_json",
            usage: "parse_json(jsonStr)",
            description: "The value of a JSON text as VARIANT.",
            example: r#"SELECT parse_json('{"a":1,"b":0.8}')"#,
            resolve: |arguments| resolve_parse("parse_json", arguments, false),
            kernel: |call| parse(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_parse_json",
            usage: "try_parse_json(jsonStr)",
            description: "As parse_json, null where the text is malformed.",
            example: r#"SELECT try_parse_json('{"a":1,"b":0.8}')"#,
            resolve: |arguments| resolve_parse("try_parse_json", arguments, true),
            kernel: |call| parse(call, true),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "to_variant_object",
            usage: "to_variant_object(expr)",
            description: "A struct, map or array as VARIANT, structs and maps as objects.",
            example: "SELECT to_variant_object(named_struct('a', 1, 'b', 2))",
            resolve: resolve_object,
            kernel: |call| to_variant(&argument(call, 0)?.to_array(call.rows)?),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "is_variant_null",
            usage: "is_variant_null(expr)",
            description: "Whether it is the null of JSON; false for NULL.",
            example: "SELECT is_variant_null(parse_json('null'))",
            resolve: |arguments| {
                count_arguments("is_variant_null", arguments, 1, 1)?;
                variant_argument("is_variant_null", arguments)?;
                Ok(Signature {
                    arguments: vec![types::variant()],
                    returns: DataType::Boolean,
                    is_nullable: false,
                })
            },
            kernel: |call| {
                with_column(call, |column| {
                    try_booleans_of(call.rows, |row| match column.get(row)? {
                        Some(value) => value.is_null().map(Some),
                        None => Ok(Some(false)),
                    })
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "is_valid_variant",
            usage: "is_valid_variant(expr)",
            description: "Whether the bytes of the VARIANT are well formed.",
            example: "SELECT is_valid_variant(parse_json('null'))",
            resolve: |arguments| {
                count_arguments("is_valid_variant", arguments, 1, 1)?;
                variant_argument("is_valid_variant", arguments)?;
                Ok(Signature {
                    arguments: vec![types::variant()],
                    returns: DataType::Boolean,
                    is_nullable: arguments.iter().any(|argument| argument.is_nullable),
                })
            },
            kernel: |call| {
                let array = argument(call, 0)?.to_array(call.rows)?;
                let column = VariantColumn::of(&array)?;
                try_booleans_of(call.rows, |row| {
                    Ok(match column.node(row) {
                        Ok(node) => node.map(|_| true),
                        Err(_) => Some(false),
                    })
                })
            },
            is_deterministic: true,
        },
    ]
}

/// Refuses a first argument that is no `VARIANT`.
fn variant_argument(name: &str, arguments: &[Expr]) -> Result<()> {
    match arguments.first() {
        Some(argument)
            if argument.data_type != types::variant() && argument.data_type != DataType::Null =>
        {
            Err(unexpected_type(name, argument, 0, "VARIANT"))
        }
        _ => Ok(()),
    }
}

/// Refuses an argument that cannot be cast to `VARIANT`.
fn value_argument(name: &str, arguments: &[Expr], index: usize) -> Result<()> {
    match arguments.get(index) {
        Some(argument)
            if !can_become_variant(&argument.data_type, false)
                && argument.data_type != DataType::Null =>
        {
            Err(no_variant(name, argument))
        }
        _ => Ok(()),
    }
}

fn no_variant(name: &str, argument: &Expr) -> Error {
    Error::invalid(format!(
        "`{name}` cannot cast \"{}\" to \"VARIANT\"",
        argument.sql_type()
    ))
    .with_condition("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
    .with_span(argument.span)
}

/// Works on argument 0 as a column of `VARIANT`.
fn with_column<T>(call: &Call<'_>, work: impl FnOnce(VariantColumn<'_>) -> Result<T>) -> Result<T> {
    let array = argument(call, 0)?.to_array(call.rows)?;
    work(VariantColumn::of(&array)?)
}

fn resolve_parse(name: &str, arguments: &[Expr], is_try: bool) -> Result<Signature> {
    Ok(Signature {
        arguments: argument_types(name, arguments, &[TEXT], 1)?,
        returns: types::variant(),
        is_nullable: is_try || arguments.iter().any(|argument| argument.is_nullable),
    })
}

fn parse(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let texts: Text<'_> = Column::of(call, 0)?;
    let mut builder = VariantColumnBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        let node = texts.get(row).map(|text| (text, parse_json(text)));
        match node {
            Some((text, None)) if !is_try => {
                return Err(Error::data(format!(
                    "the text is no JSON with unique names. Use `try_parse_json` to get NULL instead. text=`{text}`"
                ))
                .with_condition("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"));
            }
            node => builder.append(node.and_then(|(_, node)| node).as_ref()),
        }
    }
    Ok(builder.finish())
}

fn resolve_object(arguments: &[Expr]) -> Result<Signature> {
    let name = "to_variant_object";
    count_arguments(name, arguments, 1, 1)?;
    let argument = crate::function::signature::argument(name, arguments, 0)?;
    let is_nested = matches!(
        argument.data_type,
        DataType::Struct(_) | DataType::Map(..) | DataType::List(_)
    );
    if !is_nested || !can_become_variant(&argument.data_type, true) {
        return Err(no_variant(name, argument));
    }
    Ok(Signature {
        arguments: vec![argument.data_type.clone()],
        returns: types::variant(),
        is_nullable: argument.is_nullable,
    })
}

/// The rows that `variant_explode` makes of one value: position, name of the field, value.
pub(crate) fn entry_type() -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("pos", DataType::Int32, false),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", types::variant(), false),
    ]))
}
