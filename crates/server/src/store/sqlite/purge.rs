//! What nobody needs any more is deleted, a little at a time.

use gangway_domain::{ids::Seq, time::VenueTime};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{checkpoint, integer, seq};
use crate::store::{Head, Purge, StoreError};

/// Deletes a part; says whether it found anything.
pub(super) fn purge(connection: &Connection, head: &Head, purge: &Purge) -> Result<bool, StoreError> {
    let Purge { outcomes_before, moments_before, events_before, limit } = *purge;
    // A desk whose clock was ahead gave a command after it was stored: it counts from then.
    let outcomes = "DELETE FROM commands WHERE rowid IN (SELECT rowid FROM commands
                    WHERE stored_at < ?1 AND ifnull(occurred_at, stored_at) < ?1 AND reason IS NULL LIMIT ?2)";
    let moments = "DELETE FROM desk_bands WHERE rowid IN
                   (SELECT rowid FROM desk_bands WHERE effective_at < ?1 LIMIT ?2)";
    let places = "DELETE FROM places WHERE rowid IN (SELECT rowid FROM places
                  WHERE in_sync = 0 AND json_extract(row, '$.grantedAt') < ?1 LIMIT ?2)";
    let mut deleted = delete(connection, outcomes, params![outcomes_before.0, limit])?;
    deleted += delete(connection, moments, params![moments_before.0, limit])?;
    deleted += delete(connection, places, params![outcomes_before.0, limit])?;
    let cut = cut(connection, head, events_before, limit)?;
    if let Some(cut) = cut.filter(|cut| is_kept(connection, *cut)) {
        deleted += delete(connection, "DELETE FROM events WHERE seq <= ?1", params![integer(cut)?])?;
        // The version that the log's first event found stays, with all later ones.
        let versions = "DELETE FROM product_versions WHERE EXISTS (SELECT 1 FROM product_versions later
                        WHERE later.product_id = product_versions.product_id
                        AND later.from_seq > product_versions.from_seq AND later.from_seq <= ?1)";
        deleted += delete(connection, versions, params![integer(cut)?])?;
    }
    Ok(deleted > 0)
}

/// Moves the checkpoint past what goes. A log that can't be applied stays whole: `verify` says what is wrong with it.
fn is_kept(connection: &Connection, cut: Seq) -> bool {
    let moved = connection.execute_batch("SAVEPOINT checkpoint").map_err(StoreError::from);
    let moved = moved.and_then(|()| checkpoint::advance(connection, cut));
    let end = if moved.is_ok() { "RELEASE checkpoint" } else { "ROLLBACK TO checkpoint; RELEASE checkpoint" };
    let moved = moved.and(connection.execute_batch(end).map_err(StoreError::from));
    moved.inspect_err(|error| tracing::error!(%error, "the log can't be trimmed")).is_ok()
}

fn delete(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// The last event that may go now: the last of its command, older than `before`, and before what the head names.
fn cut(connection: &Connection, head: &Head, before: VenueTime, limit: u32) -> Result<Option<Seq>, StoreError> {
    let first: Option<i64> =
        connection.prepare_cached("SELECT min(seq) FROM events")?.query_row([], |row| row.get(0))?;
    let Some(first) = first else { return Ok(None) };
    let keep_from = integer(head.seq.min(head.full_seq))?;
    let ends = "SELECT max(last) FROM events WHERE seq < ?1 AND seq = last AND last < ?2 AND emitted_at < ?3";
    let end = connection
        .prepare_cached(ends)?
        .query_row(params![first + i64::from(limit), keep_from, before.0], |row| row.get::<_, Option<i64>>(0))?;
    // A command with more events than that goes at once.
    let whole = "SELECT last FROM events WHERE seq = ?1 AND last < ?2 AND emitted_at < ?3";
    let cut = match end {
        Some(end) => Some(end),
        None => connection
            .prepare_cached(whole)?
            .query_row(params![first, keep_from, before.0], |row| row.get(0))
            .optional()?,
    };
    cut.map(seq).transpose()
}
