//! A file gets its name when all of it is on disk.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::BackupError;

/// The folder that `file` is in.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// As [`temporary`], in the folder of `file`.
pub(crate) fn temporary_beside(file: &Path, prefix: &str) -> Result<NamedTempFile, BackupError> {
    temporary(folder_of(file), prefix)
}

/// A file in `folder` that is readable by its owner alone, and gone when this goes.
pub(super) fn temporary(folder: &Path, prefix: &str) -> Result<NamedTempFile, BackupError> {
    let made = tempfile::Builder::new().prefix(prefix).suffix(".part").tempfile_in(folder);
    made.map_err(BackupError::disk(folder, "can't be written to"))
}

/// Brings `temporary` onto the disk and gives it the name `file`, in one step.
///
/// # Errors
/// Something of that name is there and is not to be overwritten, or the disk refused; what was there stays.
pub(crate) fn place(temporary: NamedTempFile, file: &Path, overwrite: bool) -> Result<PathBuf, BackupError> {
    temporary.as_file().sync_all().map_err(BackupError::disk(file, "can't be brought onto the disk"))?;
    let placed = if overwrite { temporary.persist(file) } else { temporary.persist_noclobber(file) };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => BackupError::disk(file, "can't be written")(error.error),
    })?;
    sync_folder(folder_of(file))?;
    Ok(file.to_owned())
}

/// Brings the names in `folder` onto the disk.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::disk(folder, "can't be brought onto the disk"))
}

/// Where folders can't be synced, the system does it.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> Result<(), BackupError> {
    Ok(())
}
