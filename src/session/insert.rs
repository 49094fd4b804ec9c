//! `INSERT INTO`: the columns of a query become those of the table it goes into, by position or by name, by Spark's rules of store
//! assignment: what can lose more than range or precision must be cast by the user.

use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::plan::{Column, LogicalPlan, builder};
use crate::types::{
    TypeUnits, can_implicitly_cast, is_atomic, is_datetime, is_numeric, sql_name_of,
};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

/// The rows of `query` with the columns of the table.
///
/// # Errors
///
/// `INSERT_COLUMN_ARITY_MISMATCH…` and `INCOMPATIBLE_DATA_FOR_TABLE…`, naming table and column.
pub(super) fn fit(
    query: &Arc<LogicalPlan>,
    table: &str,
    columns: &Schema,
    by_name: bool,
) -> Result<Arc<LogicalPlan>> {
    let order = if by_name {
        by_names(query, table, columns)?
    } else {
        by_position(query, table, columns)?
    };
    // Names may repeat in a query, so that its columns are called by number here.
    let numbered: Vec<String> = (0..query.schema.columns.len())
        .map(|index| format!("c{index}"))
        .collect();
    let source = builder::alias_columns(query, "query", &numbered)?;
    let mut items = vec![];
    for (field, index) in columns.fields().iter().zip(order) {
        let Some(from) = query.schema.columns.get(index) else {
            return Err(Error::internal("a column of the query is not there"));
        };
        let column = Ast::new(AstKind::Name(vec!["query".to_owned(), format!("c{index}")]));
        let value = assign(column, from, field, table)?;
        items.push(value.alias(field.name()));
    }
    builder::select(&source, &items)
}

/// Which column of the query goes into each column of the table, if the first goes into the first.
fn by_position(query: &LogicalPlan, table: &str, columns: &Schema) -> Result<Vec<usize>> {
    let (found, wanted) = (query.schema.columns.len(), columns.fields().len());
    if found == wanted {
        return Ok((0..found).collect());
    }
    let which = if found < wanted {
        "NOT_ENOUGH_DATA_COLUMNS"
    } else {
        "TOO_MANY_DATA_COLUMNS"
    };
    Err(Error::invalid(format!(
        "the query gives {found} columns and the table has {wanted}. table=`{table}`"
    ))
    .with_condition(format!("INSERT_COLUMN_ARITY_MISMATCH.{which}")))
}

/// Which column of the query goes into each column of the table, if names decide.
fn by_names(query: &LogicalPlan, table: &str, columns: &Schema) -> Result<Vec<usize>> {
    let given = &query.schema.columns;
    let known = |name: &str| {
        columns
            .fields()
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name))
    };
    if let Some(extra) = given.iter().find(|column| !known(&column.name)) {
        return Err(Error::invalid(format!(
            "the table has no such column. table=`{table}`, column=`{}`",
            extra.name
        ))
        .with_condition("INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS"));
    }
    let index_of = |field: &Arc<Field>| {
        let mut found = (0..given.len()).filter(|index| {
            given
                .get(*index)
                .is_some_and(|column| column.name.eq_ignore_ascii_case(field.name()))
        });
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => Err(Error::invalid(format!(
                "the query gives a column of the table twice. table=`{table}`, column=`{}`",
                field.name()
            ))
            .with_condition("INCOMPATIBLE_DATA_FOR_TABLE.AMBIGUOUS_COLUMN_NAME")),
            (None, _) => Err(Error::invalid(format!(
                "the query does not give a column of the table. table=`{table}`, column=`{}`",
                field.name()
            ))
            .with_condition("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA")),
        }
    };
    columns.fields().iter().map(index_of).collect()
}

/// The value, cast to the type of the table's column.
fn assign(value: Ast, column: &Column, field: &Field, table: &str) -> Result<Ast> {
    let (from, to) = (&column.data_type, field.data_type());
    let units = TypeUnits::from_field(field);
    if from == to && column.units == units {
        return Ok(value);
    }
    if !can_assign(from, to) {
        return Err(Error::invalid(format!(
            "the query gives {} for a column of type {}; cast it if that is meant. table=`{table}`, column=`{}`",
            column.sql_type(),
            sql_name_of(to, &units),
            field.name()
        ))
        .with_condition("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST"));
    }
    Ok(Ast::new(AstKind::Cast {
        input: Box::new(value),
        data_type: to.clone(),
        units,
        is_try: false,
    }))
}

/// Whether a value may be stored in a column of another type (`spark.sql.storeAssignmentPolicy=ANSI`): numbers in numbers and times in
/// times, checked as they come; anything as text; and what the language casts by itself, but text as nothing else.
fn can_assign(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        _ if from == to => true,
        (DataType::Null, _) => true,
        (DataType::List(from), DataType::List(to)) => can_assign(from.data_type(), to.data_type()),
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len()
                && from
                    .iter()
                    .zip(to)
                    .all(|(from, to)| can_assign(from.data_type(), to.data_type()))
        }
        (DataType::Utf8, _) => false,
        (_, DataType::Utf8) => is_atomic(from) && *from != DataType::Binary,
        _ => {
            (is_numeric(from) && is_numeric(to))
                || (is_datetime(from) && is_datetime(to))
                || can_implicitly_cast(from, to)
        }
    }
}
