//! Changes to values: `variant_set`, `variant_insert`, `variant_array_append`, `variant_delete`, `variant_strip_nulls`.

use super::{value_argument, variant_argument, with_column};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Text, argument};
use crate::function::signature::{TEXT, Wanted, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use crate::variant::{
    Edit, Node, Step, VariantColumn, VariantColumnBuilder, edit, parse_path, strip_nulls,
};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;

/// A function that changes a value at one path.
struct Changer {
    name: &'static str,
    is_try: bool,
    make: fn(Node, bool) -> Edit,
}

const SET: Changer = changer("variant_set", false, Edit::Set);
const TRY_SET: Changer = changer("try_variant_set", true, Edit::Set);
const INSERT: Changer = changer("variant_insert", false, |value, _| Edit::Insert(value));
const TRY_INSERT: Changer = changer("try_variant_insert", true, |value, _| Edit::Insert(value));
const APPEND: Changer = changer("variant_array_append", false, |value, _| {
    Edit::Append(value)
});
const TRY_APPEND: Changer = changer("try_variant_array_append", true, |value, _| {
    Edit::Append(value)
});

const fn changer(name: &'static str, is_try: bool, make: fn(Node, bool) -> Edit) -> Changer {
    Changer { name, is_try, make }
}

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = setting();
    functions.extend(growing());
    functions.extend(shrinking());
    functions
}

fn setting() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "variant_set",
            usage: "variant_set(v, path, value[, createIfMissing])",
            description: "The VARIANT with a value put at the path, also where nothing stands unless createIfMissing is false.",
            example: r#"SELECT variant_set(parse_json('{"a": 1}'), '$.a', 2)"#,
            resolve: |arguments| resolve_change(&SET, arguments),
            kernel: |call| change(&SET, call),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_variant_set",
            usage: "try_variant_set(v, path, value[, createIfMissing])",
            description: "As variant_set, null where the path does not fit the value.",
            example: r#"SELECT try_variant_set(parse_json('{"a": 1}'), '$.b', 3)"#,
            resolve: |arguments| resolve_change(&TRY_SET, arguments),
            kernel: |call| change(&TRY_SET, call),
            is_deterministic: true,
        },
    ]
}

fn growing() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "variant_insert",
            usage: "variant_insert(v, path, value)",
            description: "The VARIANT with a new field, or a new element before that at the path.",
            example: r#"SELECT variant_insert(parse_json('{"a": 1}'), '$.b', 2)"#,
            resolve: |arguments| resolve_change(&INSERT, arguments),
            kernel: |call| change(&INSERT, call),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_variant_insert",
            usage: "try_variant_insert(v, path, value)",
            description: "As variant_insert, null where the field is there or the path does not fit.",
            example: r#"SELECT try_variant_insert(parse_json('{"a": 1}'), '$.a.b', 2)"#,
            resolve: |arguments| resolve_change(&TRY_INSERT, arguments),
            kernel: |call| change(&TRY_INSERT, call),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "variant_array_append",
            usage: "variant_array_append(v, path, value)",
            description: "The VARIANT with a value appended to the array at the path.",
            example: "SELECT variant_array_append(parse_json('[1, 2, 3]'), '$', 4)",
            resolve: |arguments| resolve_change(&APPEND, arguments),
            kernel: |call| change(&APPEND, call),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_variant_array_append",
            usage: "try_variant_array_append(v, path, value)",
            description: "As variant_array_append, null where no array stands at the path.",
            example: "SELECT try_variant_array_append(parse_json('[1, 2, 3]'), '$', 4)",
            resolve: |arguments| resolve_change(&TRY_APPEND, arguments),
            kernel: |call| change(&TRY_APPEND, call),
            is_deterministic: true,
        },
    ]
}

fn shrinking() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "variant_delete",
            usage: "variant_delete(v, path, …)",
            description: "The VARIANT without what stands at the paths, one after another.",
            example: r#"SELECT variant_delete(parse_json('{"a": 1, "b": 2}'), '$.a')"#,
            resolve: resolve_delete,
            kernel: delete,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "variant_strip_nulls",
            usage: "variant_strip_nulls(v[, stripArrays])",
            description: "The VARIANT without fields that are null, and without such elements of arrays unless stripArrays is false.",
            example: r#"SELECT variant_strip_nulls(parse_json('{"a": 1, "b": null}'))"#,
            resolve: |arguments| {
                let name = "variant_strip_nulls";
                count_arguments(name, arguments, 1, 2)?;
                variant_argument(name, arguments)?;
                let mut wanted = vec![types::variant()];
                if arguments.len() == 2 {
                    wanted.push(flag_type(name, arguments, 1)?);
                }
                Ok(nullable(wanted))
            },
            kernel: strip,
            is_deterministic: true,
        },
    ]
}

fn nullable(arguments: Vec<DataType>) -> Signature {
    Signature {
        arguments,
        returns: types::variant(),
        is_nullable: true,
    }
}

fn flag_type(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    argument_type(
        name,
        arguments,
        index,
        &[Wanted::Exactly(DataType::Boolean)],
    )
}

fn resolve_change(changer: &Changer, arguments: &[Expr]) -> Result<Signature> {
    let name = changer.name;
    let most = if name.ends_with("_set") { 4 } else { 3 };
    count_arguments(name, arguments, 3, most)?;
    variant_argument(name, arguments)?;
    value_argument(name, arguments, 2)?;
    let mut wanted = vec![
        types::variant(),
        argument_type(name, arguments, 1, TEXT)?,
        types::variant(),
    ];
    if arguments.len() == 4 {
        wanted.push(flag_type(name, arguments, 3)?);
    }
    Ok(nullable(wanted))
}

fn resolve_delete(arguments: &[Expr]) -> Result<Signature> {
    let name = "variant_delete";
    count_arguments(name, arguments, 2, usize::MAX)?;
    variant_argument(name, arguments)?;
    let mut wanted = vec![types::variant()];
    for index in 1..arguments.len() {
        wanted.push(argument_type(name, arguments, index, TEXT)?);
    }
    Ok(nullable(wanted))
}

/// The steps of a path that has some, or none where `may_be_root`.
fn steps_of(path: &str, function: &str, may_be_root: bool) -> Result<Vec<Step>> {
    parse_path(path)
        .filter(|steps| may_be_root || !steps.is_empty())
        .ok_or_else(|| {
            Error::data(format!(
                "a path starts with `$`, followed by segments like `[123]`, `.name` or `['name']`. function=`{function}`, path=`{path}`"
            ))
            .with_condition("INVALID_VARIANT_PATH")
        })
}

/// The conditions that a `try_` function answers with null.
const TOLERATED: [&str; 2] = ["VARIANT_PATH_TYPE_MISMATCH", "VARIANT_DUPLICATE_KEY"];

fn change(changer: &Changer, call: &Call<'_>) -> Result<ArrayRef> {
    let values = argument(call, 2)?.to_array(call.rows)?;
    let values = VariantColumn::of(&values)?;
    let flags = flags(call, 3)?;
    let paths: Text<'_> = Column::of(call, 1)?;
    each(call, |row, mut node| {
        let flag = match &flags {
            None => Some(true),
            Some(flags) => flags.is_valid(row).then(|| flags.value(row)),
        };
        let (Some(path), Some(value), Some(flag)) = (paths.get(row), values.node(row)?, flag)
        else {
            return Ok(None);
        };
        let may_be_root = changer.name.ends_with("_append");
        let steps = steps_of(path, changer.name, may_be_root)?;
        match edit(&mut node, &steps, (changer.make)(value, flag), changer.name) {
            Ok(()) => Ok(Some(node)),
            Err(error)
                if changer.is_try
                    && error
                        .condition()
                        .is_some_and(|condition| TOLERATED.contains(&condition)) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    })
}

fn delete(call: &Call<'_>) -> Result<ArrayRef> {
    let paths = (1..call.arguments.len())
        .map(|index| Column::of(call, index))
        .collect::<Result<Vec<Text<'_>>>>()?;
    each(call, |row, mut node| {
        for path in paths.iter().filter_map(|path| path.get(row)) {
            let steps = steps_of(path, "variant_delete", false)?;
            edit(&mut node, &steps, Edit::Delete, "variant_delete")?;
        }
        Ok(Some(node))
    })
}

fn strip(call: &Call<'_>) -> Result<ArrayRef> {
    let flags = flags(call, 1)?;
    each(call, |row, mut node| {
        let strips_arrays = match &flags {
            None => true,
            Some(flags) if flags.is_null(row) => return Ok(None),
            Some(flags) => flags.value(row),
        };
        strip_nulls(&mut node, strips_arrays);
        Ok(Some(node))
    })
}

/// A column of booleans, if the call has the argument.
fn flags(call: &Call<'_>, index: usize) -> Result<Option<BooleanArray>> {
    if index >= call.arguments.len() {
        return Ok(None);
    }
    let array = argument(call, index)?.to_array(call.rows)?;
    let flags = array.as_boolean_opt().cloned();
    flags
        .map(Some)
        .ok_or_else(|| Error::internal("a flag that is no BOOLEAN"))
}

/// Changes the value of each row; null stays null.
fn each(
    call: &Call<'_>,
    mut change: impl FnMut(usize, Node) -> Result<Option<Node>>,
) -> Result<ArrayRef> {
    with_column(call, |column| {
        let mut builder = VariantColumnBuilder::with_capacity(call.rows);
        for row in 0..call.rows {
            let changed = match column.node(row)? {
                Some(node) => change(row, node)?,
                None => None,
            };
            builder.append(changed.as_ref());
        }
        Ok(builder.finish())
    })
}
