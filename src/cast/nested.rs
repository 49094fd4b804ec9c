//! Arrays, maps and structs: cast part by part, keeping the shape.

use super::{Mode, convert, impossible};
use crate::error::Result;
use crate::types::interval::count_intervals;
use crate::types::map_key_value;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::datatypes::{DataType, FieldRef};
use std::sync::Arc;

/// Casts parts that follow each other; each takes the units of its own intervals.
struct Parts<'a>(Mode<'a>);

impl Parts<'_> {
    fn convert(&mut self, part: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let given = count_intervals(part.data_type()).min(self.0.given.len());
        let wanted = count_intervals(to).min(self.0.wanted.len());
        let (own_given, given) = self.0.given.split_at(given);
        let (own_wanted, wanted) = self.0.wanted.split_at(wanted);
        let mode = Mode {
            given: own_given,
            wanted: own_wanted,
            ..self.0
        };
        self.0 = Mode {
            given,
            wanted,
            ..self.0
        };
        convert(part, to, mode)
    }
}

/// Casts the elements, keys, values or fields of a column.
pub(super) fn convert_parts(array: &ArrayRef, to: &DataType, mode: Mode<'_>) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (DataType::List(_), DataType::List(field)) => convert_list(array.as_list(), field, mode),
        (DataType::Map(_, _), DataType::Map(entries, _)) => {
            convert_map(array.as_map(), to, entries, mode)
        }
        (DataType::Struct(from), DataType::Struct(fields)) if from.len() == fields.len() => {
            let structs = array.as_struct();
            let mut parts = Parts(mode);
            let columns = structs
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| parts.convert(column, field.data_type()))
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
    let mut parts = Parts(mode);
    let columns = vec![
        parts.convert(map.keys(), key)?,
        parts.convert(map.values(), value)?,
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
