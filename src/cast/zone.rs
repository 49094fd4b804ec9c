//! Time zones as Java reads them (`ZoneId.of` with its short ids), and the two directions between wall clock and UTC.
//!
//! Where the wall clock shows a time twice, the earlier moment is meant; where it skips a time, the clock goes on by the
//! length of the gap. Both are Java's rules.

use crate::error::{Error, Result};
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Microseconds in a second.
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// The largest offset from UTC that Java knows.
const OFFSET_MAX_SECONDS: i64 = 18 * 3600;

/// Names of three letters that Java still understands, and what they stand for.
const SHORT_IDS: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("MST", "-07:00"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Always so many seconds ahead of UTC.
    Fixed(i64),
    /// A region of the IANA data base.
    Region(Tz),
}

impl Zone {
    /// UTC.
    pub(crate) const UTC: Zone = Zone::Fixed(0);

    /// The zone of this name: `UTC`, `Europe/Berlin`, `+02:00`, `GMT+2`, `PST`.
    ///
    /// # Errors
    ///
    /// `Invalid`: `INVALID_TIMEZONE`.
    pub(crate) fn parse(name: &str) -> Result<Zone> {
        Zone::find(name).ok_or_else(|| {
            Error::invalid(format!(
                "the time zone must be a region such as Europe/Berlin or an offset such as +02:00. zone=`{name}`"
            ))
            .with_condition("INVALID_TIMEZONE")
        })
    }

    /// As [`Zone::parse`], for names that come with the data.
    pub(crate) fn find(name: &str) -> Option<Zone> {
        if name == "Z" {
            return Some(Zone::UTC);
        }
        if name.starts_with(['+', '-']) {
            return offset_seconds(name).map(Zone::Fixed);
        }
        for prefix in ["UTC", "GMT", "UT"] {
            match name.strip_prefix(prefix) {
                Some("") => return Some(Zone::UTC),
                Some(offset) if offset.starts_with(['+', '-']) => {
                    return offset_seconds(offset).map(Zone::Fixed);
                }
                _ => {}
            }
        }
        if let Ok(index) = SHORT_IDS.binary_search_by_key(&name, |(short, _)| short) {
            return SHORT_IDS.get(index).and_then(|(_, id)| Zone::find(id));
        }
        name.parse().ok().map(Zone::Region)
    }

    /// How far the wall clock is ahead of UTC at a moment, in microseconds.
    pub(crate) fn offset_micros(self, utc: i64) -> i64 {
        match self {
            Zone::Fixed(seconds) => seconds * MICROS_PER_SECOND,
            Zone::Region(zone) => match DateTime::from_timestamp_micros(utc) {
                Some(moment) => {
                    let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
                    i64::from(offset.fix().local_minus_utc()) * MICROS_PER_SECOND
                }
                None => 0,
            },
        }
    }

    /// What the wall clock shows at a moment, as microseconds since 1970-01-01T00:00:00 on that clock. Saturates.
    pub(crate) fn to_local(self, utc: i64) -> i64 {
        utc.saturating_add(self.offset_micros(utc))
    }

    /// The moment when the wall clock shows `local`. `None` if that is out of range.
    pub(crate) fn to_utc(self, local: i64) -> Option<i64> {
        let zone = match self {
            Zone::Fixed(seconds) => return local.checked_sub(seconds * MICROS_PER_SECOND),
            Zone::Region(zone) => zone,
        };
        let clock = DateTime::from_timestamp_micros(local)?.naive_utc();
        let offset = match zone.offset_from_local_datetime(&clock).earliest() {
            Some(offset) => i64::from(offset.fix().local_minus_utc()) * MICROS_PER_SECOND,
            // In a gap the offset from before it counts; gaps are never less than a day apart.
            None => self.offset_micros(local.checked_sub(MICROS_PER_DAY)?),
        };
        local.checked_sub(offset)
    }
}

/// Seconds of `+h`, `+hh`, `+h:mm`, `+hh:m`, `+hh:mm`, `+hhmm`, `+hh:mm:ss`, `+hhmmss` (or with `-`).
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, seconds) = if rest.contains(':') {
        let mut parts = rest.split(':');
        let hours = parts.next()?;
        let minutes = parts.next()?;
        let seconds = parts.next();
        // A minute of one digit is only understood at the end.
        if parts.next().is_some() || (seconds.is_some() && minutes.len() != 2) {
            return None;
        }
        if seconds.is_some_and(|seconds| seconds.len() != 2) {
            return None;
        }
        (hours, minutes, seconds.unwrap_or("0"))
    } else {
        match rest.len() {
            1 | 2 => (rest, "0", "0"),
            4 => (rest.get(..2)?, rest.get(2..)?, "0"),
            6 => (rest.get(..2)?, rest.get(2..4)?, rest.get(4..)?),
            _ => return None,
        }
    };
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let total = hours * 3600 + minutes * 60 + seconds;
    (total <= OFFSET_MAX_SECONDS).then_some(sign * total)
}

/// A number of one or two digits.
fn number(text: &str) -> Option<i64> {
    let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_as_java_reads_them() {
        let seconds = |name: &str| match Zone::find(name) {
            Some(Zone::Fixed(seconds)) => Some(seconds),
            _ => None,
        };
        assert_eq!(seconds("Z"), Some(0));
        assert_eq!(seconds("UTC"), Some(0));
        assert_eq!(seconds("GMT+2"), Some(7200));
        assert_eq!(seconds("+1:30"), Some(5400));
        assert_eq!(seconds("-08:0"), Some(-28800));
        assert_eq!(seconds("+053015"), Some(19815));
        assert_eq!(seconds("EST"), Some(-18000));
        assert_eq!(seconds("+19:00"), None);
        assert!(matches!(Zone::find("PST"), Some(Zone::Region(_))));
        assert!(Zone::parse("Mars/Olympus").is_err());
    }

    #[test]
    fn a_time_in_a_gap_goes_on_and_a_doubled_time_is_the_earlier() {
        let zone = Zone::parse("America/Los_Angeles").unwrap();
        let micros = |text: &str| {
            let clock = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            clock.and_utc().timestamp_micros()
        };
        assert_eq!(
            zone.to_utc(micros("2024-03-10 02:30")),
            Some(micros("2024-03-10 10:30"))
        );
        assert_eq!(
            zone.to_utc(micros("2024-11-03 01:30")),
            Some(micros("2024-11-03 08:30"))
        );
        assert_eq!(
            zone.to_local(micros("2024-07-01 00:00")),
            micros("2024-06-30 17:00")
        );
    }
}
