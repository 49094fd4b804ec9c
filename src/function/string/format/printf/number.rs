//! Numbers as `format_string` writes them: rounded half up from their shortest digits, with signs, groups and zeros as the flags say.

use super::Specifier;

impl Specifier {
    pub(super) fn integer(&self, value: i64) -> String {
        self.signed(value < 0, value.unsigned_abs().to_string())
    }

    /// Grouping, sign, parentheses and zeros around the digits of a number.
    fn signed(&self, is_negative: bool, digits: String) -> String {
        let digits = if self.has(',') {
            grouped(&digits)
        } else {
            digits
        };
        let (before, after) = match (is_negative, self.has('(')) {
            (true, true) => ("(", ")"),
            (true, false) => ("-", ""),
            (false, _) if self.has('+') => ("+", ""),
            (false, _) if self.has(' ') => (" ", ""),
            (false, _) => ("", ""),
        };
        let length = before.len() + digits.len() + after.len();
        let zeros = if self.has('0') {
            self.width.saturating_sub(length)
        } else {
            0
        };
        format!("{before}{}{digits}{after}", "0".repeat(zeros))
    }

    /// Two's complement in the width of the type.
    pub(super) fn unsigned(&self, value: i64, bits: u32, radix: u32) -> String {
        let mask = u64::MAX >> (64 - bits);
        let value = value.cast_unsigned() & mask;
        let prefix = match (self.has('#'), radix) {
            (true, 16) => "0x",
            (true, _) => "0",
            (false, _) => "",
        };
        let digits = if radix == 16 {
            format!("{value:x}")
        } else {
            format!("{value:o}")
        };
        let length = prefix.len() + digits.len();
        let zeros = if self.has('0') {
            self.width.saturating_sub(length)
        } else {
            0
        };
        format!("{prefix}{}{digits}", "0".repeat(zeros))
    }

    pub(super) fn fixed(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let digits = half_up(value.abs(), self.precision.unwrap_or(6));
        self.signed(value.is_sign_negative(), digits)
    }

    pub(super) fn scientific(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let precision = self.precision.unwrap_or(6);
        self.signed(
            value.is_sign_negative(),
            Scientific::of(value, precision).text(),
        )
    }

    /// `%g`: as `%f` where the rounded value is at least 0.0001 and has no more digits than the precision, else as `%e`.
    pub(super) fn general(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let digits = self.precision.unwrap_or(6).max(1);
        let scientific = Scientific::of(value, digits - 1);
        let places = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - scientific.exponent;
        let text = match usize::try_from(places) {
            Ok(places) if scientific.exponent >= -4 => half_up(value.abs(), places),
            _ => scientific.text(),
        };
        self.signed(value.is_sign_negative(), text)
    }

    /// `%a`: the digits of the mantissa in base 16.
    pub(super) fn hexadecimal(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let digits = self.precision.map(|precision| precision.max(1));
        let (mantissa, exponent) = base_16(value.abs(), digits);
        let mut number = format!("{mantissa}p{exponent}");
        let sign = match (value.is_sign_negative(), self.has('+'), self.has(' ')) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        };
        if self.has('0') {
            let missing = self.width.saturating_sub(sign.len() + 2 + number.len());
            number.insert_str(0, &"0".repeat(missing));
        }
        format!("{sign}0x{number}")
    }

    fn not_finite(&self, value: f64) -> String {
        if value.is_nan() {
            return "NaN".to_owned();
        }
        match (value < 0.0, self.has('('), self.has('+')) {
            (true, true, _) => "(Infinity)".to_owned(),
            (true, false, _) => "-Infinity".to_owned(),
            (false, _, true) => "+Infinity".to_owned(),
            (false, _, false) => "Infinity".to_owned(),
        }
    }
}

/// A number as `1.5e+00`.
struct Scientific {
    /// With the places asked for.
    mantissa: String,
    exponent: i32,
}

impl Scientific {
    /// The magnitude of a finite value.
    fn of(value: f64, places: usize) -> Scientific {
        let digits = format!("{:e}", value.abs());
        let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let mantissa = round_digits(mantissa, places);
        if mantissa.starts_with("10") {
            return Scientific {
                mantissa: round_digits("1", places),
                exponent: exponent + 1,
            };
        }
        Scientific { mantissa, exponent }
    }

    fn text(&self) -> String {
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!(
            "{}e{sign}{:02}",
            self.mantissa,
            self.exponent.unsigned_abs()
        )
    }
}

/// The bits of a double's mantissa that are stored.
const MANTISSA_BITS: u32 = 52;

/// The mantissa in base 16 and the exponent of 2, as Java's `Double.toHexString` has them: `1.8` and 0. With a number of digits, the
/// mantissa is rounded half to even, and is never below 1.
fn base_16(value: f64, digits: Option<usize>) -> (String, i32) {
    const BIAS: i32 = 1023;
    let bits = value.to_bits();
    let fraction = bits & ((1 << MANTISSA_BITS) - 1);
    let exponent = i32::try_from(bits >> MANTISSA_BITS).unwrap_or(0);
    let is_rounded = digits.is_some_and(|digits| digits < 13) && value != 0.0;
    let (mut whole, mut fraction, mut exponent) = match (exponent, value == 0.0) {
        (_, true) => (0, 0, 0),
        (0, false) if is_rounded => {
            // 54 doublings make it a normal number.
            let (mantissa, exponent) = base_16_parts(value * 2.0_f64.powi(54));
            (1, mantissa, exponent - BIAS - 54)
        }
        (0, false) => (0, fraction, 1 - BIAS),
        (exponent, false) => (1, fraction, exponent - BIAS),
    };
    if let Some(digits) = digits.filter(|_| is_rounded) {
        let dropped = MANTISSA_BITS - 4 * u32::try_from(digits).unwrap_or(12);
        let unit = 1_u64 << dropped;
        let (kept, rest) = (fraction / unit, fraction % unit);
        let is_up = rest > unit / 2 || (rest == unit / 2 && kept % 2 == 1);
        fraction = (kept + u64::from(is_up)) * unit;
        if fraction >> MANTISSA_BITS == 1 {
            fraction = 0;
            whole = 1;
            exponent += 1;
        }
    }
    let hex = format!("{fraction:013x}");
    let mut hex = hex.trim_end_matches('0').to_owned();
    let wanted = digits.unwrap_or(1).max(1);
    while hex.len() < wanted {
        hex.push('0');
    }
    (format!("{whole}.{hex}"), exponent)
}

/// The stored mantissa and exponent of a positive double.
fn base_16_parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> MANTISSA_BITS).unwrap_or(0);
    (bits & ((1 << MANTISSA_BITS) - 1), exponent)
}

/// The shortest digits of a number that is not negative, rounded half up to so many places.
fn half_up(value: f64, places: usize) -> String {
    round_digits(&format!("{value}"), places)
}

/// Rounds decimal digits half up.
fn round_digits(digits: &str, places: usize) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(places)
        .collect();
    let is_up = fraction
        .as_bytes()
        .get(places)
        .is_some_and(|digit| *digit >= b'5');
    let mut all: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    if is_up {
        let is_carried = all.iter_mut().rev().all(|digit| {
            let is_nine = *digit == b'9';
            *digit = if is_nine { b'0' } else { *digit + 1 };
            is_nine
        });
        if is_carried {
            all.insert(0, b'1');
        }
    }
    let text = String::from_utf8(all).unwrap_or_default();
    let (whole, fraction) = text.split_at(text.len() - places);
    if places == 0 {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

/// Commas between the thousands of the whole part.
fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
