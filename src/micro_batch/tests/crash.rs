//! Crashes after every effect, and after every effect of the recovery from that: disk, state and output must come out as
//! those of a calm run.

use super::doubles::World;
use crate::checkpoint::read_checkpoint;
use crate::disk::{AfterCrash, Disk, Effects};
use crate::error::ErrorKind;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The numbers of a story: they make four batches with data and one without, with snapshots and removals in between.
const NUMBERS: u64 = 18;

/// A shorter story, for pairs of crashes.
const FEW_NUMBERS: u64 = 13;

/// What is left in the end, without the times at which it happened, and without batches that gave no rows: whether one
/// more of these runs depends on where the run before ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// By batch: numbers, sums and watermarks.
    output: Vec<(u64, Vec<i64>)>,
    state: BTreeMap<i64, i64>,
}

fn outcome(world: &World) -> Outcome {
    let batches = world.numbers().into_iter();
    let output = batches
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(id, rows)| {
            let rows = rows.chunks(5);
            let rows = rows.flat_map(|row| [row[0], row[1], row[3], row[4]]);
            (id, rows.collect())
        });
    let disk = Arc::new(world.disk.clone());
    let (_, history) = read_checkpoint(disk, Path::new("/query")).unwrap();
    assert!(history.uncommitted().is_none());
    let mut state = BTreeMap::new();
    let last = history.last_committed().unwrap();
    history
        .restore_state(last, &mut |_, delta| {
            for (_, rows) in delta.tables {
                let column = |index: usize| {
                    let column = rows.column(index).as_primitive::<Int64Type>();
                    column.values().to_vec()
                };
                state.extend(column(0).into_iter().zip(column(1)));
            }
            Ok(())
        })
        .unwrap();
    Outcome {
        output: output.collect(),
        state,
    }
}

fn world(effects: Effects, numbers: u64) -> World {
    let mut world = World::new(effects);
    // Nothing more is kept than recovery needs.
    world.retained = 0;
    world.offer(numbers);
    world
}

/// What a run that nothing disturbs comes to, if the first offset it is told is `first`.
fn calm(first: i64, numbers: u64) -> Outcome {
    let world = world(Effects::calm(), numbers);
    *world.first.lock().unwrap() = u64::try_from(first).unwrap() - 1;
    world.drain().unwrap();
    outcome(&world)
}

/// Calm runs by their first offset.
#[derive(Default)]
struct Calm(BTreeMap<i64, Outcome>);

impl Calm {
    fn check(&mut self, world: &World, story: &str) {
        let outcome = outcome(world);
        let first = outcome.output[0].1[0];
        let expected = self.0.entry(first).or_insert_with(|| {
            let numbers = *world.available.lock().unwrap();
            calm(first, numbers)
        });
        assert_eq!(&outcome, expected, "{story}");
    }
}

/// How many effects a calm run has.
fn effects_of(numbers: u64) -> u64 {
    let world = world(Effects::calm(), numbers);
    world.drain().unwrap();
    world.effects.count()
}

/// Runs until the crash. It is no error of the query if it comes while something is being cleaned up at the end.
fn die(world: &World) {
    let died = world.drain();
    assert!(died.is_err() || world.effects.has_crashed());
}

#[test]
fn a_crash_after_any_effect_changes_nothing() {
    let mut calm = Calm::default();
    let effects = effects_of(NUMBERS);
    assert!(effects > 60, "{effects}");
    for crash in 0..effects {
        for left in AfterCrash::ALL {
            let before = world(Effects::crash_at(crash), NUMBERS);
            die(&before);
            let disk = before.disk.crash(left, Effects::calm());
            let after = before.after(disk, Effects::calm());
            after.drain().unwrap();
            calm.check(&after, &format!("crash at {crash}, which {left:?}"));
        }
    }
}

#[test]
fn a_crash_during_the_recovery_from_a_crash_changes_nothing() {
    let mut calm = Calm::default();
    let effects = effects_of(FEW_NUMBERS);
    let lefts = [
        (AfterCrash::KeepsAll, AfterCrash::KeepsSynced),
        (AfterCrash::KeepsSynced, AfterCrash::KeepsAll),
        (AfterCrash::KeepsHalf, AfterCrash::KeepsZeros),
    ];
    for first in 0..effects {
        for (second, (left, then_left)) in (0..).zip(lefts.into_iter().cycle()) {
            let world = world(Effects::crash_at(first), FEW_NUMBERS);
            die(&world);
            let crashing = Effects::crash_at(second);
            let disk = world.disk.crash(left, crashing.clone());
            let world = world.after(disk, crashing);
            let is_through = world.drain().is_ok();
            let disk = world.disk.crash(then_left, Effects::calm());
            let world = world.after(disk, Effects::calm());
            world.drain().unwrap();
            calm.check(&world, &format!("crash at {first}, then at {second}"));
            if is_through {
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_at_any_write_is_an_error_that_passes() {
    let mut calm = Calm::default();
    let effects = effects_of(NUMBERS);
    for failure in 0..effects {
        let world = world(Effects::fail_at(failure), NUMBERS);
        let failed = world.drain();
        if let Err(error) = &failed {
            let is_known = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Corrupt);
            assert!(is_known, "{failure}: {error}");
        }
        // The same process opens the query again, as the loop does.
        world.drain().unwrap();
        calm.check(&world, &format!("failure of {failure}"));
    }
}

#[test]
fn a_disk_that_stays_full_ends_the_query_and_with_room_it_goes_on() {
    let mut calm = Calm::default();
    let mut messages = 0;
    for full in 0..effects_of(NUMBERS) {
        for left in AfterCrash::ALL {
            let world = world(Effects::full_from(full), NUMBERS);
            if let Err(error) = world.drain() {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{full}: {error}");
                let message = error.to_string();
                if message.contains("path=`/query") {
                    assert!(message.contains("make room and start again"), "{message}");
                    messages += 1;
                }
            }
            let disk = world.disk.crash(left, Effects::calm());
            let after = world.after(disk, Effects::calm());
            after.drain().unwrap();
            calm.check(&after, &format!("full from {full} on, then {left:?}"));
        }
    }
    assert!(messages > 30, "{messages}");
}

#[test]
fn a_log_cut_at_any_byte_of_its_tail_is_recovered() {
    let mut calm = Calm::default();
    let whole = world(Effects::calm(), NUMBERS);
    whole.drain().unwrap();
    let (path, bytes) = last_segment(&whole);
    // What stands before the last commit was synced before the sink had the rows of the batch.
    let records = bytes.windows(4).filter(|end| end == b"TIDE").count();
    assert!(records > 1, "{records}");
    let last = last_commit(&bytes);
    for length in last..bytes.len() {
        let cut = whole.after(whole.disk.copy(Effects::calm()), Effects::calm());
        cut.disk.put(Path::new(&path), bytes[..length].to_vec());
        cut.drain().unwrap();
        calm.check(&cut, &format!("cut at {length}"));
    }
}

#[test]
fn a_changed_byte_anywhere_is_refused_with_path_and_offset() {
    let whole = world(Effects::calm(), NUMBERS);
    whole.drain().unwrap();
    let (_, history) = read_checkpoint(Arc::new(whole.disk.clone()), Path::new("/query")).unwrap();
    let newest = history.snapshots().last().unwrap();
    let needed: Vec<_> = newest.operators[0]
        .tables
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    let mut places = 0;
    for (path, bytes) in whole.disk.files() {
        let name = path.to_string_lossy().into_owned();
        let is_state = path
            .extension()
            .is_some_and(|extension| extension == "arrow");
        let is_needed = needed.iter().any(|needed| name.ends_with(needed));
        if name.ends_with("lock") || (is_state && !is_needed) {
            continue;
        }
        // Every byte of a log is tried by the tests of the format; here each region of each file.
        for place in (0..bytes.len()).step_by(7) {
            let damaged = whole.after(whole.disk.copy(Effects::calm()), Effects::calm());
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            damaged.disk.put(&path, changed);
            let before = damaged.disk.files();
            let error = damaged.drain().unwrap_err().to_string();
            assert!(error.contains(&name), "{name} at {place}: {error}");
            assert!(error.contains("offset=`"), "{name} at {place}: {error}");
            let mut after = damaged.disk.files();
            after.insert(
                "/query/lock".into(),
                before[Path::new("/query/lock")].clone(),
            );
            assert_eq!(after, before, "a refused checkpoint is not touched");
            places += 1;
        }
    }
    assert!(places > 100, "{places}");
}

#[test]
fn a_missing_file_is_named() {
    let mut whole = world(Effects::calm(), NUMBERS);
    whole.retained = 3;
    whole.drain().unwrap();
    let files = whole.disk.files();
    let segments: Vec<_> = files
        .keys()
        .filter(|path| path.starts_with("/query/wal"))
        .collect();
    assert!(segments.len() > 1);
    let gone = |path: &Path| {
        let world = whole.after(whole.disk.copy(Effects::calm()), Effects::calm());
        world.disk.remove(path).unwrap();
        world.drain().unwrap_err().to_string()
    };
    let error = gone(Path::new("/query/metadata.json"));
    assert!(error.contains("metadata.json"), "{error}");
    if let [_, middle, _, ..] = segments.as_slice() {
        let error = gone(middle);
        assert!(error.contains("a segment is missing"), "{error}");
    }
}

/// The last segment of the log.
fn last_segment(world: &World) -> (String, Vec<u8>) {
    let files = world.disk.files().into_iter();
    let mut logs = files.filter(|(path, _)| path.starts_with("/query/wal"));
    let (path, bytes) = logs.next_back().unwrap();
    (path.to_string_lossy().into_owned(), bytes)
}

/// Where the last commit record starts.
fn last_commit(bytes: &[u8]) -> usize {
    let head = [3, 0, 0, 0];
    let mut places = bytes.windows(4).enumerate();
    let is_record = |at: usize| at >= 4 && bytes[at - 4..at] == *b"TIDE";
    let last = places.rfind(|(at, window)| *window == head && is_record(*at));
    last.unwrap().0
}
