//! `time_bucket`: the beginning of the interval of a fixed length, counted from an origin, that a moment lies in.
//!
//! A day-time bucket counts microseconds; a year-month bucket counts months of the calendar from the origin, with the day clipped to
//! the length of the month.

use super::{column, function, time_array, times, zone};
use crate::cast::calendar::{add_months, civil_from_days};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, any_nullable, argument, argument_type, constant, count_arguments, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, IntervalYearMonthType};

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![function(
        [
            "time_bucket",
            "time_bucket(bucket_size, timestamp[, origin])",
            "The beginning of the bucket of this size that the moment lies in; buckets are counted from the origin, 1970-01-01 by default.",
            "SELECT time_bucket(INTERVAL '15' MINUTE, TIMESTAMP '2024-01-01 11:27:00')",
        ],
        resolve,
        time_bucket,
    )]
}

/// How long a bucket is.
#[derive(Debug, Clone, Copy)]
enum Size {
    Micros(i64),
    Months(i32),
}

impl Size {
    /// The first value of a column of intervals; `None` if it is null.
    fn of(intervals: &ArrayRef) -> Option<Size> {
        if intervals.is_empty() || intervals.is_null(0) {
            return None;
        }
        if let DataType::Duration(_) = intervals.data_type() {
            let micros = intervals.as_primitive_opt::<DurationMicrosecondType>()?;
            Some(Size::Micros(micros.value(0)))
        } else {
            let months = intervals.as_primitive_opt::<IntervalYearMonthType>()?;
            Some(Size::Months(months.value(0)))
        }
    }

    fn is_positive(self) -> bool {
        match self {
            Size::Micros(micros) => micros > 0,
            Size::Months(months) => months > 0,
        }
    }
}

fn resolve(arguments: &[Expr]) -> Result<Signature> {
    let name = "time_bucket";
    count_arguments(name, arguments, 2, 3)?;
    let size = argument(name, arguments, 0)?;
    if !types::is_ansi_interval(&size.data_type) && size.data_type != DataType::Null {
        let wanted = "an interval of days to seconds or of years to months";
        return Err(unexpected_type(name, size, 0, wanted));
    }
    let value = constant(name, arguments, 0)?;
    if Size::of(value).is_some_and(|size| !size.is_positive()) {
        return Err(
            Error::invalid("the size of a bucket must be longer than nothing")
                .with_condition("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with_span(size.span),
        );
    }
    let moment = argument(name, arguments, 1)?;
    if moment.data_type == DataType::Date32 {
        return Err(unexpected_type(name, moment, 1, "a timestamp"));
    }
    let wanted = [types::timestamp(), types::timestamp_ntz()].map(Wanted::Exactly);
    let returns = argument_type(name, arguments, 1, &wanted)?;
    let mut arguments_types = vec![size.data_type.clone(), returns.clone()];
    if arguments.len() == 3 {
        arguments_types.push(argument_type(
            name,
            arguments,
            2,
            &[Wanted::Exactly(returns.clone())],
        )?);
    }
    Ok(Signature {
        arguments: arguments_types,
        returns,
        is_nullable: any_nullable(arguments),
    })
}

fn time_bucket(call: &Call<'_>) -> Result<ArrayRef> {
    let moments = times(call, 1)?;
    let Some(size) = Size::of(&column(call, 0)?) else {
        return Ok(time_array(
            TimestampMicrosecondArray::new_null(moments.len()),
            call.returns,
        ));
    };
    let origins = if call.arguments.len() == 3 {
        Some(times(call, 2)?)
    } else {
        None
    };
    // Buckets are counted on the wall clock, so that a day is a day also where the clock is changed.
    let zone = if *call.returns == types::timestamp_ntz() {
        Zone::UTC
    } else {
        zone(call)?
    };
    let overflow = || Error::data("the bucket is out of range").with_condition("DATETIME_OVERFLOW");
    let row = |row: usize| -> Result<Option<i64>> {
        let origin = match &origins {
            Some(origins) if origins.is_null(row) => return Ok(None),
            Some(origins) => zone.to_local(origins.value(row)),
            None => 0,
        };
        if moments.is_null(row) {
            return Ok(None);
        }
        let local = zone.to_local(moments.value(row));
        let start = match size {
            Size::Micros(size) => by_micros(size, local, origin),
            Size::Months(size) => by_months(size, local, origin),
        };
        start
            .and_then(|start| zone.to_utc(start))
            .map(Some)
            .ok_or_else(overflow)
    };
    let starts: TimestampMicrosecondArray = (0..moments.len()).map(row).collect::<Result<_>>()?;
    Ok(time_array(starts, call.returns))
}

fn by_micros(size: i64, local: i64, origin: i64) -> Option<i64> {
    let passed = local.checked_sub(origin)?;
    local.checked_sub(passed.rem_euclid(size))
}

/// The last of the readings `origin + n * size months` that is not after `local`.
fn by_months(size: i32, local: i64, origin: i64) -> Option<i64> {
    let month_of = |time: i64| {
        let date = civil_from_days(time.div_euclid(MICROS_PER_DAY));
        date.year * 12 + i64::from(date.month)
    };
    let later = |buckets: i64| {
        let day = i32::try_from(origin.div_euclid(MICROS_PER_DAY)).ok()?;
        let day = add_months(day, buckets.checked_mul(i64::from(size))?)?;
        i64::from(day)
            .checked_mul(MICROS_PER_DAY)?
            .checked_add(origin.rem_euclid(MICROS_PER_DAY))
    };
    let buckets = (month_of(local) - month_of(origin)).div_euclid(i64::from(size));
    let found = later(buckets)?;
    if found > local {
        return later(buckets - 1);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{answer_in, assert_answers, assert_fails};

    #[test]
    fn a_moment_is_put_into_the_bucket_that_begins_before_it() {
        assert_answers(&[
            (
                "time_bucket(INTERVAL '15' MINUTE, TIMESTAMP '2024-01-01 11:27:00')",
                "2024-01-01 11:15:00",
            ),
            (
                "time_bucket(INTERVAL '15' MINUTE, TIMESTAMP '1969-01-01 11:27:00')",
                "1969-01-01 11:15:00",
            ),
            (
                "time_bucket(INTERVAL '1' MONTH, TIMESTAMP '2024-02-29 14:30:00', TIMESTAMP '2024-01-31 09:00:00')",
                "2024-02-29 09:00:00",
            ),
            (
                "time_bucket(INTERVAL '1' MONTH, TIMESTAMP '2024-02-29 08:30:00', TIMESTAMP '2024-01-31 09:00:00')",
                "2024-01-31 09:00:00",
            ),
            (
                "time_bucket(INTERVAL '1' MONTH, TIMESTAMP '2023-11-29 08:30:00', TIMESTAMP '2024-01-31 09:00:00')",
                "2023-10-31 09:00:00",
            ),
            (
                "time_bucket(INTERVAL '1' DAY, TIMESTAMP '2024-01-01 11:27:00', NULL)",
                "NULL",
            ),
        ]);
    }

    #[test]
    fn a_day_is_a_day_of_the_wall_clock() {
        let bucket = "time_bucket(INTERVAL '1' DAY, TIMESTAMP '2024-07-01 11:27:00')";
        assert_eq!(
            answer_in("America/Los_Angeles", bucket).unwrap(),
            "2024-07-01 00:00:00"
        );
    }

    #[test]
    fn a_bucket_has_a_length_and_a_date_is_no_moment() {
        assert_fails(&[
            (
                "time_bucket(INTERVAL '0' MINUTE, TIMESTAMP '2024-01-01 11:27:00')",
                "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
            ),
            (
                "time_bucket(INTERVAL '1' DAY, DATE '2024-01-01')",
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            ),
            (
                "time_bucket('15 minutes', TIMESTAMP '2024-01-01 11:27:00')",
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            ),
        ]);
    }
}
