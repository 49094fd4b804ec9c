//! Test cases: a query, its input batch by batch, and what it must emit batch by batch.
//!
//! The form is that of the cases recorded from Apache Spark, and users write theirs in it too (`tidemill test`). A case runs
//! through the same loop, write-ahead log and state as any query: memory streams that give one recorded batch per trigger, a
//! memory sink, a checkpoint in a temporary directory, trigger available-now.

mod compare;
mod examples;
mod layout;
mod run;
mod script;
mod values;

pub use examples::{Example, ExampleOutcome};
pub use run::{CaseOptions, run};

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A case file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// One line on what it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Which system gave the expected answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle: Option<String>,
    /// The streams.
    #[serde(default)]
    pub sources: BTreeMap<String, CaseSource>,
    /// The static tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, CaseTable>,
    /// Named views in order; the last is the query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CaseStep>,
    /// A SQL file beside the case, instead of `steps`: its streaming query is the query, its declared tables of the names in
    /// `sources` and `tables` are replaced by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_file: Option<String>,
    /// Which query of `query_file`: a flow's or target's name. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The text of `query_file`; see [`Case::resolve_files`].
    #[serde(skip)]
    pub query_text: Option<String>,
    /// append, update or complete.
    #[serde(default = "append")]
    pub output_mode: String,
    /// Settings of the session, with Spark's keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conf: Option<BTreeMap<String, Value>>,
    /// After so many input batches the query ends and starts again on the same checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_after: Option<Vec<usize>>,
    /// What must come out.
    #[serde(default)]
    pub expected: Expected,
}

fn append() -> String {
    "append".to_owned()
}

/// A stream of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSource {
    /// Spark DDL: `ts TIMESTAMP, k STRING`.
    pub schema: String,
    /// Batch *i* is what is new in trigger *i*; rows are objects.
    pub batches: Vec<Vec<Value>>,
}

/// A static table of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseTable {
    /// Spark DDL.
    pub schema: String,
    /// Rows are objects.
    pub rows: Vec<Value>,
}

/// One view of a case: SQL over earlier names, or a verb that SQL does not have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseStep {
    /// The view's name.
    pub view: String,
    /// A query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// `with_watermark`, `drop_duplicates` or `drop_duplicates_within_watermark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// The view that `op` works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The event-time column of `with_watermark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The delay of `with_watermark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// The key columns of the `drop_duplicates` verbs; all columns if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

/// What must come out of a case: batches, or an error.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The query's schema as Spark's simple string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Every batch that reaches the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Vec<ExpectedBatch>>,
    /// The query must be refused, or fail while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ExpectedError>,
}

/// One batch at the sink.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedBatch {
    /// Its id.
    pub id: u64,
    /// Rows read; information (Spark counts after it has pushed filters into the source).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_rows: Option<u64>,
    /// The watermark that it ran with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
    /// Operators with their number of rows after the batch; information, not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    /// Its rows, in any order.
    pub rows: Vec<Value>,
}

/// An expected error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// Spark's condition; null where Spark has no name for it.
    #[serde(default)]
    pub condition: Option<String>,
    /// The condition of the failing expression, below `STREAM_FAILED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What Spark says; information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected; the text shows the difference.
    Failed(String),
}

impl Case {
    /// Reads a case from JSON.
    ///
    /// # Errors
    ///
    /// `Invalid`, saying where the JSON is not that of a case.
    pub fn parse(json: &str) -> Result<Case> {
        serde_json::from_str(json)
            .map_err(|error| Error::invalid(format!("not a test case: {error}")).with_source(error))
    }

    /// Reads the SQL file that the case names, which lies in `directory`.
    ///
    /// # Errors
    ///
    /// `Invalid`, if it cannot be read.
    pub fn resolve_files(&mut self, directory: &Path) -> Result<()> {
        if let Some(file) = &self.query_file {
            let path = directory.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let path = path.display();
                Error::invalid(format!(
                    "cannot read the query file of the case. path=`{path}`"
                ))
                .with_source(error)
            })?;
            self.query_text = Some(text);
        }
        Ok(())
    }

    /// The case as JSON, a row a line.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn to_json(&self) -> Result<String> {
        let value = serde_json::to_value(self)
            .map_err(|error| Error::internal("a case does not serialize").with_source(error))?;
        Ok(layout::layout(&value))
    }
}
