//! polars expressions become ours: [`to_ast`] reads a polars [`Expr`] and writes the [`Ast`] that SQL text of the same
//! meaning gives.
//!
//! The notation is polars's, the semantics are Spark's, as everywhere in a plan:
//! - `a / b` of integers is a double, overflow and division by zero end the query, `a % b` has the sign of `a`.
//! - `col("e.user")` is the path `e.user`, as in Spark, and `col("e.*")` all columns or fields of `e`; a name that holds a dot is
//!   written `` col("`e.user`") ``.
//! - `cast` makes null of what cannot be cast (`TRY_CAST`), `strict_cast` ends the query (`CAST`).
//! - Positions count as polars counts them (`str().slice(0, 3)`), patterns are regular expressions unless `literal` says otherwise.
//! - A column without `alias` is called what Spark calls it: `sum(v)`, not `v`.
//!
//! What has no counterpart (windows over rows, sorting, gathering, closures, …) is refused with its own text.
//!
//! One file for each family: literals, selectors of columns, functions of a row ([`scalar`], with strings and times apart), aggregates.

mod aggregate;
mod literal;
mod scalar;
mod selector;
mod string;
mod temporal;

use crate::arrow_bridge::from_polars_type;
use crate::error::{Error, Result};
use crate::expr::{Ast, AstCall, AstKind};
use crate::functions::{CAST, Carried, LAMBDA, SQL, TRY_CAST, carried};
use crate::plan::PlanSchema;
use crate::types;
use crate::types::TypeUnits;
use arrow::datatypes::DataType;
use polars::chunked_array::cast::CastOptions;
use polars::prelude::{DataTypeExpr, Expr, Operator, Selector};

/// The expressions that polars expressions stand for over these columns: a selector of several columns gives several.
///
/// # Errors
///
/// `Invalid`, naming the expression that is not supported and, where there is one, what to write instead.
pub(crate) fn to_asts(expressions: &[Expr], columns: &PlanSchema) -> Result<Vec<Ast>> {
    let mut asts = vec![];
    for expression in expressions {
        for single in selector::expand(expression, columns)? {
            asts.push(to_ast(&single)?);
        }
    }
    Ok(asts)
}

/// The expression that a polars expression stands for.
///
/// # Errors
///
/// As [`to_asts`].
pub(crate) fn to_ast(expression: &Expr) -> Result<Ast> {
    if let Some(call) = carried(expression) {
        return carried_call(call);
    }
    match expression {
        Expr::Column(name) => match name.strip_suffix(".*") {
            Some(qualifier) => Ok(Ast::new(AstKind::Star(path_of(qualifier)?))),
            None => Ok(Ast::new(AstKind::Name(path_of(name)?))),
        },
        Expr::Selector(Selector::Wildcard) => Ok(Ast::star()),
        Expr::Literal(value) => literal::literal(value),
        Expr::Alias(input, name) => Ok(to_ast(input)?.alias(name)),
        Expr::KeepName(input) => {
            let name = selector::root_name(input, expression)?;
            Ok(to_ast(input)?.alias(&name))
        }
        Expr::RenameAlias {
            expr: input,
            function,
        } => {
            let root = selector::root_name(input, expression)?;
            let name = function.call(&root).map_err(|_| refuse(expression, ""))?;
            Ok(to_ast(input)?.alias(&name))
        }
        Expr::BinaryExpr { left, op, right } => binary(*op, left, right, expression),
        Expr::Cast {
            expr,
            dtype,
            options,
        } => cast(expr, dtype, *options, expression),
        Expr::Ternary {
            predicate,
            truthy,
            falsy,
        } => case(predicate, truthy, falsy),
        Expr::Function { input, function } => scalar::function(input, function, expression),
        Expr::Explode { input, options } => {
            let name = match (options.empty_as_null, options.keep_nulls) {
                (true, true) => "explode_outer",
                (false, false) => "explode",
                _ => {
                    return Err(refuse(
                        expression,
                        "keep both nulls and empty lists, or neither",
                    ));
                }
            };
            Ok(Ast::call(name, vec![to_ast(input)?]))
        }
        Expr::Agg(function) => aggregate::aggregate(function, expression),
        Expr::Len => Ok(Ast::call("count", vec![Ast::star()])),
        Expr::Filter { .. } => Err(refuse(
            expression,
            "filter() belongs inside an aggregate, as in col(\"v\").filter(…).sum()",
        )),
        Expr::Over { .. } => Err(refuse(expression, "a stream has no windows over rows")),
        Expr::Sort { .. } | Expr::SortBy { .. } => {
            Err(refuse(expression, "sort the frame with order_by"))
        }
        Expr::AnonymousFunction { .. } => Err(refuse(
            expression,
            "closures over columns belong into foreach_batch",
        )),
        _ => Err(refuse(expression, "")),
    }
}

/// A call that `crate::functions` made.
fn carried_call(carried: Carried<'_>) -> Result<Ast> {
    let arguments = carried.arguments;
    match (carried.name, arguments) {
        (SQL, [text]) => crate::sql::parse_expression(&literal::text(text)?),
        (CAST | TRY_CAST, [input, data_type]) => {
            let (data_type, units) = types::parse_type_with_units(&literal::text(data_type)?)?;
            Ok(Ast::new(AstKind::Cast {
                input: Box::new(to_ast(input)?),
                data_type,
                units,
                is_try: carried.name == TRY_CAST,
            }))
        }
        (LAMBDA, [parameters @ .., body]) => {
            let parameters = parameters
                .iter()
                .map(literal::text)
                .collect::<Result<_>>()?;
            Ok(Ast::new(AstKind::Lambda(
                parameters,
                Box::new(to_ast(body)?),
            )))
        }
        (name, arguments) => Ok(Ast::new(AstKind::Call(Box::new(AstCall {
            name: name.to_owned(),
            arguments: to_ast_list(arguments)?,
            is_distinct: carried.is_distinct,
            ..AstCall::default()
        })))),
    }
}

/// A binary operator.
fn binary(operator: Operator, left: &Expr, right: &Expr, whole: &Expr) -> Result<Ast> {
    let name = match operator {
        Operator::Eq => "=",
        Operator::NotEq => "!=",
        Operator::EqValidity | Operator::NotEqValidity => "<=>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::RustDivide | Operator::TrueDivide => "/",
        Operator::Modulus => "%",
        Operator::And | Operator::LogicalAnd => "and",
        Operator::Or | Operator::LogicalOr => "or",
        Operator::Xor => "^",
        Operator::FloorDivide => {
            return Err(refuse(
                whole,
                "call(\"div\", …) divides integers, towards zero; call(\"floor\", …) rounds down",
            ));
        }
    };
    let compared = Ast::call(name, vec![to_ast(left)?, to_ast(right)?]);
    Ok(match operator {
        Operator::NotEqValidity => Ast::call("not", vec![compared]),
        _ => compared,
    })
}

/// A cast to a polars type.
fn cast(input: &Expr, data_type: &DataTypeExpr, options: CastOptions, whole: &Expr) -> Result<Ast> {
    let DataTypeExpr::Literal(data_type) = data_type else {
        return Err(refuse(whole, "name the type"));
    };
    let data_type = from_polars_type(data_type)?;
    let is_try = match options {
        CastOptions::Strict => false,
        CastOptions::NonStrict => true,
        CastOptions::Overflowing => return Err(refuse(whole, "overflow never wraps around")),
    };
    Ok(Ast::new(AstKind::Cast {
        input: Box::new(to_ast(input)?),
        data_type,
        units: TypeUnits::default(),
        is_try,
    }))
}

/// `when(…).then(…)` chains; what stands in `otherwise` and is a `when` again is another branch.
fn case(predicate: &Expr, truthy: &Expr, falsy: &Expr) -> Result<Ast> {
    let mut branches = vec![(to_ast(predicate)?, to_ast(truthy)?)];
    let mut rest = falsy;
    while let Expr::Ternary {
        predicate,
        truthy,
        falsy,
    } = rest
    {
        branches.push((to_ast(predicate)?, to_ast(truthy)?));
        rest = falsy;
    }
    let otherwise = match rest {
        Expr::Literal(value) if value.is_null() => None,
        _ => Some(Box::new(to_ast(rest)?)),
    };
    Ok(Ast::new(AstKind::Case {
        branches,
        otherwise,
    }))
}

/// The parts of a column's name as Spark reads it: dots separate, backticks quote (a doubled one stands for itself).
///
/// # Errors
///
/// `INVALID_ATTRIBUTE_NAME_SYNTAX`: an empty part, a backtick that is not closed or stands inside a part.
pub(crate) fn path_of(name: &str) -> Result<Vec<String>> {
    let malformed = || {
        Error::invalid(format!(
            "a column's name is malformed, check its dots and backticks. name=`{name}`"
        ))
        .with_condition("INVALID_ATTRIBUTE_NAME_SYNTAX")
    };
    let mut parts = vec![];
    let mut rest = name;
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('`') {
            quoted_part(quoted).ok_or_else(malformed)?
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            (part.to_owned(), after)
        };
        if part.is_empty() || (part.contains('`') && !rest.starts_with('`')) {
            return Err(malformed());
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(malformed()),
        }
    }
}

/// What stands in backticks, and what follows the closing one.
fn quoted_part(quoted: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let (text, after) = rest.split_once('`')?;
        part.push_str(text);
        match after.strip_prefix('`') {
            Some(next) => {
                part.push('`');
                rest = next;
            }
            None => return Some((part, after)),
        }
    }
}

/// Each of a list.
fn to_ast_list(expressions: &[Expr]) -> Result<Vec<Ast>> {
    expressions.iter().map(to_ast).collect()
}

/// `CAST(input AS data_type)`.
fn cast_to(input: Ast, data_type: DataType) -> Ast {
    Ast::new(AstKind::Cast {
        input: Box::new(input),
        data_type,
        units: TypeUnits::default(),
        is_try: false,
    })
}

/// The error for an expression that has no counterpart, and what to do instead.
fn refuse(expression: &Expr, instead: &str) -> Error {
    let hint = if instead.is_empty() {
        String::new()
    } else {
        format!(": {instead}")
    };
    Error::invalid(format!(
        "this polars expression is not supported{hint}. expression=`{expression:?}`"
    ))
    .with_condition("UNSUPPORTED_EXPRESSION")
}

#[cfg(test)]
mod tests;
