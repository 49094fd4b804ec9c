//! `collect_list` (`array_agg`), `collect_set` and `collect_union`: the values of a group that are not null, in the order of their arrival; a
//! set keeps the first of equal ones. Floats in a set are equal as in grouping: NaN equals NaN, -0.0 becomes 0.0.

use super::Definition;
use super::rows::{counted_rows, for_each_row, slot_of, value_of};
use super::slots::Codec;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, ListArray, PrimitiveArray,
    StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, Float32Type, Float64Type};
use hashbrown::HashTable;
use std::fmt::Debug;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "collect_list",
        usage: "collect_list(expr)",
        description: "An array of the values that are not null.",
        example: "SELECT collect_list(v) FROM VALUES (1), (2), (1) AS t(v)",
        resolve: resolve_list,
        accumulator: |_, signature| accumulator(signature, false),
    },
    Definition {
        name: "collect_set",
        usage: "collect_set(expr)",
        description: "An array of the distinct values that are not null.",
        example: "SELECT collect_set(v) FROM VALUES (1), (2), (1) AS t(v)",
        resolve: resolve_set,
        accumulator: |_, signature| accumulator(signature, true),
    },
    Definition {
        name: "collect_union",
        usage: "collect_union(array)",
        description: "An array of the distinct elements of all the arrays that are not null.",
        example: "SELECT collect_union(v) FROM VALUES (array(1, 2)), (array(2, 3)) AS t(v)",
        resolve: resolve_union,
        accumulator: |_, signature| {
            let Some(DataType::List(element)) = signature.arguments.first() else {
                return Err(Error::internal(
                    "`collect_union` folds one column of arrays",
                ));
            };
            Ok(Box::new(CollectAccumulator {
                element: element.data_type().clone(),
                lists: lists_of(element.data_type(), true)?,
                unites: true,
            }))
        },
    },
];

fn resolve_list(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let element = argument(name, arguments, 0)?.data_type.clone();
    Ok(Signature {
        returns: types::list_of(element.clone()),
        arguments: vec![element],
        is_nullable: false,
    })
}

fn resolve_set(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    let signature = resolve_list(name, arguments)?;
    match signature.arguments.first() {
        Some(element) if types::is_hashable(element) => Ok(signature),
        _ => Err(
            Error::invalid(format!("`{name}` cannot compare maps for equality"))
                .with_condition("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE"),
        ),
    }
}

fn resolve_union(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let array = argument_type(name, arguments, 0, &[Wanted::Array])?;
    match &array {
        DataType::List(element) if types::is_hashable(element.data_type()) => Ok(Signature {
            returns: array.clone(),
            arguments: vec![array],
            is_nullable: false,
        }),
        _ => Err(
            Error::invalid(format!("`{name}` cannot compare maps for equality"))
                .with_condition("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE"),
        ),
    }
}

fn accumulator(signature: &Signature, is_distinct: bool) -> Result<Box<dyn Accumulator>> {
    let Some(element) = signature.arguments.first() else {
        return Err(Error::internal("`collect_list` folds one column"));
    };
    Ok(Box::new(CollectAccumulator {
        element: element.clone(),
        lists: lists_of(element, is_distinct)?,
        unites: false,
    }))
}

/// Lists of values of one type, one a group.
pub(super) trait Lists: Send + Sync + Debug {
    /// Makes room for groups `0..groups`; new lists are empty.
    fn resize(&mut self, groups: usize);
    /// Appends the counted rows of `column`, none of them null, to the lists of their groups.
    fn append(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()>;
    /// The elements of the lists of these groups one after the other, and how many each has.
    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<usize>)>;
    /// Empties the lists of these groups and gives their memory back.
    fn clear(&mut self, groups: &[u32]);
    /// About how many bytes it holds.
    fn memory_bytes(&self) -> usize;
}

/// Lists of values of this type.
pub(super) fn lists_of(element: &DataType, is_distinct: bool) -> Result<Box<dyn Lists>> {
    if is_distinct {
        return Ok(Box::new(ByteSets {
            lists: ByteLists::of(element)?,
            members: HashTable::new(),
        }));
    }
    macro_rules! primitive {
        ($t:ty) => {
            return Ok(Box::new(PrimitiveLists::<$t> {
                data_type: element.clone(),
                lists: Vec::new(),
            }))
        };
    }
    arrow::array::downcast_primitive! {
        element => (primitive),
        _ => Ok(Box::new(ByteLists::of(element)?)),
    }
}

#[derive(Debug)]
struct PrimitiveLists<T: ArrowPrimitiveType> {
    data_type: DataType,
    lists: Vec<Vec<T::Native>>,
}

impl<T: ArrowPrimitiveType + Debug> Lists for PrimitiveLists<T> {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups, Vec::new());
    }

    fn append(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let column = column.as_primitive::<T>().values();
        let lists = &mut self.lists;
        for_each_row(groups, counted, |row, group| {
            slot_of(lists, group).push(value_of(column, row));
        });
        Ok(())
    }

    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<usize>)> {
        let mut elements = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in groups {
            let list = self
                .lists
                .get(*group as usize)
                .map_or(&[][..], Vec::as_slice);
            elements.extend_from_slice(list);
            lengths.push(list.len());
        }
        let elements =
            PrimitiveArray::<T>::new(elements.into(), None).with_data_type(self.data_type.clone());
        Ok((Arc::new(elements), lengths))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.lists, *group as usize) = Vec::new();
        }
    }

    fn memory_bytes(&self) -> usize {
        let elements: usize = self.lists.iter().map(Vec::capacity).sum();
        elements * T::Native::get_byte_width() + self.lists.capacity() * size_of::<Vec<T>>()
    }
}

/// Values as bytes, back to back.
#[derive(Debug, Default, Clone)]
struct ByteList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl ByteList {
    fn push(&mut self, value: &[u8]) -> Result<()> {
        let end = u32::try_from(self.bytes.len() + value.len()).map_err(|_| {
            Error::data("an array of an aggregate grows beyond 4 GiB")
                .with_condition("COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION")
        })?;
        self.bytes.extend_from_slice(value);
        self.ends.push(end);
        Ok(())
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |end| *end as usize);
        let end = self.ends.get(index).map_or(start, |end| *end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.get(index))
    }
}

#[derive(Debug)]
struct ByteLists {
    codec: Codec,
    lists: Vec<ByteList>,
}

impl ByteLists {
    fn of(element: &DataType) -> Result<ByteLists> {
        Ok(ByteLists {
            codec: Codec::of(element)?,
            lists: Vec::new(),
        })
    }
}

impl Lists for ByteLists {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups, ByteList::default());
    }

    fn append(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let encoded = self.codec.encode(column)?;
        let mut result = Ok(());
        for_each_row(groups, counted, |row, group| {
            if let Err(error) = slot_of(&mut self.lists, group).push(encoded.value(row)) {
                result = Err(error);
            }
        });
        result
    }

    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<usize>)> {
        let lists = || {
            groups
                .iter()
                .filter_map(|group| self.lists.get(*group as usize))
        };
        let elements = self
            .codec
            .decode(lists().flat_map(ByteList::iter).map(Some))?;
        Ok((elements, lists().map(|list| list.ends.len()).collect()))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.lists, *group as usize) = ByteList::default();
        }
    }

    fn memory_bytes(&self) -> usize {
        let own: usize = self
            .lists
            .iter()
            .map(|list| list.bytes.capacity() + list.ends.capacity() * 4)
            .sum();
        own + self.lists.capacity() * size_of::<ByteList>()
    }
}

/// Lists without duplicates: one hash table over the members of all groups.
#[derive(Debug)]
struct ByteSets {
    lists: ByteLists,
    /// The group and the place in its list of each member.
    members: HashTable<(u32, u32)>,
}

fn member_hash(group: u32, value: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(value, u64::from(group))
}

impl Lists for ByteSets {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn append(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let column = normalize_floats(column);
        let encoded = self.lists.codec.encode(&column)?;
        let (lists, members) = (&mut self.lists.lists, &mut self.members);
        let mut result = Ok(());
        for_each_row(groups, counted, |row, group| {
            let value = encoded.value(row);
            let group_number = u32::try_from(group).unwrap_or(u32::MAX);
            let hash = member_hash(group_number, value);
            let is_known = members
                .find(hash, |(other, index)| {
                    *other == group_number
                        && lists
                            .get(group)
                            .is_some_and(|list| list.get(*index as usize) == value)
                })
                .is_some();
            if is_known {
                return;
            }
            let list = slot_of(lists, group);
            let index = u32::try_from(list.ends.len()).unwrap_or(u32::MAX);
            if let Err(error) = list.push(value) {
                result = Err(error);
                return;
            }
            members.insert_unique(hash, (group_number, index), |(group, index)| {
                let list = lists.get(*group as usize);
                member_hash(*group, list.map_or(&[], |list| list.get(*index as usize)))
            });
        });
        result
    }

    fn gather(&self, groups: &[u32]) -> Result<(ArrayRef, Vec<usize>)> {
        self.lists.gather(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            let list = std::mem::take(slot_of(&mut self.lists.lists, *group as usize));
            for (index, value) in list.iter().enumerate() {
                let member = (*group, u32::try_from(index).unwrap_or(u32::MAX));
                if let Ok(entry) = self
                    .members
                    .find_entry(member_hash(*group, value), |other| *other == member)
                {
                    entry.remove();
                }
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        self.lists.memory_bytes() + self.members.allocation_size()
    }
}

/// The column with every float in it, however deep, in one form: 0.0 for -0.0, one NaN for all.
pub(crate) fn normalize_floats(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| {
                    if value.is_nan() {
                        f32::NAN
                    } else {
                        value + 0.0
                    }
                }),
        ),
        DataType::Float64 => Arc::new(
            column
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| {
                    if value.is_nan() {
                        f64::NAN
                    } else {
                        value + 0.0
                    }
                }),
        ),
        DataType::Struct(fields) if !fields.is_empty() => {
            let column = column.as_struct();
            let columns = column.columns().iter().map(normalize_floats).collect();
            Arc::new(StructArray::new(
                fields.clone(),
                columns,
                column.nulls().cloned(),
            ))
        }
        DataType::List(field) => {
            let column = column.as_list::<i32>();
            Arc::new(ListArray::new(
                Arc::clone(field),
                column.offsets().clone(),
                normalize_floats(column.values()),
                column.nulls().cloned(),
            ))
        }
        _ => Arc::clone(column),
    }
}

/// The state is the array itself.
#[derive(Debug)]
struct CollectAccumulator {
    element: DataType,
    lists: Box<dyn Lists>,
    /// Whether it is the elements of its argument that are collected.
    unites: bool,
}

impl CollectAccumulator {
    /// Appends the elements that are not null of the counted arrays.
    fn unite(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let arrays = column.as_list::<i32>();
        let mut result = Ok(());
        for_each_row(groups, counted, |row, group| {
            if result.is_ok() {
                let elements = arrays.value(row);
                let group = u32::try_from(group).unwrap_or(u32::MAX);
                let nulls = elements.logical_nulls();
                result = self
                    .lists
                    .append(&elements, &vec![group; elements.len()], nulls.as_ref());
            }
        });
        result
    }
}

impl Accumulator for CollectAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![types::list_of(self.element.clone())]
    }

    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column] = arguments else {
            return Err(Error::internal("`collect_list` folds one column"));
        };
        let counted = counted_rows(arguments, filter);
        if self.unites {
            return self.unite(column, groups, counted.as_ref());
        }
        self.lists.append(column, groups, counted.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [state] = state else {
            return Err(Error::internal("the state of a list is one column"));
        };
        append_lists(self.lists.as_mut(), state, groups)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        gather_lists(self.lists.as_ref(), &self.element, groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.lists.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.lists.memory_bytes()
    }
}

/// Appends each row of a column of arrays to the list of its group.
pub(super) fn append_lists(lists: &mut dyn Lists, column: &ArrayRef, groups: &[u32]) -> Result<()> {
    let column = column.as_list::<i32>();
    let offsets = column.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Ok(());
    };
    let elements = column
        .values()
        .slice(first.as_usize(), (last - first).as_usize());
    let lengths = column.offsets().lengths();
    let element_groups: Vec<u32> = groups
        .iter()
        .zip(lengths)
        .flat_map(|(group, length)| std::iter::repeat_n(*group, length))
        .collect();
    lists.append(&elements, &element_groups, None)
}

/// The lists of these groups as a column of arrays.
pub(super) fn gather_lists(
    lists: &dyn Lists,
    element: &DataType,
    groups: &[u32],
) -> Result<ArrayRef> {
    let (elements, lengths) = lists.gather(groups)?;
    Ok(Arc::new(ListArray::try_new(
        types::list_field(element.clone()),
        OffsetBuffer::from_lengths(lengths),
        elements,
        None,
    )?))
}
