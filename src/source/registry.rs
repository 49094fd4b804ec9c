//! The sources by the name of their format: what `USING format OPTIONS (…)` and `read_stream().format(…)` open.

use crate::error::{Error, Result};
use crate::options::hint;
use crate::source::SourceFactory;
use crate::source::file::FileSourceFactory;
use crate::source::kafka::KafkaSourceFactory;
use crate::source::rate::RateSourceFactory;
use crate::source::rate_micro_batch::RateMicroBatchFactory;
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads options into a source; the schema is what the user declared, if anything.
type OpenSource =
    fn(Option<&SchemaRef>, &BTreeMap<String, String>) -> Result<Arc<dyn SourceFactory>>;

/// Every format that can be read, by name.
const FORMATS: &[(&str, OpenSource)] = &[
    ("csv", |schema, options| files("csv", schema, options)),
    ("json", |schema, options| files("json", schema, options)),
    ("kafka", kafka),
    ("parquet", |schema, options| {
        files("parquet", schema, options)
    }),
    ("rate", rate),
    ("rate-micro-batch", rate_micro_batch),
    ("text", |schema, options| files("text", schema, options)),
];

/// A source of `format` (without regard to case), with the columns the user declared, if any.
///
/// # Errors
///
/// `Invalid`: an unknown format (`DATA_SOURCE_NOT_FOUND`), an unknown option, a bad value, columns that the source does
/// not take. `Unavailable`, if what must be looked at to know the columns is not there.
pub fn open(
    format: &str,
    schema: Option<&SchemaRef>,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn SourceFactory>> {
    let wanted = format.to_lowercase();
    match FORMATS.iter().find(|(name, _)| *name == wanted) {
        Some((_, open)) => open(schema, options),
        None if wanted == "memory" => Err(Error::unsupported(
            "the memory source by its name: a program makes a MemoryStream and gives it to the session, so `USING memory`",
        )),
        None => Err(unknown(format)),
    }
}

fn kafka(
    schema: Option<&SchemaRef>,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn SourceFactory>> {
    Ok(Arc::new(KafkaSourceFactory::new(schema.cloned(), options)?))
}

fn files(
    format: &str,
    schema: Option<&SchemaRef>,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn SourceFactory>> {
    let factory = FileSourceFactory::new(format, schema, options)?;
    Ok(Arc::new(factory))
}

fn rate(
    schema: Option<&SchemaRef>,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn SourceFactory>> {
    Ok(Arc::new(RateSourceFactory::new(schema, options)?))
}

fn rate_micro_batch(
    schema: Option<&SchemaRef>,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn SourceFactory>> {
    let factory = RateMicroBatchFactory::new(schema, options)?;
    Ok(Arc::new(factory))
}

fn unknown(format: &str) -> Error {
    let hint = hint(format, FORMATS.iter().map(|(name, _)| *name), "");
    Error::invalid(format!(
        "there is no source of this format{hint} format=`{format}`"
    ))
    .with_condition("DATA_SOURCE_NOT_FOUND")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_refused_by_name() {
        let error = open("jsonn", None, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.condition(), Some("DATA_SOURCE_NOT_FOUND"));
    }
}
