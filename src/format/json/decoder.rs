//! Records in JSON to a record batch.
//!
//! 1. The root object is read straight into the columns; a key that nobody asked for is passed over.
//! 2. A value that does not fit its column leaves null there, and the record counts as malformed: what did fit stays (Spark's
//!    partial results).
//! 3. Where the text is no JSON, the columns are cut back to where the record began, and all of it is null.
//! 4. [`ParseMode`] decides what becomes of a malformed record.

use super::JsonOptions;
use super::column::{Bytes, Fit, Misfit, Work};
use super::cursor::{Cursor, Syntax, SyntaxError};
use super::lines::{Lines, Marks};
use super::nested::StructColumn;
use super::prefilter::Prefilter;
use crate::error::{Error, Result};
use crate::format::ColumnTest;
use crate::format::{ParseMode, malformed_record, nullable_schema};
use arrow::array::{Array, ArrayRef, RecordBatchOptions, StringArray, StructArray};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Bytes that may be read between two calls of [`JsonDecoder::finish`]: far below what the 32-bit offsets of a string column
/// can count, so that no column overflows them, whatever is done to the text.
const BATCH_BYTES_MAX: usize = 512 << 20;

/// Reads records into columns. Make one per thread and use it for many batches: it learns the order of the keys.
#[derive(Debug)]
pub struct JsonDecoder {
    schema: SchemaRef,
    /// The columns besides the corrupt record column.
    fields: Fields,
    /// Where the corrupt record column stands in `schema`, and its entries.
    corrupt: Option<(usize, Bytes)>,
    root: StructColumn,
    syntax: Syntax,
    mode: ParseMode,
    work: Work,
    bytes: usize,
    /// What records must meet, or else they are left out; and how many were.
    prefilter: Option<Prefilter>,
    left_out: u64,
}

/// What a record turned out to be.
enum Outcome {
    /// White space only; nothing was appended.
    Blank,
    /// A record that the tests reject; nothing was appended.
    LeftOut,
    /// Rows were appended (none for an empty array), all good.
    Good,
    /// Rows were appended, with nulls where something did not fit.
    Partial(Misfit),
    /// The text is no JSON, or no object; nothing was appended.
    Malformed(SyntaxError),
}

impl JsonDecoder {
    /// A decoder into these columns, which become nullable in every depth. A column of the name of the corrupt record column
    /// must be a string; it gets the text of malformed records.
    ///
    /// # Errors
    ///
    /// `Invalid`, if JSON cannot be read into a column's type.
    pub fn new(schema: &Schema, options: &JsonOptions) -> Result<JsonDecoder> {
        let schema = Arc::new(nullable_schema(schema));
        let corrupt_at = corrupt_column(&schema, &options.column_name_of_corrupt_record)?;
        let others = schema.fields().iter().enumerate();
        let fields: Fields = others
            .filter(|(index, _)| Some(*index) != corrupt_at)
            .map(|(_, field)| Arc::clone(field))
            .collect();
        Ok(JsonDecoder {
            root: StructColumn::new(&fields)?,
            corrupt: corrupt_at.map(|index| (index, Bytes::new())),
            schema,
            fields,
            syntax: Syntax::of(options),
            mode: options.mode,
            work: Work::new(options),
            bytes: 0,
            prefilter: None,
            left_out: 0,
        })
    }

    /// Leaves out records that fail one of these tests, of columns by their index. Only those that can be told at little cost, and only
    /// where that cannot hide a malformed record: in [`ParseMode::Permissive`], without a corrupt record column. What does come out
    /// must be filtered as without this.
    #[must_use]
    pub(crate) fn with_tests(mut self, tests: &[(usize, ColumnTest)]) -> JsonDecoder {
        if self.mode == ParseMode::Permissive && self.corrupt.is_none() {
            self.prefilter = Prefilter::new(tests, &self.fields, self.work.keeps_text);
        }
        self
    }

    /// How many records were left out since this was last asked.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// The columns of [`JsonDecoder::finish`].
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Rows since the last [`JsonDecoder::finish`].
    pub fn rows(&self) -> usize {
        self.root.len()
    }

    /// Reads one record into exactly one row. A missing record and one of white space only become a null row. Gives whether
    /// there is a row: not if the record is malformed and malformed records are dropped, or if it fails a test.
    ///
    /// # Errors
    ///
    /// `Data`: the record is malformed, in [`ParseMode::FailFast`]; or there is too much data for one batch.
    pub fn push(&mut self, record: Option<&[u8]>) -> Result<bool> {
        let Some(record) = record else {
            self.push_null();
            return Ok(true);
        };
        let row = self.root.len();
        match self.read(record, false)? {
            Outcome::Blank => self.push_null(),
            Outcome::LeftOut => self.left_out += 1,
            Outcome::Good => self.mark_good(),
            outcome => self.settle(&outcome, record, row)?,
        }
        Ok(self.root.len() > row)
    }

    /// Reads records, one a line, into one row each. Blank lines give no row; an array gives a row for each of its
    /// objects.
    ///
    /// # Errors
    ///
    /// As [`JsonDecoder::push`].
    pub fn push_lines(&mut self, text: &[u8]) -> Result<()> {
        let marks = self.prefilter.as_ref().and_then(Prefilter::marks).cloned();
        for line in Lines::new(text, marks.as_deref().unwrap_or(Marks::NONE)) {
            let line_text = text.get(line.range).unwrap_or_default();
            // Space may be all there is, and an array is several records. A malformed record becomes a row of nulls, which is dropped too.
            if marks.is_some() && !line.is_marked && line_text.first() == Some(&b'{') {
                self.left_out += 1;
            } else {
                self.push_document(line_text)?;
            }
        }
        Ok(())
    }

    /// Reads a text that is one record or an array of records, of any number of lines. What follows it is not looked at.
    ///
    /// # Errors
    ///
    /// As [`JsonDecoder::push`].
    pub fn push_document(&mut self, text: &[u8]) -> Result<()> {
        let row = self.root.len();
        match self.read(text, true)? {
            Outcome::Blank => {}
            Outcome::LeftOut => self.left_out += 1,
            Outcome::Good => self.mark_good(),
            outcome => self.settle(&outcome, text, row)?,
        }
        Ok(())
    }

    /// The rows as a record batch; then the decoder is empty again.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.root.len()));
        let rows = self.finish_struct()?;
        let (_, columns, _) = rows.into_parts();
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }

    /// The rows as a column of structs, in which rows without a record are null; then the decoder is empty again.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn finish_struct(&mut self) -> Result<StructArray> {
        self.bytes = 0;
        let rows = self.root.finish(&DataType::Struct(self.fields.clone()))?;
        let Some((index, corrupt)) = &mut self.corrupt else {
            return Ok(rows);
        };
        let len = rows.len();
        let (_, mut columns, nulls) = rows.into_parts();
        let (offsets, data, corrupt_nulls) = corrupt.finish();
        let texts: ArrayRef = Arc::new(StringArray::try_new(offsets, data, corrupt_nulls)?);
        columns.insert(*index, texts);
        let fields = self.schema.fields().clone();
        Ok(StructArray::try_new_with_length(
            fields, columns, nulls, len,
        )?)
    }

    fn push_null(&mut self) {
        self.root.append_null();
        self.mark_good();
    }

    /// Gives the rows that are new no corrupt record.
    #[inline]
    fn mark_good(&mut self) {
        if let Some((_, corrupt)) = &mut self.corrupt {
            while corrupt.len() < self.root.len() {
                corrupt.push_null();
            }
        }
    }

    /// Does with a malformed record, whose rows begin at `row`, what the mode says.
    #[cold]
    fn settle(&mut self, outcome: &Outcome, record: &[u8], row: usize) -> Result<()> {
        match self.mode {
            ParseMode::FailFast => return Err(malformed_record(record, &Self::explain(outcome))),
            ParseMode::DropMalformed => self.root.truncate(row),
            ParseMode::Permissive => {
                if matches!(outcome, Outcome::Malformed(_)) {
                    self.root.append_empty();
                }
                if let Some((_, corrupt)) = &mut self.corrupt {
                    let text = String::from_utf8_lossy(record);
                    while corrupt.len() < self.root.len() {
                        corrupt.push(text.as_bytes());
                    }
                }
            }
        }
        Ok(())
    }

    fn explain(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Blank | Outcome::LeftOut | Outcome::Good => "it is well-formed".to_owned(),
            Outcome::Partial(Misfit { at, expected }) => {
                format!("the value at byte {at} is not {expected}")
            }
            Outcome::Malformed(SyntaxError { at, what }) => format!("{what}, at byte {at}"),
        }
    }

    /// Reads a record and appends its rows.
    #[inline]
    fn read(&mut self, record: &[u8], is_array_allowed: bool) -> Result<Outcome> {
        self.bytes += record.len();
        if self.bytes > BATCH_BYTES_MAX {
            return Err(Error::data(format!(
                "the JSON of one slice is larger than its columns can hold, split the input. bytes=`{}`, bytes_max=`{BATCH_BYTES_MAX}`",
                self.bytes
            )));
        }
        let row = self.root.len();
        let mut cursor = Cursor::new(record, self.syntax);
        let read = self.read_root(&mut cursor, is_array_allowed);
        Ok(read.unwrap_or_else(|error| {
            self.root.truncate(row);
            Outcome::Malformed(error)
        }))
    }

    #[inline]
    fn read_root(
        &mut self,
        cursor: &mut Cursor<'_>,
        is_array_allowed: bool,
    ) -> Result<Outcome, SyntaxError> {
        cursor.skip_space()?;
        match cursor.peek() {
            Some(b'{') => {
                cursor.advance(1);
                let Some(prefilter) = &self.prefilter else {
                    let fit = self.root.append_object(cursor, &mut self.work)?;
                    return Ok(outcome_of(fit));
                };
                let rejects = |field, at: &Cursor<'_>| prefilter.rejects(field, at);
                let fit = self
                    .root
                    .append_object_unless(cursor, &mut self.work, rejects)?;
                Ok(fit.map_or(Outcome::LeftOut, outcome_of))
            }
            Some(b'[') if is_array_allowed => self.read_array(cursor),
            Some(_) => Err(cursor.error("expected an object")),
            None => Ok(Outcome::Blank),
        }
    }

    fn read_array(&mut self, cursor: &mut Cursor<'_>) -> Result<Outcome, SyntaxError> {
        cursor.advance(1);
        let mut outcome = Outcome::Good;
        let mut is_open = !cursor.closes(b']')?;
        while is_open {
            cursor.skip_space()?;
            if cursor.peek() != Some(b'{') {
                return Err(cursor.unexpected("expected an object"));
            }
            cursor.advance(1);
            let fit = self.root.append_object(cursor, &mut self.work)?;
            if let (Outcome::Good, Fit::Partial(_)) = (&outcome, fit) {
                outcome = outcome_of(fit);
            }
            is_open = cursor.more(b']')?;
        }
        Ok(outcome)
    }
}

fn outcome_of(fit: Fit) -> Outcome {
    match fit {
        Fit::Whole => Outcome::Good,
        Fit::Partial(misfit) | Fit::No(misfit) => Outcome::Partial(misfit),
    }
}

/// Where the corrupt record column stands.
fn corrupt_column(schema: &Schema, name: &str) -> Result<Option<usize>> {
    let Some((index, field)) = schema.column_with_name(name) else {
        return Ok(None);
    };
    if field.data_type() != &DataType::Utf8 {
        return Err(Error::invalid(format!(
            "the column for corrupt records must be a STRING. column=`{name}`"
        ))
        .with_condition("INVALID_CORRUPT_RECORD_TYPE"));
    }
    Ok(Some(index))
}
