//! Plans are built by hand-written expressions; what they are is read from `explain` and from the columns.

use super::*;
use crate::expr::{AstCall, AstKind};
use crate::plan::explain::explain;
use crate::plan::{EventTime, JoinType};
use crate::source::memory::MemoryStream;
use crate::types::{parse_ddl_schema, simple_string};

mod grouped;
mod joined;
mod selected;
mod windowed;

/// A stream called `name`, with these columns.
pub(crate) fn stream(name: &str, ddl: &str) -> Arc<LogicalPlan> {
    source(name, ddl, true)
}

/// A table called `name`, with these columns.
pub(crate) fn table(name: &str, ddl: &str) -> Arc<LogicalPlan> {
    source(name, ddl, false)
}

fn source(name: &str, ddl: &str, is_streaming: bool) -> Arc<LogicalPlan> {
    let schema = parse_ddl_schema(ddl).unwrap();
    let memory = MemoryStream::new(Arc::new(schema.clone())).named(name);
    let relation = Relation::Source {
        factory: Arc::new(memory),
        is_streaming,
        name: None,
    };
    alias(&scan(relation, &schema), name)
}

/// The events of most conformance cases.
pub(crate) fn events() -> Arc<LogicalPlan> {
    stream("events", "ts TIMESTAMP, k STRING, v BIGINT")
}

/// The same, with a watermark of ten seconds.
pub(crate) fn watermarked() -> Arc<LogicalPlan> {
    watermark(&events(), &on("ts"), "10 seconds").unwrap()
}

pub(crate) fn on(name: &str) -> EventTimeColumn {
    EventTimeColumn::Name(vec![name.to_owned()])
}

pub(crate) fn n(name: &str) -> Ast {
    Ast::name(name)
}

pub(crate) fn call(name: &str, arguments: &[Ast]) -> Ast {
    Ast::call(name, arguments.to_vec())
}

pub(crate) fn count() -> Ast {
    call("count", &[Ast::star()])
}

pub(crate) fn window(time: Ast, durations: &[&str]) -> Ast {
    let mut arguments = vec![time];
    arguments.extend(durations.iter().map(|duration| Ast::string(duration)));
    call("window", &arguments)
}

/// The columns as Spark's simple string.
pub(crate) fn columns(plan: &LogicalPlan) -> String {
    let columns: Vec<String> = plan
        .schema
        .columns
        .iter()
        .map(|column| format!("{}:{}", column.name, simple_string(&column.data_type)))
        .collect();
    columns.join(",")
}

pub(crate) fn condition<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().condition().unwrap_or("").to_owned()
}

pub(crate) fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().message().to_owned()
}
