//! What goes over the socket: an event's packet for each room.

use gangway_domain::{
    ids::Epoch,
    time::VenueTime,
    venue::Venue,
    wire::payload::{self, Extras},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::mirror::{Place, is_heard};
use crate::{
    access::table::{self, Hears},
    realtime::Profile,
    store::{LoggedEvent, StoreError},
};

/// One event for one room, written once however many sockets get it.
#[derive(Debug)]
pub struct Packet {
    /// The event's name.
    pub name: &'static str,
    /// Who gets it.
    pub room: Profile,
    /// Its place in the log; none where it is not logged.
    pub seq: Option<u64>,
    /// The first argument.
    pub payload: Box<RawValue>,
    /// The second argument, if there is one.
    pub meta: Option<Box<RawValue>>,
    /// When it was committed, if it was.
    pub committed_at: Option<VenueTime>,
    /// Where a client stands that has it, where a command ends with it.
    pub place: Option<Place>,
}

impl Packet {
    /// Its length on the wire, but for a few bytes of framing.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.payload.get().len() + self.meta.as_ref().map_or(0, |meta| meta.get().len())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    epoch: &'a Epoch,
    seq: u64,
    prev: u64,
    last: u64,
    id: &'a str,
    emitted_at: String,
    command_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a RawValue>,
}

/// Makes the packets of events, with the extras of `full` from one state of the venue.
pub struct Packets<'a> {
    epoch: &'a Epoch,
    active_sessions: Option<String>,
    dashboard_stats: Option<String>,
}

impl<'a> Packets<'a> {
    /// For `events`, which `venue` has: what of the extras they need is written once (`sync.md` rule 7).
    ///
    /// # Errors
    /// The state can't be written as JSON.
    pub fn new(epoch: &'a Epoch, events: &[LoggedEvent], venue: &Venue, now: VenueTime) -> Result<Self, StoreError> {
        let wanted = |of: fn(Extras) -> bool| events.iter().any(|event| of(payload::extras(event.name)));
        let active = wanted(|extras| extras.active_sessions).then(|| to_json(&payload::active_sessions(venue, now)));
        let stats = wanted(|extras| extras.dashboard_stats).then(|| to_json(&venue.dashboard_stats(now)));
        Ok(Self { epoch, active_sessions: active.transpose()?, dashboard_stats: stats.transpose()? })
    }

    /// The packet of `event` for `room`, if its rule lets the event through. `before` and `place`: where the log stands
    /// before the event and with it.
    ///
    /// # Errors
    /// What is logged is no JSON.
    pub fn of(
        &self,
        event: &LoggedEvent,
        room: Profile,
        (before, place): (&Place, &Place),
    ) -> Result<Option<Packet>, StoreError> {
        if !is_heard(room, event.name) {
            return Ok(None);
        }
        let changes = raw(event.changes.clone())?;
        let (payload, prev, changes) = match room {
            Profile::Full => (self.full(event, Hears::Whole)?, event.prev_full, None),
            Profile::Lean => (raw(event.payload.clone())?, event.seq.saturating_sub(1), Some(changes.as_ref())),
            Profile::Kiosk | Profile::Display => {
                (self.full(event, table::hears(room, event.name.as_str()))?, before.last(room), None)
            }
        };
        let meta = Meta {
            epoch: self.epoch,
            seq: event.seq,
            prev,
            last: event.last,
            id: event.id.as_str(),
            emitted_at: event.emitted_at.to_iso(),
            command_id: event.command_id.map(|id| id.to_string()),
            changes,
        };
        Ok(Some(Packet {
            name: event.name.as_str(),
            room,
            seq: Some(event.seq),
            payload,
            meta: Some(raw(to_json(&meta)?)?),
            committed_at: Some(event.emitted_at),
            // What the narrow rooms were sent says nothing of the others.
            place: (event.seq == event.last && Profile::ALL.contains(&room)).then(|| place.clone()),
        }))
    }

    /// The lean payload with what the contract documents for `full`.
    fn full(&self, event: &LoggedEvent, hears: Hears) -> Result<Box<RawValue>, StoreError> {
        let Extras { active_sessions, dashboard_stats } = payload::extras(event.name);
        let lean = event.payload.trim_end();
        let mut text = lean.strip_suffix('}').unwrap_or(lean).to_owned();
        let mut add = |name: &str, value: &str| {
            if !text.ends_with('{') {
                text.push(',');
            }
            text.push_str(&format!("\"{name}\":"));
            text.push_str(value);
        };
        if let Some(list) = self.active_sessions.as_ref().filter(|_| active_sessions) {
            add("activeSessions", list);
        }
        if let Some(stats) = self.dashboard_stats.as_ref().filter(|_| dashboard_stats && hears == Hears::Whole) {
            add("dashboardStats", stats);
        }
        text.push('}');
        raw(text)
    }
}

/// `value` as JSON text.
///
/// # Errors
/// It can't be written.
pub fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// JSON text that is passed on as it is.
///
/// # Errors
/// It is no JSON.
pub fn raw(json: String) -> Result<Box<RawValue>, StoreError> {
    RawValue::from_string(json).map_err(|error| StoreError::Damaged(error.to_string()))
}
