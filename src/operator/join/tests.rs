//! The join against a plain reference, and its corners one by one.

mod random;
mod reference;

use super::*;
use crate::batch::BatchId;
use crate::error::Span;
use crate::expr::{Expr, ExprKind};
use crate::function::registry;
use crate::plan::JoinType;
use crate::plan::check::TimeBound;
use arrow::array::{
    ArrayRef, AsArray, DurationMicrosecondArray, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};

/// A row: key, time in seconds, value.
type Row = (Option<&'static str>, Option<i64>, i64);

/// What comes out: the values of the left and the right row.
type Pair = (Option<i64>, Option<i64>);

/// How long after a left row its right partners come, in seconds.
const WITHIN: i64 = 15;

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("t", timestamp(), true),
        Field::new("v", DataType::Int64, true),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let keys: StringArray = rows.iter().map(|row| row.0).collect();
    let times: TimestampMicrosecondArray = rows
        .iter()
        .map(|row| row.1.map(|time| time * 1_000_000))
        .collect();
    let values: Int64Array = rows.iter().map(|row| Some(row.2)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(keys),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(values),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn call(name: &str, arguments: Vec<Expr>, data_type: DataType) -> Expr {
    Expr {
        kind: ExprKind::Call(registry::scalar(name).unwrap(), arguments),
        data_type,
        is_nullable: true,
        span: Span::NOWHERE,
        units: crate::types::TypeUnits::default(),
    }
}

/// `right.t >= left.t AND right.t <= left.t + 15 seconds`.
fn in_time() -> Expr {
    let (left, right) = (
        Expr::column(1, timestamp(), true),
        Expr::column(4, timestamp(), true),
    );
    let within = Arc::new(DurationMicrosecondArray::from(vec![WITHIN * 1_000_000]));
    let until = call("+", vec![left.clone(), Expr::literal(within)], timestamp());
    let from = call(">=", vec![right.clone(), left], DataType::Boolean);
    from.and(call("<=", vec![right, until], DataType::Boolean))
}

fn past_watermark(seconds: i64) -> TimeBound {
    TimeBound {
        past_watermark_us: Some(seconds * 1_000_000 - 1_000),
        fixed_us: None,
    }
}

fn input(bound: Option<TimeBound>) -> JoinInput {
    JoinInput {
        schema: schema(),
        keys: vec![Expr::column(0, DataType::Utf8, true)],
        filter: None,
        event_time: Some(1),
        state_time: bound.map(|bound| StateTime::Column { column: 1, bound }),
    }
}

/// A join on `k` within 15 seconds, that gives both values.
fn within(join_type: JoinType) -> StreamJoinSpec {
    StreamJoinSpec {
        join_type,
        inputs: [
            input(Some(past_watermark(-WITHIN))),
            input(Some(past_watermark(0))),
        ],
        null_safe: vec![false],
        residual: Some(in_time()),
        distance_us: (Some(0), Some(WITHIN * 1_000_000)),
        output: if join_type == JoinType::LeftSemi {
            vec![2]
        } else {
            vec![2, 5]
        },
    }
}

/// A join on `k` alone, whose rows nothing ends.
fn endless(join_type: JoinType) -> StreamJoinSpec {
    StreamJoinSpec {
        inputs: [input(None), input(None)],
        residual: None,
        distance_us: (None, None),
        ..within(join_type)
    }
}

fn join(spec: StreamJoinSpec) -> StreamJoin {
    StreamJoin::new("join".to_owned(), spec, 3).unwrap()
}

/// Runs a batch; watermarks in seconds.
fn run(
    join: &mut StreamJoin,
    [left, right]: [&[Row]; 2],
    (late, eviction): (i64, i64),
) -> Vec<Pair> {
    let watermarks = Watermarks {
        late: Timestamp(late * 1_000),
        eviction: Timestamp(eviction * 1_000),
    };
    let context = BatchContext {
        id: BatchId(0),
        ..BatchContext::one_shot(Timestamp(0), "UTC")
    };
    let prepare = |side: usize, rows: &[Row]| -> Vec<Prepared> {
        // In slices of a few rows.
        rows.chunks(7)
            .map(|rows| join.prepare(side, batch(rows), &context).unwrap())
            .collect()
    };
    let prepared = vec![prepare(0, left), prepare(1, right)];
    let rows = join.apply(prepared, watermarks, &context).unwrap();
    let mut pairs: Vec<Pair> = rows.iter().flat_map(pairs).collect();
    pairs.sort_unstable();
    pairs
}

fn pairs(rows: &RecordBatch) -> Vec<Pair> {
    let value = |column: usize, row: usize| {
        let column = rows.columns().get(column)?.as_primitive::<Int64Type>();
        (!arrow::array::Array::is_null(column, row)).then(|| column.value(row))
    };
    (0..rows.num_rows())
        .map(|row| (value(0, row), value(1, row)))
        .collect()
}

/// The same state, out of the tables that were written.
fn reopened(spec: StreamJoinSpec, deltas: &[StateDelta]) -> StreamJoin {
    let mut join = join(spec);
    for delta in deltas {
        join.restore(delta.clone()).unwrap();
    }
    join
}

#[test]
fn a_row_that_finds_nobody_comes_out_once_when_its_time_is_over() {
    let mut join = join(within(JoinType::LeftOuter));
    let left = [(Some("a"), Some(10), 1), (Some("b"), Some(20), 2)];
    assert_eq!(run(&mut join, [&left, &[]], (0, 0)), []);
    // 25 s - 15 s - 1 ms is not yet 10 s.
    assert_eq!(run(&mut join, [&[], &[]], (0, 25)), []);
    assert_eq!(run(&mut join, [&[], &[]], (25, 26)), [(Some(1), None)]);
    assert_eq!(run(&mut join, [&[], &[]], (26, 30)), []);
    assert_eq!(run(&mut join, [&[], &[]], (30, 60)), [(Some(2), None)]);
    assert_eq!(join.progress().num_rows_total, 0);
}

#[test]
fn a_row_that_found_somebody_does_not_come_out_alone() {
    let mut join = join(within(JoinType::FullOuter));
    let (left, right) = ([(Some("a"), Some(10), 1)], [(Some("a"), Some(12), 7)]);
    assert_eq!(run(&mut join, [&left, &[]], (0, 0)), []);
    assert_eq!(run(&mut join, [&[], &right], (0, 0)), [(Some(1), Some(7))]);
    assert_eq!(run(&mut join, [&[], &[]], (0, 100)), []);
    assert_eq!(join.progress().num_rows_removed, 2);
}

#[test]
fn rows_are_late_by_the_watermark_of_the_batch_before_and_end_by_that_of_this() {
    let mut join = join(within(JoinType::LeftOuter));
    let left = [
        (Some("a"), Some(10), 1),
        (Some("a"), Some(11), 2),
        (Some("a"), None, 3),
    ];
    let right = [(Some("a"), Some(13), 9)];
    // The first is late. The second is over, but still finds its partner.
    assert_eq!(
        run(&mut join, [&left, &right], (10, 80)),
        [(Some(2), Some(9))]
    );
    assert_eq!(join.progress().num_rows_dropped_by_watermark, 1);
    assert_eq!(join.progress().num_rows_total, 1, "without a time it stays");
}

#[test]
fn a_new_row_that_is_over_comes_out_in_the_same_batch() {
    for (join_type, sides) in [(JoinType::LeftOuter, 0), (JoinType::RightOuter, 1)] {
        let mut join = join(within(join_type));
        let row = [(Some("a"), Some(10), 1)];
        let (input, out): ([&[Row]; 2], Pair) = if sides == 0 {
            ([&row, &[]], (Some(1), None))
        } else {
            ([&[], &row], (None, Some(1)))
        };
        assert_eq!(run(&mut join, input, (0, 50)), [out]);
        assert_eq!(join.progress().num_rows_total, 0);
    }
}

#[test]
fn null_keys_find_nobody_but_come_out() {
    let mut join = join(within(JoinType::LeftOuter));
    let (left, right) = ([(None, Some(10), 1)], [(None, Some(11), 2)]);
    assert_eq!(run(&mut join, [&left, &right], (0, 0)), []);
    assert_eq!(join.progress().num_rows_total, 1);
    assert_eq!(run(&mut join, [&[], &[]], (0, 50)), [(Some(1), None)]);
}

#[test]
fn null_keys_are_equal_if_the_condition_says_so_and_as_spark_has_it_in_a_full_join() {
    let safe = StreamJoinSpec {
        null_safe: vec![true],
        ..within(JoinType::Inner)
    };
    for spec in [safe, within(JoinType::FullOuter)] {
        let mut join = join(spec);
        let (left, right) = ([(None, Some(10), 1)], [(None, Some(11), 2)]);
        assert_eq!(
            run(&mut join, [&left, &right], (0, 0)),
            [(Some(1), Some(2))]
        );
    }
}

#[test]
fn a_semi_join_gives_each_left_row_once_and_lets_it_go() {
    let mut join = join(within(JoinType::LeftSemi));
    let left = [
        (Some("a"), Some(10), 1),
        (Some("a"), Some(11), 2),
        (Some("b"), Some(11), 3),
    ];
    assert_eq!(run(&mut join, [&left, &[]], (0, 0)), []);
    let right = [(Some("a"), Some(11), 7), (Some("a"), Some(12), 8)];
    let both = [(Some(1), None), (Some(2), None)];
    assert_eq!(run(&mut join, [&[], &right], (0, 0)), both);
    assert_eq!(join.progress().num_rows_total, 3);
    assert_eq!(run(&mut join, [&[], &right], (0, 0)), []);
    let new = [(Some("a"), Some(9), 4)];
    assert_eq!(run(&mut join, [&new, &right], (0, 0)), [(Some(4), None)]);
}

#[test]
fn a_row_that_fails_the_condition_of_its_side_is_not_kept_and_comes_out_at_once() {
    let mut spec = within(JoinType::LeftOuter);
    let fifteen: ArrayRef = Arc::new(Int64Array::from(vec![15]));
    let value = Expr::column(2, DataType::Int64, true);
    spec.inputs[0].filter = Some(call(
        ">",
        vec![value, Expr::literal(fifteen)],
        DataType::Boolean,
    ));
    let mut join = join(spec);
    let left = [
        (Some("a"), Some(10), 10),
        (Some("a"), Some(10), 20),
        (Some("a"), Some(5), 11),
    ];
    let right = [(Some("a"), Some(12), 1)];
    let out = [(Some(10), None), (Some(20), Some(1))];
    assert_eq!(run(&mut join, [&left, &right], (5, 5)), out);
    assert_eq!(join.progress().num_rows_total, 2);
}

#[test]
fn a_delta_twice_is_the_same_as_once() {
    let spec = || within(JoinType::FullOuter);
    let mut original = join(spec());
    let mut deltas = Vec::new();
    let left = [
        (Some("a"), Some(10), 1),
        (Some("a"), Some(10), 1),
        (None, Some(10), 2),
    ];
    run(&mut original, [&left, &[]], (0, 0));
    deltas.extend([original.take_delta().unwrap(), StateDelta::default()]);
    run(&mut original, [&[], &[(Some("a"), Some(10), 5)]], (0, 0));
    deltas.push(original.take_delta().unwrap());
    let twice: Vec<StateDelta> = deltas.iter().flat_map(|d| [d.clone(), d.clone()]).collect();
    for written in [&deltas, &twice, &vec![original.snapshot().unwrap()]] {
        let mut again = reopened(spec(), written);
        assert_eq!(again.progress().num_rows_total, 4);
        assert_eq!(run(&mut again, [&[], &[]], (0, 100)), [(Some(2), None)]);
    }
}

#[test]
fn a_delta_says_what_the_batch_did_and_no_more() {
    let mut join = join(within(JoinType::LeftOuter));
    let left: Vec<Row> = (0..1_000)
        .map(|row| (Some("a"), Some(100 + row), row))
        .collect();
    run(&mut join, [&left, &[]], (0, 0));
    join.take_delta().unwrap();
    run(
        &mut join,
        [&[(Some("b"), Some(100), 0)], &[(Some("a"), Some(101), 5)]],
        (0, 0),
    );
    let delta = join.take_delta().unwrap();
    let rows = |name: &str| -> usize {
        let tables = delta.tables.iter().filter(|(of, _)| of == name);
        tables.map(|(_, table)| table.num_rows()).sum()
    };
    assert_eq!(rows("left"), 1);
    assert_eq!(rows("right"), 1);
    assert_eq!(rows("left_matched"), 2, "those of the seconds 100 and 101");
    assert!(join.take_delta().unwrap().tables.is_empty());
}

#[test]
fn tables_of_something_else_are_refused() {
    let mut join = join(within(JoinType::LeftOuter));
    for name in ["left", "right", "left_matched", "numbers", "groups"] {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let table = RecordBatch::try_from_iter([("v", values)]).unwrap();
        let delta = StateDelta {
            tables: vec![(name.to_owned(), table)],
            evicted: None,
        };
        assert_eq!(join.restore(delta).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn the_output_is_as_old_as_what_is_kept() {
    let join = join(within(JoinType::Inner));
    assert_eq!(join.output_watermark(Timestamp(20_000)), Timestamp(4_999));
    assert!(join.is_due(Timestamp(1)));
    assert_eq!(
        super::tests::join(endless(JoinType::Inner)).output_watermark(Timestamp(5)),
        Timestamp(5)
    );
    assert!(!super::tests::join(endless(JoinType::Inner)).is_due(Timestamp(1)));
}

#[test]
fn a_key_with_many_rows_on_both_sides_gives_every_pair() {
    for spec in [endless(JoinType::Inner), within(JoinType::Inner)] {
        let mut join = join(spec);
        let left: Vec<Row> = (0..90).map(|value| (Some("a"), Some(10), value)).collect();
        let right: Vec<Row> = (0..70).map(|value| (Some("a"), Some(12), value)).collect();
        let mut out = run(&mut join, [&left[..50], &right[..30]], (0, 0));
        out.extend(run(&mut join, [&left[50..], &right[30..]], (0, 0)));
        out.sort_unstable();
        let all = (0..90).flat_map(|left| (0..70).map(move |right| (Some(left), Some(right))));
        assert_eq!(out, all.collect::<Vec<Pair>>());
    }
}
