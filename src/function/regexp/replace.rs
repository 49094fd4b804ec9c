//! `regexp_replace`. In the replacement `$1` and `${name}` stand for groups and `\` takes the meaning from what follows it.

use super::pattern::{Pattern, Patterns, Range, next_start};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Ints, Text, try_text_into};
use crate::function::signature::{INT, TEXT, constant, rule};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type};

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "regexp_replace",
        usage: "regexp_replace(str, pattern, replacement[, position])",
        description: "The string, from a position on, with every match of a regular expression replaced.",
        example: "SELECT regexp_replace('100-200', r'(\\d+)', 'num')",
        resolve,
        kernel,
        is_deterministic: true,
    }]
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let wanted = [TEXT, TEXT, TEXT, INT];
    let signature = rule("regexp_replace", arguments, &wanted, 3, DataType::Utf8)?;
    if arguments.len() == 4 {
        let position = constant("regexp_replace", arguments, 3)?;
        let position = arrow::compute::cast(position, &DataType::Int32)?;
        let position = position.as_primitive::<Int32Type>();
        if position.is_valid(0) && position.value(0) <= 0 {
            return Err(Error::invalid(format!(
                "the position of `regexp_replace` must be at least 1. position=`{}`",
                position.value(0)
            ))
            .with_condition("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"));
        }
    }
    Ok(signature)
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let replacement: Text<'_> = Column::of(call, 2)?;
    let position: Option<Ints<'_>> = Column::optional(call, 3)?;
    let mut patterns = Patterns::new("regexp_replace");
    let mut last: Option<(&str, &str, Vec<Piece>)> = None;
    try_text_into(call.rows, |row, out| {
        let position = position.map_or(Some(1), |position| position.get(row));
        let (Some(text), Some(source), Some(replacement), Some(position)) = (
            text.get(row),
            pattern.get(row),
            replacement.get(row),
            position,
        ) else {
            return Ok(None);
        };
        let pattern = patterns.get(source)?;
        let pieces = match last.take() {
            Some((known, of, pieces)) if known == replacement && of == source => pieces,
            _ => parse(replacement, &pattern),
        };
        replace(text, &pattern, &pieces, position, out)?;
        last = Some((replacement, source, pieces));
        Ok(Some(()))
    })
}

/// A part of a replacement.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
    /// An error, once a match is to be replaced: Java looks at the replacement no sooner.
    Invalid(String),
}

fn parse(replacement: &str, pattern: &Pattern) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped) => literal.push(escaped),
                None => pieces.push(Piece::Invalid("character to be escaped is missing".into())),
            },
            '$' => {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(group_piece(&mut characters, pattern));
            }
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    pieces
}

/// Behind `$`: as many digits as make the number of a group, or `{name}`.
fn group_piece(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    pattern: &Pattern,
) -> Piece {
    if characters.next_if_eq(&'{').is_some() {
        let mut name = String::new();
        while let Some(letter) = characters.next_if(char::is_ascii_alphanumeric) {
            name.push(letter);
        }
        let is_closed = characters.next_if_eq(&'}').is_some();
        return match pattern.group_named(&name).filter(|_| is_closed) {
            Some(group) => Piece::Group(group),
            None => Piece::Invalid(format!("there is no group with the name {name}")),
        };
    }
    let Some(first) = characters.next_if(char::is_ascii_digit) else {
        return Piece::Invalid("`$` without a group".to_owned());
    };
    let digit = |digit: char| digit.to_digit(10).unwrap_or_default() as usize;
    let mut group = digit(first);
    if group > pattern.groups() {
        return Piece::Invalid(format!("there is no group {group}"));
    }
    while let Some(next) = characters.peek().copied().filter(char::is_ascii_digit) {
        let longer = group * 10 + digit(next);
        if longer > pattern.groups() {
            break;
        }
        characters.next();
        group = longer;
    }
    Piece::Group(group)
}

fn replace(
    text: &str,
    pattern: &Pattern,
    pieces: &[Piece],
    position: i32,
    out: &mut String,
) -> Result<()> {
    let Some(begin) = byte_position(text, position) else {
        out.push_str(text);
        return Ok(());
    };
    // The part before the position is not even looked back at.
    let (before, rest) = text.split_at(begin);
    out.push_str(before);
    let mut copied = 0;
    let needs_groups = pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Group(1..)));
    let mut start = Some(0);
    while let Some(from) = start {
        let captures = if needs_groups {
            pattern.captures_at(rest, from)?
        } else {
            pattern.find_at(rest, from)?.map(|found| vec![Some(found)])
        };
        let Some(captures) = captures else { break };
        let Some(whole) = captures.first().copied().flatten() else {
            break;
        };
        out.push_str(rest.get(copied..whole.0).unwrap_or_default());
        write_replacement(rest, &captures, pieces, out)?;
        copied = whole.1;
        start = next_start(rest, whole);
    }
    out.push_str(rest.get(copied..).unwrap_or_default());
    Ok(())
}

fn write_replacement(
    text: &str,
    captures: &[Option<Range>],
    pieces: &[Piece],
    out: &mut String,
) -> Result<()> {
    for piece in pieces {
        match piece {
            Piece::Text(literal) => out.push_str(literal),
            Piece::Group(group) => {
                if let Some((start, end)) = captures.get(*group).copied().flatten() {
                    out.push_str(text.get(start..end).unwrap_or_default());
                }
            }
            Piece::Invalid(why) => {
                return Err(Error::data(format!(
                    "the replacement of `regexp_replace` is not valid: {why}"
                ))
                .with_condition("INVALID_REGEXP_REPLACE"));
            }
        }
    }
    Ok(())
}

/// Where a position, which counts UTF-16 units from 1, stands; `None` behind the end. The first is there even in an empty text.
fn byte_position(text: &str, position: i32) -> Option<usize> {
    let skipped = usize::try_from(position).ok()?.checked_sub(1)?;
    if skipped == 0 {
        return Some(0);
    }
    let mut units = 0;
    for (index, character) in text.char_indices() {
        if units >= skipped {
            return Some(index);
        }
        units += character.len_utf16();
    }
    None
}
