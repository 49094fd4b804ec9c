//! Tables and views by name: what `FROM x` and `INSERT INTO x` mean in a session.

use crate::error::{Error, Result, Span};
use crate::options::nearest;
use crate::plan::LogicalPlan;
use crate::source::SourceFactory;
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A declared table: `CREATE TABLE t (…) USING format OPTIONS (…)`. It may be read, written, or both.
#[derive(Clone, Default)]
pub struct TableDefinition {
    /// Its name, as written.
    pub name: String,
    /// The columns, if they were declared.
    pub columns: Option<SchemaRef>,
    /// `USING`: kafka, json, csv, parquet, text, rate, rate-micro-batch, console, memory, noop.
    pub format: String,
    /// `OPTIONS`, and `LOCATION` as `path`.
    pub options: BTreeMap<String, String>,
    /// `PARTITIONED BY`.
    pub partitioned_by: Vec<String>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// `TBLPROPERTIES`.
    pub properties: BTreeMap<String, String>,
    /// Where the options stand, if the table was declared in SQL.
    pub written: WrittenOptions,
}

/// Where options stand in a text: an error about one of them, found when its table is used, is shown there.
#[derive(Debug, Clone, Default)]
pub struct WrittenOptions {
    text: Option<Arc<str>>,
    places: BTreeMap<String, Span>,
}

impl WrittenOptions {
    /// Options at these places, in a text that is not known yet.
    pub(crate) fn at(places: BTreeMap<String, Span>) -> WrittenOptions {
        WrittenOptions { text: None, places }
    }

    /// The same, in this text.
    #[must_use]
    pub(crate) fn within(&self, text: &Arc<str>) -> WrittenOptions {
        WrittenOptions {
            text: Some(Arc::clone(text)),
            places: self.places.clone(),
        }
    }

    /// The error with the place of the option that it is about, if that stands here.
    pub(crate) fn place(&self, error: Error) -> Error {
        let is_it = |key: &&String| {
            error
                .option()
                .is_some_and(|own| own.eq_ignore_ascii_case(key))
        };
        let found = self.places.iter().find(|(key, _)| is_it(key));
        match (found, &self.text) {
            (Some((_, span)), Some(text)) => error.with_span(*span).with_sql(text),
            _ => error,
        }
    }
}

/// Without the values of options and properties, which may be secret.
#[expect(
    clippy::missing_fields_in_debug,
    reason = "where the options stand says nothing about the table"
)]
impl fmt::Debug for TableDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableDefinition")
            .field("name", &self.name)
            .field("columns", &self.columns)
            .field("format", &self.format)
            .field("options", &self.options.keys())
            .field("partitioned_by", &self.partitioned_by)
            .field("comment", &self.comment)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum CatalogEntry {
    /// A declared table, opened when it is used.
    Table(Arc<TableDefinition>),
    /// A source that a program made: `Session::read_stream`, a memory stream.
    Source(Arc<dyn SourceFactory>),
    /// A temporary view, or a static frame.
    View(Arc<LogicalPlan>),
}

/// The names of a session. Compared without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<String, CatalogEntry>,
}

impl Catalog {
    /// Puts an entry, replacing one of the same name.
    pub fn put(&mut self, name: &str, entry: CatalogEntry) {
        self.entries.insert(name.to_lowercase(), entry);
    }

    /// Whether there is an entry.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(&name.to_lowercase())
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &str) -> Option<CatalogEntry> {
        self.entries.remove(&name.to_lowercase())
    }

    /// What `name` stands for.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`, with the nearest known name.
    pub fn get(&self, name: &str) -> Result<&CatalogEntry> {
        self.entries.get(&name.to_lowercase()).ok_or_else(|| {
            let hint = nearest(name, self.entries.keys().map(String::as_str))
                .map(|near| format!(" Did you mean `{near}`?"))
                .unwrap_or_default();
            Error::invalid(format!(
                "the table or view `{name}` cannot be found.{hint} Verify the spelling, or declare it with CREATE TABLE or CREATE TEMPORARY VIEW"
            ))
            .with_condition("TABLE_OR_VIEW_NOT_FOUND")
        })
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}
