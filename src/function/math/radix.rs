//! Numbers in other bases: `hex`, `unhex`, `bin`, `conv`.

use super::arguments;
use crate::error::Result;
use crate::expr::Expr;
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("hex", "hex(expr)"),
            (
                "an integer, a text or bytes in hexadecimal digits",
                "SELECT hex(17)",
            ),
            (resolve_hex, hex),
        ),
        ScalarFunction::new(
            ("unhex", "unhex(expr)"),
            (
                "the bytes that hexadecimal digits stand for; null if they are none",
                "SELECT unhex('537061726B')",
            ),
            (resolve_unhex, unhex),
        ),
        ScalarFunction::new(
            ("bin", "bin(expr)"),
            ("an integer in binary digits", "SELECT bin(13)"),
            (resolve_bin, bin),
        ),
        ScalarFunction::new(
            ("conv", "conv(num, from_base, to_base)"),
            (
                "a number in another base, from 2 to 36; signed if to_base is negative",
                "SELECT conv('100', 2, 10)",
            ),
            (resolve_conv, conv),
        ),
    ]
}

fn resolve_hex(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("hex", arguments, 1, 1)?;
    let wanted = [
        Wanted::Exactly(DataType::Int64),
        Wanted::Exactly(DataType::Binary),
        Wanted::Exactly(DataType::Utf8),
    ];
    Ok(Signature {
        arguments: vec![argument_type("hex", arguments, 0, &wanted)?],
        returns: DataType::Utf8,
        is_nullable: any_nullable(arguments),
    })
}

fn hex(call: &Call<'_>) -> Result<ArrayRef> {
    let [input] = arguments(call)?;
    let array = input.array();
    if let Some(longs) = array.as_primitive_opt::<Int64Type>() {
        let texts: StringArray = longs
            .iter()
            .map(|value| value.map(|value| format!("{value:X}")))
            .collect();
        return Ok(Arc::new(texts));
    }
    let bytes = arrow::compute::cast(array, &DataType::Binary)?;
    let bytes = bytes.as_binary::<i32>();
    let mut builder = StringBuilder::with_capacity(bytes.len(), bytes.value_data().len() * 2);
    let mut text = String::new();
    for value in bytes {
        match value {
            Some(value) => {
                text.clear();
                for byte in value {
                    push_hex(*byte, &mut text);
                }
                builder.append_value(&text);
            }
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn push_hex(byte: u8, text: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
        text.push(digit.to_ascii_uppercase());
    }
}

fn resolve_unhex(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("unhex", arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Utf8)];
    Ok(Signature {
        arguments: vec![argument_type("unhex", arguments, 0, &wanted)?],
        returns: DataType::Binary,
        is_nullable: true,
    })
}

fn unhex(call: &Call<'_>) -> Result<ArrayRef> {
    let [input] = arguments(call)?;
    let texts = input.array().as_string::<i32>();
    let mut builder = BinaryBuilder::with_capacity(texts.len(), texts.value_data().len() / 2);
    for text in texts {
        builder.append_option(text.and_then(bytes_of_hex));
    }
    Ok(Arc::new(builder.finish()))
}

/// The bytes; of an odd number of digits the first stands alone.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<Vec<u8>>>()?;
    let (first, pairs) = digits.split_at(digits.len() % 2);
    let pairs = pairs.chunks_exact(2).map(|pair| match pair {
        [high, low] => (high << 4) | low,
        _ => 0,
    });
    Some(first.iter().copied().chain(pairs).collect())
}

fn resolve_bin(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("bin", arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Int64)];
    Ok(Signature {
        arguments: vec![argument_type("bin", arguments, 0, &wanted)?],
        returns: DataType::Utf8,
        is_nullable: any_nullable(arguments),
    })
}

fn bin(call: &Call<'_>) -> Result<ArrayRef> {
    let [input] = arguments(call)?;
    let texts: StringArray = input
        .array()
        .as_primitive::<Int64Type>()
        .iter()
        .map(|value| value.map(|value| format!("{value:b}")))
        .collect();
    Ok(Arc::new(texts))
}

fn resolve_conv(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("conv", arguments, 3, 3)?;
    let int = [Wanted::Exactly(DataType::Int32)];
    Ok(Signature {
        arguments: vec![
            argument_type("conv", arguments, 0, &[Wanted::Exactly(DataType::Utf8)])?,
            argument_type("conv", arguments, 1, &int)?,
            argument_type("conv", arguments, 2, &int)?,
        ],
        returns: DataType::Utf8,
        is_nullable: true,
    })
}

fn conv(call: &Call<'_>) -> Result<ArrayRef> {
    let [number, from, to] = arguments(call)?;
    let texts = number.array().as_string::<i32>();
    let froms = from.array().as_primitive::<Int32Type>();
    let tos = to.array().as_primitive::<Int32Type>();
    let mut builder = StringBuilder::new();
    for row in 0..call.rows {
        let (text, from, to) = (number.index(row), from.index(row), to.index(row));
        if texts.is_null(text) || froms.is_null(from) || tos.is_null(to) {
            builder.append_null();
            continue;
        }
        builder.append_option(convert_base(
            texts.value(text),
            froms.value(from),
            tos.value(to),
        )?);
    }
    Ok(Arc::new(builder.finish()))
}

/// A number of base `from` as text of base `to`. It is read as 64 bits without sign; what follows the last digit is ignored.
fn convert_base(text: &str, from: i32, to: i32) -> Result<Option<String>> {
    let text = text.trim_matches(' ');
    let is_base = |base: u32| (2..=36).contains(&base);
    let from = u32::try_from(from).ok().filter(|from| is_base(*from));
    let (Some(from), true) = (from, is_base(to.unsigned_abs())) else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(None);
    }
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut value: u64 = 0;
    for digit in digits.chars().map_while(|digit| digit.to_digit(from)) {
        value = value
            .checked_mul(u64::from(from))
            .and_then(|shifted| shifted.checked_add(u64::from(digit)))
            .ok_or_else(|| {
                crate::error::Error::data("overflow in function conv()")
                    .with_condition("ARITHMETIC_OVERFLOW")
            })?;
    }
    let mut is_shown_negative = is_negative;
    if is_negative && to > 0 {
        // A negative number is shown as the 64 bits it is, unless it does not fit with its sign.
        value = if value.cast_signed() < 0 {
            u64::MAX
        } else {
            value.wrapping_neg()
        };
        is_shown_negative = false;
    }
    if to < 0 && value.cast_signed() < 0 {
        value = value.wrapping_neg();
        is_shown_negative = true;
    }
    let digits = digits_of(value, to.unsigned_abs());
    Ok(Some(if is_shown_negative {
        format!("-{digits}")
    } else {
        digits
    }))
}

fn digits_of(mut value: u64, base: u32) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(value % u64::from(base)).unwrap_or(0);
        let digit = char::from_digit(digit, 36).unwrap_or('0');
        digits.push(digit.to_ascii_uppercase());
        value /= u64::from(base);
        if value == 0 {
            return digits.iter().rev().collect();
        }
    }
}
