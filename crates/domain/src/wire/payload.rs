//! The payload of each event, lean (stored in the log, sent to our consoles) and full (what the
//! specification documents, for stock clients): `contract.md`, Socket.IO.

use serde_json::{Map, Value, json};

use crate::{
    event::{Event, EventName, Subject},
    rows::SessionRow,
    time::VenueTime,
    venue::Venue,
    wire::{player_session::PlayerSession, product::Product, settings::SystemSettings, transaction::Transaction},
};

/// The lean payload of `event`, from the rows as they stand in `venue` after the whole command.
pub fn lean(event: &Event, venue: &Venue, now: VenueTime) -> Value {
    let currency = venue.settings().currency();
    let session = |row: Option<&SessionRow>| row.map(|row| PlayerSession::at(row, now));
    match (event.name, &event.subject) {
        (EventName::ProductDeleted, Subject::Product(id)) => json!({ "productId": id }),
        (_, Subject::Product(id)) => json!({ "product": venue.product(id).map(|row| Product::of(row, currency)) }),
        (_, Subject::Session(id)) => json!({ "playerSession": session(venue.session(id)) }),
        (name, Subject::Transaction(id)) => {
            let row = venue.transaction(id);
            let transaction = row.map(|row| Transaction::of(row, currency));
            if name == EventName::TransactionCreated {
                let sold_to = row.and_then(|row| venue.session(&row.session_id));
                json!({ "transaction": transaction, "playerSession": session(sold_to) })
            } else {
                json!({ "transaction": transaction })
            }
        }
        (EventName::SettingsUpdated, Subject::Venue) => json!({ "settings": SystemSettings::of(venue.settings()) }),
        (EventName::CapacityChanged, Subject::Venue) => {
            json!({ "maxOccupancy": venue.settings().max_occupancy, "currentOccupancy": venue.playing() })
        }
        (_, Subject::Venue) => json!({}),
    }
}

/// What `full` adds to a lean payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extras {
    /// The list of live sessions.
    pub active_sessions: bool,
    /// All figures of the dashboard.
    pub dashboard_stats: bool,
}

/// Which extras the contract documents for an event.
pub fn extras(name: EventName) -> Extras {
    let (active_sessions, dashboard_stats) = match name {
        EventName::SessionCreated | EventName::SessionPlay | EventName::SessionPause => (true, false),
        EventName::SessionEnded => (true, true),
        EventName::TransactionCreated
        | EventName::TransactionUpdated
        | EventName::SessionUpdated
        | EventName::CapacityChanged => (false, true),
        EventName::ProductCreated
        | EventName::ProductUpdated
        | EventName::ProductDeleted
        | EventName::SettingsUpdated
        | EventName::Rows => (false, false),
    };
    Extras { active_sessions, dashboard_stats }
}

/// The full payload: the lean one with the extras of its event, from the venue at some seq at or after
/// the event's own (`sync.md` rule 7).
pub fn full(name: EventName, lean: &Value, venue: &Venue, now: VenueTime) -> Value {
    let mut payload: Map<String, Value> = lean.as_object().cloned().unwrap_or_default();
    let wanted = extras(name);
    if wanted.active_sessions {
        payload.insert("activeSessions".to_owned(), json!(active_sessions(venue, now)));
    }
    if wanted.dashboard_stats {
        payload.insert("dashboardStats".to_owned(), json!(venue.dashboard_stats(now)));
    }
    Value::Object(payload)
}

/// Every live session with credit left or playing, oldest first.
pub fn active_sessions(venue: &Venue, now: VenueTime) -> Vec<PlayerSession> {
    venue.listed_sessions().into_iter().map(|row| PlayerSession::at(row, now)).collect()
}
