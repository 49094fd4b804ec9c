//! Functions of URLs: `parse_url`, `url_encode`, `url_decode`.

#[cfg(test)]
mod tests;
mod uri;

use crate::error::{Error, Result};
use crate::function::kernel::{Column, Text, text_into, try_text_into};
use crate::function::regexp::Pattern;
use crate::function::signature::{TEXT, argument_types, nullable, rule};
use crate::function::{Call, ScalarFunction};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use uri::Uri;

/// Every function of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = parsing();
    functions.extend(coding());
    functions
}

fn parsing() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "parse_url",
            usage: "parse_url(url, part[, key])",
            description: "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO; with a key, its value in the QUERY.",
            example: "SELECT parse_url('http://spark.apache.org/path?query=1', 'QUERY', 'query')",
            resolve: |arguments| {
                let types = argument_types("parse_url", arguments, &[TEXT, TEXT, TEXT], 2)?;
                Ok(nullable(types, DataType::Utf8))
            },
            kernel: |call| parse_url(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_parse_url",
            usage: "try_parse_url(url, part[, key])",
            description: "As parse_url, but null for what is not a URL.",
            example: "SELECT try_parse_url('inva lid://spark.apache.org/path', 'HOST')",
            resolve: |arguments| {
                let types = argument_types("try_parse_url", arguments, &[TEXT, TEXT, TEXT], 2)?;
                Ok(nullable(types, DataType::Utf8))
            },
            kernel: |call| parse_url(call, true),
            is_deterministic: true,
        },
    ]
}

fn coding() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "url_encode",
            usage: "url_encode(str)",
            description: "The string in the form of application/x-www-form-urlencoded.",
            example: "SELECT url_encode('https://spark.apache.org')",
            resolve: |arguments| rule("url_encode", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| {
                let text: Text<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    encode(text.get(row)?, out);
                    Some(())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "url_decode",
            usage: "url_decode(str)",
            description: "The string behind the form of application/x-www-form-urlencoded.",
            example: "SELECT url_decode('https%3A%2F%2Fspark.apache.org')",
            resolve: |arguments| rule("url_decode", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| url_decode(call, false),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "try_url_decode",
            usage: "try_url_decode(str)",
            description: "As url_decode, but null for what does not have the form.",
            example: "SELECT try_url_decode('https%3A%2F%2Fspark.apache.org')",
            resolve: |arguments| {
                let types = argument_types("try_url_decode", arguments, &[TEXT], 1)?;
                Ok(nullable(types, DataType::Utf8))
            },
            kernel: |call| url_decode(call, true),
            is_deterministic: true,
        },
    ]
}

fn parse_url(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let (url, part): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let key: Option<Text<'_>> = Column::optional(call, 2)?;
    try_text_into(call.rows, |row, out| {
        let (Some(url), Some(part)) = (url.get(row), part.get(row)) else {
            return Ok(None);
        };
        let key = match key.map(|key| key.get(row)) {
            Some(None) => return Ok(None),
            Some(Some(_)) if part != "QUERY" => return Ok(None),
            Some(key) => key,
            None => None,
        };
        let Some(uri) = Uri::parse(url) else {
            if is_try {
                return Ok(None);
            }
            return Err(Error::data(format!(
                "not a valid URL; try_parse_url gives null instead. url=`{url}`"
            ))
            .with_condition("INVALID_URL"));
        };
        let found = match key {
            Some(key) => value_of_key(uri.query, key)?,
            None => uri.part(part),
        };
        Ok(found.map(|found| out.push_str(found)))
    })
}

/// The value of a key in a query; the key is a regular expression, as in Spark.
fn value_of_key<'a>(query: Option<&'a str>, key: &str) -> Result<Option<&'a str>> {
    let Some(query) = query else {
        return Ok(None);
    };
    let pattern = Pattern::of("parse_url", &format!("(&|^){key}=([^&]*)"))?;
    let captures = pattern.captures_at(query, 0)?;
    let value = captures.and_then(|captures| captures.get(2).copied().flatten());
    Ok(value.and_then(|(start, end)| query.get(start..end)))
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(digit), 16);
                    out.extend(digit.map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
}

fn url_decode(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let text: Text<'_> = Column::of(call, 0)?;
    try_text_into(call.rows, |row, out| {
        let Some(text) = text.get(row) else {
            return Ok(None);
        };
        match decode(text, out) {
            None if !is_try => Err(Error::data(format!(
                "the URL cannot be decoded: an escape is not `%` and two hexadecimal digits. url=`{text}`"
            ))
            .with_condition("CANNOT_DECODE_URL")),
            decoded => Ok(decoded),
        }
    })
}

/// Bytes that are not UTF-8 become U+FFFD, as in Java.
fn decode(text: &str, out: &mut String) -> Option<()> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut input = text.bytes();
    while let Some(byte) = input.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || char::from(input.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                bytes.push(u8::try_from(value).ok()?);
            }
            other => bytes.push(other),
        }
    }
    out.push_str(&String::from_utf8_lossy(&bytes));
    Some(())
}
