//! Records in CSV to a record batch.

use super::CsvOptions;
use super::column::Column;
use super::record::{Reader, Record};
use crate::error::{Error, Result};
use crate::format::{ParseMode, malformed_record, nullable_schema};
use arrow::array::{ArrayRef, BooleanArray, RecordBatchOptions, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Reads records into columns.
#[derive(Debug)]
pub(crate) struct CsvDecoder {
    schema: SchemaRef,
    options: CsvOptions,
    /// The columns asked for, each with its place in a record.
    columns: Vec<(usize, Column)>,
    /// Where the corrupt record column stands among the columns asked for.
    corrupt: Option<(usize, StringBuilder)>,
    /// How many fields a record must have; `None`: not all are asked for, so nobody counts.
    fields: Option<usize>,
    /// Which rows stay, where malformed ones are dropped.
    keeps: Vec<bool>,
    record: Record,
}

impl CsvDecoder {
    /// A decoder of files with the columns `declared`, into those of them with the indices `wanted`, in this order.
    ///
    /// # Errors
    ///
    /// `Invalid`, if CSV cannot be read into a column's type.
    pub(crate) fn new(
        declared: &Schema,
        wanted: &[usize],
        options: &CsvOptions,
    ) -> Result<CsvDecoder> {
        let corrupt_name = &options.column_name_of_corrupt_record;
        let corrupt_at = declared.index_of(corrupt_name).ok();
        let in_file = |index: usize| index - usize::from(corrupt_at.is_some_and(|at| at < index));
        let mut columns = Vec::new();
        let mut corrupt = None;
        for (position, index) in wanted.iter().enumerate() {
            let field = declared.field(*index);
            if Some(*index) == corrupt_at {
                if field.data_type() != &DataType::Utf8 {
                    return Err(Error::invalid(format!(
                        "the column for corrupt records must be a STRING. column=`{corrupt_name}`"
                    ))
                    .with_condition("INVALID_CORRUPT_RECORD_TYPE"));
                }
                corrupt = Some((position, StringBuilder::new()));
            } else {
                columns.push((in_file(*index), Column::new(field.data_type())?));
            }
        }
        let all = declared.fields().len() - usize::from(corrupt_at.is_some());
        Ok(CsvDecoder {
            schema: Arc::new(nullable_schema(&declared.project(wanted)?)),
            options: options.clone(),
            fields: (columns.len() == all).then_some(all),
            columns,
            corrupt,
            keeps: Vec::new(),
            record: Record::default(),
        })
    }

    /// Reads records; with `has_header` the first of them is passed over.
    ///
    /// # Errors
    ///
    /// `Data`: a record is malformed, in [`ParseMode::FailFast`].
    pub(crate) fn push(&mut self, text: &[u8], has_header: bool) -> Result<()> {
        let options = self.options.clone();
        let mut reader = Reader::new(text, &options);
        let mut record = std::mem::take(&mut self.record);
        if has_header {
            reader.next(&mut record);
        }
        let mut result = Ok(());
        while result.is_ok()
            && let Some(text) = reader.next(&mut record)
        {
            result = self.push_record(&record, text);
        }
        self.record = record;
        result
    }

    /// Reads one row: the first record of a text, or a row of nulls if it has none.
    ///
    /// # Errors
    ///
    /// As [`CsvDecoder::push`].
    pub(crate) fn push_row(&mut self, text: &[u8]) -> Result<()> {
        let options = self.options.clone();
        let mut record = std::mem::take(&mut self.record);
        let result = if let Some(text) = Reader::new(text, &options).next(&mut record) {
            self.push_record(&record, text)
        } else {
            for (_, column) in &mut self.columns {
                column.append(None, &options);
            }
            if let Some((_, corrupt)) = &mut self.corrupt {
                corrupt.append_null();
            }
            self.keeps.push(true);
            Ok(())
        };
        self.record = record;
        result
    }

    fn push_record(&mut self, record: &Record, text: &[u8]) -> Result<()> {
        let mut why = None;
        if self.fields.is_some_and(|fields| fields != record.len()) {
            why = Some("it has another number of fields than there are columns".to_owned());
        }
        for (place, column) in &mut self.columns {
            let field = record.field(*place);
            if !append(column, field, &self.options) {
                why.get_or_insert_with(|| format!("field {} does not fit its column", *place + 1));
            }
        }
        if let (Some(why), ParseMode::FailFast) = (&why, self.options.mode) {
            return Err(malformed_record(text, why));
        }
        if let Some((_, corrupt)) = &mut self.corrupt {
            match why {
                Some(_) => corrupt.append_value(String::from_utf8_lossy(text)),
                None => corrupt.append_null(),
            }
        }
        let is_dropped = why.is_some() && self.options.mode == ParseMode::DropMalformed;
        self.keeps.push(!is_dropped);
        Ok(())
    }

    /// The rows as a record batch; then the decoder is empty again.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.columns.iter_mut();
        let mut arrays: Vec<ArrayRef> = columns.map(|(_, column)| column.finish()).collect();
        if let Some((position, corrupt)) = &mut self.corrupt {
            arrays.insert(*position, Arc::new(corrupt.finish()));
        }
        let keeps = std::mem::take(&mut self.keeps);
        let options = RecordBatchOptions::new().with_row_count(Some(keeps.len()));
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        let keeps = BooleanArray::from(keeps);
        if keeps.true_count() == keeps.len() {
            return Ok(batch);
        }
        Ok(filter_record_batch(&batch, &keeps)?)
    }
}

/// Appends a field to its column; whether it fits.
fn append(column: &mut Column, field: Option<(&[u8], bool)>, options: &CsvOptions) -> bool {
    let Some((bytes, is_quoted)) = field else {
        return column.append(None, options);
    };
    let text = match (bytes, is_quoted) {
        ([], true) => options.empty_value.as_str(),
        // An empty field is null, whatever the text for null is.
        ([], false) => return column.append(None, options),
        _ => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                text
            } else {
                let text = String::from_utf8_lossy(bytes);
                return column.append(Some(&text), options);
            }
        }
    };
    if text == options.null_value {
        return column.append(None, options);
    }
    column.append(Some(text), options)
}
