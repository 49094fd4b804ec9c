//! Constants as Spark writes them in names: text and numbers bare, everything else with its type.

use crate::cast::interval::{write_day_time, write_year_month};
use crate::cast::parse_timestamp;
use crate::cast::text::{decimal_text, double_text, float_text, write_time};
use crate::cast::zone::Zone;
use crate::expr::is_null_constant;
use crate::types::{IntervalField, IntervalUnits};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type,
    IntervalUnit, IntervalYearMonthType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::array_value_to_string;

/// The text of a constant.
pub(super) fn text(value: &ArrayRef) -> String {
    if is_null_constant(value) {
        return "NULL".to_owned();
    }
    match value.data_type() {
        DataType::Utf8 => value.as_string::<i32>().value(0).to_owned(),
        DataType::Binary => {
            let bytes = value.as_binary::<i32>().value(0);
            let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("X'{digits}'")
        }
        DataType::Float32 => float_text(value.as_primitive::<Float32Type>().value(0)),
        DataType::Float64 => double_text(value.as_primitive::<Float64Type>().value(0)),
        DataType::Decimal128(_, scale) => {
            decimal(value.as_primitive::<Decimal128Type>().value(0), *scale)
        }
        DataType::Date32 => format!(
            "DATE '{}'",
            date(value.as_primitive::<Date32Type>().value(0))
        ),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let name = if zone.is_some() {
                "TIMESTAMP"
            } else {
                "TIMESTAMP_NTZ"
            };
            let micros = value.as_primitive::<TimestampMicrosecondType>().value(0);
            format!("{name} '{}'", timestamp(micros))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let mut text = String::new();
            write_time(
                value.as_primitive::<Time64MicrosecondType>().value(0),
                &mut text,
            );
            format!("TIME '{text}'")
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            day_time(value.as_primitive::<DurationMicrosecondType>().value(0))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            year_month(value.as_primitive::<IntervalYearMonthType>().value(0))
        }
        _ => array_value_to_string(value, 0).unwrap_or_default(),
    }
}

/// A timestamp as it was written, in the form that Spark gives it: what the wall clock shows.
pub(super) fn timestamp_of(written: &str) -> String {
    let reading = parse_timestamp(written, Zone::UTC, 0);
    let text = reading.map_or_else(|| written.to_owned(), timestamp);
    format!("TIMESTAMP '{text}'")
}

/// As Java's `BigDecimal` writes itself: with an exponent where more than five zeros would follow the point.
fn decimal(unscaled: i128, scale: i8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let exponent = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1 - i32::from(scale);
    if exponent >= -6 {
        return decimal_text(unscaled, scale);
    }
    let sign = if unscaled < 0 { "-" } else { "" };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent}")
}

fn date(days: i32) -> String {
    chrono::DateTime::from_timestamp(i64::from(days) * 86_400, 0).map_or_else(
        || days.to_string(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

/// Without the zeros at the end of the fraction.
fn timestamp(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map_or_else(
        || micros.to_string(),
        |time| {
            let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        },
    )
}

/// An interval as it was written, in these units.
pub(super) fn interval_of(value: &ArrayRef, units: IntervalUnits) -> String {
    let mut text = String::new();
    if let Some(micros) = value.as_primitive_opt::<DurationMicrosecondType>() {
        write_day_time(micros.value(0), units, &mut text);
    } else if let Some(months) = value.as_primitive_opt::<IntervalYearMonthType>() {
        write_year_month(months.value(0), units, &mut text);
    }
    text
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, from the first to the last unit that is not zero.
fn day_time(micros: i64) -> String {
    const UNITS: [IntervalField; 4] = [
        IntervalField::Day,
        IntervalField::Hour,
        IntervalField::Minute,
        IntervalField::Second,
    ];
    let total = micros.unsigned_abs();
    let seconds = total / 1_000_000;
    let is_set = [
        seconds / 86_400 > 0,
        !(seconds / 3_600).is_multiple_of(24),
        !(seconds / 60).is_multiple_of(60),
        !seconds.is_multiple_of(60) || !total.is_multiple_of(1_000_000),
    ];
    let set = || UNITS.into_iter().zip(is_set).filter(|(_, is_set)| *is_set);
    let first = set().next().map_or(IntervalField::Second, |(unit, _)| unit);
    let last = set()
        .next_back()
        .map_or(IntervalField::Second, |(unit, _)| unit);
    let mut text = String::new();
    let units = IntervalUnits::new(first, last).unwrap_or(IntervalUnits::DAY_TIME);
    write_day_time(micros, units, &mut text);
    text
}

fn year_month(months: i32) -> String {
    let units = match (months / 12, months % 12) {
        (years, 0) if years != 0 => IntervalUnits::only(IntervalField::Year),
        (0, _) => IntervalUnits::only(IntervalField::Month),
        _ => IntervalUnits::YEAR_MONTH,
    };
    let mut text = String::new();
    write_year_month(months, units, &mut text);
    text
}
