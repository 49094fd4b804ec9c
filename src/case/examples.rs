//! Examples of functions: a query without input, and what Spark answers. They are counted, not all passed: what is not there is
//! refused by name, but nothing may be answered wrongly.

use super::compare::conditions;
use super::values::{from_batch, interval_text, same};
use crate::batch::{BatchContext, Timestamp};
use crate::error::{Error, Result};
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::plan::LogicalPlan;
use crate::sql::{Relations, lower_query, parse_query};
use crate::types::schema_string;
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
        let types = plan.schema.columns.iter().map(|column| &column.data_type);
        for row in &mut rows {
            row.iter_mut()
                .zip(types.clone())
                .for_each(|(value, data_type)| widen(value, data_type));
        }
        Ok((schema_string(&plan.schema.to_arrow()), rows))
    }

    fn compare(&self, schema: &str, mut rows: Vec<Vec<Value>>) -> ExampleOutcome {
        let wanted = self.rows.clone().unwrap_or_default();
        let actual = rows.clone();
        let is_ordered = is_ordered(&self.sql);
        let are_same = wanted.len() == rows.len()
            && wanted.iter().enumerate().all(|(index, row)| {
                let is_row = |candidate: &Vec<Value>| {
                    candidate.len() == row.len()
                        && candidate
                            .iter()
                            .zip(row)
                            .all(|(left, right)| same_as_recorded(left, right))
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

/// Whether the query orders its rows: an `ORDER BY` outside of all parentheses.
fn is_ordered(sql: &str) -> bool {
    let mut depth = 0_usize;
    let outside: String = sql
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
        .collect();
    outside.to_uppercase().contains("ORDER BY")
}

/// The examples have floats as doubles of the same value, not as the shortest text that reads as the float.
fn widen(value: &mut Value, data_type: &DataType) {
    match (value, data_type) {
        (Value::Number(number), DataType::Float32) => {
            let narrow = number.to_string().parse::<f32>().ok();
            let wide = narrow.and_then(|narrow| serde_json::Number::from_f64(f64::from(narrow)));
            if let Some(wide) = wide {
                *number = wide;
            }
        }
        (Value::Array(items), DataType::List(element)) => items
            .iter_mut()
            .for_each(|item| widen(item, element.data_type())),
        (Value::Object(values), DataType::Struct(fields)) => {
            for field in fields {
                if let Some(value) = values.get_mut(field.name()) {
                    widen(value, field.data_type());
                }
            }
        }
        _ => {}
    }
}

/// As [`same`]; a day-time interval inside of another value was recorded as `1 day, 2:00:03`.
fn same_as_recorded(left: &Value, right: &Value) -> bool {
    if same(left, right) {
        return true;
    }
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same_as_recorded(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let text = |value: &serde_json::Map<String, Value>| {
                value.get("text").and_then(Value::as_str).map(str::to_owned)
            };
            let elapsed = |value: &serde_json::Map<String, Value>| {
                text(value).and_then(|text| interval_of_elapsed(&text))
            };
            match (text(left), text(right)) {
                (Some(a), Some(b)) => elapsed(left) == Some(b) || elapsed(right) == Some(a),
                _ => {
                    left.len() == right.len()
                        && left.iter().all(|(key, left)| {
                            right
                                .get(key)
                                .is_some_and(|right| same_as_recorded(left, right))
                        })
                }
            }
        }
        _ => false,
    }
}

/// `1 day, 2:00:03.5` as the interval that Spark writes.
fn interval_of_elapsed(text: &str) -> Option<String> {
    let (days, time) = match text.split_once(", ") {
        Some((days, time)) => (days.split(' ').next()?.parse::<i64>().ok()?, time),
        None => (0, text),
    };
    let mut parts = time.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds: i64 = seconds.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    Some(interval_text(total * 1_000_000 + micros))
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
