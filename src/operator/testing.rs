//! What tests of operators use: batches with the watermarks they would have run with, and ways to restart between them.

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::Result;
use crate::operator::{StateDelta, StatefulOperator};
use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// A row: a key, a time in seconds, a number.
pub(crate) type Row = (Option<&'static str>, Option<i64>, i64);

/// What an operator gets in one batch.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) slices: Vec<RecordBatch>,
    /// Of the operator's input.
    pub(crate) watermarks: Watermarks,
    /// Of the query: never behind the former.
    pub(crate) global: Watermarks,
}

/// What happens after every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Nothing: the operator goes on.
    Never,
    /// A new operator gets the deltas of all batches.
    FromDeltas,
    /// A new operator gets the snapshot of the last even batch, and the deltas since, the last of them twice.
    FromSnapshots,
}

/// Makes an operator without state.
pub(crate) type Make<'a> = &'a dyn Fn() -> Box<dyn StatefulOperator>;

/// The columns of [`Row`]s: `k`, `ts`, `v`.
pub(crate) fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("ts", time, true),
        Field::new("v", DataType::Int64, true),
    ]))
}

/// Rows as a record batch.
pub(crate) fn slice(rows: &[Row]) -> RecordBatch {
    let keys: StringArray = rows.iter().map(|row| row.0).collect();
    let times: TimestampMicrosecondArray = rows
        .iter()
        .map(|row| row.1.map(|seconds| seconds * 1_000_000))
        .collect();
    let values: Int64Array = rows.iter().map(|row| Some(row.2)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(keys),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(values),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Batches of slices with the watermarks that a delay in seconds gives them, and one batch without rows at the end.
pub(crate) fn steps(batches: &[Vec<Vec<Row>>], delay: i64) -> Vec<Step> {
    let (mut late, mut eviction) = (Timestamp(0), Timestamp(0));
    let mut steps = Vec::new();
    for batch in batches.iter().chain([&vec![]]) {
        steps.push(Step {
            slices: batch.iter().map(|rows| slice(rows)).collect(),
            watermarks: Watermarks { late, eviction },
            global: Watermarks { late, eviction },
        });
        late = eviction;
        let latest = batch.iter().flatten().filter_map(|row| row.1).max();
        if let Some(latest) = latest {
            eviction = eviction.max(Timestamp((latest - delay) * 1_000));
        }
    }
    steps
}

/// What each batch gives.
///
/// # Errors
///
/// Those of the operator.
pub(crate) fn drive(make: Make<'_>, steps: &[Step], restart: Restart) -> Result<Vec<Vec<String>>> {
    let mut context = BatchContext::one_shot(Timestamp(0), "UTC");
    let mut operator = make();
    let mut log: Vec<StateDelta> = Vec::new();
    let mut outputs = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        context.watermarks = step.global;
        let prepared = step
            .slices
            .iter()
            .map(|slice| operator.prepare(0, slice.clone(), &context))
            .collect::<Result<_>>()?;
        let rows = operator.apply(vec![prepared], step.watermarks, &context)?;
        outputs.push(rows.iter().flat_map(texts).collect());
        let delta = operator.take_delta()?;
        match restart {
            Restart::Never => continue,
            Restart::FromDeltas => log.push(delta),
            Restart::FromSnapshots if number % 2 == 0 => log = vec![operator.snapshot()?],
            Restart::FromSnapshots => log.extend([delta.clone(), delta]),
        }
        let (rows, is_due) = (
            operator.progress().num_rows_total,
            operator.is_due(Timestamp(1)),
        );
        operator = make();
        for delta in &log {
            operator.restore(delta.clone())?;
        }
        assert_eq!(
            operator.progress().num_rows_total,
            rows,
            "after batch {number}"
        );
        assert_eq!(
            operator.is_due(Timestamp(1)),
            is_due,
            "after batch {number}"
        );
    }
    Ok(outputs)
}

/// As [`drive`], with the rows of each batch sorted, and the same whatever happens between the batches.
pub(crate) fn drive_all_ways(make: Make<'_>, steps: &[Step]) -> Vec<Vec<String>> {
    let ways = [Restart::Never, Restart::FromDeltas, Restart::FromSnapshots];
    let [continuous, deltas, snapshots] = ways.map(|restart| {
        let mut outputs = drive(make, steps, restart).unwrap();
        for rows in &mut outputs {
            rows.sort();
        }
        outputs
    });
    assert_eq!(deltas, continuous, "restored from deltas");
    assert_eq!(snapshots, continuous, "restored from snapshots");
    continuous
}

/// The rows, their values one after the other; times as seconds.
pub(crate) fn texts(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let format = |array: &ArrayRef| -> Vec<String> {
        let numbers = match array.data_type() {
            DataType::Timestamp(..) => {
                let micros = arrow::compute::cast(array, &DataType::Int64).unwrap();
                let micros =
                    arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(&micros);
                let seconds: Int64Array = micros
                    .iter()
                    .map(|us| us.map(|us| us / 1_000_000))
                    .collect();
                Arc::new(seconds) as ArrayRef
            }
            _ => Arc::clone(array),
        };
        let formatter = ArrayFormatter::try_new(&numbers, &options).unwrap();
        (0..numbers.len())
            .map(|row| formatter.value(row).to_string())
            .collect()
    };
    let columns: Vec<Vec<String>> = flattened(rows).iter().map(format).collect();
    (0..rows.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column[row].as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

/// The columns, with the fields of structs as columns of their own.
fn flattened(rows: &RecordBatch) -> Vec<ArrayRef> {
    let fields = |column: &ArrayRef| match column.data_type() {
        DataType::Struct(_) => arrow::array::AsArray::as_struct(column).columns().to_vec(),
        _ => vec![Arc::clone(column)],
    };
    rows.columns().iter().flat_map(fields).collect()
}
