use super::*;
use crate::batch::Timestamp;
use crate::types::parse_data_type;
use arrow::array::{AsArray, BinaryArray, Float64Array, Int64Array, StringArray};

/// 2024-02-29T12:34:56Z.
const NOW: i64 = 1_709_210_096_000;

fn context() -> BatchContext {
    BatchContext::one_shot(Timestamp(NOW), "America/Los_Angeles")
}

/// Casts a text to a type, and the result back to text; an error gives its condition.
fn round(text: &str, to: &str) -> String {
    through(&[to], text)
}

/// Casts a text to each of the types in turn, and then to text.
fn through(types: &[&str], text: &str) -> String {
    let mut array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    for to in types.iter().chain(&["string"]) {
        let to = parse_data_type(to).unwrap();
        assert!(can_cast(array.data_type(), &to), "{to}");
        match cast(&array, &to, false, &context()) {
            Ok(result) => array = result,
            Err(error) => return error.condition().unwrap_or_default().to_owned(),
        }
        assert_eq!(array.data_type(), &to);
    }
    if array.is_null(0) {
        return "null".to_owned();
    }
    array.as_string::<i32>().value(0).to_owned()
}

#[test]
fn texts_become_numbers_or_fail() {
    assert_eq!(round(" 12 ", "int"), "12");
    assert_eq!(round("12.0", "int"), "CAST_INVALID_INPUT");
    assert_eq!(round("128", "tinyint"), "CAST_INVALID_INPUT");
    assert_eq!(round("1e10", "double"), "1.0E10");
    assert_eq!(round("0.1", "float"), "0.1");
    assert_eq!(round("-inf", "double"), "-Infinity");
    assert_eq!(round("1.005", "decimal(3,2)"), "1.01");
    assert_eq!(
        round("10", "decimal(3,2)"),
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"
    );
    assert_eq!(round("Yes", "boolean"), "true");
    assert_eq!(round("on", "boolean"), "CAST_INVALID_INPUT");
}

#[test]
fn numbers_become_other_numbers_or_overflow() {
    assert_eq!(through(&["bigint", "int"], "2147483648"), "CAST_OVERFLOW");
    assert_eq!(through(&["double", "int"], "-1.9"), "-1");
    assert_eq!(through(&["double", "int"], "2147483647.9"), "2147483647");
    assert_eq!(through(&["double", "bigint"], "NaN"), "CAST_OVERFLOW");
    assert_eq!(through(&["double", "decimal(5,1)"], "0.25"), "0.3");
    assert_eq!(through(&["double", "decimal(5,1)"], "NaN"), "null");
    assert_eq!(through(&["decimal(5,2)", "int"], "9.99"), "9");
    assert_eq!(through(&["decimal(5,2)", "decimal(3,1)"], "-9.95"), "-10.0");
    assert_eq!(through(&["decimal(5,2)", "double"], "0.10"), "0.1");
    assert_eq!(
        through(&["int", "decimal(3,1)"], "100"),
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"
    );
    assert_eq!(through(&["double", "boolean"], "NaN"), "true");
    assert_eq!(through(&["boolean", "decimal(2,1)"], "t"), "1.0");
}

#[test]
fn doubles_print_as_in_java() {
    for text in [
        "0.0",
        "-0.0",
        "1.0",
        "0.001",
        "9.999E-4",
        "1.0E7",
        "9999999.0",
        "1.5",
        "123456.789",
        "4.9E-324",
        "1.7976931348623157E308",
        "1.0E-5",
        "12345.0",
        "NaN",
        "Infinity",
    ] {
        assert_eq!(round(text, "double"), text);
    }
    assert_eq!(round("3.4028235E38", "float"), "3.4028235E38");
    assert_eq!(round("1.4E-45", "float"), "1.4E-45");
}

#[test]
fn dates_are_read_in_all_forms() {
    for (text, date) in [
        ("2024", "2024-01-01"),
        ("2024-2", "2024-02-01"),
        (" 2024-02-29 ", "2024-02-29"),
        ("2024-2-9T12:00:00 rest", "2024-02-09"),
        ("2024-02-29 x", "2024-02-29"),
        ("+12024-01-01", "+12024-01-01"),
        ("-0001-01-01", "-0001-01-01"),
        ("2023-02-29", "CAST_INVALID_INPUT"),
        ("2024-2 x", "CAST_INVALID_INPUT"),
        ("24-01-01", "CAST_INVALID_INPUT"),
        ("", "CAST_INVALID_INPUT"),
        ("2024-01-01-01", "CAST_INVALID_INPUT"),
    ] {
        assert_eq!(round(text, "date"), date, "{text}");
    }
}

#[test]
fn timestamps_are_read_in_all_forms() {
    for (text, moment) in [
        ("2024", "2024-01-01 00:00:00"),
        ("2024-06-01", "2024-06-01 00:00:00"),
        ("2024-06-01 7", "2024-06-01 07:00:00"),
        ("2024-06-01T7:8", "2024-06-01 07:08:00"),
        ("2024-06-01 07:08:09.1234567", "2024-06-01 07:08:09.123456"),
        ("2024-06-01 07:08:09.", "2024-06-01 07:08:09"),
        ("2024-06-01T07:08:09.5Z", "2024-06-01 00:08:09.5"),
        ("2024-06-01 07:08:09+1:0", "2024-05-31 23:08:09"),
        ("2024-06-01 07:08:09+1:00", "2024-05-31 23:08:09"),
        ("2024-06-01 07:08:09 Europe/Berlin", "2024-05-31 22:08:09"),
        ("12:00:01", "2024-02-29 12:00:01"),
        ("T3", "2024-02-29 03:00:00"),
        ("2024-06-01T", "CAST_INVALID_INPUT"),
        ("2024-06-01 24:00:00", "CAST_INVALID_INPUT"),
        ("2024-06-01 07:08Z", "CAST_INVALID_INPUT"),
        ("2024-06-01 07:08:09 Nowhere", "CAST_INVALID_INPUT"),
    ] {
        assert_eq!(round(text, "timestamp"), moment, "{text}");
    }
    assert_eq!(
        round("2024-06-01 07:08:09.5Z", "timestamp_ntz"),
        "2024-06-01 07:08:09.5"
    );
    assert_eq!(round("12:00", "timestamp_ntz"), "CAST_INVALID_INPUT");
}

#[test]
fn dates_and_timestamps_become_each_other_in_the_session_zone() {
    assert_eq!(
        through(&["date", "timestamp", "bigint"], "2024-06-01"),
        "1717225200"
    );
    assert_eq!(
        through(&["timestamp", "date"], "2024-06-01T02:00:00Z"),
        "2024-05-31"
    );
    assert_eq!(
        through(&["timestamp_ntz", "timestamp", "bigint"], "2024-06-01"),
        "1717225200"
    );
    assert_eq!(
        through(&["double", "timestamp"], "1.5"),
        "1969-12-31 16:00:01.5"
    );
    assert_eq!(
        through(&["timestamp", "decimal(12,2)"], "1970-01-01T00:00:01.5Z"),
        "1.50"
    );
    assert_eq!(
        through(&["timestamp", "int"], "3000-01-01"),
        "CAST_OVERFLOW"
    );
}

#[test]
fn a_try_cast_gives_null_where_a_cast_fails() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), None, Some("x")]));
    let numbers = cast(&texts, &DataType::Int64, true, &context()).unwrap();
    assert_eq!(
        numbers.as_primitive::<arrow::datatypes::Int64Type>(),
        &Int64Array::from(vec![Some(1), None, None])
    );
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1e300]));
    let moments = cast(&doubles, &timestamp(), true, &context()).unwrap();
    assert!(moments.is_null(0));
}

#[test]
fn the_error_of_a_cast_is_in_sparks_words() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["abc"]));
    let error = cast(&texts, &DataType::Int32, false, &context()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[CAST_INVALID_INPUT] the value 'abc' of the type \"STRING\" cannot be cast to \"INT\" because it is malformed. Correct \
         the value as per the syntax, or change its target type. Use `try_cast` to tolerate malformed input and return NULL instead"
    );
}

#[test]
fn nested_values_print_part_by_part() {
    use arrow::array::{Int32Builder, ListBuilder, StructArray};
    use arrow::datatypes::{Field, Int32Type};
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None, Some(3)]);
    let list: ArrayRef = Arc::new(lists.finish());
    let texts = cast(&list, &DataType::Utf8, false, &context()).unwrap();
    assert_eq!(texts.as_string::<i32>().value(0), "[1, null, 3]");
    let number: ArrayRef = Arc::new(arrow::array::PrimitiveArray::<Int32Type>::from(vec![7]));
    let fields = vec![
        (
            Arc::new(Field::new("a", list.data_type().clone(), true)),
            list,
        ),
        (Arc::new(Field::new("b", DataType::Int32, true)), number),
    ];
    let structs: ArrayRef = Arc::new(StructArray::from(fields));
    let texts = cast(&structs, &DataType::Utf8, false, &context()).unwrap();
    assert_eq!(texts.as_string::<i32>().value(0), "{[1, null, 3], 7}");
}

#[test]
fn bytes_become_text_without_a_copy_unless_they_are_no_text() {
    let text = |values: Vec<Option<&[u8]>>| {
        let array: ArrayRef = Arc::new(BinaryArray::from(values));
        (
            array.clone(),
            cast(&array, &DataType::Utf8, false, &context()).unwrap(),
        )
    };
    let (bytes, plain) = text(vec![Some("é".as_bytes()), None, Some(b"")]);
    let strings = plain.as_string::<i32>();
    assert_eq!(
        strings.iter().collect::<Vec<_>>(),
        [Some("é"), None, Some("")]
    );
    let data = bytes.as_binary::<i32>().values().as_ptr();
    assert_eq!(strings.values().as_ptr(), data);
    // A character that is cut in two by the end of a value is none, although all bytes together are UTF-8.
    let (_, broken) = text(vec![Some(&[0xC3]), Some(&[0xA9, b'a'])]);
    let strings = broken.as_string::<i32>();
    assert_eq!(
        strings.iter().collect::<Vec<_>>(),
        [Some("\u{fffd}"), Some("\u{fffd}a")]
    );
}
