use super::*;

fn read(text: &str) -> DataType {
    parse_data_type(text).unwrap()
}

fn meet(left: &str, right: &str) -> String {
    let (left, right) = (read(left), read(right));
    let common = common_type(&left, &right);
    assert_eq!(common, common_type(&right, &left));
    common.map_or("none".to_owned(), |common| simple_string(&common))
}

#[test]
fn types_print_as_they_are_read() {
    for text in [
        "bigint",
        "decimal(10,2)",
        "array<map<string,array<int>>>",
        "struct<a:int,b:struct<c:timestamp,d:timestamp_ntz>>",
        "interval day to second",
        "interval year to month",
        "interval",
        "void",
    ] {
        assert_eq!(simple_string(&read(text)), text);
    }
}

#[test]
fn other_names_of_types_are_understood() {
    assert_eq!(read("Long"), DataType::Int64);
    assert_eq!(read("dec"), DataType::Decimal128(10, 0));
    assert_eq!(read("NUMERIC( 5 )"), DataType::Decimal128(5, 0));
    assert_eq!(read("timestamp_ltz"), timestamp());
    assert_eq!(read("STRING COLLATE UTF8_BINARY"), DataType::Utf8);
    assert_eq!(read("INTERVAL HOUR"), day_time_interval());
}

#[test]
fn a_schema_is_read_with_nullability_comments_and_quoted_names() {
    let schema = parse_ddl_schema(
        "ts TIMESTAMP, k: STRING, `a b``c` BIGINT NOT NULL COMMENT 'it''s', s STRUCT<x: INT NOT NULL, y STRING>",
    )
    .unwrap();
    assert_eq!(schema.field(0).data_type(), &timestamp());
    assert_eq!(schema.field(2).name(), "a b`c");
    assert!(!schema.field(2).is_nullable());
    assert_eq!(
        sql_name(schema.field(3).data_type()),
        "STRUCT<x: INT NOT NULL, y: STRING>"
    );
    let wrapped = parse_ddl_schema("struct<a:int,b:string>").unwrap();
    assert_eq!(wrapped.fields().len(), 2);
}

#[test]
fn what_is_no_type_is_refused_by_name() {
    let condition = |text: &str| {
        let error = parse_data_type(text).unwrap_err();
        error.condition().unwrap().to_owned()
    };
    assert_eq!(condition("geography"), "UNSUPPORTED_DATATYPE");
    assert_eq!(condition("time"), "UNSUPPORTED_TIME_TYPE");
    assert_eq!(condition("array<int"), "PARSE_SYNTAX_ERROR");
    assert_eq!(condition("int int"), "PARSE_SYNTAX_ERROR");
    assert_eq!(
        condition("decimal(39,1)"),
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"
    );
    assert_eq!(condition(&"array<".repeat(500)), "PARSE_SYNTAX_ERROR");
}

#[test]
fn numbers_meet_at_the_type_that_holds_both() {
    assert_eq!(meet("tinyint", "bigint"), "bigint");
    assert_eq!(meet("int", "float"), "double");
    assert_eq!(meet("float", "double"), "double");
    assert_eq!(meet("int", "decimal(10,2)"), "decimal(12,2)");
    assert_eq!(meet("bigint", "decimal(38,20)"), "decimal(38,18)");
    assert_eq!(meet("decimal(38,0)", "decimal(38,10)"), "decimal(38,0)");
    assert_eq!(meet("decimal(3,2)", "double"), "double");
}

#[test]
fn strings_yield_to_what_they_meet() {
    assert_eq!(meet("string", "int"), "bigint");
    assert_eq!(meet("string", "decimal(3,2)"), "double");
    assert_eq!(meet("string", "timestamp"), "timestamp");
    assert_eq!(meet("string", "boolean"), "boolean");
    assert_eq!(meet("string", "interval day to second"), "none");
    assert_eq!(meet("string", "array<int>"), "none");
}

#[test]
fn complex_types_meet_part_by_part() {
    assert_eq!(meet("array<int>", "array<bigint>"), "array<bigint>");
    assert_eq!(meet("array<void>", "array<string>"), "array<string>");
    assert_eq!(
        meet("struct<a:int,b:date>", "struct<a:bigint,b:timestamp>"),
        "struct<a:bigint,b:timestamp>"
    );
    assert!(common_type(&read("struct<a:int>"), &read("struct<A:int>")).is_some());
    assert_eq!(meet("struct<a:int>", "struct<b:int>"), "none");
    assert_eq!(meet("int", "boolean"), "none");
}

#[test]
fn arguments_become_what_a_function_asks_for() {
    let can = |from: &str, to: &str| can_implicitly_cast(&read(from), &read(to));
    assert!(can("bigint", "int"));
    assert!(can("timestamp", "date"));
    assert!(can("int", "string"));
    assert!(can("string", "double"));
    assert!(!can("array<int>", "string"));
    assert!(!can("boolean", "int"));
    assert!(!can("timestamp", "bigint"));
}

#[test]
fn decimal_results_give_up_scale_before_integral_digits() {
    use DecimalOperator::{Add, Divide, IntegralDivide, Multiply, Remainder};
    assert_eq!(decimal_result(Add, (10, 2), (10, 3)), (12, 3));
    assert_eq!(decimal_result(Multiply, (10, 2), (10, 0)), (21, 2));
    assert_eq!(decimal_result(Divide, (10, 2), (10, 0)), (21, 13));
    assert_eq!(decimal_result(Divide, (38, 10), (38, 10)), (38, 6));
    assert_eq!(decimal_result(Remainder, (1, 0), (2, 1)), (2, 1));
    assert_eq!(decimal_result(Multiply, (38, 18), (38, 18)), (38, 6));
    assert_eq!(decimal_result(IntegralDivide, (10, 2), (5, 2)), (10, 0));
}
