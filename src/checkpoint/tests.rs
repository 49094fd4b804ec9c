//! The directory as a whole: what is written when, on threads of its own, what is kept and what goes.

use super::*;
use crate::batch::{Timestamp, Watermarks};
use crate::disk::{Effects, RealDisk, SimulatedDisk};
use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;

fn start(next: u64) -> Start {
    Start {
        next_batch: BatchId(next),
        time: Timestamp(0),
        watermarks: Watermarks::default(),
        sources: BTreeMap::new(),
        operators: BTreeMap::new(),
        settings: BTreeMap::new(),
    }
}

fn delta(from: i64, rows: i64) -> StateDelta {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
    let table = RecordBatch::try_from_iter([("v", column)]).unwrap();
    StateDelta {
        tables: vec![
            ("rows/ä".to_owned(), table.clone()),
            ("rows/ä".to_owned(), table),
        ],
        evicted: Some(Timestamp(from)),
    }
}

fn open(disk: &Arc<dyn Disk>, home: &Path, settings: &CheckpointSettings) -> (Checkpoint, History) {
    let opener = Opener {
        run_id: Uuid::new_v4(),
        new_query_id: Uuid::new_v4(),
        state_partitions: 1,
    };
    Checkpoint::open(Arc::clone(disk), home, opener, settings.clone()).unwrap()
}

/// Runs batches that put `rows` rows of state each, with snapshots of as many when they are wanted.
fn run(checkpoint: &mut Checkpoint, batches: std::ops::Range<u64>, rows: i64) {
    for batch in batches {
        let plan = Plan {
            batch: BatchId(batch),
            time: Timestamp(0),
            watermarks: Watermarks::default(),
            sources: BTreeMap::new(),
        };
        checkpoint.append_plan(&plan).unwrap();
        checkpoint.start_sync().unwrap();
        checkpoint.wait_until_durable().unwrap();
        let first = i64::try_from(batch).unwrap() * rows;
        let operator = OperatorCommit {
            id: "op".to_owned(),
            rows_total: 0,
            evicted: None,
            tables: vec![],
        };
        let mut commit = Commit {
            batch: BatchId(batch),
            next_watermark: Timestamp(0),
            node_watermarks: Vec::new(),
            input_rows: BTreeMap::new(),
            output: RowDigest::default(),
            operators: vec![operator],
        };
        checkpoint
            .append_commit(&mut commit, &[delta(first, rows)])
            .unwrap();
        if checkpoint.wants_snapshot() {
            let all = vec![("op".to_owned(), delta(0, first + rows))];
            checkpoint.begin_snapshot(&start(batch + 1), all).unwrap();
        }
    }
}

/// All values of the state after the last commit, and the number of tables they came in.
fn state(history: &History) -> (Vec<i64>, usize) {
    let (mut values, mut tables) = (std::collections::BTreeSet::new(), 0);
    let last = history.last_committed().unwrap();
    history
        .restore_state(last, &mut |operator, delta| {
            assert_eq!(operator, "op");
            for (name, table) in delta.tables {
                use arrow::array::AsArray;
                assert_eq!(name, "rows/ä");
                let column = table
                    .column(0)
                    .as_primitive::<arrow::datatypes::Int64Type>();
                values.extend(column.values().iter().copied());
                tables += 1;
            }
            Ok(())
        })
        .unwrap();
    (values.into_iter().collect(), tables)
}

#[test]
fn state_comes_back_from_snapshot_and_deltas_written_on_threads_to_the_real_disk() {
    let home = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let settings = CheckpointSettings {
        snapshot_batches: 3,
        min_batches_to_retain: 2,
        ..CheckpointSettings::default()
    };
    let (mut checkpoint, history) = open(&disk, home.path(), &settings);
    assert!(history.is_empty());
    checkpoint.begin(&start(0)).unwrap();
    run(&mut checkpoint, 0..11, 10);
    checkpoint.close().unwrap();
    let (mut checkpoint, history) = open(&disk, home.path(), &settings);
    assert_eq!(history.last_committed(), Some(BatchId(10)));
    let (values, tables) = state(&history);
    assert_eq!(values, (0..110).collect::<Vec<_>>());
    assert!(tables < 22, "no snapshot was used");
    assert!(history.verify_state().unwrap() >= 2);
    run(&mut checkpoint, 11..14, 10);
    checkpoint.close().unwrap();
    let (_, history) = open(&disk, home.path(), &settings);
    assert_eq!(state(&history).0, (0..140).collect::<Vec<_>>());
}

#[test]
fn what_the_retention_does_not_need_goes_and_the_rest_stays() {
    let disk = SimulatedDisk::new(Effects::calm());
    let home = Path::new("/query");
    let settings = CheckpointSettings {
        snapshot_batches: 5,
        min_batches_to_retain: 12,
        is_inline: true,
        ..CheckpointSettings::default()
    };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut checkpoint, _) = open(&shared, home, &settings);
    checkpoint.begin(&start(0)).unwrap();
    run(&mut checkpoint, 0..100, 1);
    let (_, history) = read_checkpoint(Arc::clone(&shared), home).unwrap();
    // Snapshots after batches 4, 9, …, 94; twelve batches before the newest lie behind that of 79.
    let snapshots: Vec<u64> = history.snapshots().iter().map(|s| s.batch.0).collect();
    assert_eq!(snapshots, [79, 84, 89, 94]);
    assert_eq!(history.plans()[0].batch, BatchId(80));
    let is_state = |path: &&std::path::PathBuf| path.starts_with("/query/state");
    let files = disk.files();
    // Two tables of each snapshot from 79 on, and of 99, whose record is not written yet.
    assert_eq!(files.keys().filter(is_state).count(), 2 * 5);
    checkpoint.close().unwrap();
}

#[test]
fn large_deltas_bring_a_snapshot_before_its_time_and_large_snapshots_later_ones() {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(Effects::calm()));
    let settings = CheckpointSettings {
        snapshot_bytes: 100_000,
        is_inline: true,
        ..CheckpointSettings::default()
    };
    let (mut checkpoint, _) = open(&disk, Path::new("/query"), &settings);
    checkpoint.begin(&start(0)).unwrap();
    // Each batch has about 32 kB of deltas: two tables of 2,000 numbers.
    run(&mut checkpoint, 0..40, 2_000);
    checkpoint.close().unwrap();
    let (_, history) = read_checkpoint(disk, Path::new("/query")).unwrap();
    let snapshots: Vec<u64> = history.snapshots().iter().map(|s| s.batch.0).collect();
    assert_eq!(snapshots, [3, 7, 15, 31]);
}

#[test]
fn a_restart_reads_each_segment_twice_however_many_batches_are_in_it() {
    for batches in [10, 200] {
        let disk = SimulatedDisk::new(Effects::calm());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let settings = CheckpointSettings {
            snapshot_batches: 1_000,
            is_inline: true,
            ..CheckpointSettings::default()
        };
        let (mut checkpoint, _) = open(&shared, Path::new("/query"), &settings);
        checkpoint.begin(&start(0)).unwrap();
        run(&mut checkpoint, 0..batches, 1);
        checkpoint.close().unwrap();
        let log = Path::new("/query/wal/00000000000000000000.log");
        let before = disk.reads_of(log);
        let (_, history) = open(&shared, Path::new("/query"), &settings);
        assert_eq!(state(&history).0.len() as u64, batches);
        // Once to verify the records, once for the deltas.
        assert_eq!(disk.reads_of(log) - before, 2);
    }
}

#[test]
fn a_log_of_another_query_is_refused() {
    let disk = SimulatedDisk::new(Effects::calm());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    for home in ["/one", "/two"] {
        let (mut checkpoint, _) = open(&shared, Path::new(home), &CheckpointSettings::default());
        checkpoint.begin(&start(0)).unwrap();
        checkpoint.close().unwrap();
    }
    let name = "wal/00000000000000000000.log";
    let other = shared.read(&Path::new("/two").join(name)).unwrap();
    disk.put(&Path::new("/one").join(name), other);
    let error = read_checkpoint(shared, Path::new("/one")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(error.to_string().contains(name), "{error}");
}
