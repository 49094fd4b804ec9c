//! Tests of the front end: what parses into what, and what errors look like.

mod expressions;
mod lowering;
mod queries;
mod statements;

use super::*;
use crate::expr::{AstCall, AstKind};
use crate::types::{simple_string, simple_string_of};
use arrow::array::ArrayRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::path::PathBuf;

/// The expression a text parses into, written so that nesting and types show.
fn shown(text: &str) -> String {
    show(&parse_expression(text).unwrap())
}

/// The message of the error that a text gives.
fn refused(text: &str) -> String {
    parse_script(text).unwrap_err().to_string()
}

fn show(ast: &Ast) -> String {
    match &ast.kind {
        AstKind::Name(parts) => parts.join("."),
        AstKind::Literal(value) => show_literal(value),
        AstKind::Call(call) => show_call(call),
        AstKind::Cast {
            input,
            data_type,
            units,
            is_try,
        } => {
            let word = if *is_try { "try_cast" } else { "cast" };
            format!(
                "{word}({} as {})",
                show(input),
                simple_string_of(data_type, units)
            )
        }
        AstKind::Case {
            branches,
            otherwise,
        } => {
            let mut parts: Vec<String> = branches
                .iter()
                .map(|(when, then)| format!("when {} then {}", show(when), show(then)))
                .collect();
            parts.extend(
                otherwise
                    .iter()
                    .map(|value| format!("else {}", show(value))),
            );
            format!("case({})", parts.join(" "))
        }
        AstKind::Field(input, name) => format!("field({}, {name})", show(input)),
        AstKind::Index(input, index) => format!("index({}, {})", show(input), show(index)),
        AstKind::Alias(input, names) => format!("{} as {}", show(input), names.join(", ")),
        AstKind::Star(parts) => [parts.as_slice(), &["*".to_owned()]].concat().join("."),
        AstKind::Subquery(number) => format!("subquery {number}"),
        AstKind::Lambda(names, body) => format!("({}) -> {}", names.join(", "), show(body)),
    }
}

fn show_literal(value: &ArrayRef) -> String {
    let options = FormatOptions::default().with_null("null");
    let text = ArrayFormatter::try_new(value.as_ref(), &options).unwrap();
    format!("{}:{}", text.value(0), simple_string(value.data_type()))
}

fn show_call(call: &AstCall) -> String {
    let mut arguments: Vec<String> = call.arguments.iter().map(show).collect();
    for (argument, name) in arguments.iter_mut().zip(&call.argument_names) {
        if let Some(name) = name {
            *argument = format!("{name} => {argument}");
        }
    }
    let mut text = format!(
        "{}({}{})",
        call.name,
        if call.is_distinct { "distinct " } else { "" },
        arguments.join(", ")
    );
    for key in &call.within_group {
        let direction = if key.is_descending { " desc" } else { "" };
        text.push_str(&format!(" within {}{direction}", show(&key.expr)));
    }
    if let Some(filter) = &call.filter {
        text.push_str(&format!(" where {}", show(filter)));
    }
    text.push_str(if call.ignores_nulls {
        " ignore nulls"
    } else {
        ""
    });
    text.push_str(if call.over.is_some() { " over" } else { "" });
    text
}

/// The directory with the recorded cases: `TIDEMILL_SHARED`, or `shared` beside the package.
fn shared() -> Option<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    let beside = package.join("../shared");
    let directory = std::env::var_os("TIDEMILL_SHARED").map_or(beside, PathBuf::from);
    directory.is_dir().then_some(directory)
}

/// The cases recorded from Spark, as far as they are there.
fn recorded_cases() -> Vec<serde_json::Value> {
    let Some(directory) = shared() else {
        return Vec::new();
    };
    let paths = std::fs::read_dir(directory.join("conformance")).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    json.map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

/// Spark's examples of its functions, as far as they are there.
fn recorded_examples() -> Vec<serde_json::Value> {
    let Some(directory) = shared() else {
        return Vec::new();
    };
    let examples = std::fs::read_to_string(directory.join("functions/examples.jsonl")).unwrap();
    examples
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The SQL of both.
fn recorded_sql() -> Vec<String> {
    let mut all: Vec<String> = recorded_examples()
        .iter()
        .filter_map(|example| example["sql"].as_str())
        .map(str::to_owned)
        .collect();
    for case in recorded_cases() {
        if case["expected"]["error"]["condition"] == "PARSE_SYNTAX_ERROR" {
            continue;
        }
        let steps = case["steps"].as_array().cloned().unwrap_or_default();
        all.extend(
            steps
                .iter()
                .filter_map(|step| step["sql"].as_str())
                .map(str::to_owned),
        );
    }
    all
}

#[test]
fn every_recorded_query_parses_or_is_refused_by_name() {
    for sql in recorded_sql() {
        if let Err(error) = parse_query(&sql) {
            assert!(error.message().ends_with("is not supported"), "{error}");
            assert!(error.span().is_somewhere(), "{error}");
        }
    }
}

/// Pieces of SQL, to be put together at random.
const PIECES: [&str; 60] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "WITH",
    "AS",
    "UNION ALL",
    "JOIN",
    "LEFT",
    "ON",
    "USING",
    "LATERAL",
    "VIEW",
    "EXPLODE",
    "STREAM",
    "WATERMARK",
    "DELAY OF",
    "INTERVAL",
    "SECONDS",
    "'1'",
    "DAY",
    "TO",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "CAST",
    "INT",
    "ARRAY<INT>",
    "IN",
    "NOT",
    "BETWEEN",
    "AND",
    "LIKE",
    "IS NULL",
    "t",
    "a",
    "`b c`",
    "1",
    "1.5e3",
    "X'1'",
    "r'\\'",
    "(",
    ")",
    ",",
    ".",
    "*",
    "+",
    "->",
    "|>",
    "::",
    "[",
    "]",
    ";",
    "=",
    "CREATE",
    "INSERT INTO",
    "TABLE",
];

proptest::proptest! {
    #[test]
    fn any_text_gives_statements_or_an_error_with_a_place(
        picks in proptest::collection::vec(0..PIECES.len(), 1..40)
    ) {
        let text = picks.iter().map(|pick| PIECES[*pick]).collect::<Vec<_>>().join(" ");
        if let Err(error) = parse_script(&text) {
            proptest::prop_assert!(error.span().is_somewhere(), "{}: {}", text, error);
        }
    }
}

#[test]
fn queries_of_every_shape_parse() {
    let queries = [
        "SELECT 1",
        "SELECT k, v % 2 AS p FROM STREAM(events) WHERE v > 2 AND k <> 'c'",
        "WITH big AS (SELECT k, v FROM STREAM(events) WHERE v > 3), tagged AS (SELECT k, v, v > 7 AS hot FROM big) SELECT t.k AS key, t.v FROM tagged t WHERE t.hot OR t.k = 'b'",
        "SELECT window(ts, '10 seconds').start AS s, count(*) AS c FROM u GROUP BY window(ts, '10 seconds')",
        "SELECT i.ad AS ad, cost FROM i LEFT SEMI JOIN c ON i.ad = c.ad AND cts <= its + INTERVAL 15 SECONDS",
        "SELECT a FROM t NATURAL JOIN s, r CROSS JOIN q",
        "SELECT a, x, y FROM t LATERAL VIEW OUTER explode(m) e AS x, y LATERAL VIEW explode(l) AS z",
        "SELECT a, x FROM t, LATERAL explode(l) AS e(x), s",
        "SELECT a FROM ((SELECT 1 AS a) UNION ALL (SELECT 2)) AS t(b) ORDER BY a DESC NULLS LAST LIMIT 3 OFFSET 1",
        "SELECT a FROM (t JOIN s ON t.a = s.a) x",
        "SELECT * EXCEPT (a), t.*, count(DISTINCT a, b) FROM t GROUP BY ALL",
        "SELECT a FROM t GROUP BY a, ROLLUP (b, c) HAVING count(*) > 1",
        "SELECT a FROM t UNION ALL BY NAME SELECT a FROM s EXCEPT SELECT 1 INTERSECT SELECT 2",
        "FROM STREAM t |> WHERE a > 1 |> EXTEND a + 1 AS b |> SET a = 2 |> AGGREGATE count(*) AS n GROUP BY b |> ORDER BY n |> LIMIT 3",
        "FROM t |> AS x |> JOIN s ON x.a = s.a |> DROP a |> SELECT DISTINCT b |> UNION ALL (SELECT 1)",
        "FROM t SELECT a",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT * FROM VALUES 1, 2 AS t(a)",
        "TABLE t",
        "SELECT end, start, value, key, timestamp, partition, offset, window, date, values FROM k",
        "SELECT stream FROM stream stream",
        "SELECT j.* FROM (SELECT from_json(CAST(value AS STRING), 'a INT') AS j FROM STREAM clicks)",
    ];
    for sql in queries {
        if let Err(error) = parse_query(sql) {
            panic!("{error}");
        }
    }
}
