//! `tidemill demo`: a broker, ad events, and the query of `queries/demo.sql`, whose windows are shown as they close.

use super::Ended;
use super::arguments::DemoArguments;
use super::output::{print, say};
use super::run::{Signal, wait};
use crate::arrow_bridge;
use crate::clock::{Clock, StopSignal, SystemClock};
use crate::embedded_broker::EmbeddedBroker;
use crate::error::{Error, ErrorKind, Result};
use crate::query::StreamingQuery;
use crate::session::{ScriptOutput, Session};
use crate::table_format::TableFormat;
use crate::trigger::Trigger;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

const QUERY: &str = include_str!("../../queries/demo.sql");

/// How long a run lasts that is not told to go on.
const RUN: Duration = Duration::from_secs(15);

/// Event time runs so many times as fast as the clock, so that windows of ten seconds close every second and a half.
const HASTE: i64 = 7;

/// Events are sent in bursts, so many a second.
const BURSTS: u64 = 20;

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
    let topic = format!("tidemill-demo-{}", std::process::id());
    if let Some(broker) = &broker {
        broker.create_topic(&topic, PARTITIONS)?;
    }
    say(&format!(
        "tidemill demo: {} ad events a second through {} into windows of 10 seconds",
        arguments.rate,
        if broker.is_some() {
            "an embedded broker".to_owned()
        } else {
            bootstrap_servers.clone()
        }
    ));
    let feeding = Arc::new(StopSignal::default());
    let feeder = feed(
        &bootstrap_servers,
        &topic,
        arguments.rate,
        Arc::clone(&feeding),
    )?;
    let signal = Signal::listen()?;
    let queries = start(&bootstrap_servers, &topic, &directory)?;
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

/// Sends events until told to stop; how many were sent.
fn feed(
    bootstrap_servers: &str,
    topic: &str,
    rate: u64,
    stop: Arc<StopSignal>,
) -> Result<JoinHandle<Result<u64>>> {
    let unavailable =
        |error| Error::new(ErrorKind::Unavailable, "cannot send events").with_source(error);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("linger.ms", "20")
        .create()
        .map_err(unavailable)?;
    let topic = topic.to_owned();
    let send = move || {
        let clock = SystemClock::new();
        let start = clock.now();
        let mut sent = 0_u64;
        let mut burst = 0;
        while !stop.is_set() {
            let now = clock.now();
            let event_time = start.0 + (now.0 - start.0) * HASTE;
            for _ in 0..rate.div_ceil(BURSTS) {
                let event = event(sent, event_time);
                let record: BaseRecord<'_, (), String> = BaseRecord::to(&topic).payload(&event);
                producer
                    .send(record)
                    .map_err(|(error, _)| unavailable(error))?;
                sent += 1;
            }
            burst += 1;
            let next = start.0 + i64::try_from(burst * 1_000 / BURSTS).unwrap_or(i64::MAX);
            clock.wait_until(crate::batch::Timestamp(next), &stop);
        }
        producer
            .flush(Duration::from_secs(5))
            .map_err(unavailable)?;
        Ok(sent)
    };
    std::thread::Builder::new()
        .name("tidemill-demo-feed".to_owned())
        .spawn(send)
        .map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot start a thread").with_source(error)
        })
}

/// One ad event as JSON. The numbers walk through ads and kinds of event in a fixed way that looks random.
fn event(number: u64, event_time_ms: i64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let kind = ["view", "click", "purchase"]
        .get((mixed % 3) as usize)
        .unwrap_or(&"view");
    let time = crate::batch::Timestamp(event_time_ms).to_iso();
    format!(
        r#"{{"user_id": "user-{}", "page_id": "page-{}", "ad_id": "ad-{}", "ad_type": "banner", "event_type": "{kind}", "event_time": "{time}", "ip_address": "1.2.3.4"}}"#,
        mixed % 997,
        mixed % 101,
        mixed / 3 % 100,
    )
}

fn start(bootstrap_servers: &str, topic: &str, directory: &Path) -> Result<Vec<StreamingQuery>> {
    let text = QUERY
        .replace("${bootstrap_servers}", bootstrap_servers)
        .replace("${topic}", topic)
        .replace("${directory}", &directory.to_string_lossy());
    let session = Session::new();
    let mut queries = Vec::new();
    for output in session
        .run_script(&text)
        .map_err(|error| error.with_sql(&text))?
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
fn show(rows: &polars::prelude::DataFrame) -> Result<()> {
    if rows.height() == 0 {
        return Ok(());
    }
    let batches = arrow_bridge::from_frame(rows)?;
    let Some(first) = batches.first() else {
        return Ok(());
    };
    let table = TableFormat {
        rows_max: 10,
        ..TableFormat::default()
    };
    print(&format!(
        "\nclosed: {} windows\n{}",
        rows.height(),
        table.draw(&first.schema(), &batches)?
    ))
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

fn finish(directory: &Path, sent: u64) -> Result<()> {
    let path = directory.display();
    print(&format!(
        "
{sent} events sent. The windows are in {path}/windows (Parquet), offsets and state in {path}/checkpoint.

Try next:
  tidemill sql \"SELECT campaign, sum(views) AS views FROM parquet.`{path}/windows` GROUP BY campaign ORDER BY campaign\"
  tidemill demo --forever
  tidemill run --help
"
    ))
}
