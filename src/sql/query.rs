//! Queries: `WITH`, `SELECT`, set operations, `ORDER BY … LIMIT …`. Pipes (`|>`) are in [`super::pipe`].

use super::ast::{
    Body, Cte, Ident, Organization, QueryAst, Select, SelectItem, SetOperator, Values,
};
use super::parser::Parser;
use super::token::TokenKind;
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::plan::PlanSchema;
use crate::plan::builder::{Grouping, SortItem};

/// Words that are no alias unless they are quoted or follow `AS`.
const NO_ALIAS: [&str; 62] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "MINUS",
    "SETMINUS",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "SEMI",
    "ANTI",
    "ASOF",
    "ON",
    "USING",
    "LATERAL",
    "WINDOW",
    "QUALIFY",
    "CLUSTER",
    "DISTRIBUTE",
    "SORT",
    "PIVOT",
    "UNPIVOT",
    "FOR",
    "TABLESAMPLE",
    "MATCH_RECOGNIZE",
    "IDENTIFIED",
    "AS",
    "WITH",
    "AND",
    "OR",
    "NOT",
    "IS",
    "IN",
    "LIKE",
    "ILIKE",
    "RLIKE",
    "REGEXP",
    "BETWEEN",
    "DIV",
    "THEN",
    "WHEN",
    "ELSE",
    "END",
    "ASC",
    "DESC",
    "NULLS",
    "ESCAPE",
    "DELAY",
    "INSERT",
    "COLLATE",
    "FETCH",
];

/// Words among these that are one as the last word of the statement.
const LAST_ALIAS: [&str; 8] = [
    "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WINDOW",
];

/// Clauses of a query that we do not have, by the word they begin with.
const UNSUPPORTED_CLAUSES: [(&str, &str); 5] = [
    ("CLUSTER", "CLUSTER BY"),
    ("DISTRIBUTE", "DISTRIBUTE BY"),
    ("SORT", "SORT BY"),
    ("FETCH", "FETCH"),
    ("MATCH_RECOGNIZE", "MATCH_RECOGNIZE"),
];

/// The most columns of a `CUBE` within `GROUPING SETS`.
const CUBE_COLUMNS_MAX: usize = 12;

impl Parser<'_> {
    /// A query with everything around it.
    ///
    /// # Errors
    ///
    /// Of grammar, and for what is known but not supported.
    pub(super) fn query(&mut self) -> Result<QueryAst> {
        self.nested(|parser| {
            let start = parser.span();
            let with = parser.with()?;
            let body = parser.set_operations(SetOperator::Union)?;
            let organization = parser.organization()?;
            let mut query = QueryAst {
                with,
                body,
                organization,
                span: parser.span_from(start),
            };
            let mut links = 0;
            while parser.is_symbol("|>") {
                links += 1;
                parser.check_height(links)?;
                query = parser.pipe(query)?;
            }
            Ok(query)
        })
    }

    /// Whether a query comes next.
    pub(super) fn is_query(&self) -> bool {
        self.is_one_of(&["SELECT", "WITH", "FROM", "VALUES", "TABLE"]) || self.is_subquery()
    }

    fn with(&mut self) -> Result<Vec<Cte>> {
        if !self.eat("WITH") {
            return Ok(Vec::new());
        }
        if self.is_keyword("RECURSIVE") && !self.is_keyword_at(1, "AS") {
            return Err(self.unsupported("WITH RECURSIVE", self.span()));
        }
        let mut known: Vec<String> = Vec::new();
        self.comma_separated(|parser| {
            let name = parser.identifier("the name of a common table expression")?;
            if known
                .iter()
                .any(|other| other.eq_ignore_ascii_case(&name.value))
            {
                let message = format!(
                    "a common table expression is there twice. name=`{}`",
                    name.value
                );
                return Err(Error::invalid(message)
                    .with_condition("DUPLICATED_CTE_NAMES")
                    .with_span(name.span));
            }
            known.push(name.value.clone());
            let columns = parser.column_aliases()?;
            parser.eat("AS");
            parser.expect_symbol("(")?;
            let query = parser.query()?;
            parser.expect_symbol(")")?;
            Ok(Cte {
                name,
                columns,
                query,
            })
        })
    }

    /// `UNION` and `EXCEPT` from left to right; `INTERSECT` binds tighter.
    fn set_operations(&mut self, loosest: SetOperator) -> Result<Body> {
        let start = self.span();
        let mut left = self.body_or_tighter(loosest)?;
        let mut links = 0;
        while let Some(operator) = self.set_operator(loosest) {
            links += 1;
            self.check_height(links)?;
            let (is_all, by_name) = self.set_quantifiers()?;
            let right = self.body_or_tighter(loosest)?;
            left = Body::SetOperation {
                operator,
                is_all,
                by_name,
                left: Box::new(left),
                right: Box::new(right),
                span: self.span_from(start),
            };
        }
        Ok(left)
    }

    fn body_or_tighter(&mut self, loosest: SetOperator) -> Result<Body> {
        match loosest {
            SetOperator::Intersect => self.body(),
            SetOperator::Union | SetOperator::Except => self.set_operations(SetOperator::Intersect),
        }
    }

    pub(super) fn set_operator(&mut self, loosest: SetOperator) -> Option<SetOperator> {
        let found = if self.is_keyword("UNION") {
            SetOperator::Union
        } else if self.is_one_of(&["EXCEPT", "MINUS", "SETMINUS"]) {
            SetOperator::Except
        } else if self.is_keyword("INTERSECT") {
            SetOperator::Intersect
        } else {
            return None;
        };
        let fits = (found == SetOperator::Intersect) == (loosest == SetOperator::Intersect);
        if fits {
            self.skip(1);
        }
        fits.then_some(found)
    }

    /// `[ALL | DISTINCT] [BY NAME]`: whether all, whether by name.
    pub(super) fn set_quantifiers(&mut self) -> Result<(bool, bool)> {
        let is_all = self.eat("ALL");
        if !is_all {
            self.eat("DISTINCT");
        }
        let by_name = self.eat("BY");
        if by_name {
            self.expect("NAME")?;
        }
        Ok((is_all, by_name))
    }

    pub(super) fn body(&mut self) -> Result<Body> {
        if self.is_keyword("SELECT") {
            return Ok(Body::Select(Box::new(self.select()?)));
        }
        if self.is_keyword("FROM") {
            return self.query_from_first();
        }
        if self.is_keyword("VALUES") {
            return Ok(Body::Values(self.values()?));
        }
        if self.eat("TABLE") {
            return Ok(Body::Relations(vec![self.relation()?]));
        }
        if self.is_symbol("(") {
            self.skip(1);
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(Body::Query(Box::new(query)));
        }
        Err(self.unexpected("a query (SELECT, FROM, VALUES, TABLE or WITH)"))
    }

    /// `FROM t`, before a pipe or `SELECT`.
    fn query_from_first(&mut self) -> Result<Body> {
        let start = self.span();
        let from = self.from()?;
        if !self.is_keyword("SELECT") {
            if self.is_keyword("INSERT") {
                return Err(self.unsupported("FROM … INSERT", self.span()));
            }
            return Ok(Body::Relations(from));
        }
        let mut select = self.select()?;
        if !select.from.is_empty() {
            return Err(self.unsupported("a second FROM", select.span));
        }
        select.from = from;
        select.span = self.span_from(start);
        Ok(Body::Select(Box::new(select)))
    }

    /// `VALUES (1, 2), (3, 4)`; a row of one value needs no parentheses.
    pub(super) fn values(&mut self) -> Result<Values> {
        let start = self.span();
        self.expect("VALUES")?;
        let rows = self.comma_separated(|parser| {
            let row = parser.expression()?;
            Ok(match row.kind {
                AstKind::Call(called) if called.is_row() => called.arguments,
                kind => vec![Ast {
                    kind,
                    span: row.span,
                }],
            })
        })?;
        Ok(Values {
            rows,
            span: self.span_from(start),
        })
    }

    fn select(&mut self) -> Result<Select> {
        let outside = std::mem::replace(&mut self.subqueries_outside, self.subqueries.len());
        let mut select = self.select_clauses()?;
        select.subqueries = self.subqueries.split_off(self.subqueries_outside);
        self.subqueries_outside = outside;
        Ok(select)
    }

    fn select_clauses(&mut self) -> Result<Select> {
        let start = self.span();
        self.expect("SELECT")?;
        let is_distinct = self.set_quantifier();
        if self.is_keyword("TRANSFORM") && self.is_symbol_at(1, "(") && self.is_transform() {
            return Err(self.unsupported("SELECT TRANSFORM", self.span()));
        }
        let items = self.select_items()?;
        let from = if self.is_keyword("FROM") {
            self.from()?
        } else {
            Vec::new()
        };
        let lateral_views = self.lateral_views()?;
        let filter = self.clause("WHERE")?;
        let group_by = self.group_by()?;
        let having = self.clause("HAVING")?;
        let qualify = self.clause("QUALIFY")?;
        let windows = self.window_clause()?;
        self.refuse_clauses()?;
        Ok(Select {
            is_distinct,
            items,
            from,
            lateral_views,
            filter,
            group_by,
            having,
            qualify,
            windows,
            subqueries: Vec::new(),
            span: self.span_from(start),
        })
    }

    /// Whether the `TRANSFORM(…)` that comes next is Hive's script, and not the function of arrays.
    fn is_transform(&self) -> bool {
        let mut ahead = 1;
        let mut open = 0_usize;
        loop {
            match self.peek_at(ahead).kind {
                TokenKind::Symbol("(") => open += 1,
                TokenKind::Symbol(")") => open = open.saturating_sub(1),
                TokenKind::End => return false,
                _ => {}
            }
            ahead += 1;
            if open == 0 {
                return self.is_keyword_at(ahead, "USING");
            }
        }
    }

    /// `[ALL | DISTINCT]`: whether distinct.
    pub(super) fn set_quantifier(&mut self) -> bool {
        let is_distinct = self.eat("DISTINCT");
        if !is_distinct && !self.is_symbol_at(1, ",") && !self.is_keyword_at(1, "FROM") {
            self.eat("ALL");
        }
        is_distinct
    }

    pub(super) fn select_items(&mut self) -> Result<Vec<SelectItem>> {
        let mut is_first = true;
        self.comma_separated(|parser| {
            if parser.is_keyword("FROM") && !parser.is_symbol_at(1, "(") {
                return Err(parser.no_item_before_from(is_first));
            }
            is_first = false;
            let item = parser.aliased_expression()?;
            let is_star = matches!(item.kind, AstKind::Star(_));
            if is_star
                && parser.is_keyword("EXCEPT")
                && parser.is_symbol_at(1, "(")
                && !parser.is_subquery_at(1)
            {
                parser.skip(1);
                let columns = parser.parenthesized(|parser| parser.identifier("a column"))?;
                return Ok(SelectItem::StarExcept(item, columns));
            }
            Ok(SelectItem::Expr(item))
        })
    }

    /// `SELECT FROM t` and `SELECT a, FROM t`: to Spark, `FROM` is a column then, under an alias.
    fn no_item_before_from(&self, is_first: bool) -> Error {
        if is_first {
            return Error::invalid("the SELECT has no list: name columns between SELECT and FROM")
                .with_condition("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION")
                .with_span(self.span());
        }
        Error::invalid("a comma stands before FROM: remove the trailing comma")
            .with_condition("TRAILING_COMMA_IN_SELECT")
            .with_span(self.span())
    }

    /// An expression behind a keyword, if it is there.
    fn clause(&mut self, keyword: &str) -> Result<Option<Ast>> {
        if !self.eat(keyword) {
            return Ok(None);
        }
        self.expression().map(Some)
    }

    fn refuse_clauses(&self) -> Result<()> {
        let found = UNSUPPORTED_CLAUSES
            .iter()
            .find(|(keyword, _)| self.is_keyword(keyword));
        found.map_or(Ok(()), |(_, clause)| {
            Err(self.unsupported(clause, self.span()))
        })
    }

    /// `GROUP BY …`; `GROUP BY ALL` is the name `all` for the builder.
    fn group_by(&mut self) -> Result<Option<Vec<Grouping>>> {
        if !self.eat_all(&["GROUP", "BY"]) {
            return Ok(None);
        }
        let start = self.span();
        let mut items = self.comma_separated(Parser::grouping)?;
        let is_cube = self.are_keywords(&["WITH", "CUBE"]);
        if is_cube || self.are_keywords(&["WITH", "ROLLUP"]) {
            self.skip(2);
            let keys = items.into_iter().map(|item| match item {
                Grouping::Key(key) => Ok(vec![key]),
                Grouping::Rollup(_) | Grouping::Cube(_) | Grouping::Sets(_) => {
                    let what = "WITH ROLLUP or WITH CUBE behind grouping sets";
                    Err(self.unsupported(what, self.span_from(start)))
                }
            });
            let keys = keys.collect::<Result<Vec<_>>>()?;
            items = vec![if is_cube {
                Grouping::Cube(keys)
            } else {
                Grouping::Rollup(keys)
            }];
        } else if self.are_keywords(&["GROUPING", "SETS"]) {
            items = vec![self.sets_of(&items)?];
        }
        Ok(Some(items))
    }

    /// `GROUPING SETS (…)` behind a list of what the sets are of.
    fn sets_of(&mut self, items: &[Grouping]) -> Result<Grouping> {
        let start = self.span();
        let sets = self.grouping()?;
        let text = |key: &Ast| key.sql(&PlanSchema::default()).to_lowercase();
        let listed: Vec<String> = sets.expressions().into_iter().map(text).collect();
        let is_in_a_set = |item: &Grouping| match item {
            Grouping::Key(key) => listed.contains(&text(key)),
            Grouping::Rollup(_) | Grouping::Cube(_) | Grouping::Sets(_) => false,
        };
        if !items.iter().all(is_in_a_set) {
            let what = "GROUPING SETS behind a list with something that is in none of them";
            return Err(self.unsupported(what, self.span_from(start)));
        }
        Ok(sets)
    }

    /// A key, `ROLLUP (…)`, `CUBE (…)` or `GROUPING SETS (…)`.
    fn grouping(&mut self) -> Result<Grouping> {
        let is_called = self.is_symbol_at(1, "(");
        if is_called && self.eat("ROLLUP") {
            return self
                .parenthesized(Parser::grouping_set)
                .map(Grouping::Rollup);
        }
        if is_called && self.eat("CUBE") {
            return self.parenthesized(Parser::grouping_set).map(Grouping::Cube);
        }
        if self.eat_all(&["GROUPING", "SETS"]) {
            let sets = self.parenthesized(Parser::grouping_sets)?;
            return Ok(Grouping::Sets(sets.into_iter().flatten().collect()));
        }
        self.expression().map(Grouping::Key)
    }

    /// An element of `GROUPING SETS`: a set, or the sets that `ROLLUP`, `CUBE` or `GROUPING SETS` stand for.
    fn grouping_sets(&mut self) -> Result<Vec<Vec<Ast>>> {
        let start = self.span();
        let is_called = self.is_symbol_at(1, "(");
        if is_called && self.is_one_of(&["ROLLUP", "CUBE"])
            || self.are_keywords(&["GROUPING", "SETS"])
        {
            return self.nested(|parser| match parser.grouping()? {
                Grouping::Rollup(lists) => Ok((0..=lists.len())
                    .rev()
                    .map(|length| lists.iter().take(length).flatten().cloned().collect())
                    .collect()),
                Grouping::Cube(lists) if lists.len() > CUBE_COLUMNS_MAX => {
                    let what =
                        format!("a CUBE of more than {CUBE_COLUMNS_MAX} columns in GROUPING SETS");
                    Err(parser.unsupported(&what, parser.span_from(start)))
                }
                Grouping::Cube(lists) => Ok((0..1_usize << lists.len())
                    .map(|chosen| {
                        let is_chosen = |(index, _): &(usize, _)| chosen >> index & 1 == 1;
                        let lists = lists.iter().enumerate().filter(is_chosen);
                        lists.flat_map(|(_, list)| list).cloned().collect()
                    })
                    .collect()),
                Grouping::Sets(sets) => Ok(sets),
                Grouping::Key(key) => Ok(vec![vec![key]]),
            });
        }
        Ok(vec![self.grouping_set()?])
    }

    /// `a`, `(a, b)` or `()`.
    fn grouping_set(&mut self) -> Result<Vec<Ast>> {
        let is_bracketed = self.is_symbol("(");
        if is_bracketed && self.is_symbol_at(1, ")") {
            self.skip(2);
            return Ok(Vec::new());
        }
        let element = self.expression()?;
        Ok(match element.kind {
            AstKind::Call(called) if is_bracketed && called.is_row() => called.arguments,
            _ => vec![element],
        })
    }

    /// `[ORDER BY …] [LIMIT …] [OFFSET …]`.
    pub(super) fn organization(&mut self) -> Result<Organization> {
        let mut organization = Organization::default();
        self.refuse_clauses()?;
        if self.eat_all(&["ORDER", "BY"]) {
            organization.order_by = self.comma_separated(Parser::sort_item)?;
        }
        self.refuse_clauses()?;
        if self.eat("LIMIT") && !self.eat("ALL") {
            organization.limit = Some(self.expression()?);
        }
        if self.eat("OFFSET") {
            organization.offset = Some(self.expression()?);
        }
        Ok(organization)
    }

    /// `expression [ASC | DESC] [NULLS FIRST | LAST]`.
    pub(super) fn sort_item(&mut self) -> Result<SortItem> {
        let expr = self.expression()?;
        let is_descending = self.eat("DESC");
        if !is_descending {
            self.eat("ASC");
        }
        let nulls_first = if self.eat_all(&["NULLS", "FIRST"]) {
            Some(true)
        } else if self.eat_all(&["NULLS", "LAST"]) {
            Some(false)
        } else {
            None
        };
        Ok(SortItem {
            expr,
            is_descending,
            nulls_first,
        })
    }

    /// Whether an alias without `AS` comes next.
    pub(super) fn is_alias(&self) -> bool {
        self.is_alias_at(0)
    }

    /// Whether the token `ahead` can be an alias without `AS`.
    pub(super) fn is_alias_at(&self, ahead: usize) -> bool {
        match &self.peek_at(ahead).kind {
            TokenKind::Quoted(_) => true,
            // As in Spark, a word with which nothing begins is an alias, as in `FROM t WHERE`.
            TokenKind::Word(word) => {
                let is = |other: &&str| word.eq_ignore_ascii_case(other);
                let ends = matches!(self.peek_at(ahead + 1).kind, TokenKind::End);
                !NO_ALIAS.iter().any(is) || ends && LAST_ALIAS.iter().any(is)
            }
            _ => false,
        }
    }

    /// `(a, b)` behind a name, if it is there.
    pub(super) fn column_aliases(&mut self) -> Result<Vec<Ident>> {
        if !self.is_symbol("(") {
            return Ok(Vec::new());
        }
        self.parenthesized(|parser| parser.identifier("the name of a column"))
    }
}
