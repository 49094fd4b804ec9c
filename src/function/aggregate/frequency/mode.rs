//! `mode`: the value that occurs most often.
//!
//! Of values that occur equally often, `mode(expr, true)` takes the least and `WITHIN GROUP` the first in its order. `mode(expr)` may take
//! any: integers are taken as Spark's hash table would give them (exactly so up to 44 different values), all else the least.

use super::super::Definition;
use super::{FrequencyAccumulator, Summary};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::hash_functions::murmur3_of_int;
use crate::function::signature::{argument, constant_flag, count_arguments};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int64Type};

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: "mode",
    usage: "mode(expr[, deterministic])",
    description: "The value that occurs most often; with deterministic, the least of several. Also mode() WITHIN GROUP (ORDER BY expr).",
    example: "SELECT mode(v) FROM VALUES (0), (10), (10) AS t(v)",
    resolve,
    accumulator,
}];

/// How many slots Spark's hash table begins with.
const SLOTS: i32 = 64;

/// The arguments are the value, and whether the choice is fixed; or those of `WITHIN GROUP`, see [`Analyzer`](crate::analyze).
fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 3)?;
    let value = argument(name, arguments, 0)?;
    if !types::is_orderable(&value.data_type) {
        return Err(Error::unsupported(format!(
            "`{name}` of values without an order (`{}`)",
            value.sql_type()
        )));
    }
    let mut wanted = vec![value.data_type.clone()];
    for index in 1..arguments.len() {
        if argument(name, arguments, index)?.data_type != DataType::Boolean {
            return Err(Error::invalid(format!(
                "`{name}` requires the \"BOOLEAN\" type as second parameter"
            ))
            .with_condition("UNEXPECTED_INPUT_TYPE"));
        }
        if constant_flag(name, arguments, index)?.is_none() {
            return Err(crate::function::signature::unexpected_null(
                name,
                "deterministic",
            ));
        }
        wanted.push(DataType::Boolean);
    }
    Ok(Signature {
        returns: value.data_type.clone(),
        arguments: wanted,
        is_nullable: true,
    })
}

fn accumulator(arguments: &[Expr], signature: &Signature) -> Result<Box<dyn Accumulator>> {
    let flag = |index: usize| -> Result<bool> {
        if index < arguments.len() {
            Ok(constant_flag("mode", arguments, index)?.unwrap_or_default())
        } else {
            Ok(false)
        }
    };
    let choice = match (flag(1)?, flag(2)?) {
        (true, false) => Choice::Least,
        (true, true) => Choice::Greatest,
        (false, _) => Choice::Any,
    };
    FrequencyAccumulator::boxed("mode", &signature.returns, Box::new(Mode { choice }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Any,
    Least,
    Greatest,
}

#[derive(Debug)]
struct Mode {
    choice: Choice,
}

impl Mode {
    /// The place of the winner among these places; `tie_break` is the rank among values that occur equally often.
    fn winner(
        &self,
        counts: &[i64],
        start: usize,
        tie_break: &dyn Fn(usize) -> i64,
    ) -> Option<usize> {
        let most = counts.iter().max()?;
        let mut places = (start..).zip(counts).filter(|(_, count)| *count == most);
        match self.choice {
            Choice::Least => places.next(),
            Choice::Greatest => places.last(),
            Choice::Any => places.min_by_key(|(place, _)| tie_break(*place)),
        }
        .map(|(place, _)| place)
    }
}

/// Where Spark's hash table of unlimited luck would hold this number.
fn slot(value: i64, is_long: bool) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Java folds the halves of a long into its hash code"
    )]
    let code = if is_long {
        (value ^ (value.cast_unsigned() >> 32).cast_signed()) as i32
    } else {
        value as i32
    };
    i64::from(murmur3_of_int(code, 0) & (SLOTS - 1))
}

impl Summary for Mode {
    fn frequencies(&self, _arguments: &[ArrayRef]) -> Result<Option<Int64Array>> {
        Ok(None)
    }

    fn finish(&self, values: &ArrayRef, counts: &[i64], lengths: &[usize]) -> Result<ArrayRef> {
        let integers = if types::is_integral(values.data_type()) {
            Some(arrow::compute::cast(values, &DataType::Int64)?)
        } else {
            None
        };
        let integers = integers.as_ref().map(AsArray::as_primitive::<Int64Type>);
        let is_long = values.data_type() == &DataType::Int64;
        let tie_break = |place: usize| match integers {
            Some(integers) if place < integers.len() => slot(integers.value(place), is_long),
            _ => 0,
        };
        let mut start = 0;
        let mut winners: Vec<Option<u32>> = Vec::with_capacity(lengths.len());
        for length in lengths {
            let end = start + length;
            let counts = counts.get(start..end).unwrap_or_default();
            let winner = self.winner(counts, start, &tie_break);
            winners.push(winner.and_then(|winner| u32::try_from(winner).ok()));
            start = end;
        }
        Ok(take(values, &UInt32Array::from(winners), None)?)
    }
}
