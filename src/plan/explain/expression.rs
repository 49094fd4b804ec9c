//! Resolved expressions as SQL text, with every cast that runs.

use crate::expr::{Expr, ExprKind, call_text, is_null_constant, literal_text};
use crate::plan::Column;
use arrow::datatypes::DataType;

/// The name of a field of a struct, or of the structs of an array; its number, if it has none.
fn field_name(data_type: &DataType, index: usize) -> String {
    let structs = match data_type {
        DataType::List(element) => element.data_type(),
        other => other,
    };
    let name = match structs {
        DataType::Struct(fields) => fields.get(index).map(|field| field.name().clone()),
        _ => None,
    };
    name.unwrap_or_else(|| index.to_string())
}

/// The text of an expression over these columns.
pub(super) fn text(expr: &Expr, columns: &[Column]) -> String {
    match &expr.kind {
        ExprKind::Column(index) => column(*index, columns),
        ExprKind::Literal(value) => {
            let text = literal_text(value);
            let is_text = *value.data_type() == DataType::Utf8 && !is_null_constant(value);
            if is_text { format!("'{text}'") } else { text }
        }
        ExprKind::Call(function, arguments) => {
            let arguments: Vec<String> = arguments
                .iter()
                .map(|argument| text(argument, columns))
                .collect();
            call_text(function.name, &arguments)
        }
        ExprKind::UserCall(function, arguments) => {
            let arguments: Vec<String> = arguments
                .iter()
                .map(|argument| text(argument, columns))
                .collect();
            call_text(function.name(), &arguments)
        }
        ExprKind::Cast { input, is_try } => {
            let function = if *is_try { "TRY_CAST" } else { "CAST" };
            let input = text(input, columns);
            format!("{function}({input} AS {})", expr.sql_type())
        }
        ExprKind::And(left, right) => {
            format!("({} AND {})", text(left, columns), text(right, columns))
        }
        ExprKind::Or(left, right) => {
            format!("({} OR {})", text(left, columns), text(right, columns))
        }
        ExprKind::Case {
            branches,
            otherwise,
        } => {
            let mut all: String = branches
                .iter()
                .map(|(condition, value)| {
                    format!(
                        " WHEN {} THEN {}",
                        text(condition, columns),
                        text(value, columns)
                    )
                })
                .collect();
            if let Some(value) = otherwise {
                all += &format!(" ELSE {}", text(value, columns));
            }
            format!("CASE{all} END")
        }
        ExprKind::Coalesce(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value, columns)).collect();
            format!("coalesce({})", values.join(", "))
        }
        ExprKind::Field(input, index) => {
            let name = field_name(&input.data_type, *index);
            format!("{}.{name}", text(input, columns))
        }
        ExprKind::Lambda {
            parameters, body, ..
        } => {
            let names: Vec<String> = (0..*parameters).map(|index| format!("x{index}")).collect();
            format!("({}) -> {}", names.join(", "), text(body, columns))
        }
    }
}

/// A column by name, with its qualifier where the name alone would not tell; beyond the columns it is a parameter of a lambda.
fn column(index: usize, columns: &[Column]) -> String {
    let Some(column) = columns.get(index) else {
        return format!("x{}", index - columns.len());
    };
    let is_repeated = columns
        .iter()
        .filter(|other| other.name.eq_ignore_ascii_case(&column.name))
        .count()
        > 1;
    match &column.qualifier {
        Some(qualifier) if is_repeated => format!("{qualifier}.{}", column.name),
        _ => column.name.clone(),
    }
}
