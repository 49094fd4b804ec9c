//! The keys of a state partition, and the sessions of each.

use crate::operator::aggregate::count;
use hashbrown::HashTable;

/// A key with its sessions.
#[derive(Debug)]
struct Entry {
    hash: u64,
    bytes: Box<[u8]>,
    /// Slots of its sessions, by start. They do not touch, so they are sorted by end as well.
    sessions: Vec<u32>,
}

/// Keys by number. A key without sessions is forgotten, and its number given to another.
#[derive(Debug, Default)]
pub(super) struct Keys {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    bytes: usize,
}

impl Keys {
    /// The number of a key.
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers in the table are of entries"
    )]
    pub(super) fn intern(&mut self, hash: u64, key: &[u8]) -> u32 {
        let Keys {
            table,
            entries,
            free,
            bytes,
        } = self;
        let is_equal = |number: &u32| {
            let entry = &entries[*number as usize];
            entry.hash == hash && *entry.bytes == *key
        };
        if let Some(number) = table.find(hash, is_equal) {
            return *number;
        }
        let entry = Entry {
            hash,
            bytes: key.into(),
            sessions: Vec::new(),
        };
        *bytes += key.len();
        let number = if let Some(number) = free.pop() {
            entries[number as usize] = entry;
            number
        } else {
            entries.push(entry);
            count(entries.len() - 1)
        };
        table.insert_unique(hash, number, |number| entries[*number as usize].hash);
        number
    }

    /// The bytes of a key.
    pub(super) fn key(&self, number: u32) -> &[u8] {
        self.entries
            .get(number as usize)
            .map_or(&[], |entry| &entry.bytes)
    }

    /// The slots of its sessions, by start.
    pub(super) fn sessions(&self, number: u32) -> &[u32] {
        self.entries
            .get(number as usize)
            .map_or(&[], |entry| &entry.sessions)
    }

    /// Puts `slots` in the place of the sessions in `range`; a key that has none left is forgotten.
    pub(super) fn replace(&mut self, number: u32, range: std::ops::Range<usize>, slots: &[u32]) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        match (entry.sessions.get_mut(range.clone()), slots) {
            (Some([only]), [slot]) => *only = *slot,
            _ => drop(entry.sessions.splice(range, slots.iter().copied())),
        }
        if entry.sessions.is_empty() {
            self.bytes -= entry.bytes.len();
            entry.bytes = Box::default();
            entry.sessions = Vec::new();
            if let Ok(found) = self.table.find_entry(entry.hash, |it| *it == number) {
                found.remove();
            }
            self.free.push(number);
        }
    }

    /// About how many bytes they take.
    pub(super) fn memory_bytes(&self) -> usize {
        self.table.capacity() * 5
            + self.entries.capacity() * size_of::<Entry>()
            + self.bytes
            + self.free.capacity() * 4
    }
}
