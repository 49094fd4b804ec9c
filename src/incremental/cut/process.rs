//! The cut at a user's processor: it is given whole rows.

use super::{Branch, Columns, Cut, select};
use crate::error::Result;
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::operator::process::{InitialState, Process, ProcessSpec};
use crate::plan::{LogicalPlan, ProcessNode};
use std::sync::Arc;

impl Cut<'_> {
    /// A block that runs the processor.
    pub(super) fn process(
        &mut self,
        plan: &LogicalPlan,
        process: &ProcessNode,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let input = &process.input;
        let event_time = |columns: &[crate::plan::Column]| {
            columns
                .iter()
                .position(|column| column.event_time.is_some())
        };
        let settings = self.settings;
        let spec = || ProcessSpec {
            keys: process.keys.clone(),
            processor: Arc::clone(&process.processor),
            input_event_time: event_time(&input.schema.columns),
            output_event_time: process.event_time,
            initial: initial_state(settings, process),
        };
        let partitions = settings.state_partitions;
        let block = self.named_stateful(process.operator_name.as_deref(), |id| {
            Ok(Box::new(Process::new(id, spec(), partitions)?))
        })?;
        let all: Columns = (0..input.schema.columns.len()).collect();
        let branch = self.block(&[(input, &all)], block)?;
        let produced: Columns = (0..plan.schema.columns.len()).collect();
        Ok(select(vec![branch], &produced, needed))
    }
}

fn initial_state(settings: &IncrementalSettings, process: &ProcessNode) -> Option<InitialState> {
    let (table, keys) = process.initial.as_ref()?;
    let (table, settings) = (Arc::clone(table), settings.clone());
    Some(InitialState {
        keys: keys.clone(),
        read: Box::new(move |context| IncrementalPlan::collect(&table, &settings, context)),
    })
}
