//! Queries as text: clauses, precedence, and what streams do not have.

use super::*;
use crate::plan::builder::Grouping;
use crate::sql::ast::{Lateral, RelationAst, WatermarkClause};
use insta::assert_snapshot;

fn from(sql: &str) -> Vec<RelationAst> {
    match parse_query(sql).unwrap().ast.body {
        Body::Select(select) => select.from,
        Body::Relations(relations) => relations,
        other => panic!("not a SELECT: {other:?}"),
    }
}

fn show_watermark(watermark: Option<&WatermarkClause>) -> String {
    watermark.map_or(String::new(), |clause| {
        format!(
            " watermark {} {}ms",
            show(&clause.event_time),
            clause.delay_ms
        )
    })
}

fn show_condition(condition: &ast::JoinCondition) -> String {
    match condition {
        ast::JoinCondition::None => "-".to_owned(),
        ast::JoinCondition::On(on) => show(on),
        ast::JoinCondition::Using(columns) => format!("using {}", columns.len()),
        ast::JoinCondition::Natural => "natural".to_owned(),
    }
}

fn named(alias: Option<&RelationAlias>) -> String {
    alias.map_or(String::new(), |alias| {
        let columns: Vec<&str> = alias.columns.iter().map(|c| c.value.as_str()).collect();
        format!(" as {}[{}]", alias.name.value, columns.join(","))
    })
}

fn show_relation(relation: &RelationAst) -> String {
    match relation {
        RelationAst::Table {
            name,
            stream,
            watermark,
            alias,
            ..
        } => {
            let stream = stream.as_ref().map_or(String::new(), |stream| {
                format!("stream{:?}{:?} ", stream.options, stream.identified_by)
            });
            format!(
                "{stream}{name}{}{}",
                show_watermark(watermark.as_ref()),
                named(alias.as_ref())
            )
        }
        RelationAst::Subquery {
            watermark, alias, ..
        } => {
            format!(
                "query{}{}",
                show_watermark(watermark.as_ref()),
                named(alias.as_ref())
            )
        }
        RelationAst::Values { alias, .. } => format!("values{}", named(alias.as_ref())),
        RelationAst::Function { call, alias, .. } => {
            format!("{}{}", show(call), named(alias.as_ref()))
        }
        RelationAst::Join {
            left,
            right,
            join_type,
            condition,
            ..
        } => format!(
            "({} {join_type:?} {} {})",
            show_relation(left),
            show_relation(right),
            show_condition(condition)
        ),
        RelationAst::Lateral { input, lateral } => {
            let lateral = match lateral {
                Lateral::Generator(view) => show(&view.generator),
                Lateral::Query(_) => "query".to_owned(),
            };
            format!("{} lateral {lateral}", show_relation(input))
        }
        RelationAst::Piped(_) => "piped".to_owned(),
        RelationAst::Pivot { input, alias, .. } => {
            format!("{} pivot{}", show_relation(input), named(alias.as_ref()))
        }
        RelationAst::Unpivot { input, alias, .. } => {
            format!("{} unpivot{}", show_relation(input), named(alias.as_ref()))
        }
        RelationAst::Aliased {
            input,
            watermark,
            alias,
        } => format!(
            "({}){}{}",
            show_relation(input),
            show_watermark(watermark.as_ref()),
            named(alias.as_ref())
        ),
    }
}

#[test]
fn streaming_clauses_belong_to_their_relation() {
    let written = [
        "FROM STREAM t",
        "FROM STREAM(t) AS a",
        "FROM STREAM db.t WITH (maxFilesPerTrigger = 1, 'a' 'b') IDENTIFIED BY clicks x",
        "FROM STREAM(t) WATERMARK ts DELAY OF INTERVAL 10 SECONDS",
        "FROM STREAM t WATERMARK to_timestamp(s) AS ts DELAY OF INTERVAL '1' MINUTE AS e",
        "FROM (SELECT 1) WATERMARK ts DELAY OF INTERVAL 1 MONTH s",
        "FROM v WATERMARK ts DELAY OF INTERVAL 0 SECONDS WHERE a",
        "FROM STREAM a JOIN STREAM(b) WATERMARK ts DELAY OF INTERVAL 1 HOUR y ON a.k = y.k",
        "FROM stream",
        "FROM stream WHERE a",
        "FROM t watermark",
        "FROM t LEFT JOIN s USING (a, b), LATERAL explode(l) AS e(x), r",
        "FROM t JOIN LATERAL explode(l) JOIN s ON true",
        "FROM range(10) r",
        "FROM (a NATURAL JOIN b) c",
        "FROM VALUES (1, 2) AS t(a, b)",
    ];
    let all: Vec<String> = written
        .iter()
        .map(|text| {
            from(&format!("SELECT * {text}"))
                .iter()
                .map(show_relation)
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
        stream{}None t
        stream{}None t as a[]
        stream{"a": "b", "maxFilesPerTrigger": "1"}Some("clicks") db.t as x[]
        stream{}None t watermark ts 10000ms
        stream{}None t watermark to_timestamp(s) as ts 60000ms as e[]
        query watermark ts 2678400000ms as s[]
        v watermark ts 0ms
        (stream{}None a Inner stream{}None b watermark ts 3600000ms as y[] =(a.k, y.k))
        stream
        stream
        t as watermark[]
        (t LeftOuter s using 2) lateral explode(l), r
        (t lateral explode(l) Inner s true:boolean)
        range(10:int) as r[]
        ((a Inner b natural)) as c[]
        values as t[a,b]
    "#);
}

fn sets(sql: &str) -> String {
    let Body::Select(select) = parse_query(&format!("SELECT a FROM t GROUP BY {sql}"))
        .unwrap()
        .ast
        .body
    else {
        panic!("not a SELECT");
    };
    let lists = |lists: &[Vec<Ast>]| {
        let list =
            |list: &Vec<Ast>| format!("({})", list.iter().map(show).collect::<Vec<_>>().join(", "));
        lists.iter().map(list).collect::<Vec<_>>().join(" ")
    };
    let item = |item: &Grouping| match item {
        Grouping::Key(key) => show(key),
        Grouping::Rollup(all) => format!("rollup {}", lists(all)),
        Grouping::Cube(all) => format!("cube {}", lists(all)),
        Grouping::Sets(all) => format!("sets {}", lists(all)),
    };
    select
        .group_by
        .iter()
        .flatten()
        .map(item)
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn keys_and_grouping_sets_are_told_apart() {
    let written = [
        "a, b",
        "ALL",
        "ROLLUP (a, b)",
        "CUBE (a, b)",
        "GROUPING SETS ((a, b), (a), a + 1, ())",
        "a, ROLLUP (b, (c, d))",
        "a, b WITH ROLLUP",
        "(a, b)",
    ];
    let all: Vec<String> = written.iter().map(|text| sets(text)).collect();
    assert_snapshot!(all.join("\n"), @"
        a, b
        ALL
        rollup (a) (b)
        cube (a) (b)
        sets (a, b) (a) (+(a, 1:int)) ()
        a, rollup (b) (c, d)
        rollup (a) (b)
        __row(a, b)
    ");
}

#[test]
fn errors_point_at_what_was_found() {
    assert_snapshot!(refused("SELECT a b c FROM t"), @"
        [PARSE_SYNTAX_ERROR] expected the end of the statement, found `c`; line 1 column 12
          |
        1 | SELECT a b c FROM t
          |            ^
    ");
    assert_snapshot!(refused("SELECT a FROM (SELECT a b c FROM t)"), @"
        [PARSE_SYNTAX_ERROR] expected `)`, found `c`; line 1 column 27
          |
        1 | SELECT a FROM (SELECT a b c FROM t)
          |                           ^
    ");
    assert_snapshot!(refused("-- first\nSELECT k,\n  FROM t"), @"
        [TRAILING_COMMA_IN_SELECT] a comma stands before FROM: remove the trailing comma; line 3 column 3
          |
        3 |   FROM t
          |   ^^^^
    ");
    assert_snapshot!(refused("SELECT 'abc"), @"
        [PARSE_SYNTAX_ERROR] unterminated string literal; line 1 column 8
          |
        1 | SELECT '***
          |        ^
    ");
    assert_snapshot!(refused("WITH q AS (SELECT 1), Q AS (SELECT 2) SELECT 1"), @"
        [DUPLICATED_CTE_NAMES] a common table expression is there twice. name=`Q`; line 1 column 23
          |
        1 | WITH q AS (SELECT 1), Q AS (SELECT 2) SELECT 1
          |                       ^
    ");
    assert_snapshot!(refused("SELECT a FROM t WHERE b ="), @"
        [PARSE_SYNTAX_ERROR] expected an expression, found the end of the statement; line 1 column 26
          |
        1 | SELECT a FROM t WHERE b =
          |                          ^
    ");
    assert_snapshot!(refused("SELECT a FROM t JOIN s ON"), @"
        [PARSE_SYNTAX_ERROR] expected an expression, found the end of the statement; line 1 column 26
          |
        1 | SELECT a FROM t JOIN s ON
          |                          ^
    ");
    assert_snapshot!(refused("SELECT a FROM STREAM t WATERMARK ts DELAY OF 10 SECONDS"), @"
        [PARSE_SYNTAX_ERROR] expected an interval such as INTERVAL 10 SECONDS, found `10`; line 1 column 46
          |
        1 | SELECT a FROM STREAM t WATERMARK ts DELAY OF 10 SECONDS
          |                                              ^^
    ");
    assert_snapshot!(refused("SELECT CAST(a AS DECIMAL(50, 2)) FROM t"), @"
        [DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION] decimal precision exceeds the maximum. precision=`50` maximum=`38`; line 1 column 18
          |
        1 | SELECT CAST(a AS DECIMAL(50, 2)) FROM t
          |                  ^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT $ FROM t"), @"
        [PARSE_SYNTAX_ERROR] unexpected character. found=`$`; line 1 column 8
          |
        1 | SELECT $ FROM t
          |        ^
    ");
}

#[test]
fn what_streams_do_not_have_is_refused_by_name() {
    assert_snapshot!(refused("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (a))"), @"
        MATCH_RECOGNIZE is not supported; line 1 column 17
          |
        1 | SELECT * FROM t MATCH_RECOGNIZE (PATTERN (a))
          |                 ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT * FROM STREAM read_kafka(topic => 'a')"), @"
        a table function as a stream (`STREAM read_kafka(…)`) is not supported; line 1 column 15
          |
        1 | SELECT * FROM STREAM read_kafka(topic => 'a')
          |               ^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT * FROM t TABLESAMPLE (10 PERCENT)"), @"
        TABLESAMPLE other than of a number of ROWS is not supported; line 1 column 17
          |
        1 | SELECT * FROM t TABLESAMPLE (10 PERCENT)
          |                 ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT * FROM t VERSION AS OF 3"), @"
        time travel (VERSION AS OF) is not supported; line 1 column 17
          |
        1 | SELECT * FROM t VERSION AS OF 3
          |                 ^^^^^^^
    ");
    assert_snapshot!(refused("SELECT * FROM t ASOF JOIN s"), @"
        ASOF JOIN is not supported; line 1 column 17
          |
        1 | SELECT * FROM t ASOF JOIN s
          |                 ^^^^
    ");
    assert_snapshot!(refused("WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r"), @"
        WITH RECURSIVE is not supported; line 1 column 6
          |
        1 | WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r
          |      ^^^^^^^^^
    ");
    assert_snapshot!(refused("FROM t |> WINDOW w AS (ORDER BY a)"), @"
        this operator behind `|>` is not supported; line 1 column 11
          |
        1 | FROM t |> WINDOW w AS (ORDER BY a)
          |           ^^^^^^
    ");
}
