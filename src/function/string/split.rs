//! Parts of strings by a delimiter that is not a pattern: `split_part`, `substring_index`. (`split` takes a regular expression.)

use super::measure::index_of_zero;
use crate::error::Result;
use crate::function::kernel::{Column, Ints, Text, text_of, try_text_into};
use crate::function::signature::{INT, TEXT, rule};
use crate::function::{Call, ScalarFunction};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "split_part",
            usage: "split_part(str, delimiter, part)",
            description: "The part with this number, from 1, or from the end if negative; empty if there is none.",
            example: "SELECT split_part('11.12.13', '.', 3)",
            resolve: |arguments| {
                rule(
                    "split_part",
                    arguments,
                    &[TEXT, TEXT, INT],
                    3,
                    DataType::Utf8,
                )
            },
            kernel: split_part,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "substring_index",
            usage: "substring_index(str, delimiter, count)",
            description: "What stands before the delimiter number count, or behind it, counted from the end, if negative.",
            example: "SELECT substring_index('www.apache.org', '.', 2)",
            resolve: |arguments| {
                rule(
                    "substring_index",
                    arguments,
                    &[TEXT, TEXT, INT],
                    3,
                    DataType::Utf8,
                )
            },
            kernel: |call| {
                let (text, delimiter): (Text<'_>, Text<'_>) =
                    (Column::of(call, 0)?, Column::of(call, 1)?);
                let count: Ints<'_> = Column::of(call, 2)?;
                text_of(call.rows, |row| {
                    Some(substring_index(
                        text.get(row)?,
                        delimiter.get(row)?,
                        count.get(row)?,
                    ))
                })
            },
            is_deterministic: true,
        },
    ]
}

fn split_part(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, delimiter): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let number: Ints<'_> = Column::of(call, 2)?;
    try_text_into(call.rows, |row, out| {
        let (Some(text), Some(delimiter), Some(number)) =
            (text.get(row), delimiter.get(row), number.get(row))
        else {
            return Ok(None);
        };
        if number == 0 {
            return Err(index_of_zero());
        }
        out.push_str(nth_part(text, delimiter, number));
        Ok(Some(()))
    })
}

/// Part `number` of a text, empty if there is none. An empty delimiter does not split.
fn nth_part<'a>(text: &'a str, delimiter: &str, number: i32) -> &'a str {
    let index = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    if delimiter.is_empty() {
        return if index == 0 { text } else { "" };
    }
    let part = if number > 0 {
        text.split(delimiter).nth(index)
    } else {
        // Delimiters are found from the start even so: in `aaa`, the first two make one `aa`.
        let parts: Vec<&str> = text.split(delimiter).collect();
        parts.into_iter().rev().nth(index)
    };
    part.unwrap_or_default()
}

/// Occurrences may overlap: the next is looked for one byte further on.
fn substring_index<'a>(text: &'a str, delimiter: &str, count: i32) -> &'a str {
    if delimiter.is_empty() || count == 0 {
        return "";
    }
    let windows = text.as_bytes().windows(delimiter.len()).enumerate();
    let mut starts = windows
        .filter(|(_, window)| *window == delimiter.as_bytes())
        .map(|(start, _)| start);
    let skipped = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    let part = if count > 0 {
        starts.nth(skipped).and_then(|start| text.get(..start))
    } else {
        let start = starts.rev().nth(skipped);
        start.and_then(|start| text.get(start + delimiter.len()..))
    };
    part.unwrap_or(text)
}
