//! What may stand as the condition of a join.

use super::expression::to_ast;
use crate::error::Result;
use crate::plan::builder::JoinCondition;
use polars::prelude::Expr;

/// What makes rows of two frames a pair: an expression over the columns of both (`col("l.id").eq(col("r.id"))`), or names of columns
/// that both have.
pub trait IntoJoinCondition {
    /// The condition.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the expression is not supported.
    fn into_join_condition(self) -> Result<JoinCondition>;
}

impl IntoJoinCondition for Expr {
    fn into_join_condition(self) -> Result<JoinCondition> {
        Ok(JoinCondition::On(to_ast(&self)?))
    }
}

impl IntoJoinCondition for &str {
    fn into_join_condition(self) -> Result<JoinCondition> {
        Ok(JoinCondition::Using(vec![self.to_owned()]))
    }
}

impl IntoJoinCondition for &[&str] {
    fn into_join_condition(self) -> Result<JoinCondition> {
        Ok(JoinCondition::Using(
            self.iter().map(|name| (*name).to_owned()).collect(),
        ))
    }
}

impl<const N: usize> IntoJoinCondition for [&str; N] {
    fn into_join_condition(self) -> Result<JoinCondition> {
        self.as_slice().into_join_condition()
    }
}
