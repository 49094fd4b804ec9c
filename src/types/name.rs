//! The names of types: as SQL writes them in messages (`sql_name`) and as Spark prints schemas (`simple_string`).

use super::map_key_value;
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, TimeUnit};

/// The type as SQL: `BIGINT`, `DECIMAL(10,2)`, `ARRAY<STRING>`, `STRUCT<a: INT NOT NULL, b: STRING>`.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(element) => format!("ARRAY<{}>", sql_name(element.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(sql_field).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(_, _) => match map_key_value(data_type) {
            Some((key, value)) => format!("MAP<{}, {}>", sql_name(key), sql_name(value)),
            None => "MAP".to_owned(),
        },
        other => simple_string(other).to_uppercase(),
    }
}

fn sql_field(field: &FieldRef) -> String {
    let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
    format!(
        "{}: {}{not_null}",
        quote_if_needed(field.name()),
        sql_name(field.data_type())
    )
}

/// The type as Spark prints it in a schema: `bigint`, `decimal(10,2)`, `array<string>`, `struct<a:int,b:string>`,
/// `map<string,int>`. Arrow types that are no type of ours print as Arrow names them.
pub fn simple_string(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Null => "void",
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "int",
        DataType::Int64 => "bigint",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 => "string",
        DataType::Binary => "binary",
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz",
        DataType::Time64(TimeUnit::Microsecond) => "time(6)",
        DataType::LargeBinary => "variant",
        DataType::Duration(TimeUnit::Microsecond) => "interval day to second",
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month",
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval",
        DataType::Decimal128(precision, scale) => return format!("decimal({precision},{scale})"),
        DataType::List(element) => {
            return format!("array<{}>", simple_string(element.data_type()));
        }
        DataType::Struct(fields) => {
            let field =
                |field: &FieldRef| format!("{}:{}", field.name(), simple_string(field.data_type()));
            let fields: Vec<_> = fields.iter().map(field).collect();
            return format!("struct<{}>", fields.join(","));
        }
        DataType::Map(_, _) => {
            return match map_key_value(data_type) {
                Some((key, value)) => {
                    format!("map<{},{}>", simple_string(key), simple_string(value))
                }
                None => "map".to_owned(),
            };
        }
        other => return other.to_string(),
    };
    name.to_owned()
}

/// A name in backquotes, if it needs them to be read back as one identifier.
pub fn quote_if_needed(name: &str) -> String {
    let mut characters = name.chars();
    let is_plain = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '_');
    if is_plain {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}
