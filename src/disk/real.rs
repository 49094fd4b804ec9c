//! The machine's disk. Every sync is fdatasync for bytes and fsync for names; renames never replace.

use super::{Disk, DiskFile, DiskLock, file_error, parent};
use crate::error::{Error, ErrorKind, Result};
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The machine's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        std::fs::read(path).map_err(|cause| file_error("read a file", path, cause))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        path.try_exists()
            .map_err(|cause| file_error("look for a file", path, cause))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let fail = |cause| file_error("list a directory", directory, cause);
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(fail(cause)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map(|file| RealFile::boxed(file, path))
            .map_err(|cause| file_error("create a file", path, cause))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        OpenOptions::new()
            .append(true)
            .open(path)
            .map(|file| RealFile::boxed(file, path))
            .map_err(|cause| file_error("open a file for appending", path, cause))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        rename_new(from, to).map_err(|cause| file_error("rename a file", to, cause))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(file_error("remove a file", path, cause))
            }
            _ => Ok(()),
        }
    }

    fn sync_directory(&self, directory: &Path) -> Result<()> {
        File::open(directory)
            .and_then(|file| file.sync_all())
            .map_err(|cause| file_error("sync a directory", directory, cause))
    }

    fn create_directory(&self, directory: &Path) -> Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let above = parent(directory);
        if above != directory {
            self.create_directory(above)?;
        }
        match std::fs::create_dir(directory) {
            Ok(()) => self.sync_directory(above),
            Err(_) if directory.is_dir() => self.sync_directory(above),
            Err(cause) => {
                let cause = match cause.kind() {
                    io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
                    _ => cause,
                };
                Err(file_error("create a directory", directory, cause))
            }
        }
    }

    fn remove_directory(&self, directory: &Path) -> Result<()> {
        match std::fs::remove_dir_all(directory) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(file_error("remove a directory", directory, cause))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self, path: &Path, owner: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Box<dyn DiskLock>> {
        let fail = |cause| file_error("lock a file", path, cause);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        let mut before = Vec::new();
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(held(path, &mut file)),
            Err(errno) => return Err(fail(errno.into())),
        }
        file.read_to_end(&mut before).map_err(fail)?;
        let content = owner(&before);
        file.set_len(0).map_err(fail)?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.write_all(&content).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        Ok(Box::new(RealLock {
            file,
            path: path.to_owned(),
            content,
        }))
    }
}

/// Renames without replacing, on file systems that cannot do that in one step through a second link.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        done => Ok(done?),
    }
}

/// Another process has the lock.
fn held(path: &Path, file: &mut File) -> Error {
    let mut owner = String::new();
    let owner = match file.read_to_string(&mut owner) {
        Ok(_) => owner.trim(),
        Err(_) => "unknown",
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "another process is using this directory, stop it first. owner=`{owner}`, path=`{}`",
            path.display()
        ),
    )
}

#[derive(Debug)]
struct RealFile {
    file: File,
    path: PathBuf,
}

impl RealFile {
    fn boxed(file: File, path: &Path) -> Box<dyn DiskFile> {
        Box::new(RealFile {
            file,
            path: path.to_owned(),
        })
    }
}

impl DiskFile for RealFile {
    fn write(&self, bytes: &[u8]) -> Result<()> {
        (&self.file)
            .write_all(bytes)
            .map_err(|cause| file_error("write to a file", &self.path, cause))
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(|cause| {
            let path = self.path.display();
            Error::new(
                ErrorKind::Corrupt,
                format!("the device did not keep what was written, start again from the checkpoint. path=`{path}`"),
            )
            .with_source(cause)
        })
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.file
            .set_len(length)
            .map_err(|cause| file_error("cut a file", &self.path, cause))
    }
}

#[derive(Debug)]
struct RealLock {
    /// The kernel holds the lock as long as this is open, here or in a child.
    file: File,
    path: PathBuf,
    content: Vec<u8>,
}

impl Drop for RealLock {
    fn drop(&mut self) {
        // To close the file is not enough: a child process that another thread is just starting has it open too, until it runs its program. If
        // this fails, the lock goes with the last of them.
        if let Err(cause) = rustix::fs::flock(&self.file, FlockOperation::Unlock) {
            tracing::debug!(path = %self.path.display(), %cause, "a lock was not let go of");
        }
    }
}

impl DiskLock for RealLock {
    fn check(&self) -> Result<()> {
        let fail = |cause| file_error("read a lock", &self.path, cause);
        let ours = self.file.metadata().map_err(fail)?;
        let there = match std::fs::metadata(&self.path) {
            Ok(there) => Some(there),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(fail(cause)),
        };
        let is_same_file =
            there.is_some_and(|there| (there.ino(), there.dev()) == (ours.ino(), ours.dev()));
        let content = if is_same_file {
            std::fs::read(&self.path).map_err(fail)?
        } else {
            Vec::new()
        };
        if content == self.content {
            return Ok(());
        }
        Err(super::lock_lost(&self.path, &content))
    }
}
