//! `max_by(expr, ordering, k)` and `min_by(expr, ordering, k)`: the values that stand beside the `k` greatest or least of another, best first.
//! Of equal ones the first rows count; rows whose ordering is null do not.
//!
//! A group keeps its best `k` entries in order, so that memory is bounded by `k`. The state is an array of structs, value and ordering.

use super::rows::{counted_rows, for_each_row, slot_of};
use super::slots::Codec;
use crate::error::{Error, Result};
use crate::function::Accumulator;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

/// An ordering and an entry, as bytes that order as the ordering does.
type Entry = (Box<[u8]>, Box<[u8]>);

#[derive(Debug)]
pub(super) struct TopBy {
    limit: usize,
    is_greatest: bool,
    fields: Fields,
    orderings: Codec,
    entries: Codec,
    groups: Vec<Vec<Entry>>,
}

impl TopBy {
    /// Of values and orderings of these types.
    pub(super) fn boxed(
        value: &DataType,
        ordering: &DataType,
        (limit, is_greatest): (usize, bool),
    ) -> Result<Box<dyn Accumulator>> {
        let fields = Fields::from(vec![
            Field::new("value", value.clone(), true),
            Field::new("ordering", ordering.clone(), true),
        ]);
        Ok(Box::new(TopBy {
            limit,
            is_greatest,
            orderings: Codec::of(ordering)?,
            entries: Codec::of(&DataType::Struct(fields.clone()))?,
            fields,
            groups: Vec::new(),
        }))
    }

    fn add(
        &mut self,
        (value, ordering): (&ArrayRef, &ArrayRef),
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let columns = vec![Arc::clone(value), Arc::clone(ordering)];
        let entries: ArrayRef = Arc::new(StructArray::try_new(self.fields.clone(), columns, None)?);
        let entries = self.entries.encode(&entries)?;
        let orderings = self.orderings.encode(ordering)?;
        let (limit, is_greatest) = (self.limit, self.is_greatest);
        for_each_row(groups, counted, |row, group| {
            let kept = slot_of(&mut self.groups, group);
            let ordering = orderings.value(row);
            // Equal ones go behind those that are there.
            let place = kept.partition_point(|(other, _)| {
                if is_greatest {
                    &**other >= ordering
                } else {
                    &**other <= ordering
                }
            });
            if place < limit {
                kept.truncate(limit - 1);
                kept.insert(place, (ordering.into(), entries.value(row).into()));
            }
        });
        Ok(())
    }

    /// The entries of these groups one after the other, and how many each has.
    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<usize>)> {
        let of = |group: &u32| {
            self.groups
                .get(*group as usize)
                .map_or(&[][..], Vec::as_slice)
        };
        let entries = groups.iter().flat_map(|group| of(group).iter());
        let entries = self
            .entries
            .decode(entries.map(|(_, entry)| Some(&**entry)))?;
        Ok((
            entries,
            groups.iter().map(|group| of(group).len()).collect(),
        ))
    }
}

impl Accumulator for TopBy {
    fn state_types(&self) -> Vec<DataType> {
        vec![types::list_of(DataType::Struct(self.fields.clone()))]
    }

    fn resize(&mut self, groups: usize) {
        self.groups.resize_with(groups, Vec::new);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [value, ordering, ..] = arguments else {
            return Err(Error::internal("`min_by` and `max_by` fold two columns"));
        };
        let counted = counted_rows(std::slice::from_ref(ordering), filter);
        self.add((value, ordering), groups, counted.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [state] = state else {
            return Err(Error::internal(
                "the state of `max_by` with a number is one column",
            ));
        };
        let lists = state.as_list::<i32>();
        for (row, group) in groups.iter().enumerate() {
            let entries = lists.value(row);
            let [value, ordering] = entries.as_struct().columns() else {
                return Err(Error::internal("an entry is a value and its ordering"));
            };
            self.add((value, ordering), &vec![*group; entries.len()], None)?;
        }
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let (entries, lengths) = self.gather(groups)?;
        let field = types::list_field(DataType::Struct(self.fields.clone()));
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(vec![Arc::new(ListArray::try_new(
            field, offsets, entries, None,
        )?)])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let (entries, lengths) = self.gather(groups)?;
        let values = Arc::clone(entries.as_struct().column(0));
        let seen: NullBuffer = lengths
            .iter()
            .map(|length| *length > 0)
            .collect::<Vec<_>>()
            .into();
        Ok(Arc::new(ListArray::try_new(
            types::list_field(values.data_type().clone()),
            OffsetBuffer::from_lengths(lengths),
            values,
            Some(seen),
        )?))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.groups, *group as usize) = Vec::new();
        }
    }

    fn memory_bytes(&self) -> usize {
        let entries = self.groups.iter().flatten();
        let own: usize = entries
            .map(|(ordering, entry)| ordering.len() + entry.len() + size_of::<Entry>())
            .sum();
        own + self.groups.capacity() * size_of::<Vec<Entry>>()
    }
}
