use super::*;
use crate::Session;
use crate::expr::Expr;
use crate::function::registry;
use crate::functions::call;
use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use polars::prelude::col;

/// The sum of the values that are not null, as an accumulator of a program.
struct Sum(i64);

impl GroupAccumulator for Sum {
    fn update(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let values = arguments[0].as_primitive::<Int64Type>();
        self.0 += values.iter().flatten().sum::<i64>();
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update(states)
    }

    fn state(&self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&self) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(vec![self.0])))
    }
}

fn total() -> AggregateUdf {
    let types = || [DataType::Int64];
    AggregateUdf::new("total", types(), DataType::Int64, types(), || {
        Box::new(Sum(0))
    })
}

fn of_longs(name: &str, body: fn(i64) -> i64) -> ScalarUdf {
    ScalarUdf::new(name, [DataType::Int64], DataType::Int64, move |arguments| {
        let values = arguments[0].as_primitive::<Int64Type>();
        Ok(Arc::new(values.unary::<_, Int64Type>(body)))
    })
}

fn longs(session: &Session, sql: &str) -> Vec<Option<i64>> {
    let batches = session.sql(sql).collect_batches().unwrap();
    let columns = batches.iter().map(|batch| batch.column(0).clone());
    columns
        .flat_map(|column| {
            column
                .as_primitive::<Int64Type>()
                .iter()
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn functions_of_a_session_are_called_in_sql_and_in_frames() {
    let session = Session::new();
    session
        .register_function(of_longs("twice", |v| v * 2))
        .unwrap();
    session.register_aggregate(total()).unwrap();
    assert_eq!(
        longs(
            &session,
            "SELECT Twice(v) + 1 FROM VALUES (1), (NULL) AS t(v)"
        ),
        [Some(3), None]
    );
    let sql = "SELECT total(twice(v)) FILTER (WHERE v > 1) FROM VALUES (1), (2), (3) AS t(v)";
    assert_eq!(longs(&session, sql), [Some(10)]);
    let windowed = "SELECT total(v) OVER (ORDER BY v) FROM VALUES (1), (2) AS t(v)";
    assert_eq!(longs(&session, windowed), [Some(1), Some(3)]);
    let frame = session
        .sql("SELECT 1 AS k, 2L AS v UNION ALL SELECT 1, 3L")
        .group_by([col("k")])
        .agg([call("total", [call("twice", [col("v")])]).alias("t")]);
    let rows = frame.collect().unwrap();
    assert_eq!(rows.column("t").unwrap().i64().unwrap().get(0), Some(10));
    let error = Session::new().sql("SELECT twice(1)").collect().unwrap_err();
    assert_eq!(error.condition(), Some("UNRESOLVED_ROUTINE"));
}

#[test]
fn names_that_are_taken_are_refused() {
    let session = Session::new();
    for name in [
        "upper",
        "SUM",
        "row_number",
        "coalesce",
        "explode",
        "window",
        "bigint",
    ] {
        let error = session
            .register_function(of_longs(name, |v| v))
            .unwrap_err();
        assert_eq!(error.condition(), Some("ROUTINE_ALREADY_EXISTS"), "{name}");
    }
    session.register_function(of_longs("mine", |v| v)).unwrap();
    let again = session
        .register_function(of_longs("MINE", |v| v))
        .unwrap_err();
    assert_eq!(again.condition(), Some("ROUTINE_ALREADY_EXISTS"));
    for name in ["", "1st", "a-b", "__hidden"] {
        let error = session
            .register_function(of_longs(name, |v| v))
            .unwrap_err();
        assert_eq!(error.condition(), Some("INVALID_IDENTIFIER"), "{name}");
    }
    assert!(registry::scalar("mine").is_none());
}

#[test]
fn a_closure_that_panics_or_lies_fails_the_batch_by_name() {
    let session = Session::new();
    let panics = ScalarUdf::new("panics", [DataType::Int64], DataType::Int64, |_| {
        panic!("out of cheese")
    });
    session.register_function(panics).unwrap();
    let lies = ScalarUdf::new("lies", [DataType::Int64], DataType::Utf8, |arguments| {
        Ok(arguments[0].clone())
    });
    session.register_function(lies).unwrap();
    for (sql, parts) in [
        ("SELECT panics(1)", ["`panics`", "out of cheese"]),
        ("SELECT lies(1)", ["`lies`", "promised"]),
    ] {
        let error = session.sql(sql).collect().unwrap_err();
        assert_eq!(error.condition(), Some("FAILED_EXECUTE_UDF"));
        for part in parts {
            assert!(error.message().contains(part), "{error}");
        }
    }
}

#[test]
fn arguments_are_cast_or_refused_as_those_of_other_functions() {
    let session = Session::new();
    session
        .register_function(of_longs("twice", |v| v * 2))
        .unwrap();
    assert_eq!(longs(&session, "SELECT twice('4')"), [Some(8)]);
    let error = session.sql("SELECT twice(1, 2)").collect().unwrap_err();
    assert_eq!(error.condition(), Some("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    let error = session.sql("SELECT twice(array(1))").collect().unwrap_err();
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
    );
}

#[test]
fn partial_results_merge_in_any_order_and_groups_without_rows_have_a_result() {
    let function = total();
    let argument = [Expr::column(0, DataType::Int64, true)];
    let signature = function.resolve(&argument).unwrap();
    let fresh = || {
        let mut accumulator = function.accumulator(&argument, &signature).unwrap();
        accumulator.resize(3);
        accumulator
    };
    let part = |values: Vec<i64>, groups: &[u32]| {
        let mut part = fresh();
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        part.update(&[column], groups, None).unwrap();
        part.state(&[0, 1, 2]).unwrap()
    };
    let parts = [part(vec![1, 2, 3], &[0, 1, 0]), part(vec![10, 20], &[1, 0])];
    let expected: ArrayRef = Arc::new(Int64Array::from(vec![24, 12, 0]));
    for order in [[0, 1], [1, 0]] {
        let mut merged = fresh();
        for index in order {
            merged.merge(&parts[index], &[0, 1, 2]).unwrap();
        }
        assert_eq!(&merged.finish(&[0, 1, 2]).unwrap(), &expected);
        merged.clear(&[0]);
        let empty: ArrayRef = Arc::new(Int64Array::from(vec![0]));
        assert_eq!(&merged.finish(&[0]).unwrap(), &empty);
    }
}

#[test]
fn functions_stand_in_lambdas_and_conditions_and_without_arguments() {
    let session = Session::new();
    session
        .register_function(of_longs("twice", |v| v * 2))
        .unwrap();
    let answer = ScalarUdf::new("answer", [], DataType::Int64, |_| {
        Ok(Arc::new(Int64Array::from(vec![42])))
    });
    session.register_function(answer).unwrap();
    let sql = "SELECT answer() + v FROM VALUES (1L), (2L), (3L) AS t(v) WHERE twice(v) > 2";
    assert_eq!(longs(&session, sql), [Some(44), Some(45)]);
    let sql = "SELECT explode(transform(array(1L, NULL, 3L), x -> twice(x)))";
    assert_eq!(longs(&session, sql), [Some(2), None, Some(6)]);
    let left = session.sql("SELECT 2L AS a");
    let right = session.sql("SELECT 4L AS b");
    let on = call("twice", [col("a")]).eq(col("b"));
    let joined = left.join(right, on, crate::frame::JoinType::Inner);
    assert_eq!(joined.collect().unwrap().height(), 1);
}

#[test]
fn types_that_no_column_has_are_refused() {
    let session = Session::new();
    for foreign in [DataType::UInt32, DataType::LargeUtf8, DataType::Date64] {
        let function = ScalarUdf::new("f", [foreign], DataType::Int64, |arguments| {
            Ok(arguments[0].clone())
        });
        let error = session.register_function(function).unwrap_err();
        assert!(error.message().contains("function=`f`"), "{error}");
    }
}
