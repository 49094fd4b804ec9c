//! `format_number(number, places)`: groups of three digits, rounded half to even, as Java's `DecimalFormat` does it; or by a pattern of its own.

mod pattern;

use crate::cast::{self};
use crate::error::Result;
use crate::expr::Expr;
use crate::function::kernel::{Column, Ints, Text, argument, text_into, try_text_into};
use crate::function::signature::{INT, TEXT, Wanted, argument_types, nullable, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{is_decimal, is_floating};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type};
use pattern::{Digits, Pattern, Rounding};

pub(super) fn function() -> ScalarFunction {
    ScalarFunction {
        name: "format_number",
        usage: "format_number(number, places | pattern)",
        description: "The number with commas between thousands and this many decimal places, null for a negative number of places; or by a pattern such as '#,##0.00'.",
        example: "SELECT format_number(12332.123456, 4)",
        resolve,
        kernel,
        is_deterministic: true,
    }
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let has_pattern = arguments
        .get(1)
        .is_some_and(|places| places.data_type == DataType::Utf8);
    if let Some(places) = arguments.get(1)
        && (is_decimal(&places.data_type) || is_floating(&places.data_type))
    {
        return Err(unexpected_type("format_number", places, 1, "INT or STRING"));
    }
    let second = if has_pattern { TEXT } else { INT };
    let types = argument_types("format_number", arguments, &[&[Wanted::Numeric], second], 2)?;
    Ok(nullable(types, DataType::Utf8))
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let number = argument(call, 0)?;
    if argument(call, 1)?.array().data_type() == &DataType::Utf8 {
        return by_pattern(call);
    }
    let places: Ints<'_> = Column::of(call, 1)?;
    let digits = digits_of(number.array())?;
    text_into(call.rows, |row, out| {
        let index = number.index(row);
        let places = usize::try_from(places.get(row)?).ok()?;
        if number.array().is_null(index) {
            return None;
        }
        write_grouped(&digits(index, places), out);
        Some(())
    })
}

fn by_pattern(call: &Call<'_>) -> Result<ArrayRef> {
    let number = argument(call, 0)?;
    let patterns: Text<'_> = Column::of(call, 1)?;
    let array = match number.array().data_type() {
        DataType::Float64 | DataType::Float32 | DataType::Decimal128(..) => number.array().clone(),
        _ => arrow::compute::cast(number.array(), &DataType::Int64)?,
    };
    let mut last: Option<(&str, Pattern)> = None;
    try_text_into(call.rows, |row, out| {
        let index = number.index(row);
        let (Some(text), false) = (patterns.get(row), array.is_null(index)) else {
            return Ok(None);
        };
        let pattern = match last.take() {
            Some((before, pattern)) if before == text => pattern,
            _ => Pattern::new(text)?,
        };
        write_by_pattern(&array, index, &pattern, out);
        last = Some((text, pattern));
        Ok(Some(()))
    })
}

/// Appends a value of an array of doubles, floats, decimals or longs.
fn write_by_pattern(array: &ArrayRef, index: usize, pattern: &Pattern, out: &mut String) {
    let double = match array.data_type() {
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().value(index)),
        DataType::Float32 => Some(array.as_primitive::<Float32Type>().value(index).into()),
        _ => None,
    };
    // The product may be infinite where the value is not.
    let double = double.map(|value: f64| value * 10_f64.powi(pattern.shift().cast_signed()));
    let digits = match (double, array.data_type()) {
        (Some(value), _) if !value.is_finite() => {
            pattern.write_other(value, out);
            return;
        }
        (Some(value), _) => of_double(value, pattern),
        (None, DataType::Decimal128(_, scale)) => {
            let value = array.as_primitive::<Decimal128Type>().value(index);
            Digits::of(&cast::text::decimal_text(value, *scale)).shifted(pattern.shift())
        }
        (None, _) => {
            let value = array.as_primitive::<Int64Type>().value(index);
            Digits::of(&value.to_string()).shifted(pattern.shift())
        }
    };
    pattern.write(&digits.rounded(pattern.rounding()), out);
}

/// A finite double, its point already moved, is rounded by its exact value, unless its shortest digits are few enough.
fn of_double(value: f64, pattern: &Pattern) -> Digits {
    let shortest = Digits::of(&format!("{value:e}"));
    if shortest.clone().rounded(pattern.rounding()) == shortest {
        return shortest;
    }
    Digits::of(&match pattern.rounding() {
        Rounding::Places(places) => format!("{value:.places$}"),
        Rounding::Digits(digits) => format!("{value:.*e}", digits.saturating_sub(1)),
    })
}

/// The text, with places, of the value at an index.
type DigitsOf<'a> = Box<dyn Fn(usize, usize) -> String + 'a>;

fn digits_of(array: &ArrayRef) -> Result<DigitsOf<'_>> {
    Ok(match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(|index, places| double_digits(values.value(index), places))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Box::new(|index, places| double_digits(f64::from(values.value(index)), places))
        }
        DataType::Decimal128(_, scale) => {
            let values = array.as_primitive::<Decimal128Type>();
            let scale = usize::try_from(*scale).unwrap_or_default();
            Box::new(move |index, places| decimal_digits(values.value(index), scale, places))
        }
        _ => {
            let longs = arrow::compute::cast(array, &DataType::Int64)?;
            let values = longs.as_primitive::<Int64Type>().clone();
            Box::new(move |index, places| {
                decimal_digits(i128::from(values.value(index)), 0, places)
            })
        }
    })
}

/// Zeros are appended to the shortest digits of the double; fewer places than those are rounded by its exact value.
fn double_digits(value: f64, places: usize) -> String {
    if !value.is_finite() {
        let sign = if value.is_sign_negative() && !value.is_nan() {
            "-"
        } else {
            ""
        };
        return format!("{sign}{}", if value.is_nan() { "NaN" } else { "∞" });
    }
    let shortest = format!("{value}");
    let fraction = shortest
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    if fraction > places {
        return format!("{value:.places$}");
    }
    with_zeros(shortest, fraction, places)
}

fn with_zeros(mut digits: String, fraction: usize, places: usize) -> String {
    if fraction == 0 && places > 0 {
        digits.push('.');
    }
    digits.extend(std::iter::repeat_n('0', places - fraction));
    digits
}

fn decimal_digits(value: i128, scale: usize, places: usize) -> String {
    if scale <= places {
        let scale_sign = i8::try_from(scale).unwrap_or_default();
        return with_zeros(cast::text::decimal_text(value, scale_sign), scale, places);
    }
    let unit = 10u128.pow(u32::try_from(scale - places).unwrap_or_default());
    let magnitude = value.unsigned_abs();
    let (mut quotient, remainder) = (magnitude / unit, magnitude % unit);
    let is_up = match (remainder * 2).cmp(&unit) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    quotient += u128::from(is_up);
    let text = format!("{quotient:0>width$}", width = places + 1);
    let (whole, fraction) = text.split_at(text.len() - places);
    let sign = if value < 0 { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// Puts a comma before every third digit of the whole part, from its end.
fn write_grouped(digits: &str, out: &mut String) {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    out.push_str(sign);
    for (index, digit) in digits.char_indices() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 && digit.is_ascii_digit() {
            out.push(',');
        }
        out.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{answers, assert_answers};

    #[test]
    fn a_number_that_its_percent_sign_makes_infinite_is_written_so() {
        assert_answers(&[
            ("format_number(1e308D, '0%')", "∞%"),
            ("format_number(-1e308D, '0%')", "-∞%"),
            ("format_number(0.256D, '0.0%')", "25.6%"),
        ]);
    }

    #[test]
    fn an_exponent_has_as_many_digits_as_its_pattern() {
        assert_answers(&[(
            "length(format_number(1.5D, concat('0E', repeat('0', 70000))))",
            "70002",
        )]);
    }

    #[test]
    fn integers_are_written_row_by_row() {
        let texts = answers("format_number(n, s)", &["00", "0%", "NULL", "0.0"]).unwrap();
        assert_eq!(texts, ["01", "200%", "NULL", "4.0"]);
    }
}
