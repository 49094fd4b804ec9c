//! A disk in memory that forgets what was not synced, and the counter that makes it, and any other effect a test counts
//! with it, fail at a chosen call.
//!
//! The model: a file has the bytes that were written and those that were synced; a directory has the names that are there
//! and those that were synced. [`SimulatedDisk::crash`] gives the disk that the next process finds, and [`AfterCrash`] says
//! what became of the rest: a killed process loses nothing, a power failure anything.

#![expect(
    clippy::indexing_slicing,
    reason = "indexes are inodes that this file handed out; it holds no data from outside"
)]

use super::{Disk, DiskFile, DiskLock, file_error, lock_lost, parent};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts outside effects and makes one of them fail. Shared by all doubles of one test, so that a crash anywhere is a
/// crash everywhere.
#[derive(Debug, Clone, Default)]
pub struct Effects(Arc<Mutex<EffectState>>);

#[derive(Debug, Default)]
struct EffectState {
    count: u64,
    crash_at: Option<u64>,
    fail_at: Option<u64>,
    full_from: Option<u64>,
    trace: Vec<String>,
}

impl Effects {
    /// Counts, and never fails.
    pub fn calm() -> Effects {
        Effects::default()
    }

    /// The process dies at the `call`-th effect, counted from 0: that one and all later ones fail, having done nothing
    /// (or, for a write, half of it).
    pub fn crash_at(call: u64) -> Effects {
        let effects = Effects::default();
        effects.state().crash_at = Some(call);
        effects
    }

    /// The `call`-th effect, counted from 0, fails as a full disk does; those after it work again.
    pub fn fail_at(call: u64) -> Effects {
        let effects = Effects::default();
        effects.state().fail_at = Some(call);
        effects
    }

    /// The disk is full from the `call`-th effect on, counted from 0, and stays so.
    pub fn full_from(call: u64) -> Effects {
        let effects = Effects::default();
        effects.state().full_from = Some(call);
        effects
    }

    /// Counts one effect.
    ///
    /// # Errors
    ///
    /// If this is the one that fails.
    pub fn step(&self, what: impl Into<String>) -> io::Result<()> {
        let mut state = self.state();
        let call = state.count;
        state.count += 1;
        state.trace.push(what.into());
        if state.crash_at.is_some_and(|crash| call >= crash) {
            return Err(io::Error::other("the process is dead"));
        }
        let is_full = state.full_from.is_some_and(|full| call >= full);
        if is_full || state.fail_at == Some(call) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    /// How many effects there were.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// Whether the process is dead.
    pub fn has_crashed(&self) -> bool {
        let state = self.state();
        state.crash_at.is_some_and(|crash| state.count > crash)
    }

    /// What the effects were, in order.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    fn state(&self) -> MutexGuard<'_, EffectState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a crash leaves of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// Everything: the process was killed, the machine went on. What was not synced is still not synced.
    KeepsAll,
    /// Nothing: the power failed.
    KeepsSynced,
    /// Names, and the first half of the bytes.
    KeepsHalf,
    /// Names, and the length of the bytes, but not the bytes: zeros.
    KeepsZeros,
}

impl AfterCrash {
    /// All of them.
    pub const ALL: [AfterCrash; 4] = [
        AfterCrash::KeepsAll,
        AfterCrash::KeepsSynced,
        AfterCrash::KeepsHalf,
        AfterCrash::KeepsZeros,
    ];
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    effects: Effects,
}

#[derive(Debug, Clone, Default)]
struct State {
    files: Vec<Inode>,
    /// Names that are there, with their inodes.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    directories: BTreeSet<PathBuf>,
    locked: BTreeSet<usize>,
    /// How often each file was read.
    reads: BTreeMap<PathBuf, u64>,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

impl SimulatedDisk {
    /// An empty disk whose calls count as `effects`.
    pub fn new(effects: Effects) -> SimulatedDisk {
        SimulatedDisk {
            state: Arc::default(),
            effects,
        }
    }

    /// The disk that the next process finds after this one has died, with its own `effects`.
    #[must_use]
    pub fn crash(&self, what_is_left: AfterCrash, effects: Effects) -> SimulatedDisk {
        let mut state = self.state().clone();
        state.locked.clear();
        if what_is_left == AfterCrash::KeepsAll {
            return SimulatedDisk {
                state: Arc::new(Mutex::new(state)),
                effects,
            };
        }
        if what_is_left == AfterCrash::KeepsSynced {
            state.names = state.durable_names.clone();
        }
        for inode in &mut state.files {
            inode.bytes = left_over(inode, what_is_left);
            inode.synced = inode.bytes.clone();
        }
        state.durable_names = state.names.clone();
        SimulatedDisk {
            state: Arc::new(Mutex::new(state)),
            effects,
        }
    }

    /// A disk with the same content and nothing else in common with this one: for trying damage on a copy.
    #[must_use]
    pub fn copy(&self, effects: Effects) -> SimulatedDisk {
        self.crash(AfterCrash::KeepsAll, effects)
    }

    /// All files with their bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        state
            .names
            .iter()
            .map(|(path, inode)| (path.clone(), state.files[*inode].bytes.clone()))
            .collect()
    }

    /// How often a file was read, which is no effect.
    pub fn reads_of(&self, path: &Path) -> u64 {
        self.state().reads.get(path).copied().unwrap_or_default()
    }

    /// Puts a file there, or other bytes into one: damage done from outside, which is no effect.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        state.files.push(Inode {
            synced: bytes.clone(),
            bytes,
        });
        let inode = state.files.len() - 1;
        state.names.insert(path.to_owned(), inode);
        state.durable_names.insert(path.to_owned(), inode);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, action: &str, path: &Path) -> Result<()> {
        self.effects
            .step(format!("{action} {}", path.display()))
            .map_err(|cause| file_error(action, path, cause))
    }

    fn file(&self, path: &Path, inode: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
        })
    }
}

/// What a crash leaves of a file.
fn left_over(inode: &Inode, what_is_left: AfterCrash) -> Vec<u8> {
    let is_appended = inode.bytes.starts_with(&inode.synced);
    let unsynced = inode.bytes.len() - inode.synced.len().min(inode.bytes.len());
    match what_is_left {
        AfterCrash::KeepsHalf if is_appended => {
            inode.bytes[..inode.synced.len() + unsynced / 2].to_vec()
        }
        AfterCrash::KeepsZeros if is_appended => {
            let mut bytes = inode.synced.clone();
            bytes.resize(inode.bytes.len(), 0);
            bytes
        }
        AfterCrash::KeepsAll
        | AfterCrash::KeepsSynced
        | AfterCrash::KeepsHalf
        | AfterCrash::KeepsZeros => inode.synced.clone(),
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let mut state = self.state();
        *state.reads.entry(path.to_owned()).or_default() += 1;
        let inode = state
            .names
            .get(path)
            .ok_or_else(|| missing("read a file", path))?;
        Ok(state.files[*inode].bytes.clone())
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        let state = self.state();
        Ok(state.names.contains_key(path) || state.directories.contains(path))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let state = self.state();
        let paths = state.names.keys().chain(&state.directories);
        let mut names: Vec<String> = paths
            .filter(|path| path.parent() == Some(directory))
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        self.step("create a file", path)?;
        let mut state = self.state();
        if state.names.contains_key(path) {
            let cause = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(file_error("create a file", path, cause));
        }
        if !state.directories.contains(parent(path)) {
            return Err(missing("create a file", path));
        }
        state.files.push(Inode::default());
        let inode = state.files.len() - 1;
        state.names.insert(path.to_owned(), inode);
        Ok(self.file(path, inode))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn DiskFile>> {
        let inode = self.state().names.get(path).copied();
        let inode = inode.ok_or_else(|| missing("open a file for appending", path))?;
        Ok(self.file(path, inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.step("rename a file", to)?;
        let mut state = self.state();
        if state.names.contains_key(to) {
            let cause = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(file_error("rename a file", to, cause));
        }
        let inode = state
            .names
            .remove(from)
            .ok_or_else(|| missing("rename a file", from))?;
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.step("remove a file", path)?;
        self.state().names.remove(path);
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> Result<()> {
        self.step("sync a directory", directory)?;
        let mut state = self.state();
        let is_here = |path: &PathBuf| parent(path) == directory;
        let State {
            names,
            durable_names,
            ..
        } = &mut *state;
        durable_names.retain(|path, _| !is_here(path));
        let here = names.iter().filter(|(path, _)| is_here(path));
        durable_names.extend(here.map(|(path, inode)| (path.clone(), *inode)));
        Ok(())
    }

    fn create_directory(&self, directory: &Path) -> Result<()> {
        self.step("create a directory", directory)?;
        let mut state = self.state();
        for above in directory.ancestors() {
            state.directories.insert(above.to_owned());
        }
        Ok(())
    }

    fn remove_directory(&self, directory: &Path) -> Result<()> {
        self.step("remove a directory", directory)?;
        let mut state = self.state();
        state.names.retain(|path, _| !path.starts_with(directory));
        state
            .directories
            .retain(|path| !path.starts_with(directory));
        Ok(())
    }

    fn lock(&self, path: &Path, owner: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Box<dyn DiskLock>> {
        self.step("lock a file", path)?;
        let mut state = self.state();
        let inode = state.names.get(path).copied().unwrap_or_else(|| {
            state.files.push(Inode::default());
            let inode = state.files.len() - 1;
            state.names.insert(path.to_owned(), inode);
            inode
        });
        if !state.locked.insert(inode) {
            let owner = String::from_utf8_lossy(&state.files[inode].bytes).into_owned();
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "another process is using this directory, stop it first. owner=`{owner}`, path=`{}`",
                    path.display()
                ),
            ));
        }
        let content = owner(&state.files[inode].bytes);
        state.files[inode].bytes.clone_from(&content);
        state.files[inode].synced.clone_from(&content);
        Ok(Box::new(SimulatedLock {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
            content,
        }))
    }
}

fn missing(action: &str, path: &Path) -> Error {
    file_error(action, path, io::Error::from(io::ErrorKind::NotFound))
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    path: PathBuf,
    inode: usize,
}

impl DiskFile for SimulatedFile {
    fn write(&self, bytes: &[u8]) -> Result<()> {
        let was_dead = self.disk.effects.has_crashed();
        let done = self.disk.step("write to a file", &self.path);
        let written = match &done {
            Ok(()) => bytes,
            Err(_) if was_dead => &[],
            Err(_) => &bytes[..bytes.len() / 2],
        };
        let mut state = self.disk.state();
        state.files[self.inode].bytes.extend_from_slice(written);
        done
    }

    fn sync_data(&self) -> Result<()> {
        self.disk.step("sync a file", &self.path)?;
        let mut state = self.disk.state();
        let Inode { bytes, synced } = &mut state.files[self.inode];
        synced.clone_from(bytes);
        Ok(())
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.disk.step("cut a file", &self.path)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.disk.state().files[self.inode].bytes.truncate(length);
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
    inode: usize,
    content: Vec<u8>,
}

impl DiskLock for SimulatedLock {
    fn check(&self) -> Result<()> {
        let state = self.disk.state();
        let inode = state.names.get(&self.path);
        let there = inode.map_or_else(Vec::new, |inode| state.files[*inode].bytes.clone());
        if there == self.content {
            return Ok(());
        }
        Err(lock_lost(&self.path, &there))
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.inode);
    }
}
