//! JSON text in and out, as `parse_json` reads and Spark prints it.
//!
//! Reading is strict JSON with unique field names; what stands behind the first value is not looked at. A number without exponent is an
//! integer or a decimal if it has room, everything else a double.

use super::{DEPTH_MAX, Node};
use crate::cast::text::{decimal_text, double_text, float_text, write_date, write_timestamp};
use crate::cast::zone::Zone;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The most digits of a decimal.
const DIGITS_MAX: usize = 38;

/// Reads the first value of a text; `None` if it is malformed.
pub(crate) fn parse_json(text: &str) -> Option<Node> {
    let mut reader = Reader { rest: text };
    reader.value(0)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes this text, if it comes next.
    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.skip_blanks();
        match self.rest.bytes().next()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.text().map(Node::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let words = [
                    ("true", Node::Boolean(true)),
                    ("false", Node::Boolean(false)),
                    ("null", Node::Null),
                ];
                words
                    .into_iter()
                    .find_map(|(word, node)| self.eat(word).then_some(node))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node> {
        self.eat("{");
        let mut fields = BTreeMap::new();
        self.skip_blanks();
        if self.eat("}") {
            return Some(Node::Object(fields));
        }
        loop {
            self.skip_blanks();
            let name = self.text()?;
            self.skip_blanks();
            if !self.eat(":") {
                return None;
            }
            let value = self.value(depth + 1)?;
            match fields.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(_) => return None,
            };
            self.skip_blanks();
            if self.eat("}") {
                return Some(Node::Object(fields));
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Node> {
        self.eat("[");
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.eat("]") {
            return Some(Node::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.eat("]") {
                return Some(Node::Array(elements));
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let end = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            let (plain, after) = rest.split_at(end);
            text.push_str(plain);
            let mut characters = after.chars();
            match characters.next()? {
                '"' => {
                    self.rest = characters.as_str();
                    return Some(text);
                }
                '\\' => rest = escape(characters.as_str(), &mut text)?,
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<Node> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(self.rest.len());
        let (written, rest) = self.rest.split_at(end);
        self.rest = rest;
        let digits = written.strip_prefix('-').unwrap_or(written);
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (digits, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let are_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_valid = are_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(are_digits)
            && exponent.is_none_or(|exponent| {
                are_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
            });
        if !is_valid {
            return None;
        }
        if exponent.is_none()
            && let Some(exact) = exact(written, whole, fraction)
        {
            return Some(exact);
        }
        written.parse().ok().map(Node::Double)
    }
}

/// An integer or decimal that holds the number; `None` if neither has room.
fn exact(written: &str, whole: &str, fraction: Option<&str>) -> Option<Node> {
    if let (None, Ok(integer)) = (fraction, written.parse()) {
        return Some(Node::Integer(integer));
    }
    let fraction = fraction.unwrap_or_default();
    let significant = format!("{whole}{fraction}");
    let significant = significant.trim_start_matches('0');
    if significant.len().max(fraction.len()) > DIGITS_MAX {
        return None;
    }
    let digits: i128 = if significant.is_empty() {
        0
    } else {
        significant.parse().ok()?
    };
    let digits = if written.starts_with('-') {
        -digits
    } else {
        digits
    };
    Some(Node::Decimal(digits, u8::try_from(fraction.len()).ok()?))
}

/// Appends what an escape stands for, of which `rest` is what follows the backslash; gives what follows the escape.
fn escape<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    let mut characters = rest.chars();
    let plain = match characters.next()? {
        character @ ('"' | '\\' | '/') => character,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(characters.as_str(), text),
        _ => return None,
    };
    text.push(plain);
    Some(characters.as_str())
}

/// Four hexadecimal digits, perhaps with a second half of a surrogate pair behind them. A lone half becomes U+FFFD.
fn unicode<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    let unit = |rest: &str| {
        let digits = rest.get(..4)?;
        let are_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| are_hex)
    };
    let first = unit(rest)?;
    let after = rest.get(4..)?;
    let second = after.strip_prefix("\\u").and_then(unit);
    if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, second) {
        text.extend(char::decode_utf16([first, second]).flatten());
        return after.get(6..);
    }
    text.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(after)
}

/// Without the zeros at the end of a decimal; the scale does not fall below 0.
pub(super) fn stripped(mut digits: i128, mut scale: u8) -> (i128, u8) {
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    (digits, scale)
}

/// Writes a value as JSON. Moments are shown in the time zone; what JSON has no form for becomes a text.
pub(crate) fn write_json(node: &Node, zone: Zone, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Integer(value) => out.push_str(&value.to_string()),
        Node::Float(value) => write_number(value.is_finite(), &float_text(*value), out),
        Node::Double(value) => write_number(value.is_finite(), &double_text(*value), out),
        Node::Decimal(digits, scale) => {
            let (digits, scale) = stripped(*digits, *scale);
            let scale = i8::try_from(scale).unwrap_or_default();
            out.push_str(&decimal_text(digits, scale));
        }
        Node::Date(days) => quoted(out, |out| write_date(i64::from(*days), out)),
        Node::Timestamp(micros) => quoted(out, |out| {
            write_timestamp(zone.to_local(*micros), out);
            write_offset(zone.offset_micros(*micros) / 60_000_000, out);
        }),
        Node::TimestampNtz(micros) => quoted(out, |out| write_timestamp(*micros, out)),
        Node::Binary(bytes) => quoted(out, |out| STANDARD.encode_string(bytes, out)),
        Node::Text(text) => write_text(text, out),
        Node::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(element, zone, out);
            }
            out.push(']');
        }
        Node::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write_json(value, zone, out);
            }
            out.push('}');
        }
    }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

/// Infinities and NaN are texts.
fn write_number(is_finite: bool, text: &str, out: &mut String) {
    if is_finite {
        out.push_str(text);
    } else {
        quoted(out, |out| out.push_str(text));
    }
}

fn write_offset(minutes: i64, out: &mut String) {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    out.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
}

fn write_text(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    crate::cast::json_string::write_string(text.as_bytes(), &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}
