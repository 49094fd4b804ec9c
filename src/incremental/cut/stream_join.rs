//! The cut of a join of two streams: which columns each side keeps, what of the condition is asked before rows are kept, what ends them.

use super::{Branch, Columns, Cut, columns_of, picked_schema, remap, remap_all, split};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::operator::join::{JoinInput, StateTime, StreamJoin, StreamJoinSpec};
use crate::plan::check::{JoinSide, key_of_event_time, state_time_bound, time_distance_us};
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

/// The column of a side that is event time.
fn event_time(side: &LogicalPlan) -> Option<usize> {
    let columns = &side.schema.columns;
    columns
        .iter()
        .position(|column| column.event_time.is_some())
}

/// What ends the rows of a side, over its columns: a key that is event time on either side, or else the bound that the condition puts on the
/// side's event time.
fn state_time(plan: &LogicalPlan, side: JoinSide, own: &LogicalPlan) -> Option<StateTime> {
    if let Some(key) = key_of_event_time(plan) {
        return Some(StateTime::Key(key));
    }
    let column = event_time(own)?;
    let bound = state_time_bound(plan, side)?;
    Some(StateTime::Column { column, bound })
}

/// One side, before its columns are narrowed to those that are used.
struct Side<'a> {
    plan: &'a LogicalPlan,
    keys: Vec<&'a Expr>,
    filter: Option<Expr>,
    state_time: Option<StateTime>,
    used: Columns,
}

impl Side<'_> {
    /// Adds the columns that the side needs for itself.
    fn complete(&mut self) {
        self.used.extend(columns_of(self.keys.iter().copied()));
        self.used.extend(columns_of(&self.filter));
        self.used.extend(event_time(self.plan));
    }

    /// The side over the columns that are used.
    fn input(&self) -> JoinInput {
        let place = |column: usize| self.used.range(..column).count();
        JoinInput {
            schema: picked_schema(self.plan, &self.used),
            keys: remap_all(&self.keys, &self.used),
            filter: self.filter.as_ref().map(|filter| remap(filter, &self.used)),
            event_time: event_time(self.plan).map(place),
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
        let (left_used, right_used) = split(&used, width);
        let mut left = Side {
            plan: left,
            keys: equalities.iter().map(|(left, _, _)| left).collect(),
            filter: Expr::conjunction(conditions.left),
            state_time: state_time(plan, JoinSide::Left, left),
            used: left_used,
        };
        let mut right = Side {
            plan: right,
            keys: equalities.iter().map(|(_, right, _)| right).collect(),
            filter: Expr::conjunction(conditions.right),
            state_time: state_time(plan, JoinSide::Right, right),
            used: right_used,
        };
        left.complete();
        right.complete();
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
                .map(|column| pairs.range(..*column).count())
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
