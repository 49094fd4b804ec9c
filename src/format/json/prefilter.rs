//! Telling from the text that the query drops a row, before the row is read into columns.
//!
//! Two things are told, and all else passes; the filter of the query decides:
//! 1. Of a line, before it is parsed ([`Prefilter::rejects_line`]): that it is one record in which a string that is asked for does not
//!    occur. The text of a string column stands in the record byte for byte, unless there is a backslash; so a line without backslashes
//!    and without the bytes of any of the values that are wanted cannot pass, whatever else is in it. Searching costs a tenth of parsing.
//!    Where most lines contain the bytes anyway, the search is given up.
//! 2. Of a value, before it is read ([`Prefilter::rejects`]): that it is `null`, or a string without escapes that is none of those
//!    wanted. As in Spark's JSON source the first value of a key counts, if a record has several, and what follows a value that fails
//!    is not looked at.
//!
//! That changes no result where malformed records become rows of nulls: they would be dropped too. In the other modes, and where the
//! text of malformed records is wanted, the decoder does not ask.

use super::cursor::Cursor;
use crate::format::ColumnTest;
use arrow::datatypes::{DataType, Fields};
use memchr::memmem::Finder;
use std::ops::Range;

/// How many lines are searched before it is judged whether that pays, and of how many of them must be rejected.
const TRIAL_LINES: u32 = 1024;
const TRIAL_REJECTED_MIN: u32 = TRIAL_LINES / 8;

/// How far ahead strings are looked for.
const STRETCH_BYTES: usize = 8 << 10;

/// The tests of a record's fields.
#[derive(Debug)]
pub(super) struct Prefilter {
    by_field: Vec<Option<ValueTest>>,
    /// For each test with strings: the strings, of which a line must contain one. Empty once the search has turned out not to pay.
    searches: Vec<Vec<Search>>,
    /// The next backslash.
    backslash: Ahead,
    trial: Trial,
}

/// What is known of where something comes next in the text whose lines are gone through. What is rare is so looked for in stretches of
/// many lines: long enough that beginning costs nothing, short enough to stay in the fastest cache until they are parsed.
#[derive(Debug, Default)]
struct Ahead {
    /// Where the next one is; or, if none is found, the end of what has been searched.
    at: usize,
    is_found: bool,
}

impl Ahead {
    /// Whether it is in this line, which lies behind those that were asked for before. `find` finds the first in a text.
    #[inline]
    fn is_in(
        &mut self,
        text: &[u8],
        line: &Range<usize>,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> bool {
        let is_known = if self.is_found {
            self.at >= line.start
        } else {
            self.at >= line.end
        };
        if !is_known {
            let end = line.end.max(line.start + STRETCH_BYTES).min(text.len());
            let found = find(text.get(line.start..end).unwrap_or_default());
            self.at = found.map_or(end, |found| line.start + found);
            self.is_found = found.is_some();
        }
        self.is_found && self.at < line.end
    }
}

/// A string that is looked for. It has no line ends, so that what is found does not go beyond its line.
#[derive(Debug)]
struct Search {
    finder: Finder<'static>,
    ahead: Ahead,
}

impl Search {
    #[inline]
    fn is_in(&mut self, text: &[u8], line: &Range<usize>) -> bool {
        self.ahead.is_in(text, line, |text| self.finder.find(text))
    }
}

/// How the search of lines goes.
#[derive(Debug, Default)]
struct Trial {
    lines: u32,
    rejected: u32,
}

impl Trial {
    /// Notes a line. Gives whether to go on.
    fn note(&mut self, is_rejected: bool) -> bool {
        self.lines += 1;
        self.rejected += u32::from(is_rejected);
        if self.lines < TRIAL_LINES {
            return true;
        }
        let pays = self.rejected >= TRIAL_REJECTED_MIN;
        *self = Trial::default();
        pays
    }
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
        let searches = by_field.iter().flatten();
        let searches: Vec<_> = searches.filter_map(ValueTest::searches).collect();
        let has_any = by_field.iter().any(Option::is_some);
        has_any.then(|| Prefilter {
            by_field,
            searches: if keeps_text { searches } else { Vec::new() },
            backslash: Ahead::default(),
            trial: Trial::default(),
        })
    }

    /// The lines of another text come next.
    pub(super) fn begin_text(&mut self) {
        self.backslash = Ahead::default();
        for search in self.searches.iter_mut().flatten() {
            search.ahead = Ahead::default();
        }
    }

    /// Whether this line of the text is one record whose row is dropped. A malformed one is: it becomes a row of nulls.
    #[inline]
    pub(super) fn rejects_line(&mut self, text: &[u8], line: &Range<usize>) -> bool {
        // Space may be all there is, and an array is several records.
        if self.searches.is_empty() || text.get(line.start) != Some(&b'{') {
            return false;
        }
        let lacks_all = |searches: &mut Vec<Search>| {
            !searches.iter_mut().any(|search| search.is_in(text, line))
        };
        let find_backslash = |text: &[u8]| memchr::memchr(b'\\', text);
        let is_rejected = self.searches.iter_mut().any(lacks_all)
            && !self.backslash.is_in(text, line, find_backslash);
        if !self.trial.note(is_rejected) {
            self.searches.clear();
        }
        is_rejected
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

    /// The strings that are wanted, without their quotes; `None` if any will do.
    fn searches(&self) -> Option<Vec<Search>> {
        let unquoted = |text: &[u8]| {
            let text = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            let finder = Finder::new(text).into_owned();
            let ahead = Ahead::default();
            Some(Search { finder, ahead })
        };
        let texts = self.wanted.iter();
        let searches: Vec<_> = texts.filter_map(|text| unquoted(text)).collect();
        (!searches.is_empty()).then_some(searches)
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
    use super::super::{JsonDecoder, JsonOptions};
    use super::{Ahead, ColumnTest, Finder, Prefilter, STRETCH_BYTES, TRIAL_LINES};
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
    fn what_is_ahead_is_found_in_its_line_and_no_other() {
        let mut text = Vec::new();
        let mut lines = Vec::new();
        for number in 0..3000_usize {
            let start = text.len();
            let word = if number % 700 == 699 { "view" } else { "none" };
            text.extend_from_slice(
                format!("{number} {word} {}", "x".repeat(number % 50)).as_bytes(),
            );
            lines.push((start..text.len(), word == "view"));
            text.push(b'\n');
        }
        let finder = Finder::new("view");
        let mut ahead = Ahead::default();
        for (line, has_it) in &lines {
            let is_in = ahead.is_in(&text, line, |text| finder.find(text));
            assert_eq!(is_in, *has_it, "{line:?}");
        }
        // A line that is longer than a stretch.
        let mut text = vec![b'x'; 2 * STRETCH_BYTES];
        text.extend_from_slice(b"view");
        let whole = 0..text.len();
        assert!(Ahead::default().is_in(&text, &whole, |text| finder.find(text)));
    }

    #[test]
    fn a_search_that_does_not_pay_is_given_up() {
        let rejects = |prefilter: &mut Prefilter, line: &[u8]| {
            prefilter.begin_text();
            prefilter.rejects_line(line, &(0..line.len()))
        };
        let fields = parse_ddl_schema(SCHEMA).unwrap().fields().clone();
        let with = b"{\"a\":\"view\",\"c\":\"click\"}".as_slice();
        let without = b"{\"c\":\"click\"}".as_slice();
        for (every, is_kept) in [(8, true), (9, false)] {
            let mut prefilter = Prefilter::new(&tests(), &fields, true).unwrap();
            for line in 0..TRIAL_LINES {
                let is_without = line % every == 0;
                let line = if is_without { without } else { with };
                assert_eq!(rejects(&mut prefilter, line), is_without);
            }
            assert_eq!(rejects(&mut prefilter, without), is_kept);
        }
        let mut rewriting = Prefilter::new(&tests(), &fields, false).unwrap();
        assert!(!rejects(&mut rewriting, without));
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
