//! Session windows: groups that grow with every row that comes within a gap of them.
//!
//! Every row is a session of its own, from its time to a gap later; sessions of a key that overlap or touch are one. In three
//! steps, as every stateful operator:
//! 1. the rows of each slice are sorted by key and time and folded into the sessions they make (`partial`);
//! 2. each state partition takes its sessions of every slice, drops those that are late, and merges the rest with each other and
//!    with those it keeps, in the order of their starts (`merge`, `store`);
//! 3. in append mode the sessions whose end the watermark has reached come out and are forgotten; in complete mode all come out.
//!
//! As in Spark a row is late if its own session is, even where it would have reached one that is still open; in complete mode too.
//! A slice may therefore join only rows that are late for nobody: the others stay alone until the operator's own watermark is
//! known.
//!
//! What is kept: a row per session, its key, start and end, and the state columns of its accumulators. No two sessions of a key touch, so a
//! session in a delta replaces those it touches, and nothing needs to be said of those that were merged into it.

mod keys;
mod merge;
mod partial;
mod store;
#[cfg(test)]
mod tests;

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::function::{Accumulator, Signature};
use crate::hash;
use crate::operator::aggregate::accumulator;
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator, key};
use crate::plan::{AggregateExpr, NamedExpr};
use crate::sink::OutputMode;
use crate::types::simple_string;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use partial::{Partial, SavedSessions};
use rayon::prelude::*;
use std::sync::Arc;
use store::{Applied, Store};

/// The state table's name in deltas and snapshots.
const TABLE: &str = "sessions";

/// What is grouped by sessions, and what is computed of each.
#[derive(Debug, Clone)]
pub struct SessionShape {
    /// All keys, over the columns of the slices. That of the session computes the session of a row alone.
    pub keys: Vec<NamedExpr>,
    /// Which key is the session.
    pub session: usize,
    /// What is computed.
    pub aggregates: Vec<AggregateExpr>,
    /// Whether the session is event time under a watermark: else no row is late and no session is over.
    pub is_event_time: bool,
    /// Append or complete.
    pub mode: OutputMode,
}

/// What all partitions share.
#[derive(Debug)]
struct Definition {
    shape: SessionShape,
    /// The types of the keys without the session.
    key_types: Vec<DataType>,
    /// `start` and `end`.
    session_fields: Fields,
    output: SchemaRef,
    state: SchemaRef,
}

impl Definition {
    fn new(shape: SessionShape) -> Result<Definition> {
        let session_fields = match shape.keys.get(shape.session).map(|key| &key.expr.data_type) {
            Some(DataType::Struct(fields)) if fields.len() == 2 => fields.clone(),
            _ => return Err(Error::internal("a session that is no window")),
        };
        let others = || {
            let is_other = |(index, _): &(usize, _)| *index != shape.session;
            let keys = shape.keys.iter().enumerate().filter(is_other);
            keys.map(|(_, key)| key)
        };
        if let Some(key) = others().find(|key| !key::is_key_type(&key.expr.data_type)) {
            let name = &key.name;
            return Err(
                Error::invalid(format!("this cannot be grouped by. expression=`{name}`"))
                    .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
                    .with_span(key.expr.span),
            );
        }
        let key_types: Vec<DataType> = others().map(|key| key.expr.data_type.clone()).collect();
        let (output, state) = schemas(&shape, &key_types, &session_fields)?;
        Ok(Definition {
            shape,
            key_types,
            session_fields,
            output,
            state,
        })
    }

    fn accumulators(&self) -> Result<Vec<Box<dyn Accumulator>>> {
        self.shape.aggregates.iter().map(accumulator).collect()
    }

    /// The watermark at or before which sessions are late, in microseconds; `None`: none are.
    fn late(&self, watermark: Timestamp) -> Option<i64> {
        self.shape.is_event_time.then(|| watermark.as_micros())
    }

    /// Whether sessions are over when the watermark has reached their end.
    fn evicts(&self) -> bool {
        self.shape.is_event_time && self.shape.mode != OutputMode::Complete
    }
}

/// The columns of the output, and those of the state table.
fn schemas(
    shape: &SessionShape,
    key_types: &[DataType],
    session: &Fields,
) -> Result<(SchemaRef, SchemaRef)> {
    let of_key =
        |key: &NamedExpr| Field::new(&key.name, key.expr.data_type.clone(), key.expr.is_nullable);
    let mut output: Vec<Field> = shape.keys.iter().map(of_key).collect();
    let mut state: Vec<Field> = key_types
        .iter()
        .enumerate()
        .map(|(index, data_type)| Field::new(format!("key{index}"), data_type.clone(), true))
        .collect();
    state.extend(session.iter().map(|field| field.as_ref().clone()));
    for (index, aggregate) in shape.aggregates.iter().enumerate() {
        let Signature {
            returns,
            is_nullable,
            ..
        } = &aggregate.signature;
        output.push(Field::new(&aggregate.name, returns.clone(), *is_nullable));
        let parts = accumulator(aggregate)?.state_types();
        for (part, data_type) in parts.into_iter().enumerate() {
            state.push(Field::new(format!("value{index}.{part}"), data_type, true));
        }
    }
    Ok((Arc::new(Schema::new(output)), Arc::new(Schema::new(state))))
}

/// An aggregation by session over one input.
#[derive(Debug)]
pub struct SessionAggregate {
    id: String,
    definition: Arc<Definition>,
    partitions: Vec<Store>,
    /// The watermark that state was last evicted by.
    evicted: Timestamp,
    progress: OperatorProgress,
}

impl SessionAggregate {
    /// An aggregation with empty state.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a key cannot be one, or an aggregate refuses its constants.
    pub fn new(id: String, shape: SessionShape, partitions: usize) -> Result<SessionAggregate> {
        let definition = Arc::new(Definition::new(shape)?);
        let partitions = (0..partitions)
            .map(|_| Store::new(Arc::clone(&definition)))
            .collect::<Result<Vec<_>>>()?;
        let progress = OperatorProgress {
            operator_name: "sessionWindowStateStoreSaveExec".to_owned(),
            num_shuffle_partitions: partitions.len() as u64,
            num_state_store_instances: partitions.len() as u64,
            ..OperatorProgress::default()
        };
        Ok(SessionAggregate {
            id,
            definition,
            partitions,
            evicted: Timestamp(0),
            progress,
        })
    }

    fn note(&mut self, applied: &[Applied]) {
        let sum = |count: fn(&Applied) -> u64| applied.iter().map(count).sum::<u64>();
        self.progress.num_rows_updated = sum(|applied| applied.updated);
        self.progress.num_rows_removed = sum(|applied| applied.removed);
        self.progress.num_rows_dropped_by_watermark = sum(|applied| applied.late);
        self.measure();
    }

    fn measure(&mut self) {
        self.progress.num_rows_total = self.partitions.iter().map(Store::sessions).sum();
        self.progress.memory_used_bytes = self.partitions.iter().map(Store::memory_bytes).sum();
    }
}

impl StatefulOperator for SessionAggregate {
    fn id(&self) -> &str {
        &self.id
    }

    /// Types count, names do not: a renamed column keeps its state, as in Spark.
    fn fingerprint(&self) -> String {
        let types = |types: &mut dyn Iterator<Item = &DataType>| {
            types.map(simple_string).collect::<Vec<_>>().join(", ")
        };
        let of_aggregate = |aggregate: &AggregateExpr| {
            let mut arguments = aggregate.arguments.iter().map(|it: &Expr| &it.data_type);
            format!("{}({})", aggregate.function.name(), types(&mut arguments))
        };
        let aggregates: Vec<String> = self
            .definition
            .shape
            .aggregates
            .iter()
            .map(of_aggregate)
            .collect();
        format!(
            "session keys=[{}] values=[{}]",
            types(&mut self.definition.key_types.iter()),
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
        let applied: Vec<Applied> = self
            .partitions
            .par_iter_mut()
            .enumerate()
            .map(|(number, store)| store.apply(number, &partials, watermarks))
            .collect::<Result<_>>()?;
        if self.definition.evicts() {
            self.evicted = self.evicted.max(watermarks.eviction);
        }
        self.note(&applied);
        Ok(applied
            .into_iter()
            .map(|applied| applied.rows)
            .filter(|rows| rows.num_rows() > 0)
            .collect())
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let tables = self
            .partitions
            .par_iter_mut()
            .map(Store::take_touched)
            .collect::<Result<Vec<_>>>()?;
        Ok(StateDelta {
            tables: named(tables),
            evicted: self.definition.evicts().then_some(self.evicted),
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        let tables = self
            .partitions
            .par_iter()
            .map(Store::all)
            .collect::<Result<Vec<_>>>()?;
        Ok(StateDelta {
            tables: named(tables),
            evicted: self.definition.evicts().then_some(self.evicted),
        })
    }

    fn reset(&mut self) {
        self.partitions.iter_mut().for_each(Store::reset);
        self.evicted = Timestamp(0);
        self.measure();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        for (name, rows) in delta.tables {
            let types = |schema: &Schema| -> Vec<DataType> {
                let fields = schema.fields().iter();
                fields.map(|field| field.data_type().clone()).collect()
            };
            if name != TABLE || types(&rows.schema()) != types(&self.definition.state) {
                let id = &self.id;
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("not the state of these sessions. operator=`{id}`, table=`{name}`"),
                ));
            }
            let saved = SavedSessions::new(&self.definition, &rows, self.partitions.len())?;
            self.partitions
                .par_iter_mut()
                .enumerate()
                .try_for_each(|(number, store)| store.put(number, &saved))?;
        }
        if let Some(evicted) = delta.evicted {
            self.evicted = self.evicted.max(evicted);
            if self.definition.evicts() {
                self.partitions
                    .iter_mut()
                    .for_each(|store| store.forget(evicted));
            }
        }
        self.measure();
        Ok(())
    }

    /// As Spark: whenever the watermark moved past the one of the last eviction, whether a session is over or not.
    fn is_due(&self, watermark: Timestamp) -> bool {
        self.definition.evicts() && watermark > self.evicted
    }

    fn progress(&self) -> OperatorProgress {
        self.progress.clone()
    }
}

fn named(tables: Vec<RecordBatch>) -> Vec<(String, RecordBatch)> {
    tables
        .into_iter()
        .filter(|rows| rows.num_rows() > 0)
        .map(|rows| (TABLE.to_owned(), rows))
        .collect()
}

/// The indices of each partition, for keys with these hashes.
fn deal_out(hashes: impl Iterator<Item = u64>, partitions: usize) -> Vec<Vec<u32>> {
    let mut dealt = vec![Vec::new(); partitions];
    for (index, hash) in (0..).zip(hashes) {
        if let Some(list) = dealt.get_mut(hash::partition(hash, partitions)) {
            list.push(index);
        }
    }
    dealt
}
