use super::*;
use crate::functions;
use crate::plan::Column;
use arrow::array::{Array, ArrayRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use polars::prelude as pl;
use polars::prelude::{IntoLazy as _, NamedFrom as _, col, lit, when};

/// An expression as a line of text: calls as `name(…)`, literals as `value:TYPE`.
fn show(ast: &Ast) -> String {
    let list = |asts: &[Ast]| asts.iter().map(show).collect::<Vec<_>>().join(", ");
    match &ast.kind {
        AstKind::Name(parts) => parts.join("."),
        AstKind::Literal(value) => show_literal(value),
        AstKind::Call(call) => {
            let distinct = if call.is_distinct { "distinct " } else { "" };
            let filter = call
                .filter
                .as_ref()
                .map(|filter| format!(" filter {}", show(filter)));
            let nulls = if call.ignores_nulls {
                " ignore nulls"
            } else {
                ""
            };
            let arguments = list(&call.arguments);
            format!(
                "{}({distinct}{arguments}){nulls}{}",
                call.name,
                filter.unwrap_or_default()
            )
        }
        AstKind::Cast {
            input,
            data_type,
            units,
            is_try,
        } => {
            let name = if *is_try { "try_cast" } else { "cast" };
            format!(
                "{name}({} as {})",
                show(input),
                types::sql_name_of(data_type, units)
            )
        }
        AstKind::Case {
            branches,
            otherwise,
        } => {
            let branches: Vec<_> = branches
                .iter()
                .map(|(condition, value)| format!("when {} then {}", show(condition), show(value)))
                .collect();
            let otherwise = otherwise
                .as_ref()
                .map(|value| format!(" else {}", show(value)));
            format!(
                "case {}{}",
                branches.join(" "),
                otherwise.unwrap_or_default()
            )
        }
        AstKind::Field(input, name) => format!("{}.{name}", show(input)),
        AstKind::Index(input, index) => format!("{}[{}]", show(input), show(index)),
        AstKind::Alias(input, names) => format!("{} as {}", show(input), names.join(", ")),
        AstKind::Star(qualifier) => format!("{}*", qualifier.join(".")),
        AstKind::Subquery(number) => format!("subquery {number}"),
        AstKind::Lambda(names, body) => format!("({}) -> {}", names.join(", "), show(body)),
    }
}

fn show_literal(value: &ArrayRef) -> String {
    assert_eq!(value.len(), 1);
    let options = FormatOptions::default().with_null("null");
    let text = ArrayFormatter::try_new(value, &options)
        .unwrap()
        .value(0)
        .to_string();
    format!("{text}:{}", types::sql_name(value.data_type()))
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "so that tests can give a value they just made"
)]
fn becomes(expression: pl::Expr, expected: &str) {
    assert_eq!(
        show(&to_ast(&expression).unwrap()),
        expected,
        "{expression:?}"
    );
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "so that tests can give a value they just made"
)]
fn is_refused(expression: pl::Expr, hint: &str) {
    let error = to_ast(&expression).unwrap_err();
    assert_eq!(error.condition(), Some("UNSUPPORTED_EXPRESSION"));
    assert!(error.message().contains(hint), "{error}");
    assert!(
        error.message().contains(&format!("{expression:?}")),
        "{error}"
    );
}

#[test]
fn columns_are_paths_and_backticks_keep_dots() {
    becomes(col("v"), "v");
    assert_eq!(path_of("e.user.name").unwrap(), ["e", "user", "name"]);
    assert_eq!(path_of("`e.user`.`a``b`").unwrap(), ["e.user", "a`b"]);
    for malformed in ["", ".", "a.", ".a", "a..b", "`a", "`a`b", "a`b`", "``"] {
        let error = path_of(malformed).unwrap_err();
        assert_eq!(
            error.condition(),
            Some("INVALID_ATTRIBUTE_NAME_SYNTAX"),
            "{malformed}"
        );
    }
    becomes(col("e").struct_().field_by_name("user"), "e.user");
    becomes(
        functions::from_json(col("j"), "a INT")
            .struct_()
            .field_by_name("a"),
        "from_json(j, a INT:STRING).a",
    );
    becomes(col("*"), "*");
    becomes(col("e.*"), "e*");
}

#[test]
fn selectors_give_one_expression_for_each_column() {
    let column = |name: &str, data_type| Column {
        qualifier: None,
        name: name.to_owned(),
        data_type,
        is_nullable: true,
        units: crate::types::TypeUnits::default(),
        event_time: None,
    };
    let columns = PlanSchema {
        columns: vec![
            column("n_a", DataType::Int32),
            column("n.b", DataType::Int64),
            column("s", DataType::Utf8),
        ],
    };
    let expand = |expression: pl::Expr| {
        let asts = to_asts(&[expression], &columns).unwrap();
        asts.iter().map(show).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(expand(pl::all().as_expr()), "*");
    assert_eq!(expand(pl::cols(["s", "n_a"]).as_expr()), "s; n_a");
    assert_eq!(expand(col("^n.*$")), "n_a; n.b");
    assert_eq!(expand(pl::all().exclude_cols(["s"]).as_expr()), "n_a; n.b");
    assert_eq!(expand(col("^n_.*$").sum().name().keep()), "sum(n_a) as n_a");
    assert_eq!(
        expand(pl::cols(["s"]).as_expr().count().name().prefix("c_")),
        "count(s) as c_s"
    );
    let two_roots = (col("a") + col("b")).name().suffix("_x");
    is_refused(two_roots, "one column");
    let error = to_asts(&[pl::cols(["x"]).as_expr()], &columns).unwrap_err();
    assert_eq!(error.condition(), Some("UNRESOLVED_COLUMN"));
}

#[test]
fn literals_have_the_types_spark_gives_them() {
    becomes(lit(1), "1:INT");
    becomes(lit(1_i64), "1:INT");
    becomes(lit(3_000_000_000_i64), "3000000000:BIGINT");
    becomes(
        lit(10_000_000_000_000_000_000_u64),
        "10000000000000000000:DECIMAL(20,0)",
    );
    becomes(lit(1.5), "1.5:DOUBLE");
    becomes(lit("x"), "x:STRING");
    becomes(lit(true), "true:BOOLEAN");
    becomes(lit(pl::NULL), "null:VOID");
    becomes(lit(&b"\x01"[..]), "01:BINARY");
    let time = chrono::DateTime::from_timestamp_micros(1_500_000)
        .unwrap()
        .naive_utc();
    becomes(lit(time), "1970-01-01T00:00:01.500:TIMESTAMP_NTZ");
    becomes(
        lit(chrono::Duration::seconds(90)),
        "PT90S:INTERVAL DAY TO SECOND",
    );
    is_refused(
        lit(pl::Series::new("s".into(), [1, 2])),
        "is_in takes a list",
    );
}

#[test]
fn operators_keep_their_spark_names() {
    becomes(col("a") + lit(1), "+(a, 1:INT)");
    becomes(col("a") / lit(2), "/(a, 2:INT)");
    becomes(col("a") % lit(2), "%(a, 2:INT)");
    becomes(-col("a"), "-(a)");
    becomes(
        col("a").eq(lit(1)).and(col("b").neq(lit(2))),
        "and(=(a, 1:INT), !=(b, 2:INT))",
    );
    becomes(col("a").eq_missing(col("b")), "<=>(a, b)");
    becomes(col("a").neq_missing(col("b")), "not(<=>(a, b))");
    becomes(col("a").or(col("b")).not(), "not(or(a, b))");
    becomes(col("a").is_null(), "isnull(a)");
    becomes(
        functions::between(col("a"), lit(1), lit(2)),
        "between(a, 1:INT, 2:INT)",
    );
    is_refused(col("a").floor_div(lit(2)), "call(\"div\", …)");
}

#[test]
fn in_takes_a_series_or_a_computed_list() {
    let constants = pl::Series::new("s".into(), [1, 2]);
    becomes(
        col("a").is_in(lit(constants.clone()), false),
        "in(a, 1:INT, 2:INT)",
    );
    becomes(
        col("a").is_in(lit(constants.clone()).implode(true), false),
        "in(a, 1:INT, 2:INT)",
    );
    becomes(
        col("a").is_in(col("allowed"), false),
        "array_contains(allowed, a)",
    );
    is_refused(col("a").is_in(lit(constants), true), "nulls_equal = false");
}

#[test]
fn when_chains_become_one_case() {
    let size = when(col("v").gt(lit(10)))
        .then(lit("big"))
        .when(col("v").gt(lit(1)))
        .then(lit("small"));
    becomes(
        size.clone().otherwise(lit("none")),
        "case when >(v, 10:INT) then big:STRING when >(v, 1:INT) then small:STRING else none:STRING",
    );
    becomes(
        size.otherwise(lit(pl::NULL)),
        "case when >(v, 10:INT) then big:STRING when >(v, 1:INT) then small:STRING",
    );
}

#[test]
fn casts_say_what_happens_to_what_cannot_be_cast() {
    becomes(col("a").cast(pl::DataType::Int64), "try_cast(a as BIGINT)");
    becomes(
        col("a").strict_cast(pl::DataType::Int64),
        "cast(a as BIGINT)",
    );
    becomes(
        functions::cast(col("a"), "decimal(10, 2)"),
        "cast(a as DECIMAL(10,2))",
    );
    becomes(
        functions::try_cast(col("a"), "array<int>"),
        "try_cast(a as ARRAY<INT>)",
    );
}

#[test]
fn aggregates_take_their_filter_from_inside() {
    becomes(pl::len(), "count(*)");
    becomes(col("v").len(), "count(*)");
    becomes(col("v").count(), "count(v)");
    becomes(col("v").sum().alias("total"), "sum(v) as total");
    becomes(
        col("v").filter(col("v").gt(lit(0))).sum(),
        "sum(v) filter >(v, 0:INT)",
    );
    becomes(col("v").filter(col("ok")).len(), "count(*) filter ok");
    becomes(
        col("v").mean() + col("v").std(1),
        "+(avg(v), stddev_samp(v))",
    );
    becomes(col("v").var(0), "var_pop(v)");
    becomes(col("v").n_unique(), "count(distinct v)");
    becomes(functions::count_distinct(col("v")), "count(distinct v)");
    becomes(col("v").first_non_null(), "first(v) ignore nulls");
    becomes(col("v").filter(col("ok")).any(true), "bool_or(v) filter ok");
    becomes(
        col("v").quantile(lit(0.5), pl::QuantileMethod::Linear),
        "percentile(v, 0.5:DOUBLE)",
    );
    is_refused(col("v").std(2), "ddof");
    is_refused(col("v").filter(col("ok")), "inside an aggregate");
}

#[test]
fn strings_count_as_polars_counts_and_patterns_stay_patterns() {
    becomes(col("s").str().to_uppercase(), "upper(s)");
    becomes(
        col("s").str().slice(lit(2), lit(3)),
        "substring(s, 3:INT, 3:INT)",
    );
    becomes(
        col("s").str().slice(lit(-2), lit(pl::NULL)),
        "substring(s, -2:INT)",
    );
    becomes(col("s").str().head(lit(2)), "left(s, 2:INT)");
    becomes(
        col("s").str().contains(lit("a+"), true),
        "rlike(s, a+:STRING)",
    );
    becomes(
        col("s").str().contains_literal(lit("a+")),
        "contains(s, a+:STRING)",
    );
    becomes(col("s").str().split(lit("|")), "split(s, \\|:STRING)");
    becomes(
        col("s").str().extract(lit("(a)"), 1),
        "regexp_extract(s, (a):STRING, 1:INT)",
    );
    becomes(col("s").str().strip_chars(lit(pl::NULL)), "trim(s)");
    becomes(
        pl::concat_str([col("a"), col("b")], "-", true),
        "concat_ws(-:STRING, a, b)",
    );
    becomes(
        pl::concat_str([col("a"), col("b")], "-", false),
        "concat(a, -:STRING, b)",
    );
    is_refused(col("s").str().tail(lit(-1)), "not negative");
}

#[test]
fn times_are_cut_by_units() {
    becomes(col("t").dt().year(), "year(t)");
    becomes(col("t").dt().weekday(), "+(weekday(t), 1:INT)");
    becomes(
        col("t").dt().truncate(lit("1h")),
        "date_trunc(HOUR:STRING, t)",
    );
    becomes(col("t").dt().date(), "cast(t as DATE)");
    is_refused(col("t").dt().truncate(lit("15m")), "functions::window");
    is_refused(col("t").dt().to_string("%Y"), "date_format");
}

#[test]
fn other_functions_of_a_row_are_found_by_name() {
    becomes(col("a").fill_null(lit(0)), "coalesce(a, 0:INT)");
    becomes(
        col("a").round(2, pl::RoundMode::HalfAwayFromZero),
        "round(a, 2:INT)",
    );
    becomes(
        col("a").round(2, pl::RoundMode::HalfToEven),
        "bround(a, 2:INT)",
    );
    becomes(
        col("a").clip_min(lit(0)),
        "case when <(a, 0:INT) then 0:INT else a",
    );
    becomes(
        pl::as_struct(vec![col("a"), lit(1).alias("b")]),
        "named_struct(a:STRING, a, b:STRING, 1:INT)",
    );
    becomes(col("l").list().get(lit(0), true), "get(l, 0:INT)");
    becomes(col("l").list().get(lit(0), false), "l[0:INT]");
    becomes(col("l").list().len(), "array_size(l)");
    becomes(
        polars::lazy::dsl::max_horizontal([col("a"), col("b")]).unwrap(),
        "greatest(a, b)",
    );
    becomes(
        pl::all_horizontal([col("a"), col("b")]).unwrap(),
        "and(a, b)",
    );
}

#[test]
fn functions_polars_does_not_have_come_through() {
    becomes(
        functions::window(col("ts"), "10 minutes"),
        "window(ts, 10 minutes:STRING)",
    );
    let keep_all = pl::ExplodeOptions {
        empty_as_null: true,
        keep_nulls: true,
    };
    becomes(col("l").explode(keep_all), "explode_outer(l)");
    becomes(functions::explode(col("l")).alias("x"), "explode(l) as x");
    becomes(
        functions::call(
            "Transform",
            [col("l"), functions::lambda(["x"], col("x") * lit(2))],
        ),
        "transform(l, (x) -> *(x, 2:INT))",
    );
}

#[test]
fn what_has_no_counterpart_is_refused_with_its_own_text() {
    is_refused(col("v").sort(pl::SortOptions::default()), "order_by");
    is_refused(
        col("v").sum().over([col("k")]).unwrap(),
        "windows over rows",
    );
    is_refused(col("v").shift(lit(1)), "");
    is_refused(col("v").reverse(), "");
    let closure = col("v").map(Ok, |_, field| Ok(field.clone()));
    is_refused(closure, "foreach_batch");
    let plain = pl::df!["v" => [1]].unwrap().lazy();
    assert!(
        plain
            .select([functions::window(col("v"), "1 hour")])
            .collect()
            .is_err()
    );
}
