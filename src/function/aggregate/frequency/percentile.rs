//! Percentiles of counted values: interpolated between the two values that lie around the position (`percentile`, `median`,
//! `percentile_cont`), or the first value whose share of rows reaches the percentage (`percentile_disc`).

use super::super::Definition;
use super::{FrequencyAccumulator, Summary};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, argument_type, constant_flag, count_arguments, folded, folded_as, out_of_range,
    unexpected_null,
};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, DurationMicrosecondArray, Float64Array, Int64Array,
    IntervalYearMonthArray, ListArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, IntervalYearMonthType};
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "percentile",
        usage: "percentile(expr, percentage[, frequency])",
        description: "The exact percentile, interpolated; an array for an array of percentages; frequency says how often each row counts.",
        example: "SELECT percentile(v, 0.3) FROM VALUES (0), (10) AS t(v)",
        resolve: resolve_percentile,
        accumulator: |arguments, signature| {
            let percentages = Percentages::read("percentile", arguments, 1)?;
            let shape = Shape {
                name: "percentile",
                is_discrete: false,
                is_descending: false,
                has_frequency: arguments.len() == 3,
            };
            accumulator(shape, percentages, signature)
        },
    },
    Definition {
        name: "median",
        usage: "median(expr)",
        description: "The exact percentile at 0.5.",
        example: "SELECT median(v) FROM VALUES (0), (10) AS t(v)",
        resolve: |name, arguments| {
            count_arguments(name, arguments, 1, 1)?;
            Ok(signature(vec![ordered(name, arguments)?], false))
        },
        accumulator: |_, signature| {
            let percentages = Percentages {
                values: vec![0.5],
                is_array: false,
            };
            let shape = Shape {
                name: "median",
                is_discrete: false,
                is_descending: false,
                has_frequency: false,
            };
            accumulator(shape, percentages, signature)
        },
    },
    Definition {
        name: "percentile_cont",
        usage: "percentile_cont(percentage) WITHIN GROUP (ORDER BY expr)",
        description: "The exact percentile in this order, interpolated.",
        example: "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY v) FROM VALUES (0), (10) AS t(v)",
        resolve: resolve_within_group,
        accumulator: |arguments, signature| {
            within_group("percentile_cont", false, arguments, signature)
        },
    },
    Definition {
        name: "percentile_disc",
        usage: "percentile_disc(percentage) WITHIN GROUP (ORDER BY expr)",
        description: "The first value in this order whose share of the rows reaches the percentage.",
        example: "SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY v) FROM VALUES (0), (10) AS t(v)",
        resolve: resolve_within_group,
        accumulator: |arguments, signature| {
            within_group("percentile_disc", true, arguments, signature)
        },
    },
];

/// The type of the values: a number as it is, an interval as it is, anything else a double.
fn ordered(name: &str, arguments: &[Expr]) -> Result<DataType> {
    let wanted = [
        Wanted::Numeric,
        Wanted::Exactly(types::day_time_interval()),
        Wanted::Exactly(types::year_month_interval()),
    ];
    argument_type(name, arguments, 0, &wanted)
}

/// Numbers have percentiles of type `DOUBLE`, intervals of their own type.
fn signature(arguments: Vec<DataType>, is_array: bool) -> Signature {
    let value = match arguments.first() {
        Some(value) if types::is_ansi_interval(value) => value.clone(),
        _ => DataType::Float64,
    };
    Signature {
        arguments,
        returns: if is_array {
            types::list_of(value)
        } else {
            value
        },
        is_nullable: true,
    }
}

fn resolve_percentile(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 3)?;
    let percentages = Percentages::read(name, arguments, 1)?;
    let mut types = vec![ordered(name, arguments)?, percentages.data_type()];
    if arguments.len() == 3 {
        argument_type(name, arguments, 2, &[Wanted::Integral])?;
        types.push(DataType::Int64);
    }
    Ok(signature(types, percentages.is_array))
}

/// The arguments are the key of `WITHIN GROUP`, the percentage, and a true if the key is descending.
fn resolve_within_group(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    if !(2..=3).contains(&arguments.len()) {
        return Err(Error::invalid(format!(
            "`{name}` takes a percentage and needs WITHIN GROUP (ORDER BY ...) with one key"
        ))
        .with_condition("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING"));
    }
    let percentages = Percentages::read(name, arguments, 1)?;
    let mut types = vec![ordered(name, arguments)?, percentages.data_type()];
    if arguments.len() == 3 {
        types.push(DataType::Boolean);
    }
    Ok(signature(types, percentages.is_array))
}

fn within_group(
    name: &'static str,
    is_discrete: bool,
    arguments: &[Expr],
    signature: &Signature,
) -> Result<Box<dyn Accumulator>> {
    let is_descending =
        arguments.len() == 3 && constant_flag(name, arguments, 2)?.unwrap_or_default();
    let shape = Shape {
        name,
        is_discrete,
        is_descending,
        has_frequency: false,
    };
    accumulator(shape, Percentages::read(name, arguments, 1)?, signature)
}

fn accumulator(
    shape: Shape,
    percentages: Percentages,
    signature: &Signature,
) -> Result<Box<dyn Accumulator>> {
    let Some(value) = signature.arguments.first() else {
        return Err(Error::internal("a percentile is that of a column"));
    };
    FrequencyAccumulator::boxed(
        shape.name,
        value,
        Box::new(Percentile { shape, percentages }),
    )
}

/// The percentages that are asked for.
#[derive(Debug)]
pub(in super::super) struct Percentages {
    /// From 0 to 1.
    pub(in super::super) values: Vec<f64>,
    /// Whether they were given as an array, so that the result is one.
    pub(in super::super) is_array: bool,
}

impl Percentages {
    /// The constant argument `index`.
    ///
    /// # Errors
    ///
    /// `Invalid` with Spark's condition, if it is not constant, null, or not from 0 to 1.
    pub(in super::super) fn read(
        name: &str,
        arguments: &[Expr],
        index: usize,
    ) -> Result<Percentages> {
        let given = folded(name, arguments, index)?;
        let is_array = matches!(given.data_type(), DataType::List(_));
        let wanted = if is_array {
            types::list_of(DataType::Float64)
        } else {
            DataType::Float64
        };
        let value = folded_as(name, arguments, index, &wanted)?;
        let null = || unexpected_null(name, "percentage");
        if value.is_null(0) {
            return Err(null());
        }
        let elements = match value.as_list_opt::<i32>() {
            Some(list) => list.value(0),
            None => value,
        };
        if elements.null_count() > 0 {
            return Err(null());
        }
        let values = elements.as_primitive::<Float64Type>().values().to_vec();
        if values.iter().any(|value| !(0.0..=1.0).contains(value)) {
            return Err(out_of_range(name, "percentage", "between 0.0 and 1.0"));
        }
        Ok(Percentages { values, is_array })
    }

    /// The type they are cast to.
    pub(in super::super) fn data_type(&self) -> DataType {
        if self.is_array {
            types::list_of(DataType::Float64)
        } else {
            DataType::Float64
        }
    }

    /// A column of results out of all results of all groups, if each group has as many as there are percentages; a group that
    /// `seen` says nothing was seen of is null.
    pub(in super::super) fn column(&self, results: ArrayRef, seen: Vec<bool>) -> Result<ArrayRef> {
        if !self.is_array {
            return Ok(results);
        }
        let lengths = seen
            .iter()
            .map(|seen| if *seen { self.values.len() } else { 0 });
        let field = types::list_field(results.data_type().clone());
        let offsets = OffsetBuffer::from_lengths(lengths);
        let nulls = NullBuffer::from(seen);
        Ok(Arc::new(ListArray::try_new(
            field,
            offsets,
            results,
            Some(nulls),
        )?))
    }
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    name: &'static str,
    is_discrete: bool,
    is_descending: bool,
    has_frequency: bool,
}

#[derive(Debug)]
struct Percentile {
    shape: Shape,
    percentages: Percentages,
}

impl Percentile {
    /// The percentile of one group: its values ascending, with their counts.
    fn of(&self, values: &[f64], counts: &[i64], percentage: f64) -> f64 {
        let total: i64 = counts.iter().sum();
        let at = |position: i64| {
            // Positions count from the end if the order is descending.
            let position = if self.shape.is_descending {
                total - 1 - position
            } else {
                position
            };
            let mut before = 0;
            counts
                .iter()
                .position(|count| {
                    before += count;
                    before > position
                })
                .and_then(|index| values.get(index))
                .or(values.last())
                .copied()
                .unwrap_or_default()
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "positions are below the number of rows"
        )]
        if self.shape.is_discrete {
            at(((total as f64 * percentage).ceil() as i64 - 1).max(0))
        } else {
            let position = (total - 1) as f64 * percentage;
            let (low, high) = (position.floor(), position.ceil());
            let (lower, higher) = (at(low as i64), at(high as i64));
            #[expect(clippy::float_cmp, reason = "the same value needs no interpolation")]
            if low == high || lower == higher {
                lower
            } else {
                (high - position) * lower + (position - low) * higher
            }
        }
    }
}

impl Summary for Percentile {
    fn frequencies(&self, arguments: &[ArrayRef]) -> Result<Option<Int64Array>> {
        if !self.shape.has_frequency {
            return Ok(None);
        }
        let column = arguments
            .get(2)
            .and_then(|c| c.as_primitive_opt::<Int64Type>());
        match column {
            Some(column) => Ok(Some(column.clone())),
            None => Err(Error::internal("the frequency of a percentile is a column")),
        }
    }

    fn finish(&self, values: &ArrayRef, counts: &[i64], lengths: &[usize]) -> Result<ArrayRef> {
        let doubles = as_doubles(values)?;
        let doubles = doubles.as_primitive::<Float64Type>().values();
        let mut results: Vec<Option<f64>> = Vec::new();
        let mut start = 0;
        for length in lengths {
            let end = start + length;
            let (values, counts) = (doubles.get(start..end), counts.get(start..end));
            start = end;
            match (values, counts) {
                (Some(values), Some(counts)) if *length > 0 => results.extend(
                    self.percentages
                        .values
                        .iter()
                        .map(|percentage| Some(self.of(values, counts, *percentage))),
                ),
                _ if self.percentages.is_array => {}
                _ => results.push(None),
            }
        }
        let seen = lengths.iter().map(|length| *length > 0).collect();
        self.percentages
            .column(as_type(values.data_type(), &results), seen)
    }
}

/// Numbers and intervals as doubles.
fn as_doubles(values: &ArrayRef) -> Result<ArrayRef> {
    let numbers = match values.data_type() {
        DataType::Duration(_) => arrow::compute::cast(values, &DataType::Int64)?,
        // Arrow has no cast of months.
        DataType::Interval(_) => {
            let months = values.as_primitive::<IntervalYearMonthType>();
            return Ok(Arc::new(months.unary::<_, Float64Type>(f64::from)));
        }
        _ => Arc::clone(values),
    };
    Ok(arrow::compute::cast(&numbers, &DataType::Float64)?)
}

/// Doubles as the type of the result; intervals lose their fractions, as in Spark.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a percentile lies between two values of the type"
)]
fn as_type(value: &DataType, results: &[Option<f64>]) -> ArrayRef {
    let results = results.iter();
    match value {
        DataType::Duration(_) => Arc::new(
            results
                .map(|result| result.map(|result| result as i64))
                .collect::<DurationMicrosecondArray>(),
        ),
        DataType::Interval(_) => Arc::new(
            results
                .map(|result| result.map(|result| result as i32))
                .collect::<IntervalYearMonthArray>(),
        ),
        _ => Arc::new(results.copied().collect::<Float64Array>()),
    }
}
