//! Functions of a program in streaming queries: their state goes through checkpoints, which know them by name.

use super::*;
use crate::error::ErrorKind;
use crate::function::user::{AggregateUdf, ColumnFold, GroupAccumulator, ScalarUdf};
use crate::functions::call;
use crate::replay::{ReplaySpec, replay};
use crate::sink::OutputMode;
use crate::sink::memory::MemorySink;
use crate::trigger::Trigger;
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use polars::prelude::{Column, PolarsResult, col};
use std::path::Path;

/// Sum and number of the values that are not null.
#[derive(Default)]
struct Mean {
    sum: i64,
    rows: i64,
}

impl GroupAccumulator for Mean {
    fn update(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let values = arguments[0].as_primitive::<Int64Type>();
        self.sum += values.iter().flatten().sum::<i64>();
        self.rows += i64::try_from(values.len() - values.null_count()).unwrap();
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let total = |index: usize| {
            let column = states[index].as_primitive::<Int64Type>();
            column.iter().flatten().sum::<i64>()
        };
        self.sum += total(0);
        self.rows += total(1);
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>> {
        Ok(vec![one(self.sum), one(self.rows)])
    }

    fn finish(&self) -> Result<ArrayRef> {
        Ok(one(self.sum / self.rows.max(1)))
    }
}

fn one(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn mean(name: &str) -> AggregateUdf {
    AggregateUdf::new(
        name,
        [DataType::Int64],
        DataType::Int64,
        [DataType::Int64, DataType::Int64],
        || Box::new(Mean::default()),
    )
}

/// The greatest value, written with polars columns.
fn peak() -> AggregateUdf {
    let greatest = |columns: &[Column]| -> PolarsResult<Column> {
        let column = columns[0].as_materialized_series();
        Ok(column.max_reduce()?.into_series("peak".into()).into())
    };
    let steps = ColumnFold::new(
        move |columns| Ok(vec![greatest(columns)?]),
        move |columns| Ok(vec![greatest(columns)?]),
        move |columns| Ok(columns[0].clone()),
    );
    AggregateUdf::of_columns(
        "peak",
        [DataType::Int64],
        DataType::Int64,
        [DataType::Int64],
        steps,
    )
}

fn session_with(aggregates: impl IntoIterator<Item = AggregateUdf>) -> (Session, MemoryStream) {
    let (session, stream) = session_with_events();
    for aggregate in aggregates {
        session.register_aggregate(aggregate).unwrap();
    }
    (session, stream)
}

fn run(frame: &StreamFrame, sink: &MemorySink, checkpoint: &Path) -> Result<()> {
    let writer = frame.write_stream().sink(sink.clone());
    let writer = writer.checkpoint_location(checkpoint);
    let writer = writer.output_mode(OutputMode::Complete);
    let query = writer.trigger(Trigger::AvailableNow).start()?;
    query.await_termination(None).map(|_| ())
}

fn rows(sink: &MemorySink) -> Vec<String> {
    let frame = crate::arrow_bridge::to_frame(&sink.schema().unwrap(), &sink.rows()).unwrap();
    let mut lines: Vec<String> = (0..frame.height())
        .map(|row| {
            let values = frame.get(row).unwrap();
            values.iter().map(|value| format!("{value} ")).collect()
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn an_aggregate_of_a_program_streams_and_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemorySink::new();
    let stream = MemoryStream::new(schema(EVENTS)).named("events");
    let batches = [
        events(&[("a", 2, 0), ("b", 10, 0), ("a", 4, 1)]),
        events(&[("a", 9, 2), ("c", 1, 2)]),
    ];
    for batch in batches {
        stream.add_batch(batch).unwrap();
        // A new session each time, as a new process has.
        let session = Session::new();
        session.register_aggregate(mean("average")).unwrap();
        session.register_aggregate(peak()).unwrap();
        let frame = session.read_stream().from_source(stream.clone());
        let grouped = frame.group_by([col("k")]).agg([
            call("average", [col("v")]).alias("average"),
            call("peak", [col("v")]).alias("peak"),
        ]);
        run(&grouped, &sink, directory.path()).unwrap();
    }
    assert_eq!(
        rows(&sink),
        ["\"a\" 5 9 ", "\"b\" 10 10 ", "\"c\" 1 1 "],
        "the state of the first run counts in the second"
    );
}

#[test]
fn a_checkpoint_knows_functions_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemorySink::new();
    let (session, stream) = session_with([mean("average"), mean("mittel")]);
    stream.add_batch(events(&[("a", 2, 0)])).unwrap();
    let query = |name: &str| format!("SELECT k, {name}(v) AS m FROM STREAM events GROUP BY k");
    run(&session.sql(&query("average")), &sink, directory.path()).unwrap();
    let other = run(&session.sql(&query("mittel")), &sink, directory.path()).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Incompatible);
    for function in [
        "average(bigint) as [bigint, bigint]",
        "mittel(bigint) as [bigint, bigint]",
    ] {
        assert!(other.to_string().contains(function), "{other}");
    }

    let plan = |session: &Session| {
        let frame = session.sql(&query("average"));
        frame.plan().cloned()
    };
    let spec = |plan| ReplaySpec::new(plan, OutputMode::Complete, directory.path().to_owned());
    let report = replay(&spec(plan(&session).unwrap()), &mut |_, _, _| Ok(())).unwrap();
    assert_eq!(report.batches, 1);
    report.verify().unwrap();
    let (without, _) = session_with([]);
    let unknown = plan(&without).unwrap_err();
    assert_eq!(unknown.condition(), Some("UNRESOLVED_ROUTINE"));
    assert!(
        unknown.to_string().contains("must be registered"),
        "{unknown}"
    );
}

#[test]
fn a_function_that_fails_in_a_stream_says_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let (session, stream) = session_with([AggregateUdf::new(
        "stuck",
        [DataType::Int32],
        DataType::Int64,
        [DataType::Int64],
        || {
            struct Stuck;
            impl GroupAccumulator for Stuck {
                fn update(&mut self, _arguments: &[ArrayRef]) -> Result<()> {
                    Ok(())
                }
                fn merge(&mut self, _states: &[ArrayRef]) -> Result<()> {
                    Err(Error::data("no more room"))
                }
                fn state(&self) -> Result<Vec<ArrayRef>> {
                    Ok(vec![one(0)])
                }
                fn finish(&self) -> Result<ArrayRef> {
                    Ok(one(0))
                }
            }
            Box::new(Stuck)
        },
    )]);
    let odd = ScalarUdf::new("odd", [DataType::Int32], DataType::Int32, |arguments| {
        let values = arguments[0].as_primitive::<Int32Type>();
        match values.iter().flatten().find(|value| value % 2 == 0) {
            Some(even) => Err(Error::data(format!("{even} is even"))),
            None => Ok(Arc::clone(&arguments[0])),
        }
    });
    session.register_function(odd).unwrap();
    stream.add_batch(events(&[("a", 4, 0)])).unwrap();
    for (number, (sql, reason, place)) in [
        (
            "SELECT k, stuck(v) AS s FROM STREAM events GROUP BY k",
            "no more room",
            "line 1 column 11",
        ),
        (
            "SELECT k, count(odd(v)) AS s FROM STREAM events GROUP BY k",
            "4 is even",
            "line 1 column 17",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let checkpoint = directory.path().join(number.to_string());
        let error = run(&session.sql(sql), &MemorySink::new(), &checkpoint).unwrap_err();
        let text = format!("{error} {:?}", std::error::Error::source(&error));
        assert!(text.contains("FAILED_EXECUTE_UDF"), "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(error.to_string().contains(place), "{error}");
    }
}
