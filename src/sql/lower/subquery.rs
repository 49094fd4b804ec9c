//! Subqueries in expressions, as joins.
//!
//! In `WHERE`, between `AND`s:
//! - `EXISTS (SELECT …)` is a left semi join and `NOT EXISTS (…)` a left anti join with the subquery's rows;
//! - `x IN (SELECT y …)` is a left semi join on `x = y`; `x NOT IN (SELECT y …)` a left anti join on `x = y`, or on that being null if it
//!   can be: a row stays only if it differs from all. `(a, b) IN (SELECT c, d …)` compares pairwise.
//!
//! Both may be correlated: what the subquery's own `WHERE` says of columns around it moves into the condition of the join.
//!
//! Elsewhere they are values ([`super::value`]).

use super::{Lowering, Plan, aliased, items, relation};
use crate::analyze::{find_column, resolve};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind, Expr};
use crate::plan::builder::{self, JoinCondition};
use crate::plan::{Column, JoinType, LogicalPlan};
use crate::sql::ast::{Body, QueryAst, Select, SelectItem};
use crate::types::common_type;

/// The condition of errors about names that stand for no column.
pub(super) const UNRESOLVED: &str = "UNRESOLVED_COLUMN.WITH_SUGGESTION";

/// What a condition asks of a subquery.
pub(super) struct Membership<'a> {
    /// Its number.
    pub(super) subquery: usize,
    /// What is looked for among its rows; nothing, if that there are any is enough.
    pub(super) values: &'a [Ast],
    /// Whether `NOT` stands before it.
    pub(super) is_negated: bool,
    span: Span,
}

/// The rows of a subquery, and what they have to do with the rows around it.
struct Inner {
    plan: Plan,
    /// Conditions that name columns around the subquery.
    correlated: Vec<Ast>,
    /// The subquery's columns, as far as they are looked at.
    values: Vec<Ast>,
}

impl Lowering<'_> {
    /// The rows for which a condition holds that may have subqueries in it.
    pub(super) fn filtered(
        &mut self,
        input: &Plan,
        condition: &Ast,
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        if subqueries.is_empty() {
            return builder::filter(input, condition);
        }
        let mut plan = Plan::clone(input);
        let mut members = Vec::new();
        let mut valued = Vec::new();
        for conjunct in conjuncts(condition) {
            match membership(conjunct, false) {
                Some(member) => members.push(member),
                None if has_subquery(conjunct) => valued.push(conjunct),
                None => plan = builder::filter(&plan, conjunct)?,
            }
        }
        for member in members {
            plan = self.member(&plan, &member, subqueries)?;
        }
        let columns = plan.schema.columns.len();
        let mut conditions = Vec::new();
        for conjunct in valued {
            conditions.push(self.valued(&mut plan, conjunct, subqueries, false)?);
        }
        for condition in &conditions {
            plan = builder::filter(&plan, condition)?;
        }
        let added = plan.schema.columns.iter().skip(columns);
        let added: Vec<String> = added.map(|column| column.name.clone()).collect();
        Ok(match added.as_slice() {
            [] => plan,
            added => builder::drop_columns(&plan, added),
        })
    }

    /// The rows that are, or are not, among those of a subquery.
    fn member(
        &mut self,
        outer: &Plan,
        member: &Membership<'_>,
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        let query = subqueries.get(member.subquery).ok_or_else(lost)?;
        let inner = self.inner(query, member)?;
        refuse_stream(&inner.plan, member.span)?;
        let name = format!("subquery_{}", member.subquery);
        let names = columns_of(&name, inner.plan.schema.columns.len());
        let right = builder::alias_columns(&inner.plan, &name, &names)?;
        let own = |ast: &Ast| renamed(ast, &inner.plan.schema.columns, (&name, &names));
        let mut condition = inner
            .correlated
            .iter()
            .map(own)
            .collect::<Result<Vec<_>>>()?;
        let mut equalities = Vec::with_capacity(inner.values.len());
        let mut can_be_null = false;
        for (wanted, value) in member.values.iter().zip(&inner.values) {
            let value = own(value)?;
            let sides = [
                resolve(wanted, &outer.schema)?,
                resolve(&value, &right.schema)?,
            ];
            check_comparable(&sides, member.span)?;
            can_be_null |= sides.iter().any(|side| side.is_nullable);
            equalities.push(Ast::call("=", vec![wanted.clone(), value]).at(member.span));
        }
        if member.is_negated && can_be_null {
            condition.extend(all_of(equalities, member.span).map(|equal| {
                let unknown = Ast::call("isnull", vec![equal.clone()]).at(member.span);
                Ast::call("or", vec![equal, unknown]).at(member.span)
            }));
        } else {
            condition.extend(equalities);
        }
        let join_type = if member.is_negated {
            JoinType::LeftAnti
        } else {
            JoinType::LeftSemi
        };
        let on = all_of(condition, member.span).map_or(JoinCondition::None, JoinCondition::On);
        builder::join(outer, &right, join_type, &on).map_err(|error| error.with_span(member.span))
    }

    /// The rows of a subquery, by itself if it can be understood so.
    fn inner(&mut self, query: &QueryAst, member: &Membership<'_>) -> Result<Inner> {
        let alone = match self.query(query) {
            Err(error) if error.condition() == Some(UNRESOLVED) => {
                let outer = self.with.len();
                let inner = self.correlated(query, member, error);
                self.with.truncate(outer);
                return inner;
            }
            plan => plan?,
        };
        let values = alone.schema.columns.iter().map(column).collect();
        Ok(Inner {
            correlated: Vec::new(),
            values: looked_at(values, member)?,
            plan: alone,
        })
    }

    /// The rows of a subquery whose `WHERE` names columns around it. `error` is what is wrong with it otherwise.
    fn correlated(
        &mut self,
        query: &QueryAst,
        member: &Membership<'_>,
        error: Error,
    ) -> Result<Inner> {
        let (Body::Select(select), Some(condition)) = (&query.body, body_filter(query)) else {
            return Err(error);
        };
        if !is_plain(select, query) {
            return Err(error);
        }
        let (plan, correlated) = self.without_outer(query, select, condition)?;
        let values = listed(select, &plan)?;
        Ok(Inner {
            values: looked_at(values, member)?,
            plan,
            correlated,
        })
    }

    /// The rows of a `SELECT` before its list, as far as they say nothing of what is around it, and the conditions that do. Common table
    /// expressions stay in sight.
    pub(super) fn without_outer(
        &mut self,
        query: &QueryAst,
        select: &Select,
        condition: &Ast,
    ) -> Result<(Plan, Vec<Ast>)> {
        for cte in &query.with {
            let plan = self.query(&cte.query)?;
            let plan = aliased(&plan, &cte.name, &cte.columns)?;
            self.with.push((cte.name.value.clone(), plan));
        }
        let mut plan = self.from(&select.from, &select.subqueries)?;
        for view in &select.lateral_views {
            plan = relation::generated(&plan, view)?;
        }
        let mut correlated = Vec::new();
        for conjunct in conjuncts(condition) {
            if has_subquery(conjunct) {
                plan = self.filtered(&plan, conjunct, &select.subqueries)?;
                continue;
            }
            match builder::filter(&plan, conjunct) {
                Err(error) if error.condition() == Some(UNRESOLVED) => {
                    correlated.push(conjunct.clone());
                }
                filtered => plan = filtered?,
            }
        }
        Ok((plan, correlated))
    }
}

/// `HAVING` in two: what is asked of groups, and of what it asks by `IN (SELECT …)`, which is asked of the rows that the list makes of them.
/// `items` gets hidden columns with the values that are looked for.
pub(super) fn above_groups(
    having: Option<&Ast>,
    items: &mut Vec<Ast>,
) -> (Option<Ast>, Option<Ast>) {
    let (mut of_groups, mut above) = (Vec::new(), Vec::new());
    for conjunct in having.into_iter().flat_map(conjuncts) {
        match membership(conjunct, false).filter(|member| !member.values.is_empty()) {
            Some(member) => {
                let first = items.len();
                let hidden = |index: usize| format!("__having_{index}");
                let values = member.values.iter().enumerate();
                items.extend(
                    values.map(|(index, value)| value.clone().alias(&hidden(first + index))),
                );
                let names = (first..items.len()).map(|index| Ast::name(&hidden(index)));
                let row = Ast::call("struct", names.collect());
                let rows = Ast::new(AstKind::Subquery(member.subquery));
                let is_in = Ast::call("in", vec![row, rows]).at(member.span);
                above.push(if member.is_negated {
                    Ast::call("not", vec![is_in]).at(member.span)
                } else {
                    is_in
                });
            }
            None => of_groups.push(conjunct.clone()),
        }
    }
    let together = |conditions: Vec<Ast>| {
        conditions.into_iter().reduce(|left, right| {
            let span = left.span.union(right.span);
            Ast::call("and", vec![left, right]).at(span)
        })
    };
    (together(of_groups), together(above))
}

/// What stands between the `AND`s.
pub(super) fn conjuncts(condition: &Ast) -> Vec<&Ast> {
    match &condition.kind {
        AstKind::Call(call) if call.name == "and" => {
            call.arguments.iter().flat_map(conjuncts).collect()
        }
        _ => vec![condition],
    }
}

pub(super) fn has_subquery(ast: &Ast) -> bool {
    let mut found = false;
    ast.walk(&mut |ast| {
        found |= matches!(ast.kind, AstKind::Subquery(_));
        !found
    });
    found
}

/// The condition as one on the rows of a subquery, if that is what it is.
pub(super) fn membership(ast: &Ast, is_negated: bool) -> Option<Membership<'_>> {
    let call = ast.as_call()?;
    let (subquery, values) = match (call.name.as_str(), call.arguments.as_slice()) {
        ("not", [input]) => return membership(input, !is_negated),
        ("exists", [subquery]) => (subquery, [].as_slice()),
        ("in", [value, subquery]) => match value.as_call() {
            Some(row) if row.is_row() => (subquery, row.arguments.as_slice()),
            _ => (subquery, std::slice::from_ref(value)),
        },
        _ => return None,
    };
    let AstKind::Subquery(subquery) = subquery.kind else {
        return None;
    };
    Some(Membership {
        subquery,
        values,
        is_negated,
        span: ast.span,
    })
}

/// Whether a query is only a list, relations and a condition, so that the condition may be taken out of it.
pub(super) fn is_plain(select: &Select, query: &QueryAst) -> bool {
    let organization = &query.organization;
    select.group_by.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && organization.limit.is_none()
        && organization.offset.is_none()
        && !select.items.iter().any(|item| match item {
            SelectItem::Expr(ast) => {
                ast.has_call(&|call| call.over.is_some() || crate::analyze::is_aggregate_call(call))
            }
            SelectItem::StarExcept(..) => false,
        })
}

pub(super) fn body_filter(query: &QueryAst) -> Option<&Ast> {
    match &query.body {
        Body::Select(select) => select.filter.as_ref(),
        _ => None,
    }
}

/// The items of a list, with each star as one that is written out.
pub(super) fn without_stars(select: &Select) -> Vec<SelectItem> {
    let items = select.items.iter().map(|item| match item {
        SelectItem::Expr(star) if matches!(star.kind, AstKind::Star(_)) => {
            SelectItem::StarExcept(star.clone(), Vec::new())
        }
        item => item.clone(),
    });
    items.collect()
}

/// The items of a list over its rows, without their aliases.
pub(super) fn listed(select: &Select, plan: &LogicalPlan) -> Result<Vec<Ast>> {
    let listed = items(&without_stars(select), plan)?;
    Ok(listed
        .iter()
        .map(|item| item.without_alias().clone())
        .collect())
}

/// Names for so many columns that nobody else uses.
pub(super) fn columns_of(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{name}_{index}")).collect()
}

pub(super) fn column(column: &Column) -> Ast {
    let parts = column.qualifier.iter().chain([&column.name]);
    Ast::new(AstKind::Name(parts.cloned().collect()))
}

/// The expression with the subquery's own columns under their new names. What is none of them stays: it is one around the subquery.
pub(super) fn renamed(
    ast: &Ast,
    columns: &[Column],
    (alias, names): (&str, &[String]),
) -> Result<Ast> {
    // The first name that fits several columns.
    let ambiguous = std::cell::RefCell::new(None);
    let changed = ast.map(&|ast| {
        let AstKind::Name(parts) = &ast.kind else {
            return None;
        };
        let found = find_column(columns, parts).unwrap_or_else(|error| {
            ambiguous
                .borrow_mut()
                .get_or_insert(error.with_span(ast.span));
            None
        });
        let (index, taken) = found?;
        let own = [alias.to_owned(), names.get(index)?.clone()];
        let parts = own.into_iter().chain(parts.iter().skip(taken).cloned());
        Some(Ast::new(AstKind::Name(parts.collect())))
    });
    match ambiguous.into_inner() {
        Some(error) => Err(error),
        None => Ok(changed),
    }
}

/// Refuses `IN` over values that cannot be compared.
pub(super) fn check_comparable([wanted, value]: &[Expr; 2], span: Span) -> Result<()> {
    if common_type(&wanted.data_type, &value.data_type).is_some() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the values before IN and those of the subquery cannot be compared. before=`{}`, subquery=`{}`",
        wanted.sql_type(),
        value.sql_type()
    ))
    .with_condition("DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH")
    .with_span(span))
}

/// As in Spark a subquery reads tables.
pub(super) fn refuse_stream(plan: &LogicalPlan, span: Span) -> Result<()> {
    if !plan.is_streaming() {
        return Ok(());
    }
    let message = "streaming query is not allowed in subquery expressions: join the stream, IN and EXISTS as LEFT SEMI JOIN with a bound on time";
    Err(Error::invalid(message)
        .with_condition("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY")
        .with_span(span))
}

/// The columns of a subquery that are compared: as many as there are values before `IN`, none for `EXISTS`.
fn looked_at(columns: Vec<Ast>, member: &Membership<'_>) -> Result<Vec<Ast>> {
    let values = member.values.len();
    if values == 0 {
        return Ok(Vec::new());
    }
    if values != columns.len() {
        return Err(Error::invalid(format!(
            "a subquery behind IN has as many columns as there are values before it. values=`{values}`, columns=`{}`",
            columns.len()
        ))
        .with_condition("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH")
        .with_span(member.span));
    }
    Ok(columns)
}

/// All conditions as one.
pub(super) fn all_of(conditions: Vec<Ast>, span: Span) -> Option<Ast> {
    let mut conditions = conditions.into_iter();
    let first = conditions.next()?;
    Some(conditions.fold(first, |left, right| {
        Ast::call("and", vec![left, right]).at(span)
    }))
}

pub(super) fn lost() -> Error {
    Error::internal("a subquery is not where its number says")
}
