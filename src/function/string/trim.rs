//! `trim`, `ltrim`, `rtrim` and `btrim`. With two arguments the first three take the characters first, as `TRIM(characters FROM
//! str)` does; `btrim` takes them last.

use crate::error::Result;
use crate::function::kernel::{Column, Text, text_of};
use crate::function::signature::{TEXT, rule};
use crate::function::{Call, ScalarFunction};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "trim",
            usage: "trim([BOTH | LEADING | TRAILING] [characters FROM] str)",
            description: "The string without spaces, or without these characters, at both ends.",
            example: "SELECT trim(BOTH 'x' FROM 'xtidex')",
            resolve: |arguments| rule("trim", arguments, &[TEXT, TEXT], 1, DataType::Utf8),
            kernel: |call| trimmed(call, Ends::Both, Order::CharactersFirst),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "ltrim",
            usage: "ltrim([characters, ]str)",
            description: "The string without spaces, or without these characters, at its start.",
            example: "SELECT ltrim('  tide')",
            resolve: |arguments| rule("ltrim", arguments, &[TEXT, TEXT], 1, DataType::Utf8),
            kernel: |call| trimmed(call, Ends::Start, Order::CharactersFirst),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "rtrim",
            usage: "rtrim([characters, ]str)",
            description: "The string without spaces, or without these characters, at its end.",
            example: "SELECT rtrim('tide  ')",
            resolve: |arguments| rule("rtrim", arguments, &[TEXT, TEXT], 1, DataType::Utf8),
            kernel: |call| trimmed(call, Ends::End, Order::CharactersFirst),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "btrim",
            usage: "btrim(str[, characters])",
            description: "The string without spaces, or without these characters, at both ends.",
            example: "SELECT btrim('xtidex', 'x')",
            resolve: |arguments| rule("btrim", arguments, &[TEXT, TEXT], 1, DataType::Utf8),
            kernel: |call| trimmed(call, Ends::Both, Order::TextFirst),
            is_deterministic: true,
        },
    ]
}

#[derive(Clone, Copy)]
enum Ends {
    Both,
    Start,
    End,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    CharactersFirst,
    TextFirst,
}

fn trimmed(call: &Call<'_>, ends: Ends, order: Order) -> Result<ArrayRef> {
    let trim = |text, characters| match ends {
        Ends::Both => trim_end(trim_start(text, characters), characters),
        Ends::Start => trim_start(text, characters),
        Ends::End => trim_end(text, characters),
    };
    let first: Text<'_> = Column::of(call, 0)?;
    let Some(second): Option<Text<'_>> = Column::optional(call, 1)? else {
        return text_of(call.rows, |row| Some(trim(first.get(row)?, " ")));
    };
    let (text, characters) = match order {
        Order::CharactersFirst => (second, first),
        Order::TextFirst => (first, second),
    };
    text_of(call.rows, |row| {
        Some(trim(text.get(row)?, characters.get(row)?))
    })
}

fn trim_start<'a>(text: &'a str, characters: &str) -> &'a str {
    text.trim_start_matches(|character| characters.contains(character))
}

fn trim_end<'a>(text: &'a str, characters: &str) -> &'a str {
    text.trim_end_matches(|character| characters.contains(character))
}
