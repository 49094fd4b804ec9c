use super::*;
use crate::batch::Timestamp;
use crate::expr::ExprKind;
use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

fn context() -> BatchContext {
    BatchContext::one_shot(Timestamp(0), "UTC")
}

fn rows(names: [&str; 2], rows: &[(Option<&str>, i64)]) -> RecordBatch {
    let fields = vec![
        Field::new(names[0], DataType::Utf8, true),
        Field::new(names[1], DataType::Int64, true),
    ];
    let keys: StringArray = rows.iter().map(|(key, _)| *key).collect();
    let values: Int64Array = rows.iter().map(|(_, value)| Some(*value)).collect();
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, vec![Arc::new(keys), Arc::new(values)]).unwrap()
}

fn left() -> RecordBatch {
    rows(
        ["k", "v"],
        &[(Some("a"), 1), (None, 2), (Some("b"), 3), (Some("z"), 4)],
    )
}

fn right() -> RecordBatch {
    rows(
        ["k2", "w"],
        &[
            (Some("a"), 10),
            (Some("a"), 11),
            (None, 12),
            (Some("b"), 13),
            (Some("c"), 14),
        ],
    )
}

fn spec(join_type: JoinType, is_null_safe: bool) -> JoinSpec {
    let pairs: Vec<Field> = left()
        .schema()
        .fields()
        .iter()
        .chain(right().schema().fields())
        .map(|field| field.as_ref().clone())
        .collect();
    let pairs = Arc::new(Schema::new(pairs));
    let only_left = matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti);
    let key = Expr::column(0, DataType::Utf8, true);
    JoinSpec {
        join_type,
        equalities: vec![(key.clone(), key, is_null_safe)],
        residual: None,
        kept: (0..if only_left { 2 } else { 4 }).collect(),
        pairs,
        probes_left: true,
    }
}

/// Pairs of the two value columns, sorted.
fn values(batch: &RecordBatch) -> Vec<(Option<i64>, Option<i64>)> {
    let column = |name: &str, row: usize| {
        let column = batch.column_by_name(name)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let mut rows: Vec<_> = (0..batch.num_rows())
        .map(|row| (column("v", row), column("w", row)))
        .collect();
    rows.sort_unstable();
    rows
}

fn joined(join_type: JoinType) -> Vec<(Option<i64>, Option<i64>)> {
    let join = HashJoin::new(spec(join_type, false), right(), &context()).unwrap();
    values(&join.probe(&left(), &context()).unwrap())
}

#[test]
fn every_pair_of_equal_keys_is_joined_and_null_equals_nothing() {
    let pairs = [
        (Some(1), Some(10)),
        (Some(1), Some(11)),
        (Some(3), Some(13)),
    ];
    assert_eq!(joined(JoinType::Inner), pairs);
}

#[test]
fn a_left_outer_join_keeps_what_finds_no_match() {
    let expected = [
        (Some(1), Some(10)),
        (Some(1), Some(11)),
        (Some(2), None),
        (Some(3), Some(13)),
        (Some(4), None),
    ];
    assert_eq!(joined(JoinType::LeftOuter), expected);
}

#[test]
fn semi_and_anti_joins_keep_each_left_row_once() {
    assert_eq!(
        joined(JoinType::LeftSemi),
        [(Some(1), None), (Some(3), None)]
    );
    assert_eq!(
        joined(JoinType::LeftAnti),
        [(Some(2), None), (Some(4), None)]
    );
}

#[test]
fn null_equals_null_under_the_null_safe_operator() {
    let join = HashJoin::new(spec(JoinType::Inner, true), right(), &context()).unwrap();
    let pairs = values(&join.probe(&left(), &context()).unwrap());
    assert!(pairs.contains(&(Some(2), Some(12))), "{pairs:?}");
}

#[test]
fn a_full_join_adds_what_of_the_table_found_no_match() {
    let join = HashJoin::new(spec(JoinType::FullOuter, false), right(), &context()).unwrap();
    join.probe(&left(), &context()).unwrap();
    assert_eq!(
        values(&join.unmatched().unwrap()),
        [(None, Some(12)), (None, Some(14))]
    );
}

#[test]
fn a_join_without_equalities_pairs_all_rows() {
    let cross = JoinSpec {
        equalities: Vec::new(),
        ..spec(JoinType::Cross, false)
    };
    let join = HashJoin::new(cross, right(), &context()).unwrap();
    assert_eq!(join.probe(&left(), &context()).unwrap().num_rows(), 20);
}

#[test]
fn only_what_is_kept_comes_out_and_the_rest_is_there_for_the_residual() {
    let greater = |left: usize, right: i64| {
        let function = crate::function::registry::scalar(">").unwrap();
        let column = Expr::column(left, DataType::Int64, true);
        let value = Expr::literal(Arc::new(Int64Array::from(vec![right])));
        Expr {
            kind: ExprKind::Call(function, vec![column, value]),
            data_type: DataType::Boolean,
            is_nullable: true,
            units: crate::types::TypeUnits::default(),
            span: crate::error::Span::NOWHERE,
        }
    };
    for probes_left in [true, false] {
        let narrow = |residual: Option<Expr>, kept: &[usize]| JoinSpec {
            residual,
            kept: kept.to_vec(),
            probes_left,
            ..spec(JoinType::Inner, false)
        };
        let (probe, build) = if probes_left {
            (left(), right())
        } else {
            (right(), left())
        };
        let join = HashJoin::new(
            narrow(Some(greater(3, 10)), &[1]),
            build.clone(),
            &context(),
        );
        let rows = join.unwrap().probe(&probe, &context()).unwrap();
        assert_eq!(values(&rows), [(Some(1), None), (Some(3), None)]);
        assert_eq!(rows.num_columns(), 1);
        let join = HashJoin::new(narrow(None, &[1, 3]), build.clone(), &context());
        let rows = join.unwrap().probe(&probe, &context()).unwrap();
        assert_eq!(values(&rows).len(), 3);
        let join = HashJoin::new(narrow(None, &[]), build, &context());
        let rows = join.unwrap().probe(&probe, &context()).unwrap();
        assert_eq!((rows.num_rows(), rows.num_columns()), (3, 0));
    }
}

#[test]
fn a_full_join_adds_only_the_kept_columns_of_what_found_no_match() {
    let narrow = JoinSpec {
        kept: vec![1, 3],
        ..spec(JoinType::FullOuter, false)
    };
    let join = HashJoin::new(narrow, right(), &context()).unwrap();
    let probed = join.probe(&left(), &context()).unwrap();
    let unmatched = join.unmatched().unwrap();
    assert_eq!(probed.schema(), unmatched.schema());
    assert_eq!(values(&unmatched), [(None, Some(12)), (None, Some(14))]);
}

#[test]
fn rows_that_match_once_each_pass_uncopied() {
    let probe = rows(
        ["k", "v"],
        &[(Some("b"), 1), (Some("c"), 2), (Some("b"), 3)],
    );
    let join = HashJoin::new(spec(JoinType::Inner, false), right(), &context()).unwrap();
    let joined = join.probe(&probe, &context()).unwrap();
    assert!(Arc::ptr_eq(joined.column(1), probe.column(1)));
    assert_eq!(
        values(&joined),
        [
            (Some(1), Some(13)),
            (Some(2), Some(14)),
            (Some(3), Some(13))
        ]
    );
    // As many pairs as rows, but not one each.
    let probe = rows(["k", "v"], &[(Some("a"), 1), (Some("z"), 2)]);
    let joined = join.probe(&probe, &context()).unwrap();
    assert_eq!(values(&joined), [(Some(1), Some(10)), (Some(1), Some(11))]);
}
