//! The errors of casts, in Spark's words.

use crate::error::Error;
use crate::types::sql_name;
use arrow::datatypes::DataType;

/// `CAST_INVALID_INPUT`: the value is not written as this type wants it.
pub(crate) fn invalid_input(value: &str, from: &DataType, to: &DataType) -> Error {
    let shown = if *from == DataType::Utf8 {
        format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    } else {
        value.to_owned()
    };
    Error::data(format!(
        "the value {shown} of the type \"{}\" cannot be cast to \"{}\" because it is malformed. Correct the value as per the \
         syntax, or change its target type. Use `try_cast` to tolerate malformed input and return NULL instead",
        sql_name(from),
        sql_name(to)
    ))
    .with_condition("CAST_INVALID_INPUT")
}

/// `CAST_OVERFLOW`: the value is out of the range of the type. `value` is shown as a SQL literal of `from`.
pub(crate) fn overflow(value: &str, from: &DataType, to: &DataType) -> Error {
    let suffix = match from {
        DataType::Int8 => "Y",
        DataType::Int16 => "S",
        DataType::Int64 => "L",
        DataType::Float64 if value.ends_with(|last: char| last.is_ascii_digit()) => "D",
        DataType::Decimal128(_, _) => "BD",
        _ => "",
    };
    Error::data(format!(
        "the value {value}{suffix} of the type \"{}\" cannot be cast to \"{}\" due to an overflow. Use `try_cast` to tolerate \
         overflow and return NULL instead",
        sql_name(from),
        sql_name(to)
    ))
    .with_condition("CAST_OVERFLOW")
}

/// `NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION`: the value does not fit into the decimal type.
pub(crate) fn decimal_overflow(value: &str, precision: u8, scale: i8) -> Error {
    Error::data(format!(
        "{value} cannot be represented as Decimal({precision}, {scale}). If necessary use `try_cast` to return NULL instead"
    ))
    .with_condition("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION")
}
