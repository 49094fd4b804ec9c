//! The character sets of `encode` and `decode`. What a set cannot hold, and bytes that are not of it, are errors.

use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    /// With a byte order mark: written big-endian, read as it says.
    Utf16,
    Utf16BigEndian,
    Utf16LittleEndian,
    Utf32,
}

impl Charset {
    fn find(name: &str) -> Result<Charset> {
        match &*name.to_ascii_uppercase() {
            "US-ASCII" => Ok(Charset::Ascii),
            "ISO-8859-1" => Ok(Charset::Latin1),
            "UTF-8" => Ok(Charset::Utf8),
            "UTF-16" => Ok(Charset::Utf16),
            "UTF-16BE" => Ok(Charset::Utf16BigEndian),
            "UTF-16LE" => Ok(Charset::Utf16LittleEndian),
            "UTF-32" => Ok(Charset::Utf32),
            _ => Err(Error::data(format!(
                "the character set must be US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE, UTF-16LE or UTF-32. charset=`{name}`"
            ))
            .with_condition("INVALID_PARAMETER_VALUE.CHARSET")),
        }
    }
}

fn malformed(function: &str, charset: &str) -> Error {
    Error::data(format!(
        "`{function}` met a character or bytes that are not of the character set. charset=`{charset}`"
    ))
    .with_condition("MALFORMED_CHARACTER_CODING")
}

/// Appends the bytes of a text.
///
/// # Errors
///
/// `Data` with `INVALID_PARAMETER_VALUE.CHARSET` or `MALFORMED_CHARACTER_CODING`.
pub(super) fn encode(text: &str, name: &str, out: &mut Vec<u8>) -> Result<()> {
    let charset = Charset::find(name)?;
    if text.is_empty() {
        return Ok(());
    }
    let single = |limit: u32, out: &mut Vec<u8>| {
        for character in text.chars() {
            let byte = u8::try_from(u32::from(character)).ok();
            let byte = byte.filter(|byte| u32::from(*byte) < limit);
            out.push(byte.ok_or_else(|| malformed("encode", name))?);
        }
        Ok(())
    };
    match charset {
        Charset::Ascii => return single(128, out),
        Charset::Latin1 => return single(256, out),
        Charset::Utf8 => out.extend_from_slice(text.as_bytes()),
        Charset::Utf16 => {
            out.extend_from_slice(&[0xfe, 0xff]);
            out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        }
        Charset::Utf16BigEndian => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
        Charset::Utf16LittleEndian => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        Charset::Utf32 => {
            let units = text.chars().map(u32::from);
            out.extend(units.flat_map(u32::to_be_bytes));
        }
    }
    Ok(())
}

/// Appends the text of bytes.
///
/// # Errors
///
/// As [`encode`].
pub(super) fn decode(bytes: &[u8], name: &str, out: &mut String) -> Result<()> {
    let charset = Charset::find(name)?;
    let malformed = || malformed("decode", name);
    match charset {
        Charset::Ascii if !bytes.is_ascii() => return Err(malformed()),
        Charset::Ascii | Charset::Utf8 => {
            out.push_str(std::str::from_utf8(bytes).map_err(|_| malformed())?);
        }
        Charset::Latin1 => out.extend(bytes.iter().copied().map(char::from)),
        Charset::Utf16 => match bytes {
            [0xff, 0xfe, rest @ ..] => {
                decode_utf16(rest, u16::from_le_bytes, out).ok_or_else(malformed)?;
            }
            [0xfe, 0xff, rest @ ..] | rest => {
                decode_utf16(rest, u16::from_be_bytes, out).ok_or_else(malformed)?;
            }
        },
        Charset::Utf16BigEndian => {
            decode_utf16(bytes, u16::from_be_bytes, out).ok_or_else(malformed)?;
        }
        Charset::Utf16LittleEndian => {
            decode_utf16(bytes, u16::from_le_bytes, out).ok_or_else(malformed)?;
        }
        Charset::Utf32 => decode_utf32(bytes, out).ok_or_else(malformed)?,
    }
    Ok(())
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, out: &mut String) -> Option<()> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    for character in char::decode_utf16(units.iter().copied().map(unit)) {
        out.push(character.ok()?);
    }
    Some(())
}

/// Big-endian unless a byte order mark says otherwise.
fn decode_utf32(bytes: &[u8], out: &mut String) -> Option<()> {
    let (bytes, is_little_endian) = match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => (rest, true),
        [0, 0, 0xfe, 0xff, rest @ ..] | rest => (rest, false),
    };
    let (units, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    for bytes in units {
        let unit = if is_little_endian {
            u32::from_le_bytes(*bytes)
        } else {
            u32::from_be_bytes(*bytes)
        };
        out.push(char::from_u32(unit)?);
    }
    Some(())
}
