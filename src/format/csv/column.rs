//! The columns that CSV fields are read into.

use super::CsvOptions;
use crate::cast::parse;
use crate::error::{Error, Result};
use crate::types;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, NullBuilder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;

/// A column under construction.
#[derive(Debug)]
pub(super) enum Column {
    Null(NullBuilder),
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Date(Date32Builder),
    /// Whether it has a time zone.
    Timestamp(TimestampMicrosecondBuilder, bool),
    Text(StringBuilder),
    Binary(BinaryBuilder),
}

impl Column {
    /// An empty column.
    ///
    /// # Errors
    ///
    /// `Invalid`, if CSV cannot be read into this type.
    pub(super) fn new(data_type: &DataType) -> Result<Column> {
        Ok(match data_type {
            DataType::Null => Column::Null(NullBuilder::new()),
            DataType::Boolean => Column::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Column::Int8(Int8Builder::new()),
            DataType::Int16 => Column::Int16(Int16Builder::new()),
            DataType::Int32 => Column::Int32(Int32Builder::new()),
            DataType::Int64 => Column::Int64(Int64Builder::new()),
            DataType::Float32 => Column::Float32(Float32Builder::new()),
            DataType::Float64 => Column::Float64(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(data_type.clone());
                Column::Decimal(builder, *precision, *scale)
            }
            DataType::Date32 => Column::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let builder = TimestampMicrosecondBuilder::new().with_data_type(data_type.clone());
                Column::Timestamp(builder, zone.is_some())
            }
            DataType::Utf8 => Column::Text(StringBuilder::new()),
            DataType::Binary => Column::Binary(BinaryBuilder::new()),
            other => {
                return Err(Error::invalid(format!(
                    "CSV cannot be read into a column of type {}",
                    types::sql_name(other)
                ))
                .with_condition("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"));
            }
        })
    }

    /// Appends a field, or null for none; whether it fits. If not, null was appended.
    pub(super) fn append(&mut self, text: Option<&str>, options: &CsvOptions) -> bool {
        match self {
            Column::Null(builder) => {
                builder.append_null();
                text.is_none()
            }
            Column::Boolean(builder) => settle(text, boolean, |value| builder.append_option(value)),
            Column::Int8(builder) => settle(text, number, |value| builder.append_option(value)),
            Column::Int16(builder) => settle(text, number, |value| builder.append_option(value)),
            Column::Int32(builder) => settle(text, number, |value| builder.append_option(value)),
            Column::Int64(builder) => settle(text, number, |value| builder.append_option(value)),
            Column::Float32(builder) => settle(
                text,
                |text| match special(text, options) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "NaN and the infinities stay what they are"
                    )]
                    Some(special) => Some(special as f32),
                    None => parse::float(text),
                },
                |value| builder.append_option(value),
            ),
            Column::Float64(builder) => settle(
                text,
                |text| special(text, options).or_else(|| parse::double(text)),
                |value| builder.append_option(value),
            ),
            Column::Decimal(builder, precision, scale) => settle(
                text,
                |text| parse::decimal(&text.replace(',', ""), *precision, *scale).ok(),
                |value| builder.append_option(value),
            ),
            Column::Date(builder) => settle(
                text,
                |text| options.times.date(text),
                |value| builder.append_option(value),
            ),
            Column::Timestamp(builder, true) => settle(
                text,
                |text| options.times.timestamp(text.as_bytes()),
                |value| builder.append_option(value),
            ),
            Column::Timestamp(builder, false) => settle(
                text,
                |text| options.times.timestamp_ntz(text.as_bytes()),
                |value| builder.append_option(value),
            ),
            Column::Text(builder) => {
                builder.append_option(text);
                true
            }
            Column::Binary(builder) => {
                builder.append_option(text);
                true
            }
        }
    }

    /// The entries as an array, and an empty column again.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Null(builder) => Arc::new(builder.finish()),
            Column::Boolean(builder) => Arc::new(builder.finish()),
            Column::Int8(builder) => Arc::new(builder.finish()),
            Column::Int16(builder) => Arc::new(builder.finish()),
            Column::Int32(builder) => Arc::new(builder.finish()),
            Column::Int64(builder) => Arc::new(builder.finish()),
            Column::Float32(builder) => Arc::new(builder.finish()),
            Column::Float64(builder) => Arc::new(builder.finish()),
            Column::Decimal(builder, ..) => Arc::new(builder.finish()),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Timestamp(builder, _) => Arc::new(builder.finish()),
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Binary(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Appends what `convert` makes of a text; whether it makes something of it.
fn settle<T>(
    text: Option<&str>,
    convert: impl FnOnce(&str) -> Option<T>,
    append: impl FnOnce(Option<T>),
) -> bool {
    let value = text.and_then(convert);
    let fits = value.is_some() || text.is_none();
    append(value);
    fits
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn special(text: &str, options: &CsvOptions) -> Option<f64> {
    if text == options.nan_value {
        Some(f64::NAN)
    } else if text == options.positive_inf {
        Some(f64::INFINITY)
    } else if text == options.negative_inf {
        Some(f64::NEG_INFINITY)
    } else {
        None
    }
}
