//! Finding the end of a JSON string, many bytes at a time: 16 with the vector unit that every x86-64 has, else 8 in one word.

/// The position of the first quote, backslash or control character from `start` on (or the end), and whether all bytes before it are
/// ASCII.
#[inline]
pub(super) fn scan_string(bytes: &[u8], start: usize) -> (usize, bool) {
    #[cfg(target_arch = "x86_64")]
    #[expect(
        unsafe_code,
        reason = "the compiler does not take it as given that x86-64 has SSE2"
    )]
    // SAFETY: SSE2 is part of x86-64.
    return unsafe { vector::scan(bytes, start) };
    #[cfg(not(target_arch = "x86_64"))]
    word::scan(bytes, start)
}

/// Whether a string can go on over this byte without a closer look.
#[inline]
fn stops(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(target_arch = "x86_64")]
mod vector {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };

    const WIDTH: usize = 16;

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn scan(bytes: &[u8], start: usize) -> (usize, bool) {
        let (chunks, tail) = bytes.get(start..).unwrap_or_default().as_chunks::<WIDTH>();
        let mut high_bits = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            let (stops, highs) = classify(chunk);
            if stops != 0 {
                let before = (1_u32 << stops.trailing_zeros()) - 1;
                let at = start + index * WIDTH + stops.trailing_zeros() as usize;
                return (at, (high_bits | (highs & before)) == 0);
            }
            high_bits |= highs;
        }
        let tail_start = bytes.len() - tail.len();
        let (length, is_ascii) = scan_tail(bytes, tail);
        (tail_start + length, is_ascii && high_bits == 0)
    }

    /// The same for fewer than 16 bytes at the end: the last 16 are looked at, of which the first were seen before.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn scan_tail(bytes: &[u8], tail: &[u8]) -> (usize, bool) {
        let Some(last) = bytes.last_chunk::<WIDTH>() else {
            let end = tail.iter().position(|byte| super::stops(*byte));
            let end = end.unwrap_or(tail.len());
            return (end, tail.iter().take(end).all(u8::is_ascii));
        };
        let seen = WIDTH - tail.len();
        let (stops, highs) = classify(last);
        let (stops, highs) = (stops >> seen, highs >> seen);
        let end = (stops.trailing_zeros() as usize).min(tail.len());
        (end, highs & ((1 << end) - 1) == 0)
    }

    /// One bit a byte: whether it stops a string; whether it is not ASCII.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn classify(chunk: &[u8; WIDTH]) -> (u32, u32) {
        let both = u128::from_le_bytes(*chunk);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the two halves, one by one"
        )]
        let (low, high) = (
            (both as u64).cast_signed(),
            ((both >> 64) as u64).cast_signed(),
        );
        let bytes = _mm_set_epi64x(high, low);
        let is_quote = _mm_cmpeq_epi8(bytes, all(b'"'));
        let is_backslash = _mm_cmpeq_epi8(bytes, all(b'\\'));
        let is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, all(0x1f)), bytes);
        let stops = _mm_or_si128(_mm_or_si128(is_quote, is_backslash), is_control);
        (
            _mm_movemask_epi8(stops).cast_unsigned(),
            _mm_movemask_epi8(bytes).cast_unsigned(),
        )
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn all(byte: u8) -> __m128i {
        _mm_set1_epi8(byte.cast_signed())
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod word {
    /// Eight times 0x01, eight times 0x80: for looking at eight bytes at once.
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;

    #[inline]
    pub(super) fn scan(bytes: &[u8], start: usize) -> (usize, bool) {
        let (chunks, tail) = bytes.get(start..).unwrap_or_default().as_chunks::<8>();
        let mut seen = 0_u64;
        for (index, chunk) in chunks.iter().enumerate() {
            let word = u64::from_le_bytes(*chunk);
            let is_quote = word ^ (ONES * u64::from(b'"'));
            let is_backslash = word ^ (ONES * u64::from(b'\\'));
            // Each term sets the high bit of a byte that is zero, or (the last) below 0x20. A borrow can only set bits above
            // the first true one, and the first is what counts.
            let stops = (is_quote.wrapping_sub(ONES) & !is_quote)
                | (is_backslash.wrapping_sub(ONES) & !is_backslash)
                | (word.wrapping_sub(ONES * 0x20) & !word);
            let stops = stops & HIGHS;
            if stops != 0 {
                let before = stops.trailing_zeros() & !7;
                seen |= word & ((1_u64 << before) - 1);
                return (start + index * 8 + (before / 8) as usize, seen & HIGHS == 0);
            }
            seen |= word;
        }
        let end = tail.iter().position(|byte| super::stops(*byte));
        let end = end.unwrap_or(tail.len());
        let is_ascii = tail.iter().take(end).all(u8::is_ascii);
        (
            start + chunks.len() * 8 + end,
            is_ascii && seen & HIGHS == 0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{scan_string, stops, word};

    /// Byte by byte.
    fn plainly(bytes: &[u8], start: usize) -> (usize, bool) {
        let ahead = &bytes[start..];
        let length = ahead.iter().position(|byte| stops(*byte));
        let length = length.unwrap_or(ahead.len());
        (start + length, ahead[..length].is_ascii())
    }

    #[test]
    fn the_end_is_found_wherever_it_is() {
        for length in 0..70 {
            for stop in [b'"', b'\\', 0, 0x1f, 0x20, b'!', 0x7f, 0x80, 0xff] {
                for at in 0..=length {
                    let mut bytes = vec![b'x'; length];
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = stop;
                    }
                    if let Some(byte) = bytes.get_mut(at + 3) {
                        *byte = 0xc3;
                    }
                    for start in 0..=length.min(20) {
                        let expected = plainly(&bytes, start);
                        assert_eq!(scan_string(&bytes, start), expected, "{bytes:?} {start}");
                        assert_eq!(word::scan(&bytes, start), expected, "{bytes:?} {start}");
                    }
                }
            }
        }
    }
}
