//! Walks the list: every rule has an example that it refuses, and a line in `docs/refused.md`.

use super::super::{RULES, RULES_OF_THE_START, Scope, collect};
use crate::processor::{GroupState, GroupStateTimeout};
use crate::sink::OutputMode::{self, Append, Complete, Update};
use crate::source::memory::MemoryStream;
use crate::types::parse_ddl_schema;
use crate::{Session, StreamFrame};
use std::sync::Arc;

/// What one writes that a rule refuses.
enum Example {
    Sql(&'static str),
    Frame(fn(&Session) -> StreamFrame),
}

use Example::{Frame, Sql};

/// For each rule, by its words: examples, the mode, Spark's condition if it has one, and how the message begins.
type Refused = (
    &'static str,
    Example,
    OutputMode,
    Option<&'static str>,
    &'static str,
);

const MODE: Option<&str> = Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION");

const EXAMPLES: &[Refused] = &[
    (
        "append: an aggregation whose groups never end",
        Sql("SELECT k, count(*) FROM e GROUP BY k"),
        Append,
        MODE,
        "invalid streaming output mode: append",
    ),
    (
        "append: an aggregation whose groups never end",
        Sql("SELECT DISTINCT k FROM e"),
        Append,
        MODE,
        "invalid streaming output mode: append",
    ),
    (
        "append: an aggregation whose groups never end",
        Sql("SELECT count(*) FROM e"),
        Append,
        MODE,
        "invalid streaming output mode: append",
    ),
    (
        "update: session windows",
        Sql("SELECT k, count(*) FROM e GROUP BY k, session_window(ts, '5 seconds')"),
        Update,
        MODE,
        "invalid streaming output mode: update",
    ),
    (
        "complete: nothing to keep complete",
        Sql("SELECT k FROM e"),
        Complete,
        MODE,
        "invalid streaming output mode: complete",
    ),
    (
        "complete: nothing to keep complete",
        Frame(|session| session.table("e").drop_duplicates(&["k"])),
        Complete,
        MODE,
        "invalid streaming output mode: complete",
    ),
    (
        "count(DISTINCT x)",
        Sql("SELECT count(DISTINCT k) FROM e"),
        Complete,
        None,
        "Distinct aggregations are not supported",
    ),
    (
        "outer joins of two streams outside append",
        Sql(
            "SELECT e.k FROM e LEFT JOIN f ON e.k = f.k AND f.ts BETWEEN e.ts AND e.ts + INTERVAL 5 SECONDS",
        ),
        Update,
        None,
        "LeftOuter join between two streaming DataFrames/Datasets is not supported in Update output mode, only in Append",
    ),
    (
        "outer joins of two streams outside append",
        Sql("SELECT e.k, count(*) FROM e JOIN f ON e.k = f.k GROUP BY e.k"),
        Complete,
        None,
        "Inner join between two streaming DataFrames/Datasets is not supported in Complete output mode",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT e.k FROM e LEFT ANTI JOIN f ON e.k = f.k"),
        Append,
        None,
        "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT e.k FROM e FULL JOIN f ON e.k = f.k"),
        Append,
        None,
        "Stream-stream FullOuter join between two streaming DataFrame/Datasets is not supported without a watermark",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT t.k FROM t LEFT JOIN e ON e.k = t.k"),
        Append,
        None,
        "LeftOuter join with a streaming DataFrame/Dataset on the right",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT t.k FROM t LEFT SEMI JOIN e ON e.k = t.k"),
        Append,
        None,
        "LeftSemi join with a streaming DataFrame/Dataset on the right",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT t.k FROM e RIGHT JOIN t ON e.k = t.k"),
        Append,
        None,
        "RightOuter join with a streaming DataFrame/Dataset on the left",
    ),
    (
        "joins that would have to remember a whole stream, or to wait for its end",
        Sql("SELECT t.k FROM e FULL JOIN t ON e.k = t.k"),
        Append,
        None,
        "FullOuter joins with streaming DataFrames/Datasets on the left",
    ),
    (
        "deduplication within a watermark that is not there",
        Frame(|session| {
            session
                .table("raw")
                .drop_duplicates_within_watermark(&["k"])
        }),
        Append,
        None,
        "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark",
    ),
    (
        "union of a stream and a table",
        Sql("SELECT k FROM e UNION ALL SELECT k FROM t"),
        Append,
        None,
        "Union between streaming and batch DataFrames/Datasets is not supported",
    ),
    (
        "EXCEPT and INTERSECT",
        Sql("SELECT k FROM t EXCEPT SELECT k FROM e"),
        Append,
        None,
        "Except on a streaming DataFrame/Dataset on the right is not supported",
    ),
    (
        "EXCEPT and INTERSECT",
        Sql("SELECT k FROM e INTERSECT SELECT k FROM t"),
        Append,
        None,
        "Intersect of streaming DataFrames/Datasets is not supported",
    ),
    (
        "EXCEPT and INTERSECT",
        Sql("SELECT k FROM e EXCEPT SELECT k FROM t"),
        Append,
        Some("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK"),
        "Append output mode not supported for aggregations",
    ),
    (
        "EXCEPT ALL",
        Sql("SELECT k FROM e EXCEPT ALL SELECT k FROM t"),
        Update,
        None,
        "Except All on a streaming DataFrame/Dataset is not supported",
    ),
    (
        "LIMIT in update mode",
        Sql("SELECT k FROM e LIMIT 3"),
        Update,
        None,
        "Limits are not supported on streaming DataFrames/Datasets in Update output mode",
    ),
    (
        "OFFSET",
        Sql("SELECT k FROM e LIMIT 3 OFFSET 1"),
        Append,
        None,
        "Offset is not supported on streaming DataFrames/Datasets",
    ),
    (
        "ORDER BY without an end in sight",
        Sql("SELECT k FROM e ORDER BY k"),
        Append,
        None,
        "Sorting is not supported on streaming DataFrames/Datasets",
    ),
    (
        "session windows without another key",
        Sql("SELECT count(*) FROM e GROUP BY session_window(ts, '5 seconds')"),
        Append,
        None,
        "Global aggregation with session window in streaming query is not supported",
    ),
    (
        "a watermark above a watermark",
        Frame(|session| session.table("e").with_watermark("ts", "1 second")),
        Append,
        None,
        "Redefining watermark is disallowed",
    ),
    (
        "transform_with_state in another output mode than the query's",
        Frame(|session| {
            session
                .table("e")
                .group_by([polars::prelude::col("k")])
                .map_groups_with_state(
                    GroupStateTimeout::NoTimeout,
                    |_: &String, _: Vec<(i64,)>, _: &mut GroupState<'_, '_, i64>| Ok((1_i64,)),
                )
        }),
        Append,
        None,
        "transform_with_state in update output mode is not supported with append output mode",
    ),
    (
        "several older operators with state of the user's",
        Frame(|session| {
            let counted = || {
                session
                    .table("e")
                    .group_by([polars::prelude::col("k")])
                    .map_groups_with_state(
                        GroupStateTimeout::NoTimeout,
                        |_: &String, _: Vec<(i64,)>, _: &mut GroupState<'_, '_, i64>| Ok((1_i64,)),
                    )
            };
            counted().union(counted())
        }),
        Update,
        None,
        "Multiple mapGroupsWithStates are not supported",
    ),
    (
        "two event times in one stateful operator",
        Sql("SELECT count(*) FROM e GROUP BY ts, window(ts, '5 seconds')"),
        Append,
        Some("MULTIPLE_EVENT_TIME_COLUMNS"),
        "More than one event time columns are available",
    ),
    (
        "a stateful operator over an aggregation outside append",
        Sql("SELECT max(c) FROM (SELECT k, count(*) AS c FROM e GROUP BY k)"),
        Complete,
        None,
        "Detected pattern of possible 'correctness' issue due to global watermark",
    ),
    (
        "joins of two streams without an equality",
        Sql("SELECT e.k FROM e JOIN f ON e.ts < f.ts"),
        Append,
        None,
        "Stream-stream join without equality predicate is not supported",
    ),
    (
        "joins of two streams without an equality",
        Sql("SELECT e.k FROM e CROSS JOIN f WHERE e.k = f.k"),
        Append,
        None,
        "Stream-stream join without equality predicate is not supported",
    ),
    (
        "joins of two streams without an equality",
        Sql(
            "SELECT e.k FROM e LEFT JOIN f ON e.k = f.k AND f.ts BETWEEN e.ts AND e.ts + INTERVAL 5 SECONDS AND false",
        ),
        Append,
        None,
        "Stream-stream join without equality predicate is not supported",
    ),
    (
        "append: an aggregation whose groups never end, below another",
        Sql(
            "SELECT count(*) FROM (SELECT max(ts) AS t, k FROM raw GROUP BY k) WATERMARK t DELAY OF INTERVAL 5 SECONDS GROUP BY t",
        ),
        Append,
        Some("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK"),
        "append output mode is not supported for aggregations",
    ),
];

/// The streams `e` and `f`, with watermarks, `raw`, without, and the table `t`.
fn session() -> Session {
    let session = Session::new();
    let schema = Arc::new(parse_ddl_schema("ts TIMESTAMP, k STRING, v BIGINT").unwrap());
    for name in ["e", "f", "raw"] {
        let stream = MemoryStream::new(Arc::clone(&schema)).named(name);
        let frame = session.read_stream().from_source(stream);
        let frame = if name == "raw" {
            frame
        } else {
            frame.with_watermark("ts", "10 seconds")
        };
        session.create_temp_view(name, &frame).unwrap();
    }
    let table = session.sql("SELECT * FROM VALUES ('a', 1L) AS t(k, v)");
    session.create_temp_view("t", &table).unwrap();
    session
}

#[test]
fn every_rule_refuses_its_examples_before_any_other_does() {
    let session = session();
    for (what, example, mode, condition, begins) in EXAMPLES {
        let frame = match example {
            Sql(text) => session.sql(text),
            Frame(frame) => frame(&session),
        };
        let plan = frame.plan().unwrap();
        let error = super::super::check(plan, *mode).unwrap_err();
        assert_eq!(error.condition(), *condition, "{what}: {error}");
        assert!(error.message().starts_with(begins), "{what}: {error}");
        let optimized = super::super::optimize(plan).unwrap();
        let refuses = |rules: &[super::Rule], plan: &crate::plan::LogicalPlan| {
            let mut nodes = Vec::new();
            collect(plan, &mut nodes);
            rules.iter().any(|rule| {
                rule.what == *what
                    && nodes.iter().any(|node| {
                        let scope = Scope {
                            root: plan,
                            node,
                            mode: *mode,
                        };
                        (rule.refuses)(&scope).is_some()
                    })
            })
        };
        let is_refused = refuses(RULES, plan) || refuses(RULES_OF_THE_START, &optimized);
        assert!(is_refused, "{what} does not refuse its example");
    }
}

#[test]
fn every_rule_has_an_example_and_a_line_in_the_documentation() {
    let page = include_str!("../../../../docs/refused.md");
    for rule in RULES.iter().chain(RULES_OF_THE_START) {
        let is_shown = EXAMPLES.iter().any(|(what, ..)| *what == rule.what);
        assert!(is_shown, "`{}` has no example", rule.what);
        let line = format!("| {} |", rule.what);
        assert!(page.contains(&line), "docs/refused.md lacks: {line}");
    }
}
