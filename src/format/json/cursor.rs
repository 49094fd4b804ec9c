//! Reading JSON text byte by byte: white space, strings, numbers, literals, and passing over a value nobody asked for.
//!
//! The grammar is that of Jackson with Spark's settings: RFC 8259, plus what [`Syntax`] allows. Everything that is read or
//! passed over is checked against it; what follows the first value of a record is not looked at, as in Spark. Strings are
//! scanned many bytes at a time (`scan`). Only text that is asked for is checked to be UTF-8.

use super::JsonOptions;
use super::scan::scan_string;

/// How deep values may nest, as in Jackson: keeps a hostile record from exhausting the stack.
const DEPTH_MAX: usize = 1000;

/// Digits that always fit into a `u64`.
const EXACT_DIGITS_MAX: u32 = 19;

/// What the text does not conform to, and where in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Byte position in the record, from 0.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) what: &'static str,
}

/// What is read, or where the text is not JSON.
pub(super) type Read<T> = Result<T, SyntaxError>;

/// What is allowed beyond RFC 8259.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one option of Spark's, and they are independent"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) single_quotes: bool,
    pub(super) unquoted_names: bool,
    pub(super) leading_zeros: bool,
    pub(super) non_numeric_numbers: bool,
    pub(super) any_escape: bool,
    pub(super) control_characters: bool,
    pub(super) comments: bool,
}

impl Syntax {
    /// What these options allow.
    pub(super) fn of(options: &JsonOptions) -> Syntax {
        Syntax {
            single_quotes: options.allow_single_quotes,
            unquoted_names: options.allow_unquoted_field_names,
            leading_zeros: options.allow_numeric_leading_zeros,
            non_numeric_numbers: options.allow_non_numeric_numbers,
            any_escape: options.allow_backslash_escaping_any_character,
            control_characters: options.allow_unquoted_control_chars,
            comments: options.allow_comments,
        }
    }
}

/// A string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawText<'a> {
    /// The bytes between the quotes.
    pub(super) bytes: &'a [u8],
    /// Whether there is a backslash among them.
    pub(super) has_escape: bool,
    /// Whether all of them are ASCII.
    pub(super) is_ascii: bool,
}

/// A number as it stands in the text, and in parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number<'a> {
    /// The whole text.
    pub(super) text: &'a [u8],
    /// Whether it starts with a minus.
    pub(super) is_negative: bool,
    /// Its digits without the point, if there are few enough of them (see [`Number::is_exact`]).
    pub(super) mantissa: u64,
    /// The power of ten that `mantissa` is multiplied with.
    pub(super) exponent: i64,
    /// Whether `mantissa` holds all digits.
    pub(super) is_exact: bool,
    /// Whether there is neither a point nor an exponent.
    pub(super) is_integer: bool,
    /// `NaN`, `Infinity` and the like.
    pub(super) special: Option<f64>,
}

/// A place in a record.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], syntax: Syntax) -> Cursor<'a> {
        Cursor {
            bytes,
            at: 0,
            syntax,
        }
    }

    /// How many bytes lie behind.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// What lies ahead.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The bytes from `start` to here.
    #[inline]
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes `count` bytes on; the caller has seen them.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, what }
    }

    /// The error that the text ends, or that something else stands here than `what` says.
    pub(super) fn unexpected(&self, what: &'static str) -> SyntaxError {
        match self.peek() {
            Some(_) => self.error(what),
            None => self.error("the record ends too early"),
        }
    }

    /// Passes over white space (and comments, where they are allowed).
    #[inline]
    pub(super) fn skip_space(&mut self) -> Read<()> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                b'/' if self.syntax.comments => self.skip_comment()?,
                _ => break,
            }
        }
        Ok(())
    }

    #[cold]
    fn skip_comment(&mut self) -> Read<()> {
        let rest = self.rest();
        if rest.starts_with(b"//") {
            self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            return Ok(());
        }
        let end = rest
            .strip_prefix(b"/*")
            .and_then(|comment| memchr::memmem::find(comment, b"*/"));
        match end {
            Some(end) => {
                self.at += end + 4;
                Ok(())
            }
            None => Err(self.error("a comment is not closed")),
        }
    }

    /// After a value inside an object or array: whether another one follows (`true`) or `close` ends it.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Read<bool> {
        self.skip_space()?;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected("expected a comma or the closing bracket")),
        }
    }

    /// After an opening bracket, which has been read: whether `close` follows at once, which is then read too.
    #[inline]
    pub(super) fn closes(&mut self, close: u8) -> Read<bool> {
        self.skip_space()?;
        let closes = self.peek() == Some(close);
        self.at += usize::from(closes);
        Ok(closes)
    }

    /// Reads a name and the colon behind it.
    pub(super) fn name(&mut self) -> Read<RawText<'a>> {
        self.skip_space()?;
        let name = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'\'') if self.syntax.single_quotes => self.string()?,
            Some(byte) if self.syntax.unquoted_names && is_name_byte(byte) => self.bare_name(),
            _ => return Err(self.unexpected("expected a name in double quotes")),
        };
        self.skip_space()?;
        if self.peek() != Some(b':') {
            return Err(self.unexpected("expected a colon"));
        }
        self.at += 1;
        Ok(name)
    }

    fn bare_name(&mut self) -> RawText<'a> {
        let start = self.at;
        while self.peek().is_some_and(is_name_byte) {
            self.at += 1;
        }
        let bytes = self.since(start);
        RawText {
            bytes,
            has_escape: false,
            is_ascii: bytes.is_ascii(),
        }
    }

    /// Whether a string starts here.
    #[inline]
    pub(super) fn at_string(&self) -> bool {
        match self.peek() {
            Some(b'"') => true,
            Some(b'\'') => self.syntax.single_quotes,
            _ => false,
        }
    }

    /// Whether the string in double quotes that starts here is closed and has no escapes.
    #[inline]
    pub(super) fn at_plain_string(&self) -> bool {
        let (end, _) = scan_string(self.bytes, self.at + 1);
        self.bytes.get(end) == Some(&b'"')
    }

    /// Reads a string; the cursor stands on its opening quote.
    #[inline]
    pub(super) fn string(&mut self) -> Read<RawText<'a>> {
        if self.peek() != Some(b'"') {
            return self.string_slowly(b'\'', self.at + 1);
        }
        let start = self.at + 1;
        let (end, is_ascii) = scan_string(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(RawText {
                bytes: self.bytes.get(start..end).unwrap_or_default(),
                has_escape: false,
                is_ascii,
            });
        }
        self.string_slowly(b'"', start)
    }

    /// As [`Cursor::string`], for any quote, with escapes and control characters.
    #[cold]
    fn string_slowly(&mut self, quote: u8, start: usize) -> Read<RawText<'a>> {
        self.at = start;
        let mut has_escape = false;
        loop {
            match self.peek() {
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    has_escape = true;
                    self.skip_escape()?;
                }
                Some(byte) if byte < 0x20 && !self.syntax.control_characters => {
                    return Err(self.error("a control character in a string must be escaped"));
                }
                Some(_) => self.at += 1,
                None => return Err(self.error("a string is not closed")),
            }
        }
        let bytes = self.since(start);
        self.at += 1;
        Ok(RawText {
            bytes,
            has_escape,
            is_ascii: bytes.is_ascii(),
        })
    }

    fn skip_escape(&mut self) -> Read<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'\'') if self.syntax.single_quotes => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.error("a \\u escape needs four hexadecimal digits"));
                }
                self.at += 6;
            }
            Some(_) if self.syntax.any_escape => self.at += 2,
            Some(_) => return Err(self.error("there is no such escape in a string")),
            None => return Err(self.error("a string is not closed")),
        }
        Ok(())
    }

    /// Reads `word`, of which the first letter was seen.
    #[inline]
    pub(super) fn literal(&mut self, word: &'static [u8]) -> Read<()> {
        let is_here = self.rest().starts_with(word);
        let after = self.bytes.get(self.at + word.len()).copied();
        if !is_here || after.is_some_and(is_name_byte) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads a number; the cursor stands on what is no other value's first byte.
    #[inline]
    pub(super) fn number(&mut self) -> Read<Number<'a>> {
        let start = self.at;
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let first_digit = self.at;
        let mut mantissa = 0_u64;
        self.digits(&mut mantissa);
        let mut digits = self.at - first_digit;
        if digits == 0 {
            return self.special_number(start);
        }
        if digits > 1 && self.bytes.get(first_digit) == Some(&b'0') && !self.syntax.leading_zeros {
            return Err(SyntaxError {
                at: start,
                what: "a number must not start with 0",
            });
        }
        let mut exponent = 0_i64;
        let mut is_integer = true;
        if self.peek() == Some(b'.') {
            self.at += 1;
            let point = self.at;
            self.digits(&mut mantissa);
            let decimals = self.at - point;
            if decimals == 0 {
                return Err(self.unexpected("a decimal point must be followed by a digit"));
            }
            digits += decimals;
            exponent = -i64::try_from(decimals).unwrap_or(i64::MAX);
            is_integer = false;
        }
        if let Some(b'e' | b'E') = self.peek() {
            exponent = exponent.saturating_add(self.exponent()?);
            is_integer = false;
        }
        Ok(Number {
            text: self.since(start),
            is_negative,
            mantissa,
            exponent,
            is_exact: digits <= EXACT_DIGITS_MAX as usize,
            is_integer,
            special: None,
        })
    }

    /// Reads digits onto `value`, which wraps if there are too many of them.
    #[inline]
    fn digits(&mut self, value: &mut u64) {
        while let Some(byte) = self.peek() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> Read<i64> {
        self.at += 1;
        let sign = self.peek();
        self.at += usize::from(matches!(sign, Some(b'+' | b'-')));
        let start = self.at;
        let mut value = 0_i64;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            value = value
                .saturating_mul(10)
                .saturating_add(i64::from(byte - b'0'));
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unexpected("an exponent needs a digit"));
        }
        Ok(if sign == Some(b'-') { -value } else { value })
    }

    /// `NaN`, `Infinity`, `-Infinity`, `+INF`, …: what Jackson takes for a number without quotes.
    #[cold]
    fn special_number(&mut self, start: usize) -> Read<Number<'a>> {
        self.at = start;
        let words: [(&[u8], f64); 6] = [
            (b"NaN", f64::NAN),
            (b"Infinity", f64::INFINITY),
            (b"+Infinity", f64::INFINITY),
            (b"+INF", f64::INFINITY),
            (b"-Infinity", f64::NEG_INFINITY),
            (b"-INF", f64::NEG_INFINITY),
        ];
        if self.syntax.non_numeric_numbers {
            for (word, value) in words {
                if self.rest().starts_with(word) {
                    self.literal(word)?;
                    return Ok(Number {
                        text: self.since(start),
                        is_negative: value < 0.0,
                        mantissa: 0,
                        exponent: 0,
                        is_exact: false,
                        is_integer: false,
                        special: Some(value),
                    });
                }
            }
        }
        Err(self.unexpected("expected a value"))
    }

    /// Passes over a value of any kind, checking that it is one.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Read<()> {
        if self.peek() == Some(b'"') {
            // Most of what is passed over is a string without escapes, of which only the end matters.
            let start = self.at + 1;
            let (end, _) = scan_string(self.bytes, start);
            if self.bytes.get(end) == Some(&b'"') {
                self.at = end + 1;
                return Ok(());
            }
            return self.string_slowly(b'"', start).map(drop);
        }
        self.skip_nested(0)
    }

    fn skip_nested(&mut self, depth: usize) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'{' | b'[') if depth >= DEPTH_MAX => Err(self.error("the value nests too deep")),
            Some(b'{') => self.skip_object(depth + 1),
            Some(b'[') => self.skip_array(depth + 1),
            Some(b'\'') if self.syntax.single_quotes => self.string().map(drop),
            Some(_) => self.number().map(drop),
            None => Err(self.unexpected("expected a value")),
        }
    }

    fn skip_object(&mut self, depth: usize) -> Read<()> {
        self.at += 1;
        if self.closes(b'}')? {
            return Ok(());
        }
        loop {
            self.name()?;
            self.skip_space()?;
            self.skip_nested(depth)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn skip_array(&mut self, depth: usize) -> Read<()> {
        self.at += 1;
        if self.closes(b']')? {
            return Ok(());
        }
        loop {
            self.skip_space()?;
            self.skip_nested(depth)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// What passes over the rest of an object or array whose opening bracket and some values have been read, and of which the
    /// next thing is a comma or the closing bracket.
    pub(super) fn skip_rest(&mut self, close: u8) -> Read<()> {
        while self.more(close)? {
            if close == b'}' {
                self.name()?;
            }
            self.skip_space()?;
            self.skip_value()?;
        }
        Ok(())
    }
}

/// Whether a byte can stand in a name without quotes, so that a literal does not end before it.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Appends the text that `raw` stands for to `into`. `raw` has been read by a [`Cursor`], so its escapes are well-formed.
/// Half of a surrogate pair becomes `?`, as in Java.
pub(super) fn unescape(raw: &[u8], into: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        into.extend_from_slice(plain);
        let taken = match escape.get(1) {
            Some(b'u') => unescape_unicode(escape, into),
            Some(letter) => {
                into.push(match letter {
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                2
            }
            None => 1,
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

/// Appends the character of a `\u` escape, or of the surrogate pair that starts here; how many bytes it took.
fn unescape_unicode(escape: &[u8], into: &mut Vec<u8>) -> usize {
    let unit = |from: usize| -> Option<u32> {
        let digits = escape.get(from..from + 4)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(2).unwrap_or(u32::from(b'?'));
    let (code, taken) = match (first, escape.get(6..8)) {
        (0xd800..=0xdbff, Some(b"\\u")) => match unit(8) {
            Some(second @ 0xdc00..=0xdfff) => {
                (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
            }
            _ => (u32::from(b'?'), 6),
        },
        (0xd800..=0xdfff, _) => (u32::from(b'?'), 6),
        _ => (first, 6),
    };
    let character = char::from_u32(code).unwrap_or('?');
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    taken
}
