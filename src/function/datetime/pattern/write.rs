//! A moment written by a pattern.

use super::{DAYS, Item, MONTHS, Number, Sign};
use crate::cast::calendar::{CivilDate, civil_from_days, days_from_civil};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use std::fmt::Write;

/// A reading of a wall clock somewhere.
pub(super) struct Moment<'a> {
    local: i64,
    days: i64,
    of_day: i64,
    date: CivilDate,
    zone: (Zone, &'a str),
    has_era: bool,
}

impl Moment<'_> {
    /// A wall-clock time in microseconds since 1970-01-01T00:00:00, in a zone with its name.
    pub(super) fn new(local: i64, zone: (Zone, &str), has_era: bool) -> Moment<'_> {
        let days = local.div_euclid(MICROS_PER_DAY);
        Moment {
            local,
            days,
            of_day: local.rem_euclid(MICROS_PER_DAY),
            date: civil_from_days(days),
            zone,
            has_era,
        }
    }

    pub(super) fn write(&self, items: &[Item], out: &mut String) {
        for item in items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Optional(items) => self.write(items, out),
                Item::Field { letter, count } => self.write_field(*letter, *count, out),
            }
        }
    }

    fn write_field(&self, letter: char, count: usize, out: &mut String) {
        match Number::of(letter, count) {
            Some(number) => number.write(self.number(letter, count), out),
            None => self.write_text(letter, count, out),
        }
    }

    fn number(&self, letter: char, count: usize) -> i64 {
        let hour = self.of_day / 3_600_000_000;
        // What begins with zero, counted from one, so that its last comes first.
        let clock = |hours: i64| {
            if hour % hours == 0 {
                hours
            } else {
                hour % hours
            }
        };
        match letter {
            'y' => {
                let year = self.date.year;
                // The year before the first is the first before Christ.
                let year = if self.has_era && year < 1 {
                    1 - year
                } else {
                    year
                };
                if count == 2 { year.abs() % 100 } else { year }
            }
            'M' | 'L' => i64::from(self.date.month),
            'd' => i64::from(self.date.day),
            'D' => self.days - days_from_civil(self.date.year, 1, 1).unwrap_or(self.days) + 1,
            // The day of a week that begins with the month.
            'F' => i64::from((self.date.day - 1) % 7 + 1),
            'Q' | 'q' => i64::from(self.quarter()),
            'H' => hour,
            'k' => clock(24),
            'K' => hour % 12,
            'h' => clock(12),
            'm' => self.of_day / 60_000_000 % 60,
            _ => self.of_day / 1_000_000 % 60,
        }
    }

    fn quarter(&self) -> u8 {
        (self.date.month - 1) / 3 + 1
    }

    fn write_text(&self, letter: char, count: usize, out: &mut String) {
        match letter {
            'G' => out.push_str(era(self.date.year, count)),
            'M' | 'L' => name(&MONTHS, usize::from(self.date.month) - 1, count, out),
            'E' => {
                let day = usize::try_from((self.days + 3).rem_euclid(7)).unwrap_or(0);
                name(&DAYS, day, count, out);
            }
            'Q' | 'q' => {
                let quarter = self.quarter();
                let ending = ["st", "nd", "rd", "th"]
                    .get(usize::from(quarter) - 1)
                    .copied()
                    .unwrap_or_default();
                out.push_str(&match count {
                    3 => format!("Q{quarter}"),
                    _ => format!("{quarter}{ending} quarter"),
                });
            }
            'S' => {
                let digits = format!("{:06}000", self.of_day % 1_000_000);
                out.push_str(digits.get(..count).unwrap_or(&digits));
            }
            'a' => out.push_str(if self.of_day < MICROS_PER_DAY / 2 {
                "AM"
            } else {
                "PM"
            }),
            _ => self.write_zone(letter, count, out),
        }
    }

    fn write_zone(&self, letter: char, count: usize, out: &mut String) {
        let (zone, id) = self.zone;
        let utc = zone.to_utc(self.local).unwrap_or(self.local);
        let seconds = zone.offset_micros(utc) / 1_000_000;
        out.push_str(&match (letter, count) {
            ('V', _) => id.to_owned(),
            // Of other zones `Pattern::check_zone` refuses the full name.
            ('z', 4) if id == "UTC" => "Coordinated Universal Time".to_owned(),
            ('z', _) => zone_name(zone, id, utc),
            ('O', _) | ('Z', 4) => gmt_offset(seconds, count == 1),
            _ => offset(seconds, letter, count),
        });
    }
}

/// The sign, hours, minutes and seconds of an offset in seconds.
fn parts_of_offset(seconds: i64) -> (char, i64, i64, i64) {
    let absolute = seconds.abs();
    let sign = if seconds < 0 { '-' } else { '+' };
    (sign, absolute / 3_600, absolute / 60 % 60, absolute % 60)
}

/// An offset in seconds as `GMT-07:52:58`, or in short `GMT-8`. Seconds that are zero are left out, in short minutes too.
fn gmt_offset(seconds: i64, is_short: bool) -> String {
    if seconds == 0 {
        return "GMT".to_owned();
    }
    let (sign, hours, minutes, seconds) = parts_of_offset(seconds);
    let mut text = if is_short {
        format!("GMT{sign}{hours}")
    } else {
        format!("GMT{sign}{hours:02}")
    };
    if !is_short || minutes > 0 || seconds > 0 {
        text.push_str(&format!(":{minutes:02}"));
    }
    if seconds > 0 {
        text.push_str(&format!(":{seconds:02}"));
    }
    text
}

/// An offset in seconds by the letters `X`, `x` and `Z`: `-0800`, `-07:52:58`. Only the longest forms have seconds, where they are not zero.
fn offset(seconds: i64, letter: char, count: usize) -> String {
    let has_seconds = matches!((letter, count), ('X' | 'x', 4 | 5) | ('Z', 5));
    let colon = match (letter, count) {
        ('X' | 'x', 3 | 5) | ('Z', 5) => ":",
        _ => "",
    };
    // An offset is zero if all that is shown of it is.
    let shown = if has_seconds {
        seconds
    } else {
        seconds / 60 * 60
    };
    if shown == 0 && (letter == 'X' || (letter, count) == ('Z', 5)) {
        return "Z".to_owned();
    }
    let (sign, hours, minutes, seconds) = parts_of_offset(shown);
    let mut text = format!("{sign}{hours:02}");
    if minutes > 0 || count > 1 || letter == 'Z' {
        text.push_str(&format!("{colon}{minutes:02}"));
    }
    if seconds > 0 {
        text.push_str(&format!("{colon}{seconds:02}"));
    }
    text
}

impl Number {
    fn write(self, value: i64, out: &mut String) {
        let digits = value.unsigned_abs().to_string();
        if value < 0 {
            out.push('-');
        } else if self.sign == Sign::ExceedsPad && digits.len() > self.width_min {
            out.push('+');
        }
        // Writing to a string cannot fail.
        let _ignored: std::fmt::Result = write!(out, "{digits:0>width$}", width = self.width_min);
    }
}

/// The name of the era of a year.
pub(super) fn era(year: i64, count: usize) -> &'static str {
    match (year > 0, count) {
        (true, 4) => "Anno Domini",
        (true, _) => "AD",
        (false, 4) => "Before Christ",
        (false, _) => "BC",
    }
}

fn name(names: &[&str], index: usize, count: usize, out: &mut String) {
    let full = names.get(index).copied().unwrap_or_default();
    out.push_str(if count > 3 {
        full
    } else {
        full.get(..3).unwrap_or(full)
    });
}

/// The short name of a zone at a moment: `UTC`, `CET`.
fn zone_name(zone: Zone, id: &str, utc: i64) -> String {
    match zone {
        Zone::Region(region) => chrono::DateTime::from_timestamp_micros(utc).map_or_else(
            || id.to_owned(),
            |moment| moment.with_timezone(&region).format("%Z").to_string(),
        ),
        Zone::Fixed(_) => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use crate::cast::zone::Zone;
    use crate::function::testing::answer_in;

    fn assert_offsets(seconds: i64, cases: &[(&str, &str)]) {
        for (pattern, wanted) in cases {
            let mut text = String::new();
            let zone = (Zone::Fixed(seconds), "a zone");
            Pattern::new(pattern).unwrap().format(0, zone, &mut text);
            assert_eq!(&text, wanted, "{pattern} {seconds}");
        }
    }

    #[test]
    fn the_longest_forms_of_offsets_have_seconds_where_there_are_some() {
        assert_offsets(
            -(7 * 3_600 + 52 * 60 + 58),
            &[
                ("X XX XXX", "-0752 -0752 -07:52"),
                ("XXXX XXXXX", "-075258 -07:52:58"),
                ("x xx xxx", "-0752 -0752 -07:52"),
                ("xxxx xxxxx", "-075258 -07:52:58"),
                ("Z ZZ ZZZ", "-0752 -0752 -0752"),
                ("ZZZZ ZZZZZ", "GMT-07:52:58 -07:52:58"),
                ("O OOOO", "GMT-7:52:58 GMT-07:52:58"),
            ],
        );
        assert_offsets(
            3_600,
            &[
                ("X XXXX XXXXX", "+01 +0100 +01:00"),
                ("Z ZZZZ O", "+0100 GMT+01:00 GMT+1"),
            ],
        );
        let in_america = answer_in(
            "America/Los_Angeles",
            "date_format(TIMESTAMP'1800-01-01', 'XXXXX')",
        );
        assert_eq!(in_america.unwrap(), "-07:52:58");
    }

    #[test]
    fn an_offset_is_zero_where_nothing_of_it_is_shown() {
        let cases = [
            ("X XXX XXXXX", "Z Z -00:00:30"),
            ("x xxx xxxx", "+00 +00:00 -000030"),
        ];
        assert_offsets(-30, &cases);
    }

    #[test]
    fn the_full_name_of_a_zone_is_refused_unless_it_is_utc() {
        let full_name = |zone| answer_in(zone, "date_format(TIMESTAMP'2024-01-01', '[zzzz]')");
        assert_eq!(full_name("UTC").unwrap(), "Coordinated Universal Time");
        assert_eq!(full_name("+01:00").unwrap(), "+01:00");
        let error = full_name("Europe/Berlin").unwrap_err().to_string();
        assert!(
            error.contains("zzzz") && error.contains("Europe/Berlin"),
            "{error}"
        );
        let quoted = answer_in("Europe/Berlin", "date_format(DATE'2024-01-01', \"'zzzz'\")");
        assert_eq!(quoted.unwrap(), "zzzz");
    }
}
