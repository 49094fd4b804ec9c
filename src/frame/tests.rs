use super::*;
use crate::functions::{desc, explode, session_window, window};
use crate::source::memory::MemoryStream;
use crate::types::{parse_ddl_schema, simple_string};
use polars::prelude::{IntoLazy, col, df, len, lit};

fn stream(ddl: &str) -> StreamFrame {
    let schema = Arc::new(parse_ddl_schema(ddl).unwrap());
    Session::new()
        .read_stream()
        .from_source(MemoryStream::new(schema))
}

/// The columns in Spark's notation.
fn ddl(frame: &StreamFrame) -> String {
    let schema = frame.schema().unwrap();
    let columns = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), simple_string(field.data_type())));
    columns.collect::<Vec<_>>().join(", ")
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
fn each_verb_gives_a_frame_with_its_columns() {
    let events = stream("k STRING, v INT, ts TIMESTAMP, tags ARRAY<STRING>");
    let cases = [
        (
            events.select([col("v"), (col("v") * lit(2)).alias("w")]),
            "v int, w int",
        ),
        (
            events.filter(col("v").gt(lit(1))).select([col("k")]),
            "k string",
        ),
        (
            events.drop(&["TAGS", "nope"]).with_columns([
                col("v")
                    .strict_cast(polars::prelude::DataType::Int64)
                    .alias("v"),
                lit("x").alias("x"),
            ]),
            "k string, v bigint, ts timestamp, x string",
        ),
        (
            events.rename(&[("k", "key")]).drop(&["ts"]),
            "key string, v int, tags array<string>",
        ),
        (
            events.explode("tags").select([col("tags"), col("v")]),
            "tags string, v int",
        ),
        (
            events.select([col("v"), explode(col("tags")).alias("tag")]),
            "v int, tag string",
        ),
        (
            events.union(&events).drop(&["tags"]),
            "k string, v int, ts timestamp",
        ),
        (
            events
                .select([col("v")])
                .union_by_name(events.select([col("k")]), true),
            "v int, k string",
        ),
        (events.distinct().drop(&["ts", "tags"]), "k string, v int"),
        (
            events.drop_duplicates(&["k"]).limit(3).select([col("k")]),
            "k string",
        ),
    ];
    for (frame, expected) in cases {
        assert_eq!(ddl(&frame), expected);
        assert!(frame.is_streaming());
    }
}

#[test]
fn groups_have_their_keys_first_and_then_what_is_aggregated() {
    let events = stream("k STRING, v INT, ts TIMESTAMP").with_watermark("ts", "10 seconds");
    let windowed = events
        .group_by([window(col("ts"), "1 minute"), col("k")])
        .agg([len().alias("n"), col("v").sum()]);
    assert_eq!(
        ddl(&windowed),
        "window struct<start:timestamp,end:timestamp>, k string, n bigint, sum(v) bigint"
    );
    let parity = events
        .group_by([(col("v") % lit(2)).alias("parity")])
        .count();
    assert_eq!(ddl(&parity), "parity int, count bigint");
    let sessions = events.group_by([session_window(col("ts"), "5 minutes"), col("k")]);
    assert_eq!(
        ddl(&sessions.count()),
        "session_window struct<start:timestamp,end:timestamp>, k string, count bigint"
    );
    let all = events.agg([col("v").filter(col("k").eq(lit("a"))).max().alias("m")]);
    assert_eq!(ddl(&all), "m int");
    let top = windowed.order_by([desc(col("n")), col("k")]).limit(3);
    assert_eq!(top.columns().unwrap(), windowed.columns().unwrap());
}

#[test]
fn a_stream_meets_rows_that_polars_has() {
    let events = stream("id BIGINT, v INT").alias("e");
    let users = df!["id" => [1_i64, 2], "name" => ["ann", "bob"]].unwrap();
    let using = events.join(users.clone(), "id", JoinType::Inner);
    assert_eq!(ddl(&using), "id bigint, v int, name string");
    let on = events.join(
        StreamFrame::from(users.clone().lazy()).alias("u"),
        col("e.id")
            .eq(col("u.id"))
            .and(col("u.name").neq(lit("bob"))),
        JoinType::LeftOuter,
    );
    assert_eq!(ddl(&on), "id bigint, v int, id bigint, name string");
    assert_eq!(condition(&on.select([col("id")])), "AMBIGUOUS_REFERENCE");
    assert_eq!(ddl(&on.select([col("u.id")])), "id bigint");
    let semi = events.join(users, ["id"], JoinType::LeftSemi);
    assert_eq!(ddl(&semi), "id bigint, v int");
    let static_frame = StreamFrame::from(df!["a" => [1]].unwrap());
    assert!(!static_frame.is_streaming());
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
