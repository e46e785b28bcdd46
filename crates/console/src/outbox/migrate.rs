//! From an older version's tables to today's, in the transaction of the caller: all of it or nothing.

use gangway_domain::{command::Command, ids::CommandId};
use rusqlite::{Transaction, params};

use super::{
    OutboxError, schema,
    store::{Keys, text_as_it_is},
};

/// Version 1 had no venue, no places, and of the keys only those that a command shares. What it stored stays:
/// commands keep their number, their state and their answer.
pub(super) fn from_1(transaction: &Transaction<'_>) -> Result<(), OutboxError> {
    transaction.execute_batch(&format!(
        "ALTER TABLE device RENAME TO old_device;
         ALTER TABLE commands RENAME TO old_commands;
         DROP INDEX commands_by_state;
         {}
         INSERT INTO device (only, id, name) SELECT only, id, name FROM old_device;
         INSERT INTO commands (number, command_id, kind, command, fingerprint, keys, made, reads, occurred_at,
                based_on_epoch, based_on_seq, force_reason, offline, state, tapped_at, stored_at, sent_at, attempts,
                settled_at, settled_epoch, seqs, last_seq, result, rejection)
            SELECT place, command_id, kind, command, fingerprint, keys, '[]', '[]', occurred_at, based_on_epoch,
                based_on_seq, force_reason, 0, state, tapped_at, stored_at, sent_at, attempts, settled_at,
                settled_epoch, seqs, last_seq, result, rejection
            FROM old_commands ORDER BY place;
         DROP TABLE old_commands;
         DROP TABLE old_device;",
        schema::TABLES
    ))?;
    let mut commands = transaction.prepare("SELECT number, command_id, command FROM commands")?;
    let mut rows = commands.query([])?;
    while let Some(row) = rows.next()? {
        let (number, id, text): (i64, String, String) = (row.get(0)?, row.get(1)?, text_as_it_is(row, 2)?);
        // What can't be read keeps the keys that it had; it is told apart when it is read.
        if let (Ok(id), Ok(command)) = (id.parse::<CommandId>(), Command::parse(&text)) {
            let Keys { shared, made, reads } = Keys::of(&command, id)?;
            transaction
                .prepare_cached("UPDATE commands SET keys = ?2, made = ?3, reads = ?4 WHERE number = ?1")?
                .execute(params![number, shared, made, reads])?;
        }
    }
    Ok(())
}
