//! Who may call: devices and pairing codes. They are no part of the log.

use std::path::Path;

use gangway_domain::{ids::DeviceId, time::VenueTime};
use rusqlite::{Connection, OptionalExtension, params};

use super::{open_to_read, time};
use crate::store::{StoreError, StoredCode, StoredDevice};

pub(super) fn all(connection: &Connection) -> Result<Vec<StoredDevice>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, role, token_hash, paired_at, seen_at, revoked_at FROM devices ORDER BY paired_at, id",
    )?;
    let devices = statement.query_map([], |row| {
        Ok(StoredDevice {
            id: DeviceId(row.get(0)?),
            name: row.get(1)?,
            role: row.get(2)?,
            token_hash: row.get(3)?,
            paired_at: time(row.get(4)?),
            seen_at: row.get::<_, Option<i64>>(5)?.map(time),
            revoked_at: row.get::<_, Option<i64>>(6)?.map(time),
        })
    })?;
    Ok(devices.collect::<Result<_, _>>()?)
}

pub(super) fn put(connection: &Connection, device: &StoredDevice) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO devices (id, name, role, token_hash, paired_at, seen_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            device.id.as_str(),
            device.name,
            device.role,
            device.token_hash,
            device.paired_at.0,
            device.seen_at.map(|at| at.0),
            device.revoked_at.map(|at| at.0),
        ])?;
    Ok(())
}

pub(super) fn saw(connection: &Connection, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE devices SET seen_at = max(coalesce(seen_at, 0), ?2) WHERE id = ?1")?
        .execute(params![id.as_str(), at.0])?;
    Ok(())
}

pub(super) fn revoke(connection: &Connection, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE devices SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1")?
        .execute(params![id.as_str(), at.0])?;
    Ok(())
}

pub(super) fn put_code(connection: &Connection, code: &StoredCode) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO pairing_codes (code_hash, role, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![code.code_hash, code.role, code.expires_at.0])?;
    Ok(())
}

pub(super) fn take_code(connection: &Connection, hash: &str, now: VenueTime) -> Result<Option<StoredCode>, StoreError> {
    connection.prepare_cached("DELETE FROM pairing_codes WHERE expires_at <= ?1")?.execute([now.0])?;
    let mut statement = connection
        .prepare_cached("DELETE FROM pairing_codes WHERE code_hash = ?1 RETURNING code_hash, role, expires_at")?;
    let taken = statement.query_row([hash], |row| {
        Ok(StoredCode { code_hash: row.get(0)?, role: row.get(1)?, expires_at: time(row.get(2)?) })
    });
    Ok(taken.optional()?)
}

/// Gives the venue in `to`, which is an older copy of the one in `from`, the devices of that: who was removed since
/// stays removed, and who was paired since stays paired. No pairing code counts any more.
///
/// # Errors
/// One of them can't be read or written; `to` is as it was.
pub fn carry_devices(from: &Path, to: &Path) -> Result<(), StoreError> {
    let devices = all(&open_to_read(from)?)?;
    let mut connection = Connection::open(to)?;
    let transaction = connection.transaction()?;
    for device in &devices {
        put(&transaction, device)?;
    }
    transaction.execute("DELETE FROM pairing_codes", [])?;
    transaction.commit()?;
    Ok(())
}
