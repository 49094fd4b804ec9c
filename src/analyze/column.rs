//! Names: which column, which field, or which suggestion.
//!
//! `a.b.c` is column `b` of relation `a` with field `c`, if there is such a column, else column `a` with field `b` of it and field `c`
//! of that. Names are compared without regard to case. A name that fits two columns is refused.

use crate::analyze::{Analyzer, Place};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind, Expr, ExprKind};
use crate::function::registry;
use crate::plan::{Column, PlanSchema};
use crate::types::list_of;
use arrow::datatypes::{DataType, Fields};

/// How many names an error suggests, as in Spark.
const MAX_SUGGESTIONS: usize = 5;

/// Functions that Spark lets stand without parentheses, if no column has the name.
const BARE_FUNCTIONS: &[&str] = &[
    "current_date",
    "current_timestamp",
    "current_time",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_catalog",
    "current_database",
];

/// The column a name stands for: its index, and how many parts of the name it took.
///
/// # Errors
///
/// `AMBIGUOUS_REFERENCE`, if the name fits more than one.
pub(crate) fn find_column(columns: &[Column], parts: &[String]) -> Result<Option<(usize, usize)>> {
    if let [qualifier, name, ..] = parts {
        let of_relation = |column: &Column| {
            column
                .qualifier
                .as_ref()
                .is_some_and(|own| same_name(own, qualifier))
                && same_name(&column.name, name)
        };
        if let Some(index) = only(columns, &of_relation, parts)? {
            return Ok(Some((index, 2)));
        }
    }
    let Some(name) = parts.first() else {
        return Ok(None);
    };
    let of_name = |column: &Column| same_name(&column.name, name);
    Ok(only(columns, &of_name, parts)?.map(|index| (index, 1)))
}

/// The index of the only column that fits.
fn only(
    columns: &[Column],
    fits: &dyn Fn(&Column) -> bool,
    parts: &[String],
) -> Result<Option<usize>> {
    let found: Vec<usize> = (0..columns.len())
        .filter(|index| columns.get(*index).is_some_and(fits))
        .collect();
    match found[..] {
        [] => Ok(None),
        [index] => Ok(Some(index)),
        _ => {
            let mut names: Vec<String> = found
                .iter()
                .filter_map(|index| columns.get(*index))
                .map(|column| quoted(&full_name(column)))
                .collect();
            names.sort();
            Err(Error::invalid(format!(
                "reference {} is ambiguous, could be: [{}]",
                quoted(parts),
                names.join(", ")
            ))
            .with_condition("AMBIGUOUS_REFERENCE"))
        }
    }
}

/// `UNRESOLVED_COLUMN`, with the names that look most like it.
pub(crate) fn unresolved_column(parts: &[String], columns: &[Column]) -> Error {
    let message = format!(
        "a column, variable, or function parameter with name {} cannot be resolved",
        quoted(parts)
    );
    let suggestions = suggestions(parts, columns);
    if suggestions.is_empty() {
        return Error::invalid(message).with_condition("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION");
    }
    Error::invalid(format!(
        "{message}. Did you mean one of the following? [{}]",
        suggestions.join(", ")
    ))
    .with_condition("UNRESOLVED_COLUMN.WITH_SUGGESTION")
}

/// The nearest names first; without their qualifier where all have the same.
fn suggestions(parts: &[String], columns: &[Column]) -> Vec<String> {
    let mut columns: Vec<&Column> = columns.iter().collect();
    columns.sort_by(|left, right| left.name.cmp(&right.name));
    let first = columns.first().map(|column| &column.qualifier);
    let is_shared = parts.len() == 1
        && columns
            .iter()
            .all(|column| Some(&column.qualifier) == first);
    let mut names: Vec<String> = columns
        .iter()
        .map(|column| {
            if is_shared {
                quoted(std::slice::from_ref(&column.name))
            } else {
                quoted(&full_name(column))
            }
        })
        .collect();
    let wanted = parts.join(".");
    names.sort_by_key(|name| strsim::levenshtein(name, &wanted));
    names.truncate(MAX_SUGGESTIONS);
    names
}

/// The columns that `*` or `qualifier.*` stands for, with their names. Columns from `own_columns` on do not count.
pub(super) fn star(
    schema: &PlanSchema,
    own_columns: usize,
    qualifier: &[String],
) -> Result<Vec<(Expr, String)>> {
    let columns = schema.columns.get(..own_columns).unwrap_or_default();
    let of_columns = |wanted: &dyn Fn(&Column) -> bool| -> Vec<(Expr, String)> {
        columns
            .iter()
            .enumerate()
            .filter(|(_, column)| wanted(column))
            .map(|(index, column)| (column_expr(index, column), column.name.clone()))
            .collect()
    };
    let [first, ..] = qualifier else {
        return Ok(of_columns(&|_| true));
    };
    if qualifier.len() == 1 {
        let of_relation = of_columns(&|column: &Column| {
            column
                .qualifier
                .as_ref()
                .is_some_and(|own| same_name(own, first))
        });
        if !of_relation.is_empty() {
            return Ok(of_relation);
        }
    }
    star_of_struct(columns, qualifier)
}

/// The fields of the struct column that `qualifier` names.
fn star_of_struct(columns: &[Column], qualifier: &[String]) -> Result<Vec<(Expr, String)>> {
    let not_found = || {
        let names: Vec<String> = columns
            .iter()
            .map(|column| quoted(std::slice::from_ref(&column.name)))
            .collect();
        Error::invalid(format!(
            "cannot resolve {}.* given input columns {}. Please check that the specified table or struct exists and is accessible in the input columns",
            quoted(qualifier),
            names.join(", ")
        ))
        .with_condition("CANNOT_RESOLVE_STAR_EXPAND")
    };
    let (index, taken) = find_column(columns, qualifier)?.ok_or_else(not_found)?;
    let column = columns.get(index).ok_or_else(not_found)?;
    let mut expr = column_expr(index, column);
    for name in qualifier.get(taken..).unwrap_or_default() {
        expr = struct_field(expr, name, || quoted(qualifier))?;
    }
    let DataType::Struct(fields) = expr.data_type.clone() else {
        return Err(Error::invalid(format!(
            "`.*` needs a table or a struct, but {} is \"{}\"",
            quoted(qualifier),
            expr.sql_type()
        ))
        .with_condition("CANNOT_RESOLVE_STAR_EXPAND"));
    };
    Ok((0..fields.len())
        .filter_map(|index| {
            let name = fields.get(index)?.name().clone();
            Some((field_at(expr.clone(), &fields, index)?, name))
        })
        .collect())
}

/// Puts the columns that a star stands for in its place, as names that resolve to exactly these columns.
///
/// # Errors
///
/// `CANNOT_RESOLVE_STAR_EXPAND`.
pub(crate) fn expand_stars(asts: &[Ast], schema: &PlanSchema) -> Result<Vec<StarOr>> {
    let mut items = Vec::with_capacity(asts.len());
    for ast in asts {
        if let AstKind::Star(qualifier) = &ast.kind {
            let columns = star(schema, schema.columns.len(), qualifier)
                .map_err(|error| error.with_span(ast.span))?;
            items.extend(
                columns
                    .into_iter()
                    .map(|(expr, name)| StarOr::Column(expr.at(ast.span), name)),
            );
        } else {
            items.push(StarOr::Ast(ast.clone()));
        }
    }
    Ok(items)
}

/// An item of a `SELECT` list after stars are expanded.
#[derive(Debug, Clone)]
pub(crate) enum StarOr {
    /// A column that a star stood for, over the input, with its name.
    Column(Expr, String),
    /// Any other.
    Ast(Ast),
}

impl StarOr {
    /// The expression, if it was written.
    pub(crate) fn ast(&self) -> Option<&Ast> {
        match self {
            StarOr::Column(..) => None,
            StarOr::Ast(ast) => Some(ast),
        }
    }
}

impl Analyzer<'_> {
    /// The column, parameter or name of the list that this stands for, with the fields that follow.
    pub(super) fn resolve_name(&mut self, parts: &[String]) -> Result<Expr> {
        if let Some((expr, taken)) = self.parameter(parts) {
            return fields(expr, parts, taken);
        }
        let (own, added) = self
            .schema
            .columns
            .split_at(self.own_columns.min(self.schema.columns.len()));
        if let Some((index, taken)) = find_column(own, parts)?
            && let Some(column) = own.get(index)
        {
            return fields(column_expr(index, column), parts, taken);
        }
        if let Some((index, taken)) = find_column(added, parts)?
            && let Some(column) = added.get(index)
        {
            return fields(column_expr(own.len() + index, column), parts, taken);
        }
        if let Some(expr) = self.alias(parts)? {
            return Ok(expr);
        }
        if let [name] = parts
            && let Some(function) = BARE_FUNCTIONS.iter().find(|own| same_name(own, name))
            && registry::scalar(function).is_some()
        {
            return self.resolve(&Ast::call(function, vec![]));
        }
        Err(unresolved_column(parts, own))
    }

    /// The parameter of a lambda that is called so, the innermost first.
    fn parameter(&self, parts: &[String]) -> Option<(Expr, usize)> {
        let name = parts.first()?;
        let (index, parameter) = self
            .parameters
            .iter()
            .enumerate()
            .rev()
            .find(|(_, parameter)| same_name(&parameter.name, name))?;
        let column = self.schema.columns.len() + index;
        let expr = Expr::column(column, parameter.data_type.clone(), parameter.is_nullable)
            .with_units(parameter.units.clone());
        Some((expr, 1))
    }

    /// What the same list called so earlier. While it is resolved, only the names before it are known, so that no name stands for
    /// itself.
    fn alias(&mut self, parts: &[String]) -> Result<Option<Expr>> {
        let Some(name) = parts.first() else {
            return Ok(None);
        };
        let Some(position) = self
            .aliases
            .iter()
            .position(|(alias, _)| same_name(alias, name))
        else {
            return Ok(None);
        };
        if matches!(
            self.place,
            Place::AggregateArgument | Place::AggregateFilter
        ) {
            return Err(Error::invalid(format!(
                "a name that the same list gave cannot be used in an aggregate function: {}. Write what it stands for",
                quoted(parts)
            ))
            .with_condition("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC"));
        }
        let later = self.aliases.split_off(position);
        let resolved = match later.first() {
            Some((_, ast)) => self.resolve(ast.without_alias()),
            None => return Ok(None),
        };
        if self.place != Place::GroupBy
            && later
                .iter()
                .skip(1)
                .any(|(alias, _)| same_name(alias, name))
        {
            return Err(Error::invalid(format!(
                "lateral column alias {} is ambiguous and has several matches",
                quoted(parts)
            ))
            .with_condition("AMBIGUOUS_LATERAL_COLUMN_ALIAS"));
        }
        self.aliases.extend(later);
        fields(resolved?, parts, 1).map(Some)
    }
}

/// The fields named by what is left of a name.
fn fields(mut expr: Expr, parts: &[String], taken: usize) -> Result<Expr> {
    for (position, name) in parts.iter().enumerate().skip(taken) {
        let text = || parts.get(..position).unwrap_or_default().join(".");
        expr = field(expr, name, text)?;
    }
    Ok(expr)
}

/// `input.name`, of a struct or each struct of an array, or of a map by key.
pub(super) fn field(input: Expr, name: &str, text: impl Fn() -> String) -> Result<Expr> {
    if matches!(input.data_type, DataType::Map(..)) {
        let key = Expr::literal(std::sync::Arc::new(arrow::array::StringArray::from(vec![
            name,
        ])));
        return super::form::element(input, key, &format!("{}.{name}", text()));
    }
    struct_field(input, name, text)
}

/// `input.name` of a struct.
fn struct_field(input: Expr, name: &str, text: impl Fn() -> String) -> Result<Expr> {
    let fields = match &input.data_type {
        DataType::List(element) => element.data_type().clone(),
        other => other.clone(),
    };
    let DataType::Struct(fields) = fields else {
        return Err(Error::invalid(format!(
            "can't extract a value from \"{}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{}\"",
            text(),
            input.sql_type()
        ))
        .with_condition("INVALID_EXTRACT_BASE_FIELD_TYPE"));
    };
    let found: Vec<usize> = (0..fields.len())
        .filter(|index| {
            fields
                .get(*index)
                .is_some_and(|field| same_name(field.name(), name))
        })
        .collect();
    let quoted_name = quoted(&[name.to_owned()]);
    match found[..] {
        [index] => field_at(input, &fields, index)
            .ok_or_else(|| Error::internal("a field was found and is not there")),
        [] => {
            let names: Vec<String> = fields
                .iter()
                .map(|field| quoted(std::slice::from_ref(field.name())))
                .collect();
            Err(Error::invalid(format!(
                "no such struct field {quoted_name} in {}",
                names.join(", ")
            ))
            .with_condition("FIELD_NOT_FOUND"))
        }
        _ => Err(Error::invalid(format!(
            "ambiguous reference to the field {quoted_name}. It appears {} times in the schema",
            found.len()
        ))
        .with_condition("AMBIGUOUS_REFERENCE_TO_FIELDS")),
    }
}

/// Field `index` of a struct, or of each struct of an array.
fn field_at(input: Expr, fields: &Fields, index: usize) -> Option<Expr> {
    let field = fields.get(index)?;
    let is_array = matches!(input.data_type, DataType::List(_));
    Some(Expr {
        data_type: if is_array {
            list_of(field.data_type().clone())
        } else {
            field.data_type().clone()
        },
        units: match &input.data_type {
            DataType::List(element) => input.units.field(element.data_type(), index),
            structure => input.units.field(structure, index),
        },
        is_nullable: input.is_nullable || (field.is_nullable() && !is_array),
        span: input.span,
        kind: ExprKind::Field(Box::new(input), index),
    })
}

/// A reference to a column.
fn column_expr(index: usize, column: &Column) -> Expr {
    column.expr(index)
}

fn full_name(column: &Column) -> Vec<String> {
    column
        .qualifier
        .iter()
        .chain([&column.name])
        .cloned()
        .collect()
}

/// The parts in backticks, with dots between.
pub(crate) fn quoted(parts: &[String]) -> String {
    parts
        .iter()
        .map(|part| format!("`{}`", part.replace('`', "``")))
        .collect::<Vec<_>>()
        .join(".")
}

/// Whether two names are the same, without regard to case.
pub(crate) fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}
