//! Primary expressions: constants, names, parentheses, `CASE`, `CAST`, lambdas, and what is written behind them.

use super::{alias, call, name};
use crate::error::{Result, Span};
use crate::expr::{Ast, AstKind, ROW};
use crate::sql::interval::{interval, is_interval};
use crate::sql::literal;
use crate::sql::literal::cast;
use crate::sql::parser::Parser;
use crate::sql::token::{TokenKind, syntax_error};
use crate::types;
use crate::types::TypeUnits;
use arrow::datatypes::DataType;

/// Words that begin no expression, unless they are quoted or called.
const RESERVED: [&str; 35] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "JOIN",
    "ON",
    "USING",
    "AS",
    "AND",
    "OR",
    "IN",
    "IS",
    "LIKE",
    "ILIKE",
    "RLIKE",
    "BETWEEN",
    "THEN",
    "WHEN",
    "ELSE",
    "WITH",
    "CROSS",
    "INNER",
    "FULL",
    "NATURAL",
    "LATERAL",
    "DISTINCT",
    "QUALIFY",
    "NOT",
    "ESCAPE",
];

/// Functions that are called without parentheses.
const BARE_FUNCTIONS: [&str; 6] = [
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "CURRENT_TIME",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
];

impl Parser<'_> {
    /// A primary expression with all that is written behind it.
    pub(in crate::sql) fn primary(&mut self) -> Result<Ast> {
        let mut input = self.simple()?;
        loop {
            let start = input.span;
            if self.eat_symbol("::") {
                let data_type = self.data_type()?;
                input = cast(input, data_type, false, self.span_from(start));
            } else if self.eat_symbol("[") {
                let index = self.expression()?;
                self.expect_symbol("]")?;
                input = Ast {
                    kind: AstKind::Index(Box::new(input), Box::new(index)),
                    span: self.span_from(start),
                };
            } else if self.is_symbol(".") && !self.is_symbol_at(1, "*") {
                self.skip(1);
                let field = self.identifier("the name of a field")?;
                input = Ast {
                    kind: AstKind::Field(Box::new(input), field.value),
                    span: start.union(field.span),
                };
            } else if self.is_keyword("COLLATE") {
                return Err(self.unsupported("COLLATE", self.span()));
            } else if self.is_symbol(":") {
                return Err(self.unsupported("a path into a VARIANT (`column:path`)", self.span()));
            } else {
                return Ok(input);
            }
        }
    }

    fn simple(&mut self) -> Result<Ast> {
        let span = self.span();
        match self.peek().kind.clone() {
            TokenKind::Number(written) => {
                self.skip(1);
                literal::number(&written, false, span)
            }
            TokenKind::Symbol("-") => {
                self.skip(1);
                let TokenKind::Number(written) = self.peek().kind.clone() else {
                    return Err(self.unexpected("a number"));
                };
                self.skip(1);
                literal::number(&written, true, self.span_from(span))
            }
            TokenKind::Text(_) => {
                let value = self.eat_texts();
                Ok(literal::text(&value, self.span_from(span)))
            }
            TokenKind::Hex(digits) => {
                self.skip(1);
                literal::binary(&digits, span)
            }
            TokenKind::Symbol("(") => self.parentheses(),
            TokenKind::Symbol("*") => {
                self.skip(1);
                Ok(star(Vec::new(), span))
            }
            TokenKind::Symbol("?" | ":") => Err(self.unsupported("a parameter marker", span)),
            TokenKind::Word(word) => self.word(&word),
            TokenKind::Quoted(_) => self.name_or_call(),
            TokenKind::Symbol(_) | TokenKind::End => Err(self.unexpected("an expression")),
        }
    }

    /// Strings side by side are one string.
    fn eat_texts(&mut self) -> String {
        std::iter::from_fn(|| self.eat_text()).collect()
    }

    /// What begins with a plain word.
    fn word(&mut self, word: &str) -> Result<Ast> {
        let span = self.span();
        let upper = word.to_ascii_uppercase();
        let is_called = self.is_symbol_at(1, "(");
        match upper.as_str() {
            "CASE" if !self.is_symbol_at(1, ".") => self.case(),
            "CAST" | "TRY_CAST" if is_called => self.cast_call(upper == "TRY_CAST"),
            "INTERVAL" if is_interval(self) => {
                interval(self).map(|(literal, span)| literal.to_ast(span))
            }
            "TRUE" | "FALSE" => {
                self.skip(1);
                Ok(literal::boolean(upper == "TRUE", span))
            }
            "NULL" => {
                self.skip(1);
                Ok(literal::null(span))
            }
            "EXISTS" if self.is_subquery_at(1) => {
                self.skip(1);
                let subquery = self.subquery()?;
                Ok(call("exists", vec![subquery], self.span_from(span)))
            }
            _ if matches!(self.peek_at(1).kind, TokenKind::Text(_)) => self.typed(&upper),
            _ if RESERVED.contains(&upper.as_str()) && !is_called => {
                Err(self.unexpected("an expression"))
            }
            _ if BARE_FUNCTIONS.contains(&upper.as_str()) && !is_called => {
                self.skip(1);
                Ok(call(&upper, Vec::new(), span))
            }
            _ => self.name_or_call(),
        }
    }

    /// `DATE '2024-02-29'`, and a string behind any other type name.
    fn typed(&mut self, type_name: &str) -> Result<Ast> {
        let start = self.span();
        let is_known = [
            "DATE",
            "TIME",
            "TIMESTAMP",
            "TIMESTAMP_LTZ",
            "TIMESTAMP_NTZ",
            "X",
        ]
        .contains(&type_name);
        self.skip(1);
        if !is_known {
            self.eat_texts();
            let message = format!(
                "literals of the type are not supported, the types are DATE, TIMESTAMP, TIMESTAMP_LTZ, TIMESTAMP_NTZ, TIME, INTERVAL and X. type=`{type_name}`"
            );
            return Err(crate::error::Error::invalid(message)
                .with_condition("UNSUPPORTED_TYPED_LITERAL")
                .with_span(self.span_from(start)));
        }
        let value = self.eat_texts();
        let span = self.span_from(start);
        match type_name {
            "X" => literal::binary(&value, span),
            "DATE" => literal::date(&value, span),
            "TIME" => literal::time(&value, span),
            "TIMESTAMP_NTZ" => literal::timestamp_ntz(&value, span),
            _ => literal::timestamp(&value, span),
        }
    }

    fn case(&mut self) -> Result<Ast> {
        let start = self.span();
        self.expect("CASE")?;
        let subject = if self.is_keyword("WHEN") {
            None
        } else {
            Some(self.expression()?)
        };
        let mut branches = Vec::new();
        while self.eat("WHEN") {
            let when = self.expression()?;
            let condition = match &subject {
                Some(subject) => {
                    let span = when.span;
                    call("=", vec![subject.clone(), when], span)
                }
                None => when,
            };
            self.expect("THEN")?;
            branches.push((condition, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected("`WHEN`"));
        }
        let otherwise = if self.eat("ELSE") {
            Some(Box::new(self.expression()?))
        } else {
            None
        };
        self.expect("END")?;
        Ok(Ast {
            kind: AstKind::Case {
                branches,
                otherwise,
            },
            span: self.span_from(start),
        })
    }

    fn cast_call(&mut self, is_try: bool) -> Result<Ast> {
        let start = self.span();
        self.skip(2);
        let input = self.expression()?;
        self.expect("AS")?;
        let data_type = self.data_type()?;
        self.expect_symbol(")")?;
        Ok(cast(input, data_type, is_try, self.span_from(start)))
    }

    /// `(SELECT …)` as a value.
    pub(super) fn subquery(&mut self) -> Result<Ast> {
        let start = self.span();
        self.expect_symbol("(")?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        let number = self
            .subqueries
            .len()
            .saturating_sub(self.subqueries_outside);
        self.subqueries.push(query);
        Ok(Ast::new(AstKind::Subquery(number)).at(self.span_from(start)))
    }

    /// `(a)`, `(a, b)`, `(a, b) -> c`, `(SELECT a)`.
    fn parentheses(&mut self) -> Result<Ast> {
        if self.is_subquery() {
            return self.subquery();
        }
        if let Some(parameters) = self.lambda_parameters() {
            return self.lambda(parameters);
        }
        let start = self.span();
        self.expect_symbol("(")?;
        let mut values = self.comma_separated(Parser::named_expression)?;
        self.expect_symbol(")")?;
        let span = self.span_from(start);
        match values.pop() {
            Some(only) if values.is_empty() => match only.kind {
                AstKind::Alias(..) => Err(syntax_error("an alias needs no parentheses", span)),
                _ => Ok(Ast { span, ..only }),
            },
            last => {
                values.extend(last);
                Ok(call(ROW, values, span))
            }
        }
    }

    /// The parameters if `(x, y) ->` comes next; takes them and the arrow.
    fn lambda_parameters(&mut self) -> Option<Vec<(String, Span)>> {
        let mut ahead = 1;
        let mut parameters = Vec::new();
        loop {
            let token = self.peek_at(ahead);
            match &token.kind {
                TokenKind::Word(name) | TokenKind::Quoted(name) => {
                    parameters.push((name.clone(), token.span));
                }
                _ => return None,
            }
            ahead += 1;
            if self.is_symbol_at(ahead, ")") && self.is_symbol_at(ahead + 1, "->") {
                return Some(parameters);
            }
            if !self.is_symbol_at(ahead, ",") {
                return None;
            }
            ahead += 1;
        }
    }

    /// A lambda, from its first token on.
    fn lambda(&mut self, parameters: Vec<(String, Span)>) -> Result<Ast> {
        let start = self.span();
        while !self.eat_symbol("->") {
            self.skip(1);
        }
        let body = self.expression()?;
        let names = parameters.into_iter().map(|(name, _)| name).collect();
        Ok(Ast {
            span: start.union(body.span),
            kind: AstKind::Lambda(names, Box::new(body)),
        })
    }

    /// A column, a star, a function call, or the parameter of a lambda.
    fn name_or_call(&mut self) -> Result<Ast> {
        let start = self.span();
        let first = self.identifier("a name")?;
        if self.is_symbol("->") {
            self.skip(1);
            let body = self.expression()?;
            return Ok(Ast {
                span: start.union(body.span),
                kind: AstKind::Lambda(vec![first.value], Box::new(body)),
            });
        }
        let mut parts = vec![first.value];
        while self.is_symbol(".") {
            if self.is_symbol_at(1, "*") {
                self.skip(2);
                return Ok(star(parts, self.span_from(start)));
            }
            self.skip(1);
            parts.push(self.identifier("the name of a column or field")?.value);
        }
        if self.is_symbol("(") {
            return self.function_call(&parts, start);
        }
        Ok(name(parts, self.span_from(start)))
    }

    /// An expression with an optional alias: `a + b AS c`, `explode(m) AS (k, v)`.
    pub(in crate::sql) fn named_expression(&mut self) -> Result<Ast> {
        let input = self.expression()?;
        let start = self.span();
        if !self.eat("AS") {
            return Ok(input);
        }
        let names = if self.is_symbol("(") {
            let names = self.parenthesized(|parser| parser.identifier("an alias"))?;
            names.into_iter().map(|ident| ident.value).collect()
        } else {
            vec![self.identifier("an alias")?.value]
        };
        let span = self.span_from(start);
        Ok(alias(input, names, span))
    }

    /// A type: `DECIMAL(10, 2)`, `ARRAY<STRUCT<a: INT>>`, `INTERVAL DAY TO SECOND`.
    pub(in crate::sql) fn data_type(&mut self) -> Result<(DataType, TypeUnits)> {
        let start = self.span();
        let mark = self.mark();
        let first = self.identifier("a type")?;
        if first.value.eq_ignore_ascii_case("INTERVAL") {
            let units = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
            if self.is_one_of(&units) {
                self.skip(1);
                if self.eat("TO") {
                    self.identifier("a unit such as SECOND")?;
                }
            }
        }
        if first.value.eq_ignore_ascii_case("DOUBLE") {
            self.eat("PRECISION");
        }
        if self.is_symbol("(") {
            self.skip_parentheses()?;
        }
        // `STRUCT<>` is one symbol.
        if !self.eat_symbol("<>") && self.is_symbol("<") {
            self.skip_angles()?;
        }
        let span = self.span_from(start);
        types::parse_type_with_units(self.source_since(mark)).map_err(|error| error.with_span(span))
    }

    fn skip_angles(&mut self) -> Result<()> {
        let mut open = 0_usize;
        loop {
            match self.peek().kind {
                TokenKind::Symbol("<") => open += 1,
                TokenKind::Symbol(">") => open = open.saturating_sub(1),
                TokenKind::End | TokenKind::Symbol(";") => return Err(self.unexpected("`>`")),
                _ => {}
            }
            self.skip(1);
            if open == 0 {
                return Ok(());
            }
        }
    }
}

fn star(qualifier: Vec<String>, span: Span) -> Ast {
    Ast {
        kind: AstKind::Star(qualifier),
        span,
    }
}
