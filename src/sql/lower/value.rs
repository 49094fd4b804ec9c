//! Subqueries as values: each becomes a column that the rows around it get by a left join with a table.
//!
//! - `(SELECT y …)` that names nothing around it is a left join with its one row. If its form does not say that it has one, its rows are
//!   counted, and several are an error when the query runs.
//! - `(SELECT f(y) … WHERE inner = outer)` is grouped by what its equalities compare. A row without a group gets what the list gives for no
//!   rows at all: 0 for `count`.
//! - `EXISTS` asks whether there is a row, or a group; `x IN (SELECT y …)` whether there is the group of x. As in Spark they are true or false
//!   here, also where nulls leave it open: `IN` and `NOT IN` are both false then.
//!
//! In a grouped query the columns stand below the aggregation; each is the same for all rows of a group, so that the first of them is it.

use super::subquery::{
    UNRESOLVED, body_filter, check_comparable, column, has_subquery, listed, lost, membership,
    refuse_stream,
};
use super::{Lowering, Plan};
use crate::analyze::{is_aggregate_call, resolve};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind, ONLY_ROW};
use crate::plan::builder::{self, Grouping, JoinCondition};
use crate::plan::{JoinType, LogicalPlan, PlanNode, PlanSchema};
use crate::sql::ast::{Body, QueryAst, SelectItem};

/// Aggregates that are null over no rows.
const NULL_WITHOUT_ROWS: &[&str] = &[
    "any_value",
    "avg",
    "first",
    "last",
    "max",
    "max_by",
    "mean",
    "min",
    "min_by",
    "stddev",
    "sum",
    "variance",
];

/// What is asked of a subquery.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    subquery: usize,
    asks: Asks<'a>,
    span: Span,
}

#[derive(Debug, Clone, Copy)]
enum Asks<'a> {
    /// Its one value.
    Value,
    /// Whether it has rows.
    Exists,
    /// Whether it has none.
    NotExists,
    /// Whether this is among its values.
    In(&'a Ast),
    /// Whether this differs from all of its values.
    NotIn(&'a Ast),
}

/// The rows of a subquery, and how they are found from around it.
#[derive(Debug)]
struct Rows {
    plan: Plan,
    /// Its list over the plan.
    items: Vec<Ast>,
    /// What must be equal.
    keys: Vec<Key>,
}

/// `inner = outer`, or `<=>`.
#[derive(Debug)]
struct Key {
    operator: String,
    inner: Ast,
    outer: Ast,
}

impl Rows {
    fn has_aggregate(&self) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.has_call(&is_aggregate_call))
    }
}

impl Lowering<'_> {
    /// The items and the `HAVING` of a `SELECT` with columns for the subqueries in them, and the input that has these columns.
    pub(super) fn with_values(
        &mut self,
        input: &Plan,
        (items, having): (Vec<Ast>, Option<Ast>),
        subqueries: &[QueryAst],
        group_by: Option<&[Grouping]>,
    ) -> Result<(Plan, Vec<Ast>, Option<Ast>)> {
        let mut plan = Plan::clone(input);
        if !items.iter().chain(&having).any(has_subquery) {
            return Ok((plan, items, having));
        }
        let is_grouped = group_by.is_some()
            || having.is_some()
            || items.iter().any(|item| item.has_call(&is_aggregate_call));
        let mut result = Vec::with_capacity(items.len());
        for (position, item) in items.into_iter().enumerate() {
            if matches!(item.kind, AstKind::Star(_)) {
                // The columns of subqueries are none of it.
                let star = SelectItem::StarExcept(item, Vec::new());
                result.extend(super::items(&[star], input)?);
            } else if has_subquery(&item) {
                let name = item.output_name(&input.schema);
                let value = item.without_alias();
                let is_key = group_by.is_some_and(|keys| is_grouped_by(keys, position, &name));
                let is_grouped = is_grouped && !is_key;
                let changed = self.valued(&mut plan, value, subqueries, is_grouped)?;
                result.push(changed.at(item.span).alias(&name));
            } else {
                result.push(item);
            }
        }
        let having = match having {
            Some(having) => Some(self.valued(&mut plan, &having, subqueries, true)?),
            None => None,
        };
        Ok((plan, result, having))
    }

    /// The input of a `GROUP BY` with columns for the subqueries in its keys, which become these columns.
    pub(super) fn with_key_values(
        &mut self,
        input: &Plan,
        grouping: &mut [Grouping],
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        let mut plan = Plan::clone(input);
        for item in grouping {
            if let Grouping::Key(key) = item
                && has_subquery(key)
            {
                *key = self.valued(&mut plan, key, subqueries, false)?;
            }
        }
        Ok(plan)
    }

    /// The expression with a column for each subquery in it, which `plan` gets.
    pub(super) fn valued(
        &mut self,
        plan: &mut Plan,
        ast: &Ast,
        subqueries: &[QueryAst],
        is_grouped: bool,
    ) -> Result<Ast> {
        let mut questions = Vec::new();
        ast.walk(&mut |ast| match question(ast) {
            Some(question) => {
                questions.push(question);
                false
            }
            None => true,
        });
        let mut answers = Vec::with_capacity(questions.len());
        for question in &questions {
            let query = subqueries.get(question.subquery).ok_or_else(lost)?;
            let answer = self
                .answer(plan, question, query)
                .map_err(|error| error.with_span(question.span))?;
            answers.push((question.subquery, answer));
        }
        let find = |ast: &Ast| {
            let wanted = question(ast)?.subquery;
            let (_, answer) = answers.iter().find(|(number, _)| *number == wanted)?;
            Some(answer)
        };
        Ok(ast.map(&|ast| {
            if is_grouped && ast.as_call().is_some_and(is_aggregate_call) {
                return Some(ast.map(&|ast| find(ast).cloned()));
            }
            let answer = find(ast)?;
            Some(if is_grouped {
                firsts(answer)
            } else {
                answer.clone()
            })
        }))
    }

    /// What stands for a subquery, of columns that `plan` gets.
    fn answer(
        &mut self,
        plan: &mut Plan,
        question: &Question<'_>,
        query: &QueryAst,
    ) -> Result<Ast> {
        let outer = self.with.len();
        let rows = self.rows(plan, query, question);
        self.with.truncate(outer);
        let rows = rows?;
        refuse_stream(&rows.plan, question.span)?;
        let name = value_name(question.subquery);
        match question.asks {
            Asks::Value => value(plan, &rows, &name, question.span),
            Asks::Exists => exists(plan, &rows, &name, question.span),
            Asks::NotExists => {
                let is_there = exists(plan, &rows, &name, question.span)?;
                Ok(Ast::call("not", vec![is_there]))
            }
            Asks::In(wanted) => contains(plan, &rows, (&name, wanted), question.span),
            Asks::NotIn(wanted) => differs(plan, &rows, (&name, wanted), question.span),
        }
    }

    fn rows(&mut self, outer: &Plan, query: &QueryAst, question: &Question<'_>) -> Result<Rows> {
        let error = match self.query(query) {
            Ok(plan) => {
                let items = plan.schema.columns.iter().map(column).collect();
                let keys = Vec::new();
                return Ok(Rows { plan, items, keys });
            }
            Err(error) if error.condition() == Some(UNRESOLVED) => error,
            Err(error) => return Err(error),
        };
        let Body::Select(select) = &query.body else {
            return Err(error);
        };
        let no_condition = Ast::boolean(true);
        let condition = body_filter(query).unwrap_or(&no_condition);
        let (plan, correlated) = self.without_outer(query, select, condition)?;
        let items = listed(select, &plan)?;
        if let Some(span) = outer_name(&items, &plan, outer) {
            return Err(Error::unsupported(
                "a column of what is around a subquery elsewhere than in its WHERE",
            )
            .with_condition("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_REFERENCE")
            .with_span(span));
        }
        if correlated.is_empty() {
            return Err(error);
        }
        let organization = &query.organization;
        let is_plain = select.group_by.is_none()
            && select.having.is_none()
            && select.qualify.is_none()
            && !select.is_distinct
            && organization.limit.is_none()
            && organization.offset.is_none();
        if !is_plain {
            let what = "GROUP BY, HAVING, QUALIFY, DISTINCT, LIMIT or OFFSET in a subquery that names columns around it";
            return Err(Error::unsupported(what).with_span(question.span));
        }
        let keys = correlated
            .iter()
            .map(|condition| {
                key(condition, &plan, outer).map_err(|error| match question.asks {
                    // Spark makes an aggregation of the stream of it.
                    Asks::Value if outer.is_streaming() => {
                        error.with_condition("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK")
                    }
                    _ => error,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Rows { plan, items, keys })
    }
}

/// Whether a `GROUP BY` names an item of the list: by its place, from 0, or by its name.
fn is_grouped_by(grouping: &[Grouping], position: usize, name: &str) -> bool {
    let place = (position + 1).to_string();
    grouping.iter().any(|item| match item {
        Grouping::Key(key) => match &key.kind {
            AstKind::Name(parts) => {
                matches!(parts.as_slice(), [own] if own.eq_ignore_ascii_case(name))
            }
            AstKind::Literal(_) => key.sql(&PlanSchema::default()) == place,
            _ => false,
        },
        Grouping::Rollup(_) | Grouping::Cube(_) | Grouping::Sets(_) => false,
    })
}

/// The question that an expression asks of a subquery, if that is what it is.
fn question(ast: &Ast) -> Option<Question<'_>> {
    let of = |subquery, asks| {
        Some(Question {
            subquery,
            asks,
            span: ast.span,
        })
    };
    if let AstKind::Subquery(number) = ast.kind {
        return of(number, Asks::Value);
    }
    let member = membership(ast, false)?;
    let asks = match (member.values, member.is_negated) {
        ([], false) => Asks::Exists,
        ([], true) => Asks::NotExists,
        ([value], false) => Asks::In(value),
        ([value], true) => Asks::NotIn(value),
        // With several values it stays, and is refused where it stands.
        _ => return None,
    };
    of(member.subquery, asks)
}

/// The first of each column: in a group all are the same.
fn firsts(answer: &Ast) -> Ast {
    answer.map(&|ast| match &ast.kind {
        AstKind::Name(parts) if parts.iter().any(|part| part.starts_with(VALUE)) => {
            Some(Ast::call("first", vec![ast.clone()]))
        }
        _ => None,
    })
}

/// What the columns of subqueries begin with.
const VALUE: &str = "__subquery_value_";

fn value_name(number: usize) -> String {
    format!("{VALUE}{number}")
}

/// Where one of these names a column that only the rows around have.
fn outer_name(items: &[Ast], inner: &LogicalPlan, outer: &LogicalPlan) -> Option<Span> {
    let mut found = None;
    for item in items {
        item.walk(&mut |ast| {
            if matches!(ast.kind, AstKind::Name(_))
                && resolve(ast, &inner.schema).is_err()
                && resolve(ast, &outer.schema).is_ok()
            {
                found.get_or_insert(ast.span);
            }
            true
        });
    }
    found
}

/// A condition on both as an equality between both.
fn key(condition: &Ast, inner: &LogicalPlan, outer: &LogicalPlan) -> Result<Key> {
    let fits = |inside: &Ast, outside: &Ast| {
        resolve(inside, &inner.schema).is_ok() && resolve(outside, &outer.schema).is_ok()
    };
    let call = condition.as_call();
    if let Some(call) = call.filter(|call| matches!(call.name.as_str(), "=" | "<=>"))
        && let [left, right] = call.arguments.as_slice()
    {
        let of = |inner: &Ast, outer: &Ast| Key {
            operator: call.name.clone(),
            inner: inner.clone(),
            outer: outer.clone(),
        };
        if fits(left, right) {
            return Ok(of(left, right));
        }
        if fits(right, left) {
            return Ok(of(right, left));
        }
    }
    let what = "in a subquery that is a value, a condition on columns around it that is no equality (`inner = outer`)";
    Err(Error::unsupported(what).with_span(condition.span))
}

/// A list over groups by the keys, which come behind it.
fn grouped(rows: &Rows, items: Vec<Ast>, name: &str) -> Result<Plan> {
    let keys: Vec<Ast> = rows.keys.iter().map(|key| key.inner.clone()).collect();
    let mut all = items;
    let named = keys.iter().enumerate();
    all.extend(named.map(|(index, key)| key.clone().alias(&format!("{name}_key_{index}"))));
    builder::aggregate(&rows.plan, &keys, &all)
}

/// Gives `plan` the columns of the groups that its rows belong to.
fn join_groups(plan: &mut Plan, rows: &Rows, groups: &Plan, name: &str) -> Result<()> {
    let equal = rows.keys.iter().enumerate().map(|(index, key)| {
        let inner = Ast::name(&format!("{name}_key_{index}"));
        Ast::call(&key.operator, vec![key.outer.clone(), inner])
    });
    let on = equal.reduce(|left, right| Ast::call("and", vec![left, right]));
    join(plan, groups, on)
}

fn join(plan: &mut Plan, right: &Plan, on: Option<Ast>) -> Result<()> {
    let on = on.map_or(JoinCondition::None, JoinCondition::On);
    let right = builder::alias(right, VALUE);
    *plan = builder::join(plan, &right, JoinType::LeftOuter, &on)?;
    Ok(())
}

/// The value of a subquery.
fn value(plan: &mut Plan, rows: &Rows, name: &str, span: Span) -> Result<Ast> {
    let [item] = rows.items.as_slice() else {
        let columns = rows.items.len();
        return Err(Error::invalid(format!(
            "a scalar subquery returns one column. columns=`{columns}`"
        ))
        .with_condition(
            "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
        )
        .with_span(span));
    };
    if rows.keys.is_empty() && has_one_row_at_most(&rows.plan) {
        let row = builder::select(&rows.plan, &[item.clone().alias(name)])?;
        join(plan, &row, None)?;
        return Ok(Ast::name(name));
    }
    if !rows.has_aggregate() {
        let count = format!("{name}_rows");
        let items = vec![
            Ast::call("first", vec![item.clone()]).alias(name),
            Ast::call("count", vec![Ast::int(1)]).alias(&count),
        ];
        let groups = grouped(rows, items, name)?;
        join_groups(plan, rows, &groups, name)?;
        return Ok(Ast::call(ONLY_ROW, vec![Ast::name(name), Ast::name(&count)]).at(span));
    }
    let found = format!("{name}_found");
    let items = vec![item.clone().alias(name), Ast::boolean(true).alias(&found)];
    let groups = grouped(rows, items, name)?;
    join_groups(plan, rows, &groups, name)?;
    let is_null_without = |call: &str| NULL_WITHOUT_ROWS.contains(&call);
    if item
        .as_call()
        .is_some_and(|call| is_null_without(&call.name))
    {
        return Ok(Ast::name(name));
    }
    let otherwise = format!("{name}_otherwise");
    let none = builder::filter(&rows.plan, &Ast::boolean(false))?;
    let none = builder::aggregate(&none, &[], &[item.clone().alias(&otherwise)])?;
    join(plan, &none, None)?;
    let answer = vec![Ast::name(&found), Ast::name(name), Ast::name(&otherwise)];
    Ok(Ast::call("if", answer))
}

/// Whether a subquery has a row.
fn exists(plan: &mut Plan, rows: &Rows, name: &str, span: Span) -> Result<Ast> {
    if rows.keys.is_empty() {
        let one = builder::limit(&rows.plan, Some(1), 0);
        let count = Ast::call("count", vec![Ast::int(1)]);
        let is_there = Ast::call(">", vec![count, Ast::int(0)]).alias(name);
        join(plan, &builder::aggregate(&one, &[], &[is_there])?, None)?;
        return Ok(Ast::name(name));
    }
    if rows.has_aggregate() {
        let what = "an aggregate in EXISTS (there is always a row)";
        return Err(Error::unsupported(what).with_span(span));
    }
    let groups = grouped(rows, vec![Ast::boolean(true).alias(name)], name)?;
    join_groups(plan, rows, &groups, name)?;
    Ok(true_or_false(Ast::name(name)))
}

/// Whether a value is among those of a subquery. As in Spark false, not null, if nulls leave that open.
fn contains(plan: &mut Plan, rows: &Rows, (name, wanted): (&str, &Ast), span: Span) -> Result<Ast> {
    let [item] = rows.items.as_slice() else {
        return Err(Error::invalid(format!(
            "a subquery behind IN has as many columns as there are values before it. values=`1`, columns=`{}`",
            rows.items.len()
        ))
        .with_condition("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH")
        .with_span(span));
    };
    if !rows.keys.is_empty() {
        let what = "an IN subquery that names columns around it and does not stand between the ANDs of WHERE";
        return Err(Error::unsupported(what).with_span(span));
    }
    let sides = [
        resolve(wanted, &plan.schema)?,
        resolve(item, &rows.plan.schema)?,
    ];
    check_comparable(&sides, span)?;
    let is_value = Ast::call("isnotnull", vec![item.clone()]);
    let keyed = Rows {
        plan: builder::filter(&rows.plan, &is_value)?,
        items: Vec::new(),
        keys: vec![Key {
            operator: "=".to_owned(),
            inner: item.clone(),
            outer: wanted.clone(),
        }],
    };
    let groups = grouped(&keyed, vec![Ast::boolean(true).alias(name)], name)?;
    join_groups(plan, &keyed, &groups, name)?;
    Ok(true_or_false(Ast::name(name)))
}

/// Whether a value differs from all of a subquery; false if nulls leave that open.
fn differs(plan: &mut Plan, rows: &Rows, (name, wanted): (&str, &Ast), span: Span) -> Result<Ast> {
    let is_among = contains(plan, rows, (name, wanted), span)?;
    let mut items = rows.items.iter().cloned();
    let count = |of: Ast, suffix: &str| {
        let name = format!("{name}_{suffix}");
        (Ast::call("count", vec![of]).alias(&name), Ast::name(&name))
    };
    let (count_rows, rows_there) = count(Ast::int(1), "rows");
    let (count_values, values_there) = count(items.next().ok_or_else(lost)?, "values");
    let counts = builder::aggregate(&rows.plan, &[], &[count_rows, count_values])?;
    join(plan, &counts, None)?;
    let is_empty = Ast::call("=", vec![rows_there.clone(), Ast::int(0)]);
    let has_null = Ast::call("<", vec![values_there, rows_there]);
    let is_null = Ast::call("isnull", vec![wanted.clone()]);
    Ok(Ast::new(AstKind::Case {
        branches: vec![
            (is_empty, Ast::boolean(true)),
            (has_null, Ast::boolean(false)),
            (is_null, Ast::boolean(false)),
        ],
        otherwise: Some(Box::new(Ast::call("not", vec![is_among]))),
    }))
}

/// A truth whose null counts as false.
fn true_or_false(truth: Ast) -> Ast {
    Ast::call("coalesce", vec![truth, Ast::boolean(false)])
}

fn has_one_row_at_most(plan: &LogicalPlan) -> bool {
    match &plan.node {
        PlanNode::Project { input, .. }
        | PlanNode::Filter { input, .. }
        | PlanNode::Sort { input, .. } => has_one_row_at_most(input),
        PlanNode::Aggregate { keys, .. } => keys.is_empty(),
        PlanNode::Limit { rows, .. } => *rows <= 1,
        _ => false,
    }
}
