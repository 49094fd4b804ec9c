//! Values as text, as Spark's `CAST(… AS STRING)` writes them.
//!
//! Floats as Java prints them (`1.0E10`), decimals plainly, intervals as literals with the units of their type, timestamps in the session's time zone without trailing zeros of
//! the fraction, arrays as `[a, b]`, maps as `{k -> v}`, structs as `{a, b}`, nulls inside of these as `null`.

use super::calendar::civil_from_days;
use super::impossible;
use super::interval::IntervalColumn;
use super::zone::{MICROS_PER_DAY, MICROS_PER_SECOND, Zone};
use crate::error::Result;
use crate::types::{IntervalUnits, variant};
use crate::variant::{VariantColumn, write_json};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use std::fmt::Write as _;
use std::sync::Arc;

/// Every value of a column as text. `units` are those of the intervals in its type.
pub(super) fn to_text(array: &ArrayRef, zone: Zone, units: &[IntervalUnits]) -> Result<ArrayRef> {
    let writer = Writer::new(array, zone, &mut units.iter().copied())?;
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        writer.write(row, &mut text);
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

/// Bytes as text; what is no UTF-8 becomes U+FFFD. Where all of it is, which is checked in one go, nothing is copied.
pub(super) fn from_binary(array: &BinaryArray) -> ArrayRef {
    let (offsets, bytes, nulls) = array.clone().into_parts();
    if let Ok(texts) = StringArray::try_new(offsets, bytes, nulls) {
        return Arc::new(texts);
    }
    let texts = array.iter().map(|value| value.map(String::from_utf8_lossy));
    Arc::new(texts.collect::<StringArray>())
}

/// Writes single values of one column.
enum Writer<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Integer(IntegerColumn<'a>),
    Float(&'a arrow::array::Float32Array),
    Double(&'a arrow::array::Float64Array),
    Decimal(&'a arrow::array::Decimal128Array, i8),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a arrow::array::Date32Array),
    Timestamp(&'a arrow::array::TimestampMicrosecondArray, Zone),
    Variant(VariantColumn<'a>, Zone),
    Time(&'a arrow::array::Time64MicrosecondArray),
    Interval(IntervalColumn<'a>),
    List(&'a arrow::array::ListArray, Box<Writer<'a>>),
    Map(&'a arrow::array::MapArray, Box<(Writer<'a>, Writer<'a>)>),
    Struct(&'a StructArray, Vec<Writer<'a>>),
}

enum IntegerColumn<'a> {
    Tiny(&'a arrow::array::Int8Array),
    Small(&'a arrow::array::Int16Array),
    Int(&'a arrow::array::Int32Array),
    Big(&'a arrow::array::Int64Array),
}

impl IntegerColumn<'_> {
    fn value(&self, row: usize) -> i64 {
        match self {
            IntegerColumn::Tiny(array) => i64::from(array.value(row)),
            IntegerColumn::Small(array) => i64::from(array.value(row)),
            IntegerColumn::Int(array) => i64::from(array.value(row)),
            IntegerColumn::Big(array) => array.value(row),
        }
    }
}

impl<'a> Writer<'a> {
    /// `units` gives those of the next interval in the type.
    fn new(
        array: &'a ArrayRef,
        zone: Zone,
        units: &mut dyn Iterator<Item = IntervalUnits>,
    ) -> Result<Writer<'a>> {
        if let Some(intervals) = IntervalColumn::of(array, units) {
            return Ok(Writer::Interval(intervals));
        }
        Ok(match array.data_type() {
            DataType::Null => Writer::Null,
            DataType::Boolean => Writer::Boolean(array.as_boolean()),
            DataType::Int8 => {
                Writer::Integer(IntegerColumn::Tiny(array.as_primitive::<Int8Type>()))
            }
            DataType::Int16 => {
                Writer::Integer(IntegerColumn::Small(array.as_primitive::<Int16Type>()))
            }
            DataType::Int32 => {
                Writer::Integer(IntegerColumn::Int(array.as_primitive::<Int32Type>()))
            }
            DataType::Int64 => {
                Writer::Integer(IntegerColumn::Big(array.as_primitive::<Int64Type>()))
            }
            DataType::Float32 => Writer::Float(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Writer::Double(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(_, scale) => {
                Writer::Decimal(array.as_primitive::<Decimal128Type>(), *scale)
            }
            DataType::Utf8 => Writer::Text(array.as_string()),
            DataType::Binary => Writer::Binary(array.as_binary()),
            DataType::Date32 => Writer::Date(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, zoned) => Writer::Timestamp(
                array.as_primitive::<TimestampMicrosecondType>(),
                if zoned.is_some() { zone } else { Zone::UTC },
            ),
            other if *other == variant() => Writer::Variant(VariantColumn::of(array)?, zone),
            DataType::Time64(TimeUnit::Microsecond) => {
                Writer::Time(array.as_primitive::<Time64MicrosecondType>())
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Writer::List(list, Box::new(Writer::new(list.values(), zone, units)?))
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let key = Writer::new(map.keys(), zone, units)?;
                let value = Writer::new(map.values(), zone, units)?;
                Writer::Map(map, Box::new((key, value)))
            }
            DataType::Struct(_) => {
                let structs = array.as_struct();
                let fields = structs.columns().iter();
                let fields = fields.map(|field| Writer::new(field, zone, units));
                Writer::Struct(structs, fields.collect::<Result<_>>()?)
            }
            other => return Err(impossible(other, &DataType::Utf8)),
        })
    }

    /// Writes the value of a row that is not null.
    fn write(&self, row: usize, out: &mut String) {
        match self {
            Writer::Null => out.push_str("null"),
            Writer::Boolean(array) => out.push_str(if array.value(row) { "true" } else { "false" }),
            Writer::Integer(array) => write_integer(array.value(row), out),
            Writer::Float(array) => out.push_str(&float_text(array.value(row))),
            Writer::Double(array) => out.push_str(&double_text(array.value(row))),
            Writer::Decimal(array, scale) => out.push_str(&decimal_text(array.value(row), *scale)),
            Writer::Text(array) => out.push_str(array.value(row)),
            Writer::Binary(array) => out.push_str(&String::from_utf8_lossy(array.value(row))),
            Writer::Date(array) => write_date(i64::from(array.value(row)), out),
            Writer::Timestamp(array, zone) => {
                write_timestamp(zone.to_local(array.value(row)), out);
            }
            // Bytes that are no variant have been refused by whoever made the column.
            Writer::Variant(array, zone) => {
                if let Ok(Some(node)) = array.node(row) {
                    write_json(&node, *zone, out);
                }
            }
            Writer::Time(array) => write_time(array.value(row), out),
            Writer::Interval(array) => array.write(row, out),
            Writer::List(array, element) => {
                out.push('[');
                for (index, item) in span(array.value_offsets(), row).enumerate() {
                    separate(index, out);
                    element.write_nullable(item, array.values(), out);
                }
                out.push(']');
            }
            Writer::Map(array, parts) => {
                let (key, value) = parts.as_ref();
                out.push('{');
                for (index, item) in span(array.value_offsets(), row).enumerate() {
                    separate(index, out);
                    key.write_nullable(item, array.keys(), out);
                    out.push_str(" -> ");
                    value.write_nullable(item, array.values(), out);
                }
                out.push('}');
            }
            Writer::Struct(array, fields) => {
                out.push('{');
                for (index, (field, column)) in fields.iter().zip(array.columns()).enumerate() {
                    separate(index, out);
                    field.write_nullable(row, column, out);
                }
                out.push('}');
            }
        }
    }

    fn write_nullable(&self, row: usize, array: &ArrayRef, out: &mut String) {
        if array.is_null(row) {
            out.push_str("null");
        } else {
            self.write(row, out);
        }
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

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push_str(", ");
    }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a string cannot fail");
}

fn write_integer(value: i64, out: &mut String) {
    append(out, format_args!("{value}"));
}

/// Doubles this small have so few digits that two of them may say more than the shortest one.
const DOUBLE_TWO_DIGITS_BELOW: f64 = 1e-320;
/// As [`DOUBLE_TWO_DIGITS_BELOW`], for `FLOAT`.
const FLOAT_TWO_DIGITS_BELOW: f32 = 1e-42;

/// A double as Java prints it: the fewest digits that tell it from its neighbours, with at least one after the point, and with
/// an exponent outside of 10^-3 to 10^7.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    // Java never prints fewer than two digits and takes the nearest two; only here are they others than the shortest one and 0.
    if value != 0.0 && value.abs() < DOUBLE_TWO_DIGITS_BELOW {
        let two_digits = format!("{value:.1e}");
        if two_digits.parse() == Ok(value) {
            return java_notation(&two_digits);
        }
    }
    java_notation(ryu::Buffer::new().format_finite(value))
}

/// As [`double_text`], for `FLOAT`.
pub(crate) fn float_text(value: f32) -> String {
    if !value.is_finite() {
        return double_text(f64::from(value));
    }
    if value != 0.0 && value.abs() < FLOAT_TWO_DIGITS_BELOW {
        let two_digits = format!("{value:.1e}");
        if two_digits.parse() == Ok(value) {
            return java_notation(&two_digits);
        }
    }
    java_notation(ryu::Buffer::new().format_finite(value))
}

/// The fewest decimal digits that tell a double from its neighbours, as a number, and the power of ten that they are
/// multiplied with. `None` for NaN and the infinities.
pub(crate) fn double_digits(value: f64) -> Option<(i64, i32)> {
    if !value.is_finite() {
        return None;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut digits: i64 = 0;
    for digit in whole
        .bytes()
        .chain(fraction.bytes())
        .filter(u8::is_ascii_digit)
    {
        digits = digits * 10 + i64::from(digit - b'0');
    }
    let digits = if whole.starts_with('-') {
        -digits
    } else {
        digits
    };
    let exponent: i32 = exponent.parse().ok()?;
    Some((digits, exponent - i32::try_from(fraction.len()).ok()?))
}

/// From the shortest digits in any notation to Java's notation.
fn java_notation(shortest: &str) -> String {
    let (sign, unsigned) = match shortest.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", shortest),
    };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading_zeros = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // The value is 0.digits times 10^point.
    let place = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let point = place(whole.len()) - place(leading_zeros) + exponent.parse().unwrap_or(0);
    if (-2..=7).contains(&point) {
        return format!("{sign}{}", plain(digits, point));
    }
    let (first, rest) = digits.split_at(1);
    let rest = if rest.is_empty() { "0" } else { rest };
    format!("{sign}{first}.{rest}E{}", point - 1)
}

/// `digits` with the decimal point after `point` of them, and at least one digit on each side.
fn plain(digits: &str, point: i32) -> String {
    let Ok(point) = usize::try_from(point) else {
        return format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    };
    if point == 0 {
        format!("0.{digits}")
    } else if point >= digits.len() {
        format!("{digits}{}.0", "0".repeat(point - digits.len()))
    } else {
        let (whole, fraction) = digits.split_at(point);
        format!("{whole}.{fraction}")
    }
}

/// A decimal without exponent: `-0.05`.
pub(crate) fn decimal_text(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or_default();
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// `2024-02-29`; years beyond 9999 have a sign.
pub(crate) fn write_date(days: i64, out: &mut String) {
    let date = civil_from_days(days);
    let sign = match date.year {
        ..0 => "-",
        0..=9999 => "",
        _ => "+",
    };
    let year = date.year.unsigned_abs();
    append(
        out,
        format_args!("{sign}{year:04}-{:02}-{:02}", date.month, date.day),
    );
}

/// `2024-02-29 12:00:00.5`, of microseconds on the wall clock.
pub(crate) fn write_timestamp(local: i64, out: &mut String) {
    write_date(local.div_euclid(MICROS_PER_DAY), out);
    out.push(' ');
    write_time(local.rem_euclid(MICROS_PER_DAY), out);
}

/// `12:00:00.5`, of microseconds since midnight.
pub(crate) fn write_time(of_day: i64, out: &mut String) {
    let seconds = of_day / MICROS_PER_SECOND;
    let micros = of_day % MICROS_PER_SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    append(out, format_args!("{hour:02}:{minute:02}:{second:02}"));
    if micros > 0 {
        let fraction = format!("{micros:06}");
        out.push('.');
        out.push_str(fraction.trim_end_matches('0'));
    }
}
