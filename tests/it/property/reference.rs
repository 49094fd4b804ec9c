//! The answers, computed the plain way: rows in lists, every question answered by looking at all of them.

use std::collections::{BTreeMap, BTreeSet};
use tidemill::sink::OutputMode;

const SECOND: i64 = 1_000_000;

/// A row of a stream; `ts` in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) k: Option<i64>,
    pub(super) v: i64,
    pub(super) ts: i64,
}

/// A batch as it was run. Watermarks in microseconds.
#[derive(Debug)]
pub(super) struct Executed<'a> {
    pub(super) a: &'a [Event],
    pub(super) b: &'a [Event],
    /// Rows at or before this are late.
    pub(super) late: i64,
    /// State at or before this is over.
    pub(super) eviction: i64,
}

/// What a query answers, batch by batch.
pub(super) trait Reference {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String>;
}

/// The watermark: the least over the streams of the latest time seen less the delay, never going back.
#[derive(Debug)]
pub(super) struct Watermark {
    delay_ms: i64,
    /// Whether rows of each stream without a key are dropped before they are seen: a join that cannot use them drops them first.
    drops_null_keys: [bool; 2],
    latest_ms: Vec<Option<i64>>,
    current: i64,
    before: i64,
}

impl Watermark {
    pub(super) fn new(delay_ms: i64, two_streams: bool, drops_null_keys: [bool; 2]) -> Watermark {
        Watermark {
            delay_ms,
            drops_null_keys,
            latest_ms: vec![None; if two_streams { 2 } else { 1 }],
            current: 0,
            before: 0,
        }
    }

    /// The watermarks of the batch that begins: of the one before, and of this one.
    pub(super) fn begin_batch(&mut self) -> (i64, i64) {
        let late = self.before;
        self.before = self.current;
        (late * 1_000, self.current * 1_000)
    }

    /// What each stream has seen is forgotten, as in Spark; the watermark stays.
    pub(super) fn restart(&mut self) {
        self.latest_ms.fill(None);
    }

    pub(super) fn end_batch(&mut self, a: &[Event], b: &[Event]) {
        let streams = [a, b].into_iter().zip(self.drops_null_keys);
        for (latest, (rows, drops_null_keys)) in self.latest_ms.iter_mut().zip(streams) {
            let seen = rows
                .iter()
                .filter(|row| row.k.is_some() || !drops_null_keys);
            *latest = seen.map(|row| row.ts / 1_000).max().max(*latest);
        }
        let mark =
            |latest: &Option<i64>| latest.map_or(0, |latest| (latest - self.delay_ms).max(0));
        let least = self.latest_ms.iter().map(mark).min().unwrap_or(0);
        self.current = self.current.max(least);
    }
}

fn text(value: Option<i64>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

pub(super) struct Project;

impl Reference for Project {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let kept = batch.a.iter().filter(|row| row.v > 0);
        kept.map(|row| format!("{} {}", text(row.k), row.v * 2))
            .collect()
    }
}

pub(super) struct FirstRows {
    pub(super) left: usize,
}

impl Reference for FirstRows {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let taken = self.left.min(batch.a.len());
        self.left -= taken;
        let rows = batch.a[..taken].iter();
        rows.map(|row| format!("{} {}", text(row.k), row.v))
            .collect()
    }
}

#[derive(Default)]
pub(super) struct Groups(BTreeMap<Option<i64>, (i64, i64)>);

impl Reference for Groups {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        for row in batch.a {
            let (count, sum) = self.0.entry(row.k).or_default();
            *count += 1;
            *sum += row.v;
        }
        let touched: BTreeSet<Option<i64>> = batch.a.iter().map(|row| row.k).collect();
        let line = |k: Option<i64>| format!("{} {} {}", text(k), self.0[&k].0, self.0[&k].1);
        touched.into_iter().map(line).collect()
    }
}

/// Counts and sums in windows of ten seconds.
pub(super) struct Windows {
    mode: OutputMode,
    slide: i64,
    state: BTreeMap<(Option<i64>, i64), (i64, i64)>,
}

impl Windows {
    pub(super) fn new(mode: OutputMode, slide_seconds: i64) -> Windows {
        Windows {
            mode,
            slide: slide_seconds * SECOND,
            state: BTreeMap::new(),
        }
    }

    fn rows(&mut self, rows: &[Event], late: i64, eviction: i64) -> Vec<String> {
        let size = 10 * SECOND;
        let mut touched = BTreeSet::new();
        for row in rows {
            let mut start = row.ts.div_euclid(self.slide) * self.slide;
            while start + size > row.ts {
                if self.mode == OutputMode::Complete || start + size > late {
                    let (count, sum) = self.state.entry((row.k, start)).or_default();
                    *count += 1;
                    *sum += row.v;
                    touched.insert((row.k, start));
                }
                start -= self.slide;
            }
        }
        let is_over = |start: i64| start + size <= eviction;
        let wanted: Vec<_> = match self.mode {
            OutputMode::Append => {
                let all = self.state.keys().copied();
                all.filter(|(_, start)| is_over(*start)).collect()
            }
            OutputMode::Update => touched.into_iter().collect(),
            OutputMode::Complete => self.state.keys().copied().collect(),
        };
        let line = |key: &(Option<i64>, i64)| {
            let (count, sum) = self.state[key];
            format!("{} {} {} {count} {sum}", text(key.0), key.1, key.1 + size)
        };
        let lines = wanted.iter().map(line).collect();
        if self.mode != OutputMode::Complete {
            self.state.retain(|(_, start), _| !is_over(*start));
        }
        lines
    }
}

impl Reference for Windows {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        self.rows(batch.a, batch.late, batch.eviction)
    }
}

/// The first row of each key and time.
#[derive(Default)]
pub(super) struct Duplicates(BTreeSet<(Option<i64>, i64)>);

impl Duplicates {
    fn firsts(&mut self, batch: &Executed<'_>) -> Vec<Event> {
        let timely = batch.a.iter().filter(|row| row.ts > batch.late);
        let firsts = timely.filter(|row| self.0.insert((row.k, row.ts)));
        let firsts = firsts.cloned().collect();
        self.0.retain(|(_, ts)| *ts > batch.eviction);
        firsts
    }
}

impl Reference for Duplicates {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let rows = self.firsts(batch);
        rows.iter()
            .map(|row| format!("{} {}", text(row.k), row.v))
            .collect()
    }
}

/// The first row of each key, until the watermark has passed it by the delay.
pub(super) struct WithinWatermark {
    delay: i64,
    expiries: BTreeMap<Option<i64>, i64>,
}

impl WithinWatermark {
    pub(super) fn new(delay: i64) -> WithinWatermark {
        WithinWatermark {
            delay,
            expiries: BTreeMap::new(),
        }
    }
}

impl Reference for WithinWatermark {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        for row in batch.a.iter().filter(|row| row.ts > batch.late) {
            self.expiries.entry(row.k).or_insert_with(|| {
                lines.push(format!("{} {}", text(row.k), row.v));
                row.ts + self.delay
            });
        }
        self.expiries.retain(|_, expiry| *expiry > batch.eviction);
        lines
    }
}

/// Windows over deduplicated rows.
pub(super) struct Chain {
    pub(super) first: Duplicates,
    pub(super) then: Windows,
}

impl Reference for Chain {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let rows = self.first.firsts(batch);
        self.then.rows(&rows, batch.late, batch.eviction)
    }
}

/// A run of rows with less than five seconds between them, or exactly five.
struct SessionRun {
    k: Option<i64>,
    start: i64,
    end: i64,
    count: i64,
    sum: i64,
}

#[derive(Default)]
pub(super) struct Sessions(Vec<SessionRun>);

impl Reference for Sessions {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let gap = 5 * SECOND;
        for row in batch.a.iter().filter(|row| row.ts + gap > batch.late) {
            let mut merged = SessionRun {
                k: row.k,
                start: row.ts,
                end: row.ts + gap,
                count: 1,
                sum: row.v,
            };
            let meets = |run: &SessionRun, merged: &SessionRun| {
                run.k == merged.k && run.start <= merged.end && merged.start <= run.end
            };
            while let Some(found) = self.0.iter().position(|run| meets(run, &merged)) {
                let run = self.0.swap_remove(found);
                merged.start = merged.start.min(run.start);
                merged.end = merged.end.max(run.end);
                merged.count += run.count;
                merged.sum += run.sum;
            }
            self.0.push(merged);
        }
        let line = |run: &SessionRun| {
            format!(
                "{} {} {} {} {}",
                text(run.k),
                run.start,
                run.end,
                run.count,
                run.sum
            )
        };
        let over = self.0.iter().filter(|run| run.end <= batch.eviction);
        let lines = over.map(line).collect();
        self.0.retain(|run| run.end > batch.eviction);
        lines
    }
}

/// All rows that came in time, and every pair of them that matches. Unmatched rows are told at the very end, when time has gone past
/// everything.
pub(super) struct Join {
    kind: &'static str,
    a: Vec<Event>,
    b: Vec<Event>,
    is_told: bool,
}

/// Whether two rows match: `b.ts` in `[a.ts - 5 s, a.ts + 10 s)`. A null key matches nothing; but in a full outer join of streams Spark
/// takes two nulls for equal, and so do we.
fn matches(kind: &str, a: &Event, b: &Event) -> bool {
    let apart = b.ts - a.ts;
    let is_comparable = a.k.is_some() || kind == "full";
    is_comparable && a.k == b.k && (-5 * SECOND..10 * SECOND).contains(&apart)
}

impl Join {
    pub(super) fn new(kind: &'static str) -> Join {
        Join {
            kind,
            a: Vec::new(),
            b: Vec::new(),
            is_told: false,
        }
    }

    fn line(&self, a: Option<&Event>, b: Option<&Event>) -> String {
        let k = a.or(b).and_then(|row| row.k);
        let part = |row: Option<&Event>| {
            let v = row.map(|row| row.v);
            format!("{} {}", text(v), text(row.map(|row| row.ts)))
        };
        if self.kind == "semi" {
            return format!("{} {}", text(k), part(a));
        }
        format!("{} {} {}", text(k), part(a), part(b))
    }

    fn all(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for a in &self.a {
            let partners: Vec<&Event> =
                self.b.iter().filter(|b| matches(self.kind, a, b)).collect();
            match (self.kind, partners.as_slice()) {
                ("semi", []) => {}
                ("semi", [_, ..]) | ("left" | "full", []) => lines.push(self.line(Some(a), None)),
                (_, partners) => {
                    lines.extend(partners.iter().map(|b| self.line(Some(a), Some(b))));
                }
            }
        }
        if matches!(self.kind, "right" | "full") {
            let alone = self
                .b
                .iter()
                .filter(|b| !self.a.iter().any(|a| matches(self.kind, a, b)));
            lines.extend(alone.map(|b| self.line(None, Some(b))));
        }
        lines
    }
}

/// The rows from far in the future only move the watermark.
fn is_of_this_world(row: &Event) -> bool {
    row.ts < 1_000_000 * SECOND
}

impl Reference for Join {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let in_time = |rows: &[Event]| -> Vec<Event> {
            let rows = rows.iter().filter(|row| row.ts > batch.late);
            rows.cloned().collect()
        };
        self.a.extend(in_time(batch.a));
        self.b.extend(in_time(batch.b));
        let is_end = batch.eviction >= 900_000 * SECOND;
        if !is_end || self.is_told {
            return Vec::new();
        }
        self.is_told = true;
        // The rows of the future match each other as they would in the engine; unmatched they stay in its state.
        self.all()
    }
}

/// Windows of ten seconds over the left rows of all pairs.
#[derive(Default)]
pub(super) struct JoinedWindows {
    join: Option<Join>,
    is_told: bool,
}

impl Reference for JoinedWindows {
    fn batch(&mut self, batch: &Executed<'_>) -> Vec<String> {
        let join = self.join.get_or_insert_with(|| Join::new("inner"));
        join.batch(batch);
        if batch.eviction < 900_000 * SECOND || self.is_told {
            return Vec::new();
        }
        self.is_told = true;
        let pairs: Vec<Event> = join
            .a
            .iter()
            .filter(|a| is_of_this_world(a))
            .flat_map(|a| {
                join.b
                    .iter()
                    .filter(|b| matches("inner", a, b))
                    .map(|_| a.clone())
            })
            .collect();
        Windows::new(OutputMode::Append, 10).rows(&pairs, 0, batch.eviction)
    }
}
