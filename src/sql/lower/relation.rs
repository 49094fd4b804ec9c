//! `FROM`: tables, streams, subqueries, joins, generators, and the watermarks declared on them.

use super::subquery::{UNRESOLVED, all_of, conjuncts, has_subquery};
use super::{Lowering, Plan, aliased, condition, row_count, table, values};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind};
use crate::plan::JoinType;
use crate::plan::builder::{self, EventTimeColumn};
use crate::sql::ast::{
    Ident, JoinCondition, LateralView, ObjectName, QueryAst, RelationAlias, RelationAst,
    StreamClause, WatermarkClause,
};

/// What the columns of a subquery without alias are qualified with: Spark's own name, which nobody writes.
const NAMELESS: &str = "__auto_generated_subquery_name";

impl Lowering<'_> {
    /// The relations of `FROM`, each with each; without any, one row without columns. The conditions of its joins may ask `subqueries`.
    pub(super) fn from(
        &mut self,
        relations: &[RelationAst],
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        let Some((first, others)) = relations.split_first() else {
            return Ok(values::one_row());
        };
        let mut plan = self.relation(first, subqueries)?;
        for other in others {
            let right = self.relation(other, subqueries)?;
            plan = builder::join(
                &plan,
                &right,
                JoinType::Inner,
                &builder::JoinCondition::None,
            )?;
        }
        Ok(plan)
    }

    pub(super) fn relation(
        &mut self,
        relation: &RelationAst,
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        match relation {
            RelationAst::Table {
                name,
                stream,
                sample,
                watermark,
                alias,
                span,
            } => {
                let plan = self.table(name, stream.as_ref())?;
                let plan = match name.parts.last() {
                    Some(own) => builder::alias(&plan, own),
                    None => plan,
                };
                let plan = sampled(plan, sample.as_ref())?;
                finished(plan, watermark.as_ref(), alias.as_ref())
                    .map_err(|error| error.with_span(*span))
            }
            RelationAst::Subquery {
                query,
                sample,
                watermark,
                alias,
            } => {
                let plan = builder::alias(&self.query(query)?, NAMELESS);
                let plan = sampled(plan, sample.as_ref())?;
                finished(plan, watermark.as_ref(), alias.as_ref())
            }
            RelationAst::Values { values, alias } => named(values::plan(values)?, alias.as_ref()),
            RelationAst::Function {
                call,
                watermark,
                alias,
            } => finished(table_function(call)?, watermark.as_ref(), alias.as_ref()),
            RelationAst::Join {
                left,
                right,
                join_type,
                condition: on,
                span,
            } => {
                let left = self.relation(left, subqueries)?;
                let right = self.relation(right, subqueries)?;
                self.joined(&[left, right], *join_type, on, subqueries)
                    .map_err(|error| error.with_span(*span))
            }
            RelationAst::Lateral { input, lateral } => {
                let input = self.relation(input, subqueries)?;
                self.lateral(&input, lateral)
            }
            RelationAst::Piped(query) => self.query(query),
            RelationAst::Pivot {
                input,
                pivot,
                alias,
            } => self.pivoted(input, pivot, alias.as_ref()),
            RelationAst::Unpivot {
                input,
                unpivot,
                alias,
            } => self.unpivoted(input, unpivot, alias.as_ref()),
            RelationAst::Aliased {
                input,
                watermark,
                alias,
            } => {
                let input = self.relation(input, subqueries)?;
                finished(input, watermark.as_ref(), alias.as_ref())
            }
        }
    }

    /// A join. What the condition of an inner join asks of subqueries is asked of the pairs; what that of another join asks, of the rows that it
    /// does not keep, before they are joined.
    fn joined(
        &mut self,
        [left, right]: &[Plan; 2],
        join_type: JoinType,
        on: &JoinCondition,
        subqueries: &[QueryAst],
    ) -> Result<Plan> {
        let condition_of =
            |on: Option<Ast>| on.map_or(builder::JoinCondition::None, builder::JoinCondition::On);
        let on = match on {
            JoinCondition::On(on) if has_subquery(on) => on,
            on => return builder::join(left, right, join_type, &condition(on)),
        };
        let (asking, plain): (Vec<&Ast>, Vec<&Ast>) =
            conjuncts(on).into_iter().partition(|ast| has_subquery(ast));
        let together =
            |conjuncts: Vec<&Ast>| all_of(conjuncts.into_iter().cloned().collect(), on.span);
        let plain = together(plain);
        let (sides, on, added) = match join_type {
            JoinType::Inner | JoinType::Cross => {
                let pairs = builder::join(left, right, join_type, &condition_of(plain))?;
                let asked = together(asking).unwrap_or_else(|| Ast::boolean(true));
                return self.filtered(&pairs, &asked, subqueries);
            }
            JoinType::LeftOuter | JoinType::LeftSemi | JoinType::LeftAnti => {
                self.asked([left, right], (plain, asking), subqueries)?
            }
            JoinType::RightOuter => {
                let asked = self.asked([right, left], (plain, asking), subqueries)?;
                let ([right, left], on, added) = asked;
                ([left, right], on, added)
            }
            JoinType::FullOuter => {
                let what = "a subquery in the condition of a FULL OUTER JOIN";
                return Err(Error::unsupported(what).with_span(on.span));
            }
        };
        let [left, right] = sides;
        let joined = builder::join(&left, &right, join_type, &condition_of(on))?;
        Ok(builder::drop_columns(&joined, &added))
    }

    /// The side of an outer join whose rows all stay, and the other one, so that the conditions with subqueries are answered: what speaks
    /// of the other side alone is a filter of it, what speaks of the side that stays becomes a column there. Gives the sides, the whole
    /// condition, and the columns that it needs.
    fn asked(
        &mut self,
        [kept, other]: [&Plan; 2],
        (plain, asking): (Option<Ast>, Vec<&Ast>),
        subqueries: &[QueryAst],
    ) -> Result<([Plan; 2], Option<Ast>, Vec<String>)> {
        let (mut kept, mut other) = (Plan::clone(kept), Plan::clone(other));
        let columns = kept.schema.columns.len();
        let mut on: Vec<Ast> = plain.into_iter().collect();
        for asked in asking {
            match self.filtered(&other, asked, subqueries) {
                Err(error) if error.condition() == Some(UNRESOLVED) => {
                    on.push(self.valued(&mut kept, asked, subqueries, false)?);
                }
                filtered => other = filtered?,
            }
        }
        let added = kept.schema.columns.iter().skip(columns);
        let added = added.map(|column| column.name.clone()).collect();
        Ok(([kept, other], all_of(on, Span::NOWHERE), added))
    }

    fn table(&self, name: &ObjectName, stream: Option<&StreamClause>) -> Result<Plan> {
        let found = match stream {
            Some(stream) => self.relations.stream(
                &name.parts,
                &stream.options,
                stream.identified_by.as_deref(),
            ),
            None => match self.common_table_expression(name) {
                Some(plan) => return Ok(plan),
                None => self.relations.table(&name.parts),
            },
        };
        found.map_err(|error| error.with_span(name.span))
    }

    fn common_table_expression(&self, name: &ObjectName) -> Option<Plan> {
        let [name] = name.parts.as_slice() else {
            return None;
        };
        let mut inner_first = self.with.iter().rev();
        let (_, plan) = inner_first.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(Plan::clone(plan))
    }
}

/// As many rows as `TABLESAMPLE` says.
fn sampled(plan: Plan, rows: Option<&Ast>) -> Result<Plan> {
    match rows {
        Some(rows) => Ok(builder::limit(&plan, Some(row_count(rows)?), 0)),
        None => Ok(plan),
    }
}

/// Gives the alias, if it is there.
pub(super) fn named(plan: Plan, alias: Option<&RelationAlias>) -> Result<Plan> {
    finished(plan, None, alias)
}

/// Declares event time and gives the alias, as far as they are there.
fn finished(
    plan: Plan,
    watermark: Option<&WatermarkClause>,
    alias: Option<&RelationAlias>,
) -> Result<Plan> {
    let plan = match watermark {
        Some(clause) => watermarked(&plan, clause)?,
        None => plan,
    };
    match alias {
        Some(alias) => aliased(&plan, &alias.name, &alias.columns),
        None => Ok(plan),
    }
}

fn watermarked(input: &Plan, clause: &WatermarkClause) -> Result<Plan> {
    let event_time = match &clause.event_time.kind {
        AstKind::Name(parts) => EventTimeColumn::Name(parts.clone()),
        AstKind::Alias(computed, names) => match names.as_slice() {
            [name] => EventTimeColumn::Computed((**computed).clone(), name.clone()),
            _ => return Err(unnamed(clause.event_time.span)),
        },
        _ => return Err(unnamed(clause.event_time.span)),
    };
    let delay = format!("{} milliseconds", clause.delay_ms);
    builder::watermark(input, &event_time, &delay).map_err(|error| error.with_span(clause.span))
}

fn unnamed(span: Span) -> Error {
    Error::invalid(
        "an expression that is event time needs a name: WATERMARK expression AS name DELAY OF …",
    )
    .with_condition("REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE")
    .with_span(span)
}

/// Appends the columns of a generator.
pub(super) fn generated(input: &Plan, view: &LateralView) -> Result<Plan> {
    let name = |ident: &Ident| ident.value.clone();
    let view_of_builder = builder::LateralView {
        generator: view.generator.clone(),
        is_outer: view.is_outer,
        name: view.name.as_ref().map(name),
        columns: view.columns.iter().map(name).collect(),
    };
    builder::generate(input, &view_of_builder).map_err(|error| error.with_span(view.span))
}

fn source_name(call: &Ast) -> &str {
    match &call.kind {
        AstKind::Call(called) => &called.name,
        _ => "",
    }
}

/// `FROM range(10)`, `FROM explode(…)`.
fn table_function(call: &Ast) -> Result<Plan> {
    if let AstKind::Call(called) = &call.kind
        && called.name == "range"
    {
        return values::range(called, call.span);
    }
    if let AstKind::Call(called) = &call.kind
        && let Some(plan) = table::plan(called, call.span)
    {
        return plan;
    }
    let view = builder::LateralView {
        generator: call.clone(),
        is_outer: false,
        name: None,
        columns: Vec::new(),
    };
    builder::generate(&values::one_row(), &view).map_err(|error| match error.condition() {
        Some("UNSUPPORTED_GENERATOR.NOT_GENERATOR" | "ROUTINE_NOT_FOUND") => {
            Error::invalid(format!(
                "there is no such table function. name=`{}`",
                source_name(call)
            ))
            .with_condition("UNRESOLVABLE_TABLE_VALUED_FUNCTION")
            .with_span(call.span)
        }
        _ => error.with_span(call.span),
    })
}
