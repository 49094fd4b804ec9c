//! Which column is what of a message, and its values row by row.

use super::options::KafkaSinkOptions;
use crate::error::{Error, Result};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray};
use arrow::datatypes::{DataType, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use rdkafka::message::{Header, OwnedHeaders};

/// Where the columns of a message are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    value: usize,
    key: Option<usize>,
    topic: Option<usize>,
    partition: Option<usize>,
    headers: Option<usize>,
}

impl Layout {
    /// Finds the columns by their names, without regard to case. Others are not written.
    ///
    /// # Errors
    ///
    /// `Invalid`: there is no value, no topic in either place, or a column of a wrong type.
    pub(super) fn resolve(schema: &Schema, options: &KafkaSinkOptions) -> Result<Layout> {
        let layout = Layout {
            value: find(schema, "value", "string or binary", is_bytes)?.ok_or_else(|| {
                Error::invalid(
                    "the rows have no column `value`, which the kafka sink writes: name what is to be written, such as `to_json(struct(*)) AS value`",
                )
            })?,
            key: find(schema, "key", "string or binary", is_bytes)?,
            topic: find(schema, "topic", "string", |found| *found == DataType::Utf8)?,
            partition: find(schema, "partition", "int", |found| *found == DataType::Int32)?,
            headers: find(
                schema,
                "headers",
                "array<struct<key: string, value: binary>>",
                is_headers,
            )?,
        };
        if layout.topic.is_none() && options.topic.is_none() {
            return Err(Error::invalid(
                "the kafka sink needs the option `topic` when the rows have no column `topic`",
            ));
        }
        Ok(layout)
    }
}

fn find(
    schema: &Schema,
    name: &str,
    expected: &str,
    fits: fn(&DataType) -> bool,
) -> Result<Option<usize>> {
    let mut columns = schema.fields().iter().enumerate();
    let Some((index, field)) = columns.find(|(_, field)| field.name().eq_ignore_ascii_case(name))
    else {
        return Ok(None);
    };
    if fits(field.data_type()) {
        return Ok(Some(index));
    }
    Err(Error::invalid(format!(
        "a column of the rows has a type that the kafka sink does not write. column=`{name}`, expected=`{expected}`, found=`{}`",
        types::simple_string(field.data_type())
    )))
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Binary)
}

fn is_headers(data_type: &DataType) -> bool {
    let DataType::List(item) = data_type else {
        return false;
    };
    let DataType::Struct(fields) = item.data_type() else {
        return false;
    };
    let types: Vec<&DataType> = fields.iter().map(|field| field.data_type()).collect();
    types == [&DataType::Utf8, &DataType::Binary]
}

/// The columns of one record batch.
pub(super) struct Rows<'a> {
    value: &'a ArrayRef,
    key: Option<&'a ArrayRef>,
    topic: Option<&'a ArrayRef>,
    partition: Option<&'a Int32Array>,
    headers: Option<&'a ListArray>,
}

impl<'a> Rows<'a> {
    /// # Errors
    ///
    /// `Internal`, if the record batch has not the columns of the layout.
    pub(super) fn new(layout: &Layout, batch: &'a RecordBatch) -> Result<Rows<'a>> {
        let column = |index: usize| {
            batch.columns().get(index).ok_or_else(|| {
                Error::internal("the kafka sink got rows without one of its columns")
            })
        };
        let maybe = |index: Option<usize>| index.map(column).transpose();
        Ok(Rows {
            value: column(layout.value)?,
            key: maybe(layout.key)?,
            topic: maybe(layout.topic)?,
            partition: maybe(layout.partition)?
                .and_then(|array| array.as_primitive_opt::<Int32Type>()),
            headers: maybe(layout.headers)?.and_then(|array| array.as_list_opt::<i32>()),
        })
    }

    pub(super) fn value(&self, row: usize) -> Option<&'a [u8]> {
        bytes_at(self.value, row)
    }

    pub(super) fn key(&self, row: usize) -> Option<&'a [u8]> {
        bytes_at(self.key?, row)
    }

    pub(super) fn topic(&self, row: usize) -> Option<&'a str> {
        let topics = self.topic?.as_string_opt::<i32>()?;
        topics.is_valid(row).then(|| topics.value(row))
    }

    pub(super) fn partition(&self, row: usize) -> Option<i32> {
        let partitions = self.partition?;
        partitions.is_valid(row).then(|| partitions.value(row))
    }

    pub(super) fn headers(&self, row: usize) -> Option<OwnedHeaders> {
        let lists = self.headers?;
        if lists.is_null(row) {
            return None;
        }
        let list = lists.value(row);
        let [names, values] = list.as_struct_opt()?.columns() else {
            return None;
        };
        let names = names.as_string_opt::<i32>()?;
        let mut headers = OwnedHeaders::new_with_capacity(list.len());
        for header in 0..list.len() {
            headers = headers.insert(Header {
                key: if names.is_valid(header) {
                    names.value(header)
                } else {
                    ""
                },
                value: bytes_at(values, header),
            });
        }
        Some(headers)
    }
}

/// The bytes of a string or binary value; `None` is null.
fn bytes_at(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    if array.is_null(row) {
        return None;
    }
    match array.as_binary_opt::<i32>() {
        Some(binary) => Some(binary.value(row)),
        None => array
            .as_string_opt::<i32>()
            .map(|strings| strings.value(row).as_bytes()),
    }
}
