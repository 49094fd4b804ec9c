//! `HyperLogLog` sketches: `hll_sketch_agg`, `hll_union_agg`, `hll_sketch_estimate`, `hll_union`. Registers have 8 bits, as Spark's.
//!
//! A sketch that holds at most 8 values is written in the form that can be updated in place, as Spark writes it; a larger one in the compact
//! form, which all libraries read as well.

use super::item::item;
use super::{combined, require_sketches};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::aggregate::Definition;
use crate::function::aggregate::fold::{Fold, FoldAccumulator, FoldRows};
use crate::function::kernel::{argument, try_primitive_of};
use crate::function::signature::{
    Wanted, argument_type, constant_flag, constant_long, count_arguments, nullable,
};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Int64Type};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use std::sync::Arc;

/// The base-2 logarithm of the number of registers unless another is asked for.
const DEFAULT_LOG_REGISTERS: u8 = 12;

/// The length of a list of coupons that can be updated in place, with its header.
const LIST_BYTES: usize = 40;

/// In the byte of flags: the list of coupons is compact.
const COMPACT: u8 = 8;

pub(in crate::function) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "hll_sketch_agg",
        usage: "hll_sketch_agg(expr[, lgConfigK])",
        description: "A HyperLogLog sketch of the values, for hll_sketch_estimate; lgConfigK is from 4 to 21, 12 by default.",
        example: "SELECT hll_sketch_estimate(hll_sketch_agg(v)) FROM VALUES (1), (1), (2) AS t(v)",
        resolve: resolve_sketch,
        accumulator: |arguments, _| {
            let log_registers = log_registers("hll_sketch_agg", arguments, 1)?;
            Ok(FoldAccumulator::boxed(Hll {
                name: "hll_sketch_agg",
                log_registers: Some(log_registers),
                allows_different: true,
            }))
        },
    },
    Definition {
        name: "hll_union_agg",
        usage: "hll_union_agg(sketch[, allowDifferentLgConfigK])",
        description: "The union of HyperLogLog sketches.",
        example: "SELECT hll_sketch_estimate(hll_union_agg(s)) FROM (SELECT hll_sketch_agg(v) AS s FROM VALUES (1), (2) AS t(v))",
        resolve: |name, arguments| {
            count_arguments(name, arguments, 1, 2)?;
            let mut types = require_sketches(name, arguments, 1)?;
            if arguments.len() == 2 {
                types.push(DataType::Boolean);
            }
            Ok(sketch(types))
        },
        accumulator: |arguments, _| {
            let allows_different = arguments.len() == 2
                && constant_flag("hll_union_agg", arguments, 1)?.unwrap_or_default();
            Ok(FoldAccumulator::boxed(Hll {
                name: "hll_union_agg",
                log_registers: None,
                allows_different,
            }))
        },
    },
];

/// The functions of `HyperLogLog` sketches.
pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "hll_sketch_estimate",
            usage: "hll_sketch_estimate(sketch)",
            description: "About how many different values a HyperLogLog sketch saw.",
            example: "SELECT hll_sketch_estimate(hll_sketch_agg(v)) FROM VALUES (1), (1), (2) AS t(v)",
            resolve: |arguments| {
                count_arguments("hll_sketch_estimate", arguments, 1, 1)?;
                let types = require_sketches("hll_sketch_estimate", arguments, 1)?;
                Ok(nullable(types, DataType::Int64))
            },
            kernel: |call| {
                try_primitive_of::<Int64Type>(call, |row| {
                    let Some(bytes) = super::bytes(call, 0, row)? else {
                        return Ok(None);
                    };
                    let estimate = read("hll_sketch_estimate", bytes)?.estimate().round();
                    #[expect(clippy::cast_possible_truncation, reason = "below 2^63 by far")]
                    Ok(Some(estimate as i64))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "hll_union",
            usage: "hll_union(first, second[, allowDifferentLgConfigK])",
            description: "The union of two HyperLogLog sketches.",
            example: "SELECT hll_sketch_estimate(hll_union(hll_sketch_agg(v), hll_sketch_agg(w))) FROM VALUES (1, 4) AS t(v, w)",
            resolve: |arguments| {
                count_arguments("hll_union", arguments, 2, 3)?;
                let mut types = require_sketches("hll_union", arguments, 2)?;
                if arguments.len() == 3 {
                    types.push(DataType::Boolean);
                }
                Ok(nullable(types, DataType::Binary))
            },
            kernel: union,
            is_deterministic: true,
        },
    ]
}

fn sketch(arguments: Vec<DataType>) -> Signature {
    Signature {
        arguments,
        returns: DataType::Binary,
        is_nullable: false,
    }
}

fn resolve_sketch(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let wanted = [
        Wanted::Exactly(DataType::Int32),
        Wanted::Exactly(DataType::Int64),
        Wanted::Exactly(DataType::Utf8),
        Wanted::Exactly(DataType::Binary),
    ];
    let given = &crate::function::signature::argument(name, arguments, 0)?;
    if matches!(
        given.data_type,
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _)
    ) {
        let names = "INT or BIGINT or STRING or BINARY";
        return Err(crate::function::signature::unexpected_type(
            name, given, 0, names,
        ));
    }
    let mut types = vec![argument_type(name, arguments, 0, &wanted)?];
    if arguments.len() == 2 {
        types.push(DataType::Int32);
        log_registers(name, arguments, 1)?;
    }
    Ok(sketch(types))
}

fn log_registers(name: &str, arguments: &[Expr], index: usize) -> Result<u8> {
    if index >= arguments.len() {
        return Ok(DEFAULT_LOG_REGISTERS);
    }
    constant_long(name, arguments, index)?
        .filter(|log| (4..=21).contains(log))
        .and_then(|log| u8::try_from(log).ok())
        .ok_or_else(|| {
            Error::invalid(format!("lgConfigK of `{name}` must be from 4 to 21"))
                .with_condition("HLL_INVALID_LG_K")
        })
}

/// A sketch out of its bytes.
fn read(name: &str, bytes: &[u8]) -> Result<HllSketch> {
    HllSketch::deserialize(bytes).map_err(|cause| {
        Error::data(format!(
            "`{name}` takes HyperLogLog sketches, such as those of `hll_sketch_agg`"
        ))
        .with_condition("HLL_INVALID_INPUT_SKETCH_BUFFER")
        .with_source(cause)
    })
}

/// A sketch as bytes.
fn write(sketch: &HllSketch) -> Vec<u8> {
    let mut bytes = sketch.serialize();
    let is_list = bytes.first() == Some(&2);
    if bytes.len() <= LIST_BYTES && (is_list || sketch.is_empty()) {
        bytes.resize(LIST_BYTES, 0);
        if let Some(flags) = bytes.get_mut(5) {
            *flags &= !COMPACT;
        }
    }
    bytes
}

/// A union that may hold `1 << log_registers` registers.
fn new_union(log_registers: u8) -> Result<HllUnion> {
    HllUnion::new(log_registers)
        .map_err(|cause| Error::internal("a union of sketches").with_source(cause))
}

fn different(name: &str, left: u8, right: u8) -> Error {
    Error::data(format!(
        "sketches have different `lgConfigK` values: {left} and {right}. Set the `allowDifferentLgConfigK` parameter of `{name}` to true to unite them"
    ))
    .with_condition("HLL_UNION_DIFFERENT_LG_K")
}

fn union(call: &Call<'_>) -> Result<ArrayRef> {
    let allows_different = match call.arguments.len() {
        3 => argument(call, 2)?
            .array()
            .as_boolean_opt()
            .is_some_and(|flag| !flag.is_empty() && flag.is_valid(0) && flag.value(0)),
        _ => false,
    };
    combined(call, |left, right| {
        let (left, right) = (read("hll_union", left)?, read("hll_union", right)?);
        let (own, other) = (left.lg_config_k(), right.lg_config_k());
        if own != other && !allows_different {
            return Err(different("hll_union", own, other));
        }
        let mut union = new_union(own.min(other))?;
        union.update(&left);
        union.update(&right);
        Ok(write(&union.to_sketch(HllType::Hll8)))
    })
}

#[derive(Debug)]
struct Hll {
    name: &'static str,
    /// Of a sketch of values; a union has those of its first sketch.
    log_registers: Option<u8>,
    allows_different: bool,
}

/// A sketch of values, and what was united with it.
#[derive(Debug, Default)]
struct Held {
    sketch: Option<HllSketch>,
    union: Option<HllUnion>,
}

impl Hll {
    fn unite(&self, held: &mut Held, other: &HllSketch) -> Result<()> {
        let log = other.lg_config_k();
        let union = match &mut held.union {
            Some(union) => union,
            None => held.union.insert(new_union(log)?),
        };
        if union.lg_config_k() != log && !self.allows_different {
            return Err(different(self.name, union.lg_config_k(), log));
        }
        union.update(other);
        Ok(())
    }

    fn result(&self, held: Option<&Held>) -> Result<HllSketch> {
        let log = self.log_registers.unwrap_or(DEFAULT_LOG_REGISTERS);
        let sketch = held.and_then(|held| held.sketch.as_ref());
        let union = held.and_then(|held| held.union.as_ref());
        match (sketch, union) {
            (Some(sketch), None) => Ok(sketch.clone()),
            (None, Some(union)) => Ok(union.to_sketch(HllType::Hll8)),
            (Some(sketch), Some(union)) => {
                let mut both = new_union(union.lg_config_k())?;
                both.update(&union.to_sketch(HllType::Hll8));
                both.update(sketch);
                Ok(both.to_sketch(HllType::Hll8))
            }
            (None, None) => new_sketch(log),
        }
    }
}

fn new_sketch(log_registers: u8) -> Result<HllSketch> {
    HllSketch::new(log_registers, HllType::Hll8)
        .map_err(|cause| Error::internal("an empty sketch").with_source(cause))
}

impl Fold for Hll {
    type State = Held;

    fn create(&self) -> Result<Held> {
        Ok(Held::default())
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a sketch is that of a column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        let Some(log) = self.log_registers else {
            let sketches = column.as_binary::<i32>();
            return rows.each(counted.as_ref(), |row, held| {
                self.unite(held, &read(self.name, sketches.value(row))?)
            });
        };
        rows.each(counted.as_ref(), |row, held| {
            let sketch = match &mut held.sketch {
                Some(sketch) => sketch,
                None => held.sketch.insert(new_sketch(log)?),
            };
            let item = item(column, row)?;
            if !item.is_empty() {
                sketch.update(item);
            }
            Ok(())
        })
    }

    fn merge(&self, held: &mut Held, bytes: &[u8]) -> Result<()> {
        self.unite(held, &read(self.name, bytes)?)
    }

    fn save(&self, held: &Held) -> Result<Vec<u8>> {
        Ok(write(&self.result(Some(held))?))
    }

    fn finish(&self, states: &[Option<&Held>]) -> Result<ArrayRef> {
        let sketches = states
            .iter()
            .map(|held| Ok(write(&self.result(*held)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(BinaryArray::from_iter_values(sketches)))
    }

    fn memory_bytes(&self, held: &Held) -> usize {
        held.sketch.as_ref().map_or(0, HllSketch::estimated_size)
            + held.union.as_ref().map_or(0, HllUnion::estimated_size)
    }
}
