//! `lpad` and `rpad`: a string, or a binary, of a given length.

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Bytes, Column, Ints, Text, argument, try_bytes_into, try_text_into};
use crate::function::signature::{BINARY, INT, TEXT, rule};
use crate::function::string::slice::slice_text;
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "lpad",
            usage: "lpad(str, len[, pad])",
            description: "The string with pad (by default spaces) before it up to the length len, or cut to it.",
            example: "SELECT lpad('hi', 5, '??')",
            resolve: |arguments| resolve("lpad", arguments),
            kernel: |call| padded(call, Side::Left),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "rpad",
            usage: "rpad(str, len[, pad])",
            description: "The string with pad (by default spaces) behind it up to the length len, or cut to it.",
            example: "SELECT rpad('hi', 5, '??')",
            resolve: |arguments| resolve("rpad", arguments),
            kernel: |call| padded(call, Side::Right),
            is_deterministic: true,
        },
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

fn resolve(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let is_binary = |index: usize| {
        arguments
            .get(index)
            .is_none_or(|argument| argument.data_type == DataType::Binary)
    };
    if !arguments.is_empty() && is_binary(0) && is_binary(2) {
        return rule(name, arguments, &[BINARY, INT, BINARY], 2, DataType::Binary);
    }
    rule(name, arguments, &[TEXT, INT, TEXT], 2, DataType::Utf8)
}

/// The longest string a kernel makes: what one Arrow column can hold.
const LONGEST: usize = i32::MAX as usize;

/// Checks that a string of this many bytes can be made.
pub(super) fn check_size(bytes: usize) -> Result<()> {
    if bytes <= LONGEST {
        return Ok(());
    }
    Err(Error::data(format!(
        "a string would have more than 2 GiB. bytes=`{bytes}`"
    )))
}

fn padded(call: &Call<'_>, side: Side) -> Result<ArrayRef> {
    let length: Ints<'_> = Column::of(call, 1)?;
    if argument(call, 0)?.data_type() == &DataType::Binary {
        return padded_bytes(call, length, side);
    }
    let text: Text<'_> = Column::of(call, 0)?;
    let pad: Option<Text<'_>> = Column::optional(call, 2)?;
    try_text_into(call.rows, |row, out| {
        let pad = pad.map_or(Some(" "), |pad| pad.get(row));
        let (Some(text), Some(length), Some(pad)) = (text.get(row), length.get(row), pad) else {
            return Ok(None);
        };
        let missing = usize::try_from(length)
            .unwrap_or_default()
            .saturating_sub(text.chars().count());
        if missing == 0 || pad.is_empty() {
            out.push_str(slice_text(text, 1, length));
            return Ok(Some(()));
        }
        check_size(text.len().saturating_add(missing.saturating_mul(4)))?;
        let padding = pad.chars().cycle().take(missing);
        if side == Side::Left {
            out.extend(padding);
            out.push_str(text);
        } else {
            out.push_str(text);
            out.extend(padding);
        }
        Ok(Some(()))
    })
}

fn padded_bytes(call: &Call<'_>, length: Ints<'_>, side: Side) -> Result<ArrayRef> {
    let bytes: Bytes<'_> = Column::of(call, 0)?;
    let pad: Option<Bytes<'_>> = Column::optional(call, 2)?;
    try_bytes_into(call.rows, |row, out| {
        let pad = pad.map_or(Some(&[0u8][..]), |pad| pad.get(row));
        let (Some(bytes), Some(length), Some(pad)) = (bytes.get(row), length.get(row), pad) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or_default();
        let missing = length.saturating_sub(bytes.len());
        if missing == 0 || pad.is_empty() {
            out.extend_from_slice(bytes.get(..length).unwrap_or(bytes));
            return Ok(Some(()));
        }
        let padding = pad.iter().cycle().take(missing);
        if side == Side::Left {
            out.extend(padding);
            out.extend_from_slice(bytes);
        } else {
            out.extend_from_slice(bytes);
            out.extend(padding);
        }
        Ok(Some(()))
    })
}
