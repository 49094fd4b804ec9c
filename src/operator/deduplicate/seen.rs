//! The keys one state partition has seen.
//!
//! The bytes of keys lie in buckets by the moment at which they are forgotten, each bucket [`BUCKET_US`] wide; a hash table over all
//! buckets finds them. Eviction takes whole buckets out and costs what it evicts; only the one bucket that the watermark cuts
//! through is looked at key by key, and what is over in it is marked until the rest goes too.

use crate::hash::key_hash;
use crate::operator::key::EncodedKeys;
use hashbrown::HashTable;
use std::collections::BTreeMap;

/// How wide a bucket is: 10 seconds.
const BUCKET_US: i64 = 10_000_000;

/// The moment, and the bucket, of keys that are never forgotten.
const NEVER: i64 = i64::MAX;

/// A key with the moment at which it is forgotten, if it ever is.
pub(super) type Remembered<'a> = (&'a [u8], Option<i64>);

/// Where a key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: u64,
    bucket: i64,
    slot: u32,
}

/// Keys that are forgotten at about the same time.
#[derive(Debug, Default)]
struct Bucket {
    keys: EncodedKeys,
    /// When each is forgotten; `None` marks those that are gone.
    expires: Vec<Option<i64>>,
}

impl Bucket {
    /// The slot after the last.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bucket of 2^32 keys does not fit in memory"
    )]
    fn next_slot(&self) -> u32 {
        self.expires.len() as u32
    }

    fn expires(&self, slot: u32) -> Option<i64> {
        self.expires.get(slot as usize).copied().flatten()
    }

    fn key(&self, slot: u32) -> &[u8] {
        self.keys.get(slot as usize)
    }

    fn mark_gone(&mut self, slot: u32) {
        if let Some(expires) = self.expires.get_mut(slot as usize) {
            *expires = None;
        }
    }
}

/// Keys and the moments at which they are forgotten.
#[derive(Debug, Default)]
pub(super) struct Seen {
    table: HashTable<Entry>,
    /// By the last moment they can hold, in microseconds.
    buckets: BTreeMap<i64, Bucket>,
    /// Keys added since the last delta: bucket and slot.
    added: Vec<(i64, u32)>,
}

impl Seen {
    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// About how many bytes they take.
    pub(super) fn memory_bytes(&self) -> usize {
        let of_bucket = |bucket: &Bucket| {
            bucket.keys.memory_bytes() + bucket.expires.capacity() * size_of::<Option<i64>>()
        };
        self.table.capacity() * (size_of::<Entry>() + 1)
            + self.buckets.values().map(of_bucket).sum::<usize>()
            + self.added.capacity() * size_of::<(i64, u32)>()
    }

    /// Remembers a key until `expires` (`None`: for ever), unless it is known; whether it was new.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8], expires: Option<i64>) -> bool {
        let is_new = self.find(hash, key).is_none();
        if is_new {
            self.add(hash, key, expires.unwrap_or(NEVER));
        }
        is_new
    }

    /// Remembers a key until `expires`, whatever was known of it.
    pub(super) fn put(&mut self, hash: u64, key: &[u8], expires: Option<i64>) {
        let expires = expires.unwrap_or(NEVER);
        if let Some(entry) = self.find(hash, key) {
            if let Some(bucket) = self.buckets.get_mut(&entry.bucket) {
                if bucket.expires(entry.slot) == Some(expires) {
                    return;
                }
                bucket.mark_gone(entry.slot);
            }
            remove(&mut self.table, entry);
        }
        self.add(hash, key, expires);
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<Entry> {
        let is_equal = |entry: &Entry| {
            entry.hash == hash
                && self
                    .buckets
                    .get(&entry.bucket)
                    .is_some_and(|bucket| bucket.key(entry.slot) == key)
        };
        self.table.find(hash, is_equal).copied()
    }

    fn add(&mut self, hash: u64, key: &[u8], expires: i64) {
        let number = bucket_of(expires);
        let bucket = self.buckets.entry(number).or_default();
        let entry = Entry {
            hash,
            bucket: number,
            slot: bucket.next_slot(),
        };
        bucket.keys.push(key);
        bucket.expires.push(Some(expires));
        self.table.insert_unique(hash, entry, |entry| entry.hash);
        self.added.push((number, entry.slot));
    }

    /// Forgets every key whose moment lies at or before `watermark`, in microseconds; how many.
    pub(super) fn evict(&mut self, watermark: i64) -> u64 {
        let before = self.table.len();
        let mut later = self.buckets.split_off(&watermark.saturating_add(1));
        if let Some(never) = self.buckets.remove(&NEVER) {
            later.insert(NEVER, never);
        }
        for (number, mut bucket) in std::mem::replace(&mut self.buckets, later) {
            forget(&mut self.table, (number, &mut bucket), watermark);
        }
        // The bucket that the watermark cuts through.
        if let Some((number, bucket)) = self.buckets.iter_mut().next()
            && *number != NEVER
            && number.saturating_sub(BUCKET_US) < watermark
        {
            forget(&mut self.table, (*number, bucket), watermark);
        }
        if self.table.len() < self.table.capacity() / 4 {
            let room = self.table.len() * 2;
            self.table.shrink_to(room, |entry| entry.hash);
        }
        (before - self.table.len()) as u64
    }

    /// The keys added since the last delta that are still there.
    pub(super) fn added(&self) -> Vec<Remembered<'_>> {
        let live = |(number, slot): &(i64, u32)| remembered(self.buckets.get(number)?, *slot);
        self.added.iter().filter_map(live).collect()
    }

    /// Begins a new delta.
    pub(super) fn forget_added(&mut self) {
        self.added.clear();
    }

    /// All keys.
    pub(super) fn all(&self) -> Vec<Remembered<'_>> {
        self.buckets
            .values()
            .flat_map(|bucket| {
                (0..bucket.next_slot()).filter_map(move |slot| remembered(bucket, slot))
            })
            .collect()
    }
}

/// The key in this slot, unless it is gone.
fn remembered(bucket: &Bucket, slot: u32) -> Option<Remembered<'_>> {
    let expires = bucket.expires(slot)?;
    Some((bucket.key(slot), (expires != NEVER).then_some(expires)))
}

/// Takes the keys of a bucket that are over out of the table, and marks them.
fn forget(table: &mut HashTable<Entry>, (number, bucket): (i64, &mut Bucket), watermark: i64) {
    for slot in 0..bucket.next_slot() {
        let is_over = |expires: i64| expires <= watermark;
        if bucket.expires(slot).is_some_and(is_over) {
            let entry = Entry {
                hash: key_hash(bucket.key(slot)),
                bucket: number,
                slot,
            };
            bucket.mark_gone(slot);
            remove(table, entry);
        }
    }
}

fn remove(table: &mut HashTable<Entry>, entry: Entry) {
    if let Ok(found) = table.find_entry(entry.hash, |other| *other == entry) {
        found.remove();
    }
}

/// The bucket of a moment: the next multiple of the width.
fn bucket_of(expires: i64) -> i64 {
    if expires == NEVER {
        return NEVER;
    }
    expires
        .saturating_add(BUCKET_US - 1)
        .div_euclid(BUCKET_US)
        .saturating_mul(BUCKET_US)
}
