//! What a name means in a session: the plan behind `FROM name`, `STREAM name` and `table(name)`.

use super::pipeline::{self, is_managed};
use super::write_options::WriteOptions;
use super::{Session, reader::put_option};
use crate::catalog::{CatalogEntry, TableDefinition};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{LogicalPlan, Relation, builder};
use crate::sink;
use crate::source::{self, SourceFactory};
use crate::sql::{self, Query, Relations};
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a name is read.
#[derive(Clone, Default)]
pub(super) struct ReadAs<'a> {
    /// `STREAM name`, `read_stream`.
    pub(super) is_streaming: bool,
    /// Options put over those of the table.
    pub(super) options: BTreeMap<String, String>,
    /// `IDENTIFIED BY`.
    pub(super) source_name: Option<&'a str>,
}

impl Session {
    /// The plan of a query.
    pub(super) fn lower(&self, query: &Query) -> Result<Arc<LogicalPlan>> {
        sql::lower_query(query, self)
    }

    /// The plan behind a name; its columns are qualified with it.
    pub(super) fn relation(&self, name: &str, read: &ReadAs<'_>) -> Result<Arc<LogicalPlan>> {
        let entry = self.catalog().get(name)?.clone();
        let plan = match entry {
            CatalogEntry::Table(definition) if is_managed(&definition) => {
                self.managed_table(name, &definition, read)?
            }
            CatalogEntry::Table(definition) => {
                scan(self.open_table(&definition, &read.options)?, read)
            }
            CatalogEntry::Source(factory) => {
                refuse_options(name, read)?;
                scan(factory, read)
            }
            CatalogEntry::View(plan) => {
                refuse_options(name, read)?;
                if read.is_streaming && !plan.is_streaming() {
                    return Err(Error::invalid(format!(
                        "the view reads no stream, so it cannot be read as one. view=`{name}`"
                    ))
                    .with_condition("UNSUPPORTED_STREAMING_TABLE_VALUED_FUNCTION"));
                }
                plan
            }
        };
        Ok(builder::alias(&plan, name))
    }
}

impl Relations for Session {
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>> {
        if let [format, path] = name
            && !DEFAULT_SCHEMA.eq_ignore_ascii_case(format)
            && !self.catalog().contains(&name.join("."))
        {
            return self.files_at(format, path);
        }
        self.relation(&table_name(name), &ReadAs::default())
    }

    fn stream(
        &self,
        name: &[String],
        options: &BTreeMap<String, String>,
        identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        let read = ReadAs {
            is_streaming: true,
            options: options.clone(),
            source_name: identified_by,
        };
        self.relation(&table_name(name), &read)
    }
}

/// The name of the catalog, as in Spark.
const CATALOG: &str = "spark_catalog";

/// The name of the only schema there is, as in Spark.
const DEFAULT_SCHEMA: &str = "default";

/// The name in the session's catalog that a name of several parts stands for: `spark_catalog.default.t` and `default.t` are `t`.
pub(super) fn table_name(parts: &[String]) -> String {
    let of_default = |parts: &[String]| match parts {
        [schema, table] if schema.eq_ignore_ascii_case(DEFAULT_SCHEMA) => Some(table.clone()),
        _ => None,
    };
    let within = match parts {
        [catalog, rest @ ..] if catalog.eq_ignore_ascii_case(CATALOG) => of_default(rest),
        _ => of_default(parts),
    };
    within.unwrap_or_else(|| parts.join("."))
}

/// The names of a session as a materialized view sees them: what only ever grows is read as a stream, so that the view is kept up to
/// date with it. That are streaming tables and other managed ones, Kafka topics, and sources that generate rows; files that are
/// declared with `CREATE TABLE` are tables unless the view says `STREAM`.
pub(super) struct Growing<'a>(pub(super) &'a Session);

impl Growing<'_> {
    fn grows(&self, name: &str) -> bool {
        match self.0.catalog().get(name) {
            Ok(CatalogEntry::Table(definition)) => {
                (is_managed(definition) && !definition.properties.contains_key(RESULTS))
                    || GROWING_FORMATS.contains(&definition.format.to_lowercase().as_str())
            }
            _ => false,
        }
    }
}

impl Relations for Growing<'_> {
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>> {
        if self.grows(&table_name(name)) {
            return self.stream(name, &BTreeMap::new(), None);
        }
        Relations::table(self.0, name)
    }

    fn stream(
        &self,
        name: &[String],
        options: &BTreeMap<String, String>,
        identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        self.0.stream(name, options, identified_by)
    }
}

/// Formats whose tables have no end.
const GROWING_FORMATS: [&str; 3] = ["kafka", "rate", "rate-micro-batch"];

/// The table property that says that each batch replaces the rows of the table: it can be read as a table only.
pub(super) const RESULTS: &str = "tidemill.results";

/// The table property that says that a table's folder is the warehouse's.
pub(super) const MANAGED: &str = "tidemill.managed";

/// Makes the folder of a managed table: it may be read before its first batch is written.
///
/// # Errors
///
/// `Unavailable`, naming the folder.
pub(super) fn make_folder(definition: &TableDefinition) -> Result<()> {
    let folder = definition.options.get("path").map_or("", String::as_str);
    std::fs::create_dir_all(folder).map_err(|cause| {
        let message = format!("cannot create the folder of a table. path=`{folder}`");
        Error::new(ErrorKind::Unavailable, message).with_source(cause)
    })
}

/// Formats whose text is read and written in a time zone.
const ZONED_FORMATS: [&str; 2] = ["csv", "json"];

/// Kafka is one of them if values are text; Spark's columns are bytes.
const KAFKA: &str = "kafka";

/// The options of a source or sink, with the session's time zone where the format needs one and the user names none.
pub(super) fn with_time_zone(
    session: &Session,
    format: &str,
    options: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut options = options.clone();
    let is_given = |wanted: &str| options.keys().any(|key| key.eq_ignore_ascii_case(wanted));
    let is_zoned = ZONED_FORMATS
        .iter()
        .any(|zoned| zoned.eq_ignore_ascii_case(format))
        || (format.eq_ignore_ascii_case(KAFKA) && is_given("value.format"));
    if is_zoned && !is_given("timeZone") {
        options.insert("timeZone".to_owned(), session.settings().query.time_zone);
    }
    options
}

impl Session {
    /// A table of the warehouse: the rows of all flows that fill it.
    fn managed_table(
        &self,
        name: &str,
        definition: &TableDefinition,
        read: &ReadAs<'_>,
    ) -> Result<Arc<LogicalPlan>> {
        if read.is_streaming && definition.properties.contains_key(RESULTS) {
            return Err(Error::invalid(format!(
                "the rows of this materialized view change with every batch, so it cannot be read as a stream: read it without STREAM, or read what it is made of. view=`{name}`"
            )));
        }
        let parts = pipeline::parts(self, name, definition)?;
        let is_only = parts.len() == 1;
        let scans = parts
            .iter()
            .map(|(flow, part)| {
                let own = read.source_name.map(|source| format!("{source}/{flow}"));
                let read = ReadAs {
                    source_name: if is_only {
                        read.source_name
                    } else {
                        own.as_deref()
                    },
                    ..read.clone()
                };
                Ok(scan(self.open_table(part, &read.options)?, &read))
            })
            .collect::<Result<Vec<_>>>()?;
        match scans.as_slice() {
            [only] => Ok(Arc::clone(only)),
            scans => builder::union(scans),
        }
    }

    /// What a table is called in the checkpoint of a query that reads it; nothing, if it cannot be read.
    pub(super) fn source_name(&self, definition: &TableDefinition) -> Option<String> {
        let source = self.open_table(definition, &BTreeMap::new()).ok()?;
        Some(source.checkpoint_name())
    }

    /// Opens the source that a declared table is.
    fn open_table(
        &self,
        definition: &TableDefinition,
        read_options: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn SourceFactory>> {
        let mut options = definition.options.clone();
        for (key, value) in read_options {
            put_option(&mut options, key.clone(), value.clone());
        }
        // A table can be read and written; one that can only be read has no use for how it is written.
        if sink::registry::is_known(&definition.format) {
            WriteOptions::take_from(&mut options)?;
        }
        self.open_source(&definition.format, definition.columns.as_ref(), &options)
            .map_err(|error| definition.written.place(error))
    }

    /// Opens a source by its format.
    pub(super) fn open_source(
        &self,
        format: &str,
        schema: Option<&SchemaRef>,
        options: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn SourceFactory>> {
        let options = with_time_zone(self, format, options);
        source::registry::open(format, schema, &options)
    }

    /// Files named in a query: ``FROM json.`path` ``, read as a table.
    fn files_at(&self, format: &str, path: &str) -> Result<Arc<LogicalPlan>> {
        let options = BTreeMap::from([("path".to_owned(), path.to_owned())]);
        let factory = self.open_source(format, None, &options)?;
        Ok(scan(factory, &ReadAs::default()))
    }
}

fn scan(factory: Arc<dyn SourceFactory>, read: &ReadAs<'_>) -> Arc<LogicalPlan> {
    let schema = factory.schema();
    let relation = Relation::Source {
        factory,
        is_streaming: read.is_streaming,
        name: read.source_name.map(str::to_owned),
    };
    builder::scan(relation, &schema)
}

/// A name that is no declared table has no options, and no source of its own to be named.
fn refuse_options(name: &str, read: &ReadAs<'_>) -> Result<()> {
    if let Some(key) = read.options.keys().next() {
        return Err(Error::invalid(format!(
            "only a declared table takes options where it is read. name=`{name}`, option=`{key}`"
        )));
    }
    Ok(())
}
