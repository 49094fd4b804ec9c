//! A source that counts, an operator that sums, a sink that remembers: small enough to see that they are right.

use crate::batch::{BatchContext, BatchId, Timestamp, Watermarks};
use crate::clock::{Clock, ManualClock, StopSignal};
use crate::disk::{Effects, SimulatedDisk};
use crate::error::{Error, ErrorKind, Result};
use crate::incremental::{BatchOutput, EventTimeSeen, PlanSource};
use crate::micro_batch::{BatchPlan, ExecutionSpec, MicroBatchExecution, QuerySettings, Triggered};
use crate::offset::{Offset, Range};
use crate::operator::{OperatorProgress, Prepared, StateDelta, StatefulOperator};
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use crate::source::{Planned, ReadLimit, Slice, Slices, Source, SourceFactory};
use crate::trigger::Trigger;
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use uuid::Uuid;

/// Everything outside of a query: what outlives its process.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) effects: Effects,
    pub(crate) clock: Arc<ManualClock>,
    /// The numbers up to here are there to be read.
    pub(crate) available: Arc<Mutex<u64>>,
    /// The rows the sink has, by batch.
    pub(crate) taken: Arc<Mutex<BTreeMap<u64, Vec<i64>>>>,
    /// The offsets the source was told to forget, in order.
    pub(crate) forgotten: Arc<Mutex<Vec<u64>>>,
    /// What the next effect of the query answers, once.
    pub(crate) fault: Arc<Mutex<Option<Fault>>>,
    /// Where a query without a checkpoint starts; grows with each time it is asked.
    pub(crate) first: Arc<Mutex<u64>>,
    /// How many batches are kept for replays.
    pub(crate) retained: u64,
}

/// What a test makes go wrong in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Panic,
    BadRow,
    NoAnswer,
}

impl World {
    pub(crate) fn new(effects: Effects) -> World {
        World {
            disk: SimulatedDisk::new(effects.clone()),
            effects,
            clock: Arc::new(ManualClock::new(Timestamp(1_000_000))),
            available: Arc::new(Mutex::new(0)),
            taken: Arc::default(),
            forgotten: Arc::default(),
            fault: Arc::default(),
            first: Arc::default(),
            retained: 1,
        }
    }

    /// What the next process finds, some time later.
    pub(crate) fn after(&self, disk: SimulatedDisk, effects: Effects) -> World {
        self.clock.advance(Duration::from_secs(1));
        World {
            disk,
            effects,
            ..self.clone()
        }
    }

    pub(crate) fn offer(&self, numbers: u64) {
        *self.available.lock().unwrap() += numbers;
    }

    /// The numbers the sink has, batch by batch.
    pub(crate) fn numbers(&self) -> Vec<(u64, Vec<i64>)> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(id, rows)| (*id, rows.clone())).collect()
    }

    pub(crate) fn spec(&self, trigger: Trigger) -> ExecutionSpec {
        let mut settings = QuerySettings {
            retry_delay: Duration::ZERO,
            ..QuerySettings::default()
        };
        settings.checkpoint.is_inline = true;
        settings.checkpoint.snapshot_batches = 2;
        settings.checkpoint.min_batches_to_retain = self.retained;
        let world = self.clone();
        ExecutionSpec {
            name: Some("sums".to_owned()),
            run_id: Uuid::new_v4(),
            new_query_id: Uuid::new_v4(),
            make_plan: Box::new(move |_| Ok(Box::new(SumPlan::new(&world, "sum")))),
            mode: OutputMode::Update,
            sink: Arc::new(RecorderFactory(self.clone())),
            trigger,
            directory: PathBuf::from("/query"),
            disk: Arc::new(self.disk.clone()),
            settings,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            stop: StopSignal::default(),
        }
    }

    /// Runs everything there is, in order, and ends.
    pub(crate) fn drain(&self) -> Result<()> {
        let mut execution = MicroBatchExecution::open(&self.spec(Trigger::AvailableNow))?;
        while let Triggered::Batch(_) = execution.run_one_trigger()? {
            self.clock.advance(Duration::from_secs(1));
        }
        execution.close()
    }

    fn step(&self, what: &str) -> Result<()> {
        self.effects.step(what).map_err(|cause| {
            Error::new(ErrorKind::Unavailable, format!("cannot {what}")).with_source(cause)
        })
    }
}

/// The numbers from 0, five at a time.
#[derive(Debug)]
pub(crate) struct NumbersFactory(World);

impl SourceFactory for NumbersFactory {
    fn identity(&self) -> String {
        "numbers".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema(&["n"])
    }

    fn open(&self) -> Result<Box<dyn Source>> {
        self.0.step("open the source")?;
        Ok(Box::new(Numbers {
            world: self.0.clone(),
            end: None,
            recovered: None,
            seen: BTreeSet::new(),
        }))
    }

    fn read_static(&self, _: &[usize]) -> Result<Vec<RecordBatch>> {
        Err(Error::unsupported("reading the double as a table"))
    }
}

struct Numbers {
    world: World,
    /// Available-now: where to stop.
    end: Option<u64>,
    /// The end of the last range told by `recover`.
    recovered: Option<u64>,
    /// The numbers that were planned: what the file source's seen files are.
    seen: BTreeSet<u64>,
}

impl Source for Numbers {
    fn description(&self) -> String {
        "Numbers".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema(&["n"])
    }

    fn initial_offset(&mut self) -> Result<Offset> {
        self.world.step("find the first offset")?;
        let mut first = self.world.first.lock().unwrap();
        *first += 1;
        Ok(Offset::Position(*first))
    }

    fn plan(&mut self, start: &Offset, limit: ReadLimit, _: Timestamp) -> Result<Planned> {
        self.world.step("find the latest offset")?;
        let from = start.position()?;
        assert!(
            self.recovered.is_none_or(|end| end <= from),
            "recovered past {from}"
        );
        let latest = self.end.unwrap_or(*self.world.available.lock().unwrap());
        let until = match limit {
            ReadLimit::Configured => latest.min(from + 5),
            ReadLimit::All => latest,
        };
        let until = until.max(from);
        self.seen.extend(from..until);
        Ok(Planned {
            range: Range {
                start: start.clone(),
                end: Offset::Position(until),
                detail: None,
            },
            latest: Some(Offset::Position(latest)),
        })
    }

    fn read(&mut self, range: &Range, columns: &[usize]) -> Result<Slices> {
        assert_eq!(columns, [0]);
        self.world.step("read")?;
        let (from, until) = (range.start.position()?, range.end.position()?);
        for number in from..until {
            assert!(
                self.seen.contains(&number),
                "{number} was never planned here"
            );
        }
        let forgotten = self.world.forgotten.lock().unwrap().last().copied();
        assert!(forgotten <= Some(from), "{from} was forgotten");
        let numbers = (from..until).map(|n| i64::try_from(n).unwrap());
        let rows = table(&["n"], vec![numbers.collect()]);
        Ok(Box::new(std::iter::once(Ok(Slice::ready(rows)))))
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        self.world.step("forget")?;
        let mut forgotten = self.world.forgotten.lock().unwrap();
        forgotten.push(end.position()?);
        Ok(())
    }

    fn prepare_available_now(&mut self) -> Result<()> {
        self.end = Some(*self.world.available.lock().unwrap());
        Ok(())
    }

    fn recover(&mut self, range: &Range) -> Result<()> {
        let (from, until) = (range.start.position()?, range.end.position()?);
        assert!(
            self.recovered.is_none_or(|end| end == from),
            "a gap at {from}"
        );
        self.seen.extend(from..until);
        self.recovered = Some(until);
        Ok(())
    }

    fn snapshot(&self) -> Option<serde_json::Value> {
        Some(serde_json::json!({ "seen": self.seen }))
    }

    fn restore(&mut self, snapshot: serde_json::Value) -> Result<()> {
        let seen = snapshot["seen"].as_array().unwrap();
        self.seen = seen.iter().map(|n| n.as_u64().unwrap()).collect();
        Ok(())
    }
}

/// `SELECT n, sum(n) OVER the remainder of n by 3 …`: for each number the sum of its class so far, with the batch's time and
/// watermarks. Event time is the number, in seconds.
pub(crate) struct SumPlan {
    world: World,
    sources: Vec<PlanSource>,
    operators: Vec<Box<dyn StatefulOperator>>,
}

impl SumPlan {
    pub(crate) fn new(world: &World, id: &str) -> SumPlan {
        SumPlan {
            world: world.clone(),
            sources: vec![PlanSource {
                name: "numbers".to_owned(),
                factory: Arc::new(NumbersFactory(world.clone())),
                filter: None,
                columns: vec![0],
            }],
            operators: vec![Box::new(Sums {
                id: id.to_owned(),
                by_key: BTreeMap::new(),
                changed: BTreeSet::new(),
                last_eviction: Timestamp(0),
            })],
        }
    }

    /// The same plan over a source of another name.
    pub(crate) fn renamed(mut self, source: &str) -> SumPlan {
        self.sources[0].name = source.to_owned();
        self
    }
}

impl BatchPlan for SumPlan {
    fn sources(&self) -> &[PlanSource] {
        &self.sources
    }

    fn schema(&self) -> SchemaRef {
        schema(&["n", "sum", "time", "late", "eviction"])
    }

    fn run(&mut self, slices: Vec<Slices>, context: &BatchContext) -> Result<BatchOutput> {
        let fault = self.world.fault.lock().unwrap().take();
        match fault {
            Some(Fault::Panic) => panic!("the double panics"),
            Some(Fault::BadRow) => {
                return Err(Error::data("division by zero").with_condition("DIVIDE_BY_ZERO"));
            }
            Some(Fault::NoAnswer) => {
                return Err(Error::new(ErrorKind::Unavailable, "no answer"));
            }
            None => {}
        }
        let mut prepared = Vec::new();
        let mut seen = EventTimeSeen::default();
        for slice in slices.into_iter().flatten() {
            let rows = (slice?.decode)()?;
            for n in numbers(&rows, 0) {
                seen.rows += 1;
                seen.max_us = seen.max_us.max(Some(n * 1_000_000));
                seen.min_us = Some(seen.min_us.map_or(n, |min| min.min(n)));
                seen.sum_us += i128::from(n) * 1_000_000;
            }
            prepared.push(self.operators[0].prepare(0, rows, context)?);
        }
        Ok(BatchOutput {
            rows: self.operators[0].apply(vec![prepared], context.watermarks, context)?,
            input_rows: vec![seen.rows],
            event_times: vec![seen],
        })
    }

    fn operators(&self) -> Vec<&dyn StatefulOperator> {
        self.operators.iter().map(AsRef::as_ref).collect()
    }

    fn operators_mut(&mut self) -> Vec<&mut Box<dyn StatefulOperator>> {
        self.operators.iter_mut().collect()
    }

    fn is_due(&self, watermark: Timestamp) -> bool {
        self.operators[0].is_due(watermark)
    }
}

struct Sums {
    id: String,
    by_key: BTreeMap<i64, i64>,
    changed: BTreeSet<i64>,
    last_eviction: Timestamp,
}

impl Sums {
    fn table(&self, keys: impl Iterator<Item = i64>) -> RecordBatch {
        let keys: Vec<i64> = keys.collect();
        let sums = keys.iter().map(|key| self.by_key[key]).collect();
        table(&["key", "sum"], vec![keys, sums])
    }
}

impl StatefulOperator for Sums {
    fn id(&self) -> &str {
        &self.id
    }

    fn fingerprint(&self) -> String {
        "sum by remainder".to_owned()
    }

    fn output_schema(&self) -> SchemaRef {
        schema(&["n", "sum", "time", "late", "eviction"])
    }

    fn prepare(&self, _: usize, slice: RecordBatch, _: &BatchContext) -> Result<Prepared> {
        Ok(Box::new(slice))
    }

    fn apply(
        &mut self,
        prepared: Vec<Vec<Prepared>>,
        watermarks: Watermarks,
        context: &BatchContext,
    ) -> Result<Vec<RecordBatch>> {
        let mut columns = vec![Vec::new(); 5];
        for slice in prepared.into_iter().flatten() {
            let rows = slice.downcast::<RecordBatch>().unwrap();
            for n in numbers(&rows, 0) {
                let sum = self.by_key.entry(n % 3).or_default();
                *sum += n;
                self.changed.insert(n % 3);
                let row = [
                    n,
                    *sum,
                    context.time.0,
                    watermarks.late.0,
                    watermarks.eviction.0,
                ];
                for (column, value) in columns.iter_mut().zip(row) {
                    column.push(value);
                }
            }
        }
        self.last_eviction = watermarks.eviction;
        let names = ["n", "sum", "time", "late", "eviction"];
        Ok(vec![table(&names, columns)])
    }

    fn take_delta(&mut self) -> Result<StateDelta> {
        let changed = std::mem::take(&mut self.changed);
        Ok(StateDelta {
            tables: vec![("sums".to_owned(), self.table(changed.into_iter()))],
            evicted: Some(self.last_eviction),
        })
    }

    fn snapshot(&self) -> Result<StateDelta> {
        Ok(StateDelta {
            tables: vec![("sums".to_owned(), self.table(self.by_key.keys().copied()))],
            evicted: Some(self.last_eviction),
        })
    }

    fn reset(&mut self) {
        self.by_key.clear();
    }

    fn restore(&mut self, delta: StateDelta) -> Result<()> {
        for (_, rows) in &delta.tables {
            self.by_key.extend(numbers(rows, 0).zip(numbers(rows, 1)));
        }
        if let Some(evicted) = delta.evicted {
            self.last_eviction = evicted;
        }
        Ok(())
    }

    fn is_due(&self, watermark: Timestamp) -> bool {
        watermark > self.last_eviction
    }

    fn progress(&self) -> OperatorProgress {
        OperatorProgress {
            operator_name: "sums".to_owned(),
            num_rows_total: self.by_key.len() as u64,
            ..OperatorProgress::default()
        }
    }
}

/// Opens a [`Recorder`].
#[derive(Debug)]
pub(crate) struct RecorderFactory(World);

impl SinkFactory for RecorderFactory {
    fn open(&self) -> Result<Box<dyn Sink>> {
        self.0.step("open the sink")?;
        Ok(Box::new(Recorder {
            world: self.0.clone(),
            last_committed: None,
        }))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

/// Takes each batch once, and insists that one that comes again is the same to the bit.
struct Recorder {
    world: World,
    last_committed: Option<BatchId>,
}

impl Recorder {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<i64>>> {
        self.world.taken.lock().unwrap()
    }
}

impl Sink for Recorder {
    fn description(&self) -> String {
        "Recorder".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn start(&mut self, _: &SchemaRef, _: OutputMode, last: Option<BatchId>) -> Result<()> {
        self.world.step("start the sink")?;
        let taken = self.rows().keys().next_back().copied();
        // The sink has at most one batch more than the query knows of.
        assert!(
            taken <= last.map(|id| id.0 + 1).or(Some(0)),
            "{taken:?} {last:?}"
        );
        self.last_committed = last;
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        self.world.step("add a batch")?;
        assert!(self.last_committed.is_none_or(|last| last < batch.id));
        let mut rows = Vec::new();
        for table in batch.rows {
            for row in 0..table.num_rows() {
                rows.extend(
                    (0..table.num_columns())
                        .map(|column| table.column(column).as_primitive::<Int64Type>().value(row)),
                );
            }
        }
        let before = self.rows().insert(batch.id.0, rows.clone());
        assert!(
            before.is_none_or(|before| before == rows),
            "batch {} changed",
            batch.id
        );
        self.world.step("answer that the batch is there")
    }
}

/// A schema of 64-bit integers.
pub(crate) fn schema(names: &[&str]) -> SchemaRef {
    let field = |name: &&str| Field::new(*name, DataType::Int64, true);
    Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()))
}

/// A table of 64-bit integers.
pub(crate) fn table(names: &[&str], columns: Vec<Vec<i64>>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|column| Arc::new(Int64Array::from(column)) as ArrayRef);
    RecordBatch::try_new(schema(names), columns.collect()).unwrap()
}

fn numbers(rows: &RecordBatch, column: usize) -> impl Iterator<Item = i64> {
    rows.column(column)
        .as_primitive::<Int64Type>()
        .values()
        .iter()
        .copied()
}
