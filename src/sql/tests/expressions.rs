//! Expressions as text: what they parse to, and which are refused.

use super::{refused, shown};
use crate::sql::parse_expression;
use insta::assert_snapshot;

#[test]
fn numbers_have_sparks_types() {
    let written = [
        "1",
        "-1",
        "2147483647",
        "-2147483648",
        "2147483648",
        "10000000000",
        "9223372036854775808",
        "1L",
        "1s",
        "1Y",
        "1.5",
        ".5",
        "01.001001",
        "1.",
        "1e3",
        "1.5E-2",
        "1.5D",
        "1.5f",
        "1.5BD",
        "15e1bd",
        "2.5e-3BD",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        1:int
        -1:int
        2147483647:int
        -2147483648:int
        2147483648:bigint
        10000000000:bigint
        9223372036854775808:decimal(19,0)
        1:bigint
        1:smallint
        1:tinyint
        1.5:decimal(2,1)
        0.5:decimal(1,1)
        1.001001:decimal(7,6)
        1:decimal(1,0)
        1000.0:double
        0.015:double
        1.5:double
        1.5:float
        1.5:decimal(2,1)
        150:decimal(3,0)
        0.0025:decimal(4,4)
    ");
}

#[test]
fn numbers_out_of_range_are_refused() {
    assert_snapshot!(refused("SELECT 128Y"), @"
        [INVALID_NUMERIC_LITERAL_RANGE] the number is outside the range of its type. value=`128`, type=`TINYINT`; line 1 column 8
          |
        1 | SELECT 128Y
          |        ^^^^
    ");
    assert_snapshot!(refused("SELECT 1e400"), @"
        [INVALID_NUMERIC_LITERAL_RANGE] the number is outside the range of its type. value=`1e400`, type=`DOUBLE`; line 1 column 8
          |
        1 | SELECT 1e400
          |        ^^^^^
    ");
    assert_snapshot!(refused("SELECT 1234567890123456789012345678901234567890"), @"
        [DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION] a decimal has at most 38 digits. value=`1234567890123456789012345678901234567890`; line 1 column 8
          |
        1 | SELECT 1234567890123456789012345678901234567890
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT 1.5x"), @"
        [PARSE_SYNTAX_ERROR] `1.5x` is not a number; line 1 column 8
          |
        1 | SELECT 1.5x
          |        ^^^^
    ");
}

#[test]
fn strings_resolve_sparks_escapes() {
    let written = [
        r"'(\\d+)'",
        r"'a\'b'",
        r"'a''b'",
        r#""it's""#,
        r"r'(\d+)'",
        r"'\u00e9\101\n'",
        r"'\%\_'",
        r"'a' 'b'",
        r"'\Users'",
        r"X'1F'",
        r"x '123'",
    ];
    let all: Vec<String> = written
        .iter()
        .map(|text| format!("{:?}", shown(text)))
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
        "(\\d+):string"
        "a'b:string"
        "a'b:string"
        "it's:string"
        "(\\d+):string"
        "éA\n:string"
        "\\%\\_:string"
        "ab:string"
        "Users:string"
        "1f:binary"
        "0123:binary"
    "#);
}

#[test]
fn typed_literals_are_constants_unless_they_depend_on_the_session() {
    let written = [
        "DATE'2024-02-29'",
        "timestamp '2024-02-29 12:00:00'",
        "TIMESTAMP '2024-02-29 12:00:00+02:00'",
        "TIMESTAMP 'T12:00:00Z'",
        "TIMESTAMP_NTZ'2024-02-29'",
        "true",
        "NULL",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        2024-02-29:date
        __timestamp(2024-02-29 12:00:00:string)
        2024-02-29T10:00:00Z:timestamp
        __timestamp(T12:00:00Z:string)
        2024-02-29T00:00:00:timestamp_ntz
        true:boolean
        null:void
    ");
}

#[test]
fn malformed_typed_literals_are_refused() {
    assert_snapshot!(refused("SELECT DATE '2024-02-30'"), @"
        [INVALID_TYPED_LITERAL] the value of a typed literal is malformed. type=`DATE`, value=`2024-02-30`; line 1 column 8
          |
        1 | SELECT DATE '2024-02-30'
          |        ^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT TIMESTAMP '2024-02-29 25:00:00'"), @"
        [INVALID_TYPED_LITERAL] the value of a typed literal is malformed. type=`TIMESTAMP`, value=`2024-02-29 25:00:00`; line 1 column 8
          |
        1 | SELECT TIMESTAMP '2024-02-29 25:00:00'
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT X'1G'"), @"
        [INVALID_TYPED_LITERAL] the value of a typed literal is malformed. type=`X`, value=`1G`; line 1 column 8
          |
        1 | SELECT X'1G'
          |        ^^^^^
    ");
    assert_snapshot!(refused("SELECT TIME '24:00:00'"), @"
        [INVALID_TYPED_LITERAL] the value of a typed literal is malformed. type=`TIME`, value=`24:00:00`; line 1 column 8
          |
        1 | SELECT TIME '24:00:00'
          |        ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT a 'b' FROM t"), @"
        [UNSUPPORTED_TYPED_LITERAL] literals of the type are not supported, the types are DATE, TIMESTAMP, TIMESTAMP_LTZ, TIMESTAMP_NTZ, TIME, INTERVAL and X. type=`A`; line 1 column 8
          |
        1 | SELECT a 'b' FROM t
          |        ^^^^^
    ");
}

#[test]
fn intervals_in_all_forms() {
    let written = [
        "INTERVAL 90 MINUTES",
        "INTERVAL '1' DAY",
        "interval -1 day",
        "INTERVAL '-1' MONTH",
        "INTERVAL 5 DAYS 3 HOURS 7 MINUTES",
        "INTERVAL '1 02:03:04.5' DAY TO SECOND",
        "INTERVAL -'1 02' DAY TO HOUR",
        "INTERVAL '2021-11' YEAR TO MONTH",
        "INTERVAL 2 YEARS",
        "INTERVAL '5 seconds'",
        "INTERVAL '1 day 2 hours'",
        "INTERVAL '1.5' SECOND",
        "interval 1 week",
        "INTERVAL '55:59.002001' MINUTE TO SECOND",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        __interval(PT5400S:interval day to second, MINUTE:string, MINUTE:string)
        __interval(PT86400S:interval day to second, DAY:string, DAY:string)
        __interval(-PT86400S:interval day to second, DAY:string, DAY:string)
        __interval(-1 years 11 mons:interval year to month, MONTH:string, MONTH:string)
        __interval(PT443220S:interval day to second, DAY:string, MINUTE:string)
        __interval(PT93784.5S:interval day to second, DAY:string, SECOND:string)
        __interval(-PT93600S:interval day to second, DAY:string, HOUR:string)
        __interval(2021 years 11 mons:interval year to month, YEAR:string, MONTH:string)
        __interval(2 years 0 mons:interval year to month, YEAR:string, YEAR:string)
        __interval(PT5S:interval day to second, SECOND:string, SECOND:string)
        __interval(PT93600S:interval day to second, DAY:string, HOUR:string)
        __interval(PT1.5S:interval day to second, SECOND:string, SECOND:string)
        __interval(PT604800S:interval day to second, DAY:string, DAY:string)
        __interval(PT3359.002001S:interval day to second, MINUTE:string, SECOND:string)
    ");
}

#[test]
fn malformed_intervals_are_refused() {
    assert_snapshot!(refused("SELECT INTERVAL '1 25:00:00' DAY TO SECOND"), @"
        [_LEGACY_ERROR_TEMP_0063] a part of the interval is out of range. value=`1 25:00:00`, type=`INTERVAL DAY TO SECOND`; line 1 column 8
          |
        1 | SELECT INTERVAL '1 25:00:00' DAY TO SECOND
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT INTERVAL 1 YEAR 2 DAYS"), @"
        [_LEGACY_ERROR_TEMP_0029] an interval literal cannot mix years or months with smaller units; line 1 column 8
          |
        1 | SELECT INTERVAL 1 YEAR 2 DAYS
          |        ^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT INTERVAL '5 parsecs'"), @"
        [INVALID_TYPED_LITERAL] not an interval. value=`5 parsecs`; line 1 column 8
          |
        1 | SELECT INTERVAL '5 parsecs'
          |        ^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn operators_bind_as_in_spark() {
    let written = [
        "a OR b AND NOT c = d",
        "NOT a IS NULL",
        "! a = b",
        "a + b * c || d",
        "-a * b",
        "~a & b | c ^ d",
        "a << 1 + 2",
        "a >>> 1 > b >> 2",
        "a DIV b % c",
        "a <> b",
        "a != b == c",
        "a <=> b",
        "a::int + 1",
        "a[0].b[1]",
        "a.b.c",
        "f(a).b",
        "- 1 - -1",
        "a BETWEEN 1 AND 2 AND b",
        "a NOT IN (1, 2)",
        "a NOT LIKE 'x' ESCAPE '/'",
        "a LIKE ANY ('x', 'y')",
        "a NOT ILIKE ALL ('x', 'y')",
        "NOT a RLIKE 'x'",
        "a IS NOT DISTINCT FROM b",
        "a IS DISTINCT FROM b",
        "a IS NOT TRUE",
        "a IS UNKNOWN",
        "(a, b) = (1, 2)",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        or(a, and(b, not(=(c, d))))
        not(isnull(a))
        not(=(a, b))
        concat(+(a, *(b, c)), d)
        *(-(a), b)
        |(&(~(a), b), ^(c, d))
        <<(a, +(1:int, 2:int))
        >(>>>(a, 1:int), >>(b, 2:int))
        %(div(a, b), c)
        not(=(a, b))
        =(not(=(a, b)), c)
        <=>(a, b)
        +(cast(a as int), 1:int)
        index(field(index(a, 0:int), b), 1:int)
        a.b.c
        field(f(a), b)
        -(-1:int, -1:int)
        and(between(a, 1:int, 2:int), b)
        not(in(a, 1:int, 2:int))
        not(like(a, x:string, /:string))
        __likeany(a, x:string, y:string)
        __notlikeall(lower(a), x:string, y:string)
        not(rlike(a, x:string))
        <=>(a, b)
        not(<=>(a, b))
        not(<=>(a, true:boolean))
        isnull(a)
        =(__row(a, b), __row(1:int, 2:int))
    ");
}

#[test]
fn calls_with_words_between_their_arguments() {
    let written = [
        "EXTRACT(HOUR FROM ts)",
        "substring(s FROM 2 FOR 3)",
        "substr(s FROM 2)",
        "substr(s, 2)",
        "trim(s)",
        "TRIM(BOTH FROM s)",
        "TRIM(LEADING 'x' FROM s)",
        "trim('x' FROM s)",
        "POSITION('b' IN s)",
        "position('b', s)",
        "OVERLAY(s PLACING '_' FROM 6 FOR 1)",
        "timestampadd(HOUR, 1, ts)",
        "datediff(a, b)",
        "datediff(day, a, b)",
        "date_add(day, 1)",
        "CURRENT_TIMESTAMP",
        "current_date()",
        "struct(a, b AS c)",
        "exists(l, x -> x > 1)",
        "aggregate(l, 0, (acc, x) -> acc + x, acc -> -acc)",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        extract(HOUR:string, ts)
        substring(s, 2:int, 3:int)
        substring(s, 2:int)
        substr(s, 2:int)
        trim(s)
        trim(s)
        ltrim(x:string, s)
        trim(x:string, s)
        locate(b:string, s, 1:int)
        position(b:string, s)
        overlay(s, _:string, 6:int, 1:int)
        timestampadd(HOUR:string, 1:int, ts)
        datediff(a, b)
        timestampdiff(DAY:string, a, b)
        date_add(day, 1:int)
        current_timestamp()
        current_date()
        struct(a, b as c)
        exists(l, (x) -> >(x, 1:int))
        aggregate(l, 0:int, (acc, x) -> +(acc, x), (acc) -> -(acc))
    ");
}

#[test]
fn calls_with_clauses_behind_them() {
    let written = [
        "count(*)",
        "count(DISTINCT a, b)",
        "sum(v) FILTER (WHERE v > 0)",
        "first(v) IGNORE NULLS",
        "any_value(v IGNORE NULLS)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY v DESC)",
        "rank() OVER (PARTITION BY a)",
        "explode(collection => l)",
        "left(s, 2)",
        "if(a, b, c)",
        "system.builtin.abs(a)",
        "explode(m) AS (k, v)",
        "a b",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        count(*)
        count(distinct a, b)
        sum(v) where >(v, 0:int)
        first(v) ignore nulls
        any_value(v) ignore nulls
        percentile_cont(0.5:decimal(1,1)) within v desc
        rank() over
        explode(collection => l)
        left(s, 2:int)
        if(a, b, c)
        abs(a)
        explode(m) as k, v
        a as b
    ");
}

#[test]
fn case_and_casts() {
    let written = [
        "CASE WHEN a THEN 1 ELSE 2 END",
        "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END",
        "CAST(a AS DECIMAL(12,2))",
        "TRY_CAST(a AS ARRAY<ARRAY<INT>>)",
        "CAST(a AS STRUCT<x: INT, y: MAP<STRING, INTERVAL DAY TO SECOND>>)",
        "a::double::string",
    ];
    let all: Vec<String> = written.iter().map(|text| shown(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        case(when a then 1:int else 2:int)
        case(when =(a, 1:int) then x:string when =(a, 2:int) then y:string)
        cast(a as decimal(12,2))
        try_cast(a as array<array<int>>)
        cast(a as struct<x:int,y:map<string,interval day to second>>)
        cast(cast(a as double) as string)
    ");
}

#[test]
fn every_node_knows_its_place() {
    let ast = parse_expression("a + upper(b)").unwrap();
    assert_eq!((ast.span.start.column, ast.span.end.column), (1, 13));
    let crate::expr::AstKind::Call(sum) = &ast.kind else {
        panic!("not a call: {ast:?}");
    };
    let places: Vec<(u32, u32)> = sum
        .arguments
        .iter()
        .map(|argument| (argument.span.start.column, argument.span.end.column))
        .collect();
    assert_eq!(places, [(1, 2), (5, 13)]);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    assert_snapshot!(refused("SELECT :a"), @"
        a parameter marker is not supported; line 1 column 8
          |
        1 | SELECT :a
          |        ^
    ");
    assert_snapshot!(refused("SELECT a:b.c FROM t"), @"
        a path into a VARIANT (`column:path`) is not supported; line 1 column 9
          |
        1 | SELECT a:b.c FROM t
          |         ^
    ");
    assert_snapshot!(refused("SELECT spark_catalog.default.f(1)"), @"
        [UNRESOLVED_ROUTINE] a function of a catalog (`spark_catalog.default.f`) is not supported; line 1 column 8
          |
        1 | SELECT spark_catalog.default.f(1)
          |        ^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
    let open = "(".repeat(20_000);
    assert!(refused(&format!("SELECT {open}1")).contains("nests too deeply"));
    let minus = "- ".repeat(20_000);
    assert!(refused(&format!("SELECT {minus}a")).contains("nests too deeply"));
    let sum = "1 + ".repeat(20_000);
    assert!(refused(&format!("SELECT {sum}1")).contains("nests too deeply"));
    let nested = "SELECT * FROM (".repeat(10_000);
    assert!(refused(&nested).contains("nests too deeply"));
    let relations = "FROM ".to_owned() + &"(".repeat(10_000);
    assert!(refused(&format!("SELECT * {relations}t")).contains("nests too deeply"));
}

#[test]
fn a_long_condition_does_not_nest() {
    let condition = (0..5_000)
        .map(|value| format!("a = {value}"))
        .collect::<Vec<_>>();
    assert!(parse_expression(&condition.join(" OR ")).is_ok());
}
