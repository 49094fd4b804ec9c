//! Expressions, before and after resolution.
//!
//! An [`Ast`] is what was written, in SQL or with polars expressions: names, calls, literals. [`crate::analyze`] turns it
//! into an [`Expr`]: columns by position, functions found, every type known, implicit casts written out. Only `Expr` runs.
//!
//! [`Expr::evaluate`] works on whole columns. Where Spark would not look at a row (the right side of `AND`, the branches of
//! `CASE`), neither do we: under ANSI rules looking can fail.

mod ast;
mod evaluate;
mod name;
mod over;
mod tree;
mod units;

pub(crate) use name::{call_text, literal_text};
pub(crate) use units::{call_units, common_units};

/// The call that a timestamp literal becomes whose moment depends on the session's time zone: its argument is the text.
pub(crate) const TIMESTAMP_LITERAL: &str = "__timestamp";

/// The call that an interval literal is: the constant, then its first and its last unit.
pub(crate) const INTERVAL_LITERAL: &str = "__interval";

/// The name under which a row in parentheses, `(a, b)`, is a call: as `struct`, but Spark spells it otherwise.
pub(crate) const ROW: &str = "__row";

/// The call that a scalar subquery is whose rows are counted: its value, and how many rows it has.
pub(crate) const ONLY_ROW: &str = "__only_row";

pub use evaluate::{BoundLambda, Value};
pub use over::{Frame, FrameBound, FrameUnit, Over, SortItem};

use crate::error::Span;
use crate::function::ScalarFunction;
use crate::function::user::{ScalarUdf, UserFunction};
use crate::types::TypeUnits;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use std::sync::Arc;

/// An expression as it was written.
#[derive(Debug, Clone)]
pub struct Ast {
    /// What it is.
    pub kind: AstKind,
    /// Where it stands in the SQL text.
    pub span: Span,
}

/// The forms of an [`Ast`]. Operators are calls with the operator's name in lower case: `+`, `=`, `and`, `not`, `isnull`,
/// `in`, `between`, `like`, `<=>`, … as in Spark's own function list.
#[derive(Debug, Clone)]
pub enum AstKind {
    /// A column, perhaps qualified, perhaps followed by struct fields: `v`, `e.v`, `window.start`, `e.user.name`.
    Name(Vec<String>),
    /// A constant: an array of exactly one row, which carries the type.
    Literal(ArrayRef),
    /// A function or operator.
    Call(Box<AstCall>),
    /// `CAST(input AS data_type)`, or `TRY_CAST` if `is_try`.
    Cast {
        /// What is cast.
        input: Box<Ast>,
        /// To which type.
        data_type: DataType,
        /// The units of the intervals in that type.
        units: TypeUnits,
        /// Whether what cannot be cast becomes null.
        is_try: bool,
    },
    /// `CASE WHEN condition THEN value … ELSE otherwise END`. `CASE x WHEN y` is written as `x = y`.
    Case {
        /// Condition and value of each branch.
        branches: Vec<(Ast, Ast)>,
        /// The value if no condition holds; null if missing.
        otherwise: Option<Box<Ast>>,
    },
    /// `input.field` where input is not a plain name.
    Field(Box<Ast>, String),
    /// `input[index]`: of an array (from 0) or a map.
    Index(Box<Ast>, Box<Ast>),
    /// `input AS name`; several names for a generator that gives several columns.
    Alias(Box<Ast>, Vec<String>),
    /// `*` or `qualifier.*`; also `j.*` where `j` is a struct column.
    Star(Vec<String>),
    /// `(x, y) -> body`.
    Lambda(Vec<String>, Box<Ast>),
    /// `(SELECT …)`, by its number among those of the `SELECT` around it, which replaces it by a join before names are resolved.
    Subquery(usize),
}

/// A call in an [`Ast`].
#[derive(Debug, Clone, Default)]
pub struct AstCall {
    /// The function's name, in lower case.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Ast>,
    /// Names of named arguments (`f(a => 1)`), as long as `arguments` or empty.
    pub argument_names: Vec<Option<String>>,
    /// `DISTINCT` before the arguments.
    pub is_distinct: bool,
    /// `FILTER (WHERE …)` after an aggregate.
    pub filter: Option<Box<Ast>>,
    /// `IGNORE NULLS` after an aggregate.
    pub ignores_nulls: bool,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub within_group: Vec<SortItem>,
    /// `OVER (…)`.
    pub over: Option<Box<Over>>,
    /// The function of the session that it stands for, if it is one.
    pub user: Option<UserFunction>,
}

impl AstCall {
    /// Whether it makes a struct of its arguments, in parentheses or by `struct`.
    pub(crate) fn is_row(&self) -> bool {
        self.name == ROW || self.name == "struct"
    }
}

/// An expression that is resolved against the columns of its input.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// The type of its values.
    pub data_type: DataType,
    /// The units of the intervals in that type.
    pub units: TypeUnits,
    /// Whether it may give null.
    pub is_nullable: bool,
    /// Where it stands in the SQL text; run-time errors point there.
    pub span: Span,
}

/// The forms of an [`Expr`].
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// Column `index` of the input.
    Column(usize),
    /// A constant: an array of exactly one row.
    Literal(ArrayRef),
    /// A function of the registry; its arguments have exactly the types it asked for.
    Call(Arc<ScalarFunction>, Vec<Expr>),
    /// A function of the session, as [`ExprKind::Call`].
    UserCall(Arc<ScalarUdf>, Vec<Expr>),
    /// A cast to [`Expr::data_type`] with [`Expr::units`] by Spark's ANSI rules; what cannot be cast is an error, or null if `is_try`.
    Cast {
        /// What is cast.
        input: Box<Expr>,
        /// Whether what cannot be cast becomes null.
        is_try: bool,
    },
    /// Three-valued `AND`; the right side is evaluated only where the left is not false.
    And(Box<Expr>, Box<Expr>),
    /// Three-valued `OR`; the right side is evaluated only where the left is not true.
    Or(Box<Expr>, Box<Expr>),
    /// The first branch whose condition is true; each value is evaluated only for the rows that take it.
    Case {
        /// Condition and value of each branch.
        branches: Vec<(Expr, Expr)>,
        /// The value if no condition is true; null if missing.
        otherwise: Option<Box<Expr>>,
    },
    /// The first that is not null; later ones are evaluated only where the earlier ones are null.
    Coalesce(Vec<Expr>),
    /// Field `index` of a struct.
    Field(Box<Expr>, usize),
    /// A lambda: only as an argument of a higher-order function. Its parameters are columns
    /// `outer_columns..outer_columns + parameters` of the input it is evaluated on.
    Lambda {
        /// How many columns of the surrounding input come before the parameters.
        outer_columns: usize,
        /// How many parameters it has.
        parameters: usize,
        /// What it computes.
        body: Box<Expr>,
    },
}

impl Expr {
    /// Column `index` of the input.
    pub fn column(index: usize, data_type: DataType, is_nullable: bool) -> Expr {
        Expr {
            kind: ExprKind::Column(index),
            data_type,
            units: TypeUnits::default(),
            is_nullable,
            span: Span::NOWHERE,
        }
    }

    /// The same, with these units of the intervals in its type.
    #[must_use]
    pub fn with_units(self, units: TypeUnits) -> Expr {
        Expr { units, ..self }
    }

    /// The name of its type in messages: `INTERVAL DAY`.
    pub fn sql_type(&self) -> String {
        crate::types::sql_name_of(&self.data_type, &self.units)
    }

    /// A constant, given as an array of exactly one row.
    pub fn literal(value: ArrayRef) -> Expr {
        Expr {
            data_type: value.data_type().clone(),
            units: TypeUnits::default(),
            is_nullable: is_null_constant(&value),
            kind: ExprKind::Literal(value),
            span: Span::NOWHERE,
        }
    }
}

/// Whether a constant is null. Arrow does not count the values of the type without values as nulls.
pub(crate) fn is_null_constant(value: &ArrayRef) -> bool {
    value.is_empty() || value.is_null(0) || *value.data_type() == DataType::Null
}
