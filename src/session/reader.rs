//! `read()` and `read_stream()`: a format, its options and perhaps a schema become a frame.

use crate::error::Result;
use crate::frame::StreamFrame;
use crate::plan::{Relation, builder};
use crate::session::Session;
use crate::session::catalog::ReadAs;
use crate::source::SourceFactory;
use crate::types::parse_ddl_schema;
use arrow::datatypes::{Schema, SchemaRef};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is read if no format is named, as in Spark.
const DEFAULT_FORMAT: &str = "parquet";

/// Describes what to read; [`DataStreamReader::load`] makes a frame of it. Nothing is opened before a query starts.
///
/// ```
/// use tidemill::Session;
///
/// let session = Session::new();
/// let ticks = session.read_stream().format("rate").option("rowsPerSecond", 10).load();
/// assert!(ticks.is_streaming());
/// ```
#[derive(Clone)]
#[must_use = "nothing is read before load"]
pub struct DataStreamReader {
    session: Session,
    is_streaming: bool,
    format: String,
    options: BTreeMap<String, String>,
    schema: Option<Result<SchemaRef>>,
    name: Option<String>,
}

/// Without the values of options, which may be secret.
impl fmt::Debug for DataStreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataStreamReader")
            .field("is_streaming", &self.is_streaming)
            .field("format", &self.format)
            .field("schema", &self.schema)
            .field("name", &self.name)
            .field("options", &self.options.keys())
            .finish_non_exhaustive()
    }
}

impl DataStreamReader {
    pub(crate) fn new(session: &Session, is_streaming: bool) -> DataStreamReader {
        DataStreamReader {
            session: session.clone(),
            is_streaming,
            format: DEFAULT_FORMAT.to_owned(),
            options: BTreeMap::new(),
            schema: None,
            name: None,
        }
    }

    /// The format: `kafka`, `json`, `csv`, `parquet`, `text`, `rate`, `rate-micro-batch`, …. Default `parquet`.
    pub fn format(mut self, format: impl Into<String>) -> DataStreamReader {
        self.format = format.into();
        self
    }

    /// An option of the source. Keys are compared without regard to case; the last value counts.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that callers write a number, not a reference to one"
    )]
    pub fn option(mut self, key: impl Into<String>, value: impl ToString) -> DataStreamReader {
        put_option(&mut self.options, key.into(), value.to_string());
        self
    }

    /// Several options.
    pub fn options<K: Into<String>, V: ToString>(
        mut self,
        options: impl IntoIterator<Item = (K, V)>,
    ) -> DataStreamReader {
        for (key, value) in options {
            put_option(&mut self.options, key.into(), value.to_string());
        }
        self
    }

    /// The columns, in Spark's DDL (`ts TIMESTAMP, v BIGINT`) or as an Arrow schema.
    pub fn schema(mut self, schema: impl IntoSchema) -> DataStreamReader {
        self.schema = Some(schema.into_schema());
        self
    }

    /// A name for this source in the query: its offsets are kept under it, so that sources may be added, removed and put in
    /// another order. In SQL this is `IDENTIFIED BY`.
    pub fn name(mut self, name: impl Into<String>) -> DataStreamReader {
        self.name = Some(name.into());
        self
    }

    /// The frame. What is wrong with format, options or schema is told by whatever is done with the frame.
    pub fn load(self) -> StreamFrame {
        match self.open() {
            Ok(factory) => self.frame_of(factory),
            Err(error) => StreamFrame::failed(&self.session, error),
        }
    }

    /// The frame over files of this path (a file, a folder or a glob).
    pub fn load_path(self, path: impl Into<String>) -> StreamFrame {
        self.option("path", path.into()).load()
    }

    /// A table or view of the session's catalog, with the options given here put over its own.
    pub fn table(self, name: &str) -> StreamFrame {
        let read = ReadAs {
            is_streaming: self.is_streaming,
            options: self.options,
            source_name: self.name.as_deref(),
        };
        StreamFrame::of(&self.session, self.session.relation(name, &read))
    }

    /// The frame over a source that the program made, such as a [`crate::source::memory::MemoryStream`].
    pub fn from_source(self, source: impl SourceFactory + 'static) -> StreamFrame {
        self.frame_of(Arc::new(source))
    }

    fn frame_of(self, factory: Arc<dyn SourceFactory>) -> StreamFrame {
        let schema = factory.schema();
        let relation = Relation::Source {
            factory,
            is_streaming: self.is_streaming,
            name: self.name,
        };
        StreamFrame::of(&self.session, Ok(builder::scan(relation, &schema)))
    }

    fn open(&self) -> Result<Arc<dyn SourceFactory>> {
        let schema = self.schema.clone().transpose()?;
        self.session
            .open_source(&self.format, schema.as_ref(), &self.options)
    }
}

/// What can be given as a schema.
pub trait IntoSchema {
    /// The schema.
    ///
    /// # Errors
    ///
    /// `Invalid` with `PARSE_SYNTAX_ERROR`, if it is text that is no DDL.
    fn into_schema(self) -> Result<SchemaRef>;
}

impl IntoSchema for &str {
    fn into_schema(self) -> Result<SchemaRef> {
        parse_ddl_schema(self)
            .map(Arc::new)
            .map_err(|error| error.with_sql(self))
    }
}

impl IntoSchema for String {
    fn into_schema(self) -> Result<SchemaRef> {
        self.as_str().into_schema()
    }
}

impl IntoSchema for SchemaRef {
    fn into_schema(self) -> Result<SchemaRef> {
        Ok(self)
    }
}

impl IntoSchema for Schema {
    fn into_schema(self) -> Result<SchemaRef> {
        Ok(Arc::new(self))
    }
}

/// Puts an option; one whose key differs by case only is replaced.
pub(super) fn put_option(options: &mut BTreeMap<String, String>, key: String, value: String) {
    options.retain(|known, _| !known.eq_ignore_ascii_case(&key));
    options.insert(key, value);
}

/// Takes an option out, without regard to the case of its key.
pub(super) fn take_option(options: &mut BTreeMap<String, String>, key: &str) -> Option<String> {
    let known = options
        .keys()
        .find(|known| known.eq_ignore_ascii_case(key))?
        .clone();
    options.remove(&known)
}
