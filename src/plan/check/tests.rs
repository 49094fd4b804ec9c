use super::*;
use crate::expr::{Ast, AstKind};
use crate::plan::JoinType;
use crate::plan::builder::tests::{call, count, events, n, on, stream, table, watermarked, window};
use crate::plan::builder::{
    self, JoinCondition, Select, SortItem, aggregate, drop_duplicates, join, limit, select, union,
};
use std::sync::Arc;

use OutputMode::{Append, Complete, Update};

fn refused(plan: &Arc<LogicalPlan>, mode: OutputMode) -> String {
    check(plan, mode).unwrap_err().message().to_owned()
}

fn by_key() -> Arc<LogicalPlan> {
    aggregate(&events(), &[n("k")], &[n("k"), count().alias("c")]).unwrap()
}

fn by_window() -> Arc<LogicalPlan> {
    aggregate(
        &watermarked(),
        &[window(n("ts"), &["5 seconds"])],
        &[n("window"), count().alias("c")],
    )
    .unwrap()
}

/// Impressions and clicks, with watermarks.
fn sides() -> (Arc<LogicalPlan>, Arc<LogicalPlan>) {
    let left = stream("i", "its TIMESTAMP, ad STRING, cost INT");
    let right = stream("c", "cts TIMESTAMP, ad STRING, usr STRING");
    (
        builder::watermark(&left, &on("its"), "10 seconds").unwrap(),
        builder::watermark(&right, &on("cts"), "5 seconds").unwrap(),
    )
}

fn interval(seconds: i64) -> Ast {
    let micros = arrow::array::DurationMicrosecondArray::from(vec![seconds * 1_000_000]);
    Ast::literal(Arc::new(micros))
}

fn all(conditions: &[Ast]) -> JoinCondition {
    let all = conditions
        .iter()
        .cloned()
        .reduce(|left, right| call("and", &[left, right]));
    JoinCondition::On(all.unwrap())
}

fn same_ad() -> Ast {
    call("=", &[n("i.ad"), n("c.ad")])
}

/// `cts` within 15 seconds after `its`.
fn in_time() -> [Ast; 2] {
    [
        call(">=", &[n("cts"), n("its")]),
        call("<=", &[n("cts"), call("+", &[n("its"), interval(15)])]),
    ]
}

fn range_join(join_type: JoinType) -> Arc<LogicalPlan> {
    let (left, right) = sides();
    let [from, to] = in_time();
    join(&left, &right, join_type, &all(&[same_ad(), from, to])).unwrap()
}

#[test]
fn what_passes_by_runs_in_append_and_update() {
    let plan = select(&events(), &[n("k")]).unwrap();
    check(&plan, Append).unwrap();
    check(&plan, Update).unwrap();
    let error = check(&plan, Complete).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION")
    );
    assert!(
        error.message().starts_with(
            "invalid streaming output mode: complete. This output mode is not supported for no streaming aggregations on streaming DataFrames/DataSets"
        ),
        "{error}"
    );
}

#[test]
fn append_needs_a_watermark_among_the_keys() {
    check(&by_key(), Update).unwrap();
    check(&by_key(), Complete).unwrap();
    let message = refused(&by_key(), Append);
    assert!(
        message.starts_with(
            "invalid streaming output mode: append. This output mode is not supported for streaming aggregations without watermark"
        ),
        "{message}"
    );
    let unrelated = aggregate(&watermarked(), &[n("k")], &[n("k"), count()]).unwrap();
    assert_eq!(refused(&unrelated, Append), message);
    check(&by_window(), Append).unwrap();
    let by_time = aggregate(&watermarked(), &[n("ts")], &[n("ts"), count()]).unwrap();
    check(&by_time, Append).unwrap();
}

#[test]
fn distinct_rows_are_an_aggregation() {
    let plan = builder::distinct(&select(&watermarked(), &[n("k"), n("ts")]).unwrap()).unwrap();
    check(&plan, Append).unwrap();
    let plan = builder::distinct(&select(&events(), &[n("k")]).unwrap()).unwrap();
    check(&plan, Update).unwrap();
    assert!(refused(&plan, Append).contains("without watermark"));
}

#[test]
fn distinct_aggregates_are_refused_on_streams_only() {
    let distinct = Ast::new(crate::expr::AstKind::Call(Box::new(crate::expr::AstCall {
        name: "count".to_owned(),
        arguments: vec![n("k")],
        is_distinct: true,
        ..crate::expr::AstCall::default()
    })));
    let plan = select(&events(), std::slice::from_ref(&distinct)).unwrap();
    assert!(
        refused(&plan, Complete)
            .starts_with("Distinct aggregations are not supported on streaming")
    );
    let plan = select(&table("t", "k STRING"), &[distinct]).unwrap();
    check_batch(&plan).unwrap();
}

#[test]
fn aggregations_may_be_chained_in_append_only() {
    let chained = aggregate(
        &by_window(),
        &[window(n("window"), &["15 seconds"])],
        &[call("sum", &[n("c")])],
    )
    .unwrap();
    check(&chained, Append).unwrap();
    for mode in [Update, Complete] {
        assert!(refused(&chained, mode).contains("'correctness' issue"));
    }
}

#[test]
fn sorting_needs_the_whole_result() {
    let item = SortItem {
        expr: n("c"),
        is_descending: false,
        nulls_first: None,
    };
    let sorted = builder::sort(&by_key(), std::slice::from_ref(&item)).unwrap();
    check(&sorted, Complete).unwrap();
    assert!(refused(&sorted, Update).starts_with("Sorting is not supported on streaming"));
    let block = Select {
        items: vec![n("k"), n("v")],
        order_by: vec![SortItem {
            expr: n("v"),
            ..item
        }],
        ..Select::default()
    };
    let plan = builder::select_block(&events(), &block).unwrap();
    assert!(refused(&plan, Append).starts_with("Sorting is not supported on streaming"));
}

#[test]
fn limits_run_in_append_and_complete() {
    let plan = limit(&events(), Some(3), 0);
    check(&plan, Append).unwrap();
    assert!(refused(&plan, Update).starts_with("Limits are not supported on streaming"));
    check(&limit(&by_key(), Some(3), 0), Complete).unwrap();
    let offset = limit(&events(), Some(3), 1);
    assert!(refused(&offset, Append).starts_with("Offset is not supported"));
}

#[test]
fn streams_and_tables_cannot_be_united() {
    let table = table("t", "ts TIMESTAMP, k STRING, v BIGINT");
    let mixed = union(&[events(), Arc::clone(&table)]).unwrap();
    assert!(refused(&mixed, Append).starts_with("Union between streaming and batch"));
    check(&union(&[events(), events()]).unwrap(), Append).unwrap();
    assert!(refused(&table, Append).starts_with("queries without streaming sources"));
    assert!(check_batch(&events()).is_err());
}

#[test]
fn joins_with_a_table_keep_the_side_of_the_stream() {
    let on = JoinCondition::On(call("=", &[n("events.k"), n("d.k")]));
    let dim = table("d", "k STRING, label STRING");
    let stream_first = |join_type| join(&events(), &dim, join_type, &on).unwrap();
    let table_first = |join_type| join(&dim, &events(), join_type, &on).unwrap();
    for join_type in [
        JoinType::Inner,
        JoinType::LeftOuter,
        JoinType::LeftSemi,
        JoinType::LeftAnti,
    ] {
        check(&stream_first(join_type), Append).unwrap();
    }
    check(&table_first(JoinType::Inner), Append).unwrap();
    check(&table_first(JoinType::RightOuter), Append).unwrap();
    for (plan, words) in [
        (
            stream_first(JoinType::FullOuter),
            "FullOuter joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is not supported",
        ),
        (
            table_first(JoinType::LeftOuter),
            "LeftOuter join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not supported",
        ),
        (
            stream_first(JoinType::RightOuter),
            "RightOuter join with a streaming DataFrame/Dataset on the left",
        ),
        (
            table_first(JoinType::LeftAnti),
            "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported",
        ),
    ] {
        let message = refused(&plan, Append);
        assert!(message.starts_with(words), "{message}");
    }
}

#[test]
fn joins_of_two_streams_must_end() {
    let (left, right) = sides();
    let endless = join(&left, &right, JoinType::LeftOuter, &all(&[same_ad()])).unwrap();
    let message = refused(&endless, Append);
    assert!(
        message.starts_with(
            "Stream-stream LeftOuter join between two streaming DataFrame/Datasets is not supported without a watermark in the join keys"
        ),
        "{message}"
    );
    let bounded = range_join(JoinType::LeftOuter);
    assert!(refused(&bounded, Update).starts_with(
        "LeftOuter join between two streaming DataFrames/Datasets is not supported in Update output mode, only in Append output mode"
    ));
    check(&bounded, Append).unwrap();
    let [from, _] = in_time();
    let unequal = join(&left, &right, JoinType::Inner, &all(&[from])).unwrap();
    assert!(refused(&unequal, Append).starts_with("Stream-stream join without equality"));
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what may be no bound"
)]
fn past_watermark(micros: i64) -> Option<TimeBound> {
    Some(TimeBound {
        past_watermark_us: Some(micros),
        fixed_us: None,
    })
}

#[test]
fn a_range_condition_bounds_the_time_that_rows_are_kept() {
    let plan = range_join(JoinType::Inner);
    // cts >= its: a right row is needed as long as its time is not below the left watermark.
    assert_eq!(
        state_time_bound(&plan, JoinSide::Right),
        past_watermark(-1_000)
    );
    // cts <= its + 15 s: a left row is needed until 15 s after.
    assert_eq!(
        state_time_bound(&plan, JoinSide::Left),
        past_watermark(-15_000_000 - 1_000)
    );
    assert_eq!(key_of_event_time(&plan), None);
    let (left, right) = sides();
    let equal_times = call("=", &[n("its"), n("cts")]);
    let plan = join(&left, &right, JoinType::LeftOuter, &all(&[equal_times])).unwrap();
    assert_eq!(key_of_event_time(&plan), Some(0));
}

#[test]
fn a_condition_without_the_watermark_of_the_other_side_bounds_nothing() {
    let left = stream("i", "its TIMESTAMP, ad STRING");
    let (_, right) = sides();
    let [from, _] = in_time();
    let plan = join(&left, &right, JoinType::Inner, &all(&[same_ad(), from])).unwrap();
    assert_eq!(state_time_bound(&plan, JoinSide::Right), None);
    assert_eq!(state_time_bound(&plan, JoinSide::Left), None);
}

#[test]
fn an_interval_that_is_cast_to_a_number_bounds_nothing() {
    let (left, right) = sides();
    let number = |input: Ast| {
        Ast::new(AstKind::Cast {
            input: Box::new(input),
            data_type: arrow::datatypes::DataType::Int64,
            units: crate::types::TypeUnits::default(),
            is_try: false,
        })
    };
    let bound = |shift: Ast| {
        let latest = call("+", &[number(n("its")), shift]);
        let condition = call("<=", &[number(n("cts")), latest]);
        let plan = join(
            &left,
            &right,
            JoinType::Inner,
            &all(&[same_ad(), condition]),
        );
        state_time_bound(&plan.unwrap(), JoinSide::Left)
    };
    assert!(bound(Ast::bigint(15)).is_some());
    let unit = Ast::string("DAY");
    let day = call("__interval", &[interval(86_400), unit.clone(), unit]);
    // It is 1, which counts as a second beside times that are numbers.
    assert_eq!(bound(number(day)), None);
}

#[test]
fn sessions_need_another_key_and_append_or_complete() {
    let session = call("session_window", &[n("ts"), Ast::string("10 seconds")]);
    let keys = [n("k"), session];
    let sessions = aggregate(&watermarked(), &keys, &[n("k"), count()]).unwrap();
    check(&sessions, Append).unwrap();
    check(&sessions, Complete).unwrap();
    assert!(refused(&sessions, Update).contains("session window streaming aggregations"));
    let global = aggregate(&watermarked(), &keys[1..], &[count()]).unwrap();
    assert!(refused(&global, Append).starts_with("Global aggregation with session window"));
}

#[test]
fn deduplication_runs_in_append_and_update_and_within_a_watermark_that_is_there() {
    let first = drop_duplicates(&events(), &["k".to_owned()], false).unwrap();
    check(&first, Append).unwrap();
    check(&first, Update).unwrap();
    assert!(refused(&first, Complete).contains("no streaming aggregations"));
    let within = drop_duplicates(&events(), &["k".to_owned()], true).unwrap();
    assert!(refused(&within, Append).contains("without watermark"));
    let within = drop_duplicates(&watermarked(), &["k".to_owned()], true).unwrap();
    check(&within, Append).unwrap();
}

#[test]
fn a_watermark_is_declared_once() {
    let again = builder::watermark(&watermarked(), &on("ts"), "1 minute").unwrap();
    assert!(refused(&again, Append).starts_with("Redefining watermark is disallowed"));
}

#[test]
fn an_operator_has_one_event_time() {
    let both = select(
        &watermarked(),
        &[n("ts"), window(n("ts"), &["1 minute"]).alias("w")],
    )
    .unwrap();
    let plan = aggregate(&both, &[n("ts"), n("w")], &[count()]).unwrap();
    assert!(refused(&plan, Append).starts_with("More than one event time columns"));
}

#[test]
fn set_operations_are_refused_as_in_spark() {
    let keys = |plan: &Arc<LogicalPlan>| select(plan, &[n("k")]).unwrap();
    let table = table("t", "k STRING");
    let except = builder::except(&keys(&events()), &keys(&events()), false).unwrap();
    assert!(
        refused(&except, Append)
            .starts_with("Except on a streaming DataFrame/Dataset on the right is not supported")
    );
    let except = builder::except(&keys(&events()), &table, false).unwrap();
    check(&except, Update).unwrap();
    assert!(refused(&except, Append).contains("without watermark"));
    assert!(refused(&except, Complete).contains("no streaming aggregations"));
    let except_all = builder::except(&keys(&events()), &table, true).unwrap();
    assert!(refused(&except_all, Update).starts_with("Except All on a streaming"));
    let intersect = builder::intersect(&keys(&events()), &table, false).unwrap();
    assert!(refused(&intersect, Append).starts_with("Intersect of streaming"));
}
