//! Arbitrary state: programs of the user that keep what they like for each key, after Spark's `transformWithState`.
//!
//! A [`StatefulProcessor`] is given the rows of a key, batch by batch, and may keep values, lists and maps for that key, set timers,
//! and emit rows. Rows, keys, states and output are the user's own types, through serde:
//!
//! - a row of the input becomes [`StatefulProcessor::Input`] by the names of its columns;
//! - the key becomes [`StatefulProcessor::Key`]: the value itself if the frame is grouped by one column, else a struct with the
//!   names of the columns;
//! - state is kept as MessagePack with the names of fields, so that a type may gain fields (`#[serde(default)]` or `Option`) and
//!   lose some while its state stays;
//! - the columns of the output follow from [`StatefulProcessor::Output`].
//!
//! In a batch, keys with rows come first, then the timers that are due, then what has outlived its time to live is removed.
//! Processors run in parallel, one state partition a task, and one key never in two tasks at once.

pub(crate) mod columns;
pub(crate) mod erased;
pub(crate) mod group_state;
mod state;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub use group_state::{GroupState, GroupStateTimeout};
pub use state::{ListState, MapState, ValueState};
pub use store::KeyContext;

use crate::error::{Error, Result};
use crate::sink::OutputMode;
use arrow::datatypes::Field;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use store::{Kind, Variable};

/// A program with state for each key.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidemill::processor::{
///     Declarations, ExpiredTimer, KeyContext, StatefulProcessor, TimeMode, Ttl, ValueState,
/// };
/// use tidemill::{Result, Session};
/// use polars::prelude::col;
///
/// /// Says how many rows each user has sent so far.
/// #[derive(Default)]
/// struct Counter {
///     count: ValueState<u64>,
/// }
///
/// #[derive(Deserialize)]
/// struct Row {
///     value: i64,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Count {
///     parity: i64,
///     rows: i64,
///     largest: i64,
/// }
///
/// impl StatefulProcessor for Counter {
///     type Key = i64;
///     type Input = Row;
///     type Output = Count;
///
///     fn init(&mut self, states: &mut Declarations) -> Result<()> {
///         self.count = states.value_state("count", Ttl::NONE)?;
///         Ok(())
///     }
///
///     fn handle_input_rows(
///         &self,
///         key: &i64,
///         rows: Vec<Row>,
///         context: &mut KeyContext<'_>,
///         output: &mut Vec<Count>,
///     ) -> Result<()> {
///         let count = self.count.get(context)?.unwrap_or(0) + rows.len() as u64;
///         self.count.update(context, &count)?;
///         let largest = rows.iter().map(|row| row.value).max().unwrap_or(0);
///         output.push(Count { parity: *key, rows: count as i64, largest });
///         Ok(())
///     }
/// }
///
/// let session = Session::new();
/// let counts = session
///     .read_stream()
///     .format("rate")
///     .load()
///     .with_columns([(col("value") % polars::prelude::lit(2)).alias("parity")])
///     .group_by([col("parity")])
///     .transform_with_state(Counter::default(), TimeMode::None);
/// assert_eq!(counts.columns()?, ["parity", "rows", "largest"]);
/// # Ok::<(), tidemill::Error>(())
/// ```
pub trait StatefulProcessor: Send + Sync + 'static {
    /// The key: the value of the one column the frame is grouped by, or a struct with the names of several.
    type Key: DeserializeOwned;
    /// A row of the input: a struct with the names of those columns it wants.
    type Input: DeserializeOwned;
    /// A row of the output: a struct.
    type Output: Serialize + DeserializeOwned;

    /// Declares the states, once, before anything else.
    ///
    /// # Errors
    ///
    /// Those of the declarations.
    fn init(&mut self, states: &mut Declarations) -> Result<()>;

    /// The rows of a key in a batch, at least one, in the order they were read.
    ///
    /// # Errors
    ///
    /// What it finds wrong: the query ends with it, and the batch has not happened.
    fn handle_input_rows(
        &self,
        key: &Self::Key,
        rows: Vec<Self::Input>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Self::Output>,
    ) -> Result<()>;

    /// A timer that is due. It is gone when this is called; it may be set again for later.
    ///
    /// # Errors
    ///
    /// As [`StatefulProcessor::handle_input_rows`].
    fn handle_expired_timer(
        &self,
        key: &Self::Key,
        timer: ExpiredTimer,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Self::Output>,
    ) -> Result<()> {
        let _ = (key, timer, context, output);
        Ok(())
    }

    /// The columns of the output. By default they follow from [`StatefulProcessor::Output`]; a column with another type than serde can
    /// tell (a timestamp is text or a number to serde) is named here.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the type is not a struct of named fields whose types columns can have.
    fn output_columns(&self) -> Result<Vec<Field>> {
        columns::traced::<Self::Output>()
    }
}

/// A processor that begins with state from a table.
pub trait StatefulProcessorWithInitialState: StatefulProcessor {
    /// A row of the table.
    type InitialState: DeserializeOwned;

    /// A row of the table, in batch 0 before any input.
    ///
    /// # Errors
    ///
    /// As [`StatefulProcessor::handle_input_rows`].
    fn handle_initial_state(
        &self,
        key: &Self::Key,
        row: Self::InitialState,
        context: &mut KeyContext<'_>,
    ) -> Result<()>;
}

/// What timers count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeMode {
    /// There are no timers, and nothing outlives its time.
    #[default]
    None,
    /// The time of the batch: timers are due once a batch is run at or after their time; states may have a time to live.
    ProcessingTime,
    /// The watermark: timers are due once the watermark has reached their time, and rows at or before the watermark of the batch before are
    /// dropped as late. Needs a watermark on the input.
    EventTime,
}

impl fmt::Display for TimeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeMode::None => "None",
            TimeMode::ProcessingTime => "ProcessingTime",
            TimeMode::EventTime => "EventTime",
        })
    }
}

/// How long a state lives after it was last written. Only in [`TimeMode::ProcessingTime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ttl(Option<Duration>);

impl Ttl {
    /// For ever.
    pub const NONE: Ttl = Ttl(None);

    /// This long, in steps of milliseconds.
    pub const fn of(duration: Duration) -> Ttl {
        Ttl(Some(duration))
    }
}

/// A timer that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredTimer {
    /// The time it was set for, in milliseconds since the epoch.
    pub expiry_time_ms: i64,
}

/// How a processor is put to work, besides the processor itself.
#[derive(Debug, Clone, Default)]
pub struct ProcessorOptions {
    pub(crate) time_mode: TimeMode,
    pub(crate) output_mode: OutputMode,
    pub(crate) event_time_column: Option<String>,
    pub(crate) group_state: Option<GroupStateKind>,
}

/// Which of Spark's older operators a processor stands for; of these a query may not have any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStateKind {
    /// `map_groups_with_state`: one row for each call.
    Map,
    /// `flat_map_groups_with_state`: any number of rows.
    FlatMap,
}

impl ProcessorOptions {
    /// In append mode, without event time in the output.
    pub fn new(time_mode: TimeMode) -> ProcessorOptions {
        ProcessorOptions {
            time_mode,
            ..ProcessorOptions::default()
        }
    }

    /// What the rows of the output are to the query: it must have the same mode.
    #[must_use]
    pub fn output_mode(mut self, output_mode: OutputMode) -> ProcessorOptions {
        self.output_mode = output_mode;
        self
    }

    /// The timestamp column of the output that is event time for the operators that follow. A row that is older than the watermark then ends
    /// the query, since what follows would drop it.
    #[must_use]
    pub fn event_time_column(mut self, name: impl Into<String>) -> ProcessorOptions {
        self.event_time_column = Some(name.into());
        self
    }
}

impl From<TimeMode> for ProcessorOptions {
    fn from(time_mode: TimeMode) -> ProcessorOptions {
        ProcessorOptions::new(time_mode)
    }
}

/// Where a processor declares its states.
#[derive(Debug)]
pub struct Declarations {
    time_mode: TimeMode,
    variables: Vec<Variable>,
    deleted: Vec<String>,
}

impl Declarations {
    pub(crate) fn new(time_mode: TimeMode) -> Declarations {
        Declarations {
            time_mode,
            variables: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// One value for each key.
    ///
    /// # Errors
    ///
    /// `Invalid`: `STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED`, `STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL`,
    /// `STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE`.
    pub fn value_state<T>(&mut self, name: &str, ttl: Ttl) -> Result<ValueState<T>> {
        let variable = self.declare(name, Kind::Value, ttl)?;
        Ok(ValueState {
            variable: Some(variable),
            of: PhantomData,
        })
    }

    /// A list for each key.
    ///
    /// # Errors
    ///
    /// As [`Declarations::value_state`].
    pub fn list_state<T>(&mut self, name: &str, ttl: Ttl) -> Result<ListState<T>> {
        let variable = self.declare(name, Kind::List, ttl)?;
        Ok(ListState {
            variable: Some(variable),
            of: PhantomData,
        })
    }

    /// A map for each key.
    ///
    /// # Errors
    ///
    /// As [`Declarations::value_state`].
    pub fn map_state<K, V>(&mut self, name: &str, ttl: Ttl) -> Result<MapState<K, V>> {
        let variable = self.declare(name, Kind::Map, ttl)?;
        Ok(MapState {
            variable: Some(variable),
            of: PhantomData,
        })
    }

    /// Lets go of a state that an earlier version of the program kept. Without this a checkpoint with such a state is refused, so that
    /// a misspelt name loses nothing.
    pub fn delete_if_exists(&mut self, name: &str) {
        self.deleted.push(name.to_owned());
    }

    fn declare(&mut self, name: &str, kind: Kind, ttl: Ttl) -> Result<u16> {
        if self.variables.iter().any(|variable| variable.name == name) {
            return Err(Error::invalid(format!(
                "a state of this name has already been declared: give each state a name of its own. name=`{name}`"
            ))
            .with_condition("STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED"));
        }
        let number = u16::try_from(self.variables.len())
            .map_err(|_| Error::invalid("a processor has at most 65535 states"))?;
        self.variables.push(Variable {
            name: name.to_owned(),
            kind,
            ttl_ms: self.ttl_ms(name, ttl)?,
        });
        Ok(number)
    }

    fn ttl_ms(&self, name: &str, ttl: Ttl) -> Result<Option<i64>> {
        let Some(duration) = ttl.0 else {
            return Ok(None);
        };
        if self.time_mode != TimeMode::ProcessingTime {
            return Err(Error::invalid(format!(
                "a state has a time to live only in TimeMode::ProcessingTime. name=`{name}`, time_mode=`{}`",
                self.time_mode
            ))
            .with_condition("STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL"));
        }
        match i64::try_from(duration.as_millis()) {
            Ok(millis) if millis > 0 => Ok(Some(millis)),
            Ok(_) => Err(Error::invalid(format!(
                "a time to live is at least a millisecond. name=`{name}`"
            ))
            .with_condition("STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE")),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn into_parts(self) -> (Vec<Variable>, Vec<String>) {
        (self.variables, self.deleted)
    }
}
