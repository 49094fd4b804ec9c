//! How Spark spells calls whose name depends on the types of their arguments.
//!
//! - The comparison of an integer with a decimal constant is spelled with the whole number that decides it: `2 > 1.1` is `(2 > 1)`,
//!   `x >= 1.1` is `(x >= 2)`. The analyzer of Spark turns the decimal into an integer, rounded to the side where the answer stays the same.
//! - `to_char` is called after what it stands for: `date_format`, `base64`, `hex`, `decode`.
//! - A date or moment moved by days or an interval is spelled after the function that moves it.
//! - `lpad` and `rpad` of a binary have other bytes to fill up with than those of a string.

use crate::analyze::date_shift::is_days;
use crate::analyze::resolve;
use crate::expr::{Ast, AstCall, AstKind, INTERVAL_LITERAL, is_null_constant};
use crate::plan::PlanSchema;
use crate::types::{
    IntervalField, IntervalUnits, calendar_interval, day_time_interval, is_ansi_interval,
    is_datetime, is_integral,
};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Decimal128Type};

/// The text of such a call; `None` for any other.
pub(super) fn spelling(call: &AstCall, schema: &PlanSchema) -> Option<String> {
    match (call.name.as_str(), &call.arguments[..]) {
        ("to_char" | "to_varchar", [input, format]) => {
            let (text, pattern) = (input.sql(schema), format.sql(schema));
            match resolve(input, schema).ok()?.data_type {
                DataType::Binary if pattern.eq_ignore_ascii_case("utf-8") => {
                    Some(format!("decode({text}, {pattern})"))
                }
                DataType::Binary => Some(format!("{}({text})", pattern.to_lowercase())),
                other if is_datetime(&other) => Some(format!("date_format({text}, {pattern})")),
                _ => None,
            }
        }
        ("lpad" | "rpad", [input, length]) => {
            let data_type = resolve(input, schema).ok()?.data_type;
            let fill = match data_type {
                DataType::Binary => "X'00'",
                _ => " ",
            };
            let (text, length) = (input.sql(schema), length.sql(schema));
            Some(format!("{}({text}, {length}, {fill})", call.name))
        }
        (INTERVAL_LITERAL, [value, from, to]) => {
            let unit = |ast: &Ast| IntervalField::parse(&ast.sql(schema));
            let units = IntervalUnits::new(unit(from)?, unit(to)?)?;
            match &value.kind {
                AstKind::Literal(value) => Some(super::literal::interval_of(value, units)),
                _ => None,
            }
        }
        // A map is called after the field that its entries are in.
        ("from_json", [_, kind, ..])
            if kind
                .sql(schema)
                .trim_start()
                .to_uppercase()
                .starts_with("MAP<") =>
        {
            Some("entries".to_owned())
        }
        ("mode", [input, is_deterministic]) if is_true(is_deterministic) => {
            let input = input.sql(schema);
            Some(format!("mode() WITHIN GROUP (ORDER BY {input} DESC)"))
        }
        ("uuid", [_]) => Some("uuid()".to_owned()),
        ("shuffle", [array, _]) => Some(format!("shuffle({})", array.sql(schema))),
        ("random", []) => Some("rand()".to_owned()),
        ("random", [seed]) => Some(format!("rand({})", seed.sql(schema))),
        ("+" | "-", [left, right]) => shifted(&call.name, (left, right), schema),
        ("*", [number, interval]) => scaled((number, interval), schema),
        _ => with_whole_number(call, schema),
    }
}

/// Whether it is a map.
pub(super) fn is_map(ast: &Ast, schema: &PlanSchema) -> bool {
    resolve(ast, schema).is_ok_and(|expr| matches!(expr.data_type, DataType::Map(..)))
}

fn is_true(ast: &Ast) -> bool {
    matches!(&ast.kind, AstKind::Literal(value) if value.as_boolean_opt().is_some_and(|value| value.value(0)))
}

/// A date or moment moved by days or an interval, which Spark does not spell as the operator.
fn shifted(operator: &str, (left, right): (&Ast, &Ast), schema: &PlanSchema) -> Option<String> {
    let (left_expr, right_expr) = (resolve(left, schema).ok()?, resolve(right, schema).ok()?);
    let days = [&left_expr, &right_expr].into_iter().any(is_days);
    let (left_type, right_type) = (left_expr.data_type, right_expr.data_type);
    let is_moved = |moved: &DataType, by: &DataType| {
        is_datetime(moved) || (*moved == DataType::Utf8 && *by == day_time_interval())
    };
    let (moved, by, moved_type, by_type) = if is_moved(&left_type, &right_type) {
        (left, right, left_type, right_type)
    } else if operator == "+" && is_moved(&right_type, &left_type) {
        (right, left, right_type, left_type)
    } else {
        return None;
    };
    let (moved, text) = (moved.sql(schema), by.sql(schema));
    match by_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 if moved_type == DataType::Date32 => {
            let function = if operator == "+" {
                "date_add"
            } else {
                "date_sub"
            };
            Some(format!("{function}({moved}, {text})"))
        }
        DataType::Null if operator == "+" => Some(format!("{moved} + {text}")),
        other if is_ansi_interval(&other) || other == calendar_interval() => {
            if !(days && moved_type == DataType::Date32) {
                return Some(format!("{moved} {operator} {text}"));
            }
            let days = format!("extractansiintervaldays({text})");
            Some(match operator {
                "+" => format!("date_add({moved}, {days})"),
                _ => format!("date_add({moved}, (- {days}))"),
            })
        }
        _ => None,
    }
}

/// A number times an interval, which Spark spells the other way round.
fn scaled((number, interval): (&Ast, &Ast), schema: &PlanSchema) -> Option<String> {
    let is_interval = |ast: &Ast| {
        let resolved = resolve(ast, schema).ok();
        resolved.is_some_and(|expr| is_ansi_interval(&expr.data_type))
    };
    (is_interval(interval) && !is_interval(number))
        .then(|| format!("({} * {})", interval.sql(schema), number.sql(schema)))
}

/// A comparison of an integer with a decimal constant.
fn with_whole_number(call: &AstCall, schema: &PlanSchema) -> Option<String> {
    let [left, right] = &call.arguments[..] else {
        return None;
    };
    // Whether the integer is rounded up, if the decimal is on the right.
    let is_up = match call.name.as_str() {
        "<" | ">=" => true,
        ">" | "<=" => false,
        _ => return None,
    };
    let is_integer = |ast: &Ast| {
        let resolved = resolve(ast, schema).ok();
        resolved.is_some_and(|expr| is_integral(&expr.data_type))
    };
    let spelled = |left: String, right: String| Some(format!("({left} {} {right})", call.name));
    if let Some(number) = decimal(right)
        && is_integer(left)
    {
        return spelled(left.sql(schema), whole(number, is_up));
    }
    if let Some(number) = decimal(left)
        && is_integer(right)
    {
        return spelled(whole(number, !is_up), right.sql(schema));
    }
    None
}

/// Digits and scale of a decimal constant.
fn decimal(ast: &Ast) -> Option<(i128, u32)> {
    let AstKind::Literal(value) = &ast.kind else {
        return None;
    };
    let DataType::Decimal128(_, scale) = value.data_type() else {
        return None;
    };
    if is_null_constant(value) {
        return None;
    }
    let unscaled = value.as_primitive_opt::<Decimal128Type>()?.value(0);
    Some((unscaled, u32::try_from(*scale).ok()?))
}

fn whole((unscaled, scale): (i128, u32), is_up: bool) -> String {
    let unit = 10_i128.pow(scale);
    let below = unscaled.div_euclid(unit);
    let is_exact = unscaled.rem_euclid(unit) == 0;
    (below + i128::from(is_up && !is_exact)).to_string()
}
