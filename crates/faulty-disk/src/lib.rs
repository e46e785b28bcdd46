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
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
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
    /// An operation that stood still may go on.
    goes_on: Condvar,
}

/// An operation that takes as long as somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stall {
    /// The next such operation on a file whose name begins so.
    Ahead(Operation, &'static str),
    /// It stands still.
    Still,
}

pub(crate) struct State {
    judge: Judge,
    dead: bool,
    read_only: bool,
    operations: u64,
    unsynced: Unsynced,
    stall: Option<Stall>,
}

/// A thread that waits for what stands still could otherwise hang the test that finds it.
const STALL_AT_MOST: Duration = Duration::from_secs(20);

static DISKS: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

impl Disk {
    /// The disk at `folder`; `judge` says what becomes of each operation until the machine is dead.
    pub fn new(folder: &Path, judge: impl FnMut(Operation, &Path) -> Verdict + Send + 'static) -> Self {
        let (judge, unsynced) = (Box::new(judge), Unsynced::default());
        let state = Mutex::new(State { judge, dead: false, read_only: false, operations: 0, unsynced, stall: None });
        let shared = Arc::new(Shared { folder: folder.to_owned(), state, goes_on: Condvar::new() });
        disks().push(shared.clone());
        Self { shared }
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.shared.lock().operations
    }

    /// The next `operation` on a file whose name begins with `file` stands still until [`Disk::go_on`], at most 20 s; what the
    /// machine does on other files goes on.
    pub fn stall_next(&self, operation: Operation, file: &'static str) {
        self.shared.lock().stall = Some(Stall::Ahead(operation, file));
    }

    /// Whether an operation stands still.
    pub fn is_stalled(&self) -> bool {
        self.shared.lock().stall == Some(Stall::Still)
    }

    /// What stands still is done.
    pub fn go_on(&self) {
        self.shared.lock().stall = None;
        self.shared.goes_on.notify_all();
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
        // A test that failed in between must not hang.
        self.go_on();
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
        let stalls = matches!(state.stall, Some(Stall::Ahead(of, file)) if of == operation && is_named(path, file));
        if stalls {
            state.stall = Some(Stall::Still);
            let still = |state: &mut State| state.stall == Some(Stall::Still);
            let waited = self.goes_on.wait_timeout_while(state, STALL_AT_MOST, still);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
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

fn is_named(path: &Path, beginning: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
}

fn disks() -> MutexGuard<'static, Vec<Arc<Shared>>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}
