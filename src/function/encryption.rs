//! `aes_encrypt`, `aes_decrypt`, `try_aes_decrypt`: AES with keys of 128, 192 or 256 bits in the modes GCM (the default), CBC and ECB.
//!
//! The form is Spark's: GCM gives the 12 bytes of its initialization vector, the text, and a tag of 16 bytes; CBC its 16 bytes, then the
//! text; both pick a random vector if none is given. CBC and ECB fill up the last block as PKCS 7 says. The cipher is the crate `aes`, the
//! modes are in [`mode`].

mod mode;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Bytes, Column, Text, try_bytes_into};
use crate::function::signature::{BINARY, TEXT, argument_types, nullable};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use mode::{Cipher, GCM_VECTOR, Mode};

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "aes_encrypt",
            usage: "aes_encrypt(expr, key[, mode[, padding[, iv[, aad]]]])",
            description: "The bytes encrypted by AES; the key has 16, 24 or 32 bytes, the mode is GCM (the default), CBC or ECB.",
            example: "SELECT base64(aes_encrypt('Spark SQL', '1234567890abcdef', 'ECB', 'PKCS'))",
            resolve: |arguments| resolve("aes_encrypt", arguments, 6),
            kernel: encrypt,
            // Without a vector of the caller's every call picks one.
            is_deterministic: false,
        },
        ScalarFunction {
            name: "aes_decrypt",
            usage: "aes_decrypt(expr, key[, mode[, padding[, aad]]])",
            description: "What aes_encrypt encrypted.",
            example: "SELECT aes_decrypt(unbase64('3lmwu+Mw0H3fi5NDvcu9lg=='), '1234567890abcdef', 'ECB', 'PKCS')",
            resolve: |arguments| resolve("aes_decrypt", arguments, 5),
            kernel: |call| decrypt(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_aes_decrypt",
            usage: "try_aes_decrypt(expr, key[, mode[, padding[, aad]]])",
            description: "As aes_decrypt, null where the bytes are not what the key encrypted.",
            example: "SELECT try_aes_decrypt(unbase64('3lmwu+Mw0H3fi5NDvcu9lg=='), '1234567890abcdef', 'ECB', 'PKCS')",
            resolve: |arguments| resolve("try_aes_decrypt", arguments, 5),
            kernel: |call| decrypt(call, true),
            is_deterministic: true,
        },
    ]
}

fn resolve(name: &str, arguments: &[Expr], most: usize) -> Result<Signature> {
    let wanted = [BINARY, BINARY, TEXT, TEXT, BINARY, BINARY];
    let types = argument_types(name, arguments, wanted.get(..most).unwrap_or_default(), 2)?;
    Ok(nullable(types, DataType::Binary))
}

/// The mode of a name and a padding.
fn mode_of(name: &str, padding: &str) -> Result<Mode> {
    let (mode, padding) = (name.to_ascii_uppercase(), padding.to_ascii_uppercase());
    match (mode.as_str(), padding.as_str()) {
        ("GCM", "NONE" | "DEFAULT") => Ok(Mode::Gcm),
        ("CBC", "PKCS" | "DEFAULT") => Ok(Mode::Cbc),
        ("ECB", "PKCS" | "DEFAULT") => Ok(Mode::Ecb),
        _ => Err(Error::data(format!(
            "AES-{mode} with the padding {padding} is not supported"
        ))
        .with_condition("UNSUPPORTED_FEATURE.AES_MODE")),
    }
}

fn cipher_of(key: &[u8]) -> Result<Cipher> {
    Cipher::new(key).ok_or_else(|| {
        Error::data(format!(
            "an AES key has 16, 24 or 32 bytes. bytes=`{}`",
            key.len()
        ))
        .with_condition("INVALID_PARAMETER_VALUE.AES_KEY_LENGTH")
    })
}

/// Vectors and additional data belong to some modes only.
fn check_extras(mode: Mode, vector: &[u8], additional: &[u8]) -> Result<()> {
    if !vector.is_empty() {
        let wanted = match mode {
            Mode::Gcm => GCM_VECTOR,
            Mode::Cbc => mode::BLOCK,
            Mode::Ecb => {
                return Err(
                    Error::data("AES-ECB does not support initialization vectors")
                        .with_condition("UNSUPPORTED_FEATURE.AES_MODE_IV"),
                );
            }
        };
        if vector.len() != wanted {
            return Err(Error::data(format!(
                "an initialization vector has 16 bytes for CBC and 12 for GCM. bytes=`{}`",
                vector.len()
            ))
            .with_condition("INVALID_PARAMETER_VALUE.AES_IV_LENGTH"));
        }
    }
    if !additional.is_empty() && mode != Mode::Gcm {
        return Err(
            Error::data("only AES-GCM supports additional authenticated data")
                .with_condition("UNSUPPORTED_FEATURE.AES_MODE_AAD"),
        );
    }
    Ok(())
}

/// The arguments of both directions; `None` for what was left out.
struct Columns<'a> {
    input: Bytes<'a>,
    key: Bytes<'a>,
    mode: Option<Text<'a>>,
    padding: Option<Text<'a>>,
}

impl<'a> Columns<'a> {
    fn of(call: &Call<'a>) -> Result<Columns<'a>> {
        Ok(Columns {
            input: Column::of(call, 0)?,
            key: Column::of(call, 1)?,
            mode: Column::optional(call, 2)?,
            padding: Column::optional(call, 3)?,
        })
    }

    /// Input, key, and the names of mode and padding; `None` if one is null.
    fn get(&self, row: usize) -> Option<(&'a [u8], &'a [u8], &'a str, &'a str)> {
        Some((
            self.input.get(row)?,
            self.key.get(row)?,
            self.mode.map_or(Some("GCM"), |mode| mode.get(row))?,
            self.padding
                .map_or(Some("DEFAULT"), |padding| padding.get(row))?,
        ))
    }
}

/// The bytes of an argument that may be left out; `None` for null.
fn extra(column: Option<Bytes<'_>>, row: usize) -> Option<&[u8]> {
    column.map_or(Some(&[][..]), |column| column.get(row))
}

fn encrypt(call: &Call<'_>) -> Result<ArrayRef> {
    let columns = Columns::of(call)?;
    let (vectors, additional) = (Column::optional(call, 4)?, Column::optional(call, 5)?);
    try_bytes_into(call.rows, |row, out| {
        let (Some((input, key, mode, padding)), Some(vector), Some(additional)) = (
            columns.get(row),
            extra(vectors, row),
            extra(additional, row),
        ) else {
            return Ok(None);
        };
        let mode = mode_of(mode, padding)?;
        check_extras(mode, vector, additional)?;
        let cipher = cipher_of(key)?;
        let vector = match mode {
            Mode::Ecb => Vec::new(),
            _ if !vector.is_empty() => vector.to_vec(),
            Mode::Gcm => random(GCM_VECTOR),
            Mode::Cbc => random(mode::BLOCK),
        };
        out.extend_from_slice(&vector);
        cipher.encrypt(mode, &vector, additional, input, out);
        Ok(Some(()))
    })
}

/// Random bytes of the operating system.
fn random(bytes: usize) -> Vec<u8> {
    let mut random = uuid::Uuid::new_v4().into_bytes().to_vec();
    // A random UUID has six bits that are not random; a hash spreads the others over all.
    random.extend(uuid::Uuid::new_v4().into_bytes());
    let spread = <sha2::Sha256 as sha2::Digest>::digest(&random);
    spread.iter().copied().take(bytes).collect()
}

fn decrypt(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let columns = Columns::of(call)?;
    let additional = Column::optional(call, 4)?;
    try_bytes_into(call.rows, |row, out| {
        let (Some((input, key, mode, padding)), Some(additional)) =
            (columns.get(row), extra(additional, row))
        else {
            return Ok(None);
        };
        let result = decrypt_one(input, key, (mode, padding), additional);
        match result {
            Err(_) if is_try => Ok(None),
            result => {
                out.extend(result?);
                Ok(Some(()))
            }
        }
    })
}

fn decrypt_one(
    input: &[u8],
    key: &[u8],
    (mode, padding): (&str, &str),
    additional: &[u8],
) -> Result<Vec<u8>> {
    let mode = mode_of(mode, padding)?;
    check_extras(mode, &[], additional)?;
    let cipher = cipher_of(key)?;
    let vector = match mode {
        Mode::Gcm => GCM_VECTOR,
        Mode::Cbc => mode::BLOCK,
        Mode::Ecb => 0,
    };
    input
        .split_at_checked(vector)
        .and_then(|(vector, text)| cipher.decrypt(mode, vector, additional, text))
        .ok_or_else(|| {
            Error::data("the bytes are not what this key encrypted in this mode")
                .with_condition("INVALID_PARAMETER_VALUE.AES_CRYPTO_ERROR")
        })
}
