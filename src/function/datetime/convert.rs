//! Between text, numbers and moments: `to_timestamp`, `date_format`, `unix_timestamp`, `timestamp_millis`, …

use super::pattern::Pattern;
use super::reader::{Reader, unreadable};
use super::{
    column, constant_text, function, has, local_times, signature, strings, time_array, times,
    typed, zone,
};
use crate::cast::zone::MICROS_PER_DAY;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, any_nullable, argument_type, count_arguments, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit};
use std::sync::Arc;

/// What `from_unixtime` writes and `unix_timestamp` reads if no pattern is given.
const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = from_text();
    functions.extend(to_text());
    functions.extend(numbers());
    functions
}

#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn from_text() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "to_timestamp",
                "to_timestamp(text[, pattern])",
                "The moment that a text shows.",
                "SELECT to_timestamp('2016-12-31', 'yyyy-MM-dd')",
            ],
            |a| resolve_parse("to_timestamp", a, types::timestamp(), false),
            |c| to_moment(c, false),
        ),
        function(
            [
                "try_to_timestamp",
                "try_to_timestamp(text[, pattern])",
                "As to_timestamp, null where the text shows none.",
                "SELECT try_to_timestamp('foo', 'yyyy-MM-dd')",
            ],
            |a| resolve_parse("try_to_timestamp", a, types::timestamp(), true),
            |c| to_moment(c, true),
        ),
        function(
            [
                "to_timestamp_ltz",
                "to_timestamp_ltz(text[, pattern])",
                "As to_timestamp.",
                "SELECT to_timestamp_ltz('2016-12-31', 'yyyy-MM-dd')",
            ],
            |a| resolve_parse("to_timestamp_ltz", a, types::timestamp(), false),
            |c| to_moment(c, false),
        ),
        function(
            [
                "to_timestamp_ntz",
                "to_timestamp_ntz(text[, pattern])",
                "The reading of a wall clock that a text shows.",
                "SELECT to_timestamp_ntz('2016-12-31 00:12:00')",
            ],
            |a| resolve_parse("to_timestamp_ntz", a, types::timestamp_ntz(), false),
            |c| to_moment(c, false),
        ),
        function(
            [
                "to_date",
                "to_date(text[, pattern])",
                "The date that a text shows.",
                "SELECT to_date('2016-12-31', 'yyyy-MM-dd')",
            ],
            |a| resolve_parse("to_date", a, DataType::Date32, false),
            |c| to_date(c, false),
        ),
        function(
            [
                "try_to_date",
                "try_to_date(text[, pattern])",
                "As to_date, null where the text shows none.",
                "SELECT try_to_date('foo')",
            ],
            |a| resolve_parse("try_to_date", a, DataType::Date32, true),
            |c| to_date(c, true),
        ),
        function(
            [
                "unix_timestamp",
                "unix_timestamp([time[, pattern]])",
                "Seconds since 1970-01-01T00:00:00Z.",
                "SELECT unix_timestamp('2016-04-08', 'yyyy-MM-dd')",
            ],
            |a| resolve_unix("unix_timestamp", a, 0),
            unix_timestamp,
        ),
        function(
            [
                "to_unix_timestamp",
                "to_unix_timestamp(time[, pattern])",
                "Seconds since 1970-01-01T00:00:00Z.",
                "SELECT to_unix_timestamp('2016-04-08', 'yyyy-MM-dd')",
            ],
            |a| resolve_unix("to_unix_timestamp", a, 1),
            unix_timestamp,
        ),
    ]
}

fn to_text() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "date_format",
                "date_format(timestamp, pattern)",
                "The moment as text, in the session's time zone.",
                "SELECT date_format('2016-04-08', 'y')",
            ],
            resolve_format,
            date_format,
        ),
        function(
            [
                "from_unixtime",
                "from_unixtime(seconds[, pattern])",
                "The moment so many seconds after 1970-01-01T00:00:00Z as text.",
                "SELECT from_unixtime(0, 'yyyy-MM-dd HH:mm:ss')",
            ],
            |a| {
                signature(
                    "from_unixtime",
                    a,
                    &[DataType::Int64, DataType::Utf8],
                    (1, DataType::Utf8),
                    false,
                )
            },
            from_unixtime,
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, with one entry a function")]
fn numbers() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "timestamp_seconds",
                "timestamp_seconds(seconds)",
                "The moment so many seconds after 1970-01-01T00:00:00Z.",
                "SELECT timestamp_seconds(1230219000)",
            ],
            resolve_seconds,
            timestamp_seconds,
        ),
        function(
            [
                "timestamp_millis",
                "timestamp_millis(milliseconds)",
                "The moment so many milliseconds after 1970-01-01T00:00:00Z.",
                "SELECT timestamp_millis(1230219000123)",
            ],
            |a| from_number("timestamp_millis", a),
            |c| moments(c, 1_000),
        ),
        function(
            [
                "timestamp_micros",
                "timestamp_micros(microseconds)",
                "The moment so many microseconds after 1970-01-01T00:00:00Z.",
                "SELECT timestamp_micros(1230219000123123)",
            ],
            |a| from_number("timestamp_micros", a),
            |c| moments(c, 1),
        ),
        function(
            [
                "unix_seconds",
                "unix_seconds(timestamp)",
                "Seconds since 1970-01-01T00:00:00Z, rounded down.",
                "SELECT unix_seconds(TIMESTAMP('1970-01-01 00:00:01Z'))",
            ],
            |a| to_number("unix_seconds", a),
            |c| units(c, 1_000_000),
        ),
        function(
            [
                "unix_millis",
                "unix_millis(timestamp)",
                "Milliseconds since 1970-01-01T00:00:00Z, rounded down.",
                "SELECT unix_millis(TIMESTAMP('1970-01-01 00:00:01Z'))",
            ],
            |a| to_number("unix_millis", a),
            |c| units(c, 1_000),
        ),
        function(
            [
                "unix_micros",
                "unix_micros(timestamp)",
                "Microseconds since 1970-01-01T00:00:00Z.",
                "SELECT unix_micros(TIMESTAMP('1970-01-01 00:00:01Z'))",
            ],
            |a| to_number("unix_micros", a),
            |c| units(c, 1),
        ),
        function(
            [
                "unix_date",
                "unix_date(date)",
                "Days since 1970-01-01.",
                "SELECT unix_date(DATE('1970-01-02'))",
            ],
            |a| {
                signature(
                    "unix_date",
                    a,
                    &[DataType::Date32],
                    (1, DataType::Int32),
                    false,
                )
            },
            |c| Ok(arrow::compute::cast(&column(c, 0)?, &DataType::Int32)?),
        ),
        function(
            [
                "date_from_unix_date",
                "date_from_unix_date(days)",
                "The date so many days after 1970-01-01.",
                "SELECT date_from_unix_date(1)",
            ],
            |a| {
                signature(
                    "date_from_unix_date",
                    a,
                    &[DataType::Int32],
                    (1, DataType::Date32),
                    false,
                )
            },
            |c| Ok(arrow::compute::cast(&column(c, 0)?, &DataType::Date32)?),
        ),
    ]
}

fn resolve_parse(
    name: &str,
    arguments: &[Expr],
    returns: DataType,
    is_try: bool,
) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let wanted = [
        DataType::Utf8,
        DataType::Date32,
        types::timestamp(),
        types::timestamp_ntz(),
    ];
    let mut wanted = wanted.map(Wanted::Exactly).to_vec();
    // Seconds since 1970.
    if arguments.len() == 1 && returns == types::timestamp() {
        wanted.push(Wanted::Numeric);
    }
    let mut types = vec![argument_type(name, arguments, 0, &wanted)?];
    if arguments.len() == 2 {
        types.push(argument_type(
            name,
            arguments,
            1,
            &[Wanted::Exactly(DataType::Utf8)],
        )?);
    }
    Ok(Signature {
        arguments: types,
        returns,
        is_nullable: is_try || any_nullable(arguments),
    })
}

/// Whether there is a pattern, and a text to read by it: a pattern says nothing about what is a date or moment already.
fn is_read_by_pattern(call: &Call<'_>) -> Result<bool> {
    Ok(has(call, 1) && column(call, 0)?.data_type() == &DataType::Utf8)
}

fn to_moment(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    if is_read_by_pattern(call)? {
        return Ok(time_array(
            Reader::new(call, Pattern::to_read)?.moments(is_try)?,
            call.returns,
        ));
    }
    crate::cast::cast(&column(call, 0)?, call.returns, is_try, call.context)
}

fn to_date(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    if !is_read_by_pattern(call)? {
        return crate::cast::cast(&column(call, 0)?, call.returns, is_try, call.context);
    }
    let mut reader = Reader::new(call, Pattern::to_read)?;
    let zone = reader.zone;
    let moments = reader.moments(is_try)?;
    let day = |time: i64| i32::try_from(zone.to_local(time).div_euclid(MICROS_PER_DAY)).ok();
    let dates: Date32Array = moments.iter().map(|time| day(time?)).collect();
    Ok(Arc::new(dates))
}

fn resolve_unix(name: &str, arguments: &[Expr], least: usize) -> Result<Signature> {
    count_arguments(name, arguments, least, 2)?;
    let mut types = Vec::new();
    if !arguments.is_empty() {
        let wanted = [
            DataType::Utf8,
            DataType::Date32,
            types::timestamp(),
            types::timestamp_ntz(),
        ]
        .map(Wanted::Exactly);
        types.push(argument_type(name, arguments, 0, &wanted)?);
    }
    if arguments.len() == 2 {
        types.push(argument_type(
            name,
            arguments,
            1,
            &[Wanted::Exactly(DataType::Utf8)],
        )?);
    }
    Ok(Signature {
        arguments: types,
        returns: DataType::Int64,
        is_nullable: any_nullable(arguments),
    })
}

fn unix_timestamp(call: &Call<'_>) -> Result<ArrayRef> {
    if !has(call, 0) {
        return Ok(Arc::new(Int64Array::from(vec![
            call.context.time.0.div_euclid(1_000),
        ])));
    }
    let source = column(call, 0)?;
    let moments = match source.as_string_opt::<i32>() {
        Some(texts) if !has(call, 1) => {
            let pattern = Pattern::new(DEFAULT_PATTERN)?;
            let zone = zone(call)?;
            let moment = |text: Option<&str>| {
                let Some(text) = text else { return Ok(None) };
                let parsed = pattern
                    .parse(text)
                    .and_then(|(local, _)| zone.to_utc(local));
                parsed
                    .map(Some)
                    .ok_or_else(|| unreadable(text, DEFAULT_PATTERN))
            };
            texts
                .iter()
                .map(moment)
                .collect::<Result<TimestampMicrosecondArray>>()?
        }
        Some(_) => Reader::new(call, Pattern::to_read)?.moments(false)?,
        None => {
            let moments = crate::cast::cast(&source, &types::timestamp(), false, call.context)?;
            moments.as_primitive().clone()
        }
    };
    // Spark cuts the fraction off, also before 1970.
    let seconds: Int64Array = moments.unary(|time| time / 1_000_000);
    Ok(Arc::new(seconds))
}

/// A moment without zone is shown as it is.
fn resolve_format(arguments: &[Expr]) -> Result<Signature> {
    let time = match arguments.first().map(|argument| &argument.data_type) {
        Some(DataType::Timestamp(TimeUnit::Microsecond, None)) => types::timestamp_ntz(),
        Some(time) if *time == types::time() => types::time(),
        _ => types::timestamp(),
    };
    signature(
        "date_format",
        arguments,
        &[time, DataType::Utf8],
        (2, DataType::Utf8),
        false,
    )
}

/// Letters of a pattern that speak of the time of day.
const LETTERS_OF_TIME: &str = "HhKkmsSaAnN";

/// Whether a pattern asks for a time of day only. Quoted text asks for nothing.
fn is_of_time(pattern: &str) -> bool {
    pattern.split('\'').step_by(2).all(|unquoted| {
        let mut letters = unquoted.chars().filter(char::is_ascii_alphabetic);
        letters.all(|letter| LETTERS_OF_TIME.contains(letter))
    })
}

/// A time of day by the pattern of argument 1.
fn time_format(call: &Call<'_>) -> Result<ArrayRef> {
    let patterns = strings(call, 1)?;
    if let Some(pattern) = patterns.iter().flatten().find(|text| !is_of_time(text)) {
        return Err(Error::data(format!(
            "a TIME has no date that the pattern could show. pattern=`{pattern}`"
        ))
        .with_condition("INVALID_PARAMETER_VALUE.PATTERN"));
    }
    let times = typed::<Time64MicrosecondType>(call, 0)?;
    format_all(call, &times.unary(|time| time))
}

fn date_format(call: &Call<'_>) -> Result<ArrayRef> {
    if column(call, 0)?.data_type() == &types::time() {
        return time_format(call);
    }
    let local = local_times(call, 0)?;
    format_all(call, &local)
}

fn from_unixtime(call: &Call<'_>) -> Result<ArrayRef> {
    let zone = zone(call)?;
    let seconds = typed::<Int64Type>(call, 0)?;
    let local: TimestampMicrosecondArray =
        seconds.unary(|seconds| zone.to_local(seconds.saturating_mul(1_000_000)));
    format_all(call, &local)
}

/// Wall-clock times by the pattern of argument 1, or the default one.
fn format_all(call: &Call<'_>, local: &TimestampMicrosecondArray) -> Result<ArrayRef> {
    let mut reader = Reader::new(call, Pattern::new)?;
    let zone = (reader.zone, call.context.time_zone.as_str());
    let constant = if has(call, 1) {
        constant_text(call, 1)
    } else {
        Some(DEFAULT_PATTERN.to_owned())
    };
    let patterns = match &constant {
        Some(_) => None,
        None => Some(strings(call, 1)?),
    };
    let mut texts = StringBuilder::with_capacity(local.len(), local.len() * 16);
    let mut text = String::new();
    for row in 0..local.len() {
        let pattern = match (&constant, &patterns) {
            (Some(pattern), _) => Some(pattern.as_str()),
            (None, Some(patterns)) if patterns.is_valid(row) => Some(patterns.value(row)),
            _ => None,
        };
        match pattern {
            Some(pattern) if local.is_valid(row) => {
                text.clear();
                let pattern = reader.pattern(pattern)?;
                pattern.check_zone(zone.1)?;
                pattern.format(local.value(row), zone, &mut text);
                texts.append_value(&text);
            }
            _ => texts.append_null(),
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn from_number(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    argument_type(name, arguments, 0, &[Wanted::Integral])?;
    signature(
        name,
        arguments,
        &[DataType::Int64],
        (1, types::timestamp()),
        false,
    )
}

fn moments(call: &Call<'_>, factor: i64) -> Result<ArrayRef> {
    let numbers = typed::<Int64Type>(call, 0)?;
    let moments: TimestampMicrosecondArray = numbers.try_unary(|number| {
        number.checked_mul(factor).ok_or_else(|| {
            Error::data("the moment is out of range").with_condition("DATETIME_OVERFLOW")
        })
    })?;
    Ok(time_array(moments, call.returns))
}

/// Whole seconds stay exact; decimals go by the rules of CAST, and doubles that are no finite number become null.
fn resolve_seconds(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("timestamp_seconds", arguments, 1, 1)?;
    let given = argument_type("timestamp_seconds", arguments, 0, &[Wanted::Numeric])?;
    let wanted = if types::is_integral(&given) {
        DataType::Int64
    } else {
        given
    };
    Ok(Signature {
        is_nullable: any_nullable(arguments) || types::is_floating(&wanted),
        arguments: vec![wanted],
        returns: types::timestamp(),
    })
}

fn timestamp_seconds(call: &Call<'_>) -> Result<ArrayRef> {
    match column(call, 0)?.data_type() {
        DataType::Int64 => moments(call, 1_000_000),
        DataType::Float32 | DataType::Float64 => {
            let seconds = arrow::compute::cast(&column(call, 0)?, &DataType::Float64)?;
            let seconds = seconds.as_primitive::<Float64Type>().iter();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it stops at either end, as Java's does"
            )]
            let moments: TimestampMicrosecondArray = seconds
                .map(|seconds| seconds.filter(|seconds| seconds.is_finite()))
                .map(|seconds| seconds.map(|seconds| (seconds * 1e6) as i64))
                .collect();
            Ok(time_array(moments, call.returns))
        }
        _ => crate::cast::cast(&column(call, 0)?, call.returns, false, call.context),
    }
}

fn to_number(name: &str, arguments: &[Expr]) -> Result<Signature> {
    if let Some(date) = arguments
        .first()
        .filter(|date| date.data_type == DataType::Date32)
    {
        return Err(unexpected_type(name, date, 0, "TIMESTAMP"));
    }
    signature(
        name,
        arguments,
        &[types::timestamp()],
        (1, DataType::Int64),
        false,
    )
}

fn units(call: &Call<'_>, unit: i64) -> Result<ArrayRef> {
    let units: Int64Array = times(call, 0)?.unary(|time| time.div_euclid(unit));
    Ok(Arc::new(units))
}
