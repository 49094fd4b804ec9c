//! Aggregates. A `filter()` right inside an aggregate is its `FILTER (WHERE …)`.

use super::{refuse, to_ast};
use crate::error::Result;
use crate::expr::{Ast, AstCall, AstKind};
use polars::prelude::{AggExpr, Expr, QuantileMethod};

/// An aggregate of polars by Spark's name.
pub(super) fn aggregate(function: &AggExpr, whole: &Expr) -> Result<Ast> {
    let (name, input) = match function {
        AggExpr::Sum(input) => ("sum", input),
        AggExpr::Mean(input) => ("avg", input),
        AggExpr::Min {
            input,
            propagate_nans: false,
        } => ("min", input),
        AggExpr::Max {
            input,
            propagate_nans: false,
        } => ("max", input),
        AggExpr::Min { .. } | AggExpr::Max { .. } => {
            return Err(refuse(whole, "NaN is greater than any number here"));
        }
        AggExpr::Median(input) => ("median", input),
        AggExpr::First(input) | AggExpr::FirstNonNull(input) => ("first", input),
        AggExpr::Last(input) | AggExpr::LastNonNull(input) => ("last", input),
        AggExpr::Count { input, .. } | AggExpr::NUnique(input) => ("count", input),
        AggExpr::Std(input, ddof) => (by_ddof(*ddof, "stddev_pop", "stddev_samp", whole)?, input),
        AggExpr::Var(input, ddof) => (by_ddof(*ddof, "var_pop", "var_samp", whole)?, input),
        AggExpr::Implode { input, .. } => ("collect_list", input),
        AggExpr::Item { .. } | AggExpr::AggGroups(_) => return Err(refuse(whole, "")),
    };
    let (input, filter) = without_filter(input)?;
    let argument = match function {
        AggExpr::Count {
            include_nulls: true,
            ..
        } => Ast::star(),
        _ => to_ast(input)?,
    };
    Ok(Ast::new(AstKind::Call(Box::new(AstCall {
        name: name.to_owned(),
        arguments: vec![argument],
        is_distinct: matches!(function, AggExpr::NUnique(_)),
        filter: filter.map(Box::new),
        ignores_nulls: matches!(function, AggExpr::FirstNonNull(_) | AggExpr::LastNonNull(_)),
        ..AstCall::default()
    }))))
}

/// `any()`, `all()` and other aggregates that polars counts among its functions.
pub(super) fn of_inputs(name: &str, inputs: &[Expr]) -> Result<Ast> {
    let mut filter = None;
    let mut arguments = vec![];
    for (index, input) in inputs.iter().enumerate() {
        let (input, filtered) = if index == 0 {
            without_filter(input)?
        } else {
            (input, None)
        };
        filter = filter.or(filtered);
        arguments.push(to_ast(input)?);
    }
    Ok(Ast::new(AstKind::Call(Box::new(AstCall {
        name: name.to_owned(),
        arguments,
        filter: filter.map(Box::new),
        ..AstCall::default()
    }))))
}

/// `quantile(q, Linear)` is `percentile(x, q)`.
pub(super) fn quantile(inputs: &[Expr], method: QuantileMethod, whole: &Expr) -> Result<Ast> {
    match method {
        QuantileMethod::Linear => of_inputs("percentile", inputs),
        _ => Err(refuse(
            whole,
            "use QuantileMethod::Linear, or call(\"approx_percentile\", …)",
        )),
    }
}

/// The number of nulls: `count_if(x IS NULL)`.
pub(super) fn null_count(input: &Expr) -> Result<Ast> {
    Ok(Ast::call(
        "count_if",
        vec![Ast::call("isnull", vec![to_ast(input)?])],
    ))
}

/// Splits `input.filter(predicate)`.
fn without_filter(input: &Expr) -> Result<(&Expr, Option<Ast>)> {
    match input {
        Expr::Filter { input, by } => Ok((input, Some(to_ast(by)?))),
        _ => Ok((input, None)),
    }
}

/// The name by the degrees of freedom taken away.
fn by_ddof(
    ddof: u8,
    population: &'static str,
    sample: &'static str,
    whole: &Expr,
) -> Result<&'static str> {
    match ddof {
        0 => Ok(population),
        1 => Ok(sample),
        _ => Err(refuse(whole, "use ddof 0 (population) or 1 (sample)")),
    }
}
