//! Reads a range as slices, in an order that depends on nothing but the range: the same rows in the same order on a replay.
//!
//! Partitions take turns, in the order of their names; in its turn a partition fills the slice, or what is left of its part.
//! So a slice holds one partition where there is much, and many partitions where there is little of each.

use super::fetcher::{Fetcher, Filled, Part, STALL, SliceLimit};
use super::loss::Loss;
use super::offset_reader::OffsetReader;
use super::position::{Partitions, Subscription, value_of};
use super::slice::{MessageColumn, MessageSlice};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Slice;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How often a partition that is where it should be, yet is refused, is assigned anew.
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
    /// How long nothing may come where something must: `kafkaConsumer.pollTimeoutMs`.
    pub(super) poll_timeout: Duration,
}

/// The slices of a range.
pub(super) struct RangeReader {
    /// Tells it from other readers on the same fetcher.
    id: Uuid,
    connections: Connections,
    parts: Vec<Part>,
    /// Whose turn it is.
    turn: usize,
    limit: SliceLimit,
    decoder: Arc<dyn Decode>,
    reassignments: u32,
    /// How long nothing has come.
    stalled: Duration,
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
            id: Uuid::new_v4(),
            connections,
            parts,
            turn: 0,
            limit,
            decoder,
            reassignments: 0,
            stalled: Duration::ZERO,
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
                Filled::Refused => {
                    self.reassignments += 1;
                    self.look_why(index)?;
                }
                Filled::Stalled => {
                    self.stalled += STALL;
                    self.look_why(index)?;
                }
            }
        }
        self.stalled = Duration::ZERO;
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
        fetcher.position(self.id, &self.parts)?;
        match self.parts.get_mut(index) {
            Some(part) => fetcher.fill(part, slice, self.limit),
            None => Ok(Filled::PartDone),
        }
    }

    /// The next message does not come. If it is gone, goes on behind the loss, if that is allowed; if it is there, assigns the
    /// partition anew, a few times.
    fn look_why(&mut self, index: usize) -> Result<()> {
        let Some(part) = self.parts.get(index).cloned() else {
            return Ok(());
        };
        let (topic, partition, wanted) = (part.topic.to_string(), part.partition, part.next);
        let offsets = &self.connections.offsets;
        let fails = self.connections.fails_on_data_loss;
        let one = Partitions::from([(topic.clone(), BTreeSet::from([partition]))]);
        let found = offsets.partitions(&Subscription::Assign(one.clone()))?;
        if found.values().all(BTreeSet::is_empty) {
            Loss::PartitionsDeleted(one).report(fails)?;
            self.go_on_at(index, part.end);
            return Ok(());
        }
        let extent = offsets.extent(&one)?;
        let earliest = value_of(&extent.earliest, &topic, partition).unwrap_or(wanted);
        let latest = value_of(&extent.latest, &topic, partition).unwrap_or(wanted);
        if wanted < earliest {
            let earliest = earliest.min(part.end);
            let loss = Loss::RangeGone {
                topic,
                partition,
                wanted,
                earliest,
            };
            loss.report(fails)?;
            self.go_on_at(index, earliest);
        } else if wanted > latest {
            let loss = Loss::OffsetWentBack {
                topic,
                partition,
                wanted,
                latest,
            };
            loss.report(fails)?;
            self.go_on_at(index, part.end);
        } else {
            self.check_patience(&part)?;
            self.go_on_at(index, wanted);
        }
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

    /// Whether it is worth trying on.
    fn check_patience(&self, part: &Part) -> Result<()> {
        if self.reassignments <= REASSIGNMENTS && self.stalled < self.connections.poll_timeout {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "messages that are there do not come. topic=`{}`, partition=`{}`, offset=`{}`, waited=`{:?}`",
                part.topic, part.partition, part.next, self.stalled
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
