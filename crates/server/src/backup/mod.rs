//! Copies of a venue: made while it is served, put back, and checked against the log. What is on disk under its name
//! is whole, whatever happens in between.

mod place;
mod restore;
mod schedule;
pub(crate) mod series;

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use self::place::{folder_of, temporary};
pub(crate) use self::{
    place::{place, temporary_beside},
    schedule::Schedule,
};
pub use self::{
    restore::{Restored, Restoring, restore},
    schedule::Backups,
};
use crate::{
    folder::FolderError,
    store::{
        Head, Progress, StoreError,
        sqlite::{self, Finding, Verdict},
    },
};

/// Why a copy was not made or not put back, in one sentence.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something of that name is there.
    #[error("{} is there already: nothing was written. --force replaces it.", .0.display())]
    Exists(PathBuf),
    /// The disk refused.
    #[error("{} {what}: {error}.", path.display())]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What could not be done with it.
        what: &'static str,
        /// What the machine says.
        error: io::Error,
    },
    /// The venue can't be read or written.
    #[error("{}", store_sentence(path, error))]
    Store {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The venue is not what its log says.
    #[error("{} is not what its log says ({}), so it was not taken; --unchecked takes it as it is.", path.display(), first(found))]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What was found.
        found: Vec<Finding>,
    },
    /// The folder is none to restore to.
    #[error("{0}")]
    Folder(String),
}

impl BackupError {
    pub(crate) fn disk(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Disk { path, what, error }
    }

    pub(crate) fn store(path: &Path) -> impl FnOnce(StoreError) -> Self {
        let path = path.to_owned();
        move |error| Self::Store { path, error }
    }
}

impl From<FolderError> for BackupError {
    fn from(error: FolderError) -> Self {
        Self::Folder(error.to_string())
    }
}

fn store_sentence(path: &Path, error: &StoreError) -> String {
    match error {
        StoreError::Unusable(_) | StoreError::Newer(_) => error.to_string(),
        error => format!("{} can't be used: {error}.", path.display()),
    }
}

fn first(found: &[Finding]) -> &str {
    found.first().map_or("", |finding| finding.sentence.trim_end_matches('.'))
}

/// How a copy is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackingUp {
    /// Replace what has its name.
    pub overwrite: bool,
    /// Take the venue even where it is not what its log says.
    pub unchecked: bool,
}

/// A copy that was made.
#[derive(Clone, Debug)]
pub struct BackedUp {
    /// Where the venue stood.
    pub head: Head,
    /// How large it is.
    pub bytes: u64,
}

/// The venue's file in its folder.
pub fn venue_file(data_dir: &Path) -> PathBuf {
    data_dir.join(sqlite::FILE)
}

/// Copies the venue in the file `venue` to `file`, also while it is served. The copy is checked and on disk before it
/// gets its name.
///
/// # Errors
/// See [`BackupError`]; under the name `file` is what was there before.
pub fn back_up(venue: &Path, file: &Path, how: BackingUp, progress: Progress<'_>) -> Result<BackedUp, BackupError> {
    back_up_as(venue, file, ".gangway-backup-", how, progress)
}

/// As [`back_up`], under a name that begins with `prefix` while it is made.
fn back_up_as(
    venue: &Path,
    file: &Path,
    prefix: &str,
    how: BackingUp,
    progress: Progress<'_>,
) -> Result<BackedUp, BackupError> {
    if !how.overwrite && file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    // It says itself that there is nothing, in words that are not those of a database.
    venue.metadata().map_err(BackupError::disk(venue, "can't be read"))?;
    let temporary = temporary(folder_of(file), prefix)?;
    let head = sqlite::copy(venue, temporary.path(), progress).map_err(BackupError::store(venue))?;
    if !how.unchecked {
        checked(temporary.path(), venue, progress)?;
    }
    let bytes = temporary.as_file().metadata().map_err(BackupError::disk(file, "can't be read"))?.len();
    place(temporary, file, how.overwrite)?;
    Ok(BackedUp { head, bytes })
}

/// Whether the venue in `path` is what its log says; it is called `name` where it is not.
fn checked(path: &Path, name: &Path, progress: Progress<'_>) -> Result<(), BackupError> {
    let verdict = verify(path, progress)?;
    if verdict.findings.is_empty() {
        return Ok(());
    }
    Err(BackupError::Wrong { path: name.to_owned(), found: verdict.findings })
}

/// Whether the venue in `path` is what its log says. It may be served meanwhile.
///
/// # Errors
/// It can't be read.
pub fn verify(path: &Path, progress: Progress<'_>) -> Result<Verdict, BackupError> {
    path.metadata().map_err(BackupError::disk(path, "can't be read"))?;
    sqlite::verify(path, progress).map_err(BackupError::store(path))
}
