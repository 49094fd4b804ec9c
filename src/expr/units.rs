//! The units of the intervals in what calls give: Spark's rules.
//!
//! 1. What picks among its arguments, adds them, or holds them gives the units that hold those of all: `+`, `greatest`, `array`, `sum`, ….
//! 2. What multiplies, divides or averages gives all units.
//! 3. The difference of two dates is in days.
//! 4. What takes parts out of arrays and maps, or puts them together, gives the parts' own units.

use super::{Expr, ExprKind};
use crate::types::{
    IntervalField, IntervalUnits, TypeUnits, has_interval, map_key_value, parse_type_with_units,
};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

/// Functions that give intervals with all units, whatever they are given.
const ALL_UNITS: &[&str] = &[
    "*",
    "/",
    "try_multiply",
    "try_divide",
    "avg",
    "mean",
    "try_avg",
    "median",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "make_dt_interval",
    "make_ym_interval",
];

/// Functions that give their first argument, or a part of it; what else they take does not count.
const OF_FIRST: &[&str] = &["max_by", "min_by", "nth_value", "__only_row"];

/// Functions that give an element of an array or the value of a key of a map.
const ITEMS: &[&str] = &["__item", "element_at", "try_element_at", "get"];

/// The units that hold the values of all of these, for values of `common`.
pub(crate) fn common_units<'a>(
    common: &DataType,
    values: impl IntoIterator<Item = &'a Expr>,
) -> TypeUnits {
    let types = values
        .into_iter()
        .map(|value| (&value.data_type, &value.units));
    TypeUnits::union(common, types).unwrap_or_default()
}

/// The units of the intervals in what a function gives. The arguments may be cast or not.
pub(crate) fn call_units(name: &str, arguments: &[Expr], returns: &DataType) -> TypeUnits {
    if !has_interval(returns) || ALL_UNITS.contains(&name) {
        return TypeUnits::default();
    }
    let is_date = |argument: &Expr| argument.data_type == DataType::Date32;
    let is_moment = |argument: &Expr| matches!(argument.data_type, DataType::Timestamp(_, _));
    match (name, arguments) {
        ("-" | "try_subtract", [left, right]) if is_date(left) || is_date(right) => {
            if is_moment(left) || is_moment(right) {
                TypeUnits::default()
            } else {
                TypeUnits::only(IntervalUnits::only(IntervalField::Day))
            }
        }
        ("from_json" | "from_csv", [_, schema, ..]) => written_units(schema),
        ("map", _) => {
            let (keys, values) = (
                arguments.iter().step_by(2),
                arguments.iter().skip(1).step_by(2),
            );
            of_map(returns, keys, values)
        }
        ("transform" | "zip_with" | "aggregate" | "reduce", [.., lambda]) => lambda.units.clone(),
        ("transform_keys", [map, lambda]) => match map_key_value(&map.data_type) {
            Some((key, value)) => {
                let own = map.units.part(&map.data_type, [key], value);
                TypeUnits::concatenated([(&lambda.data_type, &lambda.units), (value, &own)])
            }
            None => TypeUnits::default(),
        },
        ("transform_values" | "map_zip_with", [map, .., lambda]) => {
            match map_key_value(&map.data_type) {
                Some((key, _)) => {
                    let own = map.units.part(&map.data_type, [], key);
                    TypeUnits::concatenated([(key, &own), (&lambda.data_type, &lambda.units)])
                }
                None => TypeUnits::default(),
            }
        }
        ("map_keys", [map]) => part_of_map(map, true),
        ("map_values", [map]) => part_of_map(map, false),
        (name, [input, ..]) if ITEMS.contains(&name) => part_of_map(input, false),
        (name, [first, ..]) if OF_FIRST.contains(&name) => first.units.clone(),
        _ => of_all(arguments, returns),
    }
}

/// Those of arguments like the result, else those of all arguments, one behind the other.
fn of_all(arguments: &[Expr], returns: &DataType) -> TypeUnits {
    let types = arguments
        .iter()
        .map(|argument| (&argument.data_type, &argument.units));
    TypeUnits::union(returns, types.clone()).unwrap_or_else(|| TypeUnits::concatenated(types))
}

/// Those of the keys or the values of a map; of anything else, its own.
fn part_of_map(input: &Expr, is_key: bool) -> TypeUnits {
    match map_key_value(&input.data_type) {
        Some((key, _)) if is_key => input.units.part(&input.data_type, [], key),
        Some((key, value)) => input.units.part(&input.data_type, [key], value),
        None => input.units.clone(),
    }
}

fn of_map<'a>(
    map: &DataType,
    keys: impl IntoIterator<Item = &'a Expr>,
    values: impl IntoIterator<Item = &'a Expr>,
) -> TypeUnits {
    let Some((key, value)) = map_key_value(map) else {
        return TypeUnits::default();
    };
    let (of_keys, of_values) = (common_units(key, keys), common_units(value, values));
    TypeUnits::concatenated([(key, &of_keys), (value, &of_values)])
}

/// Those of a schema that is written as a constant.
fn written_units(schema: &Expr) -> TypeUnits {
    let ExprKind::Literal(value) = &schema.kind else {
        return TypeUnits::default();
    };
    let written = value.as_string_opt::<i32>().filter(|text| text.is_valid(0));
    let Some(text) = written.map(|text| text.value(0)) else {
        return TypeUnits::default();
    };
    match parse_type_with_units(text) {
        Ok((_, units)) => units,
        Err(_) => crate::types::parse_ddl_schema(text).map_or_else(
            |_| TypeUnits::default(),
            |schema| TypeUnits::of_schema(&schema).1,
        ),
    }
}
