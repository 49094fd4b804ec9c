//! A store that is rebuilt from its deltas, or from a snapshot, is the store that wrote them.

use super::*;
use std::collections::BTreeSet as Sorted;

fn variables() -> Vec<Variable> {
    let variable = |name: &str, kind, ttl_ms| Variable {
        name: name.to_owned(),
        kind,
        ttl_ms,
    };
    vec![
        variable("value", Kind::Value, None),
        variable("list", Kind::List, Some(40)),
        variable("map", Kind::Map, Some(15)),
    ]
}

fn times(now: i64) -> Times {
    Times {
        mode: TimeMode::ProcessingTime,
        batch: BatchId(0),
        processing: Timestamp(now),
        watermark: Timestamp(0),
    }
}

/// A small generator of numbers, the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// A batch of random changes at `now`.
fn change(store: &mut Store, numbers: &mut Numbers, now: i64) {
    let variables = variables();
    for _ in 0..numbers.below(20) {
        let key: Key = Arc::from([u8::try_from(numbers.below(6)).unwrap()].as_slice());
        let variable = u16::try_from(numbers.below(3)).unwrap();
        let entry = [u8::try_from(numbers.below(4)).unwrap()];
        let what = numbers.below(6);
        let value = vec![0; usize::try_from(numbers.below(9)).unwrap()];
        let timer = now + i64::try_from(numbers.below(30)).unwrap();
        store.with_key(&key, &variables, times(now), |context| match what {
            0 => context.clear(variable),
            1 => context.remove(variable, &entry),
            2 => context.register_timer(timer).unwrap(),
            3 => context.delete_timer(timer).unwrap(),
            _ => context.put(variable, &entry, value),
        });
    }
    store.take_due(now);
    store.remove_expired(now);
}

/// Everything in it, as text.
fn contents(store: &Store) -> Sorted<String> {
    let tables = store.all(&variables()).unwrap();
    let mut lines = Sorted::new();
    for (name, rows) in &tables {
        for row in 0..rows.num_rows() {
            lines.insert(format!("{name} {:?}", rows.slice(row, 1).columns()));
        }
    }
    lines
}

fn restore(store: &mut Store, tables: &[(String, RecordBatch)]) {
    for (name, rows) in tables {
        let saved = SavedStates::read((name, rows), &variables(), &[]).unwrap();
        store.restore(&saved, |_| true);
    }
}

#[test]
fn deltas_and_snapshots_rebuild_the_store_that_wrote_them() {
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let (mut live, mut from_deltas) = (Store::default(), Store::default());
        for batch in 0..30 {
            change(&mut live, &mut numbers, batch * 10);
            let delta = live.take_changes(&variables()).unwrap();
            restore(&mut from_deltas, &delta);
            restore(&mut from_deltas, &delta);
            assert_eq!(contents(&live), contents(&from_deltas), "seed {seed}");
        }
        let mut from_snapshot = Store::default();
        restore(&mut from_snapshot, &live.all(&variables()).unwrap());
        assert_eq!(contents(&live), contents(&from_snapshot), "seed {seed}");
        for rebuilt in [&from_deltas, &from_snapshot] {
            assert_eq!(rebuilt.cells(), live.cells(), "seed {seed}");
            assert_eq!(rebuilt.timers, live.timers, "seed {seed}");
            assert_eq!(rebuilt.expiries, live.expiries, "seed {seed}");
            assert_eq!(rebuilt.memory_bytes(), live.memory_bytes(), "seed {seed}");
        }
    }
}

#[test]
fn a_store_of_which_everything_is_gone_holds_nothing() {
    let mut numbers = Numbers(7);
    let mut store = Store::default();
    (0..20).for_each(|batch| change(&mut store, &mut numbers, batch * 10));
    let keys: Vec<Key> = store.keys.keys().cloned().collect();
    for key in keys {
        store.with_key(&key, &variables(), times(1_000), |context| {
            (0..3).for_each(|variable| context.clear(variable));
        });
    }
    store.take_due(10_000);
    assert_eq!(store.memory_bytes(), 0);
    assert!(store.keys.is_empty() && store.timers.is_empty() && store.expiries.is_empty());
}
