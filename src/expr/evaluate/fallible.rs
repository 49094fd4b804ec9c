//! Which expressions can fail on a row: those must not run on rows that Spark does not look at.
//!
//! The answer may err towards "can fail"; that costs time, never a wrong result.

use crate::cast::can_cast_fail;
use crate::expr::{Expr, ExprKind};
use crate::types::is_floating;
use std::collections::BTreeSet;

/// Functions that give a value or null for every argument.
const TOTAL_FUNCTIONS: &[&str] = &[
    "!",
    "!=",
    "<",
    "<=",
    "<=>",
    "<>",
    "=",
    "==",
    ">",
    ">=",
    "in",
    "not",
    "isnull",
    "isnotnull",
    "isnan",
    "nanvl",
    "greatest",
    "least",
    "and",
    "or",
    "between",
    "ifnull",
    "nvl",
    "nvl2",
    "nullif",
    "length",
    "upper",
    "lower",
    "trim",
    "ltrim",
    "rtrim",
    "btrim",
    "startswith",
    "endswith",
    "contains",
    "like",
    "year",
    "month",
    "day",
    "dayofmonth",
    "hour",
    "minute",
    "second",
    "size",
    "array_contains",
    "map_contains_key",
    "sqrt",
    "ceil",
    "floor",
];

/// Functions that cannot fail on floats.
const TOTAL_ON_FLOATS: &[&str] = &["+", "-", "*", "abs", "negative", "positive", "sign", "pow"];

impl Expr {
    /// Whether evaluating this on some row may be an error.
    pub(super) fn can_fail(&self) -> bool {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) => false,
            ExprKind::Call(function, arguments) => {
                let is_total = TOTAL_FUNCTIONS.contains(&function.name)
                    || (is_floating(&self.data_type) && TOTAL_ON_FLOATS.contains(&function.name));
                !is_total || arguments.iter().any(Expr::can_fail)
            }
            ExprKind::UserCall(..) => true,
            ExprKind::Cast { input, is_try } => {
                input.can_fail() || (!is_try && can_cast_fail(&input.data_type, &self.data_type))
            }
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                left.can_fail() || right.can_fail()
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                let branch_fails = |(when, then): &(Expr, Expr)| when.can_fail() || then.can_fail();
                branches.iter().any(branch_fails)
                    || otherwise.as_deref().is_some_and(Expr::can_fail)
            }
            ExprKind::Coalesce(options) => options.iter().any(Expr::can_fail),
            ExprKind::Field(inner, _) => inner.can_fail(),
            ExprKind::Lambda { body, .. } => body.can_fail(),
        }
    }

    /// Adds the columns of the input that it reads to `columns`; of a lambda's parameters, nothing.
    pub(super) fn columns_read(&self, columns: &mut BTreeSet<usize>) {
        match &self.kind {
            ExprKind::Column(index) => {
                columns.insert(*index);
            }
            ExprKind::Literal(_) => {}
            ExprKind::Call(_, arguments)
            | ExprKind::UserCall(_, arguments)
            | ExprKind::Coalesce(arguments) => {
                for argument in arguments {
                    argument.columns_read(columns);
                }
            }
            ExprKind::Cast { input, .. } | ExprKind::Field(input, _) => input.columns_read(columns),
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                left.columns_read(columns);
                right.columns_read(columns);
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    when.columns_read(columns);
                    then.columns_read(columns);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.columns_read(columns);
                }
            }
            ExprKind::Lambda {
                outer_columns,
                body,
                ..
            } => {
                let mut inner = BTreeSet::new();
                body.columns_read(&mut inner);
                columns.extend(inner.range(..*outer_columns));
            }
        }
    }
}
