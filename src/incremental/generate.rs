//! Generators: `explode` and its kin.

use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::Generator;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StructArray, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Appends the columns of a generator to its input's.
#[derive(Debug)]
pub(crate) struct GenerateStage {
    pub(crate) generator: Generator,
    pub(crate) is_outer: bool,
    pub(crate) schema: SchemaRef,
}

/// For each output row: the input row, the element it takes (`None`: nothing, of an outer generator), and its position.
#[derive(Debug, Default)]
struct Rows {
    input: Vec<u32>,
    element: Vec<Option<u32>>,
    position: Vec<Option<i32>>,
}

impl GenerateStage {
    pub(crate) fn run(&self, rows: &RecordBatch, context: &BatchContext) -> Result<RecordBatch> {
        match &self.generator {
            Generator::Explode {
                input,
                has_position,
            } => {
                let (generated, elements) = self.elements(input, rows, context)?;
                let mut columns = Vec::new();
                if *has_position {
                    columns
                        .push(Arc::new(Int32Array::from(generated.position.clone())) as ArrayRef);
                }
                let indices = UInt32Array::from(generated.element.clone());
                for values in elements {
                    columns.push(take(&values, &indices, None)?);
                }
                self.finish(rows, generated.input, columns)
            }
            Generator::Inline { input } => {
                let (generated, elements) = self.elements(input, rows, context)?;
                let structs = elements
                    .first()
                    .and_then(|elements| elements.as_struct_opt().cloned())
                    .ok_or_else(|| {
                        Error::internal("inline over an array that is not of structs")
                    })?;
                let indices = UInt32Array::from(generated.element.clone());
                let columns = fields(&structs)?
                    .iter()
                    .map(|column| Ok(take(column, &indices, None)?))
                    .collect::<Result<Vec<_>>>()?;
                self.finish(rows, generated.input, columns)
            }
            Generator::Stack {
                rows: count,
                values,
            } => self.stack(rows, *count, values, context),
        }
    }

    /// Flattens the arrays or maps of `input`: which row takes which element, and the elements' columns.
    fn elements(
        &self,
        input: &Expr,
        rows: &RecordBatch,
        context: &BatchContext,
    ) -> Result<(Rows, Vec<ArrayRef>)> {
        let nested = input.evaluate_array(rows, context)?;
        let (offsets, elements) = match nested.data_type() {
            DataType::List(_) => {
                let lists = nested.as_list::<i32>();
                (
                    lists.value_offsets().to_vec(),
                    vec![Arc::clone(lists.values())],
                )
            }
            DataType::Map(_, _) => {
                let maps = nested.as_map();
                let columns = vec![Arc::clone(maps.keys()), Arc::clone(maps.values())];
                (maps.value_offsets().to_vec(), columns)
            }
            other => {
                return Err(Error::internal(format!(
                    "explode got a column of type `{other}`"
                )));
            }
        };
        let mut generated = Rows::default();
        for ((row, start), end) in (0_u32..).zip(&offsets).zip(offsets.iter().skip(1)) {
            let is_empty = nested.is_null(row as usize) || start == end;
            if is_empty && self.is_outer {
                generated.push(row, None, None);
            } else if !is_empty {
                for (position, element) in (0..).zip(*start..*end) {
                    generated.push(row, u32::try_from(element).ok(), Some(position));
                }
            }
        }
        Ok((generated, elements))
    }

    /// `stack(n, v1, v2, …)`: the values dealt out into `count` rows.
    fn stack(
        &self,
        rows: &RecordBatch,
        count: usize,
        values: &[Expr],
        context: &BatchContext,
    ) -> Result<RecordBatch> {
        let width = values.len().div_ceil(count.max(1));
        let values = values
            .iter()
            .map(|value| value.evaluate_array(rows, context))
            .collect::<Result<Vec<_>>>()?;
        let types = self.schema.fields().iter().skip(rows.num_columns());
        let mut input = Vec::with_capacity(rows.num_rows() * count);
        for row in (0_u32..).take(rows.num_rows()) {
            input.extend(std::iter::repeat_n(row, count));
        }
        let mut columns = Vec::with_capacity(width);
        for (column, field) in types.enumerate() {
            let missing = arrow::array::new_null_array(field.data_type(), rows.num_rows());
            let parts: Vec<&dyn Array> = (0..count)
                .map(|line| {
                    values
                        .get(line * width + column)
                        .unwrap_or(&missing)
                        .as_ref()
                })
                .collect();
            let picks: Vec<(usize, usize)> = (0..rows.num_rows())
                .flat_map(|row| (0..count).map(move |line| (line, row)))
                .collect();
            columns.push(interleave(&parts, &picks)?);
        }
        self.finish(rows, input, columns)
    }

    fn finish(
        &self,
        rows: &RecordBatch,
        input: Vec<u32>,
        generated: Vec<ArrayRef>,
    ) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(input.len()));
        let indices = UInt32Array::from(input);
        let mut columns = rows
            .columns()
            .iter()
            .map(|column| Ok(take(column, &indices, None)?))
            .collect::<Result<Vec<_>>>()?;
        columns.extend(generated);
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

impl Rows {
    fn push(&mut self, input: u32, element: Option<u32>, position: Option<i32>) {
        self.input.push(input);
        self.element.push(element);
        self.position.push(position);
    }
}

/// The fields of structs, null where the struct is.
fn fields(structs: &StructArray) -> Result<Vec<ArrayRef>> {
    let Some(nulls) = structs.nulls() else {
        return Ok(structs.columns().to_vec());
    };
    let present: UInt32Array = (0..)
        .zip(nulls.iter())
        .map(|(row, valid)| valid.then_some(row))
        .collect();
    structs
        .columns()
        .iter()
        .map(|column| Ok(take(column, &present, None)?))
        .collect()
}
