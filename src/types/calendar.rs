//! Intervals as text: `10 seconds`, `1 day 2 hours`, `interval -1.5 seconds`, as Spark reads them.
//!
//! Grammar, without regard to case: `[interval] (sign? number unit)+`, units from `year` to `microsecond`, singular or plural; only
//! seconds take a fraction, of up to nine digits.

use crate::error::{Error, Result};

/// An interval whose parts have no fixed length: a month is 28 to 31 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CalendarInterval {
    /// Months; a year is 12.
    pub months: i32,
    /// Days; a week is 7.
    pub days: i32,
    /// Everything smaller, in microseconds.
    pub micros: i64,
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Spark's length of a month where one is needed: of the delay of a watermark.
const DAYS_PER_MONTH: i64 = 31;

impl CalendarInterval {
    /// Its length in microseconds, a month being 31 days; `None` if that is too long to say.
    pub fn duration_us(&self) -> Option<i64> {
        let months = i64::from(self.months).checked_mul(DAYS_PER_MONTH)?;
        let days = months.checked_add(i64::from(self.days))?;
        days.checked_mul(MICROS_PER_DAY)?.checked_add(self.micros)
    }
}

/// Reads an interval.
///
/// # Errors
///
/// `CANNOT_PARSE_INTERVAL`.
pub fn parse_interval(text: &str) -> Result<CalendarInterval> {
    parse(text).ok_or_else(|| {
        Error::invalid(format!(
            "unable to parse '{text}'. Please ensure that the value provided is in a valid format for defining an interval, such as '10 seconds' or '1 hour 30 minutes'"
        ))
        .with_condition("CANNOT_PARSE_INTERVAL")
    })
}

fn parse(text: &str) -> Option<CalendarInterval> {
    let lower = text.trim().to_lowercase();
    let mut rest = match lower.strip_prefix("interval") {
        Some(after) if after.starts_with(char::is_whitespace) => after.trim_start(),
        _ => lower.as_str(),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = CalendarInterval::default();
    while !rest.is_empty() {
        let (negative, after) = sign(rest);
        let (whole, nanos, has_fraction, after) = number(after.trim_start())?;
        let unit_end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        if has_fraction && unit != "second" {
            return None;
        }
        let whole = if negative { -whole } else { whole };
        let nanos = if negative { -nanos } else { nanos };
        total = add(total, whole, nanos, unit)?;
        rest = after.trim_start();
    }
    Some(total)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A number: its whole part, its fraction in nanounits, whether it has one, and what follows after a space.
fn number(text: &str) -> Option<(i64, i64, bool, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (whole, rest) = text.split_at(digits);
    let (fraction, has_fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => {
            let digits = after.find(|c: char| !c.is_ascii_digit())?;
            let (fraction, rest) = after.split_at(digits);
            (fraction, true, rest)
        }
        None => ("", false, rest),
    };
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some((whole, nanos, has_fraction, rest))
}

fn add(total: CalendarInterval, whole: i64, nanos: i64, unit: &str) -> Option<CalendarInterval> {
    let mut total = total;
    let mut add_micros = |per_unit: i64| -> Option<()> {
        let micros = whole.checked_mul(per_unit)?.checked_add(nanos / 1_000)?;
        total.micros = total.micros.checked_add(micros)?;
        Some(())
    };
    match unit {
        "microsecond" => add_micros(1)?,
        "millisecond" => add_micros(1_000)?,
        "second" => add_micros(1_000_000)?,
        "minute" => add_micros(60_000_000)?,
        "hour" => add_micros(3_600_000_000)?,
        "day" => total.days = total.days.checked_add(i32::try_from(whole).ok()?)?,
        "week" => {
            let days = i32::try_from(whole.checked_mul(7)?).ok()?;
            total.days = total.days.checked_add(days)?;
        }
        "month" => total.months = total.months.checked_add(i32::try_from(whole).ok()?)?,
        "year" => {
            let months = i32::try_from(whole.checked_mul(12)?).ok()?;
            total.months = total.months.checked_add(months)?;
        }
        _ => return None,
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(
            parse_interval("INTERVAL 1 year 2 months 1 week 3 days 4 hours -1.5 Seconds").unwrap(),
            CalendarInterval {
                months: 14,
                days: 10,
                micros: 4 * 3_600_000_000 - 1_500_000,
            }
        );
        assert_eq!(parse_interval("10 seconds").unwrap().micros, 10_000_000);
        assert_eq!(parse_interval(".5 second").unwrap().micros, 500_000);
        assert_eq!(
            parse_interval("1 month").unwrap().duration_us(),
            Some(31 * MICROS_PER_DAY)
        );
    }

    #[test]
    fn what_is_no_interval_is_refused_by_name() {
        for text in [
            "five ticks",
            "",
            "interval",
            "10",
            "1.5 minutes",
            "3 fortnights",
            "1second",
        ] {
            let error = parse_interval(text).unwrap_err();
            assert_eq!(error.condition(), Some("CANNOT_PARSE_INTERVAL"), "{text}");
        }
    }
}
