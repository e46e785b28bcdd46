//! What a decision leaves behind: rows, state hash, product versions, events, the new head.

use std::collections::{BTreeMap, BTreeSet};

use gangway_domain::{
    event::{Event, EventName},
    hash::{StateHash, canonical},
    ids::{CommandId, Seq, SessionId},
    rows::{Change, Collection, Row},
    time::VenueTime,
    venue::Venue,
    wire::payload,
};
use gangway_plants::Plant;

use crate::{
    clock::Ids,
    store::{Head, LoggedEvent, StoreError, Transaction},
};

/// What is the same for all events of a command.
pub(super) struct Stamp<'a> {
    /// The slice as it stands after the whole command.
    pub(super) venue: &'a Venue,
    /// Whose command.
    pub(super) command_id: Option<CommandId>,
    /// Venue time.
    pub(super) now: VenueTime,
    /// For the events' ids.
    pub(super) ids: &'a dyn Ids,
}

/// Adds, to the first event, the rows of every visit that a change brings back into the sync set: a visit
/// without its lines would make wrong figures (`sync.md` rule 4).
pub(super) fn bring_back(
    transaction: &dyn Transaction,
    events: &mut [Event],
    venue: &mut Venue,
) -> Result<(), StoreError> {
    let changes = || events.iter().flat_map(|event| &event.changes);
    let named: BTreeSet<(Collection, String)> =
        changes().map(|change| (change.collection, change.id.clone())).collect();
    let touched: BTreeSet<SessionId> = changes()
        .filter_map(|change| match &change.row {
            Some(Row::Session(session)) => Some(session.id.clone()),
            _ => None,
        })
        .collect();
    let mut back = Vec::new();
    for session in touched {
        let stored = transaction.row(Collection::Sessions, session.as_str())?;
        if stored.is_some_and(|row| !row.in_sync) {
            let family = transaction.family(&session)?.into_iter().map(Change::put);
            back.extend(family.filter(|change| !named.contains(&(change.collection, change.id.clone()))));
        }
    }
    if let Some(first) = events.first_mut().filter(|_| !back.is_empty()) {
        venue.apply(&back);
        first.changes.extend(back);
    }
    Ok(())
}

/// Writes everything and returns the head as it has to stand.
pub(super) fn record(
    transaction: &mut dyn Transaction,
    head: &Head,
    events: &[Event],
    stamp: &Stamp<'_>,
) -> Result<Head, StoreError> {
    let state_hash = write_rows(transaction, head.state_hash, events)?;
    let mut head = Head { state_hash, last_time: stamp.now.max(head.last_time), ..head.clone() };
    let last = head.seq + Seq::try_from(events.len()).map_err(damaged)?;
    if reprices(events) {
        // What products were in minor units of another currency prices nothing any more; nothing was sold yet.
        transaction.forget_product_versions()?;
    }
    for event in events {
        let seq = head.seq + 1;
        let logged = LoggedEvent {
            seq,
            id: stamp.ids.event_id(),
            name: event.name,
            payload: payload::lean(event, stamp.venue, stamp.now).to_string(),
            changes: serde_json::to_string(&event.changes).map_err(damaged)?,
            emitted_at: stamp.now,
            command_id: stamp.command_id,
            last,
            prev_full: head.full_seq,
            state_hash: (seq == last).then_some(state_hash),
        };
        transaction.append(&logged)?;
        keep_versions(transaction, event, seq, stamp.now)?;
        head.seq = seq;
        if seen_by_full(event.name) {
            head.full_seq = seq;
        }
        head.event_id = Some(logged.id);
    }
    Ok(head)
}

/// Whether the settings changed to another currency, which changes products with them.
fn reprices(events: &[Event]) -> bool {
    let products = |event: &Event| event.changes.iter().any(|change| change.collection == Collection::Products);
    events.iter().any(|event| event.name == EventName::SettingsUpdated && products(event))
}

/// Whether the rule of the profile `full` lets an event through (`sync.md` rules 2 and 3).
pub fn seen_by_full(name: EventName) -> bool {
    name != EventName::Rows
}

/// What the events do to one row.
#[derive(Default)]
struct Fate<'a> {
    /// How it stands in the end, if they say.
    row: Option<&'a Row>,
    /// It is in the sync set in the end; a row that is put and then gone is stored and left out.
    stays: bool,
}

/// Writes the rows as they stand in the end, each once, and returns the hash of the sync set then.
fn write_rows(transaction: &mut dyn Transaction, hash: StateHash, events: &[Event]) -> Result<StateHash, StoreError> {
    let mut hash = hash;
    let mut fates: BTreeMap<(Collection, &str), Fate<'_>> = BTreeMap::new();
    for change in events.iter().flat_map(|event| &event.changes) {
        let fate = fates.entry((change.collection, &change.id)).or_default();
        fate.stays = change.row.is_some();
        fate.row = change.row.as_ref().or(fate.row);
    }
    // What a band had ends before what it has begins: it has one live visit at a time, at every moment.
    let (over, other): (Vec<_>, Vec<_>) =
        fates.into_iter().partition(|(_, fate)| matches!(fate.row, Some(Row::Session(row)) if !row.is_live()));
    for ((collection, id), Fate { row, stays }) in over.into_iter().chain(other) {
        let stored = transaction.row(collection, id)?;
        let drifts = Plant::HashDrifts.is_planted() && collection == Collection::Sessions;
        if let Some(stored) = stored.filter(|stored| stored.in_sync && !drifts) {
            hash.remove(collection.name(), id, &stored.json).map_err(damaged)?;
        }
        if let Some(row) = row {
            let json = serde_json::to_string(row).map_err(damaged)?;
            let json = String::from_utf8(canonical(&json).map_err(damaged)?).map_err(damaged)?;
            transaction.put_row(row, &json)?;
            if stays {
                hash.add(collection.name(), id, &json).map_err(damaged)?;
            }
        }
        if !stays {
            transaction.leave_sync_set(collection, id)?;
        }
    }
    Ok(hash)
}

fn keep_versions(transaction: &mut dyn Transaction, event: &Event, seq: Seq, now: VenueTime) -> Result<(), StoreError> {
    for change in &event.changes {
        if let Some(Row::Product(product)) = &change.row {
            transaction.put_product_version(product, seq, now)?;
        }
    }
    Ok(())
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
