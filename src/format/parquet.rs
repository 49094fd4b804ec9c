//! Parquet: files to columns and back, through the `parquet` crate, with the types of every writer brought to ours.
//!
//! Columns are found by name, without regard to case. A file may lack a column (it is null then), or have it in a smaller type
//! that the wanted one holds without loss; any other type is an error, as in Spark.

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatchOptions, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What is known of a file before its rows are read.
#[derive(Debug, Clone)]
pub(crate) struct ParquetFile {
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer.
    ///
    /// # Errors
    ///
    /// `Data`, if it is no Parquet file.
    pub(crate) fn open(file: &File, path: &Path) -> Result<ParquetFile> {
        let metadata = ArrowReaderMetadata::load(
            file,
            parquet::arrow::arrow_reader::ArrowReaderOptions::default(),
        )
        .map_err(|cause| unreadable(path, cause))?;
        Ok(ParquetFile { metadata })
    }

    /// Its columns, in our types.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a column is of a type that ours cannot hold.
    pub(crate) fn schema(&self) -> Result<Schema> {
        let fields = self.metadata.schema().fields().iter();
        let fields = fields.map(|field| {
            let data_type = canonical(field.data_type())?;
            Ok(Field::new(field.name(), data_type, true))
        });
        Ok(Schema::new(fields.collect::<Result<Vec<_>>>()?))
    }

    /// The bytes of each group of rows.
    pub(crate) fn row_groups(&self) -> Vec<usize> {
        let groups = self.metadata.metadata().row_groups().iter();
        let bytes = groups.map(|group| usize::try_from(group.total_byte_size()));
        bytes.map(|bytes| bytes.unwrap_or(0)).collect()
    }

    /// The rows of a group, with exactly these columns.
    ///
    /// # Errors
    ///
    /// `Data`, if the file is damaged or a column is of another type.
    pub(crate) fn read_group(
        &self,
        file: File,
        group: usize,
        wanted: &SchemaRef,
        path: &Path,
    ) -> Result<RecordBatch> {
        let known = self.metadata.schema();
        let roots: Vec<usize> = wanted
            .fields()
            .iter()
            .filter_map(|field| position(known.fields(), field.name()))
            .collect();
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let rows = self.metadata.metadata().row_group(group).num_rows();
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(usize::try_from(rows).unwrap_or(1).max(1))
            .build()
            .map_err(|cause| unreadable(path, cause))?;
        let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
        let batches = reader
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| unreadable(path, cause.into()))?;
        fit(&concat_batches(&schema, &batches)?, wanted).map_err(|error| {
            crate::format::with_place(&error, &format!("path=`{}`", path.display()))
        })
    }
}

fn unreadable(path: &Path, cause: ParquetError) -> Error {
    Error::new(
        ErrorKind::Data,
        format!(
            "the file cannot be read as Parquet. path=`{}`",
            path.display()
        ),
    )
    .with_condition("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER")
    .with_source(cause)
}

fn position(fields: &Fields, name: &str) -> Option<usize> {
    let exact = fields.iter().position(|field| field.name() == name);
    exact.or_else(|| {
        fields
            .iter()
            .position(|field| field.name().eq_ignore_ascii_case(name))
    })
}

/// Our type that holds every value of a type that Parquet files have.
fn canonical(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Timestamp(_, Some(_)) => types::timestamp(),
        DataType::Timestamp(_, None) => types::timestamp_ntz(),
        DataType::Date64 => DataType::Date32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Duration(_) => types::day_time_interval(),
        DataType::Dictionary(_, values) => canonical(values)?,
        DataType::List(field) | DataType::LargeList(field) | DataType::ListView(field) => {
            types::list_of(canonical(field.data_type())?)
        }
        DataType::Map(..) => match types::map_key_value(data_type) {
            Some((key, value)) => types::map_of(canonical(key)?, canonical(value)?),
            None => return Err(unknown_type(data_type)),
        },
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let data_type = canonical(field.data_type())?;
                Ok(Field::new(field.name(), data_type, true))
            });
            DataType::Struct(fields.collect::<Result<Fields>>()?)
        }
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary => data_type.clone(),
        other => return Err(unknown_type(other)),
    })
}

fn unknown_type(data_type: &DataType) -> Error {
    Error::unsupported(format!("a Parquet column of type {data_type}"))
        .with_condition("PARQUET_TYPE_NOT_SUPPORTED")
}

/// Brings columns to the wanted ones, by name.
fn fit(batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch> {
    let schema = batch.schema();
    let columns =
        wanted
            .fields()
            .iter()
            .map(|field| match position(schema.fields(), field.name()) {
                Some(index) => adapt(batch.column(index), field.data_type())
                    .ok_or_else(|| mismatch(field, schema.field(index).data_type())),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(wanted),
        columns.collect::<Result<_>>()?,
        &options,
    )?)
}

fn mismatch(field: &Field, found: &DataType) -> Error {
    Error::data(format!(
        "a column of the file has another type than declared. column=`{}`, declared=`{}`, found=`{found}`",
        field.name(),
        types::sql_name(field.data_type())
    ))
    .with_condition("FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH")
}

/// A column in another type, if that holds all its values.
fn adapt(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    let from = array.data_type();
    if from == to {
        return Some(Arc::clone(array));
    }
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match (from, to) {
        (DataType::Dictionary(_, values), _) => {
            let plain = cast_with_options(array, values, &strict).ok()?;
            adapt(&plain, to)
        }
        (DataType::Null, _) => Some(new_null_array(to, array.len())),
        (DataType::Struct(_), DataType::Struct(fields)) => adapt_struct(array.as_struct(), fields),
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = adapt(list.values(), field.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            let list = ListArray::try_new(Arc::clone(field), offsets, values, nulls).ok()?;
            Some(Arc::new(list))
        }
        (DataType::LargeList(field) | DataType::ListView(field), DataType::List(_)) => {
            let list = DataType::List(Arc::clone(field));
            adapt(&cast_with_options(array, &list, &strict).ok()?, to)
        }
        (DataType::Map(..), DataType::Map(entries, is_sorted)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else {
                return None;
            };
            let [key, value] = fields.as_ref() else {
                return None;
            };
            let keys = adapt(map.keys(), key.data_type())?;
            let values = adapt(map.values(), value.data_type())?;
            let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None).ok()?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *is_sorted);
            Some(Arc::new(map.ok()?))
        }
        _ if holds(from, to) => cast_with_options(array, to, &strict).ok(),
        _ => None,
    }
}

fn adapt_struct(structs: &StructArray, fields: &Fields) -> Option<ArrayRef> {
    let columns = fields
        .iter()
        .map(|field| match position(structs.fields(), field.name()) {
            Some(index) => adapt(structs.column(index), field.data_type()),
            None => Some(new_null_array(field.data_type(), structs.len())),
        });
    let columns = columns.collect::<Option<Vec<_>>>()?;
    let nulls = structs.nulls().cloned();
    let adapted = StructArray::try_new_with_length(fields.clone(), columns, nulls, structs.len());
    Some(Arc::new(adapted.ok()?))
}

/// Whether `to` has every value that `from` has.
fn holds(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (_, _) if canonical(from).is_ok_and(|canonical| canonical == *to) => true,
        (T::Int8 | T::UInt8, T::Int16 | T::Int32 | T::Int64 | T::Float64)
        | (T::Int16 | T::UInt16, T::Int32 | T::Int64 | T::Float64)
        | (T::Int32 | T::UInt32, T::Int64 | T::Float64)
        | (T::Float32, T::Float64)
        // Files of INT96, and of writers that leave the zone out, mean UTC.
        | (T::Timestamp(_, None), T::Timestamp(TimeUnit::Microsecond, Some(_))) => true,
        (T::Decimal128(p1, s1), T::Decimal128(p2, s2)) => s2 >= s1 && p2 - p1 >= (s2 - s1).cast_unsigned(),
        (_, T::Decimal128(precision, scale)) => types::decimal_for_integer(from)
            .is_some_and(|(digits, _)| i16::from(*precision) - i16::from(*scale) >= i16::from(digits)),
        _ => false,
    }
}

/// How Parquet is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParquetWriteOptions {
    compression: Compression,
    /// The name of the compression, as file names have it; nothing for none.
    suffix: &'static str,
}

impl ParquetWriteOptions {
    /// Takes option `compression`: `snappy` (default), `gzip`, `zstd`, `none` or `uncompressed`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if it is another one.
    pub(crate) fn take(options: &mut Options) -> Result<ParquetWriteOptions> {
        let wanted = options.take("compression").map(|name| name.to_lowercase());
        let (compression, suffix) = match wanted.as_deref() {
            None | Some("snappy") => (Compression::SNAPPY, ".snappy"),
            Some("gzip") => (Compression::GZIP(GzipLevel::default()), ".gz"),
            Some("zstd") => (Compression::ZSTD(ZstdLevel::default()), ".zstd"),
            Some("none" | "uncompressed") => (Compression::UNCOMPRESSED, ""),
            Some(other) => {
                let expected = "snappy, gzip, zstd or none";
                return Err(options.refuse("compression", expected, other));
            }
        };
        Ok(ParquetWriteOptions {
            compression,
            suffix,
        })
    }

    /// How the names of files end: `.snappy.parquet`.
    pub(crate) fn extension(&self) -> String {
        format!("{}.parquet", self.suffix)
    }

    /// Rows as a whole file.
    ///
    /// # Errors
    ///
    /// `Invalid`, if Parquet has no such type.
    pub(crate) fn write(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
        let cannot = |cause: ParquetError| {
            Error::invalid("the rows cannot be written as Parquet").with_source(cause)
        };
        let properties = WriterProperties::builder()
            .set_compression(self.compression)
            .set_created_by(concat!("tidemill version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(schema), Some(properties))
            .map_err(cannot)?;
        for batch in batches {
            writer.write(batch).map_err(cannot)?;
        }
        writer.close().map_err(cannot)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Int32Array, Int64Array, LargeStringArray, StringArray, TimestampNanosecondArray,
        UInt64Array,
    };
    use std::io::Write as _;

    fn snappy() -> ParquetWriteOptions {
        ParquetWriteOptions::take(&mut Options::new("test", [("", "")])).unwrap()
    }

    /// Writes a batch, and reads it with these columns.
    fn through(batch: &RecordBatch, wanted: &Schema) -> Result<RecordBatch> {
        let bytes = snappy().write(&batch.schema(), std::slice::from_ref(batch))?;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let path = Path::new("x.parquet");
        let parquet = ParquetFile::open(&file, path)?;
        assert_eq!(parquet.row_groups().len(), 1);
        parquet.read_group(file, 0, &Arc::new(wanted.clone()), path)
    }

    fn columns() -> RecordBatch {
        let list = types::parse_ddl_schema("s STRUCT<x: INT, y: ARRAY<STRING>>").unwrap();
        let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let y = new_null_array(&types::list_of(DataType::Utf8), 2);
        let DataType::Struct(fields) = list.field(0).data_type() else {
            panic!("a struct");
        };
        let nested = StructArray::new(fields.clone(), vec![x, y], None);
        RecordBatch::try_from_iter([
            ("Id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef),
            ("big", Arc::new(UInt64Array::from(vec![1, u64::MAX]))),
            ("text", Arc::new(LargeStringArray::from(vec!["a", "é"]))),
            (
                "at",
                Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_999])),
            ),
            ("s", Arc::new(nested)),
        ])
        .unwrap()
    }

    #[test]
    fn types_of_other_writers_become_ours() {
        let wanted = types::parse_ddl_schema(
            "id BIGINT, big DECIMAL(20,0), text STRING, at TIMESTAMP, missing DOUBLE, s STRUCT<y: ARRAY<STRING>, x: BIGINT, z: INT>",
        );
        let read = through(&columns(), &wanted.unwrap()).unwrap();
        let ids = read.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(ids, &Int64Array::from(vec![1, 2]));
        let texts = read.column(2).as_string::<i32>();
        assert_eq!(texts, &StringArray::from(vec!["a", "é"]));
        let at = read
            .column(3)
            .as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        assert_eq!(&at.values()[..], [1, 2]);
        assert_eq!(read.column(4).null_count(), 2);
        let x = read.column(5).as_struct().column(1);
        assert_eq!(x.as_primitive(), &Int64Array::from(vec![Some(1), None]));
    }

    #[test]
    fn a_type_that_would_lose_something_is_refused() {
        for column in ["id SMALLINT", "id STRING", "text BIGINT", "big BIGINT"] {
            let wanted = types::parse_ddl_schema(column).unwrap();
            let error = through(&columns(), &wanted).unwrap_err();
            assert_eq!(
                error.condition(),
                Some("FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH"),
                "{column}"
            );
            assert!(error.to_string().contains("path=`x.parquet`"), "{error}");
        }
    }

    #[test]
    fn no_columns_keep_the_number_of_rows() {
        let read = through(&columns(), &Schema::empty()).unwrap();
        assert_eq!((read.num_rows(), read.num_columns()), (2, 0));
    }

    #[test]
    fn schemas_are_told_in_our_types() {
        let batch = columns();
        let bytes = snappy().write(&batch.schema(), &[batch]).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let schema = ParquetFile::open(&file, Path::new("x"))
            .unwrap()
            .schema()
            .unwrap();
        assert_eq!(
            types::simple_string(&DataType::Struct(schema.fields)),
            "struct<Id:int,big:decimal(20,0),text:string,at:timestamp_ntz,s:struct<x:int,y:array<string>>>"
        );
    }
}
