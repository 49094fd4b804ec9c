//! `min` and `max`, of every type that has an order.

use super::Definition;
use super::ordering::{Contest, Extremes, extremes_of};
use super::rows::counted_rows;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{argument, count_arguments};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "min",
        usage: "min(expr)",
        description: "The least value that is not null.",
        example: "SELECT min(v) FROM VALUES (10), (-1), (20) AS t(v)",
        resolve,
        accumulator: |_, signature| accumulator(signature, Contest::Least),
    },
    Definition {
        name: "max",
        usage: "max(expr)",
        description: "The greatest value that is not null.",
        example: "SELECT max(v) FROM VALUES (10), (50), (20) AS t(v)",
        resolve,
        accumulator: |_, signature| accumulator(signature, Contest::Greatest),
    },
];

/// The type of argument `index`, which must have an order.
///
/// # Errors
///
/// `Invalid` with `DATATYPE_MISMATCH.INVALID_ORDERING_TYPE`.
pub(super) fn ordered_type(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    let argument = argument(name, arguments, index)?;
    if types::is_orderable(&argument.data_type) {
        return Ok(argument.data_type.clone());
    }
    Err(Error::invalid(format!(
        "`{name}` cannot order values of this type. type=`{}`",
        argument.sql_type()
    ))
    .with_condition("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
    .with_span(argument.span))
}

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let argument = ordered_type(name, arguments, 0)?;
    Ok(Signature {
        returns: argument.clone(),
        arguments: vec![argument],
        is_nullable: true,
    })
}

fn accumulator(signature: &Signature, contest: Contest) -> Result<Box<dyn Accumulator>> {
    Ok(Box::new(ExtremeAccumulator {
        data_type: signature.returns.clone(),
        extremes: extremes_of(&signature.returns, contest)?,
    }))
}

/// The state is the extreme itself, null if there is none.
#[derive(Debug)]
struct ExtremeAccumulator {
    data_type: DataType,
    extremes: Box<dyn Extremes>,
}

impl Accumulator for ExtremeAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![self.data_type.clone()]
    }

    fn resize(&mut self, groups: usize) {
        self.extremes.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column] = arguments else {
            return Err(Error::internal("`min` and `max` fold one column"));
        };
        let counted = counted_rows(arguments, filter);
        self.extremes
            .challenge(column, groups, counted.as_ref(), &mut |_, _| ())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.update(state, groups, None)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.extremes.gather(groups)?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.extremes.gather(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.extremes.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.extremes.memory_bytes()
    }
}
