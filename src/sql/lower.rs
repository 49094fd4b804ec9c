//! Queries to logical plans, verb by verb through [`crate::plan::builder`].
//!
//! Names are resolved from the inside out: a common table expression of an inner query hides one of an outer query, and both hide
//! the tables of the session. A relation is known by its alias, else by the last part of its name; a subquery without
//! alias by nothing.

mod lateral;
mod pipe;
mod relation;
mod subquery;
mod table;
mod turn;
mod value;
mod values;

use super::Relations;
use super::ast::{
    Body, Ident, JoinCondition, Organization, QueryAst, Select, SelectItem, SetOperator,
};
use crate::analyze::resolve;
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind};
use crate::function::signature::folded;
use crate::plan::{LogicalPlan, PlanSchema, builder};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

type Plan = Arc<LogicalPlan>;

/// What names mean at a place of a query.
pub(super) struct Lowering<'a> {
    relations: &'a dyn Relations,
    /// The common table expressions in sight, inner ones last.
    with: Vec<(String, Plan)>,
    /// How many LATERAL subqueries are around.
    laterals: usize,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(relations: &'a dyn Relations) -> Lowering<'a> {
        Lowering {
            relations,
            with: Vec::new(),
            laterals: 0,
        }
    }

    /// The plan of a query.
    ///
    /// # Errors
    ///
    /// Of resolution, each with the place it is about.
    pub(super) fn query(&mut self, query: &QueryAst) -> Result<Plan> {
        let outer = self.with.len();
        let plan = self.query_within(query);
        self.with.truncate(outer);
        plan.map_err(|error| error.with_span(query.span))
    }

    fn query_within(&mut self, query: &QueryAst) -> Result<Plan> {
        for cte in &query.with {
            let plan = self.query(&cte.query)?;
            let plan = aliased(&plan, &cte.name, &cte.columns)?;
            self.with.push((cte.name.value.clone(), plan));
        }
        match &query.body {
            Body::Select(select) => self.select(select, &query.organization),
            body => {
                let plan = self.body(body)?;
                organized(&plan, &query.organization)
            }
        }
    }

    fn body(&mut self, body: &Body) -> Result<Plan> {
        match body {
            Body::Select(select) => self.select(select, &Organization::default()),
            Body::Query(query) => self.query(query),
            Body::Values(values) => values::plan(values),
            Body::Relations(relations) => self.from(relations, &[]),
            Body::Pipe {
                input,
                operator,
                span,
            } => {
                let input = self.query(input)?;
                self.pipe(&input, operator)
                    .map_err(|error| error.with_span(*span))
            }
            Body::SetOperation {
                operator,
                is_all,
                by_name,
                left,
                right,
                span,
            } => {
                let left = self.body(left)?;
                let right = self.body(right)?;
                combined(*operator, *is_all, *by_name, &[left, right])
                    .map_err(|error| error.with_span(*span))
            }
        }
    }

    /// A `SELECT` block; what orders and cuts its rows belongs to it, because it sees below the list.
    fn select(&mut self, select: &Select, organization: &Organization) -> Result<Plan> {
        let mut input = self.from(&select.from, &select.subqueries)?;
        for view in &select.lateral_views {
            input = relation::generated(&input, view)?;
        }
        if let Some(condition) = &select.filter {
            input = self.filtered(&input, condition, &select.subqueries)?;
        }
        let mut items = items(&select.items, &input)?;
        let mut group_by = select.group_by.clone();
        let mut having = select.having.clone();
        let visible = items.len();
        let mut above = None;
        if !select.subqueries.is_empty() {
            if !is_cut(select, organization) {
                (having, above) = subquery::above_groups(having.as_ref(), &mut items);
            }
            if let Some(grouping) = &mut group_by {
                input = self.with_key_values(&input, grouping, &select.subqueries)?;
            }
            let grouping = select.group_by.as_deref();
            (input, items, having) =
                self.with_values(&input, (items, having), &select.subqueries, grouping)?;
        }
        let block = builder::Select {
            items,
            is_distinct: select.is_distinct,
            group_by,
            having,
            qualify: select.qualify.clone(),
            windows: select.windows.clone(),
            order_by: organization.order_by.clone(),
            limit: organization.limit.as_ref().map(row_count).transpose()?,
            offset: offset(organization, &input)?,
            operator_name: None,
        };
        let plan =
            builder::select_block(&input, &block).map_err(|error| error.with_span(select.span))?;
        let Some(above) = above else {
            return Ok(plan);
        };
        let hidden = plan.schema.columns.iter().skip(visible);
        let hidden: Vec<String> = hidden.map(|column| column.name.clone()).collect();
        let plan = self.filtered(&plan, &above, &select.subqueries)?;
        Ok(builder::drop_columns(&plan, &hidden))
    }
}

/// Whether what comes after `HAVING` counts rows or tells them apart, so that nothing may be filtered behind it.
fn is_cut(select: &Select, organization: &Organization) -> bool {
    select.is_distinct
        || select.qualify.is_some()
        || !organization.order_by.is_empty()
        || organization.limit.is_some()
        || organization.offset.is_some()
}

/// The items of a list, with `* EXCEPT` written out.
fn items(items: &[SelectItem], input: &LogicalPlan) -> Result<Vec<Ast>> {
    let mut result = Vec::with_capacity(items.len());
    for item in items {
        match item {
            SelectItem::Expr(ast) => result.push(ast.clone()),
            SelectItem::StarExcept(star, except) => {
                result.extend(star_except(star, except, input)?);
            }
        }
    }
    Ok(result)
}

/// The columns that a star stands for, less some.
fn star_except(star: &Ast, except: &[Ident], input: &LogicalPlan) -> Result<Vec<Ast>> {
    let AstKind::Star(qualifier) = &star.kind else {
        return Err(Error::internal(
            "EXCEPT stands behind something that is no star",
        ));
    };
    let columns: Vec<_> = match qualifier.as_slice() {
        [] => input.schema.columns.iter().collect(),
        [qualifier] => {
            let is_of = |own: &Option<String>| {
                own.as_ref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(qualifier))
            };
            let columns = input.schema.columns.iter();
            columns.filter(|column| is_of(&column.qualifier)).collect()
        }
        _ => Vec::new(),
    };
    if columns.is_empty() {
        let what = "EXCEPT behind a star that is not of a relation";
        return Err(Error::unsupported(what).with_span(star.span));
    }
    let names = columns.iter().map(|column| column.name.as_str());
    check_columns(&names, except)?;
    Ok(columns
        .into_iter()
        .filter(|column| {
            !except
                .iter()
                .any(|ident| column.name.eq_ignore_ascii_case(&ident.value))
        })
        .map(|column| Ast {
            kind: AstKind::Name(
                column
                    .qualifier
                    .iter()
                    .chain([&column.name])
                    .cloned()
                    .collect(),
            ),
            span: star.span,
        })
        .collect())
}

/// Refuses names that are not among `columns`.
fn check_columns<'c>(
    columns: &(impl Iterator<Item = &'c str> + Clone),
    names: &[Ident],
) -> Result<()> {
    let is_known = |ident: &Ident| {
        columns
            .clone()
            .any(|name| name.eq_ignore_ascii_case(&ident.value))
    };
    let Some(unknown) = names.iter().find(|ident| !is_known(ident)) else {
        return Ok(());
    };
    let known: Vec<String> = columns.clone().map(|name| format!("`{name}`")).collect();
    let error = Error::invalid(format!(
        "a column with name `{}` cannot be resolved. The columns are [{}]",
        unknown.value,
        known.join(", ")
    ));
    Err(error
        .with_condition("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        .with_span(unknown.span))
}

/// `ORDER BY`, `LIMIT` and `OFFSET` of what is no `SELECT`.
fn organized(input: &Plan, organization: &Organization) -> Result<Plan> {
    let mut plan = Arc::clone(input);
    if !organization.order_by.is_empty() {
        plan = builder::sort(&plan, &organization.order_by)?;
    }
    let limit = organization.limit.as_ref().map(row_count).transpose()?;
    let offset = offset(organization, input)?;
    Ok(builder::limit(&plan, limit, offset))
}

/// How many rows `OFFSET` leaves out. On a stream that is refused, as in Spark also if it is none.
fn offset(organization: &Organization, input: &LogicalPlan) -> Result<u64> {
    let Some(ast) = &organization.offset else {
        return Ok(0);
    };
    let offset = row_count(ast)?;
    if offset == 0 && input.is_streaming() {
        let message = "Offset is not supported on streaming DataFrames/Datasets";
        return Err(Error::invalid(message).with_span(ast.span));
    }
    Ok(offset)
}

/// A number of rows: a constant that is not negative.
fn row_count(ast: &Ast) -> Result<u64> {
    let refused = |why: &str, which: &str| {
        Error::invalid(format!(
            "LIMIT and OFFSET take a number of rows, {why}. expression=`{}`",
            ast.sql(&PlanSchema::default())
        ))
        .with_condition(format!("INVALID_LIMIT_LIKE_EXPRESSION.{which}"))
        .with_span(ast.span)
    };
    let mut names_column = false;
    ast.walk(&mut |inner| {
        names_column |= matches!(inner.kind, AstKind::Name(_) | AstKind::Subquery(_));
        true
    });
    if names_column {
        return Err(refused("which is the same for all rows", "IS_UNFOLDABLE"));
    }
    let resolved = resolve(ast, &PlanSchema::default())?;
    if !resolved.is_constant() {
        return Err(refused("which is the same for all rows", "IS_UNFOLDABLE"));
    }
    if resolved.data_type != DataType::Int32 {
        return Err(refused("of type INT", "DATA_TYPE"));
    }
    let value = folded("LIMIT", std::slice::from_ref(&resolved), 0)
        .map_err(|error| error.with_span(ast.span))?;
    if value.is_null(0) {
        return Err(refused("which is not null", "IS_NULL"));
    }
    u64::try_from(value.as_primitive::<Int32Type>().value(0))
        .map_err(|_| refused("which is not negative", "IS_NEGATIVE"))
}

/// `left UNION right` and its like.
fn combined(
    operator: SetOperator,
    is_all: bool,
    by_name: bool,
    inputs: &[Plan; 2],
) -> Result<Plan> {
    let [left, right] = inputs;
    match operator {
        SetOperator::Union => {
            let all = if by_name {
                builder::union_by_name(left, right, false)?
            } else {
                builder::union(inputs)?
            };
            if is_all {
                Ok(all)
            } else {
                builder::distinct(&all)
            }
        }
        SetOperator::Except | SetOperator::Intersect if by_name => {
            Err(Error::unsupported("BY NAME with EXCEPT or INTERSECT"))
        }
        SetOperator::Except => builder::except(left, right, is_all),
        SetOperator::Intersect => builder::intersect(left, right, is_all),
    }
}

/// A relation under a name, its columns too if there are names for them.
fn aliased(plan: &Plan, name: &Ident, columns: &[Ident]) -> Result<Plan> {
    if columns.is_empty() {
        return Ok(builder::alias(plan, &name.value));
    }
    let span = columns
        .iter()
        .fold(Span::NOWHERE, |span, column| span.union(column.span));
    let names: Vec<String> = columns.iter().map(|column| column.value.clone()).collect();
    builder::alias_columns(plan, &name.value, &names).map_err(|error| error.with_span(span))
}

/// The builder's form of a join condition.
fn condition(condition: &JoinCondition) -> builder::JoinCondition {
    match condition {
        JoinCondition::None => builder::JoinCondition::None,
        JoinCondition::On(on) => builder::JoinCondition::On(on.clone()),
        JoinCondition::Using(columns) => builder::JoinCondition::Using(
            columns.iter().map(|column| column.value.clone()).collect(),
        ),
        JoinCondition::Natural => builder::JoinCondition::Natural,
    }
}
