//! Queries that run, from a source to a sink.

use super::*;
use crate::functions::window;
use crate::query::{QueryListener, QueryTerminated};
use crate::sink::OutputMode;
use crate::sink::memory::MemorySink;
use crate::trigger::Trigger;
use polars::prelude::{DataFrame, col, len, lit};
use std::sync::Mutex;
use std::time::Duration;

/// The rows of a frame as lines of text, sorted.
fn lines(frame: &DataFrame) -> Vec<String> {
    let text = |row: usize| {
        let values = frame
            .columns()
            .iter()
            .map(|column| column.get(row).unwrap().to_string());
        values.collect::<Vec<_>>().join(",")
    };
    let mut lines: Vec<String> = (0..frame.height()).map(text).collect();
    lines.sort();
    lines
}

#[test]
fn a_query_writes_what_comes_into_a_memory_table() {
    let (session, stream) = session_with_events();
    let query = session
        .read_stream()
        .table("events")
        .filter(col("v").gt(lit(1)))
        .select([col("k"), (col("v") * lit(10)).alias("w")])
        .write_stream()
        .format("memory")
        .query_name("big")
        .start()
        .unwrap();
    stream
        .add_batch(events(&[("a", 1, 0), ("b", 2, 0)]))
        .unwrap();
    query.process_all_available().unwrap();
    stream.add_batch(events(&[("c", 3, 0)])).unwrap();
    query.process_all_available().unwrap();
    let rows = session.sql("SELECT * FROM big").collect().unwrap();
    assert_eq!(lines(&rows), ["\"b\",20", "\"c\",30"]);
    assert_eq!(query.name(), Some("big"));
    assert!(query.is_active());
    query.stop();
    assert!(!query.is_active());
    assert!(query.exception().is_none());
    assert_eq!(query.recent_progress().len(), 2);
}

#[test]
fn windows_close_as_the_watermark_passes_them() {
    let (session, stream) = session_with_events();
    let sink = MemorySink::new();
    let query = session
        .read_stream()
        .table("events")
        .with_watermark("ts", "10 seconds")
        .group_by([window(col("ts"), "10 seconds"), col("k")])
        .agg([col("v").sum().alias("total"), len().alias("n")])
        .select([col("k"), col("total"), col("n")])
        .write_stream()
        .sink(sink.clone())
        .start()
        .unwrap();
    let rows = [("a", 1, 1), ("a", 2, 5), ("b", 4, 9), ("a", 8, 12)];
    stream.add_batch(events(&rows)).unwrap();
    query.process_all_available().unwrap();
    assert!(sink.rows().iter().all(|batch| batch.num_rows() == 0));
    stream.add_batch(events(&[("z", 0, 21)])).unwrap();
    query.process_all_available().unwrap();
    let written = crate::arrow_bridge::to_frame(&sink.schema().unwrap(), &sink.rows()).unwrap();
    assert_eq!(lines(&written), ["\"a\",3,2", "\"b\",4,1"]);
    query.stop();
}

#[test]
fn a_closure_gets_each_batch_as_a_frame() {
    let (session, stream) = session_with_events();
    stream
        .add_batch(events(&[("a", 1, 0), ("b", 2, 0)]))
        .unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let query = session
        .read_stream()
        .table("events")
        .select([col("k"), col("v")])
        .write_stream()
        .foreach_batch(move |rows, id| {
            into.lock().unwrap().push((id.0, lines(&rows)));
            Ok(())
        })
        .trigger(Trigger::AvailableNow)
        .start()
        .unwrap();
    query.await_termination(None).unwrap();
    let expected = vec!["\"a\",1".to_owned(), "\"b\",2".to_owned()];
    assert_eq!(*seen.lock().unwrap(), [(0, expected)]);
}

#[test]
fn a_query_goes_on_from_its_checkpoint() {
    let checkpoints = tempfile::tempdir().unwrap();
    let session = Session::builder()
        .checkpoint_root(checkpoints.path())
        .build()
        .unwrap();
    let stream = MemoryStream::new(schema(EVENTS)).named("events");
    let sink = MemorySink::new();
    let run = || {
        let frame = session.read_stream().from_source(stream.clone());
        let counts = frame.group_by([col("k")]).agg([len().alias("n")]);
        let writer = counts
            .write_stream()
            .sink(sink.clone())
            .query_name("counts");
        let writer = writer.output_mode(OutputMode::Complete);
        let query = writer.trigger(Trigger::AvailableNow).start().unwrap();
        query.await_termination(None).unwrap();
        query.id()
    };
    stream
        .add_batch(events(&[("a", 1, 0), ("b", 2, 0)]))
        .unwrap();
    let first = run();
    stream.add_batch(events(&[("a", 1, 0)])).unwrap();
    assert_eq!(run(), first);
    assert!(checkpoints.path().join("counts").is_dir());
    let written = crate::arrow_bridge::to_frame(&sink.schema().unwrap(), &sink.rows()).unwrap();
    assert_eq!(lines(&written), ["\"a\",2", "\"b\",1"]);
}

#[test]
fn a_memory_table_goes_on_from_a_checkpoint_in_complete_mode_only() {
    let checkpoints = tempfile::tempdir().unwrap();
    let (session, stream) = session_with_events();
    stream.add_batch(events(&[("a", 1, 0)])).unwrap();
    let run = |frame: &StreamFrame, name: &str, mode| {
        let writer = frame.write_stream().format("memory").query_name(name);
        let writer = writer.checkpoint_location(checkpoints.path().join(name));
        let writer = writer.output_mode(mode).trigger(Trigger::AvailableNow);
        writer.start()?.await_termination(None)
    };
    let rows = session.read_stream().table("events");
    run(&rows, "rows", OutputMode::Append).unwrap();
    let error = run(&rows, "rows", OutputMode::Append).unwrap_err();
    assert!(
        error.to_string().contains("does not support recovering"),
        "{error}"
    );
    let counts = rows.group_by([col("k")]).count();
    run(&counts, "counts", OutputMode::Complete).unwrap();
    run(&counts, "counts", OutputMode::Complete).unwrap();
}

/// Counts what it hears.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<Option<String>>>);

impl QueryListener for Ends {
    fn on_query_terminated(&self, event: &QueryTerminated) {
        let condition = event.error_class_on_exception.clone();
        self.0.lock().unwrap().push(condition);
    }
}

#[test]
fn several_queries_run_at_once_and_the_session_knows_them() {
    let (session, stream) = session_with_events();
    let ends = Arc::new(Ends::default());
    session.streams().add_listener(ends.clone());
    let start = |name: &str| {
        let frame = session.read_stream().table("events");
        let divided = frame.select([(lit(10) / col("v")).alias("q")]);
        divided
            .write_stream()
            .format("noop")
            .query_name(name)
            .start()
    };
    let (one, two) = (start("one").unwrap(), start("two").unwrap());
    let names: Vec<_> = session
        .streams()
        .active()
        .iter()
        .map(|q| q.name().map(str::to_owned))
        .collect();
    assert_eq!(names, [Some("one".to_owned()), Some("two".to_owned())]);
    assert_eq!(
        session.streams().get(two.id()).unwrap().run_id(),
        two.run_id()
    );
    let taken = start("one").unwrap_err();
    assert!(taken.message().contains("already active"), "{taken}");
    assert!(
        !session
            .streams()
            .await_any_termination(Some(Duration::ZERO))
            .unwrap()
    );

    one.stop();
    assert!(session.streams().await_any_termination(None).unwrap());
    session.streams().reset_terminated();
    // Ten by nothing ends the other one.
    stream.add_batch(events(&[("a", 0, 0)])).unwrap();
    let error = session.streams().await_any_termination(None).unwrap_err();
    assert!(error.to_string().contains("DIVIDE_BY_ZERO"), "{error}");
    assert!(session.streams().active().is_empty());
    assert_eq!(ends.0.lock().unwrap().len(), 2);
}

#[test]
fn what_cannot_run_says_so_before_it_starts() {
    let (session, _stream) = session_with_events();
    let events = session.read_stream().table("events");
    let condition = |result: Result<crate::query::StreamingQuery>| {
        let error = result.unwrap_err();
        error
            .condition()
            .unwrap_or_else(|| error.message())
            .to_owned()
    };
    let counts = events.group_by([col("k")]).count();
    let no_watermark = counts.write_stream().format("noop").start();
    assert_eq!(
        condition(no_watermark),
        "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"
    );
    let table = session.frame(polars::prelude::df!["a" => [1]].unwrap());
    let not_a_stream = table.write_stream().format("noop").start();
    assert!(condition(not_a_stream).contains("without streaming sources"));
    let nowhere = events.write_stream().format("memory").start();
    assert_eq!(
        condition(nowhere),
        "QUERY_NAME_NOT_SPECIFIED_FOR_MEMORY_SINK"
    );
    let unknown = events
        .write_stream()
        .format("noop")
        .option("speed", 3)
        .start();
    assert!(condition(unknown).contains("option=`speed`"));
    let broken = events
        .select([col("nope")])
        .write_stream()
        .format("noop")
        .start();
    assert_eq!(condition(broken), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
}

#[test]
fn another_window_above_the_list_is_refused() {
    let session = Session::new();
    let rows = "SELECT TIMESTAMP '2024-01-01 00:00:01' AS ts, 1 AS v";
    for (query, is_refused) in [
        (
            "SELECT v, window(ts, '10 seconds') FROM e ORDER BY window(ts, '10 seconds').start",
            false,
        ),
        (
            "SELECT v, window(ts, '10 seconds') FROM e ORDER BY window(ts, '1 hour').start",
            true,
        ),
        (
            "SELECT max(ts) AS ts FROM e GROUP BY window(ts, '10 seconds') HAVING window(ts, '5 seconds').start IS NOT NULL",
            true,
        ),
    ] {
        let answer = session
            .sql(&format!("WITH e AS ({rows}) {query}"))
            .collect_batches();
        let said = answer.err().map(|error| error.message().to_owned());
        let is_about_windows = said
            .as_ref()
            .is_some_and(|said| said.starts_with("multiple time/session window"));
        assert_eq!(
            (said.is_some(), is_about_windows),
            (is_refused, is_refused),
            "{query}: {said:?}"
        );
    }
}

#[test]
fn a_condition_on_a_union_sees_the_units_that_the_union_gives() {
    let union = "SELECT INTERVAL '1' DAY AS i UNION ALL SELECT INTERVAL '5' HOUR";
    let is_found = "CAST(i AS STRING) = \"INTERVAL '1 00' DAY TO HOUR\"";
    for rows in [
        union.to_owned(),
        format!("SELECT i FROM ({union})"),
        format!("SELECT DISTINCT i FROM ({union})"),
        "SELECT DISTINCT INTERVAL '1' DAY AS i UNION ALL SELECT INTERVAL '5' HOUR".to_owned(),
    ] {
        let sql = format!("SELECT CAST(i AS STRING) AS i FROM ({rows}) WHERE {is_found}");
        let found = Session::new().sql(&sql).collect().unwrap();
        assert_eq!(lines(&found), ["\"INTERVAL '1 00' DAY TO HOUR\""], "{sql}");
    }
}
