//! Functions of chance: `rand`, `randn`, `uniform`, `randstr`, `uuid`, `shuffle`. A batch that is replayed gives the same rows again.
//!
//! 1. A call has a seed: the one that is written, else one that the analyzer makes of the place of the call ([`unseeded`]) and that is mixed
//!    with the batch's number and its logged time when it runs.
//! 2. Rows that come straight from a source stand in an order that a replay repeats: each slice of them draws from one generator, seeded with
//!    the seed plus the number of the slice. So numbers of the first slice of the first batch are those of Spark's first partition.
//! 3. Rows that a stateful operator gave may come in another order when its state was restored: there each row draws from a generator of its own,
//!    seeded with the row's values and how many equal rows came before it.
//!
//! The generators and what is made of their bits are Spark's: [`generator`].

mod generator;
#[cfg(test)]
mod tests;

use crate::batch::{BatchId, Part, row_hashes};
use crate::cast::cast;
use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::signature::{
    any_nullable, argument, count_arguments, folded, folded_as, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{common_type, is_decimal, is_floating, is_integral, list_of};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, StringArray, UInt32Array,
    new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use generator::{Generator, Mersenne, XorShift};
use std::collections::HashMap;
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("rand", "rand([seed])"),
            ("a number from 0 to 1, exclusive; the same again when the batch is replayed", "SELECT rand(0)"),
            (
                |arguments| resolve_number("rand", arguments),
                |call| numbers(call, XorShift::next_double),
            ),
        )
        .of_chance(),
        ScalarFunction::new(
            ("randn", "randn([seed])"),
            ("a number of the standard normal distribution; the same again when the batch is replayed", "SELECT randn(0)"),
            (
                |arguments| resolve_number("randn", arguments),
                |call| numbers(call, XorShift::next_gaussian),
            ),
        )
        .of_chance(),
        ScalarFunction::new(
            ("uniform", "uniform(min, max[, seed])"),
            ("a number between two constants, of the wider type of both", "SELECT uniform(10, 20, 0)"),
            (resolve_uniform, uniform),
        )
        .of_chance(),
        ScalarFunction::new(
            ("randstr", "randstr(length[, seed])"),
            ("text of so many letters and digits", "SELECT randstr(5, 0)"),
            (resolve_randstr, randstr),
        )
        .of_chance(),
        ScalarFunction::new(
            ("uuid", "uuid([seed])"),
            ("a universally unique identifier (version 4); the same again when the batch is replayed", "SELECT uuid()"),
            (resolve_uuid, uuid),
        )
        .of_chance(),
        ScalarFunction::new(
            ("shuffle", "shuffle(array[, seed])"),
            ("the elements in another order", "SELECT shuffle(array(1, 20, 3, 5), 42)"),
            (resolve_shuffle, shuffle),
        )
        .of_chance(),
        ScalarFunction::new(
                (BATCH_SEED, "__batch_seed(call)"),
                ("the seed of a call in this batch", "SELECT rand()"),
                (resolve_batch_seed, batch_seed),
            ),
    ]
}

/// Other names.
pub(crate) const ALIASES: &[(&str, &str)] = &[("random", "rand")];

/// What stands for the seed of a call that is written without one.
const BATCH_SEED: &str = "__batch_seed";

/// How many arguments the function takes without its seed; `None` if it is none of chance.
pub(crate) fn arguments_before_seed(name: &str) -> Option<usize> {
    match name {
        "rand" | "random" | "randn" | "uuid" => Some(0),
        "randstr" | "shuffle" => Some(1),
        "uniform" => Some(2),
        _ => None,
    }
}

/// The name of the function that gives the seed of a call without one, and its argument, made of what is known of the place of the call.
pub(crate) fn unseeded(place: &str) -> (&'static str, Expr) {
    let number = xxhash_rust::xxh3::xxh3_64(place.as_bytes()).cast_signed();
    let number = Expr::literal(Arc::new(Int64Array::from(vec![number])));
    (BATCH_SEED, number)
}

/// A bijection under which neighbouring numbers have nothing in common: the last step of `splitmix64`.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn resolve_batch_seed(arguments: &[Expr]) -> Result<Signature> {
    count_arguments(BATCH_SEED, arguments, 1, 1)?;
    Ok(Signature {
        arguments: vec![DataType::Int64],
        returns: DataType::Int64,
        is_nullable: false,
    })
}

fn batch_seed(call: &Call<'_>) -> Result<ArrayRef> {
    let context = call.context;
    let number = seed_of(call, 0)?.cast_unsigned();
    let time = mixed(context.time.0.cast_unsigned());
    let seed = mixed(number ^ time).wrapping_add(context.id.0);
    Ok(Arc::new(Int64Array::from(vec![seed.cast_signed()])))
}

/// The constant seed that a call was resolved with; 0 for null, as in Spark.
fn seed_of(call: &Call<'_>, index: usize) -> Result<i64> {
    let seed = call.arguments.get(index).map(Value::array);
    let seed = seed.and_then(|seed| seed.as_primitive_opt::<Int64Type>());
    match seed {
        Some(seed) if !seed.is_empty() => Ok(if seed.is_null(0) { 0 } else { seed.value(0) }),
        _ => Err(Error::internal("a function of chance has no seed")),
    }
}

/// The generators of the rows of a call.
enum Draws<G> {
    /// One for all rows, in their order.
    InOrder(G),
    /// One for each row.
    OfRows { seeds: Vec<u64>, current: G },
}

impl<G: Generator> Draws<G> {
    fn new(call: &Call<'_>, seed: i64) -> Result<Draws<G>> {
        // The first batch draws as Spark does, which draws the same numbers in every batch.
        let seed = match call.context.id {
            BatchId(0) => seed,
            BatchId(batch) => seed ^ mixed(batch).cast_signed(),
        };
        match (call.context.part, call.input) {
            (Part::Unordered, Some(input)) => {
                let mut seen: HashMap<u64, u64> = HashMap::new();
                let seeds = row_hashes(input)?.into_iter().map(|hash| {
                    let before = seen.entry(hash).or_default();
                    *before += 1;
                    mixed(hash.wrapping_add(mixed(*before)) ^ seed.cast_unsigned())
                });
                Ok(Draws::OfRows {
                    seeds: seeds.collect(),
                    current: G::new(seed),
                })
            }
            (Part::Slice(slice), _) => Ok(Draws::InOrder(G::new(
                seed.wrapping_add(slice.cast_signed()),
            ))),
            (Part::Unordered, None) => Ok(Draws::InOrder(G::new(seed))),
        }
    }

    /// The generator that a row draws from. Rows must be asked for in their order.
    fn at(&mut self, row: usize) -> &mut G {
        match self {
            Draws::InOrder(generator) => generator,
            Draws::OfRows { seeds, current } => {
                let seed = seeds.get(row).copied().unwrap_or_default();
                *current = G::new(seed.cast_signed());
                current
            }
        }
    }
}

/// The type that the seed is cast to, after a look at what was written: an INT or BIGINT constant, or null.
fn seed_type(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    let seed = argument(name, arguments, index)?;
    if !seed.is_constant() {
        return Err(
            Error::invalid(format!("the seed of `{name}` must be a constant"))
                .with_condition("SEED_EXPRESSION_IS_UNFOLDABLE")
                .with_span(seed.span),
        );
    }
    match seed.data_type {
        DataType::Int32 | DataType::Int64 | DataType::Null => Ok(DataType::Int64),
        _ => Err(unexpected_type(name, seed, index, "INT or BIGINT")),
    }
}

/// As [`seed_type`], where Spark takes the seed for a parameter.
fn long_parameter(name: &str, arguments: &[Expr], index: usize) -> Result<DataType> {
    seed_type(name, arguments, index).map_err(|error| match error.condition() {
        Some("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE") => {
            error.with_condition("INVALID_PARAMETER_VALUE.LONG")
        }
        _ => error,
    })
}

fn resolve_number(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 0, 1)?;
    Ok(Signature {
        arguments: vec![seed_type(name, arguments, 0)?],
        returns: DataType::Float64,
        is_nullable: false,
    })
}

fn numbers(call: &Call<'_>, next: fn(&mut XorShift) -> f64) -> Result<ArrayRef> {
    let mut draws = Draws::<XorShift>::new(call, seed_of(call, 0)?)?;
    let numbers: Float64Array = (0..call.rows)
        .map(|row| Some(next(draws.at(row))))
        .collect();
    Ok(Arc::new(numbers))
}

fn resolve_uniform(arguments: &[Expr]) -> Result<Signature> {
    let name = "uniform";
    count_arguments(name, arguments, 2, 3)?;
    for index in 0..2 {
        folded(name, arguments, index)?;
    }
    let (least, most) = (argument(name, arguments, 0)?, argument(name, arguments, 1)?);
    for (index, bound) in [least, most].into_iter().enumerate() {
        let data_type = &bound.data_type;
        let is_number = is_integral(data_type) || is_decimal(data_type) || is_floating(data_type);
        if !is_number && *data_type != DataType::Null {
            return Err(unexpected_type(name, bound, index, "a number"));
        }
    }
    let returns = uniform_type(&least.data_type, &most.data_type);
    Ok(Signature {
        arguments: vec![
            DataType::Float64,
            DataType::Float64,
            seed_type(name, arguments, 2)?,
        ],
        returns,
        is_nullable: any_nullable(arguments.get(..2).unwrap_or_default()),
    })
}

/// Of two decimals the one that holds more digits on both sides of the point, else the second.
fn uniform_type(least: &DataType, most: &DataType) -> DataType {
    match (least, most) {
        (DataType::Null, _) | (_, DataType::Null) => DataType::Float64,
        (
            DataType::Decimal128(precision, scale),
            DataType::Decimal128(other_precision, other_scale),
        ) => {
            let whole = |precision: u8, scale: i8| i32::from(precision) - i32::from(scale);
            let is_wider = whole(*precision, *scale) >= whole(*other_precision, *other_scale)
                && scale >= other_scale;
            if is_wider { least } else { most }.clone()
        }
        (one, other) if is_decimal(one) && is_integral(other) => one.clone(),
        (one, other) if is_integral(one) && is_decimal(other) => other.clone(),
        (DataType::Float64, _) | (_, DataType::Float64) => DataType::Float64,
        (DataType::Float32, _) | (_, DataType::Float32) => DataType::Float32,
        _ => common_type(least, most).unwrap_or(DataType::Int64),
    }
}

fn uniform(call: &Call<'_>) -> Result<ArrayRef> {
    let bound = |index: usize| {
        let bound = call.arguments.get(index).map(Value::array);
        let bound = bound.and_then(|bound| bound.as_primitive_opt::<Float64Type>());
        bound.and_then(|bound| bound.iter().next().flatten())
    };
    let (Some(least), Some(most)) = (bound(0), bound(1)) else {
        return Ok(new_null_array(call.returns, call.rows));
    };
    let mut draws = Draws::<XorShift>::new(call, seed_of(call, 2)?)?;
    let numbers: Float64Array = (0..call.rows)
        .map(|row| Some(least + (most - least) * draws.at(row).next_double()))
        .collect();
    let numbers: ArrayRef = Arc::new(numbers);
    cast(&numbers, call.returns, false, call.context)
}

fn resolve_randstr(arguments: &[Expr]) -> Result<Signature> {
    let name = "randstr";
    count_arguments(name, arguments, 1, 2)?;
    let length = folded_as(name, arguments, 0, &DataType::Int32)?;
    if length.is_valid(0) && length.as_primitive::<Int32Type>().value(0) < 0 {
        return Err(
            Error::invalid("the length of `randstr` must not be negative")
                .with_condition("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"),
        );
    }
    Ok(Signature {
        arguments: vec![DataType::Int32, seed_type(name, arguments, 1)?],
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

fn randstr(call: &Call<'_>) -> Result<ArrayRef> {
    let length = call.arguments.first().map(Value::array);
    let length = length.and_then(|length| length.as_primitive_opt::<Int32Type>());
    let length = length.and_then(|length| length.iter().next().flatten());
    let mut draws = Draws::<XorShift>::new(call, seed_of(call, 1)?)?;
    let texts: StringArray = (0..call.rows)
        .map(|row| {
            let generator = draws.at(row);
            let text: String = (0..length.unwrap_or(0))
                .map(|_| generator.next_letter())
                .collect();
            Some(text)
        })
        .collect();
    Ok(Arc::new(texts))
}

fn resolve_uuid(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("uuid", arguments, 0, 1)?;
    Ok(Signature {
        arguments: vec![long_parameter("uuid", arguments, 0)?],
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

fn uuid(call: &Call<'_>) -> Result<ArrayRef> {
    let mut draws = Draws::<Mersenne>::new(call, seed_of(call, 0)?)?;
    let texts: StringArray = (0..call.rows)
        .map(|row| {
            let generator = draws.at(row);
            let (high, low) = (generator.next_long(), generator.next_long());
            // The version, which is 4, and the variant.
            let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
            let low = (low | 0x8000_0000_0000_0000) & 0xbfff_ffff_ffff_ffff;
            Some(format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff,
            ))
        })
        .collect();
    Ok(Arc::new(texts))
}

fn resolve_shuffle(arguments: &[Expr]) -> Result<Signature> {
    let name = "shuffle";
    count_arguments(name, arguments, 1, 2)?;
    let array = argument(name, arguments, 0)?;
    let element = match &array.data_type {
        DataType::List(element) => element.data_type().clone(),
        DataType::Null => DataType::Null,
        _ => return Err(unexpected_type(name, array, 0, "ARRAY")),
    };
    Ok(Signature {
        arguments: vec![
            list_of(element.clone()),
            long_parameter(name, arguments, 1)?,
        ],
        returns: list_of(element),
        is_nullable: array.is_nullable,
    })
}

fn shuffle(call: &Call<'_>) -> Result<ArrayRef> {
    let Some(array) = call.arguments.first() else {
        return Err(Error::internal("`shuffle` without an array"));
    };
    let lists = array.clone().into_array(call.rows)?;
    let lists = lists.as_list::<i32>();
    let mut draws = Draws::<Mersenne>::new(call, seed_of(call, 1)?)?;
    let mut places: Vec<u32> = (0..).take(lists.values().len()).collect();
    for row in 0..call.rows {
        if lists.is_null(row) {
            continue;
        }
        let generator = draws.at(row);
        let offsets = lists.value_offsets();
        let start = offsets.get(row).copied().unwrap_or_default();
        let length = lists.value_length(row);
        let place = |index: i32| usize::try_from(start + index).unwrap_or_default();
        // Each element goes to a place among those before it, whose element moves to the end.
        for last in 0..length {
            places.swap(place(last), place(generator.next_below(last + 1)));
        }
    }
    let values = take(lists.values(), &UInt32Array::from(places), None)?;
    let (field, offsets, _, nulls) = lists.clone().into_parts();
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls)?))
}
