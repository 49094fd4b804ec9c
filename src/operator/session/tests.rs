use super::*;
use crate::error::Span;
use crate::expr::ExprKind;
use crate::function::registry::{aggregate, scalar};
use crate::operator::testing::{Row, Step, drive_all_ways, schema, slice, steps};
use arrow::array::Int64Array;
use proptest::prelude::*;

/// A row: key, start, end, value.
type Kept<'a> = (Option<&'a str>, i64, i64, i64);

const SECOND: i64 = 1_000_000;

/// The columns of a slice: `k`, `ts`, `v`.
fn column(index: usize) -> Expr {
    Expr::column(index, schema().field(index).data_type().clone(), true)
}

fn constant_gap() -> Expr {
    Expr::literal(Arc::new(Int64Array::from(vec![10 * SECOND])))
}

fn named(expr: Expr, name: &str) -> NamedExpr {
    NamedExpr {
        expr,
        name: name.to_owned(),
    }
}

fn of_values(function: &str) -> AggregateExpr {
    let function = aggregate(function).unwrap();
    let arguments = vec![column(2)];
    AggregateExpr {
        signature: function.resolve(&arguments).unwrap(),
        name: function.name().to_owned(),
        function,
        arguments,
        filter: None,
        is_distinct: false,
        span: Span::NOWHERE,
    }
}

fn operator(gap: Expr, functions: &[&str], mode: OutputMode) -> Box<dyn StatefulOperator> {
    let function = scalar("__session_window").unwrap();
    let arguments = vec![column(1), gap];
    let session = Expr {
        data_type: (function.resolve)(&arguments).unwrap().returns,
        kind: ExprKind::Call(function, arguments),
        is_nullable: false,
        units: crate::types::TypeUnits::default(),
        span: Span::NOWHERE,
    };
    let shape = SessionShape {
        keys: vec![named(column(0), "k"), named(session, "session_window")],
        session: 1,
        aggregates: functions.iter().map(|name| of_values(name)).collect(),
        is_event_time: true,
        mode,
    };
    Box::new(SessionAggregate::new("s".to_owned(), shape, 3).unwrap())
}

fn run(functions: &[&str], mode: OutputMode, batches: &[Vec<Vec<Row>>]) -> Vec<Vec<String>> {
    let make = || operator(constant_gap(), functions, mode);
    drive_all_ways(&make, &steps(batches, 15))
}

const A: Option<&str> = Some("a");
const B: Option<&str> = Some("b");
const Z: Option<&str> = Some("z");

#[test]
fn sessions_grow_over_batches_and_come_out_when_the_watermark_reaches_their_end() {
    // The batches of the recorded case session_append.
    let batches = [
        vec![vec![(A, Some(1), 1), (A, Some(5), 2), (B, Some(30), 3)]],
        vec![vec![(A, Some(13), 4), (B, Some(33), 1)]],
        vec![vec![(A, Some(21), 5), (B, Some(60), 6)]],
        vec![vec![(A, Some(2), 7), (A, Some(75), 8)]],
        vec![vec![(Z, Some(200), 9)]],
    ];
    let outputs = run(&["count", "sum"], OutputMode::Append, &batches);
    assert_eq!(outputs[..3], [const { Vec::<String>::new() }; 3]);
    assert_eq!(outputs[3], ["a 1 31 4 12", "b 30 43 2 4"]);
    assert_eq!(outputs[4], Vec::<String>::new());
    assert_eq!(outputs[5], ["a 75 85 1 8", "b 60 70 1 6"]);
}

#[test]
fn a_row_between_two_sessions_makes_them_one_and_touching_is_enough() {
    let batches = [
        vec![vec![(A, Some(100), 1)], vec![(A, Some(120), 2)]],
        vec![vec![(A, Some(110), 3)]],
    ];
    let outputs = run(&["count", "sum"], OutputMode::Complete, &batches);
    assert_eq!(outputs[0], ["a 100 110 1 1", "a 120 130 1 2"]);
    assert_eq!(outputs[1], ["a 100 130 3 6"]);
    assert_eq!(outputs[2], outputs[1]);
}

#[test]
fn a_late_row_is_dropped_even_where_it_would_reach_an_open_session() {
    let batches = [
        vec![vec![
            (A, Some(100), 1),
            (A, Some(108), 2),
            (Z, Some(130), 1),
        ]],
        vec![],
        // The watermark is 115: [105, 115) is late, although [100, 118) is open; [106, 116) is not.
        vec![vec![(A, Some(105), 3), (A, Some(106), 4)]],
    ];
    let outputs = run(&["sum"], OutputMode::Complete, &batches);
    assert_eq!(outputs[2], ["a 100 118 7", "z 130 140 1"]);
}

#[test]
fn values_are_merged_in_the_order_of_time_kept_ones_first() {
    let batches = [
        vec![
            vec![(A, Some(105), 2), (A, Some(101), 1)],
            vec![(A, Some(103), 9)],
        ],
        vec![vec![(A, Some(113), 4), (A, Some(102), 7)]],
    ];
    let outputs = run(&["collect_list", "first"], OutputMode::Complete, &batches);
    assert_eq!(outputs[0], ["a 101 115 [1, 2, 9] 1"]);
    assert_eq!(outputs[1], ["a 101 123 [1, 2, 9, 7, 4] 1"]);
}

#[test]
fn progress_counts_sessions_that_were_merged_away_or_are_over() {
    let mut operator = operator(constant_gap(), &["count"], OutputMode::Append);
    let apply = |operator: &mut Box<dyn StatefulOperator>, rows: &[Row], watermark: i64| {
        let mut context = BatchContext::one_shot(Timestamp(0), "UTC");
        context.watermarks = Watermarks {
            late: Timestamp(watermark * 1_000),
            eviction: Timestamp(watermark * 1_000),
        };
        let prepared = operator.prepare(0, slice(rows), &context).unwrap();
        let prepared = vec![vec![prepared]];
        operator
            .apply(prepared, context.watermarks, &context)
            .unwrap();
        operator.progress()
    };
    let progress = apply(&mut operator, &[(A, Some(100), 1), (A, Some(120), 1)], 50);
    assert_eq!((progress.num_rows_total, progress.num_rows_removed), (2, 0));
    assert!(progress.memory_used_bytes > 0);
    let progress = apply(&mut operator, &[(A, Some(110), 1), (B, Some(20), 1)], 50);
    assert_eq!((progress.num_rows_total, progress.num_rows_removed), (1, 1));
    assert_eq!(progress.num_rows_dropped_by_watermark, 1);
    let progress = apply(&mut operator, &[], 130);
    assert_eq!((progress.num_rows_total, progress.num_rows_removed), (0, 1));
    assert!(!operator.is_due(Timestamp(130_000)));
    assert!(operator.is_due(Timestamp(130_001)));
}

/// What the operator does, in the plainest way: all rows of open sessions are kept, and sessions made of them anew.
fn reference(
    steps: &[Step],
    rows: &[Vec<Row>],
    gap: fn(&Row) -> i64,
    is_complete: bool,
) -> Vec<Vec<String>> {
    let mut kept: Vec<(Option<&str>, i64, i64, i64)> = Vec::new();
    let mut outputs = Vec::new();
    for (step, batch) in steps.iter().zip(rows) {
        for row in batch {
            let (start, end) = (row.1.unwrap_or(0), row.1.unwrap_or(0) + gap(row));
            if end * 1_000 > step.watermarks.late.0 {
                kept.push((row.0, start, end, row.2));
            }
        }
        kept.sort();
        let mut sessions: Vec<Vec<Kept<'_>>> = Vec::new();
        for row in std::mem::take(&mut kept) {
            let reaches = |session: &&mut Vec<Kept<'_>>| {
                session
                    .iter()
                    .any(|other| other.0 == row.0 && other.2 >= row.1)
            };
            match sessions.last_mut().filter(reaches) {
                Some(session) => session.push(row),
                None => sessions.push(vec![row]),
            }
        }
        let mut out = Vec::new();
        for session in sessions {
            let end = session.iter().map(|row| row.2).max().unwrap();
            let is_over = end * 1_000 <= step.watermarks.eviction.0;
            if is_over || is_complete {
                let sum: i64 = session.iter().map(|row| row.3).sum();
                let (key, start) = (session[0].0.unwrap_or("null"), session[0].1);
                out.push(format!("{key} {start} {end} {} {sum}", session.len()));
            }
            if is_complete || !is_over {
                kept.extend(session);
            }
        }
        out.sort();
        outputs.push(out);
    }
    outputs
}

fn row() -> impl Strategy<Value = Row> {
    let key = prop::option::of(prop::sample::select(vec!["a", "b"]));
    (key, (1..120_i64).prop_map(Some), 1..20_i64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_cut_into_batches_and_any_restart_gives_what_the_reference_gives(
        batches in prop::collection::vec(prop::collection::vec(prop::collection::vec(row(), 0..6), 0..3), 0..8),
        is_dynamic in any::<bool>(),
        mode in prop::sample::select(vec![OutputMode::Append, OutputMode::Complete]),
        ahead in 0..30_i64,
    ) {
        let mut rows: Vec<Vec<Row>> = batches.iter().map(|batch| batch.concat()).collect();
        rows.push(vec![]);
        let mut steps = steps(&batches, 15);
        for step in &mut steps {
            // The operator may stand behind one that holds its watermark back.
            step.global.late.0 += ahead * 1_000;
        }
        let functions = ["count", "sum"];
        let outputs = if is_dynamic {
            // The gap is v seconds: `v` of the slice is made microseconds, and the sums seconds again.
            for step in &mut steps {
                step.slices = step.slices.iter().map(in_microseconds).collect();
            }
            let make = || operator(column(2), &functions, mode);
            let outputs = drive_all_ways(&make, &steps);
            outputs.into_iter().map(|rows| rows.iter().map(|row| row.replace("000000", "")).collect()).collect()
        } else {
            let make = || operator(constant_gap(), &functions, mode);
            drive_all_ways(&make, &steps)
        };
        let gap: fn(&Row) -> i64 = if is_dynamic { |row| row.2 } else { |_| 10 };
        prop_assert_eq!(outputs, reference(&steps, &rows, gap, mode == OutputMode::Complete));
    }
}

fn in_microseconds(rows: &RecordBatch) -> RecordBatch {
    let mut columns = rows.columns().to_vec();
    let values = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&columns[2]);
    let values: Int64Array = values.unary(|value| value * SECOND);
    columns[2] = Arc::new(values);
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}
