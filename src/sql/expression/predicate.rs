//! Predicates: `IS`, `IN`, `BETWEEN`, `LIKE` and their relatives, behind the value they are about.

use super::{call, combine, negated_if};
use crate::error::{Result, Span};
use crate::expr::{Ast, AstKind};
use crate::sql::literal;
use crate::sql::parser::Parser;
use arrow::array::{Array, AsArray};

/// The words a predicate begins with, perhaps behind `NOT`; `IS` does too, but not behind `NOT`.
const WORDS: [&str; 6] = ["IN", "BETWEEN", "LIKE", "ILIKE", "RLIKE", "REGEXP"];

impl Parser<'_> {
    /// Whether a predicate comes next.
    pub(super) fn is_predicate(&self) -> bool {
        let ahead = usize::from(self.is_keyword("NOT"));
        let begins = |word: &&str| self.is_keyword_at(ahead, word);
        WORDS.iter().any(begins) || (ahead == 0 && self.is_keyword("IS"))
    }

    /// A predicate about `input`.
    pub(super) fn predicate(&mut self, input: Ast) -> Result<Ast> {
        let start = input.span;
        let is_negated = self.eat("NOT");
        let predicate = if self.eat("IS") {
            return self.is_predicate_of(input);
        } else if self.eat("BETWEEN") {
            let low = self.value_expression()?;
            self.expect("AND")?;
            let high = self.value_expression()?;
            let span = start.union(high.span);
            call("between", vec![input, low, high], span)
        } else if self.eat("IN") {
            self.in_list(input)?
        } else if self.eat("RLIKE") || self.eat("REGEXP") {
            let pattern = self.value_expression()?;
            let span = start.union(pattern.span);
            call("rlike", vec![input, pattern], span)
        } else {
            let function = if self.eat("ILIKE") { "ilike" } else { "like" };
            if function == "like" {
                self.expect("LIKE")?;
            }
            return self.like(input, function, is_negated);
        };
        Ok(negated_if(is_negated, predicate))
    }

    /// Behind `IS`.
    fn is_predicate_of(&mut self, input: Ast) -> Result<Ast> {
        let start = input.span;
        let is_negated = self.eat("NOT");
        if self.eat_all(&["DISTINCT", "FROM"]) {
            let other = self.value_expression()?;
            let span = start.union(other.span);
            return Ok(negated_if(
                !is_negated,
                call("<=>", vec![input, other], span),
            ));
        }
        if self.eat("NULL") || self.eat("UNKNOWN") {
            let function = if is_negated { "isnotnull" } else { "isnull" };
            let span = self.span_from(start);
            return Ok(call(function, vec![input], span));
        }
        let place = self.span();
        let value = if self.eat("TRUE") {
            true
        } else if self.eat("FALSE") {
            false
        } else {
            return Err(self.unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS"));
        };
        let span = start.union(place);
        let equals = call("<=>", vec![input, literal::boolean(value, place)], span);
        Ok(negated_if(is_negated, equals))
    }

    /// Behind `IN`.
    fn in_list(&mut self, input: Ast) -> Result<Ast> {
        if self.is_subquery() {
            let start = input.span;
            let subquery = self.subquery()?;
            return Ok(call("in", vec![input, subquery], self.span_from(start)));
        }
        let start = input.span;
        if self.is_symbol("(") && self.is_symbol_at(1, ")") {
            let span = self.skip_parentheses()?;
            let message = "IN needs at least one value in its parentheses";
            return Err(crate::error::Error::invalid(message)
                .with_condition("INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE")
                .with_span(span));
        }
        let mut arguments = vec![input];
        arguments.extend(self.parenthesized(Parser::expression)?);
        let span: Span = self.span_from(start);
        Ok(call("in", arguments, span))
    }

    /// Behind `LIKE` or `ILIKE`: a pattern with its escape, or `ANY`, `SOME`, `ALL` and patterns.
    fn like(&mut self, input: Ast, function: &str, is_negated: bool) -> Result<Ast> {
        let start = input.span;
        let is_all = self.is_keyword("ALL");
        if self.is_symbol_at(1, "(") && self.is_one_of(&["ANY", "SOME", "ALL"]) {
            self.skip(1);
            let patterns = self.parenthesized(Parser::expression)?;
            let span = self.span_from(start);
            if let Some(constants) = constants(&patterns, function == "ilike") {
                let quantifier = if is_all { "all" } else { "any" };
                let not = if is_negated { "not" } else { "" };
                let input = match function {
                    "ilike" => call("lower", vec![input], span),
                    _ => input,
                };
                let arguments = std::iter::once(input).chain(constants).collect();
                return Ok(call(&format!("__{not}like{quantifier}"), arguments, span));
            }
            let matches = patterns.into_iter().map(|pattern| {
                let one = call(function, vec![input.clone(), pattern], span);
                negated_if(is_negated, one)
            });
            let operator = if is_all { "and" } else { "or" };
            return Ok(combine(operator, matches.collect()));
        }
        let pattern = self.value_expression()?;
        let mut arguments = vec![input, pattern];
        if self.eat("ESCAPE") {
            let place = self.span();
            let escape = self.text_literal("the escape character")?;
            if escape.chars().count() != 1 {
                let message = format!("an escape is one character. found=`{escape}`");
                return Err(crate::error::Error::invalid(message)
                    .with_condition("INVALID_ESC")
                    .with_span(place));
            }
            arguments.push(literal::text(&escape, place));
        }
        let span = self.span_from(start);
        Ok(negated_if(is_negated, call(function, arguments, span)))
    }
}

/// The patterns, if each is a text that is written out; in lower case, if case does not count.
fn constants(patterns: &[Ast], ignores_case: bool) -> Option<Vec<Ast>> {
    let constant = |pattern: &Ast| {
        let AstKind::Literal(value) = &pattern.kind else {
            return None;
        };
        let text = value
            .as_string_opt::<i32>()
            .filter(|text| text.is_valid(0))?;
        let text = text.value(0);
        Some(if ignores_case {
            literal::text(&text.to_lowercase(), pattern.span)
        } else {
            pattern.clone()
        })
    };
    patterns.iter().map(constant).collect()
}
