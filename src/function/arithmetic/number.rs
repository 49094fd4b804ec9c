//! Integers and floats.

use super::failure::{overflow, small_overflow, zero_divisor};
use super::kernel::{Checked, binary};
use super::{Operands, Operator};
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use std::sync::Arc;

/// Integers with the operations the loops need.
trait Integer: Copy + Default + Eq + std::fmt::Display {
    fn plus(self, other: Self) -> Checked<Self>;
    fn minus(self, other: Self) -> Checked<Self>;
    fn times(self, other: Self) -> Checked<Self>;
    fn over(self, other: Self) -> Checked<Self>;
    fn modulo(self, other: Self) -> Checked<Self>;
    fn positive_modulo(self, other: Self) -> Checked<Self>;
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl Integer for $type {
            fn plus(self, other: Self) -> Checked<Self> {
                self.overflowing_add(other).into()
            }
            fn minus(self, other: Self) -> Checked<Self> {
                self.overflowing_sub(other).into()
            }
            fn times(self, other: Self) -> Checked<Self> {
                self.overflowing_mul(other).into()
            }
            fn over(self, other: Self) -> Checked<Self> {
                Checked::of(self.checked_div(other))
            }
            fn modulo(self, other: Self) -> Checked<Self> {
                // The least value modulo -1 is 0, not an overflow.
                let value = if other == 0 { 0 } else { self.wrapping_rem(other) };
                Checked { value, failed: other == 0 }
            }
            fn positive_modulo(self, other: Self) -> Checked<Self> {
                let Checked { value, failed } = self.modulo(other);
                if failed || value >= 0 {
                    return Checked { value, failed };
                }
                value.wrapping_add(other).modulo(other)
            }
        }
    )*};
}
integer!(i8, i16, i32, i64);

pub(super) fn compute(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    match operands.left.data_type() {
        DataType::Int8 => integers::<Int8Type>(operator, operands, "Y"),
        DataType::Int16 => integers::<Int16Type>(operator, operands, "S"),
        DataType::Int32 => integers::<Int32Type>(operator, operands, ""),
        DataType::Int64 if operator == Operator::Divide => quotient_of_longs(operands),
        DataType::Int64 => integers::<Int64Type>(operator, operands, "L"),
        DataType::Float32 => floats::<Float32Type>(operator, operands),
        DataType::Float64 => floats::<Float64Type>(operator, operands),
        _ => Err(operands.unexpected()),
    }
}

/// What `/` is where text stands beside an integer: the text must be one too, but the quotient is a double.
#[expect(
    clippy::cast_precision_loss,
    reason = "the quotient is one of doubles, as in Spark"
)]
fn quotient_of_longs(operands: &Operands<'_>) -> Result<ArrayRef> {
    let quotient = |left: i64, right: i64| Checked {
        value: left as f64 / right as f64,
        failed: right == 0,
    };
    Ok(Arc::new(binary::<Int64Type, Int64Type, Float64Type>(
        (operands.left, operands.right),
        operands.is_try,
        quotient,
        |_, _| zero_divisor(Operator::Divide),
    )?))
}

fn integers<T: ArrowPrimitiveType>(
    operator: Operator,
    operands: &Operands<'_>,
    suffix: &'static str,
) -> Result<ArrayRef>
where
    T::Native: Integer,
{
    let sides = (operands.left, operands.right);
    let is_try = operands.is_try;
    let failure = |left: T::Native, right: T::Native| -> Error {
        let divides = matches!(
            operator,
            Operator::IntegralDivide | Operator::Remainder | Operator::PositiveModulo
        );
        if divides && right == T::Native::default() {
            return zero_divisor(operator);
        }
        match T::DATA_TYPE {
            DataType::Int32 => overflow("integer", operator),
            DataType::Int64 => overflow("long", operator),
            _ => small_overflow(
                &format!("{left}{suffix}"),
                operator,
                &format!("{right}{suffix}"),
            ),
        }
    };
    let array = match operator {
        Operator::Add => binary::<T, T, T>(sides, is_try, Integer::plus, failure),
        Operator::Subtract => binary::<T, T, T>(sides, is_try, Integer::minus, failure),
        Operator::Multiply => binary::<T, T, T>(sides, is_try, Integer::times, failure),
        Operator::IntegralDivide => binary::<T, T, T>(sides, is_try, Integer::over, failure),
        Operator::Remainder => binary::<T, T, T>(sides, is_try, Integer::modulo, failure),
        Operator::PositiveModulo => {
            binary::<T, T, T>(sides, is_try, Integer::positive_modulo, failure)
        }
        // The type rule makes doubles of integers that are divided, save for longs, which have a loop of their own.
        Operator::Divide => return Err(operands.unexpected()),
    };
    Ok(Arc::new(array?))
}

/// Floats with the operations the loops need. Only a zero divisor fails.
trait Float:
    Copy
    + Default
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Rem<Output = Self>
{
}

impl Float for f32 {}
impl Float for f64 {}

fn floats<T: ArrowPrimitiveType>(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef>
where
    T::Native: Float,
{
    let zero = T::Native::default();
    let safe = |value: T::Native| Checked {
        value,
        failed: false,
    };
    let divided = |value: T::Native, divisor: T::Native| Checked {
        value,
        failed: divisor == zero,
    };
    let sides = (operands.left, operands.right);
    let is_try = operands.is_try;
    let failure = |_, _| zero_divisor(operator);
    let array = match operator {
        Operator::Add => binary::<T, T, T>(sides, is_try, |a, b| safe(a + b), failure),
        Operator::Subtract => binary::<T, T, T>(sides, is_try, |a, b| safe(a - b), failure),
        Operator::Multiply => binary::<T, T, T>(sides, is_try, |a, b| safe(a * b), failure),
        Operator::Divide => binary::<T, T, T>(sides, is_try, |a, b| divided(a / b, b), failure),
        Operator::Remainder => binary::<T, T, T>(sides, is_try, |a, b| divided(a % b, b), failure),
        Operator::PositiveModulo => {
            let positive = |a: T::Native, b: T::Native| {
                let rest = a % b;
                divided(if rest < zero { (rest + b) % b } else { rest }, b)
            };
            binary::<T, T, T>(sides, is_try, positive, failure)
        }
        Operator::IntegralDivide => return Err(operands.unexpected()),
    };
    Ok(Arc::new(array?))
}
