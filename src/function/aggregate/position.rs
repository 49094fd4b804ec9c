//! `first`, `last` and `any_value`: the value of one row of the group, by arrival.
//!
//! A second, constant argument says whether nulls are passed over (`first(expr, true)`, which is also what `IGNORE NULLS`
//! stands for). `any_value` is the first.

use super::Definition;
use super::rows::{GroupBits, counted_rows, filtered_rows, for_each_row};
use super::slots::{Slots, Winners, slots_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{argument, constant, count_arguments, unexpected_type};
use crate::function::{Accumulator, Signature};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "first",
        usage: "first(expr[, ignore_nulls])",
        description: "The value of the first row; with ignore_nulls, of the first in which it is not null.",
        example: "SELECT first(v, true) FROM VALUES (NULL), (5), (20) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, Which::First),
    },
    Definition {
        name: "last",
        usage: "last(expr[, ignore_nulls])",
        description: "The value of the last row; with ignore_nulls, of the last in which it is not null.",
        example: "SELECT last(v, true) FROM VALUES (10), (5), (NULL) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, Which::Last),
    },
    Definition {
        name: "any_value",
        usage: "any_value(expr[, ignore_nulls])",
        description: "The value of some row; with ignore_nulls, of one in which it is not null.",
        example: "SELECT any_value(v) FROM VALUES (10), (5), (20) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, Which::First),
    },
];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let value = argument(name, arguments, 0)?.data_type.clone();
    let mut types = vec![value.clone()];
    if let Some(flag) = arguments.get(1) {
        let constant = constant(name, arguments, 1)?;
        if flag.data_type != DataType::Boolean || constant.is_null(0) {
            return Err(unexpected_type(name, flag, 1, "BOOLEAN"));
        }
        types.push(DataType::Boolean);
    }
    Ok(Signature {
        arguments: types,
        returns: value,
        is_nullable: true,
    })
}

fn accumulator(
    arguments: &[Expr],
    signature: &Signature,
    which: Which,
) -> Result<Box<dyn Accumulator>> {
    let ignores_nulls = match arguments.get(1) {
        None => false,
        Some(_) => constant("first", arguments, 1)?
            .as_boolean_opt()
            .is_some_and(|flag| flag.is_valid(0) && flag.value(0)),
    };
    Ok(Box::new(PositionAccumulator {
        which,
        ignores_nulls,
        data_type: signature.returns.clone(),
        values: slots_of(&signature.returns)?,
        taken: GroupBits::default(),
        winners: Winners::default(),
    }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Last,
}

/// The state is the value, and whether a row was taken (its value may be null).
#[derive(Debug)]
struct PositionAccumulator {
    which: Which,
    ignores_nulls: bool,
    data_type: DataType,
    values: Box<dyn Slots>,
    taken: GroupBits,
    winners: Winners,
}

impl PositionAccumulator {
    fn take(
        &mut self,
        column: &ArrayRef,
        groups: &[u32],
        counted: Option<&NullBuffer>,
    ) -> Result<()> {
        let (winners, taken) = (&mut self.winners, &mut self.taken);
        match self.which {
            Which::First => for_each_row(groups, counted, |row, group| {
                if !taken.get(group) {
                    taken.set(group);
                    winners.record(group, row);
                }
            }),
            Which::Last => for_each_row(groups, counted, |row, group| {
                taken.set(group);
                winners.record(group, row);
            }),
        }
        self.values.assign(column, winners)
    }
}

impl Accumulator for PositionAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![self.data_type.clone(), DataType::Boolean]
    }

    fn resize(&mut self, groups: usize) {
        self.values.resize(groups);
        self.taken.resize(groups);
        self.winners.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column, ..] = arguments else {
            return Err(Error::internal("`first` and `last` fold a column"));
        };
        let counted = if self.ignores_nulls {
            counted_rows(std::slice::from_ref(column), filter)
        } else {
            filtered_rows(filter)
        };
        self.take(column, groups, counted.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [column, taken] = state else {
            return Err(Error::internal(
                "the state of `first` and `last` is two columns",
            ));
        };
        let counted = filtered_rows(Some(taken.as_boolean()));
        self.take(column, groups, counted.as_ref())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let taken = BooleanArray::new(self.taken.gather(groups), None);
        Ok(vec![self.values.gather(groups)?, Arc::new(taken)])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.values.gather(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.values.clear(groups);
        self.taken.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.values.memory_bytes() + self.taken.memory_bytes() + self.winners.memory_bytes()
    }
}
