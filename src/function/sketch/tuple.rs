//! Tuple sketches, which keep a number with each value that they keep: `tuple_sketch_agg_double`, `tuple_union_agg_integer`, … One set of
//! functions for doubles, one for integers of 32 bits.
//!
//! A *mode* says how numbers of the same value are put together: their sum, the least, the greatest, or always one. Each number is written with
//! the mode it was made in, as Java's summaries are.

mod aggregates;
mod number;

pub(in crate::function) use aggregates::{DOUBLE_DEFINITIONS, INTEGER_DEFINITIONS};

use super::theta;
use super::{LOG_ENTRIES, bytes, combined, number_argument, require_sketches, text_argument};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::try_primitive_of;
use crate::function::signature::{constant_text, count_arguments, nullable};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datasketches::tuple::{
    CompactTupleSketch, TupleANotB, TupleIntersection, TupleUnion, TupleUnionBuilder,
};
use number::{Mode, Number, Policy, Summary};

/// In the byte of flags: hashes ascend. Java does not tell.
const ORDERED: u8 = 0x10;

/// An empty sketch as Java writes it.
const EMPTY: [u8; 8] = [1, 3, 9, 1, 0, 0x0e, 0xcc, 0x93];

/// A compact sketch with numbers of this kind.
type Sketch<T> = CompactTupleSketch<Summary<T>>;

/// The functions of Tuple sketches.
#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
pub(super) fn functions() -> Vec<ScalarFunction> {
    macro_rules! functions {
        ($number:ty, $kind:literal, $returns:expr, $array:ty) => {
            [
                ScalarFunction::new(
                    (concat!("tuple_sketch_estimate_", $kind), concat!("tuple_sketch_estimate_", $kind, "(sketch)")),
                    ("About how many different values a Tuple sketch saw.", concat!("SELECT tuple_sketch_estimate_", $kind, "(NULL)")),
                    (
                        |arguments| {
                            let name = concat!("tuple_sketch_estimate_", $kind);
                            count_arguments(name, arguments, 1, 1)?;
                            Ok(nullable(require_sketches(name, arguments, 1)?, DataType::Float64))
                        },
                        |call| of_sketch::<$number>(call, |sketch| sketch.estimate()),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_sketch_theta_", $kind), concat!("tuple_sketch_theta_", $kind, "(sketch)")),
                    ("The share of all values that a Tuple sketch keeps.", concat!("SELECT tuple_sketch_theta_", $kind, "(NULL)")),
                    (
                        |arguments| {
                            let name = concat!("tuple_sketch_theta_", $kind);
                            count_arguments(name, arguments, 1, 1)?;
                            Ok(nullable(require_sketches(name, arguments, 1)?, DataType::Float64))
                        },
                        |call| of_sketch::<$number>(call, |sketch| sketch.theta()),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_sketch_summary_", $kind), concat!("tuple_sketch_summary_", $kind, "(sketch[, mode])")),
                    ("The numbers that a Tuple sketch keeps, put together: sum (the default), min, max or alwaysone.", concat!("SELECT tuple_sketch_summary_", $kind, "(NULL)")),
                    (
                        |arguments| {
                            let name = concat!("tuple_sketch_summary_", $kind);
                            let types = options(name, arguments, 1, &[Wants::Mode])?;
                            Ok(nullable(types, $returns))
                        },
                        |call| summary::<$number, $array>(call),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_union_", $kind), concat!("tuple_union_", $kind, "(first, second[, lgNomEntries[, mode]])")),
                    ("The union of two Tuple sketches.", concat!("SELECT tuple_union_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| binary(concat!("tuple_union_", $kind), arguments, UNION),
                        |call| union::<$number>(call, false),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_union_theta_", $kind), concat!("tuple_union_theta_", $kind, "(tuple, theta[, lgNomEntries[, mode]])")),
                    ("The union of a Tuple sketch and a Theta sketch.", concat!("SELECT tuple_union_theta_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| binary(concat!("tuple_union_theta_", $kind), arguments, UNION),
                        |call| union::<$number>(call, true),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_intersection_", $kind), concat!("tuple_intersection_", $kind, "(first, second[, mode])")),
                    ("The intersection of two Tuple sketches.", concat!("SELECT tuple_intersection_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| binary(concat!("tuple_intersection_", $kind), arguments, INTERSECTION),
                        |call| intersect::<$number>(call, false),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_intersection_theta_", $kind), concat!("tuple_intersection_theta_", $kind, "(tuple, theta[, mode])")),
                    ("The intersection of a Tuple sketch and a Theta sketch.", concat!("SELECT tuple_intersection_theta_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| {
                            binary(concat!("tuple_intersection_theta_", $kind), arguments, INTERSECTION)
                        },
                        |call| intersect::<$number>(call, true),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_difference_", $kind), concat!("tuple_difference_", $kind, "(first, second)")),
                    ("What of the first Tuple sketch is not in the second.", concat!("SELECT tuple_difference_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| binary(concat!("tuple_difference_", $kind), arguments, &[]),
                        |call| difference::<$number>(call, false),
                    ),
                ),
                ScalarFunction::new(
                    (concat!("tuple_difference_theta_", $kind), concat!("tuple_difference_theta_", $kind, "(tuple, theta)")),
                    ("What of a Tuple sketch is not in a Theta sketch.", concat!("SELECT tuple_difference_theta_", $kind, "(NULL, NULL)")),
                    (
                        |arguments| binary(concat!("tuple_difference_theta_", $kind), arguments, &[]),
                        |call| difference::<$number>(call, true),
                    ),
                ),
            ]
        };
    }
    let mut functions: Vec<ScalarFunction> = vec![];
    functions.extend(functions!(f64, "double", DataType::Float64, Float64Type));
    functions.extend(functions!(i32, "integer", DataType::Int64, Int64Type));
    functions
}

/// What an optional argument says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    LogEntries,
    Mode,
}

const UNION: &[Wants] = &[Wants::LogEntries, Wants::Mode];
const INTERSECTION: &[Wants] = &[Wants::Mode];

/// The types of `sketches` sketches and of the options after them.
fn options(
    name: &str,
    arguments: &[Expr],
    sketches: usize,
    wanted: &[Wants],
) -> Result<Vec<DataType>> {
    count_arguments(name, arguments, sketches, sketches + wanted.len())?;
    let mut types = require_sketches(name, arguments, sketches)?;
    types.extend(option_types(name, arguments, sketches, wanted)?);
    Ok(types)
}

/// The types of the options from argument `first` on, which are constants.
fn option_types(
    name: &str,
    arguments: &[Expr],
    first: usize,
    wanted: &[Wants],
) -> Result<Vec<DataType>> {
    (first..arguments.len())
        .zip(wanted)
        .map(|(index, wanted)| match wanted {
            Wants::LogEntries => {
                super::log_entries(name, arguments, index)?;
                Ok(DataType::Int32)
            }
            Wants::Mode => {
                mode_of(name, constant_text(name, arguments, index)?)?;
                Ok(DataType::Utf8)
            }
        })
        .collect()
}

fn binary(name: &str, arguments: &[Expr], wanted: &[Wants]) -> Result<Signature> {
    Ok(nullable(
        options(name, arguments, 2, wanted)?,
        DataType::Binary,
    ))
}

fn mode_of(name: &str, text: Option<String>) -> Result<Mode> {
    let Some(text) = text else {
        return Ok(Mode::Sum);
    };
    Mode::of(&text).ok_or_else(|| {
        Error::invalid(format!(
            "the modes of `{name}` are sum, min, max and alwaysone. mode=`{text}`"
        ))
        .with_condition("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
    })
}

fn invalid(cause: datasketches::error::Error) -> Error {
    Error::data(
        "functions of Tuple sketches take Tuple sketches with numbers of their own kind, such as those of `tuple_sketch_agg_double`",
    )
    .with_condition("TUPLE_INVALID_INPUT_SKETCH_BUFFER")
    .with_source(cause)
}

/// A sketch out of its bytes.
fn read<T: Number>(bytes: &[u8]) -> Result<Sketch<T>> {
    Sketch::deserialize(bytes).map_err(invalid)
}

/// A Theta sketch out of its bytes, with a number that changes nothing beside each value.
fn read_theta<T: Number>(bytes: &[u8], mode: Mode) -> Result<Sketch<T>> {
    let theta = theta::read("a function of Tuple and Theta sketches", bytes)?;
    if theta.is_empty() {
        return read(&EMPTY);
    }
    let summary = Summary::new(mode, T::identity(mode));
    let count = u32::try_from(theta.num_retained())
        .map_err(|_| Error::internal("a sketch keeps fewer than 2^32 values"))?;
    let mut out = vec![3, 3, 9, 1, 0, 0x0a];
    out.extend(theta.seed_hash().to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend([0; 4]);
    out.extend(theta.theta64().to_le_bytes());
    for entry in theta.iter() {
        out.extend(entry.hash().to_le_bytes());
        summary.write(&mut out);
    }
    read(&out)
}

/// A sketch as bytes.
fn write<T: Number>(sketch: &Sketch<T>) -> Vec<u8> {
    if sketch.is_empty() {
        return EMPTY.to_vec();
    }
    let mut bytes = sketch.serialize();
    if let Some(flags) = bytes.get_mut(5) {
        *flags &= !ORDERED;
    }
    bytes
}

fn new_union<T: Number>(log_entries: u8, mode: Mode) -> Result<TupleUnion<Policy<T>>> {
    TupleUnionBuilder::new(Policy::new(mode))
        .lg_k(log_entries)
        .build()
        .map_err(|cause| Error::internal("a union of sketches").with_source(cause))
}

/// The second sketch of a call: a Tuple sketch, or a Theta sketch made one.
fn second<T: Number>(bytes: &[u8], is_theta: bool, mode: Mode) -> Result<Sketch<T>> {
    if is_theta {
        read_theta(bytes, mode)
    } else {
        read(bytes)
    }
}

fn union<T: Number>(call: &Call<'_>, is_theta: bool) -> Result<ArrayRef> {
    let log = number_argument(call, 2)?.unwrap_or(i64::from(super::DEFAULT_LOG_ENTRIES));
    let log = u8::try_from(log)
        .ok()
        .filter(|log| LOG_ENTRIES.contains(&i64::from(*log)))
        .unwrap_or(super::DEFAULT_LOG_ENTRIES);
    let mode = mode_of("a union", text_argument(call, 3)?)?;
    combined(call, |left, right| {
        let mut union = new_union::<T>(log, mode)?;
        union.update(&read::<T>(left)?).map_err(invalid)?;
        union
            .update(&second::<T>(right, is_theta, mode)?)
            .map_err(invalid)?;
        Ok(write(&union.to_sketch(true)))
    })
}

fn intersection<T: Number>(left: &Sketch<T>, right: &Sketch<T>, mode: Mode) -> Result<Sketch<T>> {
    let mut both = TupleIntersection::new(Policy::<T>::new(mode));
    both.update(left).map_err(invalid)?;
    both.update(right).map_err(invalid)?;
    both.to_sketch(true)
        .ok_or_else(|| Error::internal("an intersection of two sketches is one"))
}

fn intersect<T: Number>(call: &Call<'_>, is_theta: bool) -> Result<ArrayRef> {
    let mode = mode_of("an intersection", text_argument(call, 2)?)?;
    combined(call, |left, right| {
        let right = second::<T>(right, is_theta, mode)?;
        Ok(write(&intersection(&read::<T>(left)?, &right, mode)?))
    })
}

fn difference<T: Number>(call: &Call<'_>, is_theta: bool) -> Result<ArrayRef> {
    combined(call, |left, right| {
        let right = second::<T>(right, is_theta, Mode::Sum)?;
        let rest = TupleANotB::default().compute(&read::<T>(left)?, &right, true);
        Ok(write(&rest.map_err(invalid)?))
    })
}

fn of_sketch<T: Number>(call: &Call<'_>, value: impl Fn(&Sketch<T>) -> f64) -> Result<ArrayRef> {
    try_primitive_of::<Float64Type>(call, |row| match bytes(call, 0, row)? {
        Some(bytes) => Ok(Some(value(&read::<T>(bytes)?))),
        None => Ok(None),
    })
}

fn summary<T, A>(call: &Call<'_>) -> Result<ArrayRef>
where
    T: Number<Total = A::Native>,
    A: ArrowPrimitiveType,
{
    let mode = mode_of("a summary", text_argument(call, 1)?)?;
    try_primitive_of::<A>(call, |row| {
        let Some(bytes) = bytes(call, 0, row)? else {
            return Ok(None);
        };
        let sketch = read::<T>(bytes)?;
        Ok(Some(T::total(
            mode,
            sketch.iter().map(|entry| entry.summary().value()),
        )))
    })
}
