//! Answers are those that Spark 4.3 gave for the same queries.

use crate::case::{Example, ExampleOutcome};

fn assert_answers(sql: &str, rows: &str) {
    let text = serde_json::json!({
        "function": "over",
        "sql": sql,
        "rows": serde_json::from_str::<serde_json::Value>(rows).unwrap(),
    });
    let example: Example = serde_json::from_value(text).unwrap();
    assert_eq!(example.run(), ExampleOutcome::Exact, "{sql}");
}

fn assert_fails(sql: &str, condition: &str) {
    let text = serde_json::json!({"function": "over", "sql": sql, "error": condition});
    let example: Example = serde_json::from_value(text).unwrap();
    assert_eq!(example.run(), ExampleOutcome::Exact, "{sql}");
}

#[test]
fn an_aggregate_sees_its_row_and_all_before_and_equal_to_it() {
    assert_answers(
        "SELECT v, sum(v) OVER (ORDER BY v) FROM VALUES (1), (2), (2), (NULL) t(v)",
        "[[null, null], [1, 1], [2, 5], [2, 5]]",
    );
    assert_answers(
        "SELECT v, count(*) OVER (), sum(v) FILTER (WHERE v > 1) OVER (ORDER BY v) FROM VALUES (1), (2) t(v)",
        "[[1, 2, null], [2, 2, 2]]",
    );
}

#[test]
fn frames_are_counted_in_rows_or_values() {
    assert_answers(
        "SELECT v, sum(v) OVER (ORDER BY v DESC ROWS 1 PRECEDING) FROM VALUES (1), (2), (NULL) t(v)",
        "[[2, 2], [1, 3], [null, 1]]",
    );
    assert_answers(
        "SELECT v, sum(v) OVER (ORDER BY v RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM VALUES (1), (2), (5), (NULL) t(v)",
        "[[null, null], [1, 3], [2, 3], [5, 5]]",
    );
    assert_answers(
        "SELECT v, sum(v) OVER (ORDER BY v DESC RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM VALUES (1), (2), (5) t(v)",
        "[[5, 5], [2, 2], [1, 3]]",
    );
    assert_answers(
        "SELECT count(*) OVER (ORDER BY v RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM VALUES (TIMESTAMP'2020-01-01 00:00:00'), (TIMESTAMP'2020-01-01 00:30:00'), (TIMESTAMP'2020-01-01 02:00:00') t(v)",
        "[[1], [2], [1]]",
    );
    assert_answers(
        "SELECT avg(b) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM VALUES (1, 2), (1, 3), (2, 9) t(a, b)",
        "[[2.5], [3.0], [9.0]]",
    );
}

#[test]
fn neighbours_and_positions_stay_within_the_partition() {
    assert_answers(
        "SELECT v, lag(v, 1, 0) OVER (ORDER BY v), lead(v, 2) OVER (ORDER BY v), lag(v) IGNORE NULLS OVER (ORDER BY v) FROM VALUES (1), (2), (NULL) t(v)",
        "[[null, 0, 2, null], [1, null, null, null], [2, 1, null, 1]]",
    );
    assert_answers(
        "SELECT v, nth_value(v, 2) IGNORE NULLS OVER (ORDER BY v), first_value(v) OVER (ORDER BY v ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING), last_value(v, true) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM VALUES (1), (2), (NULL) t(v)",
        "[[null, null, 1, 2], [1, null, 2, 2], [2, 2, null, 2]]",
    );
    assert_answers(
        "SELECT id, ntile(3) OVER (ORDER BY id) FROM range(7)",
        "[[0, 1], [1, 1], [2, 1], [3, 2], [4, 2], [5, 3], [6, 3]]",
    );
    assert_answers(
        "SELECT v, rank() OVER (ORDER BY v), dense_rank() OVER (ORDER BY v), percent_rank() OVER (ORDER BY v), cume_dist() OVER (ORDER BY v) FROM VALUES (1), (1), (2), (3) t(v)",
        "[[1, 1, 1, 0.0, 0.5], [1, 1, 1, 0.0, 0.5], [2, 3, 2, 0.6666666666666666, 0.75], [3, 4, 3, 1.0, 1.0]]",
    );
}

#[test]
fn windows_of_different_orders_meet_in_one_row() {
    assert_answers(
        "SELECT v, row_number() OVER (ORDER BY v), row_number() OVER (ORDER BY v DESC), count(*) OVER (PARTITION BY v % 2) FROM VALUES (1), (2), (3) t(v)",
        "[[1, 1, 3, 2], [2, 2, 2, 1], [3, 3, 1, 2]]",
    );
}

#[test]
fn windows_have_names_and_are_built_on_each_other() {
    assert_answers(
        "SELECT v, count(*) OVER w, sum(v) OVER (w ORDER BY v), row_number() OVER o FROM VALUES (1), (3), (2) t(v) WINDOW w AS (PARTITION BY v % 2), o AS (w ORDER BY v DESC)",
        "[[1, 2, 1, 2], [3, 2, 4, 1], [2, 1, 2, 1]]",
    );
    assert_fails(
        "SELECT row_number() OVER w FROM VALUES (1) t(v)",
        "MISSING_WINDOW_SPECIFICATION",
    );
}

#[test]
fn window_functions_see_aggregates_and_qualify_sees_them() {
    assert_answers(
        "SELECT a, sum(sum(b)) OVER (ORDER BY a) FROM VALUES (1, 2), (1, 3), (2, 5) t(a, b) GROUP BY a",
        "[[1, 5], [2, 10]]",
    );
    assert_answers(
        "SELECT a, rank() OVER (ORDER BY sum(b) DESC) r FROM VALUES (1, 2), (1, 3), (2, 7) t(a, b) GROUP BY a QUALIFY r = 1",
        "[[2, 1]]",
    );
    assert_answers(
        "SELECT v FROM VALUES (1), (2) t(v) QUALIFY row_number() OVER (ORDER BY v DESC) = 1",
        "[[2]]",
    );
}

#[test]
fn a_counter_that_began_anew_has_no_difference() {
    assert_answers(
        "SELECT t, counter_diff(c) OVER (ORDER BY t) FROM VALUES (1, 5D), (2, 7.5D), (3, NULL), (4, 9D), (5, 1D) t(t, c)",
        "[[1, null], [2, 2.5], [3, null], [4, 1.5], [5, null]]",
    );
    assert_answers(
        "SELECT t, counter_diff(c, s) OVER (ORDER BY t) FROM VALUES (1, 5, TIMESTAMP'2026-01-01 00:00:00'), (2, 7, TIMESTAMP'2026-01-01 00:00:00'), (3, 9, TIMESTAMP'2026-01-01 00:02:00') t(t, c, s)",
        "[[1, null], [2, 2], [3, null]]",
    );
}

#[test]
fn a_condition_above_does_not_take_rows_from_a_window() {
    assert_answers(
        "SELECT * FROM (SELECT v, count(*) OVER () AS c FROM VALUES (1), (2) t(v)) WHERE v = 1",
        "[[1, 2]]",
    );
    assert_answers(
        "SELECT v, row_number() OVER (ORDER BY v) FROM VALUES (1) t(v) WHERE v > 1",
        "[]",
    );
}

#[test]
fn what_makes_no_window_is_refused_with_the_condition_of_spark() {
    let refused = [
        (
            "row_number() OVER (PARTITION BY v)",
            "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
        ),
        (
            "ntile(0) OVER (ORDER BY v)",
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
        ),
        (
            "nth_value(v, 0) OVER (ORDER BY v)",
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
        ),
        (
            "sum(DISTINCT v) OVER (ORDER BY v)",
            "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED",
        ),
        (
            "sum(v) OVER (ORDER BY v, v RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER",
        ),
        (
            "sum(v) OVER (RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER",
        ),
        (
            "sum(v) OVER (ORDER BY v ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING)",
            "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
        ),
        ("row_number()", "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE"),
        (
            "upper('a') OVER (ORDER BY v)",
            "UNSUPPORTED_EXPR_FOR_WINDOW",
        ),
        (
            "lag(v, v) OVER (ORDER BY v)",
            "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
        ),
    ];
    for (call, condition) in refused {
        assert_fails(&format!("SELECT {call} FROM VALUES (1) t(v)"), condition);
    }
    assert_fails(
        "SELECT v FROM VALUES (1) t(v) WHERE row_number() OVER (ORDER BY v) = 1",
        "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE",
    );
}
