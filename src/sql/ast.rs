//! What a query says, before names mean anything: relations and clauses around [`crate::expr::Ast`].
//!
//! The tree is Spark's own vocabulary and nothing else; what Spark or we do not support never gets in.

use crate::error::Span;
use crate::expr::{Ast, Over};
use crate::plan::JoinType;
use crate::plan::builder::{Grouping, SortItem};
use std::collections::BTreeMap;
use std::fmt;

/// A name of one part, as written.
#[derive(Debug, Clone)]
pub(super) struct Ident {
    pub(super) value: String,
    pub(super) span: Span,
}

/// A name of one or more parts, as written: `t`, `db.t`, ``json.`path` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The parts, without quotes.
    pub parts: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// A query: common table expressions, a body, and what orders and cuts its rows.
#[derive(Debug, Clone)]
pub(super) struct QueryAst {
    pub(super) with: Vec<Cte>,
    pub(super) body: Body,
    pub(super) organization: Organization,
    pub(super) span: Span,
}

/// `name (columns) AS (query)`.
#[derive(Debug, Clone)]
pub(super) struct Cte {
    pub(super) name: Ident,
    pub(super) columns: Vec<Ident>,
    pub(super) query: QueryAst,
}

/// `ORDER BY … LIMIT … OFFSET …`.
#[derive(Debug, Clone, Default)]
pub(super) struct Organization {
    pub(super) order_by: Vec<SortItem>,
    pub(super) limit: Option<Ast>,
    pub(super) offset: Option<Ast>,
}

/// Where the rows of a query come from.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Select(Box<Select>),
    /// `(query)`.
    Query(Box<QueryAst>),
    SetOperation {
        operator: SetOperator,
        is_all: bool,
        by_name: bool,
        left: Box<Body>,
        right: Box<Body>,
        span: Span,
    },
    Values(Values),
    /// `TABLE t`, and `FROM t` before a pipe.
    Relations(Vec<RelationAst>),
    /// `input |> operator`.
    Pipe {
        input: Box<QueryAst>,
        operator: Box<PipeOperator>,
        span: Span,
    },
}

/// `UNION`, `EXCEPT`, `INTERSECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOperator {
    Union,
    Except,
    Intersect,
}

/// `VALUES (1, 'a'), (2, 'b')`.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) rows: Vec<Vec<Ast>>,
    pub(super) span: Span,
}

/// `SELECT … FROM …`.
#[derive(Debug, Clone)]
pub(super) struct Select {
    pub(super) is_distinct: bool,
    pub(super) items: Vec<SelectItem>,
    pub(super) from: Vec<RelationAst>,
    pub(super) lateral_views: Vec<LateralView>,
    pub(super) filter: Option<Ast>,
    pub(super) group_by: Option<Vec<Grouping>>,
    pub(super) having: Option<Ast>,
    pub(super) qualify: Option<Ast>,
    /// `WINDOW name AS (…)`.
    pub(super) windows: Vec<(String, Over)>,
    /// The subqueries of its expressions, by their numbers.
    pub(super) subqueries: Vec<QueryAst>,
    pub(super) span: Span,
}

/// A column of a `SELECT`.
#[derive(Debug, Clone)]
pub(super) enum SelectItem {
    /// An expression; with its alias, if it has one, as [`crate::expr::AstKind::Alias`].
    Expr(Ast),
    /// `* EXCEPT (a, b)`: the star and the columns it leaves out.
    StarExcept(Ast, Vec<Ident>),
}

/// `LATERAL VIEW [OUTER] explode(a) t AS x`, and `, LATERAL explode(a) AS t(x)`.
#[derive(Debug, Clone)]
pub(super) struct LateralView {
    pub(super) is_outer: bool,
    pub(super) generator: Ast,
    /// The alias of the relation.
    pub(super) name: Option<Ident>,
    pub(super) columns: Vec<Ident>,
    pub(super) span: Span,
}

/// `LATERAL (query) AS t(x) ON condition`: the query sees the columns of the relations before it.
#[derive(Debug, Clone)]
pub(super) struct LateralQuery {
    pub(super) is_outer: bool,
    pub(super) query: QueryAst,
    pub(super) alias: Option<RelationAlias>,
    pub(super) condition: Option<Ast>,
    pub(super) span: Span,
}

/// What stands behind `LATERAL`.
#[derive(Debug, Clone)]
pub(super) enum Lateral {
    Generator(LateralView),
    Query(Box<LateralQuery>),
}

/// A relation of `FROM`.
#[derive(Debug, Clone)]
pub(super) enum RelationAst {
    /// A table or view; a stream if `stream` is there.
    Table {
        name: ObjectName,
        stream: Option<StreamClause>,
        sample: Option<Ast>,
        watermark: Option<WatermarkClause>,
        alias: Option<RelationAlias>,
        span: Span,
    },
    /// `(query) alias`.
    Subquery {
        query: Box<QueryAst>,
        sample: Option<Ast>,
        watermark: Option<WatermarkClause>,
        alias: Option<RelationAlias>,
    },
    /// `VALUES (1), (2) AS t(a)`.
    Values {
        values: Values,
        alias: Option<RelationAlias>,
    },
    /// `range(10)`: a call of a table function.
    Function {
        call: Ast,
        watermark: Option<WatermarkClause>,
        alias: Option<RelationAlias>,
    },
    /// `left JOIN right`.
    Join {
        left: Box<RelationAst>,
        right: Box<RelationAst>,
        join_type: JoinType,
        condition: JoinCondition,
        span: Span,
    },
    /// `left, LATERAL explode(a)`, `left, LATERAL (query)`: what stands behind it sees the columns of the left.
    Lateral {
        input: Box<RelationAst>,
        lateral: Lateral,
    },
    /// The query before a pipe, whose relations keep their names.
    Piped(Box<QueryAst>),
    /// `relation PIVOT (…) alias`.
    Pivot {
        input: Box<RelationAst>,
        pivot: Pivot,
        alias: Option<RelationAlias>,
    },
    /// `relation UNPIVOT (…) alias`.
    Unpivot {
        input: Box<RelationAst>,
        unpivot: Unpivot,
        alias: Option<RelationAlias>,
    },
    /// `(relation) alias`.
    Aliased {
        input: Box<RelationAst>,
        watermark: Option<WatermarkClause>,
        alias: Option<RelationAlias>,
    },
}

/// `PIVOT (sum(v) AS s, … FOR (k, l) IN (('a', 1) AS x, …))`.
#[derive(Debug, Clone)]
pub(super) struct Pivot {
    /// The aggregates, with their aliases.
    pub(super) aggregates: Vec<Ast>,
    /// The columns whose values become columns.
    pub(super) columns: Vec<Ast>,
    /// The values, as many in each as there are columns, with their aliases.
    pub(super) values: Vec<(Vec<Ast>, Option<Ident>)>,
    pub(super) span: Span,
}

/// `UNPIVOT [INCLUDE NULLS] ((v, w) FOR n IN ((a, b) AS x, …))`.
#[derive(Debug, Clone)]
pub(super) struct Unpivot {
    pub(super) includes_nulls: bool,
    /// What the columns of values are called.
    pub(super) values: Vec<Ident>,
    /// What the column of names is called.
    pub(super) name: Ident,
    /// The columns that become rows, as many in each as there are columns of values, with their aliases.
    pub(super) columns: Vec<(Vec<Ast>, Option<Ident>)>,
    pub(super) span: Span,
}

/// `STREAM t WITH (…) IDENTIFIED BY name`.
#[derive(Clone, Default)]
pub(super) struct StreamClause {
    pub(super) options: BTreeMap<String, String>,
    pub(super) identified_by: Option<String>,
}

/// Without the values of the options, which may be secret.
impl fmt::Debug for StreamClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamClause")
            .field("options", &self.options.keys())
            .field("identified_by", &self.identified_by)
            .finish()
    }
}

/// `WATERMARK ts DELAY OF INTERVAL 10 SECONDS`, `WATERMARK expression AS ts DELAY OF …`.
#[derive(Debug, Clone)]
pub(super) struct WatermarkClause {
    /// The event time: a column, or an expression with its alias.
    pub(super) event_time: Ast,
    /// The delay in milliseconds; a month counts 31 days, as in Spark.
    pub(super) delay_ms: i64,
    pub(super) span: Span,
}

/// `AS t (a, b)`.
#[derive(Debug, Clone)]
pub(super) struct RelationAlias {
    pub(super) name: Ident,
    pub(super) columns: Vec<Ident>,
}

/// What makes rows of two relations meet.
#[derive(Debug, Clone)]
pub(super) enum JoinCondition {
    None,
    On(Ast),
    Using(Vec<Ident>),
    Natural,
}

/// What stands behind `|>`.
#[derive(Debug, Clone)]
pub(super) enum PipeOperator {
    Where(Ast),
    Select {
        is_distinct: bool,
        items: Vec<SelectItem>,
    },
    Extend(Vec<Ast>),
    /// `SET a = expression`: replaces columns.
    Set(Vec<(Ident, Ast)>),
    Drop(Vec<Ident>),
    As(Ident),
    /// `AGGREGATE calls GROUP BY keys`: gives keys, then calls.
    Aggregate {
        aggregates: Vec<Ast>,
        keys: Vec<Ast>,
    },
    /// `ORDER BY`, or `LIMIT` and `OFFSET`.
    Organize(Organization),
    /// `TABLESAMPLE (n ROWS)`.
    Sample(Ast),
    Join {
        right: Box<RelationAst>,
        join_type: JoinType,
        condition: JoinCondition,
    },
    SetOperation {
        operator: SetOperator,
        is_all: bool,
        by_name: bool,
        right: Box<Body>,
    },
}
