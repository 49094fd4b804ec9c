//! How two types meet (`common_type`) and what an argument may silently become (`can_implicitly_cast`): Spark's ANSI type
//! coercion.
//!
//! Two types meet at the one that both can be promoted to: integers at the wider, `FLOAT` with an integer at `DOUBLE`,
//! decimals at one that holds both, `DATE` at `TIMESTAMP`. A `STRING` yields to what it meets: `BIGINT` for integers, `DOUBLE`
//! for other numbers, else the other type itself. Arrays, maps and structs meet part by part.

use super::decimal::{decimal_for_integer, wider_decimal};
use super::{
    is_ansi_interval, is_atomic, is_datetime, is_decimal, is_floating, is_integral, is_numeric,
    list_of, map_key_value, map_of, time, timestamp,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};

/// The type that values of both types are promoted to where they must be of one type (`=`, `CASE`, `coalesce`, `UNION`,
/// `array(…)`). `None` if there is none.
pub fn common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Utf8, other) | (other, DataType::Utf8) => common_with_string(other),
        _ if is_numeric(left) && is_numeric(right) => Some(common_number(left, right)),
        _ if is_datetime(left) && is_datetime(right) => Some(common_datetime(left, right)),
        _ => common_complex(left, right),
    }
}

/// The type that values of all types are promoted to, from left to right; `VOID` for no types. `None` if there is none.
pub fn common_type_of<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Option<DataType> {
    types
        .into_iter()
        .try_fold(DataType::Null, |common, next| common_type(&common, next))
}

/// What a string becomes when it meets `other`. Intervals are of too many kinds to decide.
fn common_with_string(other: &DataType) -> Option<DataType> {
    if is_integral(other) {
        Some(DataType::Int64)
    } else if is_floating(other) || is_decimal(other) {
        Some(DataType::Float64)
    } else if is_atomic(other) && !is_ansi_interval(other) && *other != time() {
        Some(other.clone())
    } else {
        None
    }
}

fn common_number(left: &DataType, right: &DataType) -> DataType {
    match (left, right) {
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            let (precision, scale) = wider_decimal((*p1, *s1), (*p2, *s2));
            DataType::Decimal128(precision, scale)
        }
        (DataType::Decimal128(precision, scale), other)
        | (other, DataType::Decimal128(precision, scale)) => {
            let Some(integer) = decimal_for_integer(other) else {
                return DataType::Float64;
            };
            let (precision, scale) = wider_decimal((*precision, *scale), integer);
            DataType::Decimal128(precision, scale)
        }
        _ if is_integral(left) && is_integral(right) => {
            wider_of(left, right, integral_rank).clone()
        }
        // FLOAT cannot hold every integer, so an integer makes it DOUBLE.
        (DataType::Float32, DataType::Float32) => DataType::Float32,
        _ => DataType::Float64,
    }
}

fn wider_of<'a>(
    left: &'a DataType,
    right: &'a DataType,
    rank: fn(&DataType) -> u8,
) -> &'a DataType {
    if rank(left) >= rank(right) {
        left
    } else {
        right
    }
}

fn integral_rank(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int8 => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        _ => 3,
    }
}

/// `DATE` meets a timestamp at that timestamp; the two timestamps meet at the one with time zone.
fn common_datetime(left: &DataType, right: &DataType) -> DataType {
    match (left, right) {
        (DataType::Date32, other) | (other, DataType::Date32) => other.clone(),
        _ => timestamp(),
    }
}

fn common_complex(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (DataType::List(left), DataType::List(right)) => {
            common_type(left.data_type(), right.data_type()).map(list_of)
        }
        (DataType::Map(_, _), DataType::Map(_, _)) => {
            let (left_key, left_value) = map_key_value(left)?;
            let (right_key, right_value) = map_key_value(right)?;
            let key = common_type(left_key, right_key)?;
            Some(map_of(key, common_type(left_value, right_value)?))
        }
        (DataType::Struct(left), DataType::Struct(right)) => common_struct(left, right),
        _ => None,
    }
}

/// Structs meet if their fields have the same names (without regard to case) in the same order.
fn common_struct(left: &Fields, right: &Fields) -> Option<DataType> {
    if left.len() != right.len() {
        return None;
    }
    let common_field = |(left, right): (&FieldRef, &FieldRef)| {
        if !left.name().eq_ignore_ascii_case(right.name()) {
            return None;
        }
        let data_type = common_type(left.data_type(), right.data_type())?;
        let is_nullable = left.is_nullable() || right.is_nullable();
        Some(Field::new(left.name(), data_type, is_nullable))
    };
    left.iter()
        .zip(right)
        .map(common_field)
        .collect::<Option<Vec<_>>>()
        .map(|fields| DataType::Struct(Fields::from(fields)))
}

/// Whether a function that wants a `to` takes a `from` and casts it without being told: Spark's rules of ANSI store
/// assignment (any number for any number, any atomic value for a string, dates and timestamps for each other), and a string
/// for any atomic type. The cast may still fail on a value.
pub fn can_implicitly_cast(from: &DataType, to: &DataType) -> bool {
    if from == to || *from == DataType::Null {
        return true;
    }
    match (from, to) {
        (DataType::Utf8, other) => is_atomic(other) && *other != time(),
        (other, DataType::Utf8) => is_atomic(other) || matches!(other, DataType::Interval(_)),
        (DataType::List(from), DataType::List(to)) => {
            can_implicitly_cast(from.data_type(), to.data_type())
        }
        (DataType::Map(_, _), DataType::Map(_, _)) => map_key_value(from)
            .zip(map_key_value(to))
            .is_some_and(|((from_key, from_value), (to_key, to_value))| {
                can_implicitly_cast(from_key, to_key) && can_implicitly_cast(from_value, to_value)
            }),
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| {
                    from.name() == to.name()
                        && (to.is_nullable() || !from.is_nullable())
                        && can_implicitly_cast(from.data_type(), to.data_type())
                })
        }
        _ => (is_numeric(from) && is_numeric(to)) || (is_datetime(from) && is_datetime(to)),
    }
}

/// Whether both are structs whose fields differ in their names alone.
pub(crate) fn differ_in_names(one: &DataType, other: &DataType) -> bool {
    let (DataType::Struct(one), DataType::Struct(other)) = (one, other) else {
        return false;
    };
    let mut pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs
            .clone()
            .all(|(one, other)| one.data_type() == other.data_type())
        && pairs.any(|(one, other)| one.name() != other.name())
}
