//! `CAST` and `TRY_CAST` by Spark's ANSI rules.
//!
//! What cannot be cast fails with Spark's condition (`CAST_INVALID_INPUT`, `CAST_OVERFLOW`,
//! `NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION`), or becomes null for `TRY_CAST`, value by value, also inside arrays and structs.
//! Which types can be cast at all is decided before a query runs, by [`can_cast`]; casts that can never fail on a value are
//! known to [`can_cast_fail`]. What a cast does to intervals depends on their units, which stand beside the types: [`cast_with_units`].

pub(crate) mod calendar;
mod datetime;
mod decimal;
mod failure;
pub(crate) mod interval;
pub(crate) mod json_string;
mod nested;
mod number;
pub(crate) mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod zone;

pub(crate) use datetime::{parse_date, parse_timestamp, parse_timestamp_ntz};
pub(crate) use decimal::{decimal_to_double, divide_half_up, power_of_ten, rescale};
pub(crate) use failure::decimal_overflow;

pub(crate) use text::double_digits;

use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::types::{
    IntervalUnits, TypeUnits, calendar_interval, decimal_for_integer, is_ansi_interval, is_atomic,
    is_datetime, is_decimal, is_integral, is_numeric, map_key_value, sql_name, time, timestamp,
    variant,
};
use crate::variant::{VariantColumn, can_become_variant, from_variant, to_variant};
use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::DataType;
use std::sync::Arc;
use zone::Zone;

/// How one cast is done.
#[derive(Debug, Clone, Copy)]
struct Mode<'a> {
    /// Whether what cannot be cast becomes null.
    is_try: bool,
    /// The session's time zone.
    zone: Zone,
    /// Today, for texts that are only a time of day: microseconds since 1970-01-01T00:00:00Z.
    now: i64,
    /// What it runs in.
    context: &'a BatchContext,
    /// The units of the intervals in what is cast, as [`TypeUnits::of`] lists them.
    given: &'a [IntervalUnits],
    /// The units of the intervals in the type it is cast to.
    wanted: &'a [IntervalUnits],
}

impl Mode<'_> {
    /// The units of the interval that is cast.
    fn given_units(self, from: &DataType) -> Result<IntervalUnits> {
        only_units(self.given, from)
    }

    /// The units of the interval that it is cast to.
    fn wanted_units(self, to: &DataType) -> Result<IntervalUnits> {
        only_units(self.wanted, to)
    }
}

fn only_units(units: &[IntervalUnits], data_type: &DataType) -> Result<IntervalUnits> {
    units
        .first()
        .copied()
        .ok_or_else(|| Error::internal(format!("an interval has no units. type=`{data_type}`")))
}

/// Casts a column (or a constant) to another type.
///
/// # Errors
///
/// `Data` for a value that cannot be cast, unless `is_try`; `Invalid` if there is no cast between the types.
pub fn cast(
    array: &ArrayRef,
    to: &DataType,
    is_try: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let all = TypeUnits::default();
    cast_with_units((array, &all), (to, &all), is_try, context)
}

/// As [`cast`], between types whose intervals have these units.
///
/// # Errors
///
/// As [`cast`].
pub fn cast_with_units(
    (array, given): (&ArrayRef, &TypeUnits),
    (to, wanted): (&DataType, &TypeUnits),
    is_try: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    if array.data_type() == to && given == wanted {
        return Ok(Arc::clone(array));
    }
    if *array.data_type() == DataType::Null {
        return Ok(new_null_array(to, array.len()));
    }
    let mode = Mode {
        is_try,
        zone: Zone::parse(&context.time_zone)?,
        now: context.time.as_micros(),
        context,
        given: &given.of(array.data_type()),
        wanted: &wanted.of(to),
    };
    convert(array, to, mode)
}

fn convert(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let from = array.data_type();
    if from == to && mode.given == mode.wanted {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        _ if *to == variant() => to_variant(array),
        _ if *from == variant() => {
            let column = VariantColumn::of(array)?;
            let nodes = (0..column.len()).map(|row| column.node(row));
            from_variant(
                &nodes.collect::<Result<Vec<_>>>()?,
                to,
                mode.is_try,
                mode.context,
            )
        }
        (DataType::Binary, DataType::Utf8) => Ok(text::from_binary(array.as_binary())),
        (_, DataType::Utf8) => text::to_text(array, mode.zone, mode.given),
        (DataType::Utf8, DataType::Binary) => Ok(arrow::compute::cast(array, to)?),
        (DataType::Utf8, _) if is_datetime(to) => datetime::from_text(array, to, mode),
        (DataType::Utf8, _) if is_decimal(to) => decimal::from_text(array, to, mode),
        (DataType::Utf8, _) if is_numeric(to) || *to == DataType::Boolean => {
            number::from_text(array, to, mode)
        }
        (_, DataType::Boolean) if is_numeric(from) => number::to_boolean(array),
        (DataType::Boolean, _) if is_numeric(to) => number::from_boolean(array, to, mode),
        _ if is_ansi_interval(from) && from == to => {
            Ok(interval::cut(array, mode.wanted_units(to)?))
        }
        (DataType::Utf8, _) if is_ansi_interval(to) || *to == calendar_interval() => {
            interval::from_text(array, to, mode)
        }
        _ if is_ansi_interval(from) && is_exact(to) => interval::to_number(array, to, mode),
        _ if is_exact(from) && is_ansi_interval(to) => interval::from_number(array, to, mode),
        _ if is_decimal(from) && is_numeric(to) => decimal::from_decimal(array, to, mode),
        _ if is_numeric(from) && is_decimal(to) => decimal::to_decimal(array, to, mode),
        _ if is_numeric(from) && is_numeric(to) => number::between(array, to, mode),
        _ if is_datetime(from) && is_datetime(to) => datetime::between(array, to, mode),
        _ if *from == timestamp() && is_numeric(to) => datetime::to_number(array, to, mode),
        _ if is_numeric(from) && *to == timestamp() => datetime::from_number(array, mode),
        (DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_), _) => {
            nested::convert_parts(array, to, mode)
        }
        _ => Err(impossible(from, to)),
    }
}

fn impossible(from: &DataType, to: &DataType) -> Error {
    Error::invalid(format!(
        "cannot cast \"{}\" to \"{}\"",
        sql_name(from),
        sql_name(to)
    ))
    .with_condition("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
}

/// Whether it is an integer or a decimal.
fn is_exact(data_type: &DataType) -> bool {
    is_integral(data_type) || is_decimal(data_type)
}

/// Whether there is a cast between the types at all. A cast that is allowed may still fail on a value.
pub fn can_cast(from: &DataType, to: &DataType) -> bool {
    if from == to || *from == DataType::Null {
        return true;
    }
    match (from, to) {
        _ if *to == variant() => can_become_variant(from, false),
        _ if *from == variant() => can_variant_become(to),
        (_, DataType::Utf8) => is_text_form_known(from),
        (DataType::Utf8, _) => (is_atomic(to) && *to != time()) || *to == calendar_interval(),
        (DataType::List(from), DataType::List(to)) => can_cast(from.data_type(), to.data_type()),
        (DataType::Map(_, _), DataType::Map(_, _)) => map_key_value(from)
            .zip(map_key_value(to))
            .is_some_and(|((from_key, from_value), (to_key, to_value))| {
                can_cast(from_key, to_key) && can_cast(from_value, to_value)
            }),
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    (to.is_nullable() || !from.is_nullable())
                        && can_cast(from.data_type(), to.data_type())
                })
        }
        (_, DataType::Boolean) => is_numeric(from),
        (DataType::Boolean, _) => is_numeric(to),
        _ => {
            (is_numeric(from) && is_numeric(to))
                || (is_datetime(from) && is_datetime(to))
                || (*from == timestamp() && is_numeric(to))
                || (is_numeric(from) && *to == timestamp())
                || (is_ansi_interval(from) && is_exact(to))
                || (is_exact(from) && is_ansi_interval(to))
        }
    }
}

/// Whether a variant can be asked for as this type; whether a value then is one is seen row by row.
fn can_variant_become(to: &DataType) -> bool {
    match to {
        DataType::List(element) => can_variant_become(element.data_type()),
        DataType::Struct(fields) => fields
            .iter()
            .all(|field| can_variant_become(field.data_type())),
        DataType::Map(_, _) => map_key_value(to)
            .is_some_and(|(key, value)| *key == DataType::Utf8 && can_variant_become(value)),
        other => {
            *other == variant()
                || (is_atomic(other) && !is_ansi_interval(other) && *other != time())
        }
    }
}

/// Whether values of the type have a text form.
fn is_text_form_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(element) => is_text_form_known(element.data_type()),
        DataType::Struct(fields) => fields
            .iter()
            .all(|field| is_text_form_known(field.data_type())),
        DataType::Map(_, _) => map_key_value(data_type)
            .is_some_and(|(key, value)| is_text_form_known(key) && is_text_form_known(value)),
        other => *other == variant() || *other == calendar_interval() || is_atomic(other),
    }
}

/// Whether the cast gives null for some values without being a `TRY_CAST`: NaN and the infinities are no decimals, and no failure either; nor is
/// text that is no legacy interval.
pub fn may_give_null(from: &DataType, to: &DataType) -> bool {
    (matches!(from, DataType::Float32 | DataType::Float64) && is_decimal(to))
        || (*from == DataType::Utf8 && *to == calendar_interval())
}

/// Whether the cast can fail on a value (or, for `TRY_CAST`, give null for a value that is not null).
pub fn can_cast_fail(from: &DataType, to: &DataType) -> bool {
    if from == to || matches!(from, DataType::Null) {
        return false;
    }
    match (from, to) {
        _ if *from == variant() => true,
        _ if *to == variant() => false,
        (_, DataType::Utf8 | DataType::Boolean) => {
            matches!((from, to), (DataType::Utf8, DataType::Boolean))
        }
        (DataType::Utf8, _) => *to != DataType::Binary,
        (DataType::Decimal128(from, from_scale), DataType::Decimal128(to, to_scale)) => {
            let digits = |precision: &u8, scale: &i8| i32::from(*precision) - i32::from(*scale);
            to_scale < from_scale || digits(to, to_scale) < digits(from, from_scale)
        }
        (_, DataType::Decimal128(precision, scale)) => match decimal_for_integer(from) {
            Some((digits, _)) => i32::from(digits) > i32::from(*precision) - i32::from(*scale),
            None => true,
        },
        _ if is_integral(from) && is_integral(to) => from.primitive_width() > to.primitive_width(),
        (_, DataType::Float32 | DataType::Float64) => false,
        (DataType::List(from), DataType::List(to)) => {
            can_cast_fail(from.data_type(), to.data_type())
        }
        (DataType::Struct(from), DataType::Struct(to)) => from
            .iter()
            .zip(to)
            .any(|(from, to)| can_cast_fail(from.data_type(), to.data_type())),
        _ => true,
    }
}
