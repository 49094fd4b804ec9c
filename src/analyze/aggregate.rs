//! Aggregates in an expression: each call becomes an entry of a list, and in the expression a column that stands for it.
//!
//! While a grouped `SELECT` is resolved over the input of its aggregation, entry `i` of the list is column [`AGGREGATES`]` + i` and the
//! grouping id is column [`GROUPING_ID`]: numbers that no input has. The plan builder turns them into columns of the aggregation's output
//! once all of it is known.

use crate::analyze::call::{apply_named, coerced, in_order, with_expression};
use crate::analyze::{Analyzer, Place};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstCall, AstKind, Expr, call_units};
use crate::function::user::UserFunction;
use crate::function::{AggregateFunction, order_text, registry};
use crate::plan::AggregateExpr;
use arrow::array::{BooleanArray, Int32Array, Int64Array, StringArray, new_null_array};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use std::sync::Arc;

/// The column that stands for the first aggregate.
pub(crate) const AGGREGATES: usize = usize::MAX / 2;

/// The column that stands for the grouping id.
pub(crate) const GROUPING_ID: usize = usize::MAX - 1;

/// The aggregates that take `WITHIN GROUP (ORDER BY key [DESC])`.
const ORDERED: &[&str] = &["percentile_cont", "percentile_disc", "mode"];

/// The aggregates that take `WITHIN GROUP (ORDER BY …)` with any number of keys.
const JOINED: &[&str] = &["listagg", "string_agg"];

/// The aggregates of one `SELECT`, equal ones once.
#[derive(Debug, Clone, Default)]
pub(crate) struct AggregateList {
    /// The aggregates, in the order in which they were met.
    pub(crate) entries: Vec<AggregateExpr>,
}

impl AggregateList {
    /// The place of this aggregate, which is added if no equal one is there.
    fn add(&mut self, aggregate: AggregateExpr) -> usize {
        let known = self
            .entries
            .iter()
            .position(|entry| is_same(entry, &aggregate));
        known.unwrap_or_else(|| {
            self.entries.push(aggregate);
            self.entries.len() - 1
        })
    }
}

/// Whether both compute the same.
fn is_same(left: &AggregateExpr, right: &AggregateExpr) -> bool {
    let same_filter = match (&left.filter, &right.filter) {
        (None, None) => true,
        (Some(left), Some(right)) => left.same_as(right),
        _ => false,
    };
    same_filter
        && left.function.name() == right.function.name()
        && left.is_distinct == right.is_distinct
        && left.arguments.len() == right.arguments.len()
        && left
            .arguments
            .iter()
            .zip(&right.arguments)
            .all(|(left, right)| left.same_as(right))
}

/// The keys of `GROUPING SETS`, `ROLLUP` or `CUBE`.
#[derive(Debug, Clone)]
pub(crate) struct GroupingSetKeys {
    /// The key expressions over the input, in order.
    pub(crate) keys: Vec<Expr>,
    /// For each key the column of the `SELECT` list that is it, where that hides the key: in `HAVING` and `ORDER BY`.
    pub(crate) listed: Vec<Option<Expr>>,
}

impl GroupingSetKeys {
    /// Whether an expression is the key of this number.
    fn is(&self, key: usize, expr: &Expr) -> bool {
        let is_key = self.keys.get(key).is_some_and(|key| key.same_as(expr));
        let listed = self.listed.get(key).and_then(Option::as_ref);
        is_key || listed.is_some_and(|listed| listed.same_as(expr))
    }
}

/// Whether this is a call of an aggregate (and not of a window function).
pub(crate) fn is_aggregate_call(call: &AstCall) -> bool {
    if let Some(user) = &call.user {
        return matches!(user, UserFunction::Aggregate(_)) && call.over.is_none();
    }
    call.over.is_none()
        && (registry::aggregate(&call.name).is_some() && registry::scalar(&call.name).is_none()
            || matches!(call.name.as_str(), "grouping" | "grouping_id"))
}

impl Analyzer<'_> {
    pub(super) fn resolve_aggregate(
        &mut self,
        function: &Arc<dyn AggregateFunction>,
        ast: &Ast,
        call: &AstCall,
    ) -> Result<Expr> {
        if self.aggregates.is_none() || !self.parameters.is_empty() {
            return Err(self.refuse_aggregate(ast));
        }
        if let [star] = call.arguments.as_slice()
            && call.name == "count"
            && matches!(&star.kind, AstKind::Star(qualifier) if !qualifier.is_empty())
        {
            return Err(Error::invalid(format!(
                "{} is not allowed: use count(*), or write the columns out",
                self.text(ast)
            ))
            .with_condition("INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT"));
        }
        let mut inner = self.for_arguments(Place::AggregateArgument);
        let arguments = inner.aggregate_arguments(call, function.usage())?;
        let signature = function
            .resolve(&arguments)
            .map_err(|error| with_expression(error, &self.text(ast)))?;
        let units = call_units(function.name(), &arguments, &signature.returns);
        let arguments = coerced(arguments, &signature, function.name())?;
        if !arguments.iter().all(Expr::is_deterministic) {
            return Err(Error::invalid(format!(
                "non-deterministic expression \"{}\" should not appear in the arguments of an aggregate function",
                self.text(ast)
            ))
            .with_condition("AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION"));
        }
        let filter = match &call.filter {
            Some(filter) => Some(
                self.for_arguments(Place::AggregateFilter)
                    .resolve_condition(filter)?,
            ),
            None => None,
        };
        let returns = signature.returns.clone();
        let is_nullable = signature.is_nullable;
        let name = self.text(ast);
        let list = self.aggregates.get_or_insert_default();
        let index = list.add(AggregateExpr {
            function: Arc::clone(function),
            arguments,
            filter,
            is_distinct: call.is_distinct,
            signature,
            name,
            span: ast.span,
        });
        Ok(Expr::column(AGGREGATES + index, returns, is_nullable).with_units(units))
    }

    /// An analyzer over the same input that takes no aggregates.
    fn for_arguments(&self, place: Place) -> Analyzer<'_> {
        let (schema, window, own_columns) = self
            .argument_columns
            .clone()
            .unwrap_or_else(|| (self.schema, self.window.clone(), self.own_columns));
        let mut inner = Analyzer::new(schema, place)
            .streaming(self.is_streaming)
            .with_window(window, own_columns);
        inner.depth = self.depth;
        inner.aliases.clone_from(&self.aliases);
        inner
    }

    /// The arguments: `*` as 1, what [`Self::within_group`] makes of `WITHIN GROUP`, and at the end a true for `IGNORE NULLS`.
    pub(super) fn aggregate_arguments(&mut self, call: &AstCall, usage: &str) -> Result<Vec<Expr>> {
        if let [star] = &call.arguments[..]
            && matches!(&star.kind, AstKind::Star(qualifier) if qualifier.is_empty())
            && call.name == "count"
            && !call.is_distinct
        {
            return Ok(vec![Expr::literal(Arc::new(Int32Array::from(vec![1])))]);
        }
        let given = self.resolve_all(&in_order(call, usage)?)?;
        let mut resolved = self.within_group(call, given)?;
        if call.ignores_nulls {
            resolved.push(flag(true));
        }
        Ok(resolved)
    }

    /// The arguments together with what `WITHIN GROUP` says: of `mode`, `percentile_cont` and `percentile_disc` the key goes first and a
    /// constant that tells descending keys last (for `mode` two: that there is an order, and which); of `listagg` the keys come after
    /// value and delimiter, and then a text that tells their directions.
    fn within_group(&mut self, call: &AstCall, given: Vec<Expr>) -> Result<Vec<Expr>> {
        let keys = call
            .within_group
            .iter()
            .map(|key| self.resolve(&key.expr))
            .collect::<Result<Vec<_>>>()?;
        let name = call.name.as_str();
        match &call.within_group[..] {
            [] => Ok(given),
            [key] if ORDERED.contains(&name) => {
                let mut resolved = keys;
                resolved.extend(given);
                if name == "mode" {
                    if resolved.len() > 1 {
                        return Err(wrong_order(name, "takes no arguments"));
                    }
                    resolved.extend([flag(true), flag(key.is_descending)]);
                } else if key.is_descending {
                    resolved.push(flag(true));
                }
                Ok(resolved)
            }
            items if JOINED.contains(&name) => {
                let mut resolved = given;
                if call.is_distinct
                    && !keys
                        .iter()
                        .all(|key| resolved.first().is_some_and(|value| value.same_as(key)))
                {
                    return Err(Error::invalid(format!(
                        "`{name}` with DISTINCT can be ordered by its own values only"
                    ))
                    .with_condition(
                        "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT",
                    ));
                }
                if resolved.len() == 1 {
                    resolved.push(Expr::literal(new_null_array(&DataType::Null, 1)));
                }
                resolved.extend(keys);
                let order = order_text(items.iter().map(|item| SortOptions {
                    descending: item.is_descending,
                    nulls_first: item.puts_nulls_first(),
                }));
                resolved.push(Expr::literal(Arc::new(StringArray::from(vec![order]))));
                Ok(resolved)
            }
            _ if ORDERED.contains(&name) => Err(wrong_order(name, "takes one key")),
            _ => Err(super::over::unsupported_syntax(
                name,
                "WITHIN GROUP (ORDER BY ...)",
            )),
        }
    }

    /// A condition that rows must meet.
    pub(crate) fn resolve_condition(&mut self, ast: &Ast) -> Result<Expr> {
        let resolved = self.resolve(ast)?;
        if !matches!(resolved.data_type, DataType::Boolean | DataType::Null) {
            let (what, condition) = match self.place {
                Place::AggregateFilter => {
                    ("FILTER expression", "INVALID_AGGREGATE_FILTER.NOT_BOOLEAN")
                }
                Place::JoinCondition => ("join condition", "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE"),
                _ => ("filter expression", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN"),
            };
            return Err(Error::invalid(format!(
                "{what} \"{}\" of type \"{}\" is not a boolean",
                self.text(ast),
                resolved.sql_type()
            ))
            .with_condition(condition)
            .with_span(ast.span));
        }
        Ok(crate::analyze::cast_to(resolved, &DataType::Boolean))
    }

    /// `grouping(key)`: 1 where the key is not part of the grouping set, else 0.
    pub(super) fn resolve_grouping(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [argument] = &call.arguments[..] else {
            return Err(super::form::wrong_count(call, "1"));
        };
        let keys = self.grouping_keys(ast)?;
        let resolved = self.resolve(argument)?;
        let bit = (0..keys.keys.len())
            .rev()
            .position(|key| keys.is(key, &resolved))
            .ok_or_else(|| {
                Error::invalid(format!(
                    "column of grouping ({}) can't be found in grouping columns",
                    self.text(argument)
                ))
                .with_condition("GROUPING_COLUMN_MISMATCH")
            })?;
        let text = || self.text(ast);
        let bit = i32::try_from(bit).unwrap_or(i32::MAX);
        let shift = Expr::literal(Arc::new(Int32Array::from(vec![bit])));
        let one = Expr::literal(Arc::new(Int64Array::from(vec![1])));
        let shifted = apply_named("shiftright", vec![grouping_id(), shift], text)?;
        let masked = apply_named("&", vec![shifted, one], text)?;
        Ok(super::cast_to(masked, &DataType::Int8))
    }

    /// `grouping_id([keys])`: the bits of `grouping()` of all keys, the first key's highest.
    pub(super) fn resolve_grouping_id(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let keys = self.grouping_keys(ast)?;
        if !call.arguments.is_empty() {
            let resolved = self.resolve_all(&call.arguments)?;
            let is_all = resolved.len() == keys.keys.len()
                && resolved
                    .iter()
                    .enumerate()
                    .all(|(key, argument)| keys.is(key, argument));
            if !is_all {
                return Err(Error::invalid(format!(
                    "columns of grouping_id in {} do not match the grouping columns",
                    self.text(ast)
                ))
                .with_condition("GROUPING_ID_COLUMN_MISMATCH"));
            }
        }
        Ok(grouping_id())
    }

    fn grouping_keys(&self, ast: &Ast) -> Result<GroupingSetKeys> {
        self.grouping_sets.clone().ok_or_else(|| {
            Error::invalid(format!(
                "{} can only be used with GROUPING SETS, ROLLUP or CUBE",
                self.text(ast)
            ))
            .with_condition("UNSUPPORTED_GROUPING_EXPRESSION")
        })
    }

    /// What is said about an aggregate where none may stand.
    fn refuse_aggregate(&self, ast: &Ast) -> Error {
        let text = self.text(ast);
        let (condition, message) = match self.place {
            Place::Where => (
                "INVALID_WHERE_CONDITION",
                format!(
                    "the WHERE condition contains invalid expressions: {text}. Rewrite the query to avoid window functions, aggregate functions, and generator functions in the WHERE clause, or use HAVING"
                ),
            ),
            Place::GroupBy => (
                "GROUP_BY_AGGREGATE",
                format!("aggregate functions are not allowed in GROUP BY, but found {text}"),
            ),
            Place::AggregateArgument => (
                "NESTED_AGGREGATE_FUNCTION",
                format!(
                    "it is not allowed to use an aggregate function in the argument of another aggregate function. Please use the inner aggregate function in a sub-query: {text}"
                ),
            ),
            Place::AggregateFilter => (
                "INVALID_AGGREGATE_FILTER.CONTAINS_AGGREGATE",
                format!(
                    "the FILTER clause of an aggregate must not contain an aggregate function: {text}"
                ),
            ),
            Place::Projection | Place::Above | Place::JoinCondition | Place::Generator => (
                "UNSUPPORTED_EXPR_FOR_OPERATOR",
                format!(
                    "an aggregate function cannot be evaluated here: {text}. Aggregate in a subquery"
                ),
            ),
        };
        Error::invalid(message).with_condition(condition)
    }
}

/// A boolean constant.
fn flag(value: bool) -> Expr {
    Expr::literal(Arc::new(BooleanArray::from(vec![value])))
}

fn wrong_order(name: &str, what: &str) -> Error {
    Error::invalid(format!("`{name}` WITHIN GROUP (ORDER BY ...) {what}"))
        .with_condition("INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS")
}

/// The column that stands for the grouping id.
fn grouping_id() -> Expr {
    Expr {
        span: Span::NOWHERE,
        ..Expr::column(GROUPING_ID, DataType::Int64, false)
    }
}
