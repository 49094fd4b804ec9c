//! Numbers by a format: `to_char` (`to_varchar`), `to_number`, `try_to_number`.
//!
//! A format is read once into [`NumberFormat`]: groups of digits with separators between, perhaps a decimal point, a currency sign and a
//! sign. What it says of each place decides what is written there and what may stand there in a text that is read.

mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{Column, Text, argument, text_into, try_primitive_of};
use crate::function::signature::{TEXT, Wanted, argument_type, constant, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::{DataType, Decimal128Type};

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "to_char",
            usage: "to_char(expr, format)",
            description: "A number as text by a format of 0, 9, D, G, $, S, MI and PR; a date by a pattern of date_format; a binary as base64, hex or utf-8.",
            example: "SELECT to_char(-12454.8, '99G999D9S')",
            resolve: resolve_to_char,
            kernel: to_char,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "to_number",
            usage: "to_number(str, format)",
            description: "The number in a text of a format of 0, 9, D, G, $, S, MI and PR.",
            example: "SELECT to_number('12,454', '99,999')",
            resolve: |arguments| resolve_to_number("to_number", arguments),
            kernel: |call| to_number(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_to_number",
            usage: "try_to_number(str, format)",
            description: "As to_number, null where the text is not of the format.",
            example: "SELECT try_to_number('454', '999')",
            resolve: |arguments| resolve_to_number("try_to_number", arguments),
            kernel: |call| to_number(call, true),
            is_deterministic: true,
        },
    ]
}

/// One part of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// So many places for digits; all of them must be there, if the group starts with `0`.
    Digits(usize, bool),
    /// `G` or `,`
    Separator,
    /// `D` or `.`
    Point,
    /// `$`
    Currency,
    /// `S`
    Sign,
    /// `MI`
    Minus,
    /// `PR`
    Brackets,
}

/// A format that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NumberFormat {
    tokens: Vec<Token>,
}

impl NumberFormat {
    /// Reads a format.
    ///
    /// # Errors
    ///
    /// `Invalid`: `INVALID_FORMAT.…`.
    fn new(format: &str) -> Result<NumberFormat> {
        let upper = format.to_uppercase();
        let tokens = tokens(&upper)?;
        let format = NumberFormat { tokens };
        format.check(&upper)?;
        Ok(format)
    }

    fn count(&self, token: Token) -> usize {
        self.tokens.iter().filter(|own| **own == token).count()
    }

    fn position(&self, token: Token) -> Option<usize> {
        self.tokens.iter().position(|own| *own == token)
    }

    /// How many places for digits stand before and behind the point.
    fn places(&self) -> (usize, usize) {
        let point = self.position(Token::Point).unwrap_or(self.tokens.len());
        let sum = |tokens: &[Token]| {
            let places = tokens.iter().map(|token| match token {
                Token::Digits(places, _) => *places,
                _ => 0,
            });
            places.sum()
        };
        let (before, behind) = self.tokens.split_at(point);
        (sum(before), sum(behind))
    }

    fn check(&self, format: &str) -> Result<()> {
        let first_digit = self
            .tokens
            .iter()
            .position(|token| matches!(token, Token::Digits(..)));
        let Some(first_digit) = first_digit else {
            return Err(invalid(format, "WRONG_NUM_DIGIT", "it needs a digit"));
        };
        let once = [
            Token::Point,
            Token::Currency,
            Token::Sign,
            Token::Minus,
            Token::Brackets,
        ];
        if once.iter().any(|token| self.count(*token) > 1) {
            let why = "D, $, S, MI and PR may stand in it once";
            return Err(invalid(format, "WRONG_NUM_TOKEN", why));
        }
        let point = self.position(Token::Point).unwrap_or(self.tokens.len());
        if self
            .tokens
            .iter()
            .skip(point)
            .any(|token| *token == Token::Separator)
        {
            let why = "separators of thousands stand before the point";
            return Err(invalid(format, "THOUSANDS_SEPS_MUST_BEFORE_DEC", why));
        }
        self.check_separators(format, point)?;
        if let Some(currency) = self.position(Token::Currency) {
            if currency > first_digit {
                let why = "the currency stands before the digits";
                return Err(invalid(format, "CUR_MUST_BEFORE_DIGIT", why));
            }
            if currency > point {
                let why = "the currency stands before the point";
                return Err(invalid(format, "CUR_MUST_BEFORE_DEC", why));
            }
        }
        self.check_order(format)
    }

    /// Separators have digits on both sides.
    fn check_separators(&self, format: &str, point: usize) -> Result<()> {
        let is_digits = |index: Option<usize>| {
            let token = index.and_then(|index| self.tokens.get(index));
            matches!(token, Some(Token::Digits(..)))
        };
        let lonely = (0..point).any(|index| {
            self.tokens.get(index) == Some(&Token::Separator)
                && !(is_digits(index.checked_sub(1)) && is_digits(Some(index + 1)))
        });
        if lonely {
            let why = "separators of thousands have digits on both sides";
            return Err(invalid(format, "CONT_THOUSANDS_SEPS", why));
        }
        Ok(())
    }

    /// `[MI | S] [$] digits [point digits] [PR | MI | S]`.
    fn check_order(&self, format: &str) -> Result<()> {
        let mut rest = self.tokens.as_slice();
        let mut take = |is_wanted: &dyn Fn(&Token) -> bool, most: usize| {
            let count = rest
                .iter()
                .take(most)
                .take_while(|token| is_wanted(token))
                .count();
            rest = rest.get(count..).unwrap_or_default();
        };
        take(&|token| matches!(token, Token::Minus | Token::Sign), 1);
        take(&|token| *token == Token::Currency, 1);
        take(
            &|token| matches!(token, Token::Digits(..) | Token::Separator),
            usize::MAX,
        );
        take(&|token| *token == Token::Point, 1);
        take(&|token| matches!(token, Token::Digits(..)), usize::MAX);
        take(
            &|token| matches!(token, Token::Minus | Token::Sign | Token::Brackets),
            1,
        );
        if rest.is_empty() {
            return Ok(());
        }
        let why = "its order must be [MI|S] [$] [0|9|G|,]… [.|D] [0|9]… [PR|MI|S]";
        Err(invalid(format, "UNEXPECTED_TOKEN", why))
    }
}

fn invalid(format: &str, which: &str, why: &str) -> Error {
    Error::invalid(format!(
        "the format of the number is invalid: {why}. format=`{format}`"
    ))
    .with_condition(format!("INVALID_FORMAT.{which}"))
}

fn tokens(format: &str) -> Result<Vec<Token>> {
    if format.is_empty() {
        return Err(invalid(format, "EMPTY", "it is empty"));
    }
    let mut tokens = Vec::new();
    let mut rest = format;
    let mut unknown = false;
    while let Some(first) = rest.chars().next() {
        let places = rest.find(|c| !matches!(c, '0' | '9')).unwrap_or(rest.len());
        let (token, length) = match first {
            '0' => {
                // Behind the point a zero and a nine are the same.
                let is_exact = !tokens.contains(&Token::Point);
                (Token::Digits(places, is_exact), places)
            }
            '9' => (Token::Digits(places, false), places),
            'G' | ',' => (Token::Separator, 1),
            'D' | '.' => (Token::Point, 1),
            '$' => (Token::Currency, 1),
            'S' => (Token::Sign, 1),
            _ if rest.starts_with("MI") => (Token::Minus, 2),
            _ if rest.starts_with("PR") => (Token::Brackets, 2),
            other => {
                unknown = true;
                rest = rest.get(other.len_utf8()..).unwrap_or_default();
                continue;
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    let has_digits = tokens
        .iter()
        .any(|token| matches!(token, Token::Digits(..)));
    if unknown && has_digits {
        let why = "it has a character that means nothing";
        return Err(invalid(format, "UNEXPECTED_TOKEN", why));
    }
    Ok(tokens)
}

/// The format in an argument; `None` if it is null.
fn format_of(name: &str, arguments: &[Expr], index: usize) -> Result<Option<NumberFormat>> {
    let value = constant(name, arguments, index)?;
    let text = value.as_string_opt::<i32>().filter(|text| text.is_valid(0));
    text.map(|text| NumberFormat::new(text.value(0)))
        .transpose()
}

/// The format of a call.
fn format_of_call(call: &Call<'_>) -> Result<Option<NumberFormat>> {
    let text: Text<'_> = Column::of(call, 1)?;
    text.get(0).map(NumberFormat::new).transpose()
}

fn resolve_to_char(arguments: &[Expr]) -> Result<Signature> {
    let name = "to_char";
    count_arguments(name, arguments, 2, 2)?;
    format_of(name, arguments, 1)?;
    Ok(Signature {
        arguments: vec![
            argument_type(name, arguments, 0, &[Wanted::Decimal])?,
            DataType::Utf8,
        ],
        returns: DataType::Utf8,
        is_nullable: true,
    })
}

fn to_char(call: &Call<'_>) -> Result<ArrayRef> {
    let Some(format) = format_of_call(call)? else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let value = argument(call, 0)?;
    let scale = match value.data_type() {
        DataType::Decimal128(_, scale) => u32::try_from(*scale).unwrap_or_default(),
        _ => return Err(Error::internal("to_char of what is no decimal")),
    };
    let numbers: Column<'_, arrow::array::Decimal128Array> = Column::of(call, 0)?;
    text_into(call.rows, |row, out| {
        out.push_str(&format.write(numbers.get(row)?, scale)?);
        Some(())
    })
}

fn resolve_to_number(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let (before, behind) = match format_of(name, arguments, 1)? {
        Some(format) => format.places(),
        None => (1, 0),
    };
    let too_long = || {
        Error::invalid(format!(
            "a decimal has at most 38 digits. function=`{name}`, digits=`{}`",
            before + behind
        ))
        .with_condition("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
    };
    let precision = u8::try_from(before + behind).map_err(|_| too_long())?;
    if precision > crate::types::DECIMAL_MAX_PRECISION {
        return Err(too_long());
    }
    let scale = i8::try_from(behind).map_err(|_| too_long())?;
    Ok(Signature {
        arguments: vec![argument_type(name, arguments, 0, TEXT)?, DataType::Utf8],
        returns: DataType::Decimal128(precision, scale),
        is_nullable: true,
    })
}

fn to_number(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let Some(format) = format_of_call(call)? else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let texts: Text<'_> = Column::of(call, 0)?;
    try_primitive_of::<Decimal128Type>(call, |row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match format.read(text) {
            None if !is_try => Err(Error::data(format!(
                "the text is not of the format. Use `try_to_number` to get NULL instead. text=`{text}`"
            ))
            .with_condition("INVALID_FORMAT.MISMATCH_INPUT")),
            number => Ok(number),
        }
    })
}
