//! What the overlay lays over the confirmed rows: every command that does not show in them yet.

use std::collections::BTreeMap;

use gangway_domain::{
    command::Command,
    ids::{CommandId, Epoch, PlaceId, Position, ProductId, Seq},
    rows::ProductRow,
    time::VenueTime,
};
use rusqlite::{Row, params};

use super::{
    CommandState, OutboxError,
    store::{Outbox, from_sql, text_as_it_is, to_sql},
};

/// A command of this desk that the confirmed rows don't hold yet (`sync.md` rule 18).
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// Its id.
    pub id: CommandId,
    /// Its place in the order of the taps; never used again, with holes.
    pub order: i64,
    /// As parsed, or why it can't be.
    pub command: Result<Command, String>,
    /// When it happened.
    pub occurred_at: VenueTime,
    /// What the desk had seen.
    pub based_on: Position,
    /// The products that it reads, as the desk showed them.
    pub seen: BTreeMap<ProductId, ProductRow>,
    /// The place that it spends.
    pub place: Option<PlaceId>,
    /// Why it is to be done although the venue would say no.
    pub force: Option<String>,
    /// It was tapped without a link.
    pub offline: bool,
    /// When it was tapped.
    pub tapped_at: VenueTime,
    /// `pending` or `sent`: not answered. `settled`: accepted, and its rows are still to come.
    pub state: CommandState,
    /// The places of its events, once it is accepted.
    pub seqs: Vec<Seq>,
    /// The log that these are of; of one that is not answered, the log that had accepted it and is gone.
    pub epoch: Option<Epoch>,
}

const COLUMNS: &str = "number, command_id, command, occurred_at, based_on_epoch, based_on_seq, seen, place_id,
    force_reason, offline, tapped_at, state, seqs, settled_epoch";

impl Outbox {
    /// A deliberate bug, for tests.
    pub(crate) fn forget_everything(&self) -> Result<(), OutboxError> {
        self.connection.execute("DELETE FROM commands", [])?;
        Ok(())
    }

    /// Every command that rows at `at` don't hold: unanswered, or accepted with events past it in the same log. In
    /// the order of the taps. To be asked again when the rows are another log's.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn unseen(&self, at: Option<&Position>) -> Result<Vec<Unseen>, OutboxError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM commands WHERE state IN ('pending', 'sent')
                OR (state = 'settled' AND last_seq > ?2 AND settled_epoch = ?1) ORDER BY number"
        ))?;
        let mut rows = statement.query(params![at.map(|at| at.epoch.as_str()), at.map_or(0, |at| to_sql(at.seq))])?;
        let mut unseen = Vec::new();
        while let Some(row) = rows.next()? {
            unseen.extend(read(row)?);
        }
        Ok(unseen)
    }
}

/// None where not even the id can be read: nothing can be shown of it.
fn read(row: &Row<'_>) -> Result<Option<Unseen>, OutboxError> {
    let (id, text, occurred_at): (String, String, String) = (row.get(1)?, text_as_it_is(row, 2)?, row.get(3)?);
    let (Ok(id), Some(state)) = (id.parse(), CommandState::parse(&row.get::<_, String>(11)?)) else {
        return Ok(None);
    };
    let tapped_at = VenueTime(row.get(10)?);
    let (seen, seqs): (Option<String>, Option<String>) = (row.get(6)?, row.get(12)?);
    Ok(Some(Unseen {
        id,
        order: row.get(0)?,
        command: Command::parse(&text).map_err(|error| error.0),
        occurred_at: VenueTime::from_iso(&occurred_at).unwrap_or(tapped_at),
        based_on: Position { epoch: Epoch(row.get(4)?), seq: from_sql(row.get(5)?) },
        // Rows of another version are as if they had not been kept: the sale is then priced as ever.
        seen: seen.and_then(|seen| serde_json::from_str(&seen).ok()).unwrap_or_default(),
        place: row.get::<_, Option<String>>(7)?.map(PlaceId),
        force: row.get(8)?,
        offline: row.get(9)?,
        tapped_at,
        state,
        seqs: seqs.and_then(|seqs| serde_json::from_str(&seqs).ok()).unwrap_or_default(),
        epoch: row.get::<_, Option<String>>(13)?.map(Epoch),
    }))
}
