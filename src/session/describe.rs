//! What `DESCRIBE`, `SHOW TABLES`, `SET` and `EXPLAIN` show: small tables of text, with Spark's columns.

use super::{ScriptOutput, Session};
use crate::catalog::{CatalogEntry, TableDefinition};
use crate::error::Result;
use crate::types::{TypeUnits, simple_string_of};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// What stands for the value of an option that may be a secret, as in Spark.
const REDACTED: &str = "*********(redacted)";

/// Pieces of option names whose values are not shown.
const SECRETS: [&str; 6] = ["secret", "password", "token", "jaas", "credential", "url"];

/// `DESCRIBE name`: columns with their types; with `EXTENDED` what else the catalog knows.
pub(super) fn table(session: &Session, name: &str, is_extended: bool) -> Result<ScriptOutput> {
    let entry = session.catalog().get(name)?.clone();
    let columns = match &entry {
        CatalogEntry::View(plan) => plan.schema.to_arrow(),
        CatalogEntry::Table(definition) => match &definition.columns {
            Some(columns) => columns.clone(),
            None => session.table(name).schema()?,
        },
        CatalogEntry::Source(factory) => factory.schema(),
    };
    let mut rows: Vec<[String; 3]> = columns
        .fields()
        .iter()
        .map(|field| {
            let comment = field.metadata().get("comment").cloned().unwrap_or_default();
            [
                field.name().clone(),
                simple_string_of(field.data_type(), &TypeUnits::from_field(field)),
                comment,
            ]
        })
        .collect();
    if is_extended {
        rows.push([String::new(), String::new(), String::new()]);
        rows.push([
            "# Detailed Table Information".to_owned(),
            String::new(),
            String::new(),
        ]);
        rows.extend(details(name, &entry));
    }
    texts(["col_name", "data_type", "comment"], &rows)
}

fn details(name: &str, entry: &CatalogEntry) -> Vec<[String; 3]> {
    let row = |key: &str, value: &str| [key.to_owned(), value.to_owned(), String::new()];
    let mut rows = vec![row("Table", name)];
    match entry {
        CatalogEntry::View(_) => rows.push(row("Type", "VIEW")),
        CatalogEntry::Source(factory) => {
            rows.push(row("Type", "SOURCE"));
            rows.push(row("Source", &factory.identity()));
        }
        CatalogEntry::Table(definition) => {
            rows.push(row("Type", "TABLE"));
            rows.push(row("Provider", &definition.format));
            if let Some(comment) = &definition.comment {
                rows.push(row("Comment", comment));
            }
            if !definition.partitioned_by.is_empty() {
                rows.push(row("Partitioned By", &definition.partitioned_by.join(", ")));
            }
            rows.push(row("Storage Properties", &options(definition)));
        }
    }
    rows
}

fn options(definition: &TableDefinition) -> String {
    let shown = definition.options.iter().map(|(key, value)| {
        let lower = key.to_lowercase();
        let is_secret = SECRETS.iter().any(|piece| lower.contains(piece));
        format!("{key}={}", if is_secret { REDACTED } else { value })
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(", "))
}

/// `SHOW TABLES [LIKE 'pattern']`: `*` is anything, `|` is or, case does not count.
pub(super) fn tables(session: &Session, pattern: Option<&str>) -> Result<ScriptOutput> {
    let names: Vec<String> = session
        .table_names()
        .into_iter()
        .filter(|name| pattern.is_none_or(|pattern| is_like(name, pattern)))
        .collect();
    let is_view = names.iter().map(|name| {
        let entry = session.catalog().get(name).ok().cloned();
        matches!(entry, Some(CatalogEntry::View(_)))
    });
    let is_view: ArrayRef = Arc::new(is_view.map(Some).collect::<BooleanArray>());
    let namespace: ArrayRef = Arc::new(StringArray::from(vec![""; names.len()]));
    let names: ArrayRef = Arc::new(StringArray::from(names));
    Ok(one_batch(RecordBatch::try_from_iter([
        ("namespace", namespace),
        ("tableName", names),
        ("isTemporary", is_view),
    ])?))
}

/// Whether a name fits one of the alternatives of a pattern.
fn is_like(name: &str, pattern: &str) -> bool {
    pattern.split('|').any(|alternative| {
        let pieces: Vec<String> = alternative.trim().split('*').map(regex::escape).collect();
        regex::RegexBuilder::new(&format!("^{}$", pieces.join(".*")))
            .case_insensitive(true)
            .build()
            .is_ok_and(|pattern| pattern.is_match(name))
    })
}

/// `SET`, `SET key`: settings with their values.
pub(super) fn settings(session: &Session, key: Option<&str>) -> Result<ScriptOutput> {
    let settings = session.settings();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "<undefined>".to_owned());
    let rows: Vec<[String; 2]> = match key {
        Some(key) => vec![[key.to_owned(), shown(settings.get(key)?)]],
        None => settings
            .entries()
            .map(|(key, value)| [key.to_owned(), shown(value)])
            .collect(),
    };
    texts(["key", "value"], &rows)
}

/// Text as a table of one column with one row for the whole of it.
pub(super) fn lines(column: &str, text: &str) -> Result<ScriptOutput> {
    texts([column], &[[text.to_owned()]])
}

/// A table of text.
fn texts<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> Result<ScriptOutput> {
    let columns = names.iter().enumerate().map(|(index, name)| {
        let values = rows.iter().map(|row| row.get(index));
        let column: ArrayRef = Arc::new(values.collect::<StringArray>());
        (*name, column)
    });
    Ok(one_batch(RecordBatch::try_from_iter(columns)?))
}

fn one_batch(batch: RecordBatch) -> ScriptOutput {
    let schema: SchemaRef = batch.schema();
    ScriptOutput::Table(schema, vec![batch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_show_tables_know_stars_and_alternatives() {
        assert!(is_like("clicks", "cl*"));
        assert!(is_like("Clicks", "ads|clicks"));
        assert!(is_like("a.b", "a.b"));
        assert!(!is_like("axb", "a.b"));
        assert!(!is_like("clicks", "click"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let definition = TableDefinition {
            options: [
                ("kafka.sasl.jaas.config", "hidden"),
                ("subscribe", "clicks"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            ..TableDefinition::default()
        };
        let shown = options(&definition);
        assert!(shown.contains("subscribe=clicks"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
