//! The errors of arithmetic, in Spark's words.

use super::Operator;
use crate::error::Error;

impl Operator {
    fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::IntegralDivide => "div",
            Operator::Remainder => "%",
            Operator::PositiveModulo => "pmod",
        }
    }

    fn tolerant_name(self) -> &'static str {
        match self {
            Operator::Add => "try_add",
            Operator::Subtract => "try_subtract",
            Operator::Multiply => "try_multiply",
            Operator::Divide | Operator::IntegralDivide => "try_divide",
            Operator::Remainder | Operator::PositiveModulo => "try_mod",
        }
    }
}

/// `ARITHMETIC_OVERFLOW`. `what` is the kind of number: `integer`, `long`, `interval`.
pub(super) fn overflow(what: &str, operator: Operator) -> Error {
    Error::data(format!(
        "{what} overflow. Use '{}' to tolerate overflow and return NULL instead",
        operator.tolerant_name()
    ))
    .with_condition("ARITHMETIC_OVERFLOW")
}

/// `INTERVAL_ARITHMETIC_OVERFLOW` of the sum or difference of intervals.
pub(super) fn interval_overflow(operator: Operator) -> Error {
    Error::data(format!(
        "integer overflow while operating with intervals. Use '{}' to tolerate overflow and return NULL instead",
        operator.tolerant_name()
    ))
    .with_condition("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION")
}

/// `ARITHMETIC_OVERFLOW` of an operation that has no form that tolerates it.
pub(crate) fn plain_overflow(what: &str) -> Error {
    Error::data(format!("{what} overflow")).with_condition("ARITHMETIC_OVERFLOW")
}

/// `BINARY_ARITHMETIC_OVERFLOW`, which `TINYINT` and `SMALLINT` have.
pub(super) fn small_overflow(left: &str, operator: Operator, right: &str) -> Error {
    Error::data(format!(
        "{left} {} {right} caused overflow. Use '{}' to ignore overflow problem and return NULL",
        operator.symbol(),
        operator.tolerant_name()
    ))
    .with_condition("BINARY_ARITHMETIC_OVERFLOW")
}

/// `DIVIDE_BY_ZERO`, for remainders `REMAINDER_BY_ZERO`.
pub(super) fn zero_divisor(operator: Operator) -> Error {
    match operator {
        Operator::Remainder | Operator::PositiveModulo => Error::data(
            "remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead",
        )
        .with_condition("REMAINDER_BY_ZERO"),
        _ => Error::data(
            "division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead",
        )
        .with_condition("DIVIDE_BY_ZERO"),
    }
}

/// `INTERVAL_DIVIDED_BY_ZERO`.
pub(super) fn interval_zero_divisor() -> Error {
    Error::data(
        "division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead",
    )
    .with_condition("INTERVAL_DIVIDED_BY_ZERO")
}
