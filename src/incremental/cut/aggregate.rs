//! The cut of aggregations: by session or not.

use super::{Branch, Columns, Cut, columns_of, remap, select};
use crate::error::{Error, Result};
use crate::incremental::Block;
use crate::operator::aggregate::{Aggregate, EventTimeKey};
use crate::operator::session::{SessionAggregate, SessionShape};
use crate::plan::{AggregateExpr, LogicalPlan, NamedExpr, PlanNode};
use crate::sink::OutputMode;
use arrow::datatypes::DataType;

impl Cut<'_> {
    pub(super) fn aggregate(
        &mut self,
        plan: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let PlanNode::Aggregate {
            input,
            keys,
            aggregates,
            session,
            operator_name,
        } = &plan.node
        else {
            return Err(Error::internal("not an aggregation"));
        };
        let mut used: Columns = columns_of(keys.iter().map(|key| &key.expr));
        for aggregate in aggregates {
            used.extend(columns_of(
                aggregate.arguments.iter().chain(&aggregate.filter),
            ));
        }
        let (keys, aggregates) = over(keys, aggregates, &used);
        let name = operator_name.as_deref();
        let block = match session {
            Some(session) => self.session_block(plan, (keys, aggregates), session.key, name)?,
            None => self.group_block(plan, &(keys, aggregates), name)?,
        };
        let branch = self.block(&[(input, &used)], block)?;
        let all: Columns = (0..plan.schema.columns.len()).collect();
        Ok(select(vec![branch], &all, needed))
    }

    fn group_block(
        &mut self,
        plan: &LogicalPlan,
        shape: &(Vec<NamedExpr>, Vec<AggregateExpr>),
        name: Option<&str>,
    ) -> Result<Block> {
        let event_time = plan
            .schema
            .columns
            .iter()
            .take(shape.0.len())
            .enumerate()
            .find_map(|(key, column)| {
                let is_window = matches!(column.data_type, DataType::Struct(_));
                column
                    .event_time
                    .as_ref()
                    .map(|_| EventTimeKey { key, is_window })
            });
        let (mode, partitions) = (self.block_mode(plan), self.settings.state_partitions);
        self.named_stateful(name, |id| {
            Ok(Box::new(Aggregate::new(
                id,
                shape.clone(),
                event_time,
                mode,
                partitions,
            )?))
        })
    }

    fn session_block(
        &mut self,
        plan: &LogicalPlan,
        (keys, aggregates): (Vec<NamedExpr>, Vec<AggregateExpr>),
        session: usize,
        name: Option<&str>,
    ) -> Result<Block> {
        let column = plan.schema.columns.get(session);
        let is_event_time = column.is_some_and(|column| column.event_time.is_some());
        let shape = SessionShape {
            keys,
            session,
            aggregates,
            is_event_time: is_event_time && plan.is_streaming(),
            mode: self.block_mode(plan),
        };
        let partitions = self.settings.state_partitions;
        self.named_stateful(name, |id| {
            let operator = SessionAggregate::new(id, shape.clone(), partitions)?;
            Ok(Box::new(operator))
        })
    }

    /// A static aggregation gives its whole result, whatever the mode of the query around it.
    fn block_mode(&self, plan: &LogicalPlan) -> OutputMode {
        if plan.is_streaming() {
            self.mode
        } else {
            OutputMode::Complete
        }
    }
}

/// Keys and aggregates over the columns `used` alone.
fn over(
    keys: &[NamedExpr],
    aggregates: &[AggregateExpr],
    used: &Columns,
) -> (Vec<NamedExpr>, Vec<AggregateExpr>) {
    let (mut keys, mut aggregates) = (keys.to_vec(), aggregates.to_vec());
    for key in &mut keys {
        key.expr = remap(&key.expr, used);
    }
    for aggregate in &mut aggregates {
        for argument in &mut aggregate.arguments {
            *argument = remap(argument, used);
        }
        aggregate.filter = aggregate.filter.as_ref().map(|filter| remap(filter, used));
    }
    (keys, aggregates)
}
