//! Values of cases: JSON to Arrow columns by type, and Arrow columns to JSON.
//!
//! Timestamps are UTC in ISO 8601 with their microseconds kept, dates ISO, decimals `{"decimal": "1.20"}` (plain strings are taken
//! too), binary `{"hex": "…"}`, maps `{"map": [[key, value], …]}`, intervals `{"text": "INTERVAL '1' DAY"}`, structs objects, NaN and the infinities strings.

use crate::cast::interval::{parse, write_calendar, write_day_time, write_year_month};
use crate::cast::text::write_time;
use crate::cast::zone::Zone;
use crate::error::{Error, Result};
use crate::types::{self, IntervalUnits, simple_string};
use crate::variant::{VariantColumn, write_json};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray,
    NullArray, PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, FieldRef,
    Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, SchemaRef,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Rows as objects into a record batch; a missing column is null.
///
/// # Errors
///
/// `Invalid`, naming the column and the value that does not fit it.
pub(super) fn to_batch(schema: &SchemaRef, rows: &[Value]) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let values: Vec<&Value> = rows
                .iter()
                .map(|row| row.get(field.name()).unwrap_or(&Value::Null))
                .collect();
            to_array(field.data_type(), &values).map_err(|error| {
                Error::invalid(format!("{}. column=`{}`", error.message(), field.name()))
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

fn unfit(data_type: &DataType, value: &Value) -> Error {
    Error::invalid(format!(
        "the value does not fit the type. value=`{value}`, type=`{}`",
        simple_string(data_type)
    ))
}

fn to_array(data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
    let fits = |value: Option<i64>, from: &Value| value.ok_or_else(|| unfit(data_type, from));
    Ok(match data_type {
        DataType::Null => Arc::new(NullArray::new(values.len())),
        DataType::Boolean => {
            let read = |value: &&Value| match value {
                Value::Null => Ok(None),
                value => value
                    .as_bool()
                    .map(Some)
                    .ok_or_else(|| unfit(data_type, value)),
            };
            Arc::new(values.iter().map(read).collect::<Result<BooleanArray>>()?)
        }
        DataType::Int8 => integers::<Int8Type>(data_type, values)?,
        DataType::Int16 => integers::<Int16Type>(data_type, values)?,
        DataType::Int32 => integers::<Int32Type>(data_type, values)?,
        DataType::Int64 => integers::<Int64Type>(data_type, values)?,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a FLOAT column is that narrow"
        )]
        DataType::Float32 => primitive::<Float32Type>(values, |value| {
            float(value)
                .map(|float| float as f32)
                .ok_or_else(|| unfit(data_type, value))
        })?,
        DataType::Float64 => primitive::<Float64Type>(values, |value| {
            float(value).ok_or_else(|| unfit(data_type, value))
        })?,
        DataType::Utf8 => texts(data_type, values)?,
        DataType::Binary => binaries(data_type, values)?,
        DataType::Date32 => primitive::<Date32Type>(values, |value| {
            let days = date(value).and_then(|days| i32::try_from(days).ok());
            days.ok_or_else(|| unfit(data_type, value))
        })?,
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let times = primitive::<TimestampMicrosecondType>(values, |value| {
                fits(timestamp(value), value)
            })?;
            let times = times.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            primitive::<DurationMicrosecondType>(values, |value| fits(length(value, false), value))?
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            primitive::<IntervalYearMonthType>(values, |value| {
                let months = fits(length(value, true), value)?;
                i32::try_from(months).map_err(|_| unfit(data_type, value))
            })?
        }
        DataType::Decimal128(precision, scale) => {
            decimals(data_type, (*precision, *scale), values)?
        }
        DataType::List(field) => list(data_type, field, values)?,
        DataType::Map(field, _) => map(data_type, field, values)?,
        DataType::Struct(fields) => structs(data_type, fields, values)?,
        other => {
            return Err(Error::unsupported(format!(
                "type `{}` in a case",
                simple_string(other)
            )));
        }
    })
}

fn texts(data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
    let read = |value: &&Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        value => Err(unfit(data_type, value)),
    };
    Ok(Arc::new(
        values.iter().map(read).collect::<Result<StringArray>>()?,
    ))
}

fn binaries(data_type: &DataType, values: &[&Value]) -> Result<ArrayRef> {
    let read = |value: &&Value| match value {
        Value::Null => Ok(None),
        value => binary(value)
            .map(Some)
            .ok_or_else(|| unfit(data_type, value)),
    };
    let values: Vec<Option<Vec<u8>>> = values.iter().map(read).collect::<Result<_>>()?;
    Ok(Arc::new(BinaryArray::from_iter(values)))
}

fn decimals(
    data_type: &DataType,
    (precision, scale): (u8, i8),
    values: &[&Value],
) -> Result<ArrayRef> {
    let read = |value: &&Value| match value {
        Value::Null => Ok(None),
        value => decimal(value, scale)
            .map(Some)
            .ok_or_else(|| unfit(data_type, value)),
    };
    let unscaled = values
        .iter()
        .map(read)
        .collect::<Result<Decimal128Array>>()?;
    Ok(Arc::new(
        unscaled.with_precision_and_scale(precision, scale)?,
    ))
}

fn primitive<T: ArrowPrimitiveType>(
    values: &[&Value],
    read: impl Fn(&Value) -> Result<T::Native>,
) -> Result<ArrayRef> {
    let read = |value: &&Value| match value {
        Value::Null => Ok(None),
        value => read(value).map(Some),
    };
    Ok(Arc::new(
        values
            .iter()
            .map(read)
            .collect::<Result<PrimitiveArray<T>>>()?,
    ))
}

fn integers<T: ArrowPrimitiveType>(data_type: &DataType, values: &[&Value]) -> Result<ArrayRef>
where
    T::Native: TryFrom<i64>,
{
    primitive::<T>(values, |value| {
        let number = value
            .as_i64()
            .and_then(|number| T::Native::try_from(number).ok());
        number.ok_or_else(|| unfit(data_type, value))
    })
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

fn binary(value: &Value) -> Option<Vec<u8>> {
    let hex = value.get("hex")?.as_str()?;
    (0..hex.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(hex.get(start..start + 2)?, 16).ok())
        .collect()
}

fn date(value: &Value) -> Option<i64> {
    let date: chrono::NaiveDate = value.as_str()?.parse().ok()?;
    Some(
        date.signed_duration_since(chrono::NaiveDate::default())
            .num_days(),
    )
}

fn timestamp(value: &Value) -> Option<i64> {
    let text = value.as_str()?.trim_end_matches('Z');
    let time: chrono::NaiveDateTime = text.parse().ok()?;
    Some(time.and_utc().timestamp_micros())
}

fn decimal(value: &Value, scale: i8) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        value => value.get("decimal")?.as_str()?.to_owned(),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let scale = usize::try_from(scale).ok()?;
    if fraction.len() > scale {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

fn list(data_type: &DataType, field: &FieldRef, values: &[&Value]) -> Result<ArrayRef> {
    let mut lengths = Vec::new();
    let mut valid = Vec::new();
    let mut elements = Vec::new();
    for value in values {
        let items = match value {
            Value::Null => &[][..],
            Value::Array(items) => items,
            other => return Err(unfit(data_type, other)),
        };
        valid.push(!value.is_null());
        lengths.push(items.len());
        elements.extend(items);
    }
    let elements = to_array(field.data_type(), &elements)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        offsets,
        elements,
        Some(NullBuffer::from(valid)),
    )?))
}

fn map(data_type: &DataType, field: &FieldRef, values: &[&Value]) -> Result<ArrayRef> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::internal("a map without entries"));
    };
    let mut lengths = Vec::new();
    let mut valid = Vec::new();
    let mut columns = vec![Vec::new(); 2];
    for value in values {
        let entries = match value {
            Value::Null => &[][..],
            other => other
                .get("map")
                .and_then(Value::as_array)
                .ok_or_else(|| unfit(data_type, other))?,
        };
        valid.push(!value.is_null());
        lengths.push(entries.len());
        for entry in entries {
            for (number, column) in columns.iter_mut().enumerate() {
                column.push(entry.get(number).ok_or_else(|| unfit(data_type, value))?);
            }
        }
    }
    let columns = fields
        .iter()
        .zip(&columns)
        .map(|(field, column)| to_array(field.data_type(), column))
        .collect::<Result<Vec<_>>>()?;
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(field),
        offsets,
        entries,
        nulls,
        false,
    )?))
}

fn structs(data_type: &DataType, fields: &Fields, values: &[&Value]) -> Result<ArrayRef> {
    if let Some(other) = values
        .iter()
        .find(|value| !value.is_null() && !value.is_object())
    {
        return Err(unfit(data_type, other));
    }
    let columns = fields
        .iter()
        .map(|field| {
            let column: Vec<&Value> = values
                .iter()
                .map(|value| value.get(field.name()).unwrap_or(&Value::Null))
                .collect();
            to_array(field.data_type(), &column)
        })
        .collect::<Result<Vec<_>>>()?;
    let nulls: NullBuffer = values
        .iter()
        .map(|value| !value.is_null())
        .collect::<Vec<_>>()
        .into();
    Ok(Arc::new(StructArray::try_new_with_length(
        fields.clone(),
        columns,
        Some(nulls),
        values.len(),
    )?))
}

/// The rows of a record batch, each as the list of its values.
///
/// # Errors
///
/// `Invalid`, for a type that cases cannot hold.
pub(super) fn from_batch(batch: &RecordBatch) -> Result<Vec<Vec<Value>>> {
    (0..batch.num_rows())
        .map(|row| {
            batch
                .columns()
                .iter()
                .map(|column| from_array(column, row))
                .collect()
        })
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a case for each type or node")]
fn from_array(array: &ArrayRef, row: usize) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int8 => json!(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            // The shortest text of the narrow value, as Spark writes it, not that of the widened one.
            from_float(
                value
                    .to_string()
                    .parse()
                    .unwrap_or_else(|_| f64::from(value)),
            )
        }
        DataType::Float64 => from_float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row);
            json!({"hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()})
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = Date32Type::to_naive_date_opt(days);
            json!(date.map_or_else(|| days.to_string(), |date| date.to_string()))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            json!(from_timestamp(micros, zone.is_some()))
        }
        other if *other == types::variant() => {
            let mut text = String::new();
            if let Some(node) = VariantColumn::of(array)?.node(row)? {
                write_json(&node, Zone::UTC, &mut text);
            }
            json!({"text": text})
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let mut text = String::new();
            write_time(
                array.as_primitive::<Time64MicrosecondType>().value(row),
                &mut text,
            );
            json!({"text": text})
        }
        DataType::Decimal128(_, _) => {
            json!({"decimal": array.as_primitive::<Decimal128Type>().value_as_string(row)})
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            json!({"text": interval_text(array.as_primitive::<DurationMicrosecondType>().value(row))})
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>().value(row);
            let mut text = String::new();
            write_year_month(months, IntervalUnits::YEAR_MONTH, &mut text);
            json!({"text": text})
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let mut text = String::new();
            write_calendar(
                array.as_primitive::<IntervalMonthDayNanoType>().value(row),
                &mut text,
            );
            json!({"text": text})
        }
        DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_) => from_nested(array, row)?,
        other => {
            return Err(Error::unsupported(format!(
                "type `{}` in a case",
                simple_string(other)
            )));
        }
    })
}

fn from_nested(array: &ArrayRef, row: usize) -> Result<Value> {
    Ok(match array.data_type() {
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let items = (0..items.len()).map(|item| from_array(&items, item));
            Value::Array(items.collect::<Result<_>>()?)
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let entry = |number: usize| -> Result<Value> {
                let columns = entries.columns().iter();
                Ok(Value::Array(
                    columns
                        .map(|column| from_array(column, number))
                        .collect::<Result<_>>()?,
                ))
            };
            json!({"map": (0..entries.len()).map(entry).collect::<Result<Vec<_>>>()?})
        }
        DataType::Struct(fields) => {
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                object.insert(field.name().clone(), from_array(column, row)?);
            }
            Value::Object(object)
        }
        other => return Err(Error::internal(format!("type `{other}` has no parts"))),
    })
}

fn from_float(value: f64) -> Value {
    match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

fn from_timestamp(micros: i64, has_zone: bool) -> String {
    let Some(time) = chrono::DateTime::from_timestamp_micros(micros) else {
        return format!("{micros} µs");
    };
    let fraction = if micros.rem_euclid(1_000_000) == 0 {
        ""
    } else {
        "%.6f"
    };
    let zone = if has_zone { "Z" } else { "" };
    time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}{zone}"))
        .to_string()
}

/// A day-time interval as Spark shows one with all its units.
pub(super) fn interval_text(micros: i64) -> String {
    let mut text = String::new();
    write_day_time(micros, IntervalUnits::DAY_TIME, &mut text);
    text
}

/// What an interval that is written as a literal measures, whichever units it is written in: whether in months, and how many months or
/// microseconds.
fn interval_of(text: &str) -> Option<(bool, i64)> {
    let (_, units) = text.rsplit_once('\'')?;
    let units = IntervalUnits::parse(units)?;
    Some((units.is_year_month(), parse(text, units).ok()?))
}

/// The length of an interval, given as a number or as a literal.
fn length(value: &Value, is_year_month: bool) -> Option<i64> {
    let text = match value {
        Value::Number(number) => return number.as_i64(),
        Value::String(text) => text,
        other => other.get("text")?.as_str()?,
    };
    let (is_of_months, length) = interval_of(text)?;
    (is_of_months == is_year_month).then_some(length)
}

/// Whether two values are the same: doubles to 1e-9 relative, everything else exactly. Timestamps compare as moments,
/// intervals by their length: which units they are written in is told by the schema.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
                return a == b;
            }
            match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
                _ => a == b,
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let text = |value: &Map<String, Value>| value.get("text")?.as_str().map(str::to_owned);
            if let (Some(a), Some(b)) = (text(a), text(b))
                && let (Some(a), Some(b)) = (interval_of(&a), interval_of(&b))
            {
                return a == b;
            }
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::String(a), Value::String(b)) => {
            a == b || matches!((timestamp(left), timestamp(right)), (Some(a), Some(b)) if a == b)
        }
        _ => left == right,
    }
}
