//! A frame whose rows are grouped, before it is said what is computed for each group.

use super::StreamFrame;
use crate::error::Result;
use crate::plan::builder::{self, Grouping, Select};
use crate::processor::erased::{Processor, Typed};
use crate::processor::group_state::FlatMapGroups;
use crate::processor::{
    GroupState, GroupStateKind, GroupStateTimeout, ProcessorOptions, StatefulProcessor,
    StatefulProcessorWithInitialState,
};
use crate::sink::OutputMode;
use polars::prelude::{Expr, len};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

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
            let keys = self.frame.asts(&self.keys, &plan.schema)?;
            let mut items = keys.clone();
            items.extend(self.frame.asts(aggregates.as_ref(), &plan.schema)?);
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

    /// Gives the rows of each key to a program with state of its own: [`StatefulProcessor`] says how. The columns are those of its
    /// output.
    pub fn transform_with_state<P: StatefulProcessor>(
        &self,
        processor: P,
        options: impl Into<ProcessorOptions>,
    ) -> StreamFrame {
        let options = options.into();
        let processor = Typed::new(processor, options.time_mode);
        self.process(
            processor.map(|processor| Arc::new(processor) as _),
            &options,
            None,
        )
    }

    /// As [`GroupedFrame::transform_with_state`], with state to begin with: a table, grouped by keys of the same types.
    pub fn transform_with_state_from<P: StatefulProcessorWithInitialState>(
        &self,
        processor: P,
        options: impl Into<ProcessorOptions>,
        initial: &GroupedFrame,
    ) -> StreamFrame {
        let options = options.into();
        let processor = Typed::with_initial_state(processor, options.time_mode);
        let processor = processor.map(|processor| Arc::new(processor) as _);
        self.process(processor, &options, Some(initial))
    }

    /// Spark's older way to keep state: `function` is called with the rows of each key and one value of state, and gives rows; and again, without
    /// rows, when the timeout it set has passed. [`GroupedFrame::transform_with_state`] can do more.
    pub fn flat_map_groups_with_state<K, I, S, O, F>(
        &self,
        output_mode: OutputMode,
        timeout: GroupStateTimeout,
        function: F,
    ) -> StreamFrame
    where
        K: DeserializeOwned + 'static,
        I: DeserializeOwned + 'static,
        S: Serialize + DeserializeOwned + 'static,
        O: Serialize + DeserializeOwned + 'static,
        F: Fn(&K, Vec<I>, &mut GroupState<'_, '_, S>) -> Result<Vec<O>> + Send + Sync + 'static,
    {
        let options = ProcessorOptions {
            group_state: Some(GroupStateKind::FlatMap),
            output_mode,
            ..ProcessorOptions::new(timeout.time_mode())
        };
        self.transform_with_state(FlatMapGroups::new(function, timeout), options)
    }

    /// As [`GroupedFrame::flat_map_groups_with_state`] with one row for each call, in update mode.
    pub fn map_groups_with_state<K, I, S, O, F>(
        &self,
        timeout: GroupStateTimeout,
        function: F,
    ) -> StreamFrame
    where
        K: DeserializeOwned + 'static,
        I: DeserializeOwned + 'static,
        S: Serialize + DeserializeOwned + 'static,
        O: Serialize + DeserializeOwned + 'static,
        F: Fn(&K, Vec<I>, &mut GroupState<'_, '_, S>) -> Result<O> + Send + Sync + 'static,
    {
        let options = ProcessorOptions {
            group_state: Some(GroupStateKind::Map),
            output_mode: OutputMode::Update,
            ..ProcessorOptions::new(timeout.time_mode())
        };
        let function = move |key: &K, rows: Vec<I>, state: &mut GroupState<'_, '_, S>| {
            Ok(vec![function(key, rows, state)?])
        };
        self.transform_with_state(FlatMapGroups::new(function, timeout), options)
    }

    fn process(
        &self,
        processor: Result<Arc<dyn Processor>>,
        options: &ProcessorOptions,
        initial: Option<&GroupedFrame>,
    ) -> StreamFrame {
        self.frame.then(|plan| {
            let keys = self.frame.asts(&self.keys, &plan.schema)?;
            let initial = match initial {
                Some(grouped) => {
                    let table = grouped.frame.plan()?;
                    Some((table, grouped.frame.asts(&grouped.keys, &table.schema)?))
                }
                None => None,
            };
            let initial = initial
                .as_ref()
                .map(|(table, keys)| (*table, keys.as_slice()));
            let name = self.operator_name.clone();
            builder::process(plan, &keys, processor?, options, initial, name)
        })
    }

    /// How many rows each group has, in a column `count`.
    pub fn count(&self) -> StreamFrame {
        self.agg([len().alias("count")])
    }
}
