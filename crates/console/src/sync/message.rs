//! What the server says, read and checked before anything is done with it.
//!
//! Over the socket and over HTTP the same event has two forms; both become a [`LoggedEvent`]. Rows keep
//! their text as it came, so that fields of a newer server survive in the cache and in the state hash.

use std::sync::Arc;

use gangway_domain::{
    event::EventName,
    ids::{CommandId, Epoch, EventId, Seq},
    rows::{Change, Collection, Row},
    time::VenueTime,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};
use thiserror::Error;

use super::payload;

/// Shortest and longest heartbeat that is believed: a wild one would switch the watchdog off.
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 100..=60_000;

/// Something that is not what it should be. It changes nothing but leads to a catch-up (`sync.md` rule 6).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// One row as it stands after an event, or gone; its text as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The collection's name; may be one that this version does not know.
    pub collection: String,
    /// The row's id.
    pub id: String,
    /// The row's JSON; none: gone.
    pub row: Option<Arc<str>>,
}

/// An event of the log with the rows that it changed.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedEvent {
    /// Its place.
    pub seq: Seq,
    /// The place of the event before it that this desk may see.
    pub prev: Seq,
    /// The last place of its command's events.
    pub last: Seq,
    /// Its random id.
    pub id: EventId,
    /// The command that it comes of, if it is one of somebody's.
    pub command_id: Option<CommandId>,
    /// Its name; over HTTP it may be one that this version does not know.
    pub name: String,
    /// The documented payload.
    pub payload: Value,
    /// The rows.
    pub changes: Vec<RowChange>,
}

/// A page of the log (`GET /api/sync/events`).
#[derive(Clone, Debug)]
pub struct EventsPage {
    /// Which log.
    pub epoch: Epoch,
    /// Its last event.
    pub head: Seq,
    /// Up to where the page is complete.
    pub through: Seq,
    /// The events, whole units only.
    pub events: Vec<LoggedEvent>,
    /// The server's clock when it answered, if it says.
    pub server_time: Option<VenueTime>,
}

/// The heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncHead {
    /// Which log it claims.
    pub epoch: Epoch,
    /// Its last event.
    pub head: Seq,
    /// The unit end that the hash is of.
    pub seq: Seq,
    /// The server's clock.
    pub server_time: Option<VenueTime>,
    /// The state hash at `seq`; none: not comparable.
    pub state_hash: Option<String>,
    /// When the next one comes.
    pub interval_ms: u64,
}

/// What came over the socket.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// An event of the log.
    Event {
        /// Which log it claims.
        epoch: Epoch,
        /// The event.
        event: LoggedEvent,
    },
    /// The heartbeat.
    Head(SyncHead),
    /// Figures between events (`dashboard:stats:updated`), any subset; only to `full`.
    Stats(Value),
    /// A cart at another desk; of no use to a staff desk.
    Cart,
    /// The server asks for lent places (`sync.md` rule 21).
    Lease,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeWire {
    epoch: Epoch,
    seq: Seq,
    prev: Seq,
    last: Seq,
    id: EventId,
    #[serde(default)]
    command_id: Option<String>,
    changes: Option<Vec<ChangeWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventWire {
    seq: Seq,
    prev: Seq,
    last: Seq,
    id: EventId,
    #[serde(default)]
    command_id: Option<String>,
    name: String,
    payload: Value,
    changes: Vec<ChangeWire>,
}

#[derive(Deserialize)]
struct ChangeWire {
    collection: String,
    id: String,
    // Without `default` a missing field is an error: absent must not read as "gone".
    #[serde(deserialize_with = "row_or_gone")]
    row: Option<Box<RawValue>>,
}

fn row_or_gone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Option::<Box<RawValue>>::deserialize(deserializer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageWire {
    epoch: Epoch,
    head: Seq,
    through: Seq,
    events: Vec<EventWire>,
    #[serde(default)]
    server_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadWire {
    epoch: Epoch,
    head: Seq,
    seq: Seq,
    #[serde(default)]
    server_time: Option<String>,
    state_hash: Option<String>,
    interval_ms: u64,
}

impl Incoming {
    /// Reads what came over the socket under `name`.
    ///
    /// # Errors
    /// An unknown name, another shape than the contract's, a row that can't be read, a place that can't be.
    pub fn parse(name: &str, args: &[Value]) -> Result<Self, Malformed> {
        let first = args.first().ok_or_else(|| Malformed("no arguments".to_owned()))?;
        match name {
            "sync:head" => return Ok(Self::Head(read_head(first)?)),
            "dashboard:stats:updated" => {
                payload::check_stats(first)?;
                return Ok(Self::Stats(first.clone()));
            }
            "cart:updated" => return Ok(Self::Cart),
            "sync:lease" => return Ok(Self::Lease),
            _ => {}
        }
        let event = EventName::parse(name).ok_or_else(|| Malformed("unknown event".to_owned()))?;
        payload::check(event, first)?;
        let second = args.get(1).ok_or_else(|| Malformed("no envelope".to_owned()))?;
        let envelope = EnvelopeWire::deserialize(second).map_err(|error| Malformed(format!("envelope: {error}")))?;
        let changes = envelope.changes.ok_or_else(|| Malformed("no changes".to_owned()))?;
        let changes: Vec<RowChange> = changes.into_iter().map(RowChange::from).collect();
        for change in &changes {
            change.typed()?;
        }
        let EnvelopeWire { epoch, seq, prev, last, id, command_id, .. } = envelope;
        let (command_id, name, payload) = (command(command_id), name.to_owned(), first.clone());
        let event = LoggedEvent { seq, prev, last, id, command_id, name, payload, changes };
        event.check_place()?;
        Ok(Self::Event { epoch, event })
    }
}

impl From<ChangeWire> for RowChange {
    fn from(wire: ChangeWire) -> Self {
        let row = wire.row.map(|row| Arc::from(row.get()));
        Self { collection: wire.collection, id: wire.id, row }
    }
}

impl RowChange {
    /// The change as the domain knows it; none for a collection that this version does not know.
    ///
    /// # Errors
    /// The row is none of that collection, or another one than is named.
    pub fn typed(&self) -> Result<Option<Change>, Malformed> {
        let Some(collection) = Collection::ALL.into_iter().find(|known| known.name() == self.collection) else {
            return Ok(None);
        };
        let Some(text) = &self.row else { return Ok(Some(Change::gone(collection, &self.id))) };
        let row = Row::from_json(collection, text)
            .map_err(|error| Malformed(format!("{} {}: {error}", self.collection, self.id)))?;
        if row.id() != self.id {
            return Err(Malformed(format!("{} {}: another row than is named", self.collection, self.id)));
        }
        Ok(Some(Change::put(row)))
    }
}

impl LoggedEvent {
    /// The event, if this version knows it.
    pub fn known(&self) -> Option<EventName> {
        EventName::parse(&self.name)
    }

    fn check_place(&self) -> Result<(), Malformed> {
        if self.prev < self.seq && self.seq <= self.last {
            Ok(())
        } else {
            Err(Malformed(format!("place: prev {}, seq {}, last {}", self.prev, self.seq, self.last)))
        }
    }
}

/// An id that is none is none of this desk's commands.
fn command(id: Option<String>) -> Option<CommandId> {
    id.and_then(|id| id.parse().ok())
}

fn read_head(value: &Value) -> Result<SyncHead, Malformed> {
    let wire = HeadWire::deserialize(value).map_err(|error| Malformed(format!("head: {error}")))?;
    if !INTERVAL_MS.contains(&wire.interval_ms) {
        return Err(Malformed(format!("head: an interval of {} ms", wire.interval_ms)));
    }
    Ok(SyncHead {
        epoch: wire.epoch,
        head: wire.head,
        seq: wire.seq,
        server_time: wire.server_time.and_then(|text| VenueTime::from_iso(&text).ok()),
        state_hash: wire.state_hash,
        interval_ms: wire.interval_ms,
    })
}

impl EventsPage {
    /// Reads a page of the log. Its rows are truth and kept even where this version can't read them.
    ///
    /// # Errors
    /// Another shape than the contract's, or places that are in no order.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let wire: PageWire = serde_json::from_str(text).map_err(|error| Malformed(format!("page: {error}")))?;
        let mut events = Vec::with_capacity(wire.events.len());
        let mut before = 0;
        for event in wire.events {
            let EventWire { seq, prev, last, id, command_id, name, payload, changes } = event;
            let command_id = command(command_id);
            let changes = changes.into_iter().map(RowChange::from).collect();
            let event = LoggedEvent { seq, prev, last, id, command_id, name, payload, changes };
            event.check_place()?;
            if seq <= before || seq > wire.through {
                return Err(Malformed(format!("page: seq {seq} after {before}, through {}", wire.through)));
            }
            before = seq;
            events.push(event);
        }
        let server_time = wire.server_time.and_then(|text| VenueTime::from_iso(&text).ok());
        Ok(Self { epoch: wire.epoch, head: wire.head, through: wire.through, events, server_time })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Value {
        json!({ "id": "p", "name": "One hour", "description": null, "priceMinor": 1250, "category": "time",
            "required": false, "timeValueMs": 3_600_000, "isDeleted": false, "createdAt": 1, "updatedAt": 2,
            "colour": "blue" })
    }

    fn rows_event(change: Value) -> Result<Incoming, Malformed> {
        let meta = json!({ "epoch": "e", "seq": 8, "prev": 7, "last": 8, "id": "x", "changes": [change] });
        Incoming::parse("sync:rows", &[json!({}), meta])
    }

    #[test]
    fn a_row_keeps_what_this_version_does_not_know() {
        let change = json!({ "collection": "products", "id": "p", "row": row() });
        let Ok(Incoming::Event { event, .. }) = rows_event(change) else { panic!("an event") };
        let kept: Value = serde_json::from_str(event.changes[0].row.as_deref().expect("a row")).expect("JSON");
        assert_eq!(kept, row());
        assert!(event.changes[0].typed().expect("readable").is_some());
    }

    #[test]
    fn an_unknown_collection_is_kept_and_shown_nowhere() {
        let change = json!({ "collection": "leases", "id": "l", "row": { "any": 1 } });
        let Ok(Incoming::Event { event, .. }) = rows_event(change) else { panic!("an event") };
        assert_eq!(event.changes[0].typed(), Ok(None));
    }

    #[test]
    fn a_row_that_is_gone_says_so_and_a_missing_row_is_no_row_that_is_gone() {
        let gone = rows_event(json!({ "collection": "products", "id": "p", "row": null }));
        let Ok(Incoming::Event { event, .. }) = gone else { panic!("an event") };
        assert_eq!(event.changes[0].row, None);
        assert!(rows_event(json!({ "collection": "products", "id": "p" })).is_err());
    }

    #[test]
    fn a_page_keeps_the_bytes_of_its_rows() {
        let text = r#"{"epoch":"e","head":1,"through":1,"events":[{"seq":1,"prev":0,"last":1,"id":"x","name":"new:thing",
            "payload":{},"changes":[{"collection":"x","id":"y","row":{"b": 1.0,  "a":2}}]}]}"#;
        let page = EventsPage::parse(text).expect("a page");
        assert_eq!(page.events[0].changes[0].row.as_deref(), Some(r#"{"b": 1.0,  "a":2}"#));
        assert_eq!(page.events[0].known(), None, "over HTTP a newer server's event is taken for its rows");
    }

    #[test]
    fn a_page_out_of_order_is_refused() {
        let page = |first: u64, second: u64, through: u64| {
            let event = |seq: u64| {
                json!({ "seq": seq, "prev": seq - 1, "last": seq, "id": "x", "name": "sync:rows", "payload": {},
                    "changes": [] })
            };
            let page = json!({ "epoch": "e", "head": 9, "through": through, "events": [event(first), event(second)] });
            EventsPage::parse(&page.to_string())
        };
        assert!(page(2, 3, 3).is_ok());
        assert!(page(3, 2, 3).is_err());
        assert!(page(2, 2, 3).is_err());
        assert!(page(2, 4, 3).is_err(), "past what it says it is complete to");
        assert!(EventsPage::parse("<html>").is_err());
    }
}
