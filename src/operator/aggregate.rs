//! Grouped aggregation: the state behind `GROUP BY`, time windows and `DISTINCT`.
//!
//! In three steps, as every stateful operator:
//! 1. each slice is grouped for itself and folded into fresh accumulators (`partial`);
//! 2. each state partition takes its groups of every slice, in slice order, drops those that are late, and merges the rest into
//!    its tables (`partition`);
//! 3. the output mode picks the rows: *append* the groups the watermark has passed, *update* the groups this batch touched,
//!    *complete* all of them.
//!
//! What is kept: a row per group, its key and the state columns of its accumulators. If a key is event time (a column under a
//! watermark, or a window of one), a partition keeps one table per time bucket, so that eviction drops whole tables and costs
//! what it evicts, not what is kept.

mod distinct;
mod partial;
mod partition;
mod placed;

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::Accumulator;
use crate::hash;
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator, key};
use crate::plan::{AggregateExpr, NamedExpr};
use crate::sink::OutputMode;
use crate::types::simple_string;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use distinct::Distinct;
use partial::Partial;
pub(crate) use partial::{count, fold};
use partition::{Merged, Partition};
use placed::Placed;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state table's name in deltas and snapshots.
const TABLE: &str = "groups";

/// The event time, and the bucket, of groups without event time: never late, never over.
const NO_TIME: i64 = i64::MAX;

/// Which key is event time, and what of it decides when a group is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimeKey {
    /// Index of the key.
    pub key: usize,
    /// Whether it is a window, whose end counts; else a timestamp, which counts itself.
    pub is_window: bool,
}

/// What an aggregation computes: shared by all partitions.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) keys: Vec<NamedExpr>,
    pub(crate) aggregates: Vec<AggregateExpr>,
    pub(crate) event_time: Option<EventTimeKey>,
    pub(crate) mode: OutputMode,
    pub(crate) key_types: Vec<DataType>,
    pub(crate) output: SchemaRef,
    pub(crate) state: SchemaRef,
}

impl Definition {
    fn accumulators(&self) -> Result<Vec<Box<dyn Accumulator>>> {
        self.aggregates.iter().map(accumulator).collect()
    }
}

/// A fresh accumulator for an aggregate, `DISTINCT` or not.
pub(crate) fn accumulator(aggregate: &AggregateExpr) -> Result<Box<dyn Accumulator>> {
    let inner = aggregate
        .function
        .accumulator(&aggregate.arguments, &aggregate.signature)?;
    let inner: Box<dyn Accumulator> = Box::new(Placed {
        inner,
        span: aggregate.span,
    });
    if !aggregate.is_distinct {
        return Ok(inner);
    }
    let types: Vec<DataType> = aggregate
        .arguments
        .iter()
        .map(|argument| argument.data_type.clone())
        .collect();
    Ok(Box::new(Distinct::new(inner, &types)))
}

/// A grouped aggregation over one input.
#[derive(Debug)]
pub struct Aggregate {
    id: String,
    definition: Arc<Definition>,
    partitions: Vec<Partition>,
    /// The watermark that state was last evicted by.
    evicted: Timestamp,
    progress: OperatorProgress,
}

impl Aggregate {
    /// An aggregation with empty state. Expressions are over the columns of the slices it is given.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a key cannot be one, or an aggregate refuses its constants.
    pub fn new(
        id: String,
        (keys, aggregates): (Vec<NamedExpr>, Vec<AggregateExpr>),
        event_time: Option<EventTimeKey>,
        mode: OutputMode,
        partitions: usize,
    ) -> Result<Aggregate> {
        if let Some(key) = keys
            .iter()
            .find(|key| !key::is_key_type(&key.expr.data_type))
        {
            let name = &key.name;
            return Err(
                Error::invalid(format!("this cannot be grouped by. expression=`{name}`"))
                    .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
                    .with_span(key.expr.span),
            );
        }
        let definition = Arc::new(define(keys, aggregates, event_time, mode)?);
        let partitions = (0..partitions)
            .map(|_| Partition::new(Arc::clone(&definition)))
            .collect::<Vec<_>>();
        let progress = OperatorProgress {
            operator_name: "stateStoreSave".to_owned(),
            num_shuffle_partitions: partitions.len() as u64,
            num_state_store_instances: partitions.len() as u64,
            ..OperatorProgress::default()
        };
        Ok(Aggregate {
            id,
            definition,
            partitions,
            evicted: Timestamp(0),
            progress,
        })
    }

    /// Whether there is one group, which is there even without rows.
    fn is_global(&self) -> bool {
        self.definition.keys.is_empty()
    }

    fn note(&mut self, merged: &[Merged]) {
        let sum = |count: fn(&Merged) -> u64| merged.iter().map(count).sum::<u64>();
        self.progress.num_rows_updated = sum(|merged| merged.updated);
        self.progress.num_rows_removed = sum(|merged| merged.removed);
        self.progress.num_rows_dropped_by_watermark = sum(|merged| merged.late);
        self.measure();
    }

    fn measure(&mut self) {
        self.progress.num_rows_total = self.partitions.iter().map(Partition::rows).sum();
        self.progress.memory_used_bytes = self.partitions.iter().map(Partition::memory_bytes).sum();
    }
}

fn define(
    keys: Vec<NamedExpr>,
    aggregates: Vec<AggregateExpr>,
    event_time: Option<EventTimeKey>,
    mode: OutputMode,
) -> Result<Definition> {
    let nullable = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
    let key_types: Vec<DataType> = keys.iter().map(|key| key.expr.data_type.clone()).collect();
    let mut output: Vec<Field> = keys
        .iter()
        .map(|key| Field::new(&key.name, key.expr.data_type.clone(), key.expr.is_nullable))
        .collect();
    let mut state: Vec<Field> = key_types
        .iter()
        .enumerate()
        .map(|(index, data_type)| nullable(&format!("key{index}"), data_type))
        .collect();
    for (index, aggregate) in aggregates.iter().enumerate() {
        let signature = &aggregate.signature;
        output.push(Field::new(
            &aggregate.name,
            signature.returns.clone(),
            signature.is_nullable,
        ));
        let accumulator = aggregate
            .function
            .accumulator(&aggregate.arguments, signature)?;
        for (part, data_type) in accumulator.state_types().iter().enumerate() {
            state.push(nullable(&format!("value{index}.{part}"), data_type));
        }
    }
    Ok(Definition {
        keys,
        aggregates,
        event_time,
        mode,
        key_types,
        output: Arc::new(Schema::new(output)),
        state: Arc::new(Schema::new(state)),
    })
}

impl StatefulOperator for Aggregate {
    fn id(&self) -> &str {
        &self.id
    }

    /// Types count, names do not: a renamed column keeps its state, as in Spark.
    fn fingerprint(&self) -> String {
        let types: Vec<String> = self
            .definition
            .key_types
            .iter()
            .map(simple_string)
            .collect();
        let aggregates: Vec<String> = self
            .definition
            .aggregates
            .iter()
            .map(|aggregate| {
                let arguments: Vec<String> = aggregate
                    .arguments
                    .iter()
                    .map(|argument: &Expr| simple_string(&argument.data_type))
                    .collect();
                let form = aggregate.function.state_form();
                let form = form.map(|form| format!(" as {form}")).unwrap_or_default();
                let name = aggregate.function.name();
                format!("{name}({}){form}", arguments.join(", "))
            })
            .collect();
        format!(
            "aggregate keys=[{}] values=[{}]",
            types.join(", "),
            aggregates.join(", ")
        )
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.definition.output)
    }

    fn prepare(
        &self,
        _side: usize,
        slice: RecordBatch,
        context: &BatchContext,
    ) -> Result<Prepared> {
        let partial = Partial::new(&self.definition, &slice, context, self.partitions.len())?;
        Ok(Box::new(partial))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let partials: Vec<Box<Partial>> = prepared
            .into_iter()
            .flatten()
            .map(|prepared| {
                prepared
                    .downcast()
                    .map_err(|_| Error::internal("this was prepared by another operator"))
            })
            .collect::<Result<_>>()?;
        if self.is_global() {
            let home = hash::partition(hash::key_hash(&[]), self.partitions.len());
            if let Some(partition) = self.partitions.get_mut(home) {
                partition.ensure_global_group()?;
            }
        }
        let merged: Vec<Merged> = self
            .partitions
            .par_iter_mut()
            .enumerate()
            .map(|(number, partition)| partition.apply(number, &partials, watermarks))
            .collect::<Result<_>>()?;
        if self.definition.mode != OutputMode::Complete {
            self.evicted = self.evicted.max(watermarks.eviction);
        }
        self.note(&merged);
        Ok(merged.into_iter().flat_map(|merged| merged.rows).collect())
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let tables = self
            .partitions
            .par_iter_mut()
            .map(Partition::take_touched)
            .collect::<Result<Vec<_>>>()?;
        let evicted = (self.definition.mode != OutputMode::Complete).then_some(self.evicted);
        Ok(StateDelta {
            tables: named(tables),
            evicted,
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        let tables = self
            .partitions
            .par_iter()
            .map(Partition::all)
            .collect::<Result<Vec<_>>>()?;
        Ok(StateDelta {
            tables: named(tables),
            evicted: Some(self.evicted),
        })
    }

    fn reset(&mut self) {
        self.partitions.iter_mut().for_each(Partition::reset);
        self.evicted = Timestamp(0);
        self.measure();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        let partitions = self.partitions.len();
        for (name, rows) in delta.tables {
            if name != TABLE || rows.schema().fields().len() != self.definition.state.fields().len()
            {
                return Err(Error::new(
                    crate::error::ErrorKind::Corrupt,
                    format!(
                        "not the state of this aggregation. operator=`{}`, table=`{name}`",
                        self.id
                    ),
                ));
            }
            let rows = partition::SavedGroups::new(&self.definition, &rows, partitions)?;
            self.partitions
                .par_iter_mut()
                .enumerate()
                .try_for_each(|(number, partition)| partition.put(number, &rows))?;
        }
        if let Some(evicted) = delta.evicted {
            self.evicted = self.evicted.max(evicted);
            if self.definition.mode != OutputMode::Complete {
                self.partitions
                    .iter_mut()
                    .try_for_each(|partition| partition.forget(evicted))?;
            }
        }
        self.measure();
        Ok(())
    }

    /// Spark runs a batch without data whenever the watermark moved past the one of the last eviction, whether a group is over
    /// or not.
    fn is_due(&self, watermark: Timestamp) -> bool {
        self.definition.mode != OutputMode::Complete && watermark > self.evicted
    }

    fn progress(&self) -> OperatorProgress {
        OperatorProgress {
            custom_metrics: BTreeMap::new(),
            ..self.progress.clone()
        }
    }
}

fn named(tables: Vec<RecordBatch>) -> Vec<(String, RecordBatch)> {
    tables
        .into_iter()
        .filter(|rows| rows.num_rows() > 0)
        .map(|rows| (TABLE.to_owned(), rows))
        .collect()
}
