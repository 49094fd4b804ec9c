use super::*;
use crate::source::memory::MemoryStream;
use crate::types::parse_ddl_schema;
use polars::prelude::{IntoLazy, col, df, lit};

fn stream(ddl: &str) -> StreamFrame {
    let schema = Arc::new(parse_ddl_schema(ddl).unwrap());
    Session::new()
        .read_stream()
        .from_source(MemoryStream::new(schema))
}

#[track_caller]
fn condition(frame: &StreamFrame) -> String {
    let error = frame.schema().unwrap_err();
    error
        .condition()
        .unwrap_or_else(|| error.message())
        .to_owned()
}

#[test]
fn the_first_error_stays_and_comes_out_at_the_end() {
    let broken = stream("v INT").select([col("w")]).filter(col("v").gt("x"));
    let after = broken
        .with_watermark("nope", "soon")
        .group_by([col("z")])
        .count();
    assert_eq!(condition(&after), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    assert!(after.schema().unwrap_err().message().contains("`w`"));
    assert!(!after.is_streaming());
    let on_the_right = stream("v INT").union(&broken);
    assert_eq!(
        condition(&on_the_right),
        "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    );
}

#[test]
fn a_reader_keeps_its_error_for_the_frame() {
    let session = Session::new();
    let frame = session.read_stream().schema("v INTEGERS").load();
    assert_eq!(condition(&frame), "UNSUPPORTED_DATATYPE");
    let frame = session.read_stream().format("paper").load();
    assert_eq!(condition(&frame), "DATA_SOURCE_NOT_FOUND");
}

#[test]
fn with_columns_asks_for_a_name() {
    let frame = stream("v INT").with_columns([col("v") * lit(2)]);
    assert!(
        condition(&frame).contains("use alias"),
        "{}",
        condition(&frame)
    );
}

#[test]
fn lazy_frames_are_read_column_by_column() {
    let lazy = df!["a" => [1_i32, 2], "b" => ["x", "y"]].unwrap().lazy();
    let source = PolarsSource::new(lazy).unwrap();
    let read =
        |columns: &[usize]| crate::source::SourceFactory::read_static(&source, columns).unwrap();
    let names = |batch: &RecordBatch| -> Vec<String> {
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    assert_eq!(names(&read(&[1, 0])[0]), ["b", "a"]);
    let rows = read(&[]);
    assert_eq!((rows[0].num_columns(), rows[0].num_rows()), (0, 2));
}
