//! Whole queries, as text: the functions are about how their arguments fit together.

use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::error::Result;
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::plan::LogicalPlan;
use crate::sql::{Relations, lower_query, parse_query};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use std::collections::BTreeMap;
use std::sync::Arc;

struct NoRelations;

impl Relations for NoRelations {
    fn table(&self, _name: &[String]) -> Result<Arc<LogicalPlan>> {
        Err(crate::error::Error::internal(
            "there are no tables in this test",
        ))
    }

    fn stream(
        &self,
        name: &[String],
        _options: &BTreeMap<String, String>,
        _identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        self.table(name)
    }
}

fn rows(sql: &str) -> Result<Vec<String>> {
    let plan = lower_query(&parse_query(sql)?, &NoRelations)?;
    let settings = IncrementalSettings {
        state_partitions: 1,
        time_zone: "UTC".to_owned(),
    };
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    let mut rows = Vec::new();
    for batch in IncrementalPlan::collect(&plan, &settings, &context)? {
        let text = cast(batch.column(0), &DataType::Utf8, false, &context)?;
        let text = text.as_string::<i32>();
        rows.extend((0..text.len()).map(|row| {
            if text.is_null(row) {
                "null".to_owned()
            } else {
                text.value(row).to_owned()
            }
        }));
    }
    Ok(rows)
}

/// The one value of an expression as text, or the condition of its error.
fn value(expression: &str) -> String {
    match rows(&format!("SELECT {expression}")) {
        Ok(rows) => rows.join("; "),
        Err(error) => error
            .condition()
            .map_or_else(|| error.to_string(), str::to_owned),
    }
}

/// The values of an expression over the rows (1, [1, 2, null]), (2, null), (3, []).
fn column(expression: &str) -> String {
    let sql = format!(
        "SELECT {expression} FROM VALUES (1, array(1, 2, null)), (2, null), (3, array()) AS t(n, a)"
    );
    match rows(&sql) {
        Ok(rows) => rows.join("; "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn elements_are_found_by_index_and_key() {
    assert_eq!(value("array(1, 2, 3)[0]"), "1");
    assert_eq!(value("array(1, 2, 3)[3]"), "INVALID_ARRAY_INDEX");
    assert_eq!(value("get(array(1, 2, 3), -1)"), "null");
    assert_eq!(value("element_at(array(1, 2, 3), -1)"), "3");
    assert_eq!(
        value("element_at(array(1, 2, 3), 0)"),
        "INVALID_INDEX_OF_ZERO"
    );
    assert_eq!(
        value("element_at(array(1, 2, 3), 4)"),
        "INVALID_ARRAY_INDEX_IN_ELEMENT_AT"
    );
    assert_eq!(value("try_element_at(array(1, 2, 3), 4)"), "null");
    assert_eq!(value("map('a', 1)['a']"), "1");
    assert_eq!(value("map('a', 1)['b']"), "null");
    assert_eq!(column("try_element_at(a, 2)"), "2; null; null");
}

#[test]
fn null_arrays_and_null_elements_are_told_apart() {
    assert_eq!(column("size(a)"), "3; null; 0");
    assert_eq!(column("array_contains(a, n)"), "true; null; false");
    assert_eq!(column("array_contains(a, 7)"), "null; null; false");
    assert_eq!(column("array_position(a, 2)"), "2; null; 0");
    assert_eq!(column("array_compact(a)"), "[1, 2]; null; []");
    assert_eq!(column("array_append(a, n)"), "[1, 2, null, 1]; null; [3]");
    assert_eq!(column("array_max(a)"), "2; null; null");
    assert_eq!(column("sort_array(a)"), "[null, 1, 2]; null; []");
    assert_eq!(column("sort_array(a, false)"), "[2, 1, null]; null; []");
    assert_eq!(column("array_sort(a)"), "[1, 2, null]; null; []");
}

#[test]
fn sets_keep_the_first_of_equal_elements() {
    assert_eq!(
        value("array_distinct(array(1, null, 1, null, 2))"),
        "[1, null, 2]"
    );
    assert_eq!(
        value("array_distinct(array(double('NaN'), 0.0D, double('NaN'), -0.0D))"),
        "[NaN, 0.0]"
    );
    assert_eq!(
        value("array_union(array(1, null), array(null, 2))"),
        "[1, null, 2]"
    );
    assert_eq!(value("array_except(array(1, 1, 2), array(2L))"), "[1]");
    assert_eq!(
        value("array_intersect(array('a', 'b'), array('b', 'c'))"),
        "[b]"
    );
    assert_eq!(value("arrays_overlap(array(1, null), array(2))"), "null");
    assert_eq!(value("arrays_overlap(array(1, null), array())"), "false");
}

#[test]
fn arrays_change_their_length() {
    assert_eq!(value("array_insert(array(1, 2), 4, 9)"), "[1, 2, null, 9]");
    assert_eq!(value("array_insert(array(1, 2), -1, 9)"), "[1, 2, 9]");
    assert_eq!(
        value("array_insert(array(1, 2), -5, 9)"),
        "[9, null, null, 1, 2]"
    );
    assert_eq!(value("slice(array(1, 2, 3), -2, 5)"), "[2, 3]");
    assert_eq!(
        value("slice(array(1, 2, 3), 0, 1)"),
        "INVALID_PARAMETER_VALUE.START"
    );
    assert_eq!(value("flatten(array(array(1), null, array(2)))"), "null");
    assert_eq!(value("array_repeat(1, -1)"), "[]");
    assert_eq!(
        value("arrays_zip(array(1), array('a', 'b'))"),
        "[{1, a}, {null, b}]"
    );
    assert_eq!(value("array_join(array('a', null), '-')"), "a");
}

#[test]
fn sequences_include_both_ends() {
    assert_eq!(value("sequence(5, 1, -2)"), "[5, 3, 1]");
    assert_eq!(
        value("sequence(DATE'2024-01-31', DATE'2024-03-31', INTERVAL 1 MONTH)"),
        "[2024-01-31, 2024-02-29, 2024-03-31]"
    );
    assert_eq!(
        value(
            "sequence(TIMESTAMP'2024-01-01', TIMESTAMP'2024-01-01 01:00:00', INTERVAL 30 MINUTES)"
        ),
        "[2024-01-01 00:00:00, 2024-01-01 00:30:00, 2024-01-01 01:00:00]"
    );
    assert!(value("sequence(1, 5, -1)").contains("illegal sequence boundaries"));
}

#[test]
fn maps_refuse_null_and_repeated_keys() {
    assert_eq!(value("map(1, 'a', 2, null)"), "{1 -> a, 2 -> null}");
    assert_eq!(value("map(null, 1)"), "NULL_MAP_KEY");
    assert_eq!(value("map(1, 'a', 1, 'b')"), "DUPLICATED_MAP_KEY");
    assert_eq!(
        value("map_concat(map(1, 'a'), map(1, 'b'))"),
        "DUPLICATED_MAP_KEY"
    );
    assert_eq!(
        value("map_from_entries(array(null))"),
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"
    );
    assert_eq!(value("map_contains_key(map(1, 'a'), 2)"), "false");
    assert_eq!(value("map_entries(map(1, 'a'))"), "[{1, a}]");
}

#[test]
fn lambdas_see_the_columns_of_their_row() {
    assert_eq!(
        column("transform(a, x -> x * 10 + n)"),
        "[11, 21, null]; null; []"
    );
    assert_eq!(column("transform(a, (x, i) -> i)"), "[0, 1, 2]; null; []");
    assert_eq!(column("filter(a, x -> x > n)"), "[2]; null; []");
    assert_eq!(column("exists(a, x -> x = 2)"), "true; null; false");
    assert_eq!(column("exists(a, x -> x = 5)"), "null; null; false");
    assert_eq!(column("forall(a, x -> x > 0)"), "null; null; true");
    assert_eq!(
        column("aggregate(a, 0, (acc, x) -> acc + coalesce(x, n), acc -> acc * 2)"),
        "8; null; 0"
    );
    assert_eq!(
        column("zip_with(a, array(5, 6), (x, y) -> y)"),
        "[5, 6, null]; null; [5, 6]"
    );
    assert_eq!(
        value("array_sort(array(3, 1, 2, 1), (l, r) -> r - l)"),
        "[3, 2, 1, 1]"
    );
    assert_eq!(
        value("array_sort(array(3, 1), (l, r) -> null)"),
        "DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE"
    );
    assert_eq!(
        value("transform(array(array(1), array(2, 3)), x -> transform(x, y -> y + size(x)))"),
        "[[2], [4, 5]]"
    );
    assert_eq!(
        value("map_filter(map(1, 0, 3, -1), (k, v) -> k > v + 2)"),
        "{3 -> -1}"
    );
    assert_eq!(
        value("transform_keys(map(1, 'a', 2, 'b'), (k, v) -> 0)"),
        "DUPLICATED_MAP_KEY"
    );
}

#[test]
fn a_struct_keeps_the_names_of_its_columns() {
    assert_eq!(value("struct(1 AS a, 2).a"), "1");
    assert_eq!(
        rows("SELECT struct(n, n + 1).n FROM VALUES (7) AS t(n)").unwrap(),
        ["7"]
    );
    assert_eq!(value("struct(1, 2).col2"), "2");
    assert_eq!(value("named_struct('x', 1, 'y', 2)"), "{1, 2}");
}
