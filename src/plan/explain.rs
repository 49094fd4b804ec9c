//! Plans as text: `EXPLAIN`, `explain()`.
//!
//! One line a node, the inputs below it, in Spark's node names; expressions in SQL; types where rows are read; delays at watermarks; and which
//! nodes keep state, under which key, and what ends it.

mod expression;
#[cfg(test)]
mod tests;

use crate::expr::Expr;
use crate::plan::{
    AggregateExpr, Column, Generator, JoinType, LogicalPlan, NamedExpr, PlanNode, Relation,
    SessionKey, SortKey,
};
use expression::text;

/// The tree of a plan, one line a node, each ended by a line break.
pub fn explain(plan: &LogicalPlan) -> String {
    let mut out = String::new();
    draw(plan, "", "", &mut out);
    out
}

/// Draws a node after `first`, and what lies below it after `rest`.
fn draw(plan: &LogicalPlan, first: &str, rest: &str, out: &mut String) {
    out.push_str(first);
    out.push_str(&line(plan));
    out.push('\n');
    let inputs = plan.inputs();
    for (position, input) in inputs.iter().enumerate() {
        let is_last = position + 1 == inputs.len();
        let (branch, below) = if is_last {
            ("+- ", "   ")
        } else {
            (":- ", ":  ")
        };
        draw(
            input,
            &format!("{rest}{branch}"),
            &format!("{rest}{below}"),
            out,
        );
    }
}

/// What a node says of itself.
#[expect(clippy::too_many_lines, reason = "a case for each type or node")]
fn line(plan: &LogicalPlan) -> String {
    match &plan.node {
        PlanNode::Scan(relation) => scan(relation, &plan.schema.columns),
        PlanNode::Project { input, columns } => {
            format!("Project [{}]", named(columns, &input.schema.columns))
        }
        PlanNode::Filter { input, predicate } => {
            format!("Filter {}", text(predicate, &input.schema.columns))
        }
        PlanNode::Watermark {
            input,
            column,
            delay_ms,
            ..
        } => {
            let name = name_of(&input.schema.columns, *column);
            format!("EventTimeWatermark {name}, delay {}", delay(*delay_ms))
        }
        PlanNode::Generate {
            input,
            generator,
            is_outer,
        } => generate(generator, *is_outer, plan, input),
        PlanNode::Expand { input, projections } => expand(projections, plan, input),
        PlanNode::Aggregate {
            input,
            keys,
            aggregates,
            session,
            operator_name,
        } => {
            let parts = Aggregation {
                keys,
                aggregates,
                session: session.as_ref(),
                operator_name: operator_name.as_deref(),
            };
            aggregate(&parts, plan, input)
        }
        PlanNode::Deduplicate {
            input,
            columns,
            is_within_watermark,
        } => deduplicate(input, columns, *is_within_watermark),
        PlanNode::Process(process) => {
            let keys = named(&process.keys, &process.input.schema.columns);
            format!("TransformWithState [{keys}], {:?}", process.processor)
        }
        PlanNode::Join { .. } => join(plan),
        PlanNode::Union { .. } => "Union".to_owned(),
        PlanNode::Sort { input, keys } => {
            let keys: Vec<String> = keys
                .iter()
                .map(|key| sort_key(key, &input.schema.columns))
                .collect();
            format!("Sort [{}]", keys.join(", "))
        }
        PlanNode::Window { calls, .. } => {
            let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
            format!("Window [{}]", names.join(", "))
        }
        PlanNode::Limit {
            input,
            rows,
            offset,
        } => limit(*rows, *offset, input),
        PlanNode::SetOperation {
            is_except, is_all, ..
        } => {
            let name = if *is_except { "Except" } else { "Intersect" };
            format!("{name}{}", if *is_all { " All" } else { "" })
        }
    }
}

fn scan(relation: &Relation, columns: &[Column]) -> String {
    let typed: Vec<String> = columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.sql_type()))
        .collect();
    let typed = typed.join(", ");
    match relation {
        Relation::Source {
            factory,
            is_streaming,
            name,
        } => {
            let kind = if *is_streaming {
                "StreamingRelation"
            } else {
                "Relation"
            };
            let name = name
                .as_ref()
                .map(|name| format!(" identified by {name}"))
                .unwrap_or_default();
            format!("{kind} {}{name} [{typed}]", factory.identity())
        }
        Relation::Rows(batches) => {
            let rows: usize = batches
                .iter()
                .map(arrow::array::RecordBatch::num_rows)
                .sum();
            format!("LocalRelation {rows} rows [{typed}]")
        }
    }
}

fn named(columns: &[NamedExpr], input: &[Column]) -> String {
    let texts: Vec<String> = columns
        .iter()
        .map(|column| {
            let text = text(&column.expr, input);
            if text == column.name {
                text
            } else {
                format!("{text} AS {}", column.name)
            }
        })
        .collect();
    texts.join(", ")
}

fn list(exprs: &[Expr], columns: &[Column]) -> String {
    let texts: Vec<String> = exprs.iter().map(|expr| text(expr, columns)).collect();
    texts.join(", ")
}

fn name_of(columns: &[Column], index: usize) -> String {
    columns
        .get(index)
        .map_or_else(|| format!("column {index}"), |column| column.name.clone())
}

/// In the largest unit without a fraction.
fn delay(milliseconds: i64) -> String {
    let units = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
    ];
    let fitting = units
        .iter()
        .find(|(length, _)| milliseconds >= *length && milliseconds % length == 0);
    match fitting {
        Some((length, unit)) => {
            let number = milliseconds / length;
            let plural = if number == 1 { "" } else { "s" };
            format!("{number} {unit}{plural}")
        }
        None => format!("{milliseconds} ms"),
    }
}

fn generate(
    generator: &Generator,
    is_outer: bool,
    plan: &LogicalPlan,
    input: &LogicalPlan,
) -> String {
    let columns = &input.schema.columns;
    let call = match generator {
        Generator::Explode {
            input,
            has_position,
        } => {
            let name = if *has_position {
                "posexplode"
            } else {
                "explode"
            };
            format!("{name}({})", text(input, columns))
        }
        Generator::Inline { input } => format!("inline({})", text(input, columns)),
        Generator::Stack { rows, values } => format!("stack({rows}, {})", list(values, columns)),
    };
    let made: Vec<&str> = plan
        .schema
        .columns
        .iter()
        .skip(columns.len())
        .map(|column| column.name.as_str())
        .collect();
    let outer = if is_outer { ", outer" } else { "" };
    format!("Generate {call}{outer}, [{}]", made.join(", "))
}

/// Only what differs between the projections is said: the columns after those of the input.
fn expand(projections: &[Vec<Expr>], plan: &LogicalPlan, input: &LogicalPlan) -> String {
    let columns = &input.schema.columns;
    let added: Vec<&str> = plan
        .schema
        .columns
        .iter()
        .skip(columns.len())
        .map(|column| column.name.as_str())
        .collect();
    let texts: Vec<String> = projections
        .iter()
        .map(|projection| {
            format!(
                "[{}]",
                list(projection.get(columns.len()..).unwrap_or_default(), columns)
            )
        })
        .collect();
    format!("Expand [{}], [{}]", texts.join(", "), added.join(", "))
}

/// The parts of an aggregation.
struct Aggregation<'a> {
    keys: &'a [NamedExpr],
    aggregates: &'a [AggregateExpr],
    session: Option<&'a SessionKey>,
    operator_name: Option<&'a str>,
}

fn aggregate(parts: &Aggregation<'_>, plan: &LogicalPlan, input: &LogicalPlan) -> String {
    let columns = &input.schema.columns;
    let functions: Vec<&str> = parts
        .aggregates
        .iter()
        .map(|aggregate| aggregate.name.as_str())
        .collect();
    let mut line = format!(
        "Aggregate [{}], [{}]",
        named(parts.keys, columns),
        functions.join(", ")
    );
    if let Some(session) = parts.session {
        let gap = text(&session.gap_us, columns);
        let time = text(&session.time, columns);
        line += &format!(", session of {time} with gap {gap} us");
    }
    if !input.is_streaming() {
        return line;
    }
    let key_columns = plan
        .schema
        .columns
        .get(..parts.keys.len())
        .unwrap_or_default();
    let typed: Vec<String> = key_columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.sql_type()))
        .collect();
    let ends: Vec<String> = key_columns
        .iter()
        .filter(|column| column.event_time.is_some())
        .map(|column| column.name.clone())
        .collect();
    let key = match typed.len() {
        0 => "none".to_owned(),
        _ => format!("({})", typed.join(", ")),
    };
    let name = parts
        .operator_name
        .map(|name| format!(" `{name}`"))
        .unwrap_or_default();
    line + &format!(", stateful{name}: key {key}, {}", end_of_state(&ends))
}

/// What ends state.
fn end_of_state(columns: &[String]) -> String {
    if columns.is_empty() {
        "kept forever".to_owned()
    } else {
        format!("until the watermark passes {}", columns.join(" and "))
    }
}

fn deduplicate(input: &LogicalPlan, columns: &[usize], is_within_watermark: bool) -> String {
    let all = &input.schema.columns;
    let names: Vec<String> = columns.iter().map(|index| name_of(all, *index)).collect();
    let kind = if is_within_watermark {
        "DeduplicateWithinWatermark"
    } else {
        "Deduplicate"
    };
    let line = format!("{kind} [{}]", names.join(", "));
    if !input.is_streaming() {
        return line;
    }
    let typed: Vec<String> = columns
        .iter()
        .filter_map(|index| all.get(*index))
        .map(|column| format!("{} {}", column.name, column.sql_type()))
        .collect();
    let end = if is_within_watermark {
        "until the watermark passes the first row by the delay".to_owned()
    } else {
        let ends: Vec<String> = columns
            .iter()
            .filter_map(|index| all.get(*index))
            .filter(|column| column.event_time.is_some())
            .map(|column| column.name.clone())
            .collect();
        end_of_state(&ends)
    };
    format!("{line}, stateful: key ({}), {end}", typed.join(", "))
}

fn join(plan: &LogicalPlan) -> String {
    let PlanNode::Join {
        left,
        right,
        join_type,
        equalities,
        residual,
    } = &plan.node
    else {
        return String::new();
    };
    let both: Vec<Column> = left
        .schema
        .columns
        .iter()
        .chain(&right.schema.columns)
        .cloned()
        .collect();
    let mut conditions: Vec<String> = equalities
        .iter()
        .map(|(own, other, is_null_safe)| {
            let other = other.remap_columns(both.len(), &|index| index + left.schema.columns.len());
            let operator = if *is_null_safe { "<=>" } else { "=" };
            format!("({} {operator} {})", text(own, &both), text(&other, &both))
        })
        .collect();
    conditions.extend(residual.iter().map(|rest| text(rest, &both)));
    let words = match join_type {
        JoinType::Inner => "Inner",
        JoinType::LeftOuter => "LeftOuter",
        JoinType::RightOuter => "RightOuter",
        JoinType::FullOuter => "FullOuter",
        JoinType::LeftSemi => "LeftSemi",
        JoinType::LeftAnti => "LeftAnti",
        JoinType::Cross => "Cross",
    };
    let mut line = format!("Join {words}");
    if !conditions.is_empty() {
        line += &format!(", {}", conditions.join(" AND "));
    }
    if left.is_streaming() && right.is_streaming() {
        let keys: Vec<String> = equalities
            .iter()
            .map(|(own, ..)| format!("{} {}", text(own, &both), own.sql_type()))
            .collect();
        line += &format!(", stateful: key ({})", keys.join(", "));
    }
    line
}

fn sort_key(key: &SortKey, columns: &[Column]) -> String {
    let direction = if key.is_descending { "DESC" } else { "ASC" };
    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
    format!("{} {direction} NULLS {nulls}", text(&key.expr, columns))
}

fn limit(rows: u64, offset: u64, input: &LogicalPlan) -> String {
    let mut line = if rows == u64::MAX {
        "Limit ALL".to_owned()
    } else {
        format!("Limit {rows}")
    };
    if offset > 0 {
        line += &format!(" offset {offset}");
    }
    if input.is_streaming() {
        line += ", stateful: rows so far";
    }
    line
}
