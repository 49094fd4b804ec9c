//! [`Session`]: where a program starts. It holds settings, names ([`Catalog`]) and the queries that run.
//!
//! - [`Session::read`] and [`Session::read_stream`] make frames of formats and options ([`reader`](DataStreamReader)).
//! - [`StreamFrame::write_stream`] describes a query and starts it ([`writer`](DataStreamWriter)).
//! - [`Session::sql`] makes a frame of a query; [`Session::run_script`] runs a file of statements against the catalog and gives what
//!   it made: flows to start, and tables to show.
//! - [`Session::streams`] knows the queries that run.
//!
//! A session is a handle: clones share everything.

mod catalog;
mod checkpoint_location;
mod describe;
mod insert;
mod memory_table;
mod pipeline;
mod reader;
mod script;
mod settings;
mod start;
mod streams;
#[cfg(test)]
mod tests;
mod write_options;
mod writer;

pub use pipeline::rounds;
pub use reader::{DataStreamReader, IntoSchema};
pub use script::{Flow, ScriptOutput};
pub use settings::Settings;
pub use streams::StreamingQueryManager;
pub use write_options::parse_trigger;
pub use writer::DataStreamWriter;

use crate::catalog::{Catalog, CatalogEntry};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::frame::StreamFrame;
use crate::function::user::{AggregateUdf, ScalarUdf, UserFunction, UserFunctions};
use crate::sql;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The folder of the warehouse where managed tables keep their checkpoints.
const CHECKPOINTS: &str = "_checkpoints";

/// A session. Clones are the same session.
///
/// ```
/// use tidemill::Session;
///
/// let session = Session::builder().time_zone("Europe/Berlin").state_partitions(4).build()?;
/// let frame = session.sql("SELECT id, id * 2 AS twice FROM VALUES (1), (2) AS t(id)");
/// assert_eq!(frame.columns()?, ["id", "twice"]);
/// # Ok::<(), tidemill::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What the clones of a session share.
struct Shared {
    settings: RwLock<Settings>,
    catalog: RwLock<Catalog>,
    functions: RwLock<UserFunctions>,
    clock: Arc<dyn Clock>,
    streams: StreamingQueryManager,
}

impl Session {
    /// A session with default settings.
    pub fn new() -> Session {
        Session::with(Settings::default(), Arc::new(SystemClock::new()))
    }

    /// Describes a session.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    fn with(settings: Settings, clock: Arc<dyn Clock>) -> Session {
        Session {
            shared: Arc::new(Shared {
                settings: RwLock::new(settings),
                catalog: RwLock::default(),
                functions: RwLock::default(),
                clock,
                streams: StreamingQueryManager::default(),
            }),
        }
    }

    /// The settings as they are now. A query keeps those it was started with.
    pub fn settings(&self) -> Settings {
        self.shared
            .settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets one of Spark's configuration keys, as `SET key = value`.
    ///
    /// # Errors
    ///
    /// `Invalid`: an unknown key (with the nearest known one), or a value that it cannot have.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        self.change_settings(|settings| settings.set(key, value))
    }

    fn change_settings(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        let mut settings = self
            .shared
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut settings)
    }

    /// Reads tables: once, when a query starts or [`StreamFrame::collect`] is called.
    pub fn read(&self) -> DataStreamReader {
        DataStreamReader::new(self, false)
    }

    /// Reads streams.
    pub fn read_stream(&self) -> DataStreamReader {
        DataStreamReader::new(self, true)
    }

    /// A static frame of rows that the program has: a polars `DataFrame` or `LazyFrame`.
    pub fn frame(&self, rows: impl Into<StreamFrame>) -> StreamFrame {
        rows.into().in_session(self)
    }

    /// A table or view of the catalog. A view over a stream is a stream; a declared table is read as a table (as a stream by
    /// `read_stream().table(name)`).
    pub fn table(&self, name: &str) -> StreamFrame {
        self.read().table(name)
    }

    /// Gives a frame a name that SQL finds, replacing what had it.
    ///
    /// # Errors
    ///
    /// The error that the frame holds.
    pub fn create_temp_view(&self, name: &str, frame: &StreamFrame) -> Result<()> {
        let plan = Arc::clone(frame.plan()?);
        self.catalog_mut().put(name, CatalogEntry::View(plan));
        Ok(())
    }

    /// Takes the name of a view away; whether there was such a view. Queries that use it go on.
    pub fn drop_temp_view(&self, name: &str) -> bool {
        let mut catalog = self.catalog_mut();
        let is_view = matches!(catalog.get(name), Ok(CatalogEntry::View(_)));
        is_view && catalog.remove(name).is_some()
    }

    /// The names of the catalog, in order.
    pub fn table_names(&self) -> Vec<String> {
        self.catalog().names().map(str::to_owned).collect()
    }

    /// Registers a function of one row, for SQL and for [`crate::functions::call`]. Views and queries that were made before do not know it.
    ///
    /// # Errors
    ///
    /// `Invalid` with `ROUTINE_ALREADY_EXISTS`, if a built-in function or one of this session has the name.
    pub fn register_function(&self, function: ScalarUdf) -> Result<()> {
        self.register(function.into())
    }

    /// Registers a function of a group of rows, as [`Session::register_function`]. A streaming query keeps its state in the checkpoint; to go
    /// on after a restart the program registers it again, under the same name and with the same types.
    ///
    /// # Errors
    ///
    /// As [`Session::register_function`].
    pub fn register_aggregate(&self, function: AggregateUdf) -> Result<()> {
        self.register(function.into())
    }

    fn register(&self, function: UserFunction) -> Result<()> {
        self.shared
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .register(function)
    }

    /// The functions that were registered.
    pub(crate) fn functions(&self) -> UserFunctions {
        self.shared
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One query in SQL as a frame. What is wrong with it is told, with its place in the text, by whatever is done with the frame.
    pub fn sql(&self, text: &str) -> StreamFrame {
        let plan =
            sql::parse_query_with(text, &self.functions()).and_then(|query| self.lower(&query));
        StreamFrame::of(self, plan)
    }

    /// Runs a file of statements in order: declarations go into the catalog, settings are set. What is to be started or shown is given back,
    /// in order; nothing is started.
    ///
    /// ```
    /// use tidemill::{Session, Trigger, session::ScriptOutput};
    ///
    /// let session = Session::new();
    /// let script = "
    ///     CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch 10);
    ///     CREATE TABLE nowhere USING noop;
    ///     CREATE FLOW odd AS INSERT INTO nowhere SELECT value FROM STREAM ticks WHERE value % 2 = 1;
    /// ";
    /// for output in session.run_script(script)? {
    ///     if let ScriptOutput::Flow(mut flow) = output {
    ///         flow.trigger = Trigger::Once;
    ///         flow.checkpoint_location = None;
    ///         flow.start(&session)?.await_termination(None)?;
    ///     }
    /// }
    /// # Ok::<(), tidemill::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first error, with its place in the text; what was declared before it stays.
    pub fn run_script(&self, text: &str) -> Result<Vec<ScriptOutput>> {
        script::run(self, text)
    }

    /// The queries of this session.
    pub fn streams(&self) -> &StreamingQueryManager {
        &self.shared.streams
    }

    /// Where time comes from.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.shared
            .catalog
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.shared
            .catalog
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("tables", &self.table_names())
            .finish_non_exhaustive()
    }
}

/// Describes a session; [`SessionBuilder::build`] makes it.
#[derive(Debug, Default)]
#[must_use = "the session is made by build"]
pub struct SessionBuilder {
    settings: Settings,
    clock: Option<Arc<dyn Clock>>,
    error: Option<Error>,
}

impl SessionBuilder {
    /// What text without a zone means and how times are written: an IANA name, or an offset such as `+02:00`. Default `UTC`.
    pub fn time_zone(self, zone: &str) -> SessionBuilder {
        self.config("spark.sql.session.timeZone", zone)
    }

    /// Into how many partitions the state of a new query is cut, 1 to 256. Default: the number of cores.
    pub fn state_partitions(self, partitions: usize) -> SessionBuilder {
        self.config("spark.sql.shuffle.partitions", partitions)
    }

    /// Where queries without an own location keep their checkpoint, each in a folder of its name.
    pub fn checkpoint_root(mut self, root: impl Into<PathBuf>) -> SessionBuilder {
        self.settings.checkpoint_root = Some(root.into());
        self
    }

    /// Where streaming tables and materialized views live. Default `warehouse`.
    pub fn warehouse(mut self, warehouse: impl Into<PathBuf>) -> SessionBuilder {
        self.settings.warehouse = warehouse.into();
        self
    }

    /// Any setting, by Spark's key.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that callers write a number, not a reference to one"
    )]
    pub fn config(mut self, key: &str, value: impl ToString) -> SessionBuilder {
        if let Err(error) = self.settings.set(key, &value.to_string()) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Where time comes from. Default: the machine.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> SessionBuilder {
        self.clock = Some(clock);
        self
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// `Invalid`: the first setting that is unknown or has a bad value.
    pub fn build(self) -> Result<Session> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        Ok(Session::with(self.settings, clock))
    }
}
