//! `cache.sqlite`: the rows of the sync set as received, and where in the log they stand.
//!
//! Everything in it can be had again from the server, so a file that can't be read is set aside and built
//! anew, and said so. One of an older version is migrated, one of a newer version refused and left as it is. Rows
//! and cursor commit in one transaction; a snapshot is loaded into a table beside the rows and swapped in at its
//! end. The state hash follows each change and is recomputed from the rows after the start, so that a cell that
//! somebody changed is found (`sync.md` rules 5 and 9).

mod difference;
mod fold;
mod schema;
mod staging;

use std::path::{Path, PathBuf};

use gangway_domain::{
    hash::{NotCanonical, StateHash},
    ids::{Epoch, EventId, Position, Seq},
    rows::Row,
    time::{Millis, VenueTime},
    venue::Venue,
};
use gangway_plants::Plant;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use thiserror::Error;

use crate::{
    problem::Notice,
    sync::{effect::Unit, message::RowChange, state::Held},
};

pub use difference::{DIFFERENCES_MAX, RowDifference};
pub(crate) use fold::Fold;

/// The cache can't be used as it is.
#[derive(Debug, Error)]
pub enum CacheError {
    /// SQLite says no.
    #[error("the cache file: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored row is no JSON.
    #[error("the cache file: {0}")]
    Row(#[from] NotCanonical),
    /// The file could not be moved or made.
    #[error("the cache file: {0}")]
    File(#[from] std::io::Error),
    /// A newer version wrote it.
    #[error(
        "The local copy {path} was written by a newer version of Gangway. Update this desk; what it has taken is kept, and nothing was changed."
    )]
    Newer {
        /// Which file.
        path: PathBuf,
    },
    /// Its rows are another venue's than this desk's commands.
    #[error("it is of another venue")]
    OtherVenue,
    /// A position that no log has.
    #[error("the cache file holds a place that can't be")]
    Place,
}

impl CacheError {
    /// Whether the file itself is no cache of this version, so that only a new one helps.
    pub fn is_file_useless(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, SchemaChanged, TypeMismatch, Unknown};
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                // `Unknown` is what a missing table or column says.
                Some(code) => matches!(code, DatabaseCorrupt | NotADatabase | SchemaChanged | TypeMismatch | Unknown),
                None => !matches!(error, rusqlite::Error::QueryReturnedNoRows),
            },
            Self::Row(_) | Self::Place | Self::OtherVenue => true,
            Self::File(_) | Self::Newer { .. } => false,
        }
    }
}

/// The cache file, open.
#[derive(Debug)]
pub struct Cache {
    connection: Connection,
    path: PathBuf,
    hash: StateHash,
    /// Moves when another process writes to the file.
    data_version: i64,
    /// Rows were applied that a power cut may still take back.
    unsynced: bool,
}

/// When the server was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Venue time.
    pub at: VenueTime,
    /// The server's clock minus this machine's wall clock then: one without the other would be wrong at the next start.
    pub clock_offset_ms: Millis,
}

/// What the file held when it was opened.
#[derive(Debug)]
pub struct Loaded {
    /// Where it stands; none before the first snapshot.
    pub held: Option<Held>,
    /// Where their log left the one before, if the server knows.
    pub epoch_base: Option<Position>,
    /// Whose rows they are, if the server said.
    pub venue_id: Option<String>,
    /// The rows; none before the first snapshot, or without settings among them.
    pub venue: Option<Venue>,
    /// The hash that was recorded with the rows; whether it is theirs is for [`Cache::is_as_committed`] to say.
    pub hash: StateHash,
    /// It shows at once that the rows are not those that were committed.
    pub tampered: bool,
    /// Rows that this version can't read; they count in the hash and show nowhere.
    pub unreadable: u64,
    /// When the server was last heard.
    pub last_sync_at: Option<VenueTime>,
    /// The offset to the server's clock then.
    pub clock_offset_ms: Millis,
}

impl Cache {
    /// Refuses a file that a newer version wrote, before anything in its folder is opened to be changed.
    ///
    /// # Errors
    /// [`CacheError::Newer`].
    pub fn refuse_newer(path: &Path) -> Result<(), CacheError> {
        schema::refuse_newer(path)
    }

    /// Opens the file, or makes it; one of an older version is migrated. A file that is no cache is set aside; the
    /// second value then says so.
    ///
    /// # Errors
    /// A newer version wrote it, or the folder can't be written.
    pub fn open(path: &Path) -> Result<(Self, Option<Notice>), CacheError> {
        match Self::open_as_it_is(path) {
            Ok(cache) => Ok((cache, None)),
            Err(error) if error.is_file_useless() => {
                Self::replace(path, &error).map(|(cache, notice)| (cache, Some(notice)))
            }
            Err(error) => Err(error),
        }
    }

    /// Sets a file that can't be used aside and makes an empty one; says so.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn replace(path: &Path, why: &CacheError) -> Result<(Self, Notice), CacheError> {
        let aside = schema::set_aside(path)?;
        let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((Self::open_as_it_is(path)?, Notice::of_cache(why, name)))
    }

    fn open_as_it_is(path: &Path) -> Result<Self, CacheError> {
        let connection = schema::open(path)?;
        let data_version = data_version(&connection)?;
        Ok(Self { connection, path: path.to_owned(), hash: StateHash::default(), data_version, unsynced: true })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every row.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn load(&mut self) -> Result<Loaded, CacheError> {
        let (held, recorded) = held_and_hash(&self.connection)?;
        let mut fold = Fold::default();
        let mut unreadable = 0;
        each_row(&self.connection, |collection, id, text| match typed_row(collection, id, text) {
            Ok(row) => row.into_iter().for_each(|row| fold.add(row)),
            Err(_) => unreadable += 1,
        })?;
        let recorded = recorded.and_then(|hash| StateHash::from_hex(&hash).ok());
        let hash = recorded.unwrap_or_default();
        self.hash = hash;
        let venue = if held.is_some() { fold.finish() } else { None };
        let (venue_id, last_sync_at, clock_offset_ms): (Option<String>, Option<i64>, i64) =
            self.connection.query_row("SELECT venue_id, last_sync_at, clock_offset_ms FROM meta", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let epoch_base = epoch_base(&self.connection)?;
        let tampered = held.is_some() && (venue.is_none() || recorded.is_none());
        let last_sync_at = last_sync_at.map(VenueTime);
        Ok(Loaded { held, epoch_base, venue_id, venue, hash, tampered, unreadable, last_sync_at, clock_offset_ms })
    }

    /// Whether the rows in the file are those whose hash was recorded with them. Reads them in one transaction
    /// on a connection of its own, so that it holds nobody up: canonical forms take most of a start.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is_as_committed(path: &Path) -> Result<bool, CacheError> {
        let mut connection = schema::open_to_read(path)?;
        let transaction = connection.transaction()?;
        let (held, recorded) = held_and_hash(&transaction)?;
        match hash_of_rows(&transaction) {
            Ok(hash) => Ok(held.is_none() || recorded == Some(hash.to_hex())),
            Err(CacheError::Row(_) | CacheError::Place) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where the file says that it stands.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn held(&self) -> Result<Option<Held>, CacheError> {
        Ok(held_and_hash(&self.connection)?.0)
    }

    /// The hash of the rows, as it followed their changes.
    pub fn hash(&self) -> StateHash {
        self.hash
    }

    /// Commits units and cursor in one transaction; the ends of the units with the hash there.
    ///
    /// # Errors
    /// The file can't be written, or holds a row that is no JSON. Nothing is changed then.
    pub fn apply(&mut self, units: &[Unit], held: &Held, contact: Contact) -> Result<Vec<(Seq, String)>, CacheError> {
        let mut hash = self.hash;
        let mut ends = Vec::with_capacity(units.len());
        let transaction = self.connection.transaction()?;
        for Unit(events) in units {
            for change in events.iter().flat_map(|event| &event.changes) {
                put(&transaction, &mut hash, change)?;
            }
            if let Some(last) = events.last() {
                ends.push((last.seq, hash.to_hex()));
            }
        }
        if !Plant::ForgetsTheCursor.is_planted() {
            stand(&transaction, held, &hash, contact)?;
        }
        transaction.commit()?;
        (self.hash, self.unsynced) = (hash, true);
        // The cursor may stand past the last event that this desk sees; the rows are the same there.
        if ends.last().is_none_or(|(seq, _)| *seq < held.position.seq) {
            ends.push((held.position.seq, hash.to_hex()));
        }
        Ok(ends)
    }

    /// Remembers when the server was last heard, and the offset to its clock. What was applied before lasts from here on:
    /// a power cut takes back no more than came since, so that a desk can go on without the server after it.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn note_contact(&mut self, contact: Contact) -> Result<(), CacheError> {
        let Contact { at, clock_offset_ms } = contact;
        let note = |connection: &mut Connection| -> Result<(), CacheError> {
            let mut update = connection.prepare_cached("UPDATE meta SET last_sync_at = ?1, clock_offset_ms = ?2")?;
            update.execute(params![at.0, clock_offset_ms])?;
            Ok(())
        };
        if self.unsynced {
            schema::lasting(&mut self.connection, note)?;
            self.unsynced = false;
            return Ok(());
        }
        note(&mut self.connection)
    }

    /// Remembers the offset to the server's clock after somebody set this machine's.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn keep_clock_offset(&self, clock_offset_ms: Millis) -> Result<(), CacheError> {
        self.connection.execute("UPDATE meta SET clock_offset_ms = ?1", [clock_offset_ms])?;
        Ok(())
    }

    /// Whether another process wrote to the file since the last call, and its rows or cursor are not
    /// those that were applied.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn differs_from(&mut self, held: Option<&Held>) -> Result<bool, CacheError> {
        let version = data_version(&self.connection)?;
        if version == self.data_version {
            return Ok(false);
        }
        self.data_version = version;
        let (stands, _) = held_and_hash(&self.connection)?;
        let same = match hash_of_rows(&self.connection) {
            Ok(hash) => hash == self.hash && stands.as_ref() == held,
            Err(CacheError::Row(_) | CacheError::Place) => false,
            Err(error) => return Err(error),
        };
        Ok(!same)
    }

    /// Closes the file so that the next start need not check it.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn close(self) -> Result<(), CacheError> {
        self.connection.execute("UPDATE meta SET clean = 1", [])?;
        self.connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

fn each_row(connection: &Connection, mut visit: impl FnMut(&str, &str, &str)) -> Result<(), CacheError> {
    let mut statement = connection.prepare("SELECT collection, id, row FROM rows")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column| row.get_ref(column)?.as_str().map_err(|_| CacheError::Place);
        visit(text(0)?, text(1)?, text(2)?);
    }
    Ok(())
}

fn hash_of_rows(connection: &Connection) -> Result<StateHash, CacheError> {
    let mut hash = StateHash::default();
    let mut broken = None;
    each_row(connection, |collection, id, text| {
        if let Err(error) = hash.add(collection, id, text) {
            broken = Some(error);
        }
    })?;
    broken.map_or(Ok(hash), |error| Err(error.into()))
}

fn held_and_hash(connection: &Connection) -> Result<(Option<Held>, Option<String>), CacheError> {
    type Meta = (Option<String>, Option<i64>, Option<String>, Option<String>);
    let (epoch, cursor, event_id, hash): Meta =
        connection.query_row("SELECT epoch, cursor, event_id, state_hash FROM meta", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let (Some(epoch), Some(cursor)) = (epoch, cursor) else { return Ok((None, None)) };
    let seq = Seq::try_from(cursor).map_err(|_| CacheError::Place)?;
    let held = Held { position: Position { epoch: Epoch(epoch), seq }, event_id: event_id.map(EventId) };
    Ok((Some(held), hash))
}

fn epoch_base(connection: &Connection) -> Result<Option<Position>, CacheError> {
    let (epoch, seq): (Option<String>, Option<i64>) =
        connection.query_row("SELECT base_epoch, base_seq FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(epoch), Some(seq)) = (epoch, seq) else { return Ok(None) };
    Ok(Some(Position { epoch: Epoch(epoch), seq: Seq::try_from(seq).map_err(|_| CacheError::Place)? }))
}

fn data_version(connection: &Connection) -> Result<i64, CacheError> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

fn put(transaction: &Transaction<'_>, hash: &mut StateHash, change: &RowChange) -> Result<(), CacheError> {
    let RowChange { collection, id, row } = change;
    let before: Option<String> = transaction
        .prepare_cached("SELECT row FROM rows WHERE collection = ?1 AND id = ?2")?
        .query_row(params![collection, id], |row| row.get(0))
        .optional()?;
    if let Some(before) = &before {
        hash.remove(collection, id, before)?;
    }
    match row {
        Some(row) => {
            hash.add(collection, id, row)?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO rows (collection, id, row) VALUES (?1, ?2, ?3)")?
                .execute(params![collection, id, row.as_ref()])?;
        }
        None => {
            transaction
                .prepare_cached("DELETE FROM rows WHERE collection = ?1 AND id = ?2")?
                .execute(params![collection, id])?;
        }
    }
    Ok(())
}

/// Writes where the rows stand, in the transaction that changes them.
fn stand(transaction: &Transaction<'_>, held: &Held, hash: &StateHash, contact: Contact) -> Result<(), CacheError> {
    let Contact { at, clock_offset_ms } = contact;
    let Held { position: Position { epoch, seq }, event_id } = held;
    let seq = i64::try_from(*seq).map_err(|_| CacheError::Place)?;
    let event_id = event_id.as_ref().map(EventId::as_str);
    transaction
        .prepare_cached(
            "UPDATE meta SET epoch = ?1, cursor = ?2, event_id = ?3, state_hash = ?4, last_sync_at = ?5,
                clock_offset_ms = ?6, clean = 0",
        )?
        .execute(params![epoch.as_str(), seq, event_id, hash.to_hex(), at.0, clock_offset_ms])?;
    Ok(())
}

/// A typed row of a stored text, or none where this version can't read it.
pub(crate) fn typed_row(
    collection: &str,
    id: &str,
    text: &str,
) -> Result<Option<Row>, crate::sync::message::Malformed> {
    let change = RowChange { collection: collection.to_owned(), id: id.to_owned(), row: Some(text.into()) };
    Ok(change.typed()?.and_then(|change| change.row))
}
