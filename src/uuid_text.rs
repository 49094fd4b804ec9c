//! Ids as text in serde formats. The `uuid` crate could do it by a feature, which would make the heaviest dependency, which shares the
//! crate, build anew.

use serde::{Deserialize, Deserializer, Serializer, de};
use uuid::Uuid;

/// Writes the hyphenated form.
pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Reads any form that [`Uuid`] parses.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}
