//! `tidemill run`: starts the queries of a SQL file and waits for them; a signal lets each finish its batch.

use super::Ended;
use super::arguments::{ProgressStyle, ResultFormat, RunArguments};
use super::output::{apply_settings, print_rows, read_file, say};
use super::progress::{JsonProgress, LiveProgress};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::StreamFrame;
use crate::query::{QueryListener, StreamingQuery};
use crate::session::{Flow, ScriptOutput, Session, parse_trigger, rounds};
use crate::trigger::Trigger;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to wait between two looks at the queries and the signals.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn run(arguments: &RunArguments) -> Result<Ended> {
    let text = read_file(&arguments.file)?;
    let session = Session::new();
    apply_settings(&session, &arguments.settings)?;
    let outputs = session
        .run_script(&text)
        .map_err(|error| error.with_sql(&text))?;
    if let Some(progress) = listener(arguments.progress) {
        session.streams().add_listener(progress);
    }
    let signal = Signal::listen()?;
    let wanted: Vec<&ScriptOutput> = outputs
        .iter()
        .filter(|output| names(output, arguments))
        .collect();
    let mut flows = Vec::new();
    let mut queries = Vec::new();
    for output in &wanted {
        match output {
            ScriptOutput::Table(schema, rows) => print_rows(schema, rows, ResultFormat::Table)?,
            ScriptOutput::Flow(flow) => {
                flows.push(flagged(flow, arguments, (wanted.len(), &session))?);
            }
            ScriptOutput::Stream(frame) => {
                let query = show(frame, arguments, (wanted.len(), queries.len()));
                queries.push(query.map_err(|error| error.with_sql(&text))?);
            }
        }
    }
    if let Err(error) = start_in_order(&session, &flows, &mut queries, &signal) {
        queries.iter().for_each(StreamingQuery::stop);
        return Err(error.with_sql(&text));
    }
    if queries.is_empty() && !arguments.query.is_empty() {
        return Err(Error::invalid(format!(
            "no query of the file has such a name. names=`{}`",
            arguments.query.join(", ")
        )));
    }
    wait(&queries, &signal).map_err(|error| error.with_sql(&text))?;
    Ok(Ended::Well)
}

/// Starts a query that says nothing of where its rows go: they are shown.
fn show(
    frame: &StreamFrame,
    arguments: &RunArguments,
    (queries, number): (usize, usize),
) -> Result<StreamingQuery> {
    let mut writer = frame
        .write_stream()
        .format("console")
        .trigger(trigger(arguments)?);
    if let Some(checkpoint) = &arguments.checkpoint {
        let own = if queries > 1 {
            checkpoint.join(format!("select-{number}"))
        } else {
            checkpoint.clone()
        };
        writer = writer.checkpoint_location(own);
    }
    writer.start()
}

/// Starts the flows, those that others read before these. A query that ends by itself is waited for before what reads its table starts, so
/// that one run takes everything all the way.
fn start_in_order(
    session: &Session,
    flows: &[Flow],
    queries: &mut Vec<StreamingQuery>,
    signal: &Signal,
) -> Result<()> {
    let all: Vec<&Flow> = flows.iter().collect();
    let rounds = rounds(session, &all)?;
    let last = rounds.len().saturating_sub(1);
    for (number, round) in rounds.iter().enumerate() {
        let mut ending = Vec::new();
        for flow in round.iter().filter_map(|flow| flows.get(*flow)) {
            let query = flow.start(session)?;
            if flow.trigger.stops_when_idle() {
                ending.push(query.clone());
            }
            queries.push(query);
        }
        if number < last {
            wait(&ending, signal)?;
        }
        if signal.is_set() {
            break;
        }
    }
    Ok(())
}

/// Whether `--query` lets this output through; tables to show always are.
fn names(output: &ScriptOutput, arguments: &RunArguments) -> bool {
    match output {
        ScriptOutput::Flow(flow) => is_wanted(&arguments.query, flow.name.as_deref()),
        ScriptOutput::Stream(_) => arguments.query.is_empty(),
        ScriptOutput::Table(..) => true,
    }
}

/// Whether a query of this name is among those that were asked for.
pub(super) fn is_wanted(wanted: &[String], name: Option<&str>) -> bool {
    let is_name = |wanted: &String| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted));
    wanted.is_empty() || wanted.iter().any(is_name)
}

/// The flow with what the command line says of trigger and checkpoint; it wins over the file.
fn flagged(
    flow: &Flow,
    arguments: &RunArguments,
    (queries, session): (usize, &Session),
) -> Result<Flow> {
    let mut flow = flow.clone();
    if arguments.available_now || arguments.batch_interval.is_some() {
        flow.trigger = trigger(arguments)?;
    }
    let name = flow.label().to_owned();
    if let Some(checkpoint) = &arguments.checkpoint {
        let own = if queries > 1 {
            checkpoint.join(&name)
        } else {
            checkpoint.clone()
        };
        flow.checkpoint_location = Some(own);
    } else if flow.checkpoint_location.is_none() && session.settings().checkpoint_root.is_none() {
        flow.checkpoint_location = Some(PathBuf::from("checkpoints").join(&name));
    }
    Ok(flow)
}

fn trigger(arguments: &RunArguments) -> Result<Trigger> {
    match &arguments.batch_interval {
        _ if arguments.available_now => Ok(Trigger::AvailableNow),
        Some(interval) => parse_trigger(interval),
        None => Ok(Trigger::default()),
    }
}

fn listener(style: Option<ProgressStyle>) -> Option<Arc<dyn QueryListener>> {
    let is_terminal = std::io::stderr().is_terminal();
    match style {
        Some(ProgressStyle::Live) => Some(Arc::new(LiveProgress::new())),
        None if is_terminal => Some(Arc::new(LiveProgress::new())),
        Some(ProgressStyle::Json) => Some(Arc::new(JsonProgress)),
        Some(ProgressStyle::None) | None => None,
    }
}

/// SIGINT and SIGTERM as a flag. The second one ends the process at once.
pub(super) struct Signal(Arc<AtomicBool>);

impl Signal {
    pub(super) fn listen() -> Result<Signal> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .map_err(|error| {
                    Error::new(ErrorKind::Unavailable, "cannot listen to signals")
                        .with_source(error)
                })?;
        }
        Ok(Signal(flag))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits until all queries have ended. The first failure, or a signal, stops the others after their batch.
pub(super) fn wait(queries: &[StreamingQuery], signal: &Signal) -> Result<()> {
    let mut is_stopping = false;
    let mut failure = None;
    while let Some(query) = queries.iter().find(|query| query.is_active()) {
        if !is_stopping && (signal.is_set() || failure.is_some()) {
            is_stopping = true;
            if signal.is_set() {
                say("stopping after the batch at hand; once more to end at once");
            }
            queries.iter().for_each(StreamingQuery::request_stop);
        }
        if let Err(error) = query.await_termination(Some(LOOK)) {
            failure.get_or_insert(error);
        }
        failure = failure.or_else(|| queries.iter().find_map(StreamingQuery::exception));
    }
    let mut failures = queries.iter().filter_map(StreamingQuery::exception);
    let Some(first) = failure.or_else(|| failures.next()) else {
        return Ok(());
    };
    for other in failures.filter(|other| other.to_string() != first.to_string()) {
        say(&format!("error: {other}"));
    }
    Err(first)
}
