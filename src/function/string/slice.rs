//! Parts of strings by position: `substring`, `left`, `right`, `overlay`. Positions count characters of strings, and bytes of
//! binaries, from 1; negative ones count from the end.

use crate::error::Result;
use crate::expr::Expr;
use crate::function::kernel::{
    Bytes, Column, Ints, Text, argument, bytes_of, text_into, text_of, try_bytes_into,
};
use crate::function::signature::{
    INT, TEXT, TEXT_OR_BINARY, argument_types, null_if_any_is, rule, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "substring",
            usage: "substring(str, pos[, len])",
            description: "The part that starts at pos and has the length len, or goes to the end.",
            example: "SELECT substring('tide mill', 6, 2)",
            resolve: |arguments| resolve_part("substring", arguments, &[TEXT_OR_BINARY, INT, INT]),
            kernel: |call| {
                let position: Ints<'_> = Column::of(call, 1)?;
                let length: Option<Ints<'_>> = Column::optional(call, 2)?;
                part(call, |row| {
                    let length = match length {
                        Some(length) => length.get(row)?,
                        None => i32::MAX,
                    };
                    Some((position.get(row)?, length))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "left",
            usage: "left(str, len)",
            description: "The first len characters.",
            example: "SELECT left('tide mill', 4)",
            resolve: |arguments| resolve_part("left", arguments, &[TEXT_OR_BINARY, INT]),
            kernel: |call| {
                let length: Ints<'_> = Column::of(call, 1)?;
                part(call, |row| Some((1, length.get(row)?)))
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "right",
            usage: "right(str, len)",
            description: "The last len characters.",
            example: "SELECT right('tide mill', 4)",
            resolve: |arguments| rule("right", arguments, &[TEXT, INT], 2, DataType::Utf8),
            kernel: right,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "overlay",
            usage: "overlay(input, replace, pos[, len])",
            description: "The input with the len characters from pos on replaced; len is by default the length of replace.",
            example: "SELECT overlay('tide mill' PLACING 'wind' FROM 1)",
            resolve: resolve_overlay,
            kernel: overlay,
            is_deterministic: true,
        },
    ]
}

fn resolve_part(
    name: &str,
    arguments: &[Expr],
    wanted: &[&[crate::function::signature::Wanted]],
) -> Result<Signature> {
    let types = argument_types(name, arguments, wanted, 2)?;
    let returns = types.first().cloned().unwrap_or(DataType::Utf8);
    Ok(null_if_any_is(arguments, types, returns))
}

/// The part of argument 0 at a position and of a length.
fn part(call: &Call<'_>, range: impl Fn(usize) -> Option<(i32, i32)>) -> Result<ArrayRef> {
    if argument(call, 0)?.data_type() == &DataType::Binary {
        let column: Bytes<'_> = Column::of(call, 0)?;
        return bytes_of(call.rows, |row| {
            let (position, length) = range(row)?;
            Some(slice_bytes(column.get(row)?, position, length))
        });
    }
    let column: Text<'_> = Column::of(call, 0)?;
    text_of(call.rows, |row| {
        let (position, length) = range(row)?;
        Some(slice_text(column.get(row)?, position, length))
    })
}

fn right(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, length): (Text<'_>, Ints<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    text_of(call.rows, |row| {
        let (text, length) = (text.get(row)?, length.get(row)?);
        if length <= 0 {
            return Some("");
        }
        Some(slice_text(text, length.wrapping_neg(), i32::MAX))
    })
}

/// The part of `text` that starts at character `position` (from 1, or from the end if negative; 0 is as 1) and has `length`
/// characters. What lies before the start or behind the end is cut off.
pub(super) fn slice_text(text: &str, position: i32, length: i32) -> &str {
    let start = match position {
        1.. => i64::from(position) - 1,
        0 => 0,
        _ => i64::try_from(text.chars().count()).unwrap_or(i64::MAX) + i64::from(position),
    };
    let end = start.saturating_add(i64::from(length)).max(0);
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    let Some(characters) = end.checked_sub(start) else {
        return "";
    };
    let rest = text.get(byte_index(text, start)..).unwrap_or_default();
    rest.get(..byte_index(rest, characters)).unwrap_or_default()
}

/// Where character number `index` starts, or the end of the text.
fn byte_index(text: &str, index: usize) -> usize {
    // A character has at least one byte: more characters than bytes means the end.
    if index >= text.len() {
        return text.len();
    }
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(byte, _)| byte)
}

/// As [`slice_text`], in bytes.
pub(super) fn slice_bytes(bytes: &[u8], position: i32, length: i32) -> &[u8] {
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let start = match position {
        1.. => i64::from(position) - 1,
        0 => 0,
        _ => size + i64::from(position),
    };
    let end = start.saturating_add(i64::from(length)).clamp(0, size);
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    let end = usize::try_from(end).unwrap_or_default();
    bytes.get(start..end).unwrap_or_default()
}

fn resolve_overlay(arguments: &[Expr]) -> Result<Signature> {
    let wanted = [TEXT_OR_BINARY, TEXT_OR_BINARY, INT, INT];
    let types = argument_types("overlay", arguments, &wanted, 3)?;
    if let ([input, replace, ..], [_, argument, ..]) = (&types[..], arguments)
        && input != replace
    {
        let wanted = crate::types::sql_name(input);
        return Err(unexpected_type("overlay", argument, 1, &wanted)
            .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES"));
    }
    let returns = types.first().cloned().unwrap_or(DataType::Utf8);
    Ok(null_if_any_is(arguments, types, returns))
}

fn overlay(call: &Call<'_>) -> Result<ArrayRef> {
    let position: Ints<'_> = Column::of(call, 2)?;
    let length: Option<Ints<'_>> = Column::optional(call, 3)?;
    // Position and number of replaced characters of a row; `size` is that of the replacement.
    let range = |row: usize, size: usize| {
        let position = position.get(row)?;
        let length = match length {
            Some(length) => length.get(row)?,
            None => -1,
        };
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        let length = if length >= 0 { length } else { size };
        Some((position, position.wrapping_add(length)))
    };
    if argument(call, 0)?.data_type() == &DataType::Binary {
        let (input, replace): (Bytes<'_>, Bytes<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
        return try_bytes_into(call.rows, |row, out| {
            let (Some(input), Some(replace)) = (input.get(row), replace.get(row)) else {
                return Ok(None);
            };
            Ok(range(row, replace.len()).map(|(position, rest)| {
                out.extend_from_slice(slice_bytes(input, 1, position.wrapping_sub(1)));
                out.extend_from_slice(replace);
                out.extend_from_slice(slice_bytes(input, rest, i32::MAX));
            }))
        });
    }
    let (input, replace): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    text_into(call.rows, |row, out| {
        let (input, replace) = (input.get(row)?, replace.get(row)?);
        let (position, rest) = range(row, replace.chars().count())?;
        out.push_str(slice_text(input, 1, position.wrapping_sub(1)));
        out.push_str(replace);
        out.push_str(slice_text(input, rest, i32::MAX));
        Some(())
    })
}
