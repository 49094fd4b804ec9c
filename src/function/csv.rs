//! `from_csv`, `to_csv`, `schema_of_csv`.
//!
//! What is read and written, and how, is decided by [`crate::format::csv`]; here are the type rules. Schemas and options are constants.

use super::json::{constant, options_of, pairs_of};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::format::csv::{CsvDecoder, CsvInference, CsvOptions, CsvWriteOptions};
use crate::format::{ParseMode, nullable};
use crate::function::kernel::{Column, Text, argument as argument_of, try_text_into};
use crate::function::signature::{TEXT, argument, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::options::Options;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, StructArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "from_csv",
            usage: "from_csv(csvStr, schema[, options])",
            description: "The struct that a record in CSV holds, with the columns of the schema.",
            example: "SELECT from_csv('1, 0.8', 'a INT, b DOUBLE')",
            resolve: resolve_from_csv,
            kernel: from_csv,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "to_csv",
            usage: "to_csv(expr[, options])",
            description: "A struct as a record in CSV.",
            example: "SELECT to_csv(named_struct('a', 1, 'b', 2))",
            resolve: resolve_to_csv,
            kernel: to_csv,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "schema_of_csv",
            usage: "schema_of_csv(csv[, options])",
            description: "The schema of a constant record in CSV, in the form that from_csv takes.",
            example: "SELECT schema_of_csv('1,abc')",
            resolve: resolve_schema_of_csv,
            kernel: schema_of_csv,
            is_deterministic: true,
        },
    ]
}

fn read_options(
    function: &str,
    pairs: &BTreeMap<String, String>,
    zone: &str,
) -> Result<CsvOptions> {
    let mut options = Options::new(format!("function {function}"), pairs.clone());
    let read = CsvOptions::take(&mut options, zone)?;
    options.finish()?;
    if read.mode == ParseMode::DropMalformed {
        return Err(Error::invalid(format!(
            "{function} gives a value for every row and cannot drop malformed ones. mode=`DROPMALFORMED`"
        ))
        .with_condition("PARSE_MODE_UNSUPPORTED"));
    }
    Ok(read)
}

fn write_options(pairs: &BTreeMap<String, String>, zone: &str) -> Result<CsvWriteOptions> {
    let mut options = Options::new("function to_csv", pairs.clone());
    let write = CsvWriteOptions::take(&mut options, zone)?;
    options.finish()?;
    Ok(write)
}

/// The options of a call: argument `index`, if there is one.
fn call_options(call: &Call<'_>, index: usize) -> BTreeMap<String, String> {
    let options = call.arguments.get(index).map(Value::array);
    options.map(pairs_of).unwrap_or_default()
}

/// The types of the arguments: the first as given, the others as they are.
fn with_others(first: DataType, arguments: &[Expr]) -> Vec<DataType> {
    let others = arguments.iter().skip(1);
    std::iter::once(first)
        .chain(others.map(|argument| argument.data_type.clone()))
        .collect()
}

fn resolve_from_csv(arguments: &[Expr]) -> Result<Signature> {
    let name = "from_csv";
    count_arguments(name, arguments, 2, 3)?;
    let text = argument_type(name, arguments, 0, TEXT)?;
    let schema = argument(name, arguments, 1)?;
    let value = constant(name, schema, "INVALID_SCHEMA.NON_STRING_LITERAL")?;
    let written = value
        .as_string_opt::<i32>()
        .filter(|text| text.is_valid(0))
        .ok_or_else(|| {
            Error::invalid("the schema of from_csv must be a string, such as 'a INT, b STRING'")
                .with_condition("INVALID_SCHEMA.NON_STRING_LITERAL")
                .with_span(schema.span)
        })?;
    if let Ok(other) = types::parse_data_type(written.value(0))
        && !matches!(other, DataType::Struct(_))
    {
        return Err(Error::invalid(format!(
            "the schema of from_csv must be a struct. type=`{}`",
            types::sql_name(&other)
        ))
        .with_condition("INVALID_SCHEMA.NON_STRUCT_TYPE")
        .with_span(schema.span));
    }
    let fields = types::parse_ddl_schema(written.value(0))
        .map_err(|error| error.with_span(schema.span))?
        .fields;
    let options = read_options(name, &options_of(name, arguments, 2)?, "UTC")?;
    // Refuses types that CSV cannot be read into.
    decoder(&fields, &options).map_err(|error| {
        error
            .with_condition("UNSUPPORTED_DATATYPE")
            .with_span(schema.span)
    })?;
    Ok(Signature {
        arguments: with_others(text, arguments),
        returns: nullable(&DataType::Struct(fields)),
        is_nullable: true,
    })
}

fn decoder(fields: &Fields, options: &CsvOptions) -> Result<CsvDecoder> {
    let wanted: Vec<usize> = (0..fields.len()).collect();
    CsvDecoder::new(&Schema::new(fields.clone()), &wanted, options)
}

fn from_csv(call: &Call<'_>) -> Result<ArrayRef> {
    let pairs = call_options(call, 2);
    let options = read_options("from_csv", &pairs, &call.context.time_zone)?;
    let DataType::Struct(fields) = call.returns else {
        return Err(Error::internal("from_csv gives a struct"));
    };
    let mut decoder = decoder(fields, &options)?;
    let texts: Text<'_> = Column::of(call, 0)?;
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        decoder.push_row(texts.get(row).unwrap_or_default().as_bytes())?;
        valid.push(texts.get(row).is_some());
    }
    let rows = decoder.finish()?;
    Ok(Arc::new(StructArray::try_new_with_length(
        fields.clone(),
        rows.columns().to_vec(),
        Some(NullBuffer::from(valid)),
        rows.num_rows(),
    )?))
}

fn resolve_to_csv(arguments: &[Expr]) -> Result<Signature> {
    let name = "to_csv";
    count_arguments(name, arguments, 1, 2)?;
    let input = argument(name, arguments, 0)?;
    if input.data_type == DataType::Null {
        return Ok(Signature {
            arguments: with_others(DataType::Null, arguments),
            returns: DataType::Utf8,
            is_nullable: true,
        });
    }
    let DataType::Struct(_) = &input.data_type else {
        return Err(Error::invalid(format!(
            "the input of `to_csv` must be a struct, not \"{}\"",
            input.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE")
        .with_span(input.span));
    };
    if let Some(other) = unwritable(&input.data_type) {
        return Err(Error::invalid(format!(
            "the input of `to_csv` cannot hold a value of this type. type=`{}`",
            types::sql_name(other)
        ))
        .with_condition("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE")
        .with_span(input.span));
    }
    write_options(&options_of(name, arguments, 1)?, "UTC")?;
    Ok(Signature {
        arguments: with_others(input.data_type.clone(), arguments),
        returns: DataType::Utf8,
        is_nullable: input.is_nullable,
    })
}

/// A type inside of this one that has no text in CSV.
fn unwritable(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        _ if *data_type == types::variant() || types::is_ansi_interval(data_type) => {
            Some(data_type)
        }
        DataType::List(element) => unwritable(element.data_type()),
        DataType::Map(entries, _) => unwritable(entries.data_type()),
        DataType::Struct(fields) => fields
            .iter()
            .find_map(|field| unwritable(field.data_type())),
        _ => None,
    }
}

fn to_csv(call: &Call<'_>) -> Result<ArrayRef> {
    let options = write_options(&call_options(call, 1), &call.context.time_zone)?;
    let values = argument_of(call, 0)?.to_array(call.rows)?;
    if values.data_type() == &DataType::Null {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let structs = values
        .as_struct_opt()
        .ok_or_else(|| Error::internal("to_csv of what is no struct"))?;
    let (mut text, mut ends) = (Vec::new(), Vec::with_capacity(call.rows));
    options.write_records(structs.columns(), structs.len(), &mut text, |text| {
        ends.push(text.len());
    })?;
    let mut start = 0;
    let mut texts = StringBuilder::with_capacity(call.rows, text.len());
    for (row, end) in ends.into_iter().enumerate() {
        let record = text.get(start..end).unwrap_or_default();
        start = end;
        if structs.is_null(row) {
            texts.append_null();
        } else {
            texts.append_value(String::from_utf8_lossy(record));
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn resolve_schema_of_csv(arguments: &[Expr]) -> Result<Signature> {
    let name = "schema_of_csv";
    count_arguments(name, arguments, 1, 2)?;
    let text = argument_type(name, arguments, 0, TEXT)?;
    let csv = argument(name, arguments, 0)?;
    let value = constant(name, csv, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")?;
    if value.is_null(0) || csv.data_type == DataType::Null {
        return Err(Error::invalid("the text of schema_of_csv must not be null")
            .with_condition("DATATYPE_MISMATCH.UNEXPECTED_NULL")
            .with_span(csv.span));
    }
    read_options(name, &options_of(name, arguments, 1)?, "UTC")?;
    Ok(Signature {
        arguments: with_others(text, arguments),
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

fn schema_of_csv(call: &Call<'_>) -> Result<ArrayRef> {
    let options = read_options("schema_of_csv", &call_options(call, 1), "UTC")?;
    let texts: Text<'_> = Column::of(call, 0)?;
    try_text_into(call.rows, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        let mut inference = CsvInference::new(&options, true);
        inference.push(text.as_bytes());
        let schema = inference.finish();
        if schema.fields().is_empty() {
            return Err(Error::data("the text holds no record in CSV"));
        }
        out.push_str(&types::sql_name(&DataType::Struct(schema.fields)));
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{assert_answers, assert_fails};

    #[test]
    fn a_record_becomes_a_struct() {
        assert_answers(&[
            ("from_csv('1, 0.8', 'a INT, b DOUBLE')", "{1, 0.8}"),
            ("from_csv('x,1', 'a INT, b INT')", "{null, 1}"),
            ("from_csv('1', 'a INT, b INT')", "{1, null}"),
            ("from_csv('1,2,3', 'a INT, b INT')", "{1, 2}"),
            ("from_csv('', 'a INT, b INT')", "{null, null}"),
            ("from_csv(NULL, 'a INT')", "NULL"),
            (
                "from_csv('x', 'a INT, _corrupt_record STRING')",
                "{null, x}",
            ),
            (
                "from_csv('\"a,b\";c', 'a STRING, b STRING', map('sep', ';'))",
                "{a,b, c}",
            ),
            ("from_csv('1', schema_of_csv('1'))", "{1}"),
        ]);
        assert_fails(&[
            ("from_csv('1', 'INT')", "INVALID_SCHEMA.NON_STRUCT_TYPE"),
            (
                "from_csv('x', 'a INT', map('mode', 'FAILFAST'))",
                "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
            ),
            (
                "from_csv('x', 'a INT', map('mode', 'DROPMALFORMED'))",
                "PARSE_MODE_UNSUPPORTED",
            ),
        ]);
    }

    #[test]
    fn a_struct_becomes_a_record() {
        assert_answers(&[
            (
                "to_csv(named_struct('a', 'x,y', 'b', NULL, 'c', '', 'd', 1.5D, 'e', date'2020-01-01', 'f', timestamp'2020-01-01 01:02:03.5'))",
                "\"x,y\",,\"\",1.5,2020-01-01,2020-01-01T01:02:03.500Z",
            ),
            (
                r#"to_csv(named_struct('a', 'he said "x"'))"#,
                r#""he said \"x\"""#,
            ),
            (
                "to_csv(named_struct('a', NULL), map('nullValue', '-'))",
                "-",
            ),
        ]);
        assert_fails(&[(
            "to_csv(map('a', 1))",
            "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE",
        )]);
    }

    #[test]
    fn a_record_has_a_schema() {
        assert_answers(&[
            (
                "schema_of_csv('1.5,true,2020-01-01,2020-01-01 00:00:00,,99999999999')",
                "STRUCT<_c0: DOUBLE, _c1: BOOLEAN, _c2: DATE, _c3: TIMESTAMP, _c4: STRING, _c5: BIGINT>",
            ),
            (
                "schema_of_csv('1|a', map('delimiter', '|'))",
                "STRUCT<_c0: INT, _c1: STRING>",
            ),
        ]);
        assert_fails(&[("schema_of_csv(NULL)", "DATATYPE_MISMATCH.UNEXPECTED_NULL")]);
    }
}
