//! Regular expressions and `LIKE`, with Java's meaning of patterns.
//!
//! A pattern is translated ([`translate`]) and compiled once per call and thread ([`pattern`]). Matches are iterated as Java does: after
//! an empty match the search goes on one character further, and an empty match may follow directly behind another
//! match.

mod backtracking;
mod extract;
mod like;
mod map;
mod pattern;
mod predicate;
mod replace;
mod split;
#[cfg(test)]
mod tests;
mod translate;

use crate::function::ScalarFunction;

/// Every function of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    [
        like::functions(),
        predicate::functions(),
        extract::functions(),
        replace::functions(),
        split::functions(),
        map::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Other names, each with the name it stands for.
pub(crate) const ALIASES: &[(&str, &str)] = &[("regexp_like", "rlike"), ("regexp", "rlike")];

pub(crate) use pattern::Pattern;
