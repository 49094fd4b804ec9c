//! The first row per key: `dropDuplicates` and `dropDuplicatesWithinWatermark`.
//!
//! In three steps, as every stateful operator:
//! 1. the keys of each slice are encoded and its rows dealt out to the state partitions;
//! 2. each state partition takes its rows of every slice, in slice order, drops those that are late, and remembers the keys it has
//!    not seen (`seen`);
//! 3. the rows whose key was new go on, in the order they came.
//!
//! What is kept: the keys, and of each the moment at which it is forgotten ([`Forgets`]). Which row of a batch wins is not left to chance: the
//! first one, in slice order.

mod seen;
#[cfg(test)]
mod tests;

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::operator::event_time::moments;
use crate::operator::key::{self, EncodedKeys};
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator};
use crate::types::simple_string;
use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;
use seen::{Remembered, Seen};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state table's name in deltas and snapshots.
const TABLE: &str = "keys";

/// When a key is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgets {
    /// Never: nothing says that a key will not come again. Event time, if there is any, only tells which rows are late.
    Never,
    /// When the watermark has reached its event time, which is part of the key: every row of this key is late then.
    AtEventTime,
    /// When the watermark has reached the event time of its first row and this many microseconds more. Duplicates do not
    /// extend it.
    After(i64),
}

/// Event time among the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimeColumn {
    /// Index of the column.
    pub column: usize,
    /// Whether it is a window, whose end counts; else a timestamp, which counts itself.
    pub is_window: bool,
    /// When keys are forgotten.
    pub forgets: Forgets,
}

/// What is deduplicated by what: shared by all partitions.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The columns of the rows, which all go on.
    pub schema: SchemaRef,
    /// Indices of the columns that are the key.
    pub keys: Vec<usize>,
    /// The event time; `None` if there is none, and no row is late.
    pub event_time: Option<EventTimeColumn>,
}

impl Definition {
    fn key_types(&self) -> Vec<DataType> {
        let fields = self.schema.fields();
        self.keys
            .iter()
            .filter_map(|index| Some(fields.get(*index)?.data_type().clone()))
            .collect()
    }

    fn forgets(&self) -> Forgets {
        self.event_time
            .map_or(Forgets::Never, |event_time| event_time.forgets)
    }

    /// Whether rows can be late.
    fn is_within_watermark(&self) -> bool {
        matches!(self.forgets(), Forgets::After(_))
    }

    /// When a key is forgotten whose first row has this moment; `None`: never. Within a watermark a row without event time
    /// counts as 0, as in Spark.
    fn expiry(&self, moment: Option<i64>) -> Option<i64> {
        match self.forgets() {
            Forgets::Never => None,
            Forgets::AtEventTime => moment,
            Forgets::After(delay) => Some(moment.unwrap_or(0).saturating_add(delay)),
        }
    }
}

/// A slice, ready to be looked up.
#[derive(Debug)]
struct Slice {
    rows: RecordBatch,
    keys: EncodedKeys,
    hashes: Vec<u64>,
    /// Empty, if there is no event time.
    moments: Vec<Option<i64>>,
    /// The rows of each partition, in the order they came.
    partitions: Vec<Vec<u32>>,
}

/// What a batch did to a partition.
#[derive(Debug, Default)]
struct Found {
    /// The rows with new keys, slice by slice.
    new: Vec<Vec<u32>>,
    late: u64,
    duplicates: u64,
    removed: u64,
}

/// Keeps the first row per key.
#[derive(Debug)]
pub struct Deduplicate {
    id: String,
    definition: Definition,
    key_types: Vec<DataType>,
    state: SchemaRef,
    partitions: Vec<Seen>,
    /// The watermark that state was last evicted by.
    evicted: Timestamp,
    progress: OperatorProgress,
}

impl Deduplicate {
    /// A deduplication that has seen nothing.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a column cannot be a key.
    pub fn new(id: String, definition: Definition, partitions: usize) -> Result<Deduplicate> {
        let key_types = definition.key_types();
        if let Some(data_type) = key_types.iter().find(|it| !key::is_key_type(it)) {
            return Err(Error::invalid(format!(
                "values of this type cannot be compared for duplicates. type=`{data_type}`"
            )));
        }
        let mut state: Vec<Field> = key_types
            .iter()
            .enumerate()
            .map(|(index, data_type)| Field::new(format!("key{index}"), data_type.clone(), true))
            .collect();
        state.push(Field::new("expires_at_us", DataType::Int64, true));
        let name = if definition.is_within_watermark() {
            "dedupeWithinWatermark"
        } else {
            "dedupe"
        };
        let progress = OperatorProgress {
            operator_name: name.to_owned(),
            num_shuffle_partitions: partitions as u64,
            num_state_store_instances: partitions as u64,
            ..OperatorProgress::default()
        };
        Ok(Deduplicate {
            id,
            definition,
            key_types,
            state: Arc::new(Schema::new(state)),
            partitions: (0..partitions).map(|_| Seen::default()).collect(),
            evicted: Timestamp(0),
            progress,
        })
    }

    fn note(&mut self, found: &[Found]) {
        let sum = |count: fn(&Found) -> u64| found.iter().map(count).sum::<u64>();
        let new = |found: &Found| found.new.iter().map(|rows| rows.len() as u64).sum();
        self.progress.num_rows_updated = sum(new);
        self.progress.num_rows_removed = sum(|found| found.removed);
        self.progress.num_rows_dropped_by_watermark = sum(|found| found.late);
        let duplicates = sum(|found| found.duplicates);
        self.progress.custom_metrics =
            BTreeMap::from([("numDroppedDuplicateRows".to_owned(), duplicates)]);
        self.measure();
    }

    fn measure(&mut self) {
        self.progress.num_rows_total = self.partitions.iter().map(|seen| seen.len() as u64).sum();
        self.progress.memory_used_bytes = self
            .partitions
            .iter()
            .map(|seen| seen.memory_bytes() as u64)
            .sum();
    }

    /// One table of the keys that `pick` takes from each partition.
    fn saved(&self, picked: &[Vec<Remembered<'_>>]) -> Result<Vec<(String, RecordBatch)>> {
        let tables = picked
            .par_iter()
            .filter(|keys| !keys.is_empty())
            .map(|keys| {
                let rows: Vec<&[u8]> = keys.iter().map(|(key, _)| *key).collect();
                let mut columns = key::decode(&rows, &self.key_types)?;
                let expires = keys.iter().map(|(_, expires)| *expires);
                columns.push(Arc::new(expires.collect::<arrow::array::Int64Array>()) as ArrayRef);
                Ok(RecordBatch::try_new(Arc::clone(&self.state), columns)?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(tables
            .into_iter()
            .map(|table| (TABLE.to_owned(), table))
            .collect())
    }

    fn put(&mut self, table: &RecordBatch) -> Result<()> {
        let (expires, keys) = table
            .columns()
            .split_last()
            .ok_or_else(|| Error::internal("a state table without columns"))?;
        let expires = expires
            .as_primitive_opt::<Int64Type>()
            .ok_or_else(|| Error::internal("a state table without its moments"))?;
        let keys = EncodedKeys::new(keys, table.num_rows())?;
        let partitions = self.partitions.len();
        for (key, expires) in keys.iter().zip(expires) {
            let hash = hash::key_hash(key);
            if let Some(seen) = self.partitions.get_mut(hash::partition(hash, partitions)) {
                seen.put(hash, key, expires);
            }
        }
        Ok(())
    }
}

impl StatefulOperator for Deduplicate {
    fn id(&self) -> &str {
        &self.id
    }

    /// Types of the key count, names do not.
    fn fingerprint(&self) -> String {
        let types: Vec<String> = self.key_types.iter().map(simple_string).collect();
        let kind = if self.definition.is_within_watermark() {
            "deduplicate-within-watermark"
        } else {
            "deduplicate"
        };
        format!("{kind} keys=[{}]", types.join(", "))
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.definition.schema)
    }

    fn prepare(
        &self,
        _side: usize,
        slice: RecordBatch,
        _context: &BatchContext,
    ) -> Result<Prepared> {
        let keys: Vec<ArrayRef> = self
            .definition
            .keys
            .iter()
            .filter_map(|index| slice.columns().get(*index).cloned())
            .collect();
        let keys = EncodedKeys::new(&keys, slice.num_rows())?;
        let hashes: Vec<u64> = keys.iter().map(hash::key_hash).collect();
        let moments = match self.definition.event_time {
            Some(event_time) => {
                let column = slice
                    .columns()
                    .get(event_time.column)
                    .ok_or_else(|| Error::internal("a slice without its event time"))?;
                moments(column, event_time.is_window)?
            }
            None => Vec::new(),
        };
        let mut partitions = vec![Vec::new(); self.partitions.len()];
        for (row, hash) in (0..).zip(&hashes) {
            if let Some(rows) = partitions.get_mut(hash::partition(*hash, self.partitions.len())) {
                rows.push(row);
            }
        }
        Ok(Box::new(Slice {
            rows: slice,
            keys,
            hashes,
            moments,
            partitions,
        }))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let slices: Vec<Box<Slice>> = prepared
            .into_iter()
            .flatten()
            .map(|prepared| {
                prepared
                    .downcast()
                    .map_err(|_| Error::internal("this was prepared by another operator"))
            })
            .collect::<Result<_>>()?;
        let definition = &self.definition;
        let found: Vec<Found> = self
            .partitions
            .par_iter_mut()
            .enumerate()
            .map(|(number, seen)| look_up(definition, seen, (number, &slices), watermarks))
            .collect();
        self.evicted = self.evicted.max(watermarks.eviction);
        self.note(&found);
        slices
            .par_iter()
            .enumerate()
            .map(|(number, slice)| {
                let mut rows: Vec<u32> = found
                    .iter()
                    .filter_map(|found| found.new.get(number))
                    .flatten()
                    .copied()
                    .collect();
                rows.sort_unstable();
                if rows.len() == slice.rows.num_rows() {
                    return Ok(slice.rows.clone());
                }
                Ok(take_record_batch(&slice.rows, &UInt32Array::from(rows))?)
            })
            .filter(|rows: &Result<RecordBatch>| {
                rows.as_ref().map_or(true, |rows| rows.num_rows() > 0)
            })
            .collect()
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let picked: Vec<_> = self.partitions.iter().map(Seen::added).collect();
        let tables = self.saved(&picked)?;
        self.partitions.iter_mut().for_each(Seen::forget_added);
        Ok(StateDelta {
            tables: one_table(&self.state, tables)?,
            evicted: Some(self.evicted),
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        let picked: Vec<_> = self.partitions.iter().map(Seen::all).collect();
        Ok(StateDelta {
            tables: self.saved(&picked)?,
            evicted: Some(self.evicted),
        })
    }

    fn reset(&mut self) {
        self.partitions.fill_with(Seen::default);
        self.evicted = Timestamp(0);
        self.measure();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        for (name, table) in delta.tables {
            let types = |schema: &Schema| -> Vec<DataType> {
                let fields = schema.fields().iter();
                fields.map(|field| field.data_type().clone()).collect()
            };
            if name != TABLE || types(&table.schema()) != types(&self.state) {
                let id = &self.id;
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("not the state of this deduplication. operator=`{id}`, table=`{name}`"),
                ));
            }
            self.put(&table)?;
        }
        if let Some(evicted) = delta.evicted {
            self.evicted = self.evicted.max(evicted);
            for seen in &mut self.partitions {
                seen.evict(evicted.as_micros());
            }
        }
        self.partitions.iter_mut().for_each(Seen::forget_added);
        self.measure();
        Ok(())
    }

    /// Spark runs a batch without data whenever the watermark moved past the one of the last eviction, whether a key is over or
    /// not.
    fn is_due(&self, watermark: Timestamp) -> bool {
        watermark > self.evicted
    }

    fn progress(&self) -> OperatorProgress {
        self.progress.clone()
    }
}

/// Steps 2 and 3 of the operator, for partition `number`.
fn look_up(
    definition: &Definition,
    seen: &mut Seen,
    (number, slices): (usize, &[Box<Slice>]),
    watermarks: Watermarks,
) -> Found {
    let late = watermarks.late.as_micros();
    let mut found = Found::default();
    for slice in slices {
        let mut new = Vec::new();
        let rows = slice.partitions.get(number).map_or(&[][..], Vec::as_slice);
        for row in rows {
            let index = *row as usize;
            let moment = slice.moments.get(index).copied().flatten();
            if moment.is_some_and(|moment| moment <= late) {
                found.late += 1;
                continue;
            }
            let hash = slice.hashes.get(index).copied().unwrap_or_default();
            if seen.insert(hash, slice.keys.get(index), definition.expiry(moment)) {
                new.push(*row);
            } else {
                found.duplicates += 1;
            }
        }
        found.new.push(new);
    }
    found.removed = seen.evict(watermarks.eviction.as_micros());
    found
}

/// A delta is read as often as a query starts: one table is cheaper than one per partition.
fn one_table(
    schema: &SchemaRef,
    tables: Vec<(String, RecordBatch)>,
) -> Result<Vec<(String, RecordBatch)>> {
    if tables.len() < 2 {
        return Ok(tables);
    }
    let tables: Vec<RecordBatch> = tables.into_iter().map(|(_, table)| table).collect();
    Ok(vec![(TABLE.to_owned(), concat_batches(schema, &tables)?)])
}
