//! Constants: numbers with Spark's types, and arrays of one row that carry them.
//!
//! `1` is an `INT`, `10000000000` a `BIGINT`, longer ones and `1.5` are `DECIMAL`s of exactly their digits, `1e3` is a
//! `DOUBLE`; a suffix decides otherwise: `Y S L F D BD`.

use super::token::syntax_error;
use crate::cast::zone::Zone;
use crate::cast::{parse_date, parse_timestamp, parse_timestamp_ntz};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind, TIMESTAMP_LITERAL};
use crate::types::{self, DECIMAL_MAX_PRECISION, TypeUnits};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, NullArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use std::str::FromStr;
use std::sync::Arc;

/// An hour in microseconds.
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A constant of the tree.
pub(super) fn constant(value: ArrayRef, span: Span) -> Ast {
    Ast {
        kind: AstKind::Literal(value),
        span,
    }
}

/// A string constant.
pub(super) fn text(value: &str, span: Span) -> Ast {
    constant(Arc::new(StringArray::from(vec![value])), span)
}

/// An `INT` constant.
pub(super) fn int(value: i32, span: Span) -> Ast {
    constant(Arc::new(Int32Array::from(vec![value])), span)
}

/// A `BOOLEAN` constant.
pub(super) fn boolean(value: bool, span: Span) -> Ast {
    constant(Arc::new(BooleanArray::from(vec![value])), span)
}

/// The untyped null.
pub(super) fn null(span: Span) -> Ast {
    constant(Arc::new(NullArray::new(1)), span)
}

/// `X'1F'`; an odd number of digits gets a zero in front, as in Spark.
///
/// # Errors
///
/// If it has other characters than hexadecimal digits.
pub(super) fn binary(digits: &str, span: Span) -> Result<Ast> {
    let padded = if digits.len().is_multiple_of(2) {
        digits.to_owned()
    } else {
        format!("0{digits}")
    };
    let invalid = || invalid_typed("X", digits, span);
    let pairs = padded.as_bytes().chunks(2);
    let bytes = pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            let is_hex = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| is_hex)
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(invalid)?;
    Ok(constant(
        Arc::new(BinaryArray::from(vec![bytes.as_slice()])),
        span,
    ))
}

/// Whether it is a word that names a day or moment by the time at which the query runs; what it means is found where its cast is resolved.
fn is_word(written: &str) -> bool {
    let words = ["now", "today", "tomorrow", "yesterday"];
    words.contains(&written.trim().to_ascii_lowercase().as_str())
}

/// Whether it is the word for 1970-01-01.
fn is_epoch(written: &str) -> bool {
    written.trim().eq_ignore_ascii_case("epoch")
}

/// `DATE '2024-02-29'`.
///
/// # Errors
///
/// `INVALID_TYPED_LITERAL`, if it is no date.
pub(super) fn date(written: &str, span: Span) -> Result<Ast> {
    if is_word(written) {
        return Ok(cast(
            text(written, span),
            (DataType::Date32, TypeUnits::default()),
            false,
            span,
        ));
    }
    let days = parse_date(written)
        .or_else(|| is_epoch(written).then_some(0))
        .ok_or_else(|| invalid_typed("DATE", written, span))?;
    Ok(constant(Arc::new(Date32Array::from(vec![days])), span))
}

/// `TIMESTAMP_NTZ '2024-02-29 12:00:00'`.
///
/// # Errors
///
/// `INVALID_TYPED_LITERAL`, if it is no timestamp.
pub(super) fn timestamp_ntz(written: &str, span: Span) -> Result<Ast> {
    if is_word(written) {
        return Ok(cast(
            text(written, span),
            (types::timestamp_ntz(), TypeUnits::default()),
            false,
            span,
        ));
    }
    let micros = parse_timestamp_ntz(written)
        .or_else(|| is_epoch(written).then_some(0))
        .ok_or_else(|| invalid_typed("TIMESTAMP_NTZ", written, span))?;
    Ok(constant(
        Arc::new(TimestampMicrosecondArray::from(vec![micros])),
        span,
    ))
}

/// `TIME '12:00:00'`.
///
/// # Errors
///
/// `INVALID_TYPED_LITERAL`, if it is no time of day.
pub(super) fn time(written: &str, span: Span) -> Result<Ast> {
    let is_plain = written
        .trim()
        .chars()
        .all(|character| character.is_ascii_digit() || matches!(character, ':' | '.'));
    let micros = parse_timestamp_ntz(&format!("1970-01-01 {}", written.trim()))
        .filter(|_| is_plain && written.contains(':'))
        .ok_or_else(|| invalid_typed("TIME", written, span))?;
    Ok(constant(
        Arc::new(Time64MicrosecondArray::from(vec![micros])),
        span,
    ))
}

/// `TIMESTAMP '2024-02-29 12:00:00'`: a constant if it names its zone; else the moment depends on the session's zone, and it
/// is a call that casts its text.
///
/// # Errors
///
/// `INVALID_TYPED_LITERAL`, if it is no timestamp.
pub(super) fn timestamp(written: &str, span: Span) -> Result<Ast> {
    if is_word(written) {
        return Ok(cast(
            text(written, span),
            (types::timestamp(), TypeUnits::default()),
            false,
            span,
        ));
    }
    let moment = |hours: i64| {
        let zone = Zone::Fixed(hours * 3600);
        parse_timestamp(written, zone, hours * 24 * MICROS_PER_HOUR)
            .or_else(|| is_epoch(written).then_some(0))
            .ok_or_else(|| invalid_typed("TIMESTAMP", written, span))
    };
    let micros = moment(0)?;
    if micros != moment(1)? {
        return Ok(super::expression::call(
            TIMESTAMP_LITERAL,
            vec![text(written, span)],
            span,
        ));
    }
    let array = TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC");
    Ok(constant(Arc::new(array), span))
}

/// A cast.
pub(super) fn cast(
    input: Ast,
    (data_type, units): (DataType, TypeUnits),
    is_try: bool,
    span: Span,
) -> Ast {
    Ast {
        kind: AstKind::Cast {
            input: Box::new(input),
            data_type,
            units,
            is_try,
        },
        span,
    }
}

fn invalid_typed(type_name: &str, written: &str, span: Span) -> Error {
    Error::invalid(format!(
        "the value of a typed literal is malformed. type=`{type_name}`, value=`{written}`"
    ))
    .with_condition("INVALID_TYPED_LITERAL")
    .with_span(span)
}

/// A number as it was written, with its sign and suffix.
///
/// # Errors
///
/// `INVALID_NUMERIC_LITERAL_RANGE` if its type has no room for it, `DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION` for more
/// than 38 digits.
pub(super) fn number(written: &str, is_negative: bool, span: Span) -> Result<Ast> {
    let (digits, suffix) = split_suffix(written);
    let signed = format!("{}{digits}", if is_negative { "-" } else { "" });
    let array: ArrayRef = match suffix.to_ascii_uppercase().as_str() {
        "Y" => Arc::new(Int8Array::from(vec![parse::<i8>(
            &signed, "TINYINT", span,
        )?])),
        "S" => Arc::new(Int16Array::from(vec![parse::<i16>(
            &signed, "SMALLINT", span,
        )?])),
        "L" => Arc::new(Int64Array::from(vec![parse::<i64>(
            &signed, "BIGINT", span,
        )?])),
        "F" => {
            let value = parse::<f32>(&signed, "FLOAT", span)?;
            Arc::new(Float32Array::from(vec![finite(
                value.is_finite(),
                value,
                &signed,
                "FLOAT",
                span,
            )?]))
        }
        "D" => double(&signed, span)?,
        "BD" => decimal(&signed, span)?,
        _ if digits.contains(['e', 'E']) => double(&signed, span)?,
        _ if digits.contains('.') => decimal(&signed, span)?,
        _ => integer(&signed, span)?,
    };
    Ok(constant(array, span))
}

/// Number and suffix; the `e` of an exponent is none.
fn split_suffix(written: &str) -> (&str, &str) {
    let end = written
        .rfind(|character: char| character.is_ascii_digit() || character == '.')
        .map_or(0, |last| last + 1);
    written.split_at(end)
}

fn integer(signed: &str, span: Span) -> Result<ArrayRef> {
    if let Ok(value) = signed.parse::<i32>() {
        return Ok(Arc::new(Int32Array::from(vec![value])));
    }
    if let Ok(value) = signed.parse::<i64>() {
        return Ok(Arc::new(Int64Array::from(vec![value])));
    }
    decimal(signed, span)
}

fn double(signed: &str, span: Span) -> Result<ArrayRef> {
    let value = parse::<f64>(signed, "DOUBLE", span)?;
    let value = finite(value.is_finite(), value, signed, "DOUBLE", span)?;
    Ok(Arc::new(Float64Array::from(vec![value])))
}

/// `1.50` is `DECIMAL(3,2)`, `.5` is `DECIMAL(1,1)`, `15e1` is `DECIMAL(3,0)`.
fn decimal(signed: &str, span: Span) -> Result<ArrayRef> {
    let too_long = || {
        Error::invalid(format!(
            "a decimal has at most {DECIMAL_MAX_PRECISION} digits. value=`{signed}`"
        ))
        .with_condition("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
        .with_span(span)
    };
    let (mantissa, exponent) = match signed.find(['e', 'E']) {
        Some(at) => (
            signed.get(..at).unwrap_or_default(),
            signed.get(at + 1..).unwrap_or_default(),
        ),
        None => (signed, "0"),
    };
    let exponent: i32 = exponent.parse().map_err(|_| too_long())?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut unscaled: i128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_long())?;
    let mut scale = i32::try_from(fraction.len()).map_err(|_| too_long())? - exponent;
    while scale < 0 {
        unscaled = unscaled.checked_mul(10).ok_or_else(too_long)?;
        scale += 1;
    }
    let digits = i32::try_from(unscaled.unsigned_abs().to_string().len()).unwrap_or(i32::MAX);
    let precision = u8::try_from(digits.max(scale)).map_err(|_| too_long())?;
    let scale = i8::try_from(scale).map_err(|_| too_long())?;
    if precision > DECIMAL_MAX_PRECISION {
        return Err(too_long());
    }
    let array = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(precision, scale)?;
    Ok(Arc::new(array))
}

fn parse<T: FromStr>(signed: &str, type_name: &str, span: Span) -> Result<T> {
    signed
        .parse()
        .map_err(|_| out_of_range(signed, type_name, span))
}

fn finite<T>(is_finite: bool, value: T, signed: &str, type_name: &str, span: Span) -> Result<T> {
    if is_finite {
        return Ok(value);
    }
    Err(out_of_range(signed, type_name, span))
}

fn out_of_range(signed: &str, type_name: &str, span: Span) -> Error {
    if signed.contains(['.', 'e', 'E']) && matches!(type_name, "TINYINT" | "SMALLINT" | "BIGINT") {
        return syntax_error(format!("`{signed}` is not a {type_name}"), span);
    }
    Error::invalid(format!(
        "the number is outside the range of its type. value=`{signed}`, type=`{type_name}`"
    ))
    .with_condition("INVALID_NUMERIC_LITERAL_RANGE")
    .with_span(span)
}
