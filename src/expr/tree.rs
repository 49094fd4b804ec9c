//! Walking over resolved expressions, comparing them, and moving them from one input to another.

use crate::error::Span;
use crate::expr::{Expr, ExprKind};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Expr {
    /// The same expression with another place in the SQL text.
    #[must_use]
    pub fn at(mut self, span: Span) -> Expr {
        self.span = span;
        self
    }

    /// The expressions directly below this one.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) => vec![],
            ExprKind::Call(_, inputs)
            | ExprKind::UserCall(_, inputs)
            | ExprKind::Coalesce(inputs) => inputs.iter().collect(),
            ExprKind::Cast { input, .. }
            | ExprKind::Field(input, _)
            | ExprKind::Lambda { body: input, .. } => vec![input],
            ExprKind::And(left, right) | ExprKind::Or(left, right) => vec![left, right],
            ExprKind::Case {
                branches,
                otherwise,
            } => branches
                .iter()
                .flat_map(|(condition, value)| [condition, value])
                .chain(otherwise.as_deref())
                .collect(),
        }
    }

    /// The same expression with `change` applied to each expression directly below it.
    ///
    /// # Errors
    ///
    /// The first error of `change`.
    pub fn map_children<E>(
        &self,
        change: &mut dyn FnMut(&Expr) -> Result<Expr, E>,
    ) -> Result<Expr, E> {
        let kind = match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) => self.kind.clone(),
            ExprKind::Call(function, inputs) => ExprKind::Call(
                Arc::clone(function),
                inputs.iter().map(change).collect::<Result<_, E>>()?,
            ),
            ExprKind::UserCall(function, inputs) => ExprKind::UserCall(
                Arc::clone(function),
                inputs.iter().map(change).collect::<Result<_, E>>()?,
            ),
            ExprKind::Coalesce(inputs) => {
                ExprKind::Coalesce(inputs.iter().map(change).collect::<Result<_, E>>()?)
            }
            ExprKind::Cast { input, is_try } => ExprKind::Cast {
                input: Box::new(change(input)?),
                is_try: *is_try,
            },
            ExprKind::Field(input, index) => ExprKind::Field(Box::new(change(input)?), *index),
            ExprKind::Lambda {
                outer_columns,
                parameters,
                body,
            } => ExprKind::Lambda {
                outer_columns: *outer_columns,
                parameters: *parameters,
                body: Box::new(change(body)?),
            },
            ExprKind::And(left, right) => {
                ExprKind::And(Box::new(change(left)?), Box::new(change(right)?))
            }
            ExprKind::Or(left, right) => {
                ExprKind::Or(Box::new(change(left)?), Box::new(change(right)?))
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => ExprKind::Case {
                branches: branches
                    .iter()
                    .map(|(condition, value)| Ok((change(condition)?, change(value)?)))
                    .collect::<Result<_, E>>()?,
                otherwise: match otherwise {
                    Some(value) => Some(Box::new(change(value)?)),
                    None => None,
                },
            },
        };
        Ok(Expr {
            kind,
            ..self.clone()
        })
    }

    /// Calls `visit` on this and everything below it, from the top.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// The columns of the input that it reads. Parameters of lambdas are not among them.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        self.collect_columns(usize::MAX, &mut columns);
        columns
    }

    fn collect_columns(&self, outer_columns: usize, columns: &mut BTreeSet<usize>) {
        match &self.kind {
            ExprKind::Column(index) if *index < outer_columns => {
                columns.insert(*index);
            }
            ExprKind::Lambda {
                outer_columns: own,
                body,
                ..
            } => body.collect_columns(outer_columns.min(*own), columns),
            _ => {
                for child in self.children() {
                    child.collect_columns(outer_columns, columns);
                }
            }
        }
    }

    /// Whether it reads no column, so that it has one value for all rows of a batch.
    pub fn is_constant(&self) -> bool {
        self.columns().is_empty() && self.is_deterministic()
    }

    /// Whether equal rows give equal values within a batch.
    pub fn is_deterministic(&self) -> bool {
        let mut is_deterministic = true;
        self.walk(&mut |expr| {
            if let ExprKind::Call(function, _) = &expr.kind {
                is_deterministic &= function.is_deterministic;
            } else if let ExprKind::UserCall(function, _) = &expr.kind {
                is_deterministic &= function.is_deterministic();
            }
        });
        is_deterministic
    }

    /// Whether both compute the same in the same way; places in the SQL text do not count.
    pub fn same_as(&self, other: &Expr) -> bool {
        // The units decide what a cast makes of an interval: a day as `DAY` is 1, as `HOUR` 24.
        let is_same_type = self.data_type == other.data_type && self.units == other.units;
        is_same_type && self.is_same_kind(other) && {
            let (own, others) = (self.children(), other.children());
            own.len() == others.len()
                && own
                    .iter()
                    .zip(others)
                    .all(|(own, other)| own.same_as(other))
        }
    }

    /// Whether both are the same, children aside.
    fn is_same_kind(&self, other: &Expr) -> bool {
        match (&self.kind, &other.kind) {
            (ExprKind::Column(own), ExprKind::Column(other))
            | (ExprKind::Field(_, own), ExprKind::Field(_, other))
            | (
                ExprKind::Lambda {
                    parameters: own, ..
                },
                ExprKind::Lambda {
                    parameters: other, ..
                },
            ) => own == other,
            (ExprKind::Literal(own), ExprKind::Literal(other)) => own == other,
            (ExprKind::Call(own, _), ExprKind::Call(other, _)) => {
                own.name == other.name && own.is_deterministic
            }
            (ExprKind::UserCall(own, _), ExprKind::UserCall(other, _)) => {
                Arc::ptr_eq(own, other) && own.is_deterministic()
            }
            (ExprKind::Cast { is_try: own, .. }, ExprKind::Cast { is_try: other, .. }) => {
                own == other
            }
            (
                ExprKind::Case {
                    branches: own,
                    otherwise: own_else,
                },
                ExprKind::Case {
                    branches: other,
                    otherwise: other_else,
                },
            ) => own.len() == other.len() && own_else.is_some() == other_else.is_some(),
            (ExprKind::And(..), ExprKind::And(..))
            | (ExprKind::Or(..), ExprKind::Or(..))
            | (ExprKind::Coalesce(_), ExprKind::Coalesce(_)) => true,
            _ => false,
        }
    }

    /// The same expression over another input, which has `width` columns and holds at `map(i)` what column `i` was.
    #[must_use]
    pub fn remap_columns(&self, width: usize, map: &dyn Fn(usize) -> usize) -> Expr {
        self.remap(None, width, map)
    }

    /// `lambda`: how many columns came before the parameters of the outermost lambda around this, if there is one.
    fn remap(&self, lambda: Option<usize>, width: usize, map: &dyn Fn(usize) -> usize) -> Expr {
        let moved = |index: usize| match lambda {
            Some(outer) if index >= outer => index - outer + width,
            _ => map(index),
        };
        let kind = match &self.kind {
            ExprKind::Column(index) => ExprKind::Column(moved(*index)),
            ExprKind::Lambda {
                outer_columns,
                parameters,
                body,
            } => {
                let outermost = lambda.unwrap_or(*outer_columns);
                ExprKind::Lambda {
                    outer_columns: outer_columns - outermost + width,
                    parameters: *parameters,
                    body: Box::new(body.remap(Some(outermost), width, map)),
                }
            }
            _ => {
                let Ok(changed) = self.map_children::<std::convert::Infallible>(&mut |child| {
                    Ok(child.remap(lambda, width, map))
                });
                return changed;
            }
        };
        Expr {
            kind,
            ..self.clone()
        }
    }

    /// The same expression over another input, which has `width` columns: each column is replaced by what `replace` says computes it
    /// from those.
    #[must_use]
    pub fn substitute(&self, width: usize, replace: &dyn Fn(&Expr, usize) -> Expr) -> Expr {
        self.substitute_in(None, 0, width, replace)
    }

    /// `lambda`: as in `remap`; `parameters`: how many parameters of lambdas are known here.
    fn substitute_in(
        &self,
        lambda: Option<usize>,
        parameters: usize,
        width: usize,
        replace: &dyn Fn(&Expr, usize) -> Expr,
    ) -> Expr {
        match &self.kind {
            ExprKind::Column(index) => match lambda {
                Some(outer) if *index >= outer => Expr {
                    kind: ExprKind::Column(index - outer + width),
                    ..self.clone()
                },
                // What is put into a lambda has the lambda's parameters before those of its own lambdas.
                _ => replace(self, *index).remap_columns(width + parameters, &|index| index),
            },
            ExprKind::Lambda {
                outer_columns,
                parameters: own,
                body,
            } => {
                let outermost = lambda.unwrap_or(*outer_columns);
                let before = outer_columns - outermost;
                let body = body.substitute_in(Some(outermost), before + own, width, replace);
                Expr {
                    kind: ExprKind::Lambda {
                        outer_columns: before + width,
                        parameters: *own,
                        body: Box::new(body),
                    },
                    ..self.clone()
                }
            }
            _ => {
                let Ok(changed) = self.map_children::<std::convert::Infallible>(&mut |child| {
                    Ok(child.substitute_in(lambda, parameters, width, replace))
                });
                changed
            }
        }
    }

    /// The conjuncts of a condition, left to right.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::And(left, right) => {
                let mut all = left.conjuncts();
                all.extend(right.conjuncts());
                all
            }
            _ => vec![self],
        }
    }

    /// `left AND right`.
    #[must_use]
    pub fn and(self, right: Expr) -> Expr {
        Expr {
            data_type: arrow::datatypes::DataType::Boolean,
            units: crate::types::TypeUnits::default(),
            is_nullable: self.is_nullable || right.is_nullable,
            span: self.span.union(right.span),
            kind: ExprKind::And(Box::new(self), Box::new(right)),
        }
    }

    /// The conjunction of all conditions; `None` if there are none.
    pub fn conjunction(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
        conditions.into_iter().reduce(Expr::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::{cast_to, resolve};
    use crate::error::Position;
    use crate::expr::{Ast, AstKind};
    use crate::plan::{Column, PlanSchema};
    use crate::types::{IntervalField, IntervalUnits, TypeUnits};
    use arrow::datatypes::DataType;

    fn columns(count: usize) -> PlanSchema {
        PlanSchema {
            columns: (0..count)
                .map(|index| Column {
                    qualifier: None,
                    name: format!("c{index}"),
                    data_type: DataType::Int64,
                    units: TypeUnits::default(),
                    is_nullable: true,
                    event_time: None,
                })
                .collect(),
        }
    }

    fn sum(left: &str, right: &str) -> Expr {
        let ast = Ast::call("+", vec![Ast::name(left), Ast::name(right)]);
        resolve(&ast, &columns(4)).unwrap()
    }

    /// `x -> x + c1`, over four columns.
    fn lambda() -> Expr {
        let body = Expr {
            kind: ExprKind::Call(
                crate::function::registry::scalar("+").unwrap(),
                vec![column(4), column(1)],
            ),
            ..column(0)
        };
        Expr {
            kind: ExprKind::Lambda {
                outer_columns: 4,
                parameters: 1,
                body: Box::new(body),
            },
            ..column(0)
        }
    }

    fn column(index: usize) -> Expr {
        Expr::column(index, DataType::Int64, true)
    }

    #[test]
    fn equal_expressions_are_the_same_wherever_they_stand() {
        let span = Span {
            start: Position { line: 1, column: 1 },
            end: Position { line: 1, column: 2 },
        };
        assert!(sum("c0", "c1").same_as(&sum("C0", "c1").at(span)));
        assert!(!sum("c0", "c1").same_as(&sum("c1", "c0")));
        assert!(!sum("c0", "c1").same_as(&column(0)));
    }

    #[test]
    fn the_units_of_an_interval_make_a_difference() {
        let day_in = |unit| {
            let value = arrow::array::DurationMicrosecondArray::from(vec![86_400_000_000]);
            let units = TypeUnits::only(IntervalUnits::only(unit));
            let interval = Expr::literal(Arc::new(value)).with_units(units);
            cast_to(interval, &DataType::Int32)
        };
        let day = day_in(IntervalField::Day);
        assert!(day.same_as(&day_in(IntervalField::Day)));
        assert!(!day.same_as(&day_in(IntervalField::Hour)));
    }

    #[test]
    fn moving_an_expression_moves_its_columns_and_the_parameters_of_its_lambdas() {
        let moved = lambda().remap_columns(7, &|index| index + 3);
        let ExprKind::Lambda {
            outer_columns,
            body,
            ..
        } = &moved.kind
        else {
            panic!("a lambda");
        };
        assert_eq!(*outer_columns, 7);
        assert!(body.children()[0].same_as(&column(7)));
        assert!(body.children()[1].same_as(&column(4)));
        assert_eq!(moved.columns().into_iter().collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn what_is_put_into_a_lambda_keeps_its_own_lambdas() {
        let put = lambda().substitute(2, &|_, _| {
            // Itself over two columns, with a lambda in it.
            lambda().remap_columns(2, &|_| 0)
        });
        let ExprKind::Lambda { body, .. } = &put.kind else {
            panic!("a lambda");
        };
        assert!(body.children()[0].same_as(&column(2)));
        let ExprKind::Lambda {
            outer_columns,
            body,
            ..
        } = &body.children()[1].kind
        else {
            panic!("a lambda");
        };
        assert_eq!(*outer_columns, 3);
        assert!(body.children()[0].same_as(&column(3)));
        assert!(body.children()[1].same_as(&column(0)));
    }

    #[test]
    fn conditions_fall_into_their_conjuncts() {
        let name = |name: &str| Ast::call("isnull", vec![Ast::name(name)]);
        let ast = Ast::call(
            "and",
            vec![
                Ast::call("and", vec![name("c0"), name("c1")]),
                Ast::call("or", vec![name("c2"), name("c3")]),
            ],
        );
        let resolved = resolve(&ast, &columns(4)).unwrap();
        assert_eq!(resolved.conjuncts().len(), 3);
        let again = Expr::conjunction(resolved.conjuncts().into_iter().cloned()).unwrap();
        assert!(again.same_as(&resolved));
        assert!(Expr::conjunction([]).is_none());
        assert!(!resolved.is_constant());
        let constant = resolve(
            &Ast::new(AstKind::Literal(std::sync::Arc::new(
                arrow::array::Int64Array::from(vec![1]),
            ))),
            &columns(0),
        );
        assert!(constant.unwrap().is_constant());
    }
}
