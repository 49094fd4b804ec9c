//! Stateless steps: a record batch in, a record batch out, on any thread.

use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::incremental::EventTimeSeen;
use crate::incremental::generate::GenerateStage;
use crate::incremental::join::HashJoin;
use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, max, min};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::{Arc, Mutex, PoisonError};

/// What stages run with: the batch, and what its watermark nodes have seen so far.
#[derive(Debug)]
pub(crate) struct StageContext<'a> {
    pub(crate) batch: &'a BatchContext,
    pub(crate) event_times: &'a [Mutex<EventTimeSeen>],
}

/// A stateless step.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Computes columns.
    Project {
        expressions: Vec<Expr>,
        schema: SchemaRef,
    },
    /// Keeps the rows for which the predicate holds, and of them these columns (all, if `None`): a column that only the predicate
    /// needs is never copied.
    Filter {
        predicate: Expr,
        columns: Option<Vec<usize>>,
    },
    /// Keeps these columns.
    Select { columns: Vec<usize> },
    /// Notes the event times of a column for watermark node `node`.
    Watermark { node: usize, column: usize },
    /// Several rows for one, each computed by its own projection.
    Expand {
        projections: Vec<Vec<Expr>>,
        schema: SchemaRef,
    },
    /// Several rows for one, from an array or a map.
    Generate(GenerateStage),
    /// Joins with rows that are known when the query starts.
    Join(Arc<HashJoin>),
}

impl Stage {
    /// Runs the step.
    pub(crate) fn run(&self, rows: RecordBatch, context: &StageContext<'_>) -> Result<RecordBatch> {
        match self {
            Stage::Project {
                expressions,
                schema,
            } => project(expressions, schema, &rows, context.batch),
            Stage::Filter { predicate, columns } => {
                let keep = predicate.evaluate_predicate(&rows, context.batch)?;
                let rows = match columns {
                    Some(columns) => rows.project(columns)?,
                    None => rows,
                };
                Ok(filter_record_batch(&rows, &keep)?)
            }
            Stage::Select { columns } => Ok(rows.project(columns)?),
            Stage::Watermark { node, column } => {
                observe(&rows, *column, context.event_times.get(*node))?;
                Ok(rows)
            }
            Stage::Expand {
                projections,
                schema,
            } => {
                let parts = projections
                    .iter()
                    .map(|projection| project(projection, schema, &rows, context.batch))
                    .collect::<Result<Vec<_>>>()?;
                Ok(concat_batches(schema, &parts)?)
            }
            Stage::Generate(generate) => generate.run(&rows, context.batch),
            Stage::Join(join) => join.probe(&rows, context.batch),
        }
    }
}

/// Evaluates `expressions` over `rows`.
pub(crate) fn project(
    expressions: &[Expr],
    schema: &SchemaRef,
    rows: &RecordBatch,
    context: &BatchContext,
) -> Result<RecordBatch> {
    let columns = expressions
        .iter()
        .map(|expression| expression.evaluate_array(rows, context))
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let columns = columns
        .into_iter()
        .zip(schema.fields())
        .map(|(column, field)| typed(column, field.data_type()))
        .collect();
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// An untyped null column takes the type that is wanted.
fn typed(column: ArrayRef, data_type: &arrow::datatypes::DataType) -> ArrayRef {
    if column.data_type().is_null() && !data_type.is_null() {
        new_null_array(data_type, column.len())
    } else {
        column
    }
}

/// Rows without event time count as 0, as in Spark.
fn observe(rows: &RecordBatch, column: usize, node: Option<&Mutex<EventTimeSeen>>) -> Result<()> {
    let missing = || Error::internal("a watermark node without its timestamp column");
    let node = node.ok_or_else(missing)?;
    let column = rows.columns().get(column).ok_or_else(missing)?;
    // The event time of a window is its end.
    let end = column
        .as_struct_opt()
        .and_then(|window| window.column_by_name("end"));
    let times = end
        .unwrap_or(column)
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(missing)?;
    if times.is_empty() {
        return Ok(());
    }
    let without = times.null_count() > 0;
    let or_zero = |time: Option<i64>, pick: fn(i64, i64) -> i64| match (time, without) {
        (Some(time), true) => pick(time, 0),
        (Some(time), false) => time,
        (None, _) => 0,
    };
    let latest = or_zero(max(times), i64::max);
    let earliest = or_zero(min(times), i64::min);
    let sum: i128 = times.iter().flatten().map(i128::from).sum();
    let mut seen = node.lock().unwrap_or_else(PoisonError::into_inner);
    seen.max_us = Some(seen.max_us.map_or(latest, |max| max.max(latest)));
    seen.min_us = Some(seen.min_us.map_or(earliest, |min| min.min(earliest)));
    seen.sum_us += sum;
    seen.rows += times.len() as u64;
    Ok(())
}
