//! Dates and timestamps: from text, between each other, and to and from seconds since 1970.
//!
//! [`parse_date`] and [`parse_timestamp`] follow Spark's parsers character by character: years of four to six (dates: seven)
//! digits, months and days of one or two, parts left out from the right, a fraction cut after six digits, any zone after the
//! seconds. A text that is only a time of day means today.

use super::calendar::days_from_civil;
use super::failure::{invalid_input, overflow};
use super::number::{double_to_long, try_map, try_map_text};
use super::text::{decimal_text, double_text, float_text, write_timestamp};
use super::zone::{MICROS_PER_DAY, MICROS_PER_SECOND, Zone};
use super::{Mode, convert};
use crate::error::{Error, Result};
use crate::types::{timestamp, timestamp_ntz};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type,
    TimestampMicrosecondType,
};
use std::sync::Arc;

/// A date in text as days since 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes = trimmed(text.as_bytes());
    let (is_negative, digits) = signed(bytes);
    if bytes.is_empty() {
        return None;
    }
    let end = digits
        .iter()
        .position(|byte| matches!(byte, b' ' | b'T'))
        .unwrap_or(digits.len());
    let (date, rest) = digits.split_at(end);
    let mut parts = [1_i64, 1, 1];
    let mut count = 0;
    for part in date.split(|byte| *byte == b'-') {
        let digits_max = if count == 0 { 4..=7 } else { 1..=2 };
        if !digits_max.contains(&part.len()) {
            return None;
        }
        *parts.get_mut(count)? = number(part)?;
        count += 1;
    }
    // Something may only follow a date that has all its parts.
    if count < 3 && !rest.is_empty() {
        return None;
    }
    let [year, month, day] = parts;
    let year = if is_negative { -year } else { year };
    let days = days_from_civil(year, month.try_into().ok()?, day.try_into().ok()?)?;
    i32::try_from(days).ok()
}

/// What a text says about a moment.
struct Reading {
    /// The wall clock's microseconds since 1970-01-01T00:00:00, or since midnight if it is only a time of day.
    local: i64,
    zone: Option<Zone>,
    is_only_time: bool,
}

/// A timestamp in text as microseconds since 1970-01-01T00:00:00Z. A text without zone is in `zone`; a text that is only a time of
/// day is of the day that `now` is in.
pub(crate) fn parse_timestamp(text: &str, zone: Zone, now: i64) -> Option<i64> {
    let reading = read_timestamp(text)?;
    let zone = reading.zone.unwrap_or(zone);
    let local = if reading.is_only_time {
        let today = zone.to_local(now).div_euclid(MICROS_PER_DAY);
        today
            .checked_mul(MICROS_PER_DAY)?
            .checked_add(reading.local)?
    } else {
        reading.local
    };
    zone.to_utc(local)
}

/// A timestamp without time zone in text; a zone in the text is ignored, a time of day alone is refused.
pub(crate) fn parse_timestamp_ntz(text: &str) -> Option<i64> {
    let reading = read_timestamp(text)?;
    (!reading.is_only_time).then_some(reading.local)
}

fn read_timestamp(text: &str) -> Option<Reading> {
    let bytes = trimmed(text.as_bytes());
    let (date, time, is_only_time) = date_and_time(bytes)?;
    // Spark wants this mark at the very start, before trimming.
    if bytes.first() == Some(&b'T') && !text.starts_with('T') {
        return None;
    }
    let days = match date {
        Some(date) => timestamp_date(date)?,
        None => 0,
    };
    let (of_day, zone) = match time {
        Some(time) => time_of_day(time)?,
        None => (0, None),
    };
    Some(Reading {
        local: days.checked_mul(MICROS_PER_DAY)?.checked_add(of_day)?,
        zone,
        is_only_time,
    })
}

/// Cuts into date and time of day; the flag says that there is only the latter.
#[expect(
    clippy::type_complexity,
    reason = "the parts are named where they are used"
)]
fn date_and_time(bytes: &[u8]) -> Option<(Option<&[u8]>, Option<&[u8]>, bool)> {
    if bytes.is_empty() {
        return None;
    }
    if let [b'T', time @ ..] = bytes {
        return Some((None, Some(time), true));
    }
    let leading_digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if bytes.get(leading_digits) == Some(&b':') {
        return Some((None, Some(bytes), true));
    }
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b' ' | b'T')) else {
        return Some((Some(bytes), None, false));
    };
    let (date, time) = bytes.split_at(at);
    // Only a date with year, month and day can have a time.
    let (_, unsigned) = signed(date);
    let dashes = memchr::memchr_iter(b'-', unsigned).count();
    (dashes == 2).then(|| (Some(date), time.get(1..), false))
}

fn timestamp_date(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = signed(bytes);
    let mut parts = [1_i64, 1, 1];
    for (index, part) in digits.split(|byte| *byte == b'-').enumerate() {
        let lengths = if index == 0 { 4..=6 } else { 1..=2 };
        if !lengths.contains(&part.len()) {
            return None;
        }
        *parts.get_mut(index)? = number(part)?;
    }
    let [year, month, day] = parts;
    let year = if is_negative { -year } else { year };
    days_from_civil(year, month.try_into().ok()?, day.try_into().ok()?)
}

/// `h[:m[:s[.fraction][zone]]]` as microseconds since midnight.
fn time_of_day(bytes: &[u8]) -> Option<(i64, Option<Zone>)> {
    let mut rest = bytes;
    let mut parts = [0_i64; 3];
    for index in 0..3 {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (part, after) = rest.split_at(digits);
        if !(1..=2).contains(&digits) {
            return None;
        }
        *parts.get_mut(index)? = number(part)?;
        rest = after;
        match rest {
            [] => break,
            [b':', after @ ..] if index < 2 => rest = after,
            _ if index == 2 => {}
            _ => return None,
        }
    }
    let [hours, minutes, seconds] = parts;
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let mut micros = ((hours * 60 + minutes) * 60 + seconds) * MICROS_PER_SECOND;
    if let [b'.', after @ ..] = rest {
        let digits = after
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (fraction, after) = after.split_at(digits);
        micros += fraction_micros(fraction)?;
        rest = after;
    }
    if rest.is_empty() {
        return Some((micros, None));
    }
    let zone = std::str::from_utf8(rest).ok()?.trim();
    Zone::find(zone).map(|zone| (micros, Some(zone)))
}

/// The first six digits of a fraction; more are cut off.
fn fraction_micros(digits: &[u8]) -> Option<i64> {
    let kept = digits.get(..6).unwrap_or(digits);
    if kept.is_empty() {
        return Some(0);
    }
    let missing = u32::try_from(6 - kept.len()).ok()?;
    Some(number(kept)? * 10_i64.pow(missing))
}

/// A number of a few digits and nothing else.
fn number(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

fn signed(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    }
}

/// Without the white space and control characters around.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_skipped = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
    let start = bytes.iter().position(|byte| !is_skipped(byte));
    let end = bytes.iter().rposition(|byte| !is_skipped(byte));
    match start.zip(end) {
        Some((start, end)) => bytes.get(start..=end).unwrap_or_default(),
        None => &[],
    }
}

/// Text to dates and timestamps.
pub(super) fn from_text(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let failure = |text: &str| invalid_input(text, &DataType::Utf8, to);
    let is_try = mode.is_try;
    if *to == DataType::Date32 {
        let dates = try_map_text::<Date32Type>(texts, is_try, parse_date, failure)?;
        return Ok(Arc::new(dates));
    }
    let moments = if *to == timestamp_ntz() {
        try_map_text::<TimestampMicrosecondType>(texts, is_try, parse_timestamp_ntz, failure)?
    } else {
        let parse = |text: &str| parse_timestamp(text, mode.zone, mode.now);
        try_map_text::<TimestampMicrosecondType>(texts, is_try, parse, failure)?
    };
    Ok(Arc::new(moments.with_data_type(to.clone())))
}

/// Between dates, timestamps and timestamps without time zone.
pub(super) fn between(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let zone_of = |data_type: &DataType| {
        if *data_type == timestamp() {
            mode.zone
        } else {
            Zone::UTC
        }
    };
    let from_zone = zone_of(array.data_type());
    let to_zone = zone_of(to);
    let failure =
        |_| Error::data("a date or timestamp is out of range").with_condition("DATETIME_OVERFLOW");
    if array.data_type() == &DataType::Date32 {
        let dates = array.as_primitive::<Date32Type>();
        let moments = try_map::<_, TimestampMicrosecondType>(
            dates,
            mode.is_try,
            |days| to_zone.to_utc(i64::from(days).checked_mul(MICROS_PER_DAY)?),
            failure,
        )?;
        return Ok(Arc::new(moments.with_data_type(to.clone())));
    }
    let moments = array.as_primitive::<TimestampMicrosecondType>();
    if *to == DataType::Date32 {
        let dates = moments.unary::<_, Date32Type>(|moment| {
            let days = from_zone.to_local(moment).div_euclid(MICROS_PER_DAY);
            i32::try_from(days).unwrap_or_default()
        });
        return Ok(Arc::new(dates));
    }
    let failure =
        |_| Error::data("a timestamp is out of range").with_condition("DATETIME_OVERFLOW");
    let shifted = try_map::<_, TimestampMicrosecondType>(
        moments,
        mode.is_try,
        |moment| to_zone.to_utc(from_zone.to_local(moment)),
        failure,
    )?;
    Ok(Arc::new(shifted.with_data_type(to.clone())))
}

/// Timestamps to seconds since 1970: rounded down for integers, with fraction for floats and decimals.
pub(super) fn to_number(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let moments = array.as_primitive::<TimestampMicrosecondType>();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a double of seconds is what was asked for"
    )]
    let seconds = |moment: i64| moment as f64 / 1e6;
    match to {
        DataType::Float64 => Ok(Arc::new(moments.unary::<_, Float64Type>(seconds))),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float of seconds was asked for"
        )]
        DataType::Float32 => Ok(Arc::new(
            moments.unary::<_, Float32Type>(|moment| seconds(moment) as f32),
        )),
        DataType::Decimal128(_, _) => {
            let doubles: ArrayRef = Arc::new(moments.unary::<_, Float64Type>(seconds));
            convert(&doubles, to, mode)
        }
        DataType::Int64 => Ok(Arc::new(moments.unary::<_, Int64Type>(whole_seconds))),
        _ => {
            let longs: ArrayRef = Arc::new(moments.unary::<_, Int64Type>(whole_seconds));
            convert(&longs, to, mode)
                .map_err(|error| first_overflow(moments, to, mode).unwrap_or(error))
        }
    }
}

fn whole_seconds(moment: i64) -> i64 {
    moment.div_euclid(MICROS_PER_SECOND)
}

/// The error for the first timestamp whose seconds do not fit, naming the timestamp.
fn first_overflow(
    moments: &TimestampMicrosecondArray,
    to: &DataType,
    mode: Mode<'_>,
) -> Option<Error> {
    let (least, greatest) = match to {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        _ => (i64::from(i32::MIN), i64::from(i32::MAX)),
    };
    let moment = moments
        .iter()
        .flatten()
        .find(|moment| !(least..=greatest).contains(&whole_seconds(*moment)))?;
    let mut shown = "TIMESTAMP '".to_owned();
    write_timestamp(mode.zone.to_local(moment), &mut shown);
    shown.push('\'');
    Some(overflow(&shown, &timestamp(), to))
}

/// Seconds since 1970 to timestamps. Integers too large saturate, as in Spark.
pub(super) fn from_number(array: &ArrayRef, mode: Mode<'_>) -> Result<ArrayRef> {
    let is_try = mode.is_try;
    let to = timestamp();
    let moments = match array.data_type() {
        DataType::Float64 => from_double(array.as_primitive(), is_try, double_text)?,
        DataType::Float32 => {
            let doubles = arrow::compute::cast(array, &DataType::Float64)?;
            #[expect(clippy::cast_possible_truncation, reason = "it was a float before")]
            from_double(doubles.as_primitive(), is_try, |value| {
                float_text(value as f32)
            })?
        }
        DataType::Decimal128(_, scale) => from_decimal(array.as_primitive(), *scale, is_try)?,
        _ => {
            let longs = arrow::compute::cast(array, &DataType::Int64)?;
            let longs: &Int64Array = longs.as_primitive();
            longs.unary(|seconds| seconds.saturating_mul(MICROS_PER_SECOND))
        }
    };
    Ok(Arc::new(moments.with_data_type(to)))
}

fn from_double(
    values: &Float64Array,
    is_try: bool,
    shown: impl Fn(f64) -> String,
) -> Result<TimestampMicrosecondArray> {
    let failure = |value: f64| {
        if value.is_finite() {
            overflow(&shown(value), &DataType::Float64, &timestamp())
        } else {
            invalid_input(&shown(value), &DataType::Float64, &timestamp())
        }
    };
    let micros = |value: f64| {
        let is_usable = value.is_finite();
        is_usable.then(|| double_to_long(value * 1e6)).flatten()
    };
    try_map(values, is_try, micros, failure)
}

fn from_decimal(
    values: &Decimal128Array,
    scale: i8,
    is_try: bool,
) -> Result<TimestampMicrosecondArray> {
    let micros = |value: i128| {
        let shift = u32::try_from(scale).ok()?;
        let scaled = value.checked_mul(i128::from(MICROS_PER_SECOND))?;
        i64::try_from(scaled / 10_i128.checked_pow(shift)?).ok()
    };
    let failure = |value: i128| {
        let shown = decimal_text(value, scale);
        overflow(&shown, values.data_type(), &timestamp())
    };
    try_map::<Decimal128Type, _>(values, is_try, micros, failure)
}
