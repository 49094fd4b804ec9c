//! Progress on stderr: a line of JSON a batch, or one line that is kept up to date.

use super::output::say;
use crate::offset::Offset;
use crate::progress::StreamingQueryProgress;
use crate::query::{QueryListener, QueryTerminated};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// One line of JSON a batch.
#[derive(Debug)]
pub(super) struct JsonProgress;

impl QueryListener for JsonProgress {
    fn on_query_progress(&self, progress: &StreamingQueryProgress) {
        if let Ok(line) = progress.to_json() {
            say(&line);
        }
    }
}

/// One line a query: batch, rates, watermark, state, and how much is still to be read.
pub(super) struct LiveProgress {
    lines: MultiProgress,
    bars: Mutex<HashMap<Uuid, ProgressBar>>,
}

impl LiveProgress {
    pub(super) fn new() -> LiveProgress {
        LiveProgress {
            lines: MultiProgress::new(),
            bars: Mutex::default(),
        }
    }

    fn bar(&self, id: Uuid) -> ProgressBar {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        bars.entry(id)
            .or_insert_with(|| {
                let style = ProgressStyle::with_template("{prefix:.bold} {bar:20} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
                self.lines.add(ProgressBar::new(1).with_style(style))
            })
            .clone()
    }
}

impl fmt::Debug for LiveProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveProgress").finish_non_exhaustive()
    }
}

impl QueryListener for LiveProgress {
    fn on_query_progress(&self, progress: &StreamingQueryProgress) {
        let bar = self.bar(progress.run_id);
        bar.set_prefix(progress.name.clone().unwrap_or_else(|| "query".to_owned()));
        let (done, all) = position(progress);
        bar.set_length(all);
        bar.set_position(done);
        bar.set_message(message(progress, all - done));
    }

    fn on_query_terminated(&self, event: &QueryTerminated) {
        self.bar(event.run_id).abandon();
    }
}

fn message(progress: &StreamingQueryProgress, lag: u64) -> String {
    let rate = progress.processed_rows_per_second.unwrap_or(0.0);
    let state: u64 = progress
        .state_operators
        .iter()
        .map(|operator| operator.num_rows_total)
        .sum();
    let watermark = progress
        .event_time
        .get("watermark")
        .map_or_else(String::new, |watermark| format!(" · watermark {watermark}"));
    format!(
        "batch {} · {} rows · {rate:.0} rows/s · {} ms{watermark} · state {state} · lag {lag}",
        progress.batch_id, progress.num_input_rows, progress.batch_duration
    )
}

/// How far the sources are, and where they end.
fn position(progress: &StreamingQueryProgress) -> (u64, u64) {
    let total = |offset: &Option<Offset>| match offset {
        Some(Offset::Position(position)) => *position,
        Some(Offset::Kafka(topics)) => topics
            .values()
            .flat_map(|partitions| partitions.values())
            .map(|offset| u64::try_from(*offset).unwrap_or(0))
            .sum(),
        None => 0,
    };
    let done: u64 = progress
        .sources
        .iter()
        .map(|source| total(&source.end_offset))
        .sum();
    let all: u64 = progress
        .sources
        .iter()
        .map(|source| total(&source.latest_offset))
        .sum();
    (done, all.max(done))
}
