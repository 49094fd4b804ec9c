//! The JSON functions on Spark's examples and on what the recorded cases leave out.

use super::functions;
use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::types;
use arrow::array::{Array, ArrayRef, MapBuilder, RecordBatchOptions, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

fn text(value: &str) -> Expr {
    Expr::literal(Arc::new(StringArray::from(vec![value])))
}

fn options(pairs: &[(&str, &str)]) -> Expr {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for (key, value) in pairs {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true).unwrap();
    let to = types::map_of(DataType::Utf8, DataType::Utf8);
    let map: ArrayRef = Arc::new(builder.finish());
    Expr::literal(arrow::compute::cast(&map, &to).unwrap())
}

/// A call over constants.
fn resolved(name: &str, arguments: Vec<Expr>) -> Result<Expr> {
    let function = functions().into_iter().find(|f| f.name == name).unwrap();
    let signature = (function.resolve)(&arguments)?;
    Ok(Expr {
        kind: ExprKind::Call(Arc::new(function), arguments),
        data_type: signature.returns,
        units: crate::types::TypeUnits::default(),
        is_nullable: signature.is_nullable,
        span: crate::error::Span::NOWHERE,
    })
}

/// The value of an expression over constants, as an array of one row.
fn value(expr: &Expr) -> Result<ArrayRef> {
    let row = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &row)?;
    expr.evaluate_array(&batch, &BatchContext::one_shot(Timestamp(0), "UTC"))
}

/// The value of a call over constants, as an array of one row.
fn call(name: &str, arguments: Vec<Expr>) -> Result<ArrayRef> {
    value(&resolved(name, arguments)?)
}

fn shown(result: Result<ArrayRef>) -> String {
    let array = result.unwrap();
    let format = FormatOptions::new().with_null("null");
    let formatter = ArrayFormatter::try_new(array.as_ref(), &format).unwrap();
    formatter.value(0).to_string()
}

fn from_json(json: &str, schema: &str, pairs: &[(&str, &str)]) -> Result<ArrayRef> {
    call("from_json", vec![text(json), text(schema), options(pairs)])
}

fn refused(result: Result<ArrayRef>) -> Error {
    result.unwrap_err()
}

#[test]
fn from_json_gives_structs_arrays_and_maps() {
    let read = |json, schema| shown(from_json(json, schema, &[]));
    assert_eq!(
        read(r#"{"a":1, "b":0.8}"#, "a INT, b DOUBLE"),
        "{a: 1, b: 0.8}"
    );
    assert_eq!(read("oops", "a INT, b DOUBLE"), "{a: null, b: null}");
    assert_eq!(read("", "a INT"), "null");
    assert_eq!(read("[1,2,null]", "ARRAY<INT>"), "[1, 2, null]");
    assert_eq!(read("[1,\"x\"]", "ARRAY<INT>"), "null");
    assert_eq!(read(r#"{"a":1}"#, "ARRAY<STRUCT<a: INT>>"), "[{a: 1}]");
    assert_eq!(read(r#"{"a":1,"b":2}"#, "MAP<STRING, INT>"), "{a: 1, b: 2}");
    assert_eq!(
        read(r#"{"a": {"b" : [1.50, "\u00e9"]}}"#, "a STRING"),
        r#"{a: {"b":[1.5,"é"]}}"#
    );
    assert_eq!(read(r#"[{"a":1}]"#, "a INT"), "{a: null}");
}

#[test]
fn options_of_from_json_are_heard() {
    let pattern = [("timestampFormat", "dd/MM/yyyy")];
    let result = from_json(r#"{"time":"26/08/2015"}"#, "time Timestamp", &pattern);
    assert_eq!(shown(result), "{time: 2015-08-26T00:00:00Z}");
    let error = refused(from_json("{", "a INT", &[("mode", "FAILFAST")]));
    assert_eq!(
        error.condition(),
        Some("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    );
    let error = refused(from_json("{", "a INT", &[("mode", "DROPMALFORMED")]));
    assert_eq!(error.condition(), Some("PARSE_MODE_UNSUPPORTED"));
    let error = refused(from_json("{", "a INT", &[("modus", "FAILFAST")]));
    assert!(error.to_string().contains("did you mean `mode`"), "{error}");
}

#[test]
fn bad_schemas_are_refused() {
    let error = refused(from_json("1", "INT", &[]));
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA")
    );
    let error = refused(from_json("1", "a INT b", &[]));
    assert_eq!(error.condition(), Some("PARSE_SYNTAX_ERROR"));
    let column = Expr::column(0, DataType::Utf8, true);
    let error = refused(call("from_json", vec![text("{}"), column]));
    assert_eq!(error.condition(), Some("INVALID_SCHEMA.NON_STRING_LITERAL"));
}

#[test]
fn to_json_leaves_nulls_out() {
    let schema = "a INT, b STRING, c ARRAY<STRUCT<x: DOUBLE, y: TIMESTAMP>>, d MAP<STRING, DATE>, e DECIMAL(10,8), f BINARY";
    let json = r#"{"a":1,"c":[{"x":1e10,"y":"2024-01-01T01:02:03.456789+01:00"},null,{"x":"NaN"}],"d":{"k":"2024-02-29","n":null},"e":0.00000012,"f":"AQI="}"#;
    let value = Expr::literal(from_json(json, schema, &[]).unwrap());
    assert_eq!(
        shown(call("to_json", vec![value.clone()])),
        r#"{"a":1,"c":[{"x":1.0E10,"y":"2024-01-01T00:02:03.456Z"},null,{"x":"NaN"}],"d":{"k":"2024-02-29","n":null},"e":1.2E-7,"f":"AQI="}"#
    );
    let options = options(&[
        ("ignoreNullFields", "false"),
        ("timeZone", "Asia/Kolkata"),
        ("dateFormat", "dd.MM.yy"),
    ]);
    let all = shown(call("to_json", vec![value, options]));
    assert!(
        all.starts_with(r#"{"a":1,"b":null,"c":[{"x":1.0E10,"y":"2024-01-01T05:32:03.456+05:30"}"#),
        "{all}"
    );
    assert!(all.contains(r#""d":{"k":"29.02.24""#), "{all}");
}

#[test]
fn to_json_escapes_text_and_sorts_on_request() {
    let json = r#"{"b":"\"\\\n\u0001/é","a":2}"#;
    let value = Expr::literal(from_json(json, "b STRING, a INT", &[]).unwrap());
    let sorted = options(&[("sortKeys", "true")]);
    assert_eq!(
        shown(call("to_json", vec![value, sorted])),
        r#"{"a":2,"b":"\"\\\n\u0001/é"}"#
    );
}

#[test]
fn schemas_are_inferred() {
    assert_eq!(
        shown(call("schema_of_json", vec![text(r#"[{"col":0}]"#)])),
        "ARRAY<STRUCT<col: BIGINT>>"
    );
    let zeros = options(&[("allowNumericLeadingZeros", "true")]);
    let result = call("schema_of_json", vec![text(r#"[{"col":01}]"#), zeros]);
    assert_eq!(shown(result), "ARRAY<STRUCT<col: BIGINT>>");
}

#[test]
fn texts_are_looked_into() {
    assert_eq!(
        shown(call(
            "get_json_object",
            vec![text(r#"{"a":"b"}"#), text("$.a")]
        )),
        "b"
    );
    assert_eq!(
        shown(call(
            "get_json_object",
            vec![text(r#"{"a":"b"}"#), text("a")]
        )),
        "null"
    );
    assert_eq!(
        shown(call("json_array_length", vec![text("[1,2,3,4]")])),
        "4"
    );
    assert_eq!(
        shown(call(
            "json_object_keys",
            vec![text(r#"{"f1":"abc","f2":{}}"#)]
        )),
        "[f1, f2]"
    );
    let json: ArrayRef = Arc::new(StringArray::from(vec![
        Some(r#"{"a":1}"#),
        None,
        Some("{}"),
    ]));
    let function = functions()
        .into_iter()
        .find(|f| f.name == "get_json_object")
        .unwrap();
    let path: ArrayRef = Arc::new(StringArray::from(vec!["$.a"]));
    let values = [Value::Array(json), Value::Scalar(path)];
    let result = (function.kernel)(&crate::function::Call {
        arguments: &values,
        lambdas: &[],
        input: None,
        rows: 3,
        returns: &DataType::Utf8,
        context: &BatchContext::one_shot(Timestamp(0), "UTC"),
    })
    .unwrap();
    assert_eq!(result.null_count(), 2);
}

#[test]
fn from_json_with_some_fields_gives_those_and_leaves_the_others_null() {
    for (json, whole, narrow) in [
        (
            r#"{"a":1,"b":"x","c":[2]}"#,
            "{a: 1, b: x, c: [2]}",
            "{a: null, b: x, c: null}",
        ),
        (
            r#"{"a":"no","b":"x"}"#,
            "{a: null, b: x, c: null}",
            "{a: null, b: x, c: null}",
        ),
        (
            r#"{"b":"x""#,
            "{a: null, b: null, c: null}",
            "{a: null, b: null, c: null}",
        ),
        ("", "null", "null"),
    ] {
        let arguments = vec![text(json), text("a INT, b STRING, c ARRAY<INT>")];
        let all = resolved("from_json", arguments).unwrap();
        let some = super::with_fields(&all, &BTreeSet::from([1])).unwrap();
        assert_eq!(shown(value(&all)), whole);
        assert_eq!(shown(value(&some)), narrow);
    }
}
