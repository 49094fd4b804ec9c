//! The checkpoint in `checkpoints/sample`, of the first version of the format, stays readable and replays to the same rows.
//!
//! `TIDEMILL_WRITE_SAMPLE=1 cargo test --test it sample_replays_to` writes it anew: after a change of the format, when the old
//! one has been put beside it.

use crate::package;
use std::path::PathBuf;
use std::sync::Arc;
use tidemill::batch::{BatchId, Timestamp};
use tidemill::checkpoint::{METADATA_FILE, read_checkpoint};
use tidemill::clock::ManualClock;
use tidemill::disk::RealDisk;
use tidemill::micro_batch::{MicroBatchExecution, Triggered};
use tidemill::query::{CheckpointLocation, QuerySpec};
use tidemill::replay::{ReplaySpec, replay};
use tidemill::session::{Flow, ScriptOutput};
use tidemill::sink::noop::NoopSink;
use tidemill::{ErrorKind, Session};

/// How many batches the sample has; a snapshot of state lies between them.
const BATCHES: u64 = 12;

fn home() -> PathBuf {
    package::root().join("checkpoints/sample")
}

fn flow(replacing: (&str, &str)) -> Flow {
    let text = std::fs::read_to_string(home().join("query.sql")).unwrap();
    let text = text.replace(replacing.0, replacing.1);
    let mut outputs = Session::new().run_script(&text).unwrap().into_iter();
    outputs
        .find_map(|output| match output {
            ScriptOutput::Flow(flow) => Some(flow),
            ScriptOutput::Stream(_) | ScriptOutput::Table(..) => None,
        })
        .unwrap()
}

fn spec(replacing: (&str, &str)) -> ReplaySpec {
    let flow = flow(replacing);
    ReplaySpec::new(flow.plan, flow.output_mode, home())
}

#[test]
fn the_sample_replays_to_the_rows_that_were_committed() {
    if std::env::var_os("TIDEMILL_WRITE_SAMPLE").is_some() {
        write_sample();
    }
    let mut rows = 0;
    let report = replay(&spec(("", "")), &mut |batch, _, _| {
        assert_eq!(batch.logged_input_rows, Some(batch.input_rows));
        rows += batch.output.rows;
        Ok(())
    })
    .unwrap();
    report.verify().unwrap();
    assert_eq!(report.batches, BATCHES);
    assert!(rows > BATCHES, "{rows}");
}

#[test]
fn the_sample_replays_from_its_snapshot() {
    let (_, history) = read_checkpoint(Arc::new(RealDisk), &home()).unwrap();
    let snapshot = history.snapshots().first().unwrap().batch;
    let mut spec = spec(("", ""));
    spec.from = Some(snapshot.next());
    let report = replay(&spec, &mut |_, _, _| Ok(())).unwrap();
    report.verify().unwrap();
    assert_eq!(report.batches, BATCHES - snapshot.next().0);
}

#[test]
fn a_query_that_gives_other_rows_is_told_in_which_batch_they_began_to_differ() {
    let report = replay(&spec(("sum(value)", "sum(value + 1)")), &mut |_, _, _| {
        Ok(())
    })
    .unwrap();
    let error = report.verify().unwrap_err();
    let first = report.first_difference.unwrap();
    assert!(first.batch > BatchId(0), "nothing is final in batch 0");
    assert!(
        error
            .to_string()
            .contains(&format!("batch=`{}`", first.batch)),
        "{error}"
    );
}

#[test]
fn one_changed_input_row_is_told_by_the_batch_that_gives_it_out() {
    // Rows 50 to 59 are those of batch 5.
    let changed = "sum(CASE WHEN value = 57 THEN 58 ELSE value END)";
    let report = replay(&spec(("sum(value)", changed)), &mut |batch, _, _| {
        assert_eq!(batch.logged_input_rows, Some(batch.input_rows));
        Ok(())
    });
    let report = report.unwrap();
    let error = report.verify().unwrap_err().to_string();
    let first = report.first_difference.unwrap();
    assert!(
        first.batch > BatchId(5),
        "its window is open in its own batch"
    );
    assert_eq!(first.logged_output.unwrap().rows, first.output.rows);
    assert!(
        error.contains(&format!("batch=`{}`", first.batch)),
        "{error}"
    );
}

#[test]
fn a_query_with_other_state_is_refused() {
    let error = replay(&spec(("sum(value)", "max(value)")), &mut |_, _, _| Ok(()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Incompatible);
}

/// Writes the sample.
fn write_sample() {
    let home = home();
    for part in ["wal", "state", METADATA_FILE] {
        let path = home.join(part);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let flow = flow(("", ""));
    let mut spec = QuerySpec::new(flow.plan, flow.output_mode, Arc::new(NoopSink));
    spec.checkpoint = CheckpointLocation::Directory(home.clone());
    spec.clock = Arc::new(ManualClock::new(Timestamp(1_700_000_000_000)));
    spec.settings.state_partitions = 2;
    spec.settings.checkpoint.snapshot_batches = 5;
    // On this thread, so that snapshots lie where they lay.
    spec.settings.checkpoint.is_inline = true;
    let mut execution = MicroBatchExecution::open(&spec.into_execution().unwrap()).unwrap();
    for _ in 0..BATCHES {
        assert!(matches!(
            execution.run_one_trigger().unwrap(),
            Triggered::Batch(_)
        ));
    }
    execution.close().unwrap();
    std::fs::remove_file(home.join("lock")).unwrap();
}
