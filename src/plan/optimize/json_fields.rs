//! Of a struct that `from_json` makes, only the fields that the query looks into are parsed.
//!
//! The plan is walked once from the top, each time with what is used of a node's columns: all of a column, or some fields of a
//! struct. Where a projection makes a column by `from_json` and only fields of it are used, the call becomes one that reads those
//! fields and leaves the others null. Types stay as they are, so that nothing above it has to change.
//!
//! Only projections and filters are changed, never what a stateful operator computes: its identity is made of its expressions.

use super::with;
use crate::expr::{Expr, ExprKind};
use crate::function::json::with_fields;
use crate::plan::{LogicalPlan, NamedExpr, PlanNode};
use arrow::datatypes::DataType;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

/// What is used of a column.
#[derive(Debug, Clone)]
enum Use {
    /// These fields of a struct; nothing, if there are none.
    Fields(BTreeSet<usize>),
    /// All of it.
    Whole,
}

/// What is used of each column of a node.
type Uses = Vec<Use>;

/// The same plan, in which `from_json` parses what is used.
pub(super) fn prune(plan: &Arc<LogicalPlan>) -> Arc<LogicalPlan> {
    below(plan, &vec![Use::Whole; plan.schema.columns.len()])
}

/// `plan`, of whose columns `uses` is used.
fn below(plan: &Arc<LogicalPlan>, uses: &Uses) -> Arc<LogicalPlan> {
    let mut node = plan.node.clone();
    match &mut node {
        PlanNode::Project { input, columns } => project(input, columns, uses),
        PlanNode::Filter { input, predicate } => {
            let mut uses = uses.clone();
            note(predicate, &mut uses);
            *predicate = pruned(predicate, &Use::Whole);
            *input = below(input, &uses);
        }
        PlanNode::Watermark { input, column, .. } => {
            let mut uses = uses.clone();
            if let Some(used) = uses.get_mut(*column) {
                *used = Use::Whole;
            }
            *input = below(input, &uses);
        }
        PlanNode::Limit { input, .. } => *input = below(input, uses),
        PlanNode::Union { inputs } => {
            for input in inputs {
                *input = below(input, uses);
            }
        }
        PlanNode::Sort { input, .. } => {
            *input = below(input, &noted(plan, uses.clone()));
        }
        PlanNode::Aggregate { input, session, .. } => {
            let mut uses = noted(plan, unused(input));
            if let Some(session) = session {
                note(&session.time, &mut uses);
                note(&session.gap_us, &mut uses);
            }
            *input = below(input, &uses);
        }
        PlanNode::Expand { input, .. } => *input = below(input, &noted(plan, unused(input))),
        PlanNode::Generate { input, .. } | PlanNode::Window { input, .. } => {
            let width = input.schema.columns.len();
            let kept = uses.iter().take(width).cloned().collect();
            *input = below(input, &noted(plan, kept));
        }
        PlanNode::Join { left, right, .. } => join(plan, left, right, uses),
        PlanNode::Scan(_) => return Arc::clone(plan),
        PlanNode::Deduplicate { .. } | PlanNode::SetOperation { .. } | PlanNode::Process(_) => {
            for input in node.inputs_mut() {
                *input = prune(input);
            }
        }
    }
    with(plan, node)
}

/// Nothing of the columns of a node.
fn unused(plan: &LogicalPlan) -> Uses {
    vec![Use::Fields(BTreeSet::new()); plan.schema.columns.len()]
}

/// `uses`, and what the expressions of this node need.
fn noted(plan: &LogicalPlan, mut uses: Uses) -> Uses {
    for expression in plan.expressions() {
        note(expression, &mut uses);
    }
    uses
}

fn project(input: &mut Arc<LogicalPlan>, columns: &mut [NamedExpr], uses: &Uses) {
    let mut wanted = unused(input);
    for (column, used) in columns.iter_mut().zip(uses) {
        match (&column.expr.kind, used) {
            // A column that is passed on is used as what it becomes.
            (ExprKind::Column(index), Use::Fields(fields)) => {
                if let Some(Use::Fields(known)) = wanted.get_mut(*index) {
                    known.extend(fields);
                }
            }
            // Nobody needs it: it will not be computed.
            (_, Use::Fields(fields)) if fields.is_empty() => {}
            _ => note(&column.expr, &mut wanted),
        }
        column.expr = pruned(&column.expr, used);
    }
    *input = below(input, &wanted);
}

fn join(
    plan: &LogicalPlan,
    left: &mut Arc<LogicalPlan>,
    right: &mut Arc<LogicalPlan>,
    uses: &Uses,
) {
    let PlanNode::Join {
        equalities,
        residual,
        ..
    } = &plan.node
    else {
        return;
    };
    let width = left.schema.columns.len();
    // A semi join has only the left columns, but its condition may look at both.
    let mut uses = uses.clone();
    uses.resize(
        width + right.schema.columns.len(),
        Use::Fields(BTreeSet::new()),
    );
    if let Some(condition) = residual {
        note(condition, &mut uses);
    }
    let mut right_uses = uses.split_off(width);
    for (left_key, right_key, _) in equalities {
        note(left_key, &mut uses);
        note(right_key, &mut right_uses);
    }
    *left = below(left, &uses);
    *right = below(right, &right_uses);
}

/// Adds what an expression needs of the columns of its input. Parameters of lambdas come after those.
fn note(expr: &Expr, uses: &mut Uses) {
    match &expr.kind {
        ExprKind::Column(index) => {
            if let Some(used) = uses.get_mut(*index) {
                *used = Use::Whole;
            }
        }
        ExprKind::Field(input, field)
            if matches!(input.kind, ExprKind::Column(_))
                && matches!(input.data_type, DataType::Struct(_)) =>
        {
            if let ExprKind::Column(index) = input.kind
                && let Some(Use::Fields(fields)) = uses.get_mut(index)
            {
                fields.insert(*field);
            }
        }
        _ => expr
            .children()
            .into_iter()
            .for_each(|child| note(child, uses)),
    }
}

/// The same expression, in which each `from_json` parses what is used of its value.
fn pruned(expr: &Expr, used: &Use) -> Expr {
    if let Use::Fields(fields) = used
        && let Some(narrow) = with_fields(expr, fields)
    {
        return narrow;
    }
    if let ExprKind::Field(input, field) = &expr.kind
        && matches!(input.data_type, DataType::Struct(_))
    {
        let input = pruned(input, &Use::Fields(BTreeSet::from([*field])));
        return Expr {
            kind: ExprKind::Field(Box::new(input), *field),
            ..expr.clone()
        };
    }
    let Ok(changed) = expr.map_children::<Infallible>(&mut |child| Ok(pruned(child, &Use::Whole)));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Ast, AstKind};
    use crate::plan::builder::tests::{call, columns, n, stream};
    use crate::plan::builder::{alias, filter, select};
    use crate::plan::optimize::optimize;

    const SCHEMA: &str = "a INT, b STRING, c DOUBLE, _corrupt_record STRING";

    fn parsed(options: &[Ast]) -> Arc<LogicalPlan> {
        let mut arguments = vec![n("value"), Ast::string(SCHEMA)];
        arguments.extend_from_slice(options);
        let json = Ast::new(AstKind::Alias(
            Box::new(call("from_json", &arguments)),
            vec!["j".to_owned()],
        ));
        let plan = select(&stream("s", "value STRING"), &[json, n("value")]).unwrap();
        alias(&plan, "p")
    }

    /// The fields that each `from_json` of a plan reads; all, if it says nothing of fields.
    fn read(plan: &LogicalPlan) -> Vec<String> {
        let mut found = Vec::new();
        for expression in plan.expressions() {
            expression.walk(&mut |expr| {
                if let ExprKind::Call(function, arguments) = &expr.kind
                    && function.name == "from_json"
                    && let Some(ExprKind::Literal(schema)) =
                        arguments.get(1).map(|argument| &argument.kind)
                {
                    found.push(crate::expr::literal_text(schema));
                }
            });
        }
        for input in plan.inputs() {
            found.extend(read(input));
        }
        found
    }

    #[test]
    fn fields_that_are_selected_or_compared_are_parsed_and_no_others() {
        let plan = filter(&parsed(&[]), &call("=", &[n("j.b"), Ast::string("x")])).unwrap();
        let plan = select(&plan, &[n("j.a"), n("value")]).unwrap();
        let before = columns(&plan);
        let plan = optimize(&plan).unwrap();
        assert_eq!(read(&plan), ["[a, b]"]);
        assert_eq!(columns(&plan), before);
    }

    #[test]
    fn a_field_of_a_call_is_parsed_alone() {
        let json = call("from_json", &[n("value"), Ast::string(SCHEMA)]);
        let field = Ast::new(AstKind::Field(Box::new(json), "c".to_owned()));
        let plan = select(&stream("s", "value STRING"), &[field]).unwrap();
        assert_eq!(read(&optimize(&plan).unwrap()), ["[c]"]);
    }

    #[test]
    fn all_is_parsed_where_the_whole_struct_or_the_corrupt_record_is_used() {
        for used in [vec![n("j")], vec![n("j.a"), n("j._corrupt_record")]] {
            let plan = select(&parsed(&[]), &used).unwrap();
            assert_eq!(read(&optimize(&plan).unwrap()), [SCHEMA]);
        }
    }

    #[test]
    fn all_is_parsed_where_a_malformed_record_fails_the_query() {
        let fail_fast = call("map", &[Ast::string("mode"), Ast::string("FAILFAST")]);
        let plan = select(&parsed(&[fail_fast]), &[n("j.a")]).unwrap();
        assert_eq!(read(&optimize(&plan).unwrap()), [SCHEMA]);
    }
}
