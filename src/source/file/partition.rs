//! Columns whose values stand in the path of a file: `day=2024-01-31/hour=7/part.json`.
//!
//! Hive's rules: names and values are escaped with `%` and two hexadecimal digits, `__HIVE_DEFAULT_PARTITION__` is null.

use crate::batch::{BatchContext, Timestamp};
use crate::cast::{cast, cast_with_units};
use crate::error::{Error, Result};
use crate::types::TypeUnits;
use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What stands in a path for null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Whether a folder holds the files of one partition.
pub(super) fn is_partition_folder(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| parse(&name.to_string_lossy()))
        .is_some()
}

/// The name and the value of a folder `name=value`.
fn parse(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    if name.is_empty() {
        return None;
    }
    let value = unescape(value);
    Some((unescape(name), (value != NULL).then_some(value)))
}

/// The names (in lower case) and values in the path of a file.
pub(super) fn values_of(path: &Path) -> BTreeMap<String, Option<String>> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|folder| parse(&folder.as_os_str().to_string_lossy()))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        if let Some(byte) = code {
            bytes.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value of a path as the column `field`, for so many rows.
///
/// # Errors
///
/// `Data`, if it is not of the column's type.
pub(super) fn column(
    field: &Field,
    value: Option<&str>,
    rows: usize,
    path: &Path,
) -> Result<ArrayRef> {
    let Some(value) = value else {
        return Ok(new_null_array(field.data_type(), rows));
    };
    let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    let wanted = (field.data_type(), &TypeUnits::from_field(field));
    let given = (&text, &TypeUnits::default());
    let one = cast_with_units(given, wanted, false, &context).map_err(|cause| {
        Error::data(format!(
            "the path of a file does not have a value of the column's type. column=`{}`, value=`{value}`, path=`{}`",
            field.name(),
            path.display()
        ))
        .with_condition("INVALID_PARTITION_VALUE")
        .with_source(cause)
    })?;
    let zeros = arrow::array::UInt32Array::from_value(0, rows);
    Ok(arrow::compute::take(&one, &zeros, None)?)
}

/// The type of partition values: the first of `INT`, `BIGINT`, `DOUBLE`, `DATE`, `TIMESTAMP` that all of them are of, else `STRING`.
pub(super) fn infer<'a>(values: &(impl Iterator<Item = &'a str> + Clone)) -> DataType {
    let fits = |data_type: &DataType| {
        let context = BatchContext::one_shot(Timestamp(0), "UTC");
        values.clone().all(|value| {
            let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
            // A cast forgives white space around a number; a type must not.
            value.trim() == value && cast(&text, data_type, false, &context).is_ok()
        })
    };
    let candidates = [
        DataType::Int32,
        DataType::Int64,
        DataType::Float64,
        DataType::Date32,
        crate::types::timestamp(),
    ];
    let looks_like_time = values.clone().all(|value| value.contains('-'));
    candidates
        .into_iter()
        .filter(|data_type| !crate::types::is_datetime(data_type) || looks_like_time)
        .find(|data_type| fits(data_type))
        .unwrap_or(DataType::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_the_folders_of_a_path() {
        let path = Path::new(
            "/data/Day=2024-01-31/city=S%C3%A3o%20Paulo%2FX/k=__HIVE_DEFAULT_PARTITION__/a=b.json",
        );
        let values = values_of(path);
        assert_eq!(values.len(), 3);
        assert_eq!(values["day"].as_deref(), Some("2024-01-31"));
        assert_eq!(values["city"].as_deref(), Some("São Paulo/X"));
        assert_eq!(values["k"], None);
        assert!(is_partition_folder(Path::new("/x/a=1")));
        assert!(!is_partition_folder(Path::new("/x/=1")));
    }

    #[test]
    fn an_interval_is_read_in_the_units_of_its_column() {
        let days = crate::types::parse_ddl_schema("d INTERVAL DAY").unwrap();
        let text = Some("INTERVAL '2' DAY");
        let values = column(days.field(0), text, 2, Path::new("/d=x/a")).unwrap();
        let two_days: ArrayRef = Arc::new(arrow::array::DurationMicrosecondArray::from(vec![
            172_800_000_000;
            2
        ]));
        assert_eq!(&values, &two_days);
    }

    #[test]
    fn types_are_inferred_from_all_values() {
        let of = |values: &[&'static str]| infer(&values.iter().copied());
        assert_eq!(of(&["1", "2"]), DataType::Int32);
        assert_eq!(of(&["1", "3000000000"]), DataType::Int64);
        assert_eq!(of(&["1", "2.5"]), DataType::Float64);
        assert_eq!(of(&["2024-01-31"]), DataType::Date32);
        assert_eq!(of(&["2024-01-31", "x"]), DataType::Utf8);
    }

    #[test]
    fn a_value_of_another_type_names_the_file() {
        let field = Field::new("n", DataType::Int32, true);
        let error = column(&field, Some("x"), 2, Path::new("/n=x/a")).unwrap_err();
        assert!(error.to_string().contains("path=`/n=x/a`"), "{error}");
        assert_eq!(
            column(&field, Some("7"), 2, Path::new("/")).unwrap().len(),
            2
        );
    }
}
