//! The rows that a command is decided by, read inside its transaction.

use std::collections::BTreeSet;

use gangway_domain::{
    decide::Needs,
    ids::SessionId,
    rows::{Change, Collection, Row},
    settings::{SETTINGS_ID, SettingsRow},
    venue::Venue,
};
use rusqlite::{Connection, OptionalExtension};

use super::damaged;
use crate::store::{StoreError, sqlite::read::table};

/// The tables of a visit's rows beside the visit itself.
const BELONGING: [Collection; 3] = [Collection::Segments, Collection::Transactions, Collection::Corrections];

/// Loads what `needs` names. `Needs::all_products` also where the venue insists on required ones.
pub(super) fn slice(connection: &Connection, needs: &Needs) -> Result<Venue, StoreError> {
    let settings: SettingsRow = match row(connection, Collection::Settings, SETTINGS_ID)? {
        Some(Row::Settings(settings)) => settings,
        _ => return Err(StoreError::Damaged("the venue has no settings".to_owned())),
    };
    let sells = !needs.products.is_empty() && !needs.bands.is_empty();
    let all_products = needs.all_products || (sells && settings.required_products_enforced);
    let mut venue = Venue::new(settings);
    let mut rows = Vec::new();
    if needs.everything {
        for collection in Collection::ALL {
            rows.extend(query(connection, collection, "in_sync = 1 OR ?1 IS NULL", "")?);
        }
    } else {
        if all_products {
            rows.extend(query(connection, Collection::Products, "in_sync = 1 OR ?1 IS NULL", "")?);
        }
        for product in &needs.products {
            rows.extend(row(connection, Collection::Products, product.as_str())?);
        }
        if let Some(entry) = &needs.attention {
            rows.extend(query(connection, Collection::Attention, "in_sync = 1 AND id = ?1", entry.as_str())?);
        }
        if needs.places {
            rows.extend(query(connection, Collection::Places, "in_sync = 1 OR ?1 IS NULL", "")?);
        }
        for session in sessions(connection, needs)? {
            rows.extend(family(connection, &session)?);
        }
    }
    let changes: Vec<Change> = rows.into_iter().map(Change::put).collect();
    venue.apply(&changes);
    venue.set_playing(count(connection, "SELECT count(*) FROM sessions WHERE playing = 1")?);
    venue.set_sold(count(connection, "SELECT EXISTS (SELECT 1 FROM transactions)")? > 0);
    Ok(venue)
}

fn count(connection: &Connection, sql: &str) -> Result<u32, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

fn sessions(connection: &Connection, needs: &Needs) -> Result<BTreeSet<SessionId>, StoreError> {
    let mut sessions: BTreeSet<SessionId> = needs.session.iter().cloned().collect();
    let one = |sql: &str, value: &str| -> Result<Option<SessionId>, StoreError> {
        let found: Option<String> = connection.prepare_cached(sql)?.query_row([value], |row| row.get(0)).optional()?;
        Ok(found.map(SessionId))
    };
    for band in &needs.bands {
        sessions.extend(one("SELECT id FROM sessions WHERE barcode_id = ?1 AND live = 1", band.as_str())?);
        let ended = "SELECT id FROM sessions WHERE barcode_id = ?1 AND live = 0 ORDER BY updated_at DESC LIMIT 1";
        sessions.extend(one(ended, band.as_str())?);
    }
    if let Some(line) = &needs.transaction {
        sessions.extend(one("SELECT session_id FROM transactions WHERE id = ?1", line.as_str())?);
    }
    Ok(sessions)
}

/// A visit with all that belongs to it.
pub(super) fn family(connection: &Connection, session: &SessionId) -> Result<Vec<Row>, StoreError> {
    let mut rows: Vec<Row> = row(connection, Collection::Sessions, session.as_str())?.into_iter().collect();
    for collection in BELONGING {
        rows.extend(query(connection, collection, "session_id = ?1", session.as_str())?);
    }
    Ok(rows)
}

fn row(connection: &Connection, collection: Collection, id: &str) -> Result<Option<Row>, StoreError> {
    Ok(query(connection, collection, "id = ?1", id)?.pop())
}

fn query(connection: &Connection, collection: Collection, filter: &str, value: &str) -> Result<Vec<Row>, StoreError> {
    // Lines in the order in which they were sold; the others have no order of their own.
    let order = if collection == Collection::Transactions { "ordinal" } else { "id" };
    let sql = format!("SELECT row FROM {} WHERE {filter} ORDER BY {order}", table(collection));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query([value])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let json = row.get_ref(0)?.as_str().map_err(damaged)?;
        rows.push(Row::from_json(collection, json).map_err(damaged)?);
    }
    Ok(rows)
}
