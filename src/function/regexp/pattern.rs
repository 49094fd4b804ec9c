//! A compiled pattern and the search for it.
//!
//! Two engines: `regex`, in linear time, for almost everything; one that backtracks as Java does ([`super::backtracking`]), for patterns
//! that look around or back, and for texts that end in a line break, before which Java's `$` matches too.

use super::backtracking::{Cause, Engine};
use super::translate::{Translated, translate};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// How many compiled patterns a thread keeps.
const KEPT: usize = 64;

/// Bytes from start (inclusive) to end (exclusive).
pub(crate) type Range = (usize, usize);

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// `None` if only the other engine can do it.
    linear: Option<regex::Regex>,
    /// Compiled at its first use.
    backtracking: OnceLock<Option<Engine>>,
    translated: Translated,
    source: String,
    groups: usize,
}

thread_local! {
    static COMPILED: RefCell<HashMap<String, Arc<Pattern>>> = RefCell::new(HashMap::new());
}

impl Pattern {
    /// A pattern for a function of this name: compiled, or as it was compiled before.
    ///
    /// # Errors
    ///
    /// `Data` with `INVALID_PARAMETER_VALUE.PATTERN`.
    pub(crate) fn of(name: &str, source: &str) -> Result<Arc<Pattern>> {
        let known = COMPILED.with_borrow(|compiled| compiled.get(source).cloned());
        if let Some(pattern) = known {
            return Ok(pattern);
        }
        let pattern = Arc::new(Pattern::compile(source).map_err(|why| {
            Error::data(format!(
                "`{name}` cannot use this pattern: {why}. pattern=`{source}`"
            ))
            .with_condition("INVALID_PARAMETER_VALUE.PATTERN")
        })?);
        COMPILED.with_borrow_mut(|compiled| {
            // Patterns that come out of columns must not pile up.
            if compiled.len() >= KEPT {
                compiled.clear();
            }
            compiled.insert(source.to_owned(), Arc::clone(&pattern));
        });
        Ok(pattern)
    }

    fn compile(source: &str) -> Result<Pattern, String> {
        let translated = translate(source)?;
        let linear = match &translated.linear {
            None => None,
            Some(pattern) => Some(regex::Regex::new(pattern).map_err(|error| error.to_string())?),
        };
        let pattern = Pattern {
            backtracking: OnceLock::new(),
            groups: translated.groups,
            linear,
            translated,
            source: source.to_owned(),
        };
        if pattern.linear.is_none() && pattern.backtracking().is_none() {
            let why = if cfg!(feature = "backtracking-regex") {
                "it is not a valid regular expression"
            } else {
                "it looks around or back, or at line ends, which needs the feature backtracking-regex"
            };
            return Err(why.to_owned());
        }
        Ok(pattern)
    }

    fn backtracking(&self) -> Option<&Engine> {
        self.backtracking
            .get_or_init(|| Engine::new(&self.translated.backtracking))
            .as_ref()
    }

    /// How many groups it has, the whole match not counted.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// The number of the group of this name.
    pub(crate) fn group_named(&self, name: &str) -> Option<usize> {
        let position = self
            .translated
            .names
            .iter()
            .position(|known| known == name)?;
        self.translated.named_groups.get(position).copied()
    }

    /// The engine for this text: the linear one, if it gives Java's answer.
    fn linear_for(&self, text: &str) -> Option<&regex::Regex> {
        if self.translated.has_end_anchor && ends_in_line_break(text) {
            return None;
        }
        self.linear.as_ref()
    }

    fn backtracking_or_error(&self) -> Result<&Engine> {
        self.backtracking().ok_or_else(|| {
            Error::data(format!(
                "the pattern cannot be used on a text that ends in a line break. pattern=`{}`",
                self.source
            ))
            .with_condition("INVALID_PARAMETER_VALUE.PATTERN")
        })
    }

    /// Whether it matches somewhere.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool> {
        match self.linear_for(text) {
            Some(regex) => Ok(regex.is_match(text)),
            None => self
                .backtracking_or_error()?
                .is_match(text)
                .map_err(|cause| self.gave_up(cause)),
        }
    }

    /// The first match that starts at `start` or later.
    pub(crate) fn find_at(&self, text: &str, start: usize) -> Result<Option<Range>> {
        match self.linear_for(text) {
            Some(regex) => Ok(regex
                .find_at(text, start)
                .map(|found| (found.start(), found.end()))),
            None => Ok(self
                .backtracking_or_error()?
                .find_at(text, start)
                .map_err(|cause| self.gave_up(cause))?),
        }
    }

    /// As [`Pattern::find_at`], with where each group matched; the whole match is group 0.
    pub(crate) fn captures_at(
        &self,
        text: &str,
        start: usize,
    ) -> Result<Option<Vec<Option<Range>>>> {
        match self.linear_for(text) {
            Some(regex) => {
                let mut locations = regex.capture_locations();
                if regex
                    .captures_read_at(&mut locations, text, start)
                    .is_none()
                {
                    return Ok(None);
                }
                let ranges = (0..locations.len()).map(|group| locations.get(group));
                Ok(Some(ranges.collect()))
            }
            None => Ok(self
                .backtracking_or_error()?
                .captures_at(text, start)
                .map_err(|cause| self.gave_up(cause))?),
        }
    }

    /// Calls `visit` with each match, until it answers false.
    pub(crate) fn for_each_match(
        &self,
        text: &str,
        mut visit: impl FnMut(Range) -> Result<bool>,
    ) -> Result<()> {
        let mut start = 0;
        while let Some(found) = self.find_at(text, start)? {
            if !visit(found)? {
                break;
            }
            match next_start(text, found) {
                Some(next) => start = next,
                None => break,
            }
        }
        Ok(())
    }

    fn gave_up(&self, cause: Cause) -> Error {
        Error::data(format!(
            "the search for a pattern took too many steps. pattern=`{}`",
            self.source
        ))
        .with_source(cause)
    }
}

/// Where the search goes on behind a match; `None` at the end of the text.
pub(crate) fn next_start(text: &str, (start, end): Range) -> Option<usize> {
    if start < end {
        return Some(end);
    }
    let next = text.get(end..)?.chars().next()?;
    Some(end + next.len_utf8())
}

fn ends_in_line_break(text: &str) -> bool {
    text.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Compiles the patterns of a column: once if it does not change from row to row.
#[derive(Debug)]
pub(crate) struct Patterns {
    name: &'static str,
    last: Option<(String, Arc<Pattern>)>,
}

impl Patterns {
    /// For a function of this name.
    pub(crate) fn new(name: &'static str) -> Patterns {
        Patterns { name, last: None }
    }

    /// The compiled pattern.
    ///
    /// # Errors
    ///
    /// As [`Pattern::of`].
    pub(crate) fn get(&mut self, source: &str) -> Result<Arc<Pattern>> {
        match &self.last {
            Some((last, pattern)) if last == source => Ok(Arc::clone(pattern)),
            _ => {
                let pattern = Pattern::of(self.name, source)?;
                self.last = Some((source.to_owned(), Arc::clone(&pattern)));
                Ok(pattern)
            }
        }
    }
}
