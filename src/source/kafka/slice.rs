//! Messages of a slice, copied out of librdkafka's memory into one buffer a column, and turned into Arrow columns later, on
//! another thread.
//!
//! The buffer of the values *is* the data of the value column afterwards: each message is copied once. Only what the query
//! asks for is kept.

use super::batch_consumer::Message;
use crate::error::{Error, Result};
use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatchOptions, StringArray,
    StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// A slice is full at this many bytes of keys, values and headers: some milliseconds of decoding.
pub(super) const SLICE_BYTES: usize = 2 << 20;

/// A slice is full at this many messages.
pub(super) const SLICE_MESSAGES: usize = 16_384;

/// Spark's columns of a message, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageColumn {
    Key,
    Value,
    Topic,
    Partition,
    Offset,
    Timestamp,
    TimestampType,
    Headers,
}

impl MessageColumn {
    /// All, in the order of the schema.
    pub(super) const ALL: [MessageColumn; 8] = [
        MessageColumn::Key,
        MessageColumn::Value,
        MessageColumn::Topic,
        MessageColumn::Partition,
        MessageColumn::Offset,
        MessageColumn::Timestamp,
        MessageColumn::TimestampType,
        MessageColumn::Headers,
    ];

    fn field(self) -> Field {
        let (name, data_type) = match self {
            MessageColumn::Key => ("key", DataType::Binary),
            MessageColumn::Value => ("value", DataType::Binary),
            MessageColumn::Topic => ("topic", DataType::Utf8),
            MessageColumn::Partition => ("partition", DataType::Int32),
            MessageColumn::Offset => ("offset", DataType::Int64),
            MessageColumn::Timestamp => (
                "timestamp",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ),
            MessageColumn::TimestampType => ("timestampType", DataType::Int32),
            MessageColumn::Headers => ("headers", DataType::List(header_field())),
        };
        Field::new(name, data_type, true)
    }
}

fn header_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Binary, true),
    ])
}

fn header_field() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(header_fields()), true))
}

/// Spark's columns of a Kafka source.
pub(super) fn message_schema(includes_headers: bool) -> SchemaRef {
    let columns = if includes_headers { 8 } else { 7 };
    let fields: Vec<Field> = MessageColumn::ALL
        .iter()
        .take(columns)
        .map(|column| column.field())
        .collect();
    Arc::new(Schema::new(fields))
}

/// Byte strings, one after the other, some of them null.
#[derive(Debug)]
struct ByteColumn {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    /// Empty as long as nothing is null.
    validity: Vec<bool>,
}

impl ByteColumn {
    fn new(bytes: usize, rows: usize) -> ByteColumn {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        ByteColumn {
            bytes: Vec::with_capacity(bytes),
            offsets,
            validity: Vec::new(),
        }
    }

    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bytes.extend_from_slice(value),
            None if self.validity.is_empty() => self.validity = vec![true; self.rows()],
            None => {}
        }
        if value.is_none() || !self.validity.is_empty() {
            self.validity.push(value.is_some());
        }
        // A slice is closed at a few MiB and a message is smaller than 2 GB, both far below what an i32 holds.
        self.offsets
            .push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The bytes of a row; `None` is null.
    #[inline]
    fn get(&self, row: usize) -> Option<&[u8]> {
        if self.validity.get(row) == Some(&false) {
            return None;
        }
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        self.bytes.get(start..end)
    }

    /// The bytes as they lie, without a copy.
    fn into_array(self) -> Result<BinaryArray> {
        let nulls = (!self.validity.is_empty())
            .then(|| NullBuffer::new(BooleanBuffer::from(self.validity)));
        Ok(BinaryArray::try_new(
            OffsetBuffer::new(ScalarBuffer::from(self.offsets)),
            Buffer::from_vec(self.bytes),
            nulls,
        )?)
    }
}

/// Headers of all messages: how many each message has, and all of them in order.
#[derive(Debug)]
struct HeaderColumn {
    offsets: Vec<i32>,
    has_headers: Vec<bool>,
    names: StringBuilder,
    values: ByteColumn,
}

impl HeaderColumn {
    fn new() -> HeaderColumn {
        HeaderColumn {
            offsets: vec![0],
            has_headers: Vec::new(),
            names: StringBuilder::new(),
            values: ByteColumn::new(0, 0),
        }
    }

    fn push(&mut self, message: &Message<'_>) {
        let (names, values) = (&mut self.names, &mut self.values);
        let count = message.headers(|name, value| {
            names.append_value(String::from_utf8_lossy(name));
            values.push(value);
        });
        self.has_headers.push(count > 0);
        let rows = i32::try_from(self.values.rows()).unwrap_or(i32::MAX);
        self.offsets.push(rows);
    }

    fn into_array(mut self) -> Result<ListArray> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.names.finish()),
            Arc::new(self.values.into_array()?),
        ];
        let headers = StructArray::try_new(header_fields(), columns, None)?;
        Ok(ListArray::try_new(
            header_field(),
            OffsetBuffer::new(ScalarBuffer::from(self.offsets)),
            Arc::new(headers),
            Some(NullBuffer::new(BooleanBuffer::from(self.has_headers))),
        )?)
    }
}

/// Consecutive rows of one partition.
#[derive(Debug, Clone)]
struct Run {
    topic: Arc<str>,
    partition: i32,
    rows: usize,
}

/// The messages of a slice.
#[derive(Debug)]
pub(super) struct MessageSlice {
    rows: usize,
    runs: Vec<Run>,
    offsets: Vec<i64>,
    key: Option<ByteColumn>,
    value: Option<ByteColumn>,
    /// Microseconds and `timestampType`.
    times: Option<(Vec<i64>, Vec<i32>)>,
    headers: Option<HeaderColumn>,
    bytes: usize,
}

impl MessageSlice {
    /// A slice that will keep these columns.
    pub(super) fn new(columns: &[MessageColumn]) -> MessageSlice {
        let has = |column| columns.contains(&column);
        let wants_time = has(MessageColumn::Timestamp) || has(MessageColumn::TimestampType);
        MessageSlice {
            rows: 0,
            runs: Vec::new(),
            offsets: Vec::with_capacity(SLICE_MESSAGES),
            key: has(MessageColumn::Key).then(|| ByteColumn::new(0, SLICE_MESSAGES)),
            value: has(MessageColumn::Value)
                .then(|| ByteColumn::new(SLICE_BYTES + SLICE_BYTES / 8, SLICE_MESSAGES)),
            times: wants_time.then(Default::default),
            headers: has(MessageColumn::Headers).then(HeaderColumn::new),
            bytes: 0,
        }
    }

    /// How many messages it has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes of keys and values were passed to it, whether kept or not.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of a row, if values are collected; `None` is null.
    #[inline]
    pub(super) fn value(&self, row: usize) -> Option<&[u8]> {
        self.value.as_ref()?.get(row)
    }

    /// Where a row comes from, for messages.
    pub(super) fn place(&self, row: usize) -> String {
        let mut rows = 0;
        let run = self.runs.iter().find(|run| {
            rows += run.rows;
            row < rows
        });
        let (Some(run), Some(offset)) = (run, self.offsets.get(row)) else {
            return String::new();
        };
        let (topic, partition) = (&run.topic, run.partition);
        format!("topic=`{topic}`, partition=`{partition}`, offset=`{offset}`")
    }

    /// Adds a message of a partition.
    #[inline]
    pub(super) fn push(&mut self, topic: &Arc<str>, partition: i32, message: &Message<'_>) {
        match self.runs.last_mut() {
            Some(run) if run.partition == partition && Arc::ptr_eq(&run.topic, topic) => {
                run.rows += 1;
            }
            _ => self.runs.push(Run {
                topic: Arc::clone(topic),
                partition,
                rows: 1,
            }),
        }
        let (key, value) = (message.key(), message.value());
        self.rows += 1;
        self.bytes += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        self.offsets.push(message.offset());
        if let Some(column) = &mut self.key {
            column.push(key);
        }
        if let Some(column) = &mut self.value {
            column.push(value);
        }
        if let Some((micros, kinds)) = &mut self.times {
            let time = message.time();
            micros.push(time.millis.saturating_mul(1_000));
            kinds.push(time.kind);
        }
        if let Some(column) = &mut self.headers {
            column.push(message);
        }
    }

    /// The columns that were asked for, in this order, as rows of `schema`.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub(super) fn decode(
        mut self,
        columns: &[MessageColumn],
        schema: SchemaRef,
    ) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let arrays = columns
            .iter()
            .map(|column| self.column(*column))
            .collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    /// Takes one column out.
    fn column(&mut self, column: MessageColumn) -> Result<ArrayRef> {
        Ok(match column {
            MessageColumn::Key => Arc::new(take(&mut self.key)?.into_array()?),
            MessageColumn::Value => Arc::new(take(&mut self.value)?.into_array()?),
            MessageColumn::Headers => Arc::new(take(&mut self.headers)?.into_array()?),
            MessageColumn::Topic => Arc::new(self.topics()),
            MessageColumn::Partition => Arc::new(self.partitions()),
            MessageColumn::Offset => Arc::new(Int64Array::from(std::mem::take(&mut self.offsets))),
            MessageColumn::Timestamp => {
                let micros = self
                    .times
                    .as_mut()
                    .map(|times| std::mem::take(&mut times.0));
                let array = TimestampMicrosecondArray::from(take(&mut { micros })?);
                Arc::new(array.with_timezone("UTC"))
            }
            MessageColumn::TimestampType => {
                let kinds = self
                    .times
                    .as_mut()
                    .map(|times| std::mem::take(&mut times.1));
                Arc::new(Int32Array::from(take(&mut { kinds })?))
            }
        })
    }

    fn topics(&self) -> StringArray {
        let bytes = self.runs.iter().map(|run| run.topic.len() * run.rows).sum();
        let mut topics = StringBuilder::with_capacity(self.rows, bytes);
        for run in &self.runs {
            for _ in 0..run.rows {
                topics.append_value(&run.topic);
            }
        }
        topics.finish()
    }

    fn partitions(&self) -> Int32Array {
        self.runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(run.partition, run.rows))
            .collect::<Vec<i32>>()
            .into()
    }
}

/// What a column was collected in; it is asked for once.
fn take<T>(column: &mut Option<T>) -> Result<T> {
    column
        .take()
        .ok_or_else(|| Error::internal("a column of a Kafka slice was not collected"))
}
