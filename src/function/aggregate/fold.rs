//! Aggregates that keep an object of their own a group: sketches, histograms, bitmaps.
//!
//! A [`Fold`] says what the object is, how rows and saved states go into it, and what comes out of it; [`FoldAccumulator`] is the
//! [`Accumulator`] around it. A group without an object saw no row that counts. The saved state is one `BINARY` column: the object as
//! bytes, null without one. The bytes are part of the format of a query's state, so each fold writes them in a fixed form that
//! does not depend on how the object came about in memory.

use super::rows::{for_each_row, slot_of};
use crate::error::{Error, Result};
use crate::function::Accumulator;
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use std::fmt::Debug;
use std::sync::Arc;

/// An aggregate with an object a group.
pub(in crate::function) trait Fold: Send + Sync + Debug {
    /// The object.
    type State: Send + Sync + Debug;

    /// An object that saw nothing.
    fn create(&self) -> Result<Self::State>;

    /// Folds rows in; `rows` says which rows count and where their objects are.
    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()>
    where
        Self: Sized;

    /// Folds a saved object in.
    fn merge(&self, state: &mut Self::State, bytes: &[u8]) -> Result<()>;

    /// The object as bytes.
    fn save(&self, state: &Self::State) -> Result<Vec<u8>>;

    /// The results, a row each; `None` for a group that saw nothing.
    fn finish(&self, states: &[Option<&Self::State>]) -> Result<ArrayRef>;

    /// About how many bytes the object holds.
    fn memory_bytes(&self, state: &Self::State) -> usize;
}

/// The rows of one update and the objects of their groups.
#[derive(Debug)]
pub(in crate::function) struct FoldRows<'a, F: Fold> {
    fold: &'a F,
    groups: &'a [u32],
    filter: Option<&'a BooleanArray>,
    states: &'a mut [Option<Box<F::State>>],
}

impl<F: Fold> FoldRows<'_, F> {
    /// The rows that `filter` lets through and in which none of these columns is null.
    pub(in crate::function) fn counted(&self, columns: &[ArrayRef]) -> Option<NullBuffer> {
        super::rows::counted_rows(columns, self.filter)
    }

    /// Calls `visit` with each of the counted rows and the object of its group.
    pub(in crate::function) fn each(
        &mut self,
        counted: Option<&NullBuffer>,
        mut visit: impl FnMut(usize, &mut F::State) -> Result<()>,
    ) -> Result<()> {
        let mut result = Ok(());
        for_each_row(self.groups, counted, |row, group| {
            if result.is_ok() {
                result = object(self.fold, slot_of(self.states, group))
                    .and_then(|state| visit(row, state));
            }
        });
        result
    }
}

/// The object in a slot, made if there is none.
fn object<'s, F: Fold>(fold: &F, slot: &'s mut Option<Box<F::State>>) -> Result<&'s mut F::State> {
    if slot.is_none() {
        *slot = Some(Box::new(fold.create()?));
    }
    slot.as_deref_mut()
        .ok_or_else(|| Error::internal("an object was just made"))
}

/// The accumulator of a [`Fold`].
#[derive(Debug)]
pub(in crate::function) struct FoldAccumulator<F: Fold> {
    fold: F,
    states: Vec<Option<Box<F::State>>>,
}

impl<F: Fold + 'static> FoldAccumulator<F> {
    /// Without groups.
    pub(in crate::function) fn boxed(fold: F) -> Box<dyn Accumulator> {
        Box::new(FoldAccumulator {
            fold,
            states: Vec::new(),
        })
    }
}

impl<F: Fold> Accumulator for FoldAccumulator<F> {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Binary]
    }

    fn resize(&mut self, groups: usize) {
        self.states.resize_with(groups, || None);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let mut rows = FoldRows {
            fold: &self.fold,
            groups,
            filter,
            states: &mut self.states,
        };
        self.fold.update(arguments, &mut rows)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let saved = state
            .first()
            .and_then(|state| state.as_binary_opt::<i32>())
            .ok_or_else(|| Error::internal("the state of this aggregate is one binary column"))?;
        let mut result = Ok(());
        for_each_row(groups, saved.nulls(), |row, group| {
            if result.is_ok() {
                result = object(&self.fold, slot_of(&mut self.states, group))
                    .and_then(|state| self.fold.merge(state, saved.value(row)));
            }
        });
        result
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut builder = BinaryBuilder::new();
        for group in groups {
            match self.states.get(*group as usize).and_then(Option::as_deref) {
                Some(state) => builder.append_value(self.fold.save(state)?),
                None => builder.append_null(),
            }
        }
        Ok(vec![Arc::new(builder.finish())])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let states: Vec<Option<&F::State>> = groups
            .iter()
            .map(|group| self.states.get(*group as usize).and_then(Option::as_deref))
            .collect();
        self.fold.finish(&states)
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.states, *group as usize) = None;
        }
    }

    fn memory_bytes(&self) -> usize {
        let own: usize = self
            .states
            .iter()
            .flatten()
            .map(|state| size_of::<F::State>() + self.fold.memory_bytes(state))
            .sum();
        own + self.states.capacity() * size_of::<Option<Box<F::State>>>()
    }
}

/// An error for saved bytes that this version did not write.
pub(in crate::function) fn damaged(what: &str) -> Error {
    Error::new(
        crate::error::ErrorKind::Corrupt,
        format!("the saved state of `{what}` is damaged"),
    )
}
