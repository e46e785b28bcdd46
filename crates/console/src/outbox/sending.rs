//! What the sender reads and writes: what waits, what is on its way, what was answered, and what has to go again after
//! the venue's log was replaced.

use gangway_domain::{
    ids::{CommandId, Epoch, PlaceId, Position},
    time::{DAY_MS, Millis, VenueTime},
};
use rusqlite::{Row, Transaction, params};

use crate::sync::venue_clock::Misdated;

use super::{
    CommandState, OutboxError, Outcome, Unanswered, places,
    queue::Waiting,
    store::{Outbox, from_sql, to_sql},
};

/// How long an answered command is kept (`sync.md` rules 16 and 20).
pub const KEPT_MS: Millis = 30 * DAY_MS;

/// What is to be sent and was not known before.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) waiting: Vec<Waiting>,
    /// As of this many times that answered commands went back.
    pub(super) resends: u64,
}

impl Outbox {
    /// The commands without an answer, in order: those after `after`, or all where some went back since `resends`.
    pub(super) fn news(&self, after: i64, resends: u64) -> Result<News, OutboxError> {
        let after = if resends == self.resends { after } else { 0 };
        let mut statement = self.connection.prepare_cached(
            "SELECT number, keys, made, reads, octet_length(command) + coalesce(octet_length(seen), 0) FROM commands
             WHERE number > ?1 AND state IN ('pending', 'sent') AND unreadable IS NULL ORDER BY number",
        )?;
        let rows = statement.query_map([after], |row| {
            let text_bytes: i64 = row.get(4)?;
            Ok(Waiting {
                order: row.get(0)?,
                keys: keys(row, 1)?,
                made: keys(row, 2)?,
                reads: keys(row, 3)?,
                text_bytes: usize::try_from(text_bytes).unwrap_or(usize::MAX),
            })
        })?;
        Ok(News { waiting: rows.collect::<Result<_, _>>()?, resends: self.resends })
    }

    /// These commands as they are sent, in order; one that is answered meanwhile or can't be read is left out.
    pub(super) fn unanswered(&self, orders: &[i64]) -> Result<Vec<Unanswered>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, command_id, command, occurred_at, based_on_epoch, based_on_seq, place_id, force_reason,
                settled_epoch, seen
             FROM commands WHERE number = ?1 AND state IN ('pending', 'sent') AND unreadable IS NULL",
        )?;
        let mut commands = Vec::with_capacity(orders.len());
        for order in orders {
            let mut rows = statement.query([order])?;
            let Some(row) = rows.next()? else { continue };
            let id: String = row.get(1)?;
            let Ok(id) = id.parse() else { continue };
            commands.push(Unanswered {
                id,
                order: row.get(0)?,
                text: super::store::text_as_it_is(row, 2)?,
                occurred_at: row.get(3)?,
                based_on: Position { epoch: Epoch(row.get(4)?), seq: from_sql(row.get(5)?) },
                shown: row.get(9)?,
                place: row.get::<_, Option<String>>(6)?.map(PlaceId),
                accepted_in: row.get::<_, Option<String>>(8)?.map(Epoch),
                force_reason: row.get(7)?,
            });
        }
        Ok(commands)
    }

    /// Dates anew what was tapped since the start by a clock that did not know how late it was, and was never sent: it
    /// happened as much later as the server says (`sync.md` rule 22). A moment that whoever tapped named stays. Says how
    /// many there were.
    ///
    /// # Errors
    /// The file can't be written; nothing is changed then.
    pub fn date_anew(&mut self, misdated: Misdated) -> Result<usize, OutboxError> {
        let Misdated { by_ms, until } = misdated;
        let transaction = self.connection.transaction()?;
        let found: Vec<(i64, String, i64, i64)> = transaction
            .prepare(
                "SELECT number, occurred_at, tapped_at, stored_at FROM commands
                 WHERE number > ?1 AND state = 'pending' AND sent_at IS NULL AND tapped_at <= ?2",
            )?
            .query_map(params![self.last_of_before, until.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<Result<_, _>>()?;
        for (number, said, tapped_at, stored_at) in &found {
            let (tapped, later) = (VenueTime(*tapped_at), VenueTime(*tapped_at).plus(by_ms));
            let occurred_at = if *said == tapped.to_iso() { later.to_iso() } else { said.clone() };
            // One that was on its way to the disk when the server was heard was stored by the right time.
            let stored_at = later.0.max(if *stored_at <= until.0 { stored_at + by_ms } else { *stored_at });
            transaction
                .prepare_cached(
                    "UPDATE commands SET occurred_at = ?2, tapped_at = ?3, stored_at = ?4 WHERE number = ?1",
                )?
                .execute(params![number, occurred_at, later.0, stored_at])?;
        }
        transaction.commit()?;
        Ok(found.len())
    }

    /// These commands are on their way.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn mark_sent(&mut self, commands: &[Unanswered], at: VenueTime) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        for command in commands {
            transaction
                .prepare_cached(
                    "UPDATE commands SET state = 'sent', sent_at = coalesce(sent_at, ?2), attempts = attempts + 1
                     WHERE number = ?1 AND state IN ('pending', 'sent')",
                )?
                .execute(params![command.order, at.0])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes the server's answers down, which name places of the log `epoch`. An answer that is there already stays.
    /// What was not done spends no place: it is given back.
    ///
    /// # Errors
    /// The file can't be written; the commands are then asked about again.
    pub fn settle(
        &mut self,
        answers: &[(CommandId, Outcome)],
        epoch: &Epoch,
        at: VenueTime,
    ) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        for (id, outcome) in answers {
            settle_one(&transaction, *id, outcome, epoch, at)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The rows that are held are those of the log `epoch` now, which goes on from `base` of the one before it, if the
    /// server knows. What was accepted in another log, and is not within `base`, goes back to the unanswered, with its
    /// id and in its old place in the order (`sync.md` rule 20): once, because its next answer is of this log; it says
    /// which log had accepted it, because it happened, whatever this one makes of it. What is answered longer ago than it is kept stays. Says how many went back.
    ///
    /// # Errors
    /// The file can't be written; nothing is changed then.
    pub fn resend_lost(
        &mut self,
        epoch: &Epoch,
        base: Option<&Position>,
        now: VenueTime,
    ) -> Result<usize, OutboxError> {
        let count = self.connection.execute(
            "UPDATE commands SET state = 'sent', settled_at = NULL, seqs = NULL, last_seq = NULL, result = NULL
             WHERE state = 'settled' AND settled_epoch <> ?1 AND settled_at >= ?4
                AND NOT (settled_epoch IS ?2 AND last_seq IS NOT NULL AND last_seq <= ?3)",
            params![
                epoch.as_str(),
                base.map(|base| base.epoch.as_str()),
                base.map_or(0, |base| to_sql(base.seq)),
                now.plus(-KEPT_MS).0,
            ],
        )?;
        if count > 0 {
            self.resends += 1;
        }
        Ok(count)
    }

    /// Forgets what was answered longer ago than commands are kept. Says how many there were.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn purge(&mut self, now: VenueTime) -> Result<usize, OutboxError> {
        Ok(self.connection.execute(
            "DELETE FROM commands WHERE state IN ('settled', 'rejected') AND settled_at < ?1",
            [now.plus(-KEPT_MS).0],
        )?)
    }
}

fn settle_one(
    transaction: &Transaction<'_>,
    id: CommandId,
    outcome: &Outcome,
    epoch: &Epoch,
    at: VenueTime,
) -> Result<(), OutboxError> {
    let (state, seqs, result, rejection) = match outcome {
        Outcome::Accepted { seqs, result } => (CommandState::Settled, Some(seqs), result.as_ref(), None),
        Outcome::Rejected { rejection } => (CommandState::Rejected, None, None, Some(rejection)),
    };
    let last = seqs.and_then(|seqs| seqs.iter().max()).map(|seq| to_sql(*seq));
    let changed = transaction
        .prepare_cached(
            "UPDATE commands SET state = ?2, settled_at = ?3, settled_epoch = ?4, seqs = ?5, last_seq = ?6,
                result = ?7, rejection = ?8
             WHERE command_id = ?1 AND state IN ('pending', 'sent')",
        )?
        .execute(params![
            id.to_string(),
            state.as_str(),
            at.0,
            epoch.as_str(),
            seqs.map(serde_json::to_string).transpose()?,
            last,
            result.map(ToString::to_string),
            rejection.map(ToString::to_string),
        ])?;
    if changed == 1 && last.is_none() {
        places::give_back(transaction, id, at)?;
    }
    Ok(())
}

fn keys(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    // Written by this program. Were they bent all the same, the command would go out of its order, not be lost.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}
