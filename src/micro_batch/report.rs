//! How long the steps of a batch took, and the progress that is made of it.

use super::{MicroBatchExecution, OpenSource};
use crate::checkpoint::Plan;
use crate::clock::Clock;
use crate::incremental::BatchOutput;
use crate::operator::StatefulOperator;
use crate::progress::{SinkProgress, SourceProgress, StreamingQueryProgress, event_time, rate};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A step, by Spark's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    LatestOffset,
    WalCommit,
    GetBatch,
    AddBatch,
    CommitOffsets,
}

impl Step {
    const ALL: [Step; 5] = [
        Step::LatestOffset,
        Step::WalCommit,
        Step::GetBatch,
        Step::AddBatch,
        Step::CommitOffsets,
    ];

    fn name(self) -> &'static str {
        match self {
            Step::LatestOffset => "latestOffset",
            Step::WalCommit => "walCommit",
            Step::GetBatch => "getBatch",
            Step::AddBatch => "addBatch",
            Step::CommitOffsets => "commitOffsets",
        }
    }
}

/// Times the steps of one trigger.
#[derive(Debug)]
pub(super) struct Stopwatch {
    clock: Arc<dyn Clock>,
    started: Duration,
    spent: Vec<(Step, Duration)>,
}

impl Stopwatch {
    pub(super) fn start(clock: Arc<dyn Clock>) -> Stopwatch {
        let started = clock.monotonic();
        Stopwatch {
            clock,
            started,
            spent: Vec::with_capacity(Step::ALL.len() + 2),
        }
    }

    /// Does `work`, and counts its time as part of `step`.
    pub(super) fn time<T>(&mut self, step: Step, work: impl FnOnce() -> T) -> T {
        let before = self.clock.monotonic();
        let done = work();
        self.spent
            .push((step, self.clock.monotonic().saturating_sub(before)));
        done
    }

    /// Spark's `durationMs`. `queryPlanning` is always 0: plans are made once for each query.
    fn durations(&self, total: Duration) -> BTreeMap<String, u64> {
        let of = |step: Step| {
            let parts = self.spent.iter().filter(|(spent, _)| *spent == step);
            millis(parts.map(|(_, time)| *time).sum())
        };
        let steps = Step::ALL.into_iter();
        let mut durations: BTreeMap<String, u64> = steps
            .map(|step| (step.name().to_owned(), of(step)))
            .collect();
        durations.insert("queryPlanning".to_owned(), 0);
        durations.insert("triggerExecution".to_owned(), millis(total));
        durations
    }
}

impl MicroBatchExecution {
    /// What to tell of a batch that has been committed.
    pub(super) fn report(
        &mut self,
        plan: &Plan,
        output: &BatchOutput,
        stopwatch: &Stopwatch,
    ) -> StreamingQueryProgress {
        let started = stopwatch.started;
        let total = self.clock.monotonic().saturating_sub(started);
        let since_last = self
            .last_started
            .replace(started)
            .map(|last| started.saturating_sub(last));
        let times = Times { total, since_last };
        let rows_in: u64 = output.input_rows.iter().sum();
        let rows_out: usize = output.rows.iter().map(RecordBatch::num_rows).sum();
        let sources = self.sources.iter().zip(&output.input_rows);
        let operators = self.plan.operators().into_iter();
        tracing::info!(
            rows_in,
            rows_out,
            watermark = %plan.watermarks.eviction.to_iso(),
            elapsed_ms = millis(total),
            "batch committed"
        );
        StreamingQueryProgress {
            id: self.query.id,
            run_id: self.query.run_id,
            name: self.query.name.clone(),
            timestamp: plan.time.to_iso(),
            batch_id: plan.batch,
            batch_duration: millis(total),
            num_input_rows: rows_in,
            input_rows_per_second: times.input_rate(rows_in),
            processed_rows_per_second: rate(rows_in, total),
            duration_ms: stopwatch.durations(total),
            event_time: event_time(&output.event_times, plan.watermarks.eviction),
            state_operators: operators.map(StatefulOperator::progress).collect(),
            sources: sources
                .map(|(open, rows)| source_progress(open, plan, *rows, &times))
                .collect(),
            sink: SinkProgress {
                description: self.sink.description(),
                num_output_rows: i64::try_from(rows_out).unwrap_or(i64::MAX),
                metrics: BTreeMap::new(),
            },
        }
    }
}

/// What rates are counted over.
struct Times {
    total: Duration,
    since_last: Option<Duration>,
}

impl Times {
    fn input_rate(&self, rows: u64) -> Option<f64> {
        rate(rows, self.since_last?)
    }
}

fn source_progress(open: &OpenSource, plan: &Plan, rows: u64, times: &Times) -> SourceProgress {
    let range = plan.sources.get(&open.name);
    SourceProgress {
        description: open.source.description(),
        start_offset: range.map(|range| range.start.clone()),
        end_offset: range.map(|range| range.end.clone()),
        latest_offset: open.latest.clone(),
        num_input_rows: rows,
        input_rows_per_second: times.input_rate(rows),
        processed_rows_per_second: rate(rows, times.total),
        metrics: open.source.metrics(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
