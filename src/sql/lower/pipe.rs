//! Spark's pipes: each operator is a verb of the builder.

use super::{Lowering, Plan, check_columns, combined, condition, items, organized, row_count};
use crate::error::Result;
use crate::expr::{Ast, AstKind};
use crate::plan::builder;
use crate::sql::ast::{Ident, PipeOperator};

impl Lowering<'_> {
    /// `input |> operator`.
    pub(super) fn pipe(&mut self, input: &Plan, operator: &PipeOperator) -> Result<Plan> {
        let names = || {
            input
                .schema
                .columns
                .iter()
                .map(|column| column.name.as_str())
        };
        match operator {
            PipeOperator::Where(predicate) => builder::filter(input, predicate),
            PipeOperator::Select {
                is_distinct,
                items: list,
            } => {
                let select = builder::Select {
                    items: items(list, input)?,
                    is_distinct: *is_distinct,
                    ..builder::Select::default()
                };
                builder::select_block(input, &select)
            }
            PipeOperator::Extend(list) => {
                let star = Ast {
                    kind: AstKind::Star(Vec::new()),
                    span: list.first().map(|item| item.span).unwrap_or_default(),
                };
                let all: Vec<Ast> = std::iter::once(star).chain(list.iter().cloned()).collect();
                builder::select(input, &all)
            }
            PipeOperator::Set(assignments) => {
                let columns: Vec<Ident> = assignments
                    .iter()
                    .map(|(column, _)| column.clone())
                    .collect();
                check_columns(&names(), &columns)?;
                assignments
                    .iter()
                    .try_fold(Plan::clone(input), |plan, (column, value)| {
                        builder::with_columns(&plan, &[(column.value.clone(), value.clone())])
                    })
            }
            PipeOperator::Drop(columns) => {
                check_columns(&names(), columns)?;
                let dropped: Vec<String> =
                    columns.iter().map(|column| column.value.clone()).collect();
                Ok(builder::drop_columns(input, &dropped))
            }
            PipeOperator::As(name) => Ok(builder::alias(input, &name.value)),
            PipeOperator::Aggregate { aggregates, keys } => aggregate(input, aggregates, keys),
            PipeOperator::Organize(organization) => organized(input, organization),
            PipeOperator::Sample(rows) => Ok(builder::limit(input, Some(row_count(rows)?), 0)),
            PipeOperator::Join {
                right,
                join_type,
                condition: on,
            } => {
                let right = self.relation(right, &[])?;
                builder::join(input, &right, *join_type, &condition(on))
            }
            PipeOperator::SetOperation {
                operator,
                is_all,
                by_name,
                right,
            } => {
                let right = self.body(right)?;
                combined(*operator, *is_all, *by_name, &[Plan::clone(input), right])
            }
        }
    }
}

/// `AGGREGATE calls GROUP BY keys` gives the keys, then the calls.
fn aggregate(input: &Plan, aggregates: &[Ast], keys: &[Ast]) -> Result<Plan> {
    let without_alias = |key: &Ast| match &key.kind {
        AstKind::Alias(inner, _) => (**inner).clone(),
        _ => key.clone(),
    };
    let keys_alone: Vec<Ast> = keys.iter().map(without_alias).collect();
    let list: Vec<Ast> = keys.iter().chain(aggregates).cloned().collect();
    if keys.is_empty() {
        return builder::select(input, &list);
    }
    builder::aggregate(input, &keys_alone, &list)
}
