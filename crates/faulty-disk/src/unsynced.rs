//! What was written and not synced, with what was there before.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// A change of a file that a power cut may undo.
struct Change {
    offset: u64,
    /// What was there, as far as the file went.
    before: Vec<u8>,
    /// How long the file was.
    size_before: u64,
    /// What is there now; none where the file was cut at `offset`.
    after: Option<Vec<u8>>,
}

/// The changes of each file since it was last synced.
#[derive(Default)]
pub(crate) struct Unsynced {
    files: BTreeMap<PathBuf, Vec<Change>>,
}

impl Unsynced {
    pub(crate) fn wrote(&mut self, path: &Path, offset: u64, before: Vec<u8>, size_before: u64, after: &[u8]) {
        self.changed(path, Change { offset, before, size_before, after: Some(after.to_owned()) });
    }

    pub(crate) fn cut(&mut self, path: &Path, size: u64, before: Vec<u8>, size_before: u64) {
        self.changed(path, Change { offset: size, before, size_before, after: None });
    }

    fn changed(&mut self, path: &Path, change: Change) {
        match self.files.get_mut(path) {
            Some(changes) => changes.push(change),
            None => {
                self.files.insert(path.to_owned(), vec![change]);
            }
        }
    }

    /// What was done to the file lasts.
    pub(crate) fn synced(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// Undoes each change that `keep` doesn't keep; says how many.
    pub(crate) fn lose(&mut self, keep: &mut dyn FnMut() -> bool) -> io::Result<usize> {
        let mut lost = 0;
        for (path, changes) in std::mem::take(&mut self.files) {
            let kept: Vec<bool> = changes.iter().map(|_| keep()).collect();
            lost += kept.iter().filter(|kept| !**kept).count();
            let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else { continue };
            // All are undone, from the last to the first, and those that are kept are done again.
            for change in changes.iter().rev() {
                file.write_all_at(&change.before, change.offset)?;
                file.set_len(change.size_before)?;
            }
            for change in changes.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(change, _)| change) {
                redo(&file, change)?;
            }
        }
        Ok(lost)
    }
}

fn redo(file: &File, change: &Change) -> io::Result<()> {
    match &change.after {
        Some(after) => file.write_all_at(after, change.offset),
        None => file.set_len(change.offset),
    }
}
