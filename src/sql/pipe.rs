//! Spark's pipes: `query |> operator |> …`, each operator over the rows of what stands before it.

use super::ast::{Body, Ident, Organization, PipeOperator, QueryAst, RelationAst, SetOperator};
use super::parser::Parser;
use super::relation::lateral_of;
use crate::error::{Error, Result};
use crate::expr::Ast;

impl Parser<'_> {
    /// `|> operator`. What `WITH` names before the first pipe, all operators see.
    pub(super) fn pipe(&mut self, mut input: QueryAst) -> Result<QueryAst> {
        let start = input.span;
        let with = std::mem::take(&mut input.with);
        self.expect_symbol("|>")?;
        if let Some(turned) = self.pipe_relation(&input)? {
            let span = self.span_from(start);
            return Ok(QueryAst {
                with,
                body: Body::Relations(vec![turned]),
                organization: Organization::default(),
                span,
            });
        }
        let operator = self.pipe_operator()?;
        let span = self.span_from(start);
        Ok(QueryAst {
            with,
            body: Body::Pipe {
                input: Box::new(input),
                operator: Box::new(operator),
                span,
            },
            organization: Organization::default(),
            span,
        })
    }

    /// An operator that is written as what may stand behind a relation: `PIVOT`, `UNPIVOT` and `JOIN LATERAL`.
    fn pipe_relation(&mut self, input: &QueryAst) -> Result<Option<RelationAst>> {
        let piped = || RelationAst::Piped(Box::new(input.clone()));
        if self.is_one_of(&["PIVOT", "UNPIVOT"]) {
            return self.turned(piped()).map(Some);
        }
        // `JOIN` may stand behind `LEFT OUTER`.
        let is_lateral = (0..=2).any(|ahead| {
            self.is_keyword_at(ahead, "JOIN") && self.is_keyword_at(ahead + 1, "LATERAL")
        });
        if !is_lateral {
            return Ok(None);
        }
        let Some((join_type, _)) = self.join_type()? else {
            return Ok(None);
        };
        let lateral = self.lateral_join(join_type)?;
        Ok(Some(lateral_of(piped(), lateral)))
    }

    fn pipe_operator(&mut self) -> Result<PipeOperator> {
        if self.eat("WHERE") {
            return self.expression().map(PipeOperator::Where);
        }
        if self.eat("SELECT") {
            let is_distinct = self.set_quantifier();
            let items = self.select_items()?;
            return Ok(PipeOperator::Select { is_distinct, items });
        }
        if self.eat("EXTEND") {
            return self
                .comma_separated(Parser::aliased_expression)
                .map(PipeOperator::Extend);
        }
        if self.eat("SET") {
            return self
                .comma_separated(Parser::assignment)
                .map(PipeOperator::Set);
        }
        if self.eat("DROP") {
            return self
                .comma_separated(|parser| parser.identifier("a column"))
                .map(PipeOperator::Drop);
        }
        if self.eat("AS") {
            return self.identifier("an alias").map(PipeOperator::As);
        }
        if self.eat("AGGREGATE") {
            return self.pipe_aggregate();
        }
        if self.is_one_of(&["ORDER", "LIMIT", "OFFSET"]) {
            let start = self.span();
            let organization = self.organization()?;
            let is_cut = organization.limit.is_some() || organization.offset.is_some();
            if is_cut && !organization.order_by.is_empty() {
                let message = "ORDER BY and LIMIT cannot stand behind one `|>`: write another `|>` before LIMIT";
                return Err(Error::invalid(message)
                    .with_condition("MULTIPLE_QUERY_RESULT_CLAUSES_WITH_PIPE_OPERATORS")
                    .with_span(self.span_from(start)));
            }
            return Ok(PipeOperator::Organize(organization));
        }
        if let Some(rows) = self.sample()? {
            return Ok(PipeOperator::Sample(rows));
        }
        if let Some(operator) = self
            .set_operator(SetOperator::Union)
            .or_else(|| self.set_operator(SetOperator::Intersect))
        {
            let (is_all, by_name) = self.set_quantifiers()?;
            let right = Box::new(self.body()?);
            return Ok(PipeOperator::SetOperation {
                operator,
                is_all,
                by_name,
                right,
            });
        }
        if let Some((join_type, is_natural)) = self.join_type()? {
            let (right, condition) = self.join_right(join_type, is_natural)?;
            return Ok(PipeOperator::Join {
                right: Box::new(right),
                join_type,
                condition,
            });
        }
        if self.is_keyword("WINDOW") {
            return Err(self.unsupported("this operator behind `|>`", self.span()));
        }
        Err(self.unexpected("an operator behind `|>`, such as WHERE, SELECT or AGGREGATE"))
    }

    fn assignment(&mut self) -> Result<(Ident, Ast)> {
        let column = self.identifier("a column")?;
        self.expect_symbol("=")?;
        Ok((column, self.expression()?))
    }

    fn pipe_aggregate(&mut self) -> Result<PipeOperator> {
        let aggregates = if self.is_keyword("GROUP") {
            Vec::new()
        } else {
            self.comma_separated(Parser::aliased_expression)?
        };
        let keys = if self.eat_all(&["GROUP", "BY"]) {
            self.comma_separated(Parser::aliased_expression)?
        } else {
            Vec::new()
        };
        Ok(PipeOperator::Aggregate { aggregates, keys })
    }
}
