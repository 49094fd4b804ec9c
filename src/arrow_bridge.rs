//! The bridge between the two Arrow implementations in this program: arrow-rs, which sources, operators and sinks speak, and
//! polars's own, which static frames and `foreach_batch` speak.
//!
//! A column crosses through Arrow's C data interface: both sides keep pointers to the same buffers, and the side that let the
//! column go frees them through a callback when the last user is gone. This is the only file with `unsafe`.
//!
//! 1. Into polars ([`to_frame`], [`to_series`]) a column goes as it is. polars has no maps and no intervals of months: a map
//!    arrives as a list of structs, a year-month interval is refused.
//! 2. Out of polars ([`from_frame`], [`from_series`]) come types that a plan does not know: string views, large lists, dictionaries,
//!    unsigned integers, times in milliseconds or nanoseconds. They are cast to ours ([`plan_type`]), which copies those columns;
//!    all others stay where they are.

use crate::error::{Error, Result};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, RecordBatch, RecordBatchOptions,
    StructArray, make_array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::CastOptions;
use arrow::datatypes::{
    DataType, DurationNanosecondType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
    TimestampNanosecondType,
};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use polars::prelude as pl;
use std::sync::Arc;

/// Rows of a record batch made by [`from_frame`]: what one core takes at a time.
const ROWS_PER_BATCH: usize = 65_536;

/// Record batches as one polars frame, without copying a value. `schema` decides the columns when there is no batch.
///
/// # Errors
///
/// `Invalid`, if polars has no such type (year-month intervals).
pub fn to_frame(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<pl::DataFrame> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let chunks = batches.iter().map(|batch| batch.column(index).clone());
            series_of_chunks(field, chunks.collect()).map(pl::Column::from)
        })
        .collect::<Result<Vec<_>>>()?;
    pl::DataFrame::new(rows, columns)
        .map_err(|cause| Error::invalid("these columns make no polars frame").with_source(cause))
}

/// A column as a polars series, without copying a value.
///
/// # Errors
///
/// `Invalid`, if polars has no such type (year-month intervals).
pub fn to_series(name: &str, array: &ArrayRef) -> Result<pl::Series> {
    let field = Field::new(name, array.data_type().clone(), true);
    series_of_chunks(&field, vec![array.clone()])
}

/// A polars frame as record batches of at most 65 536 rows, with columns of plan types. A frame without columns keeps its rows; a
/// frame without rows gives one empty batch.
///
/// # Errors
///
/// `Invalid`, if a column has a type that plans do not have (times of day, objects, 128-bit integers).
pub fn from_frame(frame: &pl::DataFrame) -> Result<Vec<RecordBatch>> {
    let schema = Arc::new(schema_of_frame(frame)?);
    let rows = frame.height();
    (0..rows.max(1))
        .step_by(ROWS_PER_BATCH)
        .map(|start| {
            let length = ROWS_PER_BATCH.min(rows - start);
            let columns = frame
                .columns()
                .iter()
                .map(|column| {
                    let slice = column.slice(i64::try_from(start).unwrap_or(i64::MAX), length);
                    from_series(slice.as_materialized_series())
                })
                .collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(length));
            Ok(RecordBatch::try_new_with_options(
                schema.clone(),
                columns,
                &options,
            )?)
        })
        .collect()
}

/// The columns of a polars frame as a plan sees them, all nullable.
///
/// # Errors
///
/// As [`from_frame`].
pub fn schema_of_frame(frame: &pl::DataFrame) -> Result<Schema> {
    let fields = frame
        .columns()
        .iter()
        .map(|column| {
            let data_type = from_polars_type(column.dtype())
                .map_err(|error| of_column(column.name().as_str(), &error))?;
            Ok(Field::new(column.name().as_str(), data_type, true))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Schema::new(fields))
}

/// A polars series as one array of a plan type.
///
/// # Errors
///
/// As [`from_frame`].
pub fn from_series(series: &pl::Series) -> Result<ArrayRef> {
    let name = series.name().as_str();
    let wanted = from_polars_type(series.dtype()).map_err(|error| of_column(name, &error))?;
    let series = match without_null_type(series.dtype()) {
        Some(data_type) => series
            .cast(&data_type)
            .map_err(|cause| Error::internal("polars cannot cast nulls").with_source(cause))?
            .rechunk(),
        None => series.rechunk(),
    };
    let exported = series.to_arrow(0, pl::CompatLevel::newest());
    let field = series.field().to_arrow(pl::CompatLevel::newest());
    into_plan_type(&import(exported, &field)?, &wanted)
}

/// The type with `Boolean` wherever it says `Null`, if it says so anywhere: polars exports the untyped null with a buffer that
/// the C data interface does not have, and arrow-rs refuses it.
fn without_null_type(data_type: &pl::DataType) -> Option<pl::DataType> {
    match data_type {
        pl::DataType::Null => Some(pl::DataType::Boolean),
        pl::DataType::List(item) => {
            without_null_type(item).map(|item| pl::DataType::List(item.into()))
        }
        pl::DataType::Struct(fields) => {
            let replaced: Vec<_> = fields
                .iter()
                .map(|field| without_null_type(field.dtype()))
                .collect();
            replaced.iter().any(Option::is_some).then(|| {
                let fields = fields.iter().zip(replaced).map(|(field, replaced)| {
                    let data_type = replaced.unwrap_or_else(|| field.dtype().clone());
                    pl::Field::new(field.name().clone(), data_type)
                });
                pl::DataType::Struct(fields.collect())
            })
        }
        _ => None,
    }
}

/// The plan type of a polars type.
///
/// # Errors
///
/// `Invalid`, if plans have no such type.
pub fn from_polars_type(data_type: &pl::DataType) -> Result<DataType> {
    let refuse = || Error::unsupported(format!("the polars type {data_type}"));
    match data_type {
        pl::DataType::Unknown(_) | pl::DataType::Time => Err(refuse()),
        _ => {
            let field = data_type.to_arrow_field("".into(), pl::CompatLevel::newest());
            let exported = polars_arrow::ffi::export_field_to_c(&field);
            let exported = schema_from_polars(exported);
            let arrow = DataType::try_from(&exported).map_err(|_| refuse())?;
            plan_type(&arrow).map_err(|_| refuse())
        }
    }
}

/// The polars type of a plan type.
///
/// # Errors
///
/// `Invalid`, if polars has no such type (year-month intervals).
pub fn to_polars_type(data_type: &DataType) -> Result<pl::DataType> {
    let empty = to_series("", &arrow::array::new_empty_array(data_type))?;
    Ok(empty.dtype().clone())
}

/// The plan type that stands for an Arrow type: `Utf8` for every kind of string, microseconds for every time, the next wider
/// signed integer for an unsigned one, and so on down into lists, maps and structs.
///
/// # Errors
///
/// `Invalid`, if plans have no such type (times of day, unions, decimals of 256 bits).
pub fn plan_type(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(
            TimeUnit::Microsecond,
            zone.as_ref().map(|_| Arc::from("UTC")),
        ),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            types::list_of(plan_type(item.data_type())?)
        }
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| plan_field(field, field.name()))
                .collect::<Result<Fields>>()?,
        ),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => map_type(fields)?,
            _ => return Err(Error::unsupported(format!("the Arrow type {data_type}"))),
        },
        DataType::Dictionary(_, values) => plan_type(values)?,
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(_, _)
        | DataType::Date32
        | DataType::Interval(arrow::datatypes::IntervalUnit::YearMonth) => data_type.clone(),
        _ => return Err(Error::unsupported(format!("the Arrow type {data_type}"))),
    })
}

/// `MAP<key, value>` of the two fields of its entries.
fn map_type(fields: &Fields) -> Result<DataType> {
    let (Some(key), Some(value)) = (fields.first(), fields.last()) else {
        return Err(Error::internal("a map without key and value"));
    };
    Ok(types::map_of(
        plan_type(key.data_type())?,
        plan_type(value.data_type())?,
    ))
}

/// A field of a plan type.
fn plan_field(field: &FieldRef, name: &str) -> Result<FieldRef> {
    let data_type = plan_type(field.data_type())?;
    Ok(Arc::new(Field::new(name, data_type, field.is_nullable())))
}

/// Casts an array to the plan type of its type. Nothing is lost but what is finer than a microsecond, which is rounded down.
fn into_plan_type(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(array.clone());
    }
    match (array.data_type(), wanted) {
        (_, DataType::Null) => Ok(arrow::array::new_null_array(wanted, array.len())),
        (DataType::Timestamp(TimeUnit::Nanosecond, _), DataType::Timestamp(_, zone)) => {
            let micros = array
                .as_primitive::<TimestampNanosecondType>()
                .unary::<_, arrow::datatypes::TimestampMicrosecondType>(|nanos| {
                nanos.div_euclid(1_000)
            });
            Ok(Arc::new(micros.with_timezone_opt(zone.clone())))
        }
        (DataType::Duration(TimeUnit::Nanosecond), DataType::Duration(_)) => {
            let micros = array
                .as_primitive::<DurationNanosecondType>()
                .unary::<_, arrow::datatypes::DurationMicrosecondType>(|nanos| {
                nanos.div_euclid(1_000)
            });
            Ok(Arc::new(micros))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = array.as_struct();
            let children = from
                .columns()
                .iter()
                .zip(fields)
                .map(|(child, field)| into_plan_type(child, field.data_type()))
                .collect::<Result<Vec<_>>>()?;
            let nulls = from.nulls().cloned();
            let rows = from.len();
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                children,
                nulls,
                rows,
            )?))
        }
        (_, DataType::List(item)) => into_list(array, item),
        _ => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            Ok(arrow::compute::cast_with_options(array, wanted, &options)?)
        }
    }
}

/// Casts a list of any kind to a list with 32-bit offsets.
fn into_list(array: &ArrayRef, item: &FieldRef) -> Result<ArrayRef> {
    let (offsets, values, nulls) = match array.data_type() {
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list
                .offsets()
                .iter()
                .map(|offset| i32::try_from(*offset))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| {
                    Error::data("lists of one column hold more than 2147483647 elements together")
                })?;
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            (offsets, list.values().clone(), list.nulls().cloned())
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (
                list.offsets().clone(),
                list.values().clone(),
                list.nulls().cloned(),
            )
        }
        DataType::FixedSizeList(_, _) => {
            let list: &FixedSizeListArray = array.as_fixed_size_list();
            let length = usize::try_from(list.value_length()).unwrap_or(0);
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(length, list.len()));
            (offsets, list.values().clone(), list.nulls().cloned())
        }
        other => return Err(Error::internal(format!("not a list. type=`{other}`"))),
    };
    let values = into_plan_type(&values, item.data_type())?;
    Ok(Arc::new(ListArray::try_new(
        item.clone(),
        offsets,
        values,
        nulls,
    )?))
}

/// A column of several chunks as a polars series.
fn series_of_chunks(field: &Field, mut chunks: Vec<ArrayRef>) -> Result<pl::Series> {
    if chunks.is_empty() {
        chunks.push(arrow::array::new_empty_array(field.data_type()));
    }
    let chunks = chunks
        .iter()
        .map(export)
        .collect::<Result<Vec<_>>>()
        .map_err(|error| of_column(field.name(), &error))?;
    let name = pl::PlSmallStr::from_str(field.name());
    pl::Series::try_from((name, chunks)).map_err(|cause| {
        Error::invalid(format!(
            "polars has no such type, cast the column before it goes there. column=`{}`, type=`{}`",
            field.name(),
            field.data_type()
        ))
        .with_source(cause)
    })
}

/// Says which column an error is about.
fn of_column(name: &str, error: &Error) -> Error {
    Error::new(
        error.kind(),
        format!("{}. column=`{name}`", error.message()),
    )
}

/// Hands an array of arrow-rs to polars.
fn export(array: &ArrayRef) -> Result<Box<dyn polars_arrow::array::Array>> {
    let (mut from, mut schema) = arrow::ffi::to_ffi(&array.to_data())?;
    #[expect(
        unsafe_code,
        reason = "the C data interface is the only way across without copying"
    )]
    // SAFETY: both sides declare the C data interface's `struct ArrowArray` and `struct ArrowSchema` as `repr(C)` with the same
    // members, so a pointer to one is a pointer to the other. `replace` moves the value out and leaves a released one behind, so
    // that exactly one side frees it. What arrow-rs exports keeps to the interface, which is what the two imports ask for.
    let imported = unsafe {
        let array = std::ptr::replace(
            (&raw mut from).cast::<polars_arrow::ffi::ArrowArray>(),
            polars_arrow::ffi::ArrowArray::empty(),
        );
        let schema = std::ptr::replace(
            (&raw mut schema).cast::<polars_arrow::ffi::ArrowSchema>(),
            polars_arrow::ffi::ArrowSchema::empty(),
        );
        polars_arrow::ffi::import_field_from_c(&schema)
            .and_then(|field| polars_arrow::ffi::import_array_from_c(array, field.dtype))
    };
    imported.map_err(|cause| {
        Error::unsupported(format!("the type {} in polars", array.data_type())).with_source(cause)
    })
}

/// Takes an array from polars.
fn import(
    array: Box<dyn polars_arrow::array::Array>,
    field: &polars_arrow::datatypes::Field,
) -> Result<ArrayRef> {
    let mut exported = polars_arrow::ffi::export_array_to_c(array);
    let schema = schema_from_polars(polars_arrow::ffi::export_field_to_c(field));
    #[expect(
        unsafe_code,
        reason = "the C data interface is the only way across without copying"
    )]
    // SAFETY: as in `export`, the two `repr(C)` structs are one and the same, and `from_raw` moves the value out of the place it is
    // given, leaving a released one. What polars exports keeps to the interface, which is what `from_ffi` asks for; the schema was
    // exported from the field of the same array.
    let data = unsafe {
        let array = FFI_ArrowArray::from_raw((&raw mut exported).cast::<FFI_ArrowArray>());
        from_ffi(array, &schema)
    }?;
    Ok(make_array(data))
}

/// Takes the description of a column from polars.
fn schema_from_polars(mut exported: polars_arrow::ffi::ArrowSchema) -> FFI_ArrowSchema {
    #[expect(
        unsafe_code,
        reason = "the C data interface is the only way across without copying"
    )]
    // SAFETY: both are `repr(C)` declarations of the C data interface's `struct ArrowSchema`; `from_raw` moves the value out of the
    // place it is given and leaves a released one, which is then dropped without effect.
    unsafe {
        FFI_ArrowSchema::from_raw((&raw mut exported).cast::<FFI_ArrowSchema>())
    }
}

#[cfg(test)]
mod tests;
