//! Polars columns at the edge of a program's closures: Arrow arrays in and out as columns, and aggregates that are written with them.

use super::{AggregateUdf, GroupAccumulator};
use crate::arrow_bridge;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use polars::prelude::{Column, PolarsError, PolarsResult};
use std::sync::Arc;

/// The arrays as columns named `arg1`, `arg2`, … (or another word).
pub(super) fn to_columns(arrays: &[ArrayRef], word: &str) -> Result<Vec<Column>> {
    (1..)
        .zip(arrays)
        .map(|(number, array): (usize, _)| {
            let series = arrow_bridge::to_series(&format!("{word}{number}"), array)?;
            Ok(Column::from(series))
        })
        .collect()
}

/// The column as an array.
pub(super) fn from_column(column: &Column) -> Result<ArrayRef> {
    arrow_bridge::from_series(column.as_materialized_series())
}

/// What polars said.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the argument of a `map_err`, which has it by value"
)]
pub(super) fn refused_by_polars(cause: PolarsError) -> Error {
    Error::data(cause.to_string())
}

/// A step from columns to columns.
type Step = dyn Fn(&[Column]) -> PolarsResult<Vec<Column>> + Send + Sync;

/// The steps of an aggregate over polars columns, see [`AggregateUdf::of_columns`].
#[derive(Clone)]
pub struct ColumnFold {
    partial: Arc<Step>,
    merge: Arc<Step>,
    finish: Arc<Step>,
}

impl ColumnFold {
    /// `partial` makes a state of rows of one group: a column of one row for each type of state. `merge` makes one state of the rows of such
    /// columns, of which there may be one or none. `finish` makes the result of a state: a column of one row.
    ///
    /// Columns come as `arg1`, `arg2`, … and `state1`, `state2`, …; what those that are given are called does not matter. A column of length 1
    /// whose type is that of a null counts as a null of the type that was declared.
    pub fn new(
        partial: impl Fn(&[Column]) -> PolarsResult<Vec<Column>> + Send + Sync + 'static,
        merge: impl Fn(&[Column]) -> PolarsResult<Vec<Column>> + Send + Sync + 'static,
        finish: impl Fn(&[Column]) -> PolarsResult<Column> + Send + Sync + 'static,
    ) -> ColumnFold {
        ColumnFold {
            partial: Arc::new(partial),
            merge: Arc::new(merge),
            finish: Arc::new(move |state| Ok(vec![finish(state)?])),
        }
    }
}

impl std::fmt::Debug for ColumnFold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnFold").finish_non_exhaustive()
    }
}

/// What is known of one group.
struct Folded {
    steps: ColumnFold,
    arguments: Vec<DataType>,
    types: Vec<DataType>,
    returns: DataType,
    /// An array of one row for each type of state; `None` before the first row.
    state: Option<Vec<ArrayRef>>,
}

impl Folded {
    /// Takes another state in.
    fn take_in(&mut self, other: Vec<ArrayRef>) -> Result<()> {
        let Some(own) = &self.state else {
            self.state = Some(other);
            return Ok(());
        };
        let both = own
            .iter()
            .zip(&other)
            .map(|(own, other)| Ok(concat(&[own.as_ref(), other.as_ref()])?))
            .collect::<Result<Vec<_>>>()?;
        self.state = Some(Self::step(
            &self.steps.merge,
            &both,
            ("state", &self.types),
        )?);
        Ok(())
    }

    /// One step, with its result as arrays of these types.
    fn step(
        step: &Arc<Step>,
        columns: &[ArrayRef],
        (word, types): (&str, &[DataType]),
    ) -> Result<Vec<ArrayRef>> {
        let given = step(&to_columns(columns, word)?).map_err(refused_by_polars)?;
        if given.len() != types.len() {
            return Err(Error::data(format!(
                "a step of an aggregate gave another number of columns than it promised. promised=`{}` given=`{}`",
                types.len(),
                given.len()
            )));
        }
        given
            .iter()
            .zip(types)
            .map(|(column, data_type)| {
                let array = from_column(column)?;
                Ok(match array.data_type() {
                    DataType::Null => new_null_array(data_type, array.len()),
                    _ => array,
                })
            })
            .collect()
    }

    /// The state; of no rows, if there were none.
    fn current(&self) -> Result<Vec<ArrayRef>> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let none: Vec<ArrayRef> = self
            .arguments
            .iter()
            .map(arrow::array::new_empty_array)
            .collect();
        Self::step(&self.steps.partial, &none, ("arg", &self.types))
    }
}

impl GroupAccumulator for Folded {
    fn update(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let state = Self::step(&self.steps.partial, arguments, ("arg", &self.types))?;
        self.take_in(state)
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let merged = Self::step(&self.steps.merge, states, ("state", &self.types))?;
        self.take_in(merged)
    }

    fn state(&self) -> Result<Vec<ArrayRef>> {
        self.current()
    }

    fn finish(&self) -> Result<ArrayRef> {
        let returns = std::slice::from_ref(&self.returns);
        let mut result = Self::step(&self.steps.finish, &self.current()?, ("state", returns))?;
        result
            .pop()
            .ok_or_else(|| Error::internal("a step without its column"))
    }

    fn memory_bytes(&self) -> usize {
        let arrays = self.state.iter().flatten();
        size_of::<Folded>() + arrays.map(Array::get_array_memory_size).sum::<usize>()
    }
}

impl AggregateUdf {
    /// A function of a group of rows, written with polars columns.
    ///
    /// ```
    /// use arrow::datatypes::DataType;
    /// use polars::prelude::*;
    /// use tidemill::Session;
    /// use tidemill::function::user::{AggregateUdf, ColumnFold};
    ///
    /// // The spread of the values, greatest less least, from the state (least, greatest).
    /// fn bounds(least: &Column, greatest: &Column) -> PolarsResult<Vec<Column>> {
    ///     let least = least.as_materialized_series().min_reduce()?.into_series("least".into());
    ///     let greatest = greatest.as_materialized_series().max_reduce()?.into_series("greatest".into());
    ///     Ok(vec![least.into(), greatest.into()])
    /// }
    /// let spread = ColumnFold::new(
    ///     |arguments| bounds(&arguments[0], &arguments[0]),
    ///     |states| bounds(&states[0], &states[1]),
    ///     |state| &state[1] - &state[0],
    /// );
    /// let session = Session::new();
    /// session.register_aggregate(AggregateUdf::of_columns(
    ///     "spread",
    ///     [DataType::Float64],
    ///     DataType::Float64,
    ///     [DataType::Float64, DataType::Float64],
    ///     spread,
    /// ))?;
    /// let rows = session.sql("SELECT spread(v) AS s FROM VALUES (2D), (NULL), (7D) AS t(v)").collect()?;
    /// assert_eq!(rows.column("s")?.f64()?.get(0), Some(5.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_columns(
        name: impl Into<String>,
        arguments: impl Into<Vec<DataType>>,
        returns: DataType,
        state: impl Into<Vec<DataType>>,
        steps: ColumnFold,
    ) -> AggregateUdf {
        let (arguments, types) = (arguments.into(), state.into());
        let made = (arguments.clone(), types.clone(), returns.clone());
        AggregateUdf::new(name, arguments, returns, types, move || {
            let (arguments, types, returns) = made.clone();
            Box::new(Folded {
                steps: steps.clone(),
                arguments,
                types,
                returns,
                state: None,
            })
        })
    }
}
