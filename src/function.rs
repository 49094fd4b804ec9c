//! The registry of functions: one entry a function, with name, signature, type rule, kernel and documentation.
//!
//! Scalar functions ([`ScalarFunction`]) map columns to a column, row by row. Aggregates ([`AggregateFunction`]) fold the
//! rows of each group, with a partial, a merge and a finish, so that they stream. Generators (`explode`, …) give several
//! rows for one.
//!
//! A kernel gets arguments of exactly the types its `resolve` asked for, and gives an array of exactly the type that
//! `resolve` promised.

mod aggregate;
mod arithmetic;
mod assertion;
mod bitwise;
mod collection;
pub(crate) mod comparison;
mod csv;
pub(crate) mod datetime;
pub mod documentation;
mod encryption;
mod hash_functions;
mod item;
pub(crate) mod json;
mod kernel;
mod math;
pub mod over;
mod predicate;
mod random;
mod regexp;
pub mod registry;
pub(crate) mod signature;
mod sketch;
mod string;
mod system;
#[cfg(test)]
mod testing;
mod url;
pub mod user;
mod variant;
pub(crate) mod vector;
pub mod window;

pub(crate) use aggregate::collect::normalize_floats;
pub(crate) use aggregate::order_text;
pub(crate) use random::{arguments_before_seed, unseeded};

use crate::batch::BatchContext;
use crate::error::Result;
use crate::expr::{BoundLambda, Expr, Value};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::fmt::Debug;

/// What a function answers when it is asked whether it takes these arguments.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The types it wants, one for each argument; implicit casts to them are written into the plan.
    pub arguments: Vec<DataType>,
    /// The type of its result.
    pub returns: DataType,
    /// Whether the result may be null.
    pub is_nullable: bool,
}

/// One call of a scalar kernel.
#[derive(Debug)]
pub struct Call<'a> {
    /// The arguments, each a column or a constant.
    pub arguments: &'a [Value],
    /// The lambdas among the arguments, in order; in `arguments` a null holds the place of each.
    pub lambdas: &'a [BoundLambda<'a>],
    /// How many rows the result has.
    pub rows: usize,
    /// The type the result must have.
    pub returns: &'a DataType,
    /// Time, time zone and batch.
    pub context: &'a BatchContext,
    /// The rows it is called for, which functions of chance draw by.
    pub input: Option<&'a RecordBatch>,
}

/// Decides types: gets the resolved arguments (types and, for constants, values).
pub type ResolveFn = fn(&[Expr]) -> Result<Signature>;

/// Computes a column. A kernel may return an array of one row if all its arguments are constants.
pub type Kernel = fn(&Call<'_>) -> Result<ArrayRef>;

/// A function of one row.
#[derive(Debug)]
pub struct ScalarFunction {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How it is called: `substring(str, pos[, len])`.
    pub usage: &'static str,
    /// One line on what it does.
    pub description: &'static str,
    /// An example that parses: `SELECT upper('tide')`.
    pub example: &'static str,
    /// The type rule. Errors carry Spark's condition (`DATATYPE_MISMATCH.…`, `WRONG_NUM_ARGS.…`).
    pub resolve: ResolveFn,
    /// The kernel.
    pub kernel: Kernel,
    /// Whether equal arguments give equal results within a batch (not so: `rand`, `uuid`).
    pub is_deterministic: bool,
}

impl ScalarFunction {
    /// A function whose equal arguments give equal results: its name and usage, its description and example, its rule and kernel.
    pub const fn new(
        (name, usage): (&'static str, &'static str),
        (description, example): (&'static str, &'static str),
        (resolve, kernel): (ResolveFn, Kernel),
    ) -> ScalarFunction {
        ScalarFunction {
            name,
            usage,
            description,
            example,
            resolve,
            kernel,
            is_deterministic: true,
        }
    }

    /// The same, but equal arguments may give other results.
    #[must_use]
    pub const fn of_chance(self) -> ScalarFunction {
        ScalarFunction {
            is_deterministic: false,
            ..self
        }
    }
}

/// A function of a group of rows.
pub trait AggregateFunction: Send + Sync + Debug {
    /// Its name, in lower case.
    fn name(&self) -> &'static str;
    /// How it is called.
    fn usage(&self) -> &'static str;
    /// One line on what it does.
    fn description(&self) -> &'static str;
    /// An example that parses.
    fn example(&self) -> &'static str;

    /// The type rule.
    ///
    /// # Errors
    ///
    /// `Invalid` with Spark's condition, if it does not take these arguments.
    fn resolve(&self, arguments: &[Expr]) -> Result<Signature>;

    /// What a checkpoint must hold its state to beside its name and the types of its arguments: `None` for built-in functions, whose state
    /// does not change its form.
    fn state_form(&self) -> Option<String> {
        None
    }

    /// A fresh accumulator for a resolved call. `arguments` are the resolved arguments with their casts (constants such
    /// as a percentage can be read from them).
    ///
    /// # Errors
    ///
    /// `Invalid`, if a constant argument is out of range.
    fn accumulator(
        &self,
        arguments: &[Expr],
        signature: &Signature,
    ) -> Result<Box<dyn Accumulator>>;
}

/// The running values of one aggregate for many groups, numbered from 0. Columns in, columns out.
pub trait Accumulator: Send + Sync + Debug {
    /// The types of its state columns. Part of the on-disk format of a query's state.
    fn state_types(&self) -> Vec<DataType>;

    /// Makes room for groups `0..groups`; new ones are empty.
    fn resize(&mut self, groups: usize);

    /// Folds rows in: row `i` of `arguments` belongs to `groups[i]`; rows where `filter` is not true do not count.
    ///
    /// # Errors
    ///
    /// `Data` with Spark's condition, such as `ARITHMETIC_OVERFLOW`.
    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()>;

    /// Folds state columns of another accumulator of the same call in: row `i` belongs to `groups[i]`.
    ///
    /// # Errors
    ///
    /// As [`Accumulator::update`].
    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()>;

    /// The state columns of these groups, one row each, in this order.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>>;

    /// The results of these groups, one row each, in this order.
    ///
    /// # Errors
    ///
    /// As [`Accumulator::update`].
    fn finish(&self, groups: &[u32]) -> Result<ArrayRef>;

    /// Empties these groups, so that their numbers can be used again.
    fn clear(&mut self, groups: &[u32]);

    /// About how many bytes it holds.
    fn memory_bytes(&self) -> usize;
}
