//! The way of this desk's newest commands, for people.

use gangway_domain::time::VenueTime;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Fate, OutboxError,
    store::{Outbox, text_as_it_is},
};

/// Commands that are told.
pub const NEWEST: u32 = 100;

/// The way of a command, and what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Its way so far.
    #[serde(flatten)]
    pub fate: Fate,
    /// `{type, …fields}` as it was tapped; of one that can't be read only its type.
    pub command: Value,
}

impl Outbox {
    /// A moment that is past, whatever the clock says: the last at which something was tapped and is not answered, or
    /// was answered. An answered command says nothing more by when it was tapped, which may have been under a clock
    /// that was set ahead.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn last_moment(&self) -> Result<Option<VenueTime>, OutboxError> {
        let moment: Option<i64> = self.connection.query_row(
            "SELECT max(CASE WHEN state IN ('pending', 'sent') THEN max(tapped_at, stored_at) ELSE settled_at END)
             FROM (SELECT state, tapped_at, stored_at, settled_at FROM commands ORDER BY number DESC LIMIT ?1)",
            [NEWEST],
            |row| row.get(0),
        )?;
        Ok(moment.map(VenueTime))
    }

    /// The newest commands of this desk, newest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn newest(&self) -> Result<Vec<Told>, OutboxError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT command_id, kind, command FROM commands ORDER BY number DESC LIMIT ?1")?;
        let mut rows = statement.query([NEWEST])?;
        let mut told = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let command = serde_json::from_str(&text_as_it_is(row, 2)?).unwrap_or_else(|_| json!({ "type": kind }));
            // One without an id has no way either.
            let Ok(id) = id.parse() else { continue };
            told.extend(self.fate(id)?.map(|fate| Told { fate, command }));
        }
        Ok(told)
    }
}
