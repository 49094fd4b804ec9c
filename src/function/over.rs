//! The functions that stand before `OVER` only: ranks, neighbours and positions. Aggregates stand there too, over the rows of a frame.
//!
//! How they are computed is in `incremental/over.rs`; here is what they are called and which arguments they take.

use crate::error::Result;
use crate::expr::{Expr, is_null_constant};
use crate::function::Signature;
use crate::function::signature::{
    Wanted, argument, argument_type, constant_long, count_arguments, folded, out_of_range,
    unexpected_type,
};
use crate::types;
use arrow::datatypes::DataType;

/// What a window function computes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// The number of the row in its partition, from 1.
    RowNumber,
    /// One more than the rows that come before, equal ones not counted.
    Rank,
    /// One more than the different keys that come before.
    DenseRank,
    /// The rank less one, over the rows less one.
    PercentRank,
    /// The share of rows that come before or are equal.
    CumeDist,
    /// The number of the bucket, of so many of nearly the same size.
    Ntile,
    /// The value so many rows before.
    Lag,
    /// The value so many rows after.
    Lead,
    /// The value of the n-th row of the frame.
    NthValue,
    /// How much a counter grew since the row before.
    CounterDiff,
}

/// A function of windows.
#[derive(Debug)]
pub struct WindowFunction {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// One line on what it does.
    pub description: &'static str,
    /// An example that parses.
    pub example: &'static str,
    /// What it computes.
    pub kind: WindowKind,
    /// The type rule.
    pub(crate) resolve: fn(&'static str, &[Expr]) -> Result<Signature>,
}

/// Every window function.
pub(crate) const FUNCTIONS: &[WindowFunction] = &[
    WindowFunction {
        name: "row_number",
        usage: "row_number() OVER (... ORDER BY ...)",
        description: "The number of the row in its partition, from 1.",
        example: "SELECT row_number() OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::RowNumber,
        resolve: |name, arguments| {
            count_arguments(name, arguments, 0, 0)?;
            Ok(position(arguments, DataType::Int32))
        },
    },
    WindowFunction {
        name: "rank",
        usage: "rank() OVER (... ORDER BY ...)",
        description: "The rank of the row in its partition; equal rows leave gaps.",
        example: "SELECT rank() OVER (ORDER BY v) FROM VALUES (2), (1), (1) AS t(v)",
        kind: WindowKind::Rank,
        resolve: |_, arguments| Ok(position(arguments, DataType::Int32)),
    },
    WindowFunction {
        name: "dense_rank",
        usage: "dense_rank() OVER (... ORDER BY ...)",
        description: "The rank of the row in its partition, without gaps.",
        example: "SELECT dense_rank() OVER (ORDER BY v) FROM VALUES (2), (1), (1) AS t(v)",
        kind: WindowKind::DenseRank,
        resolve: |_, arguments| Ok(position(arguments, DataType::Int32)),
    },
    WindowFunction {
        name: "percent_rank",
        usage: "percent_rank() OVER (... ORDER BY ...)",
        description: "The rank of the row from 0 to 1.",
        example: "SELECT percent_rank() OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::PercentRank,
        resolve: |_, arguments| Ok(position(arguments, DataType::Float64)),
    },
    WindowFunction {
        name: "cume_dist",
        usage: "cume_dist() OVER (... ORDER BY ...)",
        description: "The share of the rows of the partition that come before the row or are equal to it.",
        example: "SELECT cume_dist() OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::CumeDist,
        resolve: |name, arguments| {
            count_arguments(name, arguments, 0, 0)?;
            Ok(position(arguments, DataType::Float64))
        },
    },
    WindowFunction {
        name: "ntile",
        usage: "ntile([n]) OVER (... ORDER BY ...)",
        description: "The number of the bucket the row falls into, of n buckets of nearly the same size; 1 by default.",
        example: "SELECT ntile(2) OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::Ntile,
        resolve: resolve_ntile,
    },
    WindowFunction {
        name: "lag",
        usage: "lag(input[, offset[, default]]) OVER (... ORDER BY ...)",
        description: "The value offset rows (1 by default) before the row; the default if there is no such row.",
        example: "SELECT lag(v) OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::Lag,
        resolve: resolve_neighbour,
    },
    WindowFunction {
        name: "lead",
        usage: "lead(input[, offset[, default]]) OVER (... ORDER BY ...)",
        description: "The value offset rows (1 by default) after the row; the default if there is no such row.",
        example: "SELECT lead(v) OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::Lead,
        resolve: resolve_neighbour,
    },
    WindowFunction {
        name: "nth_value",
        usage: "nth_value(input, offset) OVER (... ORDER BY ...)",
        description: "The value of the n-th row of the frame, from 1; null if it has fewer.",
        example: "SELECT nth_value(v, 2) OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::NthValue,
        resolve: resolve_nth,
    },
    WindowFunction {
        name: "counter_diff",
        usage: "counter_diff(value[, start_time]) OVER (... ORDER BY ...)",
        description: "How much a growing counter grew since the row before; null where it began anew.",
        example: "SELECT counter_diff(v) OVER (ORDER BY v) FROM VALUES (2), (1) AS t(v)",
        kind: WindowKind::CounterDiff,
        resolve: resolve_counter,
    },
];

/// The window function of this name, in lower case.
pub(crate) fn find(name: &str) -> Option<&'static WindowFunction> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// A function of the position alone; ranks may be given arguments, which do not count.
fn position(arguments: &[Expr], returns: DataType) -> Signature {
    Signature {
        arguments: arguments
            .iter()
            .map(|argument| argument.data_type.clone())
            .collect(),
        returns,
        is_nullable: false,
    }
}

fn resolve_ntile(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 0, 1)?;
    if let Some(buckets) = arguments.first() {
        if buckets.data_type != DataType::Int32 {
            return Err(unexpected_type(name, buckets, 0, "INT"));
        }
        constant_long(name, arguments, 0)?
            .filter(|buckets| *buckets > 0)
            .ok_or_else(|| out_of_range(name, "number of buckets", "above 0"))?;
    }
    Ok(position(arguments, DataType::Int32))
}

fn resolve_neighbour(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 3)?;
    let value = argument(name, arguments, 0)?.data_type.clone();
    let mut wanted = vec![value.clone()];
    if arguments.len() > 1 {
        wanted.push(argument_type(
            name,
            arguments,
            1,
            &[Wanted::Exactly(DataType::Int32)],
        )?);
        constant_long(name, arguments, 1)?
            .ok_or_else(|| crate::function::signature::unexpected_null(name, "offset"))?;
    }
    if let Some(default) = arguments.get(2) {
        if !types::can_implicitly_cast(&default.data_type, &value) {
            return Err(unexpected_type(name, default, 2, &types::sql_name(&value)));
        }
        wanted.push(value.clone());
    }
    Ok(Signature {
        arguments: wanted,
        returns: value,
        is_nullable: true,
    })
}

fn resolve_nth(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let value = argument(name, arguments, 0)?.data_type.clone();
    argument_type(name, arguments, 1, &[Wanted::Exactly(DataType::Int64)])?;
    constant_long(name, arguments, 1)?
        .filter(|offset| *offset > 0)
        .ok_or_else(|| out_of_range(name, "offset", "above 0"))?;
    Ok(Signature {
        arguments: vec![value.clone(), DataType::Int64],
        returns: value,
        is_nullable: true,
    })
}

fn resolve_counter(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let value = argument_type(name, arguments, 0, &[Wanted::Numeric])?;
    let mut wanted = vec![value.clone()];
    if let Some(start) = arguments.get(1) {
        if !matches!(start.data_type, DataType::Timestamp(_, _)) {
            return Err(unexpected_type(
                name,
                start,
                1,
                "TIMESTAMP or TIMESTAMP_NTZ",
            ));
        }
        wanted.push(start.data_type.clone());
    }
    Ok(Signature {
        arguments: wanted,
        returns: value,
        is_nullable: true,
    })
}

/// How many rows after the current one `lag` and `lead` look; below 0 for before.
///
/// # Errors
///
/// `Invalid`, if the offset is no constant.
pub(crate) fn neighbour_offset(kind: WindowKind, arguments: &[Expr]) -> Result<i64> {
    let offset = if arguments.len() > 1 && !is_null_constant(&folded("lag", arguments, 1)?) {
        constant_long("lag", arguments, 1)?.unwrap_or(1)
    } else {
        1
    };
    Ok(if kind == WindowKind::Lag {
        -offset
    } else {
        offset
    })
}
