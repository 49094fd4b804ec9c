//! Patterns of dates and times, those of Java's `DateTimeFormatter` that Spark documents.
//!
//! | letter | meaning | forms |
//! | --- | --- | --- |
//! | `y` `u` | year | `yy` two digits, else padded to the count |
//! | `M` `L` | month | `M` `MM` number, `MMM` `MMMM` name |
//! | `d` `D` | day of month, of year | number |
//! | `E` | day of week | `E` to `EEE` short, `EEEE` full name |
//! | `Q` `q` | quarter | `Q` `QQ` number |
//! | `H` `k` `K` `h` | hour 0-23, 1-24, 0-11, 1-12 | number |
//! | `m` `s` | minute, second | number |
//! | `S` | fraction of a second | as many digits as letters |
//! | `a` | AM or PM | text |
//! | `V` `z` `O` `X` `x` `Z` | time zone: id, name, offset | |
//! | `'…'` `[` `]` | literal text; optional part | |
//!
//! Letters that Spark 3 and later refuse (`Y w W e c A n N B p F G`) are refused here too.

use crate::cast::calendar::{civil_from_days, days_from_civil};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Text(String),
    Field { letter: char, count: usize },
    Optional(Vec<Item>),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// `Invalid` with `INVALID_DATETIME_PATTERN`.
    pub(crate) fn new(pattern: &str) -> Result<Pattern> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut rest = letters.as_slice();
        let items = compile(&mut rest, 0).ok_or_else(|| invalid(pattern))?;
        Ok(Pattern { items })
    }

    /// The text of a wall-clock time, in microseconds since 1970-01-01T00:00:00.
    pub(crate) fn format(&self, local: i64, zone: (Zone, &str), out: &mut String) {
        format_items(&self.items, local, zone, out);
    }

    /// The wall-clock time that a text shows, and its zone, if it names one. The whole text must fit.
    pub(crate) fn parse(&self, text: &str) -> Option<(i64, Option<Zone>)> {
        let mut found = Found::default();
        let rest = parse_items(&self.items, text, &mut found)?;
        if !rest.is_empty() {
            return None;
        }
        Some((found.local()?, found.zone))
    }
}

fn invalid(pattern: &str) -> Error {
    Error::invalid(format!(
        "not a date and time pattern, or one with letters that are not supported. pattern=`{pattern}`"
    ))
    .with_condition(condition_of(pattern))
}

/// What Spark calls the first letter that its formatter does not take: some were those of the formatter before.
fn condition_of(pattern: &str) -> &'static str {
    // Every second part stands in quotes.
    let mut letters = pattern.split('\'').step_by(2).flat_map(str::chars);
    letters
        .find_map(|letter| match letter {
            'A' | 'B' | 'n' | 'N' | 'p' => Some("INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"),
            'c' | 'e' => Some("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"),
            'Y' | 'w' | 'W' | 'u' => {
                Some("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION")
            }
            _ => None,
        })
        .unwrap_or("INVALID_DATETIME_PATTERN.WITH_SUGGESTION")
}

fn compile(rest: &mut &[char], depth: usize) -> Option<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    while let Some((letter, after)) = rest.split_first() {
        match letter {
            '[' => {
                *rest = after;
                items.push(Item::Optional(compile(rest, depth + 1)?));
                let (close, after) = rest.split_first()?;
                if *close != ']' {
                    return None;
                }
                *rest = after;
            }
            ']' => return (depth > 0).then_some(items),
            '\'' => push_text(&mut items, &quoted(rest)?),
            letter if letter.is_ascii_alphabetic() => {
                let count = rest.iter().take_while(|other| *other == letter).count();
                items.push(field(*letter, count)?);
                *rest = rest.get(count..)?;
            }
            letter => {
                push_text(&mut items, &letter.to_string());
                *rest = after;
            }
        }
    }
    (depth == 0 || items.is_empty()).then_some(items)
}

fn push_text(items: &mut Vec<Item>, text: &str) {
    match items.last_mut() {
        Some(Item::Text(last)) => last.push_str(text),
        _ => items.push(Item::Text(text.to_owned())),
    }
}

/// Text in quotes; two quotes in a row are one.
fn quoted(rest: &mut &[char]) -> Option<String> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        match (rest.get(at)?, rest.get(at + 1)) {
            ('\'', Some('\'')) => {
                text.push('\'');
                at += 2;
            }
            ('\'', _) => {
                *rest = rest.get(at + 1..)?;
                return Some(if text.is_empty() {
                    "'".to_owned()
                } else {
                    text
                });
            }
            (letter, _) => {
                text.push(*letter);
                at += 1;
            }
        }
    }
}

fn field(letter: char, count: usize) -> Option<Item> {
    let most = match letter {
        'y' => 6,
        'M' | 'L' | 'E' | 'O' | 'z' | 'G' | 'Q' | 'q' => 4,
        'd' | 'H' | 'k' | 'K' | 'h' | 'm' | 's' | 'V' => 2,
        'D' => 3,
        'S' => 9,
        'a' | 'F' => 1,
        'X' | 'x' | 'Z' => 5,
        _ => return None,
    };
    (count <= most && (letter != 'V' || count == 2) && (letter != 'O' || count % 3 == 1))
        .then_some(Item::Field { letter, count })
}

/// Parts of a wall-clock time.
struct Clock {
    days: i64,
    of_day: i64,
}

impl Clock {
    fn hour(&self) -> i64 {
        self.of_day / 3_600_000_000
    }
}

fn format_items(items: &[Item], local: i64, zone: (Zone, &str), out: &mut String) {
    for item in items {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Optional(items) => format_items(items, local, zone, out),
            Item::Field { letter, count } => format_field(*letter, *count, local, zone, out),
        }
    }
}

fn format_field(letter: char, count: usize, local: i64, zone: (Zone, &str), out: &mut String) {
    let clock = Clock {
        days: local.div_euclid(MICROS_PER_DAY),
        of_day: local.rem_euclid(MICROS_PER_DAY),
    };
    let date = civil_from_days(clock.days);
    let hour = clock.hour();
    let number = match letter {
        'y' if count == 2 => date.year.rem_euclid(100),
        // The year of the era: the year before the first is the first before Christ.
        'y' if date.year < 1 => 1 - date.year,
        'y' => date.year,
        'G' => return out.push_str(era(date.year, count)),
        // The day of a week that begins with the month.
        'F' => i64::from((date.day - 1) % 7 + 1),
        'Q' | 'q' if count > 2 => {
            let quarter = (date.month - 1) / 3 + 1;
            let ending = ["st", "nd", "rd", "th"]
                .get(usize::from(quarter) - 1)
                .copied()
                .unwrap_or_default();
            out.push_str(&match count {
                3 => format!("Q{quarter}"),
                _ => format!("{quarter}{ending} quarter"),
            });
            return;
        }
        'M' | 'L' if count > 2 => return name(&MONTHS, usize::from(date.month) - 1, count, out),
        'M' | 'L' => i64::from(date.month),
        'd' => i64::from(date.day),
        'D' => clock.days - days_from_civil(date.year, 1, 1).unwrap_or(clock.days) + 1,
        'E' => {
            let day = usize::try_from((clock.days + 3).rem_euclid(7)).unwrap_or(0);
            return name(&DAYS, day, count.max(3), out);
        }
        'Q' | 'q' => i64::from((date.month - 1) / 3 + 1),
        'H' => hour,
        'k' => {
            if hour == 0 {
                24
            } else {
                hour
            }
        }
        'K' => hour % 12,
        'h' => {
            if hour % 12 == 0 {
                12
            } else {
                hour % 12
            }
        }
        'm' => clock.of_day / 60_000_000 % 60,
        's' => clock.of_day / 1_000_000 % 60,
        'S' => {
            let digits = format!("{:06}000", clock.of_day % 1_000_000);
            out.push_str(digits.get(..count).unwrap_or(&digits));
            return;
        }
        'a' => {
            out.push_str(if hour < 12 { "AM" } else { "PM" });
            return;
        }
        _ => return format_zone(letter, count, local, zone, out),
    };
    let sign = if number < 0 { "-" } else { "" };
    write_padded(sign, number.unsigned_abs(), count, out);
}

fn era(year: i64, count: usize) -> &'static str {
    match (year > 0, count) {
        (true, 4) => "Anno Domini",
        (true, _) => "AD",
        (false, 4) => "Before Christ",
        (false, _) => "BC",
    }
}

fn write_padded(sign: &str, number: u64, count: usize, out: &mut String) {
    out.push_str(sign);
    // Writing to a string cannot fail.
    let _ignored: std::fmt::Result = write!(out, "{number:0count$}");
}

fn name(names: &[&str], index: usize, count: usize, out: &mut String) {
    let full = names.get(index).copied().unwrap_or_default();
    out.push_str(if count > 3 {
        full
    } else {
        full.get(..3).unwrap_or(full)
    });
}

fn format_zone(letter: char, count: usize, local: i64, zone: (Zone, &str), out: &mut String) {
    let (zone, id) = zone;
    let utc = zone.to_utc(local).unwrap_or(local);
    let seconds = zone.offset_micros(utc) / 1_000_000;
    let (sign, absolute) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let (hours, minutes) = (absolute / 3_600, absolute / 60 % 60);
    let text = match (letter, count) {
        ('V', _) => id.to_owned(),
        ('z', _) => zone_name(zone, id, utc),
        ('O', _) | ('Z', 4) if seconds == 0 => "GMT".to_owned(),
        ('O', 1) if minutes == 0 => format!("GMT{sign}{hours}"),
        ('O', 1) => format!("GMT{sign}{hours}:{minutes:02}"),
        ('O', _) | ('Z', 4) => format!("GMT{sign}{hours:02}:{minutes:02}"),
        ('X', _) | ('Z', 5) if seconds == 0 => "Z".to_owned(),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('X' | 'x', 1 | 2 | 4) | ('Z', 1..=3) => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    };
    out.push_str(&text);
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

/// What a text has said so far.
#[derive(Debug, Default, Clone)]
struct Found {
    year: Option<i64>,
    /// Whether the year is one before Christ.
    is_before: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    hour_of_half: Option<i64>,
    is_afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    micros: Option<i64>,
    zone: Option<Zone>,
}

impl Found {
    fn local(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let year = if self.is_before { 1 - year } else { year };
        let days = if let Some(day) = self.day_of_year {
            days_from_civil(year, 1, 1)? + day - 1
        } else {
            let month = u8::try_from(self.month.unwrap_or(1)).ok()?;
            days_from_civil(year, month, u8::try_from(self.day.unwrap_or(1)).ok()?)?
        };
        let half = if self.is_afternoon == Some(true) {
            12
        } else {
            0
        };
        let hour = self
            .hour
            .or_else(|| Some(self.hour_of_half? % 12 + half))
            .unwrap_or(0);
        let (minute, second) = (self.minute.unwrap_or(0), self.second.unwrap_or(0));
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
            return None;
        }
        let seconds = hour * 3_600 + minute * 60 + second;
        days.checked_mul(MICROS_PER_DAY)?
            .checked_add(seconds * 1_000_000 + self.micros.unwrap_or(0))
    }

    fn set(&mut self, letter: char, count: usize, value: i64) -> Option<()> {
        let place = match letter {
            'y' => &mut self.year,
            'M' | 'L' => &mut self.month,
            'd' => &mut self.day,
            'D' => &mut self.day_of_year,
            'H' => &mut self.hour,
            'k' => {
                self.hour = Some(value % 24);
                return (1..=24).contains(&value).then_some(());
            }
            'K' => &mut self.hour_of_half,
            'h' => {
                self.hour_of_half = Some(value);
                return (1..=12).contains(&value).then_some(());
            }
            'm' => &mut self.minute,
            's' => &mut self.second,
            _ => return None,
        };
        *place = Some(if letter == 'y' && count == 2 {
            2_000 + value
        } else {
            value
        });
        Some(())
    }
}

fn parse_items<'a>(items: &[Item], mut text: &'a str, found: &mut Found) -> Option<&'a str> {
    for (number, item) in items.iter().enumerate() {
        text = match item {
            Item::Text(wanted) => {
                let (found, rest) = text.split_at_checked(wanted.len())?;
                found.eq_ignore_ascii_case(wanted).then_some(rest)?
            }
            Item::Optional(items) => {
                let mut tried = found.clone();
                match parse_items(items, text, &mut tried) {
                    Some(rest) => {
                        *found = tried;
                        rest
                    }
                    None => text,
                }
            }
            Item::Field { letter, count } => {
                let is_adjacent = items.get(number + 1).is_some_and(is_number);
                parse_field(*letter, *count, is_adjacent, text, found)?
            }
        };
    }
    Some(text)
}

fn is_number(item: &Item) -> bool {
    match item {
        Item::Field { letter, count } => match letter {
            'M' | 'L' => *count < 3,
            letter => "ydDHkKhmsSQq".contains(*letter),
        },
        Item::Text(_) | Item::Optional(_) => false,
    }
}

fn parse_field<'a>(
    letter: char,
    count: usize,
    is_adjacent: bool,
    text: &'a str,
    found: &mut Found,
) -> Option<&'a str> {
    match letter {
        'M' | 'L' if count > 2 => {
            let (index, rest) = parse_name(&MONTHS, count, text)?;
            found.month = Some(index + 1);
            Some(rest)
        }
        'E' => Some(parse_name(&DAYS, count.max(3), text)?.1),
        'a' => {
            let half = text.get(..2)?;
            found.is_afternoon = Some(half.eq_ignore_ascii_case("pm"));
            (half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm"))
                .then(|| text.get(2..))?
        }
        'G' => {
            let names = [era(1, count), era(0, count)];
            let (place, rest) = parse_name_of(names, text)?;
            found.is_before = place == 1;
            Some(rest)
        }
        'S' => {
            let digits = text
                .get(..count)
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            let micros: String = digits.chars().chain("000000".chars()).take(6).collect();
            found.micros = Some(micros.parse().ok()?);
            text.get(count..)
        }
        'V' | 'z' | 'O' | 'X' | 'x' | 'Z' => {
            let end = text.find([' ', ']', ')']).unwrap_or(text.len());
            found.zone = Some(Zone::find(text.get(..end)?)?);
            text.get(end..)
        }
        _ => {
            let (value, rest) = parse_number(letter, count, is_adjacent, text)?;
            found.set(letter, count, value)?;
            Some(rest)
        }
    }
}

/// One letter takes as many digits as there are, several take just so many; a year of four letters or more takes at least those, unless
/// another number follows at once.
fn parse_number(letter: char, count: usize, is_adjacent: bool, text: &str) -> Option<(i64, &str)> {
    let is_year = letter == 'y' && count != 2;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) if is_year => (-1, rest),
        _ => (1, text),
    };
    let available = digits.bytes().take_while(u8::is_ascii_digit).count();
    let takes = match (count, is_adjacent) {
        (1, false) => available,
        (count, false) if is_year => available.max(count),
        (count, _) => count,
    };
    if takes == 0 || available < takes {
        return None;
    }
    let value: i64 = digits.get(..takes)?.parse().ok()?;
    Some((sign * value, digits.get(takes..)?))
}

/// One of the names, by its first three letters if the pattern has three.
fn parse_name<'a>(names: &[&str], count: usize, text: &'a str) -> Option<(i64, &'a str)> {
    let names = names.iter().map(|name| match count {
        0..=3 => name.get(..3).unwrap_or(name),
        _ => name,
    });
    parse_name_of(names, text)
}

/// The first of the names, in capitals or not, that the text begins with: its number, and the text behind it.
fn parse_name_of<'a, 'n>(
    names: impl IntoIterator<Item = &'n str>,
    text: &'a str,
) -> Option<(i64, &'a str)> {
    (0_i64..).zip(names).find_map(|(index, name)| {
        let (found, rest) = text.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(pattern: &str, local: i64) -> String {
        let mut out = String::new();
        Pattern::new(pattern)
            .unwrap()
            .format(local, (Zone::UTC, "UTC"), &mut out);
        out
    }

    /// 2024-02-29T13:04:05.678901
    const MOMENT: i64 = 1_709_211_845_678_901;

    #[test]
    fn letters_give_what_javas_formatter_gives() {
        assert_eq!(
            format("yyyy-MM-dd'T'HH:mm:ss.SSSSSS", MOMENT),
            "2024-02-29T13:04:05.678901"
        );
        assert_eq!(
            format("EEE, d MMM yy h:m a Q D", MOMENT),
            "Thu, 29 Feb 24 1:4 PM 1 60"
        );
        assert_eq!(
            format("EEEE MMMM XXX Z O VV", MOMENT),
            "Thursday February Z +0000 GMT UTC"
        );
    }

    #[test]
    fn a_text_is_read_back_by_the_pattern_that_wrote_it() {
        for pattern in [
            "yyyy-MM-dd HH:mm:ss.SSSSSS",
            "yyyyMMddHHmmssSSSSSS",
            "d MMM yyyy hh:mm:ss.SSSSSS a",
        ] {
            let text = format(pattern, MOMENT);
            assert_eq!(
                Pattern::new(pattern).unwrap().parse(&text),
                Some((MOMENT, None)),
                "{pattern}"
            );
        }
    }

    #[test]
    fn optional_parts_may_be_missing() {
        let pattern = Pattern::new("yyyy-MM-dd[ HH:mm]").unwrap();
        assert!(pattern.parse("2024-02-29").is_some());
        assert!(pattern.parse("2024-02-29 13:04").is_some());
        assert!(pattern.parse("2024-02-29 13").is_none());
        assert!(pattern.parse("2024-02-30").is_none());
    }

    #[test]
    fn letters_that_spark_refuses_are_refused() {
        for pattern in ["YYYY", "w", "yyyy-MM-dd'", "[yyyy", "ddd"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
