//! What is read from and written to the outbox's file.

use std::path::Path;

use gangway_domain::{
    ids::{CommandId, DeviceId, Epoch, Position, Seq},
    time::VenueTime,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{CommandState, Fate, OutboxError, Outcome, Taken, Tapped, Unanswered, key_text, schema};

/// The outbox's file, open.
#[derive(Debug)]
pub struct Outbox {
    connection: Connection,
    device: DeviceId,
}

impl Outbox {
    /// Opens the outbox, or makes one where there is none; only then the fresh device id is used.
    ///
    /// # Errors
    /// A file that can't be read, or is of a newer version; it is left as it is.
    pub fn open(path: &Path, fresh_device: Uuid) -> Result<Self, OutboxError> {
        let connection = schema::open(path, fresh_device)?;
        let device: String = connection.query_row("SELECT id FROM device", [], |row| row.get(0))?;
        Ok(Self { connection, device: DeviceId(device) })
    }

    /// Which desk this is: made once, with the file.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Remembers what people call this desk.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn name_device(&self, name: &str) -> Result<(), OutboxError> {
        self.connection.execute("UPDATE device SET name = ?1", [name])?;
        Ok(())
    }

    /// What people call this desk.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn device_name(&self) -> Result<Option<String>, OutboxError> {
        Ok(self.connection.query_row("SELECT name FROM device", [], |row| row.get(0))?)
    }

    /// Takes a command: durable when this returns. A known id queues nothing.
    ///
    /// # Errors
    /// The file can't be written; then nothing was taken.
    pub fn take(&mut self, tapped: &Tapped, stored_at: VenueTime) -> Result<Taken, OutboxError> {
        let fingerprint = tapped.command.fingerprint();
        let transaction = self.connection.transaction()?;
        let known: Option<String> = transaction
            .query_row("SELECT fingerprint FROM commands WHERE command_id = ?1", [tapped.id.to_string()], |row| {
                row.get(0)
            })
            .optional()?;
        match known {
            Some(known) if known == fingerprint => {
                drop(transaction);
                return match self.fate(tapped.id)? {
                    Some(fate) => Ok(Taken::Known(Box::new(fate))),
                    None => Ok(Taken::Conflict),
                };
            }
            Some(_) => return Ok(Taken::Conflict),
            None => {}
        }
        let keys: Vec<String> = tapped.command.keys().iter().map(key_text).collect();
        transaction.execute(
            "INSERT INTO commands (command_id, kind, command, fingerprint, keys, occurred_at, based_on_epoch,
                based_on_seq, force_reason, state, tapped_at, stored_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', ?10, ?11)",
            params![
                tapped.id.to_string(),
                tapped.command.kind(),
                tapped.text.get(),
                fingerprint,
                serde_json::to_string(&keys)?,
                tapped.occurred_at.to_iso(),
                tapped.based_on.epoch.as_str(),
                to_sql(tapped.based_on.seq),
                tapped.force_reason,
                tapped.tapped_at.0,
                stored_at.0,
            ],
        )?;
        transaction.commit()?;
        Ok(Taken::New)
    }

    /// The oldest commands without an answer, in order.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn unanswered(&self, max: usize) -> Result<Vec<Unanswered>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT place, command_id, command, occurred_at, based_on_epoch, based_on_seq FROM commands
             WHERE state IN ('pending', 'sent') ORDER BY place LIMIT ?1",
        )?;
        let rows = statement.query_map([i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get::<_, i64>(5)?))
        })?;
        let mut commands = Vec::new();
        for row in rows {
            let (order, id, text, occurred_at, epoch, seq) = row?;
            let id: CommandId = id.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
            let based_on = Position { epoch: Epoch(epoch), seq: from_sql(seq) };
            commands.push(Unanswered { id, order, text, occurred_at, based_on });
        }
        Ok(commands)
    }

    /// These commands are on their way.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn mark_sent(&mut self, commands: &[Unanswered], at: VenueTime) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        for command in commands {
            transaction
                .prepare_cached(
                    "UPDATE commands SET state = 'sent', sent_at = coalesce(sent_at, ?2), attempts = attempts + 1
                     WHERE place = ?1 AND state IN ('pending', 'sent')",
                )?
                .execute(params![command.order, at.0])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes the server's answers down. An answer that is there already stays.
    ///
    /// # Errors
    /// The file can't be written; the commands are then asked about again.
    pub fn settle(
        &mut self,
        answers: &[(CommandId, Outcome)],
        epoch: &Epoch,
        at: VenueTime,
    ) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        for (id, outcome) in answers {
            let (state, seqs, result, rejection) = match outcome {
                Outcome::Accepted { seqs, result } => (CommandState::Settled, Some(seqs), result.as_ref(), None),
                Outcome::Rejected { rejection } => (CommandState::Rejected, None, None, Some(rejection)),
            };
            let last = seqs.and_then(|seqs| seqs.iter().max()).map(|seq| to_sql(*seq));
            transaction
                .prepare_cached(
                    "UPDATE commands SET state = ?2, settled_at = ?3, settled_epoch = ?4, seqs = ?5, last_seq = ?6,
                        result = ?7, rejection = ?8
                     WHERE command_id = ?1 AND state IN ('pending', 'sent')",
                )?
                .execute(params![
                    id.to_string(),
                    state.as_str(),
                    at.0,
                    epoch.as_str(),
                    seqs.map(serde_json::to_string).transpose()?,
                    last,
                    result.map(ToString::to_string),
                    rejection.map(ToString::to_string),
                ])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The way of a command, if it is one of this desk's.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn fate(&self, id: CommandId) -> Result<Option<Fate>, OutboxError> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT state, tapped_at, stored_at, sent_at, settled_at, settled_epoch, seqs, result, rejection
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
                "SELECT (SELECT count(*) FROM commands WHERE state IN ('pending', 'sent'))
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
            tapped_at: row.get(1)?,
            stored_at: row.get(2)?,
            sent_at: row.get(3)?,
            settled_at: row.get(4)?,
            epoch: row.get(5)?,
            seqs: row.get(6)?,
            result: row.get(7)?,
            rejection: row.get(8)?,
        })
    }

    fn into_fate(self, id: CommandId) -> Result<Fate, OutboxError> {
        let iso = |ms: Option<i64>| ms.map(|ms| VenueTime(ms).to_iso());
        let json = |text: Option<String>| text.as_deref().map(serde_json::from_str).transpose();
        Ok(Fate {
            command_id: id.to_string(),
            state: CommandState::parse(&self.state).ok_or(rusqlite::Error::InvalidQuery)?,
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

fn to_sql(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn from_sql(seq: i64) -> Seq {
    Seq::try_from(seq).unwrap_or(0)
}
