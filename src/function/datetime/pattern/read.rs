//! A text read by a pattern, as Java's strict formatter reads it, and the moment that its parts make.
//!
//! 1. Item by item: text and names without regard to capitals, numbers as [`Number`] says. Numbers of a fixed width that follow another
//!    without anything between them leave it their digits only.
//! 2. What was said becomes a date and a time of day. Parts that are missing are those of 1970-01-01T00:00:00; parts that say the same
//!    thing twice must agree.

use super::write::era;
use super::{DAYS, Item, MONTHS, Number, Sign};
use crate::cast::calendar::{civil_from_days, days_from_civil};
use crate::cast::zone::{MICROS_PER_DAY, Zone};

/// The wall-clock time that a whole text shows, and its zone, if it names one.
pub(super) fn read(items: &[Item], has_era: bool, text: &str) -> Option<(i64, Option<Zone>)> {
    let mut found = Found::default();
    let rest = read_items(items, text, &mut found)?;
    if !rest.is_empty() {
        return None;
    }
    Some((found.local(has_era)?, found.zone))
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
    /// From 0 to 11.
    hour_of_half: Option<i64>,
    is_afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    micros: Option<i64>,
    zone: Option<Zone>,
}

impl Found {
    fn local(&self, has_era: bool) -> Option<i64> {
        let time = self.time()?;
        let days = self.days(has_era)?;
        days.checked_mul(MICROS_PER_DAY)?.checked_add(time)
    }

    fn days(&self, has_era: bool) -> Option<i64> {
        let year = match self.year {
            Some(year) if has_era && year < 1 => return None,
            Some(year) if self.is_before => 1 - year,
            Some(year) => year,
            None => 1970,
        };
        let first = days_from_civil(year, 1, 1)?;
        let of_year = self.day_of_year.map(|day| first + day - 1);
        let days = match of_year {
            Some(days) if self.month.is_none() || self.day.is_none() => days,
            _ => {
                let month = u8::try_from(self.month.unwrap_or(1)).ok()?;
                days_from_civil(year, month, u8::try_from(self.day.unwrap_or(1)).ok()?)?
            }
        };
        let date = civil_from_days(days);
        let agrees = date.year == year
            && of_year.is_none_or(|of_year| of_year == days)
            && self
                .month
                .is_none_or(|month| month == i64::from(date.month))
            && self.day.is_none_or(|day| day == i64::from(date.day));
        agrees.then_some(days)
    }

    /// Microseconds of the day.
    fn time(&self) -> Option<i64> {
        let afternoon = |hour: i64| {
            hour + if self.is_afternoon == Some(true) {
                12
            } else {
                0
            }
        };
        let hour = match (self.hour, self.hour_of_half) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => afternoon(hour),
            (None, None) => afternoon(0),
        };
        let agrees = self
            .is_afternoon
            .is_none_or(|is_afternoon| is_afternoon == (hour >= 12))
            && self.hour_of_half.is_none_or(|half| half == hour % 12);
        let seconds = hour * 3_600 + self.minute.unwrap_or(0) * 60 + self.second.unwrap_or(0);
        agrees.then_some(seconds * 1_000_000 + self.micros.unwrap_or(0))
    }

    fn set(&mut self, letter: char, count: usize, value: i64) -> Option<()> {
        let (place, least, most, value) = match letter {
            'y' if count == 2 => (&mut self.year, 2_000, 2_099, 2_000 + value),
            'y' => (&mut self.year, -999_999_999, 999_999_999, value),
            'M' | 'L' => (&mut self.month, 1, 12, value),
            'd' => (&mut self.day, 1, 31, value),
            'D' => (&mut self.day_of_year, 1, 366, value),
            'H' => (&mut self.hour, 0, 23, value),
            'k' if value == 24 => (&mut self.hour, 0, 23, 0),
            'k' => (&mut self.hour, 1, 23, value),
            'K' => (&mut self.hour_of_half, 0, 11, value),
            'h' if value == 12 => (&mut self.hour_of_half, 0, 11, 0),
            'h' => (&mut self.hour_of_half, 1, 11, value),
            'm' => (&mut self.minute, 0, 59, value),
            's' => (&mut self.second, 0, 59, value),
            _ => return None,
        };
        if place.is_some_and(|before| before != value) {
            return None;
        }
        *place = Some(value);
        (least..=most).contains(&value).then_some(())
    }
}

fn read_items<'a>(items: &[Item], mut text: &'a str, found: &mut Found) -> Option<&'a str> {
    let mut rest = items;
    while let Some((item, behind)) = rest.split_first() {
        text = match item {
            Item::Text(wanted) => {
                let (found, after) = text.split_at_checked(wanted.len())?;
                found.eq_ignore_ascii_case(wanted).then_some(after)?
            }
            Item::Optional(items) => {
                let mut tried = found.clone();
                match read_items(items, text, &mut tried) {
                    Some(after) => {
                        *found = tried;
                        after
                    }
                    None => text,
                }
            }
            Item::Field { letter, count } => match Number::of(*letter, *count) {
                Some(number) => {
                    let (value, after) = number.read(text, width_behind(behind))?;
                    found.set(*letter, *count, value)?;
                    after
                }
                None => read_field(*letter, *count, text, found)?,
            },
        };
        rest = behind;
    }
    Some(text)
}

/// How many digits the numbers of a fixed width take that follow at once.
fn width_behind(items: &[Item]) -> usize {
    let width = |item: &Item| match item {
        Item::Field { letter, count } => Number::of(*letter, *count)
            .filter(|number| number.is_fixed())
            .map(|number| number.width_max),
        Item::Text(_) | Item::Optional(_) => None,
    };
    items.iter().map_while(width).sum()
}

impl Number {
    /// Its value, and the text behind it.
    fn read(self, text: &str, width_behind: usize) -> Option<(i64, &str)> {
        let behind = if self.is_fixed() { 0 } else { width_behind };
        let (sign, digits) = match (text.as_bytes().first(), self.sign) {
            (Some(b'-'), Sign::Normal | Sign::ExceedsPad) => (Some(-1), text.get(1..)?),
            (Some(b'+'), Sign::ExceedsPad) => (Some(1), text.get(1..)?),
            _ => (None, text),
        };
        let available = digits
            .bytes()
            .take(self.width_max + behind)
            .take_while(u8::is_ascii_digit)
            .count();
        if available < self.width_min {
            return None;
        }
        let takes = self.width_min.max(available.saturating_sub(behind));
        let is_long = takes > self.width_min;
        let fits = match (sign, self.sign) {
            (Some(1), _) => is_long,
            (None, Sign::ExceedsPad) => !is_long,
            _ => true,
        };
        let value: i64 = digits.get(..takes)?.parse().ok()?;
        let is_minus_zero = sign == Some(-1) && value == 0;
        (fits && !is_minus_zero).then_some((sign.unwrap_or(1) * value, digits.get(takes..)?))
    }
}

fn read_field<'a>(letter: char, count: usize, text: &'a str, found: &mut Found) -> Option<&'a str> {
    match letter {
        'M' | 'L' => {
            let (index, rest) = read_name(&MONTHS, count, text)?;
            found.month = Some(index + 1);
            Some(rest)
        }
        'E' => Some(read_name(&DAYS, count, text)?.1),
        'a' => {
            let (half, rest) = read_name_of(["AM", "PM"], text)?;
            found.is_afternoon = Some(half == 1);
            Some(rest)
        }
        'G' => {
            let (place, rest) = read_name_of([era(1, count), era(0, count)], text)?;
            found.is_before = place == 1;
            Some(rest)
        }
        'S' => {
            // From one digit to as many as there are letters.
            let digits = text.bytes().take(count).take_while(u8::is_ascii_digit);
            let (digits, rest) = text.split_at(digits.count());
            let micros: String = digits.chars().chain("000000".chars()).take(6).collect();
            found.micros = Some(micros.parse().ok()?);
            (!digits.is_empty()).then_some(rest)
        }
        _ => {
            let (zone, rest) = read_zone(letter, count, text)?;
            found.zone = Some(zone);
            Some(rest)
        }
    }
}

fn read_zone(letter: char, count: usize, text: &str) -> Option<(Zone, &str)> {
    match (letter, count) {
        ('X', _) | ('Z', 5) if text.starts_with(['Z', 'z']) => {
            return Some((Zone::UTC, text.get(1..)?));
        }
        ('X' | 'x' | 'Z', _) if (letter, count) != ('Z', 4) => {
            let form = match (letter, count) {
                ('X' | 'x' | 'Z', 5) => Offset {
                    colon: true,
                    can_be_short: false,
                    seconds: true,
                },
                ('X' | 'x', 3) => Offset {
                    colon: true,
                    can_be_short: false,
                    seconds: false,
                },
                ('X' | 'x', 1) => Offset {
                    colon: false,
                    can_be_short: true,
                    seconds: false,
                },
                ('X' | 'x', 4) => Offset {
                    colon: false,
                    can_be_short: false,
                    seconds: true,
                },
                _ => Offset {
                    colon: false,
                    can_be_short: false,
                    seconds: false,
                },
            };
            let (seconds, rest) = form.read(text)?;
            return Some((Zone::Fixed(seconds), rest));
        }
        _ => {}
    }
    let end = text.find([' ', ']', ')']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let zone = match (letter, name) {
        ('z', name) => SEASONAL
            .iter()
            .find(|(short, _)| *short == name)
            .map(|(_, id)| *id),
        _ => None,
    };
    Some((Zone::find(zone.unwrap_or(name))?, rest))
}

/// Short names of zones that name their season too, and no zone of their own.
const SEASONAL: &[(&str, &str)] = &[
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Paris"),
    ("EDT", "America/New_York"),
    ("EST", "America/New_York"),
    ("MDT", "America/Denver"),
    ("MST", "America/Denver"),
    ("PDT", "America/Los_Angeles"),
];

/// How an offset is written.
struct Offset {
    colon: bool,
    /// Whether the minutes may be missing.
    can_be_short: bool,
    /// Whether seconds may follow.
    seconds: bool,
}

impl Offset {
    /// Seconds, and the text behind them.
    fn read<'a>(&self, text: &'a str) -> Option<(i64, &'a str)> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = two_digits(text.get(1..)?)?;
        let mut seconds = hours * 3_600;
        match self.next(rest) {
            Some((minutes, after)) => {
                seconds += minutes * 60;
                rest = after;
            }
            None if self.can_be_short => return Some((sign * seconds, rest)),
            None => return None,
        }
        if self.seconds
            && let Some((more, after)) = self.next(rest)
        {
            seconds += more;
            rest = after;
        }
        (seconds <= 18 * 3_600).then_some((sign * seconds, rest))
    }

    /// The next two digits, with a colon before them if there must be one.
    fn next<'a>(&self, text: &'a str) -> Option<(i64, &'a str)> {
        let text = if self.colon {
            text.strip_prefix(':')?
        } else {
            text
        };
        two_digits(text).filter(|(number, _)| *number < 60)
    }
}

fn two_digits(text: &str) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| is_number)?, rest))
}

/// One of the names, by its first three letters if the pattern has three.
fn read_name<'a>(names: &[&str], count: usize, text: &'a str) -> Option<(i64, &'a str)> {
    let names = names.iter().map(|name| match count {
        0..=3 => name.get(..3).unwrap_or(name),
        _ => name,
    });
    read_name_of(names, text)
}

/// The first of the names, in capitals or not, that the text begins with: its number, and the text behind it.
fn read_name_of<'a, 'n>(
    names: impl IntoIterator<Item = &'n str>,
    text: &'a str,
) -> Option<(i64, &'a str)> {
    (0_i64..).zip(names).find_map(|(index, name)| {
        let (found, rest) = text.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}
