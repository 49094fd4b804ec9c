//! The sessions of one slice, and sessions as they were saved.

use super::{Definition, deal_out};
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::operator::aggregate::{count, fold};
use crate::operator::key::{EncodedKeys, KeyIndex};
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;

/// A session of a key: `start` inclusive, `end` exclusive, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    pub(super) key: u32,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// What a slice comes to.
#[derive(Debug)]
pub(super) struct Partial {
    /// Its keys.
    pub(super) index: KeyIndex,
    /// Its sessions, by key, then by start.
    pub(super) sessions: Vec<Session>,
    /// State columns of each aggregate, a row per session.
    pub(super) state: Vec<Vec<ArrayRef>>,
    /// The sessions of each partition.
    pub(super) partitions: Vec<Vec<u32>>,
}

impl Partial {
    pub(super) fn new(
        definition: &Definition,
        slice: &RecordBatch,
        context: &BatchContext,
        partitions: usize,
    ) -> Result<Partial> {
        let mut keys = definition
            .shape
            .keys
            .iter()
            .map(|key| key.expr.evaluate_array(slice, context))
            .collect::<Result<Vec<_>>>()?;
        let window = keys.remove(definition.shape.session);
        let (starts, ends) = bounds(&window)?;
        let mut index = KeyIndex::default();
        let mut rows: Vec<(Session, u32)> = Vec::with_capacity(slice.num_rows());
        let encoded = EncodedKeys::new(&keys, slice.num_rows())?;
        let spans = starts.values().iter().zip(ends.values());
        for ((row, key), (start, end)) in (0..).zip(encoded.iter()).zip(spans) {
            let session = Session {
                key: index.intern(key).0,
                start: *start,
                end: *end,
            };
            rows.push((session, row));
        }
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
        let late = definition.late(context.watermarks.late);
        let (sessions, groups) = join_rows(&rows, late);
        let order: Vec<u32> = rows.iter().map(|(_, row)| *row).collect();
        let sorted = if order.is_sorted() {
            slice.clone()
        } else {
            take_record_batch(slice, &UInt32Array::from(order))?
        };
        let aggregates = &definition.shape.aggregates;
        let state = fold(aggregates, &sorted, context, (&groups, sessions.len()))?;
        let hashes = sessions.iter().map(|session| index.hash(session.key));
        let partitions = deal_out(hashes, partitions);
        Ok(Partial {
            index,
            sessions,
            state,
            partitions,
        })
    }
}

/// Joins sorted rows that touch to sessions; the session of each row. A row that may be late stays alone.
fn join_rows(rows: &[(Session, u32)], late: Option<i64>) -> (Vec<Session>, Vec<u32>) {
    let mut sessions: Vec<Session> = Vec::new();
    let mut groups = Vec::with_capacity(rows.len());
    let mut open: Option<u32> = None;
    for (row, _) in rows {
        let is_alone = late.is_some_and(|late| row.end <= late);
        let touched = open
            .filter(|_| !is_alone)
            .and_then(|number| Some((number, sessions.get_mut(number as usize)?)))
            .filter(|(_, session)| session.key == row.key && row.start <= session.end);
        if let Some((number, session)) = touched {
            session.end = session.end.max(row.end);
            groups.push(number);
            continue;
        }
        let number = count(sessions.len());
        sessions.push(*row);
        groups.push(number);
        if !is_alone {
            open = Some(number);
        }
    }
    (sessions, groups)
}

/// Starts and ends of a window column.
fn bounds(window: &ArrayRef) -> Result<(TimestampMicrosecondArray, TimestampMicrosecondArray)> {
    let part = |index: usize| {
        let column = window.as_struct_opt()?.columns().get(index)?;
        column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .cloned()
    };
    part(0)
        .zip(part(1))
        .filter(|(start, end)| start.null_count() + end.null_count() + window.null_count() == 0)
        .ok_or_else(|| Error::internal("a session without start or end"))
}

/// Sessions as they were saved, with their keys encoded again.
#[derive(Debug)]
pub(super) struct SavedSessions {
    pub(super) keys: EncodedKeys,
    /// Start and end of each.
    pub(super) spans: Vec<(i64, i64)>,
    pub(super) state: Vec<Vec<ArrayRef>>,
    pub(super) partitions: Vec<Vec<u32>>,
}

impl SavedSessions {
    pub(super) fn new(
        definition: &Definition,
        rows: &RecordBatch,
        partitions: usize,
    ) -> Result<SavedSessions> {
        let (keys, rest) = rows.columns().split_at(definition.key_types.len());
        let [starts, ends, values @ ..] = rest else {
            return Err(Error::internal("saved sessions without start and end"));
        };
        let micros = |column: &ArrayRef| -> Result<Vec<i64>> {
            column
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(|times| times.values().to_vec())
                .ok_or_else(|| Error::internal("saved sessions with a start that is no time"))
        };
        let spans = micros(starts)?.into_iter().zip(micros(ends)?).collect();
        let keys = EncodedKeys::new(keys, rows.num_rows())?;
        let mut values = values;
        let mut state = Vec::new();
        for accumulator in definition.accumulators()? {
            let (columns, others) = values.split_at(accumulator.state_types().len());
            state.push(columns.to_vec());
            values = others;
        }
        let partitions = deal_out(keys.iter().map(crate::hash::key_hash), partitions);
        Ok(SavedSessions {
            keys,
            spans,
            state,
            partitions,
        })
    }
}
