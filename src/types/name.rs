//! The names of types: as SQL writes them in messages (`sql_name`) and as Spark prints schemas (`simple_string`).
//!
//! Names of intervals say their units. The forms that end in `_of` take them; those without name intervals with all units.

use super::interval::{IntervalUnits, TypeUnits};
use super::map_key_value;
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, Schema, TimeUnit};

/// The type as SQL: `BIGINT`, `DECIMAL(10,2)`, `ARRAY<STRING>`, `STRUCT<a: INT NOT NULL, b: STRING>`.
pub fn sql_name(data_type: &DataType) -> String {
    sql_name_of(data_type, &TypeUnits::default())
}

/// As [`sql_name`], of a type whose intervals have these units: `INTERVAL DAY`.
pub fn sql_name_of(data_type: &DataType, units: &TypeUnits) -> String {
    in_sql(data_type, &mut units.of(data_type).into_iter())
}

/// The type as Spark prints it in a schema: `bigint`, `decimal(10,2)`, `array<string>`, `struct<a:int,b:string>`,
/// `map<string,int>`. Arrow types that are no type of ours print as Arrow names them.
pub fn simple_string(data_type: &DataType) -> String {
    simple_string_of(data_type, &TypeUnits::default())
}

/// As [`simple_string`], of a type whose intervals have these units: `interval day`.
pub fn simple_string_of(data_type: &DataType, units: &TypeUnits) -> String {
    simple(data_type, &mut units.of(data_type).into_iter())
}

/// The columns of a schema as Spark prints them, with the units that their metadata says: `struct<a:int,b:interval day>`.
pub fn schema_string(schema: &Schema) -> String {
    let (data_type, units) = TypeUnits::of_schema(schema);
    simple_string_of(&data_type, &units)
}

/// The units of the intervals that are yet to be named.
type Units<'a> = dyn Iterator<Item = IntervalUnits> + 'a;

fn in_sql(data_type: &DataType, units: &mut Units<'_>) -> String {
    match data_type {
        DataType::List(element) => format!("ARRAY<{}>", in_sql(element.data_type(), units)),
        DataType::Struct(fields) => {
            let mut named = Vec::with_capacity(fields.len());
            for field in fields {
                named.push(sql_field(field, units));
            }
            format!("STRUCT<{}>", named.join(", "))
        }
        DataType::Map(_, _) => match map_key_value(data_type) {
            Some((key, value)) => {
                let key = in_sql(key, units);
                format!("MAP<{key}, {}>", in_sql(value, units))
            }
            None => "MAP".to_owned(),
        },
        other => simple(other, units).to_uppercase(),
    }
}

fn sql_field(field: &FieldRef, units: &mut Units<'_>) -> String {
    let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
    format!(
        "{}: {}{not_null}",
        quote_if_needed(field.name()),
        in_sql(field.data_type(), units)
    )
}

fn simple(data_type: &DataType, units: &mut Units<'_>) -> String {
    match data_type {
        DataType::Duration(TimeUnit::Microsecond) => {
            let units = units.next().unwrap_or(IntervalUnits::DAY_TIME);
            format!("interval {units}")
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let units = units.next().unwrap_or(IntervalUnits::YEAR_MONTH);
            format!("interval {units}")
        }
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(element) => format!("array<{}>", simple(element.data_type(), units)),
        DataType::Struct(fields) => {
            let mut named = Vec::with_capacity(fields.len());
            for field in fields {
                named.push(format!(
                    "{}:{}",
                    field.name(),
                    simple(field.data_type(), units)
                ));
            }
            format!("struct<{}>", named.join(","))
        }
        DataType::Map(_, _) => match map_key_value(data_type) {
            Some((key, value)) => {
                let key = simple(key, units);
                format!("map<{key},{}>", simple(value, units))
            }
            None => "map".to_owned(),
        },
        other => plain(other).map_or_else(|| other.to_string(), str::to_owned),
    }
}

/// The name of a type without parameters.
fn plain(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
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
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval",
        _ => return None,
    })
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
