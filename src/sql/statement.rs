//! Statements: everything that is not a query, up to the query inside.
//!
//! What Spark parses and we do not do is refused by name at its first word; what Spark itself refuses (`OPTIONS` on a
//! streaming table, `CREATE OR REFRESH`, a watermark in a column list) is refused with Spark's reason.

mod create;
mod table;

use super::ast::ObjectName;
use super::parser::Parser;
use super::token::{TokenKind, syntax_error};
use super::{Query, unquoted};
use crate::catalog::TableDefinition;
use crate::error::{Result, Span};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A statement of a script.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where it stands in the text, without its `;`.
    pub span: Span,
    /// The whole text it stands in, with the values of options masked; [`crate::Error::with_sql`] draws places of it.
    pub text: Arc<str>,
}

/// The statements.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `CREATE TABLE [IF NOT EXISTS] t (…) USING format OPTIONS (…)`: declares a source or sink.
    CreateTable {
        /// The table. `LOCATION` is the option `path`.
        definition: TableDefinition,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `CREATE [OR REPLACE] TEMPORARY VIEW v AS SELECT …` or `… USING format OPTIONS (…)`.
    CreateTemporaryView {
        /// The view's name.
        name: ObjectName,
        /// `OR REPLACE`.
        or_replace: bool,
        /// What it shows.
        definition: ViewDefinition,
    },
    /// `CREATE FLOW f AS INSERT INTO t [BY NAME] SELECT …`: starts a query.
    CreateFlow {
        /// The query's name.
        name: ObjectName,
        /// `COMMENT`.
        comment: Option<String>,
        /// What it writes where.
        insert: Insert,
    },
    /// `INSERT INTO t [BY NAME] [WITH (…)] SELECT …`: starts a query if it reads a stream.
    InsertInto(Insert),
    /// `CREATE STREAMING TABLE [IF NOT EXISTS] x … [AS SELECT …]`: rows appended to a folder of the warehouse.
    CreateStreamingTable {
        /// The table. No options: its storage is managed.
        definition: TableDefinition,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Without it flows fill the table.
        query: Option<Query>,
    },
    /// `CREATE MATERIALIZED VIEW [IF NOT EXISTS] v … AS SELECT …`: kept up to date in a folder of the warehouse.
    CreateMaterializedView {
        /// The view as a table. No options: its storage is managed.
        definition: TableDefinition,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// What it shows.
        query: Query,
    },
    /// `SET key = value`; `SET key` shows it; `SET` shows all.
    Set {
        /// The setting.
        key: Option<String>,
        /// Its new value, as written.
        value: Option<String>,
    },
    /// `RESET [key]`.
    Reset {
        /// The setting; all if missing.
        key: Option<String>,
    },
    /// `DROP TABLE [IF EXISTS] t`.
    DropTable {
        /// The table.
        name: ObjectName,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `DROP VIEW [IF EXISTS] v`.
    DropView {
        /// The view.
        name: ObjectName,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `DESCRIBE [TABLE] [EXTENDED] t`.
    Describe {
        /// The table or view.
        name: ObjectName,
        /// `EXTENDED` or `FORMATTED`.
        is_extended: bool,
    },
    /// `SHOW TABLES [LIKE 'pattern']`.
    ShowTables {
        /// Which names: `*` is anything, `|` is or.
        pattern: Option<String>,
    },
    /// `EXPLAIN [EXTENDED | FORMATTED] statement`.
    Explain {
        /// `EXTENDED` or `FORMATTED`.
        is_extended: bool,
        /// What is explained.
        statement: Box<Statement>,
    },
    /// `SELECT …` and every other query.
    Query(Query),
}

/// What a temporary view shows.
#[derive(Debug, Clone)]
pub enum ViewDefinition {
    /// A query.
    Query(Query),
    /// Files or another source, as in `CREATE TABLE`.
    Table(TableDefinition),
}

/// `INSERT INTO t [BY NAME] [WITH (…)] query`.
#[derive(Clone)]
pub struct Insert {
    /// The table that is written.
    pub target: ObjectName,
    /// Whether columns meet by name, and not by position.
    pub by_name: bool,
    /// `WITH (…)`: options of this write.
    pub options: BTreeMap<String, String>,
    /// What is written.
    pub query: Query,
}

/// Without the values of the options, which may be secret.
impl fmt::Debug for Insert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insert")
            .field("target", &self.target)
            .field("by_name", &self.by_name)
            .field("options", &self.options.keys())
            .field("query", &self.query)
            .finish()
    }
}

/// The first words of statements that Spark knows and we do not have.
const UNSUPPORTED: [&str; 41] = [
    "ADD", "ALTER", "ANALYZE", "BEGIN", "CACHE", "CALL", "CLEAR", "COMMENT", "COMMIT", "DECLARE",
    "DELETE", "DFS", "EXECUTE", "EXPORT", "FETCH", "GRANT", "IF", "IMPORT", "ITERATE", "LEAVE",
    "LIST", "LOAD", "LOCK", "LOOP", "MAP", "MERGE", "MSCK", "OPEN", "REDUCE", "REFRESH", "REPAIR",
    "REPEAT", "REVOKE", "ROLLBACK", "START", "TRUNCATE", "UNCACHE", "UNLOCK", "UPDATE", "USE",
    "WHILE",
];

impl Parser<'_> {
    /// One statement, which is all there is.
    pub(super) fn statement(&mut self, text: &Arc<str>) -> Result<Statement> {
        let start = self.span();
        let kind = self.statement_kind(text)?;
        self.expect_end()?;
        Ok(Statement {
            kind,
            span: self.span_from(start),
            text: Arc::clone(text),
        })
    }

    fn statement_kind(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        if self.is_query() {
            return self.whole_query(text).map(StatementKind::Query);
        }
        let start = self.span();
        match &self.peek().kind {
            TokenKind::Word(word) => match word.to_ascii_uppercase().as_str() {
                "CREATE" => self.create(text),
                "INSERT" => self.insert(text).map(StatementKind::InsertInto),
                "SET" => self.set(),
                "RESET" => Ok(self.reset()),
                "DROP" => self.drop(),
                "DESCRIBE" | "DESC" => self.describe(),
                "SHOW" => self.show(),
                "EXPLAIN" => self.explain(text),
                unknown if UNSUPPORTED.contains(&unknown) => {
                    Err(self.unsupported(&format!("the {unknown} statement"), start))
                }
                _ => Err(self.unexpected("a statement such as SELECT, CREATE or INSERT")),
            },
            _ => Err(self.unexpected("a statement such as SELECT, CREATE or INSERT")),
        }
    }

    /// The query that the rest of the statement is.
    pub(super) fn whole_query(&mut self, text: &Arc<str>) -> Result<Query> {
        let ast = self.query()?;
        self.expect_end()?;
        Ok(Query::new(ast, Arc::clone(text)))
    }

    /// `INSERT INTO [TABLE] t [BY NAME] [WITH (…)] query`.
    fn insert(&mut self, text: &Arc<str>) -> Result<Insert> {
        let start = self.span();
        self.expect("INSERT")?;
        if self.is_keyword("OVERWRITE") {
            return Err(self.unsupported("INSERT OVERWRITE", start.union(self.span())));
        }
        self.expect("INTO")?;
        if self.is_keyword("TABLE") && !self.is_query_at(1) {
            self.skip(1);
        }
        let target = self.object_name("the table to write")?;
        let mut options = BTreeMap::new();
        let mut by_name = false;
        loop {
            if self.is_keyword("WITH") && self.is_symbol_at(1, "(") {
                self.skip(1);
                options = self.options()?;
            } else if self.eat_all(&["BY", "NAME"]) {
                by_name = true;
            } else {
                break;
            }
        }
        for clause in ["PARTITION", "REPLACE"] {
            if self.is_keyword(clause) {
                let what = format!("{clause} in an INSERT");
                return Err(self.unsupported(&what, self.span()));
            }
        }
        if self.is_symbol("(") && !self.is_subquery() {
            let place = self.skip_parentheses()?;
            return Err(self.unsupported("a column list in an INSERT (use BY NAME)", place));
        }
        if !self.is_query() {
            return Err(self.unexpected("a query (SELECT, FROM, VALUES, TABLE or WITH)"));
        }
        Ok(Insert {
            target,
            by_name,
            options,
            query: self.whole_query(text)?,
        })
    }

    fn is_query_at(&self, ahead: usize) -> bool {
        let words = ["SELECT", "WITH", "FROM", "VALUES", "BY"];
        words.iter().any(|word| self.is_keyword_at(ahead, word))
    }

    /// `SET key = value`: key and value are text, as in Spark.
    fn set(&mut self) -> Result<StatementKind> {
        self.expect("SET")?;
        if self.at_end() {
            return Ok(StatementKind::Set {
                key: None,
                value: None,
            });
        }
        if self.eat_all(&["TIME", "ZONE"]) {
            let value = self.rest();
            if value.is_empty() {
                return Err(self.unexpected("a time zone"));
            }
            return Ok(StatementKind::Set {
                key: Some("spark.sql.session.timeZone".to_owned()),
                value: Some(unquoted(value)),
            });
        }
        for word in ["VAR", "VARIABLE", "CATALOG"] {
            if self.is_keyword(word) && !self.is_symbol_at(1, "=") && !self.is_symbol_at(1, ".") {
                let what = format!("SET {word}");
                return Err(self.unsupported(&what, self.span()));
            }
        }
        if self.is_symbol("-") {
            return Err(self.unsupported("SET -v", self.span()));
        }
        let mark = self.mark();
        while !self.at_end() && !self.is_symbol("=") {
            self.skip(1);
        }
        let key = unquoted(self.source_since(mark).trim());
        if key.is_empty() {
            return Err(self.unexpected("the name of a setting"));
        }
        let value = self.eat_symbol("=").then(|| unquoted(self.rest()));
        Ok(StatementKind::Set {
            key: Some(key),
            value,
        })
    }

    fn reset(&mut self) -> StatementKind {
        self.skip(1);
        let key = Some(unquoted(self.rest())).filter(|key| !key.is_empty());
        StatementKind::Reset { key }
    }

    /// The rest of the statement, as written.
    fn rest(&mut self) -> &str {
        let mark = self.mark();
        while !self.at_end() {
            self.skip(1);
        }
        self.source_since(mark).trim()
    }

    fn drop(&mut self) -> Result<StatementKind> {
        let start = self.span();
        self.expect("DROP")?;
        let is_temporary = self.eat("TEMPORARY") || self.eat("TEMP");
        let is_table = self.is_keyword("TABLE") && !is_temporary;
        if !is_table && (!self.is_keyword("VIEW") || is_temporary) {
            let place = start.union(self.span());
            let what = match &self.peek().kind {
                TokenKind::Word(word) => format!("DROP {}", word.to_ascii_uppercase()),
                _ => return Err(self.unexpected("TABLE or VIEW")),
            };
            return Err(self.unsupported(&what, place));
        }
        self.skip(1);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let name = self.object_name("the name of a table or view")?;
        Ok(if is_table {
            StatementKind::DropTable { name, if_exists }
        } else {
            StatementKind::DropView { name, if_exists }
        })
    }

    fn describe(&mut self) -> Result<StatementKind> {
        let start = self.span();
        self.skip(1);
        for other in [
            "FUNCTION",
            "DATABASE",
            "SCHEMA",
            "NAMESPACE",
            "CATALOG",
            "QUERY",
        ] {
            if self.is_keyword(other) && !matches!(self.peek_at(1).kind, TokenKind::End) {
                let what = format!("DESCRIBE {other}");
                return Err(self.unsupported(&what, start.union(self.span())));
            }
        }
        if self.is_query() && !self.is_keyword("TABLE") {
            return Err(self.unsupported("DESCRIBE of a query", start));
        }
        self.eat("TABLE");
        let is_extended = self.eat("EXTENDED") || self.eat("FORMATTED");
        Ok(StatementKind::Describe {
            name: self.object_name("the name of a table or view")?,
            is_extended,
        })
    }

    fn show(&mut self) -> Result<StatementKind> {
        let start = self.span();
        self.expect("SHOW")?;
        if !self.is_keyword("TABLES") {
            let place = start.union(self.span());
            let what = match &self.peek().kind {
                TokenKind::Word(word) => format!("SHOW {}", word.to_ascii_uppercase()),
                _ => return Err(self.unexpected("`TABLES`")),
            };
            return Err(self.unsupported(&what, place));
        }
        self.skip(1);
        if self.is_one_of(&["IN", "FROM"]) {
            return Err(self.unsupported("SHOW TABLES of a database", self.span()));
        }
        self.eat("LIKE");
        Ok(StatementKind::ShowTables {
            pattern: self.eat_text(),
        })
    }

    fn explain(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        self.expect("EXPLAIN")?;
        for mode in ["CODEGEN", "COST", "LOGICAL"] {
            if self.is_keyword(mode) {
                let what = format!("EXPLAIN {mode}");
                return Err(self.unsupported(&what, self.span()));
            }
        }
        let is_extended = self.eat("EXTENDED") || self.eat("FORMATTED");
        let place = self.span();
        let statement = self.nested(|parser| parser.statement(text))?;
        if matches!(statement.kind, StatementKind::Explain { .. }) {
            return Err(syntax_error("EXPLAIN cannot explain itself", place));
        }
        Ok(StatementKind::Explain {
            is_extended,
            statement: Box::new(statement),
        })
    }
}
