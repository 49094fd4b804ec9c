//! Spark's pipes: `query |> operator |> …`, each operator over the rows of what stands before it.

use super::ast::{Body, Ident, Organization, PipeOperator, QueryAst, SetOperator};
use super::parser::Parser;
use crate::error::Result;
use crate::expr::Ast;

impl Parser<'_> {
    /// `|> operator`.
    pub(super) fn pipe(&mut self, input: QueryAst) -> Result<QueryAst> {
        let start = input.span;
        self.expect_symbol("|>")?;
        let operator = self.pipe_operator()?;
        let span = self.span_from(start);
        Ok(QueryAst {
            with: Vec::new(),
            body: Body::Pipe {
                input: Box::new(input),
                operator: Box::new(operator),
                span,
            },
            organization: Organization::default(),
            span,
        })
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
            return self.organization().map(PipeOperator::Organize);
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
        if self.is_one_of(&["PIVOT", "UNPIVOT", "TABLESAMPLE", "WINDOW"]) {
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
