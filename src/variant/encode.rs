//! From a [`Node`] to the two binaries of the format.

use super::{Node, VERSION, basic, primitive};
use std::collections::{BTreeSet, HashMap};

/// Texts shorter than this have their length in the header.
const SHORT_TEXT_MAX: usize = 64;

/// The metadata of a node, with its value right behind it.
pub(super) fn encode(node: &Node) -> Vec<u8> {
    let mut names = BTreeSet::new();
    collect_names(node, &mut names);
    let ids: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
    let mut out = metadata(&names);
    write(node, &ids, &mut out);
    out
}

fn collect_names<'a>(node: &'a Node, names: &mut BTreeSet<&'a str>) {
    match node {
        Node::Array(elements) => {
            for element in elements {
                collect_names(element, names);
            }
        }
        Node::Object(fields) => {
            for (name, value) in fields {
                names.insert(name);
                collect_names(value, names);
            }
        }
        _ => {}
    }
}

fn metadata(names: &BTreeSet<&str>) -> Vec<u8> {
    let total: usize = names.iter().map(|name| name.len()).sum();
    let width = width_of(total.max(names.len()));
    let mut out = vec![VERSION | width_bits(width) << 6];
    push_number(names.len(), width, &mut out);
    let mut offset = 0;
    push_number(offset, width, &mut out);
    for name in names {
        offset += name.len();
        push_number(offset, width, &mut out);
    }
    for name in names {
        out.extend_from_slice(name.as_bytes());
    }
    out
}

/// How many bytes a number takes.
fn width_of(number: usize) -> usize {
    match number {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFF_FFFF => 3,
        _ => 4,
    }
}

/// A width as a header has it.
fn width_bits(width: usize) -> u8 {
    u8::try_from(width - 1).unwrap_or(3)
}

fn push_number(number: usize, width: usize, out: &mut Vec<u8>) {
    out.extend(number.to_le_bytes().iter().take(width));
}

fn header(kind: u8, info: u8) -> u8 {
    kind | info << 2
}

fn push(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(header(basic::PRIMITIVE, kind));
    out.extend_from_slice(payload);
}

fn write(node: &Node, ids: &HashMap<&str, usize>, out: &mut Vec<u8>) {
    match node {
        Node::Null => push(primitive::NULL, &[], out),
        Node::Boolean(true) => push(primitive::TRUE, &[], out),
        Node::Boolean(false) => push(primitive::FALSE, &[], out),
        Node::Integer(value) => write_integer(*value, out),
        Node::Float(value) => push(primitive::FLOAT, &value.to_le_bytes(), out),
        Node::Double(value) => push(primitive::DOUBLE, &value.to_le_bytes(), out),
        Node::Decimal(digits, scale) => write_decimal(*digits, *scale, out),
        Node::Date(days) => push(primitive::DATE, &days.to_le_bytes(), out),
        Node::Timestamp(micros) => push(primitive::TIMESTAMP, &micros.to_le_bytes(), out),
        Node::TimestampNtz(micros) => push(primitive::TIMESTAMP_NTZ, &micros.to_le_bytes(), out),
        Node::Binary(bytes) => {
            push(primitive::BINARY, &[], out);
            push_number(bytes.len(), 4, out);
            out.extend_from_slice(bytes);
        }
        Node::Text(text) => write_text(text, out),
        Node::Array(elements) => write_array(elements, ids, out),
        Node::Object(fields) => {
            let fields: Vec<(usize, &Node)> = fields
                .iter()
                .filter_map(|(name, value)| Some((*ids.get(name.as_str())?, value)))
                .collect();
            write_object(&fields, ids, out);
        }
    }
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    if let Ok(value) = i8::try_from(value) {
        push(primitive::INT8, &value.to_le_bytes(), out);
    } else if let Ok(value) = i16::try_from(value) {
        push(primitive::INT16, &value.to_le_bytes(), out);
    } else if let Ok(value) = i32::try_from(value) {
        push(primitive::INT32, &value.to_le_bytes(), out);
    } else {
        push(primitive::INT64, &value.to_le_bytes(), out);
    }
}

fn write_decimal(digits: i128, scale: u8, out: &mut Vec<u8>) {
    let fits = |limit: u32| digits.unsigned_abs() < 10_u128.pow(limit) && u32::from(scale) <= limit;
    let (kind, width) = match () {
        () if fits(9) => (primitive::DECIMAL4, 4),
        () if fits(18) => (primitive::DECIMAL8, 8),
        () => (primitive::DECIMAL16, 16),
    };
    push(kind, &[scale], out);
    out.extend(digits.to_le_bytes().iter().take(width));
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(length) if text.len() < SHORT_TEXT_MAX => out.push(header(basic::SHORT_TEXT, length)),
        _ => {
            push(primitive::TEXT, &[], out);
            push_number(text.len(), 4, out);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// The values one after another, and where each starts; the last offset is their length.
fn values_of<'n>(
    nodes: impl Iterator<Item = &'n Node>,
    ids: &HashMap<&str, usize>,
) -> (Vec<u8>, Vec<usize>) {
    let (mut values, mut offsets) = (Vec::new(), vec![0]);
    for node in nodes {
        write(node, ids, &mut values);
        offsets.push(values.len());
    }
    (values, offsets)
}

fn write_array(elements: &[Node], ids: &HashMap<&str, usize>, out: &mut Vec<u8>) {
    let (values, offsets) = values_of(elements.iter(), ids);
    let is_large = elements.len() > 0xFF;
    let width = width_of(values.len());
    let info = width_bits(width) | u8::from(is_large) << 2;
    out.push(header(basic::ARRAY, info));
    push_number(elements.len(), if is_large { 4 } else { 1 }, out);
    for offset in offsets {
        push_number(offset, width, out);
    }
    out.extend_from_slice(&values);
}

fn write_object(fields: &[(usize, &Node)], ids: &HashMap<&str, usize>, out: &mut Vec<u8>) {
    let (values, offsets) = values_of(fields.iter().map(|(_, node)| *node), ids);
    let is_large = fields.len() > 0xFF;
    let id_width = width_of(fields.iter().map(|(id, _)| *id).max().unwrap_or_default());
    let width = width_of(values.len());
    let info = width_bits(width) | width_bits(id_width) << 2 | u8::from(is_large) << 4;
    out.push(header(basic::OBJECT, info));
    push_number(fields.len(), if is_large { 4 } else { 1 }, out);
    for (id, _) in fields {
        push_number(*id, id_width, out);
    }
    for offset in offsets {
        push_number(offset, width, out);
    }
    out.extend_from_slice(&values);
}
