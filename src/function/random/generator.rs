//! Spark's generators: an XOR shift register for numbers and letters, Mersenne's twister for identifiers and orders.

/// What numbers are drawn from.
pub(super) trait Generator {
    fn new(seed: i64) -> Self;
}

/// Marsaglia's XOR shift register of 64 bits, with the methods of `java.util.Random` over it.
#[derive(Debug, Clone)]
pub(super) struct XorShift {
    state: i64,
    /// Normal numbers come in pairs; this is the second of one.
    gaussian: Option<f64>,
}

impl Generator for XorShift {
    fn new(seed: i64) -> XorShift {
        /// The seed of Scala's hash of arrays.
        const ARRAY_SEED: u32 = 0x3c07_4a61;
        let bytes = seed.to_be_bytes();
        let low = murmur3(bytes, ARRAY_SEED);
        let high = murmur3(bytes, low);
        XorShift {
            state: ((u64::from(high) << 32) | u64::from(low)).cast_signed(),
            gaussian: None,
        }
    }
}

impl XorShift {
    /// The next `bits` bits, at most 32.
    fn next(&mut self, bits: u32) -> i64 {
        let mut state = self.state ^ (self.state << 21);
        state ^= (state.cast_unsigned() >> 35).cast_signed();
        state ^= state << 4;
        self.state = state;
        state & ((1 << bits) - 1)
    }

    /// From 0 to 1, exclusive.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub(super) fn next_double(&mut self) -> f64 {
        let (high, low) = (self.next(26), self.next(27));
        ((high << 27) + low) as f64 / (1_i64 << 53) as f64
    }

    /// Of the standard normal distribution, by Marsaglia's polar method.
    pub(super) fn next_gaussian(&mut self) -> f64 {
        if let Some(second) = self.gaussian.take() {
            return second;
        }
        loop {
            let (x, y) = (
                2.0 * self.next_double() - 1.0,
                2.0 * self.next_double() - 1.0,
            );
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.gaussian = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// A digit or a letter.
    pub(super) fn next_letter(&mut self) -> char {
        const LETTERS: &[u8; 62] =
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        #[expect(
            clippy::cast_possible_truncation,
            reason = "32 bits, which Java takes for a number with sign"
        )]
        let number = self.next(32) as i32;
        let letter = LETTERS.get((number % 62).unsigned_abs() as usize);
        letter.copied().map_or('0', char::from)
    }
}

/// Murmur3 with 32 bits of eight bytes, as published.
fn murmur3(bytes: [u8; 8], seed: u32) -> u32 {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = bytes;
    let words = [[b0, b1, b2, b3], [b4, b5, b6, b7]].map(u32::from_le_bytes);
    let mut hash = seed;
    for word in words {
        let word = word
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593);
        hash = (hash ^ word)
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    hash ^= 8;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// How many words Mersenne's twister has.
const WORDS: usize = 624;

/// Mersenne's twister (MT19937), seeded as Apache Commons Math seeds it.
#[derive(Debug, Clone)]
pub(super) struct Mersenne {
    words: [u32; WORDS],
    at: usize,
}

impl Generator for Mersenne {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of the seed"
    )]
    fn new(seed: i64) -> Mersenne {
        let seed = seed.cast_unsigned();
        let mut twister = Mersenne::of_number(19_650_218);
        twister.stir([(seed >> 32) as u32, seed as u32]);
        twister
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "indices are below the number of words: they count up to it, or are taken modulo it"
)]
impl Mersenne {
    fn of_number(seed: u32) -> Mersenne {
        let mut words = [seed; WORDS];
        for (number, index) in (1_u32..).zip(1..WORDS) {
            let last = words[index - 1];
            words[index] = 1_812_433_253_u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(number);
        }
        Mersenne { words, at: WORDS }
    }

    /// Stirs a key into the words.
    fn stir(&mut self, key: [u32; 2]) {
        let mut at = 1;
        let [high, low] = key;
        for (number, part) in [(0, high), (1, low)].into_iter().cycle().take(WORDS) {
            self.mix(at, 1_664_525);
            self.words[at] = self.words[at].wrapping_add(part).wrapping_add(number);
            at = self.after(at);
        }
        for _ in 1..WORDS {
            self.mix(at, 1_566_083_941);
            self.words[at] = self.words[at].wrapping_sub(u32::try_from(at).unwrap_or_default());
            at = self.after(at);
        }
        self.words[0] = 0x8000_0000;
    }

    fn mix(&mut self, at: usize, factor: u32) {
        let before = self.words[at - 1];
        self.words[at] ^= (before ^ (before >> 30)).wrapping_mul(factor);
    }

    /// The place after `at`, where places go round from 1.
    fn after(&mut self, at: usize) -> usize {
        if at + 1 < WORDS {
            return at + 1;
        }
        self.words[0] = self.words[WORDS - 1];
        1
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let bits =
                (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
            let magic = if bits & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[at] = self.words[(at + 397) % WORDS] ^ (bits >> 1) ^ magic;
        }
        self.at = 0;
    }

    /// The next 32 bits.
    fn next_word(&mut self) -> u32 {
        if self.at >= WORDS {
            self.twist();
        }
        let mut word = self.words[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    pub(super) fn next_long(&mut self) -> u64 {
        let high = u64::from(self.next_word());
        (high << 32) | u64::from(self.next_word())
    }

    /// From 0 to `bound`, exclusive; the bound is positive.
    pub(super) fn next_below(&mut self, bound: i32) -> i32 {
        let bound = i64::from(bound);
        loop {
            let bits = i64::from(self.next_word() >> 1);
            let value = if bound & (bound - 1) == 0 {
                (bits * bound) >> 31
            } else {
                bits % bound
            };
            // The last, incomplete range of the bits would favour small numbers.
            let is_fair =
                bound & (bound - 1) == 0 || bits - value + (bound - 1) <= i64::from(i32::MAX);
            if is_fair {
                return i32::try_from(value).unwrap_or_default();
            }
        }
    }
}
