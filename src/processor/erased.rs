//! A processor without its types: record batches in, a record batch out.

use super::store::{Key, KeyContext, Store, Times, Variable};
use super::{
    Declarations, ExpiredTimer, StatefulProcessor, StatefulProcessorWithInitialState, TimeMode,
};
use crate::error::{Error, Result};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_arrow::utils::Item;
use serde_arrow::{ArrayBuilder, Deserializer};
use std::fmt;
use std::sync::Arc;

/// The rows of one key: which slice and which row of it, in order.
#[derive(Debug)]
pub(crate) struct KeyRows {
    pub(crate) key: Key,
    pub(crate) rows: Vec<(usize, usize)>,
}

/// The keys of a call, decoded, a row each.
#[derive(Debug)]
pub(crate) struct Keys(pub(crate) RecordBatch);

/// A processor at work on one state partition.
pub(crate) trait Processor: Send + Sync + fmt::Debug {
    /// The name of its type, for people.
    fn name(&self) -> &'static str;

    /// What it keeps.
    fn variables(&self) -> &[Variable];

    /// Names of states that it lets go of.
    fn deleted(&self) -> &[String];

    /// What timers count by.
    fn time_mode(&self) -> TimeMode;

    /// The columns it gives.
    fn output(&self) -> &SchemaRef;

    /// Gives each key its rows.
    fn handle_rows(
        &self,
        input: (&Keys, &[KeyRows]),
        slices: &[RecordBatch],
        store: &mut Store,
        times: Times,
    ) -> Result<RecordBatch>;

    /// Tells each key of a timer that is due.
    fn handle_timers(
        &self,
        input: (&Keys, &[(Key, i64)]),
        store: &mut Store,
        times: Times,
    ) -> Result<RecordBatch>;

    /// Gives each key its rows of the initial state.
    fn handle_initial_state(
        &self,
        input: (&Keys, &[KeyRows]),
        slices: &[RecordBatch],
        store: &mut Store,
        times: Times,
    ) -> Result<()>;
}

/// What is done with the rows of one key at the beginning, if anything.
type Initialize<P> = fn(
    &P,
    &<P as StatefulProcessor>::Key,
    &[(usize, usize)],
    &[Deserializer<'_>],
    &mut KeyContext<'_>,
) -> Result<()>;

/// A processor with its types.
pub(crate) struct Typed<P: StatefulProcessor> {
    processor: P,
    time_mode: TimeMode,
    variables: Vec<Variable>,
    deleted: Vec<String>,
    output: SchemaRef,
    initialize: Option<Initialize<P>>,
}

impl<P: StatefulProcessor> Typed<P> {
    /// Initialises the processor.
    ///
    /// # Errors
    ///
    /// Those of its `init` and its `output_columns`.
    pub(crate) fn new(mut processor: P, time_mode: TimeMode) -> Result<Typed<P>> {
        let mut declarations = Declarations::new(time_mode);
        processor.init(&mut declarations)?;
        let (variables, deleted) = declarations.into_parts();
        let output = Arc::new(Schema::new(processor.output_columns()?));
        Ok(Typed {
            processor,
            time_mode,
            variables,
            deleted,
            output,
            initialize: None,
        })
    }

    fn each_key(
        &self,
        (keys, groups): (&Keys, &[KeyRows]),
        store: &mut Store,
        times: Times,
        mut work: impl FnMut(&P::Key, &[(usize, usize)], &mut KeyContext<'_>) -> Result<()>,
    ) -> Result<()> {
        let keys = DecodedKeys::new(keys)?;
        for (row, group) in groups.iter().enumerate() {
            let key: P::Key = keys.get(row)?;
            store.with_key(&group.key, &self.variables, times, |context| {
                work(&key, &group.rows, context)
            })?;
        }
        Ok(())
    }

    fn builder(&self) -> Result<ArrayBuilder> {
        let fields: Vec<FieldRef> = self.output.fields().iter().cloned().collect();
        ArrayBuilder::from_arrow(&fields).map_err(|error| {
            Error::invalid(format!(
                "rows cannot be written in these columns. processor=`{}`, reason=`{}`",
                self.name(),
                error.message()
            ))
        })
    }

    fn write(&self, builder: &mut ArrayBuilder, output: &mut Vec<P::Output>) -> Result<()> {
        for row in output.drain(..) {
            builder
                .push(row)
                .map_err(|error| self.not_written(&error))?;
        }
        Ok(())
    }

    fn finish(&self, mut builder: ArrayBuilder) -> Result<RecordBatch> {
        let columns = builder
            .to_arrow()
            .map_err(|error| self.not_written(&error))?;
        Ok(RecordBatch::try_new(Arc::clone(&self.output), columns)?)
    }

    fn not_written(&self, error: &serde_arrow::Error) -> Error {
        Error::data(format!(
            "a row of the output does not fit its columns. processor=`{}`, reason=`{}`",
            self.name(),
            error.message()
        ))
    }
}

impl<P: StatefulProcessorWithInitialState> Typed<P> {
    /// As [`Typed::new`], for one that takes initial state.
    ///
    /// # Errors
    ///
    /// As [`Typed::new`].
    pub(crate) fn with_initial_state(processor: P, time_mode: TimeMode) -> Result<Typed<P>> {
        let initialize: Initialize<P> = |processor, key, rows, slices, context| {
            for row in rows {
                let row: P::InitialState = read(slices, *row)?;
                processor.handle_initial_state(key, row, context)?;
            }
            Ok(())
        };
        Ok(Typed {
            initialize: Some(initialize),
            ..Typed::new(processor, time_mode)?
        })
    }
}

impl<P: StatefulProcessor> Processor for Typed<P> {
    fn name(&self) -> &'static str {
        std::any::type_name::<P>()
    }

    fn variables(&self) -> &[Variable] {
        &self.variables
    }

    fn deleted(&self) -> &[String] {
        &self.deleted
    }

    fn time_mode(&self) -> TimeMode {
        self.time_mode
    }

    fn output(&self) -> &SchemaRef {
        &self.output
    }

    fn handle_rows(
        &self,
        input: (&Keys, &[KeyRows]),
        slices: &[RecordBatch],
        store: &mut Store,
        times: Times,
    ) -> Result<RecordBatch> {
        let slices = deserializers(slices)?;
        let mut builder = self.builder()?;
        let mut output = Vec::new();
        self.each_key(input, store, times, |key, places, context| {
            let rows = places
                .iter()
                .map(|place| read(&slices, *place))
                .collect::<Result<Vec<P::Input>>>()?;
            self.processor
                .handle_input_rows(key, rows, context, &mut output)?;
            self.write(&mut builder, &mut output)
        })?;
        self.finish(builder)
    }

    fn handle_timers(
        &self,
        (keys, timers): (&Keys, &[(Key, i64)]),
        store: &mut Store,
        times: Times,
    ) -> Result<RecordBatch> {
        let keys = DecodedKeys::new(keys)?;
        let mut builder = self.builder()?;
        let mut output = Vec::new();
        for (row, (encoded, time)) in timers.iter().enumerate() {
            let key: P::Key = keys.get(row)?;
            let timer = ExpiredTimer {
                expiry_time_ms: *time,
            };
            store.with_key(encoded, &self.variables, times, |context| {
                self.processor
                    .handle_expired_timer(&key, timer, context, &mut output)
            })?;
            self.write(&mut builder, &mut output)?;
        }
        self.finish(builder)
    }

    fn handle_initial_state(
        &self,
        input: (&Keys, &[KeyRows]),
        slices: &[RecordBatch],
        store: &mut Store,
        times: Times,
    ) -> Result<()> {
        let Some(initialize) = self.initialize else {
            return Ok(());
        };
        let slices = deserializers(slices)?;
        self.each_key(input, store, times, |key, rows, context| {
            initialize(&self.processor, key, rows, &slices, context)
        })
    }
}

impl<P: StatefulProcessor> fmt::Debug for Typed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.time_mode)
    }
}

/// Keys as the user's type: the value itself if there is one column, else a struct.
struct DecodedKeys<'a> {
    rows: Deserializer<'a>,
    is_single: bool,
}

impl<'a> DecodedKeys<'a> {
    fn new(keys: &'a Keys) -> Result<DecodedKeys<'a>> {
        Ok(DecodedKeys {
            rows: deserializer(&keys.0)?,
            is_single: keys.0.num_columns() == 1,
        })
    }

    fn get<K: DeserializeOwned>(&self, row: usize) -> Result<K> {
        let item = self.rows.get(row).ok_or_else(missing)?;
        let key = if self.is_single {
            Item::<K>::deserialize(item).map(|Item(key)| key)
        } else {
            K::deserialize(item)
        };
        key.map_err(|error| not_read::<K>("key", &error))
    }
}

fn deserializers(slices: &[RecordBatch]) -> Result<Vec<Deserializer<'_>>> {
    slices.iter().map(deserializer).collect()
}

fn deserializer(rows: &RecordBatch) -> Result<Deserializer<'_>> {
    Deserializer::from_record_batch(rows).map_err(|error| {
        Error::invalid(format!(
            "a column has a type that serde cannot read: select the others or cast it before. reason=`{}`",
            error.message()
        ))
    })
}

fn read<T: DeserializeOwned>(
    slices: &[Deserializer<'_>],
    (slice, row): (usize, usize),
) -> Result<T> {
    let item = slices
        .get(slice)
        .and_then(|rows| rows.get(row))
        .ok_or_else(missing)?;
    T::deserialize(item).map_err(|error| not_read::<T>("row", &error))
}

fn missing() -> Error {
    Error::internal("a row of a processor's input is not there")
}

fn not_read<T>(what: &str, error: &serde_arrow::Error) -> Error {
    Error::data(format!(
        "a {what} does not fit the type that the processor takes. type=`{}`, reason=`{}`",
        std::any::type_name::<T>(),
        error.message()
    ))
}
