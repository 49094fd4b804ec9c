//! The query of a SQL file, over the streams and tables of a case instead of those that the file declares.

use super::Case;
use super::run::Views;
use crate::catalog::TableDefinition;
use crate::error::{Error, Result};
use crate::plan::{LogicalPlan, builder};
use crate::sql::{self, Query, StatementKind, ViewDefinition};
use crate::types::{TypeUnits, schema_string};
use arrow::datatypes::{Field, Schema};
use std::sync::Arc;

/// The plan of the query that the case names.
pub(super) fn lower_script(case: &Case, text: &str, views: &mut Views) -> Result<Arc<LogicalPlan>> {
    let mut found = None;
    let mut names = Vec::new();
    for statement in sql::parse_script(text)? {
        let mut run = || match &statement.kind {
            StatementKind::CreateTable { definition, .. } => declared(case, definition, views),
            StatementKind::CreateTemporaryView {
                name,
                definition: ViewDefinition::Query(query),
                ..
            } => {
                let plan = sql::lower_query(query, views)?;
                let name = name.to_string();
                views.put(&name, builder::alias(&plan, &name));
                Ok(())
            }
            StatementKind::Set {
                key: Some(_),
                value: Some(_),
            } => Err(Error::unsupported(
                "SET in the SQL file of a case: settings of a case stand in its `conf`, and for `tidemill run` in --set",
            )),
            kind => {
                let Some((name, query)) = query_of(kind) else {
                    return Ok(());
                };
                let is_wanted = |wanted: &String| wanted.eq_ignore_ascii_case(&name);
                if found.is_none() && case.query.as_ref().is_none_or(is_wanted) {
                    found = Some(sql::lower_query(query, views)?);
                }
                names.push(name);
                Ok(())
            }
        };
        run().map_err(|error| error.with_sql(&statement.text))?;
    }
    found.ok_or_else(|| {
        let names = names.join(", ");
        let wanted = case.query.as_deref().unwrap_or_default();
        Error::invalid(format!(
            "the SQL file of the case has no such query. query=`{wanted}`, queries=`{names}`"
        ))
    })
}

/// A statement that is a query, with its name.
fn query_of(kind: &StatementKind) -> Option<(String, &Query)> {
    match kind {
        StatementKind::CreateFlow { name, insert, .. } => Some((name.to_string(), &insert.query)),
        StatementKind::InsertInto(insert) => Some((insert.target.to_string(), &insert.query)),
        StatementKind::CreateStreamingTable {
            definition,
            query: Some(query),
            ..
        }
        | StatementKind::CreateMaterializedView {
            definition, query, ..
        } => Some((definition.name.clone(), query)),
        StatementKind::Query(query) => Some(("query".to_owned(), query)),
        _ => None,
    }
}

/// Sees that a table of the case has the columns that the file declares, so that the case does not go on passing when they change.
fn declared(case: &Case, definition: &TableDefinition, views: &Views) -> Result<()> {
    let name = &definition.name;
    let of_case = |given: &String| given.eq_ignore_ascii_case(name);
    let is_replaced = case.sources.keys().chain(case.tables.keys()).any(of_case);
    let (true, Some(columns)) = (is_replaced, &definition.columns) else {
        return Ok(());
    };
    let given = views.get(name)?.schema.to_arrow();
    let is_same = |(a, b): (&Arc<Field>, &Arc<Field>)| {
        a.name().eq_ignore_ascii_case(b.name())
            && a.data_type() == b.data_type()
            && TypeUnits::from_field(a) == TypeUnits::from_field(b)
    };
    let (declared, given) = (columns.fields(), given.fields());
    if declared.len() == given.len() && declared.iter().zip(given).all(is_same) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the case gives a table other columns than the SQL file declares. table=`{name}`, declared=`{}`, given=`{}`",
        schema_string(&Schema::new(declared.clone())),
        schema_string(&Schema::new(given.clone()))
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What comes of a case whose SQL file has this text.
    fn lower(text: &str, query: Option<&str>) -> Result<Arc<LogicalPlan>> {
        let case = json!({
            "name": "n",
            "sources": {"events": {"schema": "k STRING, v INT", "batches": []}},
            "query_file": "n.sql",
            "query": query,
        });
        let case = Case::parse(&case.to_string())?;
        let mut views = Views::default();
        super::super::run::put_sources(&case, &mut views)?;
        lower_script(&case, text, &mut views)
    }

    #[test]
    fn declared_tables_are_replaced_if_their_columns_are_those_of_the_case() {
        let read = "SELECT k FROM STREAM events;";
        lower(
            &format!("CREATE TABLE EVENTS (k STRING, V INT) USING rate; {read}"),
            None,
        )
        .unwrap();
        lower(&format!("CREATE TABLE events USING rate; {read}"), None).unwrap();
        let other = format!("CREATE TABLE events (k STRING, v BIGINT) USING rate; {read}");
        let error = lower(&other, None).unwrap_err().to_string();
        assert!(
            error.contains("declared=`struct<k:string,v:bigint>`"),
            "{error}"
        );
    }

    #[test]
    fn the_query_is_the_named_one_or_the_first() {
        let text = "CREATE FLOW a AS INSERT INTO t SELECT k FROM STREAM events;
                    CREATE FLOW b AS INSERT INTO t SELECT v FROM STREAM events;";
        let column = |query| {
            lower(text, query)
                .unwrap()
                .schema
                .to_arrow()
                .field(0)
                .name()
                .clone()
        };
        assert_eq!(column(None), "k");
        assert_eq!(column(Some("B")), "v");
        let error = lower(text, Some("c")).unwrap_err().to_string();
        assert!(error.contains("query=`c`, queries=`a, b`"), "{error}");
    }

    #[test]
    fn a_setting_in_the_file_is_refused_and_not_passed_over() {
        let text = "SET spark.sql.session.timeZone = Asia/Tokyo; SELECT k FROM STREAM events;";
        let error = lower(text, None).unwrap_err().to_string();
        assert!(error.contains("`conf`"), "{error}");
    }
}
