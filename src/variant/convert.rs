//! Between `VARIANT` and the other types: `CAST`, `variant_get`, `to_variant_object`.
//!
//! A value becomes one of another type by the casts of its own type: all values of one type are cast at once. Objects become structs and
//! maps, arrays arrays, and everything a text.

use super::{Node, VariantColumn, VariantColumnBuilder, write_json};
use crate::batch::BatchContext;
use crate::cast::zone::Zone;
use crate::cast::{can_cast, cast};
use crate::error::{Error, Result};
use crate::types::{self, map_key_value, sql_name};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Float32Array, Float64Array, Int64Array, ListArray, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, FieldRef, Fields, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most digits of a decimal, which every decimal of a value fits.
const DECIMAL_DIGITS: u8 = types::DECIMAL_MAX_PRECISION;

/// How values are turned into another type.
struct Way<'a> {
    /// Whether what cannot be turned becomes null.
    is_try: bool,
    context: &'a BatchContext,
    zone: Zone,
}

/// Turns values into a column of another type; the null of JSON becomes null.
///
/// # Errors
///
/// `Data`: `INVALID_VARIANT_CAST` for a value that cannot be turned, unless `is_try`.
pub(crate) fn from_variant(
    nodes: &[Option<Node>],
    to: &DataType,
    is_try: bool,
    context: &BatchContext,
) -> Result<ArrayRef> {
    let way = Way {
        is_try,
        context,
        zone: Zone::parse(&context.time_zone)?,
    };
    let nodes: Vec<Option<&Node>> = nodes.iter().map(Option::as_ref).collect();
    way.turn(&nodes, to)
}

impl Way<'_> {
    fn turn(&self, nodes: &[Option<&Node>], to: &DataType) -> Result<ArrayRef> {
        match to {
            _ if *to == types::variant() => {
                let mut builder = VariantColumnBuilder::with_capacity(nodes.len());
                for node in nodes {
                    builder.append(*node);
                }
                Ok(builder.finish())
            }
            DataType::List(field) => self.lists(nodes, to, field),
            DataType::Struct(fields) => self.structs(nodes, to, fields),
            DataType::Map(entries, _) => self.maps(nodes, to, entries),
            _ => self.scalars(nodes, to),
        }
    }

    /// `INVALID_VARIANT_CAST`, or nothing where null is wanted instead.
    fn refuse(&self, node: &Node, to: &DataType) -> Result<()> {
        if self.is_try {
            return Ok(());
        }
        let mut shown = String::new();
        write_json(node, self.zone, &mut shown);
        Err(Error::data(format!(
            "the VARIANT value cannot be cast. Use `try_variant_get` to get NULL instead. value=`{shown}`, type=`{}`",
            sql_name(to)
        ))
        .with_condition("INVALID_VARIANT_CAST"))
    }

    fn lists(&self, nodes: &[Option<&Node>], to: &DataType, field: &FieldRef) -> Result<ArrayRef> {
        let (mut elements, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
        for node in nodes {
            let own: &[Node] = match node {
                Some(Node::Array(own)) => own,
                Some(Node::Null) | None => &[],
                Some(other) => {
                    self.refuse(other, to)?;
                    &[]
                }
            };
            valid.push(matches!(node, Some(Node::Array(_))));
            lengths.push(own.len());
            elements.extend(own.iter().map(Some));
        }
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(field),
            OffsetBuffer::from_lengths(lengths),
            self.turn(&elements, field.data_type())?,
            Some(NullBuffer::from(valid)),
        )?))
    }

    /// The objects among the nodes, row by row.
    fn objects<'n>(
        &self,
        nodes: &[Option<&'n Node>],
        to: &DataType,
    ) -> Result<Vec<Option<&'n BTreeMap<String, Node>>>> {
        nodes
            .iter()
            .map(|node| match node {
                Some(Node::Object(fields)) => Ok(Some(fields)),
                Some(Node::Null) | None => Ok(None),
                Some(other) => self.refuse(other, to).map(|()| None),
            })
            .collect()
    }

    fn structs(&self, nodes: &[Option<&Node>], to: &DataType, fields: &Fields) -> Result<ArrayRef> {
        let objects = self.objects(nodes, to)?;
        let column = |field: &FieldRef| {
            let values: Vec<Option<&Node>> = objects
                .iter()
                .map(|object| object.and_then(|object| object.get(field.name())))
                .collect();
            self.turn(&values, field.data_type())
        };
        let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
        let valid: Vec<bool> = objects.iter().map(Option::is_some).collect();
        Ok(Arc::new(StructArray::try_new_with_length(
            fields.clone(),
            columns,
            Some(NullBuffer::from(valid)),
            nodes.len(),
        )?))
    }

    fn maps(&self, nodes: &[Option<&Node>], to: &DataType, entries: &FieldRef) -> Result<ArrayRef> {
        let Some((DataType::Utf8, value_type)) = map_key_value(to) else {
            return Err(Error::unsupported(
                "a VARIANT as a map with keys that are not strings",
            ));
        };
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(Error::internal("a map without entries"));
        };
        let objects = self.objects(nodes, to)?;
        let fields_of = || objects.iter().flatten().flat_map(|object| object.iter());
        let keys: StringArray = fields_of().map(|(name, _)| Some(name.as_str())).collect();
        let values: Vec<Option<&Node>> = fields_of().map(|(_, value)| Some(value)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), self.turn(&values, value_type)?];
        let lengths = objects.iter().map(|object| object.map_or(0, BTreeMap::len));
        let valid: Vec<bool> = objects.iter().map(Option::is_some).collect();
        Ok(Arc::new(MapArray::try_new(
            Arc::clone(entries),
            OffsetBuffer::from_lengths(lengths),
            StructArray::try_new(fields.clone(), columns, None)?,
            Some(NullBuffer::from(valid)),
            false,
        )?))
    }

    /// All values of one type are cast at once, then put in their rows.
    fn scalars(&self, nodes: &[Option<&Node>], to: &DataType) -> Result<ArrayRef> {
        let mut groups: BTreeMap<(u8, u8), Vec<(usize, &Node)>> = BTreeMap::new();
        for (row, node) in nodes.iter().enumerate() {
            match node {
                None | Some(Node::Null) => {}
                Some(node) => groups.entry(kind(node)).or_default().push((row, node)),
            }
        }
        // Source 0 is one null; each group is a source of its own.
        let mut sources = vec![new_null_array(to, 1)];
        let mut picks = vec![(0, 0); nodes.len()];
        for group in groups.values() {
            let cast = self.group(group, to)?;
            for (index, (row, _)) in group.iter().enumerate() {
                if let Some(pick) = picks.get_mut(*row) {
                    *pick = (sources.len(), index);
                }
            }
            sources.push(cast);
        }
        let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&sources, &picks)?)
    }

    /// Casts values of one type; null for what cannot be cast is refused unless it is wanted.
    fn group(&self, group: &[(usize, &Node)], to: &DataType) -> Result<ArrayRef> {
        let values: Vec<&Node> = group.iter().map(|(_, node)| *node).collect();
        // As text, decimals are shown without zeros at their end, as in JSON.
        let has_text_of_json = matches!(
            values.first(),
            Some(Node::Decimal(..) | Node::Array(_) | Node::Object(_))
        );
        let array = match (scalar_array(&values)?, to) {
            (_, DataType::Utf8) if has_text_of_json => {
                Arc::new(StringArray::from_iter_values(values.iter().map(|node| {
                    let mut text = String::new();
                    write_json(node, self.zone, &mut text);
                    text
                })))
            }
            (Some(array), _) => array,
            (None, _) => new_null_array(&DataType::Null, values.len()),
        };
        let is_castable = *array.data_type() != DataType::Null && can_cast(array.data_type(), to);
        let cast = if is_castable {
            cast(&array, to, true, self.context)?
        } else {
            new_null_array(to, values.len())
        };
        for (index, node) in values.iter().enumerate() {
            if cast.is_null(index) {
                self.refuse(node, to)?;
            }
        }
        Ok(cast)
    }
}

/// What tells the types of values apart; decimals also by their scale.
fn kind(node: &Node) -> (u8, u8) {
    match node {
        Node::Null => (0, 0),
        Node::Boolean(_) => (1, 0),
        Node::Integer(_) => (2, 0),
        Node::Float(_) => (3, 0),
        Node::Double(_) => (4, 0),
        Node::Decimal(_, scale) => (5, *scale),
        Node::Date(_) => (6, 0),
        Node::Timestamp(_) => (7, 0),
        Node::TimestampNtz(_) => (8, 0),
        Node::Binary(_) => (9, 0),
        Node::Text(_) => (10, 0),
        Node::Array(_) | Node::Object(_) => (11, 0),
    }
}

/// A column of values that are all of one type; `None` for objects and arrays.
fn scalar_array(values: &[&Node]) -> Result<Option<ArrayRef>> {
    macro_rules! column {
        ($array:ty, $pattern:pat => $value:expr) => {
            Arc::new(
                values
                    .iter()
                    .map(|node| match node {
                        $pattern => Some($value),
                        _ => None,
                    })
                    .collect::<$array>(),
            )
        };
    }
    Ok(Some(match values.first() {
        None | Some(Node::Null | Node::Array(_) | Node::Object(_)) => return Ok(None),
        Some(Node::Boolean(_)) => column!(BooleanArray, Node::Boolean(value) => *value),
        Some(Node::Integer(_)) => column!(Int64Array, Node::Integer(value) => *value),
        Some(Node::Float(_)) => column!(Float32Array, Node::Float(value) => *value),
        Some(Node::Double(_)) => column!(Float64Array, Node::Double(value) => *value),
        Some(Node::Date(_)) => column!(Date32Array, Node::Date(value) => *value),
        Some(Node::Binary(_)) => column!(BinaryArray, Node::Binary(value) => value.as_slice()),
        Some(Node::Text(_)) => column!(StringArray, Node::Text(value) => value.as_str()),
        Some(Node::TimestampNtz(_)) => {
            column!(TimestampMicrosecondArray, Node::TimestampNtz(value) => *value)
        }
        Some(Node::Timestamp(_)) => {
            let times: TimestampMicrosecondArray = values
                .iter()
                .map(|node| match node {
                    Node::Timestamp(value) => Some(*value),
                    _ => None,
                })
                .collect();
            Arc::new(times.with_timezone("UTC"))
        }
        Some(Node::Decimal(_, scale)) => {
            let digits: Decimal128Array = values
                .iter()
                .map(|node| match node {
                    Node::Decimal(digits, _) => Some(*digits),
                    _ => None,
                })
                .collect();
            let scale = i8::try_from(*scale).unwrap_or_default();
            Arc::new(digits.with_precision_and_scale(DECIMAL_DIGITS, scale)?)
        }
    }))
}

/// Whether a value of this type can be cast to `VARIANT`; structs and maps only by `to_variant_object`, if `takes_objects`.
pub(crate) fn can_become_variant(data_type: &DataType, takes_objects: bool) -> bool {
    match data_type {
        DataType::List(element) => can_become_variant(element.data_type(), takes_objects),
        DataType::Struct(fields) => {
            takes_objects
                && fields
                    .iter()
                    .all(|field| can_become_variant(field.data_type(), takes_objects))
        }
        DataType::Map(_, _) => {
            takes_objects
                && map_key_value(data_type).is_some_and(|(key, value)| {
                    *key == DataType::Utf8 && can_become_variant(value, takes_objects)
                })
        }
        other => {
            types::is_numeric(other)
                || types::is_datetime(other)
                || *other == types::variant()
                || matches!(other, DataType::Utf8 | DataType::Binary | DataType::Boolean)
        }
    }
}

/// A column as `VARIANT`.
///
/// # Errors
///
/// `Internal`, for a type that [`can_become_variant`] refuses.
pub(crate) fn to_variant(array: &ArrayRef) -> Result<ArrayRef> {
    let mut builder = VariantColumnBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append(None);
        } else {
            builder.append(Some(&node_of(array, row)?));
        }
    }
    Ok(builder.finish())
}

/// The value of a row; null is the null of JSON.
fn node_of(array: &ArrayRef, row: usize) -> Result<Node> {
    if array.is_null(row) {
        return Ok(Node::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => Node::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => Node::Integer(i64::from(array.as_primitive::<Int8Type>().value(row))),
        DataType::Int16 => Node::Integer(i64::from(array.as_primitive::<Int16Type>().value(row))),
        DataType::Int32 => Node::Integer(i64::from(array.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => Node::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Node::Float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Node::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let digits = array.as_primitive::<Decimal128Type>().value(row);
            Node::Decimal(digits, u8::try_from(*scale).unwrap_or_default())
        }
        DataType::Date32 => Node::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            match zone {
                Some(_) => Node::Timestamp(micros),
                None => Node::TimestampNtz(micros),
            }
        }
        DataType::Utf8 => Node::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Node::Binary(array.as_binary::<i32>().value(row).to_vec()),
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            let element = |index| node_of(&elements, index);
            Node::Array((0..elements.len()).map(element).collect::<Result<_>>()?)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let field = |(field, column): (&Arc<Field>, &ArrayRef)| {
                Ok((field.name().clone(), node_of(column, row)?))
            };
            Node::Object(
                fields
                    .iter()
                    .zip(columns)
                    .map(field)
                    .collect::<Result<_>>()?,
            )
        }
        DataType::Map(_, _) => map_node(&array.as_map().value(row))?,
        other if *other == types::variant() => {
            let value = VariantColumn::of(array)?.node(row)?;
            value.unwrap_or(Node::Null)
        }
        other => {
            return Err(Error::internal(format!(
                "a type that has no VARIANT form. type=`{}`",
                sql_name(other)
            )));
        }
    })
}

/// The object of the entries of one map.
fn map_node(entries: &StructArray) -> Result<Node> {
    let [keys, values] = entries.columns() else {
        return Err(Error::internal("a map without keys and values"));
    };
    let keys = keys
        .as_string_opt::<i32>()
        .ok_or_else(|| Error::internal("a map with keys that are not strings"))?;
    let field = |index| Ok((keys.value(index).to_owned(), node_of(values, index)?));
    Ok(Node::Object(
        (0..entries.len()).map(field).collect::<Result<_>>()?,
    ))
}
