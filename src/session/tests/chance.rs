//! Functions of chance in streaming queries: a replay gives the rows that were committed.

use super::*;
use crate::replay::{ReplaySpec, replay};
use crate::sink::OutputMode;
use crate::sink::memory::MemorySink;
use crate::trigger::Trigger;
use std::path::Path;

fn run(frame: &StreamFrame, (sink, mode): (&MemorySink, OutputMode), checkpoint: &Path) {
    let writer = frame.write_stream().sink(sink.clone());
    let writer = writer.checkpoint_location(checkpoint).output_mode(mode);
    let query = writer.trigger(Trigger::AvailableNow).start().unwrap();
    query.await_termination(None).unwrap();
}

/// Two batches with a restart between them, then both again from the checkpoint.
fn is_replayed(sql: &str, mode: OutputMode) {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemorySink::new();
    let (session, stream) = session_with_events();
    let frame = session.sql(sql);
    let batches = [
        events(&[("a", 2, 0), ("b", 10, 0), ("a", 4, 1), ("c", 4, 1)]),
        events(&[("d", 9, 2), ("c", 1, 2), ("a", 1, 2), ("a", 1, 2)]),
    ];
    for batch in batches {
        stream.add_batch(batch).unwrap();
        run(&frame, (&sink, mode), directory.path());
    }
    let plan = frame.plan().unwrap().clone();
    let spec = ReplaySpec::new(plan, mode, directory.path().to_owned());
    let report = replay(&spec, &mut |_, _, _| Ok(())).unwrap();
    assert_eq!(report.batches, 2, "{sql}");
    report.verify().unwrap();
}

#[test]
fn rows_of_a_source_draw_the_same_in_a_replay() {
    is_replayed(
        "SELECT k, uuid() AS id, rand() AS r, shuffle(array(1, 2, 3, v)) AS s FROM STREAM events WHERE rand(7) < 0.9",
        OutputMode::Append,
    );
}

#[test]
fn rows_of_an_aggregation_draw_the_same_in_a_replay() {
    let sql = "SELECT k, n, uuid() AS id, randstr(4) AS t, uniform(1, 1000000) AS u \
               FROM (SELECT k, count(*) AS n FROM STREAM events GROUP BY k)";
    is_replayed(sql, OutputMode::Complete);
    is_replayed(sql, OutputMode::Update);
}
