//! `approx_percentile` (`percentile_approx`): percentiles within an error of rank, over a summary of bounded size
//! ([`QuantileSummary`]). Values are summarised as doubles and come back in their own type.

use super::Definition;
use super::fold::{Fold, FoldAccumulator, FoldRows, damaged};
use super::frequency::Percentages;
use super::quantile_summary::QuantileSummary;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, argument_type, constant_long, count_arguments, out_of_range,
};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, IntervalYearMonthType};
use std::sync::Arc;

const NAME: &str = "approx_percentile";

/// The accuracy unless another is asked for: the error is its inverse.
const DEFAULT_ACCURACY: i64 = 10_000;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    usage: "approx_percentile(expr, percentage[, accuracy])",
    description: "A value whose rank is within 1 / accuracy (10000 by default) of the percentage; an array for an array of percentages.",
    example: "SELECT approx_percentile(v, array(0.5, 0.4, 0.1), 100) FROM VALUES (0), (1), (2), (10) AS t(v)",
    resolve,
    accumulator,
}];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 3)?;
    let wanted = [
        Wanted::Numeric,
        Wanted::Exactly(DataType::Date32),
        Wanted::Exactly(types::timestamp()),
        Wanted::Exactly(types::timestamp_ntz()),
        Wanted::Exactly(types::day_time_interval()),
        Wanted::Exactly(types::year_month_interval()),
    ];
    let value = argument_type(name, arguments, 0, &wanted)?;
    let percentages = Percentages::read(name, arguments, 1)?;
    let mut types = vec![value.clone(), percentages.data_type()];
    if arguments.len() == 3 {
        argument_type(name, arguments, 2, &[Wanted::Integral])?;
        accuracy(arguments)?;
        types.push(DataType::Int64);
    }
    Ok(Signature {
        arguments: types,
        returns: if percentages.is_array {
            crate::types::list_of(value)
        } else {
            value
        },
        is_nullable: true,
    })
}

fn accuracy(arguments: &[Expr]) -> Result<i64> {
    if arguments.len() < 3 {
        return Ok(DEFAULT_ACCURACY);
    }
    constant_long(NAME, arguments, 2)?
        .filter(|accuracy| (1..=i64::from(i32::MAX)).contains(accuracy))
        .ok_or_else(|| out_of_range(NAME, "accuracy", "from 1 to 2147483647"))
}

fn accumulator(arguments: &[Expr], signature: &Signature) -> Result<Box<dyn Accumulator>> {
    let Some(value) = signature.arguments.first() else {
        return Err(Error::internal("a percentile is that of a column"));
    };
    #[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
    let error = 1.0 / accuracy(arguments)? as f64;
    Ok(FoldAccumulator::boxed(ApproxPercentile {
        value: value.clone(),
        error,
        percentages: Percentages::read(NAME, arguments, 1)?,
    }))
}

#[derive(Debug)]
struct ApproxPercentile {
    value: DataType,
    error: f64,
    percentages: Percentages,
}

impl Fold for ApproxPercentile {
    type State = QuantileSummary;

    fn create(&self) -> Result<QuantileSummary> {
        Ok(QuantileSummary::new(self.error))
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a percentile is that of a column"));
        };
        let doubles = as_doubles(column)?;
        let doubles = doubles.as_primitive::<Float64Type>();
        let counted = rows.counted(std::slice::from_ref(column));
        rows.each(counted.as_ref(), |row, summary| {
            summary.insert(doubles.value(row));
            Ok(())
        })
    }

    fn merge(&self, summary: &mut QuantileSummary, bytes: &[u8]) -> Result<()> {
        summary.merge(QuantileSummary::read(bytes).ok_or_else(|| damaged(NAME))?);
        Ok(())
    }

    fn save(&self, summary: &QuantileSummary) -> Result<Vec<u8>> {
        Ok(summary.save())
    }

    fn finish(&self, states: &[Option<&QuantileSummary>]) -> Result<ArrayRef> {
        let mut results: Vec<Option<f64>> = Vec::new();
        let mut seen = Vec::with_capacity(states.len());
        for state in states {
            let values = state.and_then(|summary| {
                let mut summary = summary.clone();
                summary.compress();
                summary.query(&self.percentages.values)
            });
            seen.push(values.is_some());
            match values {
                Some(values) => results.extend(values.into_iter().map(Some)),
                None if self.percentages.is_array => {}
                None => results.push(None),
            }
        }
        let results: ArrayRef = Arc::new(Float64Array::from(results));
        self.percentages
            .column(from_doubles(&results, &self.value)?, seen)
    }

    fn memory_bytes(&self, summary: &QuantileSummary) -> usize {
        summary.memory_bytes()
    }
}

/// Numbers, times and intervals as doubles.
pub(super) fn as_doubles(values: &ArrayRef) -> Result<ArrayRef> {
    if let Some(months) = values.as_primitive_opt::<IntervalYearMonthType>() {
        return Ok(Arc::new(months.unary::<_, Float64Type>(f64::from)));
    }
    let numbers = match integer_of(values.data_type()) {
        Some(integer) => cast(values, &integer)?,
        None => Arc::clone(values),
    };
    Ok(cast(&numbers, &DataType::Float64)?)
}

/// Doubles as values of this type again; fractions are cut off where it has none.
pub(super) fn from_doubles(doubles: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if matches!(data_type, DataType::Interval(_)) {
        let months = cast(doubles, &DataType::Int32)?;
        let months = months.as_primitive::<Int32Type>();
        return Ok(Arc::new(
            months.unary::<_, IntervalYearMonthType>(|months| months),
        ));
    }
    Ok(match integer_of(data_type) {
        Some(integer) => cast(&cast(doubles, &integer)?, data_type)?,
        None => cast(doubles, data_type)?,
    })
}

/// The integer that holds a time or a day-time interval.
fn integer_of(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date32 => Some(DataType::Int32),
        DataType::Timestamp(_, _) | DataType::Duration(_) => Some(DataType::Int64),
        _ => None,
    }
}
