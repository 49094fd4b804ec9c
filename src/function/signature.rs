//! Helpers for type rules: counting arguments, and which types an argument may have.
//!
//! [`Wanted`] is what a function asks of one argument, after Spark's `AbstractDataType`; [`argument_type`] answers with the type
//! the argument will be cast to, by the rules of ANSI mode: numbers to numbers, anything atomic to `STRING`, dates and timestamps
//! to each other, `STRING` to anything atomic, `NULL` to anything.

use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::function::Signature;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// What a function asks of one argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// This type and no other.
    Exactly(DataType),
    /// Any number; what is not one becomes `DOUBLE`.
    Numeric,
    /// Any integer; what is not one (but no fraction) becomes `INT`.
    Integral,
    /// Any decimal; integers become the decimal that holds them.
    Decimal,
    /// Any array.
    Array,
}

impl Wanted {
    fn accepts(&self, from: &DataType) -> bool {
        match self {
            Wanted::Exactly(to) => from == to,
            Wanted::Numeric => types::is_numeric(from),
            Wanted::Integral => types::is_integral(from),
            Wanted::Decimal => types::is_decimal(from),
            Wanted::Array => matches!(from, DataType::List(_)),
        }
    }

    /// The type that an argument of another type becomes.
    fn default_type(&self, from: &DataType) -> DataType {
        match self {
            Wanted::Exactly(to) => to.clone(),
            Wanted::Numeric => DataType::Float64,
            Wanted::Integral => DataType::Int32,
            Wanted::Decimal => match types::decimal_for_integer(from) {
                Some((precision, scale)) => DataType::Decimal128(precision, scale),
                None if *from == DataType::Float32 => DataType::Decimal128(14, 7),
                None if *from == DataType::Float64 => DataType::Decimal128(30, 15),
                None => DataType::Decimal128(38, 18),
            },
            Wanted::Array => types::list_of(DataType::Null),
        }
    }

    /// The type that an argument of type `from` becomes; `None` if it cannot be taken.
    fn coerced(&self, from: &DataType) -> Option<DataType> {
        if self.accepts(from) {
            return Some(from.clone());
        }
        if *self == Wanted::Integral && (types::is_floating(from) || types::is_decimal(from)) {
            return None;
        }
        let to = self.default_type(from);
        can_assign(from, &to).then_some(to)
    }

    /// Its name in messages.
    fn sql(&self) -> String {
        match self {
            Wanted::Exactly(to) => types::sql_name(to),
            Wanted::Numeric => "NUMERIC".to_owned(),
            Wanted::Integral => "INTEGRAL".to_owned(),
            Wanted::Decimal => "DECIMAL".to_owned(),
            Wanted::Array => "ARRAY".to_owned(),
        }
    }
}

/// Whether a value of type `from` becomes one of type `to` without being asked to, as an argument of a function.
fn can_assign(from: &DataType, to: &DataType) -> bool {
    if from == to || *from == DataType::Null {
        return true;
    }
    match (from, to) {
        (DataType::List(from), DataType::List(to)) => can_assign(from.data_type(), to.data_type()),
        (from, DataType::Utf8) => types::is_atomic(from),
        (DataType::Utf8, to) => types::is_atomic(to) && *to != types::time(),
        (from, to) => {
            (types::is_numeric(from) && types::is_numeric(to))
                || (types::is_datetime(from) && types::is_datetime(to))
        }
    }
}

/// The type that argument number `index` (from 0) is cast to: the first of `wanted` that takes it as it is, else the first that it
/// can be cast to.
///
/// # Errors
///
/// `Invalid` with `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`.
pub(crate) fn argument_type(
    name: &str,
    arguments: &[Expr],
    index: usize,
    wanted: &[Wanted],
) -> Result<DataType> {
    let argument = argument(name, arguments, index)?;
    let from = &argument.data_type;
    if wanted.iter().any(|wanted| wanted.accepts(from)) {
        return Ok(from.clone());
    }
    wanted
        .iter()
        .find_map(|wanted| wanted.coerced(from))
        .ok_or_else(|| unexpected_type(name, argument, index, &wanted_names(wanted)))
}

fn wanted_names(wanted: &[Wanted]) -> String {
    let names: Vec<String> = wanted.iter().map(Wanted::sql).collect();
    names.join(" or ")
}

/// The argument at this position.
///
/// # Errors
///
/// `Invalid` with `WRONG_NUM_ARGS.WITHOUT_SUGGESTION`, if there is none.
pub(crate) fn argument<'a>(name: &str, arguments: &'a [Expr], index: usize) -> Result<&'a Expr> {
    arguments
        .get(index)
        .ok_or_else(|| wrong_count(name, &format!("more than {index}"), arguments.len()))
}

/// An error for an argument of a type that the function does not take.
pub(crate) fn unexpected_type(name: &str, argument: &Expr, index: usize, wanted: &str) -> Error {
    Error::invalid(format!(
        "argument {} of `{name}` must be {wanted}. type=`{}`",
        index + 1,
        argument.sql_type()
    ))
    .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
    .with_span(argument.span)
}

/// Checks that there are at least `least` and at most `most` arguments.
///
/// # Errors
///
/// `Invalid` with `WRONG_NUM_ARGS.WITHOUT_SUGGESTION`.
pub(crate) fn count_arguments(
    name: &str,
    arguments: &[Expr],
    least: usize,
    most: usize,
) -> Result<()> {
    if (least..=most).contains(&arguments.len()) {
        return Ok(());
    }
    let wanted = if most == usize::MAX {
        format!("at least {least}")
    } else if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    };
    Err(wrong_count(name, &wanted, arguments.len()))
}

fn wrong_count(name: &str, wanted: &str, given: usize) -> Error {
    Error::invalid(format!(
        "`{name}` takes {wanted} arguments. given=`{given}`"
    ))
    .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
}

/// The value of an argument that must be a constant.
///
/// # Errors
///
/// `Invalid` with `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`, if it is not.
pub(crate) fn constant<'a>(
    name: &str,
    arguments: &'a [Expr],
    index: usize,
) -> Result<&'a ArrayRef> {
    let argument = argument(name, arguments, index)?;
    match &argument.kind {
        ExprKind::Literal(value) => Ok(value),
        _ => Err(Error::invalid(format!(
            "argument {} of `{name}` must be a constant",
            index + 1
        ))
        .with_condition("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
        .with_span(argument.span)),
    }
}

/// An argument of type `STRING`.
pub(crate) const TEXT: &[Wanted] = &[Wanted::Exactly(DataType::Utf8)];
/// An argument of type `BINARY`.
pub(crate) const BINARY: &[Wanted] = &[Wanted::Exactly(DataType::Binary)];
/// An argument of type `STRING` or `BINARY`.
pub(crate) const TEXT_OR_BINARY: &[Wanted] = &[
    Wanted::Exactly(DataType::Utf8),
    Wanted::Exactly(DataType::Binary),
];
/// An argument of type `INT`.
pub(crate) const INT: &[Wanted] = &[Wanted::Exactly(DataType::Int32)];
/// An argument of type `BIGINT`.
pub(crate) const BIGINT: &[Wanted] = &[Wanted::Exactly(DataType::Int64)];

/// The types that the arguments are cast to. The first `required` of `wanted` must be given, the others may be.
///
/// # Errors
///
/// `Invalid` with `WRONG_NUM_ARGS.WITHOUT_SUGGESTION` or `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`.
pub(crate) fn argument_types(
    name: &str,
    arguments: &[Expr],
    wanted: &[&[Wanted]],
    required: usize,
) -> Result<Vec<DataType>> {
    count_arguments(name, arguments, required, wanted.len())?;
    (0..arguments.len())
        .zip(wanted)
        .map(|(index, wanted)| argument_type(name, arguments, index, wanted))
        .collect()
}

/// The signature of a function whose result is null if any argument is, and else is not.
pub(crate) fn null_if_any_is(
    arguments: &[Expr],
    types: Vec<DataType>,
    returns: DataType,
) -> Signature {
    Signature {
        arguments: types,
        returns,
        is_nullable: any_nullable(arguments),
    }
}

/// Whether any argument may be null.
pub(crate) fn any_nullable(arguments: &[Expr]) -> bool {
    arguments.iter().any(|argument| argument.is_nullable)
}

/// The signature of a function whose result may always be null.
pub(crate) fn nullable(types: Vec<DataType>, returns: DataType) -> Signature {
    Signature {
        arguments: types,
        returns,
        is_nullable: true,
    }
}

/// The type rule of a function of fixed arguments, whose result is null if any of them is.
///
/// # Errors
///
/// As [`argument_types`].
pub(crate) fn rule(
    name: &str,
    arguments: &[Expr],
    wanted: &[&[Wanted]],
    required: usize,
    returns: DataType,
) -> Result<Signature> {
    let types = argument_types(name, arguments, wanted, required)?;
    Ok(null_if_any_is(arguments, types, returns))
}

/// The value of an argument that reads no column, computed; an array of one row.
///
/// # Errors
///
/// `Invalid` with `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`, if it reads a column; `Data`, if it fails.
pub(crate) fn folded(name: &str, arguments: &[Expr], index: usize) -> Result<ArrayRef> {
    let argument = argument(name, arguments, index)?;
    if !argument.is_constant() {
        return Err(Error::invalid(format!(
            "argument {} of `{name}` must be a constant",
            index + 1
        ))
        .with_condition("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
        .with_span(argument.span));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    argument.evaluate_array(&row, &context)
}

/// The value of a constant argument as this type, as [`folded`]; a null stays null.
///
/// # Errors
///
/// As [`folded`]; `Data`, if it cannot be cast.
pub(crate) fn folded_as(
    name: &str,
    arguments: &[Expr],
    index: usize,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let value = folded(name, arguments, index)?;
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    crate::cast::cast(&value, data_type, false, &context)
}

/// The value of a constant argument as a `DOUBLE`; `None` for null.
///
/// # Errors
///
/// As [`folded_as`].
pub(crate) fn constant_double(name: &str, arguments: &[Expr], index: usize) -> Result<Option<f64>> {
    let value = folded_as(name, arguments, index, &DataType::Float64)?;
    let value = value.as_primitive::<Float64Type>();
    Ok(value.is_valid(0).then(|| value.value(0)))
}

/// The value of a constant argument as a `BIGINT`; `None` for null.
///
/// # Errors
///
/// As [`folded_as`].
pub(crate) fn constant_long(name: &str, arguments: &[Expr], index: usize) -> Result<Option<i64>> {
    let value = folded_as(name, arguments, index, &DataType::Int64)?;
    let value = value.as_primitive::<Int64Type>();
    Ok(value.is_valid(0).then(|| value.value(0)))
}

/// The value of a constant argument as a `STRING`; `None` for null.
///
/// # Errors
///
/// As [`folded_as`].
pub(crate) fn constant_text(
    name: &str,
    arguments: &[Expr],
    index: usize,
) -> Result<Option<String>> {
    let value = folded_as(name, arguments, index, &DataType::Utf8)?;
    let value = value.as_string::<i32>();
    Ok(value.is_valid(0).then(|| value.value(0).to_owned()))
}

/// The value of a constant argument as a `BOOLEAN`; `None` for null.
///
/// # Errors
///
/// As [`folded_as`].
pub(crate) fn constant_flag(name: &str, arguments: &[Expr], index: usize) -> Result<Option<bool>> {
    let value = folded_as(name, arguments, index, &DataType::Boolean)?;
    let value = value.as_boolean();
    Ok(value.is_valid(0).then(|| value.value(0)))
}

/// An error for a constant outside of what the function takes: `VALUE_OUT_OF_RANGE`.
pub(crate) fn out_of_range(name: &str, what: &str, range: &str) -> Error {
    Error::invalid(format!("the {what} of `{name}` must be {range}"))
        .with_condition("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
}

/// An error for a constant that must not be null: `UNEXPECTED_NULL`.
pub(crate) fn unexpected_null(name: &str, what: &str) -> Error {
    Error::invalid(format!("the {what} of `{name}` must not be null"))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_NULL")
}
