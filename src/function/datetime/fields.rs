//! Parts of dates and moments: `year`, `hour`, `dayofweek`, `date_part`, …

use super::{column, constant_text, dates, function, local_times, signature};
use crate::cast::calendar::{civil_from_days, days_from_civil};
use crate::cast::zone::MICROS_PER_DAY;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{any_nullable, constant, count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{self, IntervalField};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Int32Array, StringArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, TimeUnit,
};
use std::sync::Arc;

/// A part of a date that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    YearOfWeek,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    DayOfWeekIso,
    WeekDay,
    DayOfYear,
    Hour,
    Minute,
    Second,
}

#[expect(clippy::too_many_lines, reason = "a table, with one entry a function")]
pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "year",
                "year(date)",
                "The year.",
                "SELECT year('2016-07-30')",
            ],
            |a| of_date("year", a),
            |c| date_part(c, Part::Year),
        ),
        function(
            [
                "quarter",
                "quarter(date)",
                "The quarter of the year, 1 to 4.",
                "SELECT quarter('2016-08-31')",
            ],
            |a| of_date("quarter", a),
            |c| date_part(c, Part::Quarter),
        ),
        function(
            [
                "month",
                "month(date)",
                "The month, 1 to 12.",
                "SELECT month('2016-07-30')",
            ],
            |a| of_date("month", a),
            |c| date_part(c, Part::Month),
        ),
        function(
            [
                "dayofmonth",
                "dayofmonth(date)",
                "The day of the month.",
                "SELECT dayofmonth('2009-07-30')",
            ],
            |a| of_date("dayofmonth", a),
            |c| date_part(c, Part::Day),
        ),
        function(
            [
                "dayofweek",
                "dayofweek(date)",
                "The day of the week, 1 for Sunday to 7 for Saturday.",
                "SELECT dayofweek('2009-07-30')",
            ],
            |a| of_date("dayofweek", a),
            |c| date_part(c, Part::DayOfWeek),
        ),
        function(
            [
                "weekday",
                "weekday(date)",
                "The day of the week, 0 for Monday to 6 for Sunday.",
                "SELECT weekday('2009-07-30')",
            ],
            |a| of_date("weekday", a),
            |c| date_part(c, Part::WeekDay),
        ),
        function(
            [
                "dayofyear",
                "dayofyear(date)",
                "The day of the year, from 1.",
                "SELECT dayofyear('2016-04-09')",
            ],
            |a| of_date("dayofyear", a),
            |c| date_part(c, Part::DayOfYear),
        ),
        function(
            [
                "weekofyear",
                "weekofyear(date)",
                "The ISO week of the year, from 1.",
                "SELECT weekofyear('2008-02-20')",
            ],
            |a| of_date("weekofyear", a),
            |c| date_part(c, Part::Week),
        ),
        function(
            [
                "hour",
                "hour(timestamp)",
                "The hour, 0 to 23.",
                "SELECT hour('2009-07-30 12:58:59')",
            ],
            |a| of_time("hour", a),
            |c| time_part(c, 0, Part::Hour),
        ),
        function(
            [
                "minute",
                "minute(timestamp)",
                "The minute, 0 to 59.",
                "SELECT minute('2009-07-30 12:58:59')",
            ],
            |a| of_time("minute", a),
            |c| time_part(c, 0, Part::Minute),
        ),
        function(
            [
                "second",
                "second(timestamp)",
                "The second, 0 to 59.",
                "SELECT second('2009-07-30 12:58:59')",
            ],
            |a| of_time("second", a),
            |c| time_part(c, 0, Part::Second),
        ),
        function(
            [
                "dayname",
                "dayname(date)",
                "The English name of the day of the week, in three letters.",
                "SELECT dayname(DATE('2008-02-20'))",
            ],
            |a| of_name("dayname", a),
            |c| name(c, Part::WeekDay, "MonTueWedThuFriSatSun"),
        ),
        function(
            [
                "monthname",
                "monthname(date)",
                "The English name of the month, in three letters.",
                "SELECT monthname('2008-02-20')",
            ],
            |a| of_name("monthname", a),
            |c| name(c, Part::Month, "   JanFebMarAprMayJunJulAugSepOctNovDec"),
        ),
        function(
            [
                "date_part",
                "date_part(field, source)",
                "The named part of a date, moment or interval.",
                "SELECT date_part('YEAR', TIMESTAMP '2019-08-12 01:00:00.123456')",
            ],
            |a| resolve_part("date_part", a),
            part_kernel,
        ),
        function(
            [
                "extract",
                "extract(field FROM source)",
                "The named part of a date, moment or interval.",
                "SELECT extract(YEAR FROM TIMESTAMP '2019-08-12 01:00:00.123456')",
            ],
            |a| resolve_part("extract", a),
            part_kernel,
        ),
    ]
}

fn of_date(name: &str, arguments: &[Expr]) -> Result<Signature> {
    signature(
        name,
        arguments,
        &[DataType::Date32],
        (1, DataType::Int32),
        false,
    )
}

fn of_name(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let wanted = [DataType::Date32];
    signature(name, arguments, &wanted, (1, DataType::Utf8), false)
}

/// The three letters of `names` at the number of the part.
fn name(call: &Call<'_>, part: Part, names: &'static str) -> Result<ArrayRef> {
    let letters = |days: i32| {
        let start = usize::try_from(of_days(i64::from(days), part)).ok()? * 3;
        names.get(start..start + 3)
    };
    let texts: StringArray = dates(call, 0)?
        .iter()
        .map(|days| days.and_then(letters))
        .collect();
    Ok(Arc::new(texts))
}

/// A moment without zone stays one; everything else becomes a moment.
fn of_time(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let wanted = match arguments.first().map(|argument| &argument.data_type) {
        Some(DataType::Timestamp(TimeUnit::Microsecond, None)) => types::timestamp_ntz(),
        _ => types::timestamp(),
    };
    signature(name, arguments, &[wanted], (1, DataType::Int32), false)
}

fn date_part(call: &Call<'_>, part: Part) -> Result<ArrayRef> {
    let dates = dates(call, 0)?;
    let parts: Int32Array = dates.unary(|days| of_days(i64::from(days), part));
    Ok(Arc::new(parts))
}

fn time_part(call: &Call<'_>, index: usize, part: Part) -> Result<ArrayRef> {
    let local = local_times(call, index)?;
    let parts: Int32Array = local.unary(|time| of_local(time, part));
    Ok(Arc::new(parts))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a part of a time of day fits"
)]
fn of_local(time: i64, part: Part) -> i32 {
    let seconds = time.rem_euclid(MICROS_PER_DAY) / 1_000_000;
    match part {
        Part::Hour => (seconds / 3_600) as i32,
        Part::Minute => (seconds / 60 % 60) as i32,
        Part::Second => (seconds % 60) as i32,
        _ => of_days(time.div_euclid(MICROS_PER_DAY), part),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a part of a date that fits in 32 bits of days"
)]
fn of_days(days: i64, part: Part) -> i32 {
    let date = civil_from_days(days);
    match part {
        Part::Year => date.year as i32,
        Part::Quarter => i32::from((date.month - 1) / 3 + 1),
        Part::Month => i32::from(date.month),
        Part::Day => i32::from(date.day),
        Part::DayOfWeek => ((days + 4).rem_euclid(7) + 1) as i32,
        Part::DayOfWeekIso => ((days + 3).rem_euclid(7) + 1) as i32,
        Part::WeekDay => (days + 3).rem_euclid(7) as i32,
        Part::DayOfYear => (days - january_first(date.year) + 1) as i32,
        Part::Week => ((thursday(days) - january_first(week_year(days))) / 7 + 1) as i32,
        Part::YearOfWeek => week_year(days) as i32,
        Part::Hour | Part::Minute | Part::Second => 0,
    }
}

fn january_first(year: i64) -> i64 {
    days_from_civil(year, 1, 1).unwrap_or(0)
}

/// The Thursday of the ISO week of a day; its year is the week's.
fn thursday(days: i64) -> i64 {
    days - (days + 3).rem_euclid(7) + 3
}

fn week_year(days: i64) -> i64 {
    civil_from_days(thursday(days)).year
}

/// What a field name of `extract` asks for.
fn part_named(name: &str) -> Option<Part> {
    Some(match name.to_ascii_uppercase().as_str() {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => Part::Year,
        "YEAROFWEEK" => Part::YearOfWeek,
        "QUARTER" | "QTR" => Part::Quarter,
        "MONTH" | "MON" | "MONS" | "MONTHS" => Part::Month,
        "WEEK" | "W" | "WEEKS" => Part::Week,
        "DAY" | "D" | "DAYS" => Part::Day,
        "DAYOFWEEK" | "DOW" => Part::DayOfWeek,
        "DAYOFWEEK_ISO" | "DOW_ISO" => Part::DayOfWeekIso,
        "DOY" => Part::DayOfYear,
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" => Part::Hour,
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => Part::Minute,
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => Part::Second,
        _ => return None,
    })
}

fn resolve_part(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let field = constant(name, arguments, 0)?;
    let text = field
        .as_string_opt::<i32>()
        .filter(|field| field.is_valid(0))
        .map(|field| field.value(0).to_owned());
    let source = arguments
        .get(1)
        .ok_or_else(|| Error::internal("extract without a source"))?;
    let Some(text) = text else {
        // Nobody knows of which type a part is that nobody names: Spark says a double.
        return Ok(Signature {
            arguments: arguments
                .iter()
                .map(|argument| argument.data_type.clone())
                .collect(),
            returns: DataType::Float64,
            is_nullable: true,
        });
    };
    let invalid = || {
        Error::invalid(format!(
            "cannot extract this field. field=`{text}`, source=`{}`",
            source.sql_type()
        ))
        .with_condition("INVALID_EXTRACT_FIELD")
        .with_span(arguments.first().map_or(source.span, |field| field.span))
    };
    let part = part_named(&text)
        .filter(|part| has_part(source, *part))
        .ok_or_else(invalid)?;
    let seconds = DataType::Decimal128(8, 6);
    let (wanted, returns) = match (&source.data_type, part) {
        (DataType::Date32 | DataType::Timestamp(_, _), Part::Second) => {
            (time_type(&source.data_type), seconds)
        }
        (DataType::Date32 | DataType::Timestamp(_, _), _) => {
            (time_type(&source.data_type), DataType::Int32)
        }
        (DataType::Utf8 | DataType::Null, Part::Second) => (types::timestamp(), seconds),
        (DataType::Utf8 | DataType::Null, _) => (types::timestamp(), DataType::Int32),
        (DataType::Duration(_) | DataType::Interval(_), part) => {
            let returns = match part {
                Part::Second => seconds,
                Part::Year | Part::Day => DataType::Int32,
                _ => DataType::Int8,
            };
            (source.data_type.clone(), returns)
        }
        _ => {
            return Err(unexpected_type(
                name,
                source,
                1,
                "a date, a timestamp or an interval",
            ));
        }
    };
    Ok(Signature {
        arguments: vec![DataType::Utf8, wanted],
        returns,
        is_nullable: any_nullable(arguments),
    })
}

/// Whether the source, if it is an interval, has this part: an ANSI interval has those between the units of its type.
fn has_part(source: &Expr, part: Part) -> bool {
    let field = match part {
        Part::Year => IntervalField::Year,
        Part::Month => IntervalField::Month,
        Part::Day => IntervalField::Day,
        Part::Hour => IntervalField::Hour,
        Part::Minute => IntervalField::Minute,
        Part::Second => IntervalField::Second,
        _ => {
            return !matches!(
                source.data_type,
                DataType::Duration(_) | DataType::Interval(_)
            );
        }
    };
    let units = source.units.of_interval(&source.data_type);
    units.is_none_or(|units| (units.from()..=units.to()).contains(&field))
}

fn time_type(source: &DataType) -> DataType {
    match source {
        DataType::Timestamp(TimeUnit::Microsecond, None) => types::timestamp_ntz(),
        _ => types::timestamp(),
    }
}

fn part_kernel(call: &Call<'_>) -> Result<ArrayRef> {
    if call.returns == &DataType::Float64 {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let part = constant_text(call, 0)
        .and_then(|name| part_named(&name))
        .ok_or_else(|| Error::internal("extract of a field that was not resolved"))?;
    let source = column(call, 1)?;
    match source.data_type() {
        DataType::Duration(_) => interval_part(&source, part, call.returns),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            calendar_part(&source, part, call.returns)
        }
        DataType::Interval(_) => {
            let months = source.as_primitive::<IntervalYearMonthType>();
            let parts: Int32Array = months.unary(|months| match part {
                Part::Year => months / 12,
                _ => months % 12,
            });
            Ok(cast(&parts, call.returns)?)
        }
        _ if part == Part::Second => {
            seconds(&local_times(call, 1)?.unary(|time| time.rem_euclid(60_000_000)))
        }
        _ => time_part(call, 1, part),
    }
}

/// A part of a legacy interval, whose months, days and smaller units do not run over into each other.
fn calendar_part(source: &ArrayRef, part: Part, returns: &DataType) -> Result<ArrayRef> {
    let intervals = source.as_primitive::<IntervalMonthDayNanoType>();
    let parts: arrow::array::Int64Array = intervals.unary(|interval| {
        let micros = interval.nanoseconds / 1_000;
        match part {
            Part::Year => i64::from(interval.months / 12),
            Part::Month => i64::from(interval.months % 12),
            Part::Day => i64::from(interval.days),
            Part::Hour => micros / 3_600_000_000 % 24,
            Part::Minute => micros / 60_000_000 % 60,
            _ => micros % 60_000_000,
        }
    });
    if part == Part::Second {
        return seconds(&parts);
    }
    Ok(cast(&parts, returns)?)
}

fn interval_part(source: &ArrayRef, part: Part, returns: &DataType) -> Result<ArrayRef> {
    let micros = source.as_primitive::<DurationMicrosecondType>();
    if part == Part::Second {
        return seconds(&micros.unary(|micros| micros % 60_000_000));
    }
    let parts: arrow::array::Int64Array = micros.unary(|micros| match part {
        Part::Day => micros / MICROS_PER_DAY,
        Part::Hour => micros % MICROS_PER_DAY / 3_600_000_000,
        _ => micros / 60_000_000 % 60,
    });
    Ok(cast(&parts, returns)?)
}

/// Microseconds as seconds with six digits after the point.
fn seconds(micros: &arrow::array::Int64Array) -> Result<ArrayRef> {
    let decimals: Decimal128Array = micros.unary(i128::from);
    Ok(Arc::new(decimals.with_precision_and_scale(8, 6)?))
}
