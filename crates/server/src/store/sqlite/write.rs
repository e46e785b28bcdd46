//! What a command writes, within its one transaction.

use std::collections::BTreeMap;

use gangway_domain::{
    decide::Needs,
    event::EventName,
    ids::{CommandId, DeviceId, EventId, ProductId, Seq, SessionId, TransactionId},
    rows::{Collection, ProductRow, Row, SessionRow, TransactionRow},
    time::VenueTime,
    venue::Venue,
};
use rusqlite::{OptionalExtension, params};

use super::{damaged, devices, integer, purge, slice, time};
use crate::store::{
    AsOf, Head, LinesOf, LoggedEvent, Purge, StoreError, StoredCode, StoredCommand, StoredDevice, StoredRow,
    Transaction, View,
    sqlite::read::{SqliteView, table},
};

/// The write transaction.
pub(super) struct SqliteTransaction<'c> {
    inner: rusqlite::Transaction<'c>,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn new(inner: rusqlite::Transaction<'c>) -> Self {
        Self { inner }
    }

    fn seen(&self) -> SqliteView<'_> {
        SqliteView::new(&self.inner)
    }

    fn put_session(&self, session: &SessionRow, json: &str) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "INSERT INTO sessions (id, row, in_sync, barcode_id, live, playing, runs_out_at, updated_at)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET row = ?2, in_sync = 1, live = ?4, playing = ?5, runs_out_at = ?6,
                 updated_at = ?7",
            )?
            .execute(params![
                session.id.as_str(),
                json,
                session.barcode_id.as_str(),
                session.is_live(),
                session.open_segment.is_some(),
                session.runs_out_at().map(|moment| moment.0),
                session.updated_at.0,
            ])?;
        Ok(())
    }

    fn put_line(&self, line: &TransactionRow, json: &str) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "INSERT INTO transactions (id, row, in_sync, session_id, barcode_id, created_at)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET row = ?2, in_sync = 1",
            )?
            .execute(params![
                line.id.as_str(),
                json,
                line.session_id.as_str(),
                line.barcode_id.as_str(),
                line.created_at.0,
            ])?;
        Ok(())
    }
}

impl View for SqliteTransaction<'_> {
    fn head(&self) -> Result<Head, StoreError> {
        self.seen().head()
    }

    fn sync_set(&self, take: &mut dyn FnMut(Collection, &str, &str) -> bool) -> Result<(), StoreError> {
        self.seen().sync_set(take)
    }

    fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.seen().events_after(after, limit)
    }

    fn trimmed(&self) -> Result<Seq, StoreError> {
        self.seen().trimmed()
    }

    fn event_id(&self, seq: Seq) -> Result<Option<EventId>, StoreError> {
        self.seen().event_id(seq)
    }

    fn has_event(&self, id: &EventId) -> Result<bool, StoreError> {
        self.seen().has_event(id)
    }

    fn command(&self, id: CommandId) -> Result<Option<StoredCommand>, StoreError> {
        self.seen().command(id)
    }

    fn lines(&self, of: &LinesOf, limit: usize) -> Result<Vec<TransactionRow>, StoreError> {
        self.seen().lines(of, limit)
    }

    fn line(&self, id: &TransactionId) -> Result<Option<TransactionRow>, StoreError> {
        self.seen().line(id)
    }

    fn has_session(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.seen().has_session(id)
    }

    fn last_of(&self, names: &[EventName]) -> Result<Seq, StoreError> {
        self.seen().last_of(names)
    }

    fn devices(&self) -> Result<Vec<StoredDevice>, StoreError> {
        self.seen().devices()
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn slice(&self, needs: &Needs) -> Result<Venue, StoreError> {
        slice::slice(&self.inner, needs)
    }

    fn row(&self, collection: Collection, id: &str) -> Result<Option<StoredRow>, StoreError> {
        let sql = format!("SELECT row, in_sync FROM {} WHERE id = ?1", table(collection));
        let mut statement = self.inner.prepare_cached(&sql)?;
        let found = statement.query_row([id], |row| Ok(StoredRow { json: row.get(0)?, in_sync: row.get(1)? }));
        Ok(found.optional()?)
    }

    fn family(&self, session: &SessionId) -> Result<Vec<Row>, StoreError> {
        slice::family(&self.inner, session)
    }

    fn product_as_of(&self, id: &ProductId, moment: AsOf) -> Result<Option<ProductRow>, StoreError> {
        let (column, value, order) = match moment {
            AsOf::Seq(seq) => ("from_seq", integer(seq)?, "DESC"),
            AsOf::Time(time) => ("from_time", time.0, "DESC"),
            AsOf::Beginning => ("from_seq", i64::MAX, "ASC"),
        };
        let sql = format!(
            "SELECT row FROM product_versions WHERE product_id = ?1 AND {column} <= ?2 ORDER BY from_seq {order} LIMIT 1"
        );
        let mut statement = self.inner.prepare_cached(&sql)?;
        let json: Option<String> = statement.query_row(params![id.as_str(), value], |row| row.get(0)).optional()?;
        json.map(|json| serde_json::from_str(&json).map_err(damaged)).transpose()
    }

    fn desk_band_at(&self, device: &DeviceId, band: &str) -> Result<Option<VenueTime>, StoreError> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT effective_at FROM desk_bands WHERE device_id = ?1 AND barcode_id = ?2")?;
        Ok(statement.query_row([device.as_str(), band], |row| row.get(0)).optional()?.map(time))
    }

    fn put_desk_band(&mut self, device: &DeviceId, band: &str, at: VenueTime) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "INSERT INTO desk_bands (device_id, barcode_id, effective_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET effective_at = max(effective_at, ?3)",
            )?
            .execute(params![device.as_str(), band, at.0])?;
        Ok(())
    }

    fn shares(&self) -> Result<BTreeMap<DeviceId, u32>, StoreError> {
        let mut statement = self.inner.prepare_cached("SELECT device_id, share FROM desks")?;
        let shares = statement.query_map([], |row| Ok((DeviceId(row.get(0)?), row.get(1)?)))?;
        Ok(shares.collect::<Result<_, _>>()?)
    }

    fn put_share(&mut self, device: &DeviceId, share: u32) -> Result<(), StoreError> {
        let sql = match share {
            0 => "DELETE FROM desks WHERE device_id = ?1 AND ?2 = 0",
            _ => "INSERT INTO desks (device_id, share) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET share = ?2",
        };
        self.inner.prepare_cached(sql)?.execute(params![device.as_str(), share])?;
        Ok(())
    }

    fn put_row(&mut self, row: &Row, json: &str) -> Result<(), StoreError> {
        let (sql, session_id, transaction_id) = match row {
            Row::Session(session) => return self.put_session(session, json),
            Row::Transaction(line) => return self.put_line(line, json),
            Row::Settings(_) => (put_sql("settings", ""), None, None),
            Row::Product(_) => (put_sql("products", ""), None, None),
            Row::Attention(_) => (put_sql("attention", ""), None, None),
            Row::Place(_) => (put_sql("places", ""), None, None),
            Row::Segment(segment) => (put_sql("segments", "session_id"), Some(&segment.session_id), None),
            Row::Correction(correction) => (
                put_sql("corrections", "session_id, transaction_id"),
                Some(&correction.session_id),
                Some(&correction.transaction_id),
            ),
        };
        let mut statement = self.inner.prepare_cached(&sql)?;
        match (session_id, transaction_id) {
            (Some(session), Some(line)) => {
                statement.execute(params![row.id(), json, session.as_str(), line.as_str()])?
            }
            (Some(session), None) => statement.execute(params![row.id(), json, session.as_str()])?,
            (None, _) => statement.execute(params![row.id(), json])?,
        };
        Ok(())
    }

    fn leave_sync_set(&mut self, collection: Collection, id: &str) -> Result<(), StoreError> {
        let sql = format!("UPDATE {} SET in_sync = 0 WHERE id = ?1", table(collection));
        self.inner.prepare_cached(&sql)?.execute([id])?;
        Ok(())
    }

    fn put_product_version(&mut self, row: &ProductRow, seq: Seq, time: VenueTime) -> Result<(), StoreError> {
        let json = serde_json::to_string(row).map_err(damaged)?;
        self.inner
            .prepare_cached(
                "INSERT INTO product_versions (product_id, from_seq, from_time, row) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET row = ?4",
            )?
            .execute(params![row.id.as_str(), integer(seq)?, time.0, json])?;
        Ok(())
    }

    fn forget_product_versions(&mut self) -> Result<(), StoreError> {
        self.inner.execute("DELETE FROM product_versions", [])?;
        Ok(())
    }

    fn append(&mut self, event: &LoggedEvent) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "INSERT INTO events
                 (seq, id, name, payload, changes, emitted_at, command_id, last, prev_full, state_hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                integer(event.seq)?,
                event.id.as_str(),
                event.name.as_str(),
                event.payload,
                event.changes,
                event.emitted_at.0,
                event.command_id.map(|id| id.to_string()),
                integer(event.last)?,
                integer(event.prev_full)?,
                event.state_hash.map(|hash| hash.to_hex()),
            ])?;
        Ok(())
    }

    fn put_command(&mut self, command: &StoredCommand) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "INSERT INTO commands
                 (command_id, fingerprint, kind, device_id, staff_id, occurred_at, effective_at, stored_at, outcome,
                 reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                command.command_id.to_string(),
                command.fingerprint,
                command.kind,
                command.device_id.as_ref().map(DeviceId::as_str),
                command.staff_id.as_ref().map(|staff| staff.as_str()),
                command.occurred_at.map(|moment| moment.0),
                command.effective_at.0,
                command.stored_at.0,
                command.outcome,
                command.reason,
            ])?;
        Ok(())
    }

    fn purge(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        purge::purge(&self.inner, &self.head()?, purge)
    }

    fn set_head(&mut self, head: &Head) -> Result<(), StoreError> {
        self.inner
            .prepare_cached(
                "UPDATE head SET epoch = ?1, base_epoch = ?2, base_seq = ?3, seq = ?4, full_seq = ?5, event_id = ?6,
                 last_time = ?7, state_hash = ?8",
            )?
            .execute(params![
                head.epoch.as_str(),
                head.epoch_base.as_ref().map(|base| base.epoch.as_str()),
                head.epoch_base.as_ref().map(|base| integer(base.seq)).transpose()?,
                integer(head.seq)?,
                integer(head.full_seq)?,
                head.event_id.as_ref().map(EventId::as_str),
                head.last_time.0,
                head.state_hash.to_hex(),
            ])?;
        Ok(())
    }

    fn put_device(&mut self, device: &StoredDevice) -> Result<(), StoreError> {
        devices::put(&self.inner, device)
    }

    fn saw_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
        devices::saw(&self.inner, id, at)
    }

    fn revoke_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
        devices::revoke(&self.inner, id, at)
    }

    fn put_code(&mut self, code: &StoredCode) -> Result<(), StoreError> {
        devices::put_code(&self.inner, code)
    }

    fn take_code(&mut self, hash: &str, now: VenueTime) -> Result<Option<StoredCode>, StoreError> {
        devices::take_code(&self.inner, hash, now)
    }

    fn mark(&mut self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("SAVEPOINT command")?)
    }

    fn keep(&mut self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("RELEASE command")?)
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        Ok(self.inner.execute_batch("ROLLBACK TO command; RELEASE command")?)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.commit()?;
        Ok(())
    }
}

/// Stores a row of a table that has, beside id and row, only what the row belongs to.
fn put_sql(table: &str, belongs_to: &str) -> String {
    let (columns, values) = match belongs_to.split(", ").filter(|column| !column.is_empty()).count() {
        0 => (String::new(), ""),
        1 => (format!(", {belongs_to}"), ", ?3"),
        _ => (format!(", {belongs_to}"), ", ?3, ?4"),
    };
    format!(
        "INSERT INTO {table} (id, row, in_sync{columns}) VALUES (?1, ?2, 1{values})
         ON CONFLICT (id) DO UPDATE SET row = ?2, in_sync = 1"
    )
}
