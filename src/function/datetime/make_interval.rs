//! `make_interval` and `try_make_interval`: the legacy interval of parts, which keeps months, days and what is smaller apart.

use super::{function, has, signature, typed};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::calendar_interval;
use arrow::array::{Array, ArrayRef, Int32Array, IntervalMonthDayNanoArray, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, IntervalMonthDayNano};
use std::sync::Arc;

/// How many parts are integers: all but the seconds.
const INTEGERS: usize = 6;

/// How many microseconds an hour and a minute have.
const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_MINUTE: i64 = 60_000_000;

const NANOS_PER_MICRO: i64 = 1_000;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "make_interval",
                "make_interval([years[, months[, weeks[, days[, hours[, mins[, secs]]]]]]])",
                "The interval of these parts; those left out are 0.",
                "SELECT make_interval(100, 11, 1, 1, 12, 30, 01.001001)",
            ],
            |a| resolve("make_interval", a, false),
            |c| make(c, false),
        ),
        function(
            [
                "try_make_interval",
                "try_make_interval([years[, months[, weeks[, days[, hours[, mins[, secs]]]]]]])",
                "As make_interval, null where a part is out of range.",
                "SELECT try_make_interval(100, 11, 1, 1, 12, 30, 01.001001)",
            ],
            |a| resolve("try_make_interval", a, true),
            |c| make(c, true),
        ),
    ]
}

fn resolve(name: &str, arguments: &[Expr], is_try: bool) -> Result<Signature> {
    let mut wanted = vec![DataType::Int32; INTEGERS];
    wanted.push(DataType::Decimal128(18, 6));
    signature(name, arguments, &wanted, (0, calendar_interval()), is_try)
}

/// The parts of one row.
struct Parts {
    integers: Vec<Option<Int32Array>>,
    seconds: Option<PrimitiveArray<Decimal128Type>>,
}

impl Parts {
    fn of(call: &Call<'_>) -> Result<Parts> {
        let integer = |index: usize| {
            has(call, index)
                .then(|| typed::<Int32Type>(call, index))
                .transpose()
        };
        Ok(Parts {
            integers: (0..INTEGERS).map(integer).collect::<Result<_>>()?,
            seconds: has(call, INTEGERS)
                .then(|| typed::<Decimal128Type>(call, INTEGERS))
                .transpose()?,
        })
    }

    /// The parts of a row that are integers, and the microseconds of its seconds; `None` if one is null.
    fn row(&self, row: usize) -> Option<([i32; INTEGERS], i128)> {
        let mut parts = [0; INTEGERS];
        for (part, values) in parts.iter_mut().zip(&self.integers) {
            if let Some(values) = values {
                *part = values.is_valid(row).then(|| values.value(row))?;
            }
        }
        let micros = match &self.seconds {
            Some(seconds) => seconds.is_valid(row).then(|| seconds.value(row))?,
            None => 0,
        };
        Some((parts, micros))
    }
}

/// The months, days and microseconds of these parts; `None` if one is out of range.
fn sums_of(parts: [i32; INTEGERS], micros: i128) -> Option<(i32, i32, i64)> {
    let [years, months, weeks, days, hours, minutes] = parts;
    let months = years.checked_mul(12)?.checked_add(months)?;
    let days = weeks.checked_mul(7)?.checked_add(days)?;
    let micros = micros
        + i128::from(hours) * i128::from(MICROS_PER_HOUR)
        + i128::from(minutes) * i128::from(MICROS_PER_MINUTE);
    Some((months, days, i64::try_from(micros).ok()?))
}

/// The interval of months, days and microseconds, which Arrow keeps as nanoseconds.
///
/// # Errors
///
/// `Invalid`, where Spark's interval could hold the microseconds and Arrow's cannot.
fn interval_of((months, days, micros): (i32, i32, i64)) -> Result<IntervalMonthDayNano> {
    let nanos = micros.checked_mul(NANOS_PER_MICRO).ok_or_else(|| {
        Error::unsupported(format!(
            "an interval of parts with more than {} hours",
            i64::MAX / NANOS_PER_MICRO / MICROS_PER_HOUR
        ))
    })?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

fn make(call: &Call<'_>, is_try: bool) -> Result<ArrayRef> {
    let parts = Parts::of(call)?;
    let row = |row: usize| {
        let Some((integers, micros)) = parts.row(row) else {
            return Ok(None);
        };
        match sums_of(integers, micros) {
            None if !is_try => Err(Error::data(
                "the interval is out of range. Use `try_make_interval` to get NULL instead",
            )
            .with_condition("ARITHMETIC_OVERFLOW")),
            sums => sums.map(interval_of).transpose(),
        }
    };
    let made: IntervalMonthDayNanoArray = (0..call.rows).map(row).collect::<Result<_>>()?;
    Ok(Arc::new(made))
}

#[cfg(test)]
mod tests {
    use crate::function::testing::{answer, assert_answers, assert_fails};

    #[test]
    fn time_that_only_sparks_interval_could_hold_is_refused_by_name() {
        for function in ["make_interval", "try_make_interval"] {
            let hours = |hours: i32| answer(&format!("{function}(0, 0, 0, 0, {hours})"));
            assert_eq!(hours(2_562_047).unwrap(), "2562047 hours");
            assert_eq!(hours(-2_562_047).unwrap(), "-2562047 hours");
            let error = hours(2_562_048).unwrap_err().to_string();
            assert!(error.contains("not supported"), "{error}");
        }
    }

    #[test]
    fn an_interval_of_parts_keeps_months_days_and_time_apart() {
        assert_answers(&[
            (
                "make_interval(100, 11, 1, 1, 12, 30, 01.001001)",
                "100 years 11 months 8 days 12 hours 30 minutes 1.001001 seconds",
            ),
            ("make_interval(-1, 1)", "-11 months"),
            ("make_interval()", "0 seconds"),
            ("make_interval(1, NULL)", "NULL"),
            ("try_make_interval(2147483647)", "NULL"),
            (
                "timestamp'2024-03-31 10:00:00' - make_interval(0, 1, 0, 1, 2, 3, 4.5)",
                "2024-02-28 07:56:55.5",
            ),
            ("date'2024-01-31' + make_interval(0, 1, 0, 1)", "2024-03-01"),
            ("-make_interval(1, 2)", "-1 years -2 months"),
            ("make_interval(1) - make_interval(0, 2)", "10 months"),
        ]);
        assert_fails(&[
            ("make_interval(2147483647)", "ARITHMETIC_OVERFLOW"),
            (
                "date'2024-01-31' + make_interval(0, 0, 0, 0, 1)",
                "INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION",
            ),
            (
                "make_interval(1) + interval '1' day",
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            ),
        ]);
    }
}
