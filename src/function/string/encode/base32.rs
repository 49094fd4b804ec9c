//! Base32 of RFC 4648: `to_base32`, `from_base32`. Reading takes small letters, and does without the `=` at the end.

/// The digits.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Appends the digits of some bytes, filled up with `=` to groups of eight.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, index| {
            bits << 8 | u64::from(group.get(index).copied().unwrap_or_default())
        });
        let digits = (group.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or_default();
            match ALPHABET.get(digit) {
                Some(letter) if index < digits => out.push(char::from(*letter)),
                _ => out.push('='),
            }
        }
    }
}

/// Appends the bytes of some digits; bits that make no whole byte are passed over, as is every character that is no digit.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) {
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let upper = byte.to_ascii_uppercase();
        let Some(digit) = ALPHABET.iter().position(|letter| *letter == upper) else {
            continue;
        };
        bits = (bits << 5 | u32::try_from(digit).unwrap_or_default()) & 0xFFF;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.extend((bits >> count).to_le_bytes().first());
        }
    }
}
