//! Generators: functions that give several rows for one.

use crate::analyze::call::{UNPIVOT, apply_named, in_order, is_generator};
use crate::analyze::{Analyzer, cast_to, mismatch, null_of};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstCall, AstKind, Expr, call_text, common_units};
use crate::function::signature::folded_as;
use crate::plan::builder::node;
use crate::plan::{Column, Generator, LogicalPlan, PlanNode};
use crate::types::{TypeUnits, common_type_of, map_key_value, sql_name};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

/// `LATERAL VIEW [OUTER] generator AS …`.
#[derive(Debug, Clone)]
pub struct LateralView {
    /// The call of the generator.
    pub generator: Ast,
    /// Whether a row that generates nothing stays, with nulls.
    pub is_outer: bool,
    /// What the generated columns are qualified with.
    pub name: Option<String>,
    /// Names of the generated columns; none, and they have the generator's own.
    pub columns: Vec<String>,
}

/// Appends the columns of a generator.
///
/// # Errors
///
/// `Invalid`, if it is no generator or its input does not fit.
pub fn generate(input: &Arc<LogicalPlan>, view: &LateralView) -> Result<Arc<LogicalPlan>> {
    let mut analyzer = Analyzer::new(&input.schema, crate::analyze::Place::Generator)
        .streaming(input.is_streaming());
    let Some(mut made) = Made::read(&mut analyzer, &view.generator, &view.columns)? else {
        return Err(no_generator(&mut analyzer, &view.generator));
    };
    made.is_outer |= view.is_outer;
    Ok(made.apply(input, view.name.as_deref()))
}

/// What is said about a call that is no generator.
fn no_generator(analyzer: &mut Analyzer<'_>, call: &Ast) -> Error {
    let condition = match analyzer.resolve(call) {
        Err(error) if error.condition() == Some("UNRESOLVED_ROUTINE") => "ROUTINE_NOT_FOUND",
        _ => "UNSUPPORTED_GENERATOR.NOT_GENERATOR",
    };
    Error::invalid(format!(
        "LATERAL VIEW needs a generator such as explode. expression=`{}`",
        call.sql(analyzer.schema())
    ))
    .with_condition(condition)
    .with_span(call.span)
}

/// A generator that is resolved.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// What it does.
    pub(super) generator: Generator,
    /// Whether a row that generates nothing stays.
    pub(super) is_outer: bool,
    /// Its columns.
    columns: Vec<Column>,
}

impl Made {
    /// Reads a call of a generator, perhaps under aliases; `None` if it is none.
    pub(super) fn read(
        analyzer: &mut Analyzer<'_>,
        ast: &Ast,
        names: &[String],
    ) -> Result<Option<Made>> {
        let inner = ast.without_alias();
        let AstKind::Call(call) = &inner.kind else {
            return Ok(None);
        };
        if !is_generator(&call.name) || call.over.is_some() {
            return Ok(None);
        }
        let aliases: &[String] = match &ast.kind {
            AstKind::Alias(_, aliases) if names.is_empty() => aliases,
            _ => names,
        };
        Made::resolve(analyzer, inner, call, aliases)
            .map(Some)
            .map_err(|error| error.with_span(inner.span))
    }

    fn resolve(
        analyzer: &mut Analyzer<'_>,
        ast: &Ast,
        call: &AstCall,
        names: &[String],
    ) -> Result<Made> {
        let (function, is_outer) = match call.name.strip_suffix("_outer") {
            Some(function) => (function, true),
            None => (call.name.as_str(), false),
        };
        let (generator, mut columns) = match function {
            "stack" | UNPIVOT => stack(analyzer, ast, call)?,
            "inline" => {
                let input = argument(analyzer, call, "inline(input)")?;
                inline(analyzer, ast, input)?
            }
            "json_tuple" => {
                let input = made_list(analyzer, "__json_tuple", &call.arguments)?;
                inline(analyzer, ast, input)?
            }
            "variant_explode" => {
                let arguments = in_order(call, "variant_explode(input)")?;
                let input = made_list(analyzer, "__variant_entries", &arguments)?;
                inline(analyzer, ast, input)?
            }
            _ => explode(analyzer, ast, call, function == "posexplode")?,
        };
        if !names.is_empty() && names.len() != columns.len() {
            return Err(Error::invalid(format!(
                "the number of aliases supplied in the AS clause does not match the number of columns output by the UDTF. Expected {} aliases, but got {}",
                columns.len(),
                names.join(",")
            ))
            .with_condition("UDTF_ALIAS_NUMBER_MISMATCH"));
        }
        for (column, name) in columns.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        Ok(Made {
            generator,
            is_outer,
            columns,
        })
    }

    /// The columns it appends.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The same with its expressions changed.
    pub(super) fn map(self, change: &dyn Fn(&Expr) -> Result<Expr>) -> Result<Made> {
        let generator = match &self.generator {
            Generator::Explode {
                input,
                has_position,
            } => Generator::Explode {
                input: change(input)?,
                has_position: *has_position,
            },
            Generator::Inline { input } => Generator::Inline {
                input: change(input)?,
            },
            Generator::Stack { rows, values } => Generator::Stack {
                rows: *rows,
                values: values.iter().map(change).collect::<Result<_>>()?,
            },
        };
        Ok(Made { generator, ..self })
    }

    /// Appends its columns, qualified with `name`.
    pub(super) fn apply(self, input: &Arc<LogicalPlan>, name: Option<&str>) -> Arc<LogicalPlan> {
        let mut columns = input.schema.columns.clone();
        columns.extend(self.columns.into_iter().map(|column| Column {
            qualifier: name.map(str::to_owned),
            is_nullable: column.is_nullable || self.is_outer,
            ..column
        }));
        let generate = PlanNode::Generate {
            input: Arc::clone(input),
            generator: self.generator,
            is_outer: self.is_outer,
        };
        node(generate, columns)
    }
}

/// A column that a generator makes.
fn column(name: &str, (data_type, units): (&DataType, TypeUnits), is_nullable: bool) -> Column {
    Column {
        qualifier: None,
        name: name.to_owned(),
        data_type: data_type.clone(),
        units,
        is_nullable,
        event_time: None,
    }
}

/// A generator with its columns.
type Parts = (Generator, Vec<Column>);

/// The only argument of a generator.
fn argument(analyzer: &mut Analyzer<'_>, call: &AstCall, usage: &str) -> Result<Expr> {
    let arguments = in_order(call, usage)?;
    let [argument] = &arguments[..] else {
        return Err(Error::invalid(format!(
            "the `{}` requires 1 parameters but the actual number is {}",
            call.name,
            call.arguments.len()
        ))
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    };
    analyzer.resolve(argument)
}

fn explode(
    analyzer: &mut Analyzer<'_>,
    ast: &Ast,
    call: &AstCall,
    has_position: bool,
) -> Result<Parts> {
    let input = argument(analyzer, call, "explode(collection)")?;
    let mut columns = vec![];
    if has_position {
        columns.push(column(
            "pos",
            (&DataType::Int32, TypeUnits::default()),
            false,
        ));
    }
    match &input.data_type {
        DataType::List(item) => {
            let element = (item.data_type(), input.units.clone());
            columns.push(column("col", element, item.is_nullable()));
        }
        other => {
            let (key, value) = map_key_value(other)
                .ok_or_else(|| wrong_input(analyzer, ast, "(\"ARRAY\" or \"MAP\")", other))?;
            let of_key = input.units.part(other, [], key);
            let of_value = input.units.part(other, [key], value);
            columns.push(column("key", (key, of_key), false));
            columns.push(column("value", (value, of_value), true));
        }
    }
    let generator = Generator::Explode {
        input,
        has_position,
    };
    Ok((generator, columns))
}

/// A call of a function that makes a list of structs, for a generator that is written with `inline`.
fn made_list(analyzer: &mut Analyzer<'_>, function: &str, arguments: &[Ast]) -> Result<Expr> {
    let resolved = arguments
        .iter()
        .map(|argument| analyzer.resolve(argument))
        .collect::<Result<Vec<_>>>()?;
    let text = || call_text(function.trim_start_matches('_'), &[]);
    apply_named(function, resolved, text)
}

fn inline(analyzer: &mut Analyzer<'_>, ast: &Ast, input: Expr) -> Result<Parts> {
    let fields = match &input.data_type {
        DataType::List(item) => match item.data_type() {
            DataType::Struct(fields) => Some((fields.clone(), item.is_nullable())),
            _ => None,
        },
        _ => None,
    };
    let (fields, may_be_null) =
        fields.ok_or_else(|| wrong_input(analyzer, ast, "\"ARRAY<STRUCT>\"", &input.data_type))?;
    let structure = DataType::Struct(fields.clone());
    let columns = fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let units = input.units.field(&structure, index);
            column(
                field.name(),
                (field.data_type(), units),
                field.is_nullable() || may_be_null,
            )
        })
        .collect();
    Ok((Generator::Inline { input }, columns))
}

fn stack(analyzer: &mut Analyzer<'_>, ast: &Ast, call: &AstCall) -> Result<Parts> {
    let mut resolved = vec![];
    for argument in &call.arguments {
        resolved.push(analyzer.resolve(argument)?);
    }
    let text = || ast.sql(analyzer.schema());
    let wrong_rows = || {
        mismatch(
            "VALUE_OUT_OF_RANGE",
            &text(),
            "the number of rows must be a positive constant",
        )
    };
    let Some((rows, values)) = resolved.split_first() else {
        return Err(Error::invalid(
            "the `stack` requires > 1 parameters but the actual number is 0",
        )
        .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    };
    if rows.data_type != DataType::Int32 {
        return Err(wrong_input(analyzer, ast, "INT", &rows.data_type));
    }
    let rows = folded_as("stack", std::slice::from_ref(rows), 0, &DataType::Int32)?;
    let rows = rows
        .as_primitive_opt::<Int32Type>()
        .filter(|value| value.is_valid(0))
        .and_then(|value| usize::try_from(value.value(0)).ok())
        .filter(|rows| *rows > 0)
        .ok_or_else(wrong_rows)?;
    let width = values.len().div_ceil(rows);
    if width == 0 {
        return Err(wrong_rows());
    }
    let mut columns = vec![];
    let mut values = values.to_vec();
    for position in 0..width {
        let slots: Vec<&Expr> = values.iter().skip(position).step_by(width).collect();
        let types = slots.iter().map(|value| &value.data_type);
        let is_one = call.name == UNPIVOT || is_one_type(types.clone());
        let data_type = common_type_of(types).filter(|_| is_one).ok_or_else(|| {
            mismatch(
                "STACK_COLUMN_DIFF_TYPES",
                &text(),
                &format!(
                    "the data type of column {position} does not have the same type in each row"
                ),
            )
        })?;
        let is_nullable = slots.len() < rows || slots.iter().any(|value| value.is_nullable);
        let units = common_units(&data_type, slots.iter().copied());
        let name = format!("col{position}");
        columns.push(column(&name, (&data_type, units), is_nullable));
        for value in values.iter_mut().skip(position).step_by(width) {
            *value = cast_to(value.clone(), &data_type);
        }
    }
    // The last row may be written short; what it lacks is null.
    while values.len() < rows * width {
        let missing = columns
            .get(values.len() % width)
            .map_or(DataType::Null, |column| column.data_type.clone());
        values.push(null_of(&missing));
    }
    Ok((Generator::Stack { rows, values }, columns))
}

/// Whether these are one type, leaving out nulls without a type.
fn is_one_type<'a>(types: impl Iterator<Item = &'a DataType>) -> bool {
    let mut types = types.filter(|data_type| **data_type != DataType::Null);
    let Some(first) = types.next() else {
        return true;
    };
    types.all(|data_type| sql_name(data_type) == sql_name(first))
}

fn wrong_input(analyzer: &Analyzer<'_>, ast: &Ast, wanted: &str, found: &DataType) -> Error {
    let input = ast
        .as_call()
        .and_then(|call| call.arguments.first())
        .map(|argument| argument.sql(analyzer.schema()))
        .unwrap_or_default();
    mismatch(
        "UNEXPECTED_INPUT_TYPE",
        &ast.sql(analyzer.schema()),
        &format!(
            "the first parameter requires the {wanted} type, however \"{input}\" has the type \"{}\"",
            sql_name(found)
        ),
    )
}
