//! What only a whole session shows: SQL and the DataFrame API build the same plans, scripts run, queries run.

mod chance;
mod queries;
mod same_plans;
mod scripts;
mod source_filters;
mod source_names;
mod subqueries;
mod user_functions;

use super::*;
use crate::source::memory::MemoryStream;
use crate::types::parse_ddl_schema;
use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;

/// The columns of `events`.
const EVENTS: &str = "k STRING, v INT, ts TIMESTAMP";

fn schema(ddl: &str) -> SchemaRef {
    Arc::new(parse_ddl_schema(ddl).unwrap())
}

/// A session that knows the streams `events` and `posts`, and the first of them.
fn session_with_events() -> (Session, MemoryStream) {
    let session = Session::new();
    let stream = MemoryStream::new(schema(EVENTS)).named("events");
    let entry = CatalogEntry::Source(Arc::new(stream.clone()));
    session.catalog_mut().put("events", entry);
    let posts = MemoryStream::new(schema("tags ARRAY<STRING>, v INT")).named("posts");
    let entry = CatalogEntry::Source(Arc::new(posts));
    session.catalog_mut().put("posts", entry);
    (session, stream)
}

/// Rows of `events`: key, value, second.
fn events(rows: &[(&str, i32, i64)]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>());
    let values: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int32Array>());
    let times = rows.iter().map(|row| Some(row.2 * 1_000_000));
    let times = times
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC");
    RecordBatch::try_new(schema(EVENTS), vec![keys, values, Arc::new(times)]).unwrap()
}
