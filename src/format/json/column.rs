//! The columns that JSON values are read into, straight from the text.
//!
//! Every column knows how to append the value under the cursor. The contract of [`Column::append`]:
//! 1. [`Fit::Whole`]: exactly one entry was appended.
//! 2. [`Fit::Partial`]: the same, but something inside did not fit and is null.
//! 3. [`Fit::No`]: the value is JSON but not of the column's type: it was read to its end, and nothing was appended.
//! 4. An error: the text is not JSON. Nested columns may hold half an entry; the decoder cuts all columns back.
//!
//! The rules of what fits are those of Spark's `JacksonParser`.

use super::JsonOptions;
use super::cursor::{Cursor, Number, RawText, Read, SyntaxError, unescape};
use super::nested::{ListColumn, MapColumn, StructColumn};
use super::text::rewrite;
use crate::cast::parse;
use crate::error::{Error, Result};
use crate::format::time::TimeFormats;
use crate::types;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, Decimal128Array,
    NullArray, NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::sync::Arc;

/// Why a value is not of the type of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Where the value starts in the record, in bytes from 0.
    pub(super) at: usize,
    /// What was expected there.
    pub(super) expected: &'static str,
}

/// How a value fits its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Whole,
    Partial(Misfit),
    No(Misfit),
}

/// What conversions need besides the text.
#[derive(Debug)]
pub(super) struct Work {
    /// How dates and timestamps are written.
    pub(super) times: TimeFormats,
    /// Whether numbers, objects and arrays in string columns keep their text byte for byte.
    pub(super) keeps_text: bool,
    /// Whether `"NaN"`, `"Infinity"` in quotes are numbers.
    pub(super) non_numeric_numbers: bool,
    /// Text without escapes, built here.
    pub(super) scratch: Vec<u8>,
}

impl Work {
    pub(super) fn new(options: &JsonOptions) -> Work {
        Work {
            times: options.times.clone(),
            keeps_text: options.keeps_text,
            non_numeric_numbers: options.allow_non_numeric_numbers,
            scratch: Vec::new(),
        }
    }

    /// The text of a string.
    #[inline]
    fn text<'a>(&'a mut self, raw: RawText<'a>, at: usize) -> Read<&'a str> {
        let bytes = if raw.has_escape {
            self.scratch.clear();
            unescape(raw.bytes, &mut self.scratch);
            &self.scratch
        } else {
            raw.bytes
        };
        std::str::from_utf8(bytes).map_err(|_| not_utf8(at))
    }
}

fn not_utf8(at: usize) -> SyntaxError {
    SyntaxError {
        at,
        what: "the text is not UTF-8",
    }
}

/// A scalar value, or a nested one that was read to its end.
enum Token<'a> {
    Null,
    Boolean(bool),
    Text(RawText<'a>),
    Number(Number<'a>),
    Nested,
}

#[inline]
fn token<'a>(cursor: &mut Cursor<'a>) -> Read<Token<'a>> {
    if cursor.at_string() {
        return cursor.string().map(Token::Text);
    }
    match cursor.peek() {
        Some(b'n') => cursor.literal(b"null").map(|()| Token::Null),
        Some(b't') => cursor.literal(b"true").map(|()| Token::Boolean(true)),
        Some(b'f') => cursor.literal(b"false").map(|()| Token::Boolean(false)),
        Some(b'{' | b'[') => cursor.skip_value().map(|()| Token::Nested),
        Some(_) => cursor.number().map(Token::Number),
        None => Err(cursor.unexpected("expected a value")),
    }
}

/// A column under construction.
#[derive(Debug)]
pub(super) enum Column {
    Null(usize),
    Boolean(Booleans),
    Int8(Numbers<Int8Type>),
    Int16(Numbers<Int16Type>),
    Int32(Numbers<Int32Type>),
    Int64(Numbers<Int64Type>),
    Float32(Numbers<Float32Type>),
    Float64(Numbers<Float64Type>),
    Decimal(Decimals),
    Date(Numbers<Date32Type>),
    Timestamp(Timestamps),
    Text(Bytes),
    Binary(Bytes),
    Struct(StructColumn),
    List(Box<ListColumn>),
    Map(Box<MapColumn>),
}

impl Column {
    /// An empty column.
    ///
    /// # Errors
    ///
    /// `Invalid`, if JSON cannot be read into this type.
    pub(super) fn new(data_type: &DataType) -> Result<Column> {
        Ok(match data_type {
            DataType::Null => Column::Null(0),
            DataType::Boolean => Column::Boolean(Booleans::new()),
            DataType::Int8 => Column::Int8(Numbers::new()),
            DataType::Int16 => Column::Int16(Numbers::new()),
            DataType::Int32 => Column::Int32(Numbers::new()),
            DataType::Int64 => Column::Int64(Numbers::new()),
            DataType::Float32 => Column::Float32(Numbers::new()),
            DataType::Float64 => Column::Float64(Numbers::new()),
            DataType::Decimal128(precision, scale) => Column::Decimal(Decimals {
                values: Vec::new(),
                nulls: NullBufferBuilder::new(0),
                precision: *precision,
                scale: *scale,
            }),
            DataType::Date32 => Column::Date(Numbers::new()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Column::Timestamp(Timestamps {
                values: Numbers::new(),
                has_zone: zone.is_some(),
            }),
            DataType::Utf8 => Column::Text(Bytes::new()),
            DataType::Binary => Column::Binary(Bytes::new()),
            DataType::Struct(fields) => Column::Struct(StructColumn::new(fields)?),
            DataType::List(field) => Column::List(Box::new(ListColumn::new(field)?)),
            DataType::Map(..) => Column::Map(Box::new(MapColumn::new(data_type)?)),
            other => {
                return Err(Error::unsupported(format!(
                    "reading JSON into a column of type {}",
                    types::sql_name(other)
                )));
            }
        })
    }

    /// How many entries it has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Column::Null(len) => *len,
            Column::Boolean(column) => column.values.len(),
            Column::Int8(column) => column.values.len(),
            Column::Int16(column) => column.values.len(),
            Column::Int32(column) => column.values.len(),
            Column::Int64(column) => column.values.len(),
            Column::Float32(column) => column.values.len(),
            Column::Float64(column) => column.values.len(),
            Column::Decimal(column) => column.values.len(),
            Column::Date(column) => column.values.len(),
            Column::Timestamp(column) => column.values.values.len(),
            Column::Text(column) | Column::Binary(column) => column.len(),
            Column::Struct(column) => column.len(),
            Column::List(column) => column.len(),
            Column::Map(column) => column.len(),
        }
    }

    /// Appends null.
    pub(super) fn append_null(&mut self) {
        match self {
            Column::Null(len) => *len += 1,
            Column::Boolean(column) => column.push(None),
            Column::Int8(column) => column.push_null(),
            Column::Int16(column) => column.push_null(),
            Column::Int32(column) => column.push_null(),
            Column::Int64(column) => column.push_null(),
            Column::Float32(column) => column.push_null(),
            Column::Float64(column) => column.push_null(),
            Column::Decimal(column) => column.push(None),
            Column::Date(column) => column.push_null(),
            Column::Timestamp(column) => column.values.push_null(),
            Column::Text(column) | Column::Binary(column) => column.push_null(),
            Column::Struct(column) => column.append_null(),
            Column::List(column) => column.append_null(),
            Column::Map(column) => column.append_null(),
        }
    }

    /// Cuts it back to `len` entries.
    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Column::Null(rows) => *rows = len.min(*rows),
            Column::Boolean(column) => {
                column.values.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Int8(column) => column.truncate(len),
            Column::Int16(column) => column.truncate(len),
            Column::Int32(column) => column.truncate(len),
            Column::Int64(column) => column.truncate(len),
            Column::Float32(column) => column.truncate(len),
            Column::Float64(column) => column.truncate(len),
            Column::Decimal(column) => {
                column.values.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Date(column) => column.truncate(len),
            Column::Timestamp(column) => column.values.truncate(len),
            Column::Text(column) | Column::Binary(column) => column.truncate(len),
            Column::Struct(column) => column.truncate(len),
            Column::List(column) => column.truncate(len),
            Column::Map(column) => column.truncate(len),
        }
    }

    /// Appends the value under the cursor; see the contract above.
    #[inline]
    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        match self {
            Column::Text(column) => append_text(column, cursor, work),
            Column::Int64(column) => column.append_integer(cursor, "a BIGINT", integer),
            Column::Int32(column) => column.append_integer(cursor, "an INT", |number| {
                i32::try_from(integer(number)?).ok()
            }),
            Column::Float64(column) => column.append_double(cursor, work),
            Column::Timestamp(column) => column.append(cursor, work),
            Column::Struct(column) => column.append(cursor, work),
            Column::List(column) => column.append(cursor, work),
            Column::Map(column) => column.append(cursor, work),
            other => other.append_rare(cursor, work),
        }
    }

    /// As [`Column::append`], for the types that are seen less often.
    fn append_rare(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        match self {
            Column::Null(len) => {
                cursor.skip_value()?;
                *len += 1;
                Ok(Fit::Whole)
            }
            Column::Boolean(column) => column.append(cursor),
            // Jackson takes 128 to 255 for bytes too, and so does Spark.
            Column::Int8(column) => column.append_integer(cursor, "a TINYINT", |number| {
                let value = integer(number)?;
                (-128..=255)
                    .contains(&value)
                    .then_some(value.to_le_bytes()[0].cast_signed())
            }),
            Column::Int16(column) => column.append_integer(cursor, "a SMALLINT", |number| {
                i16::try_from(integer(number)?).ok()
            }),
            Column::Float32(column) => column.append_float(cursor, work),
            Column::Decimal(column) => column.append(cursor, work),
            Column::Date(column) => column.append_date(cursor, work),
            Column::Binary(column) => append_binary(column, cursor, work),
            other => other.append(cursor, work),
        }
    }

    /// The entries as an array of exactly `data_type`, and an empty column again.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub(super) fn finish(&mut self, data_type: &DataType) -> Result<ArrayRef> {
        Ok(match self {
            Column::Null(len) => Arc::new(NullArray::new(std::mem::take(len))),
            Column::Boolean(column) => {
                let values = column.values.finish();
                Arc::new(BooleanArray::new(values, column.nulls.finish()))
            }
            Column::Int8(column) => Arc::new(column.finish()),
            Column::Int16(column) => Arc::new(column.finish()),
            Column::Int32(column) => Arc::new(column.finish()),
            Column::Int64(column) => Arc::new(column.finish()),
            Column::Float32(column) => Arc::new(column.finish()),
            Column::Float64(column) => Arc::new(column.finish()),
            Column::Decimal(column) => {
                let values = ScalarBuffer::from(take_vec(&mut column.values));
                let array = Decimal128Array::new(values, column.nulls.finish());
                Arc::new(array.with_data_type(data_type.clone()))
            }
            Column::Date(column) => Arc::new(column.finish()),
            Column::Timestamp(column) => {
                let array = column.values.finish();
                Arc::new(array.with_data_type(data_type.clone()))
            }
            Column::Text(column) => {
                let (offsets, values, nulls) = column.finish();
                Arc::new(StringArray::try_new(offsets, values, nulls)?)
            }
            Column::Binary(column) => {
                let (offsets, values, nulls) = column.finish();
                Arc::new(BinaryArray::try_new(offsets, values, nulls)?)
            }
            Column::Struct(column) => Arc::new(column.finish(data_type)?),
            Column::List(column) => column.finish(data_type)?,
            Column::Map(column) => column.finish(data_type)?,
        })
    }
}

/// Takes a vector out, and leaves one with room for as much: the next batch will be about as large.
pub(super) fn take_vec<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(values.len());
    std::mem::replace(values, next)
}

/// An integer that fits 64 bits.
#[inline]
fn integer(number: &Number<'_>) -> Option<i64> {
    if !number.is_integer {
        return None;
    }
    if !number.is_exact {
        return std::str::from_utf8(number.text).ok()?.parse().ok();
    }
    if number.is_negative {
        0_i64.checked_sub_unsigned(number.mantissa)
    } else {
        i64::try_from(number.mantissa).ok()
    }
}

fn double(number: &Number<'_>) -> Option<f64> {
    if number.special.is_some() {
        return number.special;
    }
    if number.is_exact {
        let exact = exact_double(number.mantissa, number.exponent);
        if let Some(value) = exact {
            return Some(if number.is_negative { -value } else { value });
        }
    }
    std::str::from_utf8(number.text).ok()?.parse().ok()
}

/// `mantissa` times ten to the power of `exponent`, if one operation on exact doubles gives it, which is rounded right.
#[inline]
fn exact_double(mantissa: u64, exponent: i64) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if mantissa > 1 << 53 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits")]
    let mantissa = mantissa as f64;
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    Some(if exponent < 0 {
        mantissa / power
    } else {
        mantissa * power
    })
}

/// What Spark reads as a float in quotes.
fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" | "+INF" | "INF" => Some(f64::INFINITY),
        "-Infinity" | "-INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A boolean column.
#[derive(Debug)]
pub(super) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Booleans {
    fn new() -> Booleans {
        Booleans {
            values: BooleanBufferBuilder::new(0),
            nulls: NullBufferBuilder::new(0),
        }
    }

    fn push(&mut self, value: Option<bool>) {
        self.values.append(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    fn append(&mut self, cursor: &mut Cursor<'_>) -> Read<Fit> {
        let at = cursor.position();
        match token(cursor)? {
            Token::Null => self.push(None),
            Token::Boolean(value) => self.push(Some(value)),
            Token::Text(_) | Token::Number(_) | Token::Nested => {
                let expected = "a BOOLEAN";
                return Ok(Fit::No(Misfit { at, expected }));
            }
        }
        Ok(Fit::Whole)
    }
}

/// A column of fixed width.
#[derive(Debug)]
pub(super) struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new() -> Numbers<T> {
        Numbers {
            values: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        }
    }

    #[inline]
    fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    fn push_null(&mut self) {
        self.values.push(T::Native::usize_as(0));
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> PrimitiveArray<T> {
        let values = ScalarBuffer::from(take_vec(&mut self.values));
        PrimitiveArray::new(values, self.nulls.finish())
    }

    /// Appends what `convert` makes of a value, if it makes something of it.
    #[inline]
    fn settle(&mut self, value: Option<T::Native>, at: usize, expected: &'static str) -> Fit {
        match value {
            Some(value) => {
                self.push(value);
                Fit::Whole
            }
            None => Fit::No(Misfit { at, expected }),
        }
    }

    #[inline]
    fn append_integer(
        &mut self,
        cursor: &mut Cursor<'_>,
        expected: &'static str,
        convert: impl Fn(&Number<'_>) -> Option<T::Native>,
    ) -> Read<Fit> {
        let at = cursor.position();
        if let Some(b'0'..=b'9' | b'-') = cursor.peek() {
            let number = cursor.number()?;
            return Ok(self.settle(convert(&number), at, expected));
        }
        match token(cursor)? {
            Token::Null => self.push_null(),
            Token::Boolean(_) | Token::Text(_) | Token::Number(_) | Token::Nested => {
                return Ok(Fit::No(Misfit { at, expected }));
            }
        }
        Ok(Fit::Whole)
    }
}

impl Numbers<Float64Type> {
    #[inline]
    fn append_double(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        let value = match token(cursor)? {
            Token::Number(number) => double(&number),
            Token::Text(raw) if work.non_numeric_numbers => special_float(work.text(raw, at)?),
            Token::Null => {
                self.push_null();
                return Ok(Fit::Whole);
            }
            Token::Text(_) | Token::Boolean(_) | Token::Nested => None,
        };
        Ok(self.settle(value, at, "a DOUBLE"))
    }
}

impl Numbers<Float32Type> {
    fn append_float(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        let value = match token(cursor)? {
            Token::Number(number) => single(&number),
            Token::Text(raw) if work.non_numeric_numbers => {
                special_float(work.text(raw, at)?).map(narrow)
            }
            Token::Null => {
                self.push_null();
                return Ok(Fit::Whole);
            }
            Token::Text(_) | Token::Boolean(_) | Token::Nested => None,
        };
        Ok(self.settle(value, at, "a FLOAT"))
    }
}

/// A number as `FLOAT`: rounded once, from the text.
fn single(number: &Number<'_>) -> Option<f32> {
    match number.special {
        Some(special) => Some(narrow(special)),
        None => std::str::from_utf8(number.text).ok()?.parse().ok(),
    }
}

/// NaN and the infinities as `FLOAT`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "called for NaN and the infinities only, which stay what they are"
)]
fn narrow(special: f64) -> f32 {
    special as f32
}

impl Numbers<Date32Type> {
    fn append_date(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        let value = match token(cursor)? {
            Token::Text(raw) => {
                let text = work.text(raw, at)?.to_owned();
                work.times.date_or_days(&text)
            }
            Token::Null => {
                self.push_null();
                return Ok(Fit::Whole);
            }
            Token::Number(_) | Token::Boolean(_) | Token::Nested => None,
        };
        Ok(self.settle(value, at, "a DATE"))
    }
}

/// A column of timestamps, with time zone or without.
#[derive(Debug)]
pub(super) struct Timestamps {
    values: Numbers<TimestampMicrosecondType>,
    has_zone: bool,
}

impl Timestamps {
    #[inline]
    fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        let value = match token(cursor)? {
            Token::Text(raw) if raw.has_escape => {
                let text = work.text(raw, at)?.to_owned();
                self.convert(text.as_bytes(), work)
            }
            Token::Text(raw) => self.convert(raw.bytes, work),
            Token::Number(number) if self.has_zone => {
                integer(&number).and_then(|seconds| seconds.checked_mul(1_000_000))
            }
            Token::Null => {
                self.values.push_null();
                return Ok(Fit::Whole);
            }
            Token::Number(_) | Token::Boolean(_) | Token::Nested => None,
        };
        Ok(self.values.settle(value, at, "a TIMESTAMP"))
    }

    #[inline]
    fn convert(&self, text: &[u8], work: &Work) -> Option<i64> {
        if self.has_zone {
            work.times.timestamp(text)
        } else {
            work.times.timestamp_ntz(text)
        }
    }
}

/// A column of decimals.
#[derive(Debug)]
pub(super) struct Decimals {
    values: Vec<i128>,
    nulls: NullBufferBuilder,
    precision: u8,
    scale: i8,
}

impl Decimals {
    fn push(&mut self, value: Option<i128>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    fn parse(&self, text: &str) -> Option<i128> {
        parse::decimal(text, self.precision, self.scale).ok()
    }

    fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        let value = match token(cursor)? {
            Token::Number(number) => std::str::from_utf8(number.text)
                .ok()
                .and_then(|text| self.parse(text)),
            Token::Text(raw) => {
                let text = work.text(raw, at)?.replace(',', "");
                self.parse(&text)
            }
            Token::Null => {
                self.push(None);
                return Ok(Fit::Whole);
            }
            Token::Boolean(_) | Token::Nested => None,
        };
        if value.is_none() {
            let expected = "a DECIMAL of that precision";
            return Ok(Fit::No(Misfit { at, expected }));
        }
        self.push(value);
        Ok(Fit::Whole)
    }
}

/// A column of strings or of bytes.
#[derive(Debug)]
pub(super) struct Bytes {
    data: Vec<u8>,
    /// Where each entry ends in `data`, after a leading 0. The decoder bounds the bytes of a batch, so they fit.
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Bytes {
    pub(super) fn new() -> Bytes {
        Bytes {
            data: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ends an entry after what was put into `data`.
    #[inline]
    fn close(&mut self) {
        self.offsets
            .push(i32::try_from(self.data.len()).unwrap_or(i32::MAX));
        self.nulls.append_non_null();
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.close();
    }

    pub(super) fn push_null(&mut self) {
        self.offsets
            .push(i32::try_from(self.data.len()).unwrap_or(i32::MAX));
        self.nulls.append_null();
    }

    /// Appends the text of a string that was read at `at`.
    #[inline]
    pub(super) fn push_text(&mut self, raw: RawText<'_>, at: usize) -> Read<()> {
        if raw.has_escape {
            unescape(raw.bytes, &mut self.data);
        } else {
            self.data.extend_from_slice(raw.bytes);
        }
        if !raw.is_ascii && std::str::from_utf8(raw.bytes).is_err() {
            return Err(not_utf8(at));
        }
        self.close();
        Ok(())
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        let end = self.offsets.last().copied().unwrap_or_default();
        // What an unfinished entry has left behind goes too.
        self.data.truncate(usize::try_from(end).unwrap_or(0));
        self.nulls.truncate(len);
    }

    pub(super) fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let data = Buffer::from_vec(take_vec(&mut self.data));
        let offsets = take_vec(&mut self.offsets);
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        (offsets, data, self.nulls.finish())
    }
}

/// Appends any value to a string column: strings as their text, everything else as its JSON.
#[inline]
fn append_text(column: &mut Bytes, cursor: &mut Cursor<'_>, work: &Work) -> Read<Fit> {
    let at = cursor.position();
    if cursor.at_string() {
        let raw = cursor.string()?;
        column.push_text(raw, at)?;
        return Ok(Fit::Whole);
    }
    if cursor.peek() == Some(b'n') {
        cursor.literal(b"null")?;
        column.push_null();
        return Ok(Fit::Whole);
    }
    if work.keeps_text {
        cursor.skip_value()?;
        let raw = cursor.since(at);
        if std::str::from_utf8(raw).is_err() {
            return Err(not_utf8(at));
        }
        column.push(raw);
    } else {
        rewrite(cursor, &mut column.data)?;
        column.close();
    }
    Ok(Fit::Whole)
}

/// Appends a string in base64 to a binary column.
fn append_binary(column: &mut Bytes, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
    let at = cursor.position();
    match token(cursor)? {
        Token::Null => column.push_null(),
        Token::Text(raw) => {
            if let Ok(bytes) = BASE64.decode(work.text(raw, at)?) {
                column.push(&bytes);
            } else {
                let expected = "a BINARY in base64";
                return Ok(Fit::No(Misfit { at, expected }));
            }
        }
        Token::Boolean(_) | Token::Number(_) | Token::Nested => {
            let expected = "a BINARY in base64";
            return Ok(Fit::No(Misfit { at, expected }));
        }
    }
    Ok(Fit::Whole)
}
