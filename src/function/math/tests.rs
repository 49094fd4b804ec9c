use super::functions;
use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::expr::{Expr, Value};
use crate::function::Call;
use crate::types::{parse_data_type, simple_string};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// A call on constants written `text: type`, as `result: type`, or the condition of the error.
fn apply(name: &str, operands: &[&str]) -> String {
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    let function = functions()
        .into_iter()
        .find(|function| function.name == name)
        .unwrap();
    let literal = |operand: &&str| {
        let (text, data_type) = operand.split_once(": ").unwrap();
        let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let to = parse_data_type(data_type).unwrap();
        cast(&array, &to, false, &context).unwrap()
    };
    let arrays: Vec<ArrayRef> = operands.iter().map(literal).collect();
    let literals: Vec<Expr> = arrays.iter().cloned().map(Expr::literal).collect();
    let signature = match (function.resolve)(&literals) {
        Ok(signature) => signature,
        Err(error) => return error.condition().unwrap_or_default().to_owned(),
    };
    let arguments: Vec<Value> = arrays
        .iter()
        .zip(&signature.arguments)
        .map(|(array, to)| Value::Scalar(cast(array, to, false, &context).unwrap()))
        .collect();
    let result = (function.kernel)(&Call {
        arguments: &arguments,
        lambdas: &[],
        input: None,
        rows: 1,
        returns: &signature.returns,
        context: &context,
    });
    let result = match result {
        Ok(result) => result,
        Err(error) => return error.condition().unwrap_or_default().to_owned(),
    };
    assert_eq!(result.data_type(), &signature.returns);
    let text = cast(&result, &DataType::Utf8, false, &context).unwrap();
    let value = if text.is_null(0) {
        "null"
    } else {
        text.as_string::<i32>().value(0)
    };
    format!("{value}: {}", simple_string(result.data_type()))
}

#[test]
fn doubles_round_by_the_digits_they_print_with() {
    let round = |value: &str, places: &str| {
        apply(
            "round",
            &[&format!("{value}: double"), &format!("{places}: int")],
        )
    };
    assert_eq!(round("2.675", "2"), "2.68: double");
    assert_eq!(round("-2.5", "0"), "-3.0: double");
    assert_eq!(round("1e300", "2"), "1.0E300: double");
    assert_eq!(round("125", "-1"), "130.0: double");
    assert_eq!(round("-0.3", "0"), "0.0: double");
    assert_eq!(round("NaN", "2"), "NaN: double");
    assert_eq!(apply("bround", &["2.5: double", "0: int"]), "2.0: double");
    assert_eq!(apply("round", &["1.15: float", "1: int"]), "1.1: float");
}

#[test]
fn decimals_and_integers_round_exactly() {
    assert_eq!(
        apply("round", &["2.5: decimal(2,1)", "0: int"]),
        "3: decimal(2,0)"
    );
    assert_eq!(
        apply("bround", &["2.5: decimal(2,1)", "0: int"]),
        "2: decimal(2,0)"
    );
    assert_eq!(
        apply("ceil", &["3.1411: decimal(5,4)", "-3: int"]),
        "1000: decimal(4,0)"
    );
    assert_eq!(
        apply("floor", &["3.1411: decimal(5,4)", "3: int"]),
        "3.141: decimal(5,3)"
    );
    assert_eq!(apply("floor", &["-0.1: decimal(1,1)"]), "-1: decimal(1,0)");
    assert_eq!(apply("ceil", &["-0.1: decimal(1,1)"]), "0: decimal(1,0)");
    assert_eq!(apply("round", &["-15: int", "-1: int"]), "-20: int");
    assert_eq!(
        apply("round", &["127: tinyint", "-1: int"]),
        "ARITHMETIC_OVERFLOW"
    );
    assert_eq!(apply("ceil", &["5: int"]), "5: bigint");
    assert_eq!(apply("floor", &["-1e300: double"]), "ARITHMETIC_OVERFLOW");
}

#[test]
fn logarithms_of_what_has_none_are_null() {
    assert_eq!(apply("ln", &["0: int"]), "null: double");
    assert_eq!(apply("log", &["10: int", "100: int"]), "2.0: double");
    assert_eq!(apply("log", &["-1: int", "100: int"]), "null: double");
    assert_eq!(apply("log1p", &["-1: int"]), "null: double");
    assert_eq!(apply("log2", &["8: int"]), "3.0: double");
    assert_eq!(apply("sqrt", &["-1: int"]), "NaN: double");
}

#[test]
fn numbers_are_written_in_other_bases() {
    assert_eq!(apply("hex", &["17: int"]), "11: string");
    assert_eq!(apply("hex", &["-1: int"]), "FFFFFFFFFFFFFFFF: string");
    assert_eq!(apply("hex", &["Spark: string"]), "537061726B: string");
    assert_eq!(apply("unhex", &["537061726B: string"]), "Spark: binary");
    assert_eq!(apply("unhex", &["xyz: string"]), "null: binary");
    assert_eq!(apply("bin", &["13: int"]), "1101: string");
    let conv = |number: &str, from: &str, to: &str| {
        apply(
            "conv",
            &[
                &format!("{number}: string"),
                &format!("{from}: int"),
                &format!("{to}: int"),
            ],
        )
    };
    assert_eq!(conv("100", "2", "10"), "4: string");
    assert_eq!(conv("-10", "16", "-10"), "-16: string");
    assert_eq!(conv("-1", "10", "16"), "FFFFFFFFFFFFFFFF: string");
    assert_eq!(conv("12x", "10", "10"), "12: string");
    assert_eq!(conv("1", "1", "10"), "null: string");
    assert_eq!(
        conv("ffffffffffffffffff", "16", "10"),
        "ARITHMETIC_OVERFLOW"
    );
}

#[test]
fn buckets_are_counted_from_one() {
    let bucket = |value: &str, least: &str, greatest: &str| {
        let double = |text: &str| format!("{text}: double");
        apply(
            "width_bucket",
            &[
                &double(value),
                &double(least),
                &double(greatest),
                "5: bigint",
            ],
        )
    };
    assert_eq!(bucket("5.3", "0.2", "10.6"), "3: bigint");
    assert_eq!(bucket("-2", "0", "1"), "0: bigint");
    assert_eq!(bucket("1", "0", "1"), "6: bigint");
    assert_eq!(bucket("0.9", "1", "0"), "1: bigint");
    assert_eq!(bucket("1", "1", "1"), "null: bigint");
    let typed = |value: &str, least: &str, greatest: &str| {
        apply("width_bucket", &[value, least, greatest, "3: bigint"])
    };
    let (none, month, year) = (
        "0-0: interval year to month",
        "0-6: interval year to month",
        "1-0: interval year to month",
    );
    assert_eq!(typed(month, none, year), "2: bigint");
    // In whole microseconds, so that nothing is rounded at the edge of a bucket.
    let seconds = |text: &str| format!("0 00:00:{text}: interval day to second");
    let (least, edge, greatest) = (seconds("00.1"), seconds("00.3"), seconds("00.4"));
    assert_eq!(typed(&edge, &least, &greatest), "3: bigint");
    let mixed = "DATATYPE_MISMATCH.DATA_DIFF_TYPES";
    assert_eq!(typed(&edge, &least, year), mixed);
    assert_eq!(typed(&edge, "0: int", "1: int"), mixed);
    assert_eq!(apply("factorial", &["5: int"]), "120: bigint");
    assert_eq!(apply("factorial", &["21: int"]), "null: bigint");
}
