//! `min_by` and `max_by`: the value that stands beside the least or greatest of another. Of equal ones the last counts, as in
//! Spark; rows whose ordering is null do not count.

use super::Definition;
use super::extreme::ordered_type;
use super::ordering::{Contest, Extremes, extremes_of};
use super::rows::counted_rows;
use super::slots::{Slots, Winners, slots_of};
use super::top_by::TopBy;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, argument, argument_type, constant_long, count_arguments, out_of_range,
};
use crate::function::{Accumulator, Signature};
use crate::types::list_of;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "min_by",
        usage: "min_by(expr, ordering[, k])",
        description: "The value of expr in the row with the least ordering; with k, an array of those of the k least.",
        example: "SELECT min_by(x, y) FROM VALUES ('a', 10), ('b', 50), ('c', 20) AS t(x, y)",
        resolve,
        accumulator: |arguments, signature| {
            accumulator("min_by", arguments, signature, Contest::LastLeast)
        },
    },
    Definition {
        name: "max_by",
        usage: "max_by(expr, ordering[, k])",
        description: "The value of expr in the row with the greatest ordering; with k, an array of those of the k greatest.",
        example: "SELECT max_by(x, y) FROM VALUES ('a', 10), ('b', 50), ('c', 20) AS t(x, y)",
        resolve,
        accumulator: |arguments, signature| {
            accumulator("max_by", arguments, signature, Contest::LastGreatest)
        },
    },
];

/// The most values that can be asked for at once.
const MAX_LIMIT: i64 = 100_000;

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 3)?;
    let value = argument(name, arguments, 0)?.data_type.clone();
    let mut types = vec![value.clone(), ordered_type(name, arguments, 1)?];
    let mut returns = value;
    if arguments.len() == 3 {
        types.push(argument_type(name, arguments, 2, &[Wanted::Integral])?);
        limit(name, arguments)?;
        returns = list_of(returns);
    }
    Ok(Signature {
        returns,
        arguments: types,
        is_nullable: true,
    })
}

/// How many values are asked for.
fn limit(name: &str, arguments: &[Expr]) -> Result<usize> {
    constant_long(name, arguments, 2)?
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .and_then(|limit| usize::try_from(limit).ok())
        .ok_or_else(|| out_of_range(name, "k", "from 1 to 100000"))
}

fn accumulator(
    name: &str,
    arguments: &[Expr],
    signature: &Signature,
    contest: Contest,
) -> Result<Box<dyn Accumulator>> {
    let [value, ordering, ..] = &signature.arguments[..] else {
        return Err(Error::internal("`min_by` and `max_by` fold two columns"));
    };
    if arguments.len() == 3 {
        let is_greatest = contest == Contest::LastGreatest;
        return TopBy::boxed(value, ordering, (limit(name, arguments)?, is_greatest));
    }
    Ok(Box::new(ExtremeByAccumulator {
        state_types: vec![value.clone(), ordering.clone()],
        orderings: extremes_of(ordering, contest)?,
        values: slots_of(value)?,
        winners: Winners::default(),
    }))
}

/// The state is the value and its ordering; the ordering is null if no row counted.
#[derive(Debug)]
struct ExtremeByAccumulator {
    state_types: Vec<DataType>,
    orderings: Box<dyn Extremes>,
    values: Box<dyn Slots>,
    winners: Winners,
}

impl Accumulator for ExtremeByAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        self.state_types.clone()
    }

    fn resize(&mut self, groups: usize) {
        self.orderings.resize(groups);
        self.values.resize(groups);
        self.winners.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [value, ordering] = arguments else {
            return Err(Error::internal("`min_by` and `max_by` fold two columns"));
        };
        let counted = counted_rows(std::slice::from_ref(ordering), filter);
        let winners = &mut self.winners;
        self.orderings
            .challenge(ordering, groups, counted.as_ref(), &mut |group, row| {
                winners.record(group, row);
            })?;
        self.values.assign(value, winners)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.update(state, groups, None)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            self.values.gather(groups)?,
            self.orderings.gather(groups)?,
        ])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.values.gather(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.orderings.clear(groups);
        self.values.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.orderings.memory_bytes() + self.values.memory_bytes() + self.winners.memory_bytes()
    }
}
