//! What a session is asked about itself: the names that Spark gives its only catalog and schema, and the version of this engine.

use crate::error::Result;
use crate::expr::Expr;
use crate::function::signature::count_arguments;
use crate::function::{ScalarFunction, Signature};
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("current_catalog", "current_catalog()"),
            (
                "The name of the catalog, of which there is one.",
                "SELECT current_catalog()",
            ),
            (
                |arguments| resolve_constant("current_catalog", arguments),
                |_| Ok(text("spark_catalog")),
            ),
        ),
        ScalarFunction::new(
            ("current_schema", "current_schema()"),
            (
                "The name of the schema, of which there is one.",
                "SELECT current_schema()",
            ),
            (
                |arguments| resolve_constant("current_schema", arguments),
                |_| Ok(text("default")),
            ),
        ),
        ScalarFunction::new(
            ("current_user", "current_user()"),
            (
                "The name of the user that runs the query, as its environment says.",
                "SELECT current_user()",
            ),
            (
                |arguments| resolve_constant("current_user", arguments),
                |_| Ok(text(&user())),
            ),
        ),
        ScalarFunction::new(
            ("version", "version()"),
            ("The version of tidemill.", "SELECT version()"),
            (
                |arguments| resolve_constant("version", arguments),
                |_| Ok(text(concat!("tidemill ", env!("CARGO_PKG_VERSION")))),
            ),
        ),
    ]
}

/// Other names.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("current_database", "current_schema"),
    ("session_user", "current_user"),
    ("user", "current_user"),
];

/// The rule of a text that takes no arguments.
fn resolve_constant(function: &str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(function, arguments, 0, 0)?;
    Ok(Signature {
        arguments: Vec::new(),
        returns: DataType::Utf8,
        is_nullable: false,
    })
}

/// What the shell calls the user; `unknown` where it says nothing.
fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn text(text: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}
