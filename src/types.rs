//! The type system: Spark's types as Arrow types, their names, how two of them meet, and decimal precision.
//!
//! Each Spark type has exactly one canonical Arrow type here; everything inside the engine uses that form, so that types
//! can be compared with `==`:
//!
//! | Spark | Arrow |
//! | --- | --- |
//! | `STRING`, `BINARY`, `BOOLEAN` | `Utf8`, `Binary`, `Boolean` |
//! | `TINYINT` … `BIGINT`, `FLOAT`, `DOUBLE` | `Int8` … `Int64`, `Float32`, `Float64` |
//! | `DECIMAL(p,s)` | `Decimal128(p, s)` |
//! | `TIME` | `Time64(µs)` |
//! | `VARIANT` | `LargeBinary` |
//! | `DATE`, `TIMESTAMP`, `TIMESTAMP_NTZ` | `Date32`, `Timestamp(µs, "UTC")`, `Timestamp(µs, none)` |
//! | `INTERVAL DAY TO SECOND`, `INTERVAL YEAR TO MONTH`, `INTERVAL` | `Duration(µs)`, `Interval(YearMonth)`, `Interval(MonthDayNano)` |
//! | `ARRAY<t>`, `MAP<k, v>`, `STRUCT<…>`, `VOID` | [`list_of`], [`map_of`], `Struct`, `Null` |
//!
//! The units of an interval (`INTERVAL DAY`) stand beside the type: [`interval`].

mod calendar;
mod coerce;
mod decimal;
pub mod interval;
mod name;
mod parse;
#[cfg(test)]
mod tests;

pub use calendar::{CalendarInterval, parse_interval};
pub(crate) use coerce::differ_in_names;
pub use coerce::{can_implicitly_cast, common_type, common_type_of};
pub use decimal::{
    DecimalOperator, bounded_decimal, decimal_for_integer, decimal_of_literal, decimal_result,
    wider_decimal,
};
pub(crate) use interval::with_text_intervals;
pub use interval::{IntervalField, IntervalUnits, TypeUnits, has_interval};
pub use name::{
    quote_if_needed, schema_string, simple_string, simple_string_of, sql_name, sql_name_of,
};
pub use parse::{parse_data_type, parse_ddl_schema, parse_type_with_units};

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};
use std::sync::Arc;

/// The most digits a decimal can have.
pub const DECIMAL_MAX_PRECISION: u8 = 38;

/// `TIMESTAMP`: microseconds since 1970-01-01T00:00:00Z.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// `TIMESTAMP_NTZ`: a wall clock reading without time zone, as microseconds since 1970-01-01T00:00:00.
pub fn timestamp_ntz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// `VARIANT`: a JSON-like value in Spark's binary format, the metadata with the value right behind it.
pub fn variant() -> DataType {
    DataType::LargeBinary
}

/// `TIME(6)`: microseconds since midnight.
pub fn time() -> DataType {
    DataType::Time64(TimeUnit::Microsecond)
}

/// `INTERVAL DAY TO SECOND`: microseconds.
pub fn day_time_interval() -> DataType {
    DataType::Duration(TimeUnit::Microsecond)
}

/// `INTERVAL YEAR TO MONTH`: months.
pub fn year_month_interval() -> DataType {
    DataType::Interval(IntervalUnit::YearMonth)
}

/// The legacy `INTERVAL` that mixes months, days and smaller units.
pub fn calendar_interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// `ARRAY<element>`; elements may be null.
pub fn list_of(element: DataType) -> DataType {
    DataType::List(list_field(element))
}

/// The field of the elements of an array.
pub fn list_field(element: DataType) -> FieldRef {
    Arc::new(Field::new("item", element, true))
}

/// `MAP<key, value>`; values may be null, keys not.
pub fn map_of(key: DataType, value: DataType) -> DataType {
    let entries = DataType::Struct(map_fields(key, value));
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

/// The fields of the entries of a map: `key` and `value`.
pub fn map_fields(key: DataType, value: DataType) -> Fields {
    Fields::from(vec![
        Field::new("key", key, false),
        Field::new("value", value, true),
    ])
}

/// The types of key and value of a map type; `None` for any other type.
pub fn map_key_value(data_type: &DataType) -> Option<(&DataType, &DataType)> {
    let DataType::Map(entries, _) = data_type else {
        return None;
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return None;
    };
    match fields.as_ref() {
        [key, value] => Some((key.data_type(), value.data_type())),
        _ => None,
    }
}

/// Whether it is `TINYINT`, `SMALLINT`, `INT` or `BIGINT`.
pub fn is_integral(data_type: &DataType) -> bool {
    use DataType::{Int8, Int16, Int32, Int64};
    matches!(data_type, Int8 | Int16 | Int32 | Int64)
}

/// Whether it is `FLOAT` or `DOUBLE`.
pub fn is_floating(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

/// Whether it is a `DECIMAL`.
pub fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(_, _))
}

/// Whether it is an integer, a float or a decimal.
pub fn is_numeric(data_type: &DataType) -> bool {
    is_integral(data_type) || is_floating(data_type) || is_decimal(data_type)
}

/// Whether it is `DATE`, `TIMESTAMP` or `TIMESTAMP_NTZ`.
pub fn is_datetime(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

/// Whether it is one of the two ANSI intervals (not the legacy `INTERVAL`).
pub fn is_ansi_interval(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth)
    )
}

/// Whether it has no parts: everything but arrays, maps, structs, the legacy interval and `VOID`.
pub fn is_atomic(data_type: &DataType) -> bool {
    is_numeric(data_type)
        || is_datetime(data_type)
        || is_ansi_interval(data_type)
        || matches!(
            data_type,
            DataType::Utf8
                | DataType::Binary
                | DataType::Boolean
                | DataType::Time64(TimeUnit::Microsecond)
        )
}

/// Whether values can be ordered (`<`, `ORDER BY`, `max`): everything but maps and the legacy interval, in any depth.
pub fn is_orderable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(element) => is_orderable(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_orderable(field.data_type())),
        other => is_atomic(other),
    }
}

/// Whether values can be compared for equality and grouped by: everything but maps and variants, in any depth.
pub fn is_hashable(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(element) => is_hashable(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_hashable(field.data_type())),
        DataType::Map(_, _) => false,
        other => *other != variant(),
    }
}
