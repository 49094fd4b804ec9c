//! Constants as Spark writes them in names: text and numbers bare, everything else with its type.

use crate::cast::parse_timestamp;
use crate::cast::text::write_time;
use crate::cast::zone::Zone;
use crate::expr::is_null_constant;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float32Type, Float64Type, IntervalUnit,
    IntervalYearMonthType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
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
        DataType::Float32 => float(
            f64::from(value.as_primitive::<Float32Type>().value(0)),
            || format!("{:?}", value.as_primitive::<Float32Type>().value(0)),
        ),
        DataType::Float64 => float(value.as_primitive::<Float64Type>().value(0), || {
            format!("{:?}", value.as_primitive::<Float64Type>().value(0))
        }),
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

fn float(value: f64, finite: impl Fn() -> String) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        finite()
    }
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

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, from the first to the last unit that is not zero.
fn day_time(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let total = micros.unsigned_abs();
    let fraction = total % 1_000_000;
    let seconds = total / 1_000_000;
    let parts = [
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    ];
    let units = ["DAY", "HOUR", "MINUTE", "SECOND"];
    let is_set = |index: usize| {
        parts.get(index).is_some_and(|part| *part > 0) || (index == 3 && fraction > 0)
    };
    let first = (0..4).find(|index| is_set(*index)).unwrap_or(3);
    let last = (0..4).rfind(|index| is_set(*index)).unwrap_or(3);
    let mut text = String::new();
    for index in first..=last {
        let part = parts.get(index).copied().unwrap_or_default();
        if index == first && first == last {
            text += &part.to_string();
        } else if index == 0 {
            text += &format!("{part} ");
        } else {
            text += &format!("{part:02}");
            if index < last {
                text.push(':');
            }
        }
    }
    if last == 3 && fraction > 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    let range = match (units.get(first), units.get(last)) {
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
