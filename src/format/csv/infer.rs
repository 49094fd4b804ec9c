//! The columns of CSV files, by looking at them.
//!
//! Names come from the header, or are `_c0`, `_c1`, …; types are `STRING`, unless they are to be inferred too. Then a column is of
//! the first type that all its values are of, as in Spark: `INT`, `BIGINT`, `DECIMAL` (whole numbers only), `DOUBLE`, `DATE`,
//! `TIMESTAMP`, `BOOLEAN`, `STRING`.

use super::CsvOptions;
use super::record::{Reader, Record};
use crate::cast::parse;
use crate::types;
use arrow::datatypes::{DataType, Field, Schema};
use std::collections::BTreeSet;

/// Looks at files and gathers what columns they have.
#[derive(Debug)]
pub(crate) struct CsvInference {
    options: CsvOptions,
    infers_types: bool,
    /// The names of the first file, and what the values of each column were so far.
    columns: Vec<(String, Option<DataType>)>,
}

impl CsvInference {
    pub(crate) fn new(options: &CsvOptions, infers_types: bool) -> CsvInference {
        CsvInference {
            options: options.clone(),
            infers_types,
            columns: Vec::new(),
        }
    }

    /// Looks at a file. The first one that has a record decides how many columns there are.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let options = self.options.clone();
        let mut reader = Reader::new(text, &options);
        let mut record = Record::default();
        if reader.next(&mut record).is_none() {
            return;
        }
        if self.columns.is_empty() {
            let names = names(&record, options.header);
            self.columns = names.into_iter().map(|name| (name, None)).collect();
        }
        if options.header && reader.next(&mut record).is_none() {
            return;
        }
        while self.infers_types {
            self.push_record(&record);
            if reader.next(&mut record).is_none() {
                return;
            }
        }
    }

    fn push_record(&mut self, record: &Record) {
        for (index, (_, known)) in self.columns.iter_mut().enumerate() {
            let Some((bytes, _)) = record.field(index) else {
                continue;
            };
            let text = String::from_utf8_lossy(bytes);
            if text.is_empty() || text == self.options.null_value {
                continue;
            }
            let seen = type_of(&text, &self.options);
            *known = Some(match known.take() {
                None => seen,
                Some(known) => unite(known, &seen),
            });
        }
    }

    /// The columns; none, if there was no record.
    pub(crate) fn finish(self) -> Schema {
        let columns = self.columns.into_iter();
        let fields =
            columns.map(|(name, known)| Field::new(name, known.unwrap_or(DataType::Utf8), true));
        Schema::new(fields.collect::<Vec<_>>())
    }
}

/// The names of the columns: those of the header, with the place behind names that are missing or repeat; else `_c0` and so on.
fn names(record: &Record, has_header: bool) -> Vec<String> {
    if !has_header {
        return (0..record.len())
            .map(|index| format!("_c{index}"))
            .collect();
    }
    let names: Vec<String> = record.texts().collect();
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<String> = names
        .iter()
        .filter(|name| !seen.insert(name.to_lowercase()))
        .map(|name| name.to_lowercase())
        .collect();
    let name = |(index, name): (usize, String)| match name.is_empty() {
        true => format!("_c{index}"),
        false if repeated.contains(&name.to_lowercase()) => format!("{name}{index}"),
        false => name,
    };
    names.into_iter().enumerate().map(name).collect()
}

fn type_of(text: &str, options: &CsvOptions) -> DataType {
    if text.parse::<i32>().is_ok() {
        return DataType::Int32;
    }
    if text.parse::<i64>().is_ok() {
        return DataType::Int64;
    }
    let digits = text.trim_start_matches('-');
    if !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.len() <= usize::from(types::DECIMAL_MAX_PRECISION)
    {
        return DataType::Decimal128(u8::try_from(digits.len()).unwrap_or(u8::MAX), 0);
    }
    let specials = [
        &options.nan_value,
        &options.positive_inf,
        &options.negative_inf,
    ];
    if specials.iter().any(|special| *special == text) || parse::double(text).is_some() {
        return DataType::Float64;
    }
    if options.times.date(text).is_some() && !text.contains([' ', 'T', ':']) {
        return DataType::Date32;
    }
    if options.times.timestamp(text.as_bytes()).is_some() {
        return types::timestamp();
    }
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return DataType::Boolean;
    }
    DataType::Utf8
}

/// The type that holds the values of both.
fn unite(left: DataType, right: &DataType) -> DataType {
    if left == *right {
        return left;
    }
    let is_time = |data_type: &DataType| types::is_datetime(data_type);
    match types::common_type(&left, right) {
        Some(common) if types::is_numeric(&left) && types::is_numeric(right) => common,
        Some(common) if is_time(&left) && is_time(right) => common,
        _ => DataType::Utf8,
    }
}
