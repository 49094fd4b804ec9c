//! The protocol in calm: what is logged and synced when, which batch runs, and what a trigger means.

use super::doubles::{Fault, SumPlan, World};
use crate::batch::{BatchId, Timestamp};
use crate::checkpoint::read_checkpoint;
use crate::clock::{Clock, StopSignal};
use crate::disk::Effects;
use crate::error::ErrorKind;
use crate::micro_batch::{MicroBatchExecution, Triggered};
use crate::progress::StreamingQueryProgress;
use crate::trigger::Trigger;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn batch(triggered: Triggered) -> StreamingQueryProgress {
    match triggered {
        Triggered::Batch(progress) => *progress,
        Triggered::Idle => panic!("no batch was run"),
    }
}

fn syncs(world: &World) -> usize {
    let trace = world.effects.trace();
    trace
        .iter()
        .filter(|what| what.starts_with("sync a file"))
        .count()
}

#[test]
fn a_batch_costs_one_sync_in_steady_state_and_an_idle_trigger_none() {
    let world = World::new(Effects::calm());
    let mut spec = world.spec(Trigger::default());
    spec.settings.checkpoint.snapshot_batches = 1_000;
    spec.settings.no_data_micro_batches = false;
    let mut execution = MicroBatchExecution::open(&spec).unwrap();
    world.offer(100);
    batch(execution.run_one_trigger().unwrap());
    for _ in 0..10 {
        let before = syncs(&world);
        batch(execution.run_one_trigger().unwrap());
        assert_eq!(syncs(&world) - before, 1);
    }
    while let Triggered::Batch(_) = execution.run_one_trigger().unwrap() {}
    let before = syncs(&world);
    assert_eq!(execution.run_one_trigger().unwrap(), Triggered::Idle);
    assert_eq!(syncs(&world), before);
}

#[test]
fn the_sink_is_called_after_the_plan_is_durable_and_the_source_forgets_what_is_committed() {
    let world = World::new(Effects::calm());
    world.offer(11);
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    batch(execution.run_one_trigger().unwrap());
    assert!(world.forgotten.lock().unwrap().is_empty());
    let trace = world.effects.trace();
    let at = |what: &str| {
        trace
            .iter()
            .rposition(|step| step.starts_with(what))
            .unwrap()
    };
    assert!(at("sync a file") < at("add a batch"));
    assert!(at("add a batch") < at("write to a file"));
    batch(execution.run_one_trigger().unwrap());
    assert_eq!(*world.forgotten.lock().unwrap(), [6]);
}

#[test]
fn a_trigger_without_data_runs_no_batch_and_pins_the_first_offsets_all_the_same() {
    let world = World::new(Effects::calm());
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    assert_eq!(execution.run_one_trigger().unwrap(), Triggered::Idle);
    execution.close().unwrap();
    world.offer(3);
    world.drain().unwrap();
    // The first offset was asked for once, when the query was new.
    assert_eq!(*world.first.lock().unwrap(), 1);
    let progress = &world.numbers()[0].1;
    assert_eq!(
        progress.chunks(5).map(|row| row[0]).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn a_batch_without_data_runs_when_the_watermark_makes_state_due_but_not_first_in_a_run() {
    let world = World::new(Effects::calm());
    world.offer(3);
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    assert_eq!(
        batch(execution.run_one_trigger().unwrap()).num_input_rows,
        2
    );
    let without_data = batch(execution.run_one_trigger().unwrap());
    assert_eq!(without_data.num_input_rows, 0);
    assert_eq!(without_data.batch_id, BatchId(1));
    assert_eq!(
        without_data.event_time["watermark"],
        "1970-01-01T00:00:02.000Z"
    );
    assert_eq!(execution.run_one_trigger().unwrap(), Triggered::Idle);
    world.offer(2);
    batch(execution.run_one_trigger().unwrap());
    execution.close().unwrap();
    // State is due, but the run that made it so has ended.
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    assert_eq!(execution.run_one_trigger().unwrap(), Triggered::Idle);
}

#[test]
fn rows_are_late_by_the_watermark_of_the_batch_before_and_both_outlive_a_restart() {
    let world = World::new(Effects::calm());
    let mut spec = world.spec(Trigger::default());
    spec.settings.no_data_micro_batches = false;
    world.offer(30);
    let mut watermarks = Vec::new();
    for _ in 0..4 {
        let mut execution = MicroBatchExecution::open(&spec).unwrap();
        batch(execution.run_one_trigger().unwrap());
        execution.close().unwrap();
    }
    for (_, rows) in world.numbers() {
        watermarks.push((rows[3], rows[4]));
    }
    assert_eq!(
        watermarks,
        [(0, 0), (0, 5_000), (5_000, 10_000), (10_000, 15_000)]
    );
}

#[test]
fn available_now_takes_what_was_there_at_the_start_within_the_limits_and_stops() {
    let world = World::new(Effects::calm());
    world.offer(12);
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::AvailableNow)).unwrap();
    let mut rows = Vec::new();
    execution
        .run(&mut |triggered: &Triggered| {
            if let Triggered::Batch(progress) = triggered {
                rows.push(progress.num_input_rows);
                world.offer(100);
            }
        })
        .unwrap();
    execution.close().unwrap();
    assert_eq!(rows, [5, 5, 1, 0]);
}

#[test]
fn once_takes_everything_in_one_batch_and_runs_none_without_data() {
    let world = World::new(Effects::calm());
    world.offer(12);
    for expected in [vec![11], vec![]] {
        let mut execution = MicroBatchExecution::open(&world.spec(Trigger::Once)).unwrap();
        let mut rows = Vec::new();
        execution
            .run(&mut |triggered: &Triggered| {
                if let Triggered::Batch(progress) = triggered {
                    rows.push(progress.num_input_rows);
                }
            })
            .unwrap();
        execution.close().unwrap();
        assert_eq!(rows, expected);
    }
}

#[test]
fn a_stop_lets_the_batch_finish_and_makes_its_commit_durable() {
    let world = World::new(Effects::calm());
    world.offer(100);
    let spec = world.spec(Trigger::default());
    let mut execution = MicroBatchExecution::open(&spec).unwrap();
    execution.run(&mut |_: &Triggered| spec.stop.set()).unwrap();
    execution.close().unwrap();
    let disk = world
        .disk
        .crash(crate::disk::AfterCrash::KeepsSynced, Effects::calm());
    let (_, history) = read_checkpoint(Arc::new(disk), Path::new("/query")).unwrap();
    assert_eq!(history.last_committed(), Some(BatchId(0)));
    assert!(history.uncommitted().is_none());
}

#[test]
fn a_panic_is_an_error_of_the_query_and_the_batch_runs_again_after_opening() {
    let world = World::new(Effects::calm());
    world.offer(4);
    let mut execution = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    *world.fault.lock().unwrap() = Some(Fault::Panic);
    let error = execution.run_one_trigger().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("the double panics"), "{error}");
    assert!(execution.run_one_trigger().is_err());
    execution.close().unwrap();
    world.drain().unwrap();
    assert_eq!(world.numbers()[0].1.len(), 3 * 5);
}

#[test]
fn another_query_is_refused_and_told_what_differs() {
    let world = World::new(Effects::calm());
    world.offer(4);
    world.drain().unwrap();
    let open = |plan: fn(&World) -> SumPlan| {
        let mut spec = world.spec(Trigger::AvailableNow);
        let world = world.clone();
        spec.make_plan = Box::new(move |_| Ok(Box::new(plan(&world))));
        MicroBatchExecution::open(&spec).unwrap_err()
    };
    let error = open(|world| SumPlan::new(world, "other"));
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert_eq!(
        error.condition(),
        Some("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA")
    );
    assert!(
        error
            .to_string()
            .contains("checkpoint=`sum: sum by remainder`, query=`other: sum by remainder`"),
        "{error}"
    );
    let error = open(|world| SumPlan::new(world, "sum").renamed("letters"));
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(
        error
            .to_string()
            .contains("checkpoint=`numbers`, query=`letters`"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_in_use_is_refused_naming_its_owner() {
    let world = World::new(Effects::calm());
    let held = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    let error = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let owner = held.query().run_id.to_string();
    assert!(error.to_string().contains(&owner), "{error}");
}

#[test]
fn a_process_that_lost_its_lock_writes_nothing_more() {
    let world = World::new(Effects::calm());
    world.offer(20);
    let mut old = MicroBatchExecution::open(&world.spec(Trigger::default())).unwrap();
    batch(old.run_one_trigger().unwrap());
    // Somebody takes the paused process for dead, and its lock away.
    let lock = Path::new("/query/lock");
    world.disk.put(lock, b"somebody else".to_vec());
    let before = world.disk.files();
    let error = old.run_one_trigger().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(world.disk.files(), before);
}

#[test]
fn the_time_of_batches_does_not_go_back() {
    let world = World::new(Effects::calm());
    world.offer(7);
    world.drain().unwrap();
    let mut later = world.clone();
    later.clock = Arc::new(crate::clock::ManualClock::default());
    assert_eq!(later.clock.now().0, 0);
    later.offer(7);
    later.drain().unwrap();
    let times: Vec<i64> = later
        .numbers()
        .iter()
        .filter_map(|(_, rows)| rows.get(2).copied())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// A clock that jumps to whatever moment is waited for, and that lets every batch take some time.
#[derive(Debug)]
struct JumpingClock {
    now: AtomicI64,
    waited_for: Mutex<Vec<i64>>,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now().0.unsigned_abs())
    }

    fn wait_until(&self, moment: Timestamp, _: &StopSignal) {
        self.waited_for.lock().unwrap().push(moment.0);
        self.now.fetch_max(moment.0, Ordering::SeqCst);
    }
}

#[test]
fn batches_start_at_multiples_of_the_interval_and_an_overrun_starts_the_next_at_once() {
    let world = World::new(Effects::calm());
    world.offer(100);
    let clock = Arc::new(JumpingClock {
        now: AtomicI64::new(3_000),
        waited_for: Mutex::default(),
    });
    let mut spec = world.spec(Trigger::ProcessingTime(Duration::from_secs(10)));
    spec.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let mut execution = MicroBatchExecution::open(&spec).unwrap();
    let mut durations = [4_000, 25_000, 1_000].into_iter();
    let mut ends = Vec::new();
    execution
        .run(&mut |_: &Triggered| {
            if let Some(duration) = durations.next() {
                clock.now.fetch_add(duration, Ordering::SeqCst);
            } else {
                spec.stop.set();
            }
            ends.push(clock.now().0);
        })
        .unwrap();
    // From 3 s to 7 s; from 10 s to 35 s, which is too long; at once, at 35 s; at 40 s.
    assert_eq!(ends, [7_000, 35_000, 36_000, 40_000]);
    assert_eq!(
        clock.waited_for.lock().unwrap()[..3],
        [10_000, 20_000, 40_000]
    );
}
