//! The one hash that decides where a state key lives. Its values are part of the on-disk format: a test pins them.
//!
//! A key is encoded to bytes by [`crate::operator::key`]; its hash is XXH3 (64 bits, seed 0) of these bytes. The upper eight bits
//! name its group.

use crate::operator::GROUPS;

/// What `metadata.json` calls this hash. A checkpoint that names another one is refused.
pub const NAME: &str = "xxh3-64/key-encoding-1";

/// The hash of an encoded key.
#[inline]
pub fn key_hash(encoded: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(encoded)
}

/// The group, `0..256`, of a key with this hash.
#[inline]
pub fn group(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// The partition, `0..partitions`, that holds the group of a key with this hash. Groups are spread in runs, so that a change of
/// `partitions` moves whole runs.
#[inline]
pub fn partition(hash: u64, partitions: usize) -> usize {
    group(hash) * partitions / GROUPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_what_they_have_always_been() {
        assert_eq!(key_hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(
            key_hash(b"tidemill"),
            xxhash_rust::xxh3::xxh3_64(b"tidemill")
        );
    }

    #[test]
    fn every_group_has_one_partition_and_all_are_used() {
        for partitions in [1, 2, 3, 7, 256] {
            let mut seen = vec![false; partitions];
            for group in 0..GROUPS as u64 {
                seen[partition(group << 56, partitions)] = true;
            }
            assert!(seen.into_iter().all(|used| used), "{partitions} partitions");
        }
    }
}
