//! `timestampadd` and `timestampdiff`: counting in a unit that is named.
//!
//! Units from days up count on the wall clock, smaller ones are added to the moment; a difference is that of the two wall clocks, cut off
//! towards zero, as Spark has it.

use super::{column, function, local_times, strings, time_array, times, typed, zone};
use crate::cast::calendar::{add_months, civil_from_days};
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

/// What is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Months(i64),
    Days(i64),
    Micros(i64),
}

impl Unit {
    fn named(name: &str) -> Result<Unit> {
        Ok(match name {
            "YEAR" => Unit::Months(12),
            "QUARTER" => Unit::Months(3),
            "MONTH" => Unit::Months(1),
            "WEEK" => Unit::Days(7),
            "DAY" | "DAYOFYEAR" => Unit::Days(1),
            "HOUR" => Unit::Micros(3_600_000_000),
            "MINUTE" => Unit::Micros(60_000_000),
            "SECOND" => Unit::Micros(1_000_000),
            "MILLISECOND" => Unit::Micros(1_000),
            "MICROSECOND" => Unit::Micros(1),
            _ => {
                return Err(Error::invalid(format!(
                    "no unit of time has this name. unit=`{name}`"
                ))
                .with_condition("INVALID_PARAMETER_VALUE.DATETIME_UNIT"));
            }
        })
    }

    /// The moment so many units later; `None` if that is out of range.
    fn add(self, moment: i64, quantity: i64, zone: Zone) -> Option<i64> {
        let local = zone.to_local(moment);
        let (day, of_day) = (
            local.div_euclid(MICROS_PER_DAY),
            local.rem_euclid(MICROS_PER_DAY),
        );
        let moved = match self {
            Unit::Micros(micros) => return moment.checked_add(quantity.checked_mul(micros)?),
            Unit::Days(days) => day.checked_add(quantity.checked_mul(days)?)?,
            Unit::Months(months) => {
                let date = i32::try_from(day).ok()?;
                i64::from(add_months(date, quantity.checked_mul(months)?)?)
            }
        };
        zone.to_utc(moved.checked_mul(MICROS_PER_DAY)?.checked_add(of_day)?)
    }

    /// How many whole units lie between two readings of the wall clock.
    fn between(self, start: i64, end: i64) -> i64 {
        match self {
            Unit::Micros(micros) => end.saturating_sub(start) / micros,
            Unit::Days(days) => end.saturating_sub(start) / (days * MICROS_PER_DAY),
            Unit::Months(months) => {
                let parts = |local: i64| {
                    let date = civil_from_days(local.div_euclid(MICROS_PER_DAY));
                    let month = date.year * 12 + i64::from(date.month);
                    (month, (date.day, local.rem_euclid(MICROS_PER_DAY)))
                };
                let ((first, first_rest), (last, last_rest)) = (parts(start), parts(end));
                let begun = last - first;
                let whole = if begun > 0 && last_rest < first_rest {
                    begun - 1
                } else if begun < 0 && last_rest > first_rest {
                    begun + 1
                } else {
                    begun
                };
                whole / months
            }
        }
    }
}

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "timestampadd",
                "timestampadd(unit, quantity, timestamp)",
                "The moment so many YEARs, MONTHs, DAYs, HOURs, … later; also written dateadd.",
                "SELECT timestampadd(HOUR, 8, timestamp'2022-02-11 20:30:00')",
            ],
            resolve_add,
            add,
        ),
        function(
            [
                "timestampdiff",
                "timestampdiff(unit, start, end)",
                "The number of whole YEARs, MONTHs, DAYs, HOURs, … from start to end; also written datediff.",
                "SELECT timestampdiff(MONTH, timestamp'2022-02-11 20:30:00', timestamp'2022-05-11 20:30:00')",
            ],
            resolve_difference,
            difference,
        ),
    ]
}

fn resolve_add(arguments: &[Expr]) -> Result<Signature> {
    const NAME: &str = "timestampadd";
    count_arguments(NAME, arguments, 3, 3)?;
    let text = [Wanted::Exactly(DataType::Utf8)];
    let long = [Wanted::Exactly(DataType::Int64)];
    let moments = [types::timestamp(), types::timestamp_ntz()].map(Wanted::Exactly);
    let moved = argument_type(NAME, arguments, 2, &moments)?;
    Ok(Signature {
        arguments: vec![
            argument_type(NAME, arguments, 0, &text)?,
            argument_type(NAME, arguments, 1, &long)?,
            moved.clone(),
        ],
        returns: moved,
        is_nullable: any_nullable(arguments),
    })
}

fn resolve_difference(arguments: &[Expr]) -> Result<Signature> {
    super::signature(
        "timestampdiff",
        arguments,
        &[DataType::Utf8, types::timestamp(), types::timestamp()],
        (3, DataType::Int64),
        false,
    )
}

fn add(call: &Call<'_>) -> Result<ArrayRef> {
    let (units, quantities) = (strings(call, 0)?, typed::<Int64Type>(call, 1)?);
    let moments = times(call, 2)?;
    let zone = match moments.timezone() {
        Some(_) => zone(call)?,
        None => Zone::UTC,
    };
    let row = |row: usize| {
        if units.is_null(row) || quantities.is_null(row) || moments.is_null(row) {
            return Ok(None);
        }
        let (name, quantity) = (units.value(row), quantities.value(row));
        let moved = Unit::named(name)?.add(moments.value(row), quantity, zone);
        moved.map(Some).ok_or_else(|| {
            Error::data(format!(
                "failed to add {quantity} {name} to the moment: it would be out of range"
            ))
            .with_condition("DATETIME_OVERFLOW")
        })
    };
    let moved: TimestampMicrosecondArray = (0..call.rows).map(row).collect::<Result<_>>()?;
    Ok(time_array(moved, call.returns))
}

fn difference(call: &Call<'_>) -> Result<ArrayRef> {
    let units = strings(call, 0)?;
    let (starts, ends) = (local_times(call, 1)?, local_times(call, 2)?);
    let row = |row: usize| {
        if units.is_null(row) || starts.is_null(row) || ends.is_null(row) {
            return Ok(None);
        }
        let unit = Unit::named(units.value(row))?;
        Ok(Some(unit.between(starts.value(row), ends.value(row))))
    };
    let counts: Int64Array = (0..column(call, 0)?.len())
        .map(row)
        .collect::<Result<_>>()?;
    Ok(Arc::new(counts))
}
