//! Files that must survive: the only place of the library that writes, renames or removes them.
//!
//! Two ways of writing, and no third:
//! 1. **A whole file, once** ([`write_whole`]): temporary file, write, fdatasync, rename without replacing, fsync of the
//!    directory. A reader sees all of it or nothing, also after a power failure.
//! 2. **A log** ([`Disk::create`], [`Disk::append`]): bytes at the end, durable after [`DiskFile::sync_data`]. What was
//!    not synced may be there, partly there, or there as zeros after a power failure; the reader has to tell.
//!
//! A failed [`DiskFile::sync_data`] is never tried again on the same file: the kernel may have dropped the pages and call
//! the next one a success. [`RealDisk`] is the machine's; [`SimulatedDisk`] lives in memory, forgets what was not synced
//! and fails at any call a test names.

mod real;
mod simulated;

pub use real::RealDisk;
pub use simulated::{AfterCrash, Effects, SimulatedDisk};

use crate::error::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// The file operations this library stands on, each of them one outside effect that a test can make fail.
///
/// Every method names the path in its error. Kinds: `Unavailable` for what may pass (a full disk, too many open files),
/// `Invalid` for what the user has to mend (permissions, a missing folder), `Corrupt` for what the device has lost.
pub trait Disk: Send + Sync + Debug {
    /// All bytes of a file.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is not there.
    fn read(&self, path: &Path) -> Result<Vec<u8>>;

    /// Whether there is a file or a directory.
    ///
    /// # Errors
    ///
    /// `Invalid` if the directory above cannot be searched.
    fn exists(&self, path: &Path) -> Result<bool>;

    /// The names in a directory, sorted; nothing if there is no such directory.
    ///
    /// # Errors
    ///
    /// `Invalid` if it cannot be read.
    fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// A new, empty file, open for writing. Its name is durable after [`Disk::sync_directory`].
    ///
    /// # Errors
    ///
    /// `Conflict` if there is one.
    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>>;

    /// A file that is there, open for writing at its end.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is not there.
    fn append(&self, path: &Path) -> Result<Box<dyn DiskFile>>;

    /// Gives a file a new name, which nothing may have. The new name is durable after [`Disk::sync_directory`].
    ///
    /// # Errors
    ///
    /// `Conflict` if something has that name.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file; it is no error if it is gone already.
    ///
    /// # Errors
    ///
    /// `Invalid` without permission.
    fn remove(&self, path: &Path) -> Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the device fails.
    fn sync_directory(&self, directory: &Path) -> Result<()>;

    /// Makes a directory and those above it, durably; it is no error if it is there.
    ///
    /// # Errors
    ///
    /// `Invalid` without permission, or if a file is in the way.
    fn create_directory(&self, directory: &Path) -> Result<()>;

    /// Removes a directory with everything in it; it is no error if it is gone already.
    ///
    /// # Errors
    ///
    /// `Invalid` without permission.
    fn remove_directory(&self, directory: &Path) -> Result<()>;

    /// Takes the lock file `path` for this process, and writes the answer of `owner`, given what the last owner left there
    /// (empty for a new file). Held until the lock is dropped, or the process ends in whatever way.
    ///
    /// # Errors
    ///
    /// `Conflict` if it is held, naming what its owner wrote.
    fn lock(&self, path: &Path, owner: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Box<dyn DiskLock>>;
}

/// A file open for writing at its end. Shared between the thread that writes and the one that syncs.
pub trait DiskFile: Send + Sync + Debug {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the disk is full; some of the bytes may be there then.
    fn write(&self, bytes: &[u8]) -> Result<()>;

    /// Makes all bytes written so far durable (fdatasync).
    ///
    /// # Errors
    ///
    /// `Corrupt`: nobody knows what is durable now. The file must be read again before anything else is written.
    fn sync_data(&self) -> Result<()>;

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    ///
    /// As [`DiskFile::write`].
    fn truncate(&self, length: u64) -> Result<()>;
}

/// A lock that is held.
pub trait DiskLock: Send + Sync + Debug {
    /// Whether the lock file is still the one that was locked, with our words in it. A process that was paused for long
    /// finds out here that somebody removed its lock and took over.
    ///
    /// # Errors
    ///
    /// `Conflict` if it is not, naming the new owner.
    fn check(&self) -> Result<()>;
}

/// Writes a whole file, durably, under a name that nothing has yet.
///
/// # Errors
///
/// `Conflict` if there is a file of that name; else those of [`Disk`]. On an error the name is not taken.
pub fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary_path(path);
    disk.remove(&temporary)?;
    let written = disk.create(&temporary).and_then(|file| {
        file.write(bytes)?;
        file.sync_data()
    });
    let renamed = written.and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = renamed {
        if let Err(left_over) = disk.remove(&temporary) {
            tracing::warn!(%left_over, "a temporary file stays behind");
        }
        return Err(error);
    }
    disk.sync_directory(parent(path))
}

/// Where [`write_whole`] writes before it renames: beside the file, hidden. A crash may leave it; whoever lists the directory
/// passes over names that [`is_temporary`].
pub fn temporary_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    path.with_file_name(name)
}

/// Whether a file name is one that [`temporary_path`] makes.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix('.')
        .is_some_and(|name| name.strip_suffix(".tmp").is_some())
}

/// The directory of a file; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// An error of an operating system call on a file: what was done, why it failed, what would mend it, and the path.
pub fn file_error(action: &str, path: &Path, cause: io::Error) -> Error {
    let (kind, why) = explain(&cause);
    Error::new(
        kind,
        format!("cannot {action}: {why}. path=`{}`", path.display()),
    )
    .with_source(cause)
}

/// What the caller can do about a failed call, and why it failed, in words.
fn explain(cause: &io::Error) -> (ErrorKind, String) {
    use io::ErrorKind as Cause;
    match cause.kind() {
        Cause::StorageFull => (
            ErrorKind::Unavailable,
            "the disk is full, nothing is lost; make room and start again".to_owned(),
        ),
        Cause::QuotaExceeded => (
            ErrorKind::Unavailable,
            "the disk quota is used up, nothing is lost; make room and start again".to_owned(),
        ),
        Cause::FileTooLarge => (
            ErrorKind::Unavailable,
            "the file would grow past the size that the system allows, nothing is lost; raise the limit".to_owned(),
        ),
        Cause::NotFound => (ErrorKind::Invalid, "it does not exist".to_owned()),
        Cause::PermissionDenied => (
            ErrorKind::Invalid,
            "permission denied; give this user the right to write there, or choose another directory".to_owned(),
        ),
        Cause::ReadOnlyFilesystem => (
            ErrorKind::Invalid,
            "the file system is read-only; choose another directory".to_owned(),
        ),
        Cause::NotADirectory => (
            ErrorKind::Invalid,
            "a file stands where a directory is needed".to_owned(),
        ),
        Cause::IsADirectory => (
            ErrorKind::Invalid,
            "a directory stands where a file is needed".to_owned(),
        ),
        Cause::AlreadyExists => (ErrorKind::Conflict, "it exists already".to_owned()),
        Cause::InvalidFilename | Cause::InvalidInput => (
            ErrorKind::Invalid,
            "that is no file name here".to_owned(),
        ),
        Cause::Unsupported => (
            ErrorKind::Invalid,
            "the file system cannot do that; choose another one".to_owned(),
        ),
        Cause::Interrupted | Cause::WouldBlock | Cause::TimedOut | Cause::ResourceBusy | Cause::OutOfMemory => {
            (ErrorKind::Unavailable, cause.to_string())
        }
        _ if is_out_of_files(cause) => (
            ErrorKind::Unavailable,
            "too many open files; raise the limit".to_owned(),
        ),
        _ => (ErrorKind::Corrupt, cause.to_string()),
    }
}

/// Somebody else has taken over what a lock protected.
fn lock_lost(path: &Path, owner: &[u8]) -> Error {
    let path = path.display();
    let message = if owner.is_empty() {
        format!(
            "the directory was removed or replaced while the query was running, nothing more is written to it. path=`{path}`"
        )
    } else {
        let owner = String::from_utf8_lossy(owner);
        let owner = owner.trim();
        format!(
            "the lock was taken over while this process was away, it must not write any more. owner=`{owner}`, path=`{path}`"
        )
    };
    Error::new(ErrorKind::Conflict, message)
}

/// EMFILE and ENFILE, which have no kind of their own.
fn is_out_of_files(cause: &io::Error) -> bool {
    use rustix::io::Errno;
    cause.raw_os_error().is_some_and(|code| {
        code == Errno::MFILE.raw_os_error() || code == Errno::NFILE.raw_os_error()
    })
}

#[cfg(test)]
mod tests;
