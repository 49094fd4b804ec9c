//! Functions of dates and moments. What is the time is decided by the batch ([`crate::batch::BatchContext::time`]), what the wall
//! clock shows by the session's time zone.

mod arithmetic;
mod bucket;
mod convert;
mod fields;
mod make;
mod make_interval;
pub(crate) mod pattern;
mod reader;
mod truncate;
mod units;

use crate::cast::zone::{MICROS_PER_DAY, Zone};
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, Kernel, ResolveFn, ScalarFunction, Signature};
use crate::types;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, PrimitiveArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int32Type, TimestampMicrosecondType,
};
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = now();
    functions.extend(fields::functions());
    functions.extend(truncate::functions());
    functions.extend(convert::functions());
    functions.extend(arithmetic::functions());
    functions.extend(make::functions());
    functions.extend(make_interval::functions());
    functions.extend(bucket::functions());
    functions.extend(units::functions());
    functions
}

/// Other names.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("curdate", "current_date"),
    ("date_diff", "datediff"),
    ("dateadd", "date_add"),
    ("datepart", "date_part"),
    ("day", "dayofmonth"),
    ("localtime", "current_time"),
    ("now", "current_timestamp"),
];

/// What a function is called, how it is used, what it does, and an example.
type Words = [&'static str; 4];

fn function(words: Words, resolve: ResolveFn, kernel: Kernel) -> ScalarFunction {
    let [name, usage, description, example] = words;
    ScalarFunction::new((name, usage), (description, example), (resolve, kernel))
}

fn now() -> Vec<ScalarFunction> {
    vec![
        function(
            [
                "current_timestamp",
                "current_timestamp()",
                "The time of the batch: the same for all its rows, and the same when it is replayed.",
                "SELECT current_timestamp()",
            ],
            |arguments| constant("current_timestamp", arguments, types::timestamp()),
            |call| Ok(one_time(call.context.time.as_micros(), &types::timestamp())),
        ),
        function(
            [
                "localtimestamp",
                "localtimestamp()",
                "What the wall clock of the session's time zone shows at the time of the batch.",
                "SELECT localtimestamp()",
            ],
            |arguments| constant("localtimestamp", arguments, types::timestamp_ntz()),
            |call| {
                let local = zone(call)?.to_local(call.context.time.as_micros());
                Ok(one_time(local, &types::timestamp_ntz()))
            },
        ),
        function(
            [
                "current_time",
                "current_time([precision])",
                "What the wall clock of the session's time zone shows at the time of the batch, without the date.",
                "SELECT current_time()",
            ],
            resolve_current_time,
            |call| {
                let local = zone(call)?.to_local(call.context.time.as_micros());
                let time = local.rem_euclid(MICROS_PER_DAY);
                Ok(Arc::new(Time64MicrosecondArray::from(vec![time])))
            },
        ),
        function(
            [
                "current_date",
                "current_date()",
                "The date in the session's time zone at the time of the batch.",
                "SELECT current_date()",
            ],
            |arguments| constant("current_date", arguments, DataType::Date32),
            |call| {
                let local = zone(call)?.to_local(call.context.time.as_micros());
                let days = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok();
                Ok(Arc::new(Date32Array::from(vec![days])))
            },
        ),
        function(
            [
                "current_timezone",
                "current_timezone()",
                "The session's time zone.",
                "SELECT current_timezone()",
            ],
            |arguments| constant("current_timezone", arguments, DataType::Utf8),
            |call| {
                Ok(Arc::new(StringArray::from(vec![
                    call.context.time_zone.clone(),
                ])))
            },
        ),
    ]
}

fn constant(name: &str, arguments: &[Expr], returns: DataType) -> Result<Signature> {
    count_arguments(name, arguments, 0, 0)?;
    Ok(Signature {
        arguments: Vec::new(),
        returns,
        is_nullable: false,
    })
}

/// A time of day has six digits behind the point here, whatever is asked for.
fn resolve_current_time(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("current_time", arguments, 0, 1)?;
    if !arguments.is_empty() {
        let precision = crate::function::signature::constant("current_time", arguments, 0)?;
        let is_six = precision
            .as_primitive_opt::<Int32Type>()
            .is_some_and(|precision| precision.is_valid(0) && precision.value(0) == 6);
        if !is_six {
            return Err(Error::unsupported("a TIME of another precision than 6"));
        }
    }
    Ok(Signature {
        arguments: arguments.iter().map(|_| DataType::Int32).collect(),
        returns: types::time(),
        is_nullable: false,
    })
}

fn one_time(micros: i64, data_type: &DataType) -> ArrayRef {
    time_array(TimestampMicrosecondArray::from(vec![micros]), data_type)
}

/// Gives a column of moments the time zone of its type.
fn time_array(times: TimestampMicrosecondArray, data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::Timestamp(_, zone) => Arc::new(times.with_timezone_opt(zone.clone())),
        _ => Arc::new(times),
    }
}

/// A signature with fixed argument types; null if an argument is, or if `may_fail_to_null`.
fn signature(
    name: &str,
    arguments: &[Expr],
    wanted: &[DataType],
    (least, returns): (usize, DataType),
    may_fail_to_null: bool,
) -> Result<Signature> {
    count_arguments(name, arguments, least, wanted.len())?;
    let types = wanted
        .iter()
        .take(arguments.len())
        .enumerate()
        .map(|(index, wanted)| {
            argument_type(name, arguments, index, &[Wanted::Exactly(wanted.clone())])
        })
        .collect::<Result<_>>()?;
    let is_nullable = may_fail_to_null || any_nullable(arguments);
    Ok(Signature {
        arguments: types,
        returns,
        is_nullable,
    })
}

fn zone(call: &Call<'_>) -> Result<Zone> {
    Zone::parse(&call.context.time_zone)
}

/// Argument `index`, one value a row.
fn column(call: &Call<'_>, index: usize) -> Result<ArrayRef> {
    call.arguments
        .get(index)
        .cloned()
        .ok_or_else(|| Error::internal("a call without one of its arguments"))?
        .into_array(call.rows)
}

fn has(call: &Call<'_>, index: usize) -> bool {
    call.arguments.len() > index
}

fn typed<T: ArrowPrimitiveType>(call: &Call<'_>, index: usize) -> Result<PrimitiveArray<T>> {
    column(call, index)?
        .as_primitive_opt::<T>()
        .cloned()
        .ok_or_else(|| Error::internal("an argument of another type than was asked for"))
}

fn dates(call: &Call<'_>, index: usize) -> Result<Date32Array> {
    typed::<Date32Type>(call, index)
}

fn times(call: &Call<'_>, index: usize) -> Result<TimestampMicrosecondArray> {
    typed::<TimestampMicrosecondType>(call, index)
}

fn strings(call: &Call<'_>, index: usize) -> Result<StringArray> {
    column(call, index)?
        .as_string_opt::<i32>()
        .cloned()
        .ok_or_else(|| Error::internal("an argument of another type than was asked for"))
}

/// The text of an argument that is the same for all rows; `None` if it is null or changes by row.
fn constant_text(call: &Call<'_>, index: usize) -> Option<String> {
    match call.arguments.get(index)? {
        Value::Scalar(array) if array.is_valid(0) => array
            .as_string_opt::<i32>()
            .map(|array| array.value(0).to_owned()),
        _ => None,
    }
}

/// What the wall clock shows at each moment of a column: of the session's zone, or as it is where the type has no zone.
fn local_times(call: &Call<'_>, index: usize) -> Result<TimestampMicrosecondArray> {
    let times = times(call, index)?;
    if times.timezone().is_none() {
        return Ok(times);
    }
    let zone = zone(call)?;
    if zone == Zone::UTC {
        return Ok(times);
    }
    Ok(times.unary(|time| zone.to_local(time)))
}
