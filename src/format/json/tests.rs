//! What the decoder makes of records good and bad; the property test compares it with `serde_json`.

use super::{JsonDecoder, JsonOptions};
use crate::format::ParseMode;
use crate::types::parse_ddl_schema;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

fn decoder(schema: &str) -> JsonDecoder {
    JsonDecoder::new(&parse_ddl_schema(schema).unwrap(), &JsonOptions::default()).unwrap()
}

/// The rows as text, one string a row: `1|x|null`.
fn shown(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let row = |row: usize| {
        let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
        values.join("|")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// What one record gives.
fn one(schema: &str, record: &str) -> String {
    let mut decoder = decoder(schema);
    assert!(decoder.push(Some(record.as_bytes())).unwrap());
    shown(&decoder.finish().unwrap()).remove(0)
}

#[test]
fn every_type_is_read() {
    assert_eq!(
        one(
            "a BOOLEAN, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h STRING",
            r#"{"a":true,"b":-7,"c":300,"d":-2147483648,"e":9223372036854775807,"f":0.1,"g":-1.5e3,"h":"x"}"#
        ),
        "true|-7|300|-2147483648|9223372036854775807|0.1|-1500.0|x"
    );
    assert_eq!(
        one(
            "a DECIMAL(10,2), b DECIMAL(4,1), c DATE, d TIMESTAMP, e TIMESTAMP_NTZ, f BINARY",
            r#"{"a":1.005,"b":"1,2.34","c":"2024-02-29","d":"2024-01-31T12:00:00+02:00","e":"2024-01-31 12:00:00.5","f":"AQI="}"#
        ),
        "1.01|12.3|2024-02-29|2024-01-31T10:00:00Z|2024-01-31T12:00:00.500|0102"
    );
    assert_eq!(
        one(
            "a ARRAY<INT>, b MAP<STRING, DOUBLE>, c STRUCT<x: INT, y: ARRAY<STRING>>",
            r#"{"a":[1,null,3],"b":{"k":1.5,"l":null},"c":{"y":["p"],"z":[{}]}}"#
        ),
        "[1, null, 3]|{k: 1.5, l: null}|{x: null, y: [p]}"
    );
}

#[test]
fn missing_keys_and_nulls_are_null_and_unknown_keys_are_passed_over() {
    assert_eq!(one("a INT, b STRING", r" { } "), "null|null");
    assert_eq!(
        one(
            "a INT, b STRING",
            r#"{"x":{"y":[1,{"z":"}"}]},"b":null,"a":3,"w":"\"a\":4"}"#
        ),
        "3|null"
    );
}

#[test]
fn the_last_of_equal_keys_wins() {
    assert_eq!(
        one("a INT, b ARRAY<INT>", r#"{"a":1,"b":[1],"a":2,"b":[2,3]}"#),
        "2|[2, 3]"
    );
}

#[test]
fn keys_are_compared_with_regard_to_case() {
    assert_eq!(one("user STRING", r#"{"User":"x"}"#), "null");
}

#[test]
fn the_order_of_keys_may_change_from_record_to_record() {
    let mut decoder = decoder("a INT, b INT, c STRING");
    let lines = concat!(
        "{\"a\": 1, \"b\": 2, \"c\": \"x\"}\n",
        "{\"a\": 3, \"c\": \"y\"}\n",
        "{\"c\":\"z\",\"b\":4,\"a\":5}\r\n",
        "\n  \n",
        "{\"a\": 6, \"b\": 7, \"c\": \"w\"}\n",
        "{\"a\": 8, \"b\": 9, \"unknown\": 1, \"c\": \"v\"}",
    );
    decoder.push_lines(lines.as_bytes()).unwrap();
    assert_eq!(
        shown(&decoder.finish().unwrap()),
        ["1|2|x", "3|null|y", "5|4|z", "6|7|w", "8|9|v"]
    );
    assert_eq!(decoder.rows(), 0);
}

#[test]
fn escapes_are_undone() {
    assert_eq!(
        one(
            "a STRING",
            r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d!"}"#
        ),
        "\"\\/\u{8}\u{c}\n\r\té😀?!"
    );
    assert_eq!(one("é STRING", r#"{"\u00e9":"x"}"#), "x");
}

#[test]
fn anything_in_a_string_column_keeps_its_text() {
    let record = r#"{"a":1.50,"b": { "x" : [ 1 , "y" ] },"c":true,"d":null}"#;
    let schema = "a STRING, b STRING, c STRING, d STRING";
    assert_eq!(
        one(schema, record),
        r#"1.50|{ "x" : [ 1 , "y" ] }|true|null"#
    );
    let options = JsonOptions {
        keeps_text: false,
        ..JsonOptions::default()
    };
    let mut rewriting = JsonDecoder::new(&parse_ddl_schema(schema).unwrap(), &options).unwrap();
    rewriting.push(Some(record.as_bytes())).unwrap();
    assert_eq!(
        shown(&rewriting.finish().unwrap()),
        [r#"1.5|{"x":[1,"y"]}|true|null"#]
    );
}

#[test]
fn a_value_of_another_type_is_null_and_the_rest_of_the_record_stays() {
    let schema =
        "a INT, b DOUBLE, c ARRAY<INT>, d STRUCT<x: INT, y: INT>, e STRING, _corrupt_record STRING";
    for (record, expected) in [
        (r#"{"a":"1","e":"s"}"#, "null|null|null|null|s"),
        (r#"{"a":1.0,"b":"2","e":"s"}"#, "null|null|null|null|s"),
        (r#"{"a":2147483648,"b":2,"e":"s"}"#, "null|2.0|null|null|s"),
        (r#"{"c":[1,"x",[{}]],"e":"s"}"#, "null|null|null|null|s"),
        (r#"{"c":{"x":1},"a":7}"#, "7|null|null|null|null"),
        (
            r#"{"d":{"x":true,"y":4},"e":"s"}"#,
            "null|null|null|{x: null, y: 4}|s",
        ),
    ] {
        assert_eq!(
            one(schema, record),
            format!("{expected}|{record}"),
            "{record}"
        );
    }
}

#[test]
fn a_record_that_is_no_json_is_all_null_and_its_text_is_kept() {
    let schema = "a INT, b STRING, _corrupt_record STRING";
    for record in [
        "not json",
        r#"{"a":1,"b":"x""#,
        r#"{"a":1,"b":"x"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1,}"#,
        r#"{"a":01}"#,
        r#"{"a":1,"z":[1,}"#,
        r#"{"a":1,"z":tru}"#,
        r#"{"a":1,"z":"\x"}"#,
        "{\"a\":1,\"z\":\"\t\"}",
        r"{a:1}",
        r#"{"a":1,"z":1.}"#,
        r#"{"a":1,"z":.5}"#,
        "[1]",
        "null",
        "17",
    ] {
        assert_eq!(
            one(schema, record),
            format!("null|null|{record}"),
            "{record}"
        );
    }
}

#[test]
fn what_follows_the_first_value_is_not_looked_at() {
    assert_eq!(
        one("a INT, _corrupt_record STRING", r#"{"a":1} and more"#),
        "1|null"
    );
}

#[test]
fn invalid_utf8_makes_a_record_malformed() {
    let mut decoder = decoder("a STRING, _corrupt_record STRING");
    decoder.push(Some(b"{\"a\":\"\xff\"}")).unwrap();
    assert_eq!(
        shown(&decoder.finish().unwrap()),
        ["null|{\"a\":\"\u{fffd}\"}"]
    );
}

#[test]
fn a_missing_or_blank_record_is_a_null_row() {
    let mut decoder = decoder("a INT");
    decoder.push(None).unwrap();
    decoder.push(Some(b"  ")).unwrap();
    decoder.push(Some(b"{")).unwrap();
    let rows = decoder.finish_struct().unwrap();
    let valid: Vec<bool> = (0..3).map(|row| rows.is_valid(row)).collect();
    assert_eq!(valid, [false, false, true]);
}

#[test]
fn an_array_at_the_root_of_a_line_gives_a_row_for_each_object() {
    let mut decoder = decoder("a INT, _corrupt_record STRING");
    decoder
        .push_lines(b"[{\"a\":1},{\"a\":2}]\n[]\n[{\"a\":3},{\"a\":\"x\"}]\n[{\"a\":4},5]")
        .unwrap();
    assert_eq!(
        shown(&decoder.finish().unwrap()),
        [
            "1|null",
            "2|null",
            r#"3|[{"a":3},{"a":"x"}]"#,
            r#"null|[{"a":3},{"a":"x"}]"#,
            r#"null|[{"a":4},5]"#
        ]
    );
}

#[test]
fn dropped_records_leave_no_trace() {
    let options = JsonOptions {
        mode: ParseMode::DropMalformed,
        ..JsonOptions::default()
    };
    let schema = parse_ddl_schema("a INT, b ARRAY<STRUCT<x: STRING>>").unwrap();
    let mut decoder = JsonDecoder::new(&schema, &options).unwrap();
    assert!(decoder.push(Some(br#"{"a":1,"b":[{"x":"p"}]}"#)).unwrap());
    assert!(
        !decoder
            .push(Some(br#"{"b":[{"x":"q"}],"a":"no"}"#))
            .unwrap()
    );
    assert!(!decoder.push(Some(br#"{"b":[{"x":"q"}],"a":"#)).unwrap());
    assert!(decoder.push(Some(br#"{"a":2,"b":[{"x":"r"}]}"#)).unwrap());
    assert_eq!(
        shown(&decoder.finish().unwrap()),
        ["1|[{x: p}]", "2|[{x: r}]"]
    );
}

#[test]
fn fail_fast_names_the_record_and_the_place() {
    let options = JsonOptions {
        mode: ParseMode::FailFast,
        ..JsonOptions::default()
    };
    let schema = parse_ddl_schema("a INT").unwrap();
    let mut decoder = JsonDecoder::new(&schema, &options).unwrap();
    let error = decoder.push(Some(br#"{"b":1,"a":"x"}"#)).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    );
    let message = error.to_string();
    assert!(
        message.contains("the value at byte 11 is not an INT"),
        "{message}"
    );
    assert!(message.contains(r#"record=`{"b":1,"a":"x"}`"#), "{message}");
}

#[test]
fn numbers_that_are_none_are_read_with_and_without_quotes() {
    let record = r#"{"a":"NaN","b":-Infinity,"c":"INF"}"#;
    assert_eq!(one("a DOUBLE, b FLOAT, c DOUBLE", record), "NaN|-inf|inf");
    let options = JsonOptions {
        allow_non_numeric_numbers: false,
        ..JsonOptions::default()
    };
    let schema = parse_ddl_schema("a DOUBLE, c DOUBLE").unwrap();
    let mut strict = JsonDecoder::new(&schema, &options).unwrap();
    strict.push(Some(br#"{"a":"NaN","c":2}"#)).unwrap();
    assert_eq!(shown(&strict.finish().unwrap()), ["null|2.0"]);
}

#[test]
fn single_quotes_comments_and_bare_names_are_read_where_allowed() {
    assert_eq!(
        one("a STRING, b INT", r#"{'a':'it\'s "x"','b':1}"#),
        "it's \"x\"|1"
    );
    let options = JsonOptions {
        allow_unquoted_field_names: true,
        allow_comments: true,
        allow_numeric_leading_zeros: true,
        ..JsonOptions::default()
    };
    let schema = parse_ddl_schema("a INT, b INT").unwrap();
    let mut lenient = JsonDecoder::new(&schema, &options).unwrap();
    lenient
        .push(Some(b"{ /* x */ a : 007, // y\n b:2 }"))
        .unwrap();
    assert_eq!(shown(&lenient.finish().unwrap()), ["7|2"]);
}

#[test]
fn whole_numbers_are_seconds_in_a_timestamp() {
    assert_eq!(
        one("t TIMESTAMP, n TIMESTAMP_NTZ", r#"{"t":10,"n":10}"#),
        "1970-01-01T00:00:10Z|null"
    );
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let deep = format!(
        r#"{{"x":{}1{},"a":1}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(one("a INT", &deep), "null");
}

#[test]
fn without_columns_the_rows_are_counted_and_checked() {
    let options = JsonOptions {
        mode: ParseMode::DropMalformed,
        ..JsonOptions::default()
    };
    let mut decoder = JsonDecoder::new(&arrow::datatypes::Schema::empty(), &options).unwrap();
    decoder.push_lines(b"{\"a\":1}\n{\"a\":\n{}\n").unwrap();
    assert_eq!(decoder.finish().unwrap().num_rows(), 2);
}

/// Any JSON value, `depth` deep at most.
fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1000..1000_i64).prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-z\"\\\\\n\u{1}é😀]{0,20}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A record with some of the keys, in any order, and others.
fn any_record() -> impl Strategy<Value = Vec<(String, Value)>> {
    let key = prop::sample::select(vec![
        "int", "long", "double", "text", "list", "object", "other",
    ]);
    let typed = (key, any::<i32>(), any_value()).prop_map(|(key, number, value)| {
        let fitting = match key {
            "int" => json!(number),
            "long" => json!(i64::from(number) * 4_000_000_000),
            "double" => json!(f64::from(number) / 7.0),
            "list" => json!([number, number / 2]),
            "object" => json!({"x": number, "y": "s"}),
            _ => value,
        };
        (key.to_owned(), fitting)
    });
    let wild = ("[a-z]{1,6}", any_value());
    prop::collection::vec(prop_oneof![4 => typed, 1 => wild], 0..8)
}

fn text_of(record: &[(String, Value)], spaces: bool) -> String {
    let separator = if spaces { ": " } else { ":" };
    let pairs: Vec<String> = record
        .iter()
        .map(|(key, value)| format!("{}{separator}{value}", Value::from(key.as_str())))
        .collect();
    format!("{{{}}}", pairs.join(if spaces { ", " } else { "," }))
}

/// What the record should give for a key: its last value, if it fits.
fn expected(record: &[(String, Value)], key: &str) -> Value {
    let last = record.iter().rev().find(|(name, _)| name == key);
    let value = last.map_or(Value::Null, |(_, value)| value.clone());
    match key {
        "int" => value
            .as_i64()
            .filter(|v| i32::try_from(*v).is_ok())
            .map_or(Value::Null, Value::from),
        "long" => value.as_i64().map_or(Value::Null, Value::from),
        "double" => value.as_f64().map_or(Value::Null, Value::from),
        "text" => match &value {
            Value::String(_) | Value::Null => value,
            other => Value::from(other.to_string()),
        },
        _ => value,
    }
}

fn actual(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            (0..list.len()).map(|row| actual(&list, row)).collect()
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns().iter();
            let pairs = fields.iter().zip(columns);
            let pairs = pairs.filter(|(_, column)| column.is_valid(row));
            Value::Object(
                pairs
                    .map(|(field, c)| (field.name().clone(), actual(c, row)))
                    .collect(),
            )
        }
        other => panic!("no such column in the test: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoder_and_serde_json_agree(
        records in prop::collection::vec((any_record(), any::<bool>()), 1..12)
    ) {
        let schema = "int INT, long BIGINT, double DOUBLE, text STRING, list ARRAY<INT>, object STRUCT<x: INT, y: STRING>";
        let mut decoder = decoder(schema);
        for (record, spaces) in &records {
            decoder.push(Some(text_of(record, *spaces).as_bytes())).unwrap();
        }
        let batch = decoder.finish().unwrap();
        prop_assert_eq!(batch.num_rows(), records.len());
        for (row, (record, spaces)) in records.iter().enumerate() {
            for (index, field) in batch.schema().fields().iter().enumerate() {
                let expected = expected(record, field.name());
                let actual = actual(batch.column(index), row);
                prop_assert_eq!(&actual, &expected, "{} of {}", field.name(), text_of(record, *spaces));
            }
        }
    }

    #[test]
    fn damaged_records_never_disturb_their_neighbours(
        record in any_record(), cut in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut decoder = decoder("int INT, text STRING, list ARRAY<INT>, object STRUCT<x: INT, y: STRING>");
        let good = br#"{"int":1,"text":"t","list":[1,2],"object":{"x":1,"y":"s"}}"#;
        let mut damaged = text_of(&record, false).into_bytes();
        let at = cut.index(damaged.len());
        damaged[at] = byte;
        decoder.push(Some(good)).unwrap();
        decoder.push(Some(&damaged)).unwrap();
        damaged.truncate(at);
        decoder.push(Some(&damaged)).unwrap();
        decoder.push(Some(good)).unwrap();
        let rows = shown(&decoder.finish().unwrap());
        prop_assert_eq!(rows.len(), 4);
        prop_assert_eq!(&rows[0], &rows[3]);
        prop_assert_eq!(&rows[0], "1|t|[1, 2]|{x: 1, y: s}");
    }
}
