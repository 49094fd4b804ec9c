//! `percentile`, `median`, `percentile_cont`, `percentile_disc` and `mode`: what can be said of a group when it is known how often each
//! value occurs.
//!
//! A group keeps its different values in their order, each with its count: memory grows with the number of different values. The state is
//! two arrays, the values and their counts.

mod mode;
mod percentile;

use super::Definition;
use super::collect::normalize_floats;
use super::rows::{for_each_row, slot_of};
use super::slots::Codec;
use crate::error::{Error, Result};
use crate::function::Accumulator;
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Int64Type};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

pub(super) use percentile::Percentages;

pub(super) const DEFINITIONS: &[&[Definition]] = &[percentile::DEFINITIONS, mode::DEFINITIONS];

/// What an aggregate makes of counted values.
trait Summary: Send + Sync + Debug {
    /// How often each row counts, if an argument says so; `None` for once.
    fn frequencies(&self, arguments: &[ArrayRef]) -> Result<Option<Int64Array>>;

    /// The results: each group has `lengths` of the values, ascending and different, and of their counts, all above 0.
    fn finish(&self, values: &ArrayRef, counts: &[i64], lengths: &[usize]) -> Result<ArrayRef>;
}

/// How often each value occurs in a group. The bytes order as the values do.
type Counts = BTreeMap<Box<[u8]>, i64>;

#[derive(Debug)]
struct FrequencyAccumulator {
    name: &'static str,
    value: DataType,
    codec: Codec,
    groups: Vec<Counts>,
    summary: Box<dyn Summary>,
}

impl FrequencyAccumulator {
    fn boxed(
        name: &'static str,
        value: &DataType,
        summary: Box<dyn Summary>,
    ) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(FrequencyAccumulator {
            name,
            value: value.clone(),
            codec: Codec::of(value)?,
            groups: Vec::new(),
            summary,
        }))
    }

    fn add(
        &mut self,
        column: &ArrayRef,
        (groups, counted): (&[u32], Option<&NullBuffer>),
        frequencies: Option<&Int64Array>,
    ) -> Result<()> {
        let column = normalize_floats(column);
        let encoded = self.codec.encode(&column)?;
        let mut result = Ok(());
        for_each_row(groups, counted, |row, group| {
            let count = frequencies.map_or(1, |frequencies| frequencies.value(row));
            if count == 0 || result.is_err() {
                return;
            }
            let counts = slot_of(&mut self.groups, group);
            let value = encoded.value(row);
            match counts.get_mut(value) {
                Some(known) => match known.checked_add(count) {
                    Some(sum) => *known = sum,
                    None => result = Err(too_many(self.name)),
                },
                None => {
                    counts.insert(value.into(), count);
                }
            }
        });
        result
    }

    /// The values of these groups one after the other, their counts, and how many each has.
    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<i64>, Vec<usize>)> {
        let none = Counts::new();
        let of = |group: &u32| self.groups.get(*group as usize).unwrap_or(&none);
        let values = groups.iter().flat_map(|group| of(group).keys());
        let values = self.codec.decode(values.map(|value| Some(&**value)))?;
        let counts = groups.iter().flat_map(|group| of(group).values().copied());
        let lengths = groups.iter().map(|group| of(group).len()).collect();
        Ok((values, counts.collect(), lengths))
    }
}

fn too_many(name: &str) -> Error {
    Error::data(format!("`{name}` counts more than 2^63 rows"))
        .with_condition("ARITHMETIC_OVERFLOW")
}

impl Accumulator for FrequencyAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![
            types::list_of(self.value.clone()),
            types::list_of(DataType::Int64),
        ]
    }

    fn resize(&mut self, groups: usize) {
        self.groups.resize_with(groups, Counts::new);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column, ..] = arguments else {
            return Err(Error::internal("a frequency is that of a column"));
        };
        let frequencies = self.summary.frequencies(arguments)?;
        let mut counting = vec![Arc::clone(column)];
        if let Some(frequencies) = &frequencies {
            counting.push(Arc::new(frequencies.clone()));
        }
        let counted = super::rows::counted_rows(&counting, filter);
        if let Some(frequencies) = &frequencies {
            let mut negative = None;
            for_each_row(groups, counted.as_ref(), |row, _| {
                negative = negative.or(Some(frequencies.value(row)).filter(|count| *count < 0));
            });
            if let Some(count) = negative {
                return Err(Error::data(format!(
                    "the frequency of `{}` must not be negative. frequency=`{count}`",
                    self.name
                ))
                .with_condition("NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION"));
            }
        }
        self.add(column, (groups, counted.as_ref()), frequencies.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [values, counts] = state else {
            return Err(Error::internal("the state of a frequency is two columns"));
        };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        for (row, group) in groups.iter().enumerate() {
            let (values, counts) = (values.value(row), counts.value(row));
            let counts = counts.as_primitive::<Int64Type>();
            self.add(&values, (&vec![*group; values.len()], None), Some(counts))?;
        }
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let (values, counts, lengths) = self.gather(groups)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        let list = |data_type: &DataType, elements: ArrayRef| -> Result<ArrayRef> {
            let field = types::list_field(data_type.clone());
            Ok(Arc::new(ListArray::try_new(
                field,
                offsets.clone(),
                elements,
                None,
            )?))
        };
        Ok(vec![
            list(&self.value, values)?,
            list(&DataType::Int64, Arc::new(Int64Array::from(counts)))?,
        ])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let (values, counts, lengths) = self.gather(groups)?;
        self.summary.finish(&values, &counts, &lengths)
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.groups, *group as usize) = Counts::new();
        }
    }

    fn memory_bytes(&self) -> usize {
        let entries = self.groups.iter().flatten();
        let own: usize = entries.map(|(value, _)| value.len() + 32).sum();
        own + self.groups.capacity() * size_of::<Counts>()
    }
}
