//! Which files there are.
//!
//! A path names a file, a folder, or, with `*`, `?`, `[…]` and `{a,b}`, any number of them. Of a folder the files in it are taken,
//! and those in its `key=value` folders; with `recursiveFileLookup` those in all. Names that start with `_` or `.` are passed over
//! (but `_key=value`), and so are files that are being copied. A folder that our own file sink writes is listed by its manifest
//! alone.

use super::options::FileOptions;
use super::partition;
use crate::disk::{RealDisk, file_error};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest};
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Where Spark's own file sink keeps what it has committed.
const SPARK_MANIFEST: &str = "_spark_metadata";

/// A file as it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedFile {
    /// Absolute.
    pub(super) path: PathBuf,
    /// In bytes.
    pub(super) size: u64,
    /// When it was last modified, in milliseconds since 1970; of a file in a manifest: its batch.
    pub(super) modified_ms: i64,
}

/// What a listing found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The oldest first; of equal age in the order of their paths.
    pub(super) files: Vec<ListedFile>,
    /// Whether they come from a manifest.
    pub(super) is_manifest: bool,
}

/// Lists all files that the options name.
///
/// # Errors
///
/// `Invalid` for a folder that cannot be read, or that Spark's file sink writes.
pub(super) fn list(options: &FileOptions) -> Result<Listing> {
    let mut listing = Listing::default();
    let roots = roots(&options.path)?;
    for root in &roots {
        list_root(root, options, &mut listing)?;
    }
    if listing.is_manifest && roots.len() > 1 {
        // The batches of different sinks cannot be brought into one order.
        return Err(Error::unsupported(format!(
            "reading several folders at once of which a file sink writes one (path=`{}`)",
            options.path
        )));
    }
    listing.files.sort_by(|left, right| {
        (left.modified_ms, &left.path).cmp(&(right.modified_ms, &right.path))
    });
    listing
        .files
        .dedup_by(|left, right| left.path == right.path);
    Ok(listing)
}

/// Whether a path is a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// The part of a path before its first folder with a pattern, absolute.
pub(super) fn fixed_part(path: &str) -> Result<PathBuf> {
    let path = strip_scheme(path);
    let parts = Path::new(path).components();
    let fixed: PathBuf = parts
        .take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy()))
        .collect();
    absolute(&fixed)
}

fn strip_scheme(path: &str) -> &str {
    match path.strip_prefix("file:") {
        // `file:///a`, `file:/a`
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => path,
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|cause| file_error("find the path", path, cause))
}

/// The files and folders that a path names.
fn roots(path: &str) -> Result<Vec<PathBuf>> {
    let path = strip_scheme(path);
    if !is_pattern(path) {
        let path = absolute(Path::new(path))?;
        return Ok(if path.exists() { vec![path] } else { vec![] });
    }
    let matching = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    };
    let mut found = Vec::new();
    for pattern in expand_braces(path) {
        let pattern = absolute(Path::new(&pattern))?;
        let pattern = pattern.to_string_lossy().replace("[^", "[!");
        let paths = glob::glob_with(&pattern, matching).map_err(|cause| {
            Error::invalid(format!("the path is no pattern. path=`{path}`")).with_source(cause)
        })?;
        for entry in paths {
            let entry = entry.map_err(|cause| {
                let at = cause.path().to_owned();
                file_error("list the folder", &at, cause.into())
            })?;
            if is_visible(&entry) {
                found.push(entry);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// `a/{b,c}/d` as `a/b/d` and `a/c/d`; braces may nest.
fn expand_braces(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else {
        return vec![pattern.to_owned()];
    };
    let (before, inside) = pattern.split_at(open);
    let mut depth = 0;
    let mut choices = Vec::new();
    let mut start = 1;
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => {
                choices.push(inside.get(start..at).unwrap_or_default());
                let after = inside.get(at + 1..).unwrap_or_default();
                let whole = |choice: &&str| expand_braces(&format!("{before}{choice}{after}"));
                return choices.iter().flat_map(whole).collect();
            }
            '}' => depth -= 1,
            ',' if depth == 1 => {
                choices.push(inside.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    // Never closed: no braces.
    vec![pattern.to_owned()]
}

/// Whether a file or folder of this name is looked at.
fn is_visible(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_hidden = (name.starts_with('_') && !name.contains('=')) || name.starts_with('.');
    !is_hidden && !name.ends_with("._COPYING_")
}

fn list_root(root: &Path, options: &FileOptions, listing: &mut Listing) -> Result<()> {
    let Some(metadata) = metadata(root)? else {
        return Ok(());
    };
    if metadata.is_file() {
        add(root, &metadata, options, listing);
        return Ok(());
    }
    if root.join(SPARK_MANIFEST).exists() {
        return Err(Error::unsupported(format!(
            "reading a folder that Spark's file sink writes (path=`{}`), whose manifest `{SPARK_MANIFEST}` says which files count,",
            root.display()
        )));
    }
    if Manifest::exists(&RealDisk, root)? {
        return list_manifest(root, options, listing);
    }
    list_folder(root, options, listing)
}

fn list_manifest(root: &Path, options: &FileOptions, listing: &mut Listing) -> Result<()> {
    listing.is_manifest = true;
    for file in Manifest::read_files(&RealDisk, root)? {
        let path = root.join(&file.path);
        if passes_filter(&path, options) {
            listing.files.push(ListedFile {
                path,
                size: file.size,
                modified_ms: i64::try_from(file.batch).unwrap_or(i64::MAX),
            });
        }
    }
    Ok(())
}

fn list_folder(folder: &Path, options: &FileOptions, listing: &mut Listing) -> Result<()> {
    let cannot = |cause| file_error("list the folder", folder, cause);
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if !is_visible(&path) {
            continue;
        }
        // A file may go while the folder is listed.
        let Some(metadata) = metadata(&path)? else {
            continue;
        };
        if metadata.is_file() {
            add(&path, &metadata, options, listing);
        } else if options.is_recursive || partition::is_partition_folder(&path) {
            list_folder(&path, options, listing)?;
        }
    }
    Ok(())
}

/// What the system knows of a file; `None` if there is none.
pub(super) fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(file_error("look at the file", path, cause)),
    }
}

fn add(path: &Path, metadata: &Metadata, options: &FileOptions, listing: &mut Listing) {
    if passes_filter(path, options) {
        listing.files.push(ListedFile {
            path: path.to_owned(),
            size: metadata.len(),
            modified_ms: modified_ms(metadata),
        });
    }
}

/// When a file was last modified, in milliseconds since 1970; 0 where the system does not know.
pub(super) fn modified_ms(metadata: &Metadata) -> i64 {
    let since = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn passes_filter(path: &Path, options: &FileOptions) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let filter = options.path_glob_filter.as_ref();
    filter.is_none_or(|filter| filter.matches(&name))
}

/// The folder that holds the manifest a listing came from must not be cleaned.
pub(super) fn refuse_cleaning(path: &str) -> Error {
    Error::invalid(format!(
        "cleanSource cannot be used on a folder that a file sink writes: its manifest in `{}` would name files that are gone. path=`{path}`",
        manifest::DIRECTORY
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn options(path: &str, more: &[(&str, &str)]) -> FileOptions {
        let path = [("path", path)];
        let mut options = Options::new("test", path.iter().chain(more).copied());
        FileOptions::take(&mut options).unwrap()
    }

    fn names(path: &str, more: &[(&str, &str)]) -> Vec<String> {
        let listing = list(&options(path, more)).unwrap();
        let mut names: Vec<String> = listing
            .files
            .iter()
            .map(|file| {
                file.path
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_gives_its_visible_files_and_its_partitions() {
        let folder = folder(&[
            "a.json",
            ".hidden",
            "_started",
            "b.json._COPYING_",
            "day=1/c.json",
            "day=1/_k=2/d.json",
            "other/e.json",
        ]);
        let path = folder.path().to_str().unwrap();
        assert_eq!(names(path, &[]), ["a.json", "c.json", "d.json"]);
        let all = names(path, &[("recursiveFileLookup", "true")]);
        assert_eq!(all, ["a.json", "c.json", "d.json", "e.json"]);
        assert_eq!(
            names(path, &[("pathGlobFilter", "[ac].*")]),
            ["a.json", "c.json"]
        );
        assert_eq!(names(&format!("file://{path}/a.json"), &[]), ["a.json"]);
        assert!(names(&format!("{path}/nothing"), &[]).is_empty());
    }

    #[test]
    fn patterns_find_files_and_folders() {
        let folder = folder(&[
            "2024/01/a.json",
            "2024/02/b.json",
            "2024/03/c.csv",
            "2025/01/d.json",
        ]);
        let path = folder.path().to_str().unwrap();
        let found = |pattern: &str| names(&format!("{path}/{pattern}"), &[]);
        assert_eq!(found("2024/*"), ["a.json", "b.json", "c.csv"]);
        assert_eq!(found("*/*/*.json"), ["a.json", "b.json", "d.json"]);
        assert_eq!(found("2024/{01,0[23]}/*.{json,txt}"), ["a.json", "b.json"]);
        assert_eq!(found("202[^4]/??"), ["d.json"]);
        assert_eq!(found("*.json"), Vec::<String>::new());
        let fixed = fixed_part(&format!("{path}/2024/*/x")).unwrap();
        assert_eq!(fixed, folder.path().join("2024"));
    }

    #[test]
    fn a_folder_of_sparks_file_sink_is_refused() {
        let folder = folder(&["a.json", "_spark_metadata/0"]);
        let error = list(&options(folder.path().to_str().unwrap(), &[])).unwrap_err();
        assert!(error.to_string().contains("_spark_metadata"), "{error}");
    }
}
