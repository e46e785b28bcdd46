//! What the log is replayed on: the rows as they were where it begins. Whoever trims the log moves it first, so that
//! rows can always be proved from it and what is left of the log.

use gangway_domain::{
    hash::{StateHash, canonical},
    ids::Seq,
    rows::Collection,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{damaged, integer, seq};
use crate::store::StoreError;

/// The table of it.
pub(super) const KEPT: &str = "checkpoint_rows";

/// A row that an event changed, as logged: whatever fields it has, they count.
#[derive(Deserialize)]
pub(super) struct LoggedChange {
    collection: Collection,
    id: String,
    row: Option<Box<RawValue>>,
}

/// Says that the log begins at `seq` with what has the hash `state_hash`.
pub(super) fn set(connection: &Connection, at: Seq, state_hash: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO checkpoint (one, seq, state_hash) VALUES (1, ?1, ?2)
               ON CONFLICT DO UPDATE SET seq = ?1, state_hash = ?2";
    connection.prepare_cached(sql)?.execute(params![integer(at)?, state_hash])?;
    Ok(())
}

/// Where it stands, with the hash of its sync set; none: the venue has none yet.
pub(super) fn get(connection: &Connection) -> Result<Option<(Seq, String)>, StoreError> {
    let sql = "SELECT seq, state_hash FROM checkpoint";
    let found = connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    found.map(|(at, hash)| Ok((seq(at)?, hash))).transpose()
}

/// Applies the log up to `through`, which is the end of a command.
pub(super) fn advance(connection: &Connection, through: Seq) -> Result<(), StoreError> {
    let Some((at, mut hash)) = get(connection)?.filter(|(at, _)| *at < through) else { return Ok(()) };
    let sql = "SELECT changes, state_hash FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut events = statement.query(params![integer(at)?, integer(through)?])?;
    while let Some(event) = events.next()? {
        for change in changes(event.get_ref(0)?.as_str().map_err(damaged)?)? {
            apply(connection, KEPT, &change, &mut StateHash::default())?;
        }
        hash = event.get::<_, Option<String>>(1)?.unwrap_or(hash);
    }
    set(connection, through, &hash)
}

/// The changes of an event.
pub(super) fn changes(json: &str) -> Result<Vec<LoggedChange>, StoreError> {
    serde_json::from_str(json).map_err(damaged)
}

/// Applies a change to the rows in `table`, whose sync set has the hash `hash`.
pub(super) fn apply(
    connection: &Connection,
    table: &str,
    change: &LoggedChange,
    hash: &mut StateHash,
) -> Result<(), StoreError> {
    let LoggedChange { collection, id, row } = change;
    let name = collection.name();
    let sql = format!("SELECT row FROM {table} WHERE collection = ?1 AND id = ?2 AND in_sync = 1");
    let before: Option<String> = connection.prepare_cached(&sql)?.query_row([name, id], |row| row.get(0)).optional()?;
    if let Some(json) = &before {
        hash.remove(name, id, json).map_err(damaged)?;
    }
    match (row, before) {
        (Some(row), _) => {
            let json = String::from_utf8(canonical(row.get()).map_err(damaged)?).map_err(damaged)?;
            hash.add(name, id, &json).map_err(damaged)?;
            let sql = format!(
                "INSERT INTO {table} (collection, id, in_sync, row) VALUES (?1, ?2, 1, ?3)
                 ON CONFLICT DO UPDATE SET in_sync = 1, row = ?3, digest = NULL"
            );
            connection.prepare_cached(&sql)?.execute([name, id, &json])?;
        }
        // An ended place is deleted some time later, without a word in the log.
        (None, _) if *collection == Collection::Places => {
            let sql = format!("DELETE FROM {table} WHERE collection = ?1 AND id = ?2");
            connection.prepare_cached(&sql)?.execute([name, id])?;
        }
        (None, Some(json)) => {
            let sql =
                format!("UPDATE {table} SET in_sync = 0, row = NULL, digest = ?3 WHERE collection = ?1 AND id = ?2");
            connection.prepare_cached(&sql)?.execute([name, id, &digest(name, id, &json)?])?;
        }
        (None, None) => {}
    }
    Ok(())
}

/// What tells a row from any other.
pub(super) fn digest(collection: &str, id: &str, json: &str) -> Result<String, StoreError> {
    let mut hash = StateHash::default();
    hash.add(collection, id, json).map_err(damaged)?;
    Ok(hash.to_hex())
}
