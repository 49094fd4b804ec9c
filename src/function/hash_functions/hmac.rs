//! `hmac`: RFC 2104 over the hashes that are there.

use crate::error::{Error, Result};
use crate::function::Call;
use crate::function::kernel::{Bytes, Column, Text, try_bytes_into};
use arrow::array::ArrayRef;
use sha2::Digest;

/// The hash of two parts, one after another.
type Hash = fn(&[u8], &[u8]) -> Vec<u8>;

fn hash<D: Digest>(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut hash = D::new();
    hash.update(first);
    hash.update(second);
    hash.finalize().to_vec()
}

/// The hash of this name, with the bytes of its block.
fn algorithm(name: &str) -> Result<(Hash, usize)> {
    Ok(match name.to_ascii_uppercase().as_str() {
        "SHA-224" | "SHA224" => (hash::<sha2::Sha224>, 64),
        "SHA-256" | "SHA256" => (hash::<sha2::Sha256>, 64),
        "SHA-384" | "SHA384" => (hash::<sha2::Sha384>, 128),
        "SHA-512" | "SHA512" => (hash::<sha2::Sha512>, 128),
        "SHA-1" | "SHA1" => (hash::<sha1::Sha1>, 64),
        "MD5" => (hash::<md5::Md5>, 64),
        _ => {
            return Err(Error::data(format!(
                "`hmac` knows the algorithms 'SHA-224', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA-1' and 'MD5'. algorithm=`{name}`"
            ))
            .with_condition("INVALID_PARAMETER_VALUE.HMAC_ALGORITHM"));
        }
    })
}

pub(super) fn hmac(call: &Call<'_>) -> Result<ArrayRef> {
    let (keys, messages): (Bytes<'_>, Bytes<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let names: Option<Text<'_>> = Column::optional(call, 2)?;
    try_bytes_into(call.rows, |row, out| {
        let name = names.map_or(Some("SHA-256"), |names| names.get(row));
        let (Some(key), Some(message), Some(name)) = (keys.get(row), messages.get(row), name)
        else {
            return Ok(None);
        };
        let (hash, block) = algorithm(name)?;
        let mut padded = if key.len() > block {
            hash(key, &[])
        } else {
            key.to_vec()
        };
        padded.resize(block, 0);
        let masked = |mask: u8| -> Vec<u8> { padded.iter().map(|byte| byte ^ mask).collect() };
        let inner = hash(&masked(0x36), message);
        out.extend(hash(&masked(0x5C), &inner));
        Ok(Some(()))
    })
}
