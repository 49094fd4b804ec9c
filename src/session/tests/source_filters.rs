//! A condition right on a source is applied while JSON is decoded ([`crate::source::filter`]): which ones, and that nobody notices but by
//! the time it takes. What is expected of duplicate keys and of the order of conditions is Spark's answer.

use super::*;
use crate::format::ColumnTest;
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::query::StreamingQuery;
use crate::sink::OutputMode;
use crate::sink::memory::MemorySink;
use crate::trigger::Trigger;
use arrow::array::AsArray;
use std::fs::File;
use std::io::Write;
use tempfile::TempDir;

/// A session with the table `source` over a folder with one file of these lines.
fn session_over(lines: &str, options: &str) -> (Session, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("1.json")).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    let session = Session::new();
    let path = folder.path().display();
    let table = format!(
        "CREATE TABLE source (a STRING, b BIGINT, c STRING) USING json OPTIONS (path '{path}'{options});"
    );
    session.run_script(&table).unwrap();
    (session, folder)
}

/// Runs a query to the end of the source.
fn run(session: &Session, sql: &str) -> (StreamingQuery, MemorySink) {
    let sink = MemorySink::new();
    let writer = session.sql(sql).write_stream().sink(sink.clone());
    let query = writer.trigger(Trigger::AvailableNow).start().unwrap();
    // A query that fails says so by its exception, which tests look at.
    query.await_termination(None).ok();
    (query, sink)
}

/// The first column of what a query wrote, and how many rows it read.
fn answer(session: &Session, sql: &str) -> (Vec<Option<String>>, u64) {
    let (query, sink) = run(session, sql);
    if let Some(error) = query.exception() {
        panic!("{sql}: {error}");
    }
    let rows = sink.rows();
    let texts = rows.iter().flat_map(|rows| {
        let column = rows.column(0).as_string::<i32>();
        column.iter().map(|text| text.map(str::to_owned))
    });
    let progress = query.recent_progress();
    let read = progress.iter().map(|progress| progress.num_input_rows);
    (texts.collect(), read.sum())
}

/// What the source of a query is told.
fn tests_of(sql: &str) -> Vec<(usize, ColumnTest)> {
    let (session, _folder) = session_over("", "");
    let frame = session.sql(sql);
    let settings = IncrementalSettings {
        state_partitions: 1,
        time_zone: "UTC".to_owned(),
    };
    let plan = frame.plan().unwrap();
    let plan = IncrementalPlan::new(plan, OutputMode::Append, &settings).unwrap();
    let filter = plan.sources().first().unwrap().filter.clone();
    filter.map_or_else(Vec::new, |filter| filter.tests().to_vec())
}

fn is_one_of(values: &[&str]) -> ColumnTest {
    ColumnTest::IsOneOf(values.iter().map(|value| (*value).to_owned()).collect())
}

#[test]
fn simple_conditions_on_the_columns_of_a_source_are_told() {
    let select = "SELECT a FROM STREAM source WHERE";
    let cases = [
        ("c = 'view'", vec![(2, is_one_of(&["view"]))]),
        ("'view' = c", vec![(2, is_one_of(&["view"]))]),
        (
            "c IN ('view', 'buy') AND b > 1",
            vec![(2, is_one_of(&["view", "buy"]))],
        ),
        (
            "b IS NOT NULL AND c = 'view'",
            vec![(1, ColumnTest::IsNotNull), (2, is_one_of(&["view"]))],
        ),
        ("c = 'view' OR b = 1", vec![]),
        ("NOT c = 'view'", vec![]),
        ("c <=> 'view'", vec![]),
        ("c IN ('view', NULL)", vec![]),
        ("upper(c) = 'VIEW'", vec![]),
        (
            "aes_encrypt(a, '0000111122223333') IS NOT NULL AND c = 'view'",
            vec![],
        ),
    ];
    for (condition, expected) in cases {
        assert_eq!(
            tests_of(&format!("{select} {condition}")),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn a_source_with_two_users_or_a_watermark_in_between_is_told_nothing() {
    let both = "SELECT a FROM STREAM source WHERE c = 'view' UNION ALL SELECT a FROM STREAM source";
    assert_eq!(tests_of(both), []);
    let timed = "SELECT CAST(t AS STRING) FROM
        (SELECT timestamp_millis(b) AS t, c FROM STREAM source) WATERMARK t DELAY OF INTERVAL 1 SECOND AS w
        WHERE t > TIMESTAMP '2020-01-01'";
    assert_eq!(tests_of(timed), []);
}

#[test]
fn rows_that_are_left_out_count_as_read() {
    let lines = "{\"a\":\"1\",\"c\":\"view\"}\n{\"a\":\"2\",\"c\":\"click\"}\n\n{\"c\":null}\n{\"a\":\"5\"}\n[{\"c\":\"click\"},{\"a\":\"7\",\"c\":\"view\"}]\n";
    let (session, _folder) = session_over(lines, "");
    let sql = "SELECT a FROM STREAM source WHERE c = 'view'";
    let rows = vec![Some("1".to_owned()), Some("7".to_owned())];
    assert_eq!(answer(&session, sql), (rows, 6));
}

#[test]
fn malformed_records_still_end_a_query_that_asks_for_it() {
    // The value that fails comes before what is malformed.
    let lines = "{\"a\":\"1\",\"c\":\"view\"}\n{\"c\":\"click\",\"a\":}\n";
    let sql = "SELECT a FROM STREAM source WHERE c = 'view'";
    let (session, _folder) = session_over(lines, "");
    assert_eq!(answer(&session, sql), (vec![Some("1".to_owned())], 2));
    let (session, _folder) = session_over(lines, ", mode 'DROPMALFORMED'");
    assert_eq!(answer(&session, sql), (vec![Some("1".to_owned())], 1));
    let (session, _folder) = session_over(lines, ", mode 'FAILFAST'");
    let (query, _) = run(&session, sql);
    let error = query.exception().unwrap().to_string();
    assert!(error.contains("MALFORMED_RECORD_IN_PARSING"), "{error}");
}

#[test]
fn the_first_value_of_a_key_decides_as_in_spark() {
    let lines = "{\"a\":\"1\",\"c\":\"click\",\"c\":\"view\"}\n{\"a\":\"2\",\"c\":\"view\",\"c\":\"click\"}\n{\"a\":\"3\",\"c\":\"view\"}\n";
    let (session, _folder) = session_over(lines, "");
    let sql = "SELECT a FROM STREAM source WHERE c = 'view'";
    assert_eq!(answer(&session, sql), (vec![Some("3".to_owned())], 3));
}

#[test]
fn a_condition_that_would_fail_is_not_asked_of_a_row_that_another_drops_as_in_spark() {
    let lines = "{\"a\":\"x\",\"c\":\"click\"}\n{\"a\":\"1\",\"c\":\"view\"}\n";
    let (session, _folder) = session_over(lines, "");
    for condition in [
        "CAST(a AS INT) = 1 AND c = 'view'",
        "c = 'view' AND CAST(a AS INT) = 1",
    ] {
        let sql = format!("SELECT a FROM STREAM source WHERE {condition}");
        assert_eq!(answer(&session, &sql), (vec![Some("1".to_owned())], 2));
    }
    // A row that is not dropped fails as ever.
    let (session, _folder) = session_over("{\"a\":\"x\",\"c\":\"view\"}\n", "");
    let sql = "SELECT a FROM STREAM source WHERE c = 'view' AND CAST(a AS INT) = 1";
    let (query, _) = run(&session, sql);
    let error = query.exception().unwrap().to_string();
    assert!(error.contains("CAST_INVALID_INPUT"), "{error}");
}
