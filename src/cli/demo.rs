//! `tidemill demo`: a broker, impressions of ads and clicks on them, and the query of `queries/demo.sql`, whose windows are shown as they
//! close.

mod feed;
mod topics;

use super::Ended;
use super::arguments::DemoArguments;
use super::output::{print, say};
use super::run::{Signal, wait};
use crate::arrow_bridge;
use crate::clock::{Clock, StopSignal, SystemClock};
use crate::embedded_broker::EmbeddedBroker;
use crate::error::{Error, Result};
use crate::query::StreamingQuery;
use crate::session::{ScriptOutput, Session};
use crate::table_format::TableFormat;
use crate::trigger::Trigger;
use feed::{Sent, Topics};
use polars::prelude::{DataFrame, SortMultipleOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const QUERY: &str = include_str!("../../queries/demo.sql");

/// How long a run lasts that is not told to go on.
const RUN: Duration = Duration::from_secs(15);

/// The embedded broker forgets old messages in partitions of more than five megabytes, so there are enough of them.
const PARTITIONS: i32 = 4;

pub(super) fn run(arguments: &DemoArguments) -> Result<Ended> {
    let directory = directory(arguments)?;
    let (broker, bootstrap_servers) = if let Some(servers) = &arguments.bootstrap_servers {
        (None, servers.clone())
    } else {
        let broker = EmbeddedBroker::start()?;
        let servers = broker.bootstrap_servers();
        (Some(broker), servers)
    };
    let topic = |kind: &str| format!("tidemill-demo-{}-{kind}", std::process::id());
    let topics = Topics {
        bootstrap_servers,
        impressions: topic("impressions"),
        clicks: topic("clicks"),
    };
    if let Some(broker) = &broker {
        broker.create_topic(&topics.impressions, PARTITIONS)?;
        broker.create_topic(&topics.clicks, PARTITIONS)?;
    } else {
        let names = [&*topics.impressions, &*topics.clicks];
        topics::create(&topics.bootstrap_servers, names, PARTITIONS)?;
    }
    say(&format!(
        "tidemill demo: {} impressions a second through {}, joined with the clicks on them, in windows of 10 seconds",
        arguments.rate,
        if broker.is_some() {
            "an embedded broker"
        } else {
            &topics.bootstrap_servers
        }
    ));
    let script = script(&topics, &directory);
    let feeding = Arc::new(StopSignal::default());
    let feeder = feed::start(topics, arguments.rate, Arc::clone(&feeding))?;
    let signal = Signal::listen()?;
    let queries = start(&script)?;
    let ended = watch(&queries, &signal, (!arguments.forever).then_some(RUN));
    feeding.set();
    let sent = feeder
        .join()
        .map_err(|_| Error::internal("the thread that feeds events panicked"))??;
    ended?;
    finish(&directory, sent)?;
    Ok(Ended::Well)
}

fn directory(arguments: &DemoArguments) -> Result<PathBuf> {
    let directory = arguments.into.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("tidemill-demo-{}", std::process::id()))
    });
    std::fs::create_dir_all(&directory).map_err(|error| {
        let path = directory.display();
        Error::invalid(format!("cannot create the directory. path=`{path}`")).with_source(error)
    })?;
    Ok(directory)
}

/// The SQL file, filled in.
fn script(topics: &Topics, directory: &Path) -> String {
    QUERY
        .replace("${bootstrap_servers}", &topics.bootstrap_servers)
        .replace("${impressions}", &topics.impressions)
        .replace("${clicks}", &topics.clicks)
        .replace("${directory}", &directory.to_string_lossy())
}

fn start(script: &str) -> Result<Vec<StreamingQuery>> {
    let session = Session::new();
    let mut queries = Vec::new();
    for output in session
        .run_script(script)
        .map_err(|error| error.with_sql(script))?
    {
        match output {
            ScriptOutput::Flow(mut flow) => {
                flow.trigger = Trigger::ProcessingTime(Duration::from_millis(500));
                queries.push(flow.start(&session)?);
            }
            ScriptOutput::Stream(frame) => {
                let shown = frame
                    .write_stream()
                    .query_name("windows")
                    .trigger(Trigger::ProcessingTime(Duration::from_millis(500)))
                    .foreach_batch(|rows, _| show(&rows));
                queries.push(shown.start()?);
            }
            ScriptOutput::Table(..) => {}
        }
    }
    Ok(queries)
}

/// The windows that closed in a batch; nothing if none did.
fn show(rows: &DataFrame) -> Result<()> {
    if rows.height() == 0 {
        return Ok(());
    }
    let sorted = rows
        .sort(["start", "campaign"], SortMultipleOptions::default())
        .map_err(|cause| Error::internal("windows do not sort").with_source(cause))?;
    let batches = arrow_bridge::from_frame(&sorted)?;
    let Some(first) = batches.first() else {
        return Ok(());
    };
    let table = TableFormat::default();
    print(&format!("\n{}", table.draw(&first.schema(), &batches)?))
}

/// Waits for a signal, a failure, or the end of the time, and stops the queries in order.
fn watch(queries: &[StreamingQuery], signal: &Signal, time: Option<Duration>) -> Result<()> {
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let is_over = || time.is_some_and(|time| clock.monotonic().saturating_sub(started) >= time);
    while !signal.is_set() && !is_over() && queries.iter().all(StreamingQuery::is_active) {
        for query in queries {
            query.await_termination(Some(Duration::from_millis(50)))?;
        }
    }
    queries.iter().for_each(StreamingQuery::request_stop);
    wait(queries, signal)
}

fn finish(directory: &Path, sent: Sent) -> Result<()> {
    let path = directory.display();
    print(&format!(
        "
{} impressions and {} clicks sent. The windows are in {path}/click_through (Parquet), offsets and state in {path}/checkpoint.

Try next:
  tidemill sql 'SELECT campaign, sum(clicks) / sum(impressions) AS clicked FROM parquet.`{path}/click_through` GROUP BY ALL ORDER BY ALL'
  tidemill demo --forever
  tidemill run --help
",
        sent.impressions, sent.clicks
    ))
}
