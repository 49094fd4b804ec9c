//! Rows by the values of their partition columns, each group for a folder `name=value/…` of its own.
//!
//! Hive's rules: null and the empty text are `__HIVE_DEFAULT_PARTITION__`; characters that paths or Hive give a meaning are
//! written as `%` and two hexadecimal digits. The files do not have the partition columns.

use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast_with_units;
use crate::error::{Error, Result};
use crate::types::{self, TypeUnits};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What stands in a path for null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Which columns go into the path, and which into the files.
#[derive(Debug)]
pub(super) struct Partitioning {
    schema: SchemaRef,
    /// By index into `schema`, in the order of the folders.
    by: Vec<usize>,
    /// All others, in order.
    kept: Vec<usize>,
    file_schema: SchemaRef,
}

/// The rows of one file.
#[derive(Debug)]
pub(super) struct Part {
    /// Relative, with `/` between its parts; empty without partitions.
    pub(super) folder: String,
    pub(super) schema: SchemaRef,
    pub(super) rows: Vec<RecordBatch>,
}

impl Partitioning {
    /// # Errors
    ///
    /// `Invalid`, if there is no such column, nothing is left for the files, or a column cannot stand in a path.
    pub(super) fn new(schema: &SchemaRef, by: &[String]) -> Result<Partitioning> {
        let mut indices = Vec::new();
        for name in by {
            let index = schema
                .fields()
                .iter()
                .position(|field| field.name().eq_ignore_ascii_case(name))
                .ok_or_else(|| {
                    let known: Vec<&str> = schema
                        .fields()
                        .iter()
                        .map(|field| field.name().as_str())
                        .collect();
                    Error::invalid(format!(
                        "there is no such partition column. column=`{name}`, columns=`{}`",
                        known.join(", ")
                    ))
                    .with_condition("UNRESOLVED_COLUMN.WITH_SUGGESTION")
                })?;
            let data_type = schema.field(index).data_type();
            if !types::is_atomic(data_type) || *data_type == DataType::Binary {
                return Err(Error::invalid(format!(
                    "a column of this type cannot stand in a path. column=`{name}`, type=`{}`",
                    types::sql_name(data_type)
                ))
                .with_condition("INVALID_PARTITION_COLUMN_DATA_TYPE"));
            }
            if indices.contains(&index) {
                return Err(Error::invalid(format!(
                    "a partition column is named twice. column=`{name}`"
                ))
                .with_condition("COLUMN_ALREADY_EXISTS"));
            }
            indices.push(index);
        }
        let kept: Vec<usize> = (0..schema.fields().len())
            .filter(|index| !indices.contains(index))
            .collect();
        if kept.is_empty() {
            return Err(Error::invalid(
                "a file needs a column: not all of them can be partition columns",
            )
            .with_condition("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
        }
        Ok(Partitioning {
            file_schema: Arc::new(schema.project(&kept)?),
            schema: Arc::clone(schema),
            by: indices,
            kept,
        })
    }

    /// The columns of the files.
    pub(super) fn file_schema(&self) -> &SchemaRef {
        &self.file_schema
    }

    /// The rows of each file, in the order of the folders; nothing for no rows.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub(super) fn split(&self, batches: &[RecordBatch]) -> Result<Vec<Part>> {
        let mut parts: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let files = batch.project(&self.kept)?;
            if self.by.is_empty() {
                parts.entry(String::new()).or_default().push(files);
                continue;
            }
            for (folder, rows) in self.group(batch)? {
                let rows = take_record_batch(&files, &UInt32Array::from(rows))?;
                parts.entry(folder).or_default().push(rows);
            }
        }
        let part = |(folder, rows): (String, Vec<RecordBatch>)| Part {
            folder,
            schema: Arc::clone(&self.file_schema),
            rows,
        };
        Ok(parts.into_iter().map(part).collect())
    }

    /// The folders of a batch, each with its rows.
    fn group(&self, batch: &RecordBatch) -> Result<BTreeMap<String, Vec<u32>>> {
        let mut names = Vec::new();
        for index in &self.by {
            let name = escape(self.schema.field(*index).name());
            names.push((
                name,
                texts(batch.column(*index), self.schema.field(*index))?,
            ));
        }
        let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut folder = String::new();
        for row in 0..batch.num_rows() {
            folder.clear();
            for (name, values) in &names {
                if !folder.is_empty() {
                    folder.push('/');
                }
                folder.push_str(name);
                folder.push('=');
                let values = values.as_string::<i32>();
                match values.value(row) {
                    value if values.is_valid(row) && !value.is_empty() => {
                        folder.push_str(&escape(value));
                    }
                    _ => folder.push_str(NULL),
                }
            }
            let row = u32::try_from(row)
                .map_err(|_| Error::internal("a record batch has more than 2^32 rows"))?;
            match groups.get_mut(&folder) {
                Some(rows) => rows.push(row),
                None => {
                    groups.insert(folder.clone(), vec![row]);
                }
            }
        }
        Ok(groups)
    }
}

/// Every value of the column `field` as text.
fn texts(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    let text = (&DataType::Utf8, &TypeUnits::default());
    cast_with_units(
        (column, &TypeUnits::from_field(field)),
        text,
        false,
        &context,
    )
}

/// A text as part of a path.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let is_special = character.is_ascii_control()
            || matches!(
                character,
                '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '[' | ']' | '^'
            );
        if is_special {
            let code = u32::from(character);
            write!(escaped, "%{code:02X}").expect("writing to memory cannot fail");
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    fn rows(names: Vec<Option<&str>>) -> RecordBatch {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0_i64..).take(names.len())));
        let names: ArrayRef = Arc::new(StringArray::from(names));
        RecordBatch::try_from_iter([("K", names), ("v", values)]).unwrap()
    }

    #[test]
    fn rows_are_grouped_by_escaped_folders() {
        let batch = rows(vec![
            Some("a/b"),
            None,
            Some("x"),
            Some(""),
            Some("a/b"),
            Some("é="),
        ]);
        let by = Partitioning::new(&batch.schema(), &["k".to_owned()]).unwrap();
        let parts = by.split(&[batch]).unwrap();
        let found: Vec<(&str, usize)> = parts
            .iter()
            .map(|part| (part.folder.as_str(), part.rows[0].num_rows()))
            .collect();
        assert_eq!(
            found,
            [
                ("K=__HIVE_DEFAULT_PARTITION__", 2),
                ("K=a%2Fb", 2),
                ("K=x", 1),
                ("K=é%3D", 1)
            ]
        );
        assert_eq!(parts[0].schema.fields().len(), 1);
    }

    #[test]
    fn an_interval_is_written_in_the_units_of_its_column() {
        let schema: SchemaRef =
            Arc::new(crate::types::parse_ddl_schema("d INTERVAL DAY, v BIGINT").unwrap());
        let days: ArrayRef = Arc::new(arrow::array::DurationMicrosecondArray::from(vec![
            172_800_000_000,
        ]));
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![days, values]).unwrap();
        let by = Partitioning::new(&schema, &["d".to_owned()]).unwrap();
        let parts = by.split(&[batch]).unwrap();
        assert_eq!(parts[0].folder, "d=INTERVAL %272%27 DAY");
    }

    #[test]
    fn without_partitions_all_rows_are_one_file_and_no_rows_none() {
        let batch = rows(vec![Some("a"), None]);
        let by = Partitioning::new(&batch.schema(), &[]).unwrap();
        assert_eq!(by.split(&[batch.clone(), batch.clone()]).unwrap().len(), 1);
        assert!(by.split(&[batch.slice(0, 0)]).unwrap().is_empty());
    }

    #[test]
    fn bad_partition_columns_are_refused() {
        let schema = rows(vec![]).schema();
        let refused = |by: &[&str]| {
            let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
            let error = Partitioning::new(&schema, &by).unwrap_err();
            error.condition().unwrap().to_owned()
        };
        assert_eq!(refused(&["x"]), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
        assert_eq!(refused(&["k", "v"]), "ALL_PARTITION_COLUMNS_NOT_ALLOWED");
        assert_eq!(refused(&["k", "K"]), "COLUMN_ALREADY_EXISTS");
    }
}
