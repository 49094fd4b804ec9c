//! What CSV text becomes, and what becomes CSV text.

use super::{CsvDecoder, CsvInference, CsvOptions, CsvWriteOptions};
use crate::format::ParseMode;
use crate::options::Options;
use crate::types::{self, parse_ddl_schema};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

fn options(pairs: &[(&str, &str)]) -> CsvOptions {
    let mut options = Options::new("test", pairs.iter().copied());
    let read = CsvOptions::take(&mut options, "UTC").unwrap();
    options.finish().unwrap();
    read
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let format = FormatOptions::new().with_null("null");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &format).unwrap())
        .collect();
    let row = |row: usize| {
        let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
        values.join("|")
    };
    (0..batch.num_rows()).map(row).collect()
}

fn read(schema: &str, text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let schema = parse_ddl_schema(schema).unwrap();
    let options = options(pairs);
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut decoder = CsvDecoder::new(&schema, &all, &options).unwrap();
    decoder.push(text.as_bytes(), options.header).unwrap();
    shown(&decoder.finish().unwrap())
}

#[test]
fn every_type_is_read_and_empty_fields_are_null() {
    assert_eq!(
        read(
            "a INT, b BIGINT, c DOUBLE, d DECIMAL(5,2), e BOOLEAN, f DATE, g TIMESTAMP, h STRING",
            "1,2,3.5,\"1,234.5\",TRUE,2024-02-29,2024-01-01T00:00:00Z,x\n,,,,,,,\n\n-1,+2,NaN,0,false,2024-2-1,2024-01-01 01:00:00+01:00, y \n",
            &[]
        ),
        [
            "1|2|3.5|null|true|2024-02-29|2024-01-01T00:00:00Z|x",
            "null|null|null|null|null|null|null|null",
            "-1|2|NaN|0.00|false|2024-02-01|2024-01-01T00:00:00Z| y "
        ]
    );
}

#[test]
fn quotes_and_escapes_follow_spark() {
    let text = "\"a,b\",1\n\"say \\\"hi\\\"\",2\n\"back\\\\slash\",3\n\"not \\n new\",4\n\"a\"\"b\",5\n\"\",6\n\"x\" ,7\nun\"quoted,8\n";
    assert_eq!(
        read("s STRING, n INT", text, &[]),
        [
            "a,b|1",
            "say \"hi\"|2",
            "back\\slash|3",
            "not \\n new|4",
            "\"a\"\"b\"|5",
            "null|6",
            "x|7",
            "un\"quoted|8"
        ]
    );
    assert_eq!(
        read("s STRING, n INT", "\"a\"\"b\",5\n", &[("escape", "\"")]),
        ["a\"b|5"]
    );
}

#[test]
fn quoted_fields_may_go_over_several_lines() {
    assert_eq!(
        read(
            "s STRING, n INT",
            "\"a\nb\",1\r\n'c',2",
            &[("multiLine", "true")]
        ),
        ["a\nb|1", "'c'|2"]
    );
}

#[test]
fn headers_comments_separators_and_nulls_are_options() {
    let pairs = [
        ("header", "true"),
        ("comment", "#"),
        ("sep", "\\t"),
        ("nullValue", "NA"),
        ("emptyValue", "-"),
        ("ignoreLeadingWhiteSpace", "true"),
        ("ignoreTrailingWhiteSpace", "true"),
    ];
    assert_eq!(
        read(
            "a STRING, b STRING",
            "# c\nx\ty\n a \tNA\n#\n\"\"\t\n",
            &pairs
        ),
        ["a|null", "-|null"]
    );
}

#[test]
fn malformed_records_are_told_by_mode() {
    let text = "1,x\noops,y\n2\n3,z,more\n";
    let schema = "a INT, b STRING, _corrupt_record STRING";
    assert_eq!(
        read(schema, text, &[]),
        ["1|x|null", "null|y|oops,y", "2|null|2", "3|z|3,z,more"]
    );
    assert_eq!(
        read("a INT, b STRING", text, &[("mode", "DROPMALFORMED")]),
        ["1|x"]
    );
    let schema = parse_ddl_schema("a INT, b STRING").unwrap();
    let strict = CsvOptions {
        mode: ParseMode::FailFast,
        ..CsvOptions::default()
    };
    let mut decoder = CsvDecoder::new(&schema, &[0, 1], &strict).unwrap();
    let error = decoder.push(text.as_bytes(), false).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    );
    assert!(error.to_string().contains("record=`oops,y`"), "{error}");
}

#[test]
fn fields_are_not_counted_where_not_all_columns_are_asked_for() {
    let schema = parse_ddl_schema("a INT, b STRING, c STRING").unwrap();
    let drops = options(&[("mode", "DROPMALFORMED")]);
    let mut decoder = CsvDecoder::new(&schema, &[2, 0], &drops).unwrap();
    decoder.push(b"1,x\n2,y,z\n", false).unwrap();
    assert_eq!(shown(&decoder.finish().unwrap()), ["null|1", "z|2"]);
}

#[test]
fn columns_are_inferred() {
    let inferred = |text: &str, pairs: &[(&str, &str)], types_too| {
        let mut inference = CsvInference::new(&options(pairs), types_too);
        inference.push(text.as_bytes());
        types::simple_string(&DataType::Struct(inference.finish().fields))
    };
    let text = "a,b,b,,e,f,g\n1,1.5,x,2024-01-01,true,2024-01-01,123456789012345678901\n2147483648,2,,2024-01-01T00:00:00Z,no,2024-01-02,\n";
    assert_eq!(
        inferred(text, &[("header", "true")], true),
        "struct<a:bigint,b1:double,b2:string,_c3:timestamp,e:string,f:date,g:decimal(21,0)>"
    );
    assert_eq!(
        inferred("1,x\n", &[], false),
        "struct<_c0:string,_c1:string>"
    );
}

#[test]
fn what_is_written_is_read_again() {
    let schema = "a INT, b STRING, c DOUBLE, d TIMESTAMP, e DATE, f DECIMAL(4,2)";
    let parsed = parse_ddl_schema(schema).unwrap();
    let mut decoder =
        CsvDecoder::new(&parsed, &[0, 1, 2, 3, 4, 5], &CsvOptions::default()).unwrap();
    let text = "1,\"a,\\\"b\\\"\",1.0E10,2024-01-01T00:00:00.123Z,2024-02-29,1.20\n,plain,,,,\n";
    decoder.push(text.as_bytes(), false).unwrap();
    let batch = decoder.finish().unwrap();
    let mut pairs = Options::new("test", [("header", "true")]);
    let write = CsvWriteOptions::take(&mut pairs, "UTC").unwrap();
    let written = write.write(&batch.schema(), &[batch]).unwrap();
    let written = String::from_utf8(written).unwrap();
    assert_eq!(written, format!("a,b,c,d,e,f\n{text}"));
}
