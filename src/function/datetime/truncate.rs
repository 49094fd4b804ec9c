//! `date_trunc` and `trunc`: the beginning of the unit that a moment or date lies in. A unit that is not known gives null.

use super::{dates, function, signature, strings, time_array, times, zone};
use crate::cast::calendar::{civil_from_days, days_from_civil};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::Result;
use crate::function::{Call, ScalarFunction};
use crate::types;
use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// A unit, from small to large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "date_trunc",
                "date_trunc(unit, timestamp)",
                "The beginning of the unit (YEAR to MICROSECOND) that the moment lies in.",
                "SELECT date_trunc('HOUR', '2015-03-05T09:32:05.359')",
            ],
            |arguments| {
                let wanted = [DataType::Utf8, types::timestamp()];
                signature(
                    "date_trunc",
                    arguments,
                    &wanted,
                    (2, types::timestamp()),
                    true,
                )
            },
            date_trunc,
        ),
        function(
            [
                "trunc",
                "trunc(date, unit)",
                "The first day of the unit (YEAR, QUARTER, MONTH or WEEK) that the date lies in.",
                "SELECT trunc('2019-08-04', 'week')",
            ],
            |arguments| {
                let wanted = [DataType::Date32, DataType::Utf8];
                signature("trunc", arguments, &wanted, (2, DataType::Date32), true)
            },
            trunc,
        ),
    ]
}

fn unit_named(name: &str) -> Option<Unit> {
    Some(match name.to_ascii_uppercase().as_str() {
        "MICROSECOND" => Unit::Microsecond,
        "MILLISECOND" => Unit::Millisecond,
        "SECOND" => Unit::Second,
        "MINUTE" => Unit::Minute,
        "HOUR" => Unit::Hour,
        "DAY" | "DD" => Unit::Day,
        "WEEK" => Unit::Week,
        "MON" | "MONTH" | "MM" => Unit::Month,
        "QUARTER" => Unit::Quarter,
        "YEAR" | "YYYY" | "YY" => Unit::Year,
        _ => return None,
    })
}

fn date_trunc(call: &Call<'_>) -> Result<ArrayRef> {
    let (units, moments, zone) = (strings(call, 0)?, times(call, 1)?, zone(call)?);
    let mut last = (String::new(), None);
    let truncated: TimestampMicrosecondArray = units
        .iter()
        .zip(&moments)
        .map(|(unit, time)| {
            let unit = unit?;
            if last.0 != unit {
                last = (unit.to_owned(), unit_named(unit));
            }
            truncate_moment(time?, last.1?, zone)
        })
        .collect();
    Ok(time_array(truncated, call.returns))
}

fn truncate_moment(time: i64, unit: Unit, zone: Zone) -> Option<i64> {
    let step = match unit {
        Unit::Microsecond => return Some(time),
        Unit::Millisecond => 1_000,
        Unit::Second => 1_000_000,
        Unit::Minute => 60_000_000,
        Unit::Hour => 3_600_000_000,
        _ => {
            let days = zone.to_local(time).div_euclid(MICROS_PER_DAY);
            return zone.to_utc(truncate_days(days, unit)?.checked_mul(MICROS_PER_DAY)?);
        }
    };
    // Within a day the offset may change only at a whole minute, so the wall clock's unit is taken with the offset of the moment.
    let offset = zone.offset_micros(time);
    let local = time.checked_add(offset)?;
    Some(local - local.rem_euclid(step) - offset)
}

fn truncate_days(days: i64, unit: Unit) -> Option<i64> {
    let date = civil_from_days(days);
    match unit {
        Unit::Week => Some(days - (days + 3).rem_euclid(7)),
        Unit::Month => days_from_civil(date.year, date.month, 1),
        Unit::Quarter => days_from_civil(date.year, (date.month - 1) / 3 * 3 + 1, 1),
        Unit::Year => days_from_civil(date.year, 1, 1),
        Unit::Day
        | Unit::Hour
        | Unit::Minute
        | Unit::Second
        | Unit::Millisecond
        | Unit::Microsecond => Some(days),
    }
}

fn trunc(call: &Call<'_>) -> Result<ArrayRef> {
    let (dates, units) = (dates(call, 0)?, strings(call, 1)?);
    let first = |date: Option<i32>, unit: Option<&str>| {
        let unit = unit_named(unit?).filter(|unit| *unit >= Unit::Week)?;
        i32::try_from(truncate_days(i64::from(date?), unit)?).ok()
    };
    let firsts: Date32Array = dates
        .iter()
        .zip(units.iter())
        .map(|(date, unit)| first(date, unit))
        .collect();
    Ok(Arc::new(firsts))
}
