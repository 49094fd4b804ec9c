//! Every shape of stateful query against a plain reference: random rows within and beyond the watermark, random cuts into batches, random
//! restarts, one to four state partitions. What the engine emits must be what [`reference`] computes, which shares no code with it.
//!
//! The number of cases, all shapes together, is `TIDEMILL_PROPERTY_CASES` (10000); the seed is `TIDEMILL_PROPERTY_SEED`, drawn anew each
//! time unless given, and printed. A failure is shrunk to the smallest case that still fails.

mod reference;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use reference::{Event, Executed, Reference};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tidemill::sink::OutputMode;
use tidemill::sink::memory::MemorySink;
use tidemill::source::memory::MemoryStream;
use tidemill::trigger::Trigger;
use tidemill::types::parse_ddl_schema;
use tidemill::{Session, StreamFrame};

/// What is tried: one query, and how to know its answer.
#[derive(Debug, Clone, Copy)]
struct Shape {
    name: &'static str,
    mode: OutputMode,
    /// Over the streams `a` and `b` (columns `k`, `v`, `ts`), both under a watermark.
    sql: &'static str,
    /// Instead of `sql`, for what SQL has no words for.
    frame: Option<fn(&StreamFrame) -> StreamFrame>,
    reads_b: bool,
    /// Of `a` and `b`: whether rows without a key are dropped below the watermark, because the join cannot use them.
    drops_null_keys: [bool; 2],
    /// Whether each batch must agree, or only all of them together: when an unmatched row of a join comes out depends on how far the
    /// engine can prove that nothing will match it.
    is_batchwise: bool,
    reference: fn(i64) -> Box<dyn Reference>,
}

/// A stream's rows of one batch.
type Rows = Vec<Event>;

/// A case: the delay of the watermark in seconds, the batches of both streams, whether the query is started anew after each, and
/// the number of state partitions.
#[derive(Debug, Clone)]
struct Case {
    delay: i64,
    batches: Vec<(Rows, Rows, bool)>,
    partitions: usize,
}

/// Time moves on by about ten seconds a batch; rows lie around it, some far behind.
fn case(reads_b: bool) -> impl Strategy<Value = Case> {
    let event = || {
        let key = prop_oneof![9 => (0..4_i64).prop_map(Some), 1 => Just(None)];
        (key, -3..10_i64, -40_000..15_000_i64)
    };
    let rows = move |most: usize| prop::collection::vec(event(), 0..=most);
    let batch = (
        rows(6),
        rows(if reads_b { 6 } else { 0 }),
        prop::bool::weighted(0.3),
    );
    let batches = prop::collection::vec(batch, 1..7);
    (0..3_i64, batches, 1..=4_usize).prop_map(|(delay, batches, partitions)| {
        let place = |number: usize, rows: Vec<(Option<i64>, i64, i64)>| {
            let now = 60_000 + 10_000 * i64::try_from(number).unwrap();
            rows.into_iter()
                // Whole and half seconds, so that rows meet the edges of windows and watermarks.
                .map(|(k, v, offset)| Event {
                    k,
                    v,
                    ts: (now + offset) / 500 * 500_000,
                })
                .collect()
        };
        let batches = batches
            .into_iter()
            .enumerate()
            .map(|(number, (a, b, restarts))| (place(number, a), place(number, b), restarts))
            .collect();
        Case {
            delay: delay * 10,
            batches,
            partitions,
        }
    })
}

fn schema() -> SchemaRef {
    Arc::new(parse_ddl_schema("k BIGINT, v BIGINT, ts TIMESTAMP").unwrap())
}

fn add(stream: &MemoryStream, rows: &[Event]) {
    if rows.is_empty() {
        stream.add_empty();
        return;
    }
    let keys: Int64Array = rows.iter().map(|row| row.k).collect();
    let values: Int64Array = rows.iter().map(|row| Some(row.v)).collect();
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.ts)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(keys),
        Arc::new(values),
        Arc::new(times.with_timezone("UTC")),
    ];
    let batch = RecordBatch::try_new(schema(), columns).unwrap();
    stream.add_batch(batch).unwrap();
}

/// Rows as sorted lines.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            lines.push(values.join(" "));
        }
    }
    lines.sort();
    lines
}

/// The query of a shape over the streams.
fn frame(shape: &Shape, case: &Case, streams: &[MemoryStream; 2]) -> tidemill::Result<StreamFrame> {
    let session = Session::builder()
        .state_partitions(case.partitions)
        .build()?;
    let delay = format!("{} seconds", case.delay);
    for (name, stream) in ["a", "b"].into_iter().zip(streams) {
        let frame = session.read_stream().from_source(stream.clone());
        session.create_temp_view(name, &frame.with_watermark("ts", &delay))?;
    }
    match shape.frame {
        Some(frame) => Ok(frame(&session.table("a"))),
        None => Ok(session.sql(shape.sql)),
    }
}

/// Which batch was run: in which run of the query, and which batch of the input it read, if any.
type Ran = (usize, Option<usize>);

/// Runs a case in the engine: what each batch wrote.
fn run(shape: &Shape, case: &Case) -> tidemill::Result<Vec<(Ran, Vec<String>)>> {
    let one = std::num::NonZeroU64::MIN;
    let stream = |name: &str| {
        MemoryStream::new(schema())
            .named(name)
            .with_batches_per_trigger(one)
    };
    let streams = [stream("a"), stream("b")];
    let folder = tempfile::tempdir().unwrap();
    let sink = MemorySink::new();
    let mut written = Vec::new();
    let mut added = 0;
    let mut pending = 0;
    let last = case.batches.len() - 1;
    for (number, (a, b, restarts)) in case.batches.iter().enumerate() {
        add(&streams[0], a);
        add(&streams[1], b);
        pending += 1;
        if !restarts && number != last {
            continue;
        }
        sink.clear();
        let query = frame(shape, case, &streams)?
            .write_stream()
            .sink(sink.clone())
            .output_mode(shape.mode)
            .trigger(Trigger::AvailableNow)
            .checkpoint_location(folder.path())
            .start()?;
        query.await_termination(None)?;
        for (position, (_, rows)) in sink.batches().iter().enumerate() {
            let input = (position < pending).then_some(added + position);
            written.push(((number, input), lines(rows)));
        }
        added += pending;
        pending = 0;
    }
    Ok(written)
}

/// What the reference says about the same batches.
fn expected(shape: &Shape, case: &Case, ran: &[Ran]) -> Vec<Vec<String>> {
    let mut reference = (shape.reference)(case.delay * 1_000_000);
    let mut clock =
        reference::Watermark::new(case.delay * 1_000, shape.reads_b, shape.drops_null_keys);
    let none = (Vec::new(), Vec::new(), false);
    let mut current = None;
    ran.iter()
        .map(|(run, input)| {
            if current.replace(run) != Some(run) {
                clock.restart();
            }
            let (a, b, _) = input.map_or(&none, |input| &case.batches[input]);
            let (late, eviction) = clock.begin_batch();
            let executed = Executed {
                a,
                b,
                late,
                eviction,
            };
            let mut rows = reference.batch(&executed);
            clock.end_batch(a, b);
            rows.sort();
            rows
        })
        .collect()
}

fn check(shape: &Shape, case: &Case) -> Result<(), TestCaseError> {
    // At the end, rows from far in the future let everything out that can come out.
    let mut case = case.clone();
    let future = vec![Event {
        k: Some(99),
        v: 0,
        ts: 1_000_000_000_000,
    }];
    for _ in 0..2 {
        let b = if shape.reads_b {
            future.clone()
        } else {
            Vec::new()
        };
        case.batches.push((future.clone(), b, false));
    }
    let written = run(shape, &case).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let ran: Vec<Ran> = written.iter().map(|(ran, _)| *ran).collect();
    let inputs: Vec<usize> = ran.iter().filter_map(|(_, input)| *input).collect();
    let all: Vec<usize> = (0..case.batches.len()).collect();
    prop_assert_eq!(inputs, all, "each input batch is read once");
    let expected = expected(shape, &case, &ran);
    let written: Vec<Vec<String>> = written.into_iter().map(|(_, rows)| rows).collect();
    if shape.is_batchwise {
        prop_assert_eq!(written, expected);
    } else {
        let union = |batches: Vec<Vec<String>>| {
            let mut rows: Vec<String> = batches.into_iter().flatten().collect();
            rows.sort();
            rows
        };
        prop_assert_eq!(union(written), union(expected));
    }
    Ok(())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, it is {text}"))
    })
}

/// Tries a shape on its share of the cases.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the seed is another one each time, and told"
)]
fn try_shape(name: &str) {
    let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
    let total = setting("TIDEMILL_PROPERTY_CASES").unwrap_or(10_000);
    let cases = total.div_ceil(SHAPES.len() as u64);
    let seed = setting("TIDEMILL_PROPERTY_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap()
    });
    println!("{name}: {cases} cases, TIDEMILL_PROPERTY_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    match runner.run(&case(shape.reads_b), |case| check(shape, &case)) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => {
            panic!(
                "{name}, TIDEMILL_PROPERTY_SEED={seed}: {reason}\nthe smallest case that fails: {case:#?}"
            )
        }
        Err(error) => panic!("{name}, TIDEMILL_PROPERTY_SEED={seed}: {error}"),
    }
}

const WINDOWS: &str = "SELECT k, unix_micros(window.start) AS s, unix_micros(window.end) AS e, \
    count(*) AS n, sum(v) AS t FROM a GROUP BY k, window(ts, '10 seconds')";
const SLIDING: &str = "SELECT k, unix_micros(window.start) AS s, unix_micros(window.end) AS e, \
    count(*) AS n, sum(v) AS t FROM a GROUP BY k, window(ts, '10 seconds', '5 seconds')";
const SESSIONS: &str = "SELECT k, unix_micros(session_window.start) AS s, \
    unix_micros(session_window.end) AS e, count(*) AS n, sum(v) AS t \
    FROM a GROUP BY k, session_window(ts, '5 seconds')";

/// A join of `a` and `b` on the key and on times at most so far apart.
macro_rules! join_sql {
    ($columns:expr, $join:literal) => {
        concat!(
            "SELECT ", $columns, " FROM a ", $join,
            " JOIN b ON a.k = b.k AND b.ts >= a.ts - INTERVAL 5 SECONDS AND b.ts < a.ts + INTERVAL 10 SECONDS"
        )
    };
}

/// Defines the shapes and a test for each.
macro_rules! shapes {
    ($($name:ident: $shape:expr;)+) => {
        const SHAPES: &[Shape] = &[$(Shape { name: stringify!($name), ..$shape }),+];
        $(
            #[test]
            fn $name() {
                try_shape(stringify!($name));
            }
        )+
    };
}

/// What most shapes have.
const PLAIN: Shape = Shape {
    name: "",
    mode: OutputMode::Append,
    sql: "",
    frame: None,
    reads_b: false,
    drops_null_keys: [false, false],
    is_batchwise: true,
    reference: |_| Box::new(reference::Project),
};

const JOIN: Shape = Shape {
    reads_b: true,
    drops_null_keys: [true, true],
    is_batchwise: false,
    ..PLAIN
};

shapes! {
    projection: Shape {
        sql: "SELECT k, v * 2 AS w FROM a WHERE v > 0",
        ..PLAIN
    };
    windows_in_append: Shape {
        sql: WINDOWS,
        reference: |_| Box::new(reference::Windows::new(OutputMode::Append, 10)),
        ..PLAIN
    };
    windows_in_update: Shape {
        sql: WINDOWS,
        mode: OutputMode::Update,
        reference: |_| Box::new(reference::Windows::new(OutputMode::Update, 10)),
        ..PLAIN
    };
    windows_in_complete: Shape {
        sql: WINDOWS,
        mode: OutputMode::Complete,
        reference: |_| Box::new(reference::Windows::new(OutputMode::Complete, 10)),
        ..PLAIN
    };
    sliding_windows: Shape {
        sql: SLIDING,
        reference: |_| Box::new(reference::Windows::new(OutputMode::Append, 5)),
        ..PLAIN
    };
    groups_without_time: Shape {
        sql: "SELECT k, count(*) AS n, sum(v) AS t FROM a GROUP BY k",
        mode: OutputMode::Update,
        reference: |_| Box::new(reference::Groups::default()),
        ..PLAIN
    };
    first_rows: Shape {
        sql: "SELECT k, v FROM a LIMIT 5",
        reference: |_| Box::new(reference::FirstRows { left: 5 }),
        ..PLAIN
    };
    duplicates_with_event_time: Shape {
        frame: Some(|a| {
            a.drop_duplicates(&["k", "ts"])
                .select([polars::prelude::col("k"), polars::prelude::col("v")])
        }),
        reference: |_| Box::new(reference::Duplicates::default()),
        ..PLAIN
    };
    duplicates_within_the_watermark: Shape {
        frame: Some(|a| {
            a.drop_duplicates_within_watermark(&["k"])
                .select([polars::prelude::col("k"), polars::prelude::col("v")])
        }),
        reference: |delay_us| Box::new(reference::WithinWatermark::new(delay_us)),
        ..PLAIN
    };
    windows_over_deduplicated_rows: Shape {
        frame: Some(|a| {
            use polars::prelude::{col, len};
            use tidemill::functions::{expr, window};
            a.drop_duplicates(&["k", "ts"])
                .group_by([col("k"), window(col("ts"), "10 seconds")])
                .agg([len().alias("n"), col("v").sum().alias("t")])
                .select([
                    col("k"),
                    expr("unix_micros(window.start)").alias("s"),
                    expr("unix_micros(window.end)").alias("e"),
                    col("n"),
                    col("t"),
                ])
        }),
        reference: |_| {
            Box::new(reference::Chain {
                first: reference::Duplicates::default(),
                then: reference::Windows::new(OutputMode::Append, 10),
            })
        },
        ..PLAIN
    };
    sessions: Shape {
        sql: SESSIONS,
        reference: |_| Box::new(reference::Sessions::default()),
        ..PLAIN
    };
    inner_join: Shape {
        sql: join_sql!("a.k, a.v, unix_micros(a.ts) AS at, b.v AS bv, unix_micros(b.ts) AS bt", "INNER"),
        reference: |_| Box::new(reference::Join::new("inner")),
        ..JOIN
    };
    left_outer_join: Shape {
        sql: join_sql!("a.k, a.v, unix_micros(a.ts) AS at, b.v AS bv, unix_micros(b.ts) AS bt", "LEFT OUTER"),
        drops_null_keys: [false, true],
        reference: |_| Box::new(reference::Join::new("left")),
        ..JOIN
    };
    right_outer_join: Shape {
        sql: join_sql!("b.k, a.v, unix_micros(a.ts) AS at, b.v AS bv, unix_micros(b.ts) AS bt", "RIGHT OUTER"),
        drops_null_keys: [true, false],
        reference: |_| Box::new(reference::Join::new("right")),
        ..JOIN
    };
    full_outer_join: Shape {
        sql: join_sql!("coalesce(a.k, b.k) AS k, a.v, unix_micros(a.ts) AS at, b.v AS bv, unix_micros(b.ts) AS bt", "FULL OUTER"),
        drops_null_keys: [false, false],
        reference: |_| Box::new(reference::Join::new("full")),
        ..JOIN
    };
    left_semi_join: Shape {
        sql: join_sql!("a.k, a.v, unix_micros(a.ts) AS at", "LEFT SEMI"),
        reference: |_| Box::new(reference::Join::new("semi")),
        ..JOIN
    };
    windows_over_a_join: Shape {
        sql: "SELECT k, unix_micros(window.start) AS s, unix_micros(window.end) AS e, count(*) AS n, sum(v) AS t \
              FROM (SELECT a.k, a.v, a.ts FROM a JOIN (SELECT k, ts AS bts FROM b) b ON a.k = b.k \
              AND b.bts >= a.ts - INTERVAL 5 SECONDS AND b.bts < a.ts + INTERVAL 10 SECONDS) \
              GROUP BY k, window(ts, '10 seconds')",
        reference: |_| Box::new(reference::JoinedWindows::default()),
        ..JOIN
    };
}
