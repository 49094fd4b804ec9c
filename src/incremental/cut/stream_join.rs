//! The cut of a join of two streams: which columns each side keeps, what of the condition is asked before rows are kept, what ends them.

use super::{Branch, Columns, Cut, columns_of, picked_schema, position, remap, remap_all, split};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::operator::join::{JoinInput, StateTime, StreamJoin, StreamJoinSpec};
use crate::plan::check::{
    JoinSide, key_of_event_time, state_time_bound, time_distance_us, used_event_time,
};
use crate::plan::{LogicalPlan, PlanNode};

/// The conjuncts of a condition that are not equalities, by what they need.
#[derive(Default)]
struct Conditions {
    left: Vec<Expr>,
    right: Vec<Expr>,
    both: Vec<Expr>,
}

impl Conditions {
    /// A condition on one side alone is asked before a row is kept; one that needs neither side, of both.
    fn of(residual: Option<&Expr>, width: usize, all: usize) -> Conditions {
        let mut conditions = Conditions::default();
        for conjunct in residual.into_iter().flat_map(Expr::conjuncts) {
            let columns = conjunct.columns();
            let needs_left = columns.range(..width).next().is_some();
            let needs_right = columns.range(width..).next().is_some();
            if !conjunct.is_deterministic() || (needs_left && needs_right) {
                conditions.both.push(conjunct.clone());
                continue;
            }
            if !needs_right {
                let left = conjunct.remap_columns(width, &|column| column);
                conditions.left.push(left);
            }
            if !needs_left {
                let right = conjunct.remap_columns(all - width, &|column| column - width);
                conditions.right.push(right);
            }
        }
        conditions
    }
}

/// Adds the columns that an expression uses as they are: a window of which only the end is asked is not among them.
fn add_whole_columns(expr: &Expr, found: &mut Columns) {
    match &expr.kind {
        ExprKind::Column(column) => {
            found.insert(*column);
        }
        ExprKind::Field(input, _) if matches!(input.kind, ExprKind::Column(_)) => {}
        _ => {
            for child in expr.children() {
                add_whole_columns(child, found);
            }
        }
    }
}

/// One side. A column counts as event time only if the query uses it, as in Spark, which forgets unused columns before it looks for what
/// makes rows late and what ends them.
struct Side<'a> {
    plan: &'a LogicalPlan,
    keys: Vec<&'a Expr>,
    filter: Option<Expr>,
    used: Columns,
    event_time: Option<usize>,
    state_time: Option<StateTime>,
}

impl<'a> Side<'a> {
    /// A side of which the condition on both sides, and what comes after the join, use these columns, and `whole` of them as they are.
    fn new(
        plan: &'a LogicalPlan,
        keys: Vec<&'a Expr>,
        filter: Vec<Expr>,
        (mut used, mut whole): (Columns, Columns),
    ) -> Result<Side<'a>> {
        let filter = Expr::conjunction(filter);
        for own in keys.iter().copied().chain(&filter) {
            add_whole_columns(own, &mut whole);
        }
        used.extend(columns_of(keys.iter().copied()));
        used.extend(columns_of(&filter));
        let columns = plan.schema.columns.iter().enumerate();
        let event_time = used_event_time(columns.filter(|(column, _)| whole.contains(column)))?
            .map(|(column, _)| column);
        Ok(Side {
            plan,
            keys,
            filter,
            used,
            event_time,
            state_time: None,
        })
    }

    /// Finds out what ends the rows: a key that is event time on either side, or else the bound that the condition of `join` puts on the
    /// side's event time.
    fn end(&mut self, join: &LogicalPlan, side: JoinSide) {
        let bounded = || {
            Some(StateTime::Column {
                column: self.event_time?,
                bound: state_time_bound(join, side)?,
            })
        };
        self.state_time = key_of_event_time(join).map(StateTime::Key).or_else(bounded);
    }

    /// The side over the columns that are used.
    fn input(&self) -> JoinInput {
        let place = |column: usize| position(&self.used, column);
        JoinInput {
            schema: picked_schema(self.plan, &self.used),
            keys: remap_all(&self.keys, &self.used),
            filter: self.filter.as_ref().map(|filter| remap(filter, &self.used)),
            event_time: self.event_time.map(place),
            state_time: self.state_time.map(|time| match time {
                StateTime::Key(key) => StateTime::Key(key),
                StateTime::Column { column, bound } => StateTime::Column {
                    column: place(column),
                    bound,
                },
            }),
        }
    }
}

/// The least and the most time from a left row to a right one that matches it, by the times that end them.
fn distance(plan: &LogicalPlan, left: &Side<'_>, right: &Side<'_>) -> (Option<i64>, Option<i64>) {
    match (left.state_time, right.state_time) {
        (Some(StateTime::Key(_)), Some(StateTime::Key(_))) => (Some(0), Some(0)),
        (
            Some(StateTime::Column { column: left, .. }),
            Some(StateTime::Column { column: right, .. }),
        ) => time_distance_us(plan, left, right),
        _ => (None, None),
    }
}

impl Cut<'_> {
    /// Ends the branches of both sides in a join with state.
    pub(super) fn stream_join(
        &mut self,
        plan: &LogicalPlan,
        left: &LogicalPlan,
        right: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let PlanNode::Join {
            join_type,
            equalities,
            residual,
            ..
        } = &plan.node
        else {
            return Err(Error::internal("not a join"));
        };
        let width = left.schema.columns.len();
        let all = width + right.schema.columns.len();
        let conditions = Conditions::of(residual.as_ref(), width, all);
        let mut used = needed.clone();
        used.extend(columns_of(&conditions.both));
        let mut whole = needed.clone();
        for both in &conditions.both {
            add_whole_columns(both, &mut whole);
        }
        let (left_used, right_used) = split(&used, width);
        let (left_whole, right_whole) = split(&whole, width);
        let left_keys = equalities.iter().map(|(left, _, _)| left).collect();
        let right_keys = equalities.iter().map(|(_, right, _)| right).collect();
        let mut left = Side::new(left, left_keys, conditions.left, (left_used, left_whole))?;
        let mut right = Side::new(
            right,
            right_keys,
            conditions.right,
            (right_used, right_whole),
        )?;
        left.end(plan, JoinSide::Left);
        right.end(plan, JoinSide::Right);
        let pairs: Columns = left
            .used
            .iter()
            .copied()
            .chain(right.used.iter().map(|column| column + width))
            .collect();
        let both = Expr::conjunction(conditions.both);
        let spec = StreamJoinSpec {
            join_type: *join_type,
            null_safe: equalities.iter().map(|(_, _, safe)| *safe).collect(),
            residual: both.map(|both| remap(&both, &pairs)),
            distance_us: distance(plan, &left, &right),
            output: needed
                .iter()
                .map(|column| position(&pairs, *column))
                .collect(),
            inputs: [left.input(), right.input()],
        };
        let partitions = self.settings.state_partitions;
        let block =
            self.stateful(|id| Ok(Box::new(StreamJoin::new(id, spec.clone(), partitions)?)))?;
        let inputs = [(left.plan, &left.used), (right.plan, &right.used)];
        Ok(vec![self.block(&inputs, block)?])
    }
}
