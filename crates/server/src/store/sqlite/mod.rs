//! The embedded store: one SQLite file, WAL, every commit on disk before it is answered.

mod checkpoint;
mod copy;
mod devices;
mod purge;
mod read;
mod slice;
mod verify;
mod write;

use std::path::{Path, PathBuf};

use gangway_domain::{hash::StateHash, rows::Row, time::VenueTime};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

pub use self::{
    copy::copy,
    devices::carry_devices,
    verify::{Finding, Verdict, verify},
};
use super::{Founding, Reader, Store, StoreError, Transaction, View};
use crate::store::sqlite::{read::SqliteView, write::SqliteTransaction};

mod embedded {
    refinery::embed_migrations!("src/store/sqlite/migrations");
}

/// The file's name in the data folder (`contract.md`, Files).
pub const FILE: &str = "venue.sqlite";
/// Says that a SQLite file is a Gangway venue: "GWVN".
const APPLICATION_ID: i32 = 0x4757_564E;
/// Below this SQLite can corrupt a WAL database.
const SQLITE_MIN: i32 = 3_051_003;
/// How long a statement waits for a lock, in ms.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// A venue in a SQLite file.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the venue in `path`, or makes it with `found`. One of an older version is brought up to date.
    ///
    /// # Errors
    /// The SQLite library is too old, the file is none of ours, of a newer version (it is left as it is then) or
    /// damaged, or the disk refused.
    pub fn open(path: &Path, found: impl FnOnce() -> Founding) -> Result<Self, StoreError> {
        Self::open_or(path, || Ok(found()))
    }

    /// Opens the venue in `path`, which has to be there.
    ///
    /// # Errors
    /// As [`Self::open`], or there is no venue in it.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Self::open_or(path, || Err(StoreError::Unusable(format!("There is no venue in {}.", path.display()))))
    }

    fn open_or(path: &Path, found: impl FnOnce() -> Result<Founding, StoreError>) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            let sentence = format!("SQLite {} is too old: at least 3.51.3 is needed.", rusqlite::version());
            return Err(StoreError::Unusable(sentence));
        }
        let mut connection = Connection::open(path)?;
        // What can't be opened to write, SQLite opens to read.
        if connection.is_readonly("main")? {
            return Err(StoreError::Unusable(format!("The venue {} can't be written to.", path.display())));
        }
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            // What is not ours, or not for us, is found by a connection that can change nothing. What such a one can't
            // read, as after a first start that was killed, is mended below.
            let seen = open_to_read(path).and_then(|connection| content(&connection, path));
            if let Err(refused @ (StoreError::Newer(_) | StoreError::Unusable(_))) = seen {
                return Err(refused);
            }
        }
        configure(&connection)?;
        content(&connection, path)?;
        // First, so that a first start that is killed between two tables is known as ours by the next.
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        // In one piece: a kill between a migration and the note that it was done would have it run twice.
        embedded::migrations::runner().set_grouped(true).run(&mut connection)?;
        connection.pragma_update(None, "user_version", version())?;
        let store = Self { connection, path: path.to_owned() };
        store.take_over(found)?;
        Ok(store)
    }

    /// Marks the venue as running; checks it first where its last run did not end as it should.
    fn take_over(&self, found: impl FnOnce() -> Result<Founding, StoreError>) -> Result<(), StoreError> {
        let running = self.connection.query_row("SELECT running FROM head", [], |row| row.get::<_, bool>(0));
        match running {
            Ok(true) => {
                tracing::warn!("the venue was not closed the last time; checking its file");
                let verdict: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
                if verdict != "ok" {
                    return Err(StoreError::Damaged(verdict));
                }
            }
            Ok(false) => {}
            Err(rusqlite::Error::QueryReturnedNoRows) => self.found(&found()?)?,
            Err(error) => return Err(error.into()),
        }
        self.connection.execute("UPDATE head SET running = 1", [])?;
        Ok(())
    }

    fn found(&self, founding: &Founding) -> Result<(), StoreError> {
        let transaction = self.connection.unchecked_transaction()?;
        let settings = Row::Settings(founding.settings.clone());
        let json = serde_json::to_string(&settings).map_err(damaged)?;
        let canonical = gangway_domain::hash::canonical(&json).map_err(damaged)?;
        let json = String::from_utf8(canonical).map_err(damaged)?;
        let mut hash = StateHash::default();
        hash.add(settings.collection().name(), settings.id(), &json).map_err(damaged)?;
        transaction
            .execute("INSERT INTO settings (id, row, in_sync) VALUES (?1, ?2, 1)", params![settings.id(), json])?;
        transaction.execute(
            "INSERT INTO head (one, venue_id, epoch, seq, full_seq, last_time, state_hash, running)
             VALUES (1, ?1, ?2, 0, 0, ?3, ?4, 1)",
            params![founding.venue_id, founding.epoch.0, founding.settings.created_at.0, hash.to_hex()],
        )?;
        transaction.execute(
            "INSERT INTO checkpoint_rows (collection, id, in_sync, row) VALUES (?1, ?2, 1, ?3)",
            params![settings.collection().name(), settings.id(), json],
        )?;
        checkpoint::set(&transaction, 0, &hash.to_hex())?;
        transaction.commit()?;
        Ok(())
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        // Immediate: the write lock, and with it the head row, is held from the first read on.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Box::new(SqliteTransaction::new(transaction)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(SqliteReader { connection: open_to_read(&self.path)? }))
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.connection.execute("UPDATE head SET running = 0", [])?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Reads the venue in `path`, whether or not a server has it open.
///
/// # Errors
/// There is none, it is of a newer version, or the disk refused.
pub fn reader(path: &Path) -> Result<Box<dyn Reader>, StoreError> {
    let connection = open_to_read(path)?;
    identify(&connection, path)?;
    Ok(Box::new(SqliteReader { connection }))
}

/// Which venue is in `path`, of whichever version it is.
///
/// # Errors
/// There is none, or the disk refused.
pub fn venue_id(path: &Path) -> Result<String, StoreError> {
    Ok(open_to_read(path)?.query_row("SELECT venue_id FROM head", [], |row| row.get(0))?)
}

fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS.into()))?;
    Ok(connection)
}

struct SqliteReader {
    connection: Connection,
}

impl Reader for SqliteReader {
    fn view(&mut self, work: &mut dyn FnMut(&dyn View) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&SqliteView::new(&transaction))
    }
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS.into()))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
        let mode: String = row.get(0)?;
        if mode.eq_ignore_ascii_case("wal") { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
    })?;
    // FULL is what makes a commit survive a power cut in WAL mode.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// What is in a file that a venue may be in.
enum Content {
    Venue,
    /// Nothing, or what a first start left that was killed.
    Nothing,
}

/// Refuses a file that some other program made, and one of a newer version of this one.
fn content(connection: &Connection, path: &Path) -> Result<Content, StoreError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (id, tables) {
        (APPLICATION_ID, _) => refuse_newer(connection, path).map(|()| Content::Venue),
        (0, 0) => Ok(Content::Nothing),
        _ => Err(no_venue(path)),
    }
}

/// Refuses what is no venue of this version or an older one.
fn identify(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match content(connection, path)? {
        Content::Venue => Ok(()),
        Content::Nothing => Err(no_venue(path)),
    }
}

fn no_venue(path: &Path) -> StoreError {
    StoreError::Unusable(format!("{} is not a Gangway venue.", path.display()))
}

/// What a newer version keeps is not for this one to read, let alone to write into.
fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let marked: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let history = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')";
    let migrated: Option<i64> = if connection.query_row(history, [], |row| row.get(0))? {
        connection.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))?
    } else {
        None
    };
    if marked.max(migrated.unwrap_or(0)) > version() { Err(StoreError::Newer(path.to_owned())) } else { Ok(()) }
}

/// The version of the tables: the number of the last migration.
fn version() -> i64 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|migration| migration.version().into()).max().unwrap_or(0)
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}

/// A seq as SQLite has it.
fn integer(seq: u64) -> Result<i64, StoreError> {
    i64::try_from(seq).map_err(damaged)
}

fn seq(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(damaged)
}

fn time(value: i64) -> VenueTime {
    VenueTime(value)
}
