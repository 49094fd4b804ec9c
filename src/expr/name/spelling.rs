//! How Spark spells calls.

use crate::expr::TIMESTAMP_LITERAL;

/// Operators that are written between their two arguments, in parentheses.
const INFIX: &[(&str, &str)] = &[
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("/", "/"),
    ("%", "%"),
    ("div", "div"),
    ("=", "="),
    ("==", "="),
    ("<=>", "<=>"),
    ("<", "<"),
    ("<=", "<="),
    (">", ">"),
    (">=", ">="),
    ("and", "AND"),
    ("or", "OR"),
    ("&", "&"),
    ("|", "|"),
    ("^", "^"),
    ("<<", "<<"),
    (">>", ">>"),
    (">>>", ">>>"),
];

/// Functions whose name Spark writes in capitals.
const CAPITALS: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "cot",
    "csc",
    "degrees",
    "e",
    "exp",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "pi",
    "power",
    "radians",
    "regexp",
    "regexp_like",
    "rlike",
    "sec",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
];

/// Functions that Spark calls otherwise.
const RENAMED: &[(&str, &str)] = &[
    ("array_agg", "collect_list"),
    ("curdate", "current_date"),
    ("current_database", "current_schema"),
    ("dateadd", "date_add"),
    ("to_varchar", "to_char"),
    ("substr_from", "substring"),
    ("localtime", "current_time"),
];

/// Arguments that Spark adds where they were left out: function, how many were written, what follows.
const DEFAULTS: &[(&str, usize, &str)] = &[
    ("approx_percentile", 2, "10000"),
    ("approx_top_k", 1, "5, 10000"),
    ("approx_top_k", 2, "10000"),
    ("approx_top_k_accumulate", 1, "10000"),
    ("approx_top_k_estimate", 1, "5"),
    ("approx_top_k_combine", 1, "NULL"),
    ("hll_sketch_agg", 1, "12"),
    ("hll_union", 2, "false"),
    ("hll_union_agg", 1, "false"),
    ("percentile_approx", 2, "10000"),
    ("theta_sketch_agg", 1, "12"),
    ("theta_union", 2, "12"),
    ("theta_union_agg", 1, "12"),
    ("tuple_sketch_agg_double", 2, "12, sum"),
    ("tuple_sketch_agg_double", 3, "sum"),
    ("tuple_sketch_summary_double", 1, "sum"),
    ("tuple_union_double", 2, "12, sum"),
    ("tuple_union_double", 3, "sum"),
    ("tuple_union_theta_double", 2, "12, sum"),
    ("tuple_union_theta_double", 3, "sum"),
    ("tuple_intersection_double", 2, "sum"),
    ("tuple_intersection_theta_double", 2, "sum"),
    ("tuple_union_agg_double", 1, "12, sum"),
    ("tuple_union_agg_double", 2, "sum"),
    ("tuple_intersection_agg_double", 1, "sum"),
    ("tuple_sketch_agg_integer", 2, "12, sum"),
    ("tuple_sketch_agg_integer", 3, "sum"),
    ("tuple_sketch_summary_integer", 1, "sum"),
    ("tuple_union_integer", 2, "12, sum"),
    ("tuple_union_integer", 3, "sum"),
    ("tuple_union_theta_integer", 2, "12, sum"),
    ("tuple_union_theta_integer", 3, "sum"),
    ("tuple_intersection_integer", 2, "sum"),
    ("tuple_intersection_theta_integer", 2, "sum"),
    ("tuple_union_agg_integer", 1, "12, sum"),
    ("tuple_union_agg_integer", 2, "sum"),
    ("tuple_intersection_agg_integer", 1, "sum"),
    ("vector_norm", 1, "2.0"),
    ("vector_normalize", 1, "2.0"),
    ("lag", 1, "1, NULL"),
    ("lag", 2, "NULL"),
    ("lead", 1, "1, NULL"),
    ("lead", 2, "NULL"),
    ("aes_decrypt", 2, "GCM, DEFAULT, "),
    ("aes_decrypt", 3, "DEFAULT, "),
    ("aes_decrypt", 4, ""),
    ("aes_encrypt", 2, "GCM, DEFAULT, , "),
    ("aes_encrypt", 3, "DEFAULT, , "),
    ("aes_encrypt", 4, ", "),
    ("aes_encrypt", 5, ""),
    ("try_aes_decrypt", 2, "GCM, DEFAULT, "),
    ("try_aes_decrypt", 3, "DEFAULT, "),
    ("try_aes_decrypt", 4, ""),
    ("current_time", 0, "6"),
    ("localtime", 0, "6"),
    ("instr", 3, "1"),
    ("make_dt_interval", 0, "0, 0, 0, 0.000000"),
    ("make_dt_interval", 1, "0, 0, 0.000000"),
    ("make_dt_interval", 2, "0, 0.000000"),
    ("make_dt_interval", 3, "0.000000"),
    ("make_interval", 0, "0, 0, 0, 0, 0, 0, 0.000000"),
    ("make_interval", 1, "0, 0, 0, 0, 0, 0.000000"),
    ("make_interval", 2, "0, 0, 0, 0, 0.000000"),
    ("make_interval", 3, "0, 0, 0, 0.000000"),
    ("make_interval", 4, "0, 0, 0.000000"),
    ("make_interval", 5, "0, 0.000000"),
    ("make_interval", 6, "0.000000"),
    ("try_make_interval", 0, "0, 0, 0, 0, 0, 0, 0.000000"),
    ("try_make_interval", 1, "0, 0, 0, 0, 0, 0.000000"),
    ("try_make_interval", 2, "0, 0, 0, 0, 0.000000"),
    ("try_make_interval", 3, "0, 0, 0, 0.000000"),
    ("try_make_interval", 4, "0, 0, 0.000000"),
    ("try_make_interval", 5, "0, 0.000000"),
    ("try_make_interval", 6, "0.000000"),
    ("make_ym_interval", 0, "0, 0"),
    ("make_ym_interval", 1, "0"),
    ("str_to_map", 1, ",, :"),
    ("str_to_map", 2, ":"),
    ("try_variant_set", 3, "true"),
    ("variant_set", 3, "true"),
    ("variant_strip_nulls", 1, "true"),
    ("st_asbinary", 1, "NDR"),
    ("st_geomfromwkb", 1, "0"),
    ("from_unixtime", 1, "yyyy-MM-dd HH:mm:ss"),
    ("hmac", 2, "SHA-256"),
    ("listagg", 1, "NULL"),
    ("string_agg", 1, "NULL"),
    ("locate", 2, "1"),
    ("position", 2, "1"),
    ("mask", 1, "X, x, n, NULL"),
    ("mask", 2, "x, n, NULL"),
    ("mask", 3, "n, NULL"),
    ("mask", 4, "NULL"),
    ("months_between", 2, "true"),
    ("overlay", 3, "-1"),
    ("percentile", 2, "1"),
    ("bround", 1, "0"),
    ("regexp_extract", 2, "1"),
    ("regexp_extract_all", 2, "1"),
    ("replace", 2, ""),
    ("round", 1, "0"),
    ("sort_array", 1, "true"),
    ("regexp_instr", 2, "0"),
    ("regexp_replace", 3, "1"),
    ("sentences", 1, ", "),
    ("sentences", 2, ""),
    ("split", 2, "-1"),
    ("substr", 2, "2147483647"),
    ("substring", 2, "2147483647"),
    ("unix_timestamp", 1, "yyyy-MM-dd HH:mm:ss"),
    ("to_unix_timestamp", 1, "yyyy-MM-dd HH:mm:ss"),
];

/// Functions of which Spark writes only so many arguments: the others became part of the function.
const SHORTENED: &[(&str, usize)] = &[
    ("approx_count_distinct", 1),
    ("any_value", 1),
    ("first", 1),
    ("first_value", 1),
    ("from_csv", 1),
    ("from_json", 1),
    ("last", 1),
    ("last_value", 1),
    ("mode", 1),
    ("schema_of_csv", 1),
    ("schema_of_json", 1),
    ("to_csv", 1),
    ("to_json", 1),
    ("from_xml", 1),
    ("schema_of_xml", 1),
    ("to_xml", 1),
    ("try_make_timestamp", 6),
    ("try_variant_get", 2),
    ("variant_get", 2),
];

/// A parameter of a lambda, which has no name.
const PARAMETER: &str = "namedlambdavariable()";

/// Functions that cast: Spark writes only what is cast.
const CASTS: &[&str] = &[
    "bigint",
    "binary",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "int",
    "smallint",
    "string",
    "timestamp",
    "timestamp_ntz",
    "tinyint",
];

/// The text of a call, given that of its arguments. `distinct` is empty or `DISTINCT `.
pub(super) fn call(name: &str, distinct: &str, arguments: &[String]) -> String {
    operator(name, arguments)
        .or_else(|| special(name, arguments))
        .unwrap_or_else(|| plain(name, distinct, arguments))
}

/// Operators of one or two arguments.
fn operator(name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        ("!=" | "<>", [left, right]) => Some(format!("(NOT ({left} = {right}))")),
        ("!" | "not", [input]) => Some(format!("(NOT {input})")),
        ("-" | "negative", [input]) => Some(match name {
            "-" => format!("(- {input})"),
            _ => format!("negative({input})"),
        }),
        ("+" | "positive", [input]) => Some(format!("(+ {input})")),
        ("~", [input]) => Some(format!("~{input}")),
        ("isnull", [input]) => Some(format!("({input} IS NULL)")),
        ("isnotnull", [input]) => Some(format!("({input} IS NOT NULL)")),
        ("||", _) => Some(format!("concat({})", arguments.join(", "))),
        (_, [left, right]) => {
            let (_, symbol) = INFIX.iter().find(|(operator, _)| *operator == name)?;
            Some(format!("({left} {symbol} {right})"))
        }
        _ => None,
    }
}

/// Forms with a syntax of their own.
fn special(name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        (TIMESTAMP_LITERAL, [text]) => Some(super::literal::timestamp_of(text)),
        ("make_timestamp_ltz" | "try_make_timestamp_ltz", [_, _] | [_, _, _]) => {
            Some(plain("make_timestamp", "", arguments))
        }
        ("try_make_timestamp_ntz", [_, _]) => {
            let made = plain("make_timestamp_ntz", "", arguments);
            Some(format!("{name}({made})"))
        }
        ("convert_timezone", [target, time]) => Some(format!(
            "convert_timezone(current_timezone(), {target}, {time})"
        )),
        ("time_bucket", [size, time]) => {
            let zoned = time.strip_prefix("TIMESTAMP_NTZ").map_or("", |_| "_NTZ");
            Some(format!(
                "time_bucket({size}, {time}, TIMESTAMP{zoned} '1970-01-01 00:00:00')"
            ))
        }
        ("if" | "iff", [condition, then, otherwise]) => {
            Some(format!("(IF({condition}, {then}, {otherwise}))"))
        }
        ("in", [input, values @ ..]) => Some(format!("({input} IN ({}))", values.join(", "))),
        ("like", [input, pattern]) => Some(format!("{input} LIKE {pattern}")),
        ("like", [input, pattern, escape]) => {
            Some(format!("{input} LIKE {pattern} ESCAPE '{escape}'"))
        }
        ("ceil" | "floor", [input]) => Some(format!("{}({input})", name.to_uppercase())),
        ("log", [input]) => Some(format!("LOG(E(), {input})")),
        ("trim", [set, input]) => Some(format!("TRIM(BOTH {set} FROM {input})")),
        ("ltrim", [set, input]) => Some(format!("TRIM(LEADING {set} FROM {input})")),
        ("rtrim", [set, input]) => Some(format!("TRIM(TRAILING {set} FROM {input})")),
        ("raise_error", [text]) => Some(format!(
            "raise_error(USER_RAISED_EXCEPTION, map(errorMessage, {text}))"
        )),
        ("__item", [input, item]) => Some(format!("{input}[{item}]")),
        // The lambda that Spark adds: the result as it is.
        ("aggregate" | "reduce", [input, start, merge]) => Some(format!(
            "{name}({input}, {start}, {merge}, lambdafunction(namedlambdavariable(), namedlambdavariable()))"
        )),
        // The order that Spark adds: nulls last.
        ("array_sort", [input]) => Some(format!(
            "array_sort({input}, lambdafunction((IF((({PARAMETER} IS NULL) AND ({PARAMETER} IS NULL)), 0, (IF(({PARAMETER} IS NULL), 1, (IF(({PARAMETER} IS NULL), -1, (IF(({PARAMETER} < {PARAMETER}), -1, (IF(({PARAMETER} > {PARAMETER}), 1, 0)))))))))), {PARAMETER}, {PARAMETER}))"
        )),
        ("__likeall" | "__likeany" | "__notlikeall" | "__notlikeany", [input, ..]) => {
            Some(format!("{}({input})", name.trim_start_matches('_')))
        }
        ("extract" | "datepart", [field, source]) => Some(format!("{name}({field} FROM {source})")),
        ("assert_true", [condition]) => Some(format!(
            "assert_true({condition}, '{condition}' is not true!)"
        )),
        // Below, what stands for a whole column of the query.
        ("window" | "session_window", _) => Some(name.to_owned()),
        (_, [input]) if CASTS.contains(&name) => Some(input.clone()),
        _ => None,
    }
}

fn plain(name: &str, distinct: &str, arguments: &[String]) -> String {
    let spelled = if CAPITALS.contains(&name) {
        name.to_uppercase()
    } else {
        RENAMED
            .iter()
            .find(|(from, _)| *from == name)
            .map_or(name, |(_, to)| *to)
            .to_owned()
    };
    let kept = SHORTENED
        .iter()
        .find(|(shortened, _)| *shortened == name)
        .map_or(arguments.len(), |(_, kept)| (*kept).min(arguments.len()));
    let mut list = arguments.get(..kept).unwrap_or_default().join(", ");
    let default = DEFAULTS
        .iter()
        .find(|(function, written, _)| *function == name && *written == arguments.len());
    if let Some((_, _, default)) = default {
        let separator = if arguments.is_empty() { "" } else { ", " };
        list = format!("{list}{separator}{default}");
    }
    format!("{spelled}({distinct}{list})")
}
