//! Intervals with units: as text, from text, cut to fewer units, as numbers and from numbers.
//!
//! As text an interval is a literal, `INTERVAL '1 02:03' DAY TO MINUTE`: the first unit takes what greater ones would hold and all but days,
//! years and months have two digits. From text it is read as that literal or as what stands between its quotes, and only with exactly the
//! units of the type. As a number it counts the least unit of its type; what does not fill one is cut off, but a decimal keeps the fraction of
//! seconds. A decimal becomes an interval with its fraction, also where the units of the type do not show it.

use super::decimal::{divide_half_up, from_decimal};
use super::failure::overflow;
use super::number::{try_map, try_map_text};
use super::{Mode, impossible, number};
use crate::error::{Error, Result};
use crate::types::{IntervalField, IntervalUnits, is_decimal, parse_interval};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DurationMicrosecondArray, Int64Array,
    IntervalMonthDayNanoArray, IntervalYearMonthArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use std::fmt::Write as _;
use std::sync::Arc;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MONTHS_PER_YEAR: i32 = 12;
const NANOS_PER_MICRO: i64 = 1_000;

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a string cannot fail");
}

/// `DAY TO SECOND`.
fn name_of(units: IntervalUnits) -> String {
    units.to_string().to_uppercase()
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`.
pub(crate) fn write_day_time(micros: i64, units: IntervalUnits, out: &mut String) {
    let sign = if micros < 0 { "-" } else { "" };
    append(out, format_args!("INTERVAL '{sign}"));
    let mut rest = micros.unsigned_abs();
    let fields = IntervalField::ALL.into_iter();
    for field in fields.filter(|field| (units.from()..=units.to()).contains(field)) {
        let size = field.micros().map_or(1, i64::unsigned_abs);
        if field != units.from() {
            out.push(if field == IntervalField::Hour {
                ' '
            } else {
                ':'
            });
        }
        match field {
            IntervalField::Day => append(out, format_args!("{}", rest / size)),
            _ => append(out, format_args!("{:02}", rest / size)),
        }
        rest %= size;
    }
    if units.to() == IntervalField::Second && rest > 0 {
        let fraction = format!("{rest:06}");
        append(out, format_args!(".{}", fraction.trim_end_matches('0')));
    }
    append(out, format_args!("' {}", name_of(units)));
}

/// `INTERVAL '1-2' YEAR TO MONTH`.
pub(crate) fn write_year_month(months: i32, units: IntervalUnits, out: &mut String) {
    let sign = if months < 0 { "-" } else { "" };
    let total = months.unsigned_abs();
    let (years, rest) = (total / 12, total % 12);
    match units.single() {
        Some(IntervalField::Year) => append(out, format_args!("INTERVAL '{sign}{years}'")),
        Some(_) => append(out, format_args!("INTERVAL '{sign}{total}'")),
        None => append(out, format_args!("INTERVAL '{sign}{years}-{rest}'")),
    }
    append(out, format_args!(" {}", name_of(units)));
}

/// `1 years 2 months 3 days 4 hours 5 minutes 6.5 seconds`, without the parts that are 0.
pub(crate) fn write_calendar(value: IntervalMonthDayNano, out: &mut String) {
    const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;
    const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
    let start = out.len();
    let micros = value.nanoseconds / NANOS_PER_MICRO;
    let parts = [
        (i64::from(value.months / MONTHS_PER_YEAR), "years"),
        (i64::from(value.months % MONTHS_PER_YEAR), "months"),
        (i64::from(value.days), "days"),
        (micros / MICROS_PER_HOUR, "hours"),
        (micros % MICROS_PER_HOUR / MICROS_PER_MINUTE, "minutes"),
    ];
    for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
        append(out, format_args!("{number} {unit} "));
    }
    let rest = micros % MICROS_PER_MINUTE;
    if rest != 0 {
        let sign = if rest < 0 { "-" } else { "" };
        let text = format!(
            "{}.{:06}",
            rest.unsigned_abs() / MICROS_PER_SECOND.unsigned_abs(),
            rest.unsigned_abs() % MICROS_PER_SECOND.unsigned_abs()
        );
        let text = text.trim_end_matches('0').trim_end_matches('.');
        append(out, format_args!("{sign}{text} seconds "));
    }
    if out.len() == start {
        out.push_str("0 seconds");
    } else {
        out.pop();
    }
}

/// Why a text is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntervalFailure {
    /// It has not the form of an interval with these units.
    Form,
    /// A part of it is out of range.
    Range,
}

/// The error for a text that is no interval with these units.
pub(crate) fn failure(why: IntervalFailure, text: &str, units: IntervalUnits) -> Error {
    let name = name_of(units);
    match why {
        IntervalFailure::Form if units.is_year_month() => Error::data(format!(
            "the string does not have the form of INTERVAL {name}. value=`{text}`"
        ))
        .with_condition("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING"),
        IntervalFailure::Form => Error::data(format!(
            "the string does not have the form of INTERVAL {name}: a sign, then the value with exactly these units, perhaps as a literal \
             with INTERVAL, quotes and units around it. value=`{text}`"
        ))
        .with_condition("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE"),
        IntervalFailure::Range => Error::data(format!(
            "a part of the interval is out of range. value=`{text}`, type=`INTERVAL {name}`"
        ))
        .with_condition("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING"),
    }
}

/// Reads an interval with exactly these units, in months or microseconds.
pub(crate) fn parse(text: &str, units: IntervalUnits) -> Result<i64, IntervalFailure> {
    let text = text.trim();
    let (is_negative, body) = match literal_body(text, units) {
        Some((is_negative, quoted)) => {
            let (is_inner_negative, body) = signed(quoted);
            (is_negative != is_inner_negative, body)
        }
        None => signed(text),
    };
    let total = total_of(body, units)?;
    let total = if is_negative { -total } else { total };
    let is_out_of_range = |_| IntervalFailure::Range;
    if units.is_year_month() {
        return i32::try_from(total).map(i64::from).map_err(is_out_of_range);
    }
    i64::try_from(total).map_err(is_out_of_range)
}

/// Whether there is a minus in front, and what follows the sign.
fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The sign in front of the quotes and what is between them, if it is a literal with these units.
fn literal_body(text: &str, units: IntervalUnits) -> Option<(bool, &str)> {
    const WORD: &str = "interval";
    let start = text.get(..WORD.len())?;
    let rest = text.get(WORD.len()..)?;
    if !start.eq_ignore_ascii_case(WORD) || !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (is_negative, quoted) = signed(rest.trim_start());
    let (body, after) = quoted.strip_prefix('\'')?.split_once('\'')?;
    let has_units =
        after.starts_with(char::is_whitespace) && IntervalUnits::parse(after) == Some(units);
    has_units.then_some((is_negative, body))
}

/// The parts of an unsigned value, added up.
fn total_of(body: &str, units: IntervalUnits) -> Result<i128, IntervalFailure> {
    let mut rest = body;
    let mut total: i128 = 0;
    let fields = IntervalField::ALL.into_iter();
    for field in fields.filter(|field| (units.from()..=units.to()).contains(field)) {
        let is_first = field == units.from();
        if !is_first {
            let separator = match field {
                IntervalField::Month => '-',
                IntervalField::Hour => ' ',
                _ => ':',
            };
            rest = rest.strip_prefix(separator).ok_or(IntervalFailure::Form)?;
        }
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let most = if is_first { first_digits_max(field) } else { 2 };
        if digits.is_empty() || digits.len() > most {
            return Err(IntervalFailure::Form);
        }
        let number: i128 = digits.parse().map_err(|_| IntervalFailure::Form)?;
        if !is_first && number > limit(field) {
            return Err(IntervalFailure::Range);
        }
        total += number * size(field);
        rest = after;
    }
    if units.to() == IntervalField::Second
        && let Some(fraction) = rest.strip_prefix('.')
    {
        total += fraction_micros(fraction).ok_or(IntervalFailure::Form)?;
        rest = "";
    }
    if rest.is_empty() {
        Ok(total)
    } else {
        Err(IntervalFailure::Form)
    }
}

/// Up to nine decimals of a second in microseconds; what is finer is cut off.
fn fraction_micros(fraction: &str) -> Option<i128> {
    let is_fraction =
        (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_fraction.then_some(())?;
    format!("{fraction:0<6}").get(..6)?.parse().ok()
}

/// How many digits the first part may have, as in Spark.
fn first_digits_max(field: IntervalField) -> usize {
    match field {
        IntervalField::Year | IntervalField::Month | IntervalField::Day => 9,
        IntervalField::Hour => 10,
        IntervalField::Minute => 12,
        IntervalField::Second => 13,
    }
}

/// The greatest value of a part that is not the first.
fn limit(field: IntervalField) -> i128 {
    match field {
        IntervalField::Month => 11,
        IntervalField::Hour => 23,
        _ => 59,
    }
}

/// How many months or microseconds the unit has.
fn size(field: IntervalField) -> i128 {
    match field {
        IntervalField::Year => i128::from(MONTHS_PER_YEAR),
        IntervalField::Month => 1,
        _ => field.micros().map_or(1, i128::from),
    }
}

/// From text. Text that is no legacy interval becomes null, as in Spark; text that is no ANSI interval is an error.
pub(super) fn from_text(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    if *to == crate::types::calendar_interval() {
        let read = texts.iter().map(|text| text.and_then(calendar_of));
        return Ok(Arc::new(read.collect::<IntervalMonthDayNanoArray>()));
    }
    let units = mode.wanted_units(to)?;
    let why = |text: &str| match parse(text, units) {
        Err(why) => failure(why, text, units),
        Ok(_) => Error::internal("an interval that can be read was not read"),
    };
    Ok(match to {
        DataType::Duration(_) => Arc::new(try_map_text::<DurationMicrosecondType>(
            texts,
            mode.is_try,
            |text| parse(text, units).ok(),
            why,
        )?),
        _ => Arc::new(try_map_text::<IntervalYearMonthType>(
            texts,
            mode.is_try,
            |text| i32::try_from(parse(text, units).ok()?).ok(),
            why,
        )?),
    })
}

fn calendar_of(text: &str) -> Option<IntervalMonthDayNano> {
    let parsed = parse_interval(text).ok()?;
    let nanos = parsed.micros.checked_mul(NANOS_PER_MICRO)?;
    Some(IntervalMonthDayNano::new(parsed.months, parsed.days, nanos))
}

/// Cuts off what is smaller than the least of these units.
pub(super) fn cut(array: &ArrayRef, units: IntervalUnits) -> ArrayRef {
    if let Some(values) = array.as_primitive_opt::<DurationMicrosecondType>() {
        let unit = units.to().micros().unwrap_or(1);
        return match units.to() {
            IntervalField::Second => Arc::clone(array),
            _ => Arc::new(
                values.unary::<_, DurationMicrosecondType>(|micros| micros - micros % unit),
            ),
        };
    }
    match array.as_primitive_opt::<IntervalYearMonthType>() {
        Some(values) if units.to() == IntervalField::Year => Arc::new(
            values.unary::<_, IntervalYearMonthType>(|months| months - months % MONTHS_PER_YEAR),
        ),
        _ => Arc::clone(array),
    }
}

/// As a number of the least unit.
pub(super) fn to_number(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let units = mode.given_units(array.data_type())?;
    let counted = counts(array, units)?;
    if is_decimal(to) {
        return from_decimal(&decimals(array, &counted, units)?, to, mode);
    }
    if *to == DataType::Int64 {
        return Ok(Arc::new(counted));
    }
    let counted: ArrayRef = Arc::new(counted);
    let shown = |error: Error| match error.condition() {
        Some("CAST_OVERFLOW") => overflow("of the interval", array.data_type(), to),
        _ => error,
    };
    number::between(&counted, to, mode).map_err(shown)
}

/// How many of the least unit fit into each value.
fn counts(array: &ArrayRef, units: IntervalUnits) -> Result<Int64Array> {
    if let Some(values) = array.as_primitive_opt::<DurationMicrosecondType>() {
        let unit = units.to().micros().unwrap_or(1);
        return Ok(values.unary::<_, Int64Type>(|micros| micros / unit));
    }
    let values = array
        .as_primitive_opt::<IntervalYearMonthType>()
        .ok_or_else(|| impossible(array.data_type(), &DataType::Int64))?;
    let unit = match units.to() {
        IntervalField::Year => MONTHS_PER_YEAR,
        _ => 1,
    };
    Ok(values.unary::<_, Int64Type>(|months| i64::from(months / unit)))
}

/// The counts as decimals; of seconds with their fraction.
fn decimals(array: &ArrayRef, counts: &Int64Array, units: IntervalUnits) -> Result<ArrayRef> {
    let seconds = array
        .as_primitive_opt::<DurationMicrosecondType>()
        .filter(|_| units.to() == IntervalField::Second);
    let (values, scale): (Decimal128Array, i8) = match seconds {
        Some(micros) => (micros.unary::<_, Decimal128Type>(i128::from), 6),
        None => (counts.unary::<_, Decimal128Type>(i128::from), 0),
    };
    Ok(Arc::new(values.with_precision_and_scale(19 + 6, scale)?))
}

/// From a number of the least unit.
pub(super) fn from_number(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    let units = mode.wanted_units(to)?;
    let from = array.data_type();
    let (numbers, divisor) = if let DataType::Decimal128(_, scale) = from {
        let divisor = u32::try_from(*scale).ok().and_then(super::power_of_ten);
        (Arc::clone(array), divisor.unwrap_or(1))
    } else {
        let longs = number::between(array, &DataType::Int64, mode)?;
        let numbers = longs.as_primitive::<Int64Type>();
        let numbers: Decimal128Array = numbers.unary::<_, Decimal128Type>(i128::from);
        (Arc::new(numbers) as ArrayRef, 1)
    };
    let total = |number: i128| -> Option<i128> {
        let scaled = number.checked_mul(size(units.to()))?;
        Some(divide_half_up(scaled, divisor))
    };
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let too_large = |number: i128| overflow(&(number / divisor).to_string(), from, to);
    Ok(match to {
        DataType::Duration(TimeUnit::Microsecond) => {
            Arc::new(try_map::<Decimal128Type, DurationMicrosecondType>(
                numbers,
                mode.is_try,
                |number| i64::try_from(total(number)?).ok(),
                too_large,
            )?)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            Arc::new(try_map::<Decimal128Type, IntervalYearMonthType>(
                numbers,
                mode.is_try,
                |number| i32::try_from(total(number)?).ok(),
                too_large,
            )?)
        }
        other => return Err(impossible(from, other)),
    })
}

/// Values of an interval column, as text writers read them.
#[derive(Debug, Clone, Copy)]
pub(super) enum IntervalColumn<'a> {
    DayTime(&'a DurationMicrosecondArray, IntervalUnits),
    YearMonth(&'a IntervalYearMonthArray, IntervalUnits),
    Calendar(&'a IntervalMonthDayNanoArray),
}

impl<'a> IntervalColumn<'a> {
    /// The column, if it is one of intervals. `units` gives those of the next ANSI interval.
    pub(super) fn of(
        array: &'a ArrayRef,
        units: &mut dyn Iterator<Item = IntervalUnits>,
    ) -> Option<IntervalColumn<'a>> {
        match array.data_type() {
            DataType::Duration(TimeUnit::Microsecond) => Some(IntervalColumn::DayTime(
                array.as_primitive::<DurationMicrosecondType>(),
                units.next().unwrap_or(IntervalUnits::DAY_TIME),
            )),
            DataType::Interval(IntervalUnit::YearMonth) => Some(IntervalColumn::YearMonth(
                array.as_primitive::<IntervalYearMonthType>(),
                units.next().unwrap_or(IntervalUnits::YEAR_MONTH),
            )),
            DataType::Interval(IntervalUnit::MonthDayNano) => Some(IntervalColumn::Calendar(
                array.as_primitive::<IntervalMonthDayNanoType>(),
            )),
            _ => None,
        }
    }

    /// Writes the value of a row that is not null.
    pub(super) fn write(self, row: usize, out: &mut String) {
        match self {
            IntervalColumn::DayTime(values, units) => write_day_time(values.value(row), units, out),
            IntervalColumn::YearMonth(values, units) => {
                write_year_month(values.value(row), units, out);
            }
            IntervalColumn::Calendar(values) => write_calendar(values.value(row), out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> IntervalUnits {
        IntervalUnits::parse(text).unwrap()
    }

    #[test]
    fn an_interval_is_written_with_its_units_and_read_back() {
        for (text, of) in [
            ("INTERVAL '1' DAY", "day"),
            ("INTERVAL '26' HOUR", "hour"),
            ("INTERVAL '-1 02' DAY TO HOUR", "day to hour"),
            ("INTERVAL '1 02:03:04.5' DAY TO SECOND", "day to second"),
            ("INTERVAL '-07.000001' SECOND", "second"),
            ("INTERVAL '100:05' MINUTE TO SECOND", "minute to second"),
            ("INTERVAL '-1-2' YEAR TO MONTH", "year to month"),
            ("INTERVAL '-14' MONTH", "month"),
            ("INTERVAL '3' YEAR", "year"),
        ] {
            let value = parse(text, units(of)).unwrap();
            let mut written = String::new();
            if units(of).is_year_month() {
                write_year_month(i32::try_from(value).unwrap(), units(of), &mut written);
            } else {
                write_day_time(value, units(of), &mut written);
            }
            assert_eq!(written, text);
        }
    }

    #[test]
    fn text_must_have_exactly_the_units_of_the_type() {
        let read = |text: &str, of: &str| parse(text, units(of));
        assert_eq!(read(" +5 ", "day"), Ok(5 * 86_400 * MICROS_PER_SECOND));
        assert_eq!(read("INTERVAL -'-1' MONTH", "month"), Ok(1));
        for (text, of) in [
            ("x", "day"),
            ("", "day"),
            ("1 02:03:04", "day"),
            ("25", "day to hour"),
            ("INTERVAL '1' HOUR", "day"),
            ("1-123", "year to month"),
            ("1.", "second"),
        ] {
            assert_eq!(read(text, of), Err(IntervalFailure::Form), "{text}");
        }
        assert_eq!(read("1-13", "year to month"), Err(IntervalFailure::Range));
        assert_eq!(read("999999999", "day"), Err(IntervalFailure::Range));
    }

    #[test]
    fn a_legacy_interval_is_written_part_by_part() {
        let written = |months, days, nanos| {
            let mut text = String::new();
            write_calendar(IntervalMonthDayNano::new(months, days, nanos), &mut text);
            text
        };
        assert_eq!(written(0, 0, 0), "0 seconds");
        assert_eq!(
            written(14, 25, 18_367_008_009_000),
            "1 years 2 months 25 days 5 hours 6 minutes 7.008009 seconds"
        );
        assert_eq!(
            written(-1, -1, -500_000_000),
            "-1 months -1 days -0.5 seconds"
        );
    }
}
