//! `avg` (`mean`) and `try_avg`: a total and a count a group.
//!
//! Integers and floats average as `DOUBLE`, `DECIMAL(p, s)` as `DECIMAL(p + 4, s + 4)`, intervals as themselves; decimals and
//! intervals round half up.

use super::Definition;
use super::rows::{for_each_row, gather, slot_of};
use super::sum::{
    Adder, DayTimeIntervals, Decimals, Floats, LongsAsDoubles, OnOverflow, Totals,
    YearMonthIntervals, summed_type, total_type,
};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DurationMicrosecondArray,
    Float64Array, Int64Array, IntervalYearMonthArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalYearMonthType, i256,
};
use std::marker::PhantomData;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "avg",
        usage: "avg(expr)",
        description: "The mean of the values that are not null; null if there are none.",
        example: "SELECT avg(v) FROM VALUES (1), (2), (3) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, OnOverflow::Fail),
    },
    Definition {
        name: "try_avg",
        usage: "try_avg(expr)",
        description: "As avg, but null if the sum overflows.",
        example: "SELECT try_avg(v) FROM VALUES (1), (2), (NULL) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, OnOverflow::Null),
    },
];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    let argument = summed_type(name, arguments)?;
    Ok(Signature {
        returns: mean_type(&argument),
        arguments: vec![argument],
        is_nullable: true,
    })
}

/// The type of the mean of values of a type.
pub(super) fn mean_type(argument: &DataType) -> DataType {
    match argument {
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) =
                types::bounded_decimal(i32::from(*precision) + 4, i32::from(*scale) + 4);
            DataType::Decimal128(precision, scale)
        }
        interval if types::is_ansi_interval(interval) => interval.clone(),
        _ => DataType::Float64,
    }
}

/// An accumulator of `avg`.
pub(super) fn accumulator_of_mean(
    arguments: &[Expr],
    signature: &Signature,
) -> Result<Box<dyn Accumulator>> {
    accumulator(arguments, signature, OnOverflow::Fail)
}

fn accumulator(
    arguments: &[Expr],
    signature: &Signature,
    on_overflow: OnOverflow,
) -> Result<Box<dyn Accumulator>> {
    let argument = arguments
        .first()
        .map_or(&DataType::Null, |argument| &argument.data_type);
    let total = match argument {
        number if types::is_integral(number) => DataType::Float64,
        other => total_type(other),
    };
    let returns = signature.returns.clone();
    Ok(match argument {
        DataType::Int8 => of(Floats::<Int8Type>(PhantomData), total, returns, on_overflow),
        DataType::Int16 => of(
            Floats::<Int16Type>(PhantomData),
            total,
            returns,
            on_overflow,
        ),
        DataType::Int32 => of(
            Floats::<Int32Type>(PhantomData),
            total,
            returns,
            on_overflow,
        ),
        DataType::Int64 => of(LongsAsDoubles, total, returns, on_overflow),
        DataType::Float32 => of(
            Floats::<Float32Type>(PhantomData),
            total,
            returns,
            on_overflow,
        ),
        DataType::Float64 => of(
            Floats::<Float64Type>(PhantomData),
            total,
            returns,
            on_overflow,
        ),
        DataType::Duration(_) => of(DayTimeIntervals, total, returns, on_overflow),
        DataType::Interval(_) => of(YearMonthIntervals, total, returns, on_overflow),
        DataType::Decimal128(_, _) => of(Decimals::of(&total), total, returns, on_overflow),
        other => return Err(Error::internal(format!("`avg` cannot add up {other}"))),
    })
}

fn of<A: Adder>(
    adder: A,
    total: DataType,
    returns: DataType,
    on_overflow: OnOverflow,
) -> Box<dyn Accumulator> {
    Box::new(AverageAccumulator {
        totals: Totals::new(adder, total, on_overflow),
        counts: Vec::new(),
        returns,
        on_overflow,
    })
}

/// The state: the columns of the total, then the count.
#[derive(Debug)]
struct AverageAccumulator<A: Adder> {
    totals: Totals<A>,
    counts: Vec<i64>,
    returns: DataType,
    on_overflow: OnOverflow,
}

impl<A: Adder> Accumulator for AverageAccumulator<A> {
    fn state_types(&self) -> Vec<DataType> {
        let mut types = self.totals.state_types();
        types.push(DataType::Int64);
        types
    }

    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups);
        self.counts.resize(groups, 0);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [values] = arguments else {
            return Err(Error::internal("`avg` folds one column"));
        };
        let counts = &mut self.counts;
        self.totals.update(values, groups, filter, |group| {
            *slot_of(counts, group) += 1;
        })
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [totals @ .., counts] = state else {
            return Err(Error::internal("the state of an average has no count"));
        };
        self.totals.merge(totals, groups)?;
        let counts = counts.as_primitive::<Int64Type>();
        for_each_row(groups, None, |row, group| {
            *slot_of(&mut self.counts, group) += counts.value(row);
        });
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut state = self.totals.state(groups);
        state.push(Arc::new(Int64Array::from(gather(&self.counts, groups))));
        Ok(state)
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let totals = self.totals.finish(groups);
        let counts = gather(&self.counts, groups);
        divide(&totals, &counts, &self.returns, self.on_overflow)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.totals.clear(groups);
        for group in groups {
            *slot_of(&mut self.counts, *group as usize) = 0;
        }
    }

    fn memory_bytes(&self) -> usize {
        self.totals.memory_bytes() + self.counts.capacity() * 8
    }
}

/// Totals by counts; null where the total is.
fn divide(
    totals: &ArrayRef,
    counts: &[i64],
    returns: &DataType,
    on_overflow: OnOverflow,
) -> Result<ArrayRef> {
    Ok(match (totals.data_type(), returns) {
        (DataType::Duration(_), _) => {
            let totals = totals.as_primitive::<DurationMicrosecondType>();
            let means = totals.iter().zip(counts).map(|(total, count)| {
                total.and_then(|total| {
                    i64::try_from(divide_half_up(i128::from(total), i128::from(*count))).ok()
                })
            });
            Arc::new(means.collect::<DurationMicrosecondArray>())
        }
        (DataType::Interval(_), _) => {
            let totals = totals.as_primitive::<IntervalYearMonthType>();
            let means = totals.iter().zip(counts).map(|(total, count)| {
                total.and_then(|total| {
                    i32::try_from(divide_half_up(i128::from(total), i128::from(*count))).ok()
                })
            });
            Arc::new(means.collect::<IntervalYearMonthArray>())
        }
        (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) => {
            let shift = u32::from((to - from).unsigned_abs());
            let means: Result<Vec<Option<i128>>> = totals
                .as_primitive::<Decimal128Type>()
                .iter()
                .zip(counts)
                .map(|(total, count)| match total {
                    None => Ok(None),
                    Some(total) => decimal_mean(total, *count, shift, *precision, on_overflow),
                })
                .collect();
            let means = Decimal128Array::from(means?).with_data_type(returns.clone());
            Arc::new(means)
        }
        _ => {
            let totals = totals.as_primitive::<Float64Type>();
            let means = totals
                .iter()
                .zip(counts)
                .map(|(total, count)| total.map(|total| double_mean(total, *count)));
            Arc::new(means.collect::<Float64Array>())
        }
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the count is cast to DOUBLE, as the total is"
)]
fn double_mean(total: f64, count: i64) -> f64 {
    total / count as f64
}

/// The quotient rounded to the nearest integer, halves away from zero. `count` is positive.
fn divide_half_up(total: i128, count: i128) -> i128 {
    let (quotient, remainder) = (total / count, total % count);
    if remainder.abs() * 2 >= count {
        quotient + remainder.signum()
    } else {
        quotient
    }
}

/// The quotient of an unscaled total with `shift` more digits, halves away from zero.
fn decimal_mean(
    total: i128,
    count: i64,
    shift: u32,
    precision: u8,
    on_overflow: OnOverflow,
) -> Result<Option<i128>> {
    let count = i256::from_i128(i128::from(count));
    let shifted = i256::from_i128(total)
        .checked_mul(i256::from_i128(10i128.pow(shift)))
        .filter(|_| count != i256::ZERO);
    let mean = shifted.and_then(|shifted| {
        let quotient = shifted.checked_div(count)?;
        let remainder = shifted.checked_rem(count)?;
        let twice = remainder.checked_abs()?.checked_mul(i256::from_i128(2))?;
        let mean = if twice >= count {
            quotient.checked_add(i256::from_i128(if total < 0 { -1 } else { 1 }))?
        } else {
            quotient
        };
        let limit = 10i128.checked_pow(u32::from(precision))?;
        mean.to_i128()
            .filter(|mean| mean.unsigned_abs() < limit.unsigned_abs())
    });
    match (mean, on_overflow) {
        (Some(mean), _) => Ok(Some(mean)),
        (None, OnOverflow::Null) => Ok(None),
        (None, OnOverflow::Fail) => Err(Error::data(format!(
            "the average does not fit into a decimal of {precision} digits; try_avg gives null instead"
        ))
        .with_condition("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION")),
    }
}
