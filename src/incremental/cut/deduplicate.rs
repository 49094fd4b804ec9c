//! The cut of `dropDuplicates`: which columns it takes, and what event time means for its keys.

use super::{Branch, Columns, Cut, picked_schema, position, select, union};
use crate::error::{Error, Result};
use crate::operator::deduplicate::{Deduplicate, Definition, EventTimeColumn, Forgets};
use crate::plan::check::used_event_time;
use crate::plan::{Column, LogicalPlan, PlanNode};
use arrow::datatypes::DataType;

impl Cut<'_> {
    /// Keys are needed whoever asks. Within a watermark event time is needed too; else it is taken only if somebody above uses it or
    /// it is a key: as in Spark, a row without event time is never late.
    pub(super) fn deduplicate(
        &mut self,
        plan: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let PlanNode::Deduplicate {
            input,
            columns: keys,
            is_within_watermark,
        } = &plan.node
        else {
            return Err(Error::internal("not a deduplication"));
        };
        let mut used = union(needed, &keys.iter().copied().collect());
        let all = input.schema.columns.iter().enumerate();
        let event_time = used_event_time(all.filter(|(index, _)| {
            input.is_streaming() && (*is_within_watermark || used.contains(index))
        }))?;
        used.extend(event_time.iter().map(|(index, _)| index));
        let event_time = event_time.map(|(index, column)| EventTimeColumn {
            column: position(&used, index),
            is_window: matches!(column.data_type, DataType::Struct(_)),
            forgets: forgets(column, *is_within_watermark, keys.contains(&index)),
        });
        let definition = Definition {
            schema: picked_schema(input, &used),
            keys: keys.iter().map(|key| position(&used, *key)).collect(),
            event_time,
        };
        let partitions = self.settings.state_partitions;
        let block = self.stateful(|id| {
            let operator = Deduplicate::new(id, definition.clone(), partitions)?;
            Ok(Box::new(operator))
        })?;
        let branch = self.block(&[(input, &used)], block)?;
        Ok(select(vec![branch], &used, needed))
    }
}

fn forgets(event_time: &Column, is_within_watermark: bool, is_key: bool) -> Forgets {
    match &event_time.event_time {
        Some(event_time) if is_within_watermark => {
            Forgets::After(event_time.delay_ms.saturating_mul(1_000))
        }
        Some(_) if is_key => Forgets::AtEventTime,
        _ => Forgets::Never,
    }
}
