//! `split(str, pattern[, limit])`.

use super::pattern::{Pattern, Patterns};
use crate::error::Result;
use crate::function::kernel::{Column, Ints, Text};
use crate::function::signature::{INT, TEXT, rule};
use crate::function::{Call, ScalarFunction};
use crate::types;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "split",
        usage: "split(str, pattern[, limit])",
        description: "The parts of a string between matches of a regular expression; at most limit of them, if it is positive.",
        example: "SELECT split('oneAtwoBthreeC', '[ABC]')",
        resolve: |arguments| {
            let returns = types::list_of(DataType::Utf8);
            rule("split", arguments, &[TEXT, TEXT, INT], 2, returns)
        },
        kernel,
        is_deterministic: true,
    }]
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let limit: Option<Ints<'_>> = Column::optional(call, 2)?;
    let mut patterns = Patterns::new("split");
    let mut lists =
        ListBuilder::new(StringBuilder::new()).with_field(types::list_field(DataType::Utf8));
    for row in 0..call.rows {
        let limit = limit.map_or(Some(-1), |limit| limit.get(row));
        let (Some(text), Some(pattern), Some(limit)) = (text.get(row), pattern.get(row), limit)
        else {
            lists.append(false);
            continue;
        };
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let push = |part: &str| lists.values().append_value(part);
        if pattern.is_empty() && !text.is_empty() {
            split_characters(text, limit, push);
        } else {
            let pattern = patterns.get(pattern)?;
            split(text, &pattern, limit, push)?;
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// An empty pattern splits between all characters.
pub(super) fn split_characters<'t>(
    text: &'t str,
    limit: Option<usize>,
    mut push: impl FnMut(&'t str),
) {
    let mut rest = text;
    let mut parts = 1;
    while let Some(first) = rest.chars().next() {
        let length = first.len_utf8();
        if rest.len() == length || limit.is_some_and(|limit| parts >= limit) {
            break;
        }
        let (part, behind) = rest.split_at(length);
        push(part);
        rest = behind;
        parts += 1;
    }
    push(rest);
}

pub(super) fn split<'t>(
    text: &'t str,
    pattern: &Pattern,
    limit: Option<usize>,
    mut push: impl FnMut(&'t str),
) -> Result<()> {
    let (mut index, mut parts) = (0, 0);
    if limit != Some(1) {
        pattern.for_each_match(text, |(start, end)| {
            // An empty match at the very start splits nothing off.
            if start == end && start == 0 && index == 0 {
                return Ok(true);
            }
            push(text.get(index..start).unwrap_or_default());
            index = end;
            parts += 1;
            Ok(limit.is_none_or(|limit| parts + 1 < limit))
        })?;
    }
    push(text.get(index..).unwrap_or_default());
    Ok(())
}
