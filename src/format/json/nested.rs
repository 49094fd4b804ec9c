//! Columns of structs, arrays and maps, and the guess at what key comes next.
//!
//! Records of a stream tend to have the same keys in the same order, with the same white space. A struct column
//! remembers the text from each comma to the value behind it (`"ad_id": `) as a [`Step`], in the order of the last record, and
//! first compares the bytes at the cursor with the step it expects: one comparison of 16 bytes for most keys. Only where that
//! fails is the key read, looked up, and learned. The guess changes nothing but the time it takes: a step stands for the
//! same bytes, hence for the same key.

use super::column::{Bytes, Column, Fit, Misfit, Work, take_vec};
use super::cursor::{Cursor, Read, unescape};
use crate::error::{Error, Result};
use crate::types;
use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StringArray, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use std::collections::HashMap;
use std::sync::Arc;

/// How many keys of a record are remembered. Records with more are read without the guess from there on.
const STEPS_MAX: usize = 1024;

/// How long the text of a step may be to be remembered.
const STEP_BYTES_MAX: usize = 256;

/// A key that is expected: its text from the value before it, with the comma, to the value behind it.
#[derive(Debug)]
struct Step {
    /// Whether it opens the object, so that there is no comma.
    is_first: bool,
    /// The first 16 bytes of the text, and which bits of them count.
    head: u128,
    mask: u128,
    /// The whole text.
    text: Box<[u8]>,
    /// Which field it is; `None` for one that nobody asked for.
    field: Option<usize>,
}

impl Step {
    fn new(text: &[u8], field: Option<usize>, is_first: bool) -> Step {
        let mut head = [0; 16];
        let mut mask = [0; 16];
        for ((byte, into), bits) in text.iter().zip(&mut head).zip(&mut mask) {
            *into = *byte;
            *bits = 0xff;
        }
        Step {
            is_first,
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            text: text.into(),
            field,
        }
    }

    /// Whether the text ahead is this step's.
    #[inline]
    fn matches(&self, ahead: &[u8]) -> bool {
        match ahead.first_chunk::<16>() {
            Some(chunk) => {
                u128::from_le_bytes(*chunk) & self.mask == self.head
                    && (self.text.len() <= 16 || ahead.starts_with(&self.text))
            }
            None => ahead.starts_with(&self.text),
        }
    }
}

/// The text of a step, in the same form for a key that is the first of its object and one that is not.
fn without_comma(text: &[u8]) -> &[u8] {
    text.strip_prefix(b",").unwrap_or(text).trim_ascii_start()
}

/// A struct column, also the root of a decoder.
#[derive(Debug)]
pub(super) struct StructColumn {
    columns: Vec<Column>,
    by_name: HashMap<Box<[u8]>, usize>,
    steps: Vec<Step>,
    nulls: NullBufferBuilder,
    len: usize,
}

impl StructColumn {
    pub(super) fn new(fields: &Fields) -> Result<StructColumn> {
        let columns = fields
            .iter()
            .map(|field| Column::new(field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        let mut by_name = HashMap::new();
        for (index, field) in fields.iter().enumerate() {
            by_name.insert(field.name().as_bytes().into(), index);
        }
        Ok(StructColumn {
            columns,
            by_name,
            steps: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            len: 0,
        })
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends null, and null to every field.
    pub(super) fn append_null(&mut self) {
        self.columns.iter_mut().for_each(Column::append_null);
        self.nulls.append_null();
        self.len += 1;
    }

    /// Appends a struct whose fields are all null.
    pub(super) fn append_empty(&mut self) {
        self.columns.iter_mut().for_each(Column::append_null);
        self.nulls.append_non_null();
        self.len += 1;
    }

    pub(super) fn truncate(&mut self, len: usize) {
        for column in &mut self.columns {
            column.truncate(len);
        }
        self.nulls.truncate(len);
        self.len = len.min(self.len);
    }

    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        match cursor.peek() {
            Some(b'{') => {
                cursor.advance(1);
                self.append_object(cursor, work)
            }
            Some(b'n') => {
                cursor.literal(b"null")?;
                self.append_null();
                Ok(Fit::Whole)
            }
            _ => {
                cursor.skip_value()?;
                let expected = "an object";
                Ok(Fit::No(Misfit { at, expected }))
            }
        }
    }

    /// Appends an object whose opening brace has been read. Gives [`Fit::Whole`] or [`Fit::Partial`].
    pub(super) fn append_object(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let fit = self.append_object_unless(cursor, work, |_, _| false)?;
        Ok(fit.unwrap_or(Fit::Whole))
    }

    /// As [`StructColumn::append_object`], unless `rejects` says of a field, by its index, and the value under the cursor that the
    /// object is not wanted: then nothing is appended, the rest of the object is not read, and the answer is `None`.
    #[inline]
    pub(super) fn append_object_unless(
        &mut self,
        cursor: &mut Cursor<'_>,
        work: &mut Work,
        rejects: impl Fn(usize, &Cursor<'_>) -> bool,
    ) -> Read<Option<Fit>> {
        let row = self.len;
        let mut fit = Fit::Whole;
        let mut step = 0;
        let mut is_first = true;
        while let Some(field) = self.next_field(cursor, &mut step, is_first)? {
            is_first = false;
            if field.is_some_and(|index| rejects(index, cursor)) {
                self.cut_back(row);
                return Ok(None);
            }
            let Some(column) = field.and_then(|index| self.columns.get_mut(index)) else {
                cursor.skip_value()?;
                continue;
            };
            // The last of several values of one key wins.
            if column.len() > row {
                column.truncate(row);
            }
            if let Fit::Partial(misfit) | Fit::No(misfit) = column.append(cursor, work)?
                && fit == Fit::Whole
            {
                fit = Fit::Partial(misfit);
            }
        }
        for column in &mut self.columns {
            if column.len() == row {
                column.append_null();
            }
        }
        self.nulls.append_non_null();
        self.len += 1;
        Ok(Some(fit))
    }

    /// Takes back the values of an object that is not finished.
    #[inline]
    fn cut_back(&mut self, row: usize) {
        for column in &mut self.columns {
            if column.len() > row {
                column.truncate(row);
            }
        }
    }

    /// Reads what lies between two values: the comma, unless the key is the first, a key and the colon. Gives which field it is, if
    /// anyone asked for it; `None` at the end of the object, which is read too. `step` is the guess.
    #[expect(
        clippy::option_option,
        reason = "the end, a field nobody asked for, a field"
    )]
    #[inline]
    fn next_field(
        &mut self,
        cursor: &mut Cursor<'_>,
        step: &mut usize,
        is_first: bool,
    ) -> Read<Option<Option<usize>>> {
        if let Some(expected) = self.steps.get(*step)
            && expected.is_first == is_first
            && expected.matches(cursor.rest())
        {
            cursor.advance(expected.text.len());
            *step += 1;
            // The step may have been learned with less space before the value.
            cursor.skip_space()?;
            return Ok(Some(expected.field));
        }
        let start = cursor.position();
        let is_open = if is_first {
            !cursor.closes(b'}')?
        } else {
            cursor.more(b'}')?
        };
        if !is_open {
            return Ok(None);
        }
        self.learn_field(cursor, step, (start, is_first)).map(Some)
    }

    /// As [`StructColumn::next_field`], where the guess was wrong. `start` is where the text of the step begins.
    #[cold]
    fn learn_field(
        &mut self,
        cursor: &mut Cursor<'_>,
        step: &mut usize,
        (start, is_first): (usize, bool),
    ) -> Read<Option<usize>> {
        let name = cursor.name()?;
        cursor.skip_space()?;
        let field = if name.has_escape {
            let mut text = Vec::new();
            unescape(name.bytes, &mut text);
            self.by_name.get(&*text).copied()
        } else {
            self.by_name.get(name.bytes).copied()
        };
        let text = cursor.since(start);
        let later = self
            .steps
            .iter()
            .skip(*step)
            .position(|known| without_comma(&known.text) == without_comma(text));
        if let Some(skipped) = later {
            // Keys in between are missing in this record.
            *step += skipped + 1;
        } else if text.len() <= STEP_BYTES_MAX {
            let learned = Step::new(text, field, is_first);
            if let Some(known) = self.steps.get_mut(*step) {
                *known = learned;
            } else if self.steps.len() < STEPS_MAX {
                self.steps.push(learned);
            }
            *step += 1;
        }
        Ok(field)
    }

    /// The columns, each of its field's type, and an empty struct column again.
    pub(super) fn finish_columns(&mut self, fields: &Fields) -> Result<Vec<ArrayRef>> {
        self.len = 0;
        self.columns
            .iter_mut()
            .zip(fields)
            .map(|(column, field)| column.finish(field.data_type()))
            .collect()
    }

    pub(super) fn finish(&mut self, data_type: &DataType) -> Result<StructArray> {
        let DataType::Struct(fields) = data_type else {
            return Err(Error::internal("a struct column is asked for another type"));
        };
        let len = self.len;
        let columns = self.finish_columns(fields)?;
        let nulls = self.nulls.finish();
        Ok(StructArray::try_new_with_length(
            fields.clone(),
            columns,
            nulls,
            len,
        )?)
    }
}

/// Where the entries of an array or a map end among its elements, and which are null.
#[derive(Debug)]
struct Ends {
    /// After a leading 0; the decoder bounds the bytes of a batch, so they fit.
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Ends {
    fn new() -> Ends {
        Ends {
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Ends an entry after so many elements.
    fn close(&mut self, elements: usize, is_valid: bool) {
        self.offsets
            .push(i32::try_from(elements).unwrap_or(i32::MAX));
        self.nulls.append(is_valid);
    }

    /// Cuts back to `len` entries; how many elements are left.
    fn truncate(&mut self, len: usize) -> usize {
        self.offsets.truncate(len + 1);
        self.nulls.truncate(len);
        let end = self.offsets.last().copied().unwrap_or_default();
        usize::try_from(end).unwrap_or(0)
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Option<arrow::buffer::NullBuffer>) {
        let offsets = take_vec(&mut self.offsets);
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        (offsets, self.nulls.finish())
    }
}

/// An array column.
#[derive(Debug)]
pub(super) struct ListColumn {
    elements: Column,
    ends: Ends,
}

impl ListColumn {
    pub(super) fn new(field: &FieldRef) -> Result<ListColumn> {
        Ok(ListColumn {
            elements: Column::new(field.data_type())?,
            ends: Ends::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn append_null(&mut self) {
        self.ends.close(self.elements.len(), false);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        let elements = self.ends.truncate(len);
        self.elements.truncate(elements);
    }

    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        match cursor.peek() {
            Some(b'[') => {
                cursor.advance(1);
                self.append_elements(cursor, work)
            }
            Some(b'n') => {
                cursor.literal(b"null")?;
                self.append_null();
                Ok(Fit::Whole)
            }
            _ => {
                cursor.skip_value()?;
                let expected = "an array";
                Ok(Fit::No(Misfit { at, expected }))
            }
        }
    }

    /// Appends an array whose opening bracket has been read. One element of another type spoils all of it, as in Spark.
    fn append_elements(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let first = self.elements.len();
        let mut fit = Fit::Whole;
        let mut is_open = !cursor.closes(b']')?;
        while is_open {
            cursor.skip_space()?;
            match self.elements.append(cursor, work)? {
                partial @ Fit::Partial(_) if fit == Fit::Whole => fit = partial,
                Fit::Whole | Fit::Partial(_) => {}
                Fit::No(misfit) => {
                    self.elements.truncate(first);
                    cursor.skip_rest(b']')?;
                    return Ok(Fit::No(misfit));
                }
            }
            is_open = cursor.more(b']')?;
        }
        self.ends.close(self.elements.len(), true);
        Ok(fit)
    }

    pub(super) fn has_structs(&self) -> bool {
        matches!(self.elements, Column::Struct(_))
    }

    /// Appends an array of one element, the object under the cursor: what Spark makes of an object where an array of structs
    /// is asked for.
    pub(super) fn append_single(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let fit = self.elements.append(cursor, work)?;
        if !matches!(fit, Fit::No(_)) {
            self.ends.close(self.elements.len(), true);
        }
        Ok(fit)
    }

    pub(super) fn finish(&mut self, data_type: &DataType) -> Result<ArrayRef> {
        let DataType::List(field) = data_type else {
            return Err(Error::internal("an array column is asked for another type"));
        };
        let elements = self.elements.finish(field.data_type())?;
        let (offsets, nulls) = self.ends.finish();
        let array = ListArray::try_new(Arc::clone(field), offsets, elements, nulls)?;
        Ok(Arc::new(array))
    }
}

/// A map column. Keys are strings; a key that comes twice is there twice, as in Spark.
#[derive(Debug)]
pub(super) struct MapColumn {
    keys: Bytes,
    values: Column,
    ends: Ends,
}

impl MapColumn {
    pub(super) fn new(data_type: &DataType) -> Result<MapColumn> {
        match types::map_key_value(data_type) {
            Some((DataType::Utf8, value)) => Ok(MapColumn {
                keys: Bytes::new(),
                values: Column::new(value)?,
                ends: Ends::new(),
            }),
            _ => Err(Error::invalid(format!(
                "the keys of a map that JSON is read into must be strings. type=`{}`",
                types::sql_name(data_type)
            ))
            .with_condition("DATATYPE_MISMATCH.INVALID_JSON_MAP_KEY_TYPE")),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn append_null(&mut self) {
        self.ends.close(self.keys.len(), false);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        let entries = self.ends.truncate(len);
        self.keys.truncate(entries);
        self.values.truncate(entries);
    }

    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let at = cursor.position();
        match cursor.peek() {
            Some(b'{') => {
                cursor.advance(1);
                self.append_entries(cursor, work)
            }
            Some(b'n') => {
                cursor.literal(b"null")?;
                self.append_null();
                Ok(Fit::Whole)
            }
            _ => {
                cursor.skip_value()?;
                let expected = "an object";
                Ok(Fit::No(Misfit { at, expected }))
            }
        }
    }

    /// Appends an object whose opening brace has been read. One value of another type spoils all of it.
    fn append_entries(&mut self, cursor: &mut Cursor<'_>, work: &mut Work) -> Read<Fit> {
        let first = self.keys.len();
        let mut fit = Fit::Whole;
        let mut is_open = !cursor.closes(b'}')?;
        while is_open {
            let at = cursor.position();
            let key = cursor.name()?;
            self.keys.push_text(key, at)?;
            cursor.skip_space()?;
            match self.values.append(cursor, work)? {
                partial @ Fit::Partial(_) if fit == Fit::Whole => fit = partial,
                Fit::Whole | Fit::Partial(_) => {}
                Fit::No(misfit) => {
                    self.keys.truncate(first);
                    self.values.truncate(first);
                    cursor.skip_rest(b'}')?;
                    return Ok(Fit::No(misfit));
                }
            }
            is_open = cursor.more(b'}')?;
        }
        self.ends.close(self.keys.len(), true);
        Ok(fit)
    }

    pub(super) fn finish(&mut self, data_type: &DataType) -> Result<ArrayRef> {
        let DataType::Map(entries, is_sorted) = data_type else {
            return Err(Error::internal("a map column is asked for another type"));
        };
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(Error::internal("the entries of a map are no structs"));
        };
        let value_type =
            types::map_key_value(data_type).map_or(&DataType::Null, |(_, value)| value);
        let values = self.values.finish(value_type)?;
        let (key_offsets, key_data, key_nulls) = self.keys.finish();
        let keys = StringArray::try_new(key_offsets, key_data, key_nulls)?;
        let pairs = StructArray::try_new(fields.clone(), vec![Arc::new(keys), values], None)?;
        let (offsets, nulls) = self.ends.finish();
        let array = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *is_sorted)?;
        Ok(Arc::new(array))
    }
}
