//! The sinks by the name of their format: what `INSERT INTO t` with `t USING format` and `write_stream().format(…)` open.

use crate::error::{Error, Result};
use crate::options::{Options, hint};
use crate::sink::SinkFactory;
use crate::sink::console::ConsoleSink;
use crate::sink::file::FileSinkFactory;
use crate::sink::kafka::KafkaSinkFactory;
use crate::sink::noop::NoopSink;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads options and partition columns into a sink.
type OpenSink = fn(&BTreeMap<String, String>, &[String]) -> Result<Arc<dyn SinkFactory>>;

/// Every format that can be written, by name.
const FORMATS: &[(&str, OpenSink)] = &[
    ("console", console),
    ("csv", |options, columns| files("csv", options, columns)),
    ("json", |options, columns| files("json", options, columns)),
    ("kafka", kafka),
    ("noop", noop),
    ("parquet", |options, columns| {
        files("parquet", options, columns)
    }),
    ("text", |options, columns| files("text", options, columns)),
];

/// A sink of `format` (without regard to case) whose rows are partitioned by these columns (files only).
///
/// # Errors
///
/// `Invalid`: an unknown format (`DATA_SOURCE_NOT_FOUND`), an unknown option, a bad value, partition columns where
/// there are no partitions.
pub fn open(
    format: &str,
    options: &BTreeMap<String, String>,
    partition_by: &[String],
) -> Result<Arc<dyn SinkFactory>> {
    let wanted = format.to_lowercase();
    match FORMATS.iter().find(|(name, _)| *name == wanted) {
        Some((_, open)) => open(options, partition_by),
        None if wanted == "memory" => Err(Error::unsupported(
            "the memory sink by its name: a program makes a MemorySink and gives it to the query, so `format(\"memory\")`",
        )),
        None => Err(unknown(format)),
    }
}

/// Whether a table of this format can be written.
pub fn is_known(format: &str) -> bool {
    FORMATS
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case(format))
}

fn unknown(format: &str) -> Error {
    let hint = hint(format, FORMATS.iter().map(|(name, _)| *name), "");
    Error::invalid(format!(
        "there is no sink of this format{hint} format=`{format}`"
    ))
    .with_condition("DATA_SOURCE_NOT_FOUND")
}

/// Refuses partition columns for a sink that has no partitions.
fn refuse_partitions(format: &str, partition_by: &[String]) -> Result<()> {
    match partition_by.first() {
        None => Ok(()),
        Some(column) => Err(Error::invalid(format!(
            "the {format} sink is not partitioned by columns. column=`{column}`"
        ))),
    }
}

fn kafka(
    options: &BTreeMap<String, String>,
    partition_by: &[String],
) -> Result<Arc<dyn SinkFactory>> {
    refuse_partitions("kafka", partition_by)?;
    Ok(Arc::new(KafkaSinkFactory::new(options)?))
}

fn files(
    format: &str,
    options: &BTreeMap<String, String>,
    partition_by: &[String],
) -> Result<Arc<dyn SinkFactory>> {
    let factory = FileSinkFactory::new(format, options, partition_by)?;
    Ok(Arc::new(factory))
}

fn console(
    options: &BTreeMap<String, String>,
    partition_by: &[String],
) -> Result<Arc<dyn SinkFactory>> {
    refuse_partitions("console", partition_by)?;
    Ok(Arc::new(ConsoleSink::new(options)?))
}

fn noop(
    options: &BTreeMap<String, String>,
    partition_by: &[String],
) -> Result<Arc<dyn SinkFactory>> {
    refuse_partitions("noop", partition_by)?;
    Options::new("noop sink", options.clone()).finish()?;
    Ok(Arc::new(NoopSink))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_refused_with_the_nearest_known_one() {
        let error = open("nop", &BTreeMap::new(), &[]).unwrap_err();
        assert_eq!(error.condition(), Some("DATA_SOURCE_NOT_FOUND"));
        assert!(error.to_string().contains("did you mean `noop`"), "{error}");
    }

    #[test]
    fn only_files_are_partitioned() {
        let error = open("noop", &BTreeMap::new(), &["day".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("column=`day`"), "{error}");
    }
}
