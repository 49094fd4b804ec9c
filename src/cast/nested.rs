//! Arrays, maps and structs: cast part by part, keeping the shape.

use super::{Mode, convert, impossible};
use crate::error::Result;
use crate::types::map_key_value;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::datatypes::{DataType, FieldRef};
use std::sync::Arc;

/// Casts the elements, keys, values or fields of a column.
pub(super) fn convert_parts(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (DataType::List(_), DataType::List(field)) => convert_list(array.as_list(), field, mode),
        (DataType::Map(_, _), DataType::Map(entries, _)) => {
            convert_map(array.as_map(), to, entries, mode)
        }
        (DataType::Struct(from), DataType::Struct(fields)) if from.len() == fields.len() => {
            let structs = array.as_struct();
            let columns = structs
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| convert(column, field.data_type(), mode))
                .collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                structs.nulls().cloned(),
                structs.len(),
            )?))
        }
        (from, to) => Err(impossible(from, to)),
    }
}

fn convert_list(list: &ListArray, field: &FieldRef, mode: Mode<'_>) -> Result<ArrayRef> {
    let values = convert(list.values(), field.data_type(), mode)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        list.offsets().clone(),
        values,
        list.nulls().cloned(),
    )?))
}

fn convert_map(
    map: &MapArray,
    to: &DataType,
    entries_field: &FieldRef,
    mode: Mode<'_>,
) -> Result<ArrayRef> {
    let DataType::Struct(fields) = entries_field.data_type() else {
        return Err(impossible(map.data_type(), to));
    };
    let Some((key, value)) = map_key_value(to) else {
        return Err(impossible(map.data_type(), to));
    };
    let columns = vec![
        convert(map.keys(), key, mode)?,
        convert(map.values(), value, mode)?,
    ];
    let entries = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries_field),
        map.offsets().clone(),
        entries,
        map.nulls().cloned(),
        false,
    )?))
}
