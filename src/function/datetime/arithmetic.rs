//! Counting with dates: days and months added, days between, `next_day`, `make_date`, time zones turned.

use super::{column, dates, function, has, signature, strings, time_array, times, typed};
use crate::cast::calendar::{civil_from_days, days_from_civil, days_in_month};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::unexpected_type;
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

#[expect(clippy::too_many_lines, reason = "a table, with one entry a function")]
pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "date_add",
                "date_add(date, days)",
                "The date so many days later.",
                "SELECT date_add('2016-07-30', 1)",
            ],
            |a| resolve_days("date_add", a),
            |c| add_days(c, 1),
        ),
        function(
            [
                "date_sub",
                "date_sub(date, days)",
                "The date so many days earlier.",
                "SELECT date_sub('2016-07-30', 1)",
            ],
            |a| resolve_days("date_sub", a),
            |c| add_days(c, -1),
        ),
        function(
            [
                "datediff",
                "datediff(end, start)",
                "The number of days from start to end.",
                "SELECT datediff('2009-07-31', '2009-07-30')",
            ],
            |a| {
                signature(
                    "datediff",
                    a,
                    &[DataType::Date32, DataType::Date32],
                    (2, DataType::Int32),
                    false,
                )
            },
            datediff,
        ),
        function(
            [
                "add_months",
                "add_months(date, months)",
                "The date so many months later; the last day of the month if there is no such day.",
                "SELECT add_months('2016-08-31', 1)",
            ],
            |a| {
                signature(
                    "add_months",
                    a,
                    &[DataType::Date32, DataType::Int32],
                    (2, DataType::Date32),
                    false,
                )
            },
            add_months,
        ),
        function(
            [
                "months_between",
                "months_between(later, earlier[, rounds_off])",
                "The number of months between two moments; a month has 31 days for what is left. Rounded to 8 digits by default.",
                "SELECT months_between('1997-02-28 10:30:00', '1996-10-30')",
            ],
            |a| {
                signature(
                    "months_between",
                    a,
                    &[types::timestamp(), types::timestamp(), DataType::Boolean],
                    (2, DataType::Float64),
                    false,
                )
            },
            months_between,
        ),
        function(
            [
                "last_day",
                "last_day(date)",
                "The last day of the month.",
                "SELECT last_day('2009-01-12')",
            ],
            |a| {
                signature(
                    "last_day",
                    a,
                    &[DataType::Date32],
                    (1, DataType::Date32),
                    false,
                )
            },
            last_day,
        ),
        function(
            [
                "next_day",
                "next_day(date, day_of_week)",
                "The first date after this one that is such a day.",
                "SELECT next_day('2015-01-14', 'TU')",
            ],
            |a| {
                signature(
                    "next_day",
                    a,
                    &[DataType::Date32, DataType::Utf8],
                    (2, DataType::Date32),
                    false,
                )
            },
            next_day,
        ),
        function(
            [
                "make_date",
                "make_date(year, month, day)",
                "The date with these parts.",
                "SELECT make_date(2013, 7, 15)",
            ],
            |a| {
                signature(
                    "make_date",
                    a,
                    &[DataType::Int32, DataType::Int32, DataType::Int32],
                    (3, DataType::Date32),
                    false,
                )
            },
            make_date,
        ),
        function(
            [
                "from_utc_timestamp",
                "from_utc_timestamp(timestamp, time_zone)",
                "Takes the moment's UTC reading, and shows it as the time zone's wall clock would.",
                "SELECT from_utc_timestamp('2016-08-31', 'Asia/Seoul')",
            ],
            |a| {
                signature(
                    "from_utc_timestamp",
                    a,
                    &[types::timestamp(), DataType::Utf8],
                    (2, types::timestamp()),
                    false,
                )
            },
            |c| turn(c, |zone, time| Some(zone.to_local(time))),
        ),
        function(
            [
                "to_utc_timestamp",
                "to_utc_timestamp(timestamp, time_zone)",
                "Takes the reading as the time zone's wall clock, and shows it in UTC.",
                "SELECT to_utc_timestamp('2016-08-31', 'Asia/Seoul')",
            ],
            |a| {
                signature(
                    "to_utc_timestamp",
                    a,
                    &[types::timestamp(), DataType::Utf8],
                    (2, types::timestamp()),
                    false,
                )
            },
            |c| turn(c, Zone::to_utc),
        ),
        function(
            [
                "convert_timezone",
                "convert_timezone([source_zone, ]target_zone, timestamp_ntz)",
                "What the wall clock of one time zone (the session's by default) shows, as that of another shows it.",
                "SELECT convert_timezone('Europe/Brussels', 'America/Los_Angeles', timestamp_ntz'2021-12-06 00:00:00')",
            ],
            resolve_convert,
            convert_timezone,
        ),
    ]
}

/// Days are a number that fits `INT`: Spark takes no wider one, and no fraction.
fn resolve_days(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let resolved = signature(
        name,
        arguments,
        &[DataType::Date32, DataType::Int32],
        (2, DataType::Date32),
        false,
    )?;
    match arguments.get(1) {
        Some(days) if types::is_numeric(&days.data_type) && !is_narrow(&days.data_type) => {
            Err(unexpected_type(name, days, 1, "INT, SMALLINT or TINYINT"))
        }
        _ => Ok(resolved),
    }
}

fn is_narrow(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int8 | DataType::Int16 | DataType::Int32
    )
}

fn overflow() -> Error {
    Error::data("the date is out of range").with_condition("DATETIME_OVERFLOW")
}

pub(super) fn invalid_parts(what: &str) -> Error {
    Error::data(format!(
        "{what}. Use a try_ function, or filter such rows out"
    ))
    .with_condition("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION")
}

/// Maps dates with one more integer column.
fn with_integer(call: &Call<'_>, map: impl Fn(i32, i32) -> Option<i32>) -> Result<ArrayRef> {
    let (dates, numbers) = (dates(call, 0)?, typed::<Int32Type>(call, 1)?);
    let row = |(date, number): (Option<i32>, Option<i32>)| {
        let (Some(date), Some(number)) = (date, number) else {
            return Ok(None);
        };
        map(date, number).map(Some).ok_or_else(overflow)
    };
    let mapped: Date32Array = dates.iter().zip(&numbers).map(row).collect::<Result<_>>()?;
    Ok(Arc::new(mapped))
}

fn add_days(call: &Call<'_>, sign: i32) -> Result<ArrayRef> {
    with_integer(call, |date, days| date.checked_add(days.checked_mul(sign)?))
}

fn add_months(call: &Call<'_>) -> Result<ArrayRef> {
    with_integer(call, |date, months| {
        crate::cast::calendar::add_months(date, i64::from(months))
    })
    .map_err(|error| match error.condition() {
        Some("DATETIME_OVERFLOW") => error.with_condition("ARITHMETIC_OVERFLOW"),
        _ => error,
    })
}

fn datediff(call: &Call<'_>) -> Result<ArrayRef> {
    let (end, start) = (dates(call, 0)?, dates(call, 1)?);
    let days = |(end, start): (Option<i32>, Option<i32>)| {
        let (Some(end), Some(start)) = (end, start) else {
            return Ok(None);
        };
        end.checked_sub(start).map(Some).ok_or_else(overflow)
    };
    let days: Int32Array = end.iter().zip(&start).map(days).collect::<Result<_>>()?;
    Ok(Arc::new(days))
}

fn months_between(call: &Call<'_>) -> Result<ArrayRef> {
    let zone = super::zone(call)?;
    let (later, earlier) = (times(call, 0)?, times(call, 1)?);
    let rounds = if has(call, 2) {
        Some(column(call, 2)?)
    } else {
        None
    };
    let rounds_off = |row: usize| {
        rounds
            .as_ref()
            .is_none_or(|rounds| rounds.as_boolean().value(row))
    };
    let is_null = |row: usize| rounds.as_ref().is_some_and(|rounds| rounds.is_null(row));
    let months: Float64Array = (0..later.len())
        .map(|row| {
            if later.is_null(row) || earlier.is_null(row) || is_null(row) {
                return None;
            }
            let months = months_from(
                zone.to_local(later.value(row)),
                zone.to_local(earlier.value(row)),
            );
            Some(if rounds_off(row) {
                (months * 1e8).round() / 1e8
            } else {
                months
            })
        })
        .collect();
    Ok(Arc::new(months))
}

/// Whole months if both are the same day of the month, or both the last one; else what is left counts in 31sts of a month.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a month and months of a calendar are small"
)]
fn months_from(later: i64, earlier: i64) -> f64 {
    let parts = |time: i64| {
        let date = civil_from_days(time.div_euclid(MICROS_PER_DAY));
        let is_last = date.day == days_in_month(date.year, date.month);
        (
            date.year * 12 + i64::from(date.month),
            i64::from(date.day),
            is_last,
            time.rem_euclid(MICROS_PER_DAY) / 1_000_000,
        )
    };
    let (later_month, later_day, later_is_last, later_second) = parts(later);
    let (earlier_month, earlier_day, earlier_is_last, earlier_second) = parts(earlier);
    let months = (later_month - earlier_month) as f64;
    if later_day == earlier_day || (later_is_last && earlier_is_last) {
        return months;
    }
    let seconds = (later_day - earlier_day) * 86_400 + later_second - earlier_second;
    months + seconds as f64 / f64::from(31 * 86_400)
}

fn last_day(call: &Call<'_>) -> Result<ArrayRef> {
    let last: Date32Array = dates(call, 0)?.unary(|days| {
        let date = civil_from_days(i64::from(days));
        days + i32::from(days_in_month(date.year, date.month) - date.day)
    });
    Ok(Arc::new(last))
}

fn next_day(call: &Call<'_>) -> Result<ArrayRef> {
    let (dates, names) = (dates(call, 0)?, strings(call, 1)?);
    let next = |(date, name): (Option<i32>, Option<&str>)| {
        let (Some(date), Some(name)) = (date, name) else {
            return Ok(None);
        };
        let wanted = day_named(name).ok_or_else(|| {
            Error::data(format!("no day of the week has this name. name=`{name}`"))
                .with_condition("ILLEGAL_DAY_OF_WEEK")
        })?;
        let ahead = (wanted - (date + 3).rem_euclid(7)).rem_euclid(7);
        date.checked_add(if ahead == 0 { 7 } else { ahead })
            .map(Some)
            .ok_or_else(overflow)
    };
    let next: Date32Array = dates
        .iter()
        .zip(names.iter())
        .map(next)
        .collect::<Result<_>>()?;
    Ok(Arc::new(next))
}

/// 0 for Monday.
fn day_named(name: &str) -> Option<i32> {
    let name = name.trim().to_ascii_uppercase();
    let days = [
        ["MO", "MON", "MONDAY"],
        ["TU", "TUE", "TUESDAY"],
        ["WE", "WED", "WEDNESDAY"],
        ["TH", "THU", "THURSDAY"],
        ["FR", "FRI", "FRIDAY"],
        ["SA", "SAT", "SATURDAY"],
        ["SU", "SUN", "SUNDAY"],
    ];
    (0..)
        .zip(days)
        .find(|(_, names)| names.contains(&name.as_str()))
        .map(|(day, _)| day)
}

pub(super) fn date_of(year: i32, month: i32, day: i32) -> Option<i64> {
    days_from_civil(
        i64::from(year),
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
    )
}

fn make_date(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = [0, 1, 2].map(|index| typed::<Int32Type>(call, index));
    let [year, month, day] = parts;
    let (year, month, day) = (year?, month?, day?);
    let row = |row: usize| {
        if year.is_null(row) || month.is_null(row) || day.is_null(row) {
            return Ok(None);
        }
        let (year, month, day) = (year.value(row), month.value(row), day.value(row));
        let days = date_of(year, month, day).and_then(|days| i32::try_from(days).ok());
        days.map(Some).ok_or_else(|| {
            invalid_parts(&format!(
                "there is no such date. year=`{year}`, month=`{month}`, day=`{day}`"
            ))
        })
    };
    let made: Date32Array = (0..year.len()).map(row).collect::<Result<_>>()?;
    Ok(Arc::new(made))
}

fn resolve_convert(arguments: &[Expr]) -> Result<Signature> {
    let returns = types::timestamp_ntz();
    let wanted = [DataType::Utf8, DataType::Utf8, types::timestamp_ntz()];
    let skipped = usize::from(arguments.len() == 2);
    signature(
        "convert_timezone",
        arguments,
        wanted.get(skipped..).unwrap_or_default(),
        (2, returns),
        false,
    )
}

fn convert_timezone(call: &Call<'_>) -> Result<ArrayRef> {
    let last = call.arguments.len() - 1;
    let (times, targets) = (times(call, last)?, strings(call, last - 1)?);
    let sources = if last == 2 {
        Some(strings(call, 0)?)
    } else {
        None
    };
    let session = super::zone(call)?;
    let row = |row: usize| {
        if times.is_null(row) || targets.is_null(row) {
            return Ok(None);
        }
        let source = match &sources {
            Some(sources) if sources.is_null(row) => return Ok(None),
            Some(sources) => Zone::parse(sources.value(row))?,
            None => session,
        };
        let target = Zone::parse(targets.value(row))?;
        let moment = source.to_utc(times.value(row)).ok_or_else(overflow)?;
        Ok(Some(target.to_local(moment)))
    };
    let converted: TimestampMicrosecondArray = (0..times.len()).map(row).collect::<Result<_>>()?;
    Ok(time_array(converted, call.returns))
}

fn turn(call: &Call<'_>, by: impl Fn(Zone, i64) -> Option<i64>) -> Result<ArrayRef> {
    let (times, zones) = (times(call, 0)?, strings(call, 1)?);
    let row = |(time, zone): (Option<i64>, Option<&str>)| {
        let (Some(time), Some(zone)) = (time, zone) else {
            return Ok(None);
        };
        by(Zone::parse(zone)?, time).map(Some).ok_or_else(overflow)
    };
    let turned: TimestampMicrosecondArray = times
        .iter()
        .zip(zones.iter())
        .map(row)
        .collect::<Result<_>>()?;
    Ok(time_array(turned, call.returns))
}
