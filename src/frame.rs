//! The DataFrame API: [`StreamFrame`], one type for tables and streams, as Spark's `Dataset`.
//!
//! The verbs are Spark's (`select`, `filter`, `group_by`, `with_watermark`, …), the expressions are polars's (`col`, `lit`, `when`,
//! operators), and [`crate::functions`] adds what polars does not have. Each verb resolves what it is given against the columns of
//! the frame at once and gives a new frame; nothing is read before a query starts. SQL builds the same plans through the same
//! [`builder`].
//!
//! A verb that finds an error gives a frame that holds it: verbs can be chained without `?`, and the first error comes out of
//! whatever asks the frame for an answer ([`StreamFrame::schema`], [`StreamFrame::explain`], `start()`, …).

pub(crate) mod expression;
mod grouped;
mod join;
mod polars_source;
#[cfg(test)]
mod tests;

pub use crate::plan::JoinType;
pub use grouped::GroupedFrame;
pub use join::IntoJoinCondition;

use crate::analyze::column::{find_column, unresolved_column};
use crate::arrow_bridge::{from_frame, to_frame};
use crate::batch::BatchContext;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::function::user::UserFunctions;
use crate::functions::sort_key;
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::plan::builder::{self, EventTimeColumn, JoinCondition, SortItem};
use crate::plan::{LogicalPlan, PlanSchema, Relation, check, explain};
use crate::session::{DataStreamWriter, Session};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use expression::{path_of, to_ast, to_asts};
use polars::prelude::{DataFrame, Expr, LazyFrame};
use polars_source::PolarsSource;
use std::sync::Arc;

/// A table or a stream with the work that is done on it.
///
/// ```
/// use polars::prelude::{col, len, lit};
/// use tidemill::{Session, functions::window};
///
/// let session = Session::new();
/// let counts = session
///     .read_stream()
///     .format("rate")
///     .load()
///     .with_watermark("timestamp", "10 seconds")
///     .filter((col("value") % lit(2)).eq(lit(0)))
///     .group_by([window(col("timestamp"), "1 minute")])
///     .agg([len().alias("n")]);
/// assert_eq!(counts.columns()?, ["window", "n"]);
/// # Ok::<(), tidemill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a frame does nothing until a query is started on it"]
pub struct StreamFrame {
    /// `None` for a frame that was made of rows alone.
    session: Option<Session>,
    plan: Result<Arc<LogicalPlan>>,
}

impl StreamFrame {
    /// A frame of a session.
    pub(crate) fn of(session: &Session, plan: Result<Arc<LogicalPlan>>) -> StreamFrame {
        StreamFrame {
            session: Some(session.clone()),
            plan,
        }
    }

    /// A frame that holds an error.
    pub(crate) fn failed(session: &Session, error: Error) -> StreamFrame {
        StreamFrame::of(session, Err(error))
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// The first error of a verb.
    pub fn plan(&self) -> Result<&Arc<LogicalPlan>> {
        self.plan.as_ref().map_err(Clone::clone)
    }

    /// The columns.
    ///
    /// # Errors
    ///
    /// The first error of a verb.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.plan()?.schema.to_arrow())
    }

    /// The names of the columns.
    ///
    /// # Errors
    ///
    /// The first error of a verb.
    pub fn columns(&self) -> Result<Vec<String>> {
        let columns = self.plan()?.schema.columns.iter();
        Ok(columns.map(|column| column.name.clone()).collect())
    }

    /// Whether rows of it come from a stream. A frame that holds an error is none.
    pub fn is_streaming(&self) -> bool {
        self.plan.as_ref().is_ok_and(|plan| plan.is_streaming())
    }

    /// The plan as text.
    ///
    /// # Errors
    ///
    /// The first error of a verb.
    pub fn explain(&self) -> Result<String> {
        Ok(explain::explain(self.plan()?))
    }

    /// All rows of a static frame.
    ///
    /// # Errors
    ///
    /// The first error of a verb; `Invalid` if the frame is a stream; those of reading and computing.
    pub fn collect(&self) -> Result<DataFrame> {
        to_frame(&self.schema()?, &self.collect_batches()?)
    }

    /// All rows of a static frame, as record batches.
    ///
    /// # Errors
    ///
    /// As [`StreamFrame::collect`].
    pub fn collect_batches(&self) -> Result<Vec<RecordBatch>> {
        let plan = self.plan()?;
        check::check_batch(plan)?;
        let settings = self
            .session
            .as_ref()
            .map(Session::settings)
            .unwrap_or_default()
            .query;
        let now = match &self.session {
            Some(session) => session.clock().now(),
            None => SystemClock::new().now(),
        };
        let context = BatchContext::one_shot(now, settings.time_zone.clone());
        let settings = IncrementalSettings {
            state_partitions: settings.state_partitions,
            time_zone: settings.time_zone,
        };
        IncrementalPlan::collect(plan, &settings, &context)
    }

    /// Computes columns. Aggregates belong into [`GroupedFrame::agg`]; one generator such as
    /// [`crate::functions::explode`] may be among them.
    pub fn select(&self, columns: impl AsRef<[Expr]>) -> StreamFrame {
        self.then(|plan| {
            let columns = self.asts(columns.as_ref(), &plan.schema)?;
            builder::select(plan, &columns)
        })
    }

    /// Keeps the rows for which `predicate` is true.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "polars takes expressions by value"
    )]
    pub fn filter(&self, predicate: Expr) -> StreamFrame {
        self.then(|plan| builder::filter(plan, &self.bound(&to_ast(&predicate)?)))
    }

    /// Adds columns, or replaces those of the same name. Each expression is a column or has a name by `alias`.
    pub fn with_columns(&self, columns: impl AsRef<[Expr]>) -> StreamFrame {
        self.then(|plan| {
            let columns = self.asts(columns.as_ref(), &plan.schema)?;
            let named = columns.into_iter().map(named).collect::<Result<Vec<_>>>()?;
            builder::with_columns(plan, &named)
        })
    }

    /// Takes columns out; names that are not there do not matter.
    pub fn drop(&self, columns: &[&str]) -> StreamFrame {
        self.then(|plan| Ok(builder::drop_columns(plan, &owned(columns))))
    }

    /// Gives columns other names, as pairs of old and new; names that are not there do not matter.
    pub fn rename(&self, names: &[(&str, &str)]) -> StreamFrame {
        let names: Vec<_> = names
            .iter()
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()))
            .collect();
        self.then(|plan| Ok(builder::rename_columns(plan, &names)))
    }

    /// A name for the frame in expressions: `col("clicks.ts")`.
    pub fn alias(&self, name: &str) -> StreamFrame {
        self.then(|plan| Ok(builder::alias(plan, name)))
    }

    /// A row for each element of the array in `column`, which takes the array's place. Rows with null or nothing in it vanish.
    pub fn explode(&self, column: &str) -> StreamFrame {
        self.replace_by_elements(column, "explode")
    }

    /// As [`StreamFrame::explode`], but a row with null or nothing in it stays, with null.
    pub fn explode_outer(&self, column: &str) -> StreamFrame {
        self.replace_by_elements(column, "explode_outer")
    }

    fn replace_by_elements(&self, column: &str, generator: &str) -> StreamFrame {
        self.then(|plan| {
            let path = path_of(column)?;
            let found = find_column(&plan.schema.columns, &path)?;
            let (wanted, _) =
                found.ok_or_else(|| unresolved_column(&path, &plan.schema.columns))?;
            let columns: Vec<Ast> = plan
                .schema
                .columns
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    let qualifier = column.qualifier.iter().cloned();
                    let path = qualifier.chain([column.name.clone()]).collect();
                    let name = Ast::new(AstKind::Name(path));
                    if index == wanted {
                        Ast::call(generator, vec![name]).alias(&column.name)
                    } else {
                        name
                    }
                })
                .collect();
            builder::select(plan, &columns)
        })
    }

    /// All rows of both, column by column: names are those of this frame.
    pub fn union(&self, other: impl Into<StreamFrame>) -> StreamFrame {
        self.with(other, |left, right| {
            builder::union(&[left.clone(), right.clone()])
        })
    }

    /// All rows of both, matched by the names of columns. With `allow_missing` a column that only one has is null for the other.
    pub fn union_by_name(&self, other: impl Into<StreamFrame>, allow_missing: bool) -> StreamFrame {
        self.with(other, |left, right| {
            builder::union_by_name(left, right, allow_missing)
        })
    }

    /// The rows that are not in `other`, each once. Tables only.
    pub fn except(&self, other: impl Into<StreamFrame>) -> StreamFrame {
        self.with(other, |left, right| builder::except(left, right, false))
    }

    /// The rows that are also in `other`, each once. Tables only.
    pub fn intersect(&self, other: impl Into<StreamFrame>) -> StreamFrame {
        self.with(other, |left, right| builder::intersect(left, right, false))
    }

    /// Joins two frames. `on` is a condition, or the names of columns that both have, which are then equal and once in the result.
    ///
    /// ```
    /// use polars::prelude::{col, df};
    /// use tidemill::{Session, StreamFrame, frame::JoinType};
    ///
    /// let session = Session::new();
    /// let users = df!["id" => [1_i64, 2], "name" => ["ann", "bob"]].unwrap();
    /// let ticks = session.read_stream().format("rate").load().alias("t");
    /// let named = ticks.join(
    ///     StreamFrame::from(users).alias("u"),
    ///     col("t.value").eq(col("u.id")),
    ///     JoinType::LeftOuter,
    /// );
    /// assert_eq!(named.columns()?, ["timestamp", "value", "id", "name"]);
    /// # Ok::<(), tidemill::Error>(())
    /// ```
    pub fn join(
        &self,
        other: impl Into<StreamFrame>,
        on: impl IntoJoinCondition,
        join_type: JoinType,
    ) -> StreamFrame {
        let other = other.into();
        let functions = self.functions_or_those_of(&other);
        self.with(other, |left, right| {
            let on = match on.into_join_condition()? {
                JoinCondition::On(ast) => JoinCondition::On(functions.bind(&ast)),
                on => on,
            };
            builder::join(left, right, join_type, &on)
        })
    }

    /// Every row with every row of `other`.
    pub fn cross_join(&self, other: impl Into<StreamFrame>) -> StreamFrame {
        self.with(other, |left, right| {
            builder::join(left, right, JoinType::Cross, &JoinCondition::None)
        })
    }

    /// Groups the rows; [`GroupedFrame::agg`] says what is computed for each group.
    pub fn group_by(&self, keys: impl AsRef<[Expr]>) -> GroupedFrame {
        GroupedFrame::new(self.clone(), keys.as_ref().to_vec())
    }

    /// Aggregates over all rows: one group without keys.
    pub fn agg(&self, aggregates: impl AsRef<[Expr]>) -> StreamFrame {
        self.group_by([]).agg(aggregates)
    }

    /// Declares that `column` is event time and that rows come at most `delay` (`10 seconds`, `1 hour`) late. On a table it
    /// changes nothing.
    pub fn with_watermark(&self, column: &str, delay: &str) -> StreamFrame {
        self.then(|plan| builder::watermark(plan, &EventTimeColumn::Name(path_of(column)?), delay))
    }

    /// Each row once, as `SELECT DISTINCT`.
    pub fn distinct(&self) -> StreamFrame {
        self.then(builder::distinct)
    }

    /// The first row for each value of these columns; for no columns, of all columns. On a stream with a watermark the state of a
    /// key is let go only if an event time column is among them.
    pub fn drop_duplicates(&self, columns: &[&str]) -> StreamFrame {
        self.then(|plan| builder::drop_duplicates(plan, &owned(columns), false))
    }

    /// As [`StreamFrame::drop_duplicates`], but a key is let go once the watermark has passed its first row by the delay: duplicates
    /// that come within the delay are found, whatever their event time.
    pub fn drop_duplicates_within_watermark(&self, columns: &[&str]) -> StreamFrame {
        self.then(|plan| builder::drop_duplicates(plan, &owned(columns), true))
    }

    /// Sorts, ascending unless an expression says otherwise ([`crate::functions::desc`]). On a stream only the result of an
    /// aggregation in complete mode has an order.
    pub fn order_by(&self, keys: impl AsRef<[Expr]>) -> StreamFrame {
        self.then(|plan| {
            let mut items = vec![];
            for key in keys.as_ref() {
                let (key, is_descending, nulls_first) = sort_key(key);
                for expr in self.asts(std::slice::from_ref(key), &plan.schema)? {
                    items.push(SortItem {
                        expr,
                        is_descending,
                        nulls_first,
                    });
                }
            }
            builder::sort(plan, &items)
        })
    }

    /// The first rows: over the whole life of a query in append mode, of each result in complete mode.
    pub fn limit(&self, rows: u64) -> StreamFrame {
        self.then(|plan| Ok(builder::limit(plan, Some(rows), 0)))
    }

    /// All rows but the first ones. Tables only.
    pub fn offset(&self, rows: u64) -> StreamFrame {
        self.then(|plan| Ok(builder::limit(plan, None, rows)))
    }

    /// Describes a query that writes what this stream gives.
    pub fn write_stream(&self) -> DataStreamWriter {
        DataStreamWriter::new(self.clone())
    }

    /// The session it belongs to, if it belongs to one.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The same frame as one of this session.
    pub(crate) fn in_session(self, session: &Session) -> StreamFrame {
        StreamFrame {
            session: Some(session.clone()),
            ..self
        }
    }

    /// The expressions that polars expressions stand for, with functions of the session bound.
    fn asts(&self, expressions: &[Expr], columns: &PlanSchema) -> Result<Vec<Ast>> {
        let asts = to_asts(expressions, columns)?;
        Ok(asts.iter().map(|ast| self.bound(ast)).collect())
    }

    /// The expression with functions of the session bound.
    fn bound(&self, ast: &Ast) -> Ast {
        self.functions_or_those_of(self).bind(ast)
    }

    /// The functions of the session of this frame; if it has none, of the other's.
    fn functions_or_those_of(&self, other: &StreamFrame) -> UserFunctions {
        let session = self.session.as_ref().or(other.session.as_ref());
        session.map(Session::functions).unwrap_or_default()
    }

    /// The frame after a step; an error stays.
    fn then(
        &self,
        step: impl FnOnce(&Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>>,
    ) -> StreamFrame {
        StreamFrame {
            session: self.session.clone(),
            plan: self.plan().and_then(step),
        }
    }

    /// The frame after a step with another one; the first error stays.
    fn with(
        &self,
        other: impl Into<StreamFrame>,
        step: impl FnOnce(&Arc<LogicalPlan>, &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>>,
    ) -> StreamFrame {
        let other = other.into();
        let joined = self.then(|plan| step(plan, other.plan()?));
        StreamFrame {
            session: joined.session.or(other.session),
            plan: joined.plan,
        }
    }
}

impl From<&StreamFrame> for StreamFrame {
    fn from(frame: &StreamFrame) -> StreamFrame {
        frame.clone()
    }
}

impl From<DataFrame> for StreamFrame {
    /// A static frame of these rows.
    fn from(frame: DataFrame) -> StreamFrame {
        let plan = from_frame(&frame).and_then(|batches| {
            let schema = batches.first().map(RecordBatch::schema);
            let schema = schema.ok_or_else(|| Error::internal("a polars frame without a batch"))?;
            Ok(builder::scan(Relation::Rows(Arc::new(batches)), &schema))
        });
        StreamFrame {
            session: None,
            plan,
        }
    }
}

impl From<LazyFrame> for StreamFrame {
    /// A static frame that is collected when a query starts, once.
    fn from(frame: LazyFrame) -> StreamFrame {
        let plan = PolarsSource::new(frame).map(|source| {
            let schema = crate::source::SourceFactory::schema(&source);
            let relation = Relation::Source {
                factory: Arc::new(source),
                is_streaming: false,
                name: None,
            };
            builder::scan(relation, &schema)
        });
        StreamFrame {
            session: None,
            plan,
        }
    }
}

/// The name of a column that is added, and what it computes.
fn named(column: Ast) -> Result<(String, Ast)> {
    match column {
        Ast {
            kind: AstKind::Alias(input, names),
            ..
        } => Ok((names.concat(), *input)),
        Ast {
            kind: AstKind::Name(path),
            span,
        } => Ok((
            path.last().cloned().unwrap_or_default(),
            Ast {
                kind: AstKind::Name(path),
                span,
            },
        )),
        _ => Err(Error::invalid(
            "with_columns needs a name for each column: use alias",
        )),
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
