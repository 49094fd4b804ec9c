//! Relations: what stands behind `FROM`, with Spark's streaming clauses.
//!
//! `STREAM t`, `STREAM(t)`, `STREAM t WITH (option = value) IDENTIFIED BY name` read a stream. Behind a table, a stream or a
//! subquery, and before its alias, `WATERMARK ts DELAY OF INTERVAL 10 SECONDS` or `WATERMARK expression AS ts DELAY OF …`
//! declares event time.

use super::ast::{
    Ident, JoinCondition, Lateral, LateralQuery, LateralView, RelationAlias, RelationAst,
    StreamClause, WatermarkClause,
};
use super::interval::interval;
use super::parser::Parser;
use super::token::{TokenKind, syntax_error};
use crate::error::Result;
use crate::expr::AstKind;
use crate::plan::JoinType;

/// Words that may follow a table and of which we have nothing, with what they begin.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("MATCH_RECOGNIZE", "MATCH_RECOGNIZE"),
    ("VERSION", "time travel (VERSION AS OF)"),
    ("TIMESTAMP", "time travel (TIMESTAMP AS OF)"),
];

impl Parser<'_> {
    /// `FROM a, b JOIN c …`: one relation for each comma; what stands behind a comma with `LATERAL` belongs to the one
    /// before.
    pub(super) fn from(&mut self) -> Result<Vec<RelationAst>> {
        self.expect("FROM")?;
        let mut relations: Vec<RelationAst> = vec![self.relation()?];
        while self.eat_symbol(",") {
            if !self.is_keyword("LATERAL") {
                relations.push(self.relation()?);
                continue;
            }
            let start = self.span();
            let lateral = self.lateral_relation(false)?;
            if self.join_type()?.is_some() {
                let what = "a JOIN behind `, LATERAL` (write JOIN LATERAL)";
                return Err(self.unsupported(what, self.span_from(start)));
            }
            if let Some(input) = relations.pop() {
                relations.push(lateral_of(input, lateral));
            }
        }
        Ok(relations)
    }

    /// A relation with its joins.
    pub(super) fn relation(&mut self) -> Result<RelationAst> {
        self.nested(|parser| {
            let start = parser.span();
            let mut left = parser.relation_primary()?;
            let mut links = 0;
            loop {
                if parser.is_one_of(&["PIVOT", "UNPIVOT"]) {
                    left = parser.turned(left)?;
                    continue;
                }
                let Some((join_type, is_natural)) = parser.join_type()? else {
                    break;
                };
                links += 1;
                parser.check_height(links)?;
                if parser.is_keyword("LATERAL") {
                    let lateral = parser.lateral_join(join_type)?;
                    left = lateral_of(left, lateral);
                    continue;
                }
                let (right, condition) = parser.join_right(join_type, is_natural)?;
                left = RelationAst::Join {
                    left: Box::new(left),
                    right: Box::new(right),
                    join_type,
                    condition,
                    span: parser.span_from(start),
                };
            }
            Ok(left)
        })
    }

    /// `[NATURAL] [INNER | CROSS | LEFT [OUTER | SEMI | ANTI] | RIGHT [OUTER] | FULL [OUTER]] JOIN`, if it comes next: the
    /// type, and whether it is natural.
    pub(super) fn join_type(&mut self) -> Result<Option<(JoinType, bool)>> {
        let start = self.span();
        if self.is_keyword("ASOF") {
            return Err(self.unsupported("ASOF JOIN", start));
        }
        let is_natural = self.eat("NATURAL");
        let join_type = if self.eat("CROSS") {
            JoinType::Cross
        } else if self.eat("LEFT") {
            self.left_join_type()
        } else if self.eat("RIGHT") {
            self.eat("OUTER");
            JoinType::RightOuter
        } else if self.eat("FULL") {
            self.eat("OUTER");
            JoinType::FullOuter
        } else if self.eat("SEMI") {
            JoinType::LeftSemi
        } else if self.eat("ANTI") {
            JoinType::LeftAnti
        } else if self.eat("INNER") || is_natural || self.is_keyword("JOIN") {
            JoinType::Inner
        } else {
            return Ok(None);
        };
        self.expect("JOIN")?;
        Ok(Some((join_type, is_natural)))
    }

    /// Behind `LEFT`.
    fn left_join_type(&mut self) -> JoinType {
        if self.eat("SEMI") {
            return JoinType::LeftSemi;
        }
        if self.eat("ANTI") {
            return JoinType::LeftAnti;
        }
        self.eat("OUTER");
        JoinType::LeftOuter
    }

    /// What stands behind `JOIN`: the right side and the condition.
    pub(super) fn join_right(
        &mut self,
        join_type: JoinType,
        is_natural: bool,
    ) -> Result<(RelationAst, JoinCondition)> {
        let right = self.relation_primary()?;
        let start = self.span();
        let condition = if self.eat("ON") {
            JoinCondition::On(self.expression()?)
        } else if self.eat("USING") {
            JoinCondition::Using(self.parenthesized(|parser| parser.identifier("a column"))?)
        } else {
            let condition = if is_natural {
                JoinCondition::Natural
            } else {
                JoinCondition::None
            };
            return Ok((right, condition));
        };
        if is_natural || join_type == JoinType::Cross {
            let kind = if is_natural { "NATURAL" } else { "CROSS" };
            let message = format!("a {kind} JOIN takes no condition");
            return Err(syntax_error(message, self.span_from(start)));
        }
        Ok((right, condition))
    }

    /// `JOIN LATERAL explode(a) AS t(x)`, `JOIN LATERAL (query) AS t ON condition`.
    pub(super) fn lateral_join(&mut self, join_type: JoinType) -> Result<Lateral> {
        let is_outer = match join_type {
            JoinType::Inner | JoinType::Cross => false,
            JoinType::LeftOuter => true,
            JoinType::RightOuter
            | JoinType::FullOuter
            | JoinType::LeftSemi
            | JoinType::LeftAnti => {
                return Err(self.unsupported("LATERAL in this kind of join", self.span()));
            }
        };
        let mut lateral = self.lateral_relation(is_outer)?;
        if let Lateral::Query(query) = &mut lateral
            && self.eat("ON")
        {
            query.condition = Some(self.expression()?);
        }
        if self.is_one_of(&["ON", "USING"]) {
            return Err(self.unsupported("a condition on this LATERAL join", self.span()));
        }
        Ok(lateral)
    }

    /// `LATERAL explode(a) AS t(x)`, `LATERAL (query) AS t`, from `LATERAL` on.
    fn lateral_relation(&mut self, is_outer: bool) -> Result<Lateral> {
        let start = self.span();
        self.expect("LATERAL")?;
        if self.eat_symbol("(") {
            let query = self.query()?;
            self.expect_symbol(")")?;
            let alias = self.relation_alias()?;
            return Ok(Lateral::Query(Box::new(LateralQuery {
                is_outer,
                query,
                alias,
                condition: None,
                span: self.span_from(start),
            })));
        }
        let generator = self.primary()?;
        if !matches!(generator.kind, AstKind::Call(_)) {
            return Err(syntax_error(
                "expected a call of a table function",
                generator.span,
            ));
        }
        let alias = self.relation_alias()?;
        let (name, columns) = alias.map_or((None, Vec::new()), |alias| {
            (Some(alias.name), alias.columns)
        });
        Ok(Lateral::Generator(LateralView {
            is_outer,
            generator,
            name,
            columns,
            span: self.span_from(start),
        }))
    }

    /// `LATERAL VIEW [OUTER] explode(a) t AS x, y`, any number of times.
    pub(super) fn lateral_views(&mut self) -> Result<Vec<LateralView>> {
        let mut views = Vec::new();
        while self.are_keywords(&["LATERAL", "VIEW"]) {
            let start = self.span();
            self.skip(2);
            let is_outer = self.eat("OUTER");
            let generator = self.primary()?;
            if !matches!(generator.kind, AstKind::Call(_)) {
                return Err(syntax_error(
                    "expected a call of a generator",
                    generator.span,
                ));
            }
            let name = if self.is_alias() {
                Some(self.identifier("an alias")?)
            } else {
                None
            };
            let columns = self.view_columns()?;
            views.push(LateralView {
                is_outer,
                generator,
                name,
                columns,
                span: self.span_from(start),
            });
        }
        Ok(views)
    }

    /// `[AS] a, b`, up to the end of a `LATERAL VIEW`.
    fn view_columns(&mut self) -> Result<Vec<Ident>> {
        if !self.eat("AS") && !self.is_alias() {
            return Ok(Vec::new());
        }
        let mut columns = vec![self.identifier("the name of a column")?];
        while self.eat_symbol(",") {
            columns.push(self.identifier("the name of a column")?);
        }
        Ok(columns)
    }

    fn relation_primary(&mut self) -> Result<RelationAst> {
        if self.is_stream() {
            return self.stream();
        }
        if self.is_subquery() && self.is_query_in_parentheses() {
            self.expect_symbol("(")?;
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            let sample = self.sample()?;
            let watermark = self.watermark()?;
            return Ok(RelationAst::Subquery {
                query,
                sample,
                watermark,
                alias: self.relation_alias()?,
            });
        }
        if self.eat_symbol("(") {
            let input = Box::new(self.relation()?);
            self.expect_symbol(")")?;
            let watermark = self.watermark()?;
            return Ok(RelationAst::Aliased {
                input,
                watermark,
                alias: self.relation_alias()?,
            });
        }
        if self.is_keyword("VALUES") && !self.is_symbol_at(1, ".") {
            let values = self.values()?;
            return Ok(RelationAst::Values {
                values,
                alias: self.relation_alias()?,
            });
        }
        self.table_or_function()
    }

    /// Whether the parenthesis that comes next holds a query as a whole, and not a relation that begins with one:
    /// `((SELECT 1) UNION (SELECT 2))` does, `((SELECT 1) AS a JOIN b)` does not.
    fn is_query_in_parentheses(&self) -> bool {
        if !self.is_symbol_at(1, "(") {
            return true;
        }
        let (mut ahead, mut open) = (1, 0_usize);
        loop {
            match self.peek_at(ahead).kind {
                TokenKind::Symbol("(") => open += 1,
                TokenKind::Symbol(")") => open = open.saturating_sub(1),
                TokenKind::End => return true,
                _ => {}
            }
            ahead += 1;
            if open == 0 {
                break;
            }
        }
        let follows = |keyword: &&str| self.is_keyword_at(ahead, keyword);
        let operators = [
            "UNION",
            "EXCEPT",
            "INTERSECT",
            "MINUS",
            "ORDER",
            "LIMIT",
            "OFFSET",
        ];
        self.is_symbol_at(ahead, ")")
            || self.is_symbol_at(ahead, "|>")
            || operators.iter().any(follows)
    }

    fn table_or_function(&mut self) -> Result<RelationAst> {
        let start = self.span();
        let name = self.object_name("a table, STREAM, a subquery or VALUES")?;
        if self.is_symbol("(") {
            let call = self.function_call(&name.parts, start)?;
            let watermark = self.watermark()?;
            return Ok(RelationAst::Function {
                call,
                watermark,
                alias: self.relation_alias()?,
            });
        }
        if self.is_keyword("WITH") && self.is_symbol_at(1, "(") {
            return Err(self.unsupported(
                "WITH (options) on a table that is not a STREAM",
                self.span(),
            ));
        }
        self.refuse_table_clauses()?;
        let sample = self.sample()?;
        let watermark = self.watermark()?;
        let alias = self.relation_alias()?;
        self.refuse_table_clauses()?;
        Ok(RelationAst::Table {
            name,
            stream: None,
            sample,
            watermark,
            alias,
            span: self.span_from(start),
        })
    }

    fn refuse_table_clauses(&self) -> Result<()> {
        let is_travel = |keyword: &str| {
            !matches!(keyword, "VERSION" | "TIMESTAMP") || self.is_keyword_at(2, "OF")
        };
        let found = UNSUPPORTED
            .iter()
            .find(|(keyword, _)| self.is_keyword(keyword) && is_travel(keyword));
        found.map_or(Ok(()), |(_, clause)| {
            Err(self.unsupported(clause, self.span()))
        })
    }

    /// Whether `STREAM t` or `STREAM(t)` comes next, and not a table called stream.
    fn is_stream(&self) -> bool {
        self.is_keyword("STREAM") && (self.is_symbol_at(1, "(") || self.is_alias_at(1))
    }

    /// `STREAM t`, from `STREAM` on.
    fn stream(&mut self) -> Result<RelationAst> {
        let start = self.span();
        self.expect("STREAM")?;
        let in_parentheses = self.eat_symbol("(");
        let name = self.object_name("a table")?;
        if self.is_symbol("(") {
            let what = format!("a table function as a stream (`STREAM {name}(…)`)");
            return Err(self.unsupported(&what, self.span_from(start)));
        }
        if in_parentheses {
            self.expect_symbol(")")?;
        }
        let mut stream = StreamClause::default();
        if self.is_keyword("WITH") && self.is_symbol_at(1, "(") {
            self.skip(1);
            stream.options = self.options()?;
        }
        if self.eat_all(&["IDENTIFIED", "BY"]) {
            stream.identified_by = Some(self.identifier("the name of the source")?.value);
        }
        let sample = self.sample()?;
        let watermark = self.watermark()?;
        let alias = self.relation_alias()?;
        self.refuse_table_clauses()?;
        Ok(RelationAst::Table {
            name,
            stream: Some(stream),
            sample,
            watermark,
            alias,
            span: self.span_from(start),
        })
    }

    /// `WATERMARK expression [AS name] DELAY OF INTERVAL …`, if it comes next.
    fn watermark(&mut self) -> Result<Option<WatermarkClause>> {
        let ends_here = matches!(
            self.peek_at(1).kind,
            TokenKind::End | TokenKind::Symbol(")" | ",")
        );
        if !self.is_keyword("WATERMARK") || ends_here {
            return Ok(None);
        }
        let start = self.span();
        self.skip(1);
        let event_time = self.named_expression()?;
        self.expect_all(&["DELAY", "OF"])?;
        if !self.is_keyword("INTERVAL") {
            return Err(self.unexpected("an interval such as INTERVAL 10 SECONDS"));
        }
        let (delay, place) = interval(self)?;
        let too_large = || syntax_error("the delay of the watermark is too large", place);
        Ok(Some(WatermarkClause {
            event_time,
            delay_ms: delay.to_delay_ms().ok_or_else(too_large)?,
            span: self.span_from(start),
        }))
    }

    /// `[AS] t [(a, b)]`, if it comes next.
    pub(super) fn relation_alias(&mut self) -> Result<Option<RelationAlias>> {
        let is_explicit = self.eat("AS");
        if !is_explicit && !self.is_alias() {
            return Ok(None);
        }
        let name = self.identifier("an alias")?;
        let columns = self.column_aliases()?;
        if self.is_keyword("WATERMARK") {
            return Err(syntax_error(
                "WATERMARK comes before the alias of its relation",
                self.span(),
            ));
        }
        Ok(Some(RelationAlias { name, columns }))
    }
}

pub(super) fn lateral_of(input: RelationAst, lateral: Lateral) -> RelationAst {
    RelationAst::Lateral {
        input: Box::new(input),
        lateral,
    }
}
