use super::*;
use crate::operator::testing::{Row, drive_all_ways, schema, slice, steps};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

fn operator(keys: &[usize], forgets: Option<Forgets>, partitions: usize) -> Deduplicate {
    let definition = Definition {
        schema: schema(),
        keys: keys.to_vec(),
        event_time: forgets.map(|forgets| EventTimeColumn {
            column: 1,
            is_window: false,
            forgets,
        }),
    };
    Deduplicate::new("d".to_owned(), definition, partitions).unwrap()
}

fn run(keys: &[usize], forgets: Option<Forgets>, batches: &[Vec<Vec<Row>>]) -> Vec<Vec<String>> {
    let make = || -> Box<dyn StatefulOperator> { Box::new(operator(keys, forgets, 3)) };
    drive_all_ways(&make, &steps(batches, 10))
}

fn context() -> BatchContext {
    BatchContext::one_shot(Timestamp(0), "UTC")
}

#[test]
fn the_first_row_of_a_key_goes_on_and_null_is_a_key() {
    let batches = [
        vec![
            vec![(Some("a"), Some(1), 1), (None, Some(1), 2)],
            vec![(Some("a"), Some(1), 3), (Some("b"), None, 4)],
        ],
        vec![vec![(None, None, 5), (Some("c"), Some(0), 6)]],
    ];
    assert_eq!(
        run(&[0], None, &batches),
        [vec!["a 1 1", "b null 4", "null 1 2"], vec!["c 0 6"], vec![]]
    );
}

#[test]
fn a_key_with_its_event_time_is_forgotten_behind_the_watermark() {
    let batches = [
        vec![vec![(Some("a"), Some(10), 1), (Some("a"), Some(10), 2)]],
        vec![vec![(Some("b"), Some(25), 3)]],
        // Ran with 15 as eviction watermark, and 0 as that of late rows: the key is there still.
        vec![vec![(Some("a"), Some(10), 4), (Some("a"), Some(12), 5)]],
        // Late by now, both.
        vec![vec![
            (Some("a"), Some(10), 6),
            (Some("a"), Some(15), 7),
            (Some("a"), Some(16), 8),
        ]],
    ];
    assert_eq!(
        run(&[0, 1], Some(Forgets::AtEventTime), &batches),
        [
            vec!["a 10 1"],
            vec!["b 25 3"],
            vec!["a 12 5"],
            vec!["a 16 8"],
            vec![]
        ]
    );
}

#[test]
fn within_a_watermark_a_key_is_kept_for_the_delay_after_its_first_row() {
    // Recorded from Spark: reference cases of dropDuplicatesWithinWatermark, with batches without data between.
    let batches = [
        vec![vec![(Some("a"), Some(10), 1)]],
        vec![vec![(Some("a"), Some(11), 2), (Some("a"), Some(20), 3)]],
        vec![vec![(Some("b"), Some(30), 4)]],
        vec![],
        vec![vec![(Some("a"), Some(25), 5)]],
        vec![vec![(Some("a"), Some(35), 6)]],
    ];
    assert_eq!(
        run(&[0], Some(Forgets::After(10 * SECOND)), &batches),
        [
            vec!["a 10 1"],
            vec![],
            vec!["b 30 4"],
            vec![],
            vec!["a 25 5"],
            vec![],
            vec![]
        ]
    );
}

#[test]
fn a_row_without_event_time_is_never_late() {
    let batches = [
        vec![vec![(Some("a"), Some(100), 1)]],
        vec![],
        vec![],
        vec![vec![(Some("n"), None, 2), (Some("n"), None, 3)]],
        vec![vec![(Some("n"), None, 4)]],
    ];
    let kept = run(&[0, 1], Some(Forgets::AtEventTime), &batches);
    assert_eq!(kept[3..], [vec!["n null 2"], vec![], vec![]]);
    // Within a watermark it counts as 0, and is forgotten at once.
    let kept = run(&[0], Some(Forgets::After(10 * SECOND)), &batches);
    assert_eq!(kept[3..], [vec!["n null 2"], vec!["n null 4"], vec![]]);
}

#[test]
fn progress_counts_what_is_kept_and_what_was_dropped() {
    let mut operator = operator(&[0, 1], Some(Forgets::AtEventTime), 1);
    let rows = slice(&[
        (Some("a"), Some(5), 1),
        (Some("a"), Some(30), 1),
        (Some("a"), Some(30), 2),
        (Some("a"), Some(20), 3),
    ]);
    let prepared = operator.prepare(0, rows, &context()).unwrap();
    let watermarks = Watermarks {
        late: Timestamp(5_000),
        eviction: Timestamp(20_000),
    };
    operator
        .apply(vec![vec![prepared]], watermarks, &context())
        .unwrap();
    let progress = operator.progress();
    assert_eq!(progress.operator_name, "dedupe");
    assert_eq!(progress.num_rows_total, 1);
    assert_eq!(progress.num_rows_updated, 2);
    assert_eq!(progress.num_rows_removed, 1);
    assert_eq!(progress.num_rows_dropped_by_watermark, 1);
    assert_eq!(progress.custom_metrics["numDroppedDuplicateRows"], 1);
    assert!(!operator.is_due(Timestamp(20_000)));
    assert!(operator.is_due(Timestamp(20_001)));
}

#[test]
fn eviction_gives_memory_back() {
    let mut seen = Seen::default();
    for number in 0..10_000_u32 {
        let key = number.to_le_bytes();
        seen.insert(hash::key_hash(&key), &key, Some(i64::from(number) * SECOND));
    }
    seen.forget_added();
    let full = seen.memory_bytes();
    assert_eq!(seen.evict(9_989 * SECOND), 9_990);
    assert_eq!(seen.len(), 10);
    assert!(
        seen.memory_bytes() < full / 4,
        "{} of {full}",
        seen.memory_bytes()
    );
    assert_eq!(seen.evict(i64::MAX), 10);
}

#[test]
fn the_state_of_another_operator_is_refused() {
    let mut operator = operator(&[0], None, 1);
    let delta = StateDelta {
        tables: vec![("keys".to_owned(), slice(&[]))],
        evicted: None,
    };
    let error = operator.restore(delta).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// What the operator does, in the plainest way.
fn reference(batches: &[Vec<Vec<Row>>], keys: &[usize], forgets: Forgets) -> Vec<Vec<String>> {
    let mut known: Vec<(Row, Option<i64>)> = Vec::new();
    let key = |row: &Row| -> Row {
        let pick = |index| keys.contains(&index);
        (
            row.0.filter(|_| pick(0)),
            row.1.filter(|_| pick(1)),
            if pick(2) { row.2 } else { 0 },
        )
    };
    let mut outputs = Vec::new();
    for (step, batch) in steps(batches, 10)
        .iter()
        .zip(batches.iter().chain([&vec![]]))
    {
        let mut out = Vec::new();
        for row in batch.iter().flatten() {
            let is_late = row
                .1
                .is_some_and(|time| time * 1_000 <= step.watermarks.late.0);
            if !is_late && !known.iter().any(|(known, _)| *known == key(row)) {
                let expires = match forgets {
                    Forgets::Never => None,
                    Forgets::AtEventTime => row.1,
                    Forgets::After(delay) => Some(row.1.unwrap_or(0) + delay / SECOND),
                };
                known.push((key(row), expires));
                out.extend(crate::operator::testing::texts(&slice(&[*row])));
            }
        }
        known.retain(|(_, expires)| {
            expires.is_none_or(|expires| expires * 1_000 > step.watermarks.eviction.0)
        });
        out.sort();
        outputs.push(out);
    }
    outputs
}

fn row() -> impl Strategy<Value = Row> {
    let key = prop::option::of(prop::sample::select(vec!["a", "b", "c", "dd"]));
    (key, prop::option::weighted(0.9, 1..90_i64), 0..2_i64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_into_batches_and_any_restart_gives_what_the_reference_gives(
        batches in prop::collection::vec(prop::collection::vec(prop::collection::vec(row(), 0..6), 0..3), 0..8),
        (keys, forgets) in prop::sample::select(vec![
            (vec![0], Forgets::Never),
            (vec![0, 2], Forgets::After(10 * SECOND)),
            (vec![0, 1], Forgets::AtEventTime),
        ]),
    ) {
        prop_assert_eq!(run(&keys, Some(forgets), &batches), reference(&batches, &keys, forgets));
    }
}
