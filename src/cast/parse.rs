//! Text to numbers and booleans, as Spark reads it: white space and control characters around are skipped.

/// Text without the ASCII white space and control characters around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character <= ' ' || character == '\u{7f}')
}

/// An integer: an optional sign and digits.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let bytes = trimmed(text).as_bytes();
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counting downwards reaches the least integer too.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if is_negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A float as Java reads it: `1`, `.5`, `1e3`, `1.5D`, and `inf`, `infinity`, `nan` in any case.
pub(crate) fn double(text: &str) -> Option<f64> {
    floating(text)?.parse().ok()
}

/// As [`double`], for `FLOAT`.
pub(crate) fn float(text: &str) -> Option<f32> {
    floating(text)?.parse().ok()
}

/// The text of a float without a trailing type letter.
fn floating(text: &str) -> Option<&str> {
    let text = text.trim_matches(|character: char| character <= ' ');
    let without_letter = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if without_letter.ends_with(|last: char| last.is_ascii_digit() || last == '.') {
        return Some(without_letter);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_special = ["inf", "infinity", "nan"]
        .iter()
        .any(|special| unsigned.eq_ignore_ascii_case(special));
    // A signed NaN is Java's only, and only in this spelling.
    let is_signed_nan = unsigned.len() < text.len() && unsigned.eq_ignore_ascii_case("nan");
    (is_special && (!is_signed_nan || unsigned == "NaN")).then_some(text)
}

/// A boolean: `t`, `true`, `y`, `yes`, `1` and their opposites, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = trimmed(text);
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["t", "true", "y", "yes", "1"]) {
        Some(true)
    } else if is_one_of(["f", "false", "n", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Why a text is no decimal of the wanted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalFailure {
    /// It is not written as a number.
    Malformed,
    /// It is a number, but too large.
    TooLarge,
}

/// A decimal of this precision and scale, rounded half up, as an integer of 10^-scale.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Result<i128, DecimalFailure> {
    let text = text.trim_matches(|character: char| character <= ' ');
    let (is_negative, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let exponent_at = unsigned
        .iter()
        .position(|byte| matches!(byte, b'e' | b'E'))
        .unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at(exponent_at);
    let exponent = match exponent {
        [] => 0,
        [_, digits @ ..] => exponent_value(digits)?,
    };
    let point_at = mantissa
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(mantissa.len());
    let (whole, fraction) = mantissa.split_at(point_at);
    let fraction = fraction.get(1..).unwrap_or_default();
    let is_number =
        whole.len() + fraction.len() > 0 && whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !is_number {
        return Err(DecimalFailure::Malformed);
    }
    // The value is `digits` with the decimal point after the first `kept - scale` of them.
    let kept = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_add(exponent)
        + i64::from(scale);
    let magnitude = rounded_digits(whole.iter().chain(fraction), kept)?;
    if magnitude >= 10_i128.pow(u32::from(precision)) {
        return Err(DecimalFailure::TooLarge);
    }
    Ok(if is_negative { -magnitude } else { magnitude })
}

fn exponent_value(digits: &[u8]) -> Result<i64, DecimalFailure> {
    let text = std::str::from_utf8(digits).map_err(|_| DecimalFailure::Malformed)?;
    let exponent: i32 = text.parse().map_err(|_| DecimalFailure::Malformed)?;
    Ok(i64::from(exponent))
}

/// The first `kept` digits (zeros follow if there are fewer) as a number, rounded half up by the digit after them.
fn rounded_digits<'a>(
    digits: impl Iterator<Item = &'a u8>,
    kept: i64,
) -> Result<i128, DecimalFailure> {
    let mut magnitude: i128 = 0;
    let mut taken = 0;
    for byte in digits {
        let digit = i128::from(byte - b'0');
        if taken == kept {
            return Ok(magnitude + i128::from(digit >= 5));
        }
        if kept < 0 {
            return Ok(0);
        }
        magnitude = append_digit(magnitude, digit)?;
        taken += 1;
    }
    while taken < kept && magnitude != 0 {
        magnitude = append_digit(magnitude, 0)?;
        taken += 1;
    }
    Ok(magnitude)
}

fn append_digit(magnitude: i128, digit: i128) -> Result<i128, DecimalFailure> {
    magnitude
        .checked_mul(10)
        .and_then(|shifted| shifted.checked_add(digit))
        .ok_or(DecimalFailure::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_with_sign_and_white_space() {
        assert_eq!(integer(" +12\n"), Some(12));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        for text in ["", " ", "-", "1.0", "1 2", "0x1", "१"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn floats_are_read_as_java_reads_them() {
        assert_eq!(double(" 1.5D "), Some(1.5));
        assert_eq!(double(".5"), Some(0.5));
        assert_eq!(double("1e3f"), Some(1000.0));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(double("nan").unwrap().is_nan());
        for text in ["", "e", "1e", "d", "-nan", "1_000", "0x", "1..2"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_round_half_up() {
        assert_eq!(decimal("1.005", 10, 2), Ok(101));
        assert_eq!(decimal("-1.005", 10, 2), Ok(-101));
        assert_eq!(decimal("0.004", 10, 2), Ok(0));
        assert_eq!(decimal("0.0004", 10, 2), Ok(0));
        assert_eq!(decimal("12e-1", 10, 2), Ok(120));
        assert_eq!(decimal("1e2", 10, 2), Ok(10000));
        assert_eq!(decimal("99.995", 4, 2), Err(DecimalFailure::TooLarge));
        assert_eq!(decimal("1e99", 10, 2), Err(DecimalFailure::TooLarge));
        assert_eq!(decimal("0e99", 10, 2), Ok(0));
        for text in ["", ".", "1d", "1.2.3", "1e", "e1", "--1"] {
            assert_eq!(
                decimal(text, 10, 2),
                Err(DecimalFailure::Malformed),
                "{text}"
            );
        }
    }
}
