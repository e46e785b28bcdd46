//! The layer: SQLite's own file system code, with five of its functions asked about first.
//!
//! The layer is a copy of the default `sqlite3_vfs` with another `xOpen` and `xDelete`. Each file that is opened
//! below a disk keeps the default's structure and gets a copy of its method table with another `xWrite`,
//! `xTruncate`, `xSync` and `xClose`. Locks and shared memory are the default's, untouched.

use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_int, c_void},
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
};

use rusqlite::ffi;

use crate::{Operation, Shared, Verdict};

/// The layer's name.
const NAME: &CStr = c"gangway-faulty-disk";

/// What a file is not opened for on a disk that can't be written to.
const TO_WRITE: c_int = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE;

/// What is known of an open file.
#[derive(Clone)]
struct Open {
    disk: Arc<Shared>,
    path: PathBuf,
    methods: &'static ffi::sqlite3_io_methods,
}

/// The default's structure as it was found.
struct Default {
    vfs: ffi::sqlite3_vfs,
}

// SAFETY: it is never changed after it was made, and its functions may be called from any thread.
unsafe impl Send for Default {}
// SAFETY: as above.
unsafe impl Sync for Default {}

static DEFAULT: Mutex<Option<Arc<Default>>> = Mutex::new(None);
/// By the address of SQLite's structure.
static OPEN: Mutex<Option<HashMap<usize, Open>>> = Mutex::new(None);

/// Puts the layer below every connection that this process opens from here on.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite initialises itself before it answers; a null name asks for the default.
        let found = unsafe {
            ffi::sqlite3_initialize();
            ffi::sqlite3_vfs_find(ptr::null())
        };
        assert!(!found.is_null(), "SQLite has a file system of its own");
        // SAFETY: what SQLite registered lives as long as the process.
        let vfs = unsafe { *found };
        *lock(&DEFAULT) = Some(Arc::new(Default { vfs }));
        let layer = ffi::sqlite3_vfs {
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            xOpen: Some(open),
            xDelete: Some(delete),
            ..vfs
        };
        // SAFETY: the structure is leaked, so it lives as long as the process; its functions are below.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(layer)), 1) };
        assert_eq!(registered, ffi::SQLITE_OK, "the layer is registered");
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn default() -> Option<Arc<Default>> {
    lock(&DEFAULT).clone()
}

fn known(file: *mut ffi::sqlite3_file) -> Option<Open> {
    lock(&OPEN).as_ref()?.get(&file.addr()).cloned()
}

fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite gives names that end with a zero and live as long as the call.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().ok().map(PathBuf::from)
}

/// The method table of a file below a disk; made once, since all files have the same default table.
fn layered(methods: &'static ffi::sqlite3_io_methods) -> &'static ffi::sqlite3_io_methods {
    struct Tables(Vec<(usize, &'static ffi::sqlite3_io_methods)>);
    // SAFETY: a method table is never changed and holds functions that may be called from any thread.
    unsafe impl Send for Tables {}
    static TABLES: Mutex<Tables> = Mutex::new(Tables(Vec::new()));
    let mut tables = lock(&TABLES);
    let address = ptr::from_ref(methods).addr();
    if let Some((_, table)) = tables.0.iter().find(|(known, _)| *known == address) {
        return table;
    }
    let table: &'static _ = Box::leak(Box::new(ffi::sqlite3_io_methods {
        // Not 3: pages of a mapped file would be changed behind the layer's back.
        iVersion: methods.iVersion.min(2),
        xClose: Some(close),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        ..*methods
    }));
    tables.0.push((address, table));
    table
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let Some(real) = default().and_then(|default| default.vfs.xOpen) else { return ffi::SQLITE_CANTOPEN };
    let disk = path_of(name).and_then(|path| Shared::of(&path).map(|disk| (disk, path)));
    // What can't be opened to write is opened to read, as the default itself does.
    let flags = match &disk {
        Some((disk, _)) if disk.is_read_only() => flags & !TO_WRITE | ffi::SQLITE_OPEN_READONLY,
        _ => flags,
    };
    // SAFETY: the arguments are SQLite's own, and the layer's structure has all that the default's has.
    let opened = unsafe { real(vfs, name, file, flags, out_flags) };
    let (ffi::SQLITE_OK, Some((disk, path))) = (opened, disk) else { return opened };
    // SAFETY: the default has filled the structure; its method table is static.
    unsafe {
        let methods: &'static ffi::sqlite3_io_methods = &*(*file).pMethods;
        lock(&OPEN).get_or_insert_default().insert(file.addr(), Open { disk, path, methods });
        (*file).pMethods = layered(methods);
    }
    opened
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let Some(real) = default().and_then(|default| default.vfs.xDelete) else { return ffi::SQLITE_IOERR_DELETE };
    if let Some((disk, path)) = path_of(name).and_then(|path| Shared::of(&path).map(|disk| (disk, path))) {
        match disk.judge(Operation::Delete, &path) {
            Verdict::Done | Verdict::Full => disk.lock().unsynced().synced(&path),
            Verdict::Fails | Verdict::ReadOnly | Verdict::Dead => return ffi::SQLITE_IOERR_DELETE,
        }
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe { real(vfs, name, sync_folder) }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let open = lock(&OPEN).as_mut().and_then(|open| open.remove(&file.addr()));
    let Some(Open { methods, .. }) = open else { return ffi::SQLITE_IOERR_CLOSE };
    // SAFETY: the file is the default's; it gets its own method table back before it is closed.
    unsafe {
        (*file).pMethods = methods;
        methods.xClose.map_or(ffi::SQLITE_IOERR_CLOSE, |real| real(file))
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, length: c_int, offset: i64) -> c_int {
    let Some(Open { disk, path, methods }) = known(file) else { return ffi::SQLITE_IOERR_WRITE };
    match disk.judge(Operation::Write, &path) {
        Verdict::Done => {}
        Verdict::Full => return ffi::SQLITE_FULL,
        Verdict::Fails | Verdict::ReadOnly | Verdict::Dead => return ffi::SQLITE_IOERR_WRITE,
    }
    let (Ok(count), Ok(start)) = (usize::try_from(length), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    let (before, size_before) = content(&path, start, count);
    // SAFETY: SQLite gives `length` bytes.
    let after = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    disk.lock().unsynced().wrote(&path, start, before, size_before, after);
    // SAFETY: the file is the default's, and the arguments are SQLite's own.
    methods.xWrite.map_or(ffi::SQLITE_IOERR_WRITE, |real| unsafe { real(file, bytes, length, offset) })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let Some(Open { disk, path, methods }) = known(file) else { return ffi::SQLITE_IOERR_TRUNCATE };
    match disk.judge(Operation::Truncate, &path) {
        Verdict::Done | Verdict::Full => {}
        Verdict::Fails | Verdict::ReadOnly | Verdict::Dead => return ffi::SQLITE_IOERR_TRUNCATE,
    }
    let Ok(start) = u64::try_from(size) else { return ffi::SQLITE_IOERR_TRUNCATE };
    let (before, size_before) = content(&path, start, usize::MAX);
    disk.lock().unsynced().cut(&path, start, before, size_before);
    // SAFETY: the file is the default's, and the arguments are SQLite's own.
    methods.xTruncate.map_or(ffi::SQLITE_IOERR_TRUNCATE, |real| unsafe { real(file, size) })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    let Some(Open { disk, path, .. }) = known(file) else { return ffi::SQLITE_IOERR_FSYNC };
    match disk.judge(Operation::Sync, &path) {
        // What is synced is what a power cut spares; the real disk need not be waited for.
        Verdict::Done | Verdict::ReadOnly => disk.lock().unsynced().synced(&path),
        Verdict::Full | Verdict::Fails | Verdict::Dead => return ffi::SQLITE_IOERR_FSYNC,
    }
    ffi::SQLITE_OK
}

/// What the file has at `offset`, at most `count` bytes, and how long it is. Read beside SQLite, by another handle:
/// the process is the only one that has the files, so locks that go with that handle protect nothing.
fn content(path: &Path, offset: u64, count: usize) -> (Vec<u8>, u64) {
    use std::os::unix::fs::FileExt;
    let Ok(file) = std::fs::File::open(path) else { return (Vec::new(), 0) };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(0).min(count);
    let mut bytes = vec![0; there];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => (bytes, size),
        Err(_) => (Vec::new(), size),
    }
}
