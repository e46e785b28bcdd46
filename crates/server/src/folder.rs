//! The data folder: one process at a time (`contract.md`, Files).

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Says that a restore began to change the folder and did not get to its end.
pub(crate) const UNFINISHED: &str = "restore.unfinished";

/// Why the folder can't be used, one sentence.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct FolderError(String);

/// The folder of a venue, locked as long as this lives.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is not there, readable by its owner alone, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let fault = |what: &str, error: std::io::Error| FolderError(format!("{} {what}: {error}.", path.display()));
        fs::create_dir_all(path).map_err(|error| fault("can't be made", error))?;
        keep_private(path).map_err(|error| fault("can't be made private", error))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("server.lock"));
        let lock = lock.map_err(|error| fault("can't be written", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(FolderError(format!("Another server uses {} already.", path.display())))
            }
            Err(TryLockError::Error(error)) => Err(fault("can't be locked", error)),
        }
    }

    /// Refuses a folder that is neither what it was nor what it was to become.
    pub(crate) fn is_whole(&self) -> Result<(), FolderError> {
        if !self.file(UNFINISHED).exists() {
            return Ok(());
        }
        let path = self.path.display();
        Err(FolderError(format!("{path} was being restored and that did not end: run `gangway-server restore` again.")))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(unix)]
fn keep_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
