//! A cursor over the tokens of one statement: look, take, expect, and say what was expected instead.
//!
//! The grammar on top of it is Spark's, by recursive descent with one token of lookahead (a few where Spark's words are
//! ambiguous), so that an error is found where it is and every node knows its place. Nesting is counted: text nested deeper
//! than [`DEPTH_MAX`], or a chain longer than [`HEIGHT_MAX`], is an error, never a stack overflow, here or in whoever walks the tree afterwards.

use super::ast::{Ident, ObjectName, QueryAst};
use super::token::{Token, TokenKind, syntax_error};
use crate::error::{Error, Result, Span};
use crate::function::user::UserFunctions;

/// How deep brackets, calls and subqueries may nest: a level costs up to 18 KiB of stack in a debug build, whose threads
/// have 2 MiB.
const DEPTH_MAX: usize = 64;

/// How high a tree may grow, with chains such as `a + b + c …` that need no brackets.
const HEIGHT_MAX: usize = 256;

/// Reads one statement.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    /// The whole text, for what is taken from it as written.
    pub(super) text: &'a str,
    tokens: &'a [Token],
    end: Token,
    position: usize,
    depth: usize,
    /// The height of the highest expression since it was last set to 0.
    pub(super) height: usize,
    /// The functions that calls may stand for beside the built-in ones.
    pub(super) functions: UserFunctions,
    /// The subqueries in expressions that no `SELECT` has taken yet.
    pub(super) subqueries: Vec<QueryAst>,
    /// How many of them are those of other `SELECT`s, around the one at hand.
    pub(super) subqueries_outside: usize,
}

impl<'a> Parser<'a> {
    /// A parser of `tokens`, which are part of `text`.
    pub(super) fn new(text: &'a str, tokens: &'a [Token]) -> Parser<'a> {
        let (span, bytes) = tokens.last().map_or_else(Default::default, |last| {
            let at = last.span.end;
            (Span { start: at, end: at }, (last.bytes.1, last.bytes.1))
        });
        Parser {
            text,
            tokens,
            end: Token {
                kind: TokenKind::End,
                span,
                bytes,
            },
            position: 0,
            depth: 0,
            height: 0,
            functions: UserFunctions::default(),
            subqueries: Vec::new(),
            subqueries_outside: 0,
        }
    }

    /// The same, with functions of a session.
    pub(super) fn with_functions(mut self, functions: &UserFunctions) -> Parser<'a> {
        self.functions = functions.clone();
        self
    }

    /// The next token.
    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// The token `ahead` of the next one.
    pub(super) fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.position + ahead).unwrap_or(&self.end)
    }

    /// Passes over `count` tokens.
    pub(super) fn skip(&mut self, count: usize) {
        self.position = (self.position + count).min(self.tokens.len());
    }

    /// The place of the next token.
    pub(super) fn span(&self) -> Span {
        self.peek().span
    }

    /// From `start` to the last token taken.
    pub(super) fn span_from(&self, start: Span) -> Span {
        match self
            .position
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
        {
            Some(last) => start.union(last.span),
            None => start,
        }
    }

    /// How many tokens were taken: a mark for [`Parser::source_since`].
    pub(super) fn mark(&self) -> usize {
        self.position
    }

    /// The text of the tokens taken since `mark`, as written.
    pub(super) fn source_since(&self, mark: usize) -> &'a str {
        let taken = self.tokens.get(mark..self.position).unwrap_or_default();
        match (taken.first(), taken.last()) {
            (Some(first), Some(last)) => self
                .text
                .get(first.bytes.0..last.bytes.1)
                .unwrap_or_default(),
            _ => "",
        }
    }

    /// Whether all tokens are taken.
    pub(super) fn at_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    /// # Errors
    ///
    /// If a token is left.
    pub(super) fn expect_end(&self) -> Result<()> {
        if self.at_end() {
            return Ok(());
        }
        Err(self.unexpected("the end of the statement"))
    }

    /// The error that the next token is not what was expected.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let token = self.peek();
        syntax_error(
            format!("expected {expected}, found {}", token.shown()),
            token.span,
        )
    }

    /// The error that a form is known but not supported.
    #[expect(clippy::unused_self, reason = "reads like its sibling `unexpected`")]
    pub(super) fn unsupported(&self, what: &str, span: Span) -> Error {
        Error::unsupported(what).with_span(span)
    }

    /// Whether the token `ahead` is this keyword.
    pub(super) fn is_keyword_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(&self.peek_at(ahead).kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether the next token is this keyword.
    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        self.is_keyword_at(0, keyword)
    }

    /// Whether the next tokens are these keywords.
    pub(super) fn are_keywords(&self, keywords: &[&str]) -> bool {
        let mut ahead = keywords.iter().enumerate();
        ahead.all(|(ahead, keyword)| self.is_keyword_at(ahead, keyword))
    }

    /// Whether the next token is one of these keywords.
    pub(super) fn is_one_of(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is_keyword(keyword))
    }

    /// Takes the next token if it is this keyword.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        self.eat_all(&[keyword])
    }

    /// Takes the next tokens if they are these keywords.
    pub(super) fn eat_all(&mut self, keywords: &[&str]) -> bool {
        let found = self.are_keywords(keywords);
        if found {
            self.skip(keywords.len());
        }
        found
    }

    /// Takes a keyword that must be there.
    pub(super) fn expect(&mut self, keyword: &str) -> Result<()> {
        if self.eat(keyword) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{keyword}`")))
    }

    /// Takes keywords that must be there.
    pub(super) fn expect_all(&mut self, keywords: &[&str]) -> Result<()> {
        keywords.iter().try_for_each(|keyword| self.expect(keyword))
    }

    /// Whether the token `ahead` is this symbol.
    pub(super) fn is_symbol_at(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek_at(ahead).kind, TokenKind::Symbol(found) if found == symbol)
    }

    /// Whether the next token is this symbol.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_at(0, symbol)
    }

    /// Takes the next token if it is this symbol.
    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.skip(1);
        }
        found
    }

    /// Takes a symbol that must be there.
    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{symbol}`")))
    }

    /// Takes a name; `what` says of what, for the error.
    pub(super) fn identifier(&mut self, what: &str) -> Result<Ident> {
        match &self.peek().kind {
            TokenKind::Word(value) | TokenKind::Quoted(value) => {
                let ident = Ident {
                    value: value.clone(),
                    span: self.span(),
                };
                self.skip(1);
                Ok(ident)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Takes a name of several parts: `a.b.c`.
    pub(super) fn object_name(&mut self, what: &str) -> Result<ObjectName> {
        let start = self.span();
        let mut parts = vec![self.identifier(what)?.value];
        while self.eat_symbol(".") {
            parts.push(self.identifier(what)?.value);
        }
        if self.is_symbol("-") && matches!(self.peek_at(1).kind, TokenKind::Word(_)) {
            let message = format!(
                "a name with a hyphen stands in backticks. name=`{}-…`",
                parts.join(".")
            );
            return Err(Error::invalid(message)
                .with_condition("INVALID_IDENTIFIER")
                .with_span(self.span_from(start)));
        }
        Ok(ObjectName {
            parts,
            span: self.span_from(start),
        })
    }

    /// Takes a string if one comes next.
    pub(super) fn eat_text(&mut self) -> Option<String> {
        let TokenKind::Text(text) = &self.peek().kind else {
            return None;
        };
        let text = text.clone();
        self.skip(1);
        Some(text)
    }

    /// Takes a string that must be there.
    pub(super) fn text_literal(&mut self, what: &str) -> Result<String> {
        self.eat_text()
            .ok_or_else(|| self.unexpected(&format!("{what}, a string")))
    }

    /// One or more of what `item` reads, with commas between.
    pub(super) fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// One or more of what `item` reads, with commas between and parentheses around.
    pub(super) fn parenthesized<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.comma_separated(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    /// Passes over a parenthesis, with all it holds, that comes next; gives its place.
    pub(super) fn skip_parentheses(&mut self) -> Result<Span> {
        let start = self.span();
        let mut open = 0_usize;
        loop {
            match self.peek().kind {
                TokenKind::Symbol("(") => open += 1,
                TokenKind::Symbol(")") => open = open.saturating_sub(1),
                TokenKind::End => return Err(self.unexpected("`)`")),
                _ => {}
            }
            self.skip(1);
            if open == 0 {
                return Ok(self.span_from(start));
            }
        }
    }

    /// Whether a query in parentheses comes next.
    pub(super) fn is_subquery(&self) -> bool {
        self.is_subquery_at(0)
    }

    /// Whether a query in parentheses begins `from` tokens ahead.
    pub(super) fn is_subquery_at(&self, from: usize) -> bool {
        let mut ahead = from;
        while self.is_symbol_at(ahead, "(") {
            ahead += 1;
        }
        let begins = |keyword| self.is_keyword_at(ahead, keyword);
        let is_call = self.is_symbol_at(ahead + 1, "(");
        ahead > from
            && (begins("SELECT")
                || begins("WITH")
                || begins("FROM")
                || (begins("VALUES") && is_call)
                || (begins("TABLE") && !is_call))
    }

    /// Reads what nests, one level deeper.
    ///
    /// # Errors
    ///
    /// If that is too deep.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.check(self.depth + 1, DEPTH_MAX)?;
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// # Errors
    ///
    /// If a tree of this height is too high.
    pub(super) fn check_height(&self, height: usize) -> Result<()> {
        self.check(height, HEIGHT_MAX)
    }

    fn check(&self, levels: usize, max: usize) -> Result<()> {
        if levels <= max {
            return Ok(());
        }
        Err(syntax_error(
            format!("the statement nests too deeply. levels_max=`{max}`"),
            self.span(),
        ))
    }
}
