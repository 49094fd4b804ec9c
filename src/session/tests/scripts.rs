//! Scripts: declared tables, flows and views, and what they give back.

use super::*;
use crate::sink::OutputMode;
use crate::trigger::Trigger;
use arrow::array::{Array, AsArray};
use std::time::Duration;

fn run(session: &Session, script: &str) -> Vec<ScriptOutput> {
    session
        .run_script(script)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn flow(output: &ScriptOutput) -> &Flow {
    match output {
        ScriptOutput::Flow(flow) => flow,
        other => panic!("not a flow: {other:?}"),
    }
}

/// A column of a table as text.
fn texts(output: &ScriptOutput, column: &str) -> Vec<String> {
    let ScriptOutput::Table(_, batches) = output else {
        panic!("not a table: {output:?}");
    };
    let values = batches.iter().flat_map(|batch| {
        let column = batch
            .column_by_name(column)
            .unwrap()
            .as_string::<i32>()
            .clone();
        (0..column.len())
            .map(move |row| column.value(row).to_owned())
            .collect::<Vec<_>>()
    });
    values.collect()
}

#[track_caller]
fn condition(session: &Session, script: &str) -> String {
    let error = session.run_script(script).unwrap_err();
    error
        .condition()
        .unwrap_or_else(|| error.message())
        .to_owned()
}

#[test]
fn a_script_declares_and_gives_back_what_is_to_be_started() {
    let (session, stream) = session_with_events();
    let outputs = run(
        &session,
        "CREATE TABLE out (n BIGINT, k STRING) USING noop OPTIONS (outputMode 'update', trigger '5 seconds');
         CREATE TEMPORARY VIEW big AS SELECT * FROM STREAM events WHERE v > 1;
         SET spark.sql.session.timeZone = Europe/Berlin;
         CREATE FLOW per_key AS INSERT INTO out BY NAME SELECT k, count(*) AS n FROM big GROUP BY k;
         INSERT INTO out WITH (queryName = 'all', trigger = 'availableNow') SELECT count(*), 'all' FROM big;
         SELECT k FROM big;
         SELECT 1 AS one;",
    );
    assert_eq!(session.settings().query.time_zone, "Europe/Berlin");
    let [per_key, all, big, one] = outputs.as_slice() else {
        panic!("{outputs:?}");
    };
    let per_key = flow(per_key);
    assert_eq!(per_key.name.as_deref(), Some("per_key"));
    assert_eq!(per_key.output_mode, OutputMode::Update);
    assert_eq!(
        per_key.trigger,
        Trigger::ProcessingTime(Duration::from_secs(5))
    );
    let names: Vec<_> = per_key
        .plan
        .schema
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["n", "k"]);
    assert!(
        per_key.target.options.is_empty(),
        "{:?}",
        per_key.target.options
    );
    let all = flow(all);
    assert_eq!(all.name.as_deref(), Some("all"));
    assert_eq!(all.trigger, Trigger::AvailableNow);
    assert!(matches!(big, ScriptOutput::Stream(frame) if frame.is_streaming()));
    assert!(matches!(one, ScriptOutput::Table(_, rows) if rows[0].num_rows() == 1));

    stream.add_batch(events(&[("a", 2, 0)])).unwrap();
    let query = all.start(&session).unwrap();
    query.await_termination(None).unwrap();
    assert_eq!(query.last_progress().unwrap().num_input_rows, 1);
}

#[test]
fn columns_meet_those_of_the_table_by_name_or_by_position() {
    let (session, _stream) = session_with_events();
    run(&session, "CREATE TABLE out (v BIGINT, k STRING) USING noop");
    let types = |script: &str| {
        let outputs = run(&session, script);
        let columns = flow(&outputs[0]).plan.schema.to_arrow();
        columns
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect::<Vec<_>>()
    };
    let expected = ["v Int64", "k Utf8"];
    assert_eq!(
        types("INSERT INTO out BY NAME SELECT k, v FROM STREAM events"),
        expected
    );
    assert_eq!(
        types("INSERT INTO out SELECT v, k FROM STREAM events"),
        expected
    );
    assert_eq!(
        types("INSERT INTO out SELECT v, v FROM STREAM events"),
        expected
    );
    for (script, wanted) in [
        (
            "INSERT INTO out SELECT k, v FROM STREAM events",
            "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
        ),
        (
            "INSERT INTO out SELECT v FROM STREAM events",
            "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
        ),
        (
            "INSERT INTO out SELECT * FROM STREAM events",
            "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS",
        ),
        (
            "INSERT INTO out BY NAME SELECT * FROM STREAM events",
            "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
        ),
        (
            "INSERT INTO out BY NAME SELECT k FROM STREAM events",
            "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA",
        ),
    ] {
        assert_eq!(condition(&session, script), wanted, "{script}");
    }
}

#[test]
fn managed_tables_live_in_the_warehouse_and_can_be_read_at_once() {
    let (session, _stream) = session_with_events();
    let warehouse = tempfile::tempdir().unwrap();
    session
        .set(
            "spark.sql.warehouse.dir",
            warehouse.path().to_str().unwrap(),
        )
        .unwrap();
    let outputs = run(
        &session,
        "CREATE STREAMING TABLE big PARTITIONED BY (k) COMMENT 'what counts' AS SELECT k, v FROM STREAM events WHERE v > 1;
         CREATE MATERIALIZED VIEW totals AS SELECT k, sum(v) AS total FROM STREAM events GROUP BY k;
         CREATE STREAMING TABLE later (k STRING);
         CREATE FLOW f AS INSERT INTO later SELECT k FROM STREAM events;",
    );
    let [big, totals, later] = outputs.as_slice() else {
        panic!("{outputs:?}");
    };
    let big = flow(big);
    assert_eq!(big.name.as_deref(), Some("big"));
    assert_eq!(big.output_mode, OutputMode::Append);
    assert_eq!(big.target.format, "parquet");
    assert_eq!(
        big.target.options.get("path"),
        Some(&warehouse.path().join("big").display().to_string())
    );
    let checkpoint = warehouse.path().join("_checkpoints").join("big");
    assert_eq!(big.checkpoint_location.as_ref(), Some(&checkpoint));
    assert_eq!(flow(totals).output_mode, OutputMode::Complete);
    assert_eq!(flow(later).name.as_deref(), Some("f"));
    assert_eq!(
        texts(&run(&session, "DESCRIBE big")[0], "col_name"),
        ["k", "v"]
    );
    assert_eq!(
        texts(
            &run(&session, "SHOW TABLES LIKE '*t*s|later'")[0],
            "tableName"
        ),
        ["events", "later", "posts", "totals"]
    );
}

#[test]
fn a_materialized_view_follows_tables_that_grow() {
    let session = Session::new();
    let outputs = run(
        &session,
        "CREATE TABLE ticks USING rate;
         CREATE STREAMING TABLE even AS SELECT value FROM STREAM ticks WHERE value % 2 = 0;
         CREATE MATERIALIZED VIEW latest AS SELECT max(value) AS value FROM ticks;
         CREATE MATERIALIZED VIEW half AS SELECT value / 2 AS half FROM ticks;",
    );
    let modes: Vec<_> = outputs
        .iter()
        .map(|output| flow(output).output_mode)
        .collect();
    assert_eq!(
        modes,
        [OutputMode::Append, OutputMode::Complete, OutputMode::Append]
    );
    assert_eq!(
        condition(
            &session,
            "CREATE MATERIALIZED VIEW fixed AS SELECT 1 AS one"
        ),
        "INVALID_FLOW_QUERY_TYPE.BATCH_RELATION_FOR_STREAMING_TABLE"
    );
}

#[test]
fn statements_that_show_give_tables() {
    let (session, _stream) = session_with_events();
    assert_eq!(
        texts(&run(&session, "DESCRIBE events")[0], "data_type"),
        ["string", "int", "timestamp"]
    );
    assert_eq!(
        texts(&run(&session, "SET spark.sql.ansi.enabled")[0], "value"),
        ["true"]
    );
    let plan = texts(
        &run(&session, "EXPLAIN SELECT v FROM STREAM events WHERE v > 1")[0],
        "plan",
    )
    .concat();
    assert!(plan.contains("Filter"), "{plan}");
}

#[test]
fn errors_of_a_script_point_into_its_text() {
    let (session, _stream) = session_with_events();
    let error = session
        .run_script("CREATE TEMPORARY VIEW a AS SELECT 1 AS x;\nSELECT nope FROM STREAM events;")
        .unwrap_err();
    assert_eq!(error.condition(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
    assert!(
        error
            .to_string()
            .contains("2 | SELECT nope FROM STREAM events"),
        "{error}"
    );
    assert!(session.table_names().contains(&"a".to_owned()));
    for (script, wanted) in [
        (
            "CREATE TEMPORARY VIEW events AS SELECT 1",
            "TABLE_OR_VIEW_ALREADY_EXISTS",
        ),
        ("DROP TABLE a", "WRONG_COMMAND_FOR_OBJECT_TYPE"),
        ("DROP VIEW nope", "TABLE_OR_VIEW_NOT_FOUND"),
        (
            "INSERT INTO a SELECT k FROM STREAM events",
            "UNSUPPORTED_INSERT.NOT_ALLOWED",
        ),
        (
            "INSERT INTO nope SELECT k FROM STREAM events",
            "TABLE_OR_VIEW_NOT_FOUND",
        ),
        ("SET spark.sql.nope = 1", "UNSUPPORTED_CONF"),
    ] {
        assert_eq!(condition(&session, script), wanted, "{script}");
    }
    run(&session, "DROP VIEW IF EXISTS nope; DROP VIEW a;");
    assert!(!session.table_names().contains(&"a".to_owned()));
}

#[test]
fn how_a_table_is_written_is_no_option_of_one_that_can_only_be_read() {
    let session = Session::new();
    let script = "
        CREATE TABLE ticks USING rate OPTIONS (trigger 'once');
        CREATE TABLE nothing USING noop;
        CREATE FLOW f AS INSERT INTO nothing SELECT value FROM STREAM ticks;";
    let error = session.run_script(script).unwrap_err();
    assert!(
        error
            .message()
            .contains("the rate source has no such option. option=`trigger`"),
        "{error}"
    );
}

/// Starts the flows of a script in rounds, to their end, as the command line does.
fn run_pipeline(session: &Session, script: &str) -> Vec<ScriptOutput> {
    let mut outputs = run(session, script);
    for output in &mut outputs {
        if let ScriptOutput::Flow(flow) = output {
            flow.trigger = Trigger::AvailableNow;
        }
    }
    let flows: Vec<&Flow> = outputs
        .iter()
        .filter_map(|output| match output {
            ScriptOutput::Flow(flow) => Some(flow),
            _ => None,
        })
        .collect();
    for round in rounds(session, &flows).unwrap() {
        for flow in round {
            let query = flows[flow].start(session).unwrap();
            query.await_termination(None).unwrap();
        }
    }
    outputs
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the input is written by somebody else"
)]
fn tables_of_a_file_read_each_other_and_flows_share_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, rows) in [
        ("one", "{\"k\":\"a\",\"v\":1}\n"),
        ("two", "{\"k\":\"a\",\"v\":10}\n"),
    ] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(folder.path().join(name).join("x.json"), rows).unwrap();
    }
    let script = format!(
        "SET spark.sql.warehouse.dir = {};
         CREATE TABLE one (k STRING, v BIGINT) USING json OPTIONS (path '{}');
         CREATE TABLE two (k STRING, v BIGINT) USING json OPTIONS (path '{}');
         CREATE STREAMING TABLE x AS SELECT k, v FROM STREAM one;
         CREATE FLOW more AS INSERT INTO x SELECT k, v FROM STREAM two;
         CREATE MATERIALIZED VIEW totals AS SELECT k, sum(v) AS t FROM x GROUP BY k;",
        path("warehouse"),
        path("one"),
        path("two"),
    );
    let total = || {
        let session = Session::new();
        run_pipeline(&session, &script);
        let totals = session.sql("SELECT CAST(t AS STRING) AS t FROM totals");
        let rows = totals.collect_batches().unwrap();
        let schema = totals.schema().unwrap();
        texts(&ScriptOutput::Table(schema, rows), "t")
    };
    assert_eq!(total(), ["11"]);
    std::fs::write(
        folder.path().join("two").join("y.json"),
        "{\"k\":\"a\",\"v\":100}\n",
    )
    .unwrap();
    assert_eq!(total(), ["111"]);
}

#[test]
fn flows_that_cannot_be_ordered_or_come_too_late_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::new();
    let warehouse = folder.path().display().to_string();
    session.set("spark.sql.warehouse.dir", &warehouse).unwrap();
    let said = |script: &str| session.run_script(script).unwrap_err().to_string();
    run(
        &session,
        "CREATE TABLE ticks USING rate;
         CREATE STREAMING TABLE a (value BIGINT);
         CREATE STREAMING TABLE b (value BIGINT);
         CREATE MATERIALIZED VIEW latest AS SELECT max(value) AS value FROM ticks;
         CREATE FLOW f AS INSERT INTO a SELECT value FROM STREAM ticks;",
    );
    let twice = said("CREATE FLOW f AS INSERT INTO a SELECT value FROM STREAM ticks");
    assert!(twice.contains("fills the table already"), "{twice}");
    let changing = said("SELECT * FROM STREAM latest");
    assert!(
        changing.contains("cannot be read as a stream"),
        "{changing}"
    );
    let outputs = run(
        &session,
        "CREATE FLOW b AS INSERT INTO b SELECT value FROM STREAM a",
    );
    let late = said("CREATE FLOW g AS INSERT INTO a SELECT value FROM STREAM b");
    assert!(late.contains("put the flows that fill it before"), "{late}");
    // Two declared tables of files that feed each other.
    std::fs::create_dir(folder.path().join("c")).unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    let circle = run(
        &session,
        &format!(
            "CREATE TABLE c (value BIGINT) USING json OPTIONS (path '{warehouse}/c');
             CREATE TABLE d (value BIGINT) USING json OPTIONS (path '{warehouse}/d');
             CREATE FLOW cd AS INSERT INTO d SELECT value FROM STREAM c;
             CREATE FLOW dc AS INSERT INTO c SELECT value FROM STREAM d;"
        ),
    );
    let flows: Vec<&Flow> = outputs.iter().chain(&circle).map(flow).collect();
    let error = rounds(&session, &flows).unwrap_err().to_string();
    assert!(error.contains("in a circle. queries=`cd, dc`"), "{error}");
}

#[test]
fn an_error_about_an_option_points_at_the_option() {
    let session = Session::new();
    let error = session
        .run_script(
            "CREATE TABLE numbers USING rate OPTIONS (rowsPerSecond 3, rowPerSecond 4);
             CREATE TABLE out USING noop;
             INSERT INTO out SELECT * FROM STREAM numbers;",
        )
        .map(drop)
        .unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("line 1 column 59"), "{shown}");
    assert!(shown.ends_with("^^^^^^^^^^^^"), "{shown}");
}
