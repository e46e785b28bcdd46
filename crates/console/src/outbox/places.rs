//! The free places that are lent to this desk (`sync.md` rule 21): on disk before one is used, and spent in the
//! transaction that stores the play that it covers.

use gangway_domain::ids::PlaceId;
use rusqlite::{OptionalExtension, Transaction};

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
