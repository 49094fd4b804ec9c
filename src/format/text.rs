//! Lines of text: one column `value`, one row a line.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The columns of text.
pub fn text_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)]))
}

/// The lines of a text, which end with `\n`, `\r` or `\r\n`; or the whole text as one row. What is no UTF-8 becomes U+FFFD.
pub(crate) fn read_lines(text: &[u8], is_whole: bool) -> ArrayRef {
    let mut values = StringBuilder::with_capacity(text.len() / 64, text.len());
    if is_whole {
        values.append_value(String::from_utf8_lossy(text));
        return Arc::new(values.finish());
    }
    for line in Lines(text) {
        match std::str::from_utf8(line) {
            Ok(line) => values.append_value(line),
            Err(_) => values.append_value(String::from_utf8_lossy(line)),
        }
    }
    Arc::new(values.finish())
}

/// The lines of a text without their ends.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        let ending = match rest {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        self.0 = rest.get(ending..).unwrap_or_default();
        Some(line)
    }
}

/// Rows of a single string column as lines; null is an empty line.
///
/// # Errors
///
/// `Invalid`, if there is another number of columns, or another type.
pub(crate) fn write_lines(batches: &[RecordBatch], into: &mut Vec<u8>) -> Result<()> {
    for batch in batches {
        let column = match batch.columns() {
            [column] => column.as_string_opt::<i32>(),
            _ => None,
        };
        let Some(column) = column else {
            return Err(
                Error::invalid("text is written from exactly one column, a STRING")
                    .with_condition("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"),
            );
        };
        for value in column {
            into.extend_from_slice(value.unwrap_or_default().as_bytes());
            into.push(b'\n');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        let lines = read_lines(b"a\r\nb\n\nc\rd \xff", false);
        let lines: Vec<_> = lines.as_string::<i32>().iter().flatten().collect();
        assert_eq!(lines, ["a", "b", "", "c", "d \u{fffd}"]);
        assert_eq!(read_lines(b"", false).len(), 0);
        assert_eq!(
            read_lines(b"a\nb\n", true).as_string::<i32>().value(0),
            "a\nb\n"
        );
    }

    #[test]
    fn lines_are_written_as_they_are_read() {
        let values = read_lines(b"a\nb\n", false);
        let batch = RecordBatch::try_new(text_schema(), vec![values]).unwrap();
        let mut text = Vec::new();
        write_lines(&[batch], &mut text).unwrap();
        assert_eq!(text, b"a\nb\n");
    }
}
