//! `like` and `ilike`: `%` stands for any characters, `_` for one, an escape (by default `\`) before either or itself for just that.
//!
//! A pattern is cut at its `%` into segments. The first is anchored at the start, the last at the end; each one between is looked for
//! as far left as possible, which is right because nothing before it can use what it leaves over.

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Text, try_booleans_of};
use crate::function::signature::{TEXT, constant, rule};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "like",
            usage: "like(str, pattern[, escape])",
            description: "Whether the whole string matches a pattern of % (any characters) and _ (one character).",
            example: "SELECT 'tide mill' LIKE 'tide%'",
            resolve: |arguments| resolve("like", arguments),
            kernel: |call| like(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "ilike",
            usage: "ilike(str, pattern[, escape])",
            description: "As like, without regard to case.",
            example: "SELECT 'Tide mill' ILIKE 'tide%'",
            resolve: |arguments| resolve("ilike", arguments),
            kernel: |call| like(call, true),
            is_deterministic: true,
        },
    ]
}

fn resolve(name: &str, arguments: &[Expr]) -> Result<Signature> {
    if arguments.len() == 3 {
        let escape = constant(name, arguments, 2)?;
        let is_one_character = escape
            .as_string_opt::<i32>()
            .is_some_and(|escape| escape.is_valid(0) && escape.value(0).chars().count() == 1);
        if !is_one_character {
            return Err(Error::invalid("an escape must be one character")
                .with_condition("INVALID_ESCAPE_CHAR"));
        }
    }
    rule(name, arguments, &[TEXT, TEXT, TEXT], 2, DataType::Boolean)
}

fn like(call: &Call<'_>, ignores_case: bool) -> Result<ArrayRef> {
    let (text, pattern): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let escape: Option<Text<'_>> = Column::optional(call, 2)?;
    let escape = escape
        .and_then(|escape| escape.get(0)?.chars().next())
        .unwrap_or('\\');
    let mut last: Option<(&str, LikePattern)> = None;
    try_booleans_of(call.rows, |row| {
        let (Some(text), Some(source)) = (text.get(row), pattern.get(row)) else {
            return Ok(None);
        };
        let pattern = match last.take() {
            Some((known, pattern)) if known == source => pattern,
            _ if ignores_case => LikePattern::parse(&source.to_lowercase(), escape)?,
            _ => LikePattern::parse(source, escape)?,
        };
        let matches = if ignores_case {
            pattern.matches(&text.to_lowercase())
        } else {
            pattern.matches(text)
        };
        last = Some((source, pattern));
        Ok(Some(matches))
    })
}

/// A parsed pattern.
#[derive(Debug)]
struct LikePattern {
    /// Between the `%`; never empty as a list.
    segments: Vec<Segment>,
}

/// Characters that follow each other; `None` is any one.
#[derive(Debug)]
enum Segment {
    /// No `_` in it.
    Plain(String),
    Wild(Vec<Option<char>>),
}

impl LikePattern {
    /// # Errors
    ///
    /// `Data` with `INVALID_FORMAT.ESC_AT_THE_END` or `INVALID_FORMAT.ESC_IN_THE_MIDDLE`.
    fn parse(pattern: &str, escape: char) -> Result<LikePattern> {
        let mut segments = Vec::new();
        let mut segment = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            if character == escape {
                match characters.next() {
                    Some(next) if next == '_' || next == '%' || next == escape => {
                        segment.push(Some(next));
                    }
                    Some(next) => {
                        return Err(Error::data(format!(
                            "the escape character must stand before `_`, `%` or itself in a pattern. pattern=`{pattern}` character=`{next}`"
                        ))
                        .with_condition("INVALID_FORMAT.ESC_IN_THE_MIDDLE"));
                    }
                    None => {
                        return Err(Error::data(format!(
                            "the escape character must not end a pattern. pattern=`{pattern}`"
                        ))
                        .with_condition("INVALID_FORMAT.ESC_AT_THE_END"));
                    }
                }
            } else if character == '%' {
                segments.push(Segment::of(std::mem::take(&mut segment)));
            } else {
                segment.push(Some(character).filter(|character| *character != '_'));
            }
        }
        segments.push(Segment::of(segment));
        Ok(LikePattern { segments })
    }

    fn matches(&self, text: &str) -> bool {
        let [first, rest @ ..] = self.segments.as_slice() else {
            return false;
        };
        let Some(length) = first.prefix(text) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return length == text.len();
        };
        let mut rest = text.get(length..).unwrap_or_default();
        for segment in middle {
            let Some(end) = segment.find(rest) else {
                return false;
            };
            rest = rest.get(end..).unwrap_or_default();
        }
        last.is_suffix(rest)
    }
}

impl Segment {
    fn of(characters: Vec<Option<char>>) -> Segment {
        match characters.iter().copied().collect::<Option<String>>() {
            Some(plain) => Segment::Plain(plain),
            None => Segment::Wild(characters),
        }
    }

    /// How many bytes at the start of a text it matches.
    fn prefix(&self, text: &str) -> Option<usize> {
        match self {
            Segment::Plain(plain) => text.starts_with(plain.as_str()).then_some(plain.len()),
            Segment::Wild(wanted) => {
                let mut characters = text.chars();
                for wanted in wanted {
                    let character = characters.next()?;
                    if wanted.is_some_and(|wanted| wanted != character) {
                        return None;
                    }
                }
                Some(text.len() - characters.as_str().len())
            }
        }
    }

    /// Where its first match in a text ends.
    fn find(&self, text: &str) -> Option<usize> {
        match self {
            Segment::Plain(plain) => text.find(plain.as_str()).map(|start| start + plain.len()),
            Segment::Wild(_) => text
                .char_indices()
                .map(|(start, _)| start)
                .find_map(|start| Some(start + self.prefix(text.get(start..)?)?)),
        }
    }

    fn is_suffix(&self, text: &str) -> bool {
        match self {
            Segment::Plain(plain) => text.ends_with(plain.as_str()),
            Segment::Wild(wanted) => {
                let mut characters = text.chars().rev();
                wanted.iter().rev().all(|wanted| {
                    characters
                        .next()
                        .is_some_and(|character| wanted.is_none_or(|wanted| wanted == character))
                })
            }
        }
    }
}
