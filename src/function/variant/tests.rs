use crate::function::testing::{assert_answers, assert_fails};

#[test]
fn json_is_read_and_shown() {
    assert_answers(&[
        (
            r#"parse_json('{"b":1,"a":[true, null, "x"]}')"#,
            r#"{"a":[true,null,"x"],"b":1}"#,
        ),
        ("parse_json('1.10')", "1.1"),
        ("parse_json('1e3')", "1000.0"),
        ("parse_json('-0.0')", "0"),
        ("parse_json('12345678901234567890')", "12345678901234567890"),
        (
            "parse_json('123456789012345678901234567890123456789012345')",
            "1.2345678901234567E44",
        ),
        ("parse_json('1 2')", "1"),
        (r#"parse_json(r'"\u00e9\ud83d\ude00\n"')"#, "é😀\n"),
        ("parse_json(NULL)", "NULL"),
        ("try_parse_json('{a:1}')", "NULL"),
    ]);
    let condition = "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION";
    assert_fails(&[
        ("parse_json('{a:1}')", condition),
        (r#"parse_json('{"a":1,"a":2}')"#, condition),
        ("parse_json('')", condition),
        ("parse_json('01')", condition),
        ("parse_json('[1,]')", condition),
        ("parse_json('NaN')", condition),
        ("parse_json('\"a')", condition),
    ]);
}

#[test]
fn values_are_found_by_path_and_cast() {
    assert_answers(&[
        (
            r#"variant_get(parse_json('{"a":{"b":[1,2]}}'), '$.a.b[1]', 'int')"#,
            "2",
        ),
        (
            r#"variant_get(parse_json('{"a":{"b":[1,2]}}'), '$["a"].b')"#,
            "[1,2]",
        ),
        (r#"variant_get(parse_json('{"a b":1}'), "$['a b']")"#, "1"),
        (r#"variant_get(parse_json('{"a":1}'), '$.a.b')"#, "NULL"),
        (r#"variant_get(parse_json('{"a":1}'), '$[0]')"#, "NULL"),
        (
            r#"variant_get(parse_json('{"a":null}'), '$.a', 'int')"#,
            "NULL",
        ),
        (
            r#"is_variant_null(variant_get(parse_json('{"a":null}'), '$.a'))"#,
            "true",
        ),
        (
            r#"try_variant_get(parse_json('{"a":"x"}'), '$.a', 'int')"#,
            "NULL",
        ),
        ("variant_get(NULL, '$.a', 'int')", "NULL"),
    ]);
    assert_fails(&[
        (
            r#"variant_get(parse_json('{"a":1}'), 'a')"#,
            "INVALID_VARIANT_GET_PATH",
        ),
        (
            r#"variant_get(parse_json('{"a":1}'), '$.')"#,
            "INVALID_VARIANT_GET_PATH",
        ),
        (
            r#"variant_get(parse_json('{"a":"x"}'), '$.a', 'int')"#,
            "INVALID_VARIANT_CAST",
        ),
        (
            r#"variant_get(parse_json('{"a":{"b":1}}'), '$.a', 'int')"#,
            "INVALID_VARIANT_CAST",
        ),
        (
            "variant_get('x', '$.a')",
            "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        ),
    ]);
}

#[test]
fn values_are_cast_to_other_types_and_back() {
    assert_answers(&[
        ("CAST(parse_json('\"12\"') AS INT)", "12"),
        ("CAST(parse_json('1.9') AS INT)", "1"),
        ("CAST(parse_json('[1,2]') AS ARRAY<INT>)", "[1, 2]"),
        (
            r#"CAST(parse_json('{"a":1}') AS STRUCT<a: INT, b: STRING>)"#,
            "{1, null}",
        ),
        (
            r#"CAST(parse_json('{"a":1}') AS MAP<STRING, INT>)"#,
            "{a -> 1}",
        ),
        (r#"CAST(parse_json('{"a":1}') AS STRING)"#, r#"{"a":1}"#),
        ("CAST(parse_json('\"x\"') AS STRING)", "x"),
        ("CAST(parse_json('1.50') AS STRING)", "1.5"),
        ("CAST(parse_json('true') AS INT)", "1"),
        ("CAST(parse_json('\"2020-01-01\"') AS DATE)", "2020-01-01"),
        (
            "TRY_CAST(parse_json('[1,\"x\"]') AS ARRAY<INT>)",
            "[1, null]",
        ),
        ("CAST(array(1, NULL) AS VARIANT)", "[1,null]"),
        (
            "to_variant_object(map('a', named_struct('b', DATE'2020-01-01')))",
            r#"{"a":{"b":"2020-01-01"}}"#,
        ),
    ]);
    assert_fails(&[
        (
            "CAST(parse_json('99999999999') AS INT)",
            "INVALID_VARIANT_CAST",
        ),
        (
            "CAST(parse_json('[1,\"x\"]') AS ARRAY<INT>)",
            "INVALID_VARIANT_CAST",
        ),
        (
            "CAST(named_struct('a', 1) AS VARIANT)",
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        ),
        (
            "to_variant_object(1)",
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        ),
        (
            "to_variant_object(map(1, 1))",
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn values_are_set_inserted_and_appended() {
    assert_answers(&[
        (
            r#"variant_set(parse_json('{"a": 1}'), '$.b', 2, false)"#,
            r#"{"a":1}"#,
        ),
        (
            "variant_set(parse_json('{}'), '$.a[2].b', 2)",
            r#"{"a":[null,null,{"b":2}]}"#,
        ),
        (
            r#"variant_set(parse_json('{"a": 1}'), '$.a', parse_json('null'))"#,
            r#"{"a":null}"#,
        ),
        (
            r#"variant_set(parse_json('{"a": 1}'), '$.a', NULL)"#,
            "NULL",
        ),
        (
            r#"variant_set(parse_json('{"a": 1}'), '$.b', 2, NULL)"#,
            "NULL",
        ),
        (
            r#"try_variant_set(parse_json('{"a": 1}'), '$.a.b', 2)"#,
            "NULL",
        ),
        (
            r#"variant_insert(parse_json('["a","b"]'), '$[0]', 'z')"#,
            r#"["z","a","b"]"#,
        ),
        (
            r#"variant_insert(parse_json('["a","b"]'), '$[2]', 'z')"#,
            r#"["a","b","z"]"#,
        ),
        (
            r#"try_variant_insert(parse_json('{"a": 1}'), '$.a', 2)"#,
            "NULL",
        ),
        (
            r#"variant_array_append(parse_json('{"a": 1}'), '$.b', 2)"#,
            r#"{"a":1}"#,
        ),
        (
            r#"try_variant_array_append(parse_json('{"a": 1}'), '$.a', 2)"#,
            "NULL",
        ),
        (
            "variant_array_append(parse_json('[1]'), '$', array(1, 2))",
            "[1,[1,2]]",
        ),
    ]);
    assert_fails(&[
        (
            r#"variant_set(parse_json('{"a": 1}'), '$', 2)"#,
            "INVALID_VARIANT_PATH",
        ),
        (
            r#"try_variant_set(parse_json('{"a": 1}'), 'x', 2)"#,
            "INVALID_VARIANT_PATH",
        ),
        (
            r#"variant_set(parse_json('{"a": null}'), '$.a.b', 2)"#,
            "VARIANT_PATH_TYPE_MISMATCH",
        ),
        (
            "variant_set(parse_json('[1]'), '$.a', 2)",
            "VARIANT_PATH_TYPE_MISMATCH",
        ),
        (
            r#"variant_insert(parse_json('{"a": 1}'), '$.a', 2)"#,
            "VARIANT_DUPLICATE_KEY",
        ),
        (
            "variant_array_append(parse_json('null'), '$', 2)",
            "VARIANT_PATH_TYPE_MISMATCH",
        ),
        (
            "variant_set(parse_json('{}'), '$.a', named_struct('x', 1))",
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        ),
    ]);
}

#[test]
fn values_are_deleted_and_stripped_of_nulls() {
    assert_answers(&[
        (
            r#"variant_delete(parse_json('{"a": {"b":1}}'), '$.a.b')"#,
            r#"{"a":{}}"#,
        ),
        (
            "variant_delete(parse_json('[1,2,3]'), '$[0]', '$[1]')",
            "[2]",
        ),
        (
            r#"variant_delete(parse_json('{"a": 1}'), '$.a.b', NULL, '$[0]')"#,
            r#"{"a":1}"#,
        ),
        (
            r#"variant_strip_nulls(parse_json('{"a": {"b": null}, "c": [null, {"d": null}]}'))"#,
            r#"{"a":{},"c":[{}]}"#,
        ),
        (
            r#"variant_strip_nulls(parse_json('[null, {"d": null}]'), false)"#,
            "[null,{}]",
        ),
    ]);
    assert_fails(&[
        (
            r#"variant_delete(parse_json('{"a": 1}'), '$')"#,
            "INVALID_VARIANT_PATH",
        ),
        (
            r#"variant_delete(parse_json('{"a": 1}'))"#,
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        ),
    ]);
}

#[test]
fn a_value_has_a_schema_and_no_order() {
    assert_answers(&[
        ("schema_of_variant(parse_json('100.0'))", "DECIMAL(3,0)"),
        (
            "schema_of_variant(parse_json('[1, 1.5]'))",
            "ARRAY<DECIMAL(21,1)>",
        ),
        (
            "schema_of_variant(parse_json('[1, \"a\"]'))",
            "ARRAY<VARIANT>",
        ),
        ("schema_of_variant(parse_json('[]'))", "ARRAY<VOID>"),
        (
            r#"schema_of_variant(parse_json('[{"a b":1},{"b":"x", "c":{"d":null}}]'))"#,
            "ARRAY<OBJECT<`a b`: BIGINT, b: STRING, c: OBJECT<d: VOID>>>",
        ),
        ("is_variant_null(NULL)", "false"),
        ("is_valid_variant(NULL)", "NULL"),
    ]);
    assert_fails(&[(
        "parse_json('1') = parse_json('1')",
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
    )]);
}
