//! The data folder: one process at a time (`contract.md`, Files).

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::StartError;

/// The folder of a venue, locked as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where it is not there, readable by its owner alone, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        let fault =
            |what: &str, error: std::io::Error| StartError::Fault(format!("{} {what}: {error}.", path.display()));
        fs::create_dir_all(path).map_err(|error| fault("can't be made", error))?;
        keep_private(path).map_err(|error| fault("can't be made private", error))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("server.lock"));
        let lock = lock.map_err(|error| fault("can't be written", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(StartError::Fault(format!("Another server uses {} already.", path.display())))
            }
            Err(TryLockError::Error(error)) => Err(fault("can't be locked", error)),
        }
    }

    /// A file of it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
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
