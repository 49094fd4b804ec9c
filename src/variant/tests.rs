use super::{Node, VariantColumn, VariantColumnBuilder, VariantRef};
use arrow::array::LargeBinaryArray;
use std::collections::BTreeMap;

fn round_trip(node: &Node) -> Node {
    let mut builder = VariantColumnBuilder::with_capacity(1);
    builder.append(Some(node));
    let array = builder.finish();
    VariantColumn::of(&array).unwrap().node(0).unwrap().unwrap()
}

#[test]
fn every_kind_of_value_comes_back_as_it_was() {
    let object = |count: usize| {
        let fields = (0..count).map(|index| (format!("field {index}"), Node::Integer(1)));
        Node::Object(fields.collect::<BTreeMap<_, _>>())
    };
    let scalars = [
        Node::Null,
        Node::Boolean(true),
        Node::Boolean(false),
        Node::Float(1.5),
        Node::Double(-0.1),
        Node::Decimal(-123, 2),
        Node::Decimal(12_345_678_901, 3),
        Node::Decimal(-i128::from(i64::MAX) * 1000, 10),
        Node::Date(-1),
        Node::Timestamp(i64::MIN),
        Node::TimestampNtz(7),
        Node::Binary(vec![0, 255]),
        Node::Text(String::new()),
        Node::Text("é".repeat(40)),
    ];
    for node in &scalars {
        assert_eq!(round_trip(node), *node);
    }
    for value in [0, -128, 128, 40_000, -3_000_000_000, i64::MAX] {
        assert_eq!(round_trip(&Node::Integer(value)), Node::Integer(value));
    }
    for node in [
        Node::Array(vec![]),
        Node::Array(scalars.to_vec()),
        Node::Array(vec![Node::Text("x".repeat(300)); 300]),
        object(0),
        object(3),
        object(300),
        Node::Object(BTreeMap::from([("a".to_owned(), object(2))])),
    ] {
        assert_eq!(round_trip(&node), node);
    }
}

#[test]
fn a_field_is_found_among_many_without_taking_the_value_apart() {
    let fields = (0..1000).map(|index| (format!("f{index}"), Node::Integer(index)));
    let mut builder = VariantColumnBuilder::with_capacity(1);
    builder.append(Some(&Node::Object(fields.collect())));
    let array = builder.finish();
    let column = VariantColumn::of(&array).unwrap();
    let value = column.get(0).unwrap().unwrap();
    for index in [0, 1, 500, 999] {
        let field = value.field(&format!("f{index}")).unwrap().unwrap();
        assert_eq!(field.node().unwrap(), Node::Integer(index));
    }
    assert!(value.field("g").unwrap().is_none());
    assert!(value.element(0).unwrap().is_none());
}

#[test]
fn damaged_bytes_are_refused_and_do_no_harm() {
    let node = Node::Object(BTreeMap::from([
        (
            "a".to_owned(),
            Node::Array(vec![Node::Integer(1000), Node::Text("x".repeat(70))]),
        ),
        ("b".to_owned(), Node::Decimal(1, 1)),
    ]));
    let mut builder = VariantColumnBuilder::with_capacity(1);
    builder.append(Some(&node));
    let array = builder.finish();
    let bytes = arrow::array::AsArray::as_binary::<i64>(&array)
        .value(0)
        .to_vec();
    for end in 0..bytes.len() {
        let cut = bytes.get(..end).unwrap_or_default();
        let read = VariantRef::split(cut).and_then(|value| value.node());
        assert!(read.is_err(), "{end}");
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            // Whatever it says, it ends.
            drop(VariantRef::split(&damaged).and_then(|value| value.node()));
        }
    }
    assert!(
        VariantColumn::of(&LargeBinaryArray::from(vec![Some(&b"x"[..])]))
            .unwrap()
            .node(0)
            .is_err()
    );
}
