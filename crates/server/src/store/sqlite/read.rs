//! What is read: the head, the sync set, the log, outcomes, lines of sales.

use std::str::FromStr;

use gangway_domain::{
    event::EventName,
    hash::StateHash,
    ids::{CommandId, DeviceId, Epoch, EventId, Position, Seq, SessionId, StaffId, TransactionId},
    rows::{Collection, TransactionRow},
};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{damaged, devices, integer, seq, time};
use crate::store::{Head, LinesOf, LoggedEvent, StoreError, StoredCommand, StoredDevice, View};

/// A connection within a read transaction.
pub(super) struct SqliteView<'c> {
    connection: &'c Connection,
}

impl<'c> SqliteView<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection }
    }
}

/// The table of a collection.
pub(super) fn table(collection: Collection) -> &'static str {
    match collection {
        Collection::Settings => "settings",
        Collection::Products => "products",
        Collection::Sessions => "sessions",
        Collection::Segments => "segments",
        Collection::Transactions => "transactions",
        Collection::Corrections => "corrections",
        Collection::Attention => "attention",
        Collection::Places => "places",
    }
}

impl View for SqliteView<'_> {
    fn head(&self) -> Result<Head, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT venue_id, epoch, base_epoch, base_seq, seq, full_seq, event_id, last_time, state_hash FROM head",
        )?;
        let raw = statement.query_row([], |row| {
            Ok((
                (row.get::<_, String>(0)?, row.get::<_, String>(1)?),
                (row.get::<_, Option<String>>(2)?, row.get::<_, Option<i64>>(3)?),
                (row.get::<_, i64>(4)?, row.get::<_, i64>(5)?, row.get::<_, Option<String>>(6)?),
                (row.get::<_, i64>(7)?, row.get::<_, String>(8)?),
            ))
        })?;
        let ((venue_id, epoch), base, (last, full, event_id), (last_time, hash)) = raw;
        let epoch_base = match base {
            (Some(epoch), Some(base)) => Some(Position { epoch: Epoch(epoch), seq: seq(base)? }),
            _ => None,
        };
        Ok(Head {
            venue_id,
            epoch: Epoch(epoch),
            epoch_base,
            seq: seq(last)?,
            full_seq: seq(full)?,
            event_id: event_id.map(EventId),
            last_time: time(last_time),
            state_hash: StateHash::from_hex(&hash).map_err(damaged)?,
        })
    }

    fn sync_set(&self, take: &mut dyn FnMut(Collection, &str, &str) -> bool) -> Result<(), StoreError> {
        for collection in Collection::ALL {
            let sql = format!("SELECT id, row FROM {} WHERE in_sync = 1 ORDER BY id", table(collection));
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (id, json) = (row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str());
                if !take(collection, id.map_err(damaged)?, json.map_err(damaged)?) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        let after = integer(after)?;
        let limit = i64::try_from(limit).map_err(damaged)?;
        let mut events = self.events("seq > ?1 ORDER BY seq LIMIT ?2", params![after, limit])?;
        // A page never ends inside a command.
        if let Some(event) = events.last().filter(|event| event.last > event.seq) {
            let range = params![integer(event.seq)?, integer(event.last)?];
            events.extend(self.events("seq > ?1 AND seq <= ?2 ORDER BY seq", range)?);
        }
        Ok(events)
    }

    fn trimmed(&self) -> Result<Seq, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT min(seq) FROM events")?;
        let first: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(first.map(seq).transpose()?.map_or(0, |first| first.saturating_sub(1)))
    }

    fn event_id(&self, seq: Seq) -> Result<Option<EventId>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM events WHERE seq = ?1")?;
        Ok(statement.query_row([integer(seq)?], |row| row.get(0)).optional()?.map(EventId))
    }

    fn has_event(&self, id: &EventId) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE id = ?1)")?;
        Ok(statement.query_row([id.as_str()], |row| row.get(0))?)
    }

    fn command(&self, id: CommandId) -> Result<Option<StoredCommand>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT fingerprint, kind, device_id, staff_id, occurred_at, effective_at, stored_at, outcome, reason
             FROM commands WHERE command_id = ?1",
        )?;
        let found = statement.query_row([id.to_string()], |row| {
            Ok(StoredCommand {
                command_id: id,
                fingerprint: row.get(0)?,
                kind: row.get(1)?,
                device_id: row.get::<_, Option<String>>(2)?.map(DeviceId),
                staff_id: row.get::<_, Option<String>>(3)?.map(StaffId),
                occurred_at: row.get::<_, Option<i64>>(4)?.map(time),
                effective_at: time(row.get(5)?),
                stored_at: time(row.get(6)?),
                outcome: row.get(7)?,
                reason: row.get(8)?,
            })
        });
        Ok(found.optional()?)
    }

    fn lines(&self, of: &LinesOf, limit: usize) -> Result<Vec<TransactionRow>, StoreError> {
        let limit = i64::try_from(limit).map_err(damaged)?;
        let (filter, value) = match of {
            LinesOf::Everything => ("?1 = ?1", ""),
            LinesOf::Session(id) => ("session_id = ?1", id.as_str()),
            LinesOf::Band(band) => ("barcode_id = ?1", band.as_str()),
        };
        let sql =
            format!("SELECT row FROM transactions WHERE {filter} ORDER BY created_at DESC, ordinal DESC LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![value, limit])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(serde_json::from_str(row.get_ref(0)?.as_str().map_err(damaged)?).map_err(damaged)?);
        }
        Ok(lines)
    }

    fn line(&self, id: &TransactionId) -> Result<Option<TransactionRow>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT row FROM transactions WHERE id = ?1")?;
        let json: Option<String> = statement.query_row([id.as_str()], |row| row.get(0)).optional()?;
        json.map(|json| serde_json::from_str(&json).map_err(damaged)).transpose()
    }

    fn has_session(&self, id: &SessionId) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM sessions WHERE id = ?1")?;
        Ok(statement.exists([id.as_str()])?)
    }

    fn last_of(&self, names: &[EventName]) -> Result<Seq, StoreError> {
        let places = vec!["?"; names.len()].join(", ");
        let sql = format!("SELECT seq FROM events WHERE name IN ({places}) ORDER BY seq DESC LIMIT 1");
        let names = rusqlite::params_from_iter(names.iter().map(|name| name.as_str()));
        let found: Option<i64> = self.connection.prepare_cached(&sql)?.query_row(names, |row| row.get(0)).optional()?;
        found.map_or(Ok(0), seq)
    }

    fn devices(&self) -> Result<Vec<StoredDevice>, StoreError> {
        devices::all(self.connection)
    }
}

impl SqliteView<'_> {
    fn events(&self, filter: &str, params: &[&dyn ToSql]) -> Result<Vec<LoggedEvent>, StoreError> {
        let sql = format!(
            "SELECT seq, id, name, payload, changes, emitted_at, command_id, last, prev_full, state_hash
             FROM events WHERE {filter}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?);
        }
        Ok(events)
    }
}

fn event(row: &Row<'_>) -> Result<LoggedEvent, StoreError> {
    let name: String = row.get(2)?;
    let command_id: Option<String> = row.get(6)?;
    let hash: Option<String> = row.get(9)?;
    Ok(LoggedEvent {
        seq: seq(row.get(0)?)?,
        id: EventId(row.get(1)?),
        name: EventName::parse(&name).ok_or_else(|| StoreError::Damaged(format!("no event is called {name}")))?,
        payload: row.get(3)?,
        changes: row.get(4)?,
        emitted_at: time(row.get(5)?),
        command_id: command_id.as_deref().map(CommandId::from_str).transpose().map_err(damaged)?,
        last: seq(row.get(7)?)?,
        prev_full: seq(row.get(8)?)?,
        state_hash: hash.as_deref().map(StateHash::from_hex).transpose().map_err(damaged)?,
    })
}
