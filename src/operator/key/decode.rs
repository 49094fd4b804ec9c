//! Encoded keys back into columns: the inverse of [`super::EncodedKeys`], column by column.

use super::{fixed_width, not_a_key};
use crate::error::{Error, Result};
use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, ListArray, MapArray,
    StructArray, make_array, new_empty_array, new_null_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, Fields};
use std::sync::Arc;

/// Encoded keys back into columns of these types.
///
/// # Errors
///
/// `Internal`, if the bytes are not keys of these types.
pub fn decode(rows: &[&[u8]], types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let mut cursors: Vec<&[u8]> = rows.to_vec();
    let all = vec![true; rows.len()];
    let columns = types
        .iter()
        .map(|data_type| column(&mut cursors, data_type, &all))
        .collect::<Result<Vec<_>>>()?;
    if cursors.iter().any(|rest| !rest.is_empty()) {
        return Err(not_encoded());
    }
    Ok(columns)
}

fn not_encoded() -> Error {
    Error::internal("the bytes are not a key of these types")
}

fn take<'a>(cursor: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (head, rest) = cursor.split_at_checked(length).ok_or_else(not_encoded)?;
    *cursor = rest;
    Ok(head)
}

fn take_length(cursor: &mut &[u8]) -> Result<usize> {
    let bytes = take(cursor, 4)?.try_into().map_err(|_| not_encoded())?;
    Ok(u32::from_le_bytes(bytes) as usize)
}

/// Reads one column off the front of every cursor. Rows that are not `active` have nothing there; they become null.
fn column(cursors: &mut [&[u8]], data_type: &DataType, active: &[bool]) -> Result<ArrayRef> {
    let mut valid = Vec::with_capacity(active.len());
    for (cursor, active) in cursors.iter_mut().zip(active) {
        valid.push(*active && take(cursor, 1)? == [1]);
    }
    match data_type {
        DataType::Null => Ok(new_null_array(data_type, valid.len())),
        DataType::Boolean => booleans(cursors, &valid),
        DataType::Utf8 | DataType::Binary => strings(cursors, &valid, data_type),
        DataType::Struct(fields) => structs(cursors, &valid, fields),
        DataType::List(element) => Ok(Arc::new(lists(cursors, &valid, element)?)),
        DataType::Map(entry, is_sorted) => maps(lists(cursors, &valid, entry)?, *is_sorted),
        _ => fixed(cursors, &valid, data_type),
    }
}

fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

fn booleans(cursors: &mut [&[u8]], valid: &[bool]) -> Result<ArrayRef> {
    let mut values = BooleanBufferBuilder::new(valid.len());
    for (cursor, valid) in cursors.iter_mut().zip(valid) {
        values.append(*valid && take(cursor, 1)? == [1]);
    }
    Ok(Arc::new(BooleanArray::new(values.finish(), nulls(valid))))
}

fn fixed(cursors: &mut [&[u8]], valid: &[bool], data_type: &DataType) -> Result<ArrayRef> {
    let width = fixed_width(data_type).ok_or_else(|| not_a_key(data_type))?;
    let mut values = Vec::with_capacity(valid.len() * width);
    for (cursor, valid) in cursors.iter_mut().zip(valid) {
        if *valid {
            values.extend_from_slice(take(cursor, width)?);
        } else {
            values.resize(values.len() + width, 0);
        }
    }
    // Copied once more, because arrays want their values aligned to the type.
    array(data_type, valid, vec![Buffer::from_slice_ref(&values)])
}

fn strings(cursors: &mut [&[u8]], valid: &[bool], data_type: &DataType) -> Result<ArrayRef> {
    let mut offsets = Vec::with_capacity(valid.len() + 1);
    let mut values = Vec::new();
    offsets.push(0_i32);
    for (cursor, valid) in cursors.iter_mut().zip(valid) {
        if *valid {
            let length = take_length(cursor)?;
            values.extend_from_slice(take(cursor, length)?);
        }
        offsets.push(offset(values.len())?);
    }
    array(
        data_type,
        valid,
        vec![Buffer::from_vec(offsets), Buffer::from_vec(values)],
    )
}

fn offset(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| {
        Error::internal("the keys of one batch take more than 2 GiB, take fewer rows per batch")
    })
}

fn structs(cursors: &mut [&[u8]], valid: &[bool], fields: &Fields) -> Result<ArrayRef> {
    let columns = fields
        .iter()
        .map(|field| column(cursors, field.data_type(), valid))
        .collect::<Result<Vec<_>>>()?;
    let nulls = nulls(valid);
    let structs = StructArray::try_new_with_length(fields.clone(), columns, nulls, valid.len())?;
    Ok(Arc::new(structs))
}

/// Elements of one row follow each other, so lists are read row by row.
fn lists(cursors: &mut [&[u8]], valid: &[bool], element: &FieldRef) -> Result<ListArray> {
    let mut lengths = Vec::with_capacity(valid.len());
    let mut elements = Vec::new();
    for (cursor, valid) in cursors.iter_mut().zip(valid) {
        let length = if *valid { take_length(cursor)? } else { 0 };
        for _ in 0..length {
            let row = std::slice::from_mut(cursor);
            elements.push(column(row, element.data_type(), &[true])?);
        }
        lengths.push(length);
    }
    let parts: Vec<&dyn Array> = elements.iter().map(AsRef::as_ref).collect();
    let values = if parts.is_empty() {
        new_empty_array(element.data_type())
    } else {
        concat(&parts)?
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = nulls(valid);
    Ok(ListArray::try_new(
        Arc::clone(element),
        offsets,
        values,
        nulls,
    )?)
}

fn maps(lists: ListArray, is_sorted: bool) -> Result<ArrayRef> {
    let (entry, offsets, entries, nulls) = lists.into_parts();
    let entries = entries.as_struct_opt().ok_or_else(not_encoded)?.clone();
    let maps = MapArray::try_new(entry, offsets, entries, nulls, is_sorted)?;
    Ok(Arc::new(maps))
}

fn array(data_type: &DataType, valid: &[bool], buffers: Vec<Buffer>) -> Result<ArrayRef> {
    let data = ArrayData::builder(data_type.clone())
        .len(valid.len())
        .nulls(nulls(valid))
        .buffers(buffers)
        .build()
        .map_err(|error| not_encoded().with_source(error))?;
    Ok(make_array(data))
}
