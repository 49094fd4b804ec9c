//! `CREATE …`: tables, views, streaming tables, materialized views, flows.

use super::table::Storage;
use super::{StatementKind, ViewDefinition};
use crate::catalog::TableDefinition;
use crate::error::{Result, Span};
use crate::sql::Query;
use crate::sql::ast::{Ident, ObjectName};
use crate::sql::parser::Parser;
use crate::sql::token::{TokenKind, syntax_error};
use std::sync::Arc;

impl Parser<'_> {
    /// A `CREATE` statement.
    pub(super) fn create(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        let start = self.span();
        self.expect("CREATE")?;
        let or_replace = self.is_keyword("OR");
        if or_replace {
            self.skip(1);
            if self.is_keyword("REFRESH") {
                let what = "CREATE OR REFRESH (Spark's dialect has CREATE STREAMING TABLE)";
                return Err(self.unsupported(what, start.union(self.span())));
            }
            self.expect("REPLACE")?;
        }
        let is_global = self.eat("GLOBAL");
        let is_temporary = self.eat("TEMPORARY") || self.eat("TEMP");
        let place = start.union(self.span());
        let refuse = |parser: &Self, what: &str| Err(parser.unsupported(what, place));
        if self.is_keyword("VIEW") {
            return match (is_temporary, is_global) {
                (true, false) => self.temporary_view(or_replace, text),
                (true, true) => refuse(self, "a global temporary view"),
                (false, _) => refuse(self, "a persistent view (use CREATE TEMPORARY VIEW)"),
            };
        }
        if is_temporary {
            let what = match &self.peek().kind {
                TokenKind::Word(word) => format!("CREATE TEMPORARY {}", word.to_ascii_uppercase()),
                _ => return Err(self.unexpected("`VIEW`")),
            };
            return refuse(self, &what);
        }
        if or_replace {
            let what = match &self.peek().kind {
                TokenKind::Word(word) => format!("CREATE OR REPLACE {}", word.to_ascii_uppercase()),
                _ => return Err(self.unexpected("`TEMPORARY VIEW`")),
            };
            return refuse(self, &what);
        }
        self.create_plain(place, text)
    }

    fn create_plain(&mut self, place: Span, text: &Arc<str>) -> Result<StatementKind> {
        if self.eat("TABLE") {
            return self.create_table();
        }
        if self.are_keywords(&["STREAMING", "TABLE"]) {
            self.skip(2);
            return self.streaming_table(text);
        }
        if self.are_keywords(&["MATERIALIZED", "VIEW"]) {
            self.skip(2);
            return self.materialized_view(text);
        }
        if self.eat("FLOW") {
            return self.flow(text);
        }
        if self.is_keyword("SINK") {
            let message = "CREATE SINK is no statement of Spark: declare the sink with CREATE TABLE … USING, and fill it with CREATE FLOW … AS INSERT INTO";
            return Err(syntax_error(message, place.union(self.span())));
        }
        let known = [
            "EXTERNAL",
            "DATABASE",
            "SCHEMA",
            "NAMESPACE",
            "FUNCTION",
            "INDEX",
            "ROLE",
            "CATALOG",
            "PROCEDURE",
            "PRIVATE",
            "METRIC",
        ];
        match &self.peek().kind {
            TokenKind::Word(word) if known.iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                let what = format!("CREATE {}", word.to_ascii_uppercase());
                Err(self.unsupported(&what, place))
            }
            _ => Err(self
                .unexpected("TABLE, TEMPORARY VIEW, STREAMING TABLE, MATERIALIZED VIEW or FLOW")),
        }
    }

    fn if_not_exists(&mut self) -> bool {
        self.eat_all(&["IF", "NOT", "EXISTS"])
    }

    /// `CREATE TABLE`, behind these words.
    fn create_table(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name("the name of the table")?;
        let definition = self.table_definition(&name, Storage::Declared)?;
        if self.is_keyword("AS") || self.is_query() {
            let what = "CREATE TABLE … AS SELECT (use CREATE STREAMING TABLE, or CREATE TABLE and INSERT INTO)";
            return Err(self.unsupported(what, self.span()));
        }
        Ok(StatementKind::CreateTable {
            definition,
            if_not_exists,
        })
    }

    /// Columns and clauses of a table.
    fn table_definition(&mut self, name: &ObjectName, storage: Storage) -> Result<TableDefinition> {
        let columns = self.column_definitions()?;
        let clauses = self.table_clauses(storage)?;
        Ok(clauses.into_definition(name, columns))
    }

    /// `CREATE STREAMING TABLE`, behind these words.
    fn streaming_table(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name("the name of the streaming table")?;
        let definition = self.table_definition(&name, Storage::Managed("streaming table"))?;
        if self.is_keyword("FLOW") {
            return Err(self.unsupported("AUTO CDC", self.span()));
        }
        let query = if self.eat("AS") || self.is_query() {
            Some(self.whole_query(text)?)
        } else {
            None
        };
        Ok(StatementKind::CreateStreamingTable {
            definition,
            if_not_exists,
            query,
        })
    }

    /// `CREATE MATERIALIZED VIEW`, behind these words.
    fn materialized_view(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name("the name of the materialized view")?;
        let definition = self.table_definition(&name, Storage::Managed("materialized view"))?;
        self.expect("AS")?;
        Ok(StatementKind::CreateMaterializedView {
            definition,
            if_not_exists,
            query: self.whole_query(text)?,
        })
    }

    /// `CREATE FLOW`, behind these words.
    fn flow(&mut self, text: &Arc<str>) -> Result<StatementKind> {
        let name = self.object_name("the name of the flow")?;
        let comment = if self.eat("COMMENT") {
            Some(self.text_literal("a comment")?)
        } else {
            None
        };
        self.expect("AS")?;
        if self.are_keywords(&["AUTO", "CDC"]) {
            let place = self.span().union(self.peek_at(1).span);
            return Err(self.unsupported("AUTO CDC", place));
        }
        if !self.is_keyword("INSERT") {
            return Err(self.unexpected("`INSERT INTO`"));
        }
        Ok(StatementKind::CreateFlow {
            name,
            comment,
            insert: self.insert(text)?,
        })
    }

    /// `VIEW`, behind `CREATE [OR REPLACE] TEMPORARY`.
    fn temporary_view(&mut self, or_replace: bool, text: &Arc<str>) -> Result<StatementKind> {
        self.expect("VIEW")?;
        if self.are_keywords(&["IF", "NOT", "EXISTS"]) {
            // Spark refuses it too: INVALID_TEMP_OBJ_REFERENCE.
            return Err(self.unsupported("IF NOT EXISTS with a temporary view", self.span()));
        }
        let name = self.object_name("the name of the view")?;
        let definition = if self.is_typed_column_list() || self.is_keyword("USING") {
            self.table_definition(&name, Storage::View)
                .map(ViewDefinition::Table)?
        } else {
            ViewDefinition::Query(self.view_query(&name, text)?)
        };
        Ok(StatementKind::CreateTemporaryView {
            name,
            or_replace,
            definition,
        })
    }

    /// Whether a column list with types comes next: `(a INT, …)`.
    fn is_typed_column_list(&self) -> bool {
        self.is_symbol("(")
            && matches!(
                self.peek_at(2).kind,
                TokenKind::Word(_) | TokenKind::Symbol(":")
            )
            && !self.is_keyword_at(2, "COMMENT")
    }

    /// `[(a, b COMMENT 'x')] [COMMENT …] AS query`.
    fn view_query(&mut self, name: &ObjectName, text: &Arc<str>) -> Result<Query> {
        let columns: Vec<Ident> = if self.is_symbol("(") {
            self.parenthesized(|parser| {
                let column = parser.identifier("the name of a column")?;
                if parser.eat("COMMENT") {
                    parser.text_literal("a comment")?;
                }
                Ok(column)
            })?
        } else {
            Vec::new()
        };
        // A comment on a temporary view is for the reader of the text; nothing keeps it.
        self.table_clauses(Storage::ViewOfQuery)?;
        self.expect("AS")?;
        let query = self.whole_query(text)?;
        Ok(query.with_columns(name, columns))
    }
}
