//! Checksums and hashes: `md5`, `sha1` (`sha`), `sha2`, `crc32`, `hmac`, `hash` (Murmur3) and `xxhash64`.
//!
//! `hash` and `xxhash64` run over the columns from left to right, each value hashed with the hash so far as its seed, 42 at the start;
//! null leaves the hash as it is. Spark's Murmur3 differs from the published one in how it mixes the last bytes of a string.

mod fold;
mod hmac;
mod murmur3;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Bytes, Column, Ints, primitive_of, text_into};
use crate::function::signature::{
    BINARY, INT, TEXT, argument_types, count_arguments, nullable, rule,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{ArrayRef, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use sha2::Digest;
use std::sync::Arc;

/// Every function of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = digests();
    functions.push(keyed());
    functions.extend(hashes());
    functions
}

/// Other names, each with the name it stands for.
pub(crate) const ALIASES: &[(&str, &str)] = &[("sha", "sha1")];

fn digests() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "md5",
            usage: "md5(expr)",
            description: "The MD5 checksum in hexadecimal digits.",
            example: "SELECT md5('tide')",
            resolve: |arguments| rule("md5", arguments, &[BINARY], 1, DataType::Utf8),
            kernel: |call| digest(call, |bytes, out| write_hex(&md5::Md5::digest(bytes), out)),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "sha1",
            usage: "sha1(expr)",
            description: "The SHA-1 hash in hexadecimal digits.",
            example: "SELECT sha1('tide')",
            resolve: |arguments| rule("sha1", arguments, &[BINARY], 1, DataType::Utf8),
            kernel: |call| {
                digest(call, |bytes, out| {
                    write_hex(&sha1::Sha1::digest(bytes), out);
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "sha2",
            usage: "sha2(expr, bits)",
            description: "The SHA-2 hash of 224, 256 (also 0), 384 or 512 bits in hexadecimal digits; null for other lengths.",
            example: "SELECT sha2('tide', 256)",
            resolve: |arguments| {
                let types = argument_types("sha2", arguments, &[BINARY, INT], 2)?;
                Ok(nullable(types, DataType::Utf8))
            },
            kernel: sha2,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "crc32",
            usage: "crc32(expr)",
            description: "The CRC-32 checksum.",
            example: "SELECT crc32('tide')",
            resolve: |arguments| rule("crc32", arguments, &[BINARY], 1, DataType::Int64),
            kernel: |call| {
                let bytes: Bytes<'_> = Column::of(call, 0)?;
                primitive_of::<Int64Type>(call, |row| {
                    Some(i64::from(crc32fast::hash(bytes.get(row)?)))
                })
            },
            is_deterministic: true,
        },
    ]
}

fn keyed() -> ScalarFunction {
    ScalarFunction {
        name: "hmac",
        usage: "hmac(key, message[, algorithm])",
        description: "The keyed hash of a message: SHA-256 (the default), SHA-224, SHA-384, SHA-512, SHA-1 or MD5.",
        example: "SELECT hex(hmac('key', 'message'))",
        resolve: |arguments| {
            rule(
                "hmac",
                arguments,
                &[BINARY, BINARY, TEXT],
                2,
                DataType::Binary,
            )
        },
        kernel: hmac::hmac,
        is_deterministic: true,
    }
}

fn hashes() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "hash",
            usage: "hash(expr1[, expr2...])",
            description: "A 32-bit hash of the values (Murmur3).",
            example: "SELECT hash('tide', array(123), 2)",
            resolve: |arguments| resolve_hash("hash", arguments, DataType::Int32),
            kernel: |call| {
                let hashes = fold::fold(call, &murmur3::Murmur3)?;
                Ok(Arc::new(Int32Array::from(hashes)))
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "xxhash64",
            usage: "xxhash64(expr1[, expr2...])",
            description: "A 64-bit hash of the values (XXH64).",
            example: "SELECT xxhash64('tide', array(123), 2)",
            resolve: |arguments| resolve_hash("xxhash64", arguments, DataType::Int64),
            kernel: |call| {
                let hashes = fold::fold(call, &fold::Xxh64)?;
                Ok(Arc::new(Int64Array::from(hashes)))
            },
            is_deterministic: true,
        },
    ]
}

/// The XXH64 hash of each value with seed 42, as `xxhash64` of the one column; null hashes to 42.
///
/// # Errors
///
/// `Invalid` for types that are not hashed: maps.
pub(crate) fn xxhash64_of(column: &ArrayRef) -> Result<Vec<i64>> {
    fold::fold_column(column, &fold::Xxh64)
}

/// Spark's Murmur3 of bytes.
pub(crate) fn murmur3_of_bytes(bytes: &[u8], seed: i32) -> i32 {
    fold::Hasher::bytes(&murmur3::Murmur3, bytes, seed)
}

/// Murmur3 of a number of 32 bits.
pub(crate) fn murmur3_of_int(value: i32, seed: i32) -> i32 {
    fold::Hasher::int(&murmur3::Murmur3, value, seed)
}

fn digest(call: &Call<'_>, write: impl Fn(&[u8], &mut String)) -> Result<ArrayRef> {
    let bytes: Bytes<'_> = Column::of(call, 0)?;
    text_into(call.rows, |row, out| {
        write(bytes.get(row)?, out);
        Some(())
    })
}

fn sha2(call: &Call<'_>) -> Result<ArrayRef> {
    let (bytes, bits): (Bytes<'_>, Ints<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    text_into(call.rows, |row, out| {
        let bytes = bytes.get(row)?;
        match bits.get(row)? {
            224 => write_hex(&sha2::Sha224::digest(bytes), out),
            0 | 256 => write_hex(&sha2::Sha256::digest(bytes), out),
            384 => write_hex(&sha2::Sha384::digest(bytes), out),
            512 => write_hex(&sha2::Sha512::digest(bytes), out),
            _ => return None,
        }
        Some(())
    })
}

fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
    }
}

fn resolve_hash(name: &str, arguments: &[Expr], returns: DataType) -> Result<Signature> {
    count_arguments(name, arguments, 1, usize::MAX)?;
    for argument in arguments {
        if !types::is_hashable(&argument.data_type) {
            return Err(Error::invalid(format!("`{name}` cannot hash maps"))
                .with_condition("DATATYPE_MISMATCH.HASH_MAP_TYPE")
                .with_span(argument.span));
        }
    }
    let types = arguments.iter().map(|argument| argument.data_type.clone());
    Ok(Signature {
        arguments: types.collect(),
        returns,
        is_nullable: false,
    })
}
