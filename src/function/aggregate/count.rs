//! `count`, `count_if` and `regr_count`: a number a group, never null.

use super::Definition;
use super::rows::{counted_rows, filtered_rows, for_each_row, gather, slot_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "count",
        usage: "count(*) or count(expr[, expr...])",
        description: "The number of rows; with expressions, of rows in which none of them is null.",
        example: "SELECT count(*) FROM VALUES (NULL), (5), (5), (20) AS t(v)",
        resolve: resolve_count,
        accumulator: |_, _| Ok(Box::new(CountAccumulator::new(counted_rows))),
    },
    Definition {
        name: "count_if",
        usage: "count_if(condition)",
        description: "The number of rows for which the condition is true.",
        example: "SELECT count_if(v % 2 = 0) FROM VALUES (NULL), (0), (1), (2), (3) AS t(v)",
        resolve: resolve_count_if,
        accumulator: |_, _| Ok(Box::new(CountAccumulator::new(true_rows))),
    },
    Definition {
        name: "regr_count",
        usage: "regr_count(y, x)",
        description: "The number of rows in which neither y nor x is null.",
        example: "SELECT regr_count(y, x) FROM VALUES (1, 2), (2, NULL), (2, 3) AS t(y, x)",
        resolve: resolve_regr_count,
        accumulator: |_, _| Ok(Box::new(CountAccumulator::new(counted_rows))),
    },
];

fn counts(arguments: Vec<DataType>) -> Signature {
    Signature {
        arguments,
        returns: DataType::Int64,
        is_nullable: false,
    }
}

fn resolve_count(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, usize::MAX)
        .map_err(|error| error.with_condition("WRONG_NUM_ARGS.WITH_SUGGESTION"))?;
    Ok(counts(
        arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
    ))
}

fn resolve_count_if(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Boolean)];
    Ok(counts(vec![argument_type(name, arguments, 0, &wanted)?]))
}

fn resolve_regr_count(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    Ok(counts(vec![
        argument_type(name, arguments, 0, &[Wanted::Numeric])?,
        argument_type(name, arguments, 1, &[Wanted::Numeric])?,
    ]))
}

/// The rows where the one argument is true.
fn true_rows(arguments: &[ArrayRef], filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let condition = arguments
        .first()
        .and_then(|condition| condition.as_boolean_opt());
    NullBuffer::union(
        filtered_rows(condition).as_ref(),
        filtered_rows(filter).as_ref(),
    )
}

/// Which rows count; `None` for all.
type Counted = fn(&[ArrayRef], Option<&BooleanArray>) -> Option<NullBuffer>;

#[derive(Debug)]
struct CountAccumulator {
    counted: Counted,
    counts: Vec<i64>,
}

impl CountAccumulator {
    fn new(counted: Counted) -> CountAccumulator {
        CountAccumulator {
            counted,
            counts: Vec::new(),
        }
    }
}

impl Accumulator for CountAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn resize(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let counted = (self.counted)(arguments, filter);
        let counts = &mut self.counts;
        for_each_row(groups, counted.as_ref(), |_, group| {
            *slot_of(counts, group) += 1;
        });
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [others] = state else {
            return Err(Error::internal("the state of a count is one column"));
        };
        let others = others.as_primitive::<Int64Type>();
        for_each_row(groups, None, |row, group| {
            *slot_of(&mut self.counts, group) += others.value(row);
        });
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(gather(&self.counts, groups))))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.counts, *group as usize) = 0;
        }
    }

    fn memory_bytes(&self) -> usize {
        self.counts.capacity() * 8
    }
}
