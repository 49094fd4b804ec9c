//! The engine that backtracks as Java's does: for patterns that look around or back. It stands behind the feature `backtracking-regex`;
//! without it there is no such engine, and those patterns are refused.

use super::pattern::Range;

/// Groups of a match by number; the whole match is group 0.
pub(super) type Groups = Vec<Option<Range>>;

/// What an engine that gave up says.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A compiled pattern.
#[cfg(feature = "backtracking-regex")]
#[derive(Debug)]
pub(super) struct Engine(fancy_regex::Regex);

#[cfg(feature = "backtracking-regex")]
impl Engine {
    /// `None`, if the pattern is none.
    pub(super) fn new(pattern: &str) -> Option<Engine> {
        fancy_regex::Regex::new(pattern).ok().map(Engine)
    }

    pub(super) fn is_match(&self, text: &str) -> Result<bool, Cause> {
        Ok(self.0.is_match(text)?)
    }

    pub(super) fn find_at(&self, text: &str, start: usize) -> Result<Option<Range>, Cause> {
        let found = self.0.find_from_pos(text, start)?;
        Ok(found.map(|found| (found.start(), found.end())))
    }

    pub(super) fn captures_at(&self, text: &str, start: usize) -> Result<Option<Groups>, Cause> {
        let found = self.0.captures_from_pos(text, start)?;
        Ok(found.map(|captures| {
            let range = |group| {
                captures
                    .get(group)
                    .map(|found| (found.start(), found.end()))
            };
            (0..captures.len()).map(range).collect()
        }))
    }
}

/// There is none.
#[cfg(not(feature = "backtracking-regex"))]
#[derive(Debug)]
pub(super) enum Engine {}

#[cfg(not(feature = "backtracking-regex"))]
impl Engine {
    /// Always `None`.
    pub(super) fn new(_pattern: &str) -> Option<Engine> {
        None
    }

    pub(super) fn is_match(&self, _text: &str) -> Result<bool, Cause> {
        match *self {}
    }

    pub(super) fn find_at(&self, _text: &str, _start: usize) -> Result<Option<Range>, Cause> {
        match *self {}
    }

    pub(super) fn captures_at(&self, _text: &str, _start: usize) -> Result<Option<Groups>, Cause> {
        match *self {}
    }
}
