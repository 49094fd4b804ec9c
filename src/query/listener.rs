//! Who wants to know how queries are doing: Spark's `StreamingQueryListener` and its events.

use crate::progress::StreamingQueryProgress;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use uuid::Uuid;

/// Is told what happens to a query, in order, on the query's own thread: the next batch waits until it returns.
pub trait QueryListener: Send + Sync + Debug {
    /// The query has opened its checkpoint, its sources and its sink. Comes before `start()` returns.
    fn on_query_started(&self, event: &QueryStarted) {
        let _ = event;
    }

    /// A batch was committed.
    fn on_query_progress(&self, progress: &StreamingQueryProgress) {
        let _ = progress;
    }

    /// Nothing has come in for some time, `spark.sql.streaming.noDataProgressEventInterval`.
    fn on_query_idle(&self, event: &QueryIdle) {
        let _ = event;
    }

    /// The query has ended, in order or not.
    fn on_query_terminated(&self, event: &QueryTerminated) {
        let _ = event;
    }
}

/// A query was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryStarted {
    /// The query's id.
    #[serde(with = "crate::uuid_text")]
    pub id: Uuid,
    /// This run's id.
    #[serde(with = "crate::uuid_text")]
    pub run_id: Uuid,
    /// The query's name, if it has one.
    pub name: Option<String>,
    /// When, ISO 8601 in UTC.
    pub timestamp: String,
}

/// A query waits for data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryIdle {
    /// The query's id.
    #[serde(with = "crate::uuid_text")]
    pub id: Uuid,
    /// This run's id.
    #[serde(with = "crate::uuid_text")]
    pub run_id: Uuid,
    /// When, ISO 8601 in UTC.
    pub timestamp: String,
}

/// A query has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryTerminated {
    /// The query's id.
    #[serde(with = "crate::uuid_text")]
    pub id: Uuid,
    /// This run's id.
    #[serde(with = "crate::uuid_text")]
    pub run_id: Uuid,
    /// The error that ended it, if one did.
    pub exception: Option<String>,
    /// Spark's name of that error.
    pub error_class_on_exception: Option<String>,
}
