//! The schema that a value, or all values of a group, would fit: `schema_of_variant`.

use super::{Node, json::stripped, malformed};
use crate::error::Result;
use crate::types::{common_type, parse_data_type, quote_if_needed, sql_name};
use arrow::datatypes::DataType;
use std::collections::BTreeMap;

/// A schema of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariantSchema {
    /// Of values of one type; `VOID` of nulls.
    Scalar(DataType),
    /// Of arrays.
    Array(Box<VariantSchema>),
    /// Of objects.
    Object(BTreeMap<String, VariantSchema>),
    /// Of values that have no other schema in common.
    Variant,
}

impl VariantSchema {
    /// The schema of nothing but nulls.
    pub(crate) const VOID: VariantSchema = VariantSchema::Scalar(DataType::Null);

    /// The schema of a value.
    pub(crate) fn of(node: &Node) -> VariantSchema {
        match node {
            Node::Null => VariantSchema::VOID,
            Node::Boolean(_) => VariantSchema::Scalar(DataType::Boolean),
            Node::Integer(_) => VariantSchema::Scalar(DataType::Int64),
            Node::Float(_) => VariantSchema::Scalar(DataType::Float32),
            Node::Double(_) => VariantSchema::Scalar(DataType::Float64),
            Node::Decimal(digits, scale) => VariantSchema::Scalar(decimal(*digits, *scale)),
            Node::Date(_) => VariantSchema::Scalar(DataType::Date32),
            Node::Timestamp(_) => VariantSchema::Scalar(crate::types::timestamp()),
            Node::TimestampNtz(_) => VariantSchema::Scalar(crate::types::timestamp_ntz()),
            Node::Binary(_) => VariantSchema::Scalar(DataType::Binary),
            Node::Text(_) => VariantSchema::Scalar(DataType::Utf8),
            Node::Array(elements) => {
                let elements = elements.iter().map(VariantSchema::of);
                let common = elements.reduce(VariantSchema::merge);
                VariantSchema::Array(Box::new(common.unwrap_or(VariantSchema::VOID)))
            }
            Node::Object(fields) => VariantSchema::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), VariantSchema::of(value)))
                    .collect(),
            ),
        }
    }

    /// The schema that fits what either fits.
    pub(crate) fn merge(self, other: VariantSchema) -> VariantSchema {
        use VariantSchema::{Array, Object, Scalar, Variant};
        match (self, other) {
            (Scalar(DataType::Null), other) | (other, Scalar(DataType::Null)) => other,
            (Scalar(left), Scalar(right)) if left == right => Scalar(left),
            (Scalar(left), Scalar(right)) => number(&left, &right).map_or(Variant, Scalar),
            (Array(left), Array(right)) => Array(Box::new(left.merge(*right))),
            (Object(mut left), Object(right)) => {
                for (name, schema) in right {
                    let merged = match left.remove(&name) {
                        Some(own) => own.merge(schema),
                        None => schema,
                    };
                    left.insert(name, merged);
                }
                Object(left)
            }
            _ => Variant,
        }
    }

    /// The schema as text: `OBJECT<a: BIGINT>`.
    pub(crate) fn sql(&self) -> String {
        match self {
            VariantSchema::Scalar(data_type) => sql_name(data_type),
            VariantSchema::Array(element) => format!("ARRAY<{}>", element.sql()),
            VariantSchema::Object(fields) => {
                let field = |(name, schema): (&String, &VariantSchema)| {
                    format!("{}: {}", quote_if_needed(name), schema.sql())
                };
                let fields: Vec<String> = fields.iter().map(field).collect();
                format!("OBJECT<{}>", fields.join(", "))
            }
            VariantSchema::Variant => "VARIANT".to_owned(),
        }
    }
}

/// Without the zeros at the end.
fn decimal(digits: i128, scale: u8) -> DataType {
    let (digits, scale) = stripped(digits, scale);
    let count = digits.unsigned_abs().to_string().len();
    let precision = u8::try_from(count).unwrap_or(38).max(scale);
    DataType::Decimal128(precision, i8::try_from(scale).unwrap_or_default())
}

/// The type of numbers of both types; `None` if one is of no number.
fn number(left: &DataType, right: &DataType) -> Option<DataType> {
    let is_number = |data_type: &DataType| crate::types::is_numeric(data_type);
    let both = is_number(left) && is_number(right);
    common_type(left, right).filter(|_| both)
}

impl VariantSchema {
    /// The schema as a value: types as texts, arrays and objects as themselves. Part of what queries keep on disk.
    pub(crate) fn to_node(&self) -> Node {
        match self {
            VariantSchema::Scalar(data_type) => Node::Text(sql_name(data_type)),
            VariantSchema::Array(element) => Node::Array(vec![element.to_node()]),
            VariantSchema::Object(fields) => Node::Object(
                fields
                    .iter()
                    .map(|(name, schema)| (name.clone(), schema.to_node()))
                    .collect(),
            ),
            VariantSchema::Variant => Node::Null,
        }
    }

    /// The schema that a value spells.
    ///
    /// # Errors
    ///
    /// `Data`: `MALFORMED_VARIANT`, if it spells none.
    pub(crate) fn from_node(node: &Node) -> Result<VariantSchema> {
        Ok(match node {
            Node::Text(name) => VariantSchema::Scalar(parse_data_type(name)?),
            Node::Null => VariantSchema::Variant,
            Node::Array(elements) => match elements.as_slice() {
                [element] => VariantSchema::Array(Box::new(VariantSchema::from_node(element)?)),
                _ => return Err(malformed()),
            },
            Node::Object(fields) => VariantSchema::Object(
                fields
                    .iter()
                    .map(|(name, node)| Ok((name.clone(), VariantSchema::from_node(node)?)))
                    .collect::<Result<_>>()?,
            ),
            _ => return Err(malformed()),
        })
    }

    /// About how many bytes it holds besides itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        let own = size_of::<VariantSchema>();
        match self {
            VariantSchema::Scalar(_) | VariantSchema::Variant => 0,
            VariantSchema::Array(element) => own + element.memory_bytes(),
            VariantSchema::Object(fields) => fields
                .iter()
                .map(|(name, schema)| name.len() + own + schema.memory_bytes())
                .sum(),
        }
    }
}
