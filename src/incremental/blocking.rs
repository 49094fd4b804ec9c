//! Blocks without state: what must see all rows of a result, but keeps nothing between batches.

use super::join::HashJoin;
use crate::batch::BatchContext;
use crate::error::Result;
use crate::operator::key::{EncodedKeys, KeyIndex};
use crate::plan::SortKey;
use arrow::array::UInt32Array;
use arrow::compute::{
    SortColumn, SortOptions, concat_batches, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::fmt::Debug;
use std::sync::Arc;

/// All rows of every side in, rows out.
pub(crate) trait Blocking: Send + Sync + Debug {
    fn run(&self, sides: Vec<Vec<RecordBatch>>, context: &BatchContext)
    -> Result<Vec<RecordBatch>>;
}

/// `ORDER BY`.
#[derive(Debug)]
pub(crate) struct Sort {
    pub(crate) keys: Vec<SortKey>,
    pub(crate) schema: SchemaRef,
}

impl Blocking for Sort {
    fn run(
        &self,
        sides: Vec<Vec<RecordBatch>>,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let rows = concat_batches(&self.schema, sides.iter().flatten())?;
        if rows.num_rows() < 2 {
            return Ok(vec![rows]);
        }
        let columns = self
            .keys
            .iter()
            .map(|key| {
                let options = SortOptions {
                    descending: key.is_descending,
                    nulls_first: key.nulls_first,
                };
                let values = key.expr.evaluate_array(&rows, context)?;
                Ok(SortColumn {
                    values,
                    options: Some(options),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let order = lexsort_to_indices(&columns, None)?;
        Ok(vec![taken(&rows, &order)?])
    }
}

/// These rows of a batch, which may be without columns: then only how many there are is known of them.
pub(super) fn taken(rows: &RecordBatch, places: &UInt32Array) -> Result<RecordBatch> {
    if rows.num_columns() == 0 {
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        return Ok(RecordBatch::try_new_with_options(
            rows.schema(),
            Vec::new(),
            &options,
        )?);
    }
    Ok(take_record_batch(rows, places)?)
}

/// `LIMIT … OFFSET …` of one result.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) rows: u64,
    pub(crate) offset: u64,
}

impl Blocking for Limit {
    fn run(
        &self,
        sides: Vec<Vec<RecordBatch>>,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let mut skip = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let mut left = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let mut kept = Vec::new();
        for rows in sides.into_iter().flatten() {
            let skipped = skip.min(rows.num_rows());
            let length = left.min(rows.num_rows() - skipped);
            skip -= skipped;
            left -= length;
            if length > 0 {
                kept.push(rows.slice(skipped, length));
            }
        }
        Ok(kept)
    }
}

/// `EXCEPT [ALL]` and `INTERSECT [ALL]`; null equals null.
#[derive(Debug)]
pub(crate) struct SetOperation {
    pub(crate) is_except: bool,
    pub(crate) is_all: bool,
    pub(crate) schema: SchemaRef,
}

impl Blocking for SetOperation {
    fn run(
        &self,
        sides: Vec<Vec<RecordBatch>>,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let side = |number: usize| -> Result<RecordBatch> {
            Ok(concat_batches(
                &self.schema,
                sides.get(number).into_iter().flatten(),
            )?)
        };
        let (left, right) = (side(0)?, side(1)?);
        let mut index = KeyIndex::default();
        let mut counts: Vec<u64> = Vec::new();
        for key in EncodedKeys::new(right.columns(), right.num_rows())?.iter() {
            let (slot, is_new) = index.intern(key);
            if is_new {
                counts.push(0);
            }
            if let Some(count) = counts.get_mut(slot as usize) {
                *count += 1;
            }
        }
        let mut seen = KeyIndex::default();
        let mut kept = Vec::new();
        for (row, key) in (0_u32..).zip(EncodedKeys::new(left.columns(), left.num_rows())?.iter()) {
            let is_first = seen.intern(key).1;
            let count = index
                .find(key)
                .and_then(|slot| counts.get_mut(slot as usize));
            let is_right = count.as_ref().is_some_and(|count| **count > 0);
            if let (true, true, Some(count)) = (self.is_all, is_right, count) {
                *count -= 1;
            }
            if (self.is_all || is_first) && is_right != self.is_except {
                kept.push(row);
            }
        }
        Ok(vec![take_record_batch(&left, &UInt32Array::from(kept))?])
    }
}

/// The end of a static full or right outer join: what of the other side found no match.
#[derive(Debug)]
pub(crate) struct AppendUnmatched {
    pub(crate) join: Arc<HashJoin>,
}

impl Blocking for AppendUnmatched {
    fn run(
        &self,
        sides: Vec<Vec<RecordBatch>>,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let mut rows: Vec<RecordBatch> = sides.into_iter().flatten().collect();
        rows.push(self.join.unmatched()?);
        Ok(rows)
    }
}
