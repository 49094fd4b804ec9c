//! `approx_count_distinct`: `HyperLogLog++` with Spark's hash, registers and bias correction, so that estimates equal Spark's to the digit.
//!
//! A value's 64-bit hash picks one of `2^p` registers by its first `p` bits; the register keeps the most leading zeros (plus one)
//! that the rest of a hash began with. Merging keeps the greater of each register, so that neither the order of rows nor that of
//! partials matters.

mod tables;

use super::Definition;
use super::fold::{Fold, FoldAccumulator, FoldRows, damaged};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::hash_functions::xxhash64_of;
use crate::function::signature::{
    Wanted, argument, argument_type, constant_double, count_arguments,
};
use crate::function::{Accumulator, Signature};
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use std::sync::Arc;
use tables::{BIASES, RAW_ESTIMATES, THRESHOLDS};

const NAME: &str = "approx_count_distinct";

/// The relative standard deviation unless another is asked for.
const DEFAULT_DEVIATION: f64 = 0.05;

/// The greatest relative standard deviation: below it there are at least 4 bits of index.
const MAX_DEVIATION: f64 = 0.39;

/// How many neighbours among [`RAW_ESTIMATES`] the bias is averaged over.
const NEIGHBOURS: usize = 6;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: NAME,
    usage: "approx_count_distinct(expr[, relativeSD])",
    description: "About how many different values that are not null there are; relativeSD is the relative standard deviation allowed, 0.05 by default.",
    example: "SELECT approx_count_distinct(v) FROM VALUES (1), (1), (2), (2), (3) AS t(v)",
    resolve,
    accumulator,
}];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let mut types = vec![argument(name, arguments, 0)?.data_type.clone()];
    if !crate::types::is_hashable(&argument(name, arguments, 0)?.data_type) {
        return Err(Error::unsupported(format!("`{name}` of maps")));
    }
    if arguments.len() == 2 {
        let wanted = [Wanted::Exactly(DataType::Float64)];
        types.push(argument_type(name, arguments, 1, &wanted)?);
        precision(arguments)?;
    }
    Ok(Signature {
        arguments: types,
        returns: DataType::Int64,
        is_nullable: false,
    })
}

/// How many bits of the hash pick the register.
fn precision(arguments: &[Expr]) -> Result<u32> {
    let deviation = match arguments.get(1) {
        Some(_) => constant_double(NAME, arguments, 1)?,
        None => Some(DEFAULT_DEVIATION),
    };
    let deviation = deviation.filter(|deviation| *deviation > 0.0 && *deviation <= MAX_DEVIATION);
    let bits = deviation.map(|deviation| (2.0 * (1.106 / deviation).log2()).ceil());
    // More than 2^24 registers a group are of no use to anybody.
    let bits = bits.filter(|bits| (4.0..=24.0).contains(bits));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 4 to 24"
    )]
    bits.map(|bits| bits as u32).ok_or_else(|| {
        Error::invalid(format!(
            "the relative standard deviation of `{NAME}` must be above 0.0003 and at most {MAX_DEVIATION}"
        ))
        .with_condition("FAILED_FUNCTION_CALL")
    })
}

fn accumulator(arguments: &[Expr], _signature: &Signature) -> Result<Box<dyn Accumulator>> {
    Ok(FoldAccumulator::boxed(Cardinality {
        precision: precision(arguments)?,
    }))
}

#[derive(Debug)]
struct Cardinality {
    precision: u32,
}

impl Cardinality {
    fn registers(&self) -> usize {
        1 << self.precision
    }

    /// Puts a hash into the registers.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the index has at most 24 bits, a register at most 64"
    )]
    fn add(&self, registers: &mut [u8], hash: i64) {
        let hash = hash.cast_unsigned();
        let index = (hash >> (64 - self.precision)) as usize;
        // The bit that stops the count of zeros where the hash ends.
        let rest = hash << self.precision | 1 << (self.precision - 1);
        let zeros = rest.leading_zeros() as u8 + 1;
        if let Some(register) = registers.get_mut(index) {
            *register = (*register).max(zeros);
        }
    }

    /// The estimate.
    #[expect(clippy::naive_bytecount, reason = "a few thousand bytes, once a group")]
    fn estimate(&self, registers: &[u8]) -> f64 {
        let count = count_as_double(registers.len());
        let zeros = registers.iter().filter(|register| **register == 0).count();
        let inverse_sum: f64 = registers
            .iter()
            .map(|register| 1.0 / count_as_double(1_usize << register))
            .sum();
        let alpha = match self.precision {
            4 => 0.673,
            5 => 0.697,
            6 => 0.709,
            _ => 0.7213 / (1.0 + 1.079 / count),
        };
        let raw = alpha * count * count / inverse_sum;
        let corrected = if self.precision < 19 && raw < 5.0 * count {
            raw - self.bias(raw)
        } else {
            raw
        };
        let result = if zeros == 0 {
            corrected
        } else {
            let linear = count * (count / count_as_double(zeros)).ln();
            // Spark keeps the threshold of the first HyperLogLog beside those of HyperLogLog++.
            let threshold = THRESHOLDS.get(self.table());
            let is_small = threshold.is_some_and(|threshold| linear <= *threshold);
            if is_small || raw <= 2.5 * count {
                linear
            } else {
                corrected
            }
        };
        result.round()
    }

    /// The place of this precision in the tables.
    fn table(&self) -> usize {
        self.precision as usize - 4
    }

    /// How much the raw estimate is too high: the mean over its nearest neighbours in the tables.
    fn bias(&self, raw: f64) -> f64 {
        let (Some(estimates), Some(biases)) =
            (RAW_ESTIMATES.get(self.table()), BIASES.get(self.table()))
        else {
            return 0.0;
        };
        let count = estimates.len();
        let distance = |index: usize| {
            let difference = raw - estimates.get(index).copied().unwrap_or(f64::INFINITY);
            difference * difference
        };
        let nearest = match estimates.binary_search_by(|estimate| estimate.total_cmp(&raw)) {
            Ok(index) | Err(index) => index,
        };
        let mut low = (nearest + 1).saturating_sub(NEIGHBOURS);
        let mut high = count.min(low + NEIGHBOURS);
        while high < count && distance(high) < distance(low) {
            low += 1;
            high += 1;
        }
        let sum: f64 = biases.get(low..high).unwrap_or_default().iter().sum();
        sum / count_as_double(high - low)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of registers, and powers of two"
)]
fn count_as_double(count: usize) -> f64 {
    count as f64
}

impl Fold for Cardinality {
    type State = Vec<u8>;

    fn create(&self) -> Result<Vec<u8>> {
        Ok(vec![0; self.registers()])
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("`approx_count_distinct` folds one column"));
        };
        let hashes = xxhash64_of(column)?;
        let counted = rows.counted(std::slice::from_ref(column));
        rows.each(counted.as_ref(), |row, registers| {
            if let Some(hash) = hashes.get(row) {
                self.add(registers, *hash);
            }
            Ok(())
        })
    }

    /// Registers that are not 0 as index (3 bytes, little-endian) and value, or all of them if that is shorter.
    fn save(&self, registers: &Vec<u8>) -> Result<Vec<u8>> {
        let used = registers.iter().filter(|register| **register != 0).count();
        if used * 4 >= registers.len() {
            return Ok(registers.clone());
        }
        let mut bytes = Vec::with_capacity(used * 4);
        for (index, register) in (0_u32..).zip(registers) {
            if *register != 0 {
                let [low, middle, high, _] = index.to_le_bytes();
                bytes.extend([low, middle, high, *register]);
            }
        }
        Ok(bytes)
    }

    fn merge(&self, registers: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
        if bytes.len() == registers.len() {
            for (register, other) in registers.iter_mut().zip(bytes) {
                *register = (*register).max(*other);
            }
            return Ok(());
        }
        let (entries, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(damaged(NAME));
        }
        for [low, middle, high, value] in entries {
            let index = u32::from_le_bytes([*low, *middle, *high, 0]) as usize;
            let register = registers.get_mut(index).ok_or_else(|| damaged(NAME))?;
            *register = (*register).max(*value);
        }
        Ok(())
    }

    fn finish(&self, states: &[Option<&Vec<u8>>]) -> Result<ArrayRef> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an estimate is below 2^64 / 5 by far"
        )]
        let estimates = states
            .iter()
            .map(|state| state.map_or(0, |registers| self.estimate(registers) as i64));
        Ok(Arc::new(Int64Array::from_iter_values(estimates)))
    }

    fn memory_bytes(&self, registers: &Vec<u8>) -> usize {
        registers.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray as _;
    use arrow::datatypes::Int64Type;

    /// What Spark answers for `approx_count_distinct(id, …)` over `range(0, rows)`.
    fn estimate(precision: u32, rows: i64) -> i64 {
        let fold = Cardinality { precision };
        let mut accumulator = FoldAccumulator::boxed(fold);
        accumulator.resize(1);
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let groups = vec![0; usize::try_from(rows).unwrap()];
        accumulator.update(&[column], &groups, None).unwrap();
        accumulator
            .finish(&[0])
            .unwrap()
            .as_primitive::<Int64Type>()
            .value(0)
    }

    #[test]
    fn estimates_equal_those_of_spark() {
        assert_eq!(estimate(9, 1_000), 1_026);
        assert_eq!(estimate(14, 100_000), 100_425);
        assert_eq!(estimate(5, 100_000), 89_779);
    }

    #[test]
    fn a_deviation_out_of_range_is_refused() {
        let column = || Expr::column(0, DataType::Int64, true);
        for deviation in [0.0, -1.0, 0.5, f64::NAN] {
            let constant =
                Expr::literal(Arc::new(arrow::array::Float64Array::from(vec![deviation])));
            assert!(precision(&[column(), constant]).is_err(), "{deviation}");
        }
        assert_eq!(precision(&[column()]).unwrap(), 9);
    }
}
