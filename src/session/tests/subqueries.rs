//! Subqueries in expressions: the answers are those of Spark 4.3.

use super::*;
use crate::sink::memory::MemorySink;
use crate::trigger::Trigger;
use arrow::array::AsArray;

/// Two tables to ask about: `s` with a null among its keys, `t` with one among its values.
const TABLES: &str =
    "WITH s AS (SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, 'd') AS s(k, n)),
    t AS (SELECT * FROM VALUES (1, 10), (2, NULL), (2, 20) AS t(k, v)) ";

/// The rows as `to_json` has them, a line each.
fn rows(query: &str) -> String {
    let session = Session::new();
    let batches = session
        .sql(&format!(
            "{TABLES} SELECT to_json(struct(*)) AS row FROM ({query})"
        ))
        .collect_batches();
    match batches {
        Ok(batches) => {
            let lines = batches.iter().flat_map(|batch| {
                let texts = batch.column(0).as_string::<i32>();
                texts.iter().flatten().map(str::to_owned)
            });
            lines.collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.condition().unwrap_or(error.message()).to_owned(),
    }
}

#[test]
fn members_of_a_subquery_are_found_or_left_out() {
    let one_and_two = r#"{"k":1,"n":"a"} {"k":2,"n":"b"}"#;
    let three = r#"{"k":3}"#;
    let three_and_null = r#"{"k":3} {"n":"d"}"#;
    for (condition, expected) in [
        ("k IN (SELECT k FROM t)", one_and_two),
        ("k NOT IN (SELECT k FROM t)", three),
        ("NOT (k IN (SELECT k FROM t))", three),
        // A null among the values leaves it open whether a key is one of them.
        ("k NOT IN (SELECT v FROM t)", ""),
        (
            "k NOT IN (SELECT v FROM t WHERE v > 100)",
            r#"{"k":1,"n":"a"} {"k":2,"n":"b"} {"k":3} {"n":"d"}"#,
        ),
        (
            "k NOT IN (SELECT t.k FROM t WHERE t.v > s.k)",
            three_and_null,
        ),
        ("(k, n) IN (SELECT k, 'a' FROM t)", r#"{"k":1,"n":"a"}"#),
        (
            "EXISTS (SELECT 1 FROM t WHERE t.k = s.k AND v > 5)",
            one_and_two,
        ),
        ("EXISTS (SELECT k FROM t WHERE k = s.k)", one_and_two),
        (
            "NOT EXISTS (SELECT 1 FROM t WHERE t.k = s.k)",
            three_and_null,
        ),
        ("EXISTS (SELECT 1 FROM t WHERE v > 100)", ""),
        (
            "k IN (SELECT k FROM t WHERE v IN (SELECT max(v) FROM t)) AND n = 'b'",
            r#"{"k":2,"n":"b"}"#,
        ),
    ] {
        let found = rows(&format!("SELECT * FROM s WHERE {condition}"));
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn a_subquery_of_one_row_is_a_value() {
    assert_eq!(
        rows("SELECT * FROM s WHERE k >= (SELECT max(k) FROM t) AND n IS NULL"),
        r#"{"k":3}"#
    );
    assert_eq!(
        rows(
            "SELECT *, k + (SELECT sum(v) FROM t) AS x, (SELECT min(k) FROM t) FROM s WHERE k = 1"
        ),
        r#"{"k":1,"n":"a","x":31,"scalarsubquery()":1}"#
    );
}

#[test]
fn subqueries_are_values_wherever_values_may_stand() {
    for (query, expected) in [
        (
            "SELECT k FROM s WHERE n = 'd' OR k IN (SELECT k FROM t)",
            r#"{"k":1} {"k":2} {}"#,
        ),
        (
            "SELECT k, EXISTS (SELECT 1 FROM t WHERE t.k = s.k) AS e FROM s WHERE k > 1",
            r#"{"k":2,"e":true} {"k":3,"e":false}"#,
        ),
        // As in Spark both are false where nulls leave it open.
        (
            "SELECT k IN (SELECT v FROM t) AS i, k NOT IN (SELECT v FROM t) AS n FROM s WHERE k = 1",
            r#"{"i":false,"n":false}"#,
        ),
        (
            "SELECT k, (SELECT max(v) FROM t WHERE t.k = s.k) AS m, (SELECT count(*) FROM t WHERE t.k = s.k) AS c FROM s WHERE k > 1",
            r#"{"k":2,"m":20,"c":2} {"k":3,"c":0}"#,
        ),
        (
            "SELECT k, (SELECT v FROM t WHERE t.k = s.k) AS v FROM s WHERE k = 1",
            r#"{"k":1,"v":10}"#,
        ),
        (
            "SELECT count(*) AS c FROM s HAVING count(*) > (SELECT min(k) FROM t)",
            r#"{"c":4}"#,
        ),
        (
            "SELECT max(k) AS m FROM s GROUP BY k < 3 HAVING max(k) IN (SELECT k FROM t)",
            r#"{"m":2}"#,
        ),
    ] {
        assert_eq!(rows(query), expected, "{query}");
    }
}

#[test]
fn rows_become_columns_and_columns_rows() {
    for (query, expected) in [
        (
            "SELECT * FROM t PIVOT (sum(v) AS s, count(*) AS c FOR k IN (1 AS one, 2, 3))",
            r#"{"one_s":10,"one_c":1,"2_s":20,"2_c":2}"#,
        ),
        (
            "SELECT * FROM t UNPIVOT (x FOR name IN (k AS key, v))",
            r#"{"name":"key","x":1} {"name":"v","x":10} {"name":"key","x":2} {"name":"key","x":2} {"name":"v","x":20}"#,
        ),
        ("SELECT * FROM t TABLESAMPLE (1 ROWS)", r#"{"k":1,"v":10}"#),
        (
            "SELECT * FROM s UNPIVOT (x FOR name IN (k, n))",
            "UNPIVOT_VALUE_DATA_TYPE_MISMATCH",
        ),
    ] {
        assert_eq!(rows(query), expected, "{query}");
    }
}

#[test]
fn the_condition_of_an_outer_join_asks_each_side() {
    for (query, expected) in [
        (
            "SELECT n, t.k, v FROM s RIGHT JOIN t ON s.k = t.k AND t.v IN (SELECT v FROM t WHERE v < 15) ORDER BY v",
            r#"{"k":2} {"n":"a","k":1,"v":10} {"k":2,"v":20}"#,
        ),
        (
            "SELECT n, t.k, v FROM s RIGHT JOIN t ON s.k = t.k AND s.n IN (SELECT n FROM s WHERE n = 'b') ORDER BY v",
            r#"{"n":"b","k":2} {"k":1,"v":10} {"n":"b","k":2,"v":20}"#,
        ),
        (
            "SELECT n, v FROM s LEFT JOIN t ON s.k = t.k AND s.n IN (SELECT n FROM s WHERE n = 'a') AND t.v IN (SELECT v FROM t WHERE v = 10) ORDER BY n",
            r#"{} {"n":"a","v":10} {"n":"b"} {"n":"d"}"#,
        ),
    ] {
        assert_eq!(rows(query), expected, "{query}");
    }
}

#[test]
fn pipes_see_what_the_query_before_them_names() {
    let query =
        "WITH u AS (SELECT 1 AS k) FROM u |> JOIN (SELECT k AS j FROM u) ON k = j |> SELECT j";
    assert_eq!(rows(query), r#"{"j":1}"#);
}

#[test]
fn subqueries_that_are_wrong_or_unknown_are_refused() {
    for (query, expected) in [
        (
            "SELECT * FROM s WHERE k IN (SELECT k, v FROM t)",
            "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
        ),
        (
            "SELECT (SELECT k, v FROM t LIMIT 1) AS a",
            "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
        ),
        (
            "SELECT * FROM s WHERE k IN (SELECT nope FROM t)",
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        ),
    ] {
        assert_eq!(rows(query), expected, "{query}");
    }
    for (query, expected) in [
        (
            "SELECT * FROM s WHERE k = (SELECT k FROM t)",
            "SCALAR_SUBQUERY_TOO_MANY_ROWS",
        ),
        (
            "SELECT * FROM s WHERE n = 'd' OR k IN (SELECT k FROM t WHERE t.k = s.k)",
            "between the ANDs of WHERE",
        ),
        (
            "SELECT (SELECT max(v) FROM t WHERE t.k > s.k) AS m FROM s",
            "that is no equality",
        ),
        (
            "SELECT s.k FROM s FULL JOIN t ON s.k = t.k AND s.k IN (SELECT k FROM t)",
            "a subquery in the condition of a FULL OUTER JOIN",
        ),
        (
            "SELECT * FROM s, LATERAL (SELECT v, row_number() OVER (ORDER BY v) AS r FROM t WHERE t.k = s.k)",
            "a function over a window",
        ),
        (
            &nested_laterals(9),
            "more than 8 LATERAL subqueries within each other",
        ),
    ] {
        let said = rows(query);
        assert!(said.contains(expected), "{query}: {said}");
    }
}

/// LATERAL subqueries within each other, each of which compares with the one around it.
fn nested_laterals(depth: usize) -> String {
    let innermost = "SELECT t.k FROM t WHERE t.k = outer.k".to_owned();
    (1..depth).fold(
        format!("SELECT * FROM s AS outer, LATERAL ({innermost})"),
        |query, _| format!("SELECT * FROM s AS outer, LATERAL ({query} WHERE outer.k = outer.k)"),
    )
}

#[test]
fn a_stream_is_filtered_by_a_table() {
    let (session, stream) = session_with_events();
    let wanted = "SELECT k FROM STREAM events
        WHERE k IN (SELECT * FROM VALUES ('a'), ('b') AS w(k)) AND v > (SELECT avg(x) FROM VALUES (1), (3) AS y(x))";
    let sink = MemorySink::new();
    stream
        .add_batch(events(&[("a", 1, 0), ("b", 5, 0), ("c", 9, 0)]))
        .unwrap();
    let query = session
        .sql(wanted)
        .write_stream()
        .sink(sink.clone())
        .trigger(Trigger::AvailableNow)
        .start()
        .unwrap();
    query.await_termination(None).unwrap();
    let batches = sink.rows();
    let keys = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
    assert_eq!(keys.collect::<Vec<_>>(), ["b"]);
}
