//! Statistics of one column that stream: variances, standard deviations, skewness and kurtosis.
//!
//! The state is the number of values, their mean and the sums of powers of their distance from it, as `DOUBLE`s. Updates and merges
//! are those of Spark's `CentralMomentAgg` (Meng, "Simpler Online Updates for Arbitrary-Order Central Moments", 2015), in the same order
//! of operations, so that results agree to the last bits.

use super::Definition;
use super::rows::{counted_rows, for_each_row, slot_of, value_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder};
use arrow::datatypes::{DataType, Float64Type};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "var_pop",
        usage: "var_pop(expr)",
        description: "The population variance.",
        example: "SELECT var_pop(v) FROM VALUES (1), (2), (3) AS t(v)",
        resolve,
        accumulator: |_, _| {
            Ok(of::<SecondMoment>(|state| {
                let [n, _, m2] = *state;
                Ok((n != 0.0).then(|| m2 / n))
            }))
        },
    },
    Definition {
        name: "var_samp",
        usage: "var_samp(expr)",
        description: "The sample variance; null for less than two values.",
        example: "SELECT var_samp(v) FROM VALUES (1), (2), (3) AS t(v)",
        resolve,
        accumulator: |_, _| {
            Ok(of::<SecondMoment>(|state| {
                let [n, _, m2] = *state;
                Ok((n > 1.0).then(|| m2 / (n - 1.0)))
            }))
        },
    },
    Definition {
        name: "stddev_pop",
        usage: "stddev_pop(expr)",
        description: "The population standard deviation.",
        example: "SELECT stddev_pop(v) FROM VALUES (1), (2), (3) AS t(v)",
        resolve,
        accumulator: |_, _| {
            Ok(of::<SecondMoment>(|state| {
                let [n, _, m2] = *state;
                Ok((n != 0.0).then(|| (m2 / n).sqrt()))
            }))
        },
    },
    Definition {
        name: "stddev_samp",
        usage: "stddev_samp(expr)",
        description: "The sample standard deviation; null for less than two values.",
        example: "SELECT stddev_samp(v) FROM VALUES (1), (2), (3) AS t(v)",
        resolve,
        accumulator: |_, _| {
            Ok(of::<SecondMoment>(|state| {
                let [n, _, m2] = *state;
                Ok((n > 1.0).then(|| (m2 / (n - 1.0)).sqrt()))
            }))
        },
    },
    Definition {
        name: "skewness",
        usage: "skewness(expr)",
        description: "The skewness; null if all values are equal.",
        example: "SELECT skewness(v) FROM VALUES (-10), (-20), (100), (1000) AS t(v)",
        resolve,
        accumulator: |_, _| Ok(of::<ThirdMoment>(skewness)),
    },
    Definition {
        name: "kurtosis",
        usage: "kurtosis(expr)",
        description: "The excess kurtosis; null if all values are equal.",
        example: "SELECT kurtosis(v) FROM VALUES (-10), (-20), (100), (1000) AS t(v)",
        resolve,
        accumulator: |_, _| Ok(of::<FourthMoment>(kurtosis)),
    },
];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let wanted = [Wanted::Exactly(DataType::Float64)];
    Ok(Signature {
        arguments: vec![argument_type(name, arguments, 0, &wanted)?],
        returns: DataType::Float64,
        is_nullable: true,
    })
}

fn skewness(state: &[f64; 4]) -> Result<Option<f64>> {
    let [n, _, m2, m3] = *state;
    if n == 0.0 || m2 == 0.0 {
        return Ok(None);
    }
    quotient(n.sqrt() * m3, (m2 * m2 * m2).sqrt()).map(Some)
}

fn kurtosis(state: &[f64; 5]) -> Result<Option<f64>> {
    let [n, _, m2, _, m4] = *state;
    if n == 0.0 || m2 == 0.0 {
        return Ok(None);
    }
    Ok(Some(quotient(n * m4, m2 * m2)? - 3.0))
}

/// A quotient by the rules of ANSI mode.
///
/// # Errors
///
/// `Data` with `DIVIDE_BY_ZERO`.
pub(super) fn quotient(dividend: f64, divisor: f64) -> Result<f64> {
    if divisor == 0.0 {
        return Err(
            Error::data("a statistic over values without any spread divides by zero")
                .with_condition("DIVIDE_BY_ZERO"),
        );
    }
    Ok(dividend / divisor)
}

/// The sum of the squares of the distances from the mean, null without values.
pub(super) fn sum_of_squares() -> Box<dyn Accumulator> {
    of::<SecondMoment>(|state| {
        let [n, _, m2] = *state;
        Ok((n != 0.0).then_some(m2))
    })
}

/// An accumulator for a statistic of this state.
pub(super) fn of<S: Statistic>(finish: Finish<S>) -> Box<dyn Accumulator> {
    Box::new(StatisticAccumulator::<S> {
        finish,
        states: Vec::new(),
        statistic: PhantomData,
    })
}

/// The result from the state; null if it is `None`.
pub(super) type Finish<S> = fn(&<S as Statistic>::State) -> Result<Option<f64>>;

/// A state of a few numbers, zero at the start, that folds one or two numbers a row.
pub(super) trait Statistic: Send + Sync + Debug + 'static {
    /// The numbers.
    type State: AsRef<[f64]> + AsMut<[f64]> + Copy + Default + Send + Sync + Debug;

    /// Folds a row in. Statistics of one column get it twice.
    fn fold(state: &mut Self::State, first: f64, second: f64);

    /// Folds another state in.
    fn merge(state: &mut Self::State, other: &Self::State);
}

/// Count, mean, second moment.
#[derive(Debug)]
pub(super) struct SecondMoment;

impl Statistic for SecondMoment {
    type State = [f64; 3];

    #[inline]
    fn fold(state: &mut [f64; 3], value: f64, _: f64) {
        let [n, mean, m2] = state;
        *n += 1.0;
        let delta = value - *mean;
        let delta_n = delta / *n;
        *mean += delta_n;
        *m2 += delta * (delta - delta_n);
    }

    fn merge(state: &mut [f64; 3], other: &[f64; 3]) {
        let ([n1, mean, m2], [n2, other_mean, other_m2]) = (*state, *other);
        let n = n1 + n2;
        let delta = other_mean - mean;
        let delta_n = if n == 0.0 { 0.0 } else { delta / n };
        *state = [
            n,
            mean + delta_n * n2,
            m2 + other_m2 + delta * delta_n * n1 * n2,
        ];
    }
}

/// Count, mean, second and third moment.
#[derive(Debug)]
struct ThirdMoment;

impl Statistic for ThirdMoment {
    type State = [f64; 4];

    #[inline]
    fn fold(state: &mut [f64; 4], value: f64, _: f64) {
        let [n, mean, m2, m3] = state;
        *n += 1.0;
        let delta = value - *mean;
        let delta_n = delta / *n;
        *mean += delta_n;
        *m2 += delta * (delta - delta_n);
        *m3 = *m3 - 3.0 * delta_n * *m2 + delta * (delta * delta - delta_n * delta_n);
    }

    fn merge(state: &mut [f64; 4], other: &[f64; 4]) {
        let ([n1, mean, m2, m3], [n2, other_mean, other_m2, other_m3]) = (*state, *other);
        let n = n1 + n2;
        let delta = other_mean - mean;
        let delta_n = if n == 0.0 { 0.0 } else { delta / n };
        *state = [
            n,
            mean + delta_n * n2,
            m2 + other_m2 + delta * delta_n * n1 * n2,
            m3 + other_m3
                + delta_n * delta_n * delta * n1 * n2 * (n1 - n2)
                + 3.0 * delta_n * (n1 * other_m2 - n2 * m2),
        ];
    }
}

/// Count, mean, second, third and fourth moment.
#[derive(Debug)]
struct FourthMoment;

impl Statistic for FourthMoment {
    type State = [f64; 5];

    #[inline]
    fn fold(state: &mut [f64; 5], value: f64, _: f64) {
        let [n, mean, m2, m3, m4] = state;
        *n += 1.0;
        let delta = value - *mean;
        let delta_n = delta / *n;
        *mean += delta_n;
        *m2 += delta * (delta - delta_n);
        let delta2 = delta * delta;
        let delta_n2 = delta_n * delta_n;
        *m3 = *m3 - 3.0 * delta_n * *m2 + delta * (delta2 - delta_n2);
        *m4 = *m4 - 4.0 * delta_n * *m3 - 6.0 * delta_n2 * *m2
            + delta * (delta * delta2 - delta_n * delta_n2);
    }

    fn merge(state: &mut [f64; 5], other: &[f64; 5]) {
        let [n1, mean, m2, m3, m4] = *state;
        let [n2, other_mean, other_m2, other_m3, other_m4] = *other;
        let n = n1 + n2;
        let delta = other_mean - mean;
        let delta_n = if n == 0.0 { 0.0 } else { delta / n };
        *state = [
            n,
            mean + delta_n * n2,
            m2 + other_m2 + delta * delta_n * n1 * n2,
            m3 + other_m3
                + delta_n * delta_n * delta * n1 * n2 * (n1 - n2)
                + 3.0 * delta_n * (n1 * other_m2 - n2 * m2),
            m4 + other_m4
                + delta_n * delta_n * delta_n * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2)
                + 6.0 * delta_n * delta_n * (n1 * n1 * other_m2 + n2 * n2 * m2)
                + 4.0 * delta_n * (n1 * other_m3 - n2 * m3),
        ];
    }
}

/// The state has a column for each number.
#[derive(Debug)]
struct StatisticAccumulator<S: Statistic> {
    finish: Finish<S>,
    states: Vec<S::State>,
    statistic: PhantomData<S>,
}

impl<S: Statistic> StatisticAccumulator<S> {
    fn width() -> usize {
        S::State::default().as_ref().len()
    }
}

impl<S: Statistic> Accumulator for StatisticAccumulator<S> {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Float64; Self::width()]
    }

    fn resize(&mut self, groups: usize) {
        self.states.resize(groups, S::State::default());
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let ([first] | [first, _]) = arguments else {
            return Err(Error::internal("a statistic folds one column or two"));
        };
        let second = arguments.last().unwrap_or(first);
        let counted = counted_rows(arguments, filter);
        let first = first.as_primitive::<Float64Type>().values();
        let second = second.as_primitive::<Float64Type>().values();
        let states = &mut self.states;
        for_each_row(groups, counted.as_ref(), |row, group| {
            S::fold(
                slot_of(states, group),
                value_of(first, row),
                value_of(second, row),
            );
        });
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let columns: Vec<&Float64Array> = state.iter().map(AsArray::as_primitive).collect();
        for_each_row(groups, None, |row, group| {
            let mut other = S::State::default();
            for (number, column) in other.as_mut().iter_mut().zip(&columns) {
                *number = column.value(row);
            }
            S::merge(slot_of(&mut self.states, group), &other);
        });
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(groups.len()); Self::width()];
        for group in groups {
            let state = value_of(&self.states, *group as usize);
            for (column, number) in columns.iter_mut().zip(state.as_ref()) {
                column.push(*number);
            }
        }
        Ok(columns
            .into_iter()
            .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef)
            .collect())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let mut results = Float64Builder::with_capacity(groups.len());
        for group in groups {
            results.append_option((self.finish)(&value_of(&self.states, *group as usize))?);
        }
        Ok(Arc::new(results.finish()))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.states, *group as usize) = S::State::default();
        }
    }

    fn memory_bytes(&self) -> usize {
        self.states.capacity() * size_of::<S::State>()
    }
}
