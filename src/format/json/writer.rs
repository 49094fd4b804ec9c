//! Columns to JSON, as Spark's `to_json` and JSON sink write them.
//!
//! Fields that are null are left out (unless the options keep them), nulls in arrays and maps are written. Timestamps look like
//! `2024-01-31T23:59:59.123Z`, in the time zone of the options; those without zone have no letter at the end. Bytes are in
//! base64, NaN and the infinities are in quotes.

use super::writer_key::write_key;
use crate::cast::json_string::write_string;
use crate::cast::text::{decimal_text, double_text, float_text};
use crate::error::{Error, Result};
use crate::format::only;
use crate::format::time::TimeFormats;
use crate::options::Options;
use crate::types;
use crate::variant::{VariantColumn, write_json};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::Write as _;

/// How JSON is written.
#[derive(Debug, Clone)]
pub struct JsonWriteOptions {
    /// Whether fields that are null are left out. Default yes.
    pub ignore_null_fields: bool,
    /// Whether the fields of structs and the keys of maps are sorted by name. Default no.
    pub sort_keys: bool,
    pub(crate) times: TimeFormats,
}

impl JsonWriteOptions {
    /// Takes what it knows out of `options`; timestamps are written in `time_zone`, unless option `timeZone` says otherwise.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is bad, or an option of Spark's is asked for that is not supported.
    pub fn take(options: &mut Options, time_zone: &str) -> Result<JsonWriteOptions> {
        only(options, "encoding", "UTF-8")?;
        only(options, "locale", "en-US")?;
        only(options, "pretty", "false")?;
        only(options, "writeNonAsciiCharacterAsCodePoint", "false")?;
        Ok(JsonWriteOptions {
            ignore_null_fields: options.boolean("ignoreNullFields", true)?,
            sort_keys: options.boolean("sortKeys", false)?,
            times: TimeFormats::take(options, time_zone)?,
        })
    }
}

impl Default for JsonWriteOptions {
    fn default() -> JsonWriteOptions {
        JsonWriteOptions {
            ignore_null_fields: true,
            sort_keys: false,
            times: TimeFormats::utc(),
        }
    }
}

/// Writes the values of one column.
pub struct JsonWriter<'a> {
    values: Values<'a>,
    options: &'a JsonWriteOptions,
}

/// A column by its type.
enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a Int8Array),
    Int16(&'a Int16Array),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Decimal(&'a Decimal128Array, i8),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a arrow::array::Date32Array),
    /// Whether it has a time zone.
    Timestamp(&'a TimestampMicrosecondArray, bool),
    List(&'a ListArray, Box<JsonWriter<'a>>),
    Map(&'a MapArray, Box<JsonWriter<'a>>),
    Struct(&'a StructArray, Vec<FieldWriter<'a>>),
    /// As JSON, which a VARIANT is easily written as, if it is one.
    Variant(Vec<Option<String>>),
}

/// A field of a struct: its name in quotes with the colon behind it, and its values.
struct FieldWriter<'a> {
    name: Vec<u8>,
    column: &'a ArrayRef,
    writer: JsonWriter<'a>,
}

impl std::fmt::Debug for JsonWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonWriter")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a> JsonWriter<'a> {
    /// A writer of a column.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a type cannot be written as JSON.
    pub fn new(array: &'a ArrayRef, options: &'a JsonWriteOptions) -> Result<JsonWriter<'a>> {
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Int8 => Values::Int8(array.as_primitive::<Int8Type>()),
            DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>()),
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>()),
            DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(_, scale) => {
                Values::Decimal(array.as_primitive::<Decimal128Type>(), *scale)
            }
            DataType::Utf8 => Values::Text(array.as_string()),
            DataType::Binary => Values::Binary(array.as_binary()),
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Values::Timestamp(
                array.as_primitive::<TimestampMicrosecondType>(),
                zone.is_some(),
            ),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Values::List(list, Box::new(JsonWriter::new(list.values(), options)?))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                Values::Map(map, Box::new(JsonWriter::new(map.values(), options)?))
            }
            variant if *variant == types::variant() => {
                let column = VariantColumn::of(array)?;
                let texts = (0..column.len()).map(|row| {
                    let node = column.node(row)?;
                    Ok(node.map(|node| {
                        let mut text = String::new();
                        write_json(&node, options.times.zone(), &mut text);
                        text
                    }))
                });
                Values::Variant(texts.collect::<Result<_>>()?)
            }
            DataType::Struct(_) => return JsonWriter::of_struct(array.as_struct(), options),
            other => {
                return Err(Error::unsupported(format!(
                    "writing a column of type {} as JSON",
                    types::sql_name(other)
                )));
            }
        };
        Ok(JsonWriter { values, options })
    }

    /// A writer of objects.
    ///
    /// # Errors
    ///
    /// As [`JsonWriter::new`].
    pub fn of_struct(
        structs: &'a StructArray,
        options: &'a JsonWriteOptions,
    ) -> Result<JsonWriter<'a>> {
        let mut named: Vec<(&String, &ArrayRef)> = structs
            .fields()
            .iter()
            .map(|field| field.name())
            .zip(structs.columns())
            .collect();
        if options.sort_keys {
            named.sort_by_key(|(name, _)| *name);
        }
        let fields = named.into_iter().map(|(name, column)| {
            let mut quoted = Vec::with_capacity(name.len() + 3);
            write_string(name.as_bytes(), &mut quoted);
            quoted.push(b':');
            Ok(FieldWriter {
                name: quoted,
                column,
                writer: JsonWriter::new(column, options)?,
            })
        });
        Ok(JsonWriter {
            values: Values::Struct(structs, fields.collect::<Result<_>>()?),
            options,
        })
    }

    /// Appends the value of a row, or `null`.
    pub fn write(&self, row: usize, into: &mut Vec<u8>) {
        match &self.values {
            Values::Boolean(array) if array.is_valid(row) => {
                into.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }
            Values::Int8(array) if array.is_valid(row) => print(into, array.value(row)),
            Values::Int16(array) if array.is_valid(row) => print(into, array.value(row)),
            Values::Int32(array) if array.is_valid(row) => print(into, array.value(row)),
            Values::Int64(array) if array.is_valid(row) => print(into, array.value(row)),
            Values::Float32(array) if array.is_valid(row) => {
                write_float(&float_text(array.value(row)), into);
            }
            Values::Float64(array) if array.is_valid(row) => {
                write_float(&double_text(array.value(row)), into);
            }
            Values::Decimal(array, scale) if array.is_valid(row) => {
                into.extend_from_slice(java_decimal(array.value(row), *scale).as_bytes());
            }
            Values::Text(array) if array.is_valid(row) => {
                write_string(array.value(row).as_bytes(), into);
            }
            Values::Binary(array) if array.is_valid(row) => {
                write_string(BASE64.encode(array.value(row)).as_bytes(), into);
            }
            Values::Date(array) if array.is_valid(row) => {
                write_time(into, |text| {
                    self.options.times.write_date(array.value(row), text);
                });
            }
            Values::Timestamp(array, has_zone) if array.is_valid(row) => {
                let times = &self.options.times;
                write_time(into, |text| match has_zone {
                    true => times.write_timestamp(array.value(row), text),
                    false => times.write_timestamp_ntz(array.value(row), text),
                });
            }
            Values::List(array, elements) if array.is_valid(row) => {
                into.push(b'[');
                for (index, item) in span(array.value_offsets(), row).enumerate() {
                    separate(index, into);
                    elements.write(item, into);
                }
                into.push(b']');
            }
            Values::Map(array, values) if array.is_valid(row) => {
                self.write_map(array, values, row, into);
            }
            Values::Variant(texts) if texts.get(row).is_some_and(Option::is_some) => {
                let text = texts.get(row).and_then(Option::as_deref);
                into.extend_from_slice(text.unwrap_or_default().as_bytes());
            }
            Values::Struct(array, fields) if array.is_valid(row) => {
                self.write_fields(fields, row, into);
            }
            _ => into.extend_from_slice(b"null"),
        }
    }

    fn write_fields(&self, fields: &[FieldWriter<'_>], row: usize, into: &mut Vec<u8>) {
        into.push(b'{');
        let mut written = 0;
        for field in fields {
            let is_null = field.column.is_null(row) || *field.column.data_type() == DataType::Null;
            if is_null && self.options.ignore_null_fields {
                continue;
            }
            separate(written, into);
            into.extend_from_slice(&field.name);
            field.writer.write(row, into);
            written += 1;
        }
        into.push(b'}');
    }

    fn write_map(&self, map: &MapArray, values: &JsonWriter<'_>, row: usize, into: &mut Vec<u8>) {
        let mut entries: Vec<(Vec<u8>, usize)> = span(map.value_offsets(), row)
            .map(|item| {
                let mut key = Vec::new();
                write_key(map.keys(), item, &mut key);
                (key, item)
            })
            .collect();
        if self.options.sort_keys {
            entries.sort();
        }
        into.push(b'{');
        for (index, (key, item)) in entries.iter().enumerate() {
            separate(index, into);
            write_string(key, into);
            into.push(b':');
            values.write(*item, into);
        }
        into.push(b'}');
    }
}

/// The rows of the child that make up one row of a list or map.
fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| {
        let offset = offsets.get(index).copied().unwrap_or_default();
        usize::try_from(offset).unwrap_or_default()
    };
    at(row)..at(row + 1)
}

fn separate(written: usize, into: &mut Vec<u8>) {
    if written > 0 {
        into.push(b',');
    }
}

/// Appends something as `Display` prints it.
fn print(into: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(into, "{value}").expect("writing to memory cannot fail");
}

/// Appends what `write` writes, in quotes: a pattern may hold any text.
fn write_time(into: &mut Vec<u8>, write: impl FnOnce(&mut String)) {
    let mut text = String::with_capacity(24);
    write(&mut text);
    write_string(text.as_bytes(), into);
}

/// A float as Java prints it; what is no number stands in quotes.
fn write_float(text: &str, into: &mut Vec<u8>) {
    if text.ends_with(|last: char| last.is_ascii_digit()) {
        into.extend_from_slice(text.as_bytes());
    } else {
        write_string(text.as_bytes(), into);
    }
}

/// A decimal as Java's `BigDecimal.toString`: with an exponent, if it is below 0.000001.
pub(super) fn java_decimal(value: i128, scale: i8) -> String {
    let digits = value.unsigned_abs().to_string();
    let exponent = i64::try_from(digits.len()).unwrap_or(0) - 1 - i64::from(scale);
    if scale <= 0 || exponent >= -6 {
        return decimal_text(value, scale);
    }
    let sign = if value < 0 { "-" } else { "" };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent}")
}
