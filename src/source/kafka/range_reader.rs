//! Reads a range as slices, in an order that depends on nothing but the range: the same rows in the same order on a replay.
//!
//! Partitions take turns, in the order of their names; in its turn a partition fills the slice, or what is left of its part.
//! So a slice holds one partition where there is much, and many partitions where there is little of each.

use super::fetcher::{Fetcher, Filled, Part, SliceLimit};
use super::loss::Loss;
use super::offset_reader::OffsetReader;
use super::position::{Partitions, value_of};
use super::slice::{MessageColumn, MessageSlice};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Slice;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// How often a partition that is where it should be, yet cannot be read, is assigned anew.
const REASSIGNMENTS: u32 = 3;

/// Turns messages into rows; shared by the slices of a range.
pub(super) trait Decode: Send + Sync {
    /// What must be collected of each message.
    fn collects(&self) -> &[MessageColumn];

    /// The rows of a slice.
    ///
    /// # Errors
    ///
    /// `Data`, naming topic, partition and offset.
    fn decode(&self, slice: MessageSlice) -> Result<arrow::record_batch::RecordBatch>;
}

/// What a range is read with.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) fetcher: Arc<Mutex<Fetcher>>,
    pub(super) offsets: Arc<OffsetReader>,
    pub(super) fails_on_data_loss: bool,
}

/// The slices of a range.
pub(super) struct RangeReader {
    connections: Connections,
    parts: Vec<Part>,
    /// Whose turn it is.
    turn: usize,
    limit: SliceLimit,
    decoder: Arc<dyn Decode>,
    reassignments: u32,
    /// After an error or the end there is nothing more.
    is_over: bool,
}

impl RangeReader {
    /// Reads these parts.
    pub(super) fn new(
        connections: Connections,
        parts: Vec<Part>,
        limit: SliceLimit,
        decoder: Arc<dyn Decode>,
    ) -> RangeReader {
        RangeReader {
            connections,
            parts,
            turn: 0,
            limit,
            decoder,
            reassignments: 0,
            is_over: false,
        }
    }

    /// The next slice that has rows.
    fn read_slice(&mut self) -> Result<Option<Slice>> {
        let mut slice = MessageSlice::new(self.decoder.collects());
        while let Some(index) = self.next_turn() {
            match self.fill(index, &mut slice)? {
                Filled::SliceFull => {
                    self.turn = index + 1;
                    break;
                }
                Filled::PartDone => self.turn = index + 1,
                Filled::OutOfRange => self.recover(index)?,
                Filled::Missing => self.recover_missing(index)?,
            }
        }
        if slice.rows() == 0 {
            return Ok(None);
        }
        let decoder = Arc::clone(&self.decoder);
        Ok(Some(Slice {
            bytes: slice.bytes(),
            decode: Box::new(move || decoder.decode(slice)),
        }))
    }

    /// The next partition, from `turn` on and round, that is not done.
    fn next_turn(&self) -> Option<usize> {
        let count = self.parts.len();
        (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|index| self.parts.get(*index).is_some_and(|part| !part.is_done()))
    }

    fn fill(&mut self, index: usize, slice: &mut MessageSlice) -> Result<Filled> {
        let mut fetcher = self
            .connections
            .fetcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fetcher.position(&self.parts)?;
        match self.parts.get_mut(index) {
            Some(part) => fetcher.fill(part, slice, self.limit),
            None => Ok(Filled::PartDone),
        }
    }

    /// The broker does not have the next offset: finds out why, and goes on with what is there if that is allowed.
    fn recover(&mut self, index: usize) -> Result<()> {
        let Some(part) = self.parts.get(index).cloned() else {
            return Ok(());
        };
        let (topic, partition) = (part.topic.to_string(), part.partition);
        let one = Partitions::from([(topic.clone(), BTreeSet::from([partition]))]);
        let extent = self.connections.offsets.extent(&one)?;
        let earliest = value_of(&extent.earliest, &topic, partition).unwrap_or(part.next);
        let latest = value_of(&extent.latest, &topic, partition).unwrap_or(part.next);
        let wanted = part.next;
        if wanted < earliest {
            let loss = Loss::RangeGone {
                topic,
                partition,
                wanted,
                earliest: earliest.min(part.end),
            };
            loss.report(self.connections.fails_on_data_loss)?;
            self.go_on_at(index, earliest.min(part.end));
        } else if wanted > latest {
            let loss = Loss::OffsetWentBack {
                topic,
                partition,
                wanted,
                latest,
            };
            loss.report(self.connections.fails_on_data_loss)?;
            self.go_on_at(index, part.end);
        } else {
            self.count_reassignment(&part)?;
            self.go_on_at(index, wanted);
        }
        Ok(())
    }

    /// The broker does not know the partition: it is gone, or its leader has just moved.
    fn recover_missing(&mut self, index: usize) -> Result<()> {
        let Some(part) = self.parts.get(index).cloned() else {
            return Ok(());
        };
        let one = Partitions::from([(part.topic.to_string(), BTreeSet::from([part.partition]))]);
        let subscription = super::position::Subscription::Assign(one.clone());
        let found = self.connections.offsets.partitions(&subscription)?;
        if found.values().any(|partitions| !partitions.is_empty()) {
            self.count_reassignment(&part)?;
            self.go_on_at(index, part.next);
            return Ok(());
        }
        Loss::PartitionsDeleted(one).report(self.connections.fails_on_data_loss)?;
        self.go_on_at(index, part.end);
        Ok(())
    }

    fn go_on_at(&mut self, index: usize, offset: i64) {
        if let Some(part) = self.parts.get_mut(index) {
            part.next = offset;
            self.connections
                .fetcher
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .forget(part);
        }
    }

    fn count_reassignment(&mut self, part: &Part) -> Result<()> {
        self.reassignments += 1;
        if self.reassignments <= REASSIGNMENTS {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "a partition cannot be read, though it is there. topic=`{}`, partition=`{}`, offset=`{}`",
                part.topic, part.partition, part.next
            ),
        ))
    }
}

impl Iterator for RangeReader {
    type Item = Result<Slice>;

    fn next(&mut self) -> Option<Result<Slice>> {
        if self.is_over {
            return None;
        }
        let slice = self.read_slice().transpose();
        self.is_over = !matches!(slice, Some(Ok(_)));
        slice
    }
}
