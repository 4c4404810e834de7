//! The files of a store, whichever database is in them: neighbours, impossible paths, and the lock. Nothing here reads
//! a database.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The file beside `path` whose name is longer by `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Refuses early, with the system's words, a path at which no database could be opened: a folder, or a file in a
/// missing folder.
pub(super) fn refuse_impossible(path: &Path) -> Result<()> {
    let refuse = |kind| Err(Error::io(path, "opening a store")(io::Error::from(kind)));
    if path.is_dir() {
        return refuse(ErrorKind::IsADirectory);
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => refuse(ErrorKind::NotFound),
        _ => Ok(()),
    }
}

/// A lock on a store, held while this lives. The system releases it if the process is killed.
///
/// Its file is not the database's: closing any handle of that one would drop SQLite's locks on it.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is about to start has a copy of the handle until it runs.
        let _released_by_closing_otherwise = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the store at `path`, or fails with [`Error::StoreInUse`] while it is taken.
    pub(super) fn take(path: &Path) -> Result<Lock> {
        let lock = beside(path, "-lock");
        let failed = Error::io(&lock, "locking a store");
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&lock).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => Err(Error::StoreInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Renames `from` to `to`, replacing it, so that a power cut leaves the one or the other.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> Result<()> {
    let failed = Error::io(to, "creating a file");
    std::fs::rename(from, to).map_err(&failed)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Has the disk hold what the system holds of a file.
pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io(path, "syncing a file"))
}

/// Removes a file, if there is one.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, "removing a file")(error)),
        _ => Ok(()),
    }
}

/// The bytes of those of `paths` that exist.
pub(super) fn size_bytes(paths: &[PathBuf]) -> u64 {
    paths.iter().filter_map(|path| path.metadata().ok()).map(|about| about.len()).sum()
}
