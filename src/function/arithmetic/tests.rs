use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::error::Result;
use crate::expr::{Expr, Value};
use crate::function::{Call, ScalarFunction};
use crate::types::{parse_data_type, simple_string};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, Int64Type, IntervalYearMonthType};
use std::sync::Arc;

fn context() -> BatchContext {
    BatchContext::one_shot(Timestamp(0), "America/Los_Angeles")
}

fn function(name: &str) -> ScalarFunction {
    super::functions()
        .into_iter()
        .find(|function| function.name == name)
        .unwrap()
}

/// A constant of a type, given as text; intervals as their count of units.
fn constant(text: &str, data_type: &str) -> ArrayRef {
    let to = parse_data_type(data_type).unwrap();
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let through = |to: &DataType| cast(&array, to, false, &context()).unwrap();
    match to {
        DataType::Duration(_) => {
            let longs = through(&DataType::Int64);
            let longs = longs.as_primitive::<Int64Type>();
            Arc::new(longs.reinterpret_cast::<DurationMicrosecondType>())
        }
        DataType::Interval(_) => Arc::new(
            through(&DataType::Int32)
                .as_primitive::<arrow::datatypes::Int32Type>()
                .reinterpret_cast::<IntervalYearMonthType>(),
        ),
        _ => through(&to),
    }
}

/// `left name right` as `result: type`, or the condition of the error. Operands are `text: type`.
fn apply(name: &str, operands: &[&str]) -> String {
    let arrays = operands.iter().map(|operand| {
        let (text, data_type) = operand.split_once(": ").unwrap();
        constant(text, data_type)
    });
    let columns: Vec<Expr> = arrays
        .clone()
        .map(|array| Expr::column(0, array.data_type().clone(), true))
        .collect();
    match run(&function(name), &columns, &arrays.collect::<Vec<_>>()) {
        Ok(text) => text,
        Err(error) => error
            .condition()
            .map_or(error.message().to_owned(), str::to_owned),
    }
}

fn run(function: &ScalarFunction, columns: &[Expr], arrays: &[ArrayRef]) -> Result<String> {
    let signature = (function.resolve)(columns)?;
    let mut arguments = Vec::new();
    for (array, to) in arrays.iter().zip(&signature.arguments) {
        arguments.push(Value::Array(cast(array, to, false, &context())?));
    }
    let result = (function.kernel)(&Call {
        arguments: &arguments,
        lambdas: &[],
        input: None,
        rows: 1,
        returns: &signature.returns,
        context: &context(),
    })?;
    assert_eq!(result.data_type(), &signature.returns);
    let shown = match result.data_type() {
        DataType::Duration(_) => {
            let micros = result.as_primitive::<DurationMicrosecondType>();
            Arc::new(micros.reinterpret_cast::<Int64Type>()) as ArrayRef
        }
        DataType::Interval(_) => Arc::new(
            result
                .as_primitive::<IntervalYearMonthType>()
                .unary::<_, Int64Type>(i64::from),
        ),
        _ => Arc::clone(&result),
    };
    let text = cast(&shown, &DataType::Utf8, false, &context())?;
    let value = if text.is_null(0) {
        "null"
    } else {
        text.as_string::<i32>().value(0)
    };
    Ok(format!("{value}: {}", simple_string(result.data_type())))
}

#[test]
fn integers_are_checked() {
    assert_eq!(apply("+", &["1: int", "2: bigint"]), "3: bigint");
    assert_eq!(
        apply("+", &["2147483647: int", "1: int"]),
        "ARITHMETIC_OVERFLOW"
    );
    assert_eq!(
        apply("*", &["100: tinyint", "2: tinyint"]),
        "BINARY_ARITHMETIC_OVERFLOW"
    );
    assert_eq!(
        apply("try_add", &["2147483647: int", "1: int"]),
        "null: int"
    );
    assert_eq!(
        apply("-", &["-9223372036854775808: bigint"]),
        "ARITHMETIC_OVERFLOW"
    );
    assert_eq!(
        apply("div", &["-9223372036854775808: bigint", "-1: int"]),
        "ARITHMETIC_OVERFLOW"
    );
    assert_eq!(
        apply("%", &["-9223372036854775808: bigint", "-1: int"]),
        "0: bigint"
    );
}

#[test]
fn division_gives_doubles_and_refuses_zero() {
    assert_eq!(apply("/", &["3: int", "2: int"]), "1.5: double");
    assert_eq!(apply("/", &["3: int", "0: int"]), "DIVIDE_BY_ZERO");
    assert_eq!(apply("/", &["3: double", "0: double"]), "DIVIDE_BY_ZERO");
    assert_eq!(apply("div", &["-7: int", "2: int"]), "-3: bigint");
    assert_eq!(apply("div", &["1: int", "0: int"]), "DIVIDE_BY_ZERO");
    assert_eq!(apply("%", &["-7: int", "0: int"]), "REMAINDER_BY_ZERO");
    assert_eq!(apply("try_mod", &["-7: int", "0: int"]), "null: int");
    assert_eq!(apply("%", &["-7: int", "3: int"]), "-1: int");
    assert_eq!(apply("pmod", &["-7: int", "3: int"]), "2: int");
    assert_eq!(apply("pmod", &["-10: double", "3: int"]), "2.0: double");
}

#[test]
fn decimals_follow_the_rules_of_precision() {
    let dec = "decimal(10,2)";
    let apply2 = |name, left: &str, right: &str| apply(name, &[left, right]);
    assert_eq!(
        apply2("*", &format!("19.99: {dec}"), "3: int"),
        "59.97: decimal(21,2)"
    );
    assert_eq!(
        apply2("/", &format!("1.00: {dec}"), &format!("3.00: {dec}")),
        "0.3333333333333: decimal(23,13)"
    );
    assert_eq!(
        apply2("%", &format!("-5.55: {dec}"), "2: int"),
        "-1.55: decimal(10,2)"
    );
    assert_eq!(
        apply2("pmod", &format!("-5.55: {dec}"), "2: int"),
        "0.45: decimal(10,2)"
    );
    assert_eq!(
        apply2("div", &format!("-5.55: {dec}"), "2: int"),
        "-2: bigint"
    );
    assert_eq!(
        apply2("/", &format!("1.00: {dec}"), &format!("0.00: {dec}")),
        "DIVIDE_BY_ZERO"
    );
    assert_eq!(
        apply2("+", &format!("1.00: {dec}"), "1.5: double"),
        "2.5: double"
    );
}

#[test]
fn decimals_that_leave_128_bits_on_the_way_are_still_exact() {
    let big = "99999999999999999999999999999999999999: decimal(38,0)";
    let apply2 = |name, left: &str, right: &str| apply(name, &[left, right]);
    assert_eq!(
        apply2("+", big, "1: decimal(38,0)"),
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"
    );
    assert_eq!(
        apply2("try_add", big, "1: decimal(38,0)"),
        "null: decimal(38,0)"
    );
    assert_eq!(
        apply2(
            "/",
            big,
            "99999999999999999999999999999999999998: decimal(38,0)"
        ),
        "1.000000: decimal(38,6)"
    );
    assert_eq!(
        apply2(
            "*",
            "12345678901234567890.123456789012345678: decimal(38,18)",
            "1.000000000000000001: decimal(38,18)"
        ),
        "12345678901234567902.469136: decimal(38,6)"
    );
    assert_eq!(
        apply2("%", big, "7.5: decimal(38,37)"),
        "1.5000000000000000000000000000000000000: decimal(38,37)"
    );
}

#[test]
fn strings_yield_to_numbers() {
    assert_eq!(apply("+", &["1: string", "2: int"]), "3: bigint");
    assert_eq!(apply("/", &["1: string", "2: int"]), "0.5: double");
    assert_eq!(
        apply("+", &["1: string", "2: string"]),
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"
    );
    assert_eq!(
        apply("+", &["2024-01-01: timestamp", "2: string"]),
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"
    );
    assert_eq!(
        apply("+", &["true: boolean", "2: int"]),
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"
    );
}

#[test]
fn dates_move_by_days_and_months() {
    assert_eq!(
        apply("+", &["2024-01-31: date", "1: int"]),
        "2024-02-01: date"
    );
    assert_eq!(
        apply("-", &["2024-03-31: date", "1: interval month"]),
        "2024-02-29: date"
    );
    assert_eq!(
        apply("+", &["12: interval month", "2024-02-29: date"]),
        "2025-02-28: date"
    );
    assert_eq!(
        apply("-", &["2024-03-01: date", "2024-02-28: string"]),
        "172800000000: interval day to second"
    );
}

#[test]
fn timestamps_move_on_the_wall_clock() {
    let hour = 3_600_000_000_i64;
    let day = format!("{}: interval day to second", 24 * hour);
    assert_eq!(
        apply("+", &["2024-03-09 12:00:00: timestamp", &day]),
        "2024-03-10 12:00:00: timestamp"
    );
    let hours = format!("{}: interval day to second", 23 * hour);
    assert_eq!(
        apply("+", &["2024-03-09 12:00:00: timestamp", &hours]),
        "2024-03-10 12:00:00: timestamp"
    );
    assert_eq!(
        apply(
            "-",
            &[
                "2024-03-10 12:00:00: timestamp",
                "2024-03-09 12:00:00: timestamp"
            ]
        ),
        format!("{}: interval day to second", 24 * hour)
    );
    assert_eq!(
        apply(
            "-",
            &["2024-05-31 12:00:00: timestamp", "3: interval month"]
        ),
        "2024-02-29 12:00:00: timestamp"
    );
}

#[test]
fn intervals_scale_and_divide() {
    assert_eq!(
        apply("*", &["10: interval month", "1.25: double"]),
        "13: interval year to month"
    );
    assert_eq!(
        apply("/", &["10: interval day to second", "4: int"]),
        "3: interval day to second"
    );
    assert_eq!(
        apply("*", &["1.5: decimal(3,1)", "3: interval day to second"]),
        "5: interval day to second"
    );
    assert_eq!(
        apply("/", &["10: interval month", "0: int"]),
        "INTERVAL_DIVIDED_BY_ZERO"
    );
    assert_eq!(
        apply("div", &["13: interval month", "-1: interval month"]),
        "-13: bigint"
    );
}

#[test]
fn a_failure_in_a_null_row_does_not_count() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(1)]));
    let zeros: ArrayRef = Arc::new(Int64Array::new(
        vec![1, 0].into(),
        Some(vec![false, true].into()),
    ));
    let function = function("+");
    let arguments = [Value::Array(values), Value::Array(zeros)];
    let sum = (function.kernel)(&Call {
        arguments: &arguments,
        lambdas: &[],
        input: None,
        rows: 2,
        returns: &DataType::Int64,
        context: &context(),
    })
    .unwrap();
    assert_eq!(
        sum.as_primitive::<Int64Type>(),
        &Int64Array::from(vec![None, Some(1)])
    );
}
