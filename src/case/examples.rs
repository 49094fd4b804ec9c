//! Examples of functions: a query without input, and what Spark answers. They are counted, not all passed: what is not there is
//! refused by name, but nothing may be answered wrongly.

use super::compare::conditions;
use super::values::{from_batch, same};
use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::plan::LogicalPlan;
use crate::sql::{Relations, lower_query, parse_query};
use crate::types::simple_string;
use arrow::datatypes::DataType;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A query and what it must answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Example {
    /// The function it is about.
    pub function: String,
    /// The query.
    pub sql: String,
    /// The schema of the answer, as Spark prints it.
    pub schema: Option<String>,
    /// The rows of the answer.
    pub rows: Option<Vec<Vec<Value>>>,
    /// The condition with which it must fail.
    pub error: Option<String>,
}

/// How an answer compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleOutcome {
    /// The same schema and rows, or the same error.
    Exact,
    /// The same rows, but another schema: usually the name of a column.
    OtherSchema(String),
    /// Other rows.
    Wrong(String),
    /// An error where there should be rows.
    Refused(String),
}

/// No tables at all.
struct NoRelations;

impl Relations for NoRelations {
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>> {
        Err(Error::invalid(format!(
            "there are no tables here. name=`{}`",
            name.join(".")
        ))
        .with_condition("TABLE_OR_VIEW_NOT_FOUND"))
    }

    fn stream(
        &self,
        name: &[String],
        _options: &BTreeMap<String, String>,
        _identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        self.table(name)
    }
}

impl Example {
    /// Runs the query and compares.
    pub fn run(&self) -> ExampleOutcome {
        match (self.answer(), &self.error) {
            (Err(error), Some(condition)) if conditions(&error).contains(condition) => {
                ExampleOutcome::Exact
            }
            (Err(error), _) => ExampleOutcome::Refused(error.to_string()),
            (Ok(_), Some(condition)) => {
                ExampleOutcome::Wrong(format!("it must fail. condition=`{condition}`"))
            }
            (Ok((schema, rows)), None) => self.compare(&schema, rows),
        }
    }

    /// The schema and the rows of the query.
    fn answer(&self) -> Result<(String, Vec<Vec<Value>>)> {
        let plan = lower_query(&parse_query(&self.sql)?, &NoRelations)?;
        let settings = IncrementalSettings {
            state_partitions: 1,
            time_zone: "UTC".to_owned(),
        };
        let context = BatchContext::one_shot(Timestamp(0), "UTC");
        let batches = IncrementalPlan::collect(&plan, &settings, &context)?;
        let mut rows = Vec::new();
        for batch in &batches {
            rows.extend(from_batch(batch)?);
        }
        let schema = DataType::Struct(plan.schema.to_arrow().fields().clone());
        Ok((simple_string(&schema), rows))
    }

    fn compare(&self, schema: &str, mut rows: Vec<Vec<Value>>) -> ExampleOutcome {
        let wanted = self.rows.clone().unwrap_or_default();
        let actual = rows.clone();
        let is_ordered = self.sql.to_uppercase().contains("ORDER BY");
        let are_same = wanted.len() == rows.len()
            && wanted.iter().enumerate().all(|(index, row)| {
                let is_row = |candidate: &Vec<Value>| {
                    candidate.len() == row.len()
                        && candidate
                            .iter()
                            .zip(row)
                            .all(|(left, right)| same(left, right))
                };
                if is_ordered {
                    return rows.get(index).is_some_and(is_row);
                }
                let found = rows.iter().position(is_row);
                found.is_some_and(|found| {
                    rows.swap_remove(found);
                    true
                })
            });
        if !are_same {
            return ExampleOutcome::Wrong(format!("expected {wanted:?}, got {actual:?}"));
        }
        match &self.schema {
            Some(wanted) if wanted != schema => {
                ExampleOutcome::OtherSchema(format!("expected {wanted}, got {schema}"))
            }
            _ => ExampleOutcome::Exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_compared_by_rows_and_schema() {
        let example = |sql: &str, rows: &str| {
            let text = format!(
                r#"{{"function": "+", "sql": "{sql}", "schema": "struct<(1 + 2):int>", "rows": {rows}}}"#
            );
            serde_json::from_str::<Example>(&text).unwrap().run()
        };
        assert_eq!(example("SELECT 1 + 2", "[[3]]"), ExampleOutcome::Exact);
        assert!(matches!(
            example("SELECT 1 + 2", "[[4]]"),
            ExampleOutcome::Wrong(_)
        ));
        assert!(matches!(
            example("SELECT 1 + 2 AS x", "[[3]]"),
            ExampleOutcome::OtherSchema(_)
        ));
        assert!(matches!(
            example("SELECT no_such_function(1)", "[[3]]"),
            ExampleOutcome::Refused(_)
        ));
    }
}
