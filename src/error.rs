//! The one public error: few kinds, each telling the caller what to do.
//!
//! A message is lower case, has no full stop and puts values last as key=`value`; the cause is in `source`. Errors
//! that Spark has a name for carry that *condition*; errors that come from a place in SQL text carry the place, and
//! whoever holds the text turns it into a caret with [`Error::with_sql`].

use std::fmt;
use std::sync::Arc;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The query, a setting or an option is wrong: mend it.
    Invalid,
    /// Something outside is not there at the moment: the only kind worth a retry.
    Unavailable,
    /// A row of the input cannot be used: mend the data or the query.
    Data,
    /// Bytes on disk are not what was written there: restore them.
    Corrupt,
    /// Another process holds what this one needs, or has taken it over.
    Conflict,
    /// Rows that the query should have read are gone from the source.
    DataLoss,
    /// The checkpoint belongs to another query or version.
    Incompatible,
    /// A stop was asked for while something outside did not answer, or the output has no reader any more: start again.
    Stopped,
    /// A bug of ours.
    Internal,
}

/// A position in SQL text: line and column count from 1, in characters; 0 is "nowhere".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// A piece of SQL text, from `start` inclusive to `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First character.
    pub start: Position,
    /// One past the last character.
    pub end: Position,
}

impl Span {
    /// No place: the expression was not written in SQL.
    pub const NOWHERE: Span = Span {
        start: Position { line: 0, column: 0 },
        end: Position { line: 0, column: 0 },
    };

    /// Whether this span points into a text.
    pub fn is_somewhere(&self) -> bool {
        self.start.line > 0
    }

    /// The smallest span that covers both; a span that is nowhere does not count.
    #[must_use]
    pub fn union(self, other: Span) -> Span {
        match (self.is_somewhere(), other.is_somewhere()) {
            (_, false) => self,
            (false, true) => other,
            (true, true) => Span {
                start: self.start.min(other.start),
                end: self.end.max(other.end),
            },
        }
    }
}

/// Any failure of this library. A clone shares the cause.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    condition: Option<String>,
    message: String,
    span: Span,
    snippet: Option<String>,
    option: Option<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync + 'static>>,
}

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            condition: None,
            message: message.into(),
            span: Span::NOWHERE,
            snippet: None,
            option: None,
            source: None,
        }))
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::Data`].
    pub fn data(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Data, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, message)
    }

    /// An [`ErrorKind::Invalid`] that names what is not supported (yet).
    pub fn unsupported(what: impl fmt::Display) -> Error {
        Error::invalid(format!("{what} is not supported"))
    }

    /// Adds Spark's condition name, such as `DIVIDE_BY_ZERO`.
    #[must_use]
    pub fn with_condition(mut self, condition: impl Into<String>) -> Error {
        self.0.condition = Some(condition.into());
        self
    }

    /// Adds the place in the SQL text, unless a more exact one is known already.
    #[must_use]
    pub fn with_span(mut self, span: Span) -> Error {
        if !self.0.span.is_somewhere() {
            self.0.span = span;
        }
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Error {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Says which option it is about, so that its place can be shown.
    #[must_use]
    pub(crate) fn about_option(mut self, key: &str) -> Error {
        self.0.option = Some(key.to_owned());
        self
    }

    /// The option that it is about, if it is about one.
    pub(crate) fn option(&self) -> Option<&str> {
        self.0.option.as_deref()
    }

    /// Draws the line of `sql` that the error points at, with a caret below it.
    #[must_use]
    pub fn with_sql(mut self, sql: &str) -> Error {
        let span = self.0.span;
        if self.0.snippet.is_none() && span.is_somewhere() {
            self.0.snippet = snippet(sql, span);
        }
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Spark's name for this error, if it has one.
    pub fn condition(&self) -> Option<&str> {
        self.0.condition.as_deref()
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The place in the SQL text; [`Span::NOWHERE`] if there is none.
    pub fn span(&self) -> Span {
        self.0.span
    }
}

/// The line of `sql` at `span`, and a line of carets below it.
fn snippet(sql: &str, span: Span) -> Option<String> {
    let line = sql.lines().nth(span.start.line as usize - 1)?;
    let start = span.start.column.max(1) as usize - 1;
    let length = line.chars().count();
    let end = if span.end.line == span.start.line {
        (span.end.column.max(1) as usize - 1).clamp(start + 1, length.max(start + 1))
    } else {
        length.max(start + 1)
    };
    let number = span.start.line.to_string();
    let indent = " ".repeat(number.len());
    let padding: String = line
        .chars()
        .take(start)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = "^".repeat(end - start);
    Some(format!(
        "{indent} |\n{number} | {line}\n{indent} | {padding}{carets}"
    ))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(condition) = &inner.condition {
            write!(f, "[{condition}] ")?;
        }
        f.write_str(&inner.message)?;
        if inner.span.is_somewhere() {
            let at = inner.span.start;
            write!(f, "; line {} column {}", at.line, at.column)?;
        }
        if let Some(snippet) = &inner.snippet {
            write!(f, "\n{snippet}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Error {
        Error::internal("an arrow kernel failed").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_drawn_with_a_caret_under_each_character() {
        let span = Span {
            start: Position { line: 2, column: 8 },
            end: Position {
                line: 2,
                column: 12,
            },
        };
        let error = Error::invalid("column not found. name=`nope`")
            .with_condition("UNRESOLVED_COLUMN.WITH_SUGGESTION")
            .with_span(span)
            .with_sql("-- a query\nSELECT nope FROM t");
        assert_eq!(
            error.to_string(),
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] column not found. name=`nope`; line 2 column 8\n  |\n2 | SELECT nope FROM t\n  |        ^^^^"
        );
    }
}
