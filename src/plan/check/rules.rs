//! The list: what is refused on a stream, in which output mode.
//!
//! Messages begin with Spark's words and go on with what to do instead. `docs/refused.md` has a line for every rule, and a test holds it to that.

#[cfg(test)]
mod tests;

use super::join_time::is_bounded;
use super::{Refusal, Rule, Scope};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::plan::{AggregateExpr, Column, EventTime, JoinType, LogicalPlan, NamedExpr, PlanNode};
use crate::processor::GroupStateKind;
use crate::sink::OutputMode;
use arrow::array::{Array, AsArray};

/// What Spark refuses, in the order in which it looks.
pub(super) const RULES: &[Rule] = &[
    Rule {
        what: "append: an aggregation whose groups never end",
        refuses: append_needs_watermark,
    },
    Rule {
        what: "update: session windows",
        refuses: |scope| {
            (session(scope)? && scope.mode == OutputMode::Update).then_some(Refusal::Mode(
                OutputMode::Update,
                "session window streaming aggregations",
                "use append or complete",
            ))
        },
    },
    Rule {
        what: "complete: nothing to keep complete",
        refuses: |scope| {
            let has_aggregate = has(scope.root, &is_streaming_aggregate);
            (scope.mode == OutputMode::Complete && !has_aggregate).then_some(Refusal::Mode(
                OutputMode::Complete,
                "no streaming aggregations",
                "use append or update",
            ))
        },
    },
    Rule {
        what: "count(DISTINCT x)",
        refuses: distinct_aggregate,
    },
    Rule {
        what: "outer joins of two streams outside append",
        refuses: stream_join_mode,
    },
    Rule {
        what: "joins that would have to remember a whole stream, or to wait for its end",
        refuses: join_sides,
    },
    Rule {
        what: "deduplication within a watermark that is not there",
        refuses: |scope| match &scope.node.node {
            PlanNode::Deduplicate {
                input,
                is_within_watermark: true,
                ..
            } if input.is_streaming() && event_times(&input.schema.columns).is_empty() => {
                Some(spark(
                    "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark: declare one with withWatermark or WATERMARK ... DELAY OF",
                ))
            }
            _ => None,
        },
    },
    Rule {
        what: "union of a stream and a table",
        refuses: |scope| match &scope.node.node {
            PlanNode::Union { inputs } => {
                let streams = inputs.iter().filter(|input| input.is_streaming()).count();
                (streams > 0 && streams < inputs.len()).then(|| {
                    spark("Union between streaming and batch DataFrames/Datasets is not supported: read all inputs as streams, or all as tables")
                })
            }
            _ => None,
        },
    },
    Rule {
        what: "EXCEPT and INTERSECT",
        refuses: set_operation,
    },
    Rule {
        what: "LIMIT in update mode",
        refuses: |scope| match &scope.node.node {
            PlanNode::Limit { input, .. }
                if input.is_streaming() && scope.mode == OutputMode::Update =>
            {
                Some(spark(
                    "Limits are not supported on streaming DataFrames/Datasets in Update output mode: use append, or complete over an aggregation",
                ))
            }
            _ => None,
        },
    },
    Rule {
        what: "OFFSET",
        refuses: |scope| match &scope.node.node {
            PlanNode::Limit { input, offset, .. } if input.is_streaming() && *offset > 0 => Some(
                spark("Offset is not supported on streaming DataFrames/Datasets"),
            ),
            _ => None,
        },
    },
    Rule {
        what: "ORDER BY without an end in sight",
        refuses: |scope| match &scope.node.node {
            PlanNode::Sort { input, .. } if !is_complete(input, scope.mode) => Some(spark(
                "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode",
            )),
            _ => None,
        },
    },
    Rule {
        what: "session windows without another key",
        refuses: |scope| match &scope.node.node {
            PlanNode::Aggregate { keys, .. } if session(scope)? && is_session_alone(keys) => {
                Some(spark(
                    "Global aggregation with session window in streaming query is not supported: group by another column as well",
                ))
            }
            _ => None,
        },
    },
    Rule {
        what: "a watermark above a watermark",
        refuses: |scope| match &scope.node.node {
            PlanNode::Watermark { input, .. }
                if has(input, &|node| {
                    matches!(node.node, PlanNode::Watermark { .. })
                }) =>
            {
                Some(spark(
                    "Redefining watermark is disallowed: declare it once, at the source",
                ))
            }
            _ => None,
        },
    },
    Rule {
        what: "several older operators with state of the user's",
        refuses: older_operators,
    },
    Rule {
        what: "transform_with_state in another output mode than the query's",
        refuses: processor_mode,
    },
    Rule {
        what: "two event times in one stateful operator",
        refuses: two_event_times,
    },
    Rule {
        what: "a stateful operator over an aggregation outside append",
        refuses: |scope| {
            let follows = is_stateful(scope.node)
                && scope
                    .node
                    .inputs()
                    .into_iter()
                    .any(|input| has(input, &is_streaming_aggregate));
            (follows && scope.mode != OutputMode::Append).then(|| {
                spark("Detected pattern of possible 'correctness' issue due to global watermark. The query contains stateful operation which can emit rows older than the current watermark plus allowed late record delay, which are \"late rows\" in downstream stateful operations and these rows can be discarded: chained stateful operators need append mode")
            })
        },
    },
    Rule {
        what: "EXCEPT ALL",
        refuses: |scope| match &scope.node.node {
            PlanNode::SetOperation {
                is_all: true,
                is_except: true,
                ..
            } if scope.node.is_streaming() => Some(spark(
                "Except All on a streaming DataFrame/Dataset is not supported: use EXCEPT, which gives each row once",
            )),
            _ => None,
        },
    },
];

/// What Spark refuses when the query starts, of the plan it has optimized.
pub(super) const RULES_OF_THE_START: &[Rule] = &[
    Rule {
        what: "joins of two streams without an equality",
        refuses: |scope| {
            let join = StreamJoin::of(scope.node)?;
            let is_refused = join.equalities.is_empty()
                || join.join_type == JoinType::Cross
                || join.is_outer() && join.never_holds();
            is_refused.then(|| {
                spark("Stream-stream join without equality predicate is not supported: write JOIN with a condition such as a.key = b.key")
            })
        },
    },
    Rule {
        what: "append: an aggregation whose groups never end, below another",
        refuses: |scope| {
            (scope.mode == OutputMode::Append && is_endless(scope.node)).then(|| {
                Refusal::Named(
                    "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
                    format!("append output mode is not supported for aggregations on streaming DataFrames/DataSets without watermark: {ENDS}"),
                )
            })
        },
    },
];

fn processor_mode(scope: &Scope<'_>) -> Option<Refusal> {
    let PlanNode::Process(process) = &scope.node.node else {
        return None;
    };
    (process.output_mode != scope.mode).then(|| {
        Refusal::Spark(format!(
            "transform_with_state in {} output mode is not supported with {} output mode on a streaming DataFrame/Dataset: give both the same output mode",
            process.output_mode, scope.mode
        ))
    })
}

/// Of `map_groups_with_state` and `flat_map_groups_with_state` a query has one, or several of the latter that all append.
fn older_operators(scope: &Scope<'_>) -> Option<Refusal> {
    let PlanNode::Process(process) = &scope.node.node else {
        return None;
    };
    process.group_state?;
    let mut found = Vec::new();
    collect_group_state(scope.root, &mut found);
    if found.len() < 2 {
        return None;
    }
    let maps = found
        .iter()
        .filter(|(kind, _)| *kind == GroupStateKind::Map);
    let maps = maps.count();
    let message = if maps == found.len() {
        "Multiple mapGroupsWithStates are not supported on a streaming DataFrames/Datasets: use transform_with_state"
    } else if maps > 0 {
        "Mixing mapGroupsWithStates and flatMapGroupsWithStates are not supported on a streaming DataFrames/Datasets: use transform_with_state"
    } else if scope.mode == OutputMode::Append
        && found.iter().all(|(_, mode)| *mode == OutputMode::Append)
    {
        return None;
    } else {
        "multiple flatMapGroupsWithStates are not supported when they are not all in append mode or the output mode is not append on a streaming DataFrames/Datasets: use append, or transform_with_state"
    };
    Some(spark(message))
}

fn collect_group_state(plan: &LogicalPlan, found: &mut Vec<(GroupStateKind, OutputMode)>) {
    if let PlanNode::Process(process) = &plan.node {
        found.extend(process.group_state.map(|kind| (kind, process.output_mode)));
    }
    for input in plan.inputs() {
        collect_group_state(input, found);
    }
}

fn spark(message: &str) -> Refusal {
    Refusal::Spark(message.to_owned())
}

/// Whether `wanted` holds for this node or one below it.
fn has(plan: &LogicalPlan, wanted: &dyn Fn(&LogicalPlan) -> bool) -> bool {
    wanted(plan) || plan.inputs().into_iter().any(|input| has(input, wanted))
}

fn is_streaming_aggregate(plan: &LogicalPlan) -> bool {
    matches!(&plan.node, PlanNode::Aggregate { input, .. } if input.is_streaming())
}

/// Whether a node keeps state that a late row could miss, as Spark counts it.
fn is_stateful(plan: &LogicalPlan) -> bool {
    match &plan.node {
        PlanNode::Aggregate { input, .. } => input.is_streaming(),
        PlanNode::Process(process) => process.input.is_streaming(),
        PlanNode::Join { left, right, .. } => left.is_streaming() && right.is_streaming(),
        PlanNode::Deduplicate {
            input,
            columns,
            is_within_watermark,
        } => {
            let has_event_time = columns.iter().any(|index| {
                input
                    .schema
                    .columns
                    .get(*index)
                    .is_some_and(|column| column.event_time.is_some())
            });
            input.is_streaming() && (*is_within_watermark || has_event_time)
        }
        PlanNode::Scan(_)
        | PlanNode::Project { .. }
        | PlanNode::Filter { .. }
        | PlanNode::Watermark { .. }
        | PlanNode::Generate { .. }
        | PlanNode::Expand { .. }
        | PlanNode::Union { .. }
        | PlanNode::Window { .. }
        | PlanNode::Sort { .. }
        | PlanNode::Limit { .. }
        | PlanNode::SetOperation { .. } => false,
    }
}

/// Whether each batch gives all rows: of a table, or of an aggregation in complete mode.
fn is_complete(plan: &LogicalPlan, mode: OutputMode) -> bool {
    !plan.is_streaming() || (mode == OutputMode::Complete && has(plan, &is_streaming_aggregate))
}

/// The different event times among columns.
fn event_times(columns: &[Column]) -> Vec<&EventTime> {
    columns
        .iter()
        .filter_map(|column| column.event_time.as_ref())
        .collect()
}

/// Whether the node is an aggregation by session on a stream; `None` if it is no aggregation.
fn session(scope: &Scope<'_>) -> Option<bool> {
    match &scope.node.node {
        PlanNode::Aggregate { input, session, .. } => {
            Some(session.is_some() && input.is_streaming())
        }
        _ => None,
    }
}

/// Whether no key is beside the session: constants are none, as Spark leaves them out.
fn is_session_alone(keys: &[NamedExpr]) -> bool {
    let is_constant = |key: &&NamedExpr| matches!(key.expr.kind, ExprKind::Literal(_));
    keys.len() - keys.iter().filter(is_constant).count() <= 1
}

/// What is to be done where append would wait for ever.
const ENDS: &str = "declare a watermark (WATERMARK ts DELAY OF INTERVAL 10 SECONDS) and group by that column or by window(ts, ...), or use update or complete";

fn append_needs_watermark(scope: &Scope<'_>) -> Option<Refusal> {
    let is_asked = scope.mode == OutputMode::Append
        && topmost_aggregate(scope.root).is_some_and(|top| std::ptr::eq(top, scope.node));
    (is_asked && is_endless(scope.node)).then_some(Refusal::Mode(
        OutputMode::Append,
        "streaming aggregations without watermark",
        ENDS,
    ))
}

/// The aggregation that Spark looks at first, and alone before the query starts.
fn topmost_aggregate(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    if is_streaming_aggregate(plan) {
        return Some(plan);
    }
    plan.inputs()
        .into_iter()
        .find_map(|input| topmost_aggregate(input))
}

/// Whether this is an aggregation of a stream without event time among its keys.
fn is_endless(plan: &LogicalPlan) -> bool {
    let PlanNode::Aggregate { input, keys, .. } = &plan.node else {
        return false;
    };
    let keys = plan.schema.columns.get(..keys.len()).unwrap_or_default();
    input.is_streaming() && event_times(keys).is_empty()
}

fn distinct_aggregate(scope: &Scope<'_>) -> Option<Refusal> {
    match &scope.node.node {
        PlanNode::Aggregate {
            input, aggregates, ..
        } if input.is_streaming()
            && aggregates
                .iter()
                .any(|aggregate: &AggregateExpr| aggregate.is_distinct) =>
        {
            Some(spark(
                "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using approx_count_distinct() instead",
            ))
        }
        _ => None,
    }
}

fn set_operation(scope: &Scope<'_>) -> Option<Refusal> {
    let PlanNode::SetOperation {
        left,
        right,
        is_except,
        ..
    } = &scope.node.node
    else {
        return None;
    };
    if *is_except && right.is_streaming() {
        return Some(spark(
            "Except on a streaming DataFrame/Dataset on the right is not supported: what will come on the right is not known yet",
        ));
    }
    if !is_except && scope.node.is_streaming() {
        return Some(spark(
            "Intersect of streaming DataFrames/Datasets is not supported: join the two instead",
        ));
    }
    // Each row once: an aggregation by all columns.
    let is_endless = left.is_streaming() && event_times(&left.schema.columns).is_empty();
    (scope.mode == OutputMode::Append && is_endless).then(|| {
        Refusal::Named(
            "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
            "Append output mode not supported for aggregations on streaming DataFrames/DataSets without watermark: keep an event time column among those that are compared, or use update".to_owned(),
        )
    })
}

fn two_event_times(scope: &Scope<'_>) -> Option<Refusal> {
    // Of a join and of a deduplication only columns count that somebody uses: the cut knows.
    let columns = match &scope.node.node {
        PlanNode::Aggregate { input, keys, .. } if input.is_streaming() => {
            scope.node.schema.columns.get(..keys.len())?
        }
        _ => return None,
    };
    only_event_time(columns.iter().enumerate())
        .err()
        .map(|message| Refusal::Named(MULTIPLE_EVENT_TIMES, message))
}

/// Spark's condition for several event times in one operator.
const MULTIPLE_EVENT_TIMES: &str = "MULTIPLE_EVENT_TIME_COLUMNS";

/// Which of these columns is event time, or what is said if there are several.
fn only_event_time<'a>(
    columns: impl Iterator<Item = (usize, &'a Column)>,
) -> std::result::Result<Option<(usize, &'a Column)>, String> {
    let found: Vec<(usize, &Column)> = columns
        .filter(|(_, column)| column.event_time.is_some())
        .collect();
    if found.len() < 2 {
        return Ok(found.first().copied());
    }
    let names: Vec<&str> = found
        .iter()
        .map(|(_, column)| column.name.as_str())
        .collect();
    Err(format!(
        "More than one event time columns are available. Please ensure there is at most one event time column per stream: keep one of them. columns=`{}`",
        names.join(", ")
    ))
}

/// Which of these columns of an operator's input is event time; asked when the plan is cut, which knows the columns that are used.
///
/// # Errors
///
/// `Invalid`, as Spark says it, if there are several.
pub(crate) fn used_event_time<'a>(
    columns: impl Iterator<Item = (usize, &'a Column)>,
) -> Result<Option<(usize, &'a Column)>> {
    only_event_time(columns)
        .map_err(|message| Error::invalid(message).with_condition(MULTIPLE_EVENT_TIMES))
}

/// A join of two streams.
struct StreamJoin<'a> {
    join_type: JoinType,
    equalities: &'a [(Expr, Expr, bool)],
    residual: Option<&'a Expr>,
}

impl<'a> StreamJoin<'a> {
    fn of(plan: &'a LogicalPlan) -> Option<StreamJoin<'a>> {
        match &plan.node {
            PlanNode::Join {
                left,
                right,
                join_type,
                equalities,
                residual,
            } if left.is_streaming() && right.is_streaming() => Some(StreamJoin {
                join_type: *join_type,
                equalities,
                residual: residual.as_ref(),
            }),
            _ => None,
        }
    }

    fn is_outer(&self) -> bool {
        matches!(
            self.join_type,
            JoinType::LeftOuter | JoinType::RightOuter | JoinType::FullOuter
        )
    }

    /// Whether a part of the condition is the constant false or null, to which Spark folds all of it.
    fn never_holds(&self) -> bool {
        let is_never = |part: &&Expr| {
            let constant = match &part.kind {
                ExprKind::Cast { input, .. } => &input.kind,
                kind => kind,
            };
            match constant {
                ExprKind::Literal(value) => {
                    let truth = value.as_boolean_opt();
                    value.logical_null_count() > 0 || truth.is_some_and(|truth| !truth.value(0))
                }
                _ => false,
            }
        };
        let parts = self.residual.map(Expr::conjuncts).unwrap_or_default();
        parts.iter().any(is_never)
    }
}

fn stream_join_mode(scope: &Scope<'_>) -> Option<Refusal> {
    let join = StreamJoin::of(scope.node)?;
    let (allowed, words): (&[OutputMode], &str) = match join.join_type {
        JoinType::LeftOuter | JoinType::RightOuter | JoinType::FullOuter => {
            (&[OutputMode::Append], "only in Append output mode")
        }
        JoinType::Inner | JoinType::Cross | JoinType::LeftSemi => (
            &[OutputMode::Append, OutputMode::Update],
            "only in Append and Update output modes",
        ),
        // Refused in every mode by the next rule.
        JoinType::LeftAnti => return None,
    };
    let mode = match scope.mode {
        OutputMode::Append => "Append",
        OutputMode::Update => "Update",
        OutputMode::Complete => "Complete",
    };
    (!allowed.contains(&scope.mode)).then(|| {
        Refusal::Spark(format!(
            "{:?} join between two streaming DataFrames/Datasets is not supported in {mode} output mode, {words}",
            join.join_type
        ))
    })
}

fn join_sides(scope: &Scope<'_>) -> Option<Refusal> {
    let PlanNode::Join {
        left,
        right,
        join_type,
        ..
    } = &scope.node.node
    else {
        return None;
    };
    let message = match (join_type, left.is_streaming(), right.is_streaming()) {
        (_, false, false) | (JoinType::Inner | JoinType::Cross, ..) => return None,
        (JoinType::LeftAnti, _, true) => {
            "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported: a partner may still come".to_owned()
        }
        (JoinType::FullOuter, true, false) => {
            "FullOuter joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is not supported: use a left outer join".to_owned()
        }
        (JoinType::FullOuter, false, true) => {
            "FullOuter joins with streaming DataFrames/Datasets on the right and a static DataFrame/Dataset on the left is not supported: use a right outer join".to_owned()
        }
        (JoinType::LeftOuter | JoinType::LeftSemi, false, true) => format!(
            "{join_type:?} join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not supported: put the stream on the left"
        ),
        (JoinType::RightOuter, true, false) => {
            "RightOuter join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not supported: use a left outer join".to_owned()
        }
        (_, true, true) if !is_bounded(scope.node) => format!(
            "Stream-stream {join_type:?} join between two streaming DataFrame/Datasets is not supported without a watermark in the join keys, or a watermark on the nullable side and an appropriate range condition: add one, such as b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 HOUR"
        ),
        _ => return None,
    };
    Some(Refusal::Spark(message))
}
