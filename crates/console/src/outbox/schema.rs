//! The file: its tables and its version. Precious: never set aside, never replaced.

use std::path::Path;

use gangway_plants::Plant;
use rusqlite::{Connection, ErrorCode};
use uuid::Uuid;

use super::{OutboxError, migrate};

/// "GWob": an outbox of Gangway, in SQLite's header.
const APPLICATION_ID: i32 = 0x4757_6f62;
/// The version of the tables below; an older one is migrated, a newer one refused.
const VERSION: i32 = 2;
/// How long another process may hold the file.
const BUSY_MS: u64 = 2_000;

/// `number` is the order of the taps. `keys`, `made` and `reads` are JSON arrays of keys: what it shares, what its
/// rows are called, what it only reads. `seen` holds the product rows that a sale was shown with. `places` are those
/// that are lent to this desk and not spent; a spent one is named by its command. `settled_epoch` of one that waits is
/// the log that had accepted it and is gone.
pub(super) const TABLES: &str = "
CREATE TABLE device (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    name TEXT,
    venue_id TEXT
) STRICT;
CREATE TABLE commands (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    command_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    command TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    keys TEXT NOT NULL,
    made TEXT NOT NULL,
    reads TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    based_on_epoch TEXT NOT NULL,
    based_on_seq INTEGER NOT NULL,
    seen TEXT,
    place_id TEXT,
    force_reason TEXT,
    offline INTEGER NOT NULL CHECK (offline IN (0, 1)),
    unreadable TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'settled', 'rejected')),
    tapped_at INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    sent_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER,
    settled_epoch TEXT,
    seqs TEXT,
    last_seq INTEGER,
    result TEXT,
    rejection TEXT
) STRICT;
CREATE INDEX commands_by_state ON commands (state, settled_epoch, last_seq);
CREATE INDEX commands_by_place ON commands (place_id) WHERE place_id IS NOT NULL;
CREATE TABLE places (
    place_id TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT;
";

/// Opens the outbox, or makes one for `fresh_device` where there is none.
pub(super) fn open(path: &Path, fresh_device: Uuid) -> Result<Connection, OutboxError> {
    let mut connection = Connection::open(path).map_err(|error| unreadable(path, &error))?;
    prepare(&mut connection, path, fresh_device).map_err(|error| match error {
        OutboxError::Sqlite(error) => unreadable(path, &error),
        other => other,
    })?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, path: &Path, fresh_device: Uuid) -> Result<(), OutboxError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    // What can't be opened to write, SQLite opens to read: that would be a desk that can take nothing until it is
    // started again.
    if connection.is_readonly("main")? {
        return Err(OutboxError::Place { path: path.to_owned(), reason: "it can't be written to".to_owned() });
    }
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version, tables) {
        (APPLICATION_ID, newer, _) if newer > VERSION => return Err(OutboxError::Newer { path: path.to_owned() }),
        (APPLICATION_ID, 1..=VERSION, _) | (0, 0, 0) => {}
        _ => {
            let reason = "it is no outbox of this program".to_owned();
            return Err(OutboxError::Damaged { path: path.to_owned(), reason });
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit survives a power cut: what the screen calls saved is saved.
    let synchronous = if Plant::AnswersBeforeTheDisk.is_planted() { "OFF" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if tables == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO device (only, id) VALUES (1, ?1)", [fresh_device.to_string()])?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    } else if version < VERSION {
        let transaction = connection.transaction()?;
        migrate::from_1(&transaction)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// What is wrong, said so that nobody throws a good file away: on a full disk it can't be opened either.
fn unreadable(path: &Path, error: &rusqlite::Error) -> OutboxError {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, FileLockingProtocolFailed, NotADatabase,
        OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(
            CannotOpen
            | DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | FileLockingProtocolFailed
            | OutOfMemory
            | PermissionDenied
            | ReadOnly
            | SystemIoFailure,
        ) => OutboxError::Place { path, reason: error.to_string() },
        Some(NotADatabase | DatabaseCorrupt) => OutboxError::Damaged { path, reason: "it is damaged".to_owned() },
        _ => OutboxError::Damaged { path, reason: error.to_string() },
    }
}
