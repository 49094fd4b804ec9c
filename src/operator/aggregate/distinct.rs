//! `DISTINCT` inside an aggregate: every combination of arguments is folded once per group.
//!
//! Only static input is aggregated so (as in Spark, a stream is refused before), because what is kept grows with the input:
//! every distinct combination of arguments of every group.

use crate::error::{Error, Result};
use crate::function::Accumulator;
use crate::operator::key::{EncodedKeys, KeyIndex};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

/// An accumulator that is shown each combination of arguments once per group.
#[derive(Debug)]
pub(super) struct Distinct {
    inner: Box<dyn Accumulator>,
    arguments: Fields,
    /// Group and arguments that were seen.
    seen: KeyIndex,
    /// Entries of `seen` by group.
    by_group: Vec<Vec<u32>>,
}

impl Distinct {
    pub(super) fn new(inner: Box<dyn Accumulator>, arguments: &[DataType]) -> Distinct {
        let field = |(number, data_type): (usize, &DataType)| {
            Field::new(format!("argument{number}"), data_type.clone(), true)
        };
        Distinct {
            inner,
            arguments: arguments.iter().enumerate().map(field).collect(),
            seen: KeyIndex::default(),
            by_group: Vec::new(),
        }
    }

    fn entry_type(&self) -> Field {
        Field::new("item", DataType::Struct(self.arguments.clone()), true)
    }
}

/// The group goes before the arguments, so that one index serves all groups.
fn with_group(group: u32, arguments: &[u8]) -> Vec<u8> {
    [&group.to_le_bytes()[..], arguments].concat()
}

impl Accumulator for Distinct {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::List(Arc::new(self.entry_type()))]
    }

    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
        self.by_group.resize_with(groups, Vec::new);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let mut rows: Vec<u32> = Vec::new();
        let mut kept: Vec<u32> = Vec::new();
        let encoded = EncodedKeys::new(arguments, groups.len())?;
        for ((row, group), key) in (0..).zip(groups).zip(encoded.iter()) {
            let position = row as usize;
            if filter.is_some_and(|filter| filter.is_null(position) || !filter.value(position)) {
                continue;
            }
            let (entry, is_new) = self.seen.intern(&with_group(*group, key));
            if is_new {
                rows.push(row);
                kept.push(*group);
                if let Some(entries) = self.by_group.get_mut(*group as usize) {
                    entries.push(entry);
                }
            }
        }
        let rows = UInt32Array::from(rows);
        let arguments = arguments
            .iter()
            .map(|argument| Ok(take(argument, &rows, None)?))
            .collect::<Result<Vec<_>>>()?;
        self.inner.update(&arguments, &kept, None)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let lists = state
            .first()
            .and_then(|state| state.as_list_opt::<i32>())
            .ok_or_else(|| Error::internal("not the state of a distinct aggregate"))?;
        for (row, group) in groups.iter().enumerate() {
            let entries = lists.value(row);
            let columns = entries.as_struct().columns();
            self.update(columns, &vec![*group; entries.len()], None)?;
        }
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let none = Vec::new();
        let lists: Vec<&Vec<u32>> = groups
            .iter()
            .map(|group| self.by_group.get(*group as usize).unwrap_or(&none))
            .collect();
        let entries: Vec<u32> = lists.iter().flat_map(|list| list.iter().copied()).collect();
        let keys: Vec<&[u8]> = entries
            .iter()
            .map(|entry| self.seen.key(*entry).get(4..).unwrap_or_default())
            .collect();
        let types: Vec<DataType> = self
            .arguments
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let columns = crate::operator::key::decode(&keys, &types)?;
        let values =
            StructArray::try_new_with_length(self.arguments.clone(), columns, None, keys.len())?;
        let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.len()));
        let field = Arc::new(self.entry_type());
        Ok(vec![Arc::new(ListArray::try_new(
            field,
            offsets,
            Arc::new(values),
            None,
        )?)])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.inner.finish(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.inner.clear(groups);
        for group in groups {
            if let Some(entries) = self.by_group.get_mut(*group as usize) {
                entries.clear();
            }
        }
        let old = std::mem::take(&mut self.seen);
        for entries in &mut self.by_group {
            for entry in entries {
                *entry = self.seen.intern(old.key(*entry)).0;
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let lists: usize = self
            .by_group
            .iter()
            .map(|entries| entries.capacity() * 4 + 24)
            .sum();
        self.inner.memory_bytes() + self.seen.memory_bytes() + lists
    }
}
