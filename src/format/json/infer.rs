//! The types of JSON: what columns records have, by looking at them.
//!
//! As Spark: whole numbers are `BIGINT` (or a decimal, if one is too large), others `DOUBLE`, and what is of several types becomes
//! `STRING`; what is always null or empty becomes `STRING` too. The fields of a struct are in the order of their names.

use super::JsonOptions;
use super::cursor::{Cursor, Number, Read, Syntax, unescape};
use crate::error::Result;
use crate::options::Options;
use crate::types;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use std::collections::BTreeMap;

/// What inference may decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InferOptions {
    /// Option `primitivesAsString`: whether numbers and booleans are strings. Default no.
    pub primitives_as_string: bool,
    /// Option `prefersDecimal`: whether numbers with a fraction are decimals. Default no.
    pub prefers_decimal: bool,
}

impl InferOptions {
    /// Takes its two out of `options`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is neither true nor false.
    pub fn take(options: &mut Options) -> Result<InferOptions> {
        Ok(InferOptions {
            primitives_as_string: options.boolean("primitivesAsString", false)?,
            prefers_decimal: options.boolean("prefersDecimal", false)?,
        })
    }
}

/// A type on the way.
#[derive(Debug, Clone, PartialEq)]
enum Guess {
    /// Only nulls so far.
    Nothing,
    Boolean,
    Long,
    Double,
    Decimal(u8, i8),
    Text,
    List(Box<Guess>),
    Struct(BTreeMap<String, Guess>),
}

/// Looks at records and gathers what columns they have.
#[derive(Debug)]
pub(crate) struct JsonInference {
    syntax: Syntax,
    options: InferOptions,
    /// The fields of all records.
    root: Guess,
    /// Whether a record was malformed.
    has_malformed: bool,
}

impl JsonInference {
    pub(crate) fn new(options: &JsonOptions, infer: InferOptions) -> JsonInference {
        JsonInference {
            syntax: Syntax::of(options),
            options: infer,
            root: Guess::Nothing,
            has_malformed: false,
        }
    }

    /// Looks at a record: an object, or an array of objects. Others count as malformed.
    pub(crate) fn push(&mut self, record: &[u8]) {
        let mut cursor = Cursor::new(record, self.syntax);
        if cursor.skip_space().is_ok() && cursor.peek().is_none() {
            return;
        }
        let guess = match self.guess(&mut cursor) {
            Ok(Guess::List(elements)) => *elements,
            Ok(guess) => guess,
            Err(_) => Guess::Nothing,
        };
        if matches!(guess, Guess::Struct(_)) {
            let known = std::mem::replace(&mut self.root, Guess::Nothing);
            self.root = unite(known, guess);
        } else {
            self.has_malformed = true;
        }
    }

    /// The columns; with a column for corrupt records of this name, if there was one.
    pub(crate) fn finish(self, corrupt_record_column: &str) -> Schema {
        let mut fields = match self.root {
            Guess::Struct(fields) => fields,
            _ => BTreeMap::new(),
        };
        if self.has_malformed {
            fields.insert(corrupt_record_column.to_owned(), Guess::Text);
        }
        Schema::new(settled_fields(fields))
    }

    /// The type of one text; `None` if it is no JSON. For `schema_of_json`.
    pub(crate) fn type_of(&self, text: &[u8]) -> Option<DataType> {
        let mut cursor = Cursor::new(text, self.syntax);
        cursor.skip_space().ok()?;
        self.guess(&mut cursor).ok().map(settled)
    }

    fn guess(&self, cursor: &mut Cursor<'_>) -> Read<Guess> {
        // Checks the whole value first, its depth too.
        cursor.clone().skip_value()?;
        self.guess_checked(cursor)
    }

    fn guess_checked(&self, cursor: &mut Cursor<'_>) -> Read<Guess> {
        let primitive = |guess| match guess {
            _ if self.options.primitives_as_string => Guess::Text,
            guess => guess,
        };
        if cursor.at_string() {
            cursor.string()?;
            return Ok(Guess::Text);
        }
        match cursor.peek() {
            Some(b'{') => self.guess_object(cursor),
            Some(b'[') => self.guess_array(cursor),
            Some(b'n') => cursor.literal(b"null").map(|()| Guess::Nothing),
            Some(b't' | b'f') => cursor.skip_value().map(|()| primitive(Guess::Boolean)),
            _ => {
                let number = cursor.number()?;
                Ok(primitive(self.guess_number(&number)))
            }
        }
    }

    fn guess_number(&self, number: &Number<'_>) -> Guess {
        let digits = number
            .text
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .count();
        if number.is_integer {
            let text = std::str::from_utf8(number.text).unwrap_or_default();
            return match text.parse::<i64>() {
                Ok(_) => Guess::Long,
                Err(_) if digits <= usize::from(types::DECIMAL_MAX_PRECISION) => {
                    Guess::Decimal(u8::try_from(digits).unwrap_or(u8::MAX), 0)
                }
                Err(_) => Guess::Double,
            };
        }
        let scale = usize::try_from(-number.exponent).unwrap_or(0);
        let fits = number.special.is_none()
            && !number.text.iter().any(|byte| matches!(byte, b'e' | b'E'))
            && digits <= usize::from(types::DECIMAL_MAX_PRECISION);
        if self.options.prefers_decimal && fits {
            let precision = u8::try_from(digits).unwrap_or(u8::MAX);
            return Guess::Decimal(precision, i8::try_from(scale).unwrap_or(i8::MAX));
        }
        Guess::Double
    }

    fn guess_object(&self, cursor: &mut Cursor<'_>) -> Read<Guess> {
        cursor.advance(1);
        let mut fields = BTreeMap::new();
        let mut is_open = !cursor.closes(b'}')?;
        while is_open {
            let raw = cursor.name()?;
            let mut name = Vec::with_capacity(raw.bytes.len());
            unescape(raw.bytes, &mut name);
            cursor.skip_space()?;
            let guess = self.guess_checked(cursor)?;
            fields.insert(String::from_utf8_lossy(&name).into_owned(), guess);
            is_open = cursor.more(b'}')?;
        }
        Ok(Guess::Struct(fields))
    }

    fn guess_array(&self, cursor: &mut Cursor<'_>) -> Read<Guess> {
        cursor.advance(1);
        let mut elements = Guess::Nothing;
        let mut is_open = !cursor.closes(b']')?;
        while is_open {
            cursor.skip_space()?;
            elements = unite(elements, self.guess_checked(cursor)?);
            is_open = cursor.more(b']')?;
        }
        Ok(Guess::List(Box::new(elements)))
    }
}

/// The type that holds the values of both.
fn unite(left: Guess, right: Guess) -> Guess {
    match (left, right) {
        (left, right) if left == right => left,
        (Guess::Nothing, other) | (other, Guess::Nothing) => other,
        (Guess::Double, Guess::Long | Guess::Decimal(..))
        | (Guess::Long | Guess::Decimal(..), Guess::Double) => Guess::Double,
        (Guess::Long, Guess::Decimal(precision, scale))
        | (Guess::Decimal(precision, scale), Guess::Long) => wider(
            (precision, scale),
            types::decimal_for_integer(&DataType::Int64).unwrap_or((20, 0)),
        ),
        (Guess::Decimal(p1, s1), Guess::Decimal(p2, s2)) => wider((p1, s1), (p2, s2)),
        (Guess::List(left), Guess::List(right)) => Guess::List(Box::new(unite(*left, *right))),
        (Guess::Struct(mut left), Guess::Struct(right)) => {
            for (name, guess) in right {
                let known = left.remove(&name).unwrap_or(Guess::Nothing);
                left.insert(name, unite(known, guess));
            }
            Guess::Struct(left)
        }
        _ => Guess::Text,
    }
}

/// The decimal that holds both, or `DOUBLE` if none does.
fn wider(left: (u8, i8), right: (u8, i8)) -> Guess {
    let scale = left.1.max(right.1);
    let whole = |(precision, scale): (u8, i8)| i16::from(precision) - i16::from(scale);
    let precision = whole(left).max(whole(right)) + i16::from(scale);
    match u8::try_from(precision) {
        Ok(precision) if precision <= types::DECIMAL_MAX_PRECISION => {
            Guess::Decimal(precision, scale)
        }
        _ => Guess::Double,
    }
}

fn settled(guess: Guess) -> DataType {
    match guess {
        Guess::Nothing | Guess::Text => DataType::Utf8,
        Guess::Boolean => DataType::Boolean,
        Guess::Long => DataType::Int64,
        Guess::Double => DataType::Float64,
        Guess::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        Guess::List(elements) => types::list_of(settled(*elements)),
        Guess::Struct(fields) => DataType::Struct(settled_fields(fields)),
    }
}

/// Fields; structs without fields are left out, as they can hold nothing.
fn settled_fields(fields: BTreeMap<String, Guess>) -> Fields {
    fields
        .into_iter()
        .filter(|(_, guess)| !matches!(guess, Guess::Struct(fields) if fields.is_empty()))
        .map(|(name, guess)| Field::new(name, settled(guess), true))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(records: &[&str]) -> String {
        let mut inference = JsonInference::new(&JsonOptions::default(), InferOptions::default());
        for record in records {
            inference.push(record.as_bytes());
        }
        let schema = inference.finish("_corrupt_record");
        types::simple_string(&DataType::Struct(schema.fields().clone()))
    }

    #[test]
    fn types_of_several_records_are_united() {
        assert_eq!(
            inferred(&[
                r#"{"b":1,"a":null,"l":[],"s":{"y":1}}"#,
                r#"{"b":1.5,"a":"x","l":[1,null],"s":{"x":true},"e":{}}"#,
                r#"{"m":1}"#,
                r#"{"m":"x","n":null,"big":12345678901234567890}"#,
            ]),
            "struct<a:string,b:double,big:decimal(20,0),l:array<bigint>,m:string,n:string,s:struct<x:boolean,y:bigint>>"
        );
    }

    #[test]
    fn malformed_records_add_a_column_for_them() {
        assert_eq!(
            inferred(&[r#"{"a":1}"#, "oops", "", "[1]", r#"[{"a":2,"b":true}]"#]),
            "struct<_corrupt_record:string,a:bigint,b:boolean>"
        );
    }
}
