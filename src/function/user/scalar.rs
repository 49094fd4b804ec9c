//! Functions of one row, from closures over Arrow arrays or polars columns.

use super::columns::{from_column, refused_by_polars, to_columns};
use super::{Closure, checked, guarded};
use crate::error::Result;
use crate::expr::{Expr, Value};
use crate::function::Signature;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use polars::prelude::{Column, PolarsResult};
use std::fmt;
use std::sync::Arc;

/// Computes a column.
type Body = dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync;

/// A function of one row, computed for whole columns. Register it with [`crate::Session::register_function`].
///
/// ```
/// use arrow::array::{ArrayRef, AsArray, Float64Array};
/// use arrow::datatypes::{DataType, Float64Type};
/// use polars::prelude::col;
/// use std::sync::Arc;
/// use tidemill::Session;
/// use tidemill::function::user::ScalarUdf;
/// use tidemill::functions::call;
///
/// let session = Session::new();
/// session.register_function(ScalarUdf::new(
///     "fahrenheit",
///     [DataType::Float64],
///     DataType::Float64,
///     |arguments| {
///         let celsius = arguments[0].as_primitive::<Float64Type>();
///         let result: Float64Array = celsius.unary(|degrees| degrees * 1.8 + 32.0);
///         Ok(Arc::new(result) as ArrayRef)
///     },
/// ))?;
/// let in_sql = session.sql("SELECT fahrenheit(c) AS f FROM VALUES (0D), (100D) AS t(c)");
/// assert_eq!(in_sql.collect()?.column("f")?.f64()?.get(1), Some(212.0));
/// let frame = session.sql("SELECT 20D AS c").select([call("fahrenheit", [col("c")]).alias("f")]);
/// assert_eq!(frame.collect()?.column("f")?.f64()?.get(0), Some(68.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScalarUdf {
    name: String,
    arguments: Vec<DataType>,
    returns: DataType,
    is_deterministic: bool,
    body: Arc<Body>,
}

impl ScalarUdf {
    /// A function over Arrow arrays: it gets one array of the type asked for each argument, all of one length and with their nulls, and gives
    /// one of that length and of type `returns`. A function without arguments gives one value, which holds for all rows of a slice.
    pub fn new(
        name: impl Into<String>,
        arguments: impl Into<Vec<DataType>>,
        returns: DataType,
        body: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> ScalarUdf {
        ScalarUdf {
            name: name.into(),
            arguments: arguments.into(),
            returns,
            is_deterministic: true,
            body: Arc::new(body),
        }
    }

    /// A function over polars columns, named `arg1`, `arg2`, …
    ///
    /// ```
    /// use arrow::datatypes::DataType;
    /// use tidemill::Session;
    /// use tidemill::function::user::ScalarUdf;
    ///
    /// let session = Session::new();
    /// let add = ScalarUdf::of_columns(
    ///     "plus",
    ///     [DataType::Int64, DataType::Int64],
    ///     DataType::Int64,
    ///     |columns| &columns[0] + &columns[1],
    /// );
    /// session.register_function(add)?;
    /// let sum = session.sql("SELECT plus(1, 2) AS s").collect()?;
    /// assert_eq!(sum.column("s")?.i64()?.get(0), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_columns(
        name: impl Into<String>,
        arguments: impl Into<Vec<DataType>>,
        returns: DataType,
        body: impl Fn(&[Column]) -> PolarsResult<Column> + Send + Sync + 'static,
    ) -> ScalarUdf {
        let arguments = arguments.into();
        let run = move |arrays: &[ArrayRef]| {
            let given = body(&to_columns(arrays, "arg")?).map_err(refused_by_polars)?;
            from_column(&given)
        };
        ScalarUdf {
            name: name.into(),
            arguments,
            returns,
            is_deterministic: true,
            body: Arc::new(run),
        }
    }

    /// Says that equal arguments may give different results, so that calls are never taken for one. A replay of such a query need not give
    /// the same rows.
    #[must_use]
    pub fn nondeterministic(mut self) -> ScalarUdf {
        self.is_deterministic = false;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is called.
    pub(crate) fn usage(&self) -> String {
        super::usage(&self.name, self.arguments.len())
    }

    /// Whether equal arguments give equal results.
    pub(crate) fn is_deterministic(&self) -> bool {
        self.is_deterministic
    }

    /// The type rule.
    ///
    /// # Errors
    ///
    /// `Invalid` with Spark's condition, if it does not take these arguments.
    pub(crate) fn resolve(&self, arguments: &[Expr]) -> Result<Signature> {
        let count = self.arguments.len();
        count_arguments(&self.name, arguments, count, count)?;
        let types = (0..)
            .zip(&self.arguments)
            .map(|(index, wanted)| {
                argument_type(
                    &self.name,
                    arguments,
                    index,
                    &[Wanted::Exactly(wanted.clone())],
                )
            })
            .collect::<Result<_>>()?;
        Ok(Signature {
            arguments: types,
            returns: self.returns.clone(),
            is_nullable: true,
        })
    }

    /// Computes the column; a function without arguments gives one value for all rows.
    ///
    /// # Errors
    ///
    /// `Data` with `FAILED_EXECUTE_UDF`, if the closure fails, panics or gives something else than it promised.
    pub(crate) fn run(&self, arguments: &[ArrayRef], rows: usize) -> Result<Value> {
        let given = guarded(&self.name, || (self.body)(arguments))?;
        if arguments.is_empty() {
            return checked(&self.name, given, (&self.returns, 1)).map(Value::Scalar);
        }
        checked(&self.name, given, (&self.returns, rows)).map(Value::Array)
    }

    /// The types it was declared with.
    pub(super) fn types(&self) -> impl Iterator<Item = &DataType> {
        self.arguments.iter().chain([&self.returns])
    }
}

impl fmt::Debug for ScalarUdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScalarUdf")
            .field("name", &self.name)
            .field("arguments", &self.arguments)
            .field("returns", &self.returns)
            .field("is_deterministic", &self.is_deterministic)
            .field("body", &Closure)
            .finish()
    }
}
