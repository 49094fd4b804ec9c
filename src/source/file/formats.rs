//! What the file source asks of a format, and the formats by name.

use super::lines::{self, Reading, SLICE_BYTES, SpareBuffers};
use super::listing::ListedFile;
use crate::disk::file_error;
use crate::error::{Error, Result};
use crate::format::ColumnTest;
use crate::format::csv::{CsvDecoder, CsvInference, CsvOptions};
use crate::format::json::{InferOptions, JsonDecoder, JsonInference, JsonOptions};
use crate::format::parquet::ParquetFile;
use crate::format::text::{read_lines, text_schema};
use crate::format::with_place;
use crate::options::Options;
use crate::source::filter::RowFilter;
use crate::source::{Slice, Slices};
use arrow::array::{RecordBatchOptions, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::fmt::Debug;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What is in the files.
pub(super) trait FileFormat: Send + Sync + Debug {
    /// Its name: `json`.
    fn name(&self) -> &'static str;

    /// The columns of these files.
    ///
    /// # Errors
    ///
    /// `Invalid` or `Data`, if they cannot be told.
    fn infer(&self, files: &[ListedFile]) -> Result<Schema>;

    /// Whether files can have these columns.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the first they cannot have.
    fn check(&self, schema: &Schema) -> Result<()>;

    /// The rows of a file in slices: of the columns `declared` those with the indices `wanted`, in this order. Rows that `filter`
    /// is sure of may be left out.
    ///
    /// # Errors
    ///
    /// Those of opening the file.
    fn slices(
        &self,
        file: &ListedFile,
        declared: &SchemaRef,
        wanted: &[usize],
        filter: Option<FileFilter>,
    ) -> Result<Slices>;
}

/// Tests of columns, by their index among those that are wanted of a file; a format may leave out rows that fail one.
#[derive(Debug)]
pub(super) struct FileFilter {
    tests: Vec<(usize, ColumnTest)>,
    /// Where rows that are left out are counted.
    source: Arc<RowFilter>,
}

impl FileFilter {
    /// `position` tells where a column of the source is among those that are wanted of the file.
    pub(super) fn new(
        source: &Arc<RowFilter>,
        position: impl Fn(usize) -> Option<usize>,
    ) -> FileFilter {
        let tests = source.tests().iter();
        FileFilter {
            tests: tests
                .filter_map(|(column, test)| Some((position(*column)?, test.clone())))
                .collect(),
            source: Arc::clone(source),
        }
    }
}

/// The format of this name, with its options.
///
/// # Errors
///
/// `Invalid`, if an option is bad.
pub(super) fn open(name: &str, options: &mut Options) -> Result<Box<dyn FileFormat>> {
    Ok(match name {
        "json" => Box::new(Json {
            options: JsonOptions::take(options, "UTC")?,
            infer: InferOptions::take(options)?,
            spare: Arc::default(),
        }),
        "csv" => Box::new(Csv {
            options: CsvOptions::take(options, "UTC")?,
            infers_types: options.boolean("inferSchema", false)?,
            spare: Arc::default(),
        }),
        "text" => Box::new(Text {
            is_whole: options.boolean("wholetext", false)?,
            spare: Arc::default(),
        }),
        "parquet" => Box::new(Parquet),
        other => {
            return Err(Error::internal(format!(
                "there is no such file format. format=`{other}`"
            )));
        }
    })
}

/// How much text is read and decoded at a time where a decoder takes it bit by bit: it stays in the second cache from one to the other.
const PART_BYTES: usize = 128 << 10;

/// The slices of a file of lines; with `is_whole` there is one.
fn line_slices<F>(
    file: &ListedFile,
    is_whole: bool,
    spare: &Arc<SpareBuffers>,
    decode: F,
) -> Result<Slices>
where
    F: Fn(&mut Reading) -> Result<RecordBatch> + Send + Sync + 'static,
{
    let decode = Arc::new(decode);
    let path = Arc::<Path>::from(file.path.as_path());
    let slices = lines::slices(file, is_whole, spare)?;
    let spare = Arc::clone(spare);
    Ok(Box::new(slices.map(move |slice| {
        let (bytes, text) = slice?;
        let (decode, path, spare) = (Arc::clone(&decode), Arc::clone(&path), Arc::clone(&spare));
        Ok(Slice {
            bytes,
            decode: Box::new(move || {
                decode(&mut text.read(&spare))
                    .map_err(|error| with_place(&error, &format!("path=`{}`", path.display())))
            }),
        })
    })))
}

#[derive(Debug)]
struct Json {
    options: JsonOptions,
    infer: InferOptions,
    spare: Arc<SpareBuffers>,
}

impl FileFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn infer(&self, files: &[ListedFile]) -> Result<Schema> {
        let mut inference = JsonInference::new(&self.options, self.infer);
        for file in files {
            for slice in lines::slices(file, self.options.multi_line, &self.spare)? {
                let mut reading = slice?.1.read(&self.spare);
                while let Some(part) = reading.next(PART_BYTES)? {
                    if self.options.multi_line {
                        inference.push(part.text);
                    } else {
                        let lines = part.text.split(|byte| matches!(byte, b'\n' | b'\r'));
                        lines.for_each(|line| inference.push(line));
                    }
                }
            }
        }
        Ok(inference.finish(&self.options.column_name_of_corrupt_record))
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        JsonDecoder::new(schema, &self.options).map(drop)
    }

    fn slices(
        &self,
        file: &ListedFile,
        declared: &SchemaRef,
        wanted: &[usize],
        filter: Option<FileFilter>,
    ) -> Result<Slices> {
        let schema = declared.project(wanted)?;
        let options = self.options.clone();
        let is_whole = options.multi_line;
        // Decoders that no slice uses at the moment; one that was used knows the order of the keys and the size of the columns.
        let idle: Mutex<Vec<JsonDecoder>> = Mutex::default();
        line_slices(file, is_whole, &self.spare, move |reading| {
            let decoder = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut decoder = if let Some(decoder) = decoder {
                decoder
            } else {
                let tests = filter.as_ref().map_or(&[][..], |filter| &filter.tests);
                JsonDecoder::new(&schema, &options)?.with_tests(tests)
            };
            while let Some(part) = reading.next(PART_BYTES)? {
                if is_whole {
                    decoder.push_document(part.text)?;
                } else {
                    decoder.push_lines(part.text)?;
                }
            }
            if let Some(filter) = &filter {
                filter.source.note_left_out(decoder.take_left_out());
            }
            let rows = decoder.finish()?;
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(decoder);
            Ok(rows)
        })
    }
}

#[derive(Debug)]
struct Csv {
    options: CsvOptions,
    infers_types: bool,
    spare: Arc<SpareBuffers>,
}

impl FileFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn infer(&self, files: &[ListedFile]) -> Result<Schema> {
        let mut inference = CsvInference::new(&self.options, self.infers_types);
        for file in files {
            // A header counts once a file, so that the file is looked at as a whole, or (for names only) at its start.
            let is_whole = self.infers_types || self.options.multi_line;
            if let Some(slice) = lines::slices(file, is_whole, &self.spare)?.next() {
                let mut reading = slice?.1.read(&self.spare);
                if let Some(part) = reading.next(SLICE_BYTES)? {
                    inference.push(part.text);
                }
            }
        }
        Ok(inference.finish())
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        CsvDecoder::new(schema, &all, &self.options).map(drop)
    }

    fn slices(
        &self,
        file: &ListedFile,
        declared: &SchemaRef,
        wanted: &[usize],
        _filter: Option<FileFilter>,
    ) -> Result<Slices> {
        let options = self.options.clone();
        let (declared, wanted) = (Arc::clone(declared), wanted.to_vec());
        line_slices(file, self.options.multi_line, &self.spare, move |reading| {
            let mut decoder = CsvDecoder::new(&declared, &wanted, &options)?;
            while let Some(part) = reading.next(SLICE_BYTES)? {
                decoder.push(part.text, options.header && part.is_first)?;
            }
            decoder.finish()
        })
    }
}

#[derive(Debug)]
struct Text {
    is_whole: bool,
    spare: Arc<SpareBuffers>,
}

impl FileFormat for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn infer(&self, _files: &[ListedFile]) -> Result<Schema> {
        Ok(text_schema().as_ref().clone())
    }

    fn check(&self, _schema: &Schema) -> Result<()> {
        // Which columns come from the path is known file by file.
        Ok(())
    }

    fn slices(
        &self,
        file: &ListedFile,
        declared: &SchemaRef,
        wanted: &[usize],
        _filter: Option<FileFilter>,
    ) -> Result<Slices> {
        let is_text = |field: &Arc<Field>| *field.data_type() == DataType::Utf8;
        if declared.fields().len() > 1 || !declared.fields().iter().all(is_text) {
            return Err(Error::invalid(format!(
                "text files have one column, a STRING; others can only come from the folders (`name=value`) they are in. path=`{}`",
                file.path.display()
            ))
            .with_condition("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"));
        }
        let schema = Arc::new(declared.project(wanted)?);
        let is_whole = self.is_whole;
        line_slices(file, is_whole, &self.spare, move |reading| {
            let mut lines = new_empty_array(&DataType::Utf8);
            while let Some(part) = reading.next(SLICE_BYTES)? {
                let more = read_lines(part.text, is_whole);
                lines = if lines.is_empty() {
                    more
                } else {
                    concat(&[&lines, &more])?
                };
            }
            let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
            let columns = schema.fields().iter().map(|_| Arc::clone(&lines)).collect();
            Ok(RecordBatch::try_new_with_options(
                Arc::clone(&schema),
                columns,
                &options,
            )?)
        })
    }
}

#[derive(Debug)]
struct Parquet;

impl Parquet {
    fn open(file: &ListedFile) -> Result<(File, ParquetFile)> {
        let opened = File::open(&file.path)
            .map_err(|cause| file_error("open the file", &file.path, cause))?;
        let parquet = ParquetFile::open(&opened, &file.path)?;
        Ok((opened, parquet))
    }
}

impl FileFormat for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn infer(&self, files: &[ListedFile]) -> Result<Schema> {
        // Spark too looks at one file, unless it is told to merge them.
        match files.last() {
            Some(file) => Parquet::open(file)?.1.schema(),
            None => Ok(Schema::empty()),
        }
    }

    fn check(&self, _schema: &Schema) -> Result<()> {
        Ok(())
    }

    fn slices(
        &self,
        file: &ListedFile,
        declared: &SchemaRef,
        wanted: &[usize],
        _filter: Option<FileFilter>,
    ) -> Result<Slices> {
        let (opened, parquet) = Parquet::open(file)?;
        let schema = Arc::new(declared.project(wanted)?);
        let path = Arc::<Path>::from(file.path.as_path());
        let groups = parquet.row_groups().into_iter().enumerate();
        Ok(Box::new(groups.map(move |(group, bytes)| {
            let cannot = |cause| file_error("open the file", &path, cause);
            // Each slice has a place of its own in the file.
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(_) => opened.try_clone().map_err(cannot)?,
            };
            let (parquet, schema, path) = (parquet.clone(), Arc::clone(&schema), Arc::clone(&path));
            Ok(Slice {
                bytes,
                decode: Box::new(move || parquet.read_group(file, group, &schema, &path)),
            })
        })))
    }
}

/// Columns of a path appended to those of the files, unless the files have them.
pub(super) fn with_partitions(schema: &Schema, partitions: &[(String, DataType)]) -> Schema {
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
    for (name, data_type) in partitions {
        match fields
            .iter_mut()
            .find(|field| field.name().eq_ignore_ascii_case(name))
        {
            // The path decides, as in Spark.
            Some(field) => *field = Arc::new(Field::new(field.name(), data_type.clone(), true)),
            None => fields.push(Arc::new(Field::new(name, data_type.clone(), true))),
        }
    }
    Schema::new(fields)
}
