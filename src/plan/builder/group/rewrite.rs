//! Turning what was resolved over the input of an aggregation into expressions over its output.

use crate::analyze::aggregate::{AGGREGATES, GROUPING_ID};
use crate::analyze::column::unresolved_column;
use crate::analyze::over::WINDOWS;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::plan::builder::Output;
use crate::plan::builder::select::Item;
use crate::plan::{Column, PlanSchema};

/// What the parts of an expression become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewrite<'a> {
    /// The grouping expressions as they were written, over the input.
    pub(super) written: &'a [Expr],
    /// The keys in the output: those that were written first, then hidden ones.
    pub(super) keys: &'a [Column],
    /// The key that is the grouping id.
    pub(super) grouping_id: Option<usize>,
    /// How many columns the aggregation gives.
    pub(super) width: usize,
    /// The columns of the input.
    pub(super) input: &'a [Column],
    /// The columns of the list, for those above it: what is neither there nor grouped is not found.
    pub(super) list: &'a [Column],
    /// How many columns of a list come before those of the input in what is rewritten; they stay, before those of the output.
    pub(super) outputs: usize,
}

impl Rewrite<'_> {
    /// The items of a list over the output.
    pub(super) fn items(&self, items: Vec<Item>, output: &PlanSchema) -> Result<Vec<Item>> {
        items
            .into_iter()
            .map(|item| match item {
                Item::Column(made) => {
                    let mut rewritten =
                        Output::new(self.expr(&made.expr)?, &made.column.name, output);
                    rewritten.column.qualifier = made.column.qualifier;
                    Ok(Item::Column(rewritten))
                }
                Item::Generator(made) => made.map(&|expr| self.expr(expr)).map(Item::Generator),
            })
            .collect()
    }

    /// One expression over the columns of the list, if any, then of the output.
    pub(super) fn expr(&self, expr: &Expr) -> Result<Expr> {
        let written: Vec<Expr> = self
            .written
            .iter()
            .map(|key| key.remap_columns(self.input.len(), &|index| index + self.outputs))
            .collect();
        self.part(expr, &written, None)
    }

    /// `lambda`: how many columns came before the parameters of the outermost lambda around this, if there is one.
    fn part(&self, expr: &Expr, written: &[Expr], lambda: Option<usize>) -> Result<Expr> {
        if let Some(index) = written.iter().position(|key| key.same_as(expr)) {
            return Ok(self.key(index, expr));
        }
        let kind = match &expr.kind {
            ExprKind::Column(index) => {
                return self.column(expr, *index, lambda);
            }
            ExprKind::Lambda {
                outer_columns,
                parameters,
                body,
            } => {
                let outermost = lambda.unwrap_or(*outer_columns);
                ExprKind::Lambda {
                    outer_columns: outer_columns - outermost + self.outputs + self.width,
                    parameters: *parameters,
                    body: Box::new(self.part(body, written, Some(outermost))?),
                }
            }
            // As in Spark, which makes a column of it below the aggregation.
            ExprKind::Call(function, _) if function.name == "window_time" && self.outputs == 0 => {
                return Err(self.not_grouped(expr, "window_time"));
            }
            _ => return expr.map_children(&mut |child| self.part(child, written, lambda)),
        };
        Ok(Expr {
            kind,
            ..expr.clone()
        })
    }

    fn column(&self, expr: &Expr, index: usize, lambda: Option<usize>) -> Result<Expr> {
        let at = |index: usize| Expr {
            kind: ExprKind::Column(index),
            ..expr.clone()
        };
        if index < self.outputs {
            return Ok(at(index));
        }
        if index == GROUPING_ID
            && let Some(key) = self.grouping_id
        {
            return Ok(self.key(key, expr));
        }
        if index >= WINDOWS {
            return Ok(expr.clone());
        }
        if index >= AGGREGATES {
            return Ok(at(index - AGGREGATES + self.keys.len() + self.outputs));
        }
        if let Some(outer) = lambda
            && index >= outer
        {
            return Ok(at(index - outer + self.outputs + self.width));
        }
        let name = self
            .input
            .get(index - self.outputs)
            .map_or("", |column| &column.name);
        if self.outputs > 0 {
            let parts = [name.to_owned()];
            return Err(unresolved_column(&parts, self.list).with_span(expr.span));
        }
        Err(self.not_grouped(expr, name))
    }

    /// A reference to a key. Under grouping sets it may be null where the expression is not.
    fn key(&self, index: usize, expr: &Expr) -> Expr {
        Expr {
            kind: ExprKind::Column(index + self.outputs),
            is_nullable: self
                .keys
                .get(index)
                .map_or(expr.is_nullable, |key| key.is_nullable),
            ..expr.clone()
        }
    }

    fn not_grouped(&self, expr: &Expr, name: &str) -> Error {
        let error = if self.keys.is_empty() {
            Error::invalid(format!(
                "the query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using OVER clauses: the column `{name}` is neither grouped nor aggregated"
            ))
            .with_condition("MISSING_GROUP_BY")
        } else {
            Error::invalid(format!(
                "the non-aggregating expression \"{name}\" is based on columns which are not participating in the GROUP BY clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use \"any_value({name})\" if you do not care which of the values within a group is returned"
            ))
            .with_condition("MISSING_AGGREGATION")
        };
        error.with_span(expr.span)
    }
}

/// The expressions of an item, as columns of the list; a generator's columns cannot be used before it has run.
pub(in crate::plan::builder) fn exprs(item: &Item) -> Vec<Expr> {
    match item {
        Item::Column(output) => vec![output.expr.clone()],
        Item::Generator(made) => made
            .columns()
            .iter()
            .map(|column| crate::analyze::null_of(&column.data_type))
            .collect(),
    }
}

/// Column `index` of the list and the output, over the output alone.
pub(in crate::plan::builder) fn below(
    column: &Expr,
    index: usize,
    list: &[Expr],
    outputs: usize,
) -> Expr {
    if index >= WINDOWS {
        return column.clone();
    }
    match list.get(index).filter(|_| index < outputs) {
        Some(expr) => expr.clone(),
        None => Expr {
            kind: ExprKind::Column(index.saturating_sub(outputs)),
            ..column.clone()
        },
    }
}
