//! `str_to_map(text[, pairDelim[, keyValueDelim]])`.

use super::pattern::Patterns;
use super::split::{split, split_characters};
use crate::error::{Error, Result};
use crate::function::kernel::{Column, Text};
use crate::function::signature::{TEXT, rule};
use crate::function::{Call, ScalarFunction};
use crate::types;
use arrow::array::{ArrayRef, MapArray, StringBuilder, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "str_to_map",
        usage: "str_to_map(text[, pairDelim[, keyValueDelim]])",
        description: "The map of the pairs of a text; the delimiters are regular expressions, `,` and `:` by default.",
        example: "SELECT str_to_map('a:1,b:2,c:3', ',', ':')",
        resolve: |arguments| {
            let returns = types::map_of(DataType::Utf8, DataType::Utf8);
            rule("str_to_map", arguments, &[TEXT, TEXT, TEXT], 1, returns)
        },
        kernel,
        is_deterministic: true,
    }]
}

/// The parts of a text between matches of a pattern, at most `limit` of them.
fn parts<'t>(
    patterns: &mut Patterns,
    text: &'t str,
    pattern: &str,
    limit: Option<usize>,
) -> Result<Vec<&'t str>> {
    let mut parts = Vec::new();
    let push = |part: &'t str| parts.push(part);
    if pattern.is_empty() && !text.is_empty() {
        split_characters(text, limit, push);
    } else {
        let pattern = patterns.get(pattern)?;
        split(text, &pattern, limit, push)?;
    }
    Ok(parts)
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let texts: Text<'_> = Column::of(call, 0)?;
    let (pairs, keys_values): (Option<Text<'_>>, Option<Text<'_>>) =
        (Column::optional(call, 1)?, Column::optional(call, 2)?);
    let mut patterns = Patterns::new("str_to_map");
    let (mut keys, mut values) = (StringBuilder::new(), StringBuilder::new());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        let between_pairs = pairs.map_or(Some(","), |pairs| pairs.get(row));
        let inside_pair = keys_values.map_or(Some(":"), |delimiters| delimiters.get(row));
        let (Some(text), Some(between_pairs), Some(inside_pair)) =
            (texts.get(row), between_pairs, inside_pair)
        else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        let mut seen = HashSet::new();
        for pair in parts(&mut patterns, text, between_pairs, None)? {
            let key_value = parts(&mut patterns, pair, inside_pair, Some(2))?;
            let key = key_value.first().copied().unwrap_or_default();
            if !seen.insert(key) {
                return Err(Error::data(format!("duplicate map key. key=`{key}`"))
                    .with_condition("DUPLICATED_MAP_KEY"));
            }
            keys.append_value(key);
            values.append_option(key_value.get(1));
        }
        lengths.push(seen.len());
        valid.push(true);
    }
    let DataType::Map(entries, _) = call.returns else {
        return Err(Error::internal("str_to_map gives a map"));
    };
    let fields = types::map_fields(DataType::Utf8, DataType::Utf8);
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), Arc::new(values.finish())];
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::from_lengths(lengths),
        StructArray::try_new(fields, columns, None)?,
        Some(NullBuffer::from(valid)),
        false,
    )?))
}
