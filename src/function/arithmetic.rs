//! `+ - * / % div pmod`, unary minus, `abs`, and their `try_` forms, on numbers, dates, timestamps and intervals.
//!
//! Everything is checked, as in ANSI mode: an integer that overflows, a decimal that does not fit its type and a division by
//! zero are errors, and null for the `try_` forms. Result types: [`resolve`]; loops: [`kernel`].

mod calendar;
mod decimal;
mod failure;
mod kernel;
mod number;
mod resolve;
mod temporal;
#[cfg(test)]
mod tests;
mod unary;

pub(crate) use kernel::{Checked, binary};

use crate::error::{Error, Result};
use crate::expr::Value;
use crate::function::{Call, ScalarFunction};
use crate::types::{is_decimal, is_numeric, sql_name};
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use std::borrow::Cow;

/// The binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegralDivide,
    Remainder,
    PositiveModulo,
}

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] = &[("mod", "%")];

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = operators();
    functions.extend(tolerant());
    functions.extend(unary::functions());
    functions
}

#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn operators() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("+", "expr1 + expr2"),
            (
                "the sum of two numbers or intervals; a date or timestamp moved by an interval",
                "SELECT 1 + 2",
            ),
            (
                |arguments| resolve::plus_or_minus(Operator::Add, arguments),
                |call| signed_or_binary(Operator::Add, call),
            ),
        ),
        ScalarFunction::new(
            ("-", "expr1 - expr2"),
            (
                "the difference of two numbers, intervals, dates or timestamps; with one argument, its negative",
                "SELECT 2 - 1",
            ),
            (
                |arguments| resolve::plus_or_minus(Operator::Subtract, arguments),
                |call| signed_or_binary(Operator::Subtract, call),
            ),
        ),
        ScalarFunction::new(
            ("*", "expr1 * expr2"),
            (
                "the product of two numbers, or of an interval and a number",
                "SELECT 2 * 3",
            ),
            (
                |arguments| resolve::binary(Operator::Multiply, arguments),
                |call| compute(Operator::Multiply, false, call),
            ),
        ),
        ScalarFunction::new(
            ("/", "expr1 / expr2"),
            ("the quotient as a double or a decimal", "SELECT 3 / 2"),
            (
                |arguments| resolve::binary(Operator::Divide, arguments),
                |call| compute(Operator::Divide, false, call),
            ),
        ),
        ScalarFunction::new(
            ("div", "expr1 div expr2"),
            (
                "the quotient without its fraction, as a BIGINT",
                "SELECT 3 div 2",
            ),
            (
                |arguments| resolve::binary(Operator::IntegralDivide, arguments),
                |call| compute(Operator::IntegralDivide, false, call),
            ),
        ),
        ScalarFunction::new(
            ("%", "expr1 % expr2"),
            (
                "the remainder, with the sign of the dividend",
                "SELECT 2 % 1.8",
            ),
            (
                |arguments| resolve::binary(Operator::Remainder, arguments),
                |call| compute(Operator::Remainder, false, call),
            ),
        ),
        ScalarFunction::new(
            ("pmod", "pmod(expr1, expr2)"),
            (
                "the remainder, never negative for a positive divisor",
                "SELECT pmod(-10, 3)",
            ),
            (
                |arguments| resolve::binary(Operator::PositiveModulo, arguments),
                |call| compute(Operator::PositiveModulo, false, call),
            ),
        ),
    ]
}

/// The forms that give null where the operators fail.
fn tolerant() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("try_add", "try_add(expr1, expr2)"),
            ("as `+`, but null on overflow", "SELECT try_add(1, 2)"),
            (
                |arguments| resolve::tolerant(Operator::Add, arguments),
                |call| compute(Operator::Add, true, call),
            ),
        ),
        ScalarFunction::new(
            ("try_subtract", "try_subtract(expr1, expr2)"),
            ("as `-`, but null on overflow", "SELECT try_subtract(2, 1)"),
            (
                |arguments| resolve::tolerant(Operator::Subtract, arguments),
                |call| compute(Operator::Subtract, true, call),
            ),
        ),
        ScalarFunction::new(
            ("try_multiply", "try_multiply(expr1, expr2)"),
            ("as `*`, but null on overflow", "SELECT try_multiply(2, 3)"),
            (
                |arguments| resolve::tolerant(Operator::Multiply, arguments),
                |call| compute(Operator::Multiply, true, call),
            ),
        ),
        ScalarFunction::new(
            ("try_divide", "try_divide(dividend, divisor)"),
            (
                "as `/`, but null if the divisor is zero",
                "SELECT try_divide(3, 2)",
            ),
            (
                |arguments| resolve::tolerant(Operator::Divide, arguments),
                |call| compute(Operator::Divide, true, call),
            ),
        ),
        ScalarFunction::new(
            ("try_mod", "try_mod(dividend, divisor)"),
            (
                "as `%`, but null if the divisor is zero",
                "SELECT try_mod(3, 2)",
            ),
            (
                |arguments| resolve::tolerant(Operator::Remainder, arguments),
                |call| compute(Operator::Remainder, true, call),
            ),
        ),
    ]
}

/// `+` and `-` with one argument are signs.
fn signed_or_binary(operator: Operator, call: &Call<'_>) -> Result<ArrayRef> {
    match (operator, call.arguments) {
        (Operator::Subtract, [only]) => unary::negate(only),
        (_, [only]) => Ok(only.array().clone()),
        _ => compute(operator, false, call),
    }
}

fn compute(operator: Operator, is_try: bool, call: &Call<'_>) -> Result<ArrayRef> {
    let [left, right] = call.arguments else {
        return Err(Error::internal(
            "an arithmetic operator needs two arguments",
        ));
    };
    let (left, right) = if is_try {
        (
            Cow::Owned(number_of_text(left, right, call)?),
            Cow::Owned(number_of_text(right, left, call)?),
        )
    } else {
        (Cow::Borrowed(left), Cow::Borrowed(right))
    };
    if left.is_null_constant() || right.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let operands = Operands {
        left: &left,
        right: &right,
        is_try,
        call,
    };
    let (left_type, right_type) = (left.data_type(), right.data_type());
    if is_decimal(left_type) && is_decimal(right_type) {
        decimal::compute(operator, &operands)
    } else if is_numeric(left_type) && is_numeric(right_type) {
        number::compute(operator, &operands)
    } else {
        temporal::compute(operator, &operands)
    }
}

/// Text as the number that stands beside it, or as a factor of an interval; null where it is none.
fn number_of_text(value: &Value, other: &Value, call: &Call<'_>) -> Result<Value> {
    if *value.data_type() != DataType::Utf8 {
        return Ok(value.clone());
    }
    let wanted = match other.data_type() {
        number if is_numeric(number) => number,
        _ => &DataType::Float64,
    };
    let numbers = crate::cast::cast(value.array(), wanted, true, call.context)?;
    Ok(value.with_array(numbers))
}

/// The two sides of an operator.
struct Operands<'a> {
    left: &'a Value,
    right: &'a Value,
    is_try: bool,
    call: &'a Call<'a>,
}

impl Operands<'_> {
    /// A bug: the type rule let types through that no loop is there for.
    fn unexpected(&self) -> Error {
        Error::internal(format!(
            "an arithmetic operator got operands it was not resolved for. left=`{}` right=`{}`",
            sql_name(self.left.data_type()),
            sql_name(self.right.data_type())
        ))
    }
}
