//! Function calls: arguments, the forms that SQL spells out in words (`TRIM(BOTH … FROM …)`), and the clauses behind them
//! (`FILTER`, `WITHIN GROUP`, `IGNORE NULLS`, `OVER`).

use super::{alias, call};
use crate::error::{Result, Span};
use crate::expr::{Ast, AstCall, AstKind};
use crate::sql::literal;
use crate::sql::parser::Parser;
use crate::sql::token::TokenKind;

/// Functions whose first argument is a unit as a bare word, with the function they stand for: `timestampadd(HOUR, 1, ts)`.
const UNIT_FUNCTIONS: [(&str, &str); 6] = [
    ("timestampadd", "timestampadd"),
    ("dateadd", "timestampadd"),
    ("date_add", "timestampadd"),
    ("timestampdiff", "timestampdiff"),
    ("datediff", "timestampdiff"),
    ("date_diff", "timestampdiff"),
];

/// What `timestampadd` and its like count in.
const UNITS: [&str; 11] = [
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAY",
    "DAYOFYEAR",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "MICROSECOND",
];

impl Parser<'_> {
    /// A call, from its opening parenthesis on.
    pub(in crate::sql) fn function_call(&mut self, parts: &[String], start: Span) -> Result<Ast> {
        let name = match parts {
            [name] => name.to_ascii_lowercase(),
            [.., builtin, name] if builtin.eq_ignore_ascii_case("builtin") => {
                name.to_ascii_lowercase()
            }
            _ => {
                let condition = match parts {
                    [catalog, _, _] if catalog.eq_ignore_ascii_case("spark_catalog") => {
                        "UNRESOLVED_ROUTINE"
                    }
                    [_, _] => "UNRESOLVED_ROUTINE",
                    _ => "REQUIRES_SINGLE_PART_NAMESPACE",
                };
                let place = self.span_from(start);
                let what = format!("a function of a catalog (`{}`)", parts.join("."));
                return Err(self.unsupported(&what, place).with_condition(condition));
            }
        };
        if let Some(spelled) = self.spelled_call(&name, start)? {
            return Ok(spelled);
        }
        let mut called = AstCall {
            name,
            ..AstCall::default()
        };
        called.user = self.functions.get(&called.name).cloned();
        self.arguments(&mut called)?;
        self.clauses(&mut called)?;
        Ok(Ast {
            kind: AstKind::Call(Box::new(called)),
            span: self.span_from(start),
        })
    }

    /// `([DISTINCT] a, name => b [IGNORE NULLS])`.
    fn arguments(&mut self, called: &mut AstCall) -> Result<()> {
        self.expect_symbol("(")?;
        if self.eat("DISTINCT") {
            called.is_distinct = true;
        } else if self.is_keyword("ALL") && !self.is_symbol_at(1, ")") && !self.is_symbol_at(1, ",")
        {
            self.skip(1);
        }
        if self.eat_symbol(")") {
            return Ok(());
        }
        let is_struct = called.name == "struct";
        loop {
            let argument_name = self.argument_name();
            called.arguments.push(if is_struct {
                self.named_expression()?
            } else {
                self.expression()?
            });
            called.argument_names.push(argument_name);
            if !self.eat_symbol(",") {
                break;
            }
        }
        if called.argument_names.iter().all(Option::is_none) {
            called.argument_names.clear();
        }
        self.null_treatment(called);
        if self.is_keyword("ORDER") {
            return Err(self.unsupported("ORDER BY inside a call", self.span()));
        }
        self.expect_symbol(")")
    }

    /// The name of a named argument, `name =>`.
    fn argument_name(&mut self) -> Option<String> {
        if !self.is_symbol_at(1, "=>") {
            return None;
        }
        let (TokenKind::Word(name) | TokenKind::Quoted(name)) = &self.peek().kind else {
            return None;
        };
        let name = name.clone();
        self.skip(2);
        Some(name)
    }

    fn null_treatment(&mut self, called: &mut AstCall) {
        if self.eat_all(&["IGNORE", "NULLS"]) {
            called.ignores_nulls = true;
        } else {
            self.eat_all(&["RESPECT", "NULLS"]);
        }
    }

    /// What may stand behind the arguments.
    fn clauses(&mut self, called: &mut AstCall) -> Result<()> {
        if self.eat_all(&["WITHIN", "GROUP"]) {
            self.expect_symbol("(")?;
            self.expect_all(&["ORDER", "BY"])?;
            called.within_group = self.comma_separated(Parser::sort_item)?;
            self.expect_symbol(")")?;
        }
        if self.is_keyword("FILTER") && self.is_symbol_at(1, "(") {
            self.skip(2);
            self.expect("WHERE")?;
            called.filter = Some(Box::new(self.expression()?));
            self.expect_symbol(")")?;
        }
        self.null_treatment(called);
        if self.is_keyword("OVER") {
            self.skip(1);
            called.over = Some(Box::new(self.window_reference()?));
        }
        Ok(())
    }

    /// The calls that have words between their arguments; `None` if this is a call like any other.
    fn spelled_call(&mut self, name: &str, start: Span) -> Result<Option<Ast>> {
        match name {
            "extract" if self.is_keyword_at(2, "FROM") => self.extract(start).map(Some),
            "trim" => self.trim(start),
            "substring" | "substr" | "position" | "overlay" => self.positional(name, start),
            "identifier" => Err(self.unsupported("IDENTIFIER(…)", self.span_from(start))),
            _ => self.unit_call(name, start),
        }
    }

    /// `EXTRACT(field FROM source)`: the field becomes a string.
    fn extract(&mut self, start: Span) -> Result<Ast> {
        self.expect_symbol("(")?;
        let field = match self.eat_text() {
            Some(text) => text,
            None => self.identifier("a field such as HOUR")?.value,
        };
        let field = literal::text(&field, self.span_from(start));
        self.expect("FROM")?;
        let source = self.value_expression()?;
        self.expect_symbol(")")?;
        Ok(call("extract", vec![field, source], self.span_from(start)))
    }

    /// `TRIM([BOTH | LEADING | TRAILING] [characters] FROM source)` becomes `trim`, `ltrim` or `rtrim` of `characters,
    /// source` (Spark's order) or of `source`.
    fn trim(&mut self, start: Span) -> Result<Option<Ast>> {
        let sides = [
            ("BOTH", "trim"),
            ("LEADING", "ltrim"),
            ("TRAILING", "rtrim"),
        ];
        let ends = |parser: &Self| parser.is_symbol_at(2, ")") || parser.is_symbol_at(2, ",");
        let side = sides
            .into_iter()
            .find(|(word, _)| self.is_keyword_at(1, word) && !ends(self));
        self.expect_symbol("(")?;
        if side.is_some() {
            self.skip(1);
        }
        let mut arguments = Vec::new();
        if !self.is_keyword("FROM") {
            arguments.push(self.expression()?);
        }
        if self.eat("FROM") {
            arguments.push(self.value_expression()?);
        } else if side.is_some() {
            return Err(self.unexpected("`FROM`"));
        } else {
            while self.eat_symbol(",") {
                arguments.push(self.expression()?);
            }
        }
        self.expect_symbol(")")?;
        let function = side.map_or("trim", |(_, function)| function);
        Ok(Some(call(function, arguments, self.span_from(start))))
    }

    /// `SUBSTRING(s FROM 2 FOR 3)`, `POSITION(a IN b)`, `OVERLAY(a PLACING b FROM 1 FOR 2)`, and all of them with commas.
    fn positional(&mut self, name: &str, start: Span) -> Result<Option<Ast>> {
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok(Some(call(name, Vec::new(), self.span_from(start))));
        }
        let mut function = name;
        let mut arguments = vec![self.value_expression()?];
        if name == "position" && self.eat("IN") {
            function = "locate";
            arguments.push(self.value_expression()?);
            arguments.push(literal::int(1, self.span_from(start)));
        } else {
            let separators: &[&str] = match name {
                "overlay" => &["PLACING", "FROM", "FOR"],
                "position" => &[],
                _ => &["FROM", "FOR"],
            };
            for separator in separators {
                if self.eat(separator) {
                    // Spark calls `SUBSTR(s FROM 2)` by the long name.
                    function = if name == "substr" { "substring" } else { name };
                    arguments.push(self.value_expression()?);
                }
            }
            while self.eat_symbol(",") {
                arguments.push(self.expression()?);
            }
        }
        self.expect_symbol(")")?;
        Ok(Some(call(function, arguments, self.span_from(start))))
    }

    /// `timestampadd(HOUR, 1, ts)`: the unit becomes a string.
    fn unit_call(&mut self, name: &str, start: Span) -> Result<Option<Ast>> {
        let Some((_, function)) = UNIT_FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let is_unit = UNITS.iter().any(|unit| self.is_keyword_at(1, unit));
        if !is_unit || !self.is_symbol_at(2, ",") {
            return Ok(None);
        }
        self.skip(1);
        let unit = self.identifier("a unit")?;
        let mut arguments = vec![literal::text(&unit.value.to_ascii_uppercase(), unit.span)];
        while self.eat_symbol(",") {
            arguments.push(self.expression()?);
        }
        self.expect_symbol(")")?;
        // Three arguments, or this is `datediff(day, ts)` over columns of such names.
        if arguments.len() == 2
            && let [unit_text, second] = arguments.as_slice()
        {
            let column = super::name(vec![unit.value], unit_text.span);
            let plain = vec![column, second.clone()];
            return Ok(Some(call(name, plain, self.span_from(start))));
        }
        Ok(Some(call(function, arguments, self.span_from(start))))
    }

    /// An expression with an alias, `AS` or not: an item of `SELECT`.
    pub(in crate::sql) fn aliased_expression(&mut self) -> Result<Ast> {
        let input = self.named_expression()?;
        if matches!(input.kind, AstKind::Alias(..)) || !self.is_alias() {
            return Ok(input);
        }
        let ident = self.identifier("an alias")?;
        Ok(alias(input, vec![ident.value], ident.span))
    }
}
