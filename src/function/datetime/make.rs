//! Moments and intervals out of their parts: `make_timestamp` and its kin, `make_dt_interval`, `make_ym_interval`.
//!
//! The kin differ in what they give (`_ltz`: a moment, `_ntz`: a reading without zone) and in what becomes of parts that make no moment
//! (`try_`: null). An unknown time zone is always an error.

use super::arithmetic::{date_of, invalid_parts};
use super::{function, has, signature, strings, time_array, typed};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::count_arguments;
use crate::function::{Call, Kernel, ResolveFn, ScalarFunction, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, Date32Array, DurationMicrosecondArray, Int32Array, IntervalYearMonthArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Time64MicrosecondType};
use std::sync::Arc;

/// Microseconds of an hour.
const MICROS_PER_HOUR: i64 = 3_600_000_000;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = moments();
    functions.extend(intervals());
    functions
}

/// One of the kin: its words, type rule and kernel.
fn of(words: [&'static str; 4], resolve: ResolveFn, kernel: Kernel) -> ScalarFunction {
    function(words, resolve, kernel)
}

fn moments() -> Vec<ScalarFunction> {
    vec![
        of(
            [
                "make_timestamp",
                "make_timestamp(year, month, day, hour, minute, second[, time_zone])",
                "The moment when the wall clock of the time zone shows these parts; also of a date and a time.",
                "SELECT make_timestamp(2014, 12, 28, 6, 30, 45.887)",
            ],
            |a| resolve("make_timestamp", a, types::timestamp(), false),
            |c| make(c, false),
        ),
        of(
            [
                "make_timestamp_ltz",
                "make_timestamp_ltz(year, month, day, hour, minute, second[, time_zone])",
                "As make_timestamp.",
                "SELECT make_timestamp_ltz(2014, 12, 28, 6, 30, 45.887, 'CET')",
            ],
            |a| resolve("make_timestamp_ltz", a, types::timestamp(), false),
            |c| make(c, false),
        ),
        of(
            [
                "make_timestamp_ntz",
                "make_timestamp_ntz(year, month, day, hour, minute, second)",
                "The reading of a wall clock with these parts; also of a date and a time.",
                "SELECT make_timestamp_ntz(2014, 12, 28, 6, 30, 45.887)",
            ],
            |a| resolve("make_timestamp_ntz", a, types::timestamp_ntz(), false),
            |c| make(c, false),
        ),
        of(
            [
                "try_make_timestamp",
                "try_make_timestamp(year, month, day, hour, minute, second[, time_zone])",
                "As make_timestamp, null where there is no such moment.",
                "SELECT try_make_timestamp(2014, 13, 28, 6, 30, 45.887)",
            ],
            |a| resolve("try_make_timestamp", a, types::timestamp(), true),
            |c| make(c, true),
        ),
        of(
            [
                "try_make_timestamp_ltz",
                "try_make_timestamp_ltz(year, month, day, hour, minute, second[, time_zone])",
                "As make_timestamp_ltz, null where there is no such moment.",
                "SELECT try_make_timestamp_ltz(2014, 13, 28, 6, 30, 45.887)",
            ],
            |a| resolve("try_make_timestamp_ltz", a, types::timestamp(), true),
            |c| make(c, true),
        ),
        of(
            [
                "try_make_timestamp_ntz",
                "try_make_timestamp_ntz(year, month, day, hour, minute, second)",
                "As make_timestamp_ntz, null where there is no such reading.",
                "SELECT try_make_timestamp_ntz(2024, 13, 22, 15, 30, 0)",
            ],
            |a| resolve("try_make_timestamp_ntz", a, types::timestamp_ntz(), true),
            |c| make(c, true),
        ),
    ]
}

fn intervals() -> Vec<ScalarFunction> {
    vec![
        of(
            [
                "make_dt_interval",
                "make_dt_interval([days[, hours[, minutes[, seconds]]]])",
                "The day-time interval of these parts; those left out are 0.",
                "SELECT make_dt_interval(1, 12, 30, 01.001001)",
            ],
            |a| {
                let wanted = [
                    DataType::Int32,
                    DataType::Int32,
                    DataType::Int32,
                    DataType::Decimal128(18, 6),
                ];
                let returns = types::day_time_interval();
                signature("make_dt_interval", a, &wanted, (0, returns), false)
            },
            make_day_time,
        ),
        of(
            [
                "make_ym_interval",
                "make_ym_interval([years[, months]])",
                "The year-month interval of these parts; those left out are 0.",
                "SELECT make_ym_interval(1, 2)",
            ],
            |a| {
                let wanted = [DataType::Int32, DataType::Int32];
                let returns = types::year_month_interval();
                signature("make_ym_interval", a, &wanted, (0, returns), false)
            },
            make_year_month,
        ),
    ]
}

/// Six parts and, unless the result has no zone, a time zone; or a date, a time and a time zone.
fn resolve(name: &str, arguments: &[Expr], returns: DataType, is_try: bool) -> Result<Signature> {
    let int = DataType::Int32;
    let mut wanted = if arguments.len() <= 3 {
        vec![DataType::Date32, types::time()]
    } else {
        let mut wanted = vec![int; 5];
        wanted.push(DataType::Decimal128(16, 6));
        wanted
    };
    let least = wanted.len();
    if returns == types::timestamp() {
        wanted.push(DataType::Utf8);
    }
    count_arguments(name, arguments, least, wanted.len())?;
    signature(name, arguments, &wanted, (least, returns), is_try)
}

/// The wall-clock reading of each row in microseconds, or why there is none; `None` for null.
enum Parts {
    DateAndTime(Date32Array, Time64MicrosecondArray),
    Six(
        Vec<Int32Array>,
        arrow::array::PrimitiveArray<Decimal128Type>,
    ),
}

impl Parts {
    fn of(call: &Call<'_>) -> Result<Parts> {
        if call.arguments.len() <= 3 {
            return Ok(Parts::DateAndTime(
                typed::<Date32Type>(call, 0)?,
                typed::<Time64MicrosecondType>(call, 1)?,
            ));
        }
        let integers = (0..5).map(|index| typed::<Int32Type>(call, index));
        Ok(Parts::Six(
            integers.collect::<Result<_>>()?,
            typed::<Decimal128Type>(call, 5)?,
        ))
    }

    fn reading(&self, row: usize) -> Option<Result<i64>> {
        match self {
            Parts::DateAndTime(dates, times) => {
                if dates.is_null(row) || times.is_null(row) {
                    return None;
                }
                Some(Ok(
                    i64::from(dates.value(row)) * MICROS_PER_DAY + times.value(row)
                ))
            }
            Parts::Six(integers, seconds) => {
                if integers.iter().any(|part| part.is_null(row)) || seconds.is_null(row) {
                    return None;
                }
                let parts: Vec<i32> = integers.iter().map(|part| part.value(row)).collect();
                Some(reading_of(&parts, seconds.value(row)))
            }
        }
    }
}

/// A second of 60 with no fraction is the next minute's first.
fn reading_of(parts: &[i32], micros: i128) -> Result<i64> {
    let missing = || invalid_parts(&format!("there is no such moment. parts=`{parts:?}`"));
    let [year, month, day, hour, minute] = parts.try_into().map_err(|_| missing())?;
    let micros = i64::try_from(micros)
        .ok()
        .filter(|micros| (0..61_000_000).contains(micros))
        .ok_or_else(missing)?;
    let micros = Some(micros)
        .filter(|micros| *micros <= 60_000_000)
        .ok_or_else(|| {
            Error::data(format!(
                "a second must be between 0 and 60. Use a try_ function to get NULL instead. microseconds=`{micros}`"
            ))
            .with_condition("INVALID_FRACTION_OF_SECOND")
        })?;
    let is_in_range = (0..24).contains(&hour) && (0..60).contains(&minute);
    let of_day = (i64::from(hour) * 60 + i64::from(minute)) * 60_000_000 + micros;
    date_of(year, month, day)
        .filter(|_| is_in_range)
        .and_then(|days: i64| days.checked_mul(MICROS_PER_DAY)?.checked_add(of_day))
        .ok_or_else(missing)
}

fn make(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let parts = Parts::of(call)?;
    let zone_index = match &parts {
        Parts::DateAndTime(..) => 2,
        Parts::Six(..) => 6,
    };
    let zones = if has(call, zone_index) {
        Some(strings(call, zone_index)?)
    } else {
        None
    };
    let is_local = *call.returns == types::timestamp_ntz();
    let session = super::zone(call)?;
    let row = |row: usize| -> Result<Option<i64>> {
        let zone = match &zones {
            Some(zones) if zones.is_null(row) => return Ok(None),
            Some(zones) => Zone::parse(zones.value(row))?,
            None => session,
        };
        let Some(reading) = parts.reading(row) else {
            return Ok(None);
        };
        let moment = reading.and_then(|reading| {
            if is_local {
                return Ok(reading);
            }
            zone.to_utc(reading)
                .ok_or_else(|| invalid_parts("the moment is out of range"))
        });
        match moment {
            Err(_) if is_try => Ok(None),
            moment => moment.map(Some),
        }
    };
    let made: TimestampMicrosecondArray = (0..call.rows).map(row).collect::<Result<_>>()?;
    Ok(time_array(made, call.returns))
}

/// Argument `index` as integers; `None` if it was left out.
fn integers(call: &Call<'_>, index: usize) -> Result<Option<Int32Array>> {
    if !has(call, index) {
        return Ok(None);
    }
    typed::<Int32Type>(call, index).map(Some)
}

/// The value of a row; 0 if the argument was left out.
fn part(values: Option<&Int32Array>, row: usize) -> Option<i32> {
    values.map_or(Some(0), |values| {
        values.is_valid(row).then(|| values.value(row))
    })
}

fn interval_overflow() -> Error {
    Error::data("the interval is out of range. Use other values for its parts")
        .with_condition("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION")
}

fn make_day_time(call: &Call<'_>) -> Result<ArrayRef> {
    let (days, hours, minutes) = (integers(call, 0)?, integers(call, 1)?, integers(call, 2)?);
    let seconds = if has(call, 3) {
        Some(typed::<Decimal128Type>(call, 3)?)
    } else {
        None
    };
    let micros_of = |row: usize| match &seconds {
        None => Some(0),
        Some(seconds) => seconds.is_valid(row).then(|| seconds.value(row)),
    };
    let row = |row: usize| -> Result<Option<i64>> {
        let (Some(days), Some(hours), Some(minutes), Some(micros)) = (
            part(days.as_ref(), row),
            part(hours.as_ref(), row),
            part(minutes.as_ref(), row),
            micros_of(row),
        ) else {
            return Ok(None);
        };
        let total = i128::from(days) * i128::from(MICROS_PER_DAY)
            + i128::from(hours) * i128::from(MICROS_PER_HOUR)
            + i128::from(minutes) * 60_000_000
            + micros;
        i64::try_from(total)
            .map(Some)
            .map_err(|_| interval_overflow())
    };
    let made: DurationMicrosecondArray = (0..call.rows).map(row).collect::<Result<_>>()?;
    Ok(Arc::new(made))
}

fn make_year_month(call: &Call<'_>) -> Result<ArrayRef> {
    let (years, months) = (integers(call, 0)?, integers(call, 1)?);
    let row = |row: usize| -> Result<Option<i32>> {
        let (Some(years), Some(months)) = (part(years.as_ref(), row), part(months.as_ref(), row))
        else {
            return Ok(None);
        };
        years
            .checked_mul(12)
            .and_then(|total| total.checked_add(months))
            .map(Some)
            .ok_or_else(interval_overflow)
    };
    let made: IntervalYearMonthArray = (0..call.rows).map(row).collect::<Result<_>>()?;
    Ok(Arc::new(made))
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{answer_in, assert_answers, assert_fails};

    #[test]
    fn moments_are_made_of_parts_or_of_a_date_and_a_time() {
        assert_answers(&[
            (
                "make_timestamp_ntz(2014, 12, 28, 6, 30, 45.887)",
                "2014-12-28 06:30:45.887",
            ),
            (
                "make_timestamp(2019, 6, 30, 23, 59, 60)",
                "2019-07-01 00:00:00",
            ),
            (
                "make_timestamp(DATE'2014-12-28', TIME'6:30:45.887', 'CET')",
                "2014-12-28 05:30:45.887",
            ),
            (
                "make_timestamp_ntz(DATE'2014-12-28', TIME'6:30:45.887')",
                "2014-12-28 06:30:45.887",
            ),
            ("make_timestamp_ltz(null, 7, 22, 15, 30, 0)", "NULL"),
            ("make_timestamp(2014, 12, 28, 6, 30, 1, NULL)", "NULL"),
            ("try_make_timestamp(2014, 2, 30, 6, 30, 6)", "NULL"),
            ("try_make_timestamp_ntz(2014, 2, 28, 6, 30, 60.5)", "NULL"),
        ]);
        assert_eq!(
            answer_in(
                "Europe/Berlin",
                "make_timestamp_ltz(2014, 12, 28, 6, 30, 0, 'UTC')"
            )
            .unwrap(),
            "2014-12-28 07:30:00"
        );
        assert_fails(&[
            (
                "make_timestamp(2014, 13, 28, 6, 30, 45.887)",
                "DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION",
            ),
            (
                "make_timestamp(2014, 12, 28, 6, 30, 60.5)",
                "INVALID_FRACTION_OF_SECOND",
            ),
            (
                "try_make_timestamp(2014, 2, 30, 6, 30, 6, 'XYZ')",
                "INVALID_TIMEZONE",
            ),
            (
                "make_timestamp_ntz(2014, 12, 28, 6, 30, 45.887, 'CET')",
                "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            ),
        ]);
    }

    #[test]
    fn intervals_are_made_of_parts() {
        assert_answers(&[
            (
                "make_dt_interval(1, 12, 30, 01.001001) = INTERVAL '1 12:30:01.001001' DAY TO SECOND",
                "true",
            ),
            ("make_dt_interval() = INTERVAL '0' DAY", "true"),
            ("make_dt_interval(null, 1) IS NULL", "true"),
            (
                "make_ym_interval(1, 2) = INTERVAL '1-2' YEAR TO MONTH",
                "true",
            ),
        ]);
        assert_fails(&[
            (
                "make_dt_interval(2147483647)",
                "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
            ),
            (
                "make_ym_interval(2147483647)",
                "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
            ),
        ]);
    }
}
