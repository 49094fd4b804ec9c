//! The formats that files are written in.

use crate::error::{Error, Result};
use crate::format::csv::CsvWriteOptions;
use crate::format::json::{JsonWriteOptions, JsonWriter};
use crate::format::parquet::ParquetWriteOptions;
use crate::format::text::write_lines;
use crate::options::Options;
use crate::types;
use arrow::array::{ArrayRef, StructArray, new_empty_array};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// What files are written in, with the options for it.
#[derive(Debug)]
pub(super) enum OutputFormat {
    Parquet(ParquetWriteOptions),
    Json(JsonWriteOptions, Packing),
    Csv(CsvWriteOptions, Packing),
    Text(Packing),
}

/// How a text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
}

impl Packing {
    fn take(options: &mut Options) -> Result<Packing> {
        let wanted = options.take("compression").map(|name| name.to_lowercase());
        match wanted.as_deref() {
            None | Some("none" | "uncompressed") => Ok(Packing::None),
            Some("gzip") => Ok(Packing::Gzip),
            Some(other) => Err(options.refuse("compression", "gzip or none", other)),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Packing::None => "",
            Packing::Gzip => ".gz",
        }
    }

    fn pack(self, text: Vec<u8>) -> Result<Vec<u8>> {
        if self == Packing::None {
            return Ok(text);
        }
        let mut packer = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
        let packed = packer.write_all(&text).and_then(|()| packer.finish());
        packed.map_err(|cause| Error::internal("packing in memory failed").with_source(cause))
    }
}

impl OutputFormat {
    /// The format of this name, with its options.
    ///
    /// # Errors
    ///
    /// `Invalid`, if an option is bad.
    pub(super) fn take(name: &str, options: &mut Options) -> Result<OutputFormat> {
        Ok(match name {
            "parquet" => OutputFormat::Parquet(ParquetWriteOptions::take(options)?),
            "json" => {
                let write = JsonWriteOptions::take(options, "UTC")?;
                OutputFormat::Json(write, Packing::take(options)?)
            }
            "csv" => {
                let write = CsvWriteOptions::take(options, "UTC")?;
                OutputFormat::Csv(write, Packing::take(options)?)
            }
            "text" => OutputFormat::Text(Packing::take(options)?),
            other => {
                return Err(Error::internal(format!(
                    "there is no such file format. format=`{other}`"
                )));
            }
        })
    }

    /// How the names of files end.
    pub(super) fn extension(&self) -> String {
        match self {
            OutputFormat::Parquet(options) => options.extension(),
            OutputFormat::Json(_, packing) => format!(".json{}", packing.extension()),
            OutputFormat::Csv(_, packing) => format!(".csv{}", packing.extension()),
            OutputFormat::Text(packing) => format!(".txt{}", packing.extension()),
        }
    }

    /// Whether rows of these columns can be written.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the first column that cannot.
    pub(super) fn check(&self, schema: &SchemaRef) -> Result<()> {
        if let Some(field) = schema
            .fields()
            .iter()
            .find(|field| has_no_form(field.data_type()))
        {
            return Err(Error::invalid(format!(
                "files do not hold columns of this type; cast it. column=`{}`, type=`{}`",
                field.name(),
                types::sql_name(field.data_type())
            ))
            .with_condition("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"));
        }
        match self {
            OutputFormat::Parquet(options) => options.write(schema, &[]).map(drop),
            OutputFormat::Json(options, _) => {
                let columns = schema.fields().iter();
                let empty: Vec<ArrayRef> = columns
                    .map(|field| new_empty_array(field.data_type()))
                    .collect();
                for column in &empty {
                    JsonWriter::new(column, options)?;
                }
                Ok(())
            }
            OutputFormat::Csv(..) => CsvWriteOptions::check(schema),
            OutputFormat::Text(_) => {
                let none = RecordBatch::new_empty(schema.clone());
                write_lines(&[none], &mut Vec::new())
            }
        }
    }

    /// Rows as a whole file.
    ///
    /// # Errors
    ///
    /// As [`OutputFormat::check`].
    pub(super) fn write(&self, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<Vec<u8>> {
        match self {
            OutputFormat::Parquet(options) => options.write(schema, rows),
            OutputFormat::Json(options, packing) => packing.pack(write_json(options, rows)?),
            OutputFormat::Csv(options, packing) => packing.pack(options.write(schema, rows)?),
            OutputFormat::Text(packing) => {
                let mut text = Vec::new();
                write_lines(rows, &mut text)?;
                packing.pack(text)
            }
        }
    }
}

/// Whether there are values in it that no file holds: untyped nulls, variants, times of day.
fn has_no_form(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(field) => has_no_form(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_no_form(field.data_type())),
        DataType::Map(..) => types::map_key_value(data_type)
            .is_some_and(|(key, value)| has_no_form(key) || has_no_form(value)),
        other => *other == types::variant() || *other == types::time(),
    }
}

fn write_json(options: &JsonWriteOptions, rows: &[RecordBatch]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for batch in rows {
        let structs = StructArray::from(batch.clone());
        let writer = JsonWriter::of_struct(&structs, options)?;
        for row in 0..batch.num_rows() {
            writer.write(row, &mut text);
            text.push(b'\n');
        }
    }
    Ok(text)
}
