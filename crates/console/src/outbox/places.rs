//! The free places that are lent to this desk (`sync.md` rule 21): on disk before one is used, and spent in the
//! transaction that stores the play that it covers.

use std::collections::BTreeSet;

use gangway_domain::{
    ids::{CommandId, PlaceId},
    time::VenueTime,
};
use rusqlite::{Transaction, params};

use super::{OutboxError, store::Outbox};

impl Outbox {
    /// The places that this desk may still fill, the one that is held longest first; and those that its unanswered
    /// plays name.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn places(&self) -> Result<(Vec<PlaceId>, Vec<PlaceId>), OutboxError> {
        let read = |sql: &str| -> Result<Vec<PlaceId>, OutboxError> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok(PlaceId(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let spent = "SELECT place_id FROM commands WHERE state IN ('pending', 'sent') AND place_id IS NOT NULL";
        Ok((read("SELECT place_id FROM places ORDER BY since, place_id")?, read(spent)?))
    }

    /// The server has answered a call that named `named` with all that this desk may fill, `places`. What was named
    /// and is not among them is given up; what was spent meanwhile stays spent.
    ///
    /// # Errors
    /// The file can't be written; then nothing is given up and nothing is used.
    pub fn lent(&mut self, named: &BTreeSet<PlaceId>, places: &[PlaceId], at: VenueTime) -> Result<(), OutboxError> {
        let (held, _) = self.places()?;
        let transaction = self.connection.transaction()?;
        for place in held.iter().filter(|place| !places.contains(place)) {
            spend(&transaction, place)?;
        }
        for place in places.iter().filter(|place| !named.contains(*place)) {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO places (place_id, since) VALUES (?1, ?2)")?
                .execute(params![place.as_str(), at.0])?;
        }
        transaction.commit()?;
        Ok(())
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
