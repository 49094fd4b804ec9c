//! Dates and timestamps in text, as the JSON and CSV options say they are written.
//!
//! Without a pattern they are read as Spark's `CAST` reads them. The form nearly all producers write
//! (`2024-01-31T23:59:59.123Z`, also with a space, with an offset or without zone) is read without detours. A time of day without
//! a date is refused: its meaning would change with the day on which it is read.

use crate::cast::calendar::{civil_from_days, days_from_civil};
use crate::cast::zone::{MICROS_PER_DAY, MICROS_PER_SECOND, Zone};
use crate::cast::{parse_date, parse_timestamp, parse_timestamp_ntz};
use crate::error::Result;
use crate::function::datetime::pattern::Pattern;
use crate::options::Options;
use std::fmt::Write as _;

/// How dates and timestamps are written.
#[derive(Debug, Clone)]
pub(crate) struct TimeFormats {
    /// The zone of timestamps that name none, and its name.
    zone: Zone,
    zone_name: String,
    /// Other than the standard form.
    timestamp: Option<Pattern>,
    timestamp_ntz: Option<Pattern>,
    date: Option<Pattern>,
}

impl TimeFormats {
    /// Without patterns, in UTC.
    pub(crate) fn utc() -> TimeFormats {
        TimeFormats {
            zone: Zone::UTC,
            zone_name: "UTC".to_owned(),
            timestamp: None,
            timestamp_ntz: None,
            date: None,
        }
    }

    /// Takes the options `timeZone` (default `time_zone`), `timestampFormat`, `timestampNTZFormat` and `dateFormat`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such zone or pattern, or the pattern cannot name the zone.
    pub(crate) fn take(options: &mut Options, time_zone: &str) -> Result<TimeFormats> {
        let mut pattern = |key: &str| {
            let text = options.take(key);
            text.map(|text| Pattern::new(&text)).transpose()
        };
        let timestamp = pattern("timestampFormat")?;
        let timestamp_ntz = pattern("timestampNTZFormat")?;
        let date = pattern("dateFormat")?;
        let zone_name = options.take("timeZone");
        let zone_name = zone_name.unwrap_or_else(|| time_zone.to_owned());
        if let Some(pattern) = &timestamp {
            pattern.check_zone(&zone_name)?;
        }
        Ok(TimeFormats {
            zone: Zone::parse(&zone_name)?,
            zone_name,
            timestamp,
            timestamp_ntz,
            date,
        })
    }

    /// Days since 1970-01-01.
    pub(crate) fn date(&self, text: &str) -> Option<i32> {
        match &self.date {
            None => parse_date(text),
            Some(pattern) => {
                let (local, _) = pattern.parse(text)?;
                i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()
            }
        }
    }

    /// As [`TimeFormats::date`]; without a pattern, a whole number is such days already.
    pub(crate) fn date_or_days(&self, text: &str) -> Option<i32> {
        let days = || text.parse().ok().filter(|_| self.date.is_none());
        self.date(text).or_else(days)
    }

    /// The zone of timestamps that name none.
    pub(crate) fn zone(&self) -> Zone {
        self.zone
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub(crate) fn timestamp(&self, text: &[u8]) -> Option<i64> {
        if let Some(pattern) = &self.timestamp {
            let (local, zone) = pattern.parse(std::str::from_utf8(text).ok()?)?;
            return zone.unwrap_or(self.zone).to_utc(local);
        }
        if let Some((local, zone)) = common_timestamp(text) {
            return match zone {
                CommonZone::Offset(micros) => local.checked_sub(micros),
                CommonZone::None => self.zone.to_utc(local),
            };
        }
        let text = std::str::from_utf8(text).ok()?;
        if is_only_time(text) {
            return None;
        }
        parse_timestamp(text, self.zone, 0)
    }

    /// Microseconds since 1970-01-01T00:00:00, of the wall clock.
    #[inline]
    pub(crate) fn timestamp_ntz(&self, text: &[u8]) -> Option<i64> {
        if let Some(pattern) = &self.timestamp_ntz {
            let (local, _) = pattern.parse(std::str::from_utf8(text).ok()?)?;
            return Some(local);
        }
        if let Some((local, _)) = common_timestamp(text) {
            return Some(local);
        }
        parse_timestamp_ntz(std::str::from_utf8(text).ok()?)
    }

    /// Appends a date: `2024-01-31`, if there is no pattern.
    pub(crate) fn write_date(&self, days: i32, out: &mut String) {
        let days = i64::from(days);
        match &self.date {
            None => write_date(days, out),
            Some(pattern) => {
                let local = days.saturating_mul(MICROS_PER_DAY);
                pattern.format(local, (Zone::UTC, "UTC"), out);
            }
        }
    }

    /// Appends a timestamp: `2024-01-31T23:59:59.123Z`, if there is no pattern.
    pub(crate) fn write_timestamp(&self, micros: i64, out: &mut String) {
        let offset = self.zone.offset_micros(micros);
        let local = micros.saturating_add(offset);
        if let Some(pattern) = &self.timestamp {
            pattern.format(local, (self.zone, &self.zone_name), out);
            return;
        }
        write_local(local, out);
        match offset / MICROS_PER_SECOND / 60 {
            0 => out.push('Z'),
            minutes => {
                out.push(if minutes < 0 { '-' } else { '+' });
                let minutes = minutes.abs();
                print(out, format_args!("{:02}:{:02}", minutes / 60, minutes % 60));
            }
        }
    }

    /// Appends a timestamp without time zone: `2024-01-31T23:59:59.123`, if there is no pattern.
    pub(crate) fn write_timestamp_ntz(&self, micros: i64, out: &mut String) {
        match &self.timestamp_ntz {
            None => write_local(micros, out),
            Some(pattern) => pattern.format(micros, (Zone::UTC, "UTC"), out),
        }
    }
}

fn print(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory cannot fail");
}

fn write_date(days: i64, out: &mut String) {
    let date = civil_from_days(days);
    let sign = match date.year {
        ..0 => "-",
        0..=9999 => "",
        _ => "+",
    };
    let year = date.year.unsigned_abs();
    print(
        out,
        format_args!("{sign}{year:04}-{:02}-{:02}", date.month, date.day),
    );
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSS`, of microseconds on the wall clock.
fn write_local(local: i64, out: &mut String) {
    write_date(local.div_euclid(MICROS_PER_DAY), out);
    let of_day = local.rem_euclid(MICROS_PER_DAY);
    let seconds = of_day / MICROS_PER_SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let millis = of_day / 1_000 % 1_000;
    print(
        out,
        format_args!("T{hour:02}:{minute:02}:{second:02}.{millis:03}"),
    );
}

/// Whether a text is only a time of day: `T10:00` or `10:00`.
fn is_only_time(text: &str) -> bool {
    let text = text.trim_start();
    let after_digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    text.starts_with('T') || after_digits.starts_with(':')
}

/// The zone behind a timestamp of the common form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommonZone {
    None,
    /// Microseconds ahead of UTC.
    Offset(i64),
}

/// A timestamp with all parts at full width: microseconds of the wall clock, and its zone. `None` means: another form.
#[inline]
fn common_timestamp(text: &[u8]) -> Option<(i64, CommonZone)> {
    let (date_time, mut rest) = text.split_first_chunk::<19>()?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        o1,
        o2,
        b'-',
        d1,
        d2,
        b'T' | b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
    ] = *date_time
    else {
        return None;
    };
    let year = two_digits(y1, y2)? * 100 + two_digits(y3, y4)?;
    let (month, day) = (two_digits(o1, o2)?, two_digits(d1, d2)?);
    let (hour, minute, second) = (
        two_digits(h1, h2)?,
        two_digits(m1, m2)?,
        two_digits(s1, s2)?,
    );
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    let mut micros = 0;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (fraction, behind) = fraction.split_at(digits);
        if fraction.is_empty() || fraction.len() > 9 {
            return None;
        }
        for place in 0..6 {
            // What is finer than a microsecond is cut off, as Spark does.
            micros = micros * 10 + i64::from(fraction.get(place).map_or(0, |byte| byte - b'0'));
        }
        rest = behind;
    }
    let zone = match *rest {
        [] => CommonZone::None,
        [b'Z'] => CommonZone::Offset(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two_digits(h1, h2)?, two_digits(m1, m2)?);
            if hours > 17 || minutes > 59 {
                return None;
            }
            let micros = (hours * 60 + minutes) * 60 * MICROS_PER_SECOND;
            CommonZone::Offset(if sign == b'-' { -micros } else { micros })
        }
        _ => return None,
    };
    let seconds = (hour * 60 + minute) * 60 + second;
    Some((
        days * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + micros,
        zone,
    ))
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_form_and_the_general_one_agree() {
        let mut options = Options::new::<&str, &str>("files", []);
        let formats = TimeFormats::take(&mut options, "America/New_York").unwrap();
        for text in [
            "2024-01-31T23:59:59.123Z",
            "2024-01-31 23:59:59",
            "2024-02-29T00:00:00.123456789+05:30",
            "1969-12-31T23:59:59.9-11:00",
            "2024-03-10T02:30:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert!(common_timestamp(text.as_bytes()).is_some(), "{text}");
            assert_eq!(
                formats.timestamp(text.as_bytes()),
                parse_timestamp(text, formats.zone, 0),
                "{text}"
            );
            assert_eq!(
                formats.timestamp_ntz(text.as_bytes()),
                parse_timestamp_ntz(text),
                "{text}"
            );
        }
    }

    #[test]
    fn other_forms_are_read_as_casts_read_them() {
        let formats = TimeFormats::utc();
        assert_eq!(formats.timestamp(b"1970-1-2"), Some(86_400_000_000));
        assert_eq!(
            formats.timestamp(b"1970-01-01T00:00:01 UTC"),
            Some(1_000_000)
        );
        assert_eq!(formats.timestamp(b"2024-02-30T00:00:00"), None);
        assert_eq!(formats.timestamp(b"nonsense"), None);
    }

    #[test]
    fn a_time_of_day_without_a_date_is_refused() {
        let formats = TimeFormats::utc();
        assert_eq!(formats.timestamp(b"10:00:00"), None);
        assert_eq!(formats.timestamp(b"T10:00:00"), None);
    }

    #[test]
    fn patterns_are_read_and_written() {
        let pairs = [
            ("timestampFormat", "dd/MM/yyyy HH:mm"),
            ("dateFormat", "dd.MM.yyyy"),
            ("timeZone", "Asia/Seoul"),
        ];
        let mut options = Options::new("test", pairs);
        let formats = TimeFormats::take(&mut options, "UTC").unwrap();
        assert_eq!(formats.timestamp(b"02/01/1970 09:30"), Some(88_200_000_000));
        assert_eq!(formats.timestamp(b"1970-01-02"), None);
        assert_eq!(formats.date("02.01.1970"), Some(1));
        let mut text = String::new();
        formats.write_timestamp(88_200_000_000, &mut text);
        formats.write_date(1, &mut text);
        assert_eq!(text, "02/01/1970 09:3002.01.1970");
    }
}
