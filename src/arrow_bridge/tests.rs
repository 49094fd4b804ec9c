use super::*;
use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int32Builder, Int64Array,
    IntervalYearMonthArray, ListBuilder, MapBuilder, NullArray, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use polars::prelude::NamedFrom;

#[expect(
    clippy::needless_pass_by_value,
    reason = "so that tests can give a value they just made"
)]
fn round_trip(array: ArrayRef) {
    let field = Field::new("c", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(schema.clone(), vec![array.clone()]).unwrap();
    // A sliced batch has offsets, and two batches make two chunks.
    let (rows, middle) = (batch.num_rows(), batch.num_rows() / 2);
    let halves = [batch.slice(0, middle), batch.slice(middle, rows - middle)];
    let frame = to_frame(&schema, &halves).unwrap();
    let back = from_frame(&frame).unwrap();
    assert_eq!(back.len(), 1, "{}", array.data_type());
    assert_eq!(back[0].schema(), schema);
    assert_eq!(back[0].column(0), &array);
    let series = to_series("c", &array).unwrap();
    assert_eq!(&from_series(&series).unwrap(), &array);
}

#[test]
fn every_flat_type_survives_the_way_there_and_back() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(3)),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)])),
        Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)])),
        Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)])),
        Arc::new(Float32Array::from(vec![Some(-0.0), None, Some(f32::MAX)])),
        Arc::new(Float64Array::from(vec![
            Some(f64::INFINITY),
            None,
            Some(1.5),
        ])),
        Arc::new(StringArray::from(vec![
            Some("ebb"),
            None,
            Some("a tide that is longer than twelve bytes"),
        ])),
        Arc::new(BinaryArray::from(vec![
            Some(&b"\x00\xff"[..]),
            None,
            Some(b""),
        ])),
        Arc::new(Date32Array::from(vec![Some(-1), None, Some(20_000)])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_700_000_000_000_001)])
                .with_timezone("UTC"),
        ),
        Arc::new(TimestampMicrosecondArray::from(vec![
            Some(-1),
            None,
            Some(7),
        ])),
        Arc::new(DurationMicrosecondArray::from(vec![
            Some(-1),
            None,
            Some(7),
        ])),
        Arc::new(
            Decimal128Array::from(vec![Some(-12_345), None, Some(99_999)])
                .with_precision_and_scale(10, 2)
                .unwrap(),
        ),
        Arc::new(
            Decimal128Array::from(vec![Some(10_i128.pow(38) - 1), None, Some(0)])
                .with_precision_and_scale(38, 18)
                .unwrap(),
        ),
    ];
    columns.into_iter().for_each(round_trip);
}

fn struct_array() -> StructArray {
    let fields = Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new(
            "seen",
            DataType::Timestamp(TimeUnit::Microsecond, None),
            true,
        ),
    ]);
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, None]));
    let seen: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, None]));
    let nulls = arrow::buffer::NullBuffer::from(vec![true, true, false]);
    StructArray::new(fields, vec![names, seen], Some(nulls))
}

#[test]
fn lists_and_structs_survive_at_any_depth() {
    let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    lists.values().values().append_value("x");
    lists.values().values().append_null();
    lists.values().append(true);
    lists.values().append(false);
    lists.append(true);
    lists.append(false);
    lists.append(true);
    round_trip(Arc::new(lists.finish()));
    round_trip(Arc::new(struct_array()));
    let item = Arc::new(Field::new_list_field(
        struct_array().data_type().clone(),
        true,
    ));
    let offsets = OffsetBuffer::from_lengths([2, 0, 1]);
    let list = ListArray::new(item, offsets, Arc::new(struct_array()), None);
    round_trip(Arc::new(list));
    let untyped = Fields::from(vec![Field::new("n", DataType::Null, true)]);
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    let untyped: ArrayRef = Arc::new(StructArray::new(untyped, vec![nulls], None));
    let item = Arc::new(Field::new_list_field(untyped.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([1, 1]);
    round_trip(Arc::new(ListArray::new(item, offsets, untyped, None)));
}

#[test]
fn a_map_arrives_in_polars_as_a_list_of_entries() {
    let names = arrow::array::MapFieldNames {
        entry: "entries".to_owned(),
        key: "key".to_owned(),
        value: "value".to_owned(),
    };
    let mut map = MapBuilder::new(Some(names), StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("a");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let map: ArrayRef = Arc::new(map.finish());
    assert_eq!(&plan_type(map.data_type()).unwrap(), map.data_type());
    let series = to_series("m", &map).unwrap();
    assert_eq!(series.dtype().to_string(), "list[struct[2]]");
    let entries = from_series(&series).unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.is_null(1));
    assert_eq!(entries.as_list::<i32>().value(0).len(), 1);
}

#[test]
fn a_column_polars_has_no_type_for_is_refused_by_name() {
    let months: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![1]));
    let message = to_series("period", &months).unwrap_err().to_string();
    assert!(message.contains("column=`period`"), "{message}");
}

#[test]
fn polars_types_become_plan_types() {
    let expect = |series: pl::Series, wanted: ArrayRef| {
        let got = from_series(&series).unwrap();
        assert_eq!(&got, &wanted, "{}", series.dtype());
        assert_eq!(
            &from_polars_type(series.dtype()).unwrap(),
            wanted.data_type()
        );
    };
    let numbers = pl::Series::new("n".into(), [Some(-1_i64), None, Some(2)]);
    expect(
        pl::Series::new("n".into(), [Some(u32::MAX), None]),
        Arc::new(Int64Array::from(vec![Some(i64::from(u32::MAX)), None])),
    );
    expect(
        pl::Series::new("n".into(), [Some(u64::MAX), None]),
        Arc::new(
            Decimal128Array::from(vec![Some(i128::from(u64::MAX)), None])
                .with_precision_and_scale(20, 0)
                .unwrap(),
        ),
    );
    let nanos = pl::DataType::Datetime(pl::TimeUnit::Nanoseconds, None);
    expect(
        numbers.cast(&nanos).unwrap(),
        Arc::new(TimestampMicrosecondArray::from(vec![
            Some(-1),
            None,
            Some(0),
        ])),
    );
    let millis = pl::DataType::Datetime(
        pl::TimeUnit::Milliseconds,
        pl::TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap(),
    );
    expect(
        numbers.cast(&millis).unwrap(),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(-1_000), None, Some(2_000)])
                .with_timezone("UTC"),
        ),
    );
    let duration = pl::DataType::Duration(pl::TimeUnit::Nanoseconds);
    expect(
        numbers.cast(&duration).unwrap(),
        Arc::new(DurationMicrosecondArray::from(vec![
            Some(-1),
            None,
            Some(0),
        ])),
    );
}

#[test]
fn a_time_of_day_is_refused_by_name() {
    let times = pl::Series::new("at".into(), [1_i64]).cast(&pl::DataType::Time);
    let message = from_series(&times.unwrap()).unwrap_err().to_string();
    assert!(message.contains("time"), "{message}");
    assert!(message.contains("column=`at`"), "{message}");
}

#[test]
fn a_large_frame_comes_in_batches_of_bounded_size() {
    let rows = i32::try_from(ROWS_PER_BATCH).unwrap() + 1;
    let series = pl::Series::new("n".into(), (0..rows).collect::<Vec<_>>());
    let frame = pl::DataFrame::new(ROWS_PER_BATCH + 1, vec![series.into()]).unwrap();
    let batches = from_frame(&frame).unwrap();
    let lengths: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(lengths, [ROWS_PER_BATCH, 1]);
    let last = batches[1]
        .column(0)
        .as_primitive::<arrow::datatypes::Int32Type>();
    assert_eq!(last.value(0), rows - 1);
}

#[test]
fn an_empty_frame_keeps_its_columns() {
    let schema = Arc::new(Schema::new(vec![Field::new("s", DataType::Utf8, true)]));
    let frame = to_frame(&schema, &[]).unwrap();
    assert_eq!((frame.height(), frame.width()), (0, 1));
    let batches = from_frame(&frame).unwrap();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].schema(), schema);
}

#[test]
fn a_column_goes_into_polars_without_a_copy() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let before = array
        .as_primitive::<arrow::datatypes::Int64Type>()
        .values()
        .as_ptr();
    let series = to_series("n", &array).unwrap();
    let chunk = series.i64().unwrap().downcast_iter().next().unwrap();
    assert_eq!(chunk.values().as_slice().as_ptr(), before);
    let back = from_series(&series).unwrap();
    let after = back
        .as_primitive::<arrow::datatypes::Int64Type>()
        .values()
        .as_ptr();
    assert_eq!(after, before);
}
