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
        let on = match on {
            JoinCondition::On(on) if has_subquery(on) => on,
            on => return builder::join(left, right, join_type, &condition(on)),
        };
        let (asking, plain): (Vec<&Ast>, Vec<&Ast>) =
            conjuncts(on).into_iter().partition(|ast| has_subquery(ast));
        let together =
            |conjuncts: Vec<&Ast>| all_of(conjuncts.into_iter().cloned().collect(), on.span);
        let on = together(plain).map_or(builder::JoinCondition::None, builder::JoinCondition::On);
        let asked = together(asking).unwrap_or_else(|| Ast::boolean(true));
        match join_type {
            JoinType::Inner | JoinType::Cross => {
                let pairs = builder::join(left, right, join_type, &on)?;
                self.filtered(&pairs, &asked, subqueries)
            }
            JoinType::LeftOuter | JoinType::LeftSemi | JoinType::LeftAnti => {
                match self.filtered(right, &asked, subqueries) {
                    Err(error) if error.condition() == Some(UNRESOLVED) => {}
                    right => return builder::join(left, &right?, join_type, &on),
                }
                // It names columns of the left: there the answer becomes a column.
                let columns = left.schema.columns.len();
                let mut left = Plan::clone(left);
                let answer = self.valued(&mut left, &asked, subqueries, false)?;
                let on = match on {
                    builder::JoinCondition::On(on) => Ast::call("and", vec![on, answer]),
                    _ => answer,
                };
                let on = builder::JoinCondition::On(on);
                let joined = builder::join(&left, right, join_type, &on)?;
                let added = left.schema.columns.iter().skip(columns);
                let added: Vec<String> = added.map(|column| column.name.clone()).collect();
                Ok(builder::drop_columns(&joined, &added))
            }
            JoinType::RightOuter => {
                let left = self.filtered(left, &asked, subqueries)?;
                builder::join(&left, right, join_type, &on)
            }
            JoinType::FullOuter => {
                let what = "a subquery in the condition of a FULL OUTER JOIN";
                Err(Error::unsupported(what).with_span(asked.span))
            }
        }
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
