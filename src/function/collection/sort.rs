//! `sort_array`, and `array_sort` without a comparator: elements in Spark's order.

use super::build::{ListBuilder, Lists};
use super::element::is_null;
use super::element_type;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::comparison::{Ordered, no_order};
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{is_orderable, list_of};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use std::cmp::Ordering;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction::new(
        ("sort_array", "sort_array(array[, ascendingOrder])"),
        (
            "the elements in order; nulls are least",
            "SELECT sort_array(array('b', 'd', null, 'c', 'a'), true)",
        ),
        (resolve, |call| sort(call, Nulls::Least)),
    )]
}

/// Where nulls go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// Before everything (after it, if descending).
    Least,
    /// At the end.
    Last,
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("sort_array", arguments, 1, 2)?;
    let element = element_type("sort_array", arguments, 0)?;
    if !is_orderable(&element) {
        return Err(no_order("sort_array", &element));
    }
    let mut types = vec![list_of(element.clone())];
    if arguments.len() == 2 {
        let boolean = [Wanted::Exactly(DataType::Boolean)];
        types.push(argument_type("sort_array", arguments, 1, &boolean)?);
    }
    Ok(Signature {
        arguments: types,
        returns: list_of(element),
        is_nullable: any_nullable(arguments),
    })
}

/// Sorts the elements of each array, stably.
pub(super) fn sort(call: &Call<'_>, nulls: Nulls) -> Result<ArrayRef> {
    let Some(array) = call.arguments.first() else {
        return Err(Error::internal("sorting needs an array"));
    };
    let direction = call.arguments.get(1);
    let (lists, list) = Lists::new(array)?;
    let values = list.values();
    let ordered = Ordered::new(values, values)?;
    let mut builder = ListBuilder::new(values.data_type(), &[values], call.rows);
    for row in 0..call.rows {
        let is_ascending = match direction {
            None => Some(true),
            Some(direction) => {
                let flags = direction.array().as_boolean();
                let at = direction.index(row);
                flags.is_valid(at).then(|| flags.value(at))
            }
        };
        let (Some(elements), Some(is_ascending)) = (lists.range(row), is_ascending) else {
            builder.finish_null()?;
            continue;
        };
        let mut elements: Vec<usize> = elements.collect();
        elements.sort_by(|left, right| {
            let by_null = is_null(values, *right).cmp(&is_null(values, *left));
            match (nulls, by_null) {
                (Nulls::Last, Ordering::Less | Ordering::Greater) => by_null.reverse(),
                _ if is_ascending => ordered.compare(*left, *right),
                _ => ordered.compare(*right, *left),
            }
        });
        for element in elements {
            builder.push(0, element);
        }
        builder.finish_row()?;
    }
    builder.finish()
}
