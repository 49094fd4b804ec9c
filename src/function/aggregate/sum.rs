//! `sum` and `try_sum`: one running total a group.
//!
//! Integers sum up as `BIGINT`, floats as `DOUBLE`, `DECIMAL(p, s)` as `DECIMAL(p + 10, s)`, intervals as themselves. A total
//! that does not fit its type is an error for `sum` and null, once and for all, for `try_sum`.

use super::Definition;
use super::rows::{GroupBits, counted_rows, for_each_row, gather, slot_of, value_of};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowNativeType, DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalYearMonthType,
};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "sum",
        usage: "sum(expr)",
        description: "The sum of the values that are not null; null if there are none.",
        example: "SELECT sum(v) FROM VALUES (5), (10), (15) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, OnOverflow::Fail),
    },
    Definition {
        name: "try_sum",
        usage: "try_sum(expr)",
        description: "As sum, but null if the sum overflows.",
        example: "SELECT try_sum(v) FROM VALUES (9223372036854775807L), (1L) AS t(v)",
        resolve,
        accumulator: |arguments, signature| accumulator(arguments, signature, OnOverflow::Null),
    },
];

/// The type rule of `sum`; `avg` takes the same arguments.
pub(super) fn summed_type(name: &str, arguments: &[Expr]) -> Result<DataType> {
    count_arguments(name, arguments, 1, 1)?;
    let wanted = [
        Wanted::Numeric,
        Wanted::Exactly(types::year_month_interval()),
        Wanted::Exactly(types::day_time_interval()),
    ];
    argument_type(name, arguments, 0, &wanted)
}

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    let argument = summed_type(name, arguments)?;
    Ok(Signature {
        returns: total_type(&argument),
        arguments: vec![argument],
        is_nullable: true,
    })
}

/// The type of the total of values of a type.
pub(super) fn total_type(argument: &DataType) -> DataType {
    match argument {
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) =
                types::bounded_decimal(i32::from(*precision) + 10, i32::from(*scale));
            DataType::Decimal128(precision, scale)
        }
        integer if types::is_integral(integer) => DataType::Int64,
        float if types::is_floating(float) => DataType::Float64,
        interval => interval.clone(),
    }
}

/// What happens when a total does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnOverflow {
    /// An error.
    Fail,
    /// The group's result is null, whatever else comes.
    Null,
}

fn accumulator(
    arguments: &[Expr],
    signature: &Signature,
    on_overflow: OnOverflow,
) -> Result<Box<dyn Accumulator>> {
    fn of<A: Adder>(adder: A, returns: &DataType, on_overflow: OnOverflow) -> Box<dyn Accumulator> {
        Box::new(SumAccumulator {
            totals: Totals::new(adder, returns.clone(), on_overflow),
        })
    }
    let returns = &signature.returns;
    let argument = arguments
        .first()
        .map_or(&DataType::Null, |argument| &argument.data_type);
    Ok(match argument {
        DataType::Int8 => of(Integers::<Int8Type>(PhantomData), returns, on_overflow),
        DataType::Int16 => of(Integers::<Int16Type>(PhantomData), returns, on_overflow),
        DataType::Int32 => of(Integers::<Int32Type>(PhantomData), returns, on_overflow),
        DataType::Int64 => of(Integers::<Int64Type>(PhantomData), returns, on_overflow),
        DataType::Float32 => of(Floats::<Float32Type>(PhantomData), returns, on_overflow),
        DataType::Float64 => of(Floats::<Float64Type>(PhantomData), returns, on_overflow),
        DataType::Duration(_) => of(DayTimeIntervals, returns, on_overflow),
        DataType::Interval(_) => of(YearMonthIntervals, returns, on_overflow),
        DataType::Decimal128(_, _) => of(Decimals::of(returns), returns, on_overflow),
        other => return Err(Error::internal(format!("`sum` cannot add up {other}"))),
    })
}

/// How values of one type add up.
pub(super) trait Adder: Send + Sync + Debug + 'static {
    /// The type of the values.
    type Input: ArrowPrimitiveType + Debug;
    /// The type of the total.
    type Total: ArrowPrimitiveType + Debug;
    /// The condition of an overflow.
    const OVERFLOW: &'static str = "ARITHMETIC_OVERFLOW";

    /// A value as a total.
    fn widen(
        &self,
        value: <Self::Input as ArrowPrimitiveType>::Native,
    ) -> <Self::Total as ArrowPrimitiveType>::Native;

    /// The sum of two totals, and whether it does not fit.
    fn add(
        &self,
        left: <Self::Total as ArrowPrimitiveType>::Native,
        right: <Self::Total as ArrowPrimitiveType>::Native,
    ) -> (<Self::Total as ArrowPrimitiveType>::Native, bool);
}

#[derive(Debug)]
pub(super) struct Integers<I>(PhantomData<fn(I)>);

impl<I: ArrowPrimitiveType<Native: Into<i64>> + Debug> Adder for Integers<I> {
    type Input = I;
    type Total = Int64Type;

    #[inline]
    fn widen(&self, value: I::Native) -> i64 {
        value.into()
    }

    #[inline]
    fn add(&self, left: i64, right: i64) -> (i64, bool) {
        left.overflowing_add(right)
    }
}

/// Floats add up as `DOUBLE` and never overflow. With integers as input, they serve the average.
#[derive(Debug)]
pub(super) struct Floats<I>(pub(super) PhantomData<fn(I)>);

impl<I: ArrowPrimitiveType<Native: Into<f64>> + Debug> Adder for Floats<I> {
    type Input = I;
    type Total = Float64Type;

    #[inline]
    fn widen(&self, value: I::Native) -> f64 {
        value.into()
    }

    #[inline]
    fn add(&self, left: f64, right: f64) -> (f64, bool) {
        (left + right, false)
    }
}

/// `BIGINT` as `DOUBLE`, for the average: beyond 2^53 the nearest double, as a cast gives.
#[derive(Debug)]
pub(super) struct LongsAsDoubles;

impl Adder for LongsAsDoubles {
    type Input = Int64Type;
    type Total = Float64Type;

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "rounding to the nearest double is the cast"
    )]
    fn widen(&self, value: i64) -> f64 {
        value as f64
    }

    #[inline]
    fn add(&self, left: f64, right: f64) -> (f64, bool) {
        (left + right, false)
    }
}

#[derive(Debug)]
pub(super) struct DayTimeIntervals;

impl Adder for DayTimeIntervals {
    type Input = DurationMicrosecondType;
    type Total = DurationMicrosecondType;
    const OVERFLOW: &'static str = "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION";

    #[inline]
    fn widen(&self, value: i64) -> i64 {
        value
    }

    #[inline]
    fn add(&self, left: i64, right: i64) -> (i64, bool) {
        left.overflowing_add(right)
    }
}

#[derive(Debug)]
pub(super) struct YearMonthIntervals;

impl Adder for YearMonthIntervals {
    type Input = IntervalYearMonthType;
    type Total = IntervalYearMonthType;
    const OVERFLOW: &'static str = "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION";

    #[inline]
    fn widen(&self, value: i32) -> i32 {
        value
    }

    #[inline]
    fn add(&self, left: i32, right: i32) -> (i32, bool) {
        left.overflowing_add(right)
    }
}

/// Decimals of one scale; a total must have an absolute value below `limit`.
#[derive(Debug)]
pub(super) struct Decimals {
    limit: u128,
}

impl Decimals {
    /// For totals of this decimal type.
    pub(super) fn of(total: &DataType) -> Decimals {
        let precision = match total {
            DataType::Decimal128(precision, _) => *precision,
            _ => types::DECIMAL_MAX_PRECISION,
        };
        Decimals {
            limit: 10u128.pow(u32::from(precision.min(types::DECIMAL_MAX_PRECISION))),
        }
    }
}

impl Adder for Decimals {
    type Input = Decimal128Type;
    type Total = Decimal128Type;

    #[inline]
    fn widen(&self, value: i128) -> i128 {
        value
    }

    #[inline]
    fn add(&self, left: i128, right: i128) -> (i128, bool) {
        let (sum, overflows) = left.overflowing_add(right);
        (sum, overflows || sum.unsigned_abs() >= self.limit)
    }
}

/// A running total a group.
#[derive(Debug)]
pub(super) struct Totals<A: Adder> {
    adder: A,
    data_type: DataType,
    on_overflow: OnOverflow,
    sums: Vec<<A::Total as ArrowPrimitiveType>::Native>,
    /// Whether any value came.
    seen: GroupBits,
    /// Whether the total did not fit; stays false under [`OnOverflow::Fail`].
    overflowed: GroupBits,
}

impl<A: Adder> Totals<A> {
    pub(super) fn new(adder: A, data_type: DataType, on_overflow: OnOverflow) -> Totals<A> {
        Totals {
            adder,
            data_type,
            on_overflow,
            sums: Vec::new(),
            seen: GroupBits::default(),
            overflowed: GroupBits::default(),
        }
    }

    pub(super) fn state_types(&self) -> Vec<DataType> {
        match self.on_overflow {
            OnOverflow::Fail => vec![self.data_type.clone()],
            OnOverflow::Null => vec![self.data_type.clone(), DataType::Boolean],
        }
    }

    pub(super) fn resize(&mut self, groups: usize) {
        self.sums
            .resize(groups, <A::Total as ArrowPrimitiveType>::Native::default());
        self.seen.resize(groups);
        self.overflowed.resize(groups);
    }

    /// Adds the values of the counted rows, and tells `visit` their groups.
    pub(super) fn update(
        &mut self,
        values: &ArrayRef,
        groups: &[u32],
        filter: Option<&BooleanArray>,
        mut visit: impl FnMut(usize),
    ) -> Result<()> {
        let counted = counted_rows(std::slice::from_ref(values), filter);
        let values = values.as_primitive::<A::Input>().values();
        let (adder, totals, seen) = (&self.adder, &mut self.sums, &mut self.seen);
        let (overflowed, mut any_overflow) = (&mut self.overflowed, false);
        for_each_row(groups, counted.as_ref(), |row, group| {
            let total = slot_of(totals, group);
            let (sum, overflows) = adder.add(*total, adder.widen(value_of(values, row)));
            *total = sum;
            seen.set(group);
            visit(group);
            if overflows {
                any_overflow = true;
                overflowed.set(group);
            }
        });
        self.check(any_overflow)
    }

    /// Adds totals of another accumulator: a column of totals, null where nothing came, and whether they overflowed.
    pub(super) fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let [totals, flags @ ..] = state else {
            return Err(Error::internal("the state of a sum has no total"));
        };
        let values = totals.as_primitive::<A::Total>();
        let mut any_overflow = false;
        for_each_row(groups, totals.nulls(), |row, group| {
            let total = slot_of(&mut self.sums, group);
            let (sum, overflows) = self.adder.add(*total, values.value(row));
            *total = sum;
            self.seen.set(group);
            if overflows {
                any_overflow = true;
                self.overflowed.set(group);
            }
        });
        if let [flags] = flags {
            let flags = flags.as_boolean();
            for_each_row(groups, None, |row, group| {
                if flags.value(row) {
                    self.seen.set(group);
                    self.overflowed.set(group);
                }
            });
        }
        self.check(any_overflow)
    }

    fn check(&self, any_overflow: bool) -> Result<()> {
        if any_overflow && self.on_overflow == OnOverflow::Fail {
            return Err(Error::data(format!(
                "the sum does not fit its type; try_sum gives null instead. type=`{}`",
                types::sql_name(&self.data_type)
            ))
            .with_condition(A::OVERFLOW));
        }
        Ok(())
    }

    pub(super) fn state(&self, groups: &[u32]) -> Vec<ArrayRef> {
        let mut state = vec![self.finish(groups)];
        if self.on_overflow == OnOverflow::Null {
            let overflowed = BooleanArray::new(self.overflowed.gather(groups), None);
            state.push(Arc::new(overflowed));
        }
        state
    }

    /// The totals: null where no value came, or where they overflowed.
    pub(super) fn finish(&self, groups: &[u32]) -> ArrayRef {
        let mut validity = self.seen.gather(groups);
        if self.on_overflow == OnOverflow::Null {
            validity = &validity & &!&self.overflowed.gather(groups);
        }
        let values = gather(&self.sums, groups);
        Arc::new(
            PrimitiveArray::<A::Total>::new(values.into(), Some(validity.into()))
                .with_data_type(self.data_type.clone()),
        )
    }

    pub(super) fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            *slot_of(&mut self.sums, *group as usize) =
                <A::Total as ArrowPrimitiveType>::Native::default();
        }
        self.seen.clear(groups);
        self.overflowed.clear(groups);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let width = <A::Total as ArrowPrimitiveType>::Native::get_byte_width();
        self.sums.capacity() * width + self.seen.memory_bytes() + self.overflowed.memory_bytes()
    }
}

/// `sum` and `try_sum`.
#[derive(Debug)]
struct SumAccumulator<A: Adder> {
    totals: Totals<A>,
}

impl<A: Adder> Accumulator for SumAccumulator<A> {
    fn state_types(&self) -> Vec<DataType> {
        self.totals.state_types()
    }

    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let [values] = arguments else {
            return Err(Error::internal("`sum` folds one column"));
        };
        self.totals.update(values, groups, filter, |_| ())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.totals.merge(state, groups)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(self.totals.state(groups))
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        Ok(self.totals.finish(groups))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.totals.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.totals.memory_bytes()
    }
}
