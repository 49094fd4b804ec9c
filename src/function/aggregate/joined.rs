//! `listagg` (`string_agg`): the values of a group that are not null, joined with a delimiter, in the order of their arrival or that of
//! `WITHIN GROUP (ORDER BY …)`.
//!
//! The state is an array of structs: each value with its keys. It is sorted when the result is asked for; rows with equal keys stay in the
//! order in which they came.

use super::Definition;
use super::collect::{Lists, append_lists, gather_lists, lists_of};
use super::rows::counted_rows;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{constant_text, count_arguments, folded};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, StringBuilder, StructArray,
};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::{RowConverter, SortField};
use std::sync::Arc;

const NAME: &str = "listagg";

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    usage: "listagg([DISTINCT] expr[, delimiter]) [WITHIN GROUP (ORDER BY key, ...)]",
    description: "The values that are not null, joined with the delimiter, perhaps in an order.",
    example: "SELECT listagg(v, ', ') WITHIN GROUP (ORDER BY v DESC) FROM VALUES ('a'), ('c'), ('b') AS t(v)",
    resolve,
    accumulator,
}];

/// The arguments are the value, the delimiter, and in an order the keys and then the constant that [`order_text`] gives for them.
fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, usize::MAX)?;
    let mut wanted: Vec<DataType> = arguments
        .iter()
        .map(|argument| argument.data_type.clone())
        .collect();
    let value = match wanted.first() {
        Some(DataType::Binary) => DataType::Binary,
        Some(value) if types::is_atomic(value) || *value == DataType::Null => DataType::Utf8,
        other => {
            return Err(Error::invalid(format!(
                "`{name}` joins strings or binaries. type=`{}`",
                other.map(types::sql_name).unwrap_or_default()
            ))
            .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
        }
    };
    if arguments.len() > 1 {
        let delimiter = folded(name, arguments, 1)?;
        if *delimiter.data_type() != DataType::Null && *delimiter.data_type() != value {
            return Err(Error::invalid(format!(
                "the delimiter of `{name}` must be of the type of the values. delimiter=`{}` values=`{}`",
                types::sql_name(delimiter.data_type()),
                types::sql_name(&value)
            ))
            .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
        }
    }
    for slot in wanted.iter_mut().take(2) {
        *slot = value.clone();
    }
    for key in arguments.iter().skip(2) {
        if !types::is_orderable(&key.data_type) {
            return Err(
                Error::invalid(format!("`{name}` cannot order by values of this type"))
                    .with_condition("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
                    .with_span(key.span),
            );
        }
    }
    Ok(Signature {
        arguments: wanted,
        returns: value,
        is_nullable: true,
    })
}

/// How the keys of an order are written as one constant: two letters a key, `a` or `d` for its direction, `f` or `l` for where
/// nulls go.
pub(crate) fn order_text(keys: impl IntoIterator<Item = SortOptions>) -> String {
    keys.into_iter()
        .flat_map(|key| {
            [
                if key.descending { 'd' } else { 'a' },
                if key.nulls_first { 'f' } else { 'l' },
            ]
        })
        .collect()
}

/// What [`order_text`] was made of.
fn order_of(text: &str) -> Vec<SortOptions> {
    let letters: Vec<char> = text.chars().collect();
    let (keys, _) = letters.as_chunks::<2>();
    keys.iter()
        .map(|[direction, nulls]| SortOptions {
            descending: *direction == 'd',
            nulls_first: *nulls == 'f',
        })
        .collect()
}

fn accumulator(arguments: &[Expr], signature: &Signature) -> Result<Box<dyn Accumulator>> {
    let delimiter = if arguments.len() > 1 {
        folded(NAME, arguments, 1)?
    } else {
        arrow::array::new_null_array(&signature.returns, 1)
    };
    let order = match arguments.len() {
        0..=2 => Vec::new(),
        count => order_of(&constant_text(NAME, arguments, count - 1)?.unwrap_or_default()),
    };
    let keys = signature.arguments.iter().skip(2).take(order.len());
    let fields: Fields = std::iter::once(&signature.returns)
        .chain(keys)
        .enumerate()
        .map(|(index, data_type)| Field::new(format!("value{index}"), data_type.clone(), true))
        .collect();
    let element = DataType::Struct(fields.clone());
    Ok(Box::new(Joined {
        delimiter: bytes_of(&delimiter, 0).unwrap_or_default().to_vec(),
        lists: lists_of(&element, false)?,
        element,
        fields,
        order,
    }))
}

/// A string or binary as bytes.
fn bytes_of(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => Some(array.as_binary::<i32>().value(row)),
        _ => None,
    }
}

#[derive(Debug)]
struct Joined {
    delimiter: Vec<u8>,
    /// Value and keys.
    element: DataType,
    fields: Fields,
    order: Vec<SortOptions>,
    lists: Box<dyn Lists>,
}

impl Joined {
    /// The places of the elements `start..start + length` in their order.
    fn places(&self, elements: &StructArray, start: usize, length: usize) -> Result<Vec<usize>> {
        if self.order.is_empty() || length < 2 {
            return Ok((start..start + length).collect());
        }
        let keys = elements.columns().iter().skip(1);
        let fields = keys
            .clone()
            .zip(&self.order)
            .map(|(key, options)| SortField::new_with_options(key.data_type().clone(), *options))
            .collect();
        let keys: Vec<ArrayRef> = keys.map(|key| key.slice(start, length)).collect();
        if keys.iter().all(|key| !key.data_type().is_nested()) {
            // The row format orders as `ORDER BY` does for plain types; sorting it by row number too keeps equal rows in place.
            let rows = RowConverter::new(fields)?.convert_columns(&keys)?;
            let mut places: Vec<usize> = (0..length).collect();
            places.sort_by(|left, right| rows.row(*left).cmp(&rows.row(*right)));
            return Ok(places.into_iter().map(|place| start + place).collect());
        }
        let columns: Vec<SortColumn> = keys
            .into_iter()
            .zip(&self.order)
            .map(|(values, options)| SortColumn {
                values,
                options: Some(*options),
            })
            .collect();
        let places = lexsort_to_indices(&columns, None)?;
        Ok(places
            .values()
            .iter()
            .map(|place| start + *place as usize)
            .collect())
    }
}

impl Accumulator for Joined {
    fn state_types(&self) -> Vec<DataType> {
        vec![types::list_of(self.element.clone())]
    }

    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [value, rest @ ..] = arguments else {
            return Err(Error::internal("`listagg` folds a column"));
        };
        let counted = counted_rows(std::slice::from_ref(value), filter);
        let mut columns = vec![Arc::clone(value)];
        columns.extend(rest.iter().skip(1).take(self.order.len()).cloned());
        let entries = StructArray::try_new(self.fields.clone(), columns, None)?;
        let entries: ArrayRef = Arc::new(entries);
        self.lists.append(&entries, groups, counted.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [state] = state else {
            return Err(Error::internal("the state of `listagg` is one column"));
        };
        append_lists(self.lists.as_mut(), state, groups)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![gather_lists(
            self.lists.as_ref(),
            &self.element,
            groups,
        )?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let (elements, lengths) = self.lists.gather(groups)?;
        let elements = elements.as_struct();
        let values = elements.column(0);
        let mut texts = StringBuilder::new();
        let mut binaries = BinaryBuilder::new();
        let is_text = values.data_type() == &DataType::Utf8;
        let mut start = 0;
        for length in lengths {
            let mut joined: Option<Vec<u8>> = None;
            for place in self.places(elements, start, length)? {
                match &mut joined {
                    Some(joined) => joined.extend_from_slice(&self.delimiter),
                    None => joined = Some(Vec::new()),
                }
                if let Some(joined) = &mut joined {
                    joined.extend_from_slice(bytes_of(values, place).unwrap_or_default());
                }
            }
            start += length;
            if is_text {
                let text = joined.map(String::from_utf8).transpose();
                let text = text.map_err(|cause| {
                    Error::internal("joined strings are not UTF-8").with_source(cause)
                })?;
                texts.append_option(text);
            } else {
                binaries.append_option(joined);
            }
        }
        Ok(if is_text {
            Arc::new(texts.finish())
        } else {
            Arc::new(binaries.finish())
        })
    }

    fn clear(&mut self, groups: &[u32]) {
        self.lists.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.lists.memory_bytes()
    }
}
