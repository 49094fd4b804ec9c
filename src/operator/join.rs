//! Joins of two streams: both sides are kept until the watermark says that nothing can match them any more.
//!
//! A batch goes like this, in each state partition for itself:
//! 1. Rows at or before the late watermark are dropped. A row that fails the condition on its own side alone can match nothing: it is
//!    not kept, and comes out with nulls at once if its side is preserved.
//! 2. New left rows are joined with the right rows kept, then new right rows with the left rows kept and the new ones: every pair once,
//!    when its later row comes.
//! 3. Rows whose time is over by the eviction watermark go, kept ones and new ones alike; those of a preserved side that have found no
//!    partner come out with nulls. The new rows that stay are kept.
//!
//! What is kept (`store`): the columns that the condition, the keys and the output need, as record batches sorted by key hash
//! (`run`) in leaves by time (`tree`). Where it matters whether a row has found a partner, it has a number of its own, by which later
//! deltas say that it has.

mod define;
mod hashes;
mod leaf;
mod leaf_map;
mod marks;
mod partition;
mod piece;
mod probe;
mod run;
mod saved;
mod slice;
mod store;
#[cfg(test)]
mod tests;
mod tree;

pub use define::{JoinInput, StateTime, StreamJoinSpec};

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use define::{Definition, SIDES};
use partition::{Joined, Partition};
use rayon::prelude::*;
use slice::PreparedSlice;
use std::sync::Arc;

/// Output of less rows than this goes on as one batch.
const SMALL_OUTPUT_ROWS: usize = 8_192;

/// A join of two streams.
#[derive(Debug)]
pub struct StreamJoin {
    id: String,
    definition: Arc<Definition>,
    partitions: Vec<Partition>,
    /// The watermark that state was last evicted by.
    evicted: Timestamp,
    /// The number the next row gets.
    next_number: u64,
    /// That of the first row of this batch.
    first_number: u64,
    /// Whether the rows that come next on restoring are there already.
    is_known: bool,
    progress: OperatorProgress,
}

/// The slices of one side of a batch, each with the number of its first row.
pub(crate) type Numbered = (PreparedSlice, u64);

impl StreamJoin {
    /// A join with empty state.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a key cannot be one.
    pub fn new(id: String, spec: StreamJoinSpec, partitions: usize) -> Result<StreamJoin> {
        let definition = Arc::new(Definition::new(spec)?);
        let partitions: Vec<Partition> = (0..partitions)
            .map(|_| Partition::new(Arc::clone(&definition)))
            .collect();
        let progress = OperatorProgress {
            operator_name: "symmetricHashJoin".to_owned(),
            num_shuffle_partitions: partitions.len() as u64,
            num_state_store_instances: (partitions.len() * SIDES) as u64,
            ..OperatorProgress::default()
        };
        Ok(StreamJoin {
            id,
            definition,
            partitions,
            evicted: Timestamp(0),
            next_number: marks::MATCHED + 1,
            first_number: marks::MATCHED + 1,
            is_known: false,
            progress,
        })
    }

    /// Gives every row of the batch a number, by its place in the input alone.
    fn number(&mut self, prepared: Vec<Vec<Prepared>>) -> Result<[Vec<Numbered>; SIDES]> {
        let mut sides: [Vec<Numbered>; SIDES] = [Vec::new(), Vec::new()];
        self.first_number = self.next_number;
        for (numbered, prepared) in sides.iter_mut().zip(prepared) {
            for slice in prepared {
                let slice: Box<PreparedSlice> = slice
                    .downcast()
                    .map_err(|_| Error::internal("this was prepared by another operator"))?;
                let first = self.next_number;
                self.next_number += slice.len() as u64;
                numbered.push((*slice, first));
            }
        }
        Ok(sides)
    }

    fn note(&mut self, joined: &[Joined]) {
        let sum = |count: fn(&Joined) -> usize| joined.iter().map(count).sum::<usize>() as u64;
        self.progress.num_rows_updated = sum(|joined| joined.added);
        self.progress.num_rows_removed = sum(|joined| joined.removed);
        self.progress.num_rows_dropped_by_watermark = sum(|joined| joined.late);
        self.measure();
    }

    fn measure(&mut self) {
        self.progress.num_rows_total = self.partitions.iter().map(Partition::rows).sum();
        self.progress.memory_used_bytes = self.partitions.iter().map(Partition::memory_bytes).sum();
    }
}

impl StatefulOperator for StreamJoin {
    fn id(&self) -> &str {
        &self.id
    }

    fn fingerprint(&self) -> String {
        self.definition.fingerprint()
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.definition.output_schema)
    }

    fn prepare(&self, side: usize, slice: RecordBatch, context: &BatchContext) -> Result<Prepared> {
        let slice = PreparedSlice::new(
            &self.definition,
            side,
            &slice,
            context,
            self.partitions.len(),
        )?;
        Ok(Box::new(slice))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let sides = self.number(prepared)?;
        let mut rows = Vec::new();
        for (side, slices) in sides.iter().enumerate() {
            for (slice, _) in slices {
                rows.extend(slice.refused(&self.definition, side, watermarks.late)?);
            }
        }
        let joined: Vec<Joined> = self
            .partitions
            .par_iter_mut()
            .enumerate()
            .map(|(number, partition)| partition.apply(number, &sides, watermarks, context))
            .collect::<Result<_>>()?;
        self.evicted = self.evicted.max(watermarks.eviction);
        self.note(&joined);
        rows.extend(joined.into_iter().flat_map(|joined| joined.rows));
        let total: usize = rows.iter().map(RecordBatch::num_rows).sum();
        if rows.len() > 1 && total < SMALL_OUTPUT_ROWS {
            rows = vec![concat_batches(&self.definition.output_schema, &rows)?];
        }
        Ok(rows)
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let mut changes = saved::Changes::default();
        for partition in &mut self.partitions {
            changes.extend(partition.take_changes());
        }
        let tables = changes.tables(&self.definition, self.first_number..self.next_number)?;
        Ok(StateDelta {
            tables,
            evicted: Some(self.evicted),
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        let partitions: Vec<saved::Changes> = self
            .partitions
            .par_iter()
            .map(Partition::all)
            .collect::<Result<_>>()?;
        let mut changes = saved::Changes::default();
        for all in partitions {
            changes.extend(all);
        }
        Ok(StateDelta {
            tables: changes.tables(&self.definition, 0..self.next_number)?,
            evicted: Some(self.evicted),
        })
    }

    fn reset(&mut self) {
        self.partitions.iter_mut().for_each(Partition::reset);
        self.evicted = Timestamp(0);
        self.next_number = marks::MATCHED + 1;
        self.first_number = self.next_number;
        self.measure();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        for (name, table) in delta.tables {
            let saved = saved::read(&self.definition, &name, &table, self.partitions.len())?
                .ok_or_else(|| corrupt(&self.id, &name))?;
            match saved {
                saved::Saved::Numbers(numbers) => {
                    self.is_known = numbers.end <= self.next_number;
                    self.next_number = self.next_number.max(numbers.end);
                    self.first_number = self.next_number;
                }
                saved::Saved::Rows { .. } if self.is_known => {}
                saved => self
                    .partitions
                    .par_iter_mut()
                    .enumerate()
                    .try_for_each(|(number, partition)| partition.put(number, &saved))?,
            }
        }
        if let Some(evicted) = delta.evicted {
            self.evicted = self.evicted.max(evicted);
            self.partitions
                .par_iter_mut()
                .try_for_each(|partition| partition.forget(evicted))?;
        }
        self.measure();
        Ok(())
    }

    /// As in Spark: whenever the watermark moved, if time ends the rows of a side.
    fn is_due(&self, watermark: Timestamp) -> bool {
        self.definition.is_bounded() && watermark > self.evicted
    }

    /// A row that comes out may be as old as the oldest that is kept.
    fn output_watermark(&self, input: Timestamp) -> Timestamp {
        (0..SIDES)
            .filter_map(|side| self.definition.ended_ms(side, input))
            .fold(input, Timestamp::min)
    }

    fn progress(&self) -> OperatorProgress {
        self.progress.clone()
    }
}

fn corrupt(id: &str, table: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("not the state of this join. operator=`{id}`, table=`{table}`"),
    )
}
