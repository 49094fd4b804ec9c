//! `bool_and`, `bool_or`, `bit_and`, `bit_or`, `bit_xor`: an operation that does not care for order, over values that are not null.

use super::Definition;
use super::rows::{GroupBits, counted_rows, for_each_row, gather, slot_of, value_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{ArrowNativeType, DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use std::fmt::Debug;
use std::ops::{BitAnd, BitOr, BitXor};
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "bool_and",
        usage: "bool_and(expr)",
        description: "Whether all values that are not null are true.",
        example: "SELECT bool_and(v) FROM VALUES (true), (false), (true) AS t(v)",
        resolve: resolve_boolean,
        accumulator: |_, _| Ok(Box::new(BooleanAccumulator::until(false))),
    },
    Definition {
        name: "bool_or",
        usage: "bool_or(expr)",
        description: "Whether any value is true.",
        example: "SELECT bool_or(v) FROM VALUES (true), (false), (NULL) AS t(v)",
        resolve: resolve_boolean,
        accumulator: |_, _| Ok(Box::new(BooleanAccumulator::until(true))),
    },
    Definition {
        name: "bit_and",
        usage: "bit_and(expr)",
        description: "The bitwise AND of the integers that are not null.",
        example: "SELECT bit_and(v) FROM VALUES (3), (5) AS t(v)",
        resolve: resolve_bits,
        accumulator: |_, signature| bits(signature, Operation::And),
    },
    Definition {
        name: "bit_or",
        usage: "bit_or(expr)",
        description: "The bitwise OR of the integers that are not null.",
        example: "SELECT bit_or(v) FROM VALUES (3), (5) AS t(v)",
        resolve: resolve_bits,
        accumulator: |_, signature| bits(signature, Operation::Or),
    },
    Definition {
        name: "bit_xor",
        usage: "bit_xor(expr)",
        description: "The bitwise XOR of the integers that are not null.",
        example: "SELECT bit_xor(v) FROM VALUES (3), (5) AS t(v)",
        resolve: resolve_bits,
        accumulator: |_, signature| bits(signature, Operation::Xor),
    },
];

fn resolve_of(name: &'static str, arguments: &[Expr], wanted: Wanted) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    let argument = argument_type(name, arguments, 0, &[wanted])?;
    Ok(Signature {
        returns: argument.clone(),
        arguments: vec![argument],
        is_nullable: true,
    })
}

fn resolve_boolean(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    resolve_of(name, arguments, Wanted::Exactly(DataType::Boolean))
}

fn resolve_bits(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    resolve_of(name, arguments, Wanted::Integral)
}

/// `bool_and` and `bool_or`: one value decides the answer once it was seen. The state is the answer so far.
#[derive(Debug)]
struct BooleanAccumulator {
    deciding: bool,
    seen: GroupBits,
    decided: GroupBits,
}

impl BooleanAccumulator {
    fn until(deciding: bool) -> BooleanAccumulator {
        BooleanAccumulator {
            deciding,
            seen: GroupBits::default(),
            decided: GroupBits::default(),
        }
    }
}

impl Accumulator for BooleanAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::Boolean]
    }

    fn resize(&mut self, groups: usize) {
        self.seen.resize(groups);
        self.decided.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column] = arguments else {
            return Err(Error::internal("`bool_and` and `bool_or` fold one column"));
        };
        let counted = counted_rows(arguments, filter);
        let column = column.as_boolean();
        for_each_row(groups, counted.as_ref(), |row, group| {
            self.seen.set(group);
            if column.value(row) == self.deciding {
                self.decided.set(group);
            }
        });
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.update(state, groups, None)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let decided = self.decided.gather(groups);
        let answers = if self.deciding { decided } else { !&decided };
        let seen = self.seen.gather_validity(groups);
        Ok(Arc::new(BooleanArray::new(answers, Some(seen))))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.seen.clear(groups);
        self.decided.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.seen.memory_bytes() + self.decided.memory_bytes()
    }
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    And,
    Or,
    Xor,
}

fn bits(signature: &Signature, operation: Operation) -> Result<Box<dyn Accumulator>> {
    fn of<T>(operation: Operation) -> Box<dyn Accumulator>
    where
        T: ArrowPrimitiveType<Native: Bits> + Debug,
    {
        Box::new(BitsAccumulator::<T> {
            operation,
            values: Vec::new(),
            seen: GroupBits::default(),
        })
    }
    Ok(match signature.returns {
        DataType::Int8 => of::<Int8Type>(operation),
        DataType::Int16 => of::<Int16Type>(operation),
        DataType::Int32 => of::<Int32Type>(operation),
        DataType::Int64 => of::<Int64Type>(operation),
        ref other => return Err(Error::internal(format!("{other} has no bits"))),
    })
}

/// Integers.
trait Bits: BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Copy {}
impl<T: BitAnd<Output = T> + BitOr<Output = T> + BitXor<Output = T> + Copy> Bits for T {}

/// The state is the result so far.
#[derive(Debug)]
struct BitsAccumulator<T: ArrowPrimitiveType> {
    operation: Operation,
    values: Vec<T::Native>,
    seen: GroupBits,
}

impl<T: ArrowPrimitiveType<Native: Bits>> BitsAccumulator<T> {
    #[inline]
    fn fold(
        &mut self,
        column: &PrimitiveArray<T>,
        groups: &[u32],
        filter: Option<&BooleanArray>,
        operate: impl Fn(T::Native, T::Native) -> T::Native,
    ) {
        let nulls = column.nulls();
        let counted =
            arrow::buffer::NullBuffer::union(super::rows::filtered_rows(filter).as_ref(), nulls);
        let column = column.values();
        for_each_row(groups, counted.as_ref(), |row, group| {
            let value = value_of(column, row);
            let slot = slot_of(&mut self.values, group);
            *slot = if self.seen.get(group) {
                operate(*slot, value)
            } else {
                value
            };
            self.seen.set(group);
        });
    }
}

impl<T: ArrowPrimitiveType<Native: Bits> + Debug> Accumulator for BitsAccumulator<T> {
    fn state_types(&self) -> Vec<DataType> {
        vec![T::DATA_TYPE]
    }

    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, T::Native::default());
        self.seen.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [column] = arguments else {
            return Err(Error::internal("bitwise aggregates fold one column"));
        };
        let column = column.as_primitive::<T>();
        match self.operation {
            Operation::And => self.fold(column, groups, filter, |left, right| left & right),
            Operation::Or => self.fold(column, groups, filter, |left, right| left | right),
            Operation::Xor => self.fold(column, groups, filter, |left, right| left ^ right),
        }
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.update(state, groups, None)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let values = gather(&self.values, groups);
        let seen = self.seen.gather_validity(groups);
        Ok(Arc::new(PrimitiveArray::<T>::new(
            values.into(),
            Some(seen),
        )))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.seen.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * T::Native::get_byte_width() + self.seen.memory_bytes()
    }
}
