//! A lambda with the rows of the call around it: `x -> x + v` sees the column `v` of the row its array is in.

use super::Input;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use arrow::array::{Array, ArrayRef, NullArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A lambda argument of a call, ready to be evaluated on elements.
#[derive(Debug)]
pub struct BoundLambda<'a> {
    input: Input<'a>,
    body: &'a Expr,
    parameters: usize,
    outer_columns: usize,
    /// The columns of the surrounding rows that the body reads.
    captured: BTreeSet<usize>,
}

impl<'a> BoundLambda<'a> {
    /// The lambda that `expr` is, if it is one.
    pub(super) fn new(expr: &'a Expr, input: Input<'a>) -> Option<BoundLambda<'a>> {
        let ExprKind::Lambda {
            outer_columns,
            parameters,
            body,
        } = &expr.kind
        else {
            return None;
        };
        let mut captured = BTreeSet::new();
        expr.columns_read(&mut captured);
        Some(BoundLambda {
            input,
            body,
            parameters: *parameters,
            outer_columns: *outer_columns,
            captured,
        })
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The type of its result.
    pub fn data_type(&self) -> &DataType {
        &self.body.data_type
    }

    /// The results for elements: element `i` has the parameters `arguments[..][i]` and belongs to row `rows[i]` of the input
    /// of the call. All have the same length.
    ///
    /// # Errors
    ///
    /// What the body raises; `Internal` if the arguments do not fit the parameters.
    pub fn evaluate(&self, rows: &UInt32Array, arguments: &[ArrayRef]) -> Result<ArrayRef> {
        if arguments.len() != self.parameters {
            return Err(Error::internal(format!(
                "a lambda got the wrong number of arguments. parameters=`{}` given=`{}`",
                self.parameters,
                arguments.len()
            )));
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.outer_columns + arguments.len());
        for index in 0..self.outer_columns {
            match self.input.batch.columns().get(index) {
                Some(column) if self.captured.contains(&index) => {
                    columns.push(take(column, rows, None)?);
                }
                _ => columns.push(Arc::new(NullArray::new(rows.len()))),
            }
        }
        columns.extend(arguments.iter().map(Arc::clone));
        let batch = unnamed_batch(columns, rows.len())?;
        self.body.evaluate_array(&batch, self.input.context)
    }
}

/// A batch of columns whose names do not matter.
pub(super) fn unnamed_batch(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let field = |column: &ArrayRef| Field::new("", column.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(schema),
        columns,
        &options,
    )?)
}
