//! Stored commands that can't be read: told apart, so that they hold nothing back, and said once.

use std::collections::{BTreeMap, HashMap};

use gangway_domain::{
    command::Command,
    ids::{CommandId, Epoch, Position, fixed_command_id},
    noticed::Noticed,
    time::VenueTime,
};
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{
    OutboxError, Tapped,
    store::{Outbox, from_sql, insert, text_as_it_is},
};

/// The longest stored text that an entry repeats; of a longer one, or one that is no JSON, its beginning.
const TEXT_MAX_BYTES: usize = 4_096;
/// Most characters of that beginning.
const TEXT_MAX_CHARS: usize = 1_000;

struct Row {
    number: i64,
    id: String,
    text: String,
    based_on: Position,
    unreadable: Option<String>,
}

impl Outbox {
    /// Whether it was made for a desk that has worked before: it has never had a command, and knows no venue yet, where
    /// the cache beside it does.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is_of_no_use_yet(&self) -> Result<bool, OutboxError> {
        let has_had_commands: bool =
            self.connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_sequence)", [], |row| row.get(0))?;
        Ok(!has_had_commands && self.venue_id()?.is_none())
    }

    /// Says on the attention list that the outbox before this one is gone; from then on it is the venue's. In one
    /// transaction, so that it is said however often the start breaks off.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn follows_a_lost_one(&mut self, venue_id: &str, seen: &Position, at: VenueTime) -> Result<(), OutboxError> {
        let id = fixed_command_id(&format!("outbox-lost/{}", self.device()));
        let transaction = self.connection.transaction()?;
        raise(&transaction, id, Noticed::OutboxLost.raise_wire(None), seen, at)?;
        transaction.execute("UPDATE device SET venue_id = ?1 WHERE venue_id IS NULL", [venue_id])?;
        transaction.commit()?;
        Ok(())
    }

    /// Looks at every unanswered command: one that can't be read is set apart, keeps its state, and is put on the
    /// attention list, once; one that was set apart by an older version and can be read now joins the others again.
    /// Says whether there is something new to send.
    ///
    /// # Errors
    /// The file can't be read or written; nothing is changed then.
    pub fn part_unreadable(&mut self, at: VenueTime) -> Result<bool, OutboxError> {
        let transaction = self.connection.transaction()?;
        let mut is_news = false;
        for row in unanswered(&transaction)? {
            let trouble = why_unreadable(&row);
            if trouble == row.unreadable {
                continue;
            }
            transaction
                .execute("UPDATE commands SET unreadable = ?2 WHERE number = ?1", params![row.number, trouble])?;
            if let Some(why) = &trouble {
                tracing::error!(number = row.number, id = %row.id, %why, "a stored command can't be read; it stays");
                tell(&transaction, &row, why, at)?;
            }
            is_news = true;
        }
        transaction.commit()?;
        Ok(is_news)
    }
}

fn unanswered(transaction: &Transaction<'_>) -> Result<Vec<Row>, OutboxError> {
    let mut statement = transaction.prepare(
        "SELECT number, command_id, command, based_on_epoch, based_on_seq, unreadable FROM commands
         WHERE state IN ('pending', 'sent') ORDER BY number",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            number: row.get(0)?,
            id: row.get(1)?,
            text: text_as_it_is(row, 2)?,
            based_on: Position { epoch: Epoch(row.get(3)?), seq: from_sql(row.get(4)?) },
            unreadable: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn why_unreadable(row: &Row) -> Option<String> {
    if row.id.parse::<CommandId>().is_err() {
        return Some("Its id is none.".to_owned());
    }
    match Command::parse(&row.text) {
        Err(error) => Some(error.0),
        // It has to be an object, to which what only the desk knows is added.
        Ok(_) => serde_json::from_str::<HashMap<String, &RawValue>>(&row.text).err().map(|error| error.to_string()),
    }
}

/// Puts it on the attention list. The id comes from the command, so that it is said once however often it is found.
fn tell(transaction: &Transaction<'_>, row: &Row, why: &str, at: VenueTime) -> Result<(), OutboxError> {
    let id = fixed_command_id(&format!("unreadable/{}/{}", row.number, row.id));
    let known = transaction
        .query_row("SELECT 1 FROM commands WHERE command_id = ?1", [id.to_string()], |_| Ok(()))
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let stored = serde_json::from_str(&row.text).ok().filter(|_| row.text.len() <= TEXT_MAX_BYTES);
    let stored = stored.unwrap_or_else(|| Value::String(row.text.chars().take(TEXT_MAX_CHARS).collect()));
    let wire = Noticed::CommandUnreadable { why: why.to_owned() }.raise_wire(Some(stored));
    raise(transaction, id, wire, &row.based_on, at)
}

fn raise(
    transaction: &Transaction<'_>,
    id: CommandId,
    wire: Value,
    based_on: &Position,
    at: VenueTime,
) -> Result<(), OutboxError> {
    let text = to_raw_value(&wire)?;
    let Ok(command) = Command::parse(text.get()) else { return Ok(()) };
    let tapped = Tapped {
        id,
        command,
        text,
        occurred_at: at,
        based_on: based_on.clone(),
        seen: BTreeMap::new(),
        place: None,
        force_reason: None,
        offline: false,
        tapped_at: at,
    };
    insert(transaction, &tapped, at)?;
    Ok(())
}
