//! Strings and bytes: `base64`, `unbase64`, `to_base32`, `from_base32`, `encode`, `decode`, `to_binary` and the checks for UTF-8.

mod base32;
mod base64;
mod charset;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{
    Bytes, Column, Text, argument, booleans_of, text_into, text_of, try_bytes_into, try_text_into,
};
use crate::function::signature::{
    BINARY, TEXT, TEXT_OR_BINARY, argument_types, constant, nullable, rule, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = codings();
    functions.extend(to_binaries());
    functions.extend(validity());
    functions
}

#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn codings() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "base64",
            usage: "base64(bin)",
            description: "The bytes in Base64, in lines of 76 letters.",
            example: "SELECT base64('tide')",
            resolve: |arguments| rule("base64", arguments, &[BINARY], 1, DataType::Utf8),
            kernel: |call| {
                let bytes: Bytes<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    base64::encode(bytes.get(row)?, out);
                    Some(())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "unbase64",
            usage: "unbase64(str)",
            description: "The bytes of a Base64 string; characters that are not of its alphabet are passed over.",
            example: "SELECT unbase64('dGlkZQ==')",
            resolve: |arguments| rule("unbase64", arguments, &[TEXT], 1, DataType::Binary),
            kernel: |call| {
                let text: Text<'_> = Column::of(call, 0)?;
                try_bytes_into(call.rows, |row, out| {
                    text.get(row)
                        .map(|text| base64::decode(text, out))
                        .transpose()
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "to_base32",
            usage: "to_base32(bin)",
            description: "The bytes in Base32.",
            example: "SELECT to_base32('foobar')",
            resolve: |arguments| rule("to_base32", arguments, &[BINARY], 1, DataType::Utf8),
            kernel: |call| {
                let bytes: Bytes<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    base32::encode(bytes.get(row)?, out);
                    Some(())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "from_base32",
            usage: "from_base32(str)",
            description: "The bytes of a Base32 string; characters that are not of its alphabet are passed over.",
            example: "SELECT from_base32('MZXW6YTBOI======')",
            resolve: |arguments| rule("from_base32", arguments, &[TEXT], 1, DataType::Binary),
            kernel: |call| {
                let text: Text<'_> = Column::of(call, 0)?;
                try_bytes_into(call.rows, |row, out| {
                    Ok(text.get(row).map(|text| base32::decode(text, out)))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "encode",
            usage: "encode(str, charset)",
            description: "The bytes of a string in a character set: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE, UTF-16LE or UTF-32.",
            example: "SELECT encode('tide', 'utf-8')",
            resolve: |arguments| rule("encode", arguments, &[TEXT, TEXT], 2, DataType::Binary),
            kernel: |call| {
                let (text, charset): (Text<'_>, Text<'_>) =
                    (Column::of(call, 0)?, Column::of(call, 1)?);
                try_bytes_into(call.rows, |row, out| {
                    let (Some(text), Some(charset)) = (text.get(row), charset.get(row)) else {
                        return Ok(None);
                    };
                    charset::encode(text, charset, out).map(Some)
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "decode",
            usage: "decode(bin, charset)",
            description: "The string of bytes in a character set: US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE, UTF-16LE or UTF-32.",
            example: "SELECT decode(encode('tide', 'utf-8'), 'utf-8')",
            resolve: resolve_decode,
            kernel: |call| {
                let bytes: Bytes<'_> = Column::of(call, 0)?;
                let charset: Text<'_> = Column::of(call, 1)?;
                try_text_into(call.rows, |row, out| {
                    let (Some(bytes), Some(charset)) = (bytes.get(row), charset.get(row)) else {
                        return Ok(None);
                    };
                    charset::decode(bytes, charset, out).map(Some)
                })
            },
            is_deterministic: true,
        },
    ]
}

fn to_binaries() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "to_binary",
            usage: "to_binary(str[, format])",
            description: "The bytes of a string in the format hex (the default), utf-8 or base64.",
            example: "SELECT to_binary('abc', 'utf-8')",
            resolve: |arguments| resolve_to_binary("to_binary", arguments),
            kernel: |call| to_binary(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_to_binary",
            usage: "try_to_binary(str[, format])",
            description: "As to_binary, but null if the string does not have the format.",
            example: "SELECT try_to_binary('a!', 'base64')",
            resolve: |arguments| resolve_to_binary("try_to_binary", arguments),
            kernel: |call| to_binary(call, true),
            is_deterministic: true,
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn validity() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "is_valid_utf8",
            usage: "is_valid_utf8(expr)",
            description: "Whether it is valid UTF-8.",
            example: "SELECT is_valid_utf8(x'80')",
            resolve: |arguments| {
                let types = argument_types("is_valid_utf8", arguments, &[TEXT_OR_BINARY], 1)?;
                Ok(nullable(types, DataType::Boolean))
            },
            kernel: |call| {
                if let Some(bytes) = binary(call)? {
                    return booleans_of(call.rows, |row| {
                        Some(std::str::from_utf8(bytes.get(row)?).is_ok())
                    });
                }
                let text: Text<'_> = Column::of(call, 0)?;
                booleans_of(call.rows, |row| text.get(row).map(|_| true))
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "collation",
            usage: "collation(str)",
            description: "The name of the collation of a string: strings are compared by their bytes.",
            example: "SELECT collation('Spark SQL')",
            resolve: |arguments| {
                argument_types("collation", arguments, &[TEXT], 1)?;
                match arguments.first() {
                    Some(other) if other.data_type != DataType::Utf8 => {
                        Err(unexpected_type("collation", other, 0, "STRING"))
                    }
                    _ => Ok(Signature {
                        arguments: vec![DataType::Utf8],
                        returns: DataType::Utf8,
                        is_nullable: false,
                    }),
                }
            },
            kernel: |call| text_of(call.rows, |_| Some("SYSTEM.BUILTIN.UTF8_BINARY")),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "make_valid_utf8",
            usage: "make_valid_utf8(expr)",
            description: "The string with each invalid sequence replaced by U+FFFD.",
            example: "SELECT make_valid_utf8(x'80')",
            resolve: |arguments| resolve_valid("make_valid_utf8", arguments),
            kernel: |call| {
                valid_text(call, |bytes| {
                    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "validate_utf8",
            usage: "validate_utf8(expr)",
            description: "The string, if it is valid UTF-8; else an error.",
            example: "SELECT validate_utf8(x'61')",
            resolve: |arguments| resolve_valid("validate_utf8", arguments),
            kernel: |call| {
                valid_text(call, |bytes| match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(Some(text.to_owned())),
                    Err(cause) => Err(Error::data("a string is not valid UTF-8")
                        .with_condition("INVALID_UTF8_STRING")
                        .with_source(cause)),
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_validate_utf8",
            usage: "try_validate_utf8(expr)",
            description: "The string, if it is valid UTF-8; else null.",
            example: "SELECT try_validate_utf8(x'61')",
            resolve: |arguments| resolve_valid("try_validate_utf8", arguments),
            kernel: |call| {
                valid_text(call, |bytes| {
                    Ok(std::str::from_utf8(bytes).ok().map(str::to_owned))
                })
            },
            is_deterministic: true,
        },
    ]
}

fn resolve_decode(arguments: &[Expr]) -> Result<Signature> {
    if arguments.len() > 2 {
        return Err(Error::unsupported(
            "`decode` with values to search for (write CASE)",
        ));
    }
    rule("decode", arguments, &[BINARY, TEXT], 2, DataType::Utf8)
}

fn resolve_valid(name: &str, arguments: &[Expr]) -> Result<Signature> {
    let types = argument_types(name, arguments, &[TEXT_OR_BINARY], 1)?;
    Ok(nullable(types, DataType::Utf8))
}

/// Argument 0, if it is a binary.
fn binary<'a>(call: &Call<'a>) -> Result<Option<Bytes<'a>>> {
    match argument(call, 0)?.data_type() {
        DataType::Binary => Column::of(call, 0).map(Some),
        _ => Ok(None),
    }
}

/// Strings as they are, binaries through `convert`.
fn valid_text(
    call: &Call<'_>,
    convert: impl Fn(&[u8]) -> Result<Option<String>>,
) -> Result<ArrayRef> {
    let Some(bytes) = binary(call)? else {
        return argument(call, 0)?.to_array(call.rows);
    };
    try_text_into(call.rows, |row, out| {
        let Some(bytes) = bytes.get(row) else {
            return Ok(None);
        };
        Ok(convert(bytes)?.map(|text| out.push_str(&text)))
    })
}

/// What `to_binary` reads.
#[derive(Clone, Copy)]
enum Format {
    Hex,
    Utf8,
    Base64,
}

fn format_of(name: &str) -> Option<Format> {
    match &*name.to_lowercase() {
        "hex" => Some(Format::Hex),
        "utf-8" | "utf8" => Some(Format::Utf8),
        "base64" => Some(Format::Base64),
        _ => None,
    }
}

fn resolve_to_binary(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    let types = argument_types(name, arguments, &[TEXT, TEXT], 1)?;
    if arguments.len() == 2 {
        let value = constant(name, arguments, 1)?;
        let given = value.as_string_opt::<i32>().filter(|text| text.is_valid(0));
        let is_known = given.is_none_or(|text| format_of(text.value(0)).is_some());
        if name == "to_binary" && !is_known {
            return Err(Error::invalid(
                "the format of `to_binary` must be hex, utf-8, utf8 or base64",
            )
            .with_condition("DATATYPE_MISMATCH.INVALID_ARG_VALUE"));
        }
    }
    Ok(nullable(types, DataType::Binary))
}

fn to_binary(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let text: Text<'_> = Column::of(call, 0)?;
    let format: Option<Text<'_>> = Column::optional(call, 1)?;
    let format = match format {
        None => Some(Format::Hex),
        Some(format) => format.get(0).and_then(format_of),
    };
    try_bytes_into(call.rows, |row, out| {
        let (Some(text), Some(format)) = (text.get(row), format) else {
            return Ok(None);
        };
        let converted = match format {
            Format::Hex => unhex(text, out),
            Format::Utf8 => {
                out.extend_from_slice(text.as_bytes());
                Some(())
            }
            Format::Base64 => Some(text)
                .filter(|text| base64::is_strict(text))
                .and_then(|text| base64::decode(text, out).ok()),
        };
        match converted {
            None if !is_try => Err(Error::data(format!(
                "the string cannot be converted to BINARY; try_to_binary gives null instead. value=`{text}`"
            ))
            .with_condition("CONVERSION_INVALID_INPUT")),
            converted => Ok(converted),
        }
    })
}

/// Pairs of hexadecimal digits; the first digit stands alone if their number is odd.
fn unhex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (first, pairs) = text.as_bytes().split_at(text.len() % 2);
    for byte in first {
        out.push(digit(byte)?);
    }
    for pair in pairs.chunks_exact(2) {
        if let [high, low] = pair {
            out.push(digit(high)? << 4 | digit(low)?);
        }
    }
    Some(())
}
