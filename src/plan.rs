//! The logical plan: what a query means, resolved and typed, before it is cut into work.
//!
//! SQL and the DataFrame API both come here through the same builder ([`builder`]), so that both give the same plan.
//! [`check`] says what is allowed on a stream in which output mode; [`explain`] prints; [`crate::incremental`] makes it run.

pub mod builder;
pub mod check;
pub mod explain;
pub mod optimize;
pub mod over;

use crate::error::Span;
use crate::expr::Expr;
use crate::function::{AggregateFunction, Signature};
use crate::processor::GroupStateKind;
use crate::processor::erased::Processor;
use crate::sink::OutputMode;
use crate::source::SourceFactory;
use crate::types::{TypeUnits, simple_string_of, sql_name_of};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The event time of a column that a watermark was declared on. It follows the column through projections, and through
/// `window()`, as Spark's column metadata does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTime {
    /// The delay of the watermark.
    pub delay_ms: i64,
}

/// A column of a plan node.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The alias of the relation it comes from, as written; `None` for computed columns.
    pub qualifier: Option<String>,
    /// Its name, as written. Names are compared without regard to case.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// The units of the intervals in its type.
    pub units: TypeUnits,
    /// Whether it may hold null.
    pub is_nullable: bool,
    /// Set if it is event time with a watermark; a struct column with it is a window of such a column.
    pub event_time: Option<EventTime>,
}

impl Column {
    /// The column that a field of a schema is, with the units in its metadata.
    pub fn of_field(field: &Field) -> Column {
        Column {
            qualifier: None,
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            units: TypeUnits::from_field(field),
            is_nullable: field.is_nullable(),
            event_time: None,
        }
    }

    /// A reference to it, where it is column `index` of the input.
    pub fn expr(&self, index: usize) -> Expr {
        Expr::column(index, self.data_type.clone(), self.is_nullable).with_units(self.units.clone())
    }

    /// The name of its type in messages: `INTERVAL DAY`.
    pub fn sql_type(&self) -> String {
        sql_name_of(&self.data_type, &self.units)
    }

    /// Its type as Spark prints it in a schema: `interval day`.
    pub fn simple_type(&self) -> String {
        simple_string_of(&self.data_type, &self.units)
    }
}

/// The columns of a plan node, in order. Names may repeat.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanSchema {
    /// The columns.
    pub columns: Vec<Column>,
}

impl PlanSchema {
    /// The columns as an Arrow schema; the units of intervals are in the metadata.
    pub fn to_arrow(&self) -> SchemaRef {
        let field = |column: &Column| {
            let field = Field::new(&column.name, column.data_type.clone(), column.is_nullable);
            column.units.on_field(field)
        };
        Arc::new(Schema::new(
            self.columns.iter().map(field).collect::<Vec<_>>(),
        ))
    }
}

/// A node of the plan with its columns.
#[derive(Debug, Clone)]
pub struct LogicalPlan {
    /// What it does.
    pub node: PlanNode,
    /// What its rows are.
    pub schema: Arc<PlanSchema>,
}

/// Which declaration of event time a watermark node comes from. A view that is used twice has its node twice, perhaps over different rows;
/// both then move one watermark, as in Spark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkDeclaration(u64);

impl WatermarkDeclaration {
    /// One that no other node has.
    pub fn new() -> WatermarkDeclaration {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        WatermarkDeclaration(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for WatermarkDeclaration {
    fn default() -> WatermarkDeclaration {
        WatermarkDeclaration::new()
    }
}

/// An output column of a projection.
#[derive(Debug, Clone)]
pub struct NamedExpr {
    /// What it computes from the input's columns.
    pub expr: Expr,
    /// What it is called.
    pub name: String,
}

/// An aggregate of an [`PlanNode::Aggregate`].
#[derive(Debug, Clone)]
pub struct AggregateExpr {
    /// The function.
    pub function: Arc<dyn AggregateFunction>,
    /// Its arguments, over the input's columns, cast to what the function asked for.
    pub arguments: Vec<Expr>,
    /// Rows for which it is not true do not count.
    pub filter: Option<Expr>,
    /// `DISTINCT`: allowed on static input only.
    pub is_distinct: bool,
    /// What the function promised.
    pub signature: Signature,
    /// What it is called.
    pub name: String,
    /// Where it stands in the SQL text.
    pub span: Span,
}

/// How two inputs are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words are SQL's")]
pub enum JoinType {
    Inner,
    LeftOuter,
    RightOuter,
    FullOuter,
    LeftSemi,
    LeftAnti,
    Cross,
}

/// One key of a sort.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// Over the input's columns.
    pub expr: Expr,
    /// `DESC`.
    pub is_descending: bool,
    /// `NULLS FIRST`. Spark's default: first if ascending, last if descending.
    pub nulls_first: bool,
}

/// What is read: a declared source, or rows in memory.
#[derive(Debug, Clone)]
pub enum Relation {
    /// A source. Two scans with the same `name` and identity are one source.
    Source {
        /// Opens it.
        factory: Arc<dyn SourceFactory>,
        /// `STREAM t`, `read_stream`: read as a stream; else once, as a table, when the query starts.
        is_streaming: bool,
        /// The user's name for it (`IDENTIFIED BY`); its offsets are kept under it.
        name: Option<String>,
    },
    /// Rows in memory: `VALUES`, static frames, `SELECT` without `FROM` (one row without columns).
    Rows(Arc<Vec<RecordBatch>>),
}

/// The kinds of node. Expressions are over the columns of the input; for a join's condition over left then right.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum PlanNode {
    /// Reads.
    Scan(Relation),
    /// Computes `columns`.
    Project {
        input: Arc<LogicalPlan>,
        columns: Vec<NamedExpr>,
    },
    /// Keeps the rows for which `predicate` is true.
    Filter {
        input: Arc<LogicalPlan>,
        predicate: Expr,
    },
    /// Declares `column` (by index) to be event time, of which rows come up to `delay_ms` late.
    Watermark {
        input: Arc<LogicalPlan>,
        column: usize,
        delay_ms: i64,
        declaration: WatermarkDeclaration,
    },
    /// Appends the columns of a generator (`explode`, `posexplode`, `inline`, `stack`, …) to the input's columns, one row per
    /// row it generates; with `is_outer` a row that generates nothing stays, with nulls.
    Generate {
        input: Arc<LogicalPlan>,
        generator: Generator,
        is_outer: bool,
    },
    /// One output row per projection per input row: sliding windows, ROLLUP, CUBE, GROUPING SETS. All lists have the length of
    /// the schema.
    Expand {
        input: Arc<LogicalPlan>,
        projections: Vec<Vec<Expr>>,
    },
    /// Groups by `keys`; the columns are the keys, then the aggregates. Without keys there is exactly one group.
    Aggregate {
        input: Arc<LogicalPlan>,
        keys: Vec<NamedExpr>,
        aggregates: Vec<AggregateExpr>,
        /// The gap, if a key is `session_window`: which key, and the gap over the input's columns.
        session: Option<SessionKey>,
        /// A name the user gave the operator's state, if any.
        operator_name: Option<String>,
    },
    /// First row per key (`columns`, by index). All columns stay. With `is_within_watermark` a key is forgotten, and may come
    /// again, once the watermark has passed its first row by the watermark's delay.
    Deduplicate {
        input: Arc<LogicalPlan>,
        columns: Vec<usize>,
        is_within_watermark: bool,
    },
    /// Gives the rows of each key to a program of the user that keeps state. The columns are the program's.
    Process(ProcessNode),
    /// Joins `left` and `right`. Equalities have been taken out of the condition; what is left is `residual`.
    Join {
        left: Arc<LogicalPlan>,
        right: Arc<LogicalPlan>,
        join_type: JoinType,
        /// Equalities: an expression over the left columns, one over the right columns, of one type. `bool`: `<=>`.
        equalities: Vec<(Expr, Expr, bool)>,
        /// The rest of the condition, over left then right columns.
        residual: Option<Expr>,
    },
    /// Appends a column for each window function to the columns of the input; for static inputs.
    Window {
        /// What rows come in.
        input: Arc<LogicalPlan>,
        /// The window functions.
        calls: Vec<over::WindowCall>,
    },
    /// All rows of all inputs, which have the same types.
    Union { inputs: Vec<Arc<LogicalPlan>> },
    /// Sorts by `keys`.
    Sort {
        input: Arc<LogicalPlan>,
        keys: Vec<SortKey>,
    },
    /// The first `rows` rows behind `offset` others: over the life of the query in append mode, of each result in complete mode.
    Limit {
        input: Arc<LogicalPlan>,
        rows: u64,
        offset: u64,
    },
    /// `EXCEPT` (`is_except`) and `INTERSECT`, for static inputs; duplicates stay with `is_all`.
    SetOperation {
        left: Arc<LogicalPlan>,
        right: Arc<LogicalPlan>,
        is_except: bool,
        is_all: bool,
    },
}

/// What a [`PlanNode::Process`] does.
#[derive(Debug, Clone)]
pub struct ProcessNode {
    pub(crate) input: Arc<LogicalPlan>,
    /// What the rows are grouped by, over the input's columns.
    pub(crate) keys: Vec<NamedExpr>,
    pub(crate) processor: Arc<dyn Processor>,
    /// What the rows it gives are to the query.
    pub(crate) output_mode: OutputMode,
    /// Which column of the output is event time.
    pub(crate) event_time: Option<usize>,
    /// A table whose rows the program is given before any input, and its grouping keys.
    pub(crate) initial: Option<(Arc<LogicalPlan>, Vec<Expr>)>,
    /// A name the user gave the state, if any.
    pub(crate) operator_name: Option<String>,
    /// Which older operator it is, if it is one.
    pub(crate) group_state: Option<GroupStateKind>,
}

/// `session_window(time, gap)` among the keys of an aggregate.
#[derive(Debug, Clone)]
pub struct SessionKey {
    /// Which key it is.
    pub key: usize,
    /// The time, over the input's columns.
    pub time: Expr,
    /// The gap in microseconds, over the input's columns.
    pub gap_us: Expr,
}

/// What a generator makes of each row.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum Generator {
    /// A row per element of `input`, an array, or entry of it, a map; with its position, if `has_position`.
    Explode { input: Expr, has_position: bool },
    /// A row per struct of `input`, an array of structs, its fields as columns.
    Inline { input: Expr },
    /// The `values` in `rows` rows.
    Stack { rows: usize, values: Vec<Expr> },
}

impl PlanNode {
    /// The inputs, left to right, to be replaced.
    pub(crate) fn inputs_mut(&mut self) -> Vec<&mut Arc<LogicalPlan>> {
        match self {
            PlanNode::Scan(_) => vec![],
            PlanNode::Project { input, .. }
            | PlanNode::Filter { input, .. }
            | PlanNode::Watermark { input, .. }
            | PlanNode::Generate { input, .. }
            | PlanNode::Expand { input, .. }
            | PlanNode::Aggregate { input, .. }
            | PlanNode::Deduplicate { input, .. }
            | PlanNode::Window { input, .. }
            | PlanNode::Sort { input, .. }
            | PlanNode::Limit { input, .. } => vec![input],
            PlanNode::Process(process) => vec![&mut process.input],
            PlanNode::Join { left, right, .. } | PlanNode::SetOperation { left, right, .. } => {
                vec![left, right]
            }
            PlanNode::Union { inputs } => inputs.iter_mut().collect(),
        }
    }
}

impl LogicalPlan {
    /// The inputs, left to right.
    pub fn inputs(&self) -> Vec<&Arc<LogicalPlan>> {
        match &self.node {
            PlanNode::Scan(_) => vec![],
            PlanNode::Project { input, .. }
            | PlanNode::Filter { input, .. }
            | PlanNode::Watermark { input, .. }
            | PlanNode::Generate { input, .. }
            | PlanNode::Expand { input, .. }
            | PlanNode::Aggregate { input, .. }
            | PlanNode::Deduplicate { input, .. }
            | PlanNode::Window { input, .. }
            | PlanNode::Sort { input, .. }
            | PlanNode::Limit { input, .. } => vec![input],
            PlanNode::Process(process) => vec![&process.input],
            PlanNode::Join { left, right, .. } | PlanNode::SetOperation { left, right, .. } => {
                vec![left, right]
            }
            PlanNode::Union { inputs } => inputs.iter().collect(),
        }
    }

    /// The expressions of this node, not of its inputs.
    pub fn expressions(&self) -> Vec<&Expr> {
        match &self.node {
            PlanNode::Scan(_)
            | PlanNode::Watermark { .. }
            | PlanNode::Deduplicate { .. }
            | PlanNode::Union { .. }
            | PlanNode::Limit { .. }
            | PlanNode::SetOperation { .. } => vec![],
            PlanNode::Project { columns, .. } => {
                columns.iter().map(|column| &column.expr).collect()
            }
            PlanNode::Filter { predicate, .. } => vec![predicate],
            PlanNode::Generate { generator, .. } => match generator {
                Generator::Explode { input, .. } | Generator::Inline { input } => vec![input],
                Generator::Stack { values, .. } => values.iter().collect(),
            },
            PlanNode::Expand { projections, .. } => projections.iter().flatten().collect(),
            PlanNode::Aggregate {
                keys, aggregates, ..
            } => keys
                .iter()
                .map(|key| &key.expr)
                .chain(
                    aggregates
                        .iter()
                        .flat_map(|aggregate| aggregate.arguments.iter().chain(&aggregate.filter)),
                )
                .collect(),
            PlanNode::Join {
                equalities,
                residual,
                ..
            } => equalities
                .iter()
                .flat_map(|(left, right, _)| [left, right])
                .chain(residual)
                .collect(),
            PlanNode::Process(process) => process.keys.iter().map(|key| &key.expr).collect(),
            PlanNode::Window { calls, .. } => calls
                .iter()
                .flat_map(over::WindowCall::expressions)
                .collect(),
            PlanNode::Sort { keys, .. } => keys.iter().map(|key| &key.expr).collect(),
        }
    }

    /// Whether it has an aggregation of a stream, here or below.
    pub fn has_streaming_aggregate(&self) -> bool {
        matches!(&self.node, PlanNode::Aggregate { input, .. } if input.is_streaming())
            || self
                .inputs()
                .iter()
                .any(|input| input.has_streaming_aggregate())
    }

    /// Whether any row of it comes from a stream.
    pub fn is_streaming(&self) -> bool {
        match &self.node {
            PlanNode::Scan(Relation::Source { is_streaming, .. }) => *is_streaming,
            _ => self.inputs().iter().any(|input| input.is_streaming()),
        }
    }
}
