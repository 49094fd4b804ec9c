//! What a case gave against what it must give, as a text that shows the difference.

use super::values::same;
use super::{Expected, ExpectedBatch, ExpectedError};
use crate::error::Error;
use serde_json::Value;

/// How many differing rows a report shows.
const SHOWN: usize = 10;

/// A batch that reached the sink.
#[derive(Debug, Clone)]
pub(super) struct ActualBatch {
    pub(super) id: u64,
    pub(super) watermark: Option<String>,
    pub(super) input_rows: u64,
    pub(super) rows: Vec<Vec<Value>>,
}

/// What a case gave.
#[derive(Debug, Default)]
pub(super) struct Actual {
    pub(super) schema: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) batches: Vec<ActualBatch>,
}

impl Actual {
    /// As the expectation of a case.
    pub(super) fn to_expected(&self) -> Expected {
        let batch = |batch: &ActualBatch| ExpectedBatch {
            id: batch.id,
            input_rows: Some(batch.input_rows),
            watermark: batch.watermark.clone(),
            state: None,
            rows: batch.rows.iter().map(|row| self.object(row)).collect(),
        };
        Expected {
            schema: self.schema.clone(),
            batches: Some(self.batches.iter().map(batch).collect()),
            error: None,
        }
    }

    fn object(&self, row: &[Value]) -> Value {
        self.columns
            .iter()
            .cloned()
            .zip(row.iter().cloned())
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// The difference, if there is one.
pub(super) fn difference(expected: &Expected, actual: &Actual) -> Option<String> {
    let mut report = String::new();
    if let (Some(expected), Some(actual)) = (&expected.schema, &actual.schema)
        && expected != actual
    {
        report += &format!("schema\n  expected {expected}\n  actual   {actual}\n");
    }
    let none = Vec::new();
    let batches = expected.batches.as_ref().unwrap_or(&none);
    for wanted in batches {
        match actual.batches.iter().find(|batch| batch.id == wanted.id) {
            Some(batch) => compare_batch(wanted, batch, actual, &mut report),
            None => {
                report += &format!("batch {} did not run\n", wanted.id);
            }
        }
    }
    for batch in &actual.batches {
        if !batches.iter().any(|wanted| wanted.id == batch.id) {
            let rows = batch.rows.len();
            report += &format!("batch {} ran but is not expected, rows={rows}\n", batch.id);
        }
    }
    (!report.is_empty()).then_some(report)
}

fn compare_batch(
    wanted: &ExpectedBatch,
    batch: &ActualBatch,
    actual: &Actual,
    report: &mut String,
) {
    if let (Some(wanted), Some(watermark)) = (&wanted.watermark, &batch.watermark)
        && wanted != watermark
    {
        let id = batch.id;
        *report += &format!("batch {id} watermark\n  expected {wanted}\n  actual   {watermark}\n");
    }
    let mut extra: Vec<Value> = batch.rows.iter().map(|row| actual.object(row)).collect();
    let mut missing = Vec::new();
    for row in &wanted.rows {
        match extra.iter().position(|candidate| same(candidate, row)) {
            Some(found) => {
                extra.swap_remove(found);
            }
            None => missing.push(row),
        }
    }
    if missing.is_empty() && extra.is_empty() {
        return;
    }
    *report += &format!("batch {}\n", batch.id);
    for row in missing.iter().take(SHOWN) {
        *report += &format!("  - {row}\n");
    }
    for row in extra.iter().take(SHOWN) {
        *report += &format!("  + {row}\n");
    }
    let hidden = missing.len().saturating_sub(SHOWN) + extra.len().saturating_sub(SHOWN);
    if hidden > 0 {
        *report += &format!("  … and {hidden} more\n");
    }
}

/// Whether an error is the expected one; if not, what differs.
pub(super) fn error_difference(expected: &ExpectedError, actual: &Error) -> Option<String> {
    let conditions = conditions(actual);
    let has = |wanted: &String| {
        conditions
            .iter()
            .any(|condition| is_condition(condition, wanted))
    };
    let wanted: Vec<&String> = expected
        .cause
        .iter()
        .chain(
            expected
                .condition
                .iter()
                .filter(|_| expected.cause.is_none()),
        )
        .collect();
    // It says only that Spark found out when the query ran: any refusal is that.
    let says_nothing =
        expected.cause.is_none() && expected.condition.as_deref() == Some("STREAM_FAILED");
    if says_nothing || wanted.iter().all(|wanted| has(wanted)) {
        return None;
    }
    Some(format!(
        "error\n  expected {}\n  actual   {}\n",
        wanted
            .iter()
            .map(|wanted| wanted.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        full_text(actual)
    ))
}

/// A condition may be given without its subclass.
fn is_condition(condition: &str, wanted: &str) -> bool {
    condition == wanted
        || condition
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with('.'))
}

/// The conditions of an error and its causes.
pub(super) fn conditions(error: &Error) -> Vec<String> {
    let mut found: Vec<String> = error.condition().map(str::to_owned).into_iter().collect();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<Error>() {
            found.extend(cause.condition().map(str::to_owned));
        }
        source = cause.source();
    }
    found
}

/// An error with its causes, one per line.
pub(super) fn full_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!("\n  caused by: {cause}");
        source = cause.source();
    }
    text
}
