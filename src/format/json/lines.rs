//! Cutting a text into lines and telling which of them have a mark, in one pass over its bytes.
//!
//! A mark is a backslash, or two given bytes at a given distance: the two rarest of a string that is looked for. A line without a mark
//! has neither a backslash nor that string; what a line with one has is left to be seen. The text is gone through in stretches of
//! 8 KiB: a bit for each byte says where lines end and where marks are, and then lines are told from the bits, while the text is still in
//! the fastest cache.

use memchr::arch::all::packedpair::Pair;
use std::ops::Range;

/// Bytes to a block: as many as a word has bits.
const BLOCK: usize = 64;

/// Blocks to a stretch.
const BLOCKS: usize = 128;

/// How many strings are looked for at most.
const STRINGS_MAX: usize = 8;

/// What marks a line, besides a backslash.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    pairs: Vec<MarkPair>,
}

/// Two bytes, of which the second comes `distance` behind the first.
#[derive(Debug, Clone, Copy)]
struct MarkPair {
    first: u8,
    second: u8,
    distance: usize,
}

/// A line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) range: Range<usize>,
    /// Whether a mark begins in it.
    pub(super) is_marked: bool,
}

/// The lines of a text, which end with a line feed, a carriage return or the text.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    marks: &'a Marks,
    blocks: [Bits; BLOCKS],
    /// Where the block that is next begins.
    block_start: usize,
    /// Where the next line begins.
    line_start: usize,
    is_marked: bool,
}

/// One bit a byte of a block.
#[derive(Debug, Clone, Copy, Default)]
struct Bits {
    /// Line ends.
    ends: u64,
    /// Where marks begin.
    marks: u64,
}

impl Marks {
    /// The lines that may contain one of these strings are marked; `None` if they are too many, or one is too short.
    pub(super) fn of_strings<'s>(strings: impl Iterator<Item = &'s [u8]>) -> Option<Marks> {
        let pairs: Option<Vec<MarkPair>> = strings.map(MarkPair::of).collect();
        let pairs = pairs.filter(|pairs| pairs.len() <= STRINGS_MAX)?;
        Some(Marks { pairs })
    }

    /// Only lines with backslashes are marked.
    pub(super) const NONE: &'static Marks = &Marks { pairs: Vec::new() };

    /// How far behind its beginning a mark ends at most.
    fn reach(&self) -> usize {
        let distances = self.pairs.iter().map(|pair| pair.distance);
        distances.max().unwrap_or(0)
    }
}

impl MarkPair {
    fn of(string: &[u8]) -> Option<MarkPair> {
        let pair = Pair::new(string)?;
        let (one, other) = (usize::from(pair.index1()), usize::from(pair.index2()));
        let (low, high) = (one.min(other), one.max(other));
        Some(MarkPair {
            first: *string.get(low)?,
            second: *string.get(high)?,
            distance: high - low,
        })
    }
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a [u8], marks: &'a Marks) -> Lines<'a> {
        let mut lines = Lines {
            text,
            marks,
            blocks: [Bits::default(); BLOCKS],
            block_start: 0,
            line_start: 0,
            is_marked: false,
        };
        lines.look();
        lines
    }

    /// Looks through the stretch that begins with the next block.
    fn look(&mut self) {
        let Some(ahead) = self.text.get(self.block_start..) else {
            return;
        };
        let reach = self.marks.reach();
        let whole = (ahead.len().saturating_sub(reach) / BLOCK).min(BLOCKS);
        let (blocks, rest) = self.blocks.split_at_mut(whole);
        look_through(ahead, self.marks, blocks);
        // The last bytes of a text are copied, so that something comes behind them.
        let tail = ahead.get(whole * BLOCK..).unwrap_or_default();
        let count = tail.len().div_ceil(BLOCK).min(rest.len());
        if let Some(rest) = rest.get_mut(..count).filter(|rest| !rest.is_empty()) {
            let mut padded = tail.to_vec();
            padded.resize(tail.len().max(count * BLOCK + reach), 0);
            look_through(&padded, self.marks, rest);
        }
    }

    fn line(&mut self, end: usize) -> Line {
        let range = self.line_start..end;
        self.line_start = end + 1;
        let is_marked = std::mem::take(&mut self.is_marked);
        Line { range, is_marked }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline]
    fn next(&mut self) -> Option<Line> {
        while self.block_start < self.text.len() {
            let bits = self.blocks.get_mut(self.block_start / BLOCK % BLOCKS)?;
            if bits.ends != 0 {
                let at = bits.ends.trailing_zeros();
                bits.ends &= bits.ends - 1;
                let before = (1 << at) - 1;
                self.is_marked |= bits.marks & before != 0;
                bits.marks &= !before;
                let end = self.block_start + at as usize;
                return Some(self.line(end));
            }
            self.is_marked |= bits.marks != 0;
            self.block_start += BLOCK;
            if self.block_start.is_multiple_of(BLOCK * BLOCKS) {
                self.look();
            }
        }
        (self.line_start < self.text.len()).then(|| self.line(self.text.len()))
    }
}

/// Sets the bits of the blocks that the text begins with. Behind the last of them as many bytes follow as a mark reaches.
fn look_through(text: &[u8], marks: &Marks, blocks: &mut [Bits]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the compiler cannot know what was just asked")]
        // SAFETY: the processor has AVX2.
        unsafe {
            vector::look_through(text, marks, blocks);
        }
        return;
    }
    plain::look_through(text, marks, blocks);
}

#[cfg(target_arch = "x86_64")]
mod vector {
    use super::{BLOCK, Bits, Marks};
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set_epi64x, _mm256_set1_epi8,
    };

    const WIDTH: usize = 32;

    #[target_feature(enable = "avx2")]
    pub(super) fn look_through(text: &[u8], marks: &Marks, blocks: &mut [Bits]) {
        let (chunks, _) = text.as_chunks::<BLOCK>();
        for (bits, chunk) in blocks.iter_mut().zip(chunks) {
            let [low, high] = load(chunk);
            let ends = [low, high].map(|bytes| _mm256_or_si256(is(bytes, b'\n'), is(bytes, b'\r')));
            *bits = Bits {
                ends: to_bits(ends),
                marks: to_bits([low, high].map(|bytes| is(bytes, b'\\'))),
            };
        }
        // The text is in the fastest cache now: to go through it again costs less than to have many loops in one.
        for pair in &marks.pairs {
            let (seconds, _) = text.get(pair.distance..).unwrap_or_default().as_chunks();
            for ((bits, chunk), second) in blocks.iter_mut().zip(chunks).zip(seconds) {
                let [low, high] = load(chunk).map(|bytes| is(bytes, pair.first));
                let [next_low, next_high] = load(second).map(|bytes| is(bytes, pair.second));
                let both = [
                    _mm256_and_si256(low, next_low),
                    _mm256_and_si256(high, next_high),
                ];
                bits.marks |= to_bits(both);
            }
        }
    }

    /// The two halves of a block.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(block: &[u8; BLOCK]) -> [__m256i; 2] {
        let (words, _) = block.as_chunks::<8>();
        let half = |start: usize| {
            let word = |number: usize| {
                let bytes = words.get(start + number).copied().unwrap_or_default();
                i64::from_le_bytes(bytes)
            };
            _mm256_set_epi64x(word(3), word(2), word(1), word(0))
        };
        [half(0), half(WIDTH / 8)]
    }

    /// All bits of those bytes that are this one.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn is(bytes: __m256i, byte: u8) -> __m256i {
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()))
    }

    /// One bit for each byte that has its highest bit set.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn to_bits([low, high]: [__m256i; 2]) -> u64 {
        let [low, high] =
            [low, high].map(|bytes| u64::from(_mm256_movemask_epi8(bytes).cast_unsigned()));
        low | high << WIDTH
    }
}

mod plain {
    use super::{BLOCK, Bits, Marks};

    pub(super) fn look_through(text: &[u8], marks: &Marks, blocks: &mut [Bits]) {
        blocks.fill(Bits::default());
        let within = text.get(..blocks.len() * BLOCK).unwrap_or_default();
        for at in memchr::memchr2_iter(b'\n', b'\r', within) {
            if let Some(bits) = blocks.get_mut(at / BLOCK) {
                bits.ends |= 1 << (at % BLOCK);
            }
        }
        let mut mark = |at: usize| {
            if let Some(bits) = blocks.get_mut(at / BLOCK) {
                bits.marks |= 1 << (at % BLOCK);
            }
        };
        memchr::memchr_iter(b'\\', within).for_each(&mut mark);
        for pair in &marks.pairs {
            memchr::memchr_iter(pair.first, within)
                .filter(|at| text.get(at + pair.distance) == Some(&pair.second))
                .for_each(&mut mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte by byte.
    fn plainly(text: &[u8], marks: &Marks) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut is_marked = false;
        for (at, byte) in text.iter().enumerate() {
            let is_pair = |pair: &MarkPair| {
                *byte == pair.first && text.get(at + pair.distance) == Some(&pair.second)
            };
            if matches!(byte, b'\n' | b'\r') {
                let range = start..at;
                lines.push(Line { range, is_marked });
                start = at + 1;
                is_marked = false;
            } else {
                is_marked |= *byte == b'\\' || marks.pairs.iter().any(is_pair);
            }
        }
        if start < text.len() {
            let range = start..text.len();
            lines.push(Line { range, is_marked });
        }
        lines
    }

    fn marks(strings: &[&str]) -> Marks {
        let strings = strings.iter().map(|string| string.as_bytes());
        Marks::of_strings(strings).unwrap()
    }

    #[test]
    fn lines_are_cut_and_marked_at_the_edges_of_blocks_and_stretches() {
        let marks = marks(&["view"]);
        for length in [
            0,
            1,
            63,
            64,
            65,
            128,
            BLOCK * BLOCKS,
            2 * BLOCK * BLOCKS + 7,
        ] {
            for (what, back) in [("\n", 1), ("view", 4), ("view", 2), ("\\", 1), ("\r\n", 1)] {
                let mut text = vec![b'x'; length.max(back) - back];
                text.extend_from_slice(what.as_bytes());
                text.extend_from_slice(b"xx\nyy");
                let lines: Vec<Line> = Lines::new(&text, &marks).collect();
                assert_eq!(lines, plainly(&text, &marks), "{length} {what:?}");
            }
        }
    }

    #[test]
    fn a_string_marks_its_line_and_no_other() {
        let text = b"{\"a\": \"view\"}\n{\"a\": \"click\"}\nvie\nw\n";
        let lines: Vec<bool> = Lines::new(text, &marks(&["view"]))
            .map(|line| line.is_marked)
            .collect();
        assert_eq!(lines, [true, false, false, false]);
    }

    #[test]
    fn what_is_too_short_or_too_much_is_not_looked_for() {
        assert!(Marks::of_strings([b"x".as_slice()].into_iter()).is_none());
        assert!(Marks::of_strings([b"ab".as_slice(); STRINGS_MAX + 1].into_iter()).is_none());
    }

    proptest! {
        #[test]
        fn every_way_of_looking_finds_the_same(
            pieces in proptest::collection::vec("[a-d\n\r]{0,80}|\\\\|view|[x]{60,70}", 0..300),
            strings in proptest::collection::vec("[a-dv][a-dw]{1,40}", 0..3),
        ) {
            let text = pieces.concat().into_bytes();
            let marks = Marks::of_strings(strings.iter().map(String::as_bytes)).unwrap();
            let lines: Vec<Line> = Lines::new(&text, &marks).collect();
            prop_assert_eq!(lines, plainly(&text, &marks));
            let whole = text.len().saturating_sub(marks.reach()) / BLOCK;
            let mut fast = vec![Bits::default(); whole];
            let mut slow = fast.clone();
            look_through(&text, &marks, &mut fast);
            plain::look_through(&text, &marks, &mut slow);
            for (fast, slow) in fast.iter().zip(&slow) {
                prop_assert_eq!((fast.ends, fast.marks), (slow.ends, slow.marks));
            }
        }
    }
}
