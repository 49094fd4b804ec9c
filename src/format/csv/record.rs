//! Cutting CSV text into records and fields.
//!
//! The rules are those of the parser Spark uses, with its settings: a field is quoted if its first character (after ignored white
//! space) is a quote; inside, the escape character makes a quote or itself part of the text, and stands for itself before anything
//! else. A quote that neither is escaped nor ends the field makes plain text of the field: its quotes stay, and it ends at the next
//! separator.

use super::CsvOptions;

/// A field: where its text stands in [`Record::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    start: usize,
    end: usize,
    is_quoted: bool,
}

/// The fields of one record. Used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Record {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The text of a field, and whether it stood in quotes.
    pub(super) fn field(&self, index: usize) -> Option<(&[u8], bool)> {
        let field = self.fields.get(index)?;
        Some((self.text.get(field.start..field.end)?, field.is_quoted))
    }

    /// All fields as text; what is no UTF-8 becomes U+FFFD.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        (0..self.len()).filter_map(|index| {
            let (text, _) = self.field(index)?;
            Some(String::from_utf8_lossy(text).into_owned())
        })
    }
}

/// Reads records off the start of a text.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    options: &'a CsvOptions,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8], options: &'a CsvOptions) -> Reader<'a> {
        Reader {
            rest: text,
            options,
        }
    }

    /// Reads the next record that is neither empty nor a comment; its text, or `None` at the end.
    pub(super) fn next(&mut self, record: &mut Record) -> Option<&'a [u8]> {
        loop {
            match self.rest {
                [] => return None,
                [b'\n' | b'\r', rest @ ..] => self.rest = rest,
                [first, ..] if Some(*first) == self.options.comment => self.skip_line(),
                _ => break,
            }
        }
        record.text.clear();
        record.fields.clear();
        let before = self.rest;
        while self.field(record) {}
        let taken = before.len() - self.rest.len();
        let text = before.get(..taken).unwrap_or_default();
        // The line end belongs to no record.
        match self.rest {
            [b'\r', b'\n', rest @ ..] | [b'\n' | b'\r', rest @ ..] => self.rest = rest,
            _ => {}
        }
        Some(text)
    }

    fn skip_line(&mut self) {
        let end = memchr::memchr2(b'\n', b'\r', self.rest).unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
    }

    /// Whether a byte ends a field.
    fn is_end(&self, byte: u8) -> bool {
        byte == self.options.separator || byte == b'\n' || byte == b'\r'
    }

    /// Reads a field and the separator behind it; whether there was one, so that another field follows.
    fn field(&mut self, record: &mut Record) -> bool {
        if self.options.ignore_leading_white_space {
            self.skip_space();
        }
        let start = record.text.len();
        let is_quoted = self
            .options
            .quote
            .is_some_and(|quote| self.quoted(quote, record));
        if !is_quoted {
            self.plain(record);
        }
        record.fields.push(Field {
            start,
            end: record.text.len(),
            is_quoted,
        });
        match self.rest {
            [byte, rest @ ..] if *byte == self.options.separator => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_space(&mut self) {
        while let [byte @ (b' ' | b'\t'), rest @ ..] = self.rest {
            if *byte == self.options.separator {
                break;
            }
            self.rest = rest;
        }
    }

    /// Reads up to the end of the field, as it stands.
    fn plain(&mut self, record: &mut Record) {
        let length = self.rest.iter().position(|byte| self.is_end(*byte));
        let (text, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        let text = if self.options.ignore_trailing_white_space {
            text.trim_ascii_end()
        } else {
            text
        };
        record.text.extend_from_slice(text);
        self.rest = rest;
    }

    /// Reads a quoted field; `false` if there is none, or if a quote in it says that what follows is plain text.
    fn quoted(&mut self, quote: u8, record: &mut Record) -> bool {
        let start = record.text.len();
        let escape = self.options.escape;
        let mut rest = match self.rest {
            [first, rest @ ..] if *first == quote => rest,
            _ => return false,
        };
        loop {
            let plain = memchr::memchr2(quote, escape, rest).unwrap_or(rest.len());
            let (text, behind) = rest.split_at(plain);
            record.text.extend_from_slice(text);
            rest = match behind {
                // A quote that is never closed: the rest of the text is in it.
                [] => {
                    self.rest = behind;
                    return true;
                }
                [first, second, behind @ ..]
                    if *first == escape
                        && (*second == quote || (*second == escape && escape != quote)) =>
                {
                    record.text.push(*second);
                    behind
                }
                // Of several quotes in a row, the last decides whether the field is closed.
                [first, behind @ ..] if *first == quote && behind.first() == Some(&quote) => {
                    record.text.push(quote);
                    behind
                }
                [first, behind @ ..] if *first == quote => {
                    if self.close(behind) {
                        return true;
                    }
                    record.text.insert(start, quote);
                    record.text.push(quote);
                    self.rest = behind;
                    return false;
                }
                [first, behind @ ..] => {
                    record.text.push(*first);
                    behind
                }
            };
        }
    }

    /// After a closing quote: whether it does end the field.
    fn close(&mut self, behind: &'a [u8]) -> bool {
        let space = behind
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t') && !self.is_end(**byte));
        let behind = behind.get(space.count()..).unwrap_or_default();
        let is_closed = behind.first().is_none_or(|byte| self.is_end(*byte));
        if is_closed {
            self.rest = behind;
        }
        is_closed
    }
}
