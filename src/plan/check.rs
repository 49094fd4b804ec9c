//! What is allowed on a stream, in which output mode: Spark's `UnsupportedOperationChecker`, as a list of rules.
//!
//! `rules` is the list: what it does not name is allowed, and runs. Rules look at one node at a time, inputs before users, and every
//! rule sees every node before the next rule does: the first error is that of the first rule, as in Spark, where the output mode is looked at
//! before the operators. Most look at the plan as it was written; some, as in Spark, at the optimized one.

mod join_time;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use rules::used_event_time;

pub use join_time::{JoinSide, TimeBound, key_of_event_time, state_time_bound, time_distance_us};

use crate::error::{Error, Result};
use crate::plan::optimize::optimize;
use crate::plan::{LogicalPlan, PlanNode};
use crate::sink::OutputMode;
use rules::{RULES, RULES_OF_THE_START};
use std::sync::Arc;

/// Looks whether the plan can run as a streaming query in this output mode.
///
/// # Errors
///
/// `Invalid`, with Spark's condition, if it has one, and what to do instead.
pub fn check(plan: &Arc<LogicalPlan>, mode: OutputMode) -> Result<()> {
    if !plan.is_streaming() {
        return Err(Error::invalid(
            "queries without streaming sources cannot be executed with writeStream.start(): read at least one source as a stream (STREAM t, read_stream)",
        ));
    }
    apply(RULES, plan, mode)?;
    let optimized = optimize(plan)?;
    apply(RULES_OF_THE_START, &optimized, mode)
}

/// Asks every rule of every node.
fn apply(rules: &[Rule], plan: &LogicalPlan, mode: OutputMode) -> Result<()> {
    let mut nodes = vec![];
    collect(plan, &mut nodes);
    for rule in rules {
        for node in &nodes {
            let scope = Scope {
                root: plan,
                node,
                mode,
            };
            if let Some(refusal) = (rule.refuses)(&scope) {
                tracing::debug!(rule = rule.what, "the query is refused");
                return Err(refusal.into_error());
            }
        }
    }
    Ok(())
}

/// Looks whether the plan can run once, over tables only.
///
/// # Errors
///
/// `Invalid`: it reads a stream, or has an operator that only streams have.
pub fn check_batch(plan: &LogicalPlan) -> Result<()> {
    if plan.is_streaming() {
        return Err(Error::invalid(
            "queries with streaming sources must be executed with writeStream.start(), or from a streaming table or flow definition",
        ));
    }
    let mut nodes = vec![];
    collect(plan, &mut nodes);
    for node in nodes {
        if let PlanNode::Deduplicate {
            is_within_watermark: true,
            ..
        } = &node.node
        {
            return Err(Error::invalid(
                "dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets, use dropDuplicates",
            ));
        }
        if matches!(&node.node, PlanNode::Process(_)) {
            return Err(Error::invalid(
                "transform_with_state is not supported on tables: read the input with read_stream and run the query with Trigger::AvailableNow",
            ));
        }
    }
    Ok(())
}

/// Every node, inputs before users.
fn collect<'a>(plan: &'a LogicalPlan, nodes: &mut Vec<&'a LogicalPlan>) {
    for input in plan.inputs() {
        collect(input, nodes);
    }
    nodes.push(plan);
}

/// A node that a rule looks at.
struct Scope<'a> {
    root: &'a LogicalPlan,
    node: &'a LogicalPlan,
    mode: OutputMode,
}

/// What is refused, and why.
struct Rule {
    /// What it refuses, as the documentation lists it.
    what: &'static str,
    /// What is refused about a node, if anything.
    refuses: fn(&Scope<'_>) -> Option<Refusal>,
}

/// What is said.
enum Refusal {
    /// Spark's words, and what to do instead.
    Spark(String),
    /// Spark's condition and words, and what to do instead.
    Named(&'static str, String),
    /// `STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION` of something, and what to do instead.
    Mode(OutputMode, &'static str, &'static str),
}

impl Refusal {
    fn into_error(self) -> Error {
        match self {
            Refusal::Spark(message) => Error::invalid(message),
            Refusal::Named(condition, message) => Error::invalid(message).with_condition(condition),
            Refusal::Mode(mode, operation, instead) => Error::invalid(format!(
                "invalid streaming output mode: {mode}. This output mode is not supported for {operation} on streaming DataFrames/DataSets: {instead}"
            ))
            .with_condition("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
        }
    }
}
