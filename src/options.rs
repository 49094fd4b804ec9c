//! String options (`OPTIONS (…)`, `.option(key, value)`) become typed settings here, and only here.
//!
//! Keys are compared without regard to case, as Spark compares them. Whoever takes options reads each it knows and ends with
//! [`Options::finish`], which refuses what is left and names the nearest known key.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Options as the user gave them, and which of them were read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who takes them, for messages: `kafka source`.
    owner: String,
    /// Lower-case key to the key as written and its value.
    values: BTreeMap<String, (String, String)>,
    known: BTreeSet<String>,
}

impl Options {
    /// Options for `owner` (such as `kafka source`); of two keys that differ by case only, the last wins.
    pub fn new<K: Into<String>, V: Into<String>>(
        owner: impl Into<String>,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Options {
        let values = pairs
            .into_iter()
            .map(|(key, value)| {
                let key = key.into();
                (key.to_lowercase(), (key, value.into()))
            })
            .collect();
        Options {
            owner: owner.into(),
            values,
            known: BTreeSet::new(),
        }
    }

    /// The value of `key`, if given.
    pub fn take(&mut self, key: &str) -> Option<String> {
        self.known.insert(key.to_owned());
        self.values
            .remove(&key.to_lowercase())
            .map(|(_, value)| value)
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is missing.
    pub fn require(&mut self, key: &str) -> Result<String> {
        let owner = self.owner.clone();
        self.take(key)
            .ok_or_else(|| Error::invalid(format!("the {owner} needs an option. option=`{key}`")))
    }

    /// The value of `key`, parsed.
    ///
    /// # Errors
    ///
    /// `Invalid` if it does not parse; the message says what was expected.
    pub fn parse<T: FromStr>(&mut self, key: &str, expected: &str) -> Result<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        value
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| self.refuse(key, expected, &value))
    }

    /// The value of `key`: `true` or `false`.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is neither.
    pub fn boolean(&mut self, key: &str, default: bool) -> Result<bool> {
        match self.take(key) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(self.refuse(key, "true or false", &value)),
        }
    }

    /// The value of `key`: a number of bytes, plain or with a unit (`64m`, `1g`, `512kb`).
    ///
    /// # Errors
    ///
    /// `Invalid` if it is not one.
    pub fn bytes(&mut self, key: &str) -> Result<Option<u64>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        parse_bytes(&value)
            .map(Some)
            .ok_or_else(|| self.refuse(key, "a number of bytes such as 64m", &value))
    }

    /// The value of `key`: a duration such as `10 seconds`, `15m`, `7d`, `100ms`.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is not one.
    pub fn duration(&mut self, key: &str) -> Result<Option<Duration>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        parse_duration(&value)
            .map(Some)
            .ok_or_else(|| self.refuse(key, "a duration such as 10 seconds", &value))
    }

    /// Takes all options whose key starts with `prefix` (without regard to case), with the prefix cut off.
    pub fn take_prefixed(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let lower = prefix.to_lowercase();
        let keys: Vec<String> = self
            .values
            .keys()
            .filter(|key| key.starts_with(&lower))
            .cloned()
            .collect();
        keys.into_iter()
            .filter_map(|key| self.values.remove(&key))
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value))
            .collect()
    }

    /// An error about the value of an option.
    pub fn refuse(&self, key: &str, expected: &str, value: impl Display) -> Error {
        let owner = &self.owner;
        Error::invalid(format!(
            "the {owner} got a bad option, expected {expected}. option=`{key}`, value=`{value}`"
        ))
        .about_option(key)
    }

    /// Refuses every option that nobody has read.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the first unknown option and the nearest known one.
    pub fn finish(self) -> Result<()> {
        let Some((key, _)) = self.values.values().next() else {
            return Ok(());
        };
        let owner = &self.owner;
        let hint = hint(key, self.known.iter().map(String::as_str), "");
        Err(Error::invalid(format!(
            "the {owner} has no such option{hint} option=`{key}`"
        ))
        .about_option(key))
    }
}

/// The known name that looks most like `name`, if any does.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

/// How a sentence about an unknown name ends: with the nearest known one and `prefix` before it, if there is one.
pub(crate) fn hint<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    prefix: &str,
) -> String {
    match nearest(name, known) {
        Some(near) => format!(", did you mean `{prefix}{near}`?"),
        None => ".".to_owned(),
    }
}

/// A number of bytes with an optional unit, 1k being 1024, as Spark reads sizes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A duration: one or more numbers with units (`1 minute 30 seconds`, `15m`, `100ms`), optionally after `INTERVAL`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let mut rest = text.strip_prefix("interval").unwrap_or(&text).trim_start();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let micros: u64 = match rest.get(..letters)? {
            "us" | "microsecond" | "microseconds" => 1,
            "ms" | "millisecond" | "milliseconds" => 1_000,
            "s" | "sec" | "second" | "seconds" => 1_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000,
            "h" | "hour" | "hours" => 3_600_000_000,
            "d" | "day" | "days" => 86_400_000_000,
            "w" | "week" | "weeks" => 604_800_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_micros(number.checked_mul(micros)?))?;
        rest = rest.get(letters..)?.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest_known_one() {
        let mut options = Options::new("kafka source", [("startingOffset", "earliest")]);
        assert_eq!(options.take("startingOffsets"), None);
        let error = options.finish().unwrap_err().to_string();
        assert!(error.contains("did you mean `startingOffsets`"), "{error}");
    }

    #[test]
    fn keys_are_compared_without_regard_to_case() {
        let mut options = Options::new("file source", [("MAXFILESPERTRIGGER", "3")]);
        assert_eq!(
            options
                .parse::<u64>("maxFilesPerTrigger", "a number")
                .unwrap(),
            Some(3)
        );
        options.finish().unwrap();
    }

    #[test]
    fn durations_are_read_with_short_and_long_units() {
        assert_eq!(
            parse_duration("1 minute 30 seconds"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(
            parse_duration("INTERVAL 10 SECONDS"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(parse_duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(parse_duration("five ticks"), None);
        assert_eq!(parse_duration("10"), None);
    }
}
