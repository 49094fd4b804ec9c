//! The cut of `EXCEPT` and `INTERSECT`: of tables at once, of a stream less a table row by row.

use super::{Branch, Columns, Cut, picked_schema, select};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::incremental::Block;
use crate::incremental::blocking::SetOperation;
use crate::plan::{JoinType, LogicalPlan, NamedExpr, PlanNode};
use std::sync::Arc;

impl Cut<'_> {
    pub(super) fn set_operation(
        &mut self,
        plan: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let PlanNode::SetOperation {
            left,
            right,
            is_except,
            is_all,
        } = &plan.node
        else {
            return Err(Error::internal("not a set operation"));
        };
        if plan.is_streaming() {
            return self.aggregate(&less_a_table(plan, left, right), needed);
        }
        let all: Columns = (0..plan.schema.columns.len()).collect();
        let operation = SetOperation {
            is_except: *is_except,
            is_all: *is_all,
            schema: picked_schema(plan, &all),
        };
        let inputs = [(left.as_ref(), &all), (right.as_ref(), &all)];
        let branch = self.block(&inputs, Block::Pure(Box::new(operation)))?;
        Ok(select(vec![branch], &all, needed))
    }
}

/// `EXCEPT` of a stream and a table as Spark runs it: the rows that have no equal in the table, null being equal to null, each once.
fn less_a_table(plan: &LogicalPlan, left: &Arc<LogicalPlan>, right: &LogicalPlan) -> LogicalPlan {
    let columns = |of: &LogicalPlan| -> Vec<Expr> {
        let columns = of.schema.columns.iter().enumerate();
        columns.map(|(index, it)| it.expr(index)).collect()
    };
    let equalities = columns(left)
        .into_iter()
        .zip(columns(right))
        .map(|(left, right)| (left, right, true))
        .collect();
    let keys = columns(left)
        .into_iter()
        .zip(&plan.schema.columns)
        .map(|(expr, column)| NamedExpr {
            expr,
            name: column.name.clone(),
        })
        .collect();
    let rest = LogicalPlan {
        node: PlanNode::Join {
            left: Arc::clone(left),
            right: Arc::new(right.clone()),
            join_type: JoinType::LeftAnti,
            equalities,
            residual: None,
        },
        schema: Arc::clone(&left.schema),
    };
    LogicalPlan {
        node: PlanNode::Aggregate {
            input: Arc::new(rest),
            keys,
            aggregates: Vec::new(),
            session: None,
            operator_name: None,
        },
        schema: Arc::clone(&plan.schema),
    }
}
