//! The file: its tables, its version, and what happens to one that is of no use.

use std::path::{Path, PathBuf};

use rusqlite::{
    Connection,
    ErrorCode::{DiskFull, ReadOnly, SystemIoFailure},
    OpenFlags,
};

use super::CacheError;

/// "GWcc": a cache of Gangway, in SQLite's header.
const APPLICATION_ID: i32 = 0x4757_6363;
/// The version of the tables below. Older ones are migrated, a newer one is refused.
const VERSION: i32 = 3;
/// WAL is safe from this version of SQLite on.
const SQLITE_MIN: i32 = 3_051_003;
/// How long another process may hold the file.
const BUSY_MS: u64 = 2_000;

const TABLES: &str = "
CREATE TABLE rows (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    venue_id TEXT,
    epoch TEXT,
    cursor INTEGER,
    event_id TEXT,
    base_epoch TEXT,
    base_seq INTEGER,
    state_hash TEXT,
    last_sync_at INTEGER,
    clock_offset_ms INTEGER NOT NULL DEFAULT 0,
    clean INTEGER NOT NULL DEFAULT 1
) STRICT;
INSERT INTO meta (only) VALUES (1);
";

/// The rows of a snapshot that is being loaded.
pub(super) const STAGED: &str = "
CREATE TABLE staged (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
";

/// What brings the tables of each version, from the first on, to the one after it: a desk without a link goes on with
/// its rows. Version 1 did not know whose they are; version 2 did not know where their log left the one before.
const MIGRATIONS: [&str; 2] = [
    "ALTER TABLE meta ADD COLUMN venue_id TEXT;",
    "ALTER TABLE meta ADD COLUMN base_epoch TEXT; ALTER TABLE meta ADD COLUMN base_seq INTEGER;",
];

/// Refuses a file that a newer version wrote; nothing is changed. What can't be read is not this function's to judge.
pub(super) fn refuse_newer(path: &Path) -> Result<(), CacheError> {
    if !path.exists() {
        return Ok(());
    }
    let version = open_to_read(path).and_then(|connection| {
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(Some(version).filter(|_| application == APPLICATION_ID))
    });
    match version {
        Ok(Some(version)) if version > VERSION => Err(CacheError::Newer { path: path.to_owned() }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Opens a cache of this version, or makes one in an empty file.
pub(super) fn open(path: &Path) -> Result<Connection, CacheError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(CacheError::File(std::io::Error::other("SQLite is too old for write-ahead logs")));
    }
    refuse_newer(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may lose the last commits, rows and cursor together: the log brings them again. What has to be there
    // without the server, too, is committed by [`lasting`].
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    match (application, version, tables) {
        (0, 0, 0) => {
            connection.execute_batch(&format!(
                "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        (APPLICATION_ID, VERSION, _) => check_after_unclean_stop(&connection)?,
        (APPLICATION_ID, older @ 1..VERSION, _) => {
            check_after_unclean_stop(&connection)?;
            migrate(&mut connection, older)?;
        }
        _ => return Err(useless("it is no cache of this program")),
    }
    match connection.execute("UPDATE meta SET clean = 0", []) {
        // What is held can be shown on a full disk too; whoever writes to it later marks it.
        Err(error) if matches!(error.sqlite_error_code(), Some(DiskFull | SystemIoFailure | ReadOnly)) => {
            tracing::warn!(%error, "the cache can't be written; what it holds is shown");
        }
        marked => drop(marked?),
    }
    Ok(connection)
}

/// Brings the tables of an older version to today's: all of it or nothing.
fn migrate(connection: &mut Connection, from: i32) -> Result<(), CacheError> {
    let transaction = connection.transaction()?;
    for step in MIGRATIONS.iter().skip(usize::try_from(from - 1).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Does something with the file whose commits last, and with them all that was committed before.
pub(super) fn lasting<T>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, CacheError>,
) -> Result<T, CacheError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let done = work(connection);
    if let Err(error) = connection.pragma_update(None, "synchronous", "NORMAL") {
        // What was done is done; the next commits cost more.
        tracing::warn!(%error, "the cache stays as careful as it was");
    }
    done
}

/// Opens a file to read what is there.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, CacheError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    Ok(connection)
}

fn check_after_unclean_stop(connection: &Connection) -> Result<(), CacheError> {
    let clean: bool = connection.query_row("SELECT clean FROM meta", [], |row| row.get(0))?;
    if clean {
        return Ok(());
    }
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(useless("it is damaged")) }
}

fn useless(why: &str) -> CacheError {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    CacheError::Sqlite(rusqlite::Error::SqliteFailure(code, Some(why.to_owned())))
}

/// Files set aside that are kept: somebody may want to look at the last ones, and none may fill a disk.
const ASIDE_KEPT: u32 = 3;

/// Moves the file and what belongs to it out of the way, under a number of its own; of those before, only the last
/// stay.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, std::io::Error> {
    let name = |suffix: &str, number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("{suffix}.aside-{number}"));
        PathBuf::from(name)
    };
    let before = numbers_aside(path);
    let number = before.iter().max().map_or(1, |last| last + 1);
    for suffix in ["-wal", "-shm"] {
        let mut companion = path.as_os_str().to_owned();
        companion.push(suffix);
        if Path::new(&companion).exists() {
            std::fs::rename(&companion, name(suffix, number))?;
        }
    }
    std::fs::rename(path, name("", number))?;
    for old in before.into_iter().filter(|old| old + ASIDE_KEPT <= number) {
        for suffix in ["", "-wal", "-shm"] {
            // One that can't be removed is in nobody's way but the disk's.
            let _ = std::fs::remove_file(name(suffix, old));
        }
    }
    Ok(name("", number))
}

/// The numbers of the files that were set aside before.
fn numbers_aside(path: &Path) -> Vec<u32> {
    let (Some(folder), Some(file)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let prefix = format!("{file}.aside-");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok()).collect()
}
