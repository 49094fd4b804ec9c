//! A frame whose rows are grouped, before it is said what is computed for each group.

use super::StreamFrame;
use super::expression::to_asts;
use crate::plan::builder::{self, Grouping, Select};
use polars::prelude::{Expr, len};

/// A frame and the keys its rows are grouped by: [`GroupedFrame::agg`] makes a frame of it again.
#[derive(Debug, Clone)]
#[must_use = "a grouped frame becomes a frame by agg"]
pub struct GroupedFrame {
    frame: StreamFrame,
    keys: Vec<Expr>,
    operator_name: Option<String>,
}

impl GroupedFrame {
    pub(super) fn new(frame: StreamFrame, keys: Vec<Expr>) -> GroupedFrame {
        GroupedFrame {
            frame,
            keys,
            operator_name: None,
        }
    }

    /// Names the state of this aggregation in the checkpoint. Without a name it has one that follows from the shape of the plan.
    pub fn operator_name(mut self, name: impl Into<String>) -> GroupedFrame {
        self.operator_name = Some(name.into());
        self
    }

    /// One row for each group: the keys, then these columns, each an aggregate or a computation over aggregates and keys.
    pub fn agg(&self, aggregates: impl AsRef<[Expr]>) -> StreamFrame {
        self.frame.then(|plan| {
            let keys = to_asts(&self.keys, &plan.schema)?;
            let mut items = keys.clone();
            items.extend(to_asts(aggregates.as_ref(), &plan.schema)?);
            let group_by = keys
                .iter()
                .map(|key| Grouping::Key(key.without_alias().clone()))
                .collect();
            builder::select_block(
                plan,
                &Select {
                    items,
                    group_by: Some(group_by),
                    operator_name: self.operator_name.clone(),
                    ..Select::default()
                },
            )
        })
    }

    /// How many rows each group has, in a column `count`.
    pub fn count(&self) -> StreamFrame {
        self.agg([len().alias("count")])
    }
}
