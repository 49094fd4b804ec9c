//! Expressions: Spark's operators by precedence climbing, straight into [`Ast`].
//!
//! From loose to tight: `OR`, `AND`, `NOT`, predicates (`IS`, `IN`, `BETWEEN`, `LIKE`, …), comparisons, `|`, `^`, `&`, shifts,
//! `+ - ||`, `* / % DIV`, signs and `~`, then `::`, `[…]` and `.field`. As in Spark's own parser some forms are written in
//! terms of others: `a <> b` is `NOT a = b`, `x IS TRUE` is `x <=> true`, `a || b` is `concat(a, b)`.

mod call;
mod over;
mod predicate;
mod primary;

use super::literal;
use super::parser::Parser;
use super::token::TokenKind;
use crate::error::{Result, Span};
use crate::expr::{Ast, AstCall, AstKind};

/// Operands of a chain of `AND`s or `OR`s beyond which it becomes a balanced tree, so that long generated conditions do
/// not nest deeply.
const CHAIN_MAX: usize = 16;

/// How tight an operator binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Predicate,
    Comparison,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    Sign,
}

impl Binding {
    /// The level that binds one step tighter.
    fn tighter(self) -> Binding {
        match self {
            Binding::Or => Binding::And,
            Binding::And => Binding::Not,
            Binding::Not => Binding::Predicate,
            Binding::Predicate => Binding::Comparison,
            Binding::Comparison => Binding::BitOr,
            Binding::BitOr => Binding::BitXor,
            Binding::BitXor => Binding::BitAnd,
            Binding::BitAnd => Binding::Shift,
            Binding::Shift => Binding::Sum,
            Binding::Sum => Binding::Product,
            Binding::Product | Binding::Sign => Binding::Sign,
        }
    }
}

/// A binary operator: how tight it binds, the function it stands for, and its length in tokens.
struct Operator {
    binding: Binding,
    function: &'static str,
    tokens: usize,
}

/// A call of a function or operator.
pub(super) fn call(name: &str, arguments: Vec<Ast>, span: Span) -> Ast {
    let call = AstCall {
        name: name.to_ascii_lowercase(),
        arguments,
        ..AstCall::default()
    };
    Ast {
        kind: AstKind::Call(Box::new(call)),
        span,
    }
}

/// `NOT input`, if `is_negated`.
fn negated_if(is_negated: bool, input: Ast) -> Ast {
    if !is_negated {
        return input;
    }
    let span = input.span;
    call("not", vec![input], span)
}

/// `input AS names`.
pub(super) fn alias(input: Ast, names: Vec<String>, span: Span) -> Ast {
    Ast {
        span: input.span.union(span),
        kind: AstKind::Alias(Box::new(input), names),
    }
}

/// A reference by name.
pub(super) fn name(parts: Vec<String>, span: Span) -> Ast {
    Ast {
        kind: AstKind::Name(parts),
        span,
    }
}

impl Parser<'_> {
    /// An expression of any kind.
    ///
    /// # Errors
    ///
    /// Of grammar, of literals, and for what is known but not supported.
    pub(super) fn expression(&mut self) -> Result<Ast> {
        self.nested(|parser| parser.operators(Binding::Or))
    }

    /// An expression without `AND`, `OR`, `NOT` and predicates on its top level.
    pub(super) fn value_expression(&mut self) -> Result<Ast> {
        self.nested(|parser| parser.operators(Binding::Comparison))
    }

    /// Operators that bind at least as tight as `loosest`, and what they work on. Keeps count of the height of the tree:
    /// `height` becomes the higher of what it was and what was read.
    fn operators(&mut self, loosest: Binding) -> Result<Ast> {
        let before = std::mem::take(&mut self.height);
        let mut left = self.operand(loosest)?;
        let mut height = self.height + 1;
        loop {
            self.height = 0;
            if let Some(operator) = self
                .binary_operator()
                .filter(|found| found.binding >= loosest)
            {
                left = match operator.binding {
                    Binding::Or | Binding::And => self.chain(left, &operator)?,
                    _ => self.binary(left, &operator)?,
                };
            } else if loosest <= Binding::Predicate && self.is_predicate() {
                left = self.predicate(left)?;
            } else {
                break;
            }
            height = height.max(self.height) + 1;
            self.check_height(height)?;
        }
        self.height = before.max(height);
        Ok(left)
    }

    fn binary(&mut self, left: Ast, operator: &Operator) -> Result<Ast> {
        let is_not_equal = operator.function == "<>";
        self.skip(operator.tokens);
        let right = self.operators(operator.binding.tighter())?;
        let span = left.span.union(right.span);
        let function = if is_not_equal { "=" } else { operator.function };
        Ok(negated_if(
            is_not_equal,
            call(function, vec![left, right], span),
        ))
    }

    /// `left AND b AND c …`.
    fn chain(&mut self, left: Ast, operator: &Operator) -> Result<Ast> {
        let mut operands = vec![left];
        while self
            .binary_operator()
            .is_some_and(|next| next.function == operator.function)
        {
            self.skip(operator.tokens);
            operands.push(self.operators(operator.binding.tighter())?);
        }
        let depth = if operands.len() > CHAIN_MAX {
            operands.len().ilog2() as usize + 1
        } else {
            operands.len()
        };
        self.height += depth;
        Ok(combine(operator.function, operands))
    }

    /// A prefix operator with its operand, or a primary expression.
    fn operand(&mut self, loosest: Binding) -> Result<Ast> {
        let start = self.span();
        if self.is_keyword("NOT") || self.is_symbol("!") {
            if loosest > Binding::Not {
                return Err(self.unexpected("a value"));
            }
            self.skip(1);
            let input = self.nested(|parser| parser.operators(Binding::Not))?;
            let span = start.union(input.span);
            return Ok(call("not", vec![input], span));
        }
        let function = match self.peek().kind {
            TokenKind::Symbol("-") => "-",
            TokenKind::Symbol("+") => "positive",
            TokenKind::Symbol("~") => "~",
            _ => return self.primary(),
        };
        if function == "-" && matches!(self.peek_at(1).kind, TokenKind::Number(_)) {
            return self.primary();
        }
        self.skip(1);
        let input = self.nested(|parser| parser.operators(Binding::Sign))?;
        let span = start.union(input.span);
        Ok(call(function, vec![input], span))
    }

    /// The binary operator that comes next.
    fn binary_operator(&self) -> Option<Operator> {
        let one = |binding, function| {
            Some(Operator {
                binding,
                function,
                tokens: 1,
            })
        };
        match &self.peek().kind {
            TokenKind::Symbol(symbol @ ("<" | ">")) => self
                .shift(symbol)
                .or_else(|| one(Binding::Comparison, *symbol)),
            TokenKind::Symbol(symbol) => match *symbol {
                "=" | "==" => one(Binding::Comparison, "="),
                "<>" | "!=" => one(Binding::Comparison, "<>"),
                "<=" | ">=" | "<=>" => one(Binding::Comparison, *symbol),
                "|" => one(Binding::BitOr, "|"),
                "^" => one(Binding::BitXor, "^"),
                "&" => one(Binding::BitAnd, "&"),
                "+" | "-" => one(Binding::Sum, *symbol),
                "||" => one(Binding::Sum, "concat"),
                "*" | "/" | "%" => one(Binding::Product, *symbol),
                _ => None,
            },
            TokenKind::Word(word) => match word.to_ascii_uppercase().as_str() {
                "OR" => one(Binding::Or, "or"),
                "AND" => one(Binding::And, "and"),
                "DIV" => one(Binding::Product, "div"),
                _ => None,
            },
            _ => None,
        }
    }

    /// `<<`, `>>`, `>>>`: angle brackets that stand right together.
    fn shift(&self, symbol: &str) -> Option<Operator> {
        let touches = |ahead: usize| {
            self.is_symbol_at(ahead, symbol)
                && self.peek_at(ahead - 1).bytes.1 == self.peek_at(ahead).bytes.0
        };
        let (function, tokens) = match symbol {
            "<" if touches(1) => ("<<", 2),
            ">" if touches(1) && touches(2) => (">>>", 3),
            ">" if touches(1) => (">>", 2),
            _ => return None,
        };
        Some(Operator {
            binding: Binding::Shift,
            function,
            tokens,
        })
    }
}

/// `a AND b AND c` from the left; as a balanced tree, in the same order, if there are many.
fn combine(function: &str, mut operands: Vec<Ast>) -> Ast {
    let join = |left: Ast, right: Ast| {
        let span = left.span.union(right.span);
        call(function, vec![left, right], span)
    };
    if operands.len() > CHAIN_MAX {
        let right = operands.split_off(operands.len() / 2);
        return join(combine(function, operands), combine(function, right));
    }
    operands
        .into_iter()
        .reduce(join)
        .unwrap_or_else(|| literal::null(Span::NOWHERE))
}
