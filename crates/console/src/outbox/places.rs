//! The free places that are lent to this desk (`sync.md` rule 21): on disk before one is used, and spent in the
//! transaction that stores the play that it covers.

use gangway_domain::{
    ids::{CommandId, PlaceId},
    time::VenueTime,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{OutboxError, store::Outbox};

impl Outbox {
    /// The place that the next covered play spends: the one that is held longest. None: nothing is covered.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn free_place(&self) -> Result<Option<PlaceId>, OutboxError> {
        let place: Option<String> = self
            .connection
            .prepare_cached("SELECT place_id FROM places ORDER BY since, place_id LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        Ok(place.map(PlaceId))
    }
}

/// Takes the place from those that are held; false where it is none of them.
pub(super) fn spend(transaction: &Transaction<'_>, place: &PlaceId) -> Result<bool, OutboxError> {
    Ok(transaction.execute("DELETE FROM places WHERE place_id = ?1", [place.as_str()])? == 1)
}

/// The place of a command that spent none after all is free again.
pub(super) fn give_back(transaction: &Transaction<'_>, id: CommandId, at: VenueTime) -> Result<(), OutboxError> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO places (place_id, since)
             SELECT place_id, ?2 FROM commands WHERE command_id = ?1 AND place_id IS NOT NULL",
        )?
        .execute(params![id.to_string(), at.0])?;
    Ok(())
}
