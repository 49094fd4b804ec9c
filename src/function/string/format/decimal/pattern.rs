//! Patterns of numbers, those of Java's `DecimalFormat`: `#,##0.00;(#,##0.00)`, `0.###E0`, `0.0%`.
//!
//! 1. A pattern is a prefix, digits and a suffix, and after `;` the prefix and suffix of negative numbers.
//! 2. A number is its decimal digits ([`Digits`]), rounded half to even to the places of the pattern, or to as many significant digits where
//!    it has an exponent.

use crate::error::{Error, Result};

/// A compiled pattern.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    /// Prefix and suffix.
    positive: (String, String),
    negative: (String, String),
    whole_min: usize,
    /// Where there is an exponent: the most digits before the point.
    whole_max: usize,
    places_min: usize,
    places_max: usize,
    /// Digits between commas; 0 for no commas.
    group: usize,
    /// Powers of ten that the number is multiplied by: 2 for `%`.
    shift: u32,
    has_point: bool,
    /// The least digits of the exponent.
    exponent: Option<usize>,
}

fn malformed(pattern: &str) -> Error {
    Error::data(format!(
        "the pattern of `format_number` is malformed. pattern=`{pattern}`"
    ))
}

/// What the digits of a pattern say.
#[derive(Debug, Default)]
struct Shape {
    hashes_before: usize,
    zeros: usize,
    hashes_after: usize,
    group: Option<usize>,
    point: Option<usize>,
    exponent: Option<usize>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// `Data`, if it is none.
    pub(super) fn new(text: &str) -> Result<Pattern> {
        // Spark's own, where none is given.
        let text = if text.is_empty() {
            "#,###,###,###,###,###,##0"
        } else {
            text
        };
        Pattern::read(text).ok_or_else(|| malformed(text))
    }

    fn read(text: &str) -> Option<Pattern> {
        let mut letters: &[char] = &text.chars().collect::<Vec<_>>();
        let mut shift = 0;
        let prefix = affix(&mut letters, &mut shift)?;
        let shape = Shape::read(&mut letters)?;
        let suffix = last_affix(&mut letters, &mut shift)?;
        let mut pattern = shape.pattern()?;
        pattern.shift = shift;
        pattern.positive = (prefix, suffix);
        pattern.negative = pattern.positive.clone();
        if let Some((';', rest)) = letters.split_first() {
            letters = rest;
            let mut ignored = 0;
            let prefix = affix(&mut letters, &mut ignored)?;
            let digits = letters.iter().take_while(|c| "#0,.E".contains(**c)).count();
            letters = letters.get(digits..)?;
            let suffix = last_affix(&mut letters, &mut ignored)?;
            if !letters.is_empty() {
                return None;
            }
            pattern.negative = (prefix, suffix);
        }
        if pattern.negative == pattern.positive {
            pattern.negative.0.insert(0, '-');
        }
        Some(pattern)
    }

    /// Appends a number that is no finite one.
    pub(super) fn write_other(&self, value: f64, out: &mut String) {
        if value.is_nan() {
            out.push_str("NaN");
            return;
        }
        let (prefix, suffix) = self.affixes(value < 0.0);
        out.push_str(prefix);
        out.push('∞');
        out.push_str(suffix);
    }

    fn affixes(&self, is_negative: bool) -> &(String, String) {
        if is_negative {
            &self.negative
        } else {
            &self.positive
        }
    }

    /// How far the point moves right before a number is written.
    pub(super) fn shift(&self) -> u32 {
        self.shift
    }

    /// What a number is rounded to: places behind the point, or significant digits.
    pub(super) fn rounding(&self) -> Rounding {
        match self.exponent {
            Some(_) => Rounding::Digits(self.whole_max + self.places_max),
            None => Rounding::Places(self.places_max),
        }
    }

    /// Appends a number that has been rounded.
    pub(super) fn write(&self, number: &Digits, out: &mut String) {
        let (prefix, suffix) = self.affixes(number.is_negative);
        out.push_str(prefix);
        match self.exponent {
            Some(least) => self.write_scientific(number, least, out),
            None => self.write_plain(number, out),
        }
        out.push_str(suffix);
    }

    fn write_plain(&self, number: &Digits, out: &mut String) {
        let whole = usize::try_from(number.point).unwrap_or(0);
        let digit = |place: i64| number.at(place);
        let wide = whole.max(self.whole_min);
        for left in (0..wide).rev() {
            let place = i64::try_from(left).unwrap_or(i64::MAX);
            out.push(digit(number.point - 1 - place));
            if self.group > 0 && left > 0 && left % self.group == 0 {
                out.push(',');
            }
        }
        let given = i64::try_from(number.kept.len()).unwrap_or(i64::MAX) - number.point;
        let given = if number.kept.is_empty() {
            0
        } else {
            usize::try_from(given).unwrap_or(0)
        };
        let places = given.clamp(self.places_min, self.places_max);
        if places == 0 && wide == 0 {
            out.push('0');
        }
        if places > 0 || self.has_point {
            out.push('.');
        }
        for place in 0..places {
            out.push(digit(
                number.point + i64::try_from(place).unwrap_or(i64::MAX),
            ));
        }
    }

    fn write_scientific(&self, number: &Digits, least: usize, out: &mut String) {
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let repeats = self.whole_max > 1 && self.whole_max > self.whole_min;
        let repeat = signed(self.whole_max);
        let (mut exponent, whole_min) = if repeats {
            let steps = if number.point >= 1 {
                (number.point - 1) / repeat
            } else {
                (number.point - repeat) / repeat
            };
            (steps * repeat, 1)
        } else {
            (number.point - signed(self.whole_min), self.whole_min)
        };
        let is_zero = number.kept.is_empty();
        let whole = if is_zero {
            whole_min
        } else {
            usize::try_from(number.point - exponent).unwrap_or(0)
        };
        if is_zero {
            exponent = 0;
        }
        let all = (self.whole_min + self.places_min)
            .max(whole)
            .max(number.kept.len());
        for place in 0..all {
            if place == whole {
                out.push('.');
            }
            out.push(number.at(signed(place)));
        }
        if self.has_point && all == whole {
            out.push('.');
        }
        out.push('E');
        if exponent < 0 {
            out.push('-');
        }
        let digits = exponent.unsigned_abs().to_string();
        // Not the width of a format, which has a largest one.
        out.extend(std::iter::repeat_n('0', least.saturating_sub(digits.len())));
        out.push_str(&digits);
    }
}

/// The suffix, which nothing but `;` may end.
fn last_affix(letters: &mut &[char], shift: &mut u32) -> Option<String> {
    let suffix = affix(letters, shift)?;
    matches!(letters.first(), None | Some(';')).then_some(suffix)
}

/// Text up to the next digit of a pattern, or to `;`.
fn affix(letters: &mut &[char], shift: &mut u32) -> Option<String> {
    let mut text = String::new();
    let mut is_quoted = false;
    while let Some((letter, rest)) = letters.split_first() {
        match letter {
            '\'' if rest.first() == Some(&'\'') => {
                text.push('\'');
                *letters = rest.get(1..)?;
                continue;
            }
            '\'' => is_quoted = !is_quoted,
            letter if is_quoted => text.push(*letter),
            '#' | '0' | ',' | '.' | ';' => break,
            // The sign of the currency; two of them are its name.
            '¤' if rest.first() == Some(&'¤') => return None,
            '¤' => text.push('$'),
            '%' | '‰' => {
                if *shift != 0 {
                    return None;
                }
                *shift = if *letter == '%' { 2 } else { 3 };
                text.push(*letter);
            }
            letter => text.push(*letter),
        }
        *letters = rest;
    }
    (!is_quoted).then_some(text)
}

impl Shape {
    fn read(letters: &mut &[char]) -> Option<Shape> {
        let mut shape = Shape::default();
        while let Some((letter, rest)) = letters.split_first() {
            match letter {
                '#' | '0' => {
                    match (letter, shape.zeros, shape.hashes_after) {
                        ('#', 0, _) => shape.hashes_before += 1,
                        ('#', _, _) => shape.hashes_after += 1,
                        (_, _, 0) => shape.zeros += 1,
                        _ => return None,
                    }
                    if shape.point.is_none() {
                        shape.group = shape.group.map(|group| group + 1);
                    }
                }
                ',' => shape.group = Some(0),
                '.' if shape.point.is_some() => return None,
                '.' => shape.point = Some(shape.total()),
                'E' => {
                    let zeros = rest.iter().take_while(|letter| **letter == '0').count();
                    if shape.hashes_before + shape.zeros == 0 || zeros == 0 {
                        return None;
                    }
                    shape.exponent = Some(zeros);
                    *letters = rest.get(zeros..)?;
                    break;
                }
                _ => break,
            }
            *letters = rest;
        }
        Some(shape)
    }

    fn total(&self) -> usize {
        self.hashes_before + self.zeros + self.hashes_after
    }

    fn pattern(mut self) -> Option<Pattern> {
        if let (0, 1.., Some(point)) = (self.zeros, self.hashes_before, self.point) {
            // `#.##` has a digit before the point, and `.##` one behind it.
            let whole = point.max(1);
            self.hashes_after = self.hashes_before - whole;
            self.hashes_before = whole - 1;
            self.zeros = 1;
        }
        let zeros_end = self.hashes_before + self.zeros;
        let fits = match self.point {
            Some(point) => (self.hashes_before..=zeros_end).contains(&point),
            None => self.hashes_after == 0,
        };
        if !fits || self.group == Some(0) {
            return None;
        }
        let point = self.point.unwrap_or(self.total());
        let whole_min = point - self.hashes_before;
        let (places_min, places_max) = match self.point {
            Some(point) => (zeros_end - point, self.total() - point),
            None => (0, 0),
        };
        Some(Pattern {
            whole_min,
            whole_max: self.hashes_before + whole_min,
            places_min,
            places_max,
            group: self.group.unwrap_or(0),
            has_point: self
                .point
                .is_some_and(|point| point == 0 || point == self.total()),
            exponent: self.exponent,
            ..Pattern::default()
        })
    }
}

/// What a number is rounded to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rounding {
    /// So many places behind the point.
    Places(usize),
    /// So many significant digits; 0 for all.
    Digits(usize),
}

/// The decimal digits of a number, without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) is_negative: bool,
    /// `'0'` to `'9'`; none for zero.
    kept: Vec<u8>,
    /// Before which digit the point stands.
    point: i64,
}

impl Digits {
    /// Of a text such as `-12.50` or `1.5e-7`.
    pub(super) fn of(text: &str) -> Digits {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = all.iter().take_while(|digit| **digit == b'0').count();
        let mut digits = all.get(zeros..).unwrap_or_default().to_vec();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let signed = |count: usize| i64::try_from(count).unwrap_or(0);
        let point = signed(whole.len()) - signed(zeros) + exponent.parse::<i64>().unwrap_or(0);
        Digits {
            is_negative,
            point: if digits.is_empty() { 0 } else { point },
            kept: digits,
        }
    }

    /// The digit at a place, 0 beyond its ends.
    fn at(&self, place: i64) -> char {
        let digit = usize::try_from(place)
            .ok()
            .and_then(|place| self.kept.get(place));
        digit.map_or('0', |digit| char::from(*digit))
    }

    /// Moves the point to the right.
    pub(super) fn shifted(mut self, places: u32) -> Digits {
        if !self.kept.is_empty() {
            self.point += i64::from(places);
        }
        self
    }

    /// Rounded half to even.
    pub(super) fn rounded(self, rounding: Rounding) -> Digits {
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let keeps = match rounding {
            Rounding::Digits(0) => return self,
            Rounding::Digits(count) => signed(count),
            Rounding::Places(places) => self.point.saturating_add(signed(places)),
        };
        let Ok(keeps) = usize::try_from(keeps) else {
            return self.with(Vec::new());
        };
        if keeps >= self.kept.len() {
            return self;
        }
        let (kept, rest) = self.kept.split_at(keeps);
        let is_odd = kept.last().is_some_and(|digit| digit % 2 == 1);
        // There are no zeros at the end, so that a half is a 5 alone.
        let is_up = match rest {
            [b'5'] => is_odd,
            [first, ..] => *first >= b'5',
            [] => false,
        };
        let mut digits = kept.to_vec();
        let mut point = self.point;
        if is_up {
            let is_carried = digits.iter_mut().rev().all(|digit| {
                let is_nine = *digit == b'9';
                *digit = if is_nine { b'0' } else { *digit + 1 };
                is_nine
            });
            if is_carried {
                digits.insert(0, b'1');
                point += 1;
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Digits { point, ..self }.with(digits)
    }

    fn with(self, digits: Vec<u8>) -> Digits {
        Digits {
            point: if digits.is_empty() { 0 } else { self.point },
            kept: digits,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(pattern: &str, number: &str) -> String {
        let pattern = Pattern::new(pattern).unwrap();
        let digits = Digits::of(number).shifted(pattern.shift());
        let mut out = String::new();
        pattern.write(&digits.rounded(pattern.rounding()), &mut out);
        out
    }

    #[test]
    fn numbers_are_written_as_javas_decimal_format_writes_them() {
        for (pattern, number, wanted) in [
            ("#,###.00", "1234.5", "1,234.50"),
            ("000,000,000", "1234567", "001,234,567"),
            ("0.0%", "0.256", "25.6%"),
            ("#,##0.00;(#,##0.00)", "-1234.5", "(1,234.50)"),
            ("0.###E0", "12345.678", "1.235E4"),
            ("##0.#E0", "12345", "12.34E3"),
            ("00.##E0", "0.00012345", "12.34E-5"),
            ("#.##", "0.5", "0.5"),
            (".00", "0.001", ".00"),
            ("0.0'x'", "12", "12.0x"),
            ("#", "0", "0"),
            ("#", "9.5", "10"),
            ("#.", "9", "9."),
            ("0;neg0", "-5", "neg5"),
        ] {
            assert_eq!(formatted(pattern, number), wanted, "{pattern} {number}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["0.0.0", "#,", "0#0", "'0", "0%%", "0E"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
