//! What is read from and written to the outbox's file.

use std::path::Path;

use gangway_domain::{
    command::{Command, Key},
    ids::{CommandId, DeviceId, PlaceId, Position, Seq},
    time::VenueTime,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::{CommandState, Fate, OutboxError, Taken, Tapped, key_text, places, schema};

/// The outbox's file, open.
#[derive(Debug)]
pub struct Outbox {
    pub(super) connection: Connection,
    device: DeviceId,
    /// How often answered commands went back to the unanswered since the start.
    pub(super) resends: u64,
    /// The last command that was there at the start.
    pub(super) last_of_before: i64,
}

/// The keys of a command as JSON arrays, for the file.
pub(super) struct Keys {
    /// It waits for every earlier command that shares one of these.
    pub(super) shared: String,
    /// What its rows are called.
    pub(super) made: String,
    /// What it only reads: it waits for who makes it.
    pub(super) reads: String,
}

impl Keys {
    pub(super) fn of(command: &Command, id: CommandId) -> Result<Self, OutboxError> {
        let text = |keys: std::collections::BTreeSet<Key>| {
            serde_json::to_string(&keys.iter().map(key_text).collect::<Vec<_>>())
        };
        Ok(Self {
            shared: text(command.keys())?,
            made: text(command.made_keys(id))?,
            reads: text(command.read_keys())?,
        })
    }
}

impl Outbox {
    /// Opens the outbox, or makes one where there is none; only then the fresh device id is used.
    ///
    /// # Errors
    /// A file that can't be read, or is of a newer version; it is left as it is.
    pub fn open(path: &Path, fresh_device: Uuid) -> Result<Self, OutboxError> {
        let connection = schema::open(path, fresh_device)?;
        let device: String = connection.query_row("SELECT id FROM device", [], |row| row.get(0))?;
        let last_of_before =
            connection.query_row("SELECT coalesce(max(number), 0) FROM commands", [], |row| row.get(0))?;
        Ok(Self { connection, device: DeviceId(device), resends: 0, last_of_before })
    }

    /// Which desk this is: made once, with the file.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Which venue the commands here are for; none before a server has said. No other venue's server ever gets them,
    /// whatever became of the cache.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn venue_id(&self) -> Result<Option<String>, OutboxError> {
        Ok(self.connection.query_row("SELECT venue_id FROM device", [], |row| row.get(0))?)
    }

    /// The commands here are for this venue from now on; what was said before stays.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn belong_to(&self, venue_id: &str) -> Result<(), OutboxError> {
        self.connection.execute("UPDATE device SET venue_id = ?1 WHERE venue_id IS NULL", [venue_id])?;
        Ok(())
    }

    /// Remembers what people call this desk.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn name_device(&self, name: &str) -> Result<(), OutboxError> {
        // The same name again needs no disk.
        self.connection.execute("UPDATE device SET name = ?1 WHERE name IS NOT ?1", [name])?;
        Ok(())
    }

    /// What people call this desk.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn device_name(&self) -> Result<Option<String>, OutboxError> {
        Ok(self.connection.query_row("SELECT name FROM device", [], |row| row.get(0))?)
    }

    /// What [`Outbox::take`] says to a known id; none where the id is new.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn known(&self, id: CommandId, command: &Command) -> Result<Option<Taken>, OutboxError> {
        let fingerprint: Option<String> = self
            .connection
            .prepare_cached("SELECT fingerprint FROM commands WHERE command_id = ?1")?
            .query_row([id.to_string()], |row| row.get(0))
            .optional()?;
        let Some(fingerprint) = fingerprint else { return Ok(None) };
        if fingerprint != command.fingerprint() {
            return Ok(Some(Taken::Conflict));
        }
        let fate = self.fate(id)?;
        Ok(Some(fate.map_or(Taken::Conflict, |fate| Taken::Known(Box::new(fate)))))
    }

    /// Takes a command: durable when this returns. A known id queues nothing.
    ///
    /// # Errors
    /// The file can't be written; then nothing was taken.
    pub fn take(&mut self, tapped: &Tapped, stored_at: VenueTime) -> Result<Taken, OutboxError> {
        let taken = self.store_new(tapped, stored_at);
        if taken.is_err() {
            self.write_over_what_was_refused();
        }
        taken
    }

    /// Where only the sync failed, what was refused is in the file, and a kill before the next write would bring it
    /// back. Whatever is written now takes its place; nobody needs to know whether that lasts. A number that is left out
    /// means nothing.
    fn write_over_what_was_refused(&self) {
        let later = self.connection.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'commands'", []);
        if matches!(later, Ok(0)) {
            let _ = self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('commands', 1)", []);
        }
    }

    fn store_new(&mut self, tapped: &Tapped, stored_at: VenueTime) -> Result<Taken, OutboxError> {
        if let Some(known) = self.known(tapped.id, &tapped.command)? {
            return Ok(known);
        }
        let transaction = self.connection.transaction()?;
        if let Some(place) = &tapped.place
            && !places::spend(&transaction, place)?
        {
            return Ok(Taken::PlaceGone);
        }
        let order = insert(&transaction, tapped, stored_at)?;
        transaction.commit()?;
        Ok(Taken::New { order })
    }

    /// The way of a command, if it is one of this desk's.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn fate(&self, id: CommandId) -> Result<Option<Fate>, OutboxError> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT state, offline, tapped_at, stored_at, sent_at, settled_at, settled_epoch, seqs, result, rejection
                 FROM commands WHERE command_id = ?1",
            )?
            .query_row([id.to_string()], FateRow::read)
            .optional()?;
        row.map(|row| row.into_fate(id)).transpose()
    }

    /// Commands that do not show yet: unanswered, or accepted past where the cache stands (`sync.md` 18).
    ///
    /// # Errors
    /// The file can't be read.
    pub fn pending(&self, at: Option<&Position>) -> Result<u64, OutboxError> {
        let count: i64 = self
            .connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM commands WHERE state IN ('pending', 'sent') AND unreadable IS NULL)
                    + (SELECT count(*) FROM commands WHERE state = 'settled' AND last_seq > ?2 AND settled_epoch = ?1)",
            )?
            .query_row(params![at.map(|at| at.epoch.as_str()), at.map_or(0, |at| to_sql(at.seq))], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Closes the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn close(self) -> Result<(), OutboxError> {
        self.connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

/// A row of `commands`, before its texts are read.
struct FateRow {
    state: String,
    offline: bool,
    tapped_at: i64,
    stored_at: i64,
    sent_at: Option<i64>,
    settled_at: Option<i64>,
    epoch: Option<String>,
    seqs: Option<String>,
    result: Option<String>,
    rejection: Option<String>,
}

impl FateRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            state: row.get(0)?,
            offline: row.get(1)?,
            tapped_at: row.get(2)?,
            stored_at: row.get(3)?,
            sent_at: row.get(4)?,
            settled_at: row.get(5)?,
            epoch: row.get(6)?,
            seqs: row.get(7)?,
            result: row.get(8)?,
            rejection: row.get(9)?,
        })
    }

    fn into_fate(self, id: CommandId) -> Result<Fate, OutboxError> {
        let iso = |ms: Option<i64>| ms.map(|ms| VenueTime(ms).to_iso());
        let json = |text: Option<String>| text.as_deref().map(serde_json::from_str).transpose();
        Ok(Fate {
            command_id: id.to_string(),
            state: CommandState::parse(&self.state).ok_or(rusqlite::Error::InvalidQuery)?,
            offline: self.offline,
            tapped_at: VenueTime(self.tapped_at).to_iso(),
            stored_at: VenueTime(self.stored_at).to_iso(),
            sent_at: iso(self.sent_at),
            settled_at: iso(self.settled_at),
            seqs: self.seqs.as_deref().map(serde_json::from_str).transpose()?,
            result: json(self.result)?,
            rejection: json(self.rejection)?,
            epoch: self.epoch,
        })
    }
}

/// Writes a command down, in the transaction that knows that it is new; says its place in the order.
pub(super) fn insert(transaction: &Transaction<'_>, tapped: &Tapped, stored_at: VenueTime) -> Result<i64, OutboxError> {
    let Keys { shared, made, reads } = Keys::of(&tapped.command, tapped.id)?;
    let seen = if tapped.seen.is_empty() { None } else { Some(serde_json::to_string(&tapped.seen)?) };
    transaction.execute(
        "INSERT INTO commands (command_id, kind, command, fingerprint, keys, made, reads, occurred_at, based_on_epoch,
            based_on_seq, seen, place_id, force_reason, offline, state, tapped_at, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 'pending', ?15, ?16)",
        params![
            tapped.id.to_string(),
            tapped.command.kind(),
            tapped.text.get(),
            tapped.command.fingerprint(),
            shared,
            made,
            reads,
            tapped.occurred_at.to_iso(),
            tapped.based_on.epoch.as_str(),
            to_sql(tapped.based_on.seq),
            seen,
            tapped.place.as_ref().map(PlaceId::as_str),
            tapped.force_reason,
            tapped.offline,
            tapped.tapped_at.0,
            stored_at.0,
        ],
    )?;
    Ok(transaction.last_insert_rowid())
}

/// A text that may be no UTF-8: a bent one must be told apart, not stop whoever reads the others.
pub(super) fn text_as_it_is(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes().map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

pub(super) fn to_sql(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> Seq {
    Seq::try_from(seq).unwrap_or(0)
}
