//! `sequence(start, stop[, step])` of integers, dates and timestamps, both ends included.

use super::arguments;
use super::modify::too_many_elements;
use crate::cast::calendar::add_months;
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{any_nullable, argument, count_arguments, unexpected_type};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{
    common_type_of, day_time_interval, is_ansi_interval, is_datetime, is_integral, list_field,
    list_of, timestamp, year_month_interval,
};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, DurationMicrosecondType, Int64Type, IntervalYearMonthType};
use std::sync::Arc;

/// The most elements of one sequence.
const ELEMENTS_MAX: i64 = 2_147_483_632;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction::new(
        ("sequence", "sequence(start, stop[, step])"),
        (
            "an array of the values from start to stop, both included; the step is 1, -1 or a day if it is not given",
            "SELECT sequence(1, 5)",
        ),
        (resolve, sequence),
    )]
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("sequence", arguments, 2, 3)?;
    let start = argument("sequence", arguments, 0)?;
    let ends = arguments.iter().take(2).map(|end| &end.data_type);
    let wrong = || {
        unexpected_type("sequence", start, 0, "an integer, a DATE or a TIMESTAMP")
            .with_condition("DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES")
    };
    let common = common_type_of(ends).ok_or_else(wrong)?;
    let (element, step) = match arguments.get(2).map(|step| &step.data_type) {
        None => (common, None),
        Some(step) if is_integral(step) && is_integral(&common) => {
            let element = common_type_of([&common, step]).ok_or_else(wrong)?;
            (element.clone(), Some(element))
        }
        Some(step) if is_ansi_interval(step) && is_datetime(&common) => {
            if common == DataType::Date32 && *step == day_time_interval() {
                return Err(Error::unsupported(
                    "a sequence of DATEs with a day-time step (use a year-month step, no step, or TIMESTAMPs)",
                ));
            }
            (common, Some(step.clone()))
        }
        Some(_) => return Err(wrong()),
    };
    if !is_integral(&element) && !is_datetime(&element) {
        return Err(wrong());
    }
    let mut types = vec![element.clone(); 2];
    types.extend(step);
    Ok(Signature {
        arguments: types,
        returns: list_of(element),
        is_nullable: any_nullable(arguments),
    })
}

/// How a sequence goes on.
#[derive(Clone, Copy)]
enum Step {
    /// By so many units.
    Units(i64),
    /// By months, on the wall clock.
    Months(i64),
    /// By whole days on the wall clock, then by microseconds.
    Days(i64, i64),
}

/// Numbers behind a column: values, days or microseconds.
fn longs(value: &Value) -> Result<Int64Array> {
    let array = value.array();
    let array = match array.data_type() {
        DataType::Date32 => cast(array, &DataType::Int32)?,
        _ => Arc::clone(array),
    };
    Ok(cast(&array, &DataType::Int64)?
        .as_primitive::<Int64Type>()
        .clone())
}

fn at(longs: &Int64Array, value: &Value, row: usize) -> Option<i64> {
    let row = value.index(row);
    longs.is_valid(row).then(|| longs.value(row))
}

fn sequence(call: &Call<'_>) -> Result<ArrayRef> {
    let (start, stop, step) = if let [start, stop] = call.arguments {
        (start, stop, None)
    } else {
        let [start, stop, step] = arguments(call)?;
        (start, stop, Some(step))
    };
    let element = start.data_type();
    let zone = if *element == timestamp() {
        Zone::parse(&call.context.time_zone)?
    } else {
        Zone::UTC
    };
    let (starts, stops) = (longs(start)?, longs(stop)?);
    let mut values: Vec<i64> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let before = values.len();
        let ends = at(&starts, start, row).zip(at(&stops, stop, row));
        let by = match (ends, step) {
            (Some(ends), None) => Some(default_step(ends, element)),
            (Some(_), Some(step)) => step_at(step, element, row),
            (None, _) => None,
        };
        if let (Some(ends), Some(by)) = (ends, by) {
            let walk = Walk { element, zone, by };
            walk.fill(ends, &mut values)?;
        }
        valid.push(ends.is_some() && by.is_some());
        lengths.push(values.len() - before);
    }
    finish(values, lengths, valid, element)
}

fn finish(
    values: Vec<i64>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    element: &DataType,
) -> Result<ArrayRef> {
    let longs: ArrayRef = Arc::new(Int64Array::from(values));
    let narrow = match element {
        DataType::Date32 => cast(&longs, &DataType::Int32)?,
        _ => longs,
    };
    Ok(Arc::new(ListArray::try_new(
        list_field(element.clone()),
        OffsetBuffer::from_lengths(lengths),
        cast(&narrow, element)?,
        valid.contains(&false).then(|| NullBuffer::from(valid)),
    )?))
}

fn default_step((start, stop): (i64, i64), element: &DataType) -> Step {
    let sign = if start <= stop { 1 } else { -1 };
    match element {
        DataType::Timestamp(_, _) => Step::Days(sign, 0),
        _ => Step::Units(sign),
    }
}

fn step_at(step: &Value, element: &DataType, row: usize) -> Option<Step> {
    let array = step.array();
    let row = step.index(row);
    if array.is_null(row) {
        return None;
    }
    if *array.data_type() == year_month_interval() {
        let months = array.as_primitive::<IntervalYearMonthType>().value(row);
        return Some(Step::Months(i64::from(months)));
    }
    if *array.data_type() == day_time_interval() {
        let micros = array.as_primitive::<DurationMicrosecondType>().value(row);
        return Some(Step::Days(micros / MICROS_PER_DAY, micros % MICROS_PER_DAY));
    }
    let longs = cast(array, &DataType::Int64).ok()?;
    debug_assert!(is_integral(element));
    Some(Step::Units(longs.as_primitive::<Int64Type>().value(row)))
}

/// One sequence.
struct Walk<'a> {
    element: &'a DataType,
    zone: Zone,
    by: Step,
}

impl Walk<'_> {
    /// Appends the values from start to stop.
    fn fill(&self, (start, stop): (i64, i64), values: &mut Vec<i64>) -> Result<()> {
        let sign = match self.by {
            Step::Units(by) | Step::Months(by) => by.signum(),
            Step::Days(days, micros) => (days * MICROS_PER_DAY + micros).signum(),
        };
        if start == stop {
            values.push(start);
            return Ok(());
        }
        if sign == 0 || (stop > start) != (sign > 0) {
            return Err(Error::data(format!(
                "illegal sequence boundaries: the step must lead from start to stop. start=`{start}` stop=`{stop}`"
            )));
        }
        let least = self.least_count(i128::from(stop) - i128::from(start));
        if least > i128::from(ELEMENTS_MAX) {
            return Err(too_many_elements(
                "sequence",
                i64::try_from(least).unwrap_or(i64::MAX),
            ));
        }
        let mut count: i64 = 0;
        while let Some(value) = self.value(start, count) {
            if (sign > 0 && value > stop) || (sign < 0 && value < stop) {
                break;
            }
            values.push(value);
            count += 1;
            if count > ELEMENTS_MAX {
                return Err(too_many_elements("sequence", count));
            }
        }
        Ok(())
    }

    /// How many values there are at least over this distance, which the step leads along.
    fn least_count(&self, distance: i128) -> i128 {
        let longest = match self.by {
            Step::Units(by) => i128::from(by),
            Step::Months(by) if *self.element == DataType::Date32 => i128::from(by) * 31,
            Step::Months(by) => i128::from(by) * 31 * i128::from(MICROS_PER_DAY),
            // A day may have an hour more.
            Step::Days(days, micros) => {
                i128::from(days) * i128::from(MICROS_PER_DAY) * 2 + i128::from(micros)
            }
        };
        distance.checked_div(longest).unwrap_or_default()
    }

    /// The value after `count` steps; `None` if it is out of range.
    fn value(&self, start: i64, count: i64) -> Option<i64> {
        match self.by {
            Step::Units(by) => start.checked_add(by.checked_mul(count)?),
            Step::Months(by) => self.months_later(start, by.checked_mul(count)?),
            Step::Days(days, micros) => {
                let local = self.zone.to_local(start);
                let days = days.checked_mul(count)?.checked_mul(MICROS_PER_DAY)?;
                let moved = self.zone.to_utc(local.checked_add(days)?)?;
                moved.checked_add(micros.checked_mul(count)?)
            }
        }
    }

    fn months_later(&self, start: i64, months: i64) -> Option<i64> {
        if *self.element == DataType::Date32 {
            return add_months(i32::try_from(start).ok()?, months).map(i64::from);
        }
        let local = self.zone.to_local(start);
        let date = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()?;
        let moved = i64::from(add_months(date, months)?).checked_mul(MICROS_PER_DAY)?;
        self.zone
            .to_utc(moved.checked_add(local.rem_euclid(MICROS_PER_DAY))?)
    }
}
