//! Reads type names and schemas in Spark's DDL: `ts TIMESTAMP, k STRING, v BIGINT NOT NULL COMMENT 'x'`, also `a: INT`.
//!
//! A small recursive descent over tokens: words, backquoted names, quoted comments, numbers, and the signs `< > ( ) , : .`
//! Comments are read over; they describe a column and do not change it. The units of intervals are collected in the order in which the
//! types are written, as [`TypeUnits`] has them.

use super::interval::{IntervalField, IntervalUnits, TypeUnits};
use super::{
    DECIMAL_MAX_PRECISION, calendar_interval, list_of, map_of, timestamp, timestamp_ntz, variant,
};
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field, Fields, Schema};

/// How deep types may nest: keeps a hostile text from exhausting the stack.
const DEPTH_MAX: usize = 100;

/// Reads a type: `decimal(10, 2)`, `array<struct<a: int>>`.
///
/// # Errors
///
/// `Invalid`: `PARSE_SYNTAX_ERROR`, `UNSUPPORTED_DATATYPE`, or `DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION`.
pub fn parse_data_type(text: &str) -> Result<DataType> {
    parse_type_with_units(text).map(|(data_type, _)| data_type)
}

/// As [`parse_data_type`], with the units of the intervals in the type.
///
/// # Errors
///
/// As [`parse_data_type`].
pub fn parse_type_with_units(text: &str) -> Result<(DataType, TypeUnits)> {
    let mut parser = Parser::new(text)?;
    let data_type = parser.data_type(0)?;
    parser.end()?;
    Ok((data_type, TypeUnits::new(parser.units)))
}

/// Reads the columns of a schema: `ts TIMESTAMP, k STRING NOT NULL`. `struct<…>` around them is allowed. The units of intervals are in the
/// metadata of the fields.
///
/// # Errors
///
/// As [`parse_data_type`].
pub fn parse_ddl_schema(text: &str) -> Result<Schema> {
    if text.trim().is_empty() {
        return Ok(Schema::empty());
    }
    let mut parser = Parser::new(text)?;
    if parser.is_struct() {
        let data_type = parser.data_type(0)?;
        let DataType::Struct(fields) = &data_type else {
            return Err(parser.unexpected());
        };
        parser.end()?;
        return Ok(Schema::new(with_units(fields, parser.units)));
    }
    let fields = Fields::from(parser.fields(0)?);
    parser.end()?;
    Ok(Schema::new(with_units(&fields, parser.units)))
}

/// Each field with the units of its own intervals in its metadata.
fn with_units(fields: &Fields, units: Vec<IntervalUnits>) -> Vec<Field> {
    let structure = DataType::Struct(fields.clone());
    let units = TypeUnits::new(units);
    let own = fields.iter().enumerate();
    own.map(|(index, field)| {
        units
            .field(&structure, index)
            .on_field(field.as_ref().clone())
    })
    .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A keyword or a plain name, as written.
    Word(String),
    /// A name in backquotes.
    Quoted(String),
    /// A string literal.
    Text,
    /// One of `< > ( ) , :`.
    Sign(char),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Word(word) | Token::Quoted(word) => word.clone(),
            Token::Text => "string".to_owned(),
            Token::Sign(sign) => sign.to_string(),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The units of the ANSI intervals so far.
    units: Vec<IntervalUnits>,
}

impl Parser {
    fn new(text: &str) -> Result<Parser> {
        Ok(Parser {
            tokens: tokens(text)?,
            at: 0,
            units: vec![],
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn unexpected(&self) -> Error {
        let near = self.peek().map_or("end of input".to_owned(), |token| {
            format!("'{}'", token.shown())
        });
        syntax_error(format!("syntax error at or near {near}"))
    }

    fn end(&self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Takes this sign if it is next.
    fn takes(&mut self, sign: char) -> bool {
        let is_next = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: char) -> Result<()> {
        if self.takes(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// Takes this keyword (in upper case) if it is next.
    fn takes_word(&mut self, keyword: &str) -> bool {
        let is_next =
            matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<i64> {
        let error = self.unexpected();
        self.word()?.parse().map_err(|_| error)
    }

    fn is_struct(&self) -> bool {
        matches!(
            self.tokens.as_slice(),
            [Token::Word(word), Token::Sign('<'), ..] if word.eq_ignore_ascii_case("struct")
        )
    }

    /// `name [:] type [NOT NULL] [COMMENT 'text']`, separated by commas.
    fn fields(&mut self, depth: usize) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field(depth)?);
            if !self.takes(',') {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self, depth: usize) -> Result<Field> {
        let name = self.name()?;
        self.takes(':');
        let data_type = self.data_type(depth)?;
        let mut is_nullable = true;
        if self.takes_word("NOT") {
            if !self.takes_word("NULL") {
                return Err(self.unexpected());
            }
            is_nullable = false;
        }
        if self.takes_word("COMMENT") {
            if self.peek() != Some(&Token::Text) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(Field::new(name, data_type, is_nullable))
    }

    fn data_type(&mut self, depth: usize) -> Result<DataType> {
        if depth > DEPTH_MAX {
            return Err(syntax_error(format!(
                "type nests too deep. levels=`{DEPTH_MAX}`"
            )));
        }
        let name = self.word()?;
        let upper = name.to_ascii_uppercase();
        let data_type = match upper.as_str() {
            "ARRAY" => self.array(depth + 1)?,
            "MAP" => self.map(depth + 1)?,
            "STRUCT" => self.structure(depth + 1)?,
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "INTERVAL" => self.interval()?,
            "TIME" => return Err(time_refused()),
            other => simple_type(other).ok_or_else(|| unsupported(&name))?,
        };
        if data_type == DataType::Utf8 && self.takes_word("COLLATE") {
            let collation = self.word()?;
            if !collation.eq_ignore_ascii_case("UTF8_BINARY") {
                return Err(unsupported(&format!("STRING COLLATE {collation}")));
            }
        }
        Ok(data_type)
    }

    fn array(&mut self, depth: usize) -> Result<DataType> {
        self.expect('<')?;
        let element = self.data_type(depth)?;
        self.expect('>')?;
        Ok(list_of(element))
    }

    fn map(&mut self, depth: usize) -> Result<DataType> {
        self.expect('<')?;
        let key = self.data_type(depth)?;
        self.expect(',')?;
        let value = self.data_type(depth)?;
        self.expect('>')?;
        Ok(map_of(key, value))
    }

    fn structure(&mut self, depth: usize) -> Result<DataType> {
        self.expect('<')?;
        if self.takes('>') {
            return Ok(DataType::Struct(Fields::empty()));
        }
        let fields = self.fields(depth)?;
        self.expect('>')?;
        Ok(DataType::Struct(Fields::from(fields)))
    }

    /// `[(precision [, scale])]`, by default (10, 0).
    fn decimal(&mut self) -> Result<DataType> {
        if !self.takes('(') {
            return Ok(DataType::Decimal128(10, 0));
        }
        let precision = self.number()?;
        let scale = if self.takes(',') { self.number()? } else { 0 };
        self.expect(')')?;
        let narrow = u8::try_from(precision).ok().zip(i8::try_from(scale).ok());
        match narrow {
            Some((precision, _)) if precision > DECIMAL_MAX_PRECISION => {
                Err(too_precise(i64::from(precision)))
            }
            None if precision > i64::from(DECIMAL_MAX_PRECISION) => Err(too_precise(precision)),
            Some((precision, scale)) if precision > 0 && scale >= 0 => {
                if scale.unsigned_abs() > precision {
                    return Err(Error::invalid(format!(
                        "decimal scale cannot be greater than precision. scale=`{scale}` precision=`{precision}`"
                    ))
                    .with_condition("DECIMAL_SCALE_EXCEEDS_PRECISION"));
                }
                Ok(DataType::Decimal128(precision, scale))
            }
            _ => Err(unsupported(&format!("DECIMAL({precision},{scale})"))),
        }
    }

    /// `INTERVAL`, or `INTERVAL unit [TO unit]`: the unit decides which of the two ANSI intervals it is.
    fn interval(&mut self) -> Result<DataType> {
        let Some(start) = self.interval_unit() else {
            return Ok(calendar_interval());
        };
        let end = if self.takes_word("TO") {
            self.interval_unit().ok_or_else(|| self.unexpected())?
        } else {
            start
        };
        let units = IntervalUnits::new(start, end).ok_or_else(|| self.unexpected())?;
        self.units.push(units);
        Ok(units.data_type())
    }

    /// The unit of intervals that the next word is; takes it if it is one.
    fn interval_unit(&mut self) -> Option<IntervalField> {
        IntervalField::ALL
            .into_iter()
            .find(|field| self.takes_word(field.name()))
    }
}

/// As in Spark, `TIME` is there for literals and what is made of them, not yet for columns and casts.
fn time_refused() -> Error {
    Error::invalid("the data type TIME is not supported for columns and casts")
        .with_condition("UNSUPPORTED_TIME_TYPE")
}

fn simple_type(upper: &str) -> Option<DataType> {
    Some(match upper {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" | "BYTE" => DataType::Int8,
        "SMALLINT" | "SHORT" => DataType::Int16,
        "INT" | "INTEGER" => DataType::Int32,
        "BIGINT" | "LONG" => DataType::Int64,
        "FLOAT" | "REAL" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "STRING" => DataType::Utf8,
        "BINARY" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIMESTAMP" | "TIMESTAMP_LTZ" => timestamp(),
        "TIMESTAMP_NTZ" => timestamp_ntz(),
        "VARIANT" => variant(),
        "VOID" => DataType::Null,
        _ => return None,
    })
}

/// Cuts the text into tokens.
fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '<' | '>' | '(' | ')' | ',' | ':' => (Token::Sign(first), rest.split_at(1).1),
            '`' | '\'' | '"' => quoted(rest, first)?,
            _ if first.is_alphanumeric() || first == '_' => {
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (Token::Word(word.to_owned()), after)
            }
            other => {
                return Err(syntax_error(format!(
                    "syntax error at or near '{other}': names with such characters need backquotes"
                )));
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// A token in quotes, where two quotes stand for one, or (in string literals) a backslash protects what follows.
fn quoted(text: &str, quote: char) -> Result<(Token, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character == '\\' && quote != '`' {
            characters.next();
        } else if character != quote {
            value.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            let token = if quote == '`' {
                Token::Quoted(value)
            } else {
                Token::Text
            };
            return Ok((token, text.split_at(index + quote.len_utf8()).1));
        }
    }
    Err(syntax_error(format!("quote is not closed. quote={quote}")))
}

fn syntax_error(message: String) -> Error {
    Error::invalid(message).with_condition("PARSE_SYNTAX_ERROR")
}

fn unsupported(name: &str) -> Error {
    Error::invalid(format!(
        "unsupported data type. type=\"{}\"",
        name.to_uppercase()
    ))
    .with_condition("UNSUPPORTED_DATATYPE")
}

fn too_precise(precision: i64) -> Error {
    Error::invalid(format!(
        "decimal precision exceeds the maximum. precision=`{precision}` maximum=`{DECIMAL_MAX_PRECISION}`"
    ))
    .with_condition("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
}
