//! The columns that a Rust type stands for, as serde tells it.

use crate::error::{Error, Result};
use crate::types::{list_of, map_of};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use serde::de::DeserializeOwned;
use serde_arrow::schema::{SchemaLike, TracingOptions};
use std::sync::Arc;

/// The columns of a struct. Types are those SQL has: an unsigned integer becomes the next larger signed one (`u64` a BIGINT), an enum
/// without data a STRING.
///
/// # Errors
///
/// `Invalid`, if the type is no struct of named fields, or a field has a type that columns do not have.
pub(super) fn traced<T: DeserializeOwned>() -> Result<Vec<Field>> {
    let options = TracingOptions::default()
        .strings_as_large_utf8(false)
        .bytes_as_large_binary(false)
        .sequence_as_large_list(false)
        .enums_without_data_as_strings(true);
    let fields = Vec::<FieldRef>::from_type::<T>(options).map_err(|error| {
        Error::invalid(format!(
            "the columns of the output do not follow from its type: name them in output_columns. type=`{}`, reason=`{}`",
            std::any::type_name::<T>(),
            error.message()
        ))
    })?;
    fields
        .iter()
        .map(|field| Ok(field_of_sql(field)?.as_ref().clone()))
        .collect()
}

fn field_of_sql(field: &FieldRef) -> Result<FieldRef> {
    let data_type = type_of_sql(field.data_type()).ok_or_else(|| {
        Error::invalid(format!(
            "a field has a type that columns do not have: name the columns in output_columns. field=`{}`, type=`{}`",
            field.name(),
            field.data_type()
        ))
    })?;
    Ok(Arc::new(Field::new(
        field.name(),
        data_type,
        field.is_nullable(),
    )))
}

fn type_of_sql(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Decimal128(_, _) => data_type.clone(),
        DataType::Dictionary(_, values) => type_of_sql(values)?,
        DataType::List(element) => list_of(type_of_sql(element.data_type())?),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| field_of_sql(field).ok())
                .collect::<Option<Fields>>()?,
        ),
        DataType::Map(entries, _) => {
            let DataType::Struct(parts) = entries.data_type() else {
                return None;
            };
            let [key, value] = parts.as_ref() else {
                return None;
            };
            map_of(
                type_of_sql(key.data_type())?,
                type_of_sql(value.data_type())?,
            )
        }
        _ => return None,
    })
}
