//! Patterns of dates and times, those of Java's `DateTimeFormatter` that Spark documents.
//!
//! | letter | meaning | forms |
//! | --- | --- | --- |
//! | `G` | era | `G` to `GGG` short, `GGGG` full name |
//! | `y` | year | `yy` two digits, else padded to the count |
//! | `M` `L` | month | `M` `MM` number, `MMM` `MMMM` name |
//! | `d` `D` | day of month, of year | number |
//! | `E` | day of week | `E` to `EEE` short, `EEEE` full name |
//! | `F` | day of a week that begins with the month, 1-7 | number |
//! | `Q` `q` | quarter | `Q` `QQ` number |
//! | `H` `k` `K` `h` | hour 0-23, 1-24, 0-11, 1-12 | number |
//! | `m` `s` | minute, second | number |
//! | `S` | fraction of a second | as many digits as letters |
//! | `a` | AM or PM | text |
//! | `V` `z` `O` `X` `x` `Z` | time zone: id, name, offset | |
//! | `'…'` `[` `]` | literal text; optional part | |
//!
//! Letters that Spark 3 and later refuse (`Y w W u e c A n N B p`) are refused here too, and `E F Q q` where a text is read by the function's
//! own pattern. Java's rules hold for what a number may look like: see [`Number`].

mod read;
mod write;

use crate::cast::zone::Zone;
use crate::error::{Error, Result};

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

/// How deep optional parts may be nested. A pattern may come from a row, and each level of it takes a part of the stack.
const OPTIONAL_DEPTH_MAX: usize = 100;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    items: Vec<Item>,
    /// Whether it names the era, so that its years are those of the era.
    has_era: bool,
    /// Whether it asks for the full name of the time zone.
    has_full_zone_name: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Text(String),
    Field { letter: char, count: usize },
    Optional(Vec<Item>),
}

/// How a number is written: Java's `appendValue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    width_min: usize,
    width_max: usize,
    sign: Sign,
}

/// Which signs a number may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus only.
    Normal,
    /// A plus too, if and only if it is longer than its least width.
    ExceedsPad,
    /// None.
    Never,
}

impl Number {
    /// How a field is written, if it is a number.
    fn of(letter: char, count: usize) -> Option<Number> {
        let number = |width_min, width_max, sign| {
            Some(Number {
                width_min,
                width_max,
                sign,
            })
        };
        match (letter, count) {
            ('M' | 'L' | 'Q' | 'q', 3..) => None,
            ('y', 2) => number(2, 2, Sign::Never),
            ('y', 1 | 3) => number(count, 19, Sign::Normal),
            ('y', _) => number(count, 19, Sign::ExceedsPad),
            ('D', 2..) => number(count, 3, Sign::Never),
            ('M' | 'L' | 'd' | 'D' | 'H' | 'k' | 'K' | 'h' | 'm' | 's' | 'Q' | 'q' | 'F', 1) => {
                number(1, 19, Sign::Normal)
            }
            ('M' | 'L' | 'd' | 'H' | 'k' | 'K' | 'h' | 'm' | 's' | 'Q' | 'q', _) => {
                number(count, count, Sign::Never)
            }
            _ => None,
        }
    }

    /// Whether it always has the same number of digits, so that a number can stand before it without anything between them.
    fn is_fixed(self) -> bool {
        self.width_min == self.width_max && self.sign == Sign::Never
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// `Invalid` with `INVALID_DATETIME_PATTERN` or `INCONSISTENT_BEHAVIOR_CROSS_VERSION`.
    pub(crate) fn new(pattern: &str) -> Result<Pattern> {
        Pattern::compiled(pattern, &[])
    }

    /// Compiles a pattern by which a function reads texts.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`], also for letters that say nothing certain about a date.
    pub(crate) fn to_read(pattern: &str) -> Result<Pattern> {
        Pattern::compiled(pattern, &['E', 'F', 'q', 'Q'])
    }

    fn compiled(pattern: &str, refused: &[char]) -> Result<Pattern> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut rest = letters.as_slice();
        let items = compile(&mut rest, 0)
            .filter(|_| !outside_quotes(pattern).any(|letter| refused.contains(&letter)))
            .ok_or_else(|| invalid(pattern, refused))?;
        Ok(Pattern {
            items,
            has_era: outside_quotes(pattern).any(|letter| letter == 'G'),
            has_full_zone_name: pattern
                .split('\'')
                .step_by(2)
                .any(|part| part.contains("zzzz")),
        })
    }

    /// Whether times of this zone can be written: full names are known of UTC and of plain offsets, which are their own.
    ///
    /// # Errors
    ///
    /// `Invalid`, for the full name of another zone.
    pub(crate) fn check_zone(&self, zone: &str) -> Result<()> {
        let is_known = matches!(zone, "UTC" | "Z") || zone.starts_with(['+', '-']);
        if self.has_full_zone_name && !is_known {
            return Err(Error::invalid(format!(
                "the full name of a time zone other than UTC (`zzzz`) is not supported: write `z`, `VV` or `OOOO` instead. zone=`{zone}`"
            )));
        }
        Ok(())
    }

    /// The text of a wall-clock time, in microseconds since 1970-01-01T00:00:00.
    pub(crate) fn format(&self, local: i64, zone: (Zone, &str), out: &mut String) {
        write::Moment::new(local, zone, self.has_era).write(&self.items, out);
    }

    /// The wall-clock time that a text shows, and its zone, if it names one. The whole text must fit.
    pub(crate) fn parse(&self, text: &str) -> Option<(i64, Option<Zone>)> {
        read::read(&self.items, self.has_era, text)
    }
}

/// The letters that are not in quotes.
fn outside_quotes(pattern: &str) -> impl Iterator<Item = char> {
    pattern.split('\'').step_by(2).flat_map(str::chars)
}

fn invalid(pattern: &str, refused: &[char]) -> Error {
    Error::invalid(format!(
        "not a date and time pattern, or one with letters that are not supported. pattern=`{pattern}`"
    ))
    .with_condition(condition_of(pattern, refused))
}

/// What Spark says of a pattern that its formatter does not take, which depends on whether the formatter before Spark 3 took it.
fn condition_of(pattern: &str, refused: &[char]) -> &'static str {
    if was_pattern(pattern) {
        return "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION";
    }
    for part in pattern.split('\'').step_by(2) {
        if part.contains(['Y', 'W', 'w', 'u', 'e', 'c']) {
            return "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN";
        }
        if part.contains(['A', 'B', 'n', 'N', 'p']) || part.contains(refused) {
            return "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER";
        }
        let is_long = |letter: &str, count| part.contains(&letter.repeat(count));
        if is_long("y", 7) || ["G", "M", "L", "E", "Q", "q"].iter().any(|l| is_long(l, 5)) {
            return "INVALID_DATETIME_PATTERN.LENGTH";
        }
    }
    "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"
}

/// Whether Java's `SimpleDateFormat` takes it: it knows other letters, and any count of them.
fn was_pattern(pattern: &str) -> bool {
    let is_known =
        |letter: char| !letter.is_ascii_alphabetic() || "GyMdkHmsSEDFwWahKzZYuXL".contains(letter);
    pattern.matches('\'').count().is_multiple_of(2)
        && outside_quotes(pattern).all(is_known)
        && !pattern
            .split('\'')
            .step_by(2)
            .any(|part| part.contains("XXXX"))
}

fn compile(rest: &mut &[char], depth: usize) -> Option<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    while let Some((letter, after)) = rest.split_first() {
        match letter {
            '[' if depth >= OPTIONAL_DEPTH_MAX => return None,
            '[' => {
                *rest = after;
                items.push(Item::Optional(compile(rest, depth + 1)?));
                // What is open at the end is closed there.
                *rest = rest.split_first().map_or(rest, |(_, after)| after);
            }
            '{' | '}' | '#' => return None,
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
    Some(items)
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
        assert_eq!(format("G yyyy F", MOMENT), "AD 2024 1");
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
            "yyyyMMdd HHmmssSSSSSS",
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
    fn numbers_are_as_long_as_java_wants_them() {
        let reads =
            |pattern: &str, text: &str| Pattern::new(pattern).unwrap().parse(text).is_some();
        assert!(reads("yyyyMMddHHmm", "202402291304"));
        assert!(reads("y-M-d", "12024-2-9"));
        assert!(reads("yyyy", "+12024") && reads("yyyy", "-2024"));
        assert!(!reads("yyyy", "12024") && !reads("yyyy", "24") && !reads("yyyy", "+2024"));
        assert!(reads("ss.SSS", "01.5") && !reads("ss.SSS", "01.5678"));
        // The year takes what it can, for a fraction has no fixed width.
        assert!(!reads("yyyyMMddHHmmssSSS", "20240229130405678"));
    }

    #[test]
    fn parts_that_say_the_same_must_agree() {
        let reads =
            |pattern: &str, text: &str| Pattern::new(pattern).unwrap().parse(text).is_some();
        assert!(reads("HH a", "13 PM") && !reads("HH a", "13 AM"));
        assert!(reads("yyyy-MM-dd DDD", "2021-02-03 034"));
        assert!(!reads("yyyy-MM-dd DDD", "2021-02-03 035"));
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
    fn optional_parts_are_nested_only_so_deep() {
        let nested = |depth: usize| Pattern::new(&format!("{}yyyy", "[".repeat(depth)));
        assert!(nested(OPTIONAL_DEPTH_MAX).is_ok());
        assert!(nested(OPTIONAL_DEPTH_MAX + 1).is_err());
        assert!(nested(1_000_000).is_err());
    }

    #[test]
    fn letters_that_spark_refuses_are_refused() {
        for pattern in ["YYYY", "u", "w", "yyyy-MM-dd'", "yyyy]", "ddd", "{y}"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
