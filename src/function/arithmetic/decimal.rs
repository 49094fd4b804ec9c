//! Decimals: computed exactly, then rounded half up to the scale of the result type.
//!
//! Almost all values fit into 128 bits on the way; what does not is done again with big integers. A quotient is rounded twice, as
//! in Spark: to 39 digits after the point, then to the result's scale. One rounding gives the same unless the divisor is large,
//! which [`Division::quotient`] looks for.

use super::failure::{overflow, zero_divisor};
use super::kernel::{Checked, binary};
use super::{Operands, Operator};
use crate::cast::text::decimal_text;
use crate::cast::{decimal_overflow, divide_half_up, power_of_ten, rescale};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use num_bigint::BigInt;
use std::sync::Arc;

/// Digits after the point of a quotient before it is rounded to its type.
const QUOTIENT_SCALE: u32 = 39;

/// The scales of operands and result, and the precision of the result.
#[derive(Clone, Copy)]
struct Scales {
    left: i8,
    right: i8,
    precision: u8,
    result: i8,
}

pub(super) fn compute(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    let (DataType::Decimal128(_, left), DataType::Decimal128(_, right)) =
        (operands.left.data_type(), operands.right.data_type())
    else {
        return Err(operands.unexpected());
    };
    let (left, right) = (*left, *right);
    if operator == Operator::IntegralDivide {
        return integral_divide(operands, left, right);
    }
    let DataType::Decimal128(precision, result) = *operands.call.returns else {
        return Err(operands.unexpected());
    };
    let scales = Scales {
        left,
        right,
        precision,
        result,
    };
    let is_division = matches!(
        operator,
        Operator::Divide | Operator::Remainder | Operator::PositiveModulo
    );
    let failure = |left: i128, right: i128| -> Error {
        if is_division && right == 0 {
            return zero_divisor(operator);
        }
        let shown = shown_result(operator, left, right, scales);
        decimal_overflow(&shown, precision, result)
    };
    let sides = (operands.left, operands.right);
    let is_try = operands.is_try;
    let array = match operator {
        Operator::Add | Operator::Subtract => {
            let sign = if operator == Operator::Add { 1 } else { -1 };
            decimals(sides, is_try, |a, b| add(a, sign * b, scales), failure)
        }
        Operator::Multiply => decimals(sides, is_try, |a, b| multiply(a, b, scales), failure),
        Operator::Divide => {
            let division = Division::new(scales);
            decimals(sides, is_try, |a, b| division.quotient(a, b), failure)
        }
        Operator::Remainder => decimals(
            sides,
            is_try,
            |a, b| remainder(a, b, scales, false),
            failure,
        ),
        Operator::PositiveModulo => {
            decimals(sides, is_try, |a, b| remainder(a, b, scales, true), failure)
        }
        Operator::IntegralDivide => return Err(operands.unexpected()),
    };
    let array = array?.with_precision_and_scale(precision, result)?;
    Ok(Arc::new(array))
}

fn decimals(
    sides: (&crate::expr::Value, &crate::expr::Value),
    is_try: bool,
    operator: impl Fn(i128, i128) -> Option<i128>,
    failure: impl Fn(i128, i128) -> Error,
) -> Result<arrow::array::Decimal128Array> {
    binary::<Decimal128Type, Decimal128Type, Decimal128Type>(
        sides,
        is_try,
        |left, right| Checked::of(operator(left, right)),
        failure,
    )
}

fn exponent(scale: i32) -> u32 {
    u32::try_from(scale).unwrap_or_default()
}

fn big_power(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

/// Division of big integers rounded half away from zero; the divisor may be negative.
fn big_divide_half_up(value: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = value / divisor;
    let twice_rest: BigInt = (value % divisor) * 2;
    if twice_rest.magnitude() < divisor.magnitude() {
        return quotient;
    }
    if value.sign() == divisor.sign() {
        quotient + 1
    } else {
        quotient - 1
    }
}

/// A big decimal at the result's scale, if it fits its precision.
fn fitted(value: &BigInt, scale: i32, scales: Scales) -> Option<i128> {
    let shift = i32::from(scales.result) - scale;
    let rescaled = if shift >= 0 {
        value * big_power(exponent(shift))
    } else {
        big_divide_half_up(value, &big_power(exponent(-shift)))
    };
    let narrow = i128::try_from(&rescaled).ok()?;
    rescale(narrow, scales.result, scales.precision, scales.result)
}

fn add(left: i128, right: i128, scales: Scales) -> Option<i128> {
    let scale = scales.left.max(scales.right);
    let aligned = |value: i128, from: i8| {
        power_of_ten(exponent(i32::from(scale) - i32::from(from)))
            .and_then(|factor| value.checked_mul(factor))
    };
    let sum = aligned(left, scales.left)
        .zip(aligned(right, scales.right))
        .and_then(|(left, right)| left.checked_add(right));
    if let Some(sum) = sum {
        return rescale(sum, scale, scales.precision, scales.result);
    }
    let aligned = |value: i128, from: i8| {
        BigInt::from(value) * big_power(exponent(i32::from(scale) - i32::from(from)))
    };
    let sum = aligned(left, scales.left) + aligned(right, scales.right);
    fitted(&sum, i32::from(scale), scales)
}

fn multiply(left: i128, right: i128, scales: Scales) -> Option<i128> {
    let scale = scales.left + scales.right;
    match left.checked_mul(right) {
        Some(product) => rescale(product, scale, scales.precision, scales.result),
        None => fitted(&(BigInt::from(left) * right), i32::from(scale), scales),
    }
}

/// A division with what its scales decide once for all rows.
struct Division {
    scales: Scales,
    /// What the dividend is multiplied with for a quotient at the result's scale, if that fits.
    factor: Option<i128>,
    /// Below this divisor one rounding equals two.
    safe_divisor: i128,
}

impl Division {
    fn new(scales: Scales) -> Division {
        let shift = i32::from(scales.result) - i32::from(scales.left) + i32::from(scales.right);
        let spare_digits = QUOTIENT_SCALE.saturating_sub(exponent(i32::from(scales.result)));
        Division {
            scales,
            factor: (shift >= 0)
                .then(|| power_of_ten(exponent(shift)))
                .flatten(),
            safe_divisor: power_of_ten(spare_digits.min(38)).unwrap_or(i128::MAX) / 2,
        }
    }

    fn quotient(&self, left: i128, right: i128) -> Option<i128> {
        if right == 0 {
            return None;
        }
        let Scales {
            precision, result, ..
        } = self.scales;
        let shifted = self.factor.and_then(|factor| left.checked_mul(factor));
        if let Some(shifted) = shifted
            && right.unsigned_abs() < self.safe_divisor.unsigned_abs()
        {
            let quotient = divide_half_up(shifted * right.signum(), right.abs());
            return rescale(quotient, result, precision, result);
        }
        let scale = i64::from(QUOTIENT_SCALE) - i64::from(self.shift_of_operands());
        let dividend = BigInt::from(left) * big_power(u32::try_from(scale).ok()?);
        let quotient = big_divide_half_up(&dividend, &BigInt::from(right));
        fitted(&quotient, i32::try_from(QUOTIENT_SCALE).ok()?, self.scales)
    }

    /// The scale of the quotient of the unscaled operands.
    fn shift_of_operands(&self) -> i32 {
        i32::from(self.scales.left) - i32::from(self.scales.right)
    }
}

fn remainder(left: i128, right: i128, scales: Scales, is_positive: bool) -> Option<i128> {
    if right == 0 {
        return None;
    }
    let scale = scales.left.max(scales.right);
    let big = |value: i128, from: i8| {
        BigInt::from(value) * big_power(exponent(i32::from(scale) - i32::from(from)))
    };
    let aligned = |value: i128, from: i8| {
        power_of_ten(exponent(i32::from(scale) - i32::from(from)))
            .and_then(|factor| value.checked_mul(factor))
    };
    if let (Some(left), Some(right)) = (aligned(left, scales.left), aligned(right, scales.right)) {
        let rest = left.wrapping_rem(right);
        let rest = if is_positive && rest < 0 {
            rest.checked_add(right)?.wrapping_rem(right)
        } else {
            rest
        };
        return rescale(rest, scale, scales.precision, scales.result);
    }
    let right = big(right, scales.right);
    let mut rest = big(left, scales.left) % &right;
    if is_positive && rest < BigInt::from(0) {
        rest = (rest + &right) % &right;
    }
    fitted(&rest, i32::from(scale), scales)
}

/// `div` of decimals: the quotient towards zero, as a `BIGINT`.
fn integral_divide(operands: &Operands<'_>, left_scale: i8, right_scale: i8) -> Result<ArrayRef> {
    let shift = i32::from(right_scale) - i32::from(left_scale);
    let quotient = |left: i128, right: i128| -> Option<i64> {
        if right == 0 {
            return None;
        }
        let (mut left, mut right) = (BigInt::from(left), BigInt::from(right));
        if shift >= 0 {
            left *= big_power(exponent(shift));
        } else {
            right *= big_power(exponent(-shift));
        }
        i64::try_from(left / right).ok()
    };
    let failure = |_, right: i128| {
        if right == 0 {
            zero_divisor(Operator::IntegralDivide)
        } else {
            overflow("long", Operator::IntegralDivide)
        }
    };
    let array = binary::<Decimal128Type, Decimal128Type, Int64Type>(
        (operands.left, operands.right),
        operands.is_try,
        |left, right| Checked::of(quotient(left, right)),
        failure,
    )?;
    Ok(Arc::new(array) as Arc<dyn Array>)
}

/// A result that does not fit, for the message.
fn shown_result(operator: Operator, left: i128, right: i128, scales: Scales) -> String {
    let sides = (
        decimal_text(left, scales.left),
        decimal_text(right, scales.right),
    );
    let symbol = match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::IntegralDivide => "div",
        Operator::Remainder => "%",
        Operator::PositiveModulo => "pmod",
    };
    format!("{} {symbol} {}", sides.0, sides.1)
}
