//! `rlike` (`regexp_like`, `regexp`).

use super::pattern::Patterns;
use crate::function::ScalarFunction;
use crate::function::kernel::{Column, Text, try_booleans_of};
use crate::function::signature::{TEXT, rule};
use arrow::datatypes::DataType;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "rlike",
        usage: "rlike(str, pattern)",
        description: "Whether a regular expression matches somewhere in the string.",
        example: "SELECT 'tide mill' RLIKE 'm.ll'",
        resolve: |arguments| rule("rlike", arguments, &[TEXT, TEXT], 2, DataType::Boolean),
        kernel: |call| {
            let (text, pattern): (Text<'_>, Text<'_>) =
                (Column::of(call, 0)?, Column::of(call, 1)?);
            let mut patterns = Patterns::new("rlike");
            try_booleans_of(call.rows, |row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                patterns.get(pattern)?.is_match(text).map(Some)
            })
        },
        is_deterministic: true,
    }]
}
