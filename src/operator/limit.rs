//! `LIMIT n` on a stream in append mode: the first n rows over the life of the query. What is kept is one number.

use crate::batch::{BatchContext, Timestamp, Watermarks};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator};
use arrow::array::{ArrayRef, AsArray, UInt64Array};
use arrow::datatypes::{SchemaRef, UInt64Type};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The state table's name.
const TABLE: &str = "emitted";

/// Counts the rows it lets through.
#[derive(Debug)]
pub struct AppendLimit {
    id: String,
    limit: u64,
    emitted: u64,
    schema: SchemaRef,
}

impl AppendLimit {
    /// Lets `limit` rows through.
    pub fn new(id: String, limit: u64, schema: SchemaRef) -> AppendLimit {
        AppendLimit {
            id,
            limit,
            emitted: 0,
            schema,
        }
    }

    fn saved(&self) -> Result<StateDelta> {
        let count: ArrayRef = Arc::new(UInt64Array::from(vec![self.emitted]));
        let table = RecordBatch::try_from_iter([("rows", count)])?;
        Ok(StateDelta {
            tables: vec![(TABLE.to_owned(), table)],
            evicted: None,
        })
    }
}

impl StatefulOperator for AppendLimit {
    fn id(&self) -> &str {
        &self.id
    }

    fn fingerprint(&self) -> String {
        "limit".to_owned()
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn prepare(
        &self,
        _side: usize,
        slice: RecordBatch,
        _context: &BatchContext,
    ) -> Result<Prepared> {
        Ok(Box::new(slice))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        _watermarks: Watermarks,
        _context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::new();
        for prepared in prepared.into_iter().flatten() {
            let rows: Box<RecordBatch> = prepared
                .downcast()
                .map_err(|_| Error::internal("this was prepared by another operator"))?;
            let left = usize::try_from(self.limit - self.emitted).unwrap_or(usize::MAX);
            let length = left.min(rows.num_rows());
            self.emitted += length as u64;
            if length > 0 {
                out.push(rows.slice(0, length));
            }
        }
        Ok(out)
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        self.saved()
    }

    fn snapshot(&self) -> Result<StateDelta> {
        self.saved()
    }

    fn reset(&mut self) {
        self.emitted = 0;
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        for (_, table) in delta.tables {
            let count = table
                .columns()
                .first()
                .and_then(|column| column.as_primitive_opt::<UInt64Type>())
                .filter(|column| column.len() == 1)
                .ok_or_else(|| {
                    let id = &self.id;
                    Error::new(
                        ErrorKind::Corrupt,
                        format!("not the state of a limit. operator=`{id}`"),
                    )
                })?;
            self.emitted = count.value(0).min(self.limit);
        }
        Ok(())
    }

    fn is_due(&self, _watermark: Timestamp) -> bool {
        false
    }

    fn progress(&self) -> OperatorProgress {
        OperatorProgress {
            operator_name: "globalLimit".to_owned(),
            num_rows_total: 1,
            num_shuffle_partitions: 1,
            num_state_store_instances: 1,
            ..OperatorProgress::default()
        }
    }
}
