//! Legacy intervals: added to and subtracted from dates, moments and each other.
//!
//! Months come first, then days, on the wall clock of the session's time zone; what is smaller is added to the moment. A date takes no part
//! that is smaller than a day.

use super::failure::plain_overflow;
use super::kernel::{Checked, binary};
use super::temporal::{datetime_overflow, finished, zone_of};
use super::{Operands, Operator};
use crate::cast::calendar::add_months;
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::Value;
use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType,
};

const NANOS_PER_MICRO: i64 = 1_000;

/// The opposite interval; `None` if it is out of range.
pub(super) fn opposite(interval: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(
        interval.months.checked_neg()?,
        interval.days.checked_neg()?,
        interval.nanoseconds.checked_neg()?,
    ))
}

fn signed(interval: IntervalMonthDayNano, sign: i64) -> Option<IntervalMonthDayNano> {
    if sign < 0 {
        opposite(interval)
    } else {
        Some(interval)
    }
}

fn moved_days(days: i64, interval: IntervalMonthDayNano) -> Option<i32> {
    let moved = add_months(i32::try_from(days).ok()?, i64::from(interval.months))?;
    moved.checked_add(interval.days)
}

pub(super) fn shift_date(
    sides: (&Value, &Value),
    sign: i64,
    operands: &Operands<'_>,
) -> Result<ArrayRef> {
    let shift = |date: i32, interval: IntervalMonthDayNano| {
        let interval = signed(interval, sign).filter(|interval| interval.nanoseconds == 0)?;
        moved_days(i64::from(date), interval)
    };
    let dates = binary::<Date32Type, IntervalMonthDayNanoType, Date32Type>(
        sides,
        operands.is_try,
        |date, interval| Checked::of(shift(date, interval)),
        |_, interval| {
            match interval.nanoseconds {
            0 => datetime_overflow(),
            _ => Error::data("an interval with hours, minutes or seconds cannot be added to a date. Cast the date to TIMESTAMP")
                .with_condition("INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION"),
        }
        },
    )?;
    Ok(finished(dates, operands))
}

pub(super) fn shift_moment(
    sides: (&Value, &Value),
    sign: i64,
    operands: &Operands<'_>,
) -> Result<ArrayRef> {
    let zone = zone_of(sides.0, operands)?;
    let moments =
        binary::<TimestampMicrosecondType, IntervalMonthDayNanoType, TimestampMicrosecondType>(
            sides,
            operands.is_try,
            |moment, interval| {
                Checked::of(signed(interval, sign).and_then(|by| moved(moment, by, zone)))
            },
            |_, _| datetime_overflow(),
        )?;
    Ok(finished(moments, operands))
}

fn moved(moment: i64, interval: IntervalMonthDayNano, zone: Zone) -> Option<i64> {
    let local = zone.to_local(moment);
    let days = i64::from(moved_days(local.div_euclid(MICROS_PER_DAY), interval)?);
    let local = days
        .checked_mul(MICROS_PER_DAY)?
        .checked_add(local.rem_euclid(MICROS_PER_DAY))?;
    zone.to_utc(local)?
        .checked_add(interval.nanoseconds / NANOS_PER_MICRO)
}

/// The sum or the difference of two intervals, part by part.
pub(super) fn combined(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    let sign = match operator {
        Operator::Add => 1,
        Operator::Subtract => -1,
        _ => return Err(operands.unexpected()),
    };
    let combine = |left: IntervalMonthDayNano, right: IntervalMonthDayNano| {
        let right = signed(right, sign)?;
        Some(IntervalMonthDayNano::new(
            left.months.checked_add(right.months)?,
            left.days.checked_add(right.days)?,
            left.nanoseconds.checked_add(right.nanoseconds)?,
        ))
    };
    let intervals =
        binary::<IntervalMonthDayNanoType, IntervalMonthDayNanoType, IntervalMonthDayNanoType>(
            (operands.left, operands.right),
            operands.is_try,
            |left, right| Checked::of(combine(left, right)),
            |_, _| plain_overflow("interval"),
        )?;
    Ok(finished(intervals, operands))
}
