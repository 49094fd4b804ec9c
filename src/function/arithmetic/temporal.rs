//! Dates, timestamps and intervals.
//!
//! Days and months are added on the wall clock of the session's time zone, so that a day across a change of the clock has 23
//! or 25 hours; smaller units are added to the moment.

use super::calendar;
use super::failure::{
    interval_overflow, interval_zero_divisor, overflow, plain_overflow, zero_divisor,
};
use super::kernel::{Checked, binary};
use super::{Operands, Operator};
use crate::cast::calendar::add_months;
use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::cast::{decimal_to_double, divide_half_up, power_of_ten};
use crate::error::{Error, Result};
use crate::expr::Value;
use crate::types::timestamp;
use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type,
    Int64Type, IntervalUnit, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};
use std::sync::Arc;

/// What an operand is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    Moment,
    DayTime,
    YearMonth,
    Calendar,
    Number,
}

fn kind(value: &Value) -> Kind {
    match value.data_type() {
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(TimeUnit::Microsecond, _) => Kind::Moment,
        DataType::Duration(_) => Kind::DayTime,
        DataType::Interval(IntervalUnit::YearMonth) => Kind::YearMonth,
        DataType::Interval(IntervalUnit::MonthDayNano) => Kind::Calendar,
        _ => Kind::Number,
    }
}

pub(super) fn compute(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    let sides = (operands.left, operands.right);
    let swapped = (operands.right, operands.left);
    let sign = if operator == Operator::Subtract {
        -1
    } else {
        1
    };
    match (operator, kind(operands.left), kind(operands.right)) {
        (Operator::Add | Operator::Subtract, Kind::Date, Kind::Number) => {
            shift_days(sides, sign, operands)
        }
        (Operator::Add, Kind::Number, Kind::Date) => shift_days(swapped, sign, operands),
        (Operator::Add | Operator::Subtract, Kind::Date, Kind::YearMonth) => {
            shift_date_months(sides, sign, operands)
        }
        (Operator::Add, Kind::YearMonth, Kind::Date) => shift_date_months(swapped, sign, operands),
        (Operator::Add | Operator::Subtract, Kind::Moment, Kind::YearMonth) => {
            shift_moment_months(sides, sign, operands)
        }
        (Operator::Add, Kind::YearMonth, Kind::Moment) => {
            shift_moment_months(swapped, sign, operands)
        }
        (Operator::Add | Operator::Subtract, Kind::Moment, Kind::DayTime) => {
            shift_moment(sides, sign, operands)
        }
        (Operator::Add, Kind::DayTime, Kind::Moment) => shift_moment(swapped, sign, operands),
        (Operator::Add | Operator::Subtract, Kind::Date, Kind::Calendar) => {
            calendar::shift_date(sides, sign, operands)
        }
        (Operator::Add, Kind::Calendar, Kind::Date) => {
            calendar::shift_date(swapped, sign, operands)
        }
        (Operator::Add | Operator::Subtract, Kind::Moment, Kind::Calendar) => {
            calendar::shift_moment(sides, sign, operands)
        }
        (Operator::Add, Kind::Calendar, Kind::Moment) => {
            calendar::shift_moment(swapped, sign, operands)
        }
        (_, Kind::Calendar, Kind::Calendar) => calendar::combined(operator, operands),
        (Operator::Subtract, Kind::Date, Kind::Date) => days_between(operands),
        (Operator::Subtract, Kind::Moment, Kind::Moment) => time_between(operands),
        (_, Kind::DayTime, Kind::DayTime) => day_times(operator, operands),
        (_, Kind::YearMonth, Kind::YearMonth) => year_months(operator, operands),
        (Operator::Multiply | Operator::Divide, Kind::DayTime | Kind::YearMonth, Kind::Number) => {
            scale(operator, sides, operands)
        }
        (Operator::Multiply, Kind::Number, Kind::DayTime | Kind::YearMonth) => {
            scale(operator, swapped, operands)
        }
        _ => Err(operands.unexpected()),
    }
}

pub(super) fn datetime_overflow() -> Error {
    Error::data("datetime operation overflow").with_condition("DATETIME_OVERFLOW")
}

/// The zone in which days and months of the operand are counted.
pub(super) fn zone_of(value: &Value, operands: &Operands<'_>) -> Result<Zone> {
    if *value.data_type() == timestamp() {
        Zone::parse(&operands.call.context.time_zone)
    } else {
        Ok(Zone::UTC)
    }
}

/// The result with the exact type of the call.
pub(super) fn finished<T: ArrowPrimitiveType>(
    array: PrimitiveArray<T>,
    operands: &Operands<'_>,
) -> ArrayRef {
    Arc::new(array.with_data_type(operands.call.returns.clone()))
}

fn shift_days(sides: (&Value, &Value), sign: i64, operands: &Operands<'_>) -> Result<ArrayRef> {
    let dates = binary::<Date32Type, Int32Type, Date32Type>(
        sides,
        operands.is_try,
        |date, days| Checked::of(i32::try_from(i64::from(date) + sign * i64::from(days)).ok()),
        |_, _| datetime_overflow(),
    )?;
    Ok(finished(dates, operands))
}

fn shift_date_months(
    sides: (&Value, &Value),
    sign: i64,
    operands: &Operands<'_>,
) -> Result<ArrayRef> {
    let dates = binary::<Date32Type, IntervalYearMonthType, Date32Type>(
        sides,
        operands.is_try,
        |date, months| Checked::of(add_months(date, sign * i64::from(months))),
        |_, _| datetime_overflow(),
    )?;
    Ok(finished(dates, operands))
}

fn shift_moment_months(
    sides: (&Value, &Value),
    sign: i64,
    operands: &Operands<'_>,
) -> Result<ArrayRef> {
    let zone = zone_of(sides.0, operands)?;
    let shift = |moment: i64, months: i32| -> Option<i64> {
        let local = zone.to_local(moment);
        let date = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()?;
        let moved = i64::from(add_months(date, sign * i64::from(months))?);
        let of_day = local.rem_euclid(MICROS_PER_DAY);
        zone.to_utc(moved.checked_mul(MICROS_PER_DAY)?.checked_add(of_day)?)
    };
    let moments =
        binary::<TimestampMicrosecondType, IntervalYearMonthType, TimestampMicrosecondType>(
            sides,
            operands.is_try,
            |moment, months| Checked::of(shift(moment, months)),
            |_, _| datetime_overflow(),
        )?;
    Ok(finished(moments, operands))
}

fn shift_moment(sides: (&Value, &Value), sign: i64, operands: &Operands<'_>) -> Result<ArrayRef> {
    let zone = zone_of(sides.0, operands)?;
    let shift = |moment: i64, interval: i64| -> Option<i64> {
        let interval = interval.checked_mul(sign)?;
        if let Zone::Fixed(_) = zone {
            return moment.checked_add(interval);
        }
        let days = (interval / MICROS_PER_DAY) * MICROS_PER_DAY;
        let moved = zone.to_utc(zone.to_local(moment).checked_add(days)?)?;
        moved.checked_add(interval - days)
    };
    let moments =
        binary::<TimestampMicrosecondType, DurationMicrosecondType, TimestampMicrosecondType>(
            sides,
            operands.is_try,
            |moment, interval| Checked::of(shift(moment, interval)),
            |_, _| datetime_overflow(),
        )?;
    Ok(finished(moments, operands))
}

fn days_between(operands: &Operands<'_>) -> Result<ArrayRef> {
    let intervals = binary::<Date32Type, Date32Type, DurationMicrosecondType>(
        (operands.left, operands.right),
        operands.is_try,
        |end, start| Checked::of((i64::from(end) - i64::from(start)).checked_mul(MICROS_PER_DAY)),
        |_, _| plain_overflow("interval"),
    )?;
    Ok(finished(intervals, operands))
}

/// What the wall clock went on between two moments.
fn time_between(operands: &Operands<'_>) -> Result<ArrayRef> {
    let zone = zone_of(operands.left, operands)?;
    let intervals =
        binary::<TimestampMicrosecondType, TimestampMicrosecondType, DurationMicrosecondType>(
            (operands.left, operands.right),
            operands.is_try,
            |end, start| Checked::of(zone.to_local(end).checked_sub(zone.to_local(start))),
            |_, _| plain_overflow("long"),
        )?;
    Ok(finished(intervals, operands))
}

fn day_times(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    intervals::<DurationMicrosecondType>(
        operator,
        operands,
        |left, right| left.overflowing_add(right).into(),
        |left, right| left.overflowing_sub(right).into(),
        i64::checked_div,
    )
}

fn year_months(operator: Operator, operands: &Operands<'_>) -> Result<ArrayRef> {
    intervals::<IntervalYearMonthType>(
        operator,
        operands,
        |left, right| left.overflowing_add(right).into(),
        |left, right| left.overflowing_sub(right).into(),
        |left, right| i64::from(left).checked_div(i64::from(right)),
    )
}

/// Two intervals of one kind: their sum, their difference, or how often one goes into the other.
fn intervals<I: ArrowPrimitiveType>(
    operator: Operator,
    operands: &Operands<'_>,
    add: impl Fn(I::Native, I::Native) -> Checked<I::Native>,
    subtract: impl Fn(I::Native, I::Native) -> Checked<I::Native>,
    divide: impl Fn(I::Native, I::Native) -> Option<i64>,
) -> Result<ArrayRef> {
    let sides = (operands.left, operands.right);
    let is_try = operands.is_try;
    let failure = |_, _| interval_overflow(operator);
    match operator {
        Operator::Add => Ok(finished(
            binary::<I, I, I>(sides, is_try, add, failure)?,
            operands,
        )),
        Operator::Subtract => Ok(finished(
            binary::<I, I, I>(sides, is_try, subtract, failure)?,
            operands,
        )),
        Operator::IntegralDivide => Ok(Arc::new(binary::<I, I, Int64Type>(
            sides,
            is_try,
            |left, right| Checked::of(divide(left, right)),
            |_, right| quotient_failure(right == I::Native::default()),
        )?)),
        _ => Err(operands.unexpected()),
    }
}

fn quotient_failure(is_zero: bool) -> Error {
    if is_zero {
        zero_divisor(Operator::IntegralDivide)
    } else {
        overflow("long", Operator::IntegralDivide)
    }
}

/// An interval times or divided by a number, rounded half up to its unit.
fn scale(
    operator: Operator,
    (interval, number): (&Value, &Value),
    operands: &Operands<'_>,
) -> Result<ArrayRef> {
    let is_months = kind(interval) == Kind::YearMonth;
    let narrow = |value: Option<i128>| -> Checked<i64> {
        let value = value.and_then(|value| i64::try_from(value).ok());
        Checked::of(value.filter(|value| !is_months || i32::try_from(*value).is_ok()))
    };
    let widened = widened_interval(interval);
    let sides = (&widened, number);
    let is_try = operands.is_try;
    let multiplies = operator == Operator::Multiply;
    let failure = |is_zero: bool| {
        if is_zero && !multiplies {
            interval_zero_divisor()
        } else {
            overflow("interval", operator)
        }
    };
    let scaled = match number.data_type() {
        DataType::Int64 => binary::<Int64Type, Int64Type, Int64Type>(
            sides,
            is_try,
            |interval, number| narrow(by_integer(interval, number, multiplies)),
            |_, number| failure(number == 0),
        )?,
        DataType::Float64 => binary::<Int64Type, Float64Type, Int64Type>(
            sides,
            is_try,
            |interval, number| narrow(by_double(interval, number, multiplies)),
            |_, number| failure(number == 0.0),
        )?,
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            binary::<Int64Type, Decimal128Type, Int64Type>(
                sides,
                is_try,
                |interval, number| narrow(by_decimal(interval, (number, scale), multiplies)),
                |_, number| failure(number == 0),
            )?
        }
        _ => return Err(operands.unexpected()),
    };
    let scaled: ArrayRef = Arc::new(scaled);
    Ok(narrowed_interval(&scaled, operands))
}

/// Months or microseconds as plain integers.
fn widened_interval(interval: &Value) -> Value {
    use arrow::array::AsArray;
    let array = interval.array();
    let longs: ArrayRef = if let Some(months) = array.as_primitive_opt::<IntervalYearMonthType>() {
        Arc::new(months.unary::<_, Int64Type>(i64::from))
    } else {
        let micros = array.as_primitive::<DurationMicrosecondType>();
        Arc::new(micros.reinterpret_cast::<Int64Type>())
    };
    interval.with_array(longs)
}

fn narrowed_interval(longs: &ArrayRef, operands: &Operands<'_>) -> ArrayRef {
    use arrow::array::AsArray;
    let longs = longs.as_primitive::<Int64Type>();
    if matches!(operands.call.returns, DataType::Interval(_)) {
        // The range was checked with every value.
        let months = longs
            .unary::<_, IntervalYearMonthType>(|value| i32::try_from(value).unwrap_or_default());
        return finished(months, operands);
    }
    finished(
        longs.reinterpret_cast::<DurationMicrosecondType>(),
        operands,
    )
}

fn by_integer(interval: i64, number: i64, multiplies: bool) -> Option<i128> {
    let (interval, number) = (i128::from(interval), i128::from(number));
    if multiplies {
        return Some(interval * number);
    }
    (number != 0).then(|| divide_half_up(interval * number.signum(), number.abs()))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an interval scaled by a double is computed in doubles, and its range is checked"
)]
fn by_double(interval: i64, number: f64, multiplies: bool) -> Option<i128> {
    if !multiplies && number == 0.0 {
        return None;
    }
    let scaled = if multiplies {
        interval as f64 * number
    } else {
        interval as f64 / number
    };
    scaled.is_finite().then(|| scaled.round() as i128)
}

fn by_decimal(interval: i64, (number, scale): (i128, i8), multiplies: bool) -> Option<i128> {
    let factor = power_of_ten(u32::try_from(scale).ok()?)?;
    let interval = i128::from(interval);
    if multiplies {
        return Some(divide_half_up(interval.checked_mul(number)?, factor));
    }
    if number == 0 {
        return None;
    }
    match interval.checked_mul(factor) {
        Some(dividend) => Some(divide_half_up(
            dividend.checked_mul(number.signum())?,
            number.checked_abs()?,
        )),
        None => by_double(
            i64::try_from(interval).ok()?,
            decimal_to_double(number, scale),
            false,
        ),
    }
}
