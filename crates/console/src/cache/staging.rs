//! A snapshot beside the rows: staged while it comes in, swapped in when it is whole (`sync.md` rule 9).

use gangway_domain::{hash::StateHash, ids::Position};
use rusqlite::params;

use super::{Cache, CacheError, Contact, schema, stand};
use crate::{net::snapshot::SnapshotRow, sync::state::Held};

impl Cache {
    /// Begins a snapshot; what one before left is dropped.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn stage_begin(&mut self) -> Result<(), CacheError> {
        // Not by words of SQL: one that fails half way must not leave a transaction open.
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS staged; {}", schema::STAGED))?;
        transaction.commit()?;
        Ok(())
    }

    /// Adds rows to the snapshot, and to its hash.
    ///
    /// # Errors
    /// The file can't be written, or a row is no JSON.
    pub fn stage(&mut self, rows: &[SnapshotRow], hash: &mut StateHash) -> Result<(), CacheError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO staged (collection, id, row) VALUES (?1, ?2, ?3)")?;
            for SnapshotRow { collection, id, row } in rows {
                hash.add(collection, id, row)?;
                insert.execute(params![collection, id, row])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Puts the staged rows in the place of the old ones, in one transaction with where they stand. It lasts.
    ///
    /// # Errors
    /// The file can't be written, or nothing is staged. Nothing is changed then.
    pub fn swap(
        &mut self,
        held: &Held,
        epoch_base: Option<&Position>,
        venue_id: Option<&str>,
        hash: StateHash,
        contact: Contact,
    ) -> Result<(), CacheError> {
        let base = epoch_base.map(|base| i64::try_from(base.seq)).transpose().map_err(|_| CacheError::Place)?;
        schema::lasting(&mut self.connection, |connection| {
            let transaction = connection.transaction()?;
            transaction.execute_batch("DROP TABLE rows; ALTER TABLE staged RENAME TO rows;")?;
            transaction.execute(
                "UPDATE meta SET venue_id = coalesce(?1, venue_id), base_epoch = ?2, base_seq = ?3",
                params![venue_id, epoch_base.map(|base| base.epoch.as_str()), base],
            )?;
            stand(&transaction, held, &hash, contact)?;
            Ok(transaction.commit()?)
        })?;
        (self.hash, self.unsynced) = (hash, false);
        Ok(())
    }
}
