//! Table functions without arguments that tell what SQL knows: `sql_keywords()`, `collations()`.

use super::{Plan, values};
use crate::error::{Error, Result, Span};
use crate::expr::AstCall;
use arrow::array::{ArrayRef, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The keywords of Spark, one a line, in order.
const KEYWORDS: &str = include_str!("keywords.txt");

/// The columns of `collations()`, with what they say of the one collation that there is.
const COLLATION: [(&str, Option<&str>); 9] = [
    ("CATALOG", Some("SYSTEM")),
    ("SCHEMA", Some("BUILTIN")),
    ("NAME", Some("UTF8_BINARY")),
    ("LANGUAGE", None),
    ("COUNTRY", None),
    ("ACCENT_SENSITIVITY", Some("ACCENT_SENSITIVE")),
    ("CASE_SENSITIVITY", Some("CASE_SENSITIVE")),
    ("PAD_ATTRIBUTE", Some("NO_PAD")),
    ("ICU_VERSION", None),
];

/// The rows of such a function; `None` for any other.
pub(super) fn plan(call: &AstCall, span: Span) -> Option<Result<Plan>> {
    let make: fn() -> Result<RecordBatch> = match call.name.as_str() {
        "sql_keywords" => keywords,
        "collations" => collations,
        _ => return None,
    };
    if !call.arguments.is_empty() {
        return Some(Err(Error::invalid(format!(
            "the `{}` requires 0 parameters but the actual number is {}",
            call.name,
            call.arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
        .with_span(span)));
    }
    Some(make().map(values::rows))
}

fn keywords() -> Result<RecordBatch> {
    let words: Vec<&str> = KEYWORDS.lines().filter(|word| !word.is_empty()).collect();
    let fields = vec![
        Field::new("keyword", DataType::Utf8, false),
        Field::new("reserved", DataType::Boolean, false),
    ];
    // As in Spark by default, none is reserved.
    let reserved = BooleanArray::from(vec![false; words.len()]);
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(words)), Arc::new(reserved)];
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

fn collations() -> Result<RecordBatch> {
    let fields: Vec<Field> = COLLATION
        .iter()
        .map(|(name, value)| Field::new(*name, DataType::Utf8, value.is_none()))
        .collect();
    let columns = COLLATION
        .iter()
        .map(|(_, value)| Arc::new(StringArray::from(vec![*value])) as ArrayRef)
        .collect();
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}
