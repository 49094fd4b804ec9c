//! The aggregates, with Spark's semantics, behind [`AggregateFunction`] and [`Accumulator`].
//!
//! Every aggregate is one [`Definition`]: documentation, a type rule and a constructor of its accumulator. Accumulators keep
//! their state in columns, one slot a group, and fold whole columns in tight typed loops (see [`rows`]): values that have
//! no fixed width live in [`slots`], one owned value a group.
//!
//! Invariants, proved by a property test for every function: folding the pieces of an input and merging their states equals
//! folding the whole; a cleared group is as good as new; a group that saw nothing has a result (null, 0 or an empty
//! array).

mod approx_percentile;
mod average;
mod bitmap;
mod cardinality;
pub(crate) mod collect;
mod count;
mod count_min;
mod extreme;
mod extreme_by;
pub(in crate::function) mod fold;
mod frequency;
mod histogram;
mod java_random;
mod joined;
mod logical;
mod moments;
mod ordering;
mod pairs;
mod position;
mod quantile_summary;
mod rows;
mod slots;
mod sum;
#[cfg(test)]
mod tests;
mod top_by;
mod vectors;

pub(crate) use joined::order_text;

use crate::error::Result;
use crate::expr::Expr;
use crate::function::{Accumulator, AggregateFunction, Signature};
use std::sync::Arc;

/// Makes an accumulator for resolved arguments and their signature.
pub(in crate::function) type AccumulatorFn =
    fn(&[Expr], &Signature) -> Result<Box<dyn Accumulator>>;

/// An aggregate as data: what it is called, which arguments it takes, how it accumulates.
#[derive(Debug, Clone, Copy)]
pub(in crate::function) struct Definition {
    pub(in crate::function) name: &'static str,
    pub(in crate::function) usage: &'static str,
    pub(in crate::function) description: &'static str,
    pub(in crate::function) example: &'static str,
    /// The type rule: the function's name and its arguments.
    pub(in crate::function) resolve: fn(&'static str, &[Expr]) -> Result<Signature>,
    /// A fresh accumulator for resolved arguments.
    pub(in crate::function) accumulator: AccumulatorFn,
}

impl AggregateFunction for Definition {
    fn name(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        self.usage
    }

    fn description(&self) -> &'static str {
        self.description
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn resolve(&self, arguments: &[Expr]) -> Result<Signature> {
        (self.resolve)(self.name, arguments)
    }

    fn accumulator(
        &self,
        arguments: &[Expr],
        signature: &Signature,
    ) -> Result<Box<dyn Accumulator>> {
        (self.accumulator)(arguments, signature)
    }
}

/// Every aggregate of this module.
pub(crate) fn functions() -> Vec<Arc<dyn AggregateFunction>> {
    [
        count::DEFINITIONS,
        sum::DEFINITIONS,
        average::DEFINITIONS,
        extreme::DEFINITIONS,
        extreme_by::DEFINITIONS,
        logical::DEFINITIONS,
        position::DEFINITIONS,
        collect::DEFINITIONS,
        moments::DEFINITIONS,
        pairs::DEFINITIONS,
        cardinality::DEFINITIONS,
        approx_percentile::DEFINITIONS,
        histogram::DEFINITIONS,
        count_min::DEFINITIONS,
        bitmap::DEFINITIONS,
        joined::DEFINITIONS,
        vectors::DEFINITIONS,
    ]
    .into_iter()
    .chain(frequency::DEFINITIONS.iter().copied())
    .flatten()
    .map(|definition| Arc::new(*definition) as Arc<dyn AggregateFunction>)
    .collect()
}

/// Other names of aggregates, each with the name it stands for.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("mean", "avg"),
    ("every", "bool_and"),
    ("any", "bool_or"),
    ("some", "bool_or"),
    ("first_value", "first"),
    ("last_value", "last"),
    ("array_agg", "collect_list"),
    ("variance", "var_samp"),
    ("stddev", "stddev_samp"),
    ("std", "stddev_samp"),
    ("percentile_approx", "approx_percentile"),
    ("string_agg", "listagg"),
];
