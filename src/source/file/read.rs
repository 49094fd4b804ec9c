//! The rows of files, with the columns of their paths.

use super::FileSourceFactory;
use super::formats::{FileFilter, FileFormat};
use super::listing::{self, ListedFile};
use super::options::FileOptions;
use super::partition;
use crate::error::{Error, ErrorKind, Result};
use crate::source::filter::RowFilter;
use crate::source::{Slice, Slices};
use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::path::Path;
use std::sync::Arc;

/// Reads files of one format and one schema.
#[derive(Debug, Clone)]
pub(super) struct FileReader {
    format: Arc<dyn FileFormat>,
    options: Arc<FileOptions>,
    schema: SchemaRef,
}

/// Where a column of the answer comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// The columns of the file that were asked for, by position.
    File(usize),
    /// The path: the column's index in the schema, and the value.
    Path(usize, Option<String>),
}

impl FileReader {
    pub(super) fn new(factory: &FileSourceFactory) -> FileReader {
        FileReader {
            format: Arc::clone(&factory.format),
            options: Arc::clone(&factory.options),
            schema: Arc::clone(&factory.schema),
        }
    }

    /// The rows of these files, one file after another, with the columns of these indices. Rows that `filter` is sure of may be left out.
    pub(super) fn read(
        &self,
        files: Vec<ListedFile>,
        columns: &[usize],
        filter: Option<&Arc<RowFilter>>,
    ) -> Slices {
        let (reader, columns, filter) = (self.clone(), columns.to_vec(), filter.cloned());
        let slices = files.into_iter().flat_map(move |file| {
            let slices = reader.read_file(&file, &columns, filter.as_ref());
            slices.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
        });
        Box::new(slices)
    }

    fn read_file(
        &self,
        file: &ListedFile,
        columns: &[usize],
        filter: Option<&Arc<RowFilter>>,
    ) -> Result<Slices> {
        if !self.is_as_planned(file)? {
            return Ok(Box::new(std::iter::empty()));
        }
        let values = partition::values_of(&file.path);
        let is_in_path =
            |index: &usize| values.contains_key(&self.schema.field(*index).name().to_lowercase());
        let in_file: Vec<usize> = (0..self.schema.fields().len())
            .filter(|index| !is_in_path(index))
            .collect();
        let declared = Arc::new(self.schema.project(&in_file)?);
        let mut wanted = Vec::new();
        let mut origins = Vec::new();
        for index in columns {
            if let Some(position) = in_file.iter().position(|candidate| candidate == index) {
                origins.push(Origin::File(wanted.len()));
                wanted.push(position);
            } else {
                let name = self.schema.field(*index).name().to_lowercase();
                let value = values.get(&name).cloned().flatten();
                origins.push(Origin::Path(*index, value));
            }
        }
        // A column of the path is the same in all rows: its tests are left to the query.
        let position = |index: usize| {
            let in_file = in_file.iter().position(|candidate| *candidate == index)?;
            wanted.iter().position(|wanted| *wanted == in_file)
        };
        let filter = filter.map(|filter| FileFilter::new(filter, position));
        let slices = self.format.slices(file, &declared, &wanted, filter)?;
        let answer = Arc::new(self.schema.project(columns)?);
        let assembler = Arc::new(Assembler {
            schema: Arc::clone(&self.schema),
            answer,
            origins,
            path: file.path.clone(),
        });
        Ok(Box::new(slices.map(move |slice| {
            let slice = slice?;
            let assembler = Arc::clone(&assembler);
            Ok(Slice {
                bytes: slice.bytes,
                decode: Box::new(move || assembler.assemble(&(slice.decode)()?)),
            })
        })))
    }

    /// Whether a file is still the one that was planned; `false` if it is gone and that is allowed.
    ///
    /// # Errors
    ///
    /// `DataLoss`, if it is gone or another one.
    fn is_as_planned(&self, file: &ListedFile) -> Result<bool> {
        let Some(metadata) = listing::metadata(&file.path)? else {
            if self.options.ignores_missing_files {
                tracing::warn!(path = %file.path.display(), "a file that was planned is gone");
                return Ok(false);
            }
            return Err(lost(
                "a file is gone that was planned to be read; bring it back, or set the option ignoreMissingFiles to true",
                &file.path,
            )
            .with_condition("FAILED_READ_FILE.FILE_NOT_EXIST"));
        };
        if metadata.len() != file.size {
            return Err(lost(
                &format!(
                    "a file has changed since it was planned to be read; write files elsewhere and move them into the folder when they are complete. size_planned=`{}`, size=`{}`",
                    file.size,
                    metadata.len()
                ),
                &file.path,
            ));
        }
        Ok(true)
    }
}

fn lost(what: &str, path: &Path) -> Error {
    let separator = if what.ends_with('`') { "," } else { "." };
    Error::new(
        ErrorKind::DataLoss,
        format!("{what}{separator} path=`{}`", path.display()),
    )
}

/// Puts the columns of a file and those of its path together.
#[derive(Debug)]
struct Assembler {
    schema: SchemaRef,
    answer: Arc<Schema>,
    origins: Vec<Origin>,
    path: std::path::PathBuf,
}

impl Assembler {
    fn assemble(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let columns = self.origins.iter().map(|origin| match origin {
            Origin::File(position) => Ok(Arc::clone(batch.column(*position))),
            Origin::Path(index, value) => {
                let field = self.schema.field(*index);
                partition::column(field, value.as_deref(), rows, &self.path)
            }
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.answer),
            columns,
            &options,
        )?)
    }
}
