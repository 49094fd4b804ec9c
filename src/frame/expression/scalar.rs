//! Functions of one row: polars's function expressions by Spark's names. Strings and times have files of their own.

use super::{aggregate, literal, refuse, string, temporal, to_ast, to_ast_list};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use polars::prelude::{
    BooleanFunction, Expr, FunctionExpr, ListFunction, PowFunction, RoundMode, StructFunction,
};

/// A function expression. `whole` is the expression it was taken from, for messages.
pub(super) fn function(inputs: &[Expr], function: &FunctionExpr, whole: &Expr) -> Result<Ast> {
    let name = match function {
        FunctionExpr::Boolean(function) => return boolean(inputs, function, whole),
        FunctionExpr::StringExpr(function) => return string::function(inputs, function, whole),
        FunctionExpr::TemporalExpr(function) => return temporal::function(inputs, function, whole),
        FunctionExpr::ListExpr(function) => return list(inputs, function, whole),
        FunctionExpr::StructExpr(function) => return structure(inputs, function, whole),
        FunctionExpr::Quantile { method } => return aggregate::quantile(inputs, *method, whole),
        FunctionExpr::NullCount => return aggregate::null_count(one(inputs)?),
        FunctionExpr::MinBy => return aggregate::of_inputs("min_by", inputs),
        FunctionExpr::MaxBy => return aggregate::of_inputs("max_by", inputs),
        FunctionExpr::Round { decimals, mode } => return round(inputs, *decimals, *mode, whole),
        FunctionExpr::Clip { has_min, has_max } => return clip(inputs, *has_min, *has_max),
        FunctionExpr::AsStruct => return as_struct(inputs),
        FunctionExpr::Pow(PowFunction::Generic) => "power",
        FunctionExpr::Pow(PowFunction::Sqrt) => "sqrt",
        FunctionExpr::Pow(PowFunction::Cbrt) => "cbrt",
        FunctionExpr::Abs => "abs",
        FunctionExpr::Negate => "-",
        FunctionExpr::Floor => "floor",
        FunctionExpr::Ceil => "ceil",
        FunctionExpr::FillNull | FunctionExpr::Coalesce => "coalesce",
        FunctionExpr::MaxHorizontal => "greatest",
        FunctionExpr::MinHorizontal => "least",
        FunctionExpr::AsList => "array",
        FunctionExpr::SumHorizontal {
            ignore_nulls: false,
        } => return chain("+", inputs),
        _ => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(name, to_ast_list(inputs)?))
}

/// Predicates.
fn boolean(inputs: &[Expr], function: &BooleanFunction, whole: &Expr) -> Result<Ast> {
    let name = match function {
        BooleanFunction::IsNull => "isnull",
        BooleanFunction::IsNotNull => "isnotnull",
        BooleanFunction::IsNan => "isnan",
        BooleanFunction::Not => "not",
        BooleanFunction::IsNotNan => {
            return Ok(Ast::call(
                "not",
                vec![Ast::call("isnan", to_ast_list(inputs)?)],
            ));
        }
        BooleanFunction::AllHorizontal => return chain("and", inputs),
        BooleanFunction::AnyHorizontal => return chain("or", inputs),
        BooleanFunction::Any { ignore_nulls: true } => {
            return aggregate::of_inputs("bool_or", inputs);
        }
        BooleanFunction::All { ignore_nulls: true } => {
            return aggregate::of_inputs("bool_and", inputs);
        }
        BooleanFunction::Any { .. } | BooleanFunction::All { .. } => {
            return Err(refuse(
                whole,
                "aggregates pass over nulls, so say ignore_nulls",
            ));
        }
        BooleanFunction::IsIn { nulls_equal } => return is_in(inputs, *nulls_equal, whole),
        _ => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(name, to_ast_list(inputs)?))
}

/// `x IN (constants)`, or `array_contains(list, x)` for a list that is computed.
fn is_in(inputs: &[Expr], nulls_equal: bool, whole: &Expr) -> Result<Ast> {
    let [value, within] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    if nulls_equal {
        return Err(refuse(
            whole,
            "IN never finds null, so say nulls_equal = false",
        ));
    }
    let value = to_ast(value)?;
    match literal::list(within)? {
        Some(constants) => {
            let arguments = std::iter::once(value).chain(constants).collect();
            Ok(Ast::call("in", arguments))
        }
        None => Ok(Ast::call("array_contains", vec![to_ast(within)?, value])),
    }
}

/// Rounding: half away from zero is Spark's `round`, half to even its `bround`.
fn round(inputs: &[Expr], decimals: u32, mode: RoundMode, whole: &Expr) -> Result<Ast> {
    let name = match mode {
        RoundMode::HalfAwayFromZero => "round",
        RoundMode::HalfToEven => "bround",
        RoundMode::ToZero => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(
        name,
        vec![
            to_ast(one(inputs)?)?,
            literal::of_number(i64::from(decimals)),
        ],
    ))
}

/// `clip`: null stays null, a bound that is null does not bind.
fn clip(inputs: &[Expr], has_min: bool, has_max: bool) -> Result<Ast> {
    let mut inputs = inputs.iter().map(to_ast);
    let mut next = || {
        inputs
            .next()
            .unwrap_or_else(|| Err(Error::internal("clip without its bounds")))
    };
    let value = next()?;
    let mut branches = vec![];
    if has_min {
        let bound = next()?;
        branches.push((Ast::call("<", vec![value.clone(), bound.clone()]), bound));
    }
    if has_max {
        let bound = next()?;
        branches.push((Ast::call(">", vec![value.clone(), bound.clone()]), bound));
    }
    Ok(Ast::new(AstKind::Case {
        branches,
        otherwise: Some(Box::new(value)),
    }))
}

/// `as_struct`: every field needs a name of its own.
fn as_struct(inputs: &[Expr]) -> Result<Ast> {
    let mut arguments = vec![];
    for input in inputs {
        let (name, value) = match to_ast(input)? {
            Ast {
                kind: AstKind::Alias(value, names),
                ..
            } => (names.concat(), *value),
            value => match &value.kind {
                AstKind::Name(path) => (path.last().cloned().unwrap_or_default(), value),
                AstKind::Field(_, name) => (name.clone(), value),
                _ => return Err(refuse(input, "name the field of a struct with alias")),
            },
        };
        arguments.extend([Ast::string(&name), value]);
    }
    Ok(Ast::call("named_struct", arguments))
}

/// Lists.
fn list(inputs: &[Expr], function: &ListFunction, whole: &Expr) -> Result<Ast> {
    let name = match function {
        ListFunction::Concat => "concat",
        ListFunction::Contains { nulls_equal: false } => "array_contains",
        ListFunction::Length => "array_size",
        ListFunction::Max => "array_max",
        ListFunction::Min => "array_min",
        ListFunction::Get(true) => "get",
        ListFunction::Get(false) => {
            let [input, index] = inputs else {
                return Err(wrong_number_of_inputs(whole));
            };
            let (input, index) = (Box::new(to_ast(input)?), Box::new(to_ast(index)?));
            return Ok(Ast::new(AstKind::Index(input, index)));
        }
        ListFunction::Join(true) => "array_join",
        ListFunction::Join(false) => {
            return Err(refuse(
                whole,
                "array_join passes over nulls, so say ignore_nulls",
            ));
        }
        ListFunction::Sort(options) if options.descending == options.nulls_last => {
            let descending = Ast::new(AstKind::Literal(std::sync::Arc::new(
                arrow::array::BooleanArray::from(vec![!options.descending]),
            )));
            return Ok(Ast::call(
                "sort_array",
                vec![to_ast(one(inputs)?)?, descending],
            ));
        }
        ListFunction::Sort(_) => {
            return Err(refuse(
                whole,
                "nulls are the least: first if ascending, last if descending",
            ));
        }
        _ => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(name, to_ast_list(inputs)?))
}

/// Structs.
fn structure(inputs: &[Expr], function: &StructFunction, whole: &Expr) -> Result<Ast> {
    let input = one(inputs)?;
    match function {
        StructFunction::FieldByName(name) => Ok(match to_ast(input)? {
            Ast {
                kind: AstKind::Name(mut path),
                span,
            } => {
                path.push(name.to_string());
                Ast {
                    kind: AstKind::Name(path),
                    span,
                }
            }
            other => Ast::new(AstKind::Field(Box::new(other), name.to_string())),
        }),
        _ => Err(refuse(whole, "")),
    }
}

/// `a op b op c`.
fn chain(operator: &str, inputs: &[Expr]) -> Result<Ast> {
    let mut inputs = inputs.iter().map(to_ast);
    let first = inputs
        .next()
        .unwrap_or_else(|| Err(Error::invalid("an expression over no columns")))?;
    inputs.try_fold(first, |left, right| {
        Ok(Ast::call(operator, vec![left, right?]))
    })
}

/// The only input.
pub(super) fn one(inputs: &[Expr]) -> Result<&Expr> {
    inputs
        .first()
        .ok_or_else(|| Error::internal("a polars function without its input"))
}

/// polars builds such an expression only with other numbers of inputs.
pub(super) fn wrong_number_of_inputs(whole: &Expr) -> Error {
    refuse(whole, "it has another number of inputs than expected")
}
