//! `histogram_numeric`: a histogram of at most so many bins, after Ben-Haim and Tom-Tov, as Hive and Spark keep it.
//!
//! A new value is a bin of its own; when there are too many bins the two closest become one at their weighted mean. Of pairs that are equally
//! close Spark takes one by the random numbers of Java from a fixed seed. We draw the same numbers, anew for each batch of rows
//! and each merge, so that a result depends on nothing but the rows and how they were cut.

use super::Definition;
use super::approx_percentile::{as_doubles, from_doubles};
use super::fold::{Fold, FoldAccumulator, FoldRows, damaged};
use super::java_random::JavaRandom;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{
    Wanted, argument_type, constant_long, count_arguments, out_of_range, unexpected_null,
};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use std::sync::Arc;

const NAME: &str = "histogram_numeric";

/// The seed of Hive's histogram.
const SEED: i64 = 31_183;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    usage: "histogram_numeric(expr, nb)",
    description: "A histogram of at most nb bins, as an array of their centres x and heights y.",
    example: "SELECT histogram_numeric(v, 5) FROM VALUES (0), (1), (2), (10) AS t(v)",
    resolve,
    accumulator,
}];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let wanted = [
        Wanted::Numeric,
        Wanted::Exactly(DataType::Date32),
        Wanted::Exactly(types::timestamp()),
        Wanted::Exactly(types::timestamp_ntz()),
        Wanted::Exactly(types::day_time_interval()),
        Wanted::Exactly(types::year_month_interval()),
    ];
    let value = argument_type(name, arguments, 0, &wanted)?;
    let bins_type = argument_type(name, arguments, 1, &[Wanted::Exactly(DataType::Int32)])?;
    bins(arguments)?;
    Ok(Signature {
        returns: types::list_of(DataType::Struct(fields(&value))),
        arguments: vec![value, bins_type],
        is_nullable: true,
    })
}

fn fields(value: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("x", value.clone(), true),
        Field::new("y", DataType::Float64, true),
    ])
}

fn bins(arguments: &[Expr]) -> Result<usize> {
    let bins = constant_long(NAME, arguments, 1)?
        .ok_or_else(|| unexpected_null(NAME, "number of bins"))?;
    usize::try_from(bins)
        .ok()
        .filter(|bins| *bins >= 2)
        .ok_or_else(|| out_of_range(NAME, "number of bins", "at least 2"))
}

fn accumulator(arguments: &[Expr], signature: &Signature) -> Result<Box<dyn Accumulator>> {
    let Some(value) = signature.arguments.first() else {
        return Err(Error::internal("a histogram is that of a column"));
    };
    Ok(FoldAccumulator::boxed(Histogram {
        value: value.clone(),
        bins: bins(arguments)?,
    }))
}

#[derive(Debug)]
struct Histogram {
    value: DataType,
    bins: usize,
}

/// A bin: where it is and how many rows it stands for.
#[derive(Debug, Clone, Copy)]
struct Bin {
    centre: f64,
    height: f64,
}

impl Histogram {
    fn add(&self, bins: &mut Vec<Bin>, value: f64, random: &mut JavaRandom) {
        let place = bins.partition_point(|bin| bin.centre < value);
        match bins.get_mut(place) {
            #[expect(clippy::float_cmp, reason = "a bin of exactly this value")]
            Some(bin) if bin.centre == value => bin.height += 1.0,
            _ => {
                let bin = Bin {
                    centre: value,
                    height: 1.0,
                };
                bins.insert(place, bin);
                self.trim(bins, random);
            }
        }
    }

    /// Merges the two closest bins until there are few enough.
    fn trim(&self, bins: &mut Vec<Bin>, random: &mut JavaRandom) {
        while bins.len() > self.bins {
            let mut least = f64::INFINITY;
            let (mut place, mut ties) = (0, 1.0);
            for (index, pair) in bins.windows(2).enumerate() {
                let [left, right] = pair else { continue };
                let gap = right.centre - left.centre;
                if gap < least || index == 0 {
                    (least, place, ties) = (gap, index, 1.0);
                } else {
                    #[expect(clippy::float_cmp, reason = "exactly as close")]
                    if gap == least {
                        ties += 1.0;
                        if random.next_double() <= 1.0 / ties {
                            place = index;
                        }
                    }
                }
            }
            if place + 1 >= bins.len() {
                return;
            }
            let right = bins.remove(place + 1);
            if let Some(left) = bins.get_mut(place) {
                let height = left.height + right.height;
                left.centre *= left.height / height;
                left.centre += right.centre / height * right.height;
                left.height = height;
            }
        }
    }
}

impl Fold for Histogram {
    type State = Vec<Bin>;

    fn create(&self) -> Result<Vec<Bin>> {
        Ok(Vec::new())
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a histogram is that of a column"));
        };
        let doubles = as_doubles(column)?;
        let doubles = doubles.as_primitive::<Float64Type>();
        let counted = rows.counted(std::slice::from_ref(column));
        let mut random = JavaRandom::new(SEED);
        rows.each(counted.as_ref(), |row, bins| {
            self.add(bins, doubles.value(row), &mut random);
            Ok(())
        })
    }

    fn merge(&self, bins: &mut Vec<Bin>, bytes: &[u8]) -> Result<()> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (pairs, odd) = words.as_chunks::<2>();
        if !rest.is_empty() || !odd.is_empty() {
            return Err(damaged(NAME));
        }
        bins.extend(pairs.iter().map(|[centre, height]| Bin {
            centre: f64::from_le_bytes(*centre),
            height: f64::from_le_bytes(*height),
        }));
        bins.sort_by(|left, right| left.centre.total_cmp(&right.centre));
        // Unlike Spark, which keeps them apart as long as there is room: the answer shall not tell how the rows were cut.
        bins.dedup_by(|bin, kept| {
            #[expect(clippy::float_cmp, reason = "bins of exactly the same value")]
            let is_same = bin.centre == kept.centre;
            if is_same {
                kept.height += bin.height;
            }
            is_same
        });
        self.trim(bins, &mut JavaRandom::new(SEED));
        Ok(())
    }

    /// Centre and height of each bin, 8 little-endian bytes each.
    fn save(&self, bins: &Vec<Bin>) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(bins.len() * 16);
        for bin in bins {
            bytes.extend(bin.centre.to_le_bytes());
            bytes.extend(bin.height.to_le_bytes());
        }
        Ok(bytes)
    }

    fn finish(&self, states: &[Option<&Vec<Bin>>]) -> Result<ArrayRef> {
        let all = || states.iter().copied().flatten().flatten();
        let centres: ArrayRef =
            Arc::new(Float64Array::from_iter_values(all().map(|bin| bin.centre)));
        let heights = Float64Array::from_iter_values(all().map(|bin| bin.height));
        let fields = fields(&self.value);
        let columns: Vec<ArrayRef> = vec![from_doubles(&centres, &self.value)?, Arc::new(heights)];
        let entries = StructArray::try_new(fields.clone(), columns, None)?;
        let lengths = states.iter().map(|state| state.map_or(0, Vec::len));
        let seen: Vec<bool> = states.iter().map(Option::is_some).collect();
        Ok(Arc::new(ListArray::try_new(
            types::list_field(DataType::Struct(fields)),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(entries),
            Some(NullBuffer::from(seen)),
        )?))
    }

    fn memory_bytes(&self, bins: &Vec<Bin>) -> usize {
        bins.capacity() * size_of::<Bin>()
    }
}
