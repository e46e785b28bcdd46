//! For tests: disks below SQLite that fill, fail, can't be written to, and lose what was not synced.
//!
//! [`install`] puts a thin layer between SQLite and its own file system code, for the whole process. Files
//! below the folder of a [`Disk`] go through that disk; all others are left alone. A disk numbers what
//! changes it (a write, a sync, a deletion) and asks its owner what becomes of each. The files are real ones.
//!
//! A machine that dies keeps what the system had taken; one that loses its power keeps what was synced, and
//! of the rest any part: [`Disk::lose_unsynced`].
#![deny(missing_docs)]

mod unsynced;
mod vfs;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use unsynced::Unsynced;
pub use vfs::install;

/// What is about to change the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Bytes are written.
    Write,
    /// A file is cut.
    Truncate,
    /// What was written is made to last.
    Sync,
    /// A file is deleted.
    Delete,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// The disk has no room: only writes mind.
    Full,
    /// The device fails.
    Fails,
    /// It can't be written to any more. A file that is open already gets `EROFS`, for which SQLite's own file system
    /// code says that the device fails; nothing is left to be synced.
    ReadOnly,
    /// The machine died before it; nothing that comes later is done either.
    Dead,
}

/// How a disk is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// To read and write.
    ReadWrite,
    /// To read.
    ReadOnly,
}

type Judge = Box<dyn FnMut(Operation, &Path) -> Verdict + Send>;

/// The disk of one machine: a folder.
pub struct Disk {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

pub(crate) struct State {
    judge: Judge,
    dead: bool,
    read_only: bool,
    operations: u64,
    unsynced: Unsynced,
}

static DISKS: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

impl Disk {
    /// The disk at `folder`; `judge` says what becomes of each operation until the machine is dead.
    pub fn new(folder: &Path, judge: impl FnMut(Operation, &Path) -> Verdict + Send + 'static) -> Self {
        let state = State {
            judge: Box::new(judge),
            dead: false,
            read_only: false,
            operations: 0,
            unsynced: Unsynced::default(),
        };
        let shared = Arc::new(Shared { folder: folder.to_owned(), state: Mutex::new(state) });
        disks().push(shared.clone());
        Self { shared }
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.shared.lock().operations
    }

    /// The machine dies: nothing is written any more, whoever still has a file open.
    pub fn die(&self) {
        self.shared.lock().dead = true;
    }

    /// The whole disk is mounted anew, to be read only or to be written to again. Meanwhile each operation is
    /// [`Verdict::ReadOnly`] without its owner being asked, files are opened to read only, as SQLite's own code does on
    /// such a disk, and none are made.
    pub fn mount(&self, mount: Mount) {
        self.shared.lock().read_only = mount == Mount::ReadOnly;
    }

    /// The machine has no power any more: of what was not synced, only what `keep` says is there later.
    /// No file may be open.
    ///
    /// # Errors
    /// The real files can't be changed.
    pub fn lose_unsynced(&self, keep: &mut dyn FnMut() -> bool) -> io::Result<usize> {
        self.shared.lock().unsynced.lose(keep)
    }

    /// The machine starts again.
    pub fn revive(&self) {
        let mut state = self.shared.lock();
        state.dead = false;
        state.unsynced = Unsynced::default();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        disks().retain(|disk| !Arc::ptr_eq(disk, &self.shared));
    }
}

impl Shared {
    pub(crate) fn of(path: &Path) -> Option<Arc<Self>> {
        disks().iter().find(|disk| path.starts_with(&disk.folder)).cloned()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.lock().read_only
    }

    pub(crate) fn judge(&self, operation: Operation, path: &Path) -> Verdict {
        let mut state = self.lock();
        if state.dead {
            return Verdict::Dead;
        }
        state.operations += 1;
        if state.read_only {
            return Verdict::ReadOnly;
        }
        let verdict = (state.judge)(operation, path);
        state.dead = verdict == Verdict::Dead;
        verdict
    }
}

impl State {
    pub(crate) fn unsynced(&mut self) -> &mut Unsynced {
        &mut self.unsynced
    }
}

fn disks() -> MutexGuard<'static, Vec<Arc<Shared>>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}
