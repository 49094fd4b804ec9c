//! (being written)

pub(crate) mod expression;
