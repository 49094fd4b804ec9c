//! Telling from the text that the query drops a row, before the row is read into columns.
//!
//! Two things are told, and all else passes; the filter of the query decides:
//! 1. Of a line, before it is parsed ([`Prefilter::marks`]): that it is one record in which a string that is asked for does not
//!    occur. The text of a string column stands in the record byte for byte, unless there is a backslash; so a line without backslashes
//!    and without the bytes of any of the values that are wanted cannot pass, whatever else is in it. That is told where lines are cut
//!    ([`super::lines`]), at no cost to speak of.
//! 2. Of a value, before it is read ([`Prefilter::rejects`]): that it is `null`, or a string without escapes that is none of those
//!    wanted. As in Spark's JSON source the first value of a key counts, if a record has several, and what follows a value that fails
//!    is not looked at.
//!
//! That changes no result where malformed records become rows of nulls: they would be dropped too. In the other modes, and where the
//! text of malformed records is wanted, the decoder does not ask.

use super::cursor::Cursor;
use super::lines::Marks;
use crate::format::ColumnTest;
use arrow::datatypes::{DataType, Fields};
use std::sync::Arc;

/// The tests of a record's fields.
#[derive(Debug)]
pub(super) struct Prefilter {
    by_field: Vec<Option<ValueTest>>,
    /// What marks the lines that may pass; `None` if that cannot be told from the text.
    marks: Option<Arc<Marks>>,
}

/// The test of one field's value.
#[derive(Debug)]
struct ValueTest {
    /// What the value must be, as JSON in double quotes; if there is none, anything but null.
    wanted: Vec<Box<[u8]>>,
}

impl Prefilter {
    /// The tests, of fields by their index, that can be told from the text; `None` if there are none.
    /// `keeps_text` says whether values that are not strings keep their text in string columns.
    pub(super) fn new(
        tests: &[(usize, ColumnTest)],
        fields: &Fields,
        keeps_text: bool,
    ) -> Option<Prefilter> {
        let mut by_field: Vec<Option<ValueTest>> = fields.iter().map(|_| None).collect();
        for (index, test) in tests {
            let (Some(field), Some(entry)) = (fields.get(*index), by_field.get_mut(*index)) else {
                continue;
            };
            // Each test drops null, so that one with strings says more than one without.
            let is_stronger = entry.as_ref().is_none_or(|known| known.wanted.is_empty());
            if let Some(test) = ValueTest::new(test, field.data_type())
                && is_stronger
            {
                *entry = Some(test);
            }
        }
        let has_any = by_field.iter().any(Option::is_some);
        // One test is enough, as each must be met; the one with the fewest strings passes the fewest lines.
        let mut tests: Vec<&ValueTest> = by_field.iter().flatten().collect();
        tests.retain(|test| keeps_text && !test.wanted.is_empty());
        tests.sort_by_key(|test| test.wanted.len());
        let marks = tests.into_iter().find_map(ValueTest::marks).map(Arc::new);
        has_any.then_some(Prefilter { by_field, marks })
    }

    /// What marks the lines that may pass: a line without such a mark that is one record is one whose row is dropped.
    pub(super) fn marks(&self) -> Option<&Arc<Marks>> {
        self.marks.as_ref()
    }

    /// Whether the value under the cursor, which is that of this field, is one whose row is dropped.
    #[inline]
    pub(super) fn rejects(&self, field: usize, cursor: &Cursor<'_>) -> bool {
        match self.by_field.get(field) {
            Some(Some(test)) => test.rejects(cursor),
            _ => false,
        }
    }
}

impl ValueTest {
    fn new(test: &ColumnTest, data_type: &DataType) -> Option<ValueTest> {
        let wanted = match test {
            ColumnTest::IsNotNull => Vec::new(),
            // What may be written with escapes only, or in several ways, is left to the filter.
            ColumnTest::IsOneOf(values) => {
                let needs_escape = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                if *data_type != DataType::Utf8
                    || values.iter().any(|v| v.bytes().any(needs_escape))
                {
                    return None;
                }
                let quoted = |value: &String| format!("\"{value}\"").into_bytes().into();
                values.iter().map(quoted).collect()
            }
        };
        Some(ValueTest { wanted })
    }

    /// What marks the lines that contain one of the strings that are wanted, or may do so with escapes.
    fn marks(&self) -> Option<Marks> {
        let unquoted = self.wanted.iter().map(|text| {
            let text = text.strip_prefix(b"\"")?;
            text.strip_suffix(b"\"")
        });
        let texts: Option<Vec<&[u8]>> = unquoted.collect();
        Marks::of_strings(texts?.into_iter())
    }

    #[inline]
    fn rejects(&self, cursor: &Cursor<'_>) -> bool {
        match cursor.peek() {
            Some(b'n') => true,
            Some(b'"') if !self.wanted.is_empty() => {
                let ahead = cursor.rest();
                !self.wanted.iter().any(|value| ahead.starts_with(value))
                    && cursor.at_plain_string()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::super::{JsonDecoder, JsonOptions};
    use super::{ColumnTest, Prefilter};
    use crate::format::ParseMode;
    use crate::types::parse_ddl_schema;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;
    use arrow::record_batch::RecordBatch;
    use proptest::prelude::*;

    const SCHEMA: &str = "a STRING, b BIGINT, c STRING";

    fn tests() -> Vec<(usize, ColumnTest)> {
        let strings = vec!["view".to_owned(), "buy".to_owned()];
        vec![
            (1, ColumnTest::IsNotNull),
            (2, ColumnTest::IsNotNull),
            (2, ColumnTest::IsOneOf(strings)),
        ]
    }

    fn decoder(schema: &str, mode: ParseMode) -> JsonDecoder {
        let options = JsonOptions {
            mode,
            ..JsonOptions::default()
        };
        JsonDecoder::new(&parse_ddl_schema(schema).unwrap(), &options).unwrap()
    }

    /// The rows that pass the tests, as the query's own filter would keep them.
    fn kept(batch: &RecordBatch) -> Vec<(Option<String>, i64, String)> {
        let text = |column: usize, row: usize| {
            let column = batch.column(column).as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        let row = |row: usize| {
            let c = text(2, row).filter(|c| c == "view" || c == "buy")?;
            numbers
                .is_valid(row)
                .then(|| (text(0, row), numbers.value(row), c))
        };
        (0..batch.num_rows()).filter_map(row).collect()
    }

    fn read(mut decoder: JsonDecoder, lines: &str) -> (RecordBatch, u64) {
        decoder.push_lines(lines.as_bytes()).unwrap();
        let left_out = decoder.take_left_out();
        (decoder.finish().unwrap(), left_out)
    }

    #[test]
    fn rows_that_fail_are_left_out_and_counted() {
        let lines = "{\"a\":\"x\",\"b\":1,\"c\":\"view\"}\n{\"a\":\"y\",\"b\":2,\"c\":\"viewer\"}\n\
                     {\"b\":null,\"c\":\"view\",\"a\":[{}]}\n\n{\"c\":\"click\",\"b\":7}\n{\"a\":\"z\",\"c\":\"buy\",\"b\":3}";
        let (rows, left_out) = read(
            decoder(SCHEMA, ParseMode::Permissive).with_tests(&tests()),
            lines,
        );
        assert_eq!((rows.num_rows(), left_out), (2, 3));
        assert_eq!(kept(&rows).len(), 2);
    }

    #[test]
    fn a_line_without_the_text_is_left_out_unparsed() {
        let lines = "{\"b\":1,\"c\":\"click\",\"a\":[}\n{\"b\":\"x\"}\n{\n  \n[{\"a\":\"1\"},{\"a\":\"2\"}]\n5\n";
        let permissive = || decoder(SCHEMA, ParseMode::Permissive);
        let (rows, left_out) = read(permissive().with_tests(&tests()), lines);
        assert_eq!((rows.num_rows(), left_out), (3, 3));
        let (rows, _) = read(permissive(), lines);
        assert_eq!(rows.num_rows(), 6);
    }

    #[test]
    fn the_test_with_the_fewest_strings_marks_lines_if_strings_keep_their_text() {
        let fields = parse_ddl_schema(SCHEMA).unwrap().fields().clone();
        let one = (0, ColumnTest::IsOneOf(vec!["click".to_owned()]));
        let tests: Vec<_> = tests().into_iter().chain([one]).collect();
        let prefilter = Prefilter::new(&tests, &fields, true).unwrap();
        let is_marked = |text: &[u8]| {
            let marks = prefilter.marks().unwrap();
            Lines::new(text, marks).any(|line| line.is_marked)
        };
        assert!(is_marked(b"{\"a\":\"click\"}"));
        assert!(!is_marked(b"{\"c\":\"view\"}"));
        let rewriting = Prefilter::new(&tests, &fields, false).unwrap();
        assert!(rewriting.marks().is_none());
    }

    #[test]
    fn what_cannot_be_told_from_the_text_passes() {
        let lines = "{\"b\":1,\"c\":\"\\u0076iew\"}\n{\"a\":\"buy\",\"b\":1,\"c\":5}\n{\"b\":\"x\",\"c\":'view'}\n{\"a\":\"no b, no view\"}";
        let (rows, left_out) = read(
            decoder(SCHEMA, ParseMode::Permissive).with_tests(&tests()),
            lines,
        );
        assert_eq!((rows.num_rows(), left_out), (4, 0));
        assert_eq!(kept(&rows).len(), 1);
    }

    #[test]
    fn malformed_records_are_seen_in_the_other_modes_and_with_a_column_for_them() {
        let line = "{\"b\":1,\"c\":\"click\",}";
        let mut strict = decoder(SCHEMA, ParseMode::FailFast).with_tests(&tests());
        assert!(strict.push_lines(line.as_bytes()).is_err());
        let (rows, left_out) = read(
            decoder(SCHEMA, ParseMode::DropMalformed).with_tests(&tests()),
            line,
        );
        assert_eq!((rows.num_rows(), left_out), (0, 0));
        let with_text = format!("{SCHEMA}, _corrupt_record STRING");
        let (rows, left_out) = read(
            decoder(&with_text, ParseMode::Permissive).with_tests(&tests()),
            line,
        );
        assert_eq!((rows.num_rows(), left_out), (1, 0));
        assert!(rows.column(3).is_valid(0));
    }

    fn value() -> impl Strategy<Value = String> {
        const FIXED: &[&str] = &[
            "null",
            "\"view\"",
            "\"buy\"",
            "\"views\"",
            "\"vie\"",
            "\"\"",
            "\"\\u0076iew\"",
            "'view'",
            "7",
            "true",
            "{\"c\":\"click\"}",
            "[1,",
            "\"open",
            "nul",
            "\"é\"",
            "\"\\\"view\"",
            "[\"buy\"]",
            "NaN",
            " \"view\" ",
        ];
        proptest::sample::select(FIXED).prop_map(str::to_owned)
    }

    fn line() -> impl Strategy<Value = String> {
        // Each key at most once: of a key that is there twice the first value decides here, and the last one without tests.
        let keys = Just(vec!["a", "b", "c", "d"]).prop_shuffle();
        (keys, proptest::collection::vec(value(), 0..=4)).prop_map(|(keys, values)| {
            let pair = |(key, value): (&str, String)| format!("\"{key}\": {value}");
            let pairs: Vec<String> = keys.into_iter().zip(values).map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        })
    }

    proptest! {
        #[test]
        fn the_query_sees_the_same_rows_and_as_many_were_read(lines in proptest::collection::vec(line(), 0..30)) {
            let text = lines.join("\n");
            let (all, none_left_out) = read(decoder(SCHEMA, ParseMode::Permissive), &text);
            let (some, left_out) = read(decoder(SCHEMA, ParseMode::Permissive).with_tests(&tests()), &text);
            prop_assert_eq!(none_left_out, 0);
            prop_assert_eq!(kept(&all), kept(&some));
            prop_assert_eq!(all.num_rows() as u64, some.num_rows() as u64 + left_out);
        }
    }
}
