//! The state of a join as tables, and back.
//!
//! - `numbers` (`from`, `to`): which numbers the rows of the delta were given out of. It comes first; rows that were given before are not
//!   put again.
//! - `left`, `right`: rows that are kept, the columns of the side's layout; where rows are marked also `number`, null for a row that
//!   has found a partner.
//! - `left_matched`, `right_matched` (`hash`, `time`, `number`): rows of earlier batches that have found their first partner. `hash`
//!   is that of the key, `time` when the row ends; together they say where it is.

use super::Numbered;
use super::define::{Definition, SIDES};
use super::leaf::{RUN_BYTES, RUN_ROWS};
use super::marks::MATCHED;
use super::run::Run;
use super::slice::PreparedSlice;
use super::store::Marked;
use crate::error::{Error, Result};
use crate::hash;
use arrow::array::{ArrayRef, AsArray, Int64Array, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use arrow::record_batch::RecordBatch;
use std::ops::Range;
use std::sync::Arc;

/// The tables of rows.
const ROWS: [&str; SIDES] = ["left", "right"];

/// The tables of marks.
const MARKS: [&str; SIDES] = ["left_matched", "right_matched"];

/// The table of numbers.
const NUMBERS: &str = "numbers";

/// What was added and marked.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: [Vec<Run>; SIDES],
    marks: [Vec<Marked>; SIDES],
}

impl Changes {
    /// Rows of this side are kept from now on.
    pub(super) fn added(&mut self, side: usize, run: Run) {
        if let Some(rows) = self.rows.get_mut(side) {
            rows.push(run);
        }
    }

    /// A row of this side has found its first partner.
    pub(super) fn marked(&mut self, side: usize, marked: Marked) {
        if let Some(marks) = self.marks.get_mut(side) {
            marks.push(marked);
        }
    }

    /// Adds those of another partition.
    pub(super) fn extend(&mut self, other: Changes) {
        for (own, other) in self.rows.iter_mut().zip(other.rows) {
            own.extend(other);
        }
        for (own, other) in self.marks.iter_mut().zip(other.marks) {
            own.extend(other);
        }
    }

    /// As tables; the rows have numbers of this range.
    pub(super) fn tables(
        &self,
        definition: &Definition,
        numbers: Range<u64>,
    ) -> Result<Vec<(String, RecordBatch)>> {
        let mut tables = Vec::new();
        if self.rows.iter().any(|runs| !runs.is_empty()) {
            tables.push((NUMBERS.to_owned(), numbers_table(&numbers)?));
        }
        for (side, (name, runs)) in ROWS.into_iter().zip(&self.rows).enumerate() {
            for rows in row_tables(definition, side, runs)? {
                tables.push((name.to_owned(), rows));
            }
        }
        for (name, marks) in MARKS.into_iter().zip(&self.marks) {
            if !marks.is_empty() {
                tables.push((name.to_owned(), marks_table(marks)?));
            }
        }
        Ok(tables)
    }
}

fn numbers_table(numbers: &Range<u64>) -> Result<RecordBatch> {
    let one = |value: u64| -> ArrayRef { Arc::new(UInt64Array::from(vec![Some(value)])) };
    let columns = [
        ("from", one(numbers.start), true),
        ("to", one(numbers.end), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn marks_table(marks: &[Marked]) -> Result<RecordBatch> {
    let hashes: UInt64Array = marks.iter().map(|mark| Some(mark.hash)).collect();
    let times: Int64Array = marks.iter().map(|mark| mark.time).collect();
    let numbers: UInt64Array = marks.iter().map(|mark| Some(mark.number)).collect();
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("hash", Arc::new(hashes), true),
        ("time", Arc::new(times), true),
        ("number", Arc::new(numbers), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

/// The columns of the table of rows.
fn row_schema(definition: &Definition, side: usize) -> SchemaRef {
    let layout = definition.layout(side);
    let mut fields = layout.schema.fields().to_vec();
    if layout.is_marked {
        fields.push(Arc::new(Field::new("number", DataType::UInt64, true)));
    }
    Arc::new(Schema::new(fields))
}

/// Small runs together.
fn row_tables(definition: &Definition, side: usize, runs: &[Run]) -> Result<Vec<RecordBatch>> {
    let schema = row_schema(definition, side);
    let mut tables = Vec::new();
    let mut together: Vec<RecordBatch> = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for run in runs {
        let size = run.memory_bytes();
        if !together.is_empty() && (rows + run.len() > RUN_ROWS || bytes + size > RUN_BYTES) {
            tables.push(concat_batches(&schema, &together)?);
            together.clear();
            (rows, bytes) = (0, 0);
        }
        let mut columns = run.rows.columns().to_vec();
        if definition.layout(side).is_marked {
            let number = |mark: u64| (mark != MATCHED).then_some(mark);
            let numbers: UInt64Array = run.marks.iter().map(number).collect();
            columns.push(Arc::new(numbers));
        }
        together.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        rows += run.len();
        bytes += size;
    }
    if !together.is_empty() {
        tables.push(concat_batches(&schema, &together)?);
    }
    Ok(tables)
}

/// A table, read.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and rows are the usual one"
)]
#[derive(Debug)]
pub(super) enum Saved {
    /// The numbers of the rows that follow.
    Numbers(Range<u64>),
    /// Rows.
    Rows { side: usize, slices: Numbered },
    /// Marks, by partition.
    Marks {
        side: usize,
        marks: Vec<Vec<Marked>>,
    },
}

/// Reads a table; `None`, if it is not one of this join.
pub(super) fn read(
    definition: &Definition,
    name: &str,
    table: &RecordBatch,
    partitions: usize,
) -> Result<Option<Saved>> {
    let side_of = |names: [&str; SIDES]| names.iter().position(|known| *known == name);
    if name == NUMBERS {
        return Ok(read_numbers(table).map(Saved::Numbers));
    }
    if let Some(side) = side_of(MARKS) {
        let marks = read_marks(table, partitions);
        return Ok(marks.map(|marks| Saved::Marks { side, marks }));
    }
    match side_of(ROWS) {
        Some(side) => read_rows(definition, side, table, partitions),
        None => Ok(None),
    }
}

fn read_numbers(table: &RecordBatch) -> Option<Range<u64>> {
    let number = |column: usize| {
        let numbers = table
            .columns()
            .get(column)?
            .as_primitive_opt::<UInt64Type>()?;
        (numbers.len() == 1).then(|| numbers.value(0))
    };
    Some(number(0)?..number(1)?)
}

fn read_marks(table: &RecordBatch, partitions: usize) -> Option<Vec<Vec<Marked>>> {
    let [hashes, times, numbers] = table.columns() else {
        return None;
    };
    let hashes = hashes.as_primitive_opt::<UInt64Type>()?;
    let times = times.as_primitive_opt::<Int64Type>()?;
    let numbers = numbers.as_primitive_opt::<UInt64Type>()?;
    let mut marks = vec![Vec::new(); partitions];
    for ((hash, time), number) in hashes.iter().zip(times).zip(numbers) {
        let (hash, number) = (hash?, number?);
        let home = marks.get_mut(hash::partition(hash, partitions))?;
        home.push(Marked { hash, time, number });
    }
    Some(marks)
}

fn read_rows(
    definition: &Definition,
    side: usize,
    table: &RecordBatch,
    partitions: usize,
) -> Result<Option<Saved>> {
    let schema = row_schema(definition, side);
    let types = |schema: &Schema| -> Vec<DataType> {
        let fields = schema.fields().iter();
        fields.map(|field| field.data_type().clone()).collect()
    };
    if types(&schema) != types(&table.schema()) {
        return Ok(None);
    }
    let layout = definition.layout(side);
    let mut columns = table.columns().to_vec();
    let mut marks = None;
    if layout.is_marked {
        let numbers = columns.pop();
        let numbers = numbers
            .as_ref()
            .and_then(|numbers| numbers.as_primitive_opt::<UInt64Type>());
        let numbers = numbers.ok_or_else(|| Error::internal("the numbers of rows are gone"))?;
        marks = Some(
            numbers
                .iter()
                .map(|number| number.unwrap_or(MATCHED))
                .collect(),
        );
    }
    let rows = RecordBatch::try_new(Arc::clone(&layout.schema), columns)?;
    let slice = PreparedSlice::saved(definition, side, rows, marks, partitions)?;
    Ok(Some(Saved::Rows {
        side,
        slices: (slice, 0),
    }))
}
