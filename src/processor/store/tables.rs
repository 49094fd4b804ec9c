//! The states of a store as Arrow tables, for deltas and snapshots, and back.
//!
//! - `states`: `key` (encoded), `state` (its name), `kind` (`value`, `list`, `map`), `entry`, `value` (null if the cell was removed), `expires`
//!   (milliseconds since the epoch, null: never);
//! - `timers`: `key`, `time` (milliseconds since the epoch), `is_set`.

use super::{Cell, CellId, Key, Kind, Variable};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder, Int64Array,
    Int64Builder, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

const STATES: &str = "states";
const TIMERS: &str = "timers";

/// Builds both tables row by row.
#[derive(Debug, Default)]
pub(super) struct TableBuilder {
    keys: BinaryBuilder,
    names: StringBuilder,
    kinds: StringBuilder,
    entries: BinaryBuilder,
    values: BinaryBuilder,
    expiries: Int64Builder,
    timer_keys: BinaryBuilder,
    times: Int64Builder,
    are_set: BooleanBuilder,
}

impl TableBuilder {
    /// A cell, or that there is none.
    pub(super) fn cell(
        &mut self,
        variables: &[Variable],
        key: &Key,
        id: &CellId,
        cell: Option<&Cell>,
    ) -> Result<()> {
        let variable = variables
            .get(usize::from(id.variable))
            .ok_or_else(|| Error::internal("a cell of a state that was not declared"))?;
        self.keys.append_value(key);
        self.names.append_value(&variable.name);
        self.kinds.append_value(variable.kind.name());
        self.entries.append_value(&id.entry);
        self.values.append_option(cell.map(|cell| &cell.value));
        self.expiries
            .append_option(cell.and_then(|cell| cell.expires));
        Ok(())
    }

    /// A timer, or that there is none.
    pub(super) fn timer(&mut self, key: &Key, time: i64, is_set: bool) {
        self.timer_keys.append_value(key);
        self.times.append_value(time);
        self.are_set.append_value(is_set);
    }

    /// The tables that have rows.
    pub(super) fn finish(mut self) -> Result<Vec<(String, RecordBatch)>> {
        let states: [(&str, ArrayRef); 6] = [
            ("key", Arc::new(self.keys.finish())),
            ("state", Arc::new(self.names.finish())),
            ("kind", Arc::new(self.kinds.finish())),
            ("entry", Arc::new(self.entries.finish())),
            ("value", Arc::new(self.values.finish())),
            ("expires", Arc::new(self.expiries.finish())),
        ];
        let timers: [(&str, ArrayRef); 3] = [
            ("key", Arc::new(self.timer_keys.finish())),
            ("time", Arc::new(self.times.finish())),
            ("is_set", Arc::new(self.are_set.finish())),
        ];
        let tables = [
            (
                STATES.to_owned(),
                RecordBatch::try_from_iter_with_nullable(
                    states.map(|(name, column)| (name, column, true)),
                )?,
            ),
            (
                TIMERS.to_owned(),
                RecordBatch::try_from_iter_with_nullable(
                    timers.map(|(name, column)| (name, column, true)),
                )?,
            ),
        ];
        Ok(tables
            .into_iter()
            .filter(|(_, rows)| rows.num_rows() > 0)
            .collect())
    }
}

/// A table of a delta or a snapshot, read and checked against what is declared.
#[derive(Debug)]
pub(crate) enum SavedStates<'a> {
    Cells {
        keys: &'a BinaryArray,
        /// For each row the declared state; `None` for one that was let go of.
        variables: Vec<Option<u16>>,
        entries: &'a BinaryArray,
        values: &'a BinaryArray,
        expiries: &'a Int64Array,
    },
    Timers {
        keys: &'a BinaryArray,
        times: &'a Int64Array,
        are_set: &'a BooleanArray,
    },
}

impl<'a> SavedStates<'a> {
    /// Reads the table `name`.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if it is no such table; `Incompatible`, if it has a state that is not declared, or declared as something else.
    pub(crate) fn read(
        (name, rows): (&str, &'a RecordBatch),
        declared: &[Variable],
        deleted: &[String],
    ) -> Result<SavedStates<'a>> {
        let damaged = || {
            Error::new(
                ErrorKind::Corrupt,
                format!("not a table of a processor's state. table=`{name}`"),
            )
        };
        let column = |name: &str| rows.column_by_name(name).ok_or_else(damaged);
        let bytes = |name: &str| column(name)?.as_binary_opt::<i32>().ok_or_else(damaged);
        let number = |name: &str| {
            let column = column(name)?;
            column.as_primitive_opt::<Int64Type>().ok_or_else(damaged)
        };
        let text = |name: &str| column(name)?.as_string_opt::<i32>().ok_or_else(damaged);
        match name {
            STATES => Ok(SavedStates::Cells {
                keys: bytes("key")?,
                variables: variables(text("state")?, text("kind")?, declared, deleted)?,
                entries: bytes("entry")?,
                values: bytes("value")?,
                expiries: number("expires")?,
            }),
            TIMERS => Ok(SavedStates::Timers {
                keys: bytes("key")?,
                times: number("time")?,
                are_set: column("is_set")?
                    .as_boolean_opt()
                    .filter(|column| *column.data_type() == DataType::Boolean)
                    .ok_or_else(damaged)?,
            }),
            _ => Err(damaged()),
        }
    }

    /// The cells: key, which, and what it holds (`None`: nothing any more).
    pub(super) fn cells(&self) -> impl Iterator<Item = (&'a [u8], CellId, Option<Cell>)> + '_ {
        let rows = match self {
            SavedStates::Cells { keys, .. } => keys.len(),
            SavedStates::Timers { .. } => 0,
        };
        (0..rows).filter_map(|row| self.cell(row))
    }

    fn cell(&self, row: usize) -> Option<(&'a [u8], CellId, Option<Cell>)> {
        let SavedStates::Cells {
            keys,
            variables,
            entries,
            values,
            expiries,
        } = self
        else {
            return None;
        };
        let id = CellId {
            variable: variables.get(row).copied().flatten()?,
            entry: entries.value(row).into(),
        };
        let cell = values.is_valid(row).then(|| Cell {
            value: values.value(row).into(),
            expires: expiries.is_valid(row).then(|| expiries.value(row)),
        });
        Some((keys.value(row), id, cell))
    }

    /// The timers: key, time, and whether it is set.
    pub(super) fn timers(&self) -> impl Iterator<Item = (&'a [u8], i64, bool)> + '_ {
        let rows = match self {
            SavedStates::Timers { keys, .. } => keys.len(),
            SavedStates::Cells { .. } => 0,
        };
        (0..rows).filter_map(|row| match self {
            SavedStates::Timers {
                keys,
                times,
                are_set,
            } => Some((keys.value(row), times.value(row), are_set.value(row))),
            SavedStates::Cells { .. } => None,
        })
    }
}

/// Which declared state each row is of.
fn variables(
    names: &StringArray,
    kinds: &StringArray,
    declared: &[Variable],
    deleted: &[String],
) -> Result<Vec<Option<u16>>> {
    let resolve = |(name, kind): (&str, &str)| {
        if deleted.iter().any(|deleted| deleted == name) {
            return Ok(None);
        }
        let found = (0_u16..)
            .zip(declared)
            .find(|(_, variable)| variable.name == name);
        match found {
            Some((number, variable)) if variable.kind.name() == kind => Ok(Some(number)),
            Some((_, variable)) => Err(incompatible(format!(
                "the checkpoint keeps this state as something else: give the new one another name. state=`{name}`, kept=`{kind}`, declared=`{}`",
                variable.kind.name()
            ))),
            None => Err(incompatible(format!(
                "the checkpoint keeps a state that the processor does not declare: declare it, or let go of it with delete_if_exists. state=`{name}`, kind=`{kind}`"
            ))),
        }
    };
    names
        .iter()
        .zip(kinds)
        .map(|(name, kind)| resolve((name.unwrap_or_default(), kind.unwrap_or_default())))
        .collect()
}

fn incompatible(message: String) -> Error {
    Error::new(ErrorKind::Incompatible, message)
        .with_condition("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE")
}

/// The names of kinds, as written on disk.
impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::List => "list",
            Kind::Map => "map",
        }
    }
}
