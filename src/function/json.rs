//! `from_json`, `to_json` and the functions that look into JSON text.
//!
//! What is read and written, and how, is decided by [`crate::format::json`]; here are the type rules. Schemas and options are
//! constants: they are read when the query is analyzed, and the kernels find the schema in the type they have to give.

mod parse;
mod text;
mod tuple;

pub(crate) use parse::with_fields;

use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::ScalarFunction;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = parse::functions();
    functions.extend(text::functions());
    functions.extend(tuple::functions());
    functions
}

/// The value of an argument that is an expression over constants.
pub(super) fn constant(function: &str, argument: &Expr, condition: &str) -> Result<ArrayRef> {
    if !argument.is_constant() {
        return Err(Error::invalid(format!(
            "the schema and the options of `{function}` must be constants"
        ))
        .with_condition(condition)
        .with_span(argument.span));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    argument.evaluate_array(&row, &BatchContext::one_shot(Timestamp(0), "UTC"))
}

/// The options in a map: argument `index`, if there is one.
pub(super) fn options_of(
    function: &str,
    arguments: &[Expr],
    index: usize,
) -> Result<BTreeMap<String, String>> {
    let Some(argument) = arguments.get(index) else {
        return Ok(BTreeMap::new());
    };
    let is_map = types::map_key_value(&argument.data_type)
        .is_some_and(|types| types == (&DataType::Utf8, &DataType::Utf8));
    if !is_map {
        return Err(Error::invalid(format!(
            "the options of `{function}` must be a map of strings, such as map('mode', 'FAILFAST')"
        ))
        .with_condition("INVALID_OPTIONS.NON_MAP_FUNCTION")
        .with_span(argument.span));
    }
    let map = constant(function, argument, "INVALID_OPTIONS.NON_MAP_FUNCTION")?;
    Ok(pairs_of(&map))
}

/// The pairs of a column of one map of strings.
pub(super) fn pairs_of(map: &ArrayRef) -> BTreeMap<String, String> {
    let Some(map) = map
        .as_map_opt()
        .filter(|map| map.len() == 1 && map.is_valid(0))
    else {
        return BTreeMap::new();
    };
    let entries = map.value(0);
    let (keys, values) = (
        entries.column(0).as_string::<i32>(),
        entries.column(1).as_string::<i32>(),
    );
    let pairs = keys.iter().zip(values.iter());
    pairs
        .filter_map(|(key, value)| Some((key?.to_owned(), value?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests;
