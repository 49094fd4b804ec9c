//! Lambdas: `x -> x + 1` among the arguments of a higher-order function, which decides the types of the parameters.
//!
//! In the body, parameter `i` is column `outer columns + i`, after the columns of the input and the parameters of the lambdas
//! around it.

use crate::analyze::column::same_name;
use crate::analyze::{Analyzer, Parameter};
use crate::error::{Error, Result, Span};
use crate::expr::{Ast, AstKind, Expr, ExprKind};
use crate::types::{TypeUnits, map_key_value};
use arrow::datatypes::DataType;

/// A type with the units of its intervals, and whether there may be nulls.
type Slot = (DataType, TypeUnits, bool);

impl Analyzer<'_> {
    /// The arguments of a higher-order function: first those that are no lambdas, then the lambdas over them. As in Spark, another expression
    /// where a lambda is wanted is one that looks at none of its parameters.
    pub(super) fn resolve_higher_order(
        &mut self,
        function: &str,
        arguments: &[Ast],
    ) -> Result<Vec<Expr>> {
        let mut resolved: Vec<Option<Expr>> = Vec::with_capacity(arguments.len());
        let wanted = lambda_positions(function);
        for (position, argument) in arguments.iter().enumerate() {
            resolved.push(match argument.kind {
                AstKind::Lambda(..) => None,
                _ if wanted.contains(&position) => None,
                _ => Some(self.resolve(argument)?),
            });
        }
        let inputs: Vec<Slot> = resolved
            .iter()
            .flatten()
            .map(|input| {
                (
                    input.data_type.clone(),
                    input.units.clone(),
                    input.is_nullable,
                )
            })
            .collect();
        let mut ordinal = 0;
        for (slot, argument) in resolved.iter_mut().zip(arguments) {
            if slot.is_none() {
                let types = parameter_types(function, &inputs, ordinal)?;
                let (names, body) = match &argument.kind {
                    AstKind::Lambda(names, body) => (names.clone(), &**body),
                    _ => (nameless(types.len()), argument),
                };
                *slot = Some(
                    self.resolve_lambda(function, &names, body, &types)
                        .map_err(|error| error.with_span(argument.span))?,
                );
                ordinal += 1;
            }
        }
        Ok(resolved.into_iter().flatten().collect())
    }

    fn resolve_lambda(
        &mut self,
        function: &str,
        names: &[String],
        body: &Ast,
        types: &[Slot],
    ) -> Result<Expr> {
        // These two give the index of the element too, to those who ask for it.
        let may_be_fewer = matches!(function, "transform" | "filter");
        if names.len() > types.len() || (names.len() < types.len() && !may_be_fewer) {
            return Err(Error::invalid(format!(
                "a lambda of the function `{function}` has the wrong number of parameters, it gets {}. parameters=`{}`",
                types.len(),
                names.len()
            ))
            .with_condition("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH"));
        }
        let is_repeated = |(position, name): (usize, &String)| {
            let before = names.get(..position).unwrap_or_default();
            before.iter().any(|other| same_name(other, name))
        };
        if names.iter().enumerate().any(is_repeated) {
            return Err(Error::invalid(format!(
                "the parameters of a lambda have different names. parameters=`{}`",
                names.join(", ")
            ))
            .with_condition("INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES"));
        }
        let outer_columns = self.schema.columns.len() + self.parameters.len();
        let before = self.parameters.len();
        for (name, (data_type, units, is_nullable)) in names.iter().zip(types) {
            self.parameters.push(Parameter {
                name: name.clone(),
                data_type: data_type.clone(),
                units: units.clone(),
                is_nullable: *is_nullable,
            });
        }
        let body = self.resolve(body);
        self.parameters.truncate(before);
        let body = body?;
        Ok(Expr {
            data_type: body.data_type.clone(),
            units: body.units.clone(),
            is_nullable: body.is_nullable,
            span: Span::NOWHERE,
            kind: ExprKind::Lambda {
                outer_columns,
                parameters: names.len(),
                body: Box::new(body),
            },
        })
    }
}

/// Where a function takes lambdas.
pub(super) fn lambda_positions(function: &str) -> &'static [usize] {
    match function {
        "transform" | "filter" | "exists" | "any" | "forall" | "all" | "array_sort"
        | "transform_keys" | "transform_values" | "map_filter" => &[1],
        "zip_with" | "map_zip_with" => &[2],
        "aggregate" | "reduce" => &[2, 3],
        _ => &[],
    }
}

/// Names of parameters that nobody can write: parameters are found before columns.
fn nameless(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("\0{index}")).collect()
}

/// What lambda `ordinal` of a function gets, given the arguments that are no lambdas.
fn parameter_types(function: &str, inputs: &[Slot], ordinal: usize) -> Result<Vec<Slot>> {
    let index: Slot = (DataType::Int32, TypeUnits::default(), false);
    match (function, ordinal) {
        ("transform" | "filter", 0) => Ok(vec![element(function, inputs, 0)?, index]),
        ("exists" | "any" | "forall" | "all", 0) => Ok(vec![element(function, inputs, 0)?]),
        ("array_sort", 0) => {
            let element = element(function, inputs, 0)?;
            Ok(vec![element.clone(), element])
        }
        ("zip_with", 0) => Ok(vec![
            nullable(element(function, inputs, 0)?),
            nullable(element(function, inputs, 1)?),
        ]),
        ("aggregate" | "reduce", 0) => Ok(vec![
            accumulator(function, inputs)?,
            element(function, inputs, 0)?,
        ]),
        ("aggregate" | "reduce", 1) => Ok(vec![accumulator(function, inputs)?]),
        ("transform_keys" | "transform_values" | "map_filter", 0) => {
            let (key, value) = entry(function, inputs, 0)?;
            Ok(vec![key, value])
        }
        ("map_zip_with", 0) => {
            let (key, left) = entry(function, inputs, 0)?;
            let (_, right) = entry(function, inputs, 1)?;
            Ok(vec![key, nullable(left), nullable(right)])
        }
        _ => Err(Error::invalid(format!(
            "the function `{function}` does not take a lambda there"
        ))
        .with_condition("INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION")),
    }
}

fn nullable((data_type, units, _): Slot) -> Slot {
    (data_type, units, true)
}

/// The running value of `aggregate(array, start, …)`.
fn accumulator(function: &str, inputs: &[Slot]) -> Result<Slot> {
    inputs
        .get(1)
        .map(|(data_type, units, _)| (data_type.clone(), units.clone(), true))
        .ok_or_else(|| wrong_input(function, "a start value"))
}

fn element(function: &str, inputs: &[Slot], position: usize) -> Result<Slot> {
    match inputs.get(position) {
        Some((DataType::List(item), units, _)) => {
            Ok((item.data_type().clone(), units.clone(), item.is_nullable()))
        }
        Some((DataType::Null, ..)) => Ok((DataType::Null, TypeUnits::default(), true)),
        _ => Err(wrong_input(function, "an array")),
    }
}

fn entry(function: &str, inputs: &[Slot], position: usize) -> Result<(Slot, Slot)> {
    let missing = || wrong_input(function, "a map");
    let (map, units, _) = inputs.get(position).ok_or_else(missing)?;
    let (key, value) = map_key_value(map).ok_or_else(missing)?;
    Ok((
        (key.clone(), units.part(map, [], key), false),
        (value.clone(), units.part(map, [key], value), true),
    ))
}

fn wrong_input(function: &str, wanted: &str) -> Error {
    Error::invalid(format!("the function `{function}` needs {wanted}"))
        .with_condition("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
}
