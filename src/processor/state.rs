//! The typed states of a processor: values, lists and maps over the cells of a key.

use super::store::KeyContext;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// One value for each key, made by [`super::Declarations::value_state`]. The default is one that was not declared, for the field of a
/// processor before `init`.
pub struct ValueState<T> {
    pub(super) variable: Option<u16>,
    pub(super) of: PhantomData<fn() -> T>,
}

/// A list for each key, made by [`super::Declarations::list_state`]. An element costs what it takes: to append does not read the others.
pub struct ListState<T> {
    pub(super) variable: Option<u16>,
    pub(super) of: PhantomData<fn() -> T>,
}

/// A map for each key, made by [`super::Declarations::map_state`]. An entry costs what it takes: to write one does not read the others.
pub struct MapState<K, V> {
    pub(super) variable: Option<u16>,
    pub(super) of: PhantomData<fn() -> (K, V)>,
}

impl<T: Serialize + DeserializeOwned> ValueState<T> {
    /// The value, if there is one.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if what is kept is not such a value.
    pub fn get(&self, context: &KeyContext<'_>) -> Result<Option<T>> {
        context
            .get(declared(self.variable)?, &[])
            .map(decode)
            .transpose()
    }

    /// Whether there is a value.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn exists(&self, context: &KeyContext<'_>) -> Result<bool> {
        Ok(context.get(declared(self.variable)?, &[]).is_some())
    }

    /// Puts a value in place of what is there.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write it.
    pub fn update(&self, context: &mut KeyContext<'_>, value: &T) -> Result<()> {
        context.put(declared(self.variable)?, &[], encode(value)?);
        Ok(())
    }

    /// Removes the value.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn clear(&self, context: &mut KeyContext<'_>) -> Result<()> {
        context.remove(declared(self.variable)?, &[]);
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> ListState<T> {
    /// The elements, in the order they were appended.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if what is kept is not such a list.
    pub fn get(&self, context: &KeyContext<'_>) -> Result<Vec<T>> {
        context
            .entries(declared(self.variable)?)
            .map(|(_, value)| decode(value))
            .collect()
    }

    /// Whether there is an element.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn exists(&self, context: &KeyContext<'_>) -> Result<bool> {
        Ok(context.entries(declared(self.variable)?).next().is_some())
    }

    /// Puts these elements in place of what is there.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write them.
    pub fn put(&self, context: &mut KeyContext<'_>, values: &[T]) -> Result<()> {
        self.clear(context)?;
        self.append_list(context, values)
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write it.
    pub fn append_value(&self, context: &mut KeyContext<'_>, value: &T) -> Result<()> {
        self.append_list(context, std::slice::from_ref(value))
    }

    /// Adds elements at the end.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write them.
    pub fn append_list(&self, context: &mut KeyContext<'_>, values: &[T]) -> Result<()> {
        let variable = declared(self.variable)?;
        let next = context
            .last_entry(variable)
            .and_then(|entry| entry.try_into().ok())
            .map_or(0, |entry: [u8; 8]| u64::from_be_bytes(entry) + 1);
        for (position, value) in (next..).zip(values) {
            context.put(variable, &position.to_be_bytes(), encode(value)?);
        }
        Ok(())
    }

    /// Removes all elements.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn clear(&self, context: &mut KeyContext<'_>) -> Result<()> {
        context.clear(declared(self.variable)?);
        Ok(())
    }
}

impl<K, V> MapState<K, V>
where
    K: Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    /// The value of a key, if there is one.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if what is kept is not such a map.
    pub fn get(&self, context: &KeyContext<'_>, key: &K) -> Result<Option<V>> {
        context
            .get(declared(self.variable)?, &encode(key)?)
            .map(decode)
            .transpose()
    }

    /// Whether there is a value for this key.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write the key.
    pub fn contains_key(&self, context: &KeyContext<'_>, key: &K) -> Result<bool> {
        Ok(context
            .get(declared(self.variable)?, &encode(key)?)
            .is_some())
    }

    /// Whether there is an entry.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn exists(&self, context: &KeyContext<'_>) -> Result<bool> {
        Ok(context.entries(declared(self.variable)?).next().is_some())
    }

    /// All entries, in the order of their encoded keys.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if what is kept is not such a map.
    pub fn entries(&self, context: &KeyContext<'_>) -> Result<Vec<(K, V)>> {
        context
            .entries(declared(self.variable)?)
            .map(|(key, value)| Ok((decode(key)?, decode(value)?)))
            .collect()
    }

    /// Puts a value in place of what is there for this key.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write it.
    pub fn update(&self, context: &mut KeyContext<'_>, key: &K, value: &V) -> Result<()> {
        context.put(declared(self.variable)?, &encode(key)?, encode(value)?);
        Ok(())
    }

    /// Removes the entry of this key.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write the key.
    pub fn remove_key(&self, context: &mut KeyContext<'_>, key: &K) -> Result<()> {
        context.remove(declared(self.variable)?, &encode(key)?);
        Ok(())
    }

    /// Removes all entries.
    ///
    /// # Errors
    ///
    /// `Invalid`, if the state was not declared.
    pub fn clear(&self, context: &mut KeyContext<'_>) -> Result<()> {
        context.clear(declared(self.variable)?);
        Ok(())
    }
}

fn declared(variable: Option<u16>) -> Result<u16> {
    variable.ok_or_else(|| {
        Error::invalid("a state is used that was not declared: declare it in init and keep what the declaration gives")
            .with_condition("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE")
    })
}

/// Named fields, so that a type may gain and lose some.
fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| {
        Error::invalid(format!(
            "this cannot be kept as state. type=`{}`, reason=`{error}`",
            std::any::type_name::<T>()
        ))
    })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| {
        Error::new(
            crate::error::ErrorKind::Incompatible,
            format!(
                "the state that is kept is not of this type: a field that was added needs a default. type=`{}`, reason=`{error}`",
                std::any::type_name::<T>()
            ),
        )
        .with_condition("STATE_STORE_INVALID_VALUE_SCHEMA_EVOLUTION")
    })
}

macro_rules! plain_traits {
    ($($state:ident<$($of:ident),+>),+) => {$(
        impl<$($of),+> Default for $state<$($of),+> {
            fn default() -> Self {
                $state { variable: None, of: PhantomData }
            }
        }

        impl<$($of),+> fmt::Debug for $state<$($of),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($state), "({:?})"), self.variable)
            }
        }
    )+};
}

plain_traits!(ValueState<T>, ListState<T>, MapState<K, V>);
