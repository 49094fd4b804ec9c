//! Interval literals: `INTERVAL 90 MINUTES`, `INTERVAL '1' DAY`, `INTERVAL 1 DAY 2 HOURS`,
//! `INTERVAL '1 02:03:04' DAY TO SECOND`, `INTERVAL '5 seconds'`.
//!
//! Years and months make a year-month interval, everything from weeks down a day-time interval of microseconds; Spark
//! refuses a literal that mixes them, and so do we.

use super::literal::constant;
use super::parser::Parser;
use super::token::{TokenKind, syntax_error};
use crate::cast::interval::{IntervalFailure, failure, parse};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, INTERVAL_LITERAL};
use crate::types::{IntervalField, IntervalUnits};
use arrow::array::{DurationMicrosecondArray, IntervalYearMonthArray};
use std::sync::Arc;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The units of a day-time interval, by their singular, in microseconds.
const DAY_TIME_UNITS: [(&str, i64); 7] = [
    ("WEEK", 7 * MICROS_PER_DAY),
    ("DAY", MICROS_PER_DAY),
    ("HOUR", 3_600 * MICROS_PER_SECOND),
    ("MINUTE", 60 * MICROS_PER_SECOND),
    ("SECOND", MICROS_PER_SECOND),
    ("MILLISECOND", 1_000),
    ("MICROSECOND", 1),
];

/// The units of a year-month interval, in months.
const YEAR_MONTH_UNITS: [(&str, i32); 2] = [("YEAR", 12), ("MONTH", 1)];

/// A length of time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntervalLiteral {
    amount: Amount,
    /// The units that were written: `DAY` for a week, `SECOND` for what is smaller.
    units: IntervalUnits,
}

/// How long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    /// Months.
    YearMonth(i32),
    /// Microseconds.
    DayTime(i64),
}

impl IntervalLiteral {
    /// A constant of the tree.
    pub(super) fn to_ast(self, span: Span) -> Ast {
        let value = match self.amount {
            Amount::YearMonth(months) => {
                constant(Arc::new(IntervalYearMonthArray::from(vec![months])), span)
            }
            Amount::DayTime(micros) => {
                constant(Arc::new(DurationMicrosecondArray::from(vec![micros])), span)
            }
        };
        let name = |unit: IntervalField| Ast::string(&unit.name().to_uppercase());
        let mut literal = Ast::call(
            INTERVAL_LITERAL,
            vec![value, name(self.units.from()), name(self.units.to())],
        );
        literal.span = span;
        literal
    }

    /// In milliseconds, as Spark counts a watermark's delay: a month has 31 days.
    pub(super) fn to_delay_ms(self) -> Option<i64> {
        match self.amount {
            Amount::YearMonth(months) => i64::from(months).checked_mul(31 * MICROS_PER_DAY / 1_000),
            Amount::DayTime(micros) => Some(micros / 1_000),
        }
    }
}

/// Adds up `number unit` pairs.
#[derive(Debug, Default)]
struct Sum {
    months: Option<i32>,
    micros: Option<i64>,
    /// The units so far.
    units: Option<IntervalUnits>,
}

impl Sum {
    /// Adds a pair; `None` for an unknown unit, a malformed number or one that is too large.
    fn add(&mut self, number: &str, unit: &str) -> Option<()> {
        let unit = singular(unit)?;
        let of_type = match unit {
            "WEEK" => "DAY",
            "MILLISECOND" | "MICROSECOND" => "SECOND",
            other => other,
        };
        let own = IntervalUnits::only(IntervalField::parse(of_type)?);
        self.units = Some(self.units.map_or(own, |units| units.union(own)));
        if let Some((_, months)) = YEAR_MONTH_UNITS.iter().find(|(name, _)| *name == unit) {
            let value: i32 = number.parse().ok()?;
            let total = self.months.unwrap_or(0);
            self.months = Some(total.checked_add(value.checked_mul(*months)?)?);
            return Some(());
        }
        let (_, scale) = DAY_TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        let value = match unit {
            "SECOND" => decimal_seconds(number)?,
            _ => number.parse::<i64>().ok()?.checked_mul(*scale)?,
        };
        self.micros = Some(self.micros.unwrap_or(0).checked_add(value)?);
        Some(())
    }

    fn negate(&mut self) -> Option<()> {
        self.months = self
            .months
            .map_or(Some(None), |months| months.checked_neg().map(Some))?;
        self.micros = self
            .micros
            .map_or(Some(None), |micros| micros.checked_neg().map(Some))?;
        Some(())
    }

    fn finish(self) -> Option<IntervalLiteral> {
        let amount = match (self.months, self.micros) {
            (Some(months), None) => Amount::YearMonth(months),
            (None, Some(micros)) => Amount::DayTime(micros),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let units = self.units?;
        Some(IntervalLiteral { amount, units })
    }

    fn finish_signed(mut self, is_negative: bool) -> Option<IntervalLiteral> {
        if is_negative {
            self.negate()?;
        }
        self.finish()
    }

    fn is_mixed(&self) -> bool {
        self.months.is_some() && self.micros.is_some()
    }
}

/// Whether an interval literal comes next, and not a column of that name.
pub(super) fn is_interval(parser: &Parser<'_>) -> bool {
    let signed = usize::from(parser.is_symbol_at(1, "-") || parser.is_symbol_at(1, "+"));
    parser.is_keyword("INTERVAL")
        && match parser.peek_at(1 + signed).kind {
            TokenKind::Text(_) => true,
            TokenKind::Number(_) => unit_at(parser, 2 + signed).is_some(),
            _ => false,
        }
}

/// Reads an interval literal, from `INTERVAL` on.
pub(super) fn interval(parser: &mut Parser<'_>) -> Result<(IntervalLiteral, Span)> {
    let start = parser.span();
    parser.expect("INTERVAL")?;
    let is_negative = parser.eat_symbol("-");
    if !is_negative {
        parser.eat_symbol("+");
    }
    let mut sum = Sum::default();
    let mut last = None;
    while let Some(written) = number_or_text(parser) {
        let Some(unit) = unit_at(parser, 0) else {
            if last.is_none() {
                return whole_text(parser, &written, is_negative, start);
            }
            return Err(parser.unexpected("a unit such as SECONDS"));
        };
        parser.skip(1);
        if last.is_none() && parser.eat("TO") {
            return ranged(parser, &written, &unit, is_negative, start);
        }
        let span = parser.span_from(start);
        let is_first = last.is_none();
        let added = sum.add(written.trim(), &unit);
        // A sign in front belongs to the first number alone.
        if added.is_none() || (is_first && is_negative && sum.negate().is_none()) {
            return Err(malformed_number(written.trim(), span));
        }
        if sum.is_mixed() {
            return Err(mixed(span));
        }
        last = Some(unit);
    }
    let span = parser.span_from(start);
    sum.finish()
        .map(|literal| (literal, span))
        .ok_or_else(|| parser.unexpected("a number or a string after INTERVAL"))
}

/// The text of a number or string that comes next; a number only together with its unit.
fn number_or_text(parser: &mut Parser<'_>) -> Option<String> {
    let written = match &parser.peek().kind {
        TokenKind::Number(number) if unit_at(parser, 1).is_some() => number.clone(),
        TokenKind::Text(text) => text.clone(),
        _ => return None,
    };
    parser.skip(1);
    Some(written)
}

/// The unit that the token `ahead` names.
fn unit_at(parser: &Parser<'_>, ahead: usize) -> Option<String> {
    match &parser.peek_at(ahead).kind {
        TokenKind::Word(word) => singular(word).map(str::to_owned),
        _ => None,
    }
}

/// `INTERVAL '1 day 2 hours'`.
fn whole_text(
    parser: &Parser<'_>,
    text: &str,
    is_negative: bool,
    start: Span,
) -> Result<(IntervalLiteral, Span)> {
    let span = parser.span_from(start);
    let wrong = || malformed(text, span).with_condition("INVALID_TYPED_LITERAL");
    let lower = text.trim().to_ascii_lowercase();
    let body = lower.strip_prefix("interval ").unwrap_or(&lower);
    let words: Vec<&str> = body.split_ascii_whitespace().collect();
    let mut sum = Sum::default();
    for pair in words.chunks(2) {
        match pair {
            [number, unit] if sum.add(number, unit).is_some() => {}
            _ => return Err(wrong()),
        }
    }
    if sum.is_mixed() {
        return Err(mixed(span));
    }
    sum.finish_signed(is_negative)
        .map(|literal| (literal, span))
        .ok_or_else(wrong)
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, behind `TO`.
fn ranged(
    parser: &mut Parser<'_>,
    text: &str,
    from: &str,
    is_negative: bool,
    start: Span,
) -> Result<(IntervalLiteral, Span)> {
    let Some(to) = unit_at(parser, 0) else {
        return Err(parser.unexpected("a unit such as SECOND"));
    };
    parser.skip(1);
    let span = parser.span_from(start);
    let units = IntervalField::parse(from)
        .zip(IntervalField::parse(&to))
        .filter(|(from, to)| from != to)
        .and_then(|(from, to)| IntervalUnits::new(from, to))
        .ok_or_else(|| malformed(text, span))?;
    let length = parse(text, units).map_err(|why| {
        let error = failure(why, text, units).with_span(span);
        if why == IntervalFailure::Range && !units.is_year_month() {
            error.with_condition("_LEGACY_ERROR_TEMP_0063")
        } else {
            error
        }
    })?;
    let signed = if is_negative {
        length.checked_neg()
    } else {
        Some(length)
    };
    let amount = if units.is_year_month() {
        signed
            .and_then(|months| i32::try_from(months).ok())
            .map(Amount::YearMonth)
    } else {
        signed.map(Amount::DayTime)
    };
    let amount = amount.ok_or_else(|| malformed(text, span))?;
    Ok((IntervalLiteral { amount, units }, span))
}

/// Seconds with up to nine decimals, in microseconds; what is finer is cut off.
fn decimal_seconds(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_negative = whole.starts_with('-');
    let digits = whole.trim_start_matches(['+', '-']);
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = if digits.is_empty() && !fraction.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let total = seconds
        .checked_mul(MICROS_PER_SECOND)?
        .checked_add(micros)?;
    Some(if is_negative { -total } else { total })
}

/// `HOURS` to `HOUR`, in upper case; `None` if it is no unit.
fn singular(unit: &str) -> Option<&'static str> {
    let upper = unit.to_ascii_uppercase();
    let name = upper.strip_suffix('S').unwrap_or(&upper);
    let names = YEAR_MONTH_UNITS
        .iter()
        .map(|(name, _)| *name)
        .chain(DAY_TIME_UNITS.iter().map(|(name, _)| *name));
    names.into_iter().find(|known| *known == name)
}

/// What is wrong with the number in front of a unit, in Spark's words.
fn malformed_number(written: &str, span: Span) -> Error {
    let digits = written.trim_start_matches(['+', '-']);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let condition = match digits.split_once('.') {
        None if is_number(digits) => "INVALID_INTERVAL_FORMAT.ARITHMETIC_EXCEPTION",
        Some((whole, fraction)) if is_number(whole) && is_number(fraction) => {
            "INVALID_INTERVAL_FORMAT.INVALID_FRACTION"
        }
        _ => "_LEGACY_ERROR_TEMP_0026",
    };
    malformed(written, span).with_condition(condition)
}

fn malformed(written: &str, span: Span) -> Error {
    Error::invalid(format!("not an interval. value=`{written}`"))
        .with_condition("INVALID_INTERVAL_FORMAT")
        .with_span(span)
}

fn mixed(span: Span) -> Error {
    syntax_error(
        "an interval literal cannot mix years or months with smaller units",
        span,
    )
    .with_condition("_LEGACY_ERROR_TEMP_0029")
}
