//! Columns to CSV, as Spark's CSV sink writes them.
//!
//! A field is quoted where it must be: if it holds the separator, a quote, a line end, or starts with the comment character; quotes
//! inside are escaped with a backslash. Null is nothing, the empty text is `""`. White space around a text is left out, unless the
//! options say otherwise. Numbers are written as `CAST(… AS STRING)` writes them, timestamps like `2024-01-31T23:59:59.123Z`, binaries as
//! `[61 62]`. Values with parts (`to_csv` alone writes them) look as in `CAST(… AS STRING)`, of parts that are written as above.

use super::byte;
use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::error::{Error, Result};
use crate::format::only;
use crate::format::time::TimeFormats;
use crate::options::Options;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use std::fmt::Write as _;
use std::sync::Arc;

/// How CSV is written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one option of Spark's, and they are independent"
)]
#[derive(Debug, Clone)]
pub(crate) struct CsvWriteOptions {
    separator: u8,
    quote: u8,
    escape: u8,
    header: bool,
    quotes_all: bool,
    null_value: String,
    empty_value: String,
    trims_start: bool,
    trims_end: bool,
    times: TimeFormats,
}

impl CsvWriteOptions {
    /// Takes what it knows out of `options`; timestamps are written in `time_zone`, unless option `timeZone` says otherwise.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is bad, or an option of Spark's is asked for that is not supported.
    pub(crate) fn take(options: &mut Options, time_zone: &str) -> Result<CsvWriteOptions> {
        only(options, "encoding", "UTF-8")?;
        only(options, "locale", "en-US")?;
        let separator = byte(options, "sep")?.flatten();
        let delimiter = byte(options, "delimiter")?.flatten();
        Ok(CsvWriteOptions {
            separator: separator.or(delimiter).unwrap_or(b','),
            quote: byte(options, "quote")?.flatten().unwrap_or(b'"'),
            escape: byte(options, "escape")?.flatten().unwrap_or(b'\\'),
            header: options.boolean("header", false)?,
            quotes_all: options.boolean("quoteAll", false)?,
            null_value: options.take("nullValue").unwrap_or_default(),
            empty_value: options
                .take("emptyValue")
                .unwrap_or_else(|| "\"\"".to_owned()),
            trims_start: options.boolean("ignoreLeadingWhiteSpace", true)?,
            trims_end: options.boolean("ignoreTrailingWhiteSpace", true)?,
            times: TimeFormats::take(options, time_zone)?,
        })
    }

    /// Whether columns of these types can be written.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the first that cannot.
    pub(crate) fn check(schema: &SchemaRef) -> Result<()> {
        let nested = schema.fields().iter().find(|field| {
            !types::is_atomic(field.data_type()) || types::is_ansi_interval(field.data_type())
        });
        match nested {
            None => Ok(()),
            Some(field) => Err(Error::invalid(format!(
                "CSV cannot hold a column of this type. column=`{}`, type=`{}`",
                field.name(),
                types::sql_name(field.data_type())
            ))
            .with_condition("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")),
        }
    }

    /// Rows as the text of a whole file.
    ///
    /// # Errors
    ///
    /// As [`CsvWriteOptions::check`].
    pub(crate) fn write(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
        CsvWriteOptions::check(schema)?;
        let mut text = Vec::new();
        if self.header {
            for (index, field) in schema.fields().iter().enumerate() {
                self.separate(index, &mut text);
                self.write_field(Some(field.name()), &mut text);
            }
            text.push(b'\n');
        }
        for batch in batches {
            self.write_records(batch.columns(), batch.num_rows(), &mut text, |text| {
                text.push(b'\n');
            })?;
        }
        Ok(text)
    }

    /// Appends a record for each row of some columns, and calls `end` behind each.
    ///
    /// # Errors
    ///
    /// `Internal`, for columns that [`CsvWriteOptions::check`] refuses.
    pub(crate) fn write_records(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        into: &mut Vec<u8>,
        mut end: impl FnMut(&mut Vec<u8>),
    ) -> Result<()> {
        let columns = columns.iter().map(|column| self.texts(column));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            for (index, column) in columns.iter().enumerate() {
                self.separate(index, into);
                let column = column.as_string::<i32>();
                let value = column.is_valid(row).then(|| column.value(row));
                self.write_field(value, into);
            }
            end(into);
        }
        Ok(())
    }

    fn separate(&self, index: usize, into: &mut Vec<u8>) {
        if index > 0 {
            into.push(self.separator);
        }
    }

    /// Every value of a column as text.
    fn texts(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let times = &self.times;
        let mut texts = StringBuilder::with_capacity(column.len(), column.len() * 16);
        let mut text = String::new();
        let mut each = |value: Option<&dyn Fn(&mut String)>| {
            text.clear();
            match value {
                Some(write) => {
                    write(&mut text);
                    texts.append_value(&text);
                }
                None => texts.append_null(),
            }
        };
        match column.data_type() {
            DataType::Date32 => {
                for days in column.as_primitive::<Date32Type>() {
                    let write = |out: &mut String| times.write_date(days.unwrap_or(0), out);
                    each(days.is_some().then_some(&write));
                }
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                for micros in column.as_primitive::<TimestampMicrosecondType>() {
                    let value = micros.unwrap_or(0);
                    let write = |out: &mut String| match zone {
                        Some(_) => times.write_timestamp(value, out),
                        None => times.write_timestamp_ntz(value, out),
                    };
                    each(micros.is_some().then_some(&write));
                }
            }
            DataType::Binary => {
                for bytes in column.as_binary::<i32>() {
                    let write = |out: &mut String| {
                        write_bytes(bytes.unwrap_or_default(), out);
                    };
                    each(bytes.is_some().then_some(&write));
                }
            }
            DataType::List(_) | DataType::Map(..) | DataType::Struct(_) => {
                let parts = self.parts(column)?;
                for row in 0..column.len() {
                    let write = |out: &mut String| self.write_parts(&parts, row, out);
                    each(column.is_valid(row).then_some(&write));
                }
            }
            _ => {
                let context = BatchContext::one_shot(Timestamp(0), "UTC");
                return cast(column, &DataType::Utf8, false, &context);
            }
        }
        Ok(Arc::new(texts.finish()))
    }

    /// The texts of the parts of a column's values.
    fn parts(&self, column: &ArrayRef) -> Result<Parts> {
        Ok(match column.data_type() {
            DataType::Map(..) => {
                let map = column.as_map();
                let (keys, values) = (self.texts(map.keys())?, self.texts(map.values())?);
                Parts::Entries(map.offsets().clone(), keys, values)
            }
            DataType::Struct(_) => {
                let fields = column.as_struct().columns().iter();
                Parts::Fields(
                    fields
                        .map(|field| self.texts(field))
                        .collect::<Result<_>>()?,
                )
            }
            _ => {
                let list = column.as_list::<i32>();
                Parts::Elements(list.offsets().clone(), self.texts(list.values())?)
            }
        })
    }

    /// The value of a row: `[1, 2]`, `{a -> 1}` or `{1, x}`. Null is what stands for it, or nothing.
    fn write_parts(&self, parts: &Parts, row: usize, out: &mut String) {
        let push = |space: &str, texts: &ArrayRef, index: usize, out: &mut String| {
            let texts = texts.as_string::<i32>();
            let text = if texts.is_valid(index) {
                texts.value(index)
            } else {
                &self.null_value
            };
            if texts.is_valid(index) || !text.is_empty() {
                out.push_str(space);
            }
            out.push_str(text);
        };
        let between = |number: usize, out: &mut String| {
            let (comma, space) = if number > 0 { (",", " ") } else { ("", "") };
            out.push_str(comma);
            space
        };
        let bounds = |offsets: &OffsetBuffer<i32>| {
            let at = |index: usize| offsets.get(index).map_or(0, |offset| offset.as_usize());
            (at(row)..at(row + 1)).enumerate()
        };
        out.push(if matches!(parts, Parts::Elements(..)) {
            '['
        } else {
            '{'
        });
        match parts {
            Parts::Elements(offsets, texts) => {
                for (number, index) in bounds(offsets) {
                    let space = between(number, out);
                    push(space, texts, index, out);
                }
            }
            Parts::Entries(offsets, keys, values) => {
                for (number, index) in bounds(offsets) {
                    let space = between(number, out);
                    push(space, keys, index, out);
                    out.push_str(" ->");
                    push(" ", values, index, out);
                }
            }
            Parts::Fields(fields) => {
                for (number, texts) in fields.iter().enumerate() {
                    let space = between(number, out);
                    push(space, texts, row, out);
                }
            }
        }
        out.push(if matches!(parts, Parts::Elements(..)) {
            ']'
        } else {
            '}'
        });
    }

    /// Appends a field.
    fn write_field(&self, value: Option<&str>, into: &mut Vec<u8>) {
        let Some(value) = value else {
            into.extend_from_slice(self.null_value.as_bytes());
            return;
        };
        let mut text = value;
        if self.trims_start {
            text = text.trim_start_matches(|letter: char| letter <= ' ');
        }
        if self.trims_end {
            text = text.trim_end_matches(|letter: char| letter <= ' ');
        }
        if text.is_empty() {
            into.extend_from_slice(self.empty_value.as_bytes());
            return;
        }
        let needs_quotes = |byte: u8| {
            byte == self.separator || byte == self.quote || byte == b'\n' || byte == b'\r'
        };
        if !self.quotes_all && !text.bytes().any(needs_quotes) {
            into.extend_from_slice(text.as_bytes());
            return;
        }
        into.push(self.quote);
        for byte in text.bytes() {
            if byte == self.quote || (byte == self.escape && self.escape != self.quote) {
                into.push(self.escape);
            }
            into.push(byte);
        }
        into.push(self.quote);
    }
}

/// Appends a binary: `[61 62]`.
fn write_bytes(bytes: &[u8], out: &mut String) {
    out.push('[');
    for (index, byte) in bytes.iter().enumerate() {
        let space = if index > 0 { " " } else { "" };
        // Writing to a string cannot fail.
        let _ignored: std::fmt::Result = write!(out, "{space}{byte:02X}");
    }
    out.push(']');
}

/// The parts of a column of arrays, maps or structs, as texts.
enum Parts {
    Elements(OffsetBuffer<i32>, ArrayRef),
    Entries(OffsetBuffer<i32>, ArrayRef, ArrayRef),
    Fields(Vec<ArrayRef>),
}
