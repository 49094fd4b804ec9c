//! Changing a value at a path: `variant_set`, `variant_insert`, `variant_array_append`, `variant_delete`, `variant_strip_nulls`.

use super::path::path_text;
use super::{Node, Step};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Places that an edit may put into an array at once, so that a path like `$[4000000000]` does not exhaust the memory.
const ARRAY_MAX: usize = 1 << 24;

/// What is done at the end of a path.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Puts a value there; where nothing stands, only if the flag says so.
    Set(Node, bool),
    /// Puts a value where nothing stands, or before the element of an array.
    Insert(Node),
    /// Appends to the array that stands there.
    Append(Node),
    /// Takes away what stands there.
    Delete,
}

impl Edit {
    /// Whether missing objects and arrays on the way are made.
    fn makes_way(&self) -> bool {
        matches!(self, Edit::Set(_, true) | Edit::Insert(_))
    }
}

/// Changes a value in place. `function` is who asks, for messages.
///
/// # Errors
///
/// `Data`: `VARIANT_PATH_TYPE_MISMATCH`, where the path asks for a field of what is no object or for an element of what is no array (but
/// for a deletion, which then has nothing to do); `VARIANT_DUPLICATE_KEY`, for an insertion where a field is.
pub(crate) fn edit(root: &mut Node, path: &[Step], edit: Edit, function: &str) -> Result<()> {
    let makes_way = edit.makes_way();
    let Some((last, way)) = path.split_last() else {
        return match (edit, root) {
            (Edit::Append(value), Node::Array(elements)) => {
                elements.push(value);
                Ok(())
            }
            _ => Err(mismatch(path, 0, function)),
        };
    };
    let is_deletion = matches!(edit, Edit::Delete);
    let mut node = root;
    for (position, step) in way.iter().enumerate() {
        let next = path.get(position + 1).unwrap_or(last);
        match down(node, step, makes_way.then_some(next)) {
            Ok(Some(found)) => node = found,
            Ok(None) => return Ok(()),
            Err(Blocked) if is_deletion => return Ok(()),
            Err(Blocked) => return Err(mismatch(path, position, function)),
        }
    }
    match edit {
        Edit::Append(value) => match down(node, last, None) {
            Ok(Some(Node::Array(elements))) => elements.push(value),
            Ok(None) => {}
            Ok(Some(_)) => return Err(mismatch(path, path.len(), function)),
            Err(Blocked) => return Err(mismatch(path, way.len(), function)),
        },
        Edit::Delete => delete(node, last),
        Edit::Set(value, creates) => {
            set(node, last, value, creates)
                .map_err(|Blocked| mismatch(path, way.len(), function))?;
        }
        Edit::Insert(value) => return insert(node, last, value, path, function),
    }
    Ok(())
}

/// The value on the way cannot have such a child.
struct Blocked;

/// The child of a node; where there is none and `next` is given, one that `next` can be a step of is made.
fn down<'n>(
    node: &'n mut Node,
    step: &Step,
    next: Option<&Step>,
) -> std::result::Result<Option<&'n mut Node>, Blocked> {
    let fresh = |next: &Step| match next {
        Step::Field(_) => Node::Object(BTreeMap::new()),
        Step::Index(_) => Node::Array(Vec::new()),
    };
    match (node, step) {
        (Node::Object(fields), Step::Field(name)) => match (fields.entry(name.clone()), next) {
            (Entry::Occupied(field), _) => Ok(Some(field.into_mut())),
            (Entry::Vacant(place), Some(next)) => Ok(Some(place.insert(fresh(next)))),
            (Entry::Vacant(_), None) => Ok(None),
        },
        (Node::Array(elements), Step::Index(index)) => {
            if let (true, Some(next)) = (*index >= elements.len(), next) {
                pad(elements, *index)?;
                elements.push(fresh(next));
            }
            Ok(elements.get_mut(*index))
        }
        _ => Err(Blocked),
    }
}

/// Fills an array with nulls up to `length`.
fn pad(elements: &mut Vec<Node>, length: usize) -> std::result::Result<(), Blocked> {
    if length > ARRAY_MAX {
        return Err(Blocked);
    }
    if length > elements.len() {
        elements.resize(length, Node::Null);
    }
    Ok(())
}

fn set(
    node: &mut Node,
    step: &Step,
    value: Node,
    creates: bool,
) -> std::result::Result<(), Blocked> {
    match (node, step) {
        (Node::Object(fields), Step::Field(name)) => {
            if creates || fields.contains_key(name) {
                fields.insert(name.clone(), value);
            }
        }
        (Node::Array(elements), Step::Index(index)) => {
            if let Some(element) = elements.get_mut(*index) {
                *element = value;
            } else if creates {
                pad(elements, *index)?;
                elements.push(value);
            }
        }
        _ => return Err(Blocked),
    }
    Ok(())
}

fn insert(node: &mut Node, step: &Step, value: Node, path: &[Step], function: &str) -> Result<()> {
    let blocked = || mismatch(path, path.len() - 1, function);
    match (node, step) {
        (Node::Object(fields), Step::Field(name)) => match fields.entry(name.clone()) {
            Entry::Vacant(place) => {
                place.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(Error::data(format!(
                "the object has a field of this name. function=`{function}`, name=`{name}`"
            ))
            .with_condition("VARIANT_DUPLICATE_KEY")),
        },
        (Node::Array(elements), Step::Index(index)) => {
            pad(elements, *index).map_err(|Blocked| blocked())?;
            elements.insert(*index, value);
            Ok(())
        }
        _ => Err(blocked()),
    }
}

fn delete(node: &mut Node, step: &Step) {
    match (node, step) {
        (Node::Object(fields), Step::Field(name)) => {
            fields.remove(name);
        }
        (Node::Array(elements), Step::Index(index)) if *index < elements.len() => {
            elements.remove(*index);
        }
        _ => {}
    }
}

fn mismatch(path: &[Step], position: usize, function: &str) -> Error {
    Error::data(format!(
        "the path does not fit the VARIANT. function=`{function}`, path=`{}`, at=`{}`",
        path_text(path, path.len()),
        path_text(path, position)
    ))
    .with_condition("VARIANT_PATH_TYPE_MISMATCH")
}

/// Takes away the fields of objects that are null, and the elements of arrays if `strips_arrays`, at any depth.
pub(crate) fn strip_nulls(node: &mut Node, strips_arrays: bool) {
    match node {
        Node::Object(fields) => {
            fields.retain(|_, value| *value != Node::Null);
            for value in fields.values_mut() {
                strip_nulls(value, strips_arrays);
            }
        }
        Node::Array(elements) => {
            if strips_arrays {
                elements.retain(|value| *value != Node::Null);
            }
            for value in elements {
                strip_nulls(value, strips_arrays);
            }
        }
        _ => {}
    }
}
