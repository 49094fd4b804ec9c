//! Which operands an arithmetic operator takes, and what comes out: Spark's ANSI rules.
//!
//! 1. Dates, timestamps and intervals have their own table: [`temporal`].
//! 2. A string yields to the other side: beside an integer it must be one, also where `/` then makes doubles. Two strings are refused.
//! 3. Two decimals, or a decimal and an integer, keep their own precision; the result's follows from both.
//! 4. Other numbers meet at their common type. `/` makes doubles of them, `div` `BIGINT`s.

use super::Operator;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::function::Signature;
use crate::function::signature::{any_nullable, count_arguments};
use crate::types::{
    DecimalOperator, calendar_interval, common_type, day_time_interval, decimal_for_integer,
    decimal_of_literal, decimal_result, is_ansi_interval, is_datetime, is_decimal, is_integral,
    is_numeric, sql_name, timestamp, year_month_interval,
};
use arrow::datatypes::DataType;

/// What the operators take, for messages.
const NUMBERS_AND_INTERVALS: &str =
    "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")";

/// What Spark calls operands of a type that the operator does not take.
const WRONG_TYPE: &str = "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE";

/// The operands' types and the result's.
struct Typed {
    left: DataType,
    right: DataType,
    returns: DataType,
}

/// `+` and `-`, which may also be signs.
pub(super) fn plus_or_minus(operator: Operator, arguments: &[Expr]) -> Result<Signature> {
    match arguments {
        [_] => unary("sign", arguments),
        _ => binary(operator, arguments),
    }
}

/// A sign: of numbers and intervals; strings become doubles.
pub(super) fn unary(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let [argument] = arguments else {
        return Err(Error::internal("a sign needs one argument"));
    };
    let data_type = match &argument.data_type {
        DataType::Utf8 | DataType::Null => DataType::Float64,
        other if is_numeric(other) || is_ansi_interval(other) => other.clone(),
        other if *other == calendar_interval() && name != "abs" => other.clone(),
        other => {
            return Err(Error::invalid(format!(
                "the first parameter requires the {NUMBERS_AND_INTERVALS} type, however it has the type \"{}\"",
                sql_name(other)
            ))
            .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
        }
    };
    Ok(Signature {
        arguments: vec![data_type.clone()],
        returns: data_type,
        is_nullable: argument.is_nullable,
    })
}

/// A form that gives null where the operator fails.
pub(super) fn tolerant(operator: Operator, arguments: &[Expr]) -> Result<Signature> {
    let mut signature = binary(operator, arguments)?;
    signature.is_nullable = true;
    // Text that is no number is a failure too: it is read where the operator is computed.
    for (wanted, argument) in signature.arguments.iter_mut().zip(arguments) {
        if argument.data_type == DataType::Utf8 && is_numeric(wanted) {
            *wanted = DataType::Utf8;
        }
    }
    Ok(signature)
}

pub(super) fn binary(operator: Operator, arguments: &[Expr]) -> Result<Signature> {
    count_arguments("arithmetic operator", arguments, 2, 2)?;
    let [left, right] = arguments else {
        return Err(Error::internal(
            "an arithmetic operator needs two arguments",
        ));
    };
    let typed = match temporal(operator, &left.data_type, &right.data_type)? {
        Some(typed) => typed,
        None if is_moved_or_scaled(operator, &left.data_type, &right.data_type) => {
            return Err(unexpected_beside(&left.data_type, &right.data_type));
        }
        None => numeric(operator, left, right)
            .map_err(|error| of_different_types(error, operator, left, right))?,
    };
    Ok(Signature {
        arguments: vec![typed.left, typed.right],
        returns: typed.returns,
        is_nullable: any_nullable(arguments),
    })
}

/// Of all operators but sums and differences, Spark first says that operands that nothing makes one type of differ.
fn of_different_types(error: Error, operator: Operator, left: &Expr, right: &Expr) -> Error {
    let have_other_units = left.units != right.units;
    let (left, right) = (&left.data_type, &right.data_type);
    let is_sum = matches!(operator, Operator::Add | Operator::Subtract);
    let has_text = [left, right].contains(&&DataType::Utf8);
    if !is_sum
        && (left != right || have_other_units)
        && !has_text
        && error.condition() == Some(WRONG_TYPE)
    {
        return different_types(left, right);
    }
    error
}

fn numeric(operator: Operator, left: &Expr, right: &Expr) -> Result<Typed> {
    let (left_type, right_type) = promoted(&left.data_type, &right.data_type)?;
    let exact = |expr: &Expr, data_type: &DataType, other: &DataType| match data_type {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        _ if is_integral(data_type) && is_decimal(other) => literal_of(expr)
            .and_then(decimal_of_literal)
            .or_else(|| decimal_for_integer(data_type)),
        _ => None,
    };
    let decimals = exact(left, &left_type, &right_type).zip(exact(right, &right_type, &left_type));
    if let Some((left, right)) = decimals {
        return Ok(decimal(operator, left, right));
    }
    let common = common_type(&left_type, &right_type)
        .filter(is_numeric)
        .ok_or_else(|| different_types(&left_type, &right_type))?;
    let has_text = left.data_type == DataType::Utf8 || right.data_type == DataType::Utf8;
    if operator == Operator::Divide && has_text && is_integral(&common) {
        return Ok(Typed {
            left: DataType::Int64,
            right: DataType::Int64,
            returns: DataType::Float64,
        });
    }
    let common = match operator {
        Operator::Divide => DataType::Float64,
        Operator::IntegralDivide if is_integral(&common) => DataType::Int64,
        Operator::IntegralDivide => {
            return Err(wrong_type(
                "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
                &common,
            ));
        }
        _ => common,
    };
    Ok(Typed {
        left: common.clone(),
        right: common.clone(),
        returns: common,
    })
}

fn literal_of(expr: &Expr) -> Option<&arrow::array::ArrayRef> {
    match &expr.kind {
        ExprKind::Literal(value) => Some(value),
        _ => None,
    }
}

/// The types after strings and nulls have yielded to the other side.
fn promoted(left: &DataType, right: &DataType) -> Result<(DataType, DataType)> {
    match (left, right) {
        (DataType::Null, DataType::Null) => Ok((DataType::Float64, DataType::Float64)),
        (DataType::Null, other) | (other, DataType::Null) if is_numeric(other) => {
            Ok((other.clone(), other.clone()))
        }
        (DataType::Utf8, other) | (other, DataType::Utf8) => {
            let common =
                common_type(&DataType::Utf8, other).ok_or_else(|| different_types(left, right))?;
            if is_numeric(&common) {
                Ok((common.clone(), common))
            } else {
                Err(wrong_type(NUMBERS_AND_INTERVALS, &common))
            }
        }
        _ if is_numeric(left) && is_numeric(right) => Ok((left.clone(), right.clone())),
        _ => match common_type(left, right) {
            Some(common) => Err(wrong_type(NUMBERS_AND_INTERVALS, &common)),
            None => Err(different_types(left, right)),
        },
    }
}

fn decimal(operator: Operator, left: (u8, i8), right: (u8, i8)) -> Typed {
    let rule = match operator {
        Operator::Add | Operator::Subtract => DecimalOperator::Add,
        Operator::Multiply => DecimalOperator::Multiply,
        Operator::Divide => DecimalOperator::Divide,
        Operator::IntegralDivide => DecimalOperator::IntegralDivide,
        Operator::Remainder | Operator::PositiveModulo => DecimalOperator::Remainder,
    };
    let (precision, scale) = decimal_result(rule, left, right);
    Typed {
        left: DataType::Decimal128(left.0, left.1),
        right: DataType::Decimal128(right.0, right.1),
        returns: if operator == Operator::IntegralDivide {
            DataType::Int64
        } else {
            DataType::Decimal128(precision, scale)
        },
    }
}

/// Whether Spark takes the operator for one on dates and intervals as soon as it sees one side: what else then does not fit is an argument of
/// an unexpected type.
fn is_moved_or_scaled(operator: Operator, left: &DataType, right: &DataType) -> bool {
    let moves = |data_type: &DataType| *data_type == day_time_interval();
    match operator {
        Operator::Add => [left, right]
            .iter()
            .any(|side| **side == DataType::Date32 || moves(side) || **side == calendar_interval()),
        Operator::Subtract => is_datetime(left) || is_datetime(right) || moves(right),
        Operator::Multiply => is_ansi_interval(left) || is_ansi_interval(right),
        Operator::Divide => is_ansi_interval(left),
        Operator::IntegralDivide | Operator::Remainder | Operator::PositiveModulo => false,
    }
}

fn unexpected_beside(left: &DataType, right: &DataType) -> Error {
    Error::invalid(format!(
        "a date, timestamp or interval cannot stand beside a value of this type. left=`{}`, right=`{}`",
        sql_name(left),
        sql_name(right)
    ))
    .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
}

/// Operands among which is a date, a timestamp or an interval; `None` if there is none, or only beside a type that does not fit.
fn temporal(operator: Operator, left: &DataType, right: &DataType) -> Result<Option<Typed>> {
    let is_temporal = |data_type: &DataType| {
        is_datetime(data_type) || is_ansi_interval(data_type) || *data_type == calendar_interval()
    };
    if !is_temporal(left) && !is_temporal(right) {
        return Ok(None);
    }
    refuse_wrong_shifts(operator, left, right)?;
    Ok(match operator {
        Operator::Add => add(left, right).or_else(|| {
            add(right, left).map(|swapped| Typed {
                left: swapped.right,
                right: swapped.left,
                returns: swapped.returns,
            })
        }),
        Operator::Subtract => subtract(left, right),
        Operator::Multiply => scaled(left, right).or_else(|| {
            scaled(right, left).map(|swapped| Typed {
                left: swapped.right,
                right: swapped.left,
                returns: swapped.returns,
            })
        }),
        Operator::Divide => scaled(left, right),
        Operator::IntegralDivide if left == right && is_ansi_interval(left) => Some(Typed {
            left: left.clone(),
            right: right.clone(),
            returns: DataType::Int64,
        }),
        _ => None,
    })
}

/// Refuses days of other types than `INT` and narrower ones, and texts moved by months. Dates and texts moved by a day-time interval do not
/// come here: [`crate::analyze`] writes them with dates, moments and casts.
fn refuse_wrong_shifts(operator: Operator, left: &DataType, right: &DataType) -> Result<()> {
    if !matches!(operator, Operator::Add | Operator::Subtract) {
        return Ok(());
    }
    let too_wide = |one: &DataType, other: &DataType| {
        *one == DataType::Date32
            && is_numeric(other)
            && !matches!(other, DataType::Int8 | DataType::Int16 | DataType::Int32)
    };
    if too_wide(left, right) || (operator == Operator::Add && too_wide(right, left)) {
        return Err(Error::invalid(
            "days that a DATE is moved by must be of type INT, SMALLINT or TINYINT: cast them",
        )
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"));
    }
    let text = |one: &DataType, other: &DataType| {
        *one == DataType::Utf8 && *other == year_month_interval()
    };
    if text(left, right) || (operator == Operator::Add && text(right, left)) {
        return Err(different_types(left, right));
    }
    Ok(())
}

fn same(data_type: &DataType) -> Typed {
    Typed {
        left: data_type.clone(),
        right: data_type.clone(),
        returns: data_type.clone(),
    }
}

/// The left side is what is moved.
fn add(left: &DataType, right: &DataType) -> Option<Typed> {
    let moved_by = |interval: DataType| Typed {
        left: left.clone(),
        right: interval,
        returns: left.clone(),
    };
    match (left, right) {
        (DataType::Date32, DataType::Int8 | DataType::Int16 | DataType::Int32) => {
            Some(moved_by(DataType::Int32))
        }
        // A null without a type is taken for an interval.
        (DataType::Date32, DataType::Null) => Some(Typed {
            left: timestamp(),
            right: day_time_interval(),
            returns: timestamp(),
        }),
        (DataType::Timestamp(_, _), DataType::Null) => Some(moved_by(day_time_interval())),
        (datetime, interval) if is_datetime(datetime) && *interval == year_month_interval() => {
            Some(moved_by(year_month_interval()))
        }
        (DataType::Timestamp(_, _), interval) if *interval == day_time_interval() => {
            Some(moved_by(day_time_interval()))
        }
        (datetime, interval) if is_datetime(datetime) && *interval == calendar_interval() => {
            Some(moved_by(calendar_interval()))
        }
        (interval, other) if is_ansi_interval(interval) || *interval == calendar_interval() => {
            (other == interval || *other == DataType::Null).then(|| same(interval))
        }
        _ => None,
    }
}

fn subtract(left: &DataType, right: &DataType) -> Option<Typed> {
    let difference = |data_type: DataType| Typed {
        left: data_type.clone(),
        right: data_type,
        returns: day_time_interval(),
    };
    match (left, right) {
        (DataType::Timestamp(_, _), other) | (other, DataType::Timestamp(_, _))
            if is_datetime(other) || matches!(other, DataType::Utf8 | DataType::Null) =>
        {
            let common = common_type(left, right)?;
            // Without a zone on both sides the wall clock decides, else the moments do.
            Some(difference(if is_datetime(&common) {
                common
            } else {
                timestamp()
            }))
        }
        (DataType::Date32, DataType::Date32 | DataType::Utf8 | DataType::Null)
        | (DataType::Utf8 | DataType::Null, DataType::Date32) => Some(difference(DataType::Date32)),
        (DataType::Null, interval) if is_ansi_interval(interval) => Some(same(interval)),
        // The other direction would subtract from an interval.
        (interval, other) if is_ansi_interval(interval) && is_datetime(other) => None,
        _ => add(left, right),
    }
}

/// An interval (left) times or divided by a number.
fn scaled(left: &DataType, right: &DataType) -> Option<Typed> {
    if !is_ansi_interval(left) {
        return None;
    }
    let number = match right {
        other if is_integral(other) => DataType::Int64,
        other if is_decimal(other) => other.clone(),
        DataType::Float32 | DataType::Float64 | DataType::Utf8 | DataType::Null => {
            DataType::Float64
        }
        _ => return None,
    };
    Some(Typed {
        left: left.clone(),
        right: number,
        returns: left.clone(),
    })
}

fn different_types(left: &DataType, right: &DataType) -> Error {
    Error::invalid(format!(
        "the left and right operands of the binary operator have incompatible types (\"{}\" and \"{}\")",
        sql_name(left),
        sql_name(right)
    ))
    .with_condition("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
}

fn wrong_type(wanted: &str, found: &DataType) -> Error {
    Error::invalid(format!(
        "the binary operator requires the input type {wanted}, not \"{}\"",
        sql_name(found)
    ))
    .with_condition(WRONG_TYPE)
}
