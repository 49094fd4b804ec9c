//! What turns the rows of a relation: `PIVOT` makes columns of values, `UNPIVOT` rows of columns, `TABLESAMPLE (n ROWS)` takes the first.

use super::ast::{Ident, Pivot, RelationAst, Unpivot};
use super::parser::Parser;
use crate::error::Result;
use crate::expr::{Ast, AstKind};

impl Parser<'_> {
    /// `TABLESAMPLE (n ROWS)`, if it comes next: how many.
    pub(super) fn sample(&mut self) -> Result<Option<Ast>> {
        let start = self.span();
        if !self.eat("TABLESAMPLE") {
            return Ok(None);
        }
        if self.is_symbol("(") && !self.is_symbol_at(1, ")") {
            self.skip(1);
            let rows = self.expression()?;
            if self.eat("ROWS") && self.eat_symbol(")") {
                return Ok(Some(rows));
            }
        }
        let what = "TABLESAMPLE other than of a number of ROWS";
        Err(self.unsupported(what, self.span_from(start)))
    }

    /// `PIVOT (…)` or `UNPIVOT (…)` behind a relation.
    pub(super) fn turned(&mut self, input: RelationAst) -> Result<RelationAst> {
        let input = Box::new(input);
        if self.is_keyword("PIVOT") {
            let pivot = self.pivot()?;
            let alias = self.relation_alias()?;
            return Ok(RelationAst::Pivot {
                input,
                pivot,
                alias,
            });
        }
        let unpivot = self.unpivot()?;
        let alias = self.relation_alias()?;
        Ok(RelationAst::Unpivot {
            input,
            unpivot,
            alias,
        })
    }

    fn pivot(&mut self) -> Result<Pivot> {
        let start = self.span();
        self.expect("PIVOT")?;
        self.expect_symbol("(")?;
        let aggregates = self.comma_separated(Parser::aliased_expression)?;
        self.expect("FOR")?;
        let columns = self.one_or_several()?;
        self.expect("IN")?;
        let values = self.parenthesized(Parser::named_values)?;
        self.expect_symbol(")")?;
        Ok(Pivot {
            aggregates,
            columns,
            values,
            span: self.span_from(start),
        })
    }

    fn unpivot(&mut self) -> Result<Unpivot> {
        let start = self.span();
        self.expect("UNPIVOT")?;
        let includes_nulls = self.eat_all(&["INCLUDE", "NULLS"]);
        if !includes_nulls {
            self.eat_all(&["EXCLUDE", "NULLS"]);
        }
        self.expect_symbol("(")?;
        let what = "the name of a column";
        let values = if self.is_symbol("(") {
            self.parenthesized(|parser| parser.identifier(what))?
        } else {
            vec![self.identifier(what)?]
        };
        self.expect("FOR")?;
        let name = self.identifier(what)?;
        self.expect("IN")?;
        let columns = self.parenthesized(Parser::named_values)?;
        self.expect_symbol(")")?;
        Ok(Unpivot {
            includes_nulls,
            values,
            name,
            columns,
            span: self.span_from(start),
        })
    }

    /// `a` or `(a, b)`, with an alias.
    fn named_values(&mut self) -> Result<(Vec<Ast>, Option<Ident>)> {
        let values = self.one_or_several()?;
        let alias = if self.eat("AS") || self.is_alias() {
            Some(self.identifier("an alias")?)
        } else {
            None
        };
        Ok((values, alias))
    }

    fn one_or_several(&mut self) -> Result<Vec<Ast>> {
        let one = self.value_expression()?;
        Ok(match one.kind {
            AstKind::Call(call) if call.is_row() => call.arguments,
            _ => vec![one],
        })
    }
}
