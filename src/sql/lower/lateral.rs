//! `LATERAL (SELECT …)`: a subquery that sees the columns of the relations before it, as a join with its rows.
//!
//! What its `WHERE` says of columns around it is the condition of the join. Its list is computed above the join, where both are in sight; a
//! hidden column says which rows of an outer join found a partner. What counts, cuts or tells apart the rows of each row around it is
//! refused: as a join it would count those of all.

use super::relation::{generated, named};
use super::subquery::{
    all_of, body_filter, column, columns_of, is_plain, lost, refuse_stream, renamed, without_stars,
};
use super::{Lowering, Plan, items};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::plan::builder::{self, JoinCondition};
use crate::plan::{JoinType, PlanSchema};
use crate::sql::ast::{Body, Lateral, LateralQuery, QueryAst, Select};

/// What the columns of the subquery's own relations are called above the join.
const OWN: &str = "__lateral";

/// How many may stand within each other: each is first tried without what is around it, so that one more takes twice the time.
const LATERALS_MAX: usize = 8;

/// The rows of a subquery before its list.
struct Inner<'a> {
    plan: Plan,
    select: &'a Select,
    /// Conditions that name columns around the subquery.
    correlated: Vec<Ast>,
}

impl Lowering<'_> {
    /// `outer, LATERAL explode(…)`, `outer JOIN LATERAL (query) ON condition`.
    pub(super) fn lateral(&mut self, outer: &Plan, lateral: &Lateral) -> Result<Plan> {
        match lateral {
            Lateral::Generator(view) => generated(outer, view),
            Lateral::Query(query) => {
                self.laterals += 1;
                let joined = if self.laterals > LATERALS_MAX {
                    Err(Error::unsupported(format!(
                        "more than {LATERALS_MAX} LATERAL subqueries within each other"
                    )))
                } else {
                    self.lateral_join(outer, query)
                };
                self.laterals -= 1;
                joined.map_err(|error| error.with_span(query.span))
            }
        }
    }

    fn lateral_join(&mut self, outer: &Plan, lateral: &LateralQuery) -> Result<Plan> {
        let join_type = if lateral.is_outer {
            JoinType::LeftOuter
        } else {
            JoinType::Inner
        };
        let error = match self.query(&lateral.query) {
            Ok(alone) => {
                let right = named(alone, lateral.alias.as_ref())?;
                let on = lateral.condition.clone();
                let on = on.map_or(JoinCondition::None, JoinCondition::On);
                return builder::join(outer, &right, join_type, &on);
            }
            Err(error) => error,
        };
        let scope = self.with.len();
        let inner = self.lateral_rows(outer, &lateral.query, error);
        self.with.truncate(scope);
        let inner = inner?;
        refuse_stream(&inner.plan, lateral.span)?;
        if !lateral.is_outer {
            let joined = joined(outer, &inner, join_type, lateral)?;
            return match &lateral.condition {
                Some(condition) => builder::filter(&joined, condition),
                None => Ok(joined),
            };
        }
        let is_always = |on: &Ast| on.sql(&PlanSchema::default()).eq_ignore_ascii_case("true");
        if lateral.condition.as_ref().is_some_and(|on| !is_always(on)) {
            let what = "a condition other than true on LEFT JOIN LATERAL (write it into the WHERE of the subquery)";
            return Err(Error::unsupported(what).with_span(lateral.span));
        }
        joined(outer, &inner, join_type, lateral)
    }

    /// The rows of a subquery that cannot be understood by itself, of which `error` says why.
    fn lateral_rows<'a>(
        &mut self,
        outer: &Plan,
        query: &'a QueryAst,
        error: Error,
    ) -> Result<Inner<'a>> {
        let Body::Select(select) = &query.body else {
            return Err(error);
        };
        if !error
            .condition()
            .is_some_and(|condition| condition.starts_with("UNRESOLVED_COLUMN."))
        {
            return Err(error);
        }
        if !is_plain(select, query) || select.is_distinct || !query.organization.order_by.is_empty()
        {
            let what = "an aggregate, a function over a window, GROUP BY, HAVING, QUALIFY, DISTINCT, ORDER BY, LIMIT or OFFSET in a LATERAL subquery that names columns around it";
            let refused = Error::unsupported(what).with_span(select.span);
            return Err(if outer.is_streaming() {
                refused.with_condition("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK")
            } else {
                refused
            });
        }
        let no_condition = Ast::boolean(true);
        let condition = body_filter(query).unwrap_or(&no_condition);
        let (plan, correlated) = self.without_outer(query, select, condition)?;
        Ok(Inner {
            plan,
            select,
            correlated,
        })
    }
}

/// The columns of `outer`, then those of the subquery's list.
fn joined(
    outer: &Plan,
    inner: &Inner<'_>,
    join_type: JoinType,
    lateral: &LateralQuery,
) -> Result<Plan> {
    let own = &inner.plan.schema.columns;
    let mut list: Vec<Ast> = own.iter().map(column).collect();
    list.push(Ast::boolean(true).alias("found"));
    let names = columns_of(OWN, list.len());
    let right = builder::select(&inner.plan, &list)?;
    let right = builder::alias_columns(&right, OWN, &names)?;
    let above = |ast: &Ast| renamed(ast, own, (OWN, &names));
    let on = inner.correlated.iter().map(above).collect::<Result<_>>()?;
    let on = all_of(on, lateral.span).map_or(JoinCondition::None, JoinCondition::On);
    let plan = builder::join(outer, &right, join_type, &on)?;
    let found = Ast::name(names.last().ok_or_else(lost)?);
    let mut all: Vec<Ast> = outer.schema.columns.iter().map(column).collect();
    let items = items(&without_stars(inner.select), &inner.plan)?;
    for item in &items {
        let name = item.output_name(&inner.plan.schema);
        let value = above(item.without_alias())?;
        let value = if join_type == JoinType::LeftOuter {
            Ast::new(AstKind::Case {
                branches: vec![(found.clone(), value)],
                otherwise: None,
            })
        } else {
            value
        };
        all.push(value.at(item.span).alias(&name));
    }
    let plan = builder::select(&plan, &all)?;
    let Some(alias) = &lateral.alias else {
        return builder::alias_last(&plan, items.len(), None, &[]);
    };
    let columns = alias.columns.iter().map(|column| column.value.clone());
    let columns: Vec<String> = columns.collect();
    builder::alias_last(&plan, items.len(), Some(&alias.name.value), &columns)
}
