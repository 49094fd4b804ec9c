//! How an expression is called: the name Spark gives a column that has no alias, which is also how messages write it.
//!
//! It is made of what was written, not of what runs: implicit casts do not show. [`spelling`] holds where Spark's spelling is not that of a
//! plain call.

mod literal;
mod spelling;
#[cfg(test)]
mod tests;
mod typed;
mod window;

use crate::analyze::find_column;
use crate::expr::{Ast, AstCall, AstKind, ROW, SortItem};
use crate::plan::PlanSchema;
use crate::types::sql_name_of;
use arrow::datatypes::DataType;

/// A call in Spark's spelling, given its arguments' text.
pub(crate) fn call_text(name: &str, arguments: &[String]) -> String {
    spelling::call(name, "", arguments)
}

/// A constant as Spark writes it in names: text without quotes.
pub(crate) fn literal_text(value: &arrow::array::ArrayRef) -> String {
    literal::text(value)
}

impl Ast {
    /// The name of the column that this expression makes: its alias, the column or field it is, else its text.
    pub fn output_name(&self, schema: &PlanSchema) -> String {
        match &self.kind {
            AstKind::Alias(_, names) => names.first().cloned().unwrap_or_default(),
            AstKind::Name(parts) => parts.last().cloned().unwrap_or_default(),
            AstKind::Cast { input, .. } if is_column(input, schema) => input.output_name(schema),
            _ => self.sql(schema),
        }
    }

    /// The expression as Spark writes it. `schema` tells qualifiers from columns: only the latter are written.
    pub fn sql(&self, schema: &PlanSchema) -> String {
        match &self.kind {
            AstKind::Name(parts) => name(parts, schema),
            AstKind::Literal(value) => literal::text(value),
            AstKind::Call(call) => call_sql(call, schema),
            // Spark leaves out what casts to types with parts.
            AstKind::Cast {
                input,
                data_type: DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_),
                ..
            } => input.sql(schema),
            AstKind::Cast {
                input,
                data_type,
                units,
                is_try,
            } => {
                let function = if *is_try { "TRY_CAST" } else { "CAST" };
                format!(
                    "{function}({} AS {})",
                    input.sql(schema),
                    sql_name_of(data_type, units)
                )
            }
            AstKind::Case {
                branches,
                otherwise,
            } => case(branches, otherwise.as_deref(), schema),
            AstKind::Field(input, field) if typed::is_map(input, schema) => {
                format!("{}[{field}]", input.sql(schema))
            }
            AstKind::Field(input, field) => format!("{}.{field}", input.sql(schema)),
            AstKind::Index(input, index) => {
                format!("{}[{}]", input.sql(schema), index.sql(schema))
            }
            AstKind::Alias(input, names) => {
                format!("{} AS {}", input.sql(schema), names.join(", "))
            }
            AstKind::Star(qualifier) => qualifier
                .iter()
                .map(|part| format!("{part}."))
                .chain(["*".to_owned()])
                .collect(),
            AstKind::Subquery(_) => "scalarsubquery()".to_owned(),
            AstKind::Lambda(parameters, body) => lambda(parameters, body, schema),
        }
    }
}

fn call_sql(call: &AstCall, schema: &PlanSchema) -> String {
    if let Some(text) = typed::spelling(call, schema) {
        return text;
    }
    if call.name == ROW {
        return named_struct(call, |argument| argument).sql(schema);
    }
    let arguments: Vec<String> = call
        .arguments
        .iter()
        .map(|argument| match &argument.kind {
            AstKind::Star(_) if call.name == "count" => "1".to_owned(),
            _ => argument.sql(schema),
        })
        .collect();
    let distinct = if call.is_distinct { "DISTINCT " } else { "" };
    let mut text = spelling::call(&call.name, distinct, &arguments);
    if call.ignores_nulls && matches!(call.name.as_str(), "first_value" | "last_value") {
        // Spark writes these as the functions that they stand for.
        text = text.replacen("_value(", "(", 1);
    }
    if matches!(call.name.as_str(), "listagg" | "string_agg") && !call.within_group.is_empty() {
        text = spelling::call("listagg", distinct, &arguments);
        let keys = sort_items(&call.within_group, schema);
        text = format!("{text} WITHIN GROUP (ORDER BY {keys})");
    } else if let [key] = &call.within_group[..] {
        // Spark's `mode` takes the greatest last, and says so.
        let is_descending = key.is_descending != (call.name == "mode");
        let order = if is_descending { " DESC" } else { "" };
        let key = key.expr.sql(schema);
        text = format!("{text} WITHIN GROUP (ORDER BY {key}{order})");
    }
    if let Some(filter) = &call.filter {
        text = format!("{text} FILTER (WHERE {})", filter.sql(schema));
    }
    match &call.over {
        Some(over) => window::over(call, over, text, schema),
        None => text,
    }
}

/// The keys of an order.
fn sort_items(items: &[SortItem], schema: &PlanSchema) -> String {
    let items = items.iter().map(|item| {
        let direction = if item.is_descending { "DESC" } else { "ASC" };
        let nulls = if item.puts_nulls_first() {
            "FIRST"
        } else {
            "LAST"
        };
        format!("{} {direction} NULLS {nulls}", item.expr.sql(schema))
    });
    items.collect::<Vec<_>>().join(", ")
}

/// Whether this is a plain column, not a field of one.
fn is_column(ast: &Ast, schema: &PlanSchema) -> bool {
    match &ast.kind {
        AstKind::Name(parts) => find_column(&schema.columns, parts)
            .ok()
            .flatten()
            .is_none_or(|(_, taken)| taken == parts.len()),
        _ => false,
    }
}

/// The parts of a name without its qualifier.
fn name(parts: &[String], schema: &PlanSchema) -> String {
    let taken = match find_column(&schema.columns, parts) {
        Ok(Some((_, taken))) => taken,
        _ => 1,
    };
    parts
        .get(taken.saturating_sub(1)..)
        .unwrap_or(parts)
        .join(".")
}

fn case(branches: &[(Ast, Ast)], otherwise: Option<&Ast>, schema: &PlanSchema) -> String {
    let mut text = String::from("CASE");
    for (condition, value) in branches {
        text += &format!(" WHEN {} THEN {}", condition.sql(schema), value.sql(schema));
    }
    if let Some(value) = otherwise {
        text += &format!(" ELSE {}", value.sql(schema));
    }
    text + " END"
}

/// `(x, 1)`, and `struct(x, 1)` inside a lambda, as Spark spells them: with the names that the fields get.
fn named_struct(call: &AstCall, value: fn(&Ast) -> &Ast) -> Ast {
    let mut arguments = Vec::with_capacity(call.arguments.len() * 2);
    for (place, argument) in call.arguments.iter().enumerate() {
        let name = match &argument.kind {
            AstKind::Name(parts) => parts.last().cloned(),
            AstKind::Field(_, name) => Some(name.clone()),
            AstKind::Alias(_, names) => names.first().cloned(),
            _ => None,
        };
        let name = name.unwrap_or_else(|| format!("col{}", place + 1));
        arguments.push(Ast::string(&name));
        arguments.push(value(argument).clone());
    }
    Ast::call("named_struct", arguments)
}

/// Spark does not say the names of parameters.
fn lambda(parameters: &[String], body: &Ast, schema: &PlanSchema) -> String {
    let anonymous = "namedlambdavariable()";
    let body = body.with_anonymous(parameters, anonymous).sql(schema);
    let list: Vec<&str> = parameters.iter().map(|_| anonymous).collect();
    format!("lambdafunction({body}, {})", list.join(", "))
}

impl Ast {
    /// The same with each of these names replaced by a text.
    fn with_anonymous(&self, names: &[String], text: &str) -> Ast {
        self.map(&|ast| match &ast.kind {
            AstKind::Name(parts) => {
                let first = parts.first()?;
                let is_parameter = names.iter().any(|name| name.eq_ignore_ascii_case(first));
                is_parameter.then(|| {
                    let rest = parts.iter().skip(1).cloned();
                    let parts = std::iter::once(text.to_owned()).chain(rest).collect();
                    Ast::new(AstKind::Name(parts))
                })
            }
            AstKind::Call(call) if call.is_row() => {
                Some(named_struct(call, Ast::without_alias).with_anonymous(names, text))
            }
            _ => None,
        })
    }

    /// The same with the names marked that only earlier items of the same list can mean: Spark says so in the name of the column.
    pub(crate) fn with_lateral_aliases(&self, aliases: &[String], schema: &PlanSchema) -> Ast {
        self.map(&|ast| match &ast.kind {
            AstKind::Name(parts) => {
                let [name] = &parts[..] else { return None };
                let is_column = matches!(find_column(&schema.columns, parts), Ok(Some(_)) | Err(_));
                let is_alias = aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
                (is_alias && !is_column).then(|| {
                    Ast::new(AstKind::Name(vec![format!(
                        "lateralAliasReference({name})"
                    )]))
                })
            }
            _ => None,
        })
    }
}
