//! Window functions, resolved: what [`PlanNode::Window`](crate::plan::PlanNode::Window) computes.

use crate::error::Span;
use crate::expr::{Expr, call_units};
use crate::function::over::WindowKind;
use crate::function::{AggregateFunction, Signature};
use crate::plan::SortKey;
use crate::types::TypeUnits;
use std::sync::Arc;

/// A window function of a [`PlanNode::Window`](crate::plan::PlanNode::Window). Expressions are over the columns of the node's input.
#[derive(Debug, Clone)]
pub struct WindowCall {
    /// What is computed.
    pub function: WindowComputation,
    /// Its arguments, cast to what the function asked for.
    pub arguments: Vec<Expr>,
    /// Rows for which it is not true do not count; for aggregates only.
    pub filter: Option<Expr>,
    /// Rows with equal keys are computed together.
    pub partition_by: Vec<Expr>,
    /// The order of the rows of a partition.
    pub order_by: Vec<SortKey>,
    /// Which rows around a row are seen.
    pub frame: RowFrame,
    /// What the function promised.
    pub signature: Signature,
    /// What it is called.
    pub name: String,
    /// Where it stands in the SQL text.
    pub span: Span,
}

impl WindowCall {
    /// The units of the intervals in what it gives.
    pub(crate) fn units(&self) -> TypeUnits {
        let name = match &self.function {
            WindowComputation::Aggregate(function) => function.name(),
            WindowComputation::Window { .. } => "",
        };
        call_units(name, &self.arguments, &self.signature.returns)
    }
}

/// What a window function computes.
#[derive(Debug, Clone)]
pub enum WindowComputation {
    /// A function of positions and neighbours.
    Window {
        /// Which one.
        kind: WindowKind,
        /// `IGNORE NULLS`.
        ignores_nulls: bool,
    },
    /// An aggregate of the rows of the frame.
    Aggregate(Arc<dyn AggregateFunction>),
}

/// The rows that a window function sees, both bounds inclusive.
#[derive(Debug, Clone)]
pub enum RowFrame {
    /// By number of rows; an offset below 0 is before the current row.
    Rows(Bound<i64>, Bound<i64>),
    /// By value of the only key of the order; an offset is the value of the key at the bound, computed for the current row.
    Range(Bound<Expr>, Bound<Expr>),
}

/// A bound of a frame.
#[derive(Debug, Clone)]
pub enum Bound<T> {
    /// The first row of the partition.
    First,
    /// The current row; by value, the rows with the same key.
    Current,
    /// An offset from it.
    Offset(T),
    /// The last row of the partition.
    Last,
}

impl WindowCall {
    /// Every expression in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let bounds = match &self.frame {
            RowFrame::Rows(..) => vec![],
            RowFrame::Range(start, end) => [start, end]
                .into_iter()
                .filter_map(|bound| match bound {
                    Bound::Offset(expr) => Some(expr),
                    _ => None,
                })
                .collect(),
        };
        self.arguments
            .iter()
            .chain(&self.filter)
            .chain(&self.partition_by)
            .chain(self.order_by.iter().map(|key| &key.expr))
            .chain(bounds)
    }

    /// The same with every expression changed.
    ///
    /// # Errors
    ///
    /// The first error of `change`.
    pub fn map<E>(
        &self,
        change: &mut dyn FnMut(&Expr) -> Result<Expr, E>,
    ) -> Result<WindowCall, E> {
        let mut bound = |bound: &Bound<Expr>| {
            Ok(match bound {
                Bound::First => Bound::First,
                Bound::Current => Bound::Current,
                Bound::Offset(expr) => Bound::Offset(change(expr)?),
                Bound::Last => Bound::Last,
            })
        };
        let frame = match &self.frame {
            RowFrame::Rows(start, end) => RowFrame::Rows(start.clone(), end.clone()),
            RowFrame::Range(start, end) => RowFrame::Range(bound(start)?, bound(end)?),
        };
        let order_by = self.order_by.iter().map(|key| {
            Ok(SortKey {
                expr: change(&key.expr)?,
                ..key.clone()
            })
        });
        Ok(WindowCall {
            frame,
            order_by: order_by.collect::<Result<_, E>>()?,
            arguments: self
                .arguments
                .iter()
                .map(&mut *change)
                .collect::<Result<_, E>>()?,
            filter: self.filter.as_ref().map(&mut *change).transpose()?,
            partition_by: self
                .partition_by
                .iter()
                .map(change)
                .collect::<Result<_, E>>()?,
            ..self.clone()
        })
    }
}
