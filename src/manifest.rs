//! The manifest of a folder that the file sink writes: which files of it hold rows, and of which batch.
//!
//! It lives in the folder, under `_tidemill/`, as *segments*: files that are written once and whole, named
//! `<level>-<first batch>-<last batch>.jsonl`, the batch ids padded with zeros to 20 digits. A segment is text:
//!
//! ```text
//! {"format":"tidemill-manifest","version":1,"first":7,"last":7}
//! {"path":"day=2024-01-31/part-00007-….parquet","batch":7,"size":5120,"rows":100}
//! {"files":1,"crc32c":305419896}
//! ```
//!
//! Beside them `owner.json` names the query that writes the folder (`{"format":…,"version":1,"query":"<id>"}`): it is written before
//! the first file, and a folder has one owner for ever.
//!
//! A batch that replaces all before it, as each result in complete mode does, is a segment of level 0 that begins at batch 0.
//!
//! The checksum covers every line before the last. A batch is committed by its segment of level 0; a batch without files has
//! none. Ten segments of one level become one of the next, so that there are never more than ten of each, and a file's line is
//! rewritten once for each power of ten. A reader takes, from the lowest batch on, the segment that reaches furthest: what a
//! merge has replaced but not yet removed counts for nothing.

use crate::disk::{Disk, is_temporary, write_whole};
use crate::error::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The folder's folder that the manifest lives in. Readers of files pass over names that start with `_`.
pub(crate) const DIRECTORY: &str = "_tidemill";

/// Names the query that writes the folder.
const OWNER: &str = "owner.json";

/// How many segments of a level become one of the next.
const MERGE: usize = 10;

/// How often a reader starts anew when segments are merged while it reads.
const READ_ATTEMPTS: usize = 5;

const FORMAT: &str = "tidemill-manifest";
const VERSION: u32 = 1;

/// A file with rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestFile {
    /// Relative to the folder, with `/` between its parts.
    pub(crate) path: String,
    /// The batch it belongs to.
    pub(crate) batch: u64,
    /// Its bytes.
    pub(crate) size: u64,
    /// Its rows.
    pub(crate) rows: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    first: u64,
    last: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    files: usize,
    crc32c: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    format: String,
    version: u32,
    query: String,
}

/// A segment by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    first: u64,
    last: u64,
    level: u32,
}

impl Segment {
    fn file_name(self) -> String {
        let Segment { first, last, level } = self;
        format!("{level}-{first:020}-{last:020}.jsonl")
    }

    fn parse(name: &str) -> Option<Segment> {
        let mut parts = name.strip_suffix(".jsonl")?.split('-');
        let level = parts.next()?.parse().ok()?;
        let first = parts.next()?.parse().ok()?;
        let last = parts.next()?.parse().ok()?;
        let segment = Segment { first, last, level };
        (parts.next().is_none() && segment.file_name() == name).then_some(segment)
    }
}

/// The segments of a folder that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    directory: PathBuf,
    segments: Vec<Segment>,
    /// What merges have replaced.
    replaced: Vec<Segment>,
}

impl Manifest {
    /// Whether a folder has a manifest.
    pub(crate) fn exists(disk: &dyn Disk, folder: &Path) -> Result<bool> {
        disk.exists(&folder.join(DIRECTORY))
    }

    /// The manifest of a folder; an empty one if it has none.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if segments contradict each other; those of reading the folder.
    pub(crate) fn open(disk: &dyn Disk, folder: &Path) -> Result<Manifest> {
        let directory = folder.join(DIRECTORY);
        let mut found = Vec::new();
        for name in disk.list(&directory)? {
            if is_temporary(&name) || name == OWNER {
                continue;
            }
            found.push(Segment::parse(&name).ok_or_else(|| {
                corrupt(
                    "the manifest has a file that is no segment",
                    &directory.join(&name),
                )
            })?);
        }
        // The furthest of those that begin at the same batch comes first.
        found.sort_by_key(|segment| (segment.first, u64::MAX - segment.last));
        let mut manifest = Manifest {
            directory,
            segments: Vec::new(),
            replaced: Vec::new(),
        };
        for segment in found {
            match manifest.segments.last() {
                Some(before) if segment.last <= before.last => manifest.replaced.push(segment),
                Some(before) if segment.first <= before.last => {
                    let path = manifest.directory.join(segment.file_name());
                    return Err(corrupt("two segments of the manifest overlap", &path));
                }
                _ => manifest.segments.push(segment),
            }
        }
        Ok(manifest)
    }

    /// Makes `query` the owner of a folder that has none; whether it was the owner before.
    ///
    /// # Errors
    ///
    /// `Conflict`, if it has another owner.
    pub(crate) fn claim(disk: &dyn Disk, folder: &Path, query: &str) -> Result<bool> {
        let directory = folder.join(DIRECTORY);
        let path = directory.join(OWNER);
        if !disk.exists(&path)? {
            disk.create_directory(&directory)?;
            let owner = Owner {
                format: FORMAT.to_owned(),
                version: VERSION,
                query: query.to_owned(),
            };
            let mut text = Vec::new();
            append_line(&mut text, &owner)?;
            write_whole(disk, &path, &text)?;
            return Ok(false);
        }
        // The name may stand there without being durable yet.
        disk.sync_directory(&directory)?;
        let bytes = disk.read(&path)?;
        let owner: Owner = serde_json::from_slice(&bytes).map_err(|cause| {
            corrupt("the owner of the folder cannot be read", &path).with_source(cause)
        })?;
        if owner.query == query {
            return Ok(true);
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the folder holds the rows of another query; give this query a folder of its own, or the checkpoint it had. owner=`{}`, query=`{query}`, path=`{}`",
                owner.query,
                folder.display()
            ),
        ))
    }

    /// Makes durable what is there: a batch that stands here may have been named without that.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub(crate) fn sync(&self, disk: &dyn Disk) -> Result<()> {
        disk.sync_directory(&self.directory)
    }

    /// The last batch that has files here.
    pub(crate) fn last_batch(&self) -> Option<u64> {
        self.segments.last().map(|segment| segment.last)
    }

    /// The files of a folder, in the order of their batches, as of one moment.
    ///
    /// # Errors
    ///
    /// `Corrupt`, if a segment is not what was written; those of reading the folder.
    pub(crate) fn read_files(disk: &dyn Disk, folder: &Path) -> Result<Vec<ManifestFile>> {
        let mut attempts = 1;
        loop {
            match Manifest::open(disk, folder)?.files(disk) {
                // A merge may have removed a segment after it was listed.
                Err(error) if error.kind() != ErrorKind::Corrupt && attempts < READ_ATTEMPTS => {
                    attempts += 1;
                }
                files => return files,
            }
        }
    }

    /// The files that count, in the order of their batches.
    ///
    /// # Errors
    ///
    /// As [`Manifest::read_files`].
    pub(crate) fn files(&self, disk: &dyn Disk) -> Result<Vec<ManifestFile>> {
        let mut files = Vec::new();
        for segment in &self.segments {
            self.read_segment(disk, *segment, &mut files)?;
        }
        Ok(files)
    }

    /// Commits a batch, durably: from here on its files count. Does nothing for a batch without files.
    ///
    /// # Errors
    ///
    /// `Conflict`, if someone else has committed the batch; those of writing.
    pub(crate) fn commit(
        &mut self,
        disk: &dyn Disk,
        batch: u64,
        files: &[ManifestFile],
    ) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let segment = Segment {
            first: batch,
            last: batch,
            level: 0,
        };
        disk.create_directory(&self.directory)?;
        self.write_segment(disk, segment, files)?;
        self.segments.push(segment);
        Ok(())
    }

    /// Commits a batch that replaces all before it, durably: from here on its files count, also if there are none, and no others.
    ///
    /// # Errors
    ///
    /// As [`Manifest::commit`].
    pub(crate) fn replace(
        &mut self,
        disk: &dyn Disk,
        batch: u64,
        files: &[ManifestFile],
    ) -> Result<()> {
        let segment = Segment {
            first: 0,
            last: batch,
            level: 0,
        };
        disk.create_directory(&self.directory)?;
        self.write_segment(disk, segment, files)?;
        self.replaced.append(&mut self.segments);
        self.segments.push(segment);
        Ok(())
    }

    /// Merges what has become due and removes what merges have replaced. It may fail at any point without harm.
    ///
    /// # Errors
    ///
    /// Those of reading and writing.
    pub(crate) fn tidy(&mut self, disk: &dyn Disk) -> Result<()> {
        while let Some(merged) = self.due() {
            let start = self.segments.len() - MERGE;
            let mut files = Vec::new();
            for segment in self.segments.iter().skip(start) {
                self.read_segment(disk, *segment, &mut files)?;
            }
            self.write_segment(disk, merged, &files)?;
            self.replaced.extend(self.segments.drain(start..));
            self.segments.push(merged);
        }
        while let Some(segment) = self.replaced.pop() {
            disk.remove(&self.directory.join(segment.file_name()))?;
        }
        Ok(())
    }

    /// The segment that the last ten would become, if they are all of one level.
    fn due(&self) -> Option<Segment> {
        let start = self.segments.len().checked_sub(MERGE)?;
        let tail = self.segments.get(start..)?;
        let (first, last) = (tail.first()?, tail.last()?);
        let is_due = tail.iter().all(|segment| segment.level == last.level);
        is_due.then_some(Segment {
            first: first.first,
            last: last.last,
            level: last.level + 1,
        })
    }

    fn write_segment(
        &self,
        disk: &dyn Disk,
        segment: Segment,
        files: &[ManifestFile],
    ) -> Result<()> {
        let mut text = Vec::new();
        append_line(
            &mut text,
            &Header {
                format: FORMAT.to_owned(),
                version: VERSION,
                first: segment.first,
                last: segment.last,
            },
        )?;
        for file in files {
            append_line(&mut text, file)?;
        }
        let trailer = Trailer {
            files: files.len(),
            crc32c: crc32c::crc32c(&text),
        };
        append_line(&mut text, &trailer)?;
        write_whole(disk, &self.directory.join(segment.file_name()), &text)
    }

    fn read_segment(
        &self,
        disk: &dyn Disk,
        segment: Segment,
        files: &mut Vec<ManifestFile>,
    ) -> Result<()> {
        let path = self.directory.join(segment.file_name());
        let bytes = disk.read(&path)?;
        let damaged = || corrupt("a segment of the manifest is damaged", &path);
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let body = text.strip_suffix('\n').ok_or_else(damaged)?;
        let (body, trailer) = body.rsplit_once('\n').ok_or_else(damaged)?;
        let checked = bytes.get(..=body.len()).ok_or_else(damaged)?;
        let trailer: Trailer = parse_line(trailer).ok_or_else(damaged)?;
        if trailer.crc32c != crc32c::crc32c(checked) {
            return Err(damaged());
        }
        let mut lines = body.lines();
        let header: Header = lines.next().and_then(parse_line).ok_or_else(damaged)?;
        if header.format != FORMAT || header.version != VERSION {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the manifest of the folder was written by another version. version=`{}`, path=`{}`",
                    header.version,
                    path.display()
                ),
            ));
        }
        let before = files.len();
        for line in lines {
            files.push(parse_line(line).ok_or_else(damaged)?);
        }
        if files.len() - before != trailer.files {
            return Err(damaged());
        }
        Ok(())
    }
}

fn append_line(text: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *text, value).map_err(|cause| {
        Error::internal("a line of a manifest cannot be written").with_source(cause)
    })?;
    text.push(b'\n');
    Ok(())
}

fn parse_line<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(line).ok()
}

fn corrupt(what: &str, path: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{what}. path=`{}`", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Effects, SimulatedDisk};

    fn file(batch: u64) -> ManifestFile {
        ManifestFile {
            path: format!("part-{batch}.parquet"),
            batch,
            size: 10 * batch,
            rows: batch,
        }
    }

    fn batches(disk: &dyn Disk) -> Vec<u64> {
        let files = Manifest::read_files(disk, Path::new("/out")).unwrap();
        files.iter().map(|file| file.batch).collect()
    }

    #[test]
    fn segments_are_merged_by_tens_and_lose_nothing() {
        let disk = SimulatedDisk::new(Effects::calm());
        let folder = Path::new("/out");
        disk.create_directory(folder).unwrap();
        for batch in 0..123 {
            let mut manifest = Manifest::open(&disk, folder).unwrap();
            let files = [file(batch)];
            // Batches without rows leave no trace.
            let files = if batch % 7 == 3 { &[][..] } else { &files[..] };
            manifest.commit(&disk, batch, files).unwrap();
            manifest.tidy(&disk).unwrap();
        }
        let expected: Vec<u64> = (0..123).filter(|batch| batch % 7 != 3).collect();
        assert_eq!(batches(&disk), expected);
        assert_eq!(
            Manifest::open(&disk, folder).unwrap().last_batch(),
            Some(121)
        );
        assert!(disk.list(&folder.join(DIRECTORY)).unwrap().len() <= 20);
    }

    #[test]
    fn a_batch_is_committed_once() {
        let disk = SimulatedDisk::new(Effects::calm());
        let folder = Path::new("/out");
        disk.create_directory(folder).unwrap();
        let mut manifest = Manifest::open(&disk, folder).unwrap();
        let mut other = manifest.clone();
        manifest.commit(&disk, 0, &[file(0)]).unwrap();
        let error = other.commit(&disk, 0, &[file(0)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }

    #[test]
    fn damage_is_told() {
        let disk = SimulatedDisk::new(Effects::calm());
        let folder = Path::new("/out");
        disk.create_directory(folder).unwrap();
        let mut manifest = Manifest::open(&disk, folder).unwrap();
        manifest.commit(&disk, 0, &[file(0)]).unwrap();
        let path = folder
            .join(DIRECTORY)
            .join(manifest.segments[0].file_name());
        let text = String::from_utf8(disk.read(&path).unwrap()).unwrap();
        disk.remove(&path).unwrap();
        write_whole(&disk, &path, text.replace("part-0", "part-9").as_bytes()).unwrap();
        let error = Manifest::read_files(&disk, folder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("0-00000000000000000000"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_has_one_owner() {
        let disk = SimulatedDisk::new(Effects::calm());
        let folder = Path::new("/out");
        assert!(!Manifest::claim(&disk, folder, "q1").unwrap());
        assert!(Manifest::claim(&disk, folder, "q1").unwrap());
        let error = Manifest::claim(&disk, folder, "q2").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("owner=`q1`"), "{error}");
    }
}
