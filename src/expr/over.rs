//! What stands after `OVER`: how rows are put together and ordered for a window function, and which of them it sees.

use crate::expr::Ast;

/// An item of an `ORDER BY`.
#[derive(Debug, Clone)]
pub struct SortItem {
    /// What to sort by. In the `ORDER BY` of a query a constant number is a position in the `SELECT` list, from 1.
    pub expr: Ast,
    /// `DESC`.
    pub is_descending: bool,
    /// `NULLS FIRST` or `NULLS LAST`; missing, nulls come first if ascending and last if descending.
    pub nulls_first: Option<bool>,
}

impl SortItem {
    /// Whether nulls come first.
    pub fn puts_nulls_first(&self) -> bool {
        self.nulls_first.unwrap_or(!self.is_descending)
    }

    /// The same with its expression changed.
    #[must_use]
    pub(crate) fn map(&self, change: impl Fn(&Ast) -> Ast) -> SortItem {
        SortItem {
            expr: change(&self.expr),
            ..self.clone()
        }
    }
}

/// `OVER (…)`.
#[derive(Debug, Clone, Default)]
pub struct Over {
    /// A window of the `WINDOW` clause that this is, or is built on.
    pub name: Option<String>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Ast>,
    /// `ORDER BY`.
    pub order_by: Vec<SortItem>,
    /// `ROWS …` or `RANGE …`.
    pub frame: Option<Frame>,
}

impl Over {
    /// Every expression in it.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Ast> {
        let bounds = self
            .frame
            .iter()
            .flat_map(|frame| [&frame.start, &frame.end]);
        self.partition_by
            .iter()
            .chain(self.order_by.iter().map(|item| &item.expr))
            .chain(bounds.filter_map(FrameBound::offset))
    }

    /// The same with its expressions changed.
    #[must_use]
    pub(crate) fn map(&self, change: &impl Fn(&Ast) -> Ast) -> Over {
        Over {
            name: self.name.clone(),
            partition_by: self.partition_by.iter().map(change).collect(),
            order_by: self.order_by.iter().map(|item| item.map(change)).collect(),
            frame: self.frame.as_ref().map(|frame| Frame {
                unit: frame.unit,
                start: frame.start.map(change),
                end: frame.end.map(change),
            }),
        }
    }
}

/// Which rows around a row a window function sees.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What is counted.
    pub unit: FrameUnit,
    /// The first row.
    pub start: FrameBound,
    /// The last row.
    pub end: FrameBound,
}

/// What the bounds of a frame count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameUnit {
    /// Rows.
    Rows,
    /// Values of the key of `ORDER BY`; rows with equal keys are in a frame together.
    Range,
}

/// A bound of a frame.
#[derive(Debug, Clone)]
pub enum FrameBound {
    /// `UNBOUNDED PRECEDING`.
    UnboundedPreceding,
    /// `n PRECEDING`.
    Preceding(Ast),
    /// `CURRENT ROW`.
    CurrentRow,
    /// `n FOLLOWING`.
    Following(Ast),
    /// `UNBOUNDED FOLLOWING`.
    UnboundedFollowing,
}

impl FrameBound {
    fn offset(&self) -> Option<&Ast> {
        match self {
            FrameBound::Preceding(offset) | FrameBound::Following(offset) => Some(offset),
            _ => None,
        }
    }

    fn map(&self, change: &impl Fn(&Ast) -> Ast) -> FrameBound {
        match self {
            FrameBound::Preceding(offset) => FrameBound::Preceding(change(offset)),
            FrameBound::Following(offset) => FrameBound::Following(change(offset)),
            other => other.clone(),
        }
    }
}
