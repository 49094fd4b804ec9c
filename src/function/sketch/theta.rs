//! Theta sketches: `theta_sketch_agg`, `theta_union_agg`, `theta_intersection_agg`, `theta_sketch_estimate`, `theta_union`,
//! `theta_intersection`, `theta_difference`. Written compact, ordered and compressed, as Spark writes them.

use super::item::item;
use super::{LOG_ENTRIES, bytes, combined, log_entries, number_argument, require_sketches};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::aggregate::Definition;
use crate::function::aggregate::fold::{Fold, FoldAccumulator, FoldRows};
use crate::function::kernel::try_primitive_of;
use crate::function::signature::{
    Wanted, argument, argument_type, count_arguments, nullable, unexpected_type,
};
use crate::function::{ScalarFunction, Signature};
use crate::types;
use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Int64Type};
use datasketches::theta::{
    CompactThetaSketch, ThetaANotB, ThetaIntersection, ThetaSketch, ThetaSketchBuilder, ThetaUnion,
    ThetaUnionBuilder,
};
use std::sync::Arc;

pub(in crate::function) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "theta_sketch_agg",
        usage: "theta_sketch_agg(expr[, lgNomEntries])",
        description: "A Theta sketch of the values, for theta_sketch_estimate; lgNomEntries is from 4 to 26, 12 by default.",
        example: "SELECT theta_sketch_estimate(theta_sketch_agg(v)) FROM VALUES (1), (1), (2) AS t(v)",
        resolve: resolve_sketch,
        accumulator: |arguments, _| {
            Ok(FoldAccumulator::boxed(Theta {
                name: "theta_sketch_agg",
                log_entries: log_entries("theta_sketch_agg", arguments, 1)?,
                takes: Takes::Values,
            }))
        },
    },
    Definition {
        name: "theta_union_agg",
        usage: "theta_union_agg(sketch[, lgNomEntries])",
        description: "The union of Theta sketches.",
        example: "SELECT theta_sketch_estimate(theta_union_agg(s)) FROM (SELECT theta_sketch_agg(v) AS s FROM VALUES (1), (2) AS t(v))",
        resolve: |name, arguments| {
            count_arguments(name, arguments, 1, 2)?;
            let mut types = require_sketches(name, arguments, 1)?;
            if arguments.len() == 2 {
                log_entries(name, arguments, 1)?;
                types.push(DataType::Int32);
            }
            Ok(sketch(types))
        },
        accumulator: |arguments, _| {
            Ok(FoldAccumulator::boxed(Theta {
                name: "theta_union_agg",
                log_entries: log_entries("theta_union_agg", arguments, 1)?,
                takes: Takes::Sketches,
            }))
        },
    },
    Definition {
        name: "theta_intersection_agg",
        usage: "theta_intersection_agg(sketch)",
        description: "The intersection of Theta sketches.",
        example: "SELECT theta_sketch_estimate(theta_intersection_agg(s)) FROM (SELECT theta_sketch_agg(v) AS s FROM VALUES (1), (2) AS t(v))",
        resolve: |name, arguments| {
            count_arguments(name, arguments, 1, 1)?;
            Ok(sketch(require_sketches(name, arguments, 1)?))
        },
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Intersection)),
    },
];

/// The functions of Theta sketches.
#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "theta_sketch_estimate",
            usage: "theta_sketch_estimate(sketch)",
            description: "About how many different values a Theta sketch saw.",
            example: "SELECT theta_sketch_estimate(theta_sketch_agg(v)) FROM VALUES (1), (1), (2) AS t(v)",
            resolve: |arguments| {
                count_arguments("theta_sketch_estimate", arguments, 1, 1)?;
                let types = require_sketches("theta_sketch_estimate", arguments, 1)?;
                Ok(nullable(types, DataType::Int64))
            },
            kernel: |call| {
                try_primitive_of::<Int64Type>(call, |row| {
                    let Some(bytes) = bytes(call, 0, row)? else {
                        return Ok(None);
                    };
                    let estimate = read("theta_sketch_estimate", bytes)?.estimate().round();
                    #[expect(clippy::cast_possible_truncation, reason = "below 2^63 by far")]
                    Ok(Some(estimate as i64))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "theta_union",
            usage: "theta_union(first, second[, lgNomEntries])",
            description: "The union of two Theta sketches.",
            example: "SELECT theta_sketch_estimate(theta_union(theta_sketch_agg(v), theta_sketch_agg(w))) FROM VALUES (1, 4) AS t(v, w)",
            resolve: |arguments| {
                count_arguments("theta_union", arguments, 2, 3)?;
                let mut types = require_sketches("theta_union", arguments, 2)?;
                if arguments.len() == 3 {
                    types.push(DataType::Int32);
                }
                Ok(nullable(types, DataType::Binary))
            },
            kernel: |call| {
                let log = number_argument(call, 2)?.unwrap_or(12);
                let log = u8::try_from(log)
                    .ok()
                    .filter(|log| LOG_ENTRIES.contains(&i64::from(*log)));
                let log = log.ok_or_else(|| {
                    Error::data(
                        "the logarithm of nominal entries of `theta_union` must be from 4 to 26",
                    )
                    .with_condition("SKETCH_INVALID_LG_NOM_ENTRIES")
                })?;
                combined(call, |left, right| {
                    let mut union = new_union(log)?;
                    unite("theta_union", &mut union, &read("theta_union", left)?)?;
                    unite("theta_union", &mut union, &read("theta_union", right)?)?;
                    Ok(write(&union.to_sketch(true)))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "theta_intersection",
            usage: "theta_intersection(first, second)",
            description: "The intersection of two Theta sketches.",
            example: "SELECT theta_sketch_estimate(theta_intersection(theta_sketch_agg(v), theta_sketch_agg(w))) FROM VALUES (1, 4) AS t(v, w)",
            resolve: |arguments| resolve_pair("theta_intersection", arguments),
            kernel: |call| {
                combined(call, |left, right| {
                    let name = "theta_intersection";
                    let both = intersection(name, &read(name, left)?, &read(name, right)?)?;
                    Ok(write(&both))
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "theta_difference",
            usage: "theta_difference(first, second)",
            description: "What of the first Theta sketch is not in the second.",
            example: "SELECT theta_sketch_estimate(theta_difference(theta_sketch_agg(v), theta_sketch_agg(w))) FROM VALUES (1, 4) AS t(v, w)",
            resolve: |arguments| resolve_pair("theta_difference", arguments),
            kernel: |call| {
                combined(call, |left, right| {
                    let name = "theta_difference";
                    let (left, right) = (read(name, left)?, read(name, right)?);
                    let rest = ThetaANotB::default().compute(&left, &right, true);
                    Ok(write(&rest.map_err(|cause| invalid(name, cause))?))
                })
            },
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

fn resolve_pair(name: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    Ok(nullable(
        require_sketches(name, arguments, 2)?,
        DataType::Binary,
    ))
}

/// The types of values that Theta and Tuple sketches hash.
pub(super) fn value_type(name: &str, arguments: &[Expr]) -> Result<DataType> {
    let given = argument(name, arguments, 0)?;
    let wanted = [
        DataType::Int32,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::Binary,
        types::list_of(DataType::Int32),
        types::list_of(DataType::Int64),
    ];
    let small = matches!(
        given.data_type,
        DataType::Int8 | DataType::Int16 | DataType::Null
    );
    if !small && !wanted.contains(&given.data_type) {
        let names =
            "ARRAY<INT> or ARRAY<BIGINT> or BINARY or DOUBLE or FLOAT or INT or BIGINT or STRING";
        return Err(unexpected_type(name, given, 0, names));
    }
    let wanted: Vec<Wanted> = wanted.into_iter().map(Wanted::Exactly).collect();
    argument_type(name, arguments, 0, &wanted)
}

fn resolve_sketch(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 2)?;
    let mut types = vec![value_type(name, arguments)?];
    if arguments.len() == 2 {
        log_entries(name, arguments, 1)?;
        types.push(DataType::Int32);
    }
    Ok(sketch(types))
}

fn invalid(name: &str, cause: datasketches::error::Error) -> Error {
    Error::data(format!(
        "`{name}` takes Theta sketches, such as those of `theta_sketch_agg`"
    ))
    .with_condition("THETA_INVALID_INPUT_SKETCH_BUFFER")
    .with_source(cause)
}

/// A sketch out of its bytes.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<CompactThetaSketch> {
    CompactThetaSketch::deserialize(bytes).map_err(|cause| invalid(name, cause))
}

fn write(sketch: &CompactThetaSketch) -> Vec<u8> {
    sketch.serialize_compressed()
}

fn new_union(log_entries: u8) -> Result<ThetaUnion> {
    ThetaUnionBuilder::default()
        .lg_k(log_entries)
        .build()
        .map_err(|cause| Error::internal("a union of sketches").with_source(cause))
}

fn new_sketch(log_entries: u8) -> Result<ThetaSketch> {
    ThetaSketchBuilder::default()
        .lg_k(log_entries)
        .build()
        .map_err(|cause| Error::internal("an empty sketch").with_source(cause))
}

fn unite(name: &str, union: &mut ThetaUnion, other: &CompactThetaSketch) -> Result<()> {
    union.update(other).map_err(|cause| invalid(name, cause))
}

fn intersection(
    name: &str,
    left: &CompactThetaSketch,
    right: &CompactThetaSketch,
) -> Result<CompactThetaSketch> {
    let mut both = ThetaIntersection::default();
    both.update(left).map_err(|cause| invalid(name, cause))?;
    both.update(right).map_err(|cause| invalid(name, cause))?;
    both.to_sketch(true)
        .ok_or_else(|| Error::internal("an intersection of two sketches is one"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Values,
    Sketches,
}

/// A sketch of values, or a union.
#[derive(Debug)]
struct Theta {
    name: &'static str,
    log_entries: u8,
    takes: Takes,
}

/// A sketch of values, and what was united with it.
#[derive(Debug, Default)]
struct Held {
    sketch: Option<ThetaSketch>,
    union: Option<ThetaUnion>,
}

impl Theta {
    fn unite(&self, held: &mut Held, other: &CompactThetaSketch) -> Result<()> {
        let union = match &mut held.union {
            Some(union) => union,
            None => held.union.insert(new_union(self.log_entries)?),
        };
        unite(self.name, union, other)
    }

    fn result(&self, held: Option<&Held>) -> Result<CompactThetaSketch> {
        let sketch = held.and_then(|held| held.sketch.as_ref());
        let union = held.and_then(|held| held.union.as_ref());
        match (sketch, union) {
            (Some(sketch), None) => Ok(sketch.compact(true)),
            (None, Some(union)) => Ok(union.to_sketch(true)),
            (Some(sketch), Some(union)) => {
                let mut both = new_union(self.log_entries)?;
                unite(self.name, &mut both, &union.to_sketch(true))?;
                unite(self.name, &mut both, &sketch.compact(true))?;
                Ok(both.to_sketch(true))
            }
            (None, None) => Ok(new_sketch(self.log_entries)?.compact(true)),
        }
    }
}

impl Fold for Theta {
    type State = Held;

    fn create(&self) -> Result<Held> {
        Ok(Held::default())
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a sketch is that of a column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        if self.takes == Takes::Sketches {
            let sketches = column.as_binary::<i32>();
            return rows.each(counted.as_ref(), |row, held| {
                self.unite(held, &read(self.name, sketches.value(row))?)
            });
        }
        rows.each(counted.as_ref(), |row, held| {
            let sketch = match &mut held.sketch {
                Some(sketch) => sketch,
                None => held.sketch.insert(new_sketch(self.log_entries)?),
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
        held.sketch.as_ref().map_or(0, ThetaSketch::estimated_size)
            + held.union.as_ref().map_or(0, ThetaUnion::estimated_size)
    }
}

/// What all sketches of a group have in common; empty if there are none.
#[derive(Debug)]
struct Intersection;

const INTERSECTION: &str = "theta_intersection_agg";

impl Intersection {
    fn meet(held: &mut Option<CompactThetaSketch>, other: CompactThetaSketch) -> Result<()> {
        *held = Some(match held.take() {
            Some(held) => intersection(INTERSECTION, &held, &other)?,
            None => other,
        });
        Ok(())
    }
}

impl Fold for Intersection {
    type State = Option<CompactThetaSketch>;

    fn create(&self) -> Result<Option<CompactThetaSketch>> {
        Ok(None)
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("an intersection is that of a column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        let sketches = column.as_binary::<i32>();
        rows.each(counted.as_ref(), |row, held| {
            Intersection::meet(held, read(INTERSECTION, sketches.value(row))?)
        })
    }

    fn merge(&self, held: &mut Option<CompactThetaSketch>, bytes: &[u8]) -> Result<()> {
        Intersection::meet(held, read(INTERSECTION, bytes)?)
    }

    fn save(&self, held: &Option<CompactThetaSketch>) -> Result<Vec<u8>> {
        match held {
            Some(held) => Ok(write(held)),
            None => Err(Error::internal("an intersection of no sketches")),
        }
    }

    fn finish(&self, states: &[Option<&Option<CompactThetaSketch>>]) -> Result<ArrayRef> {
        let empty = write(&new_sketch(super::DEFAULT_LOG_ENTRIES)?.compact(true));
        let sketches = states.iter().map(|held| {
            held.and_then(Option::as_ref)
                .map_or_else(|| empty.clone(), write)
        });
        Ok(Arc::new(BinaryArray::from_iter_values(sketches)))
    }

    fn memory_bytes(&self, held: &Option<CompactThetaSketch>) -> usize {
        held.as_ref().map_or(0, CompactThetaSketch::estimated_size)
    }
}
