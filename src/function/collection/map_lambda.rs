//! Functions that take lambdas over the entries of maps: `map_filter`, `transform_keys`, `transform_values`, `map_zip_with`.

use super::arguments;
use super::build::{ListBuilder, Lists};
use super::construct::{checked_key, map_array};
use super::element::Keys;
use super::lambda::{lambda, narrow};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{any_nullable, argument, count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{map_key_value, map_of, sql_name};
use arrow::array::{Array, ArrayRef, AsArray, MapArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use std::collections::HashMap;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("map_filter", "map_filter(expr, func)"),
            (
                "the entries for which a lambda of key and value holds",
                "SELECT map_filter(map(1, 0, 2, 2, 3, -1), (k, v) -> k > v)",
            ),
            (resolve_filter, filter),
        ),
        ScalarFunction::new(
            ("transform_keys", "transform_keys(expr, func)"),
            (
                "the map with keys that a lambda makes of key and value",
                "SELECT transform_keys(map(1, 1), (k, v) -> k + 1)",
            ),
            (
                |arguments| resolve_transform("transform_keys", arguments),
                |call| transform(call, true),
            ),
        ),
        ScalarFunction::new(
            ("transform_values", "transform_values(expr, func)"),
            (
                "the map with values that a lambda makes of key and value",
                "SELECT transform_values(map(1, 1), (k, v) -> v + 1)",
            ),
            (
                |arguments| resolve_transform("transform_values", arguments),
                |call| transform(call, false),
            ),
        ),
        ScalarFunction::new(
            ("map_zip_with", "map_zip_with(map1, map2, function)"),
            (
                "the keys of both maps, each with what a lambda makes of the key and its two values",
                "SELECT map_zip_with(map(1, 'a'), map(1, 'x'), (k, v1, v2) -> concat(v1, v2))",
            ),
            (resolve_zip, zip),
        ),
    ]
}

fn map_type(name: &str, arguments: &[Expr], index: usize) -> Result<(DataType, DataType)> {
    let map = argument(name, arguments, index)?;
    map_key_value(&map.data_type)
        .map(|(key, value)| (key.clone(), value.clone()))
        .ok_or_else(|| unexpected_type(name, map, index, "MAP"))
}

fn signature(arguments: &[Expr], returns: DataType) -> Signature {
    Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns,
        is_nullable: any_nullable(arguments),
    }
}

fn resolve_filter(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("map_filter", arguments, 2, 2)?;
    let (key, value) = map_type("map_filter", arguments, 0)?;
    let lambda = argument("map_filter", arguments, 1)?;
    if !matches!(lambda.data_type, DataType::Boolean | DataType::Null) {
        return Err(Error::invalid(format!(
            "the second parameter requires the \"BOOLEAN\" type, however the lambda gives \"{}\"",
            lambda.sql_type()
        ))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
    }
    let mut signature = signature(arguments, map_of(key, value));
    if let Some(body) = signature.arguments.last_mut() {
        *body = DataType::Boolean;
    }
    Ok(signature)
}

fn resolve_transform(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let (key, value) = map_type(name, arguments, 0)?;
    let made = argument(name, arguments, 1)?.data_type.clone();
    let returns = if name == "transform_keys" {
        map_of(checked_key(name, made)?, value)
    } else {
        map_of(key, made)
    };
    Ok(signature(arguments, returns))
}

/// The entries of all rows, one after the other.
struct FlatMap {
    rows: UInt32Array,
    keys: ArrayRef,
    values: ArrayRef,
    /// How many entries each row has; `None` for a null.
    lengths: Vec<Option<usize>>,
}

fn flatten(map: &Value, count: usize) -> Result<FlatMap> {
    let (lists, map): (Lists<'_>, &MapArray) = Lists::of_maps(map)?;
    let mut rows = Vec::new();
    let mut picks = Vec::new();
    let mut lengths = Vec::with_capacity(count);
    for row in 0..count {
        let range = lists.range(row);
        lengths.push(range.as_ref().map(ExactSizeIterator::len));
        for entry in range.into_iter().flatten() {
            rows.push(narrow(row)?);
            picks.push(narrow(entry)?);
        }
    }
    let picks = UInt32Array::from(picks);
    Ok(FlatMap {
        rows: rows.into(),
        keys: take(map.keys(), &picks, None)?,
        values: take(map.values(), &picks, None)?,
        lengths,
    })
}

impl FlatMap {
    /// Maps of those entries of each row that are kept, with these columns of keys and values.
    fn maps_of(
        &self,
        columns: (&ArrayRef, &ArrayRef),
        is_kept: impl Fn(usize) -> bool,
        returns: &DataType,
    ) -> Result<ArrayRef> {
        let rows = self.lengths.len();
        let mut keys = ListBuilder::new(columns.0.data_type(), &[columns.0], rows);
        let mut values = ListBuilder::new(columns.1.data_type(), &[columns.1], rows);
        let mut end = 0;
        for length in &self.lengths {
            let start = end;
            end += length.unwrap_or(0);
            for entry in (start..end).filter(|entry| is_kept(*entry)) {
                keys.push(0, entry);
                values.push(0, entry);
            }
            if length.is_some() {
                keys.finish_row()?;
            } else {
                keys.finish_null()?;
            }
        }
        let columns = (keys.elements()?, values.elements()?);
        let (offsets, nulls) = keys.shape();
        map_array(returns, columns, offsets, nulls)
    }
}

fn filter(call: &Call<'_>) -> Result<ArrayRef> {
    let [map, _] = arguments(call)?;
    let flat = flatten(map, call.rows)?;
    let entries = [flat.keys.clone(), flat.values.clone()];
    let kept = lambda(call, 0)?.evaluate(&flat.rows, &entries)?;
    let kept = kept.as_boolean();
    flat.maps_of(
        (&flat.keys, &flat.values),
        |entry| kept.is_valid(entry) && kept.value(entry),
        call.returns,
    )
}

fn transform(call: &Call<'_>, makes_keys: bool) -> Result<ArrayRef> {
    let [map, _] = arguments(call)?;
    let flat = flatten(map, call.rows)?;
    let entries = [flat.keys.clone(), flat.values.clone()];
    let made = lambda(call, 0)?.evaluate(&flat.rows, &entries)?;
    let columns = if makes_keys {
        (&made, &flat.values)
    } else {
        (&flat.keys, &made)
    };
    flat.maps_of(columns, |_| true, call.returns)
}

fn resolve_zip(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("map_zip_with", arguments, 3, 3)?;
    let (left_key, _) = map_type("map_zip_with", arguments, 0)?;
    let (right_key, _) = map_type("map_zip_with", arguments, 1)?;
    if left_key != right_key {
        return Err(Error::invalid(format!(
            "the input maps of `map_zip_with` should have the same key type, but they have \"{}\" and \"{}\"",
            sql_name(&left_key),
            sql_name(&right_key)
        ))
        .with_condition("DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES"));
    }
    let made = argument("map_zip_with", arguments, 2)?.data_type.clone();
    Ok(signature(arguments, map_of(left_key, made)))
}

/// A key with its value in each map.
type Entry = (usize, Option<usize>, Option<usize>);

fn zip(call: &Call<'_>) -> Result<ArrayRef> {
    let [left, right, _] = arguments(call)?;
    let (left_lists, left_map) = Lists::of_maps(left)?;
    let (right_lists, right_map) = Lists::of_maps(right)?;
    let bytes = Keys::of(&[left_map.keys(), right_map.keys()])?;
    let [left_bytes, right_bytes] = bytes.as_slice() else {
        return Err(Error::internal("two columns have no two kinds of keys"));
    };
    let columns = [left_map.keys(), right_map.keys()];
    let key_type = left_map.keys().data_type();
    let mut keys = ListBuilder::new(key_type, &columns, call.rows);
    let (mut rows, mut left_picks, mut right_picks) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..call.rows {
        let (Some(lefts), Some(rights)) = (left_lists.range(row), right_lists.range(row)) else {
            keys.finish_null()?;
            continue;
        };
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: HashMap<&[u8], usize> = HashMap::new();
        for entry in lefts {
            known.insert(left_bytes.key(entry), entries.len());
            entries.push((0, Some(entry), None));
        }
        for entry in rights {
            match known.get(right_bytes.key(entry)) {
                Some(at) => {
                    if let Some((_, _, right)) = entries.get_mut(*at) {
                        *right = Some(entry);
                    }
                }
                None => entries.push((1, None, Some(entry))),
            }
        }
        for (column, left, right) in entries {
            keys.push(column, left.or(right).unwrap_or_default());
            rows.push(narrow(row)?);
            left_picks.push(left.map(narrow).transpose()?);
            right_picks.push(right.map(narrow).transpose()?);
        }
        keys.finish_row()?;
    }
    let key_column = keys.elements()?;
    let lefts = take(left_map.values(), &UInt32Array::from(left_picks), None)?;
    let rights = take(right_map.values(), &UInt32Array::from(right_picks), None)?;
    let parts = [key_column.clone(), lefts, rights];
    let made = lambda(call, 0)?.evaluate(&UInt32Array::from(rows), &parts)?;
    let (offsets, nulls) = keys.shape();
    map_array(call.returns, (key_column, made), offsets, nulls)
}
