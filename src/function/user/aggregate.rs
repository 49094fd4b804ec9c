//! Functions of a group of rows, from an accumulator that a program brings for each group.

use super::{Closure, checked, guarded};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, AggregateFunction, Signature};
use crate::types::simple_string;
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What an [`AggregateUdf`] knows of one group. Its state is a row of Arrow values, which is what a checkpoint keeps.
pub trait GroupAccumulator: Send + Sync {
    /// Folds rows of the group in: an array for each argument, nulls and all.
    ///
    /// # Errors
    ///
    /// Any; it fails the batch.
    fn update(&mut self, arguments: &[ArrayRef]) -> Result<()>;

    /// Folds states of other accumulators of the same group in: an array for each type of state, a row for each of them.
    ///
    /// # Errors
    ///
    /// Any; it fails the batch.
    fn merge(&mut self, states: &[ArrayRef]) -> Result<()>;

    /// The state: an array of one row for each type of state.
    ///
    /// # Errors
    ///
    /// Any; it fails the batch.
    fn state(&self) -> Result<Vec<ArrayRef>>;

    /// The result: an array of one row.
    ///
    /// # Errors
    ///
    /// Any; it fails the batch.
    fn finish(&self) -> Result<ArrayRef>;

    /// About how many bytes it holds.
    fn memory_bytes(&self) -> usize {
        64
    }
}

/// Makes the accumulator of a group.
type Make = dyn Fn() -> Box<dyn GroupAccumulator> + Send + Sync;

/// A function of a group of rows. Register it with [`crate::Session::register_aggregate`].
///
/// The order in which partial results are merged is that of the rows, but how rows are cut into partial results is not: an accumulator must
/// give the same however they are.
///
/// ```
/// use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
/// use arrow::datatypes::{DataType, Int64Type};
/// use std::sync::Arc;
/// use tidemill::{Result, Session};
/// use tidemill::function::user::{AggregateUdf, GroupAccumulator};
///
/// /// The product of the values that are not null.
/// struct Product(i64);
///
/// impl GroupAccumulator for Product {
///     fn update(&mut self, arguments: &[ArrayRef]) -> Result<()> {
///         let values = arguments[0].as_primitive::<Int64Type>();
///         self.0 = values.iter().flatten().fold(self.0, i64::wrapping_mul);
///         Ok(())
///     }
///     fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
///         self.update(states)
///     }
///     fn state(&self) -> Result<Vec<ArrayRef>> {
///         Ok(vec![self.finish()?])
///     }
///     fn finish(&self) -> Result<ArrayRef> {
///         Ok(Arc::new(Int64Array::from(vec![self.0])))
///     }
/// }
///
/// let session = Session::new();
/// session.register_aggregate(AggregateUdf::new(
///     "product",
///     [DataType::Int64],
///     DataType::Int64,
///     [DataType::Int64],
///     || Box::new(Product(1)),
/// ))?;
/// let product = session.sql("SELECT product(v) AS p FROM VALUES (2), (3), (7) AS t(v)").collect()?;
/// assert_eq!(product.column("p")?.i64()?.get(0), Some(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AggregateUdf {
    /// Kept for as long as the process lives, as the names of built-in functions are.
    name: &'static str,
    usage: &'static str,
    arguments: Vec<DataType>,
    returns: DataType,
    state: Vec<DataType>,
    make: Arc<Make>,
}

impl AggregateUdf {
    /// A function of these arguments; `state` is the types of the accumulator's state.
    pub fn new(
        name: impl Into<String>,
        arguments: impl Into<Vec<DataType>>,
        returns: DataType,
        state: impl Into<Vec<DataType>>,
        make: impl Fn() -> Box<dyn GroupAccumulator> + Send + Sync + 'static,
    ) -> AggregateUdf {
        let (name, arguments) = (name.into(), arguments.into());
        AggregateUdf {
            usage: super::usage(&name, arguments.len()).leak(),
            name: name.leak(),
            arguments,
            returns,
            state: state.into(),
            make: Arc::new(make),
        }
    }

    /// The types it was declared with.
    pub(super) fn types(&self) -> impl Iterator<Item = &DataType> {
        let own = self.arguments.iter().chain(&self.state);
        own.chain([&self.returns])
    }

    fn fresh(&self) -> Result<Box<dyn GroupAccumulator>> {
        guarded(self.name, || Ok((self.make)()))
    }
}

impl fmt::Debug for AggregateUdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateUdf")
            .field("name", &self.name)
            .field("arguments", &self.arguments)
            .field("returns", &self.returns)
            .field("state", &self.state)
            .field("make", &Closure)
            .finish_non_exhaustive()
    }
}

impl AggregateFunction for AggregateUdf {
    fn name(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        self.usage
    }

    fn description(&self) -> &'static str {
        "A function of the session."
    }

    fn example(&self) -> &'static str {
        self.usage
    }

    fn resolve(&self, arguments: &[Expr]) -> Result<Signature> {
        let count = self.arguments.len();
        count_arguments(self.name, arguments, count, count)?;
        let types = (0..)
            .zip(&self.arguments)
            .map(|(index, wanted)| {
                let wanted = [Wanted::Exactly(wanted.clone())];
                argument_type(self.name, arguments, index, &wanted)
            })
            .collect::<Result<_>>()?;
        Ok(Signature {
            arguments: types,
            returns: self.returns.clone(),
            is_nullable: true,
        })
    }

    fn state_form(&self) -> Option<String> {
        let types: Vec<String> = self.state.iter().map(simple_string).collect();
        Some(format!("[{}]", types.join(", ")))
    }

    fn accumulator(
        &self,
        _arguments: &[Expr],
        _signature: &Signature,
    ) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(UserAccumulator {
            function: self.clone(),
            groups: Vec::new(),
        }))
    }
}

/// The accumulators of all groups.
struct UserAccumulator {
    function: AggregateUdf,
    groups: Vec<Option<Box<dyn GroupAccumulator>>>,
}

impl fmt::Debug for UserAccumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserAccumulator")
            .field("function", &self.function)
            .field("groups", &self.groups.len())
            .finish()
    }
}

impl UserAccumulator {
    /// Gives the rows of each group among `rows` to its accumulator.
    fn each(
        &mut self,
        columns: &[ArrayRef],
        rows: impl Iterator<Item = (u32, u32)>,
        mut fold: impl FnMut(&mut dyn GroupAccumulator, &[ArrayRef]) -> Result<()>,
    ) -> Result<()> {
        let mut by_group: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, group) in rows {
            by_group.entry(group).or_default().push(row);
        }
        for (group, rows) in by_group {
            let rows = UInt32Array::from(rows);
            let columns = columns
                .iter()
                .map(|column| Ok(take(column, &rows, None)?))
                .collect::<Result<Vec<_>>>()?;
            let slot = self
                .groups
                .get_mut(group as usize)
                .ok_or_else(|| Error::internal("a group beyond those there is room for"))?;
            let accumulator = match slot {
                Some(accumulator) => accumulator,
                None => slot.insert(self.function.fresh()?),
            };
            guarded(self.function.name, || fold(accumulator.as_mut(), &columns))?;
        }
        Ok(())
    }

    /// What `read` gives of each of these groups.
    fn read<T>(
        &self,
        groups: &[u32],
        read: impl Fn(&dyn GroupAccumulator) -> Result<T>,
    ) -> Result<Vec<T>> {
        groups
            .iter()
            .map(|group| {
                let fresh;
                let accumulator = if let Some(Some(known)) = self.groups.get(*group as usize) {
                    known
                } else {
                    fresh = self.function.fresh()?;
                    &fresh
                };
                guarded(self.function.name, || read(accumulator.as_ref()))
            })
            .collect()
    }
}

/// Rows of one each, one after the other.
fn joined(data_type: &DataType, rows: &[ArrayRef]) -> Result<ArrayRef> {
    if rows.is_empty() {
        return Ok(new_empty_array(data_type));
    }
    let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    Ok(concat(&rows)?)
}

impl Accumulator for UserAccumulator {
    fn state_types(&self) -> Vec<DataType> {
        self.function.state.clone()
    }

    fn resize(&mut self, groups: usize) {
        self.groups.resize_with(groups, || None);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let counts = |row: u32| {
            let row = row as usize;
            filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
        };
        let rows = (0..)
            .zip(groups.iter().copied())
            .filter(|(row, _)| counts(*row));
        self.each(arguments, rows, |accumulator, columns| {
            accumulator.update(columns)
        })
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let rows = (0..).zip(groups.iter().copied());
        self.each(state, rows, |accumulator, columns| {
            accumulator.merge(columns)
        })
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let states = self.read(groups, |accumulator| accumulator.state())?;
        let name = self.function.name;
        (0..)
            .zip(&self.function.state)
            .map(|(index, data_type): (usize, _)| {
                let rows = states
                    .iter()
                    .map(|state| {
                        let value = state.get(index).cloned().ok_or_else(|| {
                            Error::data(format!(
                                "the function gave less state than it promised. function=`{name}`"
                            ))
                            .with_condition("FAILED_EXECUTE_UDF")
                        })?;
                        checked(name, value, (data_type, 1))
                    })
                    .collect::<Result<Vec<_>>>()?;
                joined(data_type, &rows)
            })
            .collect()
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let returns = &self.function.returns;
        let results = self
            .read(groups, |accumulator| accumulator.finish())?
            .into_iter()
            .map(|result| checked(self.function.name, result, (returns, 1)))
            .collect::<Result<Vec<_>>>()?;
        joined(returns, &results)
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            if let Some(slot) = self.groups.get_mut(*group as usize) {
                *slot = None;
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let own: usize = self
            .groups
            .iter()
            .flatten()
            .map(|accumulator| accumulator.memory_bytes())
            .sum();
        own + self.groups.capacity() * size_of::<Option<Box<dyn GroupAccumulator>>>()
    }
}
