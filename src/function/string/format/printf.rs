//! `format_string` (`printf`): the part of Java's `Formatter` that has the same meaning for every value of a type.
//!
//! `%s %d %x %o %c %b %h %e %f %g %a %n %%`, upper case forms, argument numbers (`%2$s`), `%<s`, the flags `-`, `+`, space, `0`, `,`, `(`, `#`, width and
//! precision. What is left out (`%t…`) and pairs of conversion and type that Java refuses are errors.

mod datum;
mod number;

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::kernel::{Column, Text, try_text_into};
use crate::function::signature::{TEXT, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datum::Datum;
use std::iter::Peekable;
use std::str::CharIndices;

/// The largest width, precision and number of a value: a format may come from a row, and what it asks for is taken from memory at once.
const SIZE_MAX: usize = 1_048_576;

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

/// The size that stands next, if there is one.
///
/// # Errors
///
/// `Data`, if it is above [`SIZE_MAX`].
fn size(characters: &mut Peekable<CharIndices<'_>>) -> Result<Option<usize>> {
    let mut size = None;
    while let Some((_, digit)) = characters.next_if(|(_, character)| character.is_ascii_digit()) {
        let digit = digit.to_digit(10).map_or(0, |digit| digit as usize);
        let longer = size.unwrap_or(0) * 10 + digit;
        if longer > SIZE_MAX {
            return Err(invalid(&format!(
                "a width, a precision or the number of a value is above {SIZE_MAX}"
            )));
        }
        size = Some(longer);
    }
    Ok(size)
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
    } else if matches!(characters.peek(), Some((_, '1'..='9')))
        && let Some(given) = size(characters)?
    {
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
        width = size(characters)?;
    }
    specifier.width = width.unwrap_or_default();
    if characters
        .next_if(|(_, character)| *character == '.')
        .is_some()
    {
        let precision = size(characters)?.ok_or_else(|| invalid("`.` without a precision"))?;
        specifier.precision = Some(precision);
    }
    let (_, conversion) = characters.next().ok_or_else(|| invalid("`%` at its end"))?;
    specifier.conversion = conversion;
    if specifier.width == 0 && (specifier.has('-') || specifier.has('0')) {
        return Err(invalid("the flags `-` and `0` need a width"));
    }
    if !"sSdxXocCbBhHeEfgGaAn%".contains(conversion) {
        return Err(Error::unsupported(format!(
            "`%{conversion}` in `format_string`"
        )));
    }
    Ok((specifier, which))
}

impl Specifier {
    fn datum<'a>(&self, values: &'a [Value], row: usize) -> Result<Datum<'a>> {
        if matches!(self.conversion, '%' | 'n') {
            return Ok(Datum::Null);
        }
        let value = values
            .get(self.argument)
            .ok_or_else(|| invalid(&format!("there is no value number {}", self.argument + 1)))?;
        datum::of(value, row)
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
            ('s', datum) => self.cut(datum.text()?),
            ('h', datum) => self.cut(format!("{:x}", datum.hash()?)),
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
            ('g', _) if self.has('#') => return Err(invalid("`%g` does not take the flag `#`")),
            ('g', Datum::Double(value)) => self.general(value),
            ('g', Datum::Float(value)) => self.general(f64::from(value)),
            ('a', _) if self.has('(') || self.has(',') => {
                return Err(invalid("`%a` does not take the flags `(` and `,`"));
            }
            ('a', Datum::Double(value)) => self.hexadecimal(value),
            ('a', Datum::Float(value)) => self.hexadecimal(f64::from(value)),
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
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{answer, assert_answers};

    #[test]
    fn sizes_beyond_the_largest_are_refused() {
        assert_answers(&[
            ("length(format_string('%1048576s', 'x'))", "1048576"),
            ("length(format_string('%.1048576f', 0D))", "1048578"),
            ("length(format_string('%.1048576g', 1D))", "1048577"),
        ]);
        for format in [
            "%1048577s",
            "%99999999999999s",
            "%-99999999999999999999999s",
            "%.99999999999f",
            "%.2147483648g",
            "%99999999999999999999999$s",
        ] {
            let error = answer(&format!("format_string('{format}', 1D)")).unwrap_err();
            assert!(error.to_string().contains("above 1048576"), "{error}");
        }
    }
}
