//! Bytes ↔ record batches: JSON, CSV, lines of text, Parquet. What every format has in common stands here.
//!
//! A decoder is given the columns that are asked for, reads bytes into them and nothing else, and treats a record it cannot
//! read as its [`ParseMode`] says. It does no input or output of its own and knows neither files nor Kafka.

pub mod csv;
pub mod json;
pub(crate) mod parquet;
pub mod text;
pub(crate) mod time;

use crate::error::{Error, Result};
use crate::options::Options;
use crate::types;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use std::sync::Arc;

/// The column that the text of a record that cannot be read goes to, if the schema has it.
pub const CORRUPT_RECORD: &str = "_corrupt_record";

/// How much of a record an error message shows, in bytes.
const SHOWN_BYTES_MAX: usize = 300;

/// What the value of a column must be, or else the row is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnTest {
    /// Anything but null.
    IsNotNull,
    /// One of these strings, of a column of type STRING. Null is none of them.
    IsOneOf(Vec<String>),
}

/// What happens to a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParseMode {
    /// What cannot be read is null, and the record's text goes to the corrupt record column, if there is one.
    #[default]
    Permissive,
    /// The record is left out.
    DropMalformed,
    /// The query ends with an error.
    FailFast,
}

impl ParseMode {
    /// Option `mode`. Default [`ParseMode::Permissive`].
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such mode.
    pub fn take(options: &mut Options) -> Result<ParseMode> {
        match options.take("mode") {
            None => Ok(ParseMode::default()),
            Some(mode) => match mode.to_uppercase().as_str() {
                "PERMISSIVE" => Ok(ParseMode::Permissive),
                "DROPMALFORMED" => Ok(ParseMode::DropMalformed),
                "FAILFAST" => Ok(ParseMode::FailFast),
                _ => Err(options.refuse("mode", "PERMISSIVE, DROPMALFORMED or FAILFAST", mode)),
            },
        }
    }
}

/// The error that a malformed record ends a query with, in [`ParseMode::FailFast`].
pub(crate) fn malformed_record(record: &[u8], why: &str) -> Error {
    let shown = record.get(..SHOWN_BYTES_MAX).unwrap_or(record);
    let text = String::from_utf8_lossy(shown);
    let more = if shown.len() < record.len() {
        "…"
    } else {
        ""
    };
    Error::data(format!(
        "a record cannot be read: {why}; to read such records as null, set the option `mode` to `PERMISSIVE`. record=`{text}{more}`"
    ))
    .with_condition("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
}

/// The same error, with where it happened (`path=…`) after its message.
pub(crate) fn with_place(error: &Error, place: &str) -> Error {
    let mut placed = Error::new(error.kind(), format!("{}, {place}", error.message()));
    if let Some(condition) = error.condition() {
        placed = placed.with_condition(condition);
    }
    placed
}

/// Refuses an option that is known, given, and not at the only value that is supported.
pub(crate) fn only(options: &mut Options, key: &str, supported: &str) -> Result<()> {
    match options.take(key) {
        Some(value) if !value.eq_ignore_ascii_case(supported) => Err(options.refuse(
            key,
            &format!("`{supported}`, nothing else is supported yet"),
            value,
        )),
        _ => Ok(()),
    }
}

/// The columns, each of them nullable in every depth: what comes from outside may always be missing.
pub fn nullable_schema(schema: &Schema) -> Schema {
    Schema::new(nullable_fields(schema.fields()))
}

fn nullable_fields(fields: &Fields) -> Fields {
    let field = |field: &Arc<Field>| Field::new(field.name(), nullable(field.data_type()), true);
    fields.iter().map(field).collect()
}

/// The type with everything inside nullable (but the keys of maps).
pub fn nullable(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => DataType::Struct(nullable_fields(fields)),
        DataType::List(field) => types::list_of(nullable(field.data_type())),
        DataType::Map(..) => match types::map_key_value(data_type) {
            Some((key, value)) => types::map_of(nullable(key), nullable(value)),
            None => data_type.clone(),
        },
        other => other.clone(),
    }
}
