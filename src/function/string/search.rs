//! Where and whether a string stands in another: `instr`, `locate` (`position`), `contains`, `startswith`, `endswith`, `find_in_set`.

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{
    Bytes, Column, Ints, Text, argument, booleans_of, primitive_of, try_primitive_of,
};
use crate::function::signature::{BINARY, INT, TEXT, rule};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type};

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = positions();
    functions.extend(predicates());
    functions
}

fn positions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "instr",
            usage: "instr(str, substr[, pos[, occurrence]])",
            description: "The position, from 1, of an occurrence of substr at or behind pos; a negative pos counts, and searches, from the end; 0 if there is none.",
            example: "SELECT instr('tide mill', 'mill')",
            resolve: |arguments| {
                rule(
                    "instr",
                    arguments,
                    &[TEXT, TEXT, INT, INT],
                    2,
                    DataType::Int32,
                )
            },
            kernel: instr,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "locate",
            usage: "locate(substr, str[, pos])",
            description: "The position, from 1, of the first occurrence of substr at or behind pos; 0 if there is none.",
            example: "SELECT locate('bar', 'foobarbar', 5)",
            resolve: resolve_locate,
            kernel: locate,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "luhn_check",
            usage: "luhn_check(str)",
            description: "Whether a string of digits has the right check digit of Luhn at its end.",
            example: "SELECT luhn_check('79927398713')",
            resolve: |arguments| rule("luhn_check", arguments, &[TEXT], 1, DataType::Boolean),
            kernel: |call| {
                let text: Text<'_> = Column::of(call, 0)?;
                booleans_of(call.rows, |row| text.get(row).map(is_luhn))
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "find_in_set",
            usage: "find_in_set(str, list)",
            description: "The number, from 1, of a string in a list with commas; 0 if it is not there or has a comma.",
            example: "SELECT find_in_set('ab', 'abc,b,ab,c,def')",
            resolve: |arguments| rule("find_in_set", arguments, &[TEXT, TEXT], 2, DataType::Int32),
            kernel: find_in_set,
            is_deterministic: true,
        },
    ]
}

fn predicates() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "contains",
            usage: "contains(left, right)",
            description: "Whether the left contains the right.",
            example: "SELECT contains('tide mill', 'mill')",
            resolve: |arguments| resolve_predicate("contains", arguments),
            kernel: |call| {
                predicate(
                    call,
                    |text, part| text.contains(part),
                    |bytes, part| memchr::memmem::find(bytes, part).is_some(),
                )
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "startswith",
            usage: "startswith(left, right)",
            description: "Whether the left starts with the right.",
            example: "SELECT startswith('tide mill', 'tide')",
            resolve: |arguments| resolve_predicate("startswith", arguments),
            kernel: |call| {
                predicate(
                    call,
                    |text, part| text.starts_with(part),
                    <[u8]>::starts_with,
                )
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "endswith",
            usage: "endswith(left, right)",
            description: "Whether the left ends with the right.",
            example: "SELECT endswith('tide mill', 'mill')",
            resolve: |arguments| resolve_predicate("endswith", arguments),
            kernel: |call| predicate(call, |text, part| text.ends_with(part), <[u8]>::ends_with),
            is_deterministic: true,
        },
    ]
}

/// Every second digit from the right counts double, its own digits added up; all of them make a multiple of ten.
fn is_luhn(text: &str) -> bool {
    let mut sum = 0;
    for (index, byte) in text.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match index % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        };
        // Only the last digit of the sum counts.
        sum %= 10;
    }
    !text.is_empty() && sum == 0
}

/// The number, from 1, of the character at which `part` first stands in `text`, `skipped` characters or more into it; 0 if it does
/// not. The empty string stands everywhere first.
fn position(text: &str, part: &str, skipped: usize) -> i32 {
    if part.is_empty() {
        return 1;
    }
    let Some((start, _)) = text.char_indices().nth(skipped) else {
        return 0;
    };
    let rest = text.get(start..).unwrap_or_default();
    let Some(found) = rest.find(part) else {
        return 0;
    };
    let before = rest.get(..found).unwrap_or_default().chars().count();
    i32::try_from(skipped + before + 1).unwrap_or(i32::MAX)
}

fn instr(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, part): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let start: Option<Ints<'_>> = Column::optional(call, 2)?;
    let occurrence: Option<Ints<'_>> = Column::optional(call, 3)?;
    try_primitive_of::<Int32Type>(call, |row| {
        let start = start.map_or(Some(1), |start| start.get(row));
        let occurrence = occurrence.map_or(Some(1), |occurrence| occurrence.get(row));
        let (Some(text), Some(part), Some(start), Some(occurrence)) =
            (text.get(row), part.get(row), start, occurrence)
        else {
            return Ok(None);
        };
        let occurrence = usize::try_from(occurrence)
            .ok()
            .filter(|occurrence| *occurrence > 0)
            .ok_or_else(|| {
                Error::data(format!(
                    "the occurrence that `instr` looks for must be positive. occurrence=`{occurrence}`"
                ))
                .with_condition("INVALID_PARAMETER_VALUE.OCCURRENCE")
            })?;
        Ok(Some(match start {
            0 => 0,
            1.. => forward(text, part, start.unsigned_abs() as usize - 1, occurrence),
            _ => backward(text, part, start.unsigned_abs() as usize, occurrence),
        }))
    })
}

/// The position of the occurrence number `occurrence` that starts `skipped` characters or more into the text.
fn forward(text: &str, part: &str, skipped: usize, occurrence: usize) -> i32 {
    let (mut skipped, mut found) = (skipped, 0);
    for _ in 0..occurrence {
        found = position(text, part, skipped);
        match usize::try_from(found) {
            Ok(0) | Err(_) => return 0,
            Ok(next) => skipped = next,
        }
    }
    found
}

/// The position of the occurrence number `occurrence`, counted from the end, among those that start `from_end` characters or more before
/// the end.
fn backward(text: &str, part: &str, from_end: usize, occurrence: usize) -> i32 {
    if part.is_empty() {
        return 1;
    }
    let characters: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let Some(last) = characters.len().checked_sub(from_end) else {
        return 0;
    };
    let starts = |index: usize| {
        let at = characters.get(index).copied();
        let rest = at.and_then(|at| text.get(at..));
        rest.is_some_and(|rest| rest.starts_with(part))
    };
    let found = (0..=last)
        .rev()
        .filter(|index| starts(*index))
        .nth(occurrence - 1);
    found.map_or(0, |index| i32::try_from(index + 1).unwrap_or(i32::MAX))
}

fn resolve_locate(arguments: &[Expr]) -> Result<Signature> {
    let mut signature = rule("locate", arguments, &[TEXT, TEXT, INT], 2, DataType::Int32)?;
    // A null position counts as before the start.
    signature.is_nullable = arguments
        .iter()
        .take(2)
        .any(|argument| argument.is_nullable);
    Ok(signature)
}

fn locate(call: &Call<'_>) -> Result<ArrayRef> {
    let (part, text): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let start: Option<Ints<'_>> = Column::optional(call, 2)?;
    primitive_of::<Int32Type>(call, |row| {
        let Some(start) = start.map_or(Some(1), |start| start.get(row)) else {
            return Some(0);
        };
        let (part, text) = (part.get(row)?, text.get(row)?);
        match usize::try_from(start) {
            Ok(start @ 1..) => Some(position(text, part, start - 1)),
            _ => Some(0),
        }
    })
}

fn find_in_set(call: &Call<'_>) -> Result<ArrayRef> {
    let (word, list): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    primitive_of::<Int32Type>(call, |row| {
        let (word, list) = (word.get(row)?, list.get(row)?);
        // A word with a comma equals no part.
        let found = list.split(',').position(|part| part == word);
        Some(found.map_or(0, |index| i32::try_from(index + 1).unwrap_or(i32::MAX)))
    })
}

fn resolve_predicate(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let is_binary = |argument: &Expr| argument.data_type == DataType::Binary;
    let wanted = if arguments.len() == 2 && arguments.iter().all(is_binary) {
        [BINARY, BINARY]
    } else {
        [TEXT, TEXT]
    };
    rule(name, arguments, &wanted, 2, DataType::Boolean)
}

fn predicate(
    call: &Call<'_>,
    of_text: fn(&str, &str) -> bool,
    of_bytes: fn(&[u8], &[u8]) -> bool,
) -> Result<ArrayRef> {
    if argument(call, 0)?.data_type() == &DataType::Binary {
        let (left, right): (Bytes<'_>, Bytes<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
        return booleans_of(call.rows, |row| {
            Some(of_bytes(left.get(row)?, right.get(row)?))
        });
    }
    let (left, right): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    booleans_of(call.rows, |row| {
        Some(of_text(left.get(row)?, right.get(row)?))
    })
}
