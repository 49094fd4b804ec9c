//! Rows that should have been read and are gone: what was lost, in words, and the two ways on.

use super::position::{Partitions, list};
use crate::error::{Error, ErrorKind, Result};

/// Something that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loss {
    /// Partitions that were read are not there any more.
    PartitionsDeleted(Partitions),
    /// A topic of the same name, but not the topic that was read.
    TopicRecreated(String),
    /// Messages were deleted before they were read: all before `earliest`.
    RangeGone {
        topic: String,
        partition: i32,
        wanted: i64,
        earliest: i64,
    },
    /// The partition ends before the place where reading stood.
    OffsetWentBack {
        topic: String,
        partition: i32,
        wanted: i64,
        latest: i64,
    },
    /// A new partition has lost its first messages before they were read.
    AddedNotFromZero {
        topic: String,
        partition: i32,
        earliest: i64,
    },
    /// `startingOffsets` names an offset that is not there.
    StartOutOfRange {
        topic: String,
        partition: i32,
        wanted: i64,
        earliest: i64,
        latest: i64,
    },
}

impl Loss {
    /// An error if losses end the query, else a warning.
    ///
    /// # Errors
    ///
    /// `DataLoss`.
    pub(super) fn report(&self, fails: bool) -> Result<()> {
        if fails {
            return Err(self.error());
        }
        let what = self.what();
        tracing::warn!("{what}; going on with what is there, as failOnDataLoss is false");
        Ok(())
    }

    fn error(&self) -> Error {
        let what = self.what();
        Error::new(
            ErrorKind::DataLoss,
            format!(
                "{what}; to go on with what is there, set the source option failOnDataLoss to false; to start over, give the query a new checkpoint directory"
            ),
        )
        .with_condition(format!("KAFKA_DATA_LOSS.{}", self.sub_class()))
    }

    /// Spark's name of this loss.
    fn sub_class(&self) -> &'static str {
        match self {
            Loss::PartitionsDeleted(_) | Loss::TopicRecreated(_) => "PARTITIONS_DELETED",
            Loss::RangeGone { .. } => "COULD_NOT_READ_OFFSET_RANGE",
            Loss::OffsetWentBack { .. } => "PARTITION_OFFSET_CHANGED",
            Loss::AddedNotFromZero { .. } => "ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
            Loss::StartOutOfRange { .. } => "START_OFFSET_RESET",
        }
    }

    fn what(&self) -> String {
        match self {
            Loss::PartitionsDeleted(partitions) => format!(
                "partitions that were read have been deleted. partitions=`{}`",
                list(partitions)
            ),
            Loss::TopicRecreated(topic) => format!(
                "the topic was deleted and created again, so its offsets mean other messages now. topic=`{topic}`"
            ),
            Loss::RangeGone {
                topic,
                partition,
                wanted,
                earliest,
            } => format!(
                "messages were deleted before they were read (retention, or delete-records). topic=`{topic}`, partition=`{partition}`, lost_from=`{wanted}`, lost_to=`{earliest}`"
            ),
            Loss::OffsetWentBack {
                topic,
                partition,
                wanted,
                latest,
            } => format!(
                "the partition ends before the place that was reached: it was truncated, or the topic created again. topic=`{topic}`, partition=`{partition}`, reached=`{wanted}`, ends_at=`{latest}`"
            ),
            Loss::AddedNotFromZero {
                topic,
                partition,
                earliest,
            } => format!(
                "a new partition has lost its first messages before they were read. topic=`{topic}`, partition=`{partition}`, lost_from=`0`, lost_to=`{earliest}`"
            ),
            Loss::StartOutOfRange {
                topic,
                partition,
                wanted,
                earliest,
                latest,
            } => format!(
                "startingOffsets names an offset that is not there. topic=`{topic}`, partition=`{partition}`, wanted=`{wanted}`, earliest=`{earliest}`, latest=`{latest}`"
            ),
        }
    }
}
