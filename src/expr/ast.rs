//! Making written expressions, and walking over them.

use crate::error::Span;
use crate::expr::{Ast, AstCall, AstKind};
use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray};
use std::sync::Arc;

impl Ast {
    /// An expression that was not written in SQL.
    pub fn new(kind: AstKind) -> Ast {
        Ast {
            kind,
            span: Span::NOWHERE,
        }
    }

    /// The same, with its place in the SQL text.
    #[must_use]
    pub fn at(mut self, span: Span) -> Ast {
        self.span = span;
        self
    }

    /// A column, as in `e.user.name`: the parts between the dots. A part must not itself hold dots.
    pub fn name(dotted: &str) -> Ast {
        Ast::new(AstKind::Name(
            dotted.split('.').map(str::to_owned).collect(),
        ))
    }

    /// A column by the parts of its name, which may hold dots.
    pub(crate) fn name_of(parts: &[&str]) -> Ast {
        let parts = parts.iter().map(|part| (*part).to_owned());
        Ast::new(AstKind::Name(parts.collect()))
    }

    /// A constant, given as an array of exactly one row.
    pub fn literal(value: ArrayRef) -> Ast {
        Ast::new(AstKind::Literal(value))
    }

    /// A STRING constant.
    pub fn string(value: &str) -> Ast {
        Ast::literal(Arc::new(StringArray::from(vec![value])))
    }

    /// An INT constant.
    pub fn int(value: i32) -> Ast {
        Ast::literal(Arc::new(Int32Array::from(vec![value])))
    }

    /// A BIGINT constant.
    pub fn bigint(value: i64) -> Ast {
        Ast::literal(Arc::new(Int64Array::from(vec![value])))
    }

    /// A BOOLEAN constant.
    pub fn boolean(value: bool) -> Ast {
        Ast::literal(Arc::new(BooleanArray::from(vec![value])))
    }

    /// A call of a function or operator.
    pub fn call(name: &str, arguments: Vec<Ast>) -> Ast {
        Ast::new(AstKind::Call(Box::new(AstCall {
            name: name.to_owned(),
            arguments,
            ..AstCall::default()
        })))
    }

    /// `*`.
    pub fn star() -> Ast {
        Ast::new(AstKind::Star(vec![]))
    }

    /// `self AS name`.
    #[must_use]
    pub fn alias(self, name: &str) -> Ast {
        let span = self.span;
        Ast::new(AstKind::Alias(Box::new(self), vec![name.to_owned()])).at(span)
    }

    /// The call this is, below aliases.
    pub(crate) fn as_call(&self) -> Option<&AstCall> {
        match &self.kind {
            AstKind::Call(call) => Some(call),
            AstKind::Alias(input, _) => input.as_call(),
            _ => None,
        }
    }

    /// The expression below the aliases.
    pub(crate) fn without_alias(&self) -> &Ast {
        match &self.kind {
            AstKind::Alias(input, _) => input.without_alias(),
            _ => self,
        }
    }

    /// The expressions directly below this one.
    pub(crate) fn children(&self) -> Vec<&Ast> {
        match &self.kind {
            AstKind::Name(_) | AstKind::Literal(_) | AstKind::Star(_) | AstKind::Subquery(_) => {
                vec![]
            }
            AstKind::Call(call) => call
                .arguments
                .iter()
                .chain(call.filter.as_deref())
                .chain(call.within_group.iter().map(|key| &key.expr))
                .chain(call.over.iter().flat_map(|over| over.expressions()))
                .collect(),
            AstKind::Cast { input, .. }
            | AstKind::Field(input, _)
            | AstKind::Alias(input, _)
            | AstKind::Lambda(_, input) => vec![input],
            AstKind::Index(input, index) => vec![input, index],
            AstKind::Case {
                branches,
                otherwise,
            } => branches
                .iter()
                .flat_map(|(condition, value)| [condition, value])
                .chain(otherwise.as_deref())
                .collect(),
        }
    }

    /// Calls `visit` on this and everything below it, from the top, as long as it answers true for what is above.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Ast) -> bool) {
        if visit(self) {
            for child in self.children() {
                child.walk(visit);
            }
        }
    }

    /// Whether this or anything below it is a call that `wanted` takes.
    pub(crate) fn has_call(&self, wanted: &dyn Fn(&AstCall) -> bool) -> bool {
        let mut found = false;
        self.walk(&mut |ast| {
            if let AstKind::Call(call) = &ast.kind {
                found |= wanted(call);
            }
            !found
        });
        found
    }

    /// The same with `change` tried on this and everything below it, from the top; below what it changed it is not tried.
    pub(crate) fn map(&self, change: &dyn Fn(&Ast) -> Option<Ast>) -> Ast {
        if let Some(changed) = change(self) {
            return changed.at(self.span);
        }
        let boxed = |ast: &Ast| Box::new(ast.map(change));
        let kind = match &self.kind {
            AstKind::Name(_) | AstKind::Literal(_) | AstKind::Star(_) | AstKind::Subquery(_) => {
                self.kind.clone()
            }
            AstKind::Call(call) => AstKind::Call(Box::new(AstCall {
                arguments: call.arguments.iter().map(|ast| ast.map(change)).collect(),
                filter: call.filter.as_deref().map(boxed),
                within_group: call
                    .within_group
                    .iter()
                    .map(|key| key.map(|expr| expr.map(change)))
                    .collect(),
                over: call
                    .over
                    .as_ref()
                    .map(|over| Box::new(over.map(&|ast: &Ast| ast.map(change)))),
                ..(**call).clone()
            })),
            AstKind::Cast {
                input,
                data_type,
                units,
                is_try,
            } => AstKind::Cast {
                input: boxed(input),
                data_type: data_type.clone(),
                units: units.clone(),
                is_try: *is_try,
            },
            AstKind::Case {
                branches,
                otherwise,
            } => AstKind::Case {
                branches: branches
                    .iter()
                    .map(|(condition, value)| (condition.map(change), value.map(change)))
                    .collect(),
                otherwise: otherwise.as_deref().map(boxed),
            },
            AstKind::Field(input, name) => AstKind::Field(boxed(input), name.clone()),
            AstKind::Index(input, index) => AstKind::Index(boxed(input), boxed(index)),
            AstKind::Alias(input, names) => AstKind::Alias(boxed(input), names.clone()),
            AstKind::Lambda(names, body) => AstKind::Lambda(names.clone(), boxed(body)),
        };
        Ast {
            kind,
            span: self.span,
        }
    }
}
