//! Numbers of Spark, and the same numbers again.

use super::generator::{Generator, Mersenne, XorShift};
use crate::analyze::resolve;
use crate::batch::{BatchContext, BatchId, Part, Timestamp};
use crate::function::testing::assert_answers;
use crate::plan::{Column, PlanSchema};
use crate::sql::parse_expression;
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

#[test]
fn numbers_are_those_of_spark() {
    let mut generator = XorShift::new(1);
    let numbers = [(); 3].map(|()| generator.next_double().to_bits());
    let expected = [
        0.636_378_761_525_475_2,
        0.599_384_653_402_186_8,
        0.134_842_710_012_538,
    ];
    assert_eq!(numbers, expected.map(f64::to_bits));
    assert_answers(&[
        ("rand(0)", "0.7604953758285915"),
        ("randn(1)", "1.6845611254444919"),
        ("randstr(5, 0)", "ceV0P"),
        ("uniform(0, 10, 0)", "7"),
        ("uniform(1.5, 10.25, 3)", "3.75"),
        ("uuid(0)", "269567e9-5d09-4af5-b20f-16851fc4a81a"),
        ("shuffle(array(1, 2, 3, 4, 5), 42)", "[5, 3, 2, 1, 4]"),
        (
            "shuffle(array(1, 2, 3, 4, 5, 6, 7, 8), 123456789012)",
            "[3, 5, 4, 8, 2, 6, 1, 7]",
        ),
    ]);
}

#[test]
fn orders_are_fair() {
    let mut generator = Mersenne::new(3);
    let mut counts = [0; 3];
    for _ in 0..3_000 {
        let drawn = usize::try_from(generator.next_below(3)).unwrap();
        *counts.get_mut(drawn).unwrap() += 1;
    }
    assert!(
        counts.iter().all(|count| (900..1_100).contains(count)),
        "{counts:?}"
    );
}

/// The values of an expression over a column `v`.
fn values(sql: &str, column: &[i64], (batch, part): (u64, Part)) -> ArrayRef {
    let column: ArrayRef = Arc::new(Int64Array::from(column.to_vec()));
    let rows = RecordBatch::try_from_iter([("v", column)]).unwrap();
    let schema = PlanSchema {
        columns: vec![Column {
            name: "v".to_owned(),
            qualifier: None,
            data_type: DataType::Int64,
            is_nullable: true,
            units: crate::types::TypeUnits::default(),
            event_time: None,
        }],
    };
    let context = BatchContext {
        id: BatchId(batch),
        part,
        ..BatchContext::one_shot(Timestamp(1_700_000_000_000), "UTC")
    };
    let expr = resolve(&parse_expression(sql).unwrap(), &schema).unwrap();
    expr.evaluate_array(&rows, &context).unwrap()
}

const CALLS: [&str; 6] = [
    "rand()",
    "randn()",
    "uuid()",
    "randstr(12)",
    "uniform(0, 1000000000)",
    "shuffle(array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))",
];

#[test]
fn a_replay_draws_the_same_and_another_batch_slice_or_call_does_not() {
    for call in CALLS {
        let drawn = |batch, part| values(call, &[7, 7, 7], (batch, part));
        let first = drawn(3, Part::Slice(0));
        assert_eq!(&first, &drawn(3, Part::Slice(0)), "{call}");
        for other in [drawn(4, Part::Slice(0)), drawn(3, Part::Slice(1))] {
            assert_ne!(&first, &other, "{call}");
        }
        assert_ne!(
            first.slice(0, 1).to_data(),
            first.slice(1, 1).to_data(),
            "{call}"
        );
        let beside = values(&format!("  {call}"), &[7, 7, 7], (3, Part::Slice(0)));
        assert_ne!(&first, &beside, "{call}");
    }
}

#[test]
fn rows_in_another_order_draw_the_same() {
    for call in CALLS {
        let one = values(call, &[1, 2, 2, 3], (5, Part::Unordered));
        let other = values(call, &[2, 3, 1, 2], (5, Part::Unordered));
        let turned = take(&one, &UInt32Array::from(vec![1, 3, 0, 2]), None).unwrap();
        assert_eq!(&turned, &other, "{call}");
        // Equal rows draw each for itself.
        assert_ne!(
            one.slice(1, 1).to_data(),
            one.slice(2, 1).to_data(),
            "{call}"
        );
    }
}
