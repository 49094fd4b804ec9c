//! Constants as Spark writes them in names: text and numbers bare, everything else with its type.

use crate::cast::parse_timestamp;
use crate::cast::text::{decimal_text, double_text, float_text, write_time};
use crate::cast::zone::Zone;
use crate::expr::is_null_constant;
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

/// The units of day-time intervals, from the greatest down.
const DAY_TIME_UNITS: [&str; 4] = ["DAY", "HOUR", "MINUTE", "SECOND"];

/// An interval as it was written: from its first unit to its last.
pub(super) fn interval_of(value: &ArrayRef, from: &str, to: &str) -> String {
    if let Some(micros) = value.as_primitive_opt::<DurationMicrosecondType>() {
        let place = |unit: &str| DAY_TIME_UNITS.iter().position(|known| *known == unit);
        if let Some((first, last)) = place(from).zip(place(to)) {
            return day_time_from(micros.value(0), first, last);
        }
    } else if let Some(months) = value.as_primitive_opt::<IntervalYearMonthType>() {
        let months = months.value(0);
        return match (from, to) {
            ("YEAR", "YEAR") => format!("INTERVAL '{}' YEAR", months / 12),
            ("MONTH", "MONTH") => format!("INTERVAL '{months}' MONTH"),
            _ => {
                let sign = if months < 0 { "-" } else { "" };
                let total = months.unsigned_abs();
                format!(
                    "INTERVAL '{sign}{}-{}' YEAR TO MONTH",
                    total / 12,
                    total % 12
                )
            }
        };
    }
    text(value)
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, from the first to the last unit that is not zero.
fn day_time(micros: i64) -> String {
    let total = micros.unsigned_abs();
    let seconds = total / 1_000_000;
    let is_set = [
        seconds / 86_400 > 0,
        !(seconds / 3_600).is_multiple_of(24),
        !(seconds / 60).is_multiple_of(60),
        !seconds.is_multiple_of(60) || !total.is_multiple_of(1_000_000),
    ];
    let first = is_set.iter().position(|is_set| *is_set).unwrap_or(3);
    let last = is_set.iter().rposition(|is_set| *is_set).unwrap_or(3);
    day_time_from(micros, first, last)
}

/// From one of [`DAY_TIME_UNITS`] to another; the first takes what greater ones would hold.
fn day_time_from(micros: i64, first: usize, last: usize) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let total = micros.unsigned_abs();
    let (seconds, fraction) = (total / 1_000_000, total % 1_000_000);
    let mut text = String::new();
    for index in first..=last {
        let (size, limit) = match index {
            0 => (86_400, u64::MAX),
            1 => (3_600, 24),
            2 => (60, 60),
            _ => (1, 60),
        };
        let part = seconds / size;
        let part = if index == first { part } else { part % limit };
        if index > first {
            text.push(if index == 1 { ' ' } else { ':' });
        }
        text += &match index {
            0 => part.to_string(),
            _ => format!("{part:02}"),
        };
    }
    if last == 3 && fraction > 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    let range = match (DAY_TIME_UNITS.get(first), DAY_TIME_UNITS.get(last)) {
        (Some(first), Some(last)) if first != last => format!("{first} TO {last}"),
        (Some(only), _) => (*only).to_owned(),
        _ => String::new(),
    };
    format!("INTERVAL '{sign}{text}' {range}")
}

fn year_month(months: i32) -> String {
    let sign = if months < 0 { "-" } else { "" };
    let total = months.unsigned_abs();
    match (total / 12, total % 12) {
        (years, 0) if years > 0 => format!("INTERVAL '{sign}{years}' YEAR"),
        (0, months) => format!("INTERVAL '{sign}{months}' MONTH"),
        (years, months) => format!("INTERVAL '{sign}{years}-{months}' YEAR TO MONTH"),
    }
}
