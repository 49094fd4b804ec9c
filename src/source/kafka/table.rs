//! Kafka as a table: everything between two positions, read once.

use super::decode;
use super::fetcher::Fetcher;
use super::offset_reader::OffsetReader;
use super::options::KafkaSourceOptions;
use super::position::{ByPartition, NoMatch, Position, pairs, value_of};
use super::range_reader::{Connections, RangeReader};
use super::{existing_partitions, parts, slice_limit};
use crate::error::{Error, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::sync::{Arc, Mutex};

/// All rows from the starting to the ending position (by default: all there are), only these columns.
///
/// # Errors
///
/// `Invalid`, if it would start behind its end, or the options name what is not there; `Unavailable`; `DataLoss`.
pub(super) fn read(
    options: &KafkaSourceOptions,
    schema: &SchemaRef,
    columns: &[usize],
) -> Result<Vec<RecordBatch>> {
    let decoder = decode::decoder(options, schema, columns)?;
    let offsets = Arc::new(OffsetReader::open(options)?);
    let partitions = existing_partitions(&offsets, options)?;
    let starting = options.starting.clone().unwrap_or(Position::Earliest);
    let ending = options
        .ending
        .as_ref()
        .map_or(Position::Latest, |(_, position)| position.clone());
    let begin = offsets.resolve(&starting, &partitions, options.starting_no_match)?;
    let end = offsets.resolve(&ending, &partitions, NoMatch::Latest)?;
    check_order(&begin, &end, are_offsets(&starting) && are_offsets(&ending))?;
    let parts = parts(&begin, &end);
    let limit = slice_limit(options, &parts);
    let connections = Connections {
        fetcher: Arc::new(Mutex::new(Fetcher::new(options))),
        offsets,
        fails_on_data_loss: options.fails_on_data_loss,
        poll_timeout: options.poll_timeout,
    };
    RangeReader::new(connections, parts, limit, decoder)
        .map(|slice| (slice?.decode)())
        .collect()
}

fn are_offsets(position: &Position) -> bool {
    matches!(position, Position::Offsets(_))
}

/// Refuses a start behind the end.
fn check_order(begin: &ByPartition, end: &ByPartition, is_as_written: bool) -> Result<()> {
    for (topic, partition, begin) in pairs(begin) {
        let Some(end) = value_of(end, topic, partition).filter(|end| begin > *end) else {
            continue;
        };
        let (condition, which) = if is_as_written {
            (
                "UNRESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET",
                "specified",
            )
        } else {
            ("RESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET", "resolved")
        };
        return Err(Error::invalid(format!(
            "the {which} start offset is greater than the end offset. topic=`{topic}`, partition=`{partition}`, start=`{begin}`, end=`{end}`"
        ))
        .with_condition(condition));
    }
    Ok(())
}
