//! Dates and timestamps in text, as the JSON and CSV options say they are written.
//!
//! Without a pattern they are read as Spark's `CAST` reads them. The form nearly all producers write
//! (`2024-01-31T23:59:59.123Z`, also with a space, with an offset or without zone) is read without detours. A time of day without
//! a date is refused: its meaning would change with the day on which it is read.

use crate::cast::calendar::days_from_civil;
use crate::cast::zone::{MICROS_PER_DAY, MICROS_PER_SECOND, Zone};
use crate::cast::{parse_date, parse_timestamp, parse_timestamp_ntz};
use crate::error::Result;
use crate::options::Options;

/// How dates and timestamps are written.
#[derive(Debug, Clone)]
pub(crate) struct TimeFormats {
    /// The zone of timestamps that name none.
    zone: Zone,
}

impl TimeFormats {
    pub(crate) fn new(zone: Zone) -> TimeFormats {
        TimeFormats { zone }
    }

    /// Takes the options `timeZone` (default `time_zone`), `timestampFormat`, `timestampNTZFormat` and `dateFormat`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such zone or pattern.
    pub(crate) fn take(options: &mut Options, time_zone: &str) -> Result<TimeFormats> {
        for key in ["timestampFormat", "timestampNTZFormat", "dateFormat"] {
            if let Some(pattern) = options.take(key) {
                return Err(options.refuse(key, "no pattern (not supported yet)", pattern));
            }
        }
        let zone = options.take("timeZone");
        Ok(TimeFormats {
            zone: Zone::parse(zone.as_deref().unwrap_or(time_zone))?,
        })
    }

    /// Days since 1970-01-01.
    pub(crate) fn date(&self, text: &str) -> Option<i32> {
        parse_date(text)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub(crate) fn timestamp(&self, text: &[u8]) -> Option<i64> {
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
        if let Some((local, _)) = common_timestamp(text) {
            return Some(local);
        }
        let text = std::str::from_utf8(text).ok()?;
        parse_timestamp_ntz(text)
    }
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
        let formats = TimeFormats::new(Zone::parse("America/New_York").unwrap());
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
        let formats = TimeFormats::new(Zone::UTC);
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
        let formats = TimeFormats::new(Zone::UTC);
        assert_eq!(formats.timestamp(b"10:00:00"), None);
        assert_eq!(formats.timestamp(b"T10:00:00"), None);
    }
}
