//! `format_string` (`printf`): the part of Java's `Formatter` that has the same meaning for every value of a type.
//!
//! `%s %d %x %o %c %b %e %f %n %%`, upper case forms, argument numbers (`%2$s`), `%<s`, the flags `-`, `+`, space, `0`, `,`, `(`, `#`, width and precision.
//! What is left out (`%a`, `%g`, `%h`, `%t…`) and pairs of conversion and type that Java refuses are errors.

use crate::cast::text::{double_text, float_text};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::kernel::{Column, Text, try_text_into};
use crate::function::signature::{TEXT, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use std::iter::Peekable;
use std::str::CharIndices;

pub(super) fn function() -> ScalarFunction {
    ScalarFunction {
        name: "format_string",
        usage: "format_string(format[, value...])",
        description: "The format with each %s, %d, … replaced by a value, as by C's printf.",
        example: "SELECT format_string('Hello World %d %s', 100, 'days')",
        resolve,
        kernel,
        is_deterministic: true,
    }
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("format_string", arguments, 1, usize::MAX)?;
    let mut types = vec![argument_type("format_string", arguments, 0, TEXT)?];
    types.extend(
        arguments
            .iter()
            .skip(1)
            .map(|argument| argument.data_type.clone()),
    );
    Ok(Signature {
        arguments: types,
        returns: DataType::Utf8,
        is_nullable: arguments.first().is_some_and(|format| format.is_nullable),
    })
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let format: Text<'_> = Column::of(call, 0)?;
    let values = call.arguments.get(1..).unwrap_or_default();
    let mut last: Option<(&str, Vec<Piece<'_>>)> = None;
    try_text_into(call.rows, |row, out| {
        let Some(format) = format.get(row) else {
            return Ok(None);
        };
        let pieces = match last.take() {
            Some((text, pieces)) if text == format => pieces,
            _ => parse(format)?,
        };
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(specifier) => {
                    let datum = specifier.datum(values, row)?;
                    specifier.write(datum, out)?;
                }
            }
        }
        last = Some((format, pieces));
        Ok(Some(()))
    })
}

enum Piece<'a> {
    Text(&'a str),
    Value(Specifier),
}

/// `%[argument$][flags][width][.precision]conversion`.
#[derive(Debug, Clone, Default)]
struct Specifier {
    /// From 0.
    argument: usize,
    flags: String,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

fn invalid(why: &str) -> Error {
    Error::data(format!("the format of `format_string` is not valid: {why}"))
}

fn parse(format: &str) -> Result<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut characters = format.char_indices().peekable();
    let mut text_start = 0;
    // The next argument without a number, and the last one that was used.
    let (mut ordinary, mut last) = (0, None);
    while let Some((start, character)) = characters.next() {
        if character != '%' {
            continue;
        }
        pieces.push(Piece::Text(
            format.get(text_start..start).unwrap_or_default(),
        ));
        let (mut specifier, which) = parse_specifier(&mut characters)?;
        text_start = characters.peek().map_or(format.len(), |(index, _)| *index);
        match specifier.conversion {
            '%' | 'n' => {}
            _ => {
                specifier.argument = match which {
                    Which::Number(number) => number,
                    Which::Last => last.ok_or_else(|| invalid("`%<` without a value before it"))?,
                    Which::Next => {
                        ordinary += 1;
                        ordinary - 1
                    }
                };
                if !matches!(which, Which::Last) {
                    last = Some(specifier.argument);
                }
            }
        }
        pieces.push(Piece::Value(specifier));
    }
    pieces.push(Piece::Text(format.get(text_start..).unwrap_or_default()));
    Ok(pieces)
}

/// Which value a specifier takes.
enum Which {
    Next,
    Last,
    Number(usize),
}

fn number(characters: &mut Peekable<CharIndices<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some((_, digit)) = characters.next_if(|(_, character)| character.is_ascii_digit()) {
        digits.push(digit);
    }
    digits.parse().ok()
}

fn parse_specifier(characters: &mut Peekable<CharIndices<'_>>) -> Result<(Specifier, Which)> {
    let mut specifier = Specifier::default();
    let mut which = Which::Next;
    let mut width = None;
    if characters
        .next_if(|(_, character)| *character == '<')
        .is_some()
    {
        which = Which::Last;
    } else if matches!(characters.peek(), Some((_, '1'..='9'))) {
        let given = number(characters).ok_or_else(|| invalid("a number is too large"))?;
        if characters
            .next_if(|(_, character)| *character == '$')
            .is_some()
        {
            which = Which::Number(given - 1);
        } else {
            width = Some(given);
        }
    }
    if width.is_none() {
        while let Some((_, flag)) =
            characters.next_if(|(_, character)| "-#+ 0,(".contains(*character))
        {
            if specifier.flags.contains(flag) {
                return Err(invalid("a flag stands twice"));
            }
            specifier.flags.push(flag);
        }
        width = number(characters);
    }
    specifier.width = width.unwrap_or_default();
    if characters
        .next_if(|(_, character)| *character == '.')
        .is_some()
    {
        let precision = number(characters).ok_or_else(|| invalid("`.` without a precision"))?;
        specifier.precision = Some(precision);
    }
    let (_, conversion) = characters.next().ok_or_else(|| invalid("`%` at its end"))?;
    specifier.conversion = conversion;
    if specifier.width == 0 && (specifier.has('-') || specifier.has('0')) {
        return Err(invalid("the flags `-` and `0` need a width"));
    }
    if !"sSdxXocCbBeEfn%".contains(conversion) {
        return Err(Error::unsupported(format!(
            "`%{conversion}` in `format_string`"
        )));
    }
    Ok((specifier, which))
}

/// A value as a conversion sees it.
enum Datum<'a> {
    Null,
    Text(&'a str),
    Boolean(bool),
    Integer(i64, u32),
    Double(f64),
    Float(f32),
    Decimal(i128, i8),
}

fn datum(value: &Value, row: usize) -> Result<Datum<'_>> {
    let (array, index) = (value.array(), value.index(row));
    if array.is_null(index) || array.data_type() == &DataType::Null {
        return Ok(Datum::Null);
    }
    Ok(match array.data_type() {
        DataType::Utf8 => Datum::Text(array.as_string::<i32>().value(index)),
        DataType::Boolean => Datum::Boolean(array.as_boolean().value(index)),
        DataType::Int8 => Datum::Integer(array.as_primitive::<Int8Type>().value(index).into(), 8),
        DataType::Int16 => {
            Datum::Integer(array.as_primitive::<Int16Type>().value(index).into(), 16)
        }
        DataType::Int32 => {
            Datum::Integer(array.as_primitive::<Int32Type>().value(index).into(), 32)
        }
        DataType::Int64 => Datum::Integer(array.as_primitive::<Int64Type>().value(index), 64),
        // Spark hands its own representation on: days and microseconds since the epoch.
        DataType::Date32 => {
            Datum::Integer(array.as_primitive::<Date32Type>().value(index).into(), 32)
        }
        DataType::Timestamp(_, _) => Datum::Integer(
            array
                .as_primitive::<TimestampMicrosecondType>()
                .value(index),
            64,
        ),
        DataType::Float64 => Datum::Double(array.as_primitive::<Float64Type>().value(index)),
        DataType::Float32 => Datum::Float(array.as_primitive::<Float32Type>().value(index)),
        DataType::Decimal128(_, scale) => {
            Datum::Decimal(array.as_primitive::<Decimal128Type>().value(index), *scale)
        }
        other => {
            return Err(Error::unsupported(format!(
                "a value of type `{}` in `format_string`",
                crate::types::sql_name(other)
            )));
        }
    })
}

impl Specifier {
    fn datum<'a>(&self, values: &'a [Value], row: usize) -> Result<Datum<'a>> {
        if matches!(self.conversion, '%' | 'n') {
            return Ok(Datum::Null);
        }
        let value = values
            .get(self.argument)
            .ok_or_else(|| invalid(&format!("there is no value number {}", self.argument + 1)))?;
        datum(value, row)
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn write(&self, datum: Datum<'_>, out: &mut String) -> Result<()> {
        let is_upper = self.conversion.is_ascii_uppercase();
        let text = match (self.conversion.to_ascii_lowercase(), datum) {
            ('%', _) => self.cut("%".to_owned()),
            ('n', _) => "\n".to_owned(),
            ('b', Datum::Null) => self.cut("false".to_owned()),
            ('b', Datum::Boolean(value)) => self.cut(value.to_string()),
            ('b', _) => self.cut("true".to_owned()),
            (_, Datum::Null) => self.cut("null".to_owned()),
            ('s', datum) => self.cut(text_of(&datum)),
            ('d', Datum::Integer(value, _)) => self.integer(value),
            ('x', Datum::Integer(value, bits)) => self.unsigned(value, bits, 16),
            ('o', Datum::Integer(value, bits)) => self.unsigned(value, bits, 8),
            ('c', Datum::Integer(value, 8..=32)) => u32::try_from(value)
                .ok()
                .and_then(char::from_u32)
                .ok_or_else(|| invalid("a code of `%c` is no character"))?
                .to_string(),
            ('f', Datum::Double(value)) => self.fixed(value),
            ('f', Datum::Float(value)) => self.fixed(f64::from(value)),
            ('e', Datum::Double(value)) => self.scientific(value),
            ('e', Datum::Float(value)) => self.scientific(f64::from(value)),
            _ => {
                return Err(invalid(&format!(
                    "`%{}` does not take a value of this type",
                    self.conversion
                )));
            }
        };
        let text = if is_upper { text.to_uppercase() } else { text };
        self.pad(&text, out);
        Ok(())
    }

    /// At most as many characters as the precision says.
    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        }
    }

    fn pad(&self, text: &str, out: &mut String) {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.has('-') {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(text);
        }
    }

    fn integer(&self, value: i64) -> String {
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
    fn unsigned(&self, value: i64, bits: u32, radix: u32) -> String {
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

    fn fixed(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let digits = half_up(value.abs(), self.precision.unwrap_or(6));
        self.signed(value.is_sign_negative(), digits)
    }

    fn scientific(&self, value: f64) -> String {
        if !value.is_finite() {
            return self.not_finite(value);
        }
        let precision = self.precision.unwrap_or(6);
        let digits = format!("{:e}", value.abs());
        let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
        let mut exponent: i32 = exponent.parse().unwrap_or_default();
        let mut mantissa = round_digits(mantissa, precision);
        if mantissa.starts_with("10") {
            exponent += 1;
            mantissa = round_digits("1", precision);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        let digits = format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
        self.signed(value.is_sign_negative(), digits)
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

/// The text of a value, as `%s` writes it.
fn text_of(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Null => "null".to_owned(),
        Datum::Text(text) => (*text).to_owned(),
        Datum::Boolean(value) => value.to_string(),
        Datum::Integer(value, _) => value.to_string(),
        Datum::Double(value) => double_text(*value),
        Datum::Float(value) => float_text(*value),
        Datum::Decimal(value, scale) => crate::cast::text::decimal_text(*value, *scale),
    }
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
