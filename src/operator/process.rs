//! Arbitrary state: a user's [`crate::processor::StatefulProcessor`] over grouped rows.
//!
//! 1. Each slice is keyed for itself: encoded keys, and which rows go to which state partition.
//! 2. Each state partition, as one task, drops late rows, gives every key its rows in slice order, then tells of the timers that are due,
//!    then removes what has outlived its time.
//!
//! What is kept is in [`crate::processor::store`].

use crate::batch::{BatchContext, BatchId, Timestamp, Watermarks};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::hash;
use crate::operator::key::{self, EncodedKeys};
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator};
use crate::plan::NamedExpr;
use crate::processor::TimeMode;
use crate::processor::erased::{KeyRows, Keys, Processor};
use crate::processor::store::{Key, SavedStates, Store, Times};
use crate::types::simple_string;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Reads the table that a processor begins with.
pub(crate) type ReadInitialState =
    Box<dyn Fn(&BatchContext) -> Result<Vec<RecordBatch>> + Send + Sync>;

/// The initial state: its grouping keys, over its columns, and how to read it.
pub(crate) struct InitialState {
    pub(crate) keys: Vec<Expr>,
    pub(crate) read: ReadInitialState,
}

/// What decides the shape of a [`Process`].
pub(crate) struct ProcessSpec {
    /// The grouping keys, over the input.
    pub(crate) keys: Vec<NamedExpr>,
    pub(crate) processor: Arc<dyn Processor>,
    /// The column of the input that is event time.
    pub(crate) input_event_time: Option<usize>,
    /// The column of the output that is event time.
    pub(crate) output_event_time: Option<usize>,
    pub(crate) initial: Option<InitialState>,
}

/// A user's processor with its state.
pub(crate) struct Process {
    id: String,
    spec: ProcessSpec,
    key_types: Vec<DataType>,
    key_schema: SchemaRef,
    stores: Vec<Store>,
    /// The watermark of the last batch.
    evicted: Timestamp,
    progress: OperatorProgress,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id)
            .field("processor", &self.spec.processor)
            .finish_non_exhaustive()
    }
}

/// A slice, keyed.
struct Keyed {
    rows: RecordBatch,
    keys: EncodedKeys,
    /// The state partition of each row.
    partitions: Vec<usize>,
}

/// What a partition did in a batch.
struct Done {
    rows: Vec<RecordBatch>,
    late: u64,
    changed: u64,
    expired_timers: u64,
    expired_values: u64,
}

impl Process {
    /// A processor with empty state.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a key cannot be one.
    pub(crate) fn new(id: String, spec: ProcessSpec, partitions: usize) -> Result<Process> {
        if let Some(key) = spec
            .keys
            .iter()
            .find(|key| !key::is_key_type(&key.expr.data_type))
        {
            return Err(Error::invalid(format!(
                "this cannot be grouped by. expression=`{}`",
                key.name
            ))
            .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE"));
        }
        let is_single = spec.keys.len() == 1;
        // serde_arrow calls the one column of a plain value so.
        let name = |key: &NamedExpr| {
            if is_single {
                "item".to_owned()
            } else {
                key.name.clone()
            }
        };
        let fields: Vec<Field> = spec
            .keys
            .iter()
            .map(|key| Field::new(name(key), key.expr.data_type.clone(), key.expr.is_nullable))
            .collect();
        let progress = OperatorProgress {
            operator_name: "transformWithStateExec".to_owned(),
            num_shuffle_partitions: partitions as u64,
            num_state_store_instances: partitions as u64,
            ..OperatorProgress::default()
        };
        Ok(Process {
            id,
            key_types: fields
                .iter()
                .map(|field| field.data_type().clone())
                .collect(),
            key_schema: Arc::new(Schema::new(fields)),
            spec,
            stores: (0..partitions).map(|_| Store::default()).collect(),
            evicted: Timestamp(0),
            progress,
        })
    }

    fn keyed(&self, rows: RecordBatch, keys: &[&Expr], context: &BatchContext) -> Result<Keyed> {
        let columns = keys
            .iter()
            .map(|key| key.evaluate_array(&rows, context))
            .collect::<Result<Vec<_>>>()?;
        let keys = EncodedKeys::new(&columns, rows.num_rows())?;
        let partitions = keys
            .iter()
            .map(|key| hash::partition(hash::key_hash(key), self.stores.len()))
            .collect();
        Ok(Keyed {
            rows,
            keys,
            partitions,
        })
    }

    /// The initial state, keyed; nothing after the first batch.
    fn initial(&self, context: &BatchContext) -> Result<Vec<Keyed>> {
        match &self.spec.initial {
            Some(initial) if context.id == BatchId(0) => {
                let keys: Vec<&Expr> = initial.keys.iter().collect();
                (initial.read)(context)?
                    .into_iter()
                    .map(|rows| self.keyed(rows, &keys, context))
                    .collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    fn note(&mut self, done: &[Done]) {
        let sum = |count: fn(&Done) -> u64| done.iter().map(count).sum::<u64>();
        self.progress.num_rows_updated = sum(|done| done.changed);
        self.progress.num_rows_dropped_by_watermark = sum(|done| done.late);
        self.progress.num_rows_removed = sum(|done| done.expired_values);
        self.progress.custom_metrics = BTreeMap::from([
            (
                "numExpiredTimers".to_owned(),
                sum(|done| done.expired_timers),
            ),
            (
                "numValuesRemovedDueToTTLExpiry".to_owned(),
                sum(|done| done.expired_values),
            ),
            (
                "numRegisteredTimers".to_owned(),
                self.stores.iter().map(Store::timers).sum(),
            ),
        ]);
        self.measure();
    }

    fn measure(&mut self) {
        self.progress.num_rows_total = self.stores.iter().map(Store::cells).sum();
        self.progress.memory_used_bytes = self.stores.iter().map(Store::memory_bytes).sum();
    }

    /// Rows of the output that what follows would drop as late end the query, as in Spark.
    fn check_event_time(&self, rows: &RecordBatch, watermark: Timestamp) -> Result<()> {
        let Some(column) = self
            .spec
            .output_event_time
            .and_then(|column| rows.columns().get(column))
        else {
            return Ok(());
        };
        let times = column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| Error::internal("the event time of a processor is no timestamp"))?;
        let older = times
            .iter()
            .flatten()
            .find(|time| *time < watermark.as_micros());
        match older {
            Some(time) => Err(Error::data(format!(
                "the processor emitted a row whose event time is older than the watermark, which operators that follow would drop: emit rows at or after it. event_time=`{}`, watermark=`{}`",
                Timestamp(time.div_euclid(1_000)).to_iso(),
                watermark.to_iso()
            ))
            .with_condition("EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED")),
            None => Ok(()),
        }
    }
}

/// What all partitions share in a batch.
struct Shared<'a> {
    process: &'a ProcessSpec,
    key_types: &'a [DataType],
    key_schema: &'a SchemaRef,
    initial: &'a [Keyed],
    slices: &'a [Keyed],
    late: Timestamp,
    times: Times,
}

impl Shared<'_> {
    /// The batch of one partition.
    fn run(&self, number: usize, store: &mut Store) -> Result<Done> {
        let processor = &self.process.processor;
        let mut rows = Vec::new();
        let (initial, _) = group(self.initial, number, |_, _| Ok(false))?;
        if !initial.is_empty() {
            let keys = self.keys(initial.iter().map(|group| &group.key))?;
            let slices = batches(self.initial);
            processor.handle_initial_state((&keys, &initial), &slices, store, self.times)?;
        }
        let (groups, late) = group(self.slices, number, |rows, row| self.is_late(rows, row))?;
        if !groups.is_empty() {
            let keys = self.keys(groups.iter().map(|group| &group.key))?;
            let slices = batches(self.slices);
            rows.push(processor.handle_rows((&keys, &groups), &slices, store, self.times)?);
        }
        let timers = match self.times.due() {
            Some(due) => store.take_due(due),
            None => Vec::new(),
        };
        if !timers.is_empty() {
            let keys = self.keys(timers.iter().map(|(key, _)| key))?;
            rows.push(processor.handle_timers((&keys, &timers), store, self.times)?);
        }
        let expired_values = store.remove_expired(self.times.processing.0);
        rows.retain(|rows| rows.num_rows() > 0);
        Ok(Done {
            rows,
            late,
            changed: store.changed(),
            expired_timers: timers.len() as u64,
            expired_values,
        })
    }

    fn keys<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Result<Keys> {
        let rows: Vec<&[u8]> = keys.map(|key| &**key).collect();
        let columns = key::decode(&rows, self.key_types)?;
        let rows = RecordBatch::try_new(Arc::clone(self.key_schema), columns)?;
        Ok(Keys(rows))
    }

    /// Rows are late only where time is event time, as in Spark.
    fn is_late(&self, rows: &RecordBatch, row: usize) -> Result<bool> {
        let Some(column) = self.process.input_event_time else {
            return Ok(false);
        };
        if self.times.mode != TimeMode::EventTime {
            return Ok(false);
        }
        let missing = || Error::internal("the event time of a processor's input is no timestamp");
        let column = rows.columns().get(column).ok_or_else(missing)?;
        let times = match column.as_struct_opt() {
            Some(window) => window.column_by_name("end").ok_or_else(missing)?,
            None => column,
        };
        let times = times
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(missing)?;
        Ok(times.is_valid(row) && times.value(row) <= self.late.as_micros())
    }
}

fn batches(slices: &[Keyed]) -> Vec<RecordBatch> {
    slices.iter().map(|slice| slice.rows.clone()).collect()
}

/// The rows of this partition by key, keys in the order they came, and how many were left out.
fn group(
    slices: &[Keyed],
    partition: usize,
    is_left_out: impl Fn(&RecordBatch, usize) -> Result<bool>,
) -> Result<(Vec<KeyRows>, u64)> {
    let mut groups: Vec<KeyRows> = Vec::new();
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    let mut left_out = 0;
    for (number, slice) in slices.iter().enumerate() {
        for (row, (key, home)) in slice.keys.iter().zip(&slice.partitions).enumerate() {
            if *home != partition {
                continue;
            }
            if is_left_out(&slice.rows, row)? {
                left_out += 1;
                continue;
            }
            let group = if let Some(group) = numbers.get(key) {
                *group
            } else {
                let key = Key::from(key);
                groups.push(KeyRows {
                    key: Arc::clone(&key),
                    rows: Vec::new(),
                });
                numbers.insert(key, groups.len() - 1);
                groups.len() - 1
            };
            if let Some(group) = groups.get_mut(group) {
                group.rows.push((number, row));
            }
        }
    }
    Ok((groups, left_out))
}

impl StatefulOperator for Process {
    fn id(&self) -> &str {
        &self.id
    }

    /// States have names of their own and are compared when they are restored: a processor may gain some.
    fn fingerprint(&self) -> String {
        let types: Vec<String> = self.key_types.iter().map(simple_string).collect();
        let mode = self.spec.processor.time_mode();
        format!("process keys=[{}] time_mode={mode}", types.join(", "))
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(self.spec.processor.output())
    }

    fn prepare(
        &self,
        _side: usize,
        slice: RecordBatch,
        context: &BatchContext,
    ) -> Result<Prepared> {
        let keys: Vec<&Expr> = self.spec.keys.iter().map(|key| &key.expr).collect();
        Ok(Box::new(self.keyed(slice, &keys, context)?))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let slices = prepared
            .into_iter()
            .flatten()
            .map(|prepared| {
                prepared
                    .downcast()
                    .map(|keyed| *keyed)
                    .map_err(|_| Error::internal("this was prepared by another operator"))
            })
            .collect::<Result<Vec<Keyed>>>()?;
        let initial = self.initial(context)?;
        let shared = Shared {
            process: &self.spec,
            key_types: &self.key_types,
            key_schema: &self.key_schema,
            initial: &initial,
            slices: &slices,
            late: watermarks.late,
            times: Times {
                mode: self.spec.processor.time_mode(),
                batch: context.id,
                processing: context.time,
                watermark: watermarks.eviction,
            },
        };
        let done = self
            .stores
            .par_iter_mut()
            .enumerate()
            .map(|(number, store)| shared.run(number, store))
            .collect::<Result<Vec<Done>>>()?;
        self.evicted = self.evicted.max(watermarks.eviction);
        self.note(&done);
        let rows: Vec<RecordBatch> = done.into_iter().flat_map(|done| done.rows).collect();
        for rows in &rows {
            self.check_event_time(rows, watermarks.eviction)?;
        }
        Ok(rows)
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let processor = &self.spec.processor;
        let tables = self
            .stores
            .par_iter_mut()
            .map(|store| store.take_changes(processor.variables()))
            .collect::<Result<Vec<_>>>()?;
        Ok(StateDelta {
            tables: tables.into_iter().flatten().collect(),
            evicted: Some(self.evicted),
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        let processor = &self.spec.processor;
        let tables = self
            .stores
            .par_iter()
            .map(|store| store.all(processor.variables()))
            .collect::<Result<Vec<_>>>()?;
        Ok(StateDelta {
            tables: tables.into_iter().flatten().collect(),
            evicted: Some(self.evicted),
        })
    }

    fn reset(&mut self) {
        self.stores
            .iter_mut()
            .for_each(|store| *store = Store::default());
        self.evicted = Timestamp(0);
        self.measure();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        let partitions = self.stores.len();
        let processor = &self.spec.processor;
        for (name, rows) in &delta.tables {
            let saved =
                SavedStates::read((name, rows), processor.variables(), processor.deleted())?;
            self.stores
                .par_iter_mut()
                .enumerate()
                .for_each(|(number, store)| {
                    let is_home =
                        |key: &[u8]| hash::partition(hash::key_hash(key), partitions) == number;
                    store.restore(&saved, is_home);
                });
        }
        self.evicted = self.evicted.max(delta.evicted.unwrap_or_default());
        self.measure();
        Ok(())
    }

    /// As Spark: with event time whenever the watermark moved.
    fn is_due(&self, watermark: Timestamp) -> bool {
        self.spec.processor.time_mode() == TimeMode::EventTime && watermark > self.evicted
    }

    /// With processing time when a timer is due or a value has outlived its time; Spark runs a batch at every trigger.
    fn is_due_at(&self, time: Timestamp) -> bool {
        let due = match self.spec.processor.time_mode() {
            TimeMode::ProcessingTime => Some(time.0),
            TimeMode::None | TimeMode::EventTime => None,
        };
        self.stores.iter().any(|store| store.is_due(due, time.0))
    }

    fn progress(&self) -> OperatorProgress {
        self.progress.clone()
    }
}
