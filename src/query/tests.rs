//! The handle and the thread behind it: start, stop, waiting, retries, listeners.

use super::*;
use crate::disk::Effects;
use crate::micro_batch::tests::doubles::{Fault, SumPlan, World};
use std::error::Error as _;
use std::sync::Mutex;

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn push(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
}

impl QueryListener for Heard {
    fn on_query_started(&self, event: &QueryStarted) {
        self.push(format!("started {}", event.name.as_deref().unwrap()));
    }

    fn on_query_progress(&self, progress: &StreamingQueryProgress) {
        self.push(format!("batch {}", progress.batch_id));
    }

    fn on_query_idle(&self, _: &QueryIdle) {
        self.push("idle");
    }

    fn on_query_terminated(&self, event: &QueryTerminated) {
        let class = event.error_class_on_exception.as_deref();
        self.push(format!("ended {}", class.unwrap_or("in order")));
    }
}

fn start(world: &World, trigger: Trigger) -> (Result<StreamingQuery>, Arc<Heard>) {
    let mut spec = world.spec(trigger);
    spec.settings.polling_delay = Duration::ZERO;
    spec.settings.no_data_micro_batches = false;
    spec.settings.checkpoint.is_inline = false;
    let heard = Arc::new(Heard::default());
    let listeners = vec![Arc::clone(&heard) as Arc<dyn QueryListener>];
    (spawn(spec, None, listeners, false), heard)
}

#[test]
fn a_query_processes_what_is_available_and_stops_in_order() {
    let world = World::new(Effects::calm());
    let (query, heard) = start(&world, Trigger::default());
    let query = query.unwrap();
    assert!(query.is_active());
    world.offer(8);
    query.process_all_available().unwrap();
    assert_eq!(query.recent_progress().len(), 2);
    assert_eq!(query.last_progress().unwrap().num_input_rows, 2);
    assert!(!query.await_termination(Some(Duration::ZERO)).unwrap());
    query.stop();
    assert!(!query.is_active());
    assert_eq!(query.status().message, "Stopped");
    assert!(query.await_termination(None).unwrap());
    let heard = heard.0.lock().unwrap().clone();
    assert_eq!(
        heard,
        ["started sums", "batch 0", "batch 1", "ended in order"]
    );
}

#[test]
fn a_query_keeps_its_id_over_runs_and_every_run_has_its_own() {
    let world = World::new(Effects::calm());
    world.offer(3);
    let run = || {
        let query = start(&world, Trigger::AvailableNow).0.unwrap();
        assert!(query.await_termination(None).unwrap());
        (query.id(), query.run_id())
    };
    let (first, second) = (run(), run());
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[test]
fn a_failure_is_stream_failed_with_the_condition_of_the_expression_as_its_cause() {
    let world = World::new(Effects::calm());
    world.offer(3);
    *world.fault.lock().unwrap() = Some(Fault::BadRow);
    let (query, heard) = start(&world, Trigger::default());
    let error = query.unwrap().await_termination(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.condition(), Some("STREAM_FAILED"));
    let cause = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(cause.condition(), Some("DIVIDE_BY_ZERO"));
    assert_eq!(
        heard.0.lock().unwrap().last().unwrap(),
        "ended STREAM_FAILED"
    );
}

#[test]
fn a_panic_ends_the_query_with_an_error_and_the_handle_stays_usable() {
    let world = World::new(Effects::calm());
    world.offer(3);
    *world.fault.lock().unwrap() = Some(Fault::Panic);
    let query = start(&world, Trigger::default()).0.unwrap();
    let error = query.await_termination(None).unwrap_err();
    assert!(error.to_string().contains("the double panics"), "{error}");
    assert_eq!(query.exception().unwrap().kind(), ErrorKind::Internal);
    query.stop();
}

#[test]
fn what_is_not_there_for_a_moment_is_tried_again_and_leaves_no_trace() {
    let world = World::new(Effects::calm());
    world.offer(8);
    *world.fault.lock().unwrap() = Some(Fault::NoAnswer);
    let (query, heard) = start(&world, Trigger::AvailableNow);
    query.unwrap().await_termination(None).unwrap();
    let rows: Vec<usize> = world
        .numbers()
        .iter()
        .map(|(_, rows)| rows.len() / 5)
        .collect();
    assert_eq!(rows, [5, 2]);
    assert_eq!(heard.0.lock().unwrap().len(), 4);
}

/// A query that can be opened so many times, and how often that was tried.
fn opens(world: &World, times: u32) -> (ExecutionSpec, Arc<Mutex<u32>>) {
    let tries = Arc::new(Mutex::new(0));
    let (counted, inner) = (Arc::clone(&tries), world.clone());
    let spec = ExecutionSpec {
        make_plan: Box::new(move |_| {
            let mut tries = counted.lock().unwrap();
            *tries += 1;
            if *tries > times {
                return Err(Error::new(ErrorKind::Unavailable, "nobody is there"));
            }
            Ok(Box::new(SumPlan::new(&inner, "sum")))
        }),
        ..world.spec(Trigger::AvailableNow)
    };
    (spec, tries)
}

#[test]
fn what_stays_away_ends_the_query_after_a_bounded_number_of_tries() {
    let world = World::new(Effects::calm());
    world.offer(8);
    *world.fault.lock().unwrap() = Some(Fault::NoAnswer);
    let (spec, tries) = opens(&world, 1);
    let retries = spec.settings.retries;
    let query = spawn(spec, None, vec![], false).unwrap();
    let error = query.await_termination(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(*tries.lock().unwrap(), retries + 1);
}

#[test]
fn what_is_not_there_at_the_first_start_is_told_at_once() {
    let (spec, tries) = opens(&World::new(Effects::calm()), 0);
    let error = spawn(spec, None, vec![], false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(*tries.lock().unwrap(), 1);
}

#[test]
fn a_query_that_cannot_open_says_so_at_start() {
    let world = World::new(Effects::calm());
    let running = start(&world, Trigger::default()).0.unwrap();
    let error = start(&world, Trigger::default()).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    running.stop();
    start(&world, Trigger::default()).0.unwrap().stop();
}

#[test]
fn listeners_hear_of_an_idle_query_once_in_an_interval() {
    let world = World::new(Effects::calm());
    let (query, heard) = start(&world, Trigger::default());
    let query = query.unwrap();
    query.process_all_available().unwrap();
    world.clock.advance(Duration::from_secs(10));
    query.process_all_available().unwrap();
    query.process_all_available().unwrap();
    query.stop();
    let heard = heard.0.lock().unwrap().clone();
    assert_eq!(heard, ["started sums", "idle", "ended in order"]);
}
