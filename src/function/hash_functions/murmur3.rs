//! Murmur3 with 32 bits as Spark has it: whole words as published, but each byte of the rest mixed as a word of its own.

use super::fold::Hasher;

#[derive(Debug)]
pub(super) struct Murmur3;

fn mix_word(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593)
}

fn mix_hash(hash: u32, word: u32) -> u32 {
    (hash ^ mix_word(word))
        .rotate_left(13)
        .wrapping_mul(5)
        .wrapping_add(0xe654_6b64)
}

fn finish(hash: u32, length: u32) -> i32 {
    let mut hash = hash ^ length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)).cast_signed()
}

impl Hasher for Murmur3 {
    type Hash = i32;
    const SEED: i32 = 42;

    fn int(&self, value: i32, seed: i32) -> i32 {
        finish(mix_hash(seed.cast_unsigned(), value.cast_unsigned()), 4)
    }

    fn long(&self, value: i64, seed: i32) -> i32 {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = value.to_le_bytes();
        let hash = mix_hash(seed.cast_unsigned(), u32::from_le_bytes([b0, b1, b2, b3]));
        finish(mix_hash(hash, u32::from_le_bytes([b4, b5, b6, b7])), 8)
    }

    fn bytes(&self, value: &[u8], seed: i32) -> i32 {
        let (words, rest) = value.as_chunks::<4>();
        let mut hash = seed.cast_unsigned();
        for word in words {
            hash = mix_hash(hash, u32::from_le_bytes(*word));
        }
        for byte in rest {
            // Java's bytes are signed.
            hash = mix_hash(hash, i32::from(byte.cast_signed()).cast_unsigned());
        }
        finish(hash, u32::try_from(value.len()).unwrap_or(u32::MAX))
    }
}
