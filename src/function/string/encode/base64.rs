//! Base64 as MIME has it: written in lines of 76 letters, read with everything passed over that is not of the alphabet.

use crate::error::{Error, Result};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in a line.
const LINE: usize = 57;

/// Appends bytes in Base64, padded, with a line break between lines.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for (number, chunk) in bytes.chunks(3).enumerate() {
        if number > 0 && number.is_multiple_of(LINE / 3) {
            out.push_str("\r\n");
        }
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= chunk.len() {
                let index = bits >> (18 - 6 * place) & 63;
                let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'A');
                out.push(char::from(letter));
            } else {
                out.push('=');
            }
        }
    }
}

/// The six bits of a letter.
fn value_of(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Appends the bytes of a Base64 text, by the rules of Java's MIME decoder.
///
/// # Errors
///
/// `Data`, if letters or padding are missing at the end, or letters stand behind the padding.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let malformed = |why: &str| Error::data(format!("the string is not Base64: {why}"));
    let mut letters = text.bytes();
    let (mut bits, mut count) = (0u32, 0);
    while let Some(letter) = letters.next() {
        if letter == b'=' {
            let is_dangling = count == 2 && letters.next() != Some(b'=');
            if count == 0 || is_dangling {
                return Err(malformed("wrong padding"));
            }
            break;
        }
        let Some(value) = value_of(letter) else {
            continue;
        };
        bits = bits << 6 | value;
        count += 1;
        if count == 4 {
            out.extend(bits.to_be_bytes().iter().skip(1));
            (bits, count) = (0, 0);
        }
    }
    match count {
        1 => return Err(malformed("the last letter has too few bits")),
        2 => out.extend((bits << 12).to_be_bytes().iter().skip(1).take(1)),
        3 => out.extend((bits << 6).to_be_bytes().iter().skip(1).take(2)),
        _ => {}
    }
    if letters.any(|letter| value_of(letter).is_some()) {
        return Err(malformed("letters behind the padding"));
    }
    Ok(())
}

/// Whether a text has only letters, white space and, at the end, the right padding or none.
pub(super) fn is_strict(text: &str) -> bool {
    let (mut letters, mut padding) = (0usize, 0usize);
    for character in text.chars() {
        let is_letter = u8::try_from(character).is_ok_and(|letter| value_of(letter).is_some());
        if is_letter && padding == 0 {
            letters += 1;
        } else if character == '=' {
            padding += 1;
            if padding > 2 || letters % 4 < 2 {
                return false;
            }
        } else if !character.is_whitespace() || padding > 0 {
            return false;
        }
    }
    if padding > 0 {
        (letters + padding).is_multiple_of(4)
    } else {
        letters % 4 != 1
    }
}
