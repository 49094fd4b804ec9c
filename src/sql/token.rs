//! Text to tokens: sqlparser's tokenizer, folded into the few kinds of token that Spark's grammar knows.
//!
//! The whole text is tokenised once, so that every place is a place in the file. What sqlparser leaves apart is joined
//! here: a number and its suffix (`1L`, `1.5BD`), a raw string and its `r`. What it takes for operators of other databases is
//! split again into Spark's own symbols. Strings and quoted names come out with their escapes resolved.

use crate::error::{Error, Position, Result, Span};
use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{self, Location, TokenWithSpan, Tokenizer};

/// The condition of every error of this layer that is about grammar.
pub(super) const SYNTAX: &str = "PARSE_SYNTAX_ERROR";

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword or a plain name, as written.
    Word(String),
    /// A name in backquotes, without them.
    Quoted(String),
    /// A number with its suffix, as written.
    Number(String),
    /// A string, its escapes resolved.
    Text(String),
    /// The digits of `X'1F'`.
    Hex(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Behind the last token of a statement.
    End,
}

/// A token and its place.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// In characters, for errors.
    pub(super) span: Span,
    /// In bytes, from `bytes.0` to before `bytes.1`.
    pub(super) bytes: (usize, usize),
}

impl Token {
    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            TokenKind::Word(text) | TokenKind::Number(text) => format!("`{text}`"),
            TokenKind::Quoted(text) => format!("the name `{text}`"),
            TokenKind::Text(_) => "a string".to_owned(),
            TokenKind::Hex(digits) => format!("X'{digits}'"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end of the statement".to_owned(),
        }
    }
}

/// An error of grammar at a place.
pub(super) fn syntax_error(message: impl Into<String>, span: Span) -> Error {
    Error::invalid(message)
        .with_condition(SYNTAX)
        .with_span(span)
}

/// Spark's symbols, longer ones before their own beginnings. `<<` and `>>` are not among them: `ARRAY<ARRAY<INT>>` ends
/// in two brackets, and the expression parser joins them where they stand together.
const SYMBOLS: [&str; 35] = [
    "<=>", "<=", ">=", "<>", "!=", "==", "=>", "->", "||", "|>", "::", "(", ")", ",", ".", ";",
    "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "=", "[", "]", "{", "}", ":", "?",
];

/// The lexical rules of Spark SQL, as far as the tokenizer asks.
#[derive(Debug)]
struct SparkLexis;

impl Dialect for SparkLexis {
    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '`'
    }

    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_pipe_operator(&self) -> bool {
        true
    }
}

/// The tokens of a text, without white space and comments.
///
/// # Errors
///
/// `PARSE_SYNTAX_ERROR` for an unterminated string or comment and for characters that no token begins with.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token>> {
    let raw = Tokenizer::new(&SparkLexis, text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| {
            let start = position(error.location);
            let is_comment = error.message.contains("multi-line comment");
            let error = syntax_error(lower_first(&error.message), Span { start, end: start });
            if is_comment {
                error.with_condition("UNCLOSED_BRACKETED_COMMENT")
            } else {
                error
            }
        })?;
    let mut folder = Folder {
        text,
        at: Position { line: 1, column: 1 },
        offset: 0,
        tokens: Vec::with_capacity(raw.len() / 2),
    };
    for token in raw {
        folder.push(token)?;
    }
    Ok(folder.tokens)
}

/// Folds sqlparser's tokens into ours, walking along the text for byte offsets.
struct Folder<'a> {
    text: &'a str,
    at: Position,
    offset: usize,
    tokens: Vec<Token>,
}

impl Folder<'_> {
    fn push(&mut self, raw: TokenWithSpan) -> Result<()> {
        let span = Span {
            start: position(raw.span.start),
            end: position(raw.span.end),
        };
        if matches!(
            raw.token,
            tokenizer::Token::Whitespace(_) | tokenizer::Token::EOF
        ) {
            return Ok(());
        }
        let bytes = (self.advance(span.start), self.advance(span.end));
        let kind = match raw.token {
            tokenizer::Token::Word(word) => match word.quote_style {
                Some(_) => TokenKind::Quoted(word.value.replace("``", "`")),
                None => return self.push_word(word.value, span, bytes),
            },
            tokenizer::Token::Number(..) => TokenKind::Number(self.slice(bytes).to_owned()),
            tokenizer::Token::SingleQuotedString(body) => {
                self.push_text(&body, '\'', span, bytes);
                return Ok(());
            }
            tokenizer::Token::DoubleQuotedString(body) => {
                self.push_text(&body, '"', span, bytes);
                return Ok(());
            }
            tokenizer::Token::HexStringLiteral(digits) if !self.slice(bytes).starts_with('0') => {
                TokenKind::Hex(digits)
            }
            tokenizer::Token::HexStringLiteral(_) => TokenKind::Word(self.slice(bytes).to_owned()),
            _ => return self.push_symbols(span, bytes),
        };
        self.tokens.push(Token { kind, span, bytes });
        Ok(())
    }

    /// A word; one that stands right behind a number belongs to it: `1L`, `2.5BD`, and the name `1a`.
    fn push_word(&mut self, word: String, span: Span, bytes: (usize, usize)) -> Result<()> {
        if let Some(last) = self
            .tokens
            .last_mut()
            .filter(|last| last.bytes.1 == bytes.0)
            && let TokenKind::Number(number) = &last.kind
        {
            let joined = format!("{number}{word}");
            let is_suffix = ["L", "S", "Y", "D", "F", "BD"]
                .iter()
                .any(|suffix| word.eq_ignore_ascii_case(suffix));
            let is_name = number.bytes().all(|byte| byte.is_ascii_digit());
            last.span = last.span.union(span);
            last.bytes.1 = bytes.1;
            last.kind = match (is_suffix, is_name) {
                (true, _) => TokenKind::Number(joined),
                (false, true) => TokenKind::Word(joined),
                (false, false) => {
                    return Err(syntax_error(
                        format!("`{joined}` is not a number"),
                        last.span,
                    ));
                }
            };
            return Ok(());
        }
        let kind = TokenKind::Word(word);
        self.tokens.push(Token { kind, span, bytes });
        Ok(())
    }

    /// A string; one that stands right behind `r` is raw.
    fn push_text(&mut self, body: &str, quote: char, span: Span, bytes: (usize, usize)) {
        let raw = self.tokens.last_mut().filter(|last| {
            last.bytes.1 == bytes.0
                && matches!(&last.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case("r"))
        });
        if let Some(prefix) = raw {
            prefix.kind = TokenKind::Text(body.to_owned());
            prefix.span = prefix.span.union(span);
            prefix.bytes.1 = bytes.1;
        } else {
            let kind = TokenKind::Text(unescape(body, quote));
            self.tokens.push(Token { kind, span, bytes });
        }
    }

    /// One or more symbols: operators of other databases fall apart into Spark's.
    fn push_symbols(&mut self, span: Span, bytes: (usize, usize)) -> Result<()> {
        let (mut column, mut offset) = (span.start.column, bytes.0);
        while offset < bytes.1 {
            let rest = self.slice((offset, bytes.1));
            let line = span.start.line;
            let found = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let length = found.map_or(1, |symbol| symbol.len());
            let width = u32::try_from(length).unwrap_or(1);
            let place = Span {
                start: Position { line, column },
                end: Position {
                    line,
                    column: column + width,
                },
            };
            let Some(symbol) = found else {
                let first = rest.chars().next().unwrap_or(' ');
                let message = format!("unexpected character. found=`{first}`");
                return Err(syntax_error(message, place));
            };
            self.tokens.push(Token {
                kind: TokenKind::Symbol(symbol),
                span: place,
                bytes: (offset, offset + length),
            });
            column += width;
            offset += length;
        }
        Ok(())
    }

    fn slice(&self, bytes: (usize, usize)) -> &str {
        self.text.get(bytes.0..bytes.1).unwrap_or_default()
    }

    /// The byte offset of a place that lies behind the last one asked for.
    fn advance(&mut self, to: Position) -> usize {
        let rest = self.text.get(self.offset..).unwrap_or_default();
        for character in rest.chars() {
            if self.at >= to {
                break;
            }
            self.offset += character.len_utf8();
            if character == '\n' {
                self.at = Position {
                    line: self.at.line + 1,
                    column: 1,
                };
            } else {
                self.at.column += 1;
            }
        }
        self.offset
    }
}

fn position(location: Location) -> Position {
    Position {
        line: u32::try_from(location.line).unwrap_or(u32::MAX),
        column: u32::try_from(location.column).unwrap_or(u32::MAX),
    }
}

fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Resolves the escapes of a string as Spark does: `\n` and its like, `\u00e9`, octal `\101`, a doubled quote. `\%` and
/// `\_` stay as they are, for `LIKE`; before any other character a backslash is dropped.
fn unescape(body: &str, quote: char) -> String {
    let mut result = String::with_capacity(body.len());
    let mut rest = body.chars();
    while let Some(character) = rest.next() {
        if character == quote {
            // The tokenizer lets a quote through only doubled.
            rest.next();
            result.push(quote);
        } else if character != '\\' {
            result.push(character);
        } else if let Some((code, length)) = coded(rest.as_str()) {
            result.push(code);
            rest.nth(length - 1);
        } else {
            match rest.next() {
                Some('0') => result.push('\0'),
                Some('b') => result.push('\u{8}'),
                Some('n') => result.push('\n'),
                Some('r') => result.push('\r'),
                Some('t') => result.push('\t'),
                Some('Z') => result.push('\u{1a}'),
                Some(wildcard @ ('%' | '_')) => result.extend(['\\', wildcard]),
                Some(other) => result.push(other),
                None => result.push('\\'),
            }
        }
    }
    result
}

/// A character by its code behind a backslash, and the length of the code: `u00e9`, `U0001F600`, three octal digits up to
/// 377.
fn coded(rest: &str) -> Option<(char, usize)> {
    let (digits, radix, length) = match rest.chars().next()? {
        'u' => (rest.get(1..5)?, 16, 5),
        'U' => (rest.get(1..9)?, 16, 9),
        '0'..='3' => (rest.get(..3)?, 8, 3),
        _ => return None,
    };
    let is_code = digits.chars().all(|digit| digit.is_digit(radix));
    let code = u32::from_str_radix(digits, radix)
        .ok()
        .filter(|_| is_code)?;
    Some((char::from_u32(code)?, length))
}
