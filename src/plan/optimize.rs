//! Conditions go down the plan, to where rows come from.
//!
//! That is not only for speed. A watermark sees the rows that reach its node, so which conditions lie below it decides how far
//! it moves, and with it which rows are late. The rules here are therefore those of Spark's optimizer, as far as they can change
//! what lies below a watermark:
//!
//! - `PushDownPredicates`: a condition goes through projections, unions, sorts, generators, and aggregations (if it needs only keys); through
//!   a watermark, unless it needs the event time; into the side of a join that alone it needs, where the join type allows. One that needs both
//!   sides of an inner join becomes part of the join: its equalities are keys, its ranges end state.
//! - `InferFiltersFromConstraints`: an inner or semi join never matches a null key, so rows with one are dropped before it; likewise
//!   on the side of an outer or anti join whose rows are not kept.
//!
//! One thing differs: a condition on a computed column is taken below its projection only if that is cheap, or if a watermark lies below.
//! Parsing a column of JSON twice helps nobody.
//!
//! Then `from_json` is told which fields are used (`json_fields`), as by Spark's `OptimizeCsvJsonExprs`.

mod json_fields;

use super::{JoinType, LogicalPlan, NamedExpr, PlanNode};
use crate::error::Result;
use crate::expr::{Expr, ExprKind};
use crate::function::registry;
use crate::plan::builder::equality;
use crate::types::TypeUnits;
use arrow::datatypes::DataType;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The same plan with its conditions as low as they can be, parsing no field of JSON that nobody uses.
///
/// # Errors
///
/// `Internal` only.
pub fn optimize(plan: &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    Ok(json_fields::prune(&push(plan, Vec::new())?))
}

/// `plan` with `conditions`, which are over its columns, applied as low as they can be.
#[expect(clippy::too_many_lines, reason = "a case for each type or node")]
fn push(plan: &Arc<LogicalPlan>, conditions: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
    match &plan.node {
        PlanNode::Filter { input, predicate } => {
            let mut all: Vec<Expr> = predicate.conjuncts().into_iter().cloned().collect();
            all.extend(conditions);
            // A condition that differs each time it is asked keeps its place, and so does what comes after it.
            if all.iter().all(Expr::is_deterministic) {
                return push(input, all);
            }
            let input = push(input, Vec::new())?;
            Ok(filtered(input, all))
        }
        PlanNode::Project { input, columns } => through_project(plan, input, columns, conditions),
        PlanNode::Watermark {
            input,
            column,
            delay_ms,
            declaration,
        } => {
            let (above, below) =
                split(conditions, |condition| condition.columns().contains(column));
            let (column, delay_ms) = (*column, *delay_ms);
            let node = PlanNode::Watermark {
                input: push(input, below)?,
                column,
                delay_ms,
                declaration: *declaration,
            };
            Ok(filtered(with(plan, node), above))
        }
        PlanNode::Generate {
            input,
            generator,
            is_outer,
        } => {
            let width = input.schema.columns.len();
            let (below, above) = split(conditions, |condition| within(condition, 0, width));
            let node = PlanNode::Generate {
                input: push(input, below)?,
                generator: generator.clone(),
                is_outer: *is_outer,
            };
            Ok(filtered(with(plan, node), above))
        }
        PlanNode::Aggregate { .. } => through_aggregate(plan, conditions),
        PlanNode::Join { .. } => through_join(plan, conditions),
        PlanNode::Union { inputs } => {
            let inputs = inputs
                .iter()
                .map(|input| push(input, conditions.clone()))
                .collect::<Result<_>>()?;
            Ok(with(plan, PlanNode::Union { inputs }))
        }
        // A condition could take rows away that a window function sees.
        PlanNode::Window { input, calls } => {
            let node = PlanNode::Window {
                input: push(input, Vec::new())?,
                calls: calls.clone(),
            };
            Ok(filtered(with(plan, node), conditions))
        }
        PlanNode::Sort { input, keys } => {
            let node = PlanNode::Sort {
                input: push(input, conditions)?,
                keys: keys.clone(),
            };
            Ok(with(plan, node))
        }
        PlanNode::Scan(_)
        | PlanNode::Expand { .. }
        | PlanNode::Deduplicate { .. }
        | PlanNode::Process(_)
        | PlanNode::Limit { .. }
        | PlanNode::SetOperation { .. } => {
            let mut node = plan.node.clone();
            for input in node.inputs_mut() {
                *input = push(input, Vec::new())?;
            }
            Ok(filtered(with(plan, node), conditions))
        }
    }
}

fn with(plan: &LogicalPlan, node: PlanNode) -> Arc<LogicalPlan> {
    Arc::new(LogicalPlan {
        node,
        schema: Arc::clone(&plan.schema),
    })
}

fn filtered(input: Arc<LogicalPlan>, conditions: Vec<Expr>) -> Arc<LogicalPlan> {
    let Some(predicate) = Expr::conjunction(conditions) else {
        return input;
    };
    let schema = Arc::clone(&input.schema);
    Arc::new(LogicalPlan {
        node: PlanNode::Filter { input, predicate },
        schema,
    })
}

/// Those for which `test` holds, then the rest.
fn split(conditions: Vec<Expr>, test: impl Fn(&Expr) -> bool) -> (Vec<Expr>, Vec<Expr>) {
    conditions
        .into_iter()
        .partition(|condition| test(condition))
}

/// Whether a condition needs only columns from `start` to `end`; one that needs none stays where it is.
fn within(condition: &Expr, start: usize, end: usize) -> bool {
    let columns = condition.columns();
    !columns.is_empty() && columns.iter().all(|column| (start..end).contains(column))
}

fn through_project(
    plan: &LogicalPlan,
    input: &Arc<LogicalPlan>,
    columns: &[NamedExpr],
    conditions: Vec<Expr>,
) -> Result<Arc<LogicalPlan>> {
    let has_watermark = contains_watermark(input);
    let goes = |condition: &Expr| {
        condition.columns().iter().all(|column| {
            columns.get(*column).is_some_and(|column| {
                column.expr.is_deterministic() && (has_watermark || is_cheap(&column.expr))
            })
        })
    };
    let (below, above) = split(conditions, goes);
    let width = input.schema.columns.len();
    let below = below
        .iter()
        .map(|condition| {
            condition.substitute(width, &|reference, column| {
                columns.get(column).map_or_else(
                    || reference.clone(),
                    |column| computed(&column.expr, reference),
                )
            })
        })
        .collect();
    let node = PlanNode::Project {
        input: push(input, below)?,
        columns: columns.to_vec(),
    };
    Ok(filtered(with(plan, node), above))
}

/// What computes a column, in the place of a reference to it. A union may give its inputs wider units than they compute.
fn computed(expr: &Expr, reference: &Expr) -> Expr {
    if expr.units == reference.units {
        return expr.clone();
    }
    Expr {
        data_type: reference.data_type.clone(),
        units: reference.units.clone(),
        is_nullable: expr.is_nullable,
        span: expr.span,
        kind: ExprKind::Cast {
            input: Box::new(expr.clone()),
            is_try: false,
        },
    }
}

/// Whether computing it twice costs nothing worth mentioning.
fn is_cheap(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) => true,
        ExprKind::Field(input, _) => is_cheap(input),
        _ => false,
    }
}

fn contains_watermark(plan: &LogicalPlan) -> bool {
    matches!(plan.node, PlanNode::Watermark { .. })
        || plan.inputs().iter().any(|input| contains_watermark(input))
}

/// Conditions on keys alone go below. In Spark those on a session do too, so in ours: they are asked of the session of each row alone,
/// before sessions are joined. `HAVING session_window.end > t` so drops rows that end before `t`, not sessions.
fn through_aggregate(plan: &LogicalPlan, conditions: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
    let PlanNode::Aggregate { input, keys, .. } = &plan.node else {
        return Ok(filtered(with(plan, plan.node.clone()), conditions));
    };
    let goes = |condition: &Expr| {
        within(condition, 0, keys.len())
            && condition.columns().iter().all(|column| {
                keys.get(*column)
                    .is_some_and(|key| key.expr.is_deterministic())
            })
    };
    let (below, above) = split(conditions, goes);
    let width = input.schema.columns.len();
    let below = below
        .iter()
        .map(|condition| {
            condition.substitute(width, &|reference, column| {
                keys.get(column)
                    .map_or_else(|| reference.clone(), |key| computed(&key.expr, reference))
            })
        })
        .collect();
    let mut node = plan.node.clone();
    if let PlanNode::Aggregate { input, .. } = &mut node {
        *input = push(input, below)?;
    }
    Ok(filtered(with(plan, node), above))
}

/// Conditions on their way down one join.
#[derive(Default)]
struct Sides {
    left: Vec<Expr>,
    right: Vec<Expr>,
}

impl Sides {
    /// `InferFiltersFromConstraints`: rows that the join drops because a key, or a comparison among `parts`, is null.
    fn infer(
        &mut self,
        equalities: &[(Expr, Expr, bool)],
        parts: &[Expr],
        (left_width, right_width): (usize, usize),
        (drops_left, drops_right): (bool, bool),
    ) {
        let all = left_width + right_width;
        let plain = || {
            equalities
                .iter()
                .filter(|(_, _, is_null_safe)| !is_null_safe)
        };
        if drops_left {
            let keys = plain().map(|(left, _, _)| left);
            self.left.extend(not_null(keys, parts, (0, left_width)));
        }
        if drops_right {
            let keys = plain().map(|(_, right, _)| right);
            self.right.extend(not_null(keys, &[], (0, right_width)));
            let inferred = not_null(std::iter::empty(), parts, (left_width, all));
            let shifted = inferred
                .iter()
                .map(|condition| shifted(condition, left_width, right_width));
            self.right.extend(shifted);
        }
    }
}

fn through_join(plan: &LogicalPlan, conditions: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
    let PlanNode::Join {
        left,
        right,
        join_type,
        equalities,
        residual,
    } = &plan.node
    else {
        return Ok(filtered(with(plan, plan.node.clone()), conditions));
    };
    let (left_width, right_width) = (left.schema.columns.len(), right.schema.columns.len());
    let all = left_width + right_width;
    let keeps_left = keeps_condition_on(*join_type, true);
    let keeps_right = keeps_condition_on(*join_type, false);
    let is_inner = matches!(join_type, JoinType::Inner | JoinType::Cross);
    let mut sides = Sides::default();
    let mut equalities = equalities.clone();
    let mut parts: Vec<Expr> = residual
        .iter()
        .flat_map(|residual| residual.conjuncts())
        .cloned()
        .collect();
    let mut above = Vec::new();
    for condition in conditions {
        if keeps_left && within(&condition, 0, left_width) {
            sides.left.push(condition);
        } else if keeps_right && within(&condition, left_width, all) {
            sides
                .right
                .push(shifted(&condition, left_width, right_width));
        } else if !is_inner || condition.columns().is_empty() {
            above.push(condition);
        } else if let Some(pair) = equality(&condition, left_width, right_width) {
            equalities.push(pair);
        } else {
            parts.push(condition);
        }
    }
    let (drops_left, drops_right) = drops_unmatched(*join_type);
    sides.infer(
        &equalities,
        &parts,
        (left_width, right_width),
        (drops_left, drops_right),
    );
    let mut rest = Vec::new();
    for part in parts {
        if drops_left && within(&part, 0, left_width) {
            sides.left.push(part);
        } else if drops_right && within(&part, left_width, all) {
            sides.right.push(shifted(&part, left_width, right_width));
        } else {
            rest.push(part);
        }
    }
    let node = PlanNode::Join {
        left: push(left, sides.left)?,
        right: push(right, sides.right)?,
        join_type: match join_type {
            // As Spark, what is written as CROSS JOIN of two streams stays one, and is refused.
            JoinType::Cross if left.is_streaming() && right.is_streaming() => JoinType::Cross,
            JoinType::Cross if !equalities.is_empty() || !rest.is_empty() => JoinType::Inner,
            other => *other,
        },
        equalities,
        residual: Expr::conjunction(rest),
    };
    Ok(filtered(with(plan, node), above))
}

/// Whether a condition after the join on columns of one side alone can be asked before it.
fn keeps_condition_on(join_type: JoinType, left: bool) -> bool {
    match join_type {
        JoinType::Inner | JoinType::Cross => true,
        JoinType::LeftOuter | JoinType::LeftSemi | JoinType::LeftAnti => left,
        JoinType::RightOuter => !left,
        JoinType::FullOuter => false,
    }
}

/// Whether left rows, and right rows, that match nothing are gone after the join: then a row that fails the join's condition on its own
/// side can go before it.
fn drops_unmatched(join_type: JoinType) -> (bool, bool) {
    match join_type {
        JoinType::Inner | JoinType::Cross | JoinType::LeftSemi => (true, true),
        JoinType::LeftOuter | JoinType::LeftAnti => (false, true),
        JoinType::RightOuter => (true, false),
        JoinType::FullOuter => (false, false),
    }
}

fn shifted(condition: &Expr, offset: usize, width: usize) -> Expr {
    condition.remap_columns(width, &|column| column - offset)
}

/// `isnotnull` for each nullable column in `range` without which a key, or a comparison among `parts`, would be null.
fn not_null<'a>(
    keys: impl Iterator<Item = &'a Expr>,
    parts: &'a [Expr],
    range: (usize, usize),
) -> Vec<Expr> {
    let mut found: Vec<Expr> = Vec::new();
    for key in keys {
        needed_columns(key, &mut found);
    }
    for part in parts.iter().filter(|part| is_comparison(part)) {
        needed_columns(part, &mut found);
    }
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .filter(|column| match column.kind {
            ExprKind::Column(index) => {
                column.is_nullable && (range.0..range.1).contains(&index) && seen.insert(index)
            }
            _ => false,
        })
        .filter_map(is_not_null)
        .collect()
}

fn is_comparison(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call(function, _) if ["=", "<", "<=", ">", ">="].contains(&function.name))
}

/// Functions that Spark knows to be null if an argument is: each looked up in the filters that Spark 4.3 puts below a join on it. It does not
/// know this of all that are (not of `trim`, `round` or `concat`).
const NULL_INTOLERANT: &[&str] = &[
    "%",
    "&",
    "*",
    "+",
    "-",
    "/",
    "abs",
    "ascii",
    "base64",
    "ceil",
    "char_length",
    "crc32",
    "date_format",
    "day",
    "dayofmonth",
    "dayofweek",
    "div",
    "floor",
    "hex",
    "hour",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "md5",
    "minute",
    "mod",
    "month",
    "negative",
    "pmod",
    "pow",
    "power",
    "quarter",
    "regexp_extract",
    "regexp_replace",
    "replace",
    "reverse",
    "rpad",
    "second",
    "sha2",
    "split",
    "split_part",
    "sqrt",
    "substr",
    "substring",
    "to_timestamp",
    "translate",
    "upper",
    "year",
];

/// The columns that an expression is null without: through casts, comparisons and [`NULL_INTOLERANT`] functions.
fn needed_columns(expr: &Expr, found: &mut Vec<Expr>) {
    match &expr.kind {
        ExprKind::Column(_) => found.push(expr.clone()),
        ExprKind::Cast { input, .. } => needed_columns(input, found),
        ExprKind::Call(function, arguments)
            if is_comparison(expr) || NULL_INTOLERANT.contains(&function.name) =>
        {
            for argument in arguments {
                needed_columns(argument, found);
            }
        }
        _ => {}
    }
}

fn is_not_null(column: Expr) -> Option<Expr> {
    Some(Expr {
        kind: ExprKind::Call(registry::scalar("isnotnull")?, vec![column]),
        data_type: DataType::Boolean,
        units: TypeUnits::default(),
        is_nullable: false,
        span: crate::error::Span::NOWHERE,
    })
}
