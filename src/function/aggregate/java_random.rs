//! The random numbers of Java, which Spark's answers depend on: a linear congruential generator of 48 bits.

const MULTIPLIER: i64 = 0x5_deec_e66d;
const MASK: i64 = (1 << 48) - 1;

/// `java.util.Random`.
#[derive(Debug, Clone)]
pub(super) struct JavaRandom {
    seed: i64,
}

impl JavaRandom {
    /// From this seed.
    pub(super) fn new(seed: i64) -> JavaRandom {
        JavaRandom {
            seed: (seed ^ MULTIPLIER) & MASK,
        }
    }

    /// The next `bits` bits, at most 32, as a number with sign.
    fn next(&mut self, bits: u32) -> i32 {
        self.seed = self.seed.wrapping_mul(MULTIPLIER).wrapping_add(0xb) & MASK;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Java keeps the low 32 of the bits that are left"
        )]
        let next = (self.seed >> (48 - bits)) as i32;
        next
    }

    /// From 0 to 1, exclusive.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub(super) fn next_double(&mut self) -> f64 {
        let (high, low) = (i64::from(self.next(26)), i64::from(self.next(27)));
        ((high << 27) + low) as f64 / (1_i64 << 53) as f64
    }

    /// From 0 to `bound`, exclusive; a bound that is no power of two.
    pub(super) fn next_below(&mut self, bound: i32) -> i32 {
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // The last, incomplete range of the bits would favour small numbers.
            if bits
                .checked_sub(value)
                .and_then(|low| low.checked_add(bound - 1))
                .is_some()
            {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_java() {
        assert_eq!(JavaRandom::new(1).next_below(i32::MAX), 0x5d8d_6ab9);
        let mut random = JavaRandom::new(7);
        assert_eq!(random.next_below(i32::MAX), 0x5d87_8bcc);
        assert_eq!(random.next_below(i32::MAX), 0x51bb_9a0c);
        let double = JavaRandom::new(42).next_double();
        assert_eq!(double.to_bits(), 0.727_563_680_032_868_1_f64.to_bits());
    }
}
