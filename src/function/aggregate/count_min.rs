//! `count_min_sketch`: counts of values within an error, as bytes in Spark's format.
//!
//! The format, big-endian: the version (1, 4 bytes), the number of rows (8), depth and width (4 each), the multiplier of each row of
//! counters (8), and the counters row by row (8). It is also what is saved.

use super::Definition;
use super::fold::{Fold, FoldAccumulator, FoldRows, damaged};
use super::java_random::JavaRandom;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::hash_functions::murmur3_of_bytes;
use crate::function::signature::{
    Wanted, argument_type, constant_double, constant_long, count_arguments, out_of_range,
    unexpected_null,
};
use crate::function::{Accumulator, Signature};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

const NAME: &str = "count_min_sketch";

/// The version of the format.
const VERSION: i32 = 1;

/// 2^31 - 1, over which numbers are hashed.
const PRIME: i64 = (1 << 31) - 1;

/// The most counters a sketch may have: 128 MiB of them.
const MAX_COUNTERS: usize = 1 << 24;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    usage: "count_min_sketch(expr, eps, confidence, seed)",
    description: "A count-min sketch as a binary: counts are too high by at most eps times the rows, with this confidence.",
    example: "SELECT hex(count_min_sketch(v, 0.5D, 0.5D, 1)) FROM VALUES (1), (2), (1) AS t(v)",
    resolve,
    accumulator,
}];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 4, 4)?;
    let wanted = [
        Wanted::Integral,
        Wanted::Exactly(DataType::Utf8),
        Wanted::Exactly(DataType::Binary),
    ];
    let value = argument_type(name, arguments, 0, &wanted)?;
    let double = [Wanted::Exactly(DataType::Float64)];
    let types = vec![
        value,
        argument_type(name, arguments, 1, &double)?,
        argument_type(name, arguments, 2, &double)?,
        argument_type(name, arguments, 3, &[Wanted::Exactly(DataType::Int32)])?,
    ];
    CountMin::read(arguments)?;
    Ok(Signature {
        arguments: types,
        returns: DataType::Binary,
        is_nullable: false,
    })
}

fn accumulator(arguments: &[Expr], _signature: &Signature) -> Result<Box<dyn Accumulator>> {
    Ok(FoldAccumulator::boxed(CountMin::read(arguments)?))
}

#[derive(Debug)]
struct CountMin {
    width: i32,
    /// A multiplier for each row of counters.
    multipliers: Vec<i64>,
}

/// The counters row by row, and how many rows were counted.
#[derive(Debug)]
struct Counters {
    total: i64,
    table: Vec<i64>,
}

impl CountMin {
    /// From the constant arguments.
    fn read(arguments: &[Expr]) -> Result<CountMin> {
        let range = |what, range| out_of_range(NAME, what, range);
        let error =
            constant_double(NAME, arguments, 1)?.ok_or_else(|| unexpected_null(NAME, "eps"))?;
        let confidence = constant_double(NAME, arguments, 2)?
            .ok_or_else(|| unexpected_null(NAME, "confidence"))?;
        let seed =
            constant_long(NAME, arguments, 3)?.ok_or_else(|| unexpected_null(NAME, "seed"))?;
        if error.is_nan() || error <= 0.0 {
            return Err(range("eps", "above 0.0"));
        }
        if confidence.is_nan() || confidence <= 0.0 || confidence >= 1.0 {
            return Err(range("confidence", "between 0.0 and 1.0, exclusive"));
        }
        let width = (2.0 / error).ceil();
        let depth = (-(1.0 - confidence).ln() / 2.0_f64.ln()).ceil();
        #[expect(clippy::cast_precision_loss, reason = "2^24")]
        if width * depth > MAX_COUNTERS as f64 {
            return Err(range("eps", "so high that there are at most 2^24 counters"));
        }
        let mut random = JavaRandom::new(seed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked just above"
        )]
        let (width, depth) = (width as i32, depth as usize);
        Ok(CountMin {
            width,
            multipliers: (0..depth)
                .map(|_| i64::from(random.next_below(i32::MAX)))
                .collect(),
        })
    }

    fn counters(&self) -> usize {
        self.multipliers.len() * usize::try_from(self.width).unwrap_or_default()
    }

    /// Adds 1 in each row of counters, in the column that `column` gives for the row.
    fn count(&self, counters: &mut Counters, mut column: impl FnMut(usize, i64) -> i64) {
        counters.total += 1;
        for (row, multiplier) in self.multipliers.iter().enumerate() {
            let start = i64::try_from(row).unwrap_or_default() * i64::from(self.width);
            let place = usize::try_from(start + column(row, *multiplier));
            if let Some(counter) = place.ok().and_then(|place| counters.table.get_mut(place)) {
                *counter += 1;
            }
        }
    }

    fn count_number(&self, counters: &mut Counters, value: i64) {
        self.count(counters, |_, multiplier| {
            let hash = multiplier.wrapping_mul(value);
            (hash.wrapping_add(hash >> 32) & PRIME) % i64::from(self.width)
        });
    }

    fn count_bytes(&self, counters: &mut Counters, value: &[u8]) {
        let first = murmur3_of_bytes(value, 0);
        let second = murmur3_of_bytes(value, first);
        self.count(counters, |row, _| {
            let row = i32::try_from(row).unwrap_or_default();
            let hash = first.wrapping_add(row.wrapping_mul(second));
            i64::from(hash % self.width).abs()
        });
    }

    fn write(&self, counters: &Counters) -> Vec<u8> {
        let depth = i32::try_from(self.multipliers.len()).unwrap_or(i32::MAX);
        let mut bytes =
            Vec::with_capacity(20 + 8 * (self.multipliers.len() + counters.table.len()));
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(counters.total.to_be_bytes());
        bytes.extend(depth.to_be_bytes());
        bytes.extend(self.width.to_be_bytes());
        for number in self.multipliers.iter().chain(&counters.table) {
            bytes.extend(number.to_be_bytes());
        }
        bytes
    }
}

impl Fold for CountMin {
    type State = Counters;

    fn create(&self) -> Result<Counters> {
        Ok(Counters {
            total: 0,
            table: vec![0; self.counters()],
        })
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("`count_min_sketch` folds one column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        let counted = counted.as_ref();
        match column.data_type() {
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                rows.each(counted, |row, counters| {
                    self.count_bytes(counters, texts.value(row).as_bytes());
                    Ok(())
                })
            }
            DataType::Binary => {
                let binaries = column.as_binary::<i32>();
                rows.each(counted, |row, counters| {
                    self.count_bytes(counters, binaries.value(row));
                    Ok(())
                })
            }
            _ => {
                let numbers = cast(column, &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>();
                rows.each(counted, |row, counters| {
                    self.count_number(counters, numbers.value(row));
                    Ok(())
                })
            }
        }
    }

    fn merge(&self, counters: &mut Counters, bytes: &[u8]) -> Result<()> {
        let header = 20 + 8 * self.multipliers.len();
        let total = bytes.get(4..12).and_then(|total| total.try_into().ok());
        let (Some(total), Some(table)) = (total, bytes.get(header..)) else {
            return Err(damaged(NAME));
        };
        let (table, rest) = table.as_chunks::<8>();
        if table.len() != counters.table.len() || !rest.is_empty() {
            return Err(damaged(NAME));
        }
        counters.total += i64::from_be_bytes(total);
        for (counter, other) in counters.table.iter_mut().zip(table) {
            *counter += i64::from_be_bytes(*other);
        }
        Ok(())
    }

    fn save(&self, counters: &Counters) -> Result<Vec<u8>> {
        Ok(self.write(counters))
    }

    fn finish(&self, states: &[Option<&Counters>]) -> Result<ArrayRef> {
        let empty = self.write(&self.create()?);
        let sketches = states
            .iter()
            .map(|state| state.map_or_else(|| empty.clone(), |counters| self.write(counters)));
        Ok(Arc::new(BinaryArray::from_iter_values(sketches)))
    }

    fn memory_bytes(&self, counters: &Counters) -> usize {
        counters.table.capacity() * 8
    }
}
