//! `metadata.json`: what a checkpoint is, written once, before anything else.

use super::frame::corrupt;
use crate::disk::{Disk, write_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::path::Path;
use uuid::Uuid;

/// The name of the file.
pub const METADATA_FILE: &str = "metadata.json";

/// The version of the directory's layout that is written. Every version up to it is read.
const FORMAT: u32 = 1;

/// What never changes in the life of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The version of the directory's layout.
    pub format: u32,
    /// The query's id: the same in every run.
    #[serde(with = "crate::uuid_text")]
    pub query_id: Uuid,
    /// The hash that puts state keys into groups.
    pub hash: String,
    /// How many state partitions the query had when it was first started. Later runs keep it.
    pub state_partitions: usize,
    /// crc32c, in hexadecimal, of all this as compact JSON without this field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    checksum: String,
}

impl Metadata {
    /// Metadata of a new query.
    pub fn new(query_id: Uuid, state_partitions: usize) -> Metadata {
        Metadata {
            format: FORMAT,
            query_id,
            hash: hash::NAME.to_owned(),
            state_partitions,
            checksum: String::new(),
        }
    }

    /// Reads the file of the checkpoint in `directory`; nothing if there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt` if it is damaged, `Incompatible` if a later version wrote it.
    pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Metadata>> {
        let path = directory.join(METADATA_FILE);
        if !disk.exists(&path)? {
            return Ok(None);
        }
        let bytes = disk.read(&path)?;
        let mut metadata: Metadata = serde_json::from_slice(&bytes).map_err(|cause| {
            let offset = offset_of(&bytes, &cause);
            corrupt(&path, offset, "it does not read as metadata").with_source(cause)
        })?;
        metadata.checksum.clear();
        if metadata.to_bytes()? != bytes {
            return Err(corrupt(&path, 0, "the checksum does not fit"));
        }
        if metadata.format != FORMAT || metadata.hash != hash::NAME {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the checkpoint was written by another version of tidemill, use that one. format=`{}`, known=`{FORMAT}`, hash=`{}`, known_hash=`{}`, path=`{}`",
                    metadata.format,
                    metadata.hash,
                    hash::NAME,
                    path.display()
                ),
            ));
        }
        Ok(Some(metadata))
    }

    /// Writes the file, once.
    ///
    /// # Errors
    ///
    /// Those of [`write_whole`].
    pub fn write(&self, disk: &dyn Disk, directory: &Path) -> Result<()> {
        write_whole(disk, &directory.join(METADATA_FILE), &self.to_bytes()?)
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let fail = |cause| Error::internal("metadata does not serialize").with_source(cause);
        let unsigned = serde_json::to_vec(self).map_err(fail)?;
        let signed = Metadata {
            checksum: format!("{:08x}", crc32c::crc32c(&unsigned)),
            ..self.clone()
        };
        let mut bytes = serde_json::to_vec_pretty(&signed).map_err(fail)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Where in the text a JSON error is.
fn offset_of(bytes: &[u8], error: &serde_json::Error) -> u64 {
    let before: usize = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + error.column().saturating_sub(1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn metadata_is_read_back_and_a_changed_byte_is_refused() {
        let home = Path::new("/query");
        let disk = SimulatedDisk::default();
        disk.create_directory(home).unwrap();
        assert_eq!(Metadata::read(&disk, home).unwrap(), None);
        let metadata = Metadata::new(Uuid::from_u128(5), 4);
        metadata.write(&disk, home).unwrap();
        assert_eq!(Metadata::read(&disk, home).unwrap(), Some(metadata));
        let path = home.join(METADATA_FILE);
        let bytes = disk.read(&path).unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            disk.put(&path, damaged);
            let error = Metadata::read(&disk, home).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{place}");
            assert!(error.to_string().contains("metadata.json"), "{error}");
        }
    }
}
