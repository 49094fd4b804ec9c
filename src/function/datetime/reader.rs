//! Texts read by the patterns that stand beside them: each pattern is compiled once in a call.

use super::pattern::Pattern;
use super::{strings, zone};
use crate::cast::zone::Zone;
use crate::error::{Error, Result};
use crate::function::Call;
use crate::types;
use arrow::array::TimestampMicrosecondArray;
use std::collections::HashMap;

/// Patterns compiled once each, and the time zone: what a call works with.
pub(super) struct Reader<'a> {
    call: &'a Call<'a>,
    pub(super) zone: Zone,
    compile: fn(&str) -> Result<Pattern>,
    patterns: HashMap<String, Pattern>,
}

impl<'a> Reader<'a> {
    /// A reader for a call, which compiles patterns so.
    pub(super) fn new(
        call: &'a Call<'a>,
        compile: fn(&str) -> Result<Pattern>,
    ) -> Result<Reader<'a>> {
        Ok(Reader {
            call,
            zone: zone(call)?,
            compile,
            patterns: HashMap::new(),
        })
    }

    /// A pattern by its text.
    pub(super) fn pattern(&mut self, text: &str) -> Result<&Pattern> {
        if !self.patterns.contains_key(text) {
            let pattern = (self.compile)(text)?;
            self.patterns.insert(text.to_owned(), pattern);
        }
        self.patterns
            .get(text)
            .ok_or_else(|| Error::internal("a pattern was lost"))
    }

    /// The moments (or, where the result has no zone, readings) that the texts of argument 0 show by the patterns of argument 1.
    pub(super) fn moments(&mut self, is_try: bool) -> Result<TimestampMicrosecondArray> {
        let (texts, patterns) = (strings(self.call, 0)?, strings(self.call, 1)?);
        let zone = self.zone;
        let is_local = *self.call.returns == types::timestamp_ntz();
        texts
            .iter()
            .zip(patterns.iter())
            .map(|row| {
                let (Some(text), Some(pattern)) = row else {
                    return Ok(None);
                };
                let parsed = self.pattern(pattern)?.parse(text);
                let moment = parsed.and_then(|(local, named)| match named {
                    _ if is_local => Some(local),
                    named => named.unwrap_or(zone).to_utc(local),
                });
                match moment {
                    None if !is_try => Err(unreadable(text, pattern)),
                    moment => Ok(moment),
                }
            })
            .collect()
    }
}

/// `CANNOT_PARSE_TIMESTAMP`.
pub(super) fn unreadable(text: &str, pattern: &str) -> Error {
    Error::data(format!(
        "the text is not of the pattern. Use `try_to_timestamp` to tolerate invalid input and return NULL instead. text=`{text}`, pattern=`{pattern}`"
    ))
    .with_condition("CANNOT_PARSE_TIMESTAMP")
}
