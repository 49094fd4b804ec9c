//! Selectors: an expression over several columns (`all()`, `cols(["a", "b"])`, `col("^n_.*$")`, …) is one expression for each.
//!
//! A bare `*` stays a star, so that it means what it means in SQL, also where names repeat; everything else is written out against
//! the columns of the input, by polars's own rules.

use super::{path_of, refuse};
use crate::arrow_bridge::to_polars_type;
use crate::error::{Error, Result};
use crate::plan::PlanSchema;
use polars::prelude::{Expr, PlIndexSet, PlSmallStr, Schema, Selector};

/// The expressions that `expression` stands for over these columns.
pub(super) fn expand(expression: &Expr, columns: &PlanSchema) -> Result<Vec<Expr>> {
    if matches!(expression, Expr::Selector(Selector::Wildcard)) {
        return Ok(vec![expression.clone()]);
    }
    let mut selectors: Vec<&Selector> = vec![];
    for node in expression {
        if let Expr::Selector(selector) = node
            && !selectors.contains(&selector)
        {
            selectors.push(selector);
        }
    }
    match selectors.as_slice() {
        [] => Ok(vec![expression.clone()]),
        [selector] => {
            let selected = select(selector, columns)?;
            Ok(selected
                .iter()
                .map(|name| with_column(expression, name))
                .collect())
        }
        _ => Err(refuse(expression, "it selects columns in two ways at once")),
    }
}

/// The names of the columns that a selector selects.
fn select(selector: &Selector, columns: &PlanSchema) -> Result<PlIndexSet<PlSmallStr>> {
    let schema = columns
        .columns
        .iter()
        .map(|column| {
            let data_type = to_polars_type(&column.data_type)?;
            Ok((PlSmallStr::from_str(&column.name), data_type))
        })
        .collect::<Result<Schema>>()?;
    selector
        .into_columns(&schema, &PlIndexSet::default())
        .map_err(|cause| {
            Error::invalid(format!(
                "a selector does not fit the columns. selector=`{selector}`"
            ))
            .with_condition("UNRESOLVED_COLUMN")
            .with_source(cause)
        })
}

/// The expression for one of the selected columns.
fn with_column(expression: &Expr, name: &str) -> Expr {
    let column = Expr::Column(PlSmallStr::from_string(format!(
        "`{}`",
        name.replace('`', "``")
    )));
    expression.clone().map_expr(|node| match node {
        Expr::Selector(_) => column.clone(),
        other => other,
    })
}

/// The name of the only column that an expression reads: what `name().keep()`, `prefix` and the like start from.
pub(super) fn root_name(expression: &Expr, whole: &Expr) -> Result<PlSmallStr> {
    let mut roots = vec![];
    for node in expression {
        if let Expr::Column(name) = node
            && !roots.contains(&name)
        {
            roots.push(name);
        }
    }
    match roots.as_slice() {
        [name] => {
            let path = path_of(name)?;
            Ok(PlSmallStr::from_str(path.last().map_or("", String::as_str)))
        }
        _ => Err(refuse(
            whole,
            "an expression over one column keeps its name; else use alias",
        )),
    }
}
