//! The analyzer: an expression as written ([`Ast`]) becomes a typed one ([`Expr`]) over the columns of a plan node.
//!
//! 1. Names are found among the columns ([`column`]): qualifiers, then struct fields, without regard to case; parameters of
//!    lambdas come first, names that the same `SELECT` list gave earlier come last.
//! 2. Functions are found in the registry (`call`), but for the forms that look at their arguments row by row (`form`).
//! 3. Each function says which types it wants; what differs is cast, so that everything that runs has one fixed type.
//!
//! An error carries Spark's condition and the place of the innermost expression that has one. Nothing here knows of plan nodes; the
//! plan builder says what is allowed where by the `Place` it gives and by what it hands in: a list for aggregates, the column that
//! stands for `window(…)`.

pub(crate) mod aggregate;
pub(crate) mod call;
pub(crate) mod column;
pub(crate) mod date_shift;
mod form;
mod lambda;
mod moment_word;
pub(crate) mod over;
#[cfg(test)]
mod tests;
mod time_window;

pub(crate) use aggregate::{AggregateList, GroupingSetKeys, is_aggregate_call};
pub(crate) use column::find_column;
pub(crate) use over::WindowList;
pub(crate) use time_window::{WindowSpec, is_window_call};

use crate::cast::{can_cast, may_give_null};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind, Expr, ExprKind, common_units, is_null_constant};
use crate::plan::PlanSchema;
use crate::types::{TypeUnits, sql_name_of};
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;

/// How deep expressions may be nested; deeper ones would overflow the stack.
const MAX_DEPTH: usize = 500;

/// Resolves an expression over the columns of a plan node. Aggregates, generators and window functions are refused.
///
/// # Errors
///
/// `Invalid` with Spark's condition: `UNRESOLVED_COLUMN…`, `UNRESOLVED_ROUTINE`, `DATATYPE_MISMATCH…`, ….
pub fn resolve(ast: &Ast, schema: &PlanSchema) -> Result<Expr> {
    Analyzer::new(schema, Place::Projection).resolve(ast)
}

/// Where an expression stands: decides what is said about an aggregate that must not stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A `SELECT` list, or a column of a data frame.
    Projection,
    /// `HAVING`, `QUALIFY` or `ORDER BY`, which see the list.
    Above,
    /// `WHERE`, or a filter.
    Where,
    /// `GROUP BY`.
    GroupBy,
    /// `ON`.
    JoinCondition,
    /// The arguments of an aggregate.
    AggregateArgument,
    /// `FILTER (WHERE …)`.
    AggregateFilter,
    /// The argument of a generator.
    Generator,
}

/// A parameter of a lambda that is being resolved.
#[derive(Debug, Clone)]
struct Parameter {
    name: String,
    data_type: DataType,
    units: TypeUnits,
    is_nullable: bool,
}

/// Resolves expressions over one input.
#[derive(Debug)]
pub(crate) struct Analyzer<'a> {
    schema: &'a PlanSchema,
    /// Columns from here on were added by the builder; they are found only under names that the others do not hold.
    own_columns: usize,
    place: Place,
    is_streaming: bool,
    parameters: Vec<Parameter>,
    /// Names that may be used if no column has them, with what they stand for.
    aliases: Vec<(String, &'a Ast)>,
    /// Takes aggregates, where they are allowed.
    aggregates: Option<AggregateList>,
    /// Takes window functions, where they are allowed.
    windows: Option<WindowList>,
    /// The keys that `grouping()` and `grouping_id()` speak of.
    grouping_sets: Option<GroupingSetKeys>,
    /// What `window(…)` or `session_window(…)` stands for at this level of the query.
    window: Option<Expr>,
    /// What the arguments of aggregates are resolved over, if not over the same columns: the columns, what the window stands for there,
    /// and how many columns were not added.
    argument_columns: Option<(&'a PlanSchema, Option<Expr>, usize)>,
    /// The name of the column that is being made, for messages.
    output_name: Option<String>,
    depth: usize,
}

impl<'a> Analyzer<'a> {
    /// An analyzer over these columns.
    pub(crate) fn new(schema: &'a PlanSchema, place: Place) -> Analyzer<'a> {
        Analyzer {
            own_columns: schema.columns.len(),
            schema,
            place,
            is_streaming: false,
            parameters: vec![],
            aliases: vec![],
            aggregates: None,
            windows: None,
            grouping_sets: None,
            window: None,
            argument_columns: None,
            output_name: None,
            depth: 0,
        }
    }

    /// Says that the rows come from a stream: window functions then get Spark's message.
    #[must_use]
    pub(crate) fn streaming(mut self, is_streaming: bool) -> Analyzer<'a> {
        self.is_streaming = is_streaming;
        self
    }

    /// Lets `window(…)` stand for `window`; columns of the input from `own_columns` on are found last.
    #[must_use]
    pub(crate) fn with_window(mut self, window: Option<Expr>, own_columns: usize) -> Analyzer<'a> {
        self.window = window;
        self.own_columns = own_columns;
        self
    }

    /// Allows aggregates and collects them.
    #[must_use]
    pub(crate) fn with_aggregates(mut self, aggregates: AggregateList) -> Analyzer<'a> {
        self.aggregates = Some(aggregates);
        self
    }

    /// Allows window functions and collects them.
    #[must_use]
    pub(crate) fn with_windows(mut self, windows: WindowList) -> Analyzer<'a> {
        self.windows = Some(windows);
        self
    }

    /// Gives the aggregates and the window functions that were collected.
    pub(crate) fn into_lists(self) -> (AggregateList, WindowList) {
        (
            self.aggregates.unwrap_or_default(),
            self.windows.unwrap_or_default(),
        )
    }

    /// Allows `grouping()` and `grouping_id()`.
    #[must_use]
    pub(crate) fn with_grouping_sets(mut self, keys: Option<GroupingSetKeys>) -> Analyzer<'a> {
        self.grouping_sets = keys;
        self
    }

    /// Resolves the arguments of aggregates over other columns.
    #[must_use]
    pub(crate) fn with_argument_columns(
        mut self,
        schema: &'a PlanSchema,
        window: Option<Expr>,
        own_columns: usize,
    ) -> Analyzer<'a> {
        self.argument_columns = Some((schema, window, own_columns));
        self
    }

    /// Gives the aggregates that were collected.
    pub(crate) fn into_aggregates(self) -> AggregateList {
        self.aggregates.unwrap_or_default()
    }

    /// Adds a name that may be used where no column has it.
    pub(crate) fn add_alias(&mut self, name: &str, ast: &'a Ast) {
        self.aliases.push((name.to_owned(), ast));
    }

    /// Names the column that is made next, for messages.
    pub(crate) fn set_output_name(&mut self, name: &str) {
        self.output_name = Some(name.to_owned());
    }

    /// The columns it resolves over.
    pub(crate) fn schema(&self) -> &'a PlanSchema {
        self.schema
    }

    /// Resolves one expression.
    pub(crate) fn resolve(&mut self, ast: &Ast) -> Result<Expr> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::invalid(format!(
                "the expression is nested too deep. limit=`{MAX_DEPTH}`"
            ))
            .with_span(ast.span));
        }
        self.depth += 1;
        let resolved = self.resolve_kind(ast);
        self.depth -= 1;
        match resolved {
            Ok(expr) if ast.span.is_somewhere() => Ok(expr.at(ast.span)),
            Ok(expr) => Ok(expr),
            Err(error) => Err(error.with_span(ast.span)),
        }
    }

    fn resolve_kind(&mut self, ast: &Ast) -> Result<Expr> {
        match &ast.kind {
            AstKind::Name(parts) => self.resolve_name(parts),
            AstKind::Literal(value) => Ok(Expr::literal(value.clone())),
            AstKind::Call(call) => self.resolve_call(ast, call),
            AstKind::Cast {
                input,
                data_type,
                units,
                is_try,
            } => self.resolve_cast(input, (data_type, units), *is_try),
            AstKind::Case {
                branches,
                otherwise,
            } => self.resolve_case(ast, branches, otherwise.as_deref()),
            AstKind::Field(input, name) => {
                let resolved = self.resolve(input)?;
                column::field(resolved, name, || self.text(input))
            }
            AstKind::Index(input, index) => self.resolve_index(ast, input, index),
            AstKind::Alias(input, _) => self.resolve(input),
            AstKind::Star(_) => Err(Error::invalid(
                "`*` may stand in a SELECT list or among the arguments of a function only",
            )
            .with_condition("INVALID_USAGE_OF_STAR_OR_REGEX")),
            AstKind::Lambda(..) => Err(Error::invalid(
                "a lambda may be an argument of a higher-order function only",
            )
            .with_condition("INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION")),
            AstKind::Subquery(_) => Err(Error::unsupported(
                "a subquery at this place (it may stand in WHERE, HAVING and the SELECT list)",
            )),
        }
    }

    /// Resolves each of these, with stars among them expanded.
    fn resolve_all(&mut self, asts: &[Ast]) -> Result<Vec<Expr>> {
        let mut resolved = Vec::with_capacity(asts.len());
        for ast in asts {
            if let AstKind::Star(qualifier) = &ast.kind {
                for (expr, _) in column::star(self.schema, self.own_columns, qualifier)? {
                    resolved.push(expr);
                }
            } else {
                resolved.push(self.resolve(ast)?);
            }
        }
        Ok(resolved)
    }

    fn resolve_cast(
        &mut self,
        input: &Ast,
        (to, units): (&DataType, &TypeUnits),
        is_try: bool,
    ) -> Result<Expr> {
        if let Some(meant) = moment_word::meant(input, to) {
            return self.resolve(&meant);
        }
        let resolved = self.resolve(input)?;
        if !can_cast(&resolved.data_type, to) {
            return Err(mismatch(
                suggestion(&resolved.data_type, to, is_try),
                &format!("CAST({} AS {})", self.text(input), sql_name_of(to, units)),
                &format!(
                    "cannot cast \"{}\" to \"{}\"",
                    resolved.sql_type(),
                    sql_name_of(to, units)
                ),
            ));
        }
        Ok(Expr {
            is_nullable: is_try || resolved.is_nullable || may_give_null(&resolved.data_type, to),
            data_type: to.clone(),
            units: units.clone(),
            span: resolved.span,
            kind: ExprKind::Cast {
                input: Box::new(resolved),
                is_try,
            },
        })
    }

    /// How Spark writes this expression in messages.
    fn text(&self, ast: &Ast) -> String {
        ast.sql(self.schema)
    }
}

/// Which of Spark's conditions says that there is no such cast: some have a function instead, some a setting, which is not there.
fn suggestion(from: &DataType, to: &DataType, is_try: bool) -> &'static str {
    let is_number = crate::types::is_numeric;
    match (from, to) {
        (DataType::Date32, other) | (other, DataType::Date32) if is_number(other) => {
            "CAST_WITH_FUNC_SUGGESTION"
        }
        _ if is_try => "CAST_WITHOUT_SUGGESTION",
        (from, DataType::Binary) if crate::types::is_integral(from) => "CAST_WITH_CONF_SUGGESTION",
        (DataType::Boolean, DataType::Timestamp(_, Some(_)))
        | (DataType::Date32 | DataType::Timestamp(_, Some(_)), DataType::Boolean) => {
            "CAST_WITH_CONF_SUGGESTION"
        }
        _ => "CAST_WITHOUT_SUGGESTION",
    }
}

/// The expression, cast to `data_type` unless it has that type. A null constant becomes one of the type.
pub(crate) fn cast_to(expr: Expr, data_type: &DataType) -> Expr {
    if expr.data_type == *data_type {
        return expr;
    }
    let span = expr.span;
    if let ExprKind::Literal(value) = &expr.kind
        && is_null_constant(value)
    {
        return null_of(data_type).at(span);
    }
    if let ExprKind::Lambda {
        outer_columns,
        parameters,
        body,
    } = expr.kind
    {
        let body = cast_to(*body, data_type);
        return Expr {
            data_type: data_type.clone(),
            units: body.units.clone(),
            is_nullable: body.is_nullable,
            span,
            kind: ExprKind::Lambda {
                outer_columns,
                parameters,
                body: Box::new(body),
            },
        };
    }
    Expr {
        data_type: data_type.clone(),
        units: common_units(data_type, [&expr]),
        is_nullable: expr.is_nullable,
        span,
        kind: ExprKind::Cast {
            input: Box::new(expr),
            is_try: false,
        },
    }
}

/// A null of this type.
pub(crate) fn null_of(data_type: &DataType) -> Expr {
    Expr::literal(new_null_array(data_type, 1))
}

/// The value of a constant that is written as one.
pub(crate) fn literal_value(expr: &Expr) -> Option<&ArrayRef> {
    match &expr.kind {
        ExprKind::Literal(value) => Some(value),
        _ => None,
    }
}

/// `DATATYPE_MISMATCH.<which>`, about the expression with this text.
pub(crate) fn mismatch(which: &str, text: &str, why: &str) -> Error {
    Error::invalid(format!(
        "cannot resolve \"{text}\" due to data type mismatch: {why}"
    ))
    .with_condition(format!("DATATYPE_MISMATCH.{which}"))
}
