//! What a join of two streams costs, and whether it costs more when more is kept.
//!
//! Impressions are joined with clicks within an hour, unmatched impressions included. Every click is of a random impression of that
//! hour, so that all of what is kept is looked into. How much that is, is set by how fast event time passes; the batches are the
//! same. Prints for each amount the time of a batch (median, 99 of 100, longest), its CPU time on average, the rows a second of the clock, and
//! the bytes for each row that is kept: as the operator counts them, as the process grew, and as the columns alone take in Arrow.
//! Name an amount, and a number of rows in a batch, to measure only that: `-- 10000000 1000`. How the process grew says something of the first
//! measurement of a process only.

#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the numbers of a benchmark are small"
)]

#[path = "support/process_time.rs"]
mod process_time;

use arrow::array::{
    Array as _, ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidemill::batch::{BatchContext, BatchId, Timestamp, Watermarks};
use tidemill::incremental::{IncrementalPlan, IncrementalSettings};
use tidemill::source::memory::MemoryStream;
use tidemill::source::{Slice, Slices};
use tidemill::types::parse_ddl_schema;
use tidemill::{Error, OutputMode, Result, Session};

const IMPRESSIONS: &str = "its TIMESTAMP, ad BIGINT, campaign STRING, cost DOUBLE";
const CLICKS: &str = "cts TIMESTAMP, ad BIGINT, page STRING";
const QUERY: &str = "SELECT i.ad, campaign, cost, page, its, cts
    FROM STREAM(impressions) WATERMARK its DELAY OF INTERVAL 10 SECONDS AS i
    LEFT JOIN STREAM(clicks) WATERMARK cts DELAY OF INTERVAL 10 SECONDS AS c
    ON i.ad = c.ad AND cts >= its AND cts <= its + INTERVAL 1 HOUR";
const HOUR_US: i64 = 3_600_000_000;
/// Well after 1970, so that there always is a watermark.
const START_US: i64 = 1_700_000_000_000_000;
const SLICE_ROWS: usize = 4_096;
/// Batches that are measured, once as much is kept as should be.
const MEASURED: usize = 200;

fn main() -> Result<()> {
    println!(
        "{:>12} {:>12} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10} {:>10} {:>10}",
        "kept rows",
        "batch rows",
        "median",
        "p99",
        "longest",
        "CPU",
        "rows/s",
        "B/row",
        "process",
        "Arrow"
    );
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<i64>().ok());
    let amounts = numbers
        .next()
        .map_or_else(|| vec![100_000, 1_000_000, 10_000_000], |one| vec![one]);
    let batches = numbers
        .next()
        .map_or_else(|| vec![20_000, 1_000, 50], |one| vec![one as usize]);
    for kept in amounts {
        for batch in &batches {
            measure(kept, *batch)?;
        }
    }
    Ok(())
}

/// A query, and the events that go into it.
struct Run {
    plan: IncrementalPlan,
    schemas: [SchemaRef; 2],
    /// Impressions so far.
    events: i64,
    /// From one impression to the next.
    step_us: i64,
    watermark: Timestamp,
    batch: BatchId,
    random: u64,
}

impl Run {
    fn new(kept: i64) -> Result<Run> {
        let session = Session::new();
        let schemas = [IMPRESSIONS, CLICKS].map(parse_ddl_schema);
        let [impressions, clicks] = schemas;
        let schemas = [Arc::new(impressions?), Arc::new(clicks?)];
        for (name, schema) in ["impressions", "clicks"].into_iter().zip(&schemas) {
            let source = MemoryStream::new(Arc::clone(schema)).named(name);
            session.create_temp_view(name, &session.read_stream().from_source(source))?;
        }
        let settings = IncrementalSettings {
            state_partitions: std::thread::available_parallelism().map_or(1, usize::from),
            time_zone: "UTC".to_owned(),
        };
        let frame = session.sql(QUERY);
        Ok(Run {
            plan: IncrementalPlan::new(frame.plan()?, OutputMode::Append, &settings)?,
            schemas,
            events: 0,
            step_us: HOUR_US / kept,
            watermark: Timestamp(0),
            batch: BatchId(0),
            random: 1,
        })
    }

    fn random(&mut self, limit: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 1) as i64 % limit
    }

    fn time(&self, event: i64) -> i64 {
        START_US + event * self.step_us
    }

    /// New impressions, a little out of order.
    fn impressions(&mut self, count: usize) -> Result<RecordBatch> {
        let ids: Vec<i64> = (self.events..).take(count).collect();
        let times: Vec<i64> = ids
            .iter()
            .map(|id| self.time(*id) - self.random(5_000_000))
            .collect();
        let campaigns: StringArray = ids
            .iter()
            .map(|id| Some(format!("campaign-{:03}", id % 100)))
            .collect();
        let costs: Float64Array = ids.iter().map(|id| Some(*id as f64)).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(Int64Array::from(ids)),
            Arc::new(campaigns),
            Arc::new(costs),
        ];
        self.events += count as i64;
        Ok(RecordBatch::try_new(Arc::clone(&self.schemas[0]), columns)?)
    }

    /// Clicks of random impressions of the last hour.
    fn clicks(&mut self, count: usize) -> Result<RecordBatch> {
        let hour = (HOUR_US / self.step_us).min(self.events);
        let ids: Vec<i64> = (0..count)
            .map(|_| self.events - 1 - self.random(hour))
            .collect();
        let now = self.time(self.events);
        let pages: StringArray = ids
            .iter()
            .map(|id| Some(format!("/landing/{:05}", id % 10_000)))
            .collect();
        let times = TimestampMicrosecondArray::from(vec![now; count]).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(times),
            Arc::new(Int64Array::from(ids)),
            Arc::new(pages),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&self.schemas[1]), columns)?)
    }

    /// One batch of as many impressions as clicks: how long it takes, and how many rows come out.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    fn batch(&mut self, rows: usize) -> Result<(Duration, usize)> {
        let inputs = [self.impressions(rows / 2)?, self.clicks(rows / 2)?];
        let eviction = Timestamp((self.time(self.events) - 15_000_000) / 1_000);
        let context = BatchContext {
            id: self.batch,
            watermarks: Watermarks {
                late: self.watermark,
                eviction,
            },
            ..BatchContext::one_shot(Timestamp(0), "UTC")
        };
        let slices = inputs.map(sliced).into_iter().collect();
        let started = Instant::now();
        let output = self.plan.run(slices, &context)?;
        for operator in self.plan.operators_mut() {
            operator.take_delta()?;
        }
        let took = started.elapsed();
        self.watermark = eviction;
        self.batch = self.batch.next();
        Ok((took, output.rows.iter().map(RecordBatch::num_rows).sum()))
    }
}

fn sliced(rows: RecordBatch) -> Slices {
    let starts = (0..rows.num_rows()).step_by(SLICE_ROWS);
    Box::new(starts.map(move |start| {
        let length = SLICE_ROWS.min(rows.num_rows() - start);
        Ok(Slice::ready(rows.slice(start, length)))
    }))
}

fn measure(kept: i64, rows: usize) -> Result<()> {
    let before = resident_bytes()?;
    let mut run = Run::new(kept)?;
    while run.events < kept + kept / 10 {
        run.batch(40_000.min(kept as usize / 10))?;
    }
    for _ in 0..20 {
        run.batch(rows)?;
    }
    let mut times = Vec::new();
    let cpu = process_time::cpu_seconds()?;
    for _ in 0..MEASURED {
        times.push(run.batch(rows)?.0);
    }
    let cpu = (process_time::cpu_seconds()? - cpu) / MEASURED as f64;
    let total: Duration = times.iter().sum();
    times.sort_unstable();
    let operators = run.plan.operators();
    let progress = operators
        .first()
        .ok_or_else(|| Error::internal("a join without state"))?
        .progress();
    let kept = progress.num_rows_total;
    let arrow = arrow_bytes(&run.impressions(SLICE_ROWS)?)? / SLICE_ROWS as f64;
    let at = |part: usize| {
        times
            .get(times.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    let grown = resident_bytes()?.saturating_sub(before);
    println!(
        "{kept:>12} {rows:>12} {:>10.2?} {:>10.2?} {:>10.2?} {:>10.2?} {:>12.0} {:>10.1} {:>10.1} {arrow:>10.1}",
        at(50),
        at(99),
        times.last().copied().unwrap_or_default(),
        Duration::from_secs_f64(cpu),
        (rows * MEASURED) as f64 / total.as_secs_f64(),
        progress.memory_used_bytes as f64 / kept as f64,
        grown as f64 / kept as f64,
    );
    Ok(())
}

/// What the columns take, without room to grow.
fn arrow_bytes(rows: &RecordBatch) -> Result<f64> {
    let mut bytes = 0;
    for column in rows.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
    }
    Ok(bytes as f64)
}

/// How much memory the process has.
fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")
        .map_err(|cause| Error::internal("no /proc").with_source(cause))?;
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_default();
    Ok(pages * 4_096)
}
