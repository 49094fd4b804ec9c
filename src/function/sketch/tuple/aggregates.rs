//! The aggregates of Tuple sketches: of values and numbers, unions and intersections.

use super::number::{Mode, Number, Policy};
use super::{
    EMPTY, INTERSECTION, Sketch, UNION, intersection, invalid, mode_of, new_union, option_types,
    options, read, write,
};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::aggregate::Definition;
use crate::function::aggregate::fold::{Fold, FoldAccumulator, FoldRows};
use crate::function::signature::{Wanted, argument_type, constant_text, count_arguments};
use crate::function::sketch::item::item;
use crate::function::sketch::log_entries;
use crate::function::sketch::theta::value_type;
use crate::function::{Accumulator, Signature};
use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use datasketches::tuple::{TupleSketch, TupleSketchBuilder, TupleUnion};
use std::sync::Arc;

/// A kind of number as a column.
trait Column: Number {
    const TYPE: DataType;
    fn at(column: &ArrayRef, row: usize) -> Self;
}

impl Column for f64 {
    const TYPE: DataType = DataType::Float64;

    fn at(column: &ArrayRef, row: usize) -> f64 {
        column.as_primitive::<Float64Type>().value(row)
    }
}

impl Column for i32 {
    const TYPE: DataType = DataType::Int32;

    fn at(column: &ArrayRef, row: usize) -> i32 {
        column.as_primitive::<Int32Type>().value(row)
    }
}

macro_rules! definitions {
    ($number:ty, $kind:literal) => {
        &[
            Definition {
                name: concat!("tuple_sketch_agg_", $kind),
                usage: concat!("tuple_sketch_agg_", $kind, "(key, summary[, lgNomEntries[, mode]])"),
                description: "A Tuple sketch of the keys with their numbers put together: sum (the default), min, max or alwaysone.",
                example: concat!(
                    "SELECT tuple_sketch_estimate_", $kind, "(tuple_sketch_agg_", $kind,
                    "(k, v)) FROM VALUES (1, 5), (2, 7) AS t(k, v)"
                ),
                resolve: resolve_sketch::<$number>,
                accumulator: |arguments, _| {
                    tuple::<$number>(concat!("tuple_sketch_agg_", $kind), arguments, 2, true)
                },
            },
            Definition {
                name: concat!("tuple_union_agg_", $kind),
                usage: concat!("tuple_union_agg_", $kind, "(sketch[, lgNomEntries[, mode]])"),
                description: "The union of Tuple sketches.",
                example: concat!(
                    "SELECT tuple_sketch_estimate_", $kind, "(tuple_union_agg_", $kind,
                    "(s)) FROM (SELECT tuple_sketch_agg_", $kind,
                    "(k, v) AS s FROM VALUES (1, 5), (2, 7) AS t(k, v))"
                ),
                resolve: |name, arguments| Ok(sketch(options(name, arguments, 1, UNION)?)),
                accumulator: |arguments, _| {
                    tuple::<$number>(concat!("tuple_union_agg_", $kind), arguments, 1, false)
                },
            },
            Definition {
                name: concat!("tuple_intersection_agg_", $kind),
                usage: concat!("tuple_intersection_agg_", $kind, "(sketch[, mode])"),
                description: "The intersection of Tuple sketches.",
                example: concat!(
                    "SELECT tuple_sketch_estimate_", $kind, "(tuple_intersection_agg_", $kind,
                    "(s)) FROM (SELECT tuple_sketch_agg_", $kind,
                    "(k, v) AS s FROM VALUES (1, 5), (2, 7) AS t(k, v))"
                ),
                resolve: |name, arguments| Ok(sketch(options(name, arguments, 1, INTERSECTION)?)),
                accumulator: |arguments, _| {
                    let name = concat!("tuple_intersection_agg_", $kind);
                    Ok(FoldAccumulator::boxed(Intersection::<$number> {
                        mode: mode(name, arguments, 1)?,
                        numbers: std::marker::PhantomData,
                    }))
                },
            },
        ]
    };
}

pub(in crate::function) const DOUBLE_DEFINITIONS: &[Definition] = definitions!(f64, "double");
pub(in crate::function) const INTEGER_DEFINITIONS: &[Definition] = definitions!(i32, "integer");

fn sketch(arguments: Vec<DataType>) -> Signature {
    Signature {
        arguments,
        returns: DataType::Binary,
        is_nullable: false,
    }
}

fn resolve_sketch<T: Column>(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 4)?;
    let wanted = [Wanted::Exactly(T::TYPE)];
    let mut types = vec![
        value_type(name, arguments)?,
        argument_type(name, arguments, 1, &wanted)?,
    ];
    types.extend(option_types(name, arguments, 2, UNION)?);
    Ok(sketch(types))
}

/// The mode that constant argument `index` asks for.
fn mode(name: &str, arguments: &[Expr], index: usize) -> Result<Mode> {
    if index >= arguments.len() {
        return Ok(Mode::Sum);
    }
    mode_of(name, constant_text(name, arguments, index)?)
}

fn tuple<T: Column>(
    name: &'static str,
    arguments: &[Expr],
    options: usize,
    takes_values: bool,
) -> Result<Box<dyn Accumulator>> {
    Ok(FoldAccumulator::boxed(Tuple::<T> {
        log_entries: log_entries(name, arguments, options)?,
        mode: mode(name, arguments, options + 1)?,
        takes_values,
        numbers: std::marker::PhantomData,
    }))
}

/// A sketch of values, or a union.
#[derive(Debug)]
struct Tuple<T> {
    log_entries: u8,
    mode: Mode,
    takes_values: bool,
    numbers: std::marker::PhantomData<fn() -> T>,
}

/// A sketch of values, and what was united with it.
#[derive(Debug)]
struct Held<T: Number> {
    sketch: Option<TupleSketch<Policy<T>>>,
    union: Option<TupleUnion<Policy<T>>>,
}

impl<T: Column> Tuple<T> {
    fn unite(&self, held: &mut Held<T>, other: &Sketch<T>) -> Result<()> {
        let union = match &mut held.union {
            Some(union) => union,
            None => held.union.insert(new_union(self.log_entries, self.mode)?),
        };
        union.update(other).map_err(invalid)
    }

    fn new_sketch(&self) -> Result<TupleSketch<Policy<T>>> {
        TupleSketchBuilder::new(Policy::new(self.mode))
            .lg_k(self.log_entries)
            .build()
            .map_err(|cause| Error::internal("an empty sketch").with_source(cause))
    }

    fn result(&self, held: Option<&Held<T>>) -> Result<Sketch<T>> {
        let sketch = held.and_then(|held| held.sketch.as_ref());
        let union = held.and_then(|held| held.union.as_ref());
        match (sketch, union) {
            (Some(sketch), None) => Ok(sketch.compact(true)),
            (None, Some(union)) => Ok(union.to_sketch(true)),
            (Some(sketch), Some(union)) => {
                let mut both = new_union(self.log_entries, self.mode)?;
                both.update(&union.to_sketch(true)).map_err(invalid)?;
                both.update(&sketch.compact(true)).map_err(invalid)?;
                Ok(both.to_sketch(true))
            }
            (None, None) => Ok(self.new_sketch()?.compact(true)),
        }
    }
}

impl<T: Column> Fold for Tuple<T> {
    type State = Held<T>;

    fn create(&self) -> Result<Held<T>> {
        Ok(Held {
            sketch: None,
            union: None,
        })
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a sketch is that of a column"));
        };
        if !self.takes_values {
            let counted = rows.counted(std::slice::from_ref(column));
            let sketches = column.as_binary::<i32>();
            return rows.each(counted.as_ref(), |row, held| {
                self.unite(held, &read(sketches.value(row))?)
            });
        }
        let Some(numbers) = arguments.get(1) else {
            return Err(Error::internal("a Tuple sketch is that of two columns"));
        };
        let counted = rows.counted(&[Arc::clone(column), Arc::clone(numbers)]);
        rows.each(counted.as_ref(), |row, held| {
            let sketch = match &mut held.sketch {
                Some(sketch) => sketch,
                None => held.sketch.insert(self.new_sketch()?),
            };
            let item = item(column, row)?;
            if !item.is_empty() {
                sketch.update(item, T::at(numbers, row));
            }
            Ok(())
        })
    }

    fn merge(&self, held: &mut Held<T>, bytes: &[u8]) -> Result<()> {
        self.unite(held, &read(bytes)?)
    }

    fn save(&self, held: &Held<T>) -> Result<Vec<u8>> {
        Ok(write(&self.result(Some(held))?))
    }

    fn finish(&self, states: &[Option<&Held<T>>]) -> Result<ArrayRef> {
        let sketches = states
            .iter()
            .map(|held| Ok(write(&self.result(*held)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(BinaryArray::from_iter_values(sketches)))
    }

    fn memory_bytes(&self, held: &Held<T>) -> usize {
        held.sketch.as_ref().map_or(0, TupleSketch::estimated_size)
            + held.union.as_ref().map_or(0, TupleUnion::estimated_size)
    }
}

/// What all sketches of a group have in common; empty if there are none.
#[derive(Debug)]
struct Intersection<T> {
    mode: Mode,
    numbers: std::marker::PhantomData<fn() -> T>,
}

impl<T: Column> Intersection<T> {
    fn meet(&self, held: &mut Option<Sketch<T>>, other: Sketch<T>) -> Result<()> {
        *held = Some(match held.take() {
            Some(held) => intersection(&held, &other, self.mode)?,
            None => other,
        });
        Ok(())
    }
}

impl<T: Column> Fold for Intersection<T> {
    type State = Option<Sketch<T>>;

    fn create(&self) -> Result<Option<Sketch<T>>> {
        Ok(None)
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("an intersection is that of a column"));
        };
        let counted = rows.counted(std::slice::from_ref(column));
        let sketches = column.as_binary::<i32>();
        rows.each(counted.as_ref(), |row, held| {
            self.meet(held, read(sketches.value(row))?)
        })
    }

    fn merge(&self, held: &mut Option<Sketch<T>>, bytes: &[u8]) -> Result<()> {
        self.meet(held, read(bytes)?)
    }

    fn save(&self, held: &Option<Sketch<T>>) -> Result<Vec<u8>> {
        match held {
            Some(held) => Ok(write(held)),
            None => Err(Error::internal("an intersection of no sketches")),
        }
    }

    fn finish(&self, states: &[Option<&Option<Sketch<T>>>]) -> Result<ArrayRef> {
        let sketches = states.iter().map(|held| {
            held.and_then(Option::as_ref)
                .map_or_else(|| EMPTY.to_vec(), write)
        });
        Ok(Arc::new(BinaryArray::from_iter_values(sketches)))
    }

    fn memory_bytes(&self, held: &Option<Sketch<T>>) -> usize {
        held.as_ref().map_or(0, Sketch::estimated_size)
    }
}
