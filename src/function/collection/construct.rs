//! `array`, `map`, `named_struct`, `struct`.

use super::build::ListBuilder;
use super::element::{Keys, is_null};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind, Value};
use crate::function::normalize_floats;
use crate::function::signature::constant;
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{common_type_of, list_of, map_fields, map_key_value, map_of};
use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("array", "array(expr, ...)"),
            ("an array of the arguments", "SELECT array(1, 2, 3)"),
            (resolve_array, array),
        ),
        ScalarFunction::new(
            ("map", "map(key0, value0, key1, value1, ...)"),
            (
                "a map of the keys and values",
                "SELECT map(1.0, '2', 3.0, '4')",
            ),
            (resolve_map, map),
        ),
        ScalarFunction::new(
            (
                "named_struct",
                "named_struct(name1, val1, name2, val2, ...)",
            ),
            (
                "a struct of the names and values",
                "SELECT named_struct('a', 1, 'b', 2)",
            ),
            (resolve_named_struct, |call| structure(call, 1)),
        ),
        ScalarFunction::new(
            ("struct", "struct(col1, col2, col3, ...)"),
            (
                "a struct of the values, with fields col1, col2, …",
                "SELECT struct(1, 2, 3)",
            ),
            (resolve_struct, |call| structure(call, 0)),
        ),
    ]
}

/// The type that these arguments meet at.
fn common<'a>(name: &str, arguments: impl Iterator<Item = &'a Expr> + Clone) -> Result<DataType> {
    common_type_of(arguments.clone().map(|argument| &argument.data_type)).ok_or_else(|| {
        let types: Vec<_> = arguments
            .map(|argument| format!("\"{}\"", argument.sql_type()))
            .collect();
        Error::invalid(format!(
            "input to `{name}` should all be the same type, but it's [{}]",
            types.join(", ")
        ))
        .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
    })
}

fn resolve_array(arguments: &[Expr]) -> Result<Signature> {
    let element = common("array", arguments.iter())?;
    Ok(Signature {
        arguments: vec![element.clone(); arguments.len()],
        returns: list_of(element),
        is_nullable: false,
    })
}

fn array(call: &Call<'_>) -> Result<ArrayRef> {
    let DataType::List(element) = call.returns else {
        return Err(Error::internal("`array` does not give an array"));
    };
    let columns: Vec<&ArrayRef> = call.arguments.iter().map(Value::array).collect();
    let mut lists = ListBuilder::new(element.data_type(), &columns, call.rows);
    for row in 0..call.rows {
        for (column, value) in call.arguments.iter().enumerate() {
            lists.push(column, value.index(row));
        }
        lists.finish_row()?;
    }
    lists.finish()
}

fn resolve_map(arguments: &[Expr]) -> Result<Signature> {
    if arguments.len() % 2 == 1 {
        return Err(Error::invalid(format!(
            "the `map` requires 2n (n > 0) parameters but the actual number is {}",
            arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    }
    let key = common("map", arguments.iter().step_by(2))?;
    let value = common("map", arguments.iter().skip(1).step_by(2))?;
    let wanted = arguments
        .iter()
        .enumerate()
        .map(|(index, _)| if index % 2 == 0 { &key } else { &value }.clone())
        .collect();
    Ok(Signature {
        arguments: wanted,
        returns: map_of(checked_key("map", key)?, value),
        is_nullable: false,
    })
}

/// A type that can be the key of a map.
pub(super) fn checked_key(name: &str, key: DataType) -> Result<DataType> {
    fn has_map(data_type: &DataType) -> bool {
        match data_type {
            DataType::Map(_, _) => true,
            DataType::List(element) => has_map(element.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
            _ => false,
        }
    }
    if has_map(&key) {
        return Err(
            Error::invalid(format!("the key of `{name}` cannot be or contain \"MAP\""))
                .with_condition("DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE"),
        );
    }
    Ok(key)
}

fn map(call: &Call<'_>) -> Result<ArrayRef> {
    let Some((key, value)) = map_key_value(call.returns) else {
        return Err(Error::internal("`map` does not give a map"));
    };
    let pairs = || call.arguments.chunks_exact(2).enumerate();
    let keys_of = call.arguments.iter().step_by(2).map(Value::array);
    let values_of = call.arguments.iter().skip(1).step_by(2).map(Value::array);
    let mut keys = ListBuilder::new(key, &keys_of.collect::<Vec<_>>(), call.rows);
    let mut values = ListBuilder::new(value, &values_of.collect::<Vec<_>>(), call.rows);
    for row in 0..call.rows {
        for (column, pair) in pairs() {
            if let [key, value] = pair {
                keys.push(column, key.index(row));
                values.push(column, value.index(row));
            }
        }
        keys.finish_row()?;
    }
    let key_column = keys.elements()?;
    let value_column = values.elements()?;
    let (offsets, nulls) = keys.shape();
    map_array(call.returns, (key_column, value_column), offsets, nulls)
}

/// Maps of these entries, checked: no key is null, none is there twice, where 0.0 and -0.0 are one.
pub(super) fn map_array(
    data_type: &DataType,
    (keys, values): (ArrayRef, ArrayRef),
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let (DataType::Map(entries, _), Some((key, value))) = (data_type, map_key_value(data_type))
    else {
        return Err(Error::internal("a map was to be made of another type"));
    };
    let keys = normalize_floats(&keys);
    check_keys(&keys, &offsets)?;
    let fields = map_fields(key.clone(), value.clone());
    let structs = StructArray::try_new(fields, vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        offsets,
        structs,
        nulls,
        false,
    )?))
}

fn check_keys(keys: &ArrayRef, offsets: &OffsetBuffer<i32>) -> Result<()> {
    if (0..keys.len()).any(|row| is_null(keys, row)) {
        return Err(Error::data("cannot use null as map key").with_condition("NULL_MAP_KEY"));
    }
    let bytes = Keys::of(&[keys])?;
    let Some(bytes) = bytes.first() else {
        return Ok(());
    };
    let mut seen = HashSet::new();
    let mut end = 0;
    for length in offsets.lengths() {
        let start = end;
        end += length;
        seen.clear();
        if length < 2 {
            continue;
        }
        if (start..end).any(|entry| !seen.insert(bytes.key(entry))) {
            return Err(Error::data(
                "a map key was found twice: check the input data, or remove duplicates first",
            )
            .with_condition("DUPLICATED_MAP_KEY"));
        }
    }
    Ok(())
}

fn resolve_named_struct(arguments: &[Expr]) -> Result<Signature> {
    if arguments.len() % 2 == 1 {
        return Err(Error::invalid(format!(
            "the `named_struct` requires 2n (n > 0) parameters but the actual number is {}",
            arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    }
    let mut fields = Vec::with_capacity(arguments.len() / 2);
    for (index, pair) in arguments.chunks_exact(2).enumerate() {
        let [_, value] = pair else { continue };
        let not_constant = |error: Error| {
            error.with_condition("DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING")
        };
        let name = constant("named_struct", arguments, index * 2).map_err(not_constant)?;
        let name = name
            .as_string_opt::<i32>()
            .filter(|name| name.is_valid(0))
            .ok_or_else(|| {
                not_constant(Error::invalid(
                    "the names of `named_struct` must be non-null STRING constants",
                ))
            })?;
        fields.push(field(name.value(0), value));
    }
    Ok(struct_signature(arguments, fields))
}

fn field(name: &str, value: &Expr) -> Field {
    let is_nullable = value.is_nullable
        || value.data_type == DataType::Null
        || matches!(&value.kind, ExprKind::Literal(literal) if literal.is_null(0));
    Field::new(name, value.data_type.clone(), is_nullable)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of resolvers")]
fn resolve_struct(arguments: &[Expr]) -> Result<Signature> {
    let fields = arguments
        .iter()
        .enumerate()
        .map(|(index, value)| field(&format!("col{}", index + 1), value))
        .collect();
    Ok(struct_signature(arguments, fields))
}

fn struct_signature(arguments: &[Expr], fields: Vec<Field>) -> Signature {
    Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns: DataType::Struct(Fields::from(fields)),
        is_nullable: false,
    }
}

/// A struct of the arguments; before each there are `names` others that only name it.
fn structure(call: &Call<'_>, names: usize) -> Result<ArrayRef> {
    let DataType::Struct(fields) = call.returns else {
        return Err(Error::internal("`struct` does not give a struct"));
    };
    if call.rows == 0 {
        return Ok(new_empty_array(call.returns));
    }
    let columns = call
        .arguments
        .iter()
        .skip(names)
        .step_by(names + 1)
        .map(|value| value.to_array(call.rows))
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(
        fields.clone(),
        columns,
        None,
        call.rows,
    )?))
}
