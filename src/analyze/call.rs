//! Calls: which function a name stands for, in which order its arguments come, and which casts they need.
//!
//! Order of search: the forms of [`super::form`], time windows, scalar functions, aggregates, casts by type name (`bigint(x)`). What none of
//! them knows is `UNRESOLVED_ROUTINE`.

use crate::analyze::column::{quoted, same_name};
use crate::analyze::lambda::lambda_positions;
use crate::analyze::{Analyzer, Place, cast_to, date_shift, mismatch, time_window};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstCall, AstKind, Expr, ExprKind, ONLY_ROW, Over, call_units};
use crate::function::user::{ScalarUdf, UserFunction};
use crate::function::{AggregateFunction, ScalarFunction, Signature, registry};
use crate::options::nearest;
use crate::types::{self, TypeUnits};
use arrow::datatypes::DataType;
use std::borrow::Cow;
use std::sync::Arc;

/// What `UNPIVOT` is made of: as `stack`, but the values of a column may be of several types that have one in common.
pub(crate) const UNPIVOT: &str = "__unpivot";

/// Functions that give several rows: allowed at the top of a `SELECT` list and in `LATERAL VIEW`.
const GENERATORS: &[&str] = &[
    "explode",
    "explode_outer",
    "posexplode",
    "posexplode_outer",
    "inline",
    "inline_outer",
    "stack",
    UNPIVOT,
    "json_tuple",
    "variant_explode",
    "variant_explode_outer",
];

/// Functions whose parameters have names in Spark too.
const NAMED_IN_SPARK: &[&str] = &[
    "count_min_sketch",
    "explode",
    "explode_outer",
    "inline",
    "inline_outer",
    "mask",
    "posexplode",
    "posexplode_outer",
    "variant_explode",
    "variant_explode_outer",
];

/// Whether a call of this name is resolved without the registry: forms, generators, time windows, casts by type name.
pub(crate) fn is_form(name: &str) -> bool {
    super::form::NAMES.contains(&name)
        || is_generator(name)
        || matches!(name, "window" | "session_window" | "window_time")
        || type_of_name(name).is_some()
}

/// Whether the call is one of a generator.
pub(crate) fn is_generator(name: &str) -> bool {
    GENERATORS.contains(&name)
}

impl Analyzer<'_> {
    pub(super) fn resolve_call(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        if let Some(over) = &call.over {
            return self.resolve_over_rows(ast, call, over);
        }
        match &call.user {
            Some(UserFunction::Scalar(function)) => {
                refuse_modifiers(call)?;
                return self.resolve_user(function, ast, call);
            }
            Some(UserFunction::Aggregate(function)) => {
                let function: Arc<dyn AggregateFunction> = function.clone();
                return self.resolve_aggregate(&function, ast, call);
            }
            None => {}
        }
        if let Some(resolved) = self.resolve_form(ast, call) {
            refuse_modifiers(call)?;
            return resolved;
        }
        if time_window::is_window_call(call) {
            return self.resolve_window(call);
        }
        if is_generator(&call.name) {
            return Err(self.refuse_generator(ast));
        }
        if let Some(function) = registry::scalar(&call.name)
            && (!call.name.starts_with("__") || call.name == ONLY_ROW)
        {
            refuse_modifiers(call)?;
            return self.resolve_scalar(&function, ast, call);
        }
        if let Some(function) = registry::aggregate(&call.name) {
            return self.resolve_aggregate(&function, ast, call);
        }
        if let Some(function) = crate::function::over::find(&call.name) {
            return Err(super::over::without_over(function));
        }
        self.resolve_other(ast, call)
    }

    /// A cast by type name, or a call that nothing is known of. Not where calls are told apart, whose frame must stay small: calls nest.
    fn resolve_other(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        if let Some(data_type) = type_of_name(&call.name)
            && let [input] = &call.arguments[..]
        {
            refuse_modifiers(call)?;
            let cast = AstKind::Cast {
                input: Box::new(input.clone()),
                data_type,
                units: TypeUnits::default(),
                is_try: false,
            };
            return self.resolve(&Ast::new(cast).at(ast.span));
        }
        if self.is_streaming
            && call
                .name
                .eq_ignore_ascii_case("monotonically_increasing_id")
        {
            return Err(Error::invalid("Expression(s): monotonically_increasing_id() is not supported with streaming DataFrames/Datasets: use uuid(), or an offset of the source")
                .with_span(ast.span));
        }
        Err(unresolved_routine(&call.name))
    }

    /// A call of a function of the session.
    fn resolve_user(
        &mut self,
        function: &Arc<ScalarUdf>,
        ast: &Ast,
        call: &AstCall,
    ) -> Result<Expr> {
        let arguments = self.resolve_all(&in_order(call, &function.usage())?)?;
        let signature = function
            .resolve(&arguments)
            .map_err(|error| with_expression(error, &self.text(ast)))?;
        let arguments = coerced(arguments, &signature, function.name())?;
        Ok(Expr {
            data_type: signature.returns,
            units: TypeUnits::default(),
            is_nullable: signature.is_nullable,
            span: crate::error::Span::NOWHERE,
            kind: ExprKind::UserCall(Arc::clone(function), arguments),
        })
    }

    fn resolve_scalar(
        &mut self,
        function: &Arc<ScalarFunction>,
        ast: &Ast,
        call: &AstCall,
    ) -> Result<Expr> {
        let arguments = in_order(call, function.usage)?;
        refuse_stars(call, &arguments)?;
        let takes_lambdas = lambda_positions(&call.name)
            .iter()
            .any(|position| *position < arguments.len());
        let resolved = if takes_lambdas || has_lambda(&arguments) {
            self.resolve_higher_order(&call.name, &arguments)?
        } else {
            self.resolve_all(&arguments)?
        };
        apply(function, resolved, || self.text(ast))
    }

    /// A function over rows; as in Spark, what is wrong with it anyway is said before that streams have none.
    fn resolve_over_rows(&mut self, ast: &Ast, call: &AstCall, over: &Over) -> Result<Expr> {
        let resolved = self.resolve_over(ast, call, over)?;
        if self.is_streaming {
            return Err(self.refuse_over(ast, call));
        }
        Ok(resolved)
    }

    /// What is said about `OVER` on a stream.
    fn refuse_over(&self, ast: &Ast, call: &AstCall) -> Error {
        let function = AstCall {
            over: None,
            ..call.clone()
        };
        let text = self.text(&Ast::new(AstKind::Call(Box::new(function))).at(ast.span));
        let column = self.output_name.clone().unwrap_or_else(|| text.clone());
        Error::invalid(format!(
            "window function is not supported in {} (as column `{column}`) on streaming DataFrames/Datasets. Group by a time window, window(time, '10 seconds'), instead",
            text.to_uppercase()
        ))
        .with_condition("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING")
    }

    /// What is said about a generator inside an expression, or where there is no list of columns.
    fn refuse_generator(&self, ast: &Ast) -> Error {
        let text = self.text(ast);
        if matches!(self.place, Place::Projection | Place::AggregateArgument) {
            return Error::invalid(format!(
                "the generator is not supported: nested in expressions \"{text}\""
            ))
            .with_condition("UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS");
        }
        let condition = match self.place {
            Place::GroupBy => "UNSUPPORTED_EXPR_FOR_OPERATOR",
            _ => "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT",
        };
        Error::invalid(format!(
            "the generator is not supported: outside the SELECT clause, found: \"{text}\""
        ))
        .with_condition(condition)
    }
}

/// A call of `function`, its arguments cast to what it wants. `text` is what messages call it.
pub(super) fn apply(
    function: &Arc<ScalarFunction>,
    arguments: Vec<Expr>,
    text: impl Fn() -> String,
) -> Result<Expr> {
    if let Some(shifted) = date_shift::shifted(function, &arguments, &text) {
        return shifted;
    }
    refuse_other_units(function.name, &arguments)
        .map_err(|error| with_expression(error, &text()))?;
    let arguments = without_intervals(function.name, arguments);
    let signature =
        (function.resolve)(&arguments).map_err(|error| with_expression(error, &text()))?;
    let units = call_units(function.name, &arguments, &signature.returns);
    let arguments = coerced(arguments, &signature, function.name)?;
    Ok(Expr {
        data_type: signature.returns,
        units,
        is_nullable: signature.is_nullable,
        span: crate::error::Span::NOWHERE,
        kind: ExprKind::Call(Arc::clone(function), arguments),
    })
}

/// The arguments of functions that do not know of intervals and their units, with something else in the place of intervals: text for those
/// that write values as text by themselves, numbers for those that ask only how large values are.
fn without_intervals(name: &str, arguments: Vec<Expr>) -> Vec<Expr> {
    let adapted: fn(Expr) -> Expr = match name {
        "to_json" | "to_csv" | "concat_ws" => as_text,
        "sign" | "signum" => as_number,
        _ => return arguments,
    };
    arguments.into_iter().map(adapted).collect()
}

fn as_text(expr: Expr) -> Expr {
    match types::with_text_intervals(&expr.data_type) {
        Some(data_type) => cast_to(expr, &data_type),
        None => expr,
    }
}

/// An interval as its length in months or seconds, whatever its units.
fn as_number(expr: Expr) -> Expr {
    if !types::is_ansi_interval(&expr.data_type) {
        return expr;
    }
    let exact = cast_to(
        expr.with_units(TypeUnits::default()),
        &DataType::Decimal128(25, 6),
    );
    cast_to(exact, &DataType::Float64)
}

/// Functions that look for an element in an array, or add one, only if it has exactly the type of the elements.
const OF_ELEMENT: &[&str] = &[
    "array_append",
    "array_prepend",
    "array_contains",
    "array_position",
    "array_remove",
];

/// Intervals of other units than those of the elements are of another type.
fn refuse_other_units(name: &str, arguments: &[Expr]) -> Result<()> {
    match arguments {
        [array, element]
            if OF_ELEMENT.contains(&name)
                && element.data_type != DataType::Null
                && types::has_interval(&element.data_type)
                && array.units != element.units =>
        {
            Err(Error::invalid(format!(
                "input to `{name}` should have been an array followed by a value with the same element type, but it's [\"{}\", \"{}\"]",
                array.sql_type(),
                element.sql_type()
            ))
            .with_condition("DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES"))
        }
        _ => Ok(()),
    }
}

/// A call of the registered function `name` that nobody wrote.
pub(crate) fn apply_named(
    name: &str,
    arguments: Vec<Expr>,
    text: impl Fn() -> String,
) -> Result<Expr> {
    apply(&required(name)?, arguments, text)
}

/// `DISTINCT`, `FILTER`, … belong to aggregates.
fn refuse_modifiers(call: &AstCall) -> Result<()> {
    let what = if call.is_distinct {
        "DISTINCT"
    } else if call.filter.is_some() {
        "FILTER clause"
    } else if call.ignores_nulls {
        "IGNORE NULLS"
    } else if !call.within_group.is_empty() {
        "WITHIN GROUP (ORDER BY ...)"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!(
        "the function `{}` does not support {what}",
        call.name
    ))
    .with_condition("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX"))
}

/// The registered function `name`, which this library itself needs.
pub(crate) fn required(name: &str) -> Result<Arc<ScalarFunction>> {
    registry::scalar(name).ok_or_else(|| {
        Error::internal(format!(
            "a function is missing in the registry. name=`{name}`"
        ))
    })
}

/// Casts each argument to the type that the function wants.
pub(super) fn coerced(
    arguments: Vec<Expr>,
    signature: &Signature,
    name: &str,
) -> Result<Vec<Expr>> {
    if arguments.len() != signature.arguments.len() {
        return Err(Error::internal(format!(
            "a function asked for a number of arguments that it was not given. name=`{name}`"
        )));
    }
    Ok(arguments
        .into_iter()
        .zip(&signature.arguments)
        .map(|(argument, data_type)| cast_to(argument, data_type))
        .collect())
}

/// A type error of a function, completed with the expression it is about.
pub(super) fn with_expression(error: Error, text: &str) -> Error {
    let Some(which) = error
        .condition()
        .and_then(|condition| condition.strip_prefix("DATATYPE_MISMATCH."))
    else {
        return error;
    };
    if error.message().contains("due to data type mismatch") {
        return error;
    }
    mismatch(which, text, error.message()).with_span(error.span())
}

/// `UNRESOLVED_ROUTINE`, with the nearest known name.
pub(super) fn unresolved_routine(name: &str) -> Error {
    let known = registry::scalar_functions()
        .map(|function| function.name)
        .chain(registry::aggregate_functions().map(|function| function.name()))
        .chain(registry::aliases().map(|(alias, _)| alias))
        .filter(|known| !known.starts_with("__"));
    // Names that only begin alike are no help.
    let is_near = |near: &&str| strsim::levenshtein(name, near) <= name.len() / 3;
    let hint = nearest(name, known).filter(is_near).map_or_else(
        || ". A function of a program must be registered in the session first".to_owned(),
        |near| format!(". Did you mean `{near}`?"),
    );
    Error::invalid(format!(
        "cannot resolve routine {} on search path [`system`.`builtin`, `system`.`session`]{hint}",
        quoted(&[name.to_owned()])
    ))
    .with_condition("UNRESOLVED_ROUTINE")
}

/// Functions take stars, operators do not.
fn refuse_stars(call: &AstCall, arguments: &[Ast]) -> Result<()> {
    let is_function = call
        .name
        .starts_with(|first: char| first.is_alphabetic() || first == '_');
    if is_function
        || !arguments
            .iter()
            .any(|one| matches!(one.kind, AstKind::Star(_)))
    {
        return Ok(());
    }
    let message = format!("`*` cannot be an operand of `{}`", call.name);
    Err(Error::invalid(message).with_condition("INVALID_USAGE_OF_STAR_OR_REGEX"))
}

fn has_lambda(arguments: &[Ast]) -> bool {
    arguments
        .iter()
        .any(|argument| matches!(argument.kind, AstKind::Lambda(..)))
}

/// The arguments in the order of the function's own parameters, which stand in its usage line: `f(a, b[, c])`.
pub(crate) fn in_order<'a>(call: &'a AstCall, usage: &str) -> Result<Cow<'a, [Ast]>> {
    if call.argument_names.iter().all(Option::is_none) {
        return Ok(Cow::Borrowed(&call.arguments));
    }
    let parameters = parameters_of(usage);
    let mut slots: Vec<Option<Ast>> = vec![None; parameters.len().max(call.arguments.len())];
    for (position, (argument, name)) in call.arguments.iter().zip(&call.argument_names).enumerate()
    {
        let target = match name {
            None => position,
            Some(name) => parameters
                .iter()
                .position(|parameter| same_name(parameter, name))
                .ok_or_else(|| unknown_parameter(&call.name, name, &parameters))?,
        };
        let slot = slots
            .get_mut(target)
            .ok_or_else(|| Error::internal("an argument has no place"))?;
        if slot.replace(argument.clone()).is_some() {
            return Err(Error::invalid(format!(
                "the function `{}` got an argument twice. argument=`{}`",
                call.name,
                parameters.get(target).map_or("", String::as_str)
            ))
            .with_condition(
                "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
            ));
        }
    }
    let given = slots
        .iter()
        .rposition(Option::is_some)
        .map_or(0, |last| last + 1);
    slots.truncate(given);
    slots
        .into_iter()
        .enumerate()
        .map(|(position, slot)| {
            slot.ok_or_else(|| {
                Error::invalid(format!(
                    "the function `{}` misses an argument before a named one. argument=`{}`",
                    call.name,
                    parameters.get(position).map_or("", String::as_str)
                ))
                .with_condition("REQUIRED_PARAMETER_NOT_FOUND")
            })
        })
        .collect::<Result<Vec<_>>>()
        .map(Cow::Owned)
}

fn unknown_parameter(function: &str, name: &str, parameters: &[String]) -> Error {
    let condition = if NAMED_IN_SPARK.contains(&function) {
        "UNRECOGNIZED_PARAMETER_NAME"
    } else {
        "NAMED_PARAMETERS_NOT_SUPPORTED"
    };
    Error::invalid(format!(
        "the function `{function}` has no parameter of this name, it takes ({}). argument=`{name}`",
        parameters.join(", ")
    ))
    .with_condition(condition)
}

/// The names between the parentheses of a usage line.
fn parameters_of(usage: &str) -> Vec<String> {
    let inner = usage
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'))
        .map_or("", |(inner, _)| inner);
    inner
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The type that a function of this name casts to: `bigint(x)`, `date(x)`, ….
fn type_of_name(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "decimal" => DataType::Decimal128(10, 0),
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => types::timestamp(),
        "timestamp_ntz" => types::timestamp_ntz(),
        _ => return None,
    })
}

/// `UNEXPECTED_INPUT_TYPE` of an argument.
pub(super) fn unexpected_input(
    text: &str,
    position: &str,
    wanted: &str,
    (input, found): (&str, &Expr),
) -> Error {
    mismatch(
        "UNEXPECTED_INPUT_TYPE",
        text,
        &format!(
            "the {position} parameter requires the \"{wanted}\" type, however \"{input}\" has the type \"{}\"",
            found.sql_type()
        ),
    )
}
