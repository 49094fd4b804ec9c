//! `concat` and `concat_ws`.

use super::joined_type;
use crate::error::Result;
use crate::expr::Expr;
use crate::function::kernel::{Bytes, Column, Text, argument, text_into, try_bytes_into};
use crate::function::signature::{TEXT, Wanted, argument_type, count_arguments, null_if_any_is};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "concat",
            usage: "concat(expr1[, expr2...])",
            description: "The strings, binaries or arrays one after the other; null if any is null.",
            example: "SELECT concat('tide', 'mill')",
            resolve: resolve_concat,
            kernel: concat,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "concat_ws",
            usage: "concat_ws(separator[, expr...])",
            description: "The strings and elements of arrays of strings one after the other, with a separator between them; nulls are left out.",
            example: "SELECT concat_ws('/', 'tide', NULL, 'mill')",
            resolve: resolve_concat_ws,
            kernel: concat_ws,
            is_deterministic: true,
        },
    ]
}

fn resolve_concat(arguments: &[Expr]) -> Result<Signature> {
    if arguments.is_empty() {
        return Ok(null_if_any_is(arguments, Vec::new(), DataType::Utf8));
    }
    let joined = joined_type(arguments)?;
    let types = vec![joined.clone(); arguments.len()];
    Ok(null_if_any_is(arguments, types, joined))
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    match call.returns {
        DataType::Binary => {
            let columns: Vec<Bytes<'_>> = columns(call)?;
            try_bytes_into(call.rows, |row, out| {
                for column in &columns {
                    match column.get(row) {
                        Some(bytes) => out.extend_from_slice(bytes),
                        None => return Ok(None),
                    }
                }
                Ok(Some(()))
            })
        }
        DataType::List(_) => concat_arrays(call),
        _ => {
            let columns: Vec<Text<'_>> = columns(call)?;
            text_into(call.rows, |row, out| {
                for column in &columns {
                    out.push_str(column.get(row)?);
                }
                Some(())
            })
        }
    }
}

fn columns<'a, A: Array + 'static>(call: &Call<'a>) -> Result<Vec<Column<'a, A>>> {
    (0..call.arguments.len())
        .map(|index| Column::of(call, index))
        .collect()
}

/// Takes the elements of all arrays of a row out of the elements of all columns.
fn concat_arrays(call: &Call<'_>) -> Result<ArrayRef> {
    let lists: Vec<(&ListArray, bool)> = call
        .arguments
        .iter()
        .map(|value| (value.array().as_list::<i32>(), value.is_scalar()))
        .collect();
    let elements: Vec<&dyn Array> = lists
        .iter()
        .map(|(list, _)| list.values().as_ref())
        .collect();
    let elements = arrow::compute::concat(&elements)?;
    let mut indices: Vec<u32> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let before = indices.len();
        let index = |is_scalar: bool| if is_scalar { 0 } else { row };
        let is_valid = lists
            .iter()
            .all(|(list, is_scalar)| list.is_valid(index(*is_scalar)));
        let mut base = 0u32;
        for (list, is_scalar) in &lists {
            let index = index(*is_scalar);
            if let (true, Some([start, end])) =
                (is_valid, list.value_offsets().get(index..index + 2))
            {
                indices.extend((*start..*end).map(|element| base + element.cast_unsigned()));
            }
            base += u32::try_from(list.values().len()).unwrap_or(u32::MAX);
        }
        lengths.push(indices.len() - before);
        valid.push(is_valid);
    }
    let elements = arrow::compute::take(&elements, &UInt32Array::from(indices), None)?;
    let field = types::list_field(elements.data_type().clone());
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = NullBuffer::from(valid);
    Ok(Arc::new(ListArray::try_new(
        field,
        offsets,
        elements,
        Some(nulls),
    )?))
}

fn resolve_concat_ws(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("concat_ws", arguments, 1, usize::MAX)?;
    let text_or_array = [
        Wanted::Exactly(DataType::Utf8),
        Wanted::Exactly(types::list_of(DataType::Utf8)),
    ];
    let mut types = vec![argument_type("concat_ws", arguments, 0, TEXT)?];
    for index in 1..arguments.len() {
        types.push(argument_type(
            "concat_ws",
            arguments,
            index,
            &text_or_array,
        )?);
    }
    let separator = arguments.get(..1).unwrap_or_default();
    Ok(null_if_any_is(separator, types, DataType::Utf8))
}

/// An argument of `concat_ws` behind the separator.
enum Piece<'a> {
    Text(Text<'a>),
    Array(&'a ListArray, &'a StringArray, bool),
}

fn concat_ws(call: &Call<'_>) -> Result<ArrayRef> {
    let separator: Text<'_> = Column::of(call, 0)?;
    let mut pieces = Vec::new();
    for index in 1..call.arguments.len() {
        let value = argument(call, index)?;
        pieces.push(match value.data_type() {
            DataType::List(_) => {
                let list = value.array().as_list::<i32>();
                Piece::Array(list, list.values().as_string::<i32>(), value.is_scalar())
            }
            _ => Piece::Text(Column::of(call, index)?),
        });
    }
    text_into(call.rows, |row, out| {
        let separator = separator.get(row)?;
        let mut is_first = true;
        let mut push = |text: &str| {
            if !is_first {
                out.push_str(separator);
            }
            is_first = false;
            out.push_str(text);
        };
        for piece in &pieces {
            match piece {
                Piece::Text(column) => {
                    if let Some(text) = column.get(row) {
                        push(text);
                    }
                }
                Piece::Array(list, elements, is_scalar) => {
                    let index = if *is_scalar { 0 } else { row };
                    for element in element_range(list, index) {
                        if elements.is_valid(element) {
                            push(elements.value(element));
                        }
                    }
                }
            }
        }
        Some(())
    })
}

/// Where the elements of an array stand; nowhere if it is null.
fn element_range(list: &ListArray, index: usize) -> std::ops::Range<usize> {
    match list.value_offsets().get(index..index + 2) {
        Some([start, end]) if list.is_valid(index) => {
            usize::try_from(*start).unwrap_or_default()..usize::try_from(*end).unwrap_or_default()
        }
        _ => 0..0,
    }
}
