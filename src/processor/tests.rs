//! Processors in whole queries: what they keep, when timers fire, what a restart and a changed program find.

use super::*;
use crate::batch::Timestamp;
use crate::clock::ManualClock;
use crate::error::ErrorKind;
use crate::query::StreamingQuery;
use crate::session::Session;
use crate::sink::memory::MemorySink;
use crate::source::memory::MemoryStream;
use crate::trigger::Trigger;
use crate::types::parse_ddl_schema;
use crate::{StreamFrame, arrow_bridge};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use polars::prelude::{col, df};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const COLUMNS: &str = "user STRING, amount BIGINT, ts TIMESTAMP";

/// A stream, a clock and a checkpoint that outlive the runs of a query.
struct World {
    stream: MemoryStream,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    sink: MemorySink,
}

impl World {
    fn new() -> World {
        World {
            stream: MemoryStream::new(Arc::new(parse_ddl_schema(COLUMNS).unwrap())).named("events"),
            clock: Arc::new(ManualClock::new(Timestamp(1_000_000))),
            folder: tempfile::tempdir().unwrap(),
            sink: MemorySink::new(),
        }
    }

    /// Rows: user, amount, second.
    fn add(&self, rows: &[(&str, i64, i64)]) {
        let users: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>());
        let amounts: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
        let times: TimestampMicrosecondArray =
            rows.iter().map(|row| Some(row.2 * 1_000_000)).collect();
        let columns = vec![
            users,
            amounts,
            Arc::new(times.with_timezone("UTC")) as ArrayRef,
        ];
        let batch = RecordBatch::try_new(self.stream.schema(), columns).unwrap();
        self.stream.add_batch(batch).unwrap();
    }

    fn events(&self, partitions: usize) -> StreamFrame {
        let session = Session::builder()
            .clock(Arc::clone(&self.clock) as _)
            .state_partitions(partitions)
            .build()
            .unwrap();
        session
            .read_stream()
            .from_source(self.stream.clone())
            .with_watermark("ts", "0 seconds")
    }

    fn start(&self, frame: &StreamFrame, mode: OutputMode) -> Result<StreamingQuery> {
        frame
            .write_stream()
            .sink(self.sink.clone())
            .output_mode(mode)
            .trigger(Trigger::AvailableNow)
            .checkpoint_location(self.folder.path())
            .start()
    }

    /// Runs a query over what is there, and gives the rows it wrote as sorted lines.
    fn run(&self, frame: &StreamFrame, mode: OutputMode) -> Result<Vec<String>> {
        self.sink.clear();
        self.start(frame, mode)?.await_termination(None)?;
        Ok(self.lines())
    }

    fn lines(&self) -> Vec<String> {
        let Some(schema) = self.sink.schema() else {
            return Vec::new();
        };
        let frame = arrow_bridge::to_frame(&schema, &self.sink.rows()).unwrap();
        let line = |row: usize| {
            let values = frame.columns().iter();
            let values = values.map(|column| column.get(row).unwrap().to_string());
            values.collect::<Vec<_>>().join(" ").replace('"', "")
        };
        let mut lines: Vec<String> = (0..frame.height()).map(line).collect();
        lines.sort();
        lines
    }
}

#[derive(Deserialize)]
struct Event {
    amount: i64,
}

#[derive(Serialize, Deserialize)]
struct Said {
    user: String,
    text: String,
}

fn said(user: &str, text: impl Into<String>) -> Said {
    Said {
        user: user.to_owned(),
        text: text.into(),
    }
}

/// Keeps every shape of state, and says what it keeps.
#[derive(Default)]
struct Ledger {
    total: ValueState<i64>,
    amounts: ListState<i64>,
    by_amount: MapState<i64, u32>,
}

impl StatefulProcessor for Ledger {
    type Key = String;
    type Input = Event;
    type Output = Said;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        self.total = states.value_state("total", Ttl::NONE)?;
        self.amounts = states.list_state("amounts", Ttl::NONE)?;
        self.by_amount = states.map_state("by_amount", Ttl::NONE)?;
        Ok(())
    }

    fn handle_input_rows(
        &self,
        key: &String,
        rows: Vec<Event>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Said>,
    ) -> Result<()> {
        for Event { amount } in rows {
            if amount == 0 {
                self.total.clear(context)?;
                self.amounts.clear(context)?;
                self.by_amount.clear(context)?;
                continue;
            }
            let total = self.total.get(context)?.unwrap_or(0) + amount;
            self.total.update(context, &total)?;
            self.amounts.append_value(context, &amount)?;
            let seen = self.by_amount.get(context, &amount)?.unwrap_or(0);
            self.by_amount.update(context, &amount, &(seen + 1))?;
        }
        let by_amount: BTreeMap<i64, u32> = self.by_amount.entries(context)?.into_iter().collect();
        let text = format!(
            "{:?} {:?} {by_amount:?}",
            self.total.get(context)?,
            self.amounts.get(context)?
        );
        output.push(said(key, text));
        Ok(())
    }
}

fn ledger(world: &World, partitions: usize) -> StreamFrame {
    world
        .events(partitions)
        .group_by([col("user")])
        .transform_with_state(Ledger::default(), TimeMode::None)
}

#[test]
fn values_lists_and_maps_survive_a_restart() {
    let world = World::new();
    world.add(&[("ann", 5, 0), ("bob", 1, 0), ("ann", 7, 0)]);
    let lines = world.run(&ledger(&world, 3), OutputMode::Append).unwrap();
    assert_eq!(
        lines,
        ["ann Some(12) [5, 7] {5: 1, 7: 1}", "bob Some(1) [1] {1: 1}"]
    );
    world.add(&[("ann", 5, 0), ("bob", 0, 0)]);
    let lines = world.run(&ledger(&world, 3), OutputMode::Append).unwrap();
    assert_eq!(
        lines,
        ["ann Some(17) [5, 7, 5] {5: 2, 7: 1}", "bob None [] {}"]
    );
    world.add(&[("bob", 2, 0)]);
    let lines = world.run(&ledger(&world, 3), OutputMode::Append).unwrap();
    assert_eq!(lines, ["bob Some(2) [2] {2: 1}"]);
}

/// What [`Tally`] keeps, before and after its author thought of `largest`.
#[derive(Serialize, Deserialize, Default)]
struct OldTotals {
    sum: i64,
}

#[derive(Serialize, Deserialize, Default)]
struct NewTotals {
    #[serde(default)]
    largest: i64,
    sum: i64,
}

trait Totals: Serialize + serde::de::DeserializeOwned + Default + 'static {
    fn add(&mut self, amount: i64) -> String;
}

impl Totals for OldTotals {
    fn add(&mut self, amount: i64) -> String {
        self.sum += amount;
        format!("{}", self.sum)
    }
}

impl Totals for NewTotals {
    fn add(&mut self, amount: i64) -> String {
        self.sum += amount;
        self.largest = self.largest.max(amount);
        format!("{} {}", self.sum, self.largest)
    }
}

struct Tally<T> {
    totals: ValueState<T>,
    name: &'static str,
    deletes: &'static [&'static str],
}

fn tally<T: Totals>(
    world: &World,
    name: &'static str,
    deletes: &'static [&'static str],
) -> StreamFrame {
    let totals = ValueState::<T>::default();
    let tally = Tally {
        totals,
        name,
        deletes,
    };
    let grouped = world.events(2).group_by([col("user")]);
    grouped.transform_with_state(tally, TimeMode::None)
}

impl<T: Totals> StatefulProcessor for Tally<T> {
    type Key = String;
    type Input = Event;
    type Output = Said;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        self.totals = states.value_state(self.name, Ttl::NONE)?;
        self.deletes
            .iter()
            .for_each(|name| states.delete_if_exists(name));
        Ok(())
    }

    fn handle_input_rows(
        &self,
        key: &String,
        rows: Vec<Event>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Said>,
    ) -> Result<()> {
        let mut totals = self.totals.get(context)?.unwrap_or_default();
        for row in rows {
            output.push(said(key, totals.add(row.amount)));
        }
        self.totals.update(context, &totals)
    }
}

#[test]
fn a_state_may_gain_a_field() {
    let world = World::new();
    world.add(&[("ann", 5, 0)]);
    let lines = world.run(
        &tally::<OldTotals>(&world, "totals", &[]),
        OutputMode::Append,
    );
    assert_eq!(lines.unwrap(), ["ann 5"]);
    world.add(&[("ann", 3, 0)]);
    let lines = world.run(
        &tally::<NewTotals>(&world, "totals", &[]),
        OutputMode::Append,
    );
    assert_eq!(lines.unwrap(), ["ann 8 3"]);
}

#[test]
fn a_state_that_is_no_longer_declared_is_refused_until_it_is_let_go_of() {
    let world = World::new();
    world.add(&[("ann", 5, 0)]);
    world
        .run(
            &tally::<OldTotals>(&world, "totals", &[]),
            OutputMode::Append,
        )
        .unwrap();
    world.add(&[("ann", 3, 0)]);
    let error = world
        .run(&tally::<OldTotals>(&world, "sums", &[]), OutputMode::Append)
        .unwrap_err();
    assert!(error.to_string().contains("state=`totals`"), "{error}");
    let lines = world.run(
        &tally::<OldTotals>(&world, "sums", &["totals"]),
        OutputMode::Append,
    );
    assert_eq!(lines.unwrap(), ["ann 3"]);
}

/// Says when a user has been silent for ten seconds.
#[derive(Default)]
struct Silence {
    last_ms: ValueState<i64>,
}

#[derive(Deserialize)]
struct Seen {
    ts: i64,
}

impl StatefulProcessor for Silence {
    type Key = String;
    type Input = Seen;
    type Output = Said;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        self.last_ms = states.value_state("last_ms", Ttl::NONE)?;
        Ok(())
    }

    fn handle_input_rows(
        &self,
        _: &String,
        rows: Vec<Seen>,
        context: &mut KeyContext<'_>,
        _: &mut Vec<Said>,
    ) -> Result<()> {
        let old = self.last_ms.get(context)?;
        let latest = rows.iter().map(|row| row.ts / 1_000).max().max(old);
        if let Some(old) = old {
            context.delete_timer(old + 10_000)?;
        }
        let latest = latest.unwrap_or_default();
        context.register_timer(latest + 10_000)?;
        self.last_ms.update(context, &latest)
    }

    fn handle_expired_timer(
        &self,
        key: &String,
        timer: ExpiredTimer,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Said>,
    ) -> Result<()> {
        assert_eq!(context.list_timers().count(), 0);
        self.last_ms.clear(context)?;
        output.push(said(key, format!("silent until {}", timer.expiry_time_ms)));
        Ok(())
    }
}

fn silence(world: &World) -> StreamFrame {
    world
        .events(2)
        .group_by([col("user")])
        .transform_with_state(Silence::default(), TimeMode::EventTime)
}

#[test]
fn event_time_timers_fire_when_the_watermark_reaches_them_also_after_a_restart() {
    let world = World::new();
    world.add(&[("ann", 1, 5), ("bob", 1, 8)]);
    assert!(
        world
            .run(&silence(&world), OutputMode::Append)
            .unwrap()
            .is_empty()
    );
    // Bob goes on, so that his first timer is taken back; the watermark is at 15 after the batch.
    world.add(&[("bob", 1, 15)]);
    let lines = world.run(&silence(&world), OutputMode::Append).unwrap();
    assert_eq!(lines, ["ann silent until 15000"]);
    world.add(&[("eve", 1, 25)]);
    let lines = world.run(&silence(&world), OutputMode::Append).unwrap();
    assert_eq!(lines, ["bob silent until 25000"]);
}

#[test]
fn late_rows_are_dropped_where_time_is_event_time() {
    let world = World::new();
    world.add(&[("ann", 1, 100)]);
    world.run(&silence(&world), OutputMode::Append).unwrap();
    world.add(&[("bob", 1, 99), ("bob", 1, 100)]);
    world.sink.clear();
    let query = world.start(&silence(&world), OutputMode::Append).unwrap();
    query.await_termination(None).unwrap();
    let dropped: u64 = query
        .recent_progress()
        .iter()
        .flat_map(|progress| &progress.state_operators)
        .map(|operator| operator.num_rows_dropped_by_watermark)
        .sum();
    assert_eq!(dropped, 2);
}

/// Remembers an amount for a minute of processing time.
#[derive(Default)]
struct Memory {
    amount: ValueState<i64>,
}

impl StatefulProcessor for Memory {
    type Key = String;
    type Input = Event;
    type Output = Said;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        let minute = std::time::Duration::from_secs(60);
        self.amount = states.value_state("amount", Ttl::of(minute))?;
        Ok(())
    }

    fn handle_input_rows(
        &self,
        key: &String,
        rows: Vec<Event>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Said>,
    ) -> Result<()> {
        output.push(said(key, format!("{:?}", self.amount.get(context)?)));
        match rows.last() {
            Some(row) if row.amount > 0 => self.amount.update(context, &row.amount),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_value_is_gone_once_it_has_outlived_its_time() {
    let world = World::new();
    let frame = world
        .events(1)
        .group_by([col("user")])
        .transform_with_state(Memory::default(), TimeMode::ProcessingTime);
    let frame = |()| frame.clone();
    world.add(&[("ann", 5, 0)]);
    let lines = world.run(&frame(()), OutputMode::Append).unwrap();
    assert_eq!(lines, ["ann None"]);
    world.clock.advance(std::time::Duration::from_secs(59));
    world.add(&[("ann", 0, 0)]);
    let lines = world.run(&frame(()), OutputMode::Append).unwrap();
    assert_eq!(lines, ["ann Some(5)"]);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.add(&[("ann", 0, 0)]);
    let lines = world.run(&frame(()), OutputMode::Append).unwrap();
    assert_eq!(lines, ["ann None"]);
}

/// A ledger that begins with balances.
struct Balances(Ledger);

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

impl StatefulProcessor for Balances {
    type Key = String;
    type Input = Event;
    type Output = Said;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        self.0.init(states)
    }

    fn handle_input_rows(
        &self,
        key: &String,
        rows: Vec<Event>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<Said>,
    ) -> Result<()> {
        self.0.handle_input_rows(key, rows, context, output)
    }
}

impl StatefulProcessorWithInitialState for Balances {
    type InitialState = Balance;

    fn handle_initial_state(
        &self,
        _: &String,
        row: Balance,
        context: &mut KeyContext<'_>,
    ) -> Result<()> {
        self.0.total.update(context, &row.balance)
    }
}

#[test]
fn initial_state_is_there_before_any_input_and_only_once() {
    let world = World::new();
    let frame = |balance: i64| {
        let table = StreamFrame::from(df!["who" => ["ann"], "balance" => [balance]].unwrap());
        world
            .events(2)
            .group_by([col("user")])
            .transform_with_state_from(
                Balances(Ledger::default()),
                TimeMode::None,
                &table.group_by([col("who")]),
            )
    };
    world.add(&[("ann", 5, 0), ("bob", 1, 0)]);
    let lines = world.run(&frame(100), OutputMode::Append).unwrap();
    assert_eq!(
        lines,
        ["ann Some(105) [5] {5: 1}", "bob Some(1) [1] {1: 1}"]
    );
    world.add(&[("ann", 5, 0)]);
    let lines = world.run(&frame(900), OutputMode::Append).unwrap();
    assert_eq!(lines, ["ann Some(110) [5, 5] {5: 2}"]);
}

/// Emits a row with the event time it is told.
struct Echo;

#[derive(Serialize, Deserialize)]
struct Echoed {
    user: String,
    at: i64,
}

impl StatefulProcessor for Echo {
    type Key = String;
    type Input = Event;
    type Output = Echoed;

    fn init(&mut self, _: &mut Declarations) -> Result<()> {
        Ok(())
    }

    fn handle_input_rows(
        &self,
        key: &String,
        rows: Vec<Event>,
        _: &mut KeyContext<'_>,
        output: &mut Vec<Echoed>,
    ) -> Result<()> {
        output.extend(rows.iter().map(|row| Echoed {
            user: key.clone(),
            at: row.amount * 1_000_000,
        }));
        Ok(())
    }

    fn output_columns(&self) -> Result<Vec<Field>> {
        Ok(vec![
            Field::new("user", arrow::datatypes::DataType::Utf8, false),
            Field::new("at", crate::types::timestamp(), false),
        ])
    }
}

#[test]
fn what_follows_a_processor_counts_by_the_event_time_it_gives() {
    let world = World::new();
    let frame = || {
        world
            .events(2)
            .group_by([col("user")])
            .transform_with_state(
                Echo,
                ProcessorOptions::new(TimeMode::EventTime).event_time_column("at"),
            )
            .group_by([crate::functions::window(col("at"), "10 seconds")])
            .agg([polars::prelude::len().alias("n")])
            .select([col("n")])
    };
    world.add(&[("ann", 5, 1), ("ann", 6, 2)]);
    assert!(world.run(&frame(), OutputMode::Append).unwrap().is_empty());
    world.add(&[("ann", 30, 20)]);
    assert_eq!(world.run(&frame(), OutputMode::Append).unwrap(), ["2"]);
    world.add(&[("ann", 19, 21)]);
    let error = world.run(&frame(), OutputMode::Append).unwrap_err();
    let text = format!(
        "{error} {:?}",
        std::error::Error::source(&error).map(ToString::to_string)
    );
    assert!(
        text.contains("EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED"),
        "{text}"
    );
}

#[test]
fn group_state_times_out_after_its_time_not_at_it() {
    let world = World::new();
    let frame = || {
        world
            .events(2)
            .group_by([col("user")])
            .flat_map_groups_with_state(
                OutputMode::Update,
                GroupStateTimeout::EventTimeTimeout,
                |user: &String, rows: Vec<Event>, state: &mut GroupState<'_, '_, i64>| {
                    if state.has_timed_out() {
                        let total = state.get()?.unwrap_or_default();
                        state.remove()?;
                        return Ok(vec![said(user, format!("over at {total}"))]);
                    }
                    let total = state.get()?.unwrap_or_default()
                        + rows.iter().map(|row| row.amount).sum::<i64>();
                    state.update(&total)?;
                    state.set_timeout_timestamp(20_000)?;
                    Ok(Vec::new())
                },
            )
    };
    world.add(&[("ann", 5, 1), ("ann", 6, 2)]);
    assert!(world.run(&frame(), OutputMode::Update).unwrap().is_empty());
    world.add(&[("bob", 1, 10)]);
    assert!(world.run(&frame(), OutputMode::Update).unwrap().is_empty());
    let mut world_at_20 = world;
    world_at_20.add(&[("ann", 1, 19)]);
    let frame = || {
        let world = &world_at_20;
        world
            .events(2)
            .group_by([col("user")])
            .flat_map_groups_with_state(
                OutputMode::Update,
                GroupStateTimeout::EventTimeTimeout,
                |user: &String, _: Vec<Event>, state: &mut GroupState<'_, '_, i64>| {
                    let timed_out = state.has_timed_out();
                    Ok(vec![said(user, format!("{timed_out} {:?}", state.get()?))])
                },
            )
    };
    let lines = world_at_20.run(&frame(), OutputMode::Update).unwrap();
    assert_eq!(lines, ["ann false Some(11)"]);
    world_at_20.add(&[("eve", 1, 20)]);
    let lines = world_at_20.run(&frame(), OutputMode::Update).unwrap();
    assert_eq!(lines, ["eve false None"]);
    world_at_20.add(&[("eve", 1, 21)]);
    let lines = world_at_20.run(&frame(), OutputMode::Update).unwrap();
    assert_eq!(lines, ["bob true Some(1)", "eve false None"]);
    world_at_20.sink = MemorySink::new();
}

#[test]
fn mistakes_in_declarations_and_modes_are_refused() {
    let mut states = Declarations::new(TimeMode::EventTime);
    states.value_state::<i64>("a", Ttl::NONE).unwrap();
    let twice = states.map_state::<i64, i64>("a", Ttl::NONE).unwrap_err();
    assert_eq!(
        twice.condition(),
        Some("STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED")
    );
    let minute = Ttl::of(std::time::Duration::from_secs(60));
    let ttl = states.list_state::<i64>("b", minute).unwrap_err();
    assert_eq!(
        ttl.condition(),
        Some("STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL")
    );
    let mut states = Declarations::new(TimeMode::ProcessingTime);
    let nothing = Ttl::of(std::time::Duration::ZERO);
    let zero = states.list_state::<i64>("b", nothing).unwrap_err();
    assert_eq!(
        zero.condition(),
        Some("STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE")
    );
    let world = World::new();
    let error = world
        .start(&ledger(&world, 1), OutputMode::Update)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("append"), "{error}");
}

#[test]
fn state_that_was_not_declared_and_timers_without_time_are_refused() {
    let mut store = store::Store::default();
    let times = |mode| store::Times {
        mode,
        batch: crate::batch::BatchId(0),
        processing: Timestamp(0),
        watermark: Timestamp(0),
    };
    let key: store::Key = Arc::from(&b"k"[..]);
    store.with_key(&key, &[], times(TimeMode::None), |context| {
        let undeclared = ValueState::<i64>::default().get(context).unwrap_err();
        assert_eq!(
            undeclared.condition(),
            Some("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE")
        );
        let timer = context.register_timer(5).unwrap_err();
        assert_eq!(
            timer.condition(),
            Some("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE")
        );
    });
}
