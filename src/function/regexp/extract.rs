//! `regexp_extract`, `regexp_extract_all`, `regexp_count`, `regexp_instr`, `regexp_substr`.

use super::pattern::{Pattern, Patterns, Range, next_start};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Ints, Text, try_primitive_of, try_text_into};
use crate::function::signature::{INT, TEXT, argument_types, nullable, rule};
use crate::function::{Call, ScalarFunction};
use crate::types;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = extracts();
    functions.extend(searches());
    functions
}

fn extracts() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "regexp_extract",
            usage: "regexp_extract(str, pattern[, group])",
            description: "What a group (by default 1; 0 is all) of the first match holds; empty without a match.",
            example: "SELECT regexp_extract('100-200', r'(\\d+)-(\\d+)', 1)",
            resolve: |arguments| resolve("regexp_extract", arguments, DataType::Utf8),
            kernel: extract,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "regexp_extract_all",
            usage: "regexp_extract_all(str, pattern[, group])",
            description: "What a group (by default 1; 0 is all) of each match holds.",
            example: "SELECT regexp_extract_all('100-200, 300-400', r'(\\d+)-(\\d+)', 1)",
            resolve: |arguments| {
                resolve(
                    "regexp_extract_all",
                    arguments,
                    types::list_of(DataType::Utf8),
                )
            },
            kernel: extract_all,
            is_deterministic: true,
        },
    ]
}

fn searches() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "regexp_count",
            usage: "regexp_count(str, pattern)",
            description: "How often a regular expression matches.",
            example: "SELECT regexp_count('tide, tides', 'tide')",
            resolve: |arguments| rule("regexp_count", arguments, &[TEXT, TEXT], 2, DataType::Int32),
            kernel: |call| {
                number(call, "regexp_count", |pattern, text| {
                    let mut count = 0;
                    pattern.for_each_match(text, |_| {
                        count += 1;
                        Ok(true)
                    })?;
                    Ok(count)
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "regexp_instr",
            usage: "regexp_instr(str, pattern)",
            description: "Where the first match starts, from 1; 0 without a match.",
            example: "SELECT regexp_instr('tide mill', 'm.ll')",
            resolve: |arguments| {
                rule(
                    "regexp_instr",
                    arguments,
                    &[TEXT, TEXT, INT],
                    2,
                    DataType::Int32,
                )
            },
            kernel: |call| {
                number(call, "regexp_instr", |pattern, text| {
                    let Some((start, _)) = pattern.find_at(text, 0)? else {
                        return Ok(0);
                    };
                    let before = text.get(..start).unwrap_or_default();
                    Ok(i32::try_from(before.chars().count() + 1).unwrap_or(i32::MAX))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "regexp_substr",
            usage: "regexp_substr(str, pattern)",
            description: "The first match; null if there is none or it is empty.",
            example: "SELECT regexp_substr('tide mill', 'm.ll')",
            resolve: |arguments| {
                let types = argument_types("regexp_substr", arguments, &[TEXT, TEXT], 2)?;
                Ok(nullable(types, DataType::Utf8))
            },
            kernel: substr,
            is_deterministic: true,
        },
    ]
}

fn resolve(
    name: &str,
    arguments: &[Expr],
    returns: DataType,
) -> Result<crate::function::Signature> {
    rule(name, arguments, &[TEXT, TEXT, INT], 2, returns)
}

/// The text, the pattern and the group of each row.
struct Arguments<'a> {
    text: Text<'a>,
    pattern: Text<'a>,
    group: Option<Ints<'a>>,
    patterns: Patterns,
}

impl<'a> Arguments<'a> {
    fn of(call: &Call<'a>, name: &'static str) -> Result<Arguments<'a>> {
        Ok(Arguments {
            text: Column::of(call, 0)?,
            pattern: Column::of(call, 1)?,
            group: Column::optional(call, 2)?,
            patterns: Patterns::new(name),
        })
    }

    /// `None` if any is null.
    fn get(&mut self, row: usize) -> Result<Option<(&'a str, Arc<Pattern>, i32)>> {
        let group = self.group.map_or(Some(1), |group| group.get(row));
        match (self.text.get(row), self.pattern.get(row), group) {
            (Some(text), Some(pattern), Some(group)) => {
                Ok(Some((text, self.patterns.get(pattern)?, group)))
            }
            _ => Ok(None),
        }
    }
}

fn number(
    call: &Call<'_>,
    name: &'static str,
    number: impl Fn(&Pattern, &str) -> Result<i32>,
) -> Result<ArrayRef> {
    let mut arguments = Arguments::of(call, name)?;
    try_primitive_of::<Int32Type>(call, |row| match arguments.get(row)? {
        Some((text, pattern, _)) => number(&pattern, text).map(Some),
        None => Ok(None),
    })
}

/// Where a group matched; `None` if it did not take part in the match.
fn group_range(
    name: &str,
    pattern: &Pattern,
    captures: &[Option<Range>],
    group: i32,
) -> Result<Option<Range>> {
    usize::try_from(group)
        .ok()
        .filter(|group| *group <= pattern.groups())
        .map(|group| captures.get(group).copied().flatten())
        .ok_or_else(|| {
            Error::data(format!(
                "`{name}` must be asked for a group from 0 to {}. group=`{group}`",
                pattern.groups()
            ))
            .with_condition("INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX")
        })
}

fn slice(text: &str, range: Option<Range>) -> &str {
    range
        .and_then(|(start, end)| text.get(start..end))
        .unwrap_or_default()
}

fn extract(call: &Call<'_>) -> Result<ArrayRef> {
    let mut arguments = Arguments::of(call, "regexp_extract")?;
    try_text_into(call.rows, |row, out| {
        let Some((text, pattern, group)) = arguments.get(row)? else {
            return Ok(None);
        };
        if let Some(captures) = pattern.captures_at(text, 0)? {
            let range = group_range("regexp_extract", &pattern, &captures, group)?;
            out.push_str(slice(text, range));
        }
        Ok(Some(()))
    })
}

fn extract_all(call: &Call<'_>) -> Result<ArrayRef> {
    let mut arguments = Arguments::of(call, "regexp_extract_all")?;
    let mut lists =
        ListBuilder::new(StringBuilder::new()).with_field(types::list_field(DataType::Utf8));
    for row in 0..call.rows {
        let Some((text, pattern, group)) = arguments.get(row)? else {
            lists.append(false);
            continue;
        };
        let mut start = Some(0);
        while let Some(from) = start {
            let Some(captures) = pattern.captures_at(text, from)? else {
                break;
            };
            let range = group_range("regexp_extract_all", &pattern, &captures, group)?;
            lists.values().append_value(slice(text, range));
            let whole = captures.first().copied().flatten();
            start = whole.and_then(|whole| next_start(text, whole));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn substr(call: &Call<'_>) -> Result<ArrayRef> {
    let mut arguments = Arguments::of(call, "regexp_substr")?;
    try_text_into(call.rows, |row, out| {
        let Some((text, pattern, _)) = arguments.get(row)? else {
            return Ok(None);
        };
        let found = slice(text, pattern.find_at(text, 0)?);
        out.push_str(found);
        Ok((!found.is_empty()).then_some(()))
    })
}
