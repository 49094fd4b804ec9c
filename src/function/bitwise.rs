//! `& | ^ ~ << >> >>>`, `bit_count` and `bit_get`: integers as bits. Shifts count modulo the width, as in Java.

use crate::error::{Error, Result};
use crate::expr::{Expr, Value};
use crate::function::arithmetic::{Checked, binary};
use crate::function::signature::{
    Wanted, any_nullable, argument_type, count_arguments, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types::{common_type, is_integral, sql_name};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, new_null_array};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use std::ops::{BitAnd, BitOr, BitXor, Not};
use std::sync::Arc;

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("shiftleft", "<<"),
    ("shiftright", ">>"),
    ("shiftrightunsigned", ">>>"),
    ("getbit", "bit_get"),
];

/// How many bits a bitmap has.
const BUCKET_BITS: i64 = 8 * 4096;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = operators();
    functions.extend(single_bits());
    functions.extend(bitmaps());
    functions
}

fn operators() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("&", "expr1 & expr2"),
            ("the bits that are set in both", "SELECT 3 & 5"),
            (resolve_logic, |call| logic(Logic::And, call)),
        ),
        ScalarFunction::new(
            ("|", "expr1 | expr2"),
            ("the bits that are set in either", "SELECT 3 | 5"),
            (resolve_logic, |call| logic(Logic::Or, call)),
        ),
        ScalarFunction::new(
            ("^", "expr1 ^ expr2"),
            ("the bits that are set in exactly one", "SELECT 3 ^ 5"),
            (resolve_logic, |call| logic(Logic::ExclusiveOr, call)),
        ),
        ScalarFunction::new(
            ("~", "~ expr"),
            ("the opposite of every bit", "SELECT ~ 0"),
            (resolve_complement, complement),
        ),
        ScalarFunction::new(
            ("<<", "base << shift"),
            ("the bits moved to the left", "SELECT 2 << 1"),
            (resolve_shift, |call| shift(Shift::Left, call)),
        ),
        ScalarFunction::new(
            (">>", "base >> shift"),
            (
                "the bits moved to the right, keeping the sign",
                "SELECT 4 >> 1",
            ),
            (resolve_shift, |call| shift(Shift::Right, call)),
        ),
        ScalarFunction::new(
            (">>>", "base >>> shift"),
            (
                "the bits moved to the right, filled with zeros",
                "SELECT 4 >>> 1",
            ),
            (resolve_shift, |call| shift(Shift::UnsignedRight, call)),
        ),
    ]
}

fn single_bits() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("bit_count", "bit_count(expr)"),
            (
                "how many bits are set in the number as 64 bits",
                "SELECT bit_count(7)",
            ),
            (resolve_bit_count, bit_count),
        ),
        ScalarFunction::new(
            ("bit_get", "bit_get(expr, pos)"),
            (
                "the bit at a position, from the right",
                "SELECT bit_get(11, 0)",
            ),
            (resolve_bit_get, bit_get),
        ),
    ]
}

fn bitmaps() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("bitmap_bit_position", "bitmap_bit_position(child)"),
            (
                "the bit of a number in its bucket of 32768",
                "SELECT bitmap_bit_position(1)",
            ),
            (
                |arguments| resolve_bitmap("bitmap_bit_position", DataType::Int64, arguments),
                |call| {
                    bucketed(call, |value| {
                        let offset = if value > 0 {
                            value - 1
                        } else {
                            value.wrapping_neg()
                        };
                        offset % BUCKET_BITS
                    })
                },
            ),
        ),
        ScalarFunction::new(
            ("bitmap_bucket_number", "bitmap_bucket_number(child)"),
            (
                "the bucket of 32768 numbers that a number is in",
                "SELECT bitmap_bucket_number(123)",
            ),
            (
                |arguments| resolve_bitmap("bitmap_bucket_number", DataType::Int64, arguments),
                |call| {
                    bucketed(call, |value| {
                        if value > 0 {
                            1 + (value - 1) / BUCKET_BITS
                        } else {
                            value / BUCKET_BITS
                        }
                    })
                },
            ),
        ),
        ScalarFunction::new(
            ("bitmap_count", "bitmap_count(child)"),
            (
                "how many bits of a bitmap are set",
                "SELECT bitmap_count(X '1010')",
            ),
            (
                |arguments| resolve_bitmap("bitmap_count", DataType::Binary, arguments),
                bitmap_count,
            ),
        ),
    ]
}

fn two<'a>(call: &Call<'a>) -> Result<(&'a Value, &'a Value)> {
    match call.arguments {
        [left, right] => Ok((left, right)),
        _ => Err(Error::internal("a bit operator needs two arguments")),
    }
}

fn one<'a>(call: &Call<'a>) -> Result<&'a Value> {
    match call.arguments {
        [only] => Ok(only),
        _ => Err(Error::internal("a bit function needs one argument")),
    }
}

#[derive(Clone, Copy)]
enum Logic {
    And,
    Or,
    ExclusiveOr,
}

fn different_types(left: &Expr, right: &Expr) -> Error {
    Error::invalid(format!(
        "the left and right operands of the binary operator have incompatible types (\"{}\" and \"{}\")",
        left.sql_type(),
        right.sql_type()
    ))
    .with_condition("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
}

fn resolve_logic(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("bit operator", arguments, 2, 2)?;
    let [left, right] = arguments else {
        return Err(Error::internal("a bit operator needs two arguments"));
    };
    let common = match common_type(&left.data_type, &right.data_type) {
        Some(DataType::Null) => DataType::Int32,
        Some(common) => common,
        None => return Err(different_types(left, right)),
    };
    let is_of_one_type = left.data_type == right.data_type;
    if !is_integral(&common) && !is_of_one_type {
        return Err(different_types(left, right));
    }
    if !is_integral(&common) {
        return Err(Error::invalid(format!(
            "the binary operator requires the input type \"INTEGRAL\", not \"{}\"",
            sql_name(&common)
        ))
        .with_condition("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"));
    }
    Ok(Signature {
        arguments: vec![common.clone(), common.clone()],
        returns: common,
        is_nullable: any_nullable(arguments),
    })
}

fn logic(logic: Logic, call: &Call<'_>) -> Result<ArrayRef> {
    let sides = two(call)?;
    if sides.0.is_null_constant() || sides.1.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    match sides.0.data_type() {
        DataType::Int8 => logic_of::<Int8Type>(logic, sides),
        DataType::Int16 => logic_of::<Int16Type>(logic, sides),
        DataType::Int32 => logic_of::<Int32Type>(logic, sides),
        _ => logic_of::<Int64Type>(logic, sides),
    }
}

fn logic_of<T: ArrowPrimitiveType>(logic: Logic, sides: (&Value, &Value)) -> Result<ArrayRef>
where
    T::Native: BitAnd<Output = T::Native> + BitOr<Output = T::Native> + BitXor<Output = T::Native>,
{
    let array: PrimitiveArray<T> = match logic {
        Logic::And => total::<T, T>(sides, |left, right| left & right),
        Logic::Or => total::<T, T>(sides, |left, right| left | right),
        Logic::ExclusiveOr => total::<T, T>(sides, |left, right| left ^ right),
    }?;
    Ok(Arc::new(array))
}

/// An operator that cannot fail.
fn total<L: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    sides: (&Value, &Value),
    operator: impl Fn(L::Native, R::Native) -> L::Native,
) -> Result<PrimitiveArray<L>> {
    binary::<L, R, L>(
        sides,
        false,
        |left, right| Checked {
            value: operator(left, right),
            failed: false,
        },
        |_, _| Error::internal("a bit operator failed"),
    )
}

fn resolve_complement(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("~", arguments, 1, 1)?;
    let data_type = argument_type("~", arguments, 0, &[Wanted::Integral])?;
    Ok(Signature {
        arguments: vec![data_type.clone()],
        returns: data_type,
        is_nullable: any_nullable(arguments),
    })
}

fn complement(call: &Call<'_>) -> Result<ArrayRef> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef
    where
        T::Native: Not<Output = T::Native>,
    {
        Arc::new(array.as_primitive::<T>().unary::<_, T>(|value| !value))
    }
    let array = one(call)?.array();
    Ok(match array.data_type() {
        DataType::Int8 => of::<Int8Type>(array),
        DataType::Int16 => of::<Int16Type>(array),
        DataType::Int32 => of::<Int32Type>(array),
        _ => of::<Int64Type>(array),
    })
}

#[derive(Clone, Copy)]
enum Shift {
    Left,
    Right,
    UnsignedRight,
}

fn resolve_shift(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("shift", arguments, 2, 2)?;
    let wanted = [
        Wanted::Exactly(DataType::Int32),
        Wanted::Exactly(DataType::Int64),
    ];
    let base = argument_type("shift", arguments, 0, &wanted)?;
    let amount = argument_type("shift", arguments, 1, &[Wanted::Exactly(DataType::Int32)])?;
    Ok(Signature {
        arguments: vec![base.clone(), amount],
        returns: base,
        is_nullable: any_nullable(arguments),
    })
}

fn shift(shift: Shift, call: &Call<'_>) -> Result<ArrayRef> {
    let sides = two(call)?;
    if sides.0.is_null_constant() || sides.1.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    if *sides.0.data_type() == DataType::Int64 {
        let shifted = total::<Int64Type, Int32Type>(sides, |base, amount| {
            let amount = amount.cast_unsigned();
            match shift {
                Shift::Left => base.wrapping_shl(amount),
                Shift::Right => base.wrapping_shr(amount),
                Shift::UnsignedRight => base.cast_unsigned().wrapping_shr(amount).cast_signed(),
            }
        })?;
        return Ok(Arc::new(shifted));
    }
    let shifted = total::<Int32Type, Int32Type>(sides, |base, amount| {
        let amount = amount.cast_unsigned();
        match shift {
            Shift::Left => base.wrapping_shl(amount),
            Shift::Right => base.wrapping_shr(amount),
            Shift::UnsignedRight => base.cast_unsigned().wrapping_shr(amount).cast_signed(),
        }
    })?;
    Ok(Arc::new(shifted))
}

fn resolve_bit_count(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("bit_count", arguments, 1, 1)?;
    let wanted = [Wanted::Integral, Wanted::Exactly(DataType::Boolean)];
    if let Some(text) = arguments
        .first()
        .filter(|argument| argument.data_type == DataType::Utf8)
    {
        return Err(unexpected_type("bit_count", text, 0, "INTEGRAL or BOOLEAN"));
    }
    let data_type = match argument_type("bit_count", arguments, 0, &wanted)? {
        DataType::Boolean => DataType::Boolean,
        _ => DataType::Int64,
    };
    Ok(Signature {
        arguments: vec![data_type],
        returns: DataType::Int32,
        is_nullable: any_nullable(arguments),
    })
}

fn bit_count(call: &Call<'_>) -> Result<ArrayRef> {
    let array = one(call)?.array();
    if *array.data_type() == DataType::Boolean {
        return Ok(arrow::compute::cast(array, &DataType::Int32)?);
    }
    let counts = array
        .as_primitive::<Int64Type>()
        .unary::<_, Int32Type>(|value| value.count_ones().cast_signed());
    Ok(Arc::new(counts))
}

fn resolve_bit_get(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("bit_get", arguments, 2, 2)?;
    let base = argument_type("bit_get", arguments, 0, &[Wanted::Integral])?;
    let position = argument_type("bit_get", arguments, 1, &[Wanted::Exactly(DataType::Int32)])?;
    Ok(Signature {
        arguments: vec![base, position],
        returns: DataType::Int8,
        is_nullable: any_nullable(arguments),
    })
}

fn bit_get(call: &Call<'_>) -> Result<ArrayRef> {
    let (base, position) = two(call)?;
    if base.is_null_constant() || position.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let bits = base.data_type().primitive_width().unwrap_or(8) * 8;
    let widened = base.with_array(arrow::compute::cast(base.array(), &DataType::Int64)?);
    let found = binary::<Int64Type, Int32Type, Int8Type>(
        (&widened, position),
        false,
        |base, position| {
            let position = u32::try_from(position).ok();
            let position = position.filter(|position| (*position as usize) < bits);
            Checked::of(position.map(|position| i8::from((base >> position) & 1 == 1)))
        },
        |_, position| {
            Error::data(format!(
                "the position of a bit must be from 0 to {}. position=`{position}`",
                bits - 1
            ))
            .with_condition("INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE")
        },
    )?;
    Ok(Arc::new(found) as Arc<dyn Array>)
}

fn resolve_bitmap(name: &str, input: DataType, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    Ok(Signature {
        arguments: vec![argument_type(
            name,
            arguments,
            0,
            &[Wanted::Exactly(input)],
        )?],
        returns: DataType::Int64,
        is_nullable: any_nullable(arguments),
    })
}

fn bucketed(call: &Call<'_>, place: impl Fn(i64) -> i64) -> Result<ArrayRef> {
    let numbers = one(call)?.array().as_primitive::<Int64Type>();
    Ok(Arc::new(numbers.unary::<_, Int64Type>(place)))
}

fn bitmap_count(call: &Call<'_>) -> Result<ArrayRef> {
    let count = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum();
    let counts: PrimitiveArray<Int64Type> = one(call)?
        .array()
        .as_binary::<i32>()
        .iter()
        .map(|bytes| bytes.map(count))
        .collect();
    Ok(Arc::new(counts))
}
