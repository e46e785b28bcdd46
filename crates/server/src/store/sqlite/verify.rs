//! Whether a venue is what its log says: the checkpoint and the log replayed are the rows, and all have the hashes that
//! were stored with them. Reads only, as of one moment, beside a server that runs.

use std::{collections::BTreeMap, path::Path};

use gangway_domain::{
    hash::StateHash,
    rows::{Collection, Row, SessionRow},
};
use rusqlite::Connection;
use serde_json::Value;

use super::{checkpoint, damaged, identify, integer, open_to_read, read::SqliteView, read::table, seq};
use crate::store::{Head, Progress, Stage, StoreError, View};

/// Where the rows are replayed.
const REPLAYED: &str = "temp.replayed";
/// Findings that are told; the rest is counted.
const FINDINGS_MAX: usize = 100;
/// Steps between two words about it.
const STEP: u64 = 1_000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row, where it is one: collection and id.
    pub row: Option<(Collection, String)>,
    /// What is wrong, one sentence.
    pub sentence: String,
}

/// What a venue turned out to be.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Where it stands.
    pub head: Head,
    /// Events that were replayed.
    pub events: u64,
    /// Rows that were compared.
    pub rows: u64,
    /// The first that were found; none: it is as it should be.
    pub findings: Vec<Finding>,
    /// How many were found.
    pub found: usize,
}

/// Verifies the venue in `path`.
///
/// # Errors
/// There is no venue in `path` or one of an older version, the disk refused, or `progress` said to end.
pub fn verify(path: &Path, progress: Progress<'_>) -> Result<Verdict, StoreError> {
    let connection = open_to_read(path)?;
    identify(&connection, path)?;
    let moment = connection.unchecked_transaction()?;
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'checkpoint')";
    if !moment.query_row(known, [], |row| row.get::<_, bool>(0))? {
        let sentence = format!(
            "{} is of an older version, which kept nothing to verify it by; a server that opens it brings it up to date.",
            path.display()
        );
        return Err(StoreError::Unusable(sentence));
    }
    let head = SqliteView::new(&moment).head()?;
    let mut check = Check { connection: &moment, progress, findings: Vec::new(), found: 0, rows: 0, events: 0 };
    check.file()?;
    check.start()?;
    let hash = check.replay(&head)?;
    check.compare(&head, hash)?;
    check.columns()?;
    let Check { findings, found, rows, events, .. } = check;
    Ok(Verdict { head, events, rows, findings, found })
}

struct Check<'a> {
    connection: &'a Connection,
    progress: Progress<'a>,
    findings: Vec<Finding>,
    found: usize,
    rows: u64,
    events: u64,
}

impl Check<'_> {
    fn find(&mut self, row: Option<(Collection, &str)>, sentence: String) {
        self.found += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { row: row.map(|(collection, id)| (collection, id.to_owned())), sentence });
        }
    }

    fn tell(&self, stage: Stage, done: u64, total: u64) -> Result<(), StoreError> {
        let go_on = !done.is_multiple_of(STEP) || (self.progress)(stage, done, total);
        if go_on { Ok(()) } else { Err(StoreError::Cancelled) }
    }

    /// The file as SQLite sees it.
    fn file(&mut self) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(10)")?;
        let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for line in lines.iter().filter(|line| *line != "ok") {
            self.find(None, format!("The file is damaged: {line}."));
        }
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for table in tables {
            self.find(None, format!("A row of {table} belongs to one that is not there."));
        }
        Ok(())
    }

    /// Lays the checkpoint's rows down to replay the log on.
    fn start(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE replayed (collection TEXT NOT NULL, id TEXT NOT NULL, in_sync INTEGER NOT NULL,
             row TEXT, digest TEXT, PRIMARY KEY (collection, id));
             INSERT INTO temp.replayed SELECT collection, id, in_sync, row, digest FROM checkpoint_rows",
        )?;
        Ok(())
    }

    /// Replays the log; the hash of the sync set that comes of it.
    fn replay(&mut self, head: &Head) -> Result<StateHash, StoreError> {
        let connection = self.connection;
        let mut hash = self.hash_of("SELECT collection, id, row FROM temp.replayed WHERE in_sync = 1")?;
        let Some((mut at, kept)) = checkpoint::get(connection)? else {
            self.find(None, "The checkpoint is not there.".to_owned());
            return Ok(hash);
        };
        if hash.to_hex() != kept {
            self.find(
                None,
                format!("The rows of the checkpoint at event {at} have not the hash that was kept with them."),
            );
        }
        let total = head.seq.saturating_sub(at);
        let mut statement =
            connection.prepare("SELECT seq, id, changes, last, state_hash FROM events WHERE seq > ?1 ORDER BY seq")?;
        let mut events = statement.query([integer(at)?])?;
        let (mut id, mut agrees) = (None, true);
        while let Some(event) = events.next()? {
            let (next, last) = (seq(event.get(0)?)?, seq(event.get(3)?)?);
            if next != at + 1 {
                self.find(None, format!("The log lacks the events {} to {}.", at + 1, next - 1));
            }
            at = next;
            id = Some(event.get::<_, String>(1)?);
            let changes = event.get_ref(2)?.as_str().map_err(damaged).and_then(checkpoint::changes);
            match changes {
                Ok(changes) => {
                    for change in &changes {
                        checkpoint::apply(connection, REPLAYED, change, &mut hash)?;
                    }
                }
                Err(error) => self.find(None, format!("Event {at} can't be read: {error}.")),
            }
            let said: Option<String> = event.get(4)?;
            let agreed = if at == last { said.is_some_and(|said| said == hash.to_hex()) } else { said.is_none() };
            // One that is wrong makes all after it wrong.
            if agrees && !agreed {
                self.find(
                    None,
                    format!("What the log makes of the rows up to event {at} has not the hash that was logged."),
                );
                agrees = false;
            }
            self.events += 1;
            self.tell(Stage::Replaying, self.events, total)?;
        }
        let ends_at_head =
            at == head.seq && (self.events == 0 || id.as_deref() == head.event_id.as_ref().map(|id| id.as_str()));
        if !ends_at_head {
            self.find(None, format!("The log ends at event {at}, and the venue stands at event {}.", head.seq));
        }
        Ok(hash)
    }

    fn hash_of(&self, sql: &str) -> Result<StateHash, StoreError> {
        let mut hash = StateHash::default();
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |index| row.get_ref(index)?.as_str().map_err(rusqlite::Error::from);
            hash.add(text(0)?, text(1)?, text(2)?).map_err(damaged)?;
        }
        Ok(hash)
    }

    /// Compares each stored row with what was replayed.
    fn compare(&mut self, head: &Head, replayed: StateHash) -> Result<(), StoreError> {
        if replayed != head.state_hash {
            self.find(None, "The log makes rows that have not the venue's state hash.".to_owned());
        }
        let mut total = 0;
        for collection in Collection::ALL {
            let sql = format!("SELECT count(*) FROM {}", table(collection));
            total += seq(self.connection.query_row(&sql, [], |row| row.get(0))?)?;
        }
        for collection in Collection::ALL {
            self.compare_rows(collection, total)?;
            self.missing_rows(collection)?;
        }
        Ok(())
    }

    fn compare_rows(&mut self, collection: Collection, total: u64) -> Result<(), StoreError> {
        let (connection, name) = (self.connection, collection.name());
        let sql = format!(
            "SELECT stored.id, stored.row, stored.in_sync, replayed.in_sync, replayed.row, replayed.digest
             FROM {} stored LEFT JOIN temp.replayed ON replayed.collection = ?1 AND replayed.id = stored.id",
            table(collection)
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([name])?;
        while let Some(row) = rows.next()? {
            self.rows += 1;
            self.tell(Stage::Comparing, self.rows, total)?;
            let (id, json, in_sync): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let said: Option<bool> = row.get(3)?;
            if !in_sync && collection == Collection::Places {
                continue;
            }
            let (text, digest): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
            let wrong = match said {
                None => Some("is in no event of the log".to_owned()),
                Some(said) if said != in_sync => Some(left_out(in_sync)),
                Some(_) => match (text, digest) {
                    (Some(text), _) if text != json => Some(differs(&text, &json)),
                    (None, Some(digest)) if !has_digest(collection, &id, &json, &digest) => {
                        Some("is not as it was when it was last changed".to_owned())
                    }
                    _ => None,
                },
            };
            if let Some(wrong) = wrong {
                self.find(Some((collection, &id)), format!("The row {id} of {name} {wrong}."));
            }
        }
        Ok(())
    }

    fn missing_rows(&mut self, collection: Collection) -> Result<(), StoreError> {
        let name = collection.name();
        let sql = format!(
            "SELECT id FROM temp.replayed WHERE collection = ?1 AND id NOT IN (SELECT id FROM {})",
            table(collection)
        );
        let mut statement = self.connection.prepare(&sql)?;
        let missing: Vec<String> = statement.query_map([name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for id in missing {
            self.find(Some((collection, &id)), format!("The row {id} of {name} is in the log and not in the venue."));
        }
        Ok(())
    }

    /// The columns beside the rows, by which they are looked up.
    fn columns(&mut self) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut statement =
            connection.prepare("SELECT id, row, barcode_id, live, playing, runs_out_at, updated_at FROM sessions")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, json): (String, String) = (row.get(0)?, row.get(1)?);
            let beside: (String, bool, bool, Option<i64>, i64) =
                (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            let agrees = match Row::from_json(Collection::Sessions, &json) {
                Ok(Row::Session(session)) => session_columns(&session) == beside,
                _ => false,
            };
            if !agrees {
                self.not_beside(Collection::Sessions, &id);
            }
        }
        for (collection, differs) in [
            (Collection::Segments, "session_id IS NOT json_extract(row, '$.sessionId')"),
            (
                Collection::Transactions,
                "session_id IS NOT json_extract(row, '$.sessionId') OR barcode_id IS NOT json_extract(row, '$.barcodeId')
                 OR created_at IS NOT json_extract(row, '$.createdAt')",
            ),
            (
                Collection::Corrections,
                "session_id IS NOT json_extract(row, '$.sessionId')
                 OR transaction_id IS NOT json_extract(row, '$.transactionId')",
            ),
        ] {
            let sql = format!("SELECT id FROM {} WHERE json_valid(row) AND ({differs})", table(collection));
            let mut statement = connection.prepare(&sql)?;
            let ids: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for id in ids {
                self.not_beside(collection, &id);
            }
        }
        Ok(())
    }

    fn not_beside(&mut self, collection: Collection, id: &str) {
        let sentence = format!("The row {id} of {} is looked up by what is not in it.", collection.name());
        self.find(Some((collection, id)), sentence);
    }
}

fn session_columns(session: &SessionRow) -> (String, bool, bool, Option<i64>, i64) {
    let runs_out_at = session.runs_out_at().map(|moment| moment.0);
    let band = session.barcode_id.as_str().to_owned();
    (band, session.is_live(), session.open_segment.is_some(), runs_out_at, session.updated_at.0)
}

fn left_out(in_sync: bool) -> String {
    if in_sync { "is sent to desks, and the log took it away" } else { "is not sent to desks, and the log has it" }
        .to_owned()
}

fn has_digest(collection: Collection, id: &str, json: &str, digest: &str) -> bool {
    checkpoint::digest(collection.name(), id, json).is_ok_and(|found| found == digest)
}

/// In what a row differs from what the log says.
fn differs(said: &str, stored: &str) -> String {
    type Fields = BTreeMap<String, Value>;
    let read = |json: &str| serde_json::from_str::<Fields>(json);
    match (read(said), read(stored)) {
        (Ok(said), Ok(stored)) => {
            let names = said.keys().chain(stored.keys().filter(|name| !said.contains_key(*name)));
            let fields: Vec<&str> =
                names.filter(|name| said.get(*name) != stored.get(*name)).map(String::as_str).collect();
            match fields.is_empty() {
                true => "is written otherwise than the log has it".to_owned(),
                false => format!("differs from the log in {}", fields.join(", ")),
            }
        }
        _ => "can't be read".to_owned(),
    }
}
