//! Spark SQL: text to statements, and queries to the logical plan.
//!
//! The dialect is Spark 4.3's own streaming SQL and nothing beside it. [`parse_script`] cuts a file into [`Statement`]s,
//! [`parse_query`] reads one query, [`lower_query`] gives it a meaning through the [`Relations`] of a session. Three steps:
//!
//! 1. `token`: sqlparser's tokenizer, over the whole text, so that every place is a place in the file.
//! 2. `statement`, `query`, `relation`, `expression`: recursive descent over the tokens into a small tree of Spark's own
//!    vocabulary. The grammar is ours and not sqlparser's, whose tree has no place for `STREAM` and `WATERMARK`, knows the
//!    place of only some nodes, and whose backtracking names the wrong place for an error inside a subquery.
//! 3. `lower`: the tree onto the builder that the `DataFrame` API uses too, so that both give the same plan.
//!
//! What Spark has and we do not is refused by name. Every error that leaves this module carries the line it is about,
//! with carets below.

mod ast;
mod expression;
mod interval;
mod literal;
mod lower;
mod mask;
mod parser;
mod pipe;
mod query;
mod relation;
mod statement;
#[cfg(test)]
mod tests;
mod token;
mod turn;

pub use ast::ObjectName;
pub use statement::{Insert, Statement, StatementKind, ViewDefinition};

use crate::error::{Error, Position, Result, Span};
use crate::expr::Ast;
use crate::function::user::UserFunctions;
use crate::plan::LogicalPlan;
use ast::{Body, Ident, Organization, QueryAst, RelationAlias, RelationAst};
use lower::Lowering;
use mask::{masked, masked_line};
use parser::Parser;
use std::collections::BTreeMap;
use std::sync::Arc;
use token::{Token, TokenKind, tokenize};

/// What the names in a query mean: the tables, views and sources of a session.
pub trait Relations {
    /// `FROM name`: a table that is read once, or a view, which may be streaming.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`, and whatever opening it gives. Places are added by the caller.
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>>;

    /// `FROM STREAM name WITH (options) IDENTIFIED BY identified_by`: read as a stream. `identified_by` is the name that
    /// the source's offsets are kept under.
    ///
    /// # Errors
    ///
    /// As [`Relations::table`]; also if it cannot be read as a stream.
    fn stream(
        &self,
        name: &[String],
        options: &BTreeMap<String, String>,
        identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>>;
}

/// A query that was parsed; [`lower_query`] gives it a meaning.
#[derive(Debug, Clone)]
pub struct Query {
    ast: QueryAst,
    text: Arc<str>,
}

impl Query {
    fn new(ast: QueryAst, text: Arc<str>) -> Query {
        Query { ast, text }
    }

    /// Where it stands in its text.
    pub fn span(&self) -> Span {
        self.ast.span
    }

    /// The whole text it stands in, with the values of options masked; [`crate::Error::with_sql`] draws places of it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The query as written, with the values of options masked.
    pub fn sql(&self) -> &str {
        source_at(&self.text, self.ast.span)
    }

    /// The same rows under other names: `CREATE VIEW v (a, b) AS …`.
    fn with_columns(self, name: &ObjectName, columns: Vec<Ident>) -> Query {
        if columns.is_empty() {
            return self;
        }
        let span = self.ast.span;
        let relation = RelationAst::Subquery {
            query: Box::new(self.ast),
            sample: None,
            watermark: None,
            alias: Some(RelationAlias {
                name: Ident {
                    value: name.to_string(),
                    span: name.span,
                },
                columns,
            }),
        };
        let ast = QueryAst {
            with: Vec::new(),
            body: Body::Relations(vec![relation]),
            organization: Organization::default(),
            span,
        };
        Query::new(ast, self.text)
    }
}

/// Reads a file of statements with `;` between them.
///
/// # Errors
///
/// `Invalid`, mostly `PARSE_SYNTAX_ERROR`, with the line and a caret; also for what is known but not supported.
pub fn parse_script(text: &str) -> Result<Vec<Statement>> {
    parse_script_with(text, &UserFunctions::default())
}

/// As [`parse_script`], where calls may stand for these functions.
///
/// # Errors
///
/// As [`parse_script`].
pub fn parse_script_with(text: &str, functions: &UserFunctions) -> Result<Vec<Statement>> {
    with_tokens(text, |tokens, shown| {
        tokens
            .split(|token| token.kind == TokenKind::Symbol(";"))
            .filter(|tokens| !tokens.is_empty())
            .map(|tokens| {
                Parser::new(text, tokens)
                    .with_functions(functions)
                    .statement(shown)
            })
            .collect()
    })
}

/// Reads one query.
///
/// # Errors
///
/// As [`parse_script`], and if the text holds anything but one query.
pub fn parse_query(text: &str) -> Result<Query> {
    parse_query_with(text, &UserFunctions::default())
}

/// As [`parse_query`], where calls may stand for these functions.
///
/// # Errors
///
/// As [`parse_query`].
pub fn parse_query_with(text: &str, functions: &UserFunctions) -> Result<Query> {
    with_tokens(text, |tokens, shown| {
        let tokens = match tokens.split_last() {
            Some((last, before)) if last.kind == TokenKind::Symbol(";") => before,
            _ => tokens,
        };
        if tokens.is_empty() {
            return Err(
                Error::invalid("the query is empty").with_condition("PARSE_EMPTY_STATEMENT")
            );
        }
        Parser::new(text, tokens)
            .with_functions(functions)
            .whole_query(shown)
    })
}

/// Reads one expression, perhaps with an alias: `v * 2 AS w`.
///
/// # Errors
///
/// As [`parse_script`].
pub fn parse_expression(text: &str) -> Result<Ast> {
    with_tokens(text, |tokens, _| {
        let mut parser = Parser::new(text, tokens);
        let expression = parser.aliased_expression()?;
        parser.expect_end()?;
        Ok(expression)
    })
}

/// Gives the tokens of a text, and the text as it may be shown, to `read`; errors get the line they are about.
fn with_tokens<T>(text: &str, read: impl FnOnce(&[Token], &Arc<str>) -> Result<T>) -> Result<T> {
    let tokens = tokenize(text).map_err(|error| {
        let line = masked_line(text, error.span());
        error.with_sql(&line)
    })?;
    let shown = masked(text, &tokens);
    read(&tokens, &shown).map_err(|error| error.with_sql(&shown))
}

/// The logical plan of a query.
///
/// # Errors
///
/// `Invalid`, with Spark's condition (`UNRESOLVED_COLUMN.WITH_SUGGESTION`, `TABLE_OR_VIEW_NOT_FOUND`, …), the line and a
/// caret.
pub fn lower_query(query: &Query, relations: &dyn Relations) -> Result<Arc<LogicalPlan>> {
    Lowering::new(relations)
        .query(&query.ast)
        .map_err(|error| error.with_sql(&query.text))
}

/// The text without quotes around it.
fn unquoted(text: &str) -> String {
    ['\'', '"', '`']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
        .to_owned()
}

/// The piece of `text` at a place.
fn source_at(text: &str, span: Span) -> &str {
    let (Some(start), Some(end)) = (offset_of(text, span.start), offset_of(text, span.end)) else {
        return "";
    };
    text.get(start..end).unwrap_or_default()
}

/// The byte offset of a place in `text`.
fn offset_of(text: &str, at: Position) -> Option<usize> {
    let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
    let begin = match line {
        0 => 0,
        _ => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let rest = text.get(begin..)?;
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(offset, _)| offset);
    Some(begin + within)
}
