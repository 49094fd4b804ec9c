//! The clauses of a table: columns with their types, `USING`, `OPTIONS`, `PARTITIONED BY`, `LOCATION`, `COMMENT`,
//! `TBLPROPERTIES`, in any order, each at most once.

use crate::catalog::{TableDefinition, WrittenOptions};
use crate::error::{Error, Result, Span};
use crate::sql::ast::ObjectName;
use crate::sql::parser::Parser;
use crate::sql::token::{TokenKind, syntax_error};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The format of a table without `USING`: Spark's `spark.sql.sources.default`.
const FORMAT_DEFAULT: &str = "parquet";

/// Who decides where the rows lie: which clauses a statement may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// The user: `CREATE TABLE`.
    Declared,
    /// The warehouse: a streaming table or materialized view, by what it is called.
    Managed(&'static str),
    /// The user, for a temporary view: `USING` and `OPTIONS` only.
    View,
    /// Nobody: a temporary view of a query, which may have a comment and nothing else.
    ViewOfQuery,
}

/// The clauses that were there.
#[derive(Debug, Default)]
pub(super) struct TableClauses {
    format: Option<String>,
    options: Option<(BTreeMap<String, String>, BTreeMap<String, Span>)>,
    partitioned_by: Option<Vec<String>>,
    location: Option<String>,
    comment: Option<String>,
    properties: Option<BTreeMap<String, String>>,
}

impl TableClauses {
    /// The table they describe.
    pub(super) fn into_definition(
        self,
        name: &ObjectName,
        columns: Option<SchemaRef>,
    ) -> TableDefinition {
        let (mut options, places) = self.options.unwrap_or_default();
        if let Some(location) = self.location {
            options.insert("path".to_owned(), location);
        }
        TableDefinition {
            name: name.to_string(),
            columns,
            format: self.format.unwrap_or_else(|| FORMAT_DEFAULT.to_owned()),
            options,
            partitioned_by: self.partitioned_by.unwrap_or_default(),
            comment: self.comment,
            properties: self.properties.unwrap_or_default(),
            written: WrittenOptions::at(places),
        }
    }
}

/// Stores a clause that may be there once.
fn put<T>(slot: &mut Option<T>, value: T, clause: &str, span: Span) -> Result<()> {
    if slot.replace(value).is_none() {
        return Ok(());
    }
    Err(
        Error::invalid(format!("the clause {clause} is there twice"))
            .with_condition("DUPLICATE_CLAUSES")
            .with_span(span),
    )
}

/// Clauses that Spark has and we do not, by their first word.
const UNSUPPORTED: [&str; 7] = [
    "CLUSTERED",
    "CLUSTER",
    "STORED",
    "ROW",
    "SKEWED",
    "DEFAULT",
    "LIKE",
];

impl Parser<'_> {
    /// All clauses that follow.
    pub(super) fn table_clauses(&mut self, storage: Storage) -> Result<TableClauses> {
        let mut clauses = TableClauses::default();
        loop {
            let start = self.span();
            let TokenKind::Word(word) = &self.peek().kind else {
                return Ok(clauses);
            };
            let word = word.to_ascii_uppercase();
            if UNSUPPORTED.contains(&word.as_str()) {
                return Err(self.unsupported(&format!("the clause {word}"), start));
            }
            if word == "EXPECT" || word == "CONSTRAINT" {
                return Err(syntax_error(
                    format!("{word} is no clause of a table in Spark"),
                    start,
                ));
            }
            self.check_clause(&word, storage)?;
            if !self.table_clause(&word, &mut clauses)? {
                return Ok(clauses);
            }
        }
    }

    /// Refuses what Spark refuses for this kind of table.
    fn check_clause(&self, word: &str, storage: Storage) -> Result<()> {
        let refused = match storage {
            Storage::Managed(kind) if matches!(word, "OPTIONS" | "LOCATION") => {
                let message = format!(
                    "a {kind} takes no {word}: its storage is managed; write elsewhere with CREATE TABLE and INSERT INTO"
                );
                return Err(syntax_error(message, self.span()));
            }
            Storage::Declared | Storage::Managed(_) => return Ok(()),
            Storage::View => matches!(
                word,
                "LOCATION" | "PARTITIONED" | "COMMENT" | "TBLPROPERTIES"
            ),
            Storage::ViewOfQuery => {
                matches!(
                    word,
                    "USING" | "OPTIONS" | "LOCATION" | "PARTITIONED" | "TBLPROPERTIES"
                )
            }
        };
        if refused {
            let message = format!("this kind of temporary view takes no {word}");
            return Err(syntax_error(message, self.span()));
        }
        Ok(())
    }

    /// Reads the clause that begins with `word`; `false` if none does.
    fn table_clause(&mut self, word: &str, clauses: &mut TableClauses) -> Result<bool> {
        let span = self.span();
        match word {
            "USING" => {
                self.skip(1);
                let format = self.object_name("a format such as kafka, json or parquet")?;
                put(
                    &mut clauses.format,
                    format.to_string().to_lowercase(),
                    word,
                    span,
                )?;
            }
            "OPTIONS" => {
                self.skip(1);
                put(&mut clauses.options, self.placed_options()?, word, span)?;
            }
            "TBLPROPERTIES" => {
                self.skip(1);
                put(&mut clauses.properties, self.options()?, word, span)?;
            }
            "PARTITIONED" => {
                self.skip(1);
                self.expect("BY")?;
                let columns = self.parenthesized(Parser::partition_column)?;
                put(&mut clauses.partitioned_by, columns, "PARTITIONED BY", span)?;
            }
            "LOCATION" => {
                self.skip(1);
                put(
                    &mut clauses.location,
                    self.text_literal("a path")?,
                    word,
                    span,
                )?;
            }
            "COMMENT" => {
                self.skip(1);
                put(
                    &mut clauses.comment,
                    self.text_literal("a comment")?,
                    word,
                    span,
                )?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A column to partition by: no transform, no type.
    fn partition_column(&mut self) -> Result<String> {
        let start = self.span();
        let column = self.identifier("a column")?;
        if self.is_symbol(",") || self.is_symbol(")") {
            return Ok(column.value);
        }
        let what = "PARTITIONED BY anything but columns of the table";
        Err(self.unsupported(what, start.union(self.span())))
    }

    /// `(key = value, 'key' 'value', …)`: the `=` may be missing; keys are names with dots or strings.
    pub(in crate::sql) fn options(&mut self) -> Result<BTreeMap<String, String>> {
        self.placed_options().map(|(options, _)| options)
    }

    /// The same, with the place of each key.
    fn placed_options(&mut self) -> Result<(BTreeMap<String, String>, BTreeMap<String, Span>)> {
        let mut options = BTreeMap::new();
        let mut places = BTreeMap::new();
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok((options, places));
        }
        loop {
            let start = self.span();
            let key = match self.eat_text() {
                Some(key) => key,
                None => self.object_name("the name of an option")?.to_string(),
            };
            places.insert(key.clone(), self.span_from(start));
            self.eat_symbol("=");
            let value = self.option_value(&key)?;
            let is_known = options
                .keys()
                .any(|known: &String| known.eq_ignore_ascii_case(&key));
            if is_known {
                return Err(
                    Error::invalid(format!("an option is there twice. key=`{key}`"))
                        .with_condition("DUPLICATE_KEY")
                        .with_span(start),
                );
            }
            options.insert(key, value);
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok((options, places))
    }

    /// A string, a number or a boolean, as text.
    fn option_value(&mut self, key: &str) -> Result<String> {
        if let Some(text) = self.eat_text() {
            return Ok(text);
        }
        let mark = self.mark();
        self.eat_symbol("-");
        let is_value = match &self.peek().kind {
            TokenKind::Number(_) => true,
            TokenKind::Word(word) => {
                word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false")
            }
            _ => false,
        };
        if !is_value {
            return Err(self.unexpected(&format!(
                "the value of `{key}` (a string, number or boolean)"
            )));
        }
        self.skip(1);
        Ok(self.source_since(mark).to_lowercase())
    }

    /// `(a INT NOT NULL COMMENT 'x', b: STRING)`, if it is there.
    pub(super) fn column_definitions(&mut self) -> Result<Option<SchemaRef>> {
        if !self.is_symbol("(") {
            return Ok(None);
        }
        let fields = self.parenthesized(Parser::column_definition)?;
        Ok(Some(Arc::new(Schema::new(fields))))
    }

    fn column_definition(&mut self) -> Result<Field> {
        let start = self.span();
        if self.are_keywords(&["WATERMARK", "FOR"]) {
            let message = "a watermark is declared where the table is read: FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS";
            return Err(syntax_error(message, start.union(self.peek_at(1).span)));
        }
        for constraint in ["CONSTRAINT", "CHECK"] {
            if self.is_keyword(constraint) && !self.is_symbol_at(1, ":") {
                return Err(self.unsupported(&format!("{constraint} in a column list"), start));
            }
        }
        if self.are_keywords(&["PRIMARY", "KEY"]) || self.are_keywords(&["FOREIGN", "KEY"]) {
            return Err(self.unsupported("a key constraint", start));
        }
        let name = self.identifier("the name of a column")?;
        self.eat_symbol(":");
        let (data_type, units) = self.data_type()?;
        let mut is_nullable = true;
        let mut metadata = HashMap::new();
        loop {
            if self.eat_all(&["NOT", "NULL"]) {
                is_nullable = false;
            } else if self.eat("COMMENT") {
                metadata.insert("comment".to_owned(), self.text_literal("a comment")?);
            } else if self.is_symbol(",") || self.is_symbol(")") {
                break;
            } else if self.is_one_of(&[
                "DEFAULT",
                "GENERATED",
                "PRIMARY",
                "REFERENCES",
                "CHECK",
                "CONSTRAINT",
                "COLLATE",
            ]) {
                let what = format!("{} on a column", self.peek().shown());
                return Err(self.unsupported(&what, self.span()));
            } else {
                return Err(self.unexpected("`,`, `)`, NOT NULL or COMMENT behind the type"));
            }
        }
        let field = Field::new(name.value, data_type, is_nullable).with_metadata(metadata);
        Ok(units.on_field(field))
    }
}
